"""Data sets drawn at random, small enough to look at.

Where scikit-learn draws the same set, ``n_samples`` and the other arguments have its names; ``n``
is short for ``n_samples``, and ``rng`` stands for ``random_state``. ``moons`` has some noise and
keeps its order by default, unlike scikit-learn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nn.init import Rng, generator
from nn.inputs import count, real

Array = np.ndarray
Sizes = int | Sequence[int]


def moons(
    n: Sizes = 100,
    noise: float | None = 0.1,
    rng: Rng = None,
    *,
    n_samples: Sizes | None = None,
    shuffle: bool = False,
) -> tuple[Array, Array]:
    """Two interleaved half circles: points (n, 2), and labels -1 and 1.

    Args:
        n: number of points, half on each moon; or a pair, the number on each.
        noise: standard deviation of the Gaussian noise on both coordinates; None is 0.
        rng: a NumPy generator or a seed.
        n_samples: scikit-learn's name for n.
        shuffle: whether the points come in random order, instead of moon by moon.
    """
    random = generator(rng)
    sizes = _sizes(n, n_samples, 2, "moons")
    upper, lower = (np.linspace(0.0, np.pi, size) for size in sizes)
    points = np.concatenate(
        [
            np.column_stack([np.cos(upper), np.sin(upper)]),
            np.column_stack([1.0 - np.cos(lower), 0.5 - np.sin(lower)]),
        ]
    )
    labels = np.repeat([-1, 1], sizes)
    return _shuffled(_noisy(points, noise, random, "moons"), labels, shuffle, random)


def circles(
    n: Sizes = 100,
    noise: float | None = None,
    rng: Rng = None,
    *,
    factor: float = 0.8,
    n_samples: Sizes | None = None,
    shuffle: bool = True,
) -> tuple[Array, Array]:
    """A circle of radius 1 around a smaller one: points (n, 2), and labels -1 outside, 1 inside.

    Args:
        n: number of points, half on each circle; or a pair, the number outside and inside.
        noise: standard deviation of the Gaussian noise on both coordinates; None is 0.
        rng: a NumPy generator or a seed.
        factor: the radius of the inner circle, from 0 to below 1.
        n_samples: scikit-learn's name for n.
        shuffle: whether the points come in random order, instead of circle by circle.
    """
    random = generator(rng)
    sizes = _sizes(n, n_samples, 2, "circles", larger_last=True)
    if not 0.0 <= real(factor, "circles: factor", 0.0, 1.0) < 1.0:
        raise ValueError(f"circles: factor must be from 0 to below 1, but got {factor!r}.")
    rings = []
    for size, radius in zip(sizes, (1.0, factor), strict=True):
        angle = np.linspace(0.0, 2.0 * np.pi, size, endpoint=False)
        rings.append(radius * np.column_stack([np.cos(angle), np.sin(angle)]))
    points = _noisy(np.concatenate(rings), noise, random, "circles")
    return _shuffled(points, np.repeat([-1, 1], sizes), shuffle, random)


def spiral(
    n: Sizes = 100,
    noise: float | None = 0.03,
    rng: Rng = None,
    *,
    classes: int = 3,
    turns: float = 0.75,
    shuffle: bool = False,
) -> tuple[Array, Array]:
    """Arms that wind around the origin: points (n, 2), and the index of the arm, 0 to classes - 1.

    An arm is (r cos φ, r sin φ), with r from 0.05 to 1 and φ in proportion to r (after the toy
    data of Stanford's course CS231n).

    Args:
        n: number of points in all; or a list, the number on each arm.
        noise: standard deviation of the Gaussian noise on both coordinates; None is 0.
        rng: a NumPy generator or a seed.
        classes: number of arms.
        turns: how often an arm goes around.
        shuffle: whether the points come in random order, instead of arm by arm.
    """
    random = generator(rng)
    arms = count(classes, "spiral: classes", 2)
    turns = real(turns, "spiral: turns", 0.0, math.inf)
    sizes = _sizes(n, None, arms, "spiral")
    points = []
    for arm, size in enumerate(sizes):
        radius = np.linspace(0.05, 1.0, size)
        angle = 2.0 * np.pi * (turns * radius + arm / arms)
        points.append(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]))
    noisy = _noisy(np.concatenate(points), noise, random, "spiral")
    return _shuffled(noisy, np.repeat(np.arange(arms), sizes), shuffle, random)


def xor(
    n: Sizes = 100, noise: float | None = 0.25, rng: Rng = None, *, shuffle: bool = False
) -> tuple[Array, Array]:
    """Points (n, 2) around the corners (±1, ±1), and labels: 1 where the signs differ, else -1.

    Four points without noise are the table of exclusive or (Minsky & Papert 1969).

    Args:
        n: number of points in all; or a list, the number at each of the four corners.
        noise: standard deviation of the Gaussian noise on both coordinates; None is 0. Labels
            are those of the corner that a point belongs to.
        rng: a NumPy generator or a seed.
        shuffle: whether the points come in random order, instead of corner by corner.
    """
    random = generator(rng)
    sizes = _sizes(n, None, 4, "xor")
    corners = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    points = _noisy(np.repeat(corners, sizes, axis=0), noise, random, "xor")
    return _shuffled(points, np.repeat([-1, 1, 1, -1], sizes), shuffle, random)


def blobs(
    n: Sizes = 100,
    n_features: int = 2,
    rng: Rng = None,
    *,
    centers: int | Any | None = None,
    cluster_std: float | Sequence[float] = 1.0,
    center_box: tuple[float, float] = (-10.0, 10.0),
    n_samples: Sizes | None = None,
    shuffle: bool = True,
    return_centers: bool = False,
) -> Any:
    """Gaussian clusters: points (n, n_features), and the index of the cluster, from 0.

    Args:
        n: number of points in all; or a list, the number in each cluster.
        n_features: number of coordinates; given centers decide it.
        rng: a NumPy generator or a seed.
        centers: how many clusters, or their centers, (k, n_features); 3 if not given, or as many
            as ``n`` lists.
        cluster_std: standard deviation of each coordinate, one for all or one per cluster.
        center_box: low and high, between which centers are drawn.
        n_samples: scikit-learn's name for n.
        shuffle: whether the points come in random order, instead of cluster by cluster.
        return_centers: whether the centers are given as a third.
    """
    random = generator(rng)
    given = n if n_samples is None else n_samples
    if centers is None:
        centers = len(given) if isinstance(given, list | tuple | np.ndarray) else 3
    if np.ndim(centers) == 0:
        k, low_high = count(centers, "blobs: centers"), tuple(map(float, center_box))
        if len(low_high) != 2 or not -math.inf < low_high[0] <= low_high[1] < math.inf:
            raise ValueError(f"blobs: center_box must be (low, high), but got {center_box!r}.")
        places = random.uniform(*low_high, (k, count(n_features, "blobs: n_features")))
    else:
        places = np.asarray(centers, dtype=float)
        if places.ndim != 2 or not places.size:
            raise ValueError(f"blobs: centers must be (k, n_features), but are {places.shape}.")
        k = len(places)
    sizes = _sizes(n, n_samples, k, "blobs")
    try:
        spread = np.broadcast_to(np.asarray(cluster_std, dtype=float), k)
    except ValueError:
        spread = np.full(k, np.nan)
    if not (np.isfinite(spread).all() and (spread >= 0.0).all()):
        raise ValueError(
            f"blobs: cluster_std must be a number of at least 0, or {k} of them, one per cluster, "
            f"but got {cluster_std!r}."
        )
    labels = np.repeat(np.arange(k), sizes)
    points = places[labels] + random.normal(size=(len(labels), places.shape[1])) * np.repeat(
        spread, sizes
    ).reshape(-1, 1)
    points, labels = _shuffled(points, labels, shuffle, random)
    return (points, labels, places) if return_centers else (points, labels)


def sine(
    n: int = 100,
    noise: float | None = 0.1,
    rng: Rng = None,
    *,
    low: float = -math.pi,
    high: float = math.pi,
) -> tuple[Array, Array]:
    """One wave to fit: x (n, 1) uniform between low and high, and targets sin x plus noise, (n,).

    Args:
        n: number of points.
        noise: standard deviation of the Gaussian noise on the targets; None is 0.
        rng: a NumPy generator or a seed.
        low: in radians.
        high: in radians.
    """
    random = generator(rng)
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"sine: low must be below high, but got {low!r} and {high!r}.")
    x = random.uniform(low, high, (count(n, "sine: n"), 1))
    return x, _noisy(np.sin(x[:, 0]), noise, random, "sine")


def linear(
    n: int = 100,
    noise: float | None = 0.1,
    rng: Rng = None,
    *,
    n_features: int = 1,
    bias: float = 0.0,
    coef: bool = False,
    n_samples: int | None = None,
) -> Any:
    """A plane to fit: standard normal X (n, n_features), and targets X w + bias plus noise, (n,).

    As scikit-learn's ``make_regression``, with standard normal w and all features informative.

    Args:
        n: number of points.
        noise: standard deviation of the Gaussian noise on the targets; None is 0.
        rng: a NumPy generator or a seed.
        n_features: number of inputs.
        bias: what is added.
        coef: whether w is given as a third.
        n_samples: scikit-learn's name for n.
    """
    random = generator(rng)
    size = count(n if n_samples is None else n_samples, "linear: n")
    w = random.normal(size=count(n_features, "linear: n_features"))
    X = random.normal(size=(size, len(w)))
    y = _noisy(X @ w + real(bias, "linear: bias", -math.inf, math.inf), noise, random, "linear")
    return (X, y, w) if coef else (X, y)


def _sizes(
    n: Sizes, n_samples: Sizes | None, parts: int, name: str, larger_last: bool = False
) -> list[int]:
    """How many points each part has: as listed, or n dealt out as evenly as can be."""
    given = n if n_samples is None else n_samples
    if isinstance(given, list | tuple | np.ndarray):
        if len(given) != parts:
            raise ValueError(f"{name}: n must be a number or {parts} of them, but got {given!r}.")
        return [count(each, f"{name}: n", 0) for each in given]
    each, more = divmod(count(given, f"{name}: n"), parts)
    sizes = [each + (i < more) for i in range(parts)]
    return sizes[::-1] if larger_last else sizes


def _noisy(numbers: Array, noise: float | None, random: np.random.Generator, name: str) -> Array:
    scale = 0.0 if noise is None else real(noise, f"{name}: noise", 0.0, math.inf)
    noisy: Array = numbers + random.normal(0.0, scale, numbers.shape)
    return noisy


def _shuffled(
    X: Array, y: Array, shuffle: bool, random: np.random.Generator
) -> tuple[Array, Array]:
    order = random.permutation(len(X)) if shuffle else np.arange(len(X))
    return X[order], y[order]
