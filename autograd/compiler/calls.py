"""How ops are called in a kernel: with ``out``, in steps, or from a value that is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler import kernels
from autograd.compiler.source import scatter
from autograd.compiler.vector import Instruction
from autograd.numeric import ONE_OVER_SQRT_TWO_PI

TINY = 1e-300
FEW = 1000  # elements from which two steps over SIMD lanes beat one without
NARROW, LONG = 4, 6400  # columns, and elements of the other factor, as of `faster_dot`


def above_zero(like: np.ndarray) -> Callable[[Any, Any], Any]:
    """What writes 1 for x > 0 and 0 for x = 0 into ``out``, for the x >= 0 that relu gives."""
    if like.size < FEW:
        return np.sign
    ones = np.ones_like(like)

    def above(x: Any, out: Any) -> None:
        np.minimum(x, ones, out=out)
        np.ceil(out, out)

    return above


def dot_few_columns(a: Any, b: Any, out: Any) -> None:
    """a b for a b of a few columns: a product of a matrix and a vector for each."""
    for j in range(b.shape[1]):
        out[:, j] = a.dot(b[:, j])


def faster_dot(a: np.ndarray, b: np.ndarray) -> Callable[[Any, Any, Any], Any]:
    """The faster way to write the product of matrices of these shapes into ``out``."""
    long = a.size >= LONG and len(a) > 1
    return dot_few_columns if long and 1 < b.shape[1] <= NARROW else np.dot


def _slope_of_tanh(y: Any, x: Any, out: Any) -> None:
    """1 - y² for y = tanh x; where that would cancel, the row of the table, which is the same."""
    np.multiply(y, y, out)
    if out.size and np.maximum.reduce(out, None) < 0.9999:
        np.subtract(1.0, out, out)
    else:
        out[...] = 4.0 * kernels.sigmoid_slope(2.0 * x)


def _slope_of_sigmoid(y: Any, x: Any, out: Any) -> None:
    """y (1 - y) for y = σ(x); where that would cancel, the row of the table, which is the same."""
    np.subtract(1.0, y, out)
    if out.size and np.minimum.reduce(out, None) > 0.0001:
        np.multiply(y, out, out)
    else:
        out[...] = kernels.sigmoid_slope(x)


def _slope_of_silu(y: Any, x: Any, out: Any) -> None:
    """σ + y (1 - σ), where σ is y / x for y = silu(x)."""
    share = (y + 0.5 * TINY) / (x + TINY)  # 1/2 at 0
    np.subtract(1.0, share, out)
    np.multiply(out, y, out)
    np.add(out, share, out)


def _slope_of_gelu(y: Any, x: Any, out: Any) -> None:
    """Φ + x exp(-x²/2) / √2π, where Φ is y / x for y = gelu(x)."""
    np.multiply(x, x, out)
    np.multiply(out, -0.5, out)
    np.exp(out, out)
    np.multiply(out, x, out)
    np.multiply(out, ONE_OVER_SQRT_TWO_PI, out)
    np.add(out, (y + 0.5 * TINY) / (x + TINY), out)


# Slopes that are cheaper from the value: the op whose value it is, and the function.
FROM_VALUE = {
    "tanh_slope": (ops.tanh, "slope_of_tanh"),
    "sigmoid_slope": (ops.sigmoid, "slope_of_sigmoid"),
    "silu_slope": (ops.silu, "slope_of_silu"),
    "gelu_slope": (ops.gelu, "slope_of_gelu"),
}
FUNCTIONS: dict[str, Any] = {
    "dot": np.dot, "add": np.add, "add_reduce": np.add.reduce, "max_reduce": np.maximum.reduce,
    "add_at": np.add.at, "take": np.take, "matmul": np.matmul, "scatter": scatter,
    "multiply": np.multiply, "subtract": np.subtract, "divide": np.divide,
    "negative": np.negative, "exp": np.exp, "log": np.log, "maximum": np.maximum,
    "sign": np.sign, "slope_of_tanh": _slope_of_tanh, "slope_of_sigmoid": _slope_of_sigmoid,
    "slope_of_silu": _slope_of_silu, "slope_of_gelu": _slope_of_gelu,
}  # fmt: skip
IN_STEPS = {
    ops.relu: ["maximum({0}, {zeros}, out={out})"],
    ops.sigmoid: [
        "negative({0}, {out})", "exp({out}, {out})", "add({out}, {one}, {out})",
        "divide({one}, {out}, {out})",
    ],
    ops.exp_difference: ["subtract({0}, {1}, {out})", "exp({out}, {out})"],
}  # fmt: skip


def in_place(each: Instruction) -> bool:
    """Whether the op may write over its arguments while it runs."""
    if each.op is None:
        return False
    if each.op in IN_STEPS:
        return True
    return isinstance(kernels.elementwise(each.op), np.ufunc)
