"""Modules: their parameters by PyTorch's names, their state, and the names of their nodes."""

import copy

import numpy as np
import pytest

import nn
from autograd import Value, topological


def numbers(nodes):
    return [node.data for node in nodes]


def names(module):
    return [name for name, _ in module.named_parameters()]


class Everything(nn.Module):
    """Parameters and modules in all the places where they may stand."""

    def __init__(self):
        self.scale = Value(2.0)
        self.offsets = [Value(0.1), Value(0.2)]
        self.matrix = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]], dtype=object)
        self.pair = (Value(5.0), Value(6.0))
        self.linear = nn.Linear(2, 2, rng=0)
        self.blocks = [nn.Linear(2, 2, rng=1), nn.Tanh(), nn.Linear(2, 2, rng=2)]
        self.heads = {"left": nn.Linear(2, 1, rng=3), "gain": Value(7.0)}
        self.rows = [[Value(8.0)], [Value(9.0), Value(10.0)]]
        self.name = "everything"
        self.sizes = [1, 2, 3]
        self.data = np.ones(3)
        self.nothing = None
        self.empty = []

    def forward(self, inputs):
        x = self.linear(inputs)
        for block in self.blocks:
            x = block(x)
        return [self.scale * each for each in self.heads["left"](x)]


# --- parameters and their names --------------------------------------------------------------


def test_the_names_of_an_mlp_are_those_of_torch():
    assert names(nn.MLP(2, [3, 1])) == [
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.weight",
        "layers.1.bias",
    ]


def test_the_names_of_layers_and_neurons_are_short():
    assert names(nn.Linear(2, 3)) == ["weight", "bias"]
    assert names(nn.Neuron(2)) == ["weight", "bias"]
    assert names(nn.Linear(2, 3, bias=False)) == ["weight"]
    assert names(nn.Tanh()) == []


def test_the_names_of_a_sequential_are_those_of_torch():
    torch = pytest.importorskip("torch")
    ours = nn.Sequential(
        nn.Linear(2, 3), nn.Tanh(), nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU())
    )
    theirs = torch.nn.Sequential(
        torch.nn.Linear(2, 3),
        torch.nn.Tanh(),
        torch.nn.Sequential(torch.nn.Linear(3, 4, bias=False), torch.nn.ReLU()),
    )
    assert names(ours) == [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }


def test_parameters_stand_in_attributes_lists_tuples_dicts_arrays_and_modules():
    shapes = {name: np.shape(member) for name, member in Everything().named_parameters()}
    assert shapes == {
        "scale": (),
        "offsets": (2,),
        "matrix": (2, 2),
        "pair": (2,),
        "rows.0": (1,),
        "rows.1": (2,),
        "heads.gain": (),
        "linear.weight": (2, 2),
        "linear.bias": (2,),
        "blocks.0.weight": (2, 2),
        "blocks.0.bias": (2,),
        "blocks.2.weight": (2, 2),
        "blocks.2.bias": (2,),
        "heads.left.weight": (1, 2),
        "heads.left.bias": (1,),
    }


def test_parameters_are_one_flat_list_of_the_values_themselves():
    model = Everything()
    parameters = model.parameters()
    assert isinstance(parameters, list)
    assert len(parameters) == 1 + 2 + 4 + 2 + 3 + 1 + 6 + 6 + 6 + 3
    assert all(isinstance(parameter, Value) for parameter in parameters)
    ids = {id(parameter) for parameter in parameters}
    assert len(ids) == len(parameters)
    for value in (model.scale, model.matrix[1, 0], model.heads["gain"], model.linear.weight[0, 1]):
        assert id(value) in ids


def test_parameters_come_in_the_order_of_their_names():
    model = nn.MLP(2, [3, 1], rng=0)
    state = np.concatenate([array.ravel() for array in model.state_dict().values()])
    assert numbers(model.parameters()) == state.tolist()


def test_parameters_that_come_later_are_seen():
    model = nn.Module()
    assert model.parameters() == []
    model.layers = []
    model.layers.append(nn.Linear(1, 1))
    model.late = Value(1.0)
    assert names(model) == ["late", "layers.0.weight", "layers.0.bias"]


def test_modules_come_each_once_and_parents_first():
    model = Everything()
    found = dict(model.named_modules())
    assert next(iter(found)) == ""
    assert found[""] is model
    assert list(found)[1:] == ["linear", "blocks.0", "blocks.1", "blocks.2", "heads.left"]
    assert found["blocks.2"] is model.blocks[2]
    assert [id(m) for m in model.modules()] == [id(m) for m in found.values()]


def test_a_module_that_holds_itself_does_no_harm():
    model = nn.MLP(1, [1])
    model.me = model
    assert len(model.parameters()) == 2
    assert len(model.modules()) == len(nn.MLP(1, [1]).modules())


def test_a_typo_is_an_attribute_error():
    with pytest.raises(AttributeError, match="wieght"):
        nn.Linear(1, 1).wieght
    with pytest.raises(AttributeError, match="layer"):
        nn.MLP(1, [1]).layer


# --- shared parameters -----------------------------------------------------------------------


def test_a_shared_layer_comes_once_under_its_first_name():
    layer = nn.Linear(2, 2, rng=0)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    assert names(model) == ["0.weight", "0.bias"]
    assert len(model.parameters()) == 6
    assert len(model.modules()) == 3


def test_a_shared_value_comes_once_and_its_gradient_is_the_sum_of_both_uses():
    model = nn.MLP(1, [1, 1], activation="linear", rng=0)
    first, second = model.layers
    second.neurons[0].weight[0] = w = first.neurons[0].weight[0]
    assert sum(parameter is w for parameter in model.parameters()) == 1
    assert len(model.parameters()) == 3
    w.data, first.bias[0].data, second.bias[0].data = 3.0, 0.0, 0.0
    model([2.0])[0].backward()  # w² x
    assert w.grad == 2.0 * 3.0 * 2.0


def test_a_shared_list_of_weights_comes_once_under_its_first_name():
    model = nn.Sequential(nn.Neuron(2, rng=0), nn.Neuron(2, rng=1))
    model[1].weight = model[0].weight
    assert names(model) == ["0.weight", "0.bias", "1.bias"]
    assert len(model.parameters()) == 4
    model.load_state_dict(model.state_dict())


def test_an_optimiser_steps_a_shared_value_once():
    layer = nn.Linear(1, 1, rng=0)
    model = nn.Sequential(layer, layer)
    (w, b), before = model.parameters(), numbers(model.parameters())
    model.zero_grad()
    w.grad = b.grad = 1.0
    nn.optim.SGD(model.parameters(), lr=0.5).step()
    assert numbers([w, b]) == [number - 0.5 for number in before]


# --- gradients -------------------------------------------------------------------------------


def test_zero_grad_sets_every_gradient_to_0_and_leaves_the_data():
    model = Everything()
    model([1.0, -1.0])[0].backward()
    assert any(parameter.grad for parameter in model.parameters())
    before = numbers(model.parameters())
    model.zero_grad()
    assert [parameter.grad for parameter in model.parameters()] == [0.0] * len(before)
    assert numbers(model.parameters()) == before


def test_gradients_add_up_until_zero_grad():
    model = nn.Linear(2, 1, rng=0)
    for _ in range(3):
        model([1.0, 2.0])[0].backward()
    assert [w.grad for w in model.weight[0]] == [3.0, 6.0]
    model.zero_grad()
    model([1.0, 2.0])[0].backward()
    assert [w.grad for w in model.weight[0]] == [1.0, 2.0]


# --- state -----------------------------------------------------------------------------------


def test_the_state_is_float64_arrays_of_the_numbers():
    model = nn.Linear(3, 2, rng=0)
    state = model.state_dict()
    assert {name: array.dtype for name, array in state.items()} == {
        "weight": np.float64,
        "bias": np.float64,
    }
    assert state["weight"].shape == (2, 3)
    assert state["weight"][1, 2] == model.neurons[1].weight[2].data
    assert Everything().state_dict()["scale"].shape == ()


def test_the_state_is_a_copy():
    model = nn.Linear(3, 2, rng=0)
    state = model.state_dict()
    state["weight"][0, 0] = 100.0
    assert model.weight[0, 0].data != 100.0
    model.weight[0, 0].data = 50.0
    assert state["weight"][0, 0] == 100.0


@pytest.mark.parametrize("make", [Everything, lambda: nn.MLP(2, [3, 1]), lambda: nn.Neuron(2)])
def test_loading_a_state_gives_the_same_model(make):
    model, other = make(), make()
    for parameter in model.parameters():
        parameter.data += 0.25
    values = [id(parameter) for parameter in other.parameters()]
    other.load_state_dict(model.state_dict())
    assert numbers(other.parameters()) == numbers(model.parameters())
    assert numbers(other([1.0, 2.0])) == numbers(model([1.0, 2.0]))
    assert [id(parameter) for parameter in other.parameters()] == values


def test_a_state_may_hold_lists_and_integers_and_come_in_any_order():
    model = nn.Linear(2, 1)
    model.load_state_dict({"bias": [3], "weight": np.array([[1, 2]])})
    assert numbers(model.parameters()) == [1.0, 2.0, 3.0]
    assert all(type(parameter.data) is float for parameter in model.parameters())


def test_loading_keeps_gradients_and_frozen_parameters():
    model = nn.Linear(1, 1)
    model.weight[0, 0].requires_grad = False
    model.bias[0].grad = 4.0
    model.load_state_dict({"weight": [[2.0]], "bias": [1.0]})
    assert (model.weight[0, 0].data, model.weight[0, 0].requires_grad) == (2.0, False)
    assert (model.bias[0].data, model.bias[0].grad) == (1.0, 4.0)


GOOD = {
    "layers.0.weight": np.ones((3, 2)),
    "layers.0.bias": np.ones(3),
    "layers.1.weight": np.ones((1, 3)),
    "layers.1.bias": np.ones(1),
}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"layers.1.bias": ...}, KeyError, r"does not fit MLP: missing \['layers\.1\.bias'\]"),
        ({"layers.2.weight": 1.0}, KeyError, r"unknown \['layers\.2\.weight'\]"),
        ({"layers.1.bias": ..., "bias": 1.0}, KeyError, r"missing .*bias.* unknown \['bias'\]"),
        ({"layers.1.weight": np.ones((3, 1))}, ValueError, r"layers\.1\.weight .*\(1, 3\).*\(3, 1"),
        ({"layers.1.weight": np.ones(3)}, ValueError, r"layers\.1\.weight .*\(1, 3\).*\(3,\)"),
        ({"layers.1.bias": 1.0}, ValueError, r"layers\.1\.bias .*\(1,\).*\(\)"),
        ({"layers.1.bias": ["a"]}, ValueError, r"layers\.1\.bias is not an array of numbers"),
        ({"layers.1.bias": "abc"}, ValueError, r"layers\.1\.bias is not an array of numbers"),
        ({"layers.1.bias": [1j]}, ValueError, r"layers\.1\.bias is not an array of numbers"),
        ({"layers.1.weight": [[1, 2], [3]]}, ValueError, r"layers\.1\.weight is not an array"),
        ({"layers.1.bias": {}}, ValueError, r"layers\.1\.bias is not an array of numbers"),
    ],
)
def test_a_state_that_does_not_fit_names_the_culprit_and_changes_nothing(changes, error, message):
    model = nn.MLP(2, [3, 1], rng=0)
    before = numbers(model.parameters())
    state = {k: v for k, v in {**GOOD, **changes}.items() if v is not ...}
    with pytest.raises(error, match=message):
        model.load_state_dict(state)
    assert numbers(model.parameters()) == before
    model.load_state_dict(GOOD)
    assert numbers(model.parameters()) == [1.0] * 13


@pytest.mark.parametrize(
    "bias", [np.array([1j]), np.array(["1.5"]), ["1.5"]], ids=["complex", "str array", "str"]
)
def test_a_state_of_complex_numbers_or_text_is_refused_though_numpy_could_convert_it(bias):
    model = nn.Linear(1, 1, rng=0)
    before = numbers(model.parameters())
    with pytest.raises(ValueError, match="bias is not an array of numbers"):
        model.load_state_dict({"weight": [[1.0]], "bias": bias})
    assert numbers(model.parameters()) == before


# --- exchange with torch ---------------------------------------------------------------------


def torch_sequential(torch, seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 5),
        torch.nn.Tanh(),
        torch.nn.Linear(5, 4, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(4, 2),
        torch.nn.Sigmoid(),
    ).double()


def our_sequential():
    return nn.Sequential(
        nn.Linear(3, 5),
        nn.Tanh(),
        nn.Linear(5, 4, bias=False),
        nn.ReLU(),
        nn.Linear(4, 2),
        nn.Sigmoid(),
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_state_of_torch_gives_the_outputs_and_gradients_of_torch(seed):
    torch = pytest.importorskip("torch")
    ours, theirs = our_sequential(), torch_sequential(torch, seed)
    ours.load_state_dict({name: each.numpy() for name, each in theirs.state_dict().items()})
    x, y = np.random.default_rng(seed).normal(size=3), [0.0, 1.0]
    out_ours, out_theirs = ours(x), theirs(torch.from_numpy(x))
    np.testing.assert_allclose(numbers(out_ours), out_theirs.tolist(), rtol=1e-12)
    nn.mse(out_ours, y).backward()
    torch.nn.functional.mse_loss(out_theirs, torch.tensor(y, dtype=torch.float64)).backward()
    for (name, parameter), (their_name, their_parameter) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name
        gradient = np.array([value.grad for value in parameter.ravel()]).reshape(parameter.shape)
        expected = their_parameter.grad.numpy()
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-15)


def test_torch_tensors_may_be_loaded_as_they_are():
    torch = pytest.importorskip("torch")
    ours, theirs = our_sequential(), torch_sequential(torch, 0)
    ours.load_state_dict(theirs.state_dict())
    for name, array in ours.state_dict().items():
        np.testing.assert_array_equal(array, theirs.state_dict()[name].numpy())


def test_torch_takes_our_state():
    torch = pytest.importorskip("torch")
    ours, theirs = our_sequential(), torch_sequential(torch, 0)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    x = [0.5, -1.0, 2.0]
    out = theirs(torch.tensor(x, dtype=torch.float64))
    np.testing.assert_allclose(numbers(ours(x)), out.tolist(), rtol=1e-12)


# --- modules of one's own --------------------------------------------------------------------


def test_a_module_without_forward_says_so():
    class Lazy(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Lazy must define forward\(\)"):
        Lazy()([1.0])


def test_a_module_of_ones_own_trains():
    class Parabola(nn.Module):
        def __init__(self):
            self.coefficients = [Value(0.0), Value(0.0), Value(0.0)]

        def forward(self, inputs):
            a, b, c = self.coefficients
            (x,) = inputs
            return [a + b * x + c * x * x]

    X = np.linspace(-1.0, 1.0, 9)[:, np.newaxis]
    model = Parabola()
    optimizer = nn.optim.Adam(model.parameters(), lr=0.1)
    y = 0.5 - 2.0 * X[:, 0] + 3.0 * X[:, 0] ** 2
    nn.fit(model, "mse", X, y, epochs=300, batch_size=9, optimizer=optimizer, progress=False, rng=0)
    assert numbers(model.parameters()) == pytest.approx([0.5, -2.0, 3.0], abs=1e-2)


def test_forward_may_take_several_inputs():
    class Dot(nn.Module):
        def forward(self, a, b):
            return [sum(x * y for x, y in zip(a, b, strict=True))]

    assert Dot()([Value(1.0), Value(2.0)], [3.0, 4.0])[0].data == 11.0


def test_a_subclass_in_the_way_of_micrograd_works():
    # Its Module defines parameters() and zero_grad(), and layers define __call__ themselves.
    class Unit(nn.Module):
        def __init__(self, n_in):
            self.w = [Value(0.1 * i) for i in range(n_in)]
            self.b = Value(0)

        def __call__(self, x):
            return sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b).tanh()

        def parameters(self):
            return [*self.w, self.b]

    class Net(nn.Module):
        def __init__(self):
            self.units = [Unit(2), Unit(2)]

        def __call__(self, x):
            return [unit(x) for unit in self.units]

        def parameters(self):
            return [p for unit in self.units for p in unit.parameters()]

    net = Net()
    assert len(net.parameters()) == 6
    assert names(net) == ["units.0.w", "units.0.b", "units.1.w", "units.1.b"]
    sum(net([1.0, 2.0])).backward()
    assert all(p.grad != 0.0 for p in net.parameters())
    net.zero_grad()
    assert all(p.grad == 0.0 for p in net.parameters())


# --- the names of nodes ----------------------------------------------------------------------


def test_parameters_inputs_and_nodes_of_a_layer_have_labels():
    model = nn.MLP(2, [3, 1], activation="tanh", rng=0)
    (out,) = model([0.5, -1.0])
    assert out.label == "z[0]"
    by_layer = {}
    for node in topological(out):
        by_layer.setdefault(node.scope.path if node.scope else None, []).append(node.label)
    parameters = sorted(by_layer.pop(None))
    assert parameters == sorted(
        [f"w[{j},{i}]" for j in range(3) for i in range(2)]
        + [f"w[0,{i}]" for i in range(3)]
        + [f"b[{j}]" for j in range(3)]
        + ["b[0]"]
    )
    inner, outer = sorted(by_layer)
    assert inner.endswith("layers.0")
    assert outer.endswith("layers.1")
    assert sorted(by_layer[inner]) == [
        *("a[0]", "a[1]", "a[2]"), *("x[0]", "x[1]"), *("z[0]", "z[1]", "z[2]"),
    ]  # fmt: skip
    assert by_layer[outer] == ["z[0]"]


def test_an_output_activation_is_labelled_a_and_belongs_to_the_last_layer():
    (out,) = nn.MLP(2, [3, 1], output="sigmoid", rng=0)([0.5, -1.0])
    assert out.label == "a[0]"
    assert out.scope.path.endswith("layers.1")
    assert out.parents[0].label == "z[0]"
    assert out.parents[0].scope is out.scope


def test_a_neuron_labels_its_nodes():
    neuron = nn.Neuron(2, "tanh", rng=0)
    (a,) = neuron([1.0, 2.0])
    (z,) = a.parents
    assert (a.label, z.label) == ("a", "z")
    assert [node.label for node in z.parents] == ["w[0]", "w[1]", "x[0]", "x[1]", "b"]
    assert a.scope.path == "Neuron"


def test_an_activation_in_a_sequential_belongs_to_the_neuron_before_it():
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Tanh(), nn.Linear(2, 1, rng=1))
    (out,) = model([1.0, 2.0])
    hidden = [node for node in topological(out) if node.label.startswith("a[")]
    assert [node.label for node in hidden] == ["a[0]", "a[1]"]
    for a in hidden:
        assert a.scope is a.parents[0].scope
        assert a.label[1:] == a.parents[0].label[1:]


def test_inputs_that_are_values_keep_their_labels():
    x = [Value(1.0, label="height"), Value(2.0)]
    nn.Linear(2, 1)(x)
    assert [each.label for each in x] == ["height", ""]


def test_scopes_tell_the_names_of_modules_within_modules():
    class Outer(nn.Module):
        def __init__(self):
            self.body = nn.MLP(2, [2, 1], rng=0)
            self.heads = {"left": nn.Linear(1, 1, rng=1)}

        def forward(self, inputs):
            return self.heads["left"](self.body(inputs))

    (out,) = Outer()([1.0, 2.0])
    paths = {node.scope.path for node in topological(out) if node.scope}
    assert paths == {"Outer.body.layers.0", "Outer.body.layers.1", "Outer.heads.left"}


def test_the_scopes_in_a_sequential_are_its_names_whether_or_not_these_were_asked_for():
    def path(model):
        return model([1.0, 2.0])[0].scope.path

    fresh, asked = (nn.Sequential(nn.Linear(2, 1, rng=0)) for _ in range(2))
    asked.parameters()
    assert path(fresh) == path(asked) == "Sequential.0"


def test_two_calls_of_one_module_have_scopes_of_their_own():
    layer = nn.Linear(2, 2, rng=0)
    first, second = layer([1.0, 2.0]), layer([1.0, 2.0])
    assert first[0].scope is first[1].scope
    assert first[0].scope is not second[0].scope
    assert first[0].scope.path == second[0].scope.path == "Linear"


def test_after_a_call_and_after_an_error_the_scope_is_left():
    layer = nn.Linear(2, 2)
    layer([1.0, 2.0])
    assert (Value(1.0) + 1.0).scope is None
    with pytest.raises(ValueError, match="takes 2 inputs"):
        layer([1.0])
    assert (Value(1.0) + 1.0).scope is None


# --- copies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        nn.MLP(2, [3, 1], activation="tanh", rng=0),
        nn.Sequential(nn.Linear(2, 3, rng=0), nn.Sigmoid(), nn.Linear(3, 1, bias=False, rng=1)),
        nn.Neuron(2, "softplus", rng=0),
        Everything(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_deep_copy_is_the_same_model_and_independent(model):
    model.zero_grad()
    twin = copy.deepcopy(model)
    assert names(twin) == names(model)
    x = [0.5, -1.0]
    outputs = numbers(model(x))
    assert numbers(twin(x)) == outputs
    assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
    twin(x)[0].backward()
    assert any(p.grad for p in twin.parameters())
    assert not any(p.grad for p in model.parameters())
    for p in twin.parameters():
        p.data += 1.0
    assert numbers(model(x)) == outputs
    assert numbers(twin(x)) != outputs


def test_a_deep_copy_keeps_what_is_shared_shared():
    layer = nn.Linear(2, 2, rng=0)
    twin = copy.deepcopy(nn.Sequential(layer, nn.Tanh(), layer))
    assert twin[0] is twin[2]
    assert len(twin.parameters()) == 6


def test_a_deep_copy_keeps_gradients_labels_and_frozen_parameters():
    model = nn.Linear(2, 1, rng=0)
    model.weight[0, 0].requires_grad = False
    model([1.0, 2.0])[0].backward()
    twin = copy.deepcopy(model)
    for copied, original in zip(twin.parameters(), model.parameters(), strict=True):
        assert copied is not original
        assert (copied.data, copied.grad) == (original.data, original.grad)
        assert (copied.label, copied.requires_grad) == (original.label, original.requires_grad)


def test_a_result_that_a_module_keeps_is_not_a_parameter():
    class Keeps(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(2, 1, rng=0)

        def forward(self, inputs):
            self.last = self.inner(inputs)
            return self.last

    model = Keeps()
    model([1.0, 2.0])
    assert list(model.state_dict()) == ["inner.weight", "inner.bias"]


def test_train_and_eval_reach_every_module():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Tanh(), nn.Linear(2, 1)))
    assert all(module.training for module in model.modules())
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    assert all(module.training for module in model.train().modules())
