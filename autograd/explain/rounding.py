"""What rounding may do to a gradient, found by doing it on purpose.

A hand derivation adds in another order and writes σ' in another form, so its numbers differ from
the engine's in the last digits; where terms cancel, in more. The forward and the backward pass are
done again with every number a little wrong, at random (in the manner of Monte Carlo arithmetic,
Parker 1997), and the change is scaled down to the size of a rounding error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from autograd.explain.tape import Array, Edit, Step, Tape

UNIT = 2.0**-53
NOISE = 1e-8  # large against rounding, small against everything else
ERRORS = 64.0  # the rounding errors allowed where the random ones are 1
RUNS = 4


def allowance(tape: Tape) -> Array:
    """The error of each node's gradient that rounding may make; 0 for the root.

    A relu or maximum whose argument is within rounding of its kink may fall to either side, and
    this allows both; not one exactly on the kink, where the conventions hold.
    """
    rng = np.random.default_rng(0)
    runs = [_noisy(tape, rng, NOISE, False) for _ in range(RUNS)]
    runs += [_noisy(tape, rng, 4.0 * UNIT, True) for _ in range(2)]
    with np.errstate(all="ignore"):
        change = np.abs(tape.sweep(runs) - tape.adjoint[:, None])
        change[~np.isfinite(change)] = 0.0
        smooth = change[:, :RUNS].max(axis=1) * (ERRORS * UNIT / NOISE)
        allowed: Array = np.maximum(smooth, 1.000001 * change[:, RUNS:].max(axis=1))
    return allowed


def _noisy(tape: Tape, rng: np.random.Generator, size: float, cross: bool) -> Edit:
    """The partials of a forward pass in which all numbers are wrong by a part of this size.

    Only with ``cross`` may an argument get to the other side of a kink.
    """
    edit: Edit = {}
    data: dict[int, float] = {}
    for i, step in tape.steps:
        args = list(step.args)
        for position, j in step.inner:
            args[position] = data[j]
        noise = size * rng.uniform(-1.0, 1.0, size=2 * len(args) + 1)
        noisy = (np.array(args) * (1.0 + noise[: len(args)])).tolist()
        data[i], partials = step.run(noisy)
        if step.op.arity is not None and _changed(step, noisy, cross):
            partials = step.partials
        edit[i] = partials * (1.0 + noise[len(args) : -1])
        edit[i] += noise[-1] * _by_output(step.op.name, data[i])
    return edit


def _changed(step: Step, args: Sequence[float], cross: bool) -> bool:
    """Whether signs or order of the arguments are others than those recorded."""

    def pattern(numbers: Sequence[float]) -> list[bool]:
        return [a > b for a in (*numbers, 0.0) for b in (*numbers, 0.0)]

    if not cross:
        return pattern(args) != pattern(step.args)
    return len({0.0, *step.args}) <= len(step.args)  # on a kink exactly, or a tie


def _by_output(op: str, y: float) -> float:
    """How much more an error of y is felt if σ' is computed from it, as 1 - y² or y (1 - y)."""
    if op in ("tanh", "sigmoid"):
        return abs(y)
    return math.exp(y) if op == "log_sigmoid" else 0.0
