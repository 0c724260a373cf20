"""The page of a replay in a real browser: stepped, clicked, read, and held against the engine."""

import math

import pytest

import nn
from autograd import Value, replay, topological

pytestmark = pytest.mark.browser


def fan():
    a, b = Value(-0.7, label="a"), Value(1.3, label="b")
    s = (a * b + a).tanh()
    s.label = "s"
    return (s * s + a * s) * 2


def network(sizes=(3, 1)):
    model = nn.MLP(2, list(sizes), "tanh", rng=0)
    return nn.half_squared_error(model([1.0, -0.5]), [1.0] * sizes[-1])


def gradients(root):
    """By the keys of the boxes; a fresh pass over a fresh graph."""
    root.backward()
    return {f"v{i}": node.grad for i, node in enumerate(topological(root)) if node.requires_grad}


def shown(page, slot):
    """The number in full that each box shows, by its key."""
    return page.evaluate(
        """slot => Object.fromEntries([...document.querySelectorAll(`[data-slot=${slot}]`)]
        .map(text => [text.closest("[data-key]").dataset.key, text.dataset.full]))""",
        slot,
    )


def box(page, name):
    """The key of the box whose head is that name."""
    return page.evaluate(
        """name => [...document.querySelectorAll("#stage .box")]
        .find(box => box.querySelector(".h").textContent === name).dataset.key""",
        name,
    )


def item(page, key):
    return page.locator(f'[data-key="{key}"]')


def at(page):
    return int(page.evaluate("document.documentElement.dataset.step"))


def until(page, true, seconds=8.0):
    """Wait; not by a function in the page, as the page lets no other code run."""
    for _ in range(int(seconds / 0.05)):
        if true():
            return
        page.wait_for_timeout(50)
    raise AssertionError("waited in vain")


def formula(page):
    return " ".join(page.locator("#live").inner_text().split())


# -- steps and numbers -----------------------------------------------------------------------


@pytest.mark.parametrize("root", [fan, network], ids=["expression", "network"])
def test_stepping_to_the_end_shows_the_gradients_of_the_engine(opened, root):
    played = replay(root())
    page = opened(played)
    assert set(shown(page, "grad").values()) == {None}
    for _ in range(len(played) - 1):
        page.locator("#forward").click()
    assert at(page) == len(played) - 1
    assert page.locator("#forward").is_disabled()
    expected = gradients(root())
    found = shown(page, "grad")
    assert found.keys() == expected.keys()
    for key, grad in expected.items():
        assert float(found[key]) == grad
        assert "done" in item(page, key).get_attribute("class")


def test_a_step_back_takes_back_what_a_step_added(opened):
    page = opened(replay(fan()))
    seen = []
    for _ in range(20):
        seen.append((formula(page), shown(page, "grad"), shown(page, "data")))
        page.keyboard.press("ArrowRight")
    for known in reversed(seen):
        page.keyboard.press("ArrowLeft")
        back = (formula(page), shown(page, "grad"), shown(page, "data"))
        for before, after in zip(known[1:], back[1:], strict=True):
            assert {k: v or "" for k, v in before.items()} == {k: v or "" for k, v in after.items()}
        assert back[0] == known[0]


def test_a_step_says_its_sentence_to_readers_and_to_screen_readers(opened):
    page = opened(replay(fan()))
    page.keyboard.press("End")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    text = formula(page)
    assert text.startswith(
        "backward 7 of 12. ∂L/∂s += ∂v₃/∂s · ∂L/∂v₃ = -3.246 + (-0.9232) × 2 = -5.093"
    )
    assert "s is used 3 times: term 3 of 3. The gradient of s is complete." in text
    assert page.locator("#live").get_attribute("aria-live") == "polite"
    fractions = page.locator("#formula .fraction")
    assert fractions.count() == 3
    assert fractions.nth(0).inner_text().split() == text.split(". ")[1].split()[0].split("/")
    assert "backward 7 of 12: ∂L" in page.locator("#slider").get_attribute("aria-valuetext")


def test_it_plays_and_pauses_and_starts_again_after_the_end(opened):
    page = opened(replay(fan()))
    page.locator("#speed").select_option("4")
    page.locator("#play").click()
    until(page, lambda: at(page) > 1)
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.locator("#play").click()
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    stopped = at(page)
    page.wait_for_timeout(600)
    assert at(page) == stopped
    page.keyboard.press("End")
    page.locator("#play").click()
    until(page, lambda: at(page) < 5)


def test_the_slider_goes_to_any_step(opened):
    page = opened(replay(fan()))
    page.locator("#slider").fill("9")
    assert at(page) == 9
    page.locator("#slider").press("ArrowRight")
    assert at(page) == 10
    page.locator("#slider").press("Home")
    assert at(page) == 0


# -- pointing and choosing -------------------------------------------------------------------


def test_pointing_at_a_box_or_an_edge_shows_its_numbers_in_full(opened):
    page = opened(replay(fan()))
    page.keyboard.press("End")
    expected = gradients(fan())
    key = box(page, "s")
    item(page, key).hover()
    assert f"grad {expected[key]!r}" in page.locator("#tip").inner_text().splitlines()
    edge = page.locator(".edge:not(.fixed)").first
    edge.focus()
    assert "∂" in page.locator("#tip").inner_text()
    assert "adds" in page.locator("#tip").inner_text()
    item(page, key).focus()
    assert repr(expected[key]) in item(page, key).get_attribute("aria-label")
    number = page.locator("#formula .result").last
    assert float(number.get_attribute("data-full")) in expected.values()


def test_a_click_on_a_node_lists_its_paths_and_they_sum_to_its_gradient(opened):
    page = opened(replay(fan()))
    expected = gradients(fan())
    key = box(page, "a")
    item(page, key).click()
    panel = page.locator("#panel")
    assert panel.is_visible()
    assert "7 paths lead from a to L" in panel.inner_text()
    rows = panel.locator("tbody tr")
    assert rows.count() == 7
    full = panel.locator("tbody [data-full], tfoot tr:not(:last-child) [data-full]")
    products = [float(each.get_attribute("data-full")) for each in full.all()]
    total = float(panel.locator("tfoot tr:last-child [data-full]").get_attribute("data-full"))
    assert total == expected[key]
    assert math.isclose(math.fsum(products), total, rel_tol=1e-15)
    for row in rows.all():
        factors = row.locator("small").inner_text().split(" · ")
        product = math.prod(float(each.strip("()")) for each in factors)
        first = float(row.locator("[data-full]").get_attribute("data-full"))
        assert math.isclose(product, first, rel_tol=2e-3)


def test_pointing_at_a_row_lights_its_path(opened):
    page = opened(replay(fan()))
    item(page, box(page, "a")).click()
    rows = page.locator("#panel tbody tr")
    lit = set()
    for row in rows.all():
        row.hover()
        names = row.locator("td").nth(1).inner_text().splitlines()[0].split(" → ")
        heads = page.locator("#stage .box.lit .h").all_text_contents()
        assert sorted(heads) == sorted(names)
        assert page.locator(".edge.lit").count() == len(names) - 1
        lit.add(tuple(page.locator(".edge.lit").evaluate_all("all => all.map(e => e.dataset.key)")))
    assert len(lit) == 7
    page.locator("#close").click()
    assert not page.locator("#panel").is_visible()
    assert page.locator(".lit").count() == 0


def test_a_click_opens_a_group_where_the_replay_stands_and_the_trail_leads_back(opened):
    page = opened(replay(network((16, 16, 1))))
    expected = gradients(network((16, 16, 1)))
    page.keyboard.press("End")
    assert page.locator("#stage .box").count() == 7
    item(page, box(page, "layers.0")).click()
    assert page.locator("#stage .box").count() > 20
    assert page.locator("#trail [aria-current]").inner_text() == "layers.0"
    assert page.locator("#forward").is_disabled(), "still at the end"
    neuron = item(page, box(page, "neuron 0"))
    neuron.focus()
    neuron.press("Enter")
    found = {key: grad for key, grad in shown(page, "grad").items() if key[0] == "v"}
    assert len(found) >= 5
    for key, grad in found.items():
        assert float(grad) == expected[key]
    weight = item(page, box(page, "w⁽¹⁾₁₁"))
    weight.focus()
    weight.press("Enter")
    assert "16 paths lead from w⁽¹⁾₁₁ to L" in page.locator("#panel").inner_text()
    assert "all 8 other paths together" in page.locator("#panel").inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.locator("#trail [aria-current]").inner_text() == "layers.0"
    page.locator("#trail button").first.click()
    assert page.locator("#stage .box").count() == 7


def test_search_finds_by_label_and_goes_from_one_to_the_next(opened):
    page = opened(replay(network()))
    page.keyboard.press("/")
    page.keyboard.type("w[")
    assert page.locator(".found").count() == 9
    assert page.locator("#hits").inner_text() == "9 found"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.locator("#hits").inner_text() == "2 of 9"
    assert page.locator("#tip").is_visible()
    page.keyboard.press("Escape")
    assert page.locator(".found").count() == 0


# -- pan and zoom ----------------------------------------------------------------------------


def camera(page):
    return page.evaluate(
        """() => {
          const matrix = document.querySelector("#stage > g").getCTM();
          return [matrix.e, matrix.f, matrix.a];
        }"""
    )


def test_wheel_buttons_and_keys_zoom_and_dragging_pans(opened):
    page = opened(replay(fan()))
    x, y, k = camera(page)
    page.mouse.move(640, 500)
    page.mouse.wheel(0, -200)
    assert camera(page)[2] > k
    page.locator("#in").click()
    page.keyboard.press("-")
    page.keyboard.press("0")
    assert camera(page) == pytest.approx([x, y, k])
    page.mouse.move(640, 640)
    page.mouse.down()
    page.mouse.move(700, 600, steps=4)
    page.mouse.up()
    assert camera(page) == pytest.approx([x + 60, y - 40, k])
    assert not page.locator("#panel").is_visible()


def test_two_fingers_zoom(opened):
    page = opened(replay(fan()), has_touch=True)
    before = camera(page)[2]
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y, "id": i} for i, (x, y) in points]},
        )

    send("touchStart", (0, (600, 640)), (1, (680, 640)))
    for far in (20, 40, 80):
        send("touchMove", (0, (600 - far, 640)), (1, (680 + far, 640)))
    send("touchEnd")
    assert camera(page)[2] > 1.5 * before


# -- everybody's page ------------------------------------------------------------------------


def test_everything_can_be_done_by_keyboard_alone_with_the_focus_in_sight(opened):
    page = opened(replay(fan()))
    order = []
    for _ in range(40):
        page.keyboard.press("Tab")
        order.append(
            page.evaluate("(document.activeElement.id || document.activeElement.dataset.key || '')")
        )
    controls = ["search", "play", "forward", "last", "slider", "speed"]
    assert [each for each in order if each in controls][:6] == controls
    keys = {each for each in order if each[:1] == "v"}
    assert len(keys) == page.locator("#stage .box").count()
    page.keyboard.press("End")
    node = item(page, box(page, "b"))
    node.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.matches(':focus-visible')")
    page.keyboard.press(" ")
    assert page.locator("#panel").is_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.key") == node.get_attribute("data-key")


def test_every_control_has_a_name_and_every_box_a_role(opened):
    page = opened(replay(network()))
    for control in page.locator("button, input, select").all():
        assert control.get_attribute("aria-label")
    for each in page.locator("#stage .box").all():
        assert each.get_attribute("role") in ("button", "img")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(opened, contrast, scheme):
    page = opened(replay(fan()), color_scheme=scheme)
    page.keyboard.press("End")
    page.wait_for_timeout(400)  # colours fade
    contrasts = page.evaluate(
        "() => {"
        + contrast
        + """
          const paper = getComputedStyle(document.body).backgroundColor, found = {};
          for (const part of document.querySelectorAll("#formula *, #note, #phase, #count, h1")) {
            found[part.className + part.id] = ratio(getComputedStyle(part).color, paper);
          }
          for (const text of document.querySelectorAll("#stage .box text")) {
            const ground = getComputedStyle(text.closest("g").querySelector(".b")).fill;
            const {fill, fillOpacity} = getComputedStyle(text);
            const mixed = colour => colour.match(/[\\d.]+/g).map(Number);
            const over = mixed(fill).map(
              (x, i) => x * fillOpacity + mixed(ground)[i] * (1 - fillOpacity));
            found[text.textContent] = ratio(`rgb(${over})`, ground);
          }
          return found;
        }"""
    )
    assert len(contrasts) > 15
    weak = {name: ratio for name, ratio in contrasts.items() if ratio < 4.5}
    assert not weak


def test_on_a_phone_nothing_sticks_out(opened):
    page = opened(replay(network()), viewport={"width": 390, "height": 844}, has_touch=True)
    page.locator("#last").tap()
    sizes = page.evaluate(
        "[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]"
    )
    assert max(sizes) == 390
    for control in page.locator("button, input, select").all():
        if not control.is_visible():
            continue
        place = control.bounding_box()
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= 390
    # What the step speaks of is in sight, and can be read.
    target = page.locator("#stage .box.on-result").bounding_box()
    assert 0 <= target["x"] <= 390
    assert camera(page)[2] >= 0.6
    page.locator("#stage .box.on-result").tap()
    panel = page.locator("#panel").bounding_box()
    assert panel["width"] == 390
    assert panel["y"] + panel["height"] <= 844


def test_without_motion_nothing_moves_by_itself(opened):
    still = opened(replay(fan()), reduced_motion="reduce")
    still.keyboard.press("End")
    count = "document.getAnimations().filter(each => each.playState === 'running').length"
    still.wait_for_timeout(100)
    assert still.evaluate(count) == 0
    moving = opened(replay(fan()))
    moving.keyboard.press("End")
    assert moving.evaluate(count) > 0


def test_hostile_labels_show_themselves_and_never_run(opened):
    labels = [
        "<script>document.title='owned'</script>",
        "</script><img src=x onerror=\"document.title='owned'\">",
        "a|b{} \u2028 'x' \"y\" &lt; $hash",
    ]
    loss = sum((Value(2.0, label=label) * 3.0 for label in labels), Value(0.0, label="<b>0</b>"))
    played = replay(loss, title="</title><script>document.title='owned'</script>")
    page = opened(played)
    for _ in range(len(played)):
        page.keyboard.press("ArrowRight")
    for each in page.locator("#stage .box:not(.constant)").all()[:6]:
        each.focus()
        each.press("Enter")
    assert page.title() == "</title><script>document.title='owned'</script>"
    assert page.locator("img, b, main script, #panel script").count() == 0
    assert page.locator("#stage").evaluate("node => node.querySelectorAll('script').length") == 0
    assert "a|b{}" in page.locator("#stage").text_content()
    tips = []
    for each in page.locator("#stage .box").all():
        each.focus()
        tips.append(page.locator("#tip").inner_text())
    assert any("<script>" in tip for tip in tips)


def test_it_prints_in_ink_on_paper(opened):
    page = opened(replay(fan()), color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".controls").is_visible()
    assert page.locator("#formula").is_visible()
    assert page.locator("#stage").is_visible()


# -- notebooks and pictures ------------------------------------------------------------------


def test_two_replays_in_one_notebook_do_not_disturb_each_other(opened, tmp_path):
    first, second = replay(fan()), replay(network())
    path = tmp_path / "notebook.html"
    cells = [each._repr_mimebundle_()["text/html"] for each in (first, second)]
    path.write_text(f"<!doctype html><meta charset=utf-8>{''.join(cells)}", encoding="utf-8")
    page = opened(path)
    frames = [frame for frame in page.frames if frame.parent_frame]
    assert len(frames) == 2
    frames[0].locator("#last").click()
    frames[1].locator("#forward").click()
    steps = [frame.evaluate("document.documentElement.dataset.step") for frame in frames]
    assert steps == [str(len(first) - 1), "1"]
    # Where frames and scripts are taken away, the picture is still there.
    page.evaluate("document.querySelectorAll('iframe').forEach(frame => frame.remove())")
    for picture in page.locator("img").all():
        assert picture.evaluate("image => image.complete && image.naturalWidth > 200")


def test_the_animated_picture_moves_in_an_image_and_stands_still_on_request(opened, tmp_path):
    svg = replay(fan()).to_animation(tmp_path / "a.svg", seconds=0.2)
    path = tmp_path / "readme.html"
    path.write_text(f'<!doctype html><img src="{svg.as_uri()}" width="900">', encoding="utf-8")

    page = opened(path)
    page.locator("img").evaluate("image => image.decode()")
    seen = set()
    for _ in range(6):
        seen.add(page.locator("img").screenshot())
        page.wait_for_timeout(250)
    assert len(seen) > 1
    count = "document.getAnimations().length"
    assert opened(svg).evaluate(count) > 0
    assert opened(svg, reduced_motion="reduce").evaluate(count) == 0


def test_a_graph_of_thousands_of_nodes_opens_and_steps(opened):
    model = nn.MLP(2, [16, 16, 1], "tanh", rng=0)
    points = [[0.01 * i, 1.0 - 0.02 * i] for i in range(60)]
    loss = sum(nn.half_squared_error(model(point), [1.0]) for point in points)
    played = replay(loss)
    page = opened(played)
    page.keyboard.press("End")
    assert at(page) == len(played) - 1
    assert (
        page.locator("#stage .box.done").count() == page.locator("#stage .box:not(.fixed)").count()
    )
    grads = shown(page, "grad")
    assert grads
    assert all(grads.values())
    group = page.locator("#stage .box.group").first
    group.focus()
    group.press("Enter")
    assert page.evaluate("document.documentElement.dataset.view") != ""
