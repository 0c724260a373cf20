"""The kernels of a program with recurrences: all pieces with their arrays.

The lines of a piece are those of ``lower``. Those of a step run once for each place in time, on
arrays of its own where backwards will look at them again, and only the arrays that they are
called with change from step to step. A result is computed where others read it, if it can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd.compiler.buffers import Environment
from autograd.compiler.calls import FUNCTIONS
from autograd.compiler.graph import LITERAL, PARAMETER, Graph, runs
from autograd.compiler.kernel import Kernel, words
from autograd.compiler.pieces import Cut, Move, Part, Port


@dataclass(eq=False)
class Plan:
    """The plan of a kernel, for any number of samples; as of `Lowered`.

    Attributes:
        graph: all of it.
        cut: its pieces.
        places: of the parameters in the order in which the program keeps them.
        columns: of each array of inputs how many numbers a sample has, and whether it has samples.
        alone: of each row, in both stores, whether one piece alone writes its adjoint.
    """

    graph: Graph
    cut: Cut
    places: np.ndarray
    columns: list[tuple[int, bool]]
    alone: list[np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        self.alone = _alone(self.cut)

    @property
    def lines(self) -> list[str]:
        """All calls of a run, as often as they are made."""
        return [
            line
            for part in self.cut.parts
            for line in [*part.lowered.lines, *("copy" for _ in part.inputs)] * max(part.steps, 1)
        ]

    @property
    def width(self) -> int:
        """Numbers per sample in the buffers of a step."""
        return max((part.lowered.width for part in self.cut.parts), default=0)

    @property
    def stored(self) -> int:
        """Numbers per sample that are kept of all steps."""
        return 2 * self.cut.sizes[1] + sum(
            part.steps * part.lowered.width for part in self.cut.parts
        )

    def kernel(self, batch: int | None) -> Kernel:
        """A kernel with new buffers."""
        return StepKernel(self, batch)


def _alone(pieces: Cut) -> list[np.ndarray]:
    """Of each row, in both stores, whether a piece writes its adjoint to which nobody adds."""
    found = [np.zeros(size, dtype=np.int64) for size in pieces.sizes]
    for part in pieces.parts:
        for column, _ in part.adjoints:
            port = part.inputs[column]
            again = part.steps > 0 and len(port.rows) == 1
            np.add.at(found[port.wide], port.rows, 1 + again)
        for move in part.moves:
            if move.active:
                nodes = move.nodes[pieces.row[move.nodes] >= 0]
                for wide in (False, True):
                    rows = pieces.row[nodes[pieces.wide[nodes] == wide]]
                    np.add.at(found[wide], rows, 2)  # it adds, and does not overwrite
    alone = [np.zeros(size, dtype=bool) for size in pieces.sizes]
    for part in pieces.parts:
        for column, _ in part.adjoints:
            port = part.inputs[column]
            alone[port.wide][port.rows] = (found[port.wide][port.rows] == 1).all()
    return alone


class StepKernel(Kernel):
    """All pieces with their arrays, for one number of samples.

    Attributes:
        values, adjoints: both stores, and those of the adjoints.
    """

    def __init__(self, plan: Plan, batch: int | None):
        self.plan = plan
        samples = 1 if batch is None else batch
        flat, wide = plan.cut.sizes
        n = len(plan.places)
        self.values = [np.zeros(flat), np.zeros((wide if batch is not None else 0, samples))]
        self.adjoints = [np.zeros_like(each) for each in self.values]
        self.cleared = [
            store[a:b]
            for store, alone in zip(self.adjoints, plan.alone, strict=True)
            for a, b in runs(alone[: len(store), np.newaxis])
            if not alone[a]
        ]
        where = np.zeros(plan.graph.n_parameters, dtype=np.int64)
        where[plan.places] = np.arange(n)
        self.where = where
        columns, start = [], 0
        for size, own in plan.columns:
            columns.append(self.values[own][start : start + size])
            start += size
        super().__init__(np.zeros(n), np.zeros(n), columns, [], self._run)
        self.parts = [_Bound(part, self, samples) for part in plan.cut.parts]
        self.results = self.parts[-1].results

    def _run(self) -> None:
        for part in self.parts:
            part.forward()
        for each in self.cleared:
            each.fill(0.0)
        self.g.fill(0.0)
        for part in reversed(self.parts):
            part.backward()


class _Bound:
    """A piece with its arrays.

    Attributes:
        results: of the outputs, as those of a `Kernel`.
    """

    def __init__(self, part: Part, kernel: StepKernel, samples: int):
        self.part, self.kernel, self.samples = part, kernel, samples
        lowered = part.lowered
        self.index = kernel.where[part.places]
        self.total = np.zeros(len(self.index))
        self.moves = [_Moved(move, kernel) for move in part.moves]
        self.ports = [*part.inputs, *(port for port, _ in part.exports if port.active)]
        self.tables = [np.ones((part.steps, len(index) + 1)) for index, _ in part.ahead]
        self.taken = [_stretch(kernel.values[0], port.rows.ravel()) for _, port in part.ahead]
        ahead, back = self._lines()
        self.given: dict[str, list[np.ndarray]] = {}  # memory that lies elsewhere, step by step
        first = self._environment(0, None, set())
        memory = self._memory(first)
        both = self._roots(first, ahead) & self._roots(first, back) & memory.keys()
        own = {memory[each] for each in both}
        leave, take = self._ends(first, memory)
        sums, more = self._sums(first, memory)
        first = self._environment(0, None, set())
        roots = {id(_root(first[name])) for name in own | self.given.keys()}
        columns = range(len(self.ports) + len(self.tables))
        roots |= {id(_root(first[f"x{i}"])) for i in columns}
        roots |= {id(each) for each in (*kernel.values, *kernel.adjoints)}
        environments = [first]
        environments += [self._environment(t, first, roots) for t in range(1, max(part.steps, 1))]
        for env in environments:
            env |= {"copyto": np.copyto, "total": self.total}
        fill = self._fill(environments)
        ahead = [*fill[0], *ahead, *(self._put(*each, environments) for each in leave), *more[0]]
        back = [*fill[1], *back, *(self._put(*each, environments) for each in take), *more[1]]
        for name, rows in sums.copies.items():
            for t, env in enumerate(environments):
                env[name] = rows[t]
        if part.program.gradients:
            back.append("add(total, g, total)")
        self._forward = _function(ahead, environments)
        self._backward = _function(back, environments[::-1])
        self._products = sums.products
        self.results: list[tuple[Any, int | None, bool]] = []
        for name, where, is_wide in lowered.results[part.n_results :]:
            if where is None:
                self.results.append((float(name), None, False))
            else:
                array = first[name].reshape((-1, samples) if is_wide else -1)
                self.results.append((array, where, is_wide))

    # -- runs --------------------------------------------------------------------------------

    def forward(self) -> None:
        """All steps forwards."""
        self.first_p[:] = self.kernel.p[self.index]
        for move in self.moves:
            move.forward()
        for table, x, (index, _) in zip(self.tables, self.taken, self.part.ahead, strict=True):
            table[:, :-1] = np.dot(x.reshape(len(table), -1), self.first_p[index].T)
        self._forward()

    def backward(self) -> None:
        """All steps backwards."""
        self.total.fill(0.0)
        self._backward()
        for places, a, b in self._products:
            self.total[places] += np.dot(a, b)
        self.kernel.g[self.index] += self.total
        for move in reversed(self.moves):
            move.backward()

    # -- lines -------------------------------------------------------------------------------

    def _lines(self) -> tuple[list[str], list[str]]:
        """The lines of the forward pass, and those of the backward pass."""
        lowered = self.part.lowered
        return lowered.lines[: lowered.backward], lowered.lines[lowered.backward :]

    @staticmethod
    def _roots(env: Environment, lines: list[str]) -> set[int]:
        """The memory that lines look at."""
        names = {word for line in lines for word in words(line)}
        return {id(_root(env[name])) for name in names if isinstance(env.get(name), np.ndarray)}

    def _memory(self, env: Environment) -> dict[int, str]:
        """The names of the arrays that lines write to."""
        return {id(env[name]): name for name in self.part.lowered.written}

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
            rows = port.at(t)
            store = kernel.values if i < len(self.part.inputs) else kernel.adjoints
            if not more and _consecutive(rows):
                found = _stretch(store[port.wide], rows)
                env[f"x{i}"] = env[f"x{i}_1"] = found
            elif first is None or len(port.rows) > 1:
                n = len(rows)
                base = np.ones((n + more, self.samples) if port.wide else n + more)
                env[f"x{i}"], env[f"x{i}_1"] = base[:n], base
        for i, table in enumerate(self.tables, len(self.ports)):
            env[f"x{i}"], env[f"x{i}_1"] = table[t, :-1], table[t]
        with np.errstate(all="ignore"):
            for name, make in lowered.setup:
                if name in self.given:
                    env[name] = self.given[name][t]
                elif first is None or id(_root(first[name])) in own:
                    env[name] = make(env, self.samples)
        return env

    def _taken(
        self, env: Environment, memory: dict[int, str], name: str, places: list[np.ndarray] | None
    ) -> bool:
        """Whether the result of that name can be computed in these places, step by step."""
        array = env[name]
        root = _root(array)
        owner = memory.get(id(root))
        if owner is None or owner in self.given or places is None or array.size != root.size:
            return False
        if root.dtype != np.float64:
            return False
        self.given[owner] = [each.reshape(root.shape) for each in places]
        return True

    def _ends(
        self, env: Environment, memory: dict[int, str]
    ) -> tuple[list[tuple[str, str, np.ndarray, Port, str]], ...]:
        """What has to be copied or added to the stores behind each step; the rest is there."""
        part, kernel = self.part, self.kernel
        leave, take = [], []
        for i, (port, _) in enumerate(part.exports):
            name, store = part.lowered.results[i][0], kernel.values[port.wide]
            if not self._taken(env, memory, name, _places(store, port, part.steps)):
                leave.append((name, f"o{i}", store, port, ""))
        for i, (column, _) in enumerate(part.adjoints):
            name = part.lowered.results[len(part.exports) + i][0]
            port = part.inputs[column]
            store = kernel.adjoints[port.wide]
            alone = bool(kernel.plan.alone[port.wide][port.rows].all())
            places = _places(store, port, part.steps) if alone else None
            if not self._taken(env, memory, name, places):
                take.append((name, f"a{i}", store, port, "" if alone else "+"))
        return leave, take

    def _sums(
        self, env: Environment, memory: dict[int, str]
    ) -> tuple[_Sums, tuple[list[str], list[str]]]:
        """Gradients that are products over all steps, and lines that keep what they are made of."""
        part = self.part
        found = _Sums([], {})
        lines: tuple[list[str], list[str]] = ([], [])
        tables: dict[int, np.ndarray] = {}
        start = len(part.exports) + len(part.adjoints)
        for i, operand in enumerate(part.kept):
            name = part.lowered.results[start + i][0]
            port = part.port_of(operand)
            if port is not None and _consecutive(port.rows.ravel()):
                store = self.kernel.values[port.wide]
                tables[operand] = _stretch(store, port.rows.ravel()).reshape(part.steps, -1)
                continue
            table = np.zeros((part.steps, env[name].size))
            tables[operand] = table
            if not self._taken(env, memory, name, list(table)):
                found.copies[f"q{i}"] = [row.reshape(env[name].shape) for row in table]
                lines[operand >= part.program.forward].append(f"copyto(q{i}, {name})")
        for index, a, b in part.summed:
            ones = np.ones((part.steps, 1))
            right = ones if b is None else tables[b]
            index = index.reshape(tables[a].shape[1], right.shape[1])
            found.products.append((index, tables[a].T, right))
        return found, lines

    def _fill(self, environments: list[Environment]) -> tuple[list[str], list[str]]:
        """Lines that copy what enters, forwards and backwards, where it cannot be looked at."""
        part, kernel = self.part, self.kernel
        fill: tuple[list[str], list[str]] = ([], [])
        for i, port in enumerate(self.ports):
            inner = i < len(part.inputs)
            store = (kernel.values if inner else kernel.adjoints)[port.wide]
            if np.shares_memory(environments[0][f"x{i}"], store):
                continue
            plain = _consecutive(port.at(0))
            for t, env in enumerate(environments):
                env[f"c{i}"] = _stretch(store, port.at(t)) if plain else port.at(t)
                env[f"c{i}_all"] = store
            fill[not inner].append(
                f"copyto(x{i}, c{i})" if plain else f"take(c{i}_all, c{i}, 0, x{i}, 'clip')"
            )
        return fill

    @staticmethod
    def _put(
        made: str, name: str, store: np.ndarray, port: Port, sign: str,
        environments: list[Environment],
    ) -> str:  # fmt: skip
        """A line that copies a result to its rows, or adds it to them."""
        plain = all(_consecutive(port.at(t)) for t in range(len(environments)))
        for t, env in enumerate(environments):
            rows = port.at(t)
            if plain:
                env[name] = _stretch(store, rows).reshape(env[made].shape)
            else:
                env[name], env[f"{name}_all"] = rows, store
        if plain:
            return f"add({name}, {made}, {name})" if sign else f"copyto({name}, {made})"
        shape = ", ".join(map(str, (port.rows.shape[1], *store.shape[1:])))
        return f"{name}_all[{name}] {sign}= {made}.reshape({shape})"


@dataclass(eq=False)
class _Sums:
    """Products over all steps: (places, a, b), and what is copied for them, step by step."""

    products: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    copies: dict[str, list[np.ndarray]]


class _Moved:
    """Rows that are filled before a recurrence, and their adjoints, which are passed on."""

    def __init__(self, move: Move, kernel: StepKernel):
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
    used = sorted({word for line in lines for word in words(line)} & first.keys())
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


def _stretch(store: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows that follow one another."""
    start = int(rows[0]) if len(rows) else 0
    return store[start : start + len(rows)]


def _places(store: np.ndarray, port: Port, steps: int) -> list[np.ndarray] | None:
    """The rows of a port, step by step, if they are stretches of the store."""
    every = [port.at(t) for t in range(max(steps, 1))]
    if (steps and len(port.rows) == 1) or not all(map(_consecutive, every)):
        return None
    return [_stretch(store, rows) for rows in every]


def _consecutive(rows: np.ndarray) -> bool:
    return bool((np.diff(rows) == 1).all())
