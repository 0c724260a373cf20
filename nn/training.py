"""Training: mini-batch gradient descent, with what it takes day by day."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd import TraceError, no_grad
from nn import checkpoint as checkpoints
from nn.archive import Path_
from nn.callbacks import EarlyStopping, ends, monitored
from nn.clipping import clipped_by_norm, clipped_by_value
from nn.draws import Draws
from nn.history import History
from nn.init import Rng, generator
from nn.interrupts import held
from nn.losses import LOSSES
from nn.metrics import hits
from nn.module import Module
from nn.optim import Adam, Optimizer
from nn.progress import reporter
from nn.samples import Partition, Samples
from nn.schedulers import LRScheduler, ReduceLROnPlateau
from nn.scores import Score, score
from nn.steps import Clip, Compiled, Eager, Loss, Steps, Task, listed

__all__ = ["History", "accuracy", "fit", "predict"]

Callback = Callable[[int, History], object]


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
    validation: Sequence[Any] | None = None,
    validation_split: float | None = None,
    sample_weight: Any = None,
    metric: str | None = "auto",
    scheduler: LRScheduler | None = None,
    scheduler_every: str = "epoch",
    clip_norm: float | None = None,
    clip_value: float | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    monitor: str | None = None,
    restore_best: bool = True,
    callbacks: Sequence[Callback] = (),
    checkpoint: Path_ | None = None,
    checkpoint_every: int = 1,
    resume: Path_ | bool = False,
    progress: bool = True,
    compile: bool = True,
) -> History:
    """The history of training the model in place.

    Each step takes the gradient of the mean loss of one mini-batch, as the mean of the
    samples' gradients, and updates the parameters. By default that is a compiled program:
    model and loss are traced once, and the parameters live in flat arrays. They are back in
    the model whenever a callback is called, and at the end, also after an error or an
    interrupt. What cannot be compiled (see ``autograd.compile``) runs node by node, and
    ``history.reason`` says why; the result is the same to rounding.

    The history has "loss" and a metric, the means over an epoch as its steps saw them; with
    validation data "val_loss" and so on, measured after the epoch with ``training`` off; with
    a scheduler "lr", the rate of the first parameter group in the epoch's last step. Ctrl-C ends
    the training as if it were over, and ``history.interrupted`` is True; the parameters are
    those of the last step that was finished.

    Args:
        model: maps a list of numbers to a list of Values.
        loss: of one sample, as ``loss(prediction, target)``, or a name from ``nn.losses``.
        X: N samples of n_in numbers.
        y: N targets, as the loss takes them.
        epochs: passes over the data; of a training that is resumed, those of the first part too.
        batch_size: samples per step; the last batch of an epoch may be smaller.
        optimizer: of ``model.parameters()``; if not given, that of the scheduler, or Adam with
            its defaults.
        rng: a NumPy generator or a seed, for the order of the samples in each epoch, and before
            that for the split.
        validation: (X, y) or (X, y, sample_weight), to measure after each epoch.
        validation_split: the share of the samples, above 0 and below 1, to hold out for that
            instead. They are drawn at random by ``rng``, whatever the order of the data (Keras
            takes the last ones, so of sorted data some classes alone).
        sample_weight: N numbers, at least 0, by which the samples' losses are multiplied. As in
            Keras the mean still divides by the number of samples, and metrics count all alike.
        metric: "accuracy", "r2" or None; "auto" is the accuracy for losses of classes, R² for
            those of regression, and for others the accuracy if all targets are integers, else R².
        scheduler: of the optimiser's learning rate, of ``nn.schedulers``.
        scheduler_every: "epoch", or "batch", as ``OneCycleLR`` is made for. ReduceLROnPlateau
            gets the monitored number after each epoch.
        clip_norm: what the norm of all gradients together is held to.
        clip_value: what each gradient is held to, on both sides.
        patience: after how many epochs without a better monitored number the training ends.
        min_delta: by more than which a number has to be better, in its unit.
        monitor: which list of the history that is; "val_loss" if there is validation, else
            "loss". Of accuracies and R² more is better, of everything else less.
        restore_best: whether the model then gets the parameters of its best epoch, also if the
            patience lasted to the end. After Ctrl-C and errors it does not.
        callbacks: called as ``callback(epoch, history)`` after each epoch, counted from 1;
            one that returns True ends the training. Those that have ``state_dict`` and
            ``load_state_dict`` are part of checkpoints.
        checkpoint: a file to keep all in that a training needs to go on: parameters,
            optimiser, scheduler, random generators (Dropout's too), history, callbacks. It is
            written atomically, after callbacks.
        checkpoint_every: after how many epochs; also after the last one.
        resume: a checkpoint to go on from, or True for ``checkpoint`` if that file exists. With
            the same arguments otherwise, the result is that of a training which was never
            interrupted, bit for bit.
        progress: whether to show a bar in terminals and notebooks, elsewhere a line now and then.
        compile: False runs node by node in any case.

    Raises:
        ValueError: for data whose lengths do not fit, or no data at all, or options that do not
            go together.
        LoadError: for a checkpoint that is damaged, or of another model or training; nothing is
            changed then. It is a ValueError.
        FloatingPointError: if the loss, a gradient or a new parameter becomes nan or infinite,
            with the epoch, the batch, and the layer where the first such number arose; the
            parameters then still are those of the step before.
    """
    function, clip = _loss(loss), _clip(clip_norm, clip_value)
    if batch_size < 1 or epochs < 1 or checkpoint_every < 1:
        raise ValueError(
            "epochs, batch_size and checkpoint_every must be positive: got "
            f"{epochs}, {batch_size}, {checkpoint_every}."
        )
    data, order = Samples(X, y, sample_weight), generator(rng)
    if validation is not None and validation_split is not None:
        raise ValueError("pass validation or validation_split, not both.")
    held_out = None if validation is None else Samples(*validation)
    partition = Partition(len(data), validation_split, order)
    if optimizer is None:
        optimizer = Adam(model.parameters()) if scheduler is None else scheduler.optimizer
    _check_scheduler(scheduler, optimizer, scheduler_every)
    history, followers = History(), list(callbacks)
    stopper = None
    if patience is not None:
        stopper = EarlyStopping(model, monitor, patience=patience, min_delta=min_delta)
        followers.append(stopper)
    draws = Draws(model, order=order)
    parts = {
        "model": model,
        "optimizer": optimizer,
        "scheduler": scheduler,
        "draws": draws,
        "history": history,
        "callbacks": checkpoints.Several(followers),
        "split": partition,
    }
    if checkpoint is not None:
        checkpoints.pack(parts)  # what cannot be kept is better known now
    if (source := _source(resume, checkpoint)) is not None:
        checkpoints.load(source, parts)
    rows = partition.rest
    measured, measured_rows = data, partition.held_out
    if held_out is not None:
        measured, measured_rows = held_out, np.arange(len(held_out))

    task = Task(model, function, optimizer, clip)
    with draws.kept():
        outputs = _checked(task, data, compile)
        if len(measured_rows):
            _checked(task, measured, True)
        evaluated = measured if len(measured_rows) else None
        steps = _steps(task, data, evaluated, history, compile)
    measure = score(metric, function, outputs, data.y)
    bar = reporter(progress, epochs, len(history.epochs), len(rows))
    note = ""
    try:
        for epoch in range(len(history.epochs) + 1, epochs + 1):
            if stopper is not None and stopper.exhausted:
                break
            start, shuffled = time.perf_counter(), rows[order.permutation(len(rows))]
            total, said = 0.0, np.empty((len(rows), outputs))
            for at in range(0, len(rows), batch_size):
                batch = shuffled[at : at + batch_size]
                when = f"epoch {epoch}, batch {at // batch_size + 1}"
                of_batch, said[at : at + batch_size] = steps.step(batch, when)
                total += of_batch
                rate = optimizer.lr
                if scheduler is not None and scheduler_every == "batch":
                    scheduler.step()
                bar.step(len(batch))
            numbers = _means("", total, said, data.y[shuffled], measure)
            if len(measured_rows):
                found = steps.measure(measured, measured_rows)
                numbers |= _means("val_", *found, measured.y[measured_rows], measure)
            if scheduler is not None:
                numbers["lr"] = rate
            seconds = time.perf_counter() - start
            history.add(epoch, numbers, seconds)
            bar.epoch(epoch, {name: each[-1] for name, each in history.items()}, seconds)
            if scheduler_every == "epoch":
                _advance(scheduler, monitor, history)
            over = False
            if followers or checkpoint is not None:
                steps.write()
            if followers:
                verdicts = [follower(epoch, history) for follower in followers]
                over = any(map(ends, verdicts))
                steps.read()
            over = over or epoch == epochs
            if checkpoint is not None and (over or epoch % checkpoint_every == 0):
                checkpoints.save(checkpoint, parts)
            if over:
                break
        steps.write()
        if stopper is not None and restore_best:
            with held():
                stopper.restore()
            if stopper.exhausted:
                note = f"stopped early; best is epoch {stopper.best_epoch}"
            steps.read()
    except KeyboardInterrupt:
        history.interrupted = True
        note = f"interrupted after epoch {len(history.epochs)}"
    finally:
        steps.write()
        bar.close(note)
    return history


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
    data = Samples(X, y)
    return float(hits(predict(model, data.X), data.y).mean())


def _checked(task: Task, data: Samples, all_targets: bool) -> int:
    """The number of outputs; model and loss refuse here what they do not take.

    In a compiled program they would not.
    """
    with no_grad():
        prediction = task.model(data.inputs(0))
        for target in data.distinct_targets() if all_targets else ():
            task.loss(prediction, target)
    return len(listed(prediction))


def _steps(
    task: Task, data: Samples, measured: Samples | None, history: History, compiled: bool
) -> Steps:
    """Compiled steps, or eager ones if that cannot be."""
    eager = Eager(task, data)
    if not compiled:
        return eager
    try:
        steps = Compiled(eager, measured)
    except (TraceError, TypeError, ValueError, IndexError) as problem:
        history.reason = f"{type(problem).__name__}: {problem}"
        return eager
    history.compiled = True
    return steps


def _means(
    prefix: str, total: float, outputs: np.ndarray, targets: np.ndarray, measure: Score | None
) -> dict[str, float]:
    """The mean loss, from its sum, and the metric, if any."""
    numbers = {f"{prefix}loss": total / len(outputs)}
    if measure is not None:
        numbers[f"{prefix}{measure.name}"] = measure.of(outputs, targets)
    return numbers


def _clip(norm: float | None, value: float | None) -> Clip | None:
    """What clips a flat array of gradients."""
    if norm is not None and value is not None:
        raise ValueError("pass clip_norm or clip_value, not both.")
    for name, limit in (("clip_norm", norm), ("clip_value", value)):
        if limit is not None and not limit > 0.0:
            raise ValueError(f"{name} must be above 0, but got {limit!r}.")
    if norm is not None:
        return lambda grad: clipped_by_norm(grad, norm)[0]
    if value is not None:
        return lambda grad: clipped_by_value(grad, value)
    return None


def _check_scheduler(scheduler: LRScheduler | None, optimizer: Optimizer, every: str) -> None:
    if every not in ("epoch", "batch"):
        raise ValueError(f"scheduler_every must be 'epoch' or 'batch', not {every!r}.")
    if scheduler is None:
        return
    if scheduler.optimizer is not optimizer:
        raise ValueError("the scheduler is of another optimiser than the one that trains.")
    if every == "batch" and isinstance(scheduler, ReduceLROnPlateau):
        raise ValueError(
            "ReduceLROnPlateau looks at a number per epoch: pass scheduler_every='epoch'."
        )


def _advance(scheduler: LRScheduler | None, monitor: str | None, history: History) -> None:
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(monitored(monitor, history)[1])
    elif scheduler is not None:
        scheduler.step()


def _source(resume: Path_ | bool, checkpoint: Path_ | None) -> Path_ | None:
    """The checkpoint to go on from, if any."""
    if not isinstance(resume, bool):
        return resume
    if resume and checkpoint is None:
        raise ValueError("resume=True goes on from checkpoint=..., which is not given.")
    return checkpoint if resume and checkpoint is not None and os.path.exists(checkpoint) else None


def _loss(loss: Loss | str) -> Loss:
    if not isinstance(loss, str):
        return loss
    if loss not in LOSSES:
        raise ValueError(f"unknown loss {loss!r}; the losses are {', '.join(LOSSES)}.")
    return LOSSES[loss]
