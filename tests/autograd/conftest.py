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
    "exp": lambda torch, a: torch.exp(a),
    "log": lambda torch, a: torch.log(a),
    "sqrt": lambda torch, a: torch.sqrt(a),
    "sinh": lambda torch, a: torch.sinh(a),
    "cosh": lambda torch, a: torch.cosh(a),
    "tanh": lambda torch, a: torch.tanh(a),
    "sigmoid": lambda torch, a: torch.sigmoid(a),
    "softplus": lambda torch, a: torch.nn.functional.softplus(a),
    "logsumexp": lambda torch, x: torch.logsumexp(torch.stack(x), 0),
    "relu": lambda torch, a: torch.relu(a),
    "sign": lambda torch, a: torch.sign(a),
    "maximum": lambda torch, a, b: torch.maximum(a, b),
    "minimum": lambda torch, a, b: torch.minimum(a, b),
    "where": lambda torch, c, a, b: torch.where(c != 0, a, b),
    "sum": lambda torch, x: torch.stack(x).sum(),
    "dot": lambda torch, w, x: torch.dot(torch.stack(w), torch.stack(x)),
    "affine": lambda torch, w, x, b: torch.dot(torch.stack(w), torch.stack(x)) + sum(b),
}


@pytest.fixture(scope="session")
def in_torch():
    """What each row is in PyTorch; called with the module itself and tensors."""
    return TORCH
