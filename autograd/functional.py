"""Derivatives of functions: grad, vjp, jvp, jacobian, hessian, hvp.

All take functions of numbers, arrays, and lists, tuples and dicts of them, give results in
the same structure, and nest. Each runs the function once on fresh Values and sweeps over
the graph that this leaves. Within another transform, or when given Values, the results are
Values in turn; otherwise they are floats and arrays of floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial, wraps
from operator import index
from typing import Any

import numpy as np

from autograd.context import recording
from autograd.forward import pushforward
from autograd.reverse import pullback
from autograd.tree import Tree, array, flatten, flatten_like
from autograd.value import Value, as_value

Function = Callable[..., Any]
_nested: ContextVar[bool] = ContextVar("autograd.nested", default=False)


def grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The gradient function of f: ``grad(f)(x)`` is ∂f/∂x, in the structure of x.

    With a tuple ``argnums`` it is a tuple of gradients. Keyword arguments are passed on to
    f as they are.

    Raises:
        TypeError: (when called) if f does not return a single number, or an argument
            is not made of real numbers.
    """

    @wraps(f)
    def gradient(*args: Any, **options: Any) -> Any:
        return value_and_grad(f, argnums)(*args, **options)[1]

    return gradient


def value_and_grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function that gives (f(x), ∂f/∂x), evaluating f once. See ``grad``."""

    @wraps(f)
    def both(*args: Any, **options: Any) -> tuple[Any, Any]:
        run = Run.of(partial(f, **options), args, argnums)
        if run.out_tree.size != 1:
            raise TypeError(
                f"grad() needs a function with one number as its result, but {_name(f)} "
                f"returned {run.out_tree.size}. Use jacobian()."
            )
        gradients = pullback(run.inputs, run.outputs, [1.0], run.graph)
        return run.value(), run.like_inputs(gradients)

    return both


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """f(*primals), and the function that maps a cotangent of it to those of the primals.

    The cotangent has the structure of the result; it gives a tuple with Σ cotangent ·
    ∂f/∂primal for each primal, in its structure.
    """
    run = Run.of(f, primals, tuple(range(len(primals))))

    def pull(cotangent: Any) -> Any:
        seeds = _like(cotangent, run.out_tree, "cotangent", "result")
        graph = run.graph or any(isinstance(seed, Value) for seed in seeds)
        return run.like_inputs(pullback(run.inputs, run.outputs, seeds, graph))

    return run.value(), pull


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f(*primals), and its directional derivative Σ ∂f/∂primal · tangent, by forward mode.

    Args:
        f: a function.
        primals: its arguments, as a tuple.
        tangents: a tuple of the same structure.

    Raises:
        TypeError: for other structures.
    """
    if not isinstance(primals, list | tuple) or not isinstance(tangents, list | tuple):
        raise TypeError("jvp() takes the primals and the tangents as tuples, one per argument.")
    run = Run.of(f, primals, tuple(range(len(primals))))
    seeds = _like(tuple(tangents), run.in_tree, "tangents", "primals")
    graph = run.graph or any(isinstance(seed, Value) for seed in seeds)
    return run.value(), run.out_tree.unflatten(pushforward(run.inputs, run.outputs, seeds, graph))


def jacobian(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The Jacobian function of f: every ∂output/∂input.

    For a result of shape T and an argument of shape S it is an array of shape T + S; for
    structures, a structure like the result, of structures like the argument, of those.
    One sweep for all, forwards or backwards, whichever has fewer directions.
    """

    @wraps(f)
    def matrix(*args: Any, **options: Any) -> Any:
        run = Run.of(partial(f, **options), args, argnums)
        entries = _jacobian(run)

        def block(start: int, out: Tree) -> Any:
            rows = entries[start : start + out.size]
            return run.structure(
                lambda first, tree: _block(
                    rows[:, first : first + tree.size], (out.shape or ()) + (tree.shape or ())
                )
            )

        return run.out_tree.map(block)

    return matrix


def hessian(f: Function, argnums: int = 0) -> Function:
    """The Hessian function of f: every ∂²f/∂xᵢ∂xⱼ, of shape S + S; forward over reverse."""
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, x: Any, v: Any) -> Any:
    """The Hessian of f at x times v, in the structure of x, without forming the matrix.

    Forward over reverse: one sweep for the gradient, one along v through its graph
    (Pearlmutter 1994).
    """
    return jvp(grad(f), (x,), (v,))[1]


@dataclass(frozen=True)
class Run:
    """One run of a function on Values of our own."""

    inputs: list[Value]
    outputs: list[Value]
    in_tree: Tree
    out_tree: Tree
    single: bool
    graph: bool

    @classmethod
    def of(cls, f: Function, args: Sequence[Any], argnums: int | tuple[int, ...]) -> Run:
        """The run of f with fresh Values for the leaves of the chosen arguments."""
        chosen = _chosen(argnums, args)
        leaves, in_tree = flatten(tuple(args[number] for number in chosen))
        graph = _nested.get() or any(map(_active, args))
        with _inside():
            # A fresh node per leaf: uses of the caller's own node are not uses of the argument.
            inputs = [
                +leaf if isinstance(leaf, Value) and leaf.requires_grad else Value(_number(leaf))
                for leaf in leaves
            ]
            given = list(args)
            for number, part in zip(chosen, in_tree.unflatten(inputs), strict=True):
                given[number] = part
            results, out_tree = flatten(f(*given))
        outputs = [as_value(result) for result in results]
        return cls(inputs, outputs, in_tree, out_tree, not isinstance(argnums, tuple), graph)

    def value(self) -> Any:
        """The result of the function."""
        if self.graph:
            return self.out_tree.unflatten(self.outputs)
        return self.out_tree.unflatten(output.data for output in self.outputs)

    def like_inputs(self, leaves: list[Any]) -> Any:
        """The leaves in the structure of the arguments."""
        parts = self.in_tree.unflatten(leaves)
        return parts[0] if self.single else parts

    def structure(self, block: Callable[[int, Tree], Any]) -> Any:
        """The structure of the arguments, of what block gives."""
        parts = self.in_tree.map(block)
        return parts[0] if self.single else parts


@contextmanager
def _inside() -> Iterator[None]:
    """Within a transform: recording is on, and transforms within this one give Values."""
    token = _nested.set(True)
    try:
        with recording(True):
            yield
    finally:
        _nested.reset(token)


def _jacobian(run: Run) -> np.ndarray:
    """The matrix ∂output/∂input of shape (outputs, inputs)."""
    n, m = len(run.inputs), len(run.outputs)
    if run.graph:
        rows = [pullback(run.inputs, [output], [1.0], True) for output in run.outputs]
        return array([entry for row in rows for entry in row]).reshape(m, n)
    if n <= m:
        columns = pushforward(run.inputs, run.outputs, list(np.eye(n)))
        return np.array([np.broadcast_to(column, n) for column in columns]).reshape(m, n)
    rows = pullback(run.inputs, run.outputs, list(np.eye(m)))
    return np.array([np.broadcast_to(row, m) for row in rows]).reshape(n, m).T


def _block(entries: np.ndarray, shape: tuple[int, ...]) -> Any:
    return entries.reshape(shape) if shape else entries.item()


def _like(structure: Any, tree: Tree, what: str, model: str) -> list[Any]:
    leaves = flatten_like(structure, tree, f"the {what} must have the structure of the {model}")
    return [leaf if isinstance(leaf, Value) else float(leaf) for leaf in leaves]


def _chosen(argnums: Any, args: Sequence[Any]) -> list[int]:
    """The argument numbers, counted from 0.

    Raises:
        TypeError: unless they are different numbers of arguments that were given.
    """
    try:
        numbers = [index(n) for n in (argnums if isinstance(argnums, tuple) else (argnums,))]
    except TypeError:
        raise TypeError(
            f"argnums must be an integer or a tuple of them, not {argnums!r}."
        ) from None
    if any(not -len(args) <= number < len(args) for number in numbers):
        raise TypeError(f"argnums {argnums!r} does not fit the {len(args)} arguments given.")
    numbers = [number % len(args) for number in numbers]
    if len(set(numbers)) < len(numbers):
        raise TypeError(f"argnums {argnums!r} names an argument twice.")
    return numbers


def _active(arg: Any) -> bool:
    """Whether there is a Value that requires a gradient in this argument."""
    try:
        leaves, _ = flatten(arg)
    except TypeError:
        return False  # not numbers at all, such as a model
    return any(isinstance(leaf, Value) and leaf.requires_grad for leaf in leaves)


def _number(leaf: Any) -> Any:
    return leaf.data if isinstance(leaf, Value) else leaf


def _name(f: Function) -> str:
    return getattr(f, "__name__", repr(f))
