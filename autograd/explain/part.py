"""The part of a graph that one gradient comes from, as the drawing reads it."""

from __future__ import annotations

from autograd.draw.tape import Tape
from autograd.explain.ledger import Ledger
from autograd.value import Value


class PartTape(Tape):
    """The nodes between a node and the loss, with the adjoints of the ledger."""

    def __init__(self, ledger: Ledger, node: Value):
        between = {node}
        for each in ledger:
            if not between.isdisjoint(each.parents):
                between.add(each)
        super().__init__(ledger.root, between)
        self.ledger = ledger

    def grad(self, i: int) -> float:
        """∂loss/∂node, whatever its ``grad`` is."""
        return self.ledger.adjoint[self.nodes[i]]

    @property
    def differentiated(self) -> bool:
        """True: the ledger has the gradients."""
        return True
