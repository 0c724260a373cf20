"""The chain rule, backwards: one sweep from the output to the leaves.

For every node v with uses y, in reverse topological order,

    v̄ = Σ ȳ · ∂y/∂v        (Griewank & Walther 2008, Evaluating Derivatives, §3.2)

where v̄ = ∂output/∂v is the adjoint of v and ∂y/∂v the local partial that the op
table gives at the recorded arguments. That is all of backpropagation.

During a sweep the adjoints stand in the nodes' own ``_grad``, which is twice as
fast as a dictionary; so sweeps take turns, and one that fails leaves the leaves as
they were and the nodes between at 0. A constant has ``_grad`` None, which ends the
walk there: it costs nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.anomaly import check_flow, looking
from autograd.chain import apart, between, partials, product
from autograd.errors import GraphError
from autograd.graph import topological
from autograd.hooks import after_hooks, hooked_nodes
from autograd.ops import left, one, right

if TYPE_CHECKING:
    from autograd.value import Value

FRESH: Any = type("Fresh", (), {"__repr__": lambda self: "FRESH"})()  # visited, nothing flowed yet
_turn = threading.RLock()
_sweeping = False


def backward(root: Value, seed: float, graph: bool = False) -> None:
    """Add ∂root/∂leaf · seed to the ``grad`` of every leaf, and set that of every node between.

    Leaves accumulate over passes, as in PyTorch; a node between holds the adjoint
    of the latest pass, so a second pass never counts the first one again.

    Raises:
        GraphError: from within a hook of another pass.
    """
    global _sweeping
    with _turn:
        if _sweeping:
            raise GraphError(
                "backward() was called by a hook of a backward pass; call it afterwards."
            )
        _sweeping = True
        try:
            hooked = hooked_nodes()
            if graph or hooked or looking():
                _in_words(root, seed, graph, hooked)
            else:
                _in_place(root, seed)
        finally:
            _sweeping = False


def _in_words(root: Value, seed: float, graph: bool, hooked: Collection[Value]) -> None:
    """The pass by ``_adjoints``: slower, for adjoints that are looked at or are Values."""
    nodes = _order(root)
    leaves = [node for node in nodes if node.is_leaf]
    adjoint = _adjoints(leaves, [root], [seed], graph, hooked, nodes)
    for node in nodes:
        share = apart(adjoint.get(node, 0.0))
        if not node.is_leaf:
            node._grad = share
        elif node in adjoint:
            untouched = type(node._grad) is float and node._grad == 0.0
            node._grad = share if untouched else node._grad + share


def _in_place(root: Value, seed: float) -> None:
    """The pass by ``_sweep``."""
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


def adjoints(root: Value) -> dict[Value, float]:
    """∂root/∂node of every node that requires a gradient, just as a pass of ``backward`` finds it.

    The same sweep, bit for bit, but no ``grad`` is touched and no hook called. The leaves come
    first; then the inner nodes in the order of the sweep turned round, parents before children.

    Raises:
        GraphError: if the root is a constant, or from within a hook of a backward pass.
    """
    if not root.requires_grad:
        raise GraphError(
            f"{root!r} is a constant: none of its arguments requires a gradient, or it was made "
            "under no_grad(). There is no backward pass to look at."
        )
    with _turn:
        if _sweeping:
            raise GraphError(
                "the adjoints of a graph were asked for by a hook of a backward pass; "
                "ask for them afterwards."
            )
        former = _grads(root)
        order, leaves = _borrow(root)
        try:
            root._grad = 1.0
            _sweep(order)
            nodes = [leaf for leaf, _ in leaves] + order
            return {node: 0.0 if node._grad is FRESH else node._grad for node in nodes}
        finally:
            for node, grad in former:
                node._grad = grad


def _order(root: Value) -> list[Value]:
    """The nodes of a pass, leaves first, in the order of ``_sweep`` turned round.

    A pass in plain words takes the same, so that its sums are the same to the last bit.
    """
    former = _grads(root)
    order, leaves = _borrow(root)
    for node, grad in former:
        node._grad = grad
    return [leaf for leaf, _ in leaves] + order


def _grads(root: Value) -> list[tuple[Value, Any]]:
    """What ``_borrow`` marks, with the grads that are there before."""
    return [(node, node._grad) for node in topological(root) if node.requires_grad]


def pullback(
    inputs: Sequence[Value], outputs: Sequence[Value], seeds: Sequence[Any], graph: bool = False
) -> list[Any]:
    """The adjoints Σ seed · ∂output/∂input of the inputs; no ``grad`` is touched, no hook called.

    Args:
        inputs: distinct nodes that the outputs were computed from.
        outputs: nodes.
        seeds: one per output; a float, or an array of them for many rows at once.
        graph: whether the results shall be differentiable in turn.
    """
    adjoint = _adjoints(inputs, outputs, seeds, graph)
    return [apart(adjoint.get(each, 0.0)) for each in inputs]


def _adjoints(
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    seeds: Sequence[Any],
    graph: bool,
    hooked: Collection[Value] = (),
    order: Sequence[Value] | None = None,
) -> dict[Value, Any]:
    """The sweep in plain words, for adjoints of any kind; ``_sweep`` does it fast, for floats.

    In the order given, parents before children, or else in that of ``between``.
    """
    order = between(inputs, outputs) if order is None else order
    ends, active = set(inputs), set(order)
    adjoint: dict[Value, Any] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        adjoint[output] = adjoint[output] + seed if output in adjoint else seed
    watching = looking()
    with np.errstate(all="ignore"):
        for node in reversed(order):
            if node not in adjoint:
                continue
            if node in hooked:
                adjoint[node] = after_hooks(node, adjoint[node])
            if node in ends:
                continue
            assert node.op is not None
            for parent, partial in partials(node, active, graph):
                share = product(adjoint[node], partial, node.op.selects)
                if share is not None:
                    if watching:
                        check_flow("backward", node, parent, adjoint[node], partial, share)
                    adjoint[parent] = adjoint[parent] + share if parent in adjoint else share
    return adjoint


def _borrow(root: Value) -> tuple[list[Value], list[tuple[Value, float]]]:
    """The inner nodes, parents before children, and the leaves with their grads; all marked FRESH.

    The walk of ``graph.topological``, with the mark in the node instead of a set.
    """
    order: list[Value] = []
    leaves: list[tuple[Value, float]] = []
    stack: list[Value | None] = [root]
    walked: Any = None
    uses: Any
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
                if (j := node._b) is None:
                    uses = chain.from_iterable(node._a)
                else:
                    w, x, b = node._a
                    uses = w[j * len(x) : (j + 1) * len(x)]
                    if b:
                        push(b[j])
                    if x is not walked:  # for another neuron of the layer
                        uses += x  # on top, so that they are done before anything else of node
                        walked = x
                for parent in uses:
                    if (grad := parent._grad) is not FRESH and grad is not None:
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
            parents, numbers = node._a, node._x
            if (j := node._b) is None:
                parents = chain.from_iterable(parents)
            else:  # op.row_of, written out
                w, x, b = parents
                start, stop = j * len(x), (j + 1) * len(x)
                parents = w[start:stop] + x + b[j : j + 1]
                w, x, b = numbers
                numbers = w[start:stop], x, b[j : j + 1]
            try:
                rows = op.every(node._data, *numbers)
            except (ArithmeticError, ValueError):
                rows = op.slope(op.every, node._data, *numbers)
            partials: list[float] = []
            for row in rows:
                partials += row
            uses: Any = zip(parents, partials)  # noqa: B905 - strict= takes its time
            if op.selects:
                uses = [(parent, partial) for parent, partial in uses if partial != 0.0]
            for parent, partial in uses:
                so_far = parent._grad
                if so_far is FRESH:
                    parent._grad = adjoint * partial
                elif so_far is not None:
                    parent._grad = so_far + adjoint * partial
