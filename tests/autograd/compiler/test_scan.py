"""Loops whose steps are wide: a step as a vector program, run forwards and then backwards."""

import threading

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
                tanh(product([w], h)[0] + product([u], x[t])[0]) for w, u in zip(W, U, strict=True)
            ]
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


@case
def mixed_beginnings(random):
    W, h0 = weights(random, STATE, STATE), weights(random, 2)

    def f(x, y):
        h = [h0[0], 0.25, y[3] * 2.0, h0[1]]
        g = [0.0 * y[0], h0[0], y[1], y[1]]
        for t in range(STEPS):
            h = [tanh(z + a * y[t]) for z, a in zip(product(W, h), g, strict=True)]
            g = [sigmoid(z) for z in product(W, plus(h, g))]
        return sum(h) + sum(g) * x[0][0]

    return [W, h0], f


@case
def windows_of_the_inputs(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, 2 * INPUTS)

    def f(x, y):
        h = zeros()
        for t in range(STEPS - 1):
            h = [tanh(z) for z in plus(product(W, h), product(U, [*x[t + 1], *x[t][::-1]]))]
        return sum(h) * y[0]

    return [W, U], f


@case
def some_inputs_in_any_order(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)
    order = random.permutation(STEPS).tolist()

    def f(x, y):
        h, loss = zeros(), 0.0
        for t in range(STEPS // 2):
            h = [tanh(z) for z in plus(product(W, h), product(U, x[order[t]]))]
            loss = loss + h[0] * y[2 * t] - h[1] * y[order[t + 1]]
        return loss

    return [W, U], f


@case
def outputs_of_a_loop_in_another_order(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, STATE)
    order = random.permutation(STEPS).tolist()

    def f(x, y):
        h, states = list(y[:STATE]), []
        for t in range(STEPS):
            h = [tanh(z + x[t][0]) for z in product(W, h)]
            states.append(h)
        g = zeros()
        for t in range(STEPS):
            late = states[order[t]]
            g = [sigmoid(z) for z in plus(product(U, g), [late[1], late[0], late[3], late[2]])]
        return sum(g)

    return [W, U], f


@case
def frozen_weights(random):
    W, U = weights(random, STATE, STATE), weights(random, STATE, INPUTS)
    b = np.array([Value(0.1 * j, requires_grad=j % 2 == 0) for j in range(STATE)], dtype=object)
    for u in U.ravel():
        u.requires_grad = False

    def f(x, y):
        h = zeros()
        for t in range(STEPS):
            h = [tanh(z) for z in plus(product(W, h), product(U, x[t], b))]
        return sum(h) * y[0]

    return [W], f


@case
def a_state_of_matrices(random):
    A = weights(random, STATE, STATE)

    def f(x, y):
        S = [[0.1 * (i == j) + 0.0 * y[0] for j in range(3)] for i in range(STATE)]
        for t in range(STEPS):
            S = [
                [tanh(sum(A[i][k] * S[k][j] for k in range(STATE)) + x[t][j]) for j in range(3)]
                for i in range(STATE)
            ]
        return sum(s * s for row in S for s in row)

    return [A], f


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


def recurrent(steps, size=16, every=True, seed=0):
    """A model of a recurrent and a linear layer, its loss, and sequences for it."""
    cell, read = nn.RNNCell(2, size, rng=seed), nn.Linear(size, 1, rng=seed + 1)

    def f(x, y):
        h, loss = None, 0.0
        for t in range(steps):
            h = cell(list(x[t]), h)
            if every:
                loss = loss + (read(h)[0] - y[t]) ** 2
        return loss if every else (read(h)[0] - y[0]) ** 2

    random = np.random.default_rng(seed)
    return cell, read, f, random.normal(size=(7, steps, 2)), random.normal(size=(7, steps))


@pytest.mark.parametrize("every", [False, True])
def test_gradients_are_those_of_pytorch(every):
    torch = pytest.importorskip("torch")
    cell, read, f, X, y = recurrent(30, every=every)
    value, found = compile(f, in_axes=0, reduce="mean").value_and_grad(X, y)
    theirs, linear = torch.nn.RNN(2, 16, batch_first=True), torch.nn.Linear(16, 1)
    theirs, linear = theirs.double(), linear.double()
    ours = [*cell.state_dict().values(), *read.state_dict().values()]
    leaves = [*theirs.parameters(), *linear.parameters()]
    for leaf, array in zip(leaves, ours, strict=True):
        leaf.data.copy_(torch.tensor(array))
    states, _ = theirs(torch.tensor(X))
    error = linear(states)[..., 0] - torch.tensor(y)
    if not every:
        error = linear(states[:, -1]) - torch.tensor(y[:, :1])
    loss = (error**2).sum(dim=1).mean()
    loss.backward()
    close(value, loss.item())
    for array, leaf in zip(found.values(), leaves, strict=True):
        close(array, leaf.grad.numpy())


# --- what is made of which graph ---------------------------------------------------------------


def test_the_source_reads_like_backpropagation_through_time():
    _, _, f, X, y = recurrent(30, every=False)
    program = compile(f, in_axes=0)
    program.value_and_grad(X, y)
    lines = [line.split("#")[0].strip() for line in program.source.splitlines()]
    at = -1
    for line in (
        "for t in range(30):",
        "z1[t] = U1 @ h[t] + W1 @ x[t] + s[:, None]",
        "h[t + 1] = np.tanh(z1[t])",
        "z2 = W2 @ h[-1] + b2[:, None]",
        "dh[-1] += W2.T @ d2",
        "for t in reversed(range(30)):",
        "d1 = dh[t + 1] * tanh_slope(z1[t])",
        "dW1 += d1 @ x[t].T",
        "dU1 += d1 @ h[t].T",
        "dh[t] += U1.T @ d1",
    ):
        assert line in lines, line
        assert lines.index(line) > at, line
        at = lines.index(line)


def test_the_number_of_lines_does_not_depend_on_the_number_of_steps():
    counts = []
    for steps in (32, 90):
        _, _, f, X, y = recurrent(steps)
        program = compile(f, in_axes=0)
        program.value_and_grad(X, y)
        assert program.stats["tier"] == "scan"
        counts.append((program.source.count("\n"), len(program.passes["calls"].splitlines())))
    assert counts[0] == counts[1]
    assert counts[0][0] < 45


def test_a_loss_of_every_step_is_computed_behind_the_loop():
    _, _, f, X, y = recurrent(30)
    program = compile(f, in_axes=0)
    program.value_and_grad(X, y)
    loop = program.source.split("for t in range(30):")[1]
    body = [line for line in loop.splitlines()[1:] if line.startswith("        ")]
    assert sum("=" in line for line in body[:3]) >= 2
    assert loop.splitlines()[3].startswith("    W2 = ")


def test_what_is_the_same_in_all_steps_is_computed_before_the_loop():
    _, _, f, X, y = recurrent(30)
    program = compile(f, in_axes=0)
    program.value_and_grad(X, y)
    assert "s = b.sum(axis=0)" in program.source.split("for t in range(30):")[0]


def test_scalar_recurrences_are_run_node_by_node():
    w = Value(0.9, label="w")

    def wave(x):
        for _ in range(300):
            x = autograd.sin(w * x + 0.3)
        return x

    program = compile(wave)
    program.value_and_grad(0.5)
    assert program.stats["tier"] == "loops"


def test_a_network_of_few_layers_stays_whole():
    model = nn.MLP(3, [8] * 12 + [1], rng=0)
    program = compile(lambda x, t: nn.mse(model(x), t), in_axes=0)
    program.value_and_grad(np.ones((4, 3)), np.ones(4))
    assert program.stats["tier"] == "vectors"


def test_a_program_with_a_loop_can_be_looked_at():
    _, _, f, X, y = recurrent(30, every=False)
    program = compile(f, in_axes=0)
    program.value_and_grad(X, y)
    assert set(program.passes) == {
        "trace", "sums of products", "blocks", "instructions", "source", "calls",
    }  # fmt: skip
    assert "# 30 steps" in program.passes["calls"]
    formulas = program.formulas()
    assert r"{h}_{t+1} &= \tanh\left(z^{(1)}\right)" in formulas
    assert r"z^{(2)} &= W^{(2)} \, {h}_{T} + b^{(2)}" in formulas
    assert (
        r"\frac{\partial L}{\partial {h}_{t}} &\mathrel{+}= {U^{(1)}}^\top \, \delta^{(1)}"
        in formulas
    )
    assert formulas.index(r"L &=") < formulas.index(r"\delta^{(1)} &=")
    assert r"z^{(1)} &= U^{(1)} \, {h}_{t} + W^{(1)} \, {x}_{t} + s" in formulas
    drawing = program.draw().source
    assert "cluster" in drawing
    assert "30 steps" in drawing
    assert "h[t + 1]" in drawing


# --- as other programs -------------------------------------------------------------------------


def test_threads_have_arrays_of_their_own():
    _, _, f, X, y = recurrent(30)
    program = compile(f, in_axes=0)
    expected = {n: program.value_and_grad(X[:n], y[:n]) for n in (2, 5, 7)}
    wrong = []

    def work(n):
        for _ in range(15):
            value, found = program.value_and_grad(X[:n], y[:n])
            same = all(np.array_equal(found[k], expected[n][1][k]) for k in found)
            if value != expected[n][0] or not same:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in (2, 5, 7, 7, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_returned_is_the_callers_own():
    _, _, f, X, y = recurrent(30)
    program = compile(f, in_axes=0, reduce=None)
    value, found = program.value_and_grad(X, y)
    kept = value.copy(), {name: array.copy() for name, array in found.items()}
    program.value_and_grad(2.0 * X, y)
    np.testing.assert_array_equal(value, kept[0])
    for name, array in kept[1].items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.usefixtures("always")
def test_a_large_batch_is_run_in_tiles_and_adds_up(monkeypatch):
    monkeypatch.setattr("autograd.compiler.scan.STORED", 1)
    monkeypatch.setattr("autograd.compiler.scan.LEAST", 3)
    _, _, f, X, y = recurrent(30)
    for reduce in ("sum", None):
        program = compile(f, in_axes=0, reduce=reduce)
        value, found = program.value_and_grad(X, y)
        parts = [program.value_and_grad(X[i : i + 1], y[i : i + 1]) for i in range(len(X))]
        if reduce is None:
            close(value, np.concatenate([part for part, _ in parts]))
        else:
            close(value, sum(part for part, _ in parts))
        for name, array in found.items():
            close(array, sum(part[name] for _, part in parts))


def test_what_is_not_finite_is_computed_by_the_engine():
    w = [[Value(0.3 * (i - j) + 0.1) for j in range(6)] for i in range(6)]

    def f(x):
        h = [x[0] + 0.1 * i for i in range(6)]
        for _ in range(40):
            h = [autograd.sqrt(autograd.relu(z)) for z in product(w, h)]
        return sum(h)

    program = compile(f)
    value, found = program.value_and_grad(np.array([0.5]))
    rows, expected = eager(f, [leaf for row in w for leaf in row], np.array([0.5]), batch=None)
    assert program.stats["tier"] == "scan"
    np.testing.assert_array_equal(value, rows[0, 0])
    np.testing.assert_array_equal(np.concatenate([np.ravel(g) for g in found.values()]), expected)


def test_flat_programs_run_loops_too():
    _, _, f, X, y = recurrent(30)
    for reduce in ("sum", "mean"):
        program = compile(f, in_axes=0, reduce=reduce)
        flat = program.flat(X, y)
        for n in (7, 3):
            value, gradient = flat.value_and_grad(X[:n], y[:n])
            expected, found = program.value_and_grad(X[:n], y[:n])
            close(value, expected)
            close(np.sort(gradient), np.sort(np.concatenate([g.ravel() for g in found.values()])))


def test_recurrent_layers_are_trained_by_a_compiled_program():
    class Forecast(nn.Module):
        def __init__(self):
            self.cell, self.read = nn.RNNCell(2, 8, rng=0), nn.Linear(8, 1, rng=1)

        def forward(self, x):
            h = None
            for t in range(40):
                h = self.cell(list(x[2 * t : 2 * t + 2]), h)
            return self.read(h)

    X = np.random.default_rng(0).normal(size=(20, 80))
    y = 0.05 * X.sum(axis=1)
    trained = []
    for compiled in (True, False):
        model = Forecast()
        history = nn.fit(
            model, "mse", X, y, epochs=2, batch_size=8, rng=0, progress=False, compile=compiled,
            optimizer=nn.optim.Adam(model.parameters(), lr=0.01),
        )  # fmt: skip
        assert history.compiled is compiled
        trained.append(np.concatenate([array.ravel() for array in model.state_dict().values()]))
    close(*trained)


def test_a_loop_without_parameters_has_no_backward_pass():
    def f(x):
        h = list(x)
        for _ in range(40):
            h = [tanh(sum(0.1 * (i - j) * a for i, a in enumerate(h))) for j in range(5)]
        return sum(h)

    program = compile(f, in_axes=0)
    x = np.random.default_rng(0).normal(size=(3, 5))
    value, found = program.value_and_grad(x)
    assert program.stats["tier"] == "scan"
    assert found == {}
    assert "reversed" not in program.source
    close(value, sum(f(list(map(Value, row))).data for row in x.tolist()))


def test_a_recurrence_that_reaches_two_steps_back_is_unrolled():
    W = weights(np.random.default_rng(0), 5, 5)

    def f(x):
        a, b = list(x), list(x)
        for _ in range(40):
            a, b = [tanh(z + 0.1 * c) for z, c in zip(product(W, a), b, strict=True)], a
        return sum(a)

    program = compile(f)
    x = np.random.default_rng(1).normal(size=5)
    value, found = program.value_and_grad(x)
    rows, expected = eager(f, list(W.ravel()), x, batch=None)
    assert program.stats["tier"] != "scan"
    close(value, rows[0, 0])
    close(in_order(program, found, list(W.ravel())), expected)
