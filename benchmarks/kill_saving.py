"""Kill a process that saves a model, at random moments, and see whether a checkpoint is lost.

    python -m benchmarks.kill_saving --kills 200

Each round forks a process that saves a model over and over under the same name, every time with
all parameters one higher, and kills it (SIGKILL) after a random time. After each kill the file
must load, all its parameters must be equal, and they must not be older than what the process
had reported as saved. ``--careless`` writes the file in place instead, to show that this is seen.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import nn
from nn import archive

Save = Callable[[nn.Module, Path], None]


def careless(model: nn.Module, path: Path) -> None:
    """Save as one must not: into the very file, piece by piece."""
    whole = path.with_suffix(".whole")
    nn.save(model, whole)
    content = whole.read_bytes()
    with open(path, "wb", buffering=0) as file:
        for start in range(0, len(content), 512):
            file.write(content[start : start + 512])
            time.sleep(1e-3)


def saving(model: nn.Module, path: Path, version: int, report: int, save: Save) -> None:
    """Save for ever, each time with all parameters one higher, and report each version saved."""
    while True:
        version += 1
        for parameter in model.parameters():
            parameter.data = float(version)
        save(model, path)
        os.write(report, version.to_bytes(8, "little"))


def version_of(path: Path) -> int:
    """The number that all parameters in the file have.

    Raises:
        ValueError: if the file does not load, or they are not all equal.
    """
    numbers = {parameter.data for parameter in nn.load(path).parameters()}
    if len(numbers) != 1:
        raise ValueError(f"{path} holds {len(numbers)} different numbers")
    return int(numbers.pop())


def killed(path: Path, version: int, seconds: float, save: Save) -> int:
    """The last version that a process reported as saved before it was killed."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(read)
            saving(nn.MLP(8, [32, 4], rng=0), path, version, write, save)
        finally:
            os._exit(1)  # only an error ends the loop
    os.close(write)
    with open(read, "rb") as reports:
        reports.read(8)  # the first is saved: now it is about overwriting
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
        rest = reports.read()
        _, status = os.waitpid(process, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit("error: the process that saves has failed by itself")
    return max(version + 1, int.from_bytes(rest[-8:], "little"))


def main() -> int:
    """The exit status: 0 if no checkpoint was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_saving")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--careless", action="store_true", help="write in place, to see it fail")
    options = parser.parse_args()
    save: Save = careless if options.careless else nn.save
    random = np.random.default_rng(options.seed)
    lost = saved = versions = unfinished = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        for _ in range(options.kills):
            reported = killed(path, versions, random.uniform(0.0, 0.02), save)
            saved += reported - versions
            try:
                found = version_of(path)
            except ValueError:
                found = -1
            if found < reported:
                lost += 1
            versions = max(found, reported)
            left = archive.leftovers(path)
            unfinished += len(left)
            for each in left:
                each.unlink()
            strange = {each.name for each in Path(folder).iterdir()} - {"model.npz", "model.whole"}
            if strange and not options.careless:
                raise SystemExit(f"error: files were left that are not known: {strange}")
    print(
        f"{options.kills} kills in {saved} savings: {lost} checkpoints lost, "
        f"{unfinished} unfinished files left and recognised"
    )
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
