"""Expressions written out as Python source, for floats or for arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler import kernels
from autograd.compiler.symbolic import COMPARISONS, Expression
from autograd.op import FACTORS, TABLE, Op, SequenceOp

# Operators: how they are written, and how tightly they bind, on both sides.
INFIX: dict[Op, tuple[str, int, int, int]] = {
    ops.add: (" + ", 3, 3, 4),
    ops.subtract: (" - ", 3, 3, 4),
    ops.multiply: (" * ", 4, 4, 5),
    ops.divide: (" / ", 4, 4, 5),
    **{op: (f" {sign} ", 1, 2, 2) for op, sign in COMPARISONS.items()},
}
ATOM = 9


def number(value: float) -> str:
    """A float as source."""
    if math.isfinite(value):
        return repr(value)
    return "nan" if value != value else ("inf" if value > 0 else "-inf")


class Dialect:
    """How ops are called: it gathers the functions that the source needs, by name.

    Attributes:
        repeats: ops that are written with an argument twice, which should be a name.
        y: the value whose slope is written, of tanh or sigmoid, or "".
    """

    repeats: frozenset[Op] = frozenset()
    y: str = ""

    def __init__(self, functions: Callable[[Op], Callable[..., Any]]):
        self.names: dict[str, Any] = {"np": np, "inf": math.inf, "nan": math.nan}
        self._functions = functions
        self._called: dict[Op, str] = {}

    def function(self, op: Op) -> str:
        """The name under which the source calls op."""
        if op not in self._called:
            found = self._functions(op)
            # Variables are letters with numbers, or names of rows in the table.
            plain = op.name.isidentifier() and TABLE.get(op.name, FACTORS.get(op.name)) is op
            name = op.name if plain else f"op_{len(self._called)}"
            if isinstance(found, np.ufunc) and getattr(np, found.__name__, None) is found:
                name = f"np.{found.__name__}"
            else:
                while name in self.names:
                    name += "_"
                self.names[name] = found
            self._called[op] = name
        return self._called[op]

    def call(self, op: Op, args: list[tuple[str, int]]) -> tuple[str, int]:
        """Source of op applied to sources, each with how tightly it binds."""
        if op in INFIX:
            sign, binds, left, right = INFIX[op]
            (a, a_binds), (b, b_binds) = args
            a = a if a_binds >= left else f"({a})"
            b = b if b_binds >= right else f"({b})"
            return f"{a}{sign}{b}", binds
        if op is ops.negative:
            a, a_binds = args[0]
            return (f"-{a}" if a_binds >= 5 else f"-({a})"), 3
        return self.by_value(op, f"{self.function(op)}({', '.join(a for a, _ in args)})"), ATOM

    def by_value(self, op: Op, text: str) -> str:
        """Source of a slope from the value ``y``, and where that cancels by the text."""
        y = self.y
        if y and op is ops.tanh_slope:
            return f"(1.0 - {y} * {y} if -0.9999 < {y} < 0.9999 else {text})"
        if y and op is ops.sigmoid_slope:
            return f"({y} * (1.0 - {y}) if {y} < 0.9999 else {text})"
        return text

    def spell(self, term: Any, places: Callable[[int], str]) -> tuple[str, int]:
        """Source of an expression, and how tightly it binds."""
        if not isinstance(term, Expression):
            return number(float(term)), 5 if term >= 0 else 3
        if term.op is None:
            return places(term.place), ATOM
        if isinstance(term.op, SequenceOp):
            args = [self.spell(group[0], places) for group in term.args]
            return f"{self.function(term.op)}({', '.join(a for a, _ in args)})", ATOM
        return self.call(term.op, [self.spell(arg, places) for arg in term.args])


def for_arrays() -> Dialect:
    """The dialect of NumPy, with sequences along the first axis."""
    return Dialect(
        lambda op: (
            kernels.along_first(op) if isinstance(op, SequenceOp) else kernels.elementwise(op)
        )
    )
