"""A picture as Graphviz DOT, with HTML-like labels: unlike records, they show any text as it is."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from autograd.draw import style
from autograd.draw.model import Picture
from autograd.draw.style import LIGHT

GRAPH = {"rankdir": "LR", "bgcolor": LIGHT.paper, "fontname": "Helvetica", "fontsize": "11"}
NODE = {"shape": "plain", "fontname": "Helvetica", "fontsize": "11", "fontcolor": LIGHT.ink}
EDGE = {"fontname": "Helvetica", "fontsize": "9", "fontcolor": LIGHT.ink, "arrowsize": "0.7"}


def statements(picture: Picture) -> Iterator[str]:
    """The lines of the body: nodes numbered in topological order, within their frames; edges."""
    if picture.notice:
        yield f'\tlabel="{picture.notice}" labelloc=t fontcolor="{LIGHT.positive}"\n'
    inside: list[list[int]] = [[] for _ in range(len(picture.frames) + 1)]
    for i, box in enumerate(picture.boxes):
        inside[box.frame].append(i)
    open_frames: list[int] = []
    for frame in [-1, *range(len(picture.frames))]:
        if frame >= 0:
            around = picture.frames[frame].parent
            while open_frames and open_frames[-1] != around:
                open_frames.pop()
                yield "\t}\n"
            open_frames.append(frame)
            title = text(picture.frames[frame].title)
            yield f"\tsubgraph cluster_{frame} {{\n"
            yield (
                f'\tgraph [label=<<I>{title}</I>> style="rounded,filled" labeljust=l '
                f'fillcolor="{LIGHT.frame}" color="{LIGHT.frame_line}"]\n'
            )
        for i in inside[frame]:
            yield f"\tn{i} [label={node_label(picture, i)}]\n"
    for _ in open_frames:
        yield "\t}\n"
    for edge in picture.edges:
        level = style.edge_shade(edge, picture)
        look = f'color="{style.stroke(level, LIGHT)}" penwidth={style.width(level):g}'
        dashed = "" if edge.live else " style=dashed"
        label = style.edge_label(edge)
        yield f'\tn{edge.source} -> n{edge.target} [label="{label}" {look}{dashed}]\n'


def node_label(picture: Picture, i: int) -> str:
    """An HTML-like table: the head, the kind or op, and the numbers."""
    box = picture.boxes[i]
    words = style.words(box, picture.frames[box.frame].name if box.frame >= 0 else "")
    level = style.box_shade(box, picture)
    side = words.side
    if box.kind in ("parameter", "input", "constant") and words.head != box.kind:
        side = box.kind
    head = f"<B>{text(words.head)}</B>"
    cells = [head, *([text(side)] if side else []), *map(text, words.lines)]
    rows = "".join(f'<TR><TD ALIGN="LEFT">{cell}</TD></TR>' for cell in cells)
    dashed = ' STYLE="DASHED"' if box.kind == "constant" else ""
    doubled = ' CELLSPACING="2"' if len(box.nodes) > 1 else ' CELLSPACING="0"'
    return (
        f'<<TABLE BORDER="1" CELLBORDER="0"{doubled} CELLPADDING="2"{dashed} '
        f'COLOR="{style.stroke(level, LIGHT)}" BGCOLOR="{style.fill(level, LIGHT)}">{rows}</TABLE>>'
    )


def text(label: str) -> str:
    """The label as HTML text; control characters, which XML forbids, as a visible sign."""
    lines = label.replace("\r\n", "\n").split("\n")
    shown = ["".join(c if c.isprintable() else "\ufffd" for c in line) for line in lines]
    # Graphviz would put the node's name for \N and so on, even here: keep the two apart.
    plain = [re.sub(r"\\(?=[GNETHL\\])", "\\\\\u200b", line) for line in shown]
    return "<BR/>".join(html.escape(line, quote=False) for line in plain)
