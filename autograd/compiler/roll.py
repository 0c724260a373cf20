"""Rolling: nodes that do the same become blocks, and sums of products become matrix products.

Level by level, nodes with the same op and arguments from the same blocks are put into one
block. Sums are told apart by the multiset of the block pairs of their terms. A sum whose
terms pair every row of one table of factors with every row of another is a matrix product:
rows · columns nodes, each the sum over K terms. Its nodes are then laid out as that matrix,
with parameters on the left, and what follows keeps the order where it can, so that most
arguments are whole blocks and need no index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from autograd.compiler.graph import INPUT, LITERAL, PARAMETER, distinct, integers, runs
from autograd.compiler.normal import Normal
from autograd.op import Op, SequenceOp

_LEAF_RANK = {"parameter": 0, "constant": 1, "literal": 2}
_SPLITS = 64  # at most so many matrix products out of one block


@dataclass(eq=False)
class Segment:
    """Terms of one kind in a block of sums: ``matrix`` (rows, K) times (K, columns), or one by one.

    Attributes:
        left: nodes, (rows, K) of a matrix product, else (K, nodes).
        right: nodes, (K, columns), else (K, nodes); None for terms of one factor.
        coefficient: of all terms, or (K, nodes).
    """

    matrix: bool
    left: np.ndarray
    right: np.ndarray | None
    coefficient: float | np.ndarray


@dataclass(eq=False)
class Block:
    """Nodes that are computed together, in the order of their places in the block's array."""

    kind: str  # parameter, constant, literal, input, map, along, sum
    nodes: np.ndarray
    shape: tuple[int, ...]
    batched: bool
    active: bool
    op: Op | None = None
    args: tuple[np.ndarray, ...] = ()  # of a map (nodes,) each, of an op of sequences (K, nodes)
    segments: list[Segment] = field(default_factory=list)
    level: int = 0


@dataclass(eq=False)
class Rolled:
    """A normal form in blocks, and where each node is."""

    normal: Normal
    blocks: list[Block]
    block_of: np.ndarray
    position: np.ndarray
    order: np.ndarray  # parameters, in the order in which the program keeps them

    def __str__(self) -> str:
        """One line per block."""
        lines = []
        for number, block in enumerate(self.blocks):
            what = block.op.name if block.op else block.kind
            if block.kind == "sum":
                parts = []
                for segment in block.segments:
                    sources = [segment.left.flat[0]]
                    sources += [segment.right.flat[0]] if segment.right is not None else []
                    names = [f"v{self.block_of[node]}" for node in sources]
                    parts.append((" @ " if segment.matrix else " * ").join(names))
                what = " + ".join(parts)
            elif block.args:
                what += " " + " ".join(f"v{self.block_of[arg.flat[0]]}" for arg in block.args)
            shape = "×".join(map(str, block.shape)) or "1"
            lines.append(f"v{number}: {shape}{' × batch' if block.batched else ''} = {what}")
        return "\n".join(lines)


def roll(normal: Normal, batched: np.ndarray, columns: np.ndarray, limit: int) -> Rolled | None:
    """The blocks of a normal form, or None if there would be more than ``limit``.

    Args:
        normal: the normal form.
        batched: per node whether it has a batch axis.
        columns: per input the number of the argument that it belongs to.
    """
    roller = _Roller(normal, batched, columns, limit)
    try:
        roller.leaves()
        roller.levels()
    except _TooManyError:
        return None
    return Rolled(normal, roller.blocks, roller.block_of, roller.position, _parameter_order(roller))


class _TooManyError(Exception):
    pass


_MIX = np.random.default_rng(20240229).integers(1, 2**63, 64, dtype=np.uint64) | np.uint64(1)


def _mix(a: np.ndarray, salt: int = 0) -> np.ndarray:
    """Numbers scattered over 64 bits (Steele, Lea & Flood 2014, SplitMix64)."""
    x = a.astype(np.uint64) + np.uint64(int(_MIX[salt % 64]) * (salt + 1) % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class _Roller:
    def __init__(self, normal: Normal, batched: np.ndarray, columns: np.ndarray, limit: int):
        self.normal, self.graph = normal, normal.graph
        self.batched, self.columns, self.limit = batched, columns, limit
        self.blocks: list[Block] = []
        self.block_of = np.full(len(self.graph), -1, dtype=np.int64)
        self.position = np.full(len(self.graph), -1, dtype=np.int64)

    def add(self, block: Block) -> None:
        if len(self.blocks) >= self.limit:
            raise _TooManyError
        self.block_of[block.nodes] = len(self.blocks)
        self.position[block.nodes] = np.arange(len(block.nodes))
        self.blocks.append(block)

    def leaves(self) -> None:
        graph = self.graph
        parameter = graph.code == PARAMETER
        for kind, which in (
            ("parameter", parameter & graph.active),
            ("constant", parameter & ~graph.active),
            ("literal", graph.code == LITERAL),
        ):
            nodes = np.flatnonzero(which)
            if kind != "literal":
                nodes = nodes[np.argsort(graph.place[nodes], kind="stable")]
            self.add(Block(kind, nodes, (len(nodes),), False, kind == "parameter"))
        inputs = np.flatnonzero(graph.code == INPUT)
        for column in np.flatnonzero(np.bincount(self.columns[graph.place[inputs]])).tolist():
            nodes = inputs[self.columns[graph.place[inputs]] == column]
            nodes = nodes[np.argsort(graph.place[nodes], kind="stable")]
            own, active = bool(self.batched[nodes[0]]), bool(graph.active[nodes].any())
            self.add(Block("input", nodes, (len(nodes),), own, active))

    # -- level by level ----------------------------------------------------------------------

    def _levels(self) -> np.ndarray:
        """Of each node that has not dissolved the length of the longest way to it."""
        normal, graph = self.normal, self.graph
        level = [0] * len(graph)
        is_sum, gone = normal.is_sum.tolist(), normal.dissolved.tolist()
        starts, args = graph.starts.tolist(), graph.args.tolist()
        first = normal.starts.tolist()
        left, right = normal.left.tolist(), normal.right.tolist()
        code = graph.code.tolist()
        at = level.__getitem__
        for i in range(len(graph)):
            if gone[i] or code[i] < 0:
                continue
            if is_sum[i]:
                a, b = first[i], first[i + 1]
                top = max(map(at, left[a:b]), default=0)
                others = [r for r in right[a:b] if r >= 0]
                level[i] = 1 + max(top, max(map(at, others), default=0))
            else:
                level[i] = 1 + max(map(at, args[starts[i] : starts[i + 1]]))
        return integers(level)

    def levels(self) -> None:
        normal, graph = self.normal, self.graph
        level = self._levels()
        alive = np.flatnonzero((graph.code >= 0) & ~normal.dissolved)
        alive = alive[np.argsort(level[alive], kind="stable")]
        for start, stop in runs(level[alive][:, np.newaxis]):
            nodes = alive[start:stop]
            here = int(level[nodes[0]])
            sums = normal.is_sum[nodes]
            for group in self._grouped(nodes[~sums], self._map_keys):
                self._map(group, here)
            for group in self._grouped(nodes[sums], self._sum_keys):
                for part in self._sum(group, here):
                    self.add(part)

    def _grouped(
        self, nodes: np.ndarray, keys_of: Callable[[np.ndarray], np.ndarray]
    ) -> Iterator[np.ndarray]:
        """The nodes by equal keys, groups in the order of their first nodes."""
        if not len(nodes):
            return
        keys = keys_of(nodes)
        keys = keys + _mix(self.graph.active[nodes], 7)
        if len(nodes) == 1:
            yield nodes
            return
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        ends = np.cumsum(np.bincount(inverse)).tolist()
        parts = [nodes[order[a:b]] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        for index in np.argsort(first).tolist():
            yield parts[index]

    def _map_keys(self, nodes: np.ndarray) -> np.ndarray:
        graph = self.graph
        sizes = graph.starts[nodes + 1] - graph.starts[nodes]
        flat, heads = _flat_ranges(graph.starts[nodes], sizes)
        place = np.arange(len(flat)) - np.repeat(heads, sizes)
        sequence = np.array([isinstance(op, SequenceOp) for op in graph.rows] or [False])
        place = np.where(np.repeat(sequence[graph.code[nodes]], sizes), 0, place)
        each = _mix(self.block_of[graph.args[flat]] * 8 + place, 1)
        keys: np.ndarray = np.add.reduceat(each, heads)
        keys += _mix(graph.code[nodes] * 2**20 + sizes, 2)
        return keys

    def _sum_keys(self, nodes: np.ndarray) -> np.ndarray:
        normal = self.normal
        sizes = normal.starts[nodes + 1] - normal.starts[nodes]
        keys = _mix(sizes, 3)
        filled = sizes > 0
        flat, heads = _flat_ranges(normal.starts[nodes[filled]], sizes[filled])
        a = self.block_of[normal.left[flat]]
        b = np.where(normal.right[flat] >= 0, self.block_of[normal.right[flat]], -1)
        low, high = np.minimum(a, b), np.maximum(a, b)
        if len(heads):
            keys[filled] += np.add.reduceat(_mix((low + 1) * 2**31 + high, 4), heads)
        return keys

    # -- maps --------------------------------------------------------------------------------

    def _map(self, nodes: np.ndarray, level: int) -> None:
        graph = self.graph
        op = graph.rows[graph.code[nodes[0]]]
        size = int(graph.starts[nodes[0] + 1] - graph.starts[nodes[0]])
        args = graph.args[graph.starts[nodes] + np.arange(size)[:, np.newaxis]]  # (size, nodes)
        batched, active = bool(self.batched[nodes[0]]), bool(graph.active[nodes[0]])
        if isinstance(op, SequenceOp):
            if (self.block_of[args] != self.block_of[args[:, :1]]).any():  # by block, in each node
                rank = np.argsort(self.block_of[args], axis=0, kind="stable")
                args = np.take_along_axis(args, rank, axis=0)
            order = np.argsort(self.position[args[0]], kind="stable")
            self.add(
                Block(
                    "along", nodes[order], (len(nodes),), batched, active, op,
                    (args[:, order],), level=level,
                )
            )  # fmt: skip
            return
        order, shape = self._order(nodes, list(args))
        self.add(
            Block(
                "map", nodes[order], shape, batched, active, op,
                tuple(arg[order] for arg in args), level=level,
            )
        )  # fmt: skip

    def _order(
        self, nodes: np.ndarray, args: list[np.ndarray]
    ) -> tuple[np.ndarray, tuple[int, ...]]:
        """An order of the nodes in which some argument is a whole block, if there is one."""
        best: tuple[int, np.ndarray, tuple[int, ...]] | None = None
        for arg in args:
            block = self.blocks[self.block_of[arg[0]]]
            if (
                len(block.nodes) != len(nodes)
                or (self.block_of[arg] != self.block_of[arg[0]]).any()
            ):
                continue
            order = np.argsort(self.position[arg], kind="stable")
            if not distinct(self.position[arg]):
                continue
            rank = (block.kind not in _LEAF_RANK) + (block.kind in ("map", "sum", "along"))
            if best is None or rank > best[0]:
                best = rank, order, block.shape
        if best is not None:
            return best[1], best[2]
        for arg in args:
            if self.blocks[self.block_of[arg[0]]].kind not in _LEAF_RANK:
                return np.argsort(self.position[arg], kind="stable"), (len(nodes),)
        return np.arange(len(nodes)), (len(nodes),)

    # -- sums --------------------------------------------------------------------------------

    def _sum(self, nodes: np.ndarray, level: int) -> Iterator[Block]:
        normal = self.normal
        n = len(nodes)
        size = int(normal.starts[nodes[0] + 1] - normal.starts[nodes[0]])
        where = normal.starts[nodes][:, np.newaxis] + np.arange(size)  # (nodes, size)
        left, right = normal.left[where], normal.right[where]
        coefficient = normal.coefficient[where]
        left, right = self._matrix_side_left(left, right)
        pair = self.block_of[left] * 2**31 + np.where(right >= 0, self.block_of[right] + 1, 0)
        if size > 1 and (pair != pair[0, 0]).any():
            order = np.argsort(pair, axis=1, kind="stable")
            pair, left, right, coefficient = (
                np.take_along_axis(each, order, axis=1) for each in (pair, left, right, coefficient)
            )
        if (pair != pair[0]).any():
            raise AssertionError("two kinds of sums have the same key")
        parts = [
            (left[:, a:b], right[:, a:b], coefficient[:, a:b])
            for a, b in runs(pair[0][:, np.newaxis])
        ]
        found: list[tuple[int, int, _Match]] = []
        for index, (a, b, c) in enumerate(parts):
            match = self._match(a, b, c) if b[0, 0] >= 0 else None
            if match is not None:
                found.append((a.shape[1], index, match))
        batched, active = bool(self.batched[nodes[0]]), bool(self.graph.active[nodes[0]])
        if not found:
            single = [a[:, 0] for a, _, _ in parts if a.shape[1] == 1]
            single += [b[:, 0] for _, b, _ in parts if b.shape[1] == 1 and b[0, 0] >= 0]
            order, shape = self._order(nodes, single)
            segments = [_plain(a[order], b[order], c[order]) for a, b, c in parts]
            yield Block("sum", nodes[order], shape, batched, active, None, (), segments, level)
            return
        _, main, match = max(found, key=lambda each: (each[0], -each[1]))
        if match.components is not None:
            for label in np.flatnonzero(np.bincount(match.components)).tolist():
                yield from self._sum(nodes[match.components == label], level)
            return
        order = np.argsort(match.row * match.columns + match.column, kind="stable")
        rows, columns = match.rows, match.columns
        segments = []
        for index, (a, b, c) in enumerate(parts):
            if index == main:
                a, b = match.left, match.right
            segments.append(_in_order(a[order], b[order], c[order], rows, columns, self))
        shape = (rows,) if columns == 1 else (rows, columns)
        assert len(order) == n
        yield Block("sum", nodes[order], shape, batched, active, None, (), segments, level)

    def _matrix_side_left(
        self, left: np.ndarray, right: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The factors with parameters, then constants, then what has no batch axis, on the left."""
        kinds = np.array(
            [_LEAF_RANK.get(block.kind, 4 if block.batched else 3) for block in self.blocks]
        )
        a, b = self.block_of[left], np.where(right >= 0, self.block_of[right], 0)
        swap = (right >= 0) & ((kinds[b] < kinds[a]) | ((kinds[b] == kinds[a]) & (b < a)))
        return np.where(swap, right, left), np.where(swap, left, right)

    def per_sample(self, left: np.ndarray, right: np.ndarray) -> bool:
        """Whether the factors of terms both have samples."""
        return all(self.blocks[self.block_of[each[0, 0]]].batched for each in (left, right))

    def _match(self, left: np.ndarray, right: np.ndarray, coefficient: np.ndarray) -> _Match | None:
        """The rows and columns of a matrix product, if these terms are one."""
        n, k = left.shape
        if (coefficient != coefficient[0, 0]).any():
            return None
        per_sample = self.per_sample(left, right)
        if n == 1 and (k == 1 or (np.sort(left) == np.sort(right)).all()):
            return None
        split: _Match | None = None
        for attempt in range(3):
            if attempt:
                order = np.argsort(left if attempt == 1 else right, axis=1, kind="stable")
                left, right = (np.take_along_axis(each, order, axis=1) for each in (left, right))
                if k == 1:
                    break
            row, rows = _classes(left)
            column, columns = _classes(right)
            if rows * columns == n:
                if not _worthwhile(k, rows, columns, per_sample):
                    return None
                if distinct(row * columns + column):
                    return _Match(row, rows, column, columns, left, right)
            if split is None and (k > 1 or n > rows):
                parts = _components(row, rows, column, columns, least=1 + per_sample)
                if parts is not None:
                    split = _Match(row, rows, column, columns, left, right, parts)
        return split


@dataclass(eq=False)
class _Match:
    row: np.ndarray
    rows: int
    column: np.ndarray
    columns: int
    left: np.ndarray
    right: np.ndarray
    components: np.ndarray | None = None


def _flat_ranges(starts: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The indices of all ranges one after the other, and where each begins among them."""
    heads = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    if not len(sizes):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    return np.repeat(starts - heads, sizes) + np.arange(int(sizes.sum())), heads


def _classes(table: np.ndarray) -> tuple[np.ndarray, int]:
    """For each row of a table the number of the first row equal to it, counted anew."""
    if table.shape[1] == 1:
        keys = table[:, 0].astype(np.uint64)
    else:
        keys = np.zeros(len(table), dtype=np.uint64)
        for column in range(table.shape[1]):
            keys += _mix(table[:, column], column + 8) * _MIX[column % 64]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    if (table != table[first[inverse]]).any():
        raise AssertionError("two rows have the same key")
    return rank[inverse], len(first)


def _worthwhile(k: int, rows: int, columns: int, per_sample: bool) -> bool:
    """Whether a product of matrices of these sizes is better than its terms one by one."""
    return min(k, rows, columns) > 1 if per_sample else k > 1 or min(rows, columns) > 1


def _components(
    row: np.ndarray, rows: int, column: np.ndarray, columns: int, least: int
) -> np.ndarray | None:
    """Labels of the nodes, if rows and columns fall apart into a few complete products.

    Each has at least so many rows and columns.
    """
    of_row, of_column = np.arange(rows), np.full(columns, rows)
    for _ in range(16):
        before = of_row
        np.minimum.at(of_column, column, of_row[row])
        of_row = of_row.copy()
        np.minimum.at(of_row, row, of_column[column])
        if (before == of_row).all():
            break
    else:
        return None
    labels: np.ndarray = of_row[row]
    parts, counts = np.unique(labels, return_counts=True)
    if not 1 < len(parts) <= _SPLITS or len(parts) * 2 > len(row):
        return None
    row_count = np.bincount(np.searchsorted(parts, of_row), minlength=len(parts))
    column_count = np.bincount(np.searchsorted(parts, of_column), minlength=len(parts))
    if (row_count * column_count != counts).any():
        return None
    if min(row_count.min(), column_count.min()) < least:
        return None
    return labels


def _uniform(coefficient: np.ndarray) -> float | np.ndarray:
    first = float(coefficient.flat[0])
    return first if (coefficient == first).all() else coefficient.T


def _plain(left: np.ndarray, right: np.ndarray, coefficient: np.ndarray) -> Segment:
    """Terms that are no matrix product: their factors as (K, nodes)."""
    factor = right.T if right[0, 0] >= 0 else None
    return Segment(False, left.T, factor, _uniform(coefficient))


def _in_order(
    left: np.ndarray, right: np.ndarray, coefficient: np.ndarray, rows: int, columns: int,
    roller: _Roller,
) -> Segment:  # fmt: skip
    """Terms of nodes laid out as (rows, columns): a matrix product, if they are one so."""
    k = left.shape[1]
    scale = _uniform(coefficient)
    if (
        right[0, 0] >= 0
        and isinstance(scale, float)
        and _worthwhile(k, rows, columns, roller.per_sample(left, right))
    ):
        orders = [(left, right)]
        if k > 1:
            for by in (left, right):
                order = np.argsort(by, axis=1, kind="stable")
                orders.append(
                    (np.take_along_axis(left, order, 1), np.take_along_axis(right, order, 1))
                )
        for a, b in orders:
            a, b = a.reshape(rows, columns, k), b.reshape(rows, columns, k)
            if (a == a[:, :1]).all() and (b == b[:1]).all():
                return Segment(True, a[:, 0], b[0].T, scale)
    return _plain(left, right, coefficient)


def _parameter_order(roller: _Roller) -> np.ndarray:
    """The nodes of all parameters, each matrix row by row with its bias behind the row."""
    taken = np.zeros(len(roller.graph), dtype=bool)
    found: list[np.ndarray] = []

    def take(nodes: np.ndarray) -> None:
        if not taken[nodes].any() and distinct(nodes):
            taken[nodes] = True
            found.append(nodes.ravel())

    for block in roller.blocks:
        for segment in block.segments:
            if not segment.matrix or roller.block_of[segment.left[0, 0]] != 0:
                continue
            rows = segment.left
            bias = _bias(block, roller.block_of, len(rows))
            if bias is not None and not np.isin(bias, rows).any() and not taken[bias].any():
                take(np.concatenate([rows, bias[:, np.newaxis]], axis=1))
            take(rows)
    for block in roller.blocks[:2]:
        rest = block.nodes[~taken[block.nodes]]
        found.append(rest)
    return np.concatenate(found)


def _bias(block: Block, block_of: np.ndarray, rows: int) -> np.ndarray | None:
    """The parameters that are added to the rows of a block, if there are such."""
    for segment in block.segments:
        if segment.right is None and len(segment.left) == 1 and segment.coefficient == 1.0:
            nodes = segment.left[0].reshape(rows, -1)
            same = block_of[nodes[0, 0]] == 0 and bool((nodes == nodes[:, :1]).all())
            if same and distinct(nodes[:, 0]):
                return np.asarray(nodes[:, 0])
    return None
