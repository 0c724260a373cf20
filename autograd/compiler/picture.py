"""A program as LaTeX and as a drawing."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from autograd.compiler import vector
from autograd.compiler.graph import Graph, groups
from autograd.compiler.rolled import Vectors
from autograd.compiler.scan import Scan
from autograd.compiler.vector import Instruction, Operand, VectorProgram
from autograd.op import SequenceOp

_MOST = 400  # formulas, or nodes of a drawing
_CUT = r"\vdots"


def formulas(graph: Graph, tier: Any) -> str:
    """The program as LaTeX: an ``aligned`` block with a line per step."""
    if isinstance(tier, Scan):
        halves = [_Matrices(part.program, part.grown).halves() for part in tier.cut.parts]
        lines = [line for ahead, _ in halves for line in ahead]
        lines += [line for _, back in halves[::-1] for line in back]
    elif isinstance(tier, Vectors):
        lines = _Matrices(tier.program).lines()
    else:
        lines = _scalars(graph)
    if len(lines) > _MOST:
        lines = [*lines[:_MOST], _CUT]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _scalars(graph: Graph) -> list[str]:
    names: dict[int, str] = {}
    lines: list[str] = []
    for node, code in enumerate(graph.code.tolist()):
        label = graph.labels[node]
        if code < 0:
            names[node] = _symbol(label) if label else (
                f"{graph.number[node]:g}" if code == -3 else f"p_{{{graph.place[node]}}}"
            )  # fmt: skip
            continue
        names[node] = f"v_{{{node}}}"
        op = graph.rows[code]
        args = [_Atom(names[arg]) for arg in graph.arguments(node)]
        render: Any = op.latex.format if isinstance(op.latex, str) else op.latex
        parts = groups(op, args) if isinstance(op, SequenceOp) else tuple(args)
        note = rf" \qquad ({_symbol(label)})" if label else ""
        lines.append(f"{names[node]} &= {render(*parts)}{note}")
        if len(lines) > _MOST:
            break
    return lines


def _symbol(label: str) -> str:
    """A label as a symbol: w[1,2] with its indices below."""
    base, _, rest = label.partition("[")
    base = base if len(base) == 1 else rf"\mathrm{{{_escaped(base)}}}"
    return f"{base}_{{{_escaped(rest.rstrip(']'))}}}" if rest else base


def _escaped(text: str) -> str:
    for sign in "\\{}$&#^_%~":
        text = text.replace(sign, " " if sign in "\\^~" else "\\" + sign)
    return text


class _Atom:
    """A formula in a template of the op table: in parentheses where it binds too loosely."""

    def __init__(self, text: str, binds: int = 4):
        self.text, self.binds = text, binds

    def __format__(self, spec: str) -> str:
        fits = not spec or self.binds >= int(spec)
        return self.text if fits else rf"\left({self.text}\right)"


def _named(symbol: str) -> _Atom:
    """The atom of a name; one with an exponent already takes no other without parentheses."""
    return _Atom(symbol, 3 if "^" in symbol else 4)


class _Matrices:
    """The formulas of a vector program: matrices by their names, ⊙ element by element."""

    def __init__(self, program: VectorProgram, grown: Collection[int] = ()):
        self.program, self.grown = program, grown  # what is added to, step by step
        self.text: dict[int, _Atom] = {}
        self.uses: dict[int, int] = {}
        for each in program.instructions:
            for arg in each.references:
                self.uses[arg] = self.uses.get(arg, 0) + 1
        for _, operand in program.gradients:
            if not isinstance(operand, float):
                self.uses[operand] = self.uses.get(operand, 0) + 1

    def lines(self) -> list[str]:
        """A line per named step."""
        ahead, back = self.halves()
        return ahead + back

    def halves(self) -> tuple[list[str], list[str]]:
        """The lines of the forward pass, and those of the backward pass."""
        halves: tuple[list[str], list[str]] = ([], [])
        for number, each in enumerate(self.program.instructions):
            formula = self._formula(each)
            name = self.program.names.get(number)
            source = each.kind in (vector.PARAMETER, vector.INPUT, vector.CONSTANT)
            if source:
                self.text[number] = _named(self._name(name) if name else f"C_{{{number}}}")
                continue
            moved = each.kind in (vector.LIFT, vector.FILL, vector.ACCESS)
            if not name and (moved or self.uses.get(number, 0) == 1):
                self.text[number] = formula
                continue
            if not self.uses.get(number) and not name:
                continue
            symbol = self._name(name) if name else f"v_{{{number}}}"
            sign = r"\mathrel{+}=" if number in self.grown else "="
            found = halves[number >= self.program.forward]
            found.append(f"{symbol} &{sign} {formula.text}")
            self.text[number] = _named(symbol)
        return halves

    @staticmethod
    def _name(name: str) -> str:
        """z1 as z⁽¹⁾, d1 as δ⁽¹⁾, dW1 as ∂L/∂W⁽¹⁾; a second y, y_2, as y₂; h[t + 1] as hₜ₊₁."""
        name = re.sub(r"\.(reshape|transpose)\(.*?\)|\.T\b", "", name)
        if indexed := re.fullmatch(r"(\w+)\[([^\]]*)\]", name):
            place = "T" if indexed[2] == "-1" else indexed[2].replace(" ", "")
            below = f"_{{{place}}}"
            if re.fullmatch(r"d[A-Za-z]\w*", indexed[1]):
                inner = _Matrices._name(indexed[1][1:])
                return rf"\frac{{\partial L}}{{\partial {{{inner}}}{below}}}"
            return f"{{{_Matrices._name(indexed[1])}}}{below}"
        if again := re.fullmatch(r"(\w*?)_(\d+)", name):
            return f"{_Matrices._name(again[1])}_{{{again[2]}}}"
        letters = name.rstrip("0123456789")
        digits = name[len(letters) :]
        layer = f"^{{({digits})}}" if digits else ""
        if letters == "d":
            return rf"\delta{layer}"
        if letters[:1] == "d" and letters[1:] and not letters[1:].isdigit():
            return rf"\frac{{\partial L}}{{\partial {_symbol(letters[1:])}{layer}}}"
        return "L" if name == "loss" else f"{_symbol(letters)}{layer}"

    def _arg(self, operand: Operand) -> _Atom:
        if isinstance(operand, float):
            return _Atom(f"{operand:g}", 4 if operand >= 0 else 1)
        return self.text[operand]

    def _formula(self, each: Instruction) -> _Atom:
        args = [self._arg(arg) for arg in each.args]
        if each.kind in (vector.CONTRACT, vector.PRODUCT):
            a, b = args
            first = rf"{{{a:3}}}^\top" if each.data == "tn" else f"{a:2}"
            second = rf"{{{b:3}}}^\top" if each.data == "nt" else f"{b:3}"
            return _Atom(rf"{first} \, {second}", 2)
        if each.kind == vector.MAP:
            assert each.op is not None
            op = each.op
            if op.name == "multiply" and not any(isinstance(arg, float) for arg in each.args):
                return _Atom(rf"{args[0]:2} \odot {args[1]:3}", 2)
            if op.name.endswith("_slope"):
                return _Atom(
                    rf"\{'tanh' if op.name == 'tanh_slope' else 'sigma'}'\left({args[0]}\right)"
                )
            text = op.latex if isinstance(op.latex, str) else ""
            if op.binds == 0:
                return _Atom(rf"\left[{text.format(*args)}\right]")
            return _Atom(text.format(*args), op.binds)
        if each.kind == vector.ALONG:
            assert each.op is not None
            inside = ", ".join(f"{arg}" for arg in args)
            return _Atom(rf"\mathrm{{{_escaped(each.op.name)}}}_i\left({inside}\right)")
        if each.kind == vector.SUM:
            axes, batch = each.data
            below = ", ".join(["i"] * bool(axes) + ["s"] * bool(batch))
            return _Atom(rf"\sum_{{{below}}} {args[0]:2}", 1)
        if each.kind == vector.COUNT:
            return _Atom("N")
        if each.kind in (vector.LIFT, vector.FILL, vector.ACCESS) and args:
            return args[0]
        inside = ", ".join(f"{arg}" for arg in args)
        return _Atom(rf"\mathrm{{{each.kind}}}\left({inside}\right)")


def draw(graph: Graph, tier: Any) -> Any:
    """The instructions as a ``graphviz.Digraph``: matrices as boxes, sources as ellipses."""
    import graphviz

    picture = graphviz.Digraph("program", graph_attr={"rankdir": "LR"})
    picture.attr("node", fontname="Helvetica", fontsize="11")
    if isinstance(tier, Scan):
        for number, part in enumerate(tier.cut.parts):
            title = f"{part.steps} steps" if part.steps else "once"
            with picture.subgraph(name=f"cluster{number}") as below:
                below.attr(label=title, fontname="Helvetica", color="#bbbbbb")
                _draw_matrices(below, part.program, f"{number}.")
    elif isinstance(tier, Vectors):
        _draw_matrices(picture, tier.program, "")
    else:
        _draw_scalars(picture, graph)
    return picture


def _draw_matrices(picture: Any, program: VectorProgram, prefix: str) -> None:
    for number in program.reached()[:_MOST]:
        each = program.instructions[number]
        name = program.names.get(number, f"v{number}")
        what = each.op.name if each.op else each.kind
        if each.kind in (vector.CONTRACT, vector.PRODUCT):
            what = {"nn": "A B", "tn": "Aᵀ B", "nt": "A Bᵀ"}[each.data]
        shape = " × ".join([*map(str, each.shape), *(["B"] if each.batch == 2 else [])]) or "1"
        source = each.kind in (vector.PARAMETER, vector.INPUT, vector.CONSTANT)
        colour = "#dbe9f6" if number < program.forward else "#fbe3d6"
        picture.node(
            f"{prefix}{number}", _plain(f"{name}\n{what}\n{shape}"),
            shape="ellipse" if source else "box", style="filled",
            fillcolor="#eeeeee" if source else colour,
        )  # fmt: skip
        for arg in each.references:
            picture.edge(f"{prefix}{arg}", f"{prefix}{number}")


def _draw_scalars(picture: Any, graph: Graph) -> None:
    for node, code in enumerate(graph.code.tolist()[:_MOST]):
        what = graph.rows[code].symbol if code >= 0 else f"{graph.number[node]:g}"
        label = graph.labels[node] or what
        picture.node(str(node), _plain(label), shape="box" if code >= 0 else "ellipse")
        for arg in graph.arguments(node):
            picture.edge(str(arg), str(node))
    if len(graph) > _MOST:
        picture.node("more", _plain(f"and {len(graph) - _MOST} more"), shape="plaintext")


def _plain(text: str) -> str:
    """Text that Graphviz shows as it is."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")
