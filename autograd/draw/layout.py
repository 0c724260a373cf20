"""Where everything stands: a layered layout from left to right, with frames within frames.

Each frame is laid out by itself, inmost first, and is a large box in the one around it. Within
one: ranks by the longest path, dummies where an edge passes a rank, few crossings by barycentre
sweeps (Sugiyama, Tagawa & Toda 1981), and heights by least squares in a given order (isotonic
regression). It knows sizes only, not what is in the boxes; the same input gives the same output.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

PAD, TITLE = 12.0, 22.0  # inside a frame: to its sides, and above for its title
ROW = 16.0  # between two edges that arrive at the same box
_APART = 14.0  # between two boxes of a rank
_LANE = 10.0  # height of a passing edge
_TURN = 30.0  # width in which an edge may rise and fall
_MOST_DUMMIES = 20_000  # beyond, long edges go straight


@dataclass(frozen=True, slots=True)
class Link:
    """An edge to be laid out: the numbers of the boxes, and the width of its label."""

    source: int
    target: int
    label: float = 0.0


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A frame to be laid out: the number of the one around it or -1, and the title's width."""

    parent: int = -1
    title: float = 0.0


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle: its left upper corner, width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Rectangles of boxes and frames, and for each link the points that it goes through.

    A link is level where two points have the same height, and turns from level to level where
    they have not. Before its last point it is level for the width of its label.
    """

    boxes: tuple[Rect, ...]
    links: tuple[tuple[tuple[float, float], ...], ...]
    frames: tuple[Rect, ...]
    width: float
    height: float


@dataclass(slots=True)
class _Item:
    """What has a place in a rank: a box, a frame, a dummy or a port."""

    width: float
    height: float
    rank: int = -1
    y: float = 0.0  # upper edge
    x: float = 0.0
    before: list[tuple[int, int]] = field(default_factory=list)  # (item, segment)
    after: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Part:
    """A part of a link within one frame: from one of its items, or its border, to another."""

    link: int
    source: int  # key of an item; see `_Plane`
    target: int
    label: float
    points: list[tuple[float, float]] = field(default_factory=list)


def arrange(
    sizes: Sequence[tuple[float, float]],
    links: Sequence[Link],
    frame_of: Sequence[int] = (),
    frames: Sequence[Enclosure] = (),
) -> Layout:
    """The layout of boxes of these sizes.

    Args:
        sizes: (width, height) of each box.
        links: the edges; without a cycle, also among the frames of any one frame.
        frame_of: the inmost frame of each box, -1 outside all; or empty.
        frames: each after the one around it.
    """
    frame_of = frame_of or [-1] * len(sizes)
    chains = [_chain(f, frames) for f in range(len(frames))] + [[]]
    parts: list[list[_Part]] = [[] for _ in range(len(frames) + 1)]
    route: list[list[tuple[int, int]]] = []  # of each link: (frame, part), from the source on
    boxes, count = len(sizes), len(sizes) + len(frames)
    for number, link in enumerate(links):
        up, down = chains[frame_of[link.source]], chains[frame_of[link.target]]
        shared = 0
        while shared < min(len(up), len(down)) and up[shared] == down[shared]:
            shared += 1
        trail: list[tuple[int, int, int]] = []
        inside = link.source
        for frame in reversed(up[shared:]):
            trail.append((frame, inside, _right(link.source)))
            inside = boxes + frame
        steps = [boxes + frame for frame in down[shared:]] + [link.target]
        trail.append((up[shared - 1] if shared else -1, inside, steps[0]))
        for frame, step in zip(down[shared:], steps[1:], strict=True):
            trail.append((frame, _left(link.source), step))
        route.append([])
        for i, (frame, source, target) in enumerate(trail):
            label = link.label if i == len(trail) - 1 else 0.0
            route[-1].append((frame, len(parts[frame])))
            parts[frame].append(_Part(number, source, target, label))
    content: list[list[int]] = [[] for _ in range(len(frames) + 1)]
    for box, frame in enumerate(frame_of):
        content[frame].append(box)
    for f, enclosure in enumerate(frames):
        content[enclosure.parent].append(boxes + f)
    size = [*sizes, *[(0.0, 0.0)] * len(frames)]
    planes: list[_Plane | None] = [None] * (len(frames) + 1)
    for f in [*range(len(frames) - 1, -1, -1), -1]:
        ports = {key: planes[key - boxes] for key in content[f] if key >= boxes}
        plane = _Plane(content[f], size, parts[f], [link.source for link in links], ports, f >= 0)
        planes[f] = plane
        if f >= 0:
            plane.height += TITLE
            plane.width = max(plane.width, frames[f].title + 2 * PAD)
            size[boxes + f] = (plane.width, plane.height)
    origin: list[tuple[float, float]] = [(0.0, 0.0)] * (len(frames) + 1)
    rects: list[Rect] = [Rect(0.0, 0.0, 0.0, 0.0)] * count
    for f in [-1, *range(len(frames))]:
        plane = planes[f]
        assert plane is not None
        x0, y0 = origin[f]
        y0 += TITLE if f >= 0 else 0.0
        for key in content[f]:
            item = plane.items[key]
            rects[key] = Rect(x0 + item.x, y0 + item.y, *size[key])
            if key >= boxes:
                origin[key - boxes] = (x0 + item.x, y0 + item.y)
        for part in parts[f]:
            part.points = [(x0 + x, y0 + y) for x, y in part.points]
    lines = []
    for each in route:
        points: list[tuple[float, float]] = []
        for frame, index in each:
            for point in parts[frame][index].points:
                if (
                    not points
                    or max(abs(a - b) for a, b in zip(point, points[-1], strict=True)) > 0.01
                ):
                    points.append(point)
        lines.append(tuple(points))
    outer = planes[-1]
    assert outer is not None
    return Layout(
        tuple(rects[:boxes]), tuple(lines), tuple(rects[boxes:]), outer.width, outer.height
    )


def _chain(frame: int, frames: Sequence[Enclosure]) -> list[int]:
    """The frames from the outermost to this one."""
    chain = []
    while frame >= 0:
        chain.append(frame)
        frame = frames[frame].parent
    return chain[::-1]


# Ports on the borders of a frame stand for a box outside, or for one inside that is used outside.
def _left(box: int) -> int:
    return -2 - 2 * box


def _right(box: int) -> int:
    return -3 - 2 * box


class _Plane:
    """The inside of one frame, or the whole: items in ranks, and the parts of the links there."""

    def __init__(
        self,
        content: Sequence[int],
        size: Sequence[tuple[float, float]],
        parts: list[_Part],
        sources: list[int],
        inner: dict[int, _Plane | None],
        framed: bool,
    ):
        self.items: dict[int, _Item] = {key: _Item(*size[key]) for key in content}
        self.boxes = frozenset(content) - inner.keys()
        self.inner, self.framed, self.sources = inner, framed, sources
        self.parts = parts
        self.width = self.height = 0.0
        for part in parts:
            for key in (part.source, part.target):
                if key not in self.items:
                    self.items[key] = _Item(0.0, _LANE)
        self._rank()
        self.trails: list[list[int]] = []  # of each part: the items that it goes through
        self._insert_dummies()
        self._order()
        self._place()

    def port(self, box: int, outward: bool) -> float:
        """Where on its border the frame lets the edges of a box in, or out; from above."""
        item = self.items[_right(box) if outward else _left(box)]
        return TITLE + item.y + item.height / 2

    # -- ranks -------------------------------------------------------------------------------

    def _rank(self) -> None:
        """The longest path from the left; what has no source stands beside its first use."""
        items = self.items
        waiting = dict.fromkeys(items, 0)
        uses: dict[int, list[int]] = {key: [] for key in items}
        for part in self.parts:
            uses[part.source].append(part.target)
            waiting[part.target] += 1
        ports = any(key < 0 and not key % 2 for key in items)
        ready = [key for key in items if not waiting[key]]
        for key in ready:
            items[key].rank = 0 if key < 0 and not key % 2 else int(ports)
        order = []
        while ready:
            following = []
            for key in ready:
                order.append(key)
                for use in uses[key]:
                    items[use].rank = max(items[use].rank, items[key].rank + 1)
                    waiting[use] -= 1
                    if not waiting[use]:
                        following.append(use)
            ready = following
        assert len(order) == len(items), "a cycle"
        last = max(item.rank for item in items.values())
        if any(key < 0 and key % 2 for key in items):
            inner = max((i.rank for k, i in items.items() if k >= 0), default=0)
            last = inner + 1
            for key, item in items.items():
                if key < 0 and key % 2:
                    item.rank = last
        fed = {part.target for part in self.parts}
        for key in reversed(order):
            if key >= 0 and key not in fed and uses[key]:
                items[key].rank = min(items[use].rank for use in uses[key]) - 1
        self.last = last

    def _insert_dummies(self) -> None:
        items = self.items
        spans = sum(items[p.target].rank - items[p.source].rank - 1 for p in self.parts)
        fresh = max(items, default=0) + 1
        shared: dict[tuple[int, int], int] = {}
        for number, part in enumerate(self.parts):
            trail = [part.source]
            first, end = items[part.source].rank, items[part.target].rank
            if spans <= _MOST_DUMMIES:
                for rank in range(first + 1, end):
                    # Edges of one source share their way until they part.
                    key = (part.source, rank)
                    if key not in shared:
                        shared[key] = fresh
                        items[fresh] = _Item(0.0, _LANE, rank)
                        fresh += 1
                    trail.append(shared[key])
            trail.append(part.target)
            self.trails.append(trail)
            for a, b in pairwise(trail):
                items[a].after.append((b, number))
                items[b].before.append((a, number))

    # -- order within the ranks ---------------------------------------------------------------

    def _order(self) -> None:
        self.ranks: list[list[int]] = [[] for _ in range(self.last + 1)]
        for key, item in self.items.items():
            self.ranks[item.rank].append(key)
        size = len(self.items)
        sweeps = 24 if size < 400 else 8 if size < 4000 else 3
        self._start()
        place = {key: i for rank in self.ranks for i, key in enumerate(rank)}
        best, fewest = [list(rank) for rank in self.ranks], self._crossings(place)
        for sweep in range(sweeps):
            if fewest == 0:
                break
            forward = sweep % 2 == 0
            ranks = self.ranks if forward else self.ranks[::-1]
            for rank in ranks[1:]:
                weight = {}
                for key in rank:
                    item = self.items[key]
                    near = item.before if forward else item.after
                    if near:
                        weight[key] = sum(place[k] for k, _ in near) / len(near)
                    else:
                        weight[key] = float(place[key])
                rank.sort(key=weight.__getitem__)
                for i, key in enumerate(rank):
                    place[key] = i
            crossings = self._crossings(place)
            if crossings < fewest:
                best, fewest = [list(rank) for rank in self.ranks], crossings
        self.ranks = best

    def _start(self) -> None:
        """The first order: depth first from the right, so that trees begin without crossings."""
        seen: set[int] = set()
        found: list[list[int]] = [[] for _ in self.ranks]
        ends = [key for rank in reversed(self.ranks) for key in rank if not self.items[key].after]
        stack = ends[::-1]
        while stack:
            key = stack.pop()
            if key in seen:
                continue
            seen.add(key)
            found[self.items[key].rank].append(key)
            stack += [k for k, _ in reversed(self.items[key].before)]
        self.ranks = found

    def _crossings(self, place: dict[int, int]) -> int:
        """How many edges cross between neighbouring ranks; 1 at least where that is too long."""
        if len(self.items) > 3000:
            return 1 << 60
        total = 0
        for rank in self.ranks[:-1]:
            ends = []
            for key in rank:
                ends += sorted({place[k] for k, _ in self.items[key].after})
            total += _inversions(ends)
        return total

    # -- coordinates -------------------------------------------------------------------------

    def _place(self) -> None:
        items = self.items
        pad = PAD if self.framed else 0.0
        for rank in self.ranks:
            y = 0.0
            for key in rank:
                items[key].y = y
                y += items[key].height + _APART
        size = len(items)
        rounds = 16 if size < 400 else 6 if size < 4000 else 2
        for turn in range(2 * rounds):
            forward = turn % 2 == 0
            last = turn >= 2 * rounds - 2
            for rank in self.ranks if forward else self.ranks[::-1]:
                self._settle(rank, forward, last)
        self._spread()
        top = min(item.y for item in items.values())
        for item in items.values():
            item.y += pad - top
        self.height = max(item.y + item.height for item in items.values()) + pad
        # Columns: as wide as what stands there, and apart by what the edges need.
        x = pad
        lefts, rights = [], []
        for number, rank in enumerate(self.ranks):
            width = max((items[key].width for key in rank), default=0.0)
            x += self._gap(number) if number else 0.0
            lefts.append(x)
            for key in rank:
                items[key].x = x + (width - items[key].width) / 2
            x += width
            rights.append(x)
        self.width = x + pad
        self._draw(lefts, rights)

    def _gap(self, number: int) -> float:
        """The width between a rank and the one before, for labels, and for edges to turn in."""
        rank, former = self.ranks[number], self.ranks[number - 1]
        arriving = [(key, *each) for key in rank for each in self.items[key].before]
        label = max((self.parts[part].label for _, _, part in arriving), default=0.0)
        steep = max(
            (abs(self._arrival(b, part) - self._departure(a, part)) for b, a, part in arriving),
            default=0.0,
        )
        if steep > 2.0:
            return label + _TURN + min(steep * 0.14, 80.0)
        # From the border of a frame straight on, or from box to box.
        return 0.0 if rank[0] < 0 or former[0] < 0 else label + 14.0

    def _spread(self) -> None:
        """Ports that lead to many items stand apart over the whole height of a frame."""
        ports = [key for key in self.ranks[0] if key < 0]
        fans = sum(len({k for k, _ in self.items[key].after}) for key in ports)
        if len(ports) < 2 or fans < 2 * len(ports):
            return
        inner = [item for key, item in self.items.items() if key >= 0]
        top, bottom = min(i.y for i in inner), max(i.y + i.height for i in inner)
        step = max((bottom - top) / (len(ports) + 1), _LANE)
        middle = (top + bottom) / 2 - step * (len(ports) - 1) / 2
        for i, key in enumerate(ports):
            self.items[key].y = middle + i * step - _LANE / 2

    def _settle(self, rank: list[int], forward: bool, both: bool) -> None:
        """Put a rank's items, in their order, as near as can be to where their edges are level."""
        wanted, weights, offsets = [], [], []
        offset = 0.0
        previous = None
        for key in rank:
            item = self.items[key]
            near = item.before if forward else item.after
            if both or not near:
                near = item.before + item.after
                split = len(item.before)
            else:
                split = len(near) if forward else 0
            if previous is not None:
                lanes = previous.width == 0.0 and item.width == 0.0
                offset += previous.height + (2.0 if lanes else _APART)
            offsets.append(offset)
            previous = item
            if near:
                pull = [self._pull(part) for _, part in near]
                level = [
                    self._departure(other, part) - self._offset(key, part, False)
                    for other, part in near[:split]
                ] + [
                    self._arrival(other, part) - self._offset(key, part, True)
                    for other, part in near[split:]
                ]
                mean = sum(map(operator.mul, pull, level)) / sum(pull)
                wanted.append(mean - offset)
                weights.append(sum(pull) * (4.0 if item.width == 0.0 else 1.0))
            else:
                wanted.append(item.y - offset)
                weights.append(0.1)
        for key, base, shift in zip(rank, _isotonic(wanted, weights), offsets, strict=True):
            self.items[key].y = base + shift

    def _pull(self, part: int) -> float:
        """How much a part wants to be level: a leaf that is used once follows its use."""
        source = self.items[self.parts[part].source]
        lone = self.parts[part].source >= 0 and not source.before and len(source.after) == 1
        return 0.1 if lone else 1.0

    def _offset(self, key: int, part: int, outward: bool) -> float:
        """How far below its upper edge a part leaves an item, or arrives at it."""
        plane = self.inner.get(key)
        if plane is not None:
            return plane.port(self.sources[self.parts[part].link], outward)
        return self.items[key].height / 2

    def _departure(self, key: int, part: int) -> float:
        return self.items[key].y + self._offset(key, part, True)

    def _arrival(self, key: int, part: int) -> float:
        return self.items[key].y + self._offset(key, part, False)

    def _draw(self, lefts: list[float], rights: list[float]) -> None:
        """The points of every part; those that arrive at a box do so one below the other."""
        items = self.items
        slot: dict[int, float] = {}
        for key in sorted(self.boxes):
            item = items[key]
            arriving = sorted(item.before, key=lambda each: (self._departure(*each), each[1]))
            step = min(item.height / (len(arriving) + 0.5), ROW * 1.5)
            top = item.y + (item.height - step * (len(arriving) - 1)) / 2
            for i, (_, number) in enumerate(arriving):
                slot[number] = top + i * step
        for number, (part, trail) in enumerate(zip(self.parts, self.trails, strict=True)):
            first, y = items[trail[0]], self._departure(trail[0], number)
            points = [(first.x + first.width, y), (rights[first.rank], y)]
            for key in trail[1:-1]:
                y = self._departure(key, number)
                points += [(lefts[items[key].rank], y), (rights[items[key].rank], y)]
            last = items[trail[-1]]
            arrival = self._arrival(trail[-1], number)
            y = slot.get(number, arrival) if trail[-1] in self.boxes else arrival
            part.points = [*points, (lefts[last.rank] - part.label, y), (last.x, y)]


def _inversions(ends: list[int]) -> int:
    """How many pairs stand in the wrong order: a Fenwick tree of what came before."""
    size = max(ends, default=0) + 1
    tree = [0] * (size + 1)
    total = 0
    for seen, end in enumerate(ends):
        i, not_above = end + 1, 0
        while i:
            not_above += tree[i]
            i &= i - 1
        total += seen - not_above
        i = end + 1
        while i <= size:
            tree[i] += 1
            i += i & -i
    return total


def _isotonic(wanted: list[float], weights: list[float]) -> list[float]:
    """The ascending numbers nearest to those wanted, in weighted least squares.

    Pool adjacent violators (Ayer et al. 1955).
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(wanted, weights, strict=True):
        count = 1
        while pools and pools[-1][0] > value:
            mean, total, size = pools.pop()
            value = (mean * total + value * weight) / (total + weight)
            weight += total
            count += size
        pools.append((value, weight, count))
    return [mean for mean, _, count in pools for _ in range(count)]
