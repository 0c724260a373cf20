"""The tier of straight lines and loops: a line of Python per node, for tiny or deep graphs.

Without a batch axis the numbers are floats and the functions those of math. With one, every
number is a row of samples, and the functions are NumPy's.
"""

from __future__ import annotations

import linecache
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler import kernels
from autograd.compiler.arguments import stack
from autograd.compiler.graph import INPUT, LITERAL, PARAMETER, Graph, groups
from autograd.compiler.periods import CARRIED, FIXED, LOCAL, Loop
from autograd.compiler.spelling import ATOM, Dialect, number
from autograd.compiler.symbolic import Expression, is_number, reading
from autograd.op import Op, SequenceOp


def _scalar(op: Op) -> Any:
    return op.scalar


class _ForFloats(Dialect):
    """Calls of functions of floats; the commonest are written out."""

    def __init__(self) -> None:
        super().__init__(_scalar)
        self.y = ""

    def call(self, op: Op, args: list[tuple[str, int]]) -> tuple[str, int]:
        """Source of op applied to sources, and how tightly it binds."""
        a = args[0][0]
        if op is ops.relu and args[0][1] >= ATOM:
            return f"(0.0 if {a} <= 0.0 else {a})", ATOM
        if op is ops.square and args[0][1] >= ATOM:
            return f"{a} * {a}", 4
        if op.name == "tanh_slope" and self.y:
            y = self.y
            return (
                f"(1.0 - {y} * {y} if -0.9999 < {y} < 0.9999 else {super().call(op, args)[0]})",
                ATOM,
            )
        if op is ops.sigmoid_slope and self.y:
            y = self.y
            return f"({y} * (1.0 - {y}) if {y} < 0.9999 else {super().call(op, args)[0]})", ATOM
        return super().call(op, args)


class Straight:
    """A graph as lines and loops.

    Args:
        graph: with dead code removed.
        batched: per input whether it has a batch axis.
        has_batch: whether there is a batch axis.
        loops: as ``find_loops`` gives them.
    """

    def __init__(self, graph: Graph, batched: np.ndarray, has_batch: bool, loops: list[Loop]):
        self.graph, self.batched, self.has_batch = graph, batched, has_batch
        writer = _Writer(graph, has_batch, loops)
        self.forward, self.text_forward, _ = writer.function(False)
        self.both, self.text, self.nodes = _Writer(graph, has_batch, loops).function(True)
        self.lines = sum("=" in line for line in self.text.splitlines())
        self.loops = len(loops)

    def run(
        self, parameters: np.ndarray, columns: list[np.ndarray], batch: int | None, scale: float,
        gradient: bool,
    ) -> tuple[list[Any], np.ndarray | None]:  # fmt: skip
        """The outputs, and the gradients of all parameters or None; as in `Vectors`."""
        p = parameters.tolist()
        if batch is None:
            x: list[Any] = [value for column in columns for value in column.tolist()]
            if not gradient:
                return [float(each) for each in self.forward(p, x)], None
            outputs, parts = self.both(p, x)
            return outputs, np.array(parts, dtype=np.float64)
        stacked, shared = stack(columns, batch)
        x = [stacked[i] if own else float(shared[i]) for i, own in enumerate(self.batched.tolist())]
        with np.errstate(all="ignore"):
            if not gradient:
                found = self.forward(p, x)
                return [np.array(np.broadcast_to(each, batch)) for each in found], None
            outputs, parts = self.both(p, x)
        g = np.array(
            [float(np.sum(part)) if np.ndim(part) else float(part) * batch for part in parts]
        )
        return [np.array(np.broadcast_to(each, batch)) for each in outputs], g * scale


class _Writer:
    def __init__(self, graph: Graph, has_batch: bool, loops: list[Loop]):
        self.graph, self.loops = graph, loops
        self.dialect: Dialect = for_rows() if has_batch else _ForFloats()
        self.code = graph.code.tolist()
        self.active = graph.active.tolist()
        self.lines: list[str] = []
        self.nodes: dict[int, int] = {}
        self.name: dict[int, str] = {}
        self.adjoint: dict[int, str] = {}  # name of the adjoint, of nodes that have one
        self.read: set[str] = set()
        self.in_loop = {
            int(node): (loop, t, j)
            for loop in loops
            for t, row in enumerate(loop.nodes)
            for j, node in enumerate(row)
        }

    # -- names -------------------------------------------------------------------------------

    def value(self, node: int) -> str:
        """The source of a node's number."""
        if node not in self.name:
            code, place = self.code[node], int(self.graph.place[node])
            if code == LITERAL:
                return number(float(self.graph.number[node]))
            if code == PARAMETER:
                self.name[node] = f"p{place}"
                self.head.append(f"p{place} = p[{place}]")
            elif code == INPUT:
                self.name[node] = f"x{place}"
                self.head.append(f"x{place} = x[{place}]")
            elif node in self.in_loop:  # one step of a loop, looked at from outside
                loop, t, j = self.in_loop[node]
                self.keep.setdefault(id(loop), set()).add(j)
                return f"s{loop.nodes[0, j]}[{t}]"
        return self.name[node]

    def _binding(self, node: int) -> tuple[str, int]:
        text = self.value(node)
        return text, (ATOM if text[0] != "-" else 3)

    # -- the function ------------------------------------------------------------------------

    def function(self, gradient: bool) -> tuple[Any, str, dict[int, int]]:
        """The function, its source, and the node of each line."""
        graph = self.graph
        self.head: list[str] = []
        self.keep: dict[int, set[int]] = {}
        body: list[tuple[str, Any]] = []
        node = 0
        starts = {int(loop.nodes[0, 0]): loop for loop in self.loops}
        inside = {int(each) for loop in self.loops for each in loop.nodes.ravel()}
        while node < len(graph):
            if node in starts:
                body.append(("loop", starts[node]))
            elif self.code[node] >= 0 and node not in inside:
                body.append(("node", node))
            node += 1
        forward: list[tuple[str, Any, list[str]]] = []
        for kind, thing in body:
            self.lines = []
            if kind == "node":
                self._node(thing)
            else:
                self._loop(thing)
            forward.append((kind, thing, self.lines))
        results = [self.value(each) for each in graph.outputs.tolist()]
        backward: list[str] = []
        if gradient:
            self.lines = backward
            for each in graph.outputs.tolist():
                self._flow(each, "1.0")
            for kind, thing, _ in reversed(forward):
                if kind == "node":
                    self._reverse_node(thing)
                else:
                    self._reverse_loop(thing)
        lines = list(self.head)
        for kind, thing, some in forward:
            if kind == "loop":
                some = self._with_tapes(thing, some)
            lines += some
        if gradient:  # the results are taken first, for a loop backwards reuses its names
            lines += [f"results = [{', '.join(results)}]", "# backwards", *backward]
            parts = ["0.0"] * graph.n_parameters
            for i, name in self.adjoint.items():
                if self.code[i] == PARAMETER:
                    parts[int(graph.place[i])] = name
            lines.append(f"return results, [{', '.join(parts)}]")
        else:
            lines.append(f"return [{', '.join(results)}]")
        text = "def program(p, x):\n" + "".join(f"    {line}\n" for line in lines)
        name = f"<autograd.compile {id(self):x}>"
        names = dict(self.dialect.names)
        exec(compile(text, name, "exec"), names)
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        return names["program"], text, self.nodes

    def _op(self, node: int) -> Op:
        op: Op = self.graph.rows[self.code[node]]
        return op

    def _call(self, op: Op, args: list[tuple[str, int]]) -> str:
        if isinstance(self.dialect, _ForFloats):
            self.dialect.y = ""
        if not isinstance(op, SequenceOp):
            return self.dialect.call(op, args)[0]
        if op is ops.total:
            return _plus([a if binds >= 3 else f"({a})" for a, binds in args])
        if op in (ops.dot, ops.affine):
            parts = groups(op, args)
            texts = [
                self.dialect.call(ops.multiply, [a, b])[0] for a, b in zip(*parts[:2], strict=True)
            ]
            texts += [a for a, _ in (parts[2] if len(parts) > 2 else [])]
            return _plus(texts)
        listed = ", ".join(f"[{', '.join(a for a, _ in part)}]" for part in groups(op, args))
        return f"{self.dialect.function(op)}({listed})"

    def _node(self, node: int) -> None:
        args = [self._binding(arg) for arg in self.graph.arguments(node)]
        self.name[node] = f"v{node}"
        self.lines.append(f"v{node} = {self._call(self._op(node), args)}")

    # -- backwards ---------------------------------------------------------------------------

    def _flow(self, node: int, share: str) -> None:
        """Add a share to the adjoint of a node."""
        if not self.active[node]:
            return
        if node in self.in_loop:
            loop, t, j = self.in_loop[node]
            if t < len(loop.nodes) - 1:
                name = f"e{loop.nodes[0, j]}"
                if name not in self.read:
                    self.read.add(name)
                    self.lines.append(f"{name} = [0.0] * {len(loop.nodes)}")
                self.lines.append(f"{name}[{t}] = {name}[{t}] + {share}")
                return
        if node in self.adjoint:
            name = self.adjoint[node]
            self.lines.append(f"{name} = {name} + {share}")
        else:
            self.adjoint[node] = f"d{node}"
            self.lines.append(f"d{node} = {share}")

    def _shares(
        self, op: Op, d: str, y: str, args: list[str], wanted: list[bool]
    ) -> list[str | None]:
        """Source of d · partial for each argument that wants one."""
        if isinstance(op, SequenceOp):
            return self._sequence_shares(op, d, y, args, wanted)
        found = reading(op)
        assert found is not None
        shares: list[str | None] = []
        for partial, flows in zip(found.partials, wanted, strict=True):
            shares.append(self._product(d, partial, y, args) if flows else None)
        return shares

    def _product(self, d: str, partial: Any, y: str, args: list[str]) -> str | None:
        if is_number(partial, 0.0):
            return None
        if is_number(partial, 1.0):
            return d
        if is_number(partial, -1.0):
            return f"-{d}"
        if isinstance(self.dialect, _ForFloats):
            self.dialect.y = y
        names = {-1: y, **dict(enumerate(args))}
        if isinstance(partial, Expression) and partial.op is ops.negative:
            inner = self._product(d, partial.args[0], y, args)
            return f"-({inner})"
        text, binds = self.dialect.spell(
            partial, lambda place: names[place] if names[place][0] != "-" else f"({names[place]})"
        )
        if d == "1.0":
            return text if binds >= 3 else f"({text})"
        return f"{d} * {text if binds >= 5 else f'({text})'}"

    def _sequence_shares(
        self, op: SequenceOp, d: str, y: str, args: list[str], wanted: list[bool]
    ) -> list[str | None]:
        def times(other: str) -> str:
            other = other if other[0] != "-" else f"({other})"
            return f"{d} * {other}" if d != "1.0" else other

        if op is ops.total:
            return [d] * len(args)
        if op is ops.mean:
            return [times(number(1.0 / len(args)))] * len(args)
        if op in (ops.dot, ops.affine):
            w, x, *b = groups(op, args)
            return [*map(times, x), *map(times, w), *([d] * len(b[0]) if b else [])]
        name = f"slopes_of_{op.name}"
        self.dialect.names[name] = _flat_slopes(op)
        listed = ", ".join(f"[{', '.join(part)}]" for part in groups(op, args))
        rows = f"r{len(self.lines)}_{len(self.adjoint)}"
        self.lines.append(f"{rows} = {name}({y}, {listed})")
        return [times(f"{rows}[{i}]") if flows else None for i, flows in enumerate(wanted)]

    def _reverse_node(self, node: int) -> None:
        if not self.active[node] or node not in self.adjoint:
            return
        arguments = self.graph.arguments(node)
        args = [self.value(arg) for arg in arguments]
        wanted = [self.active[arg] for arg in arguments]
        shares = self._shares(self._op(node), self.adjoint[node], self.name[node], args, wanted)
        for arg, share, flows in zip(arguments, shares, wanted, strict=True):
            if flows and share is not None:
                self._flow(arg, share)

    # -- loops -------------------------------------------------------------------------------

    def _body_args(self, loop: Loop, j: int) -> list[str]:
        """The sources of the arguments of an op in a step."""
        names = []
        for k, (kind, source) in enumerate(zip(loop.kinds[j], loop.sources[j], strict=True)):
            if kind == LOCAL:
                names.append(f"v{loop.nodes[0, source]}")
            elif kind == CARRIED:
                names.append(f"c{loop.nodes[0, source]}")
            elif kind == FIXED:
                names.append(self.value(source))
            else:
                names.append(f"i{loop.nodes[0, j]}_{k}")
        return names

    def _stream(self, loop: Loop, at: tuple[int, int]) -> str:
        """Source of the list of numbers that an argument takes step by step."""
        nodes = loop.streams[at]
        kinds = set(self.graph.code[nodes].tolist())
        places = self.graph.place[nodes]
        if kinds == {LITERAL}:
            name = f"n{loop.nodes[0, at[0]]}_{at[1]}"
            self.dialect.names[name] = self.graph.number[nodes].tolist()
            return name
        for kind, letter in ((INPUT, "x"), (PARAMETER, "p")):
            if kinds == {kind}:
                step = int(places[1] - places[0])
                if step > 0 and (np.diff(places) == step).all():
                    return f"{letter}[{places[0]}:{places[-1] + 1}:{step}]".replace(":1]", "]")
                name = f"n{loop.nodes[0, at[0]]}_{at[1]}"
                self.dialect.names[name] = places.tolist()
                return f"[{letter}[k] for k in {name}]"
        first = self.in_loop.get(int(nodes[0]))
        if first is not None:
            other, t, j = first
            column = other.nodes[t : t + len(nodes), j]
            if len(column) == len(nodes) and (column == nodes).all():
                self.keep.setdefault(id(other), set()).add(j)
                return f"s{other.nodes[0, j]}[{t}:{t + len(nodes)}]"
        return f"[{', '.join(self.value(int(node)) for node in nodes)}]"

    def _loop(self, loop: Loop) -> None:
        for source, node in loop.initial.items():
            self.lines.append(f"c{loop.nodes[0, source]} = {self.value(node)}")
        names = [f"{loop.nodes[0, j]}_{k}" for j, k in loop.streams]
        for name, at in zip(names, loop.streams, strict=True):
            self.lines.append(f"q{name} = {self._stream(loop, at)}")
        steps = len(loop.nodes)
        self.lines.append(
            _for([f"i{name}" for name in names], [f"q{name}" for name in names], steps)
        )
        for j, node in enumerate(loop.nodes[0].tolist()):
            args = [(text, ATOM if text[0] != "-" else 3) for text in self._body_args(loop, j)]
            self.lines.append(f"    v{node} = {self._call(self._op(node), args)}")
        self.lines += [
            f"    c{loop.nodes[0, source]} = v{loop.nodes[0, source]}" for source in loop.initial
        ]
        for node, last in zip(loop.nodes[0].tolist(), loop.nodes[-1].tolist(), strict=True):
            self.name[last] = f"v{node}"

    def _with_tapes(self, loop: Loop, lines: list[str]) -> list[str]:
        """The loop with what has to be kept of every step for later."""
        kept = [f"v{loop.nodes[0, j]}" for j in sorted(self.keep.get(id(loop), set()))]
        taped = sorted(name for name in self.read if name in self._loop_names(loop))
        head = [f"s{name[1:]} = []" for name in kept] + [f"t_{name} = []" for name in taped]
        head += [f"keep_s{name[1:]} = s{name[1:]}.append" for name in kept]
        head += [f"keep_{name} = t_{name}.append" for name in taped]
        at = next(i for i, line in enumerate(lines) if line.startswith("for "))
        ends = len(lines) - len(loop.initial)
        inner = [f"    keep_s{name[1:]}({name})" for name in kept]
        inner += [f"    keep_{name}({name})" for name in taped]
        return [*head, *lines[: at + 1], *lines[at + 1 : ends], *inner, *lines[ends:]]

    def _loop_names(self, loop: Loop) -> set[str]:
        firsts = loop.nodes[0].tolist()
        names = {f"v{node}" for node in firsts} | {f"c{node}" for node in firsts}
        return names | {f"i{loop.nodes[0, j]}_{k}" for j, k in loop.streams}

    def _reverse_loop(self, loop: Loop) -> None:
        firsts, lasts = loop.nodes[0].tolist(), loop.nodes[-1].tolist()
        steps = len(loop.nodes)
        reached = [
            j for j, (node, last) in enumerate(zip(firsts, lasts, strict=True))
            if self.active[node] and (last in self.adjoint or f"e{node}" in self.read)
        ]  # fmt: skip
        if not reached:
            return
        carried = [j for j in loop.initial if self.active[firsts[j]]]
        entering = sorted(set(carried) | {j for j in reached if lasts[j] in self.adjoint})
        for j in entering:
            self.lines.append(f"k{firsts[j]} = {self.adjoint.get(lasts[j], '0.0')}")
        outer, self.lines = self.lines, []
        have: set[str] = set()  # adjoints that the step has so far
        fixed: dict[str, int] = {}
        streamed: list[tuple[str, np.ndarray]] = []

        def add(name: str, share: str) -> None:
            self.lines.append(
                f"    {name} = {name} + {share}" if name in have else f"    {name} = {share}"
            )
            have.add(name)

        for j in entering:
            add(f"d{firsts[j]}", f"k{firsts[j]}")
        exported = [node for node in firsts if f"e{node}" in self.read]
        for node in exported:
            add(f"d{node}", f"e{node}_t")
        used: set[str] = set()
        for j in range(len(firsts) - 1, -1, -1):
            node = firsts[j]
            if f"d{node}" not in have or not self.active[node]:
                continue
            args = self._body_args(loop, j)
            arguments = self.graph.arguments(node)
            wanted = [
                self.active[firsts[source]] if kind in (LOCAL, CARRIED) else self.active[argument]
                for kind, source, argument in zip(
                    loop.kinds[j], loop.sources[j], arguments, strict=True
                )
            ]
            wanted = [
                flows or (kind not in (LOCAL, CARRIED, FIXED) and bool(
                    self.graph.active[loop.streams[j, k]].any()))
                for k, (flows, kind) in enumerate(zip(wanted, loop.kinds[j], strict=True))
            ]  # fmt: skip
            before = len(self.lines)
            shares = self._shares(self._op(node), f"d{node}", f"v{node}", args, wanted)
            self.lines[before:] = [f"    {line}" for line in self.lines[before:]]
            rest = [share for share in shares if share is not None] + self.lines[before:]
            used |= {word for text in rest for word in _words(text)}
            for k, (kind, source, share, flows) in enumerate(
                zip(loop.kinds[j], loop.sources[j], shares, wanted, strict=True)
            ):
                if share is None or not flows:
                    continue
                if kind == LOCAL:
                    add(f"d{firsts[source]}", share)
                elif kind == CARRIED:
                    add(f"n{firsts[source]}", share)
                elif kind == FIXED:
                    name = self.adjoint.get(source, f"d{source}")
                    fixed[name] = source
                    self.lines.append(f"    {name} = {name} + {share}")
                else:
                    name = f"z{node}_{k}"
                    streamed.append((name, loop.streams[j, k]))
                    self.lines.append(f"    {name}.append({share})")
        for j in entering:
            new = f"n{firsts[j]}" if f"n{firsts[j]}" in have else "0.0"
            self.lines.append(f"    k{firsts[j]} = {new}")
        inner, self.lines = self.lines, outer
        for name, node in fixed.items():
            if node not in self.adjoint:
                self.adjoint[node] = name
                self.lines.append(f"{name} = 0.0")
        self.lines += [f"{name} = []" for name, _ in streamed]
        taped = sorted(used & self._loop_names(loop))
        lists = []
        for name in taped:
            if name[0] == "i":  # it stands in a list already
                lists.append(f"reversed(q{name[1:]})")
            elif name[0] == "c":  # what the step before it made
                first = self.value(loop.initial[firsts.index(int(name[1:]))])
                lists.append(f"reversed([{first}, *t_v{name[1:]}[:-1]])")
                self.read.add(f"v{name[1:]}")
            else:
                lists.append(f"reversed(t_{name})")
                self.read.add(name)
        lists += [f"reversed(e{node})" for node in exported]
        names = taped + [f"e{node}_t" for node in exported]
        self.lines.append(_for(names, lists, steps))
        self.lines += inner
        for j in carried:
            if f"n{firsts[j]}" in have:
                self._flow(loop.initial[j], f"k{firsts[j]}")
        for name, nodes in streamed:
            for t, node in enumerate(nodes.tolist()):
                self._flow(node, f"{name}[{steps - 1 - t}]")


def _plus(terms: list[str]) -> str:
    """Source of a sum; of many terms not nested, which Python's parser would not take."""
    return " + ".join(terms) if 0 < len(terms) < 20 else f"sum([{', '.join(terms)}], 0.0)"


def _for(names: list[str], lists: list[str], steps: int) -> str:
    if not names:
        return f"for _ in range({steps}):"
    if len(names) == 1:
        return f"for {names[0]} in {lists[0]}:"
    return f"for {', '.join(names)} in zip({', '.join(lists)}):"


def _words(text: str) -> set[str]:
    word, words = "", set()
    for character in text + " ":
        if character.isalnum() or character == "_":
            word += character
        else:
            words.add(word)
            word = ""
    return words


def _flat_slopes(op: SequenceOp) -> Any:
    """All partials of an op of sequences as one flat list."""

    def slopes(y: Any, *args: Any) -> list[Any]:
        try:
            rows = op.partials(y, *args)  # type: ignore[operator]
        except (ArithmeticError, ValueError):
            rows = op.slope(op.partials, y, *args)  # type: ignore[arg-type]
        return [each for row in rows for each in row]

    return slopes


def for_rows() -> Dialect:
    """The dialect of NumPy for rows of samples, with sequences as lists of them."""

    def function(op: Op) -> Any:
        return op.array if isinstance(op, SequenceOp) else kernels.elementwise(op)

    return Dialect(function)
