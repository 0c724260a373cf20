"""Equations that are one but for an index, said once: δₖ = (aₖ - yₖ) · σ'(zₖ) for k = 1, 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autograd.explain.equations import Equation
from autograd.explain.formula import Formula, Style, unified

_LETTERS = "kjimps"


@dataclass(frozen=True)
class Group:
    """Equations of one form.

    Attributes:
        left, right: the form, in which indices run.
        members: the equations, with their numbers.
        ranges: the numbers that each index runs through; n is that of the sample.
    """

    left: Formula
    right: Formula
    members: tuple[Equation, ...]
    ranges: dict[str, list[int]] = field(default_factory=dict)

    def text(self, digits: int = 4, limit: int = 5) -> str:
        """The form, and under it the equations in numbers, at most ``limit`` of them."""
        if len(self.members) == 1:
            return self.members[0].text(digits, _terms(limit))
        where = "; ".join(f"{letter} = {_range(run)}" for letter, run in self.ranges.items())
        lines = [f"{self.left} = {self.right}   for {where}"]
        style = Style(digits=digits, most=_terms(limit))
        for each in self.members[:limit]:
            lines.append(f"  {each.left} = {each.right.show(style)} = {style.number(each.value)}")
        if len(self.members) > limit:
            lines.append(f"  and {len(self.members) - limit} more")
        return "\n".join(lines)

    def latex(self, digits: int = 4, limit: int = 5) -> str:
        """The same as lines of an ``aligned`` block."""
        if len(self.members) == 1:
            return self.members[0].latex(digits, _terms(limit))
        names, style = Style(latex=True), Style(latex=True, digits=digits, most=_terms(limit))
        where = "; ".join(rf"{letter} = {_range(run, True)}" for letter, run in self.ranges.items())
        lines = [rf"{self.left.show(names)} &= {self.right.show(names)} \qquad {where}"]
        for each in self.members[:limit]:
            left, right = each.left.show(names), each.right.show(style)
            lines.append(f"{left} &= {right} = {style.number(each.value)}")
        if len(self.members) > limit:
            lines.append(rf"&\text{{and {len(self.members) - limit} more}}")
        return " \\\\\n".join(lines)


def _terms(limit: int) -> int:
    """How many terms of a sum are written out, where ``limit`` equations are."""
    return max(limit, 6)


def _range(numbers: list[int], latex: bool = False) -> str:
    if len(numbers) > 3 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        dots = r"\dots" if latex else "…"
        return f"{numbers[0]}, {dots}, {numbers[-1]}"
    return ", ".join(map(str, numbers))


def grouped(equations: Sequence[Equation]) -> list[Group]:
    """The equations, those of one form together, in the order in which the forms come up."""
    groups: dict[object, list[Group]] = {}
    for equation in equations:
        group = Group(equation.left, equation.right, (equation,))
        groups.setdefault((equation.left.head, len(equation.left.coordinates)), []).append(group)
    found: list[Group] = []
    for members in groups.values():
        width = len(members[0].left.coordinates)
        for slot in range(width):
            members = _merged(members, slot, slot == width - 1)
        found += members
    return found


def _merged(groups: list[Group], slot: int, is_call: bool) -> list[Group]:
    """The groups, those that differ in one coordinate of the name on the left made one."""
    alike: dict[object, list[Group]] = {}
    for group in groups:
        rest = (*group.left.coordinates[:slot], *group.left.coordinates[slot + 1 :])
        alike.setdefault((rest, group.right.skeleton), []).append(group)
    result: list[Group] = []
    for members in alike.values():
        result += _one(members, slot, is_call) or members
    return result


def _one(groups: list[Group], slot: int, is_call: bool) -> list[Group] | None:
    numbers = [group.left.coordinates[slot] for group in groups]
    if len(groups) < 2 or not all(isinstance(number, int) for number in numbers):
        return None
    groups = sorted(groups, key=lambda group: int(group.left.coordinates[slot] or 0))
    run = [int(group.left.coordinates[slot] or 0) for group in groups]
    used = {c for group in groups for part in group.right for c in part.coordinates}
    used |= {getattr(part, "letter", None) for group in groups for part in group.right}
    used |= set(groups[0].ranges)
    letter = "n" if is_call else next(each for each in _LETTERS if each not in used)
    left = unified([group.left for group in groups], run, letter)
    right = unified([group.right for group in groups], run, letter)
    if left is None or right is None:
        return None
    members = tuple(member for group in groups for member in group.members)
    return [Group(left, right, members, {**groups[0].ranges, letter: run})]
