"""The tier of recurrences: vector programs before a loop, of its step, and behind it.

Forwards the step runs once for each place in time, and keeps what backwards will look at again;
then all pieces run backwards in reverse order, the step from the last place to the first:
backpropagation through time (Werbos 1990).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from autograd.compiler.book import book
from autograd.compiler.bptt import write_scan
from autograd.compiler.cut import cut
from autograd.compiler.graph import PARAMETER, Graph, batched
from autograd.compiler.periods import Loop
from autograd.compiler.pieces import Cut
from autograd.compiler.rolled import Vectors
from autograd.compiler.timeline import Plan

STORED = 2**23  # numbers that all steps of a tile of a batch may take
LEAST = 16  # samples in a tile


@dataclass(eq=False)
class Scan(Vectors):
    """A graph with recurrences as vector programs: the last of them gives the outputs.

    Attributes:
        cut: its pieces, in the order in which they run.
    """

    lowered: Plan  # type: ignore[assignment]
    cut: Cut = field(kw_only=True)

    @property
    def loops(self) -> int:
        """How many recurrences there are."""
        return sum(part.steps > 0 for part in self.cut.parts)

    @property
    def passes(self) -> dict[str, str]:
        """The program in print after each pass, piece by piece."""
        found: dict[str, list[str]] = {}
        for part in self.cut.parts:
            head = f"# {part.steps} steps" if part.steps else "# once"
            for name, text in (
                ("sums of products", str(part.rolled.normal)), ("blocks", str(part.rolled)),
                ("instructions", str(part.program)), ("calls", part.lowered.text),
            ):  # fmt: skip
                found.setdefault(name, []).append(f"{head}\n{text.rstrip()}")
        texts = {name: "\n\n".join(parts) + "\n" for name, parts in found.items()}
        calls = texts.pop("calls")
        return texts | {"source": self.both.text, "calls": calls}

    def tile(self, batch: int | None) -> int:
        """How many samples to run at once, so that a step stays in the cache."""
        size = super().tile(batch)
        most = max(STORED // max(self.lowered.stored, 1), LEAST)
        if batch is None or size <= most:
            return size
        return -(-batch // -(-batch // most))


def scan(
    graph: Graph, loops: list[Loop], inputs: np.ndarray, columns: np.ndarray, letters: list[str],
    has_batch: bool, combine: bool, limit: int,
) -> Scan | None:  # fmt: skip
    """The program of a graph with recurrences, or None if it cannot be cut at them.

    Args:
        graph: with dead code removed.
        loops: its recurrences.
        inputs: per input whether it has a batch axis.
        columns: per input the number of the array that it belongs to.
        letters: per input the name of its argument.
        has_batch: whether there is a batch axis.
        combine: whether ``run`` shall give, with gradients, the sums of the outputs over the batch.
        limit: most blocks of a piece.
    """
    found = cut(graph, loops, batched(graph, inputs), columns, has_batch, limit)
    if found is None:
        return None
    known = [part.places for part in found.parts]
    for part in found.parts:
        for move in part.moves:
            known.append(graph.place[move.nodes[graph.code[move.nodes] == PARAMETER]])
    every = np.concatenate(known)
    _, first = np.unique(every, return_index=True)
    places = every[np.sort(first)]
    order = np.zeros(graph.n_parameters, dtype=np.int64)
    order[places] = np.arange(len(places))
    named = book(graph, found, columns, letters, inputs, order, len(places), has_batch)
    if not named.complete:
        return None
    forward, both = write_scan(named, False), write_scan(named, True)
    for part in found.parts:
        part.lower(combine, has_batch)
    sizes = [
        (int(n), bool(inputs[columns == i][:1].any())) for i, n in enumerate(np.bincount(columns))
    ]
    last = found.parts[-1]
    return Scan(
        last.rolled, last.program, last.outputs, places, forward, both,
        Plan(graph, found, places, sizes), combine, cut=found,
    )  # fmt: skip
