"""Functions made of several rows of the op table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from autograd import ops


def softmax(x: Any) -> Any:
    """exp(xᵢ) / Σⱼ exp(xⱼ) for every i: a list of Values or floats, or an array if x is one.

    It sums to 1, never overflows, and is right to a few ulps also where it is tiny. Of an
    array, the sum runs over all its elements.
    """
    elements = _elements(x)
    top = _largest(elements)
    weights = [ops.exp_difference(each, top) for each in elements]
    whole = ops.total(weights)
    return _like(x, [weight / whole for weight in weights])


def log_softmax(x: Any) -> Any:
    """xᵢ - log Σⱼ exp(xⱼ) for every i, in nats: the logarithm of ``softmax``, never -inf too soon.

    Shifted by the largest element first, so that large logits leave no rounding behind.
    """
    elements = _elements(x)
    top = _largest(elements)
    shifted = [each - top for each in elements]
    whole = ops.logsumexp(shifted)
    return _like(x, [each - whole for each in shifted])


def _elements(x: Any) -> list[Any]:
    return x.ravel().tolist() if isinstance(x, np.ndarray) else list(x)


def _largest(elements: Sequence[Any]) -> Any:
    """The largest element as a constant: both functions are the same for any shift."""
    plain = [each.detach() if hasattr(each, "detach") else each for each in elements]
    return reduce(ops.maximum, plain, -ops.inf)


def _like(x: Any, elements: list[Any]) -> Any:
    """The elements as an array of the shape of x, if that is an array."""
    if not isinstance(x, np.ndarray):
        return elements
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    array = array.reshape(x.shape)
    return array if x.dtype == object else array.astype(np.float64)
