"""What `replay` gives: a scene that can be shown, and saved as a page or as a moving picture."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import Any

from autograd.replay.animation import animation, still
from autograd.replay.page import page
from autograd.replay.scene import Scene, plain


class Replay:
    """A scene played step by step: in a notebook, as a page, or as an animated picture.

    Attributes:
        scene: what is played; see ``autograd.replay.scene``.
    """

    def __init__(self, scene: Scene):
        self.scene = scene

    def __len__(self) -> int:
        """How many steps there are."""
        return len(self.scene.views[""].steps)

    def html(self) -> str:
        """The page: one document that needs neither other files nor a network."""
        return page(self.scene)

    def svg(self) -> str:
        """The picture after the last step."""
        return still(self.scene)

    def text(self) -> str:
        """All steps in words, a line each."""
        lines = []
        for step in self.scene.views[""].steps:
            said = " ".join(filter(None, map(plain, step["lines"])))
            note = step.get("note", "")
            phase = self.scene.phases[step["phase"]]
            lines.append(f"{phase:>8}  {said}" + (f"   ({note})" if note else ""))
        return "\n".join(lines)

    def save(self, path: str | Path) -> Path:
        """The path written: the page, whatever the name.

        Folders on the way are made.
        """
        return _written(path, self.html())

    def to_animation(self, path: str | Path, *, seconds: float = 1.6) -> Path:
        """The path of an SVG that plays all steps in a loop by itself, without any script.

        It moves where a page or a README shows it as an image, follows the reader's dark mode, and
        stands still at the end for readers who ask for less motion.

        Args:
            path: where to write it.
            seconds: how long each step is shown.

        Raises:
            ValueError: if ``seconds`` is not positive.
        """
        if not seconds > 0.0:
            raise ValueError(f"seconds must be positive, but got {seconds!r}.")
        return _written(path, animation(self.scene, seconds))

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        """The page in a frame; below it the picture, which stays where frames are taken away."""
        picture = self.svg()
        view = self.scene.views[""]
        tall = round(min(max(view.height, 260.0), 460.0)) + 230
        image = base64.b64encode(picture.encode()).decode()
        shown = (
            f'<div style="position:relative;width:100%;height:{tall}px;overflow:hidden">'
            f'<img alt="{html.escape(self.scene.title)}" '
            'style="display:block;max-width:100%;max-height:100%;margin:auto" '
            f'src="data:image/svg+xml;base64,{image}">'
            f'<iframe sandbox="allow-scripts" title="{html.escape(self.scene.title)}" '
            f'srcdoc="{html.escape(self.html())}" '
            'style="position:absolute;inset:0;width:100%;height:100%;border:0"></iframe></div>'
        )
        return {"text/html": shown, "image/svg+xml": picture, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<replay: {self.scene.title}, {self.scene.description}, {len(self)} steps>"


def _written(path: str | Path, text: str) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
