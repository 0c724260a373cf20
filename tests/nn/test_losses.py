"""Losses against torch and closed forms: values, gradients, large logits, and bad targets."""

import math

import numpy as np
import pytest

import nn
from autograd import Value, compile

LOSSES = nn.losses.LOSSES
EVERY_LOSS = pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
OF_TARGETS = [name for name in LOSSES if name != "cross_entropy"]  # a target per output
EVERY_LOSS_OF_TARGETS = pytest.mark.parametrize(
    "loss", [LOSSES[name] for name in OF_TARGETS], ids=OF_TARGETS
)
RANDOM = np.random.default_rng(0)
PREDICTIONS = [RANDOM.normal(size=n) * 2.0 for n in (1, 2, 3, 10)]


def value_and_grad(loss, prediction, target, **options):
    a = [Value(each) for each in prediction]
    out = loss(a, target, **options)
    out.backward()
    return out.data, [each.grad for each in a]


def of_torch(torch, function, prediction):
    a = torch.tensor(prediction, dtype=torch.float64, requires_grad=True)
    out = function(a)
    out.backward()
    return out.item(), a.grad.tolist()


def assert_same(ours, theirs):
    assert ours[0] == pytest.approx(theirs[0], rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-12, atol=2e-15)


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


def with_extremes(a):
    """The predictions with large ones among them, as many."""
    large = np.array([1000.0, -1000.0, 40.0, -40.0, 1e-12, 0.0])
    return np.where(np.arange(len(a)) % 2, np.resize(large, len(a)), a)


def sizes(n, seed=1):
    """(predictions, targets) of n outputs, ordinary and extreme ones."""
    random = np.random.default_rng(seed)
    a = random.normal(size=n) * 2.0
    return [(a, random.normal(size=n)), (with_extremes(a), random.normal(size=n)), (a, a.copy())]


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_mae_is_torchs_l1_loss_with_slope_0_where_exact(n):
    torch = pytest.importorskip("torch")
    for a, y in sizes(n):
        theirs = of_torch(torch, lambda t, y=y: torch.nn.functional.l1_loss(t, torch.tensor(y)), a)
        assert_same(value_and_grad(nn.mae, a, y), theirs)


@pytest.mark.parametrize("n", [1, 2, 3, 12])
@pytest.mark.parametrize("delta", [0.01, 0.7, 1.0, 5.0])
def test_huber_is_that_of_torch(n, delta):
    torch = pytest.importorskip("torch")
    huber = torch.nn.functional.huber_loss
    for a, y in [
        *sizes(n),
        (np.full(n, 1.0 + delta), np.ones(n)),
        (np.zeros(n), np.full(n, delta)),
    ]:
        theirs = of_torch(torch, lambda t, y=y: huber(t, torch.tensor(y), delta=delta), a)
        assert_same(value_and_grad(nn.huber, a, y, delta=delta), theirs)


def test_huber_has_delta_1_by_default_and_its_slope_is_held_there():
    assert value_and_grad(nn.huber, [3.0], [0.0]) == (2.5, [1.0])
    assert value_and_grad(nn.huber, [-1.0], [0.0]) == (0.5, [-1.0])
    assert value_and_grad(nn.huber, [math.inf], [0.0]) == (math.inf, [1.0])


@pytest.mark.parametrize("a", PREDICTIONS, ids=len)
def test_logistic_is_torchs_soft_margin_loss(a):
    torch = pytest.importorskip("torch")
    y = np.random.default_rng(1).choice([-1.0, 1.0], size=len(a))
    loss = torch.nn.functional.soft_margin_loss
    assert_same(
        value_and_grad(nn.logistic, a, y), of_torch(torch, lambda t: loss(t, torch.tensor(y)), a)
    )


def test_logistic_is_bce_with_logits_of_the_labels_as_0_and_1():
    a, y = with_extremes(np.linspace(-3.0, 3.0, 12)), np.resize([1.0, 1.0, -1.0, -1.0], 12)
    ours = value_and_grad(nn.logistic, a, y)
    assert_same(ours, value_and_grad(nn.bce_with_logits, a, (y + 1.0) / 2.0))


def test_logistic_of_logits_of_plus_and_minus_1000_is_exact():
    # where PyTorch overflows
    assert value_and_grad(nn.logistic, [1000.0], [-1]) == (1000.0, [1.0])
    assert value_and_grad(nn.logistic, [-1000.0], [1]) == (1000.0, [-1.0])
    assert value_and_grad(nn.logistic, [1000.0], [1]) == (0.0, [0.0])


@pytest.mark.parametrize("a", PREDICTIONS, ids=len)
@pytest.mark.parametrize("weighted", [False, True])
def test_bce_is_that_of_torch(a, weighted):
    torch = pytest.importorskip("torch")
    p = 1.0 / (1.0 + np.exp(-a))
    random = np.random.default_rng(1)
    weight = random.uniform(0.0, 3.0, size=len(a)) if weighted else None
    bce = torch.nn.functional.binary_cross_entropy
    for y in (random.uniform(size=len(a)), random.integers(2, size=len(a)).astype(float)):
        there = None if weight is None else torch.tensor(weight)
        theirs = of_torch(torch, lambda t, y=y, w=there: bce(t, torch.tensor(y), weight=w), p)
        assert_same(value_and_grad(nn.bce, p, y, weight=weight), theirs)


def test_bce_of_a_certain_and_wrong_answer_costs_100_nats_and_is_level_there():
    torch = pytest.importorskip("torch")
    p, y = [0.0, 1.0, 1e-50, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0]
    bce = torch.nn.functional.binary_cross_entropy
    each = bce(torch.tensor(p).double(), torch.tensor(y).double(), reduction="none").tolist()
    for p_i, y_i, expected, slope in zip(p, y, each, [0.0, 0.0, 0.0, 1.0, -1.0], strict=True):
        assert value_and_grad(nn.bce, [p_i], [y_i]) == (expected, [slope])


def test_bce_of_probabilities_near_0_has_the_slope_of_its_formula():
    # where PyTorch holds p (1 - p) at 1e-12
    assert value_and_grad(nn.bce, [1e-20], [1.0])[1] == pytest.approx([-1e20], rel=1e-15)


@pytest.mark.parametrize("logit", [-1000.0, -50.0, 0.0, 30.0, 40.0, 1000.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_bce_behind_a_sigmoid_is_finite_for_any_logit(logit, label):
    z = Value(logit)
    out = nn.bce([z.sigmoid()], [label])
    out.backward()
    assert 0.0 <= out.data <= 100.0
    assert math.isfinite(z.grad)
    if -100.0 < logit <= 0.0:  # further right, 1 - σ(z) has lost the digits
        assert z.grad == pytest.approx(z.sigmoid().data - label, rel=1e-12)


@pytest.mark.parametrize("a", PREDICTIONS, ids=len)
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("weight", [None, 2.5, "each"])
@pytest.mark.parametrize("pos_weight", [None, 0.5, "each"])
def test_weights_of_bce_with_logits_are_those_of_torch(a, extreme, weight, pos_weight):
    torch = pytest.importorskip("torch")
    a = with_extremes(a) if extreme else a
    random = np.random.default_rng(3)
    options = {"weight": weight, "pos_weight": pos_weight}
    options = {
        name: random.uniform(0.0, 4.0, size=len(a)) if option == "each" else option
        for name, option in options.items()
    }
    there = {
        name: None if option is None else torch.tensor(np.broadcast_to(option, len(a)).copy())
        for name, option in options.items()
    }
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    for y in (random.uniform(size=len(a)), random.integers(2, size=len(a)).astype(float)):
        theirs = of_torch(torch, lambda t, y=y: bce(t, torch.tensor(y), **there), a)
        assert_same(value_and_grad(nn.bce_with_logits, a, y, **options), theirs)


@pytest.mark.parametrize("a", PREDICTIONS, ids=len)
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_cross_entropy_of_classes_and_of_distributions_is_that_of_torch(
    a, extreme, weighted, smoothing
):
    torch = pytest.importorskip("torch")
    a = with_extremes(a) if extreme else a
    random = np.random.default_rng(4)
    weight = random.uniform(0.0, 4.0, size=len(a)) if weighted else None
    there = None if weight is None else torch.tensor(weight)
    function = torch.nn.functional.cross_entropy
    for y in (*range(len(a)), random.dirichlet(np.ones(len(a))), np.eye(len(a))[0]):
        theirs = of_torch(
            torch,
            lambda t, y=y: function(
                t, torch.tensor(y), weight=there, label_smoothing=smoothing, reduction="none"
            ),
            a,
        )
        ours = value_and_grad(nn.cross_entropy, a, y, weight=weight, label_smoothing=smoothing)
        assert_same(ours, theirs)


def test_cross_entropy_of_a_one_hot_distribution_is_that_of_the_class():
    a = [0.3, -1000.0, 2.0]
    assert_same(
        value_and_grad(nn.cross_entropy, a, [0, 0, 1]), value_and_grad(nn.cross_entropy, a, 2)
    )


def test_a_class_that_is_ruled_out_costs_nothing_if_it_has_no_share():
    a, y = [0.0, -math.inf, 1.0], [0.25, 0.0, 0.75]
    expected = value_and_grad(nn.cross_entropy, [0.0, 1.0], [0.25, 0.75])
    value, gradient = value_and_grad(nn.cross_entropy, a, y)
    assert_same((value, [gradient[0], gradient[2]]), expected)
    assert gradient[1] == 0.0


@EVERY_LOSS
def test_a_sample_weight_multiplies_the_loss_and_its_gradient(loss):
    a = [0.3, 0.6, 0.9]
    y = 1 if loss is nn.cross_entropy else [1.0, 1.0, 1.0]
    value, gradient = value_and_grad(loss, a, y)
    for weight in (0, 2, 0.5, np.float64(3.0), Value(3.0)):
        number = weight.data if isinstance(weight, Value) else weight
        weighted = value_and_grad(loss, a, y, sample_weight=weight)
        assert_same(weighted, (number * value, [number * slope for slope in gradient]))


def test_class_weights_average_over_a_batch_as_in_torch_when_divided_by_their_sum():
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(5)
    logits, y, weight = random.normal(size=(6, 3)), [0, 1, 2, 2, 2, 0], [0.5, 2.0, 1.0]
    losses = [nn.cross_entropy(a, t, weight=weight).data for a, t in zip(logits, y, strict=True)]
    theirs = torch.nn.functional.cross_entropy(
        torch.tensor(logits), torch.tensor(y), weight=torch.tensor(weight).double()
    )
    assert sum(losses) / sum(weight[t] for t in y) == pytest.approx(theirs.item(), rel=1e-14)


@pytest.mark.filterwarnings("ignore:Passing more than 2 positional arguments:DeprecationWarning")
@EVERY_LOSS
def test_every_loss_can_be_compiled_with_targets_and_sample_weights_as_arguments(loss):
    model = nn.MLP(2, [3, 2], "tanh", output="sigmoid", rng=0)
    random = np.random.default_rng(6)
    X, weights = random.normal(size=(5, 2)), random.uniform(size=5)
    y = np.eye(2)[random.integers(2, size=5)]  # as labels, probabilities, and one-hot classes
    if loss in (nn.hinge, nn.logistic):
        y = 2.0 * y - 1.0

    program = compile(
        lambda x, t, w: loss(model(x), list(t), sample_weight=w), in_axes=(0, 0, 0), reduce="mean"
    )
    value, gradients = program.value_and_grad(X, y, weights)
    rows = list(zip(X, y, weights, strict=True))
    eager = sum(loss(model(x), t, sample_weight=w) for x, t, w in rows) / 5
    eager.backward()
    assert value == pytest.approx(eager.data, rel=1e-12)
    for name, array in model.named_parameters():
        expected = np.vectorize(lambda each: each.grad)(array)
        np.testing.assert_allclose(gradients[name], expected, rtol=1e-11, atol=1e-15)


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
    a = [0.3, 0.6, 0.9]
    y = 1 if loss is nn.cross_entropy else [1.0, -1.0, 1.0]
    if loss in (nn.bce, nn.bce_with_logits):
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
    a = [0.5, 0.125]
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
    expected = loss([Value(0.5), Value(0.125)], y).data
    for a in ([0.5, 0.125], (0.5, 0.125), np.array([0.5, 0.125]), [Value(0.5), 0.125]):
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
@pytest.mark.parametrize("loss", [nn.hinge, nn.logistic])
def test_hinge_and_logistic_take_labels_of_plus_and_minus_1_only(loss, y):
    message = rf"{loss.__name__} takes labels -1 and 1, but got .* as 2 \* y - 1"
    with pytest.raises(ValueError, match=message):
        loss([0.5] * len(y), y)


@pytest.mark.parametrize("y", [[-1.0], [1.0, -1e-9], [1.5], [2], [math.nan]], ids=repr)
@pytest.mark.parametrize("loss", [nn.bce, nn.bce_with_logits])
def test_bce_takes_labels_between_0_and_1_only(loss, y):
    message = rf"{loss.__name__} takes labels in \[0, 1\], but got .* as \(y \+ 1\) / 2"
    with pytest.raises(ValueError, match=message):
        loss([0.5] * len(y), y)


@pytest.mark.parametrize("y", [-1, 2, 100, np.int64(-2)], ids=repr)
def test_cross_entropy_refuses_a_class_that_does_not_exist(y):
    with pytest.raises(ValueError, match=rf"classes.* 0 to 1.*got {y}"):
        nn.cross_entropy([0.5, 1.0], y)


@pytest.mark.parametrize("y", [1.0, "1", None, True, np.True_, Value(1.0), np.array(1.0)], ids=repr)
def test_cross_entropy_refuses_a_class_that_is_no_integer(y):
    with pytest.raises(TypeError, match="cross_entropy takes a class index, an integer"):
        nn.cross_entropy([0.5, 1.0], y)


@pytest.mark.parametrize(
    "y",
    [[1], np.array([1]), [0.5, 0.5, 0.0], [1.0, 1.0], [0, 0], [1.5, -0.5], [math.nan, 1.0]],
    ids=repr,
)
def test_cross_entropy_refuses_what_is_no_distribution_over_its_classes(y):
    with pytest.raises(ValueError, match="a class index, or a distribution over its 2 classes"):
        nn.cross_entropy([0.5, 1.0], y)


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, math.nan])
def test_cross_entropy_refuses_a_smoothing_outside_0_to_1(smoothing):
    with pytest.raises(ValueError, match="label_smoothing from 0 to 1, but got"):
        nn.cross_entropy([0.5, 1.0], 0, label_smoothing=smoothing)


@pytest.mark.parametrize("delta", [0.0, -1.0, math.nan, math.inf])
def test_huber_refuses_a_delta_that_is_not_positive(delta):
    with pytest.raises(ValueError, match="huber takes a positive number as delta, but got"):
        nn.huber([0.5], [1.0], delta=delta)


@pytest.mark.parametrize("p", [-1e-9, 1.0 + 1e-9, 3.0, -math.inf])
def test_bce_refuses_predictions_that_are_no_probabilities_and_names_the_remedy(p):
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\].*or use bce_with_logits"):
        nn.bce([0.5, p], [1.0, 0.0])


@EVERY_LOSS
@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, "2", [1.0], 1j], ids=repr)
def test_a_sample_weight_that_is_no_number_of_at_least_0_is_refused(loss, bad):
    y = 0 if loss is nn.cross_entropy else [1.0]
    message = f"{loss.__name__}: sample_weight must be finite and at least 0, but got"
    with pytest.raises(ValueError, match=message):
        loss([0.5], y, sample_weight=bad)


@pytest.mark.parametrize("loss", [nn.bce, nn.bce_with_logits, nn.cross_entropy])
def test_weights_that_do_not_fit_are_refused(loss):
    y = 0 if loss is nn.cross_entropy else [1.0, 0.0]
    with pytest.raises(ValueError, match="has 2 outputs, but got 3 numbers as weight"):
        loss([0.5, 0.5], y, weight=[1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="weight must be finite and at least 0, but got -1"):
        loss([0.5, 0.5], y, weight=[1.0, -1.0])


def test_class_weights_that_are_one_number_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"one number per class, 2 of them.*is sample_weight"):
        nn.cross_entropy([0.5, 0.5], 0, weight=2.0)


def test_pos_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="has 1 outputs, but got 2 numbers as pos_weight"):
        nn.bce_with_logits([0.5], [1.0], pos_weight=[1.0, 2.0])


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
