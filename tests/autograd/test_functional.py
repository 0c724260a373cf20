"""`grad`, `vjp`, `jvp`, `jacobian`, `hessian`, `hvp`: against PyTorch, mpmath and each other."""

import asyncio
import contextlib
import functools
import itertools
import math
import operator
import warnings
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import (
    GraphError,
    Value,
    grad,
    hessian,
    hvp,
    is_grad_enabled,
    jacobian,
    jvp,
    no_grad,
    scope,
    value_and_grad,
    vjp,
)

inf = math.inf
Pair = namedtuple("Pair", ["a", "b"])
reproducible = settings(derandomize=True, deadline=None, max_examples=25, database=None)


def close(got, want, rel=1e-12):
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    assert got.shape == want.shape
    size = max(1.0, np.abs(want).max(initial=0.0))
    np.testing.assert_allclose(got, want, rtol=rel, atol=rel * size)


def is_clean():
    """Whether no transform and no `no_grad` is left open: floats come out, and ops record."""
    return type(grad(lambda x: x * x)(3.0)) is float and is_grad_enabled()


# -- random functions, the same for Values and for PyTorch -----------------------------------
# Each takes arrays and a library `lib` of functions of them.

UNARY = ["tanh", "sigmoid", "exp", "square", "sinh", "cosh", "softplus"]


def random_function(seed, n, m):
    """R^n -> R^m, smooth, by a random net of random functions; f(lib, x) on a sequence x."""
    rng = np.random.default_rng(seed)
    first = rng.normal(0.0, 0.6, (4, n)).tolist()
    second = rng.normal(0.0, 0.6, (m, 4)).tolist()
    names = rng.choice(UNARY, 4).tolist()
    last = rng.choice(UNARY, m).tolist()
    i, j = rng.integers(0, n, 2).tolist()

    def f(lib, x):
        z = [sum((w * each for w, each in zip(row, x, strict=True)), 0.0) for row in first]
        a = [getattr(lib, name)(each) for name, each in zip(names, z, strict=True)]
        b = [sum((w * each for w, each in zip(row, a, strict=True)), 0.0) for row in second]
        y = [getattr(lib, name)(each) * x[i] for name, each in zip(last, b, strict=True)]
        return [each / (1.5 + lib.tanh(x[j])) - each * each for each in y]

    return f, rng.uniform(-1.0, 1.0, n)


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its forward mode compiles things when first used
        yield torch


class Torch:
    """PyTorch's functions under this project's names."""

    def __init__(self, torch):
        self.torch = torch

    def __getattr__(self, name):
        if name == "softplus":
            return self.torch.nn.functional.softplus
        return getattr(self.torch, name)


def vector(torch, f):
    return lambda x: torch.stack(f(Torch(torch), list(x)))


def scalar(torch, f):
    return lambda x: f(Torch(torch), list(x))[0]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 1), (1, 3), (2, 5), (5, 2), (3, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_jacobians_agree_with_pytorch_whether_wide_or_tall(torch, seed, n, m):
    f, x = random_function(seed, n, m)
    want = torch.func.jacrev(vector(torch, f))(torch.tensor(x))
    got = jacobian(lambda x: np.array(f(ag, x)))(x)
    close(got, want)
    assert got.dtype == np.float64


@pytest.mark.parametrize("seed", range(4))
def test_gradients_hessians_and_their_products_agree_with_pytorch(torch, seed):
    f, x = random_function(seed, 4, 1)
    v = np.random.default_rng(seed + 100).normal(size=4)
    theirs, at, along = scalar(torch, f), torch.tensor(x), torch.tensor(v)

    def mine(x):
        return f(ag, x)[0]

    value, gradient = value_and_grad(mine)(x)
    want_gradient, want_value = torch.func.grad_and_value(theirs)(at)
    close(value, want_value)
    close(gradient, want_gradient)
    close(grad(mine)(x), want_gradient)
    want = torch.func.hessian(theirs)(at)
    close(hessian(mine)(x), want)
    close(jacobian(jacobian(mine))(x), want)
    close(jacobian(grad(mine))(x), want)
    close(hvp(mine, x, v), want @ along)
    close(hvp(mine, x, v), torch.autograd.functional.hvp(theirs, at, along)[1])


@pytest.mark.parametrize("seed", range(4))
def test_products_with_the_jacobian_agree_with_pytorch(torch, seed):
    f, x = random_function(seed, 3, 4)
    rng = np.random.default_rng(seed + 100)
    u, v = rng.normal(size=3), rng.normal(size=4)
    theirs, at = vector(torch, f), torch.tensor(x)

    def mine(x):
        return np.array(f(ag, x))

    y, dy = jvp(mine, (x,), (u,))
    want_y, want_dy = torch.func.jvp(theirs, (at,), (torch.tensor(u),))
    close(y, want_y)
    close(dy, want_dy)
    y, pull = vjp(mine, x)
    (dx,) = pull(v)
    want_y, want_pull = torch.func.vjp(theirs, at)
    close(y, want_y)
    close(dx, want_pull(torch.tensor(v))[0])
    close(dx, torch.autograd.functional.vjp(theirs, at, torch.tensor(v))[1])


def test_third_derivatives_of_several_variables_agree_with_pytorch(torch):
    f, x = random_function(7, 3, 1)
    theirs = torch.func.jacfwd(torch.func.hessian(scalar(torch, f)))(torch.tensor(x))
    got = jacobian(hessian(lambda x: f(ag, x)[0]))(x)
    close(got, theirs, rel=1e-11)
    for order in itertools.permutations(range(3)):
        close(np.transpose(got, order), got)


@reproducible
@given(seed=st.integers(0, 10**6), n=st.integers(1, 4), m=st.integers(1, 4))
def test_forward_and_reverse_products_are_adjoint(seed, n, m):
    f, x = random_function(seed, n, m)
    rng = np.random.default_rng(seed)
    u, v = rng.normal(size=n), rng.normal(size=m)

    def mine(x):
        return np.array(f(ag, x))

    y, dy = jvp(mine, (x,), (u,))
    same, pull = vjp(mine, x)
    assert y.tolist() == same.tolist()
    (dx,) = pull(v)
    size = max(1.0, np.abs(dy).max() * np.abs(v).max())
    assert v @ dy == pytest.approx(dx @ u, rel=1e-11, abs=1e-12 * size)
    J = jacobian(mine)(x)
    close(dy, J @ u, rel=1e-11)
    close(dx, J.T @ v, rel=1e-11)


@reproducible
@given(seed=st.integers(0, 10**6))
def test_hessians_are_symmetric_and_hvp_multiplies_with_them(seed):
    f, x = random_function(seed, 3, 1)
    v = np.random.default_rng(seed).normal(size=3)

    def mine(x):
        return f(ag, x)[0]

    H = hessian(mine)(x)
    close(H, H.T)
    close(hvp(mine, x, v), H @ v)
    close(jacobian(jacobian(mine))(x), H)
    # forward over forward, and reverse over reverse
    inward = jvp(lambda x: jvp(mine, (x,), (v,))[1], (x,), (v,))[1]
    assert inward == pytest.approx(v @ H @ v, rel=1e-11, abs=1e-11 * max(1.0, np.abs(H).max()))
    close(vjp(grad(mine), x)[1](v)[0], H @ v)


# -- derivatives of high order ---------------------------------------------------------------

SMOOTH = {
    "exp(tanh x)": (lambda x: ag.exp(ag.tanh(x)), lambda mp, x: mp.exp(mp.tanh(x)), 0.4),
    "log(1 + x²) / x": (lambda x: ag.log(1.0 + x**2) / x, lambda mp, x: mp.log(1 + x**2) / x, 0.7),
    "x ** x": (lambda x: x**x, lambda mp, x: x**x, 1.3),
    "2 ** x": (lambda x: 2.0**x, lambda mp, x: mp.mpf(2) ** x, 0.3),
    "x³ at 0": (lambda x: x**3, lambda mp, x: x**3, 0.0),
    "x⁷ at -1": (lambda x: x**7, lambda mp, x: x**7, -1.0),
    "sqrt(cosh x)": (lambda x: ag.sqrt(ag.cosh(x)), lambda mp, x: mp.sqrt(mp.cosh(x)), -0.8),
    "sigmoid x · sinh x": (
        lambda x: ag.sigmoid(x) * ag.sinh(x), lambda mp, x: mp.sinh(x) / (1 + mp.exp(-x)), 0.9),
    "softplus x²": (
        lambda x: ag.softplus(ag.square(x)), lambda mp, x: mp.log(1 + mp.exp(x * x)), 0.6),
    "logsumexp": (
        lambda x: ag.logsumexp([x, 2.0 * x, x * x]),
        lambda mp, x: mp.log(mp.exp(x) + mp.exp(2 * x) + mp.exp(x * x)), 0.5),
    "dot": (
        lambda x: ag.dot([x, x**2], [ag.exp(x), x]), lambda mp, x: x * mp.exp(x) + x**3, -0.4),
    "power of negative base": (lambda x: (x - 2.0) ** 3, lambda mp, x: (x - 2) ** 3, 0.5),
    "|x| x": (lambda x: abs(x) * x, lambda mp, x: -x * x, -1.5),
    "affine": (
        lambda x: ag.affine([[x, 2.0]], [x, x], [x])[0] ** 2,
        lambda mp, x: (x * x + 3 * x) ** 2, 0.3),
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_up_to_the_fourth_agree_with_mpmath(name):
    mpmath = pytest.importorskip("mpmath")
    f, exact, x = SMOOTH[name]
    with mpmath.workdps(60):
        at = mpmath.mpf(x)
        want = [float(mpmath.diff(lambda t: exact(mpmath, t), at, k)) for k in range(1, 5)]
    reverse, forward, mixed = f, f, f
    for k in range(4):
        reverse = grad(reverse)
        forward = (lambda g: lambda x: jvp(g, (x,), (1.0,))[1])(forward)
        mixed = grad(mixed) if k % 2 else (lambda g: lambda x: jvp(g, (x,), (1.0,))[1])(mixed)
        for derivative in (reverse, forward, mixed):
            assert derivative(x) == pytest.approx(want[k], rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("a", [0.5, 2.0, 3.0])
@pytest.mark.parametrize("b", [0.0, 1.0, 2.0, -1.0, 0.5])
def test_second_derivatives_of_powers_by_base_and_exponent(a, b):
    H = hessian(lambda p: p[0] ** p[1])(np.array([a, b]))
    mixed = a ** (b - 1.0) * (1.0 + b * math.log(a))
    want = [[b * (b - 1.0) * a ** (b - 2.0), mixed], [mixed, a**b * math.log(a) ** 2]]
    np.testing.assert_allclose(H, want, rtol=1e-13, atol=1e-14)


def test_polynomials_vanish_after_their_degree():
    f = lambda x: 2.0 * x**3 - x
    want = {0: -1.0, 1: 24.0 - 1.0, 2: 24.0, 3: 12.0, 4: 0.0, 5: 0.0}
    for order in range(1, 6):
        f = grad(f)
        assert f(2.0) == want[order]


def test_transforms_nest_in_any_order():
    f = lambda x: ag.exp(x[0] * x[1]) + x[2] ** 2
    x = np.array([0.3, -0.4, 2.0])
    H = hessian(f)(x)
    first = jvp(lambda x: grad(f)(x), (x,), (np.array([1.0, 0.0, 0.0]),))[1]
    close(first, H[:, 0])
    second = grad(lambda x: jvp(f, (x,), (np.array([1.0, 0.0, 0.0]),))[1])(x)
    close(second, H[0])
    third = grad(lambda x: vjp(f, x)[1](1.0)[0][0])(x)
    close(third, H[0])
    trace = lambda x: np.trace(hessian(f)(x))
    fourth = grad(trace)(x)
    close(fourth, np.einsum("iij->j", jacobian(hessian(f))(x)))
    fifth = grad(lambda x: hvp(f, x, x)[0])(x)
    close(fifth, np.einsum("ijk,j->ik", jacobian(hessian(f))(x), x)[0] + H[0])


# -- perturbation confusion ------------------------------------------------------------------


def d(f):
    """f' by reverse mode."""
    return grad(f)


def D(f):
    """f' by forward mode."""
    return lambda x: jvp(f, (x,), (1.0,))[1]


@pytest.mark.parametrize("outer", [d, D])
@pytest.mark.parametrize("inner", [d, D])
def test_the_classic_is_not_confused(outer, inner):
    """Siskind & Pearlmutter (2005): d/dx (x · d/dy (x + y)) = 1, not 2."""
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x + y)(x))(1.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0) == 6.0
    assert outer(lambda x: inner(lambda y: x * y**2)(x))(3.0) == 12.0


@pytest.mark.parametrize("outer", [d, D])
@pytest.mark.parametrize("inner", [d, D])
def test_a_constant_function_inside_has_derivative_zero(outer, inner):
    """From JAX's Autodidax: y is not what is differentiated."""

    def f(x):
        y = x * 2.0

        def g(_):
            return y

        return inner(g)(x) + y

    assert outer(f)(3.0) == 2.0


@pytest.mark.parametrize("outer", [d, D])
@pytest.mark.parametrize("inner", [d, D])
def test_the_derivative_of_a_function_that_gives_functions(outer, inner):
    """Manzyuk et al. (2019): the shift s(u) f (x) = f(x + u), whose derivative at 0 is D."""
    shift = lambda u: lambda f: lambda x: f(x + u)

    def by_shift(f):
        return lambda x: outer(lambda u: shift(u)(f)(x))(0.0)

    assert by_shift(by_shift(ag.exp))(1.0) == pytest.approx(math.e, rel=1e-15)
    assert by_shift(inner(lambda x: x**3))(2.0) == 12.0


@pytest.mark.parametrize("modes", list(itertools.product([d, D], repeat=3)))
def test_closures_over_three_levels(modes):
    one, two, three = modes

    def f(x):
        def g(y):
            def h(z):
                return x * y**2 * z**3 + x * z

            return three(h)(y) * x

        return two(g)(x)

    # h' = 3 x y² z² + x at z = y: 3 x y⁴ + x, times x; by y: 12 x² y³ at y = x: 12 x⁵.
    assert f(2.0) == 12.0 * 2.0**5
    assert one(f)(2.0) == 60.0 * 2.0**4


def test_a_value_of_an_outer_level_may_be_an_argument_of_an_inner_one():
    f = lambda x: grad(lambda a, b: a * b * x, (0, 1))(x, x * x)
    # (b x, a x) = (x³, x²)
    assert f(2.0) == (8.0, 4.0)
    assert jacobian(f)(2.0) == (12.0, 4.0)
    # The same node in two places is two arguments.
    assert grad(lambda x: grad(lambda a, b: a**2 * b, 0)(x, x))(3.0) == 4.0 * 3.0


def test_an_inner_function_may_use_the_outer_argument_by_closure_and_as_an_argument():
    f = lambda x: grad(lambda y: x * y**2)(x)  # 2 x y at y = x
    assert grad(f)(3.0) == 12.0
    g = lambda x: grad(lambda y: y * x)(x)  # x
    assert grad(g)(3.0) == 1.0


def test_a_gradient_step_can_be_differentiated():
    """The gradient of the loss after a step of gradient descent by the learning rate."""
    loss = lambda w: (w - 3.0) ** 2
    after = lambda rate, w: loss(w - rate * grad(loss)(w))
    # w' = w - 2 η (w - 3); (w' - 3)² = (1 - 2 η)² (w - 3)²
    assert grad(after)(0.1, 5.0) == pytest.approx(-4.0 * 0.8 * 4.0, rel=1e-14)
    assert grad(after, 1)(0.1, 5.0) == pytest.approx(2.0 * 0.64 * 2.0, rel=1e-14)


def test_branches_on_values_choose_a_piece_at_every_level():
    f = lambda x: x**3 if x > 0.0 else -x
    assert grad(f)(2.0) == 12.0
    assert grad(grad(f))(2.0) == 12.0
    assert grad(f)(-2.0) == -1.0
    assert grad(grad(f))(-2.0) == 0.0


# -- structures ------------------------------------------------------------------------------


def test_a_number_gives_a_float():
    for x in (2.0, 2, np.float64(2), np.float32(2), np.int8(2), np.array(2.0), np.array(2), True):
        gradient = grad(lambda x: x * x * 3.0)(x)
        assert type(gradient) is float
        assert gradient == 6.0 * float(x)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3), (1, 1), (2, 1, 2), (0,), (2, 0)])
def test_an_array_gives_an_array_of_its_shape(shape):
    x = np.arange(math.prod(shape), dtype=float).reshape(shape)
    gradient = grad(lambda x: ag.sum(x * x))(x)
    assert type(gradient) is np.ndarray
    assert gradient.dtype == np.float64
    assert gradient.tolist() == (2.0 * x).tolist()
    assert gradient.shape == shape


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.float32, np.float16, bool])
def test_arrays_of_any_real_numbers_are_read_as_doubles(dtype):
    x = np.array([0, 1, 1]).astype(dtype)
    assert grad(lambda x: ag.dot(x, x))(x).tolist() == [0.0, 2.0, 2.0]


def test_strided_and_fortran_arrays_keep_their_order():
    x = np.arange(12.0).reshape(3, 4)
    weights = np.arange(12.0)[::-1].reshape(4, 3)
    for a in (x.T, np.asfortranarray(x.T), x[:, ::-1].T):
        assert grad(lambda a: ag.sum(weights * a))(a).tolist() == weights.tolist()
    assert grad(lambda a: a[0, 1] ** 2)(x[:, ::2])[0].tolist() == [0.0, 4.0]


def test_nested_structures_come_back_as_they_were():
    p = {
        "layers": [(np.ones((2, 2)), 0.5), (2.0, np.array([1.0, 2.0]))],
        "pair": Pair(3.0, [4.0, {"deep": np.zeros(1)}]),
        "none of it": [],
        7: 1,
    }

    def f(p):
        (W, b), (c, v) = p["layers"]
        assert W.shape == (2, 2)
        inner = p["pair"].b
        return (
            ag.sum(W * W) * b + c * v[1] + p["pair"].a * inner[0] + ag.exp(inner[1]["deep"][0])
        ) * p[7]

    g = grad(f)(p)
    assert list(g) == list(p)
    (W, b), (c, v) = g["layers"]
    assert type(g["layers"]) is list
    assert type(g["layers"][0]) is tuple
    assert W.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert b == 4.0
    assert c == 2.0
    assert v.tolist() == [0.0, 2.0]
    assert type(g["pair"]) is Pair
    assert g["pair"].a == 4.0
    assert g["pair"].b[0] == 3.0
    assert g["pair"].b[1]["deep"].tolist() == [1.0]
    assert g["none of it"] == []
    assert g[7] == 2.0 + 4.0 + 12.0 + 1.0


def test_hessians_and_jacobians_of_structures_are_structures_of_structures():
    p = {"a": 2.0, "b": np.array([3.0, 4.0])}
    f = lambda p: p["a"] ** 2 * p["b"][0] + p["b"][1] ** 3
    H = hessian(f)(p)
    assert H["a"]["a"] == 6.0
    assert H["a"]["b"].tolist() == [4.0, 0.0]
    assert H["b"]["a"].tolist() == [4.0, 0.0]
    assert H["b"]["b"].tolist() == [[0.0, 0.0], [0.0, 24.0]]
    J = jacobian(lambda p: (p["a"] * p["b"], [p["a"]]))(p)
    assert J[0]["a"].tolist() == [3.0, 4.0]
    assert J[0]["b"].tolist() == [[2.0, 0.0], [0.0, 2.0]]
    assert J[1] == [{"a": 1.0, "b": J[1][0]["b"]}]
    assert J[1][0]["b"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (0,)])
@pytest.mark.parametrize("out", [(), (3,), (1, 2), (4, 2), (0,)])
def test_a_jacobian_has_the_shape_of_the_result_and_then_of_the_argument(shape, out):
    W = np.random.default_rng(0).normal(size=(*out, *shape))
    flat = W.reshape(math.prod(out), math.prod(shape))

    def f(x):
        y = flat @ np.ravel(x) if flat.size else np.zeros(len(flat))
        return y.reshape(out) if out else y[0]

    if out == () and shape == (0,):
        f = lambda x: 0.0
    x = np.ones(shape)
    J = jacobian(f)(x)
    assert np.shape(J) == out + shape
    close(J, W)
    if shape == () == out:
        assert type(J) is float


def test_hessians_of_matrices_have_four_axes(torch):
    x = np.random.default_rng(1).normal(size=(2, 3))
    f = lambda lib, x: lib.exp(x[0][0] * x[1][2]) * x[0][1] ** 2 + x[1][0] * x[0][2]
    want = torch.func.hessian(lambda x: f(torch, x))(torch.tensor(x))
    got = hessian(lambda x: f(ag, x))(x)
    assert got.shape == (2, 3, 2, 3)
    close(got, want)


def test_hvp_keeps_structures():
    p, v = {"a": 2.0, "b": np.array([3.0, 4.0])}, {"a": 1.0, "b": np.array([0.5, -1.0])}
    Hv = hvp(lambda p: p["a"] ** 2 * p["b"][0] + p["b"][1] ** 3, p, v)
    assert Hv["a"] == 6.0 + 2.0
    assert Hv["b"].tolist() == [4.0, -24.0]


def test_arguments_are_not_changed_even_by_a_function_that_changes_them():
    def f(x, p):
        x[0] = x[0] * 2.0
        p["k"] = p["k"] ** 2
        return x[0] * p["k"] + x[1]

    x, p = np.array([1.0, 2.0]), {"k": 3.0}
    gx, gp = grad(f, (0, 1))(x, p)
    assert x.tolist() == [1.0, 2.0]
    assert p == {"k": 3.0}
    assert gx.tolist() == [18.0, 1.0]
    assert gp == {"k": 12.0}


# -- argnums ---------------------------------------------------------------------------------


def test_argnums_choose_arguments():
    f = lambda x, y, z: x * y**2 * z**3
    assert grad(f)(2.0, 3.0, 5.0) == 9.0 * 125.0
    assert grad(f, 1)(2.0, 3.0, 5.0) == 12.0 * 125.0
    assert grad(f, -1)(2.0, 3.0, 5.0) == 18.0 * 75.0
    assert grad(f, argnums=(2, 0))(2.0, 3.0, 5.0) == (18.0 * 75.0, 9.0 * 125.0)
    assert grad(f, (-2,))(2.0, 3.0, 5.0) == (12.0 * 125.0,)
    assert value_and_grad(f, (0, -1))(2.0, 3.0, 5.0) == (2250.0, (1125.0, 1350.0))
    assert jacobian(f, (0, 1))(2.0, 3.0, 5.0) == (1125.0, 1500.0)
    assert hessian(f, 1)(2.0, 3.0, 5.0) == 4.0 * 125.0
    assert hessian(f, -1)(2.0, 3.0, 5.0) == 18.0 * 30.0
    assert hessian(f, (0, 1))(2.0, 3.0, 5.0) == ((0.0, 750.0), (750.0, 500.0))


def test_an_empty_tuple_of_argnums_gives_an_empty_tuple():
    assert grad(lambda x: x * x, ())(3.0) == ()
    assert value_and_grad(lambda: 5.0, ())() == (5.0, ())


def test_arguments_that_are_not_chosen_may_be_anything_and_arrive_as_they_are():
    marker = object()

    def f(x, name, thing, n):
        assert name == "tanh"
        assert thing is marker
        assert n is None
        return getattr(ag, name)(x)

    assert grad(f)(0.0, "tanh", marker, None) == 1.0
    assert grad(lambda mode, x: x if mode else -x, 1)(None, 2.0) == -1.0


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
@pytest.mark.parametrize("argnums", [1, -2, (0, 1), 7])
def test_argnums_beyond_the_arguments_are_refused(transform, argnums):
    with pytest.raises(TypeError, match=r"argnums .* does not fit the 1 arguments given"):
        transform(lambda x: x * x, argnums)(3.0)


@pytest.mark.parametrize("argnums", [1.5, "0", None, (0.0,), ("x",)], ids=repr)
def test_argnums_that_are_no_integers_are_refused_in_words(argnums):
    with pytest.raises(TypeError, match="argnums"):
        grad(lambda x: x * x, argnums)(3.0)


@pytest.mark.parametrize("argnums", [np.int64(1), np.int8(-1), (np.int64(1),)], ids=repr)
def test_argnums_may_be_numpy_integers(argnums):
    got = grad(lambda x, y: x * y**2, argnums)(2.0, 3.0)
    assert got in (12.0, (12.0,))


@pytest.mark.parametrize("argnums", [(0, 0), (0, -2), (1, 0, 1)])
def test_an_argument_chosen_twice_is_refused_or_gets_its_gradient_twice(argnums):
    """Never a silent zero."""
    try:
        got = grad(lambda x, y: x**2 * y, argnums)(3.0, 5.0)
    except (TypeError, ValueError) as refusal:
        assert "argnums" in str(refusal)  # noqa: PT017 - either is fine
    else:
        assert got == tuple({0: 30.0, 1: 9.0}[number % 2] for number in argnums)


# -- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    ["abc", None, 1j, {1.0, 2.0}, object(), np.array(["a"]), np.array([1j]), [1.0, None],
     {"a": "b"}, np.array([None]), (x for x in [1.0]), b"1"],
    ids=lambda bad: type(bad).__name__,
)  # fmt: skip
def test_arguments_that_are_no_real_numbers_are_refused(bad):
    f = lambda x: 0.0
    for attempt in (
        lambda: grad(f)(bad),
        lambda: value_and_grad(f)(bad),
        lambda: jacobian(f)(bad),
        lambda: hessian(f)(bad),
        lambda: vjp(f, bad),
        lambda: jvp(f, (bad,), (bad,)),
        lambda: hvp(f, bad, bad),
    ):
        with pytest.raises(TypeError, match=r"expected (a )?real number"):
            attempt()
    assert is_clean()


@pytest.mark.parametrize("bad", ["abc", None, 1j, ..., np.array(["a"]), [None]], ids=repr)
def test_results_that_are_no_real_numbers_are_refused(bad):
    for attempt in (
        lambda: grad(lambda x: bad)(1.0),
        lambda: jacobian(lambda x: bad)(1.0),
        lambda: vjp(lambda x: bad, 1.0),
        lambda: jvp(lambda x: bad, (1.0,), (1.0,)),
    ):
        with pytest.raises(TypeError, match=r"expected (a )?real number"):
            attempt()
    assert is_clean()


@pytest.mark.parametrize(
    ("result", "size"), [(lambda x: [x, x], 2), (lambda x: np.array([x] * 3), 3), (lambda x: (), 0)]
)
def test_grad_of_more_or_less_than_one_number_is_refused(result, size):
    def named(x):
        return result(x)

    for transform in (grad, value_and_grad, hessian):
        with pytest.raises(TypeError, match=rf"one number .* named returned {size}.* jacobian\(\)"):
            transform(named)(1.0)
    assert is_clean()


def test_infinities_that_cancel_are_nan_without_a_warning():
    x = np.array([1.0, 2.0])
    cancel = lambda x: x[0] * inf - x[0] * inf
    reverse = jacobian(lambda x: cancel(x) + x[1])(x)
    np.testing.assert_array_equal(reverse, [math.nan, 1.0])
    forward = jacobian(lambda x: [cancel(x), x[1]])(x)
    assert math.isnan(forward[0][0])
    np.testing.assert_array_equal(forward[1], [0.0, 1.0])


def test_the_only_argument_is_also_the_last():
    assert grad(lambda x: x * x, -1)(3.0) == 6.0
    assert grad(lambda x, y: x * y, -2)(3.0, 2.0) == 2.0


def test_an_argument_that_holds_no_numbers_does_not_make_results_values():
    assert type(grad(lambda model, x: x * x, 1)(object(), 3.0)) is float


def test_a_function_without_a_name_is_shown_in_messages():
    f = functools.partial(lambda x, y: (x, y), 1.0)
    with pytest.raises(TypeError) as info:
        grad(f)(2.0)
    assert f"but {f!r} returned 2." in str(info.value)


def test_seeds_of_any_real_number_are_read_as_doubles():
    assert type(vjp(lambda x: x, 3.0)[1](2)[0]) is float
    assert type(jvp(lambda x: x, (3.0,), (True,))[1]) is float


def test_jvp_takes_tuples_and_says_so():
    for primals, tangents in [(1.0, (1.0,)), ((1.0,), 1.0)]:
        with pytest.raises(TypeError) as info:
            jvp(lambda x: x, primals, tangents)
        assert str(info.value) == (
            "jvp() takes the primals and the tangents as tuples, one per argument."
        )


def test_grad_of_the_only_number_in_a_structure_is_that_of_the_number():
    assert value_and_grad(lambda x: [x * x])(3.0) == ([9.0], 6.0)
    assert grad(lambda x: np.array([[x * x]]))(3.0) == 6.0


@pytest.mark.parametrize(
    "tangents",
    [(1.0,), (1.0, 2.0), (1.0, [1.0, 2.0]), (np.ones(1), np.ones(2)), (1.0, np.ones(3)),
     (1.0, np.ones((2, 1))), (1.0, np.ones(2), 0.0), ()],
)  # fmt: skip
def test_tangents_must_have_the_structure_of_the_primals(tangents):
    with pytest.raises(TypeError, match="the tangents must have the structure of the primals"):
        jvp(lambda x, y: x * y[0] * y[1], (1.0, np.array([1.0, 2.0])), tangents)


@pytest.mark.parametrize("cotangent", [1.0, [1.0], np.ones(2), (1.0, 2.0, 3.0), (1.0, np.ones(1))],
                         ids=repr)  # fmt: skip
def test_cotangents_must_have_the_structure_of_the_result(cotangent):
    _, pull = vjp(lambda x: (x, x * x), 3.0)
    with pytest.raises(TypeError, match="the cotangent must have the structure of the result"):
        pull(cotangent)
    assert pull((1.0, 1.0)) == (7.0,)


def test_the_vector_of_hvp_must_have_the_structure_of_the_point():
    with pytest.raises(TypeError, match="must have the structure"):
        hvp(lambda x: ag.sum(x * x), np.ones(3), np.ones(2))
    with pytest.raises(TypeError, match="must have the structure"):
        hvp(lambda x: ag.sum(x * x), np.ones(3), 1.0)


def test_a_dict_of_directions_goes_by_its_keys_not_by_their_order():
    f = lambda p: p["a"] * p["b"] ** 2
    primal, tangent = {"a": 2.0, "b": 3.0}, {"b": 10.0, "a": 1.0}
    assert jvp(f, (primal,), (tangent,))[1] == 9.0 + 120.0
    assert hvp(f, primal, tangent) == {"a": 60.0, "b": 6.0 + 40.0}
    _, pull = vjp(lambda x: {"a": x, "b": x**2}, 3.0)
    assert pull({"b": 0.0, "a": 5.0}) == (5.0,)


def test_a_dict_of_directions_with_other_keys_is_refused():
    with pytest.raises(TypeError, match="the tangents must have the structure of the primals"):
        jvp(lambda p: p["a"] * p["b"], ({"a": 2.0, "b": 3.0},), ({"a": 1.0, "c": 1.0},))
    with pytest.raises(TypeError, match="the tangents must have the structure of the primals"):
        jvp(lambda p: p["a"] * p["b"], ({"a": 2.0, "b": 3.0},), ([1.0, 1.0],))
    _, pull = vjp(lambda x: {"a": x, "b": x**2}, 3.0)
    with pytest.raises(TypeError, match="the cotangent must have the structure of the result"):
        pull({"a": 1.0, "z": 1.0})


@pytest.mark.parametrize("bad", ["1", None, 1j])
def test_directions_that_are_no_numbers_are_refused(bad):
    with pytest.raises(TypeError, match="real number"):
        jvp(lambda x: x * x, (2.0,), (bad,))
    with pytest.raises(TypeError, match="real number"):
        vjp(lambda x: x * x, 2.0)[1](bad)
    with pytest.raises(TypeError, match="real number"):
        hvp(lambda x: x * x, 2.0, bad)


def test_primals_and_tangents_outside_a_tuple_are_refused_in_words():
    with pytest.raises(TypeError, match=r"primals.*tuple|tuple.*primals"):
        jvp(lambda x: x * x, 2.0, 1.0)
    with pytest.raises(TypeError, match=r"tangents.*(tuple|structure)"):
        jvp(lambda x: x * x, (2.0,), 1.0)


# -- easy functions that are easy to get wrong -----------------------------------------------


def test_the_identity():
    x = np.array([1.0, 2.0])
    assert grad(lambda x: x)(3.0) == 1.0
    assert grad(grad(lambda x: x))(3.0) == 0.0
    assert jacobian(lambda x: x)(x).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert jvp(lambda x: x, (x,), (np.array([5.0, 7.0]),))[1].tolist() == [5.0, 7.0]
    assert vjp(lambda x: x, x)[1](np.array([5.0, 7.0]))[0].tolist() == [5.0, 7.0]
    assert hessian(lambda x: x)(3.0) == 0.0


def test_inputs_among_the_outputs_count_once_for_each():
    f = lambda x, y: [x, y, x, x * y, 2.0]
    assert jacobian(f, (0, 1))(3.0, 5.0) == [
        (1.0, 0.0), (0.0, 1.0), (1.0, 0.0), (5.0, 3.0), (0.0, 0.0)]  # fmt: skip
    y, pull = vjp(f, 3.0, 5.0)
    assert y == [3.0, 5.0, 3.0, 15.0, 2.0]
    assert pull([1.0, 10.0, 100.0, 1000.0, 10000.0]) == (5101.0, 3010.0)
    assert jvp(f, (3.0, 5.0), (1.0, 10.0)) == (y, [1.0, 10.0, 1.0, 35.0, 0.0])


def test_an_input_that_feeds_another_output_still_counts_for_both():
    """The walk stops at inputs, but an output may be an input and have uses besides."""
    assert jacobian(lambda x: np.array([x[0], x[0] * x[1], x[1]]))(np.array([2.0, 3.0])).tolist() \
        == [[1.0, 0.0], [3.0, 2.0], [0.0, 1.0]]  # fmt: skip


@pytest.mark.parametrize("constant", [5, 5.0, np.float32(5), np.array(5), True, Value(5.0)])
def test_a_constant_function_has_derivatives_zero(constant):
    f = lambda x: constant
    x = np.ones((2, 2))
    assert grad(f)(3.0) == 0.0
    assert grad(grad(f))(3.0) == 0.0
    assert grad(f)(x).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert hessian(f)(x).shape == (2, 2, 2, 2)
    assert not hessian(f)(x).any()
    assert value_and_grad(f)(3.0) == (float(constant), 0.0)
    assert jvp(f, (3.0,), (1.0,)) == (float(constant), 0.0)
    assert vjp(f, 3.0)[1](2.0) == (0.0,)
    assert jacobian(lambda x: [constant, constant])(3.0) == [0.0, 0.0]
    assert not hvp(f, x, x).any()


def test_inputs_that_are_not_used_get_zeros_of_their_shape():
    f = lambda p, x: x**2
    p = {"W": np.ones((2, 3)), "b": [1.0, (2.0,)]}
    g = grad(f)(p, 3.0)
    assert g["W"].tolist() == np.zeros((2, 3)).tolist()
    assert g["b"] == [0.0, (0.0,)]
    J = jacobian(lambda p, x: np.array([x, x]), 0)(p, 3.0)
    assert J["W"].shape == (2, 2, 3)
    assert not J["W"].any()
    assert J["b"][1][0].tolist() == [0.0, 0.0]


def test_results_that_are_plain_arrays_have_derivatives_zero():
    J = jacobian(lambda x: np.ones((2, 2)))(np.ones(3))
    assert J.shape == (2, 2, 3)
    assert not J.any()
    y, pull = vjp(lambda x: np.arange(3), 1.0)
    assert y.tolist() == [0.0, 1.0, 2.0]
    assert pull(np.ones(3)) == (0.0,)


def test_functions_by_name_of_numpy_and_of_this_package_are_differentiated():
    for f in (np.tanh, np.exp, ag.tanh, Value.tanh, operator.neg, abs):
        value, slope = value_and_grad(f)(0.5)
        step = 1e-5
        want = (float(f(Value(0.5 + step))) - float(f(Value(0.5 - step)))) / (2.0 * step)
        assert value == float(f(Value(0.5)))
        assert slope == pytest.approx(want, rel=1e-9)


def test_ufuncs_and_matrix_products_of_object_arrays(torch):
    rng = np.random.default_rng(0)
    W, b, x = rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=4)

    def mine(W, b, x):
        h = np.tanh(W @ x + b)
        return np.sum(np.exp(h) * np.maximum(h, 0.1)) + np.sqrt(np.dot(b, b))

    def theirs(W, b, x):
        h = torch.tanh(W @ x + b)
        tenth = torch.full_like(h, 0.1)
        return (torch.exp(h) * torch.maximum(h, tenth)).sum() + torch.sqrt(torch.dot(b, b))

    want = torch.func.grad(theirs, (0, 1, 2))(*map(torch.tensor, (W, b, x)))
    for got, each in zip(grad(mine, (0, 1, 2))(W, b, x), want, strict=True):
        close(got, each)
    close(hessian(mine, 2)(W, b, x), torch.func.hessian(theirs, 2)(*map(torch.tensor, (W, b, x))))


def test_matrices_on_the_left_and_right_keep_gradients():
    A, x = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 3.0])
    close(jacobian(lambda x: A @ x)(x), A)
    close(jacobian(lambda x: x @ A.T)(x), A)
    close(grad(lambda x: x @ A.T @ A @ x)(x), 2.0 * A.T @ A @ x)
    close(hessian(lambda x: x @ A.T @ A @ x)(x), 2.0 * A.T @ A)
    close(grad(lambda A: np.trace(A @ A.T))(A), 2.0 * A)


def test_the_value_comes_from_the_same_single_run():
    calls = []

    def f(x):
        calls.append(x)
        return x**2

    assert value_and_grad(f)(3.0) == (9.0, 6.0)
    assert len(calls) == 1
    _, pull = vjp(f, 3.0)
    assert pull(1.0) == (6.0,)
    assert pull(10.0) == (60.0,)
    assert len(calls) == 2
    jacobian(lambda x: [f(x), f(x)])(3.0)
    assert len(calls) == 4
    hvp(f, 3.0, 1.0)
    assert len(calls) == 5


def test_wrapped_functions_keep_their_name_and_document():
    def loss(x):
        """How bad it is."""
        return x * x

    for transform in (grad, value_and_grad, jacobian, hessian):
        assert transform(loss).__name__ == "loss"
        assert transform(loss).__doc__ == "How bad it is."


def test_callables_of_every_kind_will_do():
    class Square:
        def __call__(self, x):
            return x * x

        def method(self, x):
            return x * x

    for f in (Square(), Square().method):
        assert grad(f)(3.0) == 6.0
    assert grad(functools.partial(lambda k, x: k * x * x, 2.0))(3.0) == 12.0


# -- zero flows and infinite partials --------------------------------------------------------


def forward(f):
    return lambda x: jvp(f, (x,), (1.0,))[1]


def rows(f):
    """By many directions at once, forwards."""
    return lambda x: jacobian(lambda x: np.array([f(x), f(x)]))(x)[0]


def columns(f):
    """By many rows at once, backwards."""
    at = lambda x: np.array([x, 1.0, 2.0])
    return lambda x: jacobian(lambda p: np.array([f(p[0]), p[1] + p[2]]))(at(x))[0, 0]


BACKWARD, FORWARD = [grad, columns], [forward, rows]
# Function, first derivative and second derivative at 0.
ZERO_ADJOINT = {
    "sqrt(x) 0": (lambda x: ag.sqrt(x) * 0.0, 0.0, 0.0),
    "log(x) ** 0": (lambda x: ag.log(x) ** 0.0, 0.0, 0.0),
    "x + 0 sqrt(x)": (lambda x: ag.dot([0.0, 1.0], [ag.sqrt(x), x]), 1.0, 0.0),
    "x² + 0 log(x)": (lambda x: x**2 + 0.0 * ag.log(x), 0.0, 2.0),
}
ZERO_TANGENT = {
    "sqrt(0 x)": (lambda x: ag.sqrt(x * 0.0) + x, 1.0, 0.0),
    "log(0 x)": (lambda x: ag.where(1.0, x**2, ag.log(0.0 * x)), 0.0, 2.0),
    "sqrt(sign x)": (lambda x: ag.sqrt(ag.sign(x)) + 3.0 * x, 3.0, 0.0),
}
NOT_TAKEN = {
    "x / 0": (lambda x: ag.where(x > 0.0, x / (x * 0.0), x**2), 0.0, 2.0),
    "log x": (lambda x: ag.where(x > 0.0, ag.log(x), x**2 + 3.0 * x), 3.0, 2.0),
    "sqrt(x - 1)": (lambda x: ag.where(x >= 1.0, ag.sqrt(x - 1.0), 5.0 * x), 5.0, 0.0),
    "x / x": (lambda x: ag.where(x != 0.0, x / x, 1.0 - 2.0 * x), -2.0, 0.0),
    "nan x": (lambda x: ag.where(x == 0.0, x**3, x * math.nan), 0.0, 0.0),
    "maximum": (lambda x: ag.maximum(ag.log(x), x), 1.0, 0.0),
    "minimum": (lambda x: ag.minimum(1.0 / x, 4.0 * x), 4.0, 0.0),
    "relu of sqrt": (lambda x: ag.relu(ag.sqrt(x)) + x, 1.0, 0.0),
    "relu of log": (lambda x: ag.relu(ag.log(x)) + x, 1.0, 0.0),
    "sqrt of a constant": (lambda x: ag.sqrt(Value(0.0, requires_grad=False)) + x, 1.0, 0.0),
}


def cases(*tables):
    return {name: case for table in tables for name, case in table.items()}


@pytest.mark.parametrize("name", cases(ZERO_ADJOINT, NOT_TAKEN))
@pytest.mark.parametrize("mode", BACKWARD)
def test_no_zero_adjoint_meets_an_infinite_partial(name, mode):
    f, first, _ = cases(ZERO_ADJOINT, NOT_TAKEN)[name]
    assert mode(f)(0.0) == first


@pytest.mark.parametrize("name", cases(ZERO_TANGENT, NOT_TAKEN))
@pytest.mark.parametrize("mode", FORWARD)
def test_no_zero_tangent_meets_an_infinite_partial(name, mode):
    f, first, _ = cases(ZERO_TANGENT, NOT_TAKEN)[name]
    assert mode(f)(0.0) == first


@pytest.mark.parametrize("name", cases(ZERO_ADJOINT, NOT_TAKEN))
@pytest.mark.parametrize("outer", [*BACKWARD, *FORWARD])
def test_no_zero_adjoint_meets_an_infinite_partial_in_second_derivatives(name, outer):
    f, _, second = cases(ZERO_ADJOINT, NOT_TAKEN)[name]
    assert outer(grad(f))(0.0) == second


@pytest.mark.parametrize("name", cases(ZERO_TANGENT, NOT_TAKEN))
@pytest.mark.parametrize("outer", [*BACKWARD, *FORWARD])
def test_no_zero_tangent_meets_an_infinite_partial_in_second_derivatives(name, outer):
    f, _, second = cases(ZERO_TANGENT, NOT_TAKEN)[name]
    assert outer(forward(f))(0.0) == second


@pytest.mark.parametrize("mode", [*BACKWARD, *FORWARD])
def test_infinite_slopes_are_infinite_in_every_mode(mode):
    assert mode(ag.sqrt)(0.0) == inf
    assert mode(ag.log)(0.0) == inf
    assert mode(lambda x: 1.0 / x)(0.0) == -inf


def test_one_direction_without_flow_does_not_spoil_the_others():
    """Many directions in one sweep: 0 · inf in one entry, inf in the next."""
    J = jacobian(lambda x: np.array([ag.sqrt(x[0]), x[1], x[0] * x[1]]))(np.array([0.0, 2.0]))
    assert J.tolist() == [[inf, 0.0], [0.0, 1.0], [2.0, 0.0]]
    J = jacobian(lambda x: np.array([ag.sqrt(x[0]), x[1] + x[2]]))(np.array([0.0, 2.0, 1.0]))
    assert J.tolist() == [[inf, 0.0, 0.0], [0.0, 1.0, 1.0]]


# -- Values in, Values out -------------------------------------------------------------------


def test_given_a_value_the_results_are_values_that_depend_on_it():
    x = Value(3.0)
    g = grad(lambda x: x**3)(x)
    assert isinstance(g, Value)
    assert g.data == 27.0
    g.backward()
    assert x.grad == 18.0


def test_every_transform_of_a_value_can_be_differentiated_by_it():
    f = lambda x: ag.exp(2.0 * x)
    at = 0.3
    for transform, want in (
        (lambda x: value_and_grad(f)(x)[0], 2.0),
        (lambda x: grad(f)(x), 4.0),
        (lambda x: jvp(f, (x,), (1.0,))[1], 4.0),
        (lambda x: vjp(f, x)[1](1.0)[0], 4.0),
        (lambda x: jacobian(f)(x), 4.0),
        (lambda x: hessian(f)(x), 8.0),
        (lambda x: hvp(f, x, 1.0), 8.0),
        (lambda x: grad(grad(grad(f)))(x), 16.0),
    ):
        x = Value(at)
        y = transform(x)
        assert isinstance(y, Value)
        y.backward()
        assert x.grad == pytest.approx(want * math.exp(2.0 * at), rel=1e-14)


def test_arrays_of_values_give_arrays_of_values():
    xs = [Value(1.0), Value(2.0)]
    x = np.array(xs, dtype=object)
    g = grad(lambda x: x[0] ** 2 * x[1])(x)
    assert g.dtype == object
    assert [each.data for each in g] == [4.0, 1.0]
    ag.sum(g).backward()
    assert [each.grad for each in xs] == [4.0 + 2.0, 2.0]
    H = hessian(lambda x: x[0] ** 2 * x[1])(x)
    assert H.shape == (2, 2)
    assert [float(each) for each in H.ravel()] == [4.0, 2.0, 2.0, 0.0]


def test_values_as_directions_give_values_that_depend_on_them():
    v = Value(5.0)
    _, dy = jvp(lambda x: x**3, (2.0,), (v,))
    assert dy.data == 60.0
    dy.backward()
    assert v.grad == 12.0
    v.zero_grad()
    _, pull = vjp(lambda x: x**3, 2.0)
    (dx,) = pull(v)
    dx.backward()
    assert v.grad == 12.0


def test_constants_as_arguments_give_floats():
    x = Value(3.0, requires_grad=False)
    assert type(grad(lambda x: x**2)(x)) is float
    assert grad(lambda x: x**2)(x) == 6.0


def test_a_value_among_the_other_arguments_can_be_differentiated_by_too():
    y = Value(3.0)
    g = grad(lambda x, y: x**2 * y)(2.0, y)
    assert isinstance(g, Value)
    g.backward()
    assert y.grad == 4.0


def test_results_do_not_change_when_leaves_do_afterwards():
    w = Value(3.0)
    g = grad(lambda x: x * w)(Value(2.0))
    w.data = 7.0
    assert g.data == 3.0


def test_the_grad_of_no_node_is_touched():
    w, x = Value(3.0), Value(2.0)
    w.grad, x.grad = 10.0, 20.0
    f = lambda a: (a * w + a**2) * x
    value_and_grad(f)(5.0)
    grad(f)(x)
    jacobian(lambda a: [f(a), f(a)])(5.0)
    hessian(f)(5.0)
    hvp(f, 5.0, 1.0)
    jvp(f, (5.0,), (1.0,))
    vjp(f, 5.0)[1](1.0)
    assert (w.grad, x.grad) == (10.0, 20.0)


def test_a_graph_that_has_moved_on_is_refused_only_where_it_is_differentiated_again():
    x, w = Value(3.0), Value(2.0, "rate")
    _, pull = vjp(lambda a: a**2 * w, x)
    w.data = 5.0
    with pytest.raises(GraphError, match="rate"):
        pull(1.0)
    w.data = 2.0
    assert float(pull(1.0)[0]) == 12.0
    _, pull = vjp(lambda a: a**2 * w, 3.0)
    w.data = 5.0
    assert pull(1.0) == (12.0,)  # as it was recorded


# -- networks --------------------------------------------------------------------------------


def test_the_gradient_by_the_inputs_of_a_model_leaves_its_parameters_alone():
    model = nn.MLP(3, [4, 1], activation="tanh", rng=0)
    x = np.array([0.1, -0.2, 0.3])
    got = grad(lambda x: model(list(x))[0])(x)
    inputs = [Value(each) for each in x]
    (y,) = model(inputs)
    y.backward()
    assert got == pytest.approx([each.grad for each in inputs], rel=1e-14)
    model.zero_grad()
    H = hessian(lambda x: model(list(x))[0])(x)
    close(H, H.T)
    assert all(p.grad == 0.0 for p in model.parameters())


def net(lib, p, x):
    W1, b1, W2, b2 = p
    h = lib.tanh(W1 @ x + b1)
    return W2 @ h + b2


def test_the_gradient_of_a_loss_by_parameters_given_as_arrays(torch):
    rng = np.random.default_rng(3)
    p = [rng.normal(size=s) for s in ((5, 3), (5,), (2, 5), (2,))]
    x, y = rng.normal(size=3), rng.normal(size=2)

    def mine(p):
        return np.sum((net(np, p, x) - y) ** 2)

    def theirs(p):
        return ((net(torch, p, torch.tensor(x)) - torch.tensor(y)) ** 2).sum()

    value, got = value_and_grad(mine)(p)
    want, want_value = torch.func.grad_and_value(theirs)([torch.tensor(each) for each in p])
    close(value, want_value)
    for a, b in zip(got, want, strict=True):
        close(a, b)
    v = [rng.normal(size=each.shape) for each in p]
    got = hvp(mine, p, v)
    _, want = torch.func.jvp(
        torch.func.grad(theirs),
        ([torch.tensor(each) for each in p],),
        ([torch.tensor(each) for each in v],),
    )
    for a, b in zip(got, want, strict=True):
        close(a, b)


def test_a_penalty_on_the_gradient_by_the_inputs_trains_the_parameters():
    """∂/∂w of |∂y/∂x|², through a model that the function closes over."""
    model = nn.MLP(2, [3, 1], activation="tanh", rng=1)
    x = np.array([0.5, -0.4], dtype=object)
    inputs = np.array([Value(each) for each in x], dtype=object)
    g = grad(lambda x: model(list(x))[0])(inputs)
    penalty = ag.sum(g * g)
    penalty.backward()
    p = next(iter(model.parameters()))
    analytic = p.grad

    def at(w):
        p.data = w
        g = grad(lambda x: model(list(x))[0])(x.astype(float))
        return float(g @ g)

    w, h = p.data, 1e-5
    numeric = (at(w + h) - at(w - h)) / (2.0 * h)
    assert analytic == pytest.approx(numeric, rel=1e-8, abs=1e-10)


# -- what surrounds a call -------------------------------------------------------------------


def test_transforms_record_for_themselves_under_no_grad():
    f = lambda x: x[0] ** 2 * x[1]
    x = np.array([2.0, 3.0])
    with no_grad():
        assert grad(f)(x).tolist() == [12.0, 4.0]
        assert hessian(f)(x).tolist() == [[6.0, 4.0], [4.0, 0.0]]
        assert hvp(f, x, x).tolist() == [24.0, 8.0]
        assert jvp(f, (x,), (x,))[1] == 36.0
        assert vjp(f, x)[1](2.0)[0].tolist() == [24.0, 8.0]
        assert grad(grad(grad(lambda x: x**3)))(2.0) == 6.0
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_no_grad_within_the_function_makes_constants():
    def f(x):
        with no_grad():
            c = x * x
        return c * x

    assert grad(f)(3.0) == 9.0
    assert jvp(f, (3.0,), (1.0,))[1] == 9.0


def test_an_exception_in_the_function_leaves_no_state_behind():
    def fail(x):
        raise RuntimeError("boom")

    for attempt in (
        lambda: grad(fail)(1.0),
        lambda: hessian(fail)(1.0),
        lambda: hvp(fail, 1.0, 1.0),
        lambda: jacobian(fail)(np.ones(2)),
        lambda: vjp(fail, 1.0),
        lambda: jvp(fail, (1.0,), (1.0,)),
        lambda: grad(lambda x: grad(fail)(x))(1.0),
    ):
        with pytest.raises(RuntimeError, match="boom"):
            attempt()
        assert is_clean()
        with no_grad(), pytest.raises(RuntimeError, match="boom"):
            attempt()
        assert is_clean()


def test_an_exception_that_is_caught_within_a_transform_leaves_it_intact():
    def f(x):
        with contextlib.suppress(ZeroDivisionError):
            grad(lambda y: 1.0 / 0 * y)(x)
        return grad(lambda y: y**3)(x)

    assert grad(f)(2.0) == 12.0
    assert is_clean()


def test_an_exception_while_pulling_back_leaves_no_state_behind():
    def rule(y, x):
        raise RuntimeError("boom")

    op = ag.custom_op("broken", lambda x: x, rule)
    for attempt in (lambda: grad(op)(1.0), lambda: hessian(op)(1.0), lambda: jacobian(op)(1.0)):
        with pytest.raises(RuntimeError, match="boom"):
            attempt()
        assert is_clean()


def test_scopes_within_and_around_a_transform_do_not_disturb_it():
    def f(x):
        with scope("inner"):
            y = x**2
        assert y.scope.path == "outer.inner"
        return y

    with scope("outer"):
        assert grad(f)(3.0) == 6.0


def test_labels_of_arguments_and_results_are_free():
    def f(x):
        y = x**2
        y.label = "y"
        return y

    assert grad(grad(f))(3.0) == 2.0


def third(x):
    return grad(grad(grad(lambda x: x**4)))(x)


def test_transforms_in_many_threads_give_what_one_gives():
    f = lambda x: ag.exp(x[0]) * x[1] ** 2
    points = [np.array([0.1 * k, 1.0 - 0.05 * k]) for k in range(32)]

    def work(x):
        return hessian(f)(x).tolist(), grad(f)(x).tolist(), third(float(x[0]))

    serial = [work(x) for x in points]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, points)) == serial


def test_transforms_in_many_tasks_give_what_one_gives():
    async def work(x):
        results = []
        for transform in (lambda: grad(lambda x: x**3)(x), lambda: third(x)):
            await asyncio.sleep(0)
            results.append(transform())
        return results

    async def main():
        return await asyncio.gather(*(work(float(k)) for k in range(20)))

    assert asyncio.run(main()) == [[3.0 * k**2, 24.0 * k] for k in range(20)]


def test_a_transform_of_a_deep_function_needs_no_recursion():
    f = lambda x: functools.reduce(lambda y, _: y * 1.0 + 0.0, range(20_000), x)
    assert grad(f)(3.0) == 1.0
    assert jvp(f, (3.0,), (1.0,))[1] == 1.0
    g = lambda x: functools.reduce(lambda y, _: ag.tanh(y), range(2_000), x)
    assert math.isfinite(grad(grad(g))(0.5))


def test_keyword_arguments_are_passed_on_as_they_are():
    f = lambda x, power=2, name="": x**power if name == "it" else x
    assert grad(f)(3.0, power=3, name="it") == 27.0
    assert value_and_grad(f)(3.0, name="it") == (9.0, 6.0)
    assert jacobian(f)(3.0, power=4, name="it") == 108.0
    assert hessian(f)(3.0, power=4, name="it") == 108.0
