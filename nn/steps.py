"""One step of training, run node by node or compiled: the same to rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

import numpy as np

from autograd import TraceError, Value, compile, no_grad
from nn.diagnosis import finite, names, source_of_adjoint, source_of_value
from nn.draws import Draws, evaluating
from nn.interrupts import held
from nn.losses import cross_entropy
from nn.module import Module
from nn.optim import Optimizer
from nn.samples import Samples

Array = np.ndarray
Loss = Callable[[list[Value], Any], Value]
Clip = Callable[[Array], Array]


class Task(NamedTuple):
    """What is to be trained, and how.

    Attributes:
        model: maps a list of Values to one.
        loss: of one sample.
        optimizer: of the parameters to train.
        clip: what is done to the gradients, a flat array, before each step.
    """

    model: Module
    loss: Loss
    optimizer: Optimizer
    clip: Clip | None = None


class Steps(Protocol):
    """What trains: a way to make steps, and to show and take parameters in between."""

    def step(self, batch: Array, when: str) -> tuple[float, Array]:
        """Update the parameters once.

        Args:
            batch: which samples.
            when: for errors, "epoch 1, batch 2".

        Returns:
            The sum of the weighted losses before, and the outputs then, (samples, n_out).

        Raises:
            FloatingPointError: if the loss, a gradient or a new parameter is not finite; the
                parameters then are those of the step before.
        """

    def measure(self, data: Samples, rows: Array) -> tuple[float, Array]:
        """The sum of the weighted losses of samples, and the outputs, in evaluation mode."""

    def read(self) -> None:
        """Take the parameters from the model."""

    def write(self) -> None:
        """Give the parameters, and their gradients, to the model."""


class Eager:
    """Steps as the engine makes them: a graph and a backward pass per sample.

    Ctrl-C waits for the end of a sample: in the midst of a pass it could leave a scope, or
    ``no_grad``, open.
    """

    def __init__(self, task: Task, data: Samples):
        self.task, self.data = task, data
        self.draws = Draws(task.model)

    def step(self, batch: Array, when: str) -> tuple[float, Array]:
        """Update the parameters once; see ``Steps``."""
        found = self.gradients(batch, when)
        if self.task.clip is not None:
            values = [each for each in self.task.optimizer.parameters if each.requires_grad]
            clipped = self.task.clip(np.array([value.grad for value in values]))
            for value, number in zip(values, clipped.tolist(), strict=True):
                value.grad = number
        self.update(when)
        return found

    def update(self, when: str) -> None:
        """A step of the optimiser, whole or not at all."""
        optimizer = self.task.optimizer
        with held():
            before = [value.data for value in optimizer.parameters]
            try:
                optimizer.step()
                after = [value.data for value in optimizer.parameters]
                if not finite(after):
                    refuse_update(self.task, np.array(after), when)
            except BaseException:
                for value, number in zip(optimizer.parameters, before, strict=True):
                    value.data = number
                raise

    def gradients(self, batch: Array, when: str) -> tuple[float, Array]:
        """Set the gradients of the mean loss; the sum of the losses, and the outputs.

        Raises:
            FloatingPointError: if a loss or a gradient is not finite.
        """
        model, draws = self.task.model, self.draws.state_dict()
        total, outputs = 0.0, []
        self.task.optimizer.zero_grad()
        for i in batch.tolist():
            with held():
                prediction, loss = self._forward(self.data, i)
                if math.isfinite(loss.data):
                    loss.backward(1.0 / len(batch))
            if not math.isfinite(loss.data):
                raise FloatingPointError(
                    f"the loss of sample {i} is {loss.data} in {when}: "
                    f"{source_of_value(model, loss)}. Lower the learning rate, or look for such "
                    "a number in the data."
                )
            total += loss.data
            outputs.append([each.data for each in prediction])
        bad = [value for value in model.parameters() if not math.isfinite(value.grad)]
        if bad:
            self.draws.load_state_dict(draws)
            self._refuse_gradients(batch, bad, when)
        return total, np.array(outputs)

    def _refuse_gradients(self, batch: Array, bad: list[Value], when: str) -> NoReturn:
        """Raise the error that says where the gradients are none, and why."""
        what = f"the gradient of {names(self.task.model, bad)} is not finite in {when}"
        for i in batch.tolist():
            source = source_of_adjoint(self.task.model, self._forward(self.data, i)[1])
            if source:
                raise FloatingPointError(
                    f"{what}, though the loss is: of sample {i}, {source}. A slope is infinite "
                    "there, or products of slopes overflow."
                )
        raise FloatingPointError(f"{what}: the sum over the samples overflows.")

    def _forward(self, data: Samples, i: int) -> tuple[Sequence[Value], Value]:
        prediction = self.task.model(data.inputs(i))
        loss = self.task.loss(prediction, data.targets[i])
        return listed(prediction), loss if data.weight is None else data.weight_of(i) * loss

    def measure(self, data: Samples, rows: Array) -> tuple[float, Array]:
        """The sum of the weighted losses of samples, and the outputs, in evaluation mode."""
        total, outputs = 0.0, []
        for i in rows.tolist():
            with held(), no_grad(), evaluating(self.task.model):
                prediction, loss = self._forward(data, i)
            total += loss.data
            outputs.append([each.data for each in prediction])
        return total, np.array(outputs)

    def read(self) -> None:
        """Nothing: the parameters are those of the model."""

    def write(self) -> None:
        """Nothing: the parameters are those of the model."""


class Compiled:
    """Steps by a compiled program, with the parameters in flat arrays.

    A batch whose loss or gradient is not finite is done again by the engine, which knows
    what that means and what to say.

    Args:
        eager: the same steps by the engine.
        measured: what ``measure`` will be called with, if at all; that takes its own program.

    Raises:
        TraceError: if the model or the loss cannot be compiled.
    """

    def __init__(self, eager: Eager, measured: Samples | None = None):
        self.eager, self.task = eager, eager.task
        modules = self.task.model.modules()
        if any(getattr(module, "_hooks", None) is not None for module in modules):
            raise TraceError("a module has hooks, which a compiled program would not call.")
        self.training = _Kernel(self.task, eager.data)
        self.evaluation = None if measured is None else _Kernel(self.task, measured)
        self.grad = np.zeros(len(self.task.optimizer.parameters))
        self.read()

    def read(self) -> None:
        """Take the parameters from the model, and compile anew if something else has changed."""
        with held():
            self.training.read()
            if self.evaluation is not None:
                with evaluating(self.task.model):
                    self.evaluation.read()
        optimizer = self.task.optimizer
        parameters = optimizer.parameters
        # An optimiser's own step, and parameters that stay as they are, are its own affair.
        plain = type(optimizer).step is Optimizer.step
        self.fast = plain and all(value.requires_grad for value in parameters)
        self.data = np.array([value.data for value in parameters])
        self.grad = self.grad if len(self.grad) == len(parameters) else np.zeros(len(parameters))

    def write(self) -> None:
        """Give the parameters, and their gradients, to the model."""
        with held():
            numbers = zip(self.data.tolist(), self.grad.tolist(), strict=True)
            for value, (data, grad) in zip(self.task.optimizer.parameters, numbers, strict=True):
                if value.requires_grad:
                    value.data, value.grad = data, grad

    def step(self, batch: Array, when: str) -> tuple[float, Array]:
        """Update the parameters once; see ``Steps``."""
        total, outputs, gradient = self.training.run(batch, self.data)
        if math.isfinite(total) and finite(gradient):
            grad = self.training.spread(gradient, len(self.data)) / len(batch)
        else:
            self.write()
            total, outputs = self.eager.gradients(batch, when)
            grad = np.array([value.grad for value in self.task.optimizer.parameters])
        if self.task.clip is not None:
            grad = self.task.clip(grad)
        if self.fast:
            with held():
                data = self.task.optimizer.update(self.data, grad)
                if not finite(data):
                    refuse_update(self.task, data, when)
                self.data, self.grad = data, grad
        else:
            self.grad = grad
            self.write()
            with held():
                self.eager.update(when)
                self.data = np.array([value.data for value in self.task.optimizer.parameters])
        return total, outputs

    def measure(self, data: Samples, rows: Array) -> tuple[float, Array]:
        """The sum of the weighted losses of samples, and the outputs, in evaluation mode."""
        if self.evaluation is not None and self.evaluation.data is data:
            total, outputs, _ = self.evaluation.run(rows, self.data)
            if math.isfinite(total) and finite(outputs):
                return total, outputs
        self.write()
        return self.eager.measure(data, rows)


class _Kernel:
    """The compiled losses and outputs of samples, with the gradients of the sum of the losses."""

    def __init__(self, task: Task, data: Samples):
        model, loss = task.model, task.loss
        self.task, self.data = task, data
        y = data.y
        if loss is cross_entropy and y.dtype.kind in "iu" and y.ndim == 1:
            with no_grad():
                y = np.eye(len(listed(model(data.inputs(0)))))[y]
        self.columns = [data.X, y.astype(np.float64)]
        if data.weight is not None:
            self.columns.append(data.weight)

        def sample(x: Any, t: Any, *weight: Any) -> tuple[Value, list[Value]]:
            prediction = model(list(x))
            each = loss(prediction, list(t) if isinstance(t, np.ndarray) else t)
            for factor in weight:
                each = factor * each
            return each, [output.detach() for output in listed(prediction)]

        self.program = compile(sample, in_axes=(0,) * len(self.columns), reduce=None)

    def read(self) -> None:
        """Take the parameters from the model, and compile anew if something else has changed."""
        self.flat = self.program.flat(*(column[:1] for column in self.columns))
        place = {id(value): i for i, value in enumerate(self.flat.values)}
        own = np.array([place.get(id(value), -1) for value in self.task.optimizer.parameters])
        self.known = np.flatnonzero(own >= 0)
        self.place = own[self.known]

    def run(self, rows: Array, numbers: Array) -> tuple[float, Array, Array]:
        """(the sum of the losses, outputs, gradients) of samples, for these parameters."""
        n = len(rows)
        self.flat.parameters[self.place] = numbers[self.known]
        columns = [column[rows].reshape(n, -1).T for column in self.columns]
        (losses, *found), gradient = self.flat.run(columns, n)
        outputs = np.empty((len(found), n))
        for row, output in zip(outputs, found, strict=True):
            row[:] = output
        # In the order of the samples, as the engine adds.
        total = float(np.add.accumulate(np.broadcast_to(losses, n))[-1])
        return total, outputs.T, gradient

    def spread(self, gradient: Array, n: int) -> Array:
        """The gradients in the order of the optimiser's n parameters; 0 for those not used."""
        grad = np.zeros(n)
        grad[self.known] = gradient[self.place]
        return grad


def refuse_update(task: Task, data: Array, when: str) -> NoReturn:
    """Raise the error that says which parameters a step would make no numbers."""
    parameters = task.optimizer.parameters
    bad = [parameters[i] for i in np.flatnonzero(~np.isfinite(data))]
    raise FloatingPointError(
        f"the step of {type(task.optimizer).__name__} in {when} would make "
        f"{names(task.model, bad)} not finite, though the gradient is. Lower the learning rate."
    )


def listed(prediction: Any) -> Sequence[Value]:
    """The outputs as a list; a model of one's own may give a single Value."""
    return [prediction] if isinstance(prediction, Value) else prediction
