"""``bench``: how long a training step takes, node by node, compiled, and in PyTorch."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from nn.cli.problem import Array, Problem, Refused, network, optimizer, plural, problem
from nn.layers import MLP
from nn.training import fit

_TORCH_LOSSES = ("mse", "bce_with_logits", "cross_entropy")
_BLOCK = 0.15  # seconds that one turn should take at least


def run(options: argparse.Namespace) -> int:
    """Print the median time of a step of each, and the ratios.

    All train the same model on the same batches with the same optimiser, in turns in one process.
    The time is that of whole epochs, shuffling and bookkeeping included, without the first one,
    in which programs are compiled. PyTorch runs eagerly, on one thread, in double precision.
    """
    of = problem(options)
    _, loss = network(options, of)
    batch = options.batch_size or 32
    y = of.targets(of.y, loss)
    runs: dict[str, Callable[[int], list[float]]] = {
        "node by node": _ours(options, of, loss, y, batch, compiled=False),
        "compiled": _ours(options, of, loss, y, batch, compiled=True),
    }
    theirs = _torch(options, of, loss, y, batch)
    if not isinstance(theirs, str):
        runs["PyTorch"] = theirs
    model, _ = network(options, of)
    n_steps = -(-len(of.X) // batch)
    print(
        f"{of.name}: {model}, {loss}, {type(optimizer(options, model, of)).__name__}; "
        f"{plural(n_steps, 'step')} of {batch} samples per epoch"
    )
    counts = {}
    for name, one in runs.items():
        counts[name] = max(1, min(200, round(_BLOCK / max(one(1)[0], 1e-6))))
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, one in runs.items():
            times[name] += one(counts[name])
    median = {name: statistics.median(each) / n_steps for name, each in times.items()}
    print(f"\n{'':14}{'per step':>12}{'steps/s':>12}")
    for name, seconds in median.items():
        print(f"{name:14}{_spoken(seconds):>12}{1.0 / seconds:>12,.0f}")
    print(f"\ncompiled is {_ratio(median['node by node'] / median['compiled'])} than node by node")
    if "PyTorch" in median:
        print(f"compiled is {_ratio(median['PyTorch'] / median['compiled'])} than PyTorch")
    else:
        print(f"PyTorch: {theirs}")
    print(f"(medians of {options.rounds} rounds in turns; only ratios count, and they vary)")
    return 0


def _ours(
    options: argparse.Namespace, of: Problem, loss: str, y: Array, batch: int, compiled: bool
) -> Callable[[int], list[float]]:
    def timed(epochs: int) -> list[float]:
        model, _ = network(options, of)
        marks: list[float] = []
        history = fit(
            model, loss, of.X, y, epochs=epochs + 1, batch_size=batch,
            optimizer=optimizer(options, model, of), rng=options.seed, progress=False,
            compile=compiled, callbacks=[lambda *_: marks.append(time.perf_counter())],
        )  # fmt: skip
        if compiled and not history.compiled:
            raise Refused(f"the model cannot be compiled: {history.reason}")
        return np.diff(marks).tolist()

    return timed


def _torch(
    options: argparse.Namespace, of: Problem, loss: str, y: Array, batch: int
) -> Callable[[int], list[float]] | str:
    """The same in PyTorch, or why not."""
    if loss not in _TORCH_LOSSES:
        return f"{loss} is left out; it is compared with {', '.join(_TORCH_LOSSES)}"
    try:
        import torch
    except ImportError:
        return "not installed"
    from nn.torch_exchange import to_torch

    measure: Any = {
        "mse": torch.nn.functional.mse_loss,
        "bce_with_logits": torch.nn.functional.binary_cross_entropy_with_logits,
        "cross_entropy": torch.nn.functional.cross_entropy,
    }[loss]
    X = torch.tensor(of.X)
    t = torch.tensor(y) if loss == "cross_entropy" else torch.tensor(y.reshape(len(y), -1))

    def timed(epochs: int) -> list[float]:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            model: MLP = network(options, of)[0]
            ours = optimizer(options, model, of)
            module = to_torch(model)
            given = {"lr": ours.lr}
            for name in ("momentum", "weight_decay"):
                if name in ours.defaults:
                    given[name] = ours.defaults[name]
            steps = getattr(torch.optim, type(ours).__name__)(module.parameters(), **given)
            order, marks = np.random.default_rng(options.seed), []
            for _ in range(epochs + 1):
                shuffled = torch.tensor(order.permutation(len(X)))
                for start in range(0, len(X), batch):
                    rows = shuffled[start : start + batch]
                    steps.zero_grad()
                    measure(module(X[rows]), t[rows]).backward()
                    steps.step()
                marks.append(time.perf_counter())
        finally:
            torch.set_num_threads(threads)
        return np.diff(marks).tolist()

    return timed


def _spoken(seconds: float) -> str:
    return f"{1e3 * seconds:,.2f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:,.0f} µs"


def _ratio(times: float) -> str:
    return f"{times:.3g} times faster" if times >= 1.0 else f"{1.0 / times:.3g} times slower"
