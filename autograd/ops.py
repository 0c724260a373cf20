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

Values and partials are meant to be right to the last bit or two wherever they are
finite. Where the textbook's formula for a partial is not, its factor is a row of its
own, with rules like any other, which only other rules use: ``FACTORS``. OPS.md lists
the rows with their formulas and conventions, as ``python -m autograd.ops_table``
prints them.
"""

from __future__ import annotations

import builtins
import math
import numbers
import operator
import pickle
from collections.abc import Callable, Mapping, Sequence
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
TABLE: dict[str, Op] = {}  # the functions
FACTORS: dict[str, Op] = {}  # what their rules need besides


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
        options: names and defaults of trailing arguments that may be left out.
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
    options: Mapping[str, float] = field(default_factory=dict)
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
        if TABLE.get(self.name, FACTORS.get(self.name)) is not self:
            raise pickle.PicklingError(
                f"{self!r} is not in the op table, so it has no name to keep."
            )
        return _row, (self.name,)

    def __deepcopy__(self, memo: object) -> Op:
        return self

    def __copy__(self) -> Op:
        return self

    def __call__(self, *args: Any, **options: Any) -> Any:
        """The value for floats, an array for arrays, a node for Values (see the module).

        Raises:
            TypeError: for the wrong number of arguments, or anything that is no real number.
        """
        if options or len(args) != self.arity:
            args = self._complete(args, options)
        plain = True
        for arg in args:
            kind = type(arg)
            if kind is not float:
                apply = getattr(kind, "apply_op", None)
                if apply is not None:
                    return apply(self, args)
                plain = False
        if plain:
            try:
                return float(self.scalar(*args))
            except (ArithmeticError, ValueError):
                return self.on_floats(*args)
        doubles = [self._double(arg) for arg in args]
        if any(isinstance(double, np.ndarray) for double in doubles):
            return self.on_arrays(*doubles)
        result = self.on_floats(*map(float, doubles))
        return np.float64(result) if any(isinstance(arg, np.generic) for arg in args) else result

    def _complete(self, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments with what was left out or given by name."""
        assert self.arity is not None
        names = list(self.options)
        needed = self.arity - len(names)
        rest = names[max(len(args) - needed, 0) :]
        if not needed <= len(args) <= self.arity or not options.keys() <= set(rest):
            takes = " ".join([str(needed), "arguments", *(f"and {name}" for name in names)])
            got = ", ".join([str(len(args)), *(f"{name}=" for name in options)])
            raise TypeError(f"{self.name}() takes {takes}, but got {got}.")
        return args + tuple(options.get(name, self.options[name]) for name in rest)

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
    return TABLE[name] if name in TABLE else FACTORS[name]


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
        if set(map(type, chain.from_iterable(sequences))) <= {float}:
            return self.on_floats(*sequences)
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


def factor(name: str, symbol: str, scalar: Any, array: Any, *partials: Rule, **columns: Any) -> Op:
    """The same for a factor of partials, which is no function of the table."""
    op = Op(name, symbol, scalar, array, partials, **columns)
    FACTORS[name] = op
    return op


def sequence_row(
    name: str, symbol: str, scalar: Any, array: Any, partials: Rule, **columns: Any
) -> SequenceOp:
    """The same for an op of sequences, with one rule for all its partials."""
    op = SequenceOp(name, symbol, scalar, array, partials, **columns)
    TABLE[name] = op
    return op


# -- functions on floats and arrays that Python and NumPy do not have ------------------------

SQRT_HALF = math.sqrt(0.5)
TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
ONE_OVER_SQRT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)
TINY = 2.0**-1000  # smaller results may have lost digits on the way


def _exact_product(a: Any, b: Any) -> tuple[Any, Any]:
    """(p, e) with p = fl(a b) and a b = p + e exactly (Dekker 1971); for floats and arrays."""
    p = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a: Any) -> tuple[Any, Any]:
    """a as a sum of two numbers of 26 bits each, whose products are exact (Veltkamp 1968)."""
    shifted = 134217729.0 * a  # 2²⁷ + 1
    high = shifted - (shifted - a)
    return high, a - high


def _difference_error(a: Any, b: Any, difference: Any) -> Any:
    """What rounding took from difference = fl(a - b) (Knuth 1969, TwoSum)."""
    b_part = a - difference
    return (a - (difference + b_part)) + (b_part - b)


def _cbrt(x: float) -> float:
    fraction, exponent = math.frexp(x)
    if fraction == 0.0 or not math.isfinite(x):
        return x
    third, rest = divmod(exponent, 3)
    x = math.ldexp(fraction, rest)
    y = math.cbrt(x)  # off by up to 3 ulps; one step of Newton's, with an exact residual
    square, square_error = _exact_product(y, y)
    cube, cube_error = _exact_product(square, y)
    residual = ((x - cube) - cube_error) - square_error * y
    return math.ldexp(y + residual / (3.0 * square), third)


def _sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    small = math.exp(x)  # never overflows, where exp(-x) would
    whole = 1.0 + small
    quotient = small / whole
    return quotient - quotient * ((small - (whole - 1.0)) / whole)  # what rounding took from 1 + eˣ


def _sigmoid_array(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x < 0.0, small, 1.0) / (1.0 + small)


def _sigmoid_slope(x: float) -> float:
    slope: float = _over_square_of_sum(math.exp(-abs(x)))
    return slope


def _sigmoid_slope_array(x: Any) -> Any:
    return _over_square_of_sum(np.exp(-np.abs(x)))


def _over_square_of_sum(e: Any) -> Any:
    """e / (1 + e)² for 0 <= e <= 1, with the denominator 1 + 2e + e² in two parts."""
    high = 1.0 + 2.0 * e
    # 1 + 2e = high + rest exactly, whichever of the two is the larger (high - 1 is exact).
    rest = 2.0 * e - (high - 1.0)
    square = e * e
    whole = high + square
    rest = rest + (square - (whole - high))
    quotient = e / whole
    return quotient - quotient * (rest / whole)


def _share(a: float, b: float) -> float:
    difference = a - b
    s = _sigmoid(difference)
    if not math.isfinite(difference):
        return s
    error: float = _difference_error(a, b, difference)
    return s + s * _sigmoid(-difference) * error


def _share_array(a: Any, b: Any) -> Any:
    difference = a - b
    error = np.where(np.isfinite(difference), _difference_error(a, b, difference), 0.0)
    s = _sigmoid_array(difference)
    return s + s * _sigmoid_array(-difference) * error


def _exp_difference(a: float, b: float) -> float:
    difference = a - b
    e = math.exp(difference)
    b_part = a - difference  # as in _difference_error; this one is called often
    error = (a - (difference + b_part)) + (b_part - b)
    return e + e * error if error == error else e  # nan where the difference is infinite


def _exp_difference_array(a: Any, b: Any) -> Any:
    difference = a - b
    error = np.where(np.isfinite(difference), _difference_error(a, b, difference), 0.0)
    e = np.exp(difference)
    return np.where(np.isinf(e), e, e + e * error)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _softplus_array(x: Any) -> Any:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _logaddexp(a: float, b: float) -> float:
    if a == b:  # also where both are infinite, and have no difference
        return a + math.log(2.0)
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


def _silu(x: float) -> float:
    if x < -700.0:
        root = math.exp(0.5 * x)  # exp(-x) would overflow, and exp(x) be subnormal
        return x * root * root
    return x / (1.0 + math.exp(-x))


def _silu_array(x: Any) -> Any:
    root = np.exp(-0.5 * np.abs(x))
    return np.where(x < 0.0, x * root * root, x) / (1.0 + root * root)


def _one_by_one(function: Callable[..., float], arguments: int = 1) -> Callable[..., Any]:
    """The function on arrays, where NumPy has nothing faster."""
    ufunc = np.frompyfunc(function, arguments, 1)
    return lambda *arrays: np.asarray(ufunc(*arrays), dtype=np.float64)


def _gaussian(x: float, c: float) -> float:
    if not abs(x) < 1e9:
        return math.exp(-c * x * x)
    exponent, error = _cx_square(x, c)
    y = math.exp(-exponent)
    return y + y * math.expm1(-error)


def _gaussian_array(x: Any, c: Any) -> Any:
    exponent, error = _cx_square(np.clip(x, -1e9, 1e9), c)
    y = np.exp(-exponent)
    return y + y * np.expm1(-error)


def _cx_square(x: Any, c: Any) -> tuple[Any, Any]:
    """c x² in two parts: its rounding would cost c x² ulps of the exponential."""
    high, low = _halves(x)
    p, error = _exact_product(c, high * high)
    return p, error + c * (low * (x + high))


def _normal_cdf(x: float) -> float:
    z = -x * SQRT_HALF
    cdf = 0.5 * math.erfc(z)
    if 0.5 < z < 28.0:
        # z is not quite -x/√2, which matters out there: 2 z dz = x²/2 - z².
        square, error = _exact_product(z, z)
        wanted, wanted_error = _exact_product(0.5 * x, x)
        rest = ((wanted - square) + (wanted_error - error)) / (2.0 * z)
        cdf -= 0.5 * TWO_OVER_SQRT_PI * math.exp(-square) * rest
    return cdf


def _gelu(x: float) -> float:
    return x * _normal_cdf(x)


def _inverse(a: Any, b: Any) -> Any:
    """a / (a² + b²), with the denominator in two parts."""
    a_square, a_error = _exact_product(a, a)
    b_square, b_error = _exact_product(b, b)
    whole = a_square + b_square
    rest = a_error + b_error - _difference_error(whole, a_square, b_square)
    quotient = a / whole
    return quotient - quotient * (rest / whole)


def _inversion(a: float, b: float) -> float:
    size = max(abs(a), abs(b))
    if 1e-130 < size < 1e150:
        inverse: float = _inverse(a, b)
        return inverse
    if a != a or b != b:
        return math.nan
    if size == 0.0 or math.isinf(size):
        return math.copysign(0.0, a)
    _, exponent = math.frexp(size)
    a, b = math.ldexp(a, -exponent), math.ldexp(b, -exponent)
    return math.ldexp(_inverse(a, b), -exponent)


def _inversion_array(a: Any, b: Any) -> Any:
    size = np.maximum(np.abs(a), np.abs(b))
    _, exponent = np.frexp(size)
    c, d = np.ldexp(a, -exponent), np.ldexp(b, -exponent)
    scaled = np.ldexp(_inverse(c, d), -exponent)
    return np.where((size == 0.0) | np.isinf(size), np.copysign(0.0, a), scaled)


def _power_slope(a: float, b: float) -> float:
    if b == 0.0:
        return 0.0
    if b >= 0.5 or a == 0.0 or math.isinf(a):
        slope = b * math.pow(a, b - 1.0)  # b - 1 is exact
        if -TINY < slope < TINY and a != 0.0:
            root = math.pow(abs(a), 0.5 * (b - 1.0))
            return math.copysign(abs(b) * root * root, slope)
        return slope
    slope = b * math.pow(a, b) / a
    if -TINY < slope < TINY:
        root = math.pow(abs(a), 0.5 * b)
        return math.copysign(abs(b) * root * root / a, slope)
    return slope


def _power_slope_array(a: Any, b: Any) -> Any:
    divide = (b < 0.5) & (a != 0.0) & np.isfinite(a)
    slope = np.where(divide, b * np.power(a, b) / a, b * np.power(a, b - 1.0))
    faint = (np.abs(slope) < TINY) & (a != 0.0)
    if faint.any():
        root = np.power(np.abs(a), 0.5 * np.where(divide, b, b - 1.0))
        size = np.abs(b) * root * root / np.where(divide, np.abs(a), 1.0)
        slope = np.where(faint, np.copysign(size, slope), slope)
    return np.where(b == 0.0, 0.0, slope)


def _power_log(a: float, b: float) -> float:
    if a == 0.0 and b >= 0.0:
        return 0.0
    y = math.pow(a, b)
    if y < TINY and a > 0.0:
        root = math.pow(a, 0.5 * b)
        return root * math.log(a) * root
    return y * math.log(a)


def _power_log_array(a: Any, b: Any) -> Any:
    root = np.power(a, 0.5 * b)
    y = np.power(a, b)
    slope = np.where((y < TINY) & (a > 0.0), root * np.log(a) * root, y * np.log(a))
    return np.where((a == 0.0) & (b >= 0.0), 0.0, slope)


def _power_twist(a: Any, b: Any) -> Any:
    """∂²(aᵇ)/∂a∂b, and 0 where both are 0."""
    twist = power(a, b - 1.0) + b * power_log(a, b - 1.0)
    return where((a == 0.0) * (b == 0.0), 0.0, twist)


def _relu(x: float) -> float:
    return 0.0 if x <= 0.0 else x  # so nan stays nan


def _leaky_relu(x: float, negative_slope: float) -> float:
    return x if x > 0.0 else negative_slope * x


def _elu(x: float, alpha: float) -> float:
    return x if x > 0.0 else alpha * math.expm1(x)


def _sign(x: float) -> float:
    return x if x != x else float((x > 0.0) - (x < 0.0))


def _floor(x: float) -> float:
    return float(math.floor(x)) if math.isfinite(x) else x


def _ceil(x: float) -> float:
    return float(math.ceil(x)) if math.isfinite(x) else x


def _maximum(a: float, b: float) -> float:
    return a if a >= b or a != a else b


def _minimum(a: float, b: float) -> float:
    return a if a <= b or a != a else b


def _clip(x: float, low: float, high: float) -> float:
    return _minimum(_maximum(x, low), high)


def _where(condition: float, a: float, b: float) -> float:
    return a if condition else b


def _sum_array(x: Sequence[Any]) -> Any:
    return reduce(np.add, x, np.float64(0.0))


def _sum(x: Sequence[float]) -> float:
    return builtins.sum(x, 0.0)


def _mean(x: Sequence[float]) -> float:
    mean = _sum(x) / len(x)
    if math.isinf(mean):
        return _sum([each / len(x) for each in x])  # the mean may be finite where the sum is not
    return mean


def _mean_array(x: Sequence[Any]) -> Any:
    mean = _sum_array(x) / np.float64(len(x))
    return np.where(np.isinf(mean), _sum_array([each / len(x) for each in x]), mean)


def _prod(x: Sequence[float]) -> float:
    """The product of fractions and the sum of exponents, so that no step overflows."""
    product, exponent = 1.0, 0
    for each in x:
        fraction, power_of_two = math.frexp(each)
        product, shift = math.frexp(product * fraction)
        exponent += power_of_two + shift
    return math.ldexp(product, exponent)


def _prod_array(x: Sequence[Any]) -> Any:
    product, exponent = np.float64(1.0), np.int64(0)
    for each in x:
        fraction, power_of_two = np.frexp(each)
        product, shift = np.frexp(product * fraction)
        exponent = exponent + power_of_two + shift
    return np.ldexp(product, np.clip(exponent, -5000, 5000))


def _prod_partials(y: Any, x: Sequence[Any]) -> tuple[list[Any]]:
    """What stands before each factor times what stands behind it: a zero does no harm."""
    before: list[Any] = [1.0]
    behind: list[Any] = [1.0]
    for each in x[:-1]:
        before.append(before[-1] * each)
    for each in x[:0:-1]:
        behind.append(each * behind[-1])
    return ([a * b for a, b in zip(before, reversed(behind), strict=True)][: len(x)],)


def _norm_array(x: Sequence[Any]) -> Any:
    size = reduce(np.maximum, [np.abs(each) for each in x], np.float64(0.0))
    _, exponent = np.frexp(size)
    return np.ldexp(np.sqrt(_sum_array([np.ldexp(each, -exponent) ** 2 for each in x])), exponent)


def _directions(y: Any, x: Sequence[Any]) -> list[Any]:
    """xᵢ / ‖x‖, and 0 where that is 0."""
    length = where(y == 0.0, inf, y)
    return [each / length for each in x]


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
    terms = [math.exp(each - top) for each in x]
    terms.remove(1.0)  # that of the largest: log1p keeps what the others add to it
    return top + math.log1p(builtins.sum(terms))


def _logsumexp_array(x: Sequence[Any]) -> Any:
    top = reduce(np.maximum, x, np.float64(-np.inf))
    shift = np.where(np.isfinite(top), top, 0.0)
    terms = [np.exp(each - shift) for each in x]
    largest, others = np.float64(0.0), np.float64(0.0)
    for term in terms:
        others = others + np.minimum(largest, term)
        largest = np.maximum(largest, term)
    return shift + np.where(largest == 1.0, np.log1p(others), np.log(largest + others))


def _softmax(y: Any, x: Sequence[Any]) -> tuple[list[Any]]:
    """exp(xᵢ - y), divided by their sum, which is 1 but for the rounding of y."""
    weights = [exp_difference(each, y) for each in x]
    whole = where(y == inf, 1.0, total(weights))
    return ([weight / whole for weight in weights],)


def _products(w: Sequence[Any], x: Sequence[Any]) -> str:
    return " + ".join(rf"{wi:2} \cdot {xi:3}" for wi, xi in zip(w, x, strict=True))


def _function(name: str) -> str:
    return r"\mathrm{{" + name + r"}}\left({0}\right)"


# -- the table -------------------------------------------------------------------------------

REAL: Interval = (-3.0, 3.0)
POSITIVE: Interval = (0.1, 4.0)
ABOVE: Interval = (0.2, 3.0)
BELOW: Interval = (-3.0, -0.2)
INSIDE: Interval = (-0.9, 0.9)
LOG2_E, LOG10_E = math.log2(math.e), math.log10(math.e)
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
    lambda y, a, b: power_slope(a, b),
    lambda y, a, b: power_log(a, b),
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
reciprocal: Op = row(
    "reciprocal", "1/x", lambda x: 1.0 / x, np.reciprocal,
    lambda y, x: -y / x,
    latex=r"\frac{{1}}{{{0}}}", domain=(ABOVE,),
    kinks=(Kink((0.0,), inf, (-inf,)),),
    doc="1 / x.")
square: Op = row(
    "square", "²", lambda x: x * x, np.square,
    lambda y, x: 2.0 * x,
    latex="{0:4}^{{2}}", domain=(REAL,), kinks=SMOOTH,
    doc="x².")

# roots, exponentials, logarithms
sqrt: Op = row(
    "sqrt", "√", math.sqrt, np.sqrt,
    lambda y, x: 0.5 / y,
    latex=r"\sqrt{{{0}}}", domain=(POSITIVE,),
    kinks=(Kink((0.0,), 0.0, (inf,)), Kink((-1.0,), nan, (nan,))),
    doc="The square root, with slope inf at 0; nan below.")
cbrt: Op = row(
    "cbrt", "∛", _cbrt, np.cbrt,
    lambda y, x: where(x == x + x, 1.0 / square(y), y / x / 3.0),  # at 0 and inf; elsewhere
    latex=r"\sqrt[3]{{{0}}}", domain=(ABOVE,),
    kinks=(Kink((0.0,), 0.0, (inf,)),),
    doc="The cube root, with slope inf at 0; that of a negative number is negative.")
exp: Op = row(
    "exp", "exp", math.exp, np.exp,
    lambda y, x: y,
    latex="e^{{{0}}}", domain=(REAL,), kinks=SMOOTH,
    doc="eˣ.")
expm1: Op = row(
    "expm1", "expm1", math.expm1, np.expm1,
    lambda y, x: exp(x),
    latex="e^{{{0}}} - 1", binds=1, domain=(REAL,), kinks=SMOOTH,
    doc="eˣ - 1, without cancellation near 0.")
log: Op = row(
    "log", "log", math.log, np.log,
    lambda y, x: 1.0 / x,
    latex=r"\log\left({0}\right)", domain=(POSITIVE,),
    kinks=(Kink((0.0,), -inf, (inf,)), Kink((-1.0,), nan, (-1.0,))),
    doc="The natural logarithm, in nats; log(0) is -inf, a negative argument gives nan.")
log2: Op = row(
    "log2", "log₂", math.log2, np.log2,
    lambda y, x: LOG2_E / x,
    latex=r"\log_2\left({0}\right)", domain=(POSITIVE,),
    kinks=(Kink((0.0,), -inf, (inf,)), Kink((-1.0,), nan, (-LOG2_E,))),
    doc="The logarithm to base 2, in bits; at 0 and below as log.")
log10: Op = row(
    "log10", "log₁₀", math.log10, np.log10,
    lambda y, x: LOG10_E / x,
    latex=r"\log_{{10}}\left({0}\right)", domain=(POSITIVE,),
    kinks=(Kink((0.0,), -inf, (inf,)), Kink((-1.0,), nan, (-LOG10_E,))),
    doc="The logarithm to base 10; at 0 and below as log.")
log1p: Op = row(
    "log1p", "log1p", math.log1p, np.log1p,
    lambda y, x: 1.0 / (1.0 + x),
    latex=r"\log\left(1 + {0:2}\right)", domain=((-0.8, 3.0),),
    kinks=(Kink((-1.0,), -inf, (inf,)), Kink((-2.0,), nan, (-1.0,))),
    doc="log(1 + x), also where 1 + x would round to 1.")

# trigonometry, in radians
sin: Op = row(
    "sin", "sin", math.sin, np.sin,
    lambda y, x: cos(x),
    latex=r"\sin\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The sine.")
cos: Op = row(
    "cos", "cos", math.cos, np.cos,
    lambda y, x: -sin(x),
    latex=r"\cos\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The cosine.")
tan: Op = row(
    "tan", "tan", math.tan, np.tan,
    lambda y, x: 1.0 + square(y),
    latex=r"\tan\left({0}\right)", domain=((-1.3, 1.3),), kinks=SMOOTH,
    doc="The tangent; no double is an odd multiple of π/2, so it is always finite.")
arcsin: Op = row(
    "arcsin", "arcsin", math.asin, np.arcsin,
    lambda y, x: sqrt(1.0 / ((1.0 - x) * (1.0 + x))),
    latex=r"\arcsin\left({0}\right)", domain=(INSIDE,),
    kinks=(Kink((1.0,), math.asin(1.0), (inf,)), Kink((-1.0,), -math.asin(1.0), (inf,)),
           Kink((2.0,), nan, (nan,))),
    doc="The inverse sine, in [-π/2, π/2]; nan outside [-1, 1].")
arccos: Op = row(
    "arccos", "arccos", math.acos, np.arccos,
    lambda y, x: -sqrt(1.0 / ((1.0 - x) * (1.0 + x))),
    latex=r"\arccos\left({0}\right)", domain=(INSIDE,),
    kinks=(Kink((1.0,), 0.0, (-inf,)), Kink((-1.0,), math.pi, (-inf,)),
           Kink((2.0,), nan, (nan,))),
    doc="The inverse cosine, in [0, π]; nan outside [-1, 1].")
arctan: Op = row(
    "arctan", "arctan", math.atan, np.arctan,
    lambda y, x: inversion(1.0, x),
    latex=r"\arctan\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The inverse tangent, in [-π/2, π/2].")
arctan2: Op = row(
    "arctan2", "arctan2", math.atan2, np.arctan2,
    lambda y, a, b: inversion(b, a),
    lambda y, a, b: -inversion(a, b),
    latex=r"\mathrm{{arctan2}}\left({0}, {1}\right)", domain=(REAL, ABOVE),
    kinks=(Kink((0.0, 0.0), 0.0, (0.0, 0.0)), Kink((0.0, -1.0), math.pi, (-1.0, 0.0))),
    doc="The angle from the positive first axis to the point (b, a), in [-π, π]; gradient 0 at the origin and at infinity.")
hypot: Op = row(
    "hypot", "hypot", math.hypot, np.hypot,
    lambda y, a, b: a / y,
    lambda y, a, b: b / y,
    latex=r"\sqrt{{{0:4}^{{2}} + {1:4}^{{2}}}}", domain=(REAL, ABOVE),
    kinks=(Kink((0.0, 0.0), 0.0, (nan, nan)), Kink((inf, 1.0), inf, (nan, 0.0))),
    doc="√(a² + b²) without overflow; its gradient at the origin is nan, unlike that of norm.")

# hyperbolic functions
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
    lambda y, x: 4.0 * sigmoid_slope(2.0 * x),  # 1 - y² has no digits left once y rounds to 1
    latex=r"\tanh\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The hyperbolic tangent, (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ).")
arcsinh: Op = row(
    "arcsinh", "arcsinh", math.asinh, np.arcsinh,
    lambda y, x: 1.0 / hypot(1.0, x),
    latex=r"\mathrm{{arcsinh}}\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The inverse hyperbolic sine.")
arccosh: Op = row(
    "arccosh", "arccosh", math.acosh, np.arccosh,
    lambda y, x: where(x > 1e9, 1.0 / x, sqrt(1.0 / ((x - 1.0) * (x + 1.0)))),  # x² would overflow
    latex=r"\mathrm{{arccosh}}\left({0}\right)", domain=((1.2, 4.0),),
    kinks=(Kink((1.0,), 0.0, (inf,)), Kink((0.5,), nan, (nan,))),
    doc="The inverse hyperbolic cosine, at least 0; nan below 1.")
arctanh: Op = row(
    "arctanh", "arctanh", math.atanh, np.arctanh,
    lambda y, x: 1.0 / ((1.0 - x) * (1.0 + x)),
    latex=r"\mathrm{{arctanh}}\left({0}\right)", domain=(INSIDE,),
    kinks=(Kink((1.0,), inf, (inf,)), Kink((-1.0,), -inf, (inf,)),
           Kink((2.0,), nan, (-1.0 / 3.0,))),
    doc="The inverse hyperbolic tangent; inf at 1, nan outside [-1, 1].")

# smooth activations, and probabilities
sigmoid: Op = row(
    "sigmoid", "σ", _sigmoid, _sigmoid_array,
    lambda y, x: sigmoid_slope(x),
    latex=r"\sigma\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The logistic function 1 / (1 + e⁻ˣ), stable on both sides.")
log_sigmoid: Op = row(
    "log_sigmoid", "log σ", lambda x: -_softplus(-x), lambda x: -_softplus_array(-x),
    lambda y, x: sigmoid(-x),
    latex=r"\log \sigma\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="log σ(x) = -log(1 + e⁻ˣ), without overflow.")
softplus: Op = row(
    "softplus", "softplus", _softplus, _softplus_array,
    lambda y, x: sigmoid(x),
    latex=_function("softplus"), domain=(REAL,), kinks=SMOOTH,
    doc="log(1 + eˣ), without overflow.")
silu: Op = row(
    "silu", "silu", _silu, _silu_array,
    lambda y, x: sigmoid(x) + x * sigmoid_slope(x),
    latex=r"{0:4} \cdot \sigma\left({0}\right)", binds=2, domain=(REAL,), kinks=SMOOTH,
    doc="x σ(x), also called swish.")
erf: Op = row(
    "erf", "erf", math.erf, _one_by_one(math.erf),
    lambda y, x: TWO_OVER_SQRT_PI * gaussian(x, 1.0),
    latex=r"\mathrm{{erf}}\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The error function 2/√π ∫₀ˣ exp(-t²) dt.")
gelu: Op = row(
    "gelu", "gelu", _gelu, _one_by_one(_gelu),
    lambda y, x: normal_cdf(x) + x * (ONE_OVER_SQRT_TWO_PI * gaussian(x, 0.5)),
    latex=r"{0:4} \cdot \Phi\left({0}\right)", binds=2, domain=(REAL,), kinks=SMOOTH,
    doc="x Φ(x) with the normal distribution function Φ: the exact GELU, not the one by tanh.")
logaddexp: Op = row(
    "logaddexp", "logaddexp", _logaddexp, np.logaddexp,
    lambda y, a, b: share(a, b),
    lambda y, a, b: share(b, a),
    latex=r"\log\left(e^{{{0}}} + e^{{{1}}}\right)", domain=(REAL, REAL),
    kinks=(Kink((-inf, 0.0), 0.0, (0.0, 1.0)), Kink((inf, 0.0), inf, (1.0, 0.0)),
           Kink((-inf, -inf), -inf, (nan, nan))),
    doc="log(eᵃ + eᵇ), in nats, without overflow.")

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

floor: Op = row(
    "floor", "⌊·⌋", _floor, np.floor, zero,
    latex=r"\left\lfloor{{{0}}}\right\rfloor", binds=4, domain=((0.1, 0.9),), selects=True,
    kinks=(Kink((2.0,), 2.0, (0.0,)), Kink((nan,), nan, (0.0,))),
    doc="The largest integer not above x, with slope 0, at the jumps by convention.")
ceil: Op = row(
    "ceil", "⌈·⌉", _ceil, np.ceil, zero,
    latex=r"\left\lceil{{{0}}}\right\rceil", binds=4, domain=((0.1, 0.9),), selects=True,
    kinks=(Kink((2.0,), 2.0, (0.0,)), Kink((nan,), nan, (0.0,))),
    doc="The smallest integer not below x, with slope 0, at the jumps by convention.")
leaky_relu: Op = row(
    "leaky_relu", "leaky relu", _leaky_relu, lambda x, slope: np.where(x > 0.0, x, slope * x),
    lambda y, x, slope: where(x > 0.0, 1.0, slope),
    lambda y, x, slope: where(x > 0.0, 0.0, x),
    latex=r"\mathrm{{LeakyReLU}}\left({0}, {1}\right)", domain=(BELOW, (0.01, 0.5)),
    kinks=(Kink((0.0, 0.1), 0.0, (0.1, 0.0)), Kink((2.0, 0.1), 2.0, (1.0, 0.0)),
           Kink((nan, 0.1), nan, (0.1, nan))),
    options={"negative_slope": 0.01},
    doc="x above 0, negative_slope · x below, and that slope at 0.")
elu: Op = row(
    "elu", "elu", _elu, lambda x, alpha: np.where(x > 0.0, x, alpha * np.expm1(x)),
    lambda y, x, alpha: where(x > 0.0, 1.0, alpha * exp(x)),
    lambda y, x, alpha: where(x > 0.0, 0.0, expm1(x)),
    latex=r"\mathrm{{ELU}}\left({0}, {1}\right)", domain=(BELOW, (0.5, 2.0)),
    kinks=(Kink((0.0, 1.0), 0.0, (1.0, 0.0)), Kink((0.0, 2.0), 0.0, (2.0, 0.0)),
           Kink((2.0, 1.0), 2.0, (1.0, 0.0))),
    options={"alpha": 1.0},
    doc="x above 0, alpha (eˣ - 1) below; its slope at 0 is alpha.")
clip: Op = row(
    "clip", "clip", _clip, lambda x, low, high: np.minimum(np.maximum(x, low), high),
    lambda y, x, low, high: 1.0 * (low <= x) * (x <= high),
    lambda y, x, low, high: 1.0 * (x < low) * (low < high),
    lambda y, x, low, high: 1.0 * ((x > high) + (high < low) > 0),
    latex=r"\mathrm{{clip}}\left({0}, {1}, {2}\right)", selects=True,
    domain=((-0.9, 0.9), (-2.0, -1.0), (1.0, 2.0)),
    kinks=(Kink((0.0, 0.0, 1.0), 0.0, (1.0, 0.0, 0.0)), Kink((1.0, 0.0, 1.0), 1.0, (1.0, 0.0, 0.0)),
           Kink((2.0, 0.0, 1.0), 1.0, (0.0, 0.0, 1.0)), Kink((-1.0, 0.0, 1.0), 0.0, (0.0, 1.0, 0.0)),
           Kink((0.5, 1.0, 0.0), 0.0, (0.0, 0.0, 1.0)), Kink((nan, 0.0, 1.0), nan, (0.0, 0.0, 0.0))),
    doc="x, but at least low and at most high; the gradient passes on the edges.")

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
mean: SequenceOp = sequence_row(
    "mean", "mean", _mean, _mean_array,
    lambda y, x: ([1.0 / len(x)] * len(x),),
    latex=lambda x: rf"\frac{{1}}{{{len(x)}}} \cdot \left(" + " + ".join(f"{each:2}" for each in x) + r"\right)",
    binds=2, domain=(REAL,), kinks=SMOOTH,
    doc="Σ xᵢ / n as one node; nan if there are none.")
prod: SequenceOp = sequence_row(
    "prod", "Π", _prod, _prod_array, _prod_partials,
    latex=lambda x: r" \cdot ".join(f"{each:3}" for each in x), binds=2,
    domain=(REAL,),
    kinks=(Kink((0.0, 2.0, 3.0), 0.0, (6.0, 0.0, 0.0)), Kink((0.0, 0.0, 3.0), 0.0, (0.0, 0.0, 0.0))),
    doc="Π xᵢ as one node; 1.0 if there are none. The value overflows only if it is that large.")
norm: SequenceOp = sequence_row(
    "norm", "‖·‖", lambda x: math.hypot(*x), _norm_array,
    lambda y, x: (_directions(y, x),),
    latex=lambda x: r"\sqrt{" + " + ".join(f"{each:4}^{{2}}" for each in x) + "}",
    domain=(ABOVE,),
    kinks=(Kink((0.0, 0.0), 0.0, (0.0, 0.0)), Kink((inf, 1.0), inf, (nan, 0.0))),
    doc="The Euclidean norm √Σ xᵢ² as one node, without overflow; its gradient at 0 is 0.")
logsumexp: SequenceOp = sequence_row(
    "logsumexp", "logΣexp", _logsumexp, _logsumexp_array, _softmax,
    latex=lambda x: r"\log\left(" + " + ".join(f"e^{{{each}}}" for each in x) + r"\right)",
    domain=(REAL,),
    kinks=(Kink((-inf, 0.0), 0.0, (0.0, 1.0)), Kink((inf, 0.0), inf, (nan, 0.0)),
           Kink((-inf, -inf), -inf, (nan, nan))),
    doc="log Σ exp(xᵢ), in nats, shifted by the largest argument so that it never overflows.")

# factors of the partials above
sigmoid_slope: Op = factor(
    "sigmoid_slope", "σ'", _sigmoid_slope, _sigmoid_slope_array,
    lambda y, x: -y * tanh(0.5 * x),     # = y (1 - 2 σ(x))
    latex=r"\sigma\left({0}\right) \cdot \sigma\left(-{0:2}\right)", binds=2, domain=(REAL,), kinks=SMOOTH,
    doc="σ'(x) = σ(x) σ(-x) = σ(x) (1 - σ(x)), without the latter's cancellation.")
gaussian: Op = factor(
    "gaussian", "exp(-cx²)", _gaussian, _gaussian_array,
    lambda y, x, c: -2.0 * c * x * y,
    lambda y, x, c: -square(x) * y,
    latex=r"e^{{-{1:2} \cdot {0:4}^{{2}}}}", domain=(REAL, ABOVE), kinks=SMOOTH,
    doc="exp(-c x²), right in its tails.")
normal_cdf: Op = factor(
    "normal_cdf", "Φ", _normal_cdf, _one_by_one(_normal_cdf),
    lambda y, x: ONE_OVER_SQRT_TWO_PI * gaussian(x, 0.5),
    latex=r"\Phi\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The normal distribution function Φ(x) = erfc(-x/√2) / 2, right in its tails.")
exp_difference: Op = factor(
    "exp_difference", "exp(a-b)", _exp_difference, _exp_difference_array,
    lambda y, a, b: y,
    lambda y, a, b: -y,
    latex="e^{{{0:2} - {1:2}}}", domain=(REAL, REAL), kinks=SMOOTH,
    doc="exp(a - b), with the difference as if it were not rounded.")
share: Op = factor(
    "share", "σ(a-b)", _share, _share_array,
    lambda y, a, b: y * share(b, a),
    lambda y, a, b: -y * share(b, a),
    latex=r"\sigma\left({0:2} - {1:2}\right)", domain=(REAL, REAL), kinks=SMOOTH,
    doc="eᵃ / (eᵃ + eᵇ) = σ(a - b), with the difference as if it were not rounded.")
inversion: Op = factor(
    "inversion", "a/(a²+b²)", _inversion, _inversion_array,
    lambda y, a, b: (inversion(b, a) - y) * (inversion(b, a) + y),
    lambda y, a, b: -2.0 * y * inversion(b, a),
    latex=r"\frac{{{0}}}{{{0:4}^{{2}} + {1:4}^{{2}}}}", domain=(ABOVE, ABOVE),
    kinks=(Kink((0.0, 0.0), 0.0, (0.0, 0.0)),),
    doc="a / (a² + b²) without overflow; 0 at the origin.")
power_slope: Op = factor(
    "power_slope", "b aᵇ⁻¹", _power_slope, _power_slope_array,
    lambda y, a, b: where(b == 0.0, 0.0, b * power_slope(a, b - 1.0)),
    lambda y, a, b: _power_twist(a, b),
    latex=r"{1:2} \cdot {0:4}^{{{1:1} - 1}}", binds=2, domain=(POSITIVE, REAL), kinks=SMOOTH,
    doc="∂(aᵇ)/∂a = b aᵇ⁻¹, and 0 where b is 0.")
power_log: Op = factor(
    "power_log", "aᵇ log a", _power_log, _power_log_array,
    lambda y, a, b: _power_twist(a, b),
    lambda y, a, b: where((a == 0.0) * (b >= 0.0), 0.0, y * log(a)),
    latex=r"{0:4}^{{{1}}} \cdot \log\left({0}\right)", binds=2, domain=(POSITIVE, REAL),
    kinks=(Kink((0.0, 2.0), 0.0, (0.0, 0.0)),),
    doc="∂(aᵇ)/∂b = aᵇ log a, and 0 where a is 0 and b is not negative.")
# fmt: on
