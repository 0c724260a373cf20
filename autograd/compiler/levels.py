"""The tier for irregular graphs: one call of NumPy for all nodes of a kind on a level.

All numbers V stand in one array, sorted by level, so that each call reads its arguments by
index and writes a slice. Backwards, what flows through the arguments of a run stands in slices
of an array F, and the adjoint of a node is the sum of what stands in the places of its uses. So
nothing is added to the same place twice, and no order of addition is left to chance.

    for each run forwards:   V[run] = op(V[first arguments], V[second arguments])
    for each run backwards:  D = sums of F over the uses of run; F[its arguments] = D · partial
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler import kernels
from autograd.compiler.arguments import stack
from autograd.compiler.graph import INPUT, LITERAL, PARAMETER, Graph, groups, levels, runs
from autograd.compiler.spelling import Dialect, for_arrays
from autograd.compiler.symbolic import is_number, reading, sequence_reading
from autograd.op import Op, SequenceOp

MEMORY = 2**23  # numbers in all places of a tile of the batch
_SEED, _ZERO, _FIRST = 0, 1, 2  # places in F: of the adjoint of an output, of none, and the rest


@dataclass(frozen=True, eq=False)
class Flow:
    """What flows through an argument of a run, or a sequence of them: D · partial.

    Attributes:
        function: writes it to its first argument; the others are D, values, and arguments.
        reads: which arguments.
        first, shape: its places in F.
    """

    function: Callable[..., Any]
    reads: list[int]
    first: int
    shape: tuple[int, ...]


@dataclass(eq=False)
class Run:
    """Nodes ``start`` to ``stop`` of one op; gradients flow through those below ``active``.

    Attributes:
        args: per argument an index per node; (length, nodes) of an op of sequences.
        function: writes the values of arguments to an array.
        flows: of the shares that have places of their own.
        first: place in F of the adjoints, which are the shares where a partial is 1.
        uses: places in F of the uses of the active nodes, one node after the other.
        heads: where each node begins among them; None if each has one use.
    """

    op: Op
    start: int
    active: int
    stop: int
    args: tuple[np.ndarray, ...]
    function: Callable[..., Any]
    flows: list[Flow]
    first: int
    uses: np.ndarray
    heads: np.ndarray | None


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
        self.outputs = new[graph.outputs]
        self.size = len(graph)
        self.places = _FIRST
        self.pool: list[_Arrays] = []
        self._runs(new, order, level, sizes)

    def _leaves(self, new: np.ndarray) -> None:
        graph = self.graph
        at = [np.flatnonzero(graph.code == kind) for kind in (PARAMETER, INPUT, LITERAL)]
        self.parameters, self.inputs, self.literals = [new[nodes] for nodes in at]
        self.parameter_places, self.input_places = graph.place[at[0]], graph.place[at[1]]
        self.numbers = graph.number[at[2]]
        self.wanted = np.flatnonzero(graph.active[at[0]])

    def _runs(
        self, new: np.ndarray, order: np.ndarray, level: np.ndarray, sizes: np.ndarray
    ) -> None:
        graph, dialect = self.graph, for_arrays()
        first = int((graph.code < 0).sum())
        keys = np.stack([level[order], graph.code[order], sizes[order]], axis=1)[first:]
        code, active = graph.code.tolist(), graph.active[graph.args]
        share = np.full(len(graph.args), -1)  # place in F, per argument
        self.runs: list[Run] = []
        for start, stop in runs(keys):
            start, stop = start + first, stop + first
            nodes = order[start:stop]
            op, size = graph.rows[code[nodes[0]]], int(sizes[nodes[0]])
            where = graph.starts[nodes] + np.arange(size)[:, np.newaxis]  # (argument, node)
            n = int(graph.active[nodes].sum())
            run = Run(
                op, start, start + n, stop, groups(op, new[graph.args[where]]), _forward(op), [],
                self.places, np.zeros(0), None,
            )  # fmt: skip
            self.runs.append(run)
            if n:
                self._flows(run, n, where[:, :n], share, active, dialect)
        self._uses(new, share)

    def _flows(
        self, run: Run, n: int, where: np.ndarray, share: np.ndarray, active: np.ndarray,
        dialect: Dialect,
    ) -> None:  # fmt: skip
        """The shares of a run's arguments, and their places in F."""
        self.places += n
        own = np.arange(n)
        for partial, group in zip(_partials(run), groups(run.op, where), strict=True):
            if is_number(partial, 0.0) or not active[group].any():
                continue
            if is_number(partial, 1.0):
                share[group] = run.first + own
                continue
            function, reads = _share(run, partial, dialect)
            run.flows.append(Flow(function, reads, self.places, group.shape))
            share[group] = self.places + np.arange(group.size).reshape(group.shape)
            self.places += group.size
        share[where[~active[where]]] = -1

    def _uses(self, new: np.ndarray, share: np.ndarray) -> None:
        """Where the shares stand in F that make up the adjoint of each node."""
        graph = self.graph
        flows, seeded = share >= 0, graph.active[graph.outputs]
        nodes = np.concatenate([graph.args[flows], graph.outputs[seeded]])
        places = np.concatenate([share[flows], np.full(int(seeded.sum()), _SEED)])
        idle = graph.active.copy()  # those that only constants see
        idle[nodes] = False
        nodes = new[np.concatenate([nodes, np.flatnonzero(idle)])]
        places = np.concatenate([places, np.full(int(idle.sum()), _ZERO)])
        places = places[np.argsort(nodes, kind="stable")]
        ends = np.concatenate([[0], np.cumsum(np.bincount(nodes, minlength=len(graph)))])
        for run in self.runs:
            run.uses = places[ends[run.start] : ends[run.active]]
            if len(run.uses) > run.active - run.start:
                run.heads = ends[run.start : run.active] - ends[run.start]
        wanted = self.parameters[self.wanted]
        self.last_uses = places[: ends[wanted[-1] + 1] if len(wanted) else 0]
        self.last_heads = ends[wanted]

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
                try:
                    arrays = self.pool.pop()
                except IndexError:
                    arrays = _Arrays(self, ())
                found = self._tile(arrays, parameters, None, shared, scale, gradient)
                self.pool.append(arrays)
                return found
            step = max(1, MEMORY // (self.size + self.places))
            tiles = [
                self._tile(
                    _Arrays(self, (min(step, batch - start),)), parameters,
                    inputs[:, start : start + step], shared, scale, gradient,
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
        self, arrays: _Arrays, parameters: np.ndarray, inputs: np.ndarray | None,
        shared: np.ndarray, scale: float, gradient: bool,
    ) -> tuple[list[Any], np.ndarray | None]:  # fmt: skip
        V, F = arrays.V, arrays.F
        spread = ... if inputs is None else (..., None)
        V[self.parameters] = parameters[self.parameter_places][spread]
        V[self.literals] = self.numbers[spread]
        if inputs is None:
            V[self.inputs] = shared[self.input_places]
        else:
            own = self.batched[self.input_places]
            V[self.inputs[own]] = inputs[self.input_places[own]]
            V[self.inputs[~own]] = shared[self.input_places[~own], None]
        take = V.take
        for run, y in arrays.forward:
            run.function(y, *[take(index, 0) for index in run.args])
        outputs = [float(V[at]) if inputs is None else V[at].copy() for at in self.outputs]
        if not gradient:
            return outputs, None
        F[_SEED], F[_ZERO] = scale, 0.0
        take, add = F.take, np.add.reduceat
        for run, d, y, flows in arrays.backward:
            if run.heads is None:
                take(run.uses, 0, d, "clip")  # no index is too large, and to ask takes longer
            else:
                add(take(run.uses, 0), run.heads, 0, None, d)
            for function, indices, flow in flows:
                function(flow, d, y, *[V.take(index, 0) for index in indices])
        G = np.zeros((len(parameters), *V.shape[1:]))
        if len(self.wanted):
            sums = add(take(self.last_uses, 0), self.last_heads, 0)
            G[self.parameter_places[self.wanted]] = sums
        return outputs, G if inputs is None else G.sum(axis=1)


class _Arrays:
    """What one call writes to, and the slices that each run has of it."""

    def __init__(self, levels: Levels, width: tuple[int, ...]):
        self.V = V = np.empty((levels.size, *width))
        self.F = F = np.empty((levels.places, *width))
        self.forward = [(run, V[run.start : run.stop]) for run in levels.runs]
        self.backward = []
        for run in reversed(levels.runs):
            n = run.active - run.start
            flows = [
                (
                    flow.function, [run.args[k][..., :n] for k in flow.reads],
                    F[flow.first : flow.first + math.prod(flow.shape)].reshape(*flow.shape, *width),
                )
                for flow in run.flows
            ]  # fmt: skip
            if n:
                d, y = F[run.first : run.first + n], V[run.start : run.active]
                self.backward.append((run, d, y, flows))


def _forward(op: Op) -> Callable[..., Any]:
    """Writes the values of an op to its first argument."""
    function = kernels.along_first(op) if isinstance(op, SequenceOp) else kernels.elementwise(op)
    if isinstance(function, np.ufunc) and function.nin == len(op.domain):
        return lambda y, *args: function(*args, y)

    def plain(y: np.ndarray, *args: np.ndarray) -> None:
        y[...] = function(*args)

    return plain


def _partials(run: Run) -> Sequence[Any]:
    """The partial of each argument or sequence, as an expression; None if there is none."""
    if not isinstance(run.op, SequenceOp):
        found = reading(run.op)
    else:
        found = sequence_reading(run.op, tuple(map(len, run.args)))
    return found.partials if found else [None] * len(run.args)


def _share(run: Run, partial: Any, dialect: Dialect) -> tuple[Callable[..., Any], list[int]]:
    """What writes D · partial, and the arguments that it reads."""
    every = list(range(len(run.args)))
    if partial is None:

        def one_by_one(flow: Any, d: Any, y: Any, *args: Any) -> None:
            (rows,) = run.op.partials(y, *map(list, args))  # type: ignore[operator]
            for place, row in zip(flow, rows, strict=True):
                np.multiply(d, row, place)

        return one_by_one, every
    if run.op is ops.tanh:
        return lambda flow, d, y, x: np.multiply(d, kernels.sech_square(y, x), flow), every
    if is_number(partial, -1.0):
        return lambda flow, d, y: np.negative(d, flow), []
    read: set[int] = set()

    def name(place: int) -> str:
        read.add(place)
        return f"a{place}" if place >= 0 else "y"

    text, _ = dialect.spell(partial, name)
    reads = [place for place in every if place in read]
    head = ", ".join(["flow", "d", "y", *(f"a{place}" for place in reads)])
    function = eval(f"lambda {head}: np.multiply(d, {text}, flow)", dialect.names)
    return function, reads
