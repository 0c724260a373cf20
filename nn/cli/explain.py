"""``explain``: gradients as formulas."""

from __future__ import annotations

import argparse
import re
from typing import Any

import numpy as np

from autograd import GraphError, explain
from nn.cli.problem import Refused, model_and_data, sample
from nn.losses import LOSSES
from nn.module import Module


def run(options: argparse.Namespace) -> int:
    """Print the formulas."""
    model, loss, of = model_and_data(options)
    x, y = sample(options, of, loss)
    part = model if options.wrt is None else _part(model, options.wrt)
    try:
        told = explain(LOSSES[loss](model(x), y), wrt=part)
    except (GraphError, TypeError) as refused:
        raise Refused(str(refused)) from None
    print(told.latex() if options.latex else told)
    return 0


def _part(model: Module, name: str) -> Any:
    """A module, a parameter, or one number of it, by its name.

    Raises:
        Refused: if there is none such.
    """
    path, _, index = name.partition("[")
    modules = dict(model.named_modules())
    parameters = dict(model.named_parameters())
    known = [*filter(None, modules), *parameters]
    part = parameters.get(path, modules.get(path) if path else None)
    if part is None:
        raise Refused(f"--wrt {name}: there is no such part; there are {', '.join(known)}.")
    if not index:
        return part
    array = np.asarray(part, dtype=object)
    places = index[:-1].split(",")
    if not re.fullmatch(r"\d+(,\d+)*\]", index.replace(" ", "")) or path not in parameters:
        raise Refused(f"--wrt {name}: an index looks like 'layers.0.weight[1,0]'.")
    where = tuple(map(int, places))
    if len(where) != array.ndim or any(i >= n for i, n in zip(where, array.shape, strict=True)):
        shape = " × ".join(map(str, array.shape)) or "a single number"
        raise Refused(f"--wrt {name}: {path} is {shape}, counted from 0.")
    return array[where]
