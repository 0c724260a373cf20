"""The tier for irregular graphs: one call of NumPy for all nodes of a kind on a level.

All numbers stand in one array, sorted by level, so that each call reads its arguments by
index and writes a slice. Backwards, every use of a node has a place of its own for the share
that flows through it; the places of a node's uses are neighbours, and its adjoint is their
sum. So nothing is added to the same place twice, and no order of addition is left to chance.

    for each run forwards:   V[run] = op(V[first arguments], V[second arguments])
    for each run backwards:  D = sums of S over the uses of run
                             S[uses of the arguments] = D · partial
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.compiler import kernels
from autograd.compiler.arguments import stack
from autograd.compiler.graph import INPUT, LITERAL, PARAMETER, Graph, groups, levels, runs
from autograd.compiler.spelling import Dialect, for_arrays
from autograd.compiler.symbolic import Reading, is_number, reading, sequence_reading
from autograd.op import Op, SequenceOp

MEMORY = 2**23  # numbers in all places of a tile of the batch


@dataclass(frozen=True, eq=False)
class Run:
    """Nodes ``start`` to ``stop`` of one op; gradients flow through those below ``active``."""

    op: Op
    start: int
    active: int
    stop: int
    args: tuple[np.ndarray, ...]  # per argument an index per node; (length, nodes) of a sequence
    function: Any
    shares: tuple[tuple[Any, Any, np.ndarray, np.ndarray | None], ...]
    uses: tuple[int, int]
    heads: np.ndarray


class Levels:
    """A graph as runs.

    Args:
        graph: with dead code removed.
        batched: per input whether it has a batch axis.
    """

    def __init__(self, graph: Graph, batched: np.ndarray):
        self.graph = graph
        self.batched = batched
        level = levels(graph)
        sizes = np.diff(graph.starts)
        leaf = graph.code < 0
        # Leaves first: parameters (those that want gradients first), inputs, literals.
        kind = np.where(leaf, -1 - graph.code, 0)
        order = np.lexsort((
            graph.place, sizes, ~graph.active, sizes, graph.code,
            np.where(leaf, np.where(kind == 1, 0, np.where(kind == 0, 1, 2)), 0), level,
        ))  # fmt: skip
        new = np.empty(len(graph), dtype=np.int64)
        new[order] = np.arange(len(graph))
        self.order = order
        self._leaves(new)
        self._edges(new, order)
        self._runs(new, order, level, sizes)
        self.outputs = new[graph.outputs]
        self.size = len(graph)

    def _leaves(self, new: np.ndarray) -> None:
        graph = self.graph
        at = [np.flatnonzero(graph.code == kind) for kind in (PARAMETER, INPUT, LITERAL)]
        self.parameters, self.inputs, self.literals = [new[nodes] for nodes in at]
        self.parameter_places, self.input_places = graph.place[at[0]], graph.place[at[1]]
        self.numbers = graph.number[at[2]]
        self.wanted = np.flatnonzero(graph.active[at[0]])

    def _edges(self, new: np.ndarray, order: np.ndarray) -> None:
        """A place per use through which a gradient flows, sorted by the node used."""
        graph = self.graph
        sizes = np.diff(graph.starts)
        flows = graph.active[graph.args] & np.repeat(graph.active, sizes)
        seeded = np.flatnonzero(graph.active[graph.outputs])
        used = np.concatenate([graph.args[flows], graph.outputs[seeded]])
        idle = np.setdiff1d(np.flatnonzero(graph.active), used)  # seen by constants only
        used = np.concatenate([used, idle])
        by_node = np.argsort(new[used], kind="stable")
        slot = np.empty(len(used), dtype=np.int64)
        slot[by_node] = np.arange(len(used))
        self.edge = np.full(len(graph.args), -1, dtype=np.int64)
        count = int(flows.sum())
        self.edge[flows] = slot[:count]
        self.seeds = slot[count : count + len(seeded)]
        self.seeded = seeded
        self.idle = slot[count + len(seeded) :]
        self.uses = np.bincount(new[used], minlength=len(graph))
        self.first_use = np.concatenate([[0], np.cumsum(self.uses)])
        self.n_uses = len(used)

    def _runs(
        self, new: np.ndarray, order: np.ndarray, level: np.ndarray, sizes: np.ndarray
    ) -> None:
        graph, dialect = self.graph, for_arrays()
        first = int((graph.code < 0).sum())
        keys = np.stack([level[order], graph.code[order], sizes[order]], axis=1)[first:]
        code = graph.code.tolist()
        found = []
        for start, stop in runs(keys):
            start, stop = start + first, stop + first
            nodes = order[start:stop]
            op, size = graph.rows[code[nodes[0]]], int(sizes[nodes[0]])
            where = graph.starts[nodes] + np.arange(size)[:, np.newaxis]  # (argument, node)
            active = start + int(graph.active[nodes].sum())
            args, edge = new[graph.args[where]], self.edge[where][:, : active - start]
            parts = groups(op, args)
            places = groups(op, edge)
            found.append(
                Run(
                    op, start, active, stop, tuple(parts), _forward(op),
                    _shares(op, parts, places, dialect),
                    (int(self.first_use[start]), int(self.first_use[active])),
                    self.first_use[start:active] - self.first_use[start],
                )
            )  # fmt: skip
        self.runs = found

    def __str__(self) -> str:
        """One line per run."""
        return "\n".join(
            f"[{run.start}:{run.stop}] = {run.op.name}" + (f" of {len(run.args[0])}" if isinstance(
                run.op, SequenceOp) else "") for run in self.runs
        )  # fmt: skip

    # -- running -----------------------------------------------------------------------------

    def run(
        self, parameters: np.ndarray, columns: list[np.ndarray], batch: int | None, scale: float,
        gradient: bool,
    ) -> tuple[list[Any], np.ndarray | None]:  # fmt: skip
        """The outputs, and the gradients of all parameters or None.

        Args:
            parameters: the numbers of the leaves from outside.
            columns: arrays of inputs, (n, batch) or (n,).
            batch: samples, or None.
            scale: adjoint of each output.
            gradient: whether to run backwards.
        """
        inputs, shared = stack(columns, batch)
        with np.errstate(all="ignore"):
            if batch is None:
                return self._tile(parameters, None, shared, None, scale, gradient)
            step = max(1, MEMORY // (self.size + self.n_uses + 1))
            tiles = [
                self._tile(
                    parameters, inputs[:, start : start + step], shared,
                    min(step, batch - start), scale, gradient,
                )
                for start in range(0, batch, step)
            ]  # fmt: skip
        if len(tiles) == 1:
            return tiles[0]
        outputs = [np.concatenate(parts) for parts in zip(*(t[0] for t in tiles), strict=True)]
        if not gradient:
            return outputs, None
        gradients: Any = sum(found for _, found in tiles if found is not None)
        return outputs, gradients

    def _tile(
        self, parameters: np.ndarray, inputs: np.ndarray | None, shared: np.ndarray,
        batch: int | None, scale: float, gradient: bool,
    ) -> tuple[list[Any], np.ndarray | None]:  # fmt: skip
        width = () if batch is None else (batch,)
        spread = ... if batch is None else (..., None)
        V = np.empty((self.size, *width))
        V[self.parameters] = parameters[self.parameter_places][spread]
        V[self.literals] = self.numbers[spread]
        if batch is None:
            V[self.inputs] = shared[self.input_places]
        else:
            own = self.batched[self.input_places]
            V[self.inputs[own]] = inputs[self.input_places[own]]  # type: ignore[index]
            V[self.inputs[~own]] = shared[self.input_places[~own], None]
        for run in self.runs:
            run.function(V, run)
        outputs = [V[at].copy() if batch is not None else float(V[at]) for at in self.outputs]
        if not gradient:
            return outputs, None
        S = np.empty((self.n_uses, *width))
        S[self.idle] = 0.0
        S[self.seeds] = scale
        for run in reversed(self.runs):
            if run.active == run.start:
                continue
            n = run.active - run.start
            D = np.add.reduceat(S[slice(*run.uses)], run.heads, axis=0)
            y = V[run.start : run.active]
            args = [V.take(index[..., :n], axis=0) for index in run.args]
            for function, group, slots, some in run.shares:
                flow = function(D, y, *args)
                if group is not None:  # a list of arrays, one per element
                    flow = np.stack(flow)
                if some is not None:
                    flow = np.broadcast_to(flow, (*slots.shape, *width))[some]
                    S[slots[some]] = flow
                else:
                    S[slots] = flow
        G = np.zeros((len(parameters), *width))
        if len(self.wanted):
            nodes = self.parameters[self.wanted]
            stop = int(self.first_use[nodes[-1] + 1])
            sums = np.add.reduceat(S[:stop], self.first_use[nodes], axis=0)
            G[self.parameter_places[self.wanted]] = sums
        return outputs, G if batch is None else G.sum(axis=1)


def _forward(op: Op) -> Any:
    if isinstance(op, SequenceOp):
        along = kernels.along_first(op)

        def sequence(V: np.ndarray, run: Run) -> None:
            V[run.start : run.stop] = along(*[V[index] for index in run.args])

        return sequence
    function = kernels.elementwise(op)
    if isinstance(function, np.ufunc) and len(op.partials) == function.nin:  # type: ignore[arg-type]

        def ufunc(V: np.ndarray, run: Run) -> None:
            args = [V.take(index, axis=0) for index in run.args]
            function(*args, out=V[run.start : run.stop])

        return ufunc

    def plain(V: np.ndarray, run: Run) -> None:
        V[run.start : run.stop] = function(*[V.take(index, axis=0) for index in run.args])

    return plain


def _shares(op: Op, parts: Any, places: Any, dialect: Dialect) -> tuple[Any, ...]:
    """(share of d, y and arguments, whether it is a list, places, those that are used)."""
    shares = []
    found: Reading | None
    if isinstance(op, SequenceOp):
        found = sequence_reading(op, tuple(map(len, parts)))
        if found is None:

            def one_by_one(d: Any, y: Any, *args: Any) -> Any:
                (rows,) = op.partials(y, *(list(arg) for arg in args))  # type: ignore[operator]
                return [d * row for row in rows]

            return ((one_by_one, True, places[0], _some(places[0])),)
    else:
        found = reading(op)
    assert found is not None
    for slots, partial in zip(places, found.partials, strict=True):
        if not (slots >= 0).any():
            continue
        shares.append((_share(partial, len(parts), dialect), None, slots, _some(slots)))
    return tuple(shares)


def _some(slots: np.ndarray) -> np.ndarray | None:
    used = slots >= 0
    return None if used.all() else used


def _share(partial: Any, width: int, dialect: Dialect) -> Any:
    """d · partial as a function of d, y and the arguments."""
    if is_number(partial, 1.0):
        return lambda d, y, *args: d
    names = {-1: "y", **{i: f"a{i}" for i in range(width)}}
    text, binds = dialect.spell(partial, names.__getitem__)
    text = text if binds >= 5 else f"({text})"
    source = f"lambda d, y, {', '.join(f'a{i}' for i in range(width))}: d * {text}"
    return eval(source, dialect.names)
