"""The paths from a node to the root: how many there are, and which carry the most.

A gradient is the sum over all paths of the product of the local partials on each (Bauer 1974).
There can be more paths than anybody could list, so none of this lists them all.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from autograd.explain.ledger import Ledger, Term
from autograd.value import Value


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One path from a node to the root.

    Attributes:
        nodes: from the node to the root, both included.
        factors: the local partial on each edge, in the same order.
    """

    nodes: tuple[Value, ...]
    factors: tuple[float, ...]

    @property
    def product(self) -> float:
        """The product of the factors, from the root on, as the chain rule multiplies them.

        A product that is 0 already stays 0, also by an infinite factor.
        """
        flow = 1.0
        for factor in reversed(self.factors):
            if flow == 0.0:
                break
            flow *= factor
        return flow


def count_paths(ledger: Ledger) -> dict[Value, int]:
    """The exact number of paths from every node to the root; x * x makes two of them.

    One addition per edge, whatever the numbers: that to a node is the sum of those to its uses.
    """
    count = dict.fromkeys(ledger, 0)
    count[ledger.root] = 1
    for node in reversed(list(ledger)):
        for term in ledger.terms(node):
            count[node] += count[term.use]
    return count


Trail: TypeAlias = "tuple[Term, Trail] | None"  # the terms of a path begun, the latest first
_MOST = 1e9  # stands for the logarithm of an infinite factor, or an undefined one; minus it for 0


def _size(factor: float) -> float:
    """log |factor|, finite for every factor."""
    if factor == 0.0:
        return -_MOST
    return math.log(abs(factor)) if math.isfinite(factor) else _MOST


class Ways:
    """The best ways on from every node to the root of a ledger, found by one sweep.

    Attributes:
        reach: the largest log |product| from a node to the root.
        rank: its place among the nodes, from the root on.
    """

    def __init__(self, ledger: Ledger):
        self.reach = {ledger.root: 0.0}
        self.rank = {}
        for number, node in enumerate(reversed(list(ledger))):
            self.rank[node] = number
            for term in ledger.terms(node):
                size = _size(term.partial) + self.reach[term.use]
                if size > self.reach.get(node, -math.inf):
                    self.reach[node] = size


def largest_paths(ledger: Ledger, start: Value, ways: Ways | None = None) -> Iterator[Path]:
    """The paths from the start to the root, by falling magnitude of their products.

    Best first, as the k shortest paths of Eppstein (1998): the best way on from every node is
    found by one sweep, which many starts may share; a path then is told by where it leaves the
    best ways, and what it loses there. Each takes the time of its length, however many there are.
    Paths through infinite or undefined factors come first, those through a 0 last.
    """
    ways = ways or Ways(ledger)
    reach, rank = ways.reach, ways.rank
    # A state is a path begun: (loss so far, nearness to the root, tie-breaker, node, the rest).
    # Losses are exactly 0 along a best way, so ties are followed to their end, one by one.
    count = 0
    heap: list[tuple[float, int, int, Value, Trail]] = []
    heapq.heappush(heap, (0.0, rank[start], count, start, None))
    while heap:
        loss, _, _, node, trail = heapq.heappop(heap)
        if node is ledger.root:
            yield _path(start, trail)
            continue
        for term in ledger.terms(node):
            missed = reach[node] - (_size(term.partial) + reach[term.use])
            count += 1
            state = (loss + missed, rank[term.use], count, term.use, (term, trail))
            heapq.heappush(heap, state)


def _path(start: Value, trail: Trail) -> Path:
    terms: list[Term] = []
    while trail is not None:
        terms.append(trail[0])
        trail = trail[1]
    terms.reverse()
    return Path((start, *(term.use for term in terms)), tuple(term.partial for term in terms))
