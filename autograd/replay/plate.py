"""A scene as one still SVG with tooltips: without its sentences, and with all colours in full.

What converts SVG to PNG and PDF knows no variables, so each rule of the style sheet is written
out with the light colours, and once more with the dark ones for screens.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping
from typing import Any

from autograd.replay.page import source
from autograd.replay.scene import PLACES, Scene

_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_MOVING = re.compile(r"\.on-|\.hit|\.tick|\.todo|animation")  # what no still picture shows


def plate(scene: Scene, step: int = -1) -> str:
    """The picture of the first view after that step; of a view without steps, as it is."""
    view = scene.views[""]
    last = range(len(view.steps))[step] if view.steps else -1
    states = view.state(last)
    body = [f'<rect class="paper" width="{view.width:g}" height="{view.height:g}"/>']
    body += [_item(item, states[item["key"]]) for item in view.items]
    content = "\n".join(body)
    name = "n" + hashlib.sha256(content.encode()).hexdigest()[:10]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" width="{view.width:g}" '
        f'height="{view.height:g}" viewBox="0 0 {view.width:g} {view.height:g}" role="img" '
        f'aria-labelledby="{name}-t {name}-d">\n'
        f'<title id="{name}-t">{html.escape(scene.title)}</title>\n'
        f'<desc id="{name}-d">{html.escape(scene.description)}</desc>\n'
        f"<style>{_rules(name, scene, scene.light)}\n"
        f"@media (prefers-color-scheme: dark) {{{_rules(name, scene, scene.dark)}}}</style>\n"
        f"{content}\n</svg>\n"
    )


def _rules(name: str, scene: Scene, colours: Mapping[str, str]) -> str:
    """The style sheet of the items, for this picture alone, in these colours."""
    sheet = re.sub(r"/\*.*?\*/", "", source("scene.css") + scene.style, flags=re.DOTALL)
    sheet += ".paper{fill:var(--paper)}"
    written = []
    for selectors, rule in _RULE.findall(sheet):
        kept = [each.strip() for each in selectors.split(",") if not _MOVING.search(each)]
        if kept:
            rule = re.sub(r"var\(--([\w-]+)\)", lambda use: colours.get(use[1], "none"), rule)
            written.append(f"{','.join(f'#{name} {each}' for each in kept)}{{{rule.strip()}}}")
    return "".join("\n" + each for each in written)


def _item(item: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    classes = " ".join(filter(None, (item["kind"], state.get("class", ""))))
    lines = [*item.get("tip", ())]
    lines += [f"{name} {value[1]}" for name, value in state.items() if isinstance(value, tuple)]
    tip = f"<title>{html.escape(chr(10).join(lines))}</title>" if lines else ""
    shapes = "".join(_shape(each, state) for each in item["shapes"])
    return f'<g class="{html.escape(classes)}">{tip}{shapes}</g>'


def _shape(given: list[Any], state: Mapping[str, Any]) -> str:
    tag, classes, where, text, name = [*given, "", ""][:5]
    values = [where] if isinstance(where, str) else where
    attributes = dict(zip(PLACES[tag], map(str, values), strict=False))
    if name:
        shown = state.get(name, text)
        text = shown if isinstance(shown, str) else shown[0]
        for key, value in state.items():
            if key.startswith(name + "."):
                attributes[key[len(name) + 1 :]] = value
    written = "".join(f' {key}="{html.escape(str(value))}"' for key, value in attributes.items())
    inner = html.escape(text)
    return f'<{tag} class="{html.escape(classes)}"{written}>{inner}</{tag}>'
