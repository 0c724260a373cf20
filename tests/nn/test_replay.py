"""The replay of a network: every step says what explain and the engine say."""

import json
import math
import re

import numpy as np
import pytest

import nn
from autograd import Replay, Value, explain


def model():
    return nn.MLP(3, [4, 2], "sigmoid", "sigmoid", rng=0)


X, Y = [1.0, 2.0, -1.0], [0.5, 1.0]


def played(net=None, x=X, y=Y, **options):
    return nn.replay(net or model(), x, y, **options)


def steps(replay):
    return replay.scene.views[""].steps


def said(line):
    return "".join(
        each if isinstance(each, str) else each.get("t") or "/".join(each.get("f", ["…"]))
        for each in line
    )


def final(replay):
    """What every item shows after the last step."""
    view = replay.scene.views[""]
    return view.state(len(view.steps) - 1)


def test_the_steps_are_the_equations_of_explain_in_its_order():
    net = model()
    text = str(explain(nn.half_squared_error(net(X), Y), wrt=net))
    _, forward, backward = re.split(r"forward\n|\n\nbackward\n", text)
    formulas = [said(step["lines"][0]) for step in steps(played())]
    loss = next(i for i, formula in enumerate(formulas) if formula.startswith("L = "))
    assert formulas[1:loss] == forward.splitlines()
    told = formulas[loss + 1 :]
    order = sorted(backward.splitlines(), key=told.index)  # it is that of explain, but for layers
    assert told == order
    assert set(told) == set(backward.splitlines())
    assert told[0] == "δ⁽²⁾ = (a⁽²⁾ - y) ⊙ σ'(z⁽²⁾)"


def test_the_circles_and_connections_end_with_the_numbers_of_the_engine():
    found = final(played())
    net = model()
    loss = nn.half_squared_error(net(X), Y)
    loss.backward()
    for c, layer in enumerate(net.layers):
        for j, neuron in enumerate(layer.neurons):
            state = found[f"n{c}.{j}"]
            assert float(state["δ"][1]) == neuron.bias.grad
            assert found[f"b{c}.{j}"]["∂L/∂b"][1] == repr(neuron.bias.grad)
            for i, weight in enumerate(neuron.weight):
                assert found[f"e{c}.{j}.{i}"]["∂L/∂w"][1] == repr(weight.grad)
    assert float(found["L"]["L"][1]) == loss.data
    outputs = net(X)
    assert [float(found[f"n1.{j}"]["a"][1]) for j in (0, 1)] == [a.data for a in outputs]


def test_numbers_stand_in_the_place_of_names():
    step = next(s for s in steps(played()) if said(s["lines"][0]).startswith("z⁽²⁾"))
    second = step["lines"][1]
    matrix, vector, bias, result = (each["m"] for each in second if isinstance(each, dict))
    net = model()
    hidden = [1 / (1 + math.exp(-z.data)) for z in net.layers[0](X)]
    assert np.shape(matrix) == (2, 4)
    assert [[float(x) for x in row] for row in matrix] == pytest.approx(
        np.array([[w.data for w in n.weight] for n in net.layers[1].neurons]), rel=0.06
    )
    assert [float(x) for (x,) in vector] == pytest.approx(hidden, rel=0.01)
    assert np.shape(bias) == np.shape(result) == (2, 1)


def test_delta_is_shown_with_transposed_weights_and_the_slopes():
    step = next(s for s in steps(played()) if said(s["lines"][0]).startswith("δ⁽¹⁾"))
    transposed, delta, slopes, result = (p["m"] for p in step["lines"][1] if isinstance(p, dict))
    assert np.shape(transposed) == (4, 2)
    product = np.array(transposed, float) @ np.array(delta, float) * np.array(slopes, float)
    assert product == pytest.approx(np.array(result, float), rel=0.05, abs=1e-4)
    assert step["on"]["e1.0.2"] == "local"
    assert step["on"]["n1.1"] == "upstream"
    assert step["on"]["n0.3"] == "result"


def test_a_neuron_has_a_panel_with_its_own_equations():
    scene = played().scene
    lines = [said(line) for line in scene.panels["n0.1"]["lines"]]
    net = model()
    loss = nn.half_squared_error(net(X), Y)
    assert scene.panels["n0.1"]["title"] == ["neuron 2 of layer 1"]
    assert lines[0] == "z⁽¹⁾₂ = Σₖ w⁽¹⁾₂ₖ · xₖ + b⁽¹⁾₂"
    assert "δ⁽¹⁾₂ = (Σₖ w⁽²⁾ₖ₂ · δ⁽²⁾ₖ) · σ'(z⁽¹⁾₂)" in lines
    scalar = explain(loss, wrt=net.layers[0].weight[1, 0]).text().splitlines()
    assert scalar[0] in lines


@pytest.mark.parametrize(
    ("loss", "y"),
    [("mse", [0.2]), ("mae", [0.2]), ("huber", [3.0]), ("hinge", [1]), ("logistic", [-1]),
     ("bce_with_logits", [1.0]), (lambda p, t: (p[0] - t[0]).exp(), [0.0])],
)  # fmt: skip
def test_any_loss_is_played(loss, y):
    net = nn.MLP(2, [3, 1], "tanh", rng=0)
    replay = nn.replay(net, [1.0, -0.5], y, loss=loss)
    prediction = net([1.0, -0.5])
    value = (getattr(nn, loss) if isinstance(loss, str) else loss)(prediction, y)
    value.backward()
    assert float(final(replay)["n0.2"]["δ"][1]) == net.layers[0].neurons[2].bias.grad
    assert repr(value.data) in json.dumps(steps(replay))


@pytest.mark.parametrize(
    "net",
    [nn.Neuron(2, "tanh", rng=0), nn.Linear(2, 1, bias=False, rng=0), nn.MLP(2, [1, 1, 1], rng=3)],
    ids=["neuron", "linear", "thin"],
)
def test_small_networks_of_every_kind_are_played(net):
    replay = nn.replay(net, [1.0, 2.0], [0.5])
    assert len(replay) >= 4
    assert "∂L/∂W" in replay.text()


def test_a_class_is_a_target_too():
    net = nn.MLP(2, [4, 3], "relu", rng=0)
    replay = nn.replay(net, [1.0, 2.0], 2, loss="cross_entropy")
    assert "δ⁽²⁾ = softmax(z⁽²⁾) - onehot(y)" in replay.text()
    assert "[0; 0; 1]" in replay.text()


def test_a_large_network_is_played_with_the_equations_of_a_neuron():
    net = nn.MLP(300, [40, 10], "relu", rng=0)
    x = np.random.default_rng(0).random(300)
    replay = nn.replay(net, x, 3, loss="cross_entropy")
    text = replay.text()
    assert "z⁽¹⁾₁ = Σₖ w⁽¹⁾₁ₖ · xₖ + b⁽¹⁾₁   for neuron 1" in text
    assert "δ⁽²⁾ = softmax(z⁽²⁾) - onehot(y)" in text
    assert "∂L/∂w⁽¹⁾₁₁ = δ⁽¹⁾₁ · x₁   for neuron 1" in text
    found = final(replay)
    nn.cross_entropy(net(x), 3).backward()
    last = net.layers[0].neurons[39]
    assert float(found["n0.39"]["δ"][1]) == last.bias.grad
    assert found["e0.39.299"]["∂L/∂w"][1] == repr(last.weight[299].grad)
    assert len(replay.html()) < 150_000


def test_frozen_layers_get_no_gradient_and_hold_delta():
    net = model()
    for parameter in net.layers[0].parameters():
        parameter.requires_grad = False
    replay = nn.replay(net, X, Y)
    assert "∂L/∂W⁽²⁾" in replay.text()
    assert "∂L/∂W⁽¹⁾" not in replay.text()
    for parameter in net.parameters():
        parameter.requires_grad = False
    text = nn.replay(net, X, Y).text()
    assert "δ⁽¹⁾ = " in text
    assert "∂L/∂W" not in text


def test_nothing_in_the_model_is_changed_and_the_page_is_always_the_same():
    net = model()
    net.parameters()[0].grad = 7.0
    before = [(p.data, p.grad, p.requires_grad) for p in net.parameters()]
    assert nn.replay(net, X, Y).html() == nn.replay(net, X, Y).html()
    assert before == [(p.data, p.grad, p.requires_grad) for p in net.parameters()]


def test_hostile_names_stay_text():
    def loss(prediction, target):
        return nn.mse(prediction, target)

    loss.__name__ = "</script><script>alert(1)</script>"
    x = [Value(1.0, label="<img src=x onerror=alert(2)>"), Value(2.0, label="a|b{}&")]
    net = nn.MLP(2, [2, 1], "tanh", rng=0)
    replay = nn.replay(net, x, [1.0], loss=loss, title="<b>\u0000")
    page = replay.html()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert "<script" not in replay.svg()


def test_it_is_a_replay_that_shows_and_saves_itself(tmp_path):
    replay = played()
    assert isinstance(replay, Replay)
    assert replay.save(tmp_path / "net.html").stat().st_size < 100_000
    moving = replay.to_animation(tmp_path / "net.svg").read_text(encoding="utf-8")
    assert "@keyframes" in moving
    shown = replay._repr_mimebundle_()
    assert 'sandbox="allow-scripts"' in shown["text/html"]
    assert shown["image/svg+xml"].startswith("<svg")


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="max_neurons"):
        played(max_neurons=2)
    with pytest.raises(ValueError, match="unknown loss"):
        played(loss="mean")
    with pytest.raises(TypeError, match="takes a module"):
        nn.replay(lambda x: x, X, Y)
