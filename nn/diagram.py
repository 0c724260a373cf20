"""The textbook picture of a network: circles in columns, connections, z, a and δ in the circles.

It says where everything stands and what is written there, as a ``View`` that `draw` makes a still
picture of and `replay` plays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

from autograd import sketch
from nn.network import Network, subscript

View: TypeAlias = sketch.View
shape, text_width = sketch.shape, sketch.text_width

MARGIN, HEAD = 22.0, 56.0
_ROW, _GAP = 32.0, 130.0  # px between circles, and between columns without labels
_LABELLED = 170.0
_SOURCE, _TARGET, _LOSS = 25.0, 25.0, 36.0  # radii
_MOST_LABELS = 24  # connections between two layers that have room for their numbers
_FIRST = 5  # of a column that is too long; and the last
_SMALL = 10.5
_RISE = 7.0  # of circles, for what stands below them

STYLE = (
    sketch.SHADES
    + """
.stem{fill:var(--ink);font-size:11.5px;font-style:italic}
.neuron .n,.loss .n,.input .n,.target .n{font-size:11.5px}
.title{font-weight:700}.sub{fill:var(--faint);font-size:11.5px}
.wire .e{stroke:var(--frame-line);stroke-width:1.4}.wire .a{fill:var(--line)}
.loss .b{stroke-width:2}.dot{fill:var(--faint)}
.weight .l,.bias .l{font-size:10.5px}.bias .l{fill:var(--faint)}
.weight .k{fill-opacity:.86}
.fixed .e{stroke-dasharray:4 3}
.edge.todo{opacity:1}
"""
)


@dataclass(frozen=True)
class Place:
    """A circle: what it stands for, and where."""

    key: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Column:
    """A column of circles.

    Attributes:
        count: how many there are, drawn or not.
        places: of those drawn, by their number.
        dots: the heights of the ellipses.
    """

    title: str
    subtitle: str
    count: int
    x: float
    places: dict[int, Place]
    dots: list[float]


@dataclass(frozen=True)
class Link:
    """A connection that is drawn: into neuron j of a layer, from its input i."""

    layer: int
    j: int
    i: int

    @property
    def key(self) -> str:
        """By which steps speak of it."""
        return f"e{self.layer}.{self.j}.{self.i}"

    @property
    def label(self) -> str:
        """The key of the number on it."""
        return f"l{self.layer}.{self.j}.{self.i}"


class Diagram:
    """Where the parts of a network stand.

    Args:
        network: what is drawn.
        most: how many circles a column may have before its middle is left out.

    Attributes:
        columns: the inputs, then the layers.
        links: the connections drawn.
        width, height: of the whole, in px.
    """

    def __init__(self, network: Network, most: int):
        self.network = network
        sizes = [len(network.inputs)] + [len(layer.z) for _, layer in network]
        # Of many classes the right one is always to be seen.
        right = int(network.targets[0]) if network.is_class else None
        shown = [_shown(size, most) for size in sizes[:-1]] + [_shown(sizes[-1], most, right)]
        drawn = [[i for i in each if i is not None] for each in shown]
        self.labelled = [
            len(before) * len(here) <= _MOST_LABELS for before, here in pairwise(drawn)
        ]
        widest = max(max(each) for each in drawn) + 1
        radius = 42.0 if widest < 100 else 46.0
        radii = [_SOURCE] + [radius] * len(network.layers)
        pitch = [2 * r + _ROW for r in radii]
        self.targets = _shown(len(network.targets), most)
        target_pitch = pitch[-1] if len(network.targets) == sizes[-1] else 2 * _TARGET + 20
        self.height = max(
            *(len(each) * p for each, p in zip(shown, pitch, strict=True)),
            len(self.targets) * target_pitch,
            2 * radius + _ROW,
        )
        self.columns: list[Column] = []
        x = MARGIN
        for c, each in enumerate(shown):
            if c:
                tall = max(len(shown[c]) * pitch[c], len(shown[c - 1]) * pitch[c - 1])
                x += max(_LABELLED if self.labelled[c - 1] else _GAP, 0.26 * tall)
            title, subtitle = self._titles(c)
            x += max(text_width(subtitle, 11.5) * 0.45, radii[c]) if c == 0 else radii[c]
            key = f"n{c - 1}." if c else "x"
            self.columns.append(
                self._column(each, key, x, pitch[c], radii[c], title, subtitle, sizes[c])
            )
            x += radii[c]
        x += max(90.0, 0.12 * self.height) + _LOSS
        self.loss = Place("L", x, HEAD + MARGIN + self.height / 2 - _RISE, _LOSS)
        half = text_width(self._loss_name(), 11.5) / 2
        self.loss = replace(self.loss, x=max(x, self.columns[-1].x + half + 60.0))
        x = self.loss.x + max(_LOSS + 70.0, half + 40.0) + _TARGET
        self.target = self._column(
            self.targets, "y", x, target_pitch, _TARGET, "target y", self._class(),
            len(network.targets),
        )  # fmt: skip
        x += _TARGET + max(0.0, text_width("target y", 13, bold=True) / 2 - _TARGET)
        self.width = x + MARGIN
        self.height += 2 * MARGIN + HEAD
        self.links = [
            Link(layer, j, i)
            for layer in range(len(network.layers))
            for j in drawn[layer + 1]
            for i in drawn[layer]
        ]

    def _titles(self, c: int) -> tuple[str, str]:
        if c == 0:
            count = len(self.network.inputs)
            return "input x", f"{count:,} number{'s' if count > 1 else ''}"
        layer = self.network.layers[c - 1]
        count = len(layer.z)
        title = f"layer {c}" if len(self.network.layers) > 1 else "layer"
        return title, f"{count:,} × {layer.activation}" if count > 1 else layer.activation

    def _class(self) -> str:
        """Which output a class is that stands for the target."""
        return f"output {self.network.targets[0] + 1:g}" if self.network.is_class else ""

    def _loss_name(self) -> str:
        return sketch.shortened(self.network.loss_name.replace("_", " "))

    def _column(
        self, shown: Sequence[int | None], key: str, x: float, pitch: float, radius: float,
        title: str, subtitle: str, count: int,
    ) -> Column:  # fmt: skip
        top = HEAD + MARGIN + (self.height - len(shown) * pitch) / 2
        places: dict[int, Place] = {}
        dots: list[float] = []
        for slot, number in enumerate(shown):
            y = top + (slot + 0.5) * pitch - _RISE
            if number is None:
                dots.append(y)
            else:
                places[number] = Place(f"{key}{number}", x, y, radius)
        return Column(title, subtitle, count, x, places, dots)

    def ends(self, link: Link) -> tuple[Place, Place]:
        """The circles that a connection joins."""
        columns = self.columns
        return columns[link.layer].places[link.i], columns[link.layer + 1].places[link.j]

    def into(self, layer: int) -> list[Link]:
        """The connections into a layer."""
        return [link for link in self.links if link.layer == layer]

    # -- what is drawn -------------------------------------------------------------------------

    def view(
        self, edge: Callable[[Link], Edge], circle: Callable[[int, int], dict[str, Any]], *,
        given: dict[str, dict[str, Any]], backwards: bool = False, extra: float = 0.0,
        panels: Iterable[str] = (),
    ) -> View:  # fmt: skip
        """The view.

        Args:
            edge: how a connection looks.
            circle: what a neuron shows: by layer and number, the state of its circle.
            given: the states of the loss and the targets.
            backwards: whether arrows point from the loss to the inputs.
            extra: room below, in px.
            panels: the keys of circles that have one.
        """
        view = View(self.width, self.height + extra, "network")
        for column in [*self.columns, self.target]:
            self._heading(view, column)
        titles = [
            shape("text", "title mid", (self.loss.x, MARGIN + 12), "loss L"),
            shape("text", "sub mid", (self.loss.x, MARGIN + 29), self._loss_name()),
        ]
        view.item("hL", "heading", titles)
        edges = [(link, edge(link)) for link in self.links]
        for link, look in sorted(edges, key=lambda pair: abs(pair[1].level)):
            self._edge(view, link, look, backwards)
        self._wires(view, given, backwards)
        for layer in range(len(self.network.layers)):
            if self.labelled[layer]:
                own = [(link, look) for link, look in edges if link.layer == layer and look.label]
                self._labels(view, own)
        having = set(panels)
        for i, place in self.columns[0].places.items():
            self._input(view, i, place, given)
        for layer, column in enumerate(self.columns[1:]):
            for j, place in column.places.items():
                self._neuron(view, layer, j, place, circle(layer, j), place.key in having)
        self._loss(view, given)
        for k, place in self.target.places.items():
            self._target(view, k, place, given)
        return view

    def _heading(self, view: View, column: Column) -> None:
        shapes = [
            shape("text", "title mid", (column.x, MARGIN + 12), column.title),
            shape("text", "sub mid", (column.x, MARGIN + 29), column.subtitle),
        ]
        for n, y in enumerate(column.dots):
            shapes += [shape("circle", "dot", (column.x, y + far, 2.6)) for far in (-10, 0, 10)]
            if n == 0:
                shapes.append(shape("text", "sub", (column.x + 10, y + 4), f"{column.count:,}"))
        view.item(f"h{column.x:.0f}", "heading", shapes)

    def _edge(self, view: View, link: Link, look: Edge, backwards: bool) -> None:
        start, end = self.ends(link)
        shapes = _line(start, end, backwards)
        kind = "edge" + (" fixed" if look.dead else "")
        view.item(
            link.key, kind, shapes, name=look.tip[0] if self.labelled[link.layer] else "",
            tip=look.tip, state={"class": shade(look.level)},
        )  # fmt: skip

    def _wires(self, view: View, given: dict[str, dict[str, Any]], backwards: bool) -> None:
        """From the outputs and the targets to the loss."""
        for j, place in self.columns[-1].places.items():
            key = f"eo{j}"
            state = given.get(key, {})
            kind = "edge" if state.get("class") else "edge wire"
            view.item(key, kind, _line(place, self.loss, backwards), state=state)
        for k, place in self.target.places.items():
            view.item(f"ey{k}", "edge wire", _line(place, self.loss, False))

    def _labels(self, view: View, edges: Sequence[tuple[Link, Edge]]) -> None:
        """Numbers on connections, each where other lines and numbers are far."""
        lines = [self._segment(link) for link, _ in edges]
        taken: list[tuple[float, float, float]] = []
        for n, (link, look) in enumerate(edges):
            wide = text_width(look.room or look.label, _SMALL) + 6.0
            (x0, y0), (x1, y1) = lines[n]

            def cost(t: float, n: int = n, wide: float = wide) -> float:
                (x0, y0), (x1, y1) = lines[n]
                x, y = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
                near = [_distance((x, y), line) for m, line in enumerate(lines) if m != n]
                crowd = sum(max(0.0, 15.0 - d) for d in near)
                over = sum(
                    max(0.0, (wide + w) / 2 + 2 - abs(x - a)) * max(0.0, 17.0 - abs(y - b))
                    for a, b, w in taken
                )
                return crowd + 3.0 * over + 6.0 * abs(t - 0.62)

            steps = [0.14 + 0.04 * k for k in range(19)]
            steps = [t for t in steps if wide / 2 < (t * (x1 - x0)) < (x1 - x0) - wide / 2] or [0.5]
            t = min(steps, key=cost)
            x, y = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
            taken.append((x, y, wide))
            shapes = [
                shape("rect", "k", (x - wide / 2, y - 7.5, wide, 15, 3)),
                shape("text", "l mid", (x, y + 3.8), "", "number"),
            ]
            view.item(link.label, "label weight", shapes, state={"number": look.label})

    def _segment(self, link: Link) -> tuple[tuple[float, float], tuple[float, float]]:
        return _trimmed(*self.ends(link))

    def _input(self, view: View, i: int, place: Place, given: dict[str, dict[str, Any]]) -> None:
        node = self.network.inputs[i]
        name = self.network.name("x", None, i)
        state = {"class": "", name: number(node.data)} | given.get(place.key, {})
        label = f", {node.label}" if node.label and not node.label.startswith("x[") else ""
        tip = [f"input {i + 1}{sketch.shortened(label, 60)}"]
        shapes = [
            _ring(place),
            shape("text", "stem mid", (place.x, place.y - 3), name),
            shape("text", "n mid", (place.x, place.y + 12), "", name),
        ]
        view.item(place.key, "box input", shapes, name=tip[0], tip=tip, search=name, state=state)

    def _neuron(
        self, view: View, layer: int, j: int, place: Place, state: dict[str, Any], panel: bool
    ) -> None:
        net = self.network
        own = net.layers[layer]
        shapes = [_ring(place)]
        sub = subscript(j + 1)
        for row, stem in enumerate("zaδ"):
            y = place.y - 12.0 + 16.0 * row
            at = place.x - (14.0 if j < 9 else 11.0)
            shapes.append(shape("text", "stem end", (at, y), stem + sub))
            kind = "grad" if stem == "δ" else "data"
            shapes.append(shape("text", f"n {kind}", (at + 4, y), "", stem))
        of = f"layer {layer + 1}" if len(net.layers) > 1 else "the layer"
        tip = [f"neuron {j + 1} of {of}, {own.activation}"]
        search = " ".join(net.name(stem, layer, j) for stem in "zaδ")
        view.item(
            place.key, "box neuron", shapes, name=tip[0], tip=tip, search=search, state=state,
            panel=place.key if panel else None,
        )  # fmt: skip
        bias = own.biases[j]
        if bias is not None:
            name = net.name("b", layer, j)
            spot = (place.x, place.y + place.radius + 13)
            text = f"b{sub} {number(bias.data)[0]}"
            wide = max(text_width(text, _SMALL), 52.0)
            shapes = [
                shape("rect", "k", (place.x - wide / 2 - 2, spot[1] - 9.5, wide + 4, 12.5, 3)),
                shape("text", "l mid", spot, "", "number"),
            ]
            tips = [f"bias {name} = {bias.data!r}"]
            view.item(
                f"b{layer}.{j}", "bias", shapes, name=tips[0], tip=tips, state={"number": text}
            )

    def _loss(self, view: View, given: dict[str, dict[str, Any]]) -> None:
        place = self.loss
        shapes = [
            _ring(place),
            shape("text", "h mid", (place.x, place.y - 4), "L"),
            shape("text", "n mid", (place.x, place.y + 13), "", "L"),
        ]
        tip = [f"the loss, {self.network.loss_name}"]
        view.item("L", "box loss", shapes, name=tip[0], tip=tip, search="L loss", state=given["L"])

    def _target(self, view: View, k: int, place: Place, given: dict[str, dict[str, Any]]) -> None:
        value = self.network.targets[k]
        single = self.network.is_class
        name = "y" if single else f"y{subscript(k + 1)}"
        state = {"class": "", name: number(value)} | given.get(place.key, {})
        box = (place.x - place.radius, place.y - 20.0, 2 * place.radius, 40.0, 8.0)
        shapes = [
            shape("rect", "b", box),
            shape("text", "stem mid", (place.x, place.y - 3), name),
            shape("text", "n mid", (place.x, place.y + 12), "", name),
        ]
        tip = ["the class, counted from 0" if single else f"target {k + 1}"]
        view.item(place.key, "box target", shapes, name=tip[0], tip=tip, search=name, state=state)


@dataclass(frozen=True)
class Edge:
    """How a connection looks.

    Attributes:
        level: its shade, -5 to 5.
        tip: what is said of it.
        label: the number on it; room: the widest that will stand there.
        dead: whether no gradient flows along it.
    """

    level: int
    tip: list[str]
    label: str = ""
    room: str = ""
    dead: bool = False


def _shown(count: int, most: int, also: int | None = None) -> list[int | None]:
    """The numbers that are drawn, one of them in any case, and None where some are left out."""
    if count <= most:
        return list(range(count))
    first = max(1, min(_FIRST, most - 2))
    if also is None or also < first or also == count - 1:
        return [*range(first), None, count - 1]
    chosen = [*range(max(1, first - 1)), also, count - 1]
    shown: list[int | None] = [0]
    for before, here in pairwise(chosen):
        shown += [here] if here == before + 1 else [None, here]
    return shown


def level(amount: float | None, largest: float) -> int:
    """-5 to 5: the sign, and the size beside the largest; 0 for none."""
    if amount is None or amount == 0.0 or math.isnan(amount) or not largest > 0.0:
        return 0
    part = 1.0 if math.isinf(amount) or math.isinf(largest) else min(abs(amount) / largest, 1.0)
    size = 1 + round(4.0 * part)
    return size if amount > 0.0 else -size


def tint(amount: float | None, largest: float) -> int:
    """The same for a circle: by the square root, so that small ones are seen beside large ones."""
    if amount is None or math.isnan(amount) or not largest > 0.0:
        return 0
    return level(math.copysign(math.sqrt(abs(amount)), amount), math.sqrt(largest))


def shade(size: int) -> str:
    """The class of a level."""
    return "" if size == 0 else f"{'p' if size > 0 else 'm'}{abs(size)}"


def number(value: float | None) -> tuple[str, str]:
    """A number to three digits, or two if that is long, and in full."""
    if value is None:
        return "–", "none"
    text = f"{value + 0.0:.{2 if abs(value) < 0.01 else 3}g}"
    if 1e3 <= abs(value) < 1e5:
        text = f"{value:.0f}"
    if "e" in text or len(text) > 7:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        text = f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return text, repr(value)


def largest(numbers: Iterable[float | None]) -> float:
    """The largest magnitude of those that are numbers; 0 without any."""
    sizes = (abs(each) for each in numbers if each is not None and math.isfinite(each))
    return max(sizes, default=0.0)


def _ring(place: Place) -> list[Any]:
    return shape("circle", "b", (place.x, place.y, place.radius))


Segment = tuple[tuple[float, float], tuple[float, float]]


def _trimmed(start: Place, end: Place) -> Segment:
    """From the rim of one circle to that of the other."""
    dx, dy = end.x - start.x, end.y - start.y
    far = math.hypot(dx, dy) or 1.0
    ux, uy = dx / far, dy / far
    return (
        (start.x + ux * (start.radius + 1), start.y + uy * (start.radius + 1)),
        (end.x - ux * (end.radius + 1), end.y - uy * (end.radius + 1)),
    )


def _line(start: Place, end: Place, backwards: bool) -> list[list[Any]]:
    (x0, y0), (x1, y1) = _trimmed(start, end)
    if not backwards:
        return [shape("path", "e", f"M{_n(x0)} {_n(y0)}L{_n(x1)} {_n(y1)}")]
    far = math.hypot(x1 - x0, y1 - y0) or 1.0
    ux, uy = (x1 - x0) / far, (y1 - y0) / far
    bx, by = x0 + 9 * ux, y0 + 9 * uy
    head = (
        f"M{_n(x0)} {_n(y0)}L{_n(bx - 4.2 * uy)} {_n(by + 4.2 * ux)}"
        f"L{_n(bx + 4.2 * uy)} {_n(by - 4.2 * ux)}z"
    )
    return [
        shape("path", "e", f"M{_n(x1)} {_n(y1)}L{_n(bx)} {_n(by)}"),
        shape("path", "a", head),
    ]


def _distance(point: tuple[float, float], line: Segment) -> float:
    """How far a point is from a line between two points."""
    (x, y), ((x0, y0), (x1, y1)) = point, line
    dx, dy = x1 - x0, y1 - y0
    t = max(0.0, min(1.0, ((x - x0) * dx + (y - y0) * dy) / ((dx * dx + dy * dy) or 1.0)))
    return math.hypot(x - x0 - t * dx, y - y0 - t * dy)


def _n(x: float) -> str:
    return f"{x:.1f}".rstrip("0").rstrip(".")
