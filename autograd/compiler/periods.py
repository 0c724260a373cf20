"""Loops in a trace: stretches of ops that repeat, each step taking over from the one before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autograd.compiler.graph import Graph

_LONGEST = 256  # ops in a step
_FEWEST = 8  # steps
_EFFORT = 40_000_000  # comparisons

LOCAL, CARRIED, FIXED, STREAM = "local", "carried", "fixed", "stream"


@dataclass(frozen=True, eq=False)
class Loop:
    """Steps of the same ops.

    Attributes:
        nodes: (steps, ops) the nodes.
        kinds: per op and argument where it comes from: the same step (LOCAL), the step before
            (CARRIED), the same node in all steps (FIXED), or another one in each (STREAM).
        sources: likewise the op of the step, for LOCAL and CARRIED; the node, for FIXED.
        streams: of STREAM the nodes, one per step, by (op, argument).
        initial: by op that is carried, the node that the first step takes instead.
    """

    nodes: np.ndarray
    kinds: list[list[str]]
    sources: list[list[int]]
    streams: dict[tuple[int, int], np.ndarray]
    initial: dict[int, int]


def find_loops(graph: Graph) -> list[Loop]:
    """The loops of a graph, in order; none if that would take too long to find out."""
    ops = np.flatnonzero(graph.code >= 0)
    code = graph.code[ops] * 4096 + np.diff(graph.starts)[ops]
    found: list[Loop] = []
    start = 0
    longest = min(_LONGEST, max(len(ops) // _FEWEST, 1))
    if len(ops) * longest > _EFFORT:
        longest = max(_EFFORT // len(ops), 1)
    while start < len(ops):
        best: tuple[int, int, int] | None = None  # (length, start, period)
        for period in range(1, longest + 1):
            same = code[start + period :] == code[start:-period]
            if len(same) < period * (_FEWEST - 1):
                break
            run, length = _longest_run(same)
            if length < period * (_FEWEST - 1):
                continue
            if best is None or length + period > best[0] * 1.02:
                loop = _checked(graph, ops, start + run, length + period, period)
                if loop is not None and (best is None or loop.nodes.size > best[0]):
                    best = loop.nodes.size, start + run, period
                    kept = loop
        if best is None:
            break
        found.append(kept)
        start = int(np.searchsorted(ops, kept.nodes[-1, -1])) + 1
    return found


def _longest_run(same: np.ndarray) -> tuple[int, int]:
    """Where the longest run of True begins, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    starts, stops = edges[::2], edges[1::2]
    best = int(np.argmax(stops - starts))
    return int(starts[best]), int(stops[best] - starts[best])


def _checked(graph: Graph, ops: np.ndarray, start: int, length: int, period: int) -> Loop | None:
    """The loop in a stretch of ops of that period, at the first place where it is one."""
    for shift in range(min(period, length - period * _FEWEST + 1)):
        steps = (length - shift) // period
        for spare in (0, 1):  # the first step may take its arguments from elsewhere
            first = start + shift + spare * period
            if steps - spare >= _FEWEST:
                nodes = ops[first : first + (steps - spare) * period].reshape(-1, period)
                loop = _loop(graph, nodes)
                if loop is not None:
                    return loop
    return None


def _loop(graph: Graph, nodes: np.ndarray) -> Loop | None:
    steps, period = nodes.shape
    place = np.full(len(graph), -1, dtype=np.int64)
    place[nodes.ravel()] = np.arange(nodes.size)
    kinds: list[list[str]] = []
    sources: list[list[int]] = []
    streams: dict[tuple[int, int], np.ndarray] = {}
    initial: dict[int, int] = {}
    begin = np.arange(steps) * period
    for j in range(period):
        if graph.active[nodes[:, j]].min() != graph.active[nodes[:, j]].max():
            return None
        size = int(graph.starts[nodes[0, j] + 1] - graph.starts[nodes[0, j]])
        kinds.append([])
        sources.append([])
        for k in range(size):
            args = graph.args[graph.starts[nodes[:, j]] + k]
            if (args == args[0]).all():
                if place[args[0]] >= 0:
                    return None
                kind, source = FIXED, int(args[0])
            else:
                relative = place[args] - begin
                inner = place[args] >= 0
                if inner[1:].all() and (relative[1:] == relative[1]).all():
                    source = int(relative[1])
                    if 0 <= source < j:
                        kind = LOCAL
                        if relative[0] != source or not inner[0]:
                            return None
                    elif -period <= source < 0 and not inner[0]:
                        kind, source = CARRIED, source + period
                        if initial.setdefault(source, int(args[0])) != args[0]:
                            return None
                    else:
                        return None
                elif not inner.any():
                    kind, source = STREAM, -1
                    streams[j, k] = args
                else:
                    return None
            kinds[-1].append(kind)
            sources[-1].append(source)
    if not initial and not streams:
        return None
    return Loop(nodes, kinds, sources, streams, initial)
