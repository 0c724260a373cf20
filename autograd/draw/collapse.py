"""From a graph of any size to one that a person can read: groups of groups of nodes.

A ``Level`` is a partition of the nodes; each groups the items of the one below, and its quotient
has no cycle, so that any mixture of open and closed groups can be drawn in layers. In order: the
samples of a batch are folded, chains of one op become runs, then neurons, expressions used once,
leaves used together, the calls of modules from the inmost outwards, and twins. What has no
structure at all is cut into bands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from autograd.draw.blocks import Block, blocks
from autograd.draw.fold import fold
from autograd.draw.quotient import depths, neighbours, quotient, sole, topological, unique
from autograd.draw.tape import INPUT, OP, Tape, is_data
from autograd.value import Value

_BENDS = frozenset({
    "tanh", "sigmoid", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "log_sigmoid",
})  # fmt: skip
_RUN = 4  # the fewest steps of a run

Item: TypeAlias = tuple[int, int]  # (level, number at that level)


@dataclass(slots=True)
class Level:
    """A partition of the nodes, numbered in topological order.

    Attributes:
        of: for each item of the level below, the item here that holds it.
        made: how each item came about; "" for one that is the same as below.
        source, target: the edges of the quotient, each once, sorted by target.
        path: for each item the blocks that it stands in, from the outermost.
        leaf: whether an item holds leaves only; data: whether it holds data (inputs).
        times: how many samples it stands for.
        look: a number, equal for items that look the same.
        bend: whether it ends with an activation function, as a neuron does.
    """

    of: np.ndarray
    made: list[str]
    source: np.ndarray
    target: np.ndarray
    path: list[tuple[int, ...]]
    leaf: np.ndarray
    data: np.ndarray
    times: np.ndarray
    look: np.ndarray
    bend: np.ndarray
    members: list[list[int]] | None = field(default=None)

    def __len__(self) -> int:
        return len(self.made)

    def inside(self) -> list[list[int]]:
        """For each item the items of the level below that it holds, in order."""
        if self.members is None:
            self.members = [[] for _ in self.made]
            for i, group in enumerate(self.of.tolist()):
                self.members[group].append(i)
        return self.members


class Collapse:
    """Levels of a graph, each coarser than the one below, up to one within the budget.

    Attributes:
        tape: the graph.
        levels: the first has one item per node.
        blocks: what frames are drawn around.
        items: what is to be drawn, (level, number), in topological order.
    """

    def __init__(
        self,
        tape: Tape,
        max_nodes: int | None,
        open_: Iterable[str | Value] = (),
        folded: bool | None = None,
    ):
        self.tape = tape
        self.blocks: list[Block]
        budget = float("inf") if max_nodes is None else max_nodes
        crowded = len(tape) > budget or len(tape.source) > 1.25 * budget
        same = fold(tape) if folded or (folded is None and crowded) else None
        self.levels = [self._bottom()]
        if same is not None:
            self._add(same, "fold")
            self._runs()
        top, self.base = self.levels[-1], len(self.levels) - 1
        members = [self.nodes((len(self.levels) - 1, i)).tolist() for i in range(len(top))]
        self.blocks, top.path = blocks(
            tape, members, top.source, top.target, top.leaf & ~top.data, top.leaf
        )
        for stage in self._stages():
            top = self.levels[-1]
            if len(top) <= budget and len(top.source) <= 1.25 * budget:
                break
            stage()
        while len(self.levels[-1]) > budget:
            self._bands(int(budget))
        self.items = self._opened(list(open_))

    # -- what an item is ---------------------------------------------------------------------

    def made(self, item: Item) -> tuple[str, Item]:
        """How an item came about, and the level at which it did; "" for a single node."""
        level, number = item
        while level > 0 and not self.levels[level].made[number]:
            number = self.levels[level].inside()[number][0]
            level -= 1
        return self.levels[level].made[number], (level, number)

    def nodes(self, item: Item) -> np.ndarray:
        """The numbers of the nodes in an item, in topological order."""
        _, (level, number) = self.made(item)
        inside = np.array([number])
        for at in range(level, 0, -1):
            below = self.levels[at].inside()
            inside = np.concatenate([below[i] for i in inside.tolist()]).astype(np.int64)
        return np.sort(inside)

    def path(self, item: Item) -> tuple[int, ...]:
        """The blocks that an item stands in, from the outermost."""
        _, (level, number) = self.made(item)
        while level < self.base:  # a sample of what is folded stands where the fold does
            level += 1
            number = int(self.levels[level].of[number])
        return self.levels[level].path[number]

    def name(self, item: Item) -> str:
        """The name by which an item can be opened, "" if it has none."""
        made, (level, number) = self.made(item)
        if made not in ("scope", "neuron"):
            return ""
        below = self.levels[level].inside()[number][0]
        path = self.levels[level - 1].path[below]
        return self.blocks[path[len(self.levels[level].path[number])]].name

    # -- stages ------------------------------------------------------------------------------

    def _bottom(self) -> Level:
        tape = self.tape
        size = len(tape)
        key = unique(tape.target * size + tape.source)
        looks: dict[Any, int] = {}
        data = np.zeros(size, dtype=bool)
        for i in np.flatnonzero(tape.kind != OP).tolist():
            node = tape.nodes[i]
            data[i] = is_data(node) or (tape.kind[i] == INPUT and not node.label)
        look = [
            looks.setdefault(node.op or (int(kind), node.label), len(looks))
            for node, kind in zip(tape.nodes, tape.kind.tolist(), strict=True)
        ]
        return Level(
            of=np.arange(size),
            made=[""] * size,
            source=key % size,
            target=key // size,
            path=[()] * size,
            leaf=tape.kind != OP,
            data=data,
            times=np.ones(size, dtype=np.int64),
            look=np.array(look),
            bend=np.array([getattr(node.op, "name", "") in _BENDS for node in tape.nodes]),
        )

    def _stages(self) -> Iterable[Callable[[], None]]:
        """What makes the graph smaller, one after the other."""
        yield self._runs
        yield self._neurons
        yield partial(self._each, partial(self._cones, False), self._leaves)
        yield partial(self._each, self._twins, self._leaves)
        deepest = max(map(len, self.levels[-1].path), default=0)
        for depth in range(deepest - 1, -1, -1):
            close = partial(self._scopes, depth)
            yield partial(self._each, close, self._runs, self._twins, self._leaves)
        size = 0
        while size != len(self.levels[-1]):
            size = len(self.levels[-1])
            yield partial(self._each, self._cones, self._leaves)
            yield partial(self._each, self._runs, self._twins, self._leaves)

    @staticmethod
    def _each(*stages: Callable[[], None]) -> None:
        for stage in stages:
            stage()

    def _add(
        self,
        label: np.ndarray | Sequence[int],
        made: str,
        paths: list[tuple[int, ...]] | None = None,
    ) -> None:
        """A level on top, that puts items of equal label into one; none if nothing is merged.

        The paths are those that the items have there, if they change.
        """
        below = self.levels[-1]
        _, first, of = np.unique(np.asarray(label), return_index=True, return_inverse=True)
        count = len(first)
        if count == len(below):
            if paths is not None:
                self.levels.append(
                    replace(below, of=np.arange(count), made=[""] * count, path=paths, members=None)
                )
            return
        source, target = quotient(of[below.source], of[below.target], count)
        order = topological(source, target, first)
        place = np.empty(count, dtype=np.int64)
        place[order] = np.arange(count)
        of = place[of]
        source, target = quotient(of[below.source], of[below.target], count)
        size = np.bincount(of, minlength=count)
        head = np.zeros(count, dtype=np.int64)
        head[of[::-1]] = np.arange(len(of))[::-1]  # the first member of each
        bend = np.zeros(count, dtype=bool)
        np.logical_or.at(bend, of, below.bend)
        leaf = np.ones(count, dtype=bool)
        np.logical_and.at(leaf, of, below.leaf)
        data = np.ones(count, dtype=bool)
        np.logical_and.at(data, of, below.data)
        # A group stands for as many samples as all that is computed in it does.
        most, fewest = np.ones(count, dtype=np.int64), np.full(count, 1 << 40)
        inner = ~below.leaf | leaf[of]
        np.maximum.at(most, of[inner], below.times[inner])
        np.minimum.at(fewest, of[inner], below.times[inner])
        times = np.where(most == fewest, most, 1)
        look = below.look[head].copy()
        if made == "fold":
            times = size.copy()
        else:
            sums = np.zeros(count, dtype=np.int64)
            np.add.at(sums, of, (below.look + 1) * 0x9E3779B1 % 1000003)
            look = np.where(size > 1, -1 - (sums * 31 + len(made)) % (1 << 40), look)
        path = [(paths or below.path)[i] for i in head.tolist()]
        self.levels.append(
            Level(
                of=of,
                made=[made if s > 1 else "" for s in size.tolist()],
                source=source,
                target=target,
                path=path,
                leaf=leaf,
                data=data,
                times=times,
                look=look,
                bend=bend,
            )
        )

    def _runs(self) -> None:
        """Chains, and trees, of one op, each used by the next alone: long sums."""
        top = self.levels[-1]
        only = sole(top.source, top.target, len(top))
        alike = (only >= 0) & ~top.leaf
        for each in (top.look, top.times):
            alike &= each == each[only]
        label = self._joined(only, alike)
        _, inverse, size = np.unique(label, return_inverse=True, return_counts=True)
        label = np.where(size[inverse] >= _RUN, label, np.arange(len(top)))
        self._add(self._stretched(label), "run")

    def _cones(self, bent: bool = True) -> None:
        """What is computed for one use only, together with that use; or up to an activation."""
        top = self.levels[-1]
        only = sole(top.source, top.target, len(top))
        alike = (only >= 0) & ~top.data & (top.leaf | (top.times == top.times[only]))
        if not bent:
            alike &= ~top.bend
        self._add(self._stretched(self._joined(only, alike)), "cone")

    def _joined(self, only: np.ndarray, alike: np.ndarray) -> np.ndarray:
        """Labels by which every item joins the only one that uses it, where they are alike."""
        path = self.levels[-1].path
        label, use = list(range(len(path))), only.tolist()
        for i in reversed(np.flatnonzero(alike).tolist()):
            if path[i] == path[use[i]]:
                label[i] = label[use[i]]
        return np.array(label)

    def _stretched(self, label: np.ndarray, least: int = 12, bands: int = 4) -> np.ndarray:
        """The labels; where hardly anything would be left, a long group is cut along its depth.

        Its first and last steps stand alone, and bands between show how numbers change along it.
        """
        groups, size = np.unique(label, return_counts=True)
        if len(groups) >= least or size.max() <= 2 * least:
            return label
        longest = groups[size.argmax()]
        top = self.levels[-1]
        depth = depths(top.source, top.target, len(top))
        only = sole(top.source, top.target, len(top))
        inside = np.flatnonzero(label == longest)
        leaves = inside[top.leaf[inside]]
        depth[leaves] = depth[only[leaves]]
        steps, place = np.unique(depth[inside], return_inverse=True)
        if len(steps) <= 2 * least:
            return label
        cut = np.linspace(2, len(steps) - 2, bands + 1).round().astype(np.int64)
        edges = np.array([1, *cut, len(steps) - 1])
        label = label.copy()
        label[inside] = len(top) + np.searchsorted(edges, place, side="right")
        return label

    def _leaves(self) -> None:
        """Leaves that the same items use; a few inputs stay as they are."""
        top = self.levels[-1]
        after = neighbours(top.target, top.source, len(top))
        label = np.arange(len(top))
        groups: dict[Any, list[int]] = {}
        for i in np.flatnonzero(top.leaf).tolist():
            key = (tuple(after[i]), top.path[i], bool(top.data[i]), int(top.times[i]))
            groups.setdefault(key, []).append(i)
        for (_, _, data, _), items in groups.items():
            if len(items) > (4 if data else 1):
                label[items] = items[0]
        self._add(label, "leaves")

    def _twins(self) -> None:
        """Items that look the same, made from the same items for the same uses.

        Each may have parameters of its own, which look like those of the others.
        """
        top = self.levels[-1]
        before = neighbours(top.source, top.target, len(top))
        after = neighbours(top.target, top.source, len(top))
        own, look = (top.leaf & ~top.data).tolist(), top.look.tolist()
        first: dict[Any, int] = {}
        label = []
        for i in range(len(top)):
            made_from = (
                tuple(p for p in before[i] if not own[p]),
                tuple(sorted(look[p] for p in before[i] if own[p])),
            )
            key = (look[i], made_from, tuple(after[i]), top.path[i], top.times[i])
            label.append(i if top.leaf[i] else first.setdefault(key, i))
        self._add(label, "twins")

    def _neurons(self) -> None:
        """The neurons of layers, each with the weights that only it has."""
        blocks = self.blocks
        path = self.levels[-1].path
        isin = [bool(p) and blocks[p[-1]].title.startswith("neuron ") for p in path]
        self._close(
            [len(p) - 1 if n else len(p) for p, n in zip(path, isin, strict=True)], "neuron"
        )

    def _scopes(self, depth: int) -> None:
        """The calls of modules at this depth."""
        self._close([min(len(p), depth) for p in self.levels[-1].path], "scope")

    def _close(self, lengths: list[int], made: str) -> None:
        """Put into one what stands in the same block beyond the given length of the path."""
        path = self.levels[-1].path
        first: dict[int, int] = {}
        label = [
            first.setdefault(p[length], i) if length < len(p) else i
            for i, (p, length) in enumerate(zip(path, lengths, strict=True))
        ]
        self._add(label, made, [p[:length] for p, length in zip(path, lengths, strict=True)])

    def _bands(self, budget: int) -> None:
        """Whatever is left, by depth."""
        top = self.levels[-1]
        depth = depths(top.source, top.target, len(top))
        after = np.full(len(top), depth.max())
        np.minimum.at(after, top.source, depth[top.target])
        depth = np.where(top.leaf, after, depth)
        count = max(budget // 2, 1)
        place = np.argsort(np.argsort(depth, kind="stable"), kind="stable")
        begin = np.full(depth.max() + 1, len(top))
        np.minimum.at(begin, depth, place)  # equal depths stay together
        band = begin[depth] * count // len(top)
        self._add(band * 2 + top.leaf, "band", [()] * len(top))

    # -- opening -----------------------------------------------------------------------------

    def _opened(self, wanted: list[str | Value]) -> list[Item]:
        """The items to draw: those on top, and in place of those wanted what is in them."""
        names = [each for each in wanted if isinstance(each, str)]
        numbers = {
            n for each in wanted if isinstance(each, Value) if (n := self._number(each)) >= 0
        }
        items: list[Item] = []
        found: set[str] = set()
        top = len(self.levels) - 1
        stack = [(top, i) for i in reversed(range(len(self.levels[top])))]
        while stack:
            made, item = self.made(stack.pop())
            if made and wanted:
                name = self.name(item)
                asked = {each for each in names if _matches(each, name)}
                found |= asked
                if asked or (numbers and not numbers.isdisjoint(self.nodes(item).tolist())):
                    level, number = item
                    stack += [(level - 1, i) for i in reversed(self.levels[level].inside()[number])]
                    continue
            items.append(item)
        if missing := set(names) - found:
            self._refuse(missing)
        return items

    def _number(self, node: Value) -> int:
        number = self.tape.number(node)
        if number is None:
            raise ValueError(f"open={node!r} is not in the graph that is drawn.")
        return number

    def _refuse(self, missing: set[str]) -> None:
        known = sorted({block.name for block in self.blocks})
        unknown = [each for each in sorted(missing) if not any(_matches(each, n) for n in known)]
        if unknown:
            listed = ", ".join(map(repr, known[:12])) or "none, as no module made these nodes"
            raise ValueError(
                f"there is no group {unknown[0]!r} to open. Groups: {listed}. "
                "A node opens all groups that it is in."
            )


def _matches(asked: str, name: str) -> bool:
    """Whether a group is meant: by its whole name or the end of it."""
    return bool(asked) and (name == asked or name.endswith(("." + asked, " " + asked)))
