"""The arguments of a call, taken apart into the numbers that a program runs on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from autograd.compiler.trace import traced
from autograd.tree import Tree, flatten
from autograd.value import Value

_LETTERS = "xyuv"


class Call:
    """Arguments as columns of numbers, and what tells one structure of them from another.

    Attributes:
        batch: number of samples, None without a batch axis.
        columns: per array of numbers (n, batch), or (n,) where it has no batch axis.
        key: equal for arguments that the same program takes.

    Raises:
        ValueError: for batch axes that do not go together, naming the argument.
        TypeError: for what is no number nor a structure of them.
    """

    def __init__(self, args: tuple[Any, ...], axes: tuple[bool, ...], name: str):
        self.batch: int | None = None
        self.columns: list[np.ndarray] = []
        self._parts: list[tuple[Tree | None, Any, bool]] = []
        key: list[Any] = []
        first = 0
        for position, (arg, mapped) in enumerate(zip(args, axes, strict=True)):
            if arg is None or isinstance(arg, str):
                self._parts.append((None, arg, False))
                key.append(arg)
                continue
            if not mapped:
                leaves, tree = flatten(arg)
                numbers = [leaf._data if isinstance(leaf, Value) else leaf for leaf in leaves]
                self.columns.append(np.array(numbers, dtype=np.float64))
            else:
                arrays, tree = _stacked(arg, f"argument {position} of {name}")
                for array in arrays:
                    if self.batch is None:
                        self.batch, first = len(array), position
                    elif len(array) != self.batch:
                        raise ValueError(
                            f"argument {position} of {name} must have {self.batch} samples, as "
                            f"argument {first} has, but its shape is {array.shape}."
                        )
                    self.columns.append(array.reshape(len(array), prod(array.shape[1:])).T)
            self._parts.append((tree, None, mapped))
            key.append((mapped, _shape(tree)))
        if any(axes) and self.batch is None:
            raise ValueError(f"{name} got no argument with a batch axis.")
        self.key = tuple(key)

    @property
    def batched(self) -> np.ndarray:
        """Per number whether it has a batch axis."""
        parts = [np.full(len(column), column.ndim == 2) for column in self.columns]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)

    def sample(self, index: int) -> list[float]:
        """The numbers of one sample."""
        found: list[float] = []
        for column in self.columns:
            if column.ndim == 1:
                found += column.tolist()
            elif column.shape[1]:
                found += column[:, index].tolist()
            else:
                found += [0.0] * len(column)  # traced with no sample at hand
        return found

    def arguments(self, numbers: list[Any]) -> list[Any]:
        """The arguments as the function takes them, made of these numbers."""
        args, start = [], 0
        for tree, static, _ in self._parts:
            if tree is None:
                args.append(static)
            else:
                args.append(tree.unflatten(numbers[start : start + tree.size]))
                start += tree.size
        return args

    def samples(self) -> Iterator[list[Any]]:
        """The arguments, sample by sample."""
        for index in range(1 if self.batch is None else self.batch):
            yield self.arguments(self.sample(index))

    @property
    def origins(self) -> tuple[np.ndarray, list[str]]:
        """Per number the array that it belongs to, and the name of its argument."""
        columns = [np.full(len(each), i) for i, each in enumerate(self.columns)]
        letters: list[str] = []
        for position, (tree, _, _) in enumerate(self._parts):
            letters += [_letter(position)] * (tree.size if tree is not None else 0)
        return np.concatenate(columns) if columns else np.zeros(0, dtype=np.int64), letters

    def nodes(self) -> list[Value]:
        """Traced nodes for the numbers of a sample, labelled x[0], x[1], …, y[0] and so on."""
        labels: list[str] = []
        for position, (tree, _, _) in enumerate(self._parts):
            if tree is not None:
                letter = _letter(position)
                single = tree.shape == ()
                labels += [letter if single else f"{letter}[{i}]" for i in range(tree.size)]
        return [traced(number, label) for number, label in zip(self.sample(0), labels, strict=True)]


def stack(columns: list[np.ndarray], batch: int | None) -> tuple[np.ndarray, np.ndarray]:
    """All inputs as (n, batch) and as (n,), with 0 where they belong to the other."""
    n = sum(map(len, columns))
    shared, stacked = np.zeros(n), np.zeros((n, batch or 0))
    start = 0
    for column in columns:
        (stacked if column.ndim == 2 else shared)[start : start + len(column)] = column
        start += len(column)
    return stacked, shared


def _letter(position: int) -> str:
    return _LETTERS[position] if position < len(_LETTERS) else f"x{position}"


def _stacked(arg: Any, what: str) -> tuple[list[np.ndarray], Tree]:
    """The arrays of an argument with a batch axis, and the structure of one sample."""
    if isinstance(arg, dict | tuple):
        things = arg.values() if isinstance(arg, dict) else arg
        pairs = [_stacked(each, what) for each in things]
        arrays = [array for some, _ in pairs for array in some]
        trees = tuple(tree for _, tree in pairs)
        keys = tuple(arg) if isinstance(arg, dict) else None

        def make(parts: list[Any]) -> Any:
            if keys is not None:
                return dict(zip(keys, parts, strict=True))
            return getattr(type(arg), "_make", tuple)(parts)

        return arrays, Tree(sum(tree.size for tree in trees), None, trees, keys, make)
    if type(arg) is np.ndarray and arg.dtype == np.float64 and arg.ndim:
        return [arg], _block(arg.shape[1:])
    try:
        array = np.asarray(arg)
        if array.dtype == object:
            array = np.vectorize(float, otypes=[float])(array)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"it is an array of {array.dtype}")
    except (TypeError, ValueError) as problem:
        raise TypeError(
            f"{what} has a batch axis, so it must be an array of real numbers, or a dict or "
            f"tuple of such, but {problem}."
        ) from problem
    if array.ndim == 0:
        raise ValueError(
            f"{what} is marked by in_axes as having a leading batch axis, but it is the single "
            f"number {arg!r}."
        )
    return [array.astype(np.float64, copy=False)], _block(array.shape[1:])


@lru_cache(1024)
def _block(shape: tuple[int, ...]) -> Tree:
    return Tree(int(np.prod(shape)), shape)


def _shape(tree: Tree) -> Any:
    if tree.shape is not None:
        return tree.shape
    kind = tree.make if tree.make in (list, tuple) else "other"
    return kind, tree.keys, tuple(map(_shape, tree.branches))
