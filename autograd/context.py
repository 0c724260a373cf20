"""What holds while code runs: whether operations are recorded, and where.

Kept in a context variable, so each thread and each async task has its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


Tag = tuple[str, Scope | None]  # a node's label and scope; plain tuples, for speed


@dataclass(slots=True, eq=False)
class Context:
    """Whether operations record their graph, and the tag that new nodes get."""

    recording: bool = True
    tag: Tag = ("", None)


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
        inner = Scope(self._name, outer.tag[1])
        self._tokens.append(_context.set(Context(outer.recording, ("", inner))))
        return inner

    def __exit__(self, *exception: object) -> None:
        _context.reset(self._tokens.pop())


@contextmanager
def _not_recording() -> Iterator[None]:
    token = _context.set(Context(False, _context.get().tag))
    try:
        yield
    finally:
        _context.reset(token)


def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """A context manager, and a decorator, under which operations record no graph.

    Results are constants: they cost no gradient work and keep nothing alive. It
    ends with the block also when that raises, and holds for the current thread
    or async task only::

        with no_grad():
            p.data -= 0.1 * p.grad


        @no_grad
        def evaluate(model, X): ...
    """
    if function is None:
        return _not_recording()
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            with _not_recording():
                return await function(*args, **kwargs)

        return asynchronous

    @functools.wraps(function)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with _not_recording():
            return function(*args, **kwargs)

    return decorated


def is_grad_enabled() -> bool:
    """True where operations are recorded, False under ``no_grad``."""
    return _context.get().recording
