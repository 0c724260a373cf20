"""`nn.verify` passes on right networks of every shape, and fails loudly on a wrong derivative."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
import nn
from autograd import TABLE, Value, VerificationError, custom_op
from nn import deltas

ONE_ARGUMENT = [row.name for row in TABLE.values() if row.arity == 1]
LEVEL = ("sign", "floor", "ceil")  # their slope is 0
# Defined and of moderate size everywhere, so that they can follow each other.
TAME = ["linear", "relu", "tanh", "sigmoid", "softplus", "absolute", "negative", "positive"]
EVERY_LOSS = pytest.mark.parametrize("loss", nn.losses.LOSSES)


def targets(random, loss, shape):
    """Targets that the loss takes, for outputs of this shape: (n_out,) or (N, n_out)."""
    if loss == "cross_entropy":
        classes = random.integers(shape[-1], size=shape[:-1])
        return int(classes) if len(shape) == 1 else classes.tolist()
    if loss in ("hinge", "logistic"):
        return random.choice([-1.0, 1.0], size=shape)
    return random.uniform(0.1, 0.9, size=shape)


def output(loss):
    """An activation of the last layer that the loss takes."""
    return "sigmoid" if loss == "bce" else "linear"


def marked_wrong(error):
    """The (layer, quantity) of every line of the table that is marked as wrong."""
    layer, wrong = "", []
    for line in str(error.value).splitlines():
        cells = re.split(r"\s{2,}", line.strip())
        if re.match(r"loss|\d+:", cells[0]):
            layer = cells.pop(0)
        if "✗" in line:
            wrong.append((layer, cells[0]))
    return wrong


# --- networks that are right -----------------------------------------------------------------


def test_every_function_of_one_argument_in_the_table_has_a_hand_derived_derivative():
    assert set(ONE_ARGUMENT) <= set(deltas.ACTIVATIONS)


def test_every_loss_has_a_hand_derived_gradient():
    assert set(nn.losses.LOSSES) <= set(deltas.LOSSES)


@pytest.mark.parametrize("name", ["linear", *ONE_ARGUMENT])
@pytest.mark.parametrize("bias", [True, False])
def test_every_activation_agrees_with_its_hand_derived_delta(name, bias):
    random = np.random.default_rng(0)
    low, high = TABLE[name].domain[0] if name in TABLE else (-3.0, 3.0)
    model = nn.MLP(2, [3, 2], activation=name, bias=bias, rng=0)
    # Weights and inputs that put every z of the hidden layer inside the domain.
    hidden = model.layers[0]
    for w in hidden.weight.flat:
        w.data = random.uniform(0.2, 0.5)
    if bias:
        for b in hidden.bias:
            b.data = random.uniform(0.0, 0.1) * high
    x = random.uniform(max(low, -0.8 * high), 0.8 * high, size=(4, 2))
    report = nn.verify(model, x, random.normal(size=(4, 2)), show=False)
    assert report.ok
    assert not any(np.isnan(row.loops) for row in report.rows)


@pytest.mark.parametrize("name", [name for name in ONE_ARGUMENT if name not in ("log", "sqrt")])
def test_every_activation_defined_everywhere_may_be_the_output(name):
    model = nn.MLP(2, [3, 2], activation="tanh", output=name, rng=1)
    assert nn.verify(model, [0.5, -1.5], [0.3, 2.0], show=False).ok


@EVERY_LOSS
@pytest.mark.parametrize("n_samples", [None, 1, 5])
@pytest.mark.parametrize("n_out", [1, 3])
def test_every_loss_agrees_with_its_hand_derived_gradient(loss, n_samples, n_out):
    random = np.random.default_rng(1)
    model = nn.MLP(3, [4, n_out], activation="tanh", output=output(loss), rng=1)
    batch = () if n_samples is None else (n_samples,)
    x, y = random.normal(size=(*batch, 3)), targets(random, loss, (*batch, n_out))
    assert nn.verify(model, x, y, loss=loss, show=False).ok


@pytest.mark.parametrize(
    "n_outs", [[1], [5], [1, 1], [3, 1, 2], [1, 4, 1], [2, 3, 4, 3, 2], [2] * 12, [30, 20, 3]]
)
@pytest.mark.parametrize("bias", [True, False])
def test_an_mlp_of_any_depth_and_width_agrees(n_outs, bias):
    random = np.random.default_rng(2)
    model = nn.MLP(3, n_outs, activation="tanh", bias=bias, rng=2)
    report = nn.verify(
        model, random.normal(size=(3, 3)), random.normal(size=(3, n_outs[-1])), show=False
    )
    assert report.ok
    layers = {row.layer for row in report.rows} - {"loss"}
    assert len(layers) == len(n_outs)
    assert len(report.rows) == 1 + len(n_outs) * (5 if bias else 4)


def test_a_hundred_layers_agree():
    model = nn.MLP(2, [2] * 100, activation="tanh", rng=3, init="kaiming_normal")
    assert nn.verify(model, [1.0, -1.0], [0.0, 1.0], show=False).ok


@pytest.mark.parametrize(
    ("model", "n_out"),
    [
        (nn.Neuron(3, rng=0), 1),
        (nn.Neuron(3, "sigmoid", bias=False, rng=0), 1),
        (nn.Linear(3, 2, rng=0), 2),
        (nn.Linear(3, 1, bias=False, rng=0), 1),
        (nn.Sequential(nn.Linear(3, 2, rng=0)), 2),
        (nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 2, rng=1)), 2),
        (nn.Sequential(nn.Linear(3, 4, rng=0), nn.Linear(4, 2, rng=1), nn.Sigmoid()), 2),
        (nn.Sequential(nn.Linear(3, 2, bias=False, rng=0), nn.ReLU(), nn.Linear(2, 2, rng=1)), 2),
        (nn.Sequential(nn.Linear(3, 2, rng=0), nn.Identity(), nn.Softplus()), 2),
        (
            nn.Sequential(
                nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh()),
                nn.MLP(4, [3, 2], rng=1),
                nn.Activation("cosh"),
                nn.Neuron(2, "tanh", rng=2),
            ),
            1,
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("batch", [(), (4,)])
def test_every_kind_of_chain_agrees(model, n_out, batch):
    random = np.random.default_rng(4)
    x, y = random.normal(size=(*batch, 3)), random.normal(size=(*batch, n_out))
    assert nn.verify(model, x, y, show=False).ok


@given(
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    names=st.lists(st.sampled_from(TAME), min_size=4, max_size=4),
    bias=st.booleans(),
    loss=st.sampled_from(sorted(nn.losses.LOSSES)),
    n_samples=st.none() | st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_networks_at_random_agree(widths, names, bias, loss, n_samples, seed):
    random = np.random.default_rng(seed)
    parts = []
    for n_in, n_out, name in zip(widths, widths[1:], names, strict=False):
        parts += [nn.Linear(n_in, n_out, bias=bias, rng=random), nn.Activation(name)]
    if loss == "bce":
        parts[-1] = nn.Sigmoid()
    batch = () if n_samples is None else (n_samples,)
    x = random.normal(size=(*batch, widths[0]))
    y = targets(random, loss, (*batch, widths[-1]))
    # Numbers at random may nearly cancel, which costs digits on both sides.
    assert nn.verify(nn.Sequential(*parts), x, y, loss=loss, tolerance=1e-8, show=False).ok


def test_inputs_and_targets_may_be_lists_arrays_and_numbers():
    model = nn.Linear(2, 1, rng=0)
    for x, y in (
        ([1, 2], 3),
        ((1.0, 2.0), [3.0]),
        (np.array([1.0, 2.0]), np.array([3.0])),
        ([[1, 2]], [3]),
        ([[1, 2]], [[3.0]]),
        (np.ones((4, 2)), np.ones(4)),
        (np.ones((4, 2)), np.ones((4, 1))),
        ([[1, 2], [3, 4]], [0, 1]),
    ):
        assert nn.verify(model, x, y, show=False).ok


def test_kinks_agree_too():
    # z is exactly 0 in the hidden layer, and the hinge is exactly at its margin.
    for name in ("relu", "absolute", "sign"):
        model = nn.MLP(2, [2, 1], activation=name, rng=0)
        model.layers[0].load_state_dict({"weight": [[1.0, -1.0], [2.0, 0.0]], "bias": [0.0, 0.0]})
        assert nn.verify(model, [1.0, 1.0], 1.0, show=False).ok
    model = nn.Linear(1, 1, rng=0)
    model.load_state_dict({"weight": [[1.0]], "bias": [0.0]})
    assert nn.verify(model, [1.0], 1.0, loss="hinge", show=False).ok


def test_zeros_everywhere_agree():
    model = nn.MLP(2, [3, 1], init="zeros")
    assert nn.verify(model, [0.0, 0.0], 0.0, show=False).ok


@pytest.mark.parametrize(("loss", "y"), [("cross_entropy", 0), ("bce_with_logits", [1.0, 0.0])])
def test_a_confident_classifier_that_is_right_is_not_called_wrong(loss, y):
    # δ is 1 minus a probability near 1, of which either side keeps about 16 - 10 digits.
    model = nn.Linear(2, 2)
    model.load_state_dict({"weight": [[8.1, 3.3], [-4.7, -3.9]], "bias": [0.3, 0.7]})
    assert nn.verify(model, [1.1, 1.3], y, loss=loss, show=False).ok


def test_the_deltas_reported_are_those_of_the_mean_loss_and_not_of_the_sum():
    # Twice the same sample gives the same mean gradients, so what agrees for one agrees for two.
    model = nn.MLP(2, [3, 1], activation="tanh", rng=0)
    once = nn.verify(model, [[1.0, 2.0]], [0.5], show=False)
    twice = nn.verify(model, [[1.0, 2.0]] * 2, [0.5] * 2, show=False)
    assert once.ok
    assert twice.ok


# --- the report ------------------------------------------------------------------------------


def test_the_report_prints_every_quantity_of_every_layer(capsys):
    model = nn.MLP(3, [4, 2], activation="tanh", output="sigmoid", rng=0)
    report = nn.verify(model, np.ones((5, 3)), np.zeros((5, 2)))
    printed = capsys.readouterr().out
    assert printed.strip() == str(report).strip()
    for words in ("1: 3 → 4 tanh", "2: 4 → 2 sigmoid", "by loops", "by matrices", "loss"):
        assert printed.count(words) == 1
    for quantity in ("z", "a", "δ", "∂L/∂W", "∂L/∂b"):
        assert len(re.findall(rf"(?<!\S){quantity}  ", printed)) == 2
    assert printed.count("✓") == len(report.rows) == 11
    assert "✗" not in printed
    assert "1e-12" in printed
    assert "agree" in printed
    for shape in ("5 × 4", "5 × 2", "4 × 3", "2 × 4"):
        assert shape in printed


def test_the_report_leaves_out_the_bias_of_a_layer_without_one():
    model = nn.Sequential(nn.Linear(2, 2, bias=False, rng=0), nn.Linear(2, 1, rng=1))
    report = nn.verify(model, [1.0, 2.0], 0.0, show=False)
    assert str(report).count("∂L/∂b") == 1


def test_the_report_is_data(capsys):
    report = nn.verify(nn.Linear(2, 1, rng=0), [1.0, 2.0], 0.5, show=False)
    assert capsys.readouterr().out == ""
    assert isinstance(report, nn.Report)
    assert report.ok
    assert report.wrong == []
    assert [row.quantity for row in report.rows] == ["L", "z", "a", "δ", "∂L/∂W", "∂L/∂b"]
    assert all(0.0 <= max(row.loops, row.matrices) <= report.tolerance for row in report.rows)
    assert report.tolerance == 1e-12


def test_the_report_is_a_table_in_a_notebook_too():
    model = nn.MLP(2, [3, 1], activation="tanh", rng=0)
    report = nn.verify(model, [1.0, 2.0], 0.5, show=False)
    assert isinstance(report, autograd.Report)
    shown = report._repr_html_()
    assert shown.count("<tr>") == 1 + len(report.rows)
    assert shown.count("✓") == len(report.rows)
    assert "engine and backprop by hand agree" in shown
    assert str(report.table()) == str(report)
    assert not report.table().wrong
    worse = nn.Report([replace(row, loops=1.0) for row in report.rows], report.tolerance)
    assert worse.table().wrong == frozenset(range(len(report.rows)))
    assert "✗" in worse._repr_html_()


# --- what is wrong is found ------------------------------------------------------------------


def test_a_wrong_derivative_by_hand_is_named_by_layer_and_quantity(monkeypatch):
    right = deltas.ACTIVATIONS["tanh"]
    wrong = deltas.Activation(right.f, lambda z: 1.0 - np.tanh(z))  # forgets the square
    monkeypatch.setitem(deltas.ACTIVATIONS, "tanh", wrong)
    model = nn.Sequential(
        nn.Linear(2, 3, rng=0), nn.Sigmoid(), nn.Linear(3, 2, rng=1), nn.Tanh(),
        nn.Linear(2, 1, rng=2),
    )  # fmt: skip
    with pytest.raises(VerificationError, match=r"2: 3 → 2 tanh[\s\S]*NOT equal") as error:
        nn.verify(model, [[1.0, 2.0], [0.0, 1.0]], [0.5, 1.0], show=False)
    # The layer itself and those before it, but not the one behind, nor anything of the forward.
    assert marked_wrong(error) == [
        (layer, quantity)
        for layer in ("1: 2 → 3 sigmoid", "2: 3 → 2 tanh")
        for quantity in ("δ", "∂L/∂W", "∂L/∂b")
    ]


@pytest.mark.parametrize("name", [name for name in ONE_ARGUMENT if name not in LEVEL])
def test_a_derivative_by_hand_with_the_wrong_sign_is_found_for_every_activation(name, monkeypatch):
    right = deltas.ACTIVATIONS[name]
    wrong = deltas.Activation(right.f, lambda z: -right.prime(z))
    monkeypatch.setitem(deltas.ACTIVATIONS, name, wrong)
    model = nn.Linear(2, 1)
    low, high = TABLE[name].domain[0]
    z = 0.3 * low + 0.7 * high
    model.load_state_dict({"weight": [[0.5, 0.25]], "bias": [z - 1.0]})
    with pytest.raises(VerificationError) as error:
        nn.verify(nn.Sequential(model, nn.Activation(name)), [1.0, 2.0], 7.0, show=False)
    layer = f"1: 2 → 1 {name}"
    assert marked_wrong(error) == [(layer, "δ"), (layer, "∂L/∂W"), (layer, "∂L/∂b")]


def test_a_wrong_function_by_hand_is_named_by_layer_and_quantity(monkeypatch):
    right = deltas.ACTIVATIONS["relu"]
    wrong = deltas.Activation(lambda z: right.f(z) + 1e-9, right.prime)
    monkeypatch.setitem(deltas.ACTIVATIONS, "relu", wrong)
    with pytest.raises(VerificationError) as error:
        nn.verify(nn.MLP(2, [3, 1], rng=0), [1.0, 2.0], 0.5, show=False)
    wrong = marked_wrong(error)
    assert ("1: 2 → 3 relu", "a") in wrong
    assert ("2: 3 → 1 linear", "z") in wrong
    assert ("1: 2 → 3 relu", "z") not in wrong


class Leaky(nn.Tanh):
    """tanh with a wrong derivative: the same numbers, but a tenth too much flows back."""

    def forward(self, inputs):
        outputs = super().forward(inputs)
        return [a + 0.1 * (z - z.detach()) for a, z in zip(outputs, inputs, strict=True)]


def test_a_wrong_derivative_of_the_engine_is_named_by_layer_and_quantity():
    model = nn.Sequential(
        nn.Linear(2, 3, rng=0), nn.Sigmoid(), nn.Linear(3, 2, rng=1), Leaky(),
        nn.Linear(2, 1, rng=2),
    )  # fmt: skip
    with pytest.raises(VerificationError, match="NOT equal") as error:
        nn.verify(model, [1.0, 2.0], 0.5, show=False)
    wrong = marked_wrong(error)
    assert ("2: 3 → 2 tanh", "δ") in wrong
    assert ("1: 2 → 3 sigmoid", "∂L/∂W") in wrong
    assert not any(layer.startswith("3:") for layer, _ in wrong)


class WrongOp(nn.Tanh):
    """tanh by an op whose partial forgets the square."""

    op_at_fault = custom_op("tanh", math.tanh, lambda y, x: 1.0 - y)

    def forward(self, inputs):
        return [self.op_at_fault(z) for z in inputs]


def test_an_op_with_a_wrong_partial_is_named_by_layer_and_quantity():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), WrongOp(), nn.Linear(3, 1, rng=1))
    with pytest.raises(VerificationError, match=r"1: 2 → 3 tanh[\s\S]*NOT equal: 3 of 11") as error:
        nn.verify(model, [1.0, 2.0], 0.5, show=False)
    layer = "1: 2 → 3 tanh"
    assert marked_wrong(error) == [(layer, "δ"), (layer, "∂L/∂W"), (layer, "∂L/∂b")]


@EVERY_LOSS
def test_a_wrong_gradient_of_a_loss_by_hand_is_found(loss, monkeypatch):
    right = deltas.LOSSES[loss]
    doubled = deltas.Loss(right.value, lambda a, y: 2.0 * right.gradient(a, y))
    monkeypatch.setitem(deltas.LOSSES, loss, doubled)
    model = nn.MLP(2, [3, 2], activation="tanh", output=output(loss), rng=0)
    y = targets(np.random.default_rng(0), loss, (2,))
    with pytest.raises(VerificationError) as error:
        nn.verify(model, [1.0, 2.0], y, loss=loss, show=False)
    assert (f"2: 3 → 2 {output(loss)}", "δ") in marked_wrong(error)


@pytest.mark.parametrize("size", [1e-6, 1e-9, 1e-11])
def test_even_a_small_error_is_found_and_a_larger_tolerance_lets_it_pass(size, monkeypatch):
    right = deltas.ACTIVATIONS["sigmoid"]
    wrong = deltas.Activation(right.f, lambda z: (1.0 + size) * right.prime(z))
    monkeypatch.setitem(deltas.ACTIVATIONS, "sigmoid", wrong)
    model = nn.MLP(2, [1], output="sigmoid", rng=0)
    with pytest.raises(VerificationError):
        nn.verify(model, [1.0, 2.0], 0.5, show=False)
    assert nn.verify(model, [1.0, 2.0], 0.5, tolerance=2.0 * size, show=False).ok


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_on_one_side_only_are_wrong(bad, monkeypatch):
    right = deltas.ACTIVATIONS["tanh"]
    wrong = deltas.Activation(right.f, lambda z: right.prime(z) * bad)
    monkeypatch.setitem(deltas.ACTIVATIONS, "tanh", wrong)
    with pytest.raises(VerificationError):
        nn.verify(nn.MLP(2, [2, 1], activation="tanh", rng=0), [1.0, 2.0], 0.5, show=False)


def test_an_error_in_only_one_of_the_two_ways_by_hand_is_found(monkeypatch):
    by_loops = deltas.by_loops

    def crooked(*args):
        run = by_loops(*args)
        run.dW[0][0, 0] *= 1.001
        return run

    monkeypatch.setattr(deltas, "by_loops", crooked)
    with pytest.raises(VerificationError) as error:
        nn.verify(nn.MLP(2, [2, 1], activation="tanh", rng=0), [1.0, 2.0], 0.5, show=False)
    assert marked_wrong(error) == [("1: 2 → 2 tanh", "∂L/∂W")]


# --- the model is left as it was -------------------------------------------------------------


def fingerprint(model):
    return [(id(p), p.data, p.grad, p.requires_grad, p.label) for p in model.parameters()]


def used_model():
    """A model with gradients from before, and a frozen parameter."""
    model = nn.MLP(2, [3, 1], activation="tanh", rng=0)
    nn.mse(model([1.0, 2.0]), 3.0).backward()
    model.layers[0].weight[0, 0].requires_grad = False
    model.layers[1].bias[0].requires_grad = False
    assert any(parameter.grad for parameter in model.parameters())
    return model


def test_gradients_and_frozen_parameters_are_left_as_they_were():
    model = used_model()
    before = fingerprint(model)
    assert nn.verify(model, [[1.0, 2.0], [0.0, 1.0]], [0.0, 1.0], show=False).ok
    assert fingerprint(model) == before


def test_they_are_left_so_when_the_verification_fails(monkeypatch):
    right = deltas.ACTIVATIONS["tanh"]
    monkeypatch.setitem(deltas.ACTIVATIONS, "tanh", deltas.Activation(right.f, right.f))
    model = used_model()
    before = fingerprint(model)
    with pytest.raises(VerificationError):
        nn.verify(model, [1.0, 2.0], 0.0, show=False)
    assert fingerprint(model) == before


def test_they_are_left_so_when_an_error_comes_in_the_middle():
    model = used_model()
    before = fingerprint(model)
    with pytest.raises(ValueError, match="hinge takes labels -1 and 1"):
        nn.verify(model, [[1.0, 2.0], [0.0, 1.0]], [1.0, 0.5], loss="hinge", show=False)
    with pytest.raises(ValueError, match="takes 2 inputs, but got 3"):
        nn.verify(model, [1.0, 2.0, 3.0], 0.0, show=False)
    assert fingerprint(model) == before


def test_a_neuron_keeps_its_name():
    neuron = nn.Neuron(2, "tanh", rng=0)
    before = repr(neuron), neuron([1.0, 2.0])[0].scope.path
    nn.verify(neuron, [1.0, 2.0], 0.5, show=False)
    assert (repr(neuron), neuron([1.0, 2.0])[0].scope.path) == before


def test_a_wholly_frozen_model_is_verified_too():
    model = nn.MLP(2, [2, 1], activation="tanh", rng=0)
    for parameter in model.parameters():
        parameter.requires_grad = False
    assert nn.verify(model, [1.0, 2.0], 0.5, show=False).ok
    assert not any(parameter.requires_grad for parameter in model.parameters())


# --- what it refuses -------------------------------------------------------------------------


class Residual(nn.Module):
    def __init__(self):
        self.linear = nn.Linear(2, 2, rng=0)

    def forward(self, inputs):
        return [z + x for z, x in zip(self.linear(inputs), inputs, strict=True)]


@pytest.mark.parametrize(
    "model",
    [
        nn.Tanh(),
        nn.Sequential(),
        nn.Sequential(nn.Tanh(), nn.Linear(2, 2)),
        nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.ReLU()),
        nn.Sequential(nn.Linear(2, 2), Residual()),
        Residual(),
        Value(1.0),
        None,
        lambda x: x,
    ],
    ids=["activation", "empty", "activation first", "two activations", "residual inside",
         "residual", "Value", "None", "function"],
)  # fmt: skip
def test_a_model_that_is_no_chain_of_layers_is_refused(model):
    with pytest.raises(TypeError, match=r"verify\(\) takes a chain of Linear layers"):
        nn.verify(model, [1.0, 2.0], [0.0, 0.0], show=False)


def test_a_layer_that_occurs_twice_is_refused_rather_than_called_wrong():
    layer = nn.Linear(2, 2, rng=0)
    for model in (nn.Sequential(layer, layer), nn.Sequential(layer, nn.Tanh(), layer)):
        with pytest.raises(TypeError, match=r"verify\(\)"):
            nn.verify(model, [1.0, 2.0], [0.0, 0.0], show=False)


@pytest.mark.parametrize("loss", ["l2", "", "MSE", nn.mse, None])
def test_an_unknown_loss_is_refused_and_the_known_ones_are_listed(loss):
    with pytest.raises(ValueError, match=r"unknown loss .*half_squared_error.*cross_entropy"):
        nn.verify(nn.Linear(2, 1), [1.0, 2.0], 0.0, loss=loss, show=False)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1.0], 0.0, r"Linear\(2 → 1\).*takes 2 inputs, but got 1"),
        ([[1.0, 2.0]] * 3, [0.0, 1.0], "3 samples, but 2 targets"),
        ([1.0, 2.0], [0.0, 1.0], "1 predictions, but 2 targets"),
        ([[1.0, 2.0]] * 2, [[0.0, 1.0]] * 2, "1 predictions, but 2 targets"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        nn.verify(nn.Linear(2, 1), x, y, show=False)


def test_one_target_for_a_batch_is_refused():
    with pytest.raises(ValueError, match="2 samples"):
        nn.verify(nn.Linear(2, 1), [[1.0, 2.0], [3.0, 4.0]], 1.0, show=False)


def test_a_fit_to_the_last_digit_is_not_judged_and_the_report_says_so(capsys):
    model = nn.MLP(2, [3, 1], activation="tanh", rng=0)
    report = nn.verify(model, [1.0, 2.0], model([1.0, 2.0])[0].data + 1e-13)
    assert report.ok
    assert "no digits are left" in capsys.readouterr().out
    assert {row.quantity for row in report.rows if row.judged} == {"z", "a"}


def test_a_wrong_derivative_is_found_though_the_fit_is_good(monkeypatch):
    right = deltas.ACTIVATIONS["tanh"]
    wrong = deltas.Activation(right.f, lambda z: -right.prime(z))
    monkeypatch.setitem(deltas.ACTIVATIONS, "tanh", wrong)
    model = nn.MLP(2, [3, 1], activation="tanh", rng=0)
    with pytest.raises(VerificationError):
        nn.verify(model, [1.0, 2.0], model([1.0, 2.0])[0].data + 1e-8, show=False)
