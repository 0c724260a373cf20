"""What may be called after each epoch of ``fit``, beside functions of one's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.module import Module

_MORE_IS_BETTER = ("accuracy", "r2")


class EarlyStopping:
    """A callback that ends a training once a quantity has not become better for some epochs.

    ``fit(patience=...)`` makes one. In a loop of one's own: call it after each epoch, end when it
    returns True, then call ``restore()``.

    Args:
        model: whose best parameters are kept.
        monitor: which list of the history to watch; "val_loss", or "loss" without one, if not
            given.
        patience: how many epochs without a better number end the training, at least 1.
        min_delta: by how much more than this a number must be better, in its own unit.
        mode: "min" if less is better, "max" if more; by the monitor's name if not given: "max"
            for an accuracy or an R².

    Attributes:
        best: the best number so far.
        best_epoch: its epoch, from 1; 0 before any.
        waited: epochs since then.
    """

    def __init__(
        self,
        model: Module,
        monitor: str | None = None,
        *,
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str | None = None,
    ):
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience must be at least 1, but got {patience}.")
        if not min_delta >= 0.0:
            raise ValueError(f"EarlyStopping: min_delta must be at least 0, but got {min_delta}.")
        if mode not in ("min", "max", None):
            raise ValueError(f"EarlyStopping: mode must be 'min' or 'max', not {mode!r}.")
        self.model, self.monitor, self.mode = model, monitor, mode
        self.patience, self.min_delta = patience, min_delta
        self.best, self.best_epoch, self.waited = math.nan, 0, 0
        self._parameters: dict[str, np.ndarray] = {}

    @property
    def exhausted(self) -> bool:
        """Whether there were that many epochs without a better number."""
        return self.waited >= self.patience

    def __call__(self, epoch: int, history: Mapping[str, list[float]]) -> bool:
        """Look at the newest number; True ends the training."""
        name, newest = monitored(self.monitor, history)
        more = self.mode == "max" if self.mode else name.removeprefix("val_") in _MORE_IS_BETTER
        gain = newest - self.best if more else self.best - newest
        if (self.best_epoch == 0 and not math.isnan(newest)) or gain > self.min_delta:
            self.best, self.best_epoch, self.waited = newest, epoch, 0
            self._parameters = self.model.state_dict()
        else:
            self.waited += 1
        return self.exhausted

    def restore(self) -> None:
        """Give the model the parameters of its best epoch."""
        if self._parameters:
            self.model.load_state_dict(self._parameters)

    def state_dict(self) -> dict[str, Any]:
        """What a training can go on from."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "parameters": dict(self._parameters),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state_dict``."""
        self.best, self.best_epoch = float(state["best"]), int(state["best_epoch"])
        self.waited, self._parameters = int(state["waited"]), dict(state["parameters"])


def monitored(name: str | None, history: Mapping[str, list[float]]) -> tuple[str, float]:
    """(name, newest number) of the list to watch: that of the name, else val_loss, else loss.

    Raises:
        ValueError: if there is none of that name, or nothing in it.
    """
    if name is None:
        name = "val_loss" if "val_loss" in history else "loss"
    if not history.get(name):
        raise ValueError(
            f"there is no {name!r} to monitor; the history has {', '.join(history) or 'nothing'}. "
            "Quantities that begin with val_ need validation data."
        )
    return name, history[name][-1]


def ends(verdict: object) -> bool:
    """Whether what a callback has returned ends the training: only True itself does."""
    return isinstance(verdict, bool | np.bool_) and bool(verdict)
