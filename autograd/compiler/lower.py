"""The last passes, for NumPy alone: buffers that are kept, results written in place.

A vector program says what is computed. Here it is decided where: every array is allocated
once per number of samples, a result may take over the memory of an argument that nobody needs
any more, biases join their weights as a column against a row of ones, so that a layer is one
matrix product forwards and its gradient another, and gradients are written to their place in
one flat array. The lines that are left are bare calls with ``out``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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
from autograd.compiler.calls import (
    FROM_VALUE,
    FUNCTIONS,
    IN_STEPS,
    above_zero,
    faster_dot,
    in_place,
)
from autograd.compiler.symbolic import COMPARISONS, GREATER
from autograd.compiler.vector import Instruction, Operand, VectorProgram

_VIEWS = (vector.LIFT, vector.ACCESS, vector.FILL)
_SOURCES = (vector.PARAMETER, vector.INPUT, vector.CONSTANT)
MANY = 8  # numbers of a sample that are better copied together


@dataclass(eq=False)
class Kernel:
    """A program with its buffers, for one number of samples.

    Attributes:
        p: the parameters, to be filled before a run.
        g: their gradients, after it.
        columns: the inputs, to be filled; each (n, samples), or (n,).
        results: per output (array, row, whether that is a row of samples) to be read after a
            run, or (number, None, False).
    """

    p: np.ndarray
    g: np.ndarray
    columns: list[np.ndarray]
    results: list[tuple[Any, int | None, bool]]
    run: Callable[[], None]


@dataclass(eq=False)
class Lowered:
    """The plan of a kernel, for any number of samples.

    Attributes:
        columns: of each array of inputs how many numbers a sample has, and whether it has samples.
        extended: whether it has a row of ones below.
        turned: whether it lies in memory a row per sample.
        setup: what is made once, by name.
        lines: the calls.
        results: as of a kernel, by name.
        width: numbers per sample in all buffers.
    """

    n_parameters: int
    columns: list[tuple[int, bool]]
    extended: list[bool]
    turned: list[bool]
    setup: list[tuple[str, Callable[[Environment, int], Any]]]
    lines: list[str]
    results: list[tuple[str, int | None, bool]]
    width: int
    _code: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The source of a run."""
        return "def run():\n" + "\n".join(f"    {line}" for line in self.lines or ["pass"]) + "\n"

    def kernel(self, batch: int | None) -> Kernel:
        """A kernel with new buffers."""
        samples = 1 if batch is None else batch
        env: Environment = dict(FUNCTIONS)
        env["p"], env["g"] = np.zeros(self.n_parameters), np.zeros(self.n_parameters)
        columns = []
        for i, (n, own) in enumerate(self.columns):
            rows = n + self.extended[i]
            if self.turned[i]:
                base = np.ones((samples, rows)).T
            else:
                base = np.ones((rows, samples) if own else rows)
            env[f"x{i}"], env[f"x{i}_1"] = base[:n], base
            columns.append(base[:n])
        with np.errstate(all="ignore"):
            for name, make in self.setup:
                env[name] = make(env, samples)
        used = sorted({word for line in self.lines for word in _words(line)} & env.keys())
        head = f"def run({', '.join(f'{name}={name}' for name in used)}):\n"
        text = head + "".join(f"    {line}\n" for line in self.lines or ["pass"])
        code = self._code.get(text)
        if code is None:
            code = self._code.setdefault(text, compile(text, "<autograd.compile kernel>", "exec"))
        exec(code, env)
        results: list[tuple[Any, int | None, bool]] = []
        for name, where, wide in self.results:
            if where is None:
                results.append((float(name), None, False))
            else:
                results.append((env[name].reshape((-1, samples) if wide else -1), where, wide))
        return Kernel(env["p"], env["g"], columns, results, env["run"])


def _words(line: str) -> set[str]:
    words, word = set(), ""
    for character in line + " ":
        if character.isalnum() or character == "_":
            word += character
        else:
            words.add(word)
            word = ""
    return words


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
        self.program, self.n_parameters, self.columns = program, n_parameters, columns
        self.all = program.instructions
        self.setup: list[tuple[str, Callable[[Environment, int], Any]]] = []
        self.lines: list[str] = []
        self.known: set[str] = set()
        self.extended = [False] * len(columns)
        self.needed = self._needed()
        self.users: dict[int, list[int]] = {}
        for i in self.needed:
            for arg in self.all[i].references:
                self.users.setdefault(arg, []).append(i)
        self.results = {o for o, _ in program.outputs if not isinstance(o, float)}
        self.gradient_parts = {o for _, o in program.gradients if not isinstance(o, float)}
        self.static = self._static()
        self.affine: dict[int, tuple[int, int, np.ndarray]] = {}  # add -> (X, product, index)
        self.skipped: set[int] = set()
        self.joint: dict[int, tuple[int, int, np.ndarray]] = {}  # contract -> (D, X, index)
        self.done: set[int] = set()  # gradients that a joint product gives
        self.direct: set[int] = set()  # gradients that are written to their place
        self.called: dict[str, Any] = {}
        self.loose: dict[str, tuple[int, ...]] = {}  # views that are not whole in memory
        self._find_affine()
        self._find_joint()
        self.squares = self._squares()
        self.softmax = self._softmax()
        self.owner = self._owners()
        self.extra: set[int] = set()  # owners that have a row of ones
        for x, _, _ in self.affine.values():
            self._extend(x)
        for _, x, _ in self.joint.values():
            self._extend(x)
        self.base: dict[int, int] = {}

    def _needed(self) -> list[int]:
        stack = [o for o, _ in self.program.outputs if not isinstance(o, float)]
        stack += [o for _, o in self.program.gradients if not isinstance(o, float)]
        seen: set[int] = set()
        while stack:
            each = stack.pop()
            if each not in seen:
                seen.add(each)
                stack += self.all[each].references
        return sorted(seen)

    def _static(self) -> set[int]:
        """Instructions that neither parameters nor inputs change."""
        static: set[int] = set()
        for i in self.needed:
            each = self.all[i]
            if each.kind in (vector.PARAMETER, vector.INPUT):
                continue
            if all(arg in static for arg in each.references):
                static.add(i)
        return static

    # -- biases as columns -------------------------------------------------------------------

    def _bias(self, operand: Operand, rows: int) -> np.ndarray | None:
        """The places of parameters that are added to the rows of an array."""
        if isinstance(operand, float):
            return None
        each = self.all[operand]
        if each.kind == vector.LIFT:
            each = self.all[each.args[0]]
        if each.kind == vector.PARAMETER and each.data.size == rows and each.shape[:1] == (rows,):
            return np.asarray(each.data.ravel())
        return None

    def _extendable(self, x: int) -> bool:
        """Whether a row of ones can be put below this array."""
        each = self.all[x]
        if x in self.static:
            return True
        if each.kind == vector.INPUT:
            return self._column(each) is not None and len(each.shape) == 1
        return each.kind in (vector.MAP, vector.CONTRACT) and bool(each.shape)

    def _find_affine(self) -> None:
        for i in self.needed:
            each = self.all[i]
            if each.kind != vector.MAP or each.op is not ops.add:
                continue
            for product, other in (each.args, each.args[::-1]):
                if isinstance(product, float) or self.users[product] != [i]:
                    continue
                c = self.all[product]
                if c.kind != vector.CONTRACT or c.data != "nn" or product in self.results:
                    continue
                w, x = self.all[c.args[0]], c.args[1]
                bias = self._bias(other, c.shape[0])
                if w.kind != vector.PARAMETER or bias is None or each.shape != c.shape:
                    continue
                index = np.concatenate([w.data, bias[:, np.newaxis]], axis=1)
                if consecutive(index) and self._extendable(x):
                    self.affine[i] = x, product, index
                    self.skipped.add(product)
                    break

    def _find_joint(self) -> None:
        """Gradients of weights and of their biases that one product can give."""
        sums: dict[int, list[tuple[np.ndarray, int]]] = {}
        for index, operand in self.program.gradients:
            if isinstance(operand, float):
                continue
            inner = operand
            while (
                self.all[inner].kind in (vector.ACCESS, vector.FILL) and self.all[inner].references
            ):
                inner = self.all[inner].args[0]
            each = self.all[inner]
            if each.kind == vector.SUM:
                source = self.all[each.args[0]]
                axes, batch = each.data
                rest = set(range(1, len(source.shape)))
                if set(axes) == rest and batch == (source.batch > 0):
                    sums.setdefault(each.args[0], []).append((index, operand))
            elif len(each.shape) == 1 and each.batch == 0:
                sums.setdefault(inner, []).append((index, operand))
        counts = np.zeros(self.n_parameters, dtype=np.int64)
        for index, _ in self.program.gradients:
            np.add.at(counts, index, 1)
        for index, operand in self.program.gradients:
            if isinstance(operand, float) or self.all[operand].kind != vector.CONTRACT:
                continue
            each = self.all[operand]
            if each.data != "nt" or operand in self.joint or (counts[index] > 1).any():
                continue
            d, x = each.args
            for bias, part in sums.get(d, []):
                if bias.size != len(index) or part in self.done or (counts[bias] > 1).any():
                    continue
                both = np.concatenate([index, bias.reshape(-1, 1)], axis=1)
                if consecutive(both) and self._extendable(x):
                    self.joint[operand] = d, x, both
                    self.done |= {operand, part}
                    self._drop(part, d)
                    break

    def _drop(self, part: int, d: int) -> None:
        """Skip what only led to a gradient that comes from elsewhere now."""
        while part != d and part not in self.results:
            if any(user not in self.skipped for user in self.users.get(part, [])):
                return
            self.skipped.add(part)
            part = self.all[part].args[0]

    def _squares(self) -> set[int]:
        """Squares that are only summed up, all of them: a product of the row with itself."""
        found = set()
        for i in self.needed:
            each = self.all[i]
            if each.kind != vector.SUM or i in self.static:
                continue
            x = each.args[0]
            source = self.all[x]
            axes, batch = each.data
            every = len(axes) + batch == len(source.shape) + (source.batch > 0)
            if int(np.prod(each.shape)) == 1 and each.batch == 0 and source.kind == vector.MAP:
                rest = [n for axis, n in enumerate(source.shape) if axis not in axes]
                every = every or (all(n == 1 for n in rest) and batch == (source.batch > 0))
                if (
                    source.op is ops.square
                    and every
                    and self.users[x] == [i]
                    and x not in self.results
                ):
                    inner = self.all[source.args[0]]
                    if (inner.shape, inner.batch) == (source.shape, source.batch):
                        found.add(x)
                        self.skipped.add(x)
        return found

    def _softmax(self) -> dict[int, int]:
        """Quotients exp(x - y) / Σ exp(x - y) with y = logsumexp(x), whose parts are known."""
        found: dict[int, int] = {}
        for i in self.needed:
            each = self.all[i]
            if each.kind != vector.MAP or each.op is not ops.divide:
                continue
            if any(isinstance(arg, float) for arg in each.args):
                continue
            e, whole = each.args
            top = self.all[e]
            if top.op is not ops.exp_difference or self.all[whole].kind != vector.ACCESS:
                continue
            s = self.all[whole].args[0]
            if self.all[s].op is not ops.total or self.all[s].args != (e,):
                continue
            x, y = top.args
            if isinstance(y, float) or self.all[y].kind != vector.ACCESS:
                continue
            log = self.all[y].args[0]
            if self.all[log].op is not ops.logsumexp or self.all[log].args != (x,):
                continue
            if self.users[e] == sorted({s, i}) and self.users[s] == [whole] == [
                user for user in self.users[s] if self.users[user] == [i]
            ]:
                found[i] = log
                self.skipped |= {e, s, whole} | ({y} if self.users[y] == [e] else set())
        return found

    # -- who owns which memory ---------------------------------------------------------------

    def _owners(self) -> dict[int, int]:
        """Of a view the instruction whose array it looks at; of others themselves."""
        owner: dict[int, int] = {}
        for i in self.needed:
            each = self.all[i]
            owner[i] = i
            if each.kind in _VIEWS and each.references and i not in self.static:
                source = each.references[0]
                # What is no matrix in memory can be read element by element, not reshaped.
                mapped = i not in self.results | self.gradient_parts and all(
                    self.all[user].kind == vector.MAP for user in self.users.get(i, [])
                )
                looks = each.kind == vector.LIFT
                if each.kind == vector.ACCESS:
                    whole = owner[source] == source and source not in self.static
                    whole = whole and self.all[source].kind not in _SOURCES
                    plain = consecutive(each.data) or (mapped and steps_of(each.data) is not None)
                    looks = whole and plain
                elif each.kind == vector.FILL:
                    looks = mapped
                if looks:
                    owner[i] = owner[source]
        return owner

    def _extend(self, x: int) -> None:
        each = self.all[x]
        if each.kind == vector.INPUT:
            column = self._column(each)
            assert column is not None
            self.extended[column] = True
        else:
            self.extra.add(x)

    def _column(self, each: Instruction) -> int | None:
        """The array of inputs that an instruction gives as a whole."""
        start = 0
        for number, (n, own) in enumerate(self.columns):
            flat = each.data.ravel()
            whole = len(flat) == n and bool((flat == start + np.arange(n)).all())
            if whole and own == (each.batch == 2):
                return number
            start += n
        return None

    def _turned(self) -> list[bool]:
        """Which arrays of inputs are kept a row per sample, as they come.

        Those of many numbers that only products of matrices use, which read them either way.
        """
        wholes: dict[int | None, list[int]] = {}
        for i in self.needed:
            if self.all[i].kind == vector.INPUT:
                wholes.setdefault(self._column(self.all[i]), []).append(i)
        turned = []
        for number, (n, own) in enumerate(self.columns):
            found = wholes.get(number, [])
            users = [self.all[user] for i in found for user in self.users.get(i, [])]
            turned.append(
                own and n >= MANY and len(found) == 1 and len(self.all[found[0]].shape) == 1
                and found[0] not in self.results | self.gradient_parts
                and all(user.kind == vector.CONTRACT for user in users)
            )  # fmt: skip
        return turned

    # -- the plan ----------------------------------------------------------------------------

    def lowered(self) -> Lowered:
        """The plan."""
        steps = [i for i in self.needed if i not in self.skipped]
        last: dict[int, int] = {}
        for i in steps:
            for arg in self._reads(i):
                last[self.owner[arg]] = i
        end = len(self.all)
        for each in self.results | (self.gradient_parts - self.done):
            last[self.owner[each]] = end
        free: dict[Any, list[int]] = {}
        expiring: dict[int, list[int]] = {}
        for o, at in last.items():
            expiring.setdefault(at, []).append(o)
        self._gradients_first()
        specs: dict[int, tuple[Any, bool]] = {}
        for i in steps:
            each = self.all[i]
            owned = self._owned(i)
            if owned:
                whether = each.op in COMPARISONS and not self._is_mask(each)
                kind = "bool" if whether else "float64"
                key = (each.shape, each.batch, kind)
                base = self._taken_over(i, last, key, specs)
                if base is None:
                    pool = free.get(key, [])
                    base = pool.pop() if pool else i
                self.base[i] = base
                specs[base] = (key, specs.get(base, (key, False))[1] or i in self.extra)
            for o in expiring.get(i, []):
                if o in self.base and all(
                    last.get(k, -1) <= i for k, b in self.base.items() if b == self.base[o]
                ):
                    pool = free.setdefault(specs[self.base[o]][0], [])
                    if self.base[o] not in pool:
                        pool.append(self.base[o])
        for base, ((shape, batch, kind), more) in specs.items():
            self.setup.append((f"m{base}", allocation(shape, batch, kind, more)))
        for i in steps:
            self._step(i)
        self._gradients_last()
        results: list[tuple[str, int | None, bool]] = []
        for o, where in self.program.outputs:
            if isinstance(o, float):
                results.append((repr(o), None, False))
            else:
                results.append((self._value(o), where, self.all[o].batch == 2))
        width = sum(
            int(np.prod(shape)) + more for (shape, batch, _), more in specs.values() if batch == 2
        )
        width += sum(n for n, own in self.columns if own)
        return Lowered(
            self.n_parameters, self.columns, self.extended, self._turned(), self.setup,
            self.lines, results, width,
        )  # fmt: skip

    def _reads(self, i: int) -> list[int]:
        if i in self.affine:
            return [self.affine[i][0]]
        if i in self.softmax:
            return [self.softmax[i]]
        reads = list(self.all[i].references)
        if reads and reads[0] in self.squares:
            reads = list(self.all[reads[0]].references)
        each = self.all[i]
        if each.op is not None and each.op.name in FROM_VALUE and each.kind == vector.MAP:
            y = self._tanh_of(each)
            if y is not None:
                reads.append(y)
        return reads

    def _owned(self, i: int) -> bool:
        each = self.all[i]
        if i in self.static or self.owner[i] != i or i in self.direct or i in self.joint:
            return False
        if each.kind in (vector.PARAMETER, vector.COUNT, vector.CONSTANT):
            return False
        return not (each.kind == vector.INPUT and self._column(each) is not None)

    def _taken_over(
        self, i: int, last: dict[int, int], key: Any, specs: dict[int, Any]
    ) -> int | None:
        """The memory of an argument that is read here for the last time."""
        each = self.all[i]
        if each.kind != vector.MAP or i in self.affine or not in_place(each):
            return None
        if int(np.prod(each.shape)) == 1:  # NumPy takes three times as long for one in place
            return None
        for arg in each.references:
            if self.owner[arg] != arg or arg not in self.base or last.get(arg) != i:
                continue
            base = self.base[arg]
            if specs[base][0] != key or arg in self.results:
                continue
            # No later value may live there already, and no view of it be read elsewhere.
            others = [k for k, b in self.base.items() if b == base and k != arg]
            if all(last.get(k, -1) <= i for k in others):
                return base
        return None

    # -- names -------------------------------------------------------------------------------

    def _make(self, name: str, make: Callable[[Environment, int], Any]) -> str:
        if name not in self.known:
            self.known.add(name)
            self.setup.append((name, make))
        return name

    def _constant(self, name: str, thing: Any) -> str:
        return self._make(name, lambda env, B: thing)

    def _gradient_view(self, name: str, index: np.ndarray) -> str:
        steps = steps_of(index)
        return self._make(name, lambda env, B: view(env["g"], index, steps, None))

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
        if i in self.static:
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
            column = self._column(each)
            if column is not None and len(each.shape) == 1:
                return self._make(name, lambda env, B: env[f"x{column}"])
            if column is not None:
                full = full_shape(each.shape, each.batch, -1)
                return self._make(name, lambda env, B: env[f"x{column}"].reshape(full))
        if self.owner[i] != i:
            source = self._value(each.args[0])
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
            wide = each.batch
            return self._make(
                name,
                lambda env, B: view(
                    env[source], each.data, stride, (B if wide == 2 else 1) if wide else None
                ),
            )
        base = self.base[i]
        n = each.shape[0] if each.shape else 0
        whole = f"m{base}"
        if i in self.extra or self._has_more(base):  # one view for all: NumPy is faster in place
            whole = self._make(f"m{base}_{n}", lambda env, B: env[f"m{base}"][:n])
        return self._make(name, lambda env, B: env[whole])

    def _has_more(self, base: int) -> bool:
        return any(k in self.extra for k, b in self.base.items() if b == base)

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
            return f"x{self._column(each)}_1"
        if x in self.static:
            inner = self._value(x)
            return self._make(
                f"v{x}_1",
                lambda env, B: np.concatenate([env[inner], np.ones((1, *env[inner].shape[1:]))]),
            )
        self._value(x)
        return f"m{self.base[x]}"

    def _flat(self, name: str, rows: int) -> str:
        """An array as a matrix of so many rows; copied at every run if memory does not allow."""
        shape = self.loose.get(name)
        if shape is not None and not (len(shape) == 2 and shape[0] == rows):
            whole = f"{name}_c"
            if whole not in self.known:
                self._make(whole, lambda env, B: np.zeros(shape))
                self.lines.append(f"{whole}[...] = {name}")
            name = whole
        return self._make(f"{name}_r{rows}", lambda env, B: env[name].reshape(rows, -1))

    def _transposed(self, name: str) -> str:
        """The matrix transposed."""
        return self._make(f"{name}_T", lambda env, B: env[name].T)

    # -- steps -------------------------------------------------------------------------------

    def _step(self, i: int) -> None:
        each = self.all[i]
        if i in self.static:
            return
        if i in self.affine:
            x, _, index = self.affine[i]
            wb = self._make(f"w{i}", lambda env, B: view(env["p"], index, steps_of(index), None))
            rows = index.shape[1]
            self._dot(
                wb, self._flat(self._ones_below(x), rows), self._flat(self._value(i), len(index))
            )
            return
        if i in self.joint:
            d, x, index = self.joint[i]
            out = self._make(f"g{i}", lambda env, B: view(env["g"], index, steps_of(index), None))
            a = self._flat(self._value(d), len(index))
            b = self._flat(self._ones_below(x), index.shape[1])
            self._dot(a, self._transposed(b), out, self.all[d].batch == 2)
            return
        if self.owner[i] != i or each.kind in (vector.PARAMETER, vector.COUNT):
            self._value(i)
            return
        if each.kind == vector.INPUT:
            name = self._value(i)
            if self._column(each) is None:
                self._gathered(name, each)
            return
        if each.kind == vector.CONTRACT:
            self._contract(i, each)
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
        self._dot(x, y, self._flat(self._value(i), rows))

    def _map(self, i: int, each: Instruction) -> None:
        assert each.op is not None
        out = self._value(i)
        if i in self.softmax:
            log = self.softmax[i]
            self.lines.append(f"divide(t{log}, s{log}, {out})")
            return
        args = [self._value(arg) for arg in each.args]
        name = each.op.name
        if self._is_mask(each):
            above = self._make(f"mask{i}", lambda env, B: above_zero(env[out]))
            self.lines.append(f"{above}({args[0]}, {out})")
            return
        y = self._tanh_of(each) if name in FROM_VALUE else None
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

    def _is_mask(self, each: Instruction) -> bool:
        """Whether this is [relu(x) > 0]."""
        if each.op is not GREATER or each.args[1] != 0.0 or isinstance(each.args[0], float):
            return False
        return self.all[each.args[0]].op is ops.relu

    def _tanh_of(self, each: Instruction) -> int | None:
        """The instruction whose value the slope of this one can be computed from."""
        assert each.op is not None
        op = FROM_VALUE[each.op.name][0]
        for user in self.users.get(each.args[0], []) if not isinstance(each.args[0], float) else []:
            other = self.all[user]
            if other.kind == vector.MAP and other.op is op and other.args == each.args:
                return user
        return None

    def _sum(self, i: int, each: Instruction) -> None:
        source = self.all[each.args[0]]
        axes, batch = each.data
        out = self._value(i)
        if each.args[0] in self.squares:
            y = self._flat(self._value(source.args[0]), 1)
            self._dot(y, self._transposed(y), self._flat(out, 1))
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
        if each.op is ops.logsumexp and i in self.softmax.values():
            x, shape, batch = args[0], self.all[each.args[0]].shape, each.batch
            self._make(f"t{i}", lambda env, B: np.zeros(full_shape(shape, batch, B)))
            self._make(f"s{i}", lambda env, B: np.zeros(full_shape((1, *shape[1:]), batch, B)))
            flat = self._flat(f"t{i}", shape[0])
            ones = self._make(f"t{i}_h", lambda env, B: np.ones((1, shape[0])))
            top = self._make(f"u{i}", lambda env, B: np.zeros(full_shape(shape[1:], batch, B)))
            self.lines += [
                f"max_reduce({x}, 0, None, {top})", f"subtract({x}, {top}, t{i})",
                f"exp(t{i}, t{i})", f"dot({ones}, {flat}, {self._flat(f's{i}', 1)})",
                f"log(s{i}_0, {out})", f"add({out}, {top}, {out})",
            ]  # fmt: skip
            self._make(f"s{i}_0", lambda env, B: env[f"s{i}"][0])
            return
        if each.op is ops.maximum:
            self.lines.append(f"max_reduce({args[0]}, 0, None, {out})")
            return
        function = kernels.along_first(each.op)  # type: ignore[arg-type]
        called = self._make(f"a_{i}", lambda env, B: function)
        self.lines.append(f"{out}[...] = {called}({', '.join(args)})")

    def _scatter(self, i: int, each: Instruction) -> None:
        x, out = self._value(each.args[0]), self._value(i)
        flat = each.data.ravel()
        size = int(np.prod(each.shape))
        if len(np.unique(flat)) == len(flat):
            self._make(f"i{i}", lambda env, B: flat)
            source = self._make(f"{x}_f{i}", lambda env, B: env[x].reshape(len(flat), -1))
            target = self._make(f"{out}_f", lambda env, B: env[out].reshape(size, -1))
            self.lines += [f"{out}.fill(0.0)", f"{target}[i{i}] = {source}"]
            return
        self._make(f"i{i}", lambda env, B: each.data)
        self._make(f"s{i}", lambda env, B: each.shape)
        self.lines.append(f"{out}[...] = scatter({x}, i{i}, s{i})")

    def _anyhow(self, i: int, each: Instruction) -> None:
        """A step without a better way: evaluate it and copy."""
        out = self._value(i)
        args = [self._value(arg) for arg in each.args]
        called = self._make(f"e{i}", lambda env, B: lambda *values: evaluate(each, list(values), B))
        self.lines.append(f"{out}[...] = {called}({', '.join(args)})")

    # -- gradients ---------------------------------------------------------------------------

    def _gradients_first(self) -> None:
        counts = np.zeros(self.n_parameters, dtype=np.int64)
        for index, _ in self.program.gradients:
            np.add.at(counts, index.ravel(), 1)
        self.shared = counts > 1
        if self.shared.any():
            self.lines.append("g.fill(0.0)")
        for index, operand in self.program.gradients:
            if isinstance(operand, float) or operand in self.done | self.results:
                continue
            each = self.all[operand]
            if (
                each.kind == vector.CONTRACT and consecutive(index)
                and not self.shared[index].any() and operand not in self.static
                and self.users.get(operand) is None
                and sum(o == operand for _, o in self.program.gradients) == 1
            ):  # fmt: skip
                self._gradient_view(f"v{operand}", index)
                self.direct.add(operand)

    def _gradients_last(self) -> None:
        for number, (index, operand) in enumerate(self.program.gradients):
            if not isinstance(operand, float) and operand in self.done | self.direct:
                continue
            part = self._value(operand)
            stride = steps_of(index)
            again = bool(self.shared[index].any())
            twice = len(np.unique(index)) < index.size
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
