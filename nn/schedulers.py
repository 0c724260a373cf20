"""Schedules of the learning rate, with PyTorch's names, arguments and defaults.

A scheduler sets ``lr`` in every parameter group of its optimiser: at once when it is made, then
at each ``step()``, to be called after those of the optimiser, once per epoch or per batch. In
the formulas η₀ is the rate that a group had before, kept as its "initial_lr", and t =
``last_epoch`` counts the steps from 0.

As in PyTorch most rules go from one rate to the next, η ← η · factor, so several schedulers may
act on one optimiser, and a rate changed by hand is gone on from.
"""

from __future__ import annotations

import copy
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType
from typing import Any, SupportsFloat

from nn.optim import Optimizer


class LRScheduler:
    """The base: a subclass defines ``get_lr``, the rates of all groups at ``last_epoch``.

    Args:
        optimizer: whose rates are set.
        last_epoch: t of the last step made, to go on from a run whose groups know their
            "initial_lr"; -1 starts.

    Attributes:
        base_lrs: η₀ of each group.
        last_epoch: t.

    Raises:
        TypeError: for anything but an optimiser.
        KeyError: if a run is to be gone on with, but the groups have no "initial_lr".
    """

    _initial = False  # while the first rates are set

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self.optimizer = _checked(optimizer, self)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{self._name} with last_epoch={last_epoch} takes groups with 'initial_lr', "
                    f"but group {i} has none. Load the optimiser's state first, or start with -1."
                )
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._last_lr: list[float] = []
        self._start()

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _start(self) -> None:
        """Set the rates of the first step."""
        self._step_count = 0
        self._initial = True
        try:
            self.step()
        finally:
            del self._initial  # back to that of the class

    def get_lr(self) -> list[float]:
        """The rates of all groups at ``last_epoch``, from those that they have."""
        raise NotImplementedError(f"{self._name} must define get_lr().")

    def get_last_lr(self) -> list[float]:
        """The rate of each group, as set by the last step."""
        return list(self._last_lr)

    def step(self) -> None:
        """Set the rates of the next t."""
        self._step_count += 1
        self.last_epoch += 1
        self._set(self.get_lr())

    def _restart(self) -> None:
        """Set the rates of t = 0, whatever they were."""
        self.last_epoch = 0
        self._set(self._closed_form())

    def _closed_form(self) -> list[float]:
        """The rates at t from those of the start alone."""
        return self.get_lr()

    def _set(self, rates: Sequence[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = _rates(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """What a run can go on from, beside the optimiser's: plain Python numbers and lists."""
        state = {name: each for name, each in vars(self).items() if name != "optimizer"}
        return copy.deepcopy(state)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a ``state_dict``; the rates themselves are in the optimiser's.

        Raises:
            ValueError: if it is of another kind of scheduler or number of groups; nothing is
                changed then.
        """
        self._check_state(state_dict)
        vars(self).update(copy.deepcopy(dict(state_dict)))

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        own = vars(self).keys() - {"optimizer"}
        if set(state_dict) != own:
            raise ValueError(
                f"the state does not fit this {self._name}: it has {sorted(state_dict)}, "
                f"not {sorted(own)}."
            )
        for name in ("base_lrs", "_last_lr", "min_lrs"):
            if name in own and len(state_dict[name]) != len(vars(self)[name]):
                raise ValueError(
                    f"the state does not fit this {self._name}: it is of "
                    f"{len(state_dict[name])} parameter groups, not {len(vars(self)[name])}."
                )


class LambdaLR(LRScheduler):
    """η = η₀ · f(t), for a function f, or one per group.

    Args:
        optimizer: whose rates are set.
        lr_lambda: f, or a list with one per group. A state has of functions nothing, and of
            callable objects their attributes.
        last_epoch: as for ``LRScheduler``.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ):
        n = len(_checked(optimizer, self).param_groups)
        self.lr_lambdas = _per_group("lr_lambda", lr_lambda, n)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """η₀ · f(t)."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * function(self.last_epoch) for base, function in pairs]

    def state_dict(self) -> dict[str, Any]:
        """As of every scheduler; the functions themselves have to be given again."""
        skipped = ("optimizer", "lr_lambdas")
        state = {name: each for name, each in vars(self).items() if name not in skipped}
        state["lr_lambdas"] = [
            None if isinstance(each, FunctionType) else vars(each) for each in self.lr_lambdas
        ]
        return copy.deepcopy(state)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As of every scheduler; callable objects get their attributes back."""
        self._check_state(state_dict)
        state = copy.deepcopy(dict(state_dict))
        functions = zip(self.lr_lambdas, state.pop("lr_lambdas"), strict=True)
        for function, attributes in functions:
            if attributes is not None:
                vars(function).update(attributes)
        vars(self).update(state)


class StepLR(LRScheduler):
    """η = η₀ γ^⌊t / step_size⌋: a factor γ every so many steps."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ):
        self.step_size, self.gamma = _positive(self, "step_size", step_size), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The last rates times γ at every step_size-th step."""
        if self.last_epoch == 0 or self.last_epoch % self.step_size:
            return _rates(self.optimizer)
        return [rate * self.gamma for rate in _rates(self.optimizer)]

    def _closed_form(self) -> list[float]:
        power = self.gamma ** (self.last_epoch // self.step_size)
        return [base * power for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """η = η₀ γ^(number of milestones up to t); one that stands there twice counts twice."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ):
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The last rates, times γ at a milestone."""
        times = self.milestones.count(self.last_epoch)
        return [rate * self.gamma**times if times else rate for rate in _rates(self.optimizer)]

    def _closed_form(self) -> list[float]:
        power = self.gamma ** bisect_right(self.milestones, self.last_epoch)
        return [base * power for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """η = factor · η₀ for t < total_iters, then η₀."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        self.factor = _within(self, "factor", factor, 0.0, 1.0)
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The last rates, times the factor at the start and divided by it at the end."""
        rates = _rates(self.optimizer)
        if self.last_epoch == 0:
            return [rate * self.factor for rate in rates]
        if self.last_epoch == self.total_iters:
            if self.factor == 0.0:  # what was multiplied by 0 cannot be divided out
                return list(self.base_lrs)
            return [rate * (1.0 / self.factor) for rate in rates]
        return rates

    def _closed_form(self) -> list[float]:
        factor = 1.0 if self.last_epoch >= self.total_iters else self.factor
        return [base * factor for base in self.base_lrs]


class LinearLR(LRScheduler):
    """η from start_factor · η₀ to end_factor · η₀, evenly over total_iters steps: a warm-up.

    (Goyal et al. 2017, section 2.2.)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3.0,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        self.start_factor = _within(self, "start_factor", start_factor, 0.0, 1.0)
        if not start_factor:
            raise ValueError("LinearLR: start_factor must be above 0, but got 0.")
        self.end_factor = _within(self, "end_factor", end_factor, 0.0, 1.0)
        self.total_iters = _positive(self, "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The last rates, times what the line grows by in one step."""
        rates, rise = _rates(self.optimizer), self.end_factor - self.start_factor
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in rates]
        if self._initial or self.last_epoch > self.total_iters:
            return rates
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [rate * (1.0 + rise / before) for rate in rates]

    def _closed_form(self) -> list[float]:
        rise = self.end_factor - self.start_factor
        done = min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * (self.start_factor + rise * done) for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """η = η₀ γᵗ."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The last rates times γ."""
        factor = 1.0 if self._initial else self.gamma
        return [rate * factor for rate in _rates(self.optimizer)]

    def _closed_form(self) -> list[float]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """η = η_min + (η₀ - η_min) (1 + cos(π t / T_max)) / 2 (Loshchilov & Hutter 2017, eq. 5).

    After T_max it rises again, as the cosine does; there are no restarts.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ):
        self.T_max, self.eta_min = _positive(self, "T_max", T_max), eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The last rates, carried on by the ratio of two heights of the cosine."""
        rates, low, t, T = _rates(self.optimizer), self.eta_min, self.last_epoch, self.T_max
        if self._initial:
            return rates
        if self._step_count == 1 and t > 0:
            return self._closed_form()
        if (t - 1 - T) % (2 * T) == 0:  # at the bottom there is nothing to multiply
            rise = (1.0 - math.cos(math.pi / T)) / 2.0
            pairs = zip(rates, self.base_lrs, strict=True)
            return [rate + (base - low) * rise for rate, base in pairs]
        ratio = (1.0 + math.cos(math.pi * t / T)) / (1.0 + math.cos(math.pi * (t - 1) / T))
        return [ratio * (rate - low) + low for rate in rates]

    def _closed_form(self) -> list[float]:
        height = (1.0 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2.0
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


class OneCycleLR(LRScheduler):
    """η up to max_lr and down to almost nothing, while the momentum does the opposite.

    (Smith & Topin 2018.) From max_lr / div_factor it rises for the part pct_start of the steps,
    then falls to max_lr / (div_factor · final_div_factor). To be stepped once per batch.

    Args:
        optimizer: whose rates are set; their former values do not matter.
        max_lr: the rate at the top, one number or one per group.
        total_steps: of the whole cycle; or give epochs and steps_per_epoch.
        epochs: passes over the data.
        steps_per_epoch: batches in each.
        pct_start: the part of the cycle in which the rate rises, from 0 to 1.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether the momentum (of Adam, β₁) goes along.
        base_momentum: its lowest value, when the rate is highest; one, or one per group.
        max_momentum: its highest value, likewise.
        div_factor: what max_lr is divided by for the first rate.
        final_div_factor: what the first rate is divided by for the last one.
        three_phase: whether to fall back to the first rate as fast as it rose, and then to the
            last one.
        last_epoch: as for ``LRScheduler``.

    Raises:
        ValueError: for a cycle of no length, or an optimiser that has no momentum to cycle.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        groups = _checked(optimizer, self).param_groups
        if total_steps is not None:
            self.total_steps = _positive(self, "total_steps", total_steps)
        elif epochs is not None and steps_per_epoch is not None:
            self.total_steps = _positive(self, "epochs", epochs)
            self.total_steps *= _positive(self, "steps_per_epoch", steps_per_epoch)
        else:
            raise ValueError("OneCycleLR takes total_steps, or epochs and steps_per_epoch.")
        _within(self, "pct_start", pct_start, 0.0, 1.0)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}."
            )
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                f"OneCycleLR: {type(optimizer).__name__} has no momentum. "
                "Pass cycle_momentum=False."
            )
        tops = _per_group("max_lr", max_lr, len(groups))
        highest = _per_group("max_momentum", max_momentum, len(groups))
        lowest = _per_group("base_momentum", base_momentum, len(groups))
        if last_epoch == -1:
            for group, top, high, low in zip(groups, tops, highest, lowest, strict=True):
                first = top / div_factor
                group.update(initial_lr=first, max_lr=top, min_lr=first / final_div_factor)
                if cycle_momentum:
                    group.update(max_momentum=high, base_momentum=low)
        # The phases: where each ends, and what it leads to.
        rise = float(pct_start * self.total_steps) - 1.0
        self.phases: list[list[Any]] = [[rise, "initial_lr", "max_lr", True]]
        if three_phase:
            fall = float(2 * pct_start * self.total_steps) - 2.0
            self.phases.append([fall, "max_lr", "initial_lr", False])
            self.phases.append([self.total_steps - 1, "initial_lr", "min_lr", None])
        else:
            self.phases.append([self.total_steps - 1, "max_lr", "min_lr", False])
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates at t; it sets the momenta too.

        Raises:
            ValueError: if the cycle is over.
        """
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(
                f"OneCycleLR was stepped {t} times, but its cycle has {self.total_steps} steps. "
                "Give it as many as there are batches in all epochs."
            )
        start, index = 0.0, 0
        while index < len(self.phases) - 1 and t > self.phases[index][0]:
            start = self.phases[index][0]
            index += 1
        end, first, last, rising = self.phases[index]
        done = (t - start) / (end - start) if end != start else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[first], group[last], done))
            if self.cycle_momentum:
                high, low = group["max_momentum"], group["base_momentum"]
                momentum = high
                if rising is not None:
                    momentum = self._between(*((high, low) if rising else (low, high)), done)
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return rates

    def _between(self, first: float, last: float, done: float) -> float:
        if self.anneal_strategy == "linear":
            return (last - first) * done + first
        return last + (first - last) / 2.0 * (math.cos(math.pi * done) + 1.0)


class SequentialLR(LRScheduler):
    """One scheduler after another: the i-th takes over at milestones[i - 1], from its own start.

    Args:
        optimizer: that of all of them.
        schedulers: in order; a warm-up and then a cosine, for example.
        milestones: the steps at which the next one begins, one fewer than schedulers.
        last_epoch: as for ``LRScheduler``.

    Raises:
        ValueError: for other numbers of them, another optimiser, or a ReduceLROnPlateau.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ):
        self.optimizer = _checked(optimizer, self)
        self._schedulers, self.milestones = list(schedulers), list(milestones)
        for i, scheduler in enumerate(self._schedulers):
            if not isinstance(scheduler, LRScheduler):
                raise TypeError(
                    f"SequentialLR takes schedulers, but number {i} is a "
                    f"{type(scheduler).__name__}."
                )
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"SequentialLR: number {i} is a ReduceLROnPlateau, which needs a metric at "
                    "each step. Step it by yourself."
                )
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: number {i} is of another optimiser.")
        if not self._schedulers or len(self.milestones) != len(self._schedulers) - 1:
            raise ValueError(
                f"SequentialLR takes one milestone fewer than schedulers, but got "
                f"{len(self.milestones)} and {len(self._schedulers)}."
            )
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:  # as it was before the schedulers were made
            group["lr"] = group["initial_lr"]
        self._undo()
        first = self._schedulers[bisect_right(self.milestones, 0)]
        first._start()
        self._last_lr = first.get_last_lr()

    def _undo(self) -> None:
        """Take back the steps that the schedulers made when they were made."""
        for scheduler in self._schedulers:
            if isinstance(scheduler, SequentialLR):
                scheduler._undo()
            else:
                scheduler.last_epoch -= 1

    def _start(self) -> None:
        self.step()

    def _restart(self) -> None:
        self.last_epoch = 0
        first = self._schedulers[bisect_right(self.milestones, 0)]
        first._restart()
        self._last_lr = first.get_last_lr()

    def get_lr(self) -> list[float]:
        """The rates that the groups have: the schedulers set them."""
        return _rates(self.optimizer)

    def step(self) -> None:
        """A step of the scheduler whose turn it is."""
        self.last_epoch += 1
        index = bisect_right(self.milestones, self.last_epoch)
        scheduler = self._schedulers[index]
        if index > 0 and self.milestones[index - 1] == self.last_epoch:
            scheduler._restart()
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """As of every scheduler, with those of all of them."""
        skipped = ("optimizer", "_schedulers")
        state = {name: each for name, each in vars(self).items() if name not in skipped}
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return copy.deepcopy(state)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As of every scheduler; nothing is changed unless all of them fit."""
        self._check_state(state_dict)
        state = copy.deepcopy(dict(state_dict))
        for scheduler, each in zip(self._schedulers, state.pop("_schedulers"), strict=True):
            scheduler.load_state_dict(each)
        vars(self).update(state)

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        super()._check_state(state_dict)
        each = state_dict["_schedulers"]
        if len(each) != len(self._schedulers):
            raise ValueError(
                f"the state does not fit this SequentialLR: it has {len(each)} schedulers, "
                f"not {len(self._schedulers)}."
            )
        for scheduler, state in zip(self._schedulers, each, strict=True):
            scheduler._check_state(state)


class ReduceLROnPlateau(LRScheduler):
    """η ← max(factor · η, min_lr) once a metric has not become better for patience steps.

    Args:
        optimizer: whose rates are set.
        mode: "min" if less is better, as of a loss, or "max", as of an accuracy.
        factor: what the rate is multiplied by, below 1.
        patience: how many steps without a better metric are borne; the next one acts.
        threshold: how much better is better.
        threshold_mode: "rel" for that part of the best so far, "abs" for that amount.
        cooldown: how many steps after a reduction are not counted.
        min_lr: the lowest rate, one number or one per group.
        eps: a reduction by less is not made.

    Raises:
        ValueError: for a factor of 1 or more, or an unknown mode.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ):
        self.optimizer = _checked(optimizer, self)
        if not 0.0 <= factor < 1.0:
            raise ValueError(
                f"ReduceLROnPlateau: factor must be at least 0 and below 1, but got {factor!r}."
            )
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: mode must be 'min' or 'max', not {mode!r}.")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"ReduceLROnPlateau: threshold_mode must be 'rel' or 'abs', not {threshold_mode!r}."
            )
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.min_lrs = _per_group("min_lr", min_lr, len(optimizer.param_groups))
        self.last_epoch = 0
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = 0
        self._last_lr = _rates(optimizer)

    def get_lr(self) -> list[float]:
        """The reduced rates; those that would change by eps or less as they are."""
        pairs = zip(_rates(self.optimizer), self.min_lrs, strict=True)
        reduced = [(rate, max(rate * self.factor, low)) for rate, low in pairs]
        return [new if rate - new > self.eps else rate for rate, new in reduced]

    def step(self, metrics: SupportsFloat | None = None) -> None:
        """Look at the metric of this step, and reduce the rates if it is time.

        Raises:
            TypeError: without a metric.
        """
        if metrics is None:
            raise TypeError(
                "ReduceLROnPlateau.step() takes the metric to watch, such as the validation loss."
            )
        current = float(metrics)
        self.last_epoch += 1
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._set(self.get_lr())
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = _rates(self.optimizer)

    def _is_better(self, current: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            goal = self.best * (1.0 + sign * self.threshold)
        else:
            goal = self.best + sign * self.threshold
        return current > goal if self.mode == "max" else current < goal


def _rates(optimizer: Optimizer) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


def _checked(optimizer: Any, scheduler: object) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{type(scheduler).__name__} takes an optimiser, but got {type(optimizer).__name__}."
        )
    return optimizer


def _per_group(name: str, each: Any, n: int) -> list[Any]:
    """n of them, of which one may stand for all."""
    if not isinstance(each, list | tuple):
        return [each] * n
    if len(each) != n:
        raise ValueError(f"{name} takes one per parameter group, {n}, but got {len(each)}.")
    return list(each)


def _positive(scheduler: object, name: str, number: int) -> int:
    if isinstance(number, bool) or number != int(number) or number < 1:
        raise ValueError(
            f"{type(scheduler).__name__}: {name} must be a positive integer, but got {number!r}."
        )
    return int(number)


def _within(scheduler: object, name: str, number: float, low: float, high: float) -> float:
    if not low <= number <= high:
        raise ValueError(
            f"{type(scheduler).__name__}: {name} must be from {low:g} to {high:g}, "
            f"but got {number!r}."
        )
    return number
