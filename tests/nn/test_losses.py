"""Losses against torch and closed forms: values, gradients, large logits, and bad targets."""

import math

import numpy as np
import pytest

import nn
from autograd import Value

LOSSES = nn.losses.LOSSES
EVERY_LOSS = pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
OF_TARGETS = [name for name in LOSSES if name != "cross_entropy"]  # a target per output
EVERY_LOSS_OF_TARGETS = pytest.mark.parametrize(
    "loss", [LOSSES[name] for name in OF_TARGETS], ids=OF_TARGETS
)
RANDOM = np.random.default_rng(0)
PREDICTIONS = [RANDOM.normal(size=n) * 2.0 for n in (1, 2, 3, 10)]


def value_and_grad(loss, prediction, target):
    a = [Value(each) for each in prediction]
    out = loss(a, target)
    out.backward()
    return out.data, [each.grad for each in a]


def of_torch(torch, function, prediction):
    a = torch.tensor(prediction, dtype=torch.float64, requires_grad=True)
    out = function(a)
    out.backward()
    return out.item(), a.grad.tolist()


def assert_same(ours, theirs):
    assert ours[0] == pytest.approx(theirs[0], rel=1e-12, abs=1e-15)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-12, atol=1e-15)


# --- against torch and by formula ------------------------------------------------------------


@pytest.mark.parametrize("a", PREDICTIONS, ids=len)
def test_half_squared_error_is_half_the_sum_of_squares_and_its_gradient_the_difference(a):
    y = np.random.default_rng(1).normal(size=len(a))
    ours = value_and_grad(nn.half_squared_error, a, y)
    assert_same(ours, (0.5 * np.sum((a - y) ** 2), a - y))


@pytest.mark.parametrize("a", PREDICTIONS, ids=len)
def test_mse_is_that_of_torch(a):
    torch = pytest.importorskip("torch")
    y = np.random.default_rng(1).normal(size=len(a))
    theirs = of_torch(torch, lambda t: torch.nn.functional.mse_loss(t, torch.tensor(y)), a)
    assert_same(value_and_grad(nn.mse, a, y), theirs)


@pytest.mark.parametrize("a", PREDICTIONS, ids=len)
def test_hinge_is_the_mean_of_the_missing_margins(a):
    y = np.random.default_rng(1).choice([-1.0, 1.0], size=len(a))
    margin = 1.0 - y * a
    ours = value_and_grad(nn.hinge, a, y)
    assert_same(ours, (np.maximum(0.0, margin).mean(), np.where(margin > 0, -y, 0.0) / len(a)))


@pytest.mark.parametrize("a", PREDICTIONS, ids=len)
def test_hinge_has_the_gradient_that_torch_gives_for_the_formula(a):
    torch = pytest.importorskip("torch")
    y = np.random.default_rng(2).choice([-1.0, 1.0], size=len(a))
    theirs = of_torch(torch, lambda t: torch.relu(1.0 - torch.tensor(y) * t).mean(), a)
    assert_same(value_and_grad(nn.hinge, a, y), theirs)


def test_hinge_has_slope_0_at_the_margin():
    assert value_and_grad(nn.hinge, [1.0], [1]) == (0.0, [0.0])
    assert value_and_grad(nn.hinge, [-1.0], [-1]) == (0.0, [0.0])


@pytest.mark.parametrize("a", PREDICTIONS, ids=len)
def test_bce_with_logits_is_that_of_torch(a):
    torch = pytest.importorskip("torch")
    y = np.random.default_rng(1).uniform(size=len(a))
    y[0] = 1.0
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    theirs = of_torch(torch, lambda t: bce(t, torch.tensor(y)), a)
    assert_same(value_and_grad(nn.bce_with_logits, a, y), theirs)


@pytest.mark.parametrize("a", PREDICTIONS, ids=len)
def test_cross_entropy_is_that_of_torch_for_every_class(a):
    torch = pytest.importorskip("torch")
    for y in range(len(a)):
        theirs = of_torch(
            torch, lambda t, y=y: torch.nn.functional.cross_entropy(t, torch.tensor(y)), a
        )
        assert_same(value_and_grad(nn.cross_entropy, a, y), theirs)


def test_the_delta_of_cross_entropy_is_softmax_minus_one_hot():
    a = np.array([0.5, -1.0, 2.0])
    softmax = np.exp(a) / np.exp(a).sum()
    ours = value_and_grad(nn.cross_entropy, a, 2)
    assert_same(ours, (-math.log(softmax[2]), softmax - [0.0, 0.0, 1.0]))


def test_cross_entropy_of_two_classes_is_the_logistic_loss_of_their_difference():
    for difference in (-3.0, 0.0, 0.7):
        two, one = nn.cross_entropy([0.0, difference], 1), nn.bce_with_logits([difference], 1)
        assert two.data == pytest.approx(one.data, rel=1e-14)


@EVERY_LOSS
def test_the_gradient_agrees_with_central_differences(loss):
    a = [0.3, -0.6, 1.4]
    y = 1 if loss is nn.cross_entropy else [1.0, -1.0, 1.0]
    if loss is nn.bce_with_logits:
        y = [1.0, 0.0, 0.25]
    _, gradient = value_and_grad(loss, a, y)
    h = 1e-6
    for i in range(3):
        up, down = ([*a[:i], a[i] + step, *a[i + 1 :]] for step in (h, -h))
        difference = (loss(up, y).data - loss(down, y).data) / (2.0 * h)
        assert gradient[i] == pytest.approx(difference, abs=1e-8)


# --- large logits ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logit", "label", "expected", "slope"),
    [
        (1000.0, 1, 0.0, 0.0),
        (1000.0, 0, 1000.0, 1.0),
        (-1000.0, 0, 0.0, 0.0),
        (-1000.0, 1, 1000.0, -1.0),
        (1000.0, 0.5, 500.0, 0.5),
    ],
)
def test_bce_of_logits_of_plus_and_minus_1000_is_exact(logit, label, expected, slope):
    assert value_and_grad(nn.bce_with_logits, [logit], [label]) == (expected, [slope])


@pytest.mark.parametrize(
    ("logits", "label", "expected", "slopes"),
    [
        ([1000.0, -1000.0], 0, 0.0, [0.0, 0.0]),
        ([1000.0, -1000.0], 1, 2000.0, [1.0, -1.0]),
        ([-1000.0, -1000.0], 0, math.log(2.0), [-0.5, 0.5]),
        ([1000.0, 1000.0, 1000.0, 1000.0], 3, math.log(4.0), [0.25, 0.25, 0.25, -0.75]),
        ([-1000.0, 0.0, 1000.0], 1, 1000.0, [0.0, -1.0, 1.0]),
    ],
)
def test_cross_entropy_of_logits_of_plus_and_minus_1000_is_exact(logits, label, expected, slopes):
    value, gradient = value_and_grad(nn.cross_entropy, logits, label)
    assert value == pytest.approx(expected, rel=1e-12)
    assert gradient == pytest.approx(slopes, rel=1e-12, abs=1e-300)


@EVERY_LOSS
def test_a_prediction_of_nan_gives_nan(loss):
    y = 0 if loss is nn.cross_entropy else [1.0, 1.0]
    assert math.isnan(loss([math.nan, 1.0], y).data)


# --- what a target and a prediction may be ---------------------------------------------------


@EVERY_LOSS_OF_TARGETS
def test_targets_may_be_lists_tuples_arrays_and_values(loss):
    a = [0.5, -2.0]
    expected = loss(a, [1.0, 1.0]).data
    for y in (
        [1, 1],
        (1.0, 1.0),
        [True, True],
        np.ones(2),
        np.ones(2, dtype=int),
        np.ones(2, dtype=np.float32),
        [np.int64(1), np.float32(1)],
        [Value(1.0), Value(1.0)],
        np.array([Value(1.0), 1.0], dtype=object),
    ):
        assert loss(a, y).data == expected


@EVERY_LOSS_OF_TARGETS
def test_the_target_of_one_output_may_be_a_number(loss):
    expected = loss([0.5], [1.0]).data
    for y in (1, 1.0, True, np.float64(1), np.int32(1), np.array(1.0), np.array([1.0]), Value(1.0)):
        assert loss([0.5], y).data == expected


@EVERY_LOSS
def test_the_prediction_may_be_one_value(loss):
    y = 0 if loss is nn.cross_entropy else 1.0
    one, listed = Value(0.5), Value(0.5)
    loss(one, y).backward()
    out = loss([listed], y)
    out.backward()
    assert one.grad == listed.grad
    assert loss(one, y).data == out.data


@EVERY_LOSS
def test_the_prediction_may_be_numbers_and_arrays(loss):
    y = 1 if loss is nn.cross_entropy else [1.0, 1.0]
    expected = loss([Value(0.5), Value(-2.0)], y).data
    for a in ([0.5, -2.0], (0.5, -2.0), np.array([0.5, -2.0]), [Value(0.5), -2.0]):
        assert loss(a, y).data == expected


@pytest.mark.parametrize("y", [1, True + 0, np.int8(1), np.uint64(1)], ids=repr)
def test_a_class_may_be_any_integer(y):
    assert nn.cross_entropy([0.0, 0.0], y).data == pytest.approx(math.log(2.0))


@EVERY_LOSS_OF_TARGETS
def test_a_target_that_is_a_value_gets_a_gradient_and_a_number_costs_none(loss):
    a, y = Value(0.3), Value(1.0)
    loss([a], [y]).backward()
    assert y.grad != 0.0
    constant = loss([0.3], [1.0])
    assert not constant.requires_grad


@EVERY_LOSS
def test_the_targets_are_left_as_they_were(loss):
    y = 0 if loss is nn.cross_entropy else [1.0, 1.0]
    loss([0.5, 1.0], y)
    assert y in (0, [1.0, 1.0])


# --- what they refuse ------------------------------------------------------------------------


@EVERY_LOSS_OF_TARGETS
@pytest.mark.parametrize(
    ("a", "y"), [([1.0], [1.0, 1.0]), ([1.0, 1.0], [1.0]), ([1.0, 1.0], 1.0), ([1.0] * 3, [])]
)
def test_as_many_targets_as_predictions_are_needed(loss, a, y):
    n = 1 if isinstance(y, float) else len(y)
    message = f"{loss.__name__} got {len(a)} predictions, but {n} targets"
    with pytest.raises(ValueError, match=message):
        loss(a, y)


@EVERY_LOSS_OF_TARGETS
@pytest.mark.parametrize("y", ["1", None, 1j, ["1"], [None], [[1.0]], np.ones((1, 1))], ids=repr)
def test_targets_that_are_no_numbers_are_refused(loss, y):
    with pytest.raises(TypeError, match="expected a real number"):
        loss([0.5], y)


@EVERY_LOSS
@pytest.mark.parametrize("a", ["ab", None, 1.0, [[1.0, 2.0]], np.ones((1, 1)), ["a"]], ids=repr)
def test_predictions_that_are_no_list_of_numbers_are_refused(loss, a):
    with pytest.raises(TypeError, match=rf"{loss.__name__} takes|expected a real number"):
        loss(a, 0)


@pytest.mark.parametrize("y", [[0.0], [1.0, 0.0], [2.0], [-0.5], [math.nan]], ids=repr)
def test_hinge_takes_labels_of_plus_and_minus_1_only(y):
    with pytest.raises(ValueError, match=r"hinge takes labels -1 and 1, but got"):
        nn.hinge([0.5] * len(y), y)


@pytest.mark.parametrize("y", [[-1.0], [1.0, -1e-9], [1.5], [2], [math.nan]], ids=repr)
def test_bce_takes_labels_between_0_and_1_only(y):
    with pytest.raises(ValueError, match=r"bce_with_logits takes labels in \[0, 1\]"):
        nn.bce_with_logits([0.5] * len(y), y)


@pytest.mark.parametrize("y", [-1, 2, 100, np.int64(-2)], ids=repr)
def test_cross_entropy_refuses_a_class_that_does_not_exist(y):
    with pytest.raises(ValueError, match=rf"classes.* 0 to 1.*got {y}"):
        nn.cross_entropy([0.5, 1.0], y)


@pytest.mark.parametrize("y", [1.0, "1", None, True, [1], [0.0, 1.0], np.array([1])], ids=repr)
def test_cross_entropy_refuses_a_class_that_is_no_integer(y):
    with pytest.raises(TypeError, match="cross_entropy takes a class index, an integer"):
        nn.cross_entropy([0.5, 1.0], y)


# --- their graphs ----------------------------------------------------------------------------


def test_the_table_of_losses_holds_every_loss_under_its_name():
    for name, loss in LOSSES.items():
        assert loss.__name__ == name
        assert getattr(nn, name) is loss


def test_targets_are_constants_with_a_label_in_the_graph():
    loss = nn.mse([Value(1.0), Value(2.0)], [3.0, 4.0])
    nodes, seen = [loss], []
    while nodes:
        seen.append(nodes.pop())
        nodes += seen[-1].parents
    labelled = {node.label: node for node in seen if node.label}
    assert sorted(labelled) == ["y[0]", "y[1]"]
    assert labelled["y[1]"].data == 4.0
    assert not labelled["y[1]"].requires_grad


def test_losses_of_samples_can_be_averaged():
    a = Value(0.5)
    losses = [nn.mse([a], [y]) for y in (0.0, 1.0, 2.0)]
    (sum(losses) / len(losses)).backward()
    assert a.grad == pytest.approx(2.0 * (0.5 - 1.0), rel=1e-15)
