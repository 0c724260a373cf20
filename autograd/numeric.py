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
    s = sigmoid(difference)
    if not math.isfinite(difference):
        return s
    error: float = _difference_error(a, b, difference)
    return s + s * sigmoid(-difference) * error


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


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def softplus_array(x: Any) -> Any:
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def logaddexp(a: float, b: float) -> float:
    if a == b:  # also where both are infinite, and have no difference
        return a + math.log(2.0)
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


def silu(x: float) -> float:
    if x < -700.0:
        root = math.exp(0.5 * x)  # exp(-x) would overflow, and exp(x) be subnormal
        return x * root * root
    return x / (1.0 + math.exp(-x))


def silu_array(x: Any) -> Any:
    root = np.exp(-0.5 * np.abs(x))
    return np.where(x < 0.0, x * root * root, x) / (1.0 + root * root)


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


def normal_cdf(x: float) -> float:
    z = -x * SQRT_HALF
    cdf = 0.5 * math.erfc(z)
    if 0.5 < z < 28.0:
        # z is not quite -x/√2, which matters out there: 2 z dz = x²/2 - z².
        square, error = _exact_product(z, z)
        wanted, wanted_error = _exact_product(0.5 * x, x)
        rest = ((wanted - square) + (wanted_error - error)) / (2.0 * z)
        cdf -= 0.5 * TWO_OVER_SQRT_PI * math.exp(-square) * rest
    return cdf


def gelu(x: float) -> float:
    return x * normal_cdf(x)


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
    if y < TINY and a > 0.0:
        root = math.pow(a, 0.5 * b)
        return root * math.log(a) * root
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
    terms = [math.exp(each - top) for each in x]
    terms.remove(1.0)  # that of the largest: log1p keeps what the others add to it
    return top + math.log1p(builtins.sum(terms))


def logsumexp_array(x: Sequence[Any]) -> Any:
    top = reduce(np.maximum, x, np.float64(-np.inf))
    shift = np.where(np.isfinite(top), top, 0.0)
    terms = [np.exp(each - shift) for each in x]
    largest, others = np.float64(0.0), np.float64(0.0)
    for term in terms:
        others = others + np.minimum(largest, term)
        largest = np.maximum(largest, term)
    return shift + np.where(largest == 1.0, np.log1p(others), np.log(largest + others))
