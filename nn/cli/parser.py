"""What can be said on the command line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from nn.cli.problem import OPTIMIZERS, PRESETS
from nn.init import INITS
from nn.losses import LOSSES


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """End the program with the message."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def parser() -> Parser:
    """The parser of all commands."""
    top = Parser(prog="python -m nn", description="Neural networks out of scalar Values.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, example: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"Example: python -m nn {name} {example}",
        )  # fmt: skip

    train = command(
        "train", "train a network on a data set or a CSV file; save it with pictures",
        "--data flowers.csv --target kind --layers 16,16 --out out/flowers",
    )  # fmt: skip
    _data(train)
    _network(train)
    _training(train)

    verify = command(
        "verify", "hold the gradients of a network against backprop derived by hand",
        "--model out/flowers/model.npz",
    )  # fmt: skip
    _samples(verify, 5)

    draw = command(
        "draw", "draw a network, the graph of its loss, or a page that replays both passes",
        "--model out/flowers/model.npz --kind network --out network.svg",
    )  # fmt: skip
    _samples(draw, 1)
    draw.add_argument(
        "--kind", choices=("network", "graph", "replay"), default="network",
        help="neurons as circles; each operation as a box; or a page that steps through them",
    )  # fmt: skip
    draw.add_argument(
        "--out", type=Path, metavar="FILE",
        help="network: .svg; graph: .svg, .png, .pdf or .dot; replay: .html (default: print text)",
    )  # fmt: skip

    explain = command(
        "explain", "write the gradients of a network as formulas",
        "--data xor --layers 3 --wrt 'layers.0.weight[1,0]'",
    )  # fmt: skip
    _samples(explain, 1)
    explain.add_argument(
        "--wrt", metavar="NAME",
        help="a layer, as layers.0, or a parameter, as 'layers.0.weight[1,0]' (default: all)",
    )  # fmt: skip
    explain.add_argument("--latex", action="store_true", help="LaTeX in place of text")

    bench = command(
        "bench", "time training steps: node by node, compiled, and in PyTorch if installed",
        "--data digits --layers 64",
    )  # fmt: skip
    _data(bench)
    _network(bench)
    _steps(bench)
    bench.add_argument(
        "--rounds", type=_whole(1), default=5, metavar="N",
        help="times that each takes its turn; medians count (default 5)",
    )  # fmt: skip

    demo = command(
        "demo", "see gradients, verify them, train two networks, write pictures", "--out out"
    )
    demo.add_argument("--out", type=Path, default=Path("out"), help="folder (default out)")
    demo.add_argument("--seed", type=_whole(0), default=0, help="of all that is random (default 0)")
    return top


def _data(to: argparse.ArgumentParser, default: str | None = "moons") -> None:
    data = to.add_argument_group("data")
    data.add_argument(
        "--data", default=default, metavar="NAME|FILE",
        help=f"{', '.join(PRESETS)}; or a CSV file with a header"
        + (f" (default {default})" if default else " (default moons, or that of --model)"),
    )  # fmt: skip
    data.add_argument("--n", type=_whole(2), metavar="N", help="samples to draw (default 200)")
    data.add_argument("--noise", type=_real(0.0), metavar="X", help="standard deviation of noise")
    data.add_argument(
        "--target", metavar="COLUMN", help="of a file: what to predict (default: last)"
    )
    data.add_argument(
        "--ignore", action="append", default=[], metavar="COLUMN", help="of a file; may be repeated"
    )
    data.add_argument(
        "--task", choices=("classes", "numbers"),
        help="of a file: what the target is (default: classes for texts and few whole numbers)",
    )  # fmt: skip
    data.add_argument(
        "--missing", choices=("error", "drop"), default="error",
        help="of a file: what to do with rows in which a cell is missing (default error)",
    )  # fmt: skip
    data.add_argument("--delimiter", metavar="C", help="of a file (default: by its header)")
    data.add_argument("--encoding", default="utf-8", help="of a file (default utf-8)")
    data.add_argument(
        "--validation", type=_real(0.0, 1.0), metavar="SHARE",
        help="held out, 0 for none (default 0.25; of digits and iris a third)",
    )  # fmt: skip
    data.add_argument(
        "--standardise", action=argparse.BooleanOptionalAction,
        help="scale to mean 0 and deviation 1 (default: files, iris)",
    )  # fmt: skip
    data.add_argument("--seed", type=_whole(0), default=0, help="of all that is random (default 0)")


def _network(to: argparse.ArgumentParser) -> None:
    network = to.add_argument_group("network")
    network.add_argument(
        "--layers", type=_sizes, metavar="N,N,...",
        help="sizes of the hidden layers, as 16,16; 0 for none (default: by the data)",
    )  # fmt: skip
    network.add_argument("--activation", help="of the hidden layers (default tanh; digits: relu)")
    network.add_argument("--output", help="activation of the last layer (default: by the loss)")
    network.add_argument("--init", choices=tuple(INITS), help="how weights begin")
    network.add_argument("--loss", choices=tuple(LOSSES), help="(default: by the target)")


def _steps(to: argparse.ArgumentParser) -> None:
    to.add_argument("--optimizer", choices=tuple(OPTIMIZERS), help="(default adam; digits: adamw)")
    to.add_argument(
        "--lr", type=_real(0.0), metavar="X", help="learning rate (default: by the data)"
    )
    to.add_argument("--momentum", type=_real(0.0), metavar="X", help="of sgd and rmsprop")
    to.add_argument(
        "--weight-decay", type=_real(0.0), metavar="X", help="(default: the optimiser's)"
    )
    to.add_argument("--batch-size", type=_whole(1), metavar="N", help="(default 32)")


def _training(to: argparse.ArgumentParser) -> None:
    training = to.add_argument_group("training")
    _steps(training)  # type: ignore[arg-type]
    training.add_argument("--epochs", type=_whole(1), metavar="N", help="(default: by the data)")
    training.add_argument(
        "--schedule",
        choices=("constant", "cosine"),
        help="of the learning rate over the epochs (default constant; digits: cosine)",
    )
    training.add_argument(
        "--patience", type=_whole(1), metavar="N",
        help="stop after N epochs without a lower (validation) loss, and keep the best",
    )  # fmt: skip
    training.add_argument(
        "--out", type=Path, metavar="FOLDER",
        help="for model.npz, history.csv and pictures (default: nothing is written)",
    )  # fmt: skip
    training.add_argument("--quiet", action="store_true", help="no progress bar")


def _samples(to: argparse.ArgumentParser, n: int) -> None:
    to.add_argument(
        "--model", type=Path, metavar="FILE",
        help="model.npz of train (default: a fresh network)",
    )  # fmt: skip
    _data(to, None)
    _network(to)
    if n == 1:
        to.add_argument("--sample", type=_whole(0), default=0, help="which one (default 0)")
    else:
        to.add_argument("--samples", type=_whole(1), default=n, help=f"how many (default {n})")


def _whole(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > 12 or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least}, not {text!r}")
        return int(text)

    return read


def _real(low: float, below: float = math.inf) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not low <= number < below:
            bounds = f"from {low:g}" + (f" to below {below:g}" if below < math.inf else "")
            raise argparse.ArgumentTypeError(f"must be a number {bounds}, not {text!r}")
        return number

    return read


def _sizes(text: str) -> list[int]:
    parts = text.replace(",", " ").split()
    if parts == ["0"]:
        return []
    if not parts or not all(part.isdecimal() and 0 < int(part) <= 10_000 for part in parts):
        raise argparse.ArgumentTypeError(f"must be sizes such as 16,16, or 0, not {text!r}")
    return [int(part) for part in parts]
