"""Runs a command, and says in one line what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from nn.cli.parser import parser
from nn.cli.problem import Refused

COMMANDS = ("train", "verify", "draw", "explain", "bench", "demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of the program run with these arguments: 0, 1, 2, or 130 if interrupted.

    ``--help`` and arguments that cannot be read raise SystemExit, as argparse does.
    """
    options = parser().parse_args(arguments)
    command = import_module(f"nn.cli.{options.command}")
    try:
        status: int = command.run(options)
    except Refused as problem:
        return _said(options.command, problem, 2)
    except (ImportError, OSError, FloatingPointError) as problem:
        return _said(options.command, problem, 1)
    except KeyboardInterrupt:
        print(f"\npython -m nn {options.command}: interrupted", file=sys.stderr)
        return 130
    return status


def _said(command: str, problem: Exception, status: int) -> int:
    text = " ".join(str(problem).split())
    print(f"python -m nn {command}: error: {text}", file=sys.stderr)
    return status
