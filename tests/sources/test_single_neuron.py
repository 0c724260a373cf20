"""D, an article on networks with a single neuron per layer, all of them sigmoids.

D writes ŷ for the target, which is y here. Its W has a row per destination, as ours; δ is ∂L/∂z.
"""

from math import exp

import numpy as np
import pytest

import nn
from autograd import Value, affine, grad, sigmoid

from .by_hand import SIGMOID, Network, agree, forward, grads, numbers

DEPTHS = pytest.mark.parametrize("depth", [1, 2, 3, 6])


def by_loops(depth):
    """A chain of single neurons, and its w, b and a by hand; a[0] is the input."""
    net = Network([1] * (depth + 1), "sigmoid", seed=depth)
    w, b = [float(W[0, 0]) for W in net.W], [float(each[0]) for each in net.b]
    a = [float(net.x[0])]
    for level in range(depth):
        a.append(1 / (1 + exp(-(w[level] * a[-1] + b[level]))))
    return net, w, a, float(net.y[0])


@pytest.mark.parametrize("sizes", [[3, 4, 2], [1, 1, 1, 1]])
def test_layer_after_layer_the_sigmoid_of_an_affine_map(sizes):
    """D: z^l = W^l a^{l-1} + b^l, a^l = σ(z^l); to←from."""
    net = Network(sizes, "sigmoid")
    a = net.x
    for level in range(net.depth):
        z = net.W[level] @ a + net.b[level]
        a = 1 / (1 + np.exp(-z))
        agree(numbers(net.z_nodes[level]), z)
        agree(numbers(net.a_nodes[level + 1]), a)


def test_the_loss_of_the_article_is_half_the_sum_of_the_squared_errors():
    """D (2): L = ½ Σ (y - a^L)², though it is called MSE there."""
    net = Network([2, 3, 3], "sigmoid")
    _, a = forward(net.W, net.b, net.x, SIGMOID.f)
    agree(net.loss.data, sum((net.y[i] - a[-1][i]) ** 2 for i in range(3)) / 2)


def flattened(layers):
    return np.concatenate([np.ravel(each) for each in layers])


SHAPES = [(3, 2), (2, 3)]


def loss_of_vectors(w, b, x, y):
    """The loss as a function of two vectors, one of all weights and one of all biases."""
    a, used_w, used_b = x, 0, 0
    for n_out, n_in in SHAPES:
        rows = np.reshape(w[used_w : used_w + n_out * n_in], (n_out, n_in))
        a = [sigmoid(z) for z in affine(rows, a, b[used_b : used_b + n_out])]
        used_w, used_b = used_w + n_out * n_in, used_b + n_out
    return nn.half_squared_error(a, y)


def vectors_and_gradients():
    """Two vectors of weights and biases, and the gradients of the loss by them, by hand."""
    random = np.random.default_rng(9)
    W = [random.normal(size=shape) for shape in SHAPES]
    b = [random.normal(size=n_out) for n_out, _ in SHAPES]
    x, y = random.normal(size=2), random.uniform(size=2)
    z, a = forward(W, b, x, SIGMOID.f)
    last = SIGMOID.prime(z[1]) * (a[2] - y)
    first = SIGMOID.prime(z[0]) * (W[1].T @ last)
    by_w = flattened([np.outer(first, a[0]), np.outer(last, a[1])])
    return flattened(W), flattened(b), x, y, by_w, flattened([first, last])


def test_all_weights_make_one_vector_and_all_biases_another_and_so_do_their_gradients():
    """D: w and b flattened, layer after layer; ∂L/∂w and ∂L/∂b in the same order."""
    w, b, x, y, by_w, by_b = vectors_and_gradients()
    engine_w, engine_b = grad(loss_of_vectors, argnums=(0, 1))(w, b, x.tolist(), y)
    agree(engine_w, by_w)
    agree(engine_b, by_b)


def test_the_vectors_step_against_their_gradients():
    """D: w ← w - λ ∂L/∂w, b ← b - λ ∂L/∂b."""
    rate = 0.3
    w, b, x, y, by_w, by_b = vectors_and_gradients()
    w_nodes, b_nodes = [Value(each) for each in w], [Value(each) for each in b]
    loss_of_vectors(w_nodes, b_nodes, x.tolist(), y).backward()
    nn.optim.SGD([*w_nodes, *b_nodes], lr=rate).step()
    agree(numbers(w_nodes), w - rate * by_w)
    agree(numbers(b_nodes), b - rate * by_b)
    agree(-rate * grads([*w_nodes, *b_nodes]), -rate * flattened([by_w, by_b]))


@pytest.mark.parametrize("z", [-30.0, -4.0, -0.5, 0.0, 1.0, 3.0])
def test_the_slope_of_the_sigmoid_is_sigmoid_times_one_minus_sigmoid(z):
    """D: σ' = σ (1 - σ), and also e^-z / (1 + e^-z)²."""
    node = Value(z)
    sigmoid(node).backward()
    value = 1 / (1 + exp(-z))
    agree(node.grad, value * (1 - value))
    agree(node.grad, exp(-z) / (1 + exp(-z)) ** 2)


@DEPTHS
def test_the_last_weight_learns_input_times_error_times_slope(depth):
    """D (7)-(16): ∂L/∂w^L = a^{L-1} (a^L - y) a^L (1 - a^L)."""
    net, _, a, y = by_loops(depth)
    agree(net.dW[-1], [[a[-2] * (a[-1] - y) * a[-1] * (1 - a[-1])]])


@DEPTHS
def test_the_last_bias_learns_the_same_without_the_input(depth):
    """D (7)-(16): ∂L/∂b^L = (a^L - y) a^L (1 - a^L)."""
    net, _, a, y = by_loops(depth)
    agree(net.db[-1], [(a[-1] - y) * a[-1] * (1 - a[-1])])


@DEPTHS
def test_each_layer_further_in_adds_one_weight_and_one_slope(depth):
    """D, recursion: ∂L/∂w^l = a^{l-1} a^l(1 - a^l) w^{l+1} a^{l+1}(1 - a^{l+1}) ⋯ (a^L - y)."""
    net, w, a, y = by_loops(depth)
    for level in range(depth):
        product = a[-1] - y
        for above in range(level, depth):
            product *= a[above + 1] * (1 - a[above + 1])
        for above in range(level + 1, depth):
            product *= w[above]
        agree(net.dW[level], [[a[level] * product]])
        agree(net.db[level], [product])
