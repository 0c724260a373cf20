"""Folding: which nodes are the same computation, done on other numbers.

Two nodes fold if they come from the same op at the same place of the program, applied to the same
parameters and to data that folds (the hash of a term by its subterms; Merkle 1987). So the
samples of a batch fold, and the neurons of a layer do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.context import Scope
from autograd.draw.tape import CONSTANT, INPUT, OP, PARAMETER, Tape, is_data

_LINEAR = frozenset({"add", "subtract", "negative", "positive", "sum", "mean"})
_SCALED = frozenset({"multiply", "divide"})
_SHARED, _UNKNOWN = -2, -1


def fold(tape: Tape) -> np.ndarray:
    """For each node the number of the first that it folds with; its own if there is none.

    On the way a leaf without a name that several samples use is found to be a parameter.
    Equal nodes have equal heights above the leaves, so folding never makes a cycle.
    """
    size = len(tape)
    data = _data_leaves(tape)
    interned: dict[Any, int] = {}

    def code(thing: Any) -> int:
        return interned.setdefault(thing, len(interned))

    paths: dict[Scope | None, int] = {None: code(None)}
    hashes: list[int] = [0] * size
    start, source = tape.start.tolist(), tape.source.tolist()
    for i, node in enumerate(tape.nodes):
        if node.op is not None:
            where = _path_code(node.scope, paths, code)
            parents = [hashes[p] for p in source[start[i] : start[i + 1]]]
            hashes[i] = hash((code(node.op), where, *parents))
        elif data[i]:
            hashes[i] = hash((code(("data", node.label, node.requires_grad)), -3))
        else:
            hashes[i] = hash((i, -5))
    _split_by_use(tape, data, hashes)
    first: dict[int, int] = {}
    return np.fromiter((first.setdefault(h, i) for i, h in enumerate(hashes)), np.int64, size)


def _split_by_use(tape: Tape, data: list[bool], hashes: list[int]) -> None:
    """Tell x[0] from x[1] by where they are used, even if nobody named them."""
    uses: dict[int, int] = {}
    if not any(data):
        return
    start, source = tape.start.tolist(), tape.source.tolist()
    for i in range(len(tape)):
        for position, p in enumerate(source[start[i] : start[i + 1]]):
            if data[p]:
                uses[p] = uses.get(p, 0) + hash((hashes[i], position))
    for i, use in uses.items():
        hashes[i] = hash((hashes[i], use % (1 << 60)))


def _path_code(scope: Scope | None, known: dict[Scope | None, int], code: Any) -> int:
    """A number for the names of the scopes, the same for every call of a module."""
    trail = []
    while scope not in known:
        assert scope is not None
        trail.append(scope)
        scope = scope.parent
    here = known[scope]
    for inner in reversed(trail):
        here = known[inner] = code((here, inner.name))
    return here


def _data_leaves(tape: Tape) -> list[bool]:
    """Whether each node is a leaf that may differ from sample to sample.

    Constants may, and leaves named x or y. A leaf without a name may if it reaches the root
    through one term only of the sum that the root is; a weight is used by the terms of all samples.
    """
    kind = tape.kind.tolist()
    nameless = any(
        not tape.nodes[i].label and tape.nodes[i].requires_grad
        for i in np.flatnonzero(tape.kind == INPUT).tolist()
    )
    owner = _owners(tape) if nameless else [_UNKNOWN] * len(tape)
    several = len({each for each in owner if each >= 0}) > 1
    if several:
        for i, node in enumerate(tape.nodes):
            if kind[i] == INPUT and not node.label and owner[i] < 0:
                tape.kind[i] = PARAMETER
    return [
        kind[i] == CONSTANT
        or (kind[i] == INPUT and (is_data(node) or (several and not node.label and owner[i] >= 0)))
        for i, node in enumerate(tape.nodes)
    ]


def _owners(tape: Tape) -> list[int]:
    """For each node the term of the root's sum through which alone it reaches the root."""
    size = len(tape)
    owner = [_UNKNOWN] * size
    summed = [True] * size  # still used by the sum alone
    start, source = tape.start.tolist(), tape.source.tolist()
    kind = tape.kind.tolist()
    trunk = True  # from the root on, functions of one thing are passed through
    for i in range(size - 1, -1, -1):
        node = tape.nodes[i]
        parents = source[start[i] : start[i + 1]]
        if kind[i] == OP and summed[i] and owner[i] == _UNKNOWN:
            name = node.op.name if node.op else ""
            active = [p for p in parents if tape.nodes[p].requires_grad]
            linear = name in _LINEAR or (name in _SCALED and len(active) == 1)
            alone = trunk and len(active) == 1
            if not alone:
                trunk = False
            if linear or alone:
                continue
        mine = owner[i] if owner[i] != _UNKNOWN else i
        owner[i] = mine
        for p in parents:
            summed[p] = False
            if owner[p] == _UNKNOWN:
                owner[p] = mine
            elif owner[p] != mine:
                owner[p] = _SHARED
    return owner
