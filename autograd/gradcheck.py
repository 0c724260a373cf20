"""Check derivatives: reverse mode against forward mode and against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd.anomaly import remember_sources, source
from autograd.context import watching
from autograd.errors import GradcheckError
from autograd.forward import pushforward
from autograd.functional import Run, grad
from autograd.graph import topological
from autograd.op import Op
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
    with watching(None):  # the steps may leave the domain, which is no anomaly
        for level in range(1, order + 1):
            function = f if level == 1 else _gradient(f, len(args))
            problem = _first_disagreement(function, args, rtol, atol)
            if problem is None and level == 2:
                problem = _two_readings(function, args)
            if problem is not None:
                if not raise_exception:
                    return False
                kind = "the derivative" if level == 1 else "the second derivative"
                fault = _culprit(f, args, level, rtol, atol)
                raise GradcheckError(f"{kind} is wrong: {problem}{fault}")
    return True


def ridders(
    f: Callable[[float], Array], x: float, side: int = 0, limit: float = 0.0
) -> tuple[Array, Array]:
    """The derivative of ``f(h)`` at h = 0, and an estimate of its error; each an array.

    Difference quotients for ever smaller steps are extrapolated to step 0 (Ridders 1982).
    The surest one counts; but one from a smaller step overrules it when the two disagree
    beyond their errors, for then the surer one was of a level stretch far away. One-sided
    quotients leave out the point itself, where f may follow a convention.

    Args:
        f: the function at x + h, as a function of h.
        x: the point, which sets the scale of the steps.
        side: 0 for central differences, -1 or 1 for those to the left or right only.
        limit: an error that is small enough.
    """
    shape = f(0.0).shape
    best: Array
    error: Array
    best, error = np.full(shape, np.nan), np.full(shape, np.inf)
    base = 4.0 if side == 0 else 2.0  # the error falls with h², or with h only
    for first in sorted({0.1 * max(abs(x), 1.0), 0.1 * abs(x) or 1e-3}, reverse=True):
        former: list[Array] = []
        for k in range(24):
            h = (x + first / 2.0**k) - x
            if h == 0.0:
                break
            quotient, rounding = _quotient(f, h, side)
            row = [quotient]
            with np.errstate(all="ignore"):
                for j, prior in enumerate(former[:6]):
                    row.append(row[j] + (row[j] - prior) / (base ** (j + 1) - 1.0))
                    doubt = np.maximum(np.abs(row[-1] - row[j]), np.abs(row[-1] - prior))
                    doubt = np.maximum(doubt, rounding)
                    apart = np.abs(row[-1] - best) > 10.0 * (doubt + error + limit)
                    better = (doubt < error) | (apart & np.isfinite(doubt))
                    best, error = np.where(better, row[-1], best), np.where(better, doubt, error)
            former = row
    return best, error


def _quotient(f: Callable[[float], Array], h: float, side: int) -> tuple[Array, Array]:
    """A difference quotient of step h, and how far rounding may have put it off."""
    near, far = (-h, h) if side == 0 else (side * h, 2.0 * side * h)
    with np.errstate(all="ignore"):
        low, high = f(near), f(far)
        rounding = 2e-16 * np.maximum(np.abs(low), np.abs(high)) / h
        return (high - low) / (far - near), rounding


def _allowed(slopes: Array, f: Callable[[float], Array], x: float, limit: float) -> Array:
    """Which of the slopes finite differences of f at x confirm.

    Where f is smooth, the central ones must. At a kink or jump the slope must lie between
    the two one-sided ones; where these converge slowly, as at the end of a domain, or grow
    without bound, the slope must be what they tend to.
    """
    central, doubt = ridders(f, x, 0, limit)
    # What rounding must cost is allowed for, whatever it is; any other doubt up to the limit.
    level = np.abs(f(0.0)) * 1e-15 / (0.1 * max(abs(x), 1.0))
    fine: Array = np.abs(slopes - central) <= limit + 10.0 * np.minimum(doubt, limit + level)
    if fine.all():
        return fine
    loose = 100.0 * limit
    (left, left_doubt), (right, right_doubt) = ridders(f, x, -1, limit), ridders(f, x, 1, limit)
    has_left, has_right = left_doubt <= loose, right_doubt <= loose
    low, high = np.where(has_left, left, right), np.where(has_right, right, left)
    low, high = np.minimum(low, high), np.maximum(low, high)
    kink = (has_left | has_right) & (low - loose <= slopes) & (slopes <= high + loose)
    smooth = has_left & has_right & (high - low <= 10.0 * loose) & (doubt <= loose)
    allowed: Array = fine | (kink & ~smooth)
    for i in map(int, np.flatnonzero(~allowed & ~has_left & ~has_right)):
        sides = (_tends(f, i, side, float(slopes[i]), x) for side in (-1, 1))
        allowed[i] = np.isnan(slopes[i]) or any(sides)
    return allowed


def _tends(f: Callable[[float], Array], i: int, side: int, slope: float, x: float) -> bool:
    """Whether the quotients of output i come ever nearer to the slope, or grow without bound."""
    steps = [0.1 * (abs(x) or 1.0) / 8.0**k for k in range(9)]
    quotients = np.array([_quotient(f, h, side)[0][i] for h in steps])
    if not np.isfinite(quotients).all():
        return False
    if not np.isfinite(slope):
        growing = np.abs(quotients[1:]) > 1.2 * np.abs(quotients[:-1])
        return bool(growing.all() and np.sign(quotients[-1]) == np.sign(slope))
    gaps = np.abs(quotients - slope)
    return bool((gaps[1:] < gaps[:-1]).all() and gaps[-1] < 1e-3 * gaps[0])


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

        # An infinite slope times a zero further on is 0 backwards and nan forwards.
        same = np.isnan(forward[:, j]) | np.isclose(
            reverse[:, j], forward[:, j], rtol=1e-9, atol=limit * 1e-3
        )
        fine = _allowed(reverse[:, j], moved, x[j], limit)
        for i in range(m):
            if not (same[i] and fine[i]):
                numeric, error = (each[i] for each in ridders(moved, x[j], 0, limit))
                return (
                    f"output {i} by {_argument(args, j)}\n"
                    f"  reverse mode        {reverse[i, j]:.10g}\n"
                    f"  forward mode        {forward[i, j]:.10g}\n"
                    f"  finite differences  {numeric:.10g} ± {error:.1e}\n"
                    f"  tolerance           {limit:.1e}\n"
                )
    return None


def _two_readings(gradient: Function, args: tuple[Any, ...]) -> str | None:
    """How the gradient read with floats differs from the one read with Values, or None."""
    numbers, _ = flatten(gradient(*_plain(args)))
    nodes = [output.data for output in _run(gradient, args).outputs]
    for i, (number, node) in enumerate(zip(numbers, nodes, strict=True)):
        if not np.isclose(number, node, rtol=1e-9, atol=1e-300, equal_nan=True):
            return (
                f"the gradient by {_argument(args, i)} has two values\n"
                f"  read with floats    {float(number):.10g}\n"
                f"  read with Values    {node:.10g}\n"
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

    def graph_read(numbers: Array) -> tuple[list[Value], list[Any]]:
        leaves = [Value(number) for number in numbers]
        return leaves, pullback(leaves, [op(*split(leaves))], [1.0], graph=True)

    def second(numbers: Array) -> Array:
        leaves, gradient = graph_read(numbers)
        return np.array(
            [
                pullback(leaves, [g], [1.0]) if isinstance(g, Value) else [0.0] * len(leaves)
                for g in gradient
            ]
        )

    if level == 2:
        for i, (number, read) in enumerate(zip(slopes(args), graph_read(args)[1], strict=True)):
            if not np.isclose(number, float(read), rtol=1e-9, atol=1e-300, equal_nan=True):
                yield (
                    f"its partial with respect to argument {i} at {tuple(args.tolist())} is "
                    f"{number:.10g} read with floats, but {float(read):.10g} read with Values"
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
        for i in map(int, np.flatnonzero(~fine)):
            numeric, _ = ridders(moved, args[j], 0, limit)
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
    return Run.of(f, _plain(args), tuple(range(len(args))))


def _plain(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with numbers in place of Values."""
    leaves, tree = flatten(args)
    numbers = [leaf.data if isinstance(leaf, Value) else leaf for leaf in leaves]
    return tree.unflatten(numbers)  # type: ignore[no-any-return]


def _argument(args: tuple[Any, ...], index: int) -> str:
    """The name of leaf number index of the arguments."""
    for number, arg in enumerate(args):
        size = flatten(arg)[1].size
        if index < size:
            return f"argument {number}" + (f", number {index}" if size > 1 else "")
        index -= size
    raise AssertionError("no such leaf")
