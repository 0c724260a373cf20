"""The table is the test list: every test here runs over all rows, and fails for a row it lacks."""

import copy
import inspect
import itertools
import math
import operator
import pickle
import random
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest

import autograd
from autograd import TABLE, Value, ops, ops_table

FUNCTIONS = list(TABLE.values())
ROWS = [*FUNCTIONS, *ops.FACTORS.values()]
OPERATORS = {
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "negative",
    "positive",
}  # fmt: skip


def ids(case):
    if isinstance(case, ops.Op):
        return case.name
    if isinstance(case, ops.Kink):
        return repr(case.at).replace(" ", "")
    return None


every_row = pytest.mark.parametrize("row", ROWS, ids=ids)
every_function = pytest.mark.parametrize("row", FUNCTIONS, ids=ids)
KINKS = [(row, kink) for row in ROWS for kink in row.kinks]
every_kink = pytest.mark.parametrize(("row", "kink"), KINKS, ids=ids)


# -- how a row is called: a flat tuple of floats, split into the arguments of the row --------


def groups_of(row, length=3):
    """How many elements each argument has; None for an op of single numbers."""
    if not isinstance(row, ops.SequenceOp):
        return None
    return tuple(1 if i == 2 else length for i in range(len(row.domain)))  # affine has one bias


def split(row, point):
    """The arguments of the row, from a flat tuple."""
    groups = groups_of(row, len(point) if len(row.domain) == 1 else 3)
    if groups is None:
        return tuple(point)
    elements = iter(point)
    return tuple(list(itertools.islice(elements, n)) for n in groups)


def flatten(row, args):
    return list(itertools.chain.from_iterable(args)) if groups_of(row) else list(args)


def call(row, point):
    return row(*split(row, point))


def rules(row, y, args):
    """All partials, flat, whatever the arguments are."""
    if isinstance(row, ops.SequenceOp):
        return list(itertools.chain.from_iterable(row.partials(y, *args)))
    return [rule(y, *args) for rule in row.partials]


def intervals(row):
    groups = groups_of(row)
    if groups is None:
        return list(row.domain)
    return [each for each, n in zip(row.domain, groups, strict=True) for _ in range(n)]


def samples(row, n=24, corners=True):
    """Points of the domain: its corners, and others at random from a fixed seed."""
    rng = random.Random(row.name)
    box = intervals(row)
    points = list(itertools.product(*box))[:8] if corners else []
    return points + [tuple(rng.uniform(low, high) for low, high in box) for _ in range(n)]


def through_backward(row, point):
    """The value and the gradients that a Value gives."""
    leaves = [Value(each) for each in point]
    y = call(row, leaves)
    y.backward()
    return y, [leaf.grad for leaf in leaves]


def same(a, b):
    """Equal, where nan is nan."""
    return a == b or (a != a and b != b)


# -- oracles ---------------------------------------------------------------------------------


def _mp_where(condition, a, b):
    return a if condition != 0 else b


def _mp_sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def _mp_normal_cdf(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


MPMATH = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "floor_divide": lambda a, b: mpmath.floor(a / b),
    "remainder": lambda a, b: a - b * mpmath.floor(a / b),
    "power": lambda a, b: mpmath.power(a, b),
    "negative": lambda a: -a,
    "positive": lambda a: mpmath.mpf(a),
    "absolute": abs,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / mpmath.mpf(x),
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": lambda x: mpmath.log(x) / mpmath.log(10),
    "log1p": mpmath.log1p,
    "sqrt": mpmath.sqrt,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arctan2": mpmath.atan2,
    "hypot": mpmath.hypot,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "sigmoid": _mp_sigmoid,
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "silu": lambda x: x * _mp_sigmoid(x),
    "gelu": lambda x: x * _mp_normal_cdf(x),
    "erf": mpmath.erf,
    "logaddexp": lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
    "logsumexp": lambda x: mpmath.log(mpmath.fsum(map(mpmath.exp, x))),
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "elu": lambda x, alpha: x if x > 0 else alpha * mpmath.expm1(x),
    "sign": mpmath.sign,
    "floor": mpmath.floor,
    "ceil": mpmath.ceil,
    "clip": lambda x, low, high: min(max(x, low), high),
    "maximum": max,
    "minimum": min,
    "where": _mp_where,
    "sum": mpmath.fsum,
    "mean": lambda x: mpmath.fsum(x) / len(x),
    "prod": mpmath.fprod,
    "norm": lambda x: mpmath.sqrt(mpmath.fsum(each**2 for each in x)),
    "dot": lambda w, x: mpmath.fdot(w, x),
    "affine": lambda w, x, b: mpmath.fdot(w, x) + mpmath.fsum(b),
    # the factors
    "sigmoid_slope": lambda x: _mp_sigmoid(x) * _mp_sigmoid(-x),
    "gaussian": lambda x, c: mpmath.exp(-c * x * x),
    "tanh_slope": lambda x: 1 / mpmath.cosh(x) ** 2,
    "silu_slope": lambda x: _mp_sigmoid(x) + x * _mp_sigmoid(x) * _mp_sigmoid(-x),
    "gelu_slope": lambda x: _mp_normal_cdf(x) + x * mpmath.npdf(x),
    "exp_difference": lambda a, b: mpmath.exp(mpmath.mpf(a) - b),
    "weight": lambda a, b, c: mpmath.exp(mpmath.mpf(a) - b - c),
    "log_total": lambda a, b: mpmath.log(
        mpmath.fsum(mpmath.exp(p - q) for p, q in zip(a, b, strict=True))
    ),
    "share": lambda a, b: _mp_sigmoid(mpmath.mpf(a) - b),
    "inversion": lambda a, b: a / (a * a + b * b),
    "power_slope": lambda a, b: b * mpmath.power(a, b - 1),
    "power_log": lambda a, b: mpmath.power(a, b) * mpmath.log(a),
}

# Arguments far out, per row; a row without an entry has none worth a test of its own.
EXTREMES = {
    "divide": [(1e-320, 1e-310), (1e308, 1e-5), (3e-308, 3e300), (1.0, 3.0)],
    "multiply": [(1e200, 1e200), (1e-200, 1e-200), (5e-324, 0.5)],
    "power": [
        (1e200, 2.0), (10.0, 400.0), (1e-300, 2.0), (1e150, 2.0), (1.0000001, 1e9), (2.0, 1023.0),
        (2.0, -1000.0), (0.5, 1e3), (7.0, 300.0), (1e-300, 0.5), (3.0, -600.0),
        (5e-324, 1e-20), (1.0 - 2.0**-40, 8e14),
    ],
    "square": [(1e200,), (1e-200,), (1e154,)],
    "exp": [(1000.0,), (709.0,), (710.0,), (-745.0,), (-1000.0,), (1e-300,), (-708.5,)],
    "log": [(5e-324,), (1e-300,), (1e300,), (1.0 + 2**-52,), (1.0 - 2**-53,)],
    "sqrt": [(5e-324,), (1e-300,), (1e300,)],
    "sinh": [(1000.0,), (-1000.0,), (710.4,), (1e-300,), (20.0,)],
    "cosh": [(1000.0,), (-1000.0,), (710.4,), (1e-300,), (20.0,)],
    "tanh": [(20.0,), (-20.0,), (1000.0,), (-1000.0,), (300.0,), (1e-300,), (1e-9,), (400.0,)],
    "sigmoid": [(1000.0,), (-1000.0,), (40.0,), (-40.0,), (700.0,), (-700.0,), (1e-300,)],
    "softplus": [(1000.0,), (-1000.0,), (40.0,), (-40.0,), (-700.0,), (1e-300,)],
    "relu": [(1e300,), (-1e300,), (5e-324,), (-5e-324,)],
    "absolute": [(1e300,), (-1e300,), (5e-324,), (-5e-324,)],
    "logsumexp": [
        (1000.0, 999.0, 0.0), (-1000.0, -1000.0, -1001.0), (1e6, 0.0, -1e6),
        (700.0, 700.0, 700.0), (0.0, -40.0, -800.0), (-1.0986122886681098,) * 3,
        (-1e-300, -690.8, -720.0), (-0.5, -1.0, -3.7),
    ],
    "sum": [(1e300, 1e-300, 1.0), (1e308, 1e308, 1e308)],
    "reciprocal": [(1e200,), (-1e-200,), (1e160,), (1e307,)],
    "expm1": [(1e-300,), (-1e-10,), (-40.0,), (-800.0,), (709.0,), (1000.0,)],
    "log2": [(5e-324,), (1e300,), (1.0 + 2**-52,), (1.0 - 2**-53,)],
    "log10": [(5e-324,), (1e300,), (1.0 + 2**-52,), (1.0 - 2**-53,)],
    "log1p": [(1e-300,), (-1e-17,), (1e-10,), (1e300,), (-1.0 + 2**-53,)],
    "cbrt": [(5e-324,), (-1e-300,), (1e300,), (-1.7e308,)],
    "sin": [(1e-300,), (1e22,), (math.pi,), (-1e5,)],
    "cos": [(1e-300,), (1e22,), (math.pi / 2,), (-1e5,)],
    "tan": [(1e-300,), (1e22,), (math.pi / 2,), (1.5707,), (-1e5,)],
    "arcsin": [(1e-300,), (1.0 - 2**-53,), (-1.0 + 2**-53,), (0.999,)],
    "arccos": [(1e-300,), (1.0 - 2**-53,), (-1.0 + 2**-53,), (0.999,)],
    "arctan": [(1e-300,), (1e160,), (-1e160,), (1e8,), (1e300,)],
    "arctan2": [
        (1e300, 1e300), (1e-300, 1e-300), (-1e-200, 1e-200), (1e-300, 1e300), (1e300, -1.0),
        (1.0, 1e-300), (5e-324, 1.0), (-1e155, -3e154),
    ],
    "hypot": [(1e300, 1e300), (1e-300, 1e-300), (1e300, 1e-300), (3e-200, -4e-200)],
    "arcsinh": [(1e-300,), (1e300,), (-1e300,), (1e8,)],
    "arccosh": [(1.0 + 2**-52,), (1.0 + 1e-10,), (1e300,), (1e9,), (1e8,), (1e155,)],
    "arctanh": [(1e-300,), (1.0 - 2**-53,), (-1.0 + 2**-53,)],
    "log_sigmoid": [(1000.0,), (-1000.0,), (40.0,), (-40.0,), (700.0,), (1e-300,)],
    "silu": [
        (1000.0,), (-40.0,), (-700.0,), (1e-300,), (40.0,), (-745.1,), (-1e300,),
        (-1.2784645427610738,),
    ],
    "erf": [(1e-300,), (5.0,), (-10.0,), (26.5,), (1e-8,)],
    "gelu": [
        (1e-300,), (-10.0,), (-20.0,), (-37.0,), (10.0,), (1e300,), (-38.4,), (-1e100,),
        (-0.7517915246935645,),
    ],
    "logaddexp": [
        (1000.0, 999.0), (-1000.0, -1001.3), (1e6, -1e6), (0.0, -40.0), (0.0, -800.0),
        (0.3, 700.7), (-0.3, -700.7), (-0.6931471805599453, -0.6931471805599453),
        (-1e-300, -690.8), (-0.1, -2.3521684610440907),
    ],
    "elu": [(-1e-300, 1.0), (-1000.0, 1.0), (1e300, 1.0), (-40.0, 2.0)],
    "leaky_relu": [(-1e300, 0.01), (1e300, 0.01), (-5e-324, 0.5)],
    "mean": [(1e308, 1e308, 1e308), (1e300, 1e-300, 1.0), (1.7e308, 1.7e308, -1.0)],
    "prod": [(1e200, 1e200, 1e-300), (1e-200, 1e-200, 1e300), (5e-324, 2.0, 1e300)],
    "norm": [(1e300, 1e300, 1e300), (1e-300, 1e-300, 2e-300), (1e300, 1.0, 1e-300)],
    "sigmoid_slope": [(40.0,), (-40.0,), (1000.0,), (700.0,)],
    "gaussian": [(26.5, 1.0), (38.0, 0.5), (-10.3, 0.5), (1e-300, 1.0), (1e200, 1.0)],
    "exp_difference": [(0.1, 700.7), (1e6, 1e6 + 1.0), (-1000.0, -999.0)],
    "share": [(0.1, 700.7), (700.7, 0.1), (-1000.0, -999.0)],
    "inversion": [(1e300, 1e300), (1e-300, 2e-300), (1.0, 1e300)],
    "power_slope": [
        (1e-300, 0.3), (1e300, -0.01), (0.5, 1060.0), (1e-300, 2.0), (-0.49, 1033.0),
        (-0.49, 1034.0), (5e-324, 1e-20),
    ],
    "power_log": [(1e-300, 1.05), (1e300, -0.01), (0.5, 1060.0)],
}  # fmt: skip


def uniform(low, high):
    return lambda rng: rng.uniform(low, high)


def scales(low, high, signed=False):
    """Numbers of all magnitudes from 10**low to 10**high."""
    return lambda rng: (rng.choice((-1.0, 1.0)) if signed else 1.0) * 10.0 ** rng.uniform(low, high)


# Where numbers are drawn from, per row: for each argument, or one for all of them. Left out are
# hypot and norm where the value overflows or is subnormal, which spoils the slopes xᵢ / value.
RANGES = {
    "divide": [scales(-100, 100, True)],
    "multiply": [scales(-150, 150, True)],
    "power": [
        (scales(-300, 300), uniform(-1.0, 1.0)), (scales(-300, 300), scales(-20, 0, True)),
        (uniform(0.5, 1.5), uniform(-700.0, 700.0)), (scales(-90, 90), uniform(-2.5, 2.5)),
        (uniform(0.488, 0.499), uniform(1000.0, 1050.0)),
    ],
    "reciprocal": [scales(-154, 150, True)],
    "exp": [uniform(-700.0, 700.0)],
    "expm1": [uniform(-40.0, 40.0), scales(-300, 2, True)],
    "log": [scales(-307, 308), uniform(0.5, 2.0)],
    "log2": [scales(-307, 308), uniform(0.5, 2.0)],
    "log10": [scales(-307, 308), uniform(0.5, 2.0)],
    "log1p": [scales(-300, 308), uniform(-1.0, 1.0), scales(-20, -0.01, True)],
    "sqrt": [scales(-307, 308)],
    "cbrt": [scales(-307, 308, True)],
    "sin": [scales(-300, 15, True)],
    "cos": [scales(-300, 15, True)],
    "tan": [scales(-300, 15, True)],
    "arcsin": [uniform(0.9, 1.0), scales(-300, -0.1, True)],
    "arccos": [uniform(0.9, 1.0), scales(-300, -0.1, True)],
    "arctan": [scales(-300, 150, True)],
    "arctan2": [scales(-140, 150, True), scales(-1, 1, True), scales(299, 300, True)],
    "hypot": [scales(-150, 300, True), scales(299, 300, True), scales(-290, -289, True)],
    "sinh": [uniform(-700.0, 700.0), scales(-300, 0, True)],
    "cosh": [uniform(-700.0, 700.0), scales(-300, 0, True)],
    "tanh": [uniform(-20.0, 20.0), uniform(-300.0, 300.0), scales(-300, 0, True)],
    "arcsinh": [scales(-300, 308, True)],
    "arccosh": [scales(0.01, 308), lambda rng: 1.0 + 10.0 ** rng.uniform(-15.0, 0.0)],
    "arctanh": [uniform(0.9, 1.0), scales(-300, -0.1, True)],
    "sigmoid": [uniform(-40.0, 40.0), uniform(-700.0, 700.0)],
    "log_sigmoid": [uniform(-40.0, 40.0), uniform(-700.0, 700.0)],
    "softplus": [uniform(-40.0, 40.0), uniform(-700.0, 700.0)],
    "silu": [uniform(-40.0, 40.0), uniform(-1.4, -1.1), uniform(-745.0, 700.0)],
    "erf": [uniform(-26.0, 26.0), scales(-300, 0, True)],
    "gelu": [uniform(-38.6, 10.0), uniform(-0.9, -0.6), scales(-300, -1, True)],
    "logaddexp": [
        uniform(-300.0, 300.0), uniform(990.0, 1000.0), scales(0, 4, True), uniform(-1.0, -0.4),
        (scales(-9, 0, True), uniform(-20.0, 0.0)),
    ],
    "logsumexp": [
        uniform(-300.0, 300.0), uniform(990.0, 1000.0), scales(0, 4, True), uniform(-1.5, -0.7),
        (scales(-9, 0, True), uniform(-20.0, 0.0), uniform(-20.0, 0.0)),
    ],
    "norm": [scales(-150, 300, True), scales(299, 300, True)],
    "prod": [scales(-100, 100, True)],
    "mean": [scales(-300, 308)],
    "gaussian": [(uniform(-26.0, 26.0), lambda rng: rng.choice((0.5, 1.0)))],
    "exp_difference": [uniform(-350.0, 350.0)],
    "share": [uniform(-350.0, 350.0)],
    "inversion": [scales(-140, 150, True), scales(299, 300, True)],
}  # fmt: skip
EXTREME_POINTS = [(row, point) for row in ROWS for point in EXTREMES.get(row.name, [])]


def exact(row, point, digits=50):
    """The value and the partials of the row by mpmath, as mpmath numbers."""
    f = MPMATH[row.name]

    def flat(*elements):
        return f(*split(row, elements))

    with mpmath.workdps(digits):
        at = [mpmath.mpf(each) for each in point]
        value = mpmath.mpf(flat(*at))
        partials = []
        for i in range(len(at)):
            order = tuple(int(i == j) for j in range(len(at)))
            # A step relative to the argument, so that 1e-300 is as good as 1.
            step = abs(at[i]) * mpmath.mpf(10) ** (-digits // 3) or mpmath.mpf(10) ** -(digits // 3)
            partials.append(mpmath.diff(flat, tuple(at), order, h=step) if len(at) > 1
                            else mpmath.diff(flat, at[0], h=step))  # fmt: skip
        return value, partials


def ulps(got, want):
    """The error of a float in units in the last place of the exact number."""
    nearest = float(want)
    if same(got, nearest):
        return 0.0
    if not (math.isfinite(got) and math.isfinite(nearest)):
        return math.inf
    with mpmath.workdps(60):
        return float(abs(mpmath.mpf(got) - want) / mpmath.mpf(math.ulp(nearest)))


# Where terms cancel, no formula keeps more digits than those of its terms: errors are measured
# in ulps of the largest of them.
def _terms_of_a_sum(row):
    return lambda *x: MPMATH[row](*split(TABLE[row], [abs(mpmath.mpf(each)) for each in x]))


VALUE_TERMS = {
    **{name: _terms_of_a_sum(name) for name in ("sum", "mean", "dot", "affine")},
    "log_total": lambda *x: 1,  # the logarithm of a sum near 1
}


# The array reading of these has no long way round where the logarithm is near 0.
ARRAY_TERMS = {
    **VALUE_TERMS,
    "logsumexp": lambda *x: max(map(abs, x)),
    "logaddexp": lambda *x: max(map(abs, x)),
}


def value_ulps(row, point, value, all_terms=VALUE_TERMS):
    """The ulps allowed for the value: 2, but for what is said above."""
    terms = all_terms.get(row.name)
    value = abs(float(value))
    if terms is None or not math.isfinite(value):
        return 2.0
    with mpmath.workdps(50):
        size = max(abs(float(terms(*map(mpmath.mpf, point)))), value)
    return 2.0 * math.ulp(size) / math.ulp(value) if math.isfinite(size) else 2.0


# -- the columns -----------------------------------------------------------------------------


def test_the_table_is_keyed_by_name():
    assert all(name == row.name for name, row in TABLE.items())
    assert len({id(row) for row in ROWS}) == len(ROWS)


@every_row
def test_a_row_has_every_column(row):
    assert row.name.isidentifier()
    assert row.symbol.strip()
    assert row.symbol.isprintable()
    assert row.doc.strip()
    assert row.doc.rstrip()[-1] == "."
    assert callable(row.scalar)
    assert callable(row.array)
    assert row.binds in (1, 2, 3, 4)
    assert isinstance(row.selects, bool)
    assert repr(row) == f"<op {row.name}>"
    assert row.__name__ == row.name
    assert row.__doc__ == row.doc


@every_row
def test_a_row_has_one_partial_per_argument(row):
    if isinstance(row, ops.SequenceOp):
        assert row.arity is None
        assert callable(row.partials)
    else:
        assert row.arity == len(row.partials)
        assert all(callable(rule) for rule in row.partials)


@every_row
def test_a_row_has_a_domain_with_an_interval_per_argument(row):
    assert len(row.domain) > 0
    if row.arity is not None:
        assert len(row.domain) == row.arity
    assert all(low < high for low, high in row.domain)
    assert all(math.isfinite(end) for interval in row.domain for end in interval)


@every_row
def test_a_row_states_its_kinks(row):
    assert isinstance(row.kinks, tuple)
    for kink in row.kinks:
        assert len(kink.at) == len(kink.partials)
        assert row.arity in (None, len(kink.at))
        assert all(type(each) is float for each in (*kink.at, kink.value, *kink.partials))


@every_row
def test_a_row_is_written_down_once_for_each_oracle_of_these_tests(row, in_torch):
    assert row.name in MPMATH, f"say here what {row.name} is in mpmath"
    if row.name in TABLE:
        assert row.name in in_torch, f"say here what {row.name} is in PyTorch"


def test_the_oracles_know_no_op_that_the_table_lacks(in_torch):
    assert set(in_torch) == set(TABLE)
    assert set(MPMATH) == {row.name for row in ROWS}
    assert set(EXTREMES) | set(RANGES) <= set(MPMATH)


def test_no_factor_has_the_name_of_a_function():
    assert not set(ops.FACTORS) & {*TABLE, *autograd.__all__}
    assert all(name == row.name for name, row in ops.FACTORS.items())


@every_function
def test_a_row_that_is_no_operator_is_exported_under_its_name(row):
    if row.name not in OPERATORS:
        assert row.name in autograd.__all__
        assert callable(getattr(autograd, row.name))


@pytest.mark.parametrize("row", [row for row in FUNCTIONS if row.arity == 1], ids=ids)
def test_a_row_of_one_argument_is_a_method_of_value(row):
    if row.name in ("negative", "positive"):
        return  # these are operators only
    method = getattr(Value, row.name, None)
    assert method is not None, f"Value.{row.name} is missing"
    number = sum(row.domain[0]) / 2.0
    x = Value(number)
    y = method(x)
    assert y.op is row
    assert len(y.parents) == 1
    assert y.parents[0] is x
    assert y.data == row(number)
    assert method.__doc__ == row.doc


# -- LaTeX -----------------------------------------------------------------------------------


class Tex:
    """A formula, with how tightly it binds: the symbol that a LaTeX template formats."""

    def __init__(self, text, binds=4):
        self.text = text
        self.binds = binds

    def __format__(self, spec):
        if spec and self.binds < int(spec):
            return rf"\left({self.text}\right)"
        return self.text

    @classmethod
    def apply_op(cls, row, args):
        render = row.latex.format if isinstance(row.latex, str) else row.latex
        if row.arity is None:
            args = [[cls.of(each) for each in arg] for arg in args]
        else:
            args = [cls.of(each) for each in args]
        return cls(render(*args), row.binds)

    @classmethod
    def of(cls, thing):
        if isinstance(thing, cls):
            return thing
        return cls(format(thing, "g"), 1 if thing < 0 else 4)


def symbols(row):
    return split(row, [Tex(f"x_{{{i}}}") for i in range(len(intervals(row)))])


@every_row
def test_latex_shows_every_argument_and_has_balanced_brackets(row):
    formula = row(*symbols(row))
    assert isinstance(formula, Tex)
    text = formula.text
    for symbol in flatten(row, symbols(row)):
        assert symbol.text in text
    depth = 0
    for sign in text:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    assert text.count(r"\left") == text.count(r"\right")
    assert text.count("(") == text.count(")")


@every_row
def test_latex_is_unambiguous_when_rows_are_nested(row):
    """A sum inside a row stands between brackets of some kind, or at the loose end of a sum."""
    inner = ops.subtract(Tex("a"), Tex("b"))
    loose = ops.negative(Tex("c"))
    n = len(intervals(row))
    for i in range(n):
        for part in (inner, loose):
            point = [Tex(f"x_{{{j}}}") for j in range(n)]
            point[i] = part
            text = call(row, point).text
            at = text.index(part.text)
            before, after = text[:at], text[at + len(part.text) :]
            enclosed = before.endswith(("(", "{", r"\left|", r"\lfloor ", ", ")) and (
                after.startswith((r"\right", ")", "}", ","))
            )
            first_of_a_sum = row.binds == 1 and not before
            term_of_a_sum = row.binds == 1 and before.endswith("+ ")
            assert enclosed or first_of_a_sum or term_of_a_sum or r"\text{if}" in text, text


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (lambda a, b, c: ops.multiply(ops.add(a, b), c), r"\left(a + b\right) \cdot c"),
        (lambda a, b, c: ops.add(ops.multiply(a, b), c), r"a \cdot b + c"),
        (lambda a, b, c: ops.subtract(a, ops.subtract(b, c)), r"a - \left(b - c\right)"),
        (lambda a, b, c: ops.subtract(ops.subtract(a, b), c), r"a - b - c"),
        (lambda a, b, c: ops.power(ops.add(a, b), c), r"\left(a + b\right)^{c}"),
        (lambda a, b, c: ops.power(ops.power(a, b), c), r"\left(a^{b}\right)^{c}"),
        (lambda a, b, c: ops.power(a, ops.add(b, c)), r"a^{b + c}"),
        (lambda a, b, c: ops.square(ops.negative(a)), r"\left(-a\right)^{2}"),
        (lambda a, b, c: ops.negative(ops.add(a, b)), r"-\left(a + b\right)"),
        (lambda a, b, c: ops.divide(ops.add(a, b), c), r"\frac{a + b}{c}"),
        (lambda a, b, c: ops.multiply(a, ops.multiply(b, c)), r"a \cdot \left(b \cdot c\right)"),
        (lambda a, b, c: ops.dot([a, ops.add(a, b)], [b, c]),
         r"a \cdot b + \left(a + b\right) \cdot c"),
        (lambda a, b, c: ops.multiply(ops.total([a, b]), c), r"\left(a + b\right) \cdot c"),
        (lambda a, b, c: ops.sigmoid(ops.affine([a], [b], [c])),
         r"\sigma\left(a \cdot b + c\right)"),
    ],
)  # fmt: skip
def test_latex_puts_parentheses_where_they_are_needed_only(formula, text):
    assert formula(Tex("a"), Tex("b"), Tex("c")).text == text


def test_the_page_of_the_op_table_is_what_its_script_prints():
    page = Path(autograd.__file__).with_name("OPS.md").read_text(encoding="utf-8")
    assert page == ops_table.page(), "print it anew: python -m autograd.ops_table > autograd/OPS.md"
    for row in ROWS:
        assert f"| `{row.name}` |" in page


def test_the_rules_can_be_read_with_symbols():
    x = ops_table.Symbol("x")
    assert ops.sigmoid.first(None, x).text == r"\sigma\left(x\right) \cdot \sigma\left(-x\right)"
    assert ops.relu.first(None, x).text == r"1 - \left[x \le 0\right]"
    assert ops.erf.first(None, x).text == r"\frac{2}{\sqrt{\pi}} \cdot e^{-1 \cdot x^{2}}"


# -- the readings agree ----------------------------------------------------------------------


@every_row
def test_scalars_and_arrays_agree(row):
    points = samples(row)
    columns = [np.array(column) for column in zip(*points, strict=True)]
    batch = row(*split(row, columns))
    assert isinstance(batch, np.ndarray)
    assert batch.dtype == np.float64
    assert batch.shape == (len(points),)
    for point, got in zip(points, batch, strict=True):
        y = call(row, point)
        assert type(y) is float
        assert ulps(float(got), mpmath.mpf(y)) <= value_ulps(row, point, y, ARRAY_TERMS)


@pytest.mark.parametrize(("row", "point"), EXTREME_POINTS)
def test_scalars_and_arrays_agree_far_out(row, point):
    y = call(row, point)
    got = call(row, [np.array([each]) for each in point])
    assert ulps(float(got[0]), mpmath.mpf(y)) <= value_ulps(row, point, y, ARRAY_TERMS)


@every_kink
def test_scalars_and_arrays_agree_at_kinks(row, kink):
    assert same(call(row, kink.at), kink.value)
    got = call(row, [np.array([each]) for each in kink.at])
    assert same(float(got[0]), kink.value)


@every_row
def test_a_value_holds_the_number_of_the_scalar_reading(row):
    for point in samples(row):
        y, _ = through_backward(row, point)
        assert y.data == call(row, point)
        assert y.op is row


@every_row
def test_a_recorded_node_tells_its_arguments_and_its_partials(row):
    for point in samples(row, n=4):
        y, grads = through_backward(row, point)
        assert y.args == tuple(point)
        assert list(y.partials) == grads
        assert all(type(partial) is float for partial in y.partials)


@every_row
def test_partials_of_arrays_are_the_partials_of_floats_elementwise(row):
    points = samples(row)
    columns = [np.array(column) for column in zip(*points, strict=True)]
    args = split(row, columns)
    slopes = [np.broadcast_to(each, len(points)) for each in rules(row, row(*args), args)]
    for k, point in enumerate(points):
        want = rules(row, call(row, point), split(row, point))
        for got, partial in zip(slopes, want, strict=True):
            assert ulps(float(got[k]), mpmath.mpf(partial)) <= 4


@every_row
def test_partials_of_values_are_a_graph_with_the_numbers_of_floats(row):
    for point in samples(row):
        leaves = [Value(each) for each in point]
        args = split(row, leaves)
        y = row(*args)
        graphs = rules(row, y, args)
        want = rules(row, call(row, point), split(row, point))
        assert [float(graph) for graph in graphs] == [float(each) for each in want]


@every_row
def test_second_derivatives_come_out_of_the_same_rules(row):
    f = MPMATH[row.name]
    for point in samples(row, n=3, corners=False):
        leaves = [Value(each) for each in point]
        args = split(row, leaves)
        graphs = rules(row, row(*args), args)
        for i, graph in enumerate(graphs):
            for leaf in leaves:
                leaf.zero_grad()
            if isinstance(graph, Value) and graph.requires_grad:
                graph.backward()
            for j, leaf in enumerate(leaves):
                order = [0] * len(point)
                order[i] += 1
                order[j] += 1
                with mpmath.workdps(50):
                    want = mpmath.diff(lambda *x: f(*split(row, x)), point, tuple(order))
                assert leaf.grad == pytest.approx(float(want), rel=1e-11, abs=1e-11)


@every_row
def test_third_derivatives_come_out_of_the_same_rules(row):
    f = MPMATH[row.name]
    for point in samples(row, n=2, corners=False):
        for i in range(len(point)):

            def along(x, i=i, point=point):
                return call(row, [*point[:i], x, *point[i + 1 :]])

            def exactly(x, i=i, point=point):
                return f(*split(row, [*map(mpmath.mpf, point[:i]), x, *point[i + 1 :]]))

            got = autograd.grad(autograd.grad(autograd.grad(along)))(point[i])
            with mpmath.workdps(60):
                want = mpmath.diff(exactly, point[i], 3)
            assert got == pytest.approx(float(want), rel=1e-10, abs=1e-12), point


@every_row
def test_forward_mode_pushes_the_same_partials(row):
    for point in samples(row, n=2):
        tangent = [0.5 + i for i in range(len(point))]
        y, rate = autograd.jvp(row, tuple(split(row, list(point))), tuple(split(row, tangent)))
        _, grads = through_backward(row, point)
        assert y == call(row, point)
        assert rate == pytest.approx(math.fsum(map(operator.mul, grads, tangent)), rel=1e-14)


@every_row
def test_a_row_passes_the_check_by_finite_differences_to_second_order(row):
    for point in samples(row, n=1, corners=False):
        assert autograd.gradcheck(row, *split(row, list(point)), order=2)


# -- the partials are right ------------------------------------------------------------------


def richardson(f, x, h=2e-3):
    """f'(x) by central differences, extrapolated twice: O(h⁶)."""

    def central(step):
        return (f(x + step) - f(x - step)) / (2.0 * step)

    one, two, four = central(h), central(h / 2.0), central(h / 4.0)
    first, second = (4.0 * two - one) / 3.0, (4.0 * four - two) / 3.0
    return (16.0 * second - first) / 15.0


@every_row
def test_partials_agree_with_central_differences(row):
    box = intervals(row)
    for point in samples(row, corners=False):
        # Inside the domain by the width of the stencil.
        inside = [
            min(max(each, low + 3e-3), high - 3e-3)
            for each, (low, high) in zip(point, box, strict=True)
        ]
        _, grads = through_backward(row, inside)
        for i, grad in enumerate(grads):

            def along(x, i=i, inside=inside):
                return call(row, [*inside[:i], x, *inside[i + 1 :]])

            assert grad == pytest.approx(richardson(along, inside[i]), rel=1e-9, abs=1e-9)


@every_row
def test_the_value_changes_by_the_integral_of_the_partials_over_the_whole_domain(row):
    """So the domain holds no jump, and no kink is taken for a smooth point."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    points = samples(row, n=12)
    for start, end in itertools.pairwise(points):
        direction = [b - a for a, b in zip(start, end, strict=True)]
        integral = 0.0
        for node, weight in zip((nodes + 1.0) / 2.0, weights / 2.0, strict=True):
            _, grads = through_backward(
                row, [a + float(node) * d for a, d in zip(start, direction, strict=True)]
            )
            integral += float(weight) * math.fsum(
                grad * d for grad, d in zip(grads, direction, strict=True)
            )
        change = call(row, end) - call(row, start)
        assert change == pytest.approx(integral, rel=1e-8, abs=1e-8), (start, end)


def assert_right_to_two_ulps(row, point, digits):
    value, partials = exact(row, point, digits)
    y, grads = through_backward(row, point)
    assert ulps(y.data, value) <= value_ulps(row, point, value), point
    if row.name in TABLE:  # the partials of factors are second derivatives
        for grad, partial in zip(grads, partials, strict=True):
            assert ulps(grad, partial) <= 2.0, point


@every_row
def test_values_and_partials_are_within_two_ulps_of_mpmath_over_the_domain(row):
    for point in samples(row):
        assert_right_to_two_ulps(row, point, digits=50)


@pytest.mark.parametrize(("row", "point"), EXTREME_POINTS)
def test_values_and_partials_are_within_two_ulps_of_mpmath_far_out(row, point):
    assert_right_to_two_ulps(row, point, digits=1500)


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in RANGES], ids=ids)
def test_values_and_partials_are_within_two_ulps_of_mpmath_over_wide_ranges(row):
    rng = random.Random(row.name)
    n = len(intervals(row))
    for ranges in RANGES[row.name]:
        draws = ranges if isinstance(ranges, tuple) else (ranges,) * n
        for _ in range(12):
            assert_right_to_two_ulps(row, tuple(draw(rng) for draw in draws), digits=700)


@pytest.mark.parametrize(
    ("row", "point", "value", "partials"),
    [
        ("exp", (1000.0,), math.inf, (math.inf,)),
        ("exp", (-1000.0,), 0.0, (0.0,)),
        ("log", (5e-324,), math.log(5e-324), (math.inf,)),
        ("tanh", (1000.0,), 1.0, (0.0,)),
        ("tanh", (-1000.0,), -1.0, (0.0,)),
        ("sigmoid", (1000.0,), 1.0, (0.0,)),
        ("sigmoid", (-1000.0,), 0.0, (0.0,)),
        ("softplus", (1000.0,), 1000.0, (1.0,)),
        ("softplus", (-1000.0,), 0.0, (0.0,)),
        ("sinh", (-1000.0,), -math.inf, (math.inf,)),
        ("power", (1e200, 2.0), math.inf, (2e200, math.inf)),
        ("logsumexp", (math.inf, 0.0), math.inf, (math.nan, 0.0)),
        ("logsumexp", (-math.inf, -math.inf), -math.inf, (math.nan, math.nan)),
    ],
)
def test_overflow_gives_what_ieee_arithmetic_gives(row, point, value, partials):
    y, grads = through_backward(TABLE[row], point)
    assert same(y.data, value)
    assert all(same(a, b) for a, b in zip(grads, partials, strict=True)), grads


@every_row
def test_an_argument_that_is_nan_gives_nan(row):
    if row.name == "where":
        return  # it depends on one of its arguments only
    box = intervals(row)
    for i in range(len(box)):
        point = [high for _, high in box]
        point[i] = math.nan
        assert math.isnan(call(row, point))
        assert math.isnan(through_backward(row, point)[0].data)
        assert math.isnan(call(row, [np.array([each]) for each in point])[0])


def test_where_gives_nan_where_it_takes_it_only():
    assert math.isnan(ops.where(1.0, math.nan, 2.0))
    assert ops.where(0.0, math.nan, 2.0) == 2.0


# -- kinks, and PyTorch ----------------------------------------------------------------------


def by_torch(in_torch, row, point):
    torch = pytest.importorskip("torch")
    leaves = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in point]
    y = in_torch[row.name](torch, *split(row, leaves))
    if not y.requires_grad:
        return y.item(), [0.0] * len(leaves)
    grads = torch.autograd.grad(y, leaves, allow_unused=True)
    return y.item(), [0.0 if grad is None else grad.item() for grad in grads]


def alike(a, b):
    """The same, but for the last bit."""
    return same(a, b) or math.isclose(a, b, rel_tol=3e-16)


@every_kink
def test_a_value_follows_the_convention_at_a_kink(row, kink):
    y, grads = through_backward(row, kink.at)
    assert same(y.data, kink.value)
    assert all(same(a, b) for a, b in zip(grads, kink.partials, strict=True)), grads


# An argument that is nan gives nan here, and sign is the slope of absolute.
NOT_AS_IN_TORCH = {
    ("sign", "(nan,)"): "PyTorch says sign(nan) is 0",
    ("absolute", "(nan,)"): "PyTorch says the slope of |x| at nan is 0",
}


@pytest.mark.parametrize(
    ("row", "kink"), [(row, kink) for row, kink in KINKS if row.name in TABLE], ids=ids
)
def test_the_convention_at_a_kink_is_that_of_pytorch(row, kink, in_torch):
    value, grads = by_torch(in_torch, row, kink.at)
    agrees = alike(value, kink.value) and all(map(alike, grads, kink.partials))
    if (row.name, repr(kink.at)) in NOT_AS_IN_TORCH:
        assert not agrees  # else this exception can go
    else:
        assert agrees, (value, grads)


# Points that no row has to list as kinks, though PyTorch has an answer of its own there.
EDGES = [
    ("absolute", (-0.0,)), ("relu", (-0.0,)), ("relu", (math.inf,)), ("relu", (-math.inf,)),
    ("log", (math.inf,)), ("sqrt", (math.inf,)), ("exp", (math.inf,)), ("exp", (-math.inf,)),
    ("tanh", (math.inf,)), ("sigmoid", (math.inf,)), ("sigmoid", (-math.inf,)),
    ("softplus", (-math.inf,)), ("maximum", (0.0, -0.0)), ("minimum", (math.inf, math.inf)),
    ("maximum", (1.0, math.nan)), ("minimum", (1.0, math.nan)),
    ("divide", (math.inf, math.inf)), ("divide", (1.0, -0.0)), ("divide", (0.0, 5.0)),
    ("remainder", (-7.0, 3.0)), ("remainder", (7.0, -3.0)), ("remainder", (-7.5, -3.0)),
    ("floor_divide", (-7.0, 2.0)), ("floor_divide", (-1.0, 0.0)),
    ("power", (-2.0, 2.0)), ("power", (-2.0, -1.0)), ("power", (0.0, -0.5)),
    ("power", (math.inf, 0.0)), ("power", (1.0, math.inf)), ("power", (0.5, math.inf)),
    ("power", (0.0, 3.0)), ("power", (-0.0, 3.0)), ("power", (2.0, math.nan)),
    ("where", (math.nan, 1.0, 2.0)), ("where", (-1.0, 1.0, 2.0)),
    ("cosh", (0.0,)), ("square", (0.0,)), ("sign", (-0.0,)),
    ("reciprocal", (-0.0,)), ("reciprocal", (math.inf,)), ("square", (math.inf,)),
    ("expm1", (math.inf,)), ("expm1", (-math.inf,)), ("log1p", (math.inf,)),
    ("log2", (math.inf,)), ("log10", (math.inf,)), ("cbrt", (math.inf,)), ("cbrt", (-math.inf,)),
    ("sin", (math.inf,)), ("cos", (math.inf,)), ("tan", (math.inf,)),
    ("arctan", (math.inf,)), ("arctan", (-math.inf,)), ("sinh", (-math.inf,)),
    ("cosh", (-math.inf,)), ("arcsinh", (math.inf,)), ("arcsinh", (-math.inf,)),
    ("arccosh", (math.inf,)), ("arctanh", (math.inf,)), ("erf", (math.inf,)),
    ("erf", (-math.inf,)), ("log_sigmoid", (math.inf,)), ("log_sigmoid", (-math.inf,)),
    ("gelu", (0.0,)), ("gelu", (math.inf,)), ("gelu", (-math.inf,)), ("gelu", (-1000.0,)),
    ("silu", (0.0,)), ("silu", (math.inf,)), ("silu", (-math.inf,)), ("silu", (-1000.0,)),
    ("elu", (math.inf, 1.0)), ("elu", (-math.inf, 1.0)), ("elu", (-1.0, 2.0)),
    ("leaky_relu", (math.inf, 0.1)), ("leaky_relu", (-math.inf, 0.1)),
    ("arctan2", (-0.0, 0.0)), ("arctan2", (0.0, -0.0)), ("arctan2", (0.0, 1.0)),
    ("hypot", (1e300, 1e300)), ("hypot", (3.0, 0.0)), ("logaddexp", (0.0, math.inf)),
    ("logaddexp", (math.inf, math.inf)), ("logaddexp", (0.0, 1000.0)),
    ("logsumexp", (math.inf, math.inf)), ("prod", (math.inf, 0.0)), ("prod", (2.0, 0.0, 3.0)),
    ("norm", (0.0,)), ("norm", (3.0, 4.0)), ("norm", (math.nan, 1.0)), ("mean", (math.inf, 1.0)),
    ("clip", (0.5, 0.5, 0.5)), ("clip", (1.0, 1.0, 0.0)), ("clip", (0.0, 1.0, 0.0)),
    ("clip", (-1.0, 0.0, 0.0)), ("clip", (0.5, math.nan, 1.0)), ("clip", (0.5, 0.0, math.nan)),
    ("clip", (2.0, 1.0, math.inf)), ("clip", (2.0, -math.inf, 1.0)),
    ("floor", (-0.5,)), ("floor", (math.inf,)), ("ceil", (-0.5,)), ("ceil", (math.inf,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "point"), EDGES)
def test_edges_of_the_floats_are_as_in_pytorch(name, point, in_torch):
    row = TABLE[name]
    value, want = by_torch(in_torch, row, point)
    y, grads = through_backward(row, point)
    assert same(y.data, value)
    assert all(map(same, grads, want)), (grads, want)


@every_function
def test_a_row_agrees_with_pytorch_over_its_domain(row, in_torch):
    for point in samples(row, n=4):
        value, want = by_torch(in_torch, row, point)
        y, grads = through_backward(row, point)
        assert y.data == pytest.approx(value, rel=1e-14, abs=1e-14)
        assert grads == pytest.approx(want, rel=1e-13, abs=1e-14)


# -- where the textbook's formulas fail ------------------------------------------------------


@pytest.mark.parametrize("function", [autograd.softmax, autograd.log_softmax])
@pytest.mark.parametrize(
    "logits",
    [
        (1000.0, 999.0, 0.0), (-1000.0, -1000.5, -1001.0), (1e5, 1e5 - 1.3, 99_990.0),
        (0.0, -40.0, -700.3), (3.7, 700.1, 699.9), (0.1, 0.2, 0.3), (40.0, 0.0, -40.0),
    ],
)  # fmt: skip
def test_softmax_and_its_logarithm_are_right_for_any_logits(function, logits):
    with mpmath.workdps(1000):
        whole = mpmath.fsum(map(mpmath.exp, logits))
        shares = [mpmath.exp(each) / whole for each in logits]
        want = shares if function is autograd.softmax else [mpmath.log(each) for each in shares]
        for kind in (float, Value, lambda x: np.array([x])):
            for y, exactly in zip(function([kind(x) for x in logits]), want, strict=True):
                number = y.data if isinstance(y, Value) else float(np.ravel(y)[0])
                assert ulps(number, exactly) <= 3.0


@pytest.mark.parametrize("logits", [(1000.0, 999.0, 0.0), (0.1, -0.2, 0.3), (5.0, 5.0, 5.0)])
def test_the_jacobian_of_softmax_is_right_for_any_logits(logits):
    p = np.array(autograd.softmax(list(logits)))
    jacobian = autograd.jacobian(autograd.softmax)(np.array(logits))
    np.testing.assert_allclose(jacobian, np.diag(p) - np.outer(p, p), atol=1e-15)
    jacobian = autograd.jacobian(autograd.log_softmax)(np.array(logits))
    np.testing.assert_allclose(jacobian, np.eye(3) - p, atol=1e-15)


def test_softmax_passes_the_check_by_finite_differences_to_second_order():
    for function in (autograd.softmax, autograd.log_softmax):
        assert autograd.gradcheck(function, [0.3, -0.7, 1.1], order=2)
        assert autograd.gradcheck(function, [0.5, 0.5], order=2)


@pytest.mark.parametrize("function", [autograd.softmax, autograd.log_softmax])
@pytest.mark.parametrize(
    "logits",
    [(math.inf, 0.0), (-math.inf, -math.inf), (-math.inf, 0.0), (0.0, math.inf), (math.nan, 0.0)],
)
def test_softmax_of_infinities_is_that_of_pytorch(function, logits):
    torch = pytest.importorskip("torch")
    in_torch = getattr(torch, function.__name__)
    want = in_torch(torch.tensor(logits, dtype=torch.float64), 0).tolist()
    for got in (function(list(logits)), [y.data for y in function([Value(x) for x in logits])]):
        assert all(map(same, got, want)), got


def test_softmax_keeps_the_kind_and_shape_of_its_argument():
    assert autograd.softmax([0.0, 0.0]) == [0.5, 0.5]
    assert autograd.softmax((1, 1)) == [0.5, 0.5]
    assert autograd.softmax([]) == []
    assert autograd.softmax(np.zeros((2, 2))).tolist() == [[0.25, 0.25], [0.25, 0.25]]
    nodes = np.vectorize(Value, otypes=[object])(np.zeros((2, 2)))
    p = autograd.softmax(nodes)
    assert p.shape == (2, 2)
    p[0, 0].backward()
    assert [node.grad for node in nodes.ravel()] == [0.1875, -0.0625, -0.0625, -0.0625]


NAMED = [
    ("sigmoid", (-1000.0,)), ("tanh", (20.0,)), ("log1p", (1e-20,)), ("expm1", (1e-20,)),
    ("softplus", (-50.0,)), ("log_sigmoid", (-50.0,)), ("log_sigmoid", (50.0,)),
    ("hypot", (1e300, 1e300)), ("hypot", (1e-300, 1e-300)), ("norm", (1e300, 1e300)),
    ("arctan2", (1e300, 1e300)), ("arctan2", (1e-300, 1e-300)), ("arccosh", (1.0 + 2**-52,)),
    ("logaddexp", (1000.0, 1000.0)), ("logaddexp", (-1000.0, -1000.0)), ("gelu", (-30.0,)),
    ("erf", (6.0,)), ("power", (1e-300, 0.3)), ("power", (1e300, -0.9)), ("power", (5e-324, 0.5)),
    ("logsumexp", (1000.0, 1000.0)), ("logsumexp", (-1000.0, -1234.5)), ("mean", (1e308, 1e308)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "point"), NAMED)
def test_arrays_too_neither_overflow_nor_cancel(name, point):
    row = TABLE[name]
    value, partials = exact(row, point, 1500)
    args = split(row, [np.array([each]) for each in point])
    y = row(*args)
    assert ulps(float(y[0]), value) <= max(4.0, value_ulps(row, point, value, ARRAY_TERMS))
    for got, partial in zip(rules(row, y, args), partials, strict=True):
        assert ulps(float(np.ravel(got)[0]), partial) <= 4.0


# -- arguments that may be left out ----------------------------------------------------------


@pytest.mark.parametrize(("name", "option"), [("leaky_relu", "negative_slope"), ("elu", "alpha")])
def test_an_option_is_given_by_position_or_by_name_or_left_out(name, option):
    function, default = getattr(autograd, name), {"leaky_relu": 0.01, "elu": 1.0}[name]
    assert function is TABLE[name]
    for x in (-2.0, Value(-2.0), np.array([-2.0])):
        want = float(np.ravel(function(-2.0, 0.25))[0])
        for y in (function(x, 0.25), function(x, **{option: 0.25})):
            assert float(np.ravel(y)[0]) == want
        assert float(np.ravel(function(x))[0]) == function(-2.0, default)
    x = Value(-2.0)
    assert getattr(x, name)(**{option: 0.25}).data == function(-2.0, 0.25)
    assert getattr(x, name)(0.25).data == function(-2.0, 0.25)
    y = getattr(x, name)()
    y.backward()
    assert x.grad == TABLE[name].slopes(y.data, (-2.0, default))[0]


@pytest.mark.parametrize(
    ("args", "options"),
    [
        ((), {}), ((1.0, 0.1, 0.2), {}), ((1.0,), {"slope": 0.1}), ((), {"negative_slope": 0.1}),
        ((1.0, 0.1), {"negative_slope": 0.1}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [float, Value])
def test_wrong_options_are_refused_with_the_right_ones(args, options, kind):
    with pytest.raises(TypeError, match=r"leaky_relu\(\) takes 1 arguments and negative_slope"):
        autograd.leaky_relu(*map(kind, args), **options)


def test_a_function_without_options_refuses_any():
    with pytest.raises(TypeError, match=r"tanh\(\) takes 1 arguments, but got 1, alpha="):
        autograd.tanh(1.0, alpha=2.0)


def test_clip_and_where_are_methods_as_in_numpy_and_pytorch():
    x = Value(0.5)
    for y in (x.clip(0.0, 1.0), np.clip(x, 0.0, 1.0), x.clip(None, 1.0), np.clip(x, 0.0, None)):
        assert y.op is ops.clip
        assert y.data == 0.5
    y = x.clip(1, 2) * 3.0 + x.where(x > 0.0, 7.0) * 5.0
    assert y.data == 5.5
    y.backward()
    assert x.grad == 5.0
    assert x.where(x > 1.0, 7.0).data == 7.0


def test_where_of_numpy_picks_the_nodes_themselves():
    x, y = Value(1.0), Value(2.0)
    assert np.where(x > 0.0, x, y).item() is x
    array = np.array([x, y])
    picked = np.where(array > 1.5, array, 0.0)
    assert picked[0] == 0.0
    assert picked[1] is y


# -- rows as objects -------------------------------------------------------------------------


@every_row
def test_a_row_is_pickled_and_copied_as_itself(row):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(row, protocol)) is row
    assert copy.copy(row) is row
    assert copy.deepcopy(row) is row
    assert copy.deepcopy({"op": [row]})["op"][0] is row


@every_row
def test_a_row_cannot_be_changed(row):
    with pytest.raises(AttributeError, match="name"):
        row.name = "other"


REFUSED = [
    "2.0", b"2", None, 1j, np.complex128(1j), np.complex64(1j), np.str_("2"), object(),
    np.datetime64("2020-01-01"), {1.0: 2.0},
]  # fmt: skip


@pytest.mark.parametrize("thing", REFUSED, ids=lambda thing: type(thing).__name__)
def test_rows_refuse_what_is_no_number_and_name_themselves(thing):
    for row in ROWS:
        n = len(intervals(row))
        for i in range(n):
            point = [0.5] * n
            point[i] = thing
            with pytest.raises(TypeError, match=rf"\b{row.name}\(\)"):
                call(row, point)


@pytest.mark.parametrize("thing", ["2.0", None, 1j], ids=repr)
def test_rows_refuse_what_is_no_number_beside_a_value_too(thing):
    for row in ROWS:
        n = len(intervals(row))
        for i in range(n if n > 1 else 0):
            point = [Value(0.5) for _ in range(n)]
            point[i] = thing
            with pytest.raises(TypeError, match=rf"got {type(thing).__name__} "):
                call(row, point)


@pytest.mark.parametrize("row", [row for row in ROWS if row.arity is not None], ids=ids)
@pytest.mark.parametrize(
    "kind", [float, Value, lambda x: np.array([x])], ids=["float", "Value", "array"]
)
def test_a_row_refuses_too_few_and_too_many_arguments(row, kind):
    for n in {0, row.arity - len(row.options) - 1, row.arity + 1}:
        if n or kind is float:
            with pytest.raises(TypeError, match="argument"):
                row(*[kind(0.5)] * n)


NUMBERS = [int, bool, np.bool_, np.int8, np.uint64, np.float16, np.float32, np.float64, Fraction]


@every_row
def test_numbers_of_every_kind_are_read_as_doubles(row):
    n = len(intervals(row))
    want = call(row, [1.0] * n)
    for kind in NUMBERS:
        y = call(row, [kind(1)] * n)
        assert isinstance(y, float), kind
        assert y == want, kind


@every_row
def test_arrays_of_integers_and_bools_are_read_as_doubles(row):
    n = len(intervals(row))
    want = [call(row, [1.0] * n)] * 2
    for dtype in (np.int64, np.int8, np.uint8, np.bool_):
        got = call(row, [np.array([1, 1], dtype=dtype)] * n)
        assert got.dtype == np.float64, dtype
        assert got.tolist() == pytest.approx(want, rel=1e-15), dtype


def test_an_array_of_integers_divides_and_is_raised_as_doubles():
    two, zero = np.array([2]), np.array([0])
    assert ops.power(two, -1).tolist() == [0.5]
    assert ops.power(np.int64(2), np.int64(-1)) == 0.5
    assert ops.floor_divide(two, zero).tolist() == [math.inf]
    assert math.isnan(ops.remainder(two, zero)[0])


@every_row
def test_arrays_of_values_give_arrays_of_nodes(row):
    n = len(intervals(row))
    points = samples(row, n=2, corners=False)
    columns = []
    for column in zip(*points, strict=True):
        array = np.empty(2, dtype=object)
        array[:] = [Value(each) for each in column]
        columns.append(array)
    if row.arity is None:
        return  # an array is a sequence there
    got = row(*columns)
    assert got.shape == (2,)
    for k, point in enumerate(points):
        assert got[k].data == row(*point)
        assert got[k].op is row
        assert len(got[k].parents) == n


@pytest.mark.parametrize("name", ["sum", "logsumexp"])
def test_an_array_is_the_flat_sequence_of_its_elements(name):
    row = TABLE[name]
    array = np.arange(6.0).reshape(2, 3)
    assert row(array) == row(list(range(6)))
    nodes = np.vectorize(Value, otypes=[object])(array)
    y = row(nodes)
    assert y.data == row(array)
    assert len(y.parents) == 6


def test_sequences_may_come_as_any_iterable():
    assert ops.total(x for x in (1.0, 2.0)) == 3.0
    assert ops.dot(iter([1.0, 2.0]), (3.0, 4.0)) == 11.0
    assert ops.total(Value(x) for x in (1.0, 2.0)).data == 3.0


def test_sequences_may_be_empty():
    assert math.isnan(ops.mean([]))
    assert ops.prod([]) == 1.0
    assert ops.norm([]) == 0.0
    assert ops.total([]) == 0.0
    assert ops.dot([], []) == 0.0
    assert ops.logsumexp([]) == -math.inf
    assert ops.affine([], [], []) == 0.0


@pytest.mark.parametrize(
    "kind", [float, Value, lambda x: np.array([x])], ids=["float", "Value", "array"]
)
@pytest.mark.parametrize("name", ["dot", "affine"])
def test_sequences_of_unequal_length_are_refused(name, kind):
    rest = [[]] if name == "affine" else []
    with pytest.raises(ValueError, match=rf"{name}\(\) .* 2 weights and 3 inputs"):
        TABLE[name]([kind(1.0)] * 2, [kind(1.0)] * 3, *rest)


def test_rows_warn_of_nothing_and_raise_nothing_on_any_double(recwarn):
    extremes = [0.0, -0.0, 1.0, -1.0, 1e308, -1e308, 5e-324, math.inf, -math.inf, math.nan]
    for row in ROWS:
        n = len(inspect.signature(row.scalar).parameters) if row.arity is None else row.arity
        for point in itertools.product(extremes, repeat=min(n, 2)):
            rest = [1.0] * (n - len(point))
            args = [list(point)] * n if row.arity is None else [*point, *rest]
            row(*args)
            leaves = [[Value(x) for x in arg] if row.arity is None else Value(arg) for arg in args]
            row(*leaves).backward()
    assert not recwarn.list
