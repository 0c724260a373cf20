"""LayerNorm: by its formula, at its edges, and compiled."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from autograd import Value, compile


def numbers(nodes):
    return np.array([node.data for node in np.ravel(nodes)])


def by_hand(x, w=1.0, b=0.0, eps=1e-5):
    x = np.asarray(x)
    return (x - x.mean()) / np.sqrt(x.var() + eps) * w + b


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8), st.floats(1e-8, 1.0))
def test_the_outputs_are_those_of_the_formula(x, eps):
    norm = nn.LayerNorm(len(x), eps=eps)
    for i, (w, b) in enumerate(zip(norm.weight, norm.bias, strict=True)):
        w.data, b.data = 1.0 + i, 0.5 * i
    i = np.arange(len(x))
    expected = by_hand(x, 1.0 + i, 0.5 * i, eps)
    scale = 1.0 + np.abs(x).max() / math.sqrt(eps)  # digits that x - μ loses
    np.testing.assert_allclose(numbers(norm(x)), expected, rtol=1e-12, atol=1e-13 * scale)


def test_it_begins_with_ones_and_zeros_and_pytorchs_names():
    state = nn.LayerNorm(3).state_dict()
    assert {name: array.tolist() for name, array in state.items()} == {
        "weight": [1.0] * 3, "bias": [0.0] * 3,
    }  # fmt: skip
    assert list(nn.LayerNorm(3, bias=False).state_dict()) == ["weight"]
    assert list(nn.LayerNorm(3, elementwise_affine=False).state_dict()) == []
    assert nn.LayerNorm((2, 3)).weight.shape == (2, 3)


def test_equal_inputs_give_the_bias_and_finite_gradients():
    norm = nn.LayerNorm(3)
    x = [Value(7.0) for _ in range(3)]
    out = norm(x)
    assert numbers(out).tolist() == [0.0, 0.0, 0.0]
    out[0].backward()
    assert all(math.isfinite(each.grad) for each in x)
    assert norm.bias[0].grad == 1.0


def test_several_axes_are_normalised_together():
    x = np.random.default_rng(0).normal(size=(2, 3, 2))
    out = nn.LayerNorm((2, 3, 2), elementwise_affine=False)(x)
    assert out.shape == x.shape
    np.testing.assert_allclose(numbers(out), by_hand(x).ravel(), rtol=1e-12)


def test_the_wrong_shape_is_an_error_that_names_the_layer():
    with pytest.raises(ValueError, match=r"1: LayerNorm\(3.*takes 3 inputs, but got 2"):
        nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(3))([1.0, 2.0])
    with pytest.raises(ValueError, match=r"takes 2 × 2 inputs, but got 4"):
        nn.LayerNorm((2, 2))([1.0] * 4)


@pytest.mark.parametrize("shape", [0, -1, 1.5, "3", None, (), (2, 0)], ids=repr)
def test_a_shape_that_is_none_is_refused(shape):
    with pytest.raises(ValueError, match="normalized_shape"):
        nn.LayerNorm(shape)


@pytest.mark.parametrize("eps", [-1e-5, math.nan, math.inf, "1e-5"], ids=repr)
def test_an_eps_that_is_none_is_refused(eps):
    with pytest.raises(ValueError, match="LayerNorm: eps must be a number"):
        nn.LayerNorm(2, eps=eps)


def test_a_model_with_layer_norm_compiles_to_the_same_numbers_and_gradients():
    model = nn.Sequential(
        nn.Linear(3, 5, rng=0), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 2, rng=1)
    )
    x, y = np.random.default_rng(2).normal(size=(4, 3)), np.ones((4, 2))
    program = compile(lambda x, y: nn.mse(model(x), y), in_axes=0)
    value, gradients = program.value_and_grad(x, y)
    losses = [nn.mse(model(a), b) for a, b in zip(x, y, strict=True)]
    for loss in losses:
        loss.backward()
    assert value == pytest.approx(sum(loss.data for loss in losses), rel=1e-12)
    for name, member in model.named_parameters():
        ours = np.array([each.grad for each in member.ravel()]).reshape(member.shape)
        np.testing.assert_allclose(gradients[name], ours, rtol=1e-10, atol=1e-13)
