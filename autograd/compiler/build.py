"""From a trace to something that runs: the passes in order, and the choice of a tier.

======================  =====================================================
a graph that is         runs as
======================  =====================================================
tiny                    a line of Python per node (straight.py)
deep and periodic       the same, with loops (periods.py)
the same, steps wide    vector programs, of a step and of what is around it (scan.py)
wide and regular        a vector program (roll.py and after), lowered to NumPy
anything else           level by level (levels.py); with numba, as instruction arrays for an
                        interpreter (machine.py)
======================  =====================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd.compiler import picture
from autograd.compiler.arguments import Call
from autograd.compiler.graph import PARAMETER, Graph, depth, verify, without_dead_code
from autograd.compiler.levels import Levels
from autograd.compiler.machine import Machine, machine
from autograd.compiler.normal import joined_maxima, simpler_powers
from autograd.compiler.periods import Loop, find_loops
from autograd.compiler.recurrence import recurrence
from autograd.compiler.rolled import Vectors, vectors
from autograd.compiler.scan import Scan, scan
from autograd.compiler.straight import Straight

# Microseconds per call of NumPy, per node or argument in lines of Python, and per op of a level;
# only their ratios matter.
_PER_LINE, _PER_NODE, _PER_RUN = 0.8, 0.04, 5.0
_TINY = 150  # nodes and arguments below which nothing else is tried
_LINES, _LONG = 3000, 12_000  # most lines of Python, which take 30 µs each to compile
_DEEP = 10_000  # nodes of a level up to which loops are looked for
_LOOPS = 32, 64  # levels from which they are, for wide steps and for others
_STEPS = 16, 64  # steps from which a wide step is a program, and one with weights of its own
_BODY = 4  # ops in a step from which it may be a vector program
_BLOCKS = 200  # most blocks of a piece of a graph with recurrences
_MANY = 4000  # nodes from which numba is worth its second


@dataclass(eq=False)
class Built:
    """A compiled graph."""

    graph: Graph
    tier: Any
    stats: dict[str, Any] = field(default_factory=dict)

    def run(
        self, parameters: np.ndarray, call: Call, scale: float, gradient: bool
    ) -> tuple[list[Any], np.ndarray | None]:
        """The outputs, and the gradients of all parameters or None."""
        return self.tier.run(parameters, call.columns, call.batch, scale, gradient)  # type: ignore[no-any-return]

    @property
    def source(self) -> str:
        """The program as text."""
        if isinstance(self.tier, Vectors):
            return self.tier.both.text
        return self.tier.text if isinstance(self.tier, Straight) else str(self.tier)

    @property
    def passes(self) -> dict[str, str]:
        """The program in print after each pass."""
        found = {"trace": str(self.graph)}
        if isinstance(self.tier, Scan):
            found |= self.tier.passes
        elif isinstance(self.tier, Vectors):
            found["sums of products"] = str(self.tier.rolled.normal)
            found["blocks"] = str(self.tier.rolled)
            found["instructions"] = str(self.tier.program)
            found["source"] = self.source
            found["calls"] = self.tier.lowered.text
        else:
            found["source"] = self.source
        return found

    def formulas(self) -> str:
        """The program as LaTeX."""
        return picture.formulas(self.graph, self.tier)

    def draw(self) -> Any:
        """The graph of its instructions."""
        return picture.draw(self.graph, self.tier)


def build(graph: Graph, call: Call, combine: bool) -> Built:
    """The program of a graph."""
    verify(graph, "trace")
    graph = verify(without_dead_code(graph), "without_dead_code")
    graph = verify(simpler_powers(graph), "simpler_powers")
    graph = verify(joined_maxima(graph), "joined_maxima")
    tier = _tier(graph, call, combine)
    stats: dict[str, Any] = {"nodes": graph.n_ops}
    if isinstance(tier, Scan):
        stats |= {"instructions": tier.both.lines, "loops": tier.loops, "tier": "scan"}
    elif isinstance(tier, Vectors):
        stats |= {"instructions": tier.both.lines, "calls": len(tier.lowered.lines)}
        stats["tier"] = "vectors"
    elif isinstance(tier, Straight):
        stats |= {"instructions": tier.lines, "loops": tier.loops}
        stats["tier"] = "loops" if tier.loops else "scalars"
    else:
        stats |= {"instructions": len(tier.runs)}
        stats["tier"] = "machine" if isinstance(tier, Machine) else "levels"
    return Built(graph, tier, stats)


def _tier(graph: Graph, call: Call, combine: bool) -> Any:
    has_batch, n = call.batch is not None, graph.n_ops
    own = call.batched
    size = n + len(graph.args)
    if not has_batch and size <= _TINY:
        return Straight(graph, own, False, [])
    long = depth(graph)
    loops = find_loops(graph) if long >= _LOOPS[0] and n <= _DEEP * long else []
    stepwise = _scan(graph, loops, call, combine)
    if stepwise is not None:
        return stepwise
    loops = loops if long >= _LOOPS[1] else []
    lines = n - sum(loop.nodes.size - loop.nodes.shape[1] for loop in loops)
    columns, letters = call.origins
    limit = min(400 if has_batch else max(40, n // 8), 150 if loops else n + 40)
    found = vectors(graph, own, columns, letters, has_batch, combine, limit)
    if found is not None:
        # A program that can be read is worth something, too.
        cheaper = size * _PER_NODE < len(found.lowered.lines) * _PER_LINE and not has_batch
        return Straight(graph, own, has_batch, loops) if cheaper and lines < _LINES else found
    if lines < (_LINES if has_batch or loops else 1000):
        return Straight(graph, own, has_batch, loops)
    by_level = Levels(graph, own)
    if has_batch:
        return by_level
    if n >= _MANY and (fast := machine(graph, by_level)) is not None:
        return fast
    if lines < _LONG and lines * _PER_NODE * 2.0 < len(by_level.runs) * _PER_RUN:
        return Straight(graph, own, has_batch, loops)  # deep: hardly anything is on one level
    return by_level


def _scan(graph: Graph, loops: list[Loop], call: Call, combine: bool) -> Scan | None:
    """The program with recurrences of vectors, if there are such and if that is faster."""
    found = [
        each
        for loop in loops
        if loop.nodes.shape[1] >= _BODY
        and len(loop.nodes) >= _STEPS[_has_own(graph, loop)]
        and (each := recurrence(graph, loop)) is not None
    ]
    if not any(each.nodes.shape[1] >= _BODY for each in found):
        return None
    columns, letters = call.origins
    has_batch = call.batch is not None
    made = scan(graph, found, call.batched, columns, letters, has_batch, combine, _BLOCKS)
    if made is None:
        return None
    node_by_node = (graph.n_ops + len(graph.args)) * (_PER_LINE if has_batch else _PER_NODE)
    return made if len(made.lowered.lines) * _PER_LINE < node_by_node else None


def _has_own(graph: Graph, loop: Loop) -> bool:
    """Whether the steps of a loop have parameters of their own, as the layers of a network."""
    return any(
        (graph.code[nodes] == PARAMETER).all() and graph.active[nodes].any()
        for nodes in loop.streams.values()
    )
