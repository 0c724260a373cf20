"""``draw``: pictures of a network and its graph."""

from __future__ import annotations

import argparse
from typing import Any

from autograd import RenderError
from autograd import draw as draw_graph
from nn.cli.problem import Refused, model_and_data, sample
from nn.draw import draw
from nn.losses import LOSSES
from nn.replay import replay

_FORMS = {
    "network": (".svg",), "graph": (".svg", ".png", ".pdf", ".dot"), "replay": (".html",),
}  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Write the picture, or print it as text."""
    kind, out = options.kind, options.out
    if out is None and kind == "replay":
        raise Refused("a replay is a page: say where it goes, as --out replay.html.")
    if out is not None and out.suffix.lower() not in _FORMS[kind]:
        raise Refused(f"--out {out}: a {kind} is written as {' or '.join(_FORMS[kind])}.")
    if out is not None and not out.parent.is_dir():
        raise Refused(f"--out {out}: there is no folder {out.parent}.")
    model, loss, of = model_and_data(options)
    x, y = sample(options, of, loss)
    try:
        if kind == "graph":
            result = LOSSES[loss](model(x), y)
            result.label = "L"
            result.backward()
            picture: Any = draw_graph(result)
        else:
            picture = (draw if kind == "network" else replay)(model, x, y, loss=loss)
    except (TypeError, ValueError) as refused:
        raise Refused(str(refused)) from None
    if out is None:
        print(picture.text())
        return 0
    try:
        picture.save(str(out))
    except RenderError as missing:
        raise ImportError(str(missing)) from missing
    print(f"wrote {out}")
    return 0
