"""Models given to PyTorch, and taken from it: in double precision, with the same names.

PyTorch is imported when one of the two functions is called; it is the extra ``torch``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from autograd import Value
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
)
from nn.conv import Conv2d
from nn.init import Rng, generator
from nn.layers import MLP, Dropout, Flatten, Linear, Neuron, Residual, Sequential, Unflatten
from nn.module import Module
from nn.norm import LayerNorm
from nn.recurrent import RNNCell

_CLASSES: dict[str, type[Activation]] = {
    "linear": Identity, "relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh, "softplus": Softplus,
    "gelu": GELU, "silu": SiLU,
}  # fmt: skip
# Rows of the op table that PyTorch has under the same name, and those with another one.
_SAME = (
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "ceil", "cos", "cosh", "erf",
    "exp", "expm1", "floor", "log", "log10", "log1p", "log2", "negative", "positive", "reciprocal",
    "sign", "sin", "sinh", "sqrt", "square", "tan",
)  # fmt: skip
_OTHER = {"absolute": "abs", "log_sigmoid": "nn.functional.logsigmoid"}
_FUNCTIONS = {**{name: name for name in _SAME}, **_OTHER}
# Beyond its threshold PyTorch's softplus gives z itself, which is off by e⁻ᶻ; here by nothing.
_THRESHOLD = 40.0


def to_torch(model: Module) -> Any:
    """The same model as a ``torch.nn.Module`` in double precision, with the same state.

    Names and shapes in ``state_dict`` are the same, and so are which parameters are frozen or
    shared and what is in training. It takes a batch: samples along a leading axis. Outputs
    and gradients agree to rounding; Dropout draws from PyTorch's generator.

    Raises:
        TypeError: for a module that PyTorch does not have, naming it.
        ValueError: if only some numbers of one array are frozen or shared: PyTorch has one
            tensor for all of them.
        ImportError: without PyTorch.
    """
    torch = _torch()
    made: dict[int, Any] = {}
    tensors: dict[tuple[int, ...], Any] = {}
    owned: dict[int, tuple[int, ...]] = {}

    def parameter(member: Any, name: str) -> Any:
        flat = [member] if isinstance(member, Value) else member.ravel().tolist()
        key = tuple(map(id, flat))
        if key not in tensors:
            wanted = {value.requires_grad for value in flat}
            if len(wanted) > 1 or len(set(key)) < len(key):
                raise ValueError(
                    f"{name}: some of its numbers are frozen or shared and others are not, but "
                    "in PyTorch they are one tensor."
                )
            if any(owned.setdefault(each, key) != key for each in key):
                raise ValueError(f"{name} shares some of its numbers, which PyTorch cannot.")
            numbers = np.array([value.data for value in flat]).reshape(np.shape(member))
            tensors[key] = torch.nn.Parameter(torch.from_numpy(numbers), wanted == {True})
        return tensors[key]

    def convert(module: Module, path: str) -> Any:
        if id(module) not in made:
            theirs = made[id(module)] = _there(torch, module, path, convert)
            for name, member in module._members():
                if not isinstance(member, Module):
                    setattr(theirs, name, parameter(member, f"{path}.{name}" if path else name))
            theirs.training = module.training
        return made[id(module)]

    return convert(model, "")


def from_torch(module: Any, rng: Rng = None) -> Module:
    """The same model as a module of ``nn``, with the state of a ``torch.nn.Module``.

    Names and shapes in ``state_dict`` are the same, and so are which parameters are frozen or
    shared and what is in training. It takes one sample at a time. Outputs and gradients agree
    with PyTorch's in double precision to rounding; but where z is above the threshold of
    Softplus, 20, PyTorch gives z for log(1 + eᶻ), which is off by up to 2.1e-9.

    Args:
        module: made of Sequential, Linear, activations, LayerNorm, Dropout, Conv2d, RNNCell,
            Flatten, Unflatten, or what ``to_torch`` returns.
        rng: a NumPy generator or a seed, for Dropout.

    Raises:
        TypeError: for a module of another class, naming it.
        ValueError: for arguments that ``nn`` does not have, such as a dilation.
        ImportError: without PyTorch.
    """
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch() takes a torch.nn.Module, not {type(module).__name__}.")
    shared = generator(rng)
    made: dict[int, Module] = {}
    values: dict[int, np.ndarray] = {}

    def convert(theirs: Any, path: str) -> Module:
        if id(theirs) not in made:
            made[id(theirs)] = ours = _here(torch, theirs, path, convert, shared)
            own = dict(theirs.named_parameters(recurse=False, remove_duplicate=False))
            for name, tensor in own.items():
                _fill(ours, name, tensor, values)
            ours.training = theirs.training
        return made[id(theirs)]

    return convert(module, "")


Convert = Callable[[Any, str], Any]


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "models are exchanged with PyTorch, which is not installed: "
            "pip install 'scalar-autograd[torch]'."
        ) from error
    return torch


# -- to PyTorch ------------------------------------------------------------------------------


def _there(torch: Any, module: Module, path: str, convert: Convert) -> Any:
    """PyTorch's module of that kind; its parameters are set afterwards."""
    kind, double = type(module), {"dtype": torch.float64}
    theirs = torch.nn

    def below(child: Module, name: str) -> Any:
        return convert(child, f"{path}.{name}" if path else name)

    if isinstance(module, Sequential) and kind is Sequential:
        return theirs.Sequential(*(below(child, str(i)) for i, child in enumerate(module)))
    if isinstance(module, MLP) and kind is MLP:
        layers = [below(child, f"layers.{i}") for i, child in enumerate(module.layers)]
        phis = [below(child, f"activations.{i}") for i, child in enumerate(module.activations)]
        return _own(torch).MLP(layers, phis)
    if isinstance(module, Residual) and kind is Residual:
        return _own(torch).Residual(below(module.module, "module"))
    if isinstance(module, Neuron) and kind is Neuron:
        return _own(torch).Neuron(below(module.activation, "activation"))
    if isinstance(module, Linear) and kind is Linear:
        n_out, n_in = module.weight.shape
        return theirs.Linear(n_in, n_out, module.bias is not None, **double)
    if isinstance(module, Pointwise) and (simple := _activation_there(torch, module)) is not None:
        return simple
    if isinstance(module, Softmax | LogSoftmax) and kind in (Softmax, LogSoftmax):
        return getattr(theirs, kind.__name__)(dim=module.dim)
    if isinstance(module, LayerNorm) and kind is LayerNorm:
        with_weight, with_bias = module.weight is not None, module.bias is not None
        return theirs.LayerNorm(
            module.normalized_shape, module.eps, with_weight, bias=with_bias, **double
        )
    if isinstance(module, Conv2d) and kind is Conv2d:
        return theirs.Conv2d(
            module.in_channels,
            module.out_channels,
            module.kernel_size,
            module.stride,
            module.padding,
            bias=module.bias is not None,
            **double,
        )
    if isinstance(module, RNNCell) and kind is RNNCell:
        sizes = module.input_size, module.hidden_size
        return theirs.RNNCell(*sizes, module.bias_ih is not None, module.nonlinearity, **double)
    if isinstance(module, Dropout) and kind is Dropout:
        return theirs.Dropout(module.p)
    if kind is Flatten:
        return theirs.Flatten()
    if isinstance(module, Unflatten) and kind is Unflatten:
        return theirs.Unflatten(1, module.unflattened_size)
    raise TypeError(
        f"{path or 'the model'} is a {kind.__name__}, which has no counterpart in PyTorch. "
        "Exchange its state_dict with a module of your own."
    )


def _activation_there(torch: Any, module: Pointwise) -> Any:
    if type(module) is LeakyReLU:
        return torch.nn.LeakyReLU(module.negative_slope)
    if type(module) is ELU:
        return torch.nn.ELU(module.alpha)
    if not isinstance(module, Activation) or type(module) not in (Activation, *_CLASSES.values()):
        return None
    if module.name == "softplus":
        return torch.nn.Softplus(threshold=_THRESHOLD)
    if module.name in ("leaky_relu", "elu"):
        return torch.nn.LeakyReLU() if module.name == "leaky_relu" else torch.nn.ELU()
    if module.name in _CLASSES:
        return getattr(torch.nn, _CLASSES[module.name].__name__)()
    if module.name == "log_sigmoid":
        return torch.nn.LogSigmoid()
    return _own(torch).Function(module.name) if module.name in _FUNCTIONS else None


@functools.cache
def _own(torch: Any) -> SimpleNamespace:
    """Modules for what PyTorch has no class of."""

    class MLP_(torch.nn.Module):  # type: ignore[misc]
        """``nn.MLP``: layers with an activation after each."""

        def __init__(self, layers: list[Any], activations: list[Any]):
            super().__init__()
            self.layers = torch.nn.ModuleList(layers)
            self.activations = torch.nn.ModuleList(activations)

        def forward(self, x: Any) -> Any:
            for layer, phi in zip(self.layers, self.activations, strict=True):
                x = phi(layer(x))
            return x

    class Residual_(torch.nn.Module):  # type: ignore[misc]
        """``nn.Residual``: x + f(x)."""

        def __init__(self, module: Any):
            super().__init__()
            self.module = module

        def forward(self, x: Any) -> Any:
            return x + self.module(x)

    class Neuron_(torch.nn.Module):  # type: ignore[misc]
        """``nn.Neuron``: one output, with a vector of weights and a single bias."""

        def __init__(self, activation: Any):
            super().__init__()
            self.activation = activation
            self.bias: Any = None

        def forward(self, x: Any) -> Any:
            z = (x @ self.weight).unsqueeze(-1)
            return self.activation(z if self.bias is None else z + self.bias)

    class Function_(torch.nn.Module):  # type: ignore[misc]
        """``nn.Activation`` of a function that is no module in PyTorch."""

        def __init__(self, name: str):
            super().__init__()
            self.name = name

        def forward(self, x: Any) -> Any:
            return getattr(torch, _FUNCTIONS[self.name])(x)

    for each in (MLP_, Residual_, Neuron_, Function_):
        each.__name__ = each.__qualname__ = each.__name__.rstrip("_")
    return SimpleNamespace(MLP=MLP_, Residual=Residual_, Neuron=Neuron_, Function=Function_)


# -- from PyTorch ----------------------------------------------------------------------------


def _here(torch: Any, module: Any, path: str, convert: Convert, rng: np.random.Generator) -> Module:
    """Our module of that kind; its parameters are filled in afterwards."""
    kind, theirs, own = type(module), torch.nn, _own(torch)

    def below(name: str) -> Any:
        return convert(module.get_submodule(name), f"{path}.{name}" if path else name)

    def need(fits: bool, what: str) -> None:
        if not fits:
            where = f"{path} ({module!r})" if path else repr(module)
            raise ValueError(f"{where}: nn takes this with {what} only.")

    if kind is theirs.Sequential:
        return Sequential(*(below(name) for name in _numbered(module, need)))
    if kind is own.MLP:
        model = MLP.__new__(MLP)
        model.layers = [below(f"layers.{i}") for i in range(len(module.layers))]
        model.activations = [below(f"activations.{i}") for i in range(len(module.activations))]
        return model
    if kind is own.Residual:
        return Residual(below("module"))
    if kind is own.Neuron:
        model_ = Neuron(module.weight.numel(), bias=module.bias is not None, init="zeros")
        model_.activation = below("activation")
        return model_
    if kind is own.Function:
        return Activation(module.name)
    if kind is theirs.Linear:
        bias = module.bias is not None
        return Linear(module.in_features, module.out_features, bias, init="zeros")
    for cls in _CLASSES.values():
        if kind is getattr(theirs, cls.__name__):
            if kind is theirs.Softplus:
                need(module.beta == 1 and module.threshold >= 20, "beta=1 and threshold=20")
            if kind is theirs.GELU:
                need(module.approximate == "none", "approximate='none'")
            return cls()  # type: ignore[call-arg]
    if kind is theirs.LeakyReLU:
        return LeakyReLU(module.negative_slope)
    if kind is theirs.ELU:
        return ELU(module.alpha)
    if kind is theirs.LogSigmoid:
        return Activation("log_sigmoid")
    if kind in (theirs.Softmax, theirs.LogSoftmax):
        need(module.dim in (1, -1), "dim=1 or dim=-1")
        return (Softmax if kind is theirs.Softmax else LogSoftmax)(module.dim)
    if kind is theirs.LayerNorm:
        affine, bias = module.elementwise_affine, module.bias is not None
        return LayerNorm(tuple(module.normalized_shape), module.eps, affine, bias)
    if kind is theirs.Conv2d:
        need(module.groups == 1 and module.dilation == (1, 1), "groups=1 and dilation=1")
        need(module.padding_mode == "zeros", "padding_mode='zeros'")
        need(not isinstance(module.padding, str), "padding in numbers")
        sizes = module.kernel_size, module.stride, module.padding
        channels = module.in_channels, module.out_channels
        return Conv2d(*channels, *sizes, bias=module.bias is not None, init="zeros")
    if kind is theirs.RNNCell:
        n_in, n = module.input_size, module.hidden_size
        return RNNCell(n_in, n, module.bias, module.nonlinearity, init="zeros")
    if kind is theirs.Dropout:
        return Dropout(module.p, rng)
    if kind is theirs.Flatten:
        need((module.start_dim, module.end_dim) == (1, -1), "start_dim=1 and end_dim=-1")
        return Flatten()
    if kind is theirs.Unflatten:
        need(module.dim == 1, "dim=1")
        return Unflatten(1, tuple(module.unflattened_size))
    raise TypeError(
        f"{path or 'the model'} is a {kind.__module__}.{kind.__qualname__}, which nn does not "
        "know. Build a module of your own, and load the state_dict into it."
    )


def _numbered(module: Any, need: Callable[[bool, str], None]) -> list[str]:
    """The names of the modules in a Sequential, which may have names that ours cannot have."""
    names = list(module._modules)
    need(names == [str(i) for i in range(len(names))], "the names 0, 1, …")
    return names


def _fill(module: Module, name: str, tensor: Any, known: dict[int, np.ndarray]) -> None:
    """Let the parameter have the tensor's numbers, or be the one that was filled with it before."""
    members = dict(module._members())
    if name not in members or isinstance(members[name], Module):
        raise TypeError(f"{type(module).__name__} has no parameter {name!r}, but PyTorch's has.")
    numbers = tensor.detach().cpu().numpy()
    if numbers.dtype.kind != "f":
        raise TypeError(f"{name} is a tensor of {tensor.dtype}, not of real numbers.")
    if id(tensor) in known:
        _share(module, name, known[id(tensor)])
        return
    flat = np.ravel(members[name])
    for value, number in zip(flat, numbers.astype(np.float64).ravel().tolist(), strict=True):
        value.data = number
        value.requires_grad = bool(tensor.requires_grad)
    known[id(tensor)] = np.asarray(members[name], dtype=object)


def _share(module: Module, name: str, values: np.ndarray) -> None:
    """Let the module hold these very Values as its parameter."""
    if isinstance(module, Linear):
        for j, neuron in enumerate(module.neurons):
            if name == "weight":
                neuron.weight = values[j].tolist()
            else:
                neuron.bias = values[j]
    elif isinstance(module, Neuron):
        setattr(module, name, values.tolist() if name == "weight" else values[()])
    else:
        setattr(module, name, values)
