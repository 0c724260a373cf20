"""Losses of one sample: a list of predictions and a target give one Value.

Each is composed of rows of the op table and has no derivative of its own. For a
batch, average them: ``sum(losses) / len(losses)``.

Weights are numbers, at least 0, and they multiply. ``sample_weight`` is that of the whole
sample and multiplies the loss, as in Keras and scikit-learn; ``weight`` and ``pos_weight``
are PyTorch's, of classes or outputs. Every loss is PyTorch's for a single sample with
``reduction="none"`` over samples. So the plain mean over a batch is that of Keras, which
divides by the number of samples; PyTorch's mean ``cross_entropy`` with class weights, and
scikit-learn's averages, divide by the sum of the weights instead.

While a function is traced for compiling, the numbers of traced targets are unknown and so
not checked.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autograd import (
    TraceError,
    Value,
    absolute,
    clip,
    dot,
    log,
    log1p,
    logsumexp,
    maximum,
    softplus,
    square,
)
from autograd import sum as total


def half_squared_error(prediction: Any, target: Any, *, sample_weight: Any = None) -> Value:
    """½ Σᵢ (aᵢ - yᵢ)², a sum over the outputs.

    Its δ at the output is (a - y) φ'(z) (Rumelhart, Hinton & Williams 1986, eq. 3). The unit is
    that of the targets, squared.
    """
    a, y = _pair(prediction, target, "half_squared_error")
    terms = [square(ai - yi) for ai, yi in zip(a, y, strict=True)]
    return _scaled(0.5 * _total(terms), sample_weight, "half_squared_error")


def mse(prediction: Any, target: Any, *, sample_weight: Any = None) -> Value:
    """1/n Σᵢ (aᵢ - yᵢ)², a mean over the n outputs (Legendre 1805: least squares).

    The unit is that of the targets, squared.
    """
    a, y = _pair(prediction, target, "mse")
    terms = [square(ai - yi) for ai, yi in zip(a, y, strict=True)]
    return _scaled(_mean(terms), sample_weight, "mse")


def mae(prediction: Any, target: Any, *, sample_weight: Any = None) -> Value:
    """1/n Σᵢ |aᵢ - yᵢ|, a mean over the n outputs; slope 0 where a prediction is exact.

    Least for the median, as mse is for the mean (Laplace 1774). The unit is that of the
    targets. PyTorch calls it l1_loss.
    """
    a, y = _pair(prediction, target, "mae")
    terms = [absolute(ai - yi) for ai, yi in zip(a, y, strict=True)]
    return _scaled(_mean(terms), sample_weight, "mae")


def huber(prediction: Any, target: Any, *, delta: float = 1.0, sample_weight: Any = None) -> Value:
    """1/n Σᵢ h(aᵢ - yᵢ), a mean over the n outputs: a square that goes on as a straight line.

    h(e) = ½ e² for |e| ≤ δ, else δ (|e| - ½ δ) (Huber 1964, with PyTorch's scale). Its slope
    is e, held between -δ and δ, and continuous. Computed as c (e - ½ c) with c = clip(e, -δ, δ).

    Args:
        prediction: the outputs a.
        target: the targets y, as many.
        delta: δ, where the line begins, in the unit of the targets.
        sample_weight: what to multiply the loss by.

    Raises:
        ValueError: for a δ that is not above 0.
    """
    a, y = _pair(prediction, target, "huber")
    if not 0.0 < delta < math.inf:
        raise ValueError(f"huber takes a positive number as delta, but got {delta!r}.")
    terms = []
    for ai, yi in zip(a, y, strict=True):
        error = ai - yi
        held = clip(error, -delta, delta)
        terms.append(held * (error - 0.5 * held))
    return _scaled(_mean(terms), sample_weight, "huber")


def hinge(prediction: Any, target: Any, *, sample_weight: Any = None) -> Value:
    """1/n Σᵢ max(0, 1 - yᵢ aᵢ), a mean over the n outputs, for labels yᵢ of -1 and 1.

    The missing margin (Cortes & Vapnik 1995), without unit; its slope at the margin is 0.

    Raises:
        ValueError: for other labels.
    """
    a, y = _pair(prediction, target, "hinge")
    _check_signs(y, "hinge")
    terms = [(1.0 - yi * ai).relu() for ai, yi in zip(a, y, strict=True)]
    return _scaled(_mean(terms), sample_weight, "hinge")


def logistic(prediction: Any, target: Any, *, sample_weight: Any = None) -> Value:
    """1/n Σᵢ log(1 + exp(-yᵢ aᵢ)) in nats, a mean over the n outputs, for labels yᵢ of -1 and 1.

    It is -log σ(y a), the negative log-likelihood of logistic regression (Cox 1958), and equals
    bce_with_logits with 0 for -1; PyTorch calls it soft_margin_loss. Never overflows.

    Raises:
        ValueError: for other labels.
    """
    a, y = _pair(prediction, target, "logistic")
    _check_signs(y, "logistic")
    terms = [softplus(-(yi * ai)) for ai, yi in zip(a, y, strict=True)]
    return _scaled(_mean(terms), sample_weight, "logistic")


def bce(prediction: Any, target: Any, *, weight: Any = None, sample_weight: Any = None) -> Value:
    """1/n Σᵢ -yᵢ log pᵢ - (1 - yᵢ) log(1 - pᵢ) in nats, a mean over the n outputs.

    The cross-entropy of probabilities p, such as the outputs of a sigmoid, and labels y, each
    from 0 to 1 (Good 1952). As in PyTorch, a logarithm below -100 counts as -100, so that a
    certain and wrong answer costs 100 nats; there, at p = 0 and 1, it is level and its slope 0
    (PyTorch's is then -yᵢ 10¹², and wrong for any p (1 - p) below 10⁻¹²). A sigmoid
    loses what bce_with_logits keeps: prefer that, on the logits.

    Args:
        prediction: the outputs p.
        target: the labels y, as many.
        weight: of each output, a number or n of them; the mean still divides by n.
        sample_weight: what to multiply the loss by.

    Raises:
        ValueError: for predictions or labels outside [0, 1].
    """
    p, y = _pair(prediction, target, "bce")
    _check_probabilities(y, "bce")
    if any(pi < 0.0 or pi > 1.0 for pi in _known(p)):
        raise ValueError(
            f"bce takes probabilities in [0, 1] as predictions, but got {_known(p)}. "
            "Put a sigmoid behind the last layer, or use bce_with_logits."
        )
    terms = [
        -(yi * maximum(log(pi), -100.0) + (1.0 - yi) * maximum(log1p(-pi), -100.0))
        for pi, yi in zip(p, y, strict=True)
    ]
    return _scaled(_mean(_times(weight, terms, "bce")), sample_weight, "bce")


def bce_with_logits(
    prediction: Any,
    target: Any,
    *,
    weight: Any = None,
    pos_weight: Any = None,
    sample_weight: Any = None,
) -> Value:
    """1/n Σᵢ -yᵢ log σ(aᵢ) - (1 - yᵢ) log(1 - σ(aᵢ)) in nats, a mean over the n outputs.

    Computed from the logit a as softplus(a) - y a, which never overflows; with δ = σ(a) - y at
    the output (Bishop 2006, eq. 4.90 and 4.91).

    Args:
        prediction: the logits a.
        target: the labels y, as many, from 0 to 1.
        weight: of each output, a number or n of them; the mean still divides by n.
        pos_weight: what the first term is multiplied by, a number or n of them: above 1 it
            makes up for labels of 1 that are rare, as in (number of 0s) / (number of 1s).
        sample_weight: what to multiply the loss by.

    Raises:
        ValueError: for labels outside [0, 1].
    """
    a, y = _pair(prediction, target, "bce_with_logits")
    _check_probabilities(y, "bce_with_logits")
    if pos_weight is None:
        terms = [softplus(ai) - yi * ai for ai, yi in zip(a, y, strict=True)]
    else:
        factors = _weights(pos_weight, len(a), "bce_with_logits", "pos_weight")
        terms = [
            factor * yi * softplus(-ai) + (1.0 - yi) * softplus(ai)
            for ai, yi, factor in zip(a, y, factors, strict=True)
        ]
    terms = _times(weight, terms, "bce_with_logits")
    return _scaled(_mean(terms), sample_weight, "bce_with_logits")


def cross_entropy(
    prediction: Any,
    target: Any,
    *,
    weight: Any = None,
    label_smoothing: float = 0.0,
    sample_weight: Any = None,
) -> Value:
    """-log softmax(a)_y = log Σᵢ exp(aᵢ) - a_y in nats, for logits a and the class index y.

    Its δ at the output is softmax(a) - onehot(y) (Bridle 1990). Stable for logits of any size.
    The target may also be a distribution t over the classes: -Σᵢ tᵢ log softmax(a)ᵢ.

    Args:
        prediction: the logits a, one per class.
        target: the class index y, an integer, or n numbers t, at least 0 and of sum 1.
        weight: one per class: -Σᵢ weightᵢ tᵢ log softmax(a)ᵢ, where t is onehot(y) for an index.
        label_smoothing: ε, mixes t with the uniform distribution, (1 - ε) t + ε / n
            (Szegedy et al. 2016, eq. 7).
        sample_weight: what to multiply the loss by.

    Raises:
        TypeError: if the target is neither an integer nor numbers.
        ValueError: if there is no such class, or the target is no distribution.
    """
    logits = _outputs(prediction, "cross_entropy")
    n = len(logits)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(
            f"cross_entropy takes a label_smoothing from 0 to 1, but got {label_smoothing!r}."
        )
    of_class = None if weight is None else _weights(weight, n, "cross_entropy", "weight", False)
    if isinstance(target, np.ndarray):
        target = target.tolist()  # of a 0-d array: a number
    if isinstance(target, Sequence) and not isinstance(target, str):
        shares: list[Any] = _distribution(target, n)
    else:
        index = _class_index(target, n)
        if not label_smoothing:
            loss = logsumexp(logits) - logits[index]
            if of_class is not None:
                loss = of_class[index] * loss
            return _scaled(loss, sample_weight, "cross_entropy")
        shares = [float(i == index) for i in range(n)]
    if label_smoothing:
        shares = [(1.0 - label_smoothing) * share + label_smoothing / n for share in shares]
    if of_class is not None:
        shares = [factor * share for factor, share in zip(of_class, shares, strict=True)]
    # A class without a share has no part in the sum, even if its logit is -inf.
    kept = [i for i, share in enumerate(shares) if isinstance(share, Value) or share]
    if not label_smoothing and of_class is None:
        shares = _constants(shares)
    whole = logsumexp(logits)
    loss = dot([shares[i] for i in kept], [whole - logits[i] for i in kept])
    return _scaled(loss, sample_weight, "cross_entropy")


# -- predictions and targets -----------------------------------------------------------------


def _outputs(prediction: Any, loss: str) -> list[Value]:
    """The predictions of one sample as Values, numbers as constants."""
    if isinstance(prediction, np.ndarray):
        prediction = prediction.tolist()
    if isinstance(prediction, Value):
        return [prediction]
    if not isinstance(prediction, list | tuple):
        raise TypeError(
            f"{loss} takes a list of numbers or Values, but got {type(prediction).__name__}. "
            "Put a single prediction in a list."
        )
    if any(isinstance(each, list | tuple | np.ndarray) for each in prediction):
        raise TypeError(
            f"{loss} takes the outputs for one sample, a flat list, but got a list of lists. "
            "Call it once per sample."
        )
    return [
        each if isinstance(each, Value) else Value(each, label=f"a[{i}]", requires_grad=False)
        for i, each in enumerate(prediction)
    ]


def _pair(prediction: Any, target: Any, loss: str) -> tuple[list[Value], list[Value]]:
    """Predictions and targets as Values, as many of one as of the other."""
    a = _outputs(prediction, loss)
    if isinstance(target, np.ndarray):
        target = target.tolist()
    if not isinstance(target, Sequence) or isinstance(target, str):
        target = [target]
    if len(a) != len(target):
        raise ValueError(
            f"{loss} got {len(a)} predictions, but {len(target)} targets. "
            "It takes one sample: a target per output."
        )
    return a, _constants(target)


def _constants(target: Sequence[Any]) -> list[Value]:
    """Values as they are, and numbers as constants with a label."""
    return [
        each if isinstance(each, Value) else Value(each, label=f"y[{i}]", requires_grad=False)
        for i, each in enumerate(target)
    ]


def _known(each: Iterable[Value]) -> list[float]:
    """Their numbers, without those that are being traced."""
    known = []
    for value in each:
        try:
            known.append(value.data)
        except TraceError:
            continue
    return known


def _check_signs(y: list[Value], loss: str) -> None:
    known = _known(y)
    if any(abs(label) != 1.0 for label in known):
        raise ValueError(
            f"{loss} takes labels -1 and 1, but got {known}. Write labels of 0 and 1 as 2 * y - 1."
        )


def _check_probabilities(y: list[Value], loss: str) -> None:
    known = _known(y)
    if any(not 0.0 <= label <= 1.0 for label in known):
        raise ValueError(
            f"{loss} takes labels in [0, 1], but got {known}. "
            "Scale labels of -1 and 1 as (y + 1) / 2."
        )


def _class_index(target: Any, n: int) -> int:
    if isinstance(target, bool | np.bool_) or not isinstance(target, int | np.integer):
        raise TypeError(
            "cross_entropy takes a class index, an integer, or a distribution over the classes, "
            f"but got {type(target).__name__} {target!r}. Convert an index with int()."
        )
    if not 0 <= target < n:
        raise ValueError(
            f"cross_entropy has classes 0 to {n - 1}, one per output, but got {target}. "
            "Count classes from 0, or give the model an output for each."
        )
    return int(target)


def _distribution(target: Sequence[Any], n: int) -> list[Any]:
    """The shares of the classes: numbers as floats, and Values as they are."""
    expected = f"cross_entropy takes a class index, or a distribution over its {n} classes"
    if len(target) != n:
        raise ValueError(
            f"{expected}, but got {len(target)} numbers. Give an index as an integer, not in a "
            "list; call it once per sample."
        )
    shares = _constants(target)
    known = _known(shares)
    if len(known) == n and not (all(each >= 0.0 for each in known) and abs(sum(known) - 1) < 1e-5):
        raise ValueError(
            f"{expected}, at least 0 and of sum 1, but got {known}. Divide counts by their sum."
        )
    return [
        given if isinstance(given, Value) else share.data
        for given, share in zip(target, shares, strict=True)
    ]


# -- weights and sums ------------------------------------------------------------------------


def _number_at_least_0(weight: Any, loss: str, name: str) -> float:
    if not isinstance(weight, numbers.Real | np.bool_) or not 0.0 <= float(weight) < math.inf:
        raise ValueError(
            f"{loss}: {name} must be finite and at least 0, but got {weight!r}. "
            "Weights are plain numbers, no Values."
        )
    return float(weight)


def _weights(weight: Any, n: int, loss: str, name: str, one_for_all: bool = True) -> list[float]:
    """n weights, of which one number may stand for all."""
    if isinstance(weight, np.ndarray):
        weight = weight.tolist()
    if isinstance(weight, Sequence) and not isinstance(weight, str):
        if len(weight) != n:
            raise ValueError(f"{loss} has {n} outputs, but got {len(weight)} numbers as {name}.")
        return [_number_at_least_0(each, loss, name) for each in weight]
    if not one_for_all:
        raise ValueError(
            f"{loss} takes one number per class, {n} of them, as {name}, but got {weight!r}. "
            "A weight for the whole sample is sample_weight."
        )
    return [_number_at_least_0(weight, loss, name)] * n


def _times(weight: Any, terms: list[Value], loss: str) -> list[Value]:
    if weight is None:
        return terms
    factors = _weights(weight, len(terms), loss, "weight")
    return [factor * term for factor, term in zip(factors, terms, strict=True)]


def _scaled(loss: Value, sample_weight: Any, name: str) -> Value:
    if sample_weight is None:
        return loss
    if not isinstance(sample_weight, Value):
        sample_weight = _number_at_least_0(sample_weight, name, "sample_weight")
    return sample_weight * loss  # type: ignore[no-any-return]


def _total(terms: list[Value]) -> Value:
    """Their sum; a single term needs no node for it."""
    return terms[0] if len(terms) == 1 else total(terms)


def _mean(terms: list[Value]) -> Value:
    return terms[0] if len(terms) == 1 else total(terms) / len(terms)


LOSSES: dict[str, Callable[..., Value]] = {
    loss.__name__: loss
    for loss in (
        half_squared_error, mse, mae, huber, hinge, logistic, bce, bce_with_logits, cross_entropy,
    )
}  # fmt: skip
