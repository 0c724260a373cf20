"""The chain rule of one graph, written down: an equation for every adjoint that has a name.

    ∂L/∂v = Σ ∂L/∂u · ∂u/∂v    over the uses u of v

A use that nobody would name, such as the difference inside a squared error, is written out in
terms of its own uses, and so on, up to a node that has a name or to the loss itself. So δ at the
output of a network becomes (a - y) · σ'(z), and δ of a hidden neuron (Σₖ wₖⱼ δₖ) · σ'(zⱼ).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from autograd import ops
from autograd.explain.formula import (
    Apply,
    Comparison,
    Formula,
    Name,
    Number,
    Slope,
    Softmax,
    Style,
    folded,
    formula,
    times,
)
from autograd.explain.ledger import Ledger, Term
from autograd.explain.names import Names
from autograd.op import FACTORS, TABLE, Op
from autograd.value import Value

_DEEPEST = 12  # uses in a row without a name, before one gets a name all the same
_HIGHEST = 6  # functions in one another in what is written out in place of a name
_MOST_PARTS = 8  # names, functions and numbers in what is written out in place of a name
_MOST_ARGUMENTS = 6
_SHORT = 20  # characters


@dataclass(frozen=True)
class Equation:
    """One adjoint: what it is called, what it is made of, and the node that it belongs to."""

    node: Value
    left: Formula
    right: Formula

    @property
    def value(self) -> float:
        """The adjoint, as the backward pass gives it."""
        return self.left.value

    def text(self, digits: int = 4, most: int | None = 6) -> str:
        """The formula, the numbers in it, and the result, a line each."""
        return "\n".join(self._lines(Style(), Style(digits=digits, most=most), ""))

    def latex(self, digits: int = 4, most: int | None = 6) -> str:
        """The same in LaTeX, as lines of an ``aligned`` block."""
        styles = Style(latex=True), Style(latex=True, digits=digits, most=most)
        return " \\\\\n".join(self._lines(*styles, "&"))

    def _lines(self, names: Style, numbers: Style, mark: str) -> Iterator[str]:
        left = self.left.show(names)
        yield f"{left} {mark}= {self.right.show(names)}"
        indent = "" if mark else " " * len(left)
        middle = self.right.show(numbers)
        result = numbers.number(self.value)
        if middle != result:
            yield f"{indent} {mark}= {middle}"
        yield f"{indent} {mark}= {result}"


class Equations:
    """The equations of one graph, each made when it is asked for."""

    def __init__(self, ledger: Ledger, names: Names | None = None):
        self.ledger = ledger
        self.names = names or Names(ledger.root)
        self._made: dict[Value, Equation] = {}
        self._readings: dict[Value, Formula] = {}
        self._partials: dict[Value, list[Formula]] = {}

    def __getitem__(self, node: Value) -> Equation:
        """The equation of the node's adjoint."""
        if node not in self._made:
            adjoint = self.names[node].adjoint(self.ledger.adjoint[node], self.names.loss)
            self._made[node] = Equation(node, adjoint, self._sum(node, 0))
        return self._made[node]

    def chain(self, nodes: Iterable[Value]) -> list[Equation]:
        """The equations of the nodes, and of all adjoints that these need, up to the loss."""
        found: dict[Value, Equation] = {}
        queue = list(nodes)
        while queue:
            node = queue.pop(0)
            if node not in found:
                found[node] = self[node]
                queue += self._uses(node)
        return list(found.values())

    def definitions(self, equations: Iterable[Equation]) -> list[str]:
        """What the made-up names in these equations stand for: v₁ = a · b, and so on."""
        found: dict[Any, str] = {}
        queue = [part for equation in equations for part in (*equation.left, *equation.right)]
        while queue:
            part = queue.pop(0)
            if not isinstance(part, Name):
                continue
            key = part.stem, part.layer, part.coordinates
            node = self._made_up.get(key)
            if node is not None and not node.is_leaf and key not in found:
                right = computed(node, self.names)
                found[key] = f"{self.names.text(node)} = {right.show(Style(most=_MOST_ARGUMENTS))}"
                queue += list(right)
        return list(found.values())

    def spelled(self, node: Value) -> str:
        """The name of a node; of one without a label its formula, if that is short."""
        if not self.names.is_made_up(node):
            return self.names.text(node)
        text = repr(self._reading(node, node.data))
        return text if len(text) <= _SHORT else self.names.text(node)

    @functools.cached_property
    def _made_up(self) -> dict[Any, Value]:
        return {
            (name.stem, name.layer, name.coordinates): node for node, name in self.names.made_up()
        }

    def _uses(self, node: Value) -> Iterator[Value]:
        """The nodes whose adjoints the equation of this one names."""
        stack = [(term.use, 1) for term in self.ledger.terms(node)]
        seen: set[Value] = set()
        while stack:
            use, depth = stack.pop()
            if use in seen or use is self.ledger.root:
                continue
            seen.add(use)
            if self._is_named(use, depth):
                yield use
            else:
                stack += [(term.use, depth + 1) for term in self.ledger.terms(use)]

    def _is_named(self, node: Value, depth: int) -> bool:
        """Whether its adjoint stands in formulas by its name, rather than written out."""
        if self.names.is_activation(node):
            return False
        if not self.names.is_made_up(node):
            return True
        return depth >= _DEEPEST or len(self.ledger.terms(node)) > 1

    def _sum(self, node: Value, depth: int) -> Formula:
        if node is self.ledger.root:
            return Number(1.0)
        terms = reversed(self.ledger.terms(node))
        return folded([self._term(node, term, depth + 1) for term in terms])

    def _term(self, node: Value, term: Term, depth: int) -> Formula:
        use = term.use
        if use is not self.ledger.root and self._is_named(use, depth):
            adjoint: Formula = self.names[use].adjoint(term.adjoint, self.names.loss)
        else:
            adjoint = self._sum(use, depth)
        return times([adjoint, self._partial(term)])

    def _partial(self, term: Term) -> Formula:
        """The local partial: the rule of the op, read with names."""
        use = term.use
        if use not in self._partials:
            self._partials[use] = self._read(use)
        return self._partials[use][term.position]

    def _read(self, use: Value) -> list[Formula]:
        """All local partials of a node, in order."""
        op = use.op
        assert op is not None
        pairs = zip(use.parents, use.args, strict=True)
        args = [self._reading(parent, number) for parent, number in pairs]
        if op is ops.logsumexp:
            return [Softmax(args, k, partial) for k, partial in enumerate(use.partials, 1)]
        slopes: list[Formula] = [
            Slope(op, position, args, partial) for position, partial in enumerate(use.partials)
        ]
        if self.names.is_activation(use) or op.name not in TABLE or not _reads_well(op):
            return slopes
        y = self._reading(use, use.data)
        if op.arity is not None:
            assert isinstance(op.partials, tuple)
            read = [rule(y, *args) for rule in op.partials]
        else:
            rest = list(args)
            groups = [[rest.pop(0) for _ in range(size)] for size in map(len, use.sequences())]
            assert op.every is not None
            read = [each for row in op.every(y, *groups) for each in row]
        return [
            formula(partial) if _is_short(formula(partial)) else slope
            for partial, slope in zip(read, slopes, strict=True)
        ]

    def _reading(self, node: Value, number: float) -> Formula:
        """The node as it stands in formulas: its name, or what it was computed from if short."""
        if self._height[node] not in range(1, _HIGHEST) or len(node.parents) > _MOST_ARGUMENTS:
            return self.names.formula(node, number)
        if node not in self._readings:
            pairs = zip(node.parents, node.args, strict=True)
            written = _applied(node, [self._reading(parent, each) for parent, each in pairs])
            short = len(list(written)) <= _MOST_PARTS
            self._readings[node] = written if short else self.names.formula(node, number)
        return self._readings[node]

    @functools.cached_property
    def _height(self) -> dict[Value, int]:
        """How many nodes without a label a formula of the node would be made of, one in another."""
        height: dict[Value, int] = {}
        for node in self.names.order:
            plain = self.names.is_made_up(node) and node.op is not None and node.op.name in TABLE
            parents = node.parents if plain else ()
            height[node] = 1 + max((height[each] for each in parents), default=0) if plain else 0
        return height


def _is_short(partial: Formula) -> bool:
    """Whether a partial is better written out than called ∂f/∂x."""
    parts = list(partial)
    guarded = any(isinstance(part, Comparison) for part in parts)
    return not guarded and len(parts) <= 3 * _MOST_PARTS


def computed(node: Value, names: Names) -> Formula:
    """The formula by which the node was computed: its op of the names of its parents."""
    pairs = zip(node.parents, node.args, strict=True)
    return _applied(node, [names.formula(parent, number) for parent, number in pairs])


def _applied(node: Value, args: list[Formula]) -> Formula:
    """The op of the node on these arguments."""
    assert node.op is not None
    if node.op.arity is not None:
        return Formula.apply_op(node.op, args)
    rest = list(args)
    groups = [[rest.pop(0) for _ in range(size)] for size in map(len, node.sequences())]
    return Formula.apply_op(node.op, groups)


@functools.cache
def _reads_well(op: Op) -> bool:
    """Whether the partial of a function says more when written out than by its name, f'(x).

    It does if the argument or the value stand in it once, as in 2 x and 1 / x.
    """
    if op.arity != 1:
        return True
    assert op.first is not None
    rule = formula(op.first(Name("y", 1.0), Name("x", 1.0)))
    parts = list(rule)
    return sum(isinstance(part, Name) for part in parts) <= 1 and not any(
        isinstance(part, Comparison) or (isinstance(part, Apply) and part.op.name in FACTORS)
        for part in parts
    )
