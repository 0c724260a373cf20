"""`fit`, `predict` and `accuracy`: what they compute, report, refuse, and leave alone."""

import numpy as np
import pytest

import nn
from autograd import Value


def numbers(nodes):
    return [node.data for node in nodes]


def line(n=8):
    """Samples of y = 2 x - 1."""
    X = np.linspace(-1.0, 1.0, n)[:, np.newaxis]
    return X, 2.0 * X[:, 0] - 1.0


def train(model=None, loss="mse", X=None, y=None, **options):
    if X is None:
        X, y = line()
    model = nn.Linear(1, 1, rng=0) if model is None else model
    options = {"epochs": 3, "batch_size": 4, "rng": 0, "progress": False, **options}
    return model, nn.fit(model, loss, X, y, **options)


# --- the history -----------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 5])
def test_the_history_has_one_number_per_epoch(epochs):
    _, history = train(epochs=epochs)
    assert isinstance(history, nn.History)
    assert list(history) == ["loss", "r2"]
    assert {len(each) for each in history.values()} == {epochs}
    assert all(type(number) is float for each in history.values() for number in each)


def test_with_validation_the_history_has_its_loss_and_metric_too():
    X, y = line()
    _, history = train(validation=(X[:3], y[:3]), epochs=4)
    assert list(history) == ["loss", "r2", "val_loss", "val_r2"]
    assert {len(each) for each in history.values()} == {4}


def test_the_loss_of_an_epoch_is_the_mean_over_its_samples():
    X, y = line(7)
    frozen = nn.Linear(1, 1, rng=0)
    expected = np.mean([nn.mse(frozen(row), t).data for row, t in zip(X, y, strict=True)])
    steady = nn.optim.SGD(frozen.parameters(), lr=0.0)
    _, history = train(frozen, X=X, y=y, optimizer=steady, epochs=1, batch_size=3)
    assert history["loss"][0] == pytest.approx(expected, rel=1e-14)


def test_the_validation_is_measured_after_the_epoch():
    X, y = line()
    held_out = X[:5] + 0.1, y[:5] + 0.2
    model, history = train(validation=held_out)
    losses = [nn.mse(model(row), t).data for row, t in zip(*held_out, strict=True)]
    assert history["val_loss"][-1] == pytest.approx(np.mean(losses), rel=1e-14)
    expected = nn.r2_score(held_out[1], nn.predict(model, held_out[0]))
    assert history["val_r2"][-1] == pytest.approx(expected, rel=1e-14)


def test_the_validation_leaves_no_trace_in_the_training():
    X, y = line()
    plain, _ = train()
    measured, _ = train(validation=(X + 3.0, y))
    assert numbers(plain.parameters()) == numbers(measured.parameters())


def test_the_loss_goes_down_and_the_line_is_found():
    model = nn.Linear(1, 1, rng=0)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    _, history = train(model, epochs=60, optimizer=optimizer)
    assert history["loss"][-1] < 1e-4 < history["loss"][0]
    assert numbers(model.parameters()) == pytest.approx([2.0, -1.0], abs=1e-2)


# --- reproducible ----------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_training_bit_for_bit():
    def run(seed):
        model = nn.MLP(1, [4, 1], activation="tanh", rng=3)
        _, history = train(model, rng=seed, epochs=4, batch_size=3)
        return numbers(model.parameters()), dict(history)

    assert run(1) == run(1) == run(np.random.default_rng(1))
    assert run(1) != run(2)


def test_the_samples_are_shuffled_anew_in_each_epoch():
    seen = []

    def spy(prediction, target):
        seen.append(target)
        return nn.mse(prediction, target)

    train(loss=spy, epochs=3, compile=False)
    epochs = [seen[i : i + 8] for i in range(0, 24, 8)]
    assert [sorted(each) for each in epochs] == [sorted(line()[1].tolist())] * 3
    assert epochs[0] != epochs[1] != epochs[2]


def test_x_and_y_are_left_as_they_were():
    X, y = line()
    train(X=X, y=y)
    np.testing.assert_array_equal(X, line()[0])
    np.testing.assert_array_equal(y, line()[1])


# --- the gradient of a batch -----------------------------------------------------------------


@pytest.mark.parametrize("loss", ["mse", "half_squared_error", "hinge", "bce_with_logits"])
def test_the_gradient_of_a_batch_is_that_of_the_mean_loss_in_one_graph(loss):
    random = np.random.default_rng(0)
    X = random.normal(size=(10, 2))
    y = random.integers(2, size=10)
    if loss == "hinge":
        y = 2 * y - 1
    model, twin = (nn.MLP(2, [5, 1], activation="tanh", rng=1) for _ in range(2))
    before = np.array(numbers(model.parameters()))
    descent = nn.optim.SGD(model.parameters(), lr=1.0)
    nn.fit(model, loss, X, y, epochs=1, batch_size=10, optimizer=descent, rng=0, progress=False)
    moved = before - numbers(model.parameters())

    function = nn.losses.LOSSES[loss]
    losses = [function(twin(row), target) for row, target in zip(X, y.tolist(), strict=True)]
    (sum(losses) / len(losses)).backward()
    gradient = np.array([parameter.grad for parameter in twin.parameters()])
    np.testing.assert_allclose(moved, gradient, rtol=0, atol=1e-12 * np.abs(gradient).max())


def test_the_last_batch_may_be_smaller_and_is_averaged_over_its_own_samples():
    class Count(nn.optim.SGD):
        steps = 0

        def step(self):
            Count.steps += 1
            Count.gradient = self.parameters[0].grad

    model = nn.Linear(1, 1, bias=False, init="zeros")
    X, y = np.ones((5, 1)), np.ones(5)
    optimizer = Count(model.parameters())
    train(model, loss="half_squared_error", X=X, y=y, optimizer=optimizer, epochs=1, batch_size=2)
    assert Count.steps == 3
    assert Count.gradient == -1.0


def test_gradients_from_before_do_not_count():
    plain, dirty = nn.Linear(1, 1, rng=0), nn.Linear(1, 1, rng=0)
    for parameter in dirty.parameters():
        parameter.grad = 100.0
    train(plain)
    train(dirty)
    assert numbers(plain.parameters()) == numbers(dirty.parameters())


def test_without_an_optimiser_it_is_adam_with_its_defaults():
    model, other = nn.Linear(1, 1, rng=0), nn.Linear(1, 1, rng=0)
    train(model)
    train(other, optimizer=nn.optim.Adam(other.parameters()))
    assert numbers(model.parameters()) == numbers(other.parameters())


def test_a_frozen_parameter_is_not_trained():
    model = nn.Linear(1, 1, rng=0)
    model.bias[0].requires_grad = False
    w, b = numbers(model.parameters())
    train(model)
    assert model.bias[0].data == b
    assert model.weight[0, 0].data != w


def test_a_loss_may_be_a_function_or_a_name():
    named, _ = train(loss="mse")
    called, _ = train(loss=nn.mse)
    assert numbers(named.parameters()) == numbers(called.parameters())


def test_lists_do_as_data():
    arrays, _ = train()
    X, y = line()
    lists, _ = train(X=X.tolist(), y=y.tolist())
    assert numbers(arrays.parameters()) == numbers(lists.parameters())


def test_targets_of_several_outputs_are_rows():
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = nn.Linear(2, 2, rng=0)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.2)
    train(model, X=X, y=X @ [[1.0, 0.0], [2.0, -1.0]], optimizer=optimizer, epochs=80)
    expected = [[1.0, 2.0], [0.0, -1.0]]
    np.testing.assert_allclose(model.state_dict()["weight"], expected, atol=1e-2)


# --- callbacks -------------------------------------------------------------------------------


def test_callbacks_are_called_after_each_epoch_counted_from_1_with_the_history():
    calls, others = [], []
    _, history = train(
        epochs=3,
        callbacks=[
            lambda epoch, history: calls.append((epoch, len(history["loss"]))),
            lambda epoch, history: others.append(history),
        ],
    )
    assert calls == [(1, 1), (2, 2), (3, 3)]
    assert all(each is history for each in others)


def test_a_callback_that_returns_true_ends_the_training():
    _, history = train(epochs=10, callbacks=[lambda epoch, history: epoch == 4])
    assert {len(each) for each in history.values()} == {4}


def test_all_callbacks_of_the_last_epoch_are_called():
    calls = []
    train(epochs=9, callbacks=[lambda epoch, history: True, lambda *args: calls.append(args[0])])
    assert calls == [1]


@pytest.mark.parametrize("result", [None, 0, 1, "stop", [True]], ids=repr)
def test_other_results_of_a_callback_do_not_end_it(result):
    _, history = train(epochs=2, callbacks=[lambda epoch, history: result])
    assert len(history["loss"]) == 2


def test_numpys_true_ends_the_training_as_well():
    _, history = train(epochs=5, callbacks=[lambda epoch, history: np.mean(history["loss"]) < 1e9])
    assert len(history["loss"]) == 1


def test_an_error_in_a_callback_comes_through():
    def fail(epoch, history):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        train(callbacks=[fail])


# --- numbers that are none -------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_no_number_raises_and_the_parameters_keep_their_last_values(bad):
    X, y = line()
    X[5] = bad
    model = nn.Linear(1, 1, rng=0)
    steps = []

    class Record(nn.optim.SGD):
        def step(self):
            super().step()
            steps.append(numbers(self.parameters))

    before = numbers(model.parameters())
    with pytest.raises(FloatingPointError, match=r"loss of sample 5 is (nan|inf).* in epoch 1"):
        train(model, X=X, y=y, optimizer=Record(model.parameters(), lr=0.1), batch_size=1)
    assert numbers(model.parameters()) == (steps[-1] if steps else before)
    assert np.isfinite(numbers(model.parameters())).all()


def test_in_the_batch_with_the_bad_sample_nothing_is_updated():
    X, y = line()
    X[5] = np.nan
    model = nn.Linear(1, 1, rng=0)
    before = numbers(model.parameters())
    with pytest.raises(FloatingPointError, match="sample 5"):
        train(model, X=X, y=y, batch_size=8)
    assert numbers(model.parameters()) == before


def test_a_training_that_diverges_raises_and_leaves_finite_parameters():
    model = nn.Linear(1, 1, rng=0)
    optimizer = nn.optim.SGD(model.parameters(), lr=1e6)
    with pytest.raises(FloatingPointError, match="Lower the learning rate"):
        train(model, optimizer=optimizer, epochs=100)
    assert np.isfinite(numbers(model.parameters())).all()


def test_an_infinite_gradient_of_a_finite_loss_raises_too_and_leaves_the_parameters():
    # sqrt has the slope inf at 0, where the loss itself is finite.
    model = nn.MLP(1, [1], output="sqrt", init="zeros")
    for optimizer in (None, nn.optim.SGD(model.parameters(), lr=0.1)):
        with pytest.raises(FloatingPointError, match="gradient"):
            train(model, X=[[1.0]], y=[1.0], optimizer=optimizer, epochs=1)
        assert numbers(model.parameters()) == [0.0, 0.0]


# --- data that do not fit --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0], r"X must have the shape \(samples, inputs\), but it is \(2,\)"),
        (np.ones((2, 2, 2)), [1.0, 2.0], r"X must have the shape.*\(2, 2, 2\)"),
        ([], [], r"X must have the shape"),
        (np.ones((0, 1)), [], r"X must have the shape"),
        (np.ones((3, 1)), [1.0, 2.0], "X has 3 samples, but y has 2 targets"),
        (np.ones((2, 3)), [1.0, 2.0], r"Linear\(1 → 1\) takes 1 inputs, but got 3"),
        (np.ones((2, 1)), np.ones((2, 2)), "1 predictions, but 2 targets"),
    ],
)
def test_data_that_do_not_fit_are_refused_and_nothing_is_trained(X, y, message):
    model = nn.Linear(1, 1, rng=0)
    before = numbers(model.parameters())
    with pytest.raises(ValueError, match=message):
        train(model, X=X, y=y)
    assert numbers(model.parameters()) == before
    with pytest.raises(ValueError, match=message):
        train(model, validation=(X, y), optimizer=nn.optim.SGD(model.parameters(), lr=0.0))


def test_bad_validation_data_are_refused_before_anything_is_trained():
    model = nn.Linear(1, 1, rng=0)
    before = numbers(model.parameters())
    with pytest.raises(ValueError, match="X has 3 samples, but y has 2 targets"):
        train(model, validation=(np.ones((3, 1)), [1.0, 2.0]))
    assert numbers(model.parameters()) == before


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": -1}, {"batch_size": 0}])
def test_epochs_and_batches_must_be_positive(options):
    with pytest.raises(ValueError, match="must be positive"):
        train(**options)


def test_an_unknown_loss_is_refused_and_the_known_ones_are_listed():
    with pytest.raises(ValueError, match=r"unknown loss 'l2'; .*half_squared_error, mse"):
        train(loss="l2")


def test_labels_that_a_loss_does_not_take_are_refused():
    X, _ = line()
    with pytest.raises(ValueError, match="hinge takes labels -1 and 1"):
        train(loss="hinge", X=X, y=np.arange(8) % 2)


# --- the progress bar ------------------------------------------------------------------------


def test_without_progress_nothing_is_printed(capfd):
    train(progress=False)
    assert capfd.readouterr() == ("", "")


def test_with_progress_a_bar_goes_to_stderr_with_the_newest_numbers(capfd):
    X, y = line()
    _, history = train(progress=True, epochs=2, validation=(X, y))
    out, err = capfd.readouterr()
    assert out == ""
    assert "2/2" in err
    assert "epoch" in err
    for name in ("loss", "r2", "val_loss", "val_r2"):
        assert f"{name}={history[name][-1]:.4g}" in err


def test_progress_is_shown_unless_switched_off(capfd):
    X, y = line()
    nn.fit(nn.Linear(1, 1, rng=0), "mse", X, y, epochs=1, rng=0)
    assert "1/1" in capfd.readouterr().err


# --- predict and accuracy --------------------------------------------------------------------


def test_predict_gives_an_array_of_samples_by_outputs():
    model = nn.MLP(2, [3, 4], activation="tanh", rng=0)
    X = np.random.default_rng(0).normal(size=(5, 2))
    outputs = nn.predict(model, X)
    assert outputs.shape == (5, 4)
    assert outputs.dtype == np.float64
    np.testing.assert_array_equal(outputs, [numbers(model(row)) for row in X])
    np.testing.assert_array_equal(nn.predict(model, X.tolist()), outputs)


def test_predict_and_accuracy_record_no_graph():
    seen = []

    class Spy(nn.Linear):
        def forward(self, inputs):
            outputs = super().forward(inputs)
            seen.extend(output.requires_grad for output in outputs)
            return outputs

    model = Spy(1, 1, rng=0)
    nn.predict(model, [[1.0], [2.0]])
    nn.accuracy(model, [[1.0], [2.0]], [0, 1])
    assert seen == [False] * 4
    model([1.0])
    assert seen[-1] is True


def test_predict_leaves_gradients_alone():
    model = nn.Linear(1, 1, rng=0)
    model([1.0])[0].backward()
    nn.predict(model, [[1.0]])
    assert [parameter.grad for parameter in model.parameters()] == [1.0, 1.0]


class Given(nn.Module):
    """Returns its inputs, as the outputs of a network."""

    def forward(self, inputs):
        return [Value(float(each)) for each in inputs]


@pytest.mark.parametrize("labels", [[1, -1, -1, 1], [1, 0, 0, 1], [True, False, False, True]])
def test_with_a_single_output_the_class_is_its_sign(labels):
    outputs = [[0.3], [-2.0], [0.0], [1e-300]]
    assert nn.accuracy(Given(), outputs, labels) == 1.0
    assert nn.accuracy(Given(), outputs, np.array(labels)[:, np.newaxis]) == 1.0
    assert nn.accuracy(Given(), [[0.3], [2.0], [0.1], [-1.0]], labels) == 0.25


def test_with_several_outputs_the_class_is_that_of_the_largest():
    outputs = [[1.0, 2.0, 0.0], [5.0, 4.0, 3.0], [-3.0, -2.0, -1.0], [0.0, 1.0, 0.0]]
    assert nn.accuracy(Given(), outputs, [1, 0, 2, 1]) == 1.0
    assert nn.accuracy(Given(), outputs, np.array([1, 1, 2, 0])) == 0.5
    one_hot = np.eye(3)[[1, 0, 2, 1]]
    assert nn.accuracy(Given(), outputs, one_hot) == 1.0


def test_accuracy_refuses_data_that_do_not_fit():
    with pytest.raises(ValueError, match="X has 2 samples, but y has 3 targets"):
        nn.accuracy(Given(), [[1.0], [2.0]], [0, 1, 1])


def test_the_accuracy_of_an_epoch_is_in_the_history():
    X, y = np.array([[1.0], [2.0], [-1.0], [-3.0]]), [1, 1, -1, 1]
    model = nn.Linear(1, 1)
    model.load_state_dict({"weight": [[1.0]], "bias": [0.0]})
    still = nn.optim.SGD(model.parameters(), lr=0.0)
    _, history = train(model, loss="hinge", X=X, y=y, optimizer=still)
    assert history["accuracy"] == [0.75] * 3


# --- it learns -------------------------------------------------------------------------------


def test_two_moons_are_learnt_to_100_percent():
    X, y = nn.data.moons(100, noise=0.1, rng=0)
    model = nn.MLP(2, [16, 16, 1], rng=0)
    optimizer = nn.optim.Adam(model.parameters(), lr=0.02)
    history = nn.fit(
        model, "hinge", X, y,
        epochs=100, batch_size=20, optimizer=optimizer, rng=0, progress=False,
        callbacks=[lambda epoch, history: nn.accuracy(model, X, y) == 1.0],
    )  # fmt: skip
    assert nn.accuracy(model, X, y) == 1.0
    assert history["loss"][-1] < 0.1


def test_classes_are_learnt_with_cross_entropy():
    random = np.random.default_rng(0)
    classes = np.arange(60) % 3
    angles = 2.0 * np.pi * classes / 3
    X = np.column_stack([np.cos(angles), np.sin(angles)]) + random.normal(0.0, 0.1, (60, 2))
    model = nn.Linear(2, 3, rng=0)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.5)
    train(model, loss="cross_entropy", X=X, y=classes, optimizer=optimizer, epochs=10)
    assert nn.accuracy(model, X, classes) == 1.0


def test_a_model_that_gives_a_single_value_trains_and_predicts_too():
    class Bare(nn.Module):
        def __init__(self):
            self.neuron = nn.Neuron(2, rng=0)

        def forward(self, inputs):
            return self.neuron(inputs)[0]

    X, y = [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0]
    nn.fit(Bare(), nn.mse, X, y, epochs=2, rng=0, progress=False)
    assert nn.predict(Bare(), X).shape == (2, 1)


# --- compiled --------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("loss", ["mse", "hinge", "bce_with_logits", "half_squared_error"])
def test_compiled_training_is_the_plain_one_to_rounding(loss, activation):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(23, 2)), random.integers(2, size=23)
    y = 2 * y - 1 if loss == "hinge" else y
    runs = []
    for compiled in (True, False):
        model = nn.MLP(2, [5, 4, 1], activation, rng=1)
        optimizer = nn.optim.Adam(model.parameters(), lr=0.02)
        history = nn.fit(
            model, loss, X, y, epochs=4, batch_size=8, optimizer=optimizer, rng=2,
            validation=(X[:5], y[:5]), progress=False, compile=compiled,
        )  # fmt: skip
        assert history.compiled is compiled
        runs.append((numbers(model.parameters()), history))
    (ours, fast), (plain, slow) = runs
    np.testing.assert_allclose(ours, plain, rtol=1e-9, atol=1e-12)
    assert list(fast) == list(slow)
    for name in fast:
        np.testing.assert_allclose(fast[name], slow[name], rtol=1e-9)


def test_compiled_training_with_classes_is_the_plain_one_too():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(30, 4)), random.integers(3, size=30)
    found = []
    for compiled in (True, False):
        model = nn.MLP(4, [6, 3], "tanh", rng=1)
        history = nn.fit(
            model, "cross_entropy", X, y, epochs=5, batch_size=7, rng=2, progress=False,
            compile=compiled,
        )  # fmt: skip
        assert history.compiled is compiled
        found.append([*numbers(model.parameters()), *history["loss"], *history["accuracy"]])
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12)


def test_what_cannot_be_compiled_runs_node_by_node_and_says_why():
    def branching(prediction, target):
        loss = nn.mse(prediction, target)
        return loss if prediction[0] > 0.0 else 1.0 * loss

    plain, _ = train(loss="mse")
    model, history = train(loss=branching)
    assert not history.compiled
    assert "cannot branch" in history.reason
    np.testing.assert_allclose(numbers(model.parameters()), numbers(plain.parameters()), rtol=1e-12)


def test_parameters_are_written_back_after_an_interrupt():
    model = nn.MLP(1, [3, 1], "tanh", rng=0)
    before = numbers(model.parameters())

    class Interrupt(nn.optim.SGD):
        calls = 0

        def update(self, *numbers):
            self.calls += 1
            if self.calls == 4:
                raise KeyboardInterrupt
            return super().update(*numbers)

    _, history = train(model, optimizer=Interrupt(model.parameters(), lr=0.1))
    assert history.interrupted
    twin = nn.MLP(1, [3, 1], "tanh", rng=0)
    train(twin, optimizer=Interrupt(twin.parameters(), lr=0.1), compile=False)
    assert numbers(model.parameters()) != before
    np.testing.assert_allclose(
        numbers(model.parameters()), numbers(twin.parameters()), rtol=1e-12, atol=1e-15
    )


def test_an_optimiser_with_a_step_of_its_own_sees_data_and_gradients():
    class Plain(nn.optim.SGD):
        def step(self):
            for parameter in self.parameters:
                parameter.data -= 0.1 * parameter.grad

    runs = []
    for compiled in (True, False):
        model = nn.Linear(1, 1, rng=0)
        train(model, optimizer=Plain(model.parameters()), compile=compiled)
        runs.append(numbers(model.parameters()))
    np.testing.assert_allclose(*runs, rtol=1e-12)


def test_callbacks_see_and_may_set_the_parameters_between_epochs():
    model = nn.Linear(1, 1, rng=0)
    seen = []

    def reset(epoch, history):
        seen.append(numbers(model.parameters()))
        model.load_state_dict({"weight": [[0.0]], "bias": [0.0]})

    train(model, epochs=3, callbacks=[reset], optimizer=nn.optim.SGD(model.parameters(), lr=0.1))
    assert numbers(model.parameters()) == [0.0, 0.0]
    assert seen[1] != seen[0] != [0.0, 0.0]
