"""RNNCell: by its formula, through time, and compiled."""

import numpy as np
import pytest

import nn
from autograd import Value, affine, compile, explain


def numbers(nodes):
    return np.array([node.data for node in nodes])


def by_hand(cell, x, h):
    state = cell.state_dict()
    z = state["weight_ih"] @ x + state["weight_hh"] @ h
    z = z + state.get("bias_ih", 0.0) + state.get("bias_hh", 0.0)
    return np.tanh(z) if cell.nonlinearity == "tanh" else np.maximum(z, 0.0)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_a_step_is_that_of_the_formula(bias, nonlinearity):
    cell = nn.RNNCell(3, 4, bias, nonlinearity, rng=0)
    random = np.random.default_rng(1)
    x, h = random.normal(size=3), random.normal(size=4)
    out = cell(x, h)
    assert type(out) is list
    np.testing.assert_allclose(numbers(out), by_hand(cell, x, h), rtol=1e-13)
    np.testing.assert_allclose(numbers(cell(x)), by_hand(cell, x, np.zeros(4)), rtol=1e-13)
    np.testing.assert_allclose(
        numbers(cell(list(x), out)), by_hand(cell, x, numbers(out)), rtol=1e-13
    )


def test_names_shapes_and_start_are_those_of_pytorch():
    cell = nn.RNNCell(50, 25, rng=0)
    state = cell.state_dict()
    assert {name: array.shape for name, array in state.items()} == {
        "weight_ih": (25, 50), "weight_hh": (25, 25), "bias_ih": (25,), "bias_hh": (25,),
    }  # fmt: skip
    assert 0.199 < np.abs(state["weight_ih"]).max() <= 0.2  # 1/√25
    assert np.abs(state["bias_hh"]).max() <= 0.2
    zeros = nn.RNNCell(2, 3, init="zeros").state_dict()
    assert not any(array.any() for array in zeros.values())
    assert list(nn.RNNCell(2, 3, bias=False).state_dict()) == ["weight_ih", "weight_hh"]
    with pytest.raises(ValueError, match="unknown init"):
        nn.RNNCell(2, 3, init="he")


def test_backprop_through_time_sums_over_the_steps():
    cell = nn.RNNCell(1, 1, bias=False, nonlinearity="relu")
    (w,), (u,) = cell.weight_ih[0], cell.weight_hh[0]
    w.data, u.data = 2.0, 3.0
    h = None
    for x in (1.0, 1.0, 1.0):
        h = cell([x], h)
    assert h[0].data == 2.0 * (1.0 + 3.0 + 9.0)
    h[0].backward()
    assert w.grad == 1.0 + 3.0 + 9.0
    assert u.grad == 2.0 * (1.0 + 6.0)


@pytest.mark.parametrize(
    ("x", "h", "message"),
    [
        ([1.0], None, r"RNNCell\(2 → 3, tanh\) takes 2 inputs, but got 1"),
        ([1.0, 2.0], [1.0] * 2, "takes a hidden state of 3, but got 2"),
        ([1.0, 2.0], [], "takes a hidden state of 3, but got 0"),
    ],
)
def test_the_wrong_lengths_are_errors(x, h, message):
    with pytest.raises(ValueError, match=message):
        nn.RNNCell(2, 3)(x, h)


def test_a_hidden_state_of_something_else_is_an_error():
    with pytest.raises(TypeError, match=r"the hidden state: .*takes a list of numbers"):
        nn.RNNCell(2, 3)([1.0, 2.0], 3.0)


@pytest.mark.parametrize("name", ["sigmoid", "", None])
def test_an_unknown_nonlinearity_is_refused(name):
    with pytest.raises(ValueError, match="nonlinearity must be tanh or relu"):
        nn.RNNCell(2, 3, nonlinearity=name)


@pytest.mark.parametrize("sizes", [(0, 3), (2, 0), (2, 1.5)])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ValueError, match="must be a positive integer"):
        nn.RNNCell(*sizes)


def test_a_neuron_is_one_node_for_inputs_and_hidden_together():
    cell = nn.RNNCell(2, 3, rng=0)
    out = cell([1.0, 2.0], [Value(0.5), 0.25, 0.0])
    for j, a in enumerate(out):
        (z,) = a.parents
        assert (a.label, z.label) == (f"a[{j}]", f"z[{j}]")
        assert z.op is affine([[Value(1.0)]], [1.0])[0].op
        assert [node.label for node in z.parents[5:10]] == ["x[0]", "x[1]", "", "h[1]", "h[2]"]


def test_explain_writes_delta_through_time():
    cell = nn.RNNCell(1, 2, rng=0)
    h = cell([1.0], cell([0.5]))
    loss = nn.mse(h, [0.0, 0.0])
    explanation = explain(loss, wrt=cell.weight_ih[0, 0])
    assert str(explanation).startswith("∂L/∂w₁₁ = Σₙ δ₁[n] · x₁[n]")
    loss.backward()
    assert explanation.gradient == cell.weight_ih[0, 0].grad


def test_an_unrolled_network_compiles_to_the_same_numbers_and_gradients():
    cell, head = nn.RNNCell(2, 3, rng=0), nn.Linear(3, 1, rng=1)

    def loss(x, y):
        h = None
        for t in range(4):
            h = cell(x[2 * t : 2 * t + 2], h)
        return nn.mse(head(h), [y])

    random = np.random.default_rng(2)
    x, y = random.normal(size=(5, 8)), random.normal(size=5)
    program = compile(loss, in_axes=0)
    value, gradients = program.value_and_grad(x, y)
    losses = [loss(a.tolist(), b) for a, b in zip(x, y.tolist(), strict=True)]
    sum(losses).backward()
    assert value == pytest.approx(sum(each.data for each in losses), rel=1e-12)
    for model in (cell, head):
        for name, member in model.named_parameters():
            ours = np.array([each.grad for each in member.ravel()]).reshape(member.shape)
            found = [
                g for key, g in gradients.items() if key.endswith(name) and g.shape == ours.shape
            ]
            assert any(np.allclose(g, ours, rtol=1e-10, atol=1e-13) for g in found), name
    assert "W1 @ " in program.source
