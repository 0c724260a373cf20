"""A compiled program on flat arrays, for training loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.compiler.rolled import Vectors
from autograd.compiler.straight import Straight
from autograd.value import Value, leaf_changes


class Flat:
    """What ``Program.flat`` returns: value and gradients with the parameters in one array.

    Attributes:
        parameters: the numbers of all parameters, float64. They are the program's own: change
            them in place, as an optimiser does. ``read`` takes them from the Values, ``write``
            puts them back.
        values: the Values, in that order.
    """

    def __init__(
        self,
        tier: Any,
        leaves: Sequence[Value],
        reduce: str | None,
        shapes: list[tuple[bool, int]],
    ):
        self._tier, self._reduce, self._shapes = tier, reduce, shapes
        self._leaves = list(leaves)
        fast = isinstance(tier, Vectors)
        self._fast = fast
        plain = isinstance(tier, Straight) and not tier.has_batch and not shapes
        self._numbers = tier.both if plain else None
        order = np.arange(len(leaves))
        if fast:  # those that the program does not use come last
            order = np.concatenate([tier.places, np.setdiff1d(order, tier.places)])
        self._used = len(tier.places) if fast else len(leaves)
        self.values = [self._leaves[i] for i in order.tolist()]
        self.parameters = np.zeros(len(leaves))
        self.read()

    def read(self) -> None:
        """Take the numbers from the Values."""
        self.parameters[:] = [value._data for value in self.values]

    def write(self) -> None:
        """Give the numbers to the Values."""
        for value, number in zip(self.values, self.parameters.tolist(), strict=True):
            value._data = number
        leaf_changes[0] = object()

    def value_and_grad(self, *arrays: np.ndarray) -> tuple[Any, np.ndarray]:
        """The value, or a list of several, and the gradients in the order of ``parameters``.

        Args:
            arrays: the arguments, with the shapes that the program was made for; only the
                number of samples may be another.

        What is not finite is as the arrays give it, or nan; ``Program.value_and_grad`` asks
        the engine instead.

        Raises:
            ValueError: if a shape is another.
        """
        if self._numbers is not None and not arrays:
            try:
                values, parts = self._numbers(self.parameters.tolist(), ())
                return values[0] if len(values) == 1 else values, np.array(parts)
            except (ArithmeticError, ValueError):
                pass  # below
        if len(arrays) != len(self._shapes):
            raise ValueError(f"expected {len(self._shapes)} arrays, but got {len(arrays)}.")
        columns = []
        batch: int | None = None
        for position, (array, (own, size)) in enumerate(zip(arrays, self._shapes, strict=True)):
            shape = array.shape
            if own and len(shape) == 2:
                column, count = array.T, shape[0]
            elif own and len(shape) == 1:
                column, count = array[np.newaxis], shape[0]
            else:
                count = len(array) if own else 0
                column = array.reshape(count, size).T if own else np.ravel(array)
            if own and batch is None:
                batch = count
            if len(column) != size or (own and count != batch):
                raise ValueError(
                    f"argument {position} must have {size} numbers"
                    f"{f' for each of {batch} samples' if own else ''}, but its shape is {shape}."
                )
            columns.append(column)
        outputs, gradient = self.run(columns, batch)
        return (outputs[0] if len(outputs) == 1 else outputs), gradient

    def run(self, columns: list[np.ndarray], batch: int | None) -> tuple[list[Any], np.ndarray]:
        """The same for arrays of shape (n, batch), or (n,) where there is no batch axis."""
        scale = 1.0 / batch if self._reduce == "mean" and batch else 1.0
        if not self._fast:
            outputs, found = self._tier.run(self.parameters, columns, batch, scale, True)
            if batch is None or self._reduce is None:
                return outputs, found
            return [float(np.sum(each)) * scale for each in outputs], found
        tier: Vectors = self._tier
        if self._used == len(self.parameters):
            outputs, gradient = tier.tiled(self.parameters, columns, batch, scale)
        else:
            outputs, part = tier.tiled(self.parameters[: self._used], columns, batch, scale)
            gradient = np.concatenate([part, np.zeros(len(self.parameters) - self._used)])
        if scale != 1.0:
            outputs = [output * scale for output in outputs]
        return outputs, gradient
