"""How things look: colours, sizes of text, and the lines of text in a box."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass

from autograd.draw.model import Box, Edge, Picture, number

FONT = "'Segoe UI', 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
TEXT, SMALL = 13.0, 11.5  # px
LINE = 17.0  # height of a line in a box
LONGEST = 26  # characters of a label that a picture shows; all of it stands in the tooltip


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours, as #rrggbb. Orange, blue, purple of Okabe & Ito (2008), told apart by everyone."""

    paper: str
    ink: str
    faint: str
    line: str
    plain: str
    positive: str
    negative: str
    both: str
    frame: str
    frame_line: str


LIGHT = Theme(
    paper="#ffffff",
    ink="#1c2430",
    faint="#5b6675",
    line="#8a94a3",
    plain="#f4f6f9",
    positive="#e07b00",
    negative="#0072b2",
    both="#b4518f",
    frame="#f8f9fb",
    frame_line="#c3cad4",
)
DARK = Theme(
    paper="#14181f",
    ink="#eef2f7",
    faint="#a9b4c2",
    line="#7c8896",
    plain="#232a34",
    positive="#ff9e3d",
    negative="#5bb8f5",
    both="#e08fc0",
    frame="#191f28",
    frame_line="#3d4856",
)
SHADES = 5
LEVELS = (*range(-SHADES, SHADES + 1), *range(11, 11 + SHADES))  # as `shade` gives them


def shade(amount: float, picture: Picture, mixed: bool = False) -> int:
    """-5 to 5: the sign of a gradient, and its size on the scale of the picture; 0 for none.

    Where both signs occur it is 11 to 15.

    The scale is logarithmic, from the least to the largest gradient but six decades at most, so
    that a small gradient can still be seen.
    """
    size = abs(amount)
    if amount == 0.0 or math.isnan(amount) or picture.largest == 0.0:
        return 0
    decades = math.log10(picture.largest) - math.log10(max(picture.least, 5e-324))
    decades = min(max(decades, 1.0), 6.0)
    if math.isinf(size):
        strength = 1.0
    else:
        strength = 1.0 + (math.log10(size) - math.log10(picture.largest)) / decades
    level = 1 + round(min(max(strength, 0.0), 1.0) * (SHADES - 1))
    return 10 + level if mixed else level if amount > 0.0 else -level


def box_shade(box: Box, picture: Picture) -> int:
    """The shade of a box."""
    return 0 if box.grad is None else shade(box.grad.extreme, picture, box.grad.mixed)


def edge_shade(edge: Edge, picture: Picture) -> int:
    """The shade of an edge."""
    return shade(edge.flow, picture, edge.mixed) if edge.live else 0


def _hue(level: int, theme: Theme) -> tuple[str, int]:
    """The full colour of a shade, and its strength from 0 to 4."""
    if level > 10:
        return theme.both, level - 11
    return theme.positive if level > 0 else theme.negative, abs(level) - 1


def fill(level: int, theme: Theme) -> str:
    """The colour of a box whose gradient has that shade."""
    if level == 0:
        return theme.plain
    strong, strength = _hue(level, theme)
    return mixed(theme.paper, strong, (0.10, 0.19, 0.28, 0.37, 0.46)[strength])


def stroke(level: int, theme: Theme) -> str:
    """The colour of an edge along which that gradient flows."""
    if level == 0:
        return theme.line
    strong, strength = _hue(level, theme)
    return mixed(theme.paper, strong, (0.55, 0.66, 0.77, 0.88, 1.0)[strength])


def width(level: int) -> float:
    """How thick such an edge is, in px."""
    return 1.1 if level == 0 else (1.2, 1.6, 2.1, 2.7, 3.4)[abs(level) % 10 - 1]


def mixed(ground: str, colour: str, part: float) -> str:
    """A part of a colour on a ground."""
    a, b = (tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in (ground, colour))
    return "#" + "".join(f"{round(x + (y - x) * part):02x}" for x, y in zip(a, b, strict=True))


# -- text ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in a box: a bold head, the symbol beside it, and lines below."""

    head: str
    side: str
    lines: tuple[str, ...]


def words(box: Box, relative: str = "") -> Words:
    """The text of a box; a group's name is cut by what the frame around says already."""
    label = box.label
    if relative and label.startswith(relative):
        label = label[len(relative) :].lstrip(". ")
    times = f" ×{box.times:,}" if box.times > 1 else ""
    if box.kind == "op":
        symbol = "x²" if box.symbol == "²" else box.symbol  # which alone could not be read
        head, side = (label, symbol) if label else (symbol, "")
        return Words(head + times, side, _numbers(box))
    if box.kind != "group":
        kind = box.kind
        if box.made:
            count = len(box.nodes) // box.times
            several = f"{count:,} {kind}s" if count > 1 else kind
            head, side = (label, several) if label and count > 1 else (label or several, "")
            return Words(head + times, side, _numbers(box))
        if kind == "constant" and not label:
            return Words(number(box.data.low), "", ())
        return Words(label or kind, "", _numbers(box))
    title = label or {"run": "run", "cone": "expression", "twins": "alike", "band": "part"}.get(
        box.made, box.made
    )
    lines = [box.symbol]
    if box.parameters:
        lines.append(f"{box.parameters:,} parameter{'s' if box.parameters > 1 else ''}")
    outputs = len(box.outputs) // box.times if box.times else len(box.outputs)
    if outputs > 1:
        lines.append(f"{outputs:,} outputs")
    return Words(title + times, "", (*lines, *_numbers(box)))


def _numbers(box: Box) -> tuple[str, ...]:
    data = f"data {box.data}"
    return (data,) if box.grad is None else (data, f"grad {box.grad}")


def edge_label(edge: Edge) -> str:
    """The local partial, or the range of the entries of the Jacobian; "" if not computed."""
    return "" if edge.partial is None else str(edge.partial)


def shortened(text: str, longest: int = LONGEST) -> str:
    """The text in one line, its middle left out if it is long."""
    line = visible(text)
    return line if len(line) <= longest else line[: longest - 9] + "…" + line[-8:]


def visible(text: str) -> str:
    """The text in one line, with a sign for what could not be seen, and that XML forbids."""
    return "".join(
        "⏎" if c == "\n" else c if c.isprintable() else "\ufffd" for c in text.replace("\r\n", "\n")
    )


def text_width(text: str, size: float = TEXT, bold: bool = False) -> float:
    """The width in px, estimated for the widest font of those that may be found."""
    total = 0.0
    for c in text:
        if c.isascii():
            total += _WIDTHS.get(c, 0.62)
        elif unicodedata.combining(c):
            continue
        else:
            total += 1.05 if unicodedata.east_asian_width(c) in "WF" else 0.72
    return total * size * (1.10 if bold else 1.0)


_WIDTHS = (
    dict.fromkeys(" .,;:|!'ijl[]()ft/\\-", 0.36)
    | dict.fromkeys("mwMW%@", 0.84)
    | dict.fromkeys("ABCDEGHKNOPQRUVX&+=<>", 0.7)
)
