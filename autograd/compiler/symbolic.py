"""The partials of a row as expressions: the rules of the op table, read with symbols.

A rule that is given symbols says what it would compute. That is read once per op, made a
little simpler, and then written out in whatever a tier speaks: Python, NumPy or numba.
Nothing here knows a derivative; all of them come from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd import ops
from autograd.op import FACTORS, SMOOTH, Op, Rule, SequenceOp
from autograd.ops import REAL
from autograd.symbolic import Symbolic

Term = Any  # an Expression or a float


def _compare(name: str, symbol: str, array: Any) -> Op:
    """A comparison as an op, 1.0 or 0.0: no row of the table, for it has no calculus."""
    return Op(
        name, symbol, array, array, (ops.zero, ops.zero), latex="{0:1} " + symbol + " {1:1}",
        binds=0, domain=(REAL, REAL), kinks=SMOOTH, doc=f"[a {symbol} b] as 1.0 or 0.0.",
    )  # fmt: skip


# fmt: off
LESS          = _compare("less", "<", np.less)
LESS_EQUAL    = _compare("less_equal", r"\le", np.less_equal)
GREATER       = _compare("greater", ">", np.greater)
GREATER_EQUAL = _compare("greater_equal", r"\ge", np.greater_equal)
EQUAL         = _compare("equal", "=", np.equal)
NOT_EQUAL     = _compare("not_equal", r"\ne", np.not_equal)
# fmt: on
COMPARISONS = {
    LESS: "<",
    LESS_EQUAL: "<=",
    GREATER: ">",
    GREATER_EQUAL: ">=",
    EQUAL: "==",
    NOT_EQUAL: "!=",
}  # fmt: skip
_BY_SIGN = {sign: op for op, sign in COMPARISONS.items()}


@dataclass(frozen=True, eq=False)
class Expression(Symbolic):
    """An op applied to expressions and floats; without an op, a place for an argument."""

    op: Op | None
    args: tuple[Term, ...]
    place: int = -2  # -1 is the op's value y, 0, 1, … its arguments

    @classmethod
    def apply_op(cls, op: Op, args: Sequence[Any]) -> Any:
        """What ``op`` makes of these: an expression, simplified by the rewrites below."""
        if isinstance(op, SequenceOp):
            return simplify(op, tuple(tuple(group) for group in args))
        return simplify(op, tuple(args))

    def __bool__(self) -> bool:
        raise TypeError("a rule that branches cannot be read with symbols")

    def __float__(self) -> float:
        raise TypeError("a rule that needs the number cannot be read with symbols")

    __array_ufunc__ = None

    @classmethod
    def compare(cls, sign: str, left: Any, right: Any) -> Any:
        """The comparison as an op."""
        return cls.apply_op(_BY_SIGN[sign], (left, right))

    __hash__ = object.__hash__


class Bundle(Sequence[Any]):
    """All the elements of a sequence as one expression, which varies along an axis.

    A rule that treats all elements alike walks over it once, though its length is that of
    the sequence. A rule that does not, such as that of prod, asks for an element by number.
    """

    def __init__(self, element: Expression, length: int):
        self._element = element
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        yield self._element

    def __getitem__(self, index: Any) -> Any:
        raise TypeError("this rule treats the elements of its sequence one by one")


def is_number(term: Any, number: float) -> bool:
    """Whether the term is this number, and no expression."""
    return isinstance(term, float) and term == number


def _numbers(args: tuple[Any, ...]) -> bool:
    return all(isinstance(arg, float) for arg in args)


def simplify(op: Op, args: tuple[Any, ...]) -> Any:
    """The expression ``op(*args)``, by the first rewrite that fits.

    All are exact for finite numbers. Where 0 · inf would be nan they may differ: a program
    whose result is not finite is computed again by the engine itself.
    """
    args = tuple(float(arg) if isinstance(arg, int | np.number | np.bool_) else arg for arg in args)
    if op in COMPARISONS:
        return Expression(op, args)
    if not isinstance(op, SequenceOp) and _numbers(args):
        return op(*args)
    if op is ops.multiply:
        a, b = args
        if is_number(a, 1.0) and not _is_truth(b):
            return b  # 1 · x → x
        if is_number(b, 1.0) and not _is_truth(a):
            return a  # x · 1 → x
        if is_number(a, -1.0):
            return simplify(ops.negative, (b,))  # -1 · x → -x
        if is_number(b, -1.0):
            return simplify(ops.negative, (a,))  # x · -1 → -x
        if _is(a, ops.negative):
            return simplify(ops.negative, (simplify(op, (a.args[0], b)),))  # (-x) y → -(x y)
        if _is(b, ops.negative):
            return simplify(ops.negative, (simplify(op, (a, b.args[0])),))  # x (-y) → -(x y)
    if op is ops.negative and _is(args[0], ops.negative):
        return args[0].args[0]  # -(-x) → x
    if op is ops.negative and _is(args[0], ops.subtract):
        b, a = args[0].args
        return simplify(ops.subtract, (a, b))  # -(b - a) → a - b
    if op is ops.subtract:
        a, b = args
        if is_number(b, 0.0):
            return a  # x - 0 → x
        if is_number(a, 1.0) and _is(b, LESS_EQUAL):
            return Expression(GREATER, b.args)  # 1 - [x ≤ y] → [x > y], but for nan
        if _is(b, ops.negative):
            return simplify(ops.add, (a, b.args[0]))  # x - (-y) → x + y
    if op is ops.add:
        a, b = args
        if _is(b, ops.negative):
            return simplify(ops.subtract, (a, b.args[0]))  # x + (-y) → x - y
        if _is(a, ops.negative):
            return simplify(ops.subtract, (b, a.args[0]))  # -x + y → y - x
    if op.name == "weight" and _is(args[2], ops.where):
        a, b, rest = args  # exp(a - b - log Σ exp(a - b)) → exp(a - b) / Σ exp(a - b)
        whole = rest.args[2]
        if isinstance(whole, Expression) and whole.op is FACTORS.get("log_total"):
            e = Expression(ops.exp_difference, (a, b))
            return Expression(ops.divide, (e, Expression(ops.total, ((e,),))))
    if op is ops.power_slope and isinstance(args[1], float) and args[1] >= 2.0:
        a, b = args
        return simplify(ops.multiply, (b, simplify(ops.power, (a, b - 1.0))))  # xᵇ → b xᵇ⁻¹
    if op is ops.power and is_number(args[1], 1.0):
        return args[0]  # x¹ → x
    if op is ops.divide:
        a, b = args
        if _is(a, ops.negative):
            return simplify(ops.negative, (simplify(op, (a.args[0], b)),))  # (-x) / y → -(x / y)
    return Expression(op, args)


def _is_truth(term: Any) -> bool:
    """Whether the term is a comparison, which rules make a number of by 1.0 times it."""
    return isinstance(term, Expression) and term.op in COMPARISONS


def _is(term: Any, op: Op) -> bool:
    return isinstance(term, Expression) and term.op is op


Y = Expression(None, (), -1)
PLACES = tuple(Expression(None, (), i) for i in range(3))


@dataclass(frozen=True)
class Reading:
    """The partials of an op, each as an expression of ``Y`` and ``PLACES``.

    Of a sequence op there is one partial per sequence, for whichever element is meant.
    A rule that cannot be read with symbols is kept as an op of its own.
    """

    partials: tuple[Term, ...]
    uses_value: bool = field(default=False)


_readings: dict[Op, Reading | None] = {}


def reading(op: Op) -> Reading | None:
    """The partials of an op with single arguments."""
    if op not in _readings:
        assert isinstance(op.partials, tuple)
        places = tuple(Expression(None, (), i) for i in range(len(op.partials)))
        partials = tuple(_read(op, i, rule, places) for i, rule in enumerate(op.partials))
        _readings[op] = Reading(partials)
    return _readings[op]


def sequence_reading(op: SequenceOp, lengths: tuple[int, ...]) -> Reading | None:
    """The partials of an op of sequences, or None if its rule looks at single elements."""
    bundles = [Bundle(PLACES[i], length) for i, length in enumerate(lengths)]
    try:
        found = op.partials(Y, *bundles)  # type: ignore[operator]
    except TypeError:
        return None
    partials = []
    for part in found:
        element = next(iter(part), 0.0)
        if not isinstance(part, Bundle) and len(set(map(id, part))) > 1:
            plain = all(isinstance(each, float) and each == element for each in part)
            if not plain:
                return None
        partials.append(element)
    return Reading(tuple(partials))


def _read(op: Op, index: int, rule: Rule, places: tuple[Expression, ...]) -> Term:
    """What the rule says; if it does not take symbols, a call of the rule as it is."""
    try:
        partial = rule(Y, *places)
    except (TypeError, AttributeError, ValueError):
        partial = None
    if isinstance(partial, Expression):
        return partial
    if isinstance(partial, int | float | np.number | np.bool_):
        return float(partial)
    return Expression(_opaque(op, index, rule), (Y, *places))


def _opaque(op: Op, index: int, rule: Rule) -> Op:
    """The rule as an op of numbers: element by element, if it does not take arrays."""

    def scalar(y: float, *args: float) -> float:
        return float(op.slope(rule, y, *args))

    def array(*args: Any) -> Any:
        try:
            return rule(*args)
        except (TypeError, ValueError):
            slopes = np.frompyfunc(scalar, len(args), 1)(*args)
            return np.asarray(slopes, dtype=np.float64)

    arity = len(op.partials) + 1  # type: ignore[arg-type]
    return Op(
        f"slope_{index}_of_{op.name}", op.symbol, scalar, array, (ops.zero,) * arity,
        latex=r"\mathrm{{slope}}", domain=(REAL,) * arity, kinks=SMOOTH,
        doc="A partial that cannot be taken apart.",
    )  # fmt: skip


def instantiate(term: Term, places: Callable[[int], Any], make: Callable[..., Any]) -> Any:
    """The term built anew: ``places`` gives what stands for an argument, ``make`` applies an op."""
    done: dict[int, Any] = {}

    def build(each: Any) -> Any:
        if not isinstance(each, Expression):
            return each
        if id(each) not in done:
            if each.op is None:
                done[id(each)] = places(each.place)
            elif isinstance(each.op, SequenceOp):
                groups = [tuple(map(build, group)) for group in each.args]
                done[id(each)] = make(each.op, groups)
            else:
                done[id(each)] = make(each.op, list(map(build, each.args)))
        return done[id(each)]

    return build(term)
