"""Hooks on modules: before, after and backwards; and that modules without them are left alone."""

import copy
import gc
import weakref

import numpy as np
import pytest

import nn
from autograd import TraceError, Value, compile, no_grad


def numbers(nodes):
    return [node.data for node in np.ravel(nodes)]


@pytest.fixture
def model():
    return nn.MLP(2, [3, 1], "tanh", rng=0)


# --- forward ---------------------------------------------------------------------------------


def test_a_forward_hook_sees_the_module_its_inputs_and_its_outputs(model):
    seen = []
    layer = model.layers[0]
    layer.register_forward_hook(lambda *args: seen.append(args))
    model([1.0, 2.0])
    ((module, inputs, outputs),) = seen
    assert module is layer
    assert inputs == ([1.0, 2.0],)
    assert numbers(outputs) == numbers(layer.forward([1.0, 2.0]))


def test_what_a_forward_hook_returns_takes_the_place_of_the_outputs(model):
    model.layers[0].register_forward_hook(lambda module, inputs, outputs: [z * 0 for z in outputs])
    assert numbers(model([1.0, 2.0])) == numbers(model.layers[1].bias)


def test_a_pre_hook_sees_the_inputs_and_may_replace_them(model):
    expected = numbers(model([2.0, 4.0]))
    model.register_forward_pre_hook(lambda module, inputs: ([2 * x for x in inputs[0]],))
    assert numbers(model([1.0, 2.0])) == expected


def test_a_pre_hook_may_return_a_single_input_without_a_tuple(model):
    model.register_forward_pre_hook(lambda module, inputs: [0.5, 0.25])
    assert numbers(model([1.0, 2.0])) == numbers(model.forward([0.5, 0.25]))


def test_hooks_are_called_in_order_each_with_what_the_one_before_has_returned(model):
    order = []

    def hook(name, add):
        def called(module, inputs, outputs):
            order.append((name, outputs[0].data))
            return [outputs[0] + add]

        return called

    first = numbers(model([1.0, 2.0]))[0]
    model.register_forward_hook(hook("a", 1.0))
    model.register_forward_hook(hook("b", 2.0))
    (out,) = model([1.0, 2.0])
    assert order == [("a", first), ("b", first + 1.0)]
    assert out.data == first + 1.0 + 2.0


def test_remove_ends_a_hook_and_the_others_stay(model):
    seen = []
    handles = [
        model.register_forward_hook(lambda *args, name=name: seen.append(name)) for name in "abc"
    ]
    handles[1].remove()
    handles[1].remove()
    model([1.0, 2.0])
    assert seen == ["a", "c"]


def test_after_the_last_hook_is_removed_a_module_is_as_it_was_before_the_first(model):
    before = dict(vars(model))
    kinds = ("forward_pre", "forward", "backward")
    handles = [getattr(model, f"register_{kind}_hook")(lambda *args: None) for kind in kinds]
    assert vars(model) != before
    for handle in handles:
        handle.remove()
    assert vars(model) == before
    seen = []
    model.register_forward_hook(lambda *args: seen.append(1))
    handles[0].remove()
    model([1.0, 2.0])
    assert seen == [1]


def test_a_handle_is_a_context_manager(model):
    seen = []
    with model.register_forward_hook(lambda *args: seen.append(1)):
        model([1.0, 2.0])
    model([1.0, 2.0])
    assert seen == [1]


def test_a_hook_may_remove_itself_while_it_runs(model):
    seen = []
    handle = model.register_forward_hook(lambda *args: (seen.append(1), handle.remove())[1])
    model([1.0, 2.0])
    model([1.0, 2.0])
    assert seen == [1]


def test_hooks_on_every_kind_of_module_are_called():
    inner = nn.Residual(nn.Linear(2, 2, rng=0))
    model = nn.Sequential(inner, nn.MLP(2, [2, 1], "tanh", rng=1), nn.Neuron(1, rng=2))
    seen = []
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *args, name=name: seen.append(name))
    model([1.0, 2.0])
    assert sorted(seen) == sorted(name for name, _ in model.named_modules())


def test_a_hook_on_the_activation_of_an_mlp_changes_no_label(model):
    model.activations[0].register_forward_hook(lambda *args: None)
    (out,) = model([1.0, 2.0])
    a = out.parents[3]
    assert (a.label, a.scope.path) == ("a[0]", "MLP.layers.0")


def test_nodes_that_a_hook_makes_belong_to_the_call(model):
    model.layers[0].register_forward_hook(lambda module, inputs, outputs: [z + 1 for z in outputs])
    z = model.layers[0]([1.0, 2.0])[0]
    assert z.scope.path == "layers.0"


def test_hooks_are_neither_parameters_nor_modules_nor_state(model):
    before = list(model.state_dict())
    model.register_forward_hook(nn.MLP(1, [1]))
    model.hooks = {"kept": lambda *args: Value(1.0)}
    assert list(model.state_dict()) == before
    assert len(model.modules()) == len(nn.MLP(2, [3, 1]).modules())


def test_a_copy_has_hooks_of_its_own(model):
    seen = []
    handle = model.register_forward_hook(lambda *args: seen.append(1))
    twin = copy.deepcopy(model)
    handle.remove()
    model([1.0, 2.0])
    assert seen == []
    twin([1.0, 2.0])
    assert seen == [1]


# --- backward --------------------------------------------------------------------------------


def test_a_backward_hook_sees_the_adjoint_of_each_output(model):
    seen = {}
    model.layers[0].register_backward_hook(lambda module, j, adjoint: seen.update({j: adjoint}))
    (out,) = model([1.0, 2.0])
    out.backward()
    zs = [node.parents[0] for node in out.parents[3:6]]
    assert seen == {j: z.grad for j, z in enumerate(zs)}
    assert len(seen) == 3
    assert all(type(adjoint) is float for adjoint in seen.values())


def test_what_a_backward_hook_returns_takes_the_adjoints_place(model):
    layer = model.layers[0]
    model([1.0, 2.0])[0].backward()
    before = [b.grad for b in layer.bias]
    model.zero_grad()
    layer.register_backward_hook(lambda module, j, adjoint: 10.0 * adjoint)
    layer.register_backward_hook(lambda module, j, adjoint: adjoint + j)
    model([1.0, 2.0])[0].backward()
    assert [b.grad for b in layer.bias] == [10.0 * grad + j for j, grad in enumerate(before)]


def test_a_backward_hook_that_returns_nothing_changes_nothing(model):
    x = [Value(1.0), Value(2.0)]
    model(x)[0].backward()
    expected = [p.grad for p in [*model.parameters(), *x]]
    model.zero_grad()
    x = [Value(1.0), Value(2.0)]
    for module in model.modules():
        module.register_backward_hook(lambda *args: None)
    model(x)[0].backward()
    assert [p.grad for p in [*model.parameters(), *x]] == expected


def test_an_output_that_the_loss_does_not_use_gets_no_call():
    layer, seen = nn.Linear(2, 3, rng=0), []
    layer.register_backward_hook(lambda module, j, adjoint: seen.append(j))
    layer([1.0, 2.0])[1].backward()
    assert seen == [1]


def test_a_backward_hook_counts_the_outputs_of_an_image_by_their_indices():
    conv, seen = nn.Conv2d(1, 2, 1, rng=0), set()
    conv.register_backward_hook(lambda module, index, adjoint: seen.add(index))
    conv([[[1.0, 2.0]]]).sum().backward()
    assert seen == {(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1)}


def test_a_module_that_passes_its_inputs_on_leaves_no_hooks_on_them():
    module, seen = nn.Identity(), []
    module.register_backward_hook(lambda module, j, adjoint: seen.append(adjoint))
    x = Value(3.0, label="x")
    for _ in range(3):
        (out,) = module([x])
        assert out is not x
        assert out.label == "x"
    (2.0 * out).backward()
    assert seen == [2.0]
    (5.0 * x).backward()
    assert seen == [2.0]
    assert x.grad == 7.0


def test_a_removed_backward_hook_is_not_called_by_graphs_made_before():
    layer, seen = nn.Linear(1, 1, rng=0), []
    handle = layer.register_backward_hook(lambda *args: seen.append(1))
    (out,) = layer([1.0])
    handle.remove()
    out.backward()
    assert seen == []
    layer([1.0])[0].backward()
    assert seen == []


def test_outputs_without_gradients_need_no_hook(model):
    model.register_backward_hook(lambda *args: 1.0)
    with no_grad():
        assert not model([1.0, 2.0])[0].requires_grad
    model.requires_grad_(False)
    assert not model([1.0, 2.0])[0].requires_grad


def test_hooks_keep_no_graph_alive(model):
    model.register_backward_hook(lambda *args: None)
    gc.collect()
    gc.disable()
    try:
        (out,) = model([1.0, 2.0])
        out.backward()
        node = weakref.ref(out)
        del out
        assert node() is None
    finally:
        gc.enable()


# --- compiled --------------------------------------------------------------------------------


def test_compile_refuses_a_backward_hook_that_it_would_never_call(model):
    model.register_backward_hook(lambda *args: None)
    program = compile(lambda x: model(x), in_axes=0)
    with pytest.raises(TraceError, match="cannot hook"):
        program(np.ones((3, 2)))


def test_a_forward_hook_that_changes_the_outputs_is_compiled_in_and_out_again(model):
    program = compile(lambda x: model(x), in_axes=0)
    (plain,) = program(np.ones((1, 2)))
    handle = model.register_forward_hook(lambda module, inputs, outputs: [2 * z for z in outputs])
    assert program(np.ones((1, 2)))[0] == pytest.approx(2.0 * plain, rel=1e-14)
    handle.remove()
    assert program(np.ones((1, 2)))[0] == pytest.approx(plain, rel=1e-14)
