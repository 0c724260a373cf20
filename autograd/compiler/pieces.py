"""The pieces of a graph with recurrences, each a vector program, and what passes between them.

Values that pass from one piece to another have a row in a store: one store for values with a batch
axis, one for those without; in the same rows of two more stores are their adjoints. The inputs
of the whole graph come first. What a recurrence carries lies there step after step: what enters
the first one, then what each one makes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from autograd.compiler import vector
from autograd.compiler.adjoint import Reverse
from autograd.compiler.assemble import Assembled
from autograd.compiler.graph import distinct
from autograd.compiler.kernel import Lowered
from autograd.compiler.lower import lower
from autograd.compiler.periods import STREAM
from autograd.compiler.roll import Rolled
from autograd.compiler.vector import Instruction, Operand, VectorProgram


@dataclass(eq=False)
class Port:
    """Values that enter or leave a piece.

    Attributes:
        kind: CARRIED, STREAM or FIXED: as of a signal.
        rows: in the store, (steps, n); (1, n) where they are the same at all steps.
        wide: whether they have a batch axis.
        active: whether they have adjoints.
    """

    kind: str
    rows: np.ndarray
    wide: bool
    active: bool

    def at(self, t: int) -> np.ndarray:
        """The rows at a step."""
        return np.asarray(self.rows[t] if len(self.rows) > 1 else self.rows[0])


@dataclass(eq=False)
class Variable:
    """Rows that were made together, one after the other.

    Attributes:
        wide: whether they have a batch axis.
        start: the first of them.
        shape: (steps, n), or (n,).
        nodes: some of those whose values they hold.
        carried: whether a recurrence carries them.
    """

    wide: bool
    start: int
    shape: tuple[int, ...]
    nodes: np.ndarray
    carried: bool = False

    @property
    def size(self) -> int:
        """How many rows."""
        return int(np.prod(self.shape))

    def holds(self, rows: np.ndarray, wide: bool) -> bool:
        """Whether all these rows of a store are its own."""
        low, high = int(rows.min()), int(rows.max())
        return self.wide == wide and self.start <= low and high < self.start + self.size


@dataclass(eq=False)
class Move:
    """Rows that are filled before a recurrence begins: with literals, parameters or other rows."""

    rows: np.ndarray
    nodes: np.ndarray
    wide: bool
    active: bool


@dataclass(eq=False)
class Part:
    """A piece as a vector program.

    Attributes:
        steps: how often it runs; 0 for what is no step.
        rolled: its blocks.
        program: forwards and backwards.
        reverse: what made the latter.
        lowered: the plan of its kernel.
        places: of its parameters.
        inputs: what enters, a column each; the cotangents of active exports follow.
        exports: what leaves, the first results of the kernel.
        adjoints: (column of inputs, its adjoint), the next results.
        outputs: (operand, element) of the outputs of the whole graph, the results behind them.
        moves: what is done first.
        grown: instructions that are added up over the steps.
        summed, kept, ahead: what is left to products of matrices around the loop; see ``lower``.
    """

    steps: int
    rolled: Rolled
    assembled: Assembled
    program: VectorProgram
    reverse: Reverse
    places: np.ndarray
    inputs: list[Port]
    exports: list[tuple[Port, Operand]]
    adjoints: list[tuple[int, Operand]]
    outputs: list[tuple[Operand, int]]
    lowered: Lowered = field(init=False)
    moves: list[Move] = field(default_factory=list)
    grown: set[int] = field(default_factory=set)
    summed: list[tuple[np.ndarray, int, int | None]] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    ahead: list[tuple[np.ndarray, Port]] = field(default_factory=list)

    def lower(self, combine: bool, has_batch: bool) -> None:
        """Make the plan, when the program has been named and written down.

        Without a batch axis, gradients Σ d xᵀ over the steps are one product of matrices behind
        the loop: ``summed`` has (places, d, x) of those, and ``kept`` are all these d and x.
        Products U x with what enters from outside are one before it: ``ahead`` has (places, port
        of x) of those, whose results are the columns behind all others.
        """
        self.program.outputs = list(self.outputs)
        if combine:
            self.reverse.combine()
        gradients = self.program.gradients
        if self.steps and not has_batch:
            self.summed = [each for part in gradients if (each := self._summed(*part))]
            self.kept = sorted({o for _, a, b in self.summed for o in (a, b) if o is not None})
            self.program.gradients = [part for part in gradients if not self._summed(*part)]
        outputs = self.program.outputs
        self.program.outputs = [
            *((operand, 0) for _, operand in self.exports),
            *((operand, 0) for _, operand in self.adjoints),
            *((operand, 0) for operand in self.kept),
            *outputs,
        ]
        columns = [(port.rows.shape[1], port.wide) for port in self.inputs]
        columns += [(port.rows.shape[1], port.wide) for port, _ in self.exports if port.active]
        instructions = list(self.program.instructions)
        for number, product in enumerate(instructions if self.steps and not has_batch else []):
            found = self._ahead(product)
            if found is not None:
                self.ahead.append(found)
                (n,) = product.shape
                rows = sum(size for size, _ in columns) + np.arange(n)
                instructions[number] = Instruction(vector.INPUT, (), (n,), 0, None, rows)
                columns.append((n, False))
        program = replace(self.program, instructions=instructions)
        self.lowered = lower(program, len(self.places), columns)

    def _ahead(self, each: Instruction) -> tuple[np.ndarray, Port] | None:
        """(places, port) of a product of parameters with what enters, step by step."""
        if each.kind != vector.CONTRACT or each.data != "nn" or len(each.shape) != 1:
            return None
        left, port = self.program.instructions[each.args[0]], self.port_of(each.args[1])
        if left.kind != vector.PARAMETER or port is None or port.kind != STREAM:
            return None
        return (left.data, port) if (np.diff(port.rows.ravel()) == 1).all() else None

    @property
    def n_results(self) -> int:
        """How many results of the kernel are no outputs of the whole graph."""
        return len(self.exports) + len(self.adjoints) + len(self.kept)

    def _summed(
        self, index: np.ndarray, operand: Operand
    ) -> tuple[np.ndarray, int, int | None] | None:
        """(places, d, x) of a gradient d xᵀ, or (places, d, None) of a gradient d."""
        if isinstance(operand, float) or not distinct(index):
            return None
        each = self.program.instructions[operand]
        if each.kind == vector.CONTRACT and each.data == "nt":
            a, b = (self.program.instructions[arg] for arg in each.args)
            if len(a.shape) == len(b.shape) == 1:
                return index, *each.args
        if len(each.shape) == 1 and each.kind not in (vector.PARAMETER, vector.CONSTANT):
            return index, operand, None
        return None

    def port_of(self, operand: int) -> Port | None:
        """The port that an instruction gives as a whole, if it does."""
        each = self.program.instructions[operand]
        start = 0
        for port in self.inputs if each.kind == vector.INPUT else []:
            n = port.rows.shape[1]
            if each.data.size == n and (each.data.ravel() == start + np.arange(n)).all():
                return port
            start += n
        return None


@dataclass(eq=False)
class Cut:
    """The pieces of a graph.

    Attributes:
        parts: in the order in which they run.
        sizes: rows of the store without a batch axis, and of the one with it.
        row: of a node, in its store; -1 for those that no piece leaves to another.
        wide: of a node, whether that is the one with a batch axis.
        variables: all rows but those of inputs.
    """

    parts: list[Part]
    sizes: list[int]
    row: np.ndarray
    wide: np.ndarray
    variables: list[Variable]
