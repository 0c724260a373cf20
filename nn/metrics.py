"""Metrics of predictions beside the truth, with scikit-learn's names and arguments.

They take plain numbers and arrays and give such: nothing here is differentiated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray
_NUMBERS = "biuf"


def predicted_classes(outputs: Any, labels: Sequence[Any] = (0, 1)) -> Array:
    """The class that each row of a model's outputs says, shape (N,).

    That of the largest output, the first of equal ones, as an index; with a single output,
    labels[1] where it is above 0, else labels[0].

    Args:
        outputs: (N, n_out), as ``nn.predict`` gives them; for one output also (N,).
        labels: of the two classes that a single output tells apart, such as (-1, 1).
    """
    outputs = np.asarray(outputs, dtype=float)
    if outputs.ndim == 1:
        outputs = outputs[:, np.newaxis]
    if outputs.ndim != 2 or outputs.shape[1] == 0:
        raise ValueError(
            f"predicted_classes takes outputs of shape (samples, outputs), not {outputs.shape}."
        )
    classes: Array
    if outputs.shape[1] == 1:
        classes = np.asarray(labels)[(outputs[:, 0] > 0.0).astype(int)]
    else:
        classes = np.argmax(outputs, axis=1)
    return classes


def hits(outputs: Any, targets: Any) -> Array:
    """Which of the samples are classified right, N booleans.

    The predicted class is that of the largest output; with a single output it is its
    sign, for labels -1 and 1 or 0 and 1.

    Args:
        outputs: (N, n_out).
        targets: N class indices, or labels of a single output; or one-hot, (N, n_out).
    """
    outputs = np.asarray(outputs, dtype=float)
    wanted = np.asarray(targets).reshape(len(outputs), -1)
    if outputs.ndim != 2 or wanted.shape[1] not in (1, outputs.shape[1]):
        raise ValueError(
            f"hits takes outputs (samples, outputs) and a class or one-hot row per sample, but "
            f"got shapes {outputs.shape} and {np.shape(targets)}."
        )
    if outputs.shape[1] == 1:
        right: Array = (outputs[:, 0] > 0.0) == (wanted[:, 0] > 0.0)
        return right
    index = wanted[:, 0] if wanted.shape[1] == 1 else np.argmax(wanted, axis=1)
    right = np.argmax(outputs, axis=1) == index
    return right


def accuracy_score(
    y_true: Any, y_pred: Any, *, normalize: bool = True, sample_weight: Any = None
) -> float:
    """The part of the samples whose predicted label is the true one, from 0 to 1.

    Args:
        y_true: N labels.
        y_pred: N labels.
        normalize: whether to divide by their number, or the sum of their weights; if not, the
            number of hits is given.
        sample_weight: N numbers, how much each sample counts.
    """
    true, predicted = _labels(y_true, "y_true"), _labels(y_pred, "y_pred")
    weight = _sample_weight(sample_weight, len(_same_length(true, predicted)))
    right = float(np.sum(weight * (true == predicted)))
    return right / float(np.sum(weight)) if normalize else right


def confusion_matrix(
    y_true: Any,
    y_pred: Any,
    *,
    labels: Any = None,
    sample_weight: Any = None,
    normalize: str | None = None,
) -> Array:
    """C of shape (k, k), where C[i, j] counts the samples of class i that were called j.

    Rows are the truth, columns the predictions, as in scikit-learn. Without weights and
    normalisation these are integers.

    Args:
        y_true: N labels, numbers or strings.
        y_pred: N labels.
        labels: the k classes in the order wanted; samples of others are left out. All that
            occur, sorted, if not given.
        sample_weight: N numbers, how much each sample counts.
        normalize: "true" divides each row by its sum, "pred" each column, "all" everything by
            the total; where that is 0, zeros are given.

    Raises:
        ValueError: for different lengths, or labels of which none occurs in y_true.

    >>> confusion_matrix([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 2, 0])
    array([[1, 1, 0],
           [0, 1, 0],
           [1, 0, 2]])
    """
    if normalize not in ("true", "pred", "all", None):
        raise ValueError(
            f"confusion_matrix: normalize must be 'true', 'pred', 'all' or None, not {normalize!r}."
        )
    true, predicted = _labels(y_true, "y_true"), _labels(y_pred, "y_pred")
    weight = _sample_weight(sample_weight, len(_same_length(true, predicted)))
    if labels is None:
        classes = np.unique(np.concatenate([true, predicted]))
    else:
        classes = _labels(labels, "labels")
        if not np.isin(classes, true).any():
            raise ValueError(
                f"confusion_matrix: none of the labels {classes.tolist()} is in y_true."
            )
    place = {label: i for i, label in enumerate(classes.tolist())}
    if len(place) < len(classes):
        raise ValueError(f"confusion_matrix: a label stands twice in {classes.tolist()}.")
    matrix = np.zeros((len(classes), len(classes)), dtype=weight.dtype)
    for i, j, each in zip(true.tolist(), predicted.tolist(), weight.tolist(), strict=True):
        if i in place and j in place:
            matrix[place[i], place[j]] += each
    if normalize is None:
        return matrix
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    whole = matrix.sum(axis=axis, keepdims=True)
    shares: Array = np.divide(matrix, whole, out=np.zeros(matrix.shape), where=whole != 0)
    return shares


def r2_score(
    y_true: Any,
    y_pred: Any,
    *,
    sample_weight: Any = None,
    multioutput: str | Sequence[float] | None = "uniform_average",
    force_finite: bool = True,
) -> Any:
    """R² = 1 - Σ (y - ŷ)² / Σ (y - ȳ)², the coefficient of determination (Wright 1921).

    1 is a perfect fit, 0 that of the mean; it can be as negative as a model is bad.

    Args:
        y_true: y, N numbers or (N, k).
        y_pred: ŷ, of the same shape.
        sample_weight: N numbers, how much each sample counts, in ȳ too.
        multioutput: "raw_values" for the R² of each of the k outputs, "uniform_average" for
            their mean, "variance_weighted" for the mean weighted by the variances of y; or k
            weights.
        force_finite: whether a constant y gives 1 for a perfect fit and else 0, in place of nan
            and -inf.

    Raises:
        ValueError: for different shapes, or fewer than two samples.
    """
    true, predicted = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    true, predicted = (
        each[:, np.newaxis] if each.ndim == 1 else each for each in (true, predicted)
    )
    if true.shape != predicted.shape or true.ndim != 2:
        raise ValueError(
            f"r2_score takes y_true and y_pred of the same shape, (samples,) or (samples, "
            f"outputs), but got {np.shape(y_true)} and {np.shape(y_pred)}."
        )
    if len(true) < 2:
        raise ValueError(f"r2_score needs two samples or more, but got {len(true)}.")
    weight = _sample_weight(sample_weight, len(true)).astype(float)[:, np.newaxis]
    residual = np.sum(weight * (true - predicted) ** 2, axis=0)
    mean = np.sum(weight * true, axis=0) / np.sum(weight)
    variation = np.sum(weight * (true - mean) ** 2, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = 1.0 - residual / variation
    if force_finite:
        scores = np.where(variation == 0.0, np.where(residual == 0.0, 1.0, 0.0), scores)
    share: Any = None
    if isinstance(multioutput, str):
        if multioutput == "raw_values":
            return scores
        if multioutput == "variance_weighted":
            share = variation if variation.any() else None
        elif multioutput != "uniform_average":
            raise ValueError(
                "r2_score: multioutput must be 'raw_values', 'uniform_average', "
                f"'variance_weighted' or weights, not {multioutput!r}."
            )
    elif multioutput is not None:
        share = np.asarray(multioutput, dtype=float)
        if share.shape != scores.shape:
            raise ValueError(
                f"r2_score has {len(scores)} outputs, but got weights of shape {share.shape}."
            )
    return float(np.average(scores, weights=share))


def _labels(labels: Any, name: str) -> Array:
    """The labels as an array of one axis; a column counts as such."""
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{name} must be a list of labels, one per sample, but has the shape {array.shape}. "
            "Take the classes of outputs with predicted_classes()."
        )
    return array


def _same_length(true: Array, predicted: Array) -> Array:
    if not len(true):
        raise ValueError("y_true is empty: there is nothing to measure.")
    if (true.dtype.kind in _NUMBERS) != (predicted.dtype.kind in _NUMBERS):
        raise ValueError(
            f"y_true has labels of {true.dtype}, but y_pred of {predicted.dtype}: "
            "numbers and names are never equal."
        )
    if len(true) != len(predicted):
        raise ValueError(
            f"y_true has {len(true)} labels, but y_pred {len(predicted)}: one per sample is needed."
        )
    return true


def _sample_weight(weight: Any, n: int) -> Array:
    """N weights; ones, as integers, if none are given."""
    if weight is None:
        return np.ones(n, dtype=np.int64)
    given: Array = np.asarray(weight)
    if given.shape != (n,):
        raise ValueError(
            f"sample_weight must be {n} numbers, one per sample, but has the shape {given.shape}."
        )
    return given if given.dtype.kind in "iu" else given.astype(float)
