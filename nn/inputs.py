"""What layers are given: lists or arrays of numbers and Values, as Values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import Value


def values(inputs: Any, n_in: int | None, taker: Any) -> list[Value]:
    """The inputs as Values, numbers as constants labelled x[0], x[1] and so on.

    Raises:
        ValueError: if there are not ``n_in`` of them; it names the taker.
        TypeError: if they are not a sequence of numbers and Values.
    """
    if isinstance(inputs, np.ndarray):
        inputs = inputs.tolist()
    if not isinstance(inputs, list | tuple):
        raise TypeError(
            f"{taker._title()} takes a list of numbers or Values, but got {type(inputs).__name__}. "
            "Put a single input in a list."
        )
    if n_in is not None and len(inputs) != n_in:
        raise ValueError(f"{taker._title()} takes {n_in} inputs, but got {len(inputs)}.")
    if set(map(type, inputs)) == {Value}:
        return list(inputs)
    if any(map(_nested, inputs)):
        raise TypeError(
            f"{taker._title()} takes one sample, a flat list of numbers, but got a list of lists. "
            "Call it once per sample."
        )
    return [
        each if isinstance(each, Value) else Value(each, label=f"x[{i}]", requires_grad=False)
        for i, each in enumerate(inputs)
    ]


def grid(inputs: Any, taker: Any) -> np.ndarray:
    """Nested lists, or an array, as an object array of Values; numbers as constants x[0,1].

    Raises:
        ValueError: if the lists are not of equal lengths; it names the taker.
        TypeError: if they hold anything but numbers and Values.
    """
    if not isinstance(inputs, list | tuple | np.ndarray):
        raise TypeError(
            f"{taker._title()} takes an array, or nested lists, of numbers or Values, but got "
            f"{type(inputs).__name__}."
        )
    try:
        array = np.array(inputs, dtype=object)
    except ValueError:  # some of the lengths differ: NumPy says which, in its own words
        array = np.empty(0, dtype=object)
        ragged = True
    else:
        ragged = any(map(_nested, array.flat))
    if ragged:
        raise ValueError(f"{taker._title()} got nested lists whose lengths differ.")
    for index, each in np.ndenumerate(array):
        if not isinstance(each, Value):
            label = f"x[{','.join(map(str, index))}]"
            array[index] = Value(each, label=label, requires_grad=False)
    return array


def shaped(inputs: Any, taker: Any) -> tuple[list[Value], Callable[[list[Value]], Any]]:
    """The inputs as one flat list of Values, and what gives such a list their shape back.

    A flat list stays a list; nested lists and arrays of several axes become object arrays.
    """
    if isinstance(inputs, np.ndarray):
        nested = inputs.ndim > 1
    else:
        nested = isinstance(inputs, list | tuple) and any(map(_nested, inputs))
    if not nested:
        return values(inputs, None, taker), list
    array = grid(inputs, taker)
    return array.ravel().tolist(), lambda outputs: filled(outputs, array.shape)


def filled(outputs: list[Value], shape: tuple[int, ...]) -> np.ndarray:
    """The Values of a flat list as an object array of that shape."""
    array = np.empty(len(outputs), dtype=object)
    array[:] = outputs
    return array.reshape(shape)


def parameters(numbers: np.ndarray, letter: str) -> np.ndarray:
    """An object array of Values that hold these numbers, labelled w[0,1] and so on."""
    array = np.empty(numbers.shape, dtype=object)
    for index, number in np.ndenumerate(numbers):
        array[index] = Value(number, label=f"{letter}[{','.join(map(str, index))}]")
    return array


def count(number: object, what: str, least: int = 1) -> int:
    """The number as an int.

    Raises:
        ValueError: if it is no integer, or below ``least``.
    """
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < least:
        kind = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ValueError(f"{what} must be {kind}, but got {number!r}.")
    return int(number)


def pair(number: object, what: str, least: int = 1) -> tuple[int, int]:
    """(number, number), or the two of them, each checked as by ``count``."""
    if isinstance(number, list | tuple):
        if len(number) != 2:
            raise ValueError(f"{what} must be one integer or two, but got {number!r}.")
        first, second = number
        return count(first, what, least), count(second, what, least)
    single = count(number, what, least)
    return single, single


def real(number: Any, what: str, low: float, high: float) -> float:
    """The number as a finite float.

    Raises:
        ValueError: if it is no number, or outside [low, high].
    """
    try:
        found = float(operator.index(number)) if isinstance(number, int) else float(number)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if isinstance(number, bool | str) or not low <= found <= high or abs(found) == float("inf"):
        bounds = "finite" if high == float("inf") == -low else f"from {low:g} to {high:g}"
        raise ValueError(f"{what} must be a number, {bounds}, but got {number!r}.")
    return found


def _nested(thing: object) -> bool:
    return isinstance(thing, list | tuple | np.ndarray) and np.ndim(thing) > 0
