"""Gradient clipping, with PyTorch's names and arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd import Value

Array = np.ndarray


def clip_grad_norm_(
    parameters: Value | Iterable[Any],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """The norm of all gradients together; they are scaled in place so that it is at most max_norm.

    g ← g · min(1, max_norm / (‖g‖ + 10⁻⁶)), so all keep their direction (Pascanu, Mikolov &
    Bengio 2013, algorithm 1). To be called between ``backward()`` and ``step()``.

    Args:
        parameters: Values, such as ``model.parameters()``; those that require no gradient
            have no part in it.
        max_norm: the largest norm allowed.
        norm_type: p of the p-norm, above 0; ``math.inf`` is the largest |g|.
        error_if_nonfinite: whether to refuse gradients whose norm is nan or infinite; else,
            as in PyTorch, infinite ones become nan and the others 0.

    Raises:
        ValueError: for a norm_type not above 0, or a negative max_norm.
        RuntimeError: if asked for, and nothing is changed then.
    """
    values = _active(parameters)
    grad = np.array([value.grad for value in values])
    clipped, norm = clipped_by_norm(grad, max_norm, norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of the gradients is {norm}, so they cannot be clipped. "
            "Look for a nan with autograd.detect_anomaly(), or pass error_if_nonfinite=False."
        )
    for value, number in zip(values, clipped.tolist(), strict=True):
        value.grad = number
    return norm


def clip_grad_value_(parameters: Value | Iterable[Any], clip_value: float) -> None:
    """Hold every gradient between -clip_value and clip_value, in place; nan stays nan.

    Args:
        parameters: Values, such as ``model.parameters()``.
        clip_value: the largest |g| allowed.

    Raises:
        ValueError: for a negative clip_value.
    """
    values = _active(parameters)
    grad = np.array([value.grad for value in values])
    for value, number in zip(values, clipped_by_value(grad, clip_value).tolist(), strict=True):
        value.grad = number


def clipped_by_norm(grad: Array, max_norm: float, norm_type: float = 2.0) -> tuple[Array, float]:
    """(the clipped gradients, their norm before) of a flat array, as by ``clip_grad_norm_``."""
    _check("clip_grad_norm_: max_norm", max_norm)
    norm = _norm(grad, norm_type)
    with np.errstate(all="ignore"):
        return grad * np.minimum(1.0, np.float64(max_norm) / (norm + 1e-6)), norm


def clipped_by_value(grad: Array, clip_value: float) -> Array:
    """The clipped gradients of an array, as by ``clip_grad_value_``."""
    _check("clip_grad_value_: clip_value", clip_value)
    clipped: Array = np.clip(grad, -clip_value, clip_value)
    return clipped


def _norm(grad: Array, p: float) -> float:
    """(Σ |gᵢ|ᵖ)^(1/p), of multiples of the largest: no power over- or underflows."""
    if not p > 0.0:
        raise ValueError(f"clip_grad_norm_: norm_type must be above 0, but got {p!r}.")
    sizes = np.abs(grad)
    largest = float(sizes.max(initial=0.0))
    if p == math.inf or largest == 0.0 or not math.isfinite(largest):
        return largest
    return largest * math.pow(np.sum((sizes / largest) ** p), 1.0 / p)


def _check(what: str, number: float) -> None:
    if not number >= 0.0:
        raise ValueError(f"{what} must be at least 0, but got {number!r}.")


def _active(parameters: Any) -> list[Value]:
    """The Values that require a gradient."""
    if isinstance(parameters, np.ndarray):
        parameters = parameters.ravel().tolist()
    values = [parameters] if isinstance(parameters, Value) else list(parameters)
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(
                f"gradients of Values are clipped, but got {type(value).__name__}. "
                "Pass model.parameters()."
            )
    return [value for value in values if value.requires_grad]
