"""The DOT source: right for any graph and any label, and the same in every run."""

import math
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from autograd import Value, draw, no_grad, ops

has_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs the dot program")

LABELS = [
    "w", "∂L/∂w⁽¹⁾₂₁ = δ·x", "<script>alert(1)</script>", "a|b{}", "<B>", "&lt;", "&amp; & &#65;",
    "'single' and \"double\"", "\\N \\G \\E \\L", "back\\slash", "\\", "trailing\\\"", "a;b]c[d",
    "->", "🙂", "x" * 500, "100%", "${x}", "{{{", "<<>>", "n0", "graph", "-- comment", "/* c */",
    "]]>", "<!-- c -->", "&", "\N{HEBREW LETTER ALEF}", "e\N{COMBINING ACUTE ACCENT}", " ",
    "# line",
]  # fmt: skip
CONTROLS = ["\x00", "a\x00b", "\x1b[31m", "\x07", "\ud800", "\x7f", "\ufffe", "\u2028", "\t"]
LINES = ["two\nlines", "two\r\nlines", "\n", "\nfirst", "last\n", "a\n\nb"]


def node_lines(source):
    return dict(re.findall(r"^\s*(n\d+) \[label=(<<TABLE.*TABLE>>)\]$", source, re.MULTILINE))


def edge_lines(source):
    found = re.findall(r'^\s*n(\d+) -> n(\d+) \[label="([^"]*)"', source, re.MULTILINE)
    return [(int(a), int(b), label) for a, b, label in found]


def cells(table):
    return ["".join(cell.itertext()) for cell in ET.fromstring(table[1:-1]).iter("TD")]


def test_nodes_show_op_label_data_and_grad():
    x = Value(3.0, "x")
    y = (x * x).tanh()
    y.label = "y"
    y.backward(4.0)
    nodes = node_lines(draw(y).source)
    assert cells(nodes["n0"]) == ["x", "input", "data 3", f"grad {x.grad:.4g}"]
    assert cells(nodes["n1"])[:2] == ["×", "data 9"]
    assert cells(nodes["n2"]) == ["y", "tanh", "data 1", "grad 4"]


def test_parameters_are_told_from_inputs_and_constants():
    w, x, b = Value(1.0, "w"), Value(2.0), Value(0.5)
    y = ops.affine([w], [x], [b]) * 3.0 + Value(1.0, "t", requires_grad=False)
    y.backward()
    kinds = [cells(table)[1] for table in node_lines(draw(y).source).values()]
    assert kinds[:3] == ["parameter", "data 2", "data 0.5"]
    heads = [cells(table)[0] for table in node_lines(draw(y).source).values()]
    assert heads[1:3] == ["input", "parameter"]
    assert cells(list(node_lines(draw(y).source).values())[-2])[:2] == ["t", "input"]


def test_constants_have_no_gradient_and_dashed_edges():
    y = Value(3.0, "x") * 2.0
    y.backward()
    source = draw(y).source
    assert cells(node_lines(source)["n1"]) == ["2", "constant"]
    assert len(re.findall(r"style=dashed", source)) == 1
    with no_grad():
        assert "grad" not in draw(Value(3.0) * 2.0).source


def test_edges_show_the_local_partial_and_x_times_x_has_two():
    x = Value(3.0)
    assert edge_lines(draw(x * x).source) == [(0, 1, "3"), (0, 1, "3")]
    assert edge_lines(draw(x - 2.0).source) == [(0, 2, "1"), (1, 2, "-1")]


def test_partials_that_are_no_numbers_are_drawn_too():
    x = Value(0.0)
    labels = [label for _, _, label in edge_lines(draw(x.sqrt() + x.log() + x / x).source)]
    assert "inf" in labels
    assert "nan" in labels


def test_nodes_are_numbered_in_topological_order():
    x, w = Value(0.5), Value(2.0)
    y = ops.total([x * w, x.tanh(), ops.where(True, x, w)]) * x
    found = edge_lines(draw(y).source)
    assert len(found) == 2 + 1 + 3 + 3 + 2
    assert all(parent < child for parent, child, _ in found)


def test_the_same_graph_gives_the_same_source():
    def build():
        x, w = Value(0.5, "x"), Value(2.0, "w")
        y = (x * w + x).tanh() * w
        y.backward()
        return y

    first, second = build(), build()
    assert draw(first).source == draw(first).source == draw(second).source


def test_a_leaf_can_be_drawn():
    source = draw(Value(1.0, "x")).source
    assert len(node_lines(source)) == 1
    assert edge_lines(source) == []


def test_colours_show_the_sign_of_the_gradient():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    z = x - y
    z.backward()
    nodes = node_lines(draw(z).source)
    assert "#e07b00" in nodes["n0"]  # orange
    assert "#0072b2" in nodes["n1"]  # blue


# -- labels ----------------------------------------------------------------------------------


@pytest.mark.parametrize("label", LABELS + LINES + CONTROLS, ids=ascii)
def test_a_label_does_not_change_the_structure(label):
    x = Value(1.0, label)
    source = draw(x * x).source
    nodes = node_lines(source)
    assert list(nodes) == ["n0", "n1"]
    assert len(edge_lines(source)) == 2
    assert ET.fromstring(nodes["n0"][1:-1]).tag == "TABLE"
    source.encode()


@pytest.mark.parametrize("label", [x for x in LABELS if "\\" not in x], ids=ascii)
def test_a_label_stands_in_the_source_as_it_is(label):
    assert cells(node_lines(draw(Value(1.0, label)).source)["n0"])[0] == label


@pytest.mark.parametrize("label", CONTROLS, ids=ascii)
def test_control_characters_are_shown_by_a_sign(label):
    shown = cells(node_lines(draw(Value(1.0, label)).source)["n0"])[0]
    assert "\N{REPLACEMENT CHARACTER}" in shown


def test_line_breaks_are_line_breaks():
    assert "two<BR/>lines" in draw(Value(1.0, "two\nlines")).source
    assert "two<BR/>lines" in draw(Value(1.0, "two\r\nlines")).source


def svg_texts(svg):
    return [
        "".join(text.itertext()).replace("\N{NO-BREAK SPACE}", " ").replace("\u200b", "")
        for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


@has_dot
def test_dot_shows_every_label_as_it_is():
    """One drawing of all labels: dot reads it without a warning."""
    source = draw(ops.total([Value(1.0, label) for label in LABELS])).source
    done = subprocess.run(
        ["dot", "-Tsvg"], input=source.encode(), capture_output=True, check=True, timeout=60
    )
    assert b"syntax" not in done.stderr
    assert b"rror" not in done.stderr.replace(b"Fontconfig error", b"")
    shown = svg_texts(done.stdout)
    for label in LABELS:
        assert label in shown or not label.strip(), label


@has_dot
@pytest.mark.parametrize("label", ["\n", "\nfirst", "last\n", " ", "a\x00b", "\ud800"], ids=ascii)
def test_dot_reads_labels_of_unseen_characters(label):
    texts = svg_texts(draw(Value(1.0, label) * 2.0).pipe(format="svg", encoding="utf-8"))
    assert texts.count("data 1") == 1
    for line in label.splitlines():
        if line.strip() and line.isprintable():
            assert line in texts


@has_dot
def test_dot_shows_two_edges_for_x_times_x():
    x = Value(3.0, "x")
    root = ET.fromstring(draw(x * x).pipe(format="svg", encoding="utf-8"))
    groups = [g for g in root.iter("{http://www.w3.org/2000/svg}g") if g.get("class") == "edge"]
    assert len(groups) == 2


@has_dot
def test_special_numbers_are_shown():
    x = Value(math.nan, "x")
    y = x * math.inf
    y.backward()
    texts = svg_texts(draw(y).pipe(format="svg", encoding="utf-8"))
    assert "data nan" in texts
    assert "grad inf" in texts


def test_a_module_is_a_cluster_within_that_of_its_caller():
    import autograd

    x, w = Value(0.5, "x"), Value(2.0, "w")
    with autograd.scope("net"):
        with autograd.scope("first <b>"):
            h = (x * w).tanh()
        y = h * h + w
    source = draw(y).source
    assert re.findall(r"subgraph (cluster_\d)", source) == ["cluster_0", "cluster_1"]
    assert "<I>first &lt;b&gt;</I>" in source
    assert source.count("{") == source.count("}")
