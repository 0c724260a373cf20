"""Which array of a kernel lies in which memory.

A view owns none, a gradient may be written to its place at once, and a result takes over the
memory of an argument that is read for the last time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.compiler import vector
from autograd.compiler.buffers import consecutive, steps_of
from autograd.compiler.calls import in_place
from autograd.compiler.fusions import Fusions
from autograd.compiler.symbolic import COMPARISONS
from autograd.compiler.trace import detach

_VIEWS = (vector.LIFT, vector.ACCESS, vector.FILL)
_SOURCES = (vector.PARAMETER, vector.INPUT, vector.CONSTANT)
MANY = 8  # numbers of a sample that are better copied together


class Memory:
    """Who owns which memory.

    Attributes:
        owner: of a view the instruction whose array it looks at; of others themselves.
        extra: those with a row of ones below their array.
        extended: per array of inputs whether it has one.
        turned: per array of inputs whether it lies in memory a row per sample.
        shared: per parameter whether several parts of the gradient are added up for it.
        direct: parts of the gradient that are written to their place.
        base: of what needs memory of its own the number of the array that it gets.
        arrays: per such number the shape, the batch, the kind, and whether ones stand below.
    """

    def __init__(self, fused: Fusions):
        self.fused, self.all = fused, fused.all
        self.owner = self._owners()
        self.extra: set[int] = set()
        self.extended = [False] * len(fused.columns)
        for x in [x for x, _, _ in fused.affine.values()] + [x for _, x, _ in fused.joint.values()]:
            self._extend(x)
        self.turned = self._turned()
        counts = np.zeros(fused.n_parameters, dtype=np.int64)
        for index, _ in fused.program.gradients:
            np.add.at(counts, index.ravel(), 1)
        self.shared = counts > 1
        self.direct = self._direct()
        self.base: dict[int, int] = {}
        self.arrays: dict[int, tuple[tuple[int, ...], int, str, bool]] = {}
        self._assign()

    def has_more(self, base: int) -> bool:
        """Whether a row of ones stands below an array."""
        return any(k in self.extra for k, b in self.base.items() if b == base)

    def _owners(self) -> dict[int, int]:
        """Of a view the instruction whose array it looks at; of others themselves."""
        owner: dict[int, int] = {}
        for i in self.fused.needed:
            each = self.all[i]
            owner[i] = i
            view = each.kind in _VIEWS or each.op is detach
            if view and each.references and i not in self.fused.static:
                source = each.references[0]
                whole = owner[source] == source and source not in self.fused.static
                whole = whole and self.all[source].kind not in _SOURCES
                # What is no matrix in memory can be read element by element, not reshaped.
                mapped = i not in self.fused.results | self.fused.gradient_parts and all(
                    self.all[user].kind in (vector.MAP, vector.PRODUCT)
                    for user in self.fused.users.get(i, [])
                )
                looks = each.kind == vector.LIFT or (each.op is detach and whole)
                if each.kind == vector.ACCESS:
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
            column = self.fused.column(each)
            assert column is not None
            self.extended[column] = True
        else:
            self.extra.add(x)

    def _turned(self) -> list[bool]:
        """Which arrays of inputs are kept a row per sample, as they come.

        Those of many numbers that only products of matrices use, which read them either way.
        """
        wholes: dict[int | None, list[int]] = {}
        for i in self.fused.needed:
            if self.all[i].kind == vector.INPUT:
                wholes.setdefault(self.fused.column(self.all[i]), []).append(i)
        turned = []
        for number, (n, own) in enumerate(self.fused.columns):
            found = wholes.get(number, [])
            users = [self.all[user] for i in found for user in self.fused.users.get(i, [])]
            turned.append(
                own and n >= MANY and len(found) == 1 and len(self.all[found[0]].shape) == 1
                and found[0] not in self.fused.results | self.fused.gradient_parts
                and all(user.kind == vector.CONTRACT for user in users)
            )  # fmt: skip
        return turned

    def _direct(self) -> set[int]:
        fused = self.fused
        parts = [operand for _, operand in fused.program.gradients]
        return {
            operand
            for index, operand in fused.program.gradients
            if not isinstance(operand, float)
            and operand not in fused.done | fused.results | fused.static
            and self.all[operand].kind == vector.CONTRACT
            and consecutive(index)
            and not self.shared[index].any()
            and operand not in fused.users
            and parts.count(operand) == 1
        }

    def _assign(self) -> None:
        """Give memory to all that needs it."""
        fused = self.fused
        steps = [i for i in fused.needed if i not in fused.skipped]
        last: dict[int, int] = {}
        for i in steps:
            for arg in fused.reads(i):
                last[self.owner[arg]] = i
        end = len(self.all)
        for part in fused.results | (fused.gradient_parts - fused.done):
            last[self.owner[part]] = end
        free: dict[Any, list[int]] = {}
        expiring: dict[int, list[int]] = {}
        for o, at in last.items():
            expiring.setdefault(at, []).append(o)
        for i in steps:
            each = self.all[i]
            if self._owned(i):
                whether = each.op in COMPARISONS and not fused.is_mask(each)
                key = (each.shape, each.batch, "bool" if whether else "float64")
                base = self._taken_over(i, last, key)
                if base is None:
                    pool = free.get(key, [])
                    base = pool.pop() if pool else i
                self.base[i] = base
                more = base in self.arrays and self.arrays[base][3]
                self.arrays[base] = (*key, more or i in self.extra)
            for o in expiring.get(i, []):
                if o in self.base and all(
                    last.get(k, -1) <= i for k, b in self.base.items() if b == self.base[o]
                ):
                    pool = free.setdefault(self.arrays[self.base[o]][:3], [])
                    if self.base[o] not in pool:
                        pool.append(self.base[o])

    def _owned(self, i: int) -> bool:
        each = self.all[i]
        if (
            i in self.fused.static
            or self.owner[i] != i
            or i in self.direct
            or i in self.fused.joint
        ):
            return False
        if each.kind in (vector.PARAMETER, vector.COUNT, vector.CONSTANT):
            return False
        return not (each.kind == vector.INPUT and self.fused.column(each) is not None)

    def _taken_over(self, i: int, last: dict[int, int], key: Any) -> int | None:
        """The memory of an argument that is read here for the last time."""
        each = self.all[i]
        if each.kind != vector.MAP or i in self.fused.affine or not in_place(each):
            return None
        if int(np.prod(each.shape)) == 1:  # NumPy takes three times as long for one in place
            return None
        for arg in each.references:
            if self.owner[arg] != arg or arg not in self.base or last.get(arg) != i:
                continue
            base = self.base[arg]
            if self.arrays[base][:3] != key or arg in self.fused.results:
                continue
            # No later value may live there already, and no view of it be read elsewhere.
            others = [k for k, b in self.base.items() if b == base and k != arg]
            if all(last.get(k, -1) <= i for k in others):
                return base
        return None
