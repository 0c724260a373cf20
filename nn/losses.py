"""Losses of one sample: a list of predictions and a target give one Value.

Each is composed of rows of the op table and has no derivative of its own. For a
batch, average them: ``sum(losses) / len(losses)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd import Value, logsumexp, softplus, square
from autograd import sum as total
from nn.layers import values


def half_squared_error(prediction: Any, target: Any) -> Value:
    """½ Σᵢ (aᵢ - yᵢ)², whose δ at the output is (a - y) φ'(z) (Rumelhart et al. 1986, eq. 3)."""
    a, y = _pair(prediction, target, "half_squared_error")
    return 0.5 * _total([square(ai - yi) for ai, yi in zip(a, y, strict=True)])


def mse(prediction: Any, target: Any) -> Value:
    """The mean over the n outputs of (aᵢ - yᵢ)²."""
    a, y = _pair(prediction, target, "mse")
    return _mean([square(ai - yi) for ai, yi in zip(a, y, strict=True)])


def hinge(prediction: Any, target: Any) -> Value:
    """The mean over the outputs of max(0, 1 - yᵢ aᵢ), for labels yᵢ of -1 and 1; slope 0 at 0.

    Raises:
        ValueError: for other labels.
    """
    a, y = _pair(prediction, target, "hinge")
    if any(abs(yi.data) != 1.0 for yi in y):
        raise ValueError(f"hinge takes labels -1 and 1, but got {[yi.data for yi in y]}.")
    return _mean([(1.0 - yi * ai).relu() for ai, yi in zip(a, y, strict=True)])


def bce_with_logits(prediction: Any, target: Any) -> Value:
    """The mean over the outputs of -y log σ(a) - (1 - y) log(1 - σ(a)), in nats.

    Computed from the logit a as softplus(a) - y a, which never overflows.

    Raises:
        ValueError: for labels outside [0, 1].
    """
    a, y = _pair(prediction, target, "bce_with_logits")
    if any(not 0.0 <= yi.data <= 1.0 for yi in y):
        raise ValueError(f"bce_with_logits takes labels in [0, 1], got {[yi.data for yi in y]}.")
    return _mean([softplus(ai) - yi * ai for ai, yi in zip(a, y, strict=True)])


def cross_entropy(prediction: Any, target: Any) -> Value:
    """-log softmax(a)_y = log Σᵢ exp(aᵢ) - a_y for logits a and the class index y, in nats.

    Its δ at the output is softmax(a) - onehot(y). Stable for logits of any size.

    Raises:
        TypeError: if the class is not an integer.
        ValueError: if there is no such class.
    """
    logits = _outputs(prediction, "cross_entropy")
    if isinstance(target, bool) or not isinstance(target, int | np.integer):
        raise TypeError(
            "cross_entropy takes a class index, an integer, "
            f"but got {type(target).__name__} {target!r}."
        )
    if not 0 <= target < len(logits):
        raise ValueError(f"cross_entropy has classes 0 to {len(logits) - 1}, but got {target}.")
    return logsumexp(logits) - logits[target]  # type: ignore[no-any-return]


def _outputs(prediction: Any, loss: str) -> list[Value]:
    return values([prediction] if isinstance(prediction, Value) else prediction, None, loss)


def _pair(prediction: Any, target: Any, loss: str) -> tuple[list[Value], list[Value]]:
    """Predictions and targets as Values, as many of one as of the other."""
    a = _outputs(prediction, loss)
    if isinstance(target, np.ndarray):
        target = target.tolist()
    if not isinstance(target, Sequence) or isinstance(target, str):
        target = [target]
    if len(a) != len(target):
        raise ValueError(f"{loss} got {len(a)} predictions, but {len(target)} targets.")
    y = [
        each if isinstance(each, Value) else Value(each, label=f"y[{i}]", requires_grad=False)
        for i, each in enumerate(target)
    ]
    return a, y


def _total(terms: list[Value]) -> Value:
    """Their sum; a single term needs no node for it."""
    return terms[0] if len(terms) == 1 else total(terms)


def _mean(terms: list[Value]) -> Value:
    return terms[0] if len(terms) == 1 else total(terms) / len(terms)


LOSSES = {
    loss.__name__: loss for loss in (half_squared_error, mse, hinge, bce_with_logits, cross_entropy)
}
