"""The op table: one row per elementary function, the only home of its calculus.

A row holds the function on floats and on arrays, one local partial ∂y/∂aᵢ per
argument, a LaTeX template, a sampling domain and its conventions at kinks. The
partials are written with ordinary operators and with other rows, so what the
arguments are decides what a rule means:

====================  =====================================================
read with             a rule gives
====================  =====================================================
floats                numbers (the backward pass)
NumPy arrays          the same numbers for a whole batch
``Value`` nodes       a graph, which can be differentiated again
any other symbol      whatever that type's ``apply_op`` makes of it
====================  =====================================================

Rules are branch-free: they use ``where``, and comparisons as the numbers 0 and 1.
They may reuse the output ``y``, and are one function per argument, so that an
unneeded partial is never evaluated: the gradient of ``(-3) ** 2`` with respect to
its base takes no logarithm.

Where Python's float arithmetic raises (``1 / 0``, ``exp(1000)``), the answer is
the one of IEEE 754, as in NumPy: the array reading of the same row gives it.
"""

from __future__ import annotations

import builtins
import math
import numbers
import operator
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain
from typing import Any

import numpy as np

Rule = Callable[..., Any]  # (y, *args) -> ∂y/∂aᵢ; what comes in decides what comes out
Interval = tuple[float, float]


@dataclass(frozen=True)
class Kink:
    """A point where calculus leaves a choice, and the choice made: PyTorch's."""

    at: tuple[float, ...]
    value: float
    partials: tuple[float, ...]


SMOOTH: tuple[Kink, ...] = ()
TABLE: dict[str, Op] = {}


@dataclass(frozen=True, eq=False, repr=False)
class Op:
    """One row of the table, callable on floats, arrays, Values and other symbols.

    Attributes:
        name: the public name, NumPy's where NumPy has one.
        symbol: what a node of a drawing shows.
        scalar: the function of floats; may raise where IEEE 754 has an answer.
        array: the same function of arrays; a NumPy ufunc where there is one.
        partials: one rule per argument; in a ``SequenceOp`` a single rule for all.
        latex: a template; ``{0:2}`` is argument 0, in parentheses if it binds
            less tightly than 2 (see ``binds``); or a function of the arguments.
        domain: an interval per argument (of every element, in a ``SequenceOp``) where
            the function is smooth, for tests to sample.
        kinks: conventions where it is not; ``SMOOTH`` says there is no such point.
        doc: one sentence for people.
        binds: 1 like a sum, 2 like a product, 3 like a function or a power, 4 an atom.
        selects: True where the op picks among its arguments: a partial of 0 then
            means "not this one", which stops even an infinite adjoint.
    """

    name: str
    symbol: str
    scalar: Callable[..., Any]
    array: Callable[..., Any] | None
    partials: tuple[Rule, ...] | Rule
    latex: str | Callable[..., str]
    domain: tuple[Interval, ...]
    kinks: tuple[Kink, ...]
    doc: str
    binds: int = 3
    selects: bool = False
    # Number of arguments, or None if they are sequences of any length.
    arity: int | None = field(init=False, default=None)
    # How nodes keep their arguments: one or two by themselves, with the rules `first` and
    # `second`; else as a tuple of sequences, with `every` rule and the `whole` function of them.
    first: Rule | None = field(init=False, default=None)
    second: Rule | None = field(init=False, default=None)
    every: Rule | None = field(init=False, default=None)
    whole: Callable[..., Any] = field(init=False, default=float)
    maker: Callable[..., Any] | None = field(init=False, default=None)  # kept here by Value

    def __post_init__(self) -> None:
        self._keep(__name__=self.name, __doc__=self.doc)
        rules = self.partials
        if not isinstance(rules, tuple):
            self._keep(every=rules, whole=self.scalar)
            return
        self._keep(arity=len(rules))
        if len(rules) == 1:
            self._keep(first=rules[0])
        elif len(rules) == 2 and not self.selects:
            self._keep(first=rules[0], second=rules[1])
        else:
            self._keep(
                every=lambda y, args: ([rule(y, *args) for rule in rules],),
                whole=lambda args: self.scalar(*args),
            )

    def _keep(self, **derived: Any) -> None:
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # There is one of each: it is copied as itself, and pickled by its name.
        if TABLE.get(self.name) is not self:
            raise pickle.PicklingError(
                f"{self!r} is not in the op table, so it has no name to keep."
            )
        return _row, (self.name,)

    def __deepcopy__(self, memo: object) -> Op:
        return self

    def __copy__(self) -> Op:
        return self

    def __call__(self, *args: Any) -> Any:
        """The value for floats, an array for arrays, a node for Values (see the module).

        Raises:
            TypeError: for the wrong number of arguments, or anything that is no real number.
        """
        plain = True
        for arg in args:
            kind = type(arg)
            if kind is not float:
                apply = getattr(kind, "apply_op", None)
                if apply is not None:
                    return apply(self, args)
                plain = False
        if len(args) != self.arity:
            raise TypeError(f"{self.name}() takes {self.arity} arguments, but got {len(args)}.")
        if plain:
            return self.on_floats(*args)
        doubles = [self._double(arg) for arg in args]
        if any(isinstance(double, np.ndarray) for double in doubles):
            return self.on_arrays(*doubles)
        result = self.on_floats(*map(float, doubles))
        return np.float64(result) if any(isinstance(arg, np.generic) for arg in args) else result

    def _double(self, arg: Any) -> Any:
        """A number as a double, an array or list as an array of doubles, or of objects."""
        if isinstance(arg, np.ndarray | list | tuple):
            array = np.asarray(arg)
            if array.dtype.kind in "biuf":
                return array.astype(np.float64)[()]
            if array.dtype == object:
                return array
        elif isinstance(arg, numbers.Real | np.bool_) and not isinstance(arg, np.timedelta64):
            return np.float64(arg) if isinstance(arg, np.generic) else float(arg)
        raise TypeError(
            f"{self.name}() takes real numbers, arrays and Values, but got "
            f"{type(arg).__name__} {arg!r}. Convert it to float first."
        )

    def on_floats(self, *args: Any) -> float:
        """The value as a float, with IEEE 754's answer where Python would raise."""
        try:
            return float(self.scalar(*args))
        except (ArithmeticError, ValueError):
            if self.array is None:
                raise
            return float(self.on_arrays(*self._as_numpy(args)))

    def on_arrays(self, *args: Any) -> Any:
        """The values elementwise, broadcast; arrays of objects element by element."""
        arrays = [np.asarray(arg) for arg in args]
        if any(array.dtype == object for array in arrays):
            with np.errstate(all="ignore"):
                return np.frompyfunc(self, len(args), 1)(*arrays)
        if self.array is None:
            raise TypeError(
                f"{self.name}() has no reading for arrays. Give custom_op one, as array=..., "
                "or call it element by element."
            )
        with np.errstate(all="ignore"):
            return np.asarray(self.array(*arrays))[()]  # a scalar where there is no axis

    def slope(self, rule: Rule, y: float, *args: Any) -> Any:
        """What a rule gives for floats, read with NumPy's where Python's raise."""
        try:
            return rule(y, *args)
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                return _plain(rule(np.float64(y), *self._as_numpy(args)))

    def slopes(self, y: float, args: Sequence[float]) -> tuple[float, ...]:
        """All local partials ∂y/∂aᵢ at these floats."""
        assert isinstance(self.partials, tuple)
        return tuple([float(self.slope(rule, y, *args)) for rule in self.partials])

    @staticmethod
    def _as_numpy(args: Sequence[Any]) -> list[Any]:
        return [np.float64(arg) for arg in args]


def _row(name: str) -> Op:
    return TABLE[name]


def _plain(slopes: Any) -> Any:
    """NumPy's numbers as floats, in however many lists."""
    return float(slopes) if np.ndim(slopes) == 0 else [_plain(each) for each in slopes]


class SequenceOp(Op):
    """A row whose arguments are sequences of any length, such as sum(x) and dot(w, x).

    Its one rule gives a sequence of partials for each argument.
    """

    def __call__(self, *args: Any) -> Any:
        """The value for sequences of floats, an array for arrays in them, a node for Values.

        An array is taken as the flat sequence of its elements.

        Raises:
            ValueError: if the lengths do not go together.
        """
        if len(args) != self.width:
            raise TypeError(f"{self.name}() takes {self.width} sequences, but got {len(args)}.")
        sequences = [
            arg.ravel().tolist() if isinstance(arg, np.ndarray) else list(arg) for arg in args
        ]
        for element in chain.from_iterable(sequences):
            apply = getattr(type(element), "apply_op", None)
            if apply is not None:
                return apply(self, sequences)
        doubles = [[self._double(element) for element in sequence] for sequence in sequences]
        if any(isinstance(double, np.ndarray) for double in chain.from_iterable(doubles)):
            return self.on_arrays(*doubles)
        return self.on_floats(*doubles)

    @property
    def width(self) -> int:
        """Number of sequences."""
        return len(self.domain)

    def on_arrays(self, *args: Any) -> Any:
        """The values elementwise over the arrays in the sequences, broadcast."""
        assert self.array is not None
        with np.errstate(all="ignore"):
            return np.asarray(self.array(*args))[()]

    def slopes(self, y: float, args: Sequence[Any]) -> tuple[float, ...]:
        """All local partials ∂y/∂aᵢ at these sequences of floats, as one flat sequence."""
        assert self.every is not None
        return tuple(map(float, chain.from_iterable(self.slope(self.every, y, *args))))

    @staticmethod
    def _as_numpy(args: Sequence[Any]) -> list[Any]:
        return [[np.float64(each) for each in arg] for arg in args]


def row(name: str, symbol: str, scalar: Any, array: Any, *partials: Rule, **columns: Any) -> Op:
    """The op with these columns, entered in the table."""
    op = Op(name, symbol, scalar, array, partials, **columns)
    TABLE[name] = op
    return op


def sequence_row(
    name: str, symbol: str, scalar: Any, array: Any, partials: Rule, **columns: Any
) -> SequenceOp:
    """The same for an op of sequences, with one rule for all its partials."""
    op = SequenceOp(name, symbol, scalar, array, partials, **columns)
    TABLE[name] = op
    return op


# -- functions on floats and arrays that Python and NumPy do not have ------------------------


def _sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    small = math.exp(x)  # never overflows, where exp(-x) would
    return small / (1.0 + small)


def _sigmoid_array(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x < 0.0, small, 1.0) / (1.0 + small)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _softplus_array(x: Any) -> Any:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _relu(x: float) -> float:
    return 0.0 if x <= 0.0 else x  # so nan stays nan


def _sign(x: float) -> float:
    return x if x != x else float((x > 0.0) - (x < 0.0))


def _maximum(a: float, b: float) -> float:
    return a if a >= b or a != a else b


def _minimum(a: float, b: float) -> float:
    return a if a <= b or a != a else b


def _where(condition: float, a: float, b: float) -> float:
    return a if condition else b


def _sum_array(x: Sequence[Any]) -> Any:
    return reduce(np.add, x, np.float64(0.0))


def _sum(x: Sequence[float]) -> float:
    return builtins.sum(x, 0.0)


def _dot(w: Sequence[float], x: Sequence[float]) -> float:
    if len(w) != len(x):
        raise lengths_differ("dot", w, x)
    return builtins.sum(map(operator.mul, w, x), 0.0)


def _dot_array(w: Sequence[Any], x: Sequence[Any]) -> Any:
    if len(w) != len(x):
        raise lengths_differ("dot", w, x)
    return _sum_array(list(map(np.multiply, w, x)))


def _affine(w: Sequence[float], x: Sequence[float], b: Sequence[float]) -> float:
    if len(w) != len(x):
        raise lengths_differ("affine", w, x)
    return builtins.sum(b, builtins.sum(map(operator.mul, w, x), 0.0))


def _affine_array(w: Sequence[Any], x: Sequence[Any], b: Sequence[Any]) -> Any:
    if len(w) != len(x):
        raise lengths_differ("affine", w, x)
    return _sum_array([*map(np.multiply, w, x), *b])


def row_of(layer: Sequence[Sequence[Any]], j: int) -> tuple[Any, ...]:
    """(wⱼ, x, bⱼ), what neuron j uses of the W, x and b of its layer; W is flat, row after row."""
    w, x, b = layer
    return w[j * len(x) : (j + 1) * len(x)], x, b[j : j + 1]


def lengths_differ(name: str, w: Sequence[Any], x: Sequence[Any]) -> ValueError:
    """The error that says so."""
    return ValueError(
        f"{name}() takes as many inputs as weights, but got {len(w)} weights and {len(x)} inputs."
    )


def _logsumexp(x: Sequence[float]) -> float:
    if builtins.any(map(math.isnan, x)):
        return math.nan
    top = max(x, default=-math.inf)
    if math.isinf(top):
        return top
    return top + math.log(builtins.sum([math.exp(each - top) for each in x]))


def _logsumexp_array(x: Sequence[Any]) -> Any:
    top = reduce(np.maximum, x, np.float64(-np.inf))
    shift = np.where(np.isfinite(top), top, 0.0)
    return shift + np.log(_sum_array([np.exp(each - shift) for each in x]))


def _products(w: Sequence[Any], x: Sequence[Any]) -> str:
    return " + ".join(rf"{wi:2} \cdot {xi:3}" for wi, xi in zip(w, x, strict=True))


def _function(name: str) -> str:
    return r"\mathrm{{" + name + r"}}\left({0}\right)"


# -- the table -------------------------------------------------------------------------------

REAL: Interval = (-3.0, 3.0)
POSITIVE: Interval = (0.1, 4.0)
ABOVE: Interval = (0.2, 3.0)
BELOW: Interval = (-3.0, -0.2)
inf, nan = math.inf, math.nan


# Rules with a name; the backward pass knows the first three and spares itself the call.


def one(y: Any, *args: Any) -> float:
    """The partial of a sum with respect to a term."""
    return 1.0


def right(y: Any, a: Any, b: Any) -> Any:
    """The partial of a product a b with respect to a."""
    return b


def left(y: Any, a: Any, b: Any) -> Any:
    """The partial of a product a b with respect to b."""
    return a


def minus_one(y: Any, *args: Any) -> float:
    """The partial of a difference with respect to what is subtracted."""
    return -1.0


def zero(y: Any, *args: Any) -> float:
    """The partial of a function made of level pieces."""
    return 0.0


# fmt: off

# arithmetic
add: Op = row(
    "add", "+", operator.add, np.add, one, one,
    latex="{0:1} + {1:2}", binds=1, domain=(REAL, REAL), kinks=SMOOTH,
    doc="a + b.")
subtract: Op = row(
    "subtract", "−", operator.sub, np.subtract, one, minus_one,
    latex="{0:1} - {1:2}", binds=1, domain=(REAL, REAL), kinks=SMOOTH,
    doc="a - b, one node.")
multiply: Op = row(
    "multiply", "×", operator.mul, np.multiply, right, left,
    latex=r"{0:2} \cdot {1:3}", binds=2, domain=(REAL, REAL), kinks=SMOOTH,
    doc="a * b.")
divide: Op = row(
    "divide", "÷", operator.truediv, np.divide,
    lambda y, a, b: 1.0 / b,
    lambda y, a, b: -y / b,
    latex=r"\frac{{{0}}}{{{1}}}", domain=(REAL, ABOVE),
    kinks=(Kink((1.0, 0.0), inf, (inf, -inf)), Kink((-1.0, 0.0), -inf, (inf, inf)),
           Kink((0.0, 0.0), nan, (inf, nan))),
    doc="a / b, rounded once as IEEE 754 division; 1/0 is inf, 0/0 is nan.")
floor_divide: Op = row(
    "floor_divide", "//", operator.floordiv, np.floor_divide, zero, zero,
    latex=r"\left\lfloor \frac{{{0}}}{{{1}}} \right\rfloor", binds=4,
    domain=((2.3, 2.7), (1.0, 1.1)),
    kinks=(Kink((4.0, 2.0), 2.0, (0.0, 0.0)), Kink((1.0, 0.0), inf, (0.0, 0.0))),
    doc="⌊a / b⌋; its gradient is 0 everywhere, at the jumps by convention.")
remainder: Op = row(
    "remainder", "%", operator.mod, np.remainder, one,
    lambda y, a, b: -floor_divide(a, b),
    latex=r"{0:2} \bmod {1:3}", binds=2, domain=((2.3, 2.7), (1.0, 1.1)),
    kinks=(Kink((7.0, 3.0), 1.0, (1.0, -2.0)), Kink((4.0, 2.0), 0.0, (1.0, -2.0)),
           Kink((1.0, 0.0), nan, (1.0, -inf))),
    doc="a - b ⌊a / b⌋, with the sign of b.")
power: Op = row(
    "power", "^", math.pow, np.power,
    lambda y, a, b: where(b == 0.0, 0.0, b * power(a, b - 1.0)),
    lambda y, a, b: where((a == 0.0) * (b >= 0.0), 0.0, y * log(a)),
    latex="{0:4}^{{{1}}}", domain=(POSITIVE, REAL),
    kinks=(Kink((0.0, 0.0), 1.0, (0.0, 0.0)), Kink((2.0, 0.0), 1.0, (0.0, math.log(2.0))),
           Kink((0.0, 1.0), 0.0, (1.0, 0.0)), Kink((0.0, 2.0), 0.0, (0.0, 0.0)),
           Kink((0.0, 0.5), 0.0, (inf, 0.0)), Kink((0.0, -1.0), inf, (-inf, -inf)),
           Kink((-2.0, 3.0), -8.0, (12.0, nan)), Kink((-8.0, 1.0 / 3.0), nan, (nan, nan))),
    doc="a ** b as IEEE 754 has it: a negative base with a fractional exponent gives nan.")
negative: Op = row(
    "negative", "−", operator.neg, np.negative, minus_one,
    latex="-{0:2}", binds=1, domain=(REAL,), kinks=SMOOTH,
    doc="-a.")
positive: Op = row(
    "positive", "+", operator.pos, np.positive, one,
    latex="+{0:2}", binds=1, domain=(REAL,), kinks=SMOOTH,
    doc="+a, a node of its own.")
absolute: Op = row(
    "absolute", "|·|", abs, np.absolute,
    lambda y, x: sign(x),
    latex=r"\left|{0}\right|", binds=4, domain=(ABOVE,), selects=True,
    kinks=(Kink((0.0,), 0.0, (0.0,)), Kink((nan,), nan, (nan,))),
    doc="|x|, with slope 0 at 0.")
square: Op = row(
    "square", "²", lambda x: x * x, np.square,
    lambda y, x: 2.0 * x,
    latex="{0:4}^{{2}}", domain=(REAL,), kinks=SMOOTH,
    doc="x².")

# exponentials
exp: Op = row(
    "exp", "exp", math.exp, np.exp,
    lambda y, x: y,
    latex="e^{{{0}}}", domain=(REAL,), kinks=SMOOTH,
    doc="eˣ.")
log: Op = row(
    "log", "log", math.log, np.log,
    lambda y, x: 1.0 / x,
    latex=r"\log\left({0}\right)", domain=(POSITIVE,),
    kinks=(Kink((0.0,), -inf, (inf,)), Kink((-1.0,), nan, (-1.0,))),
    doc="The natural logarithm, in nats; log(0) is -inf, a negative argument gives nan.")
sqrt: Op = row(
    "sqrt", "√", math.sqrt, np.sqrt,
    lambda y, x: 0.5 / y,
    latex=r"\sqrt{{{0}}}", domain=(POSITIVE,),
    kinks=(Kink((0.0,), 0.0, (inf,)), Kink((-1.0,), nan, (nan,))),
    doc="The square root, with slope inf at 0; nan below.")
sinh: Op = row(
    "sinh", "sinh", math.sinh, np.sinh,
    lambda y, x: cosh(x),
    latex=r"\sinh\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The hyperbolic sine.")
cosh: Op = row(
    "cosh", "cosh", math.cosh, np.cosh,
    lambda y, x: sinh(x),
    latex=r"\cosh\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The hyperbolic cosine.")
tanh: Op = row(
    "tanh", "tanh", math.tanh, np.tanh,
    lambda y, x: square(1.0 / cosh(x)),  # 1 - y² has no digits left once y rounds to 1
    latex=r"\tanh\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The hyperbolic tangent, (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ).")
sigmoid: Op = row(
    "sigmoid", "σ", _sigmoid, _sigmoid_array,
    lambda y, x: y * sigmoid(-x),        # = y (1 - y), without its cancellation
    latex=r"\sigma\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The logistic function 1 / (1 + e⁻ˣ), stable on both sides.")
softplus: Op = row(
    "softplus", "softplus", _softplus, _softplus_array,
    lambda y, x: sigmoid(x),
    latex=_function("softplus"), domain=(REAL,), kinks=SMOOTH,
    doc="log(1 + eˣ), without overflow.")
logsumexp: SequenceOp = sequence_row(
    "logsumexp", "logΣexp", _logsumexp, _logsumexp_array,
    lambda y, x: ([exp(each - y) for each in x],),
    latex=lambda x: r"\log\left(" + " + ".join(f"e^{{{each}}}" for each in x) + r"\right)",
    domain=(REAL,), kinks=(Kink((-inf, 0.0), 0.0, (0.0, 1.0)),),
    doc="log Σ exp(xᵢ), in nats, shifted by the largest argument so that it never overflows.")

# pieces
relu: Op = row(
    "relu", "relu", _relu, lambda x: np.where(x <= 0.0, 0.0, x),
    lambda y, x: 1.0 - (x <= 0.0),
    latex=_function("relu"), domain=(ABOVE,), selects=True,
    kinks=(Kink((0.0,), 0.0, (0.0,)), Kink((nan,), nan, (1.0,))),
    doc="max(x, 0), with slope 0 at 0.")
sign: Op = row(
    "sign", "sign", _sign, np.sign, zero,
    latex=r"\mathrm{{sign}}\left({0}\right)", domain=(ABOVE,), selects=True,
    kinks=(Kink((0.0,), 0.0, (0.0,)), Kink((nan,), nan, (0.0,))),
    doc="-1, 0 or 1, with slope 0.")
maximum: Op = row(
    "maximum", "max", _maximum, np.maximum,
    lambda y, a, b: 1.0 - 0.5 * (1.0 * (a <= b) + (a < b)),
    lambda y, a, b: 1.0 - 0.5 * (1.0 * (b <= a) + (b < a)),
    latex=r"\max\left({0}, {1}\right)", domain=(ABOVE, BELOW), selects=True,
    kinks=(Kink((1.0, 1.0), 1.0, (0.5, 0.5)), Kink((nan, 1.0), nan, (1.0, 1.0))),
    doc="The larger of a and b; a tie shares the gradient, ½ each; nan if either is.")
minimum: Op = row(
    "minimum", "min", _minimum, np.minimum,
    lambda y, a, b: 1.0 - 0.5 * (1.0 * (b <= a) + (b < a)),
    lambda y, a, b: 1.0 - 0.5 * (1.0 * (a <= b) + (a < b)),
    latex=r"\min\left({0}, {1}\right)", domain=(ABOVE, BELOW), selects=True,
    kinks=(Kink((1.0, 1.0), 1.0, (0.5, 0.5)), Kink((nan, 1.0), nan, (1.0, 1.0))),
    doc="The smaller of a and b; a tie shares the gradient, ½ each; nan if either is.")
where: Op = row(
    "where", "where", _where, np.where, zero,
    lambda y, condition, a, b: 1.0 * (condition != 0.0),
    lambda y, condition, a, b: 1.0 * (condition == 0.0),
    latex=r"\left({1}\ \text{{if}}\ {0}\ \text{{else}}\ {2}\right)", binds=4,
    domain=(ABOVE, REAL, REAL), selects=True,
    kinks=(Kink((0.0, 1.0, 2.0), 2.0, (0.0, 0.0, 1.0)),
           Kink((1.0, 1.0, inf), 1.0, (0.0, 1.0, 0.0))),
    doc="a where the condition is not 0, else b; the branch not taken gets nothing, not even nan.")

# sums: one node for any number of terms
total: SequenceOp = sequence_row(
    "sum", "Σ", _sum, _sum_array,
    lambda y, x: ([1.0] * len(x),),
    latex=lambda x: " + ".join(f"{each:2}" for each in x), binds=1,
    domain=(REAL,), kinks=SMOOTH,
    doc="Σ xᵢ as one node; 0.0 if there are none.")
dot: SequenceOp = sequence_row(
    "dot", "w·x", _dot, _dot_array,
    lambda y, w, x: (x, w),
    latex=lambda w, x: _products(w, x), binds=1, domain=(REAL, REAL), kinks=SMOOTH,
    doc="Σ wᵢ xᵢ as one node.")
affine: SequenceOp = sequence_row(
    "affine", "w·x+b", _affine, _affine_array,
    lambda y, w, x, b: (x, w, [1.0] * len(b)),
    latex=lambda w, x, b: " + ".join([_products(w, x), *(f"{each:2}" for each in b)]), binds=1,
    domain=(REAL, REAL, REAL), kinks=SMOOTH,
    doc="Σ wᵢ xᵢ + Σ b as one node, b a sequence of one bias or none: the z of a neuron.")
# fmt: on
