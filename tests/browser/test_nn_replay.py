"""The pages of networks in a real browser: stepped, clicked, and read against the engine."""

import pytest

import nn

pytestmark = pytest.mark.browser

X, Y = [1.0, -0.5], [1.0]


def model():
    return nn.MLP(2, [3, 1], "tanh", rng=0)


def shown(page, slot):
    """The number in full that each circle shows, by its key."""
    return page.evaluate(
        """slot => Object.fromEntries([...document.querySelectorAll(`[data-slot="${slot}"]`)]
        .map(text => [text.closest("[data-key]").dataset.key, text.dataset.full || ""]))""",
        slot,
    )


def item(page, key):
    return page.locator(f'[data-key="{key}"]')


def formula(page):
    return " ".join(page.locator("#live").inner_text().split())


def whole(page):
    """Whether the sentence has room enough."""
    return page.locator(".say").evaluate("say => say.scrollHeight <= say.clientHeight")


def training(epochs=12, sizes=(6, 1)):
    X, y = nn.data.moons(40, noise=0.1, rng=0)
    net = nn.MLP(2, list(sizes), "tanh", rng=1)
    recorder = nn.Recorder(net)
    nn.fit(net, nn.hinge, X, y, epochs=epochs, rng=0, progress=False, callbacks=[recorder])
    return recorder, nn.replay_training(recorder, X, y)


# -- a network on one sample -----------------------------------------------------------------


def test_stepping_through_shows_the_numbers_of_the_engine(opened):
    played = nn.replay(model(), X, Y)
    page = opened(played)
    assert set(shown(page, "z").values()) == {""}
    for _ in range(len(played) - 1):
        page.locator("#forward").click()
    net = model()
    loss = nn.half_squared_error(net(X), Y)
    loss.backward()
    deltas = {
        f"n{c}.{j}": neuron.bias.grad
        for c, layer in enumerate(net.layers)
        for j, neuron in enumerate(layer.neurons)
    }
    assert {key: float(text) for key, text in shown(page, "δ").items()} == deltas
    hidden = net.layers[0](X)
    assert [float(shown(page, "z")[f"n0.{j}"]) for j in range(3)] == [z.data for z in hidden]
    assert [float(shown(page, "a")[f"n0.{j}"]) for j in range(3)] == [z.tanh().data for z in hidden]
    assert float(shown(page, "L")["L"]) == loss.data
    weight = net.layers[0].weight[2, 1]
    item(page, "e0.2.1").hover(force=True)
    page.evaluate("document.querySelector('[data-key=\"e0.2.1\"]').focus()")
    label = item(page, "e0.2.1").get_attribute("aria-label")
    assert f"∂L/∂w {weight.grad!r}" in label


def test_a_step_shows_its_formula_with_arrays_and_lights_what_it_speaks_of(opened):
    page = opened(nn.replay(model(), X, Y))
    page.locator("#slider").fill("8")
    assert "δ⁽¹⁾ = (W⁽²⁾ᵀ δ⁽²⁾) ⊙ tanh'(z⁽¹⁾)" in formula(page)
    arrays = page.locator("#formula .matrix")
    assert arrays.count() == 3
    rows = arrays.nth(0).locator("> span")
    assert rows.count() == 3
    weights = [w.data for w in model().layers[1].neurons[0].weight]
    assert [float(t) for t in rows.all_inner_texts()] == pytest.approx(weights, rel=0.01)
    assert page.locator(".neuron.on-result").count() == 3
    assert page.locator(".edge.on-local").count() == 3
    assert page.locator(".neuron.on-upstream").count() == 1
    page.keyboard.press("ArrowLeft")
    assert page.locator(".neuron.on-upstream").count() == 1
    assert "∂L/∂b⁽²⁾ = δ⁽²⁾" in formula(page)


def test_a_click_on_a_neuron_shows_its_formulas(opened):
    page = opened(nn.replay(model(), X, Y))
    item(page, "n0.1").click()
    panel = page.locator("#panel")
    assert panel.is_visible()
    text = panel.inner_text()
    assert "neuron 2 of layer 1" in text
    assert "z⁽¹⁾₂ = Σₖ w⁽¹⁾₂ₖ · xₖ + b⁽¹⁾₂" in text
    assert "δ⁽¹⁾₂ = w⁽²⁾₁₂ · δ⁽²⁾₁ · tanh'(z⁽¹⁾₂)" in text
    page.keyboard.press("Escape")
    assert not panel.is_visible()


def test_a_step_back_takes_back_what_a_step_showed(opened):
    played = nn.replay(model(), X, Y)
    page = opened(played)

    def seen():
        everything = (
            "[...document.querySelectorAll('.stage text')].map(t => t.textContent).join('|')"
        )
        return formula(page), page.evaluate(everything)

    known = []
    for _ in range(len(played)):
        known.append(seen())
        page.keyboard.press("ArrowRight")
    for before in reversed(known[:-1]):
        page.keyboard.press("ArrowLeft")
        assert seen() == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["network", "training"])
def test_what_is_written_can_be_read_in_light_and_dark(opened, contrast, scheme, kind):
    page = opened(
        nn.replay(model(), X, Y) if kind == "network" else training()[1], color_scheme=scheme
    )
    page.keyboard.press("End")
    page.wait_for_timeout(400)
    weak = page.evaluate(
        "() => {"
        + contrast
        + """
          const paper = getComputedStyle(document.body).backgroundColor, found = [];
          for (const text of document.querySelectorAll(".stage text, #formula *, #note")) {
            if (!text.textContent.trim()) continue;
            const ground = text.closest("g")?.querySelector(".b");
            const under = ground ? getComputedStyle(ground).fill : paper;
            const style = getComputedStyle(text);
            const value = ratio(text.closest("svg") ? style.fill : style.color, under);
            if (value < 4.5) found.push([text.textContent, value]);
          }
          return found;
        }"""
    )
    assert not weak


def test_on_a_phone_nothing_sticks_out(opened):
    for played in (nn.replay(model(), X, Y), training()[1]):
        page = opened(played, viewport={"width": 390, "height": 844}, has_touch=True)
        page.locator("#last").tap()
        sizes = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert sizes == [390, 390]
        for control in page.locator("button, input, select").all():
            if control.is_visible():
                place = control.bounding_box()
                assert place["x"] >= 0
                assert place["x"] + place["width"] <= 390
        assert whole(page)


def test_the_sentence_is_never_cut_off(opened):
    net = nn.MLP(4, [8, 8, 3], "tanh", rng=0)
    played = nn.replay(net, [1.0, 2.0, -1.0, 0.5], 2, loss="cross_entropy")
    page = opened(played)
    for _ in range(len(played)):
        assert whole(page)
        page.keyboard.press("ArrowRight")


def test_hostile_names_never_run(opened):
    def loss(prediction, target):
        return nn.mse(prediction, target)

    loss.__name__ = "</script><script>document.title='owned'</script>"
    page = opened(nn.replay(model(), X, Y, loss=loss, title="<img src=x onerror=alert(1)>"))
    page.keyboard.press("End")
    assert page.title() == "<img src=x onerror=alert(1)>"
    assert page.locator("img").count() == 0
    page.locator("#slider").fill("4")
    assert "<script>" in page.locator("#formula").inner_text()


# -- a training ------------------------------------------------------------------------------


def test_a_training_plays_from_the_first_epoch_to_the_last(opened):
    recorder, played = training()
    page = opened(played)
    assert "epoch 0" in formula(page)
    page.locator("#play").click()
    for _ in range(100):
        page.wait_for_timeout(200)
        if page.locator("#play").get_attribute("aria-label") == "Play":
            break
    last = recorder.snapshots[-1].measures
    assert f"epoch 12 loss {last['loss']:.4g} accuracy" in formula(page)
    assert float(shown(page, "loss")["curve-loss"]) == last["loss"]


def test_the_plane_has_the_colours_that_the_model_says(opened):
    recorder, played = training(epochs=40)
    page = opened(played, color_scheme="light")
    page.keyboard.press("End")
    page.wait_for_timeout(300)
    points, _ = nn.data.moons(40, noise=0.1, rng=0)
    said = nn.predict(recorder.model, points)[:, 0]
    url = page.locator('[data-slot="field"]').get_attribute("href")
    seen = page.evaluate(
        """async url => {
          const image = new Image();
          image.src = url;
          await image.decode();
          const canvas = document.createElement("canvas");
          canvas.width = canvas.height = image.width;
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          return [image.width, [...context.getImageData(0, 0, image.width, image.width).data]];
        }""",
        url,
    )
    from nn.plane import Plane

    size, data = seen
    places = Plane.around(points, size).at(points, size - 1).round().astype(int)
    for (x, y), value in zip(places, said, strict=True):
        if abs(value) > 0.3:
            red, _, blue, _ = data[4 * (y * size + x) : 4 * (y * size + x) + 4]
            assert (red > blue) == (value > 0)
    line = page.locator('[data-slot="line"]').bounding_box()
    assert line["width"] > 100
