"""What runs: lines of calls, and the arrays that they write to, for one number of samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd.compiler.buffers import Environment
from autograd.compiler.calls import FUNCTIONS


@dataclass(eq=False)
class Kernel:
    """A program with its buffers, for one number of samples.

    Attributes:
        p: the parameters, to be filled before a run.
        g: their gradients, after it.
        columns: the inputs, to be filled; each (n, samples), or (n,).
        results: per output (array, row, whether that is a row of samples) to be read after a
            run, or (number, None, False).
    """

    p: np.ndarray
    g: np.ndarray
    columns: list[np.ndarray]
    results: list[tuple[Any, int | None, bool]]
    run: Callable[[], None]


@dataclass(eq=False)
class Lowered:
    """The plan of a kernel, for any number of samples.

    Attributes:
        columns: of each array of inputs how many numbers a sample has, and whether it has samples.
        extended: whether it has a row of ones below.
        turned: whether it lies in memory a row per sample.
        setup: what is made once, by name.
        lines: the calls.
        backward: how many of them are those of the forward pass.
        written: the names of arrays that they write to and read again.
        results: as of a kernel, by name.
        width: numbers per sample in all buffers.
    """

    n_parameters: int
    columns: list[tuple[int, bool]]
    extended: list[bool]
    turned: list[bool]
    setup: list[tuple[str, Callable[[Environment, int], Any]]]
    lines: list[str]
    backward: int
    written: frozenset[str]
    results: list[tuple[str, int | None, bool]]
    width: int
    _code: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The source of a run."""
        return "def run():\n" + "\n".join(f"    {line}" for line in self.lines or ["pass"]) + "\n"

    def kernel(self, batch: int | None) -> Kernel:
        """A kernel with new buffers."""
        samples = 1 if batch is None else batch
        env: Environment = dict(FUNCTIONS)
        env["p"], env["g"] = np.zeros(self.n_parameters), np.zeros(self.n_parameters)
        columns = []
        for i, (n, own) in enumerate(self.columns):
            rows = n + self.extended[i]
            if self.turned[i]:
                base = np.ones((samples, rows)).T
            else:
                base = np.ones((rows, samples) if own else rows)
            env[f"x{i}"], env[f"x{i}_1"] = base[:n], base
            columns.append(base[:n])
        with np.errstate(all="ignore"):
            for name, make in self.setup:
                env[name] = make(env, samples)
        used = sorted({word for line in self.lines for word in words(line)} & env.keys())
        head = f"def run({', '.join(f'{name}={name}' for name in used)}):\n"
        text = head + "".join(f"    {line}\n" for line in self.lines or ["pass"])
        code = self._code.get(text)
        if code is None:
            code = self._code.setdefault(text, compile(text, "<autograd.compile kernel>", "exec"))
        exec(code, env)
        results: list[tuple[Any, int | None, bool]] = []
        for name, where, wide in self.results:
            if where is None:
                results.append((float(name), None, False))
            else:
                results.append((env[name].reshape((-1, samples) if wide else -1), where, wide))
        return Kernel(env["p"], env["g"], columns, results, env["run"])


def words(line: str) -> set[str]:
    """The names in a line, and the numbers."""
    found, word = set(), ""
    for character in line + " ":
        if character.isalnum() or character == "_":
            word += character
        else:
            found.add(word)
            word = ""
    return found
