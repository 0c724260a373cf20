"""What a model of two inputs says all over the plane, as a small picture and a boundary."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autograd import TraceError, compile
from nn.module import Module
from nn.training import predict

Array = np.ndarray
_STEPS = 28  # shades of one class
_STRONGEST = 150  # of 255: how much of the paper a colour covers


@dataclass(frozen=True)
class Plane:
    """A part of the plane and its grid.

    Attributes:
        left, right, bottom, top: the part.
        size: how many points the grid has along each side.
    """

    left: float
    right: float
    bottom: float
    top: float
    size: int

    @classmethod
    def around(cls, points: Array, size: int) -> Plane:
        """The square around the points, with a margin."""
        low, high = points.min(axis=0), points.max(axis=0)
        half = max(float((high - low).max()) * 0.58, 1e-9)
        x, y = ((low + high) / 2).tolist()
        return cls(x - half, x + half, y - half, y + half, size)

    def grid(self) -> Array:
        """The points of the grid, row by row from the top."""
        xs = np.linspace(self.left, self.right, self.size)
        ys = np.linspace(self.top, self.bottom, self.size)
        return np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)

    def at(self, points: Array, side: float) -> Array:
        """Where points are in a picture with sides of so many px."""
        x = (points[:, 0] - self.left) / (self.right - self.left) * side
        y = (self.top - points[:, 1]) / (self.top - self.bottom) * side
        return np.stack([x, y], axis=1)


def outputs(model: Module, parameters: Sequence[Array], points: Array) -> list[Array]:
    """The outputs at the points with each of these parameters: (points, outputs) arrays.

    The model then has the parameters and modes that it had before.
    """
    values = model.parameters()
    before = [value.data for value in values]
    modules = model.modules()
    modes = [module.training for module in modules]
    found = []
    try:
        for module in modules:
            module.training = False
        try:
            program = compile(lambda x: model(list(x)), in_axes=0, reduce=None)
            program(points)
        except (TraceError, TypeError, ValueError, IndexError):
            program = None
        for each in parameters:
            for value, number in zip(values, each.tolist(), strict=True):
                value.data = number
            if program is None:
                found.append(predict(model, points))
            else:
                found.append(np.stack(program(points), axis=-1))
    finally:
        for value, number in zip(values, before, strict=True):
            value.data = number
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
    return found


def margins(outputs: Array, threshold: float) -> tuple[Array, Array]:
    """Per point the class, and by how much: of one output 0 or 1, of several the largest."""
    if outputs.shape[1] == 1:
        margin = outputs[:, 0] - threshold
        return (margin > 0.0).astype(int), np.abs(margin)
    ranked = np.sort(outputs, axis=1)
    return outputs.argmax(axis=1), ranked[:, -1] - ranked[:, -2]


def picture(classes: Array, margin: Array, largest: float, colours: Sequence[str]) -> str:
    """The grid as a PNG in a data URL: the colour of the class, as dense as the margin."""
    side = round(len(classes) ** 0.5)
    part = np.nan_to_num(np.clip(margin / max(largest, 1e-300), 0.0, 1.0), nan=0.0)
    shade = np.rint(np.sqrt(part) * (_STEPS - 1)).astype(np.uint8)
    pixels = (classes.astype(np.uint8) % len(colours)) * _STEPS + shade
    rows = b"".join(b"\0" + row.tobytes() for row in pixels.reshape(side, side))
    palette = b"".join(bytes.fromhex(colour[1:]) * _STEPS for colour in colours)
    alpha = bytes(round(20 + (_STRONGEST - 20) * k / (_STEPS - 1)) for k in range(_STEPS))
    header = struct.pack(">IIBBBBB", side, side, 8, 3, 0, 0, 0)
    parts = [
        (b"IHDR", header), (b"PLTE", palette), (b"tRNS", alpha * len(colours)),
        (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""),
    ]  # fmt: skip
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    content = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    return "data:image/png;base64," + base64.b64encode(content).decode()


def boundary(levels: Array, side: float) -> str:
    """The lines where a square grid of numbers is 0, as an SVG path (marching squares)."""
    size = len(levels)
    step = side / (size - 1)
    below = ~(levels > 0.0)
    joined: dict[tuple[int, int, int], list[tuple[int, int, int]]] = {}
    # An edge of the grid: its upper or left end, and whether it goes down.
    changes = (
        below[:-1, :-1] + 2 * below[:-1, 1:] + 4 * below[1:, 1:] + 8 * below[1:, :-1].astype(int)
    )
    for i, j in zip(*np.nonzero((changes > 0) & (changes < 15)), strict=True):
        top, right, low, left = (i, j, 0), (i, j + 1, 1), (i + 1, j, 0), (i, j, 1)
        a, b, c, d = below[i, j], below[i, j + 1], below[i + 1, j + 1], below[i + 1, j]
        crossed = [
            edge
            for edge, one, other in ((top, a, b), (right, b, c), (low, d, c), (left, a, d))
            if one != other
        ]
        pairs = [crossed] if len(crossed) == 2 else [[top, right], [low, left]]
        for one, other in pairs:
            joined.setdefault(one, []).append(other)
            joined.setdefault(other, []).append(one)

    def place(edge: tuple[int, int, int]) -> tuple[float, float]:
        i, j, down = edge
        one = levels[i, j]
        other = levels[i + 1, j] if down else levels[i, j + 1]
        part = one / (one - other) if one != other and np.isfinite(one - other) else 0.5
        return (j + (0.0 if down else part)) * step, (i + (part if down else 0.0)) * step

    paths = []
    ends = sorted(joined, key=lambda edge: (len(joined[edge]), edge))
    for start in ends:
        line, at = [], start
        while True:
            line.append(at)
            following = joined[at]
            if not following:
                break
            onward = following.pop()
            joined[onward].remove(at)
            at = onward
        if len(line) > 1:
            paths.append(_path([place(edge) for edge in line]))
    return "".join(paths)


def _path(points: list[tuple[float, float]]) -> str:
    """Points joined by lines, each written as its distance from the one before, in ⅒ px."""
    tenths = [(round(10 * x), round(10 * y)) for x, y in points]
    x, y = tenths[0]
    written = [f"M{x / 10:g} {y / 10:g}l"]
    for x1, y1 in tenths[1:]:
        written.append(f"{(x1 - x) / 10:g} {(y1 - y) / 10:g} ")
        x, y = x1, y1
    return "".join(written).rstrip()
