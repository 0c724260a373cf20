"""The drawing of one gradient: the nodes between, with the adjoints of the explanation."""

import pytest

import nn
from autograd import Drawing, GraphError, Value, draw, explain


def graph():
    a = Value(2.0, label="a")
    b = a * a
    b.label = "b"
    return a, b, b * a + b.sin()


def network():
    model = nn.MLP(2, [3, 2], "tanh", rng=0)
    loss = nn.half_squared_error(model([1.0, -0.5]), [1.0, 0.0])
    return model, loss


def test_only_what_is_between_the_node_and_the_loss_is_drawn():
    model, loss = network()
    weight = model.layers[0].weight[1, 0]
    picture = explain(loss, wrt=weight).draw().picture
    drawn = {picture.tape.nodes[i] for box in picture.boxes for i in box.nodes}
    leaves = {node for node in drawn if node.is_leaf}
    assert leaves == {weight}
    assert loss in drawn
    assert len(drawn) == 11
    assert len(picture.boxes) < len(draw(loss).picture.boxes)


def test_the_gradients_are_those_of_the_explanation_and_not_of_the_nodes():
    a, b, loss = graph()
    a.grad = 100.0
    explanation = explain(loss, wrt=a)
    picture = explanation.draw().picture
    grads = {picture.tape.nodes[box.outputs[0]]: box.grad.low for box in picture.boxes}
    assert grads[a] == explanation.gradient
    assert grads[b] == explain(loss, wrt=b).gradient
    assert a.grad == 100.0
    assert b.grad == 0.0
    assert "no backward pass" not in explanation.draw().svg()


def test_each_edge_has_its_own_partial_where_other_arguments_are_left_out():
    x, y = Value(3.0, label="x"), Value(5.0, label="y")
    loss = (y - x) * x
    picture = explain(loss, wrt=x).draw().picture
    edges = {
        (picture.tape.nodes[p].label, picture.tape.nodes[o].op.name): value
        for edge in picture.edges
        for p, o, value in edge.entries
    }
    assert edges == {("x", "subtract"): -1.0, ("", "multiply"): 3.0, ("x", "multiply"): 2.0}


def test_the_largest_path_is_marked():
    a, _, loss = graph()
    explanation = explain(loss, wrt=a)
    drawing = explanation.draw()
    picture = drawing.picture
    shown = [picture.tape.nodes[int(picture.boxes[i].nodes[0])] for i in picture.path]
    assert shown == list(explanation.paths(1)[0].nodes)
    assert drawing.svg().count('<path class="hl"') == len(shown) - 1 + 1  # and in the legend
    assert "the path with the largest product" in drawing.svg()
    assert 'class="hl"' not in draw(loss).svg()


def test_it_takes_the_options_of_draw_and_is_a_drawing():
    model = nn.MLP(2, [16, 16, 1], "tanh", rng=0)
    loss = sum(nn.hinge(model([0.1 * i, 1.0]), 1) for i in range(50))
    explanation = explain(loss, wrt=model.layers[0].weight[1, 0])
    drawing = explanation.draw(max_nodes=30)
    assert isinstance(drawing, Drawing)
    assert len(drawing.picture.boxes) <= 30
    assert drawing.svg() == explanation.draw(max_nodes=30).svg()
    with pytest.raises(ValueError, match="max_nodes"):
        explanation.draw(max_nodes=1)


def test_of_the_loss_itself_it_is_the_loss_alone():
    *_, loss = graph()
    picture = explain(loss, wrt=loss).draw().picture
    assert len(picture.boxes) == 1
    assert picture.boxes[0].grad.low == 1.0


def test_any_node_has_an_equation_of_its_adjoint_and_its_computation():
    a, b, loss = graph()
    explanation = explain(loss, wrt=a)
    assert explanation.equation(b).text() == "∂L/∂b = a + cos(b)\n      = 2 - 0.6536\n      = 1.346"
    assert explanation.computation(b).text() == "b = a · a\n  = 2 · 2\n  = 4"
    with pytest.raises(GraphError, match="computed"):
        explanation.computation(a)
    with pytest.raises(GraphError, match="computed"):
        explanation.equation(Value(1.0))
