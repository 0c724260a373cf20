"""The backward pass of a vector program: the chain rule, once for whole arrays.

For every instruction y with arguments v, in reverse order, v̄ = v̄ + ȳ · ∂y/∂v. The partials of
ops are read from the table. Of its own this pass knows only what a matrix product, a sum, and
the moving about of elements do to adjoints, and they are linear.

An adjoint that is the same for all elements stays a number, or an array with an axis of
length 1, until something needs it in full.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autograd import ops
from autograd.compiler import vector
from autograd.compiler.assemble import Assembled
from autograd.compiler.symbolic import instantiate, is_number, reading, sequence_reading
from autograd.compiler.vector import Builder, Instruction, Operand
from autograd.op import Op, SequenceOp


def with_adjoint(
    assembled: Assembled,
    active: np.ndarray,
    batched: bool,
    inputs: np.ndarray | None = None,
    cotangents: Sequence[tuple[Operand, Operand]] = (),
) -> Reverse:
    """The program followed by the gradients of the sum of its outputs.

    Args:
        assembled: the forward pass.
        active: which parameters want gradients.
        batched: whether there is a batch axis at all.
        inputs: which inputs want adjoints; none, if it is not given.
        cotangents: (instruction, its cotangent) for what counts beside the outputs.
    """
    return Reverse(assembled, active, batched, inputs, cotangents)


class Reverse:
    """A program with its backward pass, and the adjoints of its instructions.

    Attributes:
        inputs: (rows, adjoint) of the inputs that want one; a row may come several times.
    """

    def __init__(
        self,
        assembled: Assembled,
        active: np.ndarray,
        batched: bool,
        inputs: np.ndarray | None,
        cotangents: Sequence[tuple[Operand, Operand]],
    ):
        self.program, self.builder = assembled.program, assembled.builder
        self.wanted, self._wanted_inputs = active, inputs
        self.flows = self._flows()
        self.parts: dict[int, list[Operand]] = {}
        self.adjoint_of: dict[int, Operand] = {}
        self.inputs: list[tuple[np.ndarray, Operand]] = []
        for operand, cotangent in cotangents:
            self._add(operand, cotangent)
        self._seeds(batched)
        forward = self.program.forward
        for number in range(forward - 1, -1, -1):
            if number in self.parts and self.flows[number]:
                self._step(number, self.builder[number])

    def combine(self) -> None:
        """Make the results the sums over all samples."""
        builder = self.builder
        self.program.outputs = [
            (operand, where)
            if isinstance(operand, float) or builder.batch(operand) != 2
            else (builder.sum(operand, (), True), where)
            for operand, where in self.program.outputs
        ]

    def _flows(self) -> list[bool]:
        """Whether a gradient flows through an instruction."""
        flows: list[bool] = []
        for each in self.program.instructions:
            if each.kind == vector.PARAMETER:
                flows.append(bool(self.wanted[each.data.ravel()].any()))
            elif each.kind == vector.INPUT and self._wanted_inputs is not None:
                flows.append(bool(self._wanted_inputs[each.data.ravel()].any()))
            else:
                flows.append(any(flows[arg] for arg in each.references))
        return flows

    def _seeds(self, batched: bool) -> None:
        """1 for every element that is a result, once for each time that it is."""
        builder = self.builder
        counts: dict[int, np.ndarray] = {}
        for operand, where in self.program.outputs:
            if not isinstance(operand, float):
                size = int(np.prod(builder.shape(operand)))
                counts.setdefault(operand, np.zeros(size))[where] += 1.0
        for operand, count in counts.items():
            seed = builder.constant(count.reshape(builder.shape(operand)))
            if batched and not builder.batch(operand):  # it counts for every sample
                seed = builder.map(ops.multiply, [builder.count(), seed])
            self._add(operand, seed)

    def _add(self, operand: Operand, adjoint: Operand) -> None:
        if isinstance(operand, float) or is_number(adjoint, 0.0):
            return
        if self.flows[operand]:
            self.parts.setdefault(operand, []).append(adjoint)

    def _step(self, number: int, y: Instruction) -> None:
        builder = self.builder
        parts = self.parts[number]
        d = parts[0]
        for part in parts[1:]:
            d = builder.map(ops.add, [d, part])
        self.adjoint_of[number] = d
        if y.kind == vector.PARAMETER:
            self.program.gradients.append((y.data, builder.fill(d, y.shape, 0)))
        elif y.kind == vector.INPUT:
            self.inputs.append((y.data, builder.fill(d, y.shape, y.batch)))
        elif y.kind == vector.MAP:
            self._map(number, y, d)
        elif y.kind == vector.ALONG:
            self._along(number, y, d)
        elif y.kind in (vector.CONTRACT, vector.PRODUCT):
            a, b = y.args
            d = builder.fill(d, y.shape, y.batch)
            times = builder.contract if y.kind == vector.CONTRACT else builder.product
            if self.flows[a]:
                self._add(a, times("nt", d, b))
            if self.flows[b]:
                self._add(b, times("tn", a, d))
        elif y.kind == vector.SUM:
            axes, batch = y.data
            source = builder[y.args[0]]
            kept = [1 if axis in axes else n for axis, n in enumerate(source.shape)]
            if not isinstance(d, float):
                if batch:
                    d = builder.lift(d)
                if builder.shape(d):
                    full = builder.fill(d, y.shape, builder.batch(d))
                    d = builder.access(full, np.arange(int(np.prod(kept))).reshape(kept))
            self._add(y.args[0], d)
        elif y.kind == vector.ACCESS:
            source = builder[y.args[0]]
            self._add(y.args[0], builder.scatter(d, y.data, source.shape, source.batch))
        elif y.kind in (vector.LIFT, vector.FILL):
            self._add(y.args[0], self._reduced(d, y, y.args[0]))
        elif y.kind == vector.JOIN:
            start = 0
            d = builder.fill(d, y.shape, y.batch)
            size = int(np.prod(y.shape[1:]))
            for arg in y.args:
                length = builder.shape(arg)[0]
                index = np.arange(start * size, (start + length) * size)
                self._add(arg, builder.access(d, index.reshape(length, *y.shape[1:])))
                start += length
        else:
            raise AssertionError(f"no adjoint of {y.kind}")

    def _map(self, number: int, y: Instruction, d: Operand) -> None:
        assert y.op is not None
        found = reading(y.op)
        assert found is not None
        for arg, partial in zip(y.args, found.partials, strict=True):
            if isinstance(arg, float) or is_number(partial, 0.0) or not self.flows[arg]:
                continue
            slope = instantiate(
                partial, lambda place: number if place < 0 else y.args[place], self.builder.map
            )
            share = self.builder.map(ops.multiply, [d, slope])
            self._add(arg, self._reduced(share, y, arg))

    def _along(self, number: int, y: Instruction, d: Operand) -> None:
        builder = self.builder
        (x,) = y.args
        assert isinstance(y.op, SequenceOp)
        length = builder.shape(x)[0]
        found = sequence_reading(y.op, (length,))
        spread = self._spread(number)

        def make(op: Op, args: list[Operand]) -> Operand:
            if isinstance(op, SequenceOp):
                groups = [group[0] for group in args]
                return self._spread(builder.along(op, groups))
            return builder.map(op, args)

        if found is None:
            slope: Operand = builder.slopes(y.op, number, x)
        else:
            slope = instantiate(found.partials[0], lambda place: spread if place < 0 else x, make)
        if not isinstance(d, float) and builder.shape(d):
            d = self._spread(builder.fill(d, y.shape, builder.batch(d)))
        self._add(x, builder.map(ops.multiply, [d, slope]))

    def _spread(self, operand: int) -> Operand:
        """The operand with an axis of length 1 in front."""
        shape = (1, *self.builder.shape(operand))
        return self.builder.access(operand, np.arange(int(np.prod(shape))).reshape(shape))

    def _reduced(self, share: Operand, y: Instruction, arg: int) -> Operand:
        """The share of an argument that was broadcast: summed over what it was spread over."""
        return reduced(self.builder, share, y, self.builder[arg])


def reduced(builder: Builder, share: Operand, y: Instruction, x: Instruction) -> Operand:
    """The sum of a share, of the shape of y at most, over the axes that x does not have."""
    times = 1.0
    over_batch = y.batch == 2 and x.batch != 2
    if over_batch and builder.batch(share) != 2:
        share = builder.map(ops.multiply, [builder.count(), share])
        over_batch = False
    extra = len(y.shape) - len(x.shape)
    axes = list(range(extra))
    axes += [extra + axis for axis, n in enumerate(x.shape) if n == 1 and y.shape[extra + axis] > 1]
    if not isinstance(share, float):
        shape = builder.shape(share)
        missing = len(y.shape) - len(shape)
        present = []
        for axis in axes:
            own = axis - missing
            if own >= 0 and shape[own] == y.shape[axis]:
                present.append(own)
            else:
                times *= y.shape[axis]
                if own >= 0 and shape[own] == 1:
                    present.append(own)
        if present or (over_batch and builder.batch(share) == 2):
            share = builder.sum(share, present, over_batch and builder.batch(share) == 2)
    else:
        for axis in axes:
            times *= y.shape[axis]
    if times != 1.0:
        share = builder.map(ops.multiply, [times, share])
    if not isinstance(share, float):
        shape = builder.shape(share)
        if shape and shape != x.shape and int(np.prod(shape)) == int(np.prod(x.shape)):
            share = builder.access(share, np.arange(int(np.prod(shape))).reshape(x.shape))
        if x.batch == 0 and builder.batch(share) == 1:
            share = builder.sum(share, (), True)
    return share
