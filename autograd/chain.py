"""One term of the chain rule: a local partial, and its product with what flows.

Both sweeps, forwards and backwards, take their terms from here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.context import reading_graph
from autograd.errors import GraphError

if TYPE_CHECKING:
    from autograd.value import Value


def between(inputs: Collection[Value], outputs: Collection[Value]) -> list[Value]:
    """The nodes on any path from the inputs to the outputs, parents before children.

    The inputs themselves come with them, but nothing that the inputs were computed from.
    """
    ends = set(inputs)
    order: list[Value] = []
    active: set[Value] = set()
    seen: set[Value] = set()
    stack: list[Value | None] = list(outputs)
    while stack:
        node = stack.pop()
        if node is None:
            node = stack.pop()
            assert node is not None
            if node in ends or not active.isdisjoint(node.parents):
                active.add(node)
                order.append(node)
        elif node not in seen and node.requires_grad:
            seen.add(node)
            stack += (node, None)
            if node not in ends:
                stack += node.parents
    return order


def partials(node: Value, active: Collection[Value], graph: bool) -> Iterator[tuple[Value, Any]]:
    """(parent, ∂node/∂parent) for every use of an active parent, in order.

    The partials are floats, read at the recorded numbers; with ``graph`` they are Values
    that depend on the parents, to be differentiated again.

    Raises:
        GraphError: with ``graph``, if a parent's data has been changed since.
    """
    op = node.op
    assert op is not None
    parents, numbers = node.parents, node.args
    if graph:
        _check_unchanged(node, parents, numbers)
    y: Any = node if graph else node.data
    read: Callable[..., Any] = _as_graph if graph else op.slope
    if op.arity is not None:
        args = parents if graph else numbers
        for parent, rule in zip(parents, op.partials, strict=True):  # type: ignore[arg-type]
            if parent in active:
                yield parent, read(rule, y, *args)
    else:
        assert op.every is not None
        rows = read(op.every, y, *node.sequences(graph))
        for parent, partial in zip(parents, chain.from_iterable(rows), strict=True):
            if parent in active:
                yield parent, partial


def product(flow: Any, partial: Any, selects: bool) -> Any:
    """The flow times the partial, or None for a zero that nothing may spoil.

    The flow is a tangent or an adjoint: a float, a Value, or an array of floats for many
    directions at once. A zero flow never meets an infinite partial, and no flow passes
    an op that selected another argument.
    """
    if selects and float(partial) == 0.0:
        return None
    if isinstance(flow, np.ndarray):
        with np.errstate(all="ignore"):
            terms = flow * partial
            return terms if math.isfinite(partial) else np.where(flow == 0.0, 0.0, terms)
    if float(flow) == 0.0 and (_fixed(flow) or not math.isfinite(partial)):
        return None
    if _fixed(flow) and float(flow) == 1.0:
        return partial
    if _fixed(partial) and float(partial) == 1.0:
        return flow
    return flow * partial


def apart(flow: Any) -> Any:
    """The flow, as a node of its own where it is a leaf: no result may change with a leaf."""
    return +flow if getattr(flow, "is_leaf", False) else flow


def _as_graph(rule: Callable[..., Any], y: Any, *args: Any) -> Any:
    """What the rule makes of Values; it may not turn them into floats, which have no derivative."""
    token = reading_graph.set(True)
    try:
        return rule(y, *args)
    except TypeError as problem:
        raise TypeError(f"{y.op!r} has no derivative of a higher order: {problem}") from problem
    finally:
        reading_graph.reset(token)


def _fixed(factor: Any) -> bool:
    return not getattr(factor, "requires_grad", False)


def _check_unchanged(node: Value, parents: tuple[Value, ...], numbers: tuple[float, ...]) -> None:
    for parent, number in zip(parents, numbers, strict=True):
        if parent.data != number and not (math.isnan(parent.data) and math.isnan(number)):
            raise GraphError(
                f"{parent!r} has been changed since {node!r} was computed from it "
                f"(it was {number!r}), so this graph cannot be differentiated again. "
                "Compute the result once more after changing data."
            )
