"""What these tests share: networks that the engine differentiates, and the forward pass by hand.

Nothing that is derived by hand uses the engine: a `Network` gives its weights as numbers, and every
right side is made from them by loops or in NumPy.
"""

from dataclasses import dataclass

import numpy as np

import nn
from autograd import Value


def numbers(nodes):
    """The data of a list or array of Values, in its shape."""
    nodes = np.asarray(nodes, dtype=object)
    return np.array([node.data for node in nodes.flat]).reshape(nodes.shape)


def grads(nodes):
    """The gradients of a list or array of Values, in its shape."""
    nodes = np.asarray(nodes, dtype=object)
    return np.array([node.grad for node in nodes.flat]).reshape(nodes.shape)


def agree(engine, hand, rtol=1e-12):
    """Assert equal shapes and numbers, relative to the largest of them, which is not 0."""
    engine, hand = np.asarray(engine, dtype=float), np.asarray(hand, dtype=float)
    assert engine.shape == hand.shape
    scale = np.abs(hand).max()
    assert scale > 0.0
    np.testing.assert_allclose(engine, hand, rtol=0.0, atol=rtol * scale)


def judge(engine, printed, right):
    """Assert that the right form is the engine's, and the printed one far from it."""
    agree(engine, right)
    engine, printed = np.asarray(engine), np.asarray(printed)
    assert engine.shape == printed.shape
    assert np.abs(engine - printed).max() > 1e-2 * np.abs(engine).max()


@dataclass(frozen=True)
class Function:
    """An activation and its derivative by z, of numbers and arrays."""

    f: object
    prime: object


SIGMOID = Function(lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2)
TANH = Function(np.tanh, lambda z: 1 - np.tanh(z) ** 2)
RELU = Function(lambda z: np.where(z > 0, z, 0.0), lambda z: np.where(z > 0, 1.0, 0.0))
FUNCTIONS = {"sigmoid": SIGMOID, "tanh": TANH, "relu": RELU}


def forward(W, b, x, f):
    """z and a of every layer, by loops; a[0] is x, and W[k, j] leads from j to k."""
    z, a = [], [np.array(x, dtype=float)]
    for weights, biases in zip(W, b, strict=True):
        z.append(np.zeros(len(biases)))
        for k in range(len(biases)):
            for j in range(len(a[-1])):
                z[-1][k] += weights[k, j] * a[-1][j]
            z[-1][k] += biases[k]
        a.append(f(z[-1]))
    return z, a


class Network:
    """An MLP of the engine after one backward pass, and its numbers for a calculation by hand.

    Attributes:
        model: the MLP, with the activation on every layer.
        x, y: one pair of input and target.
        W, w: the weights of every layer as numbers: W[k, j] and w[j, k] both lead from j to k.
        b: the biases of every layer as numbers.
        z_nodes, a_nodes: the Values z and a of every layer; a_nodes[0] are the inputs.
        loss: the Value that backward() was called on.
    """

    def __init__(self, sizes, activation="sigmoid", seed=0, loss=nn.half_squared_error):
        random = np.random.default_rng(seed)
        self._draw(sizes, activation, random, loss)
        while not all(np.any(delta) for delta in self.delta):  # every ReLU of a layer is closed
            self._draw(sizes, activation, random, loss)

    def _draw(self, sizes, activation, random, loss):
        self.model = nn.MLP(sizes[0], sizes[1:], activation, activation, rng=random)
        for layer in self.model.layers:
            layer.load_state_dict(
                {name: random.normal(size=old.shape) for name, old in layer.state_dict().items()}
            )
        self.x, self.y = random.normal(size=sizes[0]), random.uniform(size=sizes[-1])
        self.W = [numbers(layer.weight) for layer in self.model.layers]
        self.w = [weights.T.copy() for weights in self.W]
        self.b = [numbers(layer.bias) for layer in self.model.layers]

        self.z_nodes, self.a_nodes = [], [[Value(each) for each in self.x]]
        for layer, phi in zip(self.model.layers, self.model.activations, strict=True):
            self.z_nodes.append(layer(self.a_nodes[-1]))
            self.a_nodes.append(phi(self.z_nodes[-1]))
        self.loss = loss(self.a_nodes[-1], self.y)
        self.loss.backward()

    @property
    def depth(self):
        return len(self.W)

    @property
    def delta(self):
        """The engine's δ = ∂L/∂z of every layer."""
        return [grads(layer) for layer in self.z_nodes]

    @property
    def dW(self):
        """The engine's ∂L/∂W of every layer, in the shape of W."""
        return [grads(layer.weight) for layer in self.model.layers]

    @property
    def db(self):
        """The engine's ∂L/∂b of every layer."""
        return [grads(layer.bias) for layer in self.model.layers]
