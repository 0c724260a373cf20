"""Activation modules: their functions, the shapes that they keep, and the labels that they give."""

import math

import numpy as np
import pytest

import nn
from autograd import TABLE, Value


def numbers(nodes):
    return [node.data for node in np.ravel(nodes)]


@pytest.mark.parametrize(
    ("module", "row", "options"),
    [
        (nn.LeakyReLU(), "leaky_relu", (0.01,)),
        (nn.LeakyReLU(0.3), "leaky_relu", (0.3,)),
        (nn.LeakyReLU(-2), "leaky_relu", (-2.0,)),
        (nn.ELU(), "elu", (1.0,)),
        (nn.ELU(0.5), "elu", (0.5,)),
        (nn.GELU(), "gelu", ()),
        (nn.SiLU(), "silu", ()),
    ],
    ids=repr,
)
def test_an_activation_is_the_row_of_the_table_with_its_argument(module, row, options):
    for number in (-1.5, 0.0, 2.0):
        z = Value(number)
        (a,) = module([z])
        a.backward()
        assert a.data == TABLE[row](number, *options)
        assert z.grad == TABLE[row].partials[0](a.data, number, *options)


def test_softmax_and_log_softmax_are_stable_and_sum_to_1():
    z = [1000.0, 999.0, -1000.0]
    p, log_p = numbers(nn.Softmax()(z)), numbers(nn.LogSoftmax(dim=1)(z))
    assert math.fsum(p) == pytest.approx(1.0, rel=1e-15)
    assert p[0] / p[1] == pytest.approx(math.e, rel=1e-14)
    assert log_p[2] == pytest.approx(-2000.0 - math.log1p(math.exp(-1.0)), rel=1e-15)
    assert log_p[:2] == pytest.approx([math.log(each) for each in p[:2]], rel=1e-14)


@pytest.mark.parametrize("dim", [0, 2, None, "1", True, 1.5])
@pytest.mark.parametrize("kind", [nn.Softmax, nn.LogSoftmax])
def test_softmax_over_another_axis_is_refused(kind, dim):
    with pytest.raises(ValueError, match=rf"{kind.__name__}: dim must be -1 or 1"):
        kind(dim)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, "0.1", None, 10**400, True])
def test_a_slope_that_is_no_number_is_refused(number):
    with pytest.raises(ValueError, match="LeakyReLU: negative_slope must be a number"):
        nn.LeakyReLU(number)
    with pytest.raises(ValueError, match="ELU: alpha must be a number"):
        nn.ELU(number)


@pytest.mark.parametrize(
    "module", [nn.ReLU(), nn.LeakyReLU(0.1), nn.ELU(), nn.Identity(), nn.Activation("sin")]
)
def test_an_activation_keeps_the_shape_of_what_it_is_given(module):
    flat = [float(i - 5) for i in range(12)]
    expected = numbers(module(flat))
    assert type(module(flat)) is list
    for inputs in (
        np.reshape(flat, (2, 3, 2)),
        np.reshape(flat, (2, 3, 2)).tolist(),
        np.reshape(np.array([Value(x) for x in flat], dtype=object), (2, 3, 2)),
    ):
        outputs = module(inputs)
        assert outputs.shape == (2, 3, 2)
        assert numbers(outputs) == expected


def test_the_activation_of_an_array_is_labelled_by_the_indices_of_its_z():
    image = nn.Conv2d(1, 1, 1, rng=0)([[[1.0, 2.0]]])
    assert [node.label for node in nn.ReLU()(image).flat] == ["a[0,0,0]", "a[0,0,1]"]
    zs = nn.Linear(2, 2, rng=0)([1.0, 2.0])
    for module in (nn.Softmax(), nn.LogSoftmax(), nn.LeakyReLU()):
        activations = module(zs)
        assert [node.label for node in activations] == ["a[0]", "a[1]"]
        assert [node.scope for node in activations] == [z.scope for z in zs]


def test_nested_lists_that_are_ragged_are_refused():
    with pytest.raises(ValueError, match=r"ReLU\(\) got nested lists whose lengths differ"):
        nn.ReLU()([[1.0, 2.0], [3.0]])
    with pytest.raises(ValueError, match="lengths differ"):
        nn.ReLU()([[1.0, 2.0], 3.0])


@pytest.mark.parametrize("inputs", [[["a"]], [[None]], [[1j, 2.0]]], ids=repr)
def test_nested_lists_of_what_is_no_number_are_refused(inputs):
    with pytest.raises(TypeError, match="expected a real number"):
        nn.ReLU()(inputs)


def test_flatten_and_unflatten_are_inverse_and_take_the_last_axis_fastest():
    image = np.arange(12.0).reshape(2, 3, 2)
    flat = nn.Flatten()(image)
    assert type(flat) is list
    assert numbers(flat) == list(range(12))
    back = nn.Unflatten(1, (2, 3, 2))(flat)
    assert back.shape == (2, 3, 2)
    assert all(one is other for one, other in zip(back.flat, flat, strict=True))
    assert numbers(nn.Flatten()([1.0, 2.0])) == [1.0, 2.0]


def test_unflatten_wants_as_many_inputs_as_its_shape_has():
    with pytest.raises(ValueError, match=r"Unflatten\(2 × 3\) takes 6 inputs, but got 5"):
        nn.Unflatten(1, (2, 3))([1.0] * 5)


@pytest.mark.parametrize(
    ("dim", "shape", "message"),
    [
        (0, (2, 3), "dim must be 1"),
        (-1, (2, 3), "dim must be 1"),
        (1, (), "unflattened_size must be a shape"),
        (1, 6, "unflattened_size must be a shape"),
        (1, (2, -1), "unflattened_size must be a positive integer"),
        (1, (2, 1.5), "unflattened_size must be a positive integer"),
    ],
)
def test_an_unflatten_that_makes_no_sense_is_refused(dim, shape, message):
    with pytest.raises(ValueError, match=message):
        nn.Unflatten(dim, shape)


# --- residual blocks -------------------------------------------------------------------------


def test_a_residual_block_adds_its_inputs_to_what_the_module_makes_of_them():
    layer = nn.Linear(3, 3, rng=0)
    block = nn.Residual(layer)
    x = [Value(1.0), Value(-2.0), Value(0.5)]
    z = numbers(layer(x))
    out = block(x)
    assert numbers(out) == [each.data + f for each, f in zip(x, z, strict=True)]
    out[1].backward()
    assert [each.grad for each in x] == [
        weight.data + (i == 1) for i, weight in enumerate(layer.weight[1])
    ]
    assert [name for name, _ in block.named_parameters()] == ["module.weight", "module.bias"]


def test_a_residual_block_of_an_image_keeps_its_shape():
    block = nn.Residual(nn.Conv2d(1, 1, 3, padding=1, rng=0))
    image = np.arange(6.0).reshape(1, 2, 3)
    out = block(image)
    assert out.shape == (1, 2, 3)
    inner = numbers(block.module(image))
    assert numbers(out) == [x + f for x, f in zip(image.ravel(), inner, strict=True)]


def test_a_residual_block_whose_module_changes_the_shape_is_refused():
    with pytest.raises(ValueError, match=r"adds inputs of shape \(3,\) to outputs of shape \(2,\)"):
        nn.Residual(nn.Linear(3, 2))([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="Residual takes a module, but got function"):
        nn.Residual(lambda x: x)


def test_a_block_of_numbers_makes_constants_once():
    block = nn.Residual(nn.Identity())
    (out,) = block([2.0])
    assert out.data == 4.0
    assert not out.requires_grad


def test_sequential_takes_more_modules_at_its_end():
    model = nn.Sequential(nn.Linear(2, 3, rng=0))
    assert model.append(nn.Tanh()).append(nn.Linear(3, 1, rng=1)) is model
    assert len(list(model)) == 3
    assert list(model)[1] is model[1]
    (out,) = model([1.0, 2.0])
    assert out.scope.path == "Sequential.2"
    with pytest.raises(TypeError, match="Sequential takes modules, but got str"):
        model.append("relu")
