"""What a function can reach from outside: its parameters by name, and what must not change.

A compiled program holds what its function read from closures, globals and attributes. The
parameters are read afresh at every call; everything else is compared with what it was, and
the function is traced again when it differs.
"""

from __future__ import annotations

import dis
import random
import types
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from operator import is_
from typing import Any

import numpy as np

from autograd.value import Value

_PLAIN = (int, float, complex, str, bytes, bool, type(None), np.number, np.bool_)
_PASSED = (type, types.ModuleType, types.BuiltinFunctionType, np.ufunc)
_LIBRARIES = {"autograd", "nn", "numpy", "builtins", "math"}


@dataclass(eq=False)
class Environment:
    """The leaves from outside, and the containers in which they and other things were found.

    Attributes:
        names: dotted names of arrays of leaves, as of ``named_parameters``.
        members: for each the leaves in it, and the shape of the array, () for a single leaf.
    """

    names: list[str] = field(default_factory=list)
    members: list[tuple[list[Value], tuple[int, ...]]] = field(default_factory=list)
    _live: list[Any] = field(default_factory=list)  # containers, and views of them
    _before: list[Any] = field(default_factory=list)  # what was in them
    _guards: list[tuple[Callable[[], Any], Any]] = field(default_factory=list)
    _arrays: list[tuple[np.ndarray, bytes]] = field(default_factory=list)
    _random: list[tuple[Any, Any]] = field(default_factory=list)
    _seen: dict[int, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Environment:
        """The environment of a function, as it is now."""
        environment = cls()
        environment._visit([("", function)])
        environment._before = list(chain.from_iterable(environment._live))
        return environment

    @property
    def leaves(self) -> list[Value]:
        """All leaves, each once."""
        each = {id(leaf): leaf for leaves, _ in self.members for leaf in leaves}
        return list(each.values())

    def unchanged(self) -> bool:
        """Whether everything that was found is what it was."""
        if sum(map(len, self._live)) != len(self._before):
            return False
        if not all(map(is_, chain.from_iterable(self._live), self._before)):
            return False
        for read, before in self._guards:
            now = read()
            if len(now) != len(before) or not all(map(is_, now, before)):
                return False
        return all(array.tobytes() == data for array, data in self._arrays)

    def drew(self) -> bool:
        """Whether random numbers were drawn since, from any generator in reach."""
        return any(_state(generator) != state for generator, state in self._random)

    # -- finding -----------------------------------------------------------------------------

    def _visit(self, roots: list[tuple[str, Any]]) -> None:
        modules: list[tuple[str, Any]] = []
        queue = deque(roots)
        self._note_random(random)
        self._note_random(np.random)
        while queue:
            name, thing = queue.popleft()
            if isinstance(thing, (*_PLAIN, *_PASSED)) or id(thing) in self._seen:
                continue
            self._seen[id(thing)] = thing  # kept alive, so that its id stays its own
            if isinstance(thing, Value):
                if thing.is_leaf:
                    self._member(name, [thing], ())
            elif isinstance(thing, np.ndarray):
                self._array(name, thing, queue)
            elif isinstance(thing, list | tuple):
                leaves, shape = _table(thing)
                if leaves:
                    self._member(name, leaves, shape)
                    self._live += [each for each in thing if isinstance(each, list)]
                else:
                    queue += [(f"{name}.{i}", each) for i, each in enumerate(thing)]
                if isinstance(thing, list):
                    self._live.append(thing)
            elif isinstance(thing, dict):
                self._live += [thing.keys(), thing.values()]
                queue += [(_join(name, str(key)), each) for key, each in thing.items()]
            elif isinstance(thing, partial):
                queue += [(name, thing.func), *((name, each) for each in thing.args)]
                queue += list(thing.keywords.items())
            elif isinstance(thing, types.MethodType):
                queue += [("", thing.__self__), ("", thing.__func__)]
            elif isinstance(thing, types.FunctionType):
                queue += self._function(thing)
            elif isinstance(thing, np.random.Generator | np.random.RandomState | random.Random):
                self._note_random(thing)
            elif hasattr(thing, "__dict__") and not isinstance(thing, types.CodeType):
                if callable(getattr(type(thing), "named_parameters", None)):
                    modules.append((name, thing))
                self._live.append(vars(thing).values())
                queue += [
                    (_join(name, key), each)
                    for key, each in vars(thing).items()
                    if not _library(each)
                ]
                if callable(getattr(type(thing), "forward", None)):
                    queue.append(("", type(thing).forward))
                elif "__call__" in vars(type(thing)):
                    queue.append(("", type(thing).__call__))
        self._name_modules(modules)

    def _function(self, function: types.FunctionType) -> Iterator[tuple[str, Any]]:
        """What its code can name: cells, defaults, and globals."""
        if function.__module__ and function.__module__.split(".")[0] in _LIBRARIES:
            return iter(())
        found: list[tuple[str, Any]] = []
        cells = function.__closure__ or ()
        for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
            self._guard(partial(_contents, cell))
            found.append((name, _content(cell)))
        defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        found += [("", each) for each in defaults]
        world = function.__globals__
        names = [name for name in _global_names(function.__code__) if name in world]
        if names:
            self._guard(lambda: [world.get(name) for name in names])
            found += [(name, world[name]) for name in names if not _library(world[name])]
        return iter(found)

    def _array(self, name: str, array: np.ndarray, queue: deque[tuple[str, Any]]) -> None:
        if array.dtype != object:
            self._arrays.append((array, array.tobytes()))
            return
        self._guard(lambda: array.ravel().tolist())
        things = array.ravel().tolist()
        if things and all(isinstance(each, Value) and each.is_leaf for each in things):
            self._member(name, things, array.shape)
        else:
            queue += [(f"{name}.{i}", each) for i, each in enumerate(things)]

    def _guard(self, read: Callable[[], list[Any]]) -> None:
        self._guards.append((read, read()))

    def _note_random(self, generator: Any) -> None:
        self._random.append((generator, _state(generator)))

    # -- naming ------------------------------------------------------------------------------

    def _member(self, name: str, leaves: list[Value], shape: tuple[int, ...]) -> None:
        self.names.append(name)
        self.members.append((leaves, shape))

    def _name_modules(self, modules: list[tuple[str, Any]]) -> None:
        """Give leaves of modules the names that ``named_parameters`` has for them."""
        sets = [
            {id(leaf) for _, member in module.named_parameters() for leaf in _leaves(member)[0]}
            for _, module in modules
        ]
        tops = [
            pair
            for i, (pair, own) in enumerate(zip(modules, sets, strict=True))
            if own
            and not any(own < other or (own == other and k < i) for k, other in enumerate(sets))
        ]
        named: list[tuple[str, Any]] = []
        for prefix, module in tops:
            for name, member in module.named_parameters():
                named.append((_join(prefix, name) if len(tops) > 1 else name, member))
        taken: set[int] = set()
        names: list[str] = []
        members: list[tuple[list[Value], tuple[int, ...]]] = []
        plain = zip(self.names, self.members, strict=True)
        for name, (leaves, shape) in [
            *((name, _leaves(member)) for name, member in named),
            *plain,
        ]:
            if taken.issuperset(map(id, leaves)):
                continue
            if len(leaves) == 1 and not shape and not name:
                name = leaves[0].label
            taken.update(map(id, leaves))
            base = name = name or "parameter"
            count = 1
            while name in names:
                count += 1
                name = f"{base}_{count}"
            names.append(name)
            members.append((leaves, shape))
        self.names, self.members = names, members


def _table(things: Any) -> tuple[list[Value], tuple[int, ...]]:
    """The leaves of a list, or of a list of lists of one length, and its shape; else nothing."""
    if things and all(isinstance(each, list | tuple) for each in things):
        rows = [_table(each) for each in things]
        if all(leaves and shape == rows[0][1] for leaves, shape in rows):
            return [leaf for leaves, _ in rows for leaf in leaves], (len(rows), *rows[0][1])
        return [], ()
    if things and all(isinstance(each, Value) and each.is_leaf for each in things):
        return list(things), (len(things),)
    return [], ()


def _leaves(member: Any) -> tuple[list[Value], tuple[int, ...]]:
    if isinstance(member, Value):
        return [member], ()
    return np.ravel(member).tolist(), np.shape(member)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None  # not yet assigned


def _contents(cell: Any) -> list[Any]:
    return [_content(cell)]


def _library(thing: Any) -> bool:
    """Whether a thing belongs to a library, whose insides do not change."""
    if isinstance(thing, _PASSED):
        return True
    if isinstance(thing, types.FunctionType):
        return (thing.__module__ or "").split(".")[0] in _LIBRARIES
    return type(thing).__module__.split(".")[0] == "autograd" and not isinstance(thing, Value)


def _global_names(code: types.CodeType) -> list[str]:
    """The names in the code and in the functions written inside it."""
    names = dict.fromkeys(
        step.argval
        for step in dis.get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    )
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(dict.fromkeys(_global_names(constant)))
    return list(names)


def _state(generator: Any) -> Any:
    if generator is np.random:
        generator = np.random.mtrand._rand
    if hasattr(generator, "getstate"):
        return hash(generator.getstate())
    if isinstance(generator, np.random.RandomState):
        state: Any = generator.get_state()
        return state[2], state[1].tobytes()
    return repr(generator.bit_generator.state)
