"""A scene as one HTML page that needs nothing else, neither files nor a network."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
from collections.abc import Mapping
from importlib import resources
from string import Template

from autograd.replay.scene import Scene


def page(scene: Scene) -> str:
    """The page; only its own script can run in it, whatever the labels say."""
    script = source("player.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template(source("player.html")).substitute(
        hash=f"sha256-{digest}",
        title=html.escape(scene.title),
        style=source("player.css") + looks(scene),
        scene=scene.json(),
        script=script,
    )


def looks(scene: Scene) -> str:
    """The style sheet of the items, with their colours in light and dark."""
    return (
        f":root{{{variables(scene.light)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{variables(scene.dark)}}}}}\n"
        f"{source('scene.css')}{scene.style}\n"
    )


def variables(colours: Mapping[str, str]) -> str:
    """Colours as declarations of variables."""
    return "".join(f"--{name}:{value};" for name, value in colours.items())


@functools.cache
def source(name: str) -> str:
    """A file of this package."""
    return resources.files("autograd.replay").joinpath(name).read_text(encoding="utf-8")
