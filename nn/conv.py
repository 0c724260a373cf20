"""Convolution over images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd import Value, affine
from nn import init as inits
from nn.init import Rng
from nn.inputs import count, filled, grid, pair, parameters
from nn.module import Module

Size = int | Sequence[int]


class Conv2d(Module):
    """z[o, i, j] = Σ W[o, c, p, q] x[c, s i + p, s j + q] + b[o], with s the stride.

    A cross-correlation, as everywhere in networks. Every place of the image is a layer of neurons
    with the same weights, one ``affine`` node each. Arguments, names and shapes are PyTorch's.

    Args:
        in_channels: number of channels of the image.
        out_channels: number of channels of z.
        kernel_size: height and width of W, one number or two.
        stride: step from place to place, one number or two.
        padding: rows and columns of zeros on each side, one number or two.
        bias: whether there is a b.
        rng: a NumPy generator or a seed.
        init: how the weights begin, by name, see ``nn.init``. The default is PyTorch's.

    Attributes:
        weight: W, an object array of shape (out_channels, in_channels, height, width).
        bias: b, of shape (out_channels,), or None.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        bias: bool = True,
        rng: Rng = None,
        *,
        init: str = "uniform",
    ):
        self.in_channels = count(in_channels, "in_channels")
        self.out_channels = count(out_channels, "out_channels")
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.stride = pair(stride, "stride")
        self.padding = pair(padding, "padding", 0)
        shape = (self.out_channels, self.in_channels, *self.kernel_size)
        generator = inits.generator(rng)
        self.weight = parameters(inits.weights(init, shape, generator), "w")
        self.bias = parameters(inits.biases(init, shape, generator), "b") if bias else None

    def output_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """(out_channels, height, width) of z for an image of that height and width.

        Raises:
            ValueError: if the image is smaller than the kernel.
        """
        sizes = [
            (size + 2 * pad - kernel) // step + 1
            for size, pad, kernel, step in zip(
                (height, width), self.padding, self.kernel_size, self.stride, strict=True
            )
        ]
        if min(sizes) < 1:
            raise ValueError(
                f"{self._title()} got an image of {height} × {width}: even with its padding, that "
                f"is smaller than the kernel of {self.kernel_size[0]} × {self.kernel_size[1]}."
            )
        return self.out_channels, sizes[0], sizes[1]

    def forward(self, inputs: Any) -> np.ndarray:
        """z as an object array (out_channels, height, width), for an image (in_channels, …).

        Raises:
            ValueError: for an image of another shape.
        """
        x = grid(inputs, self)
        if x.ndim != 3 or len(x) != self.in_channels:
            raise ValueError(
                f"{self._title()} takes an image of shape ({self.in_channels}, height, width), but "
                f"got {x.shape}. Call it once per sample."
            )
        channels, rows, columns = self.output_shape(*x.shape[1:])
        top, left = self.padding
        if top or left:
            wide = np.full(
                (len(x), x.shape[1] + 2 * top, x.shape[2] + 2 * left),
                Value(0.0, label="0", requires_grad=False),
                dtype=object,
            )
            wide[:, top : top + x.shape[1], left : left + x.shape[2]] = x
            x = wide
        weights = self.weight.reshape(channels, -1).tolist()
        biases = None if self.bias is None else self.bias.tolist()
        (height, width), (down, right) = self.kernel_size, self.stride
        z = []
        for i in range(rows):
            for j in range(columns):
                place = x[:, i * down : i * down + height, j * right : j * right + width]
                labels = [f"z[{o},{i},{j}]" for o in range(channels)]
                z.append(affine(weights, place.ravel().tolist(), biases, labels))
        nodes = [node for channel in zip(*z, strict=True) for node in channel]
        return filled(nodes, (channels, rows, columns))

    def extra_repr(self) -> str:
        """Such as ``1 → 8, kernel_size=(3, 3), padding=(1, 1)``."""
        parts = [f"{self.in_channels} → {self.out_channels}", f"kernel_size={self.kernel_size}"]
        parts += [f"stride={self.stride}"] if self.stride != (1, 1) else []
        parts += [f"padding={self.padding}"] if self.padding != (0, 0) else []
        parts += ["bias=False"] if self.bias is None else []
        return ", ".join(parts)
