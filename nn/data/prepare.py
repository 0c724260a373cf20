"""Splitting and scaling, with scikit-learn's names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nn.init import Rng, generator

Array = np.ndarray


def train_test_split(
    *arrays: Any,
    test_size: float | int | None = None,
    train_size: float | int | None = None,
    rng: Rng = None,
    shuffle: bool = True,
    stratify: Any = None,
) -> list[Array]:
    """[X_train, X_test, y_train, y_test] for X and y: two parts of each array, cut alike.

    Args:
        arrays: of equal lengths.
        test_size: a share between 0 and 1 (of which the test part gets the rounding), or a
            number of samples; a quarter if not given.
        train_size: likewise; what the test part leaves, if not given.
        rng: a NumPy generator or a seed.
        shuffle: whether samples are drawn at random; if not, the test part is the end.
        stratify: N labels; each keeps its share in both parts, to within one sample.

    Raises:
        ValueError: for different lengths, sizes that leave a part empty, or labels too rare to
            be in both parts.

    >>> train_test_split([1, 2, 3, 4, 5], test_size=2, shuffle=False)
    [array([1, 2, 3]), array([4, 5])]
    """
    if not arrays:
        raise ValueError("train_test_split() takes at least one array.")
    parts = [np.asarray(array) for array in arrays]
    lengths = [len(part) if part.ndim else 0 for part in parts]
    if len(set(lengths)) != 1:
        raise ValueError(f"train_test_split() takes arrays of one length, but got {lengths}.")
    n = lengths[0]
    n_train, n_test = _sizes(n, train_size, test_size)
    if stratify is not None:
        if not shuffle:
            raise ValueError("train_test_split(): stratify needs shuffle=True.")
        train, test = _stratified(np.asarray(stratify), n, n_train, n_test, generator(rng))
    else:
        if shuffle:
            order = generator(rng).permutation(n)
            test, train = order[:n_test], order[n_test : n_test + n_train]
        else:
            train, test = np.arange(n_train), np.arange(n_train, n_train + n_test)
    return [part[rows] for part in parts for rows in (train, test)]


@dataclass(frozen=True, eq=False)
class Scaler:
    """How ``standardise`` has scaled each column: x' = (x - mean) / scale.

    Attributes:
        mean: of each column of the first array.
        scale: standard deviation of each of its columns, 1 for a constant one.
    """

    mean: Array
    scale: Array

    def transform(self, X: Any) -> Array:
        """The columns of other numbers, scaled in the same way."""
        scaled: Array = (self._checked(X) - self.mean) / self.scale
        return scaled

    def inverse_transform(self, X: Any) -> Array:
        """The numbers that were scaled to these."""
        raw: Array = self._checked(X) * self.scale + self.mean
        return raw

    def _checked(self, X: Any) -> Array:
        given: Array = np.asarray(X, dtype=float)
        if given.shape[1:] != self.mean.shape or given.ndim == 0:
            raise ValueError(
                f"the scaling is that of {_columns(self.mean)}, but got the shape {given.shape}."
            )
        return given


def standardise(X: Any, *others: Any) -> tuple[Any, ...]:
    """(X', *others', scaler): columns with mean 0 and standard deviation 1, as those of X are.

    Mean and deviation are those of X alone, so give the training part first: nothing of the
    others leaks into it. ``scaler.transform`` does the same to more data, and
    ``scaler.inverse_transform`` undoes it.

    Args:
        X: (N, columns), or N numbers.
        others: with as many columns.

    Raises:
        ValueError: for other shapes, or numbers that are not finite.

    >>> X, X_test, scaler = standardise([[1.0, 5.0], [3.0, 5.0]], [[2.0, 6.0]])
    >>> X.tolist(), X_test.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0]])
    """
    first = np.asarray(X, dtype=float)
    if first.ndim not in (1, 2) or not len(first):
        raise ValueError(f"standardise() takes (samples, columns), but got {first.shape}.")
    if not np.isfinite(first).all():
        where = np.argwhere(~np.isfinite(first))[0]
        raise ValueError(f"standardise() takes finite numbers, but X{where.tolist()} is not.")
    mean, scale = first.mean(axis=0), first.std(axis=0)
    # A deviation that is only rounding of a constant column would blow that rounding up.
    constant = scale <= 10.0 * np.finfo(float).eps * np.abs(first).max(axis=0)
    scaler = Scaler(np.where(constant, first[0], mean), np.where(constant, 1.0, scale))
    return (*(scaler.transform(each) for each in (X, *others)), scaler)


def _columns(mean: Array) -> str:
    return "a list of numbers" if mean.ndim == 0 else f"{len(mean)} columns"


def _sizes(n: int, train: float | None, test: float | None) -> tuple[int, int]:
    """The numbers of samples to train and to test on, by scikit-learn's rule."""
    if test is None and train is None:
        test = 0.25
    n_test = _size(n, test, "test_size", math.ceil)
    n_train = _size(n, train, "train_size", math.floor)
    n_test = n - n_train if test is None else n_test
    n_train = n - n_test if train is None else n_train
    if n_train < 1 or n_test < 1 or n_train + n_test > n:
        raise ValueError(
            f"train_test_split() cannot cut {n} samples into {n_train} to train and {n_test} to "
            "test on: each part needs one at least."
        )
    return n_train, n_test


def _size(n: int, size: float | None, name: str, rounded: Any) -> int:
    if size is None:
        return 0
    whole = isinstance(size, int | np.integer)
    if whole and size >= 1 and not isinstance(size, bool):
        return int(size)
    if not whole and 0.0 < size < 1.0:
        return int(rounded(size * n))
    raise ValueError(
        f"train_test_split(): {name} must be a share between 0 and 1 or a number of samples, "
        f"but got {size!r}."
    )


def _stratified(
    labels: Array, n: int, n_train: int, n_test: int, random: np.random.Generator
) -> tuple[Array, Array]:
    if labels.shape != (n,):
        raise ValueError(
            f"train_test_split(): stratify must be {n} labels, but has the shape {labels.shape}."
        )
    classes, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2 or min(n_train, n_test) < len(classes):
        rarest = classes[int(counts.argmin())]
        raise ValueError(
            f"train_test_split(): {len(classes)} classes, the rarest ({rarest}) with "
            f"{counts.min()} of {n} samples, cannot all be in both {n_train} and {n_test}. "
            "Leave out stratify."
        )
    tests = _shares(counts, n_test, np.ones(len(counts), int), counts - 1)
    trains = _shares(counts, n_train, np.ones(len(counts), int), counts - tests)
    train: list[int] = []
    test: list[int] = []
    for k in range(len(classes)):
        members = random.permutation(np.flatnonzero(place == k)).tolist()
        test += members[: tests[k]]
        train += members[tests[k] : tests[k] + trains[k]]
    return random.permutation(train), random.permutation(test)


def _shares(counts: Array, wanted: int, least: Array, most: Array) -> Array:
    """``wanted`` dealt out in proportion to the counts, the largest remainders first."""
    exact = counts * (wanted / counts.sum())
    shares: Array = np.clip(np.floor(exact).astype(int), least, most)
    while (gap := wanted - int(shares.sum())) != 0:
        open_ = shares < most if gap > 0 else shares > least
        lack = np.where(open_, (exact - shares) * np.sign(gap), -np.inf)
        shares[int(lack.argmax())] += np.sign(gap)
    return shares
