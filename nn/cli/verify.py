"""``verify``: the engine's gradients beside those of backprop by hand."""

from __future__ import annotations

import argparse

from autograd import VerificationError
from nn import verify as held
from nn.cli.problem import Refused, model_and_data, plural


def run(options: argparse.Namespace) -> int:
    """Print the table; 1 if anything differs."""
    model, loss, of = model_and_data(options)
    n = min(options.samples, len(of.X))
    print(f"{model}, {loss}, mean over {plural(n, 'sample')} of {of.name}\n")
    try:
        held(model, of.X[:n], of.targets(of.y[:n], loss), loss=loss)
    except VerificationError as wrong:
        print(wrong)
        return 1
    except TypeError as refused:
        raise Refused(str(refused)) from None
    return 0
