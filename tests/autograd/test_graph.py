"""The walk over the graph, and its edges."""

import random

import pytest

from autograd import Value, affine, no_grad, ops, topological
from autograd.graph import edges


def random_graph(seed, n=200):
    rng = random.Random(seed)
    nodes = [Value(rng.uniform(-1.0, 1.0)) for _ in range(5)]
    for _ in range(n):
        a, b, c = rng.choice(nodes), rng.choice(nodes), rng.choice(nodes)
        make = rng.choice(
            [
                lambda a, b, c: a + b,
                lambda a, b, c: a * a,
                lambda a, b, c: a.tanh(),
                lambda a, b, c: a * 0.5,
                lambda a, b, c: ops.total([a, b, c, a]),
                lambda a, b, c: ops.dot([a, b], [b, c]),
                lambda a, b, c: ops.where(a > b, b, c),
                lambda a, b, c: affine([[a, b]], [c, a], [b])[0],
                lambda a, b, c: a.maximum(b),
            ]
        )
        nodes.append(make(a, b, c))
    return nodes


def ids(nodes):
    return [id(node) for node in nodes]


@pytest.mark.parametrize("seed", range(10))
def test_parents_stand_before_children_and_each_node_once(seed):
    root = random_graph(seed)[-1]
    order = topological(root)
    position = {id(node): k for k, node in enumerate(order)}
    assert len(position) == len(order)
    assert order[-1] is root
    for node in order:
        for parent in node.parents:
            assert position[id(parent)] < position[id(node)]


@pytest.mark.parametrize("seed", range(10))
def test_the_order_holds_just_what_the_root_was_computed_from(seed):
    root = random_graph(seed)[-1]
    reached, frontier = {id(root): root}, [root]
    while frontier:
        for parent in frontier.pop().parents:
            if id(parent) not in reached:
                reached[id(parent)] = parent
                frontier.append(parent)
    assert set(ids(topological(root))) == set(reached)


def test_the_order_is_that_of_the_arguments_and_always_the_same():
    a, b = Value(2.0, "a"), Value(3.0, "b")
    y = a * b + b
    assert ids(topological(y)) == ids([a, b, y.parents[0], y])
    assert ids(topological(y)) == ids(topological(y))
    z = b - a
    assert ids(topological(z)) == ids([b, a, z])


def test_a_leaf_is_its_own_graph():
    x = Value(1.0)
    assert ids(topological(x)) == ids([x])
    with no_grad():
        y = x * 2.0
    assert ids(topological(y)) == ids([y])


def test_nodes_of_equal_numbers_are_different_nodes():
    a, b = Value(1.0), Value(1.0)
    assert len(topological(a * b)) == 3
    assert len(topological(a * a)) == 2


def test_constants_are_part_of_the_graph():
    x = Value(1.0)
    y = x * 2.0
    assert ids(topological(y)) == ids([x, y.parents[1], y])


def test_several_roots_share_what_they_use():
    x = Value(2.0)
    shared = x * x
    a, b = shared + 1.0, shared.exp()
    order = topological(a, b)
    assert len(order) == 5
    assert ids(topological(a, a)) == ids(topological(a))
    assert ids(order[:2]) == ids([x, shared])
    assert topological() == []


def test_a_deep_graph_is_no_problem():
    y = Value(1.0)
    for _ in range(50_000):
        y = y * y
    assert len(topological(y)) == 50_001


def test_a_square_by_multiplication_has_two_edges():
    x = Value(3.0)
    y = x * x
    found = edges(topological(y))
    assert [(id(parent), id(child), k) for parent, child, k in found] == [
        (id(x), id(y), 0),
        (id(x), id(y), 1),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_there_is_an_edge_for_every_argument(seed):
    order = topological(random_graph(seed)[-1])
    found = edges(order)
    assert len(found) == sum(len(node.parents) for node in order)
    for parent, child, k in found:
        assert child.parents[k] is parent


def test_parents_arguments_and_partials_go_together():
    for node in random_graph(0):
        assert len(node.parents) == len(node.args) == len(node.partials)
        assert isinstance(node.parents, tuple)
        assert all(type(parent) is Value for parent in node.parents)
        assert [parent.data for parent in node.parents] == list(node.args)
