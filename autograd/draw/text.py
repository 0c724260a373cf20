"""A picture as plain text, for a terminal."""

from __future__ import annotations

from autograd.draw import style
from autograd.draw.model import Edge, Picture

_DEEPEST = 24  # of a tree; a deeper graph is a list


def text(picture: Picture) -> str:
    """The graph as a tree from the root to the leaves, each box once; a deep one as a list.

    A box that is used again is referred to by its number. ∂ is the local partial, or the entry of
    the Jacobian, of the box above by this one.
    """
    before: list[list[Edge]] = [[] for _ in picture.boxes]
    for edge in picture.edges:
        before[edge.target].append(edge)
    depth = [0] * len(picture.boxes)
    for edge in picture.edges:
        depth[edge.target] = max(depth[edge.target], depth[edge.source] + 1)
    lines = [picture.notice] if picture.notice else []
    if depth and max(depth) <= _DEEPEST:
        lines += _tree(picture, before)
    else:
        lines += _list(picture, before)
    return "\n".join(lines)


def _tree(picture: Picture, before: list[list[Edge]]) -> list[str]:
    again = [0] * len(picture.boxes)
    for edge in picture.edges:
        again[edge.source] += 1
    root = int(_root(picture))
    shown: set[int] = set()
    lines = []
    # (box, what stands left of it, what stands left of its arguments, the edge to it)
    stack: list[tuple[int, str, str, str]] = [(root, "", "", "")]
    while stack:
        i, left, below, partial = stack.pop()
        mark = f"#{i} " if again[i] > 1 else ""
        if i in shown and before[i]:
            lines.append(f"{left}{partial}{mark}{_head(picture, i)} (see above)")
            continue
        shown.add(i)
        lines.append(f"{left}{partial}{mark}{_line(picture, i)}")
        arguments = before[i]
        for place, use in reversed(list(enumerate(arguments))):
            last = place == len(arguments) - 1
            label = style.edge_label(use)
            stack.append((
                use.source,
                below + ("└─ " if last else "├─ "),
                below + ("   " if last else "│  "),
                f"∂ {label}  " if label else "",
            ))  # fmt: skip
    return lines


def _list(picture: Picture, before: list[list[Edge]]) -> list[str]:
    lines = []
    for i, edges in enumerate(before):
        uses = ", ".join(f"#{e.source} (∂ {style.edge_label(e)})" for e in edges)
        lines.append(f"#{i} {_line(picture, i)}" + (f"  from {uses}" if uses else ""))
    return lines


def _root(picture: Picture) -> int:
    """The box that holds the root."""
    root = picture.tape.root
    return next(i for i, box in enumerate(picture.boxes) if root in box.outputs)


def _head(picture: Picture, i: int) -> str:
    box = picture.boxes[i]
    words = style.words(box)
    side = words.side
    if not side and box.kind in ("parameter", "input", "constant") and words.head != box.kind:
        side = box.kind
    head = style.shortened(words.head, 60)
    return f"{head} [{style.shortened(side, 40)}]" if side else head


def _line(picture: Picture, i: int) -> str:
    words = style.words(picture.boxes[i])
    return "  ".join([_head(picture, i), *words.lines])
