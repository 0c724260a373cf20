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

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd import numeric
from autograd.op import FACTORS, SMOOTH, TABLE, Interval, Kink, Op, Rule, SequenceOp


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


def sequence_factor(
    name: str, symbol: str, scalar: Any, array: Any, partials: Rule, **columns: Any
) -> SequenceOp:
    """The same for a factor."""
    op = SequenceOp(name, symbol, scalar, array, partials, **columns)
    FACTORS[name] = op
    return op


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


# Rules too long for a row.


def _power_twist(a: Any, b: Any) -> Any:
    """∂²(aᵇ)/∂a∂b, and 0 where both are 0."""
    twist = power(a, b - 1.0) + b * power_log(a, b - 1.0)
    return where((a == 0.0) * (b == 0.0), 0.0, twist)


def _prod_partials(y: Any, x: Sequence[Any]) -> tuple[list[Any]]:
    """What stands before each factor times what stands behind it: a zero does no harm."""
    before: list[Any] = [1.0]
    behind: list[Any] = [1.0]
    for each in x[:-1]:
        before.append(before[-1] * each)
    for each in x[:0:-1]:
        behind.append(each * behind[-1])
    return ([a * b for a, b in zip(before, reversed(behind), strict=True)][: len(x)],)


def _directions(y: Any, x: Sequence[Any]) -> list[Any]:
    """xᵢ / ‖x‖, and 0 where that is 0."""
    length = where(y == 0.0, inf, y)
    return [each / length for each in x]


def _softmax(y: Any, x: Sequence[Any]) -> tuple[list[Any]]:
    """exp(xᵢ - y - rest), where y + rest is y before it was rounded."""
    rest = where(y == inf, 0.0, log_total(x, [y] * len(x)))
    return ([weight(each, y, rest) for each in x],)


def _shares(y: Any, a: Sequence[Any], b: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """exp(aᵢ - bᵢ - y), what each term is of the whole."""
    weights = [weight(each, other, y) for each, other in zip(a, b, strict=True)]
    return weights, [-each for each in weights]


def _products(w: Sequence[Any], x: Sequence[Any]) -> str:
    return " + ".join(rf"{wi:2} \cdot {xi:3}" for wi, xi in zip(w, x, strict=True))


def _function(name: str) -> str:
    return r"\mathrm{{" + name + r"}}\left({0}\right)"


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
    "cbrt", "∛", numeric.cbrt, np.cbrt,
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
    "tanh", "tanh", numeric.tanh, np.tanh,
    lambda y, x: tanh_slope(x),
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
    "sigmoid", "σ", numeric.sigmoid, numeric.sigmoid_array,
    lambda y, x: sigmoid_slope(x),
    latex=r"\sigma\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The logistic function 1 / (1 + e⁻ˣ), stable on both sides.")
log_sigmoid: Op = row(
    "log_sigmoid", "log σ", lambda x: -numeric.softplus(-x), lambda x: -numeric.softplus_array(-x),
    lambda y, x: sigmoid(-x),
    latex=r"\log \sigma\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="log σ(x) = -log(1 + e⁻ˣ), without overflow.")
softplus: Op = row(
    "softplus", "softplus", numeric.softplus, numeric.softplus_array,
    lambda y, x: sigmoid(x),
    latex=_function("softplus"), domain=(REAL,), kinks=SMOOTH,
    doc="log(1 + eˣ), without overflow.")
silu: Op = row(
    "silu", "silu", numeric.silu, numeric.silu_array,
    lambda y, x: silu_slope(x),
    latex=r"{0:4} \cdot \sigma\left({0}\right)", binds=2, domain=(REAL,), kinks=SMOOTH,
    doc="x σ(x), also called swish.")
erf: Op = row(
    "erf", "erf", math.erf, numeric.one_by_one(math.erf),
    lambda y, x: numeric.TWO_OVER_SQRT_PI * gaussian(x, 1.0),
    latex=r"\mathrm{{erf}}\left({0}\right)", domain=(REAL,), kinks=SMOOTH,
    doc="The error function 2/√π ∫₀ˣ exp(-t²) dt.")
gelu: Op = row(
    "gelu", "gelu", numeric.gelu, numeric.one_by_one(numeric.gelu),
    lambda y, x: gelu_slope(x),
    latex=r"{0:4} \cdot \Phi\left({0}\right)", binds=2, domain=(REAL,), kinks=SMOOTH,
    doc="x Φ(x) with the normal distribution function Φ: the exact GELU, not the one by tanh.")
logaddexp: Op = row(
    "logaddexp", "logaddexp", numeric.logaddexp, np.logaddexp,
    lambda y, a, b: share(a, b),
    lambda y, a, b: share(b, a),
    latex=r"\log\left(e^{{{0}}} + e^{{{1}}}\right)", domain=(REAL, REAL),
    kinks=(Kink((-inf, 0.0), 0.0, (0.0, 1.0)), Kink((inf, 0.0), inf, (1.0, 0.0)),
           Kink((-inf, -inf), -inf, (nan, nan))),
    doc="log(eᵃ + eᵇ), in nats, without overflow.")

# pieces
relu: Op = row(
    "relu", "relu", numeric.relu, lambda x: np.where(x <= 0.0, 0.0, x),
    lambda y, x: 1.0 - (x <= 0.0),
    latex=_function("relu"), domain=(ABOVE,), selects=True,
    kinks=(Kink((0.0,), 0.0, (0.0,)), Kink((nan,), nan, (1.0,))),
    doc="max(x, 0), with slope 0 at 0.")
sign: Op = row(
    "sign", "sign", numeric.sign, np.sign, zero,
    latex=r"\mathrm{{sign}}\left({0}\right)", domain=(ABOVE,), selects=True,
    kinks=(Kink((0.0,), 0.0, (0.0,)), Kink((nan,), nan, (0.0,))),
    doc="-1, 0 or 1, with slope 0.")
maximum: Op = row(
    "maximum", "max", numeric.maximum, np.maximum,
    lambda y, a, b: 1.0 - 0.5 * (1.0 * (a <= b) + (a < b)),
    lambda y, a, b: 1.0 - 0.5 * (1.0 * (b <= a) + (b < a)),
    latex=r"\max\left({0}, {1}\right)", domain=(ABOVE, BELOW), selects=True,
    kinks=(Kink((1.0, 1.0), 1.0, (0.5, 0.5)), Kink((nan, 1.0), nan, (1.0, 1.0))),
    doc="The larger of a and b; a tie shares the gradient, ½ each; nan if either is.")
minimum: Op = row(
    "minimum", "min", numeric.minimum, np.minimum,
    lambda y, a, b: 1.0 - 0.5 * (1.0 * (b <= a) + (b < a)),
    lambda y, a, b: 1.0 - 0.5 * (1.0 * (a <= b) + (a < b)),
    latex=r"\min\left({0}, {1}\right)", domain=(ABOVE, BELOW), selects=True,
    kinks=(Kink((1.0, 1.0), 1.0, (0.5, 0.5)), Kink((nan, 1.0), nan, (1.0, 1.0))),
    doc="The smaller of a and b; a tie shares the gradient, ½ each; nan if either is.")
where: Op = row(
    "where", "where", numeric.where, np.where, zero,
    lambda y, condition, a, b: 1.0 * (condition != 0.0),
    lambda y, condition, a, b: 1.0 * (condition == 0.0),
    latex=r"\left({1}\ \text{{if}}\ {0}\ \text{{else}}\ {2}\right)", binds=4,
    domain=(ABOVE, REAL, REAL), selects=True,
    kinks=(Kink((0.0, 1.0, 2.0), 2.0, (0.0, 0.0, 1.0)),
           Kink((1.0, 1.0, inf), 1.0, (0.0, 1.0, 0.0))),
    doc="a where the condition is not 0, else b; the branch not taken gets nothing, not even nan.")

floor: Op = row(
    "floor", "⌊·⌋", numeric.floor, np.floor, zero,
    latex=r"\left\lfloor{{{0}}}\right\rfloor", binds=4, domain=((0.1, 0.9),), selects=True,
    kinks=(Kink((2.0,), 2.0, (0.0,)), Kink((nan,), nan, (0.0,))),
    doc="The largest integer not above x, with slope 0, at the jumps by convention.")
ceil: Op = row(
    "ceil", "⌈·⌉", numeric.ceil, np.ceil, zero,
    latex=r"\left\lceil{{{0}}}\right\rceil", binds=4, domain=((0.1, 0.9),), selects=True,
    kinks=(Kink((2.0,), 2.0, (0.0,)), Kink((nan,), nan, (0.0,))),
    doc="The smallest integer not below x, with slope 0, at the jumps by convention.")
leaky_relu: Op = row(
    "leaky_relu", "leaky relu", numeric.leaky_relu, lambda x, slope: np.where(x > 0.0, x, slope * x),
    lambda y, x, slope: where(x > 0.0, 1.0, slope),
    lambda y, x, slope: where(x > 0.0, 0.0, x),
    latex=r"\mathrm{{LeakyReLU}}\left({0}, {1}\right)", domain=(BELOW, (0.01, 0.5)),
    kinks=(Kink((0.0, 0.1), 0.0, (0.1, 0.0)), Kink((2.0, 0.1), 2.0, (1.0, 0.0)),
           Kink((nan, 0.1), nan, (0.1, nan))),
    options={"negative_slope": 0.01},
    doc="x above 0, negative_slope · x below, and that slope at 0.")
elu: Op = row(
    "elu", "elu", numeric.elu, lambda x, alpha: np.where(x > 0.0, x, alpha * np.expm1(x)),
    lambda y, x, alpha: where(x > 0.0, 1.0, alpha * exp(x)),
    lambda y, x, alpha: where(x > 0.0, 0.0, expm1(x)),
    latex=r"\mathrm{{ELU}}\left({0}, {1}\right)", domain=(BELOW, (0.5, 2.0)),
    kinks=(Kink((0.0, 1.0), 0.0, (1.0, 0.0)), Kink((0.0, 2.0), 0.0, (2.0, 0.0)),
           Kink((2.0, 1.0), 2.0, (1.0, 0.0))),
    options={"alpha": 1.0},
    doc="x above 0, alpha (eˣ - 1) below; its slope at 0 is alpha.")
clip: Op = row(
    "clip", "clip", numeric.clip, lambda x, low, high: np.minimum(np.maximum(x, low), high),
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
    "sum", "Σ", numeric.total, numeric.total_array,
    lambda y, x: ([1.0] * len(x),),
    latex=lambda x: " + ".join(f"{each:2}" for each in x), binds=1,
    domain=(REAL,), kinks=SMOOTH,
    doc="Σ xᵢ as one node; 0.0 if there are none.")
dot: SequenceOp = sequence_row(
    "dot", "w·x", numeric.dot, numeric.dot_array,
    lambda y, w, x: (x, w),
    latex=lambda w, x: _products(w, x), binds=1, domain=(REAL, REAL), kinks=SMOOTH,
    doc="Σ wᵢ xᵢ as one node.")
affine: SequenceOp = sequence_row(
    "affine", "w·x+b", numeric.affine, numeric.affine_array,
    lambda y, w, x, b: (x, w, [1.0] * len(b)),
    latex=lambda w, x, b: " + ".join([_products(w, x), *(f"{each:2}" for each in b)]), binds=1,
    domain=(REAL, REAL, REAL), kinks=SMOOTH,
    doc="Σ wᵢ xᵢ + Σ b as one node, b a sequence of one bias or none: the z of a neuron.")
mean: SequenceOp = sequence_row(
    "mean", "mean", numeric.mean, numeric.mean_array,
    lambda y, x: ([1.0 / len(x)] * len(x),),
    latex=lambda x: rf"\frac{{1}}{{{len(x)}}} \cdot \left(" + " + ".join(f"{each:2}" for each in x) + r"\right)",
    binds=2, domain=(REAL,), kinks=SMOOTH,
    doc="Σ xᵢ / n as one node; nan if there are none.")
prod: SequenceOp = sequence_row(
    "prod", "Π", numeric.prod, numeric.prod_array, _prod_partials,
    latex=lambda x: r" \cdot ".join(f"{each:3}" for each in x), binds=2,
    domain=(REAL,),
    kinks=(Kink((0.0, 2.0, 3.0), 0.0, (6.0, 0.0, 0.0)), Kink((0.0, 0.0, 3.0), 0.0, (0.0, 0.0, 0.0))),
    doc="Π xᵢ as one node; 1.0 if there are none. The value overflows only if it is that large.")
norm: SequenceOp = sequence_row(
    "norm", "‖·‖", lambda x: math.hypot(*x), numeric.norm_array,
    lambda y, x: (_directions(y, x),),
    latex=lambda x: r"\sqrt{" + " + ".join(f"{each:4}^{{2}}" for each in x) + "}",
    domain=(ABOVE,),
    kinks=(Kink((0.0, 0.0), 0.0, (0.0, 0.0)), Kink((inf, 1.0), inf, (nan, 0.0))),
    doc="The Euclidean norm √Σ xᵢ² as one node, without overflow; its gradient at 0 is 0.")
logsumexp: SequenceOp = sequence_row(
    "logsumexp", "logΣexp", numeric.logsumexp, numeric.logsumexp_array, _softmax,
    latex=lambda x: r"\log\left(" + " + ".join(f"e^{{{each}}}" for each in x) + r"\right)",
    domain=(REAL,),
    kinks=(Kink((-inf, 0.0), 0.0, (0.0, 1.0)), Kink((inf, 0.0), inf, (nan, 0.0)),
           Kink((-inf, -inf), -inf, (nan, nan))),
    doc="log Σ exp(xᵢ), in nats, shifted by the largest argument so that it never overflows.")

# factors of the partials above
sigmoid_slope: Op = factor(
    "sigmoid_slope", "σ'", numeric.sigmoid_slope, numeric.sigmoid_slope_array,
    lambda y, x: -y * tanh(0.5 * x),     # = y (1 - 2 σ(x))
    latex=r"\sigma\left({0}\right) \cdot \sigma\left(-{0:2}\right)", binds=2, domain=(REAL,), kinks=SMOOTH,
    doc="σ'(x) = σ(x) σ(-x) = σ(x) (1 - σ(x)), without the latter's cancellation.")
gaussian: Op = factor(
    "gaussian", "exp(-cx²)", numeric.gaussian, numeric.gaussian_array,
    lambda y, x, c: -2.0 * c * x * y,
    lambda y, x, c: -square(x) * y,
    latex=r"e^{{-{1:2} \cdot {0:4}^{{2}}}}", domain=(REAL, ABOVE), kinks=SMOOTH,
    doc="exp(-c x²), right in its tails.")
tanh_slope: Op = factor(
    "tanh_slope", "tanh'", numeric.tanh_slope, numeric.tanh_slope_array,
    lambda y, x: -2.0 * y * tanh(x),
    latex=r"1 - \tanh^2\left({0}\right)", binds=1, domain=(REAL,), kinks=SMOOTH,
    doc="tanh'(x) = 4 σ'(2x) = 1 - tanh²(x), which has no digits left once tanh(x) rounds to 1.")
silu_slope: Op = factor(
    "silu_slope", "silu'", numeric.silu_slope, numeric.silu_slope_array,
    lambda y, x: sigmoid_slope(x) * (2.0 - x * tanh(0.5 * x)),
    latex=r"\sigma\left({0}\right) + {0:2} \cdot \sigma\left({0}\right) \cdot \sigma\left(-{0:2}\right)", binds=1,
    domain=((-1.6, 1.0),), kinks=SMOOTH,  # its partial is 0 at ±2.4
    doc="silu'(x) = σ(x) + x σ'(x), right also near its zero at -1.278.")
gelu_slope: Op = factor(
    "gelu_slope", "gelu'", numeric.gelu_slope, numeric.one_by_one(numeric.gelu_slope),
    lambda y, x: numeric.ONE_OVER_SQRT_TWO_PI * gaussian(x, 0.5) * (2.0 - square(x)),
    latex=r"\Phi\left({0}\right) + {0:2} \cdot \Phi'\left({0}\right)", binds=1, domain=(REAL,), kinks=SMOOTH,
    doc="gelu'(x) = Φ(x) + x Φ'(x), right also near its zero at -0.752.")
exp_difference: Op = factor(
    "exp_difference", "exp(a-b)", numeric.exp_difference, numeric.exp_difference_array,
    lambda y, a, b: y,
    lambda y, a, b: -y,
    latex="e^{{{0:2} - {1:2}}}", domain=(REAL, REAL), kinks=SMOOTH,
    doc="exp(a - b), with the difference as if it were not rounded.")
weight: Op = factor(
    "weight", "exp(a-b-c)", numeric.weight, numeric.weight_array,
    lambda y, a, b, c: y,
    lambda y, a, b, c: -y,
    lambda y, a, b, c: -y,
    latex="e^{{{0:2} - {1:2} - {2:2}}}", domain=(REAL, REAL, REAL), kinks=SMOOTH,
    doc="exp(a - b - c), with the differences as if they were not rounded.")
log_total: SequenceOp = sequence_factor(
    "log_total", "logΣexp(a-b)", numeric.log_total, numeric.log_total_array,
    lambda y, a, b: _shares(y, a, b),
    latex=lambda a, b: r"\log\left(" + " + ".join(map("e^{{{0:2} - {1:2}}}".format, a, b)) + r"\right)",
    domain=((-1.5, -1.0), (-0.1, 0.1)), kinks=SMOOTH,
    doc="log Σ exp(aᵢ - bᵢ), with the differences as if they were not rounded.")
share: Op = factor(
    "share", "σ(a-b)", numeric.share, numeric.share_array,
    lambda y, a, b: y * share(b, a),
    lambda y, a, b: -y * share(b, a),
    latex=r"\sigma\left({0:2} - {1:2}\right)", domain=(REAL, REAL), kinks=SMOOTH,
    doc="eᵃ / (eᵃ + eᵇ) = σ(a - b), with the difference as if it were not rounded.")
inversion: Op = factor(
    "inversion", "a/(a²+b²)", numeric.inversion, numeric.inversion_array,
    lambda y, a, b: (inversion(b, a) - y) * (inversion(b, a) + y),
    lambda y, a, b: -2.0 * y * inversion(b, a),
    latex=r"\frac{{{0}}}{{{0:4}^{{2}} + {1:4}^{{2}}}}", domain=(ABOVE, ABOVE),
    kinks=(Kink((0.0, 0.0), 0.0, (0.0, 0.0)),),
    doc="a / (a² + b²) without overflow; 0 at the origin.")
power_slope: Op = factor(
    "power_slope", "b aᵇ⁻¹", numeric.power_slope, numeric.power_slope_array,
    lambda y, a, b: where(b == 0.0, 0.0, b * power_slope(a, b - 1.0)),
    lambda y, a, b: _power_twist(a, b),
    latex=r"{1:2} \cdot {0:4}^{{{1:1} - 1}}", binds=2, domain=(POSITIVE, REAL), kinks=SMOOTH,
    doc="∂(aᵇ)/∂a = b aᵇ⁻¹, and 0 where b is 0.")
power_log: Op = factor(
    "power_log", "aᵇ log a", numeric.power_log, numeric.power_log_array,
    lambda y, a, b: _power_twist(a, b),
    lambda y, a, b: where((a == 0.0) * (b >= 0.0), 0.0, y * log(a)),
    latex=r"{0:4}^{{{1}}} \cdot \log\left({0}\right)", binds=2, domain=(POSITIVE, REAL),
    kinks=(Kink((0.0, 2.0), 0.0, (0.0, 0.0)),),
    doc="∂(aᵇ)/∂b = aᵇ log a, and 0 where a is 0 and b is not negative.")
# fmt: on
