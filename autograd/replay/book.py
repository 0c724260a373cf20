"""Everything that a replay says about one backward pass: names, formulas, numbers, paths."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from autograd.draw import style
from autograd.draw.tape import Tape
from autograd.explain.equations import computed
from autograd.explain.formula import (
    Apply,
    Comparison,
    Formula,
    Name,
    Number,
    Slope,
    Softmax,
    Style,
    formula,
)
from autograd.explain.ledger import Ledger, Term
from autograd.explain.names import Names
from autograd.explain.paths import Path, Ways, count_paths, largest_paths
from autograd.op import TABLE, Op
from autograd.replay.scene import Line, exact, fraction, piece
from autograd.value import Value

_MOST_PATHS = 8  # that a panel lists
_MOST_TERMS = 6  # of a sum that is written out
_LONGEST = 90  # characters of a formula; a longer one says little
_HELPERS = frozenset({"where", "step", "inversion", "share", "gaussian"})
_MOST_PARTS = 9  # of a local partial that is written out


class LedgerTape(Tape):
    """The graph as the drawing reads it, with the gradients of a fresh backward pass."""

    def __init__(self, ledger: Ledger):
        super().__init__(ledger.root)
        self.ledger = ledger

    def grad(self, i: int) -> float:
        """∂root/∂node."""
        return self.ledger.adjoint.get(self.nodes[i], 0.0)

    @property
    def differentiated(self) -> bool:
        """True: the ledger has the gradients, whatever stands on the nodes."""
        return True


class Book:
    """One backward pass, told.

    Attributes:
        ledger: every term of it.
        tape: the nodes by number.
        order: of each node that requires a gradient, when the backward pass reaches it; from
            the end.
        loss: what the end is called.
    """

    def __init__(self, root: Value):
        self.ledger = Ledger(root)
        self.tape = LedgerTape(self.ledger)
        self.names = Names(root)
        self.order = {node: i for i, node in enumerate(self.ledger)}
        self.counts = count_paths(self.ledger)
        self.loss = style.shortened(self.names.loss, 24)
        self._numbers = {node: i for i, node in enumerate(self.tape.nodes)}
        self._ways: Ways | None = None
        self._partials: dict[Value, list[Formula]] = {}

    # -- names and formulas --------------------------------------------------------------------

    def name(self, node: Value) -> str:
        """What the node is called, in one short line."""
        return style.shortened(self.names.text(node), 24)

    def gradient(self, node: Value, role: str = "") -> Any:
        """∂L/∂node as a fraction."""
        return fraction("∂" + self.loss, "∂" + self.name(node), role)

    def computed(self, node: Value) -> tuple[str, str]:
        """How the node was computed, with names and with numbers; "" for what is too long."""
        names = _fitting(computed(node, self.names).show(Style(most=_MOST_TERMS)))
        return names, _fitting(self._with_numbers(node))

    def _with_numbers(self, node: Value) -> str:
        """The formula with a number for every name: tanh(4), where its value would say less."""
        names = _Numbered(self.names)
        text = computed(node, names).show(Style(digits=None, most=_MOST_TERMS))  # type: ignore[arg-type]
        text = re.sub("⟦[^⟧]*⟧", "", text)
        return re.sub(r"\(\((-[^()]*)\)\)", r"(\1)", text)

    def partial(self, term: Term) -> str:
        """The local partial as the rule of its op says it, with names; "" if that is long."""
        use = term.use
        if use not in self._partials:
            self._partials[use] = list(self._read(use))
        return _fitting(self._partials[use][term.position].show(Style(most=_MOST_TERMS)))

    def _read(self, use: Value) -> Iterator[Formula]:
        op = use.op
        assert op is not None
        names = self.names
        args = [names.formula(*pair) for pair in zip(use.parents, use.args, strict=True)]
        if op.name == "logsumexp":
            yield from (Softmax(args, k, partial) for k, partial in enumerate(use.partials, 1))
            return
        slopes = [Slope(op, i, args, partial) for i, partial in enumerate(use.partials)]
        if TABLE.get(op.name) is not op:
            yield from slopes
            return
        y = names.formula(use, use.data)
        if op.arity is not None:
            assert isinstance(op.partials, tuple)
            read = [rule(y, *args) for rule in op.partials]
        else:
            rest = iter(args)
            groups = [list(itertools.islice(rest, n)) for n in map(len, use.sequences())]
            assert op.every is not None
            read = [each for row in op.every(y, *groups) for each in row]
        for partial, slope in zip(read, slopes, strict=True):
            parts = list(formula(partial))
            guarded = any(
                isinstance(part, Comparison | Slope)
                or (isinstance(part, Apply) and _is_helper(part.op))
                for part in parts
            )
            yield slope if guarded or len(parts) > _MOST_PARTS else formula(partial)

    # -- what is said about a node -------------------------------------------------------------

    def number(self, node: Value) -> int:
        """The number of a node on the tape."""
        return self._numbers[node]

    def uses(self, node: Value) -> int:
        """How many terms its gradient has."""
        return len(self.ledger.terms(node))

    def described(self, node: Value) -> list[str]:
        """The lines that say what a node is."""
        what = node.op.name if node.op is not None else "leaf"
        if node.op is None and not node.requires_grad:
            what = "constant"
        name = self.name(node)
        lines = [name + (f" ({what})" if name != what else "")]
        if node.label and node.label != name:
            lines.append(f"label {style.shortened(node.label, 60)}")
        if node.scope is not None:
            lines.append(f"in {style.shortened(node.scope.path, 60)}")
        return lines

    # -- paths ---------------------------------------------------------------------------------

    def paths(self, node: Value) -> list[Path]:
        """The paths with the largest products."""
        if self._ways is None:
            self._ways = Ways(self.ledger)
        return list(itertools.islice(largest_paths(self.ledger, node, self._ways), _MOST_PATHS))

    def panel(self, node: Value) -> tuple[dict[str, Any], list[Path]]:
        """What is shown of a node that is clicked: the paths that its gradient is the sum of."""
        name = self.name(node)
        lines: list[Line] = []
        if node.op is not None:
            with_names, with_numbers = self.computed(node)
            line = f"{name} = {with_names}" if with_names else name
            if with_numbers and with_numbers != with_names:
                line += f" = {with_numbers}"
            lines.append([line, " = ", number(node.data)])
        else:
            lines.append([f"{name} = ", number(node.data)])
        panel: dict[str, Any] = {"title": [name], "lines": lines}
        if node not in self.ledger:
            lines.append(["A constant: no gradient flows to it."])
            return panel, []
        gradient = self.ledger.adjoint[node]
        panel["title"] = [self.gradient(node), " = ", number(gradient, "result")]
        if node is self.ledger.root:
            lines.append(["The end of the graph: its gradient is the seed, 1."])
            return panel, []
        count = self.counts[node]
        paths = self.paths(node)
        rest = remainder(gradient, [path.product for path in paths])
        if count == 1:
            lines.append([f"One path leads from {name} to {self.loss}:"])
        else:
            largest = "" if count == len(paths) else "; the largest first"
            lines.append([f"{count:,} paths lead from {name} to {self.loss}{largest}:"])
        rows = []
        for path in paths:
            trail = _elided([self.name(each) for each in path.nodes], " → ")
            factors = _elided([_factor(each) for each in path.factors], " · ")
            rows.append([number(path.product), trail, factors])
        foot: list[list[Any]] = []
        if count > len(paths):
            foot.append([number(rest), f"all {count - len(paths):,} other paths together", ""])
        elif rest != 0.0:
            foot.append([number(rest), "rounding", ""])
        foot.append([number(gradient, "result"), "the sum, which is the gradient", ""])
        panel |= {
            "columns": ["product", "path, and its factors: ∂(next)/∂(this)"],
            "rows": rows,
            "foot": foot,
            "numbers": {
                "count": str(count), "rest": exact(rest), "gradient": exact(gradient),
                "products": [exact(path.product) for path in paths],
            },
        }  # fmt: skip
        return panel, paths


def remainder(total: float, parts: Sequence[float]) -> float:
    """What the parts lack to the total, rounded once."""
    if not math.isfinite(total) or not all(map(math.isfinite, parts)):
        return total - sum(parts)
    try:
        return math.fsum([total, *(-part for part in parts)])
    except OverflowError:
        return total - sum(parts)


class _Numbered:
    """Names that are numbers: each node has its own, so that equal numbers do not merge."""

    def __init__(self, names: Names):
        self._names = names
        self._found: dict[Value, str] = {}

    def formula(self, node: Value, value: float) -> Formula:
        if isinstance(self._names.formula(node, value), Number):
            return Number(value)
        mark = self._found.setdefault(node, f"⟦{len(self._found)}⟧")
        text = Style(digits=4).number(value)
        return Name(f"({text}){mark}" if text.startswith("-") else text + mark, value)


def short(value: float) -> str:
    """Four significant digits, as in the drawing."""
    return f"{value:.4g}"


def number(value: float, role: str = "") -> Any:
    """A number, which shows itself in full when it is pointed at."""
    return piece(short(value), role, repr(value))


def _factor(value: float) -> str:
    return f"({short(value)})" if value < 0 else short(value)


def _fitting(text: str) -> str:
    text = style.visible(text)
    return text if len(text) <= _LONGEST else ""


def _elided(texts: Sequence[str], between: str) -> str:
    """The texts joined, with the middle left out if there are many."""
    if len(texts) > 12:
        texts = [*texts[:6], f"… {len(texts) - 11} more …", *texts[-5:]]
    return between.join(texts)


def _is_helper(op: Op) -> bool:
    """Whether an op only exists for the rules of others, and would say nothing to a reader."""
    return op.name.endswith("_slope") or op.name in _HELPERS
