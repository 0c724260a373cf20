"""A scalar reverse-mode autograd engine: see backprop, step through it, train with it."""

from autograd.anomaly import detect_anomaly
from autograd.context import Scope, is_grad_enabled, no_grad, scope
from autograd.custom import custom_op
from autograd.draw import Drawing, draw
from autograd.errors import (
    AnomalyError,
    GradcheckError,
    GraphError,
    RenderError,
    VerificationError,
)
from autograd.functional import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autograd.gradcheck import gradcheck
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
from autograd.value import Value, activate, affine

__all__ = [
    "Value",
    # recording
    "no_grad", "is_grad_enabled", "scope", "Scope",
    # derivatives of functions
    "grad", "value_and_grad", "vjp", "jvp", "jacobian", "hessian", "hvp",
    # checking
    "gradcheck", "detect_anomaly",
    # functions of numbers, Values and arrays
    "absolute", "cosh", "exp", "log", "maximum", "minimum", "power", "relu", "sigmoid", "sign",
    "sinh", "softplus", "sqrt", "square", "tanh", "where",
    # functions of sequences
    "activate", "affine", "dot", "logsumexp", "sum",
    # looking at graphs
    "topological", "draw", "Drawing",
    # the op table
    "TABLE", "Op", "custom_op",
    # errors
    "AnomalyError", "GradcheckError", "GraphError", "RenderError", "VerificationError",
]  # fmt: skip
