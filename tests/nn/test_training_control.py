"""What steers `fit`: early stopping, schedules, clipping, weights, splits and metrics."""

import functools
import math

import numpy as np
import pytest

import nn
from nn import optim

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 2))
Y = X[:, 0] - 0.5 * X[:, 1]


def numbers(model):
    return [parameter.data for parameter in model.parameters()]


def train(model=None, loss="mse", x=X, y=Y, **options):
    model = nn.Linear(2, 1, rng=0) if model is None else model
    options = {"epochs": 3, "batch_size": 5, "rng": 0, "progress": False, **options}
    return model, nn.fit(model, loss, x, y, **options)


both = pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])


# --- early stopping --------------------------------------------------------------------------


def scripted(losses, **options):
    """The epoch after which the given numbers end a training, and that which is restored."""
    model = nn.Linear(1, 1, init="zeros")
    stopper = nn.EarlyStopping(model, **options)
    for epoch in range(1, len(losses) + 1):
        model.bias[0].data = float(epoch)
        if stopper(epoch, {stopper.monitor or "loss": losses[:epoch]}):
            break
    stopper.restore()
    return epoch, model.bias[0].data


@pytest.mark.parametrize(
    ("losses", "options", "expected"),
    [
        ([3, 2, 2.5, 2.5, 1], {"patience": 2}, (4, 2)),
        ([3, 2, 2.5, 1, 2, 2], {"patience": 2}, (6, 4)),
        ([3, 2, 2, 2], {"patience": 1}, (3, 2)),  # as good is not better
        ([3, 2.9, 2.8, 2.7, 2.6], {"patience": 2, "min_delta": 0.5}, (3, 1)),
        ([3, 2.7, 2.4, 2.4], {"patience": 2, "min_delta": 0.5}, (4, 3)),  # gains add up
        ([0.1, 0.5, 0.4, 0.4], {"patience": 2, "monitor": "val_accuracy"}, (4, 2)),
        ([0.1, 0.5, 0.4, 0.4], {"patience": 2, "monitor": "r2"}, (4, 2)),
        ([0.1, 0.5, 0.4, 0.4], {"patience": 2, "monitor": "val_loss"}, (3, 1)),
        ([0.1, 0.5, 0.4], {"patience": 1, "mode": "max"}, (3, 2)),
        ([math.nan, 2, 3, math.nan], {"patience": 2}, (4, 2)),
        ([1, 2, 3], {"patience": 9}, (3, 1)),  # not over, but the best is restored
    ],
)
def test_the_training_ends_after_as_many_epochs_without_a_better_number(losses, options, expected):
    assert scripted(losses, **options) == expected


@pytest.mark.parametrize(
    "options", [{"patience": 0}, {"min_delta": -1.0}, {"min_delta": math.nan}, {"mode": "least"}]
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=f"EarlyStopping: {next(iter(options))} must be"):
        nn.EarlyStopping(nn.Linear(1, 1), **options)


@both
@pytest.mark.parametrize("restore", [True, False])
def test_fit_stops_early_and_gives_back_the_best_parameters(compiled, restore):
    model = nn.Linear(2, 1, rng=0)
    seen = []
    _, history = train(
        model, epochs=50, patience=3, validation=(X[:5], -Y[:5]), restore_best=restore,
        optimizer=optim.SGD(model.parameters(), lr=0.1), compile=compiled,
        callbacks=[lambda epoch, history: seen.append(numbers(model))],
    )  # fmt: skip
    best = int(np.argmin(history["val_loss"]))
    assert len(history["val_loss"]) == best + 4 < 50
    assert numbers(model) == (seen[best] if restore else seen[-1])
    assert seen[best] != seen[-1]


def test_without_validation_the_training_loss_is_watched():
    model = nn.Linear(2, 1, rng=0)
    still = optim.SGD(model.parameters(), lr=0.0)
    _, history = train(model, epochs=50, patience=2, optimizer=still)
    # The losses are equal but for rounding, in which they may gain a little.
    assert len(history["loss"]) < 20


def test_what_is_not_in_the_history_cannot_be_monitored():
    with pytest.raises(ValueError, match="no 'val_loss' to monitor; the history has loss, r2"):
        train(patience=2, monitor="val_loss")


def test_a_callback_may_add_a_quantity_to_watch():
    def add(epoch, history):
        history.setdefault("mine", []).append(-float(epoch))

    _, history = train(epochs=9, patience=2, monitor="mine", callbacks=[add])
    assert len(history["mine"]) == 9


# --- schedules -------------------------------------------------------------------------------


@both
def test_a_scheduler_is_stepped_after_each_epoch_and_the_rates_are_in_the_history(compiled):
    model = nn.Linear(2, 1, rng=0)
    sgd = optim.SGD(model.parameters(), lr=0.1)
    _, history = train(
        model, scheduler=nn.ExponentialLR(sgd, 0.5), epochs=4, compile=compiled
    )  # the optimiser is that of the scheduler
    assert history["lr"] == [0.1, 0.05, 0.025, 0.0125]
    assert sgd.lr == 0.00625

    twin = nn.Linear(2, 1, rng=0)
    steps = optim.SGD(twin.parameters(), lr=0.1)

    def halve(epoch, history):
        steps.lr *= 0.5

    train(twin, optimizer=steps, epochs=4, callbacks=[halve], compile=compiled)
    assert numbers(twin) == numbers(model)


def test_one_cycle_goes_through_its_rates_batch_by_batch():
    model, seen = nn.Linear(2, 1, rng=0), []

    class Seen(optim.SGD):
        def update(self, *arrays):
            seen.append((self.lr, self.param_groups[0]["momentum"]))
            return super().update(*arrays)

    def cycle(steps):
        return nn.OneCycleLR(steps, max_lr=0.2, epochs=3, steps_per_epoch=4)

    steps = Seen(model.parameters(), lr=0.1, momentum=0.9)
    _, history = train(model, scheduler=cycle(steps), scheduler_every="batch")
    other = optim.SGD(nn.Linear(2, 1).parameters(), lr=0.1, momentum=0.9)
    rates, expected = cycle(other), []
    for _ in range(12):
        expected.append((other.lr, other.param_groups[0]["momentum"]))
        other.step()
        rates.step()
    assert seen == expected
    assert history["lr"] == [seen[3][0], seen[7][0], seen[11][0]]


@pytest.mark.parametrize("monitor", [None, "val_r2"])
def test_a_plateau_gets_the_monitored_number(monitor):
    model = nn.Linear(2, 1, rng=0)
    sgd = optim.SGD(model.parameters(), lr=0.01)

    class Told(nn.ReduceLROnPlateau):
        def step(self, metrics=None):
            told.append(metrics)
            super().step(metrics)

    told = []
    _, history = train(
        model, optimizer=sgd, scheduler=Told(sgd), monitor=monitor, validation=(X[:4], Y[:4])
    )
    assert told == history[monitor or "val_loss"]


def test_schedulers_that_cannot_be_are_refused():
    model, other = nn.Linear(2, 1, rng=0), nn.Linear(2, 1, rng=0)
    sgd = optim.SGD(other.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="another optimiser"):
        train(model, optimizer=optim.SGD(model.parameters()), scheduler=nn.StepLR(sgd, 2))
    with pytest.raises(ValueError, match="scheduler_every must be 'epoch' or 'batch', not 'step'"):
        train(other, scheduler=nn.StepLR(sgd, 2), scheduler_every="step")
    with pytest.raises(ValueError, match="ReduceLROnPlateau looks at a number per epoch"):
        train(other, scheduler=nn.ReduceLROnPlateau(sgd), scheduler_every="batch")


# --- clipping --------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("own_step", [False, True])
@pytest.mark.parametrize(
    ("options", "clip"),
    [
        ({"clip_norm": 0.2}, lambda p: nn.clip_grad_norm_(p, 0.2)),
        ({"clip_value": 0.1}, lambda p: nn.clip_grad_value_(p, 0.1)),
    ],
)
def test_gradients_are_clipped_before_each_step(options, clip, own_step, compiled):
    class Own(optim.SGD):
        def step(self):
            super().step()

    def run(kind, **given):
        model = nn.MLP(2, [3, 1], "tanh", rng=1)
        model.layers[0].bias[0].requires_grad = False
        train(model, optimizer=kind(model.parameters(), lr=0.5), **given)
        return numbers(model)

    class Clipped(optim.SGD):
        def step(self):
            clip(self.parameters)
            super().step()

    kind = Own if own_step else optim.SGD
    found = run(kind, compile=compiled, **options)
    np.testing.assert_allclose(found, run(Clipped, compile=False), rtol=1e-10)
    assert not np.allclose(found, run(kind), rtol=1e-3)


@pytest.mark.parametrize(
    "options", [{"clip_norm": 0.0}, {"clip_value": -1.0}, {"clip_norm": math.nan}]
)
def test_limits_are_above_0(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be above 0"):
        train(**options)


def test_only_one_kind_of_clipping_is_done():
    with pytest.raises(ValueError, match="clip_norm or clip_value, not both"):
        train(clip_norm=1.0, clip_value=1.0)


# --- sample weights --------------------------------------------------------------------------


@both
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_weights_multiply_the_losses(loss, compiled):
    y = Y if loss == "mse" else (Y > 0).astype(int)
    weight = RANDOM.uniform(0.0, 2.0, size=len(X))
    outputs = 1 if loss == "mse" else 2

    def run(function, y, **options):
        model = nn.Linear(2, outputs, rng=0)
        _, history = train(
            model, function, y=y, optimizer=optim.SGD(model.parameters(), lr=0.1), **options
        )
        return [*numbers(model), *history["loss"]]

    found = run(loss, y, sample_weight=weight, compile=compiled)
    targets = np.column_stack([y, weight])  # the same by a loss of one's own
    known = nn.losses.LOSSES[loss]
    kind = float if loss == "mse" else int
    expected = run(
        lambda a, t: known(a, kind(t[0]), sample_weight=t[1]), targets, compile=False, metric=None
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert not np.allclose(found, run(loss, y))


@both
def test_samples_of_weight_0_have_no_part_in_the_training(compiled):
    y = Y.copy()
    y[::2] = 1e6
    weight = np.arange(20) % 2
    model, history = train(y=y, sample_weight=weight, compile=compiled)
    assert max(history["loss"]) < 10.0
    assert np.abs(numbers(model)).max() < 10.0


@both
def test_validation_takes_weights_too(compiled):
    frozen = nn.Linear(2, 1, rng=0)
    still = optim.SGD(frozen.parameters(), lr=0.0)
    weight = np.arange(1.0, 6.0)
    options = {"optimizer": still, "epochs": 1, "compile": compiled}
    losses = [nn.mse(frozen(row), t).data for row, t in zip(X[:5], Y[:5], strict=True)]
    for given in (weight, None):
        for own in (np.ones(20), None):
            held_out = (X[:5], Y[:5]) if given is None else (X[:5], Y[:5], given)
            _, history = train(frozen, validation=held_out, sample_weight=own, **options)
            expected = np.mean(np.array(losses) * (1.0 if given is None else given))
            assert history["val_loss"] == [pytest.approx(expected, rel=1e-13)]


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(3), r"20 numbers, one per sample, but has the shape \(3,\)"),
        (-np.ones(20), "finite and at least 0"),
        (np.full(20, np.nan), "finite and at least 0"),
    ],
)
def test_weights_that_are_none_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        train(sample_weight=weight)


# --- a share held out ------------------------------------------------------------------------


@both
@pytest.mark.parametrize(("share", "count"), [(0.25, 5), (0.5, 10), (0.01 + 1 / 20, 1)])
def test_a_share_is_held_out_at_random_and_never_trained_on(share, count, compiled):
    trained, weight = [], np.ones(20)

    def spy(prediction, target):
        trained.append(target)
        return nn.mse(prediction, target)

    _, history = train(loss=spy, validation_split=share, epochs=1, compile=False, metric="r2")
    first = trained[-20:]
    held = set(first[20 - count :])
    assert len(set(first)) == 20
    assert held.isdisjoint(first[: 20 - count])
    assert held != set(Y[-count:].tolist())  # not just the last ones
    assert list(history) == ["loss", "r2", "val_loss", "val_r2"]

    again, same = train(validation_split=share, epochs=2, compile=compiled, sample_weight=weight)
    rest = [i for i in range(20) if Y[i] not in held]
    kept = [i for i in range(20) if Y[i] in held]
    losses = [nn.mse(again(X[i]), Y[i]).data for i in kept]
    assert same["val_loss"][-1] == pytest.approx(np.mean(losses), rel=1e-13)
    assert len(rest) == 20 - count


def test_the_split_depends_on_the_seed_alone():
    runs = [train(validation_split=0.3, rng=seed)[1]["val_loss"] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, 1.5, math.nan, 0.001, 0.999])
def test_shares_that_leave_nothing_are_refused(share):
    with pytest.raises(ValueError, match="validation_split"):
        train(validation_split=share)


def test_a_set_and_a_share_are_too_much():
    with pytest.raises(ValueError, match="validation or validation_split, not both"):
        train(validation_split=0.5, validation=(X, Y))


@pytest.mark.parametrize("compiled", [True, False])
def test_the_validation_is_measured_in_evaluation_mode(compiled):
    model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Dropout(0.5, rng=0), nn.Linear(8, 1, rng=0))
    still = optim.SGD(model.parameters(), lr=0.0)
    _, history = train(model, optimizer=still, validation=(X, Y), compile=compiled, epochs=2)
    assert model.training
    model.eval()
    expected = np.mean([nn.mse(model(x), y).data for x, y in zip(X, Y, strict=True)])
    assert history["val_loss"] == [pytest.approx(expected, rel=1e-13)] * 2
    assert history["loss"][0] != pytest.approx(expected, rel=1e-3)


# --- metrics ---------------------------------------------------------------------------------


def keys(loss, y, outputs=1, **options):
    _, history = train(nn.Linear(2, outputs, rng=0), loss, y=y, epochs=1, **options)
    return list(history)


def test_the_metric_suits_the_loss():
    signs, classes = np.sign(Y), (Y > 0).astype(int)
    assert keys("mse", Y) == keys("mae", classes) == ["loss", "r2"]
    assert keys(functools.partial(nn.huber, delta=2.0), Y) == ["loss", "r2"]
    assert keys("hinge", signs) == keys("bce_with_logits", classes) == ["loss", "accuracy"]
    assert keys("cross_entropy", classes, 2) == ["loss", "accuracy"]
    own = lambda a, y: nn.mse(a, y)
    assert keys(own, classes) == keys(own, signs) == ["loss", "accuracy"]
    assert keys(own, Y) == ["loss", "r2"]
    assert keys("mse", classes, metric="accuracy") == ["loss", "accuracy"]
    assert keys("mse", Y, metric=None) == ["loss"]


def test_a_custom_loss_whose_targets_no_metric_takes_has_none():
    pairs = np.column_stack([Y, Y])
    assert keys(lambda a, t: nn.mse(a, t[0]), pairs) == ["loss"]
    with pytest.raises(ValueError, match=r"r2 cannot be measured of 1 outputs and targets of sh"):
        keys(lambda a, t: nn.mse(a, t[0]), pairs, metric="r2")
    with pytest.raises(ValueError, match="metric must be 'auto', 'accuracy', 'r2' or None"):
        keys("mse", Y, metric="f1")


@both
def test_of_probabilities_the_class_is_said_by_a_half(compiled):
    model = nn.MLP(2, [1], output="sigmoid", rng=0)
    still = optim.SGD(model.parameters(), lr=0.0)
    classes = np.arange(20) % 2
    _, history = train(
        model, "bce", y=classes, optimizer=still, compile=compiled, validation=(X[:7], classes[:7])
    )
    right = (nn.predict(model, X)[:, 0] > 0.5) == classes
    assert history["accuracy"] == [right.mean()] * 3
    assert history["val_accuracy"] == [right[:7].mean()] * 3


@both
def test_r2_is_that_of_the_predictions(compiled):
    frozen = nn.Linear(2, 2, rng=0)
    still = optim.SGD(frozen.parameters(), lr=0.0)
    y = np.column_stack([Y, Y**2])
    _, history = train(frozen, y=y, optimizer=still, epochs=1, compile=compiled)
    assert history["r2"] == [pytest.approx(nn.r2_score(y, nn.predict(frozen, X)), rel=1e-12)]


@both
def test_compiled_and_eager_give_the_same_with_everything_on(compiled):
    def run(compile):
        model = nn.MLP(2, [4, 1], "tanh", rng=0)
        steps = optim.AdamW(model.parameters(), lr=0.05)
        _, history = train(
            model, compile=compile, scheduler=nn.CosineAnnealingLR(steps, T_max=6), epochs=6,
            clip_norm=0.5, patience=4, sample_weight=np.linspace(0.0, 2.0, 20),
            validation_split=0.2,
        )  # fmt: skip
        assert history.compiled is compile
        return [*numbers(model), *np.ravel(list(history.values()))]

    np.testing.assert_allclose(run(compiled), run(False), rtol=1e-9, atol=1e-12)
