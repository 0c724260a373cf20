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

    def __reduce__(self) -> tuple[Any, ...]:
        _local.end = None
        return _End, ()


def state(node: Value) -> tuple[Any, ...]:
    """The state of a node, after a preface and its end if it is the first to be reached."""
    own = {name: getattr(node, name) for name in _SLOTS if hasattr(node, name)}
    if node.op is not None and node.op.every is not None:
        own |= {"_a": node.sequences(graph=True), "_b": None, "_x": node.sequences()}
    end = getattr(_local, "end", None)
    if node.is_leaf or (end is not None and end() is not None):
        return (own,)
    end = _End()
    _local.end = weakref.ref(end)  # weak, so that a walk which was given up does not count
    return topological(node)[:-1], end, own


def restore(node: Value, state: tuple[Any, ...]) -> None:
    """Give a blank node its state."""
    for name, value in state[-1].items():
        setattr(node, name, value)
