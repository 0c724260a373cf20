"""Slopes by finite differences: with an estimate of their error, one-sided, at kinks.

The functions here see nothing but numbers: f takes a step h and gives an array, its outputs
at x + h. An output that is nan or infinite at some step makes that step tell nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Array = np.ndarray
Steps = Callable[[float], Array]  # the outputs as a function of a step

LEFT, BOTH, RIGHT = -1, 0, 1  # the sides of a point

# The steps. Functions change on the scale of their argument, or on that of 1; a tenth of either is
# far enough for the differences to have all digits, and the last of 24 steps, each half of the one
# before, is 1e-8 of it, where rounding has taken half of them.
FIRST = 0.1
COUNT = 24
# Extrapolations per step. What the next one would take out of the error of central differences,
# the power h¹⁴, is below rounding by then.
COLUMNS = 6
# Values of f are rounded to this part of themselves.
EPSILON = float(np.finfo(np.float64).eps)
# Errors are estimated, from numbers that rounding has shaken: they are trusted up to this factor.
TRUST = 10.0
# How quotients must move for a limit that extrapolation cannot reach, as that of √h at 0: each of
# 8 times that the step is divided by 8 they grow by a fifth, or else get no further away, and in
# all a thousand times nearer. The powers of h between |h|⁰·⁹ and |h|¹·⁴ are told neither way.
SHRINK = 8.0
TIMES = 8
GROWTH = 1.2
NEARER = 1e-3


class Estimate(NamedTuple):
    """A slope of each output, and how far off it may be.

    Attributes:
        value: the slope, nan where no two steps gave numbers.
        error: its estimated error, infinite there.
        rounding: the part of the error which comes from the rounding of f.
    """

    value: Array
    error: Array
    rounding: Array


def derivative(f: Steps, x: float, side: int = BOTH, limit: float = 0.0) -> Estimate:
    """The slope of ``f(h)`` at h = 0 with an estimate of its error, for each output.

    Difference quotients for ever smaller steps are extrapolated to step 0, and the error
    is what the last extrapolation changed, or rounding if that is more (Ridders 1982). The
    surest slope counts; but one from smaller steps overrules it when the two are apart by
    10 times their errors and the limit, for then the surer one was of a level stretch
    far away. One-sided quotients leave out the point itself, where f may follow a convention.

    The steps are a tenth of |x|, or of 1 if that is more, and its halves; where |x| is less
    than 1, then a tenth of |x| and its halves.

    Args:
        f: the function at x + h, as a function of h.
        x: the point, which sets the scale of the steps.
        side: BOTH for central differences, LEFT or RIGHT for those of one side only.
        limit: an error that is small enough.
    """
    shape = f(0.0).shape
    best = Estimate(np.full(shape, np.nan), np.full(shape, np.inf), np.full(shape, np.inf))
    base = 4.0 if side == BOTH else 2.0  # the error of a quotient is a series in h², or in h
    with np.errstate(all="ignore"):
        for scale in sorted({max(abs(x), 1.0), abs(x)} - {0.0}, reverse=True):
            former: list[Array] = []
            for k in range(COUNT):
                h = (x + FIRST * scale / 2.0**k) - x  # so that x + h is rounded no more
                quotient, rounding = _quotient(f, h, side)
                row = [quotient]
                for j, coarse in enumerate(former[:COLUMNS], 1):
                    fine = row[-1]
                    row.append(fine + (fine - coarse) / (base**j - 1.0))
                    error = np.maximum(np.abs(row[-1] - coarse), rounding)
                    best = _better(best, Estimate(row[-1], error, rounding), limit)
                former = row
    return best


def _better(old: Estimate, new: Estimate, limit: float) -> Estimate:
    """The surer of the two, or the new one where the old one cannot be right."""
    apart = np.abs(new.value - old.value) > TRUST * (new.error + old.error + limit)
    chosen = (new.error < old.error) | apart
    return Estimate(*np.where(chosen, new, old))


def _quotient(f: Steps, h: float, side: int) -> tuple[Array, Array]:
    """A difference quotient of step h, and how far rounding may have put it off."""
    near, far = (-h, h) if side == BOTH else (side * h, side * h + side * h)
    low, high = f(near), f(far)
    rounding = EPSILON * np.maximum(np.abs(low), np.abs(high)) / abs(far - near)
    return (high - low) / (far - near), rounding


def allowed(slopes: Array, f: Steps, x: float, limit: float) -> Array:
    """Whether finite differences of f at x confirm the slopes, for each output.

    A slope is confirmed if it is that of central differences, or lies between the two
    one-sided ones, as at a kink. If neither of these is known, as at the end of a domain
    and where f is infinitely steep, it must be what the quotients of one side tend to,
    or nan.

    "Is" means: to within the limit and 10 times the error. "Known" means: to within the
    limit, apart from rounding.

    Args:
        slopes: what to confirm, one number per output.
        f: the function at x + h, as a function of h.
        x: the point.
        limit: the tolerance.
    """
    low, high = _bounds(f, x, BOTH, limit)
    fine: Array = (low <= slopes) & (slopes <= high)
    if fine.all():
        return fine
    (left, left_end), (right, right_end) = _bounds(f, x, LEFT, limit), _bounds(f, x, RIGHT, limit)
    fine |= (np.fmin(left, right) <= slopes) & (slopes <= np.fmax(left_end, right_end))
    unknown = np.isnan(left) & np.isnan(right)
    for i in np.flatnonzero(unknown & ~fine):
        fine[i] = np.isnan(slopes[i]) or any(
            _tends(f, int(i), side, float(slopes[i]), x) for side in (LEFT, RIGHT)
        )
    return fine


def _bounds(f: Steps, x: float, side: int, limit: float) -> tuple[Array, Array]:
    """Between what the slope lies, for each output; nan and nan where it is not known."""
    value, error, rounding = derivative(f, x, side, limit)
    least = limit + rounding
    value = np.where(error <= TRUST * least, value, np.nan)
    reach = limit + TRUST * np.minimum(error, least)
    return value - reach, value + reach


def _tends(f: Steps, i: int, side: int, slope: float, x: float) -> bool:
    """Whether the quotients of output i come ever nearer to the slope, or grow without bound.

    The first step is a tenth of |x|, or of 1 at 0.
    """
    steps = [FIRST * (abs(x) or 1.0) / SHRINK**k for k in range(TIMES + 1)]
    with np.errstate(all="ignore"):
        quotients = np.array([_quotient(f, h, side)[0][i] for h in steps])
        if np.isinf(slope):
            sizes = quotients * np.sign(slope)
            return bool((sizes[1:] > GROWTH * np.abs(sizes[:-1])).all())
        gaps = np.abs(quotients - slope)
        return bool((gaps[1:] <= gaps[:-1]).all() and gaps[-1] <= NEARER * gaps[0])


def refuted(
    matrix: Array, f: Callable[[list[float]], Array], point: Sequence[float], limit: float
) -> list[tuple[int, int]]:
    """The (i, j) for which finite differences do not confirm ∂fᵢ/∂xⱼ = matrix[i, j].

    They are in the order of j, then of i.
    """
    return [
        (int(i), j)
        for j, x in enumerate(point)
        for i in np.flatnonzero(~allowed(matrix[:, j], along(f, point, j), x, limit))
    ]


def along(f: Callable[[list[float]], Array], point: Sequence[float], j: int) -> Steps:
    """f as a function of a step in the direction of argument j."""
    return lambda h: f([*point[:j], point[j] + h, *point[j + 1 :]])
