"""How a comparison is shown: as a table in a terminal and in a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Table:
    """Cells under a head, and lines of text below; ``str`` and notebooks show it.

    Attributes:
        head: one title per column.
        rows: the cells, as text.
        notes: lines below the table.
        wrong: the numbers of the rows to be marked.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    wrong: frozenset[int] = frozenset()

    def __str__(self) -> str:
        table = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        # Colours that are readable on white and on black; the rest is the notebook's own.
        def line(cells: Sequence[str], tag: str, style: str) -> str:
            inside = "".join(
                f'<{tag} style="text-align:left;{style}">{html.escape(cell)}</{tag}>'
                for cell in cells
            )
            return f"<tr>{inside}</tr>"

        body = [
            line(cells, "td", "color:#e5484d;" if i in self.wrong else "")
            for i, cells in enumerate(self.rows)
        ]
        notes = "".join(f"<div>{html.escape(note)}</div>" for note in self.notes)
        head = line(self.head, "th", "")
        return (
            f"<div><table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>{notes}</div>"
        )


class Report:
    """What a comparison found: true or false as ``ok``, shown as a table everywhere."""

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        raise NotImplementedError

    def table(self) -> Table:
        """The findings as a table."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    @staticmethod
    def differences(one: Any, other: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
        """One minus the other, elementwise; 0 where both are nan or the same infinity."""
        one, other = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
        with np.errstate(all="ignore"):
            same = (one == other) | (np.isnan(one) & np.isnan(other))
            return np.where(same, 0.0, one - other)
