"""The demonstration: gradients, verification, two trainings, pictures."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from autograd import Value, draw, mean, tanh
from nn.data import digits, moons
from nn.init import generator
from nn.layers import MLP
from nn.losses import cross_entropy, half_squared_error, hinge
from nn.optim import Adam
from nn.training import History, accuracy, fit, predict
from nn.verify import verify


def run(out: Path, seed: int = 0) -> None:
    """Run the demonstration and write its pictures to the folder ``out``.

    Raises:
        ImportError: without the packages of the ``demo`` extra.
        OSError: if the folder cannot be written.
    """
    try:
        import matplotlib as mpl
        import sklearn  # noqa: F401 - only to say early that it is missing
    except ImportError as missing:
        raise ImportError(
            f"{missing}. Run `make demo`, or pip install 'scalar-autograd[demo]'."
        ) from missing
    mpl.use("Agg")  # draws to files, with or without a screen
    out.mkdir(parents=True, exist_ok=True)
    pictures: list[Path] = []
    began = time.perf_counter()

    _title("1  An expression, and its gradients beside those derived by hand")
    pictures += _expression(out)
    _title("2  A network's backprop beside backprop by hand")
    pictures += _verification(out, seed)
    _title("3  MLP 2-16-16-1 on two moons")
    pictures += _moons(out, seed)
    _title("4  MLP 64-32-10 on handwritten digits")
    pictures += _digits(out, seed)

    _title(f"Done in {time.perf_counter() - began:.0f} s. Written, and worth opening:")
    for picture in pictures:
        print(f"  {picture}")


def _expression(out: Path) -> list[Path]:
    """A neuron with two inputs: o = tanh(x₁ w₁ + x₂ w₂ + b)."""
    x1, x2 = Value(2.0, label="x1"), Value(0.5, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.0, label="b")
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    o = tanh(n)
    o.label = "o"
    o.backward()

    slope = 1.0 - math.tanh(0.5) ** 2  # do/dn at n = -6 + 0.5 + 6
    by_hand = {
        o: ("1", 1.0),
        n: ("1 - o²", slope),
        x1: ("(1 - o²) w1", slope * -3.0),
        w1: ("(1 - o²) x1", slope * 2.0),
        x2: ("(1 - o²) w2", slope * 1.0),
        w2: ("(1 - o²) x2", slope * 0.5),
        b: ("1 - o²", slope),
    }
    print("o = tanh(x1·w1 + x2·w2 + b)\n")
    print(f"{'node':6}{'data':>9}{'engine ∂o/∂node':>22}{'by hand':>22}   formula")
    for node, (formula, derived) in by_hand.items():
        print(f"{node.label:6}{node.data:9.4f}{node.grad:22.16f}{derived:22.16f}   {formula}")
    return _drawing(o, out / "expression")


def _verification(out: Path, seed: int) -> list[Path]:
    random = generator(seed)
    model = MLP(3, [4, 4, 2], "tanh", "sigmoid", rng=random)
    x, y = random.normal(size=(5, 3)), random.uniform(size=(5, 2))
    print(f"{model}, half squared error, mean over 5 samples\n")
    verify(model, x, y)

    small = MLP(2, [2, 1], "tanh", rng=random)
    loss = half_squared_error(small([1.0, -0.5]), 0.5)
    loss.label = "L"
    loss.backward()
    return _drawing(loss, out / "network")


def _moons(out: Path, seed: int) -> list[Path]:
    random = generator(seed)
    X, y = moons(100, noise=0.1, rng=random)
    model = MLP(2, [16, 16, 1], "tanh", rng=random, init="xavier_uniform")
    history = fit(
        model,
        hinge,
        X,
        y,
        epochs=200,
        batch_size=20,
        optimizer=Adam(model.parameters(), lr=0.02),
        rng=random,
        callbacks=[_separated],
    )
    print(f"training accuracy {accuracy(model, X, y):.1%} after {len(history['loss'])} epochs")
    # The graph of the whole loss, thousands of nodes, drawn layer by layer.
    loss = mean([hinge(model(x), label) for x, label in zip(X.tolist(), y.tolist(), strict=True)])
    loss.label = "L"
    loss.backward()
    return [*_drawing(loss, out / "moons-loss"), _plot_moons(model, X, y, out / "moons.png")]


def _separated(epoch: int, history: History) -> bool:
    """Stop once every sample is right and most are outside the margin."""
    return history["accuracy"][-1] == 1.0 and history["loss"][-1] < 0.01


def _digits(out: Path, seed: int) -> list[Path]:
    random = generator(seed)
    data = digits(rng=random)
    model = MLP(64, [32, 10], "relu", rng=random, init="kaiming_uniform")
    history = fit(
        model,
        cross_entropy,
        data.X,
        data.y,
        epochs=12,
        batch_size=32,
        optimizer=Adam(model.parameters(), lr=0.005),
        rng=random,
        validation=(data.X_test, data.y_test),
    )
    reached = accuracy(model, data.X_test, data.y_test)
    held_out = f"accuracy on the {len(data.y_test)} held out {reached:.1%}"
    print(f"trained on {len(data.y)} digits; {held_out}")
    return [_plot_digits(model, data.X_test, data.y_test, history, out / "digits.png")]


def _drawing(value: Value, path: Path) -> list[Path]:
    """The graph as a picture."""
    return [Path(draw(value).save(path.with_suffix(".svg")))]


def _plot_moons(model: MLP, X: np.ndarray, y: np.ndarray, path: Path) -> Path:
    from matplotlib import pyplot as plt

    low, high = X.min(axis=0) - 0.4, X.max(axis=0) + 0.4
    across, up = np.linspace(low[0], high[0], 70), np.linspace(low[1], high[1], 60)
    grid = np.stack(np.meshgrid(across, up), axis=-1)
    score = predict(model, grid.reshape(-1, 2)).reshape(len(up), len(across))
    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    levels = np.linspace(-3.0, 3.0, 25)
    filled = axes.contourf(across, up, score, levels, cmap="PuOr", extend="both", alpha=0.8)
    axes.contour(across, up, score, [-1.0, 0.0, 1.0], colors="black", linestyles=["--", "-", "--"])
    for label, colour in ((-1, "#b35806"), (1, "#542788")):
        points = X[y == label]
        axes.scatter(*points.T, color=colour, edgecolor="white", label=f"class {label:+d}")
    figure.colorbar(filled, label="output of the network", ticks=range(-3, 4))
    axes.set(
        title="Two moons: decision boundary (solid) and margins (dashed)",
        xlabel="x[0]",
        ylabel="x[1]",
    )
    axes.set_aspect("equal")
    axes.legend(loc="upper right")
    return _saved(figure, path)


def _plot_digits(model: MLP, X: np.ndarray, y: np.ndarray, history: History, path: Path) -> Path:
    from matplotlib import pyplot as plt

    guesses = predict(model, X).argmax(axis=1)
    wrong, right = np.flatnonzero(guesses != y)[:6], np.flatnonzero(guesses == y)
    shown = [*right[: 18 - len(wrong)], *wrong]
    figure = plt.figure(figsize=(10, 4), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(1, 1.25))
    left, right_half = halves
    axes = left.subplots()
    epochs = range(1, len(history["loss"]) + 1)
    axes.plot(epochs, history["accuracy"], "o-", color="#b35806", label="training")
    axes.plot(epochs, history["val_accuracy"], "s-", color="#542788", label="held out")
    axes.set(title="Handwritten digits", xlabel="epoch", ylabel="accuracy", ylim=(None, 1.005))
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    right_half.suptitle("Held-out digits, and what the network reads (red: wrong)")
    for index, cell in zip(shown, right_half.subplots(3, 6).flat, strict=True):
        cell.imshow(X[index].reshape(8, 8), cmap="gray_r")
        miss = guesses[index] != y[index]
        note = f"{guesses[index]} (is {y[index]})" if miss else str(guesses[index])
        cell.set_title(note, color="#c00000" if miss else "black", fontsize=10)
        cell.axis("off")
    return _saved(figure, path)


def _saved(figure: Any, path: Path) -> Path:
    from matplotlib import pyplot as plt

    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def _title(text: str) -> None:
    print(f"\n{text}\n{'─' * len(text)}", flush=True)
