"""What pictures of other things are made of: a scene as a still picture, and figures."""

import xml.etree.ElementTree as ET

import pytest

from autograd import sketch


def scene(label="one"):
    view = sketch.View(100.0, 60.0)
    shapes = [
        sketch.shape("circle", "b", (20, 30, 10)),
        sketch.shape("text", "n", (20, 30), "", "value"),
        sketch.shape("image", "", (0, 0, 8, 8), "", "field"),
    ]
    first = {"class": "p3", "value": ("0.5", "0.512345"), "field.href": "data:,a"}
    view.item("c", "box", shapes, name=label, tip=[label], state=first)
    view.step(0, [["half"]], changes={"c": {"value": ("0.9", "0.912345"), "class": "m2"}})
    return sketch.Scene(
        "A title", ("only",), style=sketch.SHADES + ".box.on-x .b{fill:none}.n{fill:var(--ink)}",
        light=sketch.LIGHT, dark=sketch.DARK, description="words", views={"": view},
    )  # fmt: skip


def test_a_plate_shows_the_state_after_a_step_with_its_tooltips():
    drawn = sketch.plate(scene())
    root = ET.fromstring(drawn)
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["0.9"]
    assert "<title>one\nvalue 0.912345</title>" in drawn
    assert '<g class="box m2">' in drawn
    assert 'href="data:,a"' in drawn


def test_a_plate_has_its_colours_in_full_for_light_and_dark_and_for_itself_alone():
    drawn = sketch.plate(scene())
    light, dark = drawn.split("@media (prefers-color-scheme: dark)")
    assert "var(" not in drawn
    assert "on-x" not in drawn
    assert f"fill:{sketch.LIGHT['ink']}" in light
    assert f"fill:{sketch.DARK['ink']}" in dark
    name = ET.fromstring(drawn).get("id")
    rules = light.split("<style>")[1].strip().splitlines()
    assert all(selector.startswith(f"#{name} ") for rule in rules if rule
               for selector in rule.split("{")[0].split(","))  # fmt: skip


def test_what_labels_say_stays_text():
    drawn = sketch.plate(scene("</title><script>alert(1)</script>"))
    ET.fromstring(drawn)
    assert "<script" not in drawn


def test_arrays_are_read_aloud_row_by_row():
    line = ["W = ", sketch.matrix([["1", "2"], ["3", "4"]], "local"), " x"]
    assert sketch.plain(line) == "W = [1, 2; 3, 4] x"


def test_a_figure_saves_what_it_shows(tmp_path):
    figure = sketch.Figure(sketch.plate(scene()), "as text")
    assert figure.save(tmp_path / "a" / "f.svg").read_text(encoding="utf-8") == figure.svg()
    assert figure.save(tmp_path / "f.txt").read_text(encoding="utf-8") == "as text\n"
    assert figure._repr_mimebundle_()["image/svg+xml"] == figure.svg()
    assert repr(figure) == "as text"
    with pytest.raises(ValueError, match=r"\.svg"):
        figure.save(tmp_path / "f.jpg")
