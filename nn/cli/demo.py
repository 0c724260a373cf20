"""``demo``: all of it in a minute, with pictures."""

from __future__ import annotations

import argparse


def run(options: argparse.Namespace) -> int:
    """Run the demonstration."""
    from nn.demo import run as demonstrate

    demonstrate(options.out, options.seed)
    return 0
