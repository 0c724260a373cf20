"""From blocks to the forward pass of a vector program."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from autograd import ops
from autograd.compiler.roll import Block, Rolled, Segment
from autograd.compiler.trace import detach
from autograd.compiler.vector import Builder, Operand, VectorProgram
from autograd.op import SequenceOp


@dataclass(eq=False)
class Assembled:
    """A forward pass, what makes more of it, and the instruction of each block."""

    program: VectorProgram
    builder: Builder
    of_block: list[Operand]


def assemble(rolled: Rolled) -> Assembled:
    """The instructions of the blocks, one after the other."""
    return _Assembler(rolled).assembled()


class _Assembler:
    def __init__(self, rolled: Rolled):
        self.rolled, self.graph = rolled, rolled.normal.graph
        self.program = VectorProgram()
        self.builder = Builder(self.program)
        self.place = np.full(len(self.graph), -1, dtype=np.int64)
        self.place[rolled.order] = np.arange(len(rolled.order))
        self.of_block: list[Operand] = []

    def assembled(self) -> Assembled:
        blocks = self.rolled.blocks
        for block in blocks:
            value = self._block(block)
            if (not isinstance(value, float) and block.op is not None) or block.kind == "sum":
                self._about(value, block)
            if not block.active and block.op is not detach and self._cuts(block):
                value = self.builder.map(detach, [value])
            self.of_block.append(value)
        outputs = self.graph.outputs
        for node in outputs.tolist():
            number = int(self.rolled.block_of[node])
            if blocks[number].kind in ("parameter", "constant", "literal"):
                self.program.outputs.append((self._whole(np.array([node])), 0))
            else:
                where = int(self.rolled.position[node])
                self.program.outputs.append((self.of_block[number], where))
        self.program.forward = len(self.program.instructions)
        return Assembled(self.program, self.builder, self.of_block)

    def _cuts(self, block: Block) -> bool:
        """Whether gradients would flow through the block if its nodes had recorded them."""
        active = self.graph.active
        tables = [*block.args, *(each.left for each in block.segments)]
        tables += [each.right for each in block.segments if each.right is not None]
        return any(active[table].any() for table in tables)

    def _about(self, value: Operand, block: Block) -> None:
        if not isinstance(value, float):
            self.program.nodes.setdefault(value, block.nodes)

    # -- arguments ---------------------------------------------------------------------------

    def _whole(self, nodes: np.ndarray) -> Operand:
        """These nodes, which are of one block, as an operand of that very shape."""
        number = int(self.rolled.block_of[nodes.flat[0]])
        block = self.rolled.blocks[number]
        if block.kind in ("parameter", "constant"):
            return self.builder.parameter(self.place[nodes])
        if block.kind == "literal":
            return self.builder.constant(self.graph.number[nodes])
        if block.kind == "input":
            return self.builder.input(self.graph.place[nodes], block.batched)
        return self.builder.access(self.of_block[number], self.rolled.position[nodes])

    def _thin(self, nodes: np.ndarray) -> Operand:
        """The same, with axes along which nothing changes cut down to length 1."""
        for axis in range(nodes.ndim):
            if nodes.shape[axis] > 1:
                first = nodes.take([0], axis=axis)
                if (nodes == first).all():
                    nodes = first
        if nodes.size == 1 and nodes.ndim > 1:
            return self._whole(nodes.reshape(()))
        return self._whole(nodes)

    # -- blocks ------------------------------------------------------------------------------

    def _block(self, block: Block) -> Operand:
        if block.kind in ("parameter", "constant", "literal"):
            return 0.0  # taken piece by piece
        if block.kind == "input":
            return self.builder.input(self.graph.place[block.nodes], block.batched)
        if block.kind == "along":
            return self._along(block)
        if block.kind == "map":
            assert block.op is not None
            args = [self._thin(nodes.reshape(block.shape)) for nodes in block.args]
            return self._full(self.builder.map(block.op, args), block)
        total: Operand = 0.0
        for segment in sorted(block.segments, key=lambda each: not each.matrix):
            part = self._matrix(segment, block) if segment.matrix else self._terms(segment, block)
            total = self.builder.map(ops.add, [total, part])
        return self._full(total, block)

    def _full(self, value: Operand, block: Block) -> Operand:
        """The value with all the elements that the block has."""
        builder = self.builder
        batch = 2 if block.batched else 0
        if (builder.shape(value), builder.batch(value)) == (block.shape, batch):
            return value
        return builder.fill(value, block.shape, batch)

    def _along(self, block: Block) -> Operand:
        op = block.op
        assert isinstance(op, SequenceOp)
        (nodes,) = block.args
        blocks = self.rolled.block_of[nodes[:, 0]]
        ends = [0, *(np.flatnonzero(np.diff(blocks)) + 1).tolist(), len(nodes)]
        parts = [self._whole(nodes[a:b]) for a, b in pairwise(ends)]
        if any(isinstance(part, float) for part in parts):
            parts = [
                self.builder.fill(part, nodes[a:b].shape, 0)
                for part, (a, b) in zip(parts, pairwise(ends), strict=True)
            ]
        return self.builder.along(op, [self.builder.join(parts)])

    def _matrix(self, segment: Segment, block: Block) -> Operand:
        assert segment.right is not None
        assert isinstance(segment.coefficient, float)
        builder = self.builder
        right = segment.right[:, 0] if block.shape == (len(segment.left),) else segment.right
        a, b = self._whole(segment.left), self._whole(right)
        if isinstance(a, float):
            a = builder.fill(a, segment.left.shape, 0)
        if isinstance(b, float):
            b = builder.fill(b, right.shape, 0)
        if builder.batch(a) == builder.batch(b) == 2:
            product = builder.product("nn", a, b)
        else:
            product = builder.contract("nn", a, b)
        return builder.map(ops.multiply, [segment.coefficient, product])

    def _terms(self, segment: Segment, block: Block) -> Operand:
        """Terms one by one: products of arguments, and their sum if there are several."""
        builder = self.builder
        k = len(segment.left)
        shape = block.shape if k == 1 else (k, *block.shape)
        part = self._thin(segment.left.reshape(shape))
        if segment.right is not None:
            part = builder.map(ops.multiply, [part, self._thin(segment.right.reshape(shape))])
        coefficient = segment.coefficient
        if not isinstance(coefficient, float):
            coefficient = builder.constant(coefficient.reshape(shape))
        if k == 1:
            return builder.map(ops.multiply, [coefficient, part])
        if isinstance(coefficient, float):
            if isinstance(part, float):
                return coefficient * part * k
            if builder.shape(part)[:1] != (k,):  # the same k times over
                coefficient *= k
            if builder.shape(part):
                part = builder.sum(part, [0], False)
            return builder.map(ops.multiply, [coefficient, part])
        part = builder.map(ops.multiply, [coefficient, part])
        return builder.sum(
            builder.fill(part, (k, *builder.shape(part)[1:]), builder.batch(part)), [0], False
        )
