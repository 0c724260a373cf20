"""A recurrent layer, one step at a time."""

from __future__ import annotations

import math
from typing import Any

from autograd import Value, activate, affine
from nn import init as inits
from nn.init import Rng
from nn.inputs import count, parameters, values
from nn.module import Module

NONLINEARITIES = {"tanh": Value.tanh, "relu": Value.relu}


class RNNCell(Module):
    """h' = φ(z), z = W_ih x + b_ih + W_hh h + b_hh (Elman 1990).

    One call is one step in time::

        h = None
        for x in sequence:
            h = cell(x, h)

    Arguments, names and shapes are PyTorch's.

    Args:
        input_size: number of inputs x.
        hidden_size: number of h.
        bias: whether there are b_ih and b_hh.
        nonlinearity: φ, "tanh" or "relu".
        rng: a NumPy generator or a seed.
        init: how the weights begin, by name, see ``nn.init``; "uniform" is PyTorch's default,
            U(-k, k) with k = 1/√hidden_size for all of them.

    Attributes:
        weight_ih: W_ih, an object array (hidden_size, input_size).
        weight_hh: W_hh, (hidden_size, hidden_size).
        bias_ih: b_ih, (hidden_size,), or None.
        bias_hh: b_hh, likewise.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        rng: Rng = None,
        *,
        init: str = "uniform",
    ):
        n_in, n = count(input_size, "input_size"), count(hidden_size, "hidden_size")
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(
                f"RNNCell: nonlinearity must be {' or '.join(NONLINEARITIES)}, "
                f"but got {nonlinearity!r}."
            )
        self.input_size, self.hidden_size, self.nonlinearity = n_in, n, nonlinearity
        generator = inits.generator(rng)

        def start(*shape: int) -> Any:
            if init == "uniform":
                return generator.uniform(-1.0, 1.0, shape) / math.sqrt(n)
            if len(shape) == 1:
                return inits.biases(init, (n, n), generator)
            return inits.weights(init, shape, generator)

        self.weight_ih = parameters(start(n, n_in), "w")
        self.weight_hh = parameters(start(n, n), "u")
        self.bias_ih = parameters(start(n), "b") if bias else None
        self.bias_hh = parameters(start(n), "c") if bias else None

    def forward(self, inputs: Any, hidden: Any = None) -> list[Value]:
        """[h'₁, …] for the inputs x and the hidden h, which is 0 if not given."""
        x = values(inputs, self.input_size, self)
        if hidden is None:
            zero = Value(0.0, label="0", requires_grad=False)
            h = [zero] * self.hidden_size
        else:
            h = self._hidden(hidden)
        # One node per neuron, for W_ih x + W_hh h = [W_ih W_hh] [x h].
        rows = [
            [*w, *u] for w, u in zip(self.weight_ih.tolist(), self.weight_hh.tolist(), strict=True)
        ]
        biases = None
        if self.bias_ih is not None and self.bias_hh is not None:
            biases = [b + c for b, c in zip(self.bias_ih, self.bias_hh, strict=True)]
        labels = [f"z[{j}]" for j in range(self.hidden_size)]
        return activate(NONLINEARITIES[self.nonlinearity], affine(rows, [*x, *h], biases, labels))

    def _hidden(self, hidden: Any) -> list[Value]:
        try:
            h = values(hidden, None, self)
        except TypeError as problem:
            raise TypeError(f"the hidden state: {problem}") from None
        if len(h) != self.hidden_size:
            raise ValueError(
                f"{self._title()} takes a hidden state of {self.hidden_size}, but got {len(h)}."
            )
        for j, (each, given) in enumerate(zip(h, hidden, strict=True)):
            if each is not given:  # a constant that was made of a number
                each.label = f"h[{j}]"
        return h

    def extra_repr(self) -> str:
        """Such as ``3 → 4, tanh``."""
        bias = "" if self.bias_ih is not None else ", bias=False"
        return f"{self.input_size} → {self.hidden_size}, {self.nonlinearity}{bias}"
