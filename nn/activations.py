"""Activations: functions of the op table on every input, and softmax of all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autograd import TABLE, Op, Value, activate, log_softmax, softmax
from nn.inputs import real, shaped, values
from nn.module import Module


def activation(name: str) -> Op | None:
    """The row of the op table for an activation by name; None for "linear".

    Raises:
        ValueError: if no function of one argument has that name.
    """
    if name == "linear":
        return None
    known = [row.name for row in TABLE.values() if row.arity and row.arity - len(row.options) == 1]
    if name not in known:
        raise ValueError(f"unknown activation {name!r}; it can be linear, {', '.join(known)}.")
    return TABLE[name]


class Pointwise(Module):
    """The base of activations: a function φ on every input, aᵢ = φ(zᵢ).

    An activation belongs to the neuron whose pre-activation it is given. A list gives a list,
    an array of several axes, or nested lists, an object array of the same shape.
    """

    def forward(self, inputs: Any) -> Any:
        """[φ(z₁), …]."""
        zs, shape_back = shaped(inputs, self)
        return shape_back(self.of(zs))

    def of(self, zs: list[Value]) -> list[Value]:
        """The same for a list that is known to hold Values."""
        raise NotImplementedError(f"{type(self).__name__} must define of().")


class Activation(Pointwise):
    """The function φ of the op table on every input: aᵢ = φ(zᵢ).

    Args:
        name: "linear", or any function of one argument in the op table; other arguments, such
            as the slope of "leaky_relu", are at their defaults.
    """

    def __init__(self, name: str):
        self.op = activation(name)
        self.name = name

    def of(self, zs: list[Value]) -> list[Value]:
        """The same for a list that is known to hold Values."""
        if self.op is None:
            return zs
        phi: Any = getattr(Value, self.name, self.op)  # a method is the faster way in
        return activate(phi, zs)

    def extra_repr(self) -> str:
        """The name, unless the class tells it."""
        return repr(self.name) if type(self) is Activation else ""


class Identity(Activation):
    """φ(z) = z."""

    def __init__(self) -> None:
        super().__init__("linear")


class ReLU(Activation):
    """φ(z) = max(z, 0), with φ'(0) = 0."""

    def __init__(self) -> None:
        super().__init__("relu")


class Sigmoid(Activation):
    """φ(z) = 1 / (1 + e⁻ᶻ)."""

    def __init__(self) -> None:
        super().__init__("sigmoid")


class Softplus(Activation):
    """φ(z) = log(1 + eᶻ)."""

    def __init__(self) -> None:
        super().__init__("softplus")


class Tanh(Activation):
    """φ(z) = tanh z."""

    def __init__(self) -> None:
        super().__init__("tanh")


class GELU(Activation):
    """φ(z) = z Φ(z), with Φ the normal distribution function (Hendrycks & Gimpel 2016)."""

    def __init__(self) -> None:
        super().__init__("gelu")


class SiLU(Activation):
    """φ(z) = z σ(z), also called swish."""

    def __init__(self) -> None:
        super().__init__("silu")


class LeakyReLU(Pointwise):
    """φ(z) = z above 0, negative_slope · z below, and that slope at 0 (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = _finite(negative_slope, "LeakyReLU: negative_slope")

    def of(self, zs: list[Value]) -> list[Value]:
        """The same for a list that is known to hold Values."""
        return activate(lambda z: z.leaky_relu(self.negative_slope), zs)

    def extra_repr(self) -> str:
        """Such as ``negative_slope=0.01``."""
        return f"negative_slope={self.negative_slope:g}"


class ELU(Pointwise):
    """φ(z) = z above 0, alpha (eᶻ - 1) below (Clevert et al. 2016, eq. 15)."""

    def __init__(self, alpha: float = 1.0):
        self.alpha = _finite(alpha, "ELU: alpha")

    def of(self, zs: list[Value]) -> list[Value]:
        """The same for a list that is known to hold Values."""
        return activate(lambda z: z.elu(self.alpha), zs)

    def extra_repr(self) -> str:
        """Such as ``alpha=1``."""
        return f"alpha={self.alpha:g}"


class _Overall(Module):
    """A function of all inputs at once.

    Args:
        dim: -1 or 1, which in PyTorch count the outputs of a sample within a batch.
    """

    _function: Callable[[list[Value]], list[Value]]

    def __init__(self, dim: int = -1):
        if dim not in (-1, 1) or isinstance(dim, bool):
            raise ValueError(
                f"{type(self).__name__}: dim must be -1 or 1, the axis of a sample's outputs, "
                f"but got {dim!r}."
            )
        self.dim = dim

    def forward(self, inputs: Any) -> list[Value]:
        """[a₁, …] for a flat list of inputs."""
        zs = values(inputs, None, self)
        nodes = type(self)._function(zs)
        for z, a in zip(zs, nodes, strict=True):
            a.tag("a" + z.label[1:] if z.label[:2] == "z[" else "a", z.scope)
        return nodes


class Softmax(_Overall):
    """aᵢ = exp(zᵢ) / Σⱼ exp(zⱼ), without overflow. For training use ``cross_entropy`` of z.

    Args:
        dim: -1 or 1, which in PyTorch count the outputs of a sample within a batch.
    """

    _function = staticmethod(softmax)


class LogSoftmax(_Overall):
    """aᵢ = zᵢ - log Σⱼ exp(zⱼ), in nats.

    Args:
        dim: -1 or 1, which in PyTorch count the outputs of a sample within a batch.
    """

    _function = staticmethod(log_softmax)


def _finite(number: float, what: str) -> float:
    return real(number, what, -math.inf, math.inf)
