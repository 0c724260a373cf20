"""A graph laid out for many backward passes at once, each with other partials somewhere.

What a person would get who slips in a derivation is what the chain rule gives when some local
partials are replaced; and after a slip in the forward pass, when all are taken at other numbers.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from autograd.explain.ledger import Ledger
from autograd.op import Op
from autograd.value import Value

Array: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
Edit: TypeAlias = dict[int, Array]  # the number of a node -> its partials, all of them, in place
Edge: TypeAlias = tuple[int, int]  # the number of a node, and the place among its arguments
# (number of a node, its arguments, the arguments of all nodes before) -> other arguments
Change: TypeAlias = Callable[[int, list[float], dict[int, list[float]]], list[float]]


@dataclass(slots=True, eq=False)
class Step:
    """One operation: its arguments, and where the adjoint of its result goes.

    Attributes:
        lengths: of the argument sequences; empty for an op of a fixed number of arguments.
        roles: per argument, which of the sequences it is in, or else its position.
        index: per argument, its number; -1 for one that requires no gradient.
        partner: per argument, the position of the factor that it is multiplied by, or -1.
    """

    op: Op
    args: tuple[float, ...]
    parents: tuple[Value, ...]
    lengths: tuple[int, ...]
    roles: tuple[int, ...]
    index: Array
    partials: Array
    partner: tuple[int, ...]
    inner: list[tuple[int, int]]  # (position, number) of arguments that were computed
    active: Any = field(init=False)
    distinct: bool = field(init=False)
    slices: list[slice] = field(init=False)

    def __post_init__(self) -> None:
        self.active = np.flatnonzero(self.index >= 0)
        ends = list(itertools.accumulate(self.lengths))
        self.slices = [slice(end - n, end) for n, end in zip(self.lengths, ends, strict=True)]
        self.distinct = len(set(self.index[self.active].tolist())) == len(self.active)

    def run(self, args: list[float]) -> tuple[float, Array]:
        """The value and the partials for other arguments."""
        groups: list[Any] = [args[part] for part in self.slices] if self.slices else args
        try:
            y = self.op.on_floats(*groups)
            return y, np.array(self.op.slopes(y, groups))
        except (ArithmeticError, ValueError):  # an op of one's own, outside its domain
            return math.nan, np.full(len(args), math.nan)


class Tape:
    """The nodes of a ledger by number, parents before children, and the steps that made them.

    Attributes:
        nodes: those that require a gradient; the last is the root.
        step: how a node was made, None for a leaf.
        height: the length of the longest way from a leaf.
        kind: equal for nodes computed in the same way from the same leaves, whatever the
            constants: such as one neuron's z for all samples of a batch.
        out: per node, the edges to its uses.
        scopes: per node, the path of its scope.
    """

    def __init__(self, ledger: Ledger):
        self.ledger = ledger
        self.nodes = list(ledger)
        self.index = {node: i for i, node in enumerate(self.nodes)}
        self.step: list[Step | None] = []
        self.height: list[int] = []
        self.kind: list[int] = []
        self.out: list[list[Edge]] = [[] for _ in self.nodes]
        kinds: dict[Any, int] = {}
        for i, node in enumerate(self.nodes):
            step = None if node.is_leaf else self._step(node)
            self.step.append(step)
            if step is None:
                self.height.append(0)
                self.kind.append(kinds.setdefault(("leaf", i), len(kinds)))
                continue
            numbers = step.index.astype(int).tolist()
            self.height.append(1 + max(self.height[j] for j in numbers if j >= 0))
            made = (step.op, tuple(-1 if j < 0 else self.kind[j] for j in numbers))
            self.kind.append(kinds.setdefault(made, len(kinds)))
            for position, j in enumerate(numbers):
                if j >= 0:
                    self.out[j].append((i, position))
        self.root = self.index[ledger.root]
        self.steps = [(i, step) for i, step in enumerate(self.step) if step is not None]
        self.n_edges = sum(map(len, self.out))
        known = scopes(ledger)
        self.scopes = [known[node] for node in self.nodes]
        self.adjoint = np.array([ledger.adjoint[node] for node in self.nodes])

    def _step(self, node: Value) -> Step:
        op, parents = node.op, node.parents
        assert op is not None
        lengths: tuple[int, ...] = ()
        roles: Sequence[int] = range(len(parents))
        if op.arity is None:
            lengths = tuple(map(len, node.sequences()))
            roles = [role for role, n in enumerate(lengths) for _ in range(n)]
        partner = [-1] * len(parents)
        if op.name == "multiply":
            partner = [1, 0]
        elif op.name in ("dot", "affine"):
            n = lengths[0]
            partner[: 2 * n] = [*range(n, 2 * n), *range(n)]
        numbers = [self.index.get(parent, -1) for parent in parents]
        inner = [
            (position, j)
            for position, j in enumerate(numbers)
            if j >= 0 and not parents[position].is_leaf
        ]
        index, partials = np.array(numbers, dtype=int), np.array(node.partials)
        return Step(
            op, node.args, parents, lengths, tuple(roles), index, partials, tuple(partner), inner
        )

    # -- backward passes ---------------------------------------------------------------------

    def sweep(self, edits: Sequence[Edit]) -> Array:
        """The adjoints (nodes, edits): of every node, with each of the edits by itself."""
        adjoint = np.zeros((len(self.nodes), len(edits)))
        adjoint[self.root] = 1.0
        changes: dict[int, list[tuple[int, Array]]] = defaultdict(list)
        for column, edit in enumerate(edits):
            for i, partials in edit.items():
                changes[i].append((column, partials))
        with np.errstate(all="ignore"):
            for i, step in reversed(self.steps):
                partials = step.partials[:, None]
                if i in changes:
                    partials = np.repeat(partials, len(edits), axis=1)
                    for column, changed in changes[i]:
                        partials[:, column] = changed
                self._pass_on(adjoint, i, step, step.active, partials[step.active])
        return adjoint

    def early(self, rates: Array, heights: Iterable[int] | None = None) -> Array:
        """The adjoints (nodes, rates) if every weight takes its step before it is used.

        Of the product w·x with a weight w, a leaf, x then receives w - η ∂root/∂w times the
        adjoint, for the η given; only in steps of these heights, or in all.
        """
        adjoint = np.zeros((len(self.nodes), len(rates)))
        adjoint[self.root] = 1.0
        wanted = None if heights is None else set(heights)
        levels: dict[int, list[tuple[int, Step]]] = defaultdict(list)
        for i, step in self.steps:
            levels[self.height[i]].append((i, step))
        with np.errstate(all="ignore"):
            for height in sorted(levels, reverse=True):
                later = []
                for i, step in levels[height]:
                    partials = np.repeat(step.partials[:, None], len(rates), axis=1)
                    chosen = [p for p, _ in step.inner if self.weight_of(step, p) >= 0]
                    if wanted is not None and height not in wanted:
                        chosen = []
                    rest = np.setdiff1d(step.active, chosen)
                    self._pass_on(adjoint, i, step, rest, partials[rest])
                    if chosen:
                        later.append((i, step, chosen, partials))
                for i, step, chosen, partials in later:
                    weights = [self.weight_of(step, p) for p in chosen]
                    moved = partials[chosen] - rates * adjoint[weights]
                    self._pass_on(adjoint, i, step, np.array(chosen), moved)
        return adjoint

    def weight_of(self, step: Step, position: int) -> int:
        """The number of the leaf that an argument is multiplied by, or -1."""
        other = step.partner[position]
        if other < 0 or not step.parents[other].is_leaf:
            return -1
        return int(step.index[other])

    def _pass_on(self, adjoint: Array, i: int, step: Step, at: Array, partials: Array) -> None:
        """Add the adjoint of a node times its partials to those of its arguments."""
        flow = adjoint[i]
        if not flow.any() or not len(at):
            return
        shares = partials * flow
        if not np.isfinite(shares).all():
            shares[(partials == 0.0) | (flow == 0.0)] = 0.0
        if step.distinct:
            adjoint[step.index[at]] += shares
        else:
            np.add.at(adjoint, step.index[at], shares)

    def tangents(self, i: int) -> Array:
        """∂node/∂node i of every node."""
        tangent = np.zeros(len(self.nodes))
        tangent[i] = 1.0
        with np.errstate(all="ignore"):
            for j, step in self.steps:
                if j > i:
                    along = tangent[step.index[step.active]]
                    if along.any():
                        tangent[j] += float(
                            np.where(along == 0.0, 0.0, along * step.partials[step.active]).sum()
                        )
        return tangent

    # -- forward passes ----------------------------------------------------------------------

    def replay(self, change: Change) -> Edit:
        """The partials of all steps in a forward pass with changed arguments.

        Leaves and constants have the numbers recorded.
        """
        data: dict[int, float] = {}
        seen: dict[int, list[float]] = {}
        edit: Edit = {}
        for i, step in self.steps:
            args = list(step.args)
            for position, j in step.inner:
                args[position] = data[j]
            seen[i] = args = change(i, args, seen)
            data[i], edit[i] = step.run(args)
        return edit

    # -- edits -------------------------------------------------------------------------------

    def edit(self, edges: Iterable[Edge], partial: Callable[[Step, int], float]) -> Edit:
        """The edit that gives these edges other partials."""
        edit: Edit = {}
        for i, position in edges:
            step = self.step[i]
            assert step is not None
            if i not in edit:
                edit[i] = step.partials.copy()
            edit[i][position] = partial(step, position)
        return edit

    # -- places ------------------------------------------------------------------------------

    def name(self, i: int) -> str:
        """A node in words: its label, or its op, and where it is."""
        node = self.nodes[i]
        return describe(node, self.scopes[i])

    def places(
        self, numbers: Iterable[int], single: bool = True, neurons: bool = True
    ) -> list[tuple[int, ...]]:
        """The sets among these nodes where one would slip alike, each once, largest first.

        All; all but the first or the last in the graph; those of a scope; those at a height;
        with ``neurons`` those of a kind or label; and with ``single`` every node by itself. Of a
        large graph not all, but so many that it takes seconds.
        """
        numbers = list(numbers)
        if not numbers:
            return []
        top = max(self.height[i] for i in numbers)
        bottom = min(self.height[i] for i in numbers)
        groups: list[dict[Any, list[int]]] = [defaultdict(list) for _ in range(8)]
        for i in numbers:
            groups[0][0].append(i)
            if self.height[i] < top:
                groups[1][0].append(i)
            if self.height[i] > bottom:
                groups[2][0].append(i)
            scope, height = self.scopes[i], self.height[i]
            groups[3][scope, self.op_name(i)].append(i)
            groups[4][height].append(i)
            groups[5][height, self.op_name(i)].append(i)
            if not neurons:
                continue
            groups[6][self.kind[i]].append(i)
            if self.nodes[i].label:
                groups[7][scope, height, self.nodes[i].label].append(i)
        found = {tuple(group) for each in groups for group in each.values()}
        if single:
            found |= {(i,) for i in numbers}
        most = int(min(1000, max(30, 1e7 // max(self.n_edges, 1)) if neurons else 30))
        return sorted(found, key=lambda group: (-len(group), group))[:most]

    def op_name(self, i: int) -> str:
        """The name of the op that made a node, "" for a leaf."""
        step = self.step[i]
        return "" if step is None else step.op.name

    def words(self, numbers: Sequence[int]) -> str:
        """A set of nodes in words: its scope where it fills it, else its nodes."""
        names = list(dict.fromkeys(self.name(i) for i in numbers))
        scopes = list(dict.fromkeys(self.scopes[i] for i in numbers))
        if len(names) <= 2:
            return " and ".join(names)
        if all(scopes):
            return " and ".join(f"all of {scope}" for scope in scopes)
        return f"{', '.join(names[:2])} and {len(names) - 2} more"


def scopes(ledger: Ledger) -> dict[Value, str]:
    """The path of each node's scope; a leaf outside any has that of its uses, if it is one."""
    found: dict[Value, str] = {}
    used: dict[Value, set[str]] = defaultdict(set)
    for node in ledger:
        found[node] = node.scope.path if node.scope else ""
        for parent in node.parents:
            if parent.is_leaf:
                used[parent].add(found[node])
    for leaf, paths in used.items():
        if not found.get(leaf) and len(paths) == 1:
            found[leaf] = next(iter(paths))
    return found


def describe(node: Value, scope: str | None = None) -> str:
    """A node in words, such as ``z[2] of MLP.layers.0`` or ``tanh = 0.4621`` without a label."""
    if scope is None:
        scope = node.scope.path if node.scope else ""
    name = node.label
    if not name:
        name = f"{node.op.name if node.op else 'leaf'} = {node.data:.4g}"
    return f"{name} of {scope}" if scope else name
