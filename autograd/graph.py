"""Walks over the graph: iterative, so that depth is no limit, and in a fixed order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograd.value import Value


def topological(*roots: Value) -> list[Value]:
    """All nodes that the roots are computed from, each once, parents before children.

    Depth first with a stack of its own. A node is written down when it comes up
    the second time, under the mark ``None``: everything it uses stands before it
    then. The order depends on the graph alone, so it is the same in every run.

    Why the order matters: in ``b = a + a; c = b * b`` the adjoint of ``b`` is a sum
    over both its uses in ``c``; only when it is complete may it be passed to ``a``.
    """
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Value | None] = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node is None:
            done = stack.pop()
            assert done is not None
            order.append(done)
        elif node not in seen:
            seen.add(node)
            stack += (node, None)
            stack += reversed(node.parents)
    return order


def edges(order: list[Value]) -> list[tuple[Value, Value, int]]:
    """All (parent, child, position among the child's arguments): x * x has two."""
    return [
        (parent, node, position) for node in order for position, parent in enumerate(node.parents)
    ]
