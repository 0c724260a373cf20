"""P, the paper on back-propagation, second part: the matrix network.

P numbers weights from source to destination, w_jk, but its matrices have a row per destination, so
that w_jk stands in row k and column j: W[k, j], as in our layers. δ is ∂L/∂z.
"""

import numpy as np
import pytest

import nn

from .by_hand import FUNCTIONS, SIGMOID, Network, agree, forward, grads, numbers

ANY = pytest.mark.parametrize(
    ("sizes", "activation"),
    [([3, 2, 2], "sigmoid"), ([2, 4, 1], "tanh"), ([3, 4, 5, 2], "relu"), ([1, 1, 1], "sigmoid")],
)


@ANY
def test_the_pre_activations_of_a_layer_are_a_matrix_times_a_vector_plus_biases(sizes, activation):
    """P (24): z = W a + b, a row of W per destination."""
    net = Network(sizes, activation)
    a = net.x
    for level in range(net.depth):
        z = net.W[level] @ a + net.b[level]
        agree(numbers(net.z_nodes[level]), z)
        a = FUNCTIONS[activation].f(z)


@ANY
def test_the_deltas_of_the_outputs_are_one_elementwise_product(sizes, activation):
    """P (27): δ = f'(z) ⊙ (a - y)."""
    net, (f, prime) = Network(sizes, activation), vars(FUNCTIONS[activation]).values()
    z, a = forward(net.W, net.b, net.x, f)
    agree(net.delta[-1], prime(z[-1]) * (a[-1] - net.y))


@ANY
def test_the_deltas_of_a_hidden_layer_take_the_matrix_column_by_column(sizes, activation):
    """P (29)-(38): δ = f'(z) ⊙ (Wᵀ δ_next), whose entry j is column j of W times δ_next."""
    net, (f, prime) = Network(sizes, activation), vars(FUNCTIONS[activation]).values()
    z, a = forward(net.W, net.b, net.x, f)
    delta = prime(z[-1]) * (a[-1] - net.y)
    for level in reversed(range(net.depth - 1)):
        W = net.W[level + 1]
        columns = [
            prime(z[level][j]) * sum(W[k, j] * delta[k] for k in range(len(delta)))
            for j in range(W.shape[1])
        ]
        delta = prime(z[level]) * (W.T @ delta)
        agree(columns, delta)
        agree(net.delta[level], delta)


@ANY
def test_the_gradient_of_a_matrix_is_an_outer_product(sizes, activation):
    """P (39)-(43): ∂L/∂W = δ aᵀ, a column times a row: entry (k, j) is δ_k a_j."""
    net, (f, prime) = Network(sizes, activation), vars(FUNCTIONS[activation]).values()
    z, a = forward(net.W, net.b, net.x, f)
    delta = prime(z[-1]) * (a[-1] - net.y)
    for level in reversed(range(net.depth)):
        agree(net.dW[level], delta[:, np.newaxis] @ a[level][np.newaxis, :])
        if level:
            delta = prime(z[level - 1]) * (net.W[level].T @ delta)


def test_the_outer_product_is_two_spread_out_matrices_multiplied_entry_by_entry():
    """P (44)-(45): δ repeated along the columns, ⊙ a repeated along the rows."""
    net = Network([3, 4, 2])
    z, a = forward(net.W, net.b, net.x, SIGMOID.f)
    delta = SIGMOID.prime(z[1]) * (a[2] - net.y)
    spread_delta = np.array([[delta[k] for _ in range(4)] for k in range(2)])
    spread_a = np.array([[a[1][j] for j in range(4)] for _ in range(2)])
    agree(net.dW[1], spread_delta * spread_a)


def test_a_matrix_changes_by_minus_the_rate_times_the_outer_product():
    """P: ΔW = -η δ aᵀ, and so for the biases Δb = -η δ."""
    eta, net = 0.25, Network([3, 4, 2])
    z, a = forward(net.W, net.b, net.x, SIGMOID.f)
    delta = SIGMOID.prime(z[1]) * (a[2] - net.y)
    nn.optim.SGD(net.model.parameters(), lr=eta).step()
    agree(numbers(net.model.layers[1].weight), net.W[1] - eta * np.outer(delta, a[1]))
    agree(numbers(net.model.layers[1].bias), net.b[1] - eta * delta)
    agree(-eta * grads(net.model.layers[1].weight), -eta * np.outer(delta, a[1]))
