"""`Recorder`: keeps the parameters of a model while it trains, to be played afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nn.module import Module


@dataclass(frozen=True)
class Snapshot:
    """A model after an epoch; 0 is before the first.

    Attributes:
        parameters: the numbers of ``model.parameters()``, in that order.
        measures: what ``fit`` measured in that epoch: "loss", "accuracy" and so on.
    """

    epoch: int
    parameters: np.ndarray
    measures: dict[str, float]


class Recorder:
    """A callback for ``nn.fit`` that keeps the parameters after epochs.

    ``nn.fit(..., callbacks=[recorder])``, then ``nn.replay_training(recorder)``, or of the history
    that ``fit`` returns. The parameters before training are kept when the recorder is made; those
    after the last epoch always.

    Args:
        model: the model that is trained.
        every: keep one of so many epochs.

    Raises:
        ValueError: if ``every`` is less than 1.
    """

    def __init__(self, model: Module, every: int = 1):
        if every < 1:
            raise ValueError(f"Recorder: every must be at least 1, but got {every!r}.")
        self.model, self.every = model, every
        self._kept = [self._snapshot(0, {})]
        self._last: Snapshot | None = None

    @property
    def snapshots(self) -> list[Snapshot]:
        """What was kept, by epoch."""
        return [*self._kept, *([] if self._last is None else [self._last])]

    def __call__(self, epoch: int, history: Mapping[str, Sequence[float]]) -> None:
        """Keep the parameters of this epoch, and for now the measures of the latest."""
        measures = {name: float(numbers[-1]) for name, numbers in history.items() if len(numbers)}
        snapshot = self._snapshot(epoch, measures)
        if epoch % self.every == 0:
            self._kept.append(snapshot)
            self._last = None
        else:
            self._last = snapshot
        vars(history)["recorder"] = self

    def _snapshot(self, epoch: int, measures: dict[str, float]) -> Snapshot:
        numbers = np.array([each.data for each in self.model.parameters()])
        return Snapshot(epoch, numbers, measures)

    def __repr__(self) -> str:
        return f"<recorder of {len(self.snapshots)} snapshots>"
