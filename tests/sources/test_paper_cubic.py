"""P, the paper on back-propagation: its example, a cubic y = a + b x + c x² + d x³ fitted to sin x.

2,000 points of [-π, π], the sum of the squared errors, η = 1e-6, 2,000 steps. There is no layer
here, so no convention of indices.
"""

import numpy as np
import pytest

from autograd import Value, affine, dot

X = np.linspace(-np.pi, np.pi, 2000)
SIN = np.sin(X)
POWERS = np.stack([X**0, X, X**2, X**3])
ETA, STEPS = 1e-6, 2000
START = [0.753, 0.285, -0.130, -0.012]


def constants(array):
    return [Value(each, requires_grad=False) for each in array.tolist()]


ROWS, TARGETS = [constants(row) for row in POWERS.T], constants(-SIN)


def sum_of_squares(coefficients):
    """Σ (a + b x + c x² + d x³ - sin x)² in the engine, one node for each point and one for all."""
    errors = affine(ROWS, coefficients, TARGETS)
    return dot(errors, errors)


def gradient(coefficients):
    """2 Σ (y_pred - y) · {1, x, x², x³} in NumPy."""
    return 2.0 * POWERS @ (coefficients @ POWERS - SIN)


def trained(coefficients):
    """The coefficients after all steps; those of many runs may be columns.

    With the sums of powers taken once, 2 Σ x^p x^q and 2 Σ x^p sin x, the gradient is that above.
    """
    squares, right = 2.0 * POWERS @ POWERS.T, 2.0 * POWERS @ SIN
    for _ in range(STEPS):
        coefficients = coefficients - ETA * ((squares @ coefficients).T - right).T
    return coefficients


@pytest.mark.parametrize("start", [START, [0.0, 0.0, 0.0, 0.0], [-1.0, 2.0, 0.5, -0.3]])
def test_the_gradient_of_a_coefficient_is_twice_the_errors_times_its_power(start):
    """P: ∂L/∂{a, b, c, d} = 2 Σ (y_pred - y) · {1, x, x², x³}."""
    coefficients = [Value(each) for each in start]
    loss = sum_of_squares(coefficients)
    loss.backward()
    total, by_hand = 0.0, np.zeros(4)
    for x, y in zip(X.tolist(), SIN.tolist(), strict=True):
        a, b, c, d = start
        error = a + b * x + c * x**2 + d * x**3 - y
        total += error**2
        by_hand += [2 * error, 2 * error * x, 2 * error * x**2, 2 * error * x**3]
    assert loss.data == pytest.approx(total, rel=1e-12)
    for coefficient, each, in_numpy in zip(
        coefficients, by_hand, gradient(np.array(start)), strict=True
    ):
        scale = np.abs(by_hand).max()  # sums of 2,000 terms of either sign: digits cancel
        assert coefficient.grad == pytest.approx(each, rel=1e-12, abs=1e-12 * scale)
        assert in_numpy == pytest.approx(each, rel=1e-12, abs=1e-12 * scale)


def test_two_thousand_steps_of_the_engine_end_on_the_printed_coefficients(shows):
    """P: y = 0.0237 + 0.8476 x - 0.004 x² - 0.0920 x³, from (0.753, 0.285, -0.130, -0.012)."""
    coefficients = [Value(each) for each in START]
    for _ in range(STEPS):
        for coefficient in coefficients:
            coefficient.zero_grad()
        sum_of_squares(coefficients).backward()
        for coefficient in coefficients:
            coefficient.data -= ETA * coefficient.grad
    reached = [coefficient.data for coefficient in coefficients]
    np.testing.assert_allclose(reached, trained(np.array(START)), rtol=1e-12, atol=0.0)
    digits = [f"{each:.{n}f}" for each, n in zip(reached, (4, 4, 3, 4), strict=True)]
    assert digits == ["0.0237", "0.8476", "-0.004", "-0.0920"]
    shows(*digits)


def test_from_any_start_two_thousand_steps_end_on_one_line(shows):
    """P: two of four directions are slow; the others are done, which leaves a line for (a, c)
    and one for (b, d): c = -0.17252 a, d + 0.0933304 = -0.14224 (b - 0.8567408)."""
    starts = np.random.default_rng(0).normal(size=(4, 100))
    a, b, c, d = trained(starts)
    assert min(np.ptp(a), np.ptp(b)) > 0.05  # still apart from each other, but on the lines:
    even = (c @ a) / (a @ a)
    b_best, d_best = np.linalg.lstsq(POWERS.T, SIN, rcond=None)[0][[1, 3]]
    odd = (d - d_best) @ (b - b_best) / ((b - b_best) @ (b - b_best))
    assert np.abs(c - even * a).max() < 1e-12
    assert np.abs(d - d_best - odd * (b - b_best)).max() < 1e-12
    # The slopes are those of the slow eigenvectors of the Hessian, 2 Σ x^p x^q.
    steepness, directions = np.linalg.eigh(2.0 * POWERS @ POWERS.T)
    assert ((1.0 - ETA * steepness) ** STEPS > 1e-3).tolist() == [True, True, False, False]
    assert even == pytest.approx(directions[2, 0] / directions[0, 0], rel=1e-9)
    assert odd == pytest.approx(directions[3, 1] / directions[1, 1], rel=1e-9)
    # And the printed result lies there too, as far as its digits go.
    assert abs(-0.004 - even * 0.0237) < 0.0005
    assert abs(-0.0920 - d_best - odd * (0.8476 - b_best)) < 0.00005
    shows(f"{even:.5f}", f"{d_best:.7f}", f"{odd:.5f}", f"{b_best:.7f}")


def test_the_best_cubic_has_no_even_part_and_the_engine_finds_no_slope_there(shows):
    """P: the least-squares optimum is 0.8567 x - 0.0933 x³."""
    best = np.linalg.solve(POWERS @ POWERS.T, POWERS @ SIN)
    assert np.abs(best[[0, 2]]).max() < 1e-12
    coefficients = [Value(each) for each in best]
    loss = sum_of_squares(coefficients)
    loss.backward()
    slopes = np.array([coefficient.grad for coefficient in coefficients])
    terms = np.abs(2.0 * POWERS * (best @ POWERS - SIN)).sum(axis=1)  # which cancel in the slopes
    assert (np.abs(slopes) < 1e-12 * terms).all()
    for step in np.vstack([np.eye(4), -np.eye(4)]):
        moved = sum_of_squares([Value(each) for each in best + 1e-3 * step])
        assert moved > loss
    shows(f"{best[1]:.4f}", f"{best[3]:.4f}")
