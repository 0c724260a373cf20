"""Speed of compiled programs, beside NumPy by hand and other engines, as far as installed.

Everybody computes a loss and the gradients of all parameters, in double precision and on one
thread, and has to agree before it is timed. The contestants of a case take turns in one
process, round after round; what counts are the ratios of their median processor times. Nothing here
fails for being slow.

    python -m benchmarks.compiler --rounds 9 --plot notebooks/pictures/compiler.png
"""

# ruff: noqa: E402 - threads are limited before NumPy is imported

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before NumPy is imported
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import argparse
import gc
import platform
import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import autograd
import nn
from autograd import Value

Step = Callable[[], Any]
OURS, CASADI = "ours", "CasADi SX, mapped"
BLOCK = 0.02  # seconds of a block of steps


def module(name: str) -> Any:
    """The module, or None where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


# -- measuring -------------------------------------------------------------------------------


def contest(steps: dict[str, Step], rounds: int, block: float = BLOCK) -> dict[str, float]:
    """The median microseconds of a step, over interleaved blocks."""
    counts: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in steps}
    clock = time.process_time  # of the processor, so that others on the machine matter less
    for name, step in steps.items():
        step()
        start = clock()
        step()
        counts[name] = max(1, min(2000, int(block / max(clock() - start, 1e-7))))
    gc.collect()
    for _ in range(rounds):
        for name, step in steps.items():
            start = clock()
            for _ in range(counts[name]):
                step()
            times[name].append((clock() - start) / counts[name])
    return {name: 1e6 * statistics.median(each) for name, each in times.items()}


def report(title: str, found: dict[str, float], targets: dict[str, float]) -> None:
    """Print a line per contestant: its time, and how many times ours it is."""
    print(f"\n{title}: {found[OURS]:,.1f} µs per step")
    for name, microseconds in found.items():
        if name != OURS:
            goal = f"   at least {targets[name]:g}" if name in targets else ""
            print(f"  {name:34}{microseconds / found[OURS]:12.2f} ×{goal}")


# -- a multi-layer perceptron ------------------------------------------------------------------


def arrays(model: nn.MLP) -> list[np.ndarray]:
    """W and b of all layers."""
    return [each.copy() for each in model.state_dict().values()]


def by_hand(p: list[np.ndarray], X: np.ndarray, y: np.ndarray, softmax: bool) -> Any:
    """Loss and gradients as a textbook writes them, a row per sample."""
    inputs, a = [], X
    for i in range(0, len(p), 2):
        inputs.append(a)
        z = a @ p[i].T + p[i + 1]
        a = np.maximum(z, 0.0) if i < len(p) - 2 else z
    if softmax:
        shifted = a - a.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        whole = e.sum(axis=1, keepdims=True)
        loss = (np.log(whole[:, 0]) - (shifted * y).sum(axis=1)).mean()
        d = (e / whole - y) / len(X)
    else:
        error = a - y[:, None]
        loss = np.mean(error**2)
        d = 2.0 * error / len(X)
    gradients: list[Any] = []
    for i in range(len(p) - 2, -1, -2):
        gradients[:0] = [d.T @ inputs[i // 2], d.sum(axis=0)]
        if i:
            d = (d @ p[i]) * (inputs[i // 2] > 0.0)
    return loss, gradients


def torch_step(p: list[np.ndarray], X: np.ndarray, y: np.ndarray, softmax: bool) -> Step | None:
    """The same in PyTorch."""
    torch = module("torch")
    if torch is None:
        return None
    torch.set_num_threads(1)
    weights = [torch.tensor(each, requires_grad=True) for each in p]
    x, t = torch.tensor(X), torch.tensor(y)

    def step() -> Any:
        a = x
        for i in range(0, len(p), 2):
            z = torch.nn.functional.linear(a, weights[i], weights[i + 1])
            a = torch.relu(z) if i < len(p) - 2 else z
        if softmax:
            loss = torch.nn.functional.cross_entropy(a, t)
        else:
            loss = torch.nn.functional.mse_loss(a[:, 0], t)
        return loss, torch.autograd.grad(loss, weights)

    return step


def jax_step(p: list[np.ndarray], X: np.ndarray, y: np.ndarray, softmax: bool) -> Step | None:
    """The same by jax.jit."""
    jax = module("jax")
    if jax is None:
        return None
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    def loss(p: Any, x: Any, t: Any) -> Any:
        a = x
        for i in range(0, len(p), 2):
            z = a @ p[i].T + p[i + 1]
            a = jnp.maximum(z, 0.0) if i < len(p) - 2 else z
        if softmax:
            return -(jax.nn.log_softmax(a) * t).sum(axis=1).mean()
        return jnp.mean((a[:, 0] - t) ** 2)

    compiled = jax.jit(jax.value_and_grad(loss))
    given, x, t = [jnp.asarray(each) for each in p], jnp.asarray(X), jnp.asarray(y)
    return lambda: jax.block_until_ready(compiled(given, x, t))


def casadi_steps(
    p: list[np.ndarray], X: np.ndarray, y: np.ndarray, softmax: bool
) -> dict[str, Step]:
    """The same by CasADi: a function of one sample, mapped over the batch.

    Once from and to matrices of its own, which leaves the gradients of all samples side by side;
    once from and to NumPy arrays, as ours, with the gradients summed up.
    """
    casadi = module("casadi")
    if casadi is None or len(X) * sum(each.size for each in p) > 1e6:  # it would take seconds
        return {}
    weights = [
        casadi.SX.sym(f"p{i}", *each.reshape(len(each), -1).shape) for i, each in enumerate(p)
    ]
    x, t = casadi.SX.sym("x", X.shape[1]), casadi.SX.sym("t", 1 if y.ndim == 1 else y.shape[1])
    a = x
    for i in range(0, len(p), 2):
        z = weights[i] @ a + weights[i + 1]
        a = casadi.fmax(z, 0.0) if i < len(p) - 2 else z
    loss = casadi.logsumexp(a) - casadi.dot(a, t) if softmax else (a - t) ** 2
    gradients = [casadi.gradient(loss, weight) for weight in weights]
    one = casadi.Function("f", [*weights, x, t], [loss, *gradients])
    every = one.map("F", "serial", len(X), list(range(len(p))), []) if len(X) > 1 else one
    plain = [*(each.reshape(len(each), -1) for each in p), X.T, y.reshape(len(y), -1).T]
    given = [casadi.DM(each) for each in plain]
    shapes = [(len(each), len(X), -1) for each in plain[: len(p)]]

    def of_arrays() -> Any:
        value, *found = map(np.asarray, every(*plain))
        pairs = zip(found, shapes, strict=True)
        return value.mean(), [each.reshape(shape).mean(axis=1) for each, shape in pairs]

    expected = by_hand(p, X, y, softmax)
    agree(of_arrays()[0], expected[0])
    for mine, theirs in zip(of_arrays()[1], expected[1], strict=True):
        agree(mine.reshape(theirs.shape), theirs)
    return {CASADI: lambda: every(*given), f"{CASADI}, of NumPy arrays": of_arrays}


def perceptron(sizes: Sequence[int], batch: int, softmax: bool = False) -> dict[str, Step]:
    """The contestants for an MLP, which agree."""
    generator = np.random.default_rng(0)
    model = nn.MLP(sizes[0], list(sizes[1:]), rng=0)
    X = generator.normal(size=(batch, sizes[0]))
    y = np.sign(generator.normal(size=batch))
    if softmax:
        y = np.eye(sizes[-1])[generator.integers(sizes[-1], size=batch)]
    loss = nn.cross_entropy if softmax else nn.mse

    def of_sample(x: Any, t: Any) -> Value:
        return loss(model(list(x)), list(t) if softmax else t)

    program = autograd.compile(of_sample, in_axes=0, reduce="mean")
    flat, p = program.flat(X, y), arrays(model)
    value, gradients = program.value_and_grad(X, y)
    expected, by_name = by_hand(p, X, y, softmax)
    agree(value, expected)
    for found, wanted in zip(gradients.values(), by_name, strict=True):
        agree(found, wanted)
    steps: dict[str, Step | None] = {
        OURS: lambda: flat.value_and_grad(X, y),
        "NumPy by hand": lambda: by_hand(p, X, y, softmax),
        "PyTorch": torch_step(p, X, y, softmax),
        "jax.jit": jax_step(p, X, y, softmax),
        **casadi_steps(p, X, y, softmax),
    }
    for name in ("PyTorch", "jax.jit"):
        if (step := steps[name]) is not None:
            agree(float(step()[0].item()), expected)
    return {name: step for name, step in steps.items() if step is not None}


def agree(found: Any, expected: Any) -> None:
    """Leave unless both are the same to 1e-9."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    if not np.abs(found - expected).max() <= 1e-9 * max(1e-3, np.abs(expected).max()):
        raise SystemExit("error: the contestants do not agree")


# -- micrograd's demo --------------------------------------------------------------------------


def svm_loss(model: Any, X: np.ndarray, y: np.ndarray, value: Any) -> Any:
    """The loss of micrograd's demo over the whole batch, with its penalty."""
    inputs = [list(map(value, row)) for row in X]
    scores = list(map(model, inputs))
    losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
    data_loss = sum(losses) * (1.0 / len(losses))
    return data_loss + 1e-4 * sum(p * p for p in model.parameters())


class Network:
    """micrograd's MLP with neurons of plain operators, of whatever kind of Value."""

    def __init__(self, sizes: Sequence[int], value: Any, generator: random.Random):
        self.layers = [
            [([value(generator.uniform(-1, 1)) for _ in range(m)], value(0.0)) for _ in range(n)]
            for m, n in pairwise(sizes)
        ]

    def __call__(self, x: Any) -> Any:
        """The score of a sample."""
        for layer in self.layers:
            z = [sum((wi * xi for wi, xi in zip(w, x, strict=True)), b) for w, b in layer]
            x = [each.relu() for each in z] if layer is not self.layers[-1] else z
        return x[0]

    def parameters(self) -> list[Any]:
        """All parameters, neuron by neuron."""
        return [p for layer in self.layers for w, b in layer for p in (*w, b)]


def demo() -> dict[str, Step]:
    """The contestants for micrograd's moons demo."""
    X, y = nn.data.moons(100, noise=0.1, rng=0)
    model = Network((2, 16, 16, 1), Value, random.Random(1337))
    program = autograd.compile(lambda: svm_loss(model, X, y, Value))
    flat = program.flat()
    p = []
    for layer in model.layers:
        p += [np.array([[each.data for each in w] for w, _ in layer])]
        p += [np.array([b.data for _, b in layer])]

    def hand() -> Any:
        a0 = X
        z1 = a0 @ p[0].T + p[1]
        a1 = np.maximum(z1, 0.0)
        z2 = a1 @ p[2].T + p[3]
        a2 = np.maximum(z2, 0.0)
        score = (a2 @ p[4].T + p[5])[:, 0]
        margin = np.maximum(1.0 - y * score, 0.0)
        loss = margin.mean() + 1e-4 * sum((each**2).sum() for each in p)
        d3 = ((margin > 0.0) * -y / len(y))[:, None]
        d2 = (d3 @ p[4]) * (a2 > 0.0)
        d1 = (d2 @ p[2]) * (a1 > 0.0)
        gradients = [d1.T @ a0, d1.sum(0), d2.T @ a1, d2.sum(0), d3.T @ a2, d3.sum(0)]
        return loss, [g + 2e-4 * each for g, each in zip(gradients, p, strict=True)]

    agree(flat.value_and_grad()[0], hand()[0])
    steps: dict[str, Step] = {OURS: lambda: flat.value_and_grad(), "NumPy by hand": hand}
    if (engine := module("micrograd.engine")) is not None:
        theirs = Network((2, 16, 16, 1), engine.Value, random.Random(1337))
        steps["micrograd"] = lambda: svm_loss(theirs, X, y, engine.Value).backward()
    return steps


# -- graphs without a pattern, recurrences, and a small expression -------------------------------


def tangle(nodes: int, leaves: list[Any], F: Any) -> Any:
    """The sum of the loose ends of a random graph."""
    generator = random.Random(0)
    every, used = list(leaves), set()
    while len(every) < nodes:
        i, j = (
            generator.randrange(len(every)),
            generator.randrange(max(0, len(every) - 1000), len(every)),
        )
        kind, a, b = generator.randrange(6), every[i], every[j]
        used |= {j} if kind in (3, 4, 5) else {i, j}
        every.append(
            a + b if kind == 0 else a * b * 0.5 if kind == 1 else a - b if kind == 2
            else F.sin(b) if kind == 3 else F.tanh(b) if kind == 4 else F.cos(b)
        )  # fmt: skip
    ends = [each for k, each in enumerate(every) if k not in used]
    while len(ends) > 1:
        ends = [F.tanh(a + b) for a, b in zip(ends[::2], ends[1::2], strict=False)] + (
            ends[-1:] if len(ends) % 2 else []
        )
    return ends[0]


def irregular(nodes: int, numba: bool = True) -> dict[str, Step]:
    """The contestants for a random graph; ours with numba, if there is one, or without."""
    numbers = np.random.default_rng(0).normal(size=100)
    leaves = [Value(each) for each in numbers]
    program = autograd.compile(lambda: tangle(nodes, leaves, autograd))
    without = patch("autograd.compiler.build.machine", return_value=None)
    with nullcontext() if numba else without:
        flat = program.flat()

    def eager() -> Any:
        for leaf in leaves:
            leaf.zero_grad()
        result = tangle(nodes, leaves, autograd)
        result.backward()
        return result.data

    agree(flat.value_and_grad()[0], eager())
    steps: dict[str, Step] = {OURS: lambda: flat.value_and_grad(), "eager": eager}
    if (casadi := module("casadi")) is not None:
        x = casadi.SX.sym("x", len(numbers))
        result = tangle(nodes, [x[i] for i in range(len(numbers))], casadi)
        function = casadi.Function("f", [x], [result, casadi.gradient(result, x)])
        buffer, call = function.buffer()
        given, out, grad = numbers.copy(), np.zeros(1), np.zeros(len(numbers))
        buffer.set_arg(0, memoryview(given.data))
        buffer.set_res(0, memoryview(out.data))
        buffer.set_res(1, memoryview(grad.data))
        call()
        agree(out[0], eager())
        kept = buffer, given, out, grad  # which the function only points to
        steps["CasADi SX"] = lambda: (call(), kept)
    return steps


def recurrence(steps: int) -> dict[str, Step]:
    """The contestants for s ← tanh(w s + u xₜ + b)."""
    xs = np.random.default_rng(0).normal(size=steps)
    w, u, b = Value(0.9, "w"), Value(0.5, "u"), Value(0.1, "b")

    def run(x: Any, w: Any, u: Any, b: Any, tanh: Any) -> Any:
        s = 0.0 * b
        for each in x:
            s = tanh(w * s + u * each + b)
        return s

    flat = autograd.compile(lambda x: run(x, w, u, b, autograd.tanh)).flat(xs)

    def eager() -> Any:
        result = run(xs.tolist(), w, u, b, autograd.tanh)
        result.backward()
        return result.data

    agree(flat.value_and_grad(xs)[0], eager())
    found: dict[str, Step] = {OURS: lambda: flat.value_and_grad(xs), "eager": eager}
    if (torch := module("torch")) is not None:
        leaves = [
            torch.tensor(each.data, dtype=torch.float64, requires_grad=True) for each in (w, u, b)
        ]
        inputs = list(torch.tensor(xs))
        found["PyTorch"] = lambda: torch.autograd.grad(
            run(inputs, leaves[0], leaves[1], leaves[2], torch.tanh), leaves
        )
    return found


# -- a recurrent network -------------------------------------------------------------------------


def bptt(p: list[np.ndarray], X: np.ndarray, y: np.ndarray) -> Any:
    """Loss and gradients of an Elman network as a textbook writes them; X is steps first."""
    W, U, b, c, V, v = p
    hs, bias = [np.zeros((*X.shape[1:-1], len(U)))], b + c
    for x in X:
        hs.append(np.tanh(x @ W.T + hs[-1] @ U.T + bias))
    error = hs[-1] @ V.T + v - y[..., None]
    count = max(1, y.size)
    d_out = 2.0 * error / count
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dh = d_out @ V
    for t in range(len(X) - 1, -1, -1):
        d = dh * (1.0 - hs[t + 1] ** 2)
        dW += d.T @ X[t] if d.ndim == 2 else np.outer(d, X[t])
        dU += d.T @ hs[t] if d.ndim == 2 else np.outer(d, hs[t])
        db += d.sum(axis=0) if d.ndim == 2 else d
        dh = d @ U
    dV = d_out.T @ hs[-1] if d_out.ndim == 2 else np.outer(d_out, hs[-1])
    return np.mean(error**2), [dW, dU, db, db, dV, d_out.reshape(-1, 1).sum(axis=0)]


def sequences(size: int, steps: int, batch: int | None) -> dict[str, Step]:
    """The contestants for an RNN that forecasts one number from a sequence, which agree."""
    generator = np.random.default_rng(0)
    cell, read = nn.RNNCell(8, size, rng=0), nn.Linear(size, 1, rng=1)
    own = () if batch is None else (batch,)
    X, y = generator.normal(size=(*own, steps, 8)), generator.normal(size=own)

    def of_sample(x: Any, t: Any) -> Value:
        h = None
        for each in x:
            h = cell(list(each), h)
        return nn.mse(read(h), [t])

    axes = None if batch is None else 0
    program = autograd.compile(of_sample, in_axes=axes, reduce="mean")
    flat = program.flat(X, y)
    value, gradients = program.value_and_grad(X, y)
    p = [*cell.state_dict().values(), *read.state_dict().values()]
    by_step = np.ascontiguousarray(np.moveaxis(X, -2, 0))
    expected, by_name = bptt(p, by_step, y)
    agree(value, expected)
    for found, wanted in zip(gradients.values(), by_name, strict=True):
        agree(found, wanted)
    contestants: dict[str, Step] = {
        OURS: lambda: flat.value_and_grad(X, y),
        "NumPy by hand": lambda: bptt(p, by_step, y),
    }
    if (torch := module("torch")) is not None:
        torch.set_num_threads(1)
        leaves = [torch.tensor(each, requires_grad=True) for each in p]
        inputs, goal = list(torch.tensor(by_step)), torch.tensor(y)

        def in_torch() -> Any:
            W, U, b, c, V, v = leaves
            linear = torch.nn.functional.linear
            h = torch.zeros((*own, size), dtype=torch.float64)
            for x in inputs:
                h = torch.tanh(linear(x, W, b) + linear(h, U, c))
            loss = torch.mean((linear(h, V, v)[..., 0] - goal) ** 2)
            return loss, torch.autograd.grad(loss, leaves)

        agree(float(in_torch()[0].item()), expected)
        contestants["PyTorch"] = in_torch
    if (jax := module("jax")) is not None:
        jax.config.update("jax_enable_x64", True)
        jnp = jax.numpy

        def loss(p: Any, X: Any, y: Any) -> Any:
            W, U, b, c, V, v = p

            def step(h: Any, x: Any) -> Any:
                return jnp.tanh(x @ W.T + h @ U.T + b + c), None

            h, _ = jax.lax.scan(step, jnp.zeros((*own, size)), X)
            return jnp.mean((h @ V.T + v - y[..., None]) ** 2)

        compiled = jax.jit(jax.value_and_grad(loss))
        given = [jnp.asarray(each) for each in p], jnp.asarray(by_step), jnp.asarray(y)
        agree(float(compiled(*given)[0].item()), expected)
        contestants["jax.jit"] = lambda: jax.block_until_ready(compiled(*given))
    return contestants


def expression(a: Any, b: Any) -> Any:
    """The example of micrograd's README."""
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    return g


def small() -> dict[str, Step]:
    """The contestants for that example."""
    a, b = Value(-4.0, "a"), Value(2.0, "b")
    flat = autograd.compile(lambda: expression(a, b)).flat()
    agree(flat.value_and_grad()[0], 24.70408163265306)

    def eager() -> None:
        a.zero_grad()
        b.zero_grad()
        expression(a, b).backward()

    steps: dict[str, Step] = {OURS: lambda: flat.value_and_grad(), "eager": eager}
    if (engine := module("micrograd.engine")) is not None:
        steps["micrograd"] = lambda: expression(engine.Value(-4.0), engine.Value(2.0)).backward()
    return steps


def compiling() -> list[str]:
    """How long tracing and compiling take, per node."""
    lines = []
    for samples in (16, 160, 915):
        X, y = nn.data.moons(samples, noise=0.1, rng=0)
        model = Network((2, 16, 16, 1), Value, random.Random(1337))
        program = autograd.compile(lambda: svm_loss(model, X, y, Value))  # noqa: B023
        gc.collect()
        start = time.perf_counter()
        program.value_and_grad()
        spent = time.perf_counter() - start
        nodes = program.stats["nodes"]
        start = time.perf_counter()
        svm_loss(model, X, y, Value).backward()
        eager = time.perf_counter() - start
        lines.append(
            f"  {nodes:>9,} nodes: {spent:6.2f} s, {1e6 * spent / nodes:5.1f} µs per node; "
            f"an eager step takes {eager:.2f} s"
        )
    return lines


# -- the report ----------------------------------------------------------------------------------


def plot(results: dict[tuple[str, int], dict[str, float]], path: Path) -> None:
    """Time per step against the batch, for all contestants."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names = sorted({name for name, _ in results})
    figure, axes = plt.subplots(
        1, len(names), figsize=(4.6 * len(names), 4.4), layout="constrained"
    )
    for axis, name in zip(np.atleast_1d(axes), names, strict=True):
        batches = sorted(batch for other, batch in results if other == name)
        for contestant in dict.fromkeys(c for b in batches for c in results[name, b]):
            points = [
                (b, results[name, b][contestant]) for b in batches if contestant in results[name, b]
            ]
            wide = 2.5 if contestant == OURS else 1.2
            axis.loglog(
                *zip(*points, strict=True), "o-", label=contestant, linewidth=wide, markersize=4
            )
        axis.set_title(f"MLP {name}")
        axis.set_xlabel("samples in a batch")
        axis.grid(True, which="both", alpha=0.25)
    np.atleast_1d(axes)[0].set_ylabel("µs for loss and all gradients")
    lines, labels = np.atleast_1d(axes)[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiler", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often all take turns (7)")
    parser.add_argument("--plot", type=Path, help="where to save the picture")
    parser.add_argument("--only", default="", help="a word in the titles of the cases to run")
    options = parser.parse_args(arguments)
    rounds: int = options.rounds
    print(
        f"{platform.python_implementation()} {platform.python_version()}, NumPy {np.__version__}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, one thread. A figure "
        "is the median time of the contestant divided by ours: above 1, ours is faster."
    )
    results: dict[tuple[str, int], dict[str, float]] = {}
    hand, torch, jax = "NumPy by hand", "PyTorch", "jax.jit"
    casadi = f"{CASADI}, of NumPy arrays"
    tiny, wide = (2, 16, 16, 1), (2, 256, 256, 1)
    goals = {hand: 1.7, torch: 2.3, jax: 1.4, casadi: 5.0}
    parity = {hand: 0.95, torch: 0.95, jax: 0.95}
    cases: list[tuple[str, Callable[[], dict[str, Step]], dict[str, float]]] = [
        ("MLP 2-16-16-1, batch 1", partial(perceptron, tiny, 1), goals),
        ("MLP 2-16-16-1, batch 10", partial(perceptron, tiny, 10), goals),
        ("MLP 2-16-16-1, batch 100", partial(perceptron, tiny, 100), {**goals, torch: 5.0}),
        ("MLP 2-16-16-1, batch 1000", partial(perceptron, tiny, 1000), goals),
        (
            "MLP 2-16-16-1, batch 10000", partial(perceptron, tiny, 10_000),
            {hand: 2.0, torch: 1.5, jax: 1.2},
        ),
        (
            "MLP 64-32-10 softmax, batch 128", partial(perceptron, (64, 32, 10), 128, True),
            {hand: 1.3, torch: 2.0, jax: 1.2},
        ),
        ("MLP 2-256-256-1, batch 1", partial(perceptron, wide, 1), parity),
        ("MLP 2-256-256-1, batch 100", partial(perceptron, wide, 100), parity),
        ("MLP 2-256-256-1, batch 1000", partial(perceptron, wide, 1000), parity),
        ("micrograd's demo, 100 samples in one graph", demo, {hand: 1.8, "micrograd": 10_000.0}),
        (
            "random graph of 10,000 nodes", partial(irregular, 10_000),
            {"eager": 8.0, "CasADi SX": 1.4},
        ),
        (
            "random graph of 10,000 nodes, without numba", partial(irregular, 10_000, False),
            {"eager": 8.0, "CasADi SX": 1 / 8},
        ),
        (
            "random graph of 100,000 nodes", partial(irregular, 100_000),
            {"eager": 8.0, "CasADi SX": 1.4},
        ),
        (
            "random graph of 100,000 nodes, without numba", partial(irregular, 100_000, False),
            {"eager": 8.0, "CasADi SX": 1 / 8},
        ),
        (
            "RNN of 32 units, 100 steps, batch 64", partial(sequences, 32, 100, 64),
            {hand: 0.9, torch: 1.5},
        ),
        (
            "RNN of 32 units, 1,000 steps, no batch", partial(sequences, 32, 1000, None),
            {hand: 1.0, torch: 3.0},
        ),
        ("recurrence of 1,000 steps", partial(recurrence, 1000), {"eager": 10.0, torch: 50.0}),
        ("expression of micrograd's README", small, {"micrograd": 40.0}),
    ]  # fmt: skip
    for title, make, goals in cases:
        if options.only not in title:
            continue
        found = contest(make(), rounds)
        report(title, found, goals)
        if title.startswith("MLP") and "softmax" not in title:
            name, batch_text = title.removeprefix("MLP ").split(", batch ")
            results[name, int(batch_text)] = found
    if options.only in "compiling":
        print("\nTracing and compiling, micrograd's demo with ever more samples:")
        print("\n".join(compiling()))
    if options.plot is not None and results:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
