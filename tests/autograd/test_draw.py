"""Drawings: right DOT source for any graph and any label, with or without Graphviz."""

import html
import math
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import graphviz
import pytest

from autograd import Drawing, GraphError, RenderError, Value, draw, no_grad, ops

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


@pytest.fixture
def no_graphviz(monkeypatch, tmp_path):
    """Neither the dot program nor pygraphviz."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


def node_lines(source):
    return re.findall(r"^\s*(n\d+) \[label=(.*)\]$", source, re.MULTILINE)


def edge_lines(source):
    found = re.findall(
        r'^\s*n(\d+) -> n(\d+) \[(?:.*)label="?([^"\]\s]*)"?.*\]$', source, re.MULTILINE
    )
    return [(int(a), int(b), label) for a, b, label in found]


def test_a_drawing_is_a_digraph():
    drawing = draw(Value(1.0) * 2.0)
    assert isinstance(drawing, Drawing)
    assert isinstance(drawing, graphviz.Digraph)
    assert drawing.source.startswith("digraph")


def test_nodes_show_op_label_data_and_grad():
    x = Value(3.0, "x")
    y = (x * x).tanh()
    y.label = "y"
    y.backward(4.0)
    source = draw(y).source
    nodes = dict(node_lines(source))
    assert list(nodes) == ["n0", "n1", "n2"]
    assert "leaf" in nodes["n0"]
    assert ">x<" in nodes["n0"]
    assert "data 3" in nodes["n0"]
    assert f"grad {x.grad:.4g}" in nodes["n0"]
    assert "×" in nodes["n1"]
    assert "data 9" in nodes["n1"]
    assert "tanh" in nodes["n2"]
    assert ">y<" in nodes["n2"]
    assert "grad 4" in nodes["n2"]


def test_constants_are_told_apart_and_have_no_gradient():
    source = draw(Value(3.0) * 2.0).source
    constant = dict(node_lines(source))["n1"]
    assert "constant" in constant
    assert "grad" not in constant
    with no_grad():
        assert "constant" in draw(Value(3.0) * 2.0).source


def test_edges_show_the_local_partial_and_x_times_x_has_two():
    x = Value(3.0)
    source = draw(x * x).source
    assert edge_lines(source) == [(0, 1, "3"), (0, 1, "3")]
    assert edge_lines(draw(x - 2.0).source) == [(0, 2, "1"), (1, 2, "-1")]


def test_partials_that_are_no_numbers_are_drawn_too():
    x = Value(0.0)
    source = draw(x.sqrt() + x.log() + x / x).source
    labels = [label for _, _, label in edge_lines(source)]
    assert "inf" in labels
    assert "nan" in labels


def test_nodes_are_numbered_in_topological_order():
    x, w = Value(0.5), Value(2.0)
    y = ops.total([x * w, x.tanh(), ops.where(True, x, w)]) * x
    source = draw(y).source
    found = edge_lines(source)
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


def test_drawing_changes_nothing():
    x = Value(3.0, "x")
    y = x * x
    y.backward()
    draw(y)
    assert (x.data, x.grad, x.label, y.grad, y.label) == (3.0, 6.0, "x", 1.0, "")


def test_a_leaf_can_be_drawn():
    source = draw(Value(1.0, "x")).source
    assert len(node_lines(source)) == 1
    assert edge_lines(source) == []


def test_too_many_nodes_are_refused_kindly():
    x = y = Value(1.0)
    for _ in range(600):
        y = y * x
    with pytest.raises(GraphError, match=r"601 nodes, more than max_nodes=500\..*max_nodes"):
        draw(y)
    assert draw(y, max_nodes=601).source.count("->") == 1200
    with pytest.raises(GraphError, match="max_nodes=600"):
        draw(y, max_nodes=600)


def test_a_graph_of_great_depth_is_refused_kindly():
    y = Value(1.0)
    for _ in range(100_000):
        y = y + y
    with pytest.raises(GraphError, match="100,001 nodes"):
        draw(y)


@pytest.mark.parametrize("thing", [3.0, None, [Value(1.0)]], ids=repr)
def test_what_is_no_value_cannot_be_drawn(thing):
    with pytest.raises(TypeError, match="Value"):
        draw(thing)


# -- labels ----------------------------------------------------------------------------------


@pytest.mark.parametrize("label", LABELS + LINES + CONTROLS, ids=ascii)
def test_a_label_does_not_change_the_structure(label):
    x = Value(1.0, label)
    source = draw(x * x).source
    nodes = node_lines(source)
    assert [name for name, _ in nodes] == ["n0", "n1"]
    assert len(edge_lines(source)) == 2
    # The label of the node is one table of XML, whatever the text.
    table = ET.fromstring(nodes[0][1][1:-1])
    assert table.tag == "TABLE"
    assert [cell.tag for cell in table.iter("TD")] == ["TD"] * 4
    source.encode()


@pytest.mark.parametrize("label", [x for x in LABELS if "\\" not in x], ids=ascii)
def test_a_label_stands_in_the_source_as_it_is(label):
    table = ET.fromstring(node_lines(draw(Value(1.0, label)).source)[0][1][1:-1])
    cells = ["".join(cell.itertext()) for cell in table.iter("TD")]
    assert cells[1] == label


@pytest.mark.parametrize("label", CONTROLS, ids=ascii)
def test_control_characters_are_shown_by_a_sign(label):
    table = ET.fromstring(node_lines(draw(Value(1.0, label)).source)[0][1][1:-1])
    cells = ["".join(cell.itertext()) for cell in table.iter("TD")]
    assert "\N{REPLACEMENT CHARACTER}" in cells[1] or label == "\t"


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
    leaves = [Value(1.0, label) for label in LABELS]
    source = draw(ops.total(leaves)).source
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
    drawing = draw(Value(1.0, label) * 2.0)
    svg = drawing.pipe(format="svg", encoding="utf-8", quiet=True)
    texts = svg_texts(svg)
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


# -- saving and showing ----------------------------------------------------------------------


def graph():
    x = Value(3.0, "x")
    return draw(x * x)


@has_dot
@pytest.mark.parametrize(("suffix", "magic"), [
    (".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".SVG", b"<?xml"),
])  # fmt: skip
def test_a_picture_is_saved_by_its_suffix(tmp_path, suffix, magic):
    for target in (tmp_path / f"a{suffix}", str(tmp_path / "new" / f"b{suffix}")):
        path = graph().save(target)
        assert path == str(target)
        with open(path, "rb") as file:
            assert file.read().startswith(magic)


@has_dot
def test_a_picture_is_saved_into_a_directory(tmp_path):
    path = graph().save("a.svg", tmp_path / "pictures")
    assert path == str(tmp_path / "pictures" / "a.svg")
    assert (tmp_path / "pictures" / "a.svg").read_bytes().startswith(b"<?xml")


def test_the_source_is_saved_under_any_other_name(tmp_path):
    drawing = graph()
    for name in ("a.dot", "b.gv", "c.txt", "d"):
        path = drawing.save(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8").strip() == drawing.source.strip()
        assert str(path) == str(tmp_path / name)
    drawing.save("e.dot", tmp_path)
    assert (tmp_path / "e.dot").exists()


@has_dot
def test_a_notebook_gets_a_picture():
    bundle = graph()._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "text/plain"}
    assert "x" in svg_texts(bundle["image/svg+xml"])
    again = graph()._repr_mimebundle_(include=None, exclude=None)
    assert again["image/svg+xml"] == bundle["image/svg+xml"]


@has_dot
def test_it_renders_as_a_digraph_does(tmp_path):
    path = graph().render(tmp_path / "g", format="svg")
    assert path.endswith("g.svg")


@pytest.mark.usefixtures("no_graphviz")
def test_without_graphviz_a_picture_is_refused_with_the_way_to_get_it(tmp_path):
    drawing = graph()
    for ask in (
        lambda: drawing.save(tmp_path / "g.svg"),
        lambda: drawing.pipe(format="svg"),
        lambda: drawing.render(tmp_path / "g", format="svg"),
    ):
        with pytest.raises(RenderError, match=r"graphviz\.org/download.*pip install pygraphviz"):
            ask()
    assert not (tmp_path / "g.svg").exists()


@pytest.mark.usefixtures("no_graphviz")
def test_without_graphviz_the_source_is_there_and_can_be_saved(tmp_path):
    drawing = graph()
    assert "n0 -> n1" in drawing.source
    drawing.save(tmp_path / "g.dot")
    assert "n0 -> n1" in (tmp_path / "g.dot").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_graphviz")
def test_without_graphviz_a_notebook_gets_the_way_to_get_it_and_the_source():
    bundle = graph()._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "graphviz.org/download" in bundle["text/plain"]
    assert "n0 -> n1" in bundle["text/plain"]


@pytest.mark.usefixtures("no_graphviz")
def test_pygraphviz_serves_where_dot_is_missing(monkeypatch, tmp_path):
    class AGraph:
        def __init__(self, source):
            self.source = source

        def draw(self, format, prog):
            return f"{format} by {prog}: {self.source}".encode()

    module = type(sys)("pygraphviz")
    module.AGraph = AGraph
    monkeypatch.setitem(sys.modules, "pygraphviz", module)
    drawing = graph()
    drawing.save(tmp_path / "g.svg")
    assert (tmp_path / "g.svg").read_text(encoding="utf-8") == f"svg by dot: {drawing.source}"


@pytest.mark.usefixtures("no_graphviz")
def test_a_picture_that_fails_leaves_the_old_file_alone(tmp_path):
    (tmp_path / "g.svg").write_text("old")
    with pytest.raises(RenderError, match="dot"):
        graph().save(tmp_path / "g.svg")
    assert (tmp_path / "g.svg").read_text() == "old"


def test_the_escaped_text_is_what_html_escapes():
    assert html.escape("<script>", quote=False) in draw(Value(1.0, "<script>")).source
    assert "<script>" not in draw(Value(1.0, "<script>")).source
