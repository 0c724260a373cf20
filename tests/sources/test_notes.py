"""N, the handwritten notes: one output layer, one hidden layer, then matrices.

N numbers weights from source to destination, w_ij, and stores them so: W^l has the shape (neurons
of layer l-1, neurons of layer l), the transpose of ours. δ is ∂L/∂z.
"""

import numpy as np
import pytest

from .by_hand import SIGMOID, Network, agree, forward

SIZES = pytest.mark.parametrize("sizes", [[3, 3, 3], [2, 4, 3], [3, 2, 1]])


def passed(sizes):
    net = Network(sizes, "sigmoid", seed=6)
    return net, net.w, *forward(net.W, net.b, net.x, SIGMOID.f)


@SIZES
def test_the_delta_of_the_output_layer_is_error_times_slope(sizes):
    """N: δ^L = (a^L - y) ⊙ σ'(z^L)."""
    net, _, z, a = passed(sizes)
    agree(net.delta[1], (a[2] - net.y) * SIGMOID.prime(z[1]))


@SIZES
def test_the_delta_of_the_hidden_layer_sums_over_the_neurons_after_it(sizes):
    """N: δ_j^l = Σ_k δ_k^{l+1} w_jk σ'(z_j^l); from→to."""
    net, w, z, a = passed(sizes)
    by_hand = np.zeros(sizes[1])
    for j in range(sizes[1]):
        for k in range(sizes[2]):
            delta_k = (a[2][k] - net.y[k]) * SIGMOID.prime(z[1][k])
            by_hand[j] += delta_k * w[1][j, k] * SIGMOID.prime(z[0][j])
    agree(net.delta[0], by_hand)


@SIZES
def test_the_gradient_of_each_weight_is_a_delta_times_an_activation(sizes):
    """N: ∂L/∂w_ij = δ_j a_i, in both layers; from→to."""
    net, w, z, a = passed(sizes)
    last = (a[2] - net.y) * SIGMOID.prime(z[1])
    first = [sum(last * w[1][j]) * SIGMOID.prime(z[0][j]) for j in range(sizes[1])]
    for level, delta in enumerate((first, last)):
        by_hand = [[delta[j] * a[level][i] for j in range(len(delta))] for i in range(sizes[level])]
        agree(net.dW[level].T, by_hand)


@SIZES
def test_the_gradient_of_each_bias_is_its_delta(sizes):
    """N: ∂L/∂b_j = δ_j, in both layers; from→to."""
    net, w, z, a = passed(sizes)
    last = (a[2] - net.y) * SIGMOID.prime(z[1])
    first = [sum(last * w[1][j]) * SIGMOID.prime(z[0][j]) for j in range(sizes[1])]
    agree(net.db[1], last)
    agree(net.db[0], first)


@SIZES
def test_stored_from_source_to_destination_the_gradient_is_activation_times_delta(sizes):
    """N, matrices: ∂L/∂W^l = a^{l-1} (δ^l)ᵀ, of shape (l-1, l); from→to storage."""
    net, w, z, a = passed(sizes)
    delta = (a[2] - net.y) * SIGMOID.prime(z[1])
    by_hand = a[1].reshape(-1, 1) @ delta.reshape(1, -1)
    assert by_hand.shape == (sizes[1], sizes[2]) == w[1].shape
    agree(net.dW[1].T, by_hand)


@SIZES
def test_stored_from_source_to_destination_the_deltas_need_no_transpose(sizes):
    """N, matrices: δ^l = (W^{l+1} δ^{l+1}) ⊙ σ'(z^l); from→to storage."""
    net, w, z, a = passed(sizes)
    delta = (a[2] - net.y) * SIGMOID.prime(z[1])
    agree(net.delta[0], (w[1] @ delta) * SIGMOID.prime(z[0]))
