"""What goes on inside a model: gradients and activations, layer by layer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autograd import Value, no_grad
from nn.activations import Activation, Identity, Pointwise
from nn.module import Module
from nn.optim import SGD, Optimizer
from nn.plots.canvas import Array, Axes, axes, colours, ink, legend_below
from nn.plots.evaluate import Loss, checked, evaluating, loss_named

_HEALTHY = 1e-3  # of a weight changes in a step (A. Karpathy, "makemore", part 3, 2022)
_SATURATED = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}


def plot_gradient_flow(
    model: Module,
    loss: Loss | str,
    X: Any,
    y: Any,
    ax: Axes | None = None,
    *,
    optimizer: Optimizer | None = None,
) -> Axes:
    """The Axes with mean |δ| and ‖ΔW‖ / ‖W‖ of each layer with parameters, on logarithmic scales.

    δ = ∂Lₙ/∂z is the adjoint of the layer's outputs for one sample; its mean over samples and
    neurons tells whether gradients fade or explode on their way back. ΔW is what one step of the
    optimiser would change by the gradient of the mean loss; about 1/1000 of the weights is often
    healthy (a rule of thumb), and the dotted line shows where that is.

    Args:
        model: any module. Parameters, gradients and optimiser are afterwards what they were.
        loss: of one sample, or its name.
        X: (N, n_in); some dozens are enough, since they run node by node.
        y: N targets, as the loss takes them.
        ax: where to draw; a new figure if not given. The ratios are on a second scale,
            ``ax.figure.axes[-1]``.
        optimizer: of ``model.parameters()``; SGD with its default learning rate if not given.

    Raises:
        ValueError: for a model without layers that have parameters, or data that do not fit.
        ImportError: without matplotlib.
    """
    X, y = checked(model, X, y)
    names, deltas, ratios = _flow(model, loss_named(loss), X, y, optimizer)
    ax = axes(ax)
    other = ax.twinx()
    blue, orange = colours(ax)[:2]
    places = np.arange(len(names))
    for host, numbers, colour, marker, style, label in (
        (ax, deltas, blue, "o", "-", "mean |δ|"),
        (other, ratios, orange, "s", "--", "‖ΔW‖ / ‖W‖ of one step"),
    ):
        shown = np.where(np.array(numbers) > 0.0, numbers, np.nan)
        host.plot(
            places, shown, style, color=colour, marker=marker, markersize=9, linewidth=1.6,
            label=label,
        )  # fmt: skip
        host.set_yscale("log")
        _decades(host, shown if host is ax else np.append(shown, _HEALTHY))
        host.set_ylabel(label, color=colour)
        host.tick_params(axis="y", which="both", colors=colour)
    other.axhline(_HEALTHY, color=orange, linewidth=1.0, linestyle=":", alpha=0.9)
    other.annotate(
        "1/1000", (1.0, _HEALTHY), xycoords=("axes fraction", "data"), xytext=(-4, 3),
        textcoords="offset points", ha="right", color=orange, fontsize=8.5,
    )  # fmt: skip
    ax.set_xticks(places, names, rotation=0 if len(names) < 7 else 45)
    ax.set_xlim(-0.4, len(names) - 0.6)
    ax.set(xlabel="layer, from the inputs to the loss", title="Gradient flow")
    ax.grid(alpha=0.25, axis="x")
    handles = [*ax.get_lines(), other.get_lines()[0]]
    legend_below(ax, handles)
    ax.set_zorder(other.get_zorder() + 1)
    ax.patch.set_visible(False)
    return ax


def _decades(ax: Axes, numbers: Array) -> None:
    """Limits at whole decades, so that no small difference looks large."""
    from matplotlib.ticker import NullFormatter

    known = np.log10(numbers[np.isfinite(numbers)])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    bottom, top = np.floor(low - 0.1), np.ceil(high + 0.1)
    ax.set_ylim(10.0**bottom, 10.0**top)
    ax.yaxis.set_minor_formatter(NullFormatter())


def _flow(
    model: Module, loss: Loss, X: Array, y: Array, optimizer: Optimizer | None
) -> tuple[list[str], list[float], list[float]]:
    """(names, mean |δ|, ‖ΔW‖ / ‖W‖) of the layers with parameters."""
    layers = [
        (name or type(module).__name__, module, own)
        for name, module in model.named_modules()
        if (own := _own(module))
    ]
    if not layers:
        raise ValueError("plot_gradient_flow() finds no layer whose parameters have gradients.")
    parameters = model.parameters()
    former = [parameter.grad for parameter in parameters]
    made: dict[int, list[Value]] = {}
    sums = {id(module): (0.0, 0) for _, module, _ in layers}
    try:
        with evaluating(model), _watching([each for _, each, _ in layers], made.setdefault):
            for parameter in parameters:
                parameter.zero_grad()
            for row, target in zip(X.tolist(), y.tolist(), strict=True):
                made.clear()
                loss(model(row), target).backward(1.0 / len(X))
                for key, nodes in made.items():
                    total, n = sums[key]
                    # The seed was 1/N, that of the mean loss; δ is that of the sample's own.
                    total += len(X) * sum(abs(node.grad) for node in nodes)
                    sums[key] = total, n + len(nodes)
        ratios = _ratios(parameters, [own for _, _, own in layers], optimizer)
    finally:
        for parameter, grad in zip(parameters, former, strict=True):
            parameter.grad = grad
    deltas = [total / n if n else np.nan for total, n in sums.values()]
    return [name for name, _, _ in layers], deltas, ratios


def _own(module: Module) -> list[Value]:
    """The weights of the module itself that get gradients: without biases, if there are others."""
    found = [
        (name, value)
        for name, member in module._members()
        if not isinstance(member, Module)
        for value in np.ravel(np.asarray(member, dtype=object)).tolist()
        if isinstance(value, Value) and value.requires_grad
    ]
    weights = [value for name, value in found if "bias" not in name]
    return weights or [value for _, value in found]


def _ratios(
    parameters: list[Value], layers: list[list[Value]], optimizer: Optimizer | None
) -> list[float]:
    steps = SGD(parameters) if optimizer is None else optimizer
    kept = steps.state_dict()
    data = np.array([parameter.data for parameter in steps.parameters])
    grad = np.array([parameter.grad for parameter in steps.parameters])
    try:
        change = steps.update(data, grad) - data
    finally:
        steps.load_state_dict(kept)
    of = {id(value): float(step) for value, step in zip(steps.parameters, change, strict=True)}
    ratios = []
    for own in layers:
        size = float(np.linalg.norm([value.data for value in own]))
        moved = float(np.linalg.norm([of.get(id(value), 0.0) for value in own]))
        ratios.append(moved / size if size > 0.0 else np.nan)
    return ratios


@contextlib.contextmanager
def _watching(modules: Sequence[Module], noted: Callable[..., Any]) -> Iterator[None]:
    """Note the outputs of each call of the modules, by id."""

    def note(module: Module, _: tuple[Any, ...], outputs: Any) -> None:
        nodes = outputs if isinstance(outputs, list | tuple) else [outputs]
        flat = [v for each in nodes for v in np.ravel(np.asarray(each, dtype=object)).tolist()]
        noted(id(module), []).extend(each for each in flat if isinstance(each, Value))

    with contextlib.ExitStack() as hooks:
        for module in modules:
            hooks.enter_context(module.register_forward_hook(note))
        yield


def plot_activations(
    model: Module, X: Any, ax: Axes | None = None, *, bins: int = 60, saturation: float = 0.97
) -> Axes:
    """The Axes with a histogram of the outputs of each activation, the first at the top.

    Beside it stand mean and standard deviation; of a tanh or sigmoid, how many outputs are
    saturated; of others, how many are 0, which the histogram leaves out, and how many neurons are
    0 for all samples. The 1 % of the outputs that are largest may lie outside.

    Args:
        model: any module; without activations, its outputs are shown.
        X: (N, n_in); some dozens are enough, since they run node by node.
        ax: where to draw; a new figure if not given.
        bins: of each histogram, as high as its fullest one.
        saturation: the share of the way to a limit from which an output counts as saturated.

    Raises:
        ValueError: for samples that do not fit.
        ImportError: without matplotlib.
    """
    X, _ = checked(model, X)
    rows = _activations(model, X)
    ax = axes(ax, (7.4, 1.0 + 0.95 * max(len(rows), 2)))
    low = min(float(np.percentile(numbers, 0.5)) for _, _, numbers in rows)
    high = max(float(np.percentile(numbers, 99.5)) for _, _, numbers in rows)
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    palette = colours(ax)
    for number, (_, kind, numbers) in enumerate(rows):
        base = len(rows) - 1 - number
        zeros = kind not in _SATURATED and kind != ""
        counts, _ = np.histogram(numbers[numbers != 0.0] if zeros else numbers, edges)
        heights = base + 0.8 * counts / max(int(counts.max()), 1)
        ax.stairs(heights, edges, baseline=base, fill=True, color=palette[number % 8], alpha=0.55)
        ax.stairs(heights, edges, baseline=base, color=palette[number % 8], linewidth=1.3)
        ax.axhline(base, color=ink(ax), linewidth=0.6, alpha=0.5)
        ax.annotate(
            _said(kind, numbers, saturation), (1.02, base + 0.3),
            xycoords=("axes fraction", "data"), fontsize=8.5, va="center",
        )  # fmt: skip
    names = [name for name, _, _ in rows]
    ax.set_yticks([len(rows) - 0.7 - i for i in range(len(rows))], names)
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="output", xlim=(low, high), ylim=(-0.08, len(rows)), title="Activations")
    ax.grid(alpha=0.25, axis="x")
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    return ax


def _activations(model: Module, X: Array) -> list[tuple[str, str, Array]]:
    """(name, kind, outputs (N, n)) of the activations in the order of their calls."""
    names = {id(module): (name, module) for name, module in model.named_modules()}
    watched: list[Module] = [
        module for _, module in names.values()
        if isinstance(module, Pointwise) and not _is_linear(module)
    ]  # fmt: skip
    watched = watched or [model]
    made: dict[int, list[Value]] = {}
    found: dict[int, list[list[float]]] = {}
    with evaluating(model), no_grad(), _watching(watched, made.setdefault):
        for row in X.tolist():
            made.clear()
            model(row)
            for key, nodes in made.items():
                found.setdefault(key, []).append([node.data for node in nodes])
    rows: list[tuple[str, str, Array]] = []
    for key, lists in found.items():
        name, module = names[key]
        kind = getattr(module, "name", type(module).__name__)
        own = isinstance(module, Pointwise)
        title = f"{name}\n{kind}".lstrip("\n") if own else "outputs"
        rows.append((title, kind if own else "", np.array(lists)))
    return rows


def _is_linear(module: Pointwise) -> bool:
    return isinstance(module, Identity) or (isinstance(module, Activation) and module.op is None)


def _said(kind: str, numbers: Array, saturation: float) -> str:
    text = f"mean {round(float(numbers.mean()), 2) + 0.0:.2f}, std {numbers.std():.2f}"
    if kind in _SATURATED:
        low, high = _SATURATED[kind]
        middle, half = (low + high) / 2, (high - low) / 2
        share = float(np.mean(np.abs(numbers - middle) > saturation * half))
        return f"{text}\n{share:.0%} saturated"
    zeros = float(np.mean(numbers == 0.0))
    if zeros:
        dead = int(np.all(numbers == 0.0, axis=0).sum())
        return f"{text}\n{zeros:.0%} are 0, {dead} of {numbers.shape[1]} neurons always"
    return text
