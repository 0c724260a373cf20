"""Dropout: how often, how much, seeded, off in evaluation, and honest when compiled."""

import copy
import math

import numpy as np
import pytest

import nn
from autograd import TraceError, Value, compile


def numbers(nodes):
    return [node.data for node in np.ravel(nodes)]


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_each_input_is_dropped_with_probability_p_and_the_others_are_scaled(p):
    out = numbers(nn.Dropout(p, rng=0)([2.0] * 10_000))
    assert set(out) == {0.0, 2.0 / (1.0 - p)}
    dropped = out.count(0.0) / 10_000
    assert abs(dropped - p) < 4.0 * math.sqrt(p * (1 - p) / 10_000)


def test_the_gradient_passes_where_the_input_did_and_with_the_same_factor():
    x = [Value(1.0) for _ in range(50)]
    out = nn.Dropout(0.5, rng=1)(x)
    sum(out).backward()
    assert [each.grad for each in x] == numbers(out)
    assert set(numbers(out)) == {0.0, 2.0}


def test_in_evaluation_it_passes_its_inputs_on():
    dropout, x = nn.Dropout(0.5, rng=0), [Value(1.0), Value(2.0)]
    state = dropout.rng.bit_generator.state
    assert [a is b for a, b in zip(dropout.eval()(x), x, strict=True)] == [True, True]
    assert dropout.rng.bit_generator.state == state
    assert 0.0 in numbers(dropout.train()([1.0] * 50))


def test_the_edges_of_p_drop_nothing_and_everything():
    assert numbers(nn.Dropout(0.0)([1.0, 2.0])) == [1.0, 2.0]
    x = [Value(3.0), Value(-1.0)]
    out = nn.Dropout(1.0)(x)
    assert numbers(out) == [0.0, 0.0]
    sum(out).backward()
    assert [each.grad for each in x] == [0.0, 0.0]


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan, "0.5", None, True])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match="Dropout: p must be a number, from 0 to 1"):
        nn.Dropout(p)


def test_the_same_seed_gives_the_same_masks_and_every_call_a_new_one():
    one, other = nn.Dropout(0.5, rng=3), nn.Dropout(0.5, rng=np.random.default_rng(3))
    first, second = (numbers(one([1.0] * 40)) for _ in range(2))
    assert first != second
    assert [numbers(other([1.0] * 40)) for _ in range(2)] == [first, second]
    assert numbers(nn.Dropout(0.5)([1.0] * 99)) != numbers(nn.Dropout(0.5)([1.0] * 99))


def test_neither_the_global_state_of_numpy_nor_another_module_is_touched():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - the state that is left alone
    one, other = nn.Dropout(0.5, rng=0), nn.Dropout(0.5, rng=0)
    one([1.0] * 9)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert one.rng.bit_generator.state != other.rng.bit_generator.state


def test_a_copy_draws_the_same_masks_on_its_own():
    dropout = nn.Dropout(0.5, rng=0)
    twin = copy.deepcopy(dropout)
    assert numbers(dropout([1.0] * 30)) == numbers(twin([1.0] * 30))


def test_an_image_keeps_its_shape():
    assert nn.Dropout(0.5, rng=0)(np.ones((2, 3, 4))).shape == (2, 3, 4)


def test_in_training_it_refuses_to_be_compiled_and_says_what_to_do():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Dropout(0.5, rng=1))
    state = model[1].rng.bit_generator.state
    program = compile(lambda x: model(x), in_axes=0)
    with pytest.raises(TraceError, match=r"1: Dropout\(p=0\.5\) draws a new mask.*model\.eval\(\)"):
        program(np.ones((4, 2)))
    assert model[1].rng.bit_generator.state == state


def test_a_mask_for_constants_cannot_slip_into_a_program_either():
    dropout, w = nn.Dropout(0.5, rng=1), Value(2.0)
    program = compile(lambda x: [w * x[0] * each for each in dropout([1.0, 2.0])], in_axes=0)
    with pytest.raises(TraceError, match="random numbers"):
        program(np.ones((4, 2)))


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_in_evaluation_it_compiles_and_back_in_training_it_is_refused_again(p):
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Dropout(p, rng=1)).eval()
    program = compile(lambda x: model(x), in_axes=0)
    x = np.array([[1.0, 2.0], [-1.0, 0.5]])
    expected = np.array([numbers(model(row)) for row in x])
    np.testing.assert_allclose(np.transpose(program(x)), expected, rtol=1e-14)
    model.train()
    if 0.0 < p < 1.0:
        with pytest.raises(TraceError, match="draws a new mask"):
            program(x)
    else:
        expected = np.array([numbers(model(row)) for row in x])
        np.testing.assert_allclose(np.transpose(program(x)), expected, rtol=1e-14)
