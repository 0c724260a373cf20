"""What NumPy can do in one call: patterns in a vector program, found before it is lowered."""

from __future__ import annotations

import numpy as np

from autograd import ops
from autograd.compiler import vector
from autograd.compiler.buffers import consecutive
from autograd.compiler.calls import FROM_VALUE
from autograd.compiler.graph import distinct
from autograd.compiler.symbolic import GREATER
from autograd.compiler.trace import detach
from autograd.compiler.vector import Instruction, Operand, VectorProgram


class Fusions:
    """The patterns of a program.

    Attributes:
        needed: the instructions that outputs and gradients depend on.
        users: of each of them who reads it.
        results: those that are outputs.
        gradient_parts: those that are parts of the gradient.
        static: those that neither parameters nor inputs change.
        affine: sums W x + b as one product with (W b), x above a row of ones: of the sum x, the
            product, and the places of (W b) among the parameters.
        joint: gradients of W and b as one product: of that of W the adjoint d, x, and the places.
        done: gradients that such a product gives.
        inner: sums of all products of two arrays, element by element: the two.
        softmax: quotients eˣ / Σ eˣ whose parts a logsumexp knows: the logsumexp.
        scaled: products of such a quotient with one number per sample: the logsumexp, the number.
        pieces: sums of scattered arrays that do not overlap: the scatters.
        skipped: what need not be computed any more.
    """

    def __init__(self, program: VectorProgram, n_parameters: int, columns: list[tuple[int, bool]]):
        self.program, self.n_parameters, self.columns = program, n_parameters, columns
        self.all = program.instructions
        self.needed = program.reached()
        self.users: dict[int, list[int]] = {}
        for i in self.needed:
            for arg in self.all[i].references:
                self.users.setdefault(arg, []).append(i)
        self.results = {o for o, _ in program.outputs if not isinstance(o, float)}
        self.gradient_parts = {o for _, o in program.gradients if not isinstance(o, float)}
        self.static = self._static()
        self.skipped: set[int] = set()
        self.affine: dict[int, tuple[int, int, np.ndarray]] = {}
        self.joint: dict[int, tuple[int, int, np.ndarray]] = {}
        self.done: set[int] = set()
        self._find_affine()
        self._find_joint()
        self.inner = self._inner()
        self.softmax = self._softmax()
        self.scaled = self._scaled()
        self.pieces = self._pieces()

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

    def column(self, each: Instruction) -> int | None:
        """The array of inputs that an instruction gives as a whole."""
        start = 0
        for number, (n, own) in enumerate(self.columns):
            flat = each.data.ravel()
            whole = len(flat) == n and bool((flat == start + np.arange(n)).all())
            if whole and own == (each.batch == 2):
                return number
            start += n
        return None

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
            return self.column(each) is not None and len(each.shape) == 1
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

    def _inner(self) -> dict[int, tuple[int, int]]:
        found: dict[int, tuple[int, int]] = {}
        for i in self.needed:
            each = self.all[i]
            if each.kind != vector.SUM or int(np.prod(each.shape)) != 1 or each.batch:
                continue
            way = [i]  # of sums that only the next one reads: together they leave out nothing
            while self.all[way[-1]].kind == vector.SUM and self._alone(self.all[way[-1]].args[0]):
                way.append(self.all[way[-1]].args[0])
            product = self.all[way[-1]]
            if product.op not in (ops.square, ops.multiply) or not self.static.isdisjoint(way):
                continue
            factors = [arg for arg in product.args if not isinstance(arg, float)]
            same = all(
                (self.all[arg].shape, self.all[arg].batch) == (product.shape, product.batch)
                and self._whole(arg)
                for arg in factors
            )
            if same and len(factors) == len(product.args):
                found[i] = factors[0], factors[-1]
                self.skipped |= set(way[1:])
        return found

    def _whole(self, i: int) -> bool:
        """Whether an array is one stretch of memory."""
        each = self.all[i]
        if each.kind == vector.LIFT or each.op is detach:
            return not each.references or self._whole(each.args[0])
        return each.kind != vector.FILL and (each.kind != vector.ACCESS or consecutive(each.data))

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

    def _scaled(self) -> dict[int, tuple[int, int]]:
        found: dict[int, tuple[int, int]] = {}
        for quotient, log in self.softmax.items():
            users = self.users.get(quotient, [])
            if len(users) != 1 or quotient in self.results | self.gradient_parts:
                continue
            product = self.all[users[0]]
            others = [arg for arg in product.args if arg != quotient]
            if product.op is not ops.multiply or len(others) != 1 or isinstance(others[0], float):
                continue
            factor = self.all[others[0]]
            if int(np.prod(factor.shape)) == 1 and product.shape == self.all[quotient].shape:
                found[users[0]] = log, others[0]
                self.skipped.add(quotient)
        return found

    def _pieces(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for i in reversed(self.needed):
            if i in self.skipped or not self._is_add(i):
                continue
            leaves, inner, stack = [], [], [i]
            while stack:
                each = stack.pop()
                if self._is_add(each) and (each == i or self._alone(each)):
                    inner.append(each)
                    stack += self.all[each].references
                else:
                    leaves.append(each)
            leaves.sort()
            if all(self.all[leaf].kind == vector.SCATTER and self._alone(leaf) for leaf in leaves):
                places = np.concatenate([self.all[leaf].data.ravel() for leaf in leaves])
                if distinct(places):
                    found[i] = leaves
                    self.skipped |= {*leaves, *inner} - {i}
        return found

    def _is_add(self, i: int) -> bool:
        each = self.all[i]
        numbers = any(isinstance(arg, float) for arg in each.args)
        return each.kind == vector.MAP and each.op is ops.add and not numbers

    def _alone(self, i: int) -> bool:
        """Whether only one other instruction reads it, once."""
        return len(self.users[i]) == 1 and i not in self.results | self.gradient_parts

    # -- single instructions -----------------------------------------------------------------

    def reads(self, i: int) -> list[int]:
        """What the call for an instruction reads."""
        if i in self.affine:
            return [self.affine[i][0]]
        if i in self.scaled:
            return list(self.scaled[i])
        if i in self.softmax:
            return [self.softmax[i]]
        if i in self.pieces:
            return [arg for leaf in self.pieces[i] for arg in self.all[leaf].references]
        if i in self.inner:
            return list(self.inner[i])
        reads = list(self.all[i].references)
        each = self.all[i]
        if each.op is not None and each.op.name in FROM_VALUE and each.kind == vector.MAP:
            y = self.value_of(each)
            if y is not None:
                reads.append(y)
        return reads

    def is_mask(self, each: Instruction) -> bool:
        """Whether this is [relu(x) > 0]."""
        if each.op is not GREATER or each.args[1] != 0.0 or isinstance(each.args[0], float):
            return False
        return self.all[each.args[0]].op is ops.relu

    def value_of(self, each: Instruction) -> int | None:
        """The instruction whose value the slope of this one can be computed from."""
        assert each.op is not None
        op = FROM_VALUE[each.op.name][0]
        for user in self.users.get(each.args[0], []) if not isinstance(each.args[0], float) else []:
            other = self.all[user]
            if other.kind == vector.MAP and other.op is op and other.args == each.args:
                return user
        return None
