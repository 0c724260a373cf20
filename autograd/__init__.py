"""A scalar reverse-mode autograd engine: see backprop, step through it, train with it."""

from autograd.context import Scope, is_grad_enabled, no_grad, scope
from autograd.draw import Drawing, draw
from autograd.errors import GraphError, RenderError, VerificationError
from autograd.graph import topological
from autograd.ops import (
    TABLE,
    Op,
    absolute,
    cosh,
    dot,
    exp,
    log,
    logsumexp,
    maximum,
    minimum,
    power,
    relu,
    sigmoid,
    sign,
    sinh,
    softplus,
    sqrt,
    square,
    tanh,
    where,
)
from autograd.ops import total as sum
from autograd.value import Value, affine

__all__ = [
    "Value",
    # recording
    "no_grad", "is_grad_enabled", "scope", "Scope",
    # functions of numbers, Values and arrays
    "absolute", "cosh", "exp", "log", "maximum", "minimum", "power", "relu", "sigmoid", "sign",
    "sinh", "softplus", "sqrt", "square", "tanh", "where",
    # functions of sequences
    "affine", "dot", "logsumexp", "sum",
    # looking at graphs
    "topological", "draw", "Drawing",
    # the op table
    "TABLE", "Op",
    # errors
    "GraphError", "RenderError", "VerificationError",
]  # fmt: skip
