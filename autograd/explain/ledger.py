"""The books of one backward pass: every term that it adds to every adjoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autograd.reverse import adjoints
from autograd.value import Value


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One use of a node, and what flows back to it from there: product = adjoint × partial.

    Attributes:
        use: the node that was computed with it.
        position: the place among the arguments of that node, counted from 0.
        adjoint: ∂loss/∂use.
        partial: ∂use/∂node, at the numbers recorded.
    """

    use: Value
    position: int
    adjoint: float
    partial: float

    @property
    def product(self) -> float:
        """The adjoint times the partial, as the backward pass adds it.

        It is 0 where the adjoint is 0, whatever the partial, and where the op selected
        another argument: nothing is passed on there.
        """
        op = self.use.op
        assert op is not None
        if self.adjoint == 0.0 or (op.selects and self.partial == 0.0):
            return 0.0
        return self.adjoint * self.partial


class Ledger:
    """All adjoints of the nodes that a root was computed from, term by term.

    The adjoints are those of ``root.backward()``, bit for bit; no ``grad`` is touched, and
    hooks are not called.

    Attributes:
        root: the node at the end, whose adjoint is 1.
        adjoint: ∂root/∂node for every node that requires a gradient, parents before children.

    Raises:
        TypeError: if the root is not a Value.
        GraphError: if it is a constant, which no gradient flows from.
    """

    def __init__(self, root: Value):
        if not isinstance(root, Value):
            raise TypeError(
                f"expected the Value at the end of a graph, such as a loss, "
                f"but got {type(root).__name__} {root!r}."
            )
        self.root = root
        self.adjoint = adjoints(root)
        self._terms: dict[Value, list[Term]] | None = None

    def __contains__(self, node: object) -> bool:
        return node in self.adjoint

    def __iter__(self) -> Iterator[Value]:
        """The nodes that require a gradient, parents before children."""
        return iter(self.adjoint)

    def terms(self, node: Value) -> list[Term]:
        """The terms of the node's adjoint, one per use, in the order in which they are added.

        Their products sum, in that order and to the last bit, to ``adjoint[node]``. The root
        has none: its adjoint is 1 from the start.
        """
        if self._terms is None:
            self._terms = {each: [] for each in self.adjoint}
            for use in reversed(self.adjoint):
                adjoint = self.adjoint[use]
                pairs = zip(use.parents, use.partials, strict=True)
                for position, (parent, partial) in enumerate(pairs):
                    if parent.requires_grad:
                        self._terms[parent].append(Term(use, position, adjoint, partial))
        return self._terms[node]
