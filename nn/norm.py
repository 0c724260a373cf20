"""Layer normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd import Value, mean, sqrt, square
from nn.inputs import count, parameters, real, shaped
from nn.module import Module


class LayerNorm(Module):
    """n = w ⊙ u + b, with u = (x - μ) / √(s² + eps) over the inputs (Ba et al. 2016, eq. 4).

    μ is their mean and s² the mean of (x - μ)². Arguments, names and shapes are PyTorch's.

    Args:
        normalized_shape: the number of inputs, or the shape of the array of them.
        eps: keeps the root away from 0.
        elementwise_affine: whether there are w and b; if not, n = u.
        bias: whether there is a b.

    Attributes:
        weight: w, an object array of that shape, 1 in the beginning; or None.
        bias: b, likewise, 0 in the beginning; or None.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ):
        sizes = normalized_shape if isinstance(normalized_shape, list | tuple) else None
        if sizes is None:
            sizes = [normalized_shape]
        if not sizes:
            raise ValueError("LayerNorm: normalized_shape must have at least one axis.")
        self.normalized_shape = tuple(count(size, "normalized_shape") for size in sizes)
        self.eps = real(eps, "LayerNorm: eps", 0.0, math.inf)
        self.elementwise_affine = bool(elementwise_affine)
        shape, with_bias = self.normalized_shape, elementwise_affine and bias
        self.weight = parameters(np.ones(shape), "w") if elementwise_affine else None
        self.bias = parameters(np.zeros(shape), "b") if with_bias else None

    def forward(self, inputs: Any) -> Any:
        """[n₁, …], or an array of the shape of the inputs.

        Raises:
            ValueError: if that is not ``normalized_shape``.
        """
        x, shape_back = shaped(inputs, self)
        given = np.shape(shape_back(x))
        if given != self.normalized_shape:
            wanted = " × ".join(map(str, self.normalized_shape))
            got = " × ".join(map(str, given))
            raise ValueError(f"{self._title()} takes {wanted} inputs, but got {got}.")
        middle = mean(x)
        middle.label = "μ"
        centred = [each - middle for each in x]
        spread = sqrt(mean([square(each) for each in centred]) + self.eps)
        spread.label = "s"
        outputs: list[Value] = [each / spread for each in centred]
        for i, node in enumerate(outputs):
            node.label = f"u[{i}]"
        if self.weight is not None:
            outputs = [u * w for u, w in zip(outputs, self.weight.flat, strict=True)]
        if self.bias is not None:
            outputs = [u + b for u, b in zip(outputs, self.bias.flat, strict=True)]
        for i, node in enumerate(outputs):
            node.label = f"n[{i}]"
        return shape_back(outputs)

    def extra_repr(self) -> str:
        """Such as ``16, eps=1e-05``."""
        shape = " × ".join(map(str, self.normalized_shape))
        plain = ", elementwise_affine=False" if self.weight is None else ""
        bias = ", bias=False" if self.weight is not None and self.bias is None else ""
        return f"{shape}, eps={self.eps:g}{plain}{bias}"
