"""What pictures of other things than graphs are made of: shapes, colours, sentences.

A ``View`` is a list of items drawn of ``shape``s, and of steps that change them; a ``Scene`` is
views with a style sheet, which ``Replay`` plays and ``plate`` draws. ``Figure`` shows and saves a
picture. ``LIGHT`` and ``DARK`` are the colours that stand in style sheets as variables, and
``SHADES`` is the style of what has a sign and a size: classes m5 to m1 and p1 to p5.
"""

from __future__ import annotations

from autograd.draw import style
from autograd.draw.figure import Figure
from autograd.draw.style import shortened, text_width, visible
from autograd.replay.plate import plate
from autograd.replay.scene import Scene, View, fraction, matrix, piece, plain, shape
from autograd.replay.views import STYLE as SHADES
from autograd.replay.views import colours

__all__ = [
    "DARK", "LIGHT", "SHADES", "Figure", "Scene", "View", "fraction", "matrix", "piece", "plain",
    "plate", "shape", "shortened", "text_width", "visible",
]  # fmt: skip

LIGHT, DARK = colours(style.LIGHT), colours(style.DARK)
