"""Finite differences against closed forms: slopes, errors, steps, and what they confirm."""

import math

import numpy as np
import pytest

from autograd.differences import _tends, allowed, along, derivative, refuted

inf, nan = math.inf, math.nan
SIDES = pytest.mark.parametrize("side", [-1, 0, 1])


def of(*functions):
    """Functions of a float as one function of a step, with an array of outputs."""
    return lambda h: np.array([f(h) for f in functions])


def within(f, *steps):
    """f where |h| is one of these steps, else nan: those are all that the differences see."""
    seen = lambda h: any(math.isclose(abs(h), step) for step in steps) or h == 0.0
    return lambda h: f(h) if seen(h) else nan


def steps_of(x, side):
    """The steps that are taken, in order."""
    seen = []

    def f(h):
        seen.append(h)
        return np.array([h])

    derivative(f, x, side)
    return [h for h in seen if h != 0.0]


# -- slopes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (math.exp, 1.0, math.e),
        (math.sin, 0.0, 1.0),
        (lambda x: x**9, 2.0, 9.0 * 2.0**8),
        (lambda x: 1.0 / x, 1e-5, -1e10),
        (math.atan, 1e4, 1.0 / (1.0 + 1e8)),
        (lambda x: 3.0, 1.0, 0.0),
    ],
)
def test_the_extrapolated_differences_are_good_to_their_estimate(f, x, slope):
    got, error, _ = derivative(lambda h: np.array([f(x + h)]), x)
    assert got[0] == pytest.approx(slope, rel=1e-9, abs=1e-12)
    assert abs(got[0] - slope) <= 10.0 * error[0] + 1e-12 * abs(slope)


def test_one_sided_differences_leave_out_the_point_itself():
    f = lambda h: np.array([math.exp(h) if h > 0.0 else 5.0 if h == 0.0 else 3.0 * h])
    assert derivative(f, 0.0, 1)[0][0] == pytest.approx(1.0, rel=1e-8)
    assert derivative(f, 0.0, -1)[0][0] == pytest.approx(3.0, rel=1e-8)


def test_differences_out_of_the_domain_have_no_estimate():
    root = lambda h: np.array([math.sqrt(h) if h >= 0.0 else math.nan])
    slope, error, _ = derivative(root, 0.0, -1)
    assert math.isnan(slope[0])
    assert error[0] == inf


@SIDES
def test_each_output_has_its_own_slope_and_error(side):
    slope, error, rounding = derivative(of(math.sin, lambda h: 5.0, lambda h: nan), 1.0, side)
    assert slope[:2] == pytest.approx([1.0, 0.0], abs=1e-9)
    assert math.isnan(slope[2])
    assert error[2] == rounding[2] == inf
    assert error[0] < 1e-9


def test_differences_are_central_if_no_side_is_given():
    slope, error, _ = derivative(of(lambda h: max(h, 0.0)), 1.0)
    assert slope[0] == 0.5
    assert error[0] < 1e-15


@pytest.mark.parametrize("x", [1e-300, 5e-324, 1e300, inf, nan])
@SIDES
def test_extreme_points_give_a_slope_or_nothing(x, side):
    slope, error, _ = derivative(of(lambda h: 3.0 * h), x, side)
    if math.isfinite(x):
        assert slope[0] == pytest.approx(3.0)
    else:
        assert math.isnan(slope[0])
        assert error[0] == inf


@SIDES
def test_infinite_values_tell_nothing(side):
    slope, error, _ = derivative(
        of(lambda h: inf, lambda h: inf if abs(h) > 1e-3 else h), 1.0, side
    )
    assert math.isnan(slope[0])
    assert error[0] == inf
    assert slope[1] == pytest.approx(1.0)


@pytest.mark.parametrize("scale", [1e-200, 1e-8, 1e8, 1e200])
def test_slopes_and_errors_scale_with_the_values(scale):
    slope, error, rounding = derivative(of(math.exp), 0.5)
    others = derivative(of(lambda h: scale * math.exp(h)), 0.5)
    for one, other in zip((slope, error, rounding), others, strict=True):
        assert other[0] / scale == pytest.approx(one[0], rel=0.5)
    assert others.value[0] / scale == pytest.approx(1.0, rel=1e-10)


# -- steps -----------------------------------------------------------------------------------


@SIDES
@pytest.mark.parametrize(
    ("x", "scales"),
    [(0.0, [1.0]), (1.0, [1.0]), (-20.0, [20.0]), (1e6, [1e6]), (-0.25, [1.0, 0.25]),
     (1e-9, [1.0, 1e-9])],
)  # fmt: skip
def test_the_steps_are_a_tenth_of_the_scale_and_its_halves(x, scales, side):
    steps = steps_of(x, side)
    width = 2 if side else 1
    assert all((h > 0.0) == (side >= 0) for h in steps) or side == 0
    sizes = sorted({abs(h) for h in steps}, reverse=True)
    assert sizes[0] == pytest.approx(0.1 * scales[0] * width)
    assert sizes[-1] == pytest.approx(1e-8 * scales[-1], rel=0.5)
    first = [abs(h) for h in steps][1::2]  # the further one of each pair
    count = len(first) // len(scales)
    for n, scale in enumerate(scales):
        ladder = first[n * count : (n + 1) * count]
        assert ladder == pytest.approx(
            [0.1 * scale * width / 2.0**k for k in range(count)], rel=1e-7
        )


@SIDES
def test_a_step_is_the_difference_of_two_numbers(side):
    for x in (0.3, 1e5 / 3.0, -7.7e-4):
        near = steps_of(x, side)[:: 2 if side else 1]
        exact = [h for h in near if (x + h) - x == h]
        assert len(exact) >= len(near) / 2.0
        if side > 0:
            assert exact == near


@pytest.mark.parametrize(("side", "signs"), [(-1, {-1.0}), (0, {-1.0, 1.0}), (1, {1.0})])
def test_one_sided_differences_stay_on_their_side(side, signs):
    assert set(np.sign(steps_of(0.3, side))) == signs


# -- errors ----------------------------------------------------------------------------------
# With f known at two or three steps only, the extrapolation is worked out by hand. Central
# quotients of h³ are h²: at the steps 0.1 and 0.05 they are 0.01 and 0.0025, extrapolated to 0. The
# error is what this changed, 0.01. One-sided quotients of h², from h and 2h, are 3h.


def test_the_error_of_two_central_quotients():
    slope, error, _ = derivative(of(within(lambda h: 7.0 * h + h**3, 0.1, 0.05)), 1.0)
    assert slope[0] == pytest.approx(7.0, abs=1e-13)
    assert error[0] == pytest.approx(0.01)


@pytest.mark.parametrize("side", [-1, 1])
def test_the_error_of_two_quotients_of_one_side(side):
    f = within(lambda h: 7.0 * h + h * h, 0.2, 0.1, 0.05)
    slope, error, _ = derivative(of(f), 1.0, side)
    assert slope[0] == pytest.approx(7.0, abs=1e-13)
    assert error[0] == pytest.approx(0.3)


def test_the_error_of_three_central_quotients():
    """Quotients of h⁵ are h⁴: extrapolated once, they are -h⁴/4, and then 0."""
    f = within(lambda h: 7.0 * h + 5.0 * h**3 + h**5, 0.1, 0.05, 0.025)
    slope, error, _ = derivative(of(f), 1.0)
    assert slope[0] == pytest.approx(7.0, abs=1e-13)
    assert error[0] == pytest.approx(0.1**4 / 4.0)


@pytest.mark.parametrize("side", [-1, 1])
def test_the_error_of_three_quotients_of_one_side(side):
    """Quotients of h³ are 7h²: extrapolated once, from h and h/2, they are -7h²/2, and then 0."""
    f = within(lambda h: 2.0 * h + h * h + h**3, 0.2, 0.1, 0.05, 0.025)
    slope, error, _ = derivative(of(f), 1.0, side)
    assert slope[0] == pytest.approx(2.0, abs=1e-13)
    assert error[0] == pytest.approx(7.0 * 0.1**2 / 2.0)


def test_one_quotient_is_no_estimate():
    slope, error, _ = derivative(of(within(lambda h: 7.0 * h, 0.1)), 1.0)
    assert math.isnan(slope[0])
    assert error[0] == inf


@pytest.mark.parametrize("size", [1e-10, 1.0, -1e10])
@pytest.mark.parametrize(
    ("x", "side", "span"), [(1.0, 0, 0.1), (50.0, 0, 5.0), (1.0, 1, 0.05), (1.0, -1, 0.05)]
)
def test_the_error_is_no_less_than_rounding(size, x, side, span):
    """Of the value, over the span of the second step, which is the first with an estimate."""
    slope, error, rounding = derivative(of(lambda h: size), x, side)
    assert slope[0] == 0.0
    assert error[0] == rounding[0] == pytest.approx(2.0**-52 * abs(size) / span)


def test_the_larger_value_counts_for_rounding():
    for sign in (1.0, -1.0):
        f = of(within(lambda h, sign=sign: 4.0 if sign * h > 0.0 else -1.0, 0.1, 0.05))
        assert derivative(f, 1.0).rounding[0] == pytest.approx(2.0**-52 * 4.0 / 0.1)


def test_smooth_functions_have_errors_near_rounding():
    for f, slope in ((math.exp, 1.0), (math.sin, 1.0), (lambda h: math.log1p(h), 1.0)):
        got, error, rounding = derivative(of(f), 1.0)
        assert abs(got[0] - slope) < 1e-12
        assert error[0] < 1e-11
        assert rounding[0] <= error[0]


# -- which estimate counts -------------------------------------------------------------------
# A line of slope 0 that becomes one of slope b near the point: both are as sure as rounding.


@pytest.mark.parametrize("limit", [1e-6, 1e-3, 1.0])
@SIDES
def test_what_is_close_overrules_what_is_far_if_they_are_apart(limit, side):
    def bend(b):
        return of(lambda h: b * h if abs(h) < 1e-3 else 0.0)

    assert derivative(bend(10.1 * limit), 1.0, side, limit).value[0] == pytest.approx(10.1 * limit)
    assert derivative(bend(9.9 * limit), 1.0, side, limit).value[0] == 0.0


def test_without_a_limit_any_difference_beyond_the_errors_counts():
    f = of(lambda h: 1e-6 * h if abs(h) < 1e-3 else 0.0)
    assert derivative(f, 1.0).value[0] == pytest.approx(1e-6)
    assert derivative(f, 1.0, limit=1e-3).value[0] == 0.0


def test_errors_excuse_a_difference_ten_times():
    """Far steps say 0 ± 0.01, close ones c ± 0.015 or 0.005."""
    far, close = (0.1, 0.05), (0.1 / 2**10, 0.1 / 2**11)

    def f(c, worse):
        g = lambda h: h**3 if abs(h) > 0.01 else c * h + worse * (h * 2**10) ** 3 / 2**10
        return of(within(g, *far, *close))

    assert derivative(f(0.24, 1.5), 1.0).value[0] == pytest.approx(0.0)  # 10 (0.01 + 0.015) = 0.25
    assert derivative(f(0.26, 1.5), 1.0).value[0] == pytest.approx(0.26)
    assert derivative(f(0.1, 1.5), 1.0).value[0] == pytest.approx(0.0)
    assert derivative(f(0.1, 0.5), 1.0).value[0] == pytest.approx(0.1)  # surer


def test_steps_of_the_small_scale_overrule_those_of_the_large_one():
    x = 1e-9
    f = of(lambda h: abs(x + h))
    assert derivative(f, x).value[0] == pytest.approx(1.0)
    assert derivative(of(lambda h: abs(h - x)), -x).value[0] == pytest.approx(-1.0)


# -- what is confirmed -----------------------------------------------------------------------


def confirms(f, slope, x=1.0, limit=1e-6):
    (answer,) = allowed(np.array([slope]), of(f), x, limit)
    assert answer.dtype == bool
    return bool(answer)


@pytest.mark.parametrize("limit", [1e-9, 1e-6, 1e-2])
def test_the_slope_of_a_line_is_confirmed_to_the_limit(limit):
    for sign in (1.0, -1.0):
        assert confirms(lambda h: 2.0 * h, 2.0 + sign * 0.999 * limit, limit=limit)
        assert not confirms(lambda h: 2.0 * h, 2.0 + sign * 1.001 * limit, limit=limit)


@pytest.mark.parametrize("slope", [inf, -inf, nan])
def test_a_smooth_function_has_a_finite_slope(slope):
    assert not confirms(math.exp, slope)
    assert not confirms(lambda h: abs(h), slope)


@pytest.mark.parametrize("limit", [1e-9, 1e-6, 1e-2])
@pytest.mark.parametrize(("left", "right"), [(-1.0, 1.0), (0.0, 1.0), (3.0, 2.0), (2.0, 2.5)])
def test_at_a_kink_all_between_the_two_slopes_is_confirmed(left, right, limit):
    f = lambda h: left * h if h < 0.0 else right * h
    low, high = min(left, right), max(left, right)
    for t in (0.0, 0.3, 0.5, 1.0):
        assert confirms(f, low + t * (high - low), limit=limit)
    assert confirms(f, low - 0.999 * limit, limit=limit)
    assert confirms(f, high + 0.999 * limit, limit=limit)
    assert not confirms(f, low - 1.001 * limit, limit=limit)
    assert not confirms(f, high + 1.001 * limit, limit=limit)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_where_one_side_is_all_there_is_its_slope_counts(side):
    f = lambda h: math.exp(h) if side * h >= 0.0 else nan
    assert confirms(f, 1.0)
    assert not confirms(f, 1.001)
    assert not confirms(f, 0.999)
    assert not confirms(f, 0.0)


def test_a_jump_has_the_slopes_of_its_sides():
    f = lambda h: 2.0 * h + (5.0 if h > 0.0 else -5.0 if h < 0.0 else 0.0)
    assert confirms(f, 2.0)
    assert not confirms(f, 3.0)
    assert not confirms(f, inf)


def test_each_output_is_judged_by_itself():
    f = of(
        math.exp, abs, lambda h: 5.0, lambda h: math.copysign(math.sqrt(abs(h)), h), lambda h: nan
    )
    right = np.array([1.0, 0.3, 0.0, inf, nan])
    assert allowed(right, f, 0.0, 1e-6).tolist() == [True] * 5
    for i in range(4):
        wrong = right.copy()
        wrong[i] = 1.5
        assert allowed(wrong, f, 0.0, 1e-6).tolist() == [j != i for j in range(5)]
    assert allowed(np.full(5, nan), f, 0.0, 1e-6).tolist() == [False, False, False, True, True]


def test_what_central_differences_confirm_stays_so_though_the_sides_are_wild():
    """The even part of f cancels in central differences, and leaves no slope on either side."""
    wild = lambda h: h + 1e-3 * math.sin(1e18 * h * h)
    f = of(wild, lambda h: h)
    assert allowed(np.array([1.0, 1.0]), f, 1.0, 1e-6).tolist() == [True, True]
    assert allowed(np.array([1.0, 2.0]), f, 1.0, 1e-6).tolist() == [True, False]
    assert allowed(np.array([2.0, 1.0]), f, 1.0, 1e-6).tolist() == [False, True]


@pytest.mark.parametrize("bend", [1e3, -1e3])
def test_what_is_known_is_not_asked_what_it_tends_to(bend):
    """The quotients come a thousand times nearer to 1.1, though their limit is 1."""
    f = lambda h: h + bend * h * h
    assert _tends(of(f), 0, 1, 1.0 - math.copysign(0.1, bend), 1.0)
    assert not confirms(f, 1.0 - math.copysign(0.1, bend))
    assert confirms(f, 1.0)


# The slope of 7h + h³ is 7 ± 0.01 if two steps are all that there is to see.


def test_a_slope_is_known_to_ten_times_the_limit():
    f = within(lambda h: 7.0 * h + h**3, 0.1, 0.05)
    assert confirms(f, 7.0, limit=1.01e-3)
    assert not confirms(f, 7.0, limit=0.99e-3)


@pytest.mark.parametrize(
    ("limit", "reach"), [(0.002, 0.022), (0.005, 0.055), (0.02, 0.12), (1.0, 1.1)]
)
def test_a_slope_may_be_off_by_the_limit_and_ten_times_the_error(limit, reach):
    """The error counts up to the limit."""
    f = within(lambda h: 7.0 * h + h**3, 0.1, 0.05)
    for sign in (1.0, -1.0):
        assert confirms(f, 7.0 + sign * 0.999 * reach, limit=limit)
        assert not confirms(f, 7.0 + sign * 1.001 * reach, limit=limit)


def test_the_bounds_themselves_are_confirmed():
    """The slope of 0 is known without error, and not to be had from any other steps."""
    both = within(lambda h: 0.0, 0.1, 0.05)
    right = within(lambda h: 0.0 if h >= 0.0 else nan, 0.2, 0.1, 0.05)
    for f in (both, right):
        for limit in (0.0, 1e-6):
            for sign in (1.0, -1.0):
                assert confirms(f, sign * limit, limit=limit)
                assert not confirms(f, sign * math.nextafter(limit, 1.0), limit=limit)


def test_what_differs_by_less_than_the_limit_overrules_nothing():
    f = lambda h: 5e-6 * h if abs(h) < 1e-3 else 0.0
    assert confirms(f, 0.0)
    assert not confirms(f, 5e-6)


def test_what_rounding_hides_is_not_held_against_a_slope():
    """1e10 is rounded to 2.2e-6; one-sided differences of step 0.05 are known to 20 times that."""
    f = lambda h: 1e10
    assert confirms(f, 4.43e-4, limit=1e-12)
    assert not confirms(f, 4.45e-4, limit=1e-12)
    assert confirms(f, 0.0, limit=0.0)


def test_at_the_end_of_a_domain_a_slope_is_what_the_quotients_tend_to():
    for p, slope in ((0.5, inf), (1.0 / 3.0, inf), (1.5, 0.0)):
        f = lambda h, p=p: h**p if h >= 0.0 else nan
        mirror = lambda h, p=p: (-h) ** p if h <= 0.0 else nan
        assert confirms(f, slope, 0.0)
        assert confirms(mirror, -slope, 0.0)
        for wrong in {0.0, 1.0, -1.0, inf, -inf} - {slope}:
            assert not confirms(f, wrong, 0.0)
        for wrong in {0.0, 1.0, -1.0, inf, -inf} - {-slope}:
            assert not confirms(mirror, wrong, 0.0)


def test_a_slope_that_one_side_has_is_not_overruled_by_the_other():
    f = lambda h: math.sqrt(h) if h > 0.0 else 2.0 * h
    assert confirms(f, 2.0, 0.0)
    assert not confirms(f, inf, 0.0)
    assert not confirms(lambda h: -f(-h), -inf, 0.0)


@pytest.mark.parametrize("slope", [0.0, 1.0, inf])
def test_where_there_is_no_function_only_nan_is_a_slope(slope):
    assert confirms(lambda h: nan, nan)
    assert not confirms(lambda h: nan, slope)


# -- what quotients tend to ------------------------------------------------------------------
# (h + h**p) has difference quotients 1 + c h**(p - 1), for steps that shrink by 8 each: the rate at
# which they near 1, or at which those of h**p grow, is known.


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("p", "near"), [(2.0, True), (1.45, True), (1.4, False), (1.1, False)])
def test_a_slope_is_tended_to_if_the_quotients_come_a_thousand_times_nearer(p, near, scale, side):
    f = lambda h: np.array([0.0, 5.0 * h + scale * side * abs(h) ** p])
    assert _tends(f, 1, side, 5.0, 0.0) is near
    assert _tends(f, 1, side, -5.0, 0.0) is False
    assert _tends(f, 1, side, side * inf, 0.0) is False


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("p", "grows"), [(0.5, True), (0.9, True), (0.92, False)])
def test_an_infinite_slope_is_tended_to_if_the_quotients_grow_by_a_fifth(p, grows, scale, side):
    f = lambda h: np.array([scale * side * abs(h) ** p])
    assert _tends(f, 0, side, inf, 0.0) is grows
    assert _tends(f, 0, side, -inf, 0.0) is False
    assert _tends(lambda h: -f(h), 0, side, -inf, 0.0) is grows


def test_quotients_that_stop_growing_or_nearing_tend_to_nothing():
    stops = lambda h: np.array([math.sqrt(h + 1e-4)])
    assert _tends(stops, 0, 1, inf, 0.0) is False
    turns = lambda h: np.array([h + h * h * (1.0 if h > 1e-4 else 30.0)])
    assert _tends(turns, 0, 1, 1.0, 0.0) is False


def test_the_steps_are_a_tenth_of_the_argument():
    f = lambda h: np.array([h + h * h if abs(h) < 0.5 else math.nan])
    assert _tends(f, 0, 1, 1.0, 0.01) is True
    assert _tends(f, 0, 1, 1.0, -0.01) is True
    assert _tends(f, 0, 1, 1.0, 0.0) is True
    assert _tends(f, 0, 1, 1.0, 10.0) is False


@pytest.mark.parametrize("side", [-1, 1])
def test_the_first_step_is_a_tenth_of_the_argument_or_of_one(side):
    """A quotient is of h and 2h, so f has to be there up to a fifth."""
    for x, end in ((0.0, 0.2), (1.0, 0.2), (30.0, 6.0), (-30.0, 6.0), (0.01, 0.002)):
        ends = lambda h, end=end: np.array([h + h * h if abs(h) <= end else nan])
        assert _tends(lambda h, f=ends: f(h / 1.001), 0, side, 1.0 / 1.001, x) is True
        assert _tends(lambda h, f=ends: f(h * 1.001), 0, side, 1.001, x) is False


def test_equal_quotients_tend_to_what_they_are():
    assert _tends(of(lambda h: 0.0), 0, 1, 0.0, 0.0) is True
    for slope in (1e-9, inf, -inf, nan):
        assert _tends(of(lambda h: 0.0), 0, 1, slope, 0.0) is False


def test_quotients_that_are_infinite_tend_to_nothing():
    with np.errstate(all="raise"):
        for slope in (0.0, inf, -inf, nan):
            assert _tends(of(lambda h: inf), 0, 1, slope, 0.0) is False
            assert _tends(of(lambda h: nan), 0, 1, slope, 0.0) is False


# -- matrices --------------------------------------------------------------------------------


def product(point):
    a, b, c = point
    return np.array([a * b, b * b * c])


def test_a_step_along_one_argument_leaves_the_others():
    assert along(lambda point: point, [1.0, 2.0, 3.0], 1)(0.5) == [1.0, 2.5, 3.0]
    assert along(lambda point: point, [1.0, 2.0, 3.0], 0)(0.5) == [1.5, 2.0, 3.0]
    assert along(lambda point: point, [1.0, 2.0, 3.0], 2)(0.5) == [1.0, 2.0, 3.5]


def test_the_wrong_entries_of_a_matrix_are_told_column_by_column():
    point = [2.0, 3.0, 50.0]
    right = np.array([[3.0, 2.0, 0.0], [0.0, 300.0, 9.0]])
    assert refuted(right, product, point, 1e-6) == []
    wrong = right + np.array([[0.0, 1e-3, 1e-3], [1e-3, -1e-3, 0.0]])
    assert refuted(wrong, product, point, 1e-6) == [(1, 0), (0, 1), (1, 1), (0, 2)]
    assert refuted(wrong, product, point, 1e-2) == []
