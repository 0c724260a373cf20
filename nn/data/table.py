"""Samples out of a CSV file with a header, each fault named by its line."""

from __future__ import annotations

import csv
import io
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
MOST_CATEGORIES = 50  # of an input column; more are names or sentences
MOST_CLASSES = 20  # of a target of whole numbers, for it to be taken for classes
_SHOWN = 5  # faults that a message names

Cells = list[str]


class TableError(ValueError):
    """A file that is no table of samples.

    Attributes:
        faults: (line, reason) of each bad row; empty where the fault is not in single rows.
    """

    def __init__(self, message: str, faults: Sequence[tuple[int, str]] = ()):
        super().__init__(message)
        self.faults = list(faults)


@dataclass(frozen=True)
class Column:
    """A column of the file: its name, and its categories in order; None for numbers."""

    name: str
    categories: tuple[str, ...] | None = None

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs that it becomes.

        A category is 1 where it stands and 0 elsewhere; of two, the second is enough.
        """
        if self.categories is None:
            return [self.name]
        shown = self.categories[1:] if len(self.categories) <= 2 else self.categories
        return [f"{self.name}={category}" for category in shown]


@dataclass(frozen=True)
class Layout:
    """Which columns are inputs and which is the target, and how their cells become numbers."""

    inputs: tuple[Column, ...]
    target: Column

    def to_json(self) -> dict[str, Any]:
        """The same as lists and dicts."""
        columns = [*self.inputs, self.target]
        return {
            "columns": [
                {
                    "name": each.name,
                    "categories": None if each.categories is None else list(each.categories),
                }
                for each in columns
            ]
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Layout:
        """The layout out of what ``to_json`` gave.

        Raises:
            TableError: for anything else.
        """
        try:
            columns = [
                Column(
                    str(each["name"]), each["categories"] and tuple(map(str, each["categories"]))
                )
                for each in given["columns"]
            ]
            return cls(tuple(columns[:-1]), columns[-1])
        except (TypeError, KeyError, IndexError) as problem:
            raise TableError(f"this is no layout of a table: {problem!r}.") from None


@dataclass(frozen=True, eq=False)
class Table:
    """The samples of a file.

    Attributes:
        X: (N, inputs).
        y: N class indices, or N numbers.
        names: of the inputs.
        classes: the names of the classes, by index; None where y are numbers.
        lines: the line of the file that each sample stands on.
        dropped: (line, reason) of the rows left out.
        layout: how it was read, to read other files alike.
    """

    X: np.ndarray
    y: np.ndarray
    names: list[str]
    classes: list[str] | None
    lines: list[int]
    dropped: list[tuple[int, str]]
    layout: Layout


def read_csv(
    path: str | os.PathLike[str],
    target: str | None = None,
    *,
    ignore: Iterable[str] = (),
    classes: bool | None = None,
    missing: str = "error",
    delimiter: str | None = None,
    encoding: str = "utf-8",
    layout: Layout | None = None,
) -> Table:
    """The samples of a CSV file whose first line names the columns.

    A column is one of numbers if more than half of its cells are; a cell of it that is not makes
    its row a bad one. Any other column is one of categories: as the target they become class
    indices in sorted order, as an input one 0-or-1 column each (``"colour=red"``; a single column
    for two of them). Missing is an empty cell, NA, N/A, NaN, null, None or ?. Empty lines are
    skipped.

    Args:
        path: the file.
        target: the column to predict; the last one if not given.
        ignore: columns to leave out.
        classes: whether a target of numbers is one of classes. If not given, it is if all are
            whole numbers, of at most 20 kinds that come twice each on average.
        missing: "error", or "drop" to leave out rows in which a cell is missing.
        delimiter: one of the signs , ; tab | by the header, if not given.
        encoding: of the file, as Python calls it.
        layout: that of another table, to read this file alike: its columns are found by name, and
            further columns are ignored.

    Raises:
        TableError: naming the lines at fault and the reason; it is a ValueError.
        OSError: if the file cannot be read.
    """
    if missing not in ("error", "drop"):
        raise ValueError(f"read_csv(): missing must be 'error' or 'drop', not {missing!r}.")
    name = os.fspath(path)
    rows = _rows(name, _text(Path(name), encoding), delimiter)
    head = _head(name, rows)
    if layout is not None:
        columns = [*layout.inputs, layout.target]
        absent = [each.name for each in columns if each.name not in head]
        if absent:
            raise TableError(
                f"{name}: there is no column {_listed(absent)}; it has {_listed(head)}."
            )
        wanted = [each.name for each in columns]
    else:
        wanted = _wanted(name, head, target, list(ignore))
    good, faults, gaps = _complete(rows[1:], head, wanted)
    if missing == "error":
        faults = sorted(faults + gaps)
    if layout is None:
        columns = [_column(each, [cells[i] for _, cells in good]) for i, each in enumerate(wanted)]
        columns[-1] = _target(name, columns[-1], [cells[-1] for _, cells in good], classes)
        crowded = [c for c in columns[:-1] if len(c.categories or ()) > MOST_CATEGORIES]
        if crowded and not faults:
            raise TableError(
                f"{name}: column {crowded[0].name!r} has {len(crowded[0].categories or ())} "
                "different texts, too many for categories; ignore it."
            )
    numbers = []
    for line, cells in good:
        row = []
        for column, cell in zip(columns, cells, strict=True):
            number = _number(column, cell)
            if isinstance(number, str):
                faults.append((line, number))
                break
            row.append(number)
        numbers.append(row)
    if faults:
        raise TableError(_told(name, sorted(faults)), sorted(faults))
    if not numbers:
        why = f": all {len(gaps)} rows have missing cells" if gaps else ""
        raise TableError(f"{name}: there are no samples below the header{why}.")
    final = Layout(tuple(columns[:-1]), columns[-1])
    return _table(final, np.array(numbers), [line for line, _ in good], gaps)


def _text(path: Path, encoding: str) -> str:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except LookupError:
        raise TableError(f"{path}: there is no encoding called {encoding!r}.") from None
    except UnicodeError as problem:
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise TableError(
                f"{path}: this looks like utf-16; give that as its encoding."
            ) from None
        start = problem.start if isinstance(problem, UnicodeDecodeError) else 0
        line = content[:start].count(b"\n") + 1
        reason = f"byte 0x{content[start]:02x} is not {encoding}" if content else str(problem)
        raise TableError(
            f"{path}: line {line}: {reason}; give the file's encoding, such as latin-1.",
            [(line, reason)],
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise TableError(f"{path}: line {line}: a zero byte; this is no text file in {encoding}.")
    return text


def _rows(name: str, text: str, delimiter: str | None) -> list[tuple[int, Cells]]:
    """(line on which it begins, cells) of every row that is not empty."""
    if not text.strip():
        raise TableError(f"{name}: the file is empty; it needs a header and samples.")
    if delimiter is None:
        header = text.lstrip().splitlines()[0]
        delimiter = max(",;\t|", key=header.count)
    elif len(delimiter) != 1:
        raise ValueError(f"read_csv(): delimiter must be one sign, not {delimiter!r}.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, line = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as problem:
        reason = str(problem)
        if "unexpected end" in reason:
            reason = "a quotation mark that opens here is never closed"
        raise TableError(f"{name}: line {line}: {reason}.", [(line, reason)]) from None
    return rows


def _head(name: str, rows: list[tuple[int, Cells]]) -> Cells:
    line, head = rows[0]
    if all(_float(cell) is not None for cell in head):
        raise TableError(
            f"{name}: line {line}: these are numbers, but the first line must name the columns."
        )
    for number, cell in enumerate(head, 1):
        if not cell:
            raise TableError(f"{name}: line {line}: column {number} has no name.")
    twice = [cell for cell, times in Counter(head).items() if times > 1]
    if twice:
        raise TableError(f"{name}: line {line}: several columns are called {_listed(twice)}.")
    return head


def _wanted(name: str, head: Cells, target: str | None, ignore: list[str]) -> Cells:
    """The names of the inputs, then that of the target."""
    for each in [*ignore, *([] if target is None else [target])]:
        if each not in head:
            raise TableError(f"{name}: there is no column {each!r}; it has {_listed(head)}.")
    left = [each for each in head if each not in ignore]
    if target in ignore or not left:
        raise TableError(f"{name}: the target is to be ignored, so nothing is left to learn.")
    target = left[-1] if target is None else target
    inputs = [each for each in left if each != target]
    if not inputs:
        raise TableError(f"{name}: next to the target {target!r} there is no column to learn from.")
    return [*inputs, target]


def _complete(
    rows: list[tuple[int, Cells]], head: Cells, wanted: Cells
) -> tuple[list[tuple[int, Cells]], list[tuple[int, str]], list[tuple[int, str]]]:
    """The rows in which all wanted cells are there; the faults of others; and their gaps."""
    places = [head.index(each) for each in wanted]
    good, faults, gaps = [], [], []
    for line, cells in rows:
        if len(cells) != len(head):
            s = "" if len(cells) == 1 else "s"
            faults.append((line, f"{len(cells)} cell{s}, but the header names {len(head)}"))
            continue
        chosen = [cells[place] for place in places]
        empty = [each for each, cell in zip(wanted, chosen, strict=True) if _is_missing(cell)]
        if empty:
            gaps.append((line, f"{_listed(empty)} is missing"))
        else:
            good.append((line, chosen))
    return good, faults, gaps


def _column(name: str, cells: Cells) -> Column:
    n_numbers = sum(_float(cell) is not None for cell in cells)
    if not cells or 2 * n_numbers > len(cells):
        return Column(name)
    return Column(name, tuple(sorted(set(cells))))


def _target(name: str, column: Column, cells: Cells, classes: bool | None) -> Column:
    """The column of the target, with whole numbers as categories where they are classes."""
    if column.categories is not None:
        if classes is False and cells:
            raise TableError(f"{name}: the target {column.name!r} holds texts, not numbers.")
        return column
    found = [number for number in map(_float, cells) if number is not None]
    kinds = sorted(set(found))
    whole = all(number.is_integer() for number in kinds)
    few = whole and len(kinds) <= MOST_CLASSES and 2 * len(kinds) <= len(found)
    if classes and not whole:
        raise TableError(
            f"{name}: the target {column.name!r} holds numbers that are not whole: no classes."
        )
    if classes or (few and classes is None):
        return Column(column.name, tuple(map(_spelled, kinds)))
    return column


def _number(column: Column, cell: str) -> float | str:
    """The cell as a number or index of its category; or what is wrong with it."""
    if column.categories is None:
        number = _float(cell)
        return (
            f"{_short(cell)} in column {column.name!r} is no number" if number is None else number
        )
    if cell in column.categories:
        return float(column.categories.index(cell))
    number = _float(cell)
    if number is not None and _spelled(number) in column.categories:  # 1.0 beside 1
        return float(column.categories.index(_spelled(number)))
    if number is None and all(_float(each) is not None for each in column.categories):
        return f"{_short(cell)} in column {column.name!r} is no number"
    return f"{_short(cell)} is none of the categories of column {column.name!r}"


def _table(
    layout: Layout, numbers: np.ndarray, lines: list[int], dropped: list[tuple[int, str]]
) -> Table:
    parts, names = [], []
    for column, given in zip(layout.inputs, numbers.T, strict=False):
        names += column.inputs
        if column.categories is None:
            parts.append(given[:, np.newaxis])
        else:
            k = len(column.categories)
            onehot = np.eye(k)[given.astype(int)]
            parts.append(onehot[:, 1:] if k <= 2 else onehot)
    X, y = np.concatenate(parts, axis=1), numbers[:, -1]
    if not X.shape[1]:
        raise TableError("every input column says the same in all rows: nothing to learn from.")
    classes = None if layout.target.categories is None else list(layout.target.categories)
    return Table(X, y if classes is None else y.astype(int), names, classes, lines, dropped, layout)


def _is_missing(cell: str) -> bool:
    return cell.lower() in MISSING


def _float(cell: str) -> float | None:
    """The finite number that a cell says, or None."""
    try:
        number = math.nan if "_" in cell else float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _spelled(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)


def _told(name: str, faults: list[tuple[int, str]]) -> str:
    told = "; ".join(f"line {line}: {reason}" for line, reason in faults[:_SHOWN])
    more = len(faults) - _SHOWN
    return f"{name}: {told}" + (f"; and {more} more." if more > 0 else ".")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 30 else cell[:27] + "...")
