"""Optimisers, with PyTorch's names, arguments and defaults.

Each ``step`` reads ``data`` and ``grad`` of all parameters, computes the update for
all of them at once, and writes ``data``; so no parameter is updated before every
gradient has been used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from autograd import Value


class Optimizer:
    """The base: ``step`` hands the numbers to ``update`` and writes back what it returns."""

    def __init__(self, parameters: Iterable[Value], lr: float):
        self.parameters = list(parameters)
        for parameter in self.parameters:
            if not isinstance(parameter, Value):
                raise TypeError(
                    f"{type(self).__name__} takes Values, but got {type(parameter).__name__}. "
                    "Pass model.parameters()."
                )
        if not self.parameters:
            raise ValueError(f"{type(self).__name__} got no parameters.")
        self.lr = self._at_least_0("lr", lr)

    def _at_least_0(self, name: str, number: float, below: float = math.inf) -> float:
        if not 0.0 <= number < below:
            limit = "" if below == math.inf else f" and below {below:g}"
            raise ValueError(
                f"{type(self).__name__}: {name} must be at least 0{limit}, but got {number!r}."
            )
        return float(number)

    def step(self) -> None:
        """Update all parameters that require a gradient from their gradients."""
        data = np.array([parameter.data for parameter in self.parameters])
        grad = np.array([parameter.grad for parameter in self.parameters])
        new = self.update(data, grad).tolist()
        for parameter, number in zip(self.parameters, new, strict=True):
            if parameter.requires_grad:
                parameter.data = number

    def update(self, data: np.ndarray, grad: np.ndarray) -> np.ndarray:
        """The new data of all parameters, for their data and gradients."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to 0.0."""
        for parameter in self.parameters:
            parameter.zero_grad()


class SGD(Optimizer):
    """Gradient descent: p ← p - η v, with v ← μ v + (1 - τ) g and g = ∂L/∂p + λ p.

    Args:
        parameters: Values, such as ``model.parameters()``.
        lr: η, the learning rate.
        momentum: μ (Sutskever et al. 2013, in PyTorch's form); 0 makes v = g.
        dampening: τ; the first step takes v = g in any case.
        weight_decay: λ, of an L2 penalty ½ λ p².
        nesterov: use g + μ v in place of v; needs a momentum and no dampening.
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ):
        super().__init__(parameters, lr)
        self.momentum = self._at_least_0("momentum", momentum)
        self.dampening = dampening
        self.weight_decay = self._at_least_0("weight_decay", weight_decay)
        self.nesterov = nesterov
        if nesterov and (momentum == 0.0 or dampening != 0.0):
            raise ValueError("SGD: nesterov needs a momentum above 0 and no dampening.")
        self.velocity: np.ndarray | None = None

    def update(self, data: np.ndarray, grad: np.ndarray) -> np.ndarray:
        """p - η v."""
        grad = grad + self.weight_decay * data
        if self.momentum:
            if self.velocity is None:
                self.velocity = grad
            else:
                self.velocity = self.momentum * self.velocity + (1.0 - self.dampening) * grad
            grad = grad + self.momentum * self.velocity if self.nesterov else self.velocity
        return data - self.lr * grad


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1): p ← p - η m̂ / (√v̂ + ε), g = ∂L/∂p + λ p.

    m and v are running means of g and g², with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ)
    at step t = 1, 2, …

    Args:
        parameters: Values, such as ``model.parameters()``.
        lr: η, the learning rate.
        betas: (β₁, β₂).
        eps: ε.
        weight_decay: λ, of an L2 penalty ½ λ p².
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, lr)
        beta1, beta2 = betas
        self.betas = (self._at_least_0("β₁", beta1, 1.0), self._at_least_0("β₂", beta2, 1.0))
        self.eps = self._at_least_0("eps", eps)
        self.weight_decay = self._at_least_0("weight_decay", weight_decay)
        self.steps = 0
        self.mean = self.mean_square = np.zeros(len(self.parameters))

    def update(self, data: np.ndarray, grad: np.ndarray) -> np.ndarray:
        """p - η m̂ / (√v̂ + ε)."""
        beta1, beta2 = self.betas
        grad = grad + self.weight_decay * data
        self.steps += 1
        self.mean = beta1 * self.mean + (1.0 - beta1) * grad
        self.mean_square = beta2 * self.mean_square + (1.0 - beta2) * grad**2
        mean = self.mean / (1.0 - beta1**self.steps)
        mean_square = self.mean_square / (1.0 - beta2**self.steps)
        return data - self.lr * mean / (np.sqrt(mean_square) + self.eps)
