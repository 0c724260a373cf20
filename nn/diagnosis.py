"""Where a number that is not finite comes from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Value, adjoints, topological
from nn.module import Module


def source_of_value(model: Module, root: Value) -> str:
    """The first node, parents before children, whose number is not finite, in words."""
    for node in topological(root):
        if not math.isfinite(node.data):
            return f"the first number that is not finite is {node.data}, {_origin(model, node)}"
    return ""


def source_of_adjoint(model: Module, root: Value) -> str:
    """The first node in the sweep backwards whose adjoint is not finite, in words; "" if none."""
    found = adjoints(root)
    users: dict[Value, Value] = {}
    for node in reversed(list(found)):
        adjoint = found[node]
        if not math.isfinite(adjoint):
            user = users.get(node)
            through = f", by way of {_made(user)}" if user is not None else ""
            return (
                f"the first adjoint that is not finite is {adjoint}, at {_called(model, node)}"
                f"{through}"
            )
        for parent in node.parents:
            users[parent] = node
    return ""


def _origin(model: Module, node: Value) -> str:
    return f"made by {_made(node)}" if node.op is not None else _called(model, node)


def _made(node: Value) -> str:
    """The op that has made a node, the layer, and its label there."""
    name = node.op.name if node.op is not None else "nothing"
    label = f" ({node.label})" if node.label else ""
    return f"{name} in {node.scope.path if node.scope else 'the loss'}{label}"


def _called(model: Module, node: Value) -> str:
    if node.op is not None:
        return f"the result of {_made(node)}"
    for name, member in model.named_parameters():
        for index, value in np.ndenumerate(np.asarray(member, dtype=object)):
            if value is node:
                where = f"[{', '.join(map(str, index))}]" if index else ""
                return f"the parameter {name}{where}"
    return f"the constant {node.label or repr(node.data)}"


def names(model: Module, values: list[Value]) -> str:
    """The names of the parameters that hold one of these Values."""
    wanted = set(map(id, values))
    found = [
        name
        for name, member in model.named_parameters()
        if any(id(value) in wanted for value in np.ravel(np.asarray(member, dtype=object)).tolist())
    ]
    return ", ".join(found) or "a parameter outside of the model"


def finite(numbers: Any) -> bool:
    """Whether all of them are."""
    return bool(np.isfinite(numbers).all())
