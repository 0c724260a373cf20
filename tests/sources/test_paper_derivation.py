"""P, the paper on back-propagation, third part: the derivation, level by level.

The right sides are the chain rule in longhand: a sum over every path from a weight to the loss,
each path the product of what stands on it. P numbers weights from source to destination, w_jk:
here `w[level][j, k]`. Layers are called h → i → j → k as in P, and n runs over the outputs.
"""

import numpy as np
import pytest

from .by_hand import FUNCTIONS, Network, agree, forward

EACH = pytest.mark.parametrize("activation", FUNCTIONS)


def passed(sizes, activation, seed=2):
    """A network, its w, z and a by hand, f', and the errors a_n - y_n."""
    net, function = Network(sizes, activation, seed), FUNCTIONS[activation]
    z, a = forward(net.W, net.b, net.x, function.f)
    return net, net.w, z, a, function.prime, a[-1] - net.y


@EACH
def test_the_loss_is_half_the_sum_of_the_squared_errors(activation):
    """P: L = ½ Σ_n (a_n - y_n)², hence ∂L/∂a_n = a_n - y_n."""
    net, _, _, a, _, _ = passed([2, 3, 3], activation)
    total = 0.0
    for n in range(3):
        total += (a[-1][n] - net.y[n]) ** 2
    agree(net.loss.data, total / 2)
    by_hand = a[-1] - net.y
    for n, node in enumerate(net.a_nodes[-1]):
        agree(node.grad, by_hand[n])


@EACH
def test_a_weight_to_an_output_sees_one_delta_and_one_activation(activation):
    """P (55)-(57): ∂L/∂w_jk = (a_k - y_k) f'(z_k) a_j = δ_k a_j; from→to."""
    net, w, z, a, prime, error = passed([2, 3, 2], activation)
    by_hand = np.empty_like(w[1])
    for j in range(3):
        for k in range(2):
            by_hand[j, k] = error[k] * prime(z[1][k]) * a[1][j]
    agree(net.dW[1].T, by_hand)


@EACH
def test_a_weight_to_a_hidden_neuron_sees_every_output(activation):
    """P (60)-(78): ∂L/∂w_ij = Σ_k (a_k - y_k) f'(z_k) w_jk f'(z_j) a_i = δ_j a_i; from→to."""
    net, w, z, a, prime, error = passed([2, 3, 2], activation)
    by_hand = np.zeros_like(w[0])
    for i in range(2):
        for j in range(3):
            for k in range(2):
                by_hand[i, j] += error[k] * prime(z[1][k]) * w[1][j, k] * prime(z[0][j]) * a[0][i]
    agree(net.dW[0].T, by_hand)


@EACH
def test_a_weight_three_levels_deep_sees_every_path(activation):
    """P (79)-(85): ∂L/∂w_hi = Σ_j Σ_k (a_k - y_k) f'(z_k) w_jk f'(z_j) w_ij f'(z_i) a_h = δ_i a_h;
    from→to."""
    net, w, z, a, prime, error = passed([2, 3, 4, 2], activation)
    by_hand = np.zeros_like(w[0])
    for h, i, j, k in np.ndindex(2, 3, 4, 2):
        by_hand[h, i] += (
            error[k]
            * prime(z[2][k])
            * w[2][j, k]
            * prime(z[1][j])
            * w[1][i, j]
            * prime(z[0][i])
            * a[0][h]
        )
    agree(net.dW[0].T, by_hand)


@EACH
def test_the_gradient_of_an_output_bias_is_its_delta(activation):
    """P (86)-(90): ∂L/∂b_k = (a_k - y_k) f'(z_k) = δ_k, of the sum over n only n = k."""
    net, _, z, _, prime, error = passed([2, 3, 2], activation)
    by_hand = []
    for k in range(2):
        slopes = [prime(z[1][n]) if n == k else 0.0 for n in range(2)]  # ∂a_n/∂b_k
        by_hand.append(sum(error[n] * slopes[n] for n in range(2)))
    agree(net.db[1], by_hand)


@EACH
def test_the_gradient_of_a_hidden_bias_is_its_delta(activation):
    """P (91)-(104): ∂L/∂b_j = f'(z_j) Σ_k (a_k - y_k) f'(z_k) w_jk = δ_j; from→to."""
    net, w, z, _, prime, error = passed([2, 3, 2], activation)
    by_hand = []
    for j in range(3):
        flow = 0.0
        for k in range(2):
            flow += error[k] * prime(z[1][k]) * w[1][j, k]
        by_hand.append(prime(z[0][j]) * flow)
    agree(net.db[0], by_hand)
