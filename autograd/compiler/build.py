"""From a trace to something that runs: the passes in order, and the choice of a tier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.compiler.arguments import Call
from autograd.compiler.graph import Graph, verify, without_dead_code
from autograd.compiler.levels import Levels
from autograd.compiler.rolled import Vectors, vectors


@dataclass(eq=False)
class Built:
    """A compiled graph."""

    graph: Graph
    tier: Any

    def run(
        self, parameters: np.ndarray, call: Call, scale: float, gradient: bool
    ) -> tuple[list[Any], np.ndarray | None]:
        """The outputs, and the gradients of all parameters or None."""
        return self.tier.run(parameters, call.columns, call.batch, scale, gradient)  # type: ignore[no-any-return]

    @property
    def source(self) -> str:
        """The program as text."""
        return self.tier.both.text if isinstance(self.tier, Vectors) else str(self.tier)

    @property
    def stats(self) -> dict[str, Any]:
        """Figures."""
        if isinstance(self.tier, Vectors):
            lines = self.tier.both.lines
            return {"nodes": self.graph.n_ops, "instructions": lines, "tier": "vectors"}
        return {"nodes": self.graph.n_ops, "instructions": len(self.tier.runs), "tier": "levels"}

    def formulas(self) -> str:
        """The program as LaTeX."""
        return self.source

    def draw(self) -> Any:
        """The graph of its runs."""
        return self.source


def build(graph: Graph, call: Call, combine: bool) -> Built:
    """The program of a graph."""
    verify(graph, "trace")
    graph = verify(without_dead_code(graph), "without_dead_code")
    has_batch = call.batch is not None
    columns, letters = call.origins
    limit = 400 if has_batch else max(40, graph.n_ops // 8)
    found = vectors(graph, call.batched, columns, letters, has_batch, combine, limit)
    if found is not None:
        return Built(graph, found)
    return Built(graph, Levels(graph, call.batched))
