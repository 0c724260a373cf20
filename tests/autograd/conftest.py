"""What more than one module of these tests needs."""

import pytest

TORCH = {
    "add": lambda torch, a, b: a + b,
    "subtract": lambda torch, a, b: a - b,
    "multiply": lambda torch, a, b: a * b,
    "divide": lambda torch, a, b: a / b,
    "floor_divide": lambda torch, a, b: torch.div(a, b, rounding_mode="floor"),
    "remainder": lambda torch, a, b: torch.remainder(a, b),
    "power": lambda torch, a, b: torch.pow(a, b),
    "negative": lambda torch, a: -a,
    "positive": lambda torch, a: +a,
    "absolute": lambda torch, a: torch.abs(a),
    "square": lambda torch, a: torch.square(a),
    "reciprocal": lambda torch, a: torch.reciprocal(a),
    "exp": lambda torch, a: torch.exp(a),
    "expm1": lambda torch, a: torch.expm1(a),
    "log": lambda torch, a: torch.log(a),
    "log2": lambda torch, a: torch.log2(a),
    "log10": lambda torch, a: torch.log10(a),
    "log1p": lambda torch, a: torch.log1p(a),
    "sqrt": lambda torch, a: torch.sqrt(a),
    "cbrt": lambda torch, a: -((-a) ** (1.0 / 3.0)) if a < 0.0 else a ** (1.0 / 3.0),
    "sin": lambda torch, a: torch.sin(a),
    "cos": lambda torch, a: torch.cos(a),
    "tan": lambda torch, a: torch.tan(a),
    "arcsin": lambda torch, a: torch.arcsin(a),
    "arccos": lambda torch, a: torch.arccos(a),
    "arctan": lambda torch, a: torch.arctan(a),
    "arctan2": lambda torch, a, b: torch.arctan2(a, b),
    "hypot": lambda torch, a, b: torch.hypot(a, b),
    "sinh": lambda torch, a: torch.sinh(a),
    "cosh": lambda torch, a: torch.cosh(a),
    "tanh": lambda torch, a: torch.tanh(a),
    "arcsinh": lambda torch, a: torch.arcsinh(a),
    "arccosh": lambda torch, a: torch.arccosh(a),
    "arctanh": lambda torch, a: torch.arctanh(a),
    "sigmoid": lambda torch, a: torch.sigmoid(a),
    "log_sigmoid": lambda torch, a: torch.nn.functional.logsigmoid(a),
    "softplus": lambda torch, a: torch.nn.functional.softplus(a),
    "silu": lambda torch, a: torch.nn.functional.silu(a),
    "gelu": lambda torch, a: torch.nn.functional.gelu(a),
    "erf": lambda torch, a: torch.erf(a),
    "logaddexp": lambda torch, a, b: torch.logaddexp(a, b),
    "logsumexp": lambda torch, x: torch.logsumexp(torch.stack(x), 0),
    "relu": lambda torch, a: torch.relu(a),
    "leaky_relu": lambda torch, a, slope: torch.nn.functional.prelu(a.reshape(1, 1), slope).reshape(
        ()
    ),
    "elu": lambda torch, a, alpha: (
        torch.nn.functional.elu(a, alpha.item())
        # PyTorch's alpha is no tensor; this adds nothing but its gradient.
        + torch.where(a > 0.0, 0.0, torch.expm1(a)).detach() * (alpha - alpha.detach())
    ),
    "sign": lambda torch, a: torch.sign(a),
    "floor": lambda torch, a: torch.floor(a),
    "ceil": lambda torch, a: torch.ceil(a),
    "clip": lambda torch, a, low, high: torch.clip(a, low, high),
    "maximum": lambda torch, a, b: torch.maximum(a, b),
    "minimum": lambda torch, a, b: torch.minimum(a, b),
    "where": lambda torch, c, a, b: torch.where(c != 0, a, b),
    "sum": lambda torch, x: torch.stack(x).sum(),
    "mean": lambda torch, x: torch.stack(x).mean(),
    "prod": lambda torch, x: torch.stack(x).prod(),
    "norm": lambda torch, x: torch.linalg.vector_norm(torch.stack(x)),
    "dot": lambda torch, w, x: torch.dot(torch.stack(w), torch.stack(x)),
    "affine": lambda torch, w, x, b: torch.dot(torch.stack(w), torch.stack(x)) + sum(b),
}


@pytest.fixture(scope="session")
def in_torch():
    """What each row is in PyTorch; called with the module itself and tensors."""
    return TORCH
