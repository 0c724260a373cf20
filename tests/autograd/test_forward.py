"""The chain rule forwards, its single terms, and both sweeps against each other."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
from autograd import TABLE, GraphError, Value, topological
from autograd.chain import between, partials, product
from autograd.forward import pushforward
from autograd.reverse import pullback

inf, nan = math.inf, math.nan
reproducible = settings(derandomize=True, deadline=None, max_examples=40, database=None)


# -- the nodes between -----------------------------------------------------------------------


def test_the_walk_takes_what_lies_between_and_nothing_else():
    x, w = Value(2.0), Value(3.0)
    before = x * 5.0
    a = before + w
    beside = w * w
    y = a * beside
    order = between([before], [y])
    assert all(one is other for one, other in zip(order, [before, a, y], strict=True))


def test_the_walk_stops_at_inputs_also_where_one_depends_on_another():
    x = Value(2.0)
    a = x * 3.0
    y = a * x
    assert {id(node) for node in between([a, x], [y])} == {id(a), id(x), id(y)}
    assert pullback([a, x], [y], [1.0]) == [2.0, 6.0]  # a and x as if independent
    assert pushforward([a, x], [y], [1.0, 0.0]) == [2.0]
    assert pullback([x], [y], [1.0]) == [12.0]


def test_inputs_that_are_outputs_and_inputs_without_use():
    x, z = Value(2.0), Value(3.0)
    assert between([x, z], [x]) == [x]
    assert pullback([x, z], [x], [5.0]) == [5.0, 0.0]
    assert pushforward([x, z], [x, x], [5.0, 7.0]) == [5.0, 5.0]
    assert pullback([x], [x, x, x * x], [1.0, 2.0, 10.0]) == [43.0]


def test_parents_come_before_children_and_each_node_once():
    x = y = Value(1.0)
    for _ in range(50):
        y = y * y + y
    order = between([x], [y, y, x])
    place = {id(node): k for k, node in enumerate(order)}
    assert len(place) == len(order) == 101
    for node in order:
        if node is not x:
            assert all(place[id(parent)] < place[id(node)] for parent in node.parents)


def test_constants_and_other_graphs_are_not_walked():
    x, c = Value(2.0), Value(3.0, requires_grad=False)
    assert between([x], [Value(1.0) * 2.0, c]) == []
    assert pushforward([x], [c, Value(1.0)], [1.0]) == [0.0, 0.0]
    assert pullback([x], [c, Value(1.0)], [1.0, 1.0]) == [0.0]
    assert pullback([c], [c * x], [1.0]) == [0.0]


# -- the local partials ----------------------------------------------------------------------


def test_partials_come_once_for_every_use_of_an_active_parent():
    x, z = Value(2.0), Value(3.0)
    y = x * x
    assert list(partials(y, {x}, False)) == [(x, 2.0), (x, 2.0)]
    y = ag.dot([x, z, x], [z, z, 5.0])
    assert [(p is x, d) for p, d in partials(y, {x, z}, False)] == [
        (True, 3.0), (False, 3.0), (True, 5.0), (False, 2.0), (False, 3.0)]  # fmt: skip
    assert [d for _, d in partials(y, {x}, False)] == [3.0, 5.0]
    assert list(partials(y, set(), False)) == []


def test_partials_with_a_graph_are_values_that_depend_on_the_parents():
    x = Value(2.0)
    ((parent, slope),) = partials(x.exp(), {x}, True)
    assert parent is x
    assert isinstance(slope, Value)
    slope.backward()
    assert x.grad == pytest.approx(math.exp(2.0))


def test_partials_with_a_graph_are_refused_if_data_has_changed():
    x = Value(2.0, "moved")
    y = x.exp()
    x.data = 3.0
    assert [d for _, d in partials(y, {x}, False)] == [math.exp(2.0)]
    with pytest.raises(GraphError, match="label='moved'"):
        list(partials(y, {x}, True))


# -- one product -----------------------------------------------------------------------------


@pytest.mark.parametrize("partial", [inf, -inf, nan])
def test_a_zero_flow_meets_no_infinite_partial(partial):
    assert product(0.0, partial, False) is None
    assert product(-0.0, partial, False) is None
    assert product(Value(0.0), partial, False) is None
    assert product(0.0, Value(partial), False) is None
    assert product(Value(0.0), Value(partial), False) is None


def test_a_zero_flow_that_depends_on_something_flows_through_finite_partials():
    flow = Value(0.0)
    share = product(flow, 3.0, False)
    share.backward()
    assert flow.grad == 3.0


@pytest.mark.parametrize("flow", [inf, -inf, nan, 2.0, 0.0])
def test_nothing_passes_where_another_argument_was_selected(flow):
    assert product(flow, 0.0, True) is None
    assert product(Value(flow), 0.0, True) is None
    assert product(np.array([flow, 1.0]), 0.0, True) is None
    if flow != 0.0 and math.isfinite(flow):
        assert product(flow, 1.0, True) == flow


def test_other_products_are_those_of_floats():
    assert product(2.0, 3.0, False) == 6.0
    assert product(1.0, 3.0, False) == 3.0
    assert product(2.0, 1.0, False) == 2.0
    assert product(2.0, inf, False) == inf
    assert math.isnan(product(inf, 0.0, False))
    assert math.isnan(product(nan, 1.0, False))


def test_many_directions_at_once_are_as_many_single_ones():
    flows = np.array([0.0, -0.0, 1.0, -2.0, inf, nan])
    for partial in (0.0, 1.0, 3.0, inf, -inf, nan):
        together = product(flows, partial, False)
        for flow, share in zip(flows, together, strict=True):
            single = product(float(flow), partial, False)
            want = 0.0 if single is None else single
            assert share == want or (math.isnan(share) and math.isnan(want))
    assert flows[2] == 1.0  # and nothing is written into the flow


# -- forward mode ----------------------------------------------------------------------------


def test_every_row_pushes_what_it_pulls():
    rng = np.random.default_rng(0)
    for row in TABLE.values():
        if row.arity is None:
            groups = [[Value(v) for v in rng.uniform(*each, 3)] for each in row.domain]
            if row.name == "affine":
                groups[2] = groups[2][:1]
            inputs = [value for group in groups for value in group]
            y = row(*groups)
        else:
            inputs = [Value(rng.uniform(*each)) for each in row.domain]
            y = row(*inputs)
        tangents = rng.normal(size=len(inputs)).tolist()
        (dy,) = pushforward(inputs, [y], tangents)
        slopes = pullback(inputs, [y], [1.0])
        assert dy == pytest.approx(math.fsum(map(lambda a, b: a * b, slopes, tangents)), abs=1e-13)
        assert slopes == list(y.partials)


def test_uses_are_summed_forwards():
    x = Value(3.0)
    assert pushforward([x], [x * x * x], [1.0]) == [27.0]
    assert pushforward([x], [ag.sum([x] * 10), ag.dot([x, x], [x, 1.0])], [1.0]) == [10.0, 7.0]
    assert pushforward([x], [x - x], [1.0]) == [0.0]


def test_many_directions_in_one_sweep():
    x, z = Value(2.0), Value(3.0)
    (dy,) = pushforward([x, z], [x * x * z], [np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 2.0])])
    assert dy.tolist() == [12.0, 4.0, 20.0]
    rows = pullback([x, z], [x * z, x + z], [np.array([1.0, 0.0]), np.array([0.0, 1.0])])
    assert [row.tolist() for row in rows] == [[3.0, 1.0], [2.0, 1.0]]


def test_tangents_given_are_not_changed():
    x = Value(2.0)
    v = np.array([1.0, 2.0])
    (dy,) = pushforward([x], [x + x], [v])
    dy += 100.0
    assert v.tolist() == [1.0, 2.0]


def test_results_that_are_inputs_do_not_share_memory_with_what_jacobian_returns():
    J = ag.jacobian(lambda x: x)(np.ones(2))
    J[0, 0] = 50.0
    assert ag.jacobian(lambda x: x)(np.ones(2)).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_no_grad_of_a_node_is_touched_in_either_direction():
    x = Value(2.0)
    y = x * x
    y.backward()
    pushforward([x], [y], [5.0])
    pullback([x], [y], [5.0])
    assert (x.grad, y.grad) == (4.0, 1.0)


def test_with_a_graph_the_tangent_can_be_differentiated():
    x, v = Value(2.0), Value(5.0)
    (dy,) = pushforward([x], [x**3], [v], graph=True)
    assert dy.data == 60.0
    assert pullback([x, v], [dy], [1.0]) == [60.0, 12.0]


def test_a_deep_graph_is_pushed_through_without_recursion():
    x = Value(1.0)
    y = functools.reduce(lambda y, _: y + 1.0, range(50_000), x)
    assert pushforward([x], [y], [2.0]) == [2.0]
    assert len(between([x], [y])) == 50_001


def test_a_graph_with_2_to_the_200_paths_takes_linear_time():
    x = y = Value(1.0)
    for _ in range(200):
        y = y + y
    assert pushforward([x], [y], [1.0]) == [2.0**200]
    assert pullback([x], [y], [1.0]) == [2.0**200]


@reproducible
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["multiply", "add", "subtract", "tanh", "exp", "where", "dot"]),
            st.integers(0, 5), st.integers(0, 5), st.integers(0, 5),
        ),
        min_size=1, max_size=12,
    ),
    x=st.tuples(*[st.floats(-1.5, 1.5)] * 3),
    u=st.tuples(*[st.floats(-2.0, 2.0)] * 3),
    v=st.tuples(*[st.floats(-2.0, 2.0)] * 2),
)  # fmt: skip
def test_forwards_and_backwards_are_adjoint_on_random_graphs(steps, x, u, v):
    inputs = [Value(number) for number in x]
    nodes = list(inputs)
    for name, *places in steps:
        a, b, c = (nodes[-1 - k % len(nodes)] for k in places)
        if name == "dot":
            node = ag.dot([a, b], [c, a])
        elif name == "exp":
            node = ag.exp(ag.tanh(a))
        else:
            row = TABLE[name]
            node = row(*[a, b, c][: row.arity])
        nodes.append(ag.tanh(node))
    outputs = [nodes[-1], nodes[-1 - len(nodes) // 2]]
    pushed = pushforward(inputs, outputs, list(u))
    pulled = pullback(inputs, outputs, list(v))
    left = math.fsum(a * b for a, b in zip(v, pushed, strict=True))
    right = math.fsum(a * b for a, b in zip(pulled, u, strict=True))
    size = 1.0 + sum(map(abs, pushed)) + sum(map(abs, pulled))
    assert left == pytest.approx(right, rel=1e-11, abs=1e-12 * size)
    # and the slow sweep backwards agrees with the fast one
    for output in outputs:
        if output.requires_grad and not output.is_leaf:
            for leaf in inputs:
                leaf.zero_grad()
            output.backward()
            slow = pullback(inputs, [output], [1.0])
            assert [leaf.grad for leaf in inputs] == pytest.approx(slow, rel=1e-12, abs=1e-14)
    assert topological(*outputs)
