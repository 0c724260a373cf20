"""The tier of vector programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd.compiler.adjoint import with_adjoint
from autograd.compiler.arguments import stack
from autograd.compiler.assemble import assemble
from autograd.compiler.graph import Graph, batched
from autograd.compiler.kernel import Kernel, Lowered
from autograd.compiler.lower import lower
from autograd.compiler.naming import name_adjoints, name_blocks
from autograd.compiler.normal import sums_of_products
from autograd.compiler.normal import verify as verify_normal
from autograd.compiler.roll import Rolled, roll
from autograd.compiler.source import Source, write
from autograd.compiler.vector import Operand, VectorProgram
from autograd.compiler.vector import verify as verify_vector

CACHE = 2**17  # numbers that a tile of a batch may take: a megabyte
LEAST = 512  # samples in a tile: matrix products of fewer are slower than memory
KEPT = 8  # numbers of samples for which kernels are kept


@dataclass(eq=False)
class Vectors:
    """A graph as a vector program.

    Attributes:
        places: of the parameters in the order in which the program keeps them.
    """

    rolled: Rolled
    program: VectorProgram
    per_sample: list[tuple[Operand, int]]
    places: np.ndarray
    forward: Source
    both: Source
    lowered: Lowered
    combined: bool
    _uniform: list[bool] = field(init=False)  # outputs that are the same for all samples
    pool: dict[int | None, list[Kernel]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        alone = [
            isinstance(operand, float) or self.program.instructions[operand].batch != 2
            for operand, _ in self.per_sample
        ]
        self._uniform = alone if any(alone) else []

    def run(
        self, parameters: np.ndarray, columns: list[np.ndarray], batch: int | None, scale: float,
        gradient: bool,
    ) -> tuple[list[Any], np.ndarray | None]:  # fmt: skip
        """The outputs, and the gradients of all parameters or None.

        With gradients the outputs are the sums over all samples, if they are to be combined.

        Args:
            parameters: the numbers of the leaves from outside.
            columns: arrays of inputs, (n, batch) or (n,).
            batch: samples, or None.
            scale: adjoint of each output.
            gradient: whether to run backwards.
        """
        p = parameters[self.places]
        if not gradient:
            stacked, shared = stack(columns, batch)
            with np.errstate(all="ignore"):
                results = self.forward.function(p, stacked, shared, batch)
                return self._outputs(self.per_sample, results, batch), None
        outputs, g = self.tiled(p, columns, batch, scale)
        full = np.zeros(len(parameters))
        full[self.places] = g
        return outputs, full

    def tiled(
        self, p: np.ndarray, columns: list[np.ndarray], batch: int | None, scale: float
    ) -> tuple[list[Any], np.ndarray]:
        """The outputs and the gradients, for parameters in the program's order, tile by tile."""
        tile = self.tile(batch)
        if tile >= (batch or 1):
            return self.once(p, columns, batch, scale)
        assert batch is not None
        outputs: list[list[Any]] = []
        g = np.zeros(len(p))
        for start in range(0, batch, tile):
            stop = min(start + tile, batch)
            pieces = [each if each.ndim == 1 else each[:, start:stop] for each in columns]
            found, part = self.once(p, pieces, stop - start, scale)
            g += part
            outputs.append(found)
        return self._joined(outputs), g

    @np.errstate(all="ignore")
    def once(
        self, p: np.ndarray, columns: list[np.ndarray], batch: int | None, scale: float
    ) -> tuple[list[Any], np.ndarray]:
        """The same for all samples at once."""
        pool = self.pool.get(batch)
        if pool is None:
            if len(self.pool) >= KEPT:
                self.pool.clear()
            pool = self.pool.setdefault(batch, [])
        try:
            kernel = pool.pop()
        except IndexError:
            kernel = self.lowered.kernel(batch)
        kernel.p[:] = p
        for buffer, column in zip(kernel.columns, columns, strict=True):
            buffer[...] = column
        kernel.run()
        outputs = self.results(kernel, batch)
        g = kernel.g.copy() if scale == 1.0 else np.multiply(kernel.g, scale)
        pool.append(kernel)
        return outputs, g

    def results(self, kernel: Kernel, batch: int | None) -> list[Any]:
        """The outputs of a run, combined over its samples if they are to be."""
        found = [
            result if where is None else result[where].copy() if wide else float(result[where])
            for result, where, wide in kernel.results
        ]
        if not self.combined or batch is None or not self._uniform:
            return found
        return [
            result * batch if alone else result
            for result, alone in zip(found, self._uniform, strict=True)
        ]

    def _joined(self, outputs: list[list[Any]]) -> list[Any]:
        """The outputs of all tiles together."""
        if len(outputs) == 1:
            return outputs[0]
        together = []
        for parts in zip(*outputs, strict=True):
            if isinstance(parts[0], np.ndarray):
                together.append(np.concatenate(parts))
            else:
                together.append(sum(parts) if self.combined else parts[0])
        return together

    def tile(self, batch: int | None) -> int:
        """How many samples to run at once, so that all buffers stay in the cache."""
        if batch is None or batch * self.lowered.width <= 2 * CACHE:
            return batch or 1
        parts = -(-batch * self.lowered.width // CACHE)
        size = max(-(-batch // parts), LEAST)
        return -(-batch // max(batch // size, 1))

    def _outputs(
        self, operands: list[tuple[Operand, int]], results: Any, batch: int | None
    ) -> list[Any]:
        """Copies of the results: an array of samples each, or a float."""
        outputs: list[Any] = []
        program = self.program
        for (operand, where), result in zip(operands, results, strict=True):
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
    combine: bool, limit: int,
) -> Vectors | None:  # fmt: skip
    """The vector program of a graph, or None if it falls apart into too many blocks.

    Args:
        graph: with dead code removed.
        inputs: per input whether it has a batch axis.
        columns: per input the number of the array that it belongs to.
        letters: per input the name of its argument.
        has_batch: whether there is a batch axis.
        combine: whether ``run`` shall give, with gradients, the sums of the outputs over the batch.
        limit: most blocks.
    """
    normal = verify_normal(sums_of_products(graph), "sums_of_products")
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
    forward, both = write(program, False), write(program, True)
    per_sample = list(program.outputs)
    if combine:
        reverse.combine()
    sizes = [
        (int(n), bool(inputs[columns == i][:1].any())) for i, n in enumerate(np.bincount(columns))
    ]
    return Vectors(
        rolled, program, per_sample, graph.place[order], forward, both,
        lower(program, len(order), sizes), combine,
    )  # fmt: skip
