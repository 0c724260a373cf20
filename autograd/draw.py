"""Drawings of a graph, as Graphviz DOT."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import graphviz

from autograd.errors import GraphError, RenderError
from autograd.graph import topological
from autograd.value import Value

GET_DOT = (
    "Rendering needs Graphviz. Install its `dot` program (graphviz.org/download, "
    "or `apt install graphviz`, `brew install graphviz`), or `pip install pygraphviz`, "
    "which carries its own. The text in .source needs neither, and .save('graph.dot') writes it."
)


class Drawing(graphviz.Digraph):  # type: ignore[misc]
    """A ``graphviz.Digraph`` that saves and shows itself, or says what it needs for that."""

    def pipe(self, *args: Any, **kwargs: Any) -> Any:
        """The rendered picture, as ``graphviz.Digraph.pipe`` gives it.

        Raises:
            RenderError: without the ``dot`` program.
        """
        try:
            return super().pipe(*args, **kwargs)
        except graphviz.ExecutableNotFound as missing:
            raise RenderError(GET_DOT) from missing

    def render(self, *args: Any, **kwargs: Any) -> Any:
        """The path of the file rendered, as ``graphviz.Digraph.render`` gives it.

        Raises:
            RenderError: without the ``dot`` program.
        """
        try:
            return super().render(*args, **kwargs)
        except graphviz.ExecutableNotFound as missing:
            raise RenderError(GET_DOT) from missing

    def save(self, filename: Any = None, directory: Any = None, **kwargs: Any) -> Any:
        """The path written: the picture for .svg, .png or .pdf, the DOT source for any other name.

        Raises:
            RenderError: for a picture, if neither ``dot`` nor pygraphviz is there.
        """
        suffix = Path(filename).suffix.lower() if filename is not None else ""
        if suffix not in (".svg", ".png", ".pdf"):
            return super().save(filename, directory=directory, **kwargs)
        path = Path(directory or "") / filename
        picture = self._picture(suffix[1:])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
        return str(path)

    def _picture(self, form: str) -> bytes:
        try:
            return super().pipe(format=form)  # type: ignore[no-any-return]
        except graphviz.ExecutableNotFound as missing:
            try:
                import pygraphviz
            except ImportError:
                raise RenderError(GET_DOT) from missing
            picture: bytes = pygraphviz.AGraph(self.source).draw(format=form, prog="dot")
            return picture

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        try:
            return {"image/svg+xml": self._picture("svg").decode(), "text/plain": repr(self)}
        except RenderError as missing:
            return {"text/plain": f"{missing}\n\n{self.source}"}


def draw(value: Value, *, max_nodes: int = 500) -> Drawing:
    """A drawing of the graph that value was computed from.

    Each node shows its op or "leaf", label, data and grad (constants have none), each
    edge the local partial ∂child/∂parent; x * x has two edges. Nodes are numbered in
    topological order, so the same graph always gives the same DOT source.

    Raises:
        GraphError: if there are more than ``max_nodes`` nodes.
    """
    if not isinstance(value, Value):
        raise TypeError(f"draw() takes a Value, but got {type(value).__name__} {value!r}.")
    order = topological(value)
    if len(order) > max_nodes:
        raise GraphError(
            f"this graph has {len(order):,} nodes, more than max_nodes={max_nodes:,}. "
            "Draw an inner node, a smaller example, or pass a larger max_nodes."
        )
    name = {node: f"n{number}" for number, node in enumerate(order)}
    drawing = Drawing(
        graph_attr={"rankdir": "LR", "bgcolor": "transparent"},
        node_attr={"shape": "plain", "fontname": "Helvetica", "fontsize": "11"},
        edge_attr={"fontname": "Helvetica", "fontsize": "9", "color": "#777777"},
    )
    for node in order:
        drawing.node(name[node], _table(node))
        for parent, partial in zip(node.parents, node.partials, strict=True):
            drawing.edge(name[parent], name[node], label=f"{partial:.4g}")
    return drawing


def _table(node: Value) -> str:
    """An HTML-like label: unlike a record, it shows any text as it is."""
    if node.op is not None:
        kind, fill = node.op.symbol, "#e8eef7"
    elif node.requires_grad:
        kind, fill = "leaf", "#fdf3d8"
    else:
        kind, fill = "constant", "#f2f2f2"
    cells = [f"<B>{_text(kind)}</B>"]
    if node.label:
        cells.append(_text(node.label))
    cells.append(f"data {node.data:.4g}")
    if node.requires_grad:
        cells.append(f"grad {node.grad:.4g}")
    row = "".join(f"<TD>{cell}</TD>" for cell in cells)
    return (
        f'<<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="5" COLOR="#777777" '
        f'BGCOLOR="{fill}"><TR>{row}</TR></TABLE>>'
    )


def _text(label: str) -> str:
    """The label as HTML text; control characters, which XML forbids, as a visible sign."""
    lines = label.replace("\r\n", "\n").split("\n")
    shown = ["".join(c if c.isprintable() else "\ufffd" for c in line) for line in lines]
    # Graphviz would put the node's name for \N and so on, even here: keep the two apart.
    plain = [re.sub(r"\\(?=[GNETHL\\])", "\\\\\u200b", line) for line in shown]
    return "<BR/>".join(html.escape(line, quote=False) for line in plain)
