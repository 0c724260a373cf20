"""The chain rule, forwards: tangents pushed from the inputs to the outputs.

For every node y with arguments v, in topological order,

    ẏ = Σ ∂y/∂v · v̇        (Griewank & Walther 2008, Evaluating Derivatives, §3.1)

with the same local partials as the backward sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.anomaly import check_flow, looking
from autograd.chain import apart, between, partials, product
from autograd.value import Value


def pushforward(
    inputs: Sequence[Value], outputs: Sequence[Value], tangents: Sequence[Any], graph: bool = False
) -> list[Any]:
    """The tangents Σ ∂output/∂input · tangent of the outputs.

    Args:
        inputs: distinct nodes that the outputs were computed from.
        outputs: nodes.
        tangents: one per input; a float, or an array of them for many directions at once.
        graph: whether the results shall be differentiable in turn.
    """
    order = between(inputs, outputs)
    active = set(order)
    tangent: dict[Value, Any] = dict(zip(inputs, tangents, strict=True))
    watching = looking()
    with np.errstate(all="ignore"):
        for node in order:
            if node in tangent:
                continue
            assert node.op is not None
            total: Any = None
            for parent, partial in partials(node, active, graph):
                term = product(tangent[parent], partial, node.op.selects)
                if term is not None:
                    if watching:
                        check_flow("forward", node, parent, tangent[parent], partial, term)
                    total = term if total is None else total + term
            tangent[node] = 0.0 if total is None else total
    return [apart(tangent.get(output, 0.0)) for output in outputs]
