"""`detect_anomaly` names the operation that first makes a nan or an infinity."""

import asyncio
import inspect
import math
import threading

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import (
    AnomalyError,
    Value,
    detect_anomaly,
    grad,
    gradcheck,
    hessian,
    jacobian,
    jvp,
    no_grad,
    scope,
)

inf, nan = math.inf, math.nan


def line(offset=0):
    """The number of the line that calls this, plus an offset."""
    return inspect.currentframe().f_back.f_lineno + offset


def quiet():
    """Whether nothing is detected here."""
    return math.isinf(ag.log(Value(0.0)).data)


# -- forwards --------------------------------------------------------------------------------


def test_the_op_its_arguments_and_the_line_are_named():
    x = Value(0.0, "width")
    with detect_anomaly(), pytest.raises(AnomalyError) as info:
        ag.log(x)
    here = line(-1)
    text = str(info.value)
    assert text.startswith("<op log> made -inf of Value(data=0.0, grad=0.0, label='width')")
    assert f"{__file__}:{here}: ag.log(x)" in text


def test_all_arguments_are_named_in_order():
    x, y = Value(1.0, "x"), Value(0.0, "y")
    with detect_anomaly(), pytest.raises(AnomalyError) as info:
        x / y
    assert f"<op divide> made inf of {x!r}, {y!r}, made at " in str(info.value)


@pytest.mark.parametrize(
    ("f", "x", "op", "made"),
    [
        (lambda x: x.log(), 0.0, "log", "-inf"),
        (lambda x: x.log(), -1.0, "log", "nan"),
        (lambda x: x.sqrt(), -1.0, "sqrt", "nan"),
        (lambda x: 1.0 / x, 0.0, "divide", "inf"),
        (lambda x: x / x, 0.0, "divide", "nan"),
        (lambda x: x.exp(), 1000.0, "exp", "inf"),
        (lambda x: x * 1e308, 10.0, "multiply", "inf"),
        (lambda x: x + 1.7e308, 1.7e308, "add", "inf"),
        (lambda x: x ** (1.0 / 3.0), -8.0, "power", "nan"),
        (lambda x: x % 0.0, 1.0, "remainder", "nan"),
        (lambda x: x.square(), 1e200, "square", "inf"),
        (lambda x: ag.sum([x, x]), 1.7e308, "sum", "inf"),
        (lambda x: ag.dot([x, 1.0], [x, 1.0]), 1e200, "dot", "inf"),
        (lambda x: ag.affine([[x]], [x])[0], 1e200, "affine", "inf"),
        (lambda x: np.exp(x), 1000.0, "exp", "inf"),
        (lambda x: (np.array([1.0, 0.0]) / (x * np.ones(2)))[0], 0.0, "divide", "inf"),
    ],
)
def test_every_kind_of_operation_is_watched(f, x, op, made):
    with detect_anomaly(), pytest.raises(AnomalyError, match=rf"<op {op}> made {made} of Value"):
        f(Value(x))
    assert quiet()


def test_the_first_of_several_is_named():
    x = Value(0.0)
    with detect_anomaly(), pytest.raises(AnomalyError, match="<op log> made -inf"):
        (x + 1.0) * (ag.log(x) - ag.log(x)) / x


def test_all_arguments_are_told():
    with detect_anomaly(), pytest.raises(AnomalyError) as info:
        Value(1.0, "above") / Value(0.0, "below")
    assert "label='above'" in str(info.value)
    assert "label='below'" in str(info.value)


def test_constants_are_watched_too():
    c = Value(0.0, requires_grad=False)
    with detect_anomaly():
        with pytest.raises(AnomalyError, match="<op log> made -inf"):
            c.log()
        with no_grad(), pytest.raises(AnomalyError, match="<op log> made -inf"):
            Value(0.0).log()
        with pytest.raises(AnomalyError, match="<op log> made -inf"), no_grad():
            Value(0.0).log()


def test_the_scope_of_a_module_is_named():
    x = Value(0.0)
    with detect_anomaly(), scope("model"), scope("layers.1"), pytest.raises(AnomalyError) as info:
        ag.log(x)
    assert "made in model.layers.1 at " in str(info.value)
    model = nn.MLP(1, [2, 1], activation="exp", rng=0)
    for p in model.parameters():
        p.data = 1000.0
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"<op exp> made inf") as info:
        model([1.0])
    here = line(-1)
    text = str(info.value)
    assert "made in " in text
    assert "label='z[0]'" in text
    assert f"{__file__}:{here}: model([1.0])" in text


def test_what_comes_in_is_not_held_against_the_operation():
    with detect_anomaly():
        assert math.isnan((Value(nan) + 1.0).data)
        assert (Value(inf) * 2.0).data == inf
        assert math.isnan((Value(inf) - Value(inf)).data)
        assert math.isnan(ag.sum([Value(nan), 1.0]).data)
        assert Value(nan).relu().data != 0.0
        assert ag.where(True, 1.0, Value(nan)).data == 1.0
        assert math.isnan(ag.maximum(Value(nan), 1.0).data)


def test_an_infinity_that_ends_in_a_number_is_no_anomaly_of_the_op_that_takes_it():
    with detect_anomaly():
        assert (1.0 / Value(inf)).data == 0.0
        assert ag.tanh(Value(inf)).data == 1.0
        assert ag.exp(Value(-inf)).data == 0.0


def test_ordinary_computations_are_left_alone():
    with detect_anomaly():
        x = Value(3.0)
        y = ag.exp(-x) * ag.log(x) / (x + 1.0)
        y.backward()
        slope = x.grad
        assert grad(lambda x: ag.exp(-x) * ag.log(x) / (x + 1.0))(3.0) == pytest.approx(slope)
    assert float(y) == y.data


def test_code_without_a_module_and_a_file_is_named_by_its_line():
    with detect_anomaly(), pytest.raises(AnomalyError) as info:
        exec("x.log()", {"x": Value(0.0)})
    assert str(info.value).endswith("made at <string>:1.")


# -- backwards -------------------------------------------------------------------------------


def test_the_backward_pass_names_op_adjoint_partial_and_the_line_that_made_the_node():
    x = Value(0.0, "radius²")
    with detect_anomaly():
        with scope("norm"):
            here = line(1)
            y = ag.sqrt(x)
        y.label = "radius"
        loss = y * 3.0
        with pytest.raises(AnomalyError) as info:
            loss.backward()
    text = str(info.value)
    assert text.startswith(
        "the backward pass of <op sqrt> made inf: adjoint 3.0 × partial inf for its argument "
        "Value(data=0.0, grad=0.0, label='radius²'), at the arguments (0.0,). "
    )
    assert "label='radius')" in text
    assert f"was made in norm at {__file__}:{here}: y = ag.sqrt(x)." in text
    assert x.grad == 0.0


@pytest.mark.parametrize(
    ("f", "x", "op"),
    [
        (lambda x: ag.sqrt(x), 0.0, "sqrt"),
        (lambda x: (x * 1e-200) * 1e-200 * x + ag.sqrt(x), 0.0, "sqrt"),
        (lambda x: x**0.5, 0.0, "power"),
        (lambda x: ag.dot([ag.sqrt(x), 1.0], [2.0, 1.0]), 0.0, "sqrt"),
        (lambda x: (x * 1e200) * 1e-200 * 1e200 * 1e-200, 1.0, None),
        (lambda x: ag.where(True, ag.sqrt(x), 0.0), 0.0, "sqrt"),
    ],
)
def test_anomalies_of_the_backward_pass(f, x, op):
    leaf = Value(x)
    with detect_anomaly():
        y = f(leaf)
        if op is None:
            y.backward()
        else:
            with pytest.raises(AnomalyError, match=rf"backward pass of <op {op}> made (inf|nan)"):
                y.backward()
    assert quiet()


def test_an_overflow_on_the_way_back_is_found():
    x = Value(1e-300)
    with detect_anomaly():
        y = (x * 1e200) * 1e100 * 1e100  # 1e100; its slope is 1e400
        with pytest.raises(AnomalyError, match="backward pass of <op multiply> made inf"):
            y.backward()


def test_branches_not_taken_and_zero_adjoints_are_no_anomalies_backwards():
    x = Value(0.0)
    with detect_anomaly():
        y = ag.where(x > 0.0, ag.sqrt(x), x * 2.0) + 0.0 * ag.sqrt(x)
        y.backward()
    assert x.grad == 2.0


def test_a_seed_that_is_no_number_is_not_held_against_the_op():
    x = Value(2.0)
    with detect_anomaly():
        (x * 3.0).backward(inf)
        (x * 3.0).backward(nan)
    assert math.isnan(x.grad)


def test_a_graph_from_before_is_watched_backwards_without_its_lines():
    x = Value(0.0)
    y = ag.sqrt(x)
    with detect_anomaly(), pytest.raises(AnomalyError) as info:
        y.backward()
    made = "made at a line not recorded; compute it under detect_anomaly() too."
    assert str(info.value).endswith(f"The node {y!r} was {made}")


def test_an_anomaly_leaves_the_leaves_and_the_engine_as_they_were():
    x, z = Value(0.0), Value(5.0)
    x.grad, z.grad = 3.0, 4.0
    y = ag.sqrt(x) * z
    z2 = z * z
    with detect_anomaly(), pytest.raises(AnomalyError):
        (y + z2 + ag.sqrt(x)).backward()
    assert (x.grad, z.grad) == (3.0, 4.0)
    (z * 2.0).backward()
    assert z.grad == 6.0


def test_the_pass_gives_the_same_gradients_as_without():
    def run():
        model = nn.MLP(3, [4, 2], activation="tanh", rng=0)
        loss = nn.mse(model([0.1, 0.2, 0.3]), [1.0, 2.0])
        loss.backward()
        return [p.grad for p in model.parameters()]

    plain = run()
    with detect_anomaly():
        assert run() == pytest.approx(plain, rel=1e-14)


def test_interior_nodes_have_their_gradients():
    with detect_anomaly():
        x = Value(3.0)
        a = x * x
        y = a * 2.0
        y.backward()
    assert (y.grad, a.grad, x.grad) == (1.0, 2.0, 12.0)


# -- transforms ------------------------------------------------------------------------------


def test_gradients_by_transforms_are_watched():
    with detect_anomaly():
        for attempt in (lambda: grad(ag.sqrt)(0.0), lambda: ag.vjp(ag.sqrt, 0.0)[1](1.0)):
            with pytest.raises(AnomalyError, match="backward pass of <op sqrt> made inf"):
                attempt()
        with pytest.raises(AnomalyError, match="<op log> made -inf"):
            grad(ag.log)(0.0)


def test_forward_mode_is_watched():
    with detect_anomaly(), pytest.raises(AnomalyError, match="<op sqrt> made inf"):
        jvp(ag.sqrt, (0.0,), (1.0,))


def test_many_directions_at_once_are_watched():
    x = np.array([1.0, 2.0, 3.0])
    wide = lambda x: np.array([x[0] * x[1], x[1] * x[2]])
    tall = lambda x: np.array([x[0] ** 2, x[1] * x[0], x[2], x[0]])
    plain = [jacobian(wide)(x), jacobian(tall)(x), hessian(lambda x: x[0] ** 2 * x[1])(x)]
    with detect_anomaly():
        watched = [jacobian(wide)(x), jacobian(tall)(x), hessian(lambda x: x[0] ** 2 * x[1])(x)]
        assert jacobian(lambda x: x[0] * x[1])(x).tolist() == [2.0, 1.0, 0.0]
    for a, b in zip(plain, watched, strict=True):
        assert a.tolist() == b.tolist()
    with detect_anomaly(), pytest.raises(AnomalyError, match="<op sqrt> made inf"):
        jacobian(lambda x: np.array([ag.sqrt(x[0]), x[1] + x[2]]))(np.array([0.0, 1.0, 2.0]))


def test_higher_derivatives_without_anomalies_pass():
    """What a rule computes on the way, on a branch that it does not take, is no anomaly."""
    with detect_anomaly():
        assert grad(grad(lambda x: x**3))(2.0) == 12.0
        assert grad(grad(lambda x: x**2))(0.0) == 2.0
        assert grad(grad(grad(lambda x: x**2)))(0.0) == 0.0
        assert grad(grad(grad(lambda x: x**1)))(0.0) == 0.0
        assert grad(grad(grad(grad(lambda x: x**2))))(0.0) == 0.0
        x = Value(0.0)
        (x**0.0).backward(create_graph=True)
        assert float(x.grad) == 0.0


def test_create_graph_is_watched():
    x = Value(0.0)
    with detect_anomaly():
        y = ag.sqrt(x)
        with pytest.raises(AnomalyError, match="made inf"):
            y.backward(create_graph=True)


def test_the_line_is_that_of_the_function_differentiated():
    def f(x):
        return ag.log(x)

    with detect_anomaly(), pytest.raises(AnomalyError, match=r": return ag\.log\(x\)"):
        grad(f)(0.0)


def test_gradcheck_works_within():
    with detect_anomaly():
        assert gradcheck(lambda x: x * x, 2.0, order=2)


def test_forward_mode_speaks_of_tangents_and_reverse_mode_of_adjoints():
    with detect_anomaly():
        with pytest.raises(AnomalyError) as info:
            jvp(lambda x: ag.sqrt(x * 1.0), (0.0,), (1.0,))
        text = str(info.value)
        assert "the forward pass of <op sqrt> made inf: tangent 1.0 × partial inf" in text
        assert "for its argument Value(data=0.0, grad=0.0), at the arguments (0.0,)" in text
        with pytest.raises(AnomalyError) as info:
            grad(lambda x: ag.sqrt(x * 1.0))(0.0)
        assert "the backward pass of <op sqrt> made inf: adjoint 1.0 × partial inf" in str(
            info.value
        )


# -- where it holds --------------------------------------------------------------------------


def test_it_ends_with_the_block():
    with detect_anomaly():
        pass
    assert quiet()
    x = Value(0.0)
    ag.sqrt(x).backward()
    assert x.grad == inf


def test_it_ends_with_an_exception():
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), detect_anomaly():
            raise error
        assert quiet()
    with pytest.raises(AnomalyError), detect_anomaly():
        ag.log(Value(0.0))
    assert quiet()


def test_it_nests_with_itself_no_grad_and_scope():
    with detect_anomaly():
        with detect_anomaly():
            pass
        assert not watched_quiet()
        with no_grad():
            assert not watched_quiet()
            with scope("s"):
                assert not watched_quiet()
        assert not watched_quiet()
    with scope("s"), no_grad(), detect_anomaly():
        y = Value(1.0) * 2.0
        assert y.scope.path == "s"
        assert not y.requires_grad
        assert not watched_quiet()
    assert quiet()


def watched_quiet():
    try:
        return quiet()
    except AnomalyError:
        return False


def test_it_is_off_inside_no_grad_only_if_it_was_off_outside():
    with no_grad():
        assert quiet()
        with detect_anomaly():
            assert not watched_quiet()
        assert quiet()


def test_it_holds_for_its_own_thread_only():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def work():
        with detect_anomaly():
            inside.set()
            done.wait(timeout=10.0)
            seen.append(watched_quiet())

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(timeout=10.0)
    seen.append(quiet())
    done.set()
    thread.join(timeout=10.0)
    assert seen == [True, False]


def test_it_holds_for_its_own_task_only():
    async def careful(started, release):
        with detect_anomaly():
            started.set()
            await release.wait()
            return watched_quiet()

    async def careless(started, release):
        await started.wait()
        result = watched_quiet()
        release.set()
        return result

    async def main():
        started, release = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(careful(started, release), careless(started, release))

    assert asyncio.run(main()) == [False, True]


def test_the_error_is_a_floating_point_error():
    assert issubclass(AnomalyError, FloatingPointError)


def test_nodes_keep_labels_and_scopes_beside_their_line():
    with detect_anomaly(), scope("s"):
        x = Value(2.0, "x")
        y = x * x
        y.label = "y"
    assert (y.label, y.scope.path) == ("y", "s")
    assert y.detach().label == "y"
    z = Value(3.0) * 1.0
    assert z.label == ""
