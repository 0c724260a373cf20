"""Functions of floats, and of arrays, that Python and NumPy do not have, or not as exactly.

The first of a pair takes floats, the second, ``…_array``, arrays. Nothing here knows of
derivatives: ``ops`` puts these functions into its rows.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
ONE_OVER_SQRT_TWO_PI = 1.0 / math.sqrt(2.0 * math.pi)
ONE_OVER_SQRT_TWO_PI_LOW = -2.49232720227773e-17  # what rounding took from it
# 128 log 2, as a multiple of 2⁻⁴³, and the rest of it
LOG_128_TWOS, LOG_128_TWOS_LOW = 88.7228391116729, 1.0244436292813729e-13
TINY = 2.0**-1000  # smaller results may have lost digits on the way
HUGE = 2.0**990  # larger numbers cannot be split into halves
SPLITTER = 2.0**27 + 1.0


def _exact_product(a: Any, b: Any) -> tuple[Any, Any]:
    """(p, e) with p = fl(a b) and a b = p + e exactly (Dekker 1971); for floats and arrays."""
    p = a * b
    shifted = SPLITTER * a  # as in _halves; this one is called often
    a_high = shifted - (shifted - a)
    a_low = a - a_high
    shifted = SPLITTER * b
    b_high = shifted - (shifted - b)
    b_low = b - b_high
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a: Any) -> tuple[Any, Any]:
    """a as a sum of two numbers of 26 bits each, whose products are exact (Veltkamp 1968)."""
    shifted = SPLITTER * a
    high = shifted - (shifted - a)
    return high, a - high


def _difference_error(a: Any, b: Any, difference: Any) -> Any:
    """What rounding took from difference = fl(a - b) (Knuth 1969, TwoSum)."""
    b_part = a - difference
    return (a - (difference + b_part)) + (b_part - b)


def _times_exp(a: float, a_low: float, exponent: float, rest: float = 0.0) -> float:
    """(a + a_low) exp(exponent + rest), also where exp by itself would be too small for a double.

    It is rounded twice, in exp and at the end.
    """
    shift = 0
    if exponent < -600.0:
        exponent += LOG_128_TWOS  # exactly
        rest += LOG_128_TWOS_LOW
        shift = -128
    e = math.exp(exponent)
    y, error = _exact_product(a, e)
    y += error + e * a_low + y * rest
    return math.ldexp(y, shift) if shift else y


def _exp_in_integers(x: int, bits: int) -> int:
    """2ᵇ exp(x / 2ᵇ) for b = bits, but for the last few: the series of its 2¹⁶th root, squared."""
    x >>= 16
    term = power = 1 << bits
    n = 0
    while term:
        n += 1
        term = (term * x >> bits) // n
        power += term
    for _ in range(16):
        power = power * power >> bits
    return power


def _in_integers(x: float, bits: int) -> int:
    """2ᵇ x for b = bits."""
    numerator, denominator = x.as_integer_ratio()
    return (numerator << bits) // denominator


def tanh(x: float) -> float:
    if not (0.1 < x < 0.6 or -0.6 < x < -0.1):
        return math.tanh(x)
    t = math.expm1(2.0 * abs(x))  # here that of the GNU C library is off by up to 2.2 ulps
    whole = t + 2.0
    quotient = t / whole
    quotient -= quotient * ((t - (whole - 2.0)) / whole)  # what rounding took from t + 2
    return quotient if x > 0.0 else -quotient


def tanh_slope(x: float) -> float:
    t = -2.0 * abs(x)
    if t < -600.0:
        return _times_exp(4.0, 0.0, t)
    slope: float = 4.0 * _over_square_of_sum(math.exp(t))
    return slope


def tanh_slope_array(x: Any) -> Any:
    return 4.0 * _over_square_of_sum(np.exp(-2.0 * np.abs(x)))


def cbrt(x: float) -> float:
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


def sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    small = math.exp(x)  # never overflows, where exp(-x) would
    whole = 1.0 + small
    quotient = small / whole
    return quotient - quotient * ((small - (whole - 1.0)) / whole)  # what rounding took from 1 + eˣ


def sigmoid_array(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x < 0.0, small, 1.0) / (1.0 + small)


def sigmoid_slope(x: float) -> float:
    slope: float = _over_square_of_sum(math.exp(-abs(x)))
    return slope


def sigmoid_slope_array(x: Any) -> Any:
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


def share(a: float, b: float) -> float:
    difference = a - b
    e = math.exp(-abs(difference))
    own, other = (e, 1.0) if difference < 0.0 else (1.0, e)
    whole = 1.0 + e
    quotient = own / whole
    if not math.isfinite(difference):
        return quotient
    product, error = _exact_product(quotient, whole)
    left: float = (own - product) - error - quotient * (e - (whole - 1.0))
    left += quotient * other * _difference_error(a, b, difference)
    return quotient + left / whole


def share_array(a: Any, b: Any) -> Any:
    difference = a - b
    error = np.where(np.isfinite(difference), _difference_error(a, b, difference), 0.0)
    s = sigmoid_array(difference)
    return s + s * sigmoid_array(-difference) * error


def exp_difference(a: float, b: float) -> float:
    difference = a - b
    e = math.exp(difference)
    b_part = a - difference  # as in _difference_error; this one is called often
    error = (a - (difference + b_part)) + (b_part - b)
    return e + e * error if error == error else e  # nan where the difference is infinite


def exp_difference_array(a: Any, b: Any) -> Any:
    difference = a - b
    error = np.where(np.isfinite(difference), _difference_error(a, b, difference), 0.0)
    e = np.exp(difference)
    return np.where(np.isinf(e), e, e + e * error)


def weight(a: float, b: float, c: float) -> float:
    difference = a - b
    rest = difference - c
    e = math.exp(rest)
    error = _difference_error(a, b, difference) + _difference_error(difference, c, rest)
    return e + e * error if error == error else e


def weight_array(a: Any, b: Any, c: Any) -> Any:
    difference = a - b
    rest = difference - c
    error = _difference_error(a, b, difference) + _difference_error(difference, c, rest)
    e = np.exp(rest)
    return np.where(np.isinf(e) | np.isnan(error), e, e + e * error)


def log_total(a: Sequence[float], b: Sequence[float]) -> float:
    """log Σ exp(aᵢ - bᵢ): with the logarithm of the sum, where it is near 1, by the rest."""
    terms = []
    for each, other in zip(a, b, strict=True):
        difference = each - other
        e = math.exp(difference)
        error = _difference_error(each, other, difference)
        terms += [e, e * error] if error == error else [e]
    return math.log1p(math.fsum([*terms, -1.0]))


def log_total_array(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return np.log(total_array(list(map(exp_difference_array, a, b))))


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def softplus_array(x: Any) -> Any:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def logaddexp(a: float, b: float) -> float:
    top, other = (a, b) if a >= b else (b, a)
    difference = other - top
    e = math.exp(difference)
    if not e > 0.0:
        return a if a == b else top + e  # nan, or infinite, or the other is too small to matter
    log, log_low = _log1p(e)
    y = top + (log + log_low)
    if abs(y) < log + log_low:  # they cancel
        return _logsumexp_near_0((a, b), top)
    y = top + log
    lost: float = e * _difference_error(other, top, difference) / (1.0 + e)
    lost += _difference_error(top, -log, y) + log_low
    return y + lost


def _log1p(x: float) -> tuple[float, float]:
    """log(1 + x) in two parts, for x >= 0, only the logarithm of the rounded sum being rounded."""
    whole = 1.0 + x
    return math.log(whole), (x - (whole - 1.0) if x < 1.0 else 1.0 - (whole - x)) / whole


def silu(x: float) -> float:
    if not -600.0 < x < 40.0:
        # exp(-x) may overflow; below -800 the value is 0
        return x if x > 0.0 else x * 0.0 if not x > -800.0 else _times_exp(x, 0.0, x)
    e = math.exp(-x)
    whole = 1.0 + e
    part = whole - 1.0
    quotient = x / whole
    # less what rounding took from 1 + e, whichever of the two is the larger (Knuth 1969, TwoSum)
    return quotient - quotient * (((1.0 - (whole - part)) + (e - part)) / whole)


def silu_array(x: Any) -> Any:
    root = np.exp(-0.5 * np.abs(x))
    return np.where(x < 0.0, x * root * root, x) / (1.0 + root * root)


# silu' is e (1 + x + e) / (1 + e)² with e = eˣ; this x, and the rest of it, is its zero.
SILU_ZERO, SILU_ZERO_LOW = -1.2784645427610737, -1.0946994183093437e-16
SILU_EXP = 0.2784645427610738  # e there


def silu_slope(x: float) -> float:
    if x > 0.0:
        return 1.0 - silu_slope(-x)
    if not x > -600.0:
        return _times_exp(1.0 + x, 0.0, x) if x > -800.0 else x * 0.0
    e = math.exp(x)
    distance = x - SILU_ZERO
    d = distance - SILU_ZERO_LOW
    if -0.4 < d < 0.4:  # 1 + x + e by what it is more than 0, its value at the zero
        d_low = (distance - d) - SILU_ZERO_LOW
        more = SILU_EXP * math.expm1(d)
        sum = d + more
        sum_low = _difference_error(d, -more, sum) + d_low
    else:
        one_x = 1.0 + x
        sum = one_x + e
        sum_low = _difference_error(1.0, -x, one_x) + _difference_error(one_x, -e, sum)
    y, y_low = _exact_product(e, sum)
    high = 1.0 + 2.0 * e
    whole = high + e * e
    rest = (2.0 * e - (high - 1.0)) + (e * e - (whole - high))
    quotient = y / whole
    product, error = _exact_product(quotient, whole)
    left = (y - product) - error + y_low + e * sum_low - quotient * rest
    slope: float = quotient + left / whole
    return slope


def silu_slope_array(x: Any) -> Any:
    t = -np.abs(x)
    e = np.exp(t)
    d = (t - SILU_ZERO) - SILU_ZERO_LOW
    sum = np.where(np.abs(d) < 0.4, d + SILU_EXP * np.expm1(d), 1.0 + t + e)
    slope = _over_square_of_sum(e) * sum
    return np.where(x > 0.0, 1.0 - slope, slope)


def one_by_one(function: Callable[..., float], arguments: int = 1) -> Callable[..., Any]:
    """The function on arrays, where NumPy has nothing faster."""
    ufunc = np.frompyfunc(function, arguments, 1)
    return lambda *arrays: np.asarray(ufunc(*arrays), dtype=np.float64)


def gaussian(x: float, c: float) -> float:
    if not abs(x) < 1e9:
        return math.exp(-c * x * x)
    exponent, error = _cx_square(x, c)
    y = math.exp(-exponent)
    return y + y * math.expm1(-error)


def gaussian_array(x: Any, c: Any) -> Any:
    exponent, error = _cx_square(np.clip(x, -1e9, 1e9), c)
    y = np.exp(-exponent)
    return y + y * np.expm1(-error)


def _cx_square(x: Any, c: Any) -> tuple[Any, Any]:
    """c x² in two parts: its rounding would cost c x² ulps of the exponential."""
    high, low = _halves(x)
    p, error = _exact_product(c, high * high)
    return p, error + c * (low * (x + high))


def _mills_series(centre: int, ratio: int) -> tuple[Any, ...]:
    """The series of S(t) = exp(t²/2) Φ(-t) about a centre: the centre, and S, S', S''/2! and so on.

    S is Mills' ratio R over √2π. The centre and R there come in units of 10⁻⁴², and the other
    coefficients from R' = t R - 1 (Marsaglia 2004). The first are in two parts; with -1/√2π
    added, S' is that of S - t/√2π. The last come first, as in Horner's scheme.
    """
    unit = 10**42
    r = [ratio, centre * ratio // unit - unit]
    for n in range(1, 20):
        r.append((centre * r[n] // unit + r[n - 1]) // (n + 1))
    scale = 398942280401432677939946059934381868475859  # 1/√2π
    s = [each * scale // unit for each in r]

    def parts(number: int) -> tuple[float, float]:
        numerator, denominator = (number / unit).as_integer_ratio()
        return number / unit, (number * denominator - numerator * unit) / (unit * denominator)

    at, value, slope, excess = map(parts, (centre, s[0], s[1], s[1] - scale))
    curve = [each / unit for n, each in enumerate(s) if n > 1 and abs(each) * 0.38**n > s[0] >> 60]
    return at, value, slope[0], excess, tuple(reversed(curve))


GELU_ZERO = 751791524693564457457904946779524039664471  # gelu' is 0 at -t where R(t) = t
MILLS_SERIES = (
    _mills_series(0, 1253314137315500251207882642405522626503493),
    _mills_series(GELU_ZERO, GELU_ZERO),
    _mills_series(6 * 10**42 // 4, 515815638217963355026512534167835343040112),
    _mills_series(9 * 10**42 // 4, 385148290798434623639310661148916298836077),
    _mills_series(12 * 10**42 // 4, 304590298710103295733612546515722201943321),
    _mills_series(15 * 10**42 // 4, 250761111443965026630094596361900926158198),
    _mills_series(18 * 10**42 // 4, 212570580442031790225660005251696922368915),
)
SERIES_END = 4.8


def _horner(t: float, series: tuple[Any, ...]) -> tuple[float, float, float]:
    """h, the distance of t from the centre, in two parts, and the sum of S⁽ⁿ⁺²⁾ hⁿ / (n+2)!."""
    (at, at_low), _, _, _, coefficients = series
    distance = t - at
    h = distance - at_low
    y = 0.0
    for each in coefficients:
        y = y * h + each
    return h, (distance - h) - at_low, y


def mills(t: float) -> tuple[float, float]:
    """exp(t²/2) Φ(-t) for t >= 0, in two parts."""
    if t < SERIES_END:
        series = MILLS_SERIES[int(t / 0.75 + 0.5)]
        h, _, curve = _horner(t, series)
        _, (value, value_low), slope, _, _ = series
        more, error = _exact_product(h, slope + h * curve)
        y = value + more
        return y, (more - (y - value)) + (error + value_low)
    rest = 0.0
    # the continued fraction 1/(t + 1/(t + 2/(t + ...))) (Laplace 1805), as far as matters
    for k in range(10 + int(1000.0 / (t * t)), 0, -1):
        rest = k / (t + rest)
    whole = t + rest
    y = ONE_OVER_SQRT_TWO_PI / whole
    product, error = _exact_product(y, whole)
    low = (ONE_OVER_SQRT_TWO_PI - product) - error + ONE_OVER_SQRT_TWO_PI_LOW
    return y, (low - y * (rest - (whole - t))) / whole


def gelu(x: float) -> float:
    if x > 0.0:
        return x + gelu(-x) if x < 39.0 else x
    if not x > -39.0:
        return x * 0.0
    y, low = mills(-x)
    y, error = _exact_product(x, y)
    square, rest = _exact_product(x, x)
    return _times_exp(y, error + x * low, -0.5 * square, -0.5 * rest)


def gelu_slope(x: float) -> float:
    if x > 0.0:
        return 1.0 - gelu_slope(-x)
    if not x > -39.0:
        return x * 0.0
    if -1.125 < x < -0.375:
        h, h_low, curve = _horner(-x, MILLS_SERIES[1])
        excess, excess_low = MILLS_SERIES[1][3]
        more = h * curve
        slope = excess + more
        y, error = _exact_product(h, slope)
        low = error + h_low * slope + h * ((more - (slope - excess)) + excess_low)
    else:
        ratio, low = mills(-x)
        product, error = _exact_product(x, ONE_OVER_SQRT_TWO_PI)
        y = ratio + product
        low += _difference_error(ratio, -product, y) + error + x * ONE_OVER_SQRT_TWO_PI_LOW
    square, rest = _exact_product(x, x)
    return _times_exp(y, low, -0.5 * square, -0.5 * rest)


def _inverse(a: Any, b: Any) -> Any:
    """a / (a² + b²), with the denominator in two parts."""
    a_square, a_error = _exact_product(a, a)
    b_square, b_error = _exact_product(b, b)
    whole = a_square + b_square
    rest = a_error + b_error - _difference_error(whole, a_square, b_square)
    quotient = a / whole
    return quotient - quotient * (rest / whole)


def inversion(a: float, b: float) -> float:
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


def inversion_array(a: Any, b: Any) -> Any:
    size = np.maximum(np.abs(a), np.abs(b))
    _, exponent = np.frexp(size)
    c, d = np.ldexp(a, -exponent), np.ldexp(b, -exponent)
    scaled = np.ldexp(_inverse(c, d), -exponent)
    return np.where((size == 0.0) | np.isinf(size), np.copysign(0.0, a), scaled)


def power_slope(a: float, b: float) -> float:
    if b == 0.0:
        return 0.0
    c = b - 1.0
    try:
        y = math.pow(a, c)
    except OverflowError:
        y = math.inf
    slope = b * y
    if TINY < abs(slope) < HUGE and TINY < abs(y) < HUGE:
        if b >= 0.5:
            return slope  # b - 1 is exact
        rest: float = _exact_product(b, y)[1]
        c_low = _difference_error(b, 1.0, c)
        if c_low != 0.0:
            rest += slope * (c_low * math.log(abs(a)))
        return slope + rest
    if _is_extreme(a, b):
        return math.copysign(_power_in_integers(a, b, slope=True), slope)
    return slope


def _is_extreme(a: float, b: float) -> bool:
    """Whether aᵇ may be far from 1 but has a logarithm."""
    return a != 0.0 and math.isfinite(a) and abs(b * math.log(abs(a))) < 800.0


def _power_in_integers(a: float, b: float, slope: bool) -> float:
    """|b aᵇ⁻¹| or aᵇ log a, where doubles would overflow or lose digits on the way."""
    bits = 1300
    unit = 1 << bits
    a = abs(a)
    log = _in_integers(math.log(a), bits)
    rest = (_in_integers(a, bits) * _exp_in_integers(-log, bits) >> bits) - unit
    log += rest - (rest * rest >> bits + 1)  # log(1 + rest)
    exponent = _in_integers(b, bits)
    factor, exponent = (abs(exponent), exponent - unit) if slope else (log, exponent)
    return factor * _exp_in_integers(exponent * log >> bits, bits) / (unit * unit)


def power_slope_array(a: Any, b: Any) -> Any:
    divide = (b < 0.5) & (a != 0.0) & np.isfinite(a)
    slope = np.where(divide, b * np.power(a, b) / a, b * np.power(a, b - 1.0))
    faint = (np.abs(slope) < TINY) & (a != 0.0)
    if faint.any():
        root = np.power(np.abs(a), 0.5 * np.where(divide, b, b - 1.0))
        size = np.abs(b) * root * root / np.where(divide, np.abs(a), 1.0)
        slope = np.where(faint, np.copysign(size, slope), slope)
    return np.where(b == 0.0, 0.0, slope)


def power_log(a: float, b: float) -> float:
    if a == 0.0 and b >= 0.0:
        return 0.0
    y = math.pow(a, b)
    if y < TINY and a > 0.0 and _is_extreme(a, b):
        return _power_in_integers(a, b, slope=False)
    return y * math.log(a)


def power_log_array(a: Any, b: Any) -> Any:
    root = np.power(a, 0.5 * b)
    y = np.power(a, b)
    slope = np.where((y < TINY) & (a > 0.0), root * np.log(a) * root, y * np.log(a))
    return np.where((a == 0.0) & (b >= 0.0), 0.0, slope)


def relu(x: float) -> float:
    return 0.0 if x <= 0.0 else x  # so nan stays nan


def leaky_relu(x: float, negative_slope: float) -> float:
    return x if x > 0.0 else negative_slope * x


def elu(x: float, alpha: float) -> float:
    return x if x > 0.0 else alpha * math.expm1(x)


def sign(x: float) -> float:
    return x if x != x else float((x > 0.0) - (x < 0.0))


def floor(x: float) -> float:
    return float(math.floor(x)) if math.isfinite(x) else x


def ceil(x: float) -> float:
    return float(math.ceil(x)) if math.isfinite(x) else x


def maximum(a: float, b: float) -> float:
    return a if a >= b or a != a else b


def minimum(a: float, b: float) -> float:
    return a if a <= b or a != a else b


def clip(x: float, low: float, high: float) -> float:
    return minimum(maximum(x, low), high)


def where(condition: float, a: float, b: float) -> float:
    return a if condition else b


def total_array(x: Sequence[Any]) -> Any:
    return reduce(np.add, x, np.float64(0.0))


def total(x: Sequence[float]) -> float:
    return builtins.sum(x, 0.0)


def mean(x: Sequence[float]) -> float:
    mean = total(x) / len(x)
    if math.isinf(mean):
        return total([each / len(x) for each in x])  # the mean may be finite where the sum is not
    return mean


def mean_array(x: Sequence[Any]) -> Any:
    mean = total_array(x) / np.float64(len(x))
    return np.where(np.isinf(mean), total_array([each / len(x) for each in x]), mean)


def prod(x: Sequence[float]) -> float:
    """The product of fractions and the sum of exponents, so that no step overflows."""
    product, exponent = 1.0, 0
    for each in x:
        fraction, power_of_two = math.frexp(each)
        product, shift = math.frexp(product * fraction)
        exponent += power_of_two + shift
    return math.ldexp(product, exponent)


def prod_array(x: Sequence[Any]) -> Any:
    product, exponent = np.float64(1.0), np.int64(0)
    for each in x:
        fraction, power_of_two = np.frexp(each)
        product, shift = np.frexp(product * fraction)
        exponent = exponent + power_of_two + shift
    return np.ldexp(product, np.clip(exponent, -5000, 5000))


def norm_array(x: Sequence[Any]) -> Any:
    size = reduce(np.maximum, [np.abs(each) for each in x], np.float64(0.0))
    _, exponent = np.frexp(size)
    return np.ldexp(np.sqrt(total_array([np.ldexp(each, -exponent) ** 2 for each in x])), exponent)


def dot(w: Sequence[float], x: Sequence[float]) -> float:
    if len(w) != len(x):
        raise lengths_differ("dot", w, x)
    return builtins.sum(map(operator.mul, w, x), 0.0)


def dot_array(w: Sequence[Any], x: Sequence[Any]) -> Any:
    if len(w) != len(x):
        raise lengths_differ("dot", w, x)
    return total_array(list(map(np.multiply, w, x)))


def affine(w: Sequence[float], x: Sequence[float], b: Sequence[float]) -> float:
    if len(w) != len(x):
        raise lengths_differ("affine", w, x)
    return builtins.sum(b, builtins.sum(map(operator.mul, w, x), 0.0))


def affine_array(w: Sequence[Any], x: Sequence[Any], b: Sequence[Any]) -> Any:
    if len(w) != len(x):
        raise lengths_differ("affine", w, x)
    return total_array([*map(np.multiply, w, x), *b])


def lengths_differ(name: str, w: Sequence[Any], x: Sequence[Any]) -> ValueError:
    """The error that says so."""
    return ValueError(
        f"{name}() takes as many inputs as weights, but got {len(w)} weights and {len(x)} inputs."
    )


def logsumexp(x: Sequence[float]) -> float:
    if builtins.any(map(math.isnan, x)):
        return math.nan
    top = max(x, default=-math.inf)
    if math.isinf(top):
        return top
    differences = [each - top for each in x]
    terms = [math.exp(each) for each in differences]
    errors = [
        e * _difference_error(each, top, difference)
        for each, e, difference in zip(x, terms, differences, strict=True)
        if e
    ]
    terms.remove(1.0)  # that of the largest: log1p keeps what the others add to it
    others = math.fsum(terms)
    log, log_low = _log1p(others)
    y = top + (log + log_low)
    if abs(y) < log + log_low:  # they cancel
        return _logsumexp_near_0(x, top)
    y = top + log
    lost: float = math.fsum([*terms, *errors, -others]) / (1.0 + others)
    lost += _difference_error(top, -log, y) + log_low
    return y + lost


def _logsumexp_near_0(x: Sequence[float], top: float) -> float:
    """log(1 + (Σ exp(xᵢ) - 1)), with the difference as if not rounded."""
    bits = 256 - 2 * min(math.frexp(top)[1], 0)
    unit = 1 << bits
    more = -unit
    for each in x:
        if each - top > -800.0:
            more += _exp_in_integers(_in_integers(each, bits), bits)
    return math.log1p(more / unit)


def logsumexp_array(x: Sequence[Any]) -> Any:
    top = reduce(np.maximum, x, np.float64(-np.inf))
    shift = np.where(np.isfinite(top), top, 0.0)
    terms = [np.exp(each - shift) for each in x]
    largest, others = np.float64(0.0), np.float64(0.0)
    for term in terms:
        others = others + np.minimum(largest, term)
        largest = np.maximum(largest, term)
    return shift + np.where(largest == 1.0, np.log1p(others), np.log(largest + others))
