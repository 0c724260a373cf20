"""The tier of straight lines and loops: Python for single numbers, for tiny or deep graphs.

Without a batch axis the numbers are floats and the functions those of math. With one, every
number is a row of samples, and the functions are NumPy's.

Backwards is written first, for then it is known which values it reads. Those have a name, in
loops a list too; what only one other line needs is written into that line. The names are a letter
with the number of a node, in a loop that of the first step:

====  ===================================================================
v, d  its value, and its adjoint
c, k  the value that the step before made; the adjoint that goes to it
s, e  the values of all steps; what flows into them from outside the loop
i, q  an argument that is another one in each step; all of them
z     the adjoints of those, from the last step to the first
====  ===================================================================
"""

from __future__ import annotations

import linecache
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler import kernels
from autograd.compiler.arguments import stack
from autograd.compiler.graph import INPUT, LITERAL, PARAMETER, Graph, groups
from autograd.compiler.normal import without_repetition
from autograd.compiler.periods import CARRIED, FIXED, LOCAL, Loop
from autograd.compiler.spelling import ATOM, Dialect, number
from autograd.compiler.symbolic import Expression, instantiate, reading, simplify
from autograd.op import Op, SequenceOp

_WIDE = 50  # characters from which an expression gets a line of its own
_FEW = 20  # parameters that are unpacked in one line; terms of a sum with signs between them
_PLAIN: dict[Op, Callable[..., float]] = {ops.tanh: math.tanh}  # right to some bits less


class _ForFloats(Dialect):
    """Calls of functions of floats; the commonest are written out."""

    repeats = frozenset({ops.relu, ops.square, ops.power})

    def __init__(self) -> None:
        super().__init__(lambda op: _PLAIN.get(op, op.scalar))

    def call(self, op: Op, args: list[tuple[str, int]]) -> tuple[str, int]:
        """Source of op applied to sources, and how tightly it binds."""
        a = args[0][0]
        if a.isidentifier():
            if op is ops.relu:
                return f"(0.0 if {a} <= 0.0 else {a})", ATOM
            if op is ops.square:
                return f"{a} * {a}", 4
            if op is ops.power and args[1][0] in ("2.0", "3.0", "4.0"):
                return " * ".join([a] * int(float(args[1][0]))), 4
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
        if not loops:
            graph = without_repetition(graph)
        self.batched, self.has_batch, self.outputs = batched, has_batch, len(graph.outputs)
        self.forward, _ = _Writer(graph, has_batch, loops).function(False)
        self.both, self.text = _Writer(graph, has_batch, loops).function(True)
        self.lines = sum("=" in line for line in self.text.splitlines())
        self.loops = len(loops)

    def run(
        self, parameters: np.ndarray, columns: list[np.ndarray], batch: int | None, scale: float,
        gradient: bool,
    ) -> tuple[list[Any], np.ndarray | None]:  # fmt: skip
        """The outputs, and the gradients of all parameters or None; as in `Vectors`.

        They are nan where Python raises an error and IEEE 754 has an answer.
        """
        try:
            return self._run(parameters, columns, batch, scale, gradient)
        except ArithmeticError:
            pass
        except ValueError:  # of math; there is no other
            if self.has_batch:
                raise
        nothing = math.nan if batch is None else np.full(batch, math.nan)
        return [nothing] * self.outputs, np.full(len(parameters), math.nan)

    def _run(
        self, parameters: np.ndarray, columns: list[np.ndarray], batch: int | None, scale: float,
        gradient: bool,
    ) -> tuple[list[Any], np.ndarray | None]:  # fmt: skip
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


@dataclass(frozen=True)
class _Product:
    """A number times what the text says; without text the number alone."""

    scale: float
    text: str = ""
    binds: int = ATOM

    def __str__(self) -> str:
        return self.spelled()[0]

    def spelled(self) -> tuple[str, int]:
        """Source, and how tightly it binds."""
        if not self.text:
            return number(self.scale), 3 if self.scale < 0.0 else ATOM
        if self.scale == 1.0:
            return self.text, self.binds
        if self.scale == -1.0:
            return f"-{self.text if self.binds >= 4 else f'({self.text})'}", 3
        return f"{number(self.scale)} * {self.text if self.binds >= 4 else f'({self.text})'}", 4

    def times(self, other: _Product) -> _Product:
        """The product of both."""
        scale = self.scale * other.scale
        if not other.text:
            return _Product(scale, self.text, self.binds)
        if not self.text:
            return _Product(scale, other.text, other.binds)
        left = self.text if self.binds >= 4 else f"({self.text})"
        right = other.text if other.binds >= 5 else f"({other.text})"
        return _Product(scale, f"{left} * {right}", 4)


_NOTHING = [_Product(0.0)]


def _name(text: str) -> _Product:
    return _Product(1.0, text)


def _total(terms: Iterable[_Product]) -> _Product:
    """The sum of products, those of the same text taken together."""
    scales: dict[tuple[str, int], float] = {}
    for term in terms:
        key = term.text, term.binds
        scales[key] = scales[key] + term.scale if key in scales else term.scale
    products = [_Product(scale, *key) for key, scale in scales.items()]
    if len(products) == 1:
        return products[0]
    products.sort(key=lambda each: each.scale < 0.0)
    return _Product(1.0, *_sum([each.spelled() for each in products]))


def _sum(terms: list[tuple[str, int]]) -> tuple[str, int]:
    """Source of a sum; of many terms not nested, which Python's parser would not take."""
    texts = [text if binds >= 3 else f"({text})" for text, binds in terms]
    if not 0 < len(texts) < _FEW:
        return f"sum([{', '.join(texts)}], 0.0)", ATOM
    signed = [f" - {text[1:]}" if text[0] == "-" else f" + {text}" for text in texts[1:]]
    return texts[0] + "".join(signed), 3


class _Writer:
    def __init__(self, graph: Graph, has_batch: bool, loops: list[Loop]):
        self.graph, self.loops, self.has_batch = graph, loops, has_batch
        self.dialect: Dialect = for_rows() if has_batch else _ForFloats()
        self.code, self.place = graph.code.tolist(), graph.place.tolist()
        self.active = graph.active.tolist()
        self.starts, self.args = graph.starts.tolist(), graph.args.tolist()
        uses = np.bincount(graph.args, minlength=len(graph))
        np.add.at(uses, graph.outputs, 1)
        self.uses = uses
        self.user = np.full(len(graph), -1)
        self.user[graph.args] = np.repeat(np.arange(len(graph)), np.diff(graph.starts))
        self.lines: list[str] = []
        self.inline: dict[int, tuple[str, int]] = {}  # of nodes that have no line of their own
        self.leaves: set[int] = set()  # that have a name
        self.read: set[str] = set()  # names that are read backwards
        self.shares: dict[int, list[_Product]] = {}  # of the adjoints of nodes
        self.taped: set[int] = set()  # nodes of first steps whose numbers are kept of every step
        self.in_loop = {
            int(node): (loop, t, j)
            for loop in loops
            for t, row in enumerate(loop.nodes)
            for j, node in enumerate(row)
        }

    # -- the function ------------------------------------------------------------------------

    def function(self, gradient: bool) -> tuple[Any, str]:
        """The function and its source."""
        starts = {int(loop.nodes[0, 0]): loop for loop in self.loops}
        body = [
            starts.get(node, node) for node, code in enumerate(self.code)
            if code >= 0 and (node not in self.in_loop or node in starts)
        ]  # fmt: skip
        outputs = self.graph.outputs.tolist()
        backward = self._backward(body, outputs) if gradient else []
        forward: list[Any] = []
        for part in body:
            forward += [part] if isinstance(part, Loop) else self._node(part)
        results = f"[{', '.join(self.binding(node)[0] for node in outputs)}]"
        for at in range(len(forward) - 1, -1, -1):  # what comes later says what a loop has to keep
            if isinstance(forward[at], Loop):
                forward[at : at + 1] = self._loop(forward[at])
        if gradient:
            gradients = ["0.0"] * self.graph.n_parameters
            for node in list(self.shares):
                gradients[self.place[node]] = str(self.shares.pop(node)[0])
            if self.loops:  # which reuse the names
                forward.append(f"results = {results}")
                results = "results"
            forward += ["# backwards", *backward]
            results += f", [{', '.join(gradients)}]"
        text = "def program(p, x):\n" + "".join(
            f"    {line}\n" for line in [*self._head(), *forward, f"return {results}"]
        )
        name = f"<autograd.compile {id(self):x}>"
        names = dict(self.dialect.names)
        exec(compile(text, name, "exec"), names)
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        return names["program"], text

    def _head(self) -> list[str]:
        """The lines that take the leaves from the arguments."""
        lines = []
        for kind, letter, n in (
            (PARAMETER, "p", self.graph.n_parameters), (INPUT, "x", self.graph.n_inputs),
        ):  # fmt: skip
            places = sorted(self.place[node] for node in self.leaves if self.code[node] == kind)
            names = [f"{letter}{place}" for place in places]
            if 1 < len(places) == n <= _FEW:
                lines.append(f"{', '.join(names)} = {letter}")
            else:
                pairs = zip(names, places, strict=True)
                lines += [f"{name} = {letter}[{place}]" for name, place in pairs]
        return lines

    def arguments(self, node: int) -> list[int]:
        """The nodes that this one is computed from."""
        found: list[int] = self.args[self.starts[node] : self.starts[node + 1]]
        return found

    def value(self, node: int) -> str:
        """The source of a node's number, which has a name."""
        code, place = self.code[node], self.place[node]
        if code == LITERAL:
            return number(float(self.graph.number[node]))
        if code in (PARAMETER, INPUT):
            self.leaves.add(node)
            return f"{'p' if code == PARAMETER else 'x'}{place}"
        if node in self.in_loop:  # one step of a loop, looked at from outside
            loop, t, j = self.in_loop[node]
            node = int(loop.nodes[0, j])
            if t < len(loop.nodes) - 1:
                self.taped.add(node)
                return f"s{node}[{t}]"
            self.read.add(f"v{node}")
        return f"v{node}"

    def binding(self, node: int) -> tuple[str, int]:
        """The source of a node's number, which may be an expression, and how tightly it binds."""
        if node in self.inline:
            return self.inline[node]
        return _bound(self.value(node))

    def _op(self, node: int) -> Op:
        op: Op = self.graph.rows[self.code[node]]
        return op

    def _call(self, op: Op, args: list[tuple[str, int]]) -> tuple[str, int]:
        self.dialect.y = ""
        if op in (ops.add, ops.total):
            return _sum(args)
        if not isinstance(op, SequenceOp):
            return self.dialect.call(op, args)
        if op in (ops.dot, ops.affine):
            w, x, *b = groups(op, args)
            terms = [self.dialect.call(ops.multiply, [a, b]) for a, b in zip(w, x, strict=True)]
            return _sum([*terms, *(b[0] if b else [])])
        listed = ", ".join(f"[{', '.join(a for a, _ in part)}]" for part in groups(op, args))
        return f"{self.dialect.function(op)}({listed})", ATOM

    def _node(self, node: int) -> list[str]:
        spelled = self._call(self._op(node), [self.binding(arg) for arg in self.arguments(node)])
        user = int(self.user[node])
        once = self.uses[node] == 1 and user not in self.in_loop
        if once and self._fits(f"v{node}", spelled[0], user):
            self.inline[node] = spelled
            return []
        return [f"v{node} = {spelled[0]}"]

    def _fits(self, name: str, text: str, user: int) -> bool:
        """Whether an expression that only ``user`` needs, or the results, can stand there."""
        if name in self.read or len(text) > _WIDE:
            return False
        return user < 0 or self._op(user) not in self.dialect.repeats

    # -- backwards ---------------------------------------------------------------------------

    def _backward(self, body: list[Any], outputs: list[int]) -> list[str]:
        for node in outputs:
            self._flow(node, _Product(1.0))
        for part in reversed(body):
            if isinstance(part, Loop):
                self._reverse_loop(part)
            elif part in self.shares:
                self._reverse_node(part)
        for node, terms in self.shares.items():  # of parameters
            self.shares[node] = [self._named(f"dp{self.place[node]}", _total(terms), 2)]
        lines, self.lines = self.lines, []
        return lines

    def _flow(self, node: int, share: _Product | None) -> None:
        """Add a share to the adjoint of a node."""
        if self.active[node] and share is not None:
            self.shares.setdefault(node, []).append(share)

    def _named(self, name: str, product: _Product, uses: int) -> _Product:
        """The product as it is, if it can stand where it is used, else by name."""
        if not product.text or product.text.isidentifier():
            return product
        if uses == 1 and len(product.text) <= _WIDE:
            return product
        if product.scale == -1.0:
            self.lines.append(f"{name} = {product.text}")
            return _Product(-1.0, name)
        self.lines.append(f"{name} = {product}")
        return _name(name)

    def _reverse_node(self, node: int) -> None:
        arguments = self.arguments(node)
        names = {-1: self.value(node), **dict(enumerate(map(self.value, arguments)))}
        wanted = [self.active[arg] for arg in arguments]
        shares, read = self._pull(node, self.shares.pop(node), names, wanted)
        self.read |= read
        for arg, share in zip(arguments, shares, strict=True):
            self._flow(arg, share)

    def _pull(
        self, node: int, terms: list[_Product], names: dict[int, str], wanted: list[bool]
    ) -> tuple[list[_Product | None], set[str]]:
        """The shares of an op's arguments in its adjoint, and the names that they read.

        Args:
            node: of that op.
            terms: of its adjoint.
            names: of the op's value, as -1, and of its arguments.
            wanted: of each argument whether it takes a share.
        """
        read: set[str] = set()

        def name(place: int) -> str:
            read.add(names[place])
            return names[place]

        numbers = {place: float(text) for place, text in names.items() if not text[0].isalpha()}
        partials = self._partials(node, name, numbers, wanted)
        choices = [
            each is not None and each.binds < 3 and not self.has_batch for each in partials
        ]  # comparisons
        uses = sum(each is not None for each in partials) + sum(choices)
        d = self._named(f"d{node}", _total(terms), uses)
        shares: list[_Product | None] = []
        for partial, choice in zip(partials, choices, strict=True):
            if partial is None:
                shares.append(None)
            elif choice:  # faster than d times a bool, and nan as well where d is infinite
                zero = f"0.0 * {d.text}" if d.text else "0.0"
                text = f"({d.text or '1.0'} if {partial.text} else {zero})"
                shares.append(_Product(d.scale * partial.scale, text))
            else:
                shares.append(d.times(partial))
        return shares, read

    def _partials(
        self, node: int, name: Callable[[int], str], numbers: dict[int, float], wanted: list[bool]
    ) -> list[_Product | None]:
        """The partial of each argument that wants one."""
        op = self._op(node)
        if isinstance(op, SequenceOp):
            return self._sequence_partials(node, op, name, wanted)
        if not self.has_batch:
            self.dialect.y = name(-1) if op in (ops.tanh, ops.sigmoid) else ""
        found = reading(op)
        assert found is not None
        partials = zip(found.partials, wanted, strict=True)
        return [self._partial(each, name, numbers) if flows else None for each, flows in partials]

    def _partial(
        self, term: Any, name: Callable[[int], str], numbers: dict[int, float]
    ) -> _Product | None:
        """An expression, without the signs and numbers in front of it; None if it is 0."""
        scale = 1.0
        if numbers:
            term = instantiate(
                term, lambda place: numbers.get(place, Expression(None, (), place)),
                lambda op, args: simplify(op, tuple(args)),
            )  # fmt: skip
        while isinstance(term, Expression):
            if term.op is ops.negative:
                scale, term = -scale, term.args[0]
            elif term.op is ops.multiply and isinstance(term.args[0], float):
                scale, term = scale * term.args[0], term.args[1]
            else:
                return _Product(scale, *self.dialect.spell(term, name))
        return _Product(scale * term) if scale * term != 0.0 else None

    def _sequence_partials(
        self, node: int, op: SequenceOp, name: Callable[[int], str], wanted: list[bool]
    ) -> list[_Product | None]:
        places = list(range(len(wanted)))
        if op in (ops.total, ops.mean):
            return [_Product(1.0 if op is ops.total else 1.0 / len(wanted))] * len(wanted)
        if op in (ops.dot, ops.affine):
            w, x, *b = groups(op, places)
            texts = [name(place) for place in (*x, *w)]
            partials = [_Product(1.0, *_bound(text)) for text in texts]
            return [*partials, *([_Product(1.0)] * len(b[0]) if b else [])]
        function = f"slopes_of_{op.name}"
        self.dialect.names[function] = _flat_slopes(op)
        listed = ", ".join(f"[{', '.join(map(name, part))}]" for part in groups(op, places))
        self.lines.append(f"r{node} = {function}({name(-1)}, {listed})")
        return [_Product(1.0, f"r{node}[{k}]") for k in places]

    # -- loops -------------------------------------------------------------------------------

    def _step_names(self, loop: Loop, j: int) -> dict[int, str]:
        """The names that the value and the arguments of an op have in a step."""
        firsts = loop.nodes[0]
        names = {-1: f"v{firsts[j]}"}
        for k, (kind, source) in enumerate(zip(loop.kinds[j], loop.sources[j], strict=True)):
            if kind == LOCAL:
                names[k] = f"v{firsts[source]}"
            elif kind == CARRIED:
                names[k] = f"c{firsts[source]}"
            elif kind == FIXED:
                names[k] = self.value(source)
            else:
                names[k] = f"i{firsts[j]}_{k}"
        return names

    def _stream(self, loop: Loop, at: tuple[int, int]) -> str:
        """Source of the list of numbers that an argument takes step by step."""
        nodes = loop.streams[at]
        kinds = set(self.graph.code[nodes].tolist())
        places = self.graph.place[nodes]
        name = f"n{loop.nodes[0, at[0]]}_{at[1]}"
        if kinds == {LITERAL}:
            self.dialect.names[name] = self.graph.number[nodes].tolist()
            return name
        for kind, letter in ((INPUT, "x"), (PARAMETER, "p")):
            if kinds == {kind}:
                step = int(places[1] - places[0])
                if step > 0 and (np.diff(places) == step).all():
                    return f"{letter}[{places[0]}:{places[-1] + 1}:{step}]".replace(":1]", "]")
                self.dialect.names[name] = places.tolist()
                return f"[{letter}[k] for k in {name}]"
        first = self.in_loop.get(int(nodes[0]))
        if first is not None:
            other, t, j = first
            column = other.nodes[t : t + len(nodes), j]
            if len(column) == len(nodes) and (column == nodes).all():
                self.taped.add(int(other.nodes[0, j]))
                return f"s{other.nodes[0, j]}[{t}:{t + len(nodes)}]"
        return f"[{', '.join(map(self.value, nodes.tolist()))}]"

    def _loop(self, loop: Loop) -> list[str]:
        """The lines of a loop, once all that comes after it is known."""
        firsts = loop.nodes[0].tolist()
        body: list[str] = []
        for j, node in enumerate(firsts):
            names = self._step_names(loop, j)
            args = []
            for k, kind in enumerate(loop.kinds[j]):
                local = self.inline.get(firsts[loop.sources[j][k]]) if kind == LOCAL else None
                args.append(local or _bound(names[k]))
            spelled = self._call(self._op(node), args)
            user = int(self.user[node])
            inner = self.in_loop.get(user, (None, 0, 0))[:2] == (loop, 0)
            once = inner and j not in loop.initial and (self.uses[loop.nodes[:, j]] == 1).all()
            if once and self._fits(names[-1], spelled[0], user):
                self.inline[node] = spelled
            else:
                body.append(f"v{node} = {spelled[0]}")
        tapes = sorted(self.taped.intersection(firsts))
        lines = [f"s{node} = []" for node in tapes]
        ends = [f"s{node}.append(v{node})" for node in tapes]
        for j, before in loop.initial.items():
            new, old = f"v{firsts[j]}", f"c{firsts[j]}"
            at = next(i for i, line in enumerate(body) if line.startswith(f"{new} = "))
            if any(old in _words(line) for line in body[at + 1 :]):
                ends.append(f"{old} = {new}")
            else:  # nobody reads the old number when the new one is there
                body = [re.sub(rf"\b{old}\b", new, line) for line in body]
                old = new
            lines.append(f"{old} = {self.value(before)}")
        items, lists = [], []
        for j, k in loop.streams:
            name, source = f"{firsts[j]}_{k}", self._stream(loop, (j, k))
            if f"i{name}" in self.read:
                lines.append(f"q{name} = {source}")
                source = f"q{name}"
            items.append(f"i{name}")
            lists.append(source)
        lines.append(_for(items, lists, len(loop.nodes)))
        return lines + [f"    {line}" for line in [*body, *ends]]

    def _reverse_loop(self, loop: Loop) -> None:
        firsts, lasts = loop.nodes[0].tolist(), loop.nodes[-1].tolist()
        steps = len(loop.nodes)
        within = [
            j for j, column in enumerate(loop.nodes[:-1].T.tolist())
            if not self.shares.keys().isdisjoint(column)
        ]  # fmt: skip
        carried = [
            j for j, before in loop.initial.items()
            if self.active[firsts[j]] or self.active[before]
        ]  # fmt: skip
        ends = [j for j, last in enumerate(lasts) if last in self.shares]
        if not within and not ends:
            return
        self._keep_from(loop)
        adjoints: dict[int, list[_Product]] = {j: [] for j in range(len(firsts))}
        entering = sorted({*carried, *ends})
        for j in entering:
            self.lines.append(f"k{firsts[j]} = {_total(self.shares.pop(lasts[j], _NOTHING))}")
            adjoints[j].append(_name(f"k{firsts[j]}"))
        for j in within:
            self._given(loop, j)
            adjoints[j].append(_name(f"e{firsts[j]}_t"))
        outer, self.lines = self.lines, []
        fixed: dict[int, list[_Product]] = {}
        following: dict[int, list[_Product]] = {j: [] for j in entering}
        streamed: dict[str, np.ndarray] = {}
        used: set[str] = set()
        for j in range(len(firsts) - 1, -1, -1):
            if not adjoints[j] or not self.active[firsts[j]]:
                continue
            names, origins = self._step_names(loop, j), loop.sources[j]
            wanted = [
                self.active[firsts[source]] if kind == LOCAL
                else source in carried if kind == CARRIED
                else bool(self.graph.active[loop.streams.get((j, k), source)].any())
                for k, (kind, source) in enumerate(zip(loop.kinds[j], origins, strict=True))
            ]  # fmt: skip
            shares, read = self._pull(firsts[j], adjoints[j], names, wanted)
            used |= read
            for k, (kind, share) in enumerate(zip(loop.kinds[j], shares, strict=True)):
                if share is None or not wanted[k]:
                    continue
                if kind == LOCAL:
                    adjoints[origins[k]].append(share)
                elif kind == CARRIED:
                    following[origins[k]].append(share)
                elif kind == FIXED:
                    fixed.setdefault(origins[k], []).append(share)
                else:
                    name = f"z{firsts[j]}_{k}"
                    streamed[name] = loop.streams[j, k]
                    self.lines.append(f"{name}.append({share})")
        for node, terms in fixed.items():
            name, total = self._adjoint_name(node), _total(terms)
            own = f"{name} = {name} +" if self.has_batch else f"{name} +="  # arrays have two names
            self.lines.append(f"{own} {total}")
        news = [str(_total(following[j] or _NOTHING)) for j in entering]
        olds = [f"k{firsts[j]}" for j in entering]
        if olds:
            self.lines.append(f"{', '.join(olds)} = {', '.join(news)}")
        inner, self.lines = self.lines, outer
        for node in fixed:
            name = self._adjoint_name(node)
            if self.shares.get(node) != [_name(name)]:
                self.lines.append(f"{name} = {_total(self.shares.get(node, _NOTHING))}")
                self.shares[node] = [_name(name)]
        self.lines += [f"{name} = []" for name in streamed]
        taped, lists = self._tapes(loop, used)
        taped += [f"e{firsts[j]}_t" for j in within]
        lists += [f"reversed(e{firsts[j]})" for j in within]
        self.lines.append(_for(taped, lists, steps))
        self.lines += [f"    {line}" for line in inner]
        for j in carried:
            if following[j]:
                self._flow(loop.initial[j], _name(f"k{firsts[j]}"))
        for name, nodes in streamed.items():
            for t, node in enumerate(nodes.tolist()):
                self._flow(node, _name(f"{name}[{steps - 1 - t}]"))

    def _adjoint_name(self, node: int) -> str:
        return f"dp{self.place[node]}" if self.code[node] == PARAMETER else f"d{node}"

    def _keep_from(self, loop: Loop) -> None:
        """Name the shares that read what the loop, backwards, will use for other numbers."""
        firsts = loop.nodes[0].tolist()
        names = {f"{letter}{node}" for letter in "vcdk" for node in firsts}
        for node, terms in self.shares.items():
            if any(not names.isdisjoint(_words(term.text)) for term in terms):
                name = self._adjoint_name(node)
                self.lines.append(f"{name} = {_total(terms)}")
                self.shares[node] = [_name(name)]

    def _given(self, loop: Loop, j: int) -> None:
        """Write a list of what flows into an op of every step from outside, but for the last."""
        name, column = f"e{loop.nodes[0, j]}", loop.nodes[:-1, j].tolist()
        given = {
            t: _total(self.shares.pop(node)) for t, node in enumerate(column) if node in self.shares
        }
        if len(given) == len(column):
            self.lines.append(f"{name} = [{', '.join(map(str, given.values()))}, 0.0]")
            return
        self.lines.append(f"{name} = [0.0] * {len(loop.nodes)}")
        self.lines += [f"{name}[{t}] = {total}" for t, total in given.items()]

    def _tapes(self, loop: Loop, used: set[str]) -> tuple[list[str], list[str]]:
        """The names in a step that backwards uses, and the source of the list of each, reversed."""
        initial = {int(loop.nodes[0, j]): node for j, node in loop.initial.items()}
        streams = {f"i{loop.nodes[0, j]}_{k}" for j, k in loop.streams}
        inside = set(loop.nodes[0].tolist())
        self.read |= used
        names, lists = [], []
        for name in sorted(used):
            if name in streams:
                lists.append(f"reversed(q{name[1:]})")
            elif name[0] in "vc" and int(name[1:]) in inside:
                node = int(name[1:])
                self.taped.add(node)
                self.read.add(f"v{node}")
                if name[0] == "v":
                    lists.append(f"reversed(s{node})")
                else:  # what the step before it made
                    first = self.value(initial[node])
                    self.read.add(first)
                    lists.append(f"reversed([{first}, *s{node}[:-1]])")
            else:
                continue
            names.append(name)
        return names, lists


def _bound(text: str) -> tuple[str, int]:
    """A name or a number, and how tightly it binds."""
    return text, (ATOM if text[0] != "-" else 3)


def _for(names: list[str], lists: list[str], steps: int) -> str:
    if not names:
        return f"for _ in range({steps}):"
    if len(names) == 1:
        return f"for {names[0]} in {lists[0]}:"
    return f"for {', '.join(names)} in zip({', '.join(lists)}):"


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


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
