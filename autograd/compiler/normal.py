"""The sum-of-products normal form: which nodes are sums, and of which terms.

A sum, a product, a dot or an affine node that only one other sum uses is no result of its
own: it dissolves into its user, as far as its terms are of one or two factors. So every way
to write w·x + b - any order, any nesting, any signs - becomes the same list of terms.

What is distributed, and what is not: a constant over a sum of single factors is, over a sum
that holds products it is not, for that would tear a matrix product apart. Constants that
multiply a number stay factors, as data, for the labels of samples differ where nothing else
does. Not exact in floating point: the order of additions, and x / c as x · (1/c).
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, replace

import numpy as np

from autograd import ops
from autograd.compiler import kernels
from autograd.compiler.graph import LITERAL, Graph, integers, takes, without_dead_code
from autograd.op import Op

_ADD, _SUBTRACT, _NEGATIVE, _POSITIVE, _MULTIPLY, _DIVIDE, _SUM, _DOT, _AFFINE, _MEAN = range(10)
_KINDS: dict[Op, int] = {
    ops.add: _ADD, ops.subtract: _SUBTRACT, ops.negative: _NEGATIVE, ops.positive: _POSITIVE,
    ops.multiply: _MULTIPLY, ops.divide: _DIVIDE, ops.total: _SUM, ops.dot: _DOT,
    ops.affine: _AFFINE, ops.mean: _MEAN,
}  # fmt: skip
SUMS = frozenset(_KINDS)  # the ops that may dissolve


@dataclass(frozen=True, eq=False)
class Normal:
    """A graph with its sums taken apart.

    Attributes:
        graph: the graph.
        is_sum: whether a node is a sum of the terms ``starts[i]`` to ``starts[i + 1]``.
        dissolved: whether a node is part of another's terms and nothing else.
        starts: first term of every node.
        coefficient, left, right: of the terms; right is -1 where there is one factor.
    """

    graph: Graph
    is_sum: np.ndarray
    dissolved: np.ndarray
    starts: np.ndarray
    coefficient: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def __str__(self) -> str:
        """One line per node that is a sum: ``7 = 1.0·0·3 + 1.0·1·4 + 1.0·2``."""
        lines = []
        for node in np.flatnonzero(self.is_sum).tolist():
            terms = []
            for t in range(self.starts[node], self.starts[node + 1]):
                factors = [f"{self.coefficient[t]:g}", str(self.left[t])]
                factors += [str(self.right[t])] if self.right[t] >= 0 else []
                terms.append("·".join(factors))
            lines.append(f"{node} = {' + '.join(terms)}")
        return "\n".join(lines)


def simpler_powers(graph: Graph) -> Graph:
    """Powers with the literal exponents 2, 1 and -1 as square, x itself, and reciprocal."""
    if ops.power not in graph.rows:
        return graph
    power = graph.rows.index(ops.power)
    code, starts, args = graph.code.copy(), graph.starts, graph.args
    rows = list(graph.rows)
    drop = np.zeros(len(args), dtype=bool)
    for node in np.flatnonzero(code == power).tolist():
        exponent = args[starts[node] + 1]
        if graph.code[exponent] != LITERAL:
            continue
        op = {2.0: ops.square, 1.0: ops.positive, -1.0: ops.reciprocal}.get(graph.number[exponent])
        if op is not None:
            if op not in rows:
                rows.append(op)
            code[node] = rows.index(op)
            drop[starts[node] + 1] = True
    gone = np.concatenate([[0], np.cumsum(drop)])
    return replace(
        graph, rows=tuple(rows), code=code, starts=starts - gone[starts], args=args[~drop]
    )


def joined_maxima(graph: Graph) -> Graph:
    """Chains of maximum through which no gradient flows, as for the shift of a softmax, as one."""
    if ops.maximum not in graph.rows:
        return graph
    inside = (graph.code == graph.rows.index(ops.maximum)) & ~graph.active
    uses = np.bincount(graph.args, minlength=len(graph))
    uses[graph.outputs] += 1
    parts: dict[int, list[int]] = {}
    for i in np.flatnonzero(inside).tolist():
        parts[i] = []
        for arg in graph.arguments(i):
            parts[i] += parts[arg] if inside[arg] and uses[arg] == 1 else [arg]
    least = ((graph.code == LITERAL) & (graph.number == -math.inf)).tolist()
    long = {
        i: [arg for arg in part if not least[arg]] for i, part in parts.items() if len(part) > 2
    }
    if not long:
        return graph
    code, sizes = graph.code.copy(), np.diff(graph.starts)
    changed = np.zeros(len(graph), dtype=bool)
    for i, part in long.items():
        code[i], sizes[i], changed[i] = len(graph.rows), len(part), True
    starts = np.concatenate([[0], np.cumsum(sizes)])
    args = np.empty(starts[-1], dtype=graph.args.dtype)
    args[~np.repeat(changed, sizes)] = graph.args[~np.repeat(changed, np.diff(graph.starts))]
    for i, part in long.items():
        args[starts[i] : starts[i + 1]] = part
    rows = (*graph.rows, kernels.largest)
    return without_dead_code(replace(graph, rows=rows, code=code, starts=starts, args=args))


def without_repetition(graph: Graph) -> Graph:
    """Each number computed once: nodes of the same op and arguments are one."""
    commutes = [op in (ops.add, ops.multiply) for op in graph.rows]
    code, active = graph.code.tolist(), graph.active.tolist()
    starts, args = graph.starts.tolist(), graph.args.tolist()
    first: dict[tuple[object, ...], int] = {}
    new = list(range(len(graph)))
    for i, row in enumerate(code):
        if row >= 0:
            own = [new[arg] for arg in args[starts[i] : starts[i + 1]]]
            new[i] = first.setdefault((row, active[i], *(sorted(own) if commutes[row] else own)), i)
    at = np.array(new, dtype=np.int64)
    return without_dead_code(replace(graph, args=at[graph.args], outputs=at[graph.outputs]))


def sums_of_products(graph: Graph) -> Normal:
    """The normal form of a graph."""
    n = len(graph)
    starts, args = graph.starts.tolist(), graph.args.tolist()
    number = graph.number.tolist()
    of_leaves = [-1, -1, -1]  # whose codes count from the end
    kinds = np.array([_KINDS.get(op, -1) for op in graph.rows] + of_leaves)[graph.code]
    literals = graph.code == LITERAL
    for i in np.flatnonzero(kinds == _DIVIDE).tolist():
        c = args[starts[i] + 1]
        if not (literals[c] and _divides(number[c])):
            kinds[i] = -1
    frees = _free(graph, kinds)
    kind, literal, free = kinds.tolist(), literals.tolist(), frees.tolist()
    pure = _pure(graph, kinds, frees)

    owner = list(range(n))
    scale = [1.0] * n
    to, left, right, coefficient = array("q"), array("q"), array("q"), array("d")

    def term(o: int, c: float, a: int, b: int) -> None:
        to.append(o)
        coefficient.append(c)
        left.append(a)
        right.append(b)

    def summand(o: int, c: float, i: int) -> None:
        if free[i]:
            owner[i], scale[i] = o, c
        else:
            term(o, c, i, -1)

    def product(o: int, c: float, a: int, b: int) -> None:
        """A term of two factors, without the signs and constants of either."""
        pair = [a, b]
        for side in (0, 1):
            while free[pair[side]]:
                i = pair[side]
                first = args[starts[i]]
                if kind[i] == _NEGATIVE:
                    c, inner = -c, first
                elif kind[i] == _POSITIVE:
                    inner = first
                elif kind[i] == _DIVIDE:
                    c, inner = c / number[args[starts[i] + 1]], first
                elif kind[i] == _MULTIPLY and literal[first]:
                    c, inner = c * number[first], args[starts[i] + 1]
                elif kind[i] == _MULTIPLY and literal[args[starts[i] + 1]]:
                    c, inner = c * number[args[starts[i] + 1]], first
                else:
                    break
                owner[i] = -1
                pair[side] = inner
        term(o, c, *pair)

    for i in np.flatnonzero(kinds >= 0)[::-1].tolist():
        o = owner[i]
        if o < 0:
            continue
        k, c, start, stop = kind[i], scale[i], starts[i], starts[i + 1]
        if k == _ADD:
            for a in (args[start + 1], args[start]):
                if free[a]:
                    owner[a], scale[a] = o, c
                else:
                    term(o, c, a, -1)
        elif k == _MULTIPLY:
            a, b = args[start], args[start + 1]
            if literal[a] and free[b] and pure[b]:
                summand(o, c * number[a], b)
            elif literal[b] and free[a] and pure[a]:
                summand(o, c * number[b], a)
            elif free[a] or free[b]:
                product(o, c, a, b)
            else:
                term(o, c, a, b)
        elif k == _SUBTRACT:
            summand(o, -c, args[start + 1])
            summand(o, c, args[start])
        elif k in (_NEGATIVE, _POSITIVE):
            summand(o, -c if k == _NEGATIVE else c, args[start])
        elif k == _DIVIDE:
            a, c = args[start], c / number[args[start + 1]]
            if free[a] and pure[a]:
                summand(o, c, a)
            else:
                term(o, c, a, -1)
        elif k in (_SUM, _MEAN):
            c = c / (stop - start) if k == _MEAN else c
            for a in args[start:stop][::-1]:
                if k == _MEAN and free[a] and not pure[a]:
                    term(o, c, a, -1)
                else:
                    summand(o, c, a)
        else:
            m = (stop - start) // 2
            for b in args[start + 2 * m : stop]:
                summand(o, c, b)
            w, x = args[start : start + m], args[start + m : start + 2 * m]
            if any(map(free.__getitem__, w + x)):
                for a, b in zip(w[::-1], x[::-1], strict=True):
                    product(o, c, a, b)
            else:
                to.extend([o] * m)
                coefficient.extend([c] * m)
                left.extend(w[::-1])
                right.extend(x[::-1])

    owners = np.array(to)[::-1]
    order = np.argsort(owners, kind="stable")
    counts = np.bincount(owners, minlength=n)
    gone = integers(owner) != np.arange(n)
    return Normal(
        graph, (kinds >= 0) & ~gone, gone, np.concatenate([[0], np.cumsum(counts)]),
        *(np.array(each)[::-1][order] for each in (coefficient, left, right)),
    )  # fmt: skip


def _divides(c: float) -> bool:
    """Whether x / c can be written as x · (1/c)."""
    return c != 0.0 and math.isfinite(c) and 1e-300 < abs(1.0 / c) < 1e300


def _free(graph: Graph, kinds: np.ndarray) -> np.ndarray:
    """Which nodes may dissolve: sums that one other node uses, and no name is kept of."""
    uses = np.bincount(graph.args, minlength=len(graph))
    uses[graph.outputs] += 2
    free = (kinds >= 0) & (uses == 1) & (graph.active | ~takes(graph, graph.active))
    for i in np.flatnonzero(free & (kinds == _AFFINE)).tolist():
        free[i] = not graph.labels[i]  # a z that has a name keeps it
    return np.asarray(free)


def _pure(graph: Graph, kinds: np.ndarray, free: np.ndarray) -> list[bool]:
    """Which nodes, if they dissolve, have single factors only; True of those that do not."""
    starts, args = graph.starts.tolist(), graph.args.tolist()
    literals = graph.code == LITERAL
    literal = literals.tolist()
    pure: list[bool] = (~free).tolist()
    scaled = (kinds != _MULTIPLY) | takes(graph, literals)
    multiplies = (kinds == _MULTIPLY).tolist()
    for i in np.flatnonzero(free & scaled & (kinds != _DOT) & (kinds != _AFFINE)).tolist():
        start, stop = starts[i], starts[i + 1]
        if multiplies[i]:
            a, b = args[start:stop]
            pure[i] = (literal[a] and pure[b]) or (literal[b] and pure[a])
        elif stop - start == 2:
            pure[i] = pure[args[start]] and pure[args[start + 1]]
        else:
            pure[i] = all(map(pure.__getitem__, args[start:stop]))
    return pure


def verify(normal: Normal, after: str) -> Normal:
    """The normal form itself, if it is one.

    Raises:
        AssertionError: naming the pass after which it is not.
    """
    graph = normal.graph
    factors = np.concatenate([normal.left, normal.right[normal.right >= 0]])
    found = [
        (not normal.dissolved[factors].any(), "a factor has dissolved"),
        (not normal.dissolved[graph.outputs].any(), "an output has dissolved"),
        (bool((np.diff(normal.starts)[normal.is_sum] >= 0).all()), "terms"),
    ]
    for fine, what in found:
        if not fine:
            raise AssertionError(f"after {after}: {what}")
    return normal
