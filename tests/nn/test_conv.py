"""Conv2d: by its formula, its sizes, its names, and as the compiler and explain see it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from autograd import Value, compile, explain, topological


def numbers(nodes):
    return np.vectorize(lambda node: node.data, otypes=[float])(nodes)


def by_hand(x, w, b, stride, padding):
    """Four loops, as the formula has it."""
    x = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2))
    n_out, _, height, width = w.shape
    rows = (x.shape[1] - height) // stride[0] + 1
    columns = (x.shape[2] - width) // stride[1] + 1
    z = np.zeros((n_out, rows, columns))
    for o in range(n_out):
        for i in range(rows):
            for j in range(columns):
                top, left = i * stride[0], j * stride[1]
                z[o, i, j] = (x[:, top : top + height, left : left + width] * w[o]).sum() + b[o]
    return z


small = st.integers(1, 3)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(small, small),
    st.tuples(small, small),
    st.tuples(small, small),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.integers(3, 5), st.integers(3, 5)),
)
def test_the_outputs_are_those_of_the_formula(channels, kernel, stride, padding, size):
    conv = nn.Conv2d(*channels, kernel, stride, padding, rng=0)
    x = np.random.default_rng(1).normal(size=(channels[0], *size))
    state = conv.state_dict()
    expected = by_hand(x, state["weight"], state["bias"], stride, padding)
    out = conv(x)
    assert out.shape == expected.shape == conv.output_shape(*size)
    np.testing.assert_allclose(numbers(out), expected, rtol=1e-12, atol=1e-14)


def test_one_number_stands_for_both_and_the_shapes_are_pytorchs():
    conv = nn.Conv2d(2, 4, 3, stride=2, padding=1)
    assert (conv.kernel_size, conv.stride, conv.padding) == ((3, 3), (2, 2), (1, 1))
    assert {name: array.shape for name, array in conv.state_dict().items()} == {
        "weight": (4, 2, 3, 3), "bias": (4,),
    }  # fmt: skip
    assert nn.Conv2d(1, 1, 1, bias=False).bias is None


def test_the_default_init_is_that_of_torch_and_fans_count_the_kernel():
    state = nn.Conv2d(4, 200, 5, rng=0).state_dict()
    assert 0.099 < np.abs(state["weight"]).max() <= 0.1  # 1/√(4 · 25)
    assert 0.09 < np.abs(state["bias"]).max() <= 0.1
    assert nn.init.fans((6, 4, 3, 2)) == (24, 36)
    xavier = nn.Conv2d(3, 50, 4, rng=0, init="xavier_uniform").state_dict()["weight"]
    assert np.abs(xavier).max() == pytest.approx(np.sqrt(6.0 / (48 + 800)), rel=1e-2)
    with pytest.raises(ValueError, match="unknown init"):
        nn.Conv2d(1, 1, 1, init="he")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.ones((3, 3)), r"image of shape \(2, height, width\), but got \(3, 3\)"),
        (np.ones((1, 3, 3)), r"but got \(1, 3, 3\)"),
        (np.ones((4, 2, 3, 3)), r"but got \(4, 2, 3, 3\).*once per sample"),
        (np.ones((2, 1, 3)), "1 × 3.*smaller than the kernel of 2 × 2"),
    ],
)
def test_an_image_of_another_shape_is_an_error_that_names_the_layer(image, message):
    with pytest.raises(ValueError, match=r"0: Conv2d\(2 → 1.*" + message):
        nn.Sequential(nn.Conv2d(2, 1, 2))(image)


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match="lengths differ"):
        nn.Conv2d(1, 1, 1)([[[1.0, 2.0], [3.0]]])
    with pytest.raises(TypeError, match="takes an array, or nested lists"):
        nn.Conv2d(1, 1, 1)(3.0)
    with pytest.raises(TypeError, match="expected a real number"):
        nn.Conv2d(1, 1, 1)([[["a"]]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 0}, "kernel_size must be a positive integer"),
        ({"kernel_size": (2, 2, 2)}, "kernel_size must be one integer or two"),
        ({"stride": (1, 0)}, "stride must be a positive integer"),
        ({"padding": -1}, "padding must be an integer of at least 0"),
        ({"padding": "same"}, "padding must be"),
        ({"in_channels": 0}, "in_channels must be"),
        ({"out_channels": 1.5}, "out_channels must be"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        nn.Conv2d(**{"in_channels": 1, "out_channels": 1, "kernel_size": 2, **options})


def test_gradients_flow_to_values_in_the_image_through_every_place():
    conv = nn.Conv2d(1, 1, 2, rng=0)
    x = np.array([[[Value(float(3 * i + j)) for j in range(3)] for i in range(3)]], dtype=object)
    conv(x).sum().backward()
    assert x[0, 1, 1].grad == pytest.approx(conv.state_dict()["weight"].sum(), rel=1e-14)
    assert conv.bias[0].grad == 4.0
    assert conv.weight[0, 0, 0, 0].grad == 0.0 + 1.0 + 3.0 + 4.0


def test_every_place_is_a_neuron_with_the_same_weights():
    out = nn.Conv2d(1, 2, 2, padding=1, rng=0)(np.ones((1, 2, 2)))
    assert [node.label for node in out[1].ravel()][:4] == [
        "z[1,0,0]", "z[1,0,1]", "z[1,0,2]", "z[1,1,0]",
    ]  # fmt: skip
    assert {node.op.name for node in out.ravel()} == {"affine"}
    assert {node.scope for node in out.ravel()} == {out[0, 0, 0].scope}
    weights = [node for node in topological(sum(out.ravel())) if node.label.startswith("w[")]
    assert len(weights) == 8


def test_explain_names_the_places():
    model = nn.Sequential(
        nn.Conv2d(1, 1, 2, rng=0), nn.Tanh(), nn.Flatten(), nn.Linear(2, 1, rng=1)
    )
    loss = nn.half_squared_error(model([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]), [0.0])
    explanation = explain(loss, wrt=model[0].weight[0, 0, 1, 0])
    assert str(explanation).startswith("∂L/∂w⁽¹⁾₁₁₂₁ = Σₖ δ⁽¹⁾₁₁ₖ · x₁₂ₖ")
    loss.backward()
    assert explanation.gradient == model[0].weight[0, 0, 1, 0].grad


def test_a_convolutional_network_compiles_to_the_same_numbers_and_gradients():
    model = nn.Sequential(
        nn.Unflatten(1, (1, 5, 5)),
        nn.Conv2d(1, 2, 3, stride=2, padding=1, rng=0),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(18, 2, rng=1),
    )
    x, y = np.random.default_rng(2).normal(size=(6, 25)), np.arange(6) % 2
    program = compile(lambda x, y: nn.mse(model(x), [y, 1.0 - y]), in_axes=0, reduce="mean")
    value, gradients = program.value_and_grad(x, y)
    losses = [nn.mse(model(a), [float(b), 1.0 - b]) for a, b in zip(x, y, strict=True)]
    (sum(losses) / 6).backward()
    assert value == pytest.approx(sum(loss.data for loss in losses) / 6, rel=1e-12)
    for name, member in model.named_parameters():
        ours = np.array([each.grad for each in member.ravel()]).reshape(member.shape)
        np.testing.assert_allclose(gradients[name], ours, rtol=1e-10, atol=1e-13)


def test_an_image_out_of_a_program_has_its_shape():
    conv = nn.Conv2d(1, 2, 2, rng=0)
    images = np.random.default_rng(0).normal(size=(3, 1, 3, 4))
    out = compile(lambda x: conv(x), in_axes=0)(images)
    assert out.shape == (3, 2, 2, 3)
    np.testing.assert_allclose(out[1], numbers(conv(images[1])), rtol=1e-12)
