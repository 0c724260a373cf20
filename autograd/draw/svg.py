"""A picture as SVG: light and dark, with tooltips, and a text for those who cannot see it."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from autograd.draw import style
from autograd.draw.layout import PAD, Enclosure, Layout, Link, Rect, arrange
from autograd.draw.model import Box, Edge, Frame, Picture
from autograd.draw.style import DARK, LIGHT, SMALL, TEXT, Theme, text_width

_MARGIN, _HEAD = 16.0, 18.0
_DEEP = 4.0  # how far the sheets of a stack stand out


def plan(picture: Picture) -> Layout:
    """Where everything in the picture stands, in px."""
    arriving = [0] * len(picture.boxes)
    for edge in picture.edges:
        arriving[edge.target] += 1
    sizes = [box_size(picture, i, count) for i, count in enumerate(arriving)]
    links = [Link(edge.source, edge.target, label_width(edge) + 12.0) for edge in picture.edges]
    frames = [Enclosure(f.parent, text_width(f.title, TEXT)) for f in picture.frames]
    return arrange(sizes, links, [box.frame for box in picture.boxes], frames)


def box_words(picture: Picture, i: int) -> style.Words:
    """What stands in a box."""
    box = picture.boxes[i]
    return style.words(box, picture.frames[box.frame].name if box.frame >= 0 else "")


def box_size(picture: Picture, i: int, arriving: int) -> tuple[float, float]:
    """Width and height of a box in px, with room for the edges that arrive."""
    words = box_words(picture, i)
    head = text_width(style.shortened(words.head), TEXT, bold=True)
    side = text_width(style.shortened(words.side), SMALL) + 12.0 if words.side else 0.0
    lines = [text_width(style.shortened(line, 40), SMALL) for line in words.lines]
    width = max([head + side, *lines]) + 20.0
    height = 12.0 + style.LINE * (1 + len(words.lines))
    return round(max(width, 30.0)), max(height, arriving * 16.0 + 4.0)


def label_width(edge: Edge) -> float:
    """The width of an edge's label in px, 0 without one."""
    label = style.edge_label(edge)
    return text_width(label, SMALL) + 8.0 if label else 0.0


def svg(picture: Picture) -> str:
    """The picture as one SVG document, which depends on nothing outside."""
    layout = plan(picture)
    top = _MARGIN + (26.0 if picture.notice else 0.0)
    legend = _legend(picture)
    wanted = max(_legend_width(row) for row in legend) if legend else 0.0
    width = max(layout.width, wanted, _notice_width(picture)) + 2 * _MARGIN
    left = (width - layout.width) / 2
    height = top + layout.height + 14.0 + 20.0 * len(legend) + _MARGIN
    body = [f'<rect class="paper" width="{_n(width)}" height="{_n(height)}"/>']
    if picture.notice:
        body.append(
            f'<text class="notice" x="{_n(width / 2)}" y="{_n(_MARGIN + 10)}" '
            f'text-anchor="middle">{_x(picture.notice)}</text>'
        )
    body.append(f'<g transform="translate({_n(left)} {_n(top)})">')
    body += [_frame(f, rect) for f, rect in zip(picture.frames, layout.frames, strict=True)]
    order = sorted(range(len(picture.edges)), key=lambda e: abs(picture.edges[e].flow))
    body += [_marker(layout.links[e]) for e in _on_path(picture)]
    body += [_edge(picture, picture.edges[e], layout.links[e]) for e in order]
    body += [_edge_label(picture, picture.edges[e], layout.links[e]) for e in order]
    body += [_box(picture, i, rect) for i, rect in enumerate(layout.boxes)]
    body.append("</g>")
    y = height - _MARGIN - 20.0 * (len(legend) - 1)
    for i, row in enumerate(legend):
        body.append(_legend_row(row, (width - _legend_width(row)) / 2, y + 20.0 * i))
    content = "\n".join(body)
    name = "d" + hashlib.sha256(content.encode()).hexdigest()[:10]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" width="{_n(width)}" '
        f'height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}" role="img" '
        f'aria-labelledby="{name}-t {name}-d" font-family="{style.FONT}" font-size="{TEXT:g}">\n'
        f'<title id="{name}-t">{_x(title(picture))}</title>\n'
        f'<desc id="{name}-d">{_x(description(picture))}</desc>\n'
        f"<style>{_css(name, LIGHT)}\n"
        f"@media (prefers-color-scheme: dark) {{{_css(name, DARK)}}}</style>\n"
        f"{content}\n</svg>\n"
    )


def title(picture: Picture) -> str:
    """What is drawn, in one line."""
    root = picture.tape.nodes[-1]
    named = f" of {style.visible(root.label)}" if root.label else ""
    return f"Computation graph{named}"


def description(picture: Picture) -> str:
    """What is drawn, in words: for those who cannot see it."""
    size = len(picture.tape)
    drawn = len(picture.boxes)
    shown = f"{size:,} nodes" + ("" if size == drawn else f", drawn as {drawn:,} boxes")
    parts = [f"{shown}, from left to right in the order of computation."]
    if picture.notice:
        parts.append(picture.notice + ".")
    for i, box in enumerate(picture.boxes[:60]):
        words = box_words(picture, i)
        sources = [e.source for e in picture.edges if e.target == i]
        text = " ".join(filter(None, (words.head, words.side)))
        after = [style.shortened(box_words(picture, s).head) for s in sources[:8]]
        made = f" from {', '.join(after)}" if after else ""
        grad = "" if box.grad is None else f", grad {box.grad}"
        parts.append(f"{style.shortened(text, 60)}{made}: data {box.data}{grad}.")
    return " ".join(parts)


# -- parts -----------------------------------------------------------------------------------


def _frame(frame: Frame, rect: Rect) -> str:
    return (
        f'<g><title>{_x(style.visible(frame.name))}</title><rect class="frame" {_at(rect)} rx="9"/>'
        f'<text class="ft" x="{_n(rect.x + PAD)}" y="{_n(rect.y + 16)}">'
        f"{_x(style.shortened(frame.title, 60))}</text></g>"
    )


def _box(picture: Picture, i: int, rect: Rect) -> str:
    box = picture.boxes[i]
    words = box_words(picture, i)
    level = style.box_shade(box, picture)
    corner = {"parameter": 2.0, "input": 16.0}.get(box.kind, 7.0)
    classes = f"b {_level('f', level)}" + (
        " c" if box.grad is None and _fixed(picture, box) else ""
    )
    parts = [f"<g><title>{_x(tooltip(picture, i))}</title>"]
    if len(box.nodes) > 1:
        for far in (_DEEP, _DEEP / 2):
            sheet = Rect(rect.x + far, rect.y + far, rect.width, rect.height)
            parts.append(f'<rect class="{classes}" {_at(sheet)} rx="{corner:g}"/>')
    parts.append(f'<rect class="{classes}" {_at(rect)} rx="{corner:g}"/>')
    if box.kind == "parameter":
        bar = Rect(rect.x, rect.y, 4.0, rect.height)
        parts.append(f'<rect class="bar" {_at(bar)}/>')
    x, y = rect.x + 10.0, rect.y + (rect.height - style.LINE * (1 + len(words.lines))) / 2 + 13.0
    if not words.lines and not words.side:
        parts.append(
            f'<text class="h" x="{_n(rect.x + rect.width / 2)}" y="{_n(y)}" '
            f'text-anchor="middle">{_x(style.shortened(words.head))}</text>'
        )
    else:
        parts.append(
            f'<text class="h" x="{_n(x)}" y="{_n(y)}">{_x(style.shortened(words.head))}</text>'
        )
    if words.side:
        parts.append(
            f'<text class="s" x="{_n(rect.x + rect.width - 10)}" y="{_n(y)}" '
            f'text-anchor="end">{_x(style.shortened(words.side))}</text>'
        )
    for line in words.lines:
        y += style.LINE
        word, space, rest = style.shortened(line, 40).partition(" ")
        if space and word in ("data", "grad"):
            shown = f'<tspan class="w">{word}</tspan> {_x(rest)}'
        else:
            shown = _x(word + space + rest)
        parts.append(f'<text class="n" x="{_n(x)}" y="{_n(y)}">{shown}</text>')
    return "".join(parts) + "</g>"


def _fixed(picture: Picture, box: Box) -> bool:
    """Whether no gradient can flow to a box: constants."""
    return not any(picture.tape.nodes[i].requires_grad for i in box.outputs)


def _on_path(picture: Picture) -> Iterator[int]:
    """The numbers of the edges along the path: of several between two boxes, the first."""
    first: dict[tuple[int, int], int] = {}
    for e, edge in enumerate(picture.edges):
        first.setdefault((edge.source, edge.target), e)
    for pair in pairwise(picture.path):
        if pair in first:
            yield first[pair]


def _marker(points: tuple[tuple[float, float], ...]) -> str:
    """A broad stroke under an edge, as of a marker pen."""
    return f'<path class="hl" d="{curve(points)}"/>'


def _edge(picture: Picture, edge: Edge, points: tuple[tuple[float, float], ...]) -> str:
    level = style.edge_shade(edge, picture)
    end_x, end_y = points[-1]
    # The line ends where the head begins.
    path = curve([*points[:-1], (end_x - 5.0, end_y)])
    dead = "" if edge.live else " d"
    size = 3.4 + style.width(level) * 0.6
    head = f"M{_n(end_x)} {_n(end_y)}l{_n(-size * 1.9)} {_n(-size)}v{_n(2 * size)}z"
    return (
        f"<g><title>{_x(edge_tooltip(picture, edge))}</title>"
        f'<path class="e {_level("s", level)}{dead}" d="{path}"/>'
        f'<path class="{_level("a", level)}" d="{head}"/></g>'
    )


def _edge_label(picture: Picture, edge: Edge, points: tuple[tuple[float, float], ...]) -> str:
    label = style.edge_label(edge)
    if not label:
        return ""
    wide = label_width(edge)
    x, y = points[-1][0] - 11.0 - wide, points[-1][1]
    inside = picture.boxes[edge.target].frame >= 0
    return (
        f'<rect class="{"kf" if inside else "k"}" x="{_n(x)}" y="{_n(y - 7.5)}" width="{_n(wide)}" '
        f'height="15" rx="3"/><text class="l" x="{_n(x + wide / 2)}" y="{_n(y + 4)}" '
        f'text-anchor="middle">{_x(label)}</text>'
    )


def curve(points: Sequence[tuple[float, float]]) -> str:
    """The points of a link joined by an SVG path, level at each of them."""
    x, y = points[0]
    path = [f"M{_n(x)} {_n(y)}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        if abs(y0 - y1) < 0.05:
            path.append(f"H{_n(x1)}")
        else:
            middle = (x0 + x1) / 2
            path.append(f"C{_n(middle)} {_n(y0)} {_n(middle)} {_n(y1)} {_n(x1)} {_n(y1)}")
    return "".join(path)


def tooltip(picture: Picture, i: int) -> str:
    """All that is known of a box, at full precision."""
    box = picture.boxes[i]
    tape = picture.tape
    first = tape.nodes[int(box.nodes[0])]
    lines = []
    if len(box.nodes) == 1:
        what = first.op.name if first.op is not None else box.kind
        lines.append(" ".join(filter(None, (what, style.visible(first.label)))))
        if first.scope is not None:
            lines.append(f"in {style.visible(first.scope.path)}")
        lines.append(f"data {box.data.low!r}")
        if box.grad is not None:
            lines.append(f"grad {box.grad.low!r}")
        return "\n".join(lines)
    words = box_words(picture, i)
    lines = [style.visible(f"{words.head} {words.side}".strip()), f"{len(box.nodes):,} nodes"]
    lines += words.lines
    if box.name:
        lines.append(f"to open: draw(…, open={style.visible(box.name)!r})")
    return "\n".join(lines)


def edge_tooltip(picture: Picture, edge: Edge) -> str:
    """The entries of the Jacobian at full precision, the first of them if there are many."""
    source, target = (
        style.shortened(box_words(picture, i).head) for i in (edge.source, edge.target)
    )
    if edge.partial is None:
        return f"{source} → {target}"
    if edge.count == 1:
        lines = [f"∂({target})/∂({source}) = {edge.partial.low!r}"]
        if edge.live and not picture.notice:
            lines.append(f"adds {edge.flow!r} to the gradient")
        return "\n".join(lines)
    lines = [f"{source} → {target}: {edge.count:,} partials, {edge.partial}"]
    lines += [f"{value!r}" for _, _, value in edge.entries[:12]]
    return "\n".join([*lines, "…"] if edge.count > 12 else lines)


# -- legend ----------------------------------------------------------------------------------

_Entry = tuple[str, str]  # (what is shown, what it means)


def _legend(picture: Picture) -> list[list[_Entry]]:
    boxes = picture.boxes
    colours: list[_Entry] = [
        ("p", "gradient > 0"), ("m", "gradient < 0"), ("t", "stronger: larger, on a log scale")
    ]  # fmt: skip
    spans = [box.grad for box in boxes if box.grad is not None]
    if any(span.mixed for span in spans) or any(edge.mixed for edge in picture.edges):
        colours.insert(2, ("x", "both signs"))
    marks: list[_Entry] = [("hl", "the path with the largest product")] if picture.path else []
    if any(box.kind == "parameter" for box in boxes):
        marks.append(("bar", "parameter"))
    if any(box.kind == "input" for box in boxes):
        marks.append(("in", "input"))
    if any(_fixed(picture, box) for box in boxes):
        marks.append(("d", "no gradient"))
    if any(box.times > 1 for box in boxes):
        marks.append(("×N", "N samples in one, and their range"))
    if picture.edges:
        paths = any(boxes[edge.target].kind == "group" for edge in picture.edges)
        marks.append(("0.5", "∂ end / ∂ start" + (", over all paths within" if paths else "")))
    coloured = not picture.notice and any(box.grad is not None for box in boxes)
    return [row for row in ([colours] if coloured else []) + [marks] if row]


def _legend_width(row: list[_Entry]) -> float:
    return sum(30.0 + text_width(text, SMALL) + 18.0 for _, text in row) - 18.0


def _legend_row(row: list[_Entry], x: float, y: float) -> str:
    parts = ["<g>"]
    for sign, text in row:
        parts.append(_sample(sign, x, y))
        parts.append(f'<text class="w" x="{_n(x + 30)}" y="{_n(y)}">{_x(text)}</text>')
        x += 48.0 + text_width(text, SMALL)
    return "".join(parts) + "</g>"


def _sample(sign: str, x: float, y: float) -> str:
    if sign in ("p", "m", "x"):
        level = {"p": 4, "m": -4, "x": 14}[sign]
        return (
            f'<rect class="b {_level("f", level)}" x="{_n(x)}" y="{_n(y - 11)}" width="24" '
            f'height="13" rx="4"/>'
        )
    if sign == "t":
        return "".join(
            f'<path class="e {_level("s", level)}" d="M{_n(x + 8 * i)} {_n(y - 4)}h7"/>'
            for i, level in enumerate((1, 3, 5))
        )
    if sign in ("bar", "in"):
        rect = Rect(x, y - 11.0, 24.0, 13.0)
        bar = f'<rect class="bar" x="{_n(x)}" y="{_n(y - 11)}" width="4" height="13"/>'
        corner = 1 if sign == "bar" else 6.5
        box = f'<rect class="b f0" {_at(rect)} rx="{corner:g}"/>'
        return box + (bar if sign == "bar" else "")
    if sign == "hl":
        return f'<path class="hl" d="M{_n(x)} {_n(y - 4)}h24"/>'
    if sign == "d":
        return f'<path class="e d" d="M{_n(x)} {_n(y - 4)}h24"/>'
    return f'<text class="l" x="{_n(x + 12)}" y="{_n(y)}" text-anchor="middle">{_x(sign)}</text>'


def _notice_width(picture: Picture) -> float:
    return text_width(picture.notice, TEXT, bold=True)


# -- looks -----------------------------------------------------------------------------------


def _css(name: str, theme: Theme) -> str:
    """The classes, each within this figure alone: several may stand in one page."""
    rules = {
        ".paper": f"fill:{theme.paper}",
        "text": f"fill:{theme.ink}",
        ".h": "font-weight:700",
        ".s": f"fill:{theme.faint};font-size:{SMALL:g}px",
        ".n": f"font-size:{SMALL:g}px",
        ".w": f"fill:{theme.faint};font-size:{SMALL:g}px",
        ".l": f"font-size:{SMALL:g}px",
        ".ft": f"fill:{theme.faint};font-size:{TEXT:g}px;font-style:italic",
        ".notice": f"fill:{theme.positive};font-weight:700",
        ".frame": f"fill:{theme.frame};stroke:{theme.frame_line}",
        ".k": f"fill:{theme.paper};fill-opacity:.88",
        ".kf": f"fill:{theme.frame};fill-opacity:.88",
        ".bar": f"fill:{theme.faint}",
        ".b": f"stroke:{theme.line};stroke-width:1.2",
        ".b.c": f"fill:{theme.paper};stroke-dasharray:4 3",
        ".e": f"fill:none;stroke:{theme.line};stroke-width:1.2",
        ".d": "stroke-dasharray:4 3",
        ".hl": f"fill:none;stroke:{theme.ink};stroke-opacity:.16;stroke-width:13",
    }
    for level in style.LEVELS:
        fill, line = style.fill(level, theme), style.stroke(level, theme)
        rules[f".{_level('f', level)}"] = f"fill:{fill}" + (f";stroke:{line}" if level else "")
        rules[f".{_level('s', level)}"] = f"stroke:{line};stroke-width:{style.width(level):g}"
        rules[f".{_level('a', level)}"] = f"fill:{line}"
    rules[".b.c"] = rules.pop(".b.c")  # after the colours
    return "".join(f"\n#{name} {selector}{{{rule}}}" for selector, rule in rules.items())


def _level(prefix: str, level: int) -> str:
    sign = "" if level == 0 else "x" if level > 10 else "p" if level > 0 else "m"
    return f"{prefix}{sign}{abs(level) % 10}"


def _n(x: float) -> str:
    return f"{x:.1f}".rstrip("0").rstrip(".") if x != 0 else "0"


def _at(rect: Rect) -> str:
    return f'x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" height="{_n(rect.height)}"'


_x: Callable[[str], str] = html.escape
