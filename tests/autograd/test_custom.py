"""Ops of your own: they work in every reading that they were given, and say so where not."""

import copy
import math
import pickle
import weakref

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import (
    TABLE,
    AnomalyError,
    Op,
    Value,
    custom_op,
    detect_anomaly,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    topological,
    vjp,
)
from autograd.ops import REAL, Kink

cube = custom_op("cube", lambda x: x**3, lambda y, x: 3.0 * x**2)
sine = custom_op("sine", math.sin, lambda y, x: math.cos(x))
gauss = custom_op(
    "gauss", lambda x: math.exp(-x * x), lambda y, x: -2.0 * x * y, array=lambda x: np.exp(-x * x)
)
ratio = custom_op(
    "ratio", lambda a, b: a / b, [lambda y, a, b: 1.0 / b, lambda y, a, b: -y / b],
    array=np.divide)  # fmt: skip
blend = custom_op(
    "blend",
    lambda a, b, t: a + t * (b - a),
    (lambda y, a, b, t: 1.0 - t, lambda y, a, b, t: t, lambda y, a, b, t: b - a),
)


# -- numbers and Values ----------------------------------------------------------------------


def test_numbers_give_numbers():
    for number in (2.0, 2, np.float64(2), np.int8(2), np.float32(2), True):
        assert cube(number) == float(number) ** 3
    assert type(cube(2.0)) is float
    assert type(cube(2)) is float
    assert ratio(1, 4) == 0.25


def test_values_give_nodes_of_this_op():
    x = Value(2.0)
    y = cube(x)
    assert isinstance(y, Value)
    assert (y.data, y.op, y.parents, y.partials) == (8.0, cube, (x,), (12.0,))
    assert y.op.name == "cube"
    assert repr(y.op) == "<op cube>"
    y.backward()
    assert x.grad == 12.0


def test_several_arguments_each_get_their_partial():
    a, b, t = Value(1.0), Value(5.0), Value(0.25)
    y = blend(a, b, t)
    y.backward()
    assert (y.data, a.grad, b.grad, t.grad) == (2.0, 0.75, 0.25, 4.0)
    y = blend(a, 5.0, 0.25)
    a.zero_grad()
    y.backward()
    assert a.grad == 0.75
    x, z = Value(1.0), Value(4.0)
    ratio(x, z).backward()
    assert (x.grad, z.grad) == (0.25, -1.0 / 16.0)


def test_uses_of_one_argument_add_up():
    x = Value(2.0)
    blend(x, x, x).backward()
    assert x.grad == 1.0
    x.zero_grad()
    ratio(x, x).backward()
    assert x.grad == 0.0


def test_the_rule_of_an_argument_that_is_constant_is_not_read():
    def unread(y, a, b):
        raise AssertionError("a constant needs no partial")

    op = custom_op("half_read", lambda a, b: a * b, [lambda y, a, b: b, unread])
    x = Value(2.0)
    op(x, 3.0).backward()
    assert x.grad == 3.0


def test_constants_record_nothing():
    y = cube(Value(2.0, requires_grad=False))
    assert (y.data, y.requires_grad, y.is_leaf) == (8.0, False, True)
    with no_grad():
        assert cube(Value(2.0)).is_leaf


def test_the_output_may_be_used_in_the_rule():
    op = custom_op("exponential", math.exp, lambda y, x: y)
    assert grad(op)(1.0) == math.e
    assert grad(grad(grad(op)))(1.0) == pytest.approx(math.e, rel=1e-15)


# -- derivatives -----------------------------------------------------------------------------


def test_under_every_transform():
    f = lambda x: cube(x) * 2.0
    assert grad(f)(2.0) == 24.0
    assert jvp(f, (2.0,), (10.0,)) == (16.0, 240.0)
    assert vjp(f, 2.0)[1](10.0) == (240.0,)
    assert hessian(f)(2.0) == 24.0
    assert hvp(f, 2.0, 10.0) == 240.0
    assert grad(grad(grad(f)))(2.0) == 12.0
    x = np.array([1.0, 2.0, 3.0])
    assert np.diag(jacobian(lambda x: np.array([f(each) for each in x]))(x)).tolist() == [
        6.0, 24.0, 54.0]  # fmt: skip
    assert hessian(lambda x: ag.sum([cube(each) for each in x]))(x).tolist() == [
        [6.0, 0.0, 0.0], [0.0, 12.0, 0.0], [0.0, 0.0, 18.0]]  # fmt: skip
    H = hessian(ratio_of)(np.array([1.0, 4.0]))
    assert H.tolist() == [[0.0, -1.0 / 16.0], [-1.0 / 16.0, 2.0 / 64.0]]


def ratio_of(x):
    return ratio(x[0], x[1])


def test_higher_orders_of_an_op_of_three_arguments():
    H = hessian(lambda x: blend(*x))(np.array([1.0, 5.0, 0.25]))
    assert H.tolist() == [[0.0, 0.0, -1.0], [0.0, 0.0, 1.0], [-1.0, 1.0, 0.0]]
    x = Value(2.0)
    blend(x, x * x, 0.5).backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    first.backward()
    assert x.grad == 1.0


def test_a_custom_op_in_the_rule_of_another():
    inner = custom_op("inner", lambda x: x * x, lambda y, x: 2.0 * x)
    outer = custom_op("outer", lambda x: x**3 / 3.0, lambda y, x: inner(x))
    assert grad(outer)(3.0) == 9.0
    assert grad(grad(outer))(3.0) == 6.0
    assert grad(grad(grad(outer)))(3.0) == 2.0
    assert gradcheck(outer, 1.5, order=2)


def test_a_rule_may_refer_to_its_own_op():
    sin = custom_op("sin_", math.sin, lambda y, x: cos(x))
    cos = custom_op("cos_", math.cos, lambda y, x: -sin(x))
    assert grad(sin)(0.5) == math.cos(0.5)
    assert grad(grad(grad(grad(sin))))(0.5) == pytest.approx(math.sin(0.5), rel=1e-15)
    assert gradcheck(sin, 0.5, order=2)


def test_rules_of_math_give_first_derivatives_in_either_direction():
    assert grad(sine)(0.5) == math.cos(0.5)
    assert jvp(sine, (0.5,), (1.0,))[1] == math.cos(0.5)
    assert jacobian(lambda x: np.array([sine(x[0]), sine(x[1])]))(np.zeros(2)).tolist() == [
        [1.0, 0.0], [0.0, 1.0]]  # fmt: skip


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: grad(grad(sine))(0.5),
        lambda: hessian(sine)(0.5),
        lambda: jvp(grad(sine), (0.5,), (1.0,)),
        lambda: grad(sine)(Value(0.5)),
        lambda: sine(Value(0.5)).backward(create_graph=True),
        lambda: gradcheck(sine, 0.5, order=2),
    ],
)
def test_rules_of_math_have_no_second_derivative_and_say_so(attempt):
    with pytest.raises(TypeError, match=r"<op sine> has no derivative of a higher order") as info:
        attempt()
    assert "autograd's functions instead of those of math" in str(info.value)
    assert float(Value(2.0)) == 2.0  # numbers can be read again
    assert grad(cube)(2.0) == 12.0


@pytest.mark.parametrize("read", [float, int, round, math.floor, math.exp, bool])
def test_a_rule_that_turns_a_value_into_a_number_is_never_silently_wrong(read):
    """`bool` is how Python branches: the piece taken is differentiated, as in a function."""
    op = custom_op("reader", lambda x: x * x, lambda y, x: 2.0 * x + 0.0 * read(x))
    assert grad(op)(3.0) == 6.0
    if read is bool:
        assert grad(grad(op))(3.0) == 2.0
    elif read in (float, math.exp):
        with pytest.raises(TypeError, match="<op reader> has no derivative of a higher order"):
            grad(grad(op))(3.0)


def test_a_branch_in_a_rule_takes_the_piece_of_the_number():
    op = custom_op(
        "leaky", lambda x: x if x > 0.0 else 0.1 * x, lambda y, x: 1.0 if x > 0.0 else 0.1
    )
    assert grad(op)(2.0) == 1.0
    assert grad(op)(-2.0) == 0.1
    assert grad(grad(op))(2.0) == 0.0


def test_a_rule_that_overflows_on_the_way_is_read_at_the_same_arguments():
    tiny = lambda x: 1.0 / x**400.0  # of Python's floats, x**400 raises; NumPy's 1 / inf is 0
    one = custom_op("one", lambda x: 7.0, lambda y, x: 100.0 * y + x + tiny(x))
    two = custom_op(
        "two",
        lambda a, b: 7.0,
        [lambda y, a, b: 100.0 * y + 10.0 * a + b + tiny(a), lambda y, a, b: y - a - b + tiny(a)],
    )
    a, b = Value(10.0), Value(3.0)
    one(a).backward(2.0)
    assert a.grad == 2.0 * 710.0
    a.zero_grad()
    two(a, b).backward(2.0)
    assert (a.grad, b.grad) == (2.0 * 803.0, 2.0 * -6.0)
    two(a, b).backward()
    assert (a.grad, b.grad) == (3.0 * 803.0, 3.0 * -6.0)


# -- arrays ----------------------------------------------------------------------------------


def test_arrays_are_read_elementwise_if_there_is_a_reading():
    x = np.array([[0.0, 1.0], [-2.0, 0.5]])
    assert gauss(x).tolist() == np.exp(-x * x).tolist()
    assert gauss([0.0, 1.0]).tolist() == [1.0, math.exp(-1.0)]
    assert ratio(x, 2.0).tolist() == (x / 2.0).tolist()


def test_arrays_without_a_reading_are_refused_with_the_remedy():
    for args in ((np.ones(2),), ([1.0, 2.0],)):
        with pytest.raises(TypeError, match=r"cube\(\) has no reading for arrays.*array=") as info:
            cube(*args)
        assert "element by element" in str(info.value)
    with pytest.raises(TypeError, match=r"blend\(\) has no reading for arrays"):
        blend(np.ones(2), 1.0, 2.0)


def test_arrays_of_values_are_read_one_by_one():
    xs = np.array([Value(1.0), Value(2.0)], dtype=object)
    y = cube(xs)
    assert y.dtype == object
    assert [each.data for each in y] == [1.0, 8.0]
    y = ratio(xs, 2.0)
    assert [each.data for each in y] == [0.5, 1.0]
    y = ratio(np.array([1.0, 2.0]), xs[1])
    assert [each.op for each in y] == [ratio, ratio]
    assert grad(lambda x: ag.sum(cube(x)))(np.array([1.0, 2.0])).tolist() == [3.0, 12.0]
    y = blend(xs, xs[::-1], 0.5)
    assert [each.data for each in y] == [1.5, 1.5]


def test_a_rule_reads_arrays_as_they_are():
    xs = np.array([1.0, 2.0])
    assert cube.partials[0](cube.scalar(2.0), xs).tolist() == [3.0, 12.0]


def test_arrays_without_axes_are_numbers():
    assert cube(np.array(2.0)) == 8.0


# -- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "partials"),
    [("x", lambda y, x: 1.0), (None, lambda y, x: 1.0), (math.sin, None), (math.sin, 1.0),
     (math.sin, []), (math.sin, [lambda y, x: 1.0, 2.0]), (math.sin, "ab")],
)  # fmt: skip
def test_what_cannot_be_called_is_refused_at_once(value, partials):
    with pytest.raises(TypeError) as info:
        custom_op("bad", value, partials)
    assert str(info.value) == (
        "custom_op('bad') takes a function for the value, and a function (y, *args) for the "
        "partial with respect to each argument."
    )


BAD = ["text", None, 1j, [1.0], np.array([1.0, 2.0]), object()]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: type(bad).__name__)
def test_a_value_that_is_no_number_is_refused(bad):
    op = custom_op("bad", lambda x: bad, lambda y, x: 1.0)
    for x in (2.0, Value(2.0), 2):
        with pytest.raises(TypeError, match="the value of 'bad' must be a real number, but it is "
                           f"{type(bad).__name__}"):  # fmt: skip
            op(x)


def test_a_rule_of_math_is_told_to_be_written_with_operators():
    with pytest.raises(TypeError) as info:
        hessian(sine)(1.0)
    assert str(info.value) == (
        "<op sine> has no derivative of a higher order: a partial turned a Value into a float, so "
        "it cannot be differentiated again. Write it with operators and autograd's functions "
        "instead of those of math."
    )


@pytest.mark.parametrize("bad", ["text", None, 1j, [1.0], object()],
                         ids=lambda bad: type(bad).__name__)  # fmt: skip
def test_a_partial_that_is_no_number_is_refused(bad):
    op = custom_op("bad", lambda x: x, lambda y, x: bad)
    x = Value(2.0)
    y = op(x)
    for attempt in (
        lambda: y.backward(),
        lambda: grad(op)(2.0),
        lambda: jvp(op, (2.0,), (1.0,)),
        lambda: y.partials,
        lambda: hessian(op)(2.0),
    ):
        with pytest.raises(TypeError, match="the partial of 'bad' must be a real number, but it is "
                           f"{type(bad).__name__}"):  # fmt: skip
            attempt()
    assert x.grad == 0.0
    pair = custom_op("bad", lambda a, b, c: a, [lambda y, a, b, c: bad] * 3)
    with pytest.raises(TypeError, match="the partial of 'bad'"):
        pair(x, 1.0, 2.0).backward()
    assert x.grad == 0.0


@pytest.mark.parametrize("good", [True, 3, np.float32(0.5), np.int8(2), np.float64(1.5)], ids=repr)
def test_any_real_number_will_do_as_value_and_partial(good):
    op = custom_op("plain", lambda x: good, lambda y, x: good)
    x = Value(2.0)
    y = op(x)
    y.backward()
    assert (y.data, x.grad) == (float(good), float(good))
    assert type(y.data) is type(x.grad) is float


def test_a_rule_that_closes_over_a_value_still_gives_float_gradients():
    """A constant of the rule, not an argument: its number is meant."""
    w = Value(5.0)
    op = custom_op("scaled", lambda x: w.data * x, lambda y, x: w * 1.0)
    x = Value(2.0)
    op(x).backward()
    assert type(x.grad) is float
    assert x.grad == 5.0
    assert type(grad(op)(2.0)) is float


def test_the_wrong_number_of_arguments_is_refused():
    with pytest.raises(TypeError, match=r"ratio\(\) takes 2 arguments, but got 1"):
        ratio(1.0)
    with pytest.raises(TypeError, match=r"ratio\(\) takes 2 arguments, but got 3"):
        ratio(Value(1.0), 2.0, 3.0)
    with pytest.raises(TypeError, match=r"cube\(\) takes 1 arguments, but got 2"):
        cube(Value(1.0), 2.0)
    with pytest.raises(TypeError, match=r"blend\(\) takes 3 arguments, but got 1"):
        blend(Value(1.0))


@pytest.mark.parametrize("bad", ["2", None, 1j])
def test_arguments_that_are_no_numbers_are_refused(bad):
    with pytest.raises(TypeError, match=r"cube\(\) takes real numbers, arrays and Values"):
        cube(bad)
    with pytest.raises(TypeError, match="expected a real number"):
        ratio(Value(1.0), bad)


def test_errors_of_the_value_and_of_a_rule_come_through():
    root = custom_op("root", math.sqrt, lambda y, x: 0.5 / y)
    with pytest.raises(ValueError, match="math domain error"):
        root(-1.0)
    with pytest.raises(ValueError, match="math domain error"):
        root(Value(-1.0))
    x = Value(0.0)
    root(x).backward()  # division by zero in a rule is that of IEEE 754
    assert x.grad == math.inf


def test_with_a_reading_for_arrays_errors_of_math_become_ieee_numbers():
    root = custom_op("root", math.sqrt, lambda y, x: 0.5 / y, array=np.sqrt)
    assert math.isnan(root(-1.0))
    assert math.isnan(root(Value(-1.0)).data)


# -- among the rest --------------------------------------------------------------------------


def test_a_custom_op_is_no_row_of_the_table():
    before = dict(TABLE)
    op = custom_op("exp", lambda x: x, lambda y, x: 1.0)
    assert before == TABLE
    assert isinstance(op, Op)
    assert ag.exp(1.0) == math.e
    assert op(1.0) == 1.0


def test_within_a_network():
    model = nn.MLP(2, [3, 1], activation="tanh", rng=0)

    def loss(x):
        return cube(model([gauss(x[0]), ratio(x[1], 2.0)])[0])

    x = np.array([0.3, -0.4])
    assert gradcheck(loss, x, order=2)
    loss([Value(0.3), Value(0.4)]).backward()
    assert any(p.grad != 0.0 for p in model.parameters())


@pytest.mark.parametrize("op", [cube, gauss])
@pytest.mark.parametrize("x", [0.5, -1.2, 0.0])
def test_right_ops_pass_gradcheck(op, x):
    assert gradcheck(op, x, order=2)


def test_ops_of_several_arguments_pass_gradcheck():
    assert gradcheck(ratio, 1.5, -0.7, order=2)
    assert gradcheck(blend, 1.0, 2.0, 0.3, order=2)


def test_anomalies_are_found_in_custom_ops():
    op = custom_op("pole", lambda x: 1.0 / x if x else math.inf, lambda y, x: -y * y)
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"<op pole> made inf of Value"):
        op(Value(0.0))
    steep = custom_op("steep", lambda x: x, lambda y, x: math.inf)
    with (
        detect_anomaly(),
        pytest.raises(AnomalyError, match="backward pass of <op steep> made inf"),
    ):
        steep(Value(1.0)).backward()


def test_hooks_labels_and_drawings_work():
    x = Value(2.0, "x")
    y = cube(x)
    y.label = "y"
    seen = []
    y.register_hook(seen.append)
    (y * 2.0).backward()
    assert seen == [2.0]
    assert "cube" in ag.draw(y).source
    named = custom_op("n", lambda x: x, lambda y, x: 1.0, symbol="<☂>", latex=r"\mathrm{{n}}({0})")
    assert named.symbol == "<☂>"
    assert "☂" in ag.draw(named(x)).source


def test_what_was_not_given_has_a_default():
    op = custom_op("blend", lambda a, b: a, [lambda y, a, b: 1.0, lambda y, a, b: 0.0])
    assert op.latex == r"\mathrm{{blend}}\left({0}, {1}\right)"
    assert op.domain == (REAL, REAL)
    assert op.kinks == ()
    assert op.symbol == "blend"


def test_what_was_given_is_kept():
    op = custom_op(
        "ramp", lambda x: max(x, 0.0), lambda y, x: float(x > 0.0),
        latex="r{0}", domain=[(1.0, 2.0)], kinks=[Kink((0.0,), 0.0, (0.0,))],
    )  # fmt: skip
    assert op.latex == "r{0}"
    assert op.domain == ((1.0, 2.0),)
    assert op.kinks == (Kink((0.0,), 0.0, (0.0,)),)


def test_the_document_of_the_value_is_that_of_the_op():
    def value(x):
        """The third power."""
        return x**3

    assert custom_op("c", value, lambda y, x: 3.0 * x**2).doc == "The third power."
    assert custom_op("c", lambda x: x, lambda y, x: 1.0).doc == "The custom op c."


def test_copies_keep_the_op_and_pickles_are_refused():
    y = cube(Value(2.0))
    assert copy.deepcopy(y).op is cube
    assert copy.copy(y).op is cube
    assert copy.deepcopy({"op": cube})["op"] is cube
    for thing in (cube, y, [y]):
        with pytest.raises(pickle.PicklingError, match="<op cube> is not in the op table"):
            pickle.dumps(thing)


def test_deep_chains_of_custom_ops_need_no_recursion():
    half = custom_op("half", lambda x: 0.5 * x, lambda y, x: 0.5)
    x = y = Value(1.0)
    for _ in range(20_000):
        y = half(y) * 2.0
    y.backward()
    assert x.grad == 1.0
    assert len(topological(y)) == 60_001
    ref = weakref.ref(y)
    del y
    assert ref() is None
