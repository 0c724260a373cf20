"""Lines and loops of Python: they read as if written by hand, and agree with the engine."""

import numpy as np
import pytest

import autograd
from autograd import Value, compile
from autograd.value import constant

LENGTH = 70


def agrees(f, leaves, x):
    """The program of f for numbers and for samples, after comparing both with the engine."""
    single = compile(f)
    for program, rows in ((single, x[:1]), (compile(f, in_axes=0, reduce="sum"), x)):
        given = x if program is not single else x[0]
        value, found = program.value_and_grad(given)
        total = 0.0
        for leaf in leaves:
            leaf.zero_grad()
        for row in rows:
            result = f(list(map(constant, row)))
            result.backward()
            total += result.data
        assert value == pytest.approx(total, rel=1e-11)
        assert np.sum(program(given)) == pytest.approx(total, rel=1e-11)
        expected = {leaf.label: leaf.grad for leaf in leaves}
        assert {name: float(each) for name, each in found.items()} == pytest.approx(
            expected, rel=1e-10, abs=1e-11
        )
    return single


def parameters(*labels):
    return [Value(0.9 - 0.3 * i, label=label) for i, label in enumerate(labels)]


def samples():
    return np.random.default_rng(0).normal(size=(3, LENGTH))


def test_a_recurrence_is_written_as_by_hand():
    w, u, b = leaves = parameters("w", "u", "b")

    def f(x):
        s = 0.0 * b
        for each in x:
            s = autograd.tanh(w * s + u * each + b)
        return s

    program = agrees(f, leaves, samples())
    loop, back = program.source.split("# backwards")
    assert len(loop.splitlines()) <= 14
    assert " * v" in loop
    assert " * i" in loop
    assert back.count(" += ") == 3
    assert len(back.splitlines()) <= 12


def test_a_parameter_that_only_the_first_step_takes_has_its_gradient():
    (w,) = leaves = parameters("w")

    def f(x):
        s, total = 0.5 * w, 0.0
        for each in x:
            total = autograd.sin(autograd.sin(s * w))
            s = autograd.tanh(autograd.tanh(each))
        first = autograd.sin(autograd.sin(0.5 * w * w))
        return total * w + first

    agrees(f, leaves, samples())


def test_loops_over_loops_with_steps_looked_at_from_outside():
    w, u, b = leaves = parameters("w", "u", "b")

    def f(x):
        first, second = [w * 0.1], [b * 0.2]
        for each in x:
            first.append(autograd.tanh(w * first[-1] + autograd.sin(u * each)))
        for each in first[1:]:
            second.append(autograd.tanh(b * second[-1] - each * w))
        return second[-1] * u + first[-1] * w + first[7] * b + autograd.sum(second[1:])

    assert agrees(f, leaves, samples()).stats["loops"] == 2


def test_two_numbers_that_take_over_from_each_other():
    w, u = leaves = parameters("w", "u")

    def f(x):
        s, t = w * 0.3, u * 0.2
        for each in x:
            s, t = autograd.sin(t * w + each), autograd.relu(s - u * t)
        return s * t

    agrees(f, leaves, samples())


def test_what_is_computed_twice_is_computed_once():
    a, b = leaves = parameters("a", "b")

    def f(x):
        return (a + b) * (b + a) + autograd.relu(a - b) ** 3 + x[0] / 2.0

    program = agrees(f, leaves, samples())
    assert program.source.count("p0 + p1") == 1
    assert "power" not in program.source


def test_a_zero_slope_of_an_infinite_adjoint_is_as_in_the_engine():
    a, b, c = Value(1e200, label="a"), Value(1e200, label="b"), Value(-1.0, label="c")
    _, found = compile(lambda: a * (b * autograd.relu(c))).value_and_grad()
    (a * (b * autograd.relu(c))).backward()
    np.testing.assert_array_equal(found["c"], c.grad)
