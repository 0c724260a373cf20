"""The checker is checked: it passes what is right, and names what is wrong."""

import dataclasses
import inspect
import math
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import (
    TABLE,
    GradcheckError,
    Op,
    Value,
    custom_op,
    detect_anomaly,
    grad,
    gradcheck,
    jvp,
    no_grad,
)

inf = math.inf
reproducible = settings(derandomize=True, deadline=None, max_examples=40, database=None)
ORDERS = pytest.mark.parametrize("order", [1, 2])

# -- what is right passes --------------------------------------------------------------------


@ORDERS
@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda x: x**3 - 2.0 * x, (1.5,)),
        (lambda x, y: x * y + ag.exp(x / y), (0.5, 2.0)),
        (lambda x: ag.sum(x * x * x), (np.array([1.0, -2.0, 0.5]),)),
        (lambda x: np.tanh(x), (np.array([[0.1, -0.2], [0.3, 0.4]]),)),
        (lambda p: ag.dot(p["w"], p["w"]) * p["b"], ({"w": np.array([1.0, 2.0]), "b": 3.0},)),
        (lambda p: [p[0] * p[1][0], (p[1][1],)], ([1.0, (2.0, 3.0)],)),
        (lambda x, y: (x * y, {"s": x + y, "d": x / y}), (1.2, 0.7)),
        (lambda x: 5.0, (1.0,)),
        (lambda x: x, (1.0,)),
        (lambda x, y: x * 2.0, (1.0, 2.0)),
        (lambda: 3.0, ()),
        (lambda x: [], (1.0,)),
        (lambda x: 1.0, (np.zeros(0),)),
        (lambda n: n * n, (3,)),
        (lambda x: x * x, (Value(3.0),)),
        (lambda x: x[0] * x[1], (np.array([Value(3.0), Value(2.0)], dtype=object),)),
        (lambda A: A @ A.T, (np.arange(4.0).reshape(2, 2),)),
    ],
)
def test_right_functions_pass(f, args, order):
    assert gradcheck(f, *args, order=order) is True


KINKS = {
    "relu at 0": (ag.relu, (0.0,)),
    "|x| at 0": (abs, (0.0,)),
    "maximum at a tie": (ag.maximum, (1.0, 1.0)),
    "minimum at a tie": (ag.minimum, (-2.0, -2.0)),
    "maximum of x and x": (lambda x: ag.maximum(x, x), (2.0,)),
    "a tie of three": (lambda x, y, z: ag.maximum(ag.maximum(x, y), z), (1.0, 1.0, 1.0)),
    "hinge": (lambda x: ag.relu(1.0 - x), (1.0,)),
    "relu of relu": (lambda x: ag.relu(ag.relu(x)) + x, (0.0,)),
    "relu beside a smooth part": (lambda x: ag.relu(x - 0.3) + ag.exp(x), (0.3,)),
    "relu just beside its kink": (ag.relu, (1e-3,)),
    "relu very close to its kink": (ag.relu, (-1e-9,)),
    "floor at a jump": (lambda x: x // 1.0, (2.0,)),
    "floor between jumps": (lambda x: x // 1.0, (2.4,)),
    "floor close to a jump": (lambda x: x // 1.0, (2.0 + 1e-9,)),
    "sign at its jump": (ag.sign, (0.0,)),
    "remainder at a jump": (lambda x: x % 2.0, (4.0,)),
    "remainder": (lambda x: x % 2.0, (4.7,)),
    "where at its edge": (lambda x: ag.where(x > 0.0, x * x, -x), (0.0,)),
    "sqrt at 0": (ag.sqrt, (0.0,)),
    "log at 0": (ag.log, (0.0,)),
    "power 1/3 at 0": (lambda x: x ** (1.0 / 3.0), (0.0,)),
    "power 1/2 at 0": (lambda x: x**0.5, (0.0,)),
    "power 3/2 at 0": (lambda x: x**1.5, (0.0,)),
    "power 5/2 at 0": (lambda x: x**2.5, (0.0,)),
    "power 0 at 0": (lambda x: x**0.0, (0.0,)),
    "power 1 at 0": (lambda x: x**1.0, (0.0,)),
    "power 2 at 0": (lambda x: x**2.0, (0.0,)),
    "reciprocal at 0": (lambda x: 1.0 / x, (0.0,)),
    "sqrt next to its end": (ag.sqrt, (1e-3,)),
    "sqrt(1 - x²) near its end": (lambda x: ag.sqrt(1.0 - x * x), (0.999,)),
    "0 sqrt(x)": (lambda x: 0.0 * ag.sqrt(x) + x, (0.0,)),
    "untaken log": (lambda x: ag.where(x > 0.0, ag.log(x), x), (-1.0,)),
}


@ORDERS
@pytest.mark.parametrize("name", KINKS)
def test_kinks_jumps_and_infinite_slopes_pass(name, order):
    f, args = KINKS[name]
    assert gradcheck(f, *args, order=order)


@ORDERS
@pytest.mark.parametrize("size", [1e-8, 1e-4, 1e-2, 1e2, 1e4, 1e8])
def test_tiny_and_huge_arguments_pass(size, order):
    for f in (
        lambda x: x * x,
        lambda x: x**3,
        lambda x: ag.exp(-x / size),
        lambda x: ag.log(x),
        lambda x: ag.sqrt(x),
        lambda x: 1.0 / x,
        lambda x: ag.tanh(x / size - 1.1),
        lambda x: x / (1.0 + x),
        lambda x: ag.softplus(x),
        lambda x: ag.logsumexp([x, 1.0]),
        lambda x: ag.dot([x, 2.0], [x, x]),
        lambda x: abs(x),
    ):
        for sign in (1.0, -1.0):
            assert gradcheck(lambda x, f=f, s=sign: s * f(s * x), sign * size, order=order)


@ORDERS
@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda x, y: x + y, (1e8, 1e-8)),
        (lambda x, y: x * y, (1e8, 1e-8)),
        (lambda x, y: ag.sqrt(x * x + y * y), (1e-8, 1.0)),
        (lambda x, y: ag.logsumexp([x, y]), (1e3, 1.0)),
        (lambda x: ag.dot(x, x), (np.array([1e-8, 1e8, 1.0]),)),
    ],
)
def test_arguments_of_very_different_size_pass(f, args, order):
    assert gradcheck(f, *args, order=order)


@ORDERS
@pytest.mark.parametrize("x", [0.3, 1.0, -2.5])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1e10 + x,
        lambda x: 1e10 + ag.exp(x),
        lambda x: 1e10 * x,
        lambda x: 1e10 * ag.exp(x),
        lambda x: 1e-10 * ag.exp(x),
        lambda x: (x + 1e5) ** 2,
        lambda x: [x * x, 1e10 * ag.tanh(x)],
    ],
)
def test_functions_with_huge_or_tiny_values_pass(f, x, order):
    """Where rounding hides the digits that would tell, nothing is said to be wrong."""
    assert gradcheck(f, x, order=order)


@ORDERS
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: ag.tanh(100.0 * (x - 3.0)), 3.001),
        (lambda x: ag.tanh(1e4 * (x - 3.0)), 3.00001),
        (lambda x: ag.tanh(x - 1000.0), 1000.3),
        (lambda x: ag.tanh(x - 1e6), 1e6 + 0.3),
        (lambda x: ag.sigmoid((x - 1e8) / 10.0), 1e8 + 3.0),
        (lambda x: ag.exp(-((1000.0 * x) ** 2)), 1e-4),
    ],
)
def test_functions_that_change_on_a_small_scale_pass(f, x, order):
    assert gradcheck(f, x, order=order)


@ORDERS
def test_every_row_of_the_table_passes_where_it_is_smooth(order):
    rng = np.random.default_rng(0)
    for row in TABLE.values():
        if row.arity is None:
            n = 3
            args = [list(rng.uniform(*interval, n)) for interval in row.domain]
            if row.name == "affine":
                args[2] = args[2][:1]
        else:
            args = [rng.uniform(*interval) for interval in row.domain]
        assert gradcheck(row, *args, order=order), row


@ORDERS
def test_every_kink_of_the_table_passes_or_is_of_no_number(order):
    """At the points of the table's conventions that are finite."""
    for row in TABLE.values():
        for kink in row.kinks:
            finite = all(map(math.isfinite, (*kink.at, kink.value)))
            if not finite or row.arity is None or any(map(math.isnan, kink.partials)):
                continue
            singular = row.name in ("power", "arctan2") and kink.at[0] == 0.0
            if order == 2 and (singular or any(map(math.isinf, kink.partials))):
                continue  # second derivatives that jump to or from infinity
            assert gradcheck(row, *kink.at, order=order), (row, kink)


def test_a_model_passes_at_both_orders():
    model = nn.MLP(2, [3, 2], activation="tanh", rng=0)
    assert gradcheck(lambda x: model(list(x)), np.array([0.3, -0.6]), order=2)
    model = nn.MLP(2, [3, 1], activation="relu", rng=1)
    assert gradcheck(lambda x: model(list(x)), np.array([0.3, -0.6]), order=2)


def test_functions_that_use_transforms_pass():
    assert gradcheck(grad(lambda x: x**4), 1.5, order=2)
    assert gradcheck(lambda x: jvp(ag.exp, (x,), (x,))[1], 0.5, order=2)


def test_what_holds_around_the_check_does_not_disturb_it():
    with no_grad():
        assert gradcheck(lambda x: x**3, 1.5, order=2)
    checked = []

    def f(x):
        checked.append(gradcheck(lambda y: y * float(x), 2.0))
        return x * x

    assert grad(f)(3.0) == 6.0
    assert checked == [True]


def test_steps_out_of_the_domain_are_no_anomalies():
    with detect_anomaly():
        assert gradcheck(ag.sqrt, 0.05)
        assert gradcheck(ag.log, 0.01, order=2)


def test_the_grad_of_no_leaf_is_touched():
    w = Value(2.0)
    x = Value(3.0)
    w.grad, x.grad = 5.0, 6.0
    assert gradcheck(lambda x: x * w, x, order=2)
    assert (w.grad, x.grad) == (5.0, 6.0)
    assert (w.data, x.data) == (2.0, 3.0)


# Right functions: a random expression over the smooth rows and some kinks.
UNARY = ["tanh", "sigmoid", "softplus", "relu", "absolute", "square", "negative", "sinh", "cosh"]
BINARY = ["add", "subtract", "multiply", "maximum", "minimum"]
step = st.tuples(st.sampled_from(UNARY + BINARY), st.integers(0, 5), st.integers(0, 5))


@reproducible
@given(
    steps=st.lists(step, min_size=1, max_size=6),
    x=st.tuples(*[st.one_of(st.floats(-2.0, 2.0), st.sampled_from([0.0, 1.0]))] * 2),
)
def test_random_right_expressions_pass(steps, x):
    def f(a, b):
        nodes = [a, b]
        for name, i, j in steps:
            row = TABLE[name]
            nodes.append(row(*(ag.tanh(nodes[-1 - k % len(nodes)]) for k in (i, j)[: row.arity])))
        return nodes[-1] + 0.5 * a * b

    assert gradcheck(f, *x)
    assert gradcheck(f, *x, order=2)


# -- what is wrong does not ------------------------------------------------------------------


def wrong(name, value, *partials, **options):
    return custom_op(name, value, partials, **options)


FLAWS = {
    "wrong sign": wrong("wrong_sign", lambda x: x**3, lambda y, x: -3.0 * x**2),
    "wrong factor": wrong("wrong_factor", lambda x: x**3, lambda y, x: 2.0 * x**2),
    "missing term": wrong("missing_term", lambda x: x**3 + x, lambda y, x: 3.0 * x**2),
    "partial of another function": wrong("another", math.tanh, lambda y, x: 1.0 - y),
    "zero": wrong("zero", lambda x: x**3, lambda y, x: 0.0),
    "infinite": wrong("infinite", lambda x: x**3, lambda y, x: inf),
    "nan": wrong("not_a_number", lambda x: x**3, lambda y, x: math.nan),
    "one part in 10⁴": wrong("slightly", math.exp, lambda y, x: y * 1.0001),
    "one part in 10⁵": wrong("barely", math.exp, lambda y, x: y * 1.00001),
    "an offset of 1e-4": wrong("offset", math.exp, lambda y, x: y + 1e-4),
}


@ORDERS
@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize("x", [0.7, -1.3])
def test_a_wrong_rule_is_found_and_named(flaw, x, order):
    op = FLAWS[flaw]
    for f in (op, lambda x: ag.exp(op(x * 2.0)) * x, lambda x: [x, x * op(x)]):
        with pytest.raises(GradcheckError, match=rf"at fault is <op {op.name}>") as info:
            gradcheck(f, x, order=order)
        assert "the derivative is wrong" in str(info.value)


SECOND_ORDER = {
    "detached": wrong(
        "detached", lambda x: x**3, lambda y, x: 3.0 * getattr(x, "data", x) ** 2),
    "half detached": wrong(
        "half_detached", lambda x: x**3, lambda y, x: 3.0 * x * getattr(x, "data", x)),
    "other rule for Values": wrong(
        "other_rule", lambda x: x**3,
        lambda y, x: 3.0 * x**2 if isinstance(x, float) else 3.0 * abs(x) ** 1.5),
    "scaled for Values": wrong(
        "scaled", lambda x: x**3,
        lambda y, x: 3.0 * x**2 if isinstance(x, float) else 3.0003 * x**2),
    "output as a constant": wrong(
        "constant_output", math.exp, lambda y, x: getattr(y, "data", y)),
}  # fmt: skip


@pytest.mark.parametrize("flaw", SECOND_ORDER)
@pytest.mark.parametrize("x", [0.7, 1.3])
def test_a_rule_that_is_wrong_only_when_read_with_values_is_found_at_order_two(flaw, x):
    op = SECOND_ORDER[flaw]
    for f in (op, lambda x: ag.exp(op(x)) * x):
        assert gradcheck(f, x)
        with pytest.raises(GradcheckError, match=rf"at fault is <op {op.name}>") as info:
            gradcheck(f, x, order=2)
        assert "the second derivative is wrong" in str(info.value)


def test_a_rule_that_is_wrong_for_one_argument_names_that_argument():
    op = wrong("weigh", lambda a, b: a * b**2, lambda y, a, b: b**2, lambda y, a, b: a * b)
    assert gradcheck(lambda a: op(a, 3.0), 2.0, order=2)
    with pytest.raises(GradcheckError, match="output 0 by argument 1") as info:
        gradcheck(op, 2.0, 3.0)
    assert "its partial with respect to argument 1 is 6 at (2.0, 3.0)" in str(info.value)
    assert "finite differences give 12" in str(info.value) or "11.99999" in str(info.value)


def test_partials_in_the_wrong_order_are_found():
    op = wrong("swapped", lambda a, b: a - b, lambda y, a, b: -1.0, lambda y, a, b: 1.0)
    with pytest.raises(GradcheckError, match="at fault is <op swapped>"):
        gradcheck(op, 2.0, 3.0)
    op = wrong("crossed", lambda a, b: a / b, lambda y, a, b: -y / b, lambda y, a, b: 1.0 / b)
    with pytest.raises(GradcheckError, match="at fault is <op crossed>"):
        gradcheck(op, 2.0, 3.0)
    third = wrong(
        "third", lambda a, b, c: a * b + c,
        lambda y, a, b, c: b, lambda y, a, b, c: a, lambda y, a, b, c: 1.5)  # fmt: skip
    assert gradcheck(lambda a, b: third(a, b, 1.0), 2.0, 3.0, order=2)
    with pytest.raises(GradcheckError, match="output 0 by argument 2"):
        gradcheck(third, 2.0, 3.0, 1.0)


def test_a_wrong_rule_of_sequences_is_found():
    from autograd.ops import SequenceOp

    op = SequenceOp(
        "meansquare", "?", lambda x: sum(each * each for each in x) / len(x), None,
        lambda y, x: ([2.0 * each for each in x],),
        latex="", domain=((-1.0, 1.0),), kinks=(), doc="Σ xᵢ² / n, wrongly.")  # fmt: skip
    with pytest.raises(GradcheckError, match=r"argument 0, number 0(.|\n)*at fault is <op means"):
        gradcheck(op, np.array([1.0, 2.0]))


def test_an_op_that_is_applied_element_by_element_is_found_too():
    op = wrong("each", lambda x: x * x, lambda y, x: x, array=np.square)
    with pytest.raises(GradcheckError, match="at fault is <op each>"):
        gradcheck(lambda x: op(x), np.array([1.0, 2.0]))


CHANGES = {
    "negated": lambda partial: -partial,
    "scaled": lambda partial: 1.0001 * partial,
    "shifted": lambda partial: partial + 1e-3,
    "left out": lambda partial: 0.0 * partial,
}


def changed(row, argument, change):
    """The row with its partial by one argument, or sequence, changed."""
    if row.arity is None:

        def every(y, *args):
            groups = row.every(y, *args)
            return [
                [change(each) for each in group] if i == argument else group
                for i, group in enumerate(groups)
            ]

        return dataclasses.replace(row, partials=every)
    rules = list(row.partials)
    rules[argument] = lambda y, *args: change(row.partials[argument](y, *args))
    return dataclasses.replace(row, partials=tuple(rules))


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_to_any_rule_of_the_table_is_found(change):
    rng = np.random.default_rng(1)
    for row in TABLE.values():
        args = [rng.uniform(*interval) for interval in row.domain]
        if row.arity is None:
            args = [[each, 0.9 * each][: 1 if i == 2 else 2] for i, each in enumerate(args)]
        for argument in range(len(row.domain)):
            rule = changed(row, argument, CHANGES[change])
            y = float(row(*args))
            if row.slopes(y, args) != rule.slopes(
                y, args
            ):  # a partial that is 0 there can only be shifted
                assert not gradcheck(rule, *args, raise_exception=False), (row, argument)


def test_a_wrong_rule_of_a_single_element_is_found_among_right_ones():
    op = wrong("once", lambda x: x * x, lambda y, x: 2.0 * x if x != 3.0 else 0.0)
    with pytest.raises(GradcheckError, match="output 2 by argument 0, number 2") as info:
        gradcheck(lambda x: np.array([op(each) for each in x]), np.arange(1.0, 6.0))
    assert "(3.0,)" in str(info.value)


def test_the_name_of_the_leaf_counts_through_structures():
    op = FLAWS["wrong factor"]
    with pytest.raises(GradcheckError, match="output 1 by argument 1, number 3"):
        gradcheck(lambda a, p: [a, op(p["z"][2])], 1.0, {"k": 2.0, "z": np.ones(4)})


def test_the_message_aligns_the_numbers_and_tells_the_source_line():
    op = FLAWS["wrong factor"]

    def f(x):
        y = x * 2.0
        z = op(y)  # here it goes wrong
        return z + y

    _, first = inspect.getsourcelines(f)
    with pytest.raises(GradcheckError) as info:
        gradcheck(f, 1.0)
    lines = str(info.value).splitlines()
    assert lines[0] == "the derivative is wrong: output 0 by argument 0"
    labels = ["reverse mode", "forward mode", "finite differences", "tolerance"]
    assert [line.strip().rsplit("  ", 1)[0].strip() for line in lines[1:5]] == labels
    assert lines[1].split()[-1] == "18"
    assert lines[2].split()[-1] == "18"
    assert float(lines[3].split()[2]) == pytest.approx(26.0)
    assert f"{__file__}:{first + 2}: z = op(y)  # here it goes wrong" in lines[-1]
    assert "Value(data=8.0" in lines[-1]


def message(*args, **options):
    """What gradcheck says, without the line that made the node and the estimate of the error."""
    with pytest.raises(GradcheckError) as info:
        gradcheck(*args, **options)
    text = re.sub(r", made at .*", "", str(info.value))
    return re.sub(r" ± .*", " ± error", text)


def test_the_message_of_a_wrong_partial():
    weigh = wrong("weigh", lambda a, b: a * b**2, lambda y, a, b: b**2, lambda y, a, b: a * b)
    assert message(weigh, 2.0, [3.0]) == (
        "the derivative is wrong: output 0 by argument 1\n"
        "  reverse mode        6\n"
        "  forward mode        6\n"
        "  finite differences  12 ± error\n"
        "  tolerance           9.0e-06\n"
        "at fault is <op weigh>: its partial with respect to argument 1 is 6 at (2.0, 3.0), "
        "but finite differences give 12\n"
        "  in Value(data=18.0, grad=0.0)"
    )


def test_the_message_of_a_wrong_second_derivative():
    assert message(SECOND_ORDER["detached"], 2.0, order=2) == (
        "the second derivative is wrong: output 0 by argument 0\n"
        "  reverse mode        0\n"
        "  forward mode        0\n"
        "  finite differences  12 ± error\n"
        "  tolerance           1.0e-09\n"
        "at fault is <op detached>: the derivative of its partial 0 with respect to argument 0 "
        "is 0 at (2.0,), but finite differences give 12\n"
        "  in Value(data=8.0, grad=0.0)"
    )


def test_the_message_of_a_rule_that_has_two_readings():
    assert message(SECOND_ORDER["scaled for Values"], 1.0, order=2) == (
        "the second derivative is wrong: the gradient by argument 0 has two values\n"
        "  read with floats    3\n"
        "  read with Values    3.0003\n"
        "at fault is <op scaled>: its partial with respect to argument 0 at (1.0,) is 3 read with "
        "floats, but 3.0003 read with Values\n"
        "  in Value(data=1.0, grad=0.0)"
    )


def test_the_message_when_every_partial_is_right():
    assert message(lambda p: p["a"] * [x.data for x in p["b"]][1], {"a": 2.0, "b": [1.0, 3.0]}) == (
        "the derivative is wrong: output 0 by argument 0, number 2\n"
        "  reverse mode        0\n"
        "  forward mode        0\n"
        "  finite differences  2 ± error\n"
        "  tolerance           3.0e-06\n"
        "the local partials of all its nodes are right; does f return the same for the same "
        "arguments, and compute everything with Values?"
    )


def test_the_source_line_at_order_two_is_that_of_the_function_too():
    op = SECOND_ORDER["detached"]

    def f(x):
        return op(x) * x

    _, first = inspect.getsourcelines(f)
    with pytest.raises(GradcheckError, match=rf":{first + 1}: return op\(x\) \* x"):
        gradcheck(f, 1.0, order=2)


@ORDERS
def test_a_wrong_activation_deep_inside_a_model_is_found(monkeypatch, order):
    op = FLAWS["wrong factor"] if order == 1 else SECOND_ORDER["detached"]
    monkeypatch.setitem(TABLE, op.name, op)
    model = nn.MLP(2, [3, 3, 1], activation=op.name, rng=3)
    with pytest.raises(GradcheckError, match=rf"at fault is <op {op.name}>") as info:
        gradcheck(lambda x: model(list(x)), np.array([0.5, -0.8]), order=order)
    text = str(info.value)
    assert "label='a[" in text
    assert "made in " in text
    assert __file__ in text
    W = np.array(model.layers[0].weight, dtype=object).astype(float)

    def by_weights(W):
        return ag.sum([op(z) for z in ag.affine(W, [0.5, -0.8])])

    with pytest.raises(GradcheckError, match=rf"at fault is <op {op.name}>"):
        gradcheck(by_weights, W, order=order)


def test_infinite_slopes_within_the_function_do_not_stop_the_search_for_the_culprit():
    op = FLAWS["wrong factor"]
    with pytest.raises(GradcheckError, match="at fault is <op wrong_factor>"):
        gradcheck(lambda x: op(x) + (0.0 if grad(ag.sqrt)(0.0) == inf else 1.0), 1.0)


def test_the_op_at_fault_is_named_not_those_around_it():
    good = custom_op("good", lambda x: x * x, lambda y, x: 2.0 * x)
    bad = FLAWS["missing term"]
    with pytest.raises(GradcheckError) as info:
        gradcheck(lambda x: good(bad(good(ag.exp(x)))), 0.3)
    assert "missing_term" in str(info.value)
    assert "good" not in str(info.value).split("at fault")[1].split("made")[0]


def test_a_wrong_rule_that_does_not_matter_for_the_result_passes():
    """What is checked is the derivative of f."""
    assert gradcheck(lambda x: FLAWS["wrong sign"](x) * 0.0 + x, 0.7)


def test_wrong_slopes_at_a_kink_are_found():
    """Only what lies between the one-sided slopes is a matter of convention."""
    for slope in (-0.5, 1.5, inf, math.nan):
        op = wrong(
            "rectify", lambda x: max(x, 0.0),
            lambda y, x, slope=slope: slope if x == 0.0 else float(x > 0.0))  # fmt: skip
        assert gradcheck(op, 0.5)
        with pytest.raises(GradcheckError, match="at fault is <op rectify>"):
            gradcheck(op, 0.0)
    for slope in (0.0, 0.5, 1.0):
        op = wrong(
            "rectify", lambda x: max(x, 0.0),
            lambda y, x, slope=slope: slope if x == 0.0 else float(x > 0.0))  # fmt: skip
        assert gradcheck(op, 0.0)


def test_a_finite_slope_where_the_function_is_infinitely_steep_is_found():
    op = wrong("root", lambda x: math.sqrt(x) if x >= 0.0 else math.nan,
               lambda y, x: 0.5 / y if y else 0.0)  # fmt: skip
    assert gradcheck(op, 0.5)
    with pytest.raises(GradcheckError, match="at fault is <op root>"):
        gradcheck(op, 0.0)


def test_an_infinite_slope_of_a_smooth_function_is_found():
    op = wrong("cliff", lambda x: x * x, lambda y, x: inf if x == 0.0 else 2.0 * x)
    with pytest.raises(GradcheckError, match="at fault is <op cliff>"):
        gradcheck(op, 0.0)


def test_an_infinite_slope_of_the_wrong_sign_is_found():
    op = wrong("root", lambda x: math.sqrt(x) if x >= 0.0 else math.nan,
               lambda y, x: 0.5 / y if y else -inf)  # fmt: skip
    with pytest.raises(GradcheckError, match="at fault is <op root>"):
        gradcheck(op, 0.0)


@pytest.mark.parametrize("x", [1e-8, 1e-3, 1.0, 1e3, 1e8])
@pytest.mark.parametrize("error", [1e-4, 1e-2])
def test_small_errors_are_found_at_any_scale(x, error):
    for value, slope in ((lambda x: x * x, lambda x: 2.0 * x), (math.log, lambda x: 1.0 / x),
                         (math.sqrt, lambda x: 0.5 / math.sqrt(x)),
                         (lambda x: 1e10 * x, lambda x: 1e10)):  # fmt: skip
        guarded = lambda t, value=value: value(t) if t > 0.0 else math.nan
        op = wrong("off", guarded, lambda y, x, slope=slope: slope(x) * (1.0 + error))
        if slope(x) * error < 1e-8:
            continue  # within the absolute tolerance
        with pytest.raises(GradcheckError, match="at fault is <op off>"):
            gradcheck(op, x)
        right = wrong("right", guarded, lambda y, x, slope=slope: slope(x))
        assert gradcheck(right, x)


@reproducible
@given(
    a=st.floats(-2.0, 2.0),
    b=st.floats(0.2, 2.0),
    c=st.floats(0.3, 2.0),
    error=st.sampled_from([1e-4, -1e-3, 0.5, -2.0]),
)
def test_random_wrong_factors_are_found(a, b, c, error):
    def value(x):
        return math.tanh(a + b * x) + math.exp(c * x)

    def slope(y, x):
        return b / math.cosh(a + b * x) ** 2 + c * math.exp(c * x)

    right = wrong("right", value, slope)
    bad = wrong("bad", value, lambda y, x: slope(y, x) * (1.0 + error))
    for x in (-0.5, 0.0, 1.1):
        assert gradcheck(lambda x: right(x) ** 2, x)
        assert not gradcheck(lambda x: bad(x) * ag.cosh(x), x, raise_exception=False)


def test_a_random_function_is_reported_as_such():
    rng = random.Random(0)
    with pytest.raises(GradcheckError, match="does f return the same for the same arguments"):
        gradcheck(lambda x: x * rng.random(), 1.0)


def test_a_function_that_leaves_the_graph_is_reported_as_such():
    with pytest.raises(GradcheckError, match="compute everything with Values"):
        gradcheck(lambda x: x * math.sin(x), 1.0)
    with pytest.raises(GradcheckError, match="compute everything with Values"):
        gradcheck(lambda x: x * x.data, 1.0)


def test_a_function_that_detaches_at_order_two_only():
    f = lambda x: grad(lambda y: y**3)(x.data) * x
    with pytest.raises(GradcheckError, match="compute everything with Values"):
        gradcheck(f, 1.0)


# -- options ---------------------------------------------------------------------------------


def test_false_is_returned_if_no_exception_is_wanted():
    assert gradcheck(FLAWS["wrong sign"], 1.0, raise_exception=False) is False
    assert gradcheck(SECOND_ORDER["detached"], 1.0, raise_exception=False) is True
    assert gradcheck(SECOND_ORDER["detached"], 1.0, order=2, raise_exception=False) is False
    assert gradcheck(ag.tanh, 1.0, order=2, raise_exception=False) is True


@pytest.mark.parametrize("order", [0, 3, -1, 1.5, "1", None])
def test_other_orders_are_refused(order):
    with pytest.raises(ValueError, match="order 1 or 2"):
        gradcheck(lambda x: x, 1.0, order=order)


def test_tolerances_are_those_asked_for():
    op = FLAWS["one part in 10⁴"]
    assert gradcheck(op, 1.0, rtol=1e-3)
    assert gradcheck(op, 1.0, atol=1e-2)
    assert not gradcheck(op, 1.0, rtol=1e-5, raise_exception=False)


def test_arguments_that_are_no_numbers_are_refused():
    for bad in ("x", None, 1j):
        with pytest.raises(TypeError, match="expected real numbers"):
            gradcheck(lambda x: x, bad)


def test_errors_of_the_function_come_through_and_leave_no_state_behind():
    def fail(x):
        raise KeyError("boom")

    with pytest.raises(KeyError, match="boom"):
        gradcheck(fail, 1.0)
    assert type(grad(lambda x: x)(1.0)) is float


def test_a_rule_with_no_second_derivative_says_so():
    op = custom_op("sine", math.sin, lambda y, x: math.cos(x))
    assert gradcheck(op, 1.0)
    with pytest.raises(TypeError, match="<op sine> has no derivative of a higher order"):
        gradcheck(op, 1.0, order=2)


def test_the_error_is_an_assertion_error():
    assert issubclass(GradcheckError, AssertionError)


# -- the culprit ----------------------------------------------------------------------------------


def test_custom_rows_built_by_hand_are_checked_as_well():
    op = Op("by_hand", "?", lambda a: a * a, np.square, (lambda y, a: a,),
            latex="", domain=((-1.0, 1.0),), kinks=(), doc="a², wrongly.")  # fmt: skip
    with pytest.raises(GradcheckError, match="at fault is <op by_hand>"):
        gradcheck(op, 2.0)


def test_the_culprit_of_a_wrong_second_derivative_is_given_with_both_numbers():
    def rule(y, x):
        return 3.0 * x * (x.detach() if isinstance(x, Value) else x)

    slip = custom_op("slip", lambda x: x**3, rule)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda x: 5.0 * slip(x), 2.0, order=2)
    message = str(caught.value)
    assert "second derivative is wrong" in message
    assert re.search(
        r"<op slip>: the derivative of its partial 0 with respect to argument 0 is 6 "
        r"at \(2\.0,\), but finite differences give (12|11\.9999)",
        message,
    )


def test_the_culprit_among_several_arguments_is_given_by_number():
    twist = custom_op(
        "twist",
        lambda a, b: a * b * b,
        [
            lambda y, a, b: b * b,
            lambda y, a, b: 2.0 * a * (b.detach() if isinstance(b, Value) else b),
        ],
    )
    with pytest.raises(GradcheckError) as caught:
        gradcheck(twist, 3.0, 5.0, order=2)
    assert re.search(
        r"<op twist>: the derivative of its partial 1 with respect to argument 1 is 0 "
        r"at \(3\.0, 5\.0\), but finite differences give (6|5\.9999)",
        str(caught.value),
    )


def test_the_culprit_among_sequences_is_given_by_number():
    from autograd.ops import SequenceOp

    op = SequenceOp(
        "blend", "?", lambda a, b: a[0] * b[0] + a[1] * b[0] * b[1], None,
        lambda y, a, b: ([b[0], b[0] * b[1]], [a[0] + a[1] * b[1], 2.0 * a[1] * b[0]]),
        latex="", domain=((-1.0, 1.0),) * 2, kinks=(), doc="a₀b₀ + a₁b₀b₁, wrongly.")  # fmt: skip
    assert re.search(
        r"at fault is <op blend>: its partial with respect to argument 3 is 12 at "
        r"\(1\.0, 2\.0, 3\.0, 4\.0\), but finite differences give 6\n",
        message(op, [1.0, 2.0], [3.0, 4.0]),
    )


# -- tolerances at their edge ----------------------------------------------------------------


def passes(*args, **options):
    return gradcheck(*args, raise_exception=False, **options)


def off_by(error):
    """5x, with a slope that is wrong by an error: 5 + error."""
    return wrong("off", lambda x: 5.0 * x, lambda y, x: 5.0 + error + 0.0 * x)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("rtol", "atol"), [(1e-3, 0.0), (0.0, 1e-3), (1e-4, 1e-5), (1e-9, 1e-2)])
def test_a_derivative_may_be_wrong_by_the_tolerance(rtol, atol, sign):
    limit = atol + 5.0 * rtol
    assert passes(off_by(0.998 * sign * limit), 1.0, rtol=rtol, atol=atol)
    assert not passes(off_by(1.002 * sign * limit), 1.0, rtol=rtol, atol=atol)


@pytest.mark.parametrize("order", [1, 2])
def test_the_tolerance_is_a_millionth_and_a_billionth(order):
    assert passes(off_by(4.9e-6), 1.0)
    assert not passes(off_by(5.1e-6), 1.0)
    tiny = lambda error: wrong("tiny", lambda x: 0.0, lambda y, x: error + 0.0 * x)
    assert passes(tiny(0.99e-9), 1.0, order=order)
    assert not passes(tiny(1.02e-9), 1.0, order=order)


def test_the_tolerance_is_relative_to_the_largest_derivative():
    op = off_by(4.9e-5)
    assert not passes(op, 1.0)
    assert passes(lambda x, y: op(x) - 50.0 * y, 1.0, 1.0)
    assert passes(lambda x: [op(x), -50.0 * x], 1.0)
    assert not passes(lambda x, y: op(x) - 40.0 * y, 1.0, 1.0)
    # that is, the largest finite one
    assert not passes(lambda x, y: op(x) + ag.sqrt(y), 1.0, 0.0)


def twofold(first, then):
    """5x, whose rule gives one slope at the first call, and another one at all later calls."""
    slopes = iter([first])
    return wrong("twofold", lambda x: 5.0 * x, lambda y, x: next(slopes, then))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("rtol", "atol"), [(1e-3, 0.0), (0.0, 1e-3), (1e-6, 1e-9)])
def test_forward_mode_may_differ_from_reverse_mode_by_a_thousandth_of_the_tolerance(
    rtol, atol, sign
):
    limit = atol + 5.0 * rtol
    assert passes(twofold(5.0, 5.0 + 0.99e-3 * sign * limit), 1.0, rtol=rtol, atol=atol)
    assert not passes(twofold(5.0, 5.0 + 1.01e-3 * sign * limit), 1.0, rtol=rtol, atol=atol)


def test_the_message_of_modes_that_differ():
    op = twofold(5.0, 5.5)
    assert message(lambda x, y: [x, x + op(y)], 1.0, 2.0).startswith(
        "the derivative is wrong: output 1 by argument 1\n"
        "  reverse mode        5\n"
        "  forward mode        5.5\n"
        "  finite differences  5 ± error\n"
        "  tolerance           5.0e-06\n"
        "at fault is <op twofold>: its partial with respect to argument 0 is 5.5 at (2.0,), "
        "but finite differences give 5\n"
    )


def test_the_finite_differences_of_the_message_are_those_of_the_check():
    """A bend below the tolerance does not count."""
    op = wrong(
        "bend", lambda x: 5e-6 * (x - 1.0) if abs(x - 1.0) < 1e-3 else 0.0, lambda y, x: 1e-3
    )
    text = message(op, 1.0, atol=1e-6)
    assert "  finite differences  0 ± error\n" in text
    assert "but finite differences give 0\n" in text
    assert "  finite differences  5e-06 ± error\n" in message(op, 1.0, atol=1e-9)


def read_with(factor):
    """x³, with a rule that is off by a factor when it is read with Values."""
    return wrong(
        "read", lambda x: x**3, lambda y, x: 3.0 * x**2 * (1.0 if isinstance(x, float) else factor)
    )


@pytest.mark.parametrize("x", [1.0, Value(1.0), 1e-100])
def test_the_two_readings_of_a_rule_are_the_same_to_nine_digits(x):
    assert passes(read_with(1.0 + 0.99e-9), x, order=2)
    with pytest.raises(GradcheckError, match="has two values") as info:
        gradcheck(read_with(1.0 + 1.01e-9), x, order=2)
    assert "at fault is <op read>: its partial with respect to argument 0" in str(info.value)


def test_two_readings_may_both_be_nan():
    lost = wrong("lost", lambda x: math.nan, lambda y, x: x * math.nan)
    assert passes(lost, 1.0, order=2)
    slip = SECOND_ORDER["scaled for Values"]
    for f in (
        lambda x: ag.where(1.0, slip(x), lost(x)),
        lambda x: ag.where(0.0, lost(x), slip(x)),
    ):
        with pytest.raises(GradcheckError, match="at fault is <op scaled>"):
            gradcheck(f, 1.0, order=2)
    half = wrong(
        "half", lambda x: x**3,
        lambda y, x: 3.0 * x**2 if isinstance(x, float) else x * math.nan)  # fmt: skip
    with pytest.raises(GradcheckError, match="is 3 read with floats, but nan read with Values"):
        gradcheck(half, 1.0, order=2)
    assert not passes(lambda x: half(x) + half(2.0 * x), 1.0, order=2)


def test_at_order_two_no_output_hides_the_error_of_another():
    """The gradient of a plain sum would be right."""
    op = SECOND_ORDER["detached"]
    assert not passes(lambda x: [op(x), -op(x)], 0.7, order=2)
    assert not passes(lambda x: [op(x), op(x), -2.0 * op(x)], 0.7, order=2)
    assert not passes(lambda x: [op(x), op(x), -op(x)], 0.7, order=2)
    assert not passes(lambda x: [op(x), x], 0.7, order=2)
    assert not passes(lambda x: [x, op(x)], 0.7, order=2)


def test_at_order_two_one_output_is_weighed_by_one():
    text = message(lambda x: 5.0 * SECOND_ORDER["half detached"](x), 2.0, order=2)
    assert "  reverse mode        30\n" in text
    assert "  finite differences  60 ± error\n" in text
