"""Functions that look at the calls of a module, and may replace what goes in and comes out."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd import Value

if TYPE_CHECKING:
    from nn.module import Module

Hook = Callable[..., Any]
_numbers = itertools.count()


class HookHandle:
    """A hook on a module, until ``remove()`` or the end of a ``with`` block."""

    def __init__(self, module: Module, kind: str, hook: Hook):
        if module._hooks is None:
            module._hooks = Hooks()
        self._module, self._hooks = weakref.ref(module), module._hooks
        self._of_kind: dict[int, Hook] = getattr(self._hooks, kind)
        self._number = next(_numbers)
        self._of_kind[self._number] = hook

    def remove(self) -> None:
        """Take the hook off; a second time does nothing."""
        self._of_kind.pop(self._number, None)
        module = self._module()
        if module is not None and vars(module).get("_hooks") is self._hooks and not self._hooks:
            del module._hooks  # after the last hook, a call costs what it did before the first

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class Hooks:
    """The hooks of one module, by kind, in the order of registration."""

    def __init__(self) -> None:
        self.before: dict[int, Hook] = {}
        self.after: dict[int, Hook] = {}
        self.backward: dict[int, Hook] = {}

    def __bool__(self) -> bool:
        return bool(self.before or self.after or self.backward)

    def around(self, module: Module, inputs: tuple[Any, ...]) -> Any:
        """The outputs of ``forward``, with the hooks called before, after, and backwards."""
        for hook in list(self.before.values()):
            replaced = hook(module, inputs)
            if replaced is not None:
                inputs = replaced if isinstance(replaced, tuple) else (replaced,)
        outputs = module.forward(*inputs)
        for hook in list(self.after.values()):
            replaced = hook(module, inputs, outputs)
            if replaced is not None:
                outputs = replaced
        return self._watched(module, inputs, outputs) if self.backward else outputs

    def _watched(self, module: Module, inputs: tuple[Any, ...], outputs: Any) -> Any:
        """The outputs, each with the hooks on its adjoint."""
        given = {id(value) for _, value in _leaves(inputs)}

        def watched(value: Value, index: Any) -> Value:
            if not value.requires_grad:
                return value
            if id(value) in given or value.is_leaf:  # not made by this call, so not its own
                label, value = value.label, +value
                value.label = label

            def seen(adjoint: Any) -> Any:
                first = adjoint
                for hook in list(self.backward.values()):
                    replaced = hook(module, index, adjoint)
                    if replaced is not None:
                        adjoint = replaced
                return None if adjoint is first else adjoint

            value.register_hook(seen)
            return value

        return _mapped(watched, outputs, ())


def _leaves(thing: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Value]]:
    """(indices, Value) of every Value in lists, tuples, dicts and arrays."""
    if isinstance(thing, Value):
        yield path, thing
    elif isinstance(thing, np.ndarray):
        if thing.dtype == object:
            for index, each in np.ndenumerate(thing):
                yield from _leaves(each, (*path, *index))
    elif isinstance(thing, list | tuple):
        for i, each in enumerate(thing):
            yield from _leaves(each, (*path, i))
    elif isinstance(thing, dict):
        for key, each in thing.items():
            yield from _leaves(each, (*path, key))


def _mapped(change: Callable[[Value, Any], Value], thing: Any, path: tuple[Any, ...]) -> Any:
    """The same structure, with ``change(value, index)`` in place of every Value."""
    if isinstance(thing, Value):
        return change(thing, path[0] if len(path) == 1 else path)
    if isinstance(thing, np.ndarray) and thing.dtype == object:
        array = np.empty(thing.shape, dtype=object)
        for index, each in np.ndenumerate(thing):
            array[index] = _mapped(change, each, (*path, *index))
        return array
    if isinstance(thing, list | tuple):
        parts = [_mapped(change, each, (*path, i)) for i, each in enumerate(thing)]
        return parts if isinstance(thing, list) else getattr(type(thing), "_make", tuple)(parts)
    if isinstance(thing, dict):
        return {key: _mapped(change, each, (*path, key)) for key, each in thing.items()}
    return thing
