"""Names for what a program computes, from the labels and scopes of the nodes.

A z that belongs to the second layer is z2, its adjoint d2, its weights W2 and its biases b2:
as in a textbook, layers are counted from 1.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

import numpy as np

from autograd.compiler.assemble import Assembled
from autograd.compiler.graph import Graph
from autograd.compiler.roll import Rolled
from autograd.compiler.vector import ACCESS, CONTRACT, INPUT, MAP, PARAMETER, VectorProgram
from autograd.op import FACTORS, TABLE

_RESERVED = {"p", "X", "u", "B", "np", "inf", "nan", "program", "scatter", *TABLE, *FACTORS}
_LETTERS = set("abcuvw")  # labels by which the parameters of one z are told apart


class Names:
    """Names, each given once."""

    def __init__(self) -> None:
        self._taken = set(_RESERVED)

    def new(self, wish: str) -> str:
        """The name itself, or with a number behind, if it is taken."""
        wish = re.sub(r"\W", "_", wish) or "v"
        if wish[0].isdigit():
            wish = f"v{wish}"
        name, count = wish, 1
        while name in self._taken or keyword.iskeyword(name):
            count += 1
            name = f"{wish}_{count}"
        self._taken.add(name)
        return name

    def numbered(self, wish: str) -> str:
        """The name with the first number behind it that is free."""
        count = 1
        while f"{wish}{count}" in self._taken:
            count += 1
        self._taken.add(f"{wish}{count}")
        return f"{wish}{count}"


def letter(labels: Sequence[str], nodes: np.ndarray) -> str:
    """The label that these nodes share, without what stands in brackets, or ""."""
    first = labels[nodes.flat[0]].split("[")[0]
    last = labels[nodes.flat[-1]].split("[")[0]
    return first if first == last and first.isidentifier() else ""


def name_blocks(
    assembled: Assembled,
    rolled: Rolled,
    letters: Sequence[str] | None,
    names: Names | None = None,
    layers: dict[str, str] | None = None,
) -> None:
    """Name instructions of the forward pass, and note where their nodes come from.

    Args:
        assembled: the forward pass, which is given the names.
        rolled: its blocks.
        letters: per input the name of the argument that it belongs to; None leaves inputs unnamed.
        names: those that are taken, if there are other programs beside this one.
        layers: the numbers of their layers by scope, likewise.
    """
    graph, program = rolled.normal.graph, assembled.program
    names = Names() if names is None else names
    layers = _layers(rolled, graph, {} if layers is None else layers)
    for block, value in zip(rolled.blocks, assembled.of_block, strict=True):
        if isinstance(value, float) or value in program.names:
            continue
        nodes = block.nodes
        if block.kind == "input":
            if letters is not None:
                program.names[value] = names.new(letters[graph.place[nodes[0]]])
            continue
        scope = graph.scopes[nodes[0]]
        named = letter(graph.labels, nodes)
        if named:
            layer = layers.get(scope, "") if named in ("z", "a") else ""
            program.names[value] = names.new(f"{named}{layer}")
        where = f" in {scope}" if scope else ""
        what = f"{named or (block.op.symbol if block.op else 'sum')}{where}"
        program.notes[value] = f"{what}: {len(nodes)} node{'s' * (len(nodes) > 1)}"
    _parameters(program, names, graph, rolled)
    _results(program, names)
    for number, each in enumerate(program.instructions):
        if each.kind == INPUT and number not in program.names and letters is not None:
            program.names[number] = names.new(letters[each.data.flat[0]])


def _layers(rolled: Rolled, graph: Graph, found: dict[str, str]) -> dict[str, str]:
    """Numbers from 1 for the scopes that have a z, in the order of the blocks."""
    for block in rolled.blocks:
        if block.kind == "sum" and letter(graph.labels, block.nodes) == "z":
            found.setdefault(graph.scopes[block.nodes[0]], str(len(found) + 1))
    return found


def _parameters(program: VectorProgram, names: Names, graph: Graph, rolled: Rolled) -> None:
    """W for what multiplies a matrix, b for what is added to one, else what the label says."""
    roles: dict[int, tuple[str, str]] = {}
    suffix = {}
    for number, name in program.names.items():
        if re.fullmatch(r"z\d*", name):
            suffix[number] = name[1:]
    for number, digits in suffix.items():
        stack = [number]
        while stack:
            each = program.instructions[stack.pop()]
            for side, arg in enumerate(each.references):
                source = program.instructions[arg]
                if source.kind == PARAMETER:
                    role = "W" if each.kind == CONTRACT and side == 0 else "b"
                    roles.setdefault(arg, (role, digits))
                elif arg not in program.names and (
                    source.kind in (CONTRACT, ACCESS) or source.kind == MAP or source.batch == 1
                ):
                    stack.append(arg)
    for number, each in enumerate(program.instructions):
        if each.kind != PARAMETER or number in program.names:
            continue
        node = rolled.order[each.data.flat[0]] if each.data.size else 0
        label = graph.labels[node].split("[")[0]
        if number in roles:
            role, digits = roles[number]
            if label in _LETTERS:  # a recurrence has weights U for its state, beside W
                role = label.upper() if role == "W" else label
            program.names[number] = names.new(f"{role}{digits}")
        else:
            program.names[number] = names.new(label if label.isidentifier() else "w")


def _results(program: VectorProgram, names: Names) -> None:
    if len(program.outputs) == 1 and not isinstance(program.outputs[0][0], float):
        program.names.setdefault(program.outputs[0][0], names.new("loss"))
    for operand, _ in program.outputs:
        if not isinstance(operand, float):
            program.names.setdefault(operand, names.new("result"))


def name_adjoints(
    program: VectorProgram, adjoint_of: dict[int, int], names: Names | None = None
) -> None:
    """Name adjoints after what they belong to: δ of z2 is d2, the gradient of W2 is dW2."""
    if names is None:
        names = Names()
        for name in program.names.values():
            names.new(name)
    for number, adjoint in sorted(adjoint_of.items()):
        if isinstance(adjoint, float) or adjoint in program.names:
            continue
        name = program.names.get(number, "")
        if re.fullmatch(r"z\d*", name):
            # It may have been computed on the way forward, as a - y of a squared error is.
            program.names[adjoint] = names.new(f"d{name[1:]}")
            forward = f" = {program.notes[adjoint]}" if adjoint in program.notes else ""
            program.notes[adjoint] = f"∂L/∂{name}{forward}"
    for index, operand in program.gradients:
        if isinstance(operand, float) or operand in program.names:
            continue
        for number, each in enumerate(program.instructions):
            if each.kind == PARAMETER and each.data is index and number in program.names:
                program.names[operand] = names.new(f"d{program.names[number]}")
                break
