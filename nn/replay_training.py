"""`replay_training`: a training played frame by frame: boundary, weights and measures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from autograd import Replay, Scene, sketch
from nn import plane
from nn.diagram import STYLE, level, number, shade
from nn.layers import Neuron
from nn.module import Module
from nn.network import Network, network
from nn.recorder import Recorder, Snapshot
from nn.training import History

Array = np.ndarray
View: TypeAlias = sketch.View
shape, text_width = sketch.shape, sketch.text_width

_SIDE, _TOP, _GAP, _MARGIN = 360.0, 34.0, 44.0, 20.0
_GRID = 49  # points along each side of the plane
_MOST_POINTS = 300  # that are drawn
_CHART = 250.0
_COLOURS = ("#0072b2", "#e07b00", "#009e73", "#b4518f", "#c9a400", "#56a4d6", "#8c564b", "#777777")
_PAIRS = (("loss", ("loss", "val_loss")), ("accuracy", ("accuracy", "val_accuracy")))

_LOOKS = """
.axis{fill:none;stroke:var(--frame-line)}
.boundary{fill:none;stroke:var(--ink);stroke-width:2;stroke-linejoin:round}
.point{stroke:#fff;stroke-width:1}
.curve{fill:none;stroke-width:1.6;stroke-linejoin:round}
.ahead{stroke-opacity:.22}
.first{stroke:var(--accent)}.second{stroke:var(--s-p5)}
.first-dot{fill:var(--accent)}.second-dot{fill:var(--s-p5)}
.neuron .b{stroke-width:1.4}
""" + "".join(f".c{k}{{fill:{colour}}}" for k, colour in enumerate(_COLOURS))


def replay_training(
    recorded: Recorder | History,
    X: Any = None,
    y: Any = None,
    *,
    max_neurons: int = 12,
    title: str = "",
) -> Replay:
    """A replay of a training, frame by frame: the decision boundary, the weights, the measures.

    It shows itself in a notebook; ``.save("training.html")`` writes it as one page that needs no
    network, ``.to_animation("training.svg")`` as a picture that moves by itself. Of a model of two
    inputs the plane is coloured by what it says there, with the boundary as a line; in the network
    connections are orange for positive weights, blue for negative, and wide for large ones; curves
    show what ``fit`` measured.

        recorder = nn.Recorder(model)
        nn.fit(model, nn.hinge, X, y, callbacks=[recorder])
        nn.replay_training(recorder, X, y)

    Args:
        recorded: a ``Recorder`` that was a callback of ``nn.fit``, or the history of that.
        X: the samples to show in the plane, (N, 2).
        y: their labels, which colour them: -1 and 1, 0 and 1, or classes from 0 on.
        max_neurons: a column of more circles shows the first few, an ellipsis with their number,
            and the last.
        title: of the page.

    Raises:
        TypeError: if nothing was recorded.
        ValueError: for samples and labels of different lengths, samples with another number of
            inputs than the model, or ``max_neurons`` below 3.
    """
    recorder = recorded if isinstance(recorded, Recorder) else vars(recorded).get("recorder")
    if not isinstance(recorder, Recorder):
        raise TypeError(
            "replay_training() takes a Recorder, or a History that one has written to: "
            "recorder = nn.Recorder(model); nn.fit(..., callbacks=[recorder])."
        )
    if max_neurons < 3:
        raise ValueError(f"max_neurons must be at least 3, but got {max_neurons!r}.")
    snapshots = recorder.snapshots
    points, labels = _samples(X, y)
    inputs = _n_in(recorder.model)
    if points is not None and inputs is not None and points.shape[1] != inputs:
        raise ValueError(f"X has {points.shape[1]} inputs, but the model takes {inputs}.")
    net = _structure(recorder.model, inputs)
    view = View(0.0, 0.0, "training")
    frames: list[dict[str, dict[str, Any]]] = [{} for _ in snapshots]
    x, high = _MARGIN, 0.0
    parts: list[tuple[float, float]] = []
    if inputs == 2:
        parts.append(_plane(view, frames, x, recorder.model, net, snapshots, points, labels))
        x += parts[-1][0] + _GAP
    if net is not None:
        parts.append(_network(view, frames, x, net, recorder.model, snapshots, max_neurons))
        x += parts[-1][0] + _GAP
    parts.append(_curves(view, frames, x, snapshots))
    x += parts[-1][0]
    high = max(tall for _, tall in parts)
    view.width, view.height = x + 2.4 * _MARGIN, high + 2 * _MARGIN + _TOP
    _steps(view, frames, snapshots)
    named = sketch.visible(" ".join(repr(recorder.model).split()))
    short = named if len(named) <= 70 else type(recorder.model).__name__
    return Replay(
        Scene(
            title=sketch.visible(title) or f"Training of {short}",
            phases=("training",),
            style=STYLE + _LOOKS,
            light=sketch.LIGHT,
            dark=sketch.DARK,
            legend=(("edge p4", "weight > 0"), ("edge m4", "weight < 0")) if net else (),
            description=f"{snapshots[-1].epoch} epochs, {len(snapshots)} frames",
            views={"": view},
            # Twelve seconds in all, if that is neither too fast nor too slow to see.
            pace=round(min(max(12_000 / len(snapshots), 60), 600)),
        )
    )


def _samples(X: Any, y: Any) -> tuple[Array | None, Array | None]:
    if X is None:
        return None, None
    points = np.asarray(X, dtype=np.float64)
    if points.ndim != 2 or not len(points):
        raise ValueError(f"X must have the shape (samples, inputs), but it is {points.shape}.")
    if y is None:
        return points, None
    labels = np.asarray(y)
    if len(labels) != len(points):
        raise ValueError(f"X has {len(points)} samples, but y has {len(labels)} labels.")
    if labels.ndim > 1:
        labels = labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0]
    return points, np.where(labels > 0, labels, 0).astype(int)


def _n_in(model: Module) -> int | None:
    """How many inputs the model takes, by its first neuron; None if that cannot be told."""
    for module in model.modules():
        if isinstance(module, Neuron):
            return len(module.weight)
        neurons = getattr(module, "neurons", None)
        if neurons:
            return len(neurons[0].weight)
    return None


def _structure(model: Module, inputs: int | None) -> Network | None:
    """The network, if it is a chain of layers."""
    if inputs is None:
        return None

    def first(prediction: Any, target: Any) -> Any:
        return sum(prediction)

    try:
        return network(model, [0.0] * inputs, [0.0], first, "replay_training")
    except (TypeError, ValueError):
        return None


# -- the plane -------------------------------------------------------------------------------


def _plane(
    view: View, frames: list[dict[str, dict[str, Any]]], x: float, model: Module,
    net: Network | None, snapshots: Sequence[Snapshot], points: Array | None,
    labels: Array | None,
) -> tuple[float, float]:  # fmt: skip
    corners = np.array([[-1.0, -1.0], [1.0, 1.0]]) if points is None else points
    part = plane.Plane.around(corners, _GRID)
    said = plane.outputs(model, [each.parameters for each in snapshots], part.grid())
    last = net.layers[-1].activation if net is not None else ""
    threshold = 0.5 if last == "sigmoid" else 0.0
    both = [plane.margins(each, threshold) for each in said]
    found = np.concatenate([margin[np.isfinite(margin)] for _, margin in both[-1:]])
    largest = float(np.quantile(found, 0.9)) if len(found) else 1.0
    y = _MARGIN + _TOP
    field = [
        shape("text", "title", (x, _MARGIN + 14), "what the network says"),
        shape("image", "field", (x, y, _SIDE, _SIDE), "", "field"),
        shape("rect", "axis", (x, y, _SIDE, _SIDE)),
    ]
    colours = _COLOURS if said[0].shape[1] > 2 else _COLOURS[:2]
    for frame, each, (classes, margin) in zip(frames, said, both, strict=True):
        frame["plane"] = {
            "field.href": plane.picture(classes, margin, largest, colours),
            "line.d": _moved(_lines(each, classes, threshold), x, y),
        }
    view.item("plane", "plane", [*field, shape("path", "boundary", "", "", "line")])
    for i, text in enumerate((part.left, part.right)):
        at = (x + i * _SIDE, y + _SIDE + 15)
        view.item(
            f"px{i}", "tickmark", [shape("text", f"sub {'end' if i else ''}", at, f"{text:.2g}")]
        )
    if points is not None:
        chosen = np.linspace(0, len(points) - 1, min(len(points), _MOST_POINTS)).astype(int)
        places = part.at(points[chosen], _SIDE)
        classes = np.zeros(len(chosen), dtype=int) if labels is None else labels[chosen]
        dots = [
            shape("circle", f"point c{k % len(_COLOURS)}", (x + px, y + py, 3.4))
            for (px, py), k in zip(places.tolist(), classes.tolist(), strict=True)
        ]
        view.item("points", "points", dots)
    return _SIDE, _SIDE + 20.0


def _lines(outputs: Array, classes: Array, threshold: float) -> str:
    """Where the class changes."""
    if outputs.shape[1] == 1:
        return plane.boundary((outputs[:, 0] - threshold).reshape(_GRID, _GRID), _SIDE)
    lines = []
    for k in np.unique(classes).tolist()[1 if outputs.shape[1] == 2 else 0 :]:
        others = np.delete(outputs, k, axis=1).max(axis=1)
        lines.append(plane.boundary((outputs[:, k] - others).reshape(_GRID, _GRID), _SIDE))
    return "".join(lines)


def _moved(path: str, x: float, y: float) -> str:
    """A path of lines from their starts, moved."""
    parts = []
    for line in path.split("M")[1:]:
        start, _, rest = line.partition("l")
        x0, y0 = map(float, start.split())
        parts.append(f"M{x0 + x:g} {y0 + y:g}l{rest}")
    return "".join(parts)


# -- the network -----------------------------------------------------------------------------


def _network(
    view: View, frames: list[dict[str, dict[str, Any]]], x: float, net: Network, model: Module,
    snapshots: Sequence[Snapshot], most: int,
) -> tuple[float, float]:  # fmt: skip
    sizes = [len(net.inputs)] + [len(layer.z) for layer in net.layers]
    first = max(1, min(most, 8) - 2)
    shown = [
        list(range(size)) if size <= most else [*range(first), None, size - 1] for size in sizes
    ]
    slots = max(len(each) for each in shown)
    pitch = min(_SIDE / slots, 44.0)
    radius = min(pitch * 0.34, 12.0)
    apart = 96.0 if len(sizes) < 5 else 76.0
    y = _MARGIN + _TOP + _SIDE / 2
    places: list[dict[int, tuple[float, float]]] = []
    heads: list[Any] = [shape("text", "title", (x, _MARGIN + 14), "the network")]
    for c, column in enumerate(shown):
        cx = x + 16.0 + apart * c
        at = {}
        for slot, i in enumerate(column):
            cy = y + (slot - (len(column) - 1) / 2) * pitch
            if i is None:
                heads += [shape("circle", "dot", (cx, cy + d, 1.8)) for d in (-6, 0, 6)]
            else:
                at[i] = (cx, cy)
        places.append(at)
        heads.append(shape("text", "sub mid", (cx, _MARGIN + _TOP + _SIDE + 15), f"{sizes[c]:,}"))
    view.item("net", "heading", heads)
    index = {value: i for i, value in enumerate(model.parameters())}
    numbers = np.array([each.parameters for each in snapshots])
    weights = [w for layer in net.layers for row in layer.weights for w in row if w in index]
    largest = float(np.abs(numbers[-1, [index[w] for w in weights]]).max(initial=0.0))
    for c, layer in net:
        for j, end in places[c + 1].items():
            for i, start in places[c].items():
                weight = layer.weights[j][i]
                line = f"M{start[0]:g} {start[1]:.1f}L{end[0]:g} {end[1]:.1f}"
                key = f"e{c}.{j}.{i}"
                if weight in index:
                    values = numbers[:, index[weight]].tolist()
                    _over_time(frames, key, [level(value, largest) for value in values])
                name = net.name("w", c, j, i)
                view.item(key, "edge", [shape("path", "e", line)], tip=[name], state={"class": ""})
    for c, at in enumerate(places):
        for i, (cx, cy) in at.items():
            name = net.name("x", None, i) if c == 0 else net.name("a", c - 1, i)
            circle = [shape("circle", "b", (cx, cy, radius))]
            view.item(f"n{c}.{i}", "box neuron", circle, name=name, tip=[name], search=name)
    return apart * (len(sizes) - 1) + 32.0, _SIDE + 20.0


def _over_time(frames: list[dict[str, dict[str, Any]]], key: str, levels: Sequence[int]) -> None:
    """Say in the frames how an edge looks, where it changes."""
    before: int | None = None
    for frame, now in zip(frames, levels, strict=True):
        if now != before:
            frame[key] = {"class": shade(now)}
        before = now


# -- the curves ------------------------------------------------------------------------------


def _curves(
    view: View, frames: list[dict[str, dict[str, Any]]], x: float, snapshots: Sequence[Snapshot]
) -> tuple[float, float]:
    y = _MARGIN + _TOP
    known = {name for each in snapshots for name in each.measures}
    charts = [
        (title, [name for name in names if name in known])
        for title, names in _PAIRS
        if known & set(names)
    ]
    tall = (_SIDE - 40.0 * (len(charts) - 1)) / max(len(charts), 1) if charts else 0.0
    tall = min(tall, 220.0)
    for title, names in charts:
        _chart(view, frames, x, y, tall, title, names, snapshots, title == charts[-1][0])
        y += tall + 40.0
    return _CHART, _SIDE + 20.0


def _chart(
    view: View, frames: list[dict[str, dict[str, Any]]], x: float, y: float, tall: float,
    title: str, names: Sequence[str], snapshots: Sequence[Snapshot], ended: bool,
) -> None:  # fmt: skip
    series = [[each.measures.get(name, math.nan) for each in snapshots] for name in names]
    finite = [value for each in series for value in each if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if title == "accuracy":
        low, high = min(low, 0.0), max(high, 1.0)
    logarithmic = title == "loss" and low > 0.0 and high / low > 30.0
    bottom = math.log(low) if logarithmic else min(low, 0.0) if title == "loss" else low
    top = math.log(high) if logarithmic else high
    last = max(snapshots[-1].epoch, 1)

    def place(epoch: int, value: float) -> tuple[float, float]:
        measured = math.log(value) if logarithmic else value
        part = (measured - bottom) / ((top - bottom) or 1.0)
        return x + epoch / last * _CHART, y + tall * (1.0 - part)

    head = title + (", on a log scale" if logarithmic else "")
    ticks = [shape("text", "title", (x, y - 20), head)]
    ticks.append(shape("rect", "axis", (x, y, _CHART, tall)))
    shown = (high, y + 11), (low if title != "loss" or logarithmic else min(low, 0.0), y + tall - 4)
    ticks += [shape("text", "sub", (x + 5, at), f"{value:.3g}") for value, at in shown]
    if ended:
        ticks.append(shape("text", "sub end", (x + _CHART, y + tall + 15), f"{last} epochs"))
    view.item(f"chart-{title}", "heading", ticks)
    for order, (name, values) in enumerate(zip(names, series, strict=True)):
        kind = ("first", "second")[order]
        points = [
            (i, place(each.epoch, value))
            for i, (each, value) in enumerate(zip(snapshots, values, strict=True))
            if math.isfinite(value)
        ]
        if not points:
            continue
        path = "M" + "L".join(f"{px:.1f} {py:.1f}" for _, (px, py) in points)
        shapes = [
            shape("path", f"curve ahead {kind}", path),
            shape("path", f"curve {kind}", path, "", "done"),
            shape("circle", f"{kind}-dot", (points[0][1][0], points[0][1][1], 4.5), "", "dot"),
        ]
        at = 0.0
        reached: dict[int, dict[str, Any]] = {points[0][0]: _reached(points[0][1], 0.0)}
        for (_, one), (i, other) in pairwise(points):
            at += math.dist(one, other)
            reached[i] = _reached(other, at)
        for i, state in reached.items():
            frames[i][f"curve-{name}"] = state | {name: number(values[i])}
        wide = text_width(f"{name.replace('_', ' ')} 0.0000", 11.5)
        spot = (x + _CHART - 4.0 - order * (wide + 8), y - 20)
        shapes.append(shape("text", "sub end", spot, "", name))
        tip = [name.replace("_", " ")]
        first = {"done.stroke-dasharray": "0 99999"}
        view.item(f"curve-{name}", "curve", shapes, name=tip[0], tip=tip, state=first)


def _reached(point: tuple[float, float], at: float) -> dict[str, Any]:
    """How a curve looks that was drawn up to a point."""
    return {
        "done.stroke-dasharray": f"{at:.1f} 99999",
        "dot.cx": f"{point[0]:.1f}",
        "dot.cy": f"{point[1]:.1f}",
    }


# -- time ------------------------------------------------------------------------------------


def _steps(
    view: View, frames: Sequence[Mapping[str, dict[str, Any]]], snapshots: Sequence[Snapshot]
) -> None:
    for count, (frame, each) in enumerate(zip(frames, snapshots, strict=True)):
        line: list[Any] = [sketch.piece(f"epoch {each.epoch}", "result")]
        for name, value in each.measures.items():
            percent = "accuracy" in name
            text = f"{value:.0%}" if percent else f"{value:.4g}"
            line += [f"   {name.replace('_', ' ')} ", sketch.piece(text, "", repr(value))]
        note = ""
        if each.epoch == 0:
            note = "Before training: the weights are as they were drawn."
        elif count == len(snapshots) - 1:
            note = "After training."
        view.step(
            0, [line], note=note, changes=frame, at=float(count),
            numbers={"epoch": each.epoch, **each.measures},
        )  # fmt: skip
