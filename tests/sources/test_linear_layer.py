"""L, an article on the Linear layer: what flows into a layer from behind, and what it learns.

L writes δ for the derivative by what goes into a layer, δ' for that by what comes out; nothing
here is a derivative by a pre-activation. Its weights are w^i_j, to output i from input j: W[i, j].
"""

from itertools import product

import numpy as np
import pytest

import nn
from autograd import Value

from .by_hand import agree, grads, numbers

SIZES = [(3, 2), (1, 1), (5, 4)]


class Layer:
    """A Linear layer after its backward pass, with o that went in and δ' that came back."""

    def __init__(self, n_in, n_out):
        random = np.random.default_rng(n_in)
        self.W, self.b = random.normal(size=(n_out, n_in)), random.normal(size=n_out)
        self.o, self.incoming = random.normal(size=n_in), random.normal(size=n_out)
        self.layer = nn.Linear(n_in, n_out)
        self.layer.load_state_dict({"weight": self.W, "bias": self.b})
        self.inputs = [Value(each) for each in self.o]
        self.out = self.layer(self.inputs)
        # A sum weighted with δ' sends just δ' back to the outputs.
        flows = zip(self.incoming.tolist(), self.out, strict=True)
        sum(flow * each for flow, each in flows).backward()
        assert grads(self.out).tolist() == self.incoming.tolist()


@pytest.mark.parametrize(("n_in", "n_out"), SIZES)
def test_each_output_is_a_weighted_sum_of_the_inputs_plus_a_bias(n_in, n_out):
    """L, forward: out_i = Σ_j w^i_j x_j + b_i; to←from."""
    run = Layer(n_in, n_out)
    by_hand = []
    for i in range(n_out):
        total = run.b[i]
        for j in range(n_in):
            total += run.W[i, j] * run.o[j]
        by_hand.append(total)
    agree(numbers(run.out), by_hand)


def test_the_flow_to_each_of_three_inputs_comes_from_both_outputs():
    """L, learning flow: δ_j = δ'_1 w^1_j + δ'_2 w^2_j for j = 1, 2, 3; to←from."""
    run = Layer(3, 2)
    by_hand = [run.incoming[0] * run.W[0, j] + run.incoming[1] * run.W[1, j] for j in range(3)]
    agree(grads(run.inputs), by_hand)


def test_through_several_layers_the_flow_is_a_sum_over_all_paths():
    """L, the impact formula: δ_j = Σ over all paths of δ' times the weights on the way; to←from."""
    random = np.random.default_rng(1)
    W = [random.normal(size=shape) for shape in [(4, 3), (2, 4), (3, 2)]]
    incoming = random.normal(size=3)
    layers = [nn.Linear(n_in, n_out, bias=False) for n_in, n_out in [(3, 4), (4, 2), (2, 3)]]
    for layer, weights in zip(layers, W, strict=True):
        layer.load_state_dict({"weight": weights})
    inputs = [Value(each) for each in random.normal(size=3)]
    out = nn.Sequential(*layers)(inputs)
    sum(flow * each for flow, each in zip(incoming.tolist(), out, strict=True)).backward()
    by_hand = np.zeros(3)
    for j, first, second, i in product(range(3), range(4), range(2), range(3)):
        by_hand[j] += incoming[i] * W[2][i, second] * W[1][second, first] * W[0][first, j]
    agree(grads(inputs), by_hand)


@pytest.mark.parametrize(("n_in", "n_out"), SIZES)
def test_each_weight_learns_from_the_flow_behind_it_and_the_input_before_it(n_in, n_out):
    """L: δw^i_j = δ'_i o_j, for all six weights of 3 inputs and 2 outputs; to←from."""
    run = Layer(n_in, n_out)
    by_hand = np.empty((n_out, n_in))
    for i in range(n_out):
        for j in range(n_in):
            by_hand[i, j] = run.incoming[i] * run.o[j]
    agree(grads(run.layer.weight), by_hand)


@pytest.mark.parametrize(("n_in", "n_out"), SIZES)
def test_each_bias_learns_the_flow_itself(n_in, n_out):
    """L: δb_i = δ'_i."""
    run = Layer(n_in, n_out)
    agree(grads(run.layer.bias), run.incoming)


class Example:
    """L's example: three inputs, one output, no bias, then ReLU, then ½ (out - y)²."""

    def __init__(self, w, y):
        self.o, self.w = np.array([1.0, -2.0, 0.5]), np.array(w)
        self.linear = nn.Linear(3, 1, bias=False)
        self.linear.load_state_dict({"weight": self.w[np.newaxis]})
        self.inputs = [Value(each) for each in self.o]
        self.z = self.linear(self.inputs)
        nn.half_squared_error(nn.ReLU()(self.z), y).backward()
        z = self.w[0] * self.o[0] + self.w[1] * self.o[1] + self.w[2] * self.o[2]
        assert z != 0.0
        self.delta3 = z - y if z > 0.0 else 0.0  # ½ (z - y)² where ReLU is open


OPEN, CLOSED = ([3.0, 0.5, 2.0], 0.5), ([-3.0, -0.5, -2.0], 0.5)


def test_the_flow_in_front_of_the_layer_of_the_example_is_that_behind_it_times_the_weights():
    """L, example: δ² = δ³ w², and no flow at all where ReLU is closed; to←from."""
    run = Example(*OPEN)
    agree(grads(run.z), [run.delta3])
    agree(grads(run.inputs), run.delta3 * run.w)
    closed = Example(*CLOSED)
    assert grads([*closed.z, *closed.inputs]).tolist() == [0.0] * 4


def test_the_weights_of_the_example_learn_the_flow_behind_the_layer_times_its_inputs():
    """L, example: δw² = δ³ o¹, and nothing where ReLU is closed; to←from."""
    run = Example(*OPEN)
    agree(grads(run.linear.weight), [run.delta3 * run.o])
    assert grads(Example(*CLOSED).linear.weight).tolist() == [[0.0] * 3]
