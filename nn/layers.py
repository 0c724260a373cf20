"""Neurons, layers and networks, made of nothing but Values.

No derivative is written here: backprop emerges from the nodes. What modules add is
names: every pre-activation is labelled ``z``, every activation ``a``, and belongs
to the scope of its neuron.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd import TABLE, Op, Value, activate, affine
from nn import init as inits
from nn.init import Rng
from nn.module import Module


def activation(name: str) -> Op | None:
    """The row of the op table for an activation by name; None for "linear".

    Raises:
        ValueError: if no function of one argument has that name.
    """
    if name == "linear":
        return None
    known = [row.name for row in TABLE.values() if row.arity and row.arity - len(row.options) == 1]
    if name not in known:
        raise ValueError(f"unknown activation {name!r}; it can be linear, {', '.join(known)}.")
    return TABLE[name]


def values(inputs: Any, n_in: int | None, taker: object) -> list[Value]:
    """The inputs as Values, numbers as constants labelled x[0], x[1] and so on.

    Raises:
        ValueError: if there are not ``n_in`` of them; it names the taker.
        TypeError: if they are not a sequence of numbers and Values.
    """
    if isinstance(inputs, np.ndarray):
        inputs = inputs.tolist()
    if not isinstance(inputs, list | tuple):
        raise TypeError(
            f"{taker} takes a list of numbers or Values, but got {type(inputs).__name__}. "
            "Put a single input in a list."
        )
    if n_in is not None and len(inputs) != n_in:
        raise ValueError(f"{taker} takes {n_in} inputs, but got {len(inputs)}.")
    if set(map(type, inputs)) == {Value}:
        return list(inputs)
    if any(isinstance(each, list | tuple | np.ndarray) and np.ndim(each) for each in inputs):
        raise TypeError(
            f"{taker} takes one sample, a flat list of numbers, but got a list of lists. "
            "Call it once per sample."
        )
    return [
        each if isinstance(each, Value) else Value(each, label=f"x[{i}]", requires_grad=False)
        for i, each in enumerate(inputs)
    ]


def _count(number: object, what: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
        raise ValueError(f"{what} must be a positive integer, but got {number!r}.")
    return int(number)


def _fixed(parameters: list[Any]) -> np.ndarray:
    """An array that is read only: the neurons hold the parameters, not the array."""
    array = np.array(parameters, dtype=object)
    array.flags.writeable = False
    return array


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
        shape, generator = (1, _count(n_in, "n_in")), inits.generator(rng)
        (start,) = inits.weights(init, shape, generator).tolist()
        self.weight = [Value(w, label=f"w[{i}]") for i, w in enumerate(start)]
        (shift,) = inits.biases(init, shape, generator).tolist()
        self.bias = Value(shift, label="b") if bias else None
        self.activation = Activation(activation)

    def forward(self, inputs: Any) -> list[Value]:
        """[a] for the n_in inputs."""
        x = values(inputs, len(self.weight), self)
        biases = None if self.bias is None else [self.bias]
        return self.activation.of(affine([self.weight], x, biases, ["z"]))

    def __repr__(self) -> str:
        named = f"{self._name}: " if self._name else ""
        return f"{named}Neuron({len(self.weight)} → 1, {self.activation.name})"


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
        shape, generator = (_count(n_out, "n_out"), _count(n_in, "n_in")), inits.generator(rng)
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

    def __repr__(self) -> str:
        named = f"{self._name}: " if self._name else ""
        n_in, n_out = len(self.neurons[0].weight), len(self.neurons)
        return f"{named}Linear({n_in} → {n_out}{'' if self.bias is not None else ', bias=False'})"


class Activation(Module):
    """The function φ of the op table on every input: aᵢ = φ(zᵢ).

    An activation belongs to the neuron whose pre-activation it is given.
    """

    def __init__(self, name: str):
        self.op = activation(name)
        self.name = name

    def forward(self, inputs: Any) -> list[Value]:
        """[φ(z₁), …]."""
        return self.of(values(inputs, None, self))

    def of(self, zs: list[Value]) -> list[Value]:
        """The same for a list that is known to hold Values."""
        if self.op is None:
            return zs
        phi: Any = getattr(Value, self.name, self.op)  # a method is the faster way in
        return activate(phi, zs)

    def __repr__(self) -> str:
        return f"Activation({self.name!r})"


class Identity(Activation):
    """φ(z) = z."""

    def __init__(self) -> None:
        super().__init__("linear")


class ReLU(Activation):
    """φ(z) = max(z, 0), with φ'(0) = 0."""

    def __init__(self) -> None:
        super().__init__("relu")


class Sigmoid(Activation):
    """φ(z) = 1 / (1 + e⁻ᶻ)."""

    def __init__(self) -> None:
        super().__init__("sigmoid")


class Softplus(Activation):
    """φ(z) = log(1 + eᶻ)."""

    def __init__(self) -> None:
        super().__init__("softplus")


class Tanh(Activation):
    """φ(z) = tanh z."""

    def __init__(self) -> None:
        super().__init__("tanh")


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

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"


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
            inputs = phi.of(layer(inputs))
        return inputs  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        sizes = [len(self.layers[0].neurons[0].weight)] + [len(n.neurons) for n in self.layers]
        phis = ", ".join(phi.name for phi in self.activations)
        return f"MLP({' → '.join(map(str, sizes))}, {phis})"
