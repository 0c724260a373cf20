"""The ledger: every term of every adjoint, and the paths that they are made of."""

import itertools
import math

import numpy as np
import pytest

import autograd
import nn
from autograd import GraphError, Value
from autograd.explain.ledger import Ledger
from autograd.explain.paths import count_paths, largest_paths


def all_paths(ledger, node):
    """Every path by brute force, as (nodes, factors)."""
    if node is ledger.root:
        return [((node,), ())]
    return [
        ((node, *nodes), (term.partial, *factors))
        for term in ledger.terms(node)
        for nodes, factors in all_paths(ledger, term.use)
    ]


@pytest.mark.parametrize("seed", range(30))
def test_the_terms_of_every_node_sum_to_its_gradient_bit_for_bit(seed, random_graph):
    loss, leaves = random_graph(seed)
    ledger = Ledger(loss)
    assert all(leaf.grad == 0.0 for leaf in leaves)
    loss.backward()
    for node in ledger:
        if node is not loss:
            assert sum(term.product for term in ledger.terms(node)) == node.grad
        assert ledger.adjoint[node] == node.grad
        for term in ledger.terms(node):
            assert term.use.parents[term.position] is node
            assert term.adjoint == term.use.grad


@pytest.mark.parametrize("seed", range(20))
def test_a_hook_on_another_graph_changes_no_bit_of_a_gradient(seed, random_graph):
    loss, _ = random_graph(seed)
    ledger = Ledger(loss)
    elsewhere = Value(1.0)
    handle = elsewhere.register_hook(lambda adjoint: None)
    try:
        loss.backward()
    finally:
        handle.remove()
    assert all(node.grad == ledger.adjoint[node] for node in ledger)


def test_the_terms_of_a_network_sum_to_its_gradients_bit_for_bit():
    model = nn.MLP(5, [7, 6, 3], activation="tanh", rng=0)
    rng = np.random.default_rng(1)
    losses = [
        nn.cross_entropy(model(x), int(k))
        for x, k in zip(rng.normal(size=(8, 5)), "01201201", strict=True)
    ]
    loss = autograd.sum(losses) / 8
    ledger = Ledger(loss)
    loss.backward()
    for parameter in model.parameters():
        terms = ledger.terms(parameter)
        assert len(terms) == 8
        assert sum(term.product for term in terms) == parameter.grad


def test_looking_changes_nothing():
    x = Value(3.0)
    y = x * x
    z = y.sin()
    z.backward()
    z.backward()
    before = x.grad, y.grad, z.grad
    Ledger(z)
    Ledger(y)
    assert (x.grad, y.grad, z.grad) == before
    z.backward()
    assert x.grad == pytest.approx(3 / 2 * before[0], rel=1e-15)


def test_a_zero_adjoint_meets_no_infinite_partial_and_an_unselected_argument_gets_nothing():
    x = Value(0.0)
    y = 0.0 * x.sqrt()
    (term,) = Ledger(y).terms(x)
    assert (term.adjoint, term.partial, term.product) == (0.0, math.inf, 0.0)
    a, b = Value(0.0), Value(1.0)
    z = (autograd.where(False, a, b) - 1.0).sqrt()
    (term,) = Ledger(z).terms(a)
    assert (term.adjoint, term.partial, term.product) == (math.inf, 0.0, 0.0)


@pytest.mark.parametrize("seed", range(12))
def test_paths_are_counted_and_ranked_as_by_brute_force(seed, random_graph):
    loss, _ = random_graph(seed, size=14)
    ledger = Ledger(loss)
    count = count_paths(ledger)
    for node in ledger:
        brute = all_paths(ledger, node)
        assert count[node] == len(brute)
        found = list(largest_paths(ledger, node))
        assert {(p.nodes, p.factors) for p in found} == set(brute)
        assert len(found) == len(brute)
        sizes = [abs(math.prod(path.factors)) for path in found]
        assert all(a >= b * (1 - 1e-12) for a, b in itertools.pairwise(sizes))
        assert sum(p.product for p in found) == pytest.approx(
            ledger.adjoint[node], rel=1e-12, abs=1e-12
        )


def test_two_to_the_sixtieth_paths_are_counted_and_the_first_thousand_found():
    x = y = Value(1.0)
    for _ in range(60):
        y = y + y
    ledger = Ledger(y)
    assert count_paths(ledger)[x] == 2**60
    assert ledger.adjoint[x] == 2.0**60
    paths = list(itertools.islice(largest_paths(ledger, x), 1000))
    assert len(paths) == 1000
    assert all(path.product == 1.0 and len(path.nodes) == 61 for path in paths)


def test_paths_through_infinite_factors_come_first_and_through_zeros_last():
    x = Value(0.0)
    y = x.sqrt() + 3.0 * x + x * x + 5.0 * x
    paths = list(largest_paths(Ledger(y), x))
    assert [path.product for path in paths] == [math.inf, 5.0, 3.0, 0.0, 0.0]


def test_underflow_does_not_confuse_the_order():
    x = Value(1.0)
    small, smaller = x, x
    for _ in range(5):
        small, smaller = 1e-100 * small, 1e-101 * smaller
    paths = list(largest_paths(Ledger(smaller + small), x))
    assert [path.factors[0] for path in paths] == [1e-100, 1e-101]


def test_a_deep_chain_needs_no_recursion():
    x = y = Value(1.0)
    for _ in range(100_000):
        y = y + 1.0
    ledger = Ledger(y)
    assert count_paths(ledger)[x] == 1
    assert len(next(largest_paths(ledger, x)).nodes) == 100_001


def test_a_leaf_is_its_own_root():
    x = Value(2.0)
    ledger = Ledger(x)
    assert ledger.adjoint == {x: 1.0}
    assert ledger.terms(x) == []
    assert [path.product for path in largest_paths(ledger, x)] == [1.0]


def test_a_ledger_needs_a_graph():
    with pytest.raises(GraphError, match="constant"):
        Ledger(Value(1.0, requires_grad=False))
    with pytest.raises(TypeError, match="loss"):
        Ledger(3.0)
