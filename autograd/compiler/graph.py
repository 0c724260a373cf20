"""The scalar program: every node of a trace, in arrays, parents before children.

Nothing changes one after it is made: a pass takes a graph and gives another.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress, pairwise
from typing import Any

import numpy as np

from autograd import ops
from autograd.op import Op, SequenceOp

INPUT, PARAMETER, LITERAL = -1, -2, -3  # codes of leaves; those of ops are rows, from 0
_LEAVES = {INPUT: "input", PARAMETER: "parameter", LITERAL: "literal"}


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes 0 to N - 1 and what they are computed from.

    Attributes:
        rows: the ops, by code.
        code: of each node its op, or INPUT, PARAMETER, LITERAL.
        starts: node i has the arguments ``args[starts[i]:starts[i + 1]]``.
        args: the arguments of all nodes, one after the other.
        active: whether a gradient flows through the node.
        number: what it held in the trace: of a literal, its value.
        place: of an input or parameter its number, else -1.
        outputs: the nodes that are the results.
        n_inputs: how many numbers are given.
        n_parameters: how many leaves from outside are read.
        labels: of the nodes.
        scopes: the dotted names of the scopes that made them.
    """

    rows: tuple[Op, ...]
    code: np.ndarray
    starts: np.ndarray
    args: np.ndarray
    active: np.ndarray
    number: np.ndarray
    place: np.ndarray
    outputs: np.ndarray
    n_inputs: int
    n_parameters: int
    labels: tuple[str, ...]
    scopes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.code)

    @property
    def n_ops(self) -> int:
        """Number of nodes that are no leaves."""
        return int((self.code >= 0).sum())

    def arguments(self, node: int) -> list[int]:
        """The nodes that this one is computed from, in order."""
        return self.args[self.starts[node] : self.starts[node + 1]].tolist()  # type: ignore[no-any-return]

    def __str__(self) -> str:
        """One line per node: ``3 = multiply 0 1   # z in MLP.0``."""
        lines = []
        for i, code in enumerate(self.code.tolist()):
            if code >= 0:
                what = " ".join([self.rows[code].name, *map(str, self.arguments(i))])
            elif code == LITERAL:
                what = f"literal {self.number[i]!r}"
            else:
                what = f"{_LEAVES[code]} {self.place[i]}"
            named = " in ".join(part for part in (self.labels[i], self.scopes[i]) if part)
            lines.append(f"{i} = {what}" + (f"   # {named}" if named else ""))
        return "\n".join([*lines, f"return {' '.join(map(str, self.outputs.tolist()))}"])


def integers(numbers: Sequence[int]) -> np.ndarray:
    """The numbers as an array; this way takes a third of the time."""
    return np.array(array("q", numbers))


def distinct(numbers: np.ndarray) -> bool:
    """Whether none is there twice."""
    ordered = np.sort(numbers, axis=None)
    return bool((ordered[1:] != ordered[:-1]).all())


def takes(graph: Graph, which: np.ndarray) -> np.ndarray:
    """Of each node whether one of its arguments is among the nodes that ``which`` marks."""
    owner = np.repeat(np.arange(len(graph)), np.diff(graph.starts))
    return np.asarray(np.bincount(owner[which[graph.args]], minlength=len(graph)) > 0)


def groups(op: Op, args: Any) -> tuple[Any, ...]:
    """The flat arguments of a node, one sequence per argument of a sequence op."""
    if not isinstance(op, SequenceOp):
        return tuple(args)
    if op.width == 1:
        return (args,)
    k = len(args) // 2
    if op.width == 2:
        return args[:k], args[k:]
    return args[:k], args[k : 2 * k], args[2 * k :]


def verify(graph: Graph, after: str) -> Graph:
    """The graph itself, if it is one.

    Raises:
        AssertionError: naming the pass after which it is not.
    """
    n = len(graph)
    sizes = np.diff(graph.starts)
    owner = np.repeat(np.arange(n), sizes)
    found = [
        (len(graph.starts) == n + 1 and graph.starts[-1] == len(graph.args), "arguments"),
        (bool((graph.args < owner).all()) and bool((graph.args >= 0).all()), "order"),
        (bool((sizes[graph.code < 0] == 0).all()), "leaves"),
        (bool(((graph.outputs >= 0) & (graph.outputs < n)).all()), "outputs"),
        (len(graph.labels) == len(graph.scopes) == n, "names"),
    ]
    for fine, what in found:
        if not fine:
            raise AssertionError(f"after {after}: the {what} of the graph are broken")
    return graph


def without_dead_code(graph: Graph) -> Graph:
    """The nodes that an output needs, numbered anew; gradients flow only to parameters."""
    sizes = np.diff(graph.starts)
    keep = _needed(graph)
    if keep is not None:
        new = np.cumsum(keep) - 1
        kept = keep.tolist()
        graph = replace(
            graph,
            code=graph.code[keep],
            starts=np.concatenate([[0], np.cumsum(sizes[keep])]),
            args=new[graph.args[np.repeat(keep, sizes)]],
            active=graph.active[keep],
            number=graph.number[keep],
            place=graph.place[keep],
            outputs=new[graph.outputs],
            labels=tuple(compress(graph.labels, kept)),
            scopes=tuple(compress(graph.scopes, kept)),
        )
    return replace(graph, active=_reached(graph))


def _needed(graph: Graph) -> np.ndarray | None:
    """Whether an output needs a node, or None if all are needed."""
    counts = np.bincount(graph.args, minlength=len(graph))
    np.add.at(counts, graph.outputs, 1)
    idle = np.flatnonzero(counts == 0).tolist()
    if not idle:
        return None
    uses, starts, args = counts.tolist(), graph.starts.tolist(), graph.args.tolist()
    while idle:
        i = idle.pop()
        for arg in args[starts[i] : starts[i + 1]]:
            uses[arg] -= 1
            if not uses[arg]:
                idle.append(arg)
    return integers(uses) > 0


def _reached(graph: Graph) -> np.ndarray:
    """Whether a node records gradients and a parameter that wants one is among its ancestors."""
    if not (graph.active & (graph.code >= 0) & ~takes(graph, graph.active)).any():
        return graph.active
    active = graph.active.tolist()
    starts, args = graph.starts.tolist(), graph.args.tolist()
    for i, code in enumerate(graph.code.tolist()):
        if code >= 0 and active[i]:
            active[i] = any(map(active.__getitem__, args[starts[i] : starts[i + 1]]))
    return np.array(active, dtype=bool)


def levels(graph: Graph, steps: Sequence[int] | None = None) -> np.ndarray:
    """Of each node the length of the longest way to it from a leaf; ``steps`` are those of ops."""
    starts, args = graph.starts.tolist(), graph.args.tolist()
    level = [0] * len(graph)
    for i, ((start, stop), step) in enumerate(
        zip(pairwise(starts), steps or [1] * len(graph), strict=True)
    ):
        if stop - start == 2:
            a, b = level[args[start]], level[args[start + 1]]
            level[i] = (a if a > b else b) + step
        elif stop - start == 1:
            level[i] = level[args[start]] + step
        elif stop != start:
            level[i] = max([level[arg] for arg in args[start:stop]]) + step
    return integers(level)


def depth(graph: Graph) -> int:
    """The longest way through a graph, without the sums that only one other op takes.

    For however many terms are added one after the other, they are one sum.
    """
    uses = np.bincount(graph.args, minlength=len(graph))
    uses[graph.outputs] += 2
    sums = [row for row, op in enumerate(graph.rows) if op in (ops.add, ops.subtract, ops.total)]
    counted = ~np.isin(graph.code, sums) | (uses > 1)
    return int(levels(graph, counted.astype(int).tolist()).max(initial=0))


def batched(graph: Graph, inputs: np.ndarray) -> np.ndarray:
    """Whether a node depends on an input that has a batch axis."""
    if not inputs.any():
        return np.zeros(len(graph), dtype=bool)
    starts, args = graph.starts.tolist(), graph.args.tolist()
    places = graph.place.tolist()
    depends = [False] * len(graph)
    for i, code in enumerate(graph.code.tolist()):
        if code >= 0:
            depends[i] = any(map(depends.__getitem__, args[starts[i] : starts[i + 1]]))
        elif code == INPUT:
            depends[i] = bool(inputs[places[i]])
    return np.array(depends, dtype=bool)


def runs(sorted_keys: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) of every stretch of equal rows."""
    if not len(sorted_keys):
        return []
    changes = np.flatnonzero((sorted_keys[1:] != sorted_keys[:-1]).any(axis=1)) + 1
    ends = [*changes.tolist(), len(sorted_keys)]
    return list(zip([0, *ends[:-1]], ends, strict=True))
