"""Structures of numbers: arrays, lists, tuples and dicts, taken apart and put together."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.value import Value


@dataclass(frozen=True)
class Tree:
    """The shape of a structure: branches put together by ``make``, or a block of leaves.

    Attributes:
        size: number of leaves.
        shape: of the array that the leaves make, () for a single number, None for branches.
        keys: of the branches, if they are those of a dict.
    """

    size: int
    shape: tuple[int, ...] | None
    branches: tuple[Tree, ...] = ()
    keys: tuple[Any, ...] | None = None
    make: Callable[[list[Any]], Any] = list

    def map(self, block: Callable[[int, Tree], Any], start: int = 0) -> Any:
        """The structure with ``block(first leaf, tree)`` for each block of leaves."""
        if self.shape is not None:
            return block(start, self)
        parts = []
        for branch in self.branches:
            parts.append(branch.map(block, start))
            start += branch.size
        return self.make(parts)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """A structure of this shape with these leaves."""
        leaves = list(leaves)
        return self.map(
            lambda start, tree: (
                array(leaves[start : start + tree.size]).reshape(tree.shape)
                if tree.shape
                else leaves[start]
            )
        )


def flatten(structure: Any) -> tuple[list[Any], Tree]:
    """The numbers and Values of a structure in order, and its shape.

    Raises:
        TypeError: for anything but numbers, Values, arrays, lists, tuples and dicts of them.
    """
    if isinstance(structure, dict):
        keys = tuple(structure)
        make = lambda parts: dict(zip(keys, parts, strict=True))  # noqa: E731
        return _branches(structure.values(), make, keys)
    if isinstance(structure, list):
        return _branches(structure, list)
    if isinstance(structure, tuple):
        return _branches(structure, getattr(type(structure), "_make", tuple))
    if isinstance(structure, np.ndarray) and structure.dtype.kind in "biufO":
        return structure.ravel().tolist(), Tree(structure.size, structure.shape)
    if isinstance(structure, Value | numbers.Real | np.bool_):
        return [structure], Tree(1, ())
    raise TypeError(
        "expected real numbers, arrays, and lists, tuples or dicts of them, but got "
        f"{type(structure).__name__} {structure!r}."
    )


def flatten_like(structure: Any, tree: Tree, what: str) -> list[Any]:
    """The numbers and Values of a structure that must be of the tree's shape, in its order.

    Raises:
        TypeError: if it is of another shape; it names ``what`` this should have been.
    """
    if tree.keys is not None and isinstance(structure, dict) and structure.keys() == set(tree.keys):
        parts = [structure[key] for key in tree.keys]
    elif tree.shape is None and tree.keys is None and isinstance(structure, list | tuple):
        parts = list(structure)
    elif tree.shape is not None:
        leaves, own = flatten(structure)
        if own.shape == tree.shape:
            return leaves
        parts = []
    else:
        parts = []
    if len(parts) != len(tree.branches) or tree.shape is not None:
        raise TypeError(f"{what}, but got {structure!r}.")
    pairs = zip(parts, tree.branches, strict=True)
    return [leaf for part, branch in pairs for leaf in flatten_like(part, branch, what)]


def _branches(
    parts: Iterable[Any], make: Callable[[list[Any]], Any], keys: tuple[Any, ...] | None = None
) -> tuple[list[Any], Tree]:
    leaves: list[Any] = []
    branches = []
    for part in parts:
        some, tree = flatten(part)
        leaves += some
        branches.append(tree)
    return leaves, Tree(len(leaves), None, tuple(branches), keys, make)


def array(leaves: list[Any]) -> np.ndarray:
    """A flat array of the leaves: of floats, or of objects if there are Values among them."""
    if not any(isinstance(leaf, Value) for leaf in leaves):
        return np.array(leaves, dtype=np.float64)
    objects = np.empty(len(leaves), dtype=object)
    objects[:] = leaves
    return objects
