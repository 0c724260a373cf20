"""A scalar reverse-mode autograd engine: see backprop, step through it, train with it."""

from autograd import sketch
from autograd.anomaly import detect_anomaly
from autograd.compiler import compile
from autograd.context import Scope, is_grad_enabled, no_grad, scope
from autograd.custom import custom_op
from autograd.draw import Drawing, draw
from autograd.errors import (
    AnomalyError,
    GradcheckError,
    GraphError,
    RenderError,
    TraceError,
    VerificationError,
)
from autograd.explain import Explanation, NetworkExplanation, explain
from autograd.explain.report import Report, Table
from autograd.explain.verify import Verification, verify
from autograd.functional import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autograd.functions import log_softmax, softmax
from autograd.gradcheck import gradcheck
from autograd.graph import topological
from autograd.op import TABLE, Op
from autograd.ops import (
    absolute,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cbrt,
    ceil,
    clip,
    cos,
    cosh,
    dot,
    elu,
    erf,
    exp,
    expm1,
    floor,
    gelu,
    hypot,
    leaky_relu,
    log,
    log1p,
    log2,
    log10,
    log_sigmoid,
    logaddexp,
    logsumexp,
    maximum,
    mean,
    minimum,
    norm,
    power,
    prod,
    reciprocal,
    relu,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softplus,
    sqrt,
    square,
    tan,
    tanh,
    where,
)
from autograd.ops import total as sum
from autograd.replay import Replay, Scene, replay
from autograd.reverse import adjoints
from autograd.value import Value, activate, affine

__all__ = [
    "Value",
    # recording
    "no_grad", "is_grad_enabled", "scope", "Scope",
    # derivatives of functions
    "grad", "value_and_grad", "vjp", "jvp", "jacobian", "hessian", "hvp",
    # compiled programs
    "compile",
    # checking
    "gradcheck", "detect_anomaly", "verify", "Verification", "Report", "Table",
    # functions of numbers, Values and arrays
    "exp", "expm1", "log", "log2", "log10", "log1p", "logaddexp",
    "sqrt", "cbrt", "square", "reciprocal", "power", "hypot",
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2",
    "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
    "absolute", "sign", "floor", "ceil", "maximum", "minimum", "clip", "where",
    "erf", "sigmoid", "log_sigmoid", "softplus", "relu", "leaky_relu", "elu", "gelu", "silu",
    # functions of sequences
    "activate", "affine", "dot", "log_softmax", "logsumexp", "mean", "norm", "prod", "softmax",
    "sum",
    # looking at graphs
    "topological", "draw", "Drawing", "explain", "Explanation", "NetworkExplanation",
    "replay", "Replay", "Scene", "sketch", "adjoints",
    # the op table
    "TABLE", "Op", "custom_op",
    # errors
    "AnomalyError", "GradcheckError", "GraphError", "RenderError", "TraceError",
    "VerificationError",
]  # fmt: skip
