"""Time and memory of the engine, beside micrograd and XAD.

One step of all contestants is the loss of micrograd's demo and the gradients of all
parameters. They take turns in one process, round after round, each for a block of
steps, and the time of a step is the mean over its block. The garbage collector runs
as in ordinary use, and before each block, untimed, so that nobody pays for another's
garbage; a second table has it switched off. Nothing here fails for being slow.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module, metadata
from typing import Any, NoReturn

import numpy as np

import autograd
import nn
from autograd import Value

SIZES = (2, 16, 16, 1)
SAMPLES = 50
BLOCK, STEPS = 0.25, 3  # a block is this many seconds and at least this many steps

MICROGRAD, XAD, PLAIN, NARY = "micrograd", "xad", "ours, operators", "ours, nn.MLP"
TARGETS = (  # ratio of the times of a step, slower and faster, and what it should be
    ("micrograd / ours, operators", MICROGRAD, PLAIN, "at least 6"),
    ("ours, operators / xad", PLAIN, XAD, "at most 1.33"),
    ("micrograd / ours, nn.MLP", MICROGRAD, NARY, "at least 20"),
    ("xad / ours, nn.MLP", XAD, NARY, "at least 3"),
)

Layers = list[list[tuple[list[Any], Any]]]  # of each layer the neurons, as (weights, bias)
Data = tuple[list[list[float]], list[float]]


@dataclass
class Contestant:
    """An engine and its way to compute the loss and the gradients."""

    name: str
    step: Callable[[], float]
    gradients: Callable[[], list[float]]
    times: list[float] = field(default_factory=list)


# -- the program that is measured ------------------------------------------------------------


def network(layers: Layers, x: Sequence[Any], relu: Callable[[Any], Any]) -> Any:
    """The output of the MLP, in scalar operations, as micrograd's modules write it."""
    for layer in layers:
        x = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b) for w, b in layer]
        if layer is not layers[-1]:
            x = [relu(z) for z in x]
    return x[0]


def margin_loss(model: Callable[[Any], Any], relu: Callable[[Any], Any], data: Data) -> Any:
    """The mean of max(0, 1 - y · score), as in micrograd's demo."""
    losses = [relu(1.0 + -y * model(x)) for x, y in zip(*data, strict=True)]
    return sum(losses) * (1.0 / len(losses))


def flat(layers: Layers) -> list[Any]:
    """The parameters of all contestants in one order, neuron by neuron."""
    return [each for layer in layers for w, b in layer for each in (*w, b)]


def copied(layers: Layers, leaf: Callable[[float], Any]) -> Layers:
    """The layers with a leaf of another engine in place of each parameter."""
    return [[([leaf(each.data) for each in w], leaf(b.data)) for w, b in layer] for layer in layers]


# -- the contestants -------------------------------------------------------------------------


def of_values(name: str, parameters: list[Any], forward: Callable[[], Any]) -> Contestant:
    """A contestant whose parameters have ``data`` and ``grad``, and its loss ``backward()``."""

    def step() -> float:
        for each in parameters:
            each.grad = 0.0
        loss = forward()
        loss.backward()
        return float(loss.data)

    return Contestant(name, step, lambda: [each.grad for each in parameters])


def ours(model: nn.MLP, layers: Layers, data: Data) -> list[Contestant]:
    """This engine, with operators alone and with its modules."""

    def modular() -> Value:
        losses = [nn.hinge(model(x), y) for x, y in zip(*data, strict=True)]
        return autograd.sum(losses) * (1.0 / len(losses))  # type: ignore[no-any-return]

    return [
        of_values(PLAIN, flat(layers), lambda: plain(layers, data)),
        of_values(NARY, flat(layers), modular),
    ]


def plain(layers: Layers, data: Data) -> Value:
    """The loss in plain operators of this engine."""
    loss: Value = margin_loss(lambda x: network(layers, x, Value.relu), Value.relu, data)
    return loss


def micrograd(layers: Layers, data: Data) -> Contestant:
    """Karpathy's micrograd, with its own modules."""
    engine, modules = import_module("micrograd.engine"), import_module("micrograd.nn")
    model = modules.MLP(SIZES[0], list(SIZES[1:]))
    for mine, its in zip(flat(layers), model.parameters(), strict=True):
        its.data = mine.data
    return of_values(
        MICROGRAD, model.parameters(), lambda: margin_loss(model, engine.Value.relu, data)
    )


def xad(layers: Layers, data: Data) -> Contestant:
    """XAD's C++ tape, which is kept from step to step, by its Python bindings."""
    engine = import_module("xad.adj_1st")
    layers, tape = copied(layers, engine.Real), engine.Tape()
    parameters = flat(layers)
    with tape:
        tape.registerInputs(parameters)

    def relu(z: Any) -> Any:
        return z if z > 0.0 else 0.0  # faster than XAD's own max

    def step() -> float:
        with tape:
            tape.newRecording()
            loss = margin_loss(lambda x: network(layers, x, relu), relu, data)
            tape.registerOutput(loss)
            loss.derivative = 1.0
            tape.computeAdjoints()
            return float(loss.value)

    return Contestant(XAD, step, lambda: [tape.derivative(each) for each in parameters])


def check(contestants: list[Contestant]) -> None:
    """See to it that all compute the same; to 1e-9, for they sum in different orders."""
    results = [np.array([each.step(), *each.gradients()]) for each in contestants]
    for each, result in zip(contestants, results, strict=True):
        if not np.abs(result - results[0]).max() <= 1e-9 * np.abs(results[0]).max():
            raise SystemExit(f"error: {each.name} and {contestants[0].name} do not agree")


# -- measuring -------------------------------------------------------------------------------


def block(step: Callable[[], object], collect: bool) -> float:
    """The mean milliseconds of a step, over a block of them after one for warming up."""
    gc.collect()
    step()
    steps, spent = 0, 0.0
    while spent < BLOCK or steps < STEPS:
        if not collect:
            gc.collect()
        start = time.perf_counter()
        step()
        spent += time.perf_counter() - start
        steps += 1
    return 1e3 * spent / steps


def contest(contestants: list[Contestant], rounds: int, collect: bool) -> list[list[str]]:
    """The table of times and ratios after so many interleaved rounds."""
    if not collect:
        gc.disable()
    for each in contestants:
        each.times = []
    for _ in range(rounds):
        for each in contestants:
            each.times.append(block(each.step, collect))
    gc.enable()
    found = {each.name: (min(each.times), statistics.median(each.times)) for each in contestants}
    table = [["ms per step, and ratios", "min", "median", "target"]]
    table += [[name, *(f"{t:.2f}" for t in times), ""] for name, times in found.items()]
    for title, above, below, target in TARGETS:
        if above in found and below in found:
            ratios = [f"{a / b:.2f}" for a, b in zip(found[above], found[below], strict=True)]
            table.append([title, *ratios, target])
    return table


def memory(layers: Layers, data: Data) -> list[list[str]]:
    """What a graph of plain operators takes and gives back, without the collector."""
    gc.disable()
    tracemalloc.start()
    for _ in range(2):  # after which the parameters have gradients and Python its spare floats
        plain(layers, data).backward()
    used = [tracemalloc.get_traced_memory()[0]]
    loss = plain(layers, data)
    used.append(tracemalloc.get_traced_memory()[0])
    loss.backward()
    used.append(tracemalloc.get_traced_memory()[0])
    nodes = sum(not node.is_leaf for node in autograd.topological(loss))
    del loss
    used.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    gc.enable()
    _, forward, backward, left = [each - used[0] for each in used]
    return [
        [f"bytes per recorded node, of {nodes}", "", "target"],
        ["after forward", f"{forward / nodes:.1f}", "at most 220"],
        ["after backward", f"{backward / nodes:.1f}", "at most 220"],
        ["released by `del loss`", f"{(backward - left) / backward:.1%}", "all"],
    ]


def chain(length: int) -> tuple[float, float, float]:
    """The seconds to build a chain of nodes, to run it backward and to free it."""
    gc.collect()
    marks = [time.perf_counter()]
    x = y = Value(1.0)
    for _ in range(length):
        y = y + x
    marks.append(time.perf_counter())
    y.backward()
    marks.append(time.perf_counter())
    del y
    marks.append(time.perf_counter())
    if x.grad != length + 1:
        raise SystemExit(f"error: the gradient of a chain of {length} nodes is {x.grad}")
    forward, backward, free = np.diff(marks).tolist()
    return forward, backward, free


def chains(rounds: int) -> list[list[str]]:
    """Times of chains of three lengths, each the smallest of the rounds."""
    lengths = (10_000, 100_000, 1_000_000)
    runs = [[chain(length) for length in lengths] for _ in range(rounds)]
    table = [["a chain of nodes", "forward s", "backward s", "free s", "µs per node"]]
    for length, of_length in zip(lengths, zip(*runs, strict=True), strict=True):
        best = [min(times) for times in zip(*of_length, strict=True)]
        table.append(
            [f"{length:,}", *(f"{t:.4f}" for t in best), f"{1e6 * sum(best) / length:.2f}"]
        )
    return table


# -- the report ------------------------------------------------------------------------------


def show(title: str, table: Iterable[Sequence[str]]) -> None:
    """Print a table, its first column to the left and the others to the right."""
    rows = list(table)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(f"\n{title}")
    for first, *others in rows:
        cells = map(str.rjust, others, widths[1:])
        print("  ".join(["  " + first.ljust(widths[0]), *cells]).rstrip())


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave."""
        self.exit(2, f"error: {message}\n")


def positive(text: str) -> int:
    """The positive integer in the text."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive integer, but got {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure everything and print it."""
    parser = Parser(prog="python -m benchmarks.engine", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=positive, default=5, help="how often all take turns (5)")
    rounds: int = parser.parse_args(arguments).rounds

    generator = np.random.default_rng(0)
    points, labels = nn.data.moons(SAMPLES, rng=generator)
    data: Data = (points.tolist(), labels.astype(float).tolist())
    model = nn.MLP(SIZES[0], SIZES[1:])
    for each in model.parameters():  # as micrograd draws its weights
        each.data = generator.uniform(-1.0, 1.0)
    layers: Layers = [[(n.weight, n.bias) for n in layer.neurons] for layer in model.layers]

    print(
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} cores. Only ratios count, for times are the "
        "machine's:\neach is the mean over a block of steps; min and median are over the rounds "
        f"({rounds})."
    )
    contestants: list[Contestant] = []
    for peer in (micrograd, xad):
        name = peer.__name__
        try:
            contestants.append(peer(layers, data))
            print(f"{name} {metadata.version(name)}")
        except ImportError:
            print(f"{name} is not installed: pip install 'scalar-autograd[bench]'")
    contestants += ours(model, layers, data)
    check(contestants)

    task = f"Loss and {len(flat(layers))} gradients of a {'-'.join(map(str, SIZES))} MLP"
    task += f" on {SAMPLES} samples, garbage collector"
    on = contest(contestants, rounds, collect=True)
    show(f"{task} on, and run untimed before each block", on)
    off = contest(contestants, rounds, collect=False)
    show(f"{task} off, but run untimed before each step", off)
    show("Memory of the same loss in plain operators, collector off", memory(layers, data))
    show(f"Chains, collector on, the smallest times of {rounds} rounds", chains(rounds))


if __name__ == "__main__":
    main()
