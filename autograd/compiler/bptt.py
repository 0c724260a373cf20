"""The source of a program with recurrences: backpropagation through time, as a textbook has it.

Whoever used ``h`` adds to its adjoint ``dh``. What backwards looks at again has a place for each
step; gradients of parameters add up over the steps.
"""

from __future__ import annotations

import numpy as np

from autograd.compiler import vector
from autograd.compiler.book import Book, Rows, stretch
from autograd.compiler.graph import LITERAL, PARAMETER
from autograd.compiler.pieces import Move, Part, Port, Variable
from autograd.compiler.source import Source, Writer, finished, places
from autograd.compiler.spelling import ATOM, number
from autograd.compiler.vector import Instruction, Operand

_SHORT = 20  # an expression no longer than this needs no line of its own


def write_scan(found: Book, gradient: bool) -> Source:
    """The source of the forward pass, or of both."""
    return _Teller(found, gradient).source()


class _Teller(Rows):
    def __init__(self, found: Book, gradient: bool):
        super().__init__(found)
        self.gradient = gradient
        self.writers: list[_PartWriter] = []
        self.nodes: dict[int, np.ndarray] = {}

    def source(self) -> Source:
        """All of it."""
        cut = self.book.cut
        self.lines = ["def program(p, X, u, B):"]
        used = self._used()
        for name, each in self.book.variables:
            if name in used and each.start < self.book.graph.n_inputs:
                rows = np.arange(each.start, each.start + each.size).reshape(each.shape)
                text = places("X" if each.wide else "u", rows, -1, self.keep, each.wide)
                self.lines.append(f"    {name} = {text}")
        self.writers = [_PartWriter(self, i, part) for i, part in enumerate(cut.parts)]
        for writer in self.writers:
            writer.forwards()
        outputs = [self.writers[-1].result(operand) for operand, _ in cut.parts[-1].outputs]
        gradients: list[str] = []
        if self.gradient:
            self.lines.append("    # backwards")
            for name, each in self.book.variables:
                if any(self._adjoint_of(each, part) for part in cut.parts):
                    self.lines.append(f"    d{name} = np.zeros_like({name})")
            for writer in self.writers[::-1]:
                gradients += writer.backwards()
        results = f"({''.join(f'{each}, ' for each in outputs).strip()})"
        if self.gradient:
            results += f", ({''.join(f'{each}, ' for each in gradients).strip()})"
        self.lines.append(f"    return {results}")
        if self.gradient:
            for writer in self.writers:
                writer.name_rest()
        return finished(self.lines, self.dialect, self.nodes)

    def _used(self) -> set[str]:
        """The inputs that pieces take as variables."""
        found = set()
        for part in self.book.cut.parts:
            for port in part.inputs:
                if port.rows.size:
                    found.add(self.book.find(port.rows, port.wide)[0])
            for move in part.moves:
                for _, nodes, wide in self.sources(move):
                    found.add(self.book.find(self.book.cut.row[nodes], wide)[0])
        return found

    def sources(self, move: Move) -> list[tuple[np.ndarray, np.ndarray, bool]]:
        """(which, nodes, whether wide) of what a move takes from other rows."""
        code = self.book.graph.code[move.nodes]
        found = []
        for wide in (False, True):
            here = (code != LITERAL) & (code != PARAMETER)
            here &= self.book.cut.wide[move.nodes] == wide
            rows = self.book.cut.row[move.nodes]
            for _, each in self.book.variables:
                inside = here & (rows >= each.start) & (rows < each.start + each.size)
                if each.wide == wide and inside.any():
                    found.append((inside, move.nodes[inside], wide))
        return found

    def _adjoint_of(self, each: Variable, part: Part) -> bool:
        """Whether a piece adds to the adjoint of a variable, or takes it."""
        ports = [part.inputs[column] for column, _ in part.adjoints]
        ports += [port for port, _ in part.exports if port.active]
        return any(each.holds(port.rows, port.wide) for port in ports if port.rows.size)


class _PartWriter(Writer):
    """The lines of a piece, forwards and backwards."""

    def __init__(self, teller: _Teller, number: int, part: Part):
        self.teller, self.part, self.place = teller, part, number
        program = part.program
        program.outputs = [
            *part.outputs, *((operand, 0) for _, operand in part.exports),
            *((operand, 0) for _, operand in part.adjoints if teller.gradient),
        ]  # fmt: skip
        self.kept_names: dict[int, str] = {}
        super().__init__(program, teller.gradient, teller.dialect)
        program.outputs = list(part.outputs)
        for index in self.needed:
            if program.instructions[index].kind == vector.CONSTANT and index not in self.names:
                self.names[index] = teller.kept("c", program.instructions[index].data)
        results = [operand for _, operand in part.exports]
        results += [operand for _, operand in part.adjoints]
        results += [operand for _, operand in program.gradients if part.steps]
        self.ends = {operand for operand in results if not isinstance(operand, float)}
        for operand in results:
            if not isinstance(operand, float):
                self.uses[operand] -= 1  # a line of its own for each of them comes at the end
        if part.steps:
            for port, operand in part.exports:
                if not isinstance(operand, float):
                    self.names[operand] = teller.at_step(port)
            self._residuals()

    # -- sources -----------------------------------------------------------------------------

    def parameter(self, each: Instruction) -> str:
        """Source of parameters, by their numbers in the whole program."""
        order = self.teller.book.order
        return places("p", order[self.part.places[each.data]], self.teller.book.size, self.keep)

    def input(self, each: Instruction) -> str:
        """Source of what enters, or of a cotangent."""
        start = 0
        ports = [(port, False) for port in self.part.inputs]
        ports += [(port, True) for port, _ in self.part.exports if port.active]
        for port, adjoint in ports:
            n = port.rows.shape[1]
            if start <= each.data.flat[0] < start + n:
                index = each.data - start
                if len(port.rows) == 1:
                    return self.teller.rows(port.rows[0][index], port.wide, adjoint)
                text = self.teller.at_step(port, adjoint)
                if index.ndim == 0:
                    return f"{text}[{int(index)}]"
                if index.size == n and (index.ravel() == np.arange(n)).all():
                    if index.ndim == 1:
                        return text
                    batch = ["-1"] if port.wide else []
                    return f"{text}.reshape({', '.join([*map(str, index.shape), *batch])})"
                flat = index.ravel()
                if index.ndim == 1 and (flat == flat[0] + np.arange(len(flat))).all():
                    return stretch(text, int(flat[0]), int(flat[-1]) + 1, n)
                return f"{text}[{self.keep(index)}]"
            start += n
        raise AssertionError("an input that no port has")

    def keep(self, index: np.ndarray) -> str:
        """A name for an index that is too long to be written down."""
        return self.teller.kept("at", index)

    def fresh(self, letter: str) -> str:
        """A name that is not taken."""
        return self.teller.book.names.numbered(letter)

    def line(self, index: int, each: Instruction) -> None:
        """Write an instruction down."""
        if each.kind == vector.INPUT and index not in self.names:
            text = self.input(each)
            if len(text) <= _SHORT or self.part.steps:
                self.text[index] = text, ATOM
                return
        if index in self.ends and index not in self.names and self.uses[index] == 1:
            self.text[index] = self._expression(index, each)  # in the line of its target
            return
        super().line(index, each)

    # -- parts -------------------------------------------------------------------------------

    def forwards(self) -> None:
        """Write the forward pass."""
        teller, part = self.teller, self.part
        for move in part.moves:
            self._move(move)
        ahead = [i for i in self.needed if i < part.program.forward]
        if not part.steps:
            self._write(ahead, "")
            for port, operand in part.exports:
                self._export(port, operand)
            return
        moving = self._moving()
        for port in part.inputs:
            teller.at_step(port)
        self._write([i for i in ahead if i not in moving], "")
        self._arrays(carried=False)
        for i, name in self.kept_names.items():
            each = part.program.instructions[i]
            shape = [part.steps, *each.shape, *(["B"] if each.batch == 2 else [1] * each.batch)]
            teller.lines.append(f"    {name} = np.empty(({', '.join(map(str, shape))}))")
        teller.lines.append(f"    for t in range({part.steps}):")
        self._write([i for i in ahead if i in moving], "    ")
        for port, operand in part.exports:
            target, text = teller.at_step(port), self.result(operand)
            if text != target:
                teller.lines.append(f"        {target} = {text}")

    def backwards(self) -> list[str]:
        """Write the backward pass; the names of the gradients."""
        teller, part = self.teller, self.part
        back = [i for i in self.needed if i >= part.program.forward]
        names: list[str] = []
        if not part.adjoints and not part.program.gradients:
            return names
        if not part.steps:
            self._write(back, "")
            names += [self.result(operand) for _, operand in part.program.gradients]
        else:
            moving = self._moving()
            self._write([i for i in back if i not in moving], "")
            for k, (index, _) in enumerate(part.program.gradients):
                name = teller.book.gradients[self.place, k]
                names.append(name)
                shape = index.shape if index.ndim != 1 else index.size
                teller.lines.append(f"    {name} = np.zeros({shape})")
            teller.lines.append(f"    for t in reversed(range({part.steps})):")
            self._write([i for i in back if i in moving], "    ")
            for k, (_, operand) in enumerate(part.program.gradients):
                name = teller.book.gradients[self.place, k]
                teller.lines.append(f"        {name} += {self.result(operand)}")
        indent = "        " if part.steps else "    "
        for column, operand in part.adjoints:
            port = part.inputs[column]
            text = self.result(operand)
            if part.steps:
                target = teller.at_step(port, adjoint=True)
            else:
                target, text = self._whole(port, operand, adjoint=True)
            teller.lines.append(f"{indent}{target} += {text}")
        for move in part.moves[::-1]:
            names += self._back(move)
        return names

    def name_rest(self) -> None:
        """Give the program the names that its source has for what enters and leaves."""
        part, names = self.part, self.part.program.names
        for i in self.needed:
            if part.program.instructions[i].kind == vector.INPUT and i in self.text:
                names.setdefault(i, self.text[i][0])
        for port, operand in part.exports:
            if part.steps:
                names[operand] = self.teller.at_step(port)
            else:
                target, _ = self._whole(port, operand, adjoint=False)
                names.setdefault(operand, target.removesuffix("[:]"))
        for column, operand in part.adjoints:
            port = part.inputs[column]
            if part.steps:
                names.setdefault(operand, self.teller.at_step(port, adjoint=True))
            else:
                target, _ = self._whole(port, operand, adjoint=True)
                names.setdefault(operand, target.removesuffix("[:]"))
            part.grown.add(operand)
        for k, (_, operand) in enumerate(part.program.gradients):
            if not isinstance(operand, float):
                names.setdefault(operand, self.teller.book.gradients[self.place, k])
                if part.steps:
                    part.grown.add(operand)

    def _write(self, indices: list[int], indent: str) -> None:
        """Lines for these instructions."""
        instructions = self.part.program.instructions
        for i in indices:
            self.line(i, instructions[i])
            for line in self.lines:
                self.teller.lines.append(indent + line)
                if i in self.part.program.nodes:
                    self.teller.nodes[len(self.teller.lines)] = self.part.program.nodes[i]
            self.lines = []

    def _moving(self) -> set[int]:
        """Instructions that change from step to step."""
        part, moving = self.part, set()
        still = np.concatenate(
            [np.zeros(0, bool)]
            + [np.full(port.rows.shape[1], len(port.rows) == 1) for port in part.inputs]
            + [np.zeros(port.rows.shape[1], bool) for port, _ in part.exports if port.active]
        )
        for i in self.needed:
            each = part.program.instructions[i]
            if each.kind == vector.INPUT:
                if not still[each.data.flat[0]]:
                    moving.add(i)
            elif any(arg in moving for arg in each.references):
                moving.add(i)
        return moving

    def _residuals(self) -> None:
        """Give what backwards looks at again a place per step."""
        if not self.gradient:
            return
        program, moving = self.part.program, self._moving()
        seen: set[int] = set()
        stack = [
            arg for i in self.needed if i >= program.forward
            for arg in program.instructions[i].references
        ]  # fmt: skip
        stack += [operand for _, operand in program.gradients if not isinstance(operand, float)]
        while stack:
            i = stack.pop()
            each = program.instructions[i]
            if i in seen or i >= program.forward or i not in moving:
                continue
            seen.add(i)
            if each.kind in (vector.LIFT, vector.FILL, vector.ACCESS) and i not in self.names:
                stack += each.references
            elif each.kind != vector.INPUT and "[" not in self.names.get(i, ""):
                if i not in self.names:
                    self.names[i] = self.fresh("v")
                self.kept_names[i] = self.names[i]
                self.names[i] += "[t]"
            if each.kind in (vector.LIFT, vector.FILL, vector.ACCESS):
                self.uses[i] = 1  # to be written where it is used

    # -- what passes between parts -----------------------------------------------------------

    def _arrays(self, carried: bool) -> None:
        """Make the arrays that a recurrence fills."""
        teller = self.teller
        for port, _ in self.part.exports:
            name, each = teller.book.find(port.rows, port.wide)
            if each.carried == carried:
                teller.lines.append(f"    {name} = {_made('empty', each)}")

    def _export(self, port: Port, operand: Operand) -> None:
        """A line for what other pieces take from this one."""
        teller = self.teller
        name, each = teller.book.find(port.rows, port.wide)
        rows = port.rows.ravel()
        if len(rows) == each.size and (np.diff(rows) == 1).all():
            batch = ["-1"] if port.wide else []
            own = self.part.program.instructions[operand].shape
            old = [str(each.size), *batch] if len(own) == 1 else [""]
            new = [*map(str, each.shape), *batch]
            text = self.result(operand) if own == each.shape else self._shaped(operand, old, new)
            teller.lines.append(f"    {name} = {text}")
            return
        made = f"    {name} = {_made('empty', each)}"
        if made not in teller.lines:
            teller.lines.append(made)
        target, text = self._whole(port, operand, adjoint=False)
        teller.lines.append(f"    {target} = {text}")

    def _shaped(self, operand: Operand, old: list[str], new: list[str]) -> str:
        """Source of an operand in another shape."""
        text = self._tight(operand).removesuffix(f".reshape({', '.join(old)})")
        if old == new:
            return self.result(operand)
        if len(new) > len(old) and text.endswith((".T", ".transpose(1, 0, 2)")):
            return text
        return f"{text}.reshape({', '.join(new)})"

    def _whole(self, port: Port, operand: Operand, adjoint: bool) -> tuple[str, str]:
        """Source of the rows of a port as a target, and of a value in its shape."""
        name, each = self.teller.book.find(port.rows, port.wide)
        rows, n = port.rows[0], each.shape[-1]
        batch = ["-1"] if port.wide else []
        first = int(rows[0]) - each.start
        old = [str(len(rows)), *batch]
        own = self.part.program.instructions[operand].shape
        if len(own) != 1:
            old = [""]  # of any other shape
        whole = len(each.shape) == 2 and len(rows) % n == 0 and first % n == 0
        if whole and (np.diff(rows) == 1).all():
            table = rows.reshape(-1, n) if len(rows) > n else rows
            target = self.teller.rows(table, port.wide, adjoint)
            return target, self._shaped(operand, old, [*map(str, table.shape), *batch])
        text = self._shaped(operand, old, [str(len(rows)), *batch])
        if len(each.shape) == 1:
            target = self.teller.rows(rows, port.wide, adjoint)
            return (target if target[-1] == "]" else f"{target}[:]"), text
        d = "d" if adjoint else ""
        index = self.teller.kept("at", rows - each.start)
        return f"{d}{name}.reshape({', '.join([str(each.size), *batch])})[{index}]", text

    # -- what is done ahead of a recurrence --------------------------------------------------

    def _move(self, move: Move) -> None:
        teller = self.teller
        graph, cut = teller.book.graph, teller.book.cut
        name, each = teller.book.find(move.rows, move.wide)
        target = teller.rows(move.rows.reshape(-1, each.shape[-1]) if len(move.rows) == each.size
                             and len(each.shape) == 2 else move.rows, move.wide)  # fmt: skip
        code = graph.code[move.nodes]
        up = "[..., None]" if move.wide else ""
        literal, parameter = code == LITERAL, code == PARAMETER
        numbers = graph.number[move.nodes]
        teller.lines.append(f"    {name} = {_made('zeros', each)}")
        batch = ["-1"] if move.wide else []
        for which in (literal, parameter, *(here for here, _, _ in teller.sources(move))):
            nodes = move.nodes[which]
            if not which.any() or (which is literal and not numbers[which].any()):
                continue
            shape: tuple[int, ...] = (len(nodes),)
            place = target if target[-1] == "]" else f"{target}[...]"
            if not which.all():
                index = self.keep(np.flatnonzero(which))
                place = f"{target}.reshape({', '.join([str(len(which)), *batch])})[{index}]"
            elif len(move.rows) == each.size:
                shape = each.shape
            if which is literal:
                same = (numbers[which] == numbers[which][0]).all()
                text = number(float(numbers[which][0]))
                text = text if same else teller.kept("c", numbers[which].reshape(shape)) + up
            elif which is parameter:
                order = teller.book.order
                found = order[graph.place[nodes]].reshape(shape)
                text = places("p", found, teller.book.size, self.keep) + up
            else:
                wide = bool(cut.wide[nodes[0]])
                text = teller.rows(cut.row[nodes].reshape(shape), wide)
                text += up if move.wide and not wide else ""
            teller.lines.append(f"    {place} = {text}")

    def _back(self, move: Move) -> list[str]:
        """Pass the adjoints of moved rows on."""
        teller = self.teller
        graph, cut = teller.book.graph, teller.book.cut
        names: list[str] = []
        if not move.active:
            return names
        code = graph.code[move.nodes]
        parameter = (code == PARAMETER) & graph.active[move.nodes]
        d = teller.rows(move.rows, move.wide, adjoint=True)
        if parameter.any():
            name = teller.book.names.new("dp")
            which = "" if parameter.all() else f"[{self.keep(np.flatnonzero(parameter))}]"
            total = ".sum(axis=-1)" if move.wide else ""
            teller.lines.append(f"    {name} = {d}{which}{total}")
            names.append(name)
        for here, nodes, wide in teller.sources(move):
            if not graph.active[nodes].any():
                continue
            source, each = teller.book.find(cut.row[nodes], wide)
            which = "" if here.all() else f"[{self.keep(np.flatnonzero(here))}]"
            total = ".sum(axis=-1)" if move.wide and not wide else ""
            index = self.keep(cut.row[nodes] - each.start)
            flat = f"d{source}.reshape({', '.join([str(each.size), *(['-1'] if wide else [])])})"
            teller.lines.append(f"    np.add.at({flat}, {index}, {d}{which}{total})")
        return names


def _made(how: str, each: Variable) -> str:
    shape = [*map(str, each.shape), *(["B"] if each.wide else [])]
    return f"np.{how}(({', '.join(shape)}))" if len(shape) > 1 else f"np.{how}({shape[0]})"
