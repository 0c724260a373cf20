"""The replay without a browser: what stands in the page, and are its numbers the engine's."""

import base64
import hashlib
import json
import math
import os
import re
import subprocess
import sys
from collections import defaultdict
from html.parser import HTMLParser

import numpy as np
import pytest

import nn
from autograd import GraphError, Value, maximum, replay, topological
from autograd import sum as total


class Scripts(HTMLParser):
    """The scripts of a page, as a browser finds them, and all attributes."""

    def __init__(self, page):
        super().__init__()
        self.scripts, self.tags, self._inside = [], [], False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append([dict(attrs), ""])
            self._inside = True

    def handle_endtag(self, tag):
        self._inside = False if tag == "script" else self._inside

    def handle_data(self, data):
        if self._inside:
            self.scripts[-1][1] += data


def data_of(played):
    """The scene, read off the page as the player reads it."""
    (attributes, text), _ = Scripts(played.html()).scripts
    assert attributes == {"type": "application/json", "id": "scene"}
    scene = json.loads(text)
    shared = scene["shared"]
    for view in scene["views"].values():
        for entry in (*view["items"], *view["steps"]):
            for name in ("lines", "note", "numbers", "tip", "search"):
                if isinstance(entry.get(name), int):
                    entry[name] = shared[entry[name]]
    return scene


def said(step):
    lines = (
        "".join(p if isinstance(p, str) else p.get("t") or "/".join(p["f"]) for p in line)
        for line in step["lines"]
    )
    return " ".join(lines)


def last_state(view):
    state = {item["key"]: dict(item.get("state", {})) for item in view["items"]}
    for step in view["steps"]:
        for key, change in step.get("set", {}).items():
            state[key].update(change)
    return state


def fresh_gradients(root):
    """The gradients of a fresh backward pass, by the numbers that the page has for the nodes."""
    nodes = topological(root)
    before = [node.grad for node in nodes]
    for node in nodes:
        node.zero_grad()
    root.backward()
    found = {i: float(node.grad) for i, node in enumerate(nodes)}
    for node, grad in zip(nodes, before, strict=True):
        if node.is_leaf:
            node.zero_grad()
            node.grad = grad
    return found


def same(a, b):
    return a == b or (math.isnan(float(a)) and math.isnan(float(b)))


def fan():
    a, b = Value(-0.7, label="a"), Value(1.3, label="b")
    s = (a * b + a).tanh()
    return (s * s + a * s) * 2


def random_graph(seed, size=60):
    rng = np.random.default_rng(seed)
    nodes = [Value(float(x)) for x in rng.normal(size=5)] + [Value(2.0, requires_grad=False)]
    for _ in range(size):
        a, b = (nodes[i] for i in rng.integers(0, len(nodes), 2))
        make = [
            lambda a, b: a * b, lambda a, b: a + b, lambda a, b: (a - b).tanh(),
            lambda a, b: total([a, b, a]), lambda a, b: maximum(a, b), lambda a, b: (a * a).sin(),
        ][rng.integers(6)]  # fmt: skip
        nodes.append(make(a, b))
    return total(nodes[-20:])


def network(sizes=(3, 1), x=(1.0, -0.5), rng=0):
    model = nn.MLP(len(x), list(sizes), "tanh", rng=rng)
    return nn.half_squared_error(model(list(x)), [1.0] * sizes[-1])


ROOTS = {
    "(a*b+c).tanh()": lambda: (
        Value(2.0, label="a") * Value(-3.0, label="b") + Value(6.5, label="c")
    ).tanh(),
    "a used three times": fan,
    "MLP 2-3-1": network,
    "a leaf": lambda: Value(3.0, label="x"),
    **{f"random {seed}": lambda seed=seed: random_graph(seed) for seed in range(4)},
}
each_root = pytest.mark.parametrize("root", ROOTS.values(), ids=ROOTS)


@each_root
def test_the_products_of_the_steps_sum_in_their_order_to_the_gradients_bit_for_bit(root):
    loss = root()
    view = data_of(replay(loss, max_nodes=None))["views"][""]
    sums = {}
    for step in view["steps"]:
        numbers = step.get("numbers", {})
        if "sum" not in numbers:
            continue
        product = numbers.get("product", 1.0)
        if "partial" in numbers and product != 0.0:
            assert product == numbers["adjoint"] * numbers["partial"]
            assert numbers["adjoint"] == sums[numbers["use"]]
        node = numbers["node"]
        sums[node] = sums[node] + product if node in sums else product
        assert sums[node] == numbers["sum"]
    expected = fresh_gradients(loss)
    for node, value in sums.items():
        assert value == expected[node]
    active = {i for i, node in enumerate(topological(loss)) if node.requires_grad}
    assert sums.keys() == active


@each_root
def test_after_the_last_step_every_box_shows_its_data_and_gradient_and_is_marked(root):
    loss = root()
    view = data_of(replay(loss, max_nodes=None))["views"][""]
    expected = fresh_gradients(loss)
    state = last_state(view)
    for i, node in enumerate(topological(loss)):
        shown = state[f"v{i}"]
        if "data" in shown:
            assert float(shown["data"][1]) == node.data
        assert ("grad" in shown) == node.requires_grad
        if node.requires_grad:
            assert float(shown["grad"][1]) == expected[i]
            assert "done" in shown["class"].split()


def test_there_is_one_step_per_node_then_the_seed_then_one_per_edge():
    scene = data_of(replay(fan()))
    phases = [step["phase"] for step in scene["views"][""]["steps"]]
    assert scene["phases"] == ["forward", "seed", "backward"]
    assert phases == sorted(phases)
    assert [phases.count(p) for p in range(3)] == [1 + 7, 1, 12]


def test_a_step_says_the_product_in_symbols_and_numbers_with_the_running_sum():
    a = Value(2.0, label="a")
    s = a * 3.0
    s.label = "s"
    loss = s * a
    loss.label = "L"
    steps = data_of(replay(loss))["views"][""]["steps"]
    texts = [(said(step), step.get("note", "")) for step in steps]
    assert texts[1][0] == "s = 3 · a = 3 · 2 = 6"
    assert texts[3][0] == "∂L/∂L = 1"
    assert ("∂L/∂a += ∂L/∂a · ∂L/∂L = 6 × 1 = 6", "∂L/∂a = s. a is used 2 times: term 1 of 2.") in (
        texts
    )
    assert (
        "∂L/∂a += ∂s/∂a · ∂L/∂s = 6 + 3 × 2 = 12",
        "a is used 2 times: term 2 of 2. The gradient of a is complete.",
    ) in texts


def test_x_times_x_has_two_edges_and_two_steps():
    x = Value(3.0, label="x")
    view = data_of(replay(x * x))["views"][""]
    assert sum(item["kind"] == "edge" for item in view["items"]) == 2
    assert [said(step) for step in view["steps"][-2:]] == [
        "∂L/∂x += ∂L/∂x · ∂L/∂L = 3 × 1 = 3",
        "∂L/∂x += ∂L/∂x · ∂L/∂L = 3 + 3 × 1 = 6",
    ]


def test_nothing_in_the_graph_is_changed_whether_it_was_differentiated_or_not():
    loss = fan()
    before = replay(loss).html()
    assert all(node.grad == 0.0 for node in topological(loss))
    loss.backward()
    loss.backward()
    grads = [node.grad for node in topological(loss)]
    assert replay(loss).html() == before
    assert [node.grad for node in topological(loss)] == grads


# -- panels ----------------------------------------------------------------------------------


@each_root
def test_the_paths_of_a_panel_and_the_rest_sum_to_the_gradient(root):
    loss = root()
    scene = data_of(replay(loss, max_nodes=None))
    expected = fresh_gradients(loss)
    for key, panel in scene["panels"].items():
        if "numbers" not in panel:
            continue
        numbers = panel["numbers"]
        assert numbers["gradient"] == expected[int(key[1:])]
        assert len(panel["rows"]) == len(numbers["products"]) <= 8
        assert int(numbers["count"]) >= len(numbers["products"])
        terms = [*numbers["products"], numbers["rest"]]
        assert math.isclose(math.fsum(terms), numbers["gradient"], rel_tol=1e-15, abs_tol=1e-300)


def test_a_row_of_a_panel_lights_the_boxes_and_edges_of_its_path():
    view = data_of(replay(fan()))["views"][""]
    items = {item["key"]: item for item in view["items"]}
    a = next(item for item in items.values() if item.get("name", "").startswith("a "))
    assert len(a["lights"]) == 7
    assert len({tuple(light) for light in a["lights"]}) == 7  # s * s: two paths, by its two edges
    for light in a["lights"]:
        boxes = [key for key in light if key.startswith("v")]
        assert len(light) == 2 * len(boxes) - 1
        assert boxes[0] == a["key"]
        assert set(light) <= items.keys()


def test_paths_are_counted_exactly_however_many_there_are():
    x = Value(1.0, label="x")
    y = x
    for _ in range(60):
        y = y + y
    scene = data_of(replay(y))
    numbers = scene["panels"]["v0"]["numbers"]
    assert numbers["count"] == str(2**60)
    assert numbers["gradient"] == 2.0**60
    assert math.fsum([*numbers["products"], numbers["rest"]]) == 2.0**60
    assert f"{2**60:,} paths lead from x to L" in json.dumps(
        scene["panels"]["v0"], ensure_ascii=False
    )


# -- groups ----------------------------------------------------------------------------------


def test_a_large_network_is_collapsed_and_every_group_can_be_opened_down_to_the_weights():
    loss = network((16, 16, 1))
    scene = data_of(replay(loss))
    views = scene["views"]
    assert len(views[""]["items"]) < 80
    expected = fresh_gradients(loss)
    opened = [item["opens"] for item in views[""]["items"] if "opens" in item]
    assert len(opened) == 4
    for key in opened:
        assert views[key]["parent"] == ""
        assert key not in {item["key"] for item in views[key]["items"]}
    for view in views.values():
        state = last_state(view)
        for key, shown in state.items():
            if key.startswith("v") and "grad" in shown:
                assert float(shown["grad"][1]) == expected[int(key[1:])]
                assert "done" in shown["class"].split()
    inner = [view for view in views.values() if views.get(view["parent"], {}).get("parent") == ""]
    assert inner, "neurons in layers open too"


def test_the_terms_between_groups_sum_to_the_gradients_but_for_rounding():
    loss = network((16, 16, 1))
    view = data_of(replay(loss))["views"][""]
    items = {item["key"]: item for item in view["items"]}
    nodes = topological(loss)
    expected = fresh_gradients(loss)
    sums = defaultdict(float)
    for step in view["steps"]:
        numbers = step.get("numbers", {})
        if "product" in numbers:
            sums[numbers["node"]] += numbers["product"]
    assert sums
    for node, value in sums.items():
        assert math.isclose(value, expected[node], rel_tol=1e-12), nodes[node]
    assert all("tip" in item for key, item in items.items() if key[0] == "g")


def test_every_view_is_whole_and_goes_on_from_where_another_was():
    for view in data_of(replay(network((16, 16, 1))))["views"].values():
        keys = {item["key"] for item in view["items"]}
        assert len(keys) == len(view["items"])
        times = [step.get("at", 0.0) for step in view["steps"]]
        assert times[0] == -1.0
        for step in view["steps"]:
            assert set(step.get("on", {})) <= keys
            assert set(step.get("set", {})) <= keys


def test_a_graph_of_20_000_nodes_gives_a_page_of_a_few_boxes():
    model = nn.MLP(2, [16, 16, 1], "tanh", rng=0)
    rng = np.random.default_rng(0)
    loss = total(
        [nn.half_squared_error(model(x), [1.0]) for x in rng.normal(size=(280, 2)).tolist()]
    )
    assert len(topological(loss)) > 20_000
    played = replay(loss)
    assert len(played) < 40
    assert len(played.html()) < 2_000_000


def test_deep_graphs_need_no_recursion():
    x = Value(1.0, label="x")
    y = x
    for _ in range(5000):
        y = y * 1.0001
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        played = replay(y)
        played.html()
        played.svg()
    finally:
        sys.setrecursionlimit(limit)
    assert len(played) < 200


# -- the page --------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "a|b{}", "\"'`${x}",
    "line\u2028two\u2029three", "&amp;", "\ud800", "\x00\x1b[31m", "\u202eabc", "x" * 5000, "$hash",
    "<!--", "]]>",
]  # fmt: skip


@pytest.mark.parametrize("label", HOSTILE, ids=ascii)
def test_no_label_gets_out_of_the_data(label):
    a = Value(1.5, label=label)
    loss = a * a + 1.0
    played = replay(loss, title=label)
    page = played.html()
    page.encode("utf-8")
    parsed = Scripts(page)
    plain = Scripts(replay(Value(1.5, label="a") * 2).html())
    assert [tag for tag, _ in parsed.tags] == [tag for tag, _ in plain.tags]
    assert len(parsed.scripts) == 2
    assert parsed.scripts[1][1] == plain.scripts[1][1]
    (_, text), _ = parsed.scripts
    assert "<" not in text
    assert "\u2028" not in text
    for picture in (played.svg(), played._repr_mimebundle_()["text/html"]):
        assert "<script>alert" not in picture
        assert "<img src=x" not in picture


def test_numbers_are_whole_in_the_data_also_where_they_are_no_numbers():
    a, zero = Value(math.pi, label="a"), Value(0.0, label="zero")
    inf = a / zero
    loss = inf - inf
    scene = data_of(replay(loss))
    state = last_state(scene["views"][""])
    shown = {shown["data"][1] for shown in state.values() if "data" in shown}
    assert {repr(math.pi), "inf", "nan"} <= shown
    expected = fresh_gradients(loss)
    for i, grad in expected.items():
        assert same(float(state[f"v{i}"]["grad"][1]), grad)


def test_the_page_needs_no_network_and_is_small_without_its_data():
    played = replay(fan())
    page = played.html()
    (_, data), _ = Scripts(page).scripts
    assert len(page.encode()) - len(data.encode()) < 60_000
    assert "default-src 'none'" in page
    assert not re.search(r"https?://(?!www\.w3\.org/)", page)
    for tag, attributes in Scripts(page).tags:
        assert tag not in ("link", "iframe", "object", "base")
        assert "src" not in attributes


def test_only_the_players_own_script_may_run():
    page = replay(fan()).html()
    _, (_, script) = Scripts(page).scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_the_same_graph_gives_the_same_page_in_every_process(tmp_path):
    code = (
        "import hashlib, nn; from autograd import replay\n"
        "m = nn.MLP(2, [16, 16, 1], 'tanh', rng=0)\n"
        "r = replay(nn.half_squared_error(m([1.0, -0.5]), [1.0]))\n"
        "print(hashlib.sha256((r.html() + r.svg()).encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_it_saves_pages_and_pictures(tmp_path):
    played = replay(fan())
    path = played.save(tmp_path / "new" / "replay.html")
    assert path.read_text(encoding="utf-8") == played.html()
    moving = played.to_animation(tmp_path / "replay.svg")
    assert moving.read_text(encoding="utf-8").startswith("<svg")
    with pytest.raises(ValueError, match="seconds must be positive"):
        played.to_animation(tmp_path / "no.svg", seconds=0)


def test_in_a_notebook_the_picture_lies_under_the_frame():
    bundle = replay(fan())._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    tags = Scripts(bundle["text/html"]).tags
    assert [tag for tag, _ in tags] == ["div", "img", "iframe"]
    frame = tags[2][1]
    assert frame["sandbox"] == "allow-scripts"
    assert frame["srcdoc"] == replay(fan()).html()
    assert tags[1][1]["src"].startswith("data:image/svg+xml;base64,")


def test_it_tells_all_steps_in_words():
    text = replay(fan()).text()
    assert "v₁ = a · b = (-0.7) · 1.3 = -0.91" in text
    assert "∂L/∂L = 1" in text
    assert text.count("\n") == len(replay(fan())) - 1
    assert repr(replay(fan())).startswith("<replay: Backpropagation through L")


# -- what is refused -------------------------------------------------------------------------


def test_only_a_value_that_a_gradient_flows_from_can_be_replayed():
    with pytest.raises(TypeError, match=r"replay\(\) takes a Value, but got float"):
        replay(3.0)
    with pytest.raises(GraphError, match="is a constant"):
        replay(Value(1.0, requires_grad=False) * 2)
    with pytest.raises(ValueError, match="max_nodes must be at least 2"):
        replay(fan(), max_nodes=1)
    with pytest.raises(TypeError, match="open takes names and Values"):
        replay(fan(), open=[3])
    with pytest.raises(ValueError, match=r"no group 'layers\.9'"):
        replay(network((16, 16, 1)), open="layers.9")


def test_groups_can_be_open_from_the_start():
    closed = replay(network((16, 16, 1)))
    opened = replay(network((16, 16, 1)), open="layers.0")
    assert len(opened) > len(closed)
