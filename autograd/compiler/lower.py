"""The last passes, for NumPy alone: buffers that are kept, results written in place.

A vector program says what is computed. Here it becomes lines that are bare calls with ``out``,
by the patterns of `fusions` and in the memory of `memory`: every array is allocated once per
number of samples, biases join their weights as a column against a row of ones, so that a layer is
one matrix product forwards and its gradient another, and gradients are written to their place in
one flat array.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler import kernels, vector
from autograd.compiler.buffers import (
    Environment,
    allocation,
    consecutive,
    evaluate,
    full_shape,
    steps_of,
    view,
)
from autograd.compiler.calls import FROM_VALUE, IN_STEPS, above_zero, faster_dot
from autograd.compiler.fusions import Fusions
from autograd.compiler.graph import distinct
from autograd.compiler.kernel import Lowered
from autograd.compiler.memory import Memory
from autograd.compiler.vector import Instruction, Operand, VectorProgram


def lower(program: VectorProgram, n_parameters: int, columns: list[tuple[int, bool]]) -> Lowered:
    """The plan for a program.

    Args:
        program: with its gradients.
        n_parameters: how many there are.
        columns: of each array of inputs how many numbers a sample has, and whether it has samples.
    """
    return _Lowering(program, n_parameters, columns).lowered()


class _Lowering:
    def __init__(self, program: VectorProgram, n_parameters: int, columns: list[tuple[int, bool]]):
        self.program, self.columns = program, columns
        self.all = program.instructions
        self.fused = Fusions(program, n_parameters, columns)
        self.memory = Memory(self.fused)
        self.setup: list[tuple[str, Callable[[Environment, int], Any]]] = []
        self.lines: list[str] = []
        self.known: set[str] = set()
        self.written: set[str] = set()
        self.called: dict[str, Any] = {}
        self.loose: dict[str, tuple[int, ...]] = {}  # views that are not whole in memory

    def lowered(self) -> Lowered:
        """The plan."""
        fused, memory = self.fused, self.memory
        for base, (shape, batch, kind, more) in memory.arrays.items():
            self._array(f"m{base}", allocation(shape, batch, kind, more))
        ahead = [i for i in fused.needed if i not in fused.skipped]
        forward = bisect_left(ahead, self.program.forward)
        for i in ahead[:forward]:
            self._step(i)
        backward = len(self.lines)
        self._gradients_first()
        for i in ahead[forward:]:
            self._step(i)
        self._gradients_last()
        results: list[tuple[str, int | None, bool]] = []
        for o, where in self.program.outputs:
            if isinstance(o, float):
                results.append((repr(o), None, False))
            else:
                results.append((self._value(o), where, self.all[o].batch == 2))
        width = sum(
            int(np.prod(shape)) + more
            for shape, batch, _, more in memory.arrays.values()
            if batch == 2
        )
        width += sum(n for n, own in self.columns if own)
        return Lowered(
            fused.n_parameters, self.columns, memory.extended, memory.turned, self.setup,
            self.lines, backward, frozenset(self.written), results, width,
        )  # fmt: skip

    # -- names -------------------------------------------------------------------------------

    def _make(self, name: str, make: Callable[[Environment, int], Any]) -> str:
        if name not in self.known:
            self.known.add(name)
            self.setup.append((name, make))
        return name

    def _array(self, name: str, make: Callable[[Environment, int], Any]) -> str:
        """An array that lines write to."""
        self.written.add(name)
        return self._make(name, make)

    def _constant(self, name: str, thing: Any) -> str:
        return self._make(name, lambda env, B: thing)

    def _gradient_view(self, name: str, index: np.ndarray) -> str:
        steps = steps_of(index)
        return self._make(name, lambda env, B: view(env["g"], index, steps, None))

    def _view(self, name: str, source: str, index: np.ndarray, steps: Any, batch: int) -> str:
        """Elements of an array that lie in such steps."""
        return self._make(
            name, lambda env, B: view(env[source], index, steps, {0: None, 1: 1, 2: B}[batch])
        )

    def _number(self, value: float) -> str:
        text = repr(value).replace("-", "m").replace(".", "_").replace("+", "")
        return self._make(f"k{text}", lambda env, B: np.array(value))

    def _everywhere(self, value: float, like: Instruction) -> str:
        """A number in the shape of an instruction: ufuncs without SIMD for scalars want it so."""
        shape = "_".join(map(str, [*like.shape, *["B"] * (like.batch == 2)]))
        return self._make(
            f"{self._number(value)}_of_{shape}_{like.batch}",
            lambda env, B: np.full(full_shape(like.shape, like.batch, B), value),
        )

    def _value(self, operand: Operand) -> str:
        """The name of an operand's array; it is made in the set-up if it is a view or fixed."""
        if isinstance(operand, float):
            return self._number(operand)
        i, each = operand, self.all[operand]
        name = f"v{i}"
        if name in self.known:
            return name
        if i in self.fused.static:
            return self._make(name, self._fixed(i))
        if each.kind == vector.PARAMETER:
            stride = steps_of(each.data)
            if stride is not None:
                if not consecutive(each.data):
                    self.loose[name] = each.shape
                return self._make(name, lambda env, B: view(env["p"], each.data, stride, None))
            self._make(name, lambda env, B: np.zeros(each.shape))
            index = self._make(f"i{i}", lambda env, B: each.data)
            self.lines.append(f"{name}[...] = p[{index}]")
            return name
        if each.kind == vector.INPUT:
            column = self.fused.column(each)
            if column is not None and len(each.shape) == 1:
                return self._make(name, lambda env, B: env[f"x{column}"])
            if column is not None:
                full = full_shape(each.shape, each.batch, -1)
                return self._make(name, lambda env, B: env[f"x{column}"].reshape(full))
        if self.memory.owner[i] != i:
            source = self._value(each.args[0])
            if each.kind == vector.MAP:  # detached
                return self._make(name, lambda env, B: env[source])
            if each.kind == vector.LIFT:
                if source in self.loose:
                    self.loose[name] = (*self.loose[source], 1)
                return self._make(name, lambda env, B: env[source][..., None])
            if each.kind == vector.FILL:
                shape, batch = each.shape, each.batch
                return self._make(
                    name, lambda env, B: np.broadcast_to(env[source], full_shape(shape, batch, B))
                )
            stride = steps_of(each.data)
            assert stride is not None
            return self._view(name, source, each.data, stride, each.batch)
        base = self.memory.base[i]
        n = each.shape[0] if each.shape else 0
        whole = f"m{base}"
        if i in self.memory.extra or self.memory.has_more(
            base
        ):  # one view for all: NumPy is faster in place
            whole = self._make(f"m{base}_{n}", lambda env, B: env[f"m{base}"][:n])
        return self._make(name, lambda env, B: env[whole])

    def _fixed(self, i: int) -> Callable[[Environment, int], Any]:
        each = self.all[i]
        args = [self._value(arg) for arg in each.args]

        def make(env: Environment, B: int) -> Any:
            found = evaluate(each, [env[arg] for arg in args], B)
            return np.ascontiguousarray(found, dtype=np.float64).reshape(np.shape(found))

        return make

    def _ones_below(self, x: int) -> str:
        """The name of an array with its row of ones."""
        each = self.all[x]
        if each.kind == vector.INPUT:
            return f"x{self.fused.column(each)}_1"
        if x in self.fused.static:
            inner = self._value(x)
            return self._make(
                f"v{x}_1",
                lambda env, B: np.concatenate([env[inner], np.ones((1, *env[inner].shape[1:]))]),
            )
        self._value(x)
        return f"m{self.memory.base[x]}"

    def _flat(self, name: str, rows: int) -> str:
        """An array as a matrix of so many rows; copied at every run if memory does not allow."""
        shape = self.loose.get(name)
        if shape is not None and not (len(shape) == 2 and shape[0] == rows):
            whole = f"{name}_c"
            if whole not in self.known:
                self._array(whole, lambda env, B: np.zeros(shape))
                self.lines.append(f"{whole}[...] = {name}")
            name = whole
        return self._make(f"{name}_r{rows}", lambda env, B: env[name].reshape(rows, -1))

    def _transposed(self, name: str) -> str:
        """The matrix transposed."""
        return self._make(f"{name}_T", lambda env, B: env[name].T)

    # -- steps -------------------------------------------------------------------------------

    def _step(self, i: int) -> None:
        each = self.all[i]
        if i in self.fused.static:
            return
        if i in self.fused.affine:
            x, _, index = self.fused.affine[i]
            wb = self._make(f"w{i}", lambda env, B: view(env["p"], index, steps_of(index), None))
            rows = index.shape[1]
            self._dot(
                wb, self._flat(self._ones_below(x), rows), self._flat(self._value(i), len(index))
            )
            return
        if i in self.fused.joint:
            d, x, index = self.fused.joint[i]
            out = self._make(f"g{i}", lambda env, B: view(env["g"], index, steps_of(index), None))
            a = self._flat(self._value(d), len(index))
            b = self._flat(self._ones_below(x), index.shape[1])
            self._dot(a, self._transposed(b), out, self.all[d].batch == 2)
            return
        if self.memory.owner[i] != i or each.kind in (vector.PARAMETER, vector.COUNT):
            self._value(i)
            return
        if each.kind == vector.INPUT:
            name = self._value(i)
            if self.fused.column(each) is None:
                self._gathered(name, each)
            return
        if each.kind == vector.CONTRACT:
            self._contract(i, each)
        elif each.kind == vector.PRODUCT:
            self._product(i, each)
        elif each.kind == vector.MAP:
            self._map(i, each)
        elif each.kind == vector.SUM:
            self._sum(i, each)
        elif each.kind == vector.ALONG:
            self._along(i, each)
        elif each.kind == vector.SCATTER:
            self._scatter(i, each)
        elif each.kind == vector.ACCESS:
            size = int(np.prod(self.all[each.args[0]].shape))
            source = self._flat(self._value(each.args[0]), size)
            at = self._constant(f"i{i}", each.data.ravel())
            out = self._flat(self._value(i), each.data.size)
            self.lines.append(f"take({source}, {at}, 0, {out}, 'clip')")
        else:
            self._anyhow(i, each)

    def _gathered(self, name: str, each: Instruction) -> None:
        start = 0
        for number, (n, _) in enumerate(self.columns):
            inside = (each.data >= start) & (each.data < start + n)
            if inside.any():
                at = self._constant(f"{name}_t{number}", inside)
                source = self._constant(f"{name}_s{number}", each.data[inside] - start)
                self.lines.append(f"{name}[{at}] = x{number}[{source}]")
            start += n

    def _dot(self, a: str, b: str, out: str, over_samples: bool = False) -> None:
        name = "dot"
        if over_samples:
            name = self._make(f"dot_{out}", lambda env, B: faster_dot(env[a], env[b]))
        self.lines.append(f"{name}({a}, {b}, {out})")

    def _contract(self, i: int, each: Instruction) -> None:
        a, b = each.args
        first, second = self.all[a], self.all[b]
        x, y = self._value(a), self._value(b)
        if each.data == "nt":
            rows, columns = first.shape[0], second.shape[0]
            x, y = self._flat(x, rows), self._flat(y, columns)
            y = self._transposed(y)
        else:
            rows = each.shape[0]
            if each.data == "tn":
                x = self._transposed(x)
            y = self._flat(y, second.shape[0])
        over_samples = each.data == "nt" and first.batch == 2
        self._dot(x, y, self._flat(self._value(i), rows), over_samples)

    def _product(self, i: int, each: Instruction) -> None:
        a, b = each.args
        x, y = self._samples_first(a, each.data == "tn"), self._samples_first(b, each.data == "nt")
        self.lines.append(f"matmul({x}, {y}, {self._samples_first(i)})")

    def _samples_first(self, operand: int, turned: bool = False) -> str:
        """A view of an array as a matrix for each sample, of whatever lies in memory."""
        name, order = self._value(operand), (2, 1, 0) if turned else (2, 0, 1)
        return self._make(f"{name}_s{'T' * turned}", lambda env, B: env[name].transpose(order))

    def _map(self, i: int, each: Instruction) -> None:
        assert each.op is not None
        out = self._value(i)
        if i in self.fused.softmax:
            log = self.fused.softmax[i]
            self.lines.append(f"divide(t{log}, s{log}, {out})")
            return
        if i in self.fused.pieces:
            self._put(i, self.fused.pieces[i])
            return
        if i in self.fused.scaled:
            log, factor = self.fused.scaled[i]
            ratio = self._array(f"r{log}", lambda env, B: np.empty_like(env[f"s{log}"]))
            self.lines += [
                f"divide({self._value(factor)}, s{log}, {ratio})",
                f"multiply(t{log}, {ratio}, {out})",
            ]
            return
        args = [self._value(arg) for arg in each.args]
        name = each.op.name
        if self.fused.is_mask(each):
            above = self._make(f"mask{i}", lambda env, B: above_zero(env[out]))
            self.lines.append(f"{above}({args[0]}, {out})")
            return
        y = self.fused.value_of(each) if name in FROM_VALUE else None
        if y is not None:
            self.lines.append(f"{FROM_VALUE[name][1]}({self._value(y)}, {args[0]}, {out})")
            return
        steps = IN_STEPS.get(each.op)
        if steps is not None:
            for step in steps:
                names = {"one": self._number(1.0)} if "{one}" in step else {}
                if "{zeros}" in step:
                    names["zeros"] = self._everywhere(0.0, each)
                self.lines.append(step.format(*args, out=out, **names))
            return
        place = out
        if each.op in (ops.maximum, ops.minimum):  # SIMD needs two whole arrays
            args = [
                self._everywhere(arg, each) if isinstance(arg, float) else name
                for arg, name in zip(each.args, args, strict=True)
            ]
            place = f"out={out}"
        function = kernels.elementwise(each.op)
        called = f"f_{each.op.name}" if each.op.name.isidentifier() else f"f_{i}"
        while self.called.setdefault(called, function) is not function:
            called += "_"
        self._make(called, lambda env, B: function)
        if isinstance(function, np.ufunc):
            self.lines.append(f"{called}({', '.join(args)}, {place})")
        else:
            self.lines.append(f"{out}[...] = {called}({', '.join(args)})")

    def _sum(self, i: int, each: Instruction) -> None:
        source = self.all[each.args[0]]
        axes, batch = each.data
        out = self._value(i)
        if i in self.fused.inner:
            a, b = (self._flat(self._value(arg), 1) for arg in self.fused.inner[i])
            self._dot(a, self._transposed(b), self._flat(out, 1))
            return
        x = self._value(each.args[0])
        rank = len(source.shape) + (source.batch > 0)
        every = sorted([*axes, *([rank - 1] * batch)])
        tail = every == list(range(rank - len(every), rank))
        head = every == list(range(len(every)))
        kept = int(np.prod(each.shape))
        if not tail and not head:
            self.lines.append(f"add_reduce({x}, {tuple(every)}, None, {out})")
        elif tail:
            x, flat = self._flat(x, kept), self._flat(out, kept)
            ones = self._make(f"{x}_1", lambda env, B: np.ones((env[x].shape[1], 1)))
            self._dot(x, ones, flat)
        else:
            n = int(np.prod([source.shape[axis] for axis in axes]))
            x, flat = self._flat(x, n), self._flat(out, 1)
            ones = self._make(f"{x}_h", lambda env, B: np.ones((1, env[x].shape[0])))
            self._dot(ones, x, flat)

    def _along(self, i: int, each: Instruction) -> None:
        assert each.op is not None
        out = self._value(i)
        args = [self._value(arg) for arg in each.args]
        if each.op is ops.total:
            n = self.all[each.args[0]].shape[0]
            x, flat = self._flat(args[0], n), self._flat(out, 1)
            ones = self._make(f"{x}_h", lambda env, B: np.ones((1, env[x].shape[0])))
            self._dot(ones, x, flat)
            return
        if each.op is ops.logsumexp and i in self.fused.softmax.values():
            x, shape, batch = args[0], self.all[each.args[0]].shape, each.batch
            self._array(f"t{i}", lambda env, B: np.zeros(full_shape(shape, batch, B)))
            self._array(f"s{i}", lambda env, B: np.zeros(full_shape((1, *shape[1:]), batch, B)))
            flat = self._flat(f"t{i}", shape[0])
            ones = self._make(f"t{i}_h", lambda env, B: np.ones((1, shape[0])))
            top = self._array(f"u{i}", lambda env, B: np.zeros(full_shape(shape[1:], batch, B)))
            self.lines += [
                f"max_reduce({x}, 0, None, {top})", f"subtract({x}, {top}, t{i})",
                f"exp(t{i}, t{i})", f"dot({ones}, {flat}, {self._flat(f's{i}', 1)})",
                f"log(s{i}_0, {out})", f"add({out}, {top}, {out})",
            ]  # fmt: skip
            self._make(f"s{i}_0", lambda env, B: env[f"s{i}"][0])
            return
        if each.op is kernels.largest:
            self.lines.append(f"max_reduce({args[0]}, 0, None, {out})")
            return
        function = kernels.along_first(each.op)  # type: ignore[arg-type]
        called = self._make(f"a_{i}", lambda env, B: function)
        self.lines.append(f"{out}[...] = {called}({', '.join(args)})")

    def _scatter(self, i: int, each: Instruction) -> None:
        flat = each.data.ravel()
        if distinct(flat):
            self._put(i, [i])
            return
        x, out = self._value(each.args[0]), self._value(i)
        self._make(f"i{i}", lambda env, B: each.data)
        self._make(f"s{i}", lambda env, B: each.shape)
        self.lines.append(f"{out}[...] = scatter({x}, i{i}, s{i})")

    def _put(self, i: int, scatters: list[int]) -> None:
        """Write what is scattered to its places, no two of which are the same."""
        out, size = self._value(i), int(np.prod(self.all[i].shape))
        if sum(self.all[each].data.size for each in scatters) < size:
            self.lines.append(f"{out}.fill(0.0)")
        for scatter in scatters:
            each = self.all[scatter]
            x, index, steps = self._value(each.args[0]), each.data, steps_of(each.data)
            if steps is not None:
                target = self._view(f"{out}_p{scatter}", out, index, steps, each.batch)
                self.lines.append(f"{target}[...] = {x}")
                continue
            at = self._constant(f"i{scatter}", index.ravel())
            self.lines.append(f"{self._flat(out, size)}[{at}] = {self._flat(x, index.size)}")

    def _anyhow(self, i: int, each: Instruction) -> None:
        """A step without a better way: evaluate it and copy."""
        out = self._value(i)
        args = [self._value(arg) for arg in each.args]
        called = self._make(f"e{i}", lambda env, B: lambda *values: evaluate(each, list(values), B))
        self.lines.append(f"{out}[...] = {called}({', '.join(args)})")

    # -- gradients ---------------------------------------------------------------------------

    def _gradients_first(self) -> None:
        if self.memory.shared.any():
            self.lines.append("g.fill(0.0)")
        for index, operand in self.program.gradients:
            if operand in self.memory.direct:
                self._gradient_view(f"v{operand}", index)

    def _gradients_last(self) -> None:
        for number, (index, operand) in enumerate(self.program.gradients):
            if not isinstance(operand, float) and operand in self.fused.done | self.memory.direct:
                continue
            part = self._value(operand)
            stride = steps_of(index)
            again = bool(self.memory.shared[index].any())
            twice = not distinct(index)
            if stride is not None and not twice:
                target = self._gradient_view(f"g_{number}", index)
                self.lines.append(
                    f"add({target}, {part}, {target})" if again else f"{target}[...] = {part}"
                )
                continue
            at = self._constant(f"g_{number}", index)
            if twice:
                self.lines.append(f"add_at(g, {at}, {part})")
            else:
                self.lines.append(f"g[{at}] {'+' if again else ''}= {part}")
