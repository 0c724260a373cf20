"""`fit` when it is interrupted, and when numbers stop being numbers."""

import signal
import threading

import numpy as np
import pytest

import nn
from autograd import Value, exp, is_grad_enabled

X = np.random.default_rng(0).normal(size=(12, 2))
Y = X[:, 0] - X[:, 1]


def numbers(model):
    return [parameter.data for parameter in model.parameters()]


def train(model, loss="mse", x=X, y=Y, **options):
    options = {"epochs": 3, "batch_size": 4, "rng": 0, "progress": False, **options}
    return nn.fit(model, loss, x, y, **options)


class Recorded(nn.optim.SGD):
    """Keeps what it has made of the parameters, step by step."""

    def __init__(self, model, **options):
        super().__init__(model.parameters(), **options)
        self.steps = [numbers(model)]

    def update(self, *arrays):
        new = super().update(*arrays)
        self.steps.append(new.tolist())
        return new


both = pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])


# --- Ctrl-C ----------------------------------------------------------------------------------


@both
def test_an_interrupt_at_any_moment_leaves_the_parameters_of_a_finished_step(compiled):
    random = np.random.default_rng(1)
    former = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    alarm = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))

    class Soon(Recorded):
        def update(self, *arrays):
            if len(self.steps) == 1:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 0.03))
            return super().update(*arrays)

    try:
        for _ in range(25):
            model = nn.MLP(2, [3, 1], "tanh", rng=0)
            steps = Soon(model, lr=0.01, momentum=0.9)
            history = train(
                model, optimizer=steps, compile=compiled, epochs=10**6, callbacks=[lambda *_: None],
                validation=(X[:2], Y[:2]),
            )  # fmt: skip
            assert is_grad_enabled()
            assert (Value(1.0) + 1.0).scope is None  # no scope was left open
            assert model.training
            assert history.interrupted
            assert numbers(model) == steps.steps[-1]
            assert len({len(each) for each in history.values()} | {len(history.epochs)}) == 1
            assert len(steps.steps) - 1 - 3 * len(history.epochs) in range(4)
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, former)
        signal.signal(signal.SIGALRM, alarm)


@both
def test_an_interrupt_from_a_callback_returns_the_history_with_its_epoch(compiled):
    def stop(epoch, history):
        if epoch == 2:
            raise KeyboardInterrupt

    model = nn.MLP(2, [3, 1], "tanh", rng=0)
    steps = Recorded(model, lr=0.01)
    history = train(model, optimizer=steps, compile=compiled, callbacks=[stop], epochs=9)
    assert history.interrupted
    assert history.epochs == [1, 2]
    assert numbers(model) == steps.steps[-1]
    assert not train(model).interrupted


def test_an_interrupt_from_within_a_loss_leaves_the_step_undone():
    calls = []

    def loss(prediction, target):
        calls.append(target)
        if len(calls) == 18:
            raise KeyboardInterrupt
        return nn.mse(prediction, target)

    model = nn.MLP(2, [3, 1], "tanh", rng=0)
    steps = Recorded(model, lr=0.01)
    history = train(model, loss, optimizer=steps, compile=False)
    assert history.interrupted
    assert history.epochs == [1]
    assert len(steps.steps) == 1 + 4  # 16 samples are 4 batches
    assert numbers(model) == steps.steps[-1]


@both
def test_an_optimiser_that_fails_halfway_leaves_the_parameters_of_the_step_before(compiled):
    class Halfway(nn.optim.SGD):
        calls = 0

        def step(self):
            self.calls += 1
            for i, parameter in enumerate(self.parameters):
                if self.calls == 3 and i == 2:
                    raise KeyboardInterrupt
                parameter.data -= 0.1 * parameter.grad
            self.last = [parameter.data for parameter in self.parameters]

    model = nn.MLP(2, [3, 1], "tanh", rng=0)
    steps = Halfway(model.parameters())
    assert train(model, optimizer=steps, compile=compiled).interrupted
    assert numbers(model) == steps.last


def test_after_an_interrupt_the_best_parameters_are_not_restored():
    def stop(epoch, history):
        if epoch == 3:
            raise KeyboardInterrupt

    model = nn.Linear(2, 1, rng=0)
    steps = Recorded(model, lr=3.0)  # it diverges: the first epoch is the best
    train(model, optimizer=steps, callbacks=[stop], patience=8, epochs=5)
    assert numbers(model) == steps.steps[-1]


def test_the_note_is_printed(capfd):
    def stop(epoch, history):
        raise KeyboardInterrupt

    train(nn.Linear(2, 1, rng=0), callbacks=[stop], progress=True)
    assert "interrupted after epoch 1" in capfd.readouterr().err


def test_it_trains_in_other_threads_too():
    done = []
    thread = threading.Thread(target=lambda: done.append(train(nn.Linear(2, 1, rng=0))))
    thread.start()
    thread.join()
    assert len(done[0].epochs) == 3


# --- numbers that are none -------------------------------------------------------------------


def message(model, **options):
    with pytest.raises(FloatingPointError) as caught:
        train(model, **options)
    return str(caught.value)


@both
def test_the_layer_where_the_first_overflow_arose_is_named(compiled):
    model = nn.MLP(2, [3, 3, 1], "exp", rng=0)
    for weight in model.layers[1].weight.ravel():
        weight.data = 2000.0
    before = numbers(model)
    said = message(model, compile=compiled)
    assert "in epoch 1, batch 1" in said
    assert "is inf, made by exp in MLP.layers.1 (a[" in said
    assert numbers(model) == before


@both
def test_the_parameter_that_is_no_number_is_named(compiled):
    model = nn.MLP(2, [3, 1], "tanh", rng=0)
    model.layers[1].weight[0, 2].data = float("nan")
    said = message(model, compile=compiled)
    assert "is nan, the parameter layers.1.weight[0, 2]" in said


@both
def test_the_sample_that_has_none_is_named_by_its_place_also_after_a_split(compiled):
    x = X.copy()
    x[7, 1] = np.inf
    said = message(nn.Linear(2, 1, rng=0), x=x, compile=compiled, batch_size=1)
    assert "the loss of sample 7 is inf in epoch 1, batch" in said
    assert "is inf, the constant x[1]" in said
    share = {"validation_split": 0.1, "rng": 3}  # which does not hold it out
    said = message(nn.Linear(2, 1, rng=0), x=x, compile=compiled, **share)
    assert "sample 7" in said


@both
def test_the_layer_where_the_first_infinite_adjoint_arose_is_named(compiled):
    model = nn.Sequential(
        nn.Linear(2, 1, init="zeros"), nn.Activation("sqrt"), nn.Linear(1, 1, rng=0)
    )
    said = message(model, compile=compiled)
    assert "the gradient of 0.weight, 0.bias is not finite in epoch 1, batch 1" in said
    assert "the first adjoint that is not finite is" in said
    assert "by way of sqrt in Sequential.0 (a[0])" in said


@both
def test_the_batch_is_counted_and_the_step_before_is_kept(compiled):
    def loss(prediction, target):
        return nn.mse(prediction, target) + exp(prediction[0] + 1000.0 * target) * 0.0

    y = Y * 0.0 + 0.1
    y[5] = 1.0  # exp(1000) · 0 is nan
    model = nn.Linear(2, 1, rng=0)
    steps = Recorded(model, lr=0.01)
    said = message(model, loss=loss, y=y, optimizer=steps, batch_size=1, compile=compiled)
    batch = int(said.split("batch ")[1].split(":")[0])
    assert len(steps.steps) == batch
    assert numbers(model) == steps.steps[-1]
    assert "the loss of sample 5 is nan in epoch 1" in said
    assert "is inf, made by exp in the loss" in said


@both
def test_a_step_that_would_overflow_is_refused(compiled):
    model = nn.Linear(2, 1, rng=0)
    before = numbers(model)
    steps = nn.optim.SGD(model.parameters(), lr=1e308)
    said = message(model, optimizer=steps, y=1e3 * Y, compile=compiled)
    assert "the step of SGD in epoch 1, batch 1 would make weight" in said
    assert "Lower the learning rate" in said
    assert numbers(model) == before


@pytest.mark.parametrize("seed", range(6))
def test_dropout_does_not_hide_where_an_adjoint_arose(seed):
    model = nn.Sequential(
        nn.Linear(2, 1, init="zeros"), nn.Activation("sqrt"), nn.Dropout(0.5, rng=seed),
        nn.Linear(1, 1, rng=0),
    )  # fmt: skip
    assert "by way of sqrt in Sequential.0 (a[" in message(model, batch_size=1)
