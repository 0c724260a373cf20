"""Graphs to explain."""

import numpy as np
import pytest

import autograd
from autograd import Value

STEPS = [
    lambda a, b, c: a + b,
    lambda a, b, c: a * b,
    lambda a, b, c: (a - b).tanh(),
    lambda a, b, c: autograd.dot([a, b, a], [c, a, b]),
    lambda a, b, c: autograd.maximum(a, b),
    lambda a, b, c: autograd.where(a > 0, b, c),
    lambda a, b, c: autograd.sum([a, b, c, a]).sin(),
    lambda a, b, c: a.relu(),
    lambda a, b, c: a / (1.0 + b * b),
    lambda a, b, c: autograd.logsumexp([a, b, c]),
]


def build(seed, size=40):
    """A graph with much reuse, of operators, functions and sequences, and its leaves."""
    rng = np.random.default_rng(seed)
    leaves = [Value(number) for number in rng.normal(size=4)]
    nodes = [*leaves, Value(0.7, requires_grad=False)]
    for _ in range(size):
        a, b, c = (nodes[i] for i in rng.integers(len(nodes), size=3))
        nodes.append(STEPS[rng.integers(len(STEPS))](a, b, c))
    return autograd.sum(nodes[-6:]), leaves


@pytest.fixture
def random_graph():
    """A function of a seed that gives (loss, leaves) of a graph with much reuse."""
    return build
