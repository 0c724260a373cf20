"""One step of training, run node by node or compiled: the same to rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from autograd import TraceError, Value, compile
from nn.losses import cross_entropy
from nn.module import Module
from nn.optim import Optimizer

Loss = Callable[[list[Value], Any], Value]


class Steps(Protocol):
    """What trains: a way to make steps, and to show and take parameters in between."""

    def step(self, batch: Sequence[int], epoch: int) -> tuple[float, int]:
        """Update the parameters once; the sum of the losses before, and the hits."""

    def read(self) -> None:
        """Take the parameters from the model."""

    def write(self) -> None:
        """Give the parameters, and their gradients, to the model."""


class Eager:
    """Steps as the engine makes them: a graph and a backward pass per sample."""

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        samples: list[Any],
        targets: list[Any],
    ):
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.samples, self.targets = samples, targets

    def step(self, batch: Sequence[int], epoch: int) -> tuple[float, int]:
        """Update the parameters once; the sum of the losses before, and the hits."""
        total, hits = self.gradients(batch, epoch)
        self.optimizer.step()
        return total, hits

    def gradients(self, batch: Sequence[int], epoch: int) -> tuple[float, int]:
        """Set the gradients of the mean loss; the sum of the losses, and the hits.

        Raises:
            FloatingPointError: if a loss or a gradient is not finite.
        """
        total, hits = 0.0, 0
        self.optimizer.zero_grad()
        for i in batch:
            prediction = self.model(self.samples[i])
            each = self.loss(prediction, self.targets[i])
            if not math.isfinite(each.data):
                raise FloatingPointError(
                    f"the loss of sample {i} is {each.data} in epoch {epoch}. "
                    "Lower the learning rate, or look for such a number in the data."
                )
            each.backward(1.0 / len(batch))
            total += each.data
            hits += is_hit(prediction, self.targets[i])
        _check_gradients(self.model, epoch)
        return total, hits

    def read(self) -> None:
        """Nothing: the parameters are those of the model."""

    def write(self) -> None:
        """Nothing: the parameters are those of the model."""


class Compiled:
    """Steps by a compiled program, with the parameters in flat arrays.

    A batch whose loss or gradient is not finite is done again by the engine, which knows
    what that means and what to say.

    Raises:
        TraceError: if the model or the loss cannot be compiled.
    """

    def __init__(self, eager: Eager, X: np.ndarray, y: np.ndarray):
        self.eager, self.optimizer = eager, eager.optimizer
        model, loss = eager.model, eager.loss
        if any(getattr(module, "_hooks", None) is not None for module in model.modules()):
            raise TraceError("a module has hooks, which a compiled program would not call.")
        targets = np.asarray(y)
        if loss is cross_entropy and targets.dtype.kind in "iu" and targets.ndim == 1:
            classes = len(listed(model(eager.samples[0])))
            targets = np.eye(classes)[targets]
        self.X, self.y = np.ascontiguousarray(X), targets.astype(np.float64)
        self.flat_y = y.reshape(len(y), -1)

        def sample(x: Any, t: Any) -> tuple[Value, list[Value]]:
            prediction = model(list(x))
            given = list(t) if isinstance(t, np.ndarray) else t
            return loss(prediction, given), [each.detach() for each in listed(prediction)]

        self.program = compile(sample, in_axes=(0, 0), reduce=None)
        self.grad = np.zeros(len(self.optimizer.parameters))
        self.read()

    def read(self) -> None:
        """Take the parameters from the model, and compile anew if something else has changed."""
        self.flat = self.program.flat(self.X[:1], self.y[:1])
        parameters = self.optimizer.parameters
        place = {id(value): i for i, value in enumerate(self.flat.values)}
        own = np.array([place.get(id(value), -1) for value in parameters])
        self.known = np.flatnonzero(own >= 0)
        self.place = own[self.known]
        # An optimiser's own step, and parameters that stay as they are, are its own affair.
        plain = type(self.optimizer).step is Optimizer.step
        self.fast = plain and all(value.requires_grad for value in parameters)
        self.data = np.array([value.data for value in parameters])
        self.grad = np.zeros(len(parameters)) if len(self.grad) != len(own) else self.grad

    def write(self) -> None:
        """Give the parameters, and their gradients, to the model."""
        grads = self.grad.tolist()
        pairs = zip(self.optimizer.parameters, self.data.tolist(), grads, strict=True)
        for value, number, grad in pairs:
            if value.requires_grad:
                value.data, value.grad = number, grad

    def step(self, batch: Sequence[int], epoch: int) -> tuple[float, int]:
        """Update the parameters once; the sum of the losses before, and the hits."""
        rows = np.asarray(batch)
        (losses, *outputs), gradient = self.flat.run(
            [self.X[rows].T, self._targets(rows)], len(rows)
        )
        losses = np.broadcast_to(losses, len(rows))
        total = float(np.add.accumulate(losses)[-1])  # in the order of the samples
        if not math.isfinite(total) or not np.isfinite(gradient).all():
            self.write()
            total, hits = self.eager.gradients(batch, epoch)
            self.grad[:] = [value.grad for value in self.optimizer.parameters]
        else:
            hits = self._hits(outputs, rows)
            self.grad = np.zeros(len(self.data))
            self.grad[self.known] = gradient[self.place] / len(rows)
        if self.fast:
            self.data = self.optimizer.update(self.data, self.grad)
        else:
            self.write()
            self.optimizer.step()
            self.data = np.array([value.data for value in self.optimizer.parameters])
        self.flat.parameters[self.place] = self.data[self.known]
        return total, hits

    def _targets(self, rows: np.ndarray) -> np.ndarray:
        chosen: np.ndarray = self.y[rows]
        return chosen.reshape(len(rows), -1).T

    def _hits(self, outputs: list[Any], rows: np.ndarray) -> int:
        """How many predictions say the target's class."""
        wanted = self.flat_y[rows]
        said = np.array([np.broadcast_to(output, len(rows)) for output in outputs])
        if len(said) == 1:
            return int(((said[0] > 0.0) == (wanted[:, 0] > 0.0)).sum())
        index = wanted[:, 0] if wanted.shape[1] == 1 else np.argmax(wanted, axis=1)
        return int((np.argmax(said, axis=0) == index).sum())


def is_hit(prediction: Any, target: Any) -> bool:
    """Whether the prediction says the target's class."""
    outputs, wanted = [each.data for each in listed(prediction)], np.ravel(target)
    if len(outputs) == 1:
        return bool((outputs[0] > 0.0) == (wanted[0] > 0.0))
    index = wanted[0] if len(wanted) == 1 else np.argmax(wanted)  # a class, or one-hot
    return bool(np.argmax(outputs) == index)


def listed(prediction: Any) -> Sequence[Value]:
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
