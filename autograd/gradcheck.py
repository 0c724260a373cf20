"""Check derivatives: reverse mode against forward mode and against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from autograd.anomaly import remember_sources, source
from autograd.context import watching
from autograd.differences import Array, along, derivative, refuted
from autograd.errors import GradcheckError
from autograd.forward import pushforward
from autograd.functional import Run, grad
from autograd.graph import topological
from autograd.op import Op
from autograd.reverse import pullback
from autograd.tree import flatten
from autograd.value import Value, as_value

Function = Callable[..., Any]

# Reverse and forward mode take the same numbers in another order, which changes the last digits;
# this part of the tolerance is much more than that.
SAME = 1e-3


def gradcheck(
    f: Function,
    *args: Any,
    order: int = 1,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    raise_exception: bool = True,
) -> bool:
    """True if the derivatives of f at the arguments are right.

    Every ∂output/∂input by reverse mode is held against forward mode, to a thousandth of
    the tolerance, and against finite differences, extrapolated to step 0 with an estimate
    of their error (Ridders 1982). At a kink it may be any number between the two one-sided
    ones; where the function is infinitely steep, it must be infinite. With ``order=2`` the
    gradient of f is checked in the same way (that of a weighted sum, if f has several
    outputs), and that the rules give the same numbers for floats and for Values, to 9 digits.

    If something is wrong, the local partials of every node are held against finite
    differences as well, which tells the op at fault, its node and its source line.

    Args:
        f: a function of numbers, arrays, and structures of them, as for ``grad``.
        args: where to check it.
        order: 1, or 2 for second derivatives as well.
        rtol: tolerance relative to the largest of the finite derivatives.
        atol: absolute tolerance, added to that.
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


def _first_disagreement(f: Function, args: tuple[Any, ...], rtol: float, atol: float) -> str | None:
    """What is wrong with the first wrong entry of the Jacobian of f, or None."""
    run = _run(f, args)
    if not run.inputs or not run.outputs:
        return None
    reverse = np.array([pullback(run.inputs, [output], [1.0]) for output in run.outputs])
    columns = [pushforward(run.inputs, run.outputs, list(way)) for way in np.eye(len(run.inputs))]
    forward = np.array(columns).T

    def outputs(point: list[float]) -> Array:
        return np.array([each.data for each in _run(f, run.in_tree.unflatten(point)).outputs])

    point = [value.data for value in run.inputs]
    limit = _limit(reverse, rtol, atol)
    # An infinite slope times a zero further on is 0 backwards and nan forwards.
    same = np.isnan(forward) | np.isclose(reverse, forward, rtol=0.0, atol=SAME * limit)
    for i, j in [*np.argwhere(~same), *refuted(reverse, outputs, point, limit)]:
        slope, error, _ = derivative(along(outputs, point, j), point[j], limit=limit)
        return (
            f"output {i} by {_argument(args, j)}\n"
            f"  reverse mode        {reverse[i, j]:.10g}\n"
            f"  forward mode        {forward[i, j]:.10g}\n"
            f"  finite differences  {slope[i]:.10g} ± {error[i]:.1e}\n"
            f"  tolerance           {limit:.1e}\n"
        )
    return None


def _limit(matrix: Array, rtol: float, atol: float) -> float:
    """The error that derivatives of this size may have."""
    return atol + rtol * float(np.abs(matrix[np.isfinite(matrix)]).max(initial=0.0))


def _two_readings(gradient: Function, args: tuple[Any, ...]) -> str | None:
    """How the gradient read with floats differs from the one read with Values, or None."""
    numbers, _ = flatten(gradient(*_plain(args)))
    nodes = _run(gradient, args).outputs
    for i, number in enumerate(numbers):
        if not _same(number, nodes[i].data):
            return (
                f"the gradient by {_argument(args, i)} has two values\n"
                f"  read with floats    {number:.10g}\n"
                f"  read with Values    {nodes[i].data:.10g}\n"
            )
    return None


def _same(a: float, b: float) -> bool:
    """Whether both are one number to 9 digits, or both nan."""
    return math.isclose(a, b, rel_tol=1e-9) or (math.isnan(a) and math.isnan(b))


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
    point = list(node.args)

    def split(each: list[Any]) -> list[Any]:
        """The arguments as the op takes them: by themselves, or in its sequences."""
        if op.arity is not None:
            return each
        rest = iter(each)
        return [list(islice(rest, len(group))) for group in node.sequences()]

    def value(numbers: list[float]) -> Array:
        return np.array([op.on_floats(*split(numbers))])

    def slopes(numbers: list[float]) -> Array:
        return np.array(op.slopes(op.on_floats(*split(numbers)), split(numbers)))

    if level == 1:
        function, matrix, what = value, slopes(point)[None, :], "its partial"
    else:
        leaves = [Value(number) for number in point]
        gradient = pullback(leaves, [op(*split(leaves))], [1.0], graph=True)
        for i, number in enumerate(slopes(point)):
            if not _same(number, float(gradient[i])):
                yield (
                    f"its partial with respect to argument {i} at {tuple(point)} is "
                    f"{number:.10g} read with floats, but {float(gradient[i]):.10g} read with "
                    "Values"
                )
        matrix = np.array([pullback(leaves, [as_value(each)], [1.0]) for each in gradient])
        function, what = slopes, "the derivative of its partial {i}"
    limit = _limit(matrix, rtol, atol)
    for i, j in refuted(matrix, function, point, limit):
        numeric = derivative(along(function, point, j), point[j], limit=limit).value[i]
        yield (
            f"{what.format(i=i)} with respect to argument {j} is {matrix[i, j]:.10g} at "
            f"{tuple(point)}, but finite differences give {numeric:.10g}"
        )


def _gradient(f: Function, n: int) -> Function:
    """The gradient of f by all its arguments; of a weighted sum, if f has several outputs."""

    def weighted(*args: Any) -> Any:
        outputs, _ = flatten(f(*args))
        # Roots, for with whole numbers the errors of two outputs might cancel.
        return sum(math.sqrt(k) * output for k, output in enumerate(outputs, 1))

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
    sizes = [flatten(arg)[1].size for arg in args]
    names = [
        f"argument {i}" + (f", number {k}" if size > 1 else "")
        for i, size in enumerate(sizes)
        for k in range(size)
    ]
    return names[index]
