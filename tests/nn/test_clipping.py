"""Gradient clipping against torch.nn.utils, and what it leaves alone."""

import math

import numpy as np
import pytest

import nn
from autograd import Value
from nn.clipping import clipped_by_norm, clipped_by_value

GRADS = [
    [3.0, -4.0],
    [0.0, 0.0],
    [1e-3, 2e-3, -1e-3],
    np.random.default_rng(0).normal(size=20).tolist(),
]
NORMS = [1.0, 2.0, 3.0, 0.5, math.inf]


def with_grads(grads):
    parameters = [Value(1.0) for _ in grads]
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = grad
    return parameters


def grads(parameters):
    return [parameter.grad for parameter in parameters]


def tensors(torch, each):
    parameters = [torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in each]
    for parameter, grad in zip(parameters, each, strict=True):
        parameter.grad = torch.tensor([grad], dtype=torch.float64)
    return parameters


@pytest.mark.parametrize("each", GRADS, ids=len)
@pytest.mark.parametrize("norm_type", NORMS)
@pytest.mark.parametrize("max_norm", [0.0, 0.1, 1.0, 100.0])
def test_clipping_by_norm_is_that_of_torch(each, norm_type, max_norm):
    torch = pytest.importorskip("torch")
    ours, theirs = with_grads(each), tensors(torch, each)
    norm = nn.clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert type(norm) is float
    assert norm == pytest.approx(expected.item(), rel=1e-14)
    np.testing.assert_allclose(grads(ours), [t.grad.item() for t in theirs], rtol=1e-14, atol=0)


@pytest.mark.parametrize("each", GRADS, ids=len)
@pytest.mark.parametrize("clip_value", [0.0, 0.0015, 1.0, 3.5])
def test_clipping_by_value_is_that_of_torch(each, clip_value):
    torch = pytest.importorskip("torch")
    ours, theirs = with_grads(each), tensors(torch, each)
    assert nn.clip_grad_value_(ours, clip_value) is None
    torch.nn.utils.clip_grad_value_(theirs, clip_value)
    assert grads(ours) == [t.grad.item() for t in theirs]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("norm_type", [2.0, math.inf])
def test_gradients_that_are_not_finite_become_what_torch_makes_of_them(bad, norm_type):
    torch = pytest.importorskip("torch")
    each = [1.0, bad, -2.0]
    ours, theirs = with_grads(each), tensors(torch, each)
    norm = nn.clip_grad_norm_(ours, 1.0, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, 1.0, norm_type)
    np.testing.assert_equal(norm, expected.item())
    np.testing.assert_equal(grads(ours), [t.grad.item() for t in theirs])
    nn.clip_grad_value_(ours, 1.0)
    torch.nn.utils.clip_grad_value_(theirs, 1.0)
    np.testing.assert_equal(grads(ours), [t.grad.item() for t in theirs])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_they_are_refused_if_asked_for_and_nothing_changes(bad):
    parameters = with_grads([1.0, bad])
    with pytest.raises(RuntimeError, match=r"the norm of the gradients is (nan|inf)"):
        nn.clip_grad_norm_(parameters, 0.5, error_if_nonfinite=True)
    np.testing.assert_equal(grads(parameters), [1.0, bad])
    finite = with_grads([3.0, 4.0])
    assert nn.clip_grad_norm_(finite, 1.0, error_if_nonfinite=True) == 5.0


def test_the_norm_of_large_and_of_tiny_gradients_neither_overflows_nor_vanishes():
    assert nn.clip_grad_norm_(with_grads([3e200, 4e200]), 1.0) == pytest.approx(5e200, rel=1e-15)
    assert nn.clip_grad_norm_(with_grads([3e-200, 4e-200]), 1.0) == pytest.approx(5e-200, rel=1e-15)


def test_parameters_may_be_an_iterator_an_array_and_one_value():
    parameters = with_grads([3.0, 4.0, 0.0, 0.0])
    assert nn.clip_grad_norm_(iter(parameters), 10.0) == 5.0
    assert nn.clip_grad_norm_(np.array(parameters, dtype=object).reshape(2, 2), 10.0) == 5.0
    assert nn.clip_grad_norm_(parameters[1], 10.0) == 4.0
    assert nn.clip_grad_norm_([], 10.0) == 0.0


def test_frozen_parameters_have_no_part_in_it():
    parameters = with_grads([3.0, 4.0])
    frozen = Value(1.0, requires_grad=False)
    assert nn.clip_grad_norm_([frozen, *parameters], 1.0) == 5.0
    nn.clip_grad_value_([frozen, *parameters], 0.5)
    parameters[0].grad = math.nan
    nn.clip_grad_norm_([frozen, *parameters], 1.0)  # makes every gradient nan that there is
    assert math.isnan(parameters[1].grad)
    assert frozen.grad == 0.0
    assert not frozen.requires_grad


def test_the_data_are_left_alone():
    parameters = with_grads([3.0, 4.0])
    nn.clip_grad_norm_(parameters, 1.0)
    nn.clip_grad_value_(parameters, 0.1)
    assert [parameter.data for parameter in parameters] == [1.0, 1.0]
    assert all(type(grad) is float for grad in grads(parameters))


def test_flat_arrays_are_clipped_alike_and_left_as_they_were():
    grad = np.array([3.0, -4.0])
    grad.flags.writeable = False
    clipped, norm = clipped_by_norm(grad, 1.0)
    parameters = with_grads([3.0, -4.0])
    assert norm == nn.clip_grad_norm_(parameters, 1.0)
    assert clipped.tolist() == grads(parameters)
    assert clipped_by_value(grad, 3.5).tolist() == [3.0, -3.5]


@pytest.mark.parametrize("norm_type", [0.0, -1.0, math.nan])
def test_a_norm_type_that_is_not_positive_is_refused(norm_type):
    with pytest.raises(ValueError, match="norm_type must be above 0, but got"):
        nn.clip_grad_norm_(with_grads([1.0]), 1.0, norm_type)


@pytest.mark.parametrize("limit", [-1.0, math.nan])
def test_a_negative_limit_is_refused(limit):
    with pytest.raises(ValueError, match="max_norm must be at least 0"):
        nn.clip_grad_norm_(with_grads([1.0]), limit)
    with pytest.raises(ValueError, match="clip_value must be at least 0"):
        nn.clip_grad_value_(with_grads([1.0]), limit)


@pytest.mark.parametrize("other", [[1.0], [np.ones(2)], ["w"]], ids=repr)
def test_what_is_no_value_is_refused(other):
    for clip in (nn.clip_grad_norm_, nn.clip_grad_value_):
        with pytest.raises(TypeError, match="gradients of Values are clipped, but got"):
            clip(other, 1.0)
