"""The replay of a training: what was recorded is what is shown."""

import base64
import json
import math
import struct
import zlib

import numpy as np
import pytest

import nn
from nn import plane


def trained(epochs=6, every=1, sizes=(5, 1), loss=nn.hinge, y=None, **options):
    X, labels = nn.data.moons(40, noise=0.1, rng=0)
    y = labels if y is None else y(labels)
    model = nn.MLP(2, list(sizes), "tanh", rng=1)
    recorder = nn.Recorder(model, every=every)
    history = nn.fit(
        model, loss, X, y, epochs=epochs, rng=0, progress=False, callbacks=[recorder], **options
    )
    return model, recorder, history, X, y


def numbers(model):
    return [value.data for value in model.parameters()]


def pixels(url):
    """The palette, the opacities and the pixels of a PNG in a data URL."""
    content = base64.b64decode(url.partition(",")[2])
    at, parts = 8, {}
    while at < len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        parts[kind] = content[at + 8 : at + 8 + size]
        assert (
            zlib.crc32(content[at + 4 : at + 8 + size])
            == struct.unpack(">I", content[at + 8 + size : at + 12 + size])[0]
        )
        at += 12 + size
    width, height = struct.unpack(">II", parts[b"IHDR"][:8])
    raw = np.frombuffer(zlib.decompress(parts[b"IDAT"]), dtype=np.uint8)
    grid = raw.reshape(height, width + 1)[:, 1:]
    palette = np.frombuffer(parts[b"PLTE"], dtype=np.uint8).reshape(-1, 3)
    return palette, parts[b"tRNS"], grid


# -- the recorder ----------------------------------------------------------------------------


def test_the_recorder_keeps_the_parameters_and_measures_of_every_epoch():
    start = numbers(nn.MLP(2, [5, 1], "tanh", rng=1))
    model, recorder, history, *_ = trained()
    kept = recorder.snapshots
    assert [each.epoch for each in kept] == list(range(7))
    assert kept[0].parameters.tolist() == start
    assert kept[-1].parameters.tolist() == numbers(model)
    assert [each.measures["loss"] for each in kept[1:]] == history["loss"]


def test_the_recorder_keeps_every_so_many_and_always_the_last():
    model, recorder, *_ = trained(epochs=7, every=3)
    assert [each.epoch for each in recorder.snapshots] == [0, 3, 6, 7]
    assert recorder.snapshots[-1].parameters.tolist() == numbers(model)
    with pytest.raises(ValueError, match="every"):
        nn.Recorder(model, every=0)


# -- what is played --------------------------------------------------------------------------


def test_it_plays_a_recorder_or_the_history_it_wrote_to():
    _, recorder, history, X, y = trained()
    one, other = nn.replay_training(recorder, X, y), nn.replay_training(history, X, y)
    assert one.html() == other.html()
    assert len(one) == 7
    with pytest.raises(TypeError, match="Recorder"):
        nn.replay_training(nn.History(loss=[1.0]))


def test_every_frame_says_the_epoch_and_the_measures():
    _, recorder, history, X, y = trained()
    steps = nn.replay_training(recorder, X, y).scene.views[""].steps
    assert [step["numbers"]["epoch"] for step in steps] == list(range(7))
    assert [step["numbers"]["loss"] for step in steps[1:]] == history["loss"]
    assert [step["numbers"]["accuracy"] for step in steps[1:]] == history["accuracy"]


def test_connections_have_the_sign_and_size_of_the_weights_of_their_epoch():
    _, recorder, _, X, y = trained(epochs=30)
    view = nn.replay_training(recorder, X, y).scene.views[""]
    weights = {"e0.2.1": 2 * 2 + 1, "e1.0.4": 10 + 4}  # by their place among the parameters
    names = [name for name, _ in recorder.model.named_parameters()]
    assert names[0] == "layers.0.weight"
    place = {value: i for i, value in enumerate(recorder.model.parameters())}
    model = recorder.model
    weights = {
        "e0.2.1": place[model.layers[0].weight[2, 1]],
        "e1.0.4": place[model.layers[1].weight[0, 4]],
    }
    for frame in (0, 13, 30):
        state = view.state(frame)
        for key, i in weights.items():
            value = recorder.snapshots[frame].parameters[i]
            assert state[key]["class"][0] == ("p" if value > 0 else "m")


def test_the_plane_is_coloured_as_the_model_says():
    model, recorder, _, X, y = trained(epochs=30)
    view = nn.replay_training(recorder, X, y).scene.views[""]
    part = plane.Plane.around(X, 49)
    said = nn.predict(model, part.grid())[:, 0].reshape(49, 49)
    palette, alpha, grid = pixels(view.state(len(view.steps) - 1)["plane"]["field.href"])
    orange = palette[grid][:, :, 0] > palette[grid][:, :, 2]
    assert (orange == (said > 0)).all()
    opacity = np.array(list(alpha))[grid]
    assert opacity[np.abs(said).argmax() // 49, np.abs(said).argmax() % 49] == max(alpha)


def test_the_boundary_runs_where_the_output_is_nothing():
    x, y = np.meshgrid(np.linspace(-1.5, 1.5, 49), np.linspace(1.5, -1.5, 49))
    path = plane.boundary(x * x + y * y - 1.0, 300.0)
    assert path.count("M") == 1  # one closed line
    start, _, rest = path[1:].partition("l")
    steps = np.array(rest.split(), float).reshape(-1, 2)
    points = np.array(start.split(), float) + np.cumsum(np.vstack([[0.0, 0.0], steps]), axis=0)
    radius = np.hypot(*(points - 150.0).T) / 100.0
    assert np.abs(radius - 1.0).max() < 0.02
    assert np.hypot(*(points[-1] - points[0])) < 1.0
    assert plane.boundary(np.ones((5, 5)), 10.0) == ""
    assert plane.boundary(np.full((5, 5), math.nan), 10.0) == ""
    saddle = plane.boundary(np.array([[1.0, -1.0], [-1.0, 1.0]]), 10.0)
    assert saddle.count("M") == 2


def test_several_classes_have_a_colour_each():
    _, recorder, _, X, y = trained(
        epochs=4, sizes=(6, 3), loss=nn.cross_entropy, y=lambda y: (y > 0).astype(int)
    )
    view = nn.replay_training(recorder, X, y).scene.views[""]
    state = view.state(4)
    assert state["plane"]["field.href"].startswith("data:image/png;base64,")
    points = next(item for item in view.items if item["key"] == "points")
    assert {shape[1] for shape in points["shapes"]} == {"point c0", "point c1"}


def test_validation_has_a_curve_of_its_own():
    X, y = nn.data.moons(40, noise=0.1, rng=1)
    _, recorder, history, *_ = trained(validation=(X, y))
    view = nn.replay_training(recorder).scene.views[""]
    state = view.state(6)
    assert state["curve-val_loss"]["val_loss"][1] == repr(history["val_loss"][-1])


def test_other_models_are_played_without_a_plane_or_a_network():
    model = nn.MLP(3, [2, 1], "tanh", rng=0)
    recorder = nn.Recorder(model)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(10, 3)), np.ones((10, 1))
    nn.fit(model, "mse", X, y, epochs=3, progress=False, rng=0, callbacks=[recorder])
    keys = {item["key"] for item in nn.replay_training(recorder, X).scene.views[""].items}
    assert "plane" not in keys
    assert "e0.1.2" in keys
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.LayerNorm(3), nn.Linear(3, 1, rng=0))
    recorder = nn.Recorder(model)
    nn.fit(model, "mse", X[:, :2], y, epochs=3, progress=False, rng=0, callbacks=[recorder])
    keys = {item["key"] for item in nn.replay_training(recorder, X[:, :2]).scene.views[""].items}
    assert "plane" in keys
    assert "net" not in keys


def test_the_model_is_left_as_it_was():
    model, recorder, _, X, y = trained()
    before = numbers(model)
    nn.replay_training(recorder, X, y)
    assert numbers(model) == before
    assert model.training


def test_a_hundred_epochs_take_less_than_a_megabyte(tmp_path):
    _, recorder, _, X, y = trained(epochs=100, sizes=(16, 16, 1))
    replay = nn.replay_training(recorder, X, y)
    assert replay.save(tmp_path / "training.html").stat().st_size < 500_000
    assert replay.to_animation(tmp_path / "training.svg", seconds=0.1).stat().st_size < 1_000_000
    assert "<iframe" in replay._repr_mimebundle_()["text/html"]
    assert replay.html() == nn.replay_training(recorder, X, y).html()


def test_titles_stay_text():
    _, recorder, _, X, y = trained(epochs=2)
    page = nn.replay_training(recorder, X, y, title="</script><script>alert(1)").html()
    assert "<script>alert" not in page
    assert json.loads(page.split('id="scene">')[1].split("</script>")[0])["title"].startswith("</")


def test_wrong_data_are_refused():
    _, recorder, _, X, y = trained(epochs=1)
    with pytest.raises(ValueError, match="labels"):
        nn.replay_training(recorder, X, y[:-1])
    with pytest.raises(ValueError, match="takes 2"):
        nn.replay_training(recorder, np.ones((3, 5)))
    with pytest.raises(ValueError, match="shape"):
        nn.replay_training(recorder, [1.0, 2.0])
    with pytest.raises(ValueError, match="max_neurons"):
        nn.replay_training(recorder, X, y, max_neurons=1)
