"""Find the operation that first makes a nan or an infinity."""

from __future__ import annotations

import linecache
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.context import current, watching
from autograd.errors import AnomalyError

if TYPE_CHECKING:
    from autograd.op import Op
    from autograd.value import Value


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise at the operation that first makes a nan or infinity, forwards or backwards.

    The message names the node, its op, its arguments and the source line that made it;
    nodes made inside remember that line, so compute the result inside as well. Slow: for
    looking, not for training. An nan or infinity that comes in with an argument is not
    held against the operation.

    Raises:
        AnomalyError: (inside the block) at that operation.
    """
    with watching(_look):
        yield


@contextmanager
def remember_sources() -> Iterator[None]:
    """Nodes made inside remember the source line that made them."""
    with watching(_remember):
        yield


def source(node: Value) -> str:
    """Where the node was made, as far as it is known."""
    where = node.extras.get("source", "a line not recorded; compute it under detect_anomaly() too")
    scope = f" in {node.scope.path}" if node.scope else ""
    return f"made{scope} at {where}"


def looking() -> bool:
    """Whether ``detect_anomaly`` is on."""
    return current().watch is _look


def check_flow(
    sweep: str, node: Value, parent: Value, flow: Any, partial: Any, product: Any
) -> None:
    """Raise if an adjoint or tangent that was finite is none after node."""
    before, after = np.ravel(_numbers(flow)), np.ravel(_numbers(product))
    bad = ~np.isfinite(after)
    if bad.any() and np.isfinite(before).all():
        what = "adjoint" if sweep == "backward" else "tangent"
        raise AnomalyError(
            f"the {sweep} pass of {node.op!r} made {after[bad][0]}: {what} {before[bad][0]} × "
            f"partial {float(partial)} for its argument {parent!r}, at the arguments "
            f"{node.args}. The node {node!r} was {source(node)}."
        )


def _numbers(flow: Any) -> Any:
    return flow if isinstance(flow, np.ndarray) else float(flow)


def _look(node: Value, op: Op, args: tuple[Value, ...]) -> None:
    _remember(node, op, args)
    if not math.isfinite(node.data) and all(math.isfinite(arg.data) for arg in args):
        raise AnomalyError(
            f"{op!r} made {node.data} of {', '.join(map(repr, args))}, {source(node)}."
        )


def _remember(node: Value, op: Op, args: tuple[Value, ...]) -> None:
    """Note the nearest line of the program outside this project's packages."""
    frame = sys._getframe()
    while frame.f_back is not None and _ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    path, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(path, line).strip()
    node.extras["source"] = f"{path}:{line}" + (f": {text}" if text else "")


def _ours(module: str) -> bool:
    return module.split(".")[0] in ("autograd", "nn")
