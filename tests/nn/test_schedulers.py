"""Schedulers against torch.optim.lr_scheduler, step by step, and what they refuse and keep."""

import json
import math

import numpy as np
import pytest

import nn
from autograd import Value
from nn import schedulers
from nn.optim import SGD, Adagrad, Adam, RMSprop

LRS = [0.1, 0.003]


def sequence(*parts, milestones):
    """SequentialLR of these (name, options)."""

    def make(module, optimizer):
        each = [getattr(module, name)(optimizer, **options) for name, options in parts]
        return module.SequentialLR(optimizer, each, milestones=milestones)

    return make


def one(name, **options):
    return lambda module, optimizer: getattr(module, name)(optimizer, **options)


CASES = {
    "step": one("StepLR", step_size=7),
    "step 1": one("StepLR", step_size=1, gamma=0.9),
    "multi-step": one("MultiStepLR", milestones=[50, 10, 10, 31], gamma=0.5),
    "multi-step from 0": one("MultiStepLR", milestones=[0, 3]),
    "constant": one("ConstantLR"),
    "constant for 40": one("ConstantLR", factor=0.25, total_iters=40),
    "linear": one("LinearLR"),
    "linear down": one("LinearLR", start_factor=1.0, end_factor=0.05, total_iters=60),
    "linear to 0": one("LinearLR", start_factor=0.5, end_factor=0.0, total_iters=20),
    "exponential": one("ExponentialLR", gamma=0.95),
    "cosine": one("CosineAnnealingLR", T_max=100),
    "cosine up again": one("CosineAnnealingLR", T_max=13, eta_min=1e-3),
    "cosine of 1": one("CosineAnnealingLR", T_max=1),
    "lambda": one("LambdaLR", lr_lambda=lambda t: 1.0 / (1.0 + t)),
    "lambdas": one("LambdaLR", lr_lambda=[lambda t: 0.9**t, lambda t: 1.0]),
    "one cycle": one("OneCycleLR", max_lr=0.5, total_steps=101),
    "one cycle of epochs": one(
        "OneCycleLR", max_lr=[0.5, 0.1], epochs=20, steps_per_epoch=6, pct_start=0.5
    ),
    "one cycle linear": one(
        "OneCycleLR", max_lr=0.5, total_steps=110, anneal_strategy="linear", div_factor=10.0,
        final_div_factor=100.0, base_momentum=0.7, max_momentum=[0.9, 0.99],
    ),
    "one cycle in three phases": one(
        "OneCycleLR", max_lr=0.5, total_steps=101, three_phase=True, pct_start=0.25
    ),
    "one cycle, momentum alone": one(
        "OneCycleLR", max_lr=0.5, total_steps=101, cycle_momentum=False
    ),
    "warm-up and cosine": sequence(
        ("LinearLR", {"start_factor": 0.1, "total_iters": 10}),
        ("CosineAnnealingLR", {"T_max": 90}),
        milestones=[10],
    ),
    "everything in turn": sequence(
        ("ConstantLR", {"factor": 0.5, "total_iters": 3}),
        ("StepLR", {"step_size": 4}),
        ("ExponentialLR", {"gamma": 0.9}),
        ("MultiStepLR", {"milestones": [2, 5]}),
        ("LambdaLR", {"lr_lambda": lambda t: 1.0 / (1.0 + t)}),
        ("LinearLR", {"total_iters": 8}),
        milestones=[5, 20, 40, 60, 80],
    ),
}  # fmt: skip
EVERY_CASE = pytest.mark.parametrize("make", CASES.values(), ids=list(CASES))
OPTIMIZERS = {SGD: {"momentum": 0.5}, Adam: {}}


def groups(leaves):
    return [{"params": [leaf], "lr": lr} for leaf, lr in zip(leaves, LRS, strict=True)]


def steps(optimizer=SGD):
    return optimizer(groups([Value(1.0), Value(1.0)]), **OPTIMIZERS[optimizer])


def torch_steps(torch, optimizer=SGD):
    leaves = [torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in LRS]
    return getattr(torch.optim, optimizer.__name__)(groups(leaves), **OPTIMIZERS[optimizer])


def options(optimizer):
    """The rates and momenta of all groups, as they are now."""
    names = ("lr", "initial_lr", "momentum", "betas")
    return [[np.ravel(group.get(name, 0.0)) for name in names] for group in optimizer.param_groups]


def assert_same(ours, theirs):
    for our_group, their_group in zip(options(ours), options(theirs), strict=True):
        for a, b in zip(our_group, their_group, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=0)


# --- against torch ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@EVERY_CASE
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_100_steps_are_those_of_torch(make, optimizer):
    torch = pytest.importorskip("torch")
    ours, theirs = steps(optimizer), torch_steps(torch, optimizer)
    our_rates, their_rates = make(schedulers, ours), make(torch.optim.lr_scheduler, theirs)
    seen = set()
    for _ in range(100):
        assert_same(ours, theirs)
        np.testing.assert_allclose(our_rates.get_last_lr(), their_rates.get_last_lr(), rtol=1e-12)
        assert our_rates.get_last_lr() == [group["lr"] for group in ours.param_groups]
        assert our_rates.last_epoch == their_rates.last_epoch
        seen.add(ours.lr)
        theirs.step()
        our_rates.step()
        their_rates.step()
    assert len(seen) > 1


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"patience": 0, "factor": 0.9},
        {"patience": 2, "cooldown": 4, "factor": 0.5, "threshold": 0.1},
        {"patience": 1, "min_lr": [0.01, 0.001], "factor": 0.3},
        {"patience": 1, "min_lr": 0.002, "eps": 1e-3},
    ],
    ids=str,
)
def test_100_steps_of_reduce_on_plateau_are_those_of_torch(mode, threshold_mode, more):
    torch = pytest.importorskip("torch")
    ours, theirs = steps(), torch_steps(torch)
    more = {"mode": mode, "threshold_mode": threshold_mode, **more}
    our_rates = schedulers.ReduceLROnPlateau(ours, **more)
    their_rates = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **more)
    random = np.random.default_rng(0)
    metrics = np.repeat(random.normal(size=25), 4) + 2.0 * np.exp(-np.arange(100) / 20.0)
    metrics[70] = math.nan
    for metric in metrics:
        our_rates.step(metric)
        their_rates.step(metric)
        assert_same(ours, theirs)
        assert our_rates.get_last_lr() == pytest.approx(their_rates.get_last_lr(), rel=1e-12)
        for name in ("num_bad_epochs", "cooldown_counter", "last_epoch"):
            assert getattr(our_rates, name) == getattr(their_rates, name)
    assert ours.lr < LRS[0]


def test_two_schedulers_on_one_optimiser_multiply_as_in_torch():
    torch = pytest.importorskip("torch")
    ours, theirs = steps(), torch_steps(torch)
    both = []
    for module, optimizer in ((schedulers, ours), (torch.optim.lr_scheduler, theirs)):
        both.append(
            [module.ExponentialLR(optimizer, 0.9), module.LinearLR(optimizer, total_iters=9)]
        )
    for _ in range(30):
        assert_same(ours, theirs)
        theirs.step()
        for pair in both:
            for scheduler in pair:
                scheduler.step()


@EVERY_CASE
def test_a_rate_changed_by_hand_is_gone_on_from_as_in_torch(make):
    torch = pytest.importorskip("torch")
    ours, theirs = steps(), torch_steps(torch)
    our_rates, their_rates = make(schedulers, ours), make(torch.optim.lr_scheduler, theirs)
    for step in range(30):
        if step == 6:
            for group in [*ours.param_groups, *theirs.param_groups]:
                group["lr"] *= 3.0
        theirs.step()
        our_rates.step()
        their_rates.step()
        assert_same(ours, theirs)


@pytest.mark.parametrize("name", ["StepLR", "ExponentialLR", "CosineAnnealingLR", "LinearLR"])
def test_last_epoch_goes_on_from_a_former_run_as_in_torch(name):
    torch = pytest.importorskip("torch")
    more = {"StepLR": {"step_size": 3}, "ExponentialLR": {"gamma": 0.9}}
    more |= {"CosineAnnealingLR": {"T_max": 20}, "LinearLR": {"total_iters": 9}}
    ours, theirs = steps(), torch_steps(torch)
    for group in [*ours.param_groups, *theirs.param_groups]:
        group["initial_lr"] = 2.0 * group["lr"]
    our_rates = getattr(schedulers, name)(ours, **more[name], last_epoch=4)
    their_rates = getattr(torch.optim.lr_scheduler, name)(theirs, **more[name], last_epoch=4)
    for _ in range(20):
        assert_same(ours, theirs)
        theirs.step()
        our_rates.step()
        their_rates.step()


@pytest.mark.parametrize(
    "name",
    ["StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "CosineAnnealingLR",
     "LambdaLR", "OneCycleLR", "SequentialLR", "ReduceLROnPlateau"],
)  # fmt: skip
def test_names_and_defaults_of_the_arguments_are_those_of_torch(name):
    inspect = pytest.importorskip("inspect")
    torch = pytest.importorskip("torch")
    ours = inspect.signature(getattr(schedulers, name)).parameters
    theirs = inspect.signature(getattr(torch.optim.lr_scheduler, name)).parameters
    assert {n: p.default for n, p in ours.items()} == {n: p.default for n, p in theirs.items()}
    assert list(ours) == list(theirs)
    assert getattr(nn, name) is getattr(schedulers, name)


# --- by formula ------------------------------------------------------------------------------


def rates(make, n=30):
    optimizer = SGD([Value(1.0)], lr=0.5, momentum=0.9)
    scheduler = make(schedulers, optimizer)
    seen = []
    for _ in range(n):
        seen.append(optimizer.lr)
        scheduler.step()
    return seen


def test_the_schedules_are_what_their_formulas_say():
    t = np.arange(30)
    assert rates(CASES["exponential"]) == pytest.approx(0.5 * 0.95**t, rel=1e-13)
    assert rates(CASES["step"]) == pytest.approx(0.5 * 0.1 ** (t // 7), rel=1e-13)
    linear = 0.5 * (1 / 3 + 2 / 3 * np.minimum(t, 5) / 5)
    assert rates(CASES["linear"]) == pytest.approx(linear, rel=1e-13)
    cosine = 1e-3 + 0.499 * (1 + np.cos(math.pi * t / 13)) / 2
    assert rates(CASES["cosine up again"]) == pytest.approx(cosine, rel=1e-9)


def test_a_constant_factor_of_0_ends_at_the_first_rate():
    # where PyTorch divides by zero
    seen = rates(one("ConstantLR", factor=0.0, total_iters=3), 5)
    assert seen == [0.0, 0.0, 0.0, 0.5, 0.5]


def test_a_cycle_that_rises_in_one_step_begins_at_the_top():
    # where PyTorch divides by zero
    seen = rates(one("OneCycleLR", max_lr=2.0, total_steps=10, pct_start=0.1), 10)
    assert seen[0] == 2.0
    assert sorted(seen, reverse=True) == seen


def test_a_sequence_within_a_sequence_starts_anew_when_its_turn_comes():
    optimizer = SGD([Value(1.0)], lr=1.0)
    inner = schedulers.SequentialLR(
        optimizer,
        [schedulers.ConstantLR(optimizer, 0.5, 100), schedulers.ConstantLR(optimizer, 0.25, 100)],
        [2],
    )
    scheduler = schedulers.SequentialLR(
        optimizer, [schedulers.ExponentialLR(optimizer, 0.9), inner], [3]
    )
    seen = []
    for _ in range(8):
        seen.append(optimizer.lr)
        scheduler.step()
    assert seen == pytest.approx([1.0, 0.9, 0.81, 0.5, 0.5, 0.25, 0.25, 0.25])


def test_a_scheduler_of_ones_own_defines_get_lr():
    class Halves(schedulers.LRScheduler):
        def get_lr(self):
            return [base * 0.5**self.last_epoch for base in self.base_lrs]

    assert rates(lambda module, optimizer: Halves(optimizer), 3) == [0.5, 0.25, 0.125]
    with pytest.raises(NotImplementedError, match="LRScheduler must define get_lr"):
        schedulers.LRScheduler(steps())


# --- state -----------------------------------------------------------------------------------


@EVERY_CASE
@pytest.mark.parametrize("at", [1, 9, 10, 33])
def test_a_run_goes_on_from_a_state_to_the_last_bit(make, at):
    optimizer = steps()
    scheduler = make(schedulers, optimizer)
    for _ in range(at):
        scheduler.step()
    states = [optimizer.state_dict(), scheduler.state_dict()]
    state = json.loads(json.dumps(states, default=lambda array: array.tolist()))
    expected = []
    for _ in range(40):
        scheduler.step()
        expected.append(options(optimizer))

    resumed = steps()
    again = make(schedulers, resumed)
    resumed.load_state_dict(state[0])
    again.load_state_dict(state[1])
    for each in expected:
        again.step()
        assert repr(options(resumed)) == repr(each)


def test_reduce_on_plateau_goes_on_from_a_state():
    optimizer, resumed = steps(), steps()
    scheduler, again = (
        schedulers.ReduceLROnPlateau(each, patience=3) for each in (optimizer, resumed)
    )
    for _ in range(3):
        scheduler.step(1.0)
    again.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    for each in (scheduler, again):
        each.step(1.0)
        each.step(1.0)
    assert optimizer.lr == resumed.lr == pytest.approx(0.01)


def test_a_callable_object_gets_its_attributes_back():
    class Decay:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, t):
            return self.factor**t

    scheduler = schedulers.LambdaLR(steps(), Decay(0.5))
    again = schedulers.LambdaLR(steps(), Decay(0.1))
    again.load_state_dict(scheduler.state_dict())
    assert again.lr_lambdas[0].factor == 0.5


def test_a_state_is_not_shared():
    scheduler = schedulers.StepLR(steps(), 3)
    state = scheduler.state_dict()
    state["base_lrs"][0] = 7.0
    scheduler.get_last_lr()[0] = 7.0
    assert scheduler.base_lrs == scheduler.get_last_lr() == LRS


def test_a_state_that_does_not_fit_is_refused_and_nothing_changes():
    optimizer = steps()
    scheduler = schedulers.StepLR(optimizer, 3)
    other = schedulers.StepLR(SGD([Value(1.0)]), 3)
    for state, message in (
        ({}, r"does not fit this StepLR: it has \[\]"),
        (schedulers.ExponentialLR(steps(), 0.9).state_dict(), "not .*step_size"),
        (other.state_dict(), "of 1 parameter groups, not 2"),
    ):
        before = scheduler.state_dict()
        with pytest.raises(ValueError, match=message):
            scheduler.load_state_dict(state)
        assert scheduler.state_dict() == before
    sequential = CASES["warm-up and cosine"](schedulers, optimizer)
    before = sequential.state_dict()
    for broken in ([], [{}, {}], [before["_schedulers"][0], {}]):
        with pytest.raises(ValueError, match="does not fit"):
            sequential.load_state_dict({**before, "last_epoch": 5, "_schedulers": broken})
        assert sequential.state_dict() == before


# --- what they refuse ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (one("StepLR", step_size=0), "StepLR: step_size must be a positive integer, but got 0"),
        (one("StepLR", step_size=1.5), "step_size must be a positive integer, but got 1.5"),
        (one("ConstantLR", factor=1.1), "ConstantLR: factor must be from 0 to 1, but got 1.1"),
        (one("ConstantLR", factor=-0.1), "factor must be from 0 to 1"),
        (one("LinearLR", start_factor=0.0), "start_factor must be above 0"),
        (one("LinearLR", start_factor=2.0), "start_factor must be from 0 to 1"),
        (one("LinearLR", end_factor=-1.0), "end_factor must be from 0 to 1"),
        (one("LinearLR", total_iters=0), "total_iters must be a positive integer"),
        (one("CosineAnnealingLR", T_max=0), "T_max must be a positive integer"),
        (one("LambdaLR", lr_lambda=[math.sin]), "lr_lambda takes one per parameter group, 2"),
        (one("OneCycleLR", max_lr=1.0), "takes total_steps, or epochs and steps_per_epoch"),
        (one("OneCycleLR", max_lr=1.0, epochs=3), "takes total_steps, or epochs and"),
        (one("OneCycleLR", max_lr=1.0, total_steps=0), "total_steps must be a positive integer"),
        (one("OneCycleLR", max_lr=1.0, total_steps=5, pct_start=1.5), "pct_start must be from 0"),
        (one("OneCycleLR", max_lr=[1.0], total_steps=5), "max_lr takes one per parameter group"),
        (one("OneCycleLR", max_lr=1.0, total_steps=5, anneal_strategy="sin"), "'cos' or 'linear'"),
        (one("ReduceLROnPlateau", factor=1.0), "factor must be at least 0 and below 1"),
        (one("ReduceLROnPlateau", mode="less"), "mode must be 'min' or 'max', not 'less'"),
        (one("ReduceLROnPlateau", threshold_mode="x"), "threshold_mode must be 'rel' or 'abs'"),
        (one("ReduceLROnPlateau", min_lr=[0.1]), "min_lr takes one per parameter group, 2"),
        (sequence(("StepLR", {"step_size": 1}), milestones=[1]), "one milestone fewer"),
        (sequence(milestones=[]), "one milestone fewer than schedulers, but got 0 and 0"),
        (sequence(("ReduceLROnPlateau", {}), milestones=[]), "needs a metric at each step"),
    ],
)
def test_a_bad_argument_is_refused_by_name(make, message):
    optimizer = steps()
    with pytest.raises(ValueError, match=message):
        make(schedulers, optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == LRS


def test_a_cycle_that_is_over_is_refused_to_go_on():
    scheduler = schedulers.OneCycleLR(steps(), 0.5, total_steps=3)
    for _ in range(3):
        scheduler.step()
    with pytest.raises(ValueError, match="was stepped 4 times, but its cycle has 3 steps"):
        scheduler.step()


def test_a_momentum_can_be_cycled_only_if_there_is_one():
    for optimizer in (Adagrad([Value(1.0)]), RMSprop([Value(1.0)])):
        if isinstance(optimizer, Adagrad):
            with pytest.raises(ValueError, match="Adagrad has no momentum"):
                schedulers.OneCycleLR(optimizer, 0.5, total_steps=3)
        schedulers.OneCycleLR(optimizer, 0.5, total_steps=3, cycle_momentum=False)


@pytest.mark.parametrize("name", ["StepLR", "LambdaLR", "ReduceLROnPlateau", "OneCycleLR"])
def test_what_is_no_optimiser_is_refused(name):
    more = {"StepLR": [1], "LambdaLR": [math.sin], "ReduceLROnPlateau": [], "OneCycleLR": [1.0, 5]}
    with pytest.raises(TypeError, match=f"{name} takes an optimiser, but got list"):
        getattr(schedulers, name)([Value(1.0)], *more[name])


def test_a_sequence_takes_schedulers_of_its_own_optimiser_only():
    optimizer = steps()
    with pytest.raises(ValueError, match="number 0 is of another optimiser"):
        schedulers.SequentialLR(optimizer, [schedulers.StepLR(steps(), 1)], [])
    with pytest.raises(TypeError, match="takes schedulers, but number 0 is a int"):
        schedulers.SequentialLR(optimizer, [1], [])


def test_reduce_on_plateau_needs_a_metric():
    with pytest.raises(TypeError, match="takes the metric to watch"):
        schedulers.ReduceLROnPlateau(steps()).step()


def test_to_go_on_from_a_former_run_its_first_rates_must_be_known():
    with pytest.raises(KeyError, match="group 0 has none"):
        schedulers.StepLR(steps(), 3, last_epoch=4)
