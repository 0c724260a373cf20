"""Functions that look at adjoints on their way, and may replace them."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograd.value import Value

Hook = Callable[[Any], Any]
_numbers = itertools.count()
_lock = threading.Lock()
_hooked: weakref.WeakSet[Value] = weakref.WeakSet()


class HookHandle:
    """A hook on a node, until ``remove()``."""

    # The hooks stand on the node itself, and this refers to it weakly, so they die with it.
    def __init__(self, node: Value, hook: Hook):
        self._node, self._number = weakref.ref(node), next(_numbers)
        with _lock:
            node.extras.setdefault("hooks", {})[self._number] = hook
            _hooked.add(node)

    def remove(self) -> None:
        """Take the hook off; a second time does nothing."""
        node = self._node()
        if node is not None:
            with _lock:
                hooks = node.extras.get("hooks", {})
                hooks.pop(self._number, None)
                if not hooks:
                    _hooked.discard(node)


def hooked_nodes() -> set[Value]:
    """All nodes that have a hook now."""
    with _lock:
        return set(_hooked)


def after_hooks(node: Value, adjoint: Any) -> Any:
    """The adjoint, or what the node's hooks put in its place, in the order of registration."""
    for hook in list(node.extras["hooks"].values()):
        replaced = hook(adjoint)
        if replaced is not None:
            adjoint = replaced
    return adjoint
