"""Loops whose steps are wide: a step as a vector program, run forwards and then backwards."""

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, compile, relu, sigmoid, softplus, tanh
from autograd.compiler.arguments import stack
from autograd.compiler.recurrence import recurrence
from autograd.compiler.scan import scan

STEPS, STATE, INPUTS = 40, 4, 3
CASES = {}


def case(make):
    CASES[make.__name__] = make
    return make


def weights(random, *shape):
    return np.vectorize(Value, otypes=[object])(random.normal(size=shape) * 0.5)


def product(W, x, b=None):
    return [
        sum((w * xi for w, xi in zip(row, x, strict=True)), 0.0 if b is None else b[j])
        for j, row in enumerate(W)
    ]


def plus(a, b):
    return [ai + bi for ai, bi in zip(a, b, strict=True)]


def zeros():
    return [Value(0.0, requires_grad=False)] * STATE


@case
def elman(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)
    b = weights(random, STATE)

    def f(x, y):
        h, loss = zeros(), 0.0
        for t in range(STEPS):
            h = [tanh(z) for z in plus(product(W, h), product(U, x[t], b))]
            loss = loss + (h[0] - y[t]) ** 2
        return loss + sum(h)

    return [W, U, b], f


@case
def elman_unit_by_unit(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)

    def f(x, y):
        h = [0.1 * (j + 1) for j in range(STATE)]
        for t in range(STEPS):
            h = [
                tanh(sum(w * hi for w, hi in zip(W[j], h, strict=True)) + product(U[j : j + 1], x[t])[0])
                for j in range(STATE)
            ]  # fmt: skip
        return sum(v * v for v in h) * y[0]

    return [W, U], f


@case
def begins_with_parameters_and_returns_a_list(random):
    W, h0 = weights(random, STATE, STATE), weights(random, STATE)

    def f(x, y):
        h = list(h0)
        for t in range(STEPS):
            h = [tanh(z + x[t][0]) for z in product(W, h)]
        return [h[0], h[1], h[2] * y[0]]

    return [W, h0], f


@case
def begins_with_inputs(random):
    W = weights(random, STATE, STATE)

    def f(x, y):
        h = list(y[:STATE])
        for _ in range(STEPS):
            h = [tanh(z) for z in product(W, h)]
        return sum(h) + x[0][0]

    return [W], f


@case
def residual_layers(random):
    W, b = weights(random, STATE, STATE), weights(random, STATE)
    V = weights(random, STATE, INPUTS)

    def f(x, y):
        h = product(V, x[0])
        for _ in range(STEPS):
            h = [a + 0.1 * tanh(z) for a, z in zip(h, product(W, h, b), strict=True)]
        return sum(v * v for v in h) - y[0]

    return [W, b, V], f


@case
def gradient_descent(random):
    A, w0, rate = random.normal(size=(6, STATE)), weights(random, STATE), weights(random, 1)

    def f(x, y):
        w = list(w0)
        for _ in range(STEPS):
            r = [z - y[i] for i, z in enumerate(product(A, w))]
            w = [
                wi - 0.05 * rate[0] * sum(A[i][j] * r[i] for i in range(6))
                for j, wi in enumerate(w)
            ]
        return sum(wi * wi for wi in w) + x[0][0]

    return [w0, rate], f


@case
def lstm(random):
    W = [weights(random, STATE, STATE) for _ in range(4)]
    U = [weights(random, STATE, INPUTS) for _ in range(4)]

    def f(x, y):
        h, c, loss = zeros(), zeros(), 0.0
        for t in range(STEPS):
            i, forget, o, g = (
                plus(product(w, h), product(u, x[t])) for w, u in zip(W, U, strict=True)
            )
            c = [
                sigmoid(a) * b + sigmoid(d) * tanh(e)
                for a, b, d, e in zip(forget, c, i, g, strict=True)
            ]
            h = [sigmoid(a) * tanh(b) for a, b in zip(o, c, strict=True)]
            loss = loss + (h[0] - y[t]) ** 2
        return loss

    return [*W, *U], f


@case
def two_cells_in_a_step(random):
    first, second = nn.RNNCell(INPUTS, STATE, rng=0), nn.RNNCell(STATE, 5, rng=1)
    read = nn.Linear(5, 2, rng=2)

    def f(x, y):
        h, g, loss = None, None, 0.0
        for t in range(STEPS):
            h = first(list(x[t]), h)
            g = second(h, g)
            loss = loss + (read(g)[0] - y[t]) ** 2 + 0.1 * read(g)[1]
        return loss

    return [first, second, read], f


@case
def one_loop_after_another(random):
    first, second = nn.RNNCell(INPUTS, STATE, rng=0), nn.RNNCell(STATE, 5, rng=1)
    read = nn.Linear(5, 1, rng=2)

    def f(x, y):
        h, g, outputs, states = None, None, [], []
        for t in range(STEPS):
            h = first(list(x[t]), h)
            states.append(h)
        for state in states:
            g = second(state, g)
            outputs.append(g)
        return sum((read(g)[0] - t) ** 2 for g, t in zip(outputs, y, strict=True)) + states[3][0]

    return [first, second, read], f


@case
def both_directions(random):
    first, second = nn.RNNCell(INPUTS, STATE, rng=0), nn.RNNCell(INPUTS, 5, "relu", rng=1)
    read = nn.Linear(STATE + 5, 1, rng=2)

    def f(x, y):
        h, g, left, right = None, None, [], []
        for t in range(STEPS):
            h = first(list(x[t]), h)
            left.append(h)
        for t in reversed(range(STEPS)):
            g = second(list(x[t]), g)
            right.append(g)
        rows = zip(left, right[::-1], y, strict=True)
        return sum((read([*a, *b])[0] - t) ** 2 for a, b, t in rows)

    return [first, second, read], f


@case
def layers_of_their_own(random):
    W = [weights(random, STATE, STATE) for _ in range(STEPS)]
    b = [weights(random, STATE) for _ in range(STEPS)]

    def f(x, y):
        h = list(y[:STATE])
        for w, c in zip(W, b, strict=True):
            h = [tanh(z) + a for z, a in zip(product(w, h, c), h, strict=True)]
        return sum(h) * x[0][0]

    return [*W, *b], f


@case
def computed_before_the_loop(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)

    def f(x, y):
        c = product(U, x[0])
        V = [[softplus(w) * 0.3 for w in row] for row in W]
        h = [tanh(v) for v in c]
        for t in range(STEPS):
            h = [tanh(v + k * y[t]) for v, k in zip(product(V, h), c, strict=True)]
        return sum(h) + sum(c)

    return [W, U], f


@case
def computed_again_in_every_step(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)

    def f(x, y):
        h = list(y[:STATE])
        for _ in range(STEPS):
            V = [[autograd.sin(w) for w in row] for row in W]
            h = [tanh(z) for z in product(V, plus(h, product(U, x[0])))]
        return sum(h)

    return [W, U], f


@case
def a_discounted_loss(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)
    v = weights(random, STATE)

    def f(x, y):
        h, loss = zeros(), 0.0 * v[0]
        for t in range(STEPS):
            h = [tanh(z) for z in plus(product(W, h), product(U, x[t]))]
            loss = 0.9 * loss + (product([v], h)[0] - y[t]) ** 2
        return loss

    return [W, U, v], f


@case
def tied_weights(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)

    def f(x, y):
        h, loss = zeros(), 0.0
        for t in range(STEPS):
            h = [tanh(z) for z in plus(product(W, h), product(U, x[t]))]
            out = product(U.T, h)
            loss = loss + sum((a - b) ** 2 for a, b in zip(out, x[t], strict=True))
        return loss + 0.01 * sum(w * w for w in W.ravel()) + y[0]

    return [W, U], f


@case
def cut_off_from_the_graph(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)

    def f(x, y):
        h, loss = zeros(), 0.0
        for t in range(STEPS):
            z, u = product(W, h), product(U, x[t])
            h = [tanh(a.detach() * 0.5 + a + b) for a, b in zip(z, u, strict=True)]
            loss = loss + h[0] * y[t]
        return loss

    return [W, U], f


@case
def numbers_as_inputs(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)
    data = random.normal(size=(STEPS, INPUTS)).tolist()

    def f(x, y):
        h, loss = zeros(), x[0][0]
        for t in range(STEPS):
            h = [relu(z) for z in plus(product(W, h), product(U, data[t]))]
            loss = loss + h[0] * y[t]
        return loss

    return [W, U], f


@case
def forward_algorithm(random):
    A, E = weights(random, STATE, STATE), weights(random, STATE, INPUTS)

    def f(x, y):
        a = list(y[:STATE])
        for t in range(STEPS):
            e = product(E, x[t])
            a = [
                autograd.logsumexp([a[i] + A[i][j] for i in range(STATE)]) + e[j]
                for j in range(STATE)
            ]
        return autograd.logsumexp(a)

    return [A, E], f


@case
def normalised_states(random):
    W = weights(random, STATE, STATE)

    def f(x, y):
        h = list(y[:STATE])
        for t in range(STEPS):
            z = product(W, h)
            mean = sum(z) / STATE
            variance = sum((a - mean) * (a - mean) for a in z) / STATE
            h = [(a - mean) / autograd.sqrt(variance + 0.1) + x[t][0] for a in z]
        return sum(a * a for a in h)

    return [W], f


@case
def pre_activations_that_are_used_behind(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)

    def f(x, y):
        h, loss = zeros(), 0.0
        for t in range(STEPS):
            z = plus(product(W, h), product(U, x[t]))
            h = [tanh(v) for v in z]
            loss = loss + 0.1 * sum(v * v for v in z) + h[1] * y[t]
        return loss

    return [W, U], f


@case
def a_state_without_a_batch_axis(random):
    W, h0 = weights(random, STATE, STATE), weights(random, STATE)

    def f(x, y):
        h = list(h0)
        for _ in range(STEPS):
            h = [tanh(z) for z in product(W, h)]
        return sum(a * b for a, b in zip(h, y[:STATE], strict=True)) + x[0][0]

    return [W, h0], f


# --- agreement -------------------------------------------------------------------------------


@pytest.fixture
def always(monkeypatch):
    """Loops as vector programs, wherever they can be."""

    def choose(graph, loops, call, combine):
        found = [each for loop in loops if (each := recurrence(graph, loop)) is not None]
        columns, letters = call.origins
        batch = call.batch is not None
        return scan(graph, found, call.batched, columns, letters, batch, combine, 200)

    monkeypatch.setattr("autograd.compiler.build._scan", choose)


def leaves_of(owners):
    return [
        leaf
        for each in owners
        for leaf in (each.ravel() if isinstance(each, np.ndarray) else each.parameters())
    ]


def close(found, expected, rtol=1e-11):
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    scale = max(1e-3, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=0, atol=rtol * scale)


def eager(f, leaves, *args, batch):
    """Outputs by sample, and the gradients of their sum."""
    for leaf in leaves:
        leaf.grad = 0.0
    rows = []
    for i in range(batch or 1):
        outputs = f(*(arg.tolist() if batch is None else arg[i].tolist() for arg in args))
        outputs = outputs if isinstance(outputs, list) else [outputs]
        autograd.sum(outputs).backward()
        rows.append([output.data for output in outputs])
    return np.array(rows), np.array([leaf.grad for leaf in leaves])


def in_order(program, gradients, leaves):
    """The gradients in the order of the leaves."""
    compiled = program._known()
    found = {}
    for name, places, _ in compiled.names:
        for place, number in zip(places, np.ravel(gradients[name]), strict=True):
            found[id(compiled.leaves[place])] = number
    return np.array([found[id(leaf)] for leaf in leaves])


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("batch", [None, 1, 5])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_the_engine(name, batch):
    random = np.random.default_rng(0)
    owners, f = CASES[name](random)
    leaves = leaves_of(owners)
    program = compile(f, in_axes=None if batch is None else 0)
    for size in (batch, 3 if batch == 5 else batch):
        own = () if size is None else (size,)
        x, y = random.normal(size=(*own, STEPS, INPUTS)), random.normal(size=(*own, STEPS))
        for leaf in leaves:
            leaf.data = leaf.data * 0.95 + 0.01
        for _ in range(2):
            value, gradients = program.value_and_grad(x, y)
        rows, expected = eager(f, leaves, x, y, batch=size)
        assert program.stats["tier"] == "scan"
        close(value, rows.sum(axis=0))
        close(in_order(program, gradients, leaves), expected)
        close(np.array(program(x, y), dtype=float).ravel(), rows.T.ravel())


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("batch", [None, 5])
@pytest.mark.parametrize("name", CASES)
def test_the_source_gives_the_same_when_it_is_run(name, batch):
    random = np.random.default_rng(1)
    _, f = CASES[name](random)
    program = compile(f, in_axes=None if batch is None else 0)
    own = () if batch is None else (batch,)
    args = random.normal(size=(*own, STEPS, INPUTS)), random.normal(size=(*own, STEPS))
    value, _ = program.value_and_grad(*args)
    compiled, call = program._known(), program._arguments(args)
    tier = compiled.built.tier
    p = compiled.numbers[1][tier.places]
    outputs, parts = tier.both.function(p, *stack(call.columns, batch), batch)
    _, expected = tier.tiled(p, call.columns, batch, 1.0)
    assert sum(np.sum(part) for part in parts) == pytest.approx(expected.sum(), rel=1e-9, abs=1e-9)
    assert len(outputs) == len(compiled.built.graph.outputs)
    assert np.isfinite(value).all()
