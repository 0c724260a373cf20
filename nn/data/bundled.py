"""Data sets that come with scikit-learn, which is the extra ``data``."""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np

from nn.init import Rng, generator


class Split(NamedTuple):
    """Samples and targets to train on, and others held out to test on."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def digits(test_size: float = 1 / 3, rng: Rng = 0) -> Split:
    """1,797 handwritten digits of 8 × 8 pixels in [0, 1], and their classes 0 to 9.

    The UCI test set of Alpaydin & Kaynak (1998), as it comes with scikit-learn; every
    class keeps its share in both parts.

    Raises:
        ImportError: without scikit-learn, saying how to get it.
    """
    X, y = _datasets("digits").load_digits(return_X_y=True)
    return _split(X / 16.0, y, test_size, rng)


def iris(test_size: float = 1 / 3, rng: Rng = 0) -> Split:
    """150 irises, four lengths of each in cm, and their species, 0 to 2.

    Setosa, versicolor and virginica of Fisher (1936), as it comes with scikit-learn; every
    species keeps its share in both parts. The lengths are as measured: see ``standardise``.

    Raises:
        ImportError: without scikit-learn, saying how to get it.
    """
    X, y = _datasets("irises").load_iris(return_X_y=True)
    return _split(X, y, test_size, rng)


def _datasets(what: str) -> ModuleType:
    try:
        from sklearn import datasets
    except ImportError as missing:
        raise ImportError(
            f"the {what} come with scikit-learn: pip install 'scalar-autograd[data]'"
        ) from missing
    return datasets  # type: ignore[no-any-return]


def _split(X: np.ndarray, y: np.ndarray, test_size: float, rng: Rng) -> Split:
    from sklearn.model_selection import train_test_split

    seed = int(generator(rng).integers(2**31))
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=test_size, random_state=seed, stratify=y
    )
    return Split(X, y, X_test, y_test)
