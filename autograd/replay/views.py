"""From a graph to a scene: the boxes and edges of the drawing, and every step of both passes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from autograd.draw import style
from autograd.draw.collapse import Collapse, Item
from autograd.draw.layout import PAD, Enclosure, Layout, Link, Rect, arrange
from autograd.draw.model import Box, Edge, Span
from autograd.draw.picture import pictured
from autograd.draw.style import DARK, LIGHT, SHADES, SMALL, TEXT, Theme, shade, text_width
from autograd.draw.svg import box_words, curve, label_width
from autograd.replay.book import Book, number, short
from autograd.replay.scene import Scene, View, fraction, piece, rounded, shape
from autograd.value import Value

FORWARD, SEED, BACKWARD = range(3)
PHASES = ("forward", "seed", "backward")

_MARGIN = 18.0
_MOST_BOXES = 220  # in one view: a group that would make more of them stays closed
_ALL_BOXES = 500  # in all views of a page
_ALL_NODES = 150_000  # that all views of a page look at, many of them again and again
_MOST_SEARCHED = 600  # characters of the labels in a group
_SHOWN = 2  # products of an edge between groups that are written out


def scene(root: Value, max_nodes: int | None, open_: Iterable[str | Value], title: str) -> Scene:
    """The scene of both passes through the graph of root."""
    book = Book(root)
    collapse = Collapse(book.tape, max_nodes, open_)
    whole = Scene(
        title=style.visible(title) or f"Backpropagation through {book.loss}, step by step",
        phases=PHASES,
        style=STYLE,
        light=colours(LIGHT),
        dark=colours(DARK),
        legend=_LEGEND,
    )
    count = len(book.tape)
    most = max(_ALL_NODES // count, 1)
    queue: list[tuple[str, str | None, list[Item], str]] = [("", None, collapse.items, "all")]
    known = {""}
    names: dict[str, str] = {}
    drawn = 0
    while queue:
        key, parent, items, named = queue.pop(0)
        if key and (drawn + len(items) > _ALL_BOXES or len(whole.views) >= most):
            continue
        drawn += len(items)
        whole.views[key] = _Stage(book, collapse, items, whole.panels).view(named, parent)
        for place, item in enumerate(items):
            made, (level, index) = collapse.made(item)
            child = _key((level, index))
            names[child] = collapse.name(item)
            inner = [(level - 1, i) for i in collapse.levels[level].inside()[index]] if made else []
            if made and child not in known and len(items) + len(inner) <= _MOST_BOXES:
                known.add(child)
                opened = [*items[:place], *inner, *items[place + 1 :]]
                queue.append((child, key, opened, _title(collapse, item)))
    for view in whole.views.values():
        for each in view.items:
            group = each.get("opens")
            if group is not None and group not in whole.views:
                del each["opens"]
                each["tip"].append(
                    f"to open: replay(…, open={names[group]!r})"
                    if names.get(group)
                    else "too much to open here"
                )
    whole.description = f"{count:,} node{'s' if count > 1 else ''}"
    boxes = sum("box" in item["kind"].split() for item in whole.views[""].items)
    if boxes < count:
        whole.description += f" in {boxes:,} boxes"
    return whole


def _key(item: Item) -> str:
    """The key of a group's box, and of the view in which it is open."""
    return f"g{item[0]}.{item[1]}"


def _title(collapse: Collapse, item: Item) -> str:
    name = collapse.name(item)
    words = {"cone": "expression", "twins": "alike", "band": "part", "fold": "samples"}
    made = collapse.made(item)[0]
    return style.shortened(name.partition(".")[2] or name) if name else words.get(made, made)


class _Stage:
    """One view: which boxes there are, where they stand, and what happens to them."""

    def __init__(
        self, book: Book, collapse: Collapse, items: list[Item], panels: dict[str, dict[str, Any]]
    ):
        self.book, self.collapse, self.panels = book, collapse, panels
        self.nodes = book.tape.nodes
        picture = pictured(collapse, items)
        self.boxes = tuple(replace(box, label=self._label(box)) for box in picture.boxes)
        self.edges = picture.edges
        self.picture = replace(picture, boxes=self.boxes)
        self.where = np.empty(len(self.nodes), dtype=np.int64)
        for i, box in enumerate(self.boxes):
            self.where[box.nodes] = i
        self.keys = [f"v{box.nodes[0]}" for box in self.boxes]
        for item in items:
            made, group = collapse.made(item)
            if made:
                self.keys[int(self.where[collapse.nodes(item)[0]])] = _key(group)
        self.arriving: list[list[int]] = [[] for _ in self.boxes]
        for e, edge in enumerate(self.edges):
            self.arriving[edge.target].append(e)

    def _label(self, box: Box) -> str:
        """What stands on a box: of a node the name that formulas call it by."""
        node = self.nodes[int(box.nodes[0])]
        if box.made and not box.name and self.book.tape.root in box.outputs:
            return self.book.loss
        named = box.label or node.requires_grad or node.op is not None
        return self.book.name(node) if named and not box.made else box.label

    def view(self, title: str, parent: str | None) -> View:
        """The view, laid out, with all of its steps."""
        steps = View(0.0, 0.0)  # first, because the room for numbers depends on them
        self.widest = [0.0] * len(self.boxes)
        self._forward(steps)
        self._backward(steps)
        layout = _moved(self._plan(), _MARGIN)
        view = View(layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN, title, parent)
        view.steps = steps.steps
        for frame, rect in zip(self.picture.frames, layout.frames, strict=True):
            view.item(f"f{len(view.items)}", "frame", _frame(frame.title, rect))
        for e, points in enumerate(layout.links):
            self._edge(view, e, points)
        for e, points in enumerate(layout.links):
            self._edge_label(view, e, points)
        for i, rect in enumerate(layout.boxes):
            self._box(view, i, rect)
        return view

    # -- where things stand ---------------------------------------------------------------------

    def _plan(self) -> Layout:
        sizes = []
        for i, box in enumerate(self.boxes):
            head, side, lines = self._words(i)
            wide = [
                text_width(head, TEXT, bold=True) + (text_width(side, SMALL) + 12 if side else 0)
            ]
            wide += [text_width(line, SMALL) for line in lines]
            count = len(lines)
            if not self._is_number(box):
                wide.append(text_width(f"data {box.data}", SMALL))
                wide.append(self.widest[i])
                count += 1 + (box.grad is not None)
            height = 12.0 + style.LINE * (1 + count)
            sizes.append(
                (round(max(*wide, 12.0) + 20.0), max(height, len(self.arriving[i]) * 16.0 + 4.0))
            )
        links = [Link(edge.source, edge.target, label_width(edge) + 12.0) for edge in self.edges]
        frames = [Enclosure(f.parent, text_width(f.title, TEXT)) for f in self.picture.frames]
        return arrange(sizes, links, [box.frame for box in self.boxes], frames)

    def _words(self, i: int) -> tuple[str, str, list[str]]:
        """Head, side and the lines that stay, without the numbers."""
        words = box_words(self.picture, i)
        numbers = 0 if not words.lines else 1 + (self.boxes[i].grad is not None)
        lines = words.lines[: len(words.lines) - numbers]
        return (
            style.shortened(words.head),
            style.shortened(words.side),
            [style.shortened(line, 40) for line in lines],
        )

    def _is_number(self, box: Box) -> bool:
        """Whether a box is a constant that has nothing but its number."""
        return box.kind == "constant" and not box.label and not box.made

    # -- what is drawn --------------------------------------------------------------------------

    def _box(self, view: View, i: int, rect: Rect) -> None:
        box, key = self.boxes[i], self.keys[i]
        head, side, lines = self._words(i)
        place = (rect.x, rect.y, rect.width, rect.height)
        corner = {"parameter": 2.0, "input": 16.0}.get(box.kind, 7.0)
        shapes = []
        if len(box.nodes) > 1:
            for far in (4.0, 2.0):
                sheet = (rect.x + far, rect.y + far, rect.width, rect.height, corner)
                shapes.append(shape("rect", "b sheet", sheet))
        shapes.append(shape("rect", "b", (*place, corner)))
        if box.kind == "parameter":
            shapes.append(shape("rect", "bar", (rect.x, rect.y, 4.0, rect.height)))
        x, right = rect.x + 10, rect.x + rect.width - 10
        rows = len(lines) + (0 if self._is_number(box) else 1 + (box.grad is not None))
        y = rect.y + (rect.height - style.LINE * (1 + rows)) / 2 + 13.0
        if rows == 0 and not side:
            shapes.append(shape("text", "h mid", (rect.x + rect.width / 2, y), head))
        else:
            shapes.append(shape("text", "h", (x, y), head))
        if side:
            shapes.append(shape("text", "s end", (right, y), side))
        for line in lines:
            y += style.LINE
            shapes.append(shape("text", "n", (x, y), line))
        if not self._is_number(box):
            for word in ("data", "grad") if box.grad is not None else ("data",):
                y += style.LINE
                shapes.append(shape("text", "w", (x, y), word))
                shapes.append(shape("text", f"n {word}", (rect.x + 40, y), "", word))
        leaf = all(self.nodes[k].op is None for k in box.nodes.tolist())
        state: dict[str, str | tuple[str, str]] = {"class": "" if leaf else "todo"}
        if leaf:
            state["data"] = _span(box.data)
        if box.grad is not None:
            x, y = rect.x + rect.width, rect.y
            shapes.append(shape("circle", "tick", (x, y, 7.5)))
            check = f"M{rounded(x - 3.6)} {rounded(y + 0.2)}l2.6 2.8 4.6-5.4"
            shapes.append(shape("path", "tick check", check))
        first = self.nodes[int(box.nodes[0])]
        opens = panel = None
        lights: list[list[str]] = []
        if box.made:
            opens = key
            tip = [" ".join(filter(None, (head, side))), f"{len(box.nodes):,} nodes", *lines]
            labels = dict.fromkeys(self.nodes[k].label for k in box.nodes.tolist())
            search = " ".join(filter(None, (box.label, *labels)))[:_MOST_SEARCHED]
        else:
            tip = self.book.described(first)
            search = " ".join(filter(None, (box.label, first.label, box.symbol)))
            panel = key
            lights = self._panel(key, first)
        kind = f"box {box.kind}" + (" fixed" if box.grad is None else "")
        name = tip[0] if not box.made else f"{tip[0]}, group of {tip[1]}"
        view.item(
            key, kind, shapes, name=name, tip=tip, search=style.visible(search), opens=opens,
            panel=panel, lights=lights, state=state,
        )  # fmt: skip

    def _panel(self, key: str, node: Value) -> list[list[str]]:
        """Make the panel of a node, and say what lights up here for each of its paths."""
        panel, paths = self.book.panel(node)
        self.panels.setdefault(key, panel)
        seen: dict[tuple[str, ...], int] = {}
        lights = []
        for path in paths:
            trail = [int(self.where[self.book.number(each)]) for each in path.nodes]
            trail = [b for i, b in enumerate(trail) if i == 0 or b != trail[i - 1]]
            boxes = tuple(self.keys[b] for b in trail)
            turn = seen[boxes] = seen.get(boxes, -1) + 1
            found = list(boxes)
            for a, b in pairwise(trail):
                between = [e for e in self.arriving[b] if self.edges[e].source == a]
                if between:
                    found += (f"e{between[turn % len(between)]}",)
            lights.append(found)
        return lights

    def _edge(self, view: View, e: int, points: Sequence[tuple[float, float]]) -> None:
        edge = self.edges[e]
        x, y = points[-1]
        line = curve([*points[:-1], (x - 5.0, y)])
        names = [style.shortened(self._words(i)[0]) for i in (edge.source, edge.target)]
        if edge.partial is None:
            tip = [f"{names[0]} → {names[1]}"]
        elif edge.count == 1:
            tip = [f"∂{names[1]}/∂{names[0]} = {edge.partial.low!r}"]
        else:
            tip = [f"{names[0]} → {names[1]}: {edge.count:,} partials"]
            tip += [f"{value!r}" for _, _, value in edge.entries[:8]]
            tip += ["…"] if edge.count > 8 else []
        shapes = [
            shape("path", "e", line),
            shape("path", "a", f"M{rounded(x)} {rounded(y)}l-8.5-4.5v9z"),
        ]
        name = f"edge from {names[0]} to {names[1]}"
        kind = "edge" if edge.live else "edge fixed"
        view.item(f"e{e}", kind, shapes, name=name, tip=tip, state={"class": "todo"})

    def _edge_label(self, view: View, e: int, points: Sequence[tuple[float, float]]) -> None:
        edge = self.edges[e]
        text = style.edge_label(edge)
        if not text:
            return
        wide = label_width(edge)
        x, y = points[-1][0] - 11.0 - wide, points[-1][1]
        kind = "label inside" if self.boxes[edge.target].frame >= 0 else "label"
        shapes = [
            shape("rect", "k", (x, y - 8, wide, 16, 4)),
            shape("text", "l mid", (x + wide / 2, y + 4), text),
        ]
        view.item(f"l{e}", kind, shapes, state={"class": "todo"})

    # -- what happens ---------------------------------------------------------------------------

    def _forward(self, view: View) -> None:
        book = self.book
        leaves = [b for b in self.boxes if all(self.nodes[k].op is None for k in b.nodes.tolist())]
        given = [
            f"{book.name(self.nodes[int(b.nodes[0])])} = {b.data}"
            for b in leaves
            if not b.made and not self._is_number(b)
        ]
        text = ",  ".join(given[:6]) + (f", … {len(given) - 6} more" if len(given) > 6 else "")
        note = "The leaves hold their numbers. The forward pass computes one node after another."
        view.step(FORWARD, [[text]] if text else [], note=note, at=-1.0)
        for i, box in enumerate(self.boxes):
            if box in leaves:
                continue
            on = {self.keys[i]: "result"} | {f"e{e}": "active" for e in self.arriving[i]}
            on |= {self.keys[self.edges[e].source]: "from" for e in self.arriving[i]}
            changes: dict[str, Any] = {self.keys[i]: {"class": "", "data": _span(box.data)}}
            for e in self.arriving[i]:
                changes[f"e{e}"] = {"class": ""}
                if style.edge_label(self.edges[e]):
                    changes[f"l{e}"] = {"class": ""}
            numbers: dict[str, Any] = {}
            note = ""
            if not box.made:
                node = self.nodes[int(box.nodes[0])]
                lines = self._computed(node)
                note = self._scope(node)
                numbers = {"node": int(box.nodes[0]), "data": node.data}
            else:
                head, side, about = self._words(i)
                lines = [[piece(head, "result"), f" = {box.data}"]]
                content = ", ".join(filter(None, (side, *about)))
                note = f"{len(box.nodes):,} nodes in one box: {content}. Click the box to open it."
            at = float(box.nodes[-1])
            view.step(FORWARD, lines, note=note, on=on, changes=changes, at=at, numbers=numbers)

    def _computed(self, node: Value) -> list[list[Any]]:
        name = self.book.name(node)
        with_names, with_numbers = self.book.computed(node)
        result = short(node.data)
        first: list[Any] = [piece(name, "result")]
        if with_names and with_names != name:
            first.append(f" = {with_names}")
        lines: list[list[Any]] = [first]
        if with_numbers and with_numbers not in (with_names, result):
            lines.append([f"= {with_numbers}"])
        lines.append(["= ", number(node.data, "result")])
        return lines

    def _scope(self, node: Value) -> str:
        return f"In {style.shortened(node.scope.path, 60)}." if node.scope is not None else ""

    def _backward(self, view: View) -> None:
        book, nodes = self.book, self.nodes
        size = float(len(nodes))
        adjoint = book.ledger.adjoint
        root = book.tape.root
        sums: dict[int, float] = {root: adjoint[nodes[root]]}
        end = int(self.where[root])
        left = [0] * len(self.boxes)
        for edge in self.edges:
            left[edge.source] += edge.live
        terms = list(left)
        done = {self.keys[end]: self._gradient(end, sums, left[end] == 0)}
        gradient = book.gradient(nodes[root], "result")
        note = (
            f"The seed: {book.loss} changes with itself at the rate 1. "
            "From here the chain rule goes backwards, edge by edge."
        )
        view.step(
            SEED, [[gradient, " = ", number(1.0, "result")]], note=note, changes=done,
            on={self.keys[end]: "result"}, at=size, numbers={"node": root, "sum": 1.0},
        )  # fmt: skip
        for target in self._order():
            for e in self.arriving[target]:
                edge = self.edges[e]
                if not edge.live:
                    continue
                source = edge.source
                products = self._products(edge, sums)
                before = {p: sums[p] for p, _, _ in edge.entries if p in sums}
                for (p, _, _), product in zip(edge.entries, products, strict=True):
                    if nodes[p].requires_grad:
                        sums[p] = sums[p] + product if p in sums else product
                left[source] -= 1
                complete = left[source] == 0
                if complete:
                    for p in self.boxes[source].outputs:
                        if nodes[p].requires_grad:
                            sums[p] = adjoint[nodes[p]]
                turn = terms[source] - left[source]
                lines, numbers = self._flow(edge, products, before, sums)
                flow = max(products, key=abs, default=edge.flow)
                level = shade(flow, self.picture)
                changes: dict[str, Any] = {
                    self.keys[source]: self._gradient(source, sums, complete),
                    f"e{e}": {"class": f"live {_level(level)}"},
                }
                if edge.count == 1:
                    changes[f"e{e}"]["tip"] = f"adds {flow!r}"
                on = {
                    self.keys[source]: "result", self.keys[target]: "upstream",
                    f"e{e}": "local", f"l{e}": "local",
                }  # fmt: skip
                view.step(
                    BACKWARD, lines, note=self._note(edge, turn, terms[source]), on=on,
                    changes=changes, at=2 * size - float(self.boxes[target].nodes[0]),
                    numbers=numbers,
                )  # fmt: skip

    def _products(self, edge: Edge, sums: dict[int, float]) -> list[float]:
        products = []
        for _, o, partial in edge.entries:
            above = sums.get(o, 0.0)
            op = self.nodes[o].op
            skipped = partial == 0.0 and (
                len(self.boxes[edge.target].nodes) > 1 or (op is not None and op.selects)
            )
            products.append(0.0 if above == 0.0 or skipped else above * partial)
        return products

    def _order(self) -> list[int]:
        """The boxes as the backward pass reaches them: of those whose uses are done, the latest."""
        rank = [
            max((self.book.order.get(self.nodes[k], -1) for k in box.nodes.tolist()), default=-1)
            for box in self.boxes
        ]
        waiting = [0] * len(self.boxes)
        for edge in self.edges:
            waiting[edge.source] += 1
        ready = [(-rank[i], i) for i, count in enumerate(waiting) if not count]
        heapq.heapify(ready)
        order = []
        while ready:
            _, i = heapq.heappop(ready)
            order.append(i)
            for e in self.arriving[i]:
                source = self.edges[e].source
                waiting[source] -= 1
                if not waiting[source]:
                    heapq.heappush(ready, (-rank[source], source))
        return order

    def _gradient(self, i: int, sums: dict[int, float], complete: bool) -> dict[str, Any]:
        """What a box shows once its gradient is so far."""
        outputs = [p for p in self.boxes[i].outputs if self.nodes[p].requires_grad]
        span = Span.of(sums[p] for p in outputs if p in sums)
        self.widest[i] = max(self.widest[i], text_width(f"grad {span}", SMALL))
        level = _level(shade(span.extreme, self.picture))
        return {"class": f"{level} done" if complete else level, "grad": _span(span)}

    def _flow(
        self, edge: Edge, products: list[float], before: dict[int, float], sums: dict[int, float]
    ) -> tuple[list[list[Any]], dict[str, Any]]:
        """The sentence of one edge: the products that it adds."""
        book, nodes = self.book, self.nodes
        if len(edge.entries) == 1:
            (p, o, partial), product = edge.entries[0], products[0]
            above = 0.0 if not nodes[o].requires_grad else sums[o]
            name, use = book.name(nodes[p]), book.name(nodes[o])
            lines: list[list[Any]] = [
                [
                    book.gradient(nodes[p], "result"), " += ",
                    fraction(f"∂{use}", f"∂{name}", "local"), " · ",
                    book.gradient(nodes[o], "upstream"),
                ]
            ]  # fmt: skip
            middle: list[Any] = ["= "]
            if p in before:
                middle += [number(before[p]), " + "]
            middle += [_factor(partial, "local", p in before), " × "]
            middle.append(_factor(above, "upstream", True))
            lines += [middle, ["= ", number(sums[p], "result")]]
            numbers = {
                "node": p, "use": o, "partial": partial, "adjoint": above, "product": product,
                "sum": sums[p],
            }  # fmt: skip
            return lines, numbers
        source, target = (self._words(i)[0] for i in (edge.source, edge.target))
        if not edge.entries:
            many = f"{edge.count:,} products" if edge.count else "the products of all paths between"
            return [[f"{target} → {source}: {many}"]], {"count": edge.count}
        largest = sorted(range(len(products)), key=lambda k: -abs(products[k]))[:_SHOWN]
        if len({p for p, _, _ in edge.entries}) == 1:
            p = edge.entries[0][0]
            line = [book.gradient(nodes[p], "result"), " += "]
            for k in largest:
                _, o, partial = edge.entries[k]
                line += [_factor(partial, "local", k != largest[0]), " × "]
                line += [_factor(sums.get(o, 0.0), "upstream", True), " + "]
            line[-1] = " + …" if len(products) > _SHOWN else ""
            return [line, ["→ ", number(sums[p], "result")]], {"count": edge.count}
        lines = []
        for k in largest:
            p, o, partial = edge.entries[k]
            lines.append(
                [
                    book.gradient(nodes[p], "result"), " += ", _factor(partial, "local", False),
                    " × ", _factor(sums.get(o, 0.0), "upstream", True), " = ", number(products[k]),
                ]
            )  # fmt: skip
        if len(products) > len(lines):
            lines.append(["…"])
        return lines, {"count": edge.count}

    def _note(self, edge: Edge, turn: int, terms: int) -> str:
        """What else there is to say: the rule of the partial, and which term this is."""
        book = self.book
        said = []
        source, target = self.boxes[edge.source], self.boxes[edge.target]
        single = len(edge.entries) == 1
        name = self._words(edge.source)[0]
        if single and not target.made:
            p, o, partial = edge.entries[0]
            node, use = self.nodes[p], self.nodes[o]
            same = [t for t in book.ledger.terms(node) if t.use is use]
            term = next((t for t in same if repr(t.partial) == repr(partial)), None)
            rule = book.partial(term) if term is not None else ""
            if rule and rule != short(partial):
                said.append(f"∂{book.name(use)}/∂{book.name(node)} = {rule}.")
        elif single:
            said.append("The partial is the sum over all paths within the box.")
        else:
            used = self._words(edge.target)[0]
            each = f"{edge.count:,} products are" if edge.count else "The products of all paths are"
            shown = ", the largest of them shown" if edge.count > _SHOWN and edge.entries else ""
            said.append(f"{used} → {name}: {each} added{shown}.")
        if terms > 1:
            what = "is used" if not source.made else "has edges to others"
            said.append(f"{name} {what} {terms} times: term {turn} of {terms}.")
        if turn == terms:
            said.append(f"The gradient of {name} is complete.")
        return " ".join(said)


def _factor(value: float, role: str, inside: bool) -> Any:
    text = short(value)
    if inside and value < 0:
        text = f"({text})"
    return piece(text, role, repr(value))


def _span(span: Span) -> tuple[str, str]:
    """A number or the range of some: short, and in full."""
    low, high = repr(span.low), repr(span.high)
    return str(span), low if low == high else f"{low} … {high}"


def _moved(layout: Layout, by: float) -> Layout:
    """The layout, moved to the right and down."""

    def rects(each: Sequence[Rect]) -> tuple[Rect, ...]:
        return tuple(Rect(r.x + by, r.y + by, r.width, r.height) for r in each)

    links = tuple(tuple((x + by, y + by) for x, y in points) for points in layout.links)
    boxes, frames = rects(layout.boxes), rects(layout.frames)
    return Layout(boxes, links, frames, layout.width, layout.height)


def _frame(title: str, rect: Rect) -> list[list[Any]]:
    return [
        shape("rect", "f", (rect.x, rect.y, rect.width, rect.height, 9)),
        shape("text", "ft", (rect.x + PAD, rect.y + 16), style.shortened(title, 60)),
    ]


def _level(level: int) -> str:
    """The class of a shade."""
    return "" if level == 0 else f"{'p' if level > 0 else 'm'}{abs(level)}"


# -- looks ------------------------------------------------------------------------------------

_LEGEND = (
    ("box p4", "gradient > 0"),
    ("box m4", "gradient < 0"),
    ("chip local", "local partial"),
    ("chip upstream", "gradient from above"),
    ("chip result", "computed now"),
)


def colours(theme: Theme) -> dict[str, str]:
    """The colours of a theme as variables of the style sheet."""
    found = {
        "paper": theme.paper, "ink": theme.ink, "faint": theme.faint, "line": theme.line,
        "plain": theme.plain, "frame": theme.frame, "frame-line": theme.frame_line,
    }  # fmt: skip
    for level in range(-SHADES, SHADES + 1):
        if level:
            found[f"f-{_level(level)}"] = style.fill(level, theme)
            found[f"s-{_level(level)}"] = style.stroke(level, theme)
    dark = theme is DARK
    # Bluish green and reddish purple of Okabe & Ito (2008), darkened or lightened for contrast.
    found["local"] = "#3ddbae" if dark else "#00795a"
    found["upstream"] = "#eda3cd" if dark else "#a8377c"
    found["result"] = "#ffd75e" if dark else "#8a5a00"
    found["accent"] = theme.negative
    return found


STYLE = "".join(
    f".{name} .b{{fill:var(--f-{name});stroke:var(--s-{name})}}"
    f".edge.{name} .e{{stroke:var(--s-{name});stroke-width:{style.width(level):g}}}"
    f".edge.{name} .a{{fill:var(--s-{name})}}"
    for level in range(-SHADES, SHADES + 1)
    if (name := _level(level))
)
