"""The loss around the parameters, along two random directions."""

from __future__ import annotations

from typing import Any

import numpy as np

from nn.init import Rng, generator
from nn.inputs import count, real
from nn.layers import Neuron
from nn.module import Module
from nn.plots.canvas import Array, Axes, axes, colourbar, is_dark
from nn.plots.evaluate import Loss, checked, evaluating, loss_named, mean_loss


def plot_loss_landscape(
    model: Module,
    loss: Loss | str,
    X: Any,
    y: Any,
    ax: Axes | None = None,
    *,
    span: float = 1.0,
    steps: int = 25,
    rng: Rng = 0,
) -> Axes:
    """The Axes with the mean loss at w + α d₁ + β d₂, of two random directions.

    They are filter-normalised (Li et al. 2018, §4): in d, the weights of each neuron (or kernel)
    are as long as they are in w, and biases and frozen parameters stay. So 1 means "as large as
    the weights themselves", and pictures of different models can be compared.

    Args:
        model: any module; its parameters are in the middle, and afterwards what they were.
        loss: of one sample, or its name.
        X: (N, n_in).
        y: N targets, as the loss takes them.
        ax: where to draw; a new figure if not given.
        span: α and β go from -span to span.
        steps: points along each; an odd number has one in the middle.
        rng: a NumPy generator or a seed, for the directions.

    Raises:
        ValueError: if there are no weights that may be moved, or data do not fit.
        ImportError: without matplotlib.
    """
    X, y = checked(model, X, y)
    loss = loss_named(loss)
    side = np.linspace(-1.0, 1.0, count(steps, "steps", 3))
    side = side * real(span, "span", 1e-12, 1e12)
    ax = axes(ax, (5.6, 4.6))
    losses = _losses(model, loss, X, y, side, generator(rng))
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        raise ValueError("the loss is not finite anywhere on the landscape; take a smaller span.")
    _draw(ax, side, losses, finite)
    return ax


def _losses(
    model: Module, loss: Loss, X: Array, y: Array, side: Array, random: np.random.Generator
) -> Array:
    """losses[i, j] at β = side[i], α = side[j]."""
    parameters = model.parameters()
    former = [parameter.data for parameter in parameters]
    first, second = (_direction(model, random) for _ in range(2))
    moved = [i for i in range(len(parameters)) if first[i] != 0.0 or second[i] != 0.0]
    if not moved:
        raise ValueError("plot_loss_landscape() finds no weights other than 0 that may be moved.")
    w, d1, d2 = (np.array(each)[moved] for each in (former, first, second))
    losses = np.empty((len(side), len(side)))
    try:
        with evaluating(model), np.errstate(all="ignore"):
            measure = mean_loss(model, loss, X, y)
            for i, beta in enumerate(side):
                for j, alpha in enumerate(side):
                    for k, number in zip(moved, (w + alpha * d1 + beta * d2).tolist(), strict=True):
                        parameters[k].data = number
                    losses[i, j] = measure()
    finally:
        for parameter, number in zip(parameters, former, strict=True):
            parameter.data = number
    return losses


def _direction(model: Module, random: np.random.Generator) -> list[float]:
    """A number per parameter: normal, each filter as long as the parameters' own, biases 0."""
    of: dict[int, float] = {}
    for module in model.modules():
        for name, member in module._members():
            if isinstance(member, Module):
                continue
            nodes = np.asarray(member, dtype=object)
            single = isinstance(module, Neuron) and name == "weight"
            rows = nodes.reshape(1 if single or not nodes.ndim else len(nodes), -1)
            for row in rows:
                w = np.array([each.data for each in row])
                d = random.normal(size=len(row))
                long = np.linalg.norm(w) if nodes.ndim > 1 or single else 0.0
                d *= long / max(float(np.linalg.norm(d)), 1e-300)
                for each, number in zip(row, d.tolist(), strict=True):
                    of.setdefault(id(each), number if each.requires_grad else 0.0)
    return [of.get(id(parameter), 0.0) for parameter in model.parameters()]


def _draw(ax: Axes, side: Array, losses: Array, finite: Array) -> None:
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.ticker import LogLocator, MaxNLocator

    low, high = float(finite.min()), float(finite.max())
    log = low > 0.0 and high > 30.0 * low
    if not high > low:
        high = low + 1.0
    levels = np.geomspace(low, high, 25) if log else np.linspace(low, high, 25)
    levels[0], levels[-1] = low, high
    shown = np.ma.masked_invalid(losses)
    norm = LogNorm(low, high) if log else Normalize(low, high)
    cmap = "viridis" if is_dark(ax) else "viridis_r"
    filled = ax.contourf(side, side, shown, levels, cmap=cmap, norm=norm)
    lines = ax.contour(
        side, side, shown, levels[2::4], colors=["#14181f"], linewidths=0.6, alpha=0.6
    )
    ax.clabel(lines, fmt=lambda level: f"{level:.2g}", fontsize=7.5)
    ticks = LogLocator(subs=(1.0, 2.0, 5.0)) if log else MaxNLocator(6)
    bar = colourbar(ax, filled, "mean loss", ticks=ticks, format="%.3g")
    bar.ax.minorticks_off()
    middle = float(losses[len(side) // 2, len(side) // 2])
    label = f"the model, {middle:.3g}" if len(side) % 2 else "the model"
    ax.plot([0.0], [0.0], "*", color="#ff5d5d", markeredgecolor="white", markersize=15, label=label)
    ax.legend(loc="upper right", framealpha=0.9)
    ax.set(xlabel="α, along d₁", ylabel="β, along d₂", title="Loss landscape")
    ax.set_aspect("equal")
