"""Time and memory of drawings, from a small network to a million nodes.

Each graph is built and run backward first, which is not counted. Times are of the processor, so
that other programs do not count either. Nothing here fails for being slow.
"""

from __future__ import annotations

import argparse
import gc
import platform
import resource
import time
from collections.abc import Callable
from typing import Any

import nn
from autograd import Value, draw, topological


def network(samples: int) -> Value:
    """The loss of micrograd's demo: an MLP 2-16-16-1 on two moons, one node per neuron."""
    X, y = nn.data.moons(samples, noise=0.1, rng=0)
    model = nn.MLP(2, [16, 16, 1], "tanh", rng=1)
    losses = [nn.hinge(model(x), t) for x, t in zip(X.tolist(), y.tolist(), strict=True)]
    total = Value(0.0, requires_grad=False)
    for loss in losses:
        total = total + loss
    return total / samples


def operators(samples: int) -> Value:
    """The same in plain operators, without names and modules, with micrograd's penalty."""
    X, y = nn.data.moons(samples, noise=0.1, rng=0)
    model = nn.MLP(2, [16, 16, 1], rng=1)
    weights = [
        [([Value(w.data) for w in n.weight], Value(n.bias.data if n.bias else 0.0)) for n in layer]
        for layer in (each.neurons for each in model.layers)
    ]

    def score(inputs: list[Any]) -> Any:
        for number, layer in enumerate(weights):
            zs = [sum((w * x for w, x in zip(ws, inputs, strict=True)), b) for ws, b in layer]
            inputs = zs if number == 2 else [z.relu() for z in zs]
        return inputs[0]

    losses = [
        (1 + -t * score([Value(v) for v in x])).relu()
        for x, t in zip(X.tolist(), y.tolist(), strict=True)
    ]
    penalty = sum(p * p for layer in weights for ws, b in layer for p in (*ws, b))
    result: Value = sum(losses) * (1.0 / samples) + 1e-4 * penalty
    return result


def sums(count: int) -> Value:
    """A chain of additions."""
    x = y = Value(1.0, "x")
    for _ in range(count):
        y = y + x
    return y


def mixed(count: int) -> Value:
    """A chain of products and activations."""
    y = Value(0.5, "x")
    for _ in range(count // 3):
        y = (y * 1.01).tanh()
    return y


GRAPHS: dict[str, tuple[Callable[[int], Value], int, int]] = {
    "nn.MLP, 1 sample": (network, 1, 1),
    "nn.MLP, 100 samples": (network, 100, 100),
    "nn.MLP, 270 samples": (network, 270, 270),
    "operators, 30 samples": (operators, 30, 30),
    "operators, 1500 samples": (operators, 100, 1500),
    "chain of sums": (sums, 100_000, 1_000_000),
    "chain of products and tanh": (mixed, 100_000, 1_000_000),
}


def main(arguments: list[str] | None = None) -> None:
    """Print a table of all graphs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--large", action="store_true", help="up to a million nodes (minutes)")
    large: bool = parser.parse_args(arguments).large
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    print(
        f"{'graph':28}{'nodes':>11}{'boxes':>7}{'draw s':>9}{'SVG s':>8}{'SVG kB':>8}{'peak MB':>9}"
    )
    for name, (build, small, most) in GRAPHS.items():
        value = build(most if large else small)
        value.backward()
        gc.collect()
        began = time.process_time()
        drawing = draw(value)
        drawn = time.process_time()
        svg = drawing.svg()
        written = time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        nodes, boxes = len(topological(value)), len(drawing.picture.boxes)
        print(
            f"{name:28}{nodes:11,}{boxes:7}{drawn - began:9.2f}{written - drawn:8.2f}"
            f"{len(svg) / 1000:8.0f}{peak:9,}"
        )
        del value, drawing


if __name__ == "__main__":
    main()
