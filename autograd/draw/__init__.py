"""Drawings of a graph: what was computed from what, and how gradients flow back.

Data flows one way: ``tape`` reads the nodes, ``fold``, ``blocks`` and ``collapse`` group them,
``picture`` makes what is to be drawn of it, ``layout`` places it, and ``svg``, ``dot`` and ``text``
write it. None of them changes a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autograd.draw.drawing import Drawing
from autograd.draw.picture import picture
from autograd.draw.tape import Tape
from autograd.value import Value

__all__ = ["Drawing", "draw"]


def draw(
    value: Value,
    *,
    max_nodes: int | None = 80,
    open: str | Value | Iterable[str | Value] = (),
    fold: bool | None = None,
    engine: str | None = None,
) -> Drawing:
    """A drawing of the graph that value was computed from.

    Each box shows op, label, data and grad of a node, each edge the local partial ∂child/∂parent;
    x * x has two. Colours show the gradient's sign and, on a log scale, its size. Frames stand
    around the calls of modules and their neurons. A graph of more than ``max_nodes`` nodes, or a
    quarter more edges than that, is drawn with groups as boxes: on the edges to a group stand the
    entries of its Jacobian, each the sum over all paths within; "×N" marks what stands for N
    samples, with the range of their numbers.

    Args:
        value: the root, such as a loss; the gradients shown are the ``grad`` of each node.
        max_nodes: about how many boxes to draw at most; None draws every node.
        open: groups to show open, by name ("layers.0", "neuron 1", as the boxes say), or nodes,
            which open all groups that they are in.
        fold: whether samples are folded; None folds them in graphs that are too large.
        engine: who places the boxes: "own", the default, which is always there and draws the same
            picture everywhere; "dot", Graphviz's program; "pygraphviz", a package that carries it.

    Raises:
        TypeError: if value is no Value.
        ValueError: if ``max_nodes`` is less than 2, or no group has that name.
    """
    if not isinstance(value, Value):
        raise TypeError(f"draw() takes a Value, but got {type(value).__name__} {value!r}.")
    return drawing(Tape(value), (), max_nodes=max_nodes, open=open, fold=fold, engine=engine)


def drawing(
    tape: Tape,
    path: Sequence[int],
    *,
    max_nodes: int | None = 80,
    open: str | Value | Iterable[str | Value] = (),
    fold: bool | None = None,
    engine: str | None = None,
) -> Drawing:
    """The drawing of a graph that was read already, with a path of its nodes marked."""
    if max_nodes is not None and max_nodes < 2:
        raise ValueError(f"max_nodes must be at least 2, or None, but got {max_nodes!r}.")
    wanted = [open] if isinstance(open, str | Value) else list(open)
    for each in wanted:
        if not isinstance(each, str | Value):
            raise TypeError(f"open takes names and Values, but got {type(each).__name__} {each!r}.")
    return Drawing(picture(tape, max_nodes, wanted, fold, path), engine)
