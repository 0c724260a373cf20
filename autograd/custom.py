"""Ops of your own."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.op import SMOOTH, Interval, Kink, Op, Rule
from autograd.ops import REAL


def custom_op(
    name: str,
    value: Callable[..., float],
    partials: Rule | Sequence[Rule],
    *,
    array: Callable[..., Any] | None = None,
    latex: str | None = None,
    symbol: str | None = None,
    domain: Sequence[Interval] | None = None,
    kinks: Sequence[Kink] = SMOOTH,
) -> Op:
    r"""An op with this value and these partials, like a row of the op table.

    Call it on numbers and Values, also in an MLP or under ``grad``. Each reading works
    as far as it was given: first derivatives always; higher ones if the partials are
    written with operators and autograd's functions; arrays if ``array`` is given::

        >>> from autograd import Value, custom_op, gradcheck
        >>> cube = custom_op("cube", lambda x: x**3, lambda y, x: 3.0 * x**2)
        >>> x = Value(2.0)
        >>> cube(x).backward()
        >>> x.grad
        12.0
        >>> gradcheck(cube, 2.0, order=2)
        True

    Args:
        name: for messages and drawings.
        value: the function of floats.
        partials: a rule ``(y, *args) -> ∂y/∂aᵢ`` for each argument, y being the value.
        array: the same function of arrays, elementwise.
        latex: a template as in the op table, such as ``r"\mathrm{{cube}}({0})"``.
        symbol: what a node of a drawing shows; the name by default.
        domain: an interval per argument where the op is smooth, for tests to sample.
        kinks: conventions at points where it is not.

    Raises:
        TypeError: if the value or a partial cannot be called.
    """
    rules = tuple(partials) if isinstance(partials, Sequence) else (partials,)
    if not rules or not all(map(callable, (value, *rules))):
        raise TypeError(
            f"custom_op({name!r}) takes a function for the value, and a function "
            "(y, *args) for the partial with respect to each argument."
        )

    def scalar(*args: float) -> float:
        return _float(value(*args), name, "value")

    arguments = ", ".join(f"{{{i}}}" for i in range(len(rules)))
    return Op(
        name=name,
        symbol=symbol or name,
        scalar=scalar,
        array=array,
        partials=tuple(_checked(rule, name) for rule in rules),
        latex=latex or r"\mathrm{{" + name + r"}}\left(" + arguments + r"\right)",
        domain=tuple(domain) if domain is not None else (REAL,) * len(rules),
        kinks=tuple(kinks),
        doc=value.__doc__ or f"The custom op {name}.",
    )


def _checked(rule: Rule, name: str) -> Rule:
    def checked(y: Any, *args: Any) -> Any:
        partial = rule(y, *args)
        symbolic = any(hasattr(type(arg), "apply_op") for arg in (y, *args))
        if type(partial) is float or (symbolic and hasattr(type(partial), "apply_op")):
            return partial
        if hasattr(type(partial), "apply_op"):
            return float(partial)  # of a Value that the rule closes over
        return partial if isinstance(partial, np.ndarray) else _float(partial, name, "partial")

    return checked


def _float(number: Any, name: str, what: str) -> float:
    if isinstance(number, numbers.Real | np.bool_):
        return float(number)
    raise TypeError(
        f"the {what} of {name!r} must be a real number, but it is "
        f"{type(number).__name__} {number!r}."
    )
