"""Models given to PyTorch and taken from it: outputs and gradients agree, and so does the state."""

import subprocess
import sys

import numpy as np
import pytest

import nn
from autograd import TABLE, Value

torch = pytest.importorskip("torch")
T = torch.nn


def numbers(nodes):
    return np.vectorize(lambda node: node.data, otypes=[float])(np.array(nodes, dtype=object))


def gradients(nodes):
    return np.vectorize(lambda node: node.grad, otypes=[float])(np.array(nodes, dtype=object))


def leaves(array):
    return np.vectorize(Value, otypes=[object])(array)


def close(ours, theirs):
    theirs = np.asarray(theirs)
    scale = max(np.abs(theirs).max(initial=0.0), 1e-300)
    np.testing.assert_allclose(ours, theirs.reshape(np.shape(ours)), rtol=0, atol=1e-12 * scale)


def agree(ours, theirs, *shapes, seed=0, within=(-2.0, 2.0)):
    """Outputs, and gradients of inputs and parameters, of a random weighted sum of the outputs.

    PyTorch gets a batch of one sample.
    """
    random = np.random.default_rng(seed)
    arrays = [random.uniform(*within, size=shape) for shape in shapes]
    x = [leaves(array) for array in arrays]
    tensors = [torch.tensor(array[np.newaxis], requires_grad=True) for array in arrays]
    out, their_out = ours(*x), theirs(*tensors)
    close(numbers(out), their_out.detach().numpy()[0])
    weights = random.normal(size=np.shape(out))
    ours.zero_grad()
    theirs.zero_grad()
    loss = (np.array(out, dtype=object) * weights).sum()
    their_loss = (their_out * torch.tensor(weights)).sum()
    loss.backward()
    their_loss.backward()
    for mine, tensor in zip(x, tensors, strict=True):
        close(gradients(mine), tensor.grad.numpy()[0])
    for (name, member), (their_name, tensor) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name
        expected = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
        close(gradients(member), expected)


def same_state(ours, theirs):
    """Names, shapes, numbers, frozen parameters and training."""
    state, their_state = ours.state_dict(), theirs.state_dict(keep_vars=True)
    for name, array in state.items():
        tensor = their_state[name]
        assert tensor.shape == array.shape
        np.testing.assert_array_equal(array, tensor.detach().numpy())
    frozen = {
        name: {value.requires_grad for value in np.ravel(member)}
        for name, member in ours.named_parameters()
    }
    assert frozen == {name: {p.requires_grad} for name, p in theirs.named_parameters()}
    modes = {name: module.training for name, module in theirs.named_modules()}
    assert all(module.training == modes[name] for name, module in ours.named_modules())


OURS = [
    (nn.Linear(3, 2, rng=0), (3,)),
    (nn.Linear(1, 1, bias=False, rng=0), (1,)),
    (nn.Neuron(3, "tanh", rng=0), (3,)),
    (nn.Neuron(3, bias=False, rng=0), (3,)),
    (nn.MLP(3, [4, 4, 2], "tanh", "sigmoid", rng=0), (3,)),
    (nn.MLP(2, [3], bias=False, rng=0), (2,)),
    (nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 1, rng=1)), (3,)),
    (nn.Residual(nn.Sequential(nn.Linear(3, 3, rng=0), nn.SiLU())), (3,)),
    (nn.LayerNorm(4), (4,)),
    (nn.LayerNorm((2, 3), 0.1, bias=False), (2, 3)),
    (nn.LayerNorm(4, elementwise_affine=False), (4,)),
    (nn.Conv2d(2, 3, 2, rng=0), (2, 3, 4)),
    (nn.Conv2d(1, 2, (3, 2), (2, 1), (1, 2), bias=False, rng=0), (1, 4, 3)),
    (nn.RNNCell(3, 2, rng=0), (3,)),
    (nn.RNNCell(2, 3, False, "relu", rng=0), (2,)),
    (nn.Flatten(), (2, 3)),
    (nn.Unflatten(1, (2, 3)), (6,)),
    (nn.Dropout(0.5).eval(), (3,)),
    (nn.LeakyReLU(0.2), (5,)),
    (nn.ELU(0.7), (5,)),
    (nn.GELU(), (5,)),
    (nn.SiLU(), (5,)),
    (nn.Sigmoid(), (5,)),
    (nn.Softplus(), (5,)),
    (nn.Tanh(), (5,)),
    (nn.Identity(), (5,)),
    (nn.Softmax(), (5,)),
    (nn.LogSoftmax(1), (5,)),
    (nn.Activation("leaky_relu"), (5,)),
    (nn.Activation("elu"), (5,)),
    *((nn.Activation(name), (5,)) for name in nn.torch_exchange._FUNCTIONS),
]


@pytest.mark.parametrize(("model", "shape"), OURS, ids=lambda each: repr(each))
def test_a_model_agrees_with_the_one_given_to_pytorch_and_the_one_taken_back(model, shape):
    theirs = nn.to_torch(model)
    back = nn.from_torch(theirs)
    same_state(model, theirs)
    same_state(back, theirs)
    assert [name for name, _ in back.named_modules()] == [n for n, _ in model.named_modules()]
    within = (-2.0, 2.0)
    if type(model) is nn.Activation:
        (within, *_) = TABLE[model.name].domain
    agree(model, theirs, shape, within=within)
    agree(back, theirs, shape, within=within, seed=1)


def test_every_module_of_nn_is_tried_above():
    exported = {getattr(nn, name) for name in nn.__all__}
    modules = {each for each in exported if isinstance(each, type) and issubclass(each, nn.Module)}
    assert modules - {nn.Module} == {type(model) for model, _ in OURS} | {nn.ReLU}


THEIRS = [
    (T.Linear(3, 2), (3,)),
    (T.Linear(3, 2, bias=False), (3,)),
    (T.Sequential(T.Linear(3, 4), T.Tanh(), T.Sequential(T.Linear(4, 2), T.Sigmoid())), (3,)),
    (T.LayerNorm(4), (4,)),
    (T.LayerNorm([2, 3], eps=0.5, elementwise_affine=False), (2, 3)),
    (T.Conv2d(2, 3, 3, stride=2, padding=1), (2, 4, 5)),
    (T.Conv2d(1, 1, (1, 2), bias=False), (1, 2, 3)),
    (T.RNNCell(3, 4), (3,)),
    (T.RNNCell(3, 4, bias=False, nonlinearity="relu"), (3,)),
    (T.Sequential(T.Conv2d(1, 2, 2), T.ReLU(), T.Flatten(), T.Linear(8, 2)), (1, 3, 3)),
    (T.Sequential(T.Unflatten(1, (1, 3, 3)), T.Conv2d(1, 2, 2), T.Flatten()), (9,)),
    (T.Dropout(0.3).eval(), (4,)),
    (T.LeakyReLU(), (5,)),
    (T.ELU(2.0), (5,)),
    (T.GELU(), (5,)),
    (T.SiLU(), (5,)),
    (T.Softplus(), (5,)),
    (T.LogSigmoid(), (5,)),
    (T.Identity(), (5,)),
    (T.Softmax(dim=-1), (5,)),
    (T.LogSoftmax(dim=1), (5,)),
]


@pytest.mark.parametrize(("theirs", "shape"), THEIRS, ids=lambda each: repr(each)[:40])
def test_a_model_taken_from_pytorch_agrees_with_it(theirs, shape):
    theirs = theirs.double()
    ours = nn.from_torch(theirs)
    same_state(ours, theirs)
    agree(ours, theirs, shape)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_a_recurrent_cell_agrees_with_a_hidden_state(nonlinearity):
    cell = nn.RNNCell(3, 4, nonlinearity=nonlinearity, rng=0)
    agree(cell, nn.to_torch(cell), (3,), (4,))


def test_a_recurrent_network_agrees_through_time():
    cell = nn.RNNCell(2, 3, rng=0)
    theirs = nn.to_torch(cell)
    x = np.random.default_rng(1).normal(size=(6, 2))
    h, their_h = None, None
    for row in x:
        h, their_h = cell(row, h), theirs(torch.tensor(row[np.newaxis]), their_h)
    sum(h).backward()
    their_h.sum().backward()
    for (_, member), tensor in zip(cell.named_parameters(), theirs.parameters(), strict=True):
        close(gradients(member), tensor.grad.numpy())


def test_a_batch_in_pytorch_is_sample_by_sample_here():
    model = nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 2, 3, padding=1, rng=0), nn.ReLU(), nn.Flatten(),
        nn.LayerNorm(32), nn.Linear(32, 3, rng=1), nn.LogSoftmax(),
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(5, 16))
    theirs = nn.to_torch(model)(torch.tensor(x)).detach().numpy()
    close(np.array([numbers(model(row)) for row in x]), theirs)


def test_the_same_training_gives_the_same_parameters():
    ours = nn.MLP(2, [4, 1], "tanh", rng=0)
    theirs = nn.to_torch(ours)
    sgd = nn.optim.SGD(ours.parameters(), lr=0.1)
    for x, y in zip(np.random.default_rng(1).normal(size=(20, 2)), range(20), strict=True):
        sgd.zero_grad()
        theirs.zero_grad()
        nn.mse(ours(x), [float(y % 2)]).backward()
        ((theirs(torch.tensor(x)) - y % 2) ** 2).mean().backward()
        sgd.step()
        with torch.no_grad():  # importing an optimiser takes longer than all of this
            for parameter in theirs.parameters():
                parameter -= 0.1 * parameter.grad
    for name, array in ours.state_dict().items():
        close(array, theirs.state_dict()[name].numpy())


# --- what is kept ----------------------------------------------------------------------------


def test_names_are_the_same_so_that_a_state_goes_either_way():
    ours = nn.MLP(2, [3, 1], rng=0)
    theirs = nn.to_torch(ours)
    assert list(theirs.state_dict()) == list(ours.state_dict())
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 1.0
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    same_state(ours, theirs)


def test_the_two_models_share_no_memory():
    ours = nn.Linear(1, 1, rng=0)
    before = numbers(ours.parameters())
    theirs = nn.to_torch(ours)
    back = nn.from_torch(theirs)
    with torch.no_grad():
        theirs.weight += 1.0
    assert numbers(ours.parameters()).tolist() == before.tolist()
    assert numbers(back.parameters()).tolist() == before.tolist()


def test_frozen_parameters_and_training_go_along():
    ours = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Dropout(0.5, rng=0), nn.Linear(2, 1, rng=1))
    ours[0].requires_grad_(False)
    ours[2].bias[0].requires_grad = False
    ours[1].eval()
    theirs = nn.to_torch(ours)
    same_state(ours, theirs)
    assert not theirs[1].training
    assert theirs[0].training
    same_state(nn.from_torch(theirs), theirs)


def test_shared_modules_stay_shared():
    layer = nn.Linear(2, 2, rng=0)
    theirs = nn.to_torch(nn.Sequential(layer, nn.Tanh(), layer))
    assert theirs[0] is theirs[2]
    back = nn.from_torch(theirs)
    assert back[0] is back[2]
    agree(back, theirs, (2,))


@pytest.mark.parametrize(
    "make",
    [
        lambda: T.Sequential(T.Linear(2, 2), T.Linear(2, 2)),
        lambda: T.Sequential(T.Conv2d(1, 1, 3, padding=1), T.Conv2d(1, 1, 3, padding=1)),
        lambda: T.Sequential(nn.to_torch(nn.Neuron(1)), nn.to_torch(nn.Neuron(1))),
    ],
)
def test_shared_tensors_stay_shared(make):
    theirs = make().double()
    theirs[1].weight, theirs[1].bias = theirs[0].weight, theirs[0].bias
    ours = nn.from_torch(theirs)
    assert len(ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    shape = {nn.Neuron: (1,), nn.Linear: (2,), nn.Conv2d: (1, 2, 3)}[type(ours[0])]
    agree(ours, theirs, shape)
    again = nn.to_torch(ours)
    assert again[1].weight is again[0].weight
    assert again[1].bias is again[0].bias


def test_numbers_of_single_precision_are_taken_as_they_are():
    theirs = T.Linear(2, 1)
    np.testing.assert_array_equal(
        nn.from_torch(theirs).state_dict()["weight"], theirs.weight.detach().numpy()
    )


def test_dropout_draws_from_the_generator_given():
    theirs = T.Sequential(T.Dropout(0.5), T.Dropout(0.25))
    one, other = nn.from_torch(theirs, rng=3), nn.from_torch(theirs, rng=3)
    assert one[1].p == 0.25
    assert numbers(one([1.0] * 30)).tolist() == numbers(other([1.0] * 30)).tolist()
    assert nn.to_torch(nn.Dropout(0.125)).p == 0.125


def test_softplus_given_to_pytorch_keeps_its_digits_where_pytorchs_own_has_none():
    agree(nn.Softplus(), nn.to_torch(nn.Softplus()), (3,))
    z = torch.tensor([22.0, 30.0, 39.0, 45.0, 700.0]).double()
    theirs = nn.to_torch(nn.Softplus())(z).numpy()
    np.testing.assert_allclose(numbers(nn.Softplus()(z.tolist())), theirs, rtol=1e-14)
    assert abs(numbers(nn.Softplus()([20.5]))[0] - T.Softplus()(z[:1] - 1.5).item()) < 2.1e-9


# --- what is refused -------------------------------------------------------------------------


class Own(nn.Module):
    pass


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Own(), "the model is a Own, which has no counterpart"),
        (nn.Sequential(nn.Tanh(), nn.Residual(Own())), r"1\.module is a Own"),
        (nn.Activation("cbrt"), "is a Activation"),
        (type("Mine", (nn.Linear,), {})(1, 1), "is a Mine"),
    ],
)
def test_a_module_that_pytorch_does_not_have_is_refused_by_name(model, message):
    with pytest.raises(TypeError, match=message):
        nn.to_torch(model)


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        (T.BatchNorm1d(2), r"the model is a torch\.nn.*BatchNorm1d, which nn does not know"),
        (T.Sequential(T.ReLU(), T.Sequential(T.LSTM(1, 1))), r"1\.0 is a torch\.nn.*LSTM"),
        (T.utils.parametrizations.weight_norm(T.Linear(1, 1)), "Parametrized"),
        (T.ModuleList([T.ReLU()]), "ModuleList"),
    ],
    ids=["BatchNorm", "LSTM", "weight_norm", "ModuleList"],
)
def test_a_module_that_nn_does_not_have_is_refused_by_name(theirs, message):
    with pytest.raises(TypeError, match=message):
        nn.from_torch(theirs)


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        (T.Conv2d(2, 2, 1, groups=2), "groups=1 and dilation=1"),
        (T.Conv2d(1, 1, 2, dilation=2), "groups=1 and dilation=1"),
        (T.Conv2d(1, 1, 2, padding_mode="circular"), "padding_mode='zeros'"),
        (T.Conv2d(1, 1, 3, padding="same"), "padding in numbers"),
        (T.Flatten(0), "start_dim=1"),
        (T.Unflatten(2, (1, 1)), "dim=1"),
        (T.Softplus(beta=2.0), "beta=1"),
        (T.GELU(approximate="tanh"), "approximate='none'"),
        (T.Softmax(dim=0), "dim=1 or dim=-1"),
        (T.Sequential(T.Tanh(), T.Softmax(dim=0)), r"1 \(Softmax\(dim=0\)\): nn takes this"),
    ],
    ids=repr,
)
def test_arguments_that_nn_does_not_have_are_refused(theirs, message):
    with pytest.raises(ValueError, match=message):
        nn.from_torch(theirs)


def test_a_sequential_with_names_of_its_own_is_refused():
    from collections import OrderedDict

    with pytest.raises(ValueError, match="the names 0, 1"):
        nn.from_torch(T.Sequential(OrderedDict(first=T.Tanh())))


@pytest.mark.parametrize("thing", [None, torch.ones(2), T.Linear, nn.Tanh()], ids=repr)
def test_only_modules_of_pytorch_are_taken(thing):
    with pytest.raises(TypeError, match=r"takes a torch\.nn\.Module"):
        nn.from_torch(thing)


def test_a_partly_frozen_or_partly_shared_array_is_refused():
    model = nn.Linear(2, 1)
    model.weight[0, 1].requires_grad = False
    with pytest.raises(ValueError, match="weight: some of its numbers are frozen"):
        nn.to_torch(model)
    model = nn.MLP(1, [1, 2])
    model.layers[1].neurons[0].weight[0] = model.layers[0].neurons[0].weight[0]
    with pytest.raises(ValueError, match=r"layers\.1\.weight shares some of its numbers"):
        nn.to_torch(model)


def test_a_tensor_of_complex_numbers_is_refused():
    with pytest.raises(TypeError, match="not of real numbers"):
        nn.from_torch(T.Linear(1, 1, dtype=torch.complex128))


def test_nn_does_not_import_pytorch_and_says_what_is_missing_without_it():
    code = """
import sys, nn
assert "torch" not in sys.modules
sys.modules["torch"] = None
for call in (lambda: nn.to_torch(nn.Tanh()), lambda: nn.from_torch(1)):
    try:
        call()
    except ImportError as error:
        assert "scalar-autograd[torch]" in str(error), error
    else:
        raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
