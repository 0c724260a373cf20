"""Which call of a module, and which neuron in it, each node belongs to: frames, and groups.

A module's call has nodes before and after those of its children, and a weight is used by many
calls, so the nodes of a scope alone would make cycles. So a block is the nodes of one call on one
level, where a level is the number of times that the longest path entered or left a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from autograd.context import Scope
from autograd.draw.quotient import neighbours
from autograd.draw.tape import Tape, scope_chain

Path: TypeAlias = tuple[int, ...]  # numbers of blocks, from the outermost


@dataclass(frozen=True, slots=True)
class Block:
    """A call of a module, or a neuron in one: what a frame is drawn around."""

    name: str  # "MLP.layers.0", "MLP.layers.0 neuron 1"
    title: str  # the same without what is outside: "layers.0", "neuron 1"
    parent: int  # the block around it, -1 outside


def blocks(
    tape: Tape,
    members: list[list[int]],
    source: np.ndarray,
    target: np.ndarray,
    inner: np.ndarray,
    leaf: np.ndarray,
) -> tuple[list[Block], list[Path]]:
    """All blocks, and for each item those that it stands in.

    Args:
        tape: the graph.
        members: the nodes in each item: those of several samples, or one.
        source: of the edges between items.
        target: likewise, ascending.
        inner: which items stand where all their uses do: parameters, and numbers in formulas.
        leaf: which items hold leaves.
    """
    count = len(members)
    found: list[Block] = []
    paths: list[Path] = [()] * count
    if all(node.scope is None for node in tape.nodes):
        return found, paths
    calls = _Calls(tape, members)
    chains = [[] if leaf[i] else calls.chain(inside[0]) for i, inside in enumerate(members)]
    before = neighbours(source, target, count)
    for depth in range(max(map(len, chains), default=0)):
        keys = [
            (path, chain[depth]) if len(chain) > depth else None
            for path, chain in zip(paths, chains, strict=True)
        ]
        stage = _levels(keys, before)
        known: dict[Any, int] = {}
        for i, key in enumerate(keys):
            if key is not None:
                path, (_, name, title) = key
                block = known.setdefault((key, stage[i]), len(found))
                if block == len(found):
                    found.append(Block(name, title, path[-1] if path else -1))
                paths[i] = (*path, block)
    after = neighbours(target, source, count)
    for i in np.flatnonzero(inner).tolist()[::-1]:
        if after[i]:
            paths[i] = _shared([paths[j] for j in after[i]])
    return found, paths


class _Calls:
    """The calls of modules; those on samples that are folded count as one."""

    def __init__(self, tape: Tape, members: list[list[int]]):
        self.nodes = tape.nodes
        self.merged: dict[Scope, Scope] = {}
        self._merge(members)

    def _merge(self, members: list[list[int]]) -> None:
        """The calls of a module on the samples that are folded count as one."""
        nodes = self.nodes
        for inside in members:
            if len(inside) > 1 and nodes[inside[0]].op is not None:
                for i in inside[1:]:
                    one, other = nodes[inside[0]].scope, nodes[i].scope
                    while one is not None and other is not None:
                        a, b = self._find(one), self._find(other)
                        if a is b:
                            break
                        self.merged[b] = a
                        one, other = one.parent, other.parent

    def _find(self, scope: Scope) -> Scope:
        while (up := self.merged.get(scope)) is not None:
            if (further := self.merged.get(up)) is not None:
                self.merged[scope] = further
            scope = up
        return scope

    def chain(self, i: int) -> list[tuple[Any, str, str]]:
        """(identity, name, title) of the calls that a node belongs to, from the outermost."""
        node = self.nodes[i]
        if node.op is None:
            return []
        chain: list[tuple[Any, str, str]] = []
        name = ""
        for scope in scope_chain(node.scope):
            name = f"{name}.{scope.name}" if name else scope.name
            chain.append((self._find(scope), name, scope.name))
        label = node.label
        if chain and label.endswith("]") and "[" in label:
            index = label[label.index("[") + 1 : -1]
            if index.isdigit():
                title = f"neuron {index}"
                chain.append((index, f"{name} {title}", title))
        return chain


def _levels(keys: list[Any], before: list[list[int]]) -> list[int]:
    """Levels such that each edge leads to a higher one, except within a key, where it may stay."""
    count = len(keys)
    level = [0] * count
    highest: dict[Any, int] = {}
    for i, key in enumerate(keys):
        for p in before[i]:
            up = level[p] + (key is None or keys[p] != key)
            if up > level[i]:
                level[i] = up
        if key is not None and level[i] > highest.get(key, -1):
            highest[key] = level[i]
    # Where its uses allow, raise what could come later to the rest of its key.
    bound = [highest[key] if key is not None else level[i] for i, key in enumerate(keys)]
    for i in range(count - 1, -1, -1):
        level[i] = max(bound[i], level[i])
        for p in before[i]:
            low = level[i] - (keys[i] is None or keys[p] != keys[i])
            if low < bound[p]:
                bound[p] = low
    return level


def _shared(paths: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The blocks that all of the paths begin with."""
    low, high = min(paths), max(paths)
    same = 0
    while same < min(len(low), len(high)) and low[same] == high[same]:
        same += 1
    return low[:same]
