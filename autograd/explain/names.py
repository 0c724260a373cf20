"""Names for the nodes of a graph, as a textbook would give them, read off the graph itself.

A pre-activation labelled z[j] in the scope of a layer's call becomes z⁽ˡ⁾ⱼ; the layers are numbered
by the order in which they are computed, from 1, and so are neurons and inputs. The activation of
z⁽ˡ⁾ⱼ is a⁽ˡ⁾ⱼ, the weights that lead to it are w⁽ˡ⁾ⱼᵢ. If a layer is called more than once, for a
batch of samples, the number of the call stands behind in brackets. Other nodes keep their labels,
and those without one are v₁, v₂ and so on.
"""

from __future__ import annotations

import re
from typing import Any

from autograd import ops
from autograd.context import Scope
from autograd.explain.formula import Coordinate, Formula, Name, Number
from autograd.graph import topological
from autograd.value import Value

_INDEXED = re.compile(r"(\w+)\[(\d+(?:,\d+)*)\]")


def parsed(label: str) -> tuple[str, tuple[int, ...]]:
    """The stem and the indices in a label, counted from 1: z[0] gives ("z", (1,))."""
    match = _INDEXED.fullmatch(label)
    if match is None:
        return label, ()
    return match[1], tuple(int(index) + 1 for index in match[2].split(","))


class Names:
    """The names of all nodes that a root was computed from, each with one of its own.

    Attributes:
        root: the node at the end.
        order: all nodes, parents before children.
        loss: what the root is called in ∂L/∂w.
        layers: the pre-activations of every layer by its number, each call a list.
    """

    def __init__(self, root: Value):
        self.root = root
        self.layers: dict[int, list[list[Value]]] = {}
        self.order = topological(root)
        self._named: dict[Value, Name] = {}
        self._taken: dict[Any, int] = {}
        self._call: dict[Value, int | None] = {}  # the sample that a node belongs to
        self._activations: set[Value] = set()
        self._made_up: set[Value] = set()
        labels = {node.label for node in self.order}
        self.loss = root.label or ("L" if "L" not in labels else "loss")
        self._find_layers()
        self._name_layers()
        self._give(root, self.loss)
        self._name_labelled()
        self._name_others()

    def __getitem__(self, node: Value) -> Name:
        """The name of the node, with the number that it holds now."""
        return self._named[node]

    def formula(self, node: Value, number: float) -> Formula:
        """The name of the node, or for a constant without one its number."""
        if node.is_leaf and not node.requires_grad and not node.label and node not in self._named:
            return Number(number)
        name = self._named[node]
        return name if name.value == number else name.of(number)

    def text(self, node: Value) -> str:
        """The name as plain text; of a constant without one, its number."""
        return repr(self._named[node]) if node in self._named else f"{node.data:g}"

    def is_activation(self, node: Value) -> bool:
        """Whether it is an a of a layer."""
        return node in self._activations

    def is_pre_activation(self, node: Value) -> bool:
        """Whether it is a z of a layer, whose adjoint is called δ."""
        return self._named[node].kind == "z"

    def made_up(self) -> list[tuple[Value, Name]]:
        """The nodes whose names were made up, and these."""
        return [(node, self._named[node]) for node in self._made_up]

    def is_made_up(self, node: Value) -> bool:
        """Whether the name was made up, for want of a label."""
        return node in self._made_up

    def _find_layers(self) -> None:
        """Every call of a layer is the scope of its pre-activations; its weights tell the layer."""
        calls: dict[Scope, list[Value]] = {}
        for node in self.order:
            if node.op is ops.affine and node.scope is not None and parsed(node.label)[0] == "z":
                calls.setdefault(node.scope, []).append(node)
        number: dict[Value, int] = {}
        for nodes in calls.values():
            nodes.sort(key=lambda node: parsed(node.label)[1])
            layer = number.setdefault(nodes[0].parents[0], len(number) + 1)
            self.layers.setdefault(layer, []).append(nodes)

    def _name_layers(self) -> None:
        for layer, calls in self.layers.items():
            shown = layer if len(self.layers) > 1 else None
            for count, nodes in enumerate(calls, 1):
                call = count if len(calls) > 1 else None
                for node in nodes:
                    self._give(node, "z", shown, parsed(node.label)[1], call, "z")
                    self._call[node] = call
                    weights, inputs, biases = node.sequences(graph=True)
                    for weight in weights:
                        if weight.is_leaf and parsed(weight.label)[0] == "w":
                            self._give(weight, "w", shown, parsed(weight.label)[1], kind="weight")
                    for bias in biases:
                        if bias.is_leaf and parsed(bias.label)[0] == "b":
                            self._give(bias, "b", shown, parsed(bias.label)[1])
                    for i, x in enumerate(inputs, 1):
                        if x.is_leaf and not x.label:
                            self._give(x, "x", None, (i,), call)
                            self._call[x] = call
        for node in self.order:
            if parsed(node.label)[0] == "a" and len(node.parents) == 1:
                (z,) = node.parents
                if z in self._named and self._named[z].kind == "z" and node.scope is z.scope:
                    name = self._named[z]
                    self._give(node, "a", name.layer, name.indices, name.coordinates[-1])
                    self._activations.add(node)

    def _name_labelled(self) -> None:
        """By their labels, and what has indices by the sample that it belongs to."""
        for node in self.order:
            calls = {self._call.get(parent) for parent in node.parents} - {None}
            if node not in self._call:
                self._call[node] = calls.pop() if len(calls) == 1 else None
            for each in (*node.parents, *([node] if node is self.root or not node.is_leaf else ())):
                if each.label and each not in self._named:
                    stem, indices = parsed(each.label)
                    self._give(each, stem, None, indices, self._call[node] if indices else None)

    def _name_others(self) -> None:
        count = 0
        for node in self.order:
            if node not in self._named:
                if node.label:
                    self._give(node, node.label)
                elif node.requires_grad:
                    count += 1
                    self._made_up.add(node)
                    self._give(node, "v", None, (count,))

    def _give(
        self,
        node: Value,
        stem: str,
        layer: int | None = None,
        indices: tuple[Coordinate, ...] = (),
        call: Coordinate = None,
        kind: str = "",
    ) -> None:
        """The name to the node if it has none, with primes behind it if another one has that."""
        if node in self._named:
            return
        key = (stem, layer, indices, call) if layer or indices or call else ("name", stem)
        count = self._taken[key] = self._taken.get(key, 0) + 1
        stem += "'" * (count - 1) if count < 4 else f"({count})"
        self._named[node] = Name(stem, node.data, layer, indices, call, kind)
