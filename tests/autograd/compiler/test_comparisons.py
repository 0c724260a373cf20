"""Comparisons of traced numbers are values, so that ``where`` can choose by them."""

import operator

import numpy as np
import pytest

import autograd
from autograd import TraceError, Value, where

COMPARE = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
X = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, np.nan, np.inf])


@pytest.mark.parametrize("compare", COMPARE, ids=lambda compare: compare.__name__)
@pytest.mark.parametrize("bound", [0.5, "w"])
def test_where_chooses_by_a_comparison_as_the_engine_does(compare, bound):
    w = Value(0.5, "w")

    def f(x):
        return where(compare(x, w if bound == "w" else bound), x * w, w * w * 3.0)

    program = autograd.compile(f, in_axes=0)
    values, gradients = program.value_and_grad(X[:5])
    eager = [f(Value(x, requires_grad=False)) for x in X[:5]]
    autograd.sum(eager).backward()
    assert values == sum(each.data for each in eager)
    assert gradients["w"] == w.grad
    np.testing.assert_array_equal(program(X), [f(Value(x)).data for x in X])
    np.testing.assert_array_equal(autograd.compile(f)(0.5), f(Value(0.5)).data)


def test_a_branch_on_a_comparison_names_it_and_says_what_to_do():
    w = Value(2.0, "w")
    with pytest.raises(
        TraceError, match=r"cannot branch on 'x > 0'.*autograd\.where\(x > 0, a, b\)"
    ):
        autograd.compile(lambda x: x * w if x > 0 else w)(1.0)
    with pytest.raises(TraceError, match="cannot branch on 'w > the result of multiply'"):
        autograd.compile(lambda x: max(x * w, w))(1.0)


def test_what_is_no_number_is_compared_as_ever():
    w = Value(2.0, "w")
    program = autograd.compile(lambda x: x * w if x != "nothing" else w)
    assert program(3.0) == 6.0


def test_comparisons_are_numbers_that_can_be_counted():
    def f(x):
        return (x > 0.0) * 1.0 + ((x > 0.25) + (x >= 1.0))

    program = autograd.compile(f, in_axes=0)
    np.testing.assert_array_equal(program(np.array([-1.0, 0.1, 0.5, 1.0])), [0.0, 1.0, 2.0, 3.0])
