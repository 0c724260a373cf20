"""Training: mini-batch gradient descent with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from autograd import TraceError, Value, no_grad
from nn.init import Rng, generator
from nn.losses import LOSSES
from nn.module import Module
from nn.optim import Adam, Optimizer
from nn.steps import Compiled, Eager, Loss, Steps, is_hit, listed


class History(dict[str, list[float]]):
    """What ``fit`` saw, a list per quantity ("loss", "accuracy") with one number per epoch.

    Attributes:
        compiled: whether the steps were those of a compiled program.
        reason: if not, though it was asked for, why.
    """

    compiled = False
    reason = ""


def fit(
    model: Module,
    loss: Loss | str,
    X: Any,
    y: Any,
    *,
    epochs: int = 10,
    batch_size: int = 32,
    optimizer: Optimizer | None = None,
    rng: Rng = None,
    validation: tuple[Any, Any] | None = None,
    progress: bool = True,
    callbacks: Sequence[Callable[[int, History], object]] = (),
    compile: bool = True,
) -> History:
    """The history of training the model in place.

    Each step takes the gradient of the mean loss of one mini-batch, as the mean of the
    samples' gradients, and updates the parameters. By default that is a compiled program:
    model and loss are traced once, and the parameters live in flat arrays. They are back in
    the model whenever a callback is called, and at the end, also after an error or an
    interrupt. What cannot be compiled (see ``autograd.compile``) runs node by node, and
    ``history.reason`` says why; the result is the same to rounding.

    Args:
        model: maps a list of numbers to a list of Values.
        loss: of one sample, as ``loss(prediction, target)``, or a name from ``nn.losses``.
        X: N samples of n_in numbers.
        y: N targets, as the loss takes them.
        epochs: passes over the data.
        batch_size: samples per step; the last batch of an epoch may be smaller.
        optimizer: of ``model.parameters()``; Adam with its defaults if not given.
        rng: a NumPy generator or a seed, for the order of the samples in each epoch.
        validation: (X, y) to measure "val_loss" and "val_accuracy" on after each epoch.
        progress: whether to show a progress bar.
        callbacks: called as ``callback(epoch, history)`` after each epoch, counted from 1;
            one that returns True ends the training.
        compile: False runs node by node in any case.

    Raises:
        ValueError: for data whose lengths do not fit, or no data at all.
        FloatingPointError: if the loss or a gradient becomes nan or infinite; the parameters
            then still are those of the step before.
    """
    loss = _loss(loss)
    samples, targets = _pairs(X, y)
    held_out = None if validation is None else _pairs(*validation)
    if batch_size < 1 or epochs < 1:
        raise ValueError(f"epochs and batch_size must be positive: got {epochs}, {batch_size}.")
    optimizer = optimizer or Adam(model.parameters())
    order = generator(rng)
    history = History(loss=[], accuracy=[])
    eager = Eager(model, loss, optimizer, samples, targets)
    steps: Steps = eager
    if compile:
        steps = _compiled(eager, np.asarray(X, dtype=np.float64), np.asarray(y), history)
    try:
        with tqdm(range(1, epochs + 1), unit="epoch", disable=not progress) as bar:
            for epoch in bar:
                total, hits = 0.0, 0
                shuffled = order.permutation(len(samples)).tolist()
                steps.read()
                for start in range(0, len(shuffled), batch_size):
                    of_batch = steps.step(shuffled[start : start + batch_size], epoch)
                    total += of_batch[0]
                    hits += of_batch[1]
                steps.write()
                history["loss"].append(total / len(samples))
                history["accuracy"].append(hits / len(samples))
                if held_out is not None:
                    val_loss, val_accuracy = _measure(model, loss, *held_out)
                    history.setdefault("val_loss", []).append(val_loss)
                    history.setdefault("val_accuracy", []).append(val_accuracy)
                bar.set_postfix({name: f"{numbers[-1]:.4g}" for name, numbers in history.items()})
                verdicts = [callback(epoch, history) for callback in callbacks]
                steps.read()
                if any(isinstance(verdict, bool | np.bool_) and verdict for verdict in verdicts):
                    break
    finally:
        steps.write()
    return history


def _compiled(eager: Eager, X: np.ndarray, y: np.ndarray, history: History) -> Steps:
    """Compiled steps, or those given if that cannot be.

    The targets are looked at first: in a trace a loss cannot refuse them.
    """
    with no_grad():
        prediction = eager.model(eager.samples[0])
        seen = set()
        for target in eager.targets:
            key = target if not isinstance(target, list) else tuple(np.ravel(target).tolist())
            if key not in seen:
                seen.add(key)
                eager.loss(prediction, target)
    try:
        steps = Compiled(eager, X, y)
    except (TraceError, TypeError, ValueError, IndexError) as problem:
        history.reason = f"{type(problem).__name__}: {problem}"
        return eager
    history.compiled = True
    return steps


def predict(model: Module, X: Any) -> np.ndarray:
    """The model's outputs for N samples, as an array of shape (N, n_out)."""
    with no_grad():
        rows = np.asarray(X, dtype=float)
        return np.array([[each.data for each in listed(model(row))] for row in rows])


def accuracy(model: Module, X: Any, y: Any) -> float:
    """The part of the samples classified right, from 0 to 1.

    The predicted class is that of the largest output; with a single output it is its
    sign, for labels -1 and 1 or 0 and 1.
    """
    samples, targets = _pairs(X, y)
    with no_grad():
        hits = [is_hit(model(row), y) for row, y in zip(samples, targets, strict=True)]
    return sum(hits) / len(hits)


def _measure(
    model: Module, loss: Loss, samples: list[Any], targets: list[Any]
) -> tuple[float, float]:
    """Mean loss and accuracy."""
    total, hits = 0.0, 0
    with no_grad():
        for sample, target in zip(samples, targets, strict=True):
            prediction = model(sample)
            total += loss(prediction, target).data
            hits += is_hit(prediction, target)
    return total / len(samples), hits / len(samples)


def _loss(loss: Loss | str) -> Loss:
    if not isinstance(loss, str):
        return loss
    if loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}; the losses are {', '.join(LOSSES)}.")
    return LOSSES[loss]


def _pairs(X: Any, y: Any) -> tuple[list[list[Value]], list[Any]]:
    """The samples as constants, made once for all epochs, and the targets as Python numbers."""
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
    if X.ndim != 2 or not len(X):
        raise ValueError(f"X must have the shape (samples, inputs), but it is {X.shape}.")
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} samples, but y has {len(y)} targets.")
    samples = [
        [Value(number, label=f"x[{i}]", requires_grad=False) for i, number in enumerate(row)]
        for row in X.tolist()
    ]
    return samples, y.tolist()
