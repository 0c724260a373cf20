"""The op table as a page: ``python -m autograd.ops_table`` prints OPS.md.

Nothing is written down twice: the partials are the rules of the rows, read with symbols.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from autograd import numeric, ops
from autograd.op import FACTORS, TABLE, Op
from autograd.symbolic import LATEX_SIGNS, Symbolic

_CONSTANTS = {
    math.inf: r"\infty",
    ops.LOG2_E: r"\log_2 e",
    ops.LOG10_E: r"\log_{10} e",
    numeric.TWO_OVER_SQRT_PI: r"\frac{2}{\sqrt{\pi}}",
    numeric.ONE_OVER_SQRT_TWO_PI: r"\frac{1}{\sqrt{2 \pi}}",
    1.0 / 3.0: r"\frac{1}{3}",
    1e9: "10^9",
}
_ARGUMENTS = {
    "power": "ab", "power_slope": "ab", "power_log": "ab", "where": "cab", "gaussian": "xc",
    "weight": "abc", "clip": "xlh", "leaky_relu": "xs", "elu": ["x", r"\alpha"],
}  # fmt: skip

_HEAD = """\
# The op table

Printed by `python -m autograd.ops_table` from the rows in `ops.py`; do not edit.

Every function works on numbers, Values and arrays of either; those of single numbers are methods of
`Value` too. Their partials are written down once, as the rules that are shown here: $y$ is the
value, and $[x > 0]$ is 1 where the condition holds, else 0. Rows of sequences are shown for a few
elements, with the partial with respect to the first element of each sequence.

Where calculus leaves a choice, the convention is PyTorch's. The last column has such points, and
those where a value or slope is infinite or undefined: the value there, and the slope with respect
to each argument.
"""
_FACTORS_HEAD = """
## Factors

What the rules need besides: no functions for users, but rows like the others, with partials of
their own. Where the plain formula for a partial would lose digits, its factor is such a row.
"""


def page() -> str:
    """The text of OPS.md."""
    return _HEAD + _table(TABLE.values()) + _FACTORS_HEAD + _table(FACTORS.values())


def _table(rows: Iterable[Op]) -> str:
    lines = ["", "| name | value | partials | in words | at kinks |", "|---|---|---|---|---|"]
    for row in rows:
        args = _arguments(row)
        cells = [
            f"`{row.name}`",
            _math(row(*args)),
            ", ".join(map(_math, _partials(row, args))),
            row.doc.replace("|", r"\|"),
            "; ".join(
                f"at {_numbers(kink.at)}: {_numbers([kink.value])}, slope {_numbers(kink.partials)}"
                for kink in row.kinks
            ),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _arguments(row: Op) -> list[Any]:
    if row.arity is None:
        if len(row.domain) == 1:
            return [[Symbol(f"x_{i}") for i in (1, 2, 3)]]
        names = zip("wxb", (2, 2, 1), strict=True)
        groups = [[Symbol(f"{name}_{i + 1}") for i in range(n)] for name, n in names]
        return groups[: len(row.domain)]
    return [Symbol(name) for name in _ARGUMENTS.get(row.name, "x" if row.arity == 1 else "ab")]


def _partials(row: Op, args: list[Any]) -> list[Any]:
    y = Symbol("y")
    if isinstance(row.partials, tuple):
        return [rule(y, *args) for rule in row.partials]
    return [partials[0] for partials in row.partials(y, *args)]


def _math(formula: Any) -> str:
    return "$" + f"{Symbol.of(formula):1}".replace("|", r"\vert ") + "$"


def _numbers(numbers: Iterable[float]) -> str:
    texts = [f"{number:.6g}" for number in numbers]
    return texts[0] if len(texts) == 1 else "(" + ", ".join(texts) + ")"


class Symbol(Symbolic):
    """A formula in LaTeX, with how tightly it binds: 0 for a comparison, else as in ``Op``."""

    def __init__(self, text: str, binds: int = 4):
        self.text = text
        self.binds = binds

    def __format__(self, spec: str) -> str:
        if not spec or self.binds >= int(spec):
            return self.text
        return rf"\left[{self.text}\right]" if self.binds == 0 else rf"\left({self.text}\right)"

    @classmethod
    def of(cls, thing: Any) -> Symbol:
        """The symbol itself, or that of a number."""
        if isinstance(thing, cls):
            return thing
        return cls(_CONSTANTS.get(thing, f"{thing:g}"), 1 if thing < 0 else 4)

    @classmethod
    def apply_op(cls, op: Op, args: Any) -> Symbol:
        """The formula that op makes of these arguments, numbers among them."""
        render: Any = op.latex.format if isinstance(op.latex, str) else op.latex
        if op.arity is None:
            return cls(render(*([cls.of(each) for each in arg] for arg in args)), op.binds)
        if op is ops.multiply and any(_is(arg, 1.0) for arg in args):
            return cls.of(args[1] if _is(args[0], 1.0) else args[0])
        return cls(render(*map(cls.of, args)), op.binds)

    @classmethod
    def compare(cls, sign: str, left: Any, right: Any) -> Symbol:
        """The comparison, in brackets wherever it is an argument."""
        return cls(f"{cls.of(left):1} {LATEX_SIGNS[sign]} {cls.of(right):1}", 0)


def _is(thing: Any, number: float) -> bool:
    return isinstance(thing, float) and thing == number


if __name__ == "__main__":
    print(page(), end="")
