"""Curves: the history of a training, and predictions beside their targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nn.module import Module
from nn.plots.canvas import Axes, axes, colours, ink, legend_below, spans
from nn.plots.evaluate import checked, outputs

_SCORES = ("accuracy", "r2")


def plot_history(
    history: Mapping[str, Sequence[float]],
    ax: Axes | None = None,
    *,
    keys: Sequence[str] | None = None,
) -> Axes:
    """The Axes with the losses by epoch; accuracy or R², if there, on a second scale at the right.

    Training is dashed, validation solid, and marked where its loss is least. The losses are on a
    logarithmic scale if they fall to less than a twentieth.

    Args:
        history: what ``fit`` gives, lists of a number per epoch.
        ax: where to draw; a new figure if not given. The second scale is its last sibling,
            ``ax.figure.axes[-1]``.
        keys: which lists to draw, such as ["loss", "val_loss"]; if not given, the losses and the
            first score that is there.

    Raises:
        ValueError: for a history without epochs, or a key that is not in it.
        ImportError: without matplotlib.
    """
    if keys is None:
        score = next((name for name in _SCORES if name in history or f"val_{name}" in history), "")
        wanted = [f"{part}{name}" for name in ("loss", score) for part in ("", "val_")]
        keys = [key for key in wanted if key in history]
    missing = [key for key in keys if key not in history]
    if missing or not keys:
        raise ValueError(
            f"plot_history() finds no {missing or 'loss'} in a history of {list(history)}."
        )
    lines = {key: np.asarray(history[key], dtype=float) for key in keys}
    if not all(line.ndim == 1 and len(line) for line in lines.values()):
        raise ValueError("plot_history() needs an epoch at least, and a number for each.")
    ax = axes(ax)
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    names = list(dict.fromkeys(key.removeprefix("val_") for key in keys))
    left = [name for name in names if name == names[0] or "loss" in name]
    right = [name for name in names if name not in left]
    other: Any = ax.twinx() if right else None
    handles = []
    for number, name in enumerate([*left, *right]):
        host, colour = (ax if name in left else other), colours(ax)[number % 8]
        for key, style in ((name, "--"), (f"val_{name}", "-")):
            if key not in lines:
                continue
            said = name.replace("_", " ")
            label = f"{said}, {'training' if key == name else 'validation'}"
            alone = f"val_{name}" not in lines
            (line,) = host.plot(
                range(1, len(lines[key]) + 1), lines[key], "-" if alone else style, color=colour,
                label=said if alone else label, linewidth=1.6 if key == name else 2.2,
                marker="o" if len(lines[key]) == 1 else None, zorder=3,
            )  # fmt: skip
            handles.append(line)
    best = lines.get("val_loss")
    if best is not None and len(best) > 1 and np.isfinite(best).any():
        at = int(np.nanargmin(best))
        label = f"least, {best[at]:.3g} at epoch {at + 1}"
        place, dot = ([at + 1], [best[at]]), {"color": colours(ax)[0], "edgecolors": ink(ax)}
        handles.append(ax.scatter(*place, s=60, zorder=5, label=label, **dot))
    positive = [line[np.isfinite(line)] for key, line in lines.items() if "loss" in key]
    losses = np.concatenate(positive) if positive else np.zeros(0)
    if len(losses) and losses.min() > 0.0 and losses.max() > 20.0 * losses.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.minorticks_off()
    elif len(losses) and losses.min() >= 0.0:
        ax.set_ylim(bottom=0.0)
    _decorate(ax, other, left, right)
    n = max(map(len, lines.values()))
    if n > 1:
        ax.set_xlim(1, n)
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend_below(ax, handles)
    ax.set_title("Training")
    return ax


def _decorate(ax: Axes, other: Axes | None, left: list[str], right: list[str]) -> None:
    ax.set(xlabel="epoch", ylabel=", ".join(left))
    ax.grid(alpha=0.25)
    if other is None:
        return
    colour = colours(ax)[len(left) % 8]
    other.set_ylabel(", ".join(right), color=colour)
    other.tick_params(axis="y", colors=colour)
    ax.yaxis.label.set_color(colours(ax)[0])
    ax.tick_params(axis="y", which="both", colors=colours(ax)[0])
    if any(name in _SCORES for name in right):
        low = min(float(np.nanmin(line.get_ydata())) for line in other.get_lines())
        other.set_ylim(max(-0.05, low - 0.08 * (1.0 - low)) if low <= 1.0 else None, 1.01)
    ax.set_zorder(other.get_zorder() + 1)
    ax.patch.set_visible(False)


def plot_predictions(model: Module, X: Any, y: Any, ax: Axes | None = None) -> Axes:
    """The Axes with numbers that a model predicts, beside the truth.

    For one input, the curve of the outputs over the samples; for more, each prediction over its
    target, where a perfect model is on the diagonal.

    Args:
        model: with one output.
        X: (N, n_in).
        y: N numbers.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: for several outputs or targets.
        ImportError: without matplotlib.
    """
    X, y = checked(model, X, y)
    y = y.reshape(len(y), -1).astype(float)
    out = outputs(model, X)
    if out.shape[1] != 1 or y.shape[1] != 1:
        raise ValueError(
            f"plot_predictions() draws one output, but there are {out.shape[1]} outputs and "
            f"{y.shape[1]} targets per sample."
        )
    ax = axes(ax)
    blue, orange = colours(ax)[:2]
    if X.shape[1] == 1:
        ((low, high),) = spans(X.min(axis=0), X.max(axis=0), 0.04)
        line = np.linspace(low, high, 300)
        ax.scatter(X[:, 0], y[:, 0], s=22, color=blue, alpha=0.65, linewidths=0, label="samples")
        curve = outputs(model, line[:, np.newaxis])[:, 0]
        ax.plot(line, curve, color=orange, linewidth=2.4, label="model")
        ax.set(xlabel="x[0]", ylabel="y", xlim=(low, high))
    else:
        both = np.concatenate([y, out])
        ((low, high),) = spans(both.min(axis=0), both.max(axis=0), 0.04)
        ax.plot([low, high], [low, high], "--", color=ink(ax), linewidth=1.2, label="perfect")
        ax.scatter(y[:, 0], out[:, 0], s=22, color=blue, alpha=0.65, linewidths=0, label="samples")
        ax.set(xlabel="target", ylabel="prediction", xlim=(low, high), ylim=(low, high))
        ax.set_aspect("equal")
    ax.grid(alpha=0.25)
    ax.legend(frameon=False)
    ax.set_title("Predictions")
    return ax
