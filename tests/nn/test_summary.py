"""How models print, and their summary: shapes, numbers of parameters, frozen ones."""

import numpy as np
import pytest

import nn
from autograd import Value


def test_a_sequential_prints_its_modules_one_per_line_and_nested_ones_indented():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=(1, 0), bias=False),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Residual(nn.Sequential(nn.LayerNorm(8, bias=False), nn.Dropout(0.25))),
        nn.Sequential(),
    )
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Conv2d(1 → 2, kernel_size=(3, 3), stride=(2, 2), padding=(1, 0), bias=False)\n"
        "  (1): LeakyReLU(negative_slope=0.1)\n"
        "  (2): Flatten()\n"
        "  (3): Residual(\n"
        "    (module): Sequential(\n"
        "      (0): LayerNorm(8, eps=1e-05, bias=False)\n"
        "      (1): Dropout(p=0.25)\n"
        "    )\n"
        "  )\n"
        "  (4): Sequential()\n"
        ")"
    )


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (nn.MLP(2, [3, 1], bias=False), "MLP(2 → 3 → 1, relu, linear, bias=False)"),
        (nn.Neuron(2, bias=False), "Neuron(2 → 1, linear, bias=False)"),
        (nn.RNNCell(2, 3, False, "relu"), "RNNCell(2 → 3, relu, bias=False)"),
        (
            nn.LayerNorm((2, 3), 1e-3, False),
            "LayerNorm(2 × 3, eps=0.001, elementwise_affine=False)",
        ),
        (nn.Conv2d(1, 2, 3), "Conv2d(1 → 2, kernel_size=(3, 3))"),
        (nn.Activation("sin"), "Activation('sin')"),
        (nn.Unflatten(1, (2, 2)), "Unflatten(2 × 2)"),
        (nn.ReLU(), "ReLU()"),
        (nn.Softmax(), "Softmax()"),
        (nn.ELU(2), "ELU(alpha=2)"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_every_layer_prints_in_one_line(model, text):
    assert repr(model) == text
    assert repr(nn.Sequential(model)) == f"Sequential(\n  (0): {text}\n)"


def test_a_module_of_ones_own_prints_its_children_and_its_extra_repr():
    class Net(nn.Module):
        def __init__(self):
            self.scale = Value(1.0)
            self.body = nn.Linear(2, 2)
            self.heads = {"left": nn.Linear(2, 1)}

        def extra_repr(self):
            return "wide"

    assert repr(Net()) == "Net(\n  wide\n  (body): Linear(2 → 2)\n  (heads.left): Linear(2 → 1)\n)"


def test_a_module_that_holds_itself_can_be_printed_and_summarised():
    class Loop(nn.Module):
        def __init__(self):
            self.me = self

    assert repr(Loop()) == "Loop(\n  (me): Loop(...)\n)"
    assert len(Loop().summary().lines) == 1


# --- summary ---------------------------------------------------------------------------------


def test_the_summary_of_an_mlp_tells_shapes_and_parameters():
    summary = nn.MLP(2, [16, 1], "tanh").summary()
    assert str(summary).splitlines() == [
        "name           layer                          output  parameters  trainable",
        "               MLP(2 → 16 → 1, tanh, linear)  1       0           0",
        "layers.0       Linear(2 → 16)                 16      48          48",
        "layers.1       Linear(16 → 1)                 1       17          17",
        "activations.0  Activation('tanh')             16      0           0",
        "activations.1  Activation('linear')           1       0           0",
        "65 parameters: 65 trainable, 0 frozen",
    ]
    assert (summary.total, summary.trainable, summary.frozen) == (65, 65, 0)
    assert repr(summary) == str(summary)


def test_frozen_parameters_are_told_apart():
    model = nn.MLP(2, [3, 1])
    model.layers[0].requires_grad_(False)
    model.layers[1].bias[0].requires_grad = False
    summary = model.summary()
    assert (summary.total, summary.trainable, summary.frozen) == (13, 3, 10)
    assert [(line.parameters, line.trainable) for line in summary.lines][1:3] == [(9, 0), (4, 3)]


def convolutional():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2))


@pytest.mark.parametrize("inputs", [(1, 5, 5), np.zeros((1, 5, 5)), np.zeros((1, 5, 5)).tolist()])
def test_the_shape_of_a_sample_or_a_sample_gives_the_shapes_of_images(inputs):
    summary = convolutional().summary(inputs)
    assert [line.shape for line in summary.lines] == [(2,), (4, 3, 3), (4, 3, 3), (36,), (2,)]
    assert "4 × 3 × 3" in str(summary)
    assert "?" not in str(summary)


def test_without_a_shape_that_can_be_known_the_numbers_are_told_all_the_same():
    summary = convolutional().summary()
    assert {line.shape for line in summary.lines} == {None}
    assert summary.total == 40 + 74
    assert "? not known: say the shape of a sample" in str(summary)


def test_the_first_layer_tells_the_shape_if_it_knows_it():
    for model in (
        nn.Sequential(nn.Unflatten(1, (1, 5, 5)), *convolutional()),
        nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 1)),
        nn.Sequential(nn.Tanh(), nn.Neuron(3)),
        nn.RNNCell(3, 2),
    ):
        assert all(line.shape is not None for line in model.summary().lines if line.calls)


def test_a_shared_layer_is_counted_once_with_its_calls():
    layer = nn.Linear(2, 2)
    summary = nn.Sequential(layer, nn.Tanh(), layer).summary()
    assert summary.total == 6
    assert [line.calls for line in summary.lines] == [1, 2, 1]
    assert "2 (2 calls)" in str(summary)


def test_a_shared_weight_is_counted_once():
    model = nn.Sequential(nn.Neuron(1), nn.Neuron(1))
    model[1].weight = model[0].weight
    summary = model.summary()
    assert {line.name: line.parameters for line in summary.lines if line.parameters} == {
        "0": 2, "1": 1,
    }  # fmt: skip
    assert summary.total == 3


def test_a_model_of_several_inputs_takes_a_tuple_of_samples():
    class Dot(nn.Module):
        def __init__(self):
            self.scale = Value(1.0)

        def forward(self, a, b):
            return [sum(self.scale * x * y for x, y in zip(a, b, strict=True))]

    assert Dot().summary().lines[0].shape is None
    assert Dot().summary(([1.0, 2.0], [3.0, 4.0])).lines[0].shape == (1,)


def test_the_summary_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5, rng=0))
    seen = []
    model[0].register_forward_hook(lambda *args: seen.append(1))
    model[1].eval()
    state, attributes = model[1].rng.bit_generator.state, [dict(vars(m)) for m in model.modules()]
    model.summary()
    assert seen == []
    assert model[1].rng.bit_generator.state == state
    assert [dict(vars(m)) for m in model.modules()] == attributes
    with pytest.raises(ValueError, match="takes 2 inputs"):
        model.summary(3)
    assert [dict(vars(m)) for m in model.modules()] == attributes
    assert "_hooks" not in vars(model[1])
    model([1.0, 2.0])
    assert seen == [1]


@pytest.mark.parametrize("shape", [0, -1, (2, 0)])
def test_a_shape_that_is_none_is_refused(shape):
    with pytest.raises(ValueError, match="must be a positive integer"):
        nn.MLP(2, [1]).summary(shape)


def test_notebooks_get_a_table_with_every_text_escaped():
    class Sly(nn.Module):
        def extra_repr(self):
            return "<b>"

    html = nn.Sequential(Sly()).summary()._repr_html_()
    assert html.count("<tr>") == 3
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


# --- modules of modules ----------------------------------------------------------------------


def test_children_are_the_modules_right_below():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.Sequential(nn.Tanh()), layer)
    assert [name for name, _ in model.named_children()] == ["0", "1"]
    assert model.children() == [layer, model[1]]


def test_apply_calls_the_function_on_children_first_and_returns_the_module():
    model = nn.Sequential(nn.Sequential(nn.Tanh()), nn.ReLU())
    order = []
    assert model.apply(order.append) is model
    assert order.index(model[0][0]) < order.index(model[0]) < order.index(model)
    assert len(order) == 4


def test_add_module_makes_a_child():
    model = nn.Module()
    model.add_module("head", nn.Linear(2, 1, rng=0))
    assert list(model.state_dict()) == ["head.weight", "head.bias"]
    assert model.head([1.0, 2.0])[0].scope.path == "head"


@pytest.mark.parametrize("name", ["", "a.b", "forward", "training"])
def test_add_module_refuses_names_that_are_none_or_taken(name):
    with pytest.raises(KeyError, match="cannot have a child called"):
        nn.Module().add_module(name, nn.Tanh())
    with pytest.raises(TypeError, match="takes a module, but got str"):
        nn.Module().add_module("head", "tanh")


# --- freezing --------------------------------------------------------------------------------


def test_a_frozen_module_gets_no_gradient_and_costs_no_graph():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=1))
    assert model[0].requires_grad_(False) is model[0]
    hidden = model[1](model[0]([1.0, 2.0]))
    assert all(node.is_leaf and not node.requires_grad for node in hidden)
    model([1.0, 2.0])[0].backward()
    assert [p.grad for p in model[0].parameters()] == [0.0] * 9
    assert all(p.grad for p in model[2].parameters())


def test_freezing_keeps_the_state_and_the_parameters_whole_and_can_be_undone():
    model = nn.MLP(2, [3, 1], rng=0)
    state = model.state_dict()
    model.requires_grad_(False)
    assert list(model.state_dict()) == list(state)
    assert len(model.parameters()) == 13
    model.load_state_dict({name: array + 1.0 for name, array in state.items()})
    assert not any(p.requires_grad for p in model.parameters())
    model.requires_grad_()
    assert all(p.requires_grad for p in model.parameters())


def test_an_optimiser_leaves_frozen_parameters_alone():
    model = nn.MLP(2, [3, 1], rng=0)
    model.layers[0].requires_grad_(False)
    before = model.state_dict()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    nn.half_squared_error(model([1.0, 2.0]), [5.0]).backward()
    optimizer.step()
    after = model.state_dict()
    assert np.array_equal(after["layers.0.weight"], before["layers.0.weight"])
    assert not np.array_equal(after["layers.1.weight"], before["layers.1.weight"])
