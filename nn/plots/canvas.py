"""Axes to draw into, and colours that fit them."""

from __future__ import annotations

from typing import Any

import numpy as np

Axes = Any  # matplotlib's, which need not be installed
Array = np.ndarray

# Okabe & Ito (2008), in an order in which neighbours differ in lightness too; the pale yellow and
# the black of the original would vanish on light and on dark paper.
_LIGHT = ("#0072b2", "#e07b00", "#009e73", "#cc79a7", "#7a4fb5", "#56b4e9", "#a05a00", "#5b6675")
_DARK = ("#5bb8f5", "#ff9e3d", "#2fd1a0", "#f0a8d0", "#b79bff", "#8fd3ff", "#d99a4e", "#a9b4c2")
MARKERS = "osD^vPX*"


def axes(ax: Axes | None, size: tuple[float, float] = (6.4, 4.4)) -> Axes:
    """The Axes given, or those of a new figure.

    Raises:
        ImportError: without matplotlib, saying how to get it.
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError as missing:
        raise ImportError(
            "plots are drawn by matplotlib: pip install 'scalar-autograd[plot]'"
        ) from missing
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def is_dark(ax: Axes) -> bool:
    """Whether the paper is dark."""
    from matplotlib.colors import to_rgb

    return float(np.dot(to_rgb(ax.get_facecolor()), (0.299, 0.587, 0.114))) < 0.5


def colours(ax: Axes) -> tuple[str, ...]:
    """Eight colours to tell things apart by; the first are blue and orange."""
    return _DARK if is_dark(ax) else _LIGHT


def ink(ax: Axes) -> Any:
    """The colour of text."""
    return ax.xaxis.label.get_color()


def diverging(ax: Axes) -> Any:
    """A colour map from blue over the paper's colour, at 0, to orange."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    paper = to_hex(ax.get_facecolor())
    if is_dark(ax):
        stops = ["#b9e2ff", "#3d93cc", paper, "#c96f17", "#ffd2a3"]
    else:
        stops = ["#003f66", "#4a9fd0", paper, "#ee9a4d", "#8a3d00"]
    return LinearSegmentedColormap.from_list("blue-orange", stops)


def spans(low: Array, high: Array, share: float = 0.08) -> list[tuple[float, float]]:
    """(low, high) of each axis with a margin, and some width where there is none."""
    width = np.where(high > low, high - low, 1.0)
    return [(float(a - share * w), float(b + share * w)) for a, b, w in zip(low, high, width)]  # noqa: B905


def colourbar(ax: Axes, image: Any, label: str, **options: Any) -> Any:
    """A scale of colours at the right of the Axes and exactly as high."""
    bar = ax.figure.colorbar(image, cax=ax.inset_axes((1.03, 0.0, 0.04, 1.0)), **options)
    bar.set_label(label)
    bar.outline.set_visible(False)
    return bar


def legend_below(ax: Axes, handles: Any = None, columns: int = 2) -> None:
    """The legend below the Axes and the label of x, however high the Axes are."""
    options = {} if handles is None else {"handles": handles}
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0.0), borderaxespad=3.8, ncols=columns,
        frameon=False, **options,
    )  # fmt: skip
