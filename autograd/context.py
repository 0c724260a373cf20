"""What holds while code runs: whether operations are recorded, and where.

Kept in a context variable, so each thread and each async task has its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any


# Not frozen, for speed: they are made once per call of a module. Nothing changes them.
@dataclass(slots=True, eq=False)
class Scope:
    """A named stretch of computation: one call of a module, within its caller's."""

    name: str
    parent: Scope | None = None

    @property
    def path(self) -> str:
        """The names from the outermost scope to this one, joined by dots."""
        return f"{self.parent.path}.{self.name}" if self.parent else self.name


@dataclass(slots=True, eq=False)
class Context:
    """Whether operations record their graph, the scope of new nodes, and who looks at them."""

    recording: bool = True
    scope: Scope | None = None
    watch: Callable[[Any, Any, tuple[Any, ...]], None] | None = None


# Whether a rule is being read with Values: it must not turn them into floats then.
reading_graph: ContextVar[bool] = ContextVar("autograd.reading_graph", default=False)
PLAIN = Context()
_context: ContextVar[Context] = ContextVar("autograd.context", default=PLAIN)
current = _context.get


class scope:
    """Context manager: nodes made inside belong to the named scope.

    Modules open one per call, so that drawings and explanations can group by it::

        with autograd.scope("encoder"):
            y = (w * x).tanh()
        y.scope.path  # 'encoder'
    """

    __slots__ = ("_name", "_tokens")

    def __init__(self, name: str):
        self._name = name
        self._tokens: list[Token[Context]] = []

    def __enter__(self) -> Scope:
        outer = _context.get()
        inner = Scope(self._name, outer.scope)
        self._tokens.append(_context.set(Context(outer.recording, inner, outer.watch)))
        return inner

    def __exit__(self, *exception: object) -> None:
        _context.reset(self._tokens.pop())


@contextmanager
def recording(on: bool) -> Iterator[None]:
    """Record operations inside, or not."""
    outer = _context.get()
    token = _context.set(Context(on, outer.scope, outer.watch))
    try:
        yield
    finally:
        _context.reset(token)


@contextmanager
def watching(watch: Callable[[Any, Any, tuple[Any, ...]], None] | None) -> Iterator[None]:
    """Call ``watch(node, op, args)`` for every node made inside; with None, let nobody look."""
    outer = _context.get()
    token = _context.set(Context(outer.recording, outer.scope, watch))
    try:
        yield
    finally:
        _context.reset(token)


def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """A context manager, and a decorator, under which operations record no graph.

    Results are constants: they cost no gradient work and keep nothing alive. It
    ends with the block also when that raises, and holds for the current thread
    or async task only. It decorates functions, async functions and generators::

        with no_grad():
            p.data -= 0.1 * p.grad


        @no_grad
        def evaluate(model, X): ...
    """
    return _NoGrad() if function is None else _NoGrad()(function)


class _NoGrad:
    def __init__(self) -> None:
        self._open: list[AbstractContextManager[None]] = []

    def __enter__(self) -> None:
        self._open.append(recording(False))
        self._open[-1].__enter__()

    def __exit__(self, *exception: Any) -> bool | None:
        return self._open.pop().__exit__(*exception)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def steps(*args: Any, **kwargs: Any) -> Any:
                return _stepwise(function(*args, **kwargs))

            return steps
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def task(*args: Any, **kwargs: Any) -> Any:
                with recording(False):
                    return await function(*args, **kwargs)

            return task

        @functools.wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with recording(False):
                return function(*args, **kwargs)

        return decorated


def _stepwise(generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """The same generator, not recording while it runs; its caller is left alone in between."""
    resume: Callable[[], Any] = functools.partial(next, generator)
    while True:
        try:
            with recording(False):
                item = resume()
        except StopIteration as end:
            return end.value
        try:
            resume = functools.partial(generator.send, (yield item))
        except BaseException as error:
            resume = functools.partial(generator.throw, error)


def is_grad_enabled() -> bool:
    """True where operations are recorded, False under ``no_grad``."""
    return _context.get().recording
