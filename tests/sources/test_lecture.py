"""M, the lecture on multi-layer perceptrons of EE-559 (Fleuret, 3b).

M stores W as ours, a row per destination. Its s is our z, its x^(l) our a; the derivatives in
brackets are by s, δ, and by x.
"""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import nn
from autograd import Value, log, sigmoid, topological

from .by_hand import FUNCTIONS, Network, agree, forward, grads, numbers

ANY = pytest.mark.parametrize(
    ("sizes", "activation"),
    [([3, 4, 3, 2], "tanh"), ([2, 5, 1], "sigmoid"), ([4, 6, 5, 3], "relu")],
)


@ANY
def test_a_perceptron_of_many_layers_nests_affine_maps_and_activations(sizes, activation):
    """M: x^(0) = x, x^(l) = σ(W^(l) x^(l-1) + b^(l)); to←from."""
    net = Network(sizes, activation)
    x = net.x
    for level in range(net.depth):
        x = FUNCTIONS[activation].f(net.W[level] @ x + net.b[level])
        agree(numbers(net.a_nodes[level + 1]), x)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.5, 0.0), (-2.0, 0.3)])
def test_linear_activations_collapse_the_network_to_one_affine_map(alpha, beta):
    """M: if σ(x) = αx + β, then x^(L) = A^(L) x + B^(L), with A^(0) = I, B^(0) = 0 and for
    l = 1..L A^(l) = α W^(l) A^(l-1), B^(l) = α W^(l) B^(l-1) + α b^(l) + β 1; to←from."""
    layers = [nn.Linear(3, 4, rng=0), nn.Linear(4, 5, rng=1), nn.Linear(5, 2, rng=2)]
    A, B = np.eye(3), np.zeros(3)
    for layer in layers:
        W, b = numbers(layer.weight), numbers(layer.bias)
        A, B = alpha * W @ A, alpha * W @ B + alpha * b + beta
    for x in np.random.default_rng(11).normal(size=(4, 3)):
        nodes = inputs = [Value(each) for each in x]
        for layer in layers:
            nodes = [alpha * z + beta for z in layer(nodes)]
        agree(numbers(nodes), A @ x + B)
        for row, output in zip(A, nodes, strict=True):  # one affine map: the slopes are A's
            for each in inputs:
                each.zero_grad()
            output.backward()
            agree(grads(inputs), row)


@pytest.mark.parametrize("z", [-2.0, -0.1, 0.0, 0.7, 3.0])
def test_tanh_is_a_sigmoid_stretched_and_shifted(z):
    """M: tanh(x) = 2 / (1 + e^(-2x)) - 1."""
    one, other = Value(z), Value(z)
    tanh, stretched = one.tanh(), 2.0 * sigmoid(2.0 * other) - 1.0
    for node in (tanh, stretched):
        assert node.data == pytest.approx(
            2.0 / (1.0 + np.exp(-2.0 * z)) - 1.0, rel=1e-12, abs=1e-15
        )
        node.backward()
    slope = 4.0 * np.exp(-2.0 * z) / (1.0 + np.exp(-2.0 * z)) ** 2
    agree(one.grad, slope)
    agree(other.grad, slope)


def relu_sum(knots):
    """The MLP Σ_n v_n ReLU(x - t_n) that runs through sin at the knots, and its weights v."""
    slopes = np.diff(np.sin(knots)) / np.diff(knots)
    v = np.diff(slopes, prepend=0.0)
    model = nn.MLP(1, [len(v), 1], "relu")
    model.load_state_dict(
        {
            "layers.0.weight": np.ones((len(v), 1)),
            "layers.0.bias": -knots[:-1],
            "layers.1.weight": v[np.newaxis],
            "layers.1.bias": np.sin(knots[:1]),
        }
    )
    return model, v


def test_a_sum_of_relus_comes_as_near_to_the_sine_as_one_likes(shows):
    """M: Σ_n v_n ReLU(w_n x + b_n), with v_n of both signs, approximates a continuous function;
    sin between knots h apart to h²/8."""
    errors = []
    for n in (8, 16, 32):
        knots = np.linspace(0.0, 2.0 * np.pi, n + 1)
        model, v = relu_sum(knots)
        assert v.min() < 0.0 < v.max()
        middle = (knots[1:] + knots[:-1]) / 2.0
        x = np.sort(np.concatenate([knots, middle, np.linspace(0.0, 2.0 * np.pi, 101)]))
        out = nn.predict(model, x[:, np.newaxis])[:, 0]
        agree(out, np.interp(x, knots, np.sin(knots)))
        errors.append(np.abs(out - np.sin(x)).max())
        bound = knots[1] ** 2 / 8.0
        assert 0.9 * bound < errors[-1] <= bound
    shows(*[f"{error:.5f}" for error in errors])


def test_the_mean_squared_error_averages_and_so_does_its_gradient():
    """M: L = 1/N Σ_n (f(x_n) - y_n)², hence ∂L/∂f(x_n) = 2/N (f(x_n) - y_n)."""
    random = np.random.default_rng(13)
    outputs, targets = random.normal(size=7), random.normal(size=7)
    nodes = [Value(each) for each in outputs]
    loss = nn.mse(nodes, targets)
    loss.backward()
    agree(loss.data, sum((outputs[n] - targets[n]) ** 2 for n in range(7)) / 7)
    agree(grads(nodes), 2 * (outputs - targets) / 7)


class LogisticRegression:
    """M's logistic regression in the engine, after backward, and the same numbers for by hand."""

    def __init__(self):
        random = np.random.default_rng(12)
        self.X, self.y = random.normal(size=(20, 3)), random.choice([-1.0, 1.0], size=20)
        self.w, self.b = random.normal(size=3), 0.4
        self.neuron = nn.Neuron(3)
        self.neuron.load_state_dict({"weight": self.w, "bias": self.b})
        self.loss = -sum(
            log(sigmoid(label * self.neuron(row)[0]))
            for row, label in zip(self.X, self.y.tolist(), strict=True)
        )
        self.loss.backward()
        margins = [self.y[n] * (self.w @ self.X[n] + self.b) for n in range(20)]
        self.by_hand = [1 / (1 + np.exp(-margin)) for margin in margins]
        self.u = [self.y[n] / (1 + np.exp(margins[n])) for n in range(20)]


def test_the_loss_of_logistic_regression_is_minus_the_log_likelihood():
    """M: L = -Σ_n log σ(y_n (w·x_n + b)), labels y_n of -1 and 1."""
    run = LogisticRegression()
    agree(run.loss.data, -sum(np.log(each) for each in run.by_hand))
    # It is the binary cross-entropy of labels 0 and 1.
    bce = [nn.bce_with_logits(run.neuron(run.X[n]), (run.y[n] + 1.0) / 2.0) for n in range(20)]
    agree(run.loss.data, sum(bce).data)


def test_the_bias_of_logistic_regression_learns_what_is_not_yet_explained():
    """M: ∂L/∂b = -Σ_n u_n, u_n = y_n σ(-y_n (w·x_n + b))."""
    run = LogisticRegression()
    agree(run.neuron.bias.grad, -sum(run.u))


def test_the_weights_of_logistic_regression_learn_the_same_times_their_inputs():
    """M: ∂L/∂w_d = -Σ_n x_{n,d} u_n."""
    run = LogisticRegression()
    by_hand = [-sum(run.X[n, d] * run.u[n] for n in range(20)) for d in range(3)]
    agree(grads(run.neuron.weight), by_hand)


def test_a_gradient_step_is_the_minimum_of_the_local_quadratic_model():
    """M: w - η ∇L minimises L(w) + ∇L·(v - w) + |v - w|² / (2η) over v, uniquely."""
    start, eta = np.array([0.5, -1.5]), 0.1
    w = [Value(each) for each in start]
    loss = w[0] * w[1] ** 2 + w[0] ** 3
    loss.backward()
    gradient = np.array([start[1] ** 2 + 3 * start[0] ** 2, 2 * start[0] * start[1]])  # by hand

    def model(v):
        steps = [vi - wi for vi, wi in zip(v, start.tolist(), strict=True)]
        slopes = [g * step for g, step in zip(gradient.tolist(), steps, strict=True)]
        return loss.data + sum(slopes) + sum(step**2 for step in steps) / (2.0 * eta)

    nn.optim.SGD(w, lr=eta).step()
    stepped = numbers(w)
    agree(stepped, start - eta * gradient)
    v = [Value(each) for each in stepped]
    at_minimum = model(v)
    at_minimum.backward()
    assert np.abs(grads(v)).max() < 1e-13 * np.abs(gradient).max()
    for shift in ([0.01, 0.0], [-0.01, 0.0], [0.0, 0.01], [0.0, -0.01]):
        agree(model(stepped + shift) - at_minimum.data, 0.01**2 / (2.0 * eta), 1e-10)


class BackwardPass:
    """M's backward pass by hand, as matrices, from the mean squared error of the outputs."""

    def __init__(self, sizes, activation):
        self.net = Network(sizes, activation, seed=10, loss=nn.mse)
        function, net = FUNCTIONS[activation], self.net
        s, self.x = forward(net.W, net.b, net.x, function.f)
        self.slopes = [function.prime(each) for each in s]
        self.by_x = [2 * (self.x[-1] - net.y) / len(net.y)]
        self.by_s = []
        for level in reversed(range(net.depth)):
            self.by_s.insert(0, self.by_x[0] * self.slopes[level])
            self.by_x.insert(0, net.W[level].T @ self.by_s[0])


@ANY
def test_by_the_pre_activations_what_comes_back_is_multiplied_with_the_slopes(sizes, activation):
    """M: [∂l/∂s^(l)] = [∂l/∂x^(l)] ⊙ σ'(s^(l))."""
    run = BackwardPass(sizes, activation)
    for level in range(run.net.depth):
        agree(run.net.delta[level], run.by_s[level])
        by_x = grads(run.net.a_nodes[level + 1])
        agree(run.net.delta[level], by_x * run.slopes[level])


@ANY
def test_by_the_activations_what_comes_back_passes_the_transposed_weights(sizes, activation):
    """M: [∂l/∂x^(l)] = (W^(l+1))ᵀ [∂l/∂s^(l+1)]; to←from."""
    run = BackwardPass(sizes, activation)
    for level in range(run.net.depth + 1):
        agree(grads(run.net.a_nodes[level]), run.by_x[level])


@ANY
def test_by_the_weights_what_comes_back_is_a_column_times_a_row(sizes, activation):
    """M: [[∂l/∂W^(l)]] = [∂l/∂s^(l)] (x^(l-1))ᵀ; to←from."""
    run = BackwardPass(sizes, activation)
    for level in range(run.net.depth):
        agree(run.net.dW[level], run.by_s[level][:, np.newaxis] @ run.x[level][np.newaxis, :])


@ANY
def test_by_the_biases_what_comes_back_is_that_by_the_pre_activations(sizes, activation):
    """M: [∂l/∂b^(l)] = [∂l/∂s^(l)]."""
    run = BackwardPass(sizes, activation)
    for level in range(run.net.depth):
        agree(run.net.db[level], run.by_s[level])


# --- what it costs ---------------------------------------------------------------------------


def cost(outputs):
    """Arithmetic operations of the affine maps of a graph, as ((×, +) forward, (×, +) backward).

    Forward, `affine` of n inputs takes n products and n sums, `multiply` one product, `add` one
    sum. Backward, every use of a node that requires a gradient sends one product there, adjoint
    times partial, unless the partial is 1 by definition; the shares of m uses take m - 1 sums.
    Activations are left out, and so are products with a constant 1.
    """
    times, plus, times_back = 0, 0, 0
    shares = {}
    for node in topological(*outputs):
        name = node.op.name if node.op else "leaf"
        uses = [parent for parent in node.parents if parent.requires_grad]
        for parent in uses:
            shares[parent] = shares.get(parent, 0) + 1
        if name == "affine":
            weights, inputs, biases = node.sequences(graph=True)
            times += len(weights)
            plus += len(weights) - 1 + len(biases)
            times_back += len([each for each in (*weights, *inputs) if each.requires_grad])
        elif name == "multiply":
            times += 1
            times_back += len(uses)
        elif name == "add":
            plus += 1
        else:
            assert name in ("leaf", "tanh")
    plus_back = sum(count - 1 for count in shares.values())
    return (times, plus), (times_back, plus_back)


def with_plain_operators(model, x):
    """The same outputs from one node per product and one per sum."""
    a = [Value(each, requires_grad=False) for each in x]
    for layer, phi in zip(model.layers, model.activations, strict=True):
        z = []
        for row, b in zip(layer.weight, layer.bias, strict=True):
            z.append(b)
            for w, each in zip(row, a, strict=True):
                z[-1] = w * each + z[-1]
        a = phi(z)
    return a


@pytest.mark.parametrize("sizes", [[3, 2], [2, 3, 1], [4, 5, 6, 3], [1, 1, 1, 1], [8, 16, 16, 4]])
@pytest.mark.parametrize("plain", [False, True])
def test_backward_takes_twice_the_products_of_forward_less_those_for_the_input(sizes, plain):
    """M: backward costs about twice forward; in products 2 - n₁n₀ / Σ_l n_l n_{l-1}, as no
    gradient goes to the input. In sums: Σ n_l n_{l-1} forward, Σ n_l (n_{l+1} - 1) backward."""
    model = nn.MLP(sizes[0], sizes[1:], "tanh", rng=0)
    x = np.random.default_rng(0).normal(size=sizes[0])
    outputs = with_plain_operators(model, x) if plain else model(x)
    agree(numbers(outputs), numbers(model(x)))
    (times, plus), (times_back, plus_back) = cost(outputs)
    products = sum(n * m for m, n in pairwise(sizes))
    assert times == plus == products
    assert Fraction(times_back, times) == 2 - Fraction(sizes[1] * sizes[0], products)
    assert plus_back == sum(n * (m - 1) for n, m in pairwise(sizes[1:]))


def test_the_deeper_the_network_the_nearer_is_backward_to_twice_forward(shows):
    """M: 2 - n₁n₀ / Σ_l n_l n_{l-1} for 1, 2, 4 and 8 layers of 6 neurons on 6 inputs."""
    ratios = []
    for depth in (1, 2, 4, 8):
        model = nn.MLP(6, [6] * depth, "tanh", rng=0)
        (times, _), (times_back, _) = cost(model([0.1] * 6))
        assert (times, times_back) == (36 * depth, 36 * (2 * depth - 1))
        ratios.append(times_back / times)
    shows(*[f"{ratio:.3f}" for ratio in ratios])
