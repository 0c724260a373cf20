"""The plots: what stands in the Axes, and that models come out as they went in."""

import sys

import numpy as np
import pytest

import nn
from nn import data
from nn.plots import (
    plot_activations,
    plot_decision_boundary,
    plot_gradient_flow,
    plot_history,
    plot_loss_landscape,
    plot_predictions,
    plot_weights,
)
from nn.plots.evaluate import mean_loss, outputs

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402 - after the choice of where to draw


@pytest.fixture(autouse=True)
def no_windows(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a plot called plt.show()")

    monkeypatch.setattr(plt, "show", refuse)
    yield
    plt.close("all")


def moons(n_out=1):
    X, y = data.moons(40, noise=0.1, rng=0)
    model = nn.MLP(2, [6, n_out], "tanh", rng=1)
    return model, X, y


def state(model):
    return [(v.data, v.grad, v.requires_grad) for v in model.parameters()] + [
        each.training for each in model.modules()
    ]


HISTORY = {
    "loss": [1.0, 0.5, 0.25],
    "accuracy": [0.5, 0.75, 1.0],
    "val_loss": [1.1, 0.4, 0.6],
    "val_accuracy": [0.4, 0.8, 0.9],
}
CASES = {
    "boundary": lambda m, X, y, ax: plot_decision_boundary(m, X, y, ax, resolution=20),
    "predictions": lambda m, X, y, ax: plot_predictions(m, X, y, ax),
    "history": lambda m, X, y, ax: plot_history(HISTORY, ax),
    "weights": lambda m, X, y, ax: plot_weights(m.layers[0], ax),
    "landscape": lambda m, X, y, ax: plot_loss_landscape(m, "hinge", X, y, ax, steps=5),
    "flow": lambda m, X, y, ax: plot_gradient_flow(m, "hinge", X, y, ax),
    "activations": lambda m, X, y, ax: plot_activations(m, X, ax),
}
every_plot = pytest.mark.parametrize("plot", CASES.values(), ids=CASES)


# --- all of them ---------------------------------------------------------------------------------


@every_plot
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_the_axes_given_are_drawn_into_labelled_and_returned(plot, style, tmp_path):
    with plt.style.context(style):
        figure, ax = plt.subplots()
        assert plot(*moons(), ax) is ax
        assert ax.get_title()
        assert ax.get_xlabel()
        assert plt.get_fignums() == [figure.number]
        figure.savefig(tmp_path / "picture.png")


@every_plot
def test_without_axes_there_is_a_new_figure(plot):
    model, X, y = moons()
    first, second = plot(model, X, y, None), plot(model, X, y, None)
    assert first.figure is not second.figure


@every_plot
def test_models_come_out_as_they_went_in(plot):
    model, X, y = moons()
    for number, parameter in enumerate(model.parameters()):
        parameter.grad = float(number)
    model.layers[0].weight[0, 0].requires_grad = False
    model.layers[1].training = False
    before = state(model)
    plot(model, X, y, None)
    assert state(model) == before
    assert all(module._hooks is None for module in model.modules())


@every_plot
def test_without_matplotlib_the_error_says_how_to_get_it(plot, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'scalar-autograd\[plot\]'"):
        plot(*moons(), None)


@pytest.mark.parametrize("name", ["boundary", "predictions", "landscape", "flow", "activations"])
@pytest.mark.parametrize(
    ("X", "message"),
    [(np.zeros(3), "shape"), (np.zeros((0, 2)), "shape"), ([[np.nan, 1]], "finite")],
)
def test_samples_of_another_shape_are_refused(name, X, message):
    model, _, y = moons()
    with pytest.raises(ValueError, match=message):
        CASES[name](model, X, y[: len(X)], None)
    with pytest.raises(TypeError, match="takes a module"):
        CASES[name](lambda x: x, np.zeros((2, 2)), [1, 2], None)


def test_dropout_is_off_while_a_plot_is_made():
    model = nn.Sequential(nn.Linear(2, 30, rng=0), nn.Dropout(0.5, rng=0), nn.Linear(30, 1, rng=0))
    X = np.random.default_rng(0).normal(size=(5, 2))
    first = outputs(model, X)
    np.testing.assert_array_equal(first, outputs(model, X))
    assert model[1].training


# --- values over many samples --------------------------------------------------------------------


class Branching(nn.Module):
    """Cannot be compiled: it looks at a number."""

    def __init__(self):
        self.line = nn.Linear(2, 1, rng=0)

    def forward(self, x):
        (z,) = self.line(x)
        return [z if z.data > 0.0 else 0.1 * z]


@pytest.mark.parametrize("make", [Branching, lambda: nn.MLP(2, [4, 3], "relu", rng=0)])
def test_outputs_are_those_of_predict_compiled_or_not(make):
    model, X = make(), np.random.default_rng(0).normal(size=(9, 2))
    np.testing.assert_allclose(outputs(model, X), nn.predict(model, X), rtol=1e-12, atol=1e-14)


def test_hooks_are_called_so_a_model_with_them_is_not_compiled():
    model, X, _ = moons()
    with model.register_forward_hook(lambda module, x, out: [2.0 * out[0]]):
        doubled = outputs(model, X)
    np.testing.assert_allclose(doubled, 2.0 * outputs(model, X), rtol=1e-12)


@pytest.mark.parametrize(
    ("model", "loss", "y"),
    [
        (nn.MLP(2, [3, 1], "tanh", rng=0), nn.mse, [0.5, 1.0, -2.0]),
        (nn.MLP(2, [3, 4], "relu", rng=0), nn.cross_entropy, [0, 3, 1]),
        (Branching(), nn.hinge, [1, -1, 1]),
    ],
)
def test_the_mean_loss_follows_the_parameters(model, loss, y):
    X, y = np.random.default_rng(0).normal(size=(3, 2)), np.array(y)
    measure = mean_loss(model, loss, X, y)
    for _ in range(2):
        expected = np.mean([loss(model(row), t).data for row, t in zip(X, y.tolist(), strict=True)])
        assert measure() == pytest.approx(expected, rel=1e-12)
        for parameter in model.parameters():
            parameter.data *= 1.5


# --- decision boundary ---------------------------------------------------------------------------


def plane(weights, bias, activation="linear"):
    """A neuron whose boundary is known."""
    model = nn.MLP(2, [1], output=activation, rng=0)
    model.load_state_dict({"layers.0.weight": [weights], "layers.0.bias": [bias]})
    return model


def lines_of(ax):
    """The points of the contours at the boundary."""
    from matplotlib.contour import QuadContourSet

    found = [each for each in ax.collections if isinstance(each, QuadContourSet)]
    return [path.vertices for each in found for path in each.get_paths() if len(path.vertices)]


@pytest.mark.parametrize(
    ("activation", "threshold"), [("linear", None), ("sigmoid", None), ("tanh", 0)]
)
def test_the_line_is_where_the_output_reaches_the_threshold(activation, threshold):
    X = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    model = plane([2.0, 0.0], -1.0, activation)  # x[0] = ½, whatever the activation
    ax = plot_decision_boundary(model, X, [0, 1, 1, 0], threshold=threshold, resolution=60)
    (line,) = lines_of(ax)
    np.testing.assert_allclose(line[:, 0], 0.5, atol=0.01)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["class 0", "class 1"]


def test_a_threshold_of_ones_own_moves_the_line():
    X = np.array([[-1.0, -1.0], [1.0, 1.0]])
    ax = plot_decision_boundary(plane([1.0, 0.0], 0.0), X, [-1, 1], threshold=-0.5)
    np.testing.assert_allclose(lines_of(ax)[0][:, 0], -0.5, atol=0.02)


def test_samples_stand_where_they_are_by_class_and_wrong_ones_have_a_ring():
    X = np.array([[-1.0, 0.0], [-0.5, 1.0], [0.5, 0.0], [1.0, 1.0]])
    ax = plot_decision_boundary(plane([1.0, 0.0], 0.0), X, [-1, 1, 1, 1], classes=["no", "yes"])
    no, yes, ring = ax.collections[-3:]
    assert no.get_offsets().tolist() == [[-1.0, 0.0]]
    assert yes.get_offsets().tolist() == X[1:].tolist()
    assert ring.get_offsets().tolist() == [[-0.5, 1.0]]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["no", "yes", "1 of 4 wrong"]


def test_of_several_outputs_the_largest_has_its_colour():
    model = nn.Linear(2, 3, rng=0)
    model.load_state_dict(
        {"weight": [[9.0, 0.0], [-9.0, 0.0], [0.0, 0.0]], "bias": [0.0, 0.0, -1e3]}
    )
    X = np.array([[-1.0, -1.0], [1.0, 1.0]])
    ax = plot_decision_boundary(model, X, [1, 0], resolution=40)
    image = ax.get_images()[0].get_array()
    left, right = image[20, 0], image[20, -1]
    assert left[0] > left[2]  # orange, the colour of class 1
    assert right[2] > right[0]  # blue, that of class 0
    np.testing.assert_allclose(lines_of(ax)[0][:, 0], 0.0, atol=0.01)


def test_a_single_class_can_be_drawn():
    X = np.array([[-1.0, -1.0], [1.0, 1.0]])
    ax = plot_decision_boundary(plane([1.0, 0.0], 5.0), X, [1, 1])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["class 1"]


@pytest.mark.parametrize(
    ("n_in", "n_out", "y", "message"),
    [
        (3, 1, [0, 1, 1], "draws 2 inputs"),
        (2, 1, [0, 1, 2], "two classes apart, but y has 3"),
        (2, 3, [0, 1, 3], "class indices from 0 to 2"),
        (2, 3, [-1, 1, 1], "class indices from 0 to 2"),
        (2, 1, [[1, 0], [0, 1], [1, 0]], "a class per sample"),
        (2, 1, [1, 0], "3 samples, but y has 2"),
    ],
)
def test_boundaries_that_cannot_be_are_refused(n_in, n_out, y, message):
    with pytest.raises(ValueError, match=message):
        plot_decision_boundary(nn.MLP(n_in, [n_out], rng=0), np.eye(3)[:, :n_in], y)
    assert plt.get_fignums() == [] or "apart" in message or "indices" in message


def test_numbers_are_no_classes():
    model, X, _ = moons()
    with pytest.raises(ValueError, match="plot_predictions"):
        plot_decision_boundary(model, X, X[:, 0])


# --- history -------------------------------------------------------------------------------------


def test_the_lines_are_the_history_losses_left_accuracy_right():
    ax = plot_history(HISTORY)
    other = ax.figure.axes[-1]
    for host, names in ((ax, ["loss", "val_loss"]), (other, ["accuracy", "val_accuracy"])):
        assert len(host.get_lines()) == 2
        for line, name in zip(host.get_lines(), names, strict=True):
            assert line.get_xdata().tolist() == [1, 2, 3]
            assert line.get_ydata().tolist() == HISTORY[name]
    assert (ax.get_ylabel(), other.get_ylabel()) == ("loss", "accuracy")
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[-1] == "least, 0.4 at epoch 2"
    assert ax.collections[0].get_offsets().tolist() == [[2.0, 0.4]]


@pytest.mark.parametrize(
    ("losses", "scale"), [([1.0, 0.5], "linear"), ([1.0, 0.01], "log"), ([1.0, 0.0], "linear")]
)
def test_losses_that_fall_far_have_a_logarithmic_scale(losses, scale):
    ax = plot_history({"loss": losses})
    assert ax.get_yscale() == scale
    assert len(ax.figure.axes) == 1


def test_keys_can_be_chosen_and_one_epoch_is_enough():
    ax = plot_history({**HISTORY, "lr": [0.1, 0.1, 0.01]}, keys=["lr"])
    assert ax.get_lines()[0].get_ydata().tolist() == [0.1, 0.1, 0.01]
    assert plot_history({"loss": [1.0]}).get_lines()[0].get_marker() == "o"


@pytest.mark.parametrize(
    ("history", "keys", "message"),
    [({}, None, "finds no loss"), ({"loss": []}, None, "an epoch"), (HISTORY, ["f1"], "'f1'")],
)
def test_a_history_without_what_is_asked_for_is_refused(history, keys, message):
    with pytest.raises(ValueError, match=message):
        plot_history(history, keys=keys)


def test_a_history_of_fit_can_be_drawn():
    model, X, y = moons()
    history = nn.fit(model, "hinge", X, y, epochs=2, rng=0, progress=False, validation=(X, y))
    assert plot_history(history).get_lines()[0].get_ydata().tolist() == list(history["loss"])


# --- predictions ---------------------------------------------------------------------------------


def test_one_input_gives_a_curve():
    model = nn.Linear(1, 1, rng=0)
    model.load_state_dict({"weight": [[2.0]], "bias": [1.0]})
    ax = plot_predictions(model, [[0.0], [1.0]], [1.5, 2.5])
    (line,) = ax.get_lines()
    x, y = line.get_data()
    np.testing.assert_allclose(y, 2.0 * x + 1.0, rtol=1e-12)
    assert ax.collections[0].get_offsets().tolist() == [[0.0, 1.5], [1.0, 2.5]]


def test_several_inputs_give_predictions_over_targets():
    model, X, y = moons()
    ax = plot_predictions(model, X, y)
    found = ax.collections[0].get_offsets()
    np.testing.assert_allclose(found, np.column_stack([y, nn.predict(model, X)[:, 0]]), rtol=1e-12)
    with pytest.raises(ValueError, match="one output"):
        plot_predictions(nn.MLP(2, [2], rng=0), X, y)


# --- weights -------------------------------------------------------------------------------------


def test_weights_are_the_image_with_0_in_the_middle_of_the_colours():
    layer = nn.Linear(3, 2, rng=0)
    ax = plot_weights(layer, names=["a", "b", "c"])
    (image,) = ax.get_images()
    np.testing.assert_array_equal(image.get_array(), layer.state_dict()["weight"])
    low, high = image.get_clim()
    assert low == -high == -np.abs(layer.state_dict()["weight"]).max()
    np.testing.assert_allclose(image.cmap(0.5)[:3], 1.0, atol=0.02)  # the paper
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c"]
    assert f"{layer.weight[1, 2].data:.2f}" in {text.get_text() for text in ax.texts}


def test_with_a_shape_each_neuron_is_an_image_of_its_own():
    layer = nn.Linear(6, 3, rng=0)
    sheet = np.ma.filled(plot_weights(layer, shape=(2, 3)).get_images()[0].get_array(), np.nan)
    W = layer.state_dict()["weight"]
    np.testing.assert_array_equal(sheet[:2, :3], W[0].reshape(2, 3))
    assert np.isin(W, sheet).all()
    assert np.isnan(sheet).any()


def test_kernels_of_a_convolution_stand_in_rows_of_their_outputs():
    layer = nn.Conv2d(2, 3, kernel_size=2, rng=0)
    sheet = np.ma.filled(plot_weights(layer).get_images()[0].get_array(), np.nan)
    W = layer.state_dict()["weight"]
    assert sheet.shape == (8, 5)
    np.testing.assert_array_equal(sheet[3:5, 3:5], W[1, 1])


def test_neurons_arrays_and_zeros_can_be_drawn():
    assert plot_weights(nn.Neuron(4, rng=0)).get_images()[0].get_array().shape == (1, 4)
    assert plot_weights(np.eye(3)).get_title() == "Weights"
    assert plot_weights(np.zeros((2, 2))).get_images()[0].get_clim() == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        (nn.MLP(2, [1], rng=0), {}, r"model\.layers\[0\]"),
        (nn.Linear(4, 2, rng=0), {"shape": (3, 2)}, "4 weights, which are no image of 3 × 2"),
        (np.zeros((2, 2, 2)), {}, r"weights \(n_out, n_in\)"),
    ],
)
def test_what_has_no_weights_is_refused(layer, options, message):
    with pytest.raises(ValueError, match=message):
        plot_weights(layer, **options)


# --- loss landscape ------------------------------------------------------------------------------


def test_directions_are_as_long_as_each_neuron_and_leave_biases_and_frozen_weights():
    from nn.plots.landscape import _direction

    model = nn.MLP(3, [4, 2], rng=0)
    model.layers[1].weight[0, 0].requires_grad = False
    direction = dict(
        zip(map(id, model.parameters()), _direction(model, np.random.default_rng(0)), strict=True)
    )
    rows = model.layers[0].weight
    for row in rows:
        d = [direction[id(value)] for value in row]
        assert np.linalg.norm(d) == pytest.approx(np.linalg.norm([value.data for value in row]))
        assert all(d)
    assert all(direction[id(value)] == 0.0 for layer in model.layers for value in layer.bias)
    assert direction[id(model.layers[1].weight[0, 0])] == 0.0


def test_a_single_neuron_has_a_direction_too():
    from nn.plots.landscape import _direction

    neuron = nn.Neuron(5, rng=0)
    d = _direction(neuron, np.random.default_rng(0))
    weights = [value.data for value in neuron.weight]
    assert np.linalg.norm(d[:5]) == pytest.approx(np.linalg.norm(weights))
    assert d[5] == 0.0


def test_the_landscape_holds_the_losses_of_the_moved_model():
    from nn.plots.landscape import _direction, _losses

    model, X, y = moons()
    side = np.array([-1.0, 0.0, 0.5])
    losses = _losses(model, nn.hinge, X, y, side, np.random.default_rng(3))
    random = np.random.default_rng(3)
    d1, d2 = (np.array(_direction(model, random)) for _ in range(2))
    former = np.array([parameter.data for parameter in model.parameters()])
    for i, beta in enumerate(side):
        for j, alpha in enumerate(side):
            for parameter, number in zip(
                model.parameters(), former + alpha * d1 + beta * d2, strict=True
            ):
                parameter.data = float(number)
            expected = np.mean([nn.hinge(model(row), t).data for row, t in zip(X, y, strict=True)])
            assert losses[i, j] == pytest.approx(expected, rel=1e-11)


def test_the_landscape_says_the_loss_of_the_model_and_depends_on_the_seed():
    model, X, y = moons()
    loss = np.mean([nn.hinge(model(row), t).data for row, t in zip(X, y, strict=True)])
    ax = plot_loss_landscape(model, "hinge", X, y, steps=5, span=0.5)
    assert ax.get_legend().get_texts()[0].get_text() == f"the model, {loss:.3g}"
    assert ax.get_xlim() == (-0.5, 0.5)


@pytest.mark.parametrize("at", [3, 20])
def test_parameters_are_restored_also_after_an_error(at):
    model, X, y = moons()
    calls = []

    class Broken(Exception):
        pass

    def breaks(prediction, target):
        calls.append(1)
        if len(calls) > at * len(X):
            raise Broken
        (out,) = prediction
        return out * out if out.data > -1e9 else out  # cannot be compiled

    before = state(model)
    with pytest.raises(Broken):
        plot_loss_landscape(model, breaks, X, y, steps=5)
    assert state(model) == before


def test_landscapes_that_cannot_be_are_refused():
    model, X, y = moons()
    with pytest.raises(ValueError, match="unknown loss 'hinges'"):
        plot_loss_landscape(model, "hinges", X, y)
    with pytest.raises(ValueError, match="steps must be"):
        plot_loss_landscape(model, "hinge", X, y, steps=2)
    with pytest.raises(ValueError, match="labels"):
        plot_loss_landscape(model, "hinge", X, 3 * y)
    with pytest.raises(ValueError, match="finds no weights"):
        plot_loss_landscape(model.requires_grad_(False), "hinge", X, y)


# --- gradient flow -------------------------------------------------------------------------------


def test_the_flow_is_that_of_backprop_by_hand():
    model, X, y = moons()
    W = [layer.state_dict()["weight"] for layer in model.layers]
    b = [layer.state_dict()["bias"] for layer in model.layers]
    t = np.tanh(X @ W[0].T + b[0])
    d2 = 2.0 * (t @ W[1].T + b[1] - y[:, np.newaxis])
    d1 = d2 @ W[1] * (1.0 - t**2)
    ax = plot_gradient_flow(model, "mse", X, y, optimizer=nn.optim.SGD(model.parameters(), lr=0.1))
    found = ax.get_lines()[0].get_ydata()
    np.testing.assert_allclose(found, [np.abs(d1).mean(), np.abs(d2).mean()], rtol=1e-12)
    dW = d1.T @ X / len(X), d2.T @ t / len(X)
    expected = [0.1 * np.linalg.norm(g) / np.linalg.norm(w) for g, w in zip(dW, W, strict=True)]
    np.testing.assert_allclose(ax.figure.axes[-1].get_lines()[0].get_ydata(), expected, rtol=1e-11)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["layers.0", "layers.1"]


def test_the_optimiser_is_left_where_it_was():
    model, X, y = moons()
    adam = nn.optim.Adam(model.parameters(), lr=0.1)
    nn.fit(model, "hinge", X, y, epochs=1, optimizer=adam, rng=0, progress=False)
    before = adam.state_dict()
    plot_gradient_flow(model, "hinge", X, y, optimizer=adam)
    for name, kept in adam.state_dict()["state"].items():
        np.testing.assert_array_equal(kept, before["state"][name])


def test_a_frozen_model_has_no_flow():
    model, X, y = moons()
    with pytest.raises(ValueError, match="no layer whose parameters have gradients"):
        plot_gradient_flow(model.requires_grad_(False), "hinge", X, y)


# --- activations ---------------------------------------------------------------------------------


def test_histograms_count_the_outputs_of_each_activation():
    model, X, _ = moons()
    ax = plot_activations(model, X, bins=10)
    (name,) = [text.get_text() for text in ax.get_yticklabels()]
    assert name == "activations.0\ntanh"
    hidden = np.tanh(
        X @ model.layers[0].state_dict()["weight"].T + model.layers[0].state_dict()["bias"]
    )
    (note,) = [text.get_text() for text in ax.texts]
    share = np.mean(np.abs(hidden) > 0.97)
    assert note == f"mean {hidden.mean():.2f}, std {hidden.std():.2f}\n{share:.0%} saturated"
    heights, edges, base = ax.patches[0].get_data()
    counts, _ = np.histogram(hidden, edges)
    np.testing.assert_allclose(heights - base, 0.8 * counts / counts.max())


def test_dead_neurons_are_counted_and_zeros_left_out():
    model = nn.MLP(2, [4, 1], "relu", rng=0)
    start = model.state_dict()
    start["layers.0.bias"][:] = [-100.0, -100.0, 9.0, 9.0]
    model.load_state_dict(start)
    _, X, _ = moons()
    ax = plot_activations(model, X)
    assert "50% are 0, 2 of 4 neurons always" in ax.texts[0].get_text()
    heights, _, base = ax.patches[0].get_data()
    assert heights[1:].max() > base


def test_a_model_without_activations_shows_its_outputs():
    ax = plot_activations(nn.Linear(2, 2, rng=0), [[1.0, 2.0], [2.0, -1.0]])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["outputs"]
    constant = nn.MLP(1, [2], output="relu", rng=0)
    constant.load_state_dict({"layers.0.weight": [[0.0], [0.0]], "layers.0.bias": [-1.0, -1.0]})
    assert "100% are 0, 2 of 2" in plot_activations(constant, [[1.0]]).texts[0].get_text()
