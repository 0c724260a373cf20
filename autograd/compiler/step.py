"""One step of a recurrence as a graph of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autograd.compiler.graph import INPUT, LITERAL, PARAMETER, Graph
from autograd.compiler.periods import CARRIED, FIXED, LOCAL, STREAM, Loop


@dataclass(frozen=True, eq=False)
class Signal:
    """Values that enter a step: as many as ``nodes`` has columns, a row of nodes per step.

    Attributes:
        kind: CARRIED, STREAM, or FIXED with a single row.
        nodes: (steps, n), or (1, n); of carried ones the nodes of the step before.
        ops: of carried ones, the ops of the step whose values they are.
        batched: whether they have a batch axis.
        active: whether gradients flow through them.
    """

    kind: str
    nodes: np.ndarray
    ops: np.ndarray
    batched: bool
    active: bool


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a recurrence.

    Attributes:
        loop: the recurrence.
        graph: of a step, whose inputs are the signals, one after the other.
        op: per op of the step its node in that graph.
        signals: what enters.
    """

    loop: Loop
    graph: Graph
    op: np.ndarray
    signals: list[Signal]

    @property
    def flags(self) -> tuple[np.ndarray, np.ndarray]:
        """Per input of the graph whether it has a batch axis, and the signal it belongs to."""
        sizes = [each.nodes.shape[1] for each in self.signals]
        batched = np.repeat([each.batched for each in self.signals], sizes)
        return batched.astype(bool), np.repeat(np.arange(len(sizes)), sizes)


def step(
    graph: Graph, loop: Loop, batched: np.ndarray, order: np.ndarray, groups: np.ndarray
) -> Step:
    """The step of a recurrence as a graph.

    Args:
        graph: all of it.
        loop: the recurrence.
        batched: per node whether it has a batch axis.
        order: per node a number that says what shall stand first among the signals of a group.
        groups: (ops, 2) to what group of signals a carried op belongs, and its rank there.
    """
    flows: dict[bytes, np.ndarray] = {}
    for nodes in loop.streams.values():
        flows.setdefault(nodes.tobytes(), nodes)
    known = sorted(flows.items(), key=lambda each: int(order[each[1][0]]))
    fixed = sorted({
        source
        for kinds, sources in zip(loop.kinds, loop.sources, strict=True)
        for kind, source in zip(kinds, sources, strict=True)
        if kind == FIXED
    })  # fmt: skip
    leaves = [node for node in fixed if graph.code[node] in (PARAMETER, LITERAL)]
    given = [node for node in fixed if graph.code[node] not in (PARAMETER, LITERAL)]
    signals: list[Signal] = []
    local: dict[tuple[str, object], int] = {("leaf", node): i for i, node in enumerate(leaves)}
    carried = sorted(loop.initial, key=lambda j: tuple(groups[j].tolist()))
    entering: list[tuple[object, Signal]] = []
    for j in carried:
        before = np.append(loop.initial[j], loop.nodes[:-1, j])[:, np.newaxis]
        last = int(loop.nodes[-1, j])
        entering.append((
            (CARRIED, int(groups[j, 0]), bool(batched[last])),
            Signal(CARRIED, before, np.array([j]), bool(batched[last]), bool(graph.active[last])),
        ))  # fmt: skip
        local["carried", j] = len(leaves) + len(entering) - 1
    given_nodes: list[tuple[object, np.ndarray]] = [(node, np.array([node])) for node in given]
    for kind, found in ((STREAM, [*known]), (FIXED, given_nodes)):
        for key, nodes in found:
            own, reached = bool(batched[nodes].any()), bool(graph.active[nodes].any())
            code, name = int(graph.code[nodes[-1]]), graph.labels[nodes[-1]].split("[")[0]
            entering.append((
                (kind, min(code, 0), name, own, reached),
                Signal(kind, nodes[:, np.newaxis], np.zeros(0, dtype=np.int64), own, reached),
            ))  # fmt: skip
            local[kind, key] = len(leaves) + len(entering) - 1
    # Signals of a kind go together, so the inputs are numbered anew.
    by_key: dict[object, list[int]] = {}
    for i, (key, _) in enumerate(entering):
        by_key.setdefault(key, []).append(i)
    moved = np.empty(len(entering), dtype=np.int64)
    moved[[i for members in by_key.values() for i in members]] = np.arange(len(entering))
    for members in by_key.values():
        parts = [entering[i][1] for i in members]
        signals.append(
            Signal(
                parts[0].kind, np.concatenate([each.nodes for each in parts], axis=1),
                np.concatenate([each.ops for each in parts]), parts[0].batched,
                any(each.active for each in parts),
            )
        )  # fmt: skip
    first = len(leaves)
    at = {
        key: where if key[0] == "leaf" else first + int(moved[where - first])
        for key, where in local.items()
    }
    n_inputs = len(entering)
    body = loop.nodes[-1]
    op_at = first + n_inputs + np.arange(len(body))
    args: list[int] = []
    sizes = [0] * op_at[0]
    for j, (kinds, sources) in enumerate(zip(loop.kinds, loop.sources, strict=True)):
        for k, (kind, source) in enumerate(zip(kinds, sources, strict=True)):
            if kind == LOCAL:
                args.append(int(op_at[source]))
            elif kind == CARRIED:
                args.append(at["carried", source])
            elif kind == STREAM:
                args.append(at[STREAM, loop.streams[j, k].tobytes()])
            else:
                args.append(at.get(("leaf", source), -1))
                if args[-1] < 0:
                    args[-1] = at[FIXED, source]
        sizes.append(len(kinds))
    entered = np.empty(n_inputs, dtype=np.int64)
    entered[moved] = [int(signal.nodes[-1, 0]) for _, signal in entering]
    active = np.zeros(n_inputs, dtype=bool)
    sizes_of = [each.nodes.shape[1] for each in signals]
    active[:] = np.repeat([each.active for each in signals], sizes_of)
    there = np.concatenate([np.array(leaves, dtype=np.int64), entered, body])
    own_code = graph.code[there].copy()
    own_code[first : first + n_inputs] = INPUT
    place = graph.place[there].copy()
    place[first : first + n_inputs] = np.arange(n_inputs)
    flowing = graph.active[there].copy()
    flowing[first : first + n_inputs] = active
    found_graph = Graph(
        rows=graph.rows, code=own_code, starts=np.concatenate([[0], np.cumsum(sizes)]),
        args=np.array(args, dtype=np.int64), active=flowing, number=graph.number[there],
        place=place, outputs=np.zeros(0, dtype=np.int64), n_inputs=n_inputs,
        n_parameters=graph.n_parameters, labels=tuple(graph.labels[i] for i in there.tolist()),
        scopes=tuple(graph.scopes[i] for i in there.tolist()),
    )  # fmt: skip
    return Step(loop, found_graph, op_at, signals)
