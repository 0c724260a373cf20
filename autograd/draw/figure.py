"""`Figure`: any picture made of SVG text, which shows and saves itself like a drawing."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path
from typing import Any

from autograd.draw import render


class Figure:
    """A picture that shows itself in notebooks, and saves itself.

    Args:
        drawn: the picture, an SVG document that depends on nothing outside.
        text: the same as plain text, for a terminal.
    """

    def __init__(self, drawn: str, text: str):
        self._drawn, self._text = drawn, text

    def svg(self) -> str:
        """The picture as SVG text."""
        return self._drawn

    def text(self) -> str:
        """The picture as plain text, for a terminal."""
        return self._text

    def save(self, path: str | Path) -> Path:
        """The path written: .svg, which needs nothing; .png or .pdf, by resvg or CairoSVG; .txt.

        Folders on the way are made.

        Raises:
            ValueError: for any other name.
            RenderError: for PNG and PDF, if nothing is there that converts to it.
        """
        path = Path(path)
        form = path.suffix.lower()
        if form == ".png":
            content = render.svg_to_png(self.svg())
        elif form == ".pdf":
            content = render.svg_to_pdf(self.svg())
        elif form in (".svg", ".txt"):
            content = (self.svg() if form == ".svg" else self.text() + "\n").encode()
        else:
            raise ValueError(f"save() writes .svg, .png, .pdf or .txt, but got {str(path)!r}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        """SVG, plain text, and HTML for notebooks, trusted or not."""
        drawn = self.svg()
        return {"text/html": framed(drawn), "image/svg+xml": drawn, "text/plain": self.text()}


def framed(drawn: str) -> str:
    """HTML that shows an SVG: in a frame, where tooltips work; below it the same as an image."""
    size = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', drawn)
    wide = float(size[1]) if size else 800.0
    name = re.search(r"<title[^>]*>(.*?)</title>", drawn, flags=re.DOTALL)
    inner = f"<style>body{{margin:0}}svg{{display:block;width:100%;height:auto}}</style>{drawn}"
    image = base64.b64encode(drawn.encode()).decode()
    return (
        '<div style="overflow-x:auto"><div style="position:relative;'
        f'width:100%;max-width:{wide:.0f}px;min-width:{wide * 0.75:.0f}px">'
        f'<img alt="{name[1] if name else ""}" style="display:block;width:100%" '
        f'src="data:image/svg+xml;base64,{image}">'
        f'<iframe sandbox="" srcdoc="{html.escape(inner)}" style="position:absolute;inset:0;'
        'width:100%;height:100%;border:0"></iframe></div></div>'
    )
