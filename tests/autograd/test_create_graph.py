"""`backward(create_graph=True)`: gradients that can be differentiated again."""

import gc
import math
import weakref

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import GraphError, Value, custom_op, grad, hessian, no_grad, topological


def test_the_gradient_is_a_value_that_can_be_differentiated():
    x = Value(3.0)
    y = x**3
    y.backward(create_graph=True)
    assert isinstance(x.grad, Value)
    assert x.grad.requires_grad
    assert x.grad.data == 27.0
    first = x.grad
    x.zero_grad()
    first.backward()
    assert x.grad == 18.0
    assert type(x.grad) is float


def test_the_first_gradient_of_a_leaf_is_taken_as_it_is():
    x, y = Value(2.0), Value(3.0)
    (x * y).backward(create_graph=True)
    assert "add" not in [node.op.name for node in topological(x.grad) if node.op]
    (x * y).backward(create_graph=True)
    assert x.grad.op.name == "add"
    assert x.grad.data == 6.0


def test_a_node_that_nothing_flows_to_has_gradient_zero_and_stays_a_variable():
    x = Value(2.0)
    y = x * 3.0
    y.backward()
    ag.where(True, x, y).backward(create_graph=True)
    assert type(y.grad) is float
    assert y.grad == 0.0
    assert y.requires_grad


@pytest.mark.parametrize(("before", "after"), [(2.0, math.nan), (math.nan, 2.0), (2.0, 3.0)])
def test_a_change_to_or_from_nan_is_a_change(before, after):
    x = Value(before)
    y = x * 3.0
    x.data = after
    with pytest.raises(GraphError) as info:
        y.backward(create_graph=True)
    assert str(info.value) == (
        f"{x!r} has been changed since {y!r} was computed from it (it was {before!r}), so this "
        "graph cannot be differentiated again. Compute the result once more after changing data."
    )
    x.data = before
    y.backward(create_graph=True)
    assert float(x.grad) == 3.0


def test_derivatives_of_any_order():
    x = Value(0.3)
    y = ag.exp(2.0 * x)
    for k in range(1, 6):
        x.zero_grad()
        y.backward(create_graph=True)
        y = x.grad
        assert y.data == pytest.approx(2.0**k * math.exp(0.6), rel=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x**2 * y**3,
        lambda x, y: ag.tanh(x) * ag.exp(y) / (x + 3.0),
        lambda x, y: ag.logsumexp([x, y, x * y]),
        lambda x, y: ag.dot([x, y], [y, ag.sigmoid(x)]),
        lambda x, y: ag.affine([[x, y]], [y, 2.0], [x])[0] ** 2,
        lambda x, y: ag.where(x > y, x**3, y**3) * x,
        lambda x, y: ag.maximum(x, y) * ag.softplus(x - y),
        lambda x, y: abs(x) ** y,
    ],
)
def test_second_derivatives_are_those_of_hessian(f):
    at = (1.3, 0.7)
    want = hessian(lambda p: f(*p))(np.array(at))
    leaves = [Value(number) for number in at]
    f(*leaves).backward(create_graph=True)
    gradients = [leaf.grad for leaf in leaves]
    assert [float(g) for g in gradients] == pytest.approx(
        list(grad(lambda p: f(*p))(np.array(at))), rel=1e-14
    )
    for i, g in enumerate(gradients):
        for leaf in leaves:
            leaf.zero_grad()
        if isinstance(g, Value):  # else it is a number: nothing depends on the leaves
            g.backward()
        got = [leaf.grad for leaf in leaves]
        assert got == pytest.approx(want[i].tolist(), rel=1e-13, abs=1e-14)


def test_the_numbers_are_those_of_a_plain_pass():
    def leaves_and_loss():
        model = nn.MLP(3, [4, 2], activation="tanh", rng=0)
        x, z = model([0.1, -0.2, 0.3])
        return list(model.parameters()), ag.exp(x) * z

    plain, loss = leaves_and_loss()
    loss.backward()
    twice, loss = leaves_and_loss()
    loss.backward(create_graph=True)
    for a, b in zip(plain, twice, strict=True):
        assert float(b.grad) == pytest.approx(a.grad, rel=1e-14, abs=1e-16)


def test_interior_nodes_have_their_gradients_as_well():
    x = Value(3.0)
    a = x * x
    y = a * a
    y.backward(create_graph=True)
    assert float(a.grad) == 18.0
    assert float(y.grad) == 1.0
    first = a.grad  # 2 a = 2 x²
    x.zero_grad()
    first.backward()
    assert float(x.grad) == 12.0


def test_gradients_accumulate():
    x = Value(3.0)
    (x**3).backward(create_graph=True)
    (x**2).backward(create_graph=True)
    total = x.grad
    assert float(total) == 33.0
    x.zero_grad()
    total.backward()
    assert x.grad == 18.0 + 2.0


def test_a_plain_pass_may_follow_and_precede():
    x = Value(3.0)
    (x**2).backward()
    (x**3).backward(create_graph=True)
    assert float(x.grad) == 33.0
    (x**2).backward()
    assert float(x.grad) == 39.0
    x.zero_grad()
    assert x.grad == 0.0
    (x**2).backward()
    assert x.grad == 6.0
    assert type(x.grad) is float


def test_the_same_graph_a_second_time_doubles_the_leaves():
    x = Value(3.0)
    y = x * x * x
    y.backward(create_graph=True)
    y.backward(create_graph=True)
    total = x.grad
    assert float(total) == 54.0
    x.zero_grad()
    total.backward()
    assert x.grad == 36.0


def test_the_seed_scales_the_gradients():
    x = Value(3.0)
    (x**2).backward(0.5, create_graph=True)
    assert float(x.grad) == 3.0
    x.zero_grad()
    (x**2).backward(0.0, create_graph=True)
    assert float(x.grad) == 0.0


@pytest.mark.parametrize(
    ("f", "slope"),
    [(lambda x: x + x, 2.0), (lambda x: 3.0 * x, 3.0), (lambda x: x - 0.0, 1.0),
     (lambda x: -x, -1.0), (lambda x: x, 1.0), (lambda x: ag.sum([x, x, 1.0]), 2.0),
     (lambda x: x // 1.0, 0.0)],
)  # fmt: skip
def test_gradients_that_are_constant_are_numbers_with_nothing_to_differentiate(f, slope):
    x = Value(2.0)
    f(x).backward(create_graph=True)
    assert float(x.grad) == slope
    assert not getattr(x.grad, "requires_grad", False)
    f(x).backward(create_graph=True)
    assert float(x.grad) == 2.0 * slope


def test_a_leaf_beside_the_graph_keeps_its_gradient():
    x, w = Value(2.0), Value(5.0)
    w.grad = 7.0
    (x**2).backward(create_graph=True)
    assert w.grad == 7.0


def test_constants_get_nothing():
    x, c = Value(2.0), Value(3.0, requires_grad=False)
    (x**2 * c).backward(create_graph=True)
    assert c.grad == 0.0
    assert float(x.grad) == 12.0


def test_backward_on_a_constant_is_an_error():
    with pytest.raises(GraphError, match="which is a constant"):
        Value(2.0, requires_grad=False).backward(create_graph=True)


# -- gradients that are nodes of the graph themselves ----------------------------------------


def test_gradients_do_not_change_when_a_leaf_does_afterwards():
    """∂(w x)/∂w is x, but as it was."""
    w, x = Value(2.0), Value(3.0)
    (w * x).backward(create_graph=True)
    w.data, x.data = 100.0, 200.0
    assert float(w.grad) == 3.0
    assert float(x.grad) == 2.0


def test_a_step_of_every_parameter_uses_the_gradients_of_before():
    w, x = Value(2.0), Value(3.0)
    (w * x).backward(create_graph=True)
    for p in (w, x):
        p.data -= 0.5 * float(p.grad)
    assert (w.data, x.data) == (0.5, 2.0)


def test_gradients_that_refer_to_each_other_can_be_printed():
    w, x = Value(2.0), Value(3.0)
    (w * x).backward(create_graph=True)
    for node in (w, x):
        assert repr(node).startswith("Value(data=")
        assert len(repr(node)) < 500
    y = x**3
    y.backward(create_graph=True)
    x.grad.backward()
    assert repr(x)
    assert repr(y)
    assert f"{x}"


def test_a_chain_of_gradients_of_gradients_can_be_printed():
    x = Value(0.5)
    y = ag.exp(x)
    for _ in range(8):
        y.backward(create_graph=True)
        y = x.grad
    assert len(repr(x)) < 1000
    assert len(repr(y)) < 1000


def test_errors_that_name_a_node_with_such_a_gradient_can_be_read():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    y = w * x
    y.backward(create_graph=True)
    w.data = 5.0
    with pytest.raises(GraphError, match="label='w'"):
        y.backward(create_graph=True)


# -- data that has changed -------------------------------------------------------------------


def test_a_leaf_changed_since_is_named_and_nothing_is_done():
    x, w = Value(3.0, "input"), Value(2.0, "weight")
    y = x**2 * w
    y.backward()
    w.data = 5.0
    with pytest.raises(GraphError, match=r"label='weight'.* has been changed since") as info:
        y.backward(create_graph=True)
    assert "it was 2.0" in str(info.value)
    assert "Compute the result once more" in str(info.value)
    assert (x.grad, w.grad) == (12.0, 9.0)
    y.backward()  # a plain pass uses the recorded numbers
    assert (x.grad, w.grad) == (24.0, 18.0)
    w.data = 2.0
    x.zero_grad()
    y.backward(create_graph=True)
    assert float(x.grad) == 12.0


def test_a_changed_constant_is_refused_too():
    x, c = Value(3.0), Value(2.0, "scale", requires_grad=False)
    y = x * c
    c.data = 4.0
    with pytest.raises(GraphError, match="scale"):
        y.backward(create_graph=True)


def test_data_set_to_the_same_number_or_from_nan_to_nan_is_no_change():
    x = Value(3.0)
    y = x * x
    x.data = 3.0
    y.backward(create_graph=True)
    assert float(x.grad) == 6.0
    x, n = Value(3.0), Value(math.nan)
    y = ag.where(0.0, n, x * x)
    n.data = math.nan
    y.backward(create_graph=True)
    assert float(x.grad) == 6.0


def test_data_changed_after_the_first_pass_does_not_change_the_second():
    x = Value(3.0)
    (x**3).backward(create_graph=True)
    first = x.grad
    x.data = 10.0
    x.zero_grad()
    first.backward()
    assert x.grad == 18.0
    with pytest.raises(GraphError, match="has been changed since"):
        first.backward(create_graph=True)


@pytest.mark.parametrize("row", ["dot", "where", "affine", "power"])
def test_every_kind_of_node_notices_a_change(row):
    x, w = Value(2.0), Value(3.0, "changed")
    y = {
        "dot": lambda: ag.dot([x, w], [w, x]),
        "where": lambda: ag.where(True, x * w, w),
        "affine": lambda: ag.affine([[x]], [w], [w])[0],
        "power": lambda: x**w,
    }[row]()
    w.data = 4.0
    with pytest.raises(GraphError, match="changed"):
        y.backward(create_graph=True)


# -- conventions -----------------------------------------------------------------------------


def test_zero_adjoints_meet_no_infinite_partials_at_second_order_either():
    x = Value(0.0)
    y = ag.where(x > 0.0, ag.log(x), x**2 * 3.0) + 0.0 * ag.sqrt(x)
    y.backward(create_graph=True)
    assert float(x.grad) == 0.0
    first = x.grad
    x.zero_grad()
    first.backward()
    assert x.grad == 6.0


def test_infinite_slopes_are_infinite_and_the_next_ones_as_well():
    x = Value(0.0)
    ag.sqrt(x).backward(create_graph=True)
    assert float(x.grad) == math.inf
    first = x.grad
    x.zero_grad()
    first.backward()
    assert x.grad == -math.inf


def test_under_no_grad_gradients_are_numbers_without_a_graph():
    x = Value(3.0)
    y = x**3
    with no_grad():
        y.backward(create_graph=True)
    assert float(x.grad) == 27.0
    assert not getattr(x.grad, "requires_grad", False)


def test_a_rule_that_cannot_be_read_with_values_leaves_everything_as_it_was():
    sine = custom_op("sine", math.sin, lambda y, x: math.cos(x))
    x = Value(1.0)
    y = sine(x) * x
    y.backward()
    before = x.grad
    with pytest.raises(TypeError, match="<op sine> has no derivative of a higher order"):
        y.backward(create_graph=True)
    assert x.grad == before
    assert float(x) == 1.0  # numbers can be read again
    y.backward()
    assert x.grad == 2.0 * before


# -- memory and use --------------------------------------------------------------------------


def test_clearing_the_gradients_frees_the_graph_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = Value(3.0)
        y = x * x  # whose own gradient is the number 1.0
        y.backward(create_graph=True)
        ref = weakref.ref(y)
        del y
        x.zero_grad()
        assert ref() is None
    finally:
        gc.enable()


def test_the_collector_frees_what_refers_to_itself():
    x = Value(3.0)
    y = ag.exp(x) * ag.tanh(x)
    y.backward(create_graph=True)
    refs = [weakref.ref(node) for node in topological(y, x.grad) if node is not x]
    del y
    x.zero_grad()
    gc.collect()
    assert not any(ref() is not None for ref in refs)


def test_a_deep_graph_needs_no_recursion():
    x = Value(0.5)
    y = x
    for _ in range(3000):
        y = ag.tanh(y)
    y.backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    first.backward()
    assert math.isfinite(x.grad)
    del y, first
    gc.collect()


def test_a_penalty_on_the_gradient_agrees_with_grad_of_grad():
    """Double backprop: the gradient of |∂y/∂x|² by a weight."""
    w = [Value(0.5), Value(-1.5)]
    x = [Value(0.3), Value(0.8)]

    def model(w, x):
        return ag.tanh(w[0] * x[0]) * ag.exp(w[1] * x[1])

    model(w, x).backward(create_graph=True)
    penalty = sum((each.grad * each.grad for each in x), Value(0.0))
    for leaf in (*w, *x):
        leaf.zero_grad()
    penalty.backward()

    def by_transforms(w):
        g = grad(lambda x: model(w, x))(np.array([0.3, 0.8]))
        return g[0] ** 2 + g[1] ** 2

    want = grad(by_transforms)(np.array([0.5, -1.5]))
    assert [leaf.grad for leaf in w] == pytest.approx(want.tolist(), rel=1e-13)


def test_second_derivatives_of_a_loss_by_all_parameters_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    model = nn.MLP(2, [3, 1], activation="tanh", rng=0)
    x = rng.normal(size=2)
    parameters = list(model.parameters())
    loss = (model(list(x))[0] - 0.7) ** 2
    loss.backward(create_graph=True)
    weights = rng.normal(size=len(parameters))
    along = sum((p.grad * w for p, w in zip(parameters, weights, strict=True)), Value(0.0))
    model.zero_grad()
    along.backward()
    got = [p.grad for p in parameters]

    theirs = [torch.tensor(p.data, dtype=torch.float64, requires_grad=True) for p in parameters]
    state = {name: np.shape(a) for name, a in model.state_dict().items()}
    flat, arrays = torch.stack(theirs), []
    start = 0
    for shape in state.values():
        size = math.prod(shape)
        arrays.append(flat[start : start + size].reshape(shape))
        start += size
    W1, b1, W2, b2 = arrays
    y = W2 @ torch.tanh(W1 @ torch.tensor(x) + b1) + b2
    first = torch.autograd.grad((y[0] - 0.7) ** 2, theirs, create_graph=True)
    along = sum(g * w for g, w in zip(first, weights.tolist(), strict=True))
    want = torch.autograd.grad(along, theirs)
    assert got == pytest.approx([each.item() for each in want], rel=1e-12, abs=1e-13)
