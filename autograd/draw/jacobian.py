"""The edges of a picture: local partials, and the Jacobians of groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.draw.model import Box, Edge, Span
from autograd.draw.tape import Tape

_MOST_WORK = 20_000_000  # products of partials for one picture; a few seconds
_MOST_ENTRIES = 20_000  # that one edge keeps; beyond it keeps their range


def edges_between(
    tape: Tape, boxes: list[Box], where: np.ndarray, crossing: np.ndarray
) -> list[Edge]:
    """All edges between boxes, by target, then by position among the arguments."""
    into: list[list[int]] = [[] for _ in boxes]
    for e in np.flatnonzero(crossing).tolist():
        into[int(where[tape.target[e]])].append(e)
    edges: list[Edge] = []
    work = [_MOST_WORK]
    for target, arriving in enumerate(into):
        box = boxes[target]
        if not arriving:
            continue
        if box.made in ("", "fold"):
            edges += _uses(tape, boxes, where, target, arriving)
        else:
            edges += _jacobian(tape, boxes, where, target, arriving, work)
    return edges


def _uses(
    tape: Tape, boxes: list[Box], where: np.ndarray, target: int, arriving: list[int]
) -> list[Edge]:
    """The edges into a node, or into nodes that are folded: their local partials."""
    found: dict[Any, list[tuple[int, int, float]]] = {}
    partials: dict[int, tuple[float, ...]] = {}
    for e in arriving:
        i, p = int(tape.target[e]), int(tape.source[e])
        if i not in partials:
            partials[i] = tape.partials(i)
        position = e - int(tape.start[i])
        source = int(where[p])
        box = boxes[source]
        # Each argument has an edge of its own, unless the arguments themselves are folded.
        apart = box.kind != "group" and (len(box.nodes) in (1, boxes[target].times))
        key = (position, source) if apart else (-1, source)
        found.setdefault(key, []).append((p, i, partials[i][position]))
    return [_edge(tape, source, target, entries) for (_, source), entries in found.items()]


def _jacobian(
    tape: Tape,
    boxes: list[Box],
    where: np.ndarray,
    target: int,
    arriving: list[int],
    work: list[int],
) -> list[Edge]:
    """The edges into a group: one from each box, with the sums over all paths within the group."""
    box = boxes[target]
    nodes, source = tape.nodes, tape.source
    sweep = _sweep_one if len(box.outputs) == 1 else _sweep_all
    outside = sweep(tape, box, set(box.nodes.tolist()), work)
    found: dict[int, list[tuple[int, int, float]]] = {}
    for e in arriving:
        found.setdefault(int(where[source[e]]), [])
    if outside is None:
        live = {int(where[source[e]]) for e in arriving if nodes[source[e]].requires_grad}
        return [Edge(s, target, (), None, 0, 0.0, s in live) for s in found]
    for p, row in outside.items():
        found[int(where[p])] += [(p, o, value) for o, value in row.items()]
    return [_edge(tape, s, target, sorted(entries)) for s, entries in found.items()]


def _sweep_one(
    tape: Tape, box: Box, inside: set[int], work: list[int]
) -> dict[int, dict[int, float]] | None:
    """∂output/∂node for every node outside that the group uses; None if it is too much work."""
    nodes, source = tape.nodes, tape.uses
    start = tape.begin
    (output,) = box.outputs
    adjoint = {output: 1.0}
    for i in reversed(box.nodes.tolist()):
        op = nodes[i].op
        if op is None or i not in adjoint:
            continue
        above = adjoint.pop(i)
        parents = source[start[i] : start[i + 1]]
        work[0] -= len(parents)
        if work[0] < 0:
            return None
        for p, partial in zip(parents, tape.partials(i), strict=True):
            # As in the backward pass: an adjoint of 0 is not passed on, and never meets infinity.
            flows = above != 0.0 and (partial != 0.0 or not op.selects)
            adjoint[p] = adjoint.get(p, 0.0) + (above * partial if flows else 0.0)
    return {p: {output: value} for p, value in adjoint.items() if p not in inside}


def _sweep_all(
    tape: Tape, box: Box, inside: set[int], work: list[int]
) -> dict[int, dict[int, float]] | None:
    """The same for several outputs: each node holds the adjoints of the outputs it leads to."""
    nodes, source = tape.nodes, tape.uses
    start = tape.begin
    adjoint: dict[int, dict[int, float]] = {i: {i: 1.0} for i in box.outputs}
    for i in reversed(box.nodes.tolist()):
        op = nodes[i].op
        if op is None or i not in adjoint:
            continue
        above = adjoint.pop(i)
        parents = source[start[i] : start[i + 1]]
        work[0] -= len(parents) * len(above)
        if work[0] < 0:
            return None
        for p, partial in zip(parents, tape.partials(i), strict=True):
            if p in inside and nodes[p].op is None:
                continue
            below = adjoint.setdefault(p, {})
            for o, a in above.items():
                flows = a != 0.0 and (partial != 0.0 or not op.selects)
                below[o] = below.get(o, 0.0) + (a * partial if flows else 0.0)
    return {p: row for p, row in adjoint.items() if p not in inside}


def _edge(tape: Tape, source: int, target: int, entries: list[tuple[int, int, float]]) -> Edge:
    shares = [tape.grad(o) * value for p, o, value in entries if tape.nodes[p].requires_grad]
    flow = Span.of(shares)
    return Edge(
        source,
        target,
        tuple(entries) if len(entries) <= _MOST_ENTRIES else (),
        Span.of(value for _, _, value in entries),
        len(entries),
        flow.extreme if shares else 0.0,
        bool(shares),
        flow.mixed,
    )
