"""`verify` takes claims in every form, calls the right ones right and the wrong ones wrong."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from autograd import GraphError, Report, Value, Verification, dot, no_grad, sin, tanh, verify
from benchmarks.slips import Slip, by_hand, claims_of, random_net


def neuron():
    """The nodes w, x, b, z, a, y and the loss ½(a - y)², with a = tanh(z)."""
    w, x, b, y = Value(0.5, "w"), Value(2.0, "x"), Value(-0.3, "b"), Value(1.0, "y")
    z = w * x + b
    z.label = "z"
    a = tanh(z)
    a.label = "a"
    return {"w": w, "x": x, "b": b, "y": y, "z": z, "a": a}, 0.5 * (a - y) ** 2


def gradients(nodes):
    a, y, x = nodes["a"].data, nodes["y"].data, nodes["x"].data
    delta = (a - y) * (1.0 - a * a)
    return {"w": delta * x, "b": delta, "z": delta, "a": a - y, "y": y - a}


# --- claims in every form --------------------------------------------------------------------


def test_a_number_per_node_is_right_or_wrong():
    nodes, loss = neuron()
    right = gradients(nodes)
    report = verify(loss, {nodes[name]: number for name, number in right.items()})
    assert isinstance(report, Verification)
    assert isinstance(report, Report)
    assert report.ok
    assert report.wrong == ()
    assert [row.node for row in report.rows] == [nodes[name] for name in right]
    report = verify(loss, {nodes["w"]: right["w"] * 1.234, nodes["b"]: right["b"]})
    assert not report.ok
    assert [row.ok for row in report.rows] == [False, True]


@pytest.mark.parametrize(
    "number", [np.float64(-4.0), -4, np.int64(-4), Value(-4.0), np.array(-4.0)]
)
def test_a_claim_is_any_real_number(number):
    x = Value(2.0)
    assert verify(-(x * x), {x: number}).ok


def test_a_function_gets_the_numbers_of_the_nodes_that_its_arguments_are_named_after():
    nodes, loss = neuron()
    claims = {
        nodes["w"]: lambda a, y, x: (a - y) * (1.0 - a**2) * x,
        nodes["b"]: lambda z, a, y: (a - y) / math.cosh(z) ** 2,
    }
    assert verify(loss, claims).ok


def test_a_function_of_nothing_is_called_and_one_of_something_else_gets_the_node():
    nodes, loss = neuron()
    right, got = gradients(nodes), []
    claims = {
        nodes["w"]: lambda: right["w"],
        nodes["b"]: lambda node: got.append(node) or right["b"],
    }
    assert verify(loss, claims).ok
    assert got == [nodes["b"]]


def test_a_function_of_an_unknown_or_ambiguous_label_is_refused():
    nodes, loss = neuron()
    with pytest.raises(ValueError, match="'q', but no nodes"):
        verify(loss, {nodes["w"]: lambda a, q: a * q})
    other = Value(1.0, "a")
    with pytest.raises(ValueError, match="'a', but 2 nodes"):
        verify(loss * other, {nodes["w"]: lambda a, y: a * y})


def network():
    model = nn.MLP(2, [3, 2], "tanh", rng=0)
    x, y = [0.5, -1.0], [0.2, 0.7]
    loss = nn.half_squared_error(model(x), y)
    state = model.state_dict()
    hand = nn.deltas.by_matrices(
        [state[f"layers.{i}.weight"] for i in range(2)],
        [state[f"layers.{i}.bias"] for i in range(2)],
        ["tanh", "linear"], x, y,
    )  # fmt: skip
    return model, loss, hand


def test_arrays_come_in_pairs_or_by_a_parameters_name_or_by_a_module():
    model, loss, hand = network()
    first, second = model.layers
    names = {f"layers.{i}.weight": hand.dW[i] for i in range(2)}
    for claims in (
        [(first.weight, hand.dW[0]), (first.bias, hand.db[0])],
        ((first.weight.tolist(), hand.dW[0].tolist()), (second.bias, lambda: hand.db[1])),
        [(first.weight[1], hand.dW[0][1]), (second.weight[0, 1], hand.dW[1][0, 1])],
        names,
        {first: {"weight": hand.dW[0], "bias": hand.db[0]}},
        {first: (hand.dW[0], hand.db[0]), second.bias[0]: hand.db[1][0]},
        [(model, {**names, "layers.1.bias": hand.db[1]})],
        {tuple(first.bias): hand.db[0]},
    ):
        report = verify(loss, claims, model)
        assert report.ok, report
    assert verify(loss, [(first.weight, hand.dW[0])]).groups[0][0] == "w (3 × 2) of MLP.layers.0"


def test_claims_that_are_none_are_refused_with_a_remedy():
    model, loss, hand = network()
    weight = model.layers[0].weight
    with pytest.raises(ValueError, match=r"shape \(2,\), but the nodes have \(3, 2\)"):
        verify(loss, [(weight, [1.0, 2.0])])
    with pytest.raises(ValueError, match=r"no parameter is called 'weight'; .*no model"):
        verify(loss, {"weight": hand.dW[0]})
    with pytest.raises(ValueError, match=r"no parameter is called 'w'; there are layers.0.weight"):
        verify(loss, {"w": hand.dW[0]}, model)
    with pytest.raises(ValueError, match="no parameter is called 'w' in"):
        verify(loss, {model: {"w": 1.0}})
    with pytest.raises(TypeError, match="or a list of pairs"):
        verify(loss, 3.0)
    with pytest.raises(TypeError, match="a claim is a pair"):
        verify(loss, [weight[0, 0]])
    with pytest.raises(TypeError, match="is about a Value"):
        verify(loss, {3: 1.0})
    with pytest.raises(TypeError, match="not a number"):
        verify(loss, {weight[0, 0]: "much"})
    with pytest.raises(GraphError, match="is a constant"):
        verify(loss, {Value(1.0, requires_grad=False): 0.0})
    with pytest.raises(GraphError, match="no backward pass"), no_grad():
        verify(Value(1.0) * 2.0, {})
    with pytest.raises(TypeError, match="expected the Value"):
        verify(3.0, {})


def test_no_claims_are_all_right():
    x = Value(1.0)
    assert verify(x * x, {}).ok
    assert str(verify(x * x, []))


def test_a_node_that_the_loss_does_not_depend_on_has_the_gradient_0():
    x, other = Value(1.0, "x"), Value(2.0, "other")
    assert verify(x * x, {other: 0.0}).ok
    report = verify(x * x, {other: 1.0, x: 2.0})
    assert [row.ok for row in report.rows] == [False, True]
    assert report.rows[0].value == 0.0
    assert report.rows[0].ratio == math.inf


# --- the report ------------------------------------------------------------------------------


def test_the_report_tells_value_claim_ratio_and_difference():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    report = verify((w * x) ** 2, {w: 72.0, x: 24.0})
    row = report.rows[0]
    assert (row.value, row.claim, row.ratio, row.difference) == (36.0, 72.0, 2.0, 36.0)
    assert row.slip is not None
    assert row.slip.name == "factor 2"
    assert report.rows[1].slip is None
    assert str(report).splitlines()[:4] == [
        "∂L/∂  value  claim  ratio  difference",
        "w     36     72     2      36          ✗ factor 2",
        "x     24     24     1      0           ✓",
        "1 of 2 claims wrong",
    ]
    assert repr(report) == str(report)


def test_the_report_is_a_table_in_a_notebook_with_every_label_escaped():
    x = Value(2.0, "<x>")
    shown = verify(x * x * x, {x: 5.0})._repr_html_()
    assert shown.count("<table>") == shown.count("</table>") == 1
    assert "&lt;x&gt;" in shown
    assert "<x>" not in shown
    assert "no usual slip explains it" in shown
    assert "background" not in shown  # readable on white and on black


def test_a_large_array_is_summed_up():
    model = nn.Linear(20, 3, rng=0)
    x = np.linspace(-1.0, 1.0, 20)
    loss = nn.half_squared_error(model(x), [0.0, 0.0, 0.0])
    delta = np.array([each.data for each in model(x)])
    claim = np.outer(delta, x)
    assert "✓ all 60" in str(verify(loss, [(model.weight, claim)]))
    claim[1, 4] *= 1.7
    report = verify(loss, [(model.weight, claim)])
    assert "✗ 1 of 60" in str(report)
    assert "w[1,4] of Linear" in str(report)
    assert len(str(report).splitlines()) < 8
    assert [row.node for row in report.wrong] == [model.weight[1, 4]]


def test_the_report_cannot_be_changed_and_no_gradient_is_touched():
    nodes, loss = neuron()
    nodes["w"].grad = 7.0
    report = verify(loss, {nodes["w"]: 1.0})
    assert nodes["w"].grad == 7.0
    assert all(node.grad == 0.0 for name, node in nodes.items() if name != "w")
    with pytest.raises(AttributeError):
        report.tolerance = 1.0
    with pytest.raises(AttributeError):
        report.rows[0].claim = 1.0


# --- tolerance -------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", [math.nan, math.inf, -math.inf])
def test_a_claim_that_is_not_finite_is_wrong_and_no_slip(claim):
    x = Value(2.0)
    report = verify(x * x, {x: claim})
    assert not report.ok
    assert report.slips == ()
    assert str(report)


def test_infinite_and_undefined_gradients_are_equal_to_themselves_alone():
    x, y = Value(0.0, "x"), Value(2.0, "y")
    loss = x**0.5 + y * y
    assert verify(loss, {x: math.inf, y: 4.0}).ok
    assert not verify(loss, {x: 1.0}).ok
    assert not verify(loss, {x: -math.inf}).ok
    assert not verify(loss, {x: math.nan}).ok
    undefined = y * (x / 0.0)
    assert verify(undefined, {x: math.inf, y: math.nan}).ok
    assert not verify(undefined, {y: 1.0}).ok


def test_a_difference_of_a_billionth_is_found_and_a_larger_tolerance_lets_it_pass():
    x = Value(3.0)
    loss = sin(x) * x
    right = math.sin(3.0) + 3.0 * math.cos(3.0)
    assert verify(loss, {x: right}).ok
    assert not verify(loss, {x: right * (1.0 + 3e-9)}).ok
    assert verify(loss, {x: right * (1.0 + 3e-9)}, tolerance=1e-8).ok
    assert verify(loss, {x: round(right, 3)}, tolerance=1e-3).ok
    assert not verify(loss, {x: round(right, 3) + 0.01}, tolerance=1e-3).ok


def test_a_slip_is_found_in_numbers_of_few_digits_too():
    nodes, loss = neuron()
    right = gradients(nodes)
    slope = 1.0 - nodes["a"].data ** 2
    claims = {nodes[name]: float(f"{right[name] / slope:.3g}") for name in ("w", "b")}
    assert {slip.name for slip in verify(loss, claims, tolerance=0.01).slips} == {"missing σ'"}


def test_terms_that_cancel_are_allowed_the_rounding_of_the_terms():
    # (x + 1e8) - 1e8 keeps 8 digits of x; whoever multiplies out has others.
    x = Value(0.1, "x")
    loss = ((x + 1e8) - 1e8) ** 2
    assert verify(loss, {x: 0.2}).ok
    assert not verify(loss, {x: 0.3}).ok
    a, b = Value(1.0 + 1e-9, "a"), Value(1.0, "b")
    assert verify((a - b) ** 2, {a: 2e-9}).ok
    assert not verify((a - b) ** 2, {a: 2.001e-9}).ok


@pytest.mark.parametrize("z", [10.0, 17.0, 19.0, 25.0, -30.0])
def test_saturated_activations_may_have_their_derivative_computed_from_the_output(z):
    for function, by_output in (
        (lambda v: v.tanh(), lambda a: 1.0 - a * a),
        (lambda v: v.sigmoid(), lambda a: a * (1.0 - a)),
    ):
        x = Value(z)
        a = function(x)
        assert verify(a * 3.0, {x: 3.0 * by_output(a.data)}).ok


def test_at_a_kink_the_convention_holds_and_within_rounding_of_it_either_side():
    x = Value(0.0)
    assert verify(x.relu(), {x: 0.0}).ok
    assert not verify(x.relu(), {x: 1.0}).ok
    x = Value(0.1)
    near = ((x + 0.2) - 0.3).relu()  # 5e-17, where exact arithmetic has 0
    assert verify(near, {x: 0.0}).ok
    assert verify(near, {x: 1.0}).ok
    assert not verify(near, {x: 3.0}).ok


@given(seed=st.integers(0, 2**32 - 1), by_output=st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_right_gradients_of_random_networks_are_never_called_wrong(seed, by_output):
    net = random_net(np.random.default_rng(seed), sizes=(0.3, 1.0, 3.0, 10.0))
    right = by_hand(net, Slip(way="slope by a" if by_output else "", layer=-1))
    report = verify(net.graph, claims_of(net, *right))
    assert report.ok, report


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_a_wrong_number_is_never_called_right(seed):
    rng = np.random.default_rng(seed)
    net = random_net(rng)
    pairs = claims_of(net, *by_hand(net, Slip()))
    nodes, claim = pairs[rng.integers(len(pairs))]
    index = tuple(rng.integers(n) for n in claim.shape)
    right = claim[index]
    claim[index] = right * (1.0 + 10.0 ** rng.uniform(-6.0, 0.0)) if right else 1e-3
    if abs(right) < 1e-6 and right:
        return  # the rest of terms that cancelled, maybe
    report = verify(net.graph, pairs)
    assert [row.node for row in report.wrong] == [nodes[index]]


RULES = [  # a node of a and b, and its tangent
    lambda a, da, b, db: (a + b, da + db),
    lambda a, da, b, db: (a - b, da - db),
    lambda a, da, b, db: (a * b, da * b.data + db * a.data),
    lambda a, da, b, db: (a.tanh(), da * (1.0 - math.tanh(a.data) ** 2)),
    lambda a, da, b, db: (sin(a), da * math.cos(a.data)),
    lambda a, da, b, db: (a.relu(), da * (a.data > 0)),
    lambda a, da, b, db: (dot([a, b], [b, 2.0]), da * b.data + db * (a.data + 2.0)),
]


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_right_gradients_of_random_graphs_are_never_called_wrong(seed):
    # The claims come by forward differentiation with dual numbers, in other sums.
    rng = np.random.default_rng(seed)
    leaves = [Value(each) for each in rng.normal(size=3)]
    nodes = [(leaf, np.eye(3)[i]) for i, leaf in enumerate(leaves)]
    for _ in range(12):
        one, other = (nodes[k] for k in rng.integers(len(nodes), size=2))
        nodes.append(RULES[rng.integers(len(RULES))](*one, *other))
    loss = nodes[0][0] * 0.0
    total = np.zeros(3)
    for node, tangent in nodes:
        loss, total = loss + node, total + tangent
    report = verify(loss, dict(zip(leaves, total, strict=True)))
    assert report.ok, report
