"""What a drawing shows: boxes, edges between them, frames around them; and every number in it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from autograd.draw.tape import Tape

NO_PASS = "no backward pass yet: call .backward()"


@dataclass(frozen=True, slots=True)
class Span:
    """The least and the largest of some numbers; one number is both."""

    low: float
    high: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Span:
        """The span of the numbers; nan if one is nan."""
        each = np.fromiter(numbers, dtype=np.float64)
        return cls(float(each.min()), float(each.max())) if len(each) else cls(math.nan, math.nan)

    @property
    def extreme(self) -> float:
        """The one of larger magnitude: what a colour shows."""
        return self.high if abs(self.high) >= abs(self.low) else self.low

    @property
    def mixed(self) -> bool:
        """Whether both signs occur, and neither of them hardly."""
        small, large = sorted((abs(self.low), abs(self.high)))
        return self.low < 0.0 < self.high and small >= 0.1 * large

    def __str__(self) -> str:
        low, high = number(self.low), number(self.high)
        return low if low == high else f"{low} … {high}"


@dataclass(frozen=True, slots=True)
class Box:
    """A node, or a group of nodes.

    Attributes:
        kind: "op", "parameter", "input", "constant" or "group".
        made: how a group came about: "fold", "run", "neuron", "cone", "leaves", "scope",
            "twins", "band"; "" for a node.
        symbol: of the op, or of those in a group with how many there are of each.
        label: the node's, or the name of the group.
        name: that opens the group by ``open=``, or "".
        nodes: the numbers of all nodes in it; outputs: of those that are used outside.
        times: how many samples are folded in it.
        data, grad: of the outputs; grad is None where no gradient flows.
        parameters: how many of its nodes are parameters.
        frame: the number of the frame around it, -1 outside.
    """

    kind: str
    made: str
    symbol: str
    label: str
    name: str
    nodes: np.ndarray
    outputs: tuple[int, ...]
    times: int
    data: Span
    grad: Span | None
    parameters: int
    frame: int


@dataclass(frozen=True, slots=True)
class Edge:
    """One use of a box by another; with all entries of the Jacobian between the two.

    Attributes:
        source, target: the numbers of the boxes.
        entries: (node of the source, output of the target, ∂output/∂node): for a single node the
            local partial, for a group the sum over all paths within it. Empty if there are too
            many to keep.
        partial: the span of the entries; None if they were too many to compute.
        count: how many entries there are.
        flow: what the edge adds to the gradient of the source, the largest of it: entry × grad.
        live: whether a gradient flows along it.
        mixed: whether it adds to some gradients of the source and takes from others.
    """

    source: int
    target: int
    entries: tuple[tuple[int, int, float], ...]
    partial: Span | None
    count: int
    flow: float
    live: bool
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """A call of a module, or a neuron in it, that is shown open."""

    title: str
    name: str
    parent: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is drawn, in topological order; frames stand after the ones around them."""

    tape: Tape
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    frames: tuple[Frame, ...]
    notice: str
    largest: float  # gradient in magnitude, of all that is shown; 0 before a backward pass
    least: float  # that is not 0
    path: tuple[int, ...] = ()  # the numbers of the boxes along a path that is to be seen


def number(x: float) -> str:
    """Four significant digits."""
    return f"{x:.4g}"
