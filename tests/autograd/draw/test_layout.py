"""The layout by itself: it knows sizes only."""

import random
from itertools import pairwise

import pytest

from autograd.draw.layout import Enclosure, Link, arrange
from autograd.draw.layout import _inversions as inversions
from autograd.draw.layout import _isotonic as isotonic


def test_one_box_stands_at_the_origin():
    layout = arrange([(30.0, 20.0)], [])
    assert layout.boxes[0].x == layout.boxes[0].y == 0.0
    assert (layout.width, layout.height) == (30.0, 20.0)


def test_a_chain_is_a_straight_line():
    layout = arrange([(30.0, 20.0)] * 5, [Link(i, i + 1, 10.0) for i in range(4)])
    assert {rect.y for rect in layout.boxes} == {0.0}
    assert all({y for _, y in points} == {10.0} for points in layout.links)
    gaps = [b.x - a.x - a.width for a, b in zip(layout.boxes, layout.boxes[1:], strict=False)]
    assert min(gaps) > 10.0


def test_a_tree_has_no_crossing():
    rng = random.Random(0)
    links = [Link(i, rng.randrange(i + 1, 31)) for i in range(30)]
    layout = arrange([(40.0, 20.0)] * 31, links)
    lines = [(p, q) for points in layout.links for p, q in pairwise(points)]
    for (a, b), (c, d) in ((m, n) for m in lines for n in lines):
        if a[0] == c[0] and b[0] == d[0]:
            assert (a[1] - c[1]) * (b[1] - d[1]) >= -1e-6


def test_boxes_of_any_graph_are_apart():
    for seed in range(20):
        rng = random.Random(seed)
        count = rng.randrange(2, 40)
        sizes = [(rng.uniform(20, 80), rng.uniform(10, 60)) for _ in range(count)]
        links = [
            Link(a, b, rng.uniform(0, 40))
            for b in range(1, count)
            for a in rng.sample(range(b), min(b, rng.randrange(1, 4)))
        ]
        # Frames of neighbouring numbers, one within the other: their quotient has no cycle.
        cut = sorted(rng.sample(range(count + 1), 2))
        inner = [0 if cut[0] <= i < cut[1] else -1 for i in range(count)]
        middle = (cut[0] + cut[1]) // 2
        frames = [1 if cut[0] <= i < middle else f for i, f in enumerate(inner)]
        layout = arrange(sizes, links, frames, [Enclosure(), Enclosure(0, 50.0)])
        assert layout == arrange(sizes, links, frames, [Enclosure(), Enclosure(0, 50.0)])
        for i, a in enumerate(layout.boxes):
            assert a.x >= 0.0 and a.x + a.width <= layout.width + 1e-6  # noqa: PT018
            assert a.y >= 0.0 and a.y + a.height <= layout.height + 1e-6  # noqa: PT018
            for b in layout.boxes[:i]:
                assert (
                    a.x + a.width <= b.x
                    or b.x + b.width <= a.x
                    or a.y + a.height <= b.y + 1e-6
                    or b.y + b.height <= a.y + 1e-6
                )


def test_large_and_deep_graphs_are_placed_too():
    rng = random.Random(0)
    wide = arrange([(30.0, 20.0)] * 3000, [Link(rng.randrange(i), i) for i in range(1, 3000)])
    assert len(wide.boxes) == 3000
    deep = arrange([(30.0, 20.0)] * 2000, [Link(i, i + 1) for i in range(1999)])
    assert deep.boxes[-1].x > 1999 * 30.0


def test_a_cycle_is_a_mistake():
    with pytest.raises(AssertionError, match="cycle"):
        arrange([(1.0, 1.0)] * 2, [Link(0, 1), Link(1, 0)])


def test_crossings_are_counted():
    assert inversions([0, 1, 2]) == 0
    assert inversions([2, 1, 0]) == 3
    assert inversions([1, 1, 0, 2]) == 2
    assert inversions([]) == 0


def test_isotonic_regression_is_the_nearest_ascending_sequence():
    assert isotonic([1.0, 2.0, 3.0], [1.0] * 3) == [1.0, 2.0, 3.0]
    assert isotonic([3.0, 1.0], [1.0, 1.0]) == [2.0, 2.0]
    assert isotonic([3.0, 1.0], [3.0, 1.0]) == [2.5, 2.5]
    assert isotonic([], []) == []
