"""The faster functions of arrays in compiled programs, beside the rows of the table."""

import numpy as np
import pytest

from autograd.compiler import calls, kernels
from autograd.op import FACTORS

EDGES = [0.0, -0.0, 1e-308, -1e-308, 5e-17, -5e-17, 30.0, -30.0, 37.5, -37.5, 45.0, -45.0]
X = np.concatenate([np.random.default_rng(0).normal(size=20_000) * 4.0, EDGES])


def close(found, expected):
    return np.abs(found - expected) <= 1e-13 * np.abs(expected) + 1e-15


@pytest.mark.parametrize("op", kernels.FASTER, ids=lambda op: op.name)
def test_what_is_faster_is_right_to_some_bits_less(op):
    args = [X, X[::-1]][: len(op.domain)]
    if op.name == "gaussian":
        args = [X, np.abs(X[::-1]) / 10.0]
    if op.name == "power_slope":
        args = [np.abs(X) + 0.1, np.clip(X[::-1], -5.0, 5.0)]
    with np.errstate(all="ignore"):
        found = kernels.FASTER[op](*args)
        expected = np.array(
            [op.scalar(*each) for each in zip(*map(np.ndarray.tolist, args), strict=True)]
        )
    finite = np.isfinite(expected)
    assert finite.mean() > 0.9
    assert close(found, expected)[finite].all()


@pytest.mark.parametrize("name", calls.FROM_VALUE)
@pytest.mark.parametrize("scale", [1.0, 0.01])  # where 1 - y² cancels, and where it does not
def test_a_slope_from_the_value_is_the_slope(name, scale):
    op, function = calls.FROM_VALUE[name]
    x = X * scale
    out = np.empty_like(x)
    calls.FUNCTIONS[function](kernels.elementwise(op)(x), x, out)
    assert close(out, np.array(list(map(FACTORS[name].scalar, x.tolist())))).all()


@pytest.mark.parametrize("size", [3, 5000])
def test_the_mask_of_relu_is_one_above_zero(size):
    x = np.maximum(np.random.default_rng(0).normal(size=size), 0.0)
    x[:3] = 0.0, 5e-324, 1e300
    out = np.empty(size)
    calls.above_zero(out)(x, out)
    assert (out == (x > 0.0)).all()
    assert np.isnan(_above([np.nan] * size))


def _above(x):
    out = np.empty(len(x))
    calls.above_zero(out)(np.array(x), out)
    return out[0]


SIZES = [(1, 9, 3), (16, 500, 3), (16, 500, 9), (4, 3, 2)]


@pytest.mark.parametrize(("rows", "inner", "columns"), SIZES)
def test_a_product_of_any_shape_is_the_product(rows, inner, columns):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(rows, inner)), rng.normal(size=(columns, inner)).T
    out = np.empty((rows, columns))
    calls.faster_dot(a, b)(a, b, out)
    np.testing.assert_allclose(out, a @ b, rtol=1e-12, atol=1e-12)
