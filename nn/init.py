"""Initial weights by name. All randomness comes from the generator given.

``n_in`` and ``n_out`` are the fan-in and the fan-out: the last and first axis of
``shape`` (n_out, n_in); of a kernel's (out, in, height, width), in and out, each times
height times width.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Shape = tuple[int, ...]
Rng = np.random.Generator | int | None


def generator(rng: Rng = None) -> np.random.Generator:
    """The generator itself, or a new one from a seed; without either, an unpredictable one."""
    return np.random.default_rng(rng)


def fans(shape: Shape) -> tuple[int, int]:
    """(n_in, n_out) of weights of that shape."""
    places = math.prod(shape[2:])
    return shape[1] * places, shape[0] * places


def uniform(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """U(-k, k) with k = 1/√n_in, the default of PyTorch's Linear (LeCun et al. 1998, §4.6)."""
    return rng.uniform(-1.0, 1.0, shape) / math.sqrt(fans(shape)[0])


def xavier_uniform(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """U(-k, k) with k = √(6 / (n_in + n_out)) (Glorot & Bengio 2010, eq. 16)."""
    return rng.uniform(-1.0, 1.0, shape) * math.sqrt(6.0 / sum(fans(shape)))


def xavier_normal(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """N(0, s²) with s = √(2 / (n_in + n_out)) (Glorot & Bengio 2010, eq. 12)."""
    return rng.normal(0.0, math.sqrt(2.0 / sum(fans(shape))), shape)


def kaiming_uniform(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """U(-k, k) with k = √(6 / n_in), for relu (He et al. 2015, eq. 10)."""
    return rng.uniform(-1.0, 1.0, shape) * math.sqrt(6.0 / fans(shape)[0])


def kaiming_normal(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """N(0, s²) with s = √(2 / n_in), for relu (He et al. 2015, eq. 10)."""
    return rng.normal(0.0, math.sqrt(2.0 / fans(shape)[0]), shape)


def zeros(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """All zero: every neuron of a layer then stays the same for ever, which is worth a look."""
    return np.zeros(shape)


INITS: dict[str, Callable[[Shape, np.random.Generator], np.ndarray]] = {
    init.__name__: init
    for init in (uniform, xavier_uniform, xavier_normal, kaiming_uniform, kaiming_normal, zeros)
}


def weights(name: str, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Weights of the shape (n_out, n_in), or of a kernel, by the named init.

    Raises:
        ValueError: for a name that is not in INITS.
    """
    if name not in INITS:
        raise ValueError(f"unknown init {name!r}; the inits are {', '.join(INITS)}.")
    return INITS[name](shape, rng)


def biases(name: str, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """The n_out biases that go with the named init: PyTorch's for "uniform", else zeros."""
    if name == "uniform":
        return rng.uniform(-1.0, 1.0, shape[0]) / math.sqrt(fans(shape)[0])
    return np.zeros(shape[0])
