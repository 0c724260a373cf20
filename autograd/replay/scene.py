"""What a player shows: views made of items, and steps that change them.

A scene knows nothing of graphs. An item is a group of SVG shapes, some with a name; a step says a
sentence, lights items and gives new text, classes or attributes to the shapes that have a name.
The page and the animation play any scene, forwards and backwards.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

# A piece of a sentence: text; or {"t": text}, {"f": [above, below]}, a fraction, or {"m": rows}, an
# array, which may have "c", the role that colours it, and "x", the same in full for whoever points
# at it.
Piece: TypeAlias = "str | dict[str, Any]"
Line: TypeAlias = "Sequence[Piece]"
# What a named shape shows from a step on: text, or (short, full); an attribute of it, by
# "name.attribute"; "class" for the whole item.
Change: TypeAlias = "Mapping[str, str | tuple[str, str]]"


# What the coordinates of a shape are called.
PLACES = {
    "rect": ("x", "y", "width", "height", "rx"),
    "circle": ("cx", "cy", "r"),
    "text": ("x", "y"),
    "line": ("x1", "y1", "x2", "y2"),
    "image": ("x", "y", "width", "height"),
    "path": ("d",),
}


def piece(text: str, role: str = "", full: str = "") -> Piece:
    """The text, coloured by its role, and with more for whoever points at it."""
    return _piece({"t": text}, role, full)


def fraction(above: str, below: str, role: str = "", full: str = "") -> Piece:
    """A fraction, such as ∂L over ∂a."""
    return _piece({"f": [above, below]}, role, full)


def matrix(rows: Sequence[Sequence[str]], role: str = "", full: str = "") -> Piece:
    """An array, row by row; a vector has one entry in each."""
    return _piece({"m": [list(row) for row in rows]}, role, full)


def _piece(content: dict[str, Any], role: str, full: str) -> dict[str, Any]:
    return content | ({"c": role} if role else {}) | ({"x": full} if full else {})


def plain(line: Line) -> str:
    """The line as one string, as it is read aloud."""
    return "".join(map(_said, line))


def _said(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    if "m" in piece:
        return "[" + "; ".join(", ".join(row) for row in piece["m"]) + "]"
    return piece["t"] if "t" in piece else "/".join(piece["f"])


def shape(
    tag: str, classes: str, where: str | Sequence[float], text: str = "", name: str = ""
) -> list[Any]:
    """An SVG element; one with a name can be changed by steps.

    Args:
        tag: "rect" (x, y, width, height, radius), "circle" (x, y, radius), "line" (x, y, x, y),
            "text" (x, y), "image" (x, y, width, height) or "path" (its commands, as a string).
        classes: for the style sheet. A path of class "e" is thin; it can be pointed at nearby.
        where: its coordinates, in the order above.
        text: what a text shows from the start.
        name: by which steps speak of it.
    """
    place = where if isinstance(where, str) else [rounded(x) for x in where]
    found = [tag, classes, place, text, name]
    while found[-1] == "":
        found.pop()
    return found


def rounded(x: float) -> float | int:
    """The coordinate to a tenth of a pixel."""
    value = round(float(x), 1)
    return int(value) if value == int(value) else value


@dataclass(slots=True)
class View:
    """Items at their places, and the steps that they go through.

    Attributes:
        width, height: of the picture, in px.
        title: what is seen, for the trail of opened groups.
        parent: the key of the view that this one was opened from.
    """

    width: float
    height: float
    title: str = ""
    parent: str | None = None
    items: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def item(
        self,
        key: str,
        kind: str,
        shapes: Iterable[list[Any]],
        *,
        name: str = "",
        tip: Sequence[str] = (),
        search: str = "",
        opens: str | None = None,
        panel: str | None = None,
        lights: Sequence[Sequence[str]] = (),
        state: Change | None = None,
    ) -> None:
        """Add an item; later ones are drawn over earlier ones.

        Args:
            key: by which steps speak of it.
            kind: its classes, for the style sheet.
            shapes: what it is drawn of; see ``shape``.
            name: what it is called when it is read aloud; without one it is decoration.
            tip: lines shown on pointing at it; values of named shapes follow them.
            search: the text that it is found by.
            opens: the view that a click leads to.
            panel: the panel that a click shows.
            lights: per row of that panel, the items that it lights here.
            state: what it shows before the first step.
        """
        given = {
            "name": name, "tip": list(tip), "search": search, "opens": opens, "panel": panel,
            "lights": [list(each) for each in lights], "state": dict(state or {}),
        }  # fmt: skip
        kept = {k: v for k, v in given.items() if v not in ("", None, [], {})}
        self.items.append({"key": key, "kind": kind, "shapes": list(shapes), **kept})

    def step(
        self,
        phase: int,
        lines: Sequence[Line],
        *,
        note: str = "",
        on: Mapping[str, str] | None = None,
        changes: Mapping[str, Change] | None = None,
        at: float = 0.0,
        numbers: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a step.

        Args:
            phase: which of the scene's phases it belongs to.
            lines: the formulas; their last line is the result.
            note: a remark in words.
            on: the items that are lit in this step, and in which role.
            changes: per item, what it shows from now on.
            at: where the step is in the whole, so that another view of it can go on from there:
                equal or rising along the steps.
            numbers: what was computed, for programs that read the page.
        """
        given = {
            "note": note, "on": dict(on or {}), "set": dict(changes or {}), "at": at,
            "numbers": {key: exact(value) for key, value in (numbers or {}).items()},
        }  # fmt: skip
        kept = {k: v for k, v in given.items() if v not in ("", [], {})}
        self.steps.append({"phase": phase, "lines": [list(line) for line in lines], **kept})

    def state(self, last: int) -> dict[str, dict[str, Any]]:
        """What every item shows after that many steps."""
        found = {item["key"]: dict(item.get("state", {})) for item in self.items}
        for step in self.steps[: last + 1]:
            for key, change in step.get("set", {}).items():
                found[key].update(change)
        return found


@dataclass(slots=True)
class Scene:
    """All that a player needs; ``views[""]`` is seen first.

    Attributes:
        title: of the page.
        phases: the names of the parts that the steps belong to, in order.
        style: CSS for the items, within ``svg.stage``; with variables for light and dark.
        light, dark: values of these variables; "accent" is the colour of the controls.
        legend: rows of (classes of a sample, what it means).
        description: how large it is, in words.
        panels: what a click on an item shows: title, lines, columns, rows and foot.
        pace: how long a step is shown when the page plays, in ms.
    """

    title: str
    phases: Sequence[str]
    style: str = ""
    light: Mapping[str, str] = field(default_factory=dict)
    dark: Mapping[str, str] = field(default_factory=dict)
    legend: Sequence[tuple[str, str]] = ()
    description: str = ""
    views: dict[str, View] = field(default_factory=dict)
    panels: dict[str, dict[str, Any]] = field(default_factory=dict)
    pace: int = 1600

    def data(self) -> dict[str, Any]:
        """The scene as the page reads it; what several views say stands once, under "shared"."""
        shared: dict[str, int] = {}
        store: list[Any] = []

        def share(entry: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
            entry = dict(entry)
            for name in names:
                if name in entry:
                    key = json.dumps(entry[name])
                    if key not in shared:
                        shared[key] = len(store)
                        store.append(entry[name])
                    entry[name] = shared[key]
            return entry

        views = {
            key: {
                "size": [rounded(view.width), rounded(view.height)],
                "title": view.title,
                "parent": view.parent,
                "items": [share(item, ("tip", "search")) for item in view.items],
                "steps": [share(step, ("lines", "note", "numbers")) for step in view.steps],
            }
            for key, view in self.views.items()
        }
        return {
            "title": self.title,
            "description": self.description,
            "pace": self.pace,
            "phases": list(self.phases),
            "legend": [list(row) for row in self.legend],
            "views": views,
            "panels": self.panels,
            "shared": store,
        }

    def json(self) -> str:
        """The scene as JSON that can stand in a ``<script>`` of an HTML page."""
        text = json.dumps(self.data(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        for sign in "<>&\u2028\u2029":
            text = text.replace(sign, f"\\u{ord(sign):04x}")
        # Half of a surrogate pair cannot be written as UTF-8, and cannot be seen either.
        return text.encode("utf-8", "replace").decode("utf-8")


def exact(value: Any) -> Any:
    """A number as JSON can have it: nan and the infinities as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value
