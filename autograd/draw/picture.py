"""From a Value to the picture of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from autograd.draw.collapse import Collapse, Item
from autograd.draw.jacobian import edges_between
from autograd.draw.model import NO_PASS, Box, Frame, Picture, Span
from autograd.draw.quotient import quotient, topological
from autograd.draw.tape import KINDS, OP, PARAMETER, Tape
from autograd.value import Value


def picture(
    tape: Tape,
    max_nodes: int | None,
    open_: Iterable[str | Value] = (),
    folded: bool | None = None,
    path: Sequence[int] = (),
) -> Picture:
    """The picture of a graph, in about ``max_nodes`` boxes, with a path of its nodes marked."""
    collapse = Collapse(tape, max_nodes, open_, folded)
    drawn = pictured(collapse, collapse.items)
    if not path:
        return drawn
    box_of = {int(node): i for i, box in enumerate(drawn.boxes) for node in box.nodes}
    boxes = [i for i, _ in groupby(box_of[node] for node in path)]
    return replace(drawn, path=tuple(boxes))


def pictured(collapse: Collapse, items: list[Item]) -> Picture:
    """The picture of these items of a graph."""
    tape = collapse.tape
    where = np.full(len(tape), -1, dtype=np.int64)
    nodes = []
    for i, item in enumerate(items):
        nodes.append(collapse.nodes(item))
        where[nodes[-1]] = i
    order = _order(tape, where, len(items))
    items = [items[i] for i in order]
    nodes = [nodes[i] for i in order]
    place = np.empty(len(items), dtype=np.int64)
    place[order] = np.arange(len(items))
    where = place[where]
    passed = tape.differentiated
    frames, frame_of, alone_in = _frames(collapse, items)
    crossing = where[tape.source] != where[tape.target]
    outer = np.zeros(len(tape), dtype=bool)
    outer[tape.source[crossing]] = True
    outer[tape.root] = True
    boxes = []
    for i, item in enumerate(items):
        box = _box(collapse, item, nodes[i], outer, frame_of[i], passed)
        if box.kind == "group" and not box.name and alone_in[i]:
            box = replace(box, label=alone_in[i])
        boxes.append(box)
    edges = edges_between(tape, boxes, where, crossing)
    sizes = [abs(box.grad.extreme) for box in boxes if box.grad is not None]
    sizes = [size for size in sizes if 0.0 < size < math.inf]
    return Picture(
        tape,
        tuple(boxes),
        tuple(edges),
        tuple(frames),
        "" if passed or not tape.nodes[-1].requires_grad else NO_PASS,
        max(sizes, default=0.0),
        min(sizes, default=0.0),
    )


def _order(tape: Tape, where: np.ndarray, count: int) -> list[int]:
    """The boxes in topological order, as their first nodes come."""
    first = np.full(count, len(tape))
    np.minimum.at(first, where, np.arange(len(tape)))
    return topological(*quotient(where[tape.source], where[tape.target], count), first)


def _frames(collapse: Collapse, items: list[Item]) -> tuple[list[Frame], list[int], list[str]]:
    """Frames around what stands open, which of them each box is in, and what it is all of.

    A frame of one box says nothing more than the box, and one of one frame no more than that.
    """
    paths = [collapse.path(item) for item in items]
    content: dict[int, set[Any]] = {}
    for i, path in enumerate(paths):
        for depth, block in enumerate(path):
            inner: Any = path[depth + 1] if depth + 1 < len(path) else ("box", i)
            content.setdefault(block, set()).add(inner)
    number_of: dict[int, int] = {}
    frames: list[Frame] = []
    frame_of, alone_in = [], []
    for path in paths:
        at, skipped, alone = -1, "", ""
        for block in path:
            title = collapse.blocks[block].title
            if len(content[block]) == 1:
                skipped += title + "."
                alone = alone or collapse.blocks[block].name
                continue
            if block not in number_of:
                number_of[block] = len(frames)
                if title.startswith("neuron ") and skipped:
                    skipped = skipped[:-1] + " "
                title = skipped + title
                frames.append(Frame(title, collapse.blocks[block].name, at))
            at, skipped, alone = number_of[block], "", ""
        frame_of.append(at)
        alone_in.append(alone)
    return frames, frame_of, alone_in


def _box(
    collapse: Collapse, item: Item, nodes: np.ndarray, outer: np.ndarray, frame: int, passed: bool
) -> Box:
    tape = collapse.tape
    made, _ = collapse.made(item)
    outputs = nodes[outer[nodes]].tolist()
    values = [tape.nodes[i] for i in outputs]
    flowing = [i for i in outputs if tape.nodes[i].requires_grad]
    first = tape.nodes[nodes[0]]
    kinds = tape.kind[nodes]
    times = 1
    if made in ("", "fold"):
        kind = KINDS[kinds[0]]
        symbol = first.op.symbol if first.op is not None else ""
        times = len(nodes)
        label, name = _common_label(tape, nodes), ""
    else:
        level, top = item
        times = int(collapse.levels[level].times[top])
        kind = "group"
        if len(set(kinds.tolist())) == 1 and kinds[0] != OP:
            kind = KINDS[kinds[0]]
        name = collapse.name(item)
        symbol = _census(tape, nodes, times)
        label = name or _common_label(tape, np.array(outputs)) or _exit(tape, outputs, made)
    return Box(
        kind=kind,
        made=made,
        symbol=symbol,
        label=label,
        name=name,
        nodes=nodes,
        outputs=tuple(outputs),
        times=times,
        data=Span.of(value.data for value in values),
        grad=Span.of(map(tape.grad, flowing)) if flowing and passed else None,
        parameters=int((kinds == PARAMETER).sum()),
        frame=frame,
    )


def _common_label(tape: Tape, nodes: np.ndarray) -> str:
    """The label that all the nodes have, or the first and the last of theirs."""
    labels = list(dict.fromkeys(tape.nodes[i].label for i in nodes.tolist()))
    if len(labels) == 1:
        return str(labels[0])
    return f"{labels[0]} … {labels[-1]}" if all(labels) else ""


def _exit(tape: Tape, outputs: list[int], made: str) -> str:
    """The op that a group ends with, to name it by: "tanh(…)", "… + …"; of a run, "+ … +"."""
    ops = {tape.nodes[i].op for i in outputs}
    op = ops.pop()
    if ops or op is None:
        return ""
    if made == "run":
        return f"{op.symbol} … {op.symbol}"
    if op.symbol[0].isalpha() or op.symbol in "Σ Π σ √ ∛":
        return f"{op.symbol}(…)"
    return f"… {op.symbol} …" if op.arity == 2 else f"{op.symbol} …"


def _census(tape: Tape, nodes: np.ndarray, times: int) -> str:
    """The ops in a group, most frequent first, with how many there are of each in one sample."""
    ops = Counter(
        op.symbol
        for i in nodes[tape.kind[nodes] == OP].tolist()
        if (op := tape.nodes[i].op) is not None
    )
    ops = Counter({op: -(-n // times) for op, n in ops.items()})
    shown = [f"{n:,} {op}" if n > 1 else op for op, n in ops.most_common(3)]
    return ", ".join(shown) + (", …" if len(ops) > 3 else "")
