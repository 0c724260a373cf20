"""Models at work on many samples, compiled where that can be, and as they were afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autograd import TraceError, Value, compile, no_grad
from nn.losses import LOSSES, cross_entropy
from nn.module import Module

Array = np.ndarray
Loss = Callable[..., Value]
_NOT_COMPILED = (TraceError, TypeError, ValueError, IndexError)


@contextlib.contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Let the model evaluate: no dropout. Afterwards each module trains or not, as before."""
    former = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in former:
            module.training = training


def checked(model: Any, X: Any, y: Any = None) -> tuple[Array, Array]:
    """X as (N, n_in) finite numbers, and y as N targets.

    Raises:
        TypeError: if the model is none.
        ValueError: for other shapes.
    """
    if not isinstance(model, Module):
        raise TypeError(f"a plot takes a module of nn, but got {type(model).__name__}.")
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or not len(X):
        raise ValueError(f"X must have the shape (samples, inputs), but it is {X.shape}.")
    if not np.isfinite(X).all():
        raise ValueError("X has numbers that are not finite.")
    y = np.asarray(y) if y is not None else np.zeros(len(X))
    if len(np.atleast_1d(y)) != len(X):
        raise ValueError(f"X has {len(X)} samples, but y has {len(np.atleast_1d(y))} targets.")
    return X, y


def outputs(model: Module, X: Array) -> Array:
    """The model's outputs, (N, n_out)."""
    with evaluating(model), no_grad():
        if not _hooked(model):
            with contextlib.suppress(*_NOT_COMPILED):
                columns: Any = compile(lambda x: list(listed(model(list(x)))), in_axes=0)(X)
                return np.stack([np.broadcast_to(each, len(X)) for each in columns], axis=1)
        return np.array([[each.data for each in listed(model(row))] for row in X])


def loss_named(loss: Loss | str) -> Loss:
    """The loss of that name, or the loss itself."""
    if not isinstance(loss, str):
        return loss
    if loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}; the losses are {', '.join(LOSSES)}.")
    return LOSSES[loss]


def mean_loss(model: Module, loss: Loss, X: Array, y: Array) -> Callable[[], float]:
    """A function that gives the mean loss with the parameters that the model then has."""
    targets = y.tolist()
    with no_grad():  # the labels are checked here: in a trace they are unknown
        outs = len(listed(model(X[0].tolist())))
        for target in {repr(each): each for each in targets}.values():
            loss(model(X[0].tolist()), target)

    def eager() -> float:
        pairs = zip(X.tolist(), targets, strict=True)
        with no_grad():
            return float(np.mean([loss(model(row), target).data for row, target in pairs]))

    if _hooked(model):
        return eager
    # A class index picks a node, which a trace cannot; a row of 0 and 1 says the same.
    picks = loss is cross_entropy and y.ndim == 1 and y.dtype.kind in "iu"
    numbers = (np.eye(outs)[y] if picks else y).astype(np.float64)

    def one(x: Any, t: Any) -> Value:
        return loss(model(list(x)), list(t) if isinstance(t, np.ndarray) else t)

    program = compile(one, in_axes=(0, 0))

    def compiled() -> float:
        with no_grad():
            return float(np.mean(np.broadcast_to(program(X, numbers), len(X))))

    try:
        compiled()
    except _NOT_COMPILED:
        return eager
    return compiled


def listed(prediction: Any) -> Sequence[Any]:
    """The outputs as a list; a model of one's own may give a single Value."""
    return [prediction] if isinstance(prediction, Value) else prediction


def _hooked(model: Module) -> bool:
    """Whether a module has hooks, which a compiled program would not call."""
    return any(module._hooks is not None for module in model.modules())
