"""``train``: fit a network, say how good it is, and keep it with pictures."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autograd import Value
from nn.cli.problem import Array, Problem, Refused, network, optimizer, plural, problem
from nn.data import Scaler
from nn.draw import draw
from nn.layers import MLP
from nn.metrics import r2_score
from nn.module import Module
from nn.saving import save
from nn.schedulers import CosineAnnealingLR
from nn.training import accuracy, fit, predict

History = Mapping[str, Sequence[float]]


def run(options: argparse.Namespace) -> int:
    """Train, and write the folder ``--out`` once all of it is there."""
    if options.out is not None:
        _check_folder(options.out)
    of = problem(options)
    model, loss = network(options, of)
    steps = optimizer(options, model, of)
    y, y_val = of.targets(of.y, loss), of.targets(of.y_val, loss)
    epochs = options.epochs or of.preset.epochs
    cosine = (options.schedule or of.preset.schedule) == "cosine"
    falling = ", falling by a cosine" if cosine else ""
    _tell(of, model, loss, f"{type(steps).__name__}, lr {steps.lr:g}{falling}")
    history = fit(
        model, loss, of.X, y,
        epochs=epochs,
        batch_size=options.batch_size or 32,
        optimizer=steps,
        scheduler=CosineAnnealingLR(steps, T_max=epochs) if cosine else None,
        rng=np.random.default_rng([options.seed, 2]),
        validation=(of.X_val, y_val) if len(y_val) else None,
        metric="r2" if of.classes is None else "accuracy",
        patience=options.patience,
        progress=not options.quiet,
    )  # fmt: skip
    told = {key: list(map(float, line)) for key, line in history.items()}
    if not told.get("loss"):
        raise KeyboardInterrupt
    print(f"epoch {len(told['loss'])}: {', '.join(f'{k} {v[-1]:.4g}' for k, v in told.items())}")
    if options.patience and not history.interrupted:
        losses = told.get("val_loss", told["loss"])
        best = int(np.argmin(losses))
        print(f"kept the parameters of epoch {best + 1}, with the least loss, {losses[best]:.4g}")
    print(f"training    {_score(of, model, of.X, y, of.y)}")
    if len(y_val):
        print(f"validation  {_score(of, model, of.X_val, y_val, of.y_val)}")
    if options.out is not None:
        for path in _write(options, of, model, loss, told):
            print(f"wrote {path}")
    if history.interrupted:
        print("python -m nn train: interrupted; this is what was learnt before", file=sys.stderr)
        return 130
    return 0


def _tell(of: Problem, model: MLP, loss: str, steps: str) -> None:
    kind = f"numbers ({of.target})" if of.classes is None else plural(len(of.classes), "class")
    held = f", {len(of.X_val):,} to validate" if len(of.X_val) else ""
    print(f"{of.name}: {plural(len(of.X), 'sample')} to train on{held}; "
          f"{plural(of.X.shape[1], 'input')}, {kind}")  # fmt: skip
    for note in of.notes:
        print(f"  {note}")
    n = plural(len(model.parameters()), "parameter")
    print(f"{model}: {n}; {loss}; {steps}", flush=True)


def _score(of: Problem, model: Module, X: Array, y: Array, raw: Array) -> str:
    if of.classes is not None:
        return f"accuracy {accuracy(model, X, y):.1%}"
    said = predict(model, X)[:, 0]
    unit = 1.0 if of.target_scale is None else float(of.target_scale.scale)
    error = unit * float(np.sqrt(np.mean((said - raw) ** 2)))
    score = f"R² {r2_score(raw, said):.4f}, " if len(raw) > 1 else ""
    return f"{score}root mean squared error {error:.4g}"


# -- files -------------------------------------------------------------------------------------


def _check_folder(out: Path) -> None:
    """Refuse early what could not be written after the training."""
    above = out
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise Refused(f"--out {out}: {above} is a file, not a folder.")
    if not os.access(above, os.W_OK):
        raise Refused(f"--out {out}: {above} cannot be written to.")


def _write(
    options: argparse.Namespace, of: Problem, model: MLP, loss: str, history: History
) -> list[Path]:
    """The files of the folder, all made elsewhere before the first one is put in place."""
    out: Path = options.out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".nn-", dir=out.parent) as place:
        made = Path(place)
        save(model, made / "model.npz", metadata=_metadata(options, of, loss))
        with (made / "history.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["epoch", *history])
            rows.writerows(
                [epoch, *map(repr, line)]
                for epoch, line in enumerate(zip(*history.values(), strict=True), 1)
            )
        x, y = of.X[0].tolist(), of.targets(of.y[:1], loss)[0].tolist()
        draw(model, x, y, loss=loss).save(str(made / "network.svg"))
        try:
            _pictures(made, of, model, history)
        except ImportError as missing:
            print(f"no plots: {missing}")
        out.mkdir(exist_ok=True)
        names = sorted(path.name for path in made.iterdir())
        for name in names:
            (made / name).replace(out / name)
    return [out / name for name in names]


def _metadata(options: argparse.Namespace, of: Problem, loss: str) -> dict[str, Any]:
    """What is needed to give the model the same samples again, and to read what it says."""
    return {
        "data": of.name,
        "n": options.n,
        "noise": options.noise,
        "seed": options.seed,
        "validation": options.validation,
        "loss": loss,
        "inputs": of.names,
        "target": of.target,
        "classes": of.classes,
        "scale": _described(of.scale),
        "target_scale": _described(of.target_scale),
        "layout": None if of.layout is None else of.layout.to_json(),
    }


def _described(scale: Scaler | None) -> dict[str, Any] | None:
    if scale is None:
        return None
    return {"mean": np.asarray(scale.mean).tolist(), "scale": np.asarray(scale.scale).tolist()}


class _Raw(Module):
    """The model with the units of the data, for pictures."""

    def __init__(self, model: Module, of: Problem):
        self.model, self.of = model, of

    def forward(self, x: Any) -> list[Value]:
        """The outputs for inputs as measured."""
        if self.of.scale is not None:
            mean, scale = self.of.scale.mean.tolist(), self.of.scale.scale.tolist()
            x = [(each - m) / s for each, m, s in zip(x, mean, scale, strict=True)]
        outputs: list[Value] = self.model(x)
        if self.of.target_scale is not None:
            m, s = float(self.of.target_scale.mean), float(self.of.target_scale.scale)
            outputs = [each * s + m for each in outputs]
        return outputs


def _pictures(folder: Path, of: Problem, model: MLP, history: History) -> None:
    """PNGs of what there is to see.

    Raises:
        ImportError: without matplotlib.
    """
    from nn.plots import plot_decision_boundary, plot_history, plot_predictions

    X, y = np.concatenate([of.X, of.X_val]), np.concatenate([of.y, of.y_val])
    if of.scale is not None:
        X = of.scale.inverse_transform(X)
    if of.target_scale is not None:
        y = of.target_scale.inverse_transform(y)
    raw = _Raw(model, of)

    def boundary(ax: Any) -> None:
        names = None if of.classes is None else [of.classes[k] for k in np.unique(y).tolist()]
        plot_decision_boundary(raw, X, y, ax, classes=names)
        ax.set(xlabel=of.names[0], ylabel=of.names[1], title=f"{Path(of.name).name}: classes")

    def predictions(ax: Any) -> None:
        plot_predictions(raw, X, y, ax)
        ax.set_title(f"{Path(of.name).name}: predictions")
        if len(of.names) == 1:
            ax.set(xlabel=of.names[0], ylabel=of.target)

    _picture(folder / "history.png", lambda ax: plot_history(history, ax))
    if of.classes is None:
        _picture(folder / "predictions.png", predictions)
    elif len(of.names) == 2 and len(of.classes) <= 20:
        _picture(folder / "boundary.png", boundary)


def _picture(path: Path, plot: Callable[[Any], object]) -> None:
    """The PNG of a plot, on a figure of its own that no window knows of."""
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise ImportError(
            "plots are drawn by matplotlib: pip install 'scalar-autograd[plot]'"
        ) from missing
    figure = Figure(figsize=(7.0, 5.2), layout="constrained")
    plot(figure.subplots())
    figure.savefig(path, dpi=120, bbox_inches="tight")
