"""Data sets to learn from. Randomness comes from the generator or seed given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nn.init import Rng, generator


class Split(NamedTuple):
    """Samples and targets to train on, and others held out to test on."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def moons(n: int = 100, noise: float = 0.1, rng: Rng = None) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved half circles: points (n, 2), and labels -1 and 1.

    Args:
        n: number of points, half on each moon.
        noise: standard deviation of the Gaussian noise on both coordinates.
        rng: a NumPy generator or a seed.
    """
    random = generator(rng)
    upper = np.linspace(0.0, np.pi, n - n // 2)
    lower = np.linspace(0.0, np.pi, n // 2)
    points = np.concatenate(
        [
            np.column_stack([np.cos(upper), np.sin(upper)]),
            np.column_stack([1.0 - np.cos(lower), 0.5 - np.sin(lower)]),
        ]
    )
    labels = np.repeat([-1, 1], [len(upper), len(lower)])
    return points + random.normal(0.0, noise, points.shape), labels


def digits(test_size: float = 1 / 3, rng: Rng = 0) -> Split:
    """1,797 handwritten digits of 8 × 8 pixels in [0, 1], and their classes 0 to 9.

    The UCI test set of Alpaydin & Kaynak (1998), as it comes with scikit-learn; every
    class keeps its share in both parts.

    Raises:
        ImportError: without scikit-learn, saying how to get it.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as missing:
        raise ImportError(
            "the digits come with scikit-learn: pip install 'scalar-autograd[demo]'"
        ) from missing
    X, y = load_digits(return_X_y=True)
    seed = int(generator(rng).integers(2**31))
    X, X_test, y, y_test = train_test_split(
        X / 16.0, y, test_size=test_size, random_state=seed, stratify=y
    )
    return Split(X, y, X_test, y_test)
