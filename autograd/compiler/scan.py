"""The tier of recurrences: vector programs before a loop, of its step, and behind it.

Forwards the step runs once for each place in time, on arrays of its own where backwards will
look at them again; then all pieces run backwards in reverse order, the step from the last place
to the first: backpropagation through time (Werbos 1990). The lines of a step are those of
``lower``; only the arrays that they are called with change from step to step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd.compiler.arguments import stack
from autograd.compiler.bptt import book, write_scan
from autograd.compiler.buffers import Environment
from autograd.compiler.calls import FUNCTIONS
from autograd.compiler.graph import LITERAL, PARAMETER, Graph, batched
from autograd.compiler.periods import Loop
from autograd.compiler.pieces import Cut, Move, Part, Port, cut
from autograd.compiler.source import Source

CACHE = 2**16  # numbers that a step of a tile of a batch may take
STORED = 2**23  # numbers that all steps may take together
LEAST = 64  # samples in a tile
KEPT = 4  # numbers of samples for which kernels are kept

_MEMORY = re.compile(r"[mstu]\d+$|\w+_c$")  # names of arrays that lines write to
_BACKWARDS = re.compile(r"\b[vg](\d+)")


@dataclass(eq=False)
class Scan:
    """A graph with recurrences as vector programs.

    Attributes:
        graph: all of it.
        cut: its pieces, in the order in which they run.
        places: of the parameters in the order in which the program keeps them.
    """

    graph: Graph
    cut: Cut
    places: np.ndarray
    columns: list[tuple[int, bool]]
    combined: bool
    uniform: list[bool]  # outputs that are the same for all samples
    forward: Source
    both: Source
    pool: dict[int | None, list[_Kernel]] = field(default_factory=dict)

    @property
    def loops(self) -> int:
        """How many recurrences there are."""
        return sum(part.steps > 0 for part in self.cut.parts)

    @property
    def calls(self) -> int:
        """How many calls a run makes, forwards and backwards."""
        return sum(
            max(part.steps, 1) * (len(part.lowered.lines) + len(part.inputs) + 1)
            for part in self.cut.parts
        )

    @property
    def passes(self) -> dict[str, str]:
        """The program in print after each pass, piece by piece."""
        found: dict[str, list[str]] = {}
        for part in self.cut.parts:
            head = f"# {part.steps} steps" if part.steps else "# once"
            for name, text in (
                ("sums of products", str(part.rolled.normal)), ("blocks", str(part.rolled)),
                ("instructions", str(part.program)), ("calls", part.lowered.text),
            ):  # fmt: skip
                found.setdefault(name, []).append(f"{head}\n{text.rstrip()}")
        texts = {name: "\n\n".join(parts) + "\n" for name, parts in found.items()}
        calls = texts.pop("calls")
        return texts | {"source": self.both.text, "calls": calls}

    def run(
        self, parameters: np.ndarray, columns: list[np.ndarray], batch: int | None, scale: float,
        gradient: bool,
    ) -> tuple[list[Any], np.ndarray | None]:  # fmt: skip
        """The outputs, and the gradients of all parameters or None; as in `Vectors`."""
        p = parameters[self.places]
        if not gradient:
            stacked, shared = stack(columns, batch)
            with np.errstate(all="ignore"):
                results = self.forward.function(p, stacked, shared, batch)
            return self._outputs(results, batch), None
        outputs, g = self.tiled(p, columns, batch)
        full = np.zeros(len(parameters))
        full[self.places] = g if scale == 1.0 else g * scale
        return outputs, full

    def _outputs(self, results: Any, batch: int | None) -> list[Any]:
        """Copies of the results: an array of samples each, or a float."""
        last = self.cut.parts[-1]
        found: list[Any] = []
        for (operand, where), result, alone in zip(
            last.outputs, results, self.uniform, strict=True
        ):
            if isinstance(operand, float):
                found.append(operand)
            elif alone:
                found.append(float(np.ravel(result)[where]))
            else:
                found.append(np.array(np.reshape(result, (-1, batch or 1))[where]))
        return found

    def tiled(
        self, p: np.ndarray, columns: list[np.ndarray], batch: int | None
    ) -> tuple[list[Any], np.ndarray]:
        """The outputs and the gradients, for parameters in the program's order, tile by tile."""
        return self.once(p, columns, batch)

    def once(
        self, p: np.ndarray, columns: list[np.ndarray], batch: int | None
    ) -> tuple[list[Any], np.ndarray]:
        """The same for all samples at once."""
        pool = self.pool.get(batch)
        if pool is None:
            if len(self.pool) >= KEPT:
                self.pool.clear()
            pool = self.pool.setdefault(batch, [])
        try:
            kernel = pool.pop()
        except IndexError:
            kernel = _Kernel(self, batch)
        with np.errstate(all="ignore"):
            found = kernel.run(p, columns)
        pool.append(kernel)
        return found


def scan(
    graph: Graph, loops: list[Loop], inputs: np.ndarray, columns: np.ndarray, letters: list[str],
    has_batch: bool, combine: bool, limit: int,
) -> Scan | None:  # fmt: skip
    """The program of a graph with recurrences, or None if it cannot be cut at them.

    Args:
        graph: with dead code removed.
        loops: its recurrences.
        inputs: per input whether it has a batch axis.
        columns: per input the number of the array that it belongs to.
        letters: per input the name of its argument.
        has_batch: whether there is a batch axis.
        combine: whether ``run`` shall give, with gradients, the sums of the outputs over the batch.
        limit: most blocks of a piece.
    """
    found = cut(graph, loops, batched(graph, inputs), columns, has_batch, limit)
    if found is None:
        return None
    known = [part.places for part in found.parts]
    for part in found.parts:
        for move in part.moves:
            code = graph.code[move.nodes]
            known.append(graph.place[move.nodes[code == PARAMETER]])
    every = np.concatenate(known)
    _, first = np.unique(every, return_index=True)
    places = every[np.sort(first)]
    order = np.zeros(graph.n_parameters, dtype=np.int64)
    order[places] = np.arange(len(places))
    uniform = [
        isinstance(operand, float) or part.program.instructions[operand].batch != 2
        for part in found.parts[-1:]
        for operand, _ in part.outputs
    ]
    named = book(graph, found, columns, letters, inputs, order, has_batch)
    forward, both = write_scan(named, False), write_scan(named, True)
    for part in found.parts:
        part.lower(combine)
    sizes = [
        (int(n), bool(inputs[columns == i][:1].any())) for i, n in enumerate(np.bincount(columns))
    ]
    return Scan(graph, found, places, sizes, combine, uniform, forward, both)


class _Kernel:
    """All pieces with their arrays, for one number of samples."""

    def __init__(self, plan: Scan, batch: int | None):
        self.plan, self.batch = plan, batch
        samples = 1 if batch is None else batch
        flat, wide = plan.cut.sizes
        self.values = [np.zeros(flat), np.zeros((wide if batch is not None else 0, samples))]
        self.adjoints = [np.zeros_like(each) for each in self.values]
        self.p, self.g = np.zeros(len(plan.places)), np.zeros(len(plan.places))
        where = np.zeros(plan.graph.n_parameters, dtype=np.int64)
        where[plan.places] = np.arange(len(plan.places))
        self.where = where
        row = np.full(len(plan.graph), -1, dtype=np.int64)
        self.row = row
        self.parts = [_Bound(part, self, samples) for part in plan.cut.parts]
        start = 0
        self.inputs: list[np.ndarray] = []
        for n, own in plan.columns:
            self.inputs.append(self.values[own][start : start + n])
            start += n

    def run(self, p: np.ndarray, columns: list[np.ndarray]) -> tuple[list[Any], np.ndarray]:
        """The outputs and the gradients."""
        self.p[:] = p
        for buffer, column in zip(self.inputs, columns, strict=True):
            buffer[...] = column
        for part in self.parts:
            part.forward()
        for each in self.adjoints:
            each.fill(0.0)
        self.g.fill(0.0)
        for part in reversed(self.parts):
            part.backward()
        return self.results(), self.g.copy()

    def results(self) -> list[Any]:
        """The outputs, combined over the samples if they are to be."""
        found: list[Any] = []
        for array, where, wide in self.parts[-1].results:
            if where is None:
                found.append(array)
            else:
                found.append(array[where].copy() if wide else float(array[where]))
        plan = self.plan
        if self.batch is None:
            return found
        if plan.combined:
            return [
                each * self.batch if alone else each
                for each, alone in zip(found, plan.uniform, strict=True)
            ]
        return [np.array(np.broadcast_to(each, self.batch)) for each in found]


class _Bound:
    """A piece with its arrays.

    Attributes:
        forward, backward: what runs.
        results: of the outputs, as those of a `Kernel`.
    """

    forward: Callable[[], None]
    backward: Callable[[], None]

    def __init__(self, part: Part, kernel: _Kernel, samples: int):
        self.part, self.kernel, self.samples = part, kernel, samples
        lowered = part.lowered
        self.index = kernel.where[part.places]
        self.moves = [_Moved(move, kernel) for move in part.moves]
        ports = [*part.inputs, *(port for port, _ in part.exports if port.active)]
        self.ports = ports
        start = next(
            (
                i for i, line in enumerate(lowered.lines)
                if any(int(n) >= part.program.forward for n in _BACKWARDS.findall(line))
            ),
            len(lowered.lines),
        )  # fmt: skip
        clear = "g.fill(0.0)"
        ahead = [line for line in lowered.lines[:start] if line != clear]
        back = lowered.lines[start:]
        if clear in lowered.lines:
            back = [clear, *(line for line in back if line != clear)]
        self.names = {name for name, _ in lowered.setup}
        steps = max(part.steps, 1)
        first = self._environment(0, None, set())
        mine = {id(each) for each in (first["p"], first["g"])}
        roots = [
            {
                id(_root(first[word]))
                for line in some
                for word in _words(line)
                if isinstance(first.get(word), np.ndarray)
            }
            for some in (ahead, back)
        ]
        memory = {
            id(first[name]) for name in self.names
            if _MEMORY.match(name) and isinstance(first[name], np.ndarray)
        }  # fmt: skip
        own = (roots[0] & roots[1] & memory) | {
            id(_root(first[name])) for name in first if re.match(r"x\d+(_1)?$", name)
        }
        own |= {id(each) for each in (*kernel.values, *kernel.adjoints)}
        own -= mine
        self.total = np.zeros(len(self.index))
        environments = [first]
        environments += [self._environment(t, first, own) for t in range(1, steps)]
        fill, leave, take = self._plumbing(environments)
        ahead = [*fill[0], *ahead, *leave]
        back = [*fill[1], *back, *take]
        self._forward = _function(ahead, environments)
        self._backward = _function(back, environments[::-1])
        self.results: list[tuple[Any, int | None, bool]] = []
        skip = len(part.exports) + len(part.adjoints)
        for name, where, is_wide in lowered.results[skip:]:
            if where is None:
                self.results.append((float(name), None, False))
            else:
                array = first[name].reshape((-1, samples) if is_wide else -1)
                self.results.append((array, where, is_wide))

    # -- runs --------------------------------------------------------------------------------

    def forward(self) -> None:  # type: ignore[no-redef]
        """All steps forwards."""
        self.first_p[:] = self.kernel.p[self.index]
        for move in self.moves:
            move.forward()
        self._forward()

    def backward(self) -> None:  # type: ignore[no-redef]
        """All steps backwards."""
        self.total.fill(0.0)
        self._backward()
        self.kernel.g[self.index] += self.total
        for move in reversed(self.moves):
            move.backward()

    # -- arrays ------------------------------------------------------------------------------

    def _environment(self, t: int, first: Environment | None, own: set[int]) -> Environment:
        """The arrays of a step; those of the first one, but for what is its own."""
        lowered, kernel = self.part.lowered, self.kernel
        env: Environment = dict(FUNCTIONS) if first is None else dict(first)
        if first is None:
            env["p"], env["g"] = np.zeros(len(self.index)), np.zeros(len(self.index))
            self.first_p = env["p"]
        for i, port in enumerate(self.ports):
            more = lowered.extended[i]
            rows = port.rows[t] if len(port.rows) > 1 else port.rows[0]
            n = len(rows)
            store = kernel.values if i < len(self.part.inputs) else kernel.adjoints
            if not more and _consecutive(rows):
                found = store[port.wide][rows[0] : rows[0] + n] if n else np.zeros(0)
                env[f"x{i}"] = env[f"x{i}_1"] = found
            elif first is None or len(port.rows) > 1:
                base = np.ones((n + more, self.samples) if port.wide else n + more)
                env[f"x{i}"], env[f"x{i}_1"] = base[:n], base
        with np.errstate(all="ignore"):
            for name, make in lowered.setup:
                if first is None or id(_root(first[name])) in own:
                    env[name] = make(env, self.samples)
        return env

    def _plumbing(
        self, environments: list[Environment]
    ) -> tuple[tuple[list[str], list[str]], list[str], list[str]]:
        """Lines that fill columns, forwards and backwards; that leave values; and adjoints."""
        part, kernel = self.part, self.kernel
        lowered = part.lowered
        fill: tuple[list[str], list[str]] = ([], [])
        for i, port in enumerate(self.ports):
            mine = i < len(part.inputs)
            store = (kernel.values if mine else kernel.adjoints)[port.wide]
            if not np.shares_memory(environments[0][f"x{i}"], store):
                fill[not mine].append(self._copy(f"x{i}", f"c{i}", store, port, environments))
        leave, take = [], []
        for i, (port, _) in enumerate(part.exports):
            name = lowered.results[i][0]
            leave.append(self._put(name, f"o{i}", kernel.values[port.wide], port, environments, ""))
        for i, (column, _) in enumerate(part.adjoints):
            name = lowered.results[len(part.exports) + i][0]
            port = part.inputs[column]
            store = kernel.adjoints[port.wide]
            take.append(self._put(name, f"a{i}", store, port, environments, "+"))
        if len(self.index):
            for env in environments:
                env["total"] = self.total
            take.append("add(total, g, total)")
        return fill, leave, take

    @staticmethod
    def _copy(
        to: str, name: str, store: np.ndarray, port: Port, environments: list[Environment]
    ) -> str:
        for t, env in enumerate(environments):
            rows = port.rows[t] if len(port.rows) > 1 else port.rows[0]
            plain = _consecutive(rows)
            env[name] = store[rows[0] : rows[0] + len(rows)] if plain else rows
            env["copyto"] = np.copyto
            env[f"{name}_all"] = store
        return f"copyto({to}, {name})" if plain else f"take({name}_all, {name}, 0, {to}, 'clip')"

    @staticmethod
    def _put(
        made: str, name: str, store: np.ndarray, port: Port, environments: list[Environment],
        sign: str,
    ) -> str:  # fmt: skip
        for t, env in enumerate(environments):
            rows = port.rows[t] if len(port.rows) > 1 else port.rows[0]
            plain = _consecutive(rows)
            if plain:
                env[name] = store[rows[0] : rows[0] + len(rows)].reshape(env[made].shape)
            else:
                env[name], env[f"{name}_all"] = rows, store
            env["copyto"] = np.copyto
        if plain:
            return f"add({name}, {made}, {name})" if sign else f"copyto({name}, {made})"
        shape = f"({', '.join(map(str, (len(rows), *store.shape[1:])))},)"
        return f"{name}_all[{name}] {sign}= {made}.reshape({shape})"


class _Moved:
    """Rows that are filled before a recurrence, and their adjoints, which are passed on."""

    def __init__(self, move: Move, kernel: _Kernel):
        graph, self.kernel, self.move = kernel.plan.graph, kernel, move
        code = graph.code[move.nodes]
        self.literal = move.rows[code == LITERAL]
        values = graph.number[move.nodes[code == LITERAL]]
        target = kernel.values[move.wide]
        target[self.literal] = values[:, np.newaxis] if move.wide else values
        parameter = code == PARAMETER
        self.from_p = move.rows[parameter], kernel.where[graph.place[move.nodes[parameter]]]
        self.wanted = graph.active[move.nodes[parameter]]
        other = ~parameter & (code != LITERAL)
        rows, nodes = move.rows[other], move.nodes[other]
        self.by_store = []
        for wide in (False, True):
            here = kernel.plan.cut.wide[nodes] == wide
            if here.any():
                self.by_store.append((wide, rows[here], kernel.plan.cut.row[nodes[here]]))

    def forward(self) -> None:
        """Fill them."""
        kernel, wide = self.kernel, self.move.wide
        target = kernel.values[wide]
        rows, places = self.from_p
        if len(rows):
            found = kernel.p[places]
            target[rows] = found[:, np.newaxis] if wide else found
        for from_wide, rows, sources in self.by_store:
            found = kernel.values[from_wide][sources]
            target[rows] = found if from_wide == wide else found[:, np.newaxis]

    def backward(self) -> None:
        """Pass their adjoints on."""
        if not self.move.active:
            return
        kernel, wide = self.kernel, self.move.wide
        adjoint = kernel.adjoints[wide]
        rows, places = self.from_p
        if len(rows):
            found = adjoint[rows].sum(axis=1) if wide else adjoint[rows]
            np.add.at(kernel.g, places[self.wanted], found[self.wanted])
        for to_wide, rows, sources in self.by_store:
            found = adjoint[rows]
            if to_wide != wide:
                found = found.sum(axis=1)
            np.add.at(kernel.adjoints[to_wide], sources, found)


def _function(lines: list[str], environments: list[Environment]) -> Callable[[], None]:
    """What runs the lines once for each environment."""
    first, other = environments[0], environments[-1]
    used = sorted({word for line in lines for word in _words(line)} & first.keys())
    changing = [name for name in used if first[name] is not other[name]]
    fixed = [name for name in used if name not in changing]
    head = f"def run({', '.join(f'{name}={name}' for name in [*fixed, 'steps'])}):\n"
    body = "".join(f"        {line}\n" for line in lines or ["pass"])
    loop = f"    for {', '.join(changing) + ',' if changing else '_'} in steps:\n"
    env = dict(first)
    env["steps"] = [
        tuple(each[name] for name in changing) if changing else None for each in environments
    ]
    exec(compile(head + loop + body, "<autograd.compile kernel>", "exec"), env)
    return env["run"]  # type: ignore[no-any-return]


def _root(thing: Any) -> Any:
    """The array that owns the memory."""
    while getattr(thing, "base", None) is not None:
        thing = thing.base
    return thing


def _consecutive(rows: np.ndarray) -> bool:
    return bool((np.diff(rows) == 1).all())


def _words(line: str) -> list[str]:
    return re.findall(r"\w+", line)
