"""The contract of `Value`: what it accepts, what operators mean, how it meets Python and NumPy."""

import math
import operator
import random
import weakref
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from autograd import TABLE, GraphError, Value, affine, no_grad, ops
from autograd import sum as total

inf, nan = math.inf, math.nan


def same(a, b):
    """The same float: nan equals nan, and 0.0 is not -0.0."""
    return (a != a and b != b) or (a == b and math.copysign(1.0, a) == math.copysign(1.0, b))


def node_array(*numbers):
    array = np.empty(len(numbers), dtype=object)
    array[:] = [Value(number) for number in numbers]
    return array


# -- the door --------------------------------------------------------------------------------

NUMPY_SCALARS = [
    np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
    np.intc, np.longlong, np.float16, np.float32, np.float64, np.longdouble, np.bool_,
]  # fmt: skip
ACCEPTED = [
    (2.5, 2.5), (3, 3.0), (True, 1.0), (False, 0.0), (-0.0, -0.0), (10**300, 1e300),
    (Fraction(1, 2), 0.5), (inf, inf), (nan, nan), (5e-324, 5e-324),
    (np.array(2.5), 2.5), (np.array(3), 3.0), (np.array(True), 1.0),
    (np.array(1.5, dtype=np.float32), 1.5), (np.array(7, dtype=np.uint8), 7.0),
    *((kind(1), 1.0) for kind in NUMPY_SCALARS),
]  # fmt: skip


@pytest.mark.parametrize(("number", "data"), ACCEPTED)
def test_every_real_scalar_becomes_a_python_float(number, data):
    v = Value(number)
    assert type(v.data) is float
    assert same(v.data, data)
    assert type(v.grad) is float
    assert v.grad == 0.0


def test_a_float32_is_the_double_nearest_to_what_it_holds():
    assert Value(np.float32(0.1)).data == float(np.float32(0.1))
    assert Value(np.float32(0.1)).data != 0.1


REFUSED = [
    ("2.0", "str '2.0'.*float"),
    (b"2", "bytes b'2'.*float"),
    (None, "NoneType None"),
    (1j, r"complex 1j.*\.real"),
    (np.complex128(1j), r"complex128 .*\.real"),
    (np.array(1j), "ndarray .*"),
    ([1.0], r"list \[1.0\].*Value per element"),
    ((1.0, 2.0), r"tuple .*Value per element"),
    (np.array([1.0]), r"ndarray .*Value per element"),
    (np.array([1.0, 2.0]), r"ndarray .*Value per element"),
    (np.array([[1.0]]), r"ndarray .*Value per element"),
    (np.array("2.0"), "ndarray"),
    (np.str_("2.0"), "str_"),
    (np.datetime64("2020-01-01"), "datetime64"),
    (np.timedelta64(1, "s"), "timedelta64"),
    ({1.0}, r"set \{1.0\}"),
    ({"a": 1.0}, "dict"),
    (object(), "object"),
    (Decimal("1.5"), r"Decimal .*float"),
    (float, "type <class 'float'>"),
    (Value(2.0), r"Value Value\(data=2.0.*\.data"),
]


@pytest.mark.parametrize(("thing", "message"), REFUSED, ids=lambda thing: type(thing).__name__)
def test_anything_else_is_refused_by_name_with_a_remedy(thing, message):
    with pytest.raises(TypeError, match=rf"expected a real number, but got {message}") as error:
        Value(thing)
    remedy = str(error.value).rsplit(". ", 1)[1]
    assert remedy[0].isupper()
    assert remedy.endswith(".")


def test_a_tensor_is_refused_with_a_remedy():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"Tensor .*\.item\(\)"):
        Value(torch.tensor(2.0))
    with pytest.raises(TypeError, match=r"Tensor "):
        Value(torch.tensor([2.0, 3.0]))


def test_an_integer_beyond_the_floats_is_refused_by_python():
    with pytest.raises(OverflowError, match="int too large to convert to float"):
        Value(10**400)


def test_a_new_value_is_a_leaf():
    v = Value(2.0, "w", requires_grad=True)
    assert v.is_leaf
    assert v.op is None
    assert v.parents == ()
    assert v.args == ()
    assert v.partials == ()
    assert v.label == "w"
    assert v.requires_grad
    assert v.item() == 2.0


def test_the_keywords_are_the_documented_ones():
    v = Value(data=1, label="x", requires_grad=False)
    assert (v.data, v.label, v.requires_grad) == (1.0, "x", False)
    assert Value(1.0).label == ""
    assert Value(1.0).requires_grad


def test_a_value_has_no_other_attributes():
    with pytest.raises(AttributeError, match="gard"):
        Value(1.0).gard = 2.0


# -- operators -------------------------------------------------------------------------------

BINARY = [
    (operator.add, "add"), (operator.sub, "subtract"), (operator.mul, "multiply"),
    (operator.truediv, "divide"), (operator.floordiv, "floor_divide"),
    (operator.mod, "remainder"), (operator.pow, "power"),
]  # fmt: skip
UNARY = [(operator.neg, "negative"), (operator.pos, "positive"), (abs, "absolute")]


def name_only(case):
    return case if isinstance(case, str) else ""


every_binary = pytest.mark.parametrize(
    ("apply", "name"), BINARY, ids=lambda x: x if isinstance(x, str) else "operator"
)
SCALARS = [
    3, True, 2.5, np.float64(2.5), np.float32(2.5), np.float16(2.5), np.int64(3), np.int8(3),
    np.uint8(3), np.bool_(True), np.array(2.5), np.array(3), Fraction(5, 2),
]  # fmt: skip
every_scalar = pytest.mark.parametrize("scalar", SCALARS, ids=lambda x: type(x).__name__ + str(x))


def ieee(name, a, b):
    with np.errstate(all="ignore"):
        return float(TABLE[name].array(np.float64(a), np.float64(b)))


@every_binary
def test_an_operator_makes_one_node_of_its_row(apply, name):
    a, b = Value(7.5), Value(2.0)
    y = apply(a, b)
    assert type(y) is Value
    assert y.op is TABLE[name]
    assert len(y.parents) == 2
    assert y.parents[0] is a
    assert y.parents[1] is b
    assert y.data == apply(7.5, 2.0)
    assert not y.is_leaf


@every_binary
@every_scalar
def test_an_operator_takes_a_number_on_its_right(apply, name, scalar):
    a = Value(7.5)
    y = apply(a, scalar)
    assert type(y) is Value
    assert y.op is TABLE[name]
    assert y.parents[0] is a
    assert y.parents[1].is_leaf
    assert not y.parents[1].requires_grad
    assert y.parents[1].data == float(scalar)
    assert y.data == apply(7.5, float(scalar))
    y.backward()
    assert a.grad == TABLE[name].slopes(y.data, (7.5, float(scalar)))[0]


@every_binary
@every_scalar
def test_an_operator_takes_a_number_on_its_left(apply, name, scalar):
    b = Value(2.0)
    y = apply(scalar, b)
    assert type(y) is Value
    assert y.op is TABLE[name]
    assert y.parents[1] is b
    assert y.parents[0].is_leaf
    assert not y.parents[0].requires_grad
    assert y.parents[0].data == float(scalar)
    assert y.data == apply(float(scalar), 2.0)
    y.backward()
    assert b.grad == TABLE[name].slopes(y.data, (float(scalar), 2.0))[1]


@pytest.mark.parametrize(
    ("apply", "name"), UNARY, ids=lambda x: x if isinstance(x, str) else "operator"
)
def test_a_sign_makes_one_node_of_its_row(apply, name):
    for number in (-2.5, 2.5, 0.0, -0.0, inf):
        a = Value(number)
        y = apply(a)
        assert y is not a
        assert y.op is TABLE[name]
        assert len(y.parents) == 1
        assert y.parents[0] is a
        assert same(y.data, apply(number))


SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, -7.5, 0.1, 1e-310, 1e308, -1e308, inf, -inf, nan]


@every_binary
def test_an_operator_gives_the_ieee_result_for_all_pairs_of_special_numbers(apply, name):
    for a in SPECIAL:
        for b in SPECIAL:
            want = ieee(name, a, b)
            got = apply(Value(a), Value(b)).data
            if name == "power" and math.isfinite(want):  # two libraries, each within an ulp
                assert abs(got - want) <= math.ulp(want), (a, b)
            else:
                assert same(got, want), (a, b)
            assert same(apply(a, Value(b)).data, got), (a, b)
            assert same(apply(Value(a), b).data, got), (a, b)


@every_binary
def test_an_operator_of_ordinary_floats_is_that_of_python(apply, name):
    rng = random.Random(name)
    for _ in range(200):
        a, b = rng.uniform(0.1, 9.0), rng.uniform(0.1, 9.0)
        assert apply(Value(a), Value(b)).data == apply(a, b)


@every_binary
@pytest.mark.parametrize("thing", ["2", None, 1j, [1.0], {}, ...], ids=repr)
def test_an_operator_refuses_what_is_no_number(apply, name, thing):
    with pytest.raises(TypeError):
        apply(Value(2.0), thing)
    if apply is operator.mod and isinstance(thing, str):
        return  # the text "2" formats
    with pytest.raises(TypeError):
        apply(thing, Value(2.0))


def test_an_operator_lets_the_other_side_answer():
    class Other:
        def __radd__(self, left):
            return "radd"

    assert Value(1.0) + Other() == "radd"


def test_division_is_ieee_division():
    rng = random.Random(0)
    for _ in range(2000):
        a, b = rng.uniform(-10, 10), rng.uniform(-10, 10)
        assert (Value(a) / Value(b)).data == a / b
        assert (a / Value(b)).data == a / b
    assert (Value(1e-320) / 1e-310).data == 1e-320 / 1e-310
    assert (Value(3.0) / np.int64(2)).data == 1.5
    assert (np.int64(3) / Value(2.0)).data == 1.5


def test_divmod_is_floor_and_remainder():
    q, r = divmod(Value(7.5), 2.0)
    assert (q.data, r.data) == divmod(7.5, 2.0)
    q, r = divmod(7.5, Value(-2.0))
    assert (q.data, r.data) == divmod(7.5, -2.0)


def test_powers_take_values_in_both_places():
    a, b = Value(2.0), Value(3.0)
    y = a**b
    y.backward()
    assert y.data == 8.0
    assert a.grad == 12.0
    assert b.grad == 8.0 * math.log(2.0)
    c = Value(3.0)
    (2**c).backward()
    assert c.grad == 8.0 * math.log(2.0)


def test_pow_with_a_modulus_is_refused():
    with pytest.raises(TypeError):
        pow(Value(2.0), 3, 5)


def test_augmented_assignment_makes_a_new_node():
    a = first = Value(2.0)
    a += 1.0
    a *= a
    assert a is not first
    assert a.data == 9.0
    assert first.data == 2.0
    a.backward()
    assert first.grad == 6.0


def test_a_node_may_use_the_same_argument_twice():
    x = Value(3.0)
    y = x * x
    assert len(y.parents) == 2
    assert all(parent is x for parent in y.parents)
    y.backward()
    assert x.grad == 6.0


def test_order_of_the_arguments_is_kept():
    a, b = Value(2.0), Value(5.0)
    assert [parent.data for parent in (a - b).parents] == [2.0, 5.0]
    assert [parent.data for parent in (b - a).parents] == [5.0, 2.0]


# The method `where` has the order of PyTorch, x.where(condition, other).
FUNCTIONS = [row for row in TABLE.values() if hasattr(Value, row.name) and row.name != "where"]


def test_a_bound_of_clip_may_be_left_out_with_none():
    x = Value(2.0)
    assert x.clip(None, 1.0).data == 1.0
    assert x.clip(None, 3.0).data == 2.0
    assert x.clip(3.0, None).data == 3.0
    assert x.clip(1.0, None).data == 2.0
    assert [parent.data for parent in x.clip(None, None).parents] == [2.0, -math.inf, math.inf]


def test_numpy_is_refused_in_words_that_tell_what_to_do():
    x = Value(1.0)
    with pytest.raises(TypeError) as info:
        np.gcd(x, x)
    assert str(info.value) == (
        "np.gcd has no derivative in the op table. Use another function, or .data for the number."
    )
    array = np.ones(2)
    with pytest.raises(TypeError) as info:
        array += x
    assert str(info.value) == (
        "an array of float64 cannot hold Values. Write a = a + v instead of a += v, or begin "
        "with a.astype(object)."
    )


def test_a_new_node_has_gradient_zero_however_it_is_made():
    x = Value(2.0)
    nodes = [-x, x + 1.0, 1.0 + x, x.tanh(), x.maximum(1.0), *affine([[x]], [x]), ops.total([x])]
    assert [node._grad for node in nodes] == [0.0] * len(nodes)
    c = Value(2.0, requires_grad=False)
    nodes = [-c, c + 1.0, 1.0 + c, c.tanh(), c.maximum(1.0), *affine([[c]], [c]), ops.total([c])]
    assert [node._grad for node in nodes] == [None] * len(nodes)
    assert [node.op for node in nodes] == [None] * len(nodes)


def test_a_node_of_a_subclass_is_an_operand_like_any_other():
    class Weight(Value):
        pass

    x, w = Value(2.0), Weight(3.0)
    for y in (x * w, w * x):
        assert y.data == 6.0
        assert w in y.parents
    (x * w).backward()
    assert (x.grad, w.grad) == (3.0, 2.0)


def test_operators_and_methods_carry_the_document_of_their_row():
    assert Value.__add__.__doc__ == Value.__radd__.__doc__ == ops.add.doc
    assert Value.tanh.__doc__ == ops.tanh.doc
    assert Value.maximum.__doc__ == ops.maximum.doc
    assert Value.tanh.__name__ == "tanh"
    assert Value.__lt__.__doc__ == "Compare the numbers; the result is a bool."


def test_where_is_a_method_in_the_order_of_pytorch():
    x, other, condition = Value(2.0), Value(3.0), Value(1.0)
    y = x.where(condition, other)
    assert y.data == 2.0
    assert y.parents == (condition, x, other)
    assert x.where(0.0, other).data == 3.0


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_a_function_is_a_method_too(row):
    point = [sum(interval) / 2.0 for interval in row.domain]
    leaves = [Value(each) for each in point]
    y = getattr(leaves[0], row.name)(*leaves[1:])
    assert y.op is row
    assert y.data == row(*point)
    assert [parent.data for parent in y.parents] == point


def test_methods_of_two_arguments_take_numbers():
    x = Value(2.0)
    assert x.maximum(3).data == 3.0
    assert x.minimum(np.float64(3)).data == 2.0
    assert x.power(2).data == 4.0


def test_methods_take_the_options_of_their_function_by_name():
    x = Value(-2.0)
    y = x.leaky_relu(negative_slope=0.25)
    assert y.data == -0.5
    y.backward()
    assert x.grad == 0.25
    with pytest.raises(TypeError, match="steepness"):
        x.leaky_relu(steepness=0.25)


def test_affine_makes_one_node_per_row():
    weights = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
    x, b = [Value(5.0), Value(6.0)], [Value(7.0), Value(8.0)]
    z = affine(weights, x, b, labels=["z1", "z2"])
    assert [each.data for each in z] == [24.0, 47.0]
    assert [each.label for each in z] == ["z1", "z2"]
    assert [len(each.parents) for each in z] == [5, 5]
    (z[0] * 2.0 + z[1]).backward()
    assert [w.grad for row in weights for w in row] == [10.0, 12.0, 5.0, 6.0]
    assert [each.grad for each in x] == [5.0, 8.0]
    assert [each.grad for each in b] == [2.0, 1.0]


def test_affine_takes_numbers_and_needs_no_biases():
    x = Value(2.0)
    z = affine([[3.0, np.float64(4.0)]], [x, 1])
    assert z[0].data == 10.0
    z[0].backward()
    assert x.grad == 3.0


def test_affine_refuses_lengths_that_do_not_go_together():
    x = [Value(1.0), Value(2.0)]
    with pytest.raises(ValueError, match="3 weights and 2 inputs"):
        affine([[1.0, 2.0, 3.0]], x)
    with pytest.raises(ValueError, match="1 rows of weights, but 2 biases"):
        affine([[1.0, 2.0]], x, [1.0, 2.0])


# -- IEEE arithmetic, without exceptions and warnings ----------------------------------------


@pytest.mark.parametrize(
    ("f", "data", "grad"),
    [
        (lambda x: 1.0 / (x * 0.0), inf, nan),
        (lambda x: (x * 0.0) / (x * 0.0), nan, nan),
        (lambda x: (x - 2.0).log(), -inf, inf),
        (lambda x: (x - 3.0).log(), nan, -1.0),
        (lambda x: (x - 10.0) ** (1 / 3), nan, nan),
        (lambda x: (x * 500.0).exp(), inf, inf),
        (lambda x: (x * 1e308).exp().log(), inf, 0.0),
        (lambda x: x * inf - inf, nan, inf),
        (lambda x: (x * 1e308) * 10.0, inf, inf),
        (lambda x: 10.0 ** (x * 200.0), inf, inf),
        (lambda x: (x * 5.0) ** 400, inf, inf),
        (lambda x: (x - 2.0).sqrt(), 0.0, inf),
        (lambda x: (x - 3.0).sqrt(), nan, nan),
        (lambda x: x // 0.0, inf, 0.0),
        (lambda x: x % 0.0, nan, 1.0),
        (lambda x: (x * 500.0).cosh(), inf, inf),
        (lambda x: (x * -500.0).sinh(), -inf, -inf),
    ],
)
def test_arithmetic_raises_nothing_forward_or_backward(f, data, grad):
    x = Value(2.0)
    y = f(x)
    assert same(y.data, data)
    y.backward()
    assert (x.grad == grad) or (math.isnan(x.grad) and math.isnan(grad)), x.grad


def test_there_are_no_complex_numbers():
    assert type((Value(-8.0) ** (1 / 3)).data) is float
    assert math.isnan((Value(-8.0) ** (1 / 3)).data)
    assert math.isnan(((-8.0) ** Value(1 / 3)).data)


# -- comparisons, hashing, and the number for Python -----------------------------------------

COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("compare", COMPARISONS)
def test_a_comparison_compares_the_numbers_and_gives_a_bool(compare):
    for a in (1.0, 2.0, nan, -0.0, 0.0, inf):
        for b in (1.0, 2.0, nan, 0.0):
            want = compare(a, b)
            for other in (Value(b), b, np.float64(b), np.array(b)):
                got = compare(Value(a), other)
                assert bool(got) is want
                assert isinstance(got, (bool, np.bool_))
            assert compare(a, Value(b)) is want
            assert bool(compare(np.float64(a), Value(b))) is want


def test_a_comparison_of_values_is_a_python_bool():
    for compare in COMPARISONS:
        assert type(compare(Value(1.0), Value(2.0))) is bool
        assert type(compare(Value(1.0), 2)) is bool


@pytest.mark.parametrize("thing", ["1.0", None, [1.0], 1j], ids=repr)
def test_a_value_equals_nothing_that_is_no_real_number(thing):
    assert (Value(1.0) == thing) is False
    assert (Value(1.0) != thing) is True
    with pytest.raises(TypeError, match="not supported between instances"):
        Value(1.0) < thing


def test_comparisons_record_nothing():
    x = Value(1.0)
    assert x < 2.0
    with pytest.raises(AttributeError):
        (x < 2.0).parents


def test_nodes_are_hashed_by_identity_though_equal_by_number():
    a, b = Value(1.0), Value(1.0)
    assert a == b
    assert len({a, b}) == 2
    assert {a: "a", b: "b"}[b] == "b"
    before = hash(a)
    a.data = 2.0
    assert hash(a) == before


def test_equality_by_number_does_not_confuse_gradients():
    a, b = Value(1.0), Value(1.0)
    (a * 5.0 + b * 5.0).backward()
    assert (a.grad, b.grad) == (5.0, 5.0)


@pytest.mark.parametrize("number", [0.0, -0.0, 1.0, nan, -2.7, 2.5, 3.5, -0.5])
def test_python_reads_the_number(number):
    v = Value(number)
    assert bool(v) is bool(number)
    assert same(float(v), number)
    if number == number:
        assert int(v) == int(number)
        assert type(int(v)) is int
        assert round(v) == round(number)
        assert type(round(v)) is int
        assert math.floor(v) == math.floor(number)
        assert math.ceil(v) == math.ceil(number)
        assert math.trunc(v) == math.trunc(number)
    assert same(round(v, 1), round(number, 1))
    assert format(v, ".3f") == format(number, ".3f")
    assert f"{v:>10.2e}" == f"{number:>10.2e}"
    assert f"{v}" == str(v) == repr(v)


def test_reading_nan_as_an_integer_is_the_error_of_python():
    with pytest.raises(ValueError, match="cannot convert float NaN to integer"):
        int(Value(nan))


def test_the_math_module_reads_the_number():
    assert math.sqrt(Value(4.0)) == 2.0
    assert math.isnan(Value(nan))


def test_a_value_branches_by_its_number():
    assert Value(0.0) or True
    assert not Value(0.0)
    assert Value(-1.0)


def test_sum_max_min_and_sorted_work():
    values = [Value(3.0), Value(1.0), Value(2.0)]
    y = sum(values)
    assert y.data == 6.0
    y.backward()
    assert [v.grad for v in values] == [1.0, 1.0, 1.0]
    assert max(values) is values[0]
    assert min(values) is values[1]
    assert [v.data for v in sorted(values)] == [1.0, 2.0, 3.0]
    assert sorted(values)[0] is values[1]
    assert max(values, key=lambda v: -v.data) is values[1]
    assert math.prod(values).data == 6.0


def test_membership_compares_numbers_as_python_does():
    values = [Value(1.0), Value(2.0)]
    assert Value(2.0) in values
    assert 2.0 in values
    assert 3.0 not in values


def test_a_value_cannot_be_indexed_or_iterated():
    with pytest.raises(TypeError, match="not iterable"):
        list(Value(1.0))
    with pytest.raises(TypeError, match="not subscriptable"):
        Value(1.0)[0]


# -- NumPy -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scalar", [np.float64(2), np.int64(2), np.float32(2), np.bool_(True)])
@every_binary
def test_a_numpy_scalar_on_the_left_gives_a_value_with_a_gradient(apply, name, scalar):
    v = Value(3.0)
    y = apply(scalar, v)
    assert type(y) is Value
    assert y.data == apply(float(scalar), 3.0)
    y.backward()
    assert v.grad == TABLE[name].slopes(y.data, (float(scalar), 3.0))[1]


@pytest.mark.parametrize("dtype", [float, int, np.float32, bool])
@every_binary
def test_an_array_and_a_value_give_an_array_of_nodes(apply, name, dtype):
    v = Value(3.0)
    array = np.array([[1, 2, 0]], dtype=dtype)
    for got, number in ((apply(array, v), lambda each: (float(each), 3.0)),
                        (apply(v, array), lambda each: (3.0, float(each)))):  # fmt: skip
        assert isinstance(got, np.ndarray)
        assert got.dtype == object
        assert got.shape == array.shape
        for node, each in zip(got.ravel(), array.ravel(), strict=True):
            assert type(node) is Value
            assert node.op is TABLE[name]
            assert same(node.data, ieee(name, *number(each)))


def test_arrays_of_values_work_with_operators_and_gradients():
    x = node_array(1.0, 2.0, 3.0)
    y = (x * 2.0 + x**2 - 1.0).sum()
    assert y.data == 12.0 + 14.0 - 3.0
    y.backward()
    assert [each.grad for each in x] == [4.0, 6.0, 8.0]


def test_matrix_products_of_arrays_of_values_work():
    weights = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    x = node_array(5.0, 6.0)
    z = weights @ x
    assert [each.data for each in z] == [17.0, 39.0]
    z.sum().backward()
    assert [each.grad for each in x] == [4.0, 6.0]
    assert [w.grad for w in weights.ravel()] == [5.0, 6.0, 5.0, 6.0]
    assert [each.data for each in weights @ np.array([5.0, 6.0])] == [17.0, 39.0]
    assert [each.data for each in np.array([[1, 2], [3, 4]]) @ x] == [17.0, 39.0]


def test_means_and_sums_of_arrays_of_values_work():
    x = node_array(1.0, 2.0, 6.0)
    mean = np.mean(x)
    assert mean.data == 3.0
    mean.backward()
    assert [each.grad for each in x] == [1 / 3] * 3
    assert np.sum(x).data == 9.0
    assert total(x).data == 9.0


UFUNCS = [
    row for row in TABLE.values() if isinstance(row.array, np.ufunc) and row.array is not np.equal
]


@pytest.mark.parametrize("row", UFUNCS, ids=lambda row: row.name)
def test_a_function_of_numpy_is_the_row_of_the_table(row):
    point = [sum(interval) / 2.0 for interval in row.domain]
    leaves = [Value(each) for each in point]
    y = row.array(*leaves)
    assert type(y) is Value
    assert y.op is row
    assert y.data == row(*point)
    y.backward()
    assert [leaf.grad for leaf in leaves] == list(row.slopes(y.data, point))


@pytest.mark.parametrize(
    "row",
    [row for row in UFUNCS if row.name != "logaddexp"],  # NumPy's takes no arrays of objects
    ids=lambda row: row.name,
)
def test_a_function_of_numpy_works_on_arrays_of_values(row):
    point = [sum(interval) / 2.0 for interval in row.domain]
    arrays = [node_array(each, each) for each in point]
    got = row.array(*arrays)
    assert got.shape == (2,)
    assert [float(each) for each in got] == [row(*point)] * 2
    if row.name not in ("sign", "floor", "ceil"):  # NumPy does these itself, and gives integers
        got[1].backward()
        assert [array[1].grad for array in arrays] == list(row.slopes(row(*point), point))
        assert [array[0].grad for array in arrays] == [0.0] * len(arrays)


def test_functions_of_numpy_mix_values_numbers_and_arrays():
    v = Value(0.5)
    assert np.exp(v).data == math.exp(0.5)
    assert np.maximum(v, 0).data == 0.5
    assert np.maximum(0, v).data == 0.5
    assert np.maximum(np.array([0.0, 1.0]), v)[1].data == 1.0
    assert np.power(v, 2).data == 0.25
    assert np.sqrt(node_array(4.0))[0].data == 2.0
    assert np.add(v, np.ones((2, 2))).shape == (2, 2)


@pytest.mark.parametrize(
    "compare", [np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal]
)
def test_comparisons_with_arrays_are_arrays_of_bools(compare):
    array = np.array([1.0, 2.0, 3.0])
    want = compare(array, 2.0)
    got = compare(array, Value(2.0))
    assert got.dtype == bool
    assert got.tolist() == want.tolist()
    assert compare(Value(2.0), array).tolist() == compare(2.0, array).tolist()
    assert compare(Value(2.0), node_array(1.0, 2.0, 3.0)).tolist() == compare(2.0, array).tolist()


def test_comparison_operators_with_arrays_are_arrays_of_bools():
    array = np.array([1.0, 2.0, 3.0])
    assert (Value(2.0) < array).tolist() == [False, False, True]
    assert (array < Value(2.0)).tolist() == [True, False, False]
    assert (array == Value(2.0)).tolist() == [False, True, False]
    assert (Value(2.0) == array).tolist() == [False, True, False]


def test_tests_of_numpy_read_the_number():
    assert np.isnan(Value(nan))
    assert np.isinf(Value(inf))
    assert np.isfinite(Value(1.0))
    assert not np.isfinite(Value(nan))


@pytest.mark.parametrize("ufunc", [np.sinc, np.heaviside, np.logical_and, np.spacing, np.gcd])
def test_an_unknown_function_of_numpy_is_refused_by_name(ufunc):
    if not isinstance(ufunc, np.ufunc):
        return
    with pytest.raises(TypeError, match=rf"np\.{ufunc.__name__} has no derivative.*\.data"):
        ufunc(*[Value(1.0)] * ufunc.nin)


def test_methods_of_functions_of_numpy_are_refused_by_name():
    with pytest.raises(TypeError, match=r"np\.add\.outer has no derivative"):
        np.add.outer(Value(1.0), [1.0, 2.0])
    with pytest.raises(TypeError, match=r"np\.exp has no derivative"):
        np.exp(Value(1.0), where=np.array(True))


def test_a_gradient_is_never_lost_in_a_plain_array():
    array = np.asarray([Value(1.0), Value(2.0)])
    assert array.dtype == object
    assert all(type(each) is Value for each in array)
    assert np.array(Value(1.0)).dtype == object


def test_in_place_operators_on_arrays_of_values_work():
    v = Value(2.0)
    x = node_array(1.0, 2.0)
    first = x[0]
    x *= v
    assert [each.data for each in x] == [2.0, 4.0]
    x[0].backward()
    assert (first.grad, v.grad) == (2.0, 1.0)


def test_a_plain_array_cannot_take_values_in_place():
    array = np.array([1.0, 2.0])
    with pytest.raises(TypeError, match="float64"):
        array += Value(1.0)
    assert array.tolist() == [1.0, 2.0]


# -- labels, data, grad, requires_grad -------------------------------------------------------


@pytest.mark.parametrize(
    "label",
    ["w", "", "∂L/∂w⁽¹⁾₂₁", "a|b{}<c>", "two\nlines", "\x00\x1b", "🙂", "x" * 10_000, "\\N"],
)
def test_a_label_may_be_any_text(label):
    v = Value(1.0, label)
    assert v.label == label
    v.label = label + "!"
    assert v.label == label + "!"
    repr(v)


def test_an_interior_node_can_be_labelled():
    y = Value(1.0) * 2.0
    assert y.label == ""
    y.label = "y"
    assert y.label == "y"


@pytest.mark.parametrize("label", [None, 1, b"w", ["w"]], ids=repr)
def test_a_label_that_is_no_text_is_refused(label):
    v = Value(1.0, "w")
    with pytest.raises(TypeError, match=rf"a label is a str, not {type(label).__name__}"):
        v.label = label
    assert v.label == "w"
    with pytest.raises(TypeError, match="a label is a str"):
        Value(1.0, label)


def test_the_data_of_a_leaf_can_be_set():
    v = Value(1.0)
    v.data = np.float32(2.5)
    assert v.data == 2.5
    assert type(v.data) is float
    v.data -= 1
    assert v.data == 1.5


def test_the_data_of_an_interior_node_cannot_be_set():
    y = Value(1.0) * 2.0
    with pytest.raises(GraphError, match=r"cannot set \.data of .*'multiply'"):
        y.data = 3.0
    assert y.data == 2.0


@pytest.mark.parametrize("thing", ["1", None, 1j, [1.0], Value(3.0)], ids=repr)
def test_setting_something_that_is_no_number_changes_nothing(thing):
    v = Value(1.0)
    v.grad = 2.0
    with pytest.raises(TypeError, match="expected a real number"):
        v.data = thing
    if thing is not None:
        with pytest.raises(TypeError, match="expected a real number"):
            v.grad = thing
    assert (v.data, v.grad) == (1.0, 2.0)


def test_the_gradient_can_be_set_and_cleared():
    v = Value(1.0)
    v.grad = np.int64(2)
    assert v.grad == 2.0
    assert type(v.grad) is float
    v.grad *= 0.5
    assert v.grad == 1.0
    v.zero_grad()
    assert v.grad == 0.0
    v.grad = 3
    v.grad = None
    assert v.grad == 0.0


def test_a_constant_has_no_gradient():
    c = Value(1.0, requires_grad=False)
    assert c.grad == 0.0
    c.grad = 0.0
    c.zero_grad()
    assert not c.requires_grad
    with pytest.raises(GraphError, match="is a constant, which has no gradient"):
        c.grad = 1.0
    assert c.grad == 0.0


def test_requires_grad_can_be_set_on_a_leaf():
    v = Value(3.0)
    v.grad = 5.0
    v.requires_grad = True
    assert v.grad == 5.0
    v.requires_grad = False
    assert not v.requires_grad
    assert not (v * 2.0).requires_grad
    v.requires_grad = True
    y = v * 2.0
    y.backward()
    assert v.grad == 2.0


def test_requires_grad_cannot_be_taken_from_an_interior_node():
    y = Value(1.0) * 2.0
    y.requires_grad = True
    with pytest.raises(GraphError, match=r"cannot make .* a constant.*detach"):
        y.requires_grad = False
    assert y.requires_grad


def test_detach_gives_a_constant_with_the_number_and_the_label():
    y = Value(2.0) * 3.0
    y.label = "y"
    d = y.detach()
    assert (d.data, d.label, d.requires_grad, d.is_leaf) == (6.0, "y", False, True)
    assert d is not y
    x = Value(2.0)
    (x * x.detach()).backward()
    assert x.grad == 2.0


@pytest.mark.parametrize("name", ["op", "parents", "is_leaf", "args", "partials", "scope"])
def test_what_a_node_tells_of_itself_cannot_be_set(name):
    v = Value(1.0)
    with pytest.raises(AttributeError, match=name):
        setattr(v, name, None)


def test_a_repr_shows_what_matters():
    v = Value(2.0)
    assert repr(v) == "Value(data=2.0, grad=0.0)"
    assert repr(Value(0.1, "w")) == "Value(data=0.1, grad=0.0, label='w')"
    assert repr(Value(1, requires_grad=False)) == "Value(data=1.0, grad=0.0, requires_grad=False)"
    (v * v).backward()
    assert repr(v) == "Value(data=2.0, grad=4.0)"
    assert repr(Value(nan, "a'b\n")) == repr("a'b\n").join(
        ["Value(data=nan, grad=0.0, label=", ")"]
    )


def test_a_repr_of_a_deep_graph_is_short():
    v = Value(1.0)
    for _ in range(5000):
        v = v * 1.0
    assert len(repr(v)) < 100


def test_a_value_can_be_referred_to_weakly():
    v = Value(1.0)
    ref = weakref.ref(v)
    assert ref() is v
    del v
    assert ref() is None
    x = Value(2.0)
    y = x * x
    ref = weakref.ref(y)
    table = weakref.WeakKeyDictionary({y: 1})
    del y
    assert ref() is None
    assert len(table) == 0


def test_results_under_no_grad_are_constants():
    x = Value(2.0)
    with no_grad():
        results = [x * x, x.tanh(), ops.total([x, x]), ops.where(True, x, 1.0), *affine([[x]], [x])]
    for y in results:
        assert y.is_leaf
        assert not y.requires_grad
        assert y.parents == ()


def test_a_wrong_argument_beside_a_value_is_refused_by_the_name_of_the_function():
    with pytest.raises(TypeError, match=r"maximum\(\): expected a real number, but got str 'a'"):
        ops.maximum(Value(1.0), "a")
