"""Neurons and layers: what they take, what they refuse, how they begin, and what they compute."""

import math

import numpy as np
import pytest

import nn
from autograd import TABLE, Value

ONE_ARGUMENT = [row.name for row in TABLE.values() if row.arity == 1]
INITS = [
    "uniform",
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "zeros",
]


def numbers(nodes):
    return [node.data for node in nodes]


def every_kind(n_in):
    """One module of each class that takes n_in inputs."""
    return [
        nn.Neuron(n_in, rng=0),
        nn.Linear(n_in, 2, rng=0),
        nn.MLP(n_in, [3, 2], rng=0),
        nn.Sequential(nn.Linear(n_in, 2, rng=0), nn.ReLU()),
    ]


EVERY_KIND = pytest.mark.parametrize("model", every_kind(3), ids=lambda model: type(model).__name__)


# --- what goes in and what comes out ---------------------------------------------------------


def test_a_neuron_is_the_sum_of_weighted_inputs_and_bias_through_its_activation():
    neuron = nn.Neuron(2, activation="tanh", rng=0)
    w, b = neuron.weight, neuron.bias
    (a,) = neuron([0.5, -2.0])
    assert a.data == math.tanh(w[0].data * 0.5 + w[1].data * -2.0 + b.data)


@pytest.mark.parametrize(
    ("model", "n_out"),
    [
        (nn.Neuron(2), 1),
        (nn.Linear(2, 1), 1),
        (nn.Linear(2, 5), 5),
        (nn.MLP(2, [1]), 1),
        (nn.MLP(2, [4, 3]), 3),
        (nn.MLP(2, [4, 1, 2]), 2),
        (nn.Sequential(nn.Linear(2, 1)), 1),
        (nn.Tanh(), 2),
    ],
)
def test_a_call_always_returns_a_list_with_one_value_per_output(model, n_out):
    outputs = model([1.0, -1.0])
    assert type(outputs) is list
    assert len(outputs) == n_out
    assert all(isinstance(output, Value) for output in outputs)


@EVERY_KIND
def test_the_inputs_may_be_any_real_numbers_values_or_a_numpy_row(model):
    expected = numbers(model([1.0, 2.0, 3.0]))
    for inputs in (
        (1, 2, 3),
        [True, 2, np.float32(3)],
        [np.int64(1), np.float64(2), 3.0],
        np.array([1.0, 2.0, 3.0]),
        np.array([1, 2, 3]),
        np.array([[1.0, 2.0, 3.0]])[0],
        [Value(1.0), Value(2.0), Value(3.0)],
        [Value(1.0), 2, np.float64(3.0)],
        np.array([Value(1.0), Value(2.0), Value(3.0)], dtype=object),
    ):
        assert numbers(model(inputs)) == expected


def test_a_0_d_array_is_a_number_among_the_inputs():
    linear = nn.Linear(2, 1, rng=0)
    assert numbers(linear([np.array(1.0), np.array(2)])) == numbers(linear([1.0, 2.0]))


@EVERY_KIND
def test_gradients_flow_to_inputs_that_are_values_and_not_to_numbers(model):
    x = [Value(1.0), Value(2.0, requires_grad=False), 3.0]
    sum(model(x)).backward()
    h = 1e-6
    difference = (sum(model([1 + h, 2, 3])) - sum(model([1 - h, 2, 3]))).data / (2 * h)
    assert x[0].grad == pytest.approx(difference, rel=1e-6, abs=1e-9)
    assert x[1].grad == 0.0


@EVERY_KIND
def test_a_call_leaves_the_list_of_inputs_as_it_was(model):
    x = [1.0, 2.0, 3.0]
    model(x)
    assert x == [1.0, 2.0, 3.0]
    assert all(type(each) is float for each in x)


@pytest.mark.parametrize("inputs", [[], [1.0], [1.0, 2.0], [1.0] * 4, np.ones(5), (Value(1.0),)])
@pytest.mark.parametrize(
    ("model", "name"),
    [
        (nn.Neuron(3), r"Neuron\(3 → 1"),
        (nn.Linear(3, 2), r"Linear\(3 → 2"),
        (nn.MLP(3, [4, 2]), r"layers\.0: Linear\(3 → 4"),
        (nn.Sequential(nn.Linear(3, 4), nn.Tanh()), r"0: Linear\(3 → 4"),
    ],
    ids=["Neuron", "Linear", "MLP", "Sequential"],
)
def test_the_wrong_number_of_inputs_is_an_error_that_names_the_layer(model, name, inputs):
    with pytest.raises(ValueError, match=rf"{name}.* takes 3 inputs, but got {len(inputs)}"):
        model(inputs)


def test_a_layer_in_the_middle_that_does_not_fit_is_the_one_named():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(4, 1))
    with pytest.raises(ValueError, match=r"2: Linear\(4 → 1\) takes 4 inputs, but got 3"):
        model([1.0, 2.0])


@EVERY_KIND
@pytest.mark.parametrize(
    "inputs",
    [
        "abc",
        None,
        1.0,
        np.float64(1.0),
        np.array(1.0),
        Value(1.0),
        {1.0, 2.0, 3.0},
        ["a", "b", "c"],
        [None, None, None],
        [1.0, 2.0, 3j],
        [[1.0, 2.0, 3.0]] * 3,
        np.ones((3, 3)),
        [np.ones(3)] * 3,
        [[Value(1.0)], [Value(1.0)], [Value(1.0)]],
    ],
    ids=repr,
)
def test_anything_but_one_sample_of_numbers_is_refused(model, inputs):
    with pytest.raises(TypeError, match=r"list of numbers|expected a real number"):
        model(inputs)


@pytest.mark.parametrize("bare", [1.0, np.float64(1.0), Value(1.0)], ids=repr)
def test_one_bare_number_is_refused_with_the_remedy(bare):
    with pytest.raises(TypeError, match=r"Linear\(1 → 2\).*Put a single input in a list"):
        nn.Linear(1, 2)(bare)


def test_a_batch_is_refused_with_the_remedy():
    with pytest.raises(TypeError, match=r"Linear\(2 → 2\).*Call it once per sample"):
        nn.Linear(2, 2)(np.ones((2, 2)))


@EVERY_KIND
def test_nan_and_infinity_are_numbers(model):
    assert any(math.isnan(each.data) for each in model([math.nan, 1.0, 1.0]))
    model([math.inf, -math.inf, 1.0])


# --- sizes -----------------------------------------------------------------------------------


def test_mlp_reads_as_in_micrograd():
    model = nn.MLP(2, [16, 16, 1])
    assert len(model.parameters()) == 337
    assert [layer.weight.shape for layer in model.layers] == [(16, 2), (16, 16), (1, 16)]
    assert [phi.name for phi in model.activations] == ["relu", "relu", "linear"]
    assert len(model([1.0, -2.0])) == 1


def test_a_layer_of_one_neuron_may_stand_in_the_middle():
    model = nn.MLP(2, [3, 1, 1, 2], activation="tanh", rng=0)
    output = model([1.0, -1.0])
    assert len(output) == 2
    sum(output).backward()
    assert all(parameter.grad != 0.0 for parameter in model.parameters())


def test_sizes_may_be_numpy_integers_and_a_tuple():
    model = nn.MLP(np.int64(2), (np.int32(3), 1))
    assert [layer.weight.shape for layer in model.layers] == [(3, 2), (1, 3)]


@pytest.mark.parametrize("number", [0, -1, 1.5, 2.0, "2", None, True, [2]], ids=repr)
def test_a_size_that_is_no_positive_integer_is_refused(number):
    message = "must be a positive integer"
    with pytest.raises(ValueError, match=f"n_in {message}"):
        nn.Neuron(number)
    with pytest.raises(ValueError, match=f"n_in {message}"):
        nn.Linear(number, 1)
    with pytest.raises(ValueError, match=f"n_out {message}"):
        nn.Linear(1, number)
    with pytest.raises(ValueError, match=message):
        nn.MLP(number, [1])
    with pytest.raises(ValueError, match=message):
        nn.MLP(1, [2, number])


@pytest.mark.parametrize("n_outs", [[], (), 3, None], ids=repr)
def test_an_mlp_without_a_list_of_layers_is_refused(n_outs):
    with pytest.raises(ValueError, match="n_outs must list the sizes of the layers"):
        nn.MLP(2, n_outs)


def test_a_thousand_inputs_are_no_problem():
    linear = nn.Linear(1000, 1, rng=0)
    (z,) = linear([1.0] * 1000)
    z.backward()
    assert [w.grad for w in linear.weight[0]] == [1.0] * 1000


# --- biases ----------------------------------------------------------------------------------


def test_without_bias_an_input_of_zeros_gives_zeros():
    for model in (
        nn.Neuron(3, bias=False),
        nn.Linear(3, 2, bias=False),
        nn.MLP(3, [4, 2], bias=False),
    ):
        assert numbers(model([0.0, 0.0, 0.0])) == [0.0] * len(model([0.0] * 3))


def test_without_bias_there_is_no_bias_parameter():
    assert nn.Neuron(3, bias=False).bias is None
    assert nn.Linear(3, 2, bias=False).bias is None
    assert len(nn.Linear(3, 2, bias=False).parameters()) == 6
    assert len(nn.Linear(3, 2).parameters()) == 8
    names = [name for name, _ in nn.MLP(3, [4, 2], bias=False).named_parameters()]
    assert names == ["layers.0.weight", "layers.1.weight"]


# --- activations -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_every_function_of_one_argument_in_the_table_is_an_activation(name):
    row = TABLE[name]
    low, high = row.domain[0]
    z = Value(0.3 * low + 0.7 * high)
    (a,) = nn.Activation(name)([z])
    assert a.data == row(z.data)
    a.backward()
    assert z.grad == row.partials[0](a.data, z.data)
    for model in (
        nn.Neuron(2, activation=name, rng=0),
        nn.MLP(2, [3, 2], activation=name, rng=0),
        nn.MLP(2, [3, 2], output=name, rng=0),
    ):
        outputs = model([0.5, 1.5])
        assert all(isinstance(output, Value) for output in outputs)


def test_an_activation_works_element_by_element_and_on_no_elements():
    assert numbers(nn.ReLU()([-1.0, 0.0, 2.5])) == [0.0, 0.0, 2.5]
    assert nn.ReLU()([]) == []


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (nn.ReLU(), "relu"),
        (nn.Tanh(), "tanh"),
        (nn.Sigmoid(), "sigmoid"),
        (nn.Softplus(), "softplus"),
    ],
)
def test_the_activation_classes_are_the_functions_of_their_name(module, name):
    for z in (-1.5, 0.0, 2.0):
        (ours,), (table,) = module([z]), nn.Activation(name)([z])
        assert ours.data == table.data == TABLE[name](z)


def test_the_identity_returns_its_inputs_themselves():
    z = [Value(1.0), Value(2.0)]
    for module in (nn.Identity(), nn.Activation("linear")):
        assert [a is b for a, b in zip(module(z), z, strict=True)] == [True, True]


def test_the_output_of_an_mlp_has_an_activation_of_its_own():
    model = nn.MLP(2, [3, 2], activation="tanh", output="sigmoid", rng=0)
    assert [phi.name for phi in model.activations] == ["tanh", "sigmoid"]
    linear = nn.MLP(2, [3, 2], activation="tanh", rng=0)
    for a, z in zip(model([1.0, 2.0]), linear([1.0, 2.0]), strict=True):
        assert a.data == TABLE["sigmoid"](z.data)


@pytest.mark.parametrize("name", ["relo", "", "maximum", "sum", "dot", "ReLU"])
@pytest.mark.parametrize(
    "make",
    [
        lambda name: nn.Neuron(2, activation=name),
        lambda name: nn.MLP(2, [3, 1], activation=name),
        lambda name: nn.MLP(2, [3, 1], output=name),
        lambda name: nn.Activation(name),
    ],
)
def test_an_unknown_activation_is_refused_and_the_known_ones_are_listed(make, name):
    with pytest.raises(ValueError, match=rf"unknown activation '{name}'.*linear.*tanh.*relu"):
        make(name)


# --- sequential ------------------------------------------------------------------------------


def test_sequential_is_one_module_after_the_other():
    first, second = nn.Linear(2, 3, rng=0), nn.Linear(3, 1, rng=1)
    model = nn.Sequential(first, nn.Tanh(), second)
    by_hand = second([z.tanh() for z in first([1.0, 2.0])])
    assert numbers(model([1.0, 2.0])) == numbers(by_hand)


def test_sequential_has_a_length_and_items():
    first, second = nn.Linear(2, 3), nn.ReLU()
    model = nn.Sequential(first, second)
    assert len(model) == 2
    assert model[0] is first
    assert model[-1] is second


def test_sequentials_may_be_nested():
    inner = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh())
    model = nn.Sequential(inner, nn.MLP(3, [2, 1], rng=1), nn.Neuron(1, rng=2))
    assert len(model([1.0, 2.0])) == 1
    assert len(model.parameters()) == 9 + (8 + 3) + 2


@pytest.mark.parametrize("other", [math.tanh, "tanh", None, nn.Tanh, [nn.Tanh()]], ids=repr)
def test_sequential_refuses_what_is_no_module(other):
    with pytest.raises(
        TypeError, match=f"Sequential takes modules, but got {type(other).__name__}"
    ):
        nn.Sequential(nn.Linear(1, 1), other)


# --- inits -----------------------------------------------------------------------------------


def test_the_inits_are_those_of_the_documentation():
    assert sorted(nn.init.INITS) == sorted(INITS)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("uniform", 1.0 / math.sqrt(50)),
        ("xavier_uniform", math.sqrt(6.0 / (50 + 200))),
        ("kaiming_uniform", math.sqrt(6.0 / 50)),
    ],
)
def test_a_uniform_init_fills_its_interval_evenly(name, bound):
    weights = np.sort(nn.init.weights(name, (200, 50), np.random.default_rng(0)).ravel())
    assert weights.shape == (10_000,)
    assert -bound <= weights[0] < -0.999 * bound
    assert 0.999 * bound < weights[-1] <= bound
    # Kolmogorov-Smirnov: the distance to the true distribution is below 1.95/√n at the 0.1 % level
    distribution = 0.5 * (weights / bound + 1.0)
    assert np.abs(distribution - np.arange(10_000) / 10_000).max() < 1.95 / 100


@pytest.mark.parametrize(
    ("name", "deviation"),
    [("xavier_normal", math.sqrt(2.0 / (50 + 200))), ("kaiming_normal", math.sqrt(2.0 / 50))],
)
def test_a_normal_init_has_its_standard_deviation(name, deviation):
    weights = np.sort(nn.init.weights(name, (200, 50), np.random.default_rng(0)).ravel())
    distribution = np.array([0.5 * math.erfc(-w / deviation / math.sqrt(2.0)) for w in weights])
    assert np.abs(distribution - np.arange(10_000) / 10_000).max() < 1.95 / 100
    assert weights.std() == pytest.approx(deviation, rel=0.03)


@pytest.mark.parametrize("name", INITS)
def test_a_layer_starts_from_the_named_init_and_its_biases_go_with_it(name):
    linear = nn.Linear(4, 3, rng=7, init=name)
    random = np.random.default_rng(7)
    state = linear.state_dict()
    np.testing.assert_array_equal(state["weight"], nn.init.weights(name, (3, 4), random))
    np.testing.assert_array_equal(state["bias"], nn.init.biases(name, (3, 4), random))
    if name == "uniform":
        assert np.all(state["bias"] != 0.0)
        assert np.abs(state["bias"]).max() <= 0.5
    else:
        assert np.all(state["bias"] == 0.0)


def test_the_default_init_is_that_of_torch():
    limits = np.abs(nn.Linear(25, 400, rng=0).state_dict()["weight"]).max()
    assert 0.199 < limits <= 0.2
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.Linear(25, 400).weight.detach().abs().max().item()
    assert theirs == pytest.approx(limits, rel=0.01)


def test_zeros_are_zero_and_leave_all_neurons_of_a_layer_alike():
    model = nn.MLP(2, [3, 1], activation="sigmoid", init="zeros")
    assert all(parameter.data == 0.0 for parameter in model.parameters())
    nn.half_squared_error(model([1.0, 2.0]), 1.0).backward()
    assert len({w.grad for w in model.layers[1].weight[0]}) == 1


@pytest.mark.parametrize("make", [nn.Neuron, lambda n, **k: nn.Linear(n, 2, **k)])
def test_an_unknown_init_is_refused_and_the_known_ones_are_listed(make):
    with pytest.raises(ValueError, match=r"unknown init 'xavier'.*uniform.*kaiming_normal"):
        make(3, init="xavier")
    with pytest.raises(ValueError, match="unknown init 'xavier'"):
        nn.MLP(3, [2], init="xavier")


@pytest.mark.parametrize("name", INITS)
@pytest.mark.parametrize(
    "make",
    [
        lambda **k: nn.Neuron(3, **k),
        lambda **k: nn.Linear(3, 2, **k),
        lambda **k: nn.MLP(3, [4, 2], **k),
    ],
    ids=["Neuron", "Linear", "MLP"],
)
def test_the_same_seed_gives_the_same_parameters(make, name):
    def parameters(rng):
        return numbers(make(init=name, rng=rng).parameters())

    assert parameters(3) == parameters(3) == parameters(np.random.default_rng(3))
    if name != "zeros":
        assert parameters(3) != parameters(4)
        assert parameters(None) != parameters(None)


def test_a_shared_generator_advances_from_layer_to_layer():
    shared = np.random.default_rng(5)
    first, second = nn.Linear(3, 2, rng=shared), nn.Linear(3, 2, rng=shared)
    assert numbers(first.parameters()) != numbers(second.parameters())
    again = np.random.default_rng(5)
    assert numbers(nn.Linear(3, 2, rng=again).parameters()) == numbers(first.parameters())
    assert numbers(nn.Linear(3, 2, rng=again).parameters()) == numbers(second.parameters())


def test_an_mlp_draws_its_layers_one_after_the_other_from_one_generator():
    model, shared = nn.MLP(3, [3, 3], rng=5), np.random.default_rng(5)
    for layer in model.layers:
        expected = nn.Linear(3, 3, rng=shared)
        assert numbers(layer.parameters()) == numbers(expected.parameters())


def test_the_global_state_of_numpy_is_neither_used_nor_changed():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - the state that is left alone
    nn.MLP(3, [3, 3])
    nn.MLP(3, [3, 3], rng=0)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


# --- the parameters are Values ---------------------------------------------------------------


def test_the_weight_of_a_layer_holds_the_values_of_its_neurons():
    linear = nn.Linear(3, 2, rng=0)
    assert linear.weight.shape == (2, 3)
    assert linear.bias.shape == (2,)
    for j, neuron in enumerate(linear.neurons):
        assert isinstance(neuron.weight, list)
        assert all(linear.weight[j, i] is neuron.weight[i] for i in range(3))
        assert linear.bias[j] is neuron.bias


def test_a_weight_that_is_replaced_in_a_neuron_is_seen_by_the_layer_and_the_model():
    model = nn.MLP(2, [2, 1], rng=0)
    linear = model.layers[0]
    new = Value(123.0)
    linear.neurons[1].weight[0] = new
    assert linear.weight[1, 0] is new
    assert any(parameter is new for parameter in model.parameters())
    assert linear([1.0, 0.0])[1].data == 123.0 + linear.bias[1].data
    sum(linear([3.0, 0.0])).backward()
    assert new.grad == 3.0


def test_a_bias_that_is_replaced_in_a_neuron_is_seen_by_the_layer():
    linear = nn.Linear(2, 2, rng=0)
    linear.neurons[0].bias = new = Value(-7.0)
    assert linear.bias[0] is new
    assert linear([0.0, 0.0])[0].data == -7.0


def test_a_new_number_in_a_weight_is_used_by_the_next_call():
    neuron = nn.Neuron(1, rng=0)
    neuron.weight[0].data, neuron.bias.data = 3.0, 0.5
    assert neuron([2.0])[0].data == 6.5


def test_a_frozen_weight_gets_no_gradient_and_the_others_do():
    linear = nn.Linear(2, 1, rng=0)
    linear.weight[0, 0].requires_grad = False
    linear([1.0, 2.0])[0].backward()
    assert [w.grad for w in linear.weight[0]] == [0.0, 2.0]


# --- against torch ---------------------------------------------------------------------------


def torch_activation(torch, name):
    functions = {
        "linear": torch.nn.Identity,
        "relu": torch.nn.ReLU,
        "tanh": torch.nn.Tanh,
        "sigmoid": torch.nn.Sigmoid,
        "softplus": torch.nn.Softplus,
    }
    return functions[name]()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("sizes", "activation", "output"),
    [
        ([3, 1], "relu", "linear"),
        ([2, 16, 16, 1], "relu", "linear"),
        ([2, 5, 3], "tanh", "sigmoid"),
        ([4, 1, 1, 3], "sigmoid", "tanh"),
        ([3, 4, 4, 4, 2], "softplus", "linear"),
    ],
)
def test_outputs_and_gradients_of_an_mlp_are_those_of_torch(sizes, activation, output, bias):
    torch = pytest.importorskip("torch")
    model = nn.MLP(sizes[0], sizes[1:], activation, output, rng=1, bias=bias)
    parts = []
    for i, layer in enumerate(model.layers):
        part = torch.nn.Linear(sizes[i], sizes[i + 1], bias=bias, dtype=torch.float64)
        part.load_state_dict({k: torch.from_numpy(v) for k, v in layer.state_dict().items()})
        last = i == len(model.layers) - 1
        parts += [part, torch_activation(torch, output if last else activation)]
    theirs = torch.nn.Sequential(*parts)

    random = np.random.default_rng(2)
    for _ in range(3):
        x, y = random.normal(size=sizes[0]), random.normal(size=sizes[-1])
        ours_x = [Value(each) for each in x]
        theirs_x = torch.tensor(x, requires_grad=True)
        ours_out, theirs_out = model(ours_x), theirs(theirs_x)
        np.testing.assert_allclose(numbers(ours_out), theirs_out.tolist(), rtol=1e-12)
        model.zero_grad()
        theirs.zero_grad()
        nn.half_squared_error(ours_out, y).backward()
        (0.5 * (theirs_out - torch.tensor(y)) ** 2).sum().backward()
        gradient = [each.grad for each in model.parameters()]
        expected = np.concatenate([p.grad.numpy().ravel() for p in theirs.parameters()])
        scale = np.abs(expected).max()
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-12 * scale)
        np.testing.assert_allclose(
            [each.grad for each in ours_x], theirs_x.grad.numpy(), rtol=0, atol=1e-12 * scale
        )


# --- how they print --------------------------------------------------------------------------


def test_a_model_prints_its_shape():
    assert repr(nn.Neuron(2, "tanh")) == "Neuron(2 → 1, tanh)"
    assert repr(nn.Linear(2, 3)) == "Linear(2 → 3)"
    assert repr(nn.Linear(2, 3, bias=False)) == "Linear(2 → 3, bias=False)"
    assert repr(nn.MLP(2, [16, 16, 1])) == "MLP(2 → 16 → 16 → 1, relu, relu, linear)"


def test_the_weight_array_of_a_layer_is_read_only_because_the_neurons_hold_the_weights():
    layer = nn.Linear(2, 2, rng=0)
    for array in (layer.weight, layer.bias):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = Value(1.0)


@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
def test_a_function_whose_other_arguments_have_defaults_is_an_activation(name):
    layer = nn.Neuron(1, name, bias=False)
    layer.weight[0].data = -2.0
    (a,) = layer([1.0])
    assert a.data == nn.deltas.ACTIVATIONS[name].f(-2.0)
    a.backward()
    assert layer.weight[0].grad == nn.deltas.ACTIVATIONS[name].prime(-2.0)


def test_an_activation_of_values_of_ones_own_is_simply_labelled_a():
    a = nn.Tanh()([Value(1.0, label="score"), Value(2.0), Value(3.0, label="z[7]")])
    assert [each.label for each in a] == ["a", "a", "a[7]"]
