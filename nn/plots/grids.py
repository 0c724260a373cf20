"""Decision boundaries and weights: colours over a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nn.layers import MLP, Sequential
from nn.module import Module
from nn.plots.canvas import (
    MARKERS,
    Array,
    Axes,
    axes,
    colourbar,
    colours,
    diverging,
    ink,
    is_dark,
    legend_below,
    spans,
)
from nn.plots.evaluate import checked, outputs

_MOST_CLASSES = 20


def plot_decision_boundary(
    model: Module,
    X: Any,
    y: Any,
    ax: Axes | None = None,
    *,
    threshold: float | None = None,
    resolution: int = 150,
    classes: Sequence[str] | None = None,
) -> Axes:
    """The Axes with the classes that a model of two inputs tells apart, and the samples.

    With one output the colour is its distance from the threshold, and the line is where it is
    reached. With several, the colour is that of the largest, paler where its softmax is less
    certain. Samples on the wrong side have a ring.

    Args:
        model: of 2 inputs, with one output or one per class.
        X: (N, 2).
        y: N labels: two for one output, as -1 and 1 or 0 and 1; else class indices.
        ax: where to draw; a new figure if not given.
        threshold: above which a single output says the second class; if not given, 0.5 after a
            sigmoid and else 0.
        resolution: points of the grid along the longer axis.
        classes: names for the legend, in the order of the labels.

    Raises:
        ValueError: for other inputs or targets.
        ImportError: without matplotlib.
    """
    X, y = checked(model, X, y)
    labels = np.unique(y)
    if X.shape[1] != 2:
        raise ValueError(
            f"plot_decision_boundary() draws 2 inputs in the plane, but X has {X.shape[1]}."
        )
    if y.ndim != 1 or len(labels) > _MOST_CLASSES:
        raise ValueError(
            f"plot_decision_boundary() takes a class per sample, but y, of shape {y.shape}, has "
            f"{len(labels)} different targets. For numbers, see plot_predictions()."
        )
    ax = axes(ax)
    (left, right), (bottom, top) = spans(X.min(axis=0), X.max(axis=0))
    ratio = (top - bottom) / (right - left)
    steps = max(2, int(resolution))
    across = np.linspace(left, right, max(2, round(steps / max(ratio, 1.0))))
    up = np.linspace(bottom, top, max(2, round(steps * min(ratio, 1.0))))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    out = outputs(model, np.concatenate([X, grid]))
    of_samples, field = out[: len(X)], out[len(X) :].reshape(len(up), len(across), -1)
    palette = colours(ax)
    if out.shape[1] == 1:
        if len(labels) > 2:
            raise ValueError(f"one output tells two classes apart, but y has {len(labels)}.")
        edge = _threshold(model) if threshold is None else float(threshold)
        _one_output(ax, across, up, field[..., 0] - edge, edge)
        said = (of_samples[:, 0] > edge).astype(int)
        # With a single label in y, its sign says which of the two it is.
        truth = (y == labels[-1]).astype(int) if len(labels) == 2 else (y > 0).astype(int)
        kinds = [0, 1] if len(labels) == 2 else [int(truth[0])]
    else:
        if y.dtype.kind not in "iu" or labels[0] < 0 or labels[-1] >= out.shape[1]:
            raise ValueError(
                f"the labels of {out.shape[1]} outputs are class indices from 0 to "
                f"{out.shape[1] - 1}, but y has {labels.tolist()}."
            )
        _many_outputs(ax, across, up, field, palette)
        said, truth = of_samples.argmax(axis=1), y
        kinds = labels.tolist()
    for k, label in zip(kinds, labels.tolist(), strict=True):
        mine = X[truth == k]
        name = classes[labels.tolist().index(label)] if classes is not None else f"class {label:g}"
        ax.scatter(
            *mine.T, s=30, color=palette[k % 8], marker=MARKERS[k % 8], label=name, zorder=3,
            edgecolors="#14181f" if is_dark(ax) else "white", linewidths=0.8,
        )  # fmt: skip
    wrong = X[said != truth]
    if len(wrong):
        ax.scatter(
            *wrong.T, s=110, facecolors="none", edgecolors=ink(ax), linewidths=1.4, zorder=4,
            label=f"{len(wrong)} of {len(X)} wrong",
        )  # fmt: skip
    ax.set(xlabel="x[0]", ylabel="x[1]", xlim=(left, right), ylim=(bottom, top))
    ax.set_title("Decision boundary")
    if 1 / 3 < ratio < 3:
        ax.set_aspect("equal")
    legend_below(ax, columns=min(len(labels) + 1, 4))
    return ax


def _threshold(model: Module) -> float:
    last: Any = model
    while isinstance(last, Sequential) and len(last):
        last = last.layers[-1]
    if isinstance(last, MLP):
        last = last.activations[-1]
    name = getattr(getattr(last, "activation", last), "name", "")  # a Neuron has one of its own
    return 0.5 if name == "sigmoid" else 0.0


def _one_output(ax: Axes, across: Array, up: Array, field: Array, edge: float) -> None:
    # The 95th percentile, so that a few large outputs do not leave the rest without colour.
    most = float(np.nanpercentile(np.abs(field), 95)) or 1.0
    image = ax.imshow(
        field + edge, cmap=diverging(ax), vmin=edge - most, vmax=edge + most, alpha=0.75,
        **_placed(across, up),
    )  # fmt: skip
    if field.min() < 0.0 < field.max():
        ax.contour(across, up, field, [0.0], colors=[ink(ax)], linewidths=2.0)
    colourbar(ax, image, "output", extend="both", extendfrac=0.03)


def _many_outputs(ax: Axes, across: Array, up: Array, field: Array, palette: Sequence[str]) -> None:
    from matplotlib.colors import to_rgb

    k = field.shape[-1]
    powers = np.exp(field - field.max(axis=-1, keepdims=True))
    certain = (1.0 / powers.sum(axis=-1) - 1.0 / k) / (1.0 - 1.0 / k)
    paper = np.array(to_rgb(ax.get_facecolor()))
    inks = np.array([to_rgb(palette[i % 8]) for i in range(k)])
    strength = (0.12 + 0.38 * certain)[..., np.newaxis]
    image = strength * inks[field.argmax(axis=-1)] + (1.0 - strength) * paper
    ax.imshow(image, **_placed(across, up))
    for i in range(k):
        margin = field[..., i] - np.delete(field, i, axis=-1).max(axis=-1)
        if margin.min() < 0.0 < margin.max():
            ax.contour(across, up, margin, [0.0], colors=[ink(ax)], linewidths=1.4)


def _placed(across: Array, up: Array) -> dict[str, Any]:
    """Options of an image whose pixels have their middles on the grid."""
    x, y = (across[1] - across[0]) / 2, (up[1] - up[0]) / 2
    extent = (across[0] - x, across[-1] + x, up[0] - y, up[-1] + y)
    return {"extent": extent, "origin": "lower", "aspect": "auto", "interpolation": "bilinear"}


def plot_weights(
    layer: Any,
    ax: Axes | None = None,
    *,
    shape: tuple[int, int] | None = None,
    names: Sequence[str] | None = None,
) -> Axes:
    """The Axes with the weights of a layer as an image: blue below 0, the paper at 0, orange above.

    A row is a neuron and a column an input. With a shape, or for the kernels of a convolution,
    there is a small image for each neuron instead.

    Args:
        layer: a module with ``weight``, such as ``model.layers[0]``; or an array of numbers.
        ax: where to draw; a new figure if not given.
        shape: of the inputs of one neuron as an image, such as (8, 8).
        names: of the inputs, below the columns.

    Raises:
        ValueError: for a module without weight, or a shape that does not fit.
        ImportError: without matplotlib.
    """
    W = _weights(layer)
    if shape is not None:
        if math.prod(shape) != math.prod(W.shape[1:]):
            raise ValueError(
                f"plot_weights(): a neuron has {math.prod(W.shape[1:])} weights, which are no "
                f"image of {shape[0]} × {shape[1]}."
            )
        W = W.reshape(len(W), *shape)
    tiled = W.ndim > 2
    image = _tiles(W.reshape(-1, *W.shape[-2:]), W.shape[1] if W.ndim == 4 else 0) if tiled else W
    height, width = image.shape
    scale = min(0.42, 9.0 / max(width, 1), 7.0 / max(height, 1))
    ax = axes(ax, (max(4.4, scale * width + 1.6), max(2.2, scale * height + 1.0)))
    most = float(np.nanmax(np.abs(W), initial=0.0)) or 1.0
    shown = ax.imshow(image, cmap=diverging(ax), vmin=-most, vmax=most, interpolation="nearest")
    colourbar(ax, shown, "weight")
    if tiled:
        ax.set(xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_xlabel(f"{W.shape[-2]} × {W.shape[-1]} weights of each of {len(W)} neurons")
    else:
        ax.set(xlabel="input", ylabel="neuron")
        ax.set_xticks(_ticks(width))
        ax.set_yticks(_ticks(height))
        if names is not None:
            ax.set_xticks(range(width), list(names), rotation=45, ha="right")
        if width <= 10 and height <= 10:
            for (i, j), w in np.ndenumerate(W):
                colour = ax.get_facecolor() if abs(w) > 0.75 * most else ink(ax)
                ax.text(j, i, f"{w:.2f}", ha="center", va="center", fontsize=8, color=colour)
    title = getattr(layer, "_title", None)
    ax.set_title(f"Weights of {title()}" if callable(title) else "Weights", fontsize="medium")
    return ax


def _weights(layer: Any) -> Array:
    """The weights of a layer, a neuron or a kernel per row."""
    given = getattr(layer, "weight", layer)
    if isinstance(given, Module):
        raise ValueError(
            f"plot_weights() draws one layer, but {type(layer).__name__} has no weight of its own. "
            "Give it one of its layers, such as model.layers[0]."
        )
    nodes = np.asarray(given, dtype=object)
    numbers = np.array([getattr(each, "data", each) for each in nodes.flat], dtype=float)
    W: Array = numbers.reshape(nodes.shape)
    if W.ndim == 1:
        W = W[np.newaxis]
    if W.ndim not in (2, 4) or not W.size:
        raise ValueError(f"plot_weights() takes weights (n_out, n_in), but got {nodes.shape}.")
    return W


def _tiles(images: Array, columns: int = 0) -> Array:
    """Images (k, h, w) beside and below each other, with nan in between."""
    k, h, w = images.shape
    columns = columns if columns > 1 else math.ceil(math.sqrt(k * 1.6 * h / w))
    columns = min(columns, k)
    rows = math.ceil(k / columns)
    sheet = np.full((rows * (h + 1) - 1, columns * (w + 1) - 1), np.nan)
    for index, image in enumerate(images):
        i, j = divmod(index, columns)
        sheet[i * (h + 1) : i * (h + 1) + h, j * (w + 1) : j * (w + 1) + w] = image
    return sheet


def _ticks(n: int) -> range:
    return range(0, n, max(1, math.ceil(n / 12)))
