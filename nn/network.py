"""A network on one sample, read off the graph of its loss: layers, numbers, adjoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import Scope, Value, adjoints, topological
from nn.losses import LOSSES
from nn.module import Module

_LABEL = re.compile(r"([za])(?:\[(\d+)\])?")
_SUPER = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUB = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_VECTOR_FUNCTIONS = {"divide": "softmax", "subtract": "log_softmax"}  # by the op that ends them


@dataclass(frozen=True)
class Layer:
    """One call of a layer.

    Attributes:
        path: the name of the module, such as "MLP.layers.0".
        activation: its name, "linear" without one.
        inputs: the nodes that go in.
        weights: of every neuron, one per input.
        biases: of every neuron, None without.
        z, a: pre-activation and activation of every neuron; the same nodes if it is linear.
    """

    path: str
    activation: str
    inputs: list[Value]
    weights: list[list[Value]]
    biases: list[Value | None]
    z: list[Value]
    a: list[Value]


@dataclass(frozen=True)
class Network:
    """A chain of layers, from the inputs to the loss.

    Attributes:
        title: the model in one line.
        inputs: the nodes x.
        targets: the numbers y: one per output, or a single one, such as a class.
        loss: the node L; loss_name: of the function.
        adjoint: ∂L/∂node of all nodes that have one.
    """

    title: str
    inputs: list[Value]
    layers: list[Layer]
    targets: list[float]
    loss: Value
    loss_name: str
    adjoint: dict[Value, float]

    @property
    def outputs(self) -> list[Value]:
        """The activations of the last layer."""
        return self.layers[-1].a

    @property
    def is_class(self) -> bool:
        """Whether the target is one class of several, and not a number per output."""
        return len(self.targets) == 1 < len(self.outputs)

    def delta(self, node: Value) -> float | None:
        """∂L/∂node, None where no gradient flows."""
        return self.adjoint.get(node)

    def name(self, stem: str, layer: int | None, *indices: int) -> str:
        """Such as w⁽²⁾₁₃: layers, here given from 0, and indices count from 1, as in explain."""
        upper = ""
        if layer is not None and len(self.layers) > 1:
            upper = f"⁽{str(layer + 1).translate(_SUPER)}⁾"
        texts = [str(index + 1) for index in indices]
        between = "" if all(len(text) == 1 for text in texts) else ","
        return f"{stem}{upper}{between.join(texts).translate(_SUB)}"

    def __iter__(self) -> Iterator[tuple[int, Layer]]:
        return iter(enumerate(self.layers))


def subscript(number: int) -> str:
    """The number as small digits below the line."""
    return str(number).translate(_SUB)


def network(model: Any, x: Any, y: Any, loss: str | Callable[..., Value], asker: str) -> Network:
    """The network as it is computed for one sample; nothing in the model is changed.

    δ is there for frozen layers, too, but the gradients of frozen parameters are not.

    Raises:
        ValueError: for an unknown loss, or more than one sample.
        TypeError: for a model that is no chain of Linear layers, each used once.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ValueError(f"unknown loss {loss!r}; the losses are {', '.join(LOSSES)}.")
        loss_name, of = loss, LOSSES[loss]
    else:
        loss_name, of = getattr(loss, "__name__", "loss"), loss
    if np.ndim(x) != 1:
        raise ValueError(
            f"{asker}() shows one sample, a flat list of numbers, but got x of shape {np.shape(x)}."
        )
    if not isinstance(model, Module):
        raise TypeError(f"{asker}() takes a module, but got {type(model).__name__} {model!r}.")
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    try:
        for parameter in frozen:
            parameter.requires_grad = True
        prediction = model(list(x))
        if not isinstance(prediction, list):
            raise _unfit(asker, model, "the outputs are no list")
        root = of(prediction, y)
        found = adjoints(root) if root.requires_grad else {}
    finally:
        for parameter in frozen:
            parameter.requires_grad = False
    for parameter in frozen:
        found.pop(parameter, None)
    layers = list(_layers(root, prediction, asker, model))
    return Network(
        _title(model),
        layers[0].inputs,
        layers,
        [float(each) for each in np.ravel(np.asarray(y, dtype=object))],
        root,
        loss_name,
        found,
    )


def _title(model: Module) -> str:
    text = " ".join(repr(model).split())
    return text if len(text) <= 70 else type(model).__name__


def _layers(root: Value, outputs: list[Value], asker: str, model: Any) -> Iterator[Layer]:
    """The layers from the first to the last, by the scopes of their pre-activations."""
    calls: dict[Scope, dict[int, Value]] = {}
    activations: dict[tuple[Scope, int], Value] = {}
    for node in topological(root):
        found = _LABEL.fullmatch(node.label)
        if node.scope is None or found is None or node.op is None:
            continue
        index = int(found[2] or 0)
        if found[1] == "a":
            activations[node.scope, index] = node
        elif node.op.name == "affine":
            calls.setdefault(node.scope, {})[index] = node
    if not calls:
        raise _unfit(asker, model, "no Linear layer was recorded on the way to the loss")
    before: list[Value] | None = None
    seen: set[Value] = set()
    for scope, call in calls.items():
        z = [call[index] for index in sorted(call)]
        a = [activations.get((scope, index), call[index]) for index in sorted(call)]
        parts = [node.sequences(graph=True) for node in z]
        weights = [list(each[0]) for each in parts]
        inputs = list(parts[0][1])
        if seen & {weight for row in weights for weight in row}:
            raise _unfit(asker, model, f"{scope.path} is used more than once")
        if before is not None and not _same(inputs, before):
            raise _unfit(asker, model, f"{scope.path} does not take the layer before it")
        seen.update(weight for row in weights for weight in row)
        before = a
        yield Layer(
            scope.path, _activation(z[0], a[0]), inputs, weights,
            [each[2][0] if len(each) > 2 and each[2] else None for each in parts], z, a,
        )  # fmt: skip
    assert before is not None
    if not _same(before, outputs):
        raise _unfit(asker, model, "something comes after its last layer")


def _same(some: list[Value], others: list[Value]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _activation(z: Value, a: Value) -> str:
    if a is z or a.op is None:
        return "linear"
    return a.op.name if len(a.parents) == 1 else _VECTOR_FUNCTIONS.get(a.op.name, a.op.name)


def _unfit(asker: str, model: Any, why: str) -> TypeError:
    return TypeError(
        f"{asker}() takes a chain of Linear layers, each used once and with at most one activation "
        f"after it, but of {model!r} {why}. autograd.draw shows the graph of any loss."
    )
