"""Large graphs: few boxes, no cycle, and every number on an edge exact."""

import sys

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, draw
from autograd.draw import jacobian
from autograd.draw.model import NO_PASS


def boxes(drawing):
    return drawing.picture.boxes


def titles(drawing):
    return [box.label or box.symbol for box in boxes(drawing)]


def moons(n=100, penalty=False):
    X, y = nn.data.moons(n, noise=0.1, rng=0)
    model = nn.MLP(2, [16, 16, 1], "tanh", rng=1)
    losses = [nn.hinge(model(x), t) for x, t in zip(X.tolist(), y.tolist(), strict=True)]
    loss = sum(losses) / n
    if penalty:
        loss = loss + 1e-4 * sum(p * p for p in model.parameters())
    loss.backward()
    return loss


def moons_by_hand(n=30):
    """The same out of plain operators, without names and modules, as in micrograd's demo."""
    X, y = nn.data.moons(n, noise=0.1, rng=0)
    rng = np.random.default_rng(0)
    layers = [
        [([Value(w) for w in rng.uniform(-1, 1, n_in).tolist()], Value(0.0)) for _ in range(n_out)]
        for n_in, n_out in ((2, 16), (16, 16), (16, 1))
    ]

    def score(x):
        for number, layer in enumerate(layers):
            x = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b) for w, b in layer]
            x = x if number == 2 else [z.relu() for z in x]
        return x[0]

    losses = [
        (1 + -t * score([Value(v) for v in x])).relu()
        for x, t in zip(X.tolist(), y.tolist(), strict=True)
    ]
    weights = [p for layer in layers for w, b in layer for p in (*w, b)]
    loss = sum(losses) * (1.0 / n) + 1e-4 * sum(p * p for p in weights)
    loss.backward()
    return loss


def chain(n, step):
    x = y = Value(0.5, "x")
    for _ in range(n):
        y = step(y, x)
    y.backward()
    return y


def rnn(steps):
    w, u = Value(0.9, "w"), Value(0.1, "u")
    h = Value(0.0, "h", requires_grad=False)
    for i in range(steps):
        with autograd.scope("cell"):
            h = (w * h + u * Value(0.01 * i, f"x{i}", requires_grad=False)).tanh()
    h.backward()
    return h


def shared_layer():
    """A layer that is called twice, with something else between."""
    layer = nn.Linear(3, 3, rng=0)
    layer._name = "layer"
    out = layer([z.tanh() for z in layer([Value(0.1, "x"), Value(0.2, "y"), Value(0.3, "z")])])
    loss = sum(out)
    loss.backward()
    return loss


def tangled():
    """Scopes with nodes before, between and after those of their children, used crosswise."""
    x, w = Value(0.3, "x"), Value(0.7, "w")
    y = x
    for _ in range(12):
        with autograd.scope("outer"):
            a = y * w
            with autograd.scope("inner"):
                b = (a + x).tanh()
            c = b * a
            with autograd.scope("other"):
                d = c.sin() + b
        y = c + d * w
    y.backward()
    return y


GRAPHS = {
    "moons": lambda: moons(60),
    "with a penalty": lambda: moons(20, True),
    "by hand": moons_by_hand,
    "sums": lambda: chain(3000, lambda y, x: y + x),
    "mixed": lambda: chain(3000, lambda y, x: (y * 0.99).tanh() + 0.01 * x),
    "cells": lambda: rnn(300),
    "shared": shared_layer,
    "tangled": tangled,
}


@pytest.fixture(params=GRAPHS)
def graph(request):
    return GRAPHS[request.param]()


@pytest.mark.parametrize("max_nodes", [2, 5, 12, 80])
def test_any_graph_is_drawn_in_few_boxes(graph, max_nodes):
    picture = draw(graph, max_nodes=max_nodes).picture
    assert len(picture.boxes) <= max_nodes
    drawn = np.concatenate([box.nodes for box in picture.boxes])
    assert sorted(drawn.tolist()) == list(range(len(picture.tape)))
    assert all(edge.source < edge.target for edge in picture.edges)


@pytest.mark.parametrize("max_nodes", [3, 12, 40, None])
def test_the_entries_on_the_edges_make_up_every_gradient(graph, max_nodes):
    """Σ ∂output/∂node · grad over all uses of a node is its gradient: nothing lost or doubled."""
    picture = draw(graph, max_nodes=max_nodes).picture
    total = dict.fromkeys(
        (i for box in picture.boxes for i in box.outputs if i != picture.tape.root), 0.0
    )
    for edge in picture.edges:
        assert len(edge.entries) == edge.count
        for node, output, entry in edge.entries:
            assert node in picture.boxes[edge.source].outputs
            assert output in picture.boxes[edge.target].nodes
            total[node] += entry * picture.tape.grad(output)
    for node, gradient in total.items():
        if picture.tape.nodes[node].requires_grad:
            assert gradient == pytest.approx(picture.tape.grad(node), rel=1e-9, abs=1e-15)


def test_the_entries_to_a_layer_are_its_jacobian():
    model = nn.MLP(3, [12, 12, 2], "tanh", rng=0)
    at = np.array([0.3, -0.4, 0.7])
    loss = sum(model([Value(v, f"x[{i}]") for i, v in enumerate(at.tolist())]))
    loss.backward()
    picture = draw(loss, max_nodes=12).picture
    (layer,) = [i for i, box in enumerate(picture.boxes) if box.name == "MLP.layers.0"]
    entries = {}
    for edge in picture.edges:
        if edge.target == layer:
            (box,) = [picture.boxes[edge.source]]
            assert box.made == ""
            for _, output, entry in edge.entries:
                entries[output, box.label] = entry
    expected = autograd.jacobian(lambda x: [a.tanh() for a in model.layers[0](list(x))])(at)
    outputs = sorted({output for output, _ in entries})
    found = [[entries[output, f"x[{i}]"] for i in range(3)] for output in outputs]
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-13)


def test_an_entry_is_the_sum_over_all_paths_within_the_group():
    x = Value(0.3, "x")
    with autograd.scope("f"):
        y = x.sin() * x.exp() + x * x
    z = y * 2.0
    z.backward()
    picture = draw(z, max_nodes=4).picture
    assert [box.label for box in picture.boxes[:2]] == ["x", "f"]
    (edge,) = [e for e in picture.edges if e.source == 0]
    assert edge.partial.low == pytest.approx(x.grad / y.grad, rel=1e-14)
    assert edge.count == 1


def test_samples_are_folded_and_layers_are_groups():
    drawing = draw(moons())
    shown = {box.label: box for box in boxes(drawing)}
    assert {"x[0]", "x[1]", "MLP.layers.0", "MLP.layers.1", "MLP.layers.2 neuron 0"} <= set(shown)
    assert shown["x[0]"].times == shown["MLP.layers.1"].times == 100
    assert shown["MLP.layers.1"].parameters == 16 * 17
    assert "×100" in drawing.svg()
    assert "16 outputs" in drawing.svg()
    assert [frame.name for frame in drawing.picture.frames] == ["MLP"]


def test_layers_are_found_where_nobody_named_them():
    shown = boxes(draw(moons_by_hand()))
    hidden = [box for box in shown if box.made == "twins"]
    assert [len(box.outputs) for box in hidden] == [16 * 30, 16 * 30]
    assert sum(len(box.nodes) for box in shown if box.kind == "parameter") == 337
    assert {box.times for box in shown if box.kind == "input"} == {30}


def test_the_sum_over_the_samples_is_one_box():
    drawn = boxes(draw(moons()))
    assert len(drawn) < 12
    assert drawn[-1].data.low == drawn[-1].data.high


def test_a_small_graph_is_drawn_node_by_node_unless_asked():
    model = nn.MLP(2, [3, 1], "tanh", rng=0)
    loss = sum(nn.half_squared_error(model([0.1 * i, 0.2]), 0.5) for i in range(2))
    loss.backward()
    assert all(len(box.nodes) == 1 for box in boxes(draw(loss)))
    folded = boxes(draw(loss, fold=True))
    assert {box.times for box in folded} == {1, 2}
    assert len(folded) < len(boxes(draw(loss)))
    # What is folded still stands in the frames of its module.
    frames = {frame.name for frame in draw(loss, fold=True).picture.frames}
    assert {"MLP", "MLP.layers.0", "MLP.layers.0 neuron 2"} <= frames


def test_fold_can_be_forbidden():
    loss = moons(20)
    assert {box.times for box in boxes(draw(loss, fold=False, max_nodes=300))} == {1}


def test_a_group_is_opened_by_its_name():
    loss = moons(10)
    closed, opened = draw(loss), draw(loss, open="layers.1")
    assert "MLP.layers.1" not in titles(opened)
    neurons = [box for box in boxes(opened) if box.name.startswith("MLP.layers.1 neuron")]
    assert len(neurons) == 16
    assert "layers.1" in [frame.title for frame in opened.picture.frames]
    assert len(boxes(opened)) == len(boxes(closed)) + 15
    inner = draw(loss, open=["layers.1", "layers.1 neuron 3"])
    assert len(boxes(inner)) > len(boxes(opened))
    assert "w[3,0]" in titles(inner)


def test_a_node_opens_all_groups_that_it_is_in():
    loss = moons(10)
    node = next(n for n in autograd.topological(loss) if n.label == "z[3]")
    drawn = boxes(draw(loss, open=node))
    number = draw(loss).picture.tape.number(node)
    (box,) = [box for box in drawn if number in box.nodes]
    assert len(box.nodes) == 1


def test_what_cannot_be_opened_is_refused_with_what_can():
    with pytest.raises(
        ValueError, match=r"no group 'layer.9' to open. Groups: 'MLP', 'MLP.layers.0'"
    ):
        draw(moons(3), open="layer.9")
    with pytest.raises(ValueError, match="not in the graph"):
        draw(moons(3), open=Value(1.0))
    with pytest.raises(TypeError, match="names and Values"):
        draw(moons(3), open=[3])


def test_a_layer_called_twice_is_two_groups():
    drawing = draw(shared_layer(), max_nodes=12)
    assert [box.label for box in boxes(drawing)].count("layer") == 2


def test_every_number_of_a_fold_is_the_range_of_the_samples():
    drawing = draw(moons(10))
    (x0,) = [box for box in boxes(drawing) if box.label == "x[0]"]
    X, _ = nn.data.moons(10, noise=0.1, rng=0)
    assert (x0.data.low, x0.data.high) == (X[:, 0].min(), X[:, 0].max())


def test_deep_graphs_need_no_recursion():
    depth = 0
    frame = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    y = chain(20_000, lambda y, x: (y * 0.999).tanh())
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(depth + 60)
        drawing = draw(y)
        drawing.svg(), drawing.text()
        flat = draw(chain(300, lambda y, x: y + x), max_nodes=None)
        flat.svg(), flat.text()
    finally:
        sys.setrecursionlimit(limit)
    assert 4 <= len(boxes(drawing)) <= 20
    assert len(boxes(flat)) == 301


def test_scopes_of_great_depth_are_drawn():
    x = Value(1.0, "x")
    scopes = [autograd.scope(f"s{i}") for i in range(500)]
    for each in scopes:
        each.__enter__()
        x = x + 1.0
    for each in reversed(scopes):
        each.__exit__()
    assert len(boxes(draw(x))) <= 80


def test_a_long_chain_shows_its_ends_and_how_it_goes_on_between():
    drawing = draw(chain(5000, lambda y, x: y + x))
    runs = [box for box in boxes(drawing) if box.made == "run"]
    assert 3 <= len(runs) <= 6
    singles = [box for box in boxes(drawing) if box.made == "" and box.kind == "op"]
    assert len(singles) >= 3
    grown = [box.data.low for box in boxes(drawing)[1:]]
    assert grown == sorted(grown)


def test_a_wide_sum_of_unlike_things_is_cut_into_bands():
    rng = np.random.default_rng(0)
    names = ["sin", "cos", "tanh", "exp", "square", "sigmoid"]
    values = [Value(v, f"v{i}") for i, v in enumerate(rng.uniform(0.1, 1.0, 40).tolist())]
    for _ in range(1500):
        a, b = rng.integers(0, len(values), 2)
        values.append(getattr(values[a], names[rng.integers(6)])() + values[b])
    y = sum(values)
    y.backward()
    picture = draw(y).picture
    assert len(picture.boxes) <= 80
    assert all(edge.source < edge.target for edge in picture.edges)


def test_drawing_changes_nothing():
    loss = moons(5)
    nodes = autograd.topological(loss)
    before = [(n.data, n.grad, n.label, n.scope, n.requires_grad) for n in nodes]
    drawing = draw(loss)
    drawing.svg(), drawing.source, drawing.text()
    assert [(n.data, n.grad, n.label, n.scope, n.requires_grad) for n in nodes] == before


def test_the_picture_keeps_the_numbers_of_when_it_was_drawn():
    x = Value(3.0, "x")
    y = x * x
    y.backward()
    drawing = draw(y)
    before = drawing.svg(), drawing.source, drawing.text()
    x.data, x.grad, y.label = 5.0, 0.0, "later"
    assert (drawing.svg(), drawing.source, drawing.text())[1:] == before[1:]


def test_large_graphs_before_a_backward_pass_say_so():
    model = nn.MLP(2, [16, 16, 1], "tanh", rng=1)
    loss = sum(model([0.1 * i, 0.3])[0] for i in range(10))
    drawing = draw(loss)
    assert NO_PASS in drawing.svg()
    assert all(box.grad is None for box in boxes(drawing))


@pytest.mark.parametrize("thing", [3.0, None, [Value(1.0)]], ids=repr)
def test_what_is_no_value_cannot_be_drawn(thing):
    with pytest.raises(TypeError, match="Value"):
        draw(thing)


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="max_nodes must be at least 2"):
        draw(Value(1.0), max_nodes=1)


def test_what_is_too_much_to_compute_is_left_out_and_not_guessed(monkeypatch):
    monkeypatch.setattr(jacobian, "_MOST_WORK", 100)
    drawing = draw(moons(5))
    left_out = [edge for edge in drawing.picture.edges if edge.partial is None]
    assert left_out
    assert all(edge.entries == () and edge.count == 0 for edge in left_out)
    assert "MLP.layers.1" in drawing.svg()
    drawing.text()


def test_more_entries_than_anybody_reads_keep_their_range(monkeypatch):
    loss = moons(5)
    kept = draw(loss).picture
    monkeypatch.setattr(jacobian, "_MOST_ENTRIES", 3)
    ranges = draw(loss).picture
    assert [e.partial for e in ranges.edges] == [e.partial for e in kept.edges]
    assert [e.count for e in ranges.edges] == [e.count for e in kept.edges]
    assert all(len(e.entries) <= 3 for e in ranges.edges)


def test_convolutions_are_groups_too():
    model = nn.Sequential(nn.Conv2d(1, 2, kernel_size=3, rng=0), nn.Flatten(), nn.Linear(32, 2))
    image = np.random.default_rng(0).normal(size=(1, 6, 6))
    loss = nn.cross_entropy(model(image), 1)
    loss.backward()
    drawing = draw(loss)
    assert "Sequential.0" in titles(drawing)
    assert "36 inputs" in drawing.svg()
