"""The vector program: a list of instructions on arrays, each made once and never changed.

An array has axes for elements and, if it is batched, one for the samples behind them. There
are no buffers and no updates here: what reuses memory comes later, and for NumPy alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler.graph import distinct
from autograd.compiler.symbolic import COMPARISONS, GREATER
from autograd.op import Op, SequenceOp

Operand = Any  # the number of an instruction, an int; or a float

# What an instruction does; `data` says more.
PARAMETER = "parameter"  # data: index into all parameters
INPUT = "input"  # data: rows of the inputs
CONSTANT = "constant"  # data: an array
MAP = "map"  # op, element by element
ALONG = "along"  # op of sequences along the first axis; partial of it if data says "partial"
ACCESS = "access"  # data: index into the elements
CONTRACT = "contract"  # data: "nn" a b, "tn" aᵀ b, "nt" a bᵀ
PRODUCT = "product"  # the same for each sample, of two arrays that both have samples
SUM = "sum"  # data: (element axes, whether over the batch)
LIFT = "lift"  # a batch axis of length 1 behind
FILL = "fill"  # broadcast to the shape
COUNT = "count"  # the number of samples
JOIN = "join"  # along the first axis
SCATTER = "scatter"  # the adjoint of an access; data: index into the elements
SLOPES = "slopes"  # partials of an op whose rule takes the elements one by one


@dataclass(frozen=True, eq=False)
class Instruction:
    """One step.

    Attributes:
        kind: what it does, see above.
        args: numbers of earlier instructions, and floats.
        shape: of the elements.
        batch: 0 without batch axis, 1 for one of length 1, 2 for all samples.
        op: of a map or along.
        data: what else the kind needs.
    """

    kind: str
    args: tuple[Operand, ...]
    shape: tuple[int, ...]
    batch: int
    op: Op | None = None
    data: Any = None

    @property
    def references(self) -> list[int]:
        """The instructions among the arguments."""
        return [arg for arg in self.args if not isinstance(arg, float)]


@dataclass(eq=False)
class VectorProgram:
    """Instructions, results and names; see ``Builder`` for how one is made.

    Attributes:
        outputs: per result (operand, element), in the order of the function's results.
        gradients: (index into all parameters, operand) for parts of the gradient.
        names: of instructions that stand for something.
        notes: what they stand for: a line about the nodes.
        nodes: the nodes of the trace that an instruction stands for.
    """

    instructions: list[Instruction] = field(default_factory=list)
    outputs: list[tuple[Operand, int]] = field(default_factory=list)
    gradients: list[tuple[np.ndarray, Operand]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    nodes: dict[int, np.ndarray] = field(default_factory=dict)
    forward: int = 0  # how many instructions the forward pass has

    def reached(self, results: Iterable[Operand] | None = None) -> list[int]:
        """The instructions that these need; by default the outputs and the gradients."""
        if results is None:
            results = [o for o, _ in self.outputs] + [o for _, o in self.gradients]
        stack = [each for each in results if not isinstance(each, float)]
        seen: set[int] = set()
        while stack:
            each = stack.pop()
            if each not in seen:
                seen.add(each)
                stack += self.instructions[each].references
        return sorted(seen)

    def __str__(self) -> str:
        """One line per instruction."""
        lines = []
        for number, each in enumerate(self.instructions):
            args = ", ".join(
                f"{arg:g}" if isinstance(arg, float) else f"v{arg}" for arg in each.args
            )
            what = each.op.name if each.op else each.kind
            if each.kind == CONTRACT:
                what += f" {each.data}"
            elif isinstance(each.data, np.ndarray) and each.data.size:
                what += f" [{each.data.flat[0]:g} … {each.data.flat[-1]:g}]"
            shape = "×".join([*map(str, each.shape), *(["B"] * (each.batch == 2))]) or "1"
            name = f"   # {self.names[number]}" if number in self.names else ""
            lines.append(f"v{number}: {shape} = {what} {args}".rstrip() + name)
        return "\n".join(lines)


def verify(program: VectorProgram, after: str) -> VectorProgram:
    """The program itself, if every instruction refers to earlier ones and fits its arguments.

    Raises:
        AssertionError: naming the pass after which it is not.
    """
    for number, each in enumerate(program.instructions):
        sizes = [program.instructions[arg] for arg in each.references]
        good = all(arg < number for arg in each.references)
        if each.kind == CONTRACT and good:
            a, b = sizes
            if each.data == "nt":
                good = a.shape[1:] == b.shape[1:] and a.batch == b.batch
            else:
                good = a.shape[each.data == "nn"] == b.shape[0] and a.batch == 0
        if each.kind == PRODUCT and good:
            a, b = sizes
            inner = a.shape[each.data != "tn"], b.shape[each.data == "nt"]
            good = inner[0] == inner[1] and a.batch == b.batch == 2
        if each.kind == ACCESS and good and sizes:
            top = int(np.prod(sizes[0].shape))
            good = each.data.size == 0 or (each.data.min() >= 0 and each.data.max() < top)
        if not good:
            raise AssertionError(f"after {after}: instruction {number} is broken: {each}")
    for operand, _ in program.outputs:
        assert isinstance(operand, float) or operand < len(program.instructions)
    return program


class Builder:
    """Makes a program, instruction by instruction; equal ones are made once."""

    def __init__(self, program: VectorProgram):
        self.program = program
        self._known: dict[Any, int] = {}

    def __getitem__(self, operand: int) -> Instruction:
        return self.program.instructions[operand]

    def shape(self, operand: Operand) -> tuple[int, ...]:
        """The element axes of an operand."""
        return () if isinstance(operand, float) else self[operand].shape

    def batch(self, operand: Operand) -> int:
        """0, 1 or 2, as of an instruction."""
        return 0 if isinstance(operand, float) else self[operand].batch

    def _emit(
        self, kind: str, args: Sequence[Operand], shape: tuple[int, ...], batch: int,
        op: Op | None = None, data: Any = None,
    ) -> int:  # fmt: skip
        frozen = data
        if isinstance(data, np.ndarray):
            frozen = (data.shape, data.dtype.str, data.tobytes())
        key = (kind, tuple((type(arg), arg) for arg in args), shape, batch, op, frozen)
        if key not in self._known:
            self._known[key] = len(self.program.instructions)
            self.program.instructions.append(Instruction(kind, tuple(args), shape, batch, op, data))
        return self._known[key]

    # -- sources -----------------------------------------------------------------------------

    def parameter(self, index: np.ndarray) -> int:
        """Parameters by their places."""
        return self._emit(PARAMETER, (), index.shape, 0, None, index)

    def input(self, rows: np.ndarray, batched: bool) -> int:
        """Inputs by their numbers."""
        return self._emit(INPUT, (), rows.shape, 2 if batched else 0, None, rows)

    def constant(self, array: np.ndarray) -> Operand:
        """An array of numbers; a float if they are all one."""
        if array.size and (array == array.flat[0]).all():
            return float(array.flat[0])
        return self._emit(CONSTANT, (), array.shape, 0, None, np.ascontiguousarray(array))

    # -- element by element ------------------------------------------------------------------

    def map(self, op: Op, args: Sequence[Operand]) -> Operand:
        """``op`` of operands that broadcast, by the first rewrite that fits."""
        args = [float(arg) if isinstance(arg, np.floating) else arg for arg in args]
        simple = self._simpler(op, args)
        if simple is not None:
            return simple
        if any(self.batch(arg) for arg in args):
            args = [self.lift(arg) for arg in args]
        shape = np.broadcast_shapes(*(self.shape(arg) for arg in args))
        return self._emit(MAP, args, shape, max(map(self.batch, args)), op)

    def _simpler(self, op: Op, args: Sequence[Operand]) -> Operand | None:
        """An operand that is ``op(*args)`` already, or with less to do."""
        if all(isinstance(arg, float) for arg in args) and op not in COMPARISONS:
            with np.errstate(all="ignore"):
                return float(op(*args))
        if op is ops.multiply:
            a, b = args
            if a == 1.0 and isinstance(a, float) and not self._truth(b):
                return b  # 1 · x → x
            if b == 1.0 and isinstance(b, float) and not self._truth(a):
                return a  # x · 1 → x
            if a == -1.0 and isinstance(a, float):
                return self.map(ops.negative, [b])  # -1 · x → -x
            if b == -1.0 and isinstance(b, float):
                return self.map(ops.negative, [a])  # x · -1 → -x
            if a == b and type(a) is type(b):
                return self.map(ops.square, [a])  # x · x → x²
            for x, y in ((a, b), (b, a)):
                if isinstance(x, float) and (inner := self._inner(y, ops.multiply)):
                    for c, z in (inner, inner[::-1]):
                        if isinstance(c, float):
                            return self.map(op, [x * c, z])  # c (d x) → (c d) x
                if inner := self._inner(y, ops.negative):
                    return self.map(ops.negative, [self.map(op, [x, inner[0]])])  # x (-y) → -(x y)
        elif op is ops.negative:
            if inner := self._inner(args[0], ops.negative):
                return inner[0]  # -(-x) → x
            if inner := self._inner(args[0], ops.subtract):
                return self.map(ops.subtract, inner[::-1])  # -(a - b) → b - a
            if inner := self._inner(args[0], ops.multiply):
                for c, z in (inner, inner[::-1]):
                    if isinstance(c, float):
                        return self.map(ops.multiply, [-c, z])  # -(c x) → (-c) x
        elif op is ops.add:
            a, b = args
            if b == 0.0 and isinstance(b, float):
                return a  # x + 0 → x
            if a == 0.0 and isinstance(a, float):
                return b  # 0 + x → x
            if inner := self._inner(b, ops.negative):
                return self.map(ops.subtract, [a, inner[0]])  # a + (-b) → a - b
            if inner := self._inner(a, ops.negative):
                return self.map(ops.subtract, [b, inner[0]])  # -a + b → b - a
        elif op is ops.subtract:
            a, b = args
            if b == 0.0 and isinstance(b, float):
                return a  # x - 0 → x
            if inner := self._inner(b, ops.negative):
                return self.map(ops.add, [a, inner[0]])  # a - (-b) → a + b
        elif op is GREATER and args[1] == 0.0 and isinstance(args[1], float):
            # [x > 0] is [relu(x) > 0]; x itself need not be kept for it.
            found = self._known_map(ops.relu, args[:1])
            if found is not None and found != args[0]:
                return self._emit(MAP, (found, 0.0), self[found].shape, self[found].batch, op)
        return None

    def _known_map(self, op: Op, args: Sequence[Operand]) -> int | None:
        shape, batch = self.shape(args[0]), self.batch(args[0])
        key = (MAP, tuple((type(arg), arg) for arg in args), shape, batch, op, None)
        return self._known.get(key)

    def _inner(self, operand: Operand, op: Op) -> list[Operand] | None:
        if isinstance(operand, float) or self[operand].op is not op:
            return None
        return list(self[operand].args) if self[operand].kind == MAP else None

    def _truth(self, operand: Operand) -> bool:
        """Whether the operand is a comparison, which 1.0 times it makes a number."""
        return not isinstance(operand, float) and self[operand].op in COMPARISONS

    # -- shapes ------------------------------------------------------------------------------

    def lift(self, operand: Operand) -> Operand:
        """The operand with a batch axis, of length 1 if it had none; numbers need none."""
        if isinstance(operand, float) or self[operand].batch or not self[operand].shape:
            return operand
        return self._emit(LIFT, (operand,), self[operand].shape, 1)

    def access(self, operand: Operand, index: np.ndarray) -> Operand:
        """The elements at these places, in the shape of the index."""
        if isinstance(operand, float):
            return operand
        source = self[operand]
        if index.shape == source.shape and _is_range(index):
            return operand
        if source.kind == ACCESS:
            return self.access(source.args[0], source.data.ravel()[index])
        if source.kind == PARAMETER:
            return self.parameter(source.data.ravel()[index])
        if source.kind == INPUT:
            return self.input(source.data.ravel()[index], source.batch == 2)
        if source.kind == CONSTANT:
            return self.constant(source.data.ravel()[index])
        return self._emit(ACCESS, (operand,), index.shape, source.batch, None, index)

    def fill(self, operand: Operand, shape: tuple[int, ...], batch: int) -> int:
        """The operand broadcast to a shape."""
        if not isinstance(operand, float) and (self[operand].shape, self[operand].batch) == (
            shape, batch,
        ):  # fmt: skip
            return operand  # type: ignore[no-any-return]
        if batch:
            operand = self.lift(operand)
        return self._emit(FILL, (operand,), shape, batch)

    def scatter(
        self, operand: Operand, index: np.ndarray, shape: tuple[int, ...], batch: int
    ) -> Operand:
        """Zeros of a shape with the operand's elements added at these places."""
        size = int(np.prod(shape))
        if index.size == size and distinct(index):
            if isinstance(operand, float):
                return operand
            operand = self.fill(operand, index.shape, batch)
            inverse = np.empty(size, dtype=np.int64)
            inverse[index.ravel()] = np.arange(size)
            return self.access(operand, inverse.reshape(shape))
        operand = self.fill(operand, index.shape, batch)
        return self._emit(SCATTER, (operand,), shape, batch, None, index)

    def join(self, operands: Sequence[Operand]) -> Operand:
        """The operands one after the other along the first axis."""
        if len(operands) == 1:
            return operands[0]
        batch = max(map(self.batch, operands))
        rest = max((self.shape(each)[1:] for each in operands), key=len)
        full = [self.fill(each, (self.shape(each)[0], *rest), batch) for each in operands]
        return self._emit(JOIN, full, (sum(self.shape(each)[0] for each in full), *rest), batch)

    # -- sums --------------------------------------------------------------------------------

    def contract(self, form: str, a: int, b: int) -> int:
        """A product of matrices; the axes behind the first of a right-hand side go together."""
        first, second = self[a], self[b]
        if form == "nn":
            return self._emit(
                CONTRACT, (a, b), (first.shape[0], *second.shape[1:]), second.batch, None, form
            )
        if form == "tn":
            return self._emit(
                CONTRACT, (a, b), (first.shape[1], *second.shape[1:]), second.batch, None, form
            )
        return self._emit(CONTRACT, (a, b), (first.shape[0], second.shape[0]), 0, None, form)

    def product(self, form: str, a: int, b: int) -> int:
        """A product of matrices for each sample."""
        shape = self[a].shape[form == "tn"], self[b].shape[form != "nt"]
        return self._emit(PRODUCT, (a, b), shape, 2, None, form)

    def sum(self, operand: int, axes: Iterable[int], batch: bool) -> int:
        """The sum over some element axes, and over the samples."""
        axes = tuple(axes)
        if not axes and not batch:
            return operand
        source = self[operand]
        shape = tuple(n for axis, n in enumerate(source.shape) if axis not in axes)
        return self._emit(SUM, (operand,), shape, 0 if batch else source.batch, None, (axes, batch))

    def along(self, op: SequenceOp, operands: Sequence[Operand], data: Any = None) -> int:
        """An op of sequences along the first axis of the operands."""
        shape = max((self.shape(each) for each in operands), key=len)
        batch = max(map(self.batch, operands))
        full = [self.fill(each, shape, batch) for each in operands]
        return self._emit(ALONG, full, shape[1:], batch, op, data)

    def slopes(self, op: SequenceOp, y: Operand, x: Operand) -> int:
        """The partials of an op whose rule treats its elements one by one."""
        return self._emit(SLOPES, (y, x), self.shape(x), self.batch(x), op)

    def count(self) -> int:
        """The number of samples."""
        return self._emit(COUNT, (), (), 0)


def _is_range(index: np.ndarray) -> bool:
    flat = index.ravel()
    return bool((flat == np.arange(len(flat))).all())
