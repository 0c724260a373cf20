"""A vector program as Python source that reads like backprop by hand, and can be run."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler import kernels, vector
from autograd.compiler.spelling import ATOM, Dialect, for_arrays, number
from autograd.compiler.trace import detach
from autograd.compiler.vector import Instruction, Operand, VectorProgram

_LONG = 72  # an expression longer than this gets a line of its own


@dataclass(eq=False)
class Source:
    """Source text, what its lines stand for, and the function."""

    text: str
    function: Callable[..., Any]
    nodes: dict[int, np.ndarray]  # by line, from 1
    lines: int  # of instructions


def write(program: VectorProgram, gradient: bool) -> Source:
    """The source of the forward pass, or of both."""
    return Writer(program, gradient).source()


def finished(lines: list[str], dialect: Dialect, nodes: dict[int, np.ndarray]) -> Source:
    """The lines of a function ``program`` as a source."""
    text = "\n".join(lines) + "\n"
    name = f"<autograd.compile {id(lines):x}>"
    exec(compile(text, name, "exec"), dialect.names)
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    return Source(
        text, dialect.names["program"], nodes,
        sum("=" in line and not line.lstrip().startswith("#") for line in lines),
    )  # fmt: skip


class Writer:
    """The lines of a program.

    Attributes:
        lines: those written so far.
        text: the source of an instruction, and how tightly it binds.
        nodes: what lines stand for.
        dialect: how ops are spelled; it holds what the source needs.
    """

    def __init__(self, program: VectorProgram, gradient: bool, dialect: Dialect | None = None):
        self.program, self.gradient = program, gradient
        self.dialect = for_arrays() if dialect is None else dialect
        self.names = dict(program.names)
        self.text: dict[int, tuple[str, int]] = {}
        self.lines: list[str] = []
        self.nodes: dict[int, np.ndarray] = {}
        self.constants = 0
        results = [operand for operand, _ in program.outputs]
        if gradient:
            results += [operand for _, operand in program.gradients]
        self.needed = self.program.reached(results)
        self.uses = np.zeros(len(program.instructions), dtype=np.int64)
        for index in self.needed:
            for arg in program.instructions[index].references:
                self.uses[arg] += 1
        for result in results:
            if not isinstance(result, float):
                self.uses[result] += 2

    def source(self) -> Source:
        """All of it."""
        program = self.program
        arguments = "p, X, u, B"
        self.lines.append(f"def program({arguments}):")
        backwards = False
        for index in self.needed:
            each = program.instructions[index]
            if index >= program.forward and not backwards:
                backwards = True
                self.lines.append("    # backwards")
            self.line(index, each)
        outputs = [self.result(operand) for operand, _ in program.outputs]
        parts = program.gradients if self.gradient else []
        gradients = [self.result(operand) for _, operand in parts]
        results = f"({''.join(f'{each}, ' for each in outputs).strip()})"
        if self.gradient:
            results += f", ({''.join(f'{each}, ' for each in gradients).strip()})"
        self.lines.append(f"    return {results}")
        return finished(self.lines, self.dialect, self.nodes)

    def parameter(self, each: Instruction) -> str:
        """Source of parameters."""
        return places("p", each.data, len_of(self.program, vector.PARAMETER), self.keep)

    def input(self, each: Instruction) -> str:
        """Source of inputs."""
        name = "X" if each.batch else "u"
        return places(name, each.data, -1, self.keep, bool(each.batch))

    def result(self, operand: Operand) -> str:
        """Source of an operand that a line was written for."""
        return number(operand) if isinstance(operand, float) else self.text[operand][0]

    def line(self, index: int, each: Instruction) -> None:
        """Write an instruction down: as a line, or to be put into the one that uses it."""
        text, binds = self._expression(index, each)
        cheap = each.kind in (vector.LIFT, vector.COUNT) or (each.kind == vector.PARAMETER and 0)
        alone = index in self.names or self.uses[index] != 1 or len(text) > _LONG
        if each.kind in (vector.PARAMETER, vector.INPUT, vector.CONSTANT):
            alone = True
        if cheap or (each.kind == vector.ACCESS and len(text) < 16 and index not in self.names):
            alone = False
        if not alone:
            self.text[index] = text, binds
            return
        if index not in self.names:
            self.names[index] = self.fresh("c" if each.kind == vector.CONSTANT else "v")
        name = self.names[index]
        if each.kind == vector.CONSTANT:
            self.dialect.names[name] = each.data
            self.text[index] = name, ATOM
            return
        self.text[index] = name, ATOM
        note = f"  # {self.program.notes[index]}" if index in self.program.notes else ""
        self.lines.append(f"    {name} = {text}{note}")
        if index in self.program.nodes:
            self.nodes[len(self.lines)] = self.program.nodes[index]

    def fresh(self, letter: str) -> str:
        """A name that is not taken."""
        taken = set(self.names.values()) | set(self.dialect.names)
        self.constants += 1
        while f"{letter}{self.constants}" in taken:
            self.constants += 1
        return f"{letter}{self.constants}"

    def keep(self, index: np.ndarray) -> str:
        """A name for an index that is too long to be written down."""
        name = self.fresh("at")
        self.dialect.names[name] = index
        return name

    # -- expressions -------------------------------------------------------------------------

    def _arg(self, operand: Operand) -> tuple[str, int]:
        if isinstance(operand, float):
            return number(operand), (ATOM if operand >= 0 else 3)
        return self.text[operand]

    def _tight(self, operand: Operand) -> str:
        text, binds = self._arg(operand)
        return text if binds >= ATOM else f"({text})"

    def _expression(self, index: int, each: Instruction) -> tuple[str, int]:
        kind, program = each.kind, self.program
        if kind == vector.PARAMETER:
            return self.parameter(each), ATOM
        if kind == vector.INPUT:
            return self.input(each), ATOM
        if kind == vector.CONSTANT:
            return "", ATOM
        if kind == vector.COUNT:
            return "B", ATOM
        if kind == vector.MAP:
            assert each.op is not None
            parts = [self._arg(arg) for arg in each.args]
            if each.op is detach:  # which matters to gradients alone
                return parts[0]
            if each.op in (ops.add, ops.subtract):  # beside which a product needs no parentheses
                parts = [
                    (text, max(binds, 4)) if self._is_product(arg) else (text, binds)
                    for arg, (text, binds) in zip(each.args, parts, strict=True)
                ]
            return self.dialect.call(each.op, parts)
        if kind == vector.ALONG:
            assert each.op is not None
            if each.op is kernels.largest:
                return f"{self._tight(each.args[0])}.max(axis=0)", ATOM
            args = ", ".join(self._arg(arg)[0] for arg in each.args)
            return f"{self.dialect.function(each.op)}({args})", ATOM
        if kind == vector.SLOPES:
            name = self.fresh("slopes")
            rule: Any = each.op.partials  # type: ignore[union-attr]
            self.dialect.names[name] = lambda y, x: np.stack(rule(y, list(x))[0])
            return f"{name}({', '.join(self._arg(arg)[0] for arg in each.args)})", ATOM
        if kind == vector.JOIN:
            return f"np.concatenate([{', '.join(self._arg(arg)[0] for arg in each.args)}])", ATOM
        if kind == vector.CONTRACT:
            return self._contract(each)
        if kind == vector.PRODUCT:
            factors = ", ".join(self._arg(arg)[0] for arg in each.args)
            return f'np.einsum("{EINSUM[each.data]}", {factors})', ATOM
        source = program.instructions[each.args[0]] if each.references else None
        text = self._tight(each.args[0])
        if kind == vector.LIFT:
            assert source is not None
            return f"{text}[{':, ' * len(source.shape)}None]", ATOM
        if kind == vector.FILL:
            shape = "".join(f"{n}, " for n in each.shape) + (
                "B, " if each.batch == 2 else "1, " * each.batch
            )
            return f"np.broadcast_to({self._arg(each.args[0])[0]}, ({shape.rstrip()}))", ATOM
        assert source is not None
        if kind == vector.SUM:
            axes, batch = each.data
            every = [*axes, *([len(source.shape)] * batch)]
            if len(every) == len(source.shape) + (source.batch > 0):
                return f"{text}.sum()", ATOM
            axis = every[0] if len(every) == 1 else tuple(every)
            return f"{text}.sum(axis={axis})", ATOM
        if kind == vector.ACCESS:
            return access(text, source, each.data, self.keep), ATOM
        assert kind == vector.SCATTER
        self.dialect.names["scatter"] = scatter
        name = self.keep(each.data)
        return f"scatter({self._arg(each.args[0])[0]}, {name}, {each.shape})", ATOM

    def _is_product(self, operand: Operand) -> bool:
        if isinstance(operand, float):
            return False
        return self.program.instructions[operand].kind == vector.CONTRACT

    def _contract(self, each: Instruction) -> tuple[str, int]:
        a, b = each.args
        first, second = self.program.instructions[a], self.program.instructions[b]
        x, y = self._tight(a), self._tight(b)
        deep = len(second.shape) + (second.batch > 0) > 2
        if each.data == "nt":
            if len(first.shape) + (first.batch > 0) == 1:
                return f"np.outer({self._arg(a)[0]}, {self._arg(b)[0]})", ATOM
            if deep:
                x, y = f"{x}.reshape({first.shape[0]}, -1)", f"{y}.reshape({second.shape[0]}, -1)"
            return f"{x} @ {y[:-2] if y.endswith('.T') else f'{y}.T'}", 3
        x = f"{x}.T" if each.data == "tn" else x
        if not deep:
            return f"{x} @ {y}", 3
        shape = ", ".join([*map(str, each.shape), *(["B"] if each.batch else [])])
        return f"({x} @ {y}.reshape({second.shape[0]}, -1)).reshape({shape})", ATOM


# The products of matrices of each sample b, of two arrays as they are or turned.
EINSUM = {"nn": "ikb,kjb->ijb", "tn": "kib,kjb->ijb", "nt": "ikb,jkb->ijb"}


def len_of(program: VectorProgram, kind: str) -> int:
    """One more than the largest place of that kind."""
    tops = [
        int(each.data.max())
        for each in program.instructions
        if each.kind == kind and each.data.size
    ]
    return max(tops, default=-1) + 1


def places(
    name: str,
    index: np.ndarray,
    size: int,
    keep: Callable[[np.ndarray], str],
    batched: bool = False,
) -> str:
    """Source for elements of a flat array by index: a slice where that says it."""
    flat = index.ravel()
    shape = ", ".join(map(str, index.shape)) + (", -1" if batched and index.shape else "")
    if index.shape == ():
        return f"{name}[{int(index)}]"
    start = int(flat[0]) if len(flat) else 0
    if (flat == np.arange(start, start + len(flat))).all():
        text = f"{name}[{start}:{start + len(flat)}]"
        return text if index.ndim == 1 else f"{text}.reshape({shape})"
    if index.ndim == 2 and not batched:
        rows, columns = index.shape
        step = int(index[1, 0] - index[0, 0]) if rows > 1 else columns
        grid = start + step * np.arange(rows)[:, np.newaxis] + np.arange(columns)
        if step >= columns and (index == grid).all() and start + rows * step <= size:
            text = f"{name}[{start}:{start + rows * step}].reshape({rows}, {step})"
            return f"{text}[:, :{columns}]"
    if index.ndim == 1 and len(flat) > 1:
        step = int(flat[1] - flat[0])
        if step > 0 and (flat == start + step * np.arange(len(flat))).all():
            return f"{name}[{start}:{int(flat[-1]) + 1}:{step}]"
    if len(flat) <= 8 and index.ndim == 1:
        return f"{name}[{flat.tolist()}]"
    turned = index.T.ravel() if index.ndim == 2 and batched else flat[:0]
    if len(turned) and (turned == turned[0] + np.arange(len(turned))).all():
        rows, columns = index.shape
        text = f"{name}[{turned[0]}:{turned[0] + len(turned)}]"
        return f"{text}.reshape({columns}, {rows}, -1).transpose(1, 0, 2)"
    return f"{name}[{keep(index)}]"


def access(
    text: str, source: Instruction, index: np.ndarray, keep: Callable[[np.ndarray], str]
) -> str:
    """Source for elements of an array by index: as plain as it can be said."""
    shape, flat = source.shape, index.ravel()
    size = int(np.prod(shape))
    batch = source.batch > 0
    if len(flat) == size and (flat == np.arange(size)).all():
        if len(shape) == 1 and index.shape == (*shape, 1):
            return f"{text}[:, None]"
        if index.shape == (1, *shape):
            return f"{text}[None]"
        return f"{text}.reshape({', '.join([*map(str, index.shape), *(['-1'] * batch)]) or '()'})"
    if len(shape) == 2 and np.array_equal(flat, np.arange(size).reshape(shape).T.ravel()):
        text = f"{text}{'.transpose(1, 0, 2)' if batch else '.T'}"
        if index.shape == shape[::-1]:
            return text
        return f"{text}.reshape({', '.join([*map(str, index.shape), *(['-1'] * batch)])})"
    if index.ndim == 0:
        return f"{text}[{', '.join(map(str, np.unravel_index(int(index), shape)))}]"
    if len(shape) == 1 and index.ndim == 1:
        start = int(flat[0])
        if (flat == np.arange(start, start + len(flat))).all():
            return f"{text}[{start}:{start + len(flat)}]"
    if len(shape) == 2:
        row, column = np.unravel_index(flat, shape)
        for turned in (False, True) if index.ndim == 2 and batch else ():
            grid = index.T if turned else index
            start, whole = int(grid[0, 0]), np.arange(grid.size).reshape(grid.shape)
            if (
                grid.shape[1] == shape[1]
                and start % shape[1] == 0
                and (grid == start + whole).all()
            ):
                if len(grid) < shape[0]:
                    text += f"[{start // shape[1]}:{start // shape[1] + len(grid)}]"
                return f"{text}.transpose(1, 0, 2)" if turned else text
        whole_row = index.ndim == 1 and np.array_equal(column, np.arange(shape[1]))
        if whole_row and (row == row[0]).all():
            return f"{text}[{row[0]}]"
    if len(shape) != 1:
        text = f"{text}.reshape({', '.join([str(size), *(['-1'] * batch)])})"
    if len(flat) <= 8 and index.ndim == 1:
        return f"{text}[{flat.tolist()}]"
    return f"{text}[{keep(index)}]"


def scatter(values: np.ndarray, index: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros with values added at these places of the elements; places may come twice."""
    width = values.shape[index.ndim :]
    size = int(np.prod(shape))
    flat = values.reshape(index.size, *width)
    places = index.ravel()
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    heads = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    found = np.zeros((size, *width))
    if len(places):
        found[ordered[heads]] = np.add.reduceat(flat[order], heads, axis=0)
    return found.reshape(*shape, *width)
