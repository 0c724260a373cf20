"""The history of `fit`, as a table and a picture, and what is shown while it grows."""

import copy
import csv
import io
import math
import pickle
import re
import sys

import numpy as np
import pytest

import nn
from nn import progress

X = np.random.default_rng(0).normal(size=(20, 2))
Y = X[:, 0] - 0.5 * X[:, 1]


def train(**options):
    options = {"epochs": 3, "rng": 0, "progress": False, **options}
    return nn.fit(nn.Linear(2, 1, rng=0), "mse", X, Y, **options)


# --- a dict with a table and a picture -------------------------------------------------------


def test_it_numbers_and_times_its_epochs():
    history = train(epochs=4)
    assert history.epochs == [1, 2, 3, 4]
    assert len(history.seconds) == 4
    assert all(0.0 < each < 60.0 for each in history.seconds)
    assert not history.interrupted


def test_the_table_reads_back_to_the_last_bit(tmp_path):
    history = train(validation=(X[:5], Y[:5]))
    history["mine"] = [1.0, math.inf]  # of a callback that missed an epoch
    history.to_csv(tmp_path / "history.csv")
    text = (tmp_path / "history.csv").read_bytes().decode()
    assert "\r" not in text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["epoch", "loss", "r2", "val_loss", "val_r2", "mine", "seconds"]
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    for name in ("loss", "r2", "val_loss", "val_r2"):
        assert [float(row[name]) for row in rows] == history[name]
    assert [row["mine"] for row in rows] == ["1.0", "inf", ""]
    assert [float(row["seconds"]) for row in rows] == history.seconds


def test_it_plots_itself():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    history = train(validation=(X[:5], Y[:5]), epochs=5)
    _, ax = plt.subplots()
    assert history.plot(ax, keys=["loss", "val_loss"]) is ax
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), history["loss"])
    plt.close("all")


def test_it_can_be_copied_and_pickled():
    history = train()
    for other in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert other == history
        assert other.epochs == history.epochs
        assert other.compiled


# --- while it grows --------------------------------------------------------------------------


def test_where_there_is_no_terminal_plain_lines_are_printed(capfd):
    history = train(progress=True, epochs=2)
    out, err = capfd.readouterr()
    assert out == ""
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", err)
    lines = err.splitlines()
    assert len(lines) == 2
    for epoch, line in enumerate(lines):
        expected = f"epoch {epoch + 1}/2  loss={history['loss'][epoch]:.4g}  r2="
        assert line.startswith(expected)
        assert re.search(r"  [\d,]+ samples/s$", line)


def test_many_short_epochs_have_few_lines_the_first_and_the_last_among_them(capfd, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def tick(epoch, history):
        now[0] += 0.5

    train(progress=True, epochs=12, callbacks=[tick])
    shown = [int(each) for each in re.findall(r"epoch (\d+)/12", capfd.readouterr().err)]
    assert shown == [1, 5, 9, 12]


def test_the_last_epoch_is_shown_also_if_it_comes_early(capfd):
    train(progress=True, epochs=50, callbacks=[lambda epoch, history: epoch == 7])
    assert "epoch 7/50" in capfd.readouterr().err.splitlines()[-1]


def test_early_stopping_says_which_epoch_was_best(capfd):
    history = train(progress=True, epochs=900, patience=1, validation=(X, -Y))
    best = int(np.argmin(history["val_loss"])) + 1
    assert capfd.readouterr().err.splitlines()[-1] == f"stopped early; best is epoch {best}"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_in_a_terminal_there_is_a_bar_with_loss_metric_and_speed(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    history = train(progress=True, epochs=2)
    shown = sys.stderr.getvalue()
    assert "\r" in shown
    last = shown.split("\r")[-1]
    assert "epoch 2/2: 100%" in last
    assert f"loss={history['loss'][-1]:.4g}, r2=" in last
    assert "sample/s" in last


def test_without_standard_error_it_trains_silently(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert len(train(progress=True).epochs) == 3


def test_in_a_notebook_there_is_a_bar(monkeypatch):
    class Shell:
        config = {"IPKernelApp": {}}  # noqa: RUF012

    class IPython:
        get_ipython = staticmethod(Shell)

    assert isinstance(progress.reporter(True, 2, 0, 5), progress.Lines)
    monkeypatch.setitem(sys.modules, "IPython", IPython)
    bar = progress.reporter(True, 2, 0, 5)
    assert isinstance(bar, progress.Bar)
    bar.close()
