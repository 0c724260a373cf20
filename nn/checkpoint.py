"""Checkpoints: all that a training needs to go on, in a file, atomically.

A file (see ``archive``) holds what the parts of a training give as ``state_dict``: nested dicts,
lists and tuples of numbers, text and arrays. The arrays are kept as such, the rest as JSON.
Reading builds nothing but these again, so nothing in a file is run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from nn import archive
from nn.archive import LoadError, Path_
from nn.module import Module

FORMAT = "scalar-autograd checkpoint"
VERSION = 1
_INTEGERS = ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32")
_FAILURES = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip


class Several:
    """The states of several things as one, of those that have one."""

    def __init__(self, things: Sequence[Any]):
        self.things = [
            each
            for each in things
            if hasattr(each, "state_dict") and hasattr(each, "load_state_dict")
        ]

    def state_dict(self) -> list[Any]:
        """That of each, with its kind."""
        return [{"kind": type(each).__name__, "state": each.state_dict()} for each in self.things]

    def load_state_dict(self, state: Sequence[Any]) -> None:
        """Give each its own."""
        kinds, own = [each["kind"] for each in state], [type(each).__name__ for each in self.things]
        if kinds != own:
            raise ValueError(f"its callbacks with a state are {kinds}, not {own}.")
        for thing, each in zip(self.things, state, strict=True):
            thing.load_state_dict(each["state"])


Parts = Mapping[str, Any]  # what has state_dict and load_state_dict, or None


def save(path: Path_, parts: Parts) -> None:
    """Write the states of all parts, all of it or nothing.

    Raises:
        ValueError: for a state with something in it that cannot be kept.
        OSError: if the file cannot be written.
    """
    header, arrays = pack(parts)
    archive.write(path, header, arrays)


def load(path: Path_, parts: Parts) -> None:
    """Give all parts the states in the file; nothing is changed unless all of them fit.

    Raises:
        LoadError: for a file that is damaged, no checkpoint, or of other parts: another model,
            optimiser and so on, saying which.
        OSError: if there is no such file, or it cannot be read.
    """
    header, arrays = archive.read(path)
    name = os.fspath(path)
    if header.get("format") != FORMAT:
        raise LoadError(f"{name}: it is no checkpoint, as fit(checkpoint=...) writes them.")
    if header.get("version") != VERSION:
        found = header.get("version")
        raise LoadError(f"{name}: it is of format {found!r:.20}; {VERSION} can be read.")
    with _misfits(name, "is damaged"):
        kinds = dict(header["kinds"])
        states = unpack(header["states"], arrays)
        missing = parts.keys() ^ states.keys() | parts.keys() ^ kinds.keys()
        if missing:
            raise ValueError(f"its parts differ in {sorted(missing)}.")
    for part, thing in parts.items():
        if kinds[part] != _kind(thing):
            raise LoadError(
                f"{name}: it is of another {part}: {kinds[part]!s:.400}, not {_kind(thing):.400}."
            )
    before = {part: thing.state_dict() for part, thing in parts.items() if thing is not None}
    try:
        for part, thing in parts.items():
            if thing is not None:
                with _misfits(name, f"does not fit the {part}"):
                    thing.load_state_dict(states[part])
    except BaseException:
        for part, state in before.items():
            parts[part].load_state_dict(state)
        raise


def pack(parts: Parts) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays of a file.

    Raises:
        ValueError: for a state with something in it that cannot be kept.
    """
    arrays: dict[str, np.ndarray] = {}
    states = {name: None if part is None else part.state_dict() for name, part in parts.items()}
    header = {
        "format": FORMAT,
        "version": VERSION,
        "kinds": {name: _kind(part) for name, part in parts.items()},
        "states": _packed(states, "", arrays),
    }
    return header, arrays


def _kind(part: Any) -> str:
    return repr(part) if isinstance(part, Module) else type(part).__name__


@contextmanager
def _misfits(path: str, what: str) -> Iterator[None]:
    """Turn what a file with other contents makes fail into an error that names it."""
    try:
        yield
    except _FAILURES as error:
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise LoadError(f"{path}: it {what}: {said}") from error


def _packed(thing: Any, where: str, arrays: dict[str, np.ndarray]) -> Any:
    """The thing as JSON, with its float64 and int64 arrays put into ``arrays``."""
    if isinstance(thing, np.generic):
        thing = thing.item()
    if thing is None or isinstance(thing, bool | int | str):
        return thing
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else {"float": repr(thing)}
    if isinstance(thing, np.ndarray):
        if thing.dtype in (np.float64, np.int64):
            arrays[where] = thing
            return {"array": where}
        if thing.dtype.name in _INTEGERS:
            return {"integers": [thing.dtype.name, list(thing.shape), thing.ravel().tolist()]}
    if isinstance(thing, Mapping) and all(type(key) is str for key in thing):
        return {
            "dict": {key: _packed(each, f"{where}/{key}", arrays) for key, each in thing.items()}
        }
    if isinstance(thing, list | tuple):
        parts = [_packed(each, f"{where}/{i}", arrays) for i, each in enumerate(thing)]
        return parts if isinstance(thing, list) else {"tuple": parts}
    raise ValueError(
        f"a checkpoint cannot keep {type(thing).__name__} {thing!r:.60}, the state of "
        f"{where.lstrip('/').replace('/', '.')}. It keeps numbers, text, arrays, and lists, tuples "
        "and dicts of them."
    )


def unpack(thing: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """What ``_packed`` has made JSON of."""
    if isinstance(thing, list):
        return [unpack(each, arrays) for each in thing]
    if not isinstance(thing, dict):
        return thing
    if len(thing) != 1:
        _refuse(thing)
    ((tag, inner),) = thing.items()
    if tag == "float" and inner in ("nan", "inf", "-inf"):
        return float(inner)
    if tag == "array" and isinstance(inner, str):
        return arrays[inner]
    if tag == "integers" and inner[0] in _INTEGERS:
        name, shape, numbers = inner
        return np.array(numbers, dtype=name).reshape(shape)
    if tag == "tuple" and isinstance(inner, list):
        return tuple(unpack(each, arrays) for each in inner)
    if tag == "dict" and isinstance(inner, dict):
        return {key: unpack(each, arrays) for key, each in inner.items()}
    return _refuse(thing)


def _refuse(thing: object) -> NoReturn:
    raise ValueError(f"it holds {thing!r:.60}.")
