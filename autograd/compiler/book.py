"""Names for what passes between the pieces of a program, and its rows as expressions.

Rows that were made together are an array with a name, and an axis of steps first where there are
steps: ``h[t]`` is what enters step t, ``h[t + 1]`` what it makes, ``dh`` the adjoint of all.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace

import numpy as np

from autograd.compiler import vector
from autograd.compiler.graph import Graph
from autograd.compiler.naming import Names, letter, name_adjoints, name_blocks
from autograd.compiler.pieces import Cut, Port, Variable
from autograd.compiler.spelling import for_arrays


@dataclass(eq=False)
class Book:
    """Who is called what.

    Attributes:
        variables: all of them, with their names.
        names: those that are taken.
        order: of a parameter, by its place, its number in the program.
        size: how many parameters the program has.
    """

    graph: Graph
    cut: Cut
    variables: list[tuple[str, Variable]]
    names: Names
    order: np.ndarray
    size: int
    has_batch: bool
    gradients: dict[tuple[int, int], str] = field(default_factory=dict)  # by part and number

    def find(self, rows: np.ndarray, wide: bool) -> tuple[str, Variable]:
        """The variable that holds these rows."""
        for name, each in self.variables:
            if each.holds(rows, wide):
                return name, each
        raise AssertionError("rows of several variables")

    @property
    def complete(self) -> bool:
        """Whether whatever enters or leaves a piece has a name: is in one variable alone."""
        ports = [port for part in self.cut.parts for port in part.inputs]
        ports += [port for part in self.cut.parts for port, _ in part.exports]
        return all(
            any(each.holds(port.rows, port.wide) for _, each in self.variables)
            for port in ports
            if port.rows.size
        )


def book(
    graph: Graph, cut: Cut, columns: np.ndarray, letters: list[str], own: np.ndarray,
    order: np.ndarray, size: int, has_batch: bool,
) -> Book:  # fmt: skip
    """Names for everything, from the labels of the nodes.

    Args:
        graph: all of it.
        cut: its pieces.
        columns: per input the number of the array that it belongs to.
        letters: per input the name of its argument.
        own: per input whether it has a batch axis.
        order: of a parameter, by its place, its number in the program.
        size: how many parameters the program has.
        has_batch: whether there is a batch axis at all.
    """
    names = Names()
    for taken in ("t", "add_at"):
        names.new(taken)
    layers: dict[str, str] = {}
    variables = []
    for column in np.unique(columns).tolist():
        rows = np.flatnonzero(columns == column)
        given = Variable(bool(own[rows[0]]), int(rows[0]), (len(rows),), rows)
        given.shape = _in_steps(cut, given)
        variables.append((names.new(letters[rows[0]]), given))
    for each in cut.variables:
        label = letter(graph.labels, each.nodes)
        if each.carried:
            label = "h" if label in ("", "a", "z") else label
        variables.append((names.new(label or "s"), each))
    found = Book(graph, cut, variables, names, order, size, has_batch)
    for i, part in enumerate(cut.parts):
        name_blocks(part.assembled, part.rolled, None, names, layers)
        program = part.program
        kept, program.gradients = program.gradients, []  # those of steps add up
        name_adjoints(program, part.reverse.adjoint_of, names)
        program.gradients = kept
        for k, (index, operand) in enumerate(program.gradients):
            name = next(
                (
                    program.names[n] for n, each in enumerate(program.instructions)
                    if each.kind == vector.PARAMETER and each.data is index and n in program.names
                ),
                "p",
            )  # fmt: skip
            found.gradients[i, k] = names.new(f"d{name}")
            if not part.steps and not isinstance(operand, float):
                program.names.setdefault(operand, found.gradients[i, k])
    return found


def _in_steps(cut: Cut, given: Variable) -> tuple[int, ...]:
    """The shape of an input: with an axis of steps, if a recurrence takes it step by step."""
    for part in cut.parts:
        for port in part.inputs if part.steps else []:
            n = port.rows.shape[1]
            low = int(port.rows.min()) - given.start
            inside = port.wide == given.wide and 0 <= low < given.size
            whole = not ((port.rows[:, 0] - given.start) % n).any() and given.size % n == 0
            if inside and len(port.rows) > 1 and whole:
                return given.size // n, n
    return given.shape


class Rows:
    """Rows of the stores as source.

    Attributes:
        book: who is called what; names that are given here are not taken in the original.
        dialect: what the source needs, by name.
        lines: those written so far.
    """

    def __init__(self, found: Book):
        self.book = replace(found, names=deepcopy(found.names))
        self.dialect = for_arrays()
        self.lines: list[str] = []
        self._gathered: dict[int, str] = {}  # ports whose rows had to be put in order

    def keep(self, index: np.ndarray) -> str:
        """A name for an index that is too long to be written down."""
        return self.kept("at", index)

    def kept(self, wish: str, thing: np.ndarray) -> str:
        """A name for an array that the source needs."""
        name = self.book.names.numbered(wish)
        self.dialect.names[name] = thing
        return name

    def rows(self, rows: np.ndarray, wide: bool, adjoint: bool = False) -> str:
        """Source for rows of a store, in the shape of the index."""
        name, each = self.book.find(rows, wide)
        name = f"d{name}" if adjoint else name
        index = rows - each.start
        flat = index.ravel()
        batch = ["-1"] if wide else []
        if index.shape == each.shape and (flat == np.arange(each.size)).all():
            return name
        n = each.shape[-1]
        if len(each.shape) == 2:
            for turned in (False, True):
                table = index.T if turned else index
                flat = table.ravel()
                if len(flat) % n or flat[0] % n:
                    continue
                blocks = flat.reshape(-1, n)
                first = int(blocks[0, 0]) // n
                if (flat == first * n + np.arange(len(flat))).all():
                    text = stretch(name, first, first + len(blocks), each.shape[0])
                elif np.array_equal(blocks, np.arange(each.size).reshape(each.shape)[::-1]):
                    text = f"{name}[::-1]"
                else:
                    continue
                if table.shape == (len(blocks), n):
                    return (
                        text if not turned else f"{text}{'.transpose(1, 0, 2)' if wide else '.T'}"
                    )
                if not turned and len(blocks) == 1 and table.shape == (n,):
                    return f"{name}[{first}]" if first != each.shape[0] - 1 else f"{name}[-1]"
                if not turned:
                    return f"{text}.reshape({', '.join([*map(str, index.shape), *batch])})"
            if index.ndim == 1 and len(index) > 1:
                steps, columns = np.divmod(index, n)
                if (columns == columns[0]).all() and (np.diff(steps) == 1).all():
                    part = stretch("", int(steps[0]), int(steps[-1]) + 1, each.shape[0])[1:-1]
                    return f"{name}[{part or ':'}, {columns[0]}]"
            return f"{name}.reshape({', '.join([str(each.size), *batch])})[{self.keep(index)}]"
        if index.shape == ():
            return f"{name}[{int(index)}]"
        if (flat == flat[0] + np.arange(len(flat))).all():
            text = stretch(name, int(flat[0]), int(flat[-1]) + 1, each.size)
            if index.ndim == 1:
                return text
            return f"{text}.reshape({', '.join([*map(str, index.shape), *batch])})"
        return f"{name}[{self.keep(index)}]"

    def at_step(self, port: Port, adjoint: bool = False) -> str:
        """Source for what enters or leaves at step t."""
        if len(port.rows) == 1:
            return self.rows(port.rows[0], port.wide, adjoint)
        if not adjoint and id(port) in self._gathered:
            return f"{self._gathered[id(port)]}[t]"
        name, each = self.book.find(port.rows, port.wide)
        name = f"d{name}" if adjoint else name
        n = port.rows.shape[1]
        block, rest = np.divmod(port.rows[:, 0] - each.start, n)
        step = np.diff(block)
        if len(each.shape) == 2 and each.shape[1] == n and not rest.any() and (
            step == step[0]
        ).all():  # fmt: skip
            first, by = int(block[0]), int(step[0])
            if by == 1:
                return f"{name}[t{f' + {first}' if first else ''}]"
            if by == -1:
                return f"{name}[{first} - t]"
            return f"{name}[{by} * t{f' + {first}' if first else ''}]"
        index = self.keep(port.rows - each.start)
        flat = name
        if len(each.shape) > 1:
            flat = f"{name}.reshape({each.size}{', -1' * port.wide})"
        if adjoint:
            return f"{flat}[{index}[t]]"
        found = self._gathered[id(port)] = self.book.names.new(name)
        self.lines.append(f"    {found} = {flat}[{index}]")
        return f"{found}[t]"


def stretch(name: str, start: int, stop: int, size: int) -> str:
    """Source of a stretch of an array of that size."""
    if start == 0 and stop == size:
        return name
    return f"{name}[{start or ''}:{stop if stop != size else ''}]"
