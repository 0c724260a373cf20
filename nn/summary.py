"""The layers of a model in a table: what comes out of each, and how many parameters it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import Table, Value, no_grad
from nn.conv import Conv2d
from nn.hooks import Hooks
from nn.inputs import count
from nn.layers import Linear, Neuron, Unflatten
from nn.module import Module
from nn.norm import LayerNorm
from nn.recurrent import RNNCell


@dataclass(frozen=True)
class Line:
    """One module of the model.

    Attributes:
        name: its dotted name, "" for the model itself.
        layer: what it is.
        shape: of its outputs, or None if that is not known.
        parameters: number of its own parameters, without those of modules below it, and
            without those that a line above has counted.
        trainable: how many of them require a gradient.
        calls: how often one call of the model calls it.
    """

    name: str
    layer: str
    shape: tuple[int, ...] | None
    parameters: int
    trainable: int
    calls: int


@dataclass(frozen=True, repr=False)
class Summary:
    """What ``model.summary()`` returns; terminals and notebooks show it as a table.

    Attributes:
        lines: one per module, parents first.
    """

    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        """Number of parameters."""
        return sum(line.parameters for line in self.lines)

    @property
    def trainable(self) -> int:
        """Number of parameters that require a gradient."""
        return sum(line.trainable for line in self.lines)

    @property
    def frozen(self) -> int:
        """Number of parameters that require none."""
        return self.total - self.trainable

    def table(self) -> Table:
        """A line per module, then the sums."""
        rows = []
        for line in self.lines:
            shape = "?" if line.shape is None else _shown(line.shape)
            calls = f" ({line.calls} calls)" if line.calls > 1 else ""
            rows.append(
                (line.name, line.layer, shape + calls, f"{line.parameters:,}",
                 f"{line.trainable:,}")
            )  # fmt: skip
        notes = [f"{self.total:,} parameters: {self.trainable:,} trainable, {self.frozen:,} frozen"]
        if any(line.shape is None for line in self.lines):
            notes.append("? not known: say the shape of a sample, as in model.summary((1, 8, 8)).")
        head = ("name", "layer", "output", "parameters", "trainable")
        return Table(head, tuple(rows), tuple(notes))

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def summarise(model: Module, inputs: Any = None) -> Summary:
    """The summary of a model; see ``Module.summary``.

    To see the shapes, the model is called once with that sample, or with zeros of that shape:
    as in evaluation, without gradients and without hooks.
    """
    samples = _samples(model, inputs)
    shapes, calls = ({}, {}) if samples is None else _called(model, samples)
    seen: set[int] = set()
    lines = []
    for name, module in model.named_modules():
        own = [value for value in _own(module) if id(value) not in seen]
        own = list({id(value): value for value in own}.values())
        seen.update(map(id, own))
        trainable = sum(value.requires_grad for value in own)
        line = repr(module)
        layer = type(module).__name__ if "\n" in line else line
        shape, times = shapes.get(id(module)), calls.get(id(module), 0)
        lines.append(Line(name, layer, shape, len(own), trainable, times))
    return Summary(tuple(lines))


def _own(module: Module) -> Iterator[Value]:
    for _, member in module._members():
        if isinstance(member, Value):
            yield member
        elif not isinstance(member, Module):
            yield from member.ravel().tolist()


def _samples(model: Module, inputs: Any) -> tuple[Any, ...] | None:
    """The arguments of a call, or None if nothing is known of them."""
    if inputs is None:
        size = _first_size(model)
        return None if size is None else (np.zeros(size),)
    if isinstance(inputs, int | np.integer):
        return (np.zeros(count(inputs, "the number of inputs")),)
    if isinstance(inputs, tuple):
        if inputs and all(isinstance(each, int | np.integer) for each in inputs):
            return (np.zeros([count(each, "the size of an axis") for each in inputs]),)
        return inputs
    return (inputs,)


def _first_size(model: Module) -> Any:
    """The shape that the first layer with parameters takes, if that is known."""
    for module in model.modules():
        if isinstance(module, Linear):
            return len(module.neurons[0].weight)
        if isinstance(module, Neuron):
            return len(module.weight)
        if isinstance(module, RNNCell):
            return module.input_size
        if isinstance(module, LayerNorm):
            return module.normalized_shape
        if isinstance(module, Unflatten):
            return int(np.prod(module.unflattened_size))
        if isinstance(module, Conv2d) or any(True for _ in _own(module)):
            return None
    return None


def _called(
    model: Module, samples: tuple[Any, ...]
) -> tuple[dict[int, tuple[int, ...]], dict[int, int]]:
    """By id of a module the shape of its latest outputs, and how often it was called."""
    shapes: dict[int, tuple[int, ...]] = {}
    calls: dict[int, int] = {}

    def note(module: Module, _: tuple[Any, ...], outputs: Any) -> None:
        shapes[id(module)] = np.shape(outputs)
        calls[id(module)] = calls.get(id(module), 0) + 1

    former = [
        (module, {key: each for key, each in vars(module).items() if key in ("_hooks", "training")})
        for module in model.modules()
    ]
    try:
        for module, _ in former:
            module._hooks = Hooks()
            module.register_forward_hook(note)
            module.training = False
        with no_grad():
            model(*samples)
    finally:
        for module, own in former:
            del module._hooks, module.training
            vars(module).update(own)
    return shapes, calls


def _shown(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "1"
