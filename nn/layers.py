"""Neurons, layers and networks, made of nothing but Values.

No derivative is written here: backprop emerges from the nodes. What modules add is
names: every pre-activation is labelled ``z``, every activation ``a``, and belongs
to the scope of its neuron.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd import TraceError, Value, affine
from nn import init as inits
from nn.activations import (
    Activation,
    Identity,
    ReLU,
    Sigmoid,
    Softplus,
    Tanh,
    activation,
)
from nn.init import Rng
from nn.inputs import count, filled, real, shaped, values
from nn.module import Module

__all__ = [
    "MLP", "Activation", "Dropout", "Flatten", "Identity", "Linear", "Neuron", "ReLU", "Residual",
    "Sequential", "Sigmoid", "Softplus", "Tanh", "Unflatten", "activation", "values",
]  # fmt: skip


def _fixed(parameters: list[Any]) -> np.ndarray:
    """An array that is read only: the neurons hold the parameters, not the array."""
    array = np.array(parameters, dtype=object)
    array.flags.writeable = False
    return array


def _named(phi: Module) -> str:
    return phi.name if isinstance(phi, Activation) else repr(phi)


class Neuron(Module):
    """One neuron: a = φ(z), z = Σᵢ wᵢ xᵢ + b.

    Args:
        n_in: number of inputs.
        activation: "linear", or any function of one argument in the op table.
        bias: whether there is a b.
        rng: a NumPy generator or a seed.
        init: how the weights begin, by name, see ``nn.init``.

    Attributes:
        weight: the list of the wᵢ.
        bias: b, or None.
    """

    def __init__(
        self,
        n_in: int,
        activation: str = "linear",
        bias: bool = True,
        rng: Rng = None,
        *,
        init: str = "uniform",
    ):
        shape, generator = (1, count(n_in, "n_in")), inits.generator(rng)
        (start,) = inits.weights(init, shape, generator).tolist()
        self.weight = [Value(w, label=f"w[{i}]") for i, w in enumerate(start)]
        (shift,) = inits.biases(init, shape, generator).tolist()
        self.bias = Value(shift, label="b") if bias else None
        self.activation = Activation(activation)

    def forward(self, inputs: Any) -> list[Value]:
        """[a] for the n_in inputs."""
        x = values(inputs, len(self.weight), self)
        biases = None if self.bias is None else [self.bias]
        z, phi = affine([self.weight], x, biases, ["z"]), self.activation
        return phi.of(z) if phi._hooks is None else phi(z)

    def extra_repr(self) -> str:
        """Such as ``2 → 1, tanh``."""
        bias = "" if self.bias is not None else ", bias=False"
        return f"{len(self.weight)} → 1, {_named(self.activation)}{bias}"

    def __repr__(self) -> str:
        return f"Neuron({self.extra_repr()})"


class Linear(Module):
    """The layer z = W x + b of n_out neurons, each with all n_in inputs.

    Args:
        n_in: number of inputs.
        n_out: number of neurons.
        bias: whether there is a b.
        rng: a NumPy generator or a seed.
        init: how the weights begin, by name, see ``nn.init``. The default is PyTorch's.

    Attributes:
        neurons: the neurons, which hold the parameters.
    """

    def __init__(
        self, n_in: int, n_out: int, bias: bool = True, rng: Rng = None, *, init: str = "uniform"
    ):
        shape, generator = (count(n_out, "n_out"), count(n_in, "n_in")), inits.generator(rng)
        self.neurons = [Neuron(n_in, bias=bias, init="zeros") for _ in range(n_out)]
        start = {"weight": inits.weights(init, shape, generator)}
        if bias:
            start["bias"] = inits.biases(init, shape, generator)
        self.load_state_dict(start)
        self._labels = [f"z[{j}]" for j in range(n_out)]
        for name, parameter in self.named_parameters():
            for index, value in np.ndenumerate(parameter):
                value.label = f"{name[0]}[{','.join(map(str, index))}]"

    @property
    def weight(self) -> np.ndarray:
        """W, the neurons' weights as a read-only object array of shape (n_out, n_in)."""
        return _fixed([neuron.weight for neuron in self.neurons])

    @property
    def bias(self) -> np.ndarray | None:
        """The neurons' biases b as a read-only object array of shape (n_out,), or None."""
        biases = [neuron.bias for neuron in self.neurons]
        return None if biases[0] is None else _fixed(biases)

    def _members(self) -> Iterator[tuple[str, Any]]:
        # One matrix and one vector, as in PyTorch, rather than neuron by neuron.
        yield "weight", self.weight
        if (bias := self.bias) is not None:
            yield "bias", bias

    def forward(self, inputs: Any) -> list[Value]:
        """[z₁, …] for the n_in inputs."""
        x = values(inputs, len(self.neurons[0].weight), self)
        weights = [neuron.weight for neuron in self.neurons]
        biases = [neuron.bias for neuron in self.neurons]
        return affine(weights, x, None if biases[0] is None else biases, self._labels)

    def extra_repr(self) -> str:
        """Such as ``2 → 3``."""
        bias = "" if self.neurons[0].bias is not None else ", bias=False"
        return f"{len(self.neurons[0].weight)} → {len(self.neurons)}{bias}"


class Sequential(Module):
    """The modules one after the other; named 0, 1, … as in PyTorch."""

    def __init__(self, *modules: Module):
        for module in modules:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential takes modules, but got {type(module).__name__}.")
        self.layers = list(modules)
        for name, module in self._members():
            module._name = name

    def _members(self) -> Iterator[tuple[str, Any]]:
        for index, module in enumerate(self.layers):
            yield str(index), module

    def forward(self, inputs: Any) -> Any:
        """The outputs of the last module."""
        for module in self.layers:
            inputs = module(inputs)
        return inputs

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def append(self, module: Module) -> Sequential:
        """This module, with another one at its end."""
        if not isinstance(module, Module):
            raise TypeError(f"Sequential takes modules, but got {type(module).__name__}.")
        module._name = str(len(self.layers))
        self.layers.append(module)
        return self

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)


class MLP(Module):
    """A multi-layer perceptron: Linear layers with an activation after each.

    Args:
        n_in: number of inputs.
        n_outs: sizes of the layers; the last is the number of outputs.
        activation: of the hidden layers, see ``Activation``.
        output: of the last layer.
        rng: a NumPy generator or a seed.
        bias: whether the layers have biases.
        init: how the weights begin, by name, see ``nn.init``.

    Attributes:
        layers: the Linear layers.
        activations: the activation after each.
    """

    def __init__(
        self,
        n_in: int,
        n_outs: Sequence[int],
        activation: str = "relu",
        output: str = "linear",
        rng: Rng = None,
        *,
        bias: bool = True,
        init: str = "uniform",
    ):
        if not isinstance(n_outs, list | tuple) or not n_outs:
            raise ValueError(f"n_outs must list the sizes of the layers, but got {n_outs!r}.")
        generator = inits.generator(rng)
        sizes = [n_in, *n_outs]
        self.layers = [
            Linear(sizes[i], sizes[i + 1], bias=bias, rng=generator, init=init)
            for i in range(len(n_outs))
        ]
        self.activations = [Activation(activation) for _ in n_outs[1:]] + [Activation(output)]

    def forward(self, inputs: Any) -> list[Value]:
        """[a₁, …] of the last layer."""
        for layer, phi in zip(self.layers, self.activations, strict=True):
            z = layer(inputs)
            inputs = phi.of(z) if phi._hooks is None else phi(z)
        return inputs  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """Such as ``2 → 16 → 1, relu, linear``."""
        sizes = [len(self.layers[0].neurons[0].weight)] + [len(n.neurons) for n in self.layers]
        phis = ", ".join(map(_named, self.activations))
        bias = "" if self.layers[0].bias is not None else ", bias=False"
        return f"{' → '.join(map(str, sizes))}, {phis}{bias}"

    def __repr__(self) -> str:
        return f"MLP({self.extra_repr()})"


class Residual(Module):
    """A residual block: x + f(x), with f the module (He et al. 2016, eq. 1).

    Args:
        module: gives as many outputs as it takes inputs.

    Attributes:
        module: f.
    """

    def __init__(self, module: Module):
        if not isinstance(module, Module):
            raise TypeError(f"Residual takes a module, but got {type(module).__name__}.")
        self.module = module

    def forward(self, inputs: Any) -> Any:
        """[x₁ + f₁(x), …], or an array of the shape of x.

        Raises:
            ValueError: if the module's outputs have another shape than its inputs.
        """
        x, shape_back = shaped(inputs, self)
        given = shape_back(x)
        outputs = self.module(given)
        if np.shape(outputs) != np.shape(given):
            raise ValueError(
                f"{self._title()} adds inputs of shape {np.shape(given)} to outputs of shape "
                f"{np.shape(outputs)}; the module must keep the shape."
            )
        y, _ = shaped(outputs, self)
        return shape_back([a + b for a, b in zip(x, y, strict=True)])


class Dropout(Module):
    """Dropout: in training each input is 0 with probability p, else x / (1 - p); otherwise x.

    The factor keeps the mean, as PyTorch's does (Srivastava et al. 2014, §10, "inverted"). Every
    call draws a new mask, input by input, from this module's own generator.

    In training a compiled program would draw once and keep that mask for ever, so compiling
    raises ``TraceError``; after ``model.eval()`` it compiles.

    Args:
        p: the probability to drop an input, from 0 to 1.
        rng: a NumPy generator or a seed.

    Attributes:
        rng: the generator.
    """

    def __init__(self, p: float = 0.5, rng: Rng = None):
        self.p = real(p, "Dropout: p", 0.0, 1.0)
        self.rng = inits.generator(rng)

    def forward(self, inputs: Any) -> Any:
        """The inputs, some of them times 0 and the others times 1 / (1 - p)."""
        x, shape_back = shaped(inputs, self)
        if self.training and self.p > 0.0 and x:
            if self.p < 1.0:
                self._refuse_traces(x)
                scale = 1.0 / (1.0 - self.p)
                kept = (self.rng.random(len(x)) >= self.p).tolist()
                x = [each * (scale if keep else 0.0) for each, keep in zip(x, kept, strict=True)]
            else:
                x = [each * 0.0 for each in x]
        return shape_back(x)

    def _refuse_traces(self, x: list[Value]) -> None:
        try:
            for each in x:
                each.data  # noqa: B018 - a node that is traced refuses to be read
        except TraceError:
            raise TraceError(
                f"{self._title()} draws a new mask at every call while it is training, and a "
                "compiled program would repeat the first one for ever. Call model.eval() before "
                "compiling, or train without compile."
            ) from None

    def extra_repr(self) -> str:
        """Such as ``p=0.5``."""
        return f"p={self.p:g}"


class Flatten(Module):
    """All inputs, of whatever shape, as one flat list, the last axis fastest.

    One sample is given at a time, so this is PyTorch's ``Flatten()``, which leaves the batch axis.
    """

    def forward(self, inputs: Any) -> list[Value]:
        """[x₁, …]."""
        x, _ = shaped(inputs, self)
        return x


class Unflatten(Module):
    """A flat list of inputs as an array, the last axis fastest.

    Args:
        dim: 1, the axis after that of the batch, as in PyTorch. (One sample, which is what
            this is given, has no batch axis.)
        unflattened_size: the shape of the array.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]):
        if dim != 1 or isinstance(dim, bool):
            raise ValueError(f"Unflatten: dim must be 1, the axis after the batch, not {dim!r}.")
        if not isinstance(unflattened_size, list | tuple) or not unflattened_size:
            raise ValueError(
                f"Unflatten: unflattened_size must be a shape, but got {unflattened_size!r}."
            )
        self.unflattened_size = tuple(count(n, "unflattened_size") for n in unflattened_size)

    def forward(self, inputs: Any) -> np.ndarray:
        """An object array of Values of that shape."""
        x = values(inputs, int(np.prod(self.unflattened_size)), self)
        return filled(x, self.unflattened_size)

    def extra_repr(self) -> str:
        """Such as ``1 × 8 × 8``."""
        return " × ".join(map(str, self.unflattened_size))
