"""The animated picture: no script, everything seen in its time, the end without motion."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from autograd import Replay, Scene, Value, replay
from autograd.replay.scene import View, matrix, shape


@pytest.fixture
def played():
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(6.5, label="<c>&")
    return replay((a * b + c).tanh())


def saved(played, tmp_path, **options):
    return played.to_animation(tmp_path / "a.svg", **options).read_text(encoding="utf-8")


def test_it_is_xml_without_script_or_anything_from_outside(played, tmp_path):
    text = saved(played, tmp_path)
    root = ElementTree.fromstring(text)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "style", "g", "rect", "circle", "path", "text"}
    assert "href" not in text
    assert "url(" not in text
    assert "&lt;c&gt;&amp;" in text
    assert len(text) < 60_000


def test_every_sentence_has_its_time(played, tmp_path):
    text = saved(played, tmp_path, seconds=2.0)
    whole = (len(played) + 4) * 2
    times = set(re.findall(r"animation:\S+ (\d+)s step-end infinite", text))
    assert times == {str(whole)}
    for step in range(len(played)):
        end = step + 1 if step + 1 < len(played) else len(played) + 4
        assert f'class="t{step}-{end}"' in text


def test_without_motion_the_end_is_seen(played, tmp_path):
    text = saved(played, tmp_path)
    assert re.search(r"@media \(prefers-reduced-motion:reduce\)\{#\w+ \*\{animation:none", text)
    last = len(played) - 1
    assert f".t{last}-{last + 5}{{visibility:inherit}}" in text
    assert ".t0-1{visibility:hidden}" in text


def test_the_still_picture_shows_the_end(played):
    text = played.svg()
    ElementTree.fromstring(text)
    assert "animation:" not in text.replace("animation:none", "")
    assert ">-2.359<" in text
    assert ">1.573<" in text


def test_pictures_on_one_page_do_not_share_names(played, tmp_path):
    first = saved(played, tmp_path)
    second = saved(replay(Value(2.0, label="x") * 3), tmp_path)
    names = [set(re.findall(r'id="([^"]+)"|@keyframes (\S+?)\{', text)) for text in (first, second)]
    assert not names[0] & names[1]
    for text in (first, second):
        name = re.search(r'id="(r\w+)"', text)[1]
        style = re.sub(r"@(media|keyframes) ", "", re.search(r"<style>(.*)</style>", text, re.S)[1])
        assert all(f"#{name}" in rule or name in rule for rule in style.splitlines())


def test_the_picture_in_the_readme_is_what_its_example_gives(tmp_path):
    a, b = Value(-0.7, label="a"), Value(1.3, label="b")
    s = (a * b + a).tanh()
    s.label = "s"
    picture = Path(__file__).parents[3] / "notebooks" / "pictures" / "replay.svg"
    assert saved(replay(s * s + a * s), tmp_path) == picture.read_text(encoding="utf-8")


def test_it_plays_any_scene():
    grown = Scene("A circle grows", ["grow"])
    view = grown.views[""] = View(200.0, 100.0)
    ring = [shape("circle", "b", (100, 50, 10), name="ring"), shape("text", "h", (5, 5), name="r")]
    view.item("c", "thing", ring)
    for r in (10, 20, 30):
        line = [matrix([["1", "2"]]), f" r = {r}"]
        view.step(0, [line], changes={"c": {"ring.r": str(r), "r": (str(r), repr(r))}}, at=r)
    played = Replay(grown)
    assert played.text().splitlines()[0].strip() == "grow  [1, 2] r = 10"
    assert 'cx="100" cy="50" r="30"' in played.svg()
    assert played.svg().count("<circle") == 1
    assert "A circle grows" in played.html()
