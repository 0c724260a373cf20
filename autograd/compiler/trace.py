"""Tracing: run a function once, and write down what it does to each number.

The arguments are nodes of a class of their own, `Traced`, and every node that comes of
them becomes one as it is made. A traced node has a number, that of the sample it was traced
with, but refuses to show it: what was decided by it would silently hold for all others.
"""

from __future__ import annotations

import linecache
import numbers
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import chain, compress
from operator import attrgetter
from typing import Any, NoReturn

import numpy as np

from autograd import ops
from autograd.compiler.graph import INPUT, LITERAL, PARAMETER, Graph, integers
from autograd.compiler.symbolic import COMPARISONS
from autograd.context import Scope, recording, scope, watching
from autograd.errors import TraceError
from autograd.op import SMOOTH, Op
from autograd.ops import REAL
from autograd.value import Value, constant

_recorder: ContextVar[Recorder | None] = ContextVar("autograd.compiler.recorder", default=None)
_turn = threading.RLock()  # parameters are marked while a function is traced, so traces take turns

detach = Op(
    "detach", "⊣", float, np.positive, (ops.zero,), latex="{0}", binds=4, domain=(REAL,),
    kinks=SMOOTH, doc="x, with no gradient.", selects=True,
)  # fmt: skip


class Traced(Value):
    """A Value whose number is unknown, as long as it is traced."""

    __slots__ = ()

    def _said(self) -> str:
        made = f"the result of {self._op.name}" if self._op else "a traced value"
        return self.label or made

    def _refuse(self, what: str) -> NoReturn:
        path = self._scope.path.split(".", 1)[1:] if self._scope else []
        within = f" in {path[0]}" if path else ""
        name = repr(self.label) if self.label else self._said()
        raise TraceError(
            f"{what} {name}{within}, at {_line()}: the number is unknown "
            "while the function is traced, for the program will run with others. Write the "
            "choice as a value, as autograd.where(x > 0, a, b) or by maximum, minimum, clip or "
            "relu; keep what is no part of the result out of the function, or run it without "
            "compile."
        )

    @property
    def data(self) -> float:
        """The number, which is refused while it is traced."""
        if _recorder.get() is not None:
            self._refuse("cannot read .data of")
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        if _recorder.get() is not None:
            self._refuse("cannot set .data of")
        Value.data.fset(self, data)  # type: ignore[attr-defined]

    def item(self) -> float:
        """The number, which is refused while it is traced."""
        return self.data

    def detach(self) -> Value:
        """The same number, cut off from the graph."""
        recorder = _recorder.get()
        if recorder is None:
            return super().detach()
        node = constant(self._data)
        recorder.watch(node, detach, (self,))
        node.tag(self.label, self._scope)
        return node

    def register_hook(self, hook: Any) -> Any:
        """A hook, which no compiled program would call."""
        if _recorder.get() is not None:
            self._refuse("cannot hook")
        return super().register_hook(hook)

    __hash__ = object.__hash__


def _refusing(name: str, what: str) -> Callable[..., Any]:
    plain = getattr(Value, name, None)

    def refuse(self: Traced, *args: Any) -> Any:
        if _recorder.get() is not None:
            self._refuse(what)
        if plain is None:
            raise TypeError(f"{type(self).__name__} has no {name}")
        return plain(self, *args)

    return refuse


for _name in ("bool", "float", "int", "index", "round", "floor", "ceil", "trunc"):
    _what = "cannot branch on" if _name == "bool" else f"cannot take {_name}() of"
    setattr(Traced, f"__{_name}__", _refusing(f"__{_name}__", _what))


def _comparing(name: str, sign: str, row: Op) -> Callable[[Traced, Any], Any]:
    """A comparison: a bool as ever, but of a traced number a value, 1 where it holds, else 0."""
    plain, truth = getattr(Value, f"__{name}__"), row.array
    assert truth is not None
    op = replace(
        row, scalar=lambda a, b: float(truth(a, b)), selects=True,
        array=lambda a, b: np.where(truth(a, b), 1.0, 0.0),
    )  # fmt: skip

    def compare(self: Traced, other: Any) -> Any:
        if _recorder.get() is None:
            return plain(self, other)
        if not isinstance(other, Value | numbers.Real | np.bool_):
            return NotImplemented
        node = op(self, other)
        with_what = other._said() if isinstance(other, Traced) else str(other)
        node.label = f"{self._said()} {sign} {with_what}"
        return node

    return compare


_NAMES = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
for _row, _sign in COMPARISONS.items():
    setattr(Traced, f"__{_NAMES[_sign]}__", _comparing(_NAMES[_sign], _sign, _row))


def _line() -> str:
    """The line of the program that runs, outside this project's packages."""
    frame = sys._getframe()
    while frame.f_back is not None:
        if frame.f_globals.get("__name__", "").split(".")[0] not in ("autograd", "nn"):
            break
        frame = frame.f_back
    path, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(path, line).strip()
    return f"{path}:{line}" + (f": {text}" if text else "")


@dataclass(eq=False)
class Recorder:
    """What a trace has seen so far."""

    records: list[tuple[Value, Op, tuple[Value, ...]]]

    def watch(self, node: Value, op: Op | None, parents: tuple[Value, ...]) -> None:
        """Note a node, and mark it."""
        node.__class__ = Traced
        if op is not ops.affine or not hasattr(node, "_label"):  # those come with theirs
            node._label = ""  # all will be read, and to read what is missing takes long
        self.records.append((node, op, parents))  # type: ignore[arg-type]


@contextmanager
def _marked(values: Iterable[Value]) -> Iterator[None]:
    """The values refuse to show their numbers inside."""
    marked = [value for value in values if type(value) is Value]
    try:
        for value in marked:
            value.__class__ = Traced
        yield
    finally:
        for value in marked:
            value.__class__ = Value


def traced(number: float, label: str = "") -> Value:
    """A node for a number that is an argument."""
    node = constant(number)
    node.__class__ = Traced
    if label:
        node.label = label
    return node


def trace(
    run: Callable[[], list[Any]], inputs: list[Value], known: list[Value]
) -> tuple[Graph, list[Value]]:
    """The graph of one run, and the leaves from outside that it used beyond ``known`` ones.

    Args:
        run: calls the function and gives its results as a flat list.
        inputs: the nodes of the arguments, which are traced.
        known: leaves from outside that it may use; they get the first places.

    Raises:
        TraceError: if what the function does depends on a traced number.
    """
    recorder = Recorder([])
    with _turn, _marked(known), recording(True), watching(recorder.watch), scope("trace") as root:
        token = _recorder.set(recorder)
        try:
            outputs = run()
        finally:
            _recorder.reset(token)
    return _graph(recorder.records, outputs, inputs, known, root)


def _graph(
    records: list[tuple[Value, Op, tuple[Value, ...]]],
    outputs: list[Any],
    inputs: list[Value],
    known: list[Value],
    root: Scope,
) -> tuple[Graph, list[Value]]:
    """The trace in arrays: leaves first, then the ops as they were made; literals folded."""
    nodes = [node for node, _, _ in records]
    made_by = [op for _, op, _ in records]
    parents = [parents for _, _, parents in records]
    n_ops = len(nodes)
    index = dict(zip(map(id, nodes), range(n_ops), strict=True))  # a leaf has ~ its number
    found = list(known)
    leaves: list[Value] = []
    kinds: list[int] = []
    places: list[int] = []

    def leaf(node: Value, kind: int, place: int) -> int:
        at = index[id(node)] = ~len(leaves)
        leaves.append(node)
        kinds.append(kind)
        places.append(place)
        return at

    for place, node in enumerate(inputs):
        leaf(node, INPUT, place)
    for place, node in enumerate(known):
        leaf(node, PARAMETER, place)

    inside: dict[int, bool] = {id(root): True, id(None): False}

    def made_here(node: Value) -> bool:
        path, at = [], node._scope
        while id(at) not in inside:
            path.append(at)
            at = at.parent  # type: ignore[union-attr]
        for each in path:
            inside[id(each)] = inside[id(at)]
        return inside[id(at)]

    def stranger(node: Value) -> int:
        """A node that the trace has not seen before: a literal, or a leaf from outside."""
        if made_here(node):
            if node._op is not None:
                raise TraceError(
                    f"{node!r} was made where tracing could not see it, as under "
                    "detect_anomaly(). Run the function without that, or without compile."
                )
            return leaf(node, LITERAL, -1)
        if node._op is not None:
            raise TraceError(
                f"{node!r} was computed before the function was called, so its own arguments "
                "would be lost. Compute it inside the function, or take it with .detach()."
            )
        found.append(node)
        return leaf(node, PARAMETER, len(found) - 1)

    every = list(chain.from_iterable(parents))
    ids = list(map(id, every))
    numbers_of: list[Any] = list(map(index.get, ids))
    for k, at in enumerate(numbers_of):
        if at is None:
            at = index.get(ids[k])
            numbers_of[k] = stranger(every[k]) if at is None else at
    results = []
    for each in outputs:
        if isinstance(each, Value):
            at = index.get(id(each), n_ops)
            results.append(stranger(each) if at == n_ops else at)
        else:
            results.append(leaf(constant(each), LITERAL, -1))

    first = len(leaves)
    numbered = integers(numbers_of + results)
    numbered = np.where(numbered < 0, ~numbered, numbered + first)
    args, roots = numbered[: len(ids)], numbered[len(ids) :]
    sizes = np.zeros(first + n_ops, dtype=np.int64)
    sizes[first:] = integers(list(map(len, parents)))
    varies = np.ones(first + n_ops, dtype=bool)
    varies[:first] = np.array(kinds) != LITERAL
    folded = _folded(args, sizes, varies, first)
    rows = dict.fromkeys(compress(made_by, (~folded[first:]).tolist()))
    codes = dict.fromkeys(made_by, LITERAL) | {op: row for row, op in enumerate(rows)}
    code = integers([*kinds, *map(codes.__getitem__, made_by)])
    code[folded] = LITERAL
    args, sizes = args[~np.repeat(folded, sizes)], np.where(folded, 0, sizes)
    source = leaves + nodes

    labels = [node.label for node in leaves]
    labels += map(attrgetter("_label"), nodes)
    scopes = list(map(attrgetter("_scope"), source))
    paths: dict[int, str] = {id(None): "", id(root): ""}

    def path_of(at: Scope | None) -> str:
        if id(at) not in paths:
            assert at is not None
            above = path_of(at.parent)
            paths[id(at)] = f"{above}.{at.name}" if above else at.name
        return paths[id(at)]

    scope_ids = list(map(id, scopes))
    for each_scope in dict(zip(scope_ids, scopes, strict=True)).values():
        path_of(each_scope)
    n = len(source)
    active = np.fromiter([node._grad is not None for node in source], bool, n)
    graph = Graph(
        rows=tuple(rows),
        code=code,
        starts=np.concatenate([[0], np.cumsum(sizes)]),
        args=args,
        active=active & (code != INPUT) & (code != LITERAL),
        number=np.fromiter(map(attrgetter("_data"), source), np.float64, n),
        place=np.concatenate([integers(places), np.full(n_ops, -1)]),
        outputs=roots,
        n_inputs=len(inputs),
        n_parameters=len(found),
        labels=tuple(labels),
        scopes=tuple(map(paths.__getitem__, scope_ids)),
    )
    return graph, found[len(known) :]


def _folded(args: np.ndarray, sizes: np.ndarray, varies: np.ndarray, first: int) -> np.ndarray:
    """Which ops depend on literals alone; ``varies`` says which leaves are none."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    folded = np.zeros(len(sizes), dtype=bool)
    if not np.bincount(owner[varies[args]], minlength=len(sizes))[first:].all():
        some, ends, parents = varies.tolist(), np.cumsum(sizes).tolist(), args.tolist()
        for i in range(first, len(sizes)):
            some[i] = any(map(some.__getitem__, parents[ends[i - 1] if i else 0 : ends[i]]))
        folded[first:] = ~np.array(some[first:])
    return folded
