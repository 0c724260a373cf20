"""Drawings are Digraphs that show and save themselves on any machine."""

import base64
import html
import re
import shutil
import sys
import xml.etree.ElementTree as ET

import graphviz
import pytest

from autograd import Drawing, RenderError, Value, draw
from autograd.draw import render

has_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs the dot program")


def graph(**options):
    x = Value(3.0, "x")
    y = x * x
    y.backward()
    return draw(y, **options)


@pytest.fixture
def slow_dot(monkeypatch, tmp_path):
    """A dot program that takes for ever, and nothing else."""
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setattr(render, "TIME_LIMIT", 0.3)


@pytest.fixture
def broken_dot(monkeypatch, tmp_path):
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.stderr.write('lost n1 n2 edge')\nsys.exit(1)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


def test_a_drawing_is_a_digraph():
    drawing = graph()
    assert isinstance(drawing, Drawing)
    assert isinstance(drawing, graphviz.Digraph)
    assert drawing.source.startswith("digraph")


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("name", ["a.svg", "A.SVG", "new/folder/b.svg"])
def test_svg_is_saved_on_a_bare_machine(tmp_path, name):
    path = graph().save(tmp_path / name)
    assert path == str(tmp_path / name)
    assert ET.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.usefixtures("bare")
def test_a_picture_is_saved_into_a_directory(tmp_path):
    path = graph().save("a.svg", tmp_path / "pictures")
    assert path == str(tmp_path / "pictures" / "a.svg")
    assert (tmp_path / "pictures" / "a.svg").exists()


def test_the_source_is_saved_under_any_other_name(tmp_path):
    drawing = graph()
    for name in ("a.dot", "b.gv", "c.txt", "d"):
        path = drawing.save(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8").strip() == drawing.source.strip()
        assert str(path) == str(tmp_path / name)
    drawing.save("e.dot", tmp_path)
    assert (tmp_path / "e.dot").exists()


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("form", ["png", "pdf"])
def test_what_cannot_be_converted_is_refused_with_the_way_to_get_it(tmp_path, form):
    drawing = graph()
    (tmp_path / f"g.{form}").write_text("old")
    for ask in (
        lambda: drawing.save(tmp_path / f"g.{form}"),
        lambda: drawing.pipe(format=form),
        lambda: drawing.render(tmp_path / "r", format=form),
    ):
        with pytest.raises(RenderError, match=r"pip install .*render.*graphviz\.org/download"):
            ask()
    assert (tmp_path / f"g.{form}").read_text() == "old"


@pytest.mark.usefixtures("no_graphviz")
def test_png_is_converted_by_resvg_where_it_is_installed(tmp_path):
    pytest.importorskip("resvg_py")
    path = graph().save(tmp_path / "a.png")
    with open(path, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.usefixtures("no_graphviz")
@pytest.mark.parametrize("form", ["png", "pdf"])
def test_cairosvg_converts_where_it_is_installed(monkeypatch, tmp_path, form):
    asked = []
    module = type(sys)("cairosvg")
    module.svg2png = lambda bytestring, scale: asked.append(bytestring) or b"a PNG"
    module.svg2pdf = lambda bytestring: asked.append(bytestring) or b"a PDF"
    monkeypatch.setitem(sys.modules, "cairosvg", module)
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    graph().save(tmp_path / f"a.{form}")
    assert (tmp_path / f"a.{form}").read_bytes() == f"a {form.upper()}".encode()
    # Paper is light.
    assert b"prefers-color-scheme" not in asked[0]
    assert ET.fromstring(asked[0]).tag.endswith("svg")


@has_dot
def test_dot_makes_pdf_where_nothing_else_does(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    for form, magic in (("pdf", b"%PDF"), ("png", b"\x89PNG")):
        path = graph().save(tmp_path / f"a.{form}")
        with open(path, "rb") as file:
            assert file.read().startswith(magic)


@has_dot
def test_dot_draws_if_asked(tmp_path):
    drawing = graph(engine="dot")
    svg = drawing.svg()
    assert svg.startswith("<svg")
    assert "node1" in svg
    assert "prefers-color-scheme" not in svg
    drawing.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_pygraphviz_draws_if_asked():
    pytest.importorskip("pygraphviz")
    assert "node1" in graph(engine="pygraphviz").svg()


def test_the_same_picture_comes_without_any_engine(request):
    usual = graph().svg()
    request.getfixturevalue("bare")
    assert graph().svg() == usual


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("engine", ["dot", "pygraphviz"])
def test_an_engine_that_is_missing_gives_way_with_a_word(engine):
    with pytest.warns(UserWarning, match=r"not installed. Drawn by the layout of our own"):
        assert graph(engine=engine).svg() == graph().svg()


@pytest.mark.usefixtures("slow_dot")
def test_a_dot_that_takes_too_long_gives_way(tmp_path):
    with pytest.warns(UserWarning, match=r"did not finish within 0.3 s"):
        assert graph(engine="dot").svg() == graph().svg()
    with pytest.warns(UserWarning, match="did not finish"):
        assert graph().pipe(format="svg", encoding="utf-8") == graph().svg()


@pytest.mark.usefixtures("broken_dot")
def test_a_dot_that_fails_gives_way_and_its_words_are_told():
    with pytest.warns(UserWarning, match="lost n1 n2 edge"):
        assert graph(engine="dot").svg() == graph().svg()


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="engine must be None or one of"):
        graph(engine="neato")


# -- as a Digraph ----------------------------------------------------------------------------


@has_dot
def test_it_renders_as_a_digraph_does(tmp_path):
    path = graph().render(tmp_path / "g", format="svg")
    assert path == str(tmp_path / "g.svg")
    assert (tmp_path / "g").read_text(encoding="utf-8").startswith("digraph")
    graph().render("h", tmp_path, format="svg", cleanup=True)
    assert (tmp_path / "h.svg").exists()
    assert not (tmp_path / "h").exists()


@pytest.mark.usefixtures("bare")
def test_it_renders_and_pipes_svg_on_a_bare_machine(tmp_path):
    drawing = graph()
    path = drawing.render(tmp_path / "g", format="svg")
    with open(path, encoding="utf-8") as file:
        assert file.read() == drawing.svg()
    assert drawing.pipe("svg") == drawing.svg().encode()
    assert drawing.pipe("svg", encoding="utf-8") == drawing.svg()


@has_dot
def test_what_a_digraph_can_do_it_can_too():
    drawing = graph()
    drawing.attr(rankdir="TB")
    drawing.node("mine", "a remark")
    assert "a remark" in drawing.source
    assert "a remark" in drawing.pipe("svg", encoding="utf-8")
    assert "digraph" in drawing.pipe("dot", encoding="utf-8")
    assert drawing.unflatten().source.startswith("digraph")


# -- in a notebook ---------------------------------------------------------------------------


@pytest.mark.usefixtures("bare")
def test_a_notebook_gets_a_picture_in_every_mode():
    drawing = graph()
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert bundle["image/svg+xml"] == drawing.svg()
    assert bundle["text/plain"] == drawing.text()
    page = bundle["text/html"]
    # An untrusted notebook keeps the image, a trusted one shows the frame upon it.
    image = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)[1]
    assert base64.b64decode(image).decode() == drawing.svg()
    frame = re.search(r'<iframe sandbox="" srcdoc="([^"]+)"', page)[1]
    assert drawing.svg() in html.unescape(frame)
    assert page.index("<img") < page.index("<iframe")


def test_the_alternative_text_of_the_image_is_escaped():
    x = Value(1.0, '"><script>alert(1)</script>')
    page = draw(x)._repr_mimebundle_()["text/html"]
    assert "<script" not in page
    assert page.count('"><script') == 0


def test_the_output_of_a_notebook_is_not_large():
    import nn

    model = nn.MLP(2, [3, 1], "tanh", rng=0)
    loss = nn.half_squared_error(model([0.3, -0.2]), 0.5)
    loss.backward()
    assert sum(map(len, draw(loss)._repr_mimebundle_().values())) < 200_000
