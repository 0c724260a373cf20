"""P, the paper on back-propagation, first part: the educational network.

A neuron is a record of its own z, a, b, w and δ, and nested loops visit them one by one. P numbers
a weight from source to destination, w_jk: here `neuron.w[k]` of the source j. δ is ∂L/∂z.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

import nn
from autograd import Value, sigmoid, tanh

from .by_hand import FUNCTIONS, SIGMOID, TANH, Network, agree, forward, grads, numbers

ANY = pytest.mark.parametrize(
    ("sizes", "activation"),
    [
        ([3, 2], "sigmoid"),
        ([2, 3, 2], "tanh"),
        ([3, 4, 4, 2], "relu"),
        ([4, 3, 5, 2, 3], "sigmoid"),
        ([1, 1, 1, 1], "tanh"),
    ],
)


@dataclass
class Neuron:
    """The record of one neuron; w holds its weights to the neurons of the next layer."""

    b: float = 0.0
    w: list[float] = field(default_factory=list)
    z: float = 0.0
    a: float = 0.0
    delta: float = 0.0


def records(net):
    """The layers of neurons of a network, the input layer among them."""
    layers = [[Neuron() for _ in net.x]]
    layers += [[Neuron(b=float(each)) for each in biases] for biases in net.b]
    for layer, weights in zip(layers, net.w, strict=False):
        for j, neuron in enumerate(layer):
            neuron.w = weights[j].tolist()
    return layers


def gather(layers, x, f):
    """P's forward loops, with the bias of the destination, once."""
    for neuron, each in zip(layers[0], x, strict=True):
        neuron.a = each
    for sources, layer in pairwise(layers):
        for y, neuron in enumerate(layer):
            neuron.z = neuron.b
            for source in sources:
                neuron.z += source.w[y] * source.a
            neuron.a = f(neuron.z)


def send_back(layers, targets, prime):
    """P's backward loops: every δ, from weights that none has corrected yet."""
    for neuron, target in zip(layers[-1], targets, strict=True):
        neuron.delta = prime(neuron.z) * (neuron.a - target)
    for layer, successors in reversed(list(pairwise(layers[1:]))):
        for neuron in layer:
            flow = 0.0
            for c, successor in enumerate(successors):
                flow += successor.delta * neuron.w[c]
            neuron.delta = prime(neuron.z) * flow


def read(layers, name):
    return [np.array([getattr(neuron, name) for neuron in layer]) for layer in layers[1:]]


def weights_of(layers):
    """W[k, j] of every weight layer, from the records of the sources."""
    return [np.array([neuron.w for neuron in layer]).T for layer in layers[:-1]]


@ANY
def test_a_neuron_gathers_what_arrives_adds_its_bias_and_applies_f(sizes, activation):
    """P (1): z_y = Σ_x w_xy a_x + b_y, a_y = f(z_y); from→to."""
    net = Network(sizes, activation)
    layers = records(net)
    gather(layers, net.x, FUNCTIONS[activation].f)
    for level, (z, a) in enumerate(zip(read(layers, "z"), read(layers, "a"), strict=True)):
        agree(numbers(net.z_nodes[level]), z)
        agree(numbers(net.a_nodes[level + 1]), a)


@ANY
def test_the_delta_of_an_output_neuron_is_its_slope_times_its_error(sizes, activation):
    """P, output layer: δ_k = f'(z_k) (a_k - y_k)."""
    net, prime = Network(sizes, activation), FUNCTIONS[activation].prime
    z, a = forward(net.W, net.b, net.x, FUNCTIONS[activation].f)
    by_hand = [prime(z[-1][k]) * (a[-1][k] - net.y[k]) for k in range(sizes[-1])]
    agree(net.delta[-1], by_hand)


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("sizes", [[3, 2, 2], [2, 4, 3]])
def test_the_delta_of_a_hidden_neuron_gathers_those_of_the_outputs(sizes, activation):
    """P, hidden layer: δ_j = f'(z_j) Σ_k δ_k w_jk; from→to."""
    net, prime = Network(sizes, activation, seed=3), FUNCTIONS[activation].prime
    z, a = forward(net.W, net.b, net.x, FUNCTIONS[activation].f)
    by_hand = []
    for j in range(sizes[1]):
        flow = 0.0
        for k in range(sizes[2]):
            flow += prime(z[1][k]) * (a[2][k] - net.y[k]) * net.w[1][j, k]
        by_hand.append(prime(z[0][j]) * flow)
    agree(net.delta[0], by_hand)


@ANY
def test_at_any_depth_a_delta_gathers_those_of_the_next_layer(sizes, activation):
    """P, any depth: δ_b = f'(z_b) Σ_c δ_c w_bc; from→to."""
    net = Network(sizes, activation)
    layers = records(net)
    gather(layers, net.x, FUNCTIONS[activation].f)
    send_back(layers, net.y, FUNCTIONS[activation].prime)
    for engine, by_hand in zip(net.delta, read(layers, "delta"), strict=True):
        agree(engine, by_hand)


@ANY
def test_a_weight_moves_against_the_delta_after_it_times_the_activation_before_it(
    sizes, activation
):
    """P (2)-(4): w_jk ← w_jk - η δ_k a_j, and so in every layer; from→to."""
    eta, net = 0.3, Network(sizes, activation)
    layers = records(net)
    gather(layers, net.x, FUNCTIONS[activation].f)
    send_back(layers, net.y, FUNCTIONS[activation].prime)
    for layer, successors in pairwise(layers):
        for neuron in layer:
            for k, successor in enumerate(successors):
                neuron.w[k] -= eta * successor.delta * neuron.a
    nn.optim.SGD(net.model.parameters(), lr=eta).step()
    for layer, old, new in zip(net.model.layers, net.W, weights_of(layers), strict=True):
        agree(numbers(layer.weight), new)
        agree(numbers(layer.weight) - old, new - old, 1e-10)  # the change alone, digits cancelled


@ANY
def test_a_bias_moves_against_its_delta_at_a_rate_of_its_own(sizes, activation):
    """P: b ← b - η_b δ, beside weights that move with η."""
    eta, eta_b, net = 0.3, 0.7, Network(sizes, activation)
    layers = records(net)
    gather(layers, net.x, FUNCTIONS[activation].f)
    send_back(layers, net.y, FUNCTIONS[activation].prime)
    weights = [w for layer in net.model.layers for w in layer.weight.flat]
    nn.optim.SGD(weights, lr=eta).step()
    nn.optim.SGD([b for layer in net.model.layers for b in layer.bias], lr=eta_b).step()
    for layer, old, delta in zip(net.model.layers, net.b, read(layers, "delta"), strict=True):
        agree(numbers(layer.bias), old - eta_b * delta)
        agree(numbers(layer.bias) - old, -eta_b * delta, 1e-10)


def test_every_delta_comes_from_the_weights_before_any_is_corrected():
    """P, steps: first δ of all layers, then w_jk ← w_jk - η δ_k a_j for all; from→to."""
    eta, net = 0.5, Network([2, 3, 3, 2])
    z, a = forward(net.W, net.b, net.x, SIGMOID.f)
    flow, late = a[-1] - net.y, a[-1] - net.y
    optimizer = nn.optim.SGD(net.model.parameters(), lr=eta)
    optimizer.step()
    for level in (2, 1, 0):
        delta, too_late = SIGMOID.prime(z[level]) * flow, SIGMOID.prime(z[level]) * late
        old, new = net.W[level], numbers(net.model.layers[level].weight)
        corrected = np.array(
            [
                [old[k, j] - eta * delta[k] * a[level][j] for j in range(old.shape[1])]
                for k in range(old.shape[0])
            ]
        )
        agree(new, corrected)
        if level < 2:  # with δ from weights that are already corrected, the steps are others
            assert np.abs(delta - too_late).max() > 1e-2 * np.abs(delta).max()
        flow, late = old.T @ delta, (old - eta * np.outer(too_late, a[level])).T @ too_late


def test_a_batch_changes_each_weight_and_bias_by_the_average_over_its_pairs():
    """P (5), with the sign that goes down: Δw_jk = 1/N Σ_n -η δ_k a_j; from→to."""
    eta, net = 0.5, Network([2, 3, 2])
    random = np.random.default_rng(5)
    X, Y = random.normal(size=(4, 2)), random.uniform(size=(4, 2))
    change_w, change_b = [0.0 * w for w in net.w], [0.0 * b for b in net.b]
    for x, y in zip(X, Y, strict=True):
        layers = records(net)
        gather(layers, x, SIGMOID.f)
        send_back(layers, y, SIGMOID.prime)
        for level, (sources, layer) in enumerate(pairwise(layers)):
            for k, neuron in enumerate(layer):
                for j, source in enumerate(sources):
                    change_w[level][j, k] += -eta * neuron.delta * source.a / 4
                change_b[level][k] += -eta * neuron.delta / 4

    net.model.zero_grad()
    losses = [nn.half_squared_error(net.model(x), y) for x, y in zip(X, Y, strict=True)]
    (sum(losses) / 4).backward()
    nn.optim.SGD(net.model.parameters(), lr=eta).step()
    for level, layer in enumerate(net.model.layers):
        agree(numbers(layer.weight), net.W[level] + change_w[level].T)
        agree(numbers(layer.bias), net.b[level] + change_b[level])
        agree(-eta * grads(layer.weight), change_w[level].T)
        agree(-eta * grads(layer.bias), change_b[level])


# --- the network of three neurons in a row ---------------------------------------------------

NUMBERS = {"z_i": 0.8, "b_i": -0.3, "w_ij": 1.5, "b_j": 0.4, "w_jk": -0.9, "b_k": 0.7}
Y = 0.2
ROW = pytest.mark.parametrize(("phi", "function"), [(sigmoid, SIGMOID), (tanh, TANH)])


def three_neurons(phi):
    """P's neurons i, j and k in the engine, after backward; here z is what arrives, without b."""
    node = {name: Value(each, label=name) for name, each in NUMBERS.items()}
    node["a_i"] = phi(node["z_i"] + node["b_i"])
    node["z_j"] = node["w_ij"] * node["a_i"]
    node["a_j"] = phi(node["z_j"] + node["b_j"])
    node["z_k"] = node["w_jk"] * node["a_j"]
    node["a_k"] = phi(node["z_k"] + node["b_k"])
    nn.half_squared_error([node["a_k"]], Y).backward()
    return node


@ROW
def test_three_neurons_in_a_row_are_one_nested_function(phi, function):
    """P (6)-(11), with all its biases: a_k = f(w_jk f(w_ij f(z_i + b_i) + b_j) + b_k); from→to."""
    f, n = function.f, NUMBERS
    by_hand = f(n["w_jk"] * f(n["w_ij"] * f(n["z_i"] + n["b_i"]) + n["b_j"]) + n["b_k"])
    agree(three_neurons(phi)["a_k"].data, by_hand)


@ROW
def test_in_a_row_of_neurons_each_delta_is_the_next_one_times_weight_and_slope(phi, function):
    """P (12)-(13): δ_k = f'(z_k + b_k)(a_k - y), δ_j = f'(z_j + b_j) δ_k w_jk; from→to."""
    (f, prime), n = (function.f, function.prime), NUMBERS
    z_j = n["w_ij"] * f(n["z_i"] + n["b_i"])
    z_k = n["w_jk"] * f(z_j + n["b_j"])
    delta_k = prime(z_k + n["b_k"]) * (f(z_k + n["b_k"]) - Y)
    delta_j = prime(z_j + n["b_j"]) * delta_k * n["w_jk"]
    delta_i = prime(n["z_i"] + n["b_i"]) * delta_j * n["w_ij"]
    node = three_neurons(phi)
    for name, by_hand in (("k", delta_k), ("j", delta_j), ("i", delta_i)):
        agree(node[f"z_{name}"].grad, by_hand)
        agree(node[f"b_{name}"].grad, by_hand)


@ROW
def test_in_a_row_of_neurons_each_weight_moves_by_its_two_neighbours(phi, function):
    """P (14)-(15), put right: Δw_jk = -η δ_k a_j, Δw_ij = -η δ_j a_i; from→to."""
    (f, prime), n, eta = (function.f, function.prime), NUMBERS, 0.4
    a_i = f(n["z_i"] + n["b_i"])
    a_j = f(n["w_ij"] * a_i + n["b_j"])
    z_k = n["w_jk"] * a_j + n["b_k"]
    delta_k = prime(z_k) * (f(z_k) - Y)
    delta_j = prime(n["w_ij"] * a_i + n["b_j"]) * delta_k * n["w_jk"]
    node = three_neurons(phi)
    nn.optim.SGD([node["w_jk"], node["w_ij"]], lr=eta).step()
    agree(node["w_jk"].data - n["w_jk"], -eta * delta_k * a_j)
    agree(node["w_ij"].data - n["w_ij"], -eta * delta_j * a_i)
