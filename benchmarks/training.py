"""Digits: an MLP 64-64-10, trained by ``nn.fit`` and by PyTorch's eager mode, side by side.

Both start with the same parameters and see the same batches, in double precision and on one
thread, with AdamW and a cosine schedule; PyTorch's loop does nothing but train, while ``fit``
measures loss and accuracy as well. A run is a whole training, with the compiling. The two take
turns, and what counts is the ratio of their total processor times. Nothing fails for being slow.

    python -m benchmarks.training --rounds 9
"""

# ruff: noqa: E402 - threads are limited before NumPy is imported

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import gc
import time
from importlib import import_module
from typing import Any

import numpy as np

import nn

SIZES, RATE, DECAY, BATCH = (64, 64, 10), 0.01, 0.3, 32


def network() -> nn.MLP:
    """The network before training, the same one every time."""
    return nn.MLP(SIZES[0], list(SIZES[1:]), "relu", rng=0, init="kaiming_uniform")


def ours(data: nn.data.Split, epochs: int, seed: int) -> tuple[nn.MLP, float]:
    """(the trained network, seconds)."""
    model = network()
    start = time.process_time()
    steps = nn.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    history = nn.fit(
        model, "cross_entropy", data.X, data.y, epochs=epochs, batch_size=BATCH,
        scheduler=nn.CosineAnnealingLR(steps, T_max=epochs), rng=seed, progress=False,
    )  # fmt: skip
    seconds = time.process_time() - start
    assert history.compiled, history.reason
    return model, seconds


def theirs(torch: Any, data: nn.data.Split, epochs: int, seed: int) -> tuple[nn.MLP, float]:
    """The same by PyTorch."""
    start_from, layers = network(), torch.nn
    model = layers.Sequential(
        layers.Linear(*SIZES[:2]), layers.ReLU(), layers.Linear(*SIZES[1:])
    ).double()
    parameters = [torch.tensor(array) for array in start_from.state_dict().values()]
    with torch.no_grad():
        for own, given in zip(model.parameters(), parameters, strict=True):
            own.copy_(given)
    X, y, order = torch.tensor(data.X), torch.tensor(data.y), np.random.default_rng(seed)
    start = time.process_time()
    steps = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(steps, T_max=epochs)
    for _ in range(epochs):
        shuffled = torch.from_numpy(order.permutation(len(y)))
        for at in range(0, len(y), BATCH):
            batch = shuffled[at : at + BATCH]
            steps.zero_grad()
            layers.functional.cross_entropy(model(X[batch]), y[batch]).backward()
            steps.step()
        schedule.step()
    seconds = time.process_time() - start
    numbers = [own.detach().numpy() for own in model.parameters()]
    start_from.load_state_dict(dict(zip(start_from.state_dict(), numbers, strict=True)))
    return start_from, seconds


def main() -> None:
    """Train in turns, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="trainings by each (default 9)")
    parser.add_argument("--epochs", type=int, default=30, help="in each (default 30)")
    options = parser.parse_args()
    try:
        torch: Any = import_module("torch")
    except ImportError:
        torch = None
        print("PyTorch is not installed, so there is nothing to compare with.")
    else:
        torch.set_num_threads(1)
        theirs(torch, nn.data.digits(), 1, 0)  # its first steps take longer
    data = nn.data.digits()
    ours(data, 1, 0)
    seconds: dict[str, list[float]] = {"ours": [], "PyTorch": []}
    scores, gap = [], 0.0
    for seed in range(options.rounds):
        gc.collect()
        model, taken = ours(data, options.epochs, seed)
        seconds["ours"].append(taken)
        scores.append(nn.accuracy(model, data.X_test, data.y_test))
        if torch is not None:
            gc.collect()
            other, taken = theirs(torch, data, options.epochs, seed)
            seconds["PyTorch"].append(taken)
            pairs = zip(model.parameters(), other.parameters(), strict=True)
            gap = max(gap, max(abs(a.data - b.data) for a, b in pairs))
    print(
        f"{len(data.y):,} digits, {options.epochs} epochs, batches of {BATCH}, AdamW; "
        f"{options.rounds} trainings by each"
    )
    for name, times in seconds.items():
        if times:
            print(
                f"{name:8} {sum(times) / len(times):6.3f} s on average, {min(times):6.3f} s at best"
            )
    if torch is not None:
        ratio = sum(seconds["ours"]) / sum(seconds["PyTorch"])
        each = [a / b for a, b in zip(seconds["ours"], seconds["PyTorch"], strict=True)]
        print(
            f"ours / PyTorch {ratio:.2f}, {min(each):.2f} to {max(each):.2f}; at most 1 is wanted"
        )
        print(f"largest difference of a parameter {gap:.1e}")
    print(f"held-out accuracy from {min(scores):.1%} to {max(scores):.1%}; at least 97 % is wanted")


if __name__ == "__main__":
    main()
