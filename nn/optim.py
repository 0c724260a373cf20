"""Optimisers, with PyTorch's names, arguments and defaults.

Each ``step`` reads ``data`` and ``grad`` of all parameters, computes the update for
all of them at once, and writes ``data``; so no parameter is updated before every
gradient has been used. A parameter that requires no gradient keeps its data and its
state.

Parameters may come in groups with options of their own, as dicts; what a group does not
say is taken from the other arguments:

    SGD([{"params": hidden}, {"params": last, "lr": 0.01}], lr=0.1, momentum=0.9)

``param_groups`` holds them, where the options may be changed between steps, as the
schedulers of ``nn.schedulers`` do.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from autograd import Value

Array = np.ndarray
Parameters = Iterable[Any]  # of Values, or of dicts with "params" and options


class Optimizer:
    """The base: ``step`` hands the numbers to ``update`` and writes back what it returns.

    A subclass says what it keeps for each parameter, in ``_keeps``, and defines ``_updated``.

    Attributes:
        param_groups: a dict per group, with the Values under "params" and the options.
        parameters: the Values of all groups, one after another: the order of ``update``.
        defaults: the options of a group that says nothing else.
    """

    _keeps: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: Parameters, **defaults: Any):
        self.param_groups: list[dict[str, Any]] = []
        self.parameters: list[Value] = []
        self.defaults = self._checked(defaults)
        self._state: dict[str, Array] = {name: np.zeros(0) for name in self._keeps}
        self._state["step"] = np.zeros(0, dtype=np.int64)
        given = self._listed(parameters)
        if not given:
            raise ValueError(f"{self._name} got no parameters. Pass model.parameters().")
        groups = any(isinstance(each, Mapping) for each in given)
        for group in given if groups else [{"params": given}]:
            self.add_param_group(group)

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def lr(self) -> float:
        """The learning rate of the first group; setting it sets that of every group."""
        return float(self.param_groups[0]["lr"])

    @lr.setter
    def lr(self, lr: float) -> None:
        for group in self.param_groups:
            group["lr"] = lr

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own, such as those of a layer just unfrozen.

        Args:
            param_group: ``{"params": Values, "lr": 0.01, ...}``.

        Raises:
            TypeError: for a group that is no dict, or parameters that are no Values.
            ValueError: for an unknown or impossible option, or a parameter already there.
        """
        given: Any = param_group
        if not isinstance(given, Mapping) or "params" not in given:
            raise TypeError(
                f"{self._name} takes parameter groups that are dicts with 'params', "
                f"but got {given!r}."
            )
        options = {name: option for name, option in param_group.items() if name != "params"}
        unknown = options.keys() - self.defaults.keys() - _OF_SCHEDULERS
        if unknown:
            raise ValueError(
                f"{self._name} has no option {', '.join(sorted(unknown))}; "
                f"it has {', '.join(self.defaults)}."
            )
        options = self._checked({**self.defaults, **options})
        given = param_group["params"]
        new = [given] if isinstance(given, Value) else self._listed(given)
        for parameter in new:
            if not isinstance(parameter, Value):
                raise TypeError(
                    f"{self._name} takes Values, but got {type(parameter).__name__}. "
                    "Pass model.parameters()."
                )
        if len(set(map(id, [*self.parameters, *new]))) < len(self.parameters) + len(new):
            raise ValueError(
                f"{self._name} got a parameter twice. Put it into one group only, and once."
            )
        for name, array in self._state.items():
            start = np.full(len(new), self._start(name, options), dtype=array.dtype)
            self._state[name] = np.concatenate([array, start])
        self.param_groups.append({"params": new, **options})
        self.parameters = [*self.parameters, *new]

    def _listed(self, parameters: Any) -> list[Any]:
        """The parameters as a list, those of an array such as a weight matrix too."""
        if isinstance(parameters, np.ndarray):
            return list(parameters.ravel().tolist())
        if isinstance(parameters, Value | Mapping | str) or not isinstance(parameters, Iterable):
            raise TypeError(
                f"{self._name} takes a list of Values or of dicts, but got "
                f"{type(parameters).__name__}. Pass model.parameters()."
            )
        return list(parameters)

    def _start(self, name: str, options: Mapping[str, Any]) -> float:
        """What is kept under a name before the first step."""
        return 0.0

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options as Python's numbers, or an error that names what is impossible."""
        return {name: self._check(name, option) for name, option in options.items()}

    def _check(self, name: str, option: Any) -> Any:
        if name in _FLAGS:
            return bool(option)
        if name == "betas":
            beta1, beta2 = option
            return (self._number("betas[0]", beta1, 1.0), self._number("betas[1]", beta2, 1.0))
        if name == "name":
            return str(option)
        return self._number(name, option)

    def _number(self, name: str, number: Any, below: float = math.inf) -> float:
        if not isinstance(number, numbers.Real | np.bool_):
            raise TypeError(
                f"{self._name}: {name} must be a number, but got {type(number).__name__} "
                f"{number!r}."
            )
        double = float(number)
        if not (0.0 <= double < below or (name == "dampening" and math.isfinite(double))):
            limit = "" if below == math.inf else f" and below {below:g}"
            raise ValueError(f"{self._name}: {name} must be at least 0{limit}, but got {number!r}.")
        return double

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that require a gradient from their gradients.

        Args:
            closure: called first, to compute the loss and its gradients; what it returns is
                returned.
        """
        loss = None if closure is None else closure()
        parameters = self.parameters
        data = np.array([parameter.data for parameter in parameters])
        grad = np.array([parameter.grad for parameter in parameters])
        active = [parameter.requires_grad for parameter in parameters]
        new = self.update(data, grad, None if all(active) else np.array(active)).tolist()
        for parameter, number, moves in zip(parameters, new, active, strict=True):
            if moves:
                parameter.data = number
        return loss

    def update(self, data: Array, grad: Array, active: Array | None = None) -> Array:
        """The new data of all parameters, for their data and gradients, which are left alone.

        What the optimiser keeps (a momentum, ...) advances by one step.

        Args:
            data: of ``parameters``, a flat array.
            grad: likewise.
            active: which of them move, as booleans; all if not given.

        Raises:
            ValueError: if there are not as many numbers as parameters.
        """
        data, grad = np.asarray(data, dtype=float), np.asarray(grad, dtype=float)
        if not data.shape == grad.shape == (len(self.parameters),):
            raise ValueError(
                f"{self._name} has {len(self.parameters)} parameters, but got data of shape "
                f"{data.shape} and gradients of shape {grad.shape}."
            )
        new = data.copy()
        stop = 0
        for group in self.param_groups:
            start, stop = stop, stop + len(group["params"])
            rows: Any = slice(start, stop)
            if active is not None:
                rows = start + np.flatnonzero(active[start:stop])
            if data[rows].size:
                state = {name: array[rows] for name, array in self._state.items()}
                with np.errstate(all="ignore"):  # as PyTorch: what overflows is seen in the data
                    new[rows] = self._updated(group, state, data[rows], grad[rows])
                for name, array in state.items():
                    self._state[name][rows] = array
        return new

    def _updated(
        self, group: Mapping[str, Any], state: dict[str, Array], data: Array, grad: Array
    ) -> Array:
        """The new data of one group; it puts new arrays into ``state``."""
        raise NotImplementedError(f"{self._name} must define _updated().")

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to 0.0."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """What a run can go on from: plain Python and NumPy arrays, of which nothing is shared.

        "state" has a flat array per quantity that is kept, "param_groups" the options of each
        group, with the places of its parameters among all under "params".
        """
        groups, stop = [], 0
        for group in self.param_groups:
            start, stop = stop, stop + len(group["params"])
            groups.append({**group, "params": list(range(start, stop))})
        state = {name: array.copy() for name, array in self._state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a ``state_dict``; nothing is changed unless all of it fits.

        Raises:
            ValueError: if it is of other groups, options or quantities, or holds no numbers.
        """
        try:
            groups, state = list(state_dict["param_groups"]), dict(state_dict["state"])
            sizes = [len(group["params"]) for group in groups]
        except (KeyError, TypeError) as error:
            raise self._misfit("has no 'state' and 'param_groups' as state_dict() gives") from error
        own = [len(group["params"]) for group in self.param_groups]
        if sizes != own:
            raise self._misfit(f"has groups of {sizes} parameters, not of {own}")
        options = []
        for group in groups:
            given = {name: option for name, option in group.items() if name != "params"}
            missing = self.defaults.keys() - given.keys()
            unknown = given.keys() - self.defaults.keys() - _OF_SCHEDULERS
            if missing or unknown:
                raise self._misfit(f"lacks {sorted(missing)} and has unknown {sorted(unknown)}")
            try:
                options.append(self._checked(given))
            except TypeError as error:
                raise self._misfit(str(error)) from error
        if state.keys() != self._state.keys():
            raise self._misfit(f"keeps {sorted(state)}, not {sorted(self._state)}")
        arrays = {name: self._kept(name, array) for name, array in state.items()}
        for group, each in zip(self.param_groups, options, strict=True):
            parameters = group["params"]
            group.clear()
            group.update(params=parameters, **each)
        self._state = arrays

    def _kept(self, name: str, array: Any) -> Array:
        """A copy of what a state_dict has under a name."""
        own = self._state[name]
        try:
            array = np.asarray(array)
        except ValueError as error:
            raise self._misfit(f"has no array of numbers as {name}") from error
        if array.shape != own.shape:
            raise self._misfit(f"has {name} of shape {array.shape}, not {own.shape}")
        if array.dtype.kind not in ("iu" if own.dtype.kind == "i" else "iuf") and array.size:
            raise self._misfit(f"has {name} of {array.dtype}, not of {own.dtype}")
        kept: Array = array.astype(own.dtype)
        return kept

    def _misfit(self, what: str) -> ValueError:
        return ValueError(f"the state does not fit this {self._name}: it {what}.")

    def __repr__(self) -> str:
        lines = [f"{self._name}("]
        for number, group in enumerate(self.param_groups):
            options = [f"{name}={option}" for name, option in group.items() if name != "params"]
            lines.append(f"  ({number}): {len(group['params'])} parameters, {', '.join(options)}")
        return "\n".join([*lines, ")"])


_FLAGS = {"nesterov", "maximize", "amsgrad", "centered"}
_OF_SCHEDULERS = {"initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum", "name"}


class SGD(Optimizer):
    """Gradient descent: p ← p - η v, with v ← μ v + (1 - τ) g and g = ∂L/∂p + λ p.

    Args:
        parameters: Values, such as ``model.parameters()``, or groups of them.
        lr: η, the learning rate.
        momentum: μ (Polyak 1964; Sutskever et al. 2013, in PyTorch's form); 0 makes v = g.
        dampening: τ; the first step takes v = g in any case.
        weight_decay: λ, of an L2 penalty ½ λ p².
        nesterov: use g + μ v in place of v; needs a momentum and no dampening.
        maximize: climb instead, with g = -∂L/∂p + λ p.
    """

    _keeps = ("momentum_buffer",)

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            parameters,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        checked = super()._checked(options)
        if checked["nesterov"] and (checked["momentum"] == 0.0 or checked["dampening"] != 0.0):
            raise ValueError("SGD: nesterov needs a momentum above 0 and no dampening.")
        return checked

    def _updated(
        self, group: Mapping[str, Any], state: dict[str, Array], data: Array, grad: Array
    ) -> Array:
        grad = _gradient(group, data, grad)
        momentum, dampening = group["momentum"], group["dampening"]
        if momentum:
            velocity = momentum * state["momentum_buffer"] + (1.0 - dampening) * grad
            if dampening:
                velocity = np.where(state["step"] == 0, grad, velocity)
            state["momentum_buffer"], state["step"] = velocity, state["step"] + 1
            grad = grad + momentum * velocity if group["nesterov"] else velocity
        new: Array = data - group["lr"] * grad
        return new


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1): p ← p - η m̂ / (√v̂ + ε), g = ∂L/∂p + λ p.

    m and v are running means of g and g², with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ)
    at step t = 1, 2, … of each parameter.

    Args:
        parameters: Values, such as ``model.parameters()``, or groups of them.
        lr: η, the learning rate.
        betas: (β₁, β₂).
        eps: ε.
        weight_decay: λ, of an L2 penalty ½ λ p².
        amsgrad: use the largest v so far in place of v (Reddi et al. 2018), as PyTorch does:
            the largest before it is divided by 1 - β₂ᵗ.
        maximize: climb instead, with g = -∂L/∂p + λ p.
    """

    _keeps = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            parameters,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
        )

    def _updated(
        self, group: Mapping[str, Any], state: dict[str, Array], data: Array, grad: Array
    ) -> Array:
        return self._moved(group, state, data, _gradient(group, data, grad))

    @staticmethod
    def _moved(
        group: Mapping[str, Any], state: dict[str, Array], data: Array, grad: Array
    ) -> Array:
        beta1, beta2 = group["betas"]
        state["step"] = state["step"] + 1
        state["exp_avg"] = _mixed(state["exp_avg"], grad, 1.0 - beta1)
        state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1.0 - beta2) * grad * grad
        largest = state["exp_avg_sq"]
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], largest)
        step = _count(state["step"])
        rate = group["lr"] / (1.0 - beta1**step)
        new: Array = data - rate * state["exp_avg"] / (
            np.sqrt(largest) / np.sqrt(1.0 - beta2**step) + group["eps"]
        )
        return new


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): p ← (1 - η λ) p - η m̂ / (√v̂ + ε).

    Args:
        parameters: Values, such as ``model.parameters()``, or groups of them.
        lr: η, the learning rate.
        betas: (β₁, β₂).
        eps: ε.
        weight_decay: λ; the gradient knows nothing of it.
        amsgrad: as for ``Adam``.
        maximize: climb instead, with g = -∂L/∂p.
    """  # noqa: E501

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(parameters, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def _updated(
        self, group: Mapping[str, Any], state: dict[str, Array], data: Array, grad: Array
    ) -> Array:
        data = data * (1.0 - group["lr"] * group["weight_decay"])
        return self._moved(group, state, data, -grad if group["maximize"] else grad)


class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012): p ← p - η g / (√s + ε), g = ∂L/∂p + λ p.

    s is a running mean of g², s ← α s + (1 - α) g².

    Args:
        parameters: Values, such as ``model.parameters()``, or groups of them.
        lr: η, the learning rate.
        alpha: α.
        eps: ε, outside of the root.
        weight_decay: λ, of an L2 penalty ½ λ p².
        momentum: μ, of the steps: p ← p - η u with u ← μ u + g / (√s + ε).
        centered: divide by the root of a variance, s less the square of the running mean of g
            (Graves 2013, eq. 38-45).
        maximize: climb instead, with g = -∂L/∂p + λ p.
    """

    _keeps = ("square_avg", "momentum_buffer", "grad_avg")

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            parameters,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )

    def _updated(
        self, group: Mapping[str, Any], state: dict[str, Array], data: Array, grad: Array
    ) -> Array:
        grad = _gradient(group, data, grad)
        alpha, momentum = group["alpha"], group["momentum"]
        state["step"] = state["step"] + 1
        square = state["square_avg"] = alpha * state["square_avg"] + (1.0 - alpha) * grad * grad
        if group["centered"]:
            mean = state["grad_avg"] = _mixed(state["grad_avg"], grad, 1.0 - alpha)
            square = square - mean * mean
        length = np.sqrt(square) + group["eps"]
        new: Array
        if momentum:
            state["momentum_buffer"] = momentum * state["momentum_buffer"] + grad / length
            new = data - group["lr"] * state["momentum_buffer"]
        else:
            new = data - group["lr"] * grad / length
        return new


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan & Singer 2011): p ← p - ηₜ g / (√s + ε), g = ∂L/∂p + λ p.

    s is the sum of all g², and ηₜ = η / (1 + (t - 1) κ) at step t = 1, 2, …

    Args:
        parameters: Values, such as ``model.parameters()``, or groups of them.
        lr: η, the learning rate.
        lr_decay: κ.
        weight_decay: λ, of an L2 penalty ½ λ p².
        initial_accumulator_value: s before the first step.
        eps: ε, outside of the root.
        maximize: climb instead, with g = -∂L/∂p + λ p.
    """

    _keeps = ("sum",)

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            parameters,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
        )

    def _start(self, name: str, options: Mapping[str, Any]) -> float:
        return float(options["initial_accumulator_value"]) if name == "sum" else 0.0

    def _updated(
        self, group: Mapping[str, Any], state: dict[str, Array], data: Array, grad: Array
    ) -> Array:
        grad = _gradient(group, data, grad)
        state["step"] = state["step"] + 1
        rate = group["lr"] / (1.0 + (_count(state["step"]) - 1.0) * group["lr_decay"])
        state["sum"] = state["sum"] + grad * grad
        new: Array = data - rate * grad / (np.sqrt(state["sum"]) + group["eps"])
        return new


def _gradient(group: Mapping[str, Any], data: Array, grad: Array) -> Array:
    """±∂L/∂p + λ p."""
    if group["maximize"]:
        grad = -grad
    if group["weight_decay"]:
        grad = grad + group["weight_decay"] * data
    return grad


def _mixed(mean: Array, new: Array, share: float) -> Array:
    """(1 - share) · mean + share · new, rounded as PyTorch rounds it."""
    change: Array = new - mean
    mixed: Array = mean + share * change if share < 0.5 else new - change * (1.0 - share)
    return mixed


def _count(steps: Array) -> Any:
    """The number of steps, one for all where it is the same: that is faster to raise to."""
    first = int(steps[0])
    return float(first) if (steps == first).all() else steps.astype(float)
