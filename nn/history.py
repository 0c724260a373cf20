"""What a training was like, epoch by epoch."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from nn.archive import Path_
from nn.interrupts import held

if TYPE_CHECKING:
    from nn.plots.canvas import Axes


class History(dict[str, list[float]]):
    """What ``fit`` saw, a list per quantity ("loss", "accuracy") with one number per epoch.

    Attributes:
        epochs: the number of each epoch, from 1.
        seconds: how long each took, with its validation.
        compiled: whether the steps were those of a compiled program.
        reason: if not, though it was asked for, why.
        interrupted: whether Ctrl-C ended it. The model then has the parameters of the last
            step that was finished, and the history all epochs that were.
    """

    def __init__(self, *args: Any, **lists: list[float]):
        super().__init__(*args, **lists)
        self.epochs: list[int] = []
        self.seconds: list[float] = []
        self.compiled = False
        self.reason = ""
        self.interrupted = False

    def add(self, epoch: int, numbers: Mapping[str, float], seconds: float) -> None:
        """Note an epoch, whole or not at all."""
        with held():
            for name, number in numbers.items():
                self.setdefault(name, []).append(number)
            self.epochs.append(epoch)
            self.seconds.append(seconds)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """The Axes with the curves, as ``nn.plot_history`` draws them with these options."""
        from nn.plots import plot_history

        return plot_history(self, ax, **options)

    def to_csv(self, path: Path_) -> None:
        """Write a table: a header, and per epoch a line with its number, all lists, and seconds.

        Numbers are written such that reading them gives the same doubles.
        """
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["epoch", *self, "seconds"])
            columns: list[list[Any]] = [self.epochs, *self.values(), self.seconds]
            writer.writerows(zip_longest(*columns, fillvalue=""))

    def state_dict(self) -> dict[str, Any]:
        """All numbers, for a checkpoint."""
        return {
            "lists": {name: np.array(numbers, np.float64) for name, numbers in self.items()},
            "epochs": np.array(self.epochs, np.int64),
            "seconds": np.array(self.seconds, np.float64),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the numbers of ``state_dict``."""
        lists = {name: numbers.tolist() for name, numbers in state["lists"].items()}
        epochs, seconds = state["epochs"].tolist(), state["seconds"].tolist()
        if epochs != list(range(1, len(epochs) + 1)) or len(seconds) != len(epochs):
            raise ValueError("the epochs of its history are not numbered from 1.")
        self.clear()
        self.update(lists)
        self.epochs, self.seconds = epochs, seconds
