"""How far a training is: a bar in terminals and notebooks, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

from tqdm.auto import tqdm

INTERVAL = 2.0  # seconds between plain lines; the first and the last epoch have one in any case


class Progress(Protocol):
    """What ``fit`` tells how far it is."""

    def step(self, samples: int) -> None:
        """A step has been made with so many samples."""

    def epoch(self, epoch: int, numbers: Mapping[str, float], seconds: float) -> None:
        """An epoch is over; the newest numbers, and what it took."""

    def close(self, note: str = "") -> None:
        """The training is over; a note says why, if it ended early."""


def reporter(shown: bool, epochs: int, done: int, samples: int) -> Progress:
    """What suits standard error: a bar, lines, or nothing.

    Args:
        shown: whether to show anything.
        epochs: how many there will be, with those done before.
        done: how many of them were done before.
        samples: in each.
    """
    if not shown or sys.stderr is None:
        return Silence()
    if sys.stderr.isatty() or _in_notebook():
        return Bar(epochs, done, samples)
    return Lines(epochs, done, samples)


class Silence:
    """Shows nothing."""

    def step(self, samples: int) -> None:
        """Nothing."""

    def epoch(self, epoch: int, numbers: Mapping[str, float], seconds: float) -> None:
        """Nothing."""

    def close(self, note: str = "") -> None:
        """Nothing."""


class Bar:
    """tqdm's bar over all samples of all epochs, so that its speed is that of samples."""

    def __init__(self, epochs: int, done: int, samples: int):
        self.epochs = epochs
        self.bar: Any = tqdm(
            total=epochs * samples,
            initial=done * samples,
            desc=f"epoch {done}/{epochs}",
            unit="sample",
            unit_scale=True,
        )

    def step(self, samples: int) -> None:
        """Move the bar."""
        self.bar.update(samples)

    def epoch(self, epoch: int, numbers: Mapping[str, float], seconds: float) -> None:
        """Show the newest numbers."""
        self.bar.set_description(f"epoch {epoch}/{self.epochs}", refresh=False)
        self.bar.set_postfix(_formatted(numbers), refresh=epoch == self.epochs)

    def close(self, note: str = "") -> None:
        """Let the bar stand as it is, with the note."""
        if note:
            self.bar.set_description(f"{self.bar.desc.removesuffix(': ')}, {note}")
        self.bar.close()


class Lines:
    """A line for the first and the last epoch, and every few seconds; no control characters."""

    def __init__(self, epochs: int, done: int, samples: int):
        self.epochs, self.first, self.samples = epochs, done + 1, samples
        self.shown = time.monotonic()
        self.waiting = ""

    def step(self, samples: int) -> None:
        """Nothing."""

    def epoch(self, epoch: int, numbers: Mapping[str, float], seconds: float) -> None:
        """Print a line if it is time."""
        parts = [f"epoch {epoch}/{self.epochs}"]
        parts += [f"{name}={number}" for name, number in _formatted(numbers).items()]
        parts.append(f"{self.samples / max(seconds, 1e-9):,.0f} samples/s")
        self.waiting = "  ".join(parts)
        now = time.monotonic()
        if epoch in (self.first, self.epochs) or now - self.shown >= INTERVAL:
            self.shown = now
            self._print()

    def close(self, note: str = "") -> None:
        """Print the last line, if it has not been, and the note."""
        self._print()
        if note:
            print(note, file=sys.stderr, flush=True)

    def _print(self) -> None:
        if self.waiting:
            print(self.waiting, file=sys.stderr, flush=True)
            self.waiting = ""


def _formatted(numbers: Mapping[str, float]) -> dict[str, str]:
    return {name: f"{number:.4g}" for name, number in numbers.items()}


def _in_notebook() -> bool:
    """Whether this runs in a kernel of Jupyter, whose standard error is no terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in shell.config
