"""Optimisers against torch.optim, step by step, and what they refuse and leave alone."""

import inspect
import itertools
import json
import math

import numpy as np
import pytest

import nn
from autograd import Value
from nn.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop


def combinations(**choices):
    """Every combination of these options."""
    return [
        dict(zip(choices, chosen, strict=True)) for chosen in itertools.product(*choices.values())
    ]


SGDS = [
    {},
    {"lr": 0.0},
    *(
        options
        for options in combinations(
            lr=[0.02],
            momentum=[0.0, 0.9],
            dampening=[0.0, 0.3],
            weight_decay=[0.0, 0.1],
            nesterov=[False, True],
            maximize=[False, True],
        )
        if not options["nesterov"] or (options["momentum"] and not options["dampening"])
    ),
]
ADAM_OPTIONS = combinations(
    lr=[0.05],
    betas=[(0.9, 0.999), (0.3, 0.7)],
    weight_decay=[0.0, 0.1],
    amsgrad=[False, True],
    maximize=[False, True],
)
ADAMS = [{}, {"lr": 0.05, "betas": (0.0, 0.0)}, {"lr": 0.05, "eps": 1e-2}, *ADAM_OPTIONS]
RMSPROPS = [
    {},
    {"lr": 0.01, "eps": 1e-2},
    *combinations(
        lr=[0.01],
        alpha=[0.99, 0.4],
        weight_decay=[0.0, 0.1],
        momentum=[0.0, 0.9],
        centered=[False, True],
        maximize=[False, True],
    ),
]
ADAGRADS = [
    {},
    {"lr": 0.1, "eps": 1e-2},
    *combinations(
        lr=[0.1],
        lr_decay=[0.0, 0.05],
        weight_decay=[0.0, 0.1],
        initial_accumulator_value=[0.0, 0.5],
        maximize=[False, True],
    ),
]
CASES = [
    (make, options)
    for make, each in [
        (SGD, SGDS), (Adam, ADAMS), (AdamW, ADAMS), (RMSprop, RMSPROPS), (Adagrad, ADAGRADS),
    ]
    for options in each
]  # fmt: skip
EVERY = [SGD, Adam, AdamW, RMSprop, Adagrad]
EVERY_CASE = pytest.mark.parametrize(
    ("optimizer", "options"), CASES, ids=[f"{make.__name__}-{options}" for make, options in CASES]
)
EVERY_ONE = pytest.mark.parametrize("optimizer", EVERY)


def numbers(values):
    return [value.data for value in values]


def with_grads(grads, data=None):
    """Parameters with these gradients."""
    parameters = [Value(each) for each in (data or [1.0] * len(grads))]
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = grad
    return parameters


# --- against torch ---------------------------------------------------------------------------


def gradients(random, data, step):
    """Gradients of a random, noisy objective: uneven curvature, tilted, some of them 0."""
    curvature = 10.0 ** np.linspace(-2.0, 1.0, len(data))
    noise = random.normal(size=len(data)) * (1.0 + np.sin(step))
    return np.where(np.arange(len(data)) % 5 == step % 5, 0.0, curvature * np.tanh(data) + noise)


def assert_steps_are_those_of_torch(ours, theirs, parameters, tensors, change=None):
    """100 steps of both, each from the gradients at their own parameters, of the same noise."""
    torch = pytest.importorskip("torch")
    sizes = np.cumsum([tensor.numel() for tensor in tensors])[:-1]
    for step in range(100):
        if change is not None:
            change(step, ours)
            change(step, theirs)
        there = np.concatenate([tensor.detach().numpy() for tensor in tensors])
        for data, write in ((np.array(numbers(parameters)), 0), (there, 1)):
            grad = gradients(np.random.default_rng(step), data, step)
            if write:
                for tensor, part in zip(tensors, np.split(grad, sizes), strict=True):
                    tensor.grad = torch.from_numpy(part.copy())
            else:
                for parameter, each in zip(parameters, grad.tolist(), strict=True):
                    parameter.grad = each
        ours.step()
        theirs.step()
        expected = np.concatenate([tensor.detach().numpy() for tensor in tensors])
        scale = np.abs(expected).max()
        np.testing.assert_allclose(numbers(parameters), expected, rtol=1e-12, atol=1e-13 * scale)
    assert np.isfinite(expected).all()


def pair(optimizer, sizes=(7,), seed=0):
    """(Values, tensors) of the same random numbers."""
    torch = pytest.importorskip("torch")
    start = np.random.default_rng(seed).normal(size=sum(sizes))
    tensors = [
        torch.tensor(part, requires_grad=True) for part in np.split(start, np.cumsum(sizes)[:-1])
    ]
    return [Value(each) for each in start], tensors


@EVERY_CASE
def test_100_steps_down_a_random_objective_are_those_of_torch(optimizer, options):
    torch = pytest.importorskip("torch")
    parameters, tensors = pair(optimizer)
    ours = optimizer(parameters, **options)
    theirs = getattr(torch.optim, optimizer.__name__)(tensors, **options)
    assert_steps_are_those_of_torch(ours, theirs, parameters, tensors)


GROUPS = {
    SGD: ({"lr": 0.05}, {"momentum": 0.9, "nesterov": True}, {"weight_decay": 0.1, "maximize": 1}),
    Adam: ({"lr": 0.05}, {"betas": (0.5, 0.9), "amsgrad": True}, {"weight_decay": 0.1}),
    AdamW: ({"lr": 0.05}, {"betas": (0.5, 0.9), "amsgrad": True}, {"weight_decay": 0.1}),
    RMSprop: ({"lr": 0.05}, {"alpha": 0.5, "centered": True}, {"momentum": 0.9}),
    Adagrad: ({"lr": 0.05}, {"lr_decay": 0.1}, {"weight_decay": 0.1, "eps": 1e-3}),
}


@EVERY_ONE
def test_100_steps_of_three_groups_are_those_of_torch(optimizer):
    torch = pytest.importorskip("torch")
    sizes = (2, 4, 3)
    parameters, tensors = pair(optimizer, sizes)
    parts = [parameters[:2], parameters[2:6], parameters[6:]]
    ours = optimizer(
        [{"params": p, **o} for p, o in zip(parts, GROUPS[optimizer], strict=True)], lr=0.01
    )
    theirs = getattr(torch.optim, optimizer.__name__)(
        [{"params": [p], **o} for p, o in zip(tensors, GROUPS[optimizer], strict=True)], lr=0.01
    )
    assert_steps_are_those_of_torch(ours, theirs, parameters, tensors)


@EVERY_ONE
def test_steps_are_those_of_torch_while_options_change(optimizer):
    torch = pytest.importorskip("torch")

    def change(step, steps):
        for group in steps.param_groups:
            group["lr"] = 0.01 * (1 + step % 7)
            group["weight_decay"] = 0.1 * (step % 3)
            if "momentum" in group:
                # PyTorch's RMSprop keeps a momentum only if it has one from the start.
                each = (0.9, 0.0, 0.5) if optimizer is RMSprop else (0.0, 0.9, 0.5)
                group["momentum"] = each[step // 20 % 3]
            if "dampening" in group:
                group["dampening"] = 0.25
            if "betas" in group:
                group["betas"] = (0.5 + 0.004 * step, 0.99)

    parameters, tensors = pair(optimizer)
    ours = optimizer(parameters)
    theirs = getattr(torch.optim, optimizer.__name__)(tensors)
    assert_steps_are_those_of_torch(ours, theirs, parameters, tensors, change)


@EVERY_ONE
def test_a_parameter_unfrozen_late_starts_as_in_torch(optimizer):
    torch = pytest.importorskip("torch")
    options = {"lr": 0.05, "weight_decay": 0.1}
    options |= {"momentum": 0.9, "dampening": 0.5} if optimizer is SGD else {}
    parameters = [Value(1.0), Value(2.0)]
    tensors = [torch.tensor([each.data], dtype=torch.float64) for each in parameters]
    ours = optimizer(parameters, **options)
    theirs = getattr(torch.optim, optimizer.__name__)(tensors, **options)
    parameters[1].requires_grad = False
    for step in range(30):
        if step == 10:
            parameters[1].requires_grad = True
        for i, tensor in enumerate(tensors):
            active = parameters[i].requires_grad
            grad = math.sin(step + i)
            parameters[i].grad = grad if active else 0.0
            tensor.grad = torch.tensor([grad], dtype=torch.float64) if active else None
        ours.step()
        theirs.step()
        np.testing.assert_allclose(numbers(parameters), [t.item() for t in tensors], rtol=1e-13)


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (SGD, {}),
        (SGD, {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
        (Adam, {"lr": 0.1, "amsgrad": True}),
        (AdamW, {"lr": 0.1}),
        (RMSprop, {"centered": True, "momentum": 0.5}),
        (Adagrad, {"lr": 0.1}),
    ],
)
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


@EVERY_ONE
def test_the_defaults_are_those_of_torch(optimizer):
    torch = pytest.importorskip("torch")
    ours = optimizer([Value(1.0)])
    theirs = getattr(torch.optim, optimizer.__name__)([torch.tensor(1.0)]).defaults
    faster = {"foreach", "fused", "capturable", "differentiable", "decoupled_weight_decay"}
    assert ours.defaults == {k: v for k, v in theirs.items() if k not in faster}


@EVERY_ONE
def test_arguments_by_position_are_those_of_torch(optimizer):
    torch = pytest.importorskip("torch")
    ours = list(inspect.signature(optimizer).parameters)[1:]
    theirs = list(inspect.signature(getattr(torch.optim, optimizer.__name__)).parameters)[1:]
    plain = [name for name in ours if name != "maximize"]
    assert theirs[: len(plain)] == plain


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


@EVERY_ONE
def test_zero_grad_sets_all_gradients_to_0_and_leaves_the_data(optimizer):
    parameters = with_grads([1.0, -2.0])
    optimizer(parameters).zero_grad()
    assert [parameter.grad for parameter in parameters] == [0.0, 0.0]
    assert numbers(parameters) == [1.0, 1.0]


@EVERY_ONE
def test_a_step_leaves_the_gradients_as_they_were(optimizer):
    parameters = with_grads([1.0, -2.0])
    optimizer(parameters, lr=0.1).step()
    assert [parameter.grad for parameter in parameters] == [1.0, -2.0]


@EVERY_ONE
def test_the_learning_rate_may_be_changed_between_steps(optimizer):
    parameters = with_grads([1.0])
    steps = optimizer(parameters, lr=0.1)
    assert steps.lr == 0.1
    steps.step()
    before = parameters[0].data
    steps.lr = 0.0
    steps.step()
    assert parameters[0].data == before


@EVERY_ONE
def test_after_a_step_the_data_are_python_floats(optimizer):
    parameters = with_grads([1.0])
    optimizer(parameters, lr=0.1).step()
    assert type(parameters[0].data) is float


@EVERY_ONE
def test_two_optimisers_of_the_same_kind_share_no_state(optimizer):
    options = {"lr": 0.1, "momentum": 0.9} if optimizer in (SGD, RMSprop) else {"lr": 0.1}
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


@EVERY_ONE
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
        (AdamW, {"betas": (0.9, math.nan)}, r"AdamW: betas\[1\] .* below 1, but got nan"),
        (RMSprop, {"alpha": -0.1}, "RMSprop: alpha must be at least 0"),
        (RMSprop, {"momentum": -0.1}, "RMSprop: momentum must be at least 0"),
        (Adagrad, {"lr_decay": -0.1}, "Adagrad: lr_decay must be at least 0"),
        (Adagrad, {"initial_accumulator_value": -1}, "initial_accumulator_value must be at least"),
        (SGD, {"dampening": math.nan}, "SGD: dampening"),
    ],
)
def test_a_bad_argument_is_refused_by_name_and_nothing_changes(optimizer, options, message):
    parameters = with_grads([1.0, -2.0])
    with pytest.raises(ValueError, match=message):
        optimizer(parameters, **options)
    assert numbers(parameters) == [1.0, 1.0]
    assert [parameter.grad for parameter in parameters] == [1.0, -2.0]
    assert all(parameter.requires_grad for parameter in parameters)


@EVERY_ONE
@pytest.mark.parametrize("nothing", [[], (), iter([])], ids=["list", "tuple", "iterator"])
def test_no_parameters_are_refused(optimizer, nothing):
    with pytest.raises(ValueError, match=f"{optimizer.__name__} got no parameters"):
        optimizer(nothing)


@EVERY_ONE
@pytest.mark.parametrize("other", [1.0, "w", None, np.ones(2), [Value(1.0)]], ids=repr)
def test_parameters_that_are_no_values_are_refused_and_nothing_changes(optimizer, other):
    first = with_grads([3.0])[0]
    message = rf"{optimizer.__name__} takes Values, but got {type(other).__name__}"
    with pytest.raises(TypeError, match=message):
        optimizer([first, other])
    assert (first.data, first.grad) == (1.0, 3.0)


@EVERY_ONE
@pytest.mark.parametrize("lr", ["0.1", None, 1j, [0.1]], ids=repr)
def test_a_learning_rate_that_is_no_number_is_refused(optimizer, lr):
    with pytest.raises(TypeError):
        optimizer([Value(1.0)], lr=lr)


@EVERY_ONE
def test_parameters_may_come_from_an_iterator(optimizer):
    parameters = with_grads([1.0, 1.0])
    optimizer(iter(parameters), lr=0.1).step()
    assert parameters[0].data == parameters[1].data != 1.0


# --- groups ----------------------------------------------------------------------------------


def test_a_group_takes_the_options_that_it_does_not_say_from_the_arguments():
    first, second = with_grads([1.0]), with_grads([1.0])
    steps = SGD([{"params": first}, {"params": second, "lr": 0.5}], lr=0.25, weight_decay=0.5)
    steps.step()
    assert numbers(first) == [1.0 - 0.25 * 1.5]
    assert numbers(second) == [1.0 - 0.5 * 1.5]
    assert [group["lr"] for group in steps.param_groups] == [0.25, 0.5]
    assert steps.parameters == [*first, *second]


def test_a_group_may_be_added_later_and_starts_afresh():
    first, second = with_grads([1.0]), with_grads([1.0])
    steps = Adam(first, lr=0.25)
    for _ in range(5):
        steps.step()
    steps.add_param_group({"params": second, "lr": 0.125})
    fresh = with_grads([1.0])
    Adam(fresh, lr=0.125).step()
    steps.step()
    assert numbers(second) == numbers(fresh)


def test_parameters_may_be_arrays_of_a_layer_or_one_value():
    layer = nn.Linear(2, 3, rng=0)
    bias = list(layer.bias)
    steps = SGD([{"params": layer.weight}, {"params": bias[0]}, {"params": []}], lr=0.1)
    assert len(steps.parameters) == 7
    assert len(SGD(layer.weight).parameters) == 6


def test_setting_lr_sets_that_of_every_group():
    steps = SGD([{"params": with_grads([1.0])}, {"params": with_grads([1.0]), "lr": 0.5}], lr=0.1)
    steps.lr = 0.25
    assert [group["lr"] for group in steps.param_groups] == [0.25, 0.25]


@EVERY_ONE
@pytest.mark.parametrize(
    ("group", "error", "message"),
    [
        ({"params": [Value(1.0)], "learning_rate": 0.1}, ValueError, "no option learning_rate"),
        ({"params": [Value(1.0)], "lr": -1.0}, ValueError, "lr must be at least 0"),
        ({"params": [1.0]}, TypeError, "takes Values, but got float"),
        ({"params": 1.0}, TypeError, "takes a list of Values"),
        ({"lr": 0.1}, TypeError, "groups that are dicts with 'params'"),
        ([Value(1.0)], TypeError, "groups that are dicts with 'params'"),
    ],
)
def test_an_impossible_group_is_refused_and_nothing_changes(optimizer, group, error, message):
    steps = optimizer(with_grads([1.0]), lr=0.1)
    with pytest.raises(error, match=message):
        steps.add_param_group(group)
    assert len(steps.param_groups) == len(steps.parameters) == 1
    steps.step()


@EVERY_ONE
def test_a_parameter_may_be_in_one_group_only_and_once(optimizer):
    same = Value(1.0)
    for twice in ([same, same], [{"params": [same]}, {"params": [Value(2.0), same]}]):
        with pytest.raises(ValueError, match="got a parameter twice"):
            optimizer(twice)


@EVERY_ONE
def test_a_closure_is_called_before_the_step_and_its_loss_returned(optimizer):
    parameters = with_grads([0.0])

    def closure():
        parameters[0].grad = 1.0
        return "loss"

    assert optimizer(parameters, lr=0.1).step(closure) == "loss"
    assert parameters[0].data < 1.0


def test_what_an_optimiser_is_can_be_read():
    text = repr(SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)] * 0, "lr": 0.5}], lr=0.25))
    assert text.startswith("SGD(\n  (0): 1 parameters, lr=0.25, momentum=0.0")
    assert "(1): 0 parameters, lr=0.5" in text


# --- flat arrays -----------------------------------------------------------------------------


@EVERY_CASE
def test_update_on_flat_arrays_is_what_step_does_and_leaves_its_arguments_alone(optimizer, options):
    random = np.random.default_rng(0)
    parameters = [Value(each) for each in random.normal(size=5)]
    one, other = optimizer(parameters, **options), optimizer(parameters, **options)
    data = np.array(numbers(parameters))
    for _ in range(5):
        grad = random.normal(size=5)
        for parameter, each in zip(parameters, grad.tolist(), strict=True):
            parameter.grad = each
        before = data.copy(), grad.copy()
        data.flags.writeable = grad.flags.writeable = False
        new = other.update(data, grad)
        one.step()
        assert (data == before[0]).all()
        assert (grad == before[1]).all()
        assert not np.shares_memory(new, data)
        assert numbers(parameters) == new.tolist()
        data = new


def test_update_moves_the_active_ones_only():
    steps = Adam([Value(1.0), Value(1.0)], lr=0.5)
    new = steps.update(np.ones(2), np.ones(2), np.array([False, True]))
    assert new[0] == 1.0
    assert new[1] < 1.0
    assert steps.state_dict()["state"]["step"].tolist() == [0, 1]


def test_a_frozen_parameter_of_the_second_group_stays_and_its_neighbours_move():
    parameters = with_grads([1.0, 1.0, 1.0, 1.0])
    steps = SGD([{"params": parameters[:2]}, {"params": parameters[2:], "lr": 0.25}], lr=0.5)
    parameters[3].requires_grad = False
    steps.step()
    assert numbers(parameters) == [0.5, 0.5, 0.75, 1.0]


@EVERY_ONE
@pytest.mark.parametrize("shape", [(2,), (4,), (3, 1), ()])
def test_update_refuses_arrays_of_another_length(optimizer, shape):
    steps = optimizer([Value(1.0), Value(1.0), Value(1.0)])
    with pytest.raises(ValueError, match="has 3 parameters, but got data of shape"):
        steps.update(np.ones(shape), np.ones(shape))


@EVERY_ONE
def test_what_overflows_makes_no_warning(optimizer):
    steps = optimizer([Value(1.0), Value(1.0)])
    steps.update(np.ones(2), np.array([1e300, math.nan]))


def test_an_optimiser_of_ones_own_defines_what_it_keeps_and_the_update():
    class SignDescent(Optimizer):
        def __init__(self, parameters, lr):
            super().__init__(parameters, lr=lr)

        def _updated(self, group, state, data, grad):
            return data - group["lr"] * np.sign(grad)

    parameters = with_grads([3.0, -2.0])
    SignDescent(parameters, lr=0.25).step()
    assert numbers(parameters) == [0.75, 1.25]
    with pytest.raises(NotImplementedError, match="Optimizer must define _updated"):
        Optimizer(parameters, lr=0.1).step()


# --- state -----------------------------------------------------------------------------------


def run(steps, parameters, first, last):
    for step in range(first, last):
        for i, parameter in enumerate(parameters):
            parameter.grad = math.sin(3.0 * step + i) + 0.1 * parameter.data
        steps.step()


def as_json(state):
    """The state by way of JSON text."""
    return json.loads(json.dumps(state, default=lambda array: array.tolist()))


@EVERY_CASE
@pytest.mark.parametrize("way", [lambda state: state, as_json], ids=["arrays", "json"])
def test_a_run_goes_on_from_a_state_to_the_last_bit(optimizer, options, way):
    parameters = [Value(each) for each in (1.0, -2.0, 0.5)]
    steps = optimizer([{"params": parameters[:1]}, {"params": parameters[1:]}], **options)
    run(steps, parameters, 0, 7)
    state, data = steps.state_dict(), numbers(parameters)
    run(steps, parameters, 7, 14)  # which must not change the state that was taken

    others = [Value(each) for each in data]
    resumed = optimizer([{"params": others[:1]}, {"params": others[1:]}], lr=123.0)
    resumed.load_state_dict(way(state))
    run(resumed, others, 7, 14)
    assert numbers(others) == numbers(parameters)


@EVERY_ONE
def test_a_state_is_plain_python_and_numpy(optimizer):
    steps = optimizer([Value(1.0), Value(2.0)], lr=0.1)
    state = steps.state_dict()
    (group,) = state["param_groups"]
    assert group.pop("params") == [0, 1]
    assert all(type(option) in (float, bool, tuple) for option in group.values())
    assert all(type(array) is np.ndarray for array in state["state"].values())


@EVERY_ONE
def test_neither_the_state_taken_nor_the_one_loaded_is_shared(optimizer):
    parameters = with_grads([1.0])
    steps = optimizer(parameters, lr=0.1)
    steps.step()
    state = steps.state_dict()
    kept = {name: array.copy() for name, array in state["state"].items()}
    steps.load_state_dict(state)
    steps.step()
    state["param_groups"][0]["lr"] = 5.0
    assert steps.lr == 0.1
    for name, array in state["state"].items():
        assert array.tolist() == kept[name].tolist()


def broken(**changes):
    """A state of Adam of two parameters, with such changes."""
    state = Adam([Value(1.0), Value(2.0)], lr=0.1).state_dict()
    group = changes.pop("group", {})
    state["param_groups"][0] |= group
    for name in [name for name, option in group.items() if option is None]:
        del state["param_groups"][0][name]
    state["state"] |= changes
    for name in [name for name, array in changes.items() if array is None]:
        del state["state"][name]
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "has no 'state' and 'param_groups'"),
        ({"state": {}, "param_groups": [{}]}, "has no 'state' and 'param_groups'"),
        (SGD([Value(1.0), Value(2.0)]).state_dict(), "lacks .*betas.* unknown .*momentum"),
        (Adam([Value(1.0)]).state_dict(), r"has groups of \[1\] parameters, not of \[2\]"),
        (
            Adam([{"params": [Value(1.0)]}, {"params": [Value(2.0)]}]).state_dict(),
            r"groups of \[1, 1\] parameters, not of \[2\]",
        ),
        (broken(group={"lr": -1.0}), "lr must be at least 0, but got -1.0"),
        (broken(group={"lr": "0.1"}), "lr must be a number, but got str"),
        (broken(group={"betas": (0.9, 2.0)}), "below 1, but got 2.0"),
        (broken(group={"eps": None}), "lacks .*eps"),
        (broken(exp_avg=None), "keeps"),
        (broken(velocity=np.zeros(2)), "keeps .*velocity"),
        (broken(exp_avg=np.zeros(3)), r"has exp_avg of shape \(3,\), not \(2,\)"),
        (broken(exp_avg=["a", "b"]), "has exp_avg of <U1"),
        (broken(exp_avg=[[0.0], [0.0, 1.0]]), "has no array of numbers as exp_avg"),
        (broken(step=np.array([0.5, 1.0])), "has step of float64, not of int64"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_changes(state, message):
    parameters = with_grads([1.0, -1.0])
    steps, twin = Adam(parameters, lr=0.25), Adam(with_grads([1.0, -1.0]), lr=0.25)
    for each in (steps, twin):
        each.step()
    with pytest.raises(ValueError, match=message):
        steps.load_state_dict(state)
    steps.step()
    twin.step()
    assert numbers(steps.parameters) == numbers(twin.parameters)
    assert steps.state_dict()["param_groups"] == twin.state_dict()["param_groups"]


# --- they train ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda p: SGD(p, lr=0.1),
        lambda p: SGD(p, lr=0.05, momentum=0.9),
        lambda p: SGD(p, lr=0.05, momentum=0.9, nesterov=True),
        lambda p: Adam(p, lr=0.1),
        lambda p: AdamW(p, lr=0.1, weight_decay=0.0),
        lambda p: RMSprop(p, lr=0.05),
        lambda p: Adagrad(p, lr=1.0),
    ],
    ids=["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad"],
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
