"""The graph as numbers: what the drawing reads off the nodes, once."""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection
from typing import Any

import numpy as np

from autograd.context import Scope
from autograd.graph import topological
from autograd.value import Value

OP, PARAMETER, INPUT, CONSTANT = range(4)
KINDS = ("op", "parameter", "input", "constant")

_NAMED_AS_WEIGHT = re.compile(r"([WwBbθβ]|weight|bias)(?![^\W\d_])")
_NAMED_AS_INPUT = re.compile(r"[xy](?![^\W\d_])")


class Tape:
    """All nodes that a value was computed from, numbered in topological order; it only reads.

    Args:
        root: the value.
        among: the only nodes that are looked at, the root with them; None for all.

    Attributes:
        nodes: the nodes, parents before children; the last is the root.
        source, target: one entry per edge, the numbers of parent and child; the edges of a
            child stand together, in the order of its arguments.
        start: where the edges of each node begin, and at the end how many there are.
        begin, uses: start and source as arrays that are faster to read one by one.
        kind: OP, PARAMETER, INPUT or CONSTANT for each node.
    """

    def __init__(self, root: Value, among: Collection[Value] | None = None):
        nodes = topological(root)
        self.nodes = nodes = nodes if among is None else [n for n in nodes if n in among]
        self.whole = among is None
        number = {node: i for i, node in enumerate(nodes)}
        source, start, kind = array("q"), array("q", [0]), bytearray(len(nodes))
        weights: set[Value] = set()
        for i, node in enumerate(nodes):
            if node.op is None:
                kind[i] = _leaf_kind(node)
            else:
                if node.op.name in ("affine", "dot"):
                    first, _, *third = node.sequences(graph=True)
                    weights.update(first)
                    for biases in third:
                        weights.update(biases)
                if among is None:
                    source.extend([number[parent] for parent in node.parents])
                else:
                    source.extend([number[p] for p in node.parents if p in among])
            start.append(len(source))
        for node in weights:
            place = number.get(node)
            if place is not None and kind[place] == INPUT and node.requires_grad:
                kind[place] = PARAMETER
        self.begin, self.uses = start, source
        self.start = np.frombuffer(start, dtype=np.int64)
        self.source = np.frombuffer(source, dtype=np.int64)
        self.target = np.repeat(np.arange(len(nodes)), np.diff(self.start))
        self.kind = np.frombuffer(kind, dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def root(self) -> int:
        """The number of the node that is drawn."""
        return len(self.nodes) - 1

    def number(self, node: Value) -> int | None:
        """The number of a node, None if it is not in the graph."""
        return next((i for i, each in enumerate(self.nodes) if each is node), None)

    def parents(self, i: int) -> Any:
        """The numbers of the parents, in order; twice the same for x * x."""
        return self.source[self.start[i] : self.start[i + 1]]

    def partials(self, i: int) -> tuple[float, ...]:
        """The partials of a node by its parents, in the same order."""
        node = self.nodes[i]
        if self.whole:
            return node.partials
        known = {self.nodes[p] for p in self.parents(i).tolist()}
        pairs = zip(node.parents, node.partials, strict=True)
        return tuple(partial for parent, partial in pairs if parent in known)

    def grad(self, i: int) -> float:
        """The node's own ``grad``, which the user sees."""
        return float(self.nodes[i].grad)

    @property
    def differentiated(self) -> bool:
        """Whether a gradient arrived at any node between leaves and root, or at a leaf root."""
        last = self.nodes[-1]
        inner = (node.grad != 0.0 for node in reversed(self.nodes) if node.op is not None)
        return last.grad != 0.0 or any(inner)


def _leaf_kind(node: Value) -> int:
    """What a leaf is by itself: ``Tape`` makes a weight of what is used as one."""
    if not node.requires_grad:
        return INPUT if node.label else CONSTANT
    return PARAMETER if _NAMED_AS_WEIGHT.match(node.label) else INPUT


def is_data(node: Value) -> bool:
    """Whether a leaf is named as data or is a labelled constant: it stands outside the layers."""
    return bool(node.label) and (
        not node.requires_grad or _NAMED_AS_INPUT.match(node.label) is not None
    )


def scope_chain(scope: Scope | None, depth: int = 8) -> list[Scope]:
    """The scopes from the outermost to this one, at most ``depth`` of them."""
    chain = []
    while scope is not None:
        chain.append(scope)
        scope = scope.parent
    chain.reverse()
    return chain[:depth]
