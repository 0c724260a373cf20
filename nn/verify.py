"""The engine's backprop beside the one written by hand, quantity by quantity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import Value, VerificationError, topological
from nn import deltas
from nn.layers import MLP, Activation, Linear, Neuron, Sequential
from nn.losses import LOSSES
from nn.module import Module

Array = np.ndarray


@dataclass(frozen=True)
class Row:
    """One quantity of one layer, and how far the hand-derived ones are from the engine's.

    The differences are max |engine - hand| / max |hand|, over the whole array.
    """

    layer: str
    quantity: str
    shape: tuple[int, ...]
    loops: float
    matrices: float


@dataclass(frozen=True)
class Report:
    """What ``verify`` found; ``print(report)`` shows it as a table."""

    rows: list[Row]
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether every quantity agrees within the tolerance."""
        return not self.wrong

    @property
    def wrong(self) -> list[Row]:
        """The rows beyond the tolerance."""
        return [row for row in self.rows if not max(row.loops, row.matrices) <= self.tolerance]

    def __str__(self) -> str:
        head = ("layer", "quantity", "shape", "by loops", "by matrices", "")
        table = [head]
        for row in self.rows:
            shape = " × ".join(map(str, row.shape)) or "1"
            verdict = "✗" if row in self.wrong else "✓"
            errors = f"{row.loops:.1e}", f"{row.matrices:.1e}"
            repeated = len(table) > 1 and self.rows[len(table) - 2].layer == row.layer
            table.append(("" if repeated else row.layer, row.quantity, shape, *errors, verdict))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
        worst = max(max(row.loops, row.matrices) for row in self.rows)
        verdict = (
            f"engine and backprop by hand agree; the largest relative difference is {worst:.1e}"
            if self.ok
            else f"NOT equal: {len(self.wrong)} of {len(self.rows)} quantities differ"
        )
        return "\n".join([*lines, f"{verdict} (tolerance {self.tolerance:.0e})."])


def verify(
    model: Module,
    x: Any,
    y: Any,
    *,
    loss: str = "half_squared_error",
    tolerance: float = 1e-12,
    show: bool = True,
) -> Report:
    """The report that holds z, a, δ, ∂L/∂W and ∂L/∂b of the engine against those by hand.

    The hand-derived ones come from ``nn.deltas``, once by loops over neurons and once by
    matrices; L is the mean over the samples, δ = ∂Lₙ/∂z that of each sample.

    Args:
        model: an MLP, a Linear, a Neuron, or a Sequential of Linear layers and activations.
        x: one sample, (n_in,), or a batch, (N, n_in).
        y: its target, as the loss takes it; for a batch, N of them.
        loss: a name from ``nn.losses.LOSSES``.
        tolerance: the largest relative difference allowed, of each array as a whole.
        show: whether to print the table.

    Raises:
        VerificationError: if anything differs by more; the message is the table.
        TypeError: for a model that is not such a chain of layers.
        ValueError: for shapes that do not fit, or an unknown loss.
    """
    chain = _chain(model)
    x = np.asarray(x, dtype=np.float64)
    targets = [y] if x.ndim == 1 else list(y)
    x = np.atleast_2d(x)
    if len(targets) != len(x):
        raise ValueError(f"verify() got {len(x)} samples, but {len(targets)} targets.")
    if loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}; the losses are {', '.join(LOSSES)}.")

    engine = _by_engine(model, chain, x, targets, loss)
    numbers = [_data(layer.weight) for layer, _ in chain]
    biases = [None if layer.bias is None else _data(layer.bias) for layer, _ in chain]
    names = [name for _, name in chain]
    hand = [
        by(numbers, biases, names, x, targets, loss) for by in (deltas.by_loops, deltas.by_matrices)
    ]

    rows = [Row("loss", "L", (), *(_difference(engine.loss, by.loss) for by in hand))]
    for index, (layer, name) in enumerate(chain):
        title = f"{index + 1}: {len(layer.weight[0])} → {len(layer.weight)} {name}"
        for quantity, field in zip(("z", "a", "δ", "∂L/∂W", "∂L/∂b"), _FIELDS, strict=True):
            ours = getattr(engine, field)[index]
            if ours is not None:
                theirs = [getattr(by, field)[index] for by in hand]
                differences = [_difference(ours, each) for each in theirs]
                rows.append(Row(title, quantity, np.shape(ours), *differences))
    report = Report(rows, tolerance)
    if not report.ok:
        raise VerificationError(f"\n{report}")
    if show:
        print(report)
    return report


_FIELDS = ("z", "a", "delta", "dW", "db")


class _Row(Linear):
    """A single neuron, seen as a layer."""

    def __init__(self, neuron: Neuron):
        self.neurons = [neuron]


def _chain(model: Module) -> list[tuple[Linear, str]]:
    """The layers of a model, each with the name of the activation after it."""
    if isinstance(model, MLP):
        return [
            (layer, phi.name) for layer, phi in zip(model.layers, model.activations, strict=True)
        ]
    if isinstance(model, Neuron):
        return [(_Row(model), model.activation.name)]
    chain: list[tuple[Linear, str]] = []
    parts = list(model.layers) if isinstance(model, Sequential) else [model]
    while parts:
        part = parts.pop(0)
        if isinstance(part, Linear):
            chain.append((part, "linear"))
        elif isinstance(part, Activation) and chain and chain[-1][1] == "linear":
            chain[-1] = (chain[-1][0], part.name)
        elif isinstance(part, Sequential):
            parts = part.layers + parts
        elif isinstance(part, MLP | Neuron):
            chain += _chain(part)
        else:
            raise TypeError(
                f"verify() takes a chain of Linear layers, each with at most one activation, "
                f"but in {model!r} it met {part!r}."
            )
    return chain


def _by_engine(
    model: Module, chain: list[tuple[Linear, str]], x: Array, targets: list[Any], loss: str
) -> deltas.Backprop:
    """What the engine's graph of model and loss gives, in the same form as by hand."""
    parameters = model.parameters()
    former = [(parameter, parameter.requires_grad, parameter.grad) for parameter in parameters]
    runs = []
    try:
        for parameter in parameters:
            parameter.requires_grad = True
            parameter.zero_grad()
        for sample, target in zip(x, targets, strict=True):
            out = LOSSES[loss](model(sample), target)
            out.backward()
            runs.append((out.data, *_neurons(out, chain)))
        n = len(runs)
        return deltas.Backprop(
            loss=sum(run[0] for run in runs) / n,
            z=[np.array([_data(run[1][layer]) for run in runs]) for layer in range(len(chain))],
            a=[np.array([_data(run[2][layer]) for run in runs]) for layer in range(len(chain))],
            delta=[np.array([_grad(run[1][layer]) for run in runs]) for layer in range(len(chain))],
            dW=[_grad(layer.weight) / n for layer, _ in chain],
            db=[None if layer.bias is None else _grad(layer.bias) / n for layer, _ in chain],
        )
    finally:
        for parameter, requires_grad, grad in former:
            parameter.requires_grad = requires_grad
            parameter.grad = grad


def _neurons(out: Value, chain: list[tuple[Linear, str]]) -> tuple[list[Any], list[Any]]:
    """The nodes z and a of every neuron, read off the graph of the loss.

    A node z has the neuron's weights for its first parents; a is what the activation
    makes of it.
    """
    order = topological(out)
    of_weight = {node.parents[0]: node for node in order if node.parents}
    made = {(node.op.name, node.parents[0]): node for node in order if node.op is not None}
    z = [[of_weight[row[0]] for row in layer.weight] for layer, _ in chain]
    a = [
        row if name == "linear" else [made[name, node] for node in row]
        for row, (_, name) in zip(z, chain, strict=True)
    ]
    return z, a


def _data(nodes: Any) -> Array:
    nodes = np.asarray(nodes, dtype=object)
    return np.array([node.data for node in nodes.flat]).reshape(nodes.shape)


def _grad(nodes: Any) -> Array:
    nodes = np.asarray(nodes, dtype=object)
    return np.array([node.grad for node in nodes.flat]).reshape(nodes.shape)


def _difference(engine: Any, hand: Any) -> float:
    """Max |engine - hand| / max |hand|; where both are nan, or the same inf, they agree."""
    engine, hand = np.asarray(engine), np.asarray(hand)
    if engine.shape != hand.shape:
        return float("inf")
    with np.errstate(all="ignore"):
        gap = np.where((engine == hand) | (np.isnan(engine) & np.isnan(hand)), 0.0, engine - hand)
    if not np.isfinite(gap).all():
        return float("inf")
    finite = np.abs(hand[np.isfinite(hand)])
    largest = np.abs(gap).max(initial=0.0)
    return float(largest and largest / max(finite.max(initial=0.0), np.finfo(float).tiny))
