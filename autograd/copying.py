"""Pickle and deepcopy graphs of any depth.

Both walk from a node to its parents by recursion, which a deep graph does not survive. So
the first node that is reached carries a preface: everything it was computed from, parents
first. When a node of the preface comes up, its parents have come up before it, and there
is nothing left to walk.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

from autograd.graph import topological

if TYPE_CHECKING:
    from autograd.value import Value

# All but _extras: hooks belong to one node alone.
_SLOTS = ("_data", "_grad", "_op", "_label", "_scope", "_a", "_b", "_x", "_y")
_local = threading.local()  # .end: a weak reference to the end of the preface being walked


class _End:
    """What stands after a preface: once it is reached, new nodes need a preface again."""

    def __init__(self, nodes: list[Value] | None = None):
        self._place = {id(node): place for place, node in enumerate(nodes or ())}
        self._last = -1

    def leads_to(self, node: Value) -> bool:
        """Whether node comes up in its turn. One out of turn is of another walk."""
        place = self._place.get(id(node), -1)
        in_turn, self._last = place > self._last, place
        return in_turn

    def __reduce__(self) -> tuple[Any, ...]:
        _local.end = None
        return _End, ()


def state(node: Value) -> tuple[Any, ...]:
    """The state of a node, after a preface if it is the first of its graph to be reached.

    Gradients that are Values come last of all, when every node is there: they refer to the
    nodes that refer to them.
    """
    own = _slots(node)
    if isinstance(own["_grad"], type(node)):
        own["_grad"] = 0.0
    end = getattr(_local, "end", None)
    if end is not None and (walking := end()) is not None and walking.leads_to(node):
        return (own,)
    nodes = topological(node)
    grads: list[Value] = []
    while len(found := [n._grad for n in nodes if isinstance(n._grad, type(node))]) > len(grads):
        grads = found
        nodes = topological(*grads, node)
    if nodes == [node] and not grads:
        return (own,)
    mark = _End(nodes)
    _local.end = weakref.ref(mark)  # weak, so that a walk which was given up does not count
    later = [(n, n._grad) for n in nodes if isinstance(n._grad, type(node))]
    return [n for n in nodes if n is not node], later, mark, own


def restore(node: Value, state: tuple[Any, ...]) -> None:
    """Give a blank node its state."""
    for name, value in state[-1].items():
        setattr(node, name, value)
    if len(state) > 1:
        for other, grad in state[1]:
            other._grad = grad


def shallow(node: Value, blank: Value) -> Value:
    """The blank node as a copy of node, with the same parents."""
    restore(blank, (_slots(node),))
    return blank


def _slots(node: Value) -> dict[str, Any]:
    own = {name: getattr(node, name) for name in _SLOTS if hasattr(node, name)}
    if node.op is not None and node.op.every is not None:
        own |= {"_a": node.sequences(graph=True), "_b": None, "_x": node.sequences()}
    return own
