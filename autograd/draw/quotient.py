"""Graphs as two arrays, the sources and the targets of their edges, each edge once."""

from __future__ import annotations

import heapq

import numpy as np


def quotient(source: np.ndarray, target: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The edges between different items, each once."""
    apart = source != target
    key = unique(target[apart] * count + source[apart])
    return key % count, key // count


def unique(numbers: np.ndarray) -> np.ndarray:
    """The numbers, ascending, each once; ``np.unique`` hashes, which takes longer here."""
    ordered = np.sort(numbers)
    return (
        ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
    )


def neighbours(source: np.ndarray, target: np.ndarray, count: int) -> list[list[int]]:
    """For each target its sources, ascending."""
    found: list[list[int]] = [[] for _ in range(count)]
    for a, b in sorted(zip(source.tolist(), target.tolist(), strict=True)):
        found[b].append(a)
    return found


def sole(source: np.ndarray, target: np.ndarray, count: int) -> np.ndarray:
    """For each item the only one that uses it, or -1."""
    uses = np.bincount(source, minlength=count)
    only = np.full(count, -1, dtype=np.int64)
    only[source] = target
    return np.where(uses == 1, only, -1)


def topological(source: np.ndarray, target: np.ndarray, first: np.ndarray) -> list[int]:
    """An order with all sources before their targets; the earliest first member goes first."""
    count = len(first)
    waiting = np.bincount(target, minlength=count).tolist()
    begin = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=count))]).tolist()
    after = target[np.argsort(source, kind="stable")].tolist()
    rank = first.tolist()
    ready = [(rank[i], i) for i in range(count) if not waiting[i]]
    heapq.heapify(ready)
    order = []
    while ready:
        _, i = heapq.heappop(ready)
        order.append(i)
        for j in after[begin[i] : begin[i + 1]]:
            waiting[j] -= 1
            if not waiting[j]:
                heapq.heappush(ready, (rank[j], j))
    if len(order) != count:
        raise AssertionError("a grouping made a cycle")
    return order


def depths(source: np.ndarray, target: np.ndarray, count: int) -> np.ndarray:
    """The length of the longest path to each item; edges come sorted by target."""
    depth = [0] * count
    for a, b in zip(source.tolist(), target.tolist(), strict=True):
        if depth[a] >= depth[b]:
            depth[b] = depth[a] + 1
    return np.array(depth)
