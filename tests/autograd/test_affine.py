"""affine() shares the tuples of a layer between its nodes; none of it may be seen from outside."""

import random

import pytest

import autograd as ag
from autograd import Value, affine, no_grad


def by_operators(weights, inputs, biases):
    """The same layer in plain operators."""
    outputs = []
    for j, row in enumerate(weights):
        z = Value(0.0, requires_grad=False)
        for w, x in zip(row, inputs, strict=True):
            z = z + w * x
        outputs.append(z if biases is None else z + biases[j])
    return outputs


def random_layer(rng):
    """Weights, inputs and biases: numbers, constants, leaves, and results that share leaves."""
    base = [Value(rng.uniform(-1.0, 1.0)) for _ in range(3)]
    trained = rng.choice([0.0, 0.5, 1.0])

    def element():
        kind = rng.random()
        if kind < 0.3:
            return rng.uniform(-1.0, 1.0)
        if kind < 0.6:
            return Value(rng.uniform(-1.0, 1.0), requires_grad=rng.random() < trained)
        return rng.choice(base) * rng.uniform(-1.0, 1.0) if kind < 0.8 else rng.choice(base)

    n, m, sequence = rng.randint(1, 4), rng.randint(1, 4), rng.choice([list, tuple])
    weights = sequence(sequence(element() for _ in range(n)) for _ in range(m))
    inputs = sequence(element() for _ in range(n))
    biases = rng.choice([None, [element() for _ in range(m)]])
    everything = [*base, *(w for row in weights for w in row), *inputs, *(biases or [])]
    leaves = [v for v in everything if isinstance(v, Value) and v.is_leaf and v.requires_grad]
    return weights, inputs, biases, leaves


@pytest.mark.parametrize("seed", range(300))
def test_two_layers_with_shared_weights_agree_with_plain_operators(seed):
    rng = random.Random(seed)
    weights, inputs, biases, leaves = random_layer(rng)
    factors = [rng.choice([0.0, 1.0, rng.uniform(-1.0, 1.0)]) for _ in weights]
    results = []
    for layer in (affine, by_operators):
        for leaf in leaves:
            leaf.zero_grad()
        z = layer(weights, inputs, biases)
        loss = Value(0.0) + sum(factor * each for factor, each in zip(factors, z, strict=True))
        if len(z) >= len(inputs):  # the same rows once more, on top of themselves
            loss = loss + sum(layer(weights, z[: len(inputs)], biases))
        loss.backward()
        results.append([loss.data, *(leaf.grad for leaf in leaves)])
    assert results[0] == pytest.approx(results[1], rel=1e-12, abs=1e-12)


def test_a_computed_weight_used_in_two_layers_gets_the_gradient_of_both():
    a = Value(2.0)
    row = (a * 3.0,)
    (hidden,) = affine([row], [Value(5.0)])
    (z,) = affine([row], [hidden])
    z.backward()
    assert z.data == 180.0  # (3a)² · 5
    assert a.grad == 180.0  # 2 · 9a · 5


def test_a_pass_through_one_row_leaves_computed_weights_of_the_others_alone():
    v, x = Value(2.0), Value(5.0)
    rows = [[v * 3.0], [v * 4.0], [v * 5.0]]
    zs = affine(rows, [x])
    for z in zs:
        z.backward()
    assert [row[0].grad for row in rows] == [5.0, 5.0, 5.0]
    zs[1].backward(2.0)
    assert [row[0].grad for row in rows] == [5.0, 10.0, 5.0]


def test_each_node_knows_its_own_row_only():
    w, x = [Value(1.0), Value(2.0)], Value(5.0)
    first, second = affine([w, [3.0, 4.0]], [x, 6.0], [1.0, Value(2.0)], ["p", "q"])
    assert (first.data, second.data) == (18.0, 41.0)
    assert (first.label, second.label) == ("p", "q")
    assert first.parents[:3] == (w[0], w[1], x)
    assert first.parents[2] is second.parents[2] is x
    assert second.args == (3.0, 4.0, 5.0, 6.0, 2.0)
    assert second.partials == (5.0, 6.0, 3.0, 4.0, 1.0)


def test_a_layer_of_constants_or_under_no_grad_keeps_no_graph():
    assert affine([[1.0, 2.0]], [3.0, 4.0])[0].is_leaf
    with no_grad():
        assert affine([[Value(1.0)]], [Value(2.0)], [Value(3.0)])[0].is_leaf
    fixed, trained = affine([[1.0], [Value(1.0)]], [2.0])
    assert fixed.is_leaf
    assert not trained.is_leaf


@pytest.mark.parametrize(
    ("weights", "inputs", "biases", "message"),
    [
        ([[1.0], [1.0, 2.0]], [1.0], None, "2 weights and 1 inputs"),
        ([[1.0, 2.0]], [1.0], None, "2 weights and 1 inputs"),
        ([[1.0]], [1.0, 2.0], None, "1 weights and 2 inputs"),
        ([[1.0]], [1.0], [1.0, 2.0], "1 rows of weights, but 2 biases"),
    ],
)
def test_lengths_that_do_not_go_together_are_refused(weights, inputs, biases, message):
    with pytest.raises(ValueError, match=message):
        affine(weights, inputs, biases)


def test_a_label_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match="labels are strings"):
        affine([[Value(1.0)]], [2.0], None, [3])


def test_the_error_names_affine():
    with pytest.raises(ValueError, match=r"^affine\(\) takes as many inputs as weights"):
        affine([[1.0, 2.0]], [1.0])


def test_an_activation_has_the_scope_of_its_sum_and_a_label_like_it():
    with ag.scope("layer"):
        labelled = Value(0.5, "z[3]")
        bare = Value(0.5) * 1.0
    a, b = ag.activate(ag.tanh, [labelled, bare])
    assert (a.label, b.label) == ("a[3]", "a")
    assert a.scope is labelled.scope
    assert b.scope is bare.scope
    assert a.data == b.data == ag.tanh(0.5)


def test_a_sum_is_in_the_scope_in_which_it_was_made():
    with ag.scope("layer"):
        (z,) = affine([[Value(1.0)]], [Value(2.0)])
        there = Value(0.0).scope
    (outside,) = affine([[Value(1.0)]], [Value(2.0)])
    assert z.scope is there
    assert z.scope is not outside.scope


def test_only_a_label_of_z_is_changed_for_its_activation():
    zs = [Value(1.0, label="z[1]"), Value(2.0, label="q[1]"), Value(3.0)]
    assert [a.label for a in ag.activate(ag.tanh, zs)] == ["a[1]", "a", "a"]
