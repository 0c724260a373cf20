"""The SVG of our own: complete, legible, in light and dark, for any label."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

import nn
from autograd import Value, draw, ops
from autograd.draw.model import NO_PASS
from autograd.draw.style import DARK, LIGHT, shortened
from autograd.draw.svg import plan

SVG = "{http://www.w3.org/2000/svg}"


def network(batch=1, sizes=(3, 1)):
    model = nn.MLP(2, list(sizes), "tanh", rng=0)
    losses = [
        nn.half_squared_error(model([0.1 * i + 0.3, -0.5 + 0.2 * i]), [0.5] * sizes[-1])
        for i in range(batch)
    ]
    loss = sum(losses) / batch
    loss.label = "L"
    loss.backward()
    return loss


def texts(svg):
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]


def paths(svg, kind):
    return [p for p in ET.fromstring(svg).iter(f"{SVG}path") if kind in p.get("class").split()]


def test_it_shows_what_a_node_is_and_the_partials():
    x = Value(3.0, "x")
    y = (x * x).tanh()
    y.label = "y"
    y.backward()
    svg = draw(y).svg()
    shown = texts(svg)
    assert {"x", "×", "y", "tanh", "data 3", "data 9", "grad 1"} <= set(shown)
    assert shown.count("3") == 2  # the partials of x * x
    heads = [p for p in ET.fromstring(svg).iter(f"{SVG}path") if p.get("class")[0] == "a"]
    assert len(heads) == 3


def test_before_a_backward_pass_it_says_so_instead_of_zeros():
    x = Value(3.0, "x")
    y = (x * x).tanh()
    drawing = draw(y)
    for form in (drawing.svg(), drawing.source, drawing.text()):
        assert NO_PASS in form
        assert "grad 0" not in form
    y.backward()
    assert NO_PASS not in draw(y).svg()
    assert "grad" in draw(y).source
    # A gradient of an earlier pass, on a leaf, is no pass of this graph.
    assert NO_PASS in draw(x * 2.0).svg()


def test_a_constant_needs_no_backward_pass():
    assert NO_PASS not in draw(Value(1.0, requires_grad=False)).svg()


def test_light_and_dark_stand_in_one_file():
    svg = draw(network()).svg()
    style = ET.fromstring(svg).find(f"{SVG}style").text
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    assert LIGHT.paper in light
    assert DARK.paper in dark
    assert LIGHT.paper not in dark
    # Every rule holds within this figure alone.
    name = ET.fromstring(svg).get("id")
    for rule in re.findall(r"^[^\n{}]*\{", light, flags=re.MULTILINE):
        assert rule.startswith(f"#{name} ")


def test_ids_differ_between_figures_and_not_between_runs():
    first, second = draw(network()), draw(network(sizes=(2, 1)))
    ids = [set(re.findall(r' id="([^"]+)"', d.svg())) for d in (first, second)]
    assert not ids[0] & ids[1]
    assert first.svg() == draw(network()).svg()


def test_a_screen_reader_is_told_what_is_drawn():
    root = ET.fromstring(draw(network()).svg())
    assert root.get("role") == "img"
    named = root.get("aria-labelledby").split()
    told = {e.get("id"): e.text for e in root if e.get("id")}
    assert "Computation graph of L" in told[named[0]]
    assert "z[0] w·x+b from w[0,0]" in told[named[1]]


@pytest.mark.parametrize("label", [
    "<script>alert(1)</script>", "a|b{}", "]]>", "&amp;", "\"'", "\x00\x1b", "\ud800", "x" * 300,
    "</text></svg>", "two\nlines", "<!--", "\\N", "🙂",
])  # fmt: skip
def test_a_hostile_label_shows_as_itself(label):
    x = Value(1.0, label)
    y = x * x
    y.label = label
    drawing = draw(y)
    svg = drawing.svg()
    svg.encode()
    root = ET.fromstring(svg)
    assert [e.tag for e in root.iter(f"{SVG}script")] == []
    assert texts(svg).count(shortened(label)) == 2
    assert len(paths(svg, "e")) >= 2
    assert "<script" not in drawing._repr_mimebundle_()["text/html"]


def test_hostile_names_of_modules_do_no_harm_either():
    import autograd

    with autograd.scope("</g><script>alert(1)</script>"):
        y = (Value(1.0, "x") * 2.0).tanh()
    root = ET.fromstring(draw(y).svg())
    assert not list(root.iter(f"{SVG}script"))


def test_a_tooltip_has_all_digits():
    x = Value(1.0 / 3.0, "x")
    y = x * 3.0
    y.backward()
    titles = [e.text or "" for e in ET.fromstring(draw(y).svg()).iter(f"{SVG}title")]
    assert any("data 0.3333333333333333" in t for t in titles)
    assert any("∂(×)/∂(x) = 3.0" in t for t in titles)


def apart(a, b):
    return (
        a.x + a.width <= b.x + 0.1
        or b.x + b.width <= a.x + 0.1
        or a.y + a.height <= b.y + 0.1
        or b.y + b.height <= a.y + 0.1
    )


def within(a, b):
    return (
        b.x - 0.1 <= a.x
        and b.y - 0.1 <= a.y
        and a.x + a.width <= b.x + b.width + 0.1
        and a.y + a.height <= b.y + b.height + 0.1
    )


@pytest.mark.parametrize("loss", [
    lambda: network(), lambda: network(4), lambda: network(1, (8, 8, 1)),
    lambda: network(3, (2, 2)),
], ids=["single", "batch", "wide", "two outputs"])  # fmt: skip
def test_nothing_lies_on_anything_else(loss):
    picture = draw(loss()).picture
    layout = plan(picture)
    for i, a in enumerate(layout.boxes):
        assert all(apart(a, b) for b in layout.boxes[:i])
    for box, rect in zip(picture.boxes, layout.boxes, strict=True):
        for f, frame in enumerate(layout.frames):
            inside = box.frame
            while inside not in (f, -1):
                inside = picture.frames[inside].parent
            assert within(rect, frame) if inside == f else apart(rect, frame)
    for edge, points in zip(picture.edges, layout.links, strict=True):
        assert points[0][0] == pytest.approx(
            layout.boxes[edge.source].x + layout.boxes[edge.source].width
        )
        assert points[-1][0] == pytest.approx(layout.boxes[edge.target].x)
        assert [x for x, _ in points] == sorted(x for x, _ in points)
        # The label stands on the level end of the edge, and on no box.
        (x0, y0), (x1, y1) = points[-2:]
        assert y0 == pytest.approx(y1)
        for i, rect in enumerate(layout.boxes):
            if i != edge.target:
                assert (
                    x1 <= rect.x
                    or x0 >= rect.x + rect.width
                    or not rect.y < y0 < rect.y + rect.height
                )


def test_no_text_is_tiny():
    svg = draw(network(4)).svg()
    sizes = [float(size) for size in re.findall(r"font-size[:=]\"?([\d.]+)", svg)]
    assert min(sizes) >= 11.0


def test_every_edge_into_a_wide_node_has_a_place_of_its_own():
    leaves = [Value(float(i), f"x{i}") for i in range(30)]
    layout = plan(draw(ops.total(leaves)).picture)
    ends = sorted(points[-1][1] for points in layout.links)
    assert min(b - a for a, b in pairwise(ends)) > 12.0
