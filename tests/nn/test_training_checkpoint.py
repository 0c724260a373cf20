"""Checkpoints of `fit`: a training that goes on is the one that never stopped, bit for bit."""

import contextlib

import numpy as np
import pytest

import nn
from nn import optim

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(13, 2))
Y = np.sin(X[:, 0]) * X[:, 1]

OPTIMISERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.05),
    "nesterov": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: optim.Adam(p, lr=0.02),
    "amsgrad": lambda p: optim.Adam(p, lr=0.02, amsgrad=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.02),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.05, lr_decay=0.01),
}
SCHEDULERS = {
    "step": lambda o: nn.StepLR(o, 3, gamma=0.5),
    "exponential": lambda o: nn.ExponentialLR(o, 0.9),
    "cosine": lambda o: nn.CosineAnnealingLR(o, T_max=10),
    "warm-up": lambda o: nn.SequentialLR(
        o, [nn.LinearLR(o, total_iters=3), nn.CosineAnnealingLR(o, T_max=7)], milestones=[3]
    ),
    "lambda": lambda o: nn.LambdaLR(o, lambda t: 1.0 / (1.0 + t)),
    "plateau": lambda o: nn.ReduceLROnPlateau(o, patience=1, threshold=0.1),
    "one-cycle": lambda o: nn.OneCycleLR(o, max_lr=0.1, total_steps=40),
}


def make(optimiser="adam", scheduler=None, seed=1, activation="tanh", sizes=(3, 1)):
    model = nn.MLP(2, list(sizes), activation, rng=seed)
    steps = OPTIMISERS[optimiser](model.parameters())
    return model, steps, scheduler and SCHEDULERS[scheduler](steps)


def train(parts, epochs, **options):
    model, steps, scheduler = parts
    options = {"batch_size": 4, "rng": 5, "progress": False, **options}
    history = nn.fit(
        model, "mse", X, Y, epochs=epochs, optimizer=steps, scheduler=scheduler,
        scheduler_every="batch" if isinstance(scheduler, nn.OneCycleLR) else "epoch", **options,
    )  # fmt: skip
    return history


def state(parts, history):
    """Everything that must be the same, arrays as bytes."""
    model, steps, scheduler = parts

    def plain(thing):
        if isinstance(thing, np.ndarray):
            return thing.dtype.str, thing.tobytes()
        if isinstance(thing, dict):
            return {key: plain(each) for key, each in thing.items()}
        return thing

    return plain(
        {
            "model": model.state_dict(),
            "optimiser": steps.state_dict(),
            "scheduler": scheduler.state_dict() if scheduler else None,
            "history": dict(history),
            "epochs": history.epochs,
        }
    )


def same(tmp_path, compiled=True, first=4, **options):
    """Whether 10 epochs are 4 and 6 more."""
    made = {key: options.pop(key) for key in ("optimiser", "scheduler") if key in options}
    whole = make(**made)
    expected = state(whole, train(whole, 10, compile=compiled, **options))
    path = tmp_path / "run.npz"
    half = make(**made)
    train(half, first, compile=compiled, checkpoint=path, **options)
    rest = make(**made, seed=99)  # other parameters: all must come from the file
    history = train(rest, 10, compile=compiled, resume=path, **{**options, "rng": 77})
    assert history.compiled is compiled
    assert len(history.seconds) == 10
    assert state(rest, history) == expected


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_resumed_training_is_the_whole_one_with_every_optimiser(tmp_path, optimiser, compiled):
    same(tmp_path, compiled, optimiser=optimiser)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_resumed_training_is_the_whole_one_with_every_scheduler(tmp_path, scheduler, compiled):
    same(tmp_path, compiled, scheduler=scheduler)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
def test_with_clipping_weights_and_validation_too(tmp_path, compiled):
    weights = np.linspace(0.5, 1.5, len(X))
    same(
        tmp_path, compiled, clip_norm=0.1, sample_weight=weights, validation=(X[:3], Y[:3]),
        patience=50,
    )  # fmt: skip


def test_the_samples_held_out_stay_held_out(tmp_path):
    same(tmp_path, validation_split=0.3)


def test_a_generator_of_ones_own_goes_on_where_it_was(tmp_path):
    whole = make()
    expected = state(whole, train(whole, 6, rng=np.random.Generator(np.random.MT19937(3))))
    half = make()
    train(half, 2, rng=np.random.Generator(np.random.MT19937(3)), checkpoint=tmp_path / "a")
    rest = make(seed=9)
    history = train(rest, 6, rng=np.random.Generator(np.random.MT19937(8)), resume=tmp_path / "a")
    assert state(rest, history) == expected
    with pytest.raises(nn.LoadError, match=r"random generators are .*MT19937.*, not .*PCG64"):
        train(make(), 6, rng=0, resume=tmp_path / "a")


def test_dropout_draws_on_where_it_was(tmp_path):
    def run(epochs, seed, **options):
        model = nn.Sequential(
            nn.Linear(2, 6, rng=seed),
            nn.Tanh(),
            nn.Dropout(0.5, rng=seed),
            nn.Linear(6, 1, rng=seed),
        )  # fmt: skip
        history = nn.fit(model, "mse", X, Y, epochs=epochs, rng=seed, progress=False, **options)
        assert not history.compiled
        assert "draws a new mask" in history.reason
        return model.state_dict(), dict(history)

    whole, lists = run(5, 1)
    run(2, 1, checkpoint=tmp_path / "a")
    rest, others = run(5, 2, resume=tmp_path / "a")
    assert {name: each.tobytes() for name, each in rest.items()} == {
        name: each.tobytes() for name, each in whole.items()
    }
    assert others == lists


def test_early_stopping_goes_on_counting_and_restores_the_best_of_both_parts(tmp_path):
    def run(epochs, seed=1, **options):
        parts = make("sgd", seed=seed)
        parts[1].lr = 1.0  # jumps about
        history = train(parts, epochs, patience=6, validation=(X[:4], Y[:4]), **options)
        return history, state(parts, history)

    history, expected = run(60)
    assert len(history["loss"]) < 60
    stop = len(history["loss"])
    run(stop - 3, checkpoint=tmp_path / "a")
    rest, found = run(60, seed=8, resume=tmp_path / "a", checkpoint=tmp_path / "a")
    assert found == expected
    assert run(60, seed=8, resume=tmp_path / "a")[1] == expected  # it was over
    assert len(rest["loss"]) == stop


# --- when it is written, and read ------------------------------------------------------------


def test_it_is_written_every_k_epochs_and_after_the_last(tmp_path):
    path, written = tmp_path / "a", []

    def look(epoch, history):
        written.append(path.exists() and path.stat().st_mtime_ns)

    train(make(), 5, checkpoint=path, checkpoint_every=2, callbacks=[look])
    assert written[:2] == [False, False]
    assert written[2] == written[3] != written[4]
    assert path.stat().st_mtime_ns != written[4]


def test_after_an_interrupt_the_last_epoch_that_was_finished_is_gone_on_from(tmp_path):
    whole = make()
    expected = state(whole, train(whole, 6))

    class Interrupted(optim.Adam):
        calls = 0

        def update(self, *numbers):
            self.calls += 1
            if self.calls == 11:  # in the third epoch
                raise KeyboardInterrupt
            return super().update(*numbers)

    model = make()[0]
    broken = Interrupted(model.parameters(), lr=0.02)
    Interrupted.__name__ = "Adam"
    history = train((model, broken, None), 6, checkpoint=tmp_path / "a", resume=True)
    assert history.interrupted
    assert history.epochs == [1, 2]
    rest = make(seed=3)
    history = train(rest, 6, checkpoint=tmp_path / "a", resume=True)
    assert state(rest, history) == expected
    assert not history.interrupted


def test_what_has_all_its_epochs_is_given_back_as_it_is(tmp_path):
    first = make()
    expected = state(first, train(first, 3, checkpoint=tmp_path / "a"))
    again = make(seed=4)
    assert state(again, train(again, 3, resume=tmp_path / "a")) == expected


def test_callbacks_are_told_the_epochs_counted_on(tmp_path):
    seen = []
    train(make(), 2, checkpoint=tmp_path / "a")
    train(make(), 4, resume=tmp_path / "a", callbacks=[lambda epoch, _: seen.append(epoch)])
    assert seen == [3, 4]


def test_resume_wants_a_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="resume=True goes on from checkpoint"):
        train(make(), 2, resume=True)
    with pytest.raises(FileNotFoundError):
        train(make(), 2, resume=tmp_path / "none")


def test_a_state_that_cannot_be_kept_is_refused_before_the_training(tmp_path):
    class Odd:
        def __call__(self, epoch, history):
            raise AssertionError

        def state_dict(self):
            return {"a": object()}

        def load_state_dict(self, state):
            raise AssertionError

    with pytest.raises(ValueError, match=r"cannot keep object .*callbacks\.0\.state\.a"):
        train(make(), 2, checkpoint=tmp_path / "a", callbacks=[Odd()])
    assert not (tmp_path / "a").exists()


# --- files that are none, or of something else -----------------------------------------------


def refused(parts, path, message, epochs=5, **options):
    """The file is refused, and nothing has changed."""
    before = state(parts, nn.History())
    with pytest.raises(nn.LoadError, match=message):
        train(parts, epochs, resume=path, **options)
    assert state(parts, nn.History()) == before


def test_foreign_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    train(make(), 2, checkpoint=path)
    content = path.read_bytes()
    cut = tmp_path / "cut.npz"
    for part in (0, 1, len(content) // 3, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:part])
        refused(make(), cut, r"cut\.npz: it is truncated, damaged, or no such file")
    text = tmp_path / "notes.txt"
    text.write_text("epochs: 3")
    refused(make(), text, r"notes\.txt")
    model = tmp_path / "model.npz"
    nn.save(make()[0], model)
    refused(make(), model, "it is no checkpoint")


def test_a_file_with_a_byte_changed_is_refused_or_harmless(tmp_path):
    path = tmp_path / "run.npz"
    train(make(), 1, checkpoint=path)
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(0)
    for place in random.integers(len(content), size=40):
        changed = bytearray(content)
        changed[place] ^= 1 << random.integers(8)
        path.write_bytes(changed)
        with contextlib.suppress(nn.LoadError):
            train(make(), 1, resume=path)


def test_another_model_is_refused(tmp_path):
    path = tmp_path / "a"
    train(make(), 2, checkpoint=path)
    refused(make(sizes=(4, 1)), path, r"another model: .*2 → 3.*, not .*2 → 4")
    refused(make(activation="relu"), path, "another model: .*tanh.*, not .*relu")


def test_another_optimiser_scheduler_or_number_of_samples_is_refused(tmp_path):
    path = tmp_path / "a"
    train(make(scheduler="step"), 2, checkpoint=path)
    refused(make("adagrad", "step"), path, "another optimizer: Adam, not Adagrad")
    refused(make(scheduler="cosine"), path, "another scheduler: StepLR, not CosineAnnealingLR")
    refused(make(), path, "another scheduler: StepLR, not NoneType")
    refused(
        make(scheduler="step"), path, "does not fit the split: it is of 13 samples, 0 of them held",
        validation_split=0.2,
    )  # fmt: skip
    refused(make(scheduler="step"), path, "callbacks with a state are", patience=3)
