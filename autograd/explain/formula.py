"""Formulas: what the rules of the op table become when they are read with names.

A formula knows its value on the graph that it was read from, and prints itself as text and as
LaTeX, with names or with numbers in their place. Only the plainest algebra is done, so that what
is printed can be recognised: constants are multiplied out, like terms added, and a sum of terms
that differ in an index alone is written with Σ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from autograd import ops
from autograd.op import Op
from autograd.symbolic import LATEX_SIGNS, Symbolic

Coordinate: TypeAlias = "int | str | None"  # of a name: a number, a letter that runs, or not there

_SUPER = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUB = str.maketrans("0123456789ijklmnpst", "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₗₘₙₚₛₜ")
_LETTERS = "kmlpst"  # for running indices; j and i are those of a matrix, n counts the samples
_TEXT_NAMES = {"sigmoid": "σ", "normal_cdf": "Φ", "sum": "Σ"}


@dataclass(frozen=True)
class Style:
    """How to print: as text or LaTeX; with ``digits``, numbers in place of the names.

    ``most`` is how many terms of a sum are written out.
    """

    latex: bool = False
    digits: int | None = None
    most: int | None = None

    def number(self, number: float) -> str:
        """The number: whole, as a fraction, or with so many digits."""
        if not math.isfinite(number):
            if not self.latex or math.isnan(number):
                return str(number)
            return r"\infty" if number > 0 else r"-\infty"
        if number == int(number) and abs(number) < 1e6:
            return str(int(number))
        text = repr(number) if self.digits is None else f"{number:.{self.digits}g}"
        if self.latex and "e" in text:
            mantissa, exponent = text.split("e")
            text = rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
        return text

    @property
    def dot(self) -> str:
        """The sign of a product."""
        return r" \cdot " if self.latex else " · "


class Formula(Symbolic):
    """The base of formulas.

    Attributes:
        value: the number that it has on the graph; nan where an index runs.
        binds: 1 like a sum, 2 like a product, 3 like a function or power, 4 an atom.
        opaque: whether it is other than plain arithmetic.
        head: what it is, apart from its coordinates and parts.
        coordinates: what tells it from its like: the indices of a name.
        parts: the formulas that it is made of.
    """

    value: float = math.nan
    binds: int = 4
    opaque: bool = True
    head: tuple[Any, ...] = ()
    coordinates: tuple[Coordinate, ...] = ()
    parts: tuple[Formula, ...] = ()

    def rebuilt(self, coordinates: tuple[Coordinate, ...], parts: tuple[Formula, ...]) -> Formula:
        """The same with other coordinates and parts."""
        raise NotImplementedError

    def _show(self, style: Style) -> str:
        raise NotImplementedError

    def show(self, style: Style, level: int = 0) -> str:
        """The formula as a string, in parentheses if it binds less tightly than the level.

        With numbers for names, what is no plain arithmetic is shown as its own number.
        """
        if style.digits is not None and self.opaque and not math.isnan(self.value):
            return Number(self.value).show_number(style, level)
        text = self._show(style)
        if self._binding(style) >= level:
            return text
        return rf"\left({text}\right)" if style.latex else f"({text})"

    def _binding(self, style: Style) -> int:
        return self.binds

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for formulas that say the same."""
        return self.head, self.coordinates, tuple(part.key for part in self.parts)

    @property
    def skeleton(self) -> tuple[Any, ...]:
        """Equal for formulas that differ in coordinates alone."""
        return self.head, len(self.coordinates), tuple(part.skeleton for part in self.parts)

    def __iter__(self) -> Iterator[Formula]:
        """This formula and all that it is made of."""
        yield self
        for part in self.parts:
            yield from part

    def __repr__(self) -> str:
        return self.show(Style())

    @classmethod
    def apply_op(cls, op: Op, args: Sequence[Any]) -> Formula:
        """The op of these formulas and numbers, in the plainest form."""
        if op.arity is None:
            groups = [[formula(each) for each in arg] for arg in args]
            return _SEQUENCES[op](*groups) if op in _SEQUENCES else Apply(op, groups)
        each = [formula(arg) for arg in args]
        if op in _PLAIN:
            return _PLAIN[op](*each)
        if all(isinstance(arg, Number) for arg in each):
            return Number(op.on_floats(*(arg.value for arg in each)))
        return Apply(op, [each])

    @classmethod
    def compare(cls, sign: str, left: Any, right: Any) -> Formula:
        """The comparison as a formula."""
        return Comparison(sign, formula(left), formula(right))


def formula(thing: Any) -> Formula:
    """The formula itself, or that of a number."""
    return thing if isinstance(thing, Formula) else Number(float(thing))


class Number(Formula):
    """A constant."""

    def __init__(self, value: float):
        self.value = value
        self.binds = 1 if value < 0 else 4
        self.head = ("number", value)

    def rebuilt(self, coordinates: Any, parts: Any) -> Formula:
        """The number: there is nothing to change in it."""
        return self

    def show_number(self, style: Style, level: int) -> str:
        """The number alone, in parentheses where a sign would be misread."""
        text = style.number(self.value)
        if text.startswith("-") and level > 1:
            return rf"\left({text}\right)" if style.latex else f"({text})"
        return text

    def _show(self, style: Style) -> str:
        fraction = _as_fraction(self.value)
        if fraction is None or style.digits is not None:
            return style.number(self.value)
        p, q = fraction.numerator, fraction.denominator
        if style.latex:
            return rf"{'-' if p < 0 else ''}\frac{{{abs(p)}}}{{{q}}}"
        return f"{p}/{q}"

    def _binding(self, style: Style) -> int:
        plain = style.digits is not None or _as_fraction(self.value) is None
        return self.binds if plain or self.value < 0 else 2


def _as_fraction(value: float) -> Fraction | None:
    """p/q, if the value is just that float for a small q, and no short decimal."""
    if not math.isfinite(value) or len(repr(value)) < 6:
        return None
    fraction = Fraction(value).limit_denominator(1000)
    exact = fraction.denominator > 1 and fraction.numerator / fraction.denominator == value
    return fraction if exact else None


class Name(Formula):
    """A named quantity.

    Its coordinates are its indices, counted from 1, and last the number of the sample or call.
    Its kind is "weight" for a weight, "z" for a pre-activation; ``by`` makes it ∂by/∂itself.
    """

    def __init__(
        self,
        stem: str,
        value: float,
        layer: int | None = None,
        indices: tuple[Coordinate, ...] = (),
        call: Coordinate = None,
        kind: str = "",
        by: str = "",
    ):
        self.stem, self.layer, self.kind, self.by = stem, layer, kind, by
        self.value = value
        self.coordinates = (*indices, call)
        self.head = ("name", stem, layer, by)

    @property
    def indices(self) -> tuple[Coordinate, ...]:
        """The indices, without the number of the call."""
        return self.coordinates[:-1]

    def rebuilt(self, coordinates: tuple[Coordinate, ...], parts: Any) -> Name:
        """The same quantity with other indices, of no particular value."""
        *indices, call = coordinates
        return Name(self.stem, math.nan, self.layer, tuple(indices), call, self.kind, self.by)

    def adjoint(self, value: float, by: str) -> Name:
        """∂by/∂self, which is called δ for a pre-activation."""
        *indices, call = self.coordinates
        if self.kind == "z":
            return Name("δ", value, self.layer, tuple(indices), call)
        return Name(self.stem, value, self.layer, tuple(indices), call, by=by)

    def of(self, value: float) -> Name:
        """The same name with another number."""
        *indices, call = self.coordinates
        return Name(self.stem, value, self.layer, tuple(indices), call, self.kind, self.by)

    def upper(self) -> Name:
        """The whole of which this is an entry: W of w, z of z."""
        stem = self.stem.upper() if len(self.indices) == 2 else self.stem
        return Name(stem, math.nan, self.layer, (), self.coordinates[-1], self.kind, self.by)

    def _show(self, style: Style) -> str:
        if style.latex:
            name = self._latex()
            return rf"\frac{{\partial {_letter(self.by)}}}{{\partial {name}}}" if self.by else name
        name = self._text()
        return f"∂{self.by}/∂{name}" if self.by else name

    def _binding(self, style: Style) -> int:
        # What has an exponent already takes no other one without parentheses.
        return 3 if style.latex and self.layer is not None else 4

    def _text(self) -> str:
        layer = "" if self.layer is None else f"⁽{str(self.layer).translate(_SUPER)}⁾"
        call = "" if self.coordinates[-1] is None else f"[{self.coordinates[-1]}]"
        return f"{self.stem}{layer}{_joined(self.indices).translate(_SUB)}{call}"

    def _latex(self) -> str:
        layer = "" if self.layer is None else f"^{{({self.layer})}}"
        call = "" if self.coordinates[-1] is None else f"[{self.coordinates[-1]}]"
        joined = _joined(self.indices)
        indices = f"_{{{joined}}}" if joined else ""
        return f"{_letter(self.stem)}{layer}{indices}{call}"


def subscript(index: Coordinate) -> str:
    """The index as small text below the line."""
    return "" if index is None else str(index).translate(_SUB)


def _joined(indices: tuple[Coordinate, ...]) -> str:
    """The indices side by side, with commas if one of them has two digits."""
    texts = [str(index) for index in indices]
    return ("" if all(len(text) == 1 for text in texts) else ",").join(texts)


_GREEK = {"δ": r"\delta", "σ": r"\sigma", "Φ": r"\Phi", "α": r"\alpha", "β": r"\beta"}
_ESCAPES = {
    **{sign: "\\" + sign for sign in "#$%&_{}"},
    "\\": r"\backslash ", "^": r"\hat{\ }", "~": r"\sim ", " ": r"\ ", "'": "'",
}  # fmt: skip


def _letter(label: str) -> str:
    """Any label in LaTeX: x as x, x1 as x₁, a word upright, and no sign is a command."""
    if label in _GREEK:
        return _GREEK[label]
    if re.fullmatch("[A-Za-z]", label):
        return label
    if match := re.fullmatch(r"([A-Za-z])(\d+)", label):
        return f"{match[1]}_{{{match[2]}}}"
    return r"\mathrm{" + "".join(_ESCAPES.get(sign, sign) for sign in label) + "}"


class Sum(Formula):
    """Terms added up; see ``total``."""

    opaque = False
    binds = 1

    def __init__(self, terms: Sequence[Formula]):
        self.parts = tuple(terms)
        self.head = ("sum", len(terms))
        self.value = (
            math.fsum(each.value for each in terms) if _finite(terms) else _plain_sum(terms)
        )

    def rebuilt(self, coordinates: Any, parts: tuple[Formula, ...]) -> Formula:
        """The sum of other terms."""
        return Sum(parts)

    def _show(self, style: Style) -> str:
        factor = self._common()
        if factor is None:
            return _written_sum(self.parts, style)
        rest = Sum([times([Number(1.0 / factor), part]) for part in self.parts])
        return Product(factor, [rest]).show(style)

    def _binding(self, style: Style) -> int:
        return 1 if self._common() is None else 2

    def _common(self) -> float | None:
        """What stands before every term, if that is not 1; to be written once."""
        sizes = {abs(_coefficient(part)) for part in self.parts}
        size = sizes.pop()
        return None if sizes or size in (0.0, 1.0) or not math.isfinite(size) else size


def _coefficient(term: Formula) -> float:
    if isinstance(term, Number):
        return term.value
    return term.coefficient if isinstance(term, Product) else 1.0


def _finite(terms: Sequence[Formula]) -> bool:
    return all(math.isfinite(each.value) for each in terms)


def _plain_sum(terms: Sequence[Formula]) -> float:
    return sum(each.value for each in terms)


def _written_sum(terms: Sequence[Formula], style: Style) -> str:
    first = next((place for place, term in enumerate(terms) if _coefficient(term) > 0), 0)
    terms = (terms[first], *terms[:first], *terms[first + 1 :])
    shown = terms
    if style.most is not None and len(terms) > style.most + 1:
        shown = terms[: style.most]
    text = shown[0].show(style, 1)
    for term in shown[1:]:
        each = term.show(style, 1)
        text += f" - {each[1:]}" if each.startswith("-") else f" + {each}"
    if len(shown) < len(terms):
        text += (r" + \dots" if style.latex else " + …") + _more(len(terms) - len(shown), style)
    return text


def _more(count: int, style: Style) -> str:
    return rf"\text{{ ({count} more)}}" if style.latex else f" ({count} more)"


class Product(Formula):
    """A number times factors; see ``times``."""

    opaque = False
    binds = 2

    def __init__(self, coefficient: float, factors: Sequence[Formula]):
        self.coefficient = coefficient
        self.parts = tuple(factors)
        self.head = ("product", coefficient, len(factors))
        self.value = coefficient * math.prod(each.value for each in factors)
        if coefficient < 0:
            self.binds = 1

    def rebuilt(self, coordinates: Any, parts: tuple[Formula, ...]) -> Formula:
        """The same coefficient before other factors."""
        return Product(self.coefficient, parts)

    def _show(self, style: Style) -> str:
        factors = [
            factor.show(style, 2 if place == 0 else 3) for place, factor in enumerate(self.parts)
        ]
        if abs(self.coefficient) != 1.0:
            factors = [factor.show(style, 3) for factor in self.parts]
            factors.insert(0, Number(abs(self.coefficient)).show(style, 0))
        return ("-" if self.coefficient < 0 else "") + style.dot.join(factors)


class Apply(Formula):
    """A function of the op table; its arguments in one or more groups."""

    def __init__(self, op: Op, groups: Sequence[Sequence[Formula]]):
        self.op = op
        self.sizes = tuple(map(len, groups))
        self.parts = tuple(part for group in groups for part in group)
        self.head = ("apply", op, self.sizes)
        numbers = [[part.value for part in group] for group in groups]
        self.value = op.on_floats(*(numbers if op.arity is None else numbers[0]))
        self.opaque = op not in (ops.square, ops.power, ops.divide)

    @property
    def groups(self) -> list[list[Formula]]:
        """The arguments, group by group."""
        rest = list(self.parts)
        return [[rest.pop(0) for _ in range(size)] for size in self.sizes]

    def rebuilt(self, coordinates: Any, parts: tuple[Formula, ...]) -> Formula:
        """The same function of other arguments."""
        rest = list(parts)
        return Apply(self.op, [[rest.pop(0) for _ in range(size)] for size in self.sizes])

    def _show(self, style: Style) -> str:
        if style.latex:
            return self._latex(style)
        args = [part.show(style) for part in self.parts]
        if self.op is ops.square:
            return f"{self.parts[0].show(style, 4)}²"
        if self.op is ops.power:
            return f"{self.parts[0].show(style, 4)}^{self.parts[1].show(style, 4)}"
        if self.op is ops.divide:
            return f"{self.parts[0].show(style, 2)} / {self.parts[1].show(style, 3)}"
        if self.op is ops.absolute:
            return f"|{args[0]}|"
        if style.most is not None and len(args) > style.most:
            args = [*args[: style.most - 1], "…"]
        return f"{_TEXT_NAMES.get(self.op.name, self.op.name)}({', '.join(args)})"

    def _latex(self, style: Style) -> str:
        render: Any = self.op.latex.format if isinstance(self.op.latex, str) else self.op.latex
        groups = [[_Shown(part, style) for part in group] for group in self.groups]
        return str(render(*(groups if self.op.arity is None else groups[0])))

    def _binding(self, style: Style) -> int:
        if style.latex:
            return self.op.binds
        return 3 if self.op in (ops.square, ops.power) else 2 if self.op is ops.divide else 4


class _Shown:
    """A formula for the templates of the table: ``{0:2}`` asks for parentheses below 2."""

    def __init__(self, formula: Formula, style: Style):
        self.formula, self.style = formula, style

    def __format__(self, spec: str) -> str:
        return self.formula.show(self.style, int(spec or 0))


class Slope(Formula):
    """A local partial by its name: σ'(z), or ∂max(a, b)/∂a."""

    def __init__(self, op: Op, position: int, args: Sequence[Formula], value: float):
        self.op, self.position = op, position
        self.parts = tuple(args)
        self.head = ("slope", op, position, len(args))
        self.value = value
        self.binds = 4 if len(args) == 1 else 3

    def rebuilt(self, coordinates: Any, parts: tuple[Formula, ...]) -> Formula:
        """The same of other arguments, of no particular value."""
        return Slope(self.op, self.position, parts, math.nan)

    def _show(self, style: Style) -> str:
        args = [part.show(style) for part in self.parts]
        if not style.latex:
            name = _TEXT_NAMES.get(self.op.name, self.op.name)
            if len(args) == 1:
                return f"{name}'({args[0]})"
            return f"∂{name}({', '.join(args)})/∂{args[self.position]}"
        if len(args) == 1:
            return rf"{_latex_name(self.op)}'\left({args[0]}\right)"
        whole = rf"{_latex_name(self.op)}\left({', '.join(args)}\right)"
        return rf"\frac{{\partial {whole}}}{{\partial {args[self.position]}}}"


def _latex_name(op: Op) -> str:
    """The name of a function: what its template has before the parentheses, if that is a name."""
    if isinstance(op.latex, str):
        match = re.fullmatch(
            r"(\\[A-Za-z]+(\{[^{}]*\})?)\\left\(@\\right\)", op.latex.format("@", "@", "@")
        )
        if match:
            return match[1]
    return rf"\mathrm{{{_letter(op.name)}}}" if len(op.name) == 1 else _letter(op.name)


class Softmax(Formula):
    """exp(xₖ) / Σ exp(x), the partial of logsumexp, by its name."""

    def __init__(self, args: Sequence[Formula], index: Coordinate, value: float):
        self.parts = tuple(args)
        self.coordinates = (index,)
        self.head = ("softmax", len(args))
        self.value = value

    def rebuilt(self, coordinates: tuple[Coordinate, ...], parts: tuple[Formula, ...]) -> Formula:
        """Another entry, or that of other arguments, of no particular value."""
        return Softmax(parts, coordinates[0], math.nan)

    def argument(self) -> Formula | None:
        """The vector of the arguments if they are one, else None."""
        return whole_vector(self.parts)

    def _show(self, style: Style) -> str:
        vector = None if style.digits is not None else self.argument()
        args = [vector] if vector is not None else list(self.parts)
        texts = [part.show(style) for part in args]
        if style.most is not None and len(texts) > style.most:
            texts = [*texts[: style.most - 1], r"\dots" if style.latex else "…"]
        (index,) = self.coordinates
        joined = ", ".join(texts)
        if style.latex:
            entry = "" if index is None else f"_{{{index}}}"
            return rf"\mathrm{{softmax}}\left({joined}\right){entry}"
        return f"softmax({joined}){subscript(index)}"


def whole_vector(parts: Sequence[Formula]) -> Name | None:
    """The vector whose entries 1 to n these are, if that is what they are."""
    first = parts[0]
    if not isinstance(first, Name) or len(first.indices) != 1:
        return None
    for number, part in enumerate(parts, 1):
        if part.key != first.rebuilt((number, *first.coordinates[1:]), ()).key:
            return None
    return first.upper()


class Comparison(Formula):
    """1 where it holds, else 0."""

    def __init__(self, sign: str, left: Formula, right: Formula):
        self.sign = sign
        self.parts = (left, right)
        self.head = ("compare", sign)
        a, b = left.value, right.value
        self.value = float(_COMPARE[sign](a, b))

    def rebuilt(self, coordinates: Any, parts: tuple[Formula, ...]) -> Formula:
        """The same of other sides."""
        return Comparison(self.sign, *parts)

    def _show(self, style: Style) -> str:
        left, right = (part.show(style, 1) for part in self.parts)
        if style.latex:
            return rf"\left[{left} {LATEX_SIGNS[self.sign]} {right}\right]"
        return f"[{left} {self.sign} {right}]"


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


class Sigma(Formula):
    """A sum over an index that runs from 1 to n: Σₖ of the body.

    Attributes:
        letter: the index.
        terms: the n terms, with their numbers.
    """

    opaque = False

    def __init__(self, letter: str, body: Formula, terms: Sequence[Formula]):
        self.letter, self.terms = letter, tuple(terms)
        self.parts = (body,)
        self.head = ("sigma", letter, len(terms))
        self.value = (
            math.fsum(each.value for each in terms) if _finite(terms) else _plain_sum(terms)
        )

    @property
    def body(self) -> Formula:
        """The term for the running index."""
        return self.parts[0]

    def rebuilt(self, coordinates: Any, parts: tuple[Formula, ...]) -> Formula:
        """The sum of another body, whose terms follow from it."""
        (body,) = parts
        terms = [replaced(body, self.letter, number) for number in range(1, len(self.terms) + 1)]
        return Sigma(self.letter, body, terms)

    def _show(self, style: Style) -> str:
        if style.digits is not None:
            return _written_sum(self.terms, style)
        body = self.body.show(style, 2)
        if style.latex:
            return rf"\sum_{{{self.letter}=1}}^{{{len(self.terms)}}} {body}"
        return f"Σ{self.letter.translate(_SUB)} {body}"

    def _binding(self, style: Style) -> int:
        return 1 if style.digits is None or len(self.terms) > 1 else 2


# -- algebra ---------------------------------------------------------------------------------


def total(terms: Sequence[Formula]) -> Formula:
    """The sum: constants put together, like terms too, no zeros."""
    constant, place = 0.0, 0
    found: dict[Any, tuple[float, Formula, tuple[Formula, ...]]] = {}
    queue = list(terms)
    while queue:
        term = queue.pop(0)
        if isinstance(term, Sum):
            queue = [*term.parts, *queue]
        elif isinstance(term, Number):
            place = place if constant else len(found)
            constant += term.value
        else:
            coefficient = term.coefficient if isinstance(term, Product) else 1.0
            factors = term.parts if isinstance(term, Product) else (term,)
            key = tuple(factor.key for factor in factors)
            known = found[key][0] if key in found else 0.0
            found[key] = known + coefficient, term, factors
    result: list[Formula] = []
    for coefficient, _, factors in found.values():
        if coefficient != 0.0:
            result.append(times([Number(coefficient), *factors]))
    if constant != 0.0 or not result:
        result.insert(place, Number(constant))
    return result[0] if len(result) == 1 else Sum(result)


def times(factors: Sequence[Formula]) -> Formula:
    """The product: constants multiplied out, weights first."""
    coefficient = 1.0
    rest: list[Formula] = []
    for factor in factors:
        if isinstance(factor, Number):
            coefficient *= factor.value
        elif isinstance(factor, Product):
            coefficient *= factor.coefficient
            rest += factor.parts
        else:
            rest.append(factor)
    if coefficient == 0.0 or not rest:
        return Number(coefficient)
    rest.sort(key=lambda each: not (isinstance(each, Name) and each.kind == "weight"))
    if coefficient == 1.0 and len(rest) == 1:
        return rest[0]
    if len(rest) == 1 and isinstance(rest[0], Sum) and coefficient == -1.0:
        return total([times([Number(-1.0), part]) for part in rest[0].parts])
    return Product(coefficient, rest)


def _quotient(a: Formula, b: Formula) -> Formula:
    if isinstance(b, Number) and b.value != 0.0:
        return times([Number(1.0 / b.value), a])
    if isinstance(a, Product) and a.coefficient == -1.0:
        return times([Number(-1.0), Apply(ops.divide, [[times(a.parts), b]])])
    return Apply(ops.divide, [[a, b]])


def _power(a: Formula, b: Formula) -> Formula:
    if isinstance(b, Number) and b.value in (0.0, 1.0):
        return a if b.value else Number(1.0)
    if isinstance(a, Number) and isinstance(b, Number):
        return Number(ops.power.on_floats(a.value, b.value))
    return Apply(ops.power, [[a, b]])


def _power_slope(a: Formula, b: Formula) -> Formula:
    return times([b, _power(a, total([b, Number(-1.0)]))])


_PLAIN: dict[Op, Callable[..., Formula]] = {
    ops.add: lambda a, b: total([a, b]),
    ops.subtract: lambda a, b: total([a, times([Number(-1.0), b])]),
    ops.negative: lambda a: times([Number(-1.0), a]),
    ops.positive: lambda a: a,
    ops.multiply: lambda a, b: times([a, b]),
    ops.divide: _quotient,
    ops.power: _power,
    ops.power_slope: _power_slope,
    ops.power_log: lambda a, b: times([_power(a, b), Formula.apply_op(ops.log, [a])]),
    # At this very point of the graph one side holds; the other is a guard or not taken.
    ops.where: lambda condition, a, b: a if condition.value else b,
}
_SEQUENCES: dict[Op, Callable[..., Formula]] = {
    ops.total: lambda x: folded(x),
    ops.mean: lambda x: times([Number(1.0 / len(x)), folded(x)]),
    ops.dot: lambda w, x: folded([times(pair) for pair in zip(w, x, strict=True)]),
    ops.affine: lambda w, x, b: total(
        [folded([times(pair) for pair in zip(w, x, strict=True)]), *b]
    ),
    ops.prod: lambda x: times(x),
}


# -- running indices -------------------------------------------------------------------------


def replaced(template: Formula, letter: str, number: int) -> Formula:
    """The template with a number for the letter."""
    coordinates = tuple(number if each == letter else each for each in template.coordinates)
    parts = tuple(replaced(part, letter, number) for part in template.parts)
    return template.rebuilt(coordinates, parts) if coordinates or parts else template


def unified(formulas: Sequence[Formula], numbers: Sequence[int], letter: str) -> Formula | None:
    """The one formula that all of these are, with the letter for these numbers; None if none is."""
    first = formulas[0]
    if any(
        each.head != first.head or len(each.coordinates) != len(first.coordinates)
        for each in formulas
    ):
        return None
    coordinates: list[Coordinate] = []
    for place, coordinate in enumerate(first.coordinates):
        column = [each.coordinates[place] for each in formulas]
        if all(each == coordinate for each in column):
            coordinates.append(coordinate)
        elif column == list(numbers):
            coordinates.append(letter)
        else:
            return None
    parts: list[Formula] = []
    for parallel in zip(*(each.parts for each in formulas), strict=True):
        part = unified(parallel, numbers, letter)
        if part is None:
            return None
        parts.append(part)
    if tuple(coordinates) == first.coordinates and all(
        ours is theirs for ours, theirs in zip(parts, first.parts, strict=True)
    ):
        return first
    return first.rebuilt(tuple(coordinates), tuple(parts))


def folded(terms: Sequence[Formula]) -> Formula:
    """The sum of the terms, with Σ for those that differ in one index from 1 to n alone."""
    groups: dict[Any, list[Formula]] = {}
    for term in terms:
        groups.setdefault(term.skeleton, []).append(term)
    result: list[Formula] = []
    for group in groups.values():
        sigma = _sigma(group) if len(group) > 1 else None
        result += group if sigma is None else [sigma]
    return total(result)


def _sigma(group: list[Formula]) -> Sigma | None:
    slots = list(zip(*map(_slots, group), strict=True))
    last = [is_call for _, is_call in _slots_of(group[0])]
    used = {each for slot in slots for each in slot if isinstance(each, str)}
    tried: set[tuple[Any, ...]] = set()
    for slot, is_call in zip(slots, last, strict=True):
        if slot in tried or sorted(slot, key=str) != sorted(range(1, len(group) + 1), key=str):
            continue
        tried.add(slot)
        pairs = sorted(zip(slot, range(len(group)), strict=True))
        ordered = [group[place] for _, place in pairs]
        letter = "n" if is_call else next(each for each in _LETTERS if each not in used)
        body = unified(ordered, list(range(1, len(group) + 1)), letter)
        if body is not None:
            return Sigma(letter, body, ordered)
    return None


def _slots(formula: Formula) -> tuple[Coordinate, ...]:
    return tuple(coordinate for coordinate, _ in _slots_of(formula))


def _slots_of(formula: Formula) -> list[tuple[Coordinate, bool]]:
    """All coordinates in it, in order, and whether each is the number of a call."""
    found: list[tuple[Coordinate, bool]] = []
    for each in formula:
        is_name = isinstance(each, Name)
        last = len(each.coordinates) - 1
        found += [(c, is_name and place == last) for place, c in enumerate(each.coordinates)]
    return found
