"""Cutting a graph at its recurrences: what runs before them, step by step, and behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autograd import ops
from autograd.compiler.adjoint import Reverse, with_adjoint
from autograd.compiler.assemble import Assembled, assemble
from autograd.compiler.graph import INPUT, LITERAL, PARAMETER, Graph, distinct, runs, verify
from autograd.compiler.graph import batched as has_batch_axis
from autograd.compiler.normal import sums_of_products
from autograd.compiler.normal import verify as verify_normal
from autograd.compiler.periods import CARRIED, FIXED, STREAM, Loop
from autograd.compiler.pieces import Cut, Move, Part, Port, Variable
from autograd.compiler.recurrence import used_outside
from autograd.compiler.roll import Rolled, roll
from autograd.compiler.step import Step, step
from autograd.compiler.vector import Operand
from autograd.compiler.vector import verify as verify_vector


def cut(
    graph: Graph, loops: Sequence[Loop], batched: np.ndarray, inputs: np.ndarray, has_batch: bool,
    limit: int,
) -> Cut | None:  # fmt: skip
    """The pieces, or None if the graph does not fall apart like that.

    Args:
        graph: all of it.
        loops: its recurrences, in order.
        batched: per node whether it has a batch axis.
        inputs: per input the number of the array that it belongs to.
        has_batch: whether there is a batch axis at all.
        limit: most blocks of a piece.
    """
    return _Cutter(graph, loops, batched, inputs, has_batch, limit).cut()


class _Cutter:
    def __init__(
        self, graph: Graph, loops: Sequence[Loop], batched: np.ndarray, inputs: np.ndarray,
        has_batch: bool, limit: int,
    ):  # fmt: skip
        self.graph, self.loops, self.batched = graph, loops, batched
        self.columns, self.has_batch, self.limit = inputs, has_batch, limit
        self.row = np.full(len(graph), -1, dtype=np.int64)
        given = np.flatnonzero(graph.code == INPUT)
        self.row[given] = graph.place[given]
        self.sizes = [graph.n_inputs, graph.n_inputs]
        self.variables: list[Variable] = []
        self.family = np.full(len(graph), -1, dtype=np.int64)  # nodes whose rows were made together
        self.family[given] = inputs[graph.place[given]] if len(given) else 0
        self.families = int(inputs.max(initial=-1)) + 1

    def cut(self) -> Cut | None:
        """The pieces."""
        segment = self._segments()
        if segment is None:
            return None
        steps: list[tuple[Step, Rolled]] = []
        for number, loop in enumerate(self.loops):
            self._streams(loop, segment, number)
            found = self._step(loop)
            if found is None:
                return None
            steps.append(found)
            self._leave(found[0], found[1])
        self._crossing(segment)
        parts: list[Part] = []
        for number in range(len(self.loops) + 1):
            last = number == len(self.loops)
            piece = self._piece(np.flatnonzero(segment == number), last)
            if piece is None:
                return None
            if piece.program.outputs or piece.exports:
                parts.append(piece)
            if not last:
                parts.append(self._loop(*steps[number]))
        return Cut(parts, self.sizes, self.row, self.batched, self.variables)

    # -- who computes what -------------------------------------------------------------------

    def _segments(self) -> np.ndarray | None:
        """Of each op outside the loops the number of loops behind which it is first needed."""
        graph, none = self.graph, len(self.loops) + 1
        need = np.full(len(graph), none, dtype=np.int64)
        inside = np.full(len(graph), -1, dtype=np.int64)
        need[graph.outputs] = len(self.loops)
        for number, loop in enumerate(self.loops):
            inside[loop.nodes] = number
            taken = [*loop.streams.values(), np.array([*loop.initial.values()], dtype=np.int64)]
            taken += [np.array([s for s, k in zip(sources, kinds, strict=True) if k == FIXED], int)
                      for sources, kinds in zip(loop.sources, loop.kinds, strict=True)]  # fmt: skip
            every = np.concatenate(taken)
            need[every] = np.minimum(need[every], number)
        outside = np.flatnonzero((graph.code >= 0) & (inside < 0))
        starts, args, late = graph.starts.tolist(), graph.args.tolist(), need.tolist()
        for i in outside[::-1].tolist():
            here = late[i]
            for arg in args[starts[i] : starts[i + 1]]:
                if late[arg] > here:
                    late[arg] = here
        need = np.array(late, dtype=np.int64)
        for number, loop in enumerate(self.loops):
            if (need[loop.nodes] <= number).any():
                return None
        need[(graph.code < 0) | (inside >= 0)] = -1
        return need

    # -- rows --------------------------------------------------------------------------------

    def _new(
        self, shape: tuple[int, ...], wide: bool, nodes: np.ndarray, carried: bool = False
    ) -> np.ndarray:
        """New rows in a store."""
        found = Variable(wide, self.sizes[wide], shape, nodes, carried)
        self.variables.append(found)
        self.sizes[wide] += found.size
        return np.arange(found.start, found.start + found.size).reshape(shape)

    def _give(self, nodes: np.ndarray) -> None:
        """Rows for nodes, in this order; all of them with a batch axis, or none."""
        self.row[nodes] = self._new(nodes.shape, bool(self.batched[nodes.flat[0]]), nodes)
        self.family[nodes] = self.families
        self.families += 1

    def _streams(self, loop: Loop, segment: np.ndarray, number: int) -> None:
        """Rows for what a loop takes step by step from the ops before it."""
        groups: dict[tuple[object, ...], list[np.ndarray]] = {}
        for nodes in loop.streams.values():
            free = (segment[nodes] >= 0) & (self.row[nodes] < 0)
            if free.all() and (self.batched[nodes] == self.batched[nodes[0]]).all():
                key = (
                    self.graph.code[nodes[-1]], self.graph.labels[nodes[-1]].split("[")[0],
                    self.graph.scopes[nodes[-1]], self.batched[nodes[0]],
                )  # fmt: skip
                groups.setdefault(key, []).append(nodes)
        for found in groups.values():
            table = np.unique(np.array(found), axis=0)
            if distinct(table):
                self._give(table.T)

    def _leave(self, one: Step, rolled: Rolled) -> None:
        """Rows for what a loop carries, and for what else is used outside of it."""
        nodes = one.loop.nodes
        outside = np.asarray(used_outside(self.graph, one.loop).any(axis=0))
        for signal in one.signals:
            if signal.kind == CARRIED:
                table = np.concatenate([signal.nodes[:1], nodes[:, signal.ops]])
                rows = self._new(table.shape, signal.batched, table[1:], carried=True)
                self.row[nodes[:, signal.ops]] = rows[1:]
                self.family[nodes[:, signal.ops]] = self.families
                self.families += 1
                outside[signal.ops] = False
        left = np.flatnonzero(outside)
        block = rolled.block_of[one.op[left]]
        for number in np.unique(block).tolist():
            some = left[block == number]
            some = some[np.argsort(rolled.position[one.op[some]], kind="stable")]
            self.batched[nodes[:, some]] = rolled.blocks[number].batched
            self._give(nodes[:, some])

    def _crossing(self, segment: np.ndarray) -> None:
        """Rows for all else that one piece makes and another takes."""
        graph = self.graph
        owner = np.repeat(np.arange(len(graph)), np.diff(graph.starts))
        across = (segment[graph.args] >= 0) & (segment[owner] != segment[graph.args])
        across &= segment[owner] >= 0
        found = [graph.args[across]]
        for loop in self.loops:
            found += [*loop.streams.values(), np.array([*loop.initial.values()], dtype=np.int64)]
            found += [np.array(sources, dtype=np.int64)[[k == FIXED for k in kinds]]
                      for sources, kinds in zip(loop.sources, loop.kinds, strict=True)]  # fmt: skip
        nodes = np.unique(np.concatenate(found))
        nodes = nodes[(segment[nodes] >= 0) & (self.row[nodes] < 0)]
        for number in np.unique(segment[nodes]).tolist():
            for wide in (False, True):
                some = nodes[(segment[nodes] == number) & (self.batched[nodes] == wide)]
                if len(some):
                    self._give(some)

    # -- steps -------------------------------------------------------------------------------

    def _step(self, loop: Loop) -> tuple[Step, Rolled] | None:
        """A step whose carried values are grouped by the blocks that make them."""
        graph = self.graph
        order = np.where(self.row >= 0, self.row, np.arange(len(graph)) + 2 * len(graph))
        groups = np.zeros((loop.nodes.shape[1], 2), dtype=np.int64)
        groups[:, 1] = np.arange(len(groups))
        known: dict[object, int] = {}
        for j in loop.initial:
            node = int(loop.nodes[-1, j])
            name = graph.labels[node].split("[")[0]
            groups[j, 0] = known.setdefault(
                (int(graph.code[node]), name, graph.scopes[node]), len(known)
            )
        outside = np.flatnonzero(used_outside(graph, loop).any(axis=0))
        carried = np.array(sorted(loop.initial), dtype=np.int64)
        for _ in range(6):
            one = step(graph, loop, self.batched, order, groups)
            leaving = np.union1d(carried, outside)
            inner = replace(one.graph, outputs=one.op[leaving])
            one = replace(one, graph=verify(inner, "step"))
            rolled = self._rolled(one.graph, *one.flags)
            if rolled is None:
                return None
            again = groups.copy()
            again[carried, 0] = rolled.block_of[one.op[carried]]
            again[carried, 1] = rolled.position[one.op[carried]]
            wide = np.array([rolled.blocks[b].batched for b in again[carried, 0]], dtype=bool)
            before = self.batched[loop.nodes[-1, carried]]
            if (again == groups).all() and (wide <= before).all():
                return one, rolled
            self.batched[loop.nodes[:, carried]] |= wide
            groups = again
        return None

    def _rolled(self, graph: Graph, batched: np.ndarray, columns: np.ndarray) -> Rolled | None:
        normal = verify_normal(sums_of_products(graph), "sums_of_products")
        return roll(normal, has_batch_axis(graph, batched), columns, self.limit)

    def _loop(self, one: Step, rolled: Rolled) -> Part:
        """The program of a step."""
        moves: list[Move] = []
        inputs = []
        for signal in one.signals:
            if signal.kind == CARRIED:
                made = self.row[one.loop.nodes[:, signal.ops]]
                count = made.shape[1]
                first = np.arange(made[0, 0] - count, made[0, 0])
                rows = np.concatenate([first[np.newaxis], made[:-1]])
                active = bool(self.graph.active[signal.nodes[0]].any())
                moves.append(Move(first, signal.nodes[0], signal.batched, active))
            else:
                rows = self._rows(signal.nodes, signal.batched, signal.active, moves)
            inputs.append(Port(signal.kind, rows, signal.batched, signal.active))
        carried = [signal.ops for signal in one.signals if signal.kind == CARRIED]
        outside = np.flatnonzero(used_outside(self.graph, one.loop).any(axis=0))
        outside = np.setdiff1d(outside, np.concatenate([*carried, np.zeros(0, dtype=np.int64)]))
        leaving = list(carried)
        for block in np.unique(rolled.block_of[one.op[outside]]).tolist():
            some = outside[rolled.block_of[one.op[outside]] == block]
            leaving.append(some[np.argsort(rolled.position[one.op[some]], kind="stable")])
        exports = []
        for which in leaving:
            nodes = one.loop.nodes[:, which]
            own = bool(self.batched[nodes[-1, 0]])
            kind = CARRIED if which[0] in one.loop.initial else STREAM
            port = Port(kind, self.row[nodes], own, bool(self.graph.active[nodes].any()))
            exports.append((port, one.op[which]))
        part = self._part(rolled, inputs, exports, len(one.loop.nodes), [])
        part.moves = moves
        return part

    def _rows(self, nodes: np.ndarray, wide: bool, active: bool, moves: list[Move]) -> np.ndarray:
        """Rows that hold these nodes, each step's together; they are copied there if need be."""
        rows = self.row[nodes]
        here = (rows >= 0) & (self.batched[nodes] == wide)
        if here.all() and (np.diff(rows, axis=1) == 1).all():
            return np.asarray(rows)
        rows = self._new(nodes.shape if len(nodes) > 1 else nodes.shape[1:], wide, nodes)
        rows = rows.reshape(nodes.shape)
        moves.append(Move(rows.ravel(), nodes.ravel(), wide, active))
        return rows

    # -- what is no step ---------------------------------------------------------------------

    def _piece(self, ops: np.ndarray, last: bool) -> Part | None:
        """The program of some ops outside the loops."""
        graph = self.graph
        sizes = np.diff(graph.starts)
        own = np.zeros(len(graph), dtype=bool)
        own[ops] = True
        args = graph.args[np.repeat(own, sizes)]
        outputs = graph.outputs if last else np.zeros(0, dtype=np.int64)
        used = np.unique(np.concatenate([args, outputs]))
        used = used[~own[used]]
        leaf = (graph.code[used] == PARAMETER) | (graph.code[used] == LITERAL)
        leaves, given = used[leaf], used[~leaf]
        # What enters lies in rows of one store that were made together.
        keys = np.stack([self.family[given], self.row[given]])
        given = given[np.lexsort(keys[::-1])]
        inputs, column = [], np.zeros(len(given), dtype=np.int64)
        for number, (a, b) in enumerate(runs(self.family[given][:, np.newaxis])):
            nodes = given[a:b]
            column[a:b] = number
            inputs.append(
                Port(
                    FIXED, self.row[nodes][np.newaxis], bool(self.batched[nodes[0]]),
                    bool(graph.active[nodes].any()),
                )
            )  # fmt: skip
        exported = ops[self.row[ops] >= 0]
        there = np.concatenate([leaves, given, ops])
        at = np.full(len(graph), -1, dtype=np.int64)
        at[there] = np.arange(len(there))
        code, place = graph.code[there].copy(), graph.place[there].copy()
        code[len(leaves) : len(leaves) + len(given)] = INPUT
        place[len(leaves) : len(leaves) + len(given)] = np.arange(len(given))
        own_sizes = np.concatenate([np.zeros(len(leaves) + len(given), int), sizes[ops]])
        found = Graph(
            rows=graph.rows, code=code, starts=np.concatenate([[0], np.cumsum(own_sizes)]),
            args=at[args], active=graph.active[there], number=graph.number[there], place=place,
            outputs=at[np.concatenate([outputs, exported])], n_inputs=len(given),
            n_parameters=graph.n_parameters,
            labels=tuple(graph.labels[i] for i in there.tolist()),
            scopes=tuple(graph.scopes[i] for i in there.tolist()),
        )  # fmt: skip
        flags = np.array([inputs[i].wide for i in column.tolist()], dtype=bool)
        rolled = self._rolled(verify(found, "cut"), flags, column)
        if rolled is None:
            return None
        exports = []
        for number in np.unique(rolled.block_of[at[exported]]).tolist():
            some = exported[rolled.block_of[at[exported]] == number]
            some = some[np.argsort(self.row[some])]
            active = bool(graph.active[some[0]])
            own_wide = bool(self.batched[some[0]])
            exports.append((Port(FIXED, self.row[some][np.newaxis], own_wide, active), at[some]))
        return self._part(rolled, inputs, exports, 0, at[outputs].tolist())

    # -- programs ----------------------------------------------------------------------------

    def _part(
        self, rolled: Rolled, inputs: list[Port], exports: list[tuple[Port, np.ndarray]],
        steps: int, outputs: list[int],
    ) -> Part:  # fmt: skip
        assembled = assemble(rolled)
        program, builder = assembled.program, assembled.builder
        ends = program.outputs[: len(outputs)]
        program.outputs = list(ends)
        leaving = []
        for port, nodes in exports:
            operand = assembled.of_block[int(rolled.block_of[nodes[0]])]
            block = rolled.blocks[int(rolled.block_of[nodes[0]])]
            where = rolled.position[nodes]
            if len(where) != len(block.nodes) or (where != np.arange(len(where))).any():
                operand = builder.access(operand, where)
            shape = builder.shape(operand) or where.shape
            leaving.append((port, builder.fill(operand, shape, 2 if port.wide else 0)))
        program.forward = len(program.instructions)
        verify_vector(program, "assemble")
        wanted = np.concatenate(
            [np.zeros(0, bool), *(np.full(each.rows.shape[1], each.active) for each in inputs)]
        )
        row = len(wanted)
        cotangents = []
        for port, operand in leaving:
            if port.active:
                shape = builder.shape(operand)
                rows = np.arange(row, row + port.rows.shape[1]).reshape(shape)
                cotangents.append((operand, builder.input(rows, port.wide)))
                row += port.rows.shape[1]
        wanted = np.append(wanted, np.zeros(row - len(wanted), dtype=bool))
        reverse = with_adjoint(
            assembled, rolled.normal.graph.active[rolled.order], self.has_batch, wanted, cotangents
        )
        adjoints = _adjoints(assembled, reverse, inputs)
        verify_vector(program, "with_adjoint")
        places = rolled.normal.graph.place[rolled.order]
        return Part(
            steps, rolled, assembled, program, reverse, places, inputs, leaving, adjoints,
            list(ends),
        )  # fmt: skip


def _adjoints(
    assembled: Assembled, reverse: Reverse, inputs: list[Port]
) -> list[tuple[int, Operand]]:
    """The adjoint of each input that has one, put together from its parts."""
    builder = assembled.builder
    found = []
    start = 0
    for number, port in enumerate(inputs):
        n = port.rows.shape[1]
        parts = [
            builder.scatter(adjoint, rows - start, (n,), 2 if port.wide else 0)
            for rows, adjoint in reverse.inputs
            if rows.size and start <= rows.flat[0] < start + n
        ]
        if parts:
            total = parts[0]
            for part in parts[1:]:
                total = builder.map(ops.add, [total, part])
            found.append((number, builder.fill(total, (n,), 2 if port.wide else 0)))
        start += n
    return found
