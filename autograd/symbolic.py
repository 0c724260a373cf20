"""Symbols that stand for numbers in the rules of the op table.

Arithmetic on them goes to the rows of the table, which hand it to the type's ``apply_op``;
comparisons, by which rules tell the sides of a kink, go to its ``compare``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from autograd import ops
from autograd.op import Op

LATEX_SIGNS = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "==": "=", "!=": r"\ne"}


class Symbolic(ABC):
    """The base of symbols: operators and comparisons in terms of two methods."""

    __slots__ = ()

    @classmethod
    @abstractmethod
    def apply_op(cls, op: Op, args: Sequence[Any]) -> Any:
        """What the op makes of these arguments, symbols and numbers among them."""

    @classmethod
    @abstractmethod
    def compare(cls, sign: str, left: Any, right: Any) -> Any:
        """1 where the comparison holds, else 0; the sign is Python's, such as "<="."""

    def __add__(self, other: Any) -> Any:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return ops.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return ops.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return ops.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return ops.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return ops.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return ops.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return ops.divide(other, self)

    def __pow__(self, other: Any) -> Any:
        return ops.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return ops.power(other, self)

    def __neg__(self) -> Any:
        return ops.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return ops.absolute(self)

    def __lt__(self, other: Any) -> Any:
        return self.compare("<", self, other)

    def __le__(self, other: Any) -> Any:
        return self.compare("<=", self, other)

    def __gt__(self, other: Any) -> Any:
        return self.compare(">", self, other)

    def __ge__(self, other: Any) -> Any:
        return self.compare(">=", self, other)

    def __eq__(self, other: object) -> Any:
        return self.compare("==", self, other)

    def __ne__(self, other: object) -> Any:
        return self.compare("!=", self, other)

    __hash__ = object.__hash__
