"""The statements of five texts on backprop by hand are what the graph of Values computes.

L is an article on the Linear layer, P a paper on back-propagation (an educational network of
loops, a matrix network, a derivation), N handwritten notes, D an article on networks of a single
neuron per layer, M the lecture on MLPs of EE-559 (Fleuret, 3b).

Two conventions differ between them and are named in each test. What δ belongs to: in L it is the
derivative by what goes into or comes out of a layer, in P, N, D and M by the pre-activation z.
And which way a weight is indexed: in P and N from source to destination, w_jk; in L, D and M, and
in our `weight[k, j]`, the destination comes first.
"""

import math

import numpy as np
import pytest

import nn
from autograd import Value, log, sigmoid, topological
from nn import deltas

# --- helpers ---------------------------------------------------------------------------------


def numbers(nodes):
    return np.array([node.data for node in nodes])


def grads(nodes):
    nodes = np.asarray(nodes, dtype=object)
    return np.array([node.grad for node in nodes.flat]).reshape(nodes.shape)


def close(actual, expected, rtol=1e-13):
    """Compare two arrays relative to the largest entry of the second."""
    expected = np.asarray(expected)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * np.abs(expected).max())


def pre_activations(out):
    """The nodes z of a graph, per layer, in the order of the neurons."""
    layers = {}
    for node in topological(out):
        if node.label.startswith("z["):
            layers.setdefault(node.scope.path, []).append(node)
    return [
        sorted(nodes, key=lambda node: int(node.label[2:-1])) for _, nodes in sorted(layers.items())
    ]


def logistic(z):
    return 1.0 / (1.0 + math.exp(-z))


def logistic_slope(z):
    return logistic(z) * (1.0 - logistic(z))


def sigmoid_network(sizes, seed=0):
    return nn.MLP(sizes[0], sizes[1:], activation="sigmoid", output="sigmoid", rng=seed)


# --- L: a Linear layer -----------------------------------------------------------------------


@pytest.fixture
def linear_layer():
    """L's layer: three inputs o, two outputs, and the flow δ' that arrives at the outputs.

    Returns:
        The layer after its backward pass, the inputs, the outputs, and W, b, o, δ' as numbers.
    """
    W, b = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]), np.array([0.1, -0.2])
    o, incoming = np.array([2.0, -3.0, 0.5]), np.array([0.7, -1.3])
    layer = nn.Linear(3, 2)
    layer.load_state_dict({"weight": W, "bias": b})
    inputs = [Value(each) for each in o]
    out = layer(inputs)
    # A sum weighted with δ' sends exactly δ' to the outputs.
    sum(flow * each for flow, each in zip(incoming.tolist(), out, strict=True)).backward()
    return layer, inputs, out, (W, b, o, incoming)


def test_the_forward_of_a_linear_layer_is_a_weighted_sum_per_output(linear_layer):
    # L: out_i = Σ_j w^i_j x_j + b_i
    _, _, out, (W, b, o, _) = linear_layer
    for i in range(2):
        by_hand = b[i]
        for j in range(3):
            by_hand += W[i, j] * o[j]
        assert out[i].data == pytest.approx(by_hand, rel=1e-15)


def test_the_flow_to_an_input_is_summed_over_all_paths(linear_layer):
    # L, the impact formula: δ_j = δ'_1 w^1_j + δ'_2 w^2_j; L's δ is the derivative by the input.
    _, inputs, out, (W, _, _, incoming) = linear_layer
    assert grads(out).tolist() == incoming.tolist()
    for j in range(3):
        by_hand = incoming[0] * W[0, j] + incoming[1] * W[1, j]
        assert inputs[j].grad == pytest.approx(by_hand, rel=1e-15)


def test_the_gradient_of_each_of_the_six_weights_is_flow_times_input(linear_layer):
    # L: δw^i_j = δ'_i o_j
    layer, _, _, (_, _, o, incoming) = linear_layer
    for i in range(2):
        for j in range(3):
            assert layer.weight[i, j].grad == incoming[i] * o[j]


def test_the_gradient_of_a_bias_is_the_flow_itself(linear_layer):
    # L: δb_i = δ'_i
    layer, _, _, (_, _, _, incoming) = linear_layer
    assert grads(layer.bias).tolist() == incoming.tolist()


@pytest.mark.parametrize("y", [0.5, 4.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_example_of_a_linear_layer_then_relu_then_half_a_square(y, sign):
    # L: no bias; δ³ behind the Linear layer, δ² = δ³ w² in front of it, δw² = δ³ o¹.
    o, w = np.array([1.0, -2.0, 0.5]), sign * np.array([3.0, 0.5, 2.0])
    model = nn.Sequential(nn.Linear(3, 1, bias=False), nn.ReLU())
    model.load_state_dict({"0.weight": w[np.newaxis]})
    inputs = [Value(each) for each in o]
    (out,) = model(inputs)
    nn.half_squared_error([out], y).backward()
    z = float(w @ o)
    assert out.data == max(z, 0.0)
    delta3 = (max(z, 0.0) - y) * (1.0 if z > 0.0 else 0.0)
    assert out.parents[0].grad == delta3
    assert grads(inputs).tolist() == (delta3 * w).tolist()
    assert grads(model[0].weight[0]).tolist() == (delta3 * o).tolist()


# --- P: the educational network --------------------------------------------------------------


def by_nested_loops(W, b, x, y):
    """P's loops for a network of sigmoids, with w[l][j][k] from neuron j to k as P indexes.

    Returns:
        z and a by layer (a[0] is x), δ by layer, all as lists.
    """
    zs, activations, flows = [], [list(x)], []
    for w, bias in zip(W, b, strict=True):
        # (1): z_k = Σ_j w_jk a_j + b_k, with the bias of the destination, once.
        z = [
            sum(w[j][k] * activations[-1][j] for j in range(len(w))) + bias[k]
            for k in range(len(bias))
        ]
        zs.append(z)
        activations.append([logistic(each) for each in z])
    for level in reversed(range(len(W))):
        if level == len(W) - 1:
            slopes = [a - target for a, target in zip(activations[-1], y, strict=True)]
        else:
            following = W[level + 1]
            slopes = [
                sum(flows[0][k] * following[j][k] for k in range(len(flows[0])))
                for j in range(len(zs[level]))
            ]
        flows.insert(
            0, [logistic_slope(z) * slope for z, slope in zip(zs[level], slopes, strict=True)]
        )
    return zs, activations, flows


@pytest.mark.parametrize("sizes", [[2, 2], [3, 2, 2], [2, 3, 2, 1], [4, 3, 5, 2, 3], [1, 1, 1, 1]])
def test_the_nested_loops_of_the_educational_network_are_what_the_graph_computes(sizes):
    # P (1), the output δ_k = f'(z_k)(a_k - y_k), and at any depth δ_b = f'(z_b) Σ_c δ_c w_bc.
    model = sigmoid_network(sizes)
    random = np.random.default_rng(1)
    x, y = random.normal(size=sizes[0]), random.uniform(size=sizes[-1])
    loss = nn.half_squared_error(model(x), y)
    loss.backward()
    W = [numbers(layer.weight.ravel()).reshape(layer.weight.shape).T for layer in model.layers]
    b = [numbers(layer.bias) for layer in model.layers]
    z, a, delta = by_nested_loops(W, b, x, y)
    nodes = pre_activations(loss)
    for level, layer in enumerate(model.layers):
        close(numbers(nodes[level]), z[level])
        close(grads(nodes[level]), delta[level])
        # (55)-(57), (60)-(78), (79)-(85): ∂L/∂w_jk = δ_k a_j on every level, w_jk from j to k;
        # (86)-(104): ∂L/∂b_k = δ_k.
        for k, flow in enumerate(delta[level]):
            for j, activation in enumerate(a[level]):
                by_hand = flow * activation
                assert layer.weight[k, j].grad == pytest.approx(by_hand, rel=1e-12)
            assert layer.bias[k].grad == pytest.approx(flow, rel=1e-12)


def test_the_three_layers_of_three_neurons_are_one_nested_function():
    # P (6)-(15), with its (11) corrected: f(w_jk f(w_ij f(z_i) + b_j) + b_k), one neuron each.
    model = sigmoid_network([1, 1, 1, 1], seed=3)
    (w_i, b_i), (w_j, b_j), (w_k, b_k) = [
        (layer.weight[0, 0].data, layer.bias[0].data) for layer in model.layers
    ]
    x, y = 0.8, 0.1
    z_i = w_i * x + b_i
    z_j = w_j * logistic(z_i) + b_j
    z_k = w_k * logistic(z_j) + b_k
    (out,) = model([x])
    assert out.data == pytest.approx(logistic(z_k), rel=1e-15)
    nn.half_squared_error([out], y).backward()
    # (14)-(15) with the δ of the right neuron and the a of the left one.
    delta_k = (logistic(z_k) - y) * logistic_slope(z_k)
    delta_j = delta_k * w_k * logistic_slope(z_j)
    delta_i = delta_j * w_j * logistic_slope(z_i)
    by_hand = [
        delta_i * x, delta_i,
        delta_j * logistic(z_i), delta_j,
        delta_k * logistic(z_j), delta_k,
    ]  # fmt: skip
    close(grads(model.parameters()), by_hand)


def test_a_step_takes_every_delta_from_the_weights_before_any_is_updated():
    # P (2)-(4): w_jk ← w_jk - η δ_k a_j and b_k ← b_k - η δ_k. With δ_j from the already
    # corrected w_jk, as P's steps print it, the hidden layer comes out differently.
    eta, model = 0.5, sigmoid_network([2, 3, 2])
    before = model.state_dict()
    x, y = np.array([0.5, -1.0]), np.array([0.0, 1.0])
    W = [before["layers.0.weight"].T, before["layers.1.weight"].T]
    b = [before["layers.0.bias"], before["layers.1.bias"]]
    z, a, delta = by_nested_loops(W, b, x, y)
    nn.half_squared_error(model(x), y).backward()
    nn.optim.SGD(model.parameters(), lr=eta).step()
    after = model.state_dict()
    for level in range(2):
        new_w, new_b = W[level].copy(), b[level].copy()
        for k in range(len(new_b)):
            for j in range(len(new_w)):
                new_w[j, k] -= eta * delta[level][k] * a[level][j]
            new_b[k] -= eta * delta[level][k]
        close(after[f"layers.{level}.weight"], new_w.T)
        close(after[f"layers.{level}.bias"], new_b)

    corrected = after["layers.1.weight"]
    too_late = [
        logistic_slope(z[0][j]) * sum(delta[1][k] * corrected[k, j] for k in range(2))
        for j in range(3)
    ]
    wrong = b[0] - eta * np.array(too_late)
    assert np.abs(after["layers.0.bias"] - wrong).max() > 1e-4


def test_a_batch_averages_the_changes_of_its_pairs_and_goes_down():
    # P (5): the average of the per-pair changes, each -η δ a; with a plus sign it would climb.
    eta, model = 0.5, sigmoid_network([2, 3, 1])
    random = np.random.default_rng(2)
    X, y = random.normal(size=(5, 2)), random.uniform(size=(5, 1))
    before = model.state_dict()
    change = {name: np.zeros_like(array) for name, array in before.items()}
    W = [before["layers.0.weight"].T, before["layers.1.weight"].T]
    b = [before["layers.0.bias"], before["layers.1.bias"]]
    for sample, target in zip(X, y, strict=True):
        _, a, delta = by_nested_loops(W, b, sample, target)
        for level in range(2):
            change[f"layers.{level}.weight"] -= eta * np.outer(delta[level], a[level]) / 5
            change[f"layers.{level}.bias"] -= eta * np.array(delta[level]) / 5

    def mean_loss():
        losses = [nn.half_squared_error(model(row), t) for row, t in zip(X, y, strict=True)]
        return sum(losses) / len(losses)

    loss = mean_loss()
    loss.backward()
    nn.optim.SGD(model.parameters(), lr=eta).step()
    for name, array in model.state_dict().items():
        close(array - before[name], change[name])
    assert mean_loss() < loss


# --- P: the matrix network -------------------------------------------------------------------


def test_the_matrix_form_is_one_product_per_layer_and_direction():
    # P (24): z = W a + b, a row of W per destination; (27): the output δ as a vector;
    # (29)-(38): δ = f'(z) ⊙ (Wᵀ δ), f' at the input z, a column of W per hidden neuron.
    model = sigmoid_network([3, 4, 2])
    x, y = np.array([0.2, -0.7, 1.1]), np.array([0.9, 0.1])
    loss = nn.half_squared_error(model(x), y)
    loss.backward()
    hidden, output = pre_activations(loss)
    state = model.state_dict()
    W1, b1, W2, b2 = (state[f"layers.{i}.{name}"] for i in (0, 1) for name in ("weight", "bias"))
    f = np.vectorize(logistic)
    z1 = W1 @ x + b1
    z2 = W2 @ f(z1) + b2
    close(numbers(hidden), z1)
    close(numbers(output), z2)
    slope1, slope2 = f(z1) * (1.0 - f(z1)), f(z2) * (1.0 - f(z2))
    delta2 = slope2 * (f(z2) - y)
    close(grads(output), delta2)
    close(grads(hidden), slope1 * (W2.T @ delta2))
    column_by_column = [slope1[j] * float(W2[:, j] @ delta2) for j in range(4)]
    close(grads(hidden), column_by_column)


@pytest.mark.parametrize("sizes", [(2, 3), (4, 1), (1, 4), (5, 5)])
def test_the_gradient_of_a_matrix_is_the_outer_product_of_delta_and_activation(sizes):
    # P (39)-(43): ∂L/∂W = δ aᵀ, column times row; (44)-(45): the same by broadcasting δ along
    # the columns and a along the rows. It is the gradient: ΔW = -η times it.
    layer = nn.Linear(*sizes, rng=0)
    random = np.random.default_rng(4)
    a, y = random.normal(size=sizes[0]), random.normal(size=sizes[1])
    z = layer(a)
    nn.half_squared_error(z, y).backward()
    delta = numbers(z) - y
    column, row = delta[:, np.newaxis], a[np.newaxis, :]
    spread = np.broadcast_to(column, sizes[::-1]) * np.broadcast_to(row, sizes[::-1])
    for by_hand in (np.outer(delta, a), column @ row, spread):
        close(grads(layer.weight), by_hand, 1e-14)
    close(grads(layer.bias), delta, 1e-14)


def test_in_storage_from_source_to_destination_the_same_products_are_transposed():
    # N: with W stored as (l-1, l), ∂L/∂W = a δᵀ, δ^L = (a^L - y) ⊙ σ'(z^L) and
    # δ^l = (W^{l+1} δ^{l+1}) ⊙ σ'(z^l). Its third printed entry a₃δ₃ is a₁δ₃.
    model = sigmoid_network([3, 3, 2], seed=5)
    x, y = np.array([1.0, -0.5, 0.25]), np.array([0.0, 1.0])
    loss = nn.half_squared_error(model(x), y)
    loss.backward()
    first, last = (grads(nodes) for nodes in pre_activations(loss))
    z_first, z_last = (numbers(nodes) for nodes in pre_activations(loss))
    f = np.vectorize(logistic)
    stored = model.state_dict()["layers.1.weight"].T
    assert stored.shape == (3, 2)
    close(last, (f(z_last) - y) * np.vectorize(logistic_slope)(z_last))
    close(first, (stored @ last) * np.vectorize(logistic_slope)(z_first))
    close(grads(model.layers[1].weight).T, f(z_first)[:, np.newaxis] @ last[np.newaxis, :])
    close(grads(model.layers[0].weight).T[0], [x[0] * first[k] for k in range(3)])


@pytest.mark.parametrize("backprop", [deltas.by_loops, deltas.by_matrices])
@pytest.mark.parametrize("sizes", [[2, 1], [3, 4, 2], [2, 3, 3, 3, 1]])
def test_backprop_by_hand_gives_what_the_graph_gives(backprop, sizes):
    # P and N as `nn.deltas` writes them, next to a graph that knows none of it; a mean over three
    # pairs as in P (5).
    model = sigmoid_network(sizes, seed=6)
    random = np.random.default_rng(7)
    X, y = random.normal(size=(3, sizes[0])), random.uniform(size=(3, sizes[-1]))
    state = model.state_dict()
    depth = len(sizes) - 1
    run = backprop(
        [state[f"layers.{i}.weight"] for i in range(depth)],
        [state[f"layers.{i}.bias"] for i in range(depth)],
        ["sigmoid"] * depth,
        X,
        y,
    )
    losses = [nn.half_squared_error(model(row), target) for row, target in zip(X, y, strict=True)]
    mean = sum(losses) / len(losses)
    mean.backward()
    assert mean.data == pytest.approx(run.loss, rel=1e-13)
    for i, layer in enumerate(model.layers):
        close(grads(layer.weight), run.dW[i])
        close(grads(layer.bias), run.db[i])


# --- D: a single neuron per layer ------------------------------------------------------------


def test_the_slope_of_the_sigmoid_is_sigmoid_times_one_minus_sigmoid():
    # D: σ' = σ (1 - σ); on the way there it is +e^-x (1 + e^-x)^-2.
    for x in (-4.0, -0.5, 0.0, 1.0, 3.0):
        z = Value(x)
        sigmoid(z).backward()
        assert z.grad == pytest.approx(logistic(x) * (1.0 - logistic(x)), rel=1e-14)
        assert z.grad == pytest.approx(math.exp(-x) * (1.0 + math.exp(-x)) ** -2, rel=1e-14)


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_a_chain_of_single_sigmoid_neurons_has_the_gradients_of_the_article(depth):
    # D (7)-(16): ∂L/∂w^L = a^{L-1} (a^L - y) a^L (1 - a^L), ∂L/∂b^L the same without a^{L-1};
    # further in, times w a (1 - a) of every layer on the way. L = ½ (y - a^L)², half a square.
    model = sigmoid_network([1] * (depth + 1), seed=8)
    x, y = 0.6, 0.25
    w = [layer.weight[0, 0].data for layer in model.layers]
    b = [layer.bias[0].data for layer in model.layers]
    a = [x]
    for level in range(depth):
        a.append(logistic(w[level] * a[-1] + b[level]))
    loss = nn.half_squared_error(model([x]), y)
    assert loss.data == pytest.approx(0.5 * (y - a[-1]) ** 2, rel=1e-14)
    loss.backward()
    flow = a[-1] - y
    for level in reversed(range(depth)):
        delta = flow * a[level + 1] * (1.0 - a[level + 1])
        layer = model.layers[level]
        assert layer.weight[0, 0].grad == pytest.approx(a[level] * delta, rel=1e-13)
        assert layer.bias[0].grad == pytest.approx(delta, rel=1e-13)
        flow = delta * w[level]


def test_all_weights_and_biases_as_one_vector_take_one_step_down():
    # D: flattened into a vector θ, the update is θ ← θ - λ ∂L/∂θ.
    model, rate = sigmoid_network([2, 3, 2], seed=9), 0.3
    nn.half_squared_error(model([1.0, 2.0]), [0.0, 1.0]).backward()
    theta, gradient = numbers(model.parameters()), grads(model.parameters())
    nn.optim.SGD(model.parameters(), lr=rate).step()
    close(numbers(model.parameters()), theta - rate * gradient, 1e-15)


# --- M: multi-layer perceptrons --------------------------------------------------------------


def test_the_backward_pass_of_the_lecture_emerges_layer_by_layer():
    # M: [∂l/∂s] = [∂l/∂x] ⊙ σ'(s), [∂l/∂x^(l)] = W^(l+1)ᵀ [∂l/∂s^(l+1)],
    # [[∂l/∂w]] = [∂l/∂s] xᵀ, [∂l/∂b] = [∂l/∂s]; M's s is our z, and its x^(l) our a.
    model = nn.MLP(3, [4, 3, 2], activation="tanh", output="tanh", rng=10)
    x, y = np.array([0.3, -1.2, 0.8]), np.array([0.5, -0.5])
    loss = nn.mse(model(x), y)
    loss.backward()
    s = [numbers(nodes) for nodes in pre_activations(loss)]
    xs = [x, *map(np.tanh, s)]
    by_x = 2.0 * (xs[-1] - y) / 2
    for level in reversed(range(3)):
        by_s = by_x * (1.0 - np.tanh(s[level]) ** 2)
        W = model.state_dict()[f"layers.{level}.weight"]
        close(s[level], W @ xs[level] + model.state_dict()[f"layers.{level}.bias"])
        close(grads(pre_activations(loss)[level]), by_s)
        close(grads(model.layers[level].weight), by_s[:, np.newaxis] @ xs[level][np.newaxis, :])
        close(grads(model.layers[level].bias), by_s)
        by_x = W.T @ by_s


def test_tanh_is_a_stretched_sigmoid():
    # M: tanh x = 2 / (1 + e^(-2x)) - 1
    for x in (-2.0, -0.1, 0.0, 0.7, 3.0):
        one, other = Value(x), Value(x)
        a, b = one.tanh(), 2.0 / (1.0 + (-2.0 * other).exp()) - 1.0
        assert a.data == pytest.approx(b.data, rel=1e-12, abs=1e-15)
        a.backward()
        b.backward()
        assert one.grad == pytest.approx(other.grad, rel=1e-12)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.5, 0.0), (-2.0, 0.3)])
def test_linear_activations_collapse_a_network_to_one_affine_map(alpha, beta):
    # M: with σ(x) = αx + β, A^(l) = α W^(l) A^(l-1) and B^(l) = α W^(l) B^(l-1) + α b^(l) + β 1,
    # for l = 1..L, from A^(0) = I and B^(0) = 0; then the network is x ↦ A^(L) x + B^(L).
    class Affine(nn.Module):
        def forward(self, inputs):
            return [alpha * z + beta for z in inputs]

    layers = [nn.Linear(3, 4, rng=0), nn.Linear(4, 5, rng=1), nn.Linear(5, 2, rng=2)]
    model = nn.Sequential(*(part for layer in layers for part in (layer, Affine())))
    A, B = np.eye(3), np.zeros(3)
    for layer in layers:
        W, b = layer.state_dict()["weight"], layer.state_dict()["bias"]
        A, B = alpha * W @ A, alpha * W @ B + alpha * b + beta
    for x in np.random.default_rng(11).normal(size=(4, 3)):
        inputs = [Value(each) for each in x]
        outputs = model(inputs)
        close(numbers(outputs), A @ x + B)
        for row, output in zip(A, outputs, strict=True):
            for each in inputs:
                each.zero_grad()
            output.backward()
            close(grads(inputs), row)


def test_an_mlp_without_activations_is_a_linear_layer():
    # The same for our own class: without an activation the depth adds nothing.
    model = nn.MLP(2, [5, 5, 1], activation="linear", rng=3)
    zero, e1, e2, point = (
        model(x)[0].data for x in ([0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [3.0, -2.0])
    )
    assert point == pytest.approx(zero + 3.0 * (e1 - zero) - 2.0 * (e2 - zero), rel=1e-12)


def test_the_gradients_of_logistic_regression_are_those_of_the_lecture():
    # M: L = -Σ log σ(y_n (w·x_n + b)), labels ±1; with u_n = y_n σ(-y_n (w·x_n + b)),
    # ∂L/∂b = -Σ u_n and ∂L/∂w_d = -Σ x_{n,d} u_n.
    random = np.random.default_rng(12)
    X, y = random.normal(size=(20, 3)), random.choice([-1.0, 1.0], size=20)
    w, b = random.normal(size=3), 0.4
    neuron = nn.Neuron(3)
    neuron.load_state_dict({"weight": w, "bias": b})
    loss = -sum(
        log(sigmoid(label * neuron(row)[0])) for row, label in zip(X, y.tolist(), strict=True)
    )
    loss.backward()
    margins = y * (X @ w + b)
    assert loss.data == pytest.approx(-np.log(np.vectorize(logistic)(margins)).sum(), rel=1e-13)
    u = y * np.vectorize(logistic)(-margins)
    assert neuron.bias.grad == pytest.approx(-u.sum(), rel=1e-12)
    for d in range(3):
        assert neuron.weight[d].grad == pytest.approx(-(X[:, d] * u).sum(), rel=1e-12)


def test_the_loss_of_the_lecture_is_binary_cross_entropy_with_labels_0_and_1():
    # M's labels ±1 and the labels 0 and 1 of the logistic loss name the same two classes.
    for logit in (-2.0, 0.3, 40.0):
        for label in (-1.0, 1.0):
            z, twin = Value(logit), Value(logit)
            (-log(sigmoid(label * z))).backward()
            nn.bce_with_logits([twin], (label + 1.0) / 2.0).backward()
            assert z.grad == pytest.approx(twin.grad, rel=1e-12, abs=1e-16)


def test_a_gradient_step_is_the_minimum_of_the_local_quadratic_model():
    # M: w - η∇L minimises L(w) + ∇L·(v - w) + |v - w|² / (2η) over v.
    w, eta = [Value(0.5), Value(-1.5)], 0.1
    loss = (w[0] * w[1]).tanh() + w[0] ** 2
    loss.backward()
    gradient, start = grads(w), numbers(w)
    v = [Value(each) for each in start - eta * gradient]
    model = loss.data + sum(
        g * (vi - wi) + (vi - wi) ** 2 / (2.0 * eta)
        for g, vi, wi in zip(gradient.tolist(), v, start.tolist(), strict=True)
    )
    model.backward()
    assert np.abs(grads(v)).max() < 1e-14


def test_relus_with_signed_output_weights_approximate_the_sine_with_error_h_squared_over_8():
    # M: a sum of ReLUs approximates a continuous function; its output weights need both signs.
    # Interpolating sin between knots of spacing h, the error is at most h² max|sin''| / 8.
    n, end = 16, 2.0 * math.pi
    knots = np.linspace(0.0, end, n + 1)
    h = knots[1]
    slopes = np.diff(np.sin(knots)) / h
    model = nn.MLP(1, [n, 1], activation="relu")
    model.load_state_dict(
        {
            "layers.0.weight": np.ones((n, 1)),
            "layers.0.bias": -knots[:-1],
            "layers.1.weight": np.diff(slopes, prepend=0.0)[np.newaxis],
            "layers.1.bias": [0.0],
        }
    )
    x = np.linspace(0.0, end, 401)
    error = np.abs(nn.predict(model, x[:, np.newaxis])[:, 0] - np.sin(x)).max()
    assert 0.8 * h**2 / 8.0 < error <= h**2 / 8.0
    weights = model.state_dict()["layers.1.weight"]
    assert weights.min() < 0.0 < weights.max()


# --- P: the example of a polynomial ----------------------------------------------------------


def polynomial_step(coefficients, x, y):
    """P's gradients 2 Σ (y_pred - y) · {1, x, x², x³}."""
    powers = np.stack([x**0, x, x**2, x**3])
    return 2.0 * powers @ (coefficients @ powers - y)


def test_the_gradients_of_the_polynomial_fit_are_those_of_the_paper():
    # P: y = a + b x + c x² + d x³ on 2,000 points of [-π, π], the sum of squares; here from
    # (0.753, 0.285, -0.130, -0.012), and Δcoefficient = minus rate times gradient.
    x = np.linspace(-math.pi, math.pi, 2000)
    y = np.sin(x)
    start = np.array([0.753, 0.285, -0.130, -0.012])
    a, b, c, d = coefficients = [Value(each) for each in start]
    loss = sum(
        (a + b * xi + c * xi**2 + d * xi**3 - yi) ** 2
        for xi, yi in zip(x.tolist(), y.tolist(), strict=True)
    )
    loss.backward()
    close(grads(coefficients), polynomial_step(start, x, y), 1e-12)
    # 2,000 such steps with η = 1e-6 end on the digits that P prints, of c only three.
    theta = start
    for _ in range(2000):
        theta = theta - 1e-6 * polynomial_step(theta, x, y)
    digits = [f"{each:.{n}f}" for each, n in zip(theta, (4, 4, 3, 4), strict=True)]
    assert digits == ["0.0237", "0.8476", "-0.004", "-0.0920"]
