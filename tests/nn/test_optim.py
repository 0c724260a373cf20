"""Optimisers against torch.optim, step by step, and what they refuse and leave alone."""

import math

import numpy as np
import pytest

import nn
from autograd import Value
from nn.optim import SGD, Adam

SGDS = [
    {},
    {"lr": 0.05},
    {"lr": 0.0},
    {"lr": 0.02, "momentum": 0.9},
    {"lr": 0.02, "momentum": 0.9, "dampening": 0.3},
    {"lr": 0.02, "momentum": 0.9, "nesterov": True},
    {"lr": 0.02, "weight_decay": 0.1},
    {"lr": 0.02, "momentum": 0.5, "dampening": 0.5, "weight_decay": 0.01},
    {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05},
]
ADAMS = [
    {},
    {"lr": 0.1},
    {"lr": 0.05, "betas": (0.5, 0.9)},
    {"lr": 0.05, "betas": (0.0, 0.0)},
    {"lr": 0.05, "eps": 1e-2},
    {"lr": 0.05, "weight_decay": 0.1},
    {"lr": 0.02, "betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.01},
]
CASES = [(SGD, options) for options in SGDS] + [(Adam, options) for options in ADAMS]
EVERY_CASE = pytest.mark.parametrize(
    ("optimizer", "options"), CASES, ids=[f"{make.__name__}-{options}" for make, options in CASES]
)
BOTH = pytest.mark.parametrize("optimizer", [SGD, Adam])


def numbers(values):
    return [value.data for value in values]


def with_grads(grads, data=None):
    """Parameters with these gradients."""
    parameters = [Value(each) for each in (data or [1.0] * len(grads))]
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = grad
    return parameters


# --- against torch ---------------------------------------------------------------------------


@EVERY_CASE
def test_100_steps_down_a_quadratic_are_those_of_torch(optimizer, options):
    torch = pytest.importorskip("torch")
    curvature, start = [1.0, 3.0, 0.2, 10.0], [2.0, -1.0, 0.5, 0.0]
    ours = [Value(each) for each in start]
    theirs = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    our_steps = optimizer(ours, **options)
    their_steps = getattr(torch.optim, optimizer.__name__)([theirs], **options)
    for _ in range(100):
        our_steps.zero_grad()
        their_steps.zero_grad()
        sum(c * (p - 1.0) ** 2 for c, p in zip(curvature, ours, strict=True)).backward()
        (torch.tensor(curvature, dtype=torch.float64) * (theirs - 1.0) ** 2).sum().backward()
        our_steps.step()
        their_steps.step()
        np.testing.assert_allclose(numbers(ours), theirs.tolist(), rtol=1e-12, atol=1e-13)


@EVERY_CASE
def test_100_steps_of_an_mlp_are_those_of_torch(optimizer, options):
    torch = pytest.importorskip("torch")
    model = nn.MLP(2, [2, 1], activation="tanh", rng=0)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(2, 2, dtype=torch.float64),
        torch.nn.Tanh(),
        torch.nn.Linear(2, 1, dtype=torch.float64),
    )
    state = {
        name.replace("layers.1", "layers.2").removeprefix("layers."): torch.from_numpy(array)
        for name, array in model.state_dict().items()
    }
    theirs.load_state_dict(state)
    our_steps = optimizer(model.parameters(), **options)
    their_steps = getattr(torch.optim, optimizer.__name__)(theirs.parameters(), **options)
    random = np.random.default_rng(1)
    X, y = random.normal(size=(6, 2)), random.normal(size=6)  # too many to fit: no step vanishes
    x_there, y_there = torch.from_numpy(X), torch.from_numpy(y)
    for _ in range(100):
        our_steps.zero_grad()
        their_steps.zero_grad()
        loss = sum(nn.mse(model(row), target) for row, target in zip(X, y, strict=True)) / 6
        loss.backward()
        torch.nn.functional.mse_loss(theirs(x_there)[:, 0], y_there).backward()
        our_steps.step()
        their_steps.step()
        expected = np.concatenate([p.detach().numpy().ravel() for p in theirs.parameters()])
        np.testing.assert_allclose(
            numbers(model.parameters()), expected, rtol=0, atol=1e-12 * np.abs(expected).max()
        )


@BOTH
def test_the_defaults_are_those_of_torch(optimizer):
    torch = pytest.importorskip("torch")
    ours = optimizer([Value(1.0)])
    theirs = getattr(torch.optim, optimizer.__name__)([torch.tensor(1.0)]).defaults
    names = {"lr", "weight_decay"}
    names |= {"momentum", "dampening", "nesterov"} if optimizer is SGD else {"betas", "eps"}
    for name in names:
        assert getattr(ours, name) == theirs[name]


# --- by hand ---------------------------------------------------------------------------------


def test_plain_descent_is_p_minus_lr_times_grad():
    parameters = with_grads([0.5, -2.0], [1.0, 3.0])
    SGD(parameters, lr=0.1).step()
    assert numbers(parameters) == [1.0 - 0.1 * 0.5, 3.0 + 0.1 * 2.0]


def test_the_first_step_of_momentum_is_a_plain_one():
    plain, heavy = with_grads([0.5]), with_grads([0.5])
    SGD(plain, lr=0.1).step()
    SGD(heavy, lr=0.1, momentum=0.9, dampening=0.7).step()
    assert plain[0].data == heavy[0].data


def test_the_first_step_of_adam_has_the_length_lr_whatever_the_gradient():
    for grad in (1e-3, -5.0, 1e6):
        parameters = with_grads([grad])
        Adam(parameters, lr=0.25, eps=0.0).step()
        assert parameters[0].data == pytest.approx(1.0 - math.copysign(0.25, grad), rel=1e-15)


def test_weight_decay_pulls_to_zero_without_any_gradient():
    parameters = with_grads([0.0], [2.0])
    SGD(parameters, lr=0.1, weight_decay=0.5).step()
    assert parameters[0].data == 2.0 - 0.1 * 0.5 * 2.0


@BOTH
def test_zero_grad_sets_all_gradients_to_0_and_leaves_the_data(optimizer):
    parameters = with_grads([1.0, -2.0])
    optimizer(parameters).zero_grad()
    assert [parameter.grad for parameter in parameters] == [0.0, 0.0]
    assert numbers(parameters) == [1.0, 1.0]


@BOTH
def test_a_step_leaves_the_gradients_as_they_were(optimizer):
    parameters = with_grads([1.0, -2.0])
    optimizer(parameters, lr=0.1).step()
    assert [parameter.grad for parameter in parameters] == [1.0, -2.0]


@BOTH
def test_the_learning_rate_may_be_changed_between_steps(optimizer):
    parameters = with_grads([1.0])
    steps = optimizer(parameters, lr=0.1)
    steps.step()
    before = parameters[0].data
    steps.lr = 0.0
    steps.step()
    assert parameters[0].data == before


@BOTH
def test_after_a_step_the_data_are_python_floats(optimizer):
    parameters = with_grads([1.0])
    optimizer(parameters, lr=0.1).step()
    assert type(parameters[0].data) is float


@BOTH
def test_two_optimisers_of_the_same_kind_share_no_state(optimizer):
    options = {"lr": 0.1, "momentum": 0.9} if optimizer is SGD else {"lr": 0.1}
    first, second = with_grads([1.0]), with_grads([1.0])
    one = optimizer(first, **options)
    for _ in range(5):
        one.step()
    other = optimizer(second, **options)
    other.step()
    fresh = with_grads([1.0])
    optimizer(fresh, **options).step()
    assert second[0].data == fresh[0].data


# --- frozen parameters -----------------------------------------------------------------------


@EVERY_CASE
def test_a_frozen_parameter_stays_and_the_others_move_as_without_it(optimizer, options):
    frozen, free, alone = Value(2.0, requires_grad=False), Value(1.0), Value(1.0)
    steps, other = optimizer([frozen, free], **options), optimizer([alone], **options)
    for _ in range(5):
        free.grad = alone.grad = 0.5
        steps.step()
        other.step()
    assert frozen.data == 2.0
    assert not frozen.requires_grad
    assert free.data == alone.data


@BOTH
def test_a_parameter_may_be_frozen_after_the_optimiser_was_made(optimizer):
    model = nn.MLP(2, [2, 1], rng=0)
    steps = optimizer(model.parameters(), lr=0.1)
    for parameter in model.layers[0].parameters():
        parameter.requires_grad = False
    before = model.state_dict()
    nn.mse(model([1.0, 2.0]), 5.0).backward()
    steps.step()
    after = model.state_dict()
    np.testing.assert_array_equal(after["layers.0.weight"], before["layers.0.weight"])
    assert after["layers.1.bias"] != before["layers.1.bias"]


# --- what they refuse ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "options", "message"),
    [
        (SGD, {"lr": -0.1}, "SGD: lr must be at least 0, but got -0.1"),
        (SGD, {"lr": math.nan}, "SGD: lr .*nan"),
        (SGD, {"lr": math.inf}, "SGD: lr .*inf"),
        (SGD, {"momentum": -0.9}, "SGD: momentum must be at least 0"),
        (SGD, {"weight_decay": -1.0}, "SGD: weight_decay must be at least 0"),
        (SGD, {"nesterov": True}, "SGD: nesterov needs a momentum"),
        (SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov .*no dampening"),
        (Adam, {"lr": -1e-3}, "Adam: lr must be at least 0"),
        (Adam, {"betas": (1.0, 0.999)}, r"Adam: .*at least 0 and below 1, but got 1\.0"),
        (Adam, {"betas": (0.9, 1.5)}, r"Adam: .*at least 0 and below 1, but got 1\.5"),
        (Adam, {"betas": (-0.1, 0.9)}, r"Adam: .*at least 0 and below 1, but got -0\.1"),
        (Adam, {"eps": -1e-8}, "Adam: eps must be at least 0"),
        (Adam, {"weight_decay": -0.1}, "Adam: weight_decay must be at least 0"),
    ],
)
def test_a_bad_argument_is_refused_by_name_and_nothing_changes(optimizer, options, message):
    parameters = with_grads([1.0, -2.0])
    with pytest.raises(ValueError, match=message):
        optimizer(parameters, **options)
    assert numbers(parameters) == [1.0, 1.0]
    assert [parameter.grad for parameter in parameters] == [1.0, -2.0]
    assert all(parameter.requires_grad for parameter in parameters)


@BOTH
@pytest.mark.parametrize("nothing", [[], (), iter([])], ids=["list", "tuple", "iterator"])
def test_no_parameters_are_refused(optimizer, nothing):
    with pytest.raises(ValueError, match=f"{optimizer.__name__} got no parameters"):
        optimizer(nothing)


@BOTH
@pytest.mark.parametrize("other", [1.0, "w", None, np.ones(2), [Value(1.0)]], ids=repr)
def test_parameters_that_are_no_values_are_refused_and_nothing_changes(optimizer, other):
    first = with_grads([3.0])[0]
    message = rf"{optimizer.__name__} takes Values, but got {type(other).__name__}"
    with pytest.raises(TypeError, match=message):
        optimizer([first, other])
    assert (first.data, first.grad) == (1.0, 3.0)


@BOTH
@pytest.mark.parametrize("lr", ["0.1", None, 1j, [0.1]], ids=repr)
def test_a_learning_rate_that_is_no_number_is_refused(optimizer, lr):
    with pytest.raises(TypeError):
        optimizer([Value(1.0)], lr=lr)


@BOTH
def test_parameters_may_come_from_an_iterator(optimizer):
    parameters = with_grads([1.0, 1.0])
    optimizer(iter(parameters), lr=0.1).step()
    assert parameters[0].data == parameters[1].data != 1.0


# --- they train ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda p: SGD(p, lr=0.1),
        lambda p: SGD(p, lr=0.05, momentum=0.9),
        lambda p: SGD(p, lr=0.05, momentum=0.9, nesterov=True),
        lambda p: Adam(p, lr=0.1),
    ],
    ids=["sgd", "momentum", "nesterov", "adam"],
)
def test_each_finds_the_minimum_of_a_parabola(make):
    x, y = Value(-3.0), Value(5.0)
    steps = make([x, y])
    for _ in range(300):
        steps.zero_grad()
        ((x - 2.0) ** 2 + 0.5 * (y + 1.0) ** 2).backward()
        steps.step()
    assert x.data == pytest.approx(2.0, abs=1e-2)
    assert y.data == pytest.approx(-1.0, abs=1e-2)
