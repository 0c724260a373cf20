"""`verify` names the slip in a wrong derivation: every kind, on networks and on other graphs."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, custom_op, exp, sigmoid, sin, tanh, verify
from autograd import sum as total
from autograd.explain.slips import SLIPS
from benchmarks import slips as campaign
from benchmarks.slips import Slip, by_hand, claims_of, random_net, random_slip

PAGE = Path(autograd.__file__).parent / "explain" / "SLIPS.md"


def names(report):
    """The names of the slips found for each wrong claim."""
    return [tuple(slip.name for slip in row.slips) for row in report.wrong]


def only(report, name):
    """Whether every wrong claim, and there is one, is explained by this slip first."""
    return bool(report.wrong) and all(each[:1] == (name,) for each in names(report))


# --- graphs that are no network --------------------------------------------------------------


class Graph:
    """L = v·x + e^u·v with u = x·y and v = sin u, and its derivatives by hand."""

    def __init__(self):
        self.x, self.y = Value(0.7, "x"), Value(1.3, "y")
        self.u = self.x * self.y
        self.v = sin(self.u)
        self.u.label, self.v.label = "u", "v"
        self.loss = self.v * self.x + exp(self.u) * self.v

    def by_hand(self, cosine=None, own=1.0, through_exp=1.0):
        """∂L/∂x and ∂L/∂y, with another derivative of the sine, or without a path."""
        x, y, u, v = (node.data for node in (self.x, self.y, self.u, self.v))
        du = (x + math.exp(u)) * (math.cos(u) if cosine is None else cosine)
        du += through_exp * math.exp(u) * v
        return {self.x: du * y + own * v, self.y: du * x}


def test_the_right_derivation_is_right():
    graph = Graph()
    assert verify(graph.loss, graph.by_hand()).ok


def test_a_missing_derivative_of_a_function_is_named():
    graph = Graph()
    report = verify(graph.loss, graph.by_hand(cosine=1.0))
    assert only(report, "missing σ'")
    assert report.slips[0].nodes == (graph.v,)
    assert "sin" in report.slips[0].sentence


def test_a_derivative_taken_at_the_output_is_named():
    graph = Graph()
    report = verify(graph.loss, graph.by_hand(cosine=math.cos(graph.v.data)))
    assert only(report, "σ' at a")


def test_a_wrong_sign_inside_is_named():
    graph = Graph()
    report = verify(graph.loss, graph.by_hand(cosine=-math.cos(graph.u.data)))
    assert only(report, "wrong sign")
    assert report.slips[0].nodes == (graph.v,)


@pytest.mark.parametrize("which", ["own", "through_exp"])
def test_a_missing_path_is_named_with_its_nodes(which):
    graph = Graph()
    report = verify(graph.loss, graph.by_hand(**{which: 0.0}))
    assert only(report, "missing path")
    start = graph.x if which == "own" else graph.u
    assert start in report.slips[0].nodes
    assert graph.y not in report.slips[0].nodes


@pytest.mark.parametrize(
    ("factor", "name"), [(-1.0, "wrong sign"), (2.0, "factor 2"), (0.5, "factor ½")]
)
def test_a_factor_on_all_claims_or_on_one_is_named(factor, name):
    graph = Graph()
    right = graph.by_hand()
    assert only(verify(graph.loss, {x: factor * g for x, g in right.items()}), name)
    report = verify(graph.loss, right | {graph.y: factor * right[graph.y]})
    assert only(report, name)
    assert len(report.wrong) == 1


def test_two_slips_in_two_claims_are_both_named():
    graph = Graph()
    x, y = graph.by_hand().values()
    report = verify(graph.loss, {graph.x: -x, graph.y: 2.0 * y})
    assert names(report) == [("wrong sign",), ("factor 2",)]


def test_slips_that_fit_equally_are_all_named():
    x = Value(3.0, "x")
    report = verify(x * x, {x: 3.0})  # one of two paths, or half of all
    assert set(names(report)[0]) >= {"factor ½", "missing path"}


@pytest.mark.parametrize("lost", [{0}, {2}, {1, 3}, {0, 1, 2}, {1, 2, 3, 4, 5}])
def test_some_of_many_paths_missing_are_told_one_by_one(lost):
    x = Value(0.4, "x")
    branches = [f(x) for f in (sin, exp, tanh, sigmoid, lambda x: x**3, lambda x: x * 0.3)]
    for k, branch in enumerate(branches):
        branch.label = f"branch{k}"
    loss = total([branch * (k + 1.5) for k, branch in enumerate(branches)])
    parts = [branch.partials[0] * (k + 1.5) for k, branch in enumerate(branches)]
    report = verify(loss, {x: sum(part for k, part in enumerate(parts) if k not in lost)})
    assert only(report, "missing path")
    nodes = report.slips[0].nodes
    assert {k for k, branch in enumerate(branches) if branch in nodes} == lost


def test_a_path_that_shares_its_edges_with_others_is_told():
    x = Value(0.4, "x")
    middle = sin(x) + exp(x)
    loss = tanh(middle) * sigmoid(middle)
    assert loss.op is not None
    first = [math.cos(0.4), math.exp(0.4)]
    second = [
        (1.0 - math.tanh(middle.data) ** 2) * sigmoid(middle.data),
        sigmoid(middle.data) * (1.0 - sigmoid(middle.data)) * math.tanh(middle.data),
    ]
    claim = first[0] * second[0] + first[0] * second[1] + first[1] * second[0]
    report = verify(loss, {x: claim})
    assert only(report, "missing path")
    assert "exp" in report.slips[0].sentence
    assert "sigmoid" in report.slips[0].sentence


def test_a_forgotten_mean_is_named_with_its_number():
    w = Value(0.3, "w")
    xs = [0.5, -1.0, 2.0, 0.1, 0.7]
    loss = total([(w * x - 1.0) ** 2 for x in xs]) / 5
    g = sum(2.0 * (0.3 * x - 1.0) * x for x in xs)
    report = verify(loss, {w: g})
    assert only(report, "factor 1/n")
    assert "n = 5" in report.slips[0].sentence


def test_a_bias_forgotten_in_plain_operators_is_named():
    w, x, b = Value(0.5, "w"), Value(2.0, "x"), Value(-0.3, "b")
    a = tanh(w * x + b)
    loss = (a - 1.0) ** 2
    forgotten = math.tanh(1.0)
    delta = 2.0 * (forgotten - 1.0) * (1.0 - forgotten**2)
    report = verify(loss, {w: delta * 2.0, b: delta})
    assert only(report, "bias forgotten in z")
    slope = 1.0 - forgotten**2
    report = verify(loss, {b: 2.0 * (a.data - 1.0) * slope})
    assert only(report, "bias forgotten in z")
    assert "σ'" in report.slips[0].sentence


def test_z_for_a_in_plain_operators_is_named():
    w, x, v = Value(0.5, "w"), Value(2.0, "x"), Value(1.5, "v")
    z = w * x
    loss = v * z.sigmoid()
    assert only(verify(loss, {v: z.data}), "pre- for post-activation")
    report = verify(loss, {w: 1.5 * z.data * (1.0 - z.data) * 2.0 + 0.0, v: z.sigmoid().data})
    assert only(report, "pre- for post-activation") or z.data == 1.0


def test_a_missing_factor_is_a_missing_local_derivative():
    x, y, w = Value(0.7, "x"), Value(1.3, "y"), Value(0.4, "w")
    u = x * y
    loss = exp(u) * w
    report = verify(loss, {x: math.exp(u.data) * 0.4})  # ∂u/∂x = y is left out
    assert only(report, "missing local derivative")
    assert u in report.slips[0].nodes


def test_weights_in_plain_operators_updated_too_early_are_named_with_their_rate():
    x, w, v = 1.5, [Value(0.3, "w0"), Value(-0.8, "w1")], [Value(0.9, "v0"), Value(0.4, "v1")]
    a = [tanh(each * x) for each in w]
    out = v[0] * a[0] + v[1] * a[1]
    loss = 0.5 * (out - 2.0) ** 2
    delta = out.data - 2.0
    dv = [delta * each.data for each in a]
    early = [each.data - 0.05 * d for each, d in zip(v, dv, strict=True)]
    dw = [delta * e * (1.0 - each.data**2) * x for e, each in zip(early, a, strict=True)]
    report = verify(loss, dict(zip(w + v, dw + dv, strict=True)))
    assert only(report, "updated weight used too early")
    assert "η = 0.05" in report.slips[0].sentence
    assert [row.ok for row in report.rows] == [False, False, True, True]
    # With a single number any rate would do: one has to be told, or be a round number.
    odd = delta * (0.9 - 0.0512345678 * dv[0]) * (1.0 - a[0].data ** 2) * x
    assert names(verify(loss, {w[0]: odd})) == [()]
    assert only(verify(loss, {w[0]: odd}, lr=0.0512345678), "updated weight used too early")
    assert only(verify(loss, {w[0]: dw[0]}), "updated weight used too early")


def test_an_op_of_ones_own_may_refuse_other_numbers():
    log = custom_op("strict_log", math.log, lambda y, x: 1.0 / x)
    w, b = Value(-1.0, "w"), Value(3.0, "b")
    loss = log(w * 2.0 + b)  # without b it has no value
    report = verify(loss, {w: 4.0, b: 1.0})
    assert only(report, "factor 2")


# --- networks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "slip"),
    [
        ("wrong sign", Slip(way="loss factor", number=-1.0)),
        ("factor 2", Slip(way="delta factor", layer=0, number=2.0)),
        ("factor ½", Slip(way="n in db", layer=1, number=0.5)),
        ("factor 1/n", Slip(way="n everywhere", number=3.0)),
        ("factor 1/n", Slip(way="n in dW", layer=-1, number=1.0 / 3.0)),
        ("missing σ'", Slip(way="no slope", layer=1)),
        ("missing σ'", Slip(way="neuron without slope", layer=0, unit=1)),
        ("σ' at a", Slip(way="slope at a", layer=0)),
        ("σ' at a", Slip(way="slope at a", layer=-1)),
        ("pre- for post-activation", Slip(way="z in dW", layer=1)),
        ("pre- for post-activation", Slip(way="slope by z", layer=1)),
        ("pre- for post-activation", Slip(way="z in loss")),
        ("pre- for post-activation", Slip(way="z forward", layer=0)),
        ("missing path", Slip(way="neuron forgotten", layer=1, unit=1)),
        ("missing path", Slip(way="connection forgotten", layer=2, unit=1, other=0)),
        ("missing path", Slip(way="sample", unit=1)),
        ("transposed weight matrix", Slip(way="W back", layer=1)),
        ("transposed weight matrix", Slip(way="W back", layer=2)),
        ("transposed weight matrix", Slip(way="a δᵀ", layer=1)),
        ("transposed weight matrix", Slip(way="a δᵀ", layer=2)),
        ("transposed weight matrix", Slip(way="Wᵀ forward", layer=1)),
        ("bias forgotten in z", Slip(way="no bias", layer=0)),
        ("bias forgotten in z", Slip(way="no bias", layer=-1)),
        ("bias forgotten in z", Slip(way="slope without bias", layer=1)),
        ("updated weight used too early", Slip(way="updated", layer=-1, number=0.123456)),
        ("updated weight used too early", Slip(way="updated", layer=2, number=0.01)),
    ],
    ids=lambda each: each.way if isinstance(each, Slip) else each,
)  # fmt: skip
def test_every_slip_in_a_network_is_named_from_all_claims_and_from_one_layer(name, slip):
    net = small_net()
    pairs = claims_of(net, *by_hand(net, slip))
    right = claims_of(net, *by_hand(net, Slip()))
    report = verify(net.graph, pairs)
    assert only(report, name), report
    felt = [k for k in range(6) if campaign.differs(pairs[k][1], right[k][1])]
    layer = felt[0] // 2
    assert only(verify(net.graph, pairs[2 * layer : 2 * layer + 2]), name)


def small_net():
    """An MLP 2-3-3-2 with sigmoid, three samples."""
    rng = np.random.default_rng(4)
    model = nn.MLP(2, [3, 3, 2], "sigmoid", "sigmoid", rng=rng)
    for parameter in model.parameters():
        parameter.data = rng.normal()
    x, y = rng.normal(size=(3, 2)), rng.uniform(size=(3, 2))
    rows = zip(x, y, strict=True)
    loss = total([nn.half_squared_error(model(each), target) for each, target in rows]) / 3
    state = model.state_dict()
    weights, biases = (
        [state[f"layers.{i}.{name}"] for i in range(3)] for name in ("weight", "bias")
    )
    return campaign.Net(weights, biases, ["sigmoid"] * 3, x, y, "half_squared_error", model, loss)


def test_a_slip_is_placed_in_its_layer():
    net = small_net()
    report = verify(net.graph, claims_of(net, *by_hand(net, Slip(way="no slope", layer=1))))
    assert {node.scope.path for node in report.slips[0].nodes} == {"MLP.layers.1"}
    assert "MLP.layers.1" in report.slips[0].sentence
    report = verify(
        net.graph, claims_of(net, *by_hand(net, Slip(way="neuron forgotten", layer=2, unit=1)))
    )
    labels = {node.label for node in report.slips[0].nodes}
    assert {label for label in labels if label.startswith("z")} == {"z[1]"}


def test_an_array_claimed_in_the_shape_of_its_transpose_is_wrong_and_named():
    net = small_net()
    weight, right = claims_of(net, *by_hand(net, Slip()))[0]
    assert right.shape == (3, 2)
    report = verify(net.graph, [(weight, right.T)])
    assert not report.ok
    assert only(report, "transposed weight matrix")
    report = verify(net.graph, [(weight, 1.1 * right.T)])
    assert not report.ok
    assert report.slips == ()


def test_slips_are_named_from_claims_about_single_nodes_too():
    net = small_net()
    square = net.model.layers[1].weight
    for way, name in (("a δᵀ", "transposed weight matrix"), ("no slope", "missing σ'")):
        dW, _ = by_hand(net, Slip(way=way, layer=1))
        claims = dict(zip(square.ravel(), dW[1].ravel(), strict=True))
        assert only(verify(net.graph, claims), name)
        assert only(verify(net.graph, {square[0, 2]: dW[1][0, 2]}), name)


def test_a_micrograd_style_network_is_understood_as_well():
    rng = np.random.default_rng(0)
    W = [[[Value(w) for w in row] for row in rng.normal(size=(3, 3))] for _ in range(2)]
    x = rng.normal(size=3)
    a = [list(x)]
    for layer in W:
        a.append([sum(w * ai for w, ai in zip(row, a[-1], strict=True)).tanh() for row in layer])
    loss = sum((ai - 1.0) ** 2 for ai in a[-1])
    hidden, out = ([each.data for each in layer] for layer in a[1:])
    numbers = [np.array([[w.data for w in row] for row in layer]) for layer in W]
    hidden, out = np.array(hidden), np.array(out)
    last = 2.0 * (out - 1.0) * (1.0 - out**2)
    back = lambda matrix: (last @ matrix) * (1.0 - hidden**2)
    claims = lambda first: [(W[0], np.outer(first, x)), (W[1], np.outer(last, hidden))]
    assert verify(loss, claims(back(numbers[1]))).ok
    assert only(verify(loss, claims(back(numbers[1].T))), "transposed weight matrix")
    assert only(verify(loss, claims(last @ numbers[1])), "missing σ'")
    early = numbers[1] - 0.1 * np.outer(last, hidden)
    assert only(verify(loss, claims(back(early))), "updated weight used too early")


def test_what_no_slip_explains_is_given_no_name():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        net = random_net(rng)
        pairs = claims_of(net, *by_hand(net, Slip()))
        claim = pairs[rng.integers(len(pairs))][1]
        claim *= rng.uniform(0.3, 3.0, size=claim.shape)
        report = verify(net.graph, pairs)
        assert report.slips == ()
        assert report.ok or "no usual slip explains it" in str(report)


# --- the campaign, and the page about it -----------------------------------------------------


def test_of_slips_at_random_nine_in_ten_are_named_and_no_right_claim_is_called_wrong():
    found = campaign.run(slips=3, networks=120, seed=1)
    assert found.named >= 0.9, "\n".join(found.lines())
    assert found.right > 400
    assert found.called_wrong == 0


def test_the_campaign_would_notice_a_slip_that_is_not_found(monkeypatch):
    blind = replace(SLIPS["missing σ'"], find=lambda case: iter(()))
    monkeypatch.setitem(SLIPS, "missing σ'", blind)
    monkeypatch.setattr(campaign, "KINDS", ("missing σ'",))
    found = campaign.run(slips=5, networks=0, seed=1)
    assert found.named < 0.5


def test_slips_without_effect_are_none():
    rng = np.random.default_rng(0)
    for name in campaign.KINDS:
        slip = None
        while slip is None:
            net = random_net(rng)
            slip = random_slip(name, net, rng)
        assert slip.name == name in SLIPS


def test_the_page_lists_the_slips_of_the_code():
    text = PAGE.read_text(encoding="utf-8")
    listed = re.findall(r"^\| \*\*(.+?)\*\* \|", text, flags=re.MULTILINE)
    assert listed == list(SLIPS)
    measured = re.findall(r"^\| ([^*|]+?) \| \d+ \|", text, flags=re.MULTILINE)
    assert measured == [*campaign.KINDS, "all"]
