"""The tier for irregular graphs where numba is installed: an interpreter of instruction arrays.

The nodes are sorted by level and op, as in `levels`, and a loop runs over all nodes of one op on
one level: forwards it writes their values, backwards it adds shares to the adjoints of their
arguments. The loops are written here from the rows of the op table, and compiled by numba.
"""

from __future__ import annotations

import math
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from autograd import ops
from autograd.compiler.arguments import stack
from autograd.compiler.graph import Graph
from autograd.compiler.levels import Levels
from autograd.compiler.spelling import ATOM, Dialect
from autograd.compiler.symbolic import is_number, reading
from autograd.op import Op

# Ops that numba can call as they are; the others are written with them, or not at all.
_CALLS: dict[Op, Any] = {
    ops.exp: math.exp, ops.log: math.log, ops.sqrt: math.sqrt, ops.sin: math.sin,
    ops.cos: math.cos, ops.tan: math.tan, ops.tanh: math.tanh, ops.sinh: math.sinh,
    ops.cosh: math.cosh, ops.arcsin: math.asin, ops.arccos: math.acos, ops.arctan: math.atan,
    ops.arcsinh: math.asinh, ops.arccosh: math.acosh, ops.arctanh: math.atanh,
    ops.arctan2: math.atan2, ops.expm1: math.expm1, ops.log1p: math.log1p, ops.erf: math.erf,
    ops.power: math.pow, ops.absolute: abs, ops.hypot: math.hypot, ops.cbrt: np.cbrt,
    ops.log2: np.log2, ops.log10: np.log10, ops.floor: np.floor, ops.ceil: np.ceil,
    ops.logaddexp: np.logaddexp,
}  # fmt: skip
_WRITTEN = {
    "relu": "(0.0 if {0} <= 0.0 else {0})",
    "square": "({0} * {0})",
    "reciprocal": "(1.0 / {0})",
    "positive": "(+{0})",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "minimum": "({0} if {0} <= {1} or {0} != {0} else {1})",
    "sign": "(1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else {0})",
    "sigmoid": "(1.0 / (1.0 + exp(-{0})))",
    "tanh_slope": "slope_of_tanh({0})",
    "sigmoid_slope": "slope_of_sigmoid({0})",
    "power_slope": "(0.0 if {1} == 0.0 else {1} * math.pow({0}, {1} - 1.0))",
    "power_log": "(0.0 if {0} == 0.0 and {1} >= 0.0 else math.pow({0}, {1}) * math.log({0}))",
    "softplus": "(max({0}, 0.0) + log1p(exp(-abs({0}))))",
    "log_sigmoid": "(min({0}, 0.0) - log1p(exp(-abs({0}))))",
    "silu": "({0} / (1.0 + exp(-{0})))",
    "silu_slope": "slope_of_silu({0})",
    "gelu": "(0.5 * {0} * math.erfc(-0.7071067811865476 * {0}))",
    "gelu_slope": "slope_of_gelu({0})",
    "gaussian": "exp(-{1} * {0} * {0})",
    "inversion": "({0} / ({0} * {0} + {1} * {1}))",
    "share": "(1.0 / (1.0 + exp({1} - {0})))",
    "exp_difference": "exp({0} - {1})",
    "leaky_relu": "({0} if {0} > 0.0 else {1} * {0})",
    "elu": "({0} if {0} > 0.0 else {1} * math.expm1({0}))",
    "where": "({1} if {0} != 0.0 else {2})",
    "clip": "({0} if {0} != {0} else min(max({0}, {1}), {2}))",
    "remainder": "({0} % {1})",
    "floor_divide": "({0} // {1})",
    "detach": "(+{0})",
}
_HELPERS = """
def slope_of_sigmoid(x):
    e = exp(-abs(x))
    return e / ((1.0 + e) * (1.0 + e))

def slope_of_tanh(x):
    e = exp(-2.0 * abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))

def slope_of_silu(x):
    y = 1.0 / (1.0 + exp(-x))
    return y + x * y * (1.0 - y)

def slope_of_gelu(x):
    bell = 0.3989422804014327 * exp(-0.5 * x * x)
    return 0.5 * math.erfc(-0.7071067811865476 * x) + x * bell
"""
_ARGUMENTS = "abc"  # the arrays that say where the arguments of a node are
_compiled: dict[str, tuple[Any, Any]] = {}


class _UnknownError(Exception):
    pass


class _Numba(Dialect):
    def __init__(self) -> None:
        super().__init__(self._function)
        self.names |= {"exp": math.exp, "log1p": math.log1p, "math": math}

    @staticmethod
    def _function(op: Op) -> Any:
        if op not in _CALLS:
            raise _UnknownError(op.name)
        return _CALLS[op]

    def call(self, op: Op, args: list[tuple[str, int]]) -> tuple[str, int]:
        """Source of op applied to sources, and how tightly it binds."""
        if op.name in _WRITTEN:
            texts = [a if binds >= ATOM else f"({a})" for a, binds in args]
            return self.by_value(op, _WRITTEN[op.name].format(*texts)), ATOM
        return super().call(op, args)


class Machine:
    """A graph as instruction arrays.

    Args:
        levels: the graph, sorted; without ops of sequences.
        forward, backward: the interpreter.
    """

    def __init__(self, levels: Levels, forward: Any, backward: Any, codes: dict[Op, int]):
        self.levels, self.forward, self.backward = levels, forward, backward
        runs = levels.runs
        self.runs = np.array([[codes[r.op], r.start, r.active, r.stop] for r in runs])
        n = levels.size
        self.args = tuple(np.zeros(n, dtype=np.uint32) for _ in _ARGUMENTS)
        for run in runs:
            for own, args in zip(self.args, run.args, strict=False):
                own[run.start : run.stop] = args

    def __str__(self) -> str:
        return str(self.levels)

    def run(
        self, parameters: np.ndarray, columns: list[np.ndarray], batch: int | None, scale: float,
        gradient: bool,
    ) -> tuple[list[Any], np.ndarray | None]:  # fmt: skip
        """The outputs, and the gradients of all parameters or None; as in `Levels`."""
        if batch is not None:
            return self.levels.run(parameters, columns, batch, scale, gradient)
        own = self.levels
        _, shared = stack(columns, None)
        V = np.empty(own.size)
        V[own.parameters] = parameters[own.parameter_places]
        V[own.literals] = own.numbers
        V[own.inputs] = shared[own.input_places]
        self.forward(self.runs, *self.args, V)
        outputs = V[own.outputs].tolist()
        if not gradient:
            return outputs, None
        D = np.zeros(own.size)
        np.add.at(D, own.outputs, scale)
        self.backward(self.runs, *self.args, V, D)
        G = np.zeros(len(parameters))
        G[own.parameter_places[own.wanted]] = D[own.parameters[own.wanted]]
        return outputs, G


def machine(graph: Graph, levels: Levels) -> Machine | None:
    """The machine for a graph, or None without numba, or for ops that it does not know."""
    if find_spec("numba") is None or any(op.arity not in (1, 2, 3) for op in graph.rows):
        return None
    used = [op for op in graph.rows if any(run.op is op for run in levels.runs)]
    codes = {op: i for i, op in enumerate(used)}
    dialect = _Numba()
    try:
        text = _interpreter(used, dialect)
    except _UnknownError:
        return None
    if text not in _compiled:
        numba: Any = import_module("numba")
        names = dict(dialect.names)
        exec(_HELPERS, names)
        options = {"nogil": True, "error_model": "numpy"}
        for helper in [name for name in names if name.startswith("slope_of_")]:
            names[helper] = numba.njit(names[helper], **options)
        exec(text, names)
        _compiled[text] = (
            numba.njit(names["forward"], **options), numba.njit(names["backward"], **options),
        )  # fmt: skip
    return Machine(levels, *_compiled[text], codes)


def _interpreter(used: list[Op], dialect: Dialect) -> str:
    """The source of both loops, with a branch for each op."""
    names = {-1: "V[i]"} | {k: f"V[{letter}[i]]" for k, letter in enumerate(_ARGUMENTS)}
    given = ", ".join(_ARGUMENTS)
    forward = [f"def forward(runs, {given}, V):", "    for r in range(len(runs)):"]
    forward += ["        code, start, stop = runs[r, 0], runs[r, 1], runs[r, 3]"]
    backward = [f"def backward(runs, {given}, V, D):", "    for r in range(len(runs) - 1, -1, -1):"]
    backward += ["        code, start, stop = runs[r, 0], runs[r, 1], runs[r, 2]"]
    for code, op in enumerate(used):
        dialect.y = ""
        word = "if" if code == 0 else "elif"
        width = op.arity or 0
        value, _ = dialect.call(op, [(names[k], ATOM) for k in range(width)])
        forward += [
            f"        {word} code == {code}:", "            for i in range(start, stop):",
            f"                V[i] = {value}",
        ]  # fmt: skip
        backward += [
            f"        {word} code == {code}:", "            for i in range(start, stop):",
            "                d = D[i]",
            "                if d == 0.0:", "                    continue",
        ]  # fmt: skip
        found = reading(op)
        assert found is not None
        dialect.y = names[-1] if op in (ops.tanh, ops.sigmoid) else ""
        for k, partial in enumerate(found.partials):
            if is_number(partial, 0.0):
                continue
            text, binds = dialect.spell(partial, names.__getitem__)
            share = "d" if is_number(partial, 1.0) else f"d * {text if binds >= 5 else f'({text})'}"
            backward.append(f"                D[{_ARGUMENTS[k]}[i]] += {share}")
    return "\n".join([*forward, *backward, ""])
