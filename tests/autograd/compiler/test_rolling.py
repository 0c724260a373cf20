"""What programs are made of: matrix products, loops, names and the passes that find them."""

import itertools
import random

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, compile
from autograd.compiler.graph import depth, levels, without_dead_code
from autograd.compiler.normal import sums_of_products, verify
from autograd.compiler.periods import find_loops
from autograd.compiler.symbolic import PLACES, Y, reading
from autograd.compiler.trace import trace, traced
from autograd.op import TABLE, SequenceOp


def network(sizes, seed=0):
    """Weights as micrograd's modules have them, and the network in plain operators."""
    generator = random.Random(seed)
    layers = [
        [([Value(generator.uniform(-1, 1)) for _ in range(m)], Value(0.1)) for _ in range(n)]
        for m, n in zip(sizes[:-1], sizes[1:], strict=True)  # noqa: RUF007
    ]

    def call(x):
        for layer in layers:
            z = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b) for w, b in layer]
            x = [each.relu() for each in z] if layer is not layers[-1] else z
        return x[0]

    return call, [p for layer in layers for w, b in layer for p in (*w, b)]


def demo(samples):
    X, y = nn.data.moons(samples, noise=0.1, rng=0)
    call, parameters = network((2, 8, 8, 1))

    def loss():
        scores = [call(list(map(Value, row))) for row in X]
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in parameters)

    return loss, parameters


def test_the_lines_of_a_whole_batch_do_not_depend_on_its_size():
    sources = []
    for samples in (12, 30):
        loss, _ = demo(samples)
        program = compile(loss)
        program.value_and_grad()
        assert program.stats["tier"] == "vectors"
        sources.append(program.source)
    first, second = (source.count("\n") for source in sources)
    assert first == second <= 30
    assert sources[0].count(" @ ") == 8  # three forwards, three and two backwards


def test_the_demo_of_micrograd_agrees_with_the_engine():
    loss, parameters = demo(20)
    value, found = compile(loss).value_and_grad()
    total = loss()
    total.backward()
    assert value == pytest.approx(total.data, rel=1e-12)
    flat = np.concatenate([np.ravel(each) for each in found.values()])
    np.testing.assert_allclose(flat, [p.grad for p in parameters], rtol=1e-10, atol=1e-14)


def test_the_source_of_an_mlp_reads_like_matrix_backprop():
    model = nn.MLP(2, [3, 1], "relu", rng=0)
    program = compile(lambda x, t: nn.mse(model(x), t), in_axes=0)
    program.value_and_grad(np.ones((4, 2)), np.ones(4))
    lines = [line.split("#")[0].strip() for line in program.source.splitlines()]
    for line in (
        "z1 = W1 @ x + b1[:, None]",
        "a1 = relu(z1)",
        "z2 = W2 @ a1 + b2[:, None]",
        "dW2 = d2 @ a1.T",
        "db2 = d2.sum(axis=1)",
        "d1 = (W2.T @ d2) * (a1 > 0.0)",
        "dW1 = d1 @ x.T",
    ):
        assert line in lines


def test_lines_say_which_nodes_they_stand_for():
    model = nn.MLP(2, [3, 1], "relu", rng=0)
    program = compile(lambda x: model(x)[0], in_axes=0)
    program(np.ones((4, 2)))
    assert "# z in MLP.layers.0: 3 nodes" in program.source
    nodes = program.stats["nodes"]
    assert nodes == 3 + 3 + 1


def test_formulas_are_those_of_a_textbook():
    model = nn.MLP(2, [3, 1], "relu", rng=0)
    program = compile(lambda x, t: nn.mse(model(x), t), in_axes=0)
    program(np.ones((4, 2)), np.ones(4))
    formulas = program.formulas()
    assert r"z^{(1)} &= W^{(1)} \, x + b^{(1)}" in formulas
    assert r"\delta^{(1)} &= {W^{(2)}}^\top \, \delta^{(2)} \odot" in formulas
    assert r"\frac{\partial L}{\partial W^{(1)}} &= \delta^{(1)} \, {x}^\top" in formulas


def test_the_drawing_has_matrices_as_boxes():
    model = nn.MLP(2, [3, 1], "relu", rng=0)
    program = compile(lambda x: model(x)[0], in_axes=0)
    program(np.ones((4, 2)))
    source = program.draw().source
    assert "W1" in source
    assert "3 × 2" in source
    assert "shape=box" in source


def recurrence(steps):
    w, u, b = Value(0.9, "w"), Value(0.5, "u"), Value(0.1, "b")

    def f(x):
        s = 0.0
        for t in range(steps):
            s = autograd.tanh(w * s + u * x[t] + b)
        return s * s

    return f, (w, u, b)


def test_a_loop_may_end_in_the_result():
    w = Value(0.9, label="w")

    def f(x):
        for _ in range(100):
            x = autograd.sin(w * x + 0.3)
        return x

    loss = f(0.5)
    loss.backward()
    value, found = compile(f).value_and_grad(0.5)
    assert value == pytest.approx(loss.data, rel=1e-12)
    assert found["w"] == pytest.approx(w.grad, rel=1e-11)


@pytest.mark.parametrize("batch", [None, 3])
def test_a_recurrence_becomes_a_loop(batch):
    lines = []
    for steps in (100, 1000):
        f, leaves = recurrence(steps)
        x = np.random.default_rng(0).normal(size=(steps,) if batch is None else (batch, steps))
        program = compile(f, in_axes=None if batch is None else 0)
        value, found = program.value_and_grad(x)
        total = 0.0
        for row in np.atleast_2d(x).tolist():
            loss = f(row)
            loss.backward()
            total += loss.data
        assert value == pytest.approx(total, rel=1e-11)
        for leaf in leaves:
            assert found[leaf.label] == pytest.approx(leaf.grad, rel=1e-11)
        assert program.stats["loops"] == 1
        lines.append(program.source.count("\n"))
    assert lines[0] == lines[1] < 60


def test_states_that_are_looked_at_on_the_way_come_out_of_the_loop():
    w = Value(0.9, label="w")

    def f(x):
        states = [x]
        for _ in range(100):
            states.append(autograd.sin(w * states[-1] + 0.3))
        return autograd.sum(states) + states[50] * states[-1]

    program = compile(f)
    value, found = program.value_and_grad(0.7)
    loss = f(0.7)
    loss.backward()
    assert program.stats["loops"] >= 1
    assert value == pytest.approx(loss.data, rel=1e-12)
    assert found["w"] == pytest.approx(w.grad, rel=1e-11)


def test_a_graph_without_a_pattern_goes_level_by_level():
    generator = random.Random(0)
    leaves = [Value(generator.gauss(0, 1)) for _ in range(20)]

    def f():
        nodes = list(leaves)
        for _ in range(9000):
            a, b = generator.choice(nodes), generator.choice(nodes)
            nodes.append([a + b, autograd.tanh(a * b), autograd.sin(a), a - b][len(nodes) % 4])
        return autograd.sum(list(map(autograd.tanh, nodes)))

    state = generator.getstate()

    def fixed():
        generator.setstate(state)
        return f()

    graph_of = fixed()
    graph_of.backward()
    expected = [leaf.grad for leaf in leaves]
    program = compile(lambda: rebuilt(graph_of, leaves))
    value, found = program.value_and_grad()
    assert program.stats["tier"] in ("levels", "machine")
    assert value == pytest.approx(graph_of.data, rel=1e-11)
    np.testing.assert_allclose(found["leaves"], expected, rtol=1e-9, atol=1e-11)


def assert_interpreted(f, leaves):
    loss = f()
    loss.backward()
    program = compile(f)
    value, found = program.value_and_grad()
    assert program.stats["tier"] == "machine"
    assert value == pytest.approx(loss.data, rel=1e-11)
    expected = np.array([leaf.grad for leaf in leaves])
    np.testing.assert_allclose(found["leaves"], expected, atol=1e-11 * np.abs(expected).max())


def test_with_numba_it_is_interpreted():
    pytest.importorskip("numba")
    generator = random.Random(1)
    leaves = [Value(generator.gauss(0, 1)) for _ in range(30)]
    kinds = [
        lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a / (2.0 + b * b), lambda a, b: -a,
        lambda a, b: autograd.sigmoid(a), lambda a, b: autograd.relu(b), autograd.maximum,
        lambda a, b: autograd.exp(-a * a), lambda a, b: (a * a + 0.1) ** 1.5,
        lambda a, b: autograd.absolute(a) - b,
    ]  # fmt: skip

    def f():
        draw, nodes = random.Random(5), list(leaves)
        for _ in range(4000):
            a, b = draw.choice(nodes), draw.choice(nodes)
            nodes.append(autograd.tanh(draw.choice(kinds)(a, b)))
        while len(nodes) > 1:
            nodes = [autograd.sin(a + b) for a, b in itertools.pairwise(nodes)][::2]
        return nodes[0]

    assert_interpreted(f, leaves)


def test_with_numba_every_op_of_the_table_is_interpreted():
    pytest.importorskip("numba")
    generator = random.Random(1)
    leaves = [Value(generator.uniform(-0.9, 0.9)) for _ in range(30)]
    rows = [op for op in TABLE.values() if not isinstance(op, SequenceOp)]

    def f():
        draw, nodes = random.Random(5), list(leaves)
        for op, _ in itertools.product(rows, range(20)):
            args = [
                (low + high) / 2.0 + 0.45 * (high - low) * draw.choice(nodes)
                for low, high in op.domain
            ]
            nodes.append(autograd.tanh(op(*args)))
        while len(nodes) > 1:
            nodes = [autograd.sin(a + b) for a, b in itertools.pairwise(nodes)][::2]
        return nodes[0]

    assert_interpreted(f, leaves)


def rebuilt(root, leaves):
    """The graph of a node once more, by its ops."""
    new = {id(leaf): leaf for leaf in leaves}
    for node in autograd.topological(root):
        if id(node) not in new:
            parents = [new[id(parent)] for parent in node.parents]
            if node.op is None:
                new[id(node)] = Value(node.data, requires_grad=False)
            else:
                new[id(node)] = node.op(parents) if node.op.arity is None else node.op(*parents)
    return new[id(root)]


# --- passes ----------------------------------------------------------------------------------


def graph_of(f, *numbers):
    inputs = [traced(number) for number in numbers]
    parameters = [Value(2.0), Value(3.0)]
    graph, _ = trace(lambda: [f(*inputs, *parameters)], inputs, parameters)
    return graph


def test_a_trace_is_printed_line_by_line():
    graph = graph_of(lambda x, p, q: p * x + q, 1.5)
    assert str(graph) == (
        "0 = input 0\n1 = parameter 0\n2 = parameter 1\n3 = multiply 1 0\n4 = add 3 2\nreturn 4"
    )


def test_dead_code_goes():
    def f(x, p, q):
        _ = autograd.exp(p * q)
        return p * x

    before = graph_of(f, 1.5)
    after = without_dead_code(before)
    assert before.n_ops == 3
    assert str(after) == "0 = input 0\n1 = parameter 0\n2 = multiply 1 0\nreturn 2"


def test_the_normal_form_is_the_same_for_every_way_to_write_a_sum():
    forms = set()
    for f in (
        lambda x, y, p, q: p * x + q * y,
        lambda x, y, p, q: 0.0 - (-(p * x) - q * y),
        lambda x, y, p, q: autograd.dot([p, q], [x, y]),
        lambda x, y, p, q: -(-p * x) + q * y,
    ):
        normal = verify(sums_of_products(without_dead_code(graph_of(f, 1.0, 2.0))), "test")
        (node,) = np.flatnonzero(normal.is_sum)
        terms = range(normal.starts[node], normal.starts[node + 1])
        labels = {0: "x", 1: "y", 2: "p", 3: "q"}
        found = [
            (normal.coefficient[t], *(labels.get(f) for f in (normal.left[t], normal.right[t])))
            for t in terms
            if normal.right[t] >= 0
        ]
        forms.add(tuple(sorted((c, *sorted(map(str, pair))) for c, *pair in found)))
    assert len(forms) == 1


def test_constants_are_not_distributed_over_products():
    graph = without_dead_code(graph_of(lambda x, p, q: 3.0 * (p * x + q), 1.0))
    assert sums_of_products(graph).is_sum.sum() == 2
    graph = without_dead_code(graph_of(lambda x, p, q: 3.0 * (p + q), 1.0))
    assert sums_of_products(graph).is_sum.sum() == 1


def test_loops_are_found_whatever_comes_before_and_after():
    def f(x, p, q):
        s = autograd.exp(x) * q
        for _ in range(20):
            s = autograd.tanh(p * s + q)
        return autograd.sin(s) + p

    graph = without_dead_code(graph_of(f, 0.5))
    (loop,) = find_loops(graph)
    assert loop.nodes.shape == (20, 3)
    assert levels(graph).max() >= 60


def test_partials_are_read_from_the_table():
    multiply = reading(autograd.TABLE["multiply"])
    assert multiply.partials[0] is PLACES[1] or multiply.partials[0].place == 1
    exp = reading(autograd.TABLE["exp"])
    assert exp.partials[0] is Y


def test_a_long_sum_makes_no_deep_graph():
    def shape(f):
        x = [traced(0.5, f"x[{i}]") for i in range(100)]
        graph, _ = trace(lambda: [f(x)], x, [])
        return int(levels(graph).max()), depth(graph)

    assert shape(lambda x: autograd.tanh(sum(xi * xi for xi in x))) == (102, 2)

    def recurrence(x):
        s = x[0]
        for xi in x[1:]:
            s = autograd.sin(s + xi)
        return s

    assert shape(recurrence) == (198, 99)


@pytest.mark.parametrize("batch", [None, 6])
def test_a_sum_of_products_is_one_product_also_of_what_lies_apart(batch):
    weights = [Value(0.01 * i + 0.1, f"w[{i}]") for i in range(60)]

    def f(x):
        z = [autograd.tanh(w * x[0] + 0.3 * w * x[1]) for w in weights]
        return autograd.sum([a * b for a, b in zip(z, z[::-1], strict=True)]) + autograd.sum(
            [each * each for each in z[::2]]
        )

    program = compile(f, in_axes=None if batch is None else 0, reduce="sum")
    for seed in (0, 1):  # arrays of the first run must not be looked at in the second
        X = np.random.default_rng(seed).normal(size=2 if batch is None else (batch, 2))
        value, gradients = program.value_and_grad(X)
        for w in weights:
            w.zero_grad()
        results = [f(row) for row in np.atleast_2d(X).tolist()]
        for result in results:
            result.backward()
        assert value == pytest.approx(sum(result.data for result in results), rel=1e-12)
        found = np.concatenate([np.ravel(each) for each in gradients.values()])
        np.testing.assert_allclose(found, [w.grad for w in weights], rtol=1e-12)


@pytest.mark.parametrize("batch", [None, 4])
def test_detached_values_that_lie_apart_are_read_at_every_run(batch):
    weights = [Value(0.01 * i + 0.3, f"w[{i}]") for i in range(60)]

    def f(x):
        z = [autograd.tanh(w * x[0] + 0.3 * w * x[1]) for w in weights]
        fixed = autograd.sum([each.detach() for each in z[::2]])
        table = [
            autograd.sum([z[10 * i + 2 * j].detach() * z[j] for j in range(5)]) for i in range(5)
        ]
        own = autograd.sum([w.detach() for w in weights[::3]])
        return fixed * autograd.sum(z) + own * z[0] + autograd.sum([a * a for a in table])

    program = compile(f, in_axes=None if batch is None else 0, reduce="sum")
    for seed in (0, 1):
        for w in weights:
            w.data = w.data * 0.9 + 0.01
            w.zero_grad()
        X = np.random.default_rng(seed).normal(size=2 if batch is None else (batch, 2))
        value, gradients = program.value_and_grad(X)
        results = [f(row) for row in np.atleast_2d(X).tolist()]
        for result in results:
            result.backward()
        assert value == pytest.approx(sum(result.data for result in results), rel=1e-12)
        found = np.concatenate([np.ravel(each) for each in gradients.values()])
        expected = np.array([w.grad for w in weights])
        np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max())
