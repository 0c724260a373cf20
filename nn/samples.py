"""The data that ``fit`` learns from: samples, targets and weights, and which are held out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd import Value

Array = np.ndarray


class Samples:
    """N samples of n_in numbers, a target for each, and perhaps weights.

    Attributes:
        X: (N, n_in), float64.
        y: N targets, or rows of them.
        weight: N numbers, or None.

    Raises:
        ValueError: for shapes that do not go together, or weights that are none.
    """

    def __init__(self, X: Any, y: Any, weight: Any = None):
        self.X, self.y = np.ascontiguousarray(X, dtype=np.float64), np.asarray(y)
        if self.X.ndim != 2 or not len(self.X):
            raise ValueError(f"X must have the shape (samples, inputs), but it is {np.shape(X)}.")
        if self.y.ndim == 0 or len(self.X) != len(self.y):
            n = len(self.y) if self.y.ndim else "no list of"
            raise ValueError(f"X has {len(self.X)} samples, but y has {n} targets.")
        self.weight: Array | None = None
        if weight is not None:
            self.weight = np.asarray(weight, dtype=np.float64)
            if self.weight.shape != (len(self.X),):
                raise ValueError(
                    f"sample_weight must be {len(self.X)} numbers, one per sample, but has the "
                    f"shape {self.weight.shape}."
                )
            if not (np.isfinite(self.weight).all() and (self.weight >= 0.0).all()):
                raise ValueError("sample_weight must be finite and at least 0.")
        self.targets: list[Any] = self.y.tolist()
        self._inputs: dict[int, list[Value]] = {}

    def __len__(self) -> int:
        return len(self.X)

    def inputs(self, i: int) -> list[Value]:
        """Sample i as constants, made once."""
        if i not in self._inputs:
            self._inputs[i] = [
                Value(number, label=f"x[{k}]", requires_grad=False)
                for k, number in enumerate(self.X[i].tolist())
            ]
        return self._inputs[i]

    def weight_of(self, i: int) -> float:
        """How much sample i counts; 1 without weights."""
        return 1.0 if self.weight is None else float(self.weight[i])

    def distinct_targets(self) -> list[Any]:
        """Each target once."""
        if self.y.dtype == object:
            return self.targets
        first = np.unique(self.y.reshape(len(self.y), -1), axis=0, return_index=True)[1]
        return [self.targets[i] for i in np.sort(first).tolist()]


class Partition:
    """Which of n samples are held out: a share of them, drawn at random.

    Attributes:
        held_out: their places, in order.

    Raises:
        ValueError: for a share that leaves none on one side.
    """

    def __init__(self, n: int, share: float | None, rng: np.random.Generator):
        self.n = n
        count = 0
        if share is not None:
            if not 0.0 < share < 1.0:
                raise ValueError(f"validation_split must be above 0 and below 1, not {share!r}.")
            count = round(share * n)
            if not 0 < count < n:
                raise ValueError(
                    f"validation_split={share!r} of {n} samples holds out {count}; at least one "
                    "must be held out, and one be left."
                )
        drawn = rng.permutation(n)[:count] if count else np.zeros(0)
        self.held_out: Array = np.sort(drawn).astype(np.int64)

    @property
    def rest(self) -> Array:
        """The places of those to train on, in order."""
        return np.setdiff1d(np.arange(self.n), self.held_out)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"n": self.n, "held_out": self.held_out}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Hold out the same samples again."""
        n, held_out = state["n"], state["held_out"]
        if n != self.n or held_out.shape != self.held_out.shape:
            raise ValueError(
                f"it is of {n} samples, {len(held_out)} of them held out, not of {self.n} and "
                f"{len(self.held_out)}."
            )
        if not np.isin(held_out, np.arange(n)).all():
            raise ValueError("it holds out samples that there are not.")
        self.held_out = held_out
