"""`Drawing`: a picture that is a ``graphviz.Digraph``, and shows and saves itself everywhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import graphviz

from autograd.draw import dot, render
from autograd.draw.figure import framed
from autograd.draw.model import Picture
from autograd.draw.svg import svg
from autograd.draw.text import text
from autograd.errors import RenderError

ENGINES = ("own", "dot", "pygraphviz")
REMEDY = (
    "Install a package that draws it, `pip install 'scalar-autograd[render]'`, or Graphviz's `dot` "
    "(graphviz.org/download, or `apt install graphviz`, `brew install graphviz`). "
    ".save('graph.svg'), .text() and .source need none of these."
)


class Drawing(graphviz.Digraph):  # type: ignore[misc]
    """A drawing of a graph, which is a ``graphviz.Digraph`` too.

    In Jupyter it shows itself. ``save`` writes it, ``text`` prints it in a terminal, ``source`` is
    its DOT text, and ``pipe`` and ``render`` are those of a Digraph, but work without Graphviz.
    """

    def __init__(self, picture: Picture, engine: str | None = None):
        if engine is not None and engine not in ENGINES:
            raise ValueError(f"engine must be None or one of {ENGINES}, but got {engine!r}.")
        super().__init__(graph_attr=dot.GRAPH, node_attr=dot.NODE, edge_attr=dot.EDGE)
        self.body = list(dot.statements(picture))
        self.picture = picture
        self.layout_engine = engine or "own"

    # -- forms -------------------------------------------------------------------------------

    def svg(self) -> str:
        """The picture as SVG text: ours, or that of the engine asked for."""
        if self.layout_engine != "own":
            drawn = self._by_graphviz("svg", (self.layout_engine,))
            if drawn is not None:
                return _without_prolog(drawn.decode())
        return svg(self.picture)

    def text(self) -> str:
        """The graph as a tree of plain text, for a terminal."""
        return text(self.picture)

    def save(self, filename: Any = None, directory: Any = None, **kwargs: Any) -> Any:
        """The path written: the picture for .svg, .png or .pdf, the DOT source for any other name.

        SVG needs nothing. PNG and PDF are converted from it by resvg or CairoSVG, else drawn by
        Graphviz.

        Raises:
            RenderError: for PNG and PDF, if none of these is there.
        """
        form = Path(filename).suffix.lower()[1:] if filename is not None else ""
        if form not in ("svg", "png", "pdf"):
            return super().save(filename, directory=directory, **kwargs)
        path = Path(directory or "") / filename
        picture = self.svg().encode() if form == "svg" else self._converted(form)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
        return str(path)

    # -- as a Digraph ------------------------------------------------------------------------

    def pipe(
        self, format: str | None = None, *args: Any, encoding: str | None = None, **kwargs: Any
    ) -> Any:
        """The picture by Graphviz as bytes, or as text in the encoding; ours where it cannot.

        Raises:
            RenderError: for a format other than svg, if nothing can draw it.
        """
        if args or kwargs.keys() - {"engine", "quiet"}:
            return super().pipe(format, *args, encoding=encoding, **kwargs)
        form = (format or self.format).lower()
        picture = self._by_graphviz(form, ("dot", "pygraphviz"), kwargs.get("engine"), quiet=True)
        if picture is None and form == "svg":
            picture = svg(self.picture).encode()
        if picture is None:
            picture = self._converted(form)
        return picture if encoding is None else picture.decode(encoding)

    def render(
        self,
        filename: Any = None,
        directory: Any = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        **kwargs: Any,
    ) -> str:
        """The path of the picture: the source is written to ``filename``, it beside that.

        Raises:
            RenderError: as ``pipe`` does.
        """
        form = (format or self.format).lower()
        picture = self.pipe(form)
        source = Path(super().save(filename, directory=directory))
        path = source.with_name(f"{source.name}.{form}")
        path.write_bytes(picture)
        if cleanup:
            source.unlink()
        if view:
            self._view(str(path), format=form, quiet=bool(kwargs.get("quiet")))
        return str(path)

    def _by_graphviz(
        self, form: str, engines: tuple[str, ...], program: str | None = None, quiet: bool = False
    ) -> bytes | None:
        """The picture by the first of these engines that can draw it, else None, with a warning."""
        problems = []
        for engine in engines:
            try:
                return render.graphviz_picture(self.source, form, program or self.engine, engine)
            except RenderError as problem:
                problems.append(str(problem))
        slow = [problem for problem in problems if "not installed" not in problem]
        if slow or not quiet:
            told = "; ".join(slow or problems)
            warnings.warn(f"{told}. Drawn by the layout of our own instead.", stacklevel=4)
        return None

    def _converted(self, form: str) -> bytes:
        """PNG or PDF, by whatever is there."""
        convert: dict[str, Callable[[str], bytes]] = {
            "png": render.svg_to_png,
            "pdf": render.svg_to_pdf,
        }
        problems = []
        if form in convert and self.layout_engine == "own":
            try:
                return convert[form](self.svg())
            except RenderError as problem:
                problems.append(str(problem))
        for engine in ("dot", "pygraphviz"):
            try:
                return render.graphviz_picture(self.source, form, self.engine, engine)
            except RenderError as problem:
                problems.append(str(problem))
        if form in convert and self.layout_engine != "own":
            try:
                return convert[form](svg(self.picture))
            except RenderError as problem:
                problems.append(str(problem))
        raise RenderError(f"cannot make a {form.upper()}: {'; '.join(problems)}. {REMEDY}")

    # -- in a notebook -----------------------------------------------------------------------

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        """SVG, plain text, and HTML for notebooks, trusted or not.

        Where a notebook is not trusted, front ends take away the frame, in which the tooltips
        work, and leave the same picture below it.
        """
        drawn = self.svg()
        return {"text/html": framed(drawn), "image/svg+xml": drawn, "text/plain": self.text()}


def _without_prolog(drawn: str) -> str:
    """Graphviz's SVG from its <svg> tag on, to stand in HTML."""
    return drawn[drawn.index("<svg") :]
