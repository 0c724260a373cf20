"""The chain rule, backwards: one sweep from the output to the leaves.

For every node v with uses y, in reverse topological order,

    v̄ = Σ ȳ · ∂y/∂v        (Griewank & Walther 2008, Evaluating Derivatives, §3.2)

where v̄ = ∂output/∂v is the adjoint of v and ∂y/∂v the local partial that the op
table gives at the recorded arguments. That is all of backpropagation.

During a sweep the adjoints stand in the nodes' own ``_grad``, which is twice as
fast as a dictionary; so sweeps take turns, and one that fails puts back what it
found. A constant has ``_grad`` None, which ends the walk there: it costs nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from autograd.ops import left, one, right

if TYPE_CHECKING:
    from autograd.value import Value

FRESH: Any = type("Fresh", (), {"__repr__": lambda self: "FRESH"})()  # visited, nothing flowed yet
_turn = threading.RLock()


def backward(root: Value, seed: float) -> None:
    """Add ∂root/∂leaf · seed to the ``grad`` of every leaf, and set that of every node between.

    Leaves accumulate over passes, as in PyTorch; a node between holds the adjoint
    of the latest pass, so a second pass never counts the first one again.
    """
    with _turn:
        order, leaves = _borrow(root)
        try:
            root._grad = seed
            _sweep(order)
        except BaseException:
            for node in order:
                node._grad = 0.0
            for leaf, former in leaves:
                leaf._grad = former
            raise
        for leaf, former in leaves:
            leaf._grad = former if leaf._grad is FRESH else former + leaf._grad


def _borrow(root: Value) -> tuple[list[Value], list[tuple[Value, float]]]:
    """The inner nodes, parents before children, and the leaves with their grads; all marked FRESH.

    The walk of ``graph.topological``, with the mark in the node instead of a set.
    """
    order: list[Value] = []
    leaves: list[tuple[Value, float]] = []
    stack: list[Value | None] = [root]
    groups: set[int] = set()  # a layer's inputs are one tuple, shared by all its neurons
    pop, push = stack.pop, stack.append
    while stack:
        node: Any = pop()
        if node is None:
            order.append(pop())  # type: ignore[arg-type]
            continue
        while (grad := node._grad) is not None and grad is not FRESH:
            node._grad = FRESH
            op = node._op
            if op is None:
                leaves.append((node, grad))
                break
            push(node)
            push(None)
            if op.every is not None:
                for group in node._a:
                    if id(group) not in groups:
                        groups.add(id(group))
                        for parent in group:
                            if (grad := parent._grad) is not None and grad is not FRESH:
                                push(parent)
                break
            if op.second is not None:
                other = node._b
                if (grad := other._grad) is not None and grad is not FRESH:
                    push(other)
            node = node._a
    return order, leaves


def _sweep(order: list[Value]) -> None:
    """Pass each adjoint on to the node's parents, times the local partial.

    A zero adjoint is not passed on, so it never meets an infinite partial; nor is
    an infinite one through a partial of an op that selected another argument.
    """
    node: Any
    for node in reversed(order):
        adjoint = node._grad
        if adjoint is FRESH or adjoint == 0.0:
            node._grad = 0.0
            continue
        op = node._op
        first, second = op.first, op.second
        if second is not None:
            a, b = node._a, node._b
            so_far = a._grad
            if so_far is not None:
                if first is one:
                    share = adjoint
                elif first is right:
                    share = adjoint * node._y
                else:
                    try:
                        share = adjoint * first(node._data, node._x, node._y)
                    except (ArithmeticError, ValueError):
                        share = adjoint * op.slope(first, node._data, node._x, node._y)
                a._grad = share if so_far is FRESH else so_far + share
            so_far = b._grad
            if so_far is not None:
                if second is one:
                    share = adjoint
                elif second is left:
                    share = adjoint * node._x
                else:
                    try:
                        share = adjoint * second(node._data, node._x, node._y)
                    except (ArithmeticError, ValueError):
                        share = adjoint * op.slope(second, node._data, node._x, node._y)
                b._grad = share if so_far is FRESH else so_far + share
        elif first is not None:
            try:
                partial = first(node._data, node._x)
            except (ArithmeticError, ValueError):
                partial = op.slope(first, node._data, node._x)
            share = adjoint * partial
            if share != share and partial == 0.0 and op.selects:
                share = 0.0
            a = node._a
            so_far = a._grad
            a._grad = share if so_far is FRESH else so_far + share
        else:
            try:
                partials = op.every(node._data, *node._x)
            except (ArithmeticError, ValueError):
                partials = op.slope(op.every, node._data, *node._x)
            for parents, row in zip(node._a, partials):  # noqa: B905 - strict= takes its time
                uses: Any = zip(parents, row)  # noqa: B905
                if op.selects:
                    uses = [(parent, partial) for parent, partial in uses if partial != 0.0]
                for parent, partial in uses:
                    so_far = parent._grad
                    if so_far is FRESH:
                        parent._grad = adjoint * partial
                    elif so_far is not None:
                        parent._grad = so_far + adjoint * partial
