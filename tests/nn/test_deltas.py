"""Backprop by hand is checked by finite differences, by mpmath, and by sums done on paper."""

import ast
import math
import sys
from itertools import pairwise
from pathlib import Path

import mpmath
import numpy as np
import pytest

from nn import deltas
from nn.deltas import ACTIVATIONS, LOSSES, by_loops, by_matrices

BOTH = pytest.mark.parametrize("backprop", [by_loops, by_matrices])
EVERY_LOSS = pytest.mark.parametrize("loss", LOSSES)
EVERY_ACTIVATION = pytest.mark.parametrize("name", ACTIVATIONS)

# Where each activation is differentiated: inside its domain, away from kinks and jumps.
POINTS = np.array([-2.7, -1.3, -0.4, 0.35, 0.8, 1.2, 2.6])
POSITIVE = np.array([0.15, 0.6, 1.3, 4.2])
BETWEEN_MINUS_ONE_AND_ONE = np.array([-0.85, -0.3, 0.2, 0.7])
DOMAINS = {
    **dict.fromkeys(["log", "log2", "log10", "sqrt"], POSITIVE),
    **dict.fromkeys(["arcsin", "arccos", "arctanh"], BETWEEN_MINUS_ONE_AND_ONE),
    "log1p": POSITIVE - 1.0,
    "arccosh": POSITIVE + 1.0,
}

EXACT = {
    "absolute": abs,
    "arccos": mpmath.acos,
    "arccosh": mpmath.acosh,
    "arcsin": mpmath.asin,
    "arcsinh": mpmath.asinh,
    "arctan": mpmath.atan,
    "arctanh": mpmath.atanh,
    "cbrt": lambda z: mpmath.sign(z) * mpmath.cbrt(abs(z)),
    "ceil": mpmath.ceil,
    "cos": mpmath.cos,
    "cosh": mpmath.cosh,
    "elu": lambda z: z if z > 0 else mpmath.expm1(z),
    "erf": mpmath.erf,
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "floor": mpmath.floor,
    "gelu": lambda z: z * mpmath.ncdf(z),
    "leaky_relu": lambda z: z if z > 0 else z / 100,
    "linear": lambda z: z,
    "log": mpmath.log,
    "log10": mpmath.log10,
    "log1p": mpmath.log1p,
    "log2": lambda z: mpmath.log(z, 2),
    "log_sigmoid": lambda z: -mpmath.log1p(mpmath.exp(-z)),
    "negative": lambda z: -z,
    "positive": lambda z: z,
    "reciprocal": lambda z: 1 / z,
    "relu": lambda z: max(z, mpmath.mpf(0)),
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "sign": mpmath.sign,
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "sin": mpmath.sin,
    "sinh": mpmath.sinh,
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
    "sqrt": mpmath.sqrt,
    "square": lambda z: z * z,
    "step": lambda z: mpmath.mpf(z > 0),
    "tan": mpmath.tan,
    "tanh": mpmath.tanh,
}


def difference(f, x, h=1e-3):
    """Return the fourth-order central difference of f at x, an array, entry by entry."""
    x = np.array(x, dtype=float)
    slope = np.empty_like(x)
    for index in np.ndindex(x.shape):
        values = []
        for step in (-2, -1, 1, 2):
            moved = x.copy()
            moved[index] += step * h
            values.append(f(moved))
        slope[index] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    return slope


def assert_close(actual, expected, rtol):
    """Compare two arrays relative to the largest entry of the second."""
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * np.abs(expected).max())


def random_network(rng, widths, bias=True):
    """Return weights and biases for layers of these widths, the first being that of the input."""
    weights = [rng.normal(size=(n_out, n_in)) / n_in**0.5 for n_in, n_out in pairwise(widths)]
    biases = [rng.normal(size=n_out) if bias else None for n_out in widths[1:]]
    return weights, biases


def random_targets(rng, loss, shape):
    """Return targets that the loss understands, for outputs of this shape."""
    if loss == "cross_entropy":
        return rng.integers(shape[-1], size=shape[:-1])
    if loss in ("hinge", "logistic"):
        return rng.choice([-1.0, 1.0], size=shape)
    return rng.uniform(size=shape)


def suited(loss, a):
    """Return the outputs, as probabilities for the loss that takes them."""
    return 0.2 + 0.6 * ACTIVATIONS["sigmoid"].f(a) if loss == "bce" else a


def with_output(loss, activations):
    """Return the activations, with a last one that the loss understands."""
    return [*activations[:-1], "sigmoid"] if loss == "bce" else activations


# --- activations -----------------------------------------------------------------------------


@EVERY_ACTIVATION
def test_each_activation_has_its_exact_value(name):
    for z in DOMAINS.get(name, POINTS):
        assert ACTIVATIONS[name].f(z) == pytest.approx(
            float(EXACT[name](mpmath.mpf(z))), rel=1e-14, abs=0
        )


@EVERY_ACTIVATION
def test_each_derivative_agrees_with_central_differences(name):
    activation = ACTIVATIONS[name]
    for z in DOMAINS.get(name, POINTS):
        numeric = difference(lambda moved: activation.f(moved[0]), [z])[0]
        assert activation.prime(z) == pytest.approx(numeric, rel=1e-8, abs=1e-11)


@EVERY_ACTIVATION
def test_each_activation_reads_python_floats_numpy_floats_and_arrays_alike(name):
    points = DOMAINS.get(name, POINTS)
    for function in (ACTIVATIONS[name].f, ACTIVATIONS[name].prime):
        in_one = function(points)
        assert in_one.shape == points.shape
        assert function(points[np.newaxis]).shape == (1, len(points))
        for z, value in zip(points, in_one, strict=True):
            assert function(z) == pytest.approx(value, rel=1e-14, abs=0)
            assert isinstance(function(float(z)), float)
            assert function(float(z)) == function(z)


@EVERY_ACTIVATION
def test_each_activation_and_derivative_passes_nan_on(name):
    z = np.array([math.nan, 0.5])
    assert np.isnan(ACTIVATIONS[name].f(z)).tolist() == [True, name == "arccosh"]
    assert np.isnan(ACTIVATIONS[name].prime(z)).tolist() == [True, name == "arccosh"]
    assert math.isnan(ACTIVATIONS[name].f(math.nan))
    assert math.isnan(ACTIVATIONS[name].prime(math.nan))


@EVERY_ACTIVATION
def test_no_activation_warns_at_zero_or_at_huge_arguments(name):
    extreme = np.array([0.0, -0.0, 5e-324, 1e3, -1e3, 1e308, -1e308, math.inf, -math.inf])
    with np.errstate(all="raise"):
        for z in (extreme, *extreme.tolist()):
            ACTIVATIONS[name].f(z)
            ACTIVATIONS[name].prime(z)


@pytest.mark.parametrize(
    ("name", "slope_at_zero"),
    [
        ("relu", 0.0),
        ("absolute", 0.0),
        ("leaky_relu", 0.01),
        ("elu", 1.0),
        ("step", 0.0),
        ("sign", 0.0),
        ("floor", 0.0),
        ("ceil", 0.0),
        ("sqrt", math.inf),
        ("cbrt", math.inf),
        ("log", math.inf),
        ("reciprocal", -math.inf),
    ],
)
def test_the_derivative_at_a_kink_follows_the_stated_convention(name, slope_at_zero):
    assert ACTIVATIONS[name].prime(0.0) == slope_at_zero
    assert ACTIVATIONS[name].prime(np.zeros(2)).tolist() == [slope_at_zero, slope_at_zero]


def test_the_step_is_zero_at_zero():
    assert ACTIVATIONS["step"].f(np.array([-1.0, 0.0, 1e-300])).tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("name", "values", "slopes"),
    [
        # at z = -1000 and z = +1000
        ("sigmoid", (0.0, 1.0), (0.0, 0.0)),
        ("tanh", (-1.0, 1.0), (0.0, 0.0)),
        ("softplus", (0.0, 1000.0), (0.0, 1.0)),
        ("log_sigmoid", (-1000.0, 0.0), (1.0, 0.0)),
        ("relu", (0.0, 1000.0), (0.0, 1.0)),
        ("leaky_relu", (-10.0, 1000.0), (0.01, 1.0)),
        ("elu", (-1.0, 1000.0), (0.0, 1.0)),
        ("gelu", (0.0, 1000.0), (0.0, 1.0)),
        ("silu", (0.0, 1000.0), (0.0, 1.0)),
        ("erf", (-1.0, 1.0), (0.0, 0.0)),
    ],
)
def test_an_activation_reaches_its_limits_at_plus_and_minus_1000(name, values, slopes):
    z = np.array([-1000.0, 1000.0])
    assert ACTIVATIONS[name].f(z).tolist() == list(values)
    assert ACTIVATIONS[name].prime(z).tolist() == list(slopes)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "log_sigmoid", "gelu", "silu"])
def test_a_saturated_activation_keeps_its_digits(name):
    with mpmath.workdps(60):
        for z in (-30.0, 30.0):
            value, slope = EXACT[name](mpmath.mpf(z)), mpmath.diff(EXACT[name], z)
            assert ACTIVATIONS[name].f(z) == pytest.approx(float(value), rel=1e-12, abs=0)
            assert ACTIVATIONS[name].prime(z) == pytest.approx(float(slope), rel=1e-12, abs=0)


@pytest.mark.parametrize(("name", "z"), [("arcsinh", 1e200), ("arccosh", 1e200)])
def test_the_derivative_of_an_inverse_hyperbolic_function_does_not_overflow(name, z):
    assert ACTIVATIONS[name].prime(z) == pytest.approx(1e-200, rel=1e-14, abs=0)


# --- losses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "a", "y", "value", "gradient"),
    [
        ("half_squared_error", [3.0, -1.0], [1.0, 0.0], 2.5, [2.0, -1.0]),
        ("mse", [3.0, -1.0], [1.0, 0.0], 2.5, [2.0, -1.0]),
        ("mse", [3.0], [1.0], 4.0, [4.0]),
        ("mae", [3.0, -1.0, 2.0], [1.0, 0.0, 2.0], 1.0, [1 / 3, -1 / 3, 0.0]),
        ("huber", [3.0, -0.5, 1.0], [1.0, 0.0, 0.0], 17 / 24, [1 / 3, -1 / 6, 1 / 3]),
        ("hinge", [0.5, 2.0], [1.0, -1.0], 1.75, [-0.5, 0.5]),
        ("logistic", [0.0, 0.0], [1.0, -1.0], math.log(2.0), [-0.25, 0.25]),
        ("bce", [0.5, 0.25], [1.0, 0.0], math.log(8.0 / 3.0) / 2.0, [-1.0, 2.0 / 3.0]),
        ("bce", [0.0, 1.0], [1.0, 0.0], 100.0, [0.0, 0.0]),
        ("bce", [0.0, 1.0], [0.0, 1.0], 0.0, [0.5, -0.5]),
        ("hinge", [1.0, -1.0], [1.0, -1.0], 0.0, [0.0, 0.0]),  # at the margin
        ("bce_with_logits", [0.0, 0.0], [1.0, 0.25], math.log(2.0), [-0.25, 0.125]),
        ("cross_entropy", [0.0, math.log(3.0)], 0, math.log(4.0), [-0.75, 0.75]),
    ],
)
def test_a_loss_has_the_value_and_gradient_computed_on_paper(loss, a, y, value, gradient):
    a, y = np.array(a), np.array(y)
    assert isinstance(LOSSES[loss].value(a, y), float)
    assert LOSSES[loss].value(a, y) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(LOSSES[loss].gradient(a, y), gradient, rtol=1e-14, atol=1e-16)


@EVERY_LOSS
@pytest.mark.parametrize("n_out", [1, 3])
def test_each_loss_gradient_agrees_with_central_differences(loss, n_out):
    rng = np.random.default_rng(1)
    for _ in range(5):
        a, y = suited(loss, rng.normal(size=n_out)), random_targets(rng, loss, (n_out,))
        numeric = difference(lambda moved, y=y: LOSSES[loss].value(moved, y), a)
        np.testing.assert_allclose(LOSSES[loss].gradient(a, y), numeric, rtol=1e-8, atol=1e-11)


@EVERY_LOSS
def test_a_loss_reads_a_batch_sample_by_sample(loss):
    rng = np.random.default_rng(2)
    a, y = suited(loss, rng.normal(size=(4, 3))), random_targets(rng, loss, (4, 3))
    values, gradients = LOSSES[loss].value(a, y), LOSSES[loss].gradient(a, y)
    for n in range(4):
        assert values[n] == pytest.approx(LOSSES[loss].value(a[n], y[n]), rel=1e-14)
        np.testing.assert_allclose(gradients[n], LOSSES[loss].gradient(a[n], y[n]), rtol=1e-14)


@EVERY_LOSS
def test_a_loss_of_nan_is_nan_and_so_is_its_gradient(loss):
    y = 0 if loss == "cross_entropy" else np.ones(2)
    assert math.isnan(LOSSES[loss].value(np.array([math.nan, 1.0]), y))
    assert math.isnan(LOSSES[loss].gradient(np.array([math.nan, 1.0]), y)[0])


def test_the_losses_of_logits_are_stable_at_plus_and_minus_1000():
    logits = np.array([1000.0, -1000.0])
    cross_entropy, bce = LOSSES["cross_entropy"], LOSSES["bce_with_logits"]
    with np.errstate(all="raise"):
        assert cross_entropy.value(logits, 0) == 0.0
        assert cross_entropy.value(logits, 1) == 2000.0
        assert cross_entropy.gradient(logits, 0).tolist() == [0.0, 0.0]
        assert cross_entropy.gradient(logits, 1).tolist() == [1.0, -1.0]
        assert bce.value(logits, np.array([1.0, 0.0])) == 0.0
        assert bce.value(logits, np.array([0.0, 1.0])) == 1000.0
        assert bce.gradient(logits, np.array([0.0, 1.0])).tolist() == [0.5, -0.5]


# --- networks on paper -----------------------------------------------------------------------


@BOTH
def test_a_3_2_1_network_gives_the_numbers_computed_on_paper(backprop):
    run = backprop(
        weights=[[[1.0, 0.0, -1.0], [0.5, 1.0, 0.0]], [[2.0, -8.0]]],
        biases=[[1.0, -2.0], [1.5]],
        activations=["square", "linear"],
        x=[1.0, 2.0, 3.0],
        y=1.0,
    )
    assert run.z[0].tolist() == [[-1.0, 0.5]]  # 1 - 3 + 1, 0.5 + 2 - 2
    assert run.a[0].tolist() == [[1.0, 0.25]]
    assert run.z[1].tolist() == run.a[1].tolist() == [[1.5]]  # 2 - 2 + 1.5
    assert run.loss == 0.125  # (1.5 - 1)^2 / 2
    assert run.delta[1].tolist() == [[0.5]]
    assert run.delta[0].tolist() == [[-2.0, -4.0]]  # 2 z * w * 0.5
    assert run.dW[1].tolist() == [[0.5, 0.125]]
    assert run.dW[0].tolist() == [[-2.0, -4.0, -6.0], [-4.0, -8.0, -12.0]]
    assert run.db[1].tolist() == [0.5]
    assert run.db[0].tolist() == [-2.0, -4.0]


@BOTH
def test_the_example_of_the_linear_layer_article_comes_out(backprop):
    # L: three inputs, one output, no bias, then ReLU, then half the square of out - y. L's delta
    # behind the Linear layer is our delta; L's delta in front of it is that times w.
    o, w, y = np.array([1.0, -2.0, 0.5]), np.array([3.0, 0.5, 2.0]), 1.0
    run = backprop([w[np.newaxis]], [None], ["relu"], o, y)
    assert run.z[0].tolist() == [[3.0]]
    assert run.delta[0].tolist() == [[2.0]]
    assert run.dW[0].tolist() == [[2.0, -4.0, 1.0]]  # delta * o
    assert run.db == [None]


@BOTH
def test_one_sigmoid_neuron_per_layer_gives_the_formulas_of_the_single_neuron_article(backprop):
    # D, eqs. (7)-(16): dL/dw = a_before (a - y) a (1 - a); dL/db the same without a_before.
    x, y, w, b = 0.7, 0.2, [0.4, -1.1], [0.1, 0.3]
    a0 = 1.0 / (1.0 + math.exp(-(w[0] * x + b[0])))
    a1 = 1.0 / (1.0 + math.exp(-(w[1] * a0 + b[1])))
    delta1 = (a1 - y) * a1 * (1.0 - a1)
    delta0 = delta1 * w[1] * a0 * (1.0 - a0)
    run = backprop([[[w[0]]], [[w[1]]]], [[b[0]], [b[1]]], ["sigmoid", "sigmoid"], [x], y)
    assert run.dW[1][0, 0] == pytest.approx(delta1 * a0, rel=1e-14)
    assert run.db[1][0] == pytest.approx(delta1, rel=1e-14)
    assert run.dW[0][0, 0] == pytest.approx(delta0 * x, rel=1e-14)
    assert run.db[0][0] == pytest.approx(delta0, rel=1e-14)


@BOTH
def test_a_batch_gives_the_average_of_its_single_samples(backprop):
    # P, eq. (5)
    rng = np.random.default_rng(3)
    network = *random_network(rng, (3, 4, 2)), ["tanh", "linear"]
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    batch = backprop(*network, x, y)
    singles = [backprop(*network, x[n], y[n]) for n in range(5)]
    assert batch.loss == pytest.approx(np.mean([run.loss for run in singles]), rel=1e-14)
    for i in range(2):
        assert_close(batch.delta[i], np.concatenate([run.delta[i] for run in singles]), 1e-14)
        assert_close(batch.dW[i], np.mean([run.dW[i] for run in singles], axis=0), 1e-14)
        assert_close(batch.db[i], np.mean([run.db[i] for run in singles], axis=0), 1e-14)


# --- networks at random ----------------------------------------------------------------------


@EVERY_LOSS
@pytest.mark.parametrize("n_samples", [None, 1, 7])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("widths", "activations"),
    [
        ((2, 1), ["sigmoid"]),
        ((3, 5, 2), ["relu", "linear"]),
        ((4, 3, 6, 3), ["tanh", "gelu", "softplus"]),
        ((1, 2, 3, 2, 4), ["elu", "sin", "leaky_relu", "linear"]),
    ],
)
def test_loops_and_matrices_give_the_same_numbers(widths, activations, bias, n_samples, loss):
    rng = np.random.default_rng(4)
    activations = with_output(loss, activations)
    weights, biases = random_network(rng, widths, bias)
    batch = () if n_samples is None else (n_samples,)
    x = rng.normal(size=(*batch, widths[0]))
    y = random_targets(rng, loss, (*batch, widths[-1]))
    loops = by_loops(weights, biases, activations, x, y, loss)
    matrices = by_matrices(weights, biases, activations, x, y, loss)
    assert loops.loss == pytest.approx(matrices.loss, rel=1e-13, abs=0)
    for i, n_out in enumerate(widths[1:]):
        assert loops.z[i].shape == (n_samples or 1, n_out)
        for field in ("z", "a", "delta", "dW"):
            assert_close(getattr(loops, field)[i], getattr(matrices, field)[i], 1e-13)
        if bias:
            assert_close(loops.db[i], matrices.db[i], 1e-13)
        else:
            assert loops.db[i] is matrices.db[i] is None


@EVERY_ACTIVATION
def test_loops_and_matrices_agree_on_every_activation(name):
    points = DOMAINS.get(name, POINTS)[:4]
    weights, biases = [np.diag(points), np.full((1, 4), 0.5)], [None, np.zeros(1)]
    runs = [f(weights, biases, [name, "linear"], np.ones(4), 1.0) for f in (by_loops, by_matrices)]
    assert runs[0].z[0][0].tolist() == points.tolist()
    assert_close(runs[0].delta[0], runs[1].delta[0], 1e-13)


@BOTH
@EVERY_LOSS
def test_every_gradient_agrees_with_central_differences_of_the_loss(backprop, loss):
    rng = np.random.default_rng(5)
    activations = with_output(loss, ["tanh", "silu", "linear"])
    weights, biases = random_network(rng, (2, 3, 2, 2))
    biases[1] = None  # a layer without bias between two with
    x, y = rng.normal(size=(2, 2)), random_targets(rng, loss, (2, 2))
    run = backprop(weights, biases, activations, x, y, loss)
    assert run.db[1] is None

    def loss_with(where, i):
        """Return the mean loss as a function of one entry of the list of weights or biases."""

        def function(moved):
            changed = [*where[:i], moved, *where[i + 1 :]]
            network = (changed, biases) if where is weights else (weights, changed)
            return by_matrices(*network, activations, x, y, loss).loss

        return function

    for i in range(3):
        assert_close(run.dW[i], difference(loss_with(weights, i), weights[i]), 1e-8)
        if biases[i] is not None:
            assert_close(run.db[i], difference(loss_with(biases, i), biases[i]), 1e-8)


@BOTH
def test_delta_is_the_derivative_of_one_samples_loss_by_the_pre_activation(backprop):
    # A shift of z in one layer, for one sample, is a shift of the bias in a run of that sample.
    rng = np.random.default_rng(6)
    weights, biases = random_network(rng, (3, 4, 3, 2))
    activations = ["softplus", "sigmoid", "tanh"]
    x, y = rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    run = backprop(weights, biases, activations, x, y)
    for i in range(3):
        for n in range(3):

            def loss_of_sample(bias, i=i, n=n):
                changed = [*biases[:i], bias, *biases[i + 1 :]]
                return by_matrices(weights, changed, activations, x[n], y[n]).loss

            assert_close(run.delta[i][n], difference(loss_of_sample, biases[i]), 1e-8)


# --- what goes in and what comes out ---------------------------------------------------------


@BOTH
@pytest.mark.parametrize("y", [2.0, [2.0], [[2.0]], np.float64(2.0), 2])
def test_the_target_of_one_sample_and_one_output_may_be_a_number(backprop, y):
    run = backprop([[[1.0, 1.0]]], [None], ["linear"], [1.0, 3.0], y)
    assert run.delta[0].tolist() == [[2.0]]


@BOTH
@pytest.mark.parametrize("y", [[0.0, 1.0, 2.0], [[0.0], [1.0], [2.0]]])
def test_the_targets_of_one_output_may_be_one_number_per_sample(backprop, y):
    run = backprop([[[1.0]]], [None], ["linear"], [[1.0], [1.0], [1.0]], y)
    assert run.delta[0].tolist() == [[1.0], [0.0], [-1.0]]


@BOTH
@pytest.mark.parametrize("y", [1, np.int32(1), [1], np.array([1], dtype=np.uint8)])
def test_the_target_of_cross_entropy_is_a_class(backprop, y):
    run = backprop([np.eye(2)], [None], ["linear"], [0.0, 0.0], y, "cross_entropy")
    assert run.delta[0].tolist() == [[0.5, -0.5]]


@BOTH
def test_biases_may_be_none_for_all_layers_at_once(backprop):
    assert backprop([np.eye(2), np.eye(2)], None, ["relu", "relu"], [1, 2], [0, 0]).db == [None] * 2


@BOTH
def test_the_arguments_are_left_alone_and_share_no_memory_with_the_results(backprop):
    rng = np.random.default_rng(7)
    weights, biases = random_network(rng, (2, 2, 2))
    x, y = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    arguments = [*weights, *biases, x, y]
    before = [array.copy() for array in arguments]
    run = backprop(weights, biases, ["linear", "linear"], x, y)
    results = [*run.z, *run.a, *run.delta, *run.dW, *run.db]
    for array in results:
        array += 1.0
    for array, copy in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(array, copy)
    for i, array in enumerate(results):
        assert not any(np.shares_memory(array, other) for other in results[i + 1 :])


@BOTH
def test_saturated_and_overflowing_networks_give_ieee_numbers_without_warnings(backprop):
    with np.errstate(all="raise"):
        sure = backprop([[[1000.0]]], [None], ["linear"], [-1.0], 0.0, "bce_with_logits")
        assert (sure.loss, sure.delta[0].item()) == (0.0, 0.0)
        flat = backprop([[[1000.0]]], [None], ["sigmoid"], [1.0], 0.0)
        assert (flat.loss, flat.delta[0].item()) == (0.5, 0.0)
        over = backprop([[[1e308]]], [[0.0]], ["linear"], [[10.0], [-10.0]], [0.0, 0.0])
        assert over.loss == math.inf
        assert over.delta[0].tolist() == [[math.inf], [-math.inf]]
        assert over.dW[0].item() == math.inf
        assert math.isnan(over.db[0].item())  # inf - inf


@BOTH
def test_nan_in_one_sample_reaches_the_loss_but_no_other_sample(backprop):
    x = [[1.0, math.nan], [1.0, 2.0]]
    run = backprop([np.eye(2), np.ones((1, 2))], None, ["relu", "linear"], x, [0.0, 0.0])
    assert math.isnan(run.loss)
    assert np.isnan(run.dW[0]).all()
    assert np.isnan(run.delta[0]).tolist() == [[True, True], [False, False]]


# --- errors ----------------------------------------------------------------------------------

GOOD = {
    "weights": [np.ones((4, 3)), np.ones((2, 4))],
    "biases": [np.ones(4), np.ones(2)],
    "activations": ["relu", "linear"],
    "x": np.ones((5, 3)),
    "y": np.ones((5, 2)),
}


@BOTH
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"weights": []}, r"at least one layer.*got 0 weight matrices, 2 biases, 2 activations"),
        ({"weights": [], "biases": [], "activations": []}, r"at least one layer"),
        ({"biases": [None]}, r"got 2 weight matrices, 1 biases, 2 activations"),
        ({"activations": ["relu"]}, r"got 2 weight matrices, 2 biases, 1 activations"),
        ({"activations": ["relu", "relo"]}, r"layer 1: activation: unknown name 'relo', .*relu"),
        ({"loss": "l2"}, r"loss: unknown name 'l2', expected one of half_squared_error, mse"),
        ({"x": 1.0}, r"x: expected shape \(n_in,\) or \(N, n_in\), not empty, got \(\)"),
        ({"x": np.ones((0, 3))}, r"x: expected .* not empty, got \(0, 3\)"),
        ({"x": np.ones((5, 2))}, r"layer 0: .*shape \(n_out, 2\) to fit x, got \(4, 3\)"),
        ({"x": ["a", "b", "c"]}, r"x: expected an array of real numbers, got \['a', 'b', 'c'\]"),
        (
            {"weights": [np.ones((4, 3)), np.ones((4, 2))]},
            r"layer 1: .*shape \(n_out, 4\) to fit layer 0, got \(4, 2\)",
        ),
        ({"weights": [np.ones(3), np.ones((2, 4))]}, r"layer 0: .*\(n_out, 3\).*got \(3,\)"),
        ({"weights": [np.ones((0, 3)), np.ones((2, 0))]}, r"layer 0: .*got \(0, 3\)"),
        ({"weights": [[[1, 2, 3], [4]], np.ones((2, 4))]}, r"layer 0: weights: .*real numbers"),
        (
            {"biases": [np.ones(4), np.ones((2, 1))]},
            r"layer 1: expected a bias of shape \(2,\), got \(2, 1\)",
        ),
        ({"y": np.ones((2, 5))}, r"y: half_squared_error expects .*\(5, 2\), got \(2, 5\)"),
        ({"y": np.ones(2)}, r"y: half_squared_error expects .*\(5, 2\), got \(2,\)"),
        ({"y": np.ones(5)}, r"y: half_squared_error expects .*\(5, 2\), got \(5,\)"),
        ({"y": 1.0, "loss": "mse"}, r"y: mse expects targets of shape \(5, 2\), got \(\)"),
        ({"y": 1, "loss": "cross_entropy"}, r"y: cross_entropy expects .*\(5,\), got \(\)"),
        (
            {"y": [0, 1, 2, 1, 0], "loss": "cross_entropy"},
            r"y: cross_entropy over 2 outputs expects .* integers from 0 to 1, got \[0, 1, 2, 1, 0",
        ),
        ({"y": [0, 1, -1, 1, 0], "loss": "cross_entropy"}, r"from 0 to 1, got \[0, 1, -1, 1, 0"),
        ({"y": [0.0] * 5, "loss": "cross_entropy"}, r"expects class indices, .*got \[0\.0"),
    ],
)
def test_a_wrong_argument_is_refused_by_an_error_that_says_which_and_why(backprop, bad, message):
    with pytest.raises(ValueError, match=message):
        backprop(**{**GOOD, **bad})


def test_one_samples_targets_are_not_spread_over_a_batch():
    with pytest.raises(ValueError, match=r"shape \(3, 1\), got \(1, 3\)"):
        by_matrices([[[1.0]]], None, ["linear"], np.ones((3, 1)), np.ones((1, 3)))


# --- independence ----------------------------------------------------------------------------


def test_the_oracle_imports_only_numpy_and_the_standard_library():
    imported = set()
    for node in ast.walk(ast.parse(Path(deltas.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or ""))
    roots = {name.split(".")[0] for name in imported}
    assert "numpy" in roots
    assert roots - {"numpy"} <= set(sys.stdlib_module_names)
