"""Claims about gradients, held against the engine's; and for a wrong one, the likely slip."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd.errors import GraphError
from autograd.explain.ledger import Ledger
from autograd.explain.report import Report, Table
from autograd.explain.rounding import allowance
from autograd.explain.slips import SLIPS, Candidate, Case, Mask
from autograd.explain.tape import Array, Tape, describe, scopes
from autograd.value import Value, as_float


@dataclass(frozen=True, slots=True, eq=False)
class FoundSlip:
    """A usual slip that gives the numbers claimed.

    Attributes:
        name: which, see SLIPS.md.
        sentence: what was done and where.
        nodes: the nodes where it was done; for a missing path, those on it.
    """

    name: str
    sentence: str
    nodes: tuple[Value, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """One claimed number, beside the engine's.

    Attributes:
        node: what the loss was differentiated by.
        name: the node in words.
        value: ∂loss/∂node, the engine's.
        claim: the number claimed.
        ok: whether they are equal to the tolerance, or as far as rounding lets one know.
        slips: those that explain the claim, the likeliest first; none for a right claim.
    """

    node: Value
    name: str
    value: float
    claim: float
    ok: bool
    slips: tuple[FoundSlip, ...] = ()

    @property
    def ratio(self) -> float:
        """Claim / value, as IEEE 754 has it; 1 for 0 / 0."""
        if self.value == 0.0:
            return math.copysign(math.inf, self.claim) if self.claim else 1.0
        return self.claim / self.value

    @property
    def difference(self) -> float:
        """Claim - value; 0 where both are nan or the same infinity."""
        return float(Report.differences(self.claim, self.value))

    @property
    def slip(self) -> FoundSlip | None:
        """The likeliest slip, or None."""
        return self.slips[0] if self.slips else None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Verification(Report):
    """What ``verify`` found; ``print`` and notebooks show it as a table.

    Attributes:
        groups: the claims as they were given: (name, its rows), where an array has a row per
            element.
        tolerance: the relative difference allowed.
        cut_short: whether the graph has more places for a slip than were tried.
    """

    groups: tuple[tuple[str, tuple[Claim, ...]], ...]
    tolerance: float
    cut_short: bool = False

    @property
    def rows(self) -> tuple[Claim, ...]:
        """All claims, one by one."""
        return tuple(row for _, rows in self.groups for row in rows)

    @property
    def wrong(self) -> tuple[Claim, ...]:
        """Those that are wrong."""
        return tuple(row for row in self.rows if not row.ok)

    @property
    def ok(self) -> bool:
        """Whether all claims are right."""
        return all(row.ok for row in self.rows)

    @property
    def slips(self) -> tuple[FoundSlip, ...]:
        """Those that explain wrong claims, the likeliest of each claim first, each once."""
        found: dict[int, FoundSlip] = {}
        for _, rows in self.groups:
            for row in rows:
                found.update((id(slip), slip) for slip in row.slips)
        return tuple(found.values())

    def table(self) -> Table:
        """A line per claim; of a large array, those that are wrong by most and a summary."""
        lines: list[tuple[str, ...]] = []
        wrong: set[int] = set()
        for name, rows in self.groups:
            shown: Sequence[Claim] = rows
            if len(rows) > _SHOWN:
                size = {id(row): _size(row) for row in rows}
                shown = sorted(rows, key=lambda row: -size[id(row)])[:3]
                shown = [row for row in shown if not row.ok]
                count = sum(not row.ok for row in rows)
                verdict = f"✗ {count} of {len(rows)}" if count else f"✓ all {len(rows)}"
                if count:
                    wrong.add(len(lines))
                lines.append((name, "", "", "", "", verdict))
            for row in shown:
                if not row.ok:
                    wrong.add(len(lines))
                verdict = "✓" if row.ok else f"✗ {row.slip.name}" if row.slip else "✗"
                numbers = (row.value, row.claim, row.ratio, row.difference)
                indent = "  " if len(rows) > _SHOWN else ""
                lines.append((indent + row.name, *(f"{each:.6g}" for each in numbers), verdict))
        head = ("∂L/∂", "value", "claim", "ratio", "difference", "")
        return Table(head, tuple(lines), tuple(self._notes()), frozenset(wrong))

    def _notes(self) -> Iterator[str]:
        total, wrong = len(self.rows), self.wrong
        claims = "claim" if total == 1 else "claims"
        if not wrong:
            yield f"all {total} {claims} right" if total > 1 else "the claim is right"
            return
        yield f"{len(wrong)} of {total} {claims} wrong"
        said: dict[tuple[int, ...], list[str]] = {}
        slips: dict[tuple[int, ...], tuple[FoundSlip, ...]] = {}
        for name, rows in self.groups:
            for row in rows:
                if not row.ok:
                    key = tuple(id(slip) for slip in row.slips)
                    names = said.setdefault(key, [])
                    subject = name if name not in names else ""
                    if subject:
                        names.append(subject)
                    slips[key] = row.slips
        for key, names in said.items():
            about = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if names[4:] else "")
            if not slips[key]:
                tried = " at the places tried; the graph has more" if self.cut_short else ""
                yield f"{about}: no usual slip explains it{tried}"
            for number, slip in enumerate(slips[key]):
                yield f"{about}: {slip}" if number == 0 else f"    or {slip}"


_FEWEST, _WORK = 200, 8_000_000  # places tried for every kind of slip; times nodes, at most
_SHOWN = 12  # elements of an array that get a line each


def _size(row: Claim) -> float:
    """By how much a claim is wrong, for sorting: a nan by most, a right one by nothing."""
    if row.ok:
        return -1.0
    return abs(row.difference) if not math.isnan(row.difference) else math.inf


def verify(
    loss: Value,
    claims: Any,
    model: Any = None,
    *,
    lr: float | None = None,
    tolerance: float = 1e-9,
) -> Verification:
    """The report on gradients derived by hand: which are right, and which slip made one wrong.

    Each claim is a number for ∂loss/∂node::

        >>> w, x, y = Value(2.0, "w"), Value(3.0, "x"), Value(1.0, "y")
        >>> loss = (w * x - y) ** 2
        >>> print(verify(loss, {w: 30.0, y: lambda w, x, y: w * x - y}))
        ∂L/∂  value  claim  ratio  difference
        w     30     30     1      0           ✓
        y     -10    5      -0.5   15          ✗
        1 of 2 claims wrong
        y: no usual slip explains it

    A wrong claim is compared with what every usual slip (SLIPS.md) would give on this very graph;
    one is named only if its numbers are those claimed, and preferred if it explains all wrong
    claims of an array, or all wrong claims at once, by a single slip. Of slips that fit equally
    all are named.

    Args:
        loss: the node at the end of the graph. No ``grad`` in it is touched.
        claims: a dict, or an iterable of pairs, from what is claimed about to what is claimed.
            The first is a node, an array or (nested) list of nodes, a parameter's name in the
            ``model``, or a module, with a dict by parameter names. The second is a number or an
            array of the same shape; or a function that returns it: one whose arguments are named
            like labels in the graph gets the numbers of those nodes, any other with one argument
            gets the node itself (the array of them), one without arguments gets nothing.
        model: what names of parameters refer to; anything with ``named_parameters()``.
        lr: the learning rate of the derivation, where weights are updated in it.
        tolerance: the relative difference allowed. More is allowed where terms cancel: 64 times
            what rounding errors were seen to make.

    Raises:
        TypeError: for claims that are none of that.
        ValueError: for an array of another shape, or an unknown name.
        GraphError: if the loss is a constant, or a claim about one.
    """
    ledger = Ledger(loss)
    groups = [_Given(*each, ledger) for each in _flat(claims, model)]
    scope = scopes(ledger)
    index = np.concatenate([np.arange(0), *(g.offsets(ledger) for g in groups)]).astype(int)
    nodes = [node for group in groups for node in group.nodes.ravel().tolist()]
    values = np.array([ledger.adjoint.get(node, 0.0) for node in nodes])
    claimed = np.concatenate([np.zeros(0), *(group.claims.ravel() for group in groups)])
    gap = np.abs(Report.differences(claimed, values))
    wrong = (gap != 0.0) & ~((gap <= tolerance * np.abs(values)) & np.isfinite(gap))
    turned = frozenset(g for g, group in enumerate(groups) if group.turned)
    found: dict[int, tuple[FoundSlip, ...]] = {}
    cut_short = False
    if wrong.any() or turned:
        tape = Tape(ledger)
        room = allowance(tape)
        allowed = np.where(index < 0, 0.0, room[index])
        wrong &= ~(gap <= allowed + _TINY)  # finite
        shapes, start = [], 0
        for group in groups:
            shapes.append(start + np.arange(group.nodes.size).reshape(group.nodes.shape))
            start += group.nodes.size
        near = max(tolerance, 1e-8)
        case = Case(tape, index, values, claimed, wrong, allowed, shapes, turned, lr, near)
        if wrong.any() or turned:
            with np.errstate(all="ignore"):
                judge = _Judge(case)
                found = judge.verdicts()
                cut_short = judge.cut_short
    rows: list[tuple[str, tuple[Claim, ...]]] = []
    start = 0
    for g, group in enumerate(groups):
        each = []
        for e, node in enumerate(group.nodes.ravel().tolist(), start):
            name = describe(node, scope.get(node))
            ok = not wrong[e] and g not in turned
            each.append(Claim(node, name, values[e], claimed[e], ok, found.get(e, ())))
        start += len(each)
        rows.append((group.name or _title(group.nodes, scope), tuple(each)))
    return Verification(tuple(rows), tolerance, cut_short)


_TINY = 1e-300  # below, doubles lose digits


# -- what is claimed -------------------------------------------------------------------------


class _Given:
    """One claim as it was given: nodes, and as many numbers."""

    def __init__(self, key: Any, claim: Any, name: str, ledger: Ledger):
        self.nodes = _nodes(key)
        self.name = name
        for node in self.nodes.ravel():
            if not node.requires_grad:
                raise GraphError(
                    f"{node!r} is a constant, which no gradient flows to: there is nothing to hold "
                    "a claim against. Make it with requires_grad=True before the graph is built."
                )
        if callable(claim) and not isinstance(claim, Value):
            claim = _called(claim, key, ledger)
        what = name or _title(self.nodes, {})
        numbers = _numbers(claim, what)
        shape = self.nodes.shape
        self.turned = numbers.shape != shape and numbers.shape == shape[::-1] and len(shape) == 2
        if self.turned:
            numbers = numbers.T
        if numbers.shape != shape:
            raise ValueError(
                f"the claim about {what} has the shape {numbers.shape}, but the nodes have {shape}."
            )
        self.claims = numbers

    def offsets(self, ledger: Ledger) -> np.ndarray[Any, Any]:
        """The numbers of the nodes in the ledger, -1 for those outside."""
        order = _order(ledger)
        return np.array([order.get(node, -1) for node in self.nodes.ravel()], dtype=int)


def _title(nodes: np.ndarray[Any, Any], scope: Mapping[Value, str]) -> str:
    """A node or an array of nodes in words, such as w (3 × 2) of MLP.layers.0."""
    flat = nodes.ravel().tolist()
    if len(flat) < 2:
        return describe(flat[0], scope.get(flat[0])) if flat else "nothing"
    stems = {node.label.partition("[")[0] for node in flat}
    paths = {scope.get(node, "") for node in flat}
    if len(stems) == len(paths) == 1 and (stem := stems.pop()):
        path = paths.pop()
        return f"{stem} ({' × '.join(map(str, nodes.shape))})" + (f" of {path}" if path else "")
    first, last = (describe(node, scope.get(node)) for node in (flat[0], flat[-1]))
    return f"{first} … {last}"


def _order(ledger: Ledger) -> dict[Value, int]:
    return {node: i for i, node in enumerate(ledger)}


def _flat(claims: Any, model: Any) -> Iterator[tuple[Any, Any, str]]:
    """(node or nodes, claim, name) of everything claimed."""
    if isinstance(claims, Mapping):
        claims = claims.items()
    elif isinstance(claims, Value | str) or not isinstance(claims, Iterable):
        raise TypeError(
            f"claims are a dict {{node: number}} or a list of pairs (nodes, numbers), "
            f"but got {type(claims).__name__} {claims!r}."
        )
    for pair in claims:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"a claim is a pair (node or nodes, number or numbers), not {pair!r}.")
        key, claim = pair
        if isinstance(key, str):
            named = dict(model.named_parameters()) if model is not None else {}
            if key not in named:
                raise ValueError(
                    f"no parameter is called {key!r}; "
                    + (f"there are {', '.join(named)}." if named else "verify() got no model.")
                )
            yield named[key], claim, key
        elif hasattr(key, "named_parameters"):
            named = dict(key.named_parameters())
            if not isinstance(claim, Mapping):
                claim = dict(zip(named, claim, strict=True))
            for name, array in claim.items():
                if name not in named:
                    raise ValueError(f"no parameter is called {name!r} in {key!r}.")
                yield named[name], array, name
        else:
            yield key, claim, ""


def _nodes(key: Any) -> np.ndarray[Any, Any]:
    """The node or nodes as an array of objects."""
    if isinstance(key, Value):
        array: np.ndarray[Any, Any] = np.empty((), dtype=object)
        array[()] = key
        return array
    array = np.array(key, dtype=object)
    if array.size and not all(isinstance(each, Value) for each in array.ravel()):
        raise TypeError(
            "a claim is about a Value, an array of Values, a module or a parameter's name, "
            f"not {type(key).__name__} {key!r}."
        )
    return array


def _called(claim: Callable[..., Any], key: Any, ledger: Ledger) -> Any:
    """What the function gives for the numbers of the nodes that its arguments are named after."""
    try:
        parameters = [
            each
            for each in inspect.signature(claim).parameters.values()
            if each.default is each.empty
            and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        ]
    except (TypeError, ValueError):
        return claim()
    if not parameters:
        return claim()
    labelled: dict[str, dict[Value, None]] = {each.name: {} for each in parameters}
    for node in _everything(ledger):
        if node.label in labelled:
            labelled[node.label][node] = None
    if all(len(nodes) == 1 for nodes in labelled.values()):
        numbers = {name: next(iter(nodes)).data for name, nodes in labelled.items()}
        return claim(**numbers)
    if len(parameters) == 1:
        return claim(key)
    problem = next(name for name, nodes in labelled.items() if len(nodes) != 1)
    count = len(labelled[problem])
    raise ValueError(
        f"the function claimed has an argument {problem!r}, but {count or 'no'} nodes of the graph "
        "have that label. Give it none, and use .data of the nodes in it."
    )


def _everything(ledger: Ledger) -> Iterator[Value]:
    """The nodes of the graph and the constants in it."""
    for node in ledger:
        yield node
        for parent in node.parents:
            if not parent.requires_grad:
                yield parent


def _numbers(claim: Any, name: str) -> Array:
    """The number or numbers claimed, as an array."""
    if isinstance(claim, Value):
        return np.array(claim.data)
    try:
        array = np.asarray(claim, dtype=object)
        return np.array([_number(each) for each in array.ravel().tolist()]).reshape(array.shape)
    except (TypeError, ValueError) as problem:
        raise TypeError(f"the claim about {name} is not a number or an array: {problem}") from None


def _number(each: Any) -> float:
    return each.data if isinstance(each, Value) else as_float(each)


# -- what explains it ------------------------------------------------------------------------


class _Judge:
    """Compares the claims of a case with what all usual slips would give."""

    def __init__(self, case: Case):
        self.case = case
        self.cut_short = False  # whether a slip has more places than were tried
        self.gap = np.abs(Report.differences(case.claims, case.values))
        self.scale = np.zeros(len(case.values))
        for entries in case.groups:
            sizes = np.abs(case.claims[entries])
            largest = sizes[np.isfinite(sizes)].max(initial=0.0)
            self.scale[entries.ravel()] = largest

    def verdicts(self) -> dict[int, tuple[FoundSlip, ...]]:
        """For each wrong entry the slips that explain it."""
        case = self.case
        fits = self._fits()
        found: dict[int, tuple[FoundSlip, ...]] = {}
        left = set(case.wrong_groups())
        while left:
            best = self._best(fits, left)
            if best is None:
                break
            explained, slips = best
            for g in explained:
                for e in case.groups[g].ravel():
                    if case.wrong[e] or g in case.turned:
                        found[int(e)] = slips
            left -= explained
        return found

    def _best(
        self, fits: list[tuple[Candidate, frozenset[int], frozenset[int], bool]], left: set[int]
    ) -> tuple[frozenset[int], tuple[FoundSlip, ...]] | None:
        """The groups that one slip explains at best, and the slips that do so equally well."""
        order = list(SLIPS)

        def merit(
            fit: tuple[Candidate, frozenset[int], frozenset[int], bool],
        ) -> tuple[int, int, bool]:
            _, whole, partly, clean = fit
            return len(partly & left), len(whole & left), clean

        fits = [fit for fit in fits if fit[2] & left]
        if not fits:
            return None
        top = max(map(merit, fits))
        equal = [fit for fit in fits if merit(fit) == top]
        first = equal[0]
        for fit in equal:
            if order.index(fit[0].name) < order.index(first[0].name):
                first = fit
        explained = first[2] & left
        chosen: dict[str, Candidate] = {}
        for candidate, _, partly, _ in equal:
            if partly & left == explained:
                chosen.setdefault(candidate.name, candidate)
        ranked = sorted(chosen.values(), key=lambda each: order.index(each.name))
        slips = tuple(self._told(each) for each in ranked[:4])
        return frozenset(explained), slips

    def _told(self, candidate: Candidate) -> FoundSlip:
        tape = self.case.tape
        return FoundSlip(candidate.name, candidate.sentence(tape), candidate.nodes(tape))

    def _fits(self) -> list[tuple[Candidate, frozenset[int], frozenset[int], bool]]:
        """(slip, groups it gives all of, groups it gives all wrong claims of, all else right)."""
        case = self.case
        wrong_groups = case.wrong_groups()
        right = np.ones(len(case.values), dtype=bool)
        for g in wrong_groups:
            right[case.groups[g].ravel()] = False
        found = []
        for batch in self._batches():
            near, explains = self._near(self._predictions(batch))
            whole: dict[int, Any] = {}
            partly: dict[int, Any] = {}
            for g in wrong_groups:
                entries = case.groups[g].ravel()
                whole[g] = np.logical_and.reduce(near[entries])
                partly[g] = np.logical_and.reduce(explains[entries[case.wrong[entries]]])
                if g in case.turned:
                    partly[g] = whole[g] & np.array([each.turned for each in batch])
            clean: Any = np.logical_and.reduce(near[right])
            for k in np.flatnonzero(np.any(np.stack(list(partly.values())), axis=0)):
                some = frozenset(g for g in wrong_groups if partly[g][k])
                every = frozenset(g for g in some if whole[g][k])
                if self._confirmed(batch[k], some):
                    found.append((batch[k], every, some, bool(clean[k])))
        return found

    def _near(self, predicted: Array) -> tuple[Mask, Mask]:
        """Where a slip gives the claim; and where so near that it explains what is wrong."""
        case = self.case
        with np.errstate(all="ignore"):
            miss = np.abs(Report.differences(predicted, case.claims[:, None]))
            room = case.tolerance * np.abs(case.claims) + 16.0 * case.allowance
            near = miss <= (room + 1e-13 * self.scale + _TINY)[:, None]
            near &= np.isfinite(miss) & (np.isfinite(case.claims) | ~case.wrong)[:, None]
            part = max(1e-3, min(0.1, 10.0 * case.tolerance))
            explains = near & ~(miss > part * self.gap[:, None])
        return near, explains

    def _confirmed(self, candidate: Candidate, groups: Iterable[int]) -> bool:
        """Whether more numbers agree than were fitted."""
        if not candidate.free:
            return True
        case = self.case
        entries = np.concatenate([case.groups[g].ravel() for g in groups])
        entries = entries[case.wrong[entries] & (case.values[entries] != 0.0)]
        ratios = case.claims[entries] / case.values[entries]
        return len(ratios) > 1 and float(np.ptp(ratios)) > 1e-6 * float(np.abs(ratios - 1.0).max())

    def _batches(self) -> Iterator[list[Candidate]]:
        """All candidates, as many at a time as one sweep takes."""
        many = int(max(8, min(512, 4e6 // len(self.case.tape.nodes))))
        batch: list[Candidate] = []
        edits = 0
        places = max(_FEWEST, _WORK // len(self.case.tape.nodes))
        for kind in SLIPS.values():
            for count, candidate in enumerate(kind.find(self.case)):
                if count == places:
                    self.cut_short = True
                    break
                batch.append(candidate)
                edits += candidate.edit is not None
                if edits == many or len(batch) * len(self.case.values) > 4e6:
                    yield batch
                    batch, edits = [], 0
        if batch:
            yield batch

    def _predictions(self, batch: list[Candidate]) -> Array:
        """The gradients (claims, candidates) that the slips give."""
        case = self.case
        edits = [(k, each.edit) for k, each in enumerate(batch) if each.edit is not None]
        columns = np.empty((len(case.values), len(batch)))
        if edits:
            adjoint = case.tape.sweep([edit for _, edit in edits])
            columns[:, [k for k, _ in edits]] = case.at(adjoint)
        for k, each in enumerate(batch):
            if each.predicted is not None:
                columns[:, k] = each.predicted
        return columns
