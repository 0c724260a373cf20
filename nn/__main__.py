"""The command line: ``python -m nn demo``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """End the program with the message."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def main(arguments: list[str] | None = None) -> int:
    """The exit status of the program run with these arguments."""
    parser = Parser(prog="python -m nn", description="Neural networks out of scalar Values.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo", help="see gradients, verify them, train two networks, write pictures"
    )
    demo.add_argument("--out", type=Path, default=Path("out"), help="folder for the pictures")
    demo.add_argument("--seed", type=_natural, default=0, help="of everything random (default 0)")
    options = parser.parse_args(arguments)
    try:
        from nn.demo import run

        run(options.out, options.seed)
    except (ImportError, OSError) as problem:
        print(f"python -m nn {options.command}: error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\npython -m nn {options.command}: interrupted", file=sys.stderr)
        return 130
    return 0


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
