"""What of a loop is a recurrence.

A loop in a trace holds whatever its author wrote into it. What no later step waits for, such as
the loss of a step, can be computed behind the loop for all steps at once, and what waits for no
earlier step before it. What is left are the ops on the cycles from step to step, and those
between such cycles.
"""

from __future__ import annotations

import numpy as np

from autograd import ops
from autograd.compiler.graph import Graph
from autograd.compiler.normal import SUMS
from autograd.compiler.periods import CARRIED, FIXED, LOCAL, STREAM, Loop

_ADDS = {ops.add, ops.subtract, ops.positive, ops.total}
_WHOLE = {ops.add, ops.subtract, ops.total, ops.mean, ops.dot, ops.affine}


def recurrence(graph: Graph, loop: Loop) -> Loop | None:
    """The loop without what needs not be in it, or None if nothing is left."""
    period = loop.nodes.shape[1]
    edges = [
        [source for kind, source in zip(kinds, sources, strict=True) if kind in (LOCAL, CARRIED)]
        for kinds, sources in zip(loop.kinds, loop.sources, strict=True)
    ]
    users: list[list[int]] = [[] for _ in range(period)]
    for j, sources in enumerate(edges):
        for source in sources:
            users[source].append(j)
    outside = used_outside(graph, loop)
    on_cycle = [False] * period
    for members in _cycles(edges):
        within = set(members)
        adds = all(graph.rows[graph.code[loop.nodes[0, j]]] in _ADDS for j in members)
        alone = all(user in within for j in members for user in users[j])
        if adds and alone and not outside[:-1, members].any():
            continue  # a sum over the steps, of which only the last is looked at
        for j in members:
            on_cycle[j] = True
    if not any(on_cycle):
        return None
    after, before = _reached(users, on_cycle), _reached(edges, on_cycle)
    inside = [a and b for a, b in zip(after, before, strict=True)]
    _pull(graph, loop, users, inside)
    return _reduced(loop, inside)


def used_outside(graph: Graph, loop: Loop) -> np.ndarray:
    """(steps, ops) whether a node is used by anything but the loop."""
    inside = np.zeros(len(graph), dtype=bool)
    inside[loop.nodes] = True
    seen = np.zeros(len(graph), dtype=bool)
    seen[graph.args[~np.repeat(inside, np.diff(graph.starts))]] = True
    seen[graph.outputs] = True
    for nodes in loop.streams.values():
        seen[nodes] = True
    return np.asarray(seen[loop.nodes])


def _cycles(edges: list[list[int]]) -> list[list[int]]:
    """The strongly connected components that hold a cycle (Tarjan 1972), without recursion."""
    n = len(edges)
    index, low = [-1] * n, [0] * n
    on_stack = [False] * n
    stack: list[int] = []
    found: list[list[int]] = []
    count = 0
    for root in range(n):
        if index[root] >= 0:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = count
        count += 1
        stack.append(root)
        on_stack[root] = True
        while work:
            node, rest = work[-1]
            for other in rest:
                if index[other] < 0:
                    index[other] = low[other] = count
                    count += 1
                    stack.append(other)
                    on_stack[other] = True
                    work.append((other, iter(edges[other])))
                    break
                if on_stack[other]:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = []
                    while True:
                        other = stack.pop()
                        on_stack[other] = False
                        members.append(other)
                        if other == node:
                            break
                    if len(members) > 1 or node in edges[node]:
                        found.append(sorted(members))
    return found


def _reached(edges: list[list[int]], start: list[bool]) -> list[bool]:
    reached = list(start)
    stack = [j for j, begins in enumerate(start) if begins]
    while stack:
        for other in edges[stack.pop()]:
            if not reached[other]:
                reached[other] = True
                stack.append(other)
    return reached


def _pull(graph: Graph, loop: Loop, users: list[list[int]], inside: list[bool]) -> None:
    """Take in the terms of sums: however a sum is written, its terms stay together.

    Sums that are the same in all steps are better computed once.
    """
    same = _same(loop)
    uses = np.bincount(graph.args, minlength=len(graph))
    uses[graph.outputs] += 2
    once = (uses[loop.nodes[[0, -1]]] == 1).all(axis=0)
    row = [graph.rows[code] for code in graph.code[loop.nodes[0]].tolist()]
    sums = [op in SUMS for op in row]
    for j in range(len(inside) - 1, -1, -1):
        if not inside[j] and once[j] and sums[j] and not (same[j] and row[j] in _WHOLE):
            inside[j] = any(inside[user] and sums[user] and user > j for user in users[j])


def _same(loop: Loop) -> list[bool]:
    """Which ops give the same in all steps."""
    same: list[bool] = []
    for kinds, sources in zip(loop.kinds, loop.sources, strict=True):
        pairs = zip(kinds, sources, strict=True)
        same.append(all(kind == FIXED or (kind == LOCAL and same[s]) for kind, s in pairs))
    return same


def _reduced(loop: Loop, inside: list[bool]) -> Loop:
    """The loop of these ops; the others have become streams, or are the same in all steps."""
    new = np.cumsum(inside) - 1
    same = _same(loop)
    streams: dict[tuple[int, int], np.ndarray] = {}
    kinds: list[list[str]] = []
    sources: list[list[int]] = []
    initial: dict[int, int] = {}
    for j, stays in enumerate(inside):
        own: list[tuple[str, int]] = []
        flow = None
        for k, (kind, source) in enumerate(zip(loop.kinds[j], loop.sources[j], strict=True)):
            if kind == STREAM:
                flow = loop.streams[j, k]
            elif kind != FIXED and inside[source]:
                source = int(new[source])
            elif kind == LOCAL and same[source]:
                kind, source = FIXED, int(loop.nodes[0, source])
            elif kind == LOCAL:
                kind, flow = STREAM, loop.nodes[:, source]
            elif kind == CARRIED:
                kind, flow = STREAM, np.append(loop.initial[source], loop.nodes[:-1, source])
            if stays and kind == STREAM:
                assert flow is not None
                streams[int(new[j]), k] = flow
            own.append((kind, source if kind != STREAM else -1))
        if stays:
            kinds.append([kind for kind, _ in own])
            sources.append([source for _, source in own])
    for j, node in loop.initial.items():
        if inside[j]:
            initial[int(new[j])] = node
    return Loop(loop.nodes[:, np.array(inside)], kinds, sources, streams, initial)
