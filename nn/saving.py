"""Models in files: ``save`` and ``load``.

A file (see ``archive``) holds the architecture as JSON and every parameter as an array under its
name. Loading rebuilds known classes of ``nn`` from the arguments that made them, each checked
against the arrays before anything is made; it never looks up a class or a function by a name
from the file, and nothing in a file is run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np

from autograd import Value
from nn import archive
from nn.activations import (
    ELU,
    GELU,
    Activation,
    Identity,
    LeakyReLU,
    LogSoftmax,
    Pointwise,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    activation,
)
from nn.archive import LoadError, Path_
from nn.conv import Conv2d
from nn.layers import MLP, Dropout, Flatten, Linear, Neuron, Residual, Sequential, Unflatten
from nn.module import Module
from nn.norm import LayerNorm
from nn.recurrent import NONLINEARITIES, RNNCell

FORMAT = "scalar-autograd model"
VERSION = 1
DEEPEST = 200  # modules within modules; Python's stack holds no more calls of them

Shapes = dict[str, tuple[int, ...]]


def save(model: Module, path: Path_, metadata: Mapping[str, Any] | None = None) -> None:
    """Write the model to a file, all of it or nothing.

    A crash, or kill -9, at any moment leaves a former file of that name as it was; see
    ``archive.write``. Kept are the architecture, all parameters, which of them are frozen or
    shared, ``training`` of every module, and the state of Dropout's generators. Not kept are
    gradients, labels and hooks. Of a class that is not one of ``nn``, only the numbers are:
    build such a model again and call ``load(path, into=model)``.

    Args:
        model: any module.
        path: the file, by its whole name; ".npz" is usual, for NumPy can open it.
        metadata: anything that JSON can hold, for ``saving.metadata(path)`` to give back.

    Raises:
        ValueError: for metadata that JSON cannot hold.
        OSError: if the file cannot be written.
    """
    if not isinstance(model, Module):
        raise TypeError(f"save() takes a module, but got {type(model).__name__}.")
    slots = _slots(model)
    values = [value for slot in slots for value in slot.values]
    arrays = {f"state.{slot.name}": slot.numbers() for slot in slots}
    if not all(value.requires_grad for value in values):
        arrays["frozen"] = np.array([not value.requires_grad for value in values], np.uint8)
    first: dict[int, int] = {}
    ties = [(i, k) for i, value in enumerate(values) if (k := first.setdefault(id(value), i)) < i]
    if ties:
        arrays["ties"] = np.array(ties, np.int64)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "class": type(model).__name__,
        "modules": _described(model, slots),
        "parameters": [slot.name for slot in slots],
        "training": {name: bool(each.training) for name, each in model.named_modules()},
        "metadata": None if metadata is None else dict(metadata),
    }
    archive.write(path, header, arrays)


def load(path: Path_, into: Module | None = None) -> Any:
    """The model in a file that ``save`` has written.

    Args:
        path: the file.
        into: a model to give the file's numbers, frozen parameters and ``training`` to, and to
            return, instead of a new one; its parameters must have the same names and shapes.
            If they do not, nothing is changed.

    Raises:
        LoadError: if the file is damaged or foreign, if its parts do not go together, or if
            without ``into`` it is of a class that is not one of ``nn``. It is a ValueError.
        OSError: if there is no such file, or it cannot be read.
    """
    if into is not None and not isinstance(into, Module):
        raise TypeError(f"load() puts numbers into a module, not into {type(into).__name__}.")
    header, arrays = _read(path)
    try:
        return _loaded(header, arrays, into)
    except _Misfit as error:
        raise LoadError(f"{path}: {error}") from None


def metadata(path: Path_) -> Any:
    """The metadata that was given to ``save``, or None.

    Raises:
        LoadError: if the file is damaged or foreign.
        OSError: if there is no such file, or it cannot be read.
    """
    return _read(path)[0]["metadata"]


# -- the numbers -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Slot:
    """One parameter, or array of them, of one module."""

    module: Module
    member: str
    name: str
    values: list[Value]
    shape: tuple[int, ...]

    def numbers(self) -> np.ndarray:
        return np.array([value.data for value in self.values], np.float64).reshape(self.shape)

    def put(self, index: int, value: Value) -> None:
        """Let the module hold another Value in that place, counted flat."""
        holder: Any = self.module
        if isinstance(holder, Linear):
            j, i = divmod(index, self.shape[1]) if self.member == "weight" else (index, 0)
            holder, index = holder.neurons[j], i
        if self.member == "bias" and isinstance(holder, Neuron):
            holder.bias = value
        else:
            where = getattr(holder, self.member)  # a Neuron's weight is a list, others are arrays
            array = isinstance(where, np.ndarray)
            where[np.unravel_index(index, self.shape) if array else index] = value


def _slots(model: Module) -> list[_Slot]:
    """All parameters by module; what several modules share comes with each of them."""
    slots = []
    for path, module in model.named_modules():
        for member, thing in module._members():
            if not isinstance(thing, Module):
                flat = [thing] if isinstance(thing, Value) else thing.ravel().tolist()
                name = f"{path}.{member}" if path else member
                slots.append(_Slot(module, member, name, flat, np.shape(thing)))
    return slots


# -- what is known of each class -------------------------------------------------------------


class _Misfit(ValueError):
    """Something in the header of a file is not as ``save`` writes it."""


def _misfit(what: str) -> NoReturn:
    raise _Misfit(f"{what}.")


class _Config:
    """The entries of a module in the header, each taken once and checked."""

    def __init__(self, entries: Any, where: str):
        if not isinstance(entries, dict):
            _misfit(f"{where} is not described by a JSON object")
        self.entries, self.where = dict(entries), where

    def take(self, key: str) -> Any:
        if key not in self.entries:
            _misfit(f"{self.where} lacks {key!r}")
        return self.entries.pop(key)

    def done(self) -> None:
        if self.entries:
            _misfit(f"{self.where} has the unknown entries {sorted(self.entries)}")

    def refuse(self, key: str, found: object) -> NoReturn:
        _misfit(f"{self.where} has {key} = {found!r:.60}")

    def integer(self, key: str, least: int = 1) -> int:
        return self._integer(key, self.take(key), least)

    def _integer(self, key: str, found: Any, least: int) -> int:
        # Sizes above this are above the size of any file, which is what they are checked against.
        if type(found) is not int or not least <= found < 1 << 40:
            self.refuse(key, found)
        return found

    def integers(self, key: str, least: int = 1, length: int | None = None) -> tuple[int, ...]:
        found = self.take(key)
        if type(found) is not list or not found or length not in (None, len(found)):
            self.refuse(key, found)
        return tuple(self._integer(key, each, least) for each in found)

    def pair(self, key: str, least: int = 1) -> tuple[int, int]:
        first, second = self.integers(key, least, 2)
        return first, second

    def flag(self, key: str) -> bool:
        found = self.take(key)
        if type(found) is not bool:
            self.refuse(key, found)
        return found

    def real(self, key: str) -> float:
        found = self.take(key)
        if type(found) not in (int, float) or not abs(found) < math.inf:
            self.refuse(key, found)
        return float(found)

    def choice(self, key: str, known: Callable[[str], object]) -> str:
        found = self.take(key)
        if type(found) is not str:
            self.refuse(key, found)
        try:
            known(found)
        except (ValueError, KeyError):
            self.refuse(key, found)
        return found


@dataclass(frozen=True)
class _Kind:
    """How a class is described, what its parameters' shapes then are, and how it is built.

    Attributes:
        cls: the class itself; instances of subclasses are not of this kind.
        describe: the arguments that made a module.
        plan: reads them, and gives the shapes of the parameters and what builds the module.
    """

    cls: type[Module]
    describe: Callable[[Any], dict[str, Any]]
    plan: Callable[[_Config], tuple[Shapes, Callable[[], Module]]]


def _plain(cls: type[Module]) -> _Kind:
    return _Kind(cls, lambda module: {}, lambda config: ({}, cls))


def _weights(shape: tuple[int, ...], n_out: tuple[int, ...], bias: bool) -> Shapes:
    return {"weight": shape, "bias": n_out} if bias else {"weight": shape}


def _plan_neuron(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
    n_in, bias = config.integer("n_in"), config.flag("bias")
    phi = config.choice("activation", activation)
    return _weights((n_in,), (), bias), lambda: Neuron(n_in, phi, bias, init="zeros")


def _plan_linear(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
    n_in, n_out, bias = config.integer("n_in"), config.integer("n_out"), config.flag("bias")
    return _weights((n_out, n_in), (n_out,), bias), lambda: Linear(n_in, n_out, bias, init="zeros")


def _plan_activation(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
    name = config.choice("name", activation)
    return {}, lambda: Activation(name)


def _plan_leaky(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
    slope = config.real("negative_slope")
    return {}, lambda: LeakyReLU(slope)


def _plan_elu(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
    alpha = config.real("alpha")
    return {}, lambda: ELU(alpha)


def _plan_softmax(cls: type[Softmax] | type[LogSoftmax]) -> _Kind:
    def plan(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
        dim = config.integer("dim", -1)
        return {}, lambda: cls(dim)

    return _Kind(cls, lambda m: {"dim": m.dim}, plan)


def _plan_norm(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
    shape, eps = config.integers("normalized_shape"), config.real("eps")
    affine, bias = config.flag("elementwise_affine"), config.flag("bias")
    shapes = _weights(shape, shape, bias) if affine else {}
    return shapes, lambda: LayerNorm(shape, eps, affine, bias)


def _plan_unflatten(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
    shape = config.integers("unflattened_size")
    return {}, lambda: Unflatten(1, shape)


def _plan_conv(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
    n_in, n_out = config.integer("in_channels"), config.integer("out_channels")
    kernel, stride = config.pair("kernel_size"), config.pair("stride")
    padding, bias = config.pair("padding", 0), config.flag("bias")
    return _weights((n_out, n_in, *kernel), (n_out,), bias), lambda: Conv2d(
        n_in, n_out, kernel, stride, padding, bias, init="zeros"
    )


def _plan_rnn(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
    n_in, n, bias = config.integer("input_size"), config.integer("hidden_size"), config.flag("bias")
    phi = config.choice("nonlinearity", NONLINEARITIES.__getitem__)
    shapes: Shapes = {"weight_ih": (n, n_in), "weight_hh": (n, n)}
    shapes |= {"bias_ih": (n,), "bias_hh": (n,)} if bias else {}
    return shapes, lambda: RNNCell(n_in, n, bias, phi, init="zeros")


def _plan_dropout(config: _Config) -> tuple[Shapes, Callable[[], Module]]:
    p, generator = config.real("p"), config.take("generator")
    return {}, lambda: Dropout(p, generator)


_KINDS = {
    kind.cls.__name__: kind
    for kind in (
        *map(_plain, (Identity, ReLU, Sigmoid, Softplus, Tanh, GELU, SiLU, Flatten)),
        _Kind(Activation, lambda m: {"name": m.name}, _plan_activation),
        _Kind(LeakyReLU, lambda m: {"negative_slope": m.negative_slope}, _plan_leaky),
        _Kind(ELU, lambda m: {"alpha": m.alpha}, _plan_elu),
        _plan_softmax(Softmax),
        _plan_softmax(LogSoftmax),
        _Kind(
            Neuron,
            lambda m: {
                "n_in": len(m.weight),
                "bias": m.bias is not None,
                "activation": m.activation.name,
            },
            _plan_neuron,
        ),
        _Kind(
            Linear,
            lambda m: {
                "n_in": m.weight.shape[1],
                "n_out": m.weight.shape[0],
                "bias": m.bias is not None,
            },
            _plan_linear,
        ),
        _Kind(
            LayerNorm,
            lambda m: {
                "normalized_shape": list(m.normalized_shape),
                "eps": m.eps,
                "elementwise_affine": m.weight is not None,
                "bias": m.bias is not None,
            },
            _plan_norm,
        ),
        _Kind(Unflatten, lambda m: {"unflattened_size": list(m.unflattened_size)}, _plan_unflatten),
        _Kind(
            Conv2d,
            lambda m: {
                "in_channels": m.in_channels,
                "out_channels": m.out_channels,
                "kernel_size": list(m.kernel_size),
                "stride": list(m.stride),
                "padding": list(m.padding),
                "bias": m.bias is not None,
            },
            _plan_conv,
        ),
        _Kind(
            RNNCell,
            lambda m: {
                "input_size": m.input_size,
                "hidden_size": m.hidden_size,
                "bias": m.bias_ih is not None,
                "nonlinearity": m.nonlinearity,
            },
            _plan_rnn,
        ),
        _Kind(Dropout, lambda m: {"p": m.p}, _plan_dropout),
    )
}
_CONTAINERS = {"Sequential": Sequential, "MLP": MLP, "Residual": Residual}


# -- saving the architecture -----------------------------------------------------------------


def _described(model: Module, slots: list[_Slot]) -> list[dict[str, Any]] | None:
    """The modules, each after those below it; None if any is not just what its class makes."""
    names: dict[int, dict[str, str]] = {}
    shapes: dict[int, Shapes] = {}
    for slot in slots:
        names.setdefault(id(slot.module), {})[slot.member] = slot.name
        shapes.setdefault(id(slot.module), {})[slot.member] = slot.shape
    found: list[dict[str, Any]] = []
    place: dict[int, int] = {}  # of a module in the list; -1 while those below it are described
    generators: list[Any] = []

    def visit(module: Module) -> int:
        if id(module) in place:
            if place[id(module)] < 0:
                raise _Unknown
            return place[id(module)]
        place[id(module)] = -1
        entry: dict[str, Any] = {"class": type(module).__name__}
        own = names.get(id(module), {})
        kind = _KINDS.get(entry["class"])
        if kind is not None and type(module) is kind.cls:
            planned: Shapes = {}
            try:
                entry |= kind.describe(module)
                if isinstance(module, Dropout):
                    entry["generator"] = _generator_entry(module.rng, generators)
                else:
                    planned, _ = kind.plan(_Config(kind.describe(module), ""))
            except (AttributeError, IndexError, TypeError, ValueError):
                raise _Unknown from None  # its attributes are not those that it was made with
            children = [each for _, each in module._members() if isinstance(each, Module)]
            expected = [module.activation] if isinstance(module, Neuron) else []
            if shapes.get(id(module), {}) != planned or children != expected:
                raise _Unknown  # something was added to it, or taken away
            if expected and type(expected[0]) is not Activation:
                raise _Unknown
        else:
            entry["children"] = [visit(child) for child in _parts(module)]
            if own:
                raise _Unknown
        if own:
            entry["parameters"] = own
        place[id(module)] = len(found)
        found.append(entry)
        return place[id(module)]

    try:
        visit(model)
    except _Unknown:
        return None
    return found


class _Unknown(Exception):
    """A module that cannot be built again from the arguments of a class of nn."""


def _parts(module: Module) -> list[Module]:
    """The modules that a container is made of, in the order that ``_container`` takes."""
    if type(module) is Sequential:
        return list(module.layers)
    members = [member for _, member in module._members() if isinstance(member, Module)]
    if type(module) is Residual and members == [module.module]:
        return members
    if type(module) is MLP:
        parts: list[Module] = [*module.layers, *module.activations]
        if members == parts and _is_chain(parts):
            return parts
    raise _Unknown


def _is_chain(parts: Sequence[Module]) -> bool:
    """Whether these are the layers of an MLP and as many activations."""
    half = len(parts) // 2
    layers, phis = parts[:half], parts[half:]
    if not half or not all(type(each) is Linear for each in layers):
        return False
    sizes = [each.weight.shape for each in layers if isinstance(each, Linear)]
    return (
        len(phis) == half
        and all(isinstance(each, Pointwise) for each in phis)
        and all(after[1] == before[0] for before, after in pairwise(sizes))
    )


def _container(name: str, parts: list[Module]) -> Module:
    """The container of that class with these parts."""
    if name == "Sequential":
        return Sequential(*parts)
    if name == "Residual":
        if len(parts) != 1:
            _misfit(f"a Residual has {len(parts)} parts")
        return Residual(parts[0])
    if not _is_chain(parts):
        _misfit("the parts of an MLP are not layers that fit, with an activation for each")
    model = MLP.__new__(MLP)  # the layers are made; MLP's own arguments would only make new ones
    half = len(parts) // 2
    model.layers, model.activations = parts[:half], parts[half:]  # type: ignore[assignment]
    return model


def _generator_entry(rng: np.random.Generator, known: list[Any]) -> dict[str, Any]:
    """The kind and state of a generator; ``same`` tells which modules share one."""
    for i, each in enumerate(known):
        if each is rng:
            return {"same": i}
    known.append(rng)

    def plain(thing: Any) -> Any:
        if isinstance(thing, dict):
            return {key: plain(each) for key, each in thing.items()}
        return thing.tolist() if isinstance(thing, np.ndarray | np.generic) else thing

    return {"state": plain(rng.bit_generator.state)}


_GENERATORS = {
    each.__name__: each
    for each in (
        np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64,
    )
}  # fmt: skip


def _generator(entry: Any, known: list[np.random.Generator]) -> np.random.Generator:
    """The generator that ``_generator_entry`` has described."""
    config = _Config(entry, "a generator")
    if "same" in config.entries:
        index = config.integer("same", 0)
        config.done()
        if index >= len(known):
            config.refuse("same", index)
        return known[index]
    state = config.take("state")
    config.done()
    name = state.get("bit_generator") if isinstance(state, dict) else None
    if not isinstance(name, str) or name not in _GENERATORS:
        _misfit(f"a generator is {name!r:.60}, which is not known")
    bits = _GENERATORS[name](0)
    template: Any = bits.state

    def fitted(thing: Any, like: Any) -> Any:
        if isinstance(like, dict):
            if not isinstance(thing, dict) or thing.keys() != like.keys():
                _misfit(f"the state of a {name} has other entries")
            return {key: fitted(thing[key], like[key]) for key in like}
        if isinstance(like, np.ndarray):
            if not isinstance(thing, list) or len(thing) != like.size:
                _misfit(f"the state of a {name} has another length")
            if not all(type(each) is int and 0 <= each < 1 << 64 for each in thing):
                _misfit(f"the state of a {name} does not hold integers")
            return np.array(thing, np.uint64).astype(like.dtype)
        if isinstance(like, str):
            return like
        if type(thing) is not int or not 0 <= thing < 1 << 128:
            _misfit(f"the state of a {name} does not hold integers")
        return thing

    new = fitted(state, template)
    try:
        bits.state = new
    except (ValueError, TypeError, OverflowError) as error:
        _misfit(f"the state of a {name} does not fit: {error}")
    known.append(np.random.Generator(bits))
    return known[-1]


# -- loading ---------------------------------------------------------------------------------


def _read(path: Path_) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays of a file of ours, of a version that we know."""
    header, arrays = archive.read(path)
    if header.get("format") != FORMAT:
        raise LoadError(f"{path}: it was not written by nn.save().")
    version = header.get("version")
    if type(version) is not int or version != VERSION:
        newer = (
            ", by a newer version of this project"
            if type(version) is int and version > VERSION
            else ""
        )
        raise LoadError(f"{path}: it is of format {version!r:.20}{newer}; {VERSION} can be read.")
    try:
        config = _Config(header, "the header")
        for key in ("format", "version", "class", "modules", "parameters", "training", "metadata"):
            config.take(key)
        config.done()
    except _Misfit as error:
        raise LoadError(f"{path}: {error}") from None
    return header, arrays


@dataclass(frozen=True)
class _State:
    """The numbers in a file, by name, and per number whether it is frozen and what it equals."""

    arrays: dict[str, np.ndarray]
    frozen: list[bool]
    ties: list[list[int]]


def _state(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> _State:
    names = header["parameters"]
    if type(names) is not list or not all(type(name) is str for name in names):
        _misfit("its list of parameters is no list of names")
    if len(set(names)) < len(names):
        _misfit("its list of parameters names one twice")
    rest = dict(arrays)
    found = {name: rest.pop(f"state.{name}", None) for name in names}
    n = 0
    for name, array in found.items():
        if array is None or array.dtype != np.float64:
            _misfit(f"it has no array of numbers for {name!r:.60}")
        n += array.size
    frozen = rest.pop("frozen", np.zeros(n, np.uint8))
    if frozen.dtype != np.uint8 or frozen.shape != (n,) or frozen.max(initial=0) > 1:
        _misfit("its list of frozen parameters does not fit")
    ties = rest.pop("ties", np.zeros((0, 2), np.int64))
    if ties.dtype != np.int64 or ties.ndim != 2 or ties.shape[1] != 2:
        _misfit("its list of shared parameters does not fit")
    if ties.size and not ((ties[:, 1] >= 0) & (ties[:, 1] < ties[:, 0]) & (ties[:, 0] < n)).all():
        _misfit("its list of shared parameters does not fit")
    if rest:
        _misfit(f"it has the unknown arrays {sorted(rest)[:3]}")
    kept = {name: array for name, array in found.items() if array is not None}
    return _State(kept, frozen.astype(bool).tolist(), ties.tolist())


def _loaded(header: dict[str, Any], arrays: dict[str, np.ndarray], into: Module | None) -> Module:
    state = _state(header, arrays)
    if into is None:
        if header["modules"] is None:
            _misfit(
                f"it holds the numbers of {header['class']!r:.60}, which is not just made of the "
                "classes of nn. Build the model, and call nn.load(path, into=model)"
            )
        model = _built(header["modules"], state.arrays)
    else:
        model = into
    slots = _in_order(_slots(model), state.arrays)
    training = header["training"]
    modules = dict(model.named_modules())
    if type(training) is not dict or not all(type(mode) is bool for mode in training.values()):
        _misfit("its list of modules in training does not fit")
    if training.keys() != modules.keys():
        _misfit(f"its modules are called {_some(training)}, those of the model {_some(modules)}")
    if into is None and state.ties:
        _tie(slots, state.ties)
        slots = _in_order(_slots(model), state.arrays)
    values = [value for slot in slots for value in slot.values]
    numbers = [n for slot in slots for n in state.arrays[slot.name].ravel().tolist()]
    new: dict[int, tuple[Value, float, bool]] = {}
    for value, number, frozen in zip(values, numbers, state.frozen, strict=True):
        told = new.setdefault(id(value), (value, number, frozen))
        if not _same(told[1], number) or told[2] != frozen:
            _misfit("it has two numbers for one parameter that several places share")
    for value, number, frozen in new.values():
        value.requires_grad = not frozen
        value.data = number
    for name, mode in training.items():
        if modules[name].training != mode:
            modules[name].training = mode
    return model


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _some(names: Mapping[str, Any]) -> str:
    shown = [repr(name) for name in list(names)[:5]]
    return ", ".join(shown) + (" and so on" if len(names) > 5 else "")


def _in_order(slots: list[_Slot], arrays: dict[str, np.ndarray]) -> list[_Slot]:
    """The slots in the order of the arrays, if names and shapes are the same."""
    own = {slot.name: slot for slot in slots}
    missing, unknown = own.keys() - arrays.keys(), arrays.keys() - own.keys()
    if missing or unknown:
        _misfit(
            f"it does not fit the model: missing {sorted(missing)[:5]}, unknown "
            f"{sorted(unknown)[:5]}"
        )
    for name, slot in own.items():
        if arrays[name].shape != slot.shape:
            _misfit(
                f"{name} has the shape {slot.shape} in the model, but {arrays[name].shape} in it"
            )
    return [own[name] for name in arrays]


def _tie(slots: list[_Slot], ties: list[list[int]]) -> None:
    """Let places that shared a Value when the model was saved share one again."""
    where = [(slot, index) for slot in slots for index in range(len(slot.values))]
    values = [value for slot in slots for value in slot.values]
    for later, first in ties:
        values[later] = values[first]
        slot, index = where[later]
        slot.put(index, values[first])


def _built(entries: Any, arrays: dict[str, np.ndarray]) -> Module:
    """The model that the header describes, if its parameters are those of the file."""
    if type(entries) is not list or not entries:
        _misfit("its list of modules is empty, or no list")
    used: set[str] = set()
    used_modules: set[int] = set()
    built: list[Module] = []
    depth: list[int] = []
    generators: list[np.random.Generator] = []
    for position, entry in enumerate(entries):
        config = _Config(entry, f"module {position}")
        name = config.choice("class", lambda name: _CONTAINERS.get(name) or _KINDS[name])
        if name in _CONTAINERS:
            below = config.take("children")
            if type(below) is not list or not all(
                type(each) is int and 0 <= each < position for each in below
            ):
                config.refuse("children", below)
            used_modules.update(below)
            config.done()
            built.append(_container(name, [built[each] for each in below]))
            depth.append(1 + max([depth[each] for each in below], default=0))
            if depth[-1] > DEEPEST:
                _misfit(f"its modules are nested more than {DEEPEST} deep")
            continue
        depth.append(0)
        parameters = config.entries.pop("parameters", {})
        if name == "Dropout":
            generator = _generator(config.entries.get("generator"), generators)
            config.entries["generator"] = generator
        shapes, make = _KINDS[name].plan(config)
        config.done()
        if type(parameters) is not dict or parameters.keys() != shapes.keys():
            config.refuse("parameters", parameters)
        for member, shape in shapes.items():
            label = parameters[member]
            if type(label) is not str or label not in arrays or label in used:
                config.refuse(member, label)
            if arrays[label].shape != shape:
                _misfit(f"{label} has the shape {arrays[label].shape}, but {name} wants {shape}")
            used.add(label)
        try:
            built.append(make())
        except ValueError as error:
            _misfit(f"module {position}: {error}")
    if used != arrays.keys() or used_modules != set(range(len(built) - 1)):
        _misfit("some of its modules or parameters are not part of the model")
    return built[-1]
