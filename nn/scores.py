"""The metric that ``fit`` measures beside the loss."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nn import losses
from nn.metrics import hits, r2_score

Array = np.ndarray
REGRESSION = (losses.half_squared_error, losses.mse, losses.mae, losses.huber)
CLASSES = (
    losses.hinge, losses.logistic, losses.bce, losses.bce_with_logits, losses.cross_entropy,
)  # fmt: skip


class Score(NamedTuple):
    """A metric by name, of outputs (N, n_out) and targets."""

    name: str
    of: Callable[[Array, Array], float]


def score(metric: str | None, loss: Any, outputs: int, targets: Array) -> Score | None:
    """The metric of that name; for "auto" the one that suits the loss, None if none does.

    Losses of classes have the accuracy, those of regression R², and others what their targets
    look like: classes are integers, booleans, or all of them -1, 0 or 1.

    Args:
        metric: "accuracy", "r2", None or "auto".
        loss: the function.
        outputs: n_out.
        targets: N of them, or rows.

    Raises:
        ValueError: for another name, or one that targets of this shape do not have.
    """
    while isinstance(loss, functools.partial):
        loss = loss.func
    # Of probabilities, the class is said by those above a half.
    accuracy = Score("accuracy", functools.partial(_accuracy, 0.5 if loss is losses.bce else 0.0))
    r2 = Score("r2", _r2)
    wide = math.prod(targets.shape[1:])
    numbers = targets.dtype.kind in "biuf"
    fits = {"accuracy": numbers and wide in (1, outputs), "r2": numbers and wide == outputs}
    if metric == "auto":
        if loss in REGRESSION:
            metric = "r2"
        elif loss in CLASSES:
            metric = "accuracy"
        else:
            labels = numbers and (targets.dtype.kind in "biu" or np.isin(targets, (-1, 0, 1)).all())
            metric = "accuracy" if labels else "r2"
        metric = metric if fits[metric] else None
    if metric is None:
        return None
    if metric not in fits:
        raise ValueError(f"metric must be 'auto', 'accuracy', 'r2' or None, not {metric!r}.")
    if not fits[metric]:
        raise ValueError(
            f"{metric} cannot be measured of {outputs} outputs and targets of shape "
            f"{targets.shape}. Pass metric=None."
        )
    return accuracy if metric == "accuracy" else r2


def _accuracy(threshold: float, outputs: Array, targets: Array) -> float:
    if outputs.shape[1] == 1:
        outputs, targets = outputs - threshold, targets.astype(float) - threshold
    return float(hits(outputs, targets).mean())


def _r2(outputs: Array, targets: Array) -> float:
    if len(outputs) < 2:
        return math.nan  # it compares with the spread of the targets
    return float(r2_score(targets.reshape(outputs.shape), outputs))
