"""Loops in a trace: stretches of ops that repeat, each step taking over from the one before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from autograd.compiler.graph import LITERAL, Graph

_FEWEST = 8  # steps
_SHORT = 64  # ops in a step, up to which all periods are tried, and all beginnings of a step
_TRIED = 4, 48  # periods otherwise, fewest and most
_EFFORT = 1_000_000  # comparisons that they may take, beyond the fewest
_WORD = 4  # ops by which a place in the trace is known again
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

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
    """The loops of a graph, in order; of a very large graph those with the commonest periods."""
    ops = np.flatnonzero(graph.code >= 0)
    code = graph.code[ops] * 4096 + np.diff(graph.starts)[ops]
    args = _equal_literals(graph)[graph.args]
    found: list[Loop] = []
    stretches = [(0, len(ops))]
    while stretches:
        start, stop = stretches.pop()
        loop = _longest(graph, args, ops[start:stop], code[start:stop])
        if loop is not None:
            found.append(loop)
            first, last = np.searchsorted(ops, loop.nodes[[0, -1], [0, -1]]).tolist()
            stretches += [(start, first), (last + 1, stop)]
    return sorted(found, key=lambda loop: int(loop.nodes[0, 0]))


def _equal_literals(graph: Graph) -> np.ndarray:
    """Each node, but of the literals of one number the first."""
    same = np.arange(len(graph))
    literals = np.flatnonzero(graph.code == LITERAL)
    _, first, inverse = np.unique(
        graph.number[literals].view(np.int64), return_index=True, return_inverse=True
    )
    same[literals] = literals[first[inverse]]
    return same


def _longest(graph: Graph, args: np.ndarray, ops: np.ndarray, code: np.ndarray) -> Loop | None:
    """The loop in a stretch of ops that takes the most of them."""
    best: Loop | None = None
    for period in _periods(graph, args, ops, code):
        run, length = _longest_run(code[period:] == code[:-period])
        if length < period * (_FEWEST - 1):
            continue
        if best is None or length + period > best.nodes.size * 1.02:
            loop = _checked(graph, args, ops[run : run + length + period], period)
            if loop is not None and (best is None or loop.nodes.size > best.nodes.size):
                best = loop
    return best


def _periods(graph: Graph, args: np.ndarray, ops: np.ndarray, code: np.ndarray) -> list[int]:
    """Periods worth a try: the commonest distances between what looks the same.

    That are a few ops in a row, and single ops that take the same leaves.
    """
    longest = len(code) // _FEWEST
    if longest <= _SHORT:
        return list(range(1, longest + 1))
    words = np.zeros(len(code) - _WORD + 1, dtype=np.uint64)
    for k in range(_WORD):
        words = words * _FACTOR + code[k : k + len(words)].astype(np.uint64)
    sizes = graph.starts[ops + 1] - graph.starts[ops]
    heads = np.cumsum(sizes) - sizes
    flat = args[np.repeat(graph.starts[ops] - heads, sizes) + np.arange(int(sizes.sum()))]
    leaf = np.where(graph.code[flat] < 0, flat + 1, 0).astype(np.uint64)
    leaves = np.add.reduceat(leaf * _FACTOR * (leaf + np.uint64(1)), heads)
    found: set[int] = set()
    tried = min(max(_EFFORT // len(code), _TRIED[0]), _TRIED[1])
    for keys, where in ((words, None), (leaves, np.flatnonzero(leaves))):
        keys = keys if where is None else keys[where]
        order = np.argsort(keys, kind="stable")
        again = keys[order[1:]] == keys[order[:-1]]
        places = order if where is None else where[order]
        distance = np.diff(places)[again]
        counts = np.bincount(distance[distance <= longest], minlength=1)
        common = np.argsort(-counts, kind="stable")[:tried]
        found |= set(common[counts[common] >= _FEWEST - 1].tolist())
    return sorted(found)


def _longest_run(same: np.ndarray) -> tuple[int, int]:
    """Where the longest run of True begins, and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    starts, stops = edges[::2], edges[1::2]
    best = int(np.argmax(stops - starts))
    return int(starts[best]), int(stops[best] - starts[best])


def _checked(graph: Graph, args: np.ndarray, ops: np.ndarray, period: int) -> Loop | None:
    """The loop in ops of that period: of all ways to begin it that which carries least."""
    ways: list[tuple[int, int, int, int]] = []  # steps left out, carried, of how many ops; first op
    shifts = min(period, len(ops) - period * _FEWEST + 1)
    for spare in (0, 1):  # the first step may take its arguments from elsewhere
        for shift in range(0, 0 if ways else shifts, max(period // _SHORT, 1)):
            first = shift + spare * period
            steps = (len(ops) - first) // period
            if steps >= _FEWEST:
                nodes = ops[first : first + 3 * period].reshape(-1, period)
                found = _arguments(graph, args, nodes)
                if found is not None:
                    carried = np.unique(found.source[found.carried])
                    kinds = len(np.unique(graph.code[nodes[0, carried]]))
                    ways.append((len(ops) // period - steps, len(carried), kinds, first))
    for *_, first in sorted(ways):
        steps = (len(ops) - first) // period
        nodes = ops[first : first + steps * period].reshape(-1, period)
        loop = _loop(nodes, _arguments(graph, args, nodes))
        if loop is not None:
            return loop
    return None


@dataclass(frozen=True, eq=False)
class _Arguments:
    """All arguments of a step, one after the other, and where they come from."""

    args: np.ndarray  # (steps, arguments)
    owner: np.ndarray  # the op of each
    heads: np.ndarray  # the first of each op
    source: np.ndarray
    fixed: np.ndarray
    local: np.ndarray
    carried: np.ndarray
    stream: np.ndarray


def _arguments(graph: Graph, flat: np.ndarray, nodes: np.ndarray) -> _Arguments | None:
    """Where the arguments of each op come from, or None if these are no steps of a loop."""
    steps, period = nodes.shape
    active = graph.active[nodes]
    if (active != active[0]).any():
        return None
    sizes = graph.starts[nodes[0] + 1] - graph.starts[nodes[0]]
    heads = np.cumsum(sizes) - sizes
    owner = np.repeat(np.arange(period), sizes)
    within = np.arange(len(owner)) - heads[owner]
    args = flat[graph.starts[nodes][:, owner] + within]
    low = int(nodes[0, 0])
    place = np.full(int(nodes[-1, -1]) - low + 1, -1, dtype=np.int64)
    place[nodes.ravel() - low] = np.arange(nodes.size)
    at = np.where(args >= low, place[np.maximum(args - low, 0)], -1)
    inner = at >= 0
    relative = at - period * np.arange(steps)[:, np.newaxis]
    fixed = (args == args[0]).all(axis=0)
    source = relative[1]
    steady = inner[1:].all(axis=0) & (relative[1:] == source).all(axis=0) & ~fixed
    local = steady & (source >= 0) & (source < owner) & inner[0] & (relative[0] == source)
    carried = steady & (source < 0) & (source >= -period) & ~inner[0]
    stream = ~inner.any(axis=0) & ~fixed
    fixed &= ~inner[0]
    if not (fixed | local | carried | stream).all() or not (carried | stream).any():
        return None
    return _Arguments(args, owner, heads, source % period, fixed, local, carried, stream)


def _loop(nodes: np.ndarray, found: _Arguments | None) -> Loop | None:
    """The steps as a loop, or None if they are none."""
    if found is None:
        return None
    initial: dict[int, int] = {}
    entering = found.args[0, found.carried].tolist()
    for op, node in zip(found.source[found.carried].tolist(), entering, strict=True):
        if initial.setdefault(op, node) != node:
            return None
    kinds = [found.fixed, found.local, found.carried]
    which = np.select(kinds, [0, 1, 2], 3)
    of = np.select(kinds, [found.args[0], found.source, found.source], -1)
    names = np.array([FIXED, LOCAL, CARRIED, STREAM], dtype=object)[which].tolist()
    cut = list(pairwise([*found.heads.tolist(), len(found.owner)]))
    streams = {}
    for i in np.flatnonzero(found.stream).tolist():
        op = int(found.owner[i])
        streams[op, i - int(found.heads[op])] = np.ascontiguousarray(found.args[:, i])
    return Loop(
        nodes, [names[a:b] for a, b in cut], [of[a:b].tolist() for a, b in cut], streams, initial
    )
