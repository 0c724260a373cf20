"""A scene as one SVG: still, at a step, or moving through all of its steps without any script.

Every text and class that an item has over time becomes a shape that is seen for a while, by CSS
keyframes; so it moves wherever an SVG is shown as an image, and stands still at its last step for
readers who ask for less motion.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from autograd.draw.style import text_width
from autograd.replay.page import source, variables
from autograd.replay.scene import PLACES, Piece, Scene, View, plain

_LASTING = frozenset({"h", "h mid", "s end", "n", "w"})  # texts that steps do not colour
_HEAD = 84.0  # above the items: the sentence
_HOLD = 4  # steps that the end is shown for
_FORMULA, _NOTE = 19.0, 13.0  # px


def still(scene: Scene, step: int = -1) -> str:
    """The picture of one step, by default the last."""
    view = scene.views[""]
    last = range(len(view.steps))[step]
    return _Film(scene, view, [last], 0.0).svg()


def animation(scene: Scene, seconds: float) -> str:
    """All steps, each for so many seconds, in a loop."""
    view = scene.views[""]
    return _Film(scene, view, list(range(len(view.steps))), seconds).svg()


class _Film:
    """What every shape looks like at every time."""

    def __init__(self, scene: Scene, view: View, shown: list[int], seconds: float):
        self.scene, self.view, self.shown, self.seconds = scene, view, shown, seconds
        self.count = len(shown) + (_HOLD if len(shown) > 1 else 0)
        self.windows: set[tuple[int, int]] = set()
        self.last = len(shown) - 1

    def svg(self) -> str:
        scene, view = self.scene, self.view
        said = [self._sentence(view.steps[number]) for number in self.shown]
        width = max(view.width, *(wide for wide, _ in said), 420.0)
        height = view.height + _HEAD
        body = [f'<rect width="{width:g}" height="{height:g}" class="paper"/>']
        for time, (wide, parts) in enumerate(said):
            shift = (width - wide) / 2
            content = f'<g transform="translate({shift:.1f} 0)">{parts[0]}</g>{parts[1]}'
            content = content.replace("MIDDLE", f"{width / 2:g}")
            body.append(f"<g{self._seen((time, time + 1))}>{content}</g>")
        body.append(f'<g transform="translate({(width - view.width) / 2:.1f} {_HEAD:g})">')
        body += self._items()
        body.append("</g>")
        content = "\n".join(body)
        name = "r" + hashlib.sha256(content.encode()).hexdigest()[:10]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" width="{width:g}" '
            f'height="{height:g}" viewBox="0 0 {width:g} {height:g}" role="img" '
            f'aria-labelledby="{name}-t">\n<title id="{name}-t">{_text(scene.title)}</title>\n'
            f"<style>{self._style(name)}</style>\n{content}\n</svg>\n"
        )

    # -- items ---------------------------------------------------------------------------------

    def _items(self) -> Iterator[str]:
        """Each item as often as it looks different, but the shapes that never change once."""
        states = self._states()
        for item in self.view.items:
            history = states[item["key"]]
            looks = [(each.get("class", ""), each.get("role", "")) for each in history]
            classes = [
                " ".join(filter(None, (item["kind"], look, role and f"on-{role}")))
                for look, role in looks
            ]
            named = [len(shape) > 4 for shape in item["shapes"]]
            for start, end in _runs(classes):
                yield f'<g class="{_text(classes[start])}"><g{self._seen((start, end))}>'
                for shape, is_named in zip(item["shapes"], named, strict=True):
                    if not is_named:
                        if shape[1] not in _LASTING:
                            yield _shape(shape)
                        continue
                    shown = [_shown(shape, each) for each in history[start:end]]
                    for first, last in _runs(shown):
                        seen = self._seen((start + first, start + last))
                        yield _shape(shape[:3], seen, *shown[first])
                yield "</g></g>"
            lasting = [shape for shape in item["shapes"] if shape[1] in _LASTING]
            pale = ["todo" in each.split() for each in classes]
            for start, end in _runs(pale) if lasting else ():
                look = f"{item['kind']} todo" if pale[start] else item["kind"]
                yield f'<g class="{_text(look)}"><g{self._seen((start, end))}>'
                yield "".join(map(_shape, lasting)) + "</g></g>"

    def _states(self) -> dict[str, list[dict[str, Any]]]:
        """Per item, what it shows at every time."""
        now = {item["key"]: dict(item.get("state", {})) for item in self.view.items}
        history: dict[str, list[dict[str, Any]]] = {key: [] for key in now}
        for number, step in enumerate(self.view.steps):
            for key, change in step.get("set", {}).items():
                now[key].update(change)
            if number in self.shown:
                roles = step.get("on", {}) if len(self.shown) > 1 else {}
                for key, state in now.items():
                    history[key].append({**state, "role": roles.get(key, "")})
        return history

    # -- sentences --------------------------------------------------------------------------------

    def _sentence(self, step: dict[str, Any]) -> tuple[float, tuple[str, str]]:
        """The width of a step's formula, and the formula and the note as SVG."""
        lines = step["lines"][:3]
        parts: list[str] = []
        x = 16.0
        for line in lines:
            for piece in line:
                wide, drawn = _piece(piece, x)
                parts.append(drawn)
                x += wide
            x += 9.0
        note = step.get("note", "")
        phase = self.scene.phases[step["phase"]]
        below = (
            f'<text class="phase mid" x="MIDDLE" y="18">{_text(phase)}</text>'
            f'<text class="note mid" x="MIDDLE" y="76">{_text(note)}</text>'
        )
        return max(x + 7.0, text_width(note, _NOTE) + 32.0 if note else 0.0), (
            f'<g transform="translate({_centred(x, note):.1f} 0)">{"".join(parts)}</g>',
            below,
        )

    # -- time --------------------------------------------------------------------------------

    def _seen(self, window: tuple[int, int]) -> str:
        """The class of what is seen in this stretch of time alone; "" if that is all of it."""
        start, end = window
        if end > self.last:
            end = self.count
        if (start, end) == (0, self.count):
            return ""
        self.windows.add((start, end))
        return f' class="t{start}-{end}"'

    def _style(self, name: str) -> str:
        scene = self.scene
        colours = [
            f"#{name}{{{variables(scene.light)}}}",
            f"@media (prefers-color-scheme:dark){{#{name}{{{variables(scene.dark)}}}}}",
        ]
        rules = [
            source("scene.css"),
            scene.style,
            ".paper{fill:var(--paper)}",
            f".m{{font-size:{_FORMULA:g}px;white-space:pre}}",
            f".r{{font-size:{_FORMULA * 0.84:g}px}}.v{{stroke-width:1.4}}",
            f".note,.phase{{fill:var(--faint);font-size:{_NOTE:g}px}}",
            ".phase{font-size:11px;letter-spacing:.06em}",
        ]
        rules += [
            f"text.{role}{{fill:var(--{role})}}.v.{role}{{stroke:var(--{role})}}"
            for role in ("local", "upstream", "result", "ink")
        ]
        times = [each for window in sorted(self.windows) for each in self._window(name, *window)]
        calm = f"@media (prefers-reduced-motion:reduce){{#{name} *{{animation:none!important}}}}"
        return "\n".join([*colours, _within(name, "".join(rules)), *times, calm])

    def _window(self, name: str, start: int, end: int) -> Iterator[str]:
        """The rules of what is seen from one time to another; without motion, the end is seen."""
        after = "inherit" if end == self.count else "hidden"
        yield f"#{name} .t{start}-{end}{{visibility:{after}}}"
        if not self.seconds:
            return
        a, b = (f"{100 * time / self.count:.4g}%" for time in (start, end))
        before = "0%{visibility:hidden}" if start else ""
        frames = f"{before}{a}{{visibility:inherit}}{b},100%{{visibility:{after}}}"
        whole = f"{self.count * self.seconds:g}s"
        yield f"@keyframes {name}-{start}-{end}{{{frames}}}"
        yield f"#{name} .t{start}-{end}{{animation:{name}-{start}-{end} {whole} step-end infinite}}"


def _within(name: str, css: str) -> str:
    """The rules, each for this picture alone: several may stand in one page."""
    found = []
    for rule in re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL).split("}")[:-1]:
        selectors, _, body = rule.partition("{")
        scoped = ",".join(f"#{name} {each.strip()}" for each in selectors.split(","))
        found.append(f"{scoped}{{{body.strip()}}}")
    return "\n".join(found)


def _centred(x: float, note: str) -> float:
    """How far a formula is moved to stand above the middle of a wider note."""
    wide = text_width(note, _NOTE) + 32.0 if note else 0.0
    return max(0.0, (wide - x - 7.0) / 2)


def _piece(piece: Piece, x: float) -> tuple[float, str]:
    """The width and the SVG of a piece of a formula that begins at x."""
    if isinstance(piece, str):
        return _plain(piece, x, "")
    role = piece.get("c", "")
    if "m" in piece:
        return _array(piece["m"], x, role)
    if "f" not in piece:
        return _plain(plain([piece]), x, role)
    above, below = piece["f"]
    size = _FORMULA * 0.84
    wide = max(text_width(above, size), text_width(below, size)) * 0.94 + 6.0
    middle = x + wide / 2 + 2
    parts = "".join(
        f'<text class="r mid {role}" x="{middle:.1f}" y="{y}">{_text(text)}</text>'
        for text, y in ((above, 40), (below, 60))
    )
    line = f'<path class="v {role or "ink"}" d="M{x + 2:.1f} 44.5h{wide:.1f}"/>'
    return wide + 4.0, parts + line


def _array(rows: Sequence[Sequence[str]], x: float, role: str) -> tuple[float, str]:
    """An array, with a line at each side; the more rows, the smaller."""
    high = min(_FORMULA * 0.84, 42.0 / max(len(rows), 1))
    size = high / 1.15
    top = 43.5 - high * len(rows) / 2
    parts, at = [], x + 8.0
    for column in zip(*rows, strict=True):
        wide = max(text_width(text, size) for text in column) * 0.94
        for n, text in enumerate(column):
            y = top + high * (n + 0.82)
            parts.append(
                f'<text class="{role} end" style="font-size:{size:.1f}px" x="{at + wide:.1f}" '
                f'y="{y:.1f}">{_text(text)}</text>'
            )
        at += wide + 9.0
    sides = "".join(
        f'<path class="v {role or "ink"}" d="M{each:.1f} {top:.1f}v{high * len(rows):.1f}"/>'
        for each in (x + 4.0, at - 3.0)
    )
    return at + 2.0 - x, "".join(parts) + sides


def _plain(text: str, x: float, role: str) -> tuple[float, str]:
    wide = text_width(text, _FORMULA) * 0.94
    return wide, (
        f'<text class="m mid {role}" x="{x + wide / 2:.1f}" y="50.5">{_text(text.strip())}</text>'
    )


def _runs(values: list[Any]) -> Iterator[tuple[int, int]]:
    """Where equal neighbours begin and end."""
    start = 0
    for _, group in groupby(values):
        end = start + len(list(group))
        yield start, end
        start = end


def _shown(shape: list[Any], state: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The text of a named shape, and its attributes other than from the start."""
    name = shape[4]
    text = state.get(name, shape[3])
    changed = {key[len(name) + 1 :]: state[key] for key in state if key.startswith(name + ".")}
    return (text if isinstance(text, str) else text[0]), changed


def _shape(
    shape: list[Any], seen: str = "", text: str = "", changed: Mapping[str, str] | None = None
) -> str:
    tag, classes, where, *rest = shape
    values = [where] if isinstance(where, str) else where
    attributes = dict(zip(PLACES[tag], map(str, values), strict=False)) | dict(changed or {})
    text = text or (rest[0] if rest else "")
    if tag == "text" and not text:
        return ""
    if seen:
        classes += " " + seen.split('"')[1]
    written = "".join(f' {key}="{_text(value)}"' for key, value in attributes.items())
    start = f'<{tag} class="{_text(classes)}"{written}'
    return f"{start}>{_text(text)}</{tag}>" if text else f"{start}/>"


def _text(text: str) -> str:
    return html.escape(text)
