"""Programs as users of micrograd write them run unchanged, and give the numbers of torch.

Only the imports differ: `from autograd import Value` and `import nn`.
"""

import random

import numpy as np
import pytest

import nn
from autograd import Value

# --- its README ------------------------------------------------------------------------------


def test_the_example_of_the_readme():
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    assert f"{g.data:.4f}" == "24.7041"
    g.backward()
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


# --- its test_engine -------------------------------------------------------------------------


def assert_same(program, ours, theirs):
    """Run the program on our leaves and on torch's, and compare outputs and gradients."""
    out, expected = program(*ours), program(*theirs)
    out.backward()
    expected.backward()
    assert out.data == pytest.approx(expected.item(), rel=1e-12)
    for leaf, other in zip(ours, theirs, strict=True):
        assert leaf.grad == pytest.approx(other.grad.item(), rel=1e-12)


def leaves(torch, *numbers):
    return (
        [Value(number) for number in numbers],
        [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in numbers],
    )


def sanity_check(x):
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    return y


def more_ops(a, b):
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + (b + a).relu()
    d = d + 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g = g + 10.0 / f
    return g


@pytest.mark.parametrize("x", [-4.0, 0.0, 1.5])
def test_the_sanity_check_of_its_tests(x):
    torch = pytest.importorskip("torch")
    assert_same(sanity_check, *leaves(torch, x))


@pytest.mark.parametrize("numbers", [(-4.0, 2.0), (0.5, -1.25), (3.0, 3.0)])
def test_the_more_ops_of_its_tests(numbers):
    torch = pytest.importorskip("torch")
    assert_same(more_ops, *leaves(torch, *numbers))


def test_in_place_operators_and_reflected_ones():
    torch = pytest.importorskip("torch")

    def program(a, b):
        c = 1 - a
        c *= b
        c -= 2 / b
        c /= 3
        c += -(a**2)
        return 5 + c

    assert_same(program, *leaves(torch, 0.7, -1.3))


def test_the_neuron_of_the_lecture():
    # Two inputs, tanh; then the same with tanh taken apart into exponentials.
    def neuron(activation):
        x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
        w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
        b = Value(6.8813735870195432, label="b")
        o = activation(x1 * w1 + x2 * w2 + b)
        o.backward()
        return [o.data, x1.grad, w1.grad, x2.grad, w2.grad]

    def taken_apart(n):
        e = (2 * n).exp()
        return (e - 1) / (e + 1)

    whole = neuron(lambda n: n.tanh())
    assert whole == pytest.approx([np.sqrt(0.5), -1.5, 1.0, 0.5, 0.0], rel=1e-12)
    assert neuron(taken_apart) == pytest.approx(whole, rel=1e-12)


# --- the moons demo --------------------------------------------------------------------------


def moons():
    return nn.data.moons(30, noise=0.1, rng=0)


def svm_loss(model, X, y):
    """The cell of the demo: max-margin loss, L2 regularisation, accuracy."""
    inputs = [list(map(Value, xrow)) for xrow in X]
    (scores,) = zip(*map(model, inputs), strict=True)  # each call gives a list of one Value

    losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores, strict=True)]
    data_loss = sum(losses) * (1.0 / len(losses))
    alpha = 1e-4
    reg_loss = alpha * sum(p * p for p in model.parameters())
    total_loss = data_loss + reg_loss

    accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(y, scores, strict=True)]
    return total_loss, sum(accuracy) / len(accuracy)


def of_torch(torch, model):
    """The same network in torch, as one flat list of arrays."""
    parts = []
    for i, layer in enumerate(model.layers):
        n_out, n_in = layer.weight.shape
        parts.append(torch.nn.Linear(n_in, n_out, dtype=torch.float64))
        parts[-1].load_state_dict({k: torch.from_numpy(v) for k, v in layer.state_dict().items()})
        if i < len(model.layers) - 1:
            parts.append(torch.nn.ReLU())
    return torch.nn.Sequential(*parts)


def test_the_moons_demo_goes_step_by_step_as_in_torch():
    torch = pytest.importorskip("torch")
    X, y = moons()
    model = nn.MLP(2, [8, 8, 1], rng=0)
    theirs = of_torch(torch, model)
    x_there, y_there = torch.from_numpy(X), torch.from_numpy(y)
    for k in range(10):
        total_loss, _ = svm_loss(model, X, y)
        model.zero_grad()
        total_loss.backward()

        loss = (1 - y_there * theirs(x_there)[:, 0]).relu().mean()
        loss = loss + 1e-4 * sum((p * p).sum() for p in theirs.parameters())
        theirs.zero_grad()
        loss.backward()

        assert total_loss.data == pytest.approx(loss.item(), rel=1e-12)
        expected = np.concatenate([p.grad.numpy().ravel() for p in theirs.parameters()])
        np.testing.assert_allclose(
            [p.grad for p in model.parameters()],
            expected,
            rtol=0,
            atol=1e-12 * np.abs(expected).max(),
        )

        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad
        with torch.no_grad():
            for p in theirs.parameters():
                p -= learning_rate * p.grad


def test_the_moons_demo_learns():
    X, y = moons()
    model = nn.MLP(2, [16, 16, 1], rng=0)
    for k in range(100):
        total_loss, accuracy = svm_loss(model, X, y)
        model.zero_grad()
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad
    total_loss, accuracy = svm_loss(model, X, y)
    assert accuracy > 0.9
    assert total_loss.data < 0.1


def test_the_contour_of_the_demo_is_a_map_over_a_grid():
    model = nn.MLP(2, [8, 8, 1], rng=0)
    xx, yy = np.meshgrid(np.arange(-1.0, 1.0, 0.5), np.arange(-1.0, 1.0, 0.5))
    Xmesh = np.c_[xx.ravel(), yy.ravel()]
    inputs = [list(map(Value, xrow)) for xrow in Xmesh]
    scores = [score for (score,) in map(model, inputs)]
    Z = np.array([s.data > 0 for s in scores]).reshape(xx.shape)
    assert Z.dtype == bool
    np.testing.assert_array_equal(Z.ravel(), nn.predict(model, Xmesh)[:, 0] > 0)


def test_sum_of_a_thousand_values_and_a_chain_of_a_thousand_do_not_recurse():
    x = Value(1.0)
    sum([x] * 2000).backward()
    assert x.grad == 2000.0
    y = x
    for _ in range(5000):
        y = y + 1
    x.zero_grad()
    y.backward()
    assert x.grad == 1.0


# --- its nn.py, written by the user ----------------------------------------------------------


class Neuron(nn.Module):
    def __init__(self, nin, nonlin=True):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin

    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return act.relu() if self.nonlin else act

    def parameters(self):
        return [*self.w, self.b]

    def __repr__(self):
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(nn.Module):
    def __init__(self, nin, nout, **kwargs):
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def __call__(self, x):
        out = [n(x) for n in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self):
        return [p for n in self.neurons for p in n.parameters()]


class MLP(nn.Module):
    def __init__(self, nin, nouts):
        sz = [nin, *nouts]
        self.layers = [
            Layer(sz[i], sz[i + 1], nonlin=i != len(nouts) - 1) for i in range(len(nouts))
        ]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


def test_modules_written_in_its_way_compute_what_ours_do():
    random.seed(1337)
    theirs = MLP(2, [4, 4, 1])
    ours = nn.MLP(2, [4, 4, 1])
    for layer, other in zip(ours.layers, theirs.layers, strict=True):
        layer.load_state_dict(
            {
                "weight": [[w.data for w in neuron.w] for neuron in other.neurons],
                "bias": [neuron.b.data for neuron in other.neurons],
            }
        )
    x = [Value(0.5), Value(-1.5)]
    (score,), expected = ours(x), theirs(x)
    assert isinstance(expected, Value)
    assert score.data == pytest.approx(expected.data, rel=1e-12)
    score.backward()
    expected.backward()
    for layer, other in zip(ours.layers, theirs.layers, strict=True):
        for neuron, unit in zip(layer.neurons, other.neurons, strict=True):
            for w, v in zip([*neuron.weight, neuron.bias], unit.parameters(), strict=True):
                assert w.grad == pytest.approx(v.grad, rel=1e-12, abs=1e-15)


def test_the_parameters_found_by_our_module_are_those_that_its_way_lists():
    random.seed(1)
    model = MLP(2, [3, 1])
    found = [value for _, member in model.named_parameters() for value in np.ravel(member)]
    assert {id(value) for value in found} == {id(value) for value in model.parameters()}
    assert len(found) == len(model.parameters()) == 13
    assert len(model.state_dict()) == 8


def test_a_model_in_its_way_learns_and_clears_its_gradients():
    random.seed(1337)
    X, y = moons()
    model = MLP(2, [8, 8, 1])
    for k in range(100):
        scores = [model(list(map(Value, xrow))) for xrow in X]
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores, strict=True)]
        total_loss = sum(losses) / len(losses) + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        assert all(p.grad == 0 for p in model.parameters())
        total_loss.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad
    assert sum((s.data > 0) == (t > 0) for s, t in zip(scores, y, strict=True)) > 0.9 * len(y)


def test_our_optimisers_train_a_model_in_its_way():
    random.seed(3)
    model = MLP(1, [1])
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        sum((model([x]) - (3 * x - 1)) ** 2 for x in (-1.0, 0.0, 1.0)).backward()
        optimizer.step()
    assert [p.data for p in model.parameters()] == pytest.approx([3.0, -1.0], abs=1e-9)


def test_the_lectures_mlp_on_four_samples_reaches_its_targets():
    # The lecture on micrograd: MLP(3, [4, 4, 1]) of tanh, squared error, plain descent.
    model = nn.MLP(3, [4, 4, 1], activation="tanh", output="tanh", rng=0)
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    ys = [1.0, -1.0, -1.0, 1.0]
    for _ in range(200):
        ypred = [model(x)[0] for x in xs]
        loss = sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred, strict=True))
        for p in model.parameters():
            p.grad = 0.0
        loss.backward()
        for p in model.parameters():
            p.data += -0.1 * p.grad
    assert [round(y.data) for y in ypred] == ys
    assert loss.data < 0.05
