"""The usual slips in a derivation by hand, each computed on the very graph at hand.

A slip never is a formula per layer: it is the chain rule with other partials somewhere, in a
sweep over all of the graph, so that its consequences further down are those that a person would
get. SLIPS.md lists them, and how often they are told apart.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from autograd.explain.paths import largest_paths
from autograd.explain.tape import Array, Edge, Edit, Step, Tape
from autograd.graph import topological
from autograd.value import Value

Mask: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A slip made at one place, and what it would give.

    Attributes:
        name: which slip, a key of ``SLIPS``.
        words: what was done; ``{place}`` in it stands for the nodes, ``{paths}`` for the edges.
        at: the numbers of the nodes where.
        edges: those that a missing path lacks.
        edit: the partials that the slip replaces, or None if ``predicted`` says all.
        predicted: the gradients that it gives, one per claim; without, a sweep tells.
        turned: whether it turns the array of a claim round.
        free: whether a number in it, the learning rate, was fitted to the claims.
    """

    name: str
    words: str
    at: tuple[int, ...] = ()
    edit: Edit | None = None
    edges: tuple[Edge, ...] = ()
    predicted: Array | None = None
    turned: bool = False
    free: bool = False

    def nodes(self, tape: Tape) -> tuple[Value, ...]:
        """The nodes where; for a missing path those at both ends of what it lacks."""
        ends = itertools.chain.from_iterable(_ends(tape, self.edges))
        return tuple(tape.nodes[i] for i in dict.fromkeys(ends if self.edges else self.at))

    def sentence(self, tape: Tape) -> str:
        """What was done, and where."""
        words = self.words
        if "{place}" in words:
            words = words.replace("{place}", tape.words(self.at))
        if "{paths}" in words:
            words = words.replace("{paths}", _paths(tape, self.edges))
        return words


def _paths(tape: Tape, edges: Sequence[Edge]) -> str:
    pairs = [f"{tape.name(parent)} → {tape.name(i)}" for parent, i in _ends(tape, edges)]
    pairs = list(dict.fromkeys(pairs))
    more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
    one = len(pairs) == 1
    return f"{'path' if one else 'paths'} {'; '.join(pairs[:3])}{more} {'is' if one else 'are'}"


def _ends(tape: Tape, edges: Iterable[Edge]) -> list[tuple[int, int]]:
    """Both nodes of each edge."""
    steps = ((tape.step[i], i, p) for i, p in edges)
    return [(int(step.index[p]), i) for step, i, p in steps if step is not None]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The claims about a graph: one entry per claimed node, in groups, such as arrays.

    Attributes:
        index: the number of each node on the tape, -1 for one outside the graph.
        allowance: what rounding may do to each gradient.
        groups: the entries of each group, in the shape claimed.
        turned: groups claimed in the shape of the transposed array.
        lr: the learning rate, if it is known.
        tolerance: how near, relatively, the numbers of a slip are to those claimed.
        cuts: kept for all kinds of slips that are factors.
    """

    tape: Tape
    index: np.ndarray[tuple[int, ...], np.dtype[np.int_]]
    values: Array
    claims: Array
    wrong: Mask
    allowance: Array
    groups: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.int_]]]
    turned: frozenset[int]
    lr: float | None
    tolerance: float
    cuts: list[Any] = field(default_factory=list)

    def wrong_groups(self) -> list[int]:
        """The groups with a wrong claim."""
        return [
            g
            for g, entries in enumerate(self.groups)
            if self.wrong[entries].any() or g in self.turned
        ]

    def probes(self, most: int = 6) -> list[int]:
        """The entry that is wrong by most, of every wrong group."""
        with np.errstate(all="ignore"):
            gap = np.abs(self.claims - self.values)
        gap[~np.isfinite(gap) | ~self.wrong | (self.index < 0)] = 0.0
        found = []
        for g in self.wrong_groups():
            entries = self.groups[g].ravel()
            if gap[entries].any():
                found.append(int(entries[np.argmax(gap[entries])]))
        return sorted(found, key=lambda e: -gap[e])[:most]

    def at(self, adjoint: Array) -> Array:
        """The gradients (claims, columns) among the adjoints of all nodes."""
        return np.where(self.index[:, None] < 0, 0.0, adjoint[self.index])


Finder: TypeAlias = Callable[[Case], Iterator[Candidate]]


@dataclass(frozen=True, slots=True)
class Slip:
    """A kind of slip: its name, what is done wrong, and all places of a graph where it may be."""

    name: str
    what: str
    find: Finder


SLIPS: dict[str, Slip] = {}  # in the order of preference: the simplest first
SMALL = 60  # so many nodes are looked at one by one, also where a layer or a neuron would do
MANY = 4000  # beyond so many edges, a slip in the forward pass is looked for by layers only

_WORK = 500_000  # nodes computed anew, at most, for one such kind of slip


def slip(name: str, what: str) -> Callable[[Finder], Finder]:
    """A decorator that enters a kind of slip in the list."""

    def enter(find: Finder) -> Finder:
        SLIPS[name] = Slip(name, what, find)
        return find

    return enter


# -- factors ---------------------------------------------------------------------------------


def _scaled(case: Case, name: str, factor: float, words: str) -> Iterator[Candidate]:
    """A factor on the claims that are wrong, or on what flows back from some place on."""
    tape = case.tape
    whole, each = case.values.copy(), case.values.copy()
    for g in case.wrong_groups():
        entries = case.groups[g].ravel()
        whole[entries] *= factor
    each[case.wrong] *= factor
    yield Candidate(name, f"{words}.", predicted=whole)
    yield Candidate(name, f"{words}, in these entries only.", predicted=each)
    for numbers, sentence, edges, without in _cuts(case):
        if without is not None:
            # No path passes two of these edges, so what flows through them is scaled.
            predicted = case.values + (factor - 1.0) * (case.values - without)
            yield Candidate(name, words + sentence, numbers, predicted=predicted)
        else:
            edit = tape.edit(edges, lambda step, p: factor * step.partials[p])
            yield Candidate(name, words + sentence, numbers, edit)


Cut: TypeAlias = tuple[tuple[int, ...], str, list[Edge], "Array | None"]


def _cuts(case: Case) -> list[Cut]:
    """(nodes, where, edges, gradients without them) where a factor may have been forgotten."""
    if case.cuts:
        return case.cuts
    tape = case.tape
    inner = [i for i, _ in tape.steps if i != tape.root]
    places: list[tuple[tuple[int, ...], str, list[Edge]]] = []
    for numbers in tape.places(inner, single=len(inner) <= SMALL):
        edges = [edge for i in numbers for edge in tape.out[i]]
        places.append((numbers, " in what flows back through {place}.", edges))
    for numbers, role, edges in _by_role(tape, lambda step, p: True, broad=True):
        op = tape.op_name(numbers[0])
        where = f" in the derivative of {op} by its argument {role}, at {{place}}."
        places.append((numbers, where, edges))
    level = [len({tape.height[i] for i in numbers}) == 1 for numbers, _, _ in places]
    edits = [
        tape.edit(edges, lambda step, p: 0.0)
        for (_, _, edges), flat in zip(places, level, strict=True)
        if flat
    ]
    many = int(max(8, min(512, 4e6 // len(tape.nodes))))
    columns = [case.at(tape.sweep(edits[k : k + many])) for k in range(0, len(edits), many)]
    without = iter(np.concatenate(columns, axis=1).T if columns else ())
    for place, flat in zip(places, level, strict=True):
        case.cuts.append((*place, next(without) if flat else None))
    return case.cuts


def _by_role(
    tape: Tape, wanted: Callable[[Step, int], bool], broad: bool = False
) -> Iterator[tuple[tuple[int, ...], int, list[Edge]]]:
    """(steps, role, edges): one argument of one op, at the places where it occurs."""
    groups: dict[tuple[str, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for i, step in tape.steps:
        for position in step.active:
            if wanted(step, position):
                groups[step.op.name, step.roles[position]][i].append(int(position))
    for (_, role), places in groups.items():
        numbers = list(places)
        single = len(numbers) <= SMALL and not broad
        for chosen in tape.places(numbers, single=single):
            yield chosen, role, [(i, p) for i in chosen for p in places[i]]


@slip("wrong sign", "−g for g; or so for all that flows back from some place on")
def wrong_sign(case: Case) -> Iterator[Candidate]:
    """-1 for 1 as a factor."""
    yield from _scaled(case, "wrong sign", -1.0, "−g for g")


@slip("factor 2", "2 g for g, likewise: such as a forgotten ½ of the loss")
def factor_two(case: Case) -> Iterator[Candidate]:
    """2 for 1."""
    yield from _scaled(case, "factor 2", 2.0, "2 g for g")


@slip("factor ½", "g / 2 for g, likewise: such as the forgotten 2 of a square's derivative")
def factor_half(case: Case) -> Iterator[Candidate]:
    """½ for 1."""
    yield from _scaled(case, "factor ½", 0.5, "g / 2 for g")


@slip("factor 1/n", "g / n or n g for g, where n is a count in the graph: samples, outputs")
def factor_count(case: Case) -> Iterator[Candidate]:
    """1/n or n for 1."""
    for n in _counts(case.tape):
        yield from _scaled(case, "factor 1/n", 1.0 / n, f"g / n for g with n = {n}")
        words = f"n g for g with n = {n}"
        yield from _scaled(case, "factor 1/n", float(n), words)


def _counts(tape: Tape) -> list[int]:
    """Numbers that means are taken over: lengths of sums, divisors, the same thing n times."""
    found: set[int] = set()
    for _, step in tape.steps:
        if step.op.name in ("sum", "mean"):
            found.add(len(step.parents))
        if step.op.name in ("divide", "multiply"):
            for argument, parent in zip(step.args, step.parents, strict=True):
                if parent.requires_grad or not argument:
                    continue
                for number in (argument, 1.0 / argument):
                    if 2.0 <= number < 1e6 and abs(number - round(number)) < 1e-9 * number:
                        found.add(round(number))
    times: dict[int, int] = defaultdict(int)
    for i, _ in tape.steps:
        times[tape.kind[i]] += 1
    found |= set(times.values())
    return sorted(n for n in found if n >= 2)[:6]


# -- derivatives of activations --------------------------------------------------------------

ACTIVATIONS = {
    "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "log_sigmoid",
    "erf", "arctan", "sin", "cos",
}  # fmt: skip
_LINEAR = {"positive", "negative"}


def _functions(tape: Tape) -> list[int]:
    """The nodes made by a function of one argument that is not linear."""
    return [
        i
        for i, step in tape.steps
        if step.op.arity is not None
        and step.op.arity - len(step.op.options) == 1
        and step.op.name not in _LINEAR
        and step.index[0] >= 0
    ]


def _is_activation(tape: Tape, i: int) -> bool:
    label = tape.nodes[i].label
    return tape.op_name(i) in ACTIVATIONS or label == "a" or label.startswith("a[")


def _ops(tape: Tape, numbers: Sequence[int]) -> str:
    return " and ".join(sorted({tape.op_name(i) for i in numbers}))


@slip("missing σ'", "1 for σ'(z)")
def missing_slope(case: Case) -> Iterator[Candidate]:
    """1 for the derivative of an activation."""
    tape = case.tape
    functions = [i for i in _functions(tape) if _is_activation(tape, i)]
    for numbers in tape.places(functions, single=len(functions) <= SMALL):
        edit = tape.edit(((i, 0) for i in numbers), lambda step, p: 1.0)
        words = f"the derivative of {_ops(tape, numbers)} at {{place}} is left out."
        yield Candidate("missing σ'", words, numbers, edit)


@slip("σ' at a", "σ'(a) for σ'(z), the derivative taken at the output a = σ(z)")
def slope_at_output(case: Case) -> Iterator[Candidate]:
    """The derivative of a function, taken at what the function gave."""
    tape = case.tape

    def at_output(step: Step, position: int) -> float:
        args = list(step.args)
        args[0], _ = step.run(list(step.args))
        return float(step.run(args)[1][0])

    functions = _functions(tape)
    for numbers in tape.places(functions, single=len(functions) <= SMALL):
        edit = tape.edit(((i, 0) for i in numbers), at_output)
        words = f"the derivative of {_ops(tape, numbers)} at {{place}} is taken at a instead of z."
        yield Candidate("σ' at a", words, numbers, edit)


# -- one quantity for another ----------------------------------------------------------------

_BY_OUTPUT: dict[str, Callable[[float], float]] = {  # σ' as people write it, by the output a
    "sigmoid": lambda a: a * (1.0 - a),
    "tanh": lambda a: 1.0 - a * a,
}


@slip(
    "pre- for post-activation",
    "z for a = σ(z), or a for z: as the factor in δ a, in the loss, in a (1 − a), or further on",
)
def pre_for_post(case: Case) -> Iterator[Candidate]:
    """The argument of an activation in the place of its result, or the other way round."""
    tape, name = case.tape, "pre- for post-activation"
    functions = _functions(tape)
    argument = {i: s.args[0] for i in functions if (s := tape.step[i]) is not None}
    result: dict[Value, float] = {}
    for i in functions:
        if (step := tape.step[i]) is not None and _is_activation(tape, i):
            result[step.parents[0]] = tape.nodes[i].data

    def other(step: Step, position: int, post: bool) -> float | None:
        if (partner := step.partner[position]) < 0:
            return None
        node = step.parents[partner]
        return argument.get(int(step.index[partner])) if post else result.get(node)

    for post in (True, False):
        words = "z stands for a" if post else "a stands for z"
        edges: dict[int, list[Edge]] = defaultdict(list)
        for i, step in tape.steps:
            for position in step.active:
                if other(step, position, post) is not None:
                    edges[i].append((i, int(position)))
        for numbers in tape.places(edges, single=len(edges) <= SMALL):
            edit = tape.edit(
                (edge for i in numbers for edge in edges[i]),
                lambda step, p, post=post: other(step, p, post) or 0.0,  # type: ignore[misc]
            )
            sentence = f"{words} as the factor in the derivatives of {{place}}."
            yield Candidate(name, sentence, numbers, edit)

    named = [i for i in functions if tape.op_name(i) in _BY_OUTPUT]
    for numbers in tape.places(named, single=len(named) <= SMALL):
        edit = tape.edit(
            ((i, 0) for i in numbers), lambda step, p: _BY_OUTPUT[step.op.name](step.args[0])
        )
        sentence = f"z stands for a in the derivative of {_ops(tape, numbers)} at {{place}}."
        yield Candidate(name, sentence, numbers, edit)

    activations = [i for i in functions if _is_activation(tape, i)]
    few = tape.n_edges <= MANY and len(activations) * tape.n_edges <= _WORK
    for numbers in tape.places(activations, single=False, neurons=few):
        chosen = set(numbers)

        def without(
            i: int, args: list[float], seen: dict[int, list[float]], chosen: set[int] = chosen
        ) -> list[float]:
            step = tape.step[i]
            assert step is not None
            for position, j in step.inner:
                if j in chosen:
                    args[position] = seen[j][0]
            return args

        edit = tape.replay(without)
        sentence = "z stands for a in all that follows from {place}, the derivatives excepted."
        yield Candidate(name, sentence, numbers, edit)
        flat = dict(edit)
        flat.update(tape.edit(((i, 0) for i in numbers), lambda step, p: 1.0))
        sentence = "z stands for a in all that follows from {place}, with no activation at all."
        yield Candidate(name, sentence, numbers, flat)


# -- paths -----------------------------------------------------------------------------------


@slip("missing path", "0 for the product along a path: a sum over paths lacks a term")
def missing_path(case: Case) -> Iterator[Candidate]:
    """Edges that nothing flows back along."""
    tape, name = case.tape, "missing path"

    def cut(edges: Iterable[Edge]) -> Edit:
        return tape.edit(edges, lambda step, p: 0.0)

    # A neuron of the next layer forgotten, by all that feed it; or all others forgotten.
    into: dict[int, list[Edge]] = {
        i: [(i, p) for p, _ in step.inner] for i, step in tape.steps if step.inner
    }
    by_height: dict[int, set[tuple[int, ...]]] = defaultdict(set)
    for numbers in tape.places(into, single=len(into) <= SMALL):
        heights = {tape.height[i] for i in numbers}
        if len(heights) == 1:
            by_height[heights.pop()].add(numbers)
        if tape.root not in numbers:
            words = "the paths through {place} are left out."
            edges = [edge for i in numbers for edge in into[i]]
            if len(edges) <= 3:
                yield _missing(tape, edges, cut(edges))
            else:
                yield Candidate(name, words, numbers, cut(edges), tuple(edges))
    for sets in by_height.values():
        if 2 < len(sets) <= SMALL:
            everything = set(itertools.chain.from_iterable(sets))
            for numbers in sets:
                rest = sorted(everything.difference(numbers))
                if rest:
                    words = f"of the paths only those through {tape.words(numbers)} are there."
                    edges = [edge for i in rest for edge in into[i]]
                    yield Candidate(name, words, tuple(rest), cut(edges), tuple(edges))
    # One connection, in all samples.
    alike: dict[tuple[int, int, int], list[Edge]] = defaultdict(list)
    for i, edges in into.items():
        for _, p in edges:
            step = tape.step[i]
            assert step is not None
            alike[tape.kind[i], tape.kind[int(step.index[p])], step.roles[p]].append((i, p))
    for edges in alike.values():
        yield _missing(tape, edges, cut(edges))
    for entry in case.probes():
        yield from _lost(case, entry, cut)
    # One argument of an op at all places of a layer.
    for numbers, role, edges in _by_role(tape, lambda step, p: True, broad=True):
        words = (
            f"the paths through argument {role} of {tape.op_name(numbers[0])} at "
            f"{{place}} are left out."
        )
        yield Candidate(name, words, numbers, cut(edges), tuple(edges))


def _missing(tape: Tape, edges: Sequence[Edge], edit: Edit) -> Candidate:
    """The paths along these edges."""
    return Candidate("missing path", "the {paths} left out.", (), edit, tuple(edges))


def _lost(case: Case, entry: int, cut: Callable[[Iterable[Edge]], Edit]) -> Iterator[Candidate]:
    """Terms of the sums on the way from one claimed node that add up to what its claim lacks."""
    tape = case.tape
    lacking = case.values[entry] - case.claims[entry]
    start = int(case.index[entry])
    tangent = tape.tangents(start)
    fits = _Fit(lacking, case.allowance[entry], case.tolerance)
    count = 0
    for i in np.flatnonzero(tangent):
        terms = []
        for j, p in tape.out[i]:
            step = tape.step[j]
            assert step is not None
            product = tangent[i] * step.partials[p] * tape.adjoint[j]
            if product != 0.0 and math.isfinite(product):
                terms.append(((j, p), product))
        for chosen in fits.subsets([product for _, product in terms]):
            edges = [terms[k][0] for k in chosen]
            yield _missing(tape, edges, cut(edges))
            count += 1
            if count > 40:
                return
    # Whole paths, where they share their edges with others.
    node = tape.nodes[start]
    paths = list(itertools.islice(largest_paths(tape.ledger, node), 25))
    if len(paths) < 25:
        products = [path.product for path in paths]
        for chosen in fits.subsets(products):
            predicted = case.values.copy()
            predicted[entry] = math.fsum(
                product for k, product in enumerate(products) if k not in chosen
            )
            sentence = f"the path{'' if len(chosen) == 1 else 's'} " + "; ".join(
                " → ".join(tape.name(tape.index[each]) for each in paths[k].nodes)
                for k in chosen[:3]
            )
            more = f" and {len(chosen) - 3} more" if len(chosen) > 3 else ""
            sentence += f"{more} {'is' if len(chosen) == 1 else 'are'} left out."
            on_them = dict.fromkeys(tape.index[each] for k in chosen for each in paths[k].nodes)
            yield Candidate("missing path", sentence, tuple(on_them), predicted=predicted)


class _Fit:
    """Subsets of terms that add up to a number, the smallest first."""

    def __init__(self, total: float, allowance: float, tolerance: float):
        self.total, self.allowance, self.tolerance = total, allowance, tolerance

    def subsets(self, terms: Sequence[float]) -> Iterator[tuple[int, ...]]:
        n = len(terms)
        if n == 0 or not math.isfinite(self.total):
            return
        array = np.array(terms)
        # Forgotten terms, or those that alone were kept, in the manner of people: few.
        near = 10.0 * self.tolerance * float(np.abs(array).sum()) + self.allowance
        found: set[tuple[int, ...]] = set()
        for k in np.flatnonzero(np.abs(array - self.total) <= near):
            found.add((int(k),))
        if n > 1:
            kept = array.sum() - self.total
            for k in np.flatnonzero(np.abs(array - kept) <= near):
                found.add(tuple(j for j in range(n) if j != k))
        if abs(array.sum() - self.total) <= near:
            found.add(tuple(range(n)))
        if self.tolerance > 1e-6:  # among more of them some would fit by chance
            pass
        elif 3 < n <= 64:
            pairs = array[:, None] + array[None, :]
            for i, j in np.argwhere(np.abs(pairs - self.total) <= near):
                if i < j:
                    found.add((int(i), int(j)))
        if 4 < n <= 10 and self.tolerance <= 1e-6:
            for size in range(3, n - 1):
                for chosen in itertools.combinations(range(n), size):
                    if abs(array[list(chosen)].sum() - self.total) <= near:
                        found.add(chosen)
        yield from sorted(found, key=lambda chosen: (len(chosen), chosen))[:6]


# -- the forward pass ------------------------------------------------------------------------


def _biases(step: Step) -> list[int]:
    """The positions of arguments that are biases: leaves added to something computed."""
    if step.op.name == "affine":
        return [p for p in range(len(step.args)) if step.roles[p] == 2]
    if step.op.name in ("add", "sum") and step.inner:
        return [int(p) for p in step.active if step.parents[p].is_leaf]
    return []


@slip("bias forgotten in z", "z without b: in the whole forward pass, or in σ'(z) alone")
def bias_forgotten(case: Case) -> Iterator[Candidate]:
    """0 for a bias."""
    tape, name = case.tape, "bias forgotten in z"
    biases = {i: at for i, step in tape.steps if (at := _biases(step))}
    functions = defaultdict(list)
    for i in _functions(tape):
        step = tape.step[i]
        assert step is not None
        if int(step.index[0]) in biases:
            functions[int(step.index[0])].append(i)
    for numbers in tape.places(
        biases, single=len(biases) <= SMALL // 4, neurons=tape.n_edges <= MANY
    ):
        chosen = set(numbers)

        def without(
            i: int, args: list[float], seen: dict[int, list[float]], chosen: set[int] = chosen
        ) -> list[float]:
            if i in chosen:
                for p in biases[i]:
                    args[p] = 0.0
            return args

        words = "b is left out of {place}"
        yield Candidate(name, f"{words}, in the forward pass.", numbers, tape.replay(without))

        def slope(step: Step, position: int) -> float:
            z = tape.step[int(step.index[0])]
            assert z is not None
            args = list(step.args)
            args[0] -= sum(z.args[p] for p in biases[int(step.index[0])])
            return float(step.run(args)[1][0])

        edges = [(i, 0) for z in numbers for i in functions[z]]
        yield Candidate(name, f"{words}, in σ'(z) only.", numbers, tape.edit(edges, slope))


# -- matrices --------------------------------------------------------------------------------


def _matrices(tape: Tape) -> list[list[list[int]]]:
    """The layers of the graph: for each matrix, per sample the steps of its rows, in order."""
    samples: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for i, step in tape.steps:
        if step.op.name in ("affine", "dot") and all(
            parent.is_leaf for parent in step.parents[: step.lengths[0]]
        ):
            n = step.lengths[0]
            samples[tuple(map(id, step.parents[n : 2 * n]))].append(i)
    # The order of the rows is that in which their results are used further on.
    rank = {node: k for k, node in enumerate(topological(tape.nodes[tape.root]))}
    matrices: dict[tuple[int, ...], list[list[int]]] = defaultdict(list)
    for rows in samples.values():

        def first(i: int) -> int:
            step = tape.step[i]
            assert step is not None
            return id(step.parents[0])

        rows.sort(key=lambda i: rank[tape.nodes[i]])
        matrices[tuple(sorted({first(i) for i in rows}))].append(rows)
    return list(matrices.values())


def _exchanged(case: Case, matrices: Iterable[Sequence[int]]) -> Array | None:
    """The gradients where wrong claims about single elements of square matrices are transposed."""
    tape = case.tape
    mirror: dict[int, int] = {}
    for rows in matrices:
        steps = [s for i in rows if (s := tape.step[i]) is not None]
        if steps[0].lengths[0] == len(rows):
            grid = np.array([step.index[: len(rows)] for step in steps])
            mirror.update(zip(grid.ravel().tolist(), grid.T.ravel().tolist(), strict=True))
    predicted = case.values.copy()
    wrong = np.flatnonzero(case.wrong).tolist()
    chosen = [e for e in wrong if mirror.get(int(case.index[e]), -1) >= 0]
    predicted[chosen] = [tape.adjoint[mirror[int(case.index[e])]] for e in chosen]
    return predicted if chosen else None


def _by_claimed(
    case: Case, entries: np.ndarray[tuple[int, ...], np.dtype[np.int_]]
) -> Candidate | None:
    """The leaves of an array claimed taken in the wrong order on the way back."""
    tape = case.tape
    n_out, n_in = entries.shape
    order = entries.reshape(n_in, n_out).T
    number: dict[int, int] = {}
    for right, taken in zip(entries.ravel(), order.ravel(), strict=True):
        if case.index[right] >= 0 and case.index[taken] >= 0:
            number[int(case.index[right])] = int(case.index[taken])
    edges = [
        (i, p) for i, step in tape.steps for p, _ in step.inner if tape.weight_of(step, p) in number
    ]
    if not edges:
        return None
    edit = tape.edit(edges, lambda step, p: tape.nodes[number[tape.weight_of(step, p)]].data)
    at = tuple(dict.fromkeys(i for i, _ in edges))
    words = "W stands for Wᵀ in the way back through {place}."
    return Candidate("transposed weight matrix", words, at, edit)


@slip(
    "transposed weight matrix",
    "W δ for Wᵀ δ, with the numbers of W in their order where it is not square; "
    "Wᵀ a for W a; or the gradient as a δᵀ for δ aᵀ",
)
def transposed(case: Case) -> Iterator[Candidate]:
    """W the wrong way round: in the backward pass, in the forward pass, or in the result."""
    tape, name = case.tape, "transposed weight matrix"
    turned = case.values.copy()
    for g in case.wrong_groups():
        entries = case.groups[g]
        if entries.ndim == 2 and entries.shape[0] == entries.shape[1]:
            turned[entries.ravel()] = case.values[entries.T.ravel()]
    words = "the array is transposed: a δᵀ for δ aᵀ."
    yield Candidate(name, words, predicted=turned, turned=True)
    # The arrays claimed say which leaves are a matrix, whatever the op that multiplies by them.
    for entries in case.groups:
        if entries.ndim == 2 and min(entries.shape) > 1:
            other_way = _by_claimed(case, entries)
            if other_way is not None:
                yield other_way
    matrices = [m for m in _matrices(tape) if len(m[0]) > 1]
    one_by_one = _exchanged(case, [matrix[0] for matrix in matrices])
    if one_by_one is not None:
        yield Candidate(name, words, predicted=one_by_one)
    for chosen in [*([m] for m in matrices), *([matrices] if len(matrices) > 1 else [])]:
        numbers = tuple(i for matrix in chosen for rows in matrix for i in rows)
        other: dict[int, list[float]] = {}  # the weights to each row, in the wrong order
        square = False
        for matrix in chosen:
            for rows in matrix:
                steps = [s for i in rows if (s := tape.step[i]) is not None]
                n = steps[0].lengths[0]
                weights = np.array([step.args[:n] for step in steps])
                reordered = weights.reshape(n, len(rows)).T  # the same as .T if square
                square = square or n == len(rows)
                other.update(zip(rows, reordered.tolist(), strict=True))
        backward: Edit = {}
        for i, row in other.items():
            if (step := tape.step[i]) is not None and len(row) > 1:
                backward[i] = step.partials.copy()
                backward[i][len(row) : 2 * len(row)] = row
        sentence = "W stands for Wᵀ in the way back through {place}."
        yield Candidate(name, sentence, numbers, backward)
        if not square:
            continue

        def forward(
            i: int,
            args: list[float],
            seen: dict[int, list[float]],
            other: dict[int, list[float]] = other,
        ) -> list[float]:
            return [*other[i], *args[len(other[i]) :]] if i in other else args

        edit = tape.replay(forward)
        words = "Wᵀ stands for W in the forward pass, at {place}"
        yield Candidate(name, f"{words}, and on the way back.", numbers, edit)
        mixed = dict(edit)
        for i, row in other.items():
            if (step := tape.step[i]) is not None:
                mixed[i] = edit[i].copy()
                mixed[i][len(row) : 2 * len(row)] = step.args[: len(row)]
        yield Candidate(name, f"{words}.", numbers, mixed)


# -- updates ---------------------------------------------------------------------------------


@slip("updated weight used too early", "δ from W − η ∂L/∂W for W, η solved from the claims")
def updated_early(case: Case) -> Iterator[Candidate]:
    """Weights that took their step before δ was sent back through them."""
    tape, name = case.tape, "updated weight used too early"
    heights: dict[int, list[int]] = defaultdict(list)
    for i, step in tape.steps:
        if any(tape.weight_of(step, p) >= 0 for p, _ in step.inner):
            heights[tape.height[i]].append(i)
    probes = [e for e in case.probes() if case.index[e] >= 0]
    if not heights or not probes:
        return
    # The nearest to the root first: there the learning rate enters linearly.
    probes.sort(key=lambda e: -max(tape.height[u] for u, _ in tape.out[case.index[e]] or [(0, 0)]))
    sites: list[list[int]] = [sorted(heights)]
    sites += [[height] for height in sorted(heights)] if len(heights) > 1 else []
    for site in sites:
        numbers = tuple(i for height in site for i in heights[height])
        for rate in _rates(case, site, probes):
            predicted = case.at(tape.early(np.array([rate]), site))[:, 0]
            sentence = f"δ comes from W − η ∂L/∂W, with η = {rate:.6g}, through {{place}}."
            yield Candidate(
                name,
                sentence,
                numbers,
                predicted=predicted,
                free=rate != case.lr and not _is_round(rate),
            )


def _rates(case: Case, site: Sequence[int], probes: Sequence[int]) -> list[float]:
    """The learning rate told, and those that would give the claim of one of the probes."""
    found: list[float] = [] if case.lr is None else [case.lr]
    grid = np.concatenate([[0.0], np.geomspace(1e-8, 1e3, 45)])  # 4 and a bit per decade

    def misses(rates: Array) -> Array:
        claims = case.claims[list(probes)][:, None]
        return case.at(case.tape.early(rates, site))[list(probes)] - claims

    def miss(k: int, rate: float) -> float:
        return float(misses(np.array([rate]))[k, 0])

    on_grid = misses(grid)
    for k in range(len(probes)):
        row = on_grid[k]
        signs = np.sign(row)
        found += [float(rate) for rate in grid[signs == 0.0] if rate > 0.0]
        brackets = [
            (grid[j], grid[j + 1], row[j], row[j + 1])
            for j in np.flatnonzero(signs[:-1] * signs[1:] < 0)
            if np.isfinite(row[j]) and np.isfinite(row[j + 1])
        ][:3]
        for low, high, at_low, at_high in brackets:
            rate = _root(partial(miss, k), low, high, at_low, at_high)
            if rate > 0.0:
                found.append(_rounded(rate))
        if len(found) > (case.lr is not None):
            break
    return found


def _root(
    f: Callable[[float], float], low: float, high: float, at_low: float, at_high: float
) -> float:
    """A root between two numbers where f has different signs (Illinois; Dowell & Jarratt 1971)."""
    side = 0
    for _ in range(40):
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        value = f(middle)
        if value == 0.0 or abs(high - low) <= 4e-16 * abs(middle):
            return middle
        if (value > 0.0) == (at_high > 0.0):
            step = abs(high - middle)
            high, at_high = middle, value
            if side == 1:
                at_low *= 0.5
            side = 1
        else:
            step = abs(low - middle)
            low, at_low = middle, value
            if side == -1:
                at_high *= 0.5
            side = -1
        if step <= 1e-15 * abs(middle):
            return middle
    return middle


def _rounded(rate: float) -> float:
    """The round number very near to it, if there is one: what a person would have chosen."""
    near = float(f"{rate:.1e}")
    return near if abs(near - rate) <= 1e-9 * rate else rate


def _is_round(rate: float) -> bool:
    return rate == float(f"{rate:.1e}")


# -- anything else ---------------------------------------------------------------------------


@slip("missing local derivative", "1 for ∂y/∂x of some other op y, such as a factor forgotten")
def missing_partial(case: Case) -> Iterator[Candidate]:
    """1 for a partial of an op that is no activation."""
    tape = case.tape
    own = {i for i in _functions(tape) if _is_activation(tape, i)}
    for numbers, role, edges in _by_role(tape, lambda step, p: step.partials[p] != 1.0):
        if own.issuperset(numbers):
            continue
        edit = tape.edit(edges, lambda step, p: 1.0)
        words = (
            f"the derivative of {_ops(tape, numbers)} by its argument {role}, "
            f"at {{place}}, is left out."
        )
        yield Candidate("missing local derivative", words, numbers, edit)
