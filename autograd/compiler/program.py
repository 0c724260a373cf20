"""`compile`: a function of Values as a program of arrays."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan
from operator import attrgetter
from typing import Any

import numpy as np

from autograd.compiler.arguments import Call
from autograd.compiler.build import Built, build
from autograd.compiler.environment import Environment
from autograd.compiler.flat import Flat
from autograd.compiler.trace import trace
from autograd.context import current
from autograd.errors import TraceError
from autograd.hooks import hooked_nodes
from autograd.reverse import pullback
from autograd.tree import Tree, flatten
from autograd.value import Value, as_value, leaf_changes

_data = attrgetter("_data")
_grad = attrgetter("_grad")


def compile(
    f: Callable[..., Any],
    in_axes: int | Sequence[int | None] | None = None,
    reduce: str | None = "sum",
    backend: str = "numpy",
) -> Program:
    """A program that computes what f does, with arrays, and the gradients of its parameters.

    f is traced when the program is called: run once, with nodes whose numbers are unknown.
    What it does to single numbers is put together to operations on arrays, and those are
    written out as source, which is kept for arguments of the same structure::

        >>> from autograd import Value, compile, tanh
        >>> w, b = Value(2.0, "w"), Value(-1.0, "b")
        >>> neuron = compile(lambda x: tanh(w * x + b), in_axes=0)
        >>> neuron([0.5, 1.0])
        array([0.        , 0.76159416])
        >>> value, gradients = neuron.value_and_grad([0.5, 1.0])
        >>> sorted(gradients)
        ['b', 'w']

    Parameters are the leaf Values that f closes over. They are read afresh at every call, so
    the step of an optimiser is seen. f is traced again for arguments of another structure,
    and when anything else that it closes over has changed. Sums are taken in another order
    than the engine's, so results agree with it to rounding (1e-11 relative is tested).

    Args:
        f: takes and gives numbers, Values, arrays, and lists, tuples and dicts of them.
        in_axes: which arguments have a leading batch axis, as in ``jax.vmap``: 0 or None for
            each of them, or one of these for all. f is written for one sample.
        reduce: how ``value_and_grad`` combines the samples: "sum", "mean", or None, which
            keeps one value per sample and sums the gradients.
        backend: what the program is written for; "numpy".

    Raises:
        TraceError: (when called) if f branches on a traced number, or reads it.
        ValueError: for options that are not as above.
    """
    return Program(f, in_axes, reduce, backend)


@dataclass(eq=False)
class _Compiled:
    """A program for arguments of one structure.

    ``numbers`` are the state of all leaves that they were read in, and those of the leaves.
    """

    environment: Environment
    built: Built
    leaves: list[Value]  # of the parameters and constants from outside, in the program's order
    wanted: list[bool]
    names: list[tuple[str, np.ndarray, tuple[int, ...]]]  # name, places in the gradient, shape
    tree: Tree
    numbers: tuple[object, np.ndarray] = (None, np.zeros(0))

    def __post_init__(self) -> None:
        places = [places for _, places, _ in self.names]
        self.order = np.concatenate(places) if places else np.zeros(0, dtype=np.int64)


class Program:
    """What `compile` returns; see there."""

    def __init__(
        self,
        f: Callable[..., Any],
        in_axes: int | Sequence[int | None] | None,
        reduce: str | None,
        backend: str,
    ):
        if not callable(f):
            raise TypeError(f"compile() takes a function, but got {type(f).__name__} {f!r}.")
        if reduce not in ("sum", "mean", None):
            raise ValueError(f'reduce must be "sum", "mean" or None, but got {reduce!r}.')
        if backend != "numpy":
            raise ValueError(f'the only backend is "numpy", but got {backend!r}.')
        axes: Sequence[Any] = in_axes if isinstance(in_axes, list | tuple) else [in_axes]
        if not all(axis is None or (axis == 0 and type(axis) is int) for axis in axes):
            raise ValueError(
                f"in_axes marks arguments that have a leading batch axis with 0, others with "
                f"None, but got {in_axes!r}."
            )
        self._f = f
        self._in_axes = in_axes
        self._reduce = reduce
        self._cache: dict[Any, _Compiled] = {}
        self._latest: _Compiled | None = None
        self._lock = threading.RLock()
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        self.__doc__ = f.__doc__

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}>"

    # -- running -----------------------------------------------------------------------------

    def __call__(self, *args: Any) -> Any:
        """What f returns; with a batch, for every sample, along a leading axis.

        Raises:
            ValueError: for arguments of the wrong shape, naming the argument.
        """
        call = self._arguments(args)
        compiled = self._compiled(call)
        outputs, _ = self._run(compiled, call, gradient=False)
        return compiled.tree.map(lambda start, tree: _block(outputs, start, tree, call.batch))

    def value_and_grad(self, *args: Any) -> tuple[Any, dict[str, np.ndarray]]:
        """The value, combined over the batch as ``reduce`` says, and the gradients by name.

        The gradients are those of the sum of all that f returns: a float64 array per
        parameter, as ``named_parameters`` of the modules in f's closure names them, else by
        the variable or label. Leaves that require no gradient have 0 in their array. The
        arrays are the caller's own.
        """
        call = self._arguments(args)
        compiled = self._compiled(call)
        value, gradient = self._value_and_gradient(compiled, call)
        if not compiled.names:
            return value, {}
        ordered, start, found = gradient[compiled.order], 0, {}
        for name, places, shape in compiled.names:
            found[name] = ordered[start : start + len(places)].reshape(shape)
            start += len(places)
        return value, found

    def backward(self, *args: Any) -> Any:
        """The value, after adding the gradients into the parameters' ``grad``."""
        call = self._arguments(args)
        compiled = self._compiled(call)
        value, gradient = self._value_and_gradient(compiled, call)
        numbers = gradient.tolist()
        for leaf, number, wanted in zip(compiled.leaves, numbers, compiled.wanted, strict=True):
            if wanted:
                leaf._grad = leaf._grad + number
        return value

    def flat(self, *args: Any) -> Flat:
        """The program for arguments like these, with all parameters in one flat array.

        For loops that call it many times: nothing is checked again and no Value is read, so
        changes to what f closes over are not seen.
        """
        if current().watch is not None:
            raise TraceError("detect_anomaly() looks at single nodes, which flat() has none of.")
        call = self._arguments(args)
        compiled = self._compiled(call)
        shapes = [(column.ndim == 2, len(column)) for column in call.columns]
        return Flat(compiled.built.tier, compiled.leaves, self._reduce, shapes)

    # -- looking -----------------------------------------------------------------------------

    @property
    def source(self) -> str:
        """The program as Python source, which reads like backprop by hand.

        It is that of the latest call; there is none before.
        """
        return self._known().built.source

    @property
    def stats(self) -> dict[str, Any]:
        """How many nodes went in, how many instructions came out, and which tier runs them."""
        return dict(self._known().built.stats)

    @property
    def passes(self) -> dict[str, str]:
        """The program in print, pass by pass, from the trace to the calls that run."""
        return self._known().built.passes

    def formulas(self) -> str:
        """The program as LaTeX."""
        return self._known().built.formulas()

    def draw(self) -> Any:
        """The graph of its instructions, as a ``graphviz.Digraph``."""
        return self._known().built.draw()

    def _known(self) -> _Compiled:
        if self._latest is None:
            raise TraceError(
                "the program is written when it is first called, for the arguments it gets. "
                "Call it, then look."
            )
        return self._latest

    # -- within ------------------------------------------------------------------------------

    def _arguments(self, args: tuple[Any, ...]) -> Call:
        axes: Any = self._in_axes
        if isinstance(axes, list | tuple):
            if len(axes) != len(args):
                raise ValueError(
                    f"in_axes has {len(axes)} entries, but {self.__name__} got {len(args)} "
                    "arguments."
                )
        else:
            axes = (axes,) * len(args)
        return Call(args, tuple(axis == 0 for axis in axes), self.__name__)

    def _compiled(self, call: Call) -> _Compiled:
        compiled = self._cache.get(call.key)
        if compiled is not None and self._fresh(compiled):
            self._latest = compiled
            return compiled
        with self._lock:
            compiled = self._cache.get(call.key)
            if compiled is None or not self._fresh(compiled):
                with _no_collection():
                    compiled = self._cache[call.key] = self._compile(call)
                self._fresh(compiled)
            self._latest = compiled
            return compiled

    @staticmethod
    def _fresh(compiled: _Compiled) -> bool:
        """Whether the program is still that of its function; reads the parameters on the way."""
        now = leaf_changes[0]
        if compiled.numbers[0] is not now:
            leaves = compiled.leaves
            if [grad is not None for grad in map(_grad, leaves)] != compiled.wanted:
                return False
            numbers = np.fromiter(map(_data, leaves), np.float64, len(leaves))
            compiled.numbers = now, numbers
        return compiled.environment.unchanged()

    def _compile(self, call: Call) -> _Compiled:
        environment = Environment.of(self._f)
        known = environment.leaves
        inputs = call.nodes()
        args = call.arguments(list(inputs))
        tree: list[Tree] = []

        def run() -> list[Any]:
            results, shape = flatten(self._f(*args))
            tree.append(shape)
            return results

        graph, others = trace(run, inputs, known)
        if environment.drew():
            raise TraceError(
                f"{self.__name__} draws random numbers, which would be the same ones at every "
                "call. Draw them outside and pass them as an argument."
            )
        leaves = known + others
        hooked = hooked_nodes()
        for leaf in leaves:
            if leaf in hooked:
                raise TraceError(
                    f"{leaf!r} has a hook, which a compiled program would not call. Remove it "
                    "with its handle, or run the function without compile."
                )
        wanted = [leaf.requires_grad for leaf in leaves]
        built = build(graph, call, self._reduce is not None)
        return _Compiled(environment, built, leaves, wanted, _names(environment, leaves), tree[0])

    def _value_and_gradient(self, compiled: _Compiled, call: Call) -> tuple[Any, np.ndarray]:
        outputs, gradient = self._run(compiled, call, gradient=True)
        assert gradient is not None
        if call.batch is not None and self._reduce is not None:
            outputs = [float(np.sum(output)) for output in outputs]
            if self._reduce == "mean":
                outputs = [output / call.batch if call.batch else nan for output in outputs]
            value = compiled.tree.map(lambda start, tree: _block(outputs, start, tree, None))
        else:
            value = compiled.tree.map(lambda start, tree: _block(outputs, start, tree, call.batch))
        return value, gradient

    def _run(
        self, compiled: _Compiled, call: Call, gradient: bool
    ) -> tuple[list[Any], np.ndarray | None]:
        parameters = compiled.numbers[1]
        scale = 1.0
        if self._reduce == "mean" and call.batch:
            scale = 1.0 / call.batch
        if call.batch == 0:
            zero = np.zeros(0)
            n = len(compiled.built.graph.outputs)
            return [zero] * n, np.zeros(len(parameters)) if gradient else None
        if current().watch is not None:  # detect_anomaly() looks at single nodes
            return self._exactly(compiled, call, scale, gradient)
        outputs, found = compiled.built.run(parameters, call, scale, gradient)
        if not _finite(outputs, found):
            return self._exactly(compiled, call, scale, gradient)
        return outputs, found

    def _exactly(
        self, compiled: _Compiled, call: Call, scale: float, gradient: bool
    ) -> tuple[list[Any], np.ndarray | None]:
        """The same by the engine itself, sample by sample.

        For results that are not finite: there the engine has conventions (a zero adjoint
        never meets an infinite partial) that arrays do not keep.
        """
        leaves = [
            leaf for leaf, wanted in zip(compiled.leaves, compiled.wanted, strict=True) if wanted
        ]
        total = np.zeros(len(leaves))
        rows = []
        for sample in call.samples():
            results, _ = flatten(self._f(*sample))
            nodes = [as_value(each) for each in results]
            rows.append([node._data for node in nodes])
            if gradient:
                active = [node for node in nodes if node.requires_grad]
                total = total + np.array(
                    [float(g) for g in pullback(leaves, active, [scale] * len(active))]
                )
        full = np.zeros(len(compiled.leaves))
        full[np.flatnonzero(compiled.wanted)] = total
        if call.batch is None:
            return rows[0], full
        return list(np.array(rows).T.copy()), full


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nothing that a trace makes is a cycle; looking at all of it again and again takes long."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _finite(outputs: list[Any], gradient: np.ndarray | None) -> bool:
    if gradient is not None and not np.isfinite(gradient).all():
        return False
    return all(np.isfinite(output).all() for output in outputs)


def _block(outputs: list[Any], start: int, tree: Tree, batch: int | None) -> Any:
    """The outputs of a block of leaves: a float or an array, with a batch axis in front."""
    assert tree.shape is not None
    if not tree.shape:
        output = outputs[start]
        if batch is not None:
            return np.array(np.broadcast_to(output, batch))
        return float(output)
    block = outputs[start : start + tree.size]
    if batch is None:
        return np.array(block, dtype=np.float64).reshape(tree.shape)
    rows = [np.broadcast_to(output, batch) for output in block]
    return np.stack(rows, axis=1).reshape(batch, *tree.shape) if rows else np.zeros((batch, 0))


def _names(
    environment: Environment, leaves: list[Value]
) -> list[tuple[str, np.ndarray, tuple[int, ...]]]:
    """The arrays of parameters that want gradients: names, places, shapes."""
    place = {id(leaf): i for i, leaf in enumerate(leaves)}
    found = []
    taken: set[int] = set()
    for name, (members, shape) in zip(environment.names, environment.members, strict=True):
        taken.update(map(id, members))
        if any(leaf.requires_grad for leaf in members):
            places = np.array([place[id(leaf)] for leaf in members], dtype=np.int64)
            found.append((name, places, shape))
    names = {name for name, _, _ in found}
    for i, leaf in enumerate(leaves):
        if id(leaf) not in taken and leaf.requires_grad:
            name = leaf.label or f"parameter_{i}"
            while name in names:
                name += "_"
            names.add(name)
            found.append((name, np.array([i]), ()))
    return found
