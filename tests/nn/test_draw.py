"""The textbook picture of a network: its numbers are the engine's, and it can be read."""

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import nn
from autograd import RenderError, Value, explain, topological
from nn.diagram import number

SVG = "{http://www.w3.org/2000/svg}"


def model():
    return nn.MLP(2, [3, 1], "tanh", rng=0)


def tips(drawing):
    """The tooltips, by their first lines."""
    root = ET.fromstring(drawing.svg())
    found = [title.text for title in root.iter(f"{SVG}title")][1:]
    return {tip.partition("\n")[0]: tip.splitlines() for tip in found}


def backward(net, x, y, loss=nn.half_squared_error):
    """z and a by layer and number, after a pass of the engine."""
    root = loss(net(x), y)
    root.backward()
    nodes = [node for node in topological(root) if re.fullmatch(r"[za](\[\d+\])?", node.label)]
    return root, nodes


def test_every_circle_holds_z_a_and_delta_of_the_engine():
    drawing = nn.draw(model(), [1.0, -0.5], [1.0])
    root, nodes = backward(model(), [1.0, -0.5], [1.0])
    found = tips(drawing)
    z = [node for node in nodes if node.label[0] == "z"]
    a = [node for node in nodes if node.label[0] == "a"] + [z[-1]]
    titles = [f"neuron {j} of layer 1, tanh" for j in (1, 2, 3)] + ["neuron 1 of layer 2, linear"]
    for title, before, after in zip(titles, z, a, strict=True):
        assert found[title][1:] == [f"z {before.data!r}", f"a {after.data!r}", f"δ {before.grad!r}"]
    assert found["the loss, half_squared_error"][1:] == [f"L {root.data!r}"]
    assert found["input 2"][1:] == ["x₂ -0.5"]
    assert found["target 1"][1:] == ["y₁ 1.0"]


def test_every_connection_holds_its_weight_and_its_gradient():
    net = model()
    found = tips(nn.draw(net, [1.0, -0.5], [1.0]))
    assert all(parameter.grad == 0.0 for parameter in net.parameters())
    backward(net, [1.0, -0.5], [1.0])
    weight = net.layers[0].weight[2, 1]
    assert found[f"w⁽¹⁾₃₂ = {weight.data!r}"][1:] == [f"∂L/∂w⁽¹⁾₃₂ = {weight.grad!r}"]
    bias = net.layers[1].neurons[0].bias
    assert f"bias b⁽²⁾₁ = {bias.data!r}" in found


def test_the_names_are_those_of_explain():
    net = model()
    loss = nn.half_squared_error(net([1.0, -0.5]), [1.0])
    said = explain(loss, wrt=net.layers[0].weight[2, 1]).text()
    assert "∂L/∂w⁽¹⁾₃₂ = δ⁽¹⁾₃ · x₂" in said
    assert any(name.startswith("w⁽¹⁾₃₂ = ") for name in tips(nn.draw(net, [1.0, -0.5], [1.0])))


def test_colour_and_width_show_the_weight():
    net = model()
    drawing = nn.draw(net, [1.0, -0.5], [1.0])
    classes = {
        float(value): kind
        for kind, value in re.findall(r'<g class="edge (\w+)"><title>w\S+ = (\S+)\n', drawing.svg())
    }
    weights = [w.data for layer in net.layers for w in layer.weight.flat]
    assert sorted(classes) == sorted(weights)
    assert all((kind[0] == "p") == (value > 0) for value, kind in classes.items())
    sizes = [int(classes[value][1]) for value in sorted(weights, key=abs)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 5


def test_the_flow_shows_weight_times_delta_and_where_it_ends():
    net = model()
    found = tips(nn.draw(net, [1.0, -0.5], [1.0], flow=True))
    _, nodes = backward(net, [1.0, -0.5], [1.0])
    delta = nodes[-1].grad
    weight = net.layers[1].weight[0, 1]
    product = weight.data * delta
    assert found[f"w⁽²⁾₁₂ = {weight.data!r}"][1] == f"w⁽²⁾₁₂ · δ⁽²⁾₁ = {product!r}"
    # Its share of δ of the neuron before, times the slope there:
    hidden = next(node for node in nodes if node.label == "a[1]")
    assert product == hidden.grad
    drawn = nn.draw(net, [1.0, -0.5], [1.0], flow="backward").svg()
    assert drawn.count('<g class="edge fixed">') == 6 + 1  # the inputs are constants; the legend
    assert 'class="a"' in drawn
    leaves = [Value(1.0), Value(-0.5)]
    live = nn.draw(net, leaves, [1.0], flow=True).svg()
    assert live.count('<g class="edge fixed">') == 1


def test_the_gradients_of_the_weights_can_be_shown_instead():
    net = model()
    drawn = nn.draw(net, [1.0, -0.5], [1.0], flow="gradient").svg()
    backward(net, [1.0, -0.5], [1.0])
    gradients = [w.grad for layer in net.layers for w in layer.weight.flat]
    labels = re.findall(r'<g class="label weight">.*?<text[^>]*>([^<]*)</text>', drawn)
    assert sorted(map(float, labels)) == pytest.approx(sorted(gradients), rel=0.06)


def test_a_large_network_shows_the_first_and_the_last_and_how_many():
    net = nn.MLP(784, [128, 64, 10], "relu", rng=0)
    x = np.random.default_rng(0).random(784)
    drawing = nn.draw(net, x, 3, loss="cross_entropy")
    drawn = drawing.svg()
    for count in ("784", "128", "64"):
        assert f">{count}</text>" in drawn
    assert "x₇₈₄" in drawn
    assert "z₁₂₈" in drawn
    assert drawn.count('class="box neuron') == 6 + 6 + 10
    assert len(drawn) < 100_000
    assert "output 4" in drawn
    assert "(122 more)" not in drawing.text()
    assert "(117 more)" in drawing.text()
    small = nn.draw(net, x, 3, loss="cross_entropy", max_neurons=3).svg()
    assert small.count('class="box neuron') == 2 + 2 + 3  # and the right class


def test_the_right_class_is_drawn_among_however_many():
    net = nn.MLP(2, [100], "relu", rng=0)
    for right in (2, 50, 99, 5, 98):
        shown = {0, 1, 2, 3, right if 4 < right < 99 else 4, 99}
        found = tips(nn.draw(net, [1.0, 2.0], right, loss="cross_entropy"))
        drawn = {int(re.findall(r"\d+", tip)[0]) - 1 for tip in found if tip.startswith("neuron")}
        assert drawn == shown


def test_numbers_of_any_size_fit_into_the_circles():
    for value in (
        0.0,
        -0.0,
        1.0,
        1234.0,
        9999.9,
        -0.00088,
        123456.789,
        -3.4e-300,
        1e300,
        math.inf,
        -math.nan,
    ):
        text, full = number(value)
        assert len(text) <= 9 if abs(value) > 1e99 or 0 < abs(value) < 1e-99 else len(text) <= 7
        assert full == repr(value)
        if math.isfinite(value):
            assert float(text) == pytest.approx(value, rel=0.05)


def test_it_takes_what_is_a_chain_of_layers():
    for net, x, y in [
        (nn.Neuron(2, "tanh", rng=0), [1.0, 2.0], [0.0]),
        (nn.Linear(2, 2, bias=False, rng=0), [1.0, 2.0], [0.0, 1.0]),
        (
            nn.Sequential(
                nn.Linear(2, 3, rng=0), nn.Sigmoid(), nn.Linear(3, 2, rng=1), nn.Softmax()
            ),
            [1.0, 2.0],
            [0.0, 1.0],
        ),
    ]:
        drawing = nn.draw(net, x, y, loss="mse")
        root, nodes = backward(net, x, y, nn.mse)
        text = drawing.text()
        assert f"{root.data:.6g}" in text
        for node in nodes:
            assert f"{node.data:.4g}" in text
    assert "softmax" in text


def test_what_cannot_be_drawn_is_refused_with_the_reason():
    class Twice(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2, rng=0)

        def forward(self, x):
            return self.layer(self.layer(x))

    with pytest.raises(TypeError, match="used more than once"):
        nn.draw(Twice(), [1.0, 2.0], [0.0, 1.0])
    with pytest.raises(TypeError, match="does not take the layer before"):
        nn.draw(
            nn.Sequential(nn.Linear(2, 2, rng=0), nn.LayerNorm(2), nn.Linear(2, 1, rng=0)),
            [1.0, 2.0],
            [0.0],
        )
    with pytest.raises(TypeError, match="no Linear layer was recorded"):
        nn.draw(nn.Sequential(nn.Tanh()), [Value(1.0)], [0.0])
    with pytest.raises(ValueError, match=r"one sample.*\(2, 2\)"):
        nn.draw(model(), [[1.0, 2.0], [3.0, 4.0]], [1.0])
    with pytest.raises(ValueError, match="unknown loss"):
        nn.draw(model(), [1.0, 2.0], [1.0], loss="mean")
    with pytest.raises(ValueError, match="flow must be"):
        nn.draw(model(), [1.0, 2.0], [1.0], flow="up")
    with pytest.raises(ValueError, match="max_neurons"):
        nn.draw(model(), [1.0, 2.0], [1.0], max_neurons=2)


def test_frozen_parameters_have_no_gradient_and_the_picture_says_so():
    net = model()
    for parameter in net.layers[0].parameters():
        parameter.requires_grad = False
    found = tips(nn.draw(net, [1.0, -0.5], [1.0]))
    assert found["neuron 1 of layer 1, tanh"][3] != "δ none"
    weight = net.layers[0].weight[0, 0].data
    assert found[f"w⁽¹⁾₁₁ = {weight!r}"] == [f"w⁽¹⁾₁₁ = {weight!r}"]
    assert "–" in nn.draw(net, [1.0, -0.5], [1.0]).text()
    drawn = nn.draw(net, [1.0, -0.5], [1.0], flow="gradient").svg()
    assert drawn.count('<g class="edge fixed">') == 6 + 1
    assert not any(parameter.requires_grad for parameter in net.layers[0].parameters())


def test_hostile_names_and_labels_show_themselves():
    def loss(prediction, target):
        return nn.mse(prediction, target)

    loss.__name__ = "<script>alert(1)</script>"
    x = [Value(1.0, label="</title><script>alert(2)</script>"), Value(2.0, label="a|b{}&")]
    drawn = nn.draw(model(), x, [1.0], loss=loss).svg()
    ET.fromstring(drawn)
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn


def test_the_same_network_gives_the_same_picture():
    assert nn.draw(model(), [1.0, -0.5], [1.0]).svg() == nn.draw(model(), [1.0, -0.5], [1.0]).svg()


def test_nothing_in_the_model_is_changed():
    net = model()
    net.parameters()[0].grad = 7.0
    before = [(p.data, p.grad, p.requires_grad) for p in net.parameters()]
    nn.draw(net, [1.0, -0.5], [1.0], flow=True)
    assert before == [(p.data, p.grad, p.requires_grad) for p in net.parameters()]


def test_infinite_and_missing_numbers_are_drawn():
    net = nn.Linear(1, 1, rng=0)
    net.neurons[0].weight[0].data = math.inf
    assert "inf" in nn.draw(net, [1.0], [0.0], flow="gradient").svg()
    assert "nan" in nn.draw(net, [0.0], [0.0], flow=True).svg()


def test_it_saves_and_shows_itself(tmp_path):
    drawing = nn.draw(model(), [1.0, -0.5], [1.0])
    assert drawing.save(tmp_path / "new" / "net.svg").read_text(encoding="utf-8") == drawing.svg()
    assert drawing.save(tmp_path / "net.txt").read_text(encoding="utf-8").startswith("MLP(2 → 3")
    shown = drawing._repr_mimebundle_()
    assert shown["image/svg+xml"] == drawing.svg()
    assert shown["text/plain"] == drawing.text() == repr(drawing)
    assert "<iframe sandbox" in shown["text/html"]
    assert "<img" in shown["text/html"]
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf"):
        drawing.save(tmp_path / "net.gif")
    try:
        assert drawing.save(tmp_path / "net.png").read_bytes()[:4] == b"\x89PNG"
    except RenderError:
        pytest.skip("nothing here converts SVG to PNG")


def test_light_and_dark_stand_in_one_picture():
    drawn = nn.draw(model(), [1.0, -0.5], [1.0]).svg()
    assert "@media (prefers-color-scheme: dark)" in drawn
    assert "var(" not in drawn
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")


def test_the_text_is_a_table():
    text = nn.draw(model(), [1.0, -0.5], [1.0]).text()
    assert text.splitlines()[:3] == [
        "MLP(2 → 3 → 1, tanh, linear), half_squared_error: L = 0.108762",
        "x   1  -0.5",
        "y   1",
    ]
    assert "layer 2: 3 → 1, linear" in text
