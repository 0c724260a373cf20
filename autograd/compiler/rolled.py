"""The tier of vector programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.compiler.adjoint import with_adjoint
from autograd.compiler.assemble import assemble
from autograd.compiler.graph import Graph, batched
from autograd.compiler.naming import name_adjoints, name_blocks
from autograd.compiler.normal import simpler_powers, sums_of_products
from autograd.compiler.normal import verify as verify_normal
from autograd.compiler.roll import Rolled, roll
from autograd.compiler.source import Source, write
from autograd.compiler.vector import VectorProgram
from autograd.compiler.vector import verify as verify_vector


@dataclass(eq=False)
class Vectors:
    """A graph as a vector program.

    Attributes:
        places: of the parameters in the order in which the program keeps them.
    """

    rolled: Rolled
    program: VectorProgram
    places: np.ndarray
    forward: Source
    both: Source

    def run(
        self, parameters: np.ndarray, inputs: np.ndarray, shared: np.ndarray, batch: int | None,
        scale: float, gradient: bool,
    ) -> tuple[list[Any], np.ndarray | None]:  # fmt: skip
        """The outputs, and the gradients of all parameters or None; arguments as in `Levels`."""
        p = parameters[self.places]
        with np.errstate(all="ignore"):
            if not gradient:
                results = self.forward.function(p, inputs, shared, batch)
                return self._outputs(results, batch), None
            results, parts = self.both.function(p, inputs, shared, batch)
        found = np.zeros(len(p))
        for (index, _), part in zip(self.program.gradients, parts, strict=True):
            np.add.at(found, index, part)
        full = np.zeros(len(parameters))
        full[self.places] = found
        return self._outputs(results, batch), full * scale

    def _outputs(self, results: Any, batch: int | None) -> list[Any]:
        outputs: list[Any] = []
        program = self.program
        for (operand, where), result in zip(program.outputs, results, strict=True):
            if isinstance(operand, float):
                outputs.append(operand)
                continue
            each = program.instructions[operand]
            if each.batch == 2:
                outputs.append(np.array(np.reshape(result, (-1, batch or 1))[where]))
            else:
                outputs.append(float(np.ravel(result)[where]))
        return outputs


def vectors(
    graph: Graph, inputs: np.ndarray, columns: np.ndarray, letters: list[str], has_batch: bool,
    limit: int,
) -> Vectors | None:  # fmt: skip
    """The vector program of a graph, or None if it falls apart into too many blocks.

    Args:
        graph: with dead code removed.
        inputs: per input whether it has a batch axis.
        columns: per input the number of the array that it belongs to.
        letters: per input the name of its argument.
        has_batch: whether there is a batch axis.
        limit: most blocks.
    """
    normal = verify_normal(sums_of_products(simpler_powers(graph)), "sums_of_products")
    rolled = roll(normal, batched(normal.graph, inputs), columns, limit)
    if rolled is None:
        return None
    assembled = assemble(rolled)
    verify_vector(assembled.program, "assemble")
    name_blocks(assembled, rolled, letters)
    order = rolled.order
    reverse = with_adjoint(assembled, graph.active[order], has_batch)
    program = verify_vector(reverse.program, "with_adjoint")
    name_adjoints(program, reverse.adjoint_of)
    return Vectors(rolled, program, graph.place[order], write(program, False), write(program, True))
