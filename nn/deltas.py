"""Backprop as the textbooks write it: by hand, in NumPy, twice.

`by_loops` is the "educational network" of the back-propagation paper (P): every neuron is a record
of its own z, a, b, w and delta, and nested loops visit one neuron and one weight at a time.
`by_matrices` is the same calculation with one matrix per layer, for a whole batch at once.

Nothing here knows the autograd engine. Every derivative below was worked out on paper, so the two
functions are an independent oracle: the engine, which is never told these formulas, has to arrive
at the same numbers.

Notation: z = W a + b with W of shape (n_out, n_in), one row per destination; a = f(z);
δ = ∂L/∂z, the derivative of the loss by the pre-activation, as in P, the handwritten notes (N), the
single-neuron article (D) and EE-559 lecture 3b, Fleuret (M). The Linear-layer article (L) writes δ
for ∂L/∂a at the input or output of a layer. P and N number a weight from source to destination,
w_jk; here, as in L, D and M, it is W[k, j]. Layers count from 0.
"""

import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ACTIVATIONS", "LOSSES", "Activation", "Backprop", "Loss", "by_loops", "by_matrices"]

Array = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class Activation:
    """An activation function and its derivative, both functions of the pre-activation z.

    Each takes a number or an array and works elementwise.
    """

    f: Callable[[Any], Any]
    prime: Callable[[Any], Any]


@dataclass(frozen=True)
class Loss:
    """The loss of one sample, from its outputs a and target y, and its gradient ∂L/∂a.

    Outputs lie along the last axis; in front of it a whole batch may stand, sample by sample.
    """

    value: Callable[[Any, Any], Any]
    gradient: Callable[[Any, Any], Any]


@dataclass(frozen=True, eq=False)
class Backprop:
    """What one forward and backward pass gives, layer by layer; index 0 is the first weight layer.

    Attributes:
        loss: mean of the N samples' losses.
        z: pre-activations, each (N, n_out).
        a: activations, each (N, n_out).
        delta: δ = ∂L_n/∂z for each sample n, each (N, n_out); not divided by N.
        dW: ∂L/∂W of the mean loss, each (n_out, n_in): the batch average of δ aᵀ, P eq. (5).
        db: ∂L/∂b of the mean loss, each (n_out,); None for a layer without bias.
    """

    loss: float
    z: list[Array]
    a: list[Array]
    delta: list[Array]
    dW: list[Array]
    db: list[Array | None]


@dataclass
class Neuron:
    """A neuron of P's educational network: the record of everything that belongs to it."""

    w: list[float]  # one weight per neuron of the layer before
    b: float
    z: float = 0.0
    a: float = 0.0
    delta: float = 0.0


@np.errstate(all="ignore")
def by_loops(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike | None] | None,
    activations: Sequence[str],
    x: ArrayLike,
    y: ArrayLike,
    loss: str = "half_squared_error",
) -> Backprop:
    """Return the backprop of a network, neuron by neuron and weight by weight.

    For one sample, where neuron j is fed by the neurons i and feeds the neurons k, and w_ij is the
    weight from i to j, as P numbers them:

        forward   z_j = Σ_i w_ij a_i + b_j,  a_j = f(z_j)       P eq. (1)
        output    δ_j = f'(z_j) ∂L/∂a_j                         P; as a vector, eq. (27)
        hidden    δ_j = f'(z_j) Σ_k δ_k w_jk                    P; as a vector, eqs. (29)-(38)
        weight    ∂L/∂w_ij = δ_j a_i                            P eqs. (55)-(85)
        bias      ∂L/∂b_j = δ_j                                 P eqs. (86)-(104)

    For half_squared_error, ∂L/∂a_j = a_j - y_j. A batch is averaged at the end, P eq. (5). No
    weight changes on the way, so each δ comes from the old weights. P's printed loops add the bias
    of the source, once per source; by eq. (1) it is the destination's, once.

    Args:
        weights: one (n_out, n_in) array per layer.
        biases: one (n_out,) array per layer, or None for a layer without; None if no layer has one.
        activations: one key of `ACTIVATIONS` per layer.
        x: one input (n_in,) or a batch (N, n_in).
        y: targets (N, n_out), or for cross_entropy class indices (N,). The axis of one sample or
            one output may be left out: (n_out,), (N,), a number.
        loss: a key of `LOSSES`.

    Raises:
        ValueError: a shape does not fit, or a name is unknown.
    """
    net = _checked(weights, biases, activations, x, y, loss)
    network = [
        [Neuron(w, 0.0 if b is None else float(b[j])) for j, w in enumerate(W.tolist())]
        for W, b in zip(net.weights, net.biases, strict=True)
    ]
    n_samples = len(net.x)
    z, a, delta = ([np.empty((n_samples, len(layer))) for layer in network] for _ in range(3))
    dW = [np.zeros_like(W) for W in net.weights]
    db = [np.zeros(len(layer)) for layer in network]
    total_loss = 0.0

    for n in range(n_samples):
        # Forward: each neuron gathers from the layer before it.
        inputs: list[list[float]] = [net.x[n].tolist()]
        for layer, activation in zip(network, net.activations, strict=True):
            for neuron in layer:
                neuron.z = neuron.b
                for w_ij, a_i in zip(neuron.w, inputs[-1], strict=True):
                    neuron.z += w_ij * a_i
                neuron.a = float(activation.f(neuron.z))
            inputs.append([neuron.a for neuron in layer])

        # Backward: an output neuron asks the loss, a hidden one asks the neurons that it feeds.
        outputs = np.array(inputs[-1])
        total_loss += float(net.loss.value(outputs, net.y[n]))
        slopes: list[float] = net.loss.gradient(outputs, net.y[n]).tolist()
        for neuron, slope in zip(network[-1], slopes, strict=True):
            neuron.delta = float(net.activations[-1].prime(neuron.z)) * slope
        for level in reversed(range(len(network) - 1)):
            for j, neuron in enumerate(network[level]):
                slope = 0.0
                for successor in network[level + 1]:
                    slope += successor.delta * successor.w[j]
                neuron.delta = float(net.activations[level].prime(neuron.z)) * slope

        # Gradients: each weight sees the δ of its destination and the a of its source.
        for level, layer in enumerate(network):
            for j, neuron in enumerate(layer):
                for i, a_i in enumerate(inputs[level]):
                    dW[level][j, i] += neuron.delta * a_i
                db[level][j] += neuron.delta
                z[level][n, j], a[level][n, j] = neuron.z, neuron.a
                delta[level][n, j] = neuron.delta

    return Backprop(
        loss=total_loss / n_samples,
        z=z,
        a=a,
        delta=delta,
        dW=[total / n_samples for total in dW],
        db=[
            None if b is None else total / n_samples
            for b, total in zip(net.biases, db, strict=True)
        ],
    )


@np.errstate(all="ignore")
def by_matrices(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike | None] | None,
    activations: Sequence[str],
    x: ArrayLike,
    y: ArrayLike,
    loss: str = "half_squared_error",
) -> Backprop:
    """Return the backprop of a network, one matrix product per layer and direction.

    For one sample, with columns z, a, δ and the elementwise product ⊙:

        forward   z = W a + b,  a = f(z)                        P eq. (24), M
        output    δ = f'(z) ⊙ ∂L/∂a                             P eq. (27), N
        hidden    δ = f'(z) ⊙ (W_nextᵀ δ_next)                  P eqs. (29)-(38), N, M
        weights   ∂L/∂W = δ aᵀ, column times row                P eqs. (39)-(43), M
        biases    ∂L/∂b = δ                                     P eqs. (86)-(104), M

    A batch has its samples as rows, Z, A and Δ, so that W a becomes A Wᵀ. The product Δᵀ A sums
    δ aᵀ over the samples; divided by N it is the average of P eq. (5).

    Args, shapes and errors are those of `by_loops`.

    >>> run = by_matrices([[[1, 2]], [[3]]], None, ["square", "linear"], x=[1, -1], y=1)
    >>> run.delta[1], run.delta[0], run.dW[0]  # z = -1, a = 1, output 3, target 1
    (array([[2.]]), array([[-12.]]), array([[-12.,  12.]]))
    """
    net = _checked(weights, biases, activations, x, y, loss)
    depth, n_samples = len(net.weights), len(net.x)

    z: list[Array] = []
    a: list[Array] = [net.x]
    for W, b, activation in zip(net.weights, net.biases, net.activations, strict=True):
        z.append(a[-1] @ W.T + (0.0 if b is None else b))
        a.append(activation.f(z[-1]))

    delta = [net.activations[-1].prime(z[-1]) * net.loss.gradient(a[-1], net.y)]
    for i in reversed(range(depth - 1)):
        delta.insert(0, net.activations[i].prime(z[i]) * (delta[0] @ net.weights[i + 1]))

    return Backprop(
        loss=float(np.mean(net.loss.value(a[-1], net.y))),
        z=z,
        a=a[1:],
        delta=delta,
        dW=[delta[i].T @ a[i] / n_samples for i in range(depth)],
        db=[None if net.biases[i] is None else delta[i].mean(axis=0) for i in range(depth)],
    )


# The formulas: activations -------------------------------------------------------------------


def _elementwise(formula: Callable[[Array], Any]) -> Callable[[Any], Any]:
    """Read a formula at a number or an array: IEEE results, no warnings, and NaN gives NaN."""

    @np.errstate(all="ignore")
    def function(z: ArrayLike) -> Any:
        z = np.asarray(z, dtype=float)
        return np.where(np.isnan(z), z, formula(z))[()]  # [()] makes a number of a 0-d array

    return function


def _sigmoid(z: Array) -> Array:
    """Return 1 / (1 + e^-z), in terms of e^-|z|, which cannot overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def _softplus(z: Array) -> Array:
    return np.logaddexp(0.0, z)


def _normal_cdf(z: Array) -> Array:
    """Return the standard normal distribution function; by erfc, exact in the left tail too."""
    return np.asarray(0.5 * _erfc(-z / math.sqrt(2.0)))


def _normal_pdf(z: Array) -> Array:
    return np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


_erf = np.vectorize(math.erf, otypes=[float])
_erfc = np.vectorize(math.erfc, otypes=[float])

# fmt: off
_FORMULAS: dict[str, tuple[Callable[[Array], Any], Callable[[Array], Any]]] = {
    # name          f(z)        f'(z)
    "sqrt":        (np.sqrt,    lambda z: 0.5 / np.sqrt(z)),
    "cbrt":        (np.cbrt,    lambda z: 1.0 / (3.0 * np.cbrt(z) ** 2)),
    "exp":         (np.exp,     np.exp),
    "expm1":       (np.expm1,   np.exp),
    "log":         (np.log,     lambda z: 1.0 / z),
    "log2":        (np.log2,    lambda z: 1.0 / (z * math.log(2.0))),
    "log10":       (np.log10,   lambda z: 1.0 / (z * math.log(10.0))),
    "log1p":       (np.log1p,   lambda z: 1.0 / (1.0 + z)),
    "sin":         (np.sin,     np.cos),
    "cos":         (np.cos,     lambda z: -np.sin(z)),
    "tan":         (np.tan,     lambda z: 1.0 / np.cos(z) ** 2),
    "arcsin":      (np.arcsin,  lambda z: 1.0 / np.sqrt((1.0 - z) * (1.0 + z))),
    "arccos":      (np.arccos,  lambda z: -1.0 / np.sqrt((1.0 - z) * (1.0 + z))),
    "arctan":      (np.arctan,  lambda z: 1.0 / (1.0 + z * z)),
    "sinh":        (np.sinh,    np.cosh),
    "cosh":        (np.cosh,    np.sinh),
    "tanh":        (np.tanh,    lambda z: (1.0 / np.cosh(z)) ** 2),
    "arcsinh":     (np.arcsinh, lambda z: 1.0 / np.hypot(1.0, z)),
    "arccosh":     (np.arccosh, lambda z: 1.0 / (np.sqrt(z - 1.0) * np.sqrt(z + 1.0))),
    "arctanh":     (np.arctanh, lambda z: 1.0 / ((1.0 - z) * (1.0 + z))),
    "erf":         (_erf,       lambda z: 2.0 / math.sqrt(math.pi) * np.exp(-z * z)),
    "sigmoid":     (_sigmoid,   lambda z: _sigmoid(z) * _sigmoid(-z)),
    "softplus":    (_softplus,  _sigmoid),

    "linear":      (lambda z: z,              lambda z: 1.0),
    "positive":    (lambda z: z,              lambda z: 1.0),
    "negative":    (lambda z: -z,             lambda z: -1.0),
    "square":      (lambda z: z * z,          lambda z: 2.0 * z),
    "reciprocal":  (lambda z: 1.0 / z,        lambda z: -1.0 / (z * z)),
    "log_sigmoid": (lambda z: -_softplus(-z), lambda z: _sigmoid(-z)),
    "silu":        (lambda z: z * _sigmoid(z),
                    lambda z: _sigmoid(z) + z * _sigmoid(z) * _sigmoid(-z)),
    "gelu":        (lambda z: z * _normal_cdf(z),
                    lambda z: _normal_cdf(z) + z * _normal_pdf(z)),

    # With a kink or a jump; the derivative there is PyTorch's.
    "absolute":    (np.abs,                   np.sign),
    "relu":        (lambda z: np.where(z > 0, z, 0.0),
                    lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu":  (lambda z: np.where(z > 0, z, 0.01 * z),
                    lambda z: np.where(z > 0, 1.0, 0.01)),
    "elu":         (lambda z: np.where(z > 0, z, np.expm1(z)),
                    lambda z: np.where(z > 0, 1.0, np.exp(z))),
    "step":        (lambda z: np.where(z > 0, 1.0, 0.0),
                    lambda z: 0.0),
    "sign":        (np.sign,                  lambda z: 0.0),
    "floor":       (np.floor,                 lambda z: 0.0),
    "ceil":        (np.ceil,                  lambda z: 0.0),
}
# fmt: on

ACTIVATIONS: dict[str, Activation] = {
    name: Activation(_elementwise(f), _elementwise(prime)) for name, (f, prime) in _FORMULAS.items()
}
"""Activation functions by name, each with its derivative.

D derives σ' = σ (1 - σ); here 1 - σ(z) is written σ(-z), which keeps its digits where σ(z) rounds
to 1. For the same reason tanh' = 1 - tanh² is written 1 / cosh².

Conventions: relu'(0) = absolute'(0) = 0, leaky_relu'(0) = 0.01, elu'(0) = 1; sqrt'(0) and cbrt'(0)
are inf; step, sign, floor and ceil have derivative 0 everywhere, also where they jump; step(0) = 0.
Outside the domain of f, f is NaN and f' is what its formula gives. Where z is NaN both are NaN. In
the products of backprop an infinite f' stays what it is, so that 0 times sqrt'(0) is NaN.
"""


# The formulas: losses ------------------------------------------------------------------------


def _over_outputs(formula: Callable[[Array, NDArray[Any]], Any]) -> Callable[[Any, Any], Any]:
    """Read a loss formula at lists, numbers or arrays: IEEE results, no warnings."""

    @np.errstate(all="ignore")
    def function(a: ArrayLike, y: ArrayLike) -> Any:
        return formula(np.asarray(a, dtype=float), np.asarray(y))

    return function


def _hinge_gradient(a: Array, y: Array) -> Any:
    """Return -y / n where 1 - y a > 0, else 0: relu'(0) = 0, exactly at the margin too."""
    return -(y * ACTIVATIONS["relu"].prime(1.0 - y * a)) / a.shape[-1]


def _huber(a: Array, y: Array) -> Any:
    """Return the mean of ½ e² where |e| ≤ 1, else |e| - ½, for e = a - y."""
    e = np.abs(a - y)
    return np.where(e <= 1.0, 0.5 * e * e, e - 0.5).mean(axis=-1)


def _bce(p: Array, y: Array) -> Any:
    """Return the mean of -y log p - (1 - y) log(1 - p) in nats, no logarithm below -100."""
    log_p, log_q = np.maximum(np.log(p), -100.0), np.maximum(np.log1p(-p), -100.0)
    return -(y * log_p + (1.0 - y) * log_q).mean(axis=-1)


def _bce_gradient(p: Array, y: Array) -> Any:
    """Return (1 - y) / (1 - p) - y / p, over n; a term whose logarithm is held at -100 is 0."""
    of_p = np.where(np.log(p) < -100.0, 0.0, -y / p)
    of_q = np.where(np.log1p(-p) < -100.0, 0.0, (1.0 - y) / (1.0 - p))
    return (of_p + of_q) / p.shape[-1]


def _cross_entropy(a: Array, y: NDArray[np.int_]) -> Any:
    """Return log Σ_k e^(a_k) - a_y in nats, from differences to the largest a: no overflow."""
    shifted = a - a.max(axis=-1, keepdims=True)
    log_sum_exp = np.log(np.exp(shifted).sum(axis=-1))
    return log_sum_exp - shifted.sum(axis=-1, where=_one_hot(a, y))


def _cross_entropy_gradient(a: Array, y: NDArray[np.int_]) -> Any:
    """Return softmax(a) - onehot(y)."""
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) - _one_hot(a, y)


def _one_hot(a: Array, y: NDArray[np.int_]) -> Any:
    return np.arange(a.shape[-1]) == y[..., np.newaxis]


# fmt: off
_LOSS_FORMULAS: dict[str, tuple[Callable[[Array, Any], Any], Callable[[Array, Any], Any]]] = {
    # name: (L(a, y), ∂L/∂a)
    "half_squared_error": (lambda a, y: 0.5 * ((a - y) ** 2).sum(axis=-1),
                           lambda a, y: a - y),
    "mse":                (lambda a, y: ((a - y) ** 2).mean(axis=-1),
                           lambda a, y: 2.0 * (a - y) / a.shape[-1]),
    "mae":                (lambda a, y: np.abs(a - y).mean(axis=-1),
                           lambda a, y: np.sign(a - y) / a.shape[-1]),
    "huber":              (_huber,
                           lambda a, y: np.clip(a - y, -1.0, 1.0) / a.shape[-1]),
    "hinge":              (lambda a, y: np.maximum(0.0, 1.0 - y * a).mean(axis=-1),
                           _hinge_gradient),
    "logistic":           (lambda a, y: _softplus(-y * a).mean(axis=-1),
                           lambda a, y: -y * _sigmoid(-y * a) / a.shape[-1]),
    "bce":                (_bce, _bce_gradient),
    "bce_with_logits":    (lambda a, y: (_softplus(a) - y * a).mean(axis=-1),
                           lambda a, y: (_sigmoid(a) - y) / a.shape[-1]),
    "cross_entropy":      (_cross_entropy,
                           _cross_entropy_gradient),
}
# fmt: on

LOSSES: dict[str, Loss] = {
    name: Loss(_over_outputs(value), _over_outputs(gradient))
    for name, (value, gradient) in _LOSS_FORMULAS.items()
}
"""Losses by name, each with its gradient by the outputs a.

half_squared_error is the sum over outputs of P's derivation and of D (who calls it MSE),
cross_entropy is one number from all outputs, the others are means over outputs. The outputs are
numbers, for bce probabilities. The targets are numbers, for hinge and logistic +1 or -1, for bce
and bce_with_logits probabilities, for cross_entropy the index of the class. logistic is M's
logistic regression, with ∂L/∂a = -y σ(-y a). huber's line begins at 1. mae and hinge have
derivative 0 at their kinks, and bce where a logarithm is held at -100.
"""


# Checks at the door --------------------------------------------------------------------------


class _Net(NamedTuple):
    """The arguments of one run, checked: float arrays, and the batch axis always there."""

    weights: list[Array]
    biases: list[Array | None]
    activations: list[Activation]
    x: Array  # (N, n_in)
    y: NDArray[Any]  # (N, n_out), or (N,) class indices
    loss: Loss


def _checked(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike | None] | None,
    activations: Sequence[str],
    x: ArrayLike,
    y: ArrayLike,
    loss: str,
) -> _Net:
    """Return the arguments as arrays whose shapes fit, or raise a ValueError naming the misfit."""
    if biases is None:
        biases = [None] * len(weights)
    if not 0 < len(weights) == len(biases) == len(activations):
        raise ValueError(
            "expected at least one layer, and one bias (or None) and one activation per weight "
            f"matrix; got {len(weights)} weight matrices, {len(biases)} biases, "
            f"{len(activations)} activations"
        )

    X = _floats(x, "x")
    if X.ndim not in (1, 2) or X.size == 0:
        raise ValueError(f"x: expected shape (n_in,) or (N, n_in), not empty, got {X.shape}")
    X = np.atleast_2d(X)

    chosen_loss = _entry(LOSSES, loss, "loss")
    Ws: list[Array] = []
    bs: list[Array | None] = []
    fs: list[Activation] = []
    n_in = X.shape[1]
    for i, (weight, bias, name) in enumerate(zip(weights, biases, activations, strict=True)):
        W = _floats(weight, f"layer {i}: weights")
        if W.ndim != 2 or W.shape[1] != n_in or len(W) == 0:
            source = f"layer {i - 1}" if i else "x"
            raise ValueError(
                f"layer {i}: expected weights of shape (n_out, {n_in}) to fit {source}, "
                f"got {W.shape}"
            )
        b = None if bias is None else _floats(bias, f"layer {i}: bias")
        if b is not None and b.shape != (len(W),):
            raise ValueError(f"layer {i}: expected a bias of shape ({len(W)},), got {b.shape}")
        Ws.append(W)
        bs.append(b)
        fs.append(_entry(ACTIVATIONS, name, f"layer {i}: activation"))
        n_in = len(W)

    return _Net(Ws, bs, fs, X, _targets(y, len(X), n_in, loss), chosen_loss)


def _floats(values: ArrayLike, what: str) -> Array:
    """Return the values as an array of floats."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{what}: expected an array of real numbers, got {reprlib.repr(values)}"
        ) from error


def _entry(table: Mapping[str, T], name: str, what: str) -> T:
    """Return the table's entry of that name."""
    if name not in table:
        raise ValueError(f"{what}: unknown name {name!r}, expected one of {', '.join(table)}")
    return table[name]


def _targets(y: ArrayLike, n_samples: int, n_out: int, loss: str) -> NDArray[Any]:
    """Return the targets with their batch axis: (N, n_out), or (N,) for class indices."""
    if loss == "cross_entropy":
        targets: NDArray[Any] = np.asarray(y)
        if targets.dtype.kind not in "iu" or np.any((targets < 0) | (targets >= n_out)):
            raise ValueError(
                f"y: cross_entropy over {n_out} outputs expects class indices, integers from 0 to "
                f"{n_out - 1}, got {reprlib.repr(y)}"
            )
        full: tuple[int, ...] = (n_samples,)
    else:
        targets = _floats(y, "y")
        full = (n_samples, n_out)
    accepted = [full]
    if n_samples == 1:
        accepted.append(full[1:])
    if n_out == 1 and loss != "cross_entropy":
        accepted += [shape[:-1] for shape in accepted]
    if targets.shape not in accepted:
        raise ValueError(f"y: {loss} expects targets of shape {full}, got {targets.shape}")
    return targets.reshape(full)
