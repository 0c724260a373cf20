"""copy, deepcopy and pickle: whole graphs of any depth, each node once, nothing shared."""

import copy
import functools
import gc
import inspect
import io
import pickle
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import TABLE, Value, custom_op, no_grad, scope, topological

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


def pickled(protocol):
    def by_pickle(thing):
        return pickle.loads(pickle.dumps(thing, protocol))

    return by_pickle


def slowly(thing):
    """Pickled by the module's own Python code, as other packages do."""
    buffer = io.BytesIO()
    pickle._Pickler(buffer).dump(thing)
    return pickle.loads(buffer.getvalue())


WAYS = [copy.deepcopy, *map(pickled, PROTOCOLS), slowly]
ways = pytest.mark.parametrize(
    "duplicate", WAYS, ids=["deepcopy", *(f"pickle {k}" for k in PROTOCOLS), "slow pickle"]
)


@contextmanager
def a_small_recursion_limit(spare=60):
    former = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + spare)
    try:
        yield
    finally:
        sys.setrecursionlimit(former)


def in_its_own_thread(test):
    """What a failing walk leaves behind cannot make other tests fail."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(test, *args, **kwargs).result()

    return run


@contextmanager
def without_the_cycle_collector():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def chain(length, x):
    y = x
    for _ in range(length):
        y = y + 1.0
    return y


# -- what a copy is --------------------------------------------------------------------------


@ways
def test_a_leaf_keeps_all_it_has(duplicate):
    with scope("model"), scope("layer"):
        x = Value(2.5, "weight")
    x.grad = 7.0
    y = duplicate(x)
    assert y is not x
    assert (y.data, y.grad, y.label, y.requires_grad) == (2.5, 7.0, "weight", True)
    assert y.scope.path == "model.layer"
    assert y.is_leaf
    y.data, y.grad, y.label = 1.0, 2.0, "other"
    assert (x.data, x.grad, x.label) == (2.5, 7.0, "weight")


@ways
def test_a_constant_stays_a_constant(duplicate):
    c = duplicate(Value(2.0, "c", requires_grad=False))
    assert not c.requires_grad
    assert c.label == "c"
    with no_grad():
        d = duplicate(Value(2.0) * 3.0)
    assert (d.data, d.requires_grad, d.is_leaf) == (6.0, False, True)


@ways
@pytest.mark.parametrize("number", [float("inf"), float("nan"), -0.0, 5e-324, 0.1])
def test_every_number_survives_to_the_bit(duplicate, number):
    assert duplicate(Value(number)).data.hex() == number.hex()


@ways
def test_a_graph_keeps_its_shape_and_its_numbers(duplicate):
    x, z = Value(0.5, "x"), Value(0.25, "z")
    with scope("s"):
        a = x * z
        a.label = "a"
    y = ag.dot([a, x], [a, z]) + ag.where(a, x, z) + ag.affine([[x]], [a], [z])[0] + a**x
    y.backward()
    b = duplicate(y)
    mine, theirs = topological(y), topological(b)
    assert len(mine) == len(theirs)
    assert not set(map(id, mine)) & set(map(id, theirs))
    number = {id(node): k for k, node in enumerate(mine)}
    position = {id(node): k for k, node in enumerate(theirs)}
    for one, other in zip(mine, theirs, strict=True):
        assert one.op is other.op
        assert (one.data, one.grad, one.label) == (other.data, other.grad, other.label)
        assert one.args == other.args
        assert one.partials == other.partials
        assert one.requires_grad == other.requires_grad
        assert [number[id(p)] for p in one.parents] == [position[id(p)] for p in other.parents]
        assert (one.scope and one.scope.path) == (other.scope and other.scope.path)


@ways
def test_every_row_of_the_table_survives(duplicate):
    x, z = Value(0.5), Value(0.25)
    for row in TABLE.values():
        assert duplicate(row) is row
        args = [[x, z]] * len(row.domain) if row.arity is None else [x, z, x][: row.arity]
        y = row(*args)
        b = duplicate(y)
        assert b.op is row
        assert b.args == y.args
        b.backward()
        y.backward()
        leaves = [node for node in topological(y) if node.is_leaf]
        theirs = [node for node in topological(b) if node.is_leaf]
        for leaf, other in zip(leaves, theirs, strict=True):
            assert leaf.grad == other.grad or (leaf.grad != leaf.grad and other.grad != other.grad)
            leaf.zero_grad()


@ways
def test_backward_on_a_copy_reaches_the_leaves_of_the_copy_only(duplicate):
    x = Value(3.0)
    y = x * x * x
    x2, y2 = duplicate((x, y))
    y2.backward()
    assert (x2.grad, x.grad, y.grad) == (27.0, 0.0, 0.0)
    y.backward(2.0)
    assert (x2.grad, x.grad, y2.grad, y.grad) == (27.0, 54.0, 1.0, 2.0)


@ways
def test_nodes_shared_within_a_structure_are_shared_in_the_copy(duplicate):
    x = Value(2.0)
    a = x * x
    first, second = a * 3.0, a + x
    thing = {"x": x, "losses": [first, second, first], "pair": (a, a)}
    twin = duplicate(thing)
    assert twin["losses"][0] is twin["losses"][2]
    assert twin["losses"][0] is not first
    assert twin["pair"][0] is twin["pair"][1]
    assert twin["losses"][0].parents[0] is twin["pair"][0]
    assert twin["losses"][1].parents == (twin["pair"][0], twin["x"])
    assert twin["pair"][0].parents[0] is twin["pair"][0].parents[1]
    assert twin["pair"][0].parents[0] is twin["x"]


@ways
def test_any_order_of_leaves_and_results_is_the_same_graph(duplicate):
    x = Value(2.0)
    a = x * 3.0
    y = a * x
    for thing in ([x, a, y], [y, a, x], [a, y, x], [a, [x, y]]):
        copies = {}
        for node, twin in zip(flat(thing), flat(duplicate(thing)), strict=True):
            copies[id(node)] = twin
        assert copies[id(y)].parents == (copies[id(a)], copies[id(x)])
        assert copies[id(y)].parents[1] is copies[id(x)]
        assert copies[id(a)].parents[0] is copies[id(x)]


def flat(thing):
    return [leaf for part in thing for leaf in flat(part)] if isinstance(thing, list) else [thing]


@ways
def test_arrays_of_nodes_keep_shape_and_sharing(duplicate):
    x = Value(2.0)
    array = np.array([[x, x * x], [x, Value(1.0)]], dtype=object)
    twin = duplicate(array)
    assert twin.shape == (2, 2)
    assert twin[0, 0] is twin[1, 0]
    assert twin[0, 1].parents[0] is twin[0, 0]


@ways
def test_recorded_numbers_are_copied_not_the_present_ones(duplicate):
    x = Value(3.0)
    y = x * x
    x.data = 10.0
    x2, y2 = duplicate([x, y])
    assert (x2.data, y2.data, y2.args) == (10.0, 9.0, (3.0, 3.0))
    y2.backward()
    assert x2.grad == 6.0


@ways
def test_a_copy_can_be_used_further(duplicate):
    x, y = duplicate((lambda x: (x, x * x))(Value(3.0)))
    z = y * x
    z.backward()
    assert x.grad == 27.0
    x.zero_grad()
    z.backward(create_graph=True)
    assert float(x.grad) == 27.0


@ways
def test_gradients_that_are_values_are_copied_as_part_of_the_graph(duplicate):
    x = Value(3.0)
    (x**3).backward(create_graph=True)
    x2 = duplicate(x)
    first = x2.grad
    assert isinstance(first, Value)
    assert float(first) == 27.0
    x2.zero_grad()
    first.backward()
    assert x2.grad == 18.0
    assert float(x.grad) == 27.0


@ways
def test_hooks_and_source_lines_stay_with_the_original(duplicate):
    x = Value(3.0)
    y = x * x
    seen = []
    y.register_hook(seen.append)
    x2, y2 = duplicate([x, y])
    y2.backward()
    assert seen == []
    assert x2.grad == 6.0
    y.backward()
    assert seen == [1.0]
    y2.register_hook(lambda adjoint: 2.0 * adjoint)
    x.zero_grad()
    y.backward()
    assert x.grad == 6.0
    with ag.detect_anomaly():
        z = x * 2.0
    assert duplicate(z).data == 6.0


# -- copy.copy -------------------------------------------------------------------------------


def test_a_shallow_copy_is_another_node_with_the_same_parents():
    x = Value(3.0)
    y = x * x
    y.label = "y"
    z = copy.copy(y)
    assert z is not y
    assert z.parents[0] is x
    assert (z.data, z.label, z.op) == (9.0, "y", y.op)
    z.label = "z"
    assert y.label == "y"
    z.backward()
    assert (x.grad, z.grad, y.grad) == (6.0, 1.0, 0.0)


def test_a_shallow_copy_of_a_leaf_is_independent():
    x = Value(3.0, "x")
    y = copy.copy(x)
    y.data = 5.0
    y.grad = 1.0
    assert (x.data, x.grad) == (3.0, 0.0)


def test_shallow_copies_of_every_kind_of_node_share_parents():
    x, z = Value(0.5), Value(0.25)
    for y in (x + z, x.exp(), ag.dot([x, z], [z, x]), ag.where(x, z, x), x.maximum(z)):
        twin = copy.copy(y)
        assert all(a is b for a, b in zip(twin.parents, y.parents, strict=True))


def test_a_shallow_copy_of_a_list_holds_the_same_nodes():
    nodes = [Value(1.0)]
    assert copy.copy(nodes)[0] is nodes[0]


# -- depth -----------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled(5)], ids=["deepcopy", "pickle"])
def test_a_chain_of_200_000_nodes_survives_under_a_small_recursion_limit(duplicate):
    with without_the_cycle_collector(), a_small_recursion_limit():
        x = Value(1.0)
        y = chain(100_000, x)
        assert len(topological(y)) == 200_001
        z = duplicate(y)
        del y
        assert z.data == 100_001.0
        z.backward()
        leaves = [node for node in topological(z) if node.requires_grad and node.is_leaf]
        assert [leaf.grad for leaf in leaves] == [1.0]
        assert x.grad == 0.0
        del z, leaves


@ways
def test_deep_chains_of_every_kind_of_node_survive(duplicate):
    steps = [
        lambda y: y.tanh(),
        lambda y: ag.sum([y, y]) * 0.5,
        lambda y: ag.where(True, y, 0.0),
        lambda y: ag.affine([[0.5]], [y], [1.0])[0],
    ]
    with a_small_recursion_limit():
        for step in steps:
            y = Value(0.5)
            for _ in range(300):
                y = step(y)
            assert duplicate(y).data == y.data
            assert duplicate({"list": [1, y]})["list"][1].data == y.data


@ways
def test_two_deep_graphs_in_one_structure_survive(duplicate):
    with a_small_recursion_limit():
        x = Value(1.0)
        first, second = chain(800, x), chain(900, x)
        third = chain(800, first)  # goes on from there
        twins = duplicate([first, second, third, chain(500, Value(0.0))])
        assert [twin.data for twin in twins] == [801.0, 901.0, 1601.0, 500.0]
        assert topological(twins[0])[0] is topological(twins[1])[0]
        assert twins[0] in twins[:1]
        assert any(node is twins[0] for node in topological(twins[2]))


@ways
def test_a_deep_graph_after_a_shallow_one_survives(duplicate):
    with a_small_recursion_limit():
        a = Value(1.0)
        b = a * a
        c = chain(900, b)
        for thing in ([a, b, c], [c, b, a], [b, c], (a, {"b": b, "c": [c]})):
            twin = duplicate(thing)
            assert len(twin) == len(thing)


@ways
@in_its_own_thread
def test_a_deep_graph_with_gradients_that_are_values_survives(duplicate):
    x = Value(0.5)
    y = x
    for _ in range(500):
        y = ag.tanh(y)
    y.backward(create_graph=True)
    with a_small_recursion_limit():
        twin = duplicate(y)
    assert twin.data == y.data


@in_its_own_thread
def test_the_pickle_of_a_graph_takes_space_in_proportion():
    def size(length):
        return len(pickle.dumps(chain(length, Value(1.0))))

    assert size(2000) < 2.7 * size(800)


# -- models ----------------------------------------------------------------------------------


@ways
def test_a_model_with_a_loss_keeps_parameters_and_graph_together(duplicate):
    model = nn.MLP(3, [4, 2], activation="tanh", rng=0)
    loss = nn.mse(model([0.1, 0.2, 0.3]), [1.0, -1.0])
    loss.backward()
    twin, lost = duplicate((model, loss))
    before = [p.grad for p in model.parameters()]
    assert [p.grad for p in twin.parameters()] == before
    assert [p.label for p in twin.parameters()] == [p.label for p in model.parameters()]
    twin.zero_grad()
    lost.backward()
    assert [p.grad for p in twin.parameters()] == before
    assert [p.grad for p in model.parameters()] == before
    for p in twin.parameters():
        p.data += 1.0
    assert loss.data == nn.mse(model([0.1, 0.2, 0.3]), [1.0, -1.0]).data
    for node, other in zip(topological(loss), topological(lost), strict=True):
        assert (node.scope and node.scope.path) == (other.scope and other.scope.path)


# -- what cannot be pickled, and what comes after --------------------------------------------


class Unwilling:
    def __reduce_ex__(self, protocol):
        raise RuntimeError("unwilling")


BAD = custom_op("bad", lambda x: x, lambda y, x: 1.0)


def refuse_after(duplicate):
    """The graph has been walked when the walk fails."""
    return duplicate([chain(500, Value(1.0)), Unwilling()])


def refuse_between(duplicate):
    return duplicate([Value(2.0) * 3.0, Unwilling(), chain(500, Value(1.0))])


def refuse_within(duplicate):
    """The walk fails in the middle of the graph."""
    y = Value(1.0)
    for k in range(500):
        y = BAD(y) if k == 250 else y + 1.0
    if duplicate is copy.deepcopy:  # which copies a custom op as itself
        y.parents[0].label = type("Text", (str,), {"__deepcopy__": Unwilling.__reduce_ex__})("x")
    return duplicate(y)


@pytest.mark.parametrize("refuse", [refuse_after, refuse_between, refuse_within])
@pytest.mark.parametrize("kept", [False, True], ids=["forgotten", "kept"])
@ways
@in_its_own_thread
def test_a_walk_that_failed_does_not_spoil_the_next(duplicate, kept, refuse):
    """Also while its exception is looked at: a debugger or a notebook keeps the last one."""
    try:
        refuse(duplicate)
    except (RuntimeError, pickle.PicklingError) as error:
        keep = error if kept else None
    else:
        pytest.fail("it should have failed")
    with a_small_recursion_limit():
        y = chain(800, Value(1.0))
        assert duplicate(y).data == 801.0
        assert duplicate([y, y.parents[0]])[1].data == 800.0
    del keep
    gc.collect()


@pytest.mark.parametrize("kept", [False, True], ids=["forgotten", "kept"])
@in_its_own_thread
def test_a_walk_that_was_given_up_does_not_spoil_the_next(kept):
    y = chain(800, Value(1.0))
    state = y.__reduce__()
    if not kept:
        del state
    with a_small_recursion_limit():
        assert pickle.loads(pickle.dumps(y)).data == 801.0
        z = chain(800, Value(2.0))
        assert copy.deepcopy(z).data == 802.0


@in_its_own_thread
def test_a_walk_within_a_walk_is_one_of_its_own():
    class Packed:
        def __init__(self, thing):
            self.thing = thing

        def __deepcopy__(self, memo):
            return copy.deepcopy(self.thing)

    with a_small_recursion_limit(100):
        a, b = chain(500, Value(1.0)), chain(500, Value(2.0))
        twins = copy.deepcopy([a, Packed(b), b, a])
        assert [twin.data for twin in twins] == [501.0, 502.0, 502.0, 501.0]


def test_a_custom_op_cannot_be_pickled_and_says_so():
    y = BAD(Value(2.0)) * 3.0
    for thing in (BAD, y):
        for protocol in PROTOCOLS:
            with pytest.raises(pickle.PicklingError, match="<op bad> is not in the op table"):
                pickle.dumps(thing, protocol)


def test_a_custom_op_is_copied_as_itself():
    assert copy.deepcopy(BAD) is BAD
    assert copy.copy(BAD) is BAD
    x = Value(2.0)
    x2, y2 = copy.deepcopy([x, BAD(x) * 3.0])
    y2.backward()
    assert (x2.grad, x.grad) == (3.0, 0.0)


def test_an_op_under_the_name_of_a_row_is_not_taken_for_it():
    impostor = custom_op("exp", lambda x: x, lambda y, x: 1.0)
    with pytest.raises(pickle.PicklingError, match="not in the op table"):
        pickle.dumps(impostor(Value(1.0)))


# -- elsewhere -------------------------------------------------------------------------------


def test_copies_in_many_threads_at_once():
    graphs = [chain(300 + k, Value(float(k))) for k in range(8)]
    barrier = threading.Barrier(8)

    def work(y):
        barrier.wait(timeout=30.0)
        for duplicate in WAYS:
            assert duplicate([y, y])[0].data == y.data
        return True

    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, graphs))
    finally:
        sys.setswitchinterval(former)


def test_a_copy_of_one_graph_in_many_threads():
    y = chain(500, Value(1.0))
    with ThreadPoolExecutor(8) as pool:
        assert {twin.data for twin in pool.map(copy.deepcopy, [y] * 16)} == {501.0}


def test_copying_under_no_grad_keeps_the_graph():
    x = Value(3.0)
    y = x * x
    with no_grad():
        x2, y2 = copy.deepcopy([x, y])
    y2.backward()
    assert x2.grad == 6.0


def test_copies_are_freed_by_reference_counts_alone():
    with without_the_cycle_collector():
        for duplicate in (copy.deepcopy, pickled(5)):
            y = duplicate(Value(2.0) * 3.0)
            ref = weakref.ref(y)
            del y
            assert ref() is None
