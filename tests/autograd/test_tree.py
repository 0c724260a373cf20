"""Structures taken apart and put together."""

import collections
from collections import namedtuple
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, grad
from autograd.tree import array, flatten

Point = namedtuple("Point", ["x", "y"])
reproducible = settings(derandomize=True, deadline=None, max_examples=60, database=None)

numbers = st.floats(-10.0, 10.0)
arrays = st.lists(st.integers(0, 3), min_size=1, max_size=3).map(
    lambda shape: np.arange(float(np.prod(shape))).reshape(shape)
)
structures = st.recursive(
    numbers | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.tuples(inner, inner).map(Point._make)
        | st.dictionaries(st.sampled_from("abcde") | st.integers(0, 5), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(a, b):
    """Whether they have the same types, shapes, keys in order, and numbers."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and bool((a == b).all())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@reproducible
@given(structure=structures)
def test_what_is_taken_apart_can_be_put_together(structure):
    leaves, tree = flatten(structure)
    assert len(leaves) == tree.size
    assert all(type(leaf) is float for leaf in leaves)
    assert same(tree.unflatten(leaves), structure)
    again, other = flatten(tree.unflatten([2.0 * leaf for leaf in leaves]))
    assert again == [2.0 * leaf for leaf in leaves]
    assert other.size == tree.size


@reproducible
@given(structure=structures)
def test_a_gradient_has_the_structure_of_its_argument(structure):
    def half_the_square(part):
        return sum((leaf * leaf for leaf in flatten(part)[0]), 0.0) * 0.5

    assert same(grad(half_the_square)(structure), structure)


def test_blocks_are_visited_in_order_with_their_first_leaf():
    _, tree = flatten({"a": np.zeros((2, 2)), "b": [1.0, (2.0, np.zeros(0), np.zeros(3))]})
    seen = tree.map(lambda start, block: (start, block.size, block.shape))
    assert seen == {
        "a": (0, 4, (2, 2)),
        "b": [(4, 1, ()), ((5, 1, ()), (6, 0, (0,)), (6, 3, (3,)))],
    }


def test_named_tuples_and_dicts_keep_names_and_order():
    structure = Point({"z": 1.0, "a": 2.0}, [Point(3.0, 4.0)])
    leaves, tree = flatten(structure)
    assert leaves == [1.0, 2.0, 3.0, 4.0]
    back = tree.unflatten(leaves)
    assert type(back) is Point
    assert list(back.x) == ["z", "a"]
    assert type(back.y[0]) is Point


def test_a_single_number_is_its_own_structure():
    for number in (1.0, 2, True, np.float32(3.0), np.int8(4), np.bool_(True), Fraction(1, 2)):
        leaves, tree = flatten(number)
        assert leaves == [number]
        assert tree.shape == ()
    x = Value(1.0)
    leaves, _ = flatten(x)
    assert leaves[0] is x


def test_an_array_without_axes_is_a_number():
    leaves, tree = flatten(np.array(3.0))
    assert leaves == [3.0]
    assert tree.shape == ()
    assert tree.unflatten([5.0]) == 5.0


def test_arrays_of_floats_come_back_as_floats_and_those_of_values_as_objects():
    x = Value(1.0)
    assert array([1.0, 2.0]).dtype == np.float64
    assert array([]).dtype == np.float64
    mixed = array([x, 2.0])
    assert mixed.dtype == object
    assert mixed[0] is x
    _, tree = flatten(np.zeros((1, 2)))
    assert tree.unflatten([x, 2.0]).shape == (1, 2)
    assert tree.unflatten([1, 2]).dtype == np.float64


def test_values_in_arrays_are_leaves_one_by_one():
    x, y = Value(1.0), Value(2.0)
    leaves, tree = flatten(np.array([[x], [y]], dtype=object))
    assert leaves[0] is x
    assert leaves[1] is y
    assert tree.shape == (2, 1)


def test_a_structure_taken_apart_does_not_share_memory_with_what_is_put_together():
    a = np.ones(3)
    leaves, tree = flatten(a)
    b = tree.unflatten(leaves)
    b[0] = 5.0
    assert a.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "bad",
    ["text", b"bytes", None, 1j, {1.0}, object(), (x for x in ()), range(3), np.array(["a"]),
     np.array([1j]), np.array(["2020-01-01"], dtype="datetime64[D]"), iter([1.0]), len,
     np.complex128(1.0), np.datetime64("2020-01-01")],
    ids=lambda bad: f"{type(bad).__name__} {bad!r:.12}",
)  # fmt: skip
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [1.0, x], lambda x: {"k": (x,)}])
def test_anything_else_is_refused_by_name(bad, wrap):
    with pytest.raises(TypeError, match="expected real numbers, arrays, and lists, tuples or dicts"
                       f".* but got {type(bad).__name__}"):  # fmt: skip
        flatten(wrap(bad))


def test_empty_structures_have_no_leaves():
    for empty in ([], (), {}, [[], ()], np.zeros((0, 3)), {"a": []}):
        leaves, tree = flatten(empty)
        assert leaves == []
        assert tree.size == 0
        assert same(tree.unflatten([]), empty)


def test_a_deeper_nesting_than_usual_survives():
    structure = 1.0
    for _ in range(100):
        structure = [structure]
    _, tree = flatten(structure)
    assert same(tree.unflatten([1.0]), structure)


def test_kinds_of_dicts_come_back_with_the_same_keys():
    for kind in (collections.OrderedDict, lambda **k: collections.defaultdict(float, **k)):
        g = grad(lambda p: p["b"] * p["a"] ** 2)(kind(b=3.0, a=2.0))
        assert list(g.items()) == [("b", 4.0), ("a", 12.0)]
