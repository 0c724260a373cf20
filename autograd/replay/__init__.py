"""Replays: both passes through a graph, step by step, on a page of their own.

``book`` says what there is to say about a pass, ``views`` turns it into a ``scene``: items and
steps, which know nothing of graphs. ``page`` and ``animation`` play any scene, and ``player`` shows
and saves it.
"""

from __future__ import annotations

from collections.abc import Iterable

from autograd.replay.player import Replay
from autograd.replay.scene import Scene
from autograd.replay.views import scene
from autograd.value import Value

__all__ = ["Replay", "Scene", "replay"]


def replay(
    value: Value,
    *,
    max_nodes: int | None = 80,
    open: str | Value | Iterable[str | Value] = (),
    title: str = "",
) -> Replay:
    """A replay of how value was computed, and of how the chain rule goes back from it.

    It shows itself in a notebook; ``.save("replay.html")`` writes it as one page that needs no
    network, ``.to_animation("replay.svg")`` as a picture that moves by itself. First come the nodes
    one after another, then the seed ∂L/∂L = 1, then one step for every edge, in the order of the
    backward pass, with the product that it adds. A click on a node lists the largest of its paths
    to the end; with the rest they sum to its gradient. Gradients are those of a fresh
    ``value.backward()``, to the last bit; nothing in the graph is changed.

    Larger graphs are drawn with groups as boxes, as by ``draw``: a step then adds the sum over all
    paths within, and a click on a group opens it.

    Args:
        value: the end of the graph, such as a loss.
        max_nodes: about how many boxes to begin with at most; None shows every node.
        open: groups to begin with open, by name ("layers.0", "neuron 1", as the boxes say), or
            nodes, which open all groups that they are in.
        title: of the page.

    Raises:
        TypeError: if value is no Value.
        GraphError: if value is a constant, which no gradient flows from.
        ValueError: if ``max_nodes`` is less than 2, or no group has that name.
    """
    if not isinstance(value, Value):
        raise TypeError(f"replay() takes a Value, but got {type(value).__name__} {value!r}.")
    if max_nodes is not None and max_nodes < 2:
        raise ValueError(f"max_nodes must be at least 2, or None, but got {max_nodes!r}.")
    wanted = [open] if isinstance(open, str | Value) else list(open)
    for each in wanted:
        if not isinstance(each, str | Value):
            raise TypeError(f"open takes names and Values, but got {type(each).__name__} {each!r}.")
    return Replay(scene(value, max_nodes, wanted, title))
