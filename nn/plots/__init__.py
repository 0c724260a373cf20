"""Plots of data, training and models, with matplotlib, which is the extra ``plot``.

Each function draws into the Axes given, or into a new figure, and returns the Axes; none calls
``plt.show()``. Colours are told apart by everyone, and lines and papers are those of matplotlib's
current style, light or dark. Models come out as they went in: parameters, gradients and
``training`` are restored, also after an error.
"""

from nn.plots.curves import plot_history, plot_predictions
from nn.plots.grids import plot_decision_boundary, plot_weights
from nn.plots.landscape import plot_loss_landscape
from nn.plots.layers import plot_activations, plot_gradient_flow

__all__ = [
    "plot_decision_boundary", "plot_predictions", "plot_history", "plot_weights",
    "plot_loss_landscape", "plot_gradient_flow", "plot_activations",
]  # fmt: skip
