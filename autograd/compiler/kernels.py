"""Functions of arrays that compiled programs call: values only, every derivative is a row's rule.

Where a row's own array reading takes a dozen passes over its arrays to be right to the last
bit, the one here takes a few and is right to some bits less; `FASTER` says which.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from autograd import ops
from autograd.numeric import ONE_OVER_SQRT_TWO_PI, mills
from autograd.op import SMOOTH, Op, SequenceOp


def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ); the exponential may overflow to inf, whose reciprocal is 0."""
    return 1.0 / (1.0 + np.exp(-x))


def sigmoid_slope(x: Any) -> Any:
    """e / (1 + e)² with e = exp(-|x|)."""
    e = np.exp(-np.abs(x))
    whole = 1.0 + e
    return e / (whole * whole)


def silu(x: Any) -> Any:
    """x σ(x)."""
    return x / (1.0 + np.exp(-x))


def silu_slope(x: Any) -> Any:
    """σ(x) (1 + x σ(-x))."""
    return sigmoid(x) * (1.0 + x * sigmoid(-x))


# exp(t²/2) Φ(-t) is 1/(1 + t) times nearly a polynomial in w = (t - 5)/(t + 5), to 3e-15 of it;
# the change of variable is that of Shepherd & Laframboise (1981).
_CENTRE, _FAR = 5.0, 40.0
_TAIL = (
    np.polynomial.Chebyshev.interpolate(
        lambda w: np.array(
            [(1.0 + t) * mills(t)[0] for t in (_CENTRE * (1 + w) / (1 - w)).tolist()]
        ),
        19,
        [-1.0, (_FAR - _CENTRE) / (_FAR + _CENTRE)],
    )
    .convert(kind=np.polynomial.Polynomial)
    .coef[::-1]
    .tolist()
)


def normal_tail(x: Any) -> tuple[Any, Any]:
    """Φ(-|x|), and exp(-x²/2)."""
    t = np.minimum(np.abs(x), _FAR)
    w = (t - _CENTRE) / (t + _CENTRE)
    y = np.full_like(w, _TAIL[0])
    for coefficient in _TAIL[1:]:
        np.multiply(y, w, out=y)
        np.add(y, coefficient, out=y)
    bell = np.exp(-0.5 * t * t)
    return y / (1.0 + t) * bell, bell


def gelu(x: Any) -> Any:
    """x Φ(x)."""
    return np.maximum(x, 0.0) - np.abs(x) * normal_tail(x)[0]


def gelu_slope(x: Any) -> Any:
    """Φ(x) + x exp(-x²/2) / √2π."""
    tail, bell = normal_tail(x)
    return np.where(x > 0.0, 1.0 - tail, tail) + x * bell * ONE_OVER_SQRT_TWO_PI


def gaussian(x: Any, c: Any) -> Any:
    """exp(-c x²)."""
    return np.exp(-c * x * x)


def exp_difference(a: Any, b: Any) -> Any:
    """exp(a - b)."""
    return np.exp(a - b)


def share(a: Any, b: Any) -> Any:
    """eᵃ / (eᵃ + eᵇ)."""
    return sigmoid(a - b)


def relu(x: Any) -> Any:
    """max(x, 0)."""
    return np.maximum(x, 0.0)


def power_slope(a: Any, b: Any) -> Any:
    """b aᵇ⁻¹, and 0 where b is 0."""
    return np.where(b == 0.0, 0.0, b * np.power(a, b - 1.0))


def sech_square(y: Any, x: Any) -> Any:
    """1 - y² for y = tanh x; where that would cancel, 4 σ'(2 x), which is the same."""
    square = y * y
    if square.size and np.max(square) < 0.9999:
        return 1.0 - square
    return 4.0 * sigmoid_slope(2.0 * x)


def logsumexp(x: Any, axis: int = 0) -> Any:
    """log Σ exp(xᵢ) along an axis, shifted by the largest."""
    top = np.max(x, axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(x - top), axis=axis))


def norm(x: Any, axis: int = 0) -> Any:
    """√Σ xᵢ² along an axis, scaled by a power of two."""
    _, exponent = np.frexp(np.max(np.abs(x), axis=axis, keepdims=True))
    squares = np.square(np.ldexp(x, -exponent))
    return np.ldexp(np.sqrt(np.sum(squares, axis=axis)), np.squeeze(exponent, axis))


# An op of the compiler's own: chains of maximum, through which no gradient flows, are one.
largest = SequenceOp(
    "largest", "max", lambda x: float(np.maximum.reduce(x)), lambda x: reduce(np.maximum, x),
    lambda y, x: ([0.0] * len(x),), latex=lambda x: f"\\max\\left({', '.join(map(str, x))}\\right)",
    domain=((-3.0, 3.0),), kinks=SMOOTH, doc="The largest xᵢ, with no gradient.",
)  # fmt: skip

FASTER: dict[Op, Callable[..., Any]] = {
    ops.sigmoid: sigmoid,
    ops.sigmoid_slope: sigmoid_slope,
    ops.silu: silu,
    ops.silu_slope: silu_slope,
    ops.gaussian: gaussian,
    ops.gelu: gelu,
    ops.gelu_slope: gelu_slope,
    ops.exp_difference: exp_difference,
    ops.share: share,
    ops.relu: relu,
    ops.power_slope: power_slope,
}
ALONG: dict[Op, Callable[..., Any]] = {
    ops.total: lambda x, axis=0: np.add.reduce(x, axis),
    ops.mean: lambda x, axis=0: np.add.reduce(x, axis) / x.shape[axis],
    ops.prod: lambda x, axis=0: np.multiply.reduce(x, axis),
    ops.logsumexp: logsumexp,
    ops.norm: norm,
    largest: lambda x, axis=0: np.maximum.reduce(x, axis),
    ops.dot: lambda w, x, axis=0: np.add.reduce(w * x, axis),
}


def elementwise(op: Op) -> Callable[..., Any]:
    """The function of arrays of an op.

    Raises:
        TypeError: if it has none.
    """
    found = FASTER.get(op, op.array)
    if found is None:
        raise TypeError(
            f"{op.name}() has no reading for arrays, so it cannot be compiled. Give custom_op "
            "one, as array=..."
        )
    return found


def along_first(op: SequenceOp) -> Callable[..., Any]:
    """The function of an op of sequences whose elements lie along the first axis."""
    if op is ops.affine:
        return lambda w, x, b: np.add.reduce(w * x, 0) + (b[0] if len(b) else 0.0)
    if op in ALONG:
        return ALONG[op]
    return lambda *groups: op.array(*(list(group) for group in groups))  # type: ignore[misc]
