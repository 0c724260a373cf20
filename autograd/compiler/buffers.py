"""Arrays of a kernel: views by index, allocations, and instructions evaluated as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.compiler import kernels, vector
from autograd.compiler.source import EINSUM, scatter
from autograd.compiler.vector import Instruction

Environment = dict[str, Any]


def consecutive(index: np.ndarray) -> bool:
    """Whether the index is a stretch of places, one after the other."""
    flat = index.ravel()
    return bool(len(flat)) and bool((flat == flat[0] + np.arange(len(flat))).all())


def steps_of(index: np.ndarray) -> tuple[int, ...] | None:
    """Steps per axis, if the index is start + Σ stepₐ iₐ."""
    if not index.size:
        return None
    start = int(index.flat[0])
    grid = np.full((1,) * index.ndim, start)
    steps = []
    for axis, n in enumerate(index.shape):
        step = 0
        if n > 1:
            at = [0] * index.ndim
            at[axis] = 1
            step = int(index[tuple(at)]) - start
        steps.append(step)
        shape = [1] * index.ndim
        shape[axis] = n
        grid = grid + (step * np.arange(n)).reshape(shape)
    return tuple(steps) if (grid == index).all() else None


def view(array: np.ndarray, index: np.ndarray, steps: Any, batch: int | None) -> np.ndarray:
    """The view of elements at an index with these steps, with the batch axis if there is one."""
    width = 1 if batch is None else batch
    item = array.itemsize
    if array.size and not array.flags.c_contiguous:
        raise AssertionError("only whole arrays can be looked at in steps")
    flat = array.reshape(-1)[int(index.flat[0]) * width :]
    shape, strides = list(index.shape), [step * width * item for step in steps]
    if batch is not None:
        shape, strides = [*shape, batch], [*strides, item]
    return np.lib.stride_tricks.as_strided(flat, shape, strides)


def full_shape(shape: tuple[int, ...], batch: int, samples: int) -> tuple[int, ...]:
    """The shape of an array with its batch axis: none, of length 1, or of all samples."""
    return (*shape, *({0: (), 1: (1,), 2: (samples,)}[batch]))


def allocation(
    shape: tuple[int, ...], batch: int, kind: str, more: bool
) -> Callable[[Environment, int], Any]:
    """What makes an array, with a row of ones below if there is to be ``more``."""

    def make(env: Environment, samples: int) -> Any:
        full = full_shape(shape, batch, samples)
        if more:
            full = (full[0] + 1, *full[1:])
        return np.ones(full, dtype=kind)

    return make


def evaluate(each: Instruction, args: list[Any], samples: int) -> Any:
    """What an instruction gives, as a new array."""
    kind = each.kind
    if kind == vector.CONSTANT:
        return each.data
    if kind == vector.COUNT:
        return np.float64(samples)
    if kind == vector.MAP:
        assert each.op is not None
        return kernels.elementwise(each.op)(*args)
    if kind == vector.ALONG:
        return kernels.along_first(each.op)(*args)  # type: ignore[arg-type]
    if kind == vector.LIFT:
        return args[0][..., None]
    if kind == vector.FILL:
        return np.broadcast_to(args[0], full_shape(each.shape, each.batch, samples))
    if kind == vector.JOIN:
        return np.concatenate(args)
    if kind == vector.SCATTER:
        return scatter(args[0], each.data, each.shape)
    if kind == vector.SUM:
        axes, batch = each.data
        return args[0].sum(axis=(*axes, *([-1] * batch)))
    if kind == vector.SLOPES:
        rule: Any = each.op.partials  # type: ignore[union-attr]
        return np.stack(rule(args[0], list(args[1]))[0])
    if kind == vector.ACCESS:
        width = args[0].shape[-1:] if each.batch else ()
        size = args[0].size // (width[0] if width else 1)
        return args[0].reshape(size, *width)[each.data]
    a, b = args
    if kind == vector.PRODUCT:
        return np.einsum(EINSUM[each.data], a, b)
    assert kind == vector.CONTRACT
    if each.data == "nt":
        return a.reshape(len(a), -1) @ b.reshape(len(b), -1).T
    a = a.T if each.data == "tn" else a
    return (a @ b.reshape(len(b), -1)).reshape(len(a), *b.shape[1:])
