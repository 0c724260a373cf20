"""Data and models out of what was said on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nn import data, saving
from nn.activations import activation
from nn.data import Scaler
from nn.layers import MLP
from nn.losses import LOSSES
from nn.module import Module
from nn.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

Array = np.ndarray
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD, "adam": Adam, "adamw": AdamW, "rmsprop": RMSprop, "adagrad": Adagrad,
}  # fmt: skip
_RATES = {"sgd": 5.0, "adagrad": 5.0}  # times that of adam
_ONE_OUTPUT = ("bce_with_logits", "logistic", "hinge")  # tell two classes apart with one output
_SIGNS = ("logistic", "hinge")  # labels -1 and 1
_MARGINS = ("bce_with_logits", "logistic", "hinge", "cross_entropy")


class Refused(ValueError):
    """Arguments or files that do not go together; the message says why, in one line."""


@dataclass(frozen=True)
class Preset:
    """A built-in data set, and what trains well on it."""

    make: Callable[..., Any]
    layers: tuple[int, ...] = (16, 16)
    activation: str = "tanh"
    epochs: int = 100
    lr: float = 0.01  # of adam
    optimizer: str = "adam"
    weight_decay: float | None = None
    schedule: str = "constant"
    noise: float | None = None  # None: it takes none
    share: float = 0.25
    scaled: bool = False
    drawn: bool = True
    classes: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None


_IRISES = ("setosa", "versicolor", "virginica")
_LENGTHS = ("sepal length", "sepal width", "petal length", "petal width")
PRESETS = {
    "moons": Preset(data.moons, noise=0.1, classes=("-1", "1")),
    "circles": Preset(data.circles, noise=0.05, classes=("-1", "1")),
    "spiral": Preset(data.spiral, (32, 32), "relu", 150, noise=0.03),
    "xor": Preset(data.xor, (8,), noise=0.25, classes=("-1", "1")),
    "blobs": Preset(data.blobs, (16,), epochs=60, scaled=True),
    "sine": Preset(data.sine, epochs=200, lr=0.02, noise=0.1),
    "linear": Preset(data.linear, (), epochs=60, lr=0.03, noise=0.1),
    "digits": Preset(
        data.digits, (64,), "relu", 60, 0.01, "adamw", 0.3, "cosine", share=1 / 3, drawn=False,
    ),
    "iris": Preset(
        data.iris, (16,), epochs=60, share=1 / 3, scaled=True, drawn=False, classes=_IRISES,
        names=_LENGTHS,
    ),
}  # fmt: skip
FILE = Preset(data.read_csv, scaled=True)


@dataclass
class Problem:
    """Samples as a network takes them, and what is needed to read its answers.

    Attributes:
        name: of the data set, or the file.
        X: to train on, scaled.
        y: their classes as indices, or their numbers, scaled.
        X_val: held out; without rows if nothing is.
        y_val: likewise.
        preset: what trains well.
        classes: their names; None for numbers.
        names: of the inputs.
        scale: of the inputs, or None.
        target_scale: of the targets, or None.
        target: its name.
        layout: of the file.
        notes: what to tell about the data.
    """

    name: str
    X: Array
    y: Array
    X_val: Array
    y_val: Array
    preset: Preset
    classes: list[str] | None
    names: list[str]
    scale: Scaler | None = None
    target_scale: Scaler | None = None
    target: str = "y"
    layout: data.table.Layout | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def loss(self) -> str:
        """The loss that suits the target."""
        if self.classes is None:
            return "mse"
        return "bce_with_logits" if len(self.classes) == 2 else "cross_entropy"

    def outputs(self, loss: str) -> int:
        """How many outputs a network needs for that loss."""
        if self.classes is None:
            return 1
        k = len(self.classes)
        return 1 if k == 2 and loss in _ONE_OUTPUT else k

    def targets(self, y: Array, loss: str) -> Array:
        """Targets as the loss takes them."""
        if self.classes is None or loss == "cross_entropy":
            return y
        labels = y.astype(float) if self.outputs(loss) == 1 else np.eye(len(self.classes))[y]
        return 2.0 * labels - 1.0 if loss in _SIGNS else labels


# -- data --------------------------------------------------------------------------------------


def problem(options: argparse.Namespace, kept: dict[str, Any] | None = None) -> Problem:
    """The data that the options name.

    Args:
        options: those of the group "data".
        kept: what was saved with a model, whose data these are to be read like.

    Raises:
        Refused: if there are none such.
        ImportError: without scikit-learn, where it is needed.
    """
    name = options.data or (kept or {}).get("data") or "moons"
    try:
        if name in PRESETS:
            found = _built_in(name, options, kept)
        else:
            found = _from_file(name, options, kept)
    except (OSError, ValueError) as refused:
        raise Refused(_reason(refused)) from None
    return found


def _built_in(name: str, options: argparse.Namespace, kept: dict[str, Any] | None) -> Problem:
    preset = PRESETS[name]
    for option in ("target", "task", "delimiter"):
        if getattr(options, option) is not None:
            raise Refused(f"--{option} is for files, not for {name}.")
    if options.ignore:
        raise Refused(f"--ignore is for files, not for {name}.")
    rngs = np.random.default_rng(options.seed).spawn(2)
    share, parts = _share(options, preset), None
    if preset.drawn:
        n = 200 if options.n is None else options.n
        given: dict[str, Any] = {"rng": rngs[0]}
        if preset.noise is not None:
            given["noise"] = preset.noise if options.noise is None else options.noise
        elif options.noise is not None:
            raise Refused(f"--noise is not for {name}.")
        X, y = preset.make(n, **given)
    else:
        for option in ("n", "noise"):
            if getattr(options, option) is not None:
                raise Refused(f"--{option} is not for {name}, whose samples are what they are.")
        split = preset.make(share or preset.share, rng=options.seed)
        X, y = np.concatenate([split.X, split.X_test]), np.concatenate([split.y, split.y_test])
        parts = [split.X, split.X_test, split.y, split.y_test] if share else None
    classes = None
    if y.dtype.kind in "iu":
        labels = np.unique(y)
        classes = list(preset.classes or map(str, labels.tolist()))
        y = np.searchsorted(labels, y) if preset.classes is None else _indices(y, preset.classes)
    names = list(preset.names or (f"x[{i}]" for i in range(X.shape[1])))
    if parts is None:
        found = _split(name, X, y, preset, classes, names, share, rngs[1])
    else:  # as ``nn.data`` holds them out, so that results can be compared
        X, X_val, y, y_val = parts
        found = Problem(name, X, y, X_val, y_val, preset, classes, names)
    _scaled(found, options, kept, targets=False)
    return found


def _indices(y: Array, classes: tuple[str, ...]) -> Array:
    """The labels -1 and 1, or the indices, as indices."""
    found: Array = np.where(y > 0, 1, 0) if classes == ("-1", "1") else y
    return found


def _from_file(name: str, options: argparse.Namespace, kept: dict[str, Any] | None) -> Problem:
    for option in ("n", "noise"):
        if getattr(options, option) is not None:
            raise Refused(f"--{option} is for data that are drawn, not for files.")
    if not Path(name).exists():
        raise Refused(
            f"there is no data set and no file {name!r}; the data sets are {', '.join(PRESETS)}."
        )
    layout = (kept or {}).get("layout")
    table = data.read_csv(
        name, options.target, ignore=options.ignore, missing=options.missing,
        classes={"classes": True, "numbers": False, None: None}[options.task],
        delimiter=options.delimiter, encoding=options.encoding,
        layout=None if layout is None else data.table.Layout.from_json(layout),
    )  # fmt: skip
    if table.classes is not None and len(table.classes) < 2:
        raise Refused(
            f"{name}: the target {table.layout.target.name!r} has only one class, "
            f"{table.classes[0]!r}: there is nothing to tell apart."
        )
    rng = np.random.default_rng(options.seed).spawn(2)[1]
    share = _share(options, FILE)
    found = _split(name, table.X, table.y, FILE, table.classes, table.names, share, rng)
    found.target, found.layout = table.layout.target.name, table.layout
    if table.dropped:
        lines = ", ".join(str(line) for line, _ in table.dropped[:5])
        more = ", ..." if len(table.dropped) > 5 else ""
        found.notes.append(f"left out for missing cells: {len(table.dropped)} (line {lines}{more})")
    _scaled(found, options, kept, targets=table.classes is None)
    return found


def _share(options: argparse.Namespace, preset: Preset) -> float:
    return preset.share if options.validation is None else float(options.validation)


def _split(
    name: str,
    X: Array,
    y: Array,
    preset: Preset,
    classes: list[str] | None,
    names: list[str],
    share: float,
    rng: np.random.Generator,
) -> Problem:
    """The samples in two parts, each class with its share in both where that can be."""
    if share == 0.0:
        return Problem(name, X, y, X[:0], y[:0], preset, classes, names)
    notes = []
    few = f"{name} has {plural(len(X), 'sample')}, too few to hold some out; see --validation 0."
    options: dict[str, Any] = {"test_size": share, "rng": rng}
    try:
        parts = data.train_test_split(X, y, stratify=y if classes else None, **options)
    except ValueError:
        if classes is None:
            raise Refused(few) from None
        try:
            parts = data.train_test_split(X, y, **options)
        except ValueError:
            raise Refused(few) from None
        notes.append("a class is too rare to be in both parts: samples are held out at random")
    X, X_val, y, y_val = parts
    return Problem(name, X, y, X_val, y_val, preset, classes, names, notes=notes)


def _scaled(
    found: Problem, options: argparse.Namespace, kept: dict[str, Any] | None, targets: bool
) -> None:
    """Scale the samples, as those of a model were, or by the part to train on."""
    wanted = found.preset.scaled if options.standardise is None else options.standardise
    if kept is not None:
        found.scale, found.target_scale = _scaler(kept, "scale"), _scaler(kept, "target_scale")
    elif wanted:
        found.scale = data.standardise(found.X)[-1]
        if targets:
            found.target_scale = data.standardise(found.y)[-1]
    if found.scale is not None:
        found.X = found.scale.transform(found.X)
        found.X_val = found.scale.transform(found.X_val)
    if found.target_scale is not None:
        found.y = found.target_scale.transform(found.y)
        found.y_val = found.target_scale.transform(found.y_val)


def _scaler(kept: dict[str, Any], name: str) -> Scaler | None:
    given = kept.get(name)
    if given is None:
        return None
    return Scaler(np.array(given["mean"], dtype=float), np.array(given["scale"], dtype=float))


# -- models ------------------------------------------------------------------------------------


def network(options: argparse.Namespace, of: Problem) -> tuple[MLP, str]:
    """A fresh network for the data, and the name of its loss.

    Raises:
        Refused: if loss, output and data do not go together.
    """
    loss = options.loss or of.loss
    if of.classes is None and loss not in ("mse", "half_squared_error", "mae", "huber"):
        raise Refused(f"{loss} is a loss of classes, but the target {of.target!r} holds numbers.")
    output = options.output or ("sigmoid" if loss == "bce" else "linear")
    if loss == "bce" and output != "sigmoid":
        raise Refused("bce takes probabilities: use --output sigmoid, or --loss bce_with_logits.")
    if loss in _MARGINS and output not in ("linear", "tanh"):
        raise Refused(
            f"{loss} takes outputs of either sign: use --output linear, or --loss bce for sigmoid."
        )
    phi = options.activation or of.preset.activation
    hidden = list(of.preset.layers) if options.layers is None else options.layers
    rectified = phi in ("relu", "leaky_relu", "elu", "gelu", "silu")
    init = options.init or ("kaiming_uniform" if rectified else "xavier_uniform")
    try:
        for name in (phi, output):
            activation(name)
        rng = np.random.default_rng([options.seed, 1])
        sizes = [*hidden, of.outputs(loss)]
        return MLP(of.X.shape[1], sizes, phi, output, rng, init=init), loss
    except ValueError as refused:
        raise Refused(str(refused)) from None


def model_and_data(options: argparse.Namespace) -> tuple[Module, str, Problem]:
    """The model of ``--model``, or a fresh one; its loss; and the data.

    Raises:
        Refused: if they do not go together.
    """
    if options.model is None:
        of = problem(options)
        model, loss = network(options, of)
        return model, loss, of
    for option in ("layers", "activation", "output", "init"):
        if getattr(options, option) is not None:
            raise Refused(f"--{option} is for a fresh network, not for --model.")
    try:
        loaded: Module = saving.load(options.model)
        kept = saving.metadata(options.model)
    except (OSError, ValueError) as refused:
        raise Refused(_reason(refused)) from None
    kept = kept if isinstance(kept, dict) else {}
    same = options.data in (None, kept.get("data"))
    for option in ("n", "noise", "seed", "validation"):
        if same and getattr(options, option) in (None, 0) and option in kept:
            setattr(options, option, kept[option])  # so these are the samples that it has seen
    if same and options.target is None and kept.get("layout") is None:
        options.target = None
    of = problem(options, kept)
    loss = options.loss or kept.get("loss") or of.loss
    if loss not in LOSSES:
        raise Refused(f"{options.model}: it was trained for {loss!r}, which is no loss of nn.")
    trained = kept.get("classes")
    if trained is not None and of.classes is not None and len(trained) != len(of.classes):
        raise Refused(
            f"the model tells {len(trained)} classes apart, but {of.name} has {len(of.classes)}."
        )
    try:
        n_out = len(loaded(of.X[0].tolist()))
        targets = of.targets(of.y[:1], loss)
        LOSSES[loss](loaded(of.X[0].tolist()), targets[0].tolist())
    except (ValueError, TypeError) as refused:
        raise Refused(f"the model and {of.name} do not go together: {refused}") from None
    if n_out != of.outputs(loss):
        raise Refused(
            f"the model has {n_out} outputs, but {loss} on {of.name} needs {of.outputs(loss)}."
        )
    return loaded, loss, of


def optimizer(options: argparse.Namespace, model: Module, of: Problem) -> Optimizer:
    """The optimiser that the options name.

    Raises:
        Refused: for an option that it does not have.
    """
    name, decay = options.optimizer or of.preset.optimizer, options.weight_decay
    lr = of.preset.lr * _RATES.get(name, 1.0) if options.lr is None else options.lr
    if decay is None and name == of.preset.optimizer:
        decay = of.preset.weight_decay
    given = {"momentum": options.momentum, "weight_decay": decay}
    given = {name: number for name, number in given.items() if number is not None}
    if "momentum" in given and name not in ("sgd", "rmsprop"):
        raise Refused(f"--momentum is for sgd and rmsprop, not for {name}.")
    try:
        return OPTIMIZERS[name](model.parameters(), lr=lr, **given)
    except ValueError as refused:
        raise Refused(str(refused)) from None


def sample(options: argparse.Namespace, of: Problem, loss: str) -> tuple[list[float], Any]:
    """One sample and its target.

    Raises:
        Refused: if there are not as many.
    """
    if options.sample >= len(of.X):
        raise Refused(f"there is no sample {options.sample}: {of.name} has {len(of.X)}, from 0.")
    target = of.targets(of.y[options.sample : options.sample + 1], loss)[0].tolist()
    return of.X[options.sample].tolist(), target


def _reason(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.filename}: {problem.strerror}"
    return str(problem)


def plural(n: int, thing: str) -> str:
    """Such as ``1 input``, ``2 inputs``, ``3 classes``."""
    ending = "" if n == 1 else "es" if thing.endswith("s") else "s"
    return f"{n:,} {thing}{ending}"
