"""The engine's backprop beside the one written by hand, quantity by quantity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import autograd
from autograd import Table, Value, VerificationError, topological
from nn import deltas
from nn.layers import MLP, Activation, Linear, Neuron, Sequential
from nn.losses import LOSSES
from nn.module import Module

Array = np.ndarray


@dataclass(frozen=True)
class Row:
    """One quantity of one layer, and how far the hand-derived ones are from the engine's.

    The differences are max |engine - hand| / max |hand|, over the whole array; what follows
    from δ is measured by the terms of which δ at the output is the difference. If these
    cancel to the last digits, it is not judged.
    """

    layer: str
    quantity: str
    shape: tuple[int, ...]
    loops: float
    matrices: float
    judged: bool = True


@dataclass(frozen=True, repr=False)
class Report(autograd.Report):
    """What ``verify`` found; ``print(report)`` and notebooks show it as a table."""

    rows: list[Row]
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether every quantity agrees within the tolerance."""
        return not self.wrong

    @property
    def wrong(self) -> list[Row]:
        """The rows beyond the tolerance."""
        return [
            row
            for row in self.rows
            if row.judged and not max(row.loops, row.matrices) <= self.tolerance
        ]

    def table(self) -> Table:
        """A line per quantity, by layer; then the verdict."""
        lines, wrong = [], set()
        for number, row in enumerate(self.rows):
            shape = " × ".join(map(str, row.shape)) or "1"
            if not row.judged:
                mark = "·"
            elif max(row.loops, row.matrices) <= self.tolerance:
                mark = "✓"
            else:
                mark = "✗"
                wrong.add(number)
            repeated = number > 0 and self.rows[number - 1].layer == row.layer
            layer = "" if repeated else row.layer
            errors = f"{row.loops:.1e}", f"{row.matrices:.1e}"
            lines.append((layer, row.quantity, shape, *errors, mark))
        worst = max(max(row.loops, row.matrices) for row in self.rows)
        verdict = (
            f"engine and backprop by hand agree; the largest relative difference is {worst:.1e}"
            if self.ok
            else f"NOT equal: {len(self.wrong)} of {len(self.rows)} quantities differ"
        )
        notes = [f"{verdict} (tolerance {self.tolerance:.0e})."]
        if not all(row.judged for row in self.rows):
            notes.append(
                "· not judged: the outputs fit the targets so well that no digits are left."
            )
        head = ("layer", "quantity", "shape", "by loops", "by matrices", "")
        return Table(head, tuple(lines), tuple(notes), frozenset(wrong))


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
        tolerance: the largest relative difference allowed, of each array as a whole (see ``Row``).
        show: whether to print the table.

    Raises:
        VerificationError: if anything differs by more; the message is the table.
        TypeError: for a model that is not such a chain of layers.
        ValueError: for shapes that do not fit, or an unknown loss.
    """
    chain = _chain(model)
    x = np.asarray(x, dtype=np.float64)
    targets = [y] if x.ndim == 1 else list(np.atleast_1d(np.asarray(y)))
    x = np.atleast_2d(x)
    if len(targets) != len(x):
        raise ValueError(f"verify() got {len(x)} samples, but {len(targets)} targets.")
    if loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}; the losses are {', '.join(LOSSES)}.")

    engine = _by_engine(model, chain, x, targets, loss)
    weights = [_data(layer.weight) for layer in chain]
    biases = [None if layer.bias is None else _data(layer.bias) for layer in chain]
    names = [layer.activation for layer in chain]
    hand = [
        by(weights, biases, names, x, targets, loss) for by in (deltas.by_loops, deltas.by_matrices)
    ]

    condition = _condition(loss, hand[1].a[-1], np.array(targets))
    reach = condition * (1.0 + np.abs(hand[1].a[-1]).max())
    judged = condition < _MOST
    by_loops, by_matrices = (_difference(engine.loss, by.loss, reach) for by in hand)
    rows = [Row("loss", "L", (), by_loops, by_matrices, judged)]
    for index, layer in enumerate(chain):
        title = f"{index + 1}: {len(layer.weight[0])} → {len(layer.weight)} {layer.activation}"
        for quantity, field in _QUANTITIES.items():
            ours = getattr(engine, field)[index]
            if ours is not None:
                factor = 1.0 if field in ("z", "a") else condition
                theirs = (getattr(by, field)[index] for by in hand)
                by_loops, by_matrices = (_difference(ours, each, factor) for each in theirs)
                known = judged or field in ("z", "a")
                rows.append(Row(title, quantity, np.shape(ours), by_loops, by_matrices, known))
    report = Report(rows, tolerance)
    if not report.ok:
        raise VerificationError(f"\n{report}")
    if show:
        print(report)
    return report


_MOST = 1e10  # of 16 digits that many cancel at most where the rest is worth a look
_QUANTITIES = {"z": "z", "a": "a", "δ": "delta", "∂L/∂W": "dW", "∂L/∂b": "db"}


@dataclass(frozen=True)
class _Layer:
    """Weights and biases as object arrays, and the name of the activation after them."""

    weight: Array
    bias: Array | None
    activation: str = "linear"


def _chain(model: Module) -> list[_Layer]:
    """The layers of a model.

    Raises:
        TypeError: if it is not a chain of Linear layers, each at most once.
    """
    chain: list[_Layer] = []
    parts: list[Any] = [model]
    while parts:
        part = parts.pop(0)
        if isinstance(part, Sequential):
            parts = part.layers + parts
        elif isinstance(part, MLP):
            pairs = zip(part.layers, part.activations, strict=True)
            parts = [each for pair in pairs for each in pair] + parts
        elif isinstance(part, Linear):
            chain.append(_Layer(part.weight, part.bias))
        elif isinstance(part, Neuron):
            bias = None if part.bias is None else np.array([part.bias], dtype=object)
            row = np.array([part.weight], dtype=object)
            chain.append(_Layer(row, bias, part.activation.name))
        elif isinstance(part, Activation) and chain and chain[-1].activation == "linear":
            chain[-1] = replace(chain[-1], activation=part.name)
        else:
            chain = []
            break
    weights = [value for layer in chain for value in layer.weight.flat]
    if len(set(weights)) < len(weights) or not chain:
        raise TypeError(
            "verify() takes a chain of Linear layers, each used once and with at most one "
            f"activation after it, but got {model!r}."
        )
    return chain


def _condition(loss: str, a: Array, y: Array) -> float:
    """How much larger the terms of ∂L/∂a are than their difference, which is at least 1.

    A confident classifier's δ is 1 minus a probability of almost 1, a good fit's a small
    a - y: rounding the terms is felt by this factor in all that follows from δ.
    """
    with np.errstate(all="ignore"):
        if loss in ("half_squared_error", "mse", "huber"):
            y = y.reshape(a.shape)
            ratio = (np.abs(a) + np.abs(y)).max() / np.abs(a - y).max()
        elif loss in ("cross_entropy", "bce_with_logits"):
            each = zip(a, y, strict=True)
            gradient = np.array([deltas.LOSSES[loss].gradient(ai, yi) for ai, yi in each])
            terms = 1.0 if loss == "cross_entropy" else a.shape[1]
            ratio = 2.0 / (terms * np.abs(gradient).max())
        else:
            ratio = 1.0
    return float(max(ratio, 1.0)) if not np.isnan(ratio) else 1.0


def _by_engine(
    model: Module, chain: list[_Layer], x: Array, targets: list[Any], loss: str
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
            dW=[_grad(layer.weight) / n for layer in chain],
            db=[None if layer.bias is None else _grad(layer.bias) / n for layer in chain],
        )
    finally:
        for parameter, requires_grad, grad in former:
            parameter.requires_grad = requires_grad
            parameter.grad = grad


def _neurons(out: Value, chain: list[_Layer]) -> tuple[list[Any], list[Any]]:
    """The nodes z and a of every neuron, read off the graph of the loss.

    A node z has the neuron's weights for its first parents; a is what the activation
    makes of it.
    """
    order = topological(out)
    of_weight = {node.parents[0]: node for node in order if node.parents}
    made = {(node.op.name, node.parents[0]): node for node in order if node.op is not None}
    z = [[of_weight[row[0]] for row in layer.weight] for layer in chain]
    a = [
        row if layer.activation == "linear" else [made[layer.activation, node] for node in row]
        for row, layer in zip(z, chain, strict=True)
    ]
    return z, a


def _data(nodes: Any) -> Array:
    nodes = np.asarray(nodes, dtype=object)
    return np.array([node.data for node in nodes.flat]).reshape(nodes.shape)


def _grad(nodes: Any) -> Array:
    nodes = np.asarray(nodes, dtype=object)
    return np.array([node.grad for node in nodes.flat]).reshape(nodes.shape)


def _difference(engine: Any, hand: Any, condition: float) -> float:
    """Max |engine - hand| / (max |hand| × condition); both nan, or the same inf, is no gap."""
    engine, hand = np.asarray(engine), np.asarray(hand)
    if engine.shape != hand.shape:
        return float("inf")
    largest = np.abs(Report.differences(engine, hand)).max(initial=0.0)
    if not np.isfinite(largest):
        return float("inf")
    scale = np.abs(hand[np.isfinite(hand)]).max(initial=0.0) * min(condition, _MOST)
    return float(largest and largest / max(scale, np.finfo(float).tiny))
