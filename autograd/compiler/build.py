"""From a trace to something that runs: the passes in order, and the choice of a tier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.compiler.graph import Graph, verify, without_dead_code
from autograd.compiler.levels import Levels


@dataclass(eq=False)
class Built:
    """A compiled graph."""

    graph: Graph
    tier: Any
    batched: np.ndarray

    def run(
        self, parameters: np.ndarray, call: Any, scale: float, gradient: bool
    ) -> tuple[list[Any], np.ndarray | None]:
        """The outputs, and the gradients of all parameters or None."""
        stacked, shared = call.numbers()
        return self.tier.run(parameters, stacked, shared, call.batch, scale, gradient)  # type: ignore[no-any-return]

    @property
    def source(self) -> str:
        """The program as text."""
        return str(self.tier)

    @property
    def stats(self) -> dict[str, Any]:
        """Figures."""
        return {"nodes": self.graph.n_ops, "instructions": len(self.tier.runs), "tier": "levels"}

    def formulas(self) -> str:
        """The program as LaTeX."""
        return self.source

    def draw(self) -> Any:
        """The graph of its runs."""
        return self.source


def build(graph: Graph, batched: np.ndarray, has_batch: bool) -> Built:
    """The program of a graph."""
    verify(graph, "trace")
    graph = verify(without_dead_code(graph), "without_dead_code")
    return Built(graph, Levels(graph, batched), batched)
