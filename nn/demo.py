"""The demonstration: gradients, verification, two trainings, pictures."""

from __future__ import annotations

import math
import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np

from autograd import Value, draw, mean, tanh
from nn.cli import train
from nn.cli.parser import parser
from nn.cli.problem import model_and_data
from nn.data import digits
from nn.init import generator
from nn.layers import MLP
from nn.losses import half_squared_error, hinge
from nn.plots import plot_weights
from nn.saving import load
from nn.training import predict
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
    _title("4  MLP 64-64-10 on handwritten digits")
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
    folder = out / "moons"
    chosen = "--data moons --n 100 --loss hinge --validation 0 --epochs 150 --batch-size 20"
    pictures = _trained(folder, f"{chosen} --seed {seed}")
    kept = parser().parse_args(["verify", "--model", str(folder / "model.npz")])
    model, loss, of = model_and_data(kept)
    # The graph of the whole loss, thousands of nodes, drawn layer by layer.
    pairs = zip(of.X.tolist(), of.targets(of.y, loss).tolist(), strict=True)
    total = mean([hinge(model(x), label) for x, label in pairs])
    total.label = "L"
    total.backward()
    return [*pictures, *_drawing(total, out / "moons-loss")]


def _digits(out: Path, seed: int) -> list[Path]:
    folder = out / "digits"
    pictures = _trained(folder, f"--data digits --layers 64 --seed {seed}")
    model = load(folder / "model.npz")
    data = digits(rng=seed)
    return [*pictures, _plot_digits(model, data.X_test, data.y_test, out / "digits.png")]


def _trained(folder: Path, chosen: str) -> list[Path]:
    """The pictures of a training on the command line."""
    arguments = ["train", *chosen.split(), "--out", str(folder)]
    print(f"$ python -m nn {shlex.join(arguments)}", flush=True)
    train.run(parser().parse_args(arguments))
    return sorted([*folder.glob("*.png"), *folder.glob("*.svg")])


def _drawing(value: Value, path: Path) -> list[Path]:
    """The graph as a picture."""
    return [Path(draw(value).save(path.with_suffix(".svg")))]


def _plot_digits(model: Any, X: np.ndarray, y: np.ndarray, path: Path) -> Path:
    from matplotlib import pyplot as plt

    guesses = predict(model, X).argmax(axis=1)
    wrong, right = np.flatnonzero(guesses != y)[:8], np.flatnonzero(guesses == y)
    shown = [*right[: 24 - len(wrong)], *wrong]
    figure = plt.figure(figsize=(10.5, 4), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(1.15, 1))
    left, right_half = halves
    plot_weights(model.layers[0], left.subplots(), shape=(8, 8)).set(
        title="Weights of the 64 hidden neurons", xlabel=""
    )
    right_half.suptitle("Held-out digits, and what the network reads (red: wrong)")
    for index, cell in zip(shown, right_half.subplots(4, 6).flat, strict=True):
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
