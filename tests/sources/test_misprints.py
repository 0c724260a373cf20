"""Where a formula of the sources was printed with a slip: the printed form and the right one.

Both are computed by hand, and the engine decides: it agrees with the right form, and the printed
one is far off. P and N number weights from source to destination, w_jk, here `w[level][j, k]`; D
and M as we do, `W[level][k, j]`. δ is ∂L/∂z throughout.
"""

from itertools import product

import numpy as np
import pytest

import nn
from autograd import Value, affine, dot, jacobian, relu, sigmoid, tanh

from .by_hand import RELU, SIGMOID, TANH, Network, agree, forward, grads, judge, numbers

ETA = 0.5
f, prime = SIGMOID.f, SIGMOID.prime


class Hidden:
    """A network of one hidden layer, 3-3-2 unless said otherwise, and its backprop by hand."""

    def __init__(self, sizes=(3, 3, 2), seed=7):
        self.net = Network(list(sizes), "sigmoid", seed)
        self.w, self.b, self.y = self.net.w, self.net.b, self.net.y
        self.z, self.a = forward(self.net.W, self.net.b, self.net.x, f)
        self.delta_k = prime(self.z[1]) * (self.a[2] - self.y)
        self.delta_j = prime(self.z[0]) * (self.w[1] @ self.delta_k)


# --- P ---------------------------------------------------------------------------------------


def test_the_bias_that_a_neuron_adds_is_its_own_and_added_once(shows):
    """P, pseudo-code, forward: not Σ_j (w_jk a_j + b_j) but Σ_j w_jk a_j + b_k; from→to."""
    run = Hidden()
    printed = [sum(run.w[1][j, k] * run.a[1][j] + run.b[0][j] for j in range(3)) for k in range(2)]
    right = [sum(run.w[1][j, k] * run.a[1][j] for j in range(3)) + run.b[1][k] for k in range(2)]
    judge(numbers(run.net.z_nodes[1]), printed, right)
    shows(printed[0], right[0])


def test_a_hidden_delta_uses_the_weights_as_they_were(shows):
    """P §2.4, order of the steps: δ_j from the old w_jk, not from w_jk - η δ_k a_j; from→to."""
    run = Hidden()
    corrected = run.w[1] - ETA * np.outer(run.a[1], run.delta_k)
    printed = prime(run.z[0]) * (corrected @ run.delta_k)
    judge(run.net.delta[0], printed, run.delta_j)
    nn.optim.SGD(run.net.model.parameters(), lr=ETA).step()
    agree(numbers(run.net.model.layers[1].weight).T, corrected)
    agree(numbers(run.net.model.layers[0].bias), run.b[0] - ETA * run.delta_j)
    shows(printed[0], run.delta_j[0])


def test_a_hidden_bias_moves_against_its_delta(shows):
    """P, pseudo-code, backward: b_j -= η δ_j, not +=."""
    run = Hidden()
    printed, right = run.b[0] + ETA * run.delta_j, run.b[0] - ETA * run.delta_j
    nn.optim.SGD(run.net.model.parameters(), lr=ETA).step()
    judge(numbers(run.net.model.layers[0].bias), printed, right)
    shows(printed[0], right[0])


def test_the_weight_that_leads_forward_belongs_to_the_next_layer(shows):
    """P, pseudo-code, backward: δ_j gathers over the weights from neuron j of the hidden layer to
    those of the forward layer; the matrix between the layers before is another one; from→to."""
    run = Hidden()
    printed, right = np.zeros(3), np.zeros(3)
    for j in range(3):
        for k in range(2):
            printed[j] += prime(run.z[0][j]) * run.w[0][j, k] * run.delta_k[k]
            right[j] += prime(run.z[0][j]) * run.w[1][j, k] * run.delta_k[k]
    judge(run.net.delta[0], printed, right)
    shows(printed[0], right[0])


def test_a_loop_over_n_neurons_runs_n_times(shows):
    """P, loops from 0 to n inclusive: they visit one neuron too many. In a memory that holds all
    weights one after the other, and all activations, they read the next layer's."""
    run = Hidden()
    memory_w = np.concatenate([w.ravel() for w in run.w])
    memory_a = np.concatenate(run.a)
    n = len(run.net.x)

    def z(k, sources):
        return sum(memory_w[j * 3 + k] * memory_a[j] for j in sources) + run.b[0][k]

    printed = [z(k, range(n + 1)) for k in range(3)]
    right = [z(k, range(n)) for k in range(3)]
    judge(numbers(run.net.z_nodes[0]), printed, right)
    with pytest.raises(IndexError):
        run.w[0][n]
    shows(printed[0], right[0])


def test_the_average_over_a_batch_has_to_be_taken_off(shows):
    """P (5) with (14)-(15): + 1/N Σ η δ a climbs; Δw = -η 1/N Σ δ a goes down."""
    net = Hidden().net
    random = np.random.default_rng(8)
    X, Y = random.normal(size=(4, 3)), random.uniform(size=(4, 2))

    def mean_loss(model):
        losses = [nn.half_squared_error(model(x), y) for x, y in zip(X, Y, strict=True)]
        return sum(losses) / 4

    average_w, average_b = [0.0 * w for w in net.W], [0.0 * b for b in net.b]
    for x, y in zip(X, Y, strict=True):
        z, a = forward(net.W, net.b, x, f)
        delta = prime(z[1]) * (a[2] - y)
        average_w[1] += np.outer(delta, a[1]) / 4
        average_b[1] += delta / 4
        delta = prime(z[0]) * (net.W[1].T @ delta)
        average_w[0] += np.outer(delta, a[0]) / 4
        average_b[0] += delta / 4

    net.model.zero_grad()
    start = mean_loss(net.model)
    start.backward()
    after = {}
    for sign in (+1, -1):
        model = Hidden().net.model
        for layer, w, b in zip(model.layers, average_w, average_b, strict=True):
            new = {"weight": numbers(layer.weight) + sign * ETA * w}
            layer.load_state_dict({**new, "bias": numbers(layer.bias) + sign * ETA * b})
        after[sign] = mean_loss(model).data
    nn.optim.SGD(net.model.parameters(), lr=ETA).step()
    judge(mean_loss(net.model).data, after[+1], after[-1])
    assert after[-1] < start.data < after[+1]
    shows(start.data, after[+1], after[-1])


NEURONS = {"z_i": 0.8, "b_i": -0.3, "w_ij": 1.5, "b_j": 0.4, "w_jk": -0.9, "b_k": 0.7}
TARGET = 0.2


class ThreeNeurons:
    """P's three neurons i → j → k, where z is what arrives at a neuron, without its bias."""

    def __init__(self):
        node = {name: Value(each) for name, each in NEURONS.items()}
        a_i = sigmoid(node["z_i"] + node["b_i"])
        node["z_j"] = node["w_ij"] * a_i
        node["z_k"] = node["w_jk"] * sigmoid(node["z_j"] + node["b_j"])
        node["a_k"] = sigmoid(node["z_k"] + node["b_k"])
        nn.half_squared_error([node["a_k"]], TARGET).backward()
        self.node = node
        n = NEURONS
        self.a_i = f(n["z_i"] + n["b_i"])
        self.z_j = n["w_ij"] * self.a_i
        self.a_j = f(self.z_j + n["b_j"])
        self.z_k = n["w_jk"] * self.a_j
        self.a_k = f(self.z_k + n["b_k"])


def test_the_nested_function_of_three_neurons_has_three_biases(shows):
    """P (11): f(w_jk f(w_ij f(z_i + b_i) + b_j) + b_k), with b_j and b_k; from→to."""
    run, n = ThreeNeurons(), NEURONS
    inner = f(n["z_i"] + n["b_i"])
    printed = f(n["w_jk"] * f(n["w_ij"] * inner))
    right = f(n["w_jk"] * f(n["w_ij"] * inner + n["b_j"]) + n["b_k"])
    judge(run.node["a_k"].data, printed, right)
    shows(printed, right)


def test_the_slope_is_taken_where_the_function_was(shows):
    """P (12)-(13): where a = f(z + b), δ has f'(z + b), not f'(z); from→to."""
    run, n = ThreeNeurons(), NEURONS
    printed_k = prime(run.z_k) * (run.a_k - TARGET)
    right_k = prime(run.z_k + n["b_k"]) * (run.a_k - TARGET)
    printed_j = prime(run.z_j) * printed_k * n["w_jk"]
    right_j = prime(run.z_j + n["b_j"]) * right_k * n["w_jk"]
    judge(grads([run.node["z_k"], run.node["z_j"]]), [printed_k, printed_j], [right_k, right_j])
    shows(printed_k, right_k, printed_j, right_j)


def test_a_weight_moves_by_minus_the_delta_after_it_times_the_activation_before_it(shows):
    """P (14)-(15): Δw_jk = -η δ_k a_j, δ of the right neuron, a of the left one; from→to."""
    run, n = ThreeNeurons(), NEURONS
    delta_k = prime(run.z_k + n["b_k"]) * (run.a_k - TARGET)
    delta_j = prime(run.z_j + n["b_j"]) * delta_k * n["w_jk"]
    delta_i = prime(n["z_i"] + n["b_i"]) * delta_j * n["w_ij"]
    printed = [ETA * delta_j * run.a_k, ETA * delta_i * run.a_j]
    right = [-ETA * delta_k * run.a_j, -ETA * delta_j * run.a_i]
    names = "w_jk", "w_ij"
    nn.optim.SGD([run.node[name] for name in names], lr=ETA).step()
    moved = [run.node[name].data - n[name] for name in names]
    judge(moved, printed, right)
    shows(printed[0], right[0], printed[1], right[1])


def test_a_matrix_to_two_neurons_from_two_has_two_columns(shows):
    """P (37)-(38): δ_j needs column j of W, and two hidden neurons make two columns."""
    run = Hidden((3, 2, 2))
    W = run.net.W[1]
    assert W.shape == (2, 2)
    for column in (2, 3):  # the third and the fourth
        with pytest.raises(IndexError):
            W[:, column]
    right = [prime(run.z[0][j]) * float(W[:, j] @ run.delta_k) for j in range(W.shape[1])]
    agree(run.net.delta[0], right)
    shows(str(len(run.net.delta[0])), *right)


def test_the_slope_is_taken_at_the_input_of_the_neuron(shows):
    """P, after (29): f' at the input z of a neuron, not at its output a = f(z)."""
    run = Hidden()
    printed = prime(run.a[1]) * (run.w[1] @ run.delta_k)
    judge(run.net.delta[0], printed, run.delta_j)
    shows(printed[0], run.delta_j[0])


def test_the_outer_product_is_the_gradient_and_the_change_is_minus_the_rate_times_it(shows):
    """P (43): δ aᵀ is ∂L/∂W; ΔW = -η δ aᵀ."""
    run = Hidden()
    outer = np.outer(run.delta_k, run.a[1])
    agree(run.net.dW[1], outer)
    nn.optim.SGD(run.net.model.parameters(), lr=ETA).step()
    change = numbers(run.net.model.layers[1].weight) - run.net.W[1]
    np.testing.assert_allclose(change, -ETA * outer, rtol=0, atol=1e-15)
    assert np.abs(change - outer).max() > 0.1 * np.abs(outer).max()
    shows(outer[0, 0], -ETA * outer[0, 0])


def test_a_column_times_a_row_is_a_matrix_product(shows):
    """P, after (43), "no dot product to be taken": δ aᵀ is one, of length 1 for each entry; with
    a batch of N pairs in the columns it is of length N, and sums over the pairs."""
    run = Hidden()
    column, row = run.delta_k.reshape(2, 1), run.a[1].reshape(1, 3)
    entries = [[np.dot(column[k, :], row[:, j]) for j in range(3)] for k in range(2)]
    agree(column @ row, entries)
    agree(run.net.dW[1], column @ row)
    X, Y = run.net.x + np.arange(4)[:, np.newaxis], np.arange(8).reshape(4, 2) / 8
    run.net.model.zero_grad()
    losses = [nn.half_squared_error(run.net.model(x), y) for x, y in zip(X, Y, strict=True)]
    sum(losses).backward()
    D, A = np.empty((2, 4)), np.empty((3, 4))
    for n in range(4):
        z, a = forward(run.net.W, run.b, X[n], f)
        D[:, n], A[:, n] = prime(z[1]) * (a[2] - Y[n]), a[1]
    agree(run.net.dW[1], D @ A.T)
    shows(column[0, 0] * row[0, 0], (D @ A.T)[0, 0])


def test_a_coefficient_changes_by_minus_the_rate_times_its_gradient(shows):
    """P §4.1.1: Δcoefficient = -η ∂L/∂coefficient; with a plus the cubic leaves the sine."""
    x = np.linspace(-np.pi, np.pi, 2000)
    powers, start = np.stack([x**0, x, x**2, x**3]), np.array([0.753, 0.285, -0.130, -0.012])
    rows = [[Value(each, requires_grad=False) for each in row] for row in powers.T]

    def loss(coefficients):
        errors = affine(rows, coefficients, (-np.sin(x)).tolist())
        return dot(errors, errors)

    coefficients = [Value(each) for each in start]
    before, after = loss(coefficients).data, {}
    for sign in (+1, -1):
        moved = start
        for _ in range(20):
            moved = moved + sign * 1e-6 * 2 * powers @ (moved @ powers - np.sin(x))
        after[sign] = float(((moved @ powers - np.sin(x)) ** 2).sum())
    optimizer = nn.optim.SGD(coefficients, lr=1e-6)
    for _ in range(20):
        optimizer.zero_grad()
        loss(coefficients).backward()
        optimizer.step()
    judge(loss(coefficients).data, after[+1], after[-1])
    assert after[-1] < before < after[+1]
    shows(before, after[+1], after[-1])


def test_a_bias_of_one_output_sees_the_error_of_that_output_alone(shows):
    """P (87)-(90): ∂L/∂b_k = δ_k; of a sum over the outputs n only n = k depends on b_k."""
    run = Hidden()
    printed = [sum(run.delta_k[n] for n in range(2)) for _ in range(2)]
    judge(run.net.db[1], printed, run.delta_k)
    shows(printed[0], run.delta_k[0])


def test_a_hidden_bias_reaches_the_outputs_through_the_weights(shows):
    """P (100)-(103): ∂L/∂b_j = f'(z_j) Σ_n δ_n w_jn, as (104) needs it; from→to."""
    run = Hidden()
    printed, right = np.zeros(3), np.zeros(3)
    for j, n in product(range(3), range(2)):
        printed[j] += prime(run.z[0][j]) * run.delta_k[n]
        right[j] += prime(run.z[0][j]) * run.delta_k[n] * run.w[1][j, n]
    judge(run.net.db[0], printed, right)
    shows(printed[0], right[0])


# --- N ---------------------------------------------------------------------------------------


def test_the_first_row_of_the_gradient_in_the_notes_belongs_to_the_first_activation(shows):
    """N, matrix: the third entry of the first row of a δᵀ is a_1 δ_3, not a_3 δ_3; from→to."""
    run = Hidden((2, 3, 3))
    a, delta = run.a[1], run.delta_k
    printed = [a[0] * delta[0], a[0] * delta[1], a[2] * delta[2]]
    right = [a[0] * delta[0], a[0] * delta[1], a[0] * delta[2]]
    judge(run.net.dW[1].T[0], printed, right)
    shows(printed[2], right[2])


def test_the_gradient_of_the_notes_is_an_outer_product(shows):
    """N: a δᵀ is an outer product, a matrix; a dot product of the two would be one number."""
    run = Hidden((2, 3, 3))
    a, delta = run.a[1], run.delta_k
    printed, right = float(np.dot(a, delta)), np.outer(a, delta)
    judge(run.net.dW[1].T, np.full((3, 3), printed), right)
    shows(printed, right[0, 0], right[1, 0])


def test_the_pre_activation_of_the_notes_includes_the_bias(shows):
    """N: z_j = Σ_i w_ij a_i + b_j, with its bias; from→to."""
    run = Hidden()
    printed = run.net.x @ run.w[0]
    judge(numbers(run.net.z_nodes[0]), printed, printed + run.b[0])
    shows(printed[0], (printed + run.b[0])[0])


# --- D ---------------------------------------------------------------------------------------


def test_on_the_way_to_the_slope_of_the_sigmoid_stands_a_square_below(shows):
    """D, σ': ∂(1/u)/∂u = -1/u² with u = 1 + e^-x, not -1/u^-2; times ∂u/∂x = -e^-x."""
    x = Value(0.5)
    sigmoid(x).backward()
    u, inner = 1 + np.exp(-0.5), -np.exp(-0.5)
    printed, right = -1 / u**-2 * inner, -1 / u**2 * inner
    judge(x.grad, printed, right)
    agree(right, (1 / u) * (1 - 1 / u))  # the result that the article goes on with
    shows(printed, right)


def test_the_last_layer_of_the_recursion_has_the_last_weights(shows):
    """D, recursion: z^L = W^L a^{L-1} + b^L, not W^1; to←from."""
    run = Hidden((3, 3, 3))
    W, a = run.net.W, run.a[1]
    printed, right = W[0] @ a + run.b[1], W[1] @ a + run.b[1]
    judge(numbers(run.net.z_nodes[1]), printed, right)
    shows(printed[0], right[0])


def test_half_a_sum_of_squares_is_not_the_mean_of_squares(shows):
    """D (2): ½ Σ (y - a)², the loss whose slope is a - y as (7)-(16) have it; the mean of the
    squared errors of n outputs has slope 2/n (a - y)."""
    run = Hidden((3, 3, 3))
    error = run.a[2] - run.y
    half, mean = float((error**2).sum() / 2), float((error**2).mean())
    judge(run.net.loss.data, mean, half)
    judge(grads(run.net.a_nodes[2]), 2 * error / 3, error)
    agree(nn.mse(run.net.a_nodes[2], run.y).data, mean)
    shows(mean, half, 2 * error[0] / 3, error[0])


def test_relu_and_in_numbers_tanh_have_stretches_without_slope(shows):
    """D: relu'(z) = 0 for z < 0. tanh'(z) > 0 for every z, but in double precision 1 - tanh² is 0
    from z = 20 on, where the engine still has the slope, and at z = 400 that is 0 too."""
    closed, far, farther = Value(-1.0), Value(20.0), Value(400.0)
    for slope in (relu(closed), tanh(far), tanh(farther)):
        slope.backward()
    assert closed.grad == RELU.prime(-1.0) == 0.0
    assert TANH.prime(20.0) == 0.0
    agree(far.grad, np.cosh(20.0) ** -2)
    assert farther.grad == 0.0
    shows(closed.grad, float(TANH.prime(20.0)), far.grad, farther.grad)


# --- M ---------------------------------------------------------------------------------------


def test_the_affine_maps_are_collected_up_to_the_last_layer(shows):
    """M, linear activations: A^(l), B^(l) for l = 1..L, not for l < L alone; to←from."""
    random, alpha, beta = np.random.default_rng(14), 0.5, 0.3
    W, b, x = random.normal(size=(3, 2, 2)), random.normal(size=(3, 2)), random.normal(size=2)
    nodes = [Value(each) for each in x]
    for level in range(3):
        nodes = [alpha * z + beta for z in affine(W[level], nodes, b[level])]
    outputs, A, B = [], np.eye(2), np.zeros(2)
    for level in range(3):
        A, B = alpha * W[level] @ A, alpha * W[level] @ B + alpha * b[level] + beta
        outputs.append(A @ x + B)
    judge(numbers(nodes), outputs[1], outputs[2])
    shows(outputs[1][0], outputs[2][0])


def test_the_jacobians_of_the_layers_are_multiplied_from_the_last_to_the_first(shows):
    """M, chain of Jacobians: J = J_N J_{N-1} ⋯ J_1, the last layer on the left."""
    random = np.random.default_rng(15)
    W, x = random.normal(size=(3, 2, 2)), random.normal(size=2)

    def network(inputs):
        for weights in W:
            inputs = [tanh(z) for z in affine(weights, inputs)]
        return np.array(inputs)

    a, J = x, []
    for weights in W:
        J.append(TANH.prime(weights @ a)[:, np.newaxis] * weights)
        a = np.tanh(weights @ a)
    printed, right = J[0] @ J[1] @ J[2], J[2] @ J[1] @ J[0]
    judge(jacobian(network)(x), printed, right)
    shows(printed[0, 0], right[0, 0])


def test_a_sum_of_relus_needs_output_weights_of_both_signs(shows):
    """M, approximation: Σ σ(w_n x + b_n) with ReLU is convex, so at best ½ away from sin on
    [0, π]; Σ v_n σ(w_n x + b_n) with v_n of both signs comes within h²/8."""
    sine = np.array([0.0, 1.0, 0.0])  # at 0, π/2 and π
    ends = [0.0, np.pi / 2, np.pi]

    def engine(w, b, v, shift, x):
        return sum((vn * relu(wn * x + bn) for wn, bn, vn in zip(w, b, v, strict=True)), shift)

    random = np.random.default_rng(16)
    for _ in range(100):
        w, b = random.normal(size=(2, 5)).tolist()
        x = [Value(each) for each in ends]
        out = [engine(w, b, [1.0] * 5, 0.0, each) for each in x]
        for each in out:
            each.backward()
        assert grads(x)[0] <= grads(x)[1] <= grads(x)[2]  # convex: its slope never falls
        assert out[0] + out[2] >= 2.0 * out[1] - 1e-12
        assert np.abs(numbers(out) - sine).max() >= 0.5 - 1e-12
    # One ReLU, of the constant ½, reaches that bound, so it is the best.
    grid = np.linspace(0.0, np.pi, 801)
    best = [engine([0.0], [0.5], [1.0], 0.0, Value(each)).data for each in grid]
    printed = np.abs(best - np.sin(grid)).max()
    assert printed == 0.5

    knots = np.linspace(0.0, np.pi, 9)
    v = np.diff(np.diff(np.sin(knots)) / knots[1], prepend=0.0)
    assert v.min() < 0.0 < v.max()
    out = [engine([1.0] * 8, (-knots[:-1]).tolist(), v.tolist(), 0.0, Value(x)) for x in grid]
    agree(numbers(out), np.interp(grid, knots, np.sin(knots)))
    right = np.abs(numbers(out) - np.sin(grid)).max()
    assert right <= knots[1] ** 2 / 8
    shows(f"{printed:.1f}", f"{right:.4f}")
