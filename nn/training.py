"""Training: mini-batch gradient descent with a progress bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from autograd import Value, no_grad
from nn.init import Rng, generator
from nn.losses import LOSSES
from nn.module import Module
from nn.optim import Adam, Optimizer

Loss = Callable[[list[Value], Any], Value]


class History(dict[str, list[float]]):
    """What ``fit`` saw, a list per quantity ("loss", "accuracy") with one number per epoch."""


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
) -> History:
    """The history of training the model in place.

    Each step takes the gradient of the mean loss of one mini-batch, as the mean of the
    samples' gradients (one backward pass per sample), and updates the parameters.

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
    with tqdm(range(1, epochs + 1), unit="epoch", disable=not progress) as bar:
        for epoch in bar:
            total, hits = 0.0, 0
            shuffled = order.permutation(len(samples)).tolist()
            for start in range(0, len(shuffled), batch_size):
                batch = shuffled[start : start + batch_size]
                optimizer.zero_grad()
                for i in batch:
                    prediction = model(samples[i])
                    each = loss(prediction, targets[i])
                    if not math.isfinite(each.data):
                        raise FloatingPointError(
                            f"the loss of sample {i} is {each.data} in epoch {epoch}. "
                            "Lower the learning rate, or look for such a number in the data."
                        )
                    each.backward(1.0 / len(batch))
                    total += each.data
                    hits += is_hit(prediction, targets[i])
                _check_gradients(model, epoch)
                optimizer.step()
            history["loss"].append(total / len(samples))
            history["accuracy"].append(hits / len(samples))
            if held_out is not None:
                val_loss, val_accuracy = _measure(model, loss, *held_out)
                history.setdefault("val_loss", []).append(val_loss)
                history.setdefault("val_accuracy", []).append(val_accuracy)
            bar.set_postfix({name: f"{numbers[-1]:.4g}" for name, numbers in history.items()})
            verdicts = [callback(epoch, history) for callback in callbacks]
            if any(isinstance(verdict, bool | np.bool_) and verdict for verdict in verdicts):
                break
    return history


def predict(model: Module, X: Any) -> np.ndarray:
    """The model's outputs for N samples, as an array of shape (N, n_out)."""
    with no_grad():
        rows = np.asarray(X, dtype=float)
        return np.array([[each.data for each in _listed(model(row))] for row in rows])


def accuracy(model: Module, X: Any, y: Any) -> float:
    """The part of the samples classified right, from 0 to 1.

    The predicted class is that of the largest output; with a single output it is its
    sign, for labels -1 and 1 or 0 and 1.
    """
    samples, targets = _pairs(X, y)
    with no_grad():
        hits = [is_hit(model(row), y) for row, y in zip(samples, targets, strict=True)]
    return sum(hits) / len(hits)


def is_hit(prediction: Any, target: Any) -> bool:
    """Whether the prediction says the target's class."""
    outputs, wanted = [each.data for each in _listed(prediction)], np.ravel(target)
    if len(outputs) == 1:
        return bool((outputs[0] > 0.0) == (wanted[0] > 0.0))
    index = wanted[0] if len(wanted) == 1 else np.argmax(wanted)  # a class, or one-hot
    return bool(np.argmax(outputs) == index)


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


def _listed(prediction: Any) -> Sequence[Value]:
    """The outputs as a list; a model of one's own may give a single Value."""
    return [prediction] if isinstance(prediction, Value) else prediction


def _check_gradients(model: Module, epoch: int) -> None:
    if not all(map(math.isfinite, [parameter.grad for parameter in model.parameters()])):
        names = [
            name
            for name, member in model.named_parameters()
            if not all(math.isfinite(value.grad) for value in np.ravel(member))
        ]
        raise FloatingPointError(
            f"the gradient of {', '.join(names)} is not finite in epoch {epoch}, though the loss "
            "is. Run one sample under autograd.detect_anomaly() to see where it arises."
        )


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
