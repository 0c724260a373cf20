"""Check derivatives: reverse mode against forward mode and against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd.anomaly import remember_sources, source
from autograd.errors import GradcheckError
from autograd.forward import pushforward
from autograd.functional import Run, grad
from autograd.graph import topological
from autograd.ops import Op
from autograd.reverse import pullback
from autograd.tree import flatten
from autograd.value import Value

Function = Callable[..., Any]
Array = np.ndarray


def gradcheck(
    f: Function,
    *args: Any,
    order: int = 1,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    raise_exception: bool = True,
) -> bool:
    """True if the derivatives of f at the arguments are right.

    Every ∂output/∂input by reverse mode is held against forward mode and against finite
    differences, extrapolated to step 0 with an estimate of their error (Ridders 1982). At
    a kink it may be any number between the two one-sided ones; where the function is
    infinitely steep, it must be infinite. With ``order=2`` the gradient of f is
    checked in the same way (that of a weighted sum, if f has several outputs).

    If something is wrong, the local partials of every node are held against finite
    differences as well, which tells the op at fault, its node and its source line.

    Args:
        f: a function of numbers, arrays, and structures of them, as for ``grad``.
        args: where to check it.
        order: 1, or 2 for second derivatives as well.
        rtol: tolerance relative to the largest of the derivatives.
        atol: absolute tolerance.
        raise_exception: return False instead of raising, if False.

    Raises:
        GradcheckError: naming argument, analytic and numeric value, and the op at fault.
        ValueError: for another order.
    """
    if order not in (1, 2):
        raise ValueError(f"gradcheck() checks order 1 or 2, but got {order!r}.")
    for level in range(1, order + 1):
        function = f if level == 1 else _gradient(f, len(args))
        problem = _first_disagreement(function, args, rtol, atol)
        if problem is not None:
            if not raise_exception:
                return False
            kind = "the derivative" if level == 1 else "the second derivative"
            raise GradcheckError(
                f"{kind} is wrong: {problem}{_culprit(f, args, level, rtol, atol)}"
            )
    return True


def ridders(f: Callable[[float], Array], x: float, side: int = 0) -> tuple[Array, Array]:
    """The derivative of ``f(h)`` at h = 0, and an estimate of its error; each an array.

    One-sided ones leave out the point itself, where f may follow a convention.

    Difference quotients for ever smaller steps are extrapolated to step 0 (Ridders 1982);
    of all of them, and of two scales for the first step, the surest is taken.

    Args:
        f: the function at x + h, as a function of h.
        x: the point, which sets the scale of the steps.
        side: 0 for central differences, -1 or 1 for those to the left or right only.
    """
    shape = f(0.0).shape
    best: Array
    error: Array
    best, error = np.full(shape, np.nan), np.full(shape, np.inf)
    base = 4.0 if side == 0 else 2.0  # the error falls with h², or with h only
    for first in {0.1 * max(abs(x), 1.0), 0.1 * abs(x) or 1e-3}:
        former: list[Array] = []
        for k in range(12):
            h = (x + first / 2.0**k) - x
            if h == 0.0:
                break
            with np.errstate(all="ignore"):
                near, far = (-h, h) if side == 0 else (side * h, 2.0 * side * h)
                low, high = f(near), f(far)
                row = [(high - low) / (far - near)]
                rounding = 1e-16 * np.maximum(np.abs(low), np.abs(high)) / h
                for j, prior in enumerate(former):
                    row.append(row[j] + (row[j] - prior) / (base ** (j + 1) - 1.0))
                    doubt = np.maximum(np.abs(row[-1] - row[j]), np.abs(row[-1] - prior))
                    doubt = np.maximum(doubt, rounding)
                    surer = doubt < error
                    best, error = np.where(surer, row[-1], best), np.where(surer, doubt, error)
            former = row
    return best, error


def _allowed(slopes: Array, f: Callable[[float], Array], x: float, limit: float) -> Array:
    """Which of the slopes finite differences of f at x confirm.

    Where f is smooth, the central ones must. At a kink or jump the slope must lie between
    the two one-sided ones; where there is neither, f is steep, and so must be the slope.
    """
    central, error = ridders(f, x)
    fine: Array = np.abs(slopes - central) <= limit + 10.0 * np.minimum(error, limit)
    if fine.all():
        return fine
    loose = 100.0 * limit
    (left, left_error), (right, right_error) = ridders(f, x, -1), ridders(f, x, 1)
    has_left, has_right = left_error <= loose, right_error <= loose
    low = np.where(has_left, left, right)
    high = np.where(has_right, right, left)
    low, high = np.minimum(low, high), np.maximum(low, high)
    kink = (has_left | has_right) & (low - loose <= slopes) & (slopes <= high + loose)
    smooth = has_left & has_right & (high - low <= 10.0 * loose) & (error <= loose)
    steep = ~np.isfinite(slopes) & ~has_left & ~has_right
    allowed: Array = fine | (kink & ~smooth) | steep
    return allowed


def _first_disagreement(f: Function, args: tuple[Any, ...], rtol: float, atol: float) -> str | None:
    """What is wrong with the first wrong entry of the Jacobian of f, or None."""
    run = _run(f, args)
    n, m = len(run.inputs), len(run.outputs)
    if not n or not m:
        return None
    rows = [pullback(run.inputs, [output], [1.0]) for output in run.outputs]
    reverse = np.array(rows, dtype=np.float64)
    forward = np.array(
        [pushforward(run.inputs, run.outputs, list(direction)) for direction in np.eye(n)]
    ).T
    x = [value.data for value in run.inputs]
    limit = atol + rtol * np.abs(reverse[np.isfinite(reverse)]).max(initial=0.0)
    for j in range(n):

        def moved(h: float, j: int = j) -> Array:
            there = [*x[:j], x[j] + h, *x[j + 1 :]]
            outputs = _run(f, run.in_tree.unflatten(there)).outputs
            return np.array([output.data for output in outputs])

        same = np.isclose(
            reverse[:, j], forward[:, j], rtol=1e-9, atol=limit * 1e-3, equal_nan=True
        )
        fine = _allowed(reverse[:, j], moved, x[j], limit)
        for i in range(m):
            if not (same[i] and fine[i]):
                numeric, error = (each[i] for each in ridders(moved, x[j]))
                return (
                    f"output {i} by {_argument(args, j)}\n"
                    f"  reverse mode        {reverse[i, j]:.10g}\n"
                    f"  forward mode        {forward[i, j]:.10g}\n"
                    f"  finite differences  {numeric:.10g} ± {error:.1e}\n"
                    f"  tolerance           {limit:.1e}\n"
                )
    return None


def _culprit(f: Function, args: tuple[Any, ...], level: int, rtol: float, atol: float) -> str:
    """Which op's partials are wrong, as a sentence."""
    with remember_sources():
        run = _run(f, args)
    for node in topological(*run.outputs):
        if node.op is not None:
            for wrong in _wrong_partials(node, node.op, level, rtol, atol):
                return f"at fault is {node.op!r}: {wrong}\n  in {node!r}, {source(node)}"
    return (
        "the local partials of all its nodes are right; does f return the same for the same "
        "arguments, and compute everything with Values?"
    )


def _wrong_partials(node: Value, op: Op, level: int, rtol: float, atol: float) -> Iterator[str]:
    """What is wrong with the partials of this node, first or second ones."""
    args = np.array(node.args)
    sizes = [len(group) for group in node.sequences()] if op.arity is None else None

    def split(numbers: list[Any]) -> list[Any]:
        if sizes is None:
            return numbers
        ends = np.cumsum(sizes)
        return [numbers[end - size : end] for end, size in zip(ends, sizes, strict=True)]

    def value(numbers: Array) -> Array:
        return np.array([op.on_floats(*split(numbers.tolist()))], dtype=np.float64)

    def slopes(numbers: Array) -> Array:
        return np.array(op.slopes(float(value(numbers)[0]), split(numbers.tolist())))

    def second(numbers: Array) -> Array:
        leaves = [Value(number) for number in numbers]
        result = op(*split(leaves))
        gradient = pullback(leaves, [result], [1.0], graph=True)
        return np.array(
            [
                pullback(leaves, [g], [1.0]) if isinstance(g, Value) else [0.0] * len(leaves)
                for g in gradient
            ]
        )

    function = value if level == 1 else slopes
    matrix = slopes(args)[None, :] if level == 1 else second(args)
    limit = atol + rtol * np.abs(matrix[np.isfinite(matrix)]).max(initial=0.0)
    for j in range(len(args)):

        def moved(h: float, j: int = j) -> Array:
            there = args.copy()
            there[j] += h
            return function(there)

        fine = _allowed(matrix[:, j], moved, args[j], limit)
        for i in np.flatnonzero(~fine):
            numeric, _ = ridders(moved, args[j])
            what = "its partial" if level == 1 else f"the derivative of its partial {i}"
            yield (
                f"{what} with respect to argument {j} is {matrix[i, j]:.10g} at "
                f"{tuple(node.args)}, but finite differences give {numeric[i]:.10g}"
            )


def _gradient(f: Function, n: int) -> Function:
    """The gradient of f, or of a fixed weighted sum of its outputs, by all its arguments."""

    def weighted(*args: Any) -> Any:
        outputs, _ = flatten(f(*args))
        weights = np.random.default_rng(0).uniform(0.5, 1.5, len(outputs))
        return outputs[0] if len(outputs) == 1 else sum(weights * np.array(outputs, dtype=object))

    return grad(weighted, tuple(range(n)))


def _run(f: Function, args: tuple[Any, ...]) -> Run:
    plain = [leaf.data if isinstance(leaf, Value) else leaf for leaf in flatten(args)[0]]
    args = flatten(args)[1].unflatten(plain)
    return Run.of(f, args, tuple(range(len(args))))


def _argument(args: tuple[Any, ...], index: int) -> str:
    """The name of leaf number index of the arguments."""
    for number, arg in enumerate(args):
        size = flatten(arg)[1].size
        if index < size:
            return f"argument {number}" + (f", number {index}" if size > 1 else "")
        index -= size
    raise AssertionError("no such leaf")
