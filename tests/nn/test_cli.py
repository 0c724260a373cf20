"""The command line: each command in process, what it writes, and what it refuses in one line."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import nn
from nn import saving
from nn.cli import main
from nn.cli.parser import parser

QUICK = ["--n", "24", "--layers", "4", "--epochs", "2", "--quiet"]
FLOWERS = "length,width,kind\n" + "".join(
    f"{1 + i % 7 + 5 * (i % 2)},{2 + i % 5},{'rose' if i % 2 else 'tulip'}\n" for i in range(24)
)


@pytest.fixture
def flowers(tmp_path):
    path = tmp_path / "flowers.csv"
    path.write_text(FLOWERS)
    return path


@pytest.fixture
def refused(capsys):
    """Runs the program and gives its one line of complaint."""

    def run(*arguments, status=2):
        try:
            found = main([str(each) for each in arguments])
        except SystemExit as end:
            found = end.code
        out, err = capsys.readouterr()
        assert found == status, (found, out, err)
        assert err.count("\n") == 1, err
        assert "Traceback" not in err
        assert err.startswith("python -m nn")
        return err

    return run


def trained(folder, *arguments):
    assert main(["train", *QUICK, "--out", str(folder), *map(str, arguments)]) == 0
    return folder / "model.npz"


# --- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["train", "verify", "draw", "explain", "bench", "demo"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert f"python -m nn {command}" in out
    assert "--seed" in out
    assert "Example: " in out


def test_the_program_has_help_and_lists_its_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert all(name in out for name in ("train", "verify", "draw", "explain", "bench", "demo"))


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "nn", "train", "--layers", "x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("python -m nn train: error: argument --layers")


# --- train ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["moons", "circles", "spiral", "xor", "blobs", "sine", "linear"])
def test_every_drawn_set_can_be_trained_on(name, capsys):
    noise = [] if name == "blobs" else ["--noise", "0.01"]
    assert main(["train", "--data", name, *QUICK, *noise]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{name}: 18 samples to train on, 6 to validate")
    score = r"R² -?\d" if name in ("sine", "linear") else r"accuracy \d+\.\d%"
    assert re.search(rf"^training    {score}", out, re.M)
    assert re.search(rf"^validation  {score}", out, re.M)


@pytest.mark.parametrize("name", ["digits", "iris"])
def test_bundled_sets_are_split_as_nn_data_splits_them(name, capsys):
    pytest.importorskip("sklearn")
    split = getattr(nn.data, name)(rng=0)
    assert main(["train", "--data", name, "--layers", "2", "--epochs", "1", "--quiet"]) == 0
    held = len(split.X_test)
    assert f"{len(split.X):,} samples to train on, {held} to validate" in capsys.readouterr().out


def test_moons_are_learnt(capsys):
    assert main(["train", "--data", "moons", "--quiet", "--epochs", "60"]) == 0
    found = re.search(r"validation  accuracy (\d+\.\d)%", capsys.readouterr().out)
    assert float(found.group(1)) >= 95.0


def test_the_folder_has_model_history_and_pictures(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / "a" / "b"
    trained(out)
    names = {"model.npz", "history.csv", "history.png", "boundary.png", "network.svg"}
    assert {path.name for path in out.iterdir()} == names
    assert [path.name for path in out.parent.iterdir()] == ["b"]  # nothing else is left behind
    said = capsys.readouterr().out
    assert all(f"wrote {out / name}" in said for name in names)
    with (out / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert list(rows[0])[:3] == ["epoch", "loss", "accuracy"]
    assert {"val_loss", "val_accuracy"} <= set(rows[0])
    assert f"epoch 2: loss {float(rows[-1]['loss']):.4g}" in said
    assert (out / "boundary.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (out / "network.svg").read_text()


def test_the_model_that_is_kept_is_the_one_that_was_measured(tmp_path, capsys):
    model = nn.load(trained(tmp_path / "out", "--data", "spiral", "--validation", "0"))
    rng = np.random.default_rng(0).spawn(2)[0]
    X, y = nn.data.spiral(24, noise=0.03, rng=rng)
    assert f"training    accuracy {nn.accuracy(model, X, y):.1%}" in capsys.readouterr().out


def test_numbers_get_a_picture_of_predictions_and_no_accuracy(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    trained(tmp_path / "out", "--data", "sine")
    assert (tmp_path / "out" / "predictions.png").exists()
    assert not (tmp_path / "out" / "boundary.png").exists()
    head = (tmp_path / "out" / "history.csv").read_text().splitlines()[0]
    assert "accuracy" not in head
    assert "accuracy" not in capsys.readouterr().out


def test_the_same_seed_gives_the_same_model(tmp_path):
    one, same, other = (
        nn.load(trained(tmp_path / str(i), "--seed", seed)).state_dict()
        for i, seed in enumerate((3, 3, 4))
    )
    for name, numbers in one.items():
        np.testing.assert_array_equal(numbers, same[name])
    assert not np.array_equal(one["layers.0.weight"], other["layers.0.weight"])


def test_without_matplotlib_the_rest_is_written(tmp_path, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    trained(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"model.npz", "history.csv", "network.svg"}
    assert "pip install 'scalar-autograd[plot]'" in capsys.readouterr().out


@pytest.mark.parametrize("loss", list(nn.losses.LOSSES))
def test_every_loss_trains_classes_and_says_the_right_accuracy(loss, capsys):
    """With two classes and with three, whatever labels the loss wants."""
    for data, floor in (("blobs", 90.0), ("xor", 90.0)):
        arguments = ["--data", data, "--n", "60", "--epochs", "40", "--quiet", "--lr", "0.05"]
        assert main(["train", *arguments, "--loss", loss]) == 0
        found = re.search(r"training    accuracy (\d+\.\d)%", capsys.readouterr().out)
        assert float(found.group(1)) >= floor


def test_the_options_reach_the_optimiser(capsys):
    options = ["--optimizer", "sgd", "--momentum", "0.5", "--weight-decay", "0.1", "--lr", "0.25"]
    assert main(["train", *QUICK, *options]) == 0
    assert "SGD, lr 0.25" in capsys.readouterr().out


def test_patience_stops_and_keeps_the_best(tmp_path, capsys):
    arguments = ["train", "--n", "24", "--layers", "4", "--epochs", "50", "--quiet"]
    # With a learning rate that large the loss soon goes up.
    arguments += ["--lr", "3", "--patience", "3", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    epoch = int(re.search(r"^kept the parameters of epoch (\d+)", out, re.M).group(1))
    with (tmp_path / "out" / "history.csv").open() as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    assert int(np.argmin(losses)) + 1 == epoch
    assert len(losses) == epoch + 3


# --- files ---------------------------------------------------------------------------------------


def test_a_file_is_trained_on_and_its_columns_are_remembered(flowers, tmp_path, capsys):
    arguments = ["train", "--data", str(flowers), "--layers", "4", "--epochs", "30", "--quiet"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "18 samples to train on, 6 to validate; 2 inputs, 2 classes" in out
    kept = saving.metadata(tmp_path / "out" / "model.npz")
    assert kept["inputs"] == ["length", "width"]
    assert kept["classes"] == ["rose", "tulip"]
    assert kept["target"] == "kind"
    assert len(kept["scale"]["mean"]) == 2
    json.dumps(kept)
    assert main(["verify", "--model", str(tmp_path / "out" / "model.npz")]) == 0
    assert f"mean over 5 samples of {flowers}" in capsys.readouterr().out


def test_targets_of_numbers_are_scaled_and_scored_in_their_own_unit(tmp_path, capsys):
    path = tmp_path / "houses.csv"
    path.write_text("area,price\n" + "".join(f"{a},{2000.5 * a + 1e5}\n" for a in range(50, 90)))
    arguments = ["train", "--data", str(path), "--layers", "0", "--epochs", "80", "--quiet"]
    assert main([*arguments, "--lr", "0.05", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "1 input, numbers (price)" in out
    error = float(re.search(r"training .* error (\S+)", out).group(1))
    assert 1.0 < error < 3000.0
    assert float(re.search(r"training    R² (\S+),", out).group(1)) > 0.99
    assert (tmp_path / "out" / "predictions.png").exists()


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", [], "the file is empty"),
        ("x,y\n1,a\nq,b\n3,a\n", [], "line 3: 'q' in column 'x' is no number"),
        ("x,y\n1,a\n2\n3,b\n", [], "line 3: 1 cell, but the header names 2"),
        ("x,y\n1,a\n,b\n3,b\n", [], "line 3: 'x' is missing"),
        ("x,y\n1,a\n2,a\n", [], "only one class, 'a'"),
        ("x,y\n1,a\n2,b\n", ["--target", "z"], "no column 'z'; it has 'x', 'y'"),
        ("x,y\n1,a\n2,b\n", ["--ignore", "z"], "no column 'z'"),
        ("x,y\n1,a\n2,b\n", ["--task", "numbers"], "holds texts"),
        ("x,x\n1,a\n2,b\n", [], "several columns are called 'x'"),
        ("x,y\n1,é\n2,b\n", ["--encoding", "ascii"], "line 2: byte 0xc3 is not ascii"),
        ("x,y\n1,a\n", ["--task", "classes"], "only one class"),
        ("x,y\n1,2.5\n", [], "too few to hold some out; see --validation 0"),
    ],
)
def test_faults_of_a_file_are_named_and_nothing_is_written(
    tmp_path, refused, text, options, message
):
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    said = refused("train", "--data", path, *options, "--out", tmp_path / "out")
    assert message in said
    assert str(path) in said
    assert [each.name for each in tmp_path.iterdir()] == ["data.csv"]


def test_rows_with_missing_cells_can_be_dropped(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "1,2.5\n,3\n2,NA\n3,3.5\n4,1.25\n5,2.25\n")
    assert (
        main(["train", "--data", str(path), "--missing", "drop", "--epochs", "1", "--quiet"]) == 0
    )
    assert "left out for missing cells: 2 (line 3, 4)" in capsys.readouterr().out


def test_a_class_that_is_too_rare_is_no_obstacle(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "1,a\n2,b\n" * 6 + "9,c\n")
    assert main(["train", "--data", str(path), "--epochs", "1", "--quiet"]) == 0
    assert "samples are held out at random" in capsys.readouterr().out


# --- bad arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["train", "--data", "suns"], "there is no data set and no file 'suns'; the data sets are"),
        (["train", "--layers", "4,x"], "must be sizes such as 16,16"),
        (["train", "--layers", "0,4"], "must be sizes"),
        (["train", "--epochs", "0"], "must be a whole number from 1"),
        (["train", "--lr", "-1"], "must be a number from 0"),
        (["train", "--lr", "nan"], "must be a number from 0"),
        (["train", "--validation", "1"], "from 0 to below 1"),
        (["train", "--seed", "-3"], "--seed"),
        (["train", "--loss", "luck"], "invalid choice: 'luck'"),
        (["train", "--activation", "luck"], "unknown activation 'luck'"),
        (["train", "--output", "luck", "--loss", "mse"], "unknown activation 'luck'"),
        (["train", "--output", "sigmoid"], "use --output linear, or --loss bce"),
        (["train", "--loss", "bce", "--output", "linear"], "use --output sigmoid"),
        (["train", "--data", "sine", "--loss", "hinge"], "hinge is a loss of classes"),
        (["train", "--momentum", "0.9"], "--momentum is for sgd"),
        (["train", "--target", "x"], "--target is for files"),
        (["train", "--ignore", "x"], "--ignore is for files"),
        (["train", "--data", "digits", "--n", "9"], "--n is not for digits"),
        (["train", "--data", "blobs", "--noise", "1"], "--noise is not for blobs"),
        (["verify", "--model", "none.npz"], "none.npz: No such file"),
        (["draw", "--kind", "replay"], "say where it goes"),
        (["draw", "--out", "a.jpg"], "a network is written as .svg"),
        (["draw", "--out", "no/such/a.svg"], "there is no folder no/such"),
        (["draw", "--sample", "999"], "there is no sample 999: moons has 150"),
        (["explain", "--wrt", "layers.9"], "no such part; there are layers.0"),
        (["explain", "--wrt", "layers.0.weight[99,0]"], "16 × 2, counted from 0"),
        (["explain", "--wrt", "layers.0.weight[0"], "an index looks like"),
        (["explain", "--wrt", "layers.0.weight[a]"], "an index looks like"),
        (["bench", "--rounds", "0"], "whole number from 1"),
    ],
)  # fmt: skip
def test_bad_arguments_end_in_one_line_and_status_2(
    arguments, message, refused, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if arguments[:1] == ["train"]:
        arguments = [*arguments, "--out", "out"]
    assert message in refused(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_refused_before_training(tmp_path, refused):
    (tmp_path / "file").write_text("")
    assert "is a file, not a folder" in refused("train", "--out", tmp_path / "file" / "out")


def test_a_training_that_diverges_writes_nothing_and_ends_with_1(tmp_path, refused):
    arguments = [
        "--data",
        "linear",
        "--optimizer",
        "sgd",
        "--lr",
        "1e200",
        "--epochs",
        "9",
        "--quiet",
    ]
    with np.errstate(all="ignore"):
        said = refused("train", *arguments, "--out", tmp_path / "out", status=1)
    assert "epoch" in said
    assert list(tmp_path.iterdir()) == []


def test_what_was_learnt_before_an_interrupt_is_kept(tmp_path, monkeypatch, capsys):
    def interrupted(*arguments, **options):
        history = nn.fit(*arguments, **{**options, "epochs": 1})
        history.interrupted = True
        return history

    monkeypatch.setattr("nn.cli.train.fit", interrupted)
    assert main(["train", *QUICK, "--out", str(tmp_path / "out")]) == 130
    out, err = capsys.readouterr()
    assert "epoch 1:" in out
    assert (tmp_path / "out" / "model.npz").exists()
    assert err.count("\n") == 1
    assert "interrupted" in err


def test_an_interrupt_before_the_first_epoch_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("nn.cli.train.fit", lambda *_, **__: nn.History())
    assert main(["train", *QUICK, "--out", str(tmp_path / "out")]) == 130
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_ends_with_130(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("nn.cli.train.fit", interrupted)
    assert main(["train", *QUICK]) == 130
    assert capsys.readouterr().err == "\npython -m nn train: interrupted\n"


def test_without_scikit_learn_digits_say_how_to_get_it(monkeypatch, refused):
    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert "scalar-autograd[data]" in refused("train", "--data", "digits", status=1)


# --- verify, draw, explain -----------------------------------------------------------------------


def test_verify_prints_the_table_for_fresh_and_kept_models(tmp_path, capsys):
    assert main(["verify", "--data", "spiral", "--layers", "3", "--samples", "2"]) == 0
    out = capsys.readouterr().out
    assert "mean over 2 samples of spiral" in out
    assert "engine and backprop by hand agree" in out
    path = trained(tmp_path / "out", "--data", "circles", "--loss", "hinge")
    capsys.readouterr()
    assert main(["verify", "--model", str(path)]) == 0
    assert "hinge, mean over 5 samples of circles" in capsys.readouterr().out


def test_verify_ends_with_1_where_they_differ(monkeypatch, capsys):
    from nn import deltas

    def wrong(*arguments):
        found = right(*arguments)
        found.dW[0][0, 0] += 1.0
        return found

    right = deltas.by_loops
    monkeypatch.setattr(deltas, "by_loops", wrong)
    assert main(["verify", "--layers", "3"]) == 1
    assert "NOT equal: 1 of" in capsys.readouterr().out


def test_a_kept_model_sees_the_samples_that_it_was_trained_on(tmp_path, capsys):
    path = trained(tmp_path / "out", "--seed", "5", "--noise", "0.3", "--validation", "0.5")
    options = parser().parse_args(["draw", "--model", str(path)])
    from nn.cli.problem import model_and_data

    _, loss, of = model_and_data(options)
    X, _ = nn.data.moons(24, noise=0.3, rng=np.random.default_rng(5).spawn(2)[0])
    assert len(of.X) == 12
    assert {tuple(row) for row in of.X} <= {tuple(row) for row in X}
    assert loss == "bce_with_logits"


def test_models_and_data_that_do_not_go_together_are_refused(tmp_path, refused, flowers, capsys):
    path = trained(tmp_path / "out")
    capsys.readouterr()
    assert "do not go together" in refused("verify", "--model", path, "--data", "sine")
    assert "classes apart" in refused("verify", "--model", path, "--data", "blobs")
    assert "--layers is for a fresh network" in refused("verify", "--model", path, "--layers", "3")
    (tmp_path / "bad.npz").write_bytes(b"no model")
    assert "bad.npz" in refused("verify", "--model", tmp_path / "bad.npz")


@pytest.mark.parametrize(
    ("kind", "name", "begins"),
    [
        ("network", "a.svg", "<svg"),
        ("graph", "b.svg", "<svg"),
        ("replay", "c.html", "<!doctype html"),
    ],
)
def test_pictures_are_written(kind, name, begins, tmp_path, capsys):
    out = tmp_path / name
    assert main(["draw", "--data", "xor", "--layers", "2", "--kind", kind, "--out", str(out)]) == 0
    assert begins in out.read_text(encoding="utf-8").lower()
    assert capsys.readouterr().out == f"wrote {out}\n"


@pytest.mark.parametrize("kind", ["network", "graph"])
def test_without_a_file_pictures_are_printed_as_text(kind, capsys):
    assert main(["draw", "--data", "xor", "--layers", "2", "--kind", kind]) == 0
    out = capsys.readouterr().out
    assert "layer 1: 2 → 2, tanh" in out if kind == "network" else "tanh" in out


def test_explain_writes_matrices_numbers_and_latex(tmp_path, capsys):
    assert main(["explain", "--data", "xor", "--layers", "3"]) == 0
    assert "∂L/∂W⁽¹⁾ = δ⁽¹⁾ xᵀ" in capsys.readouterr().out
    assert main(["explain", "--data", "xor", "--layers", "3", "--wrt", "layers.0.weight[1,0]"]) == 0
    assert capsys.readouterr().out.startswith("∂L/∂w⁽¹⁾₂₁ = δ⁽¹⁾₂ · x₁")
    path = trained(tmp_path / "out", "--data", "xor")
    capsys.readouterr()
    assert main(["explain", "--model", str(path), "--wrt", "layers.1", "--latex"]) == 0
    assert r"\frac{\partial L}{\partial W^{(2)}}" in capsys.readouterr().out


# --- bench ---------------------------------------------------------------------------------------


def test_bench_prints_times_and_ratios_that_go_together(capsys, monkeypatch):
    monkeypatch.setattr("nn.cli.bench._BLOCK", 0.0)
    arguments = ["bench", "--n", "24", "--layers", "3", "--batch-size", "8", "--rounds", "1"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "3 steps of 8 samples per epoch" in out

    def seconds(name):
        number, unit = re.search(rf"^{name} +([\d.,]+) (ms|µs)", out, re.M).groups()
        return float(number.replace(",", "")) * {"ms": 1e-3, "µs": 1e-6}[unit]

    ratio, word = re.search(
        r"compiled is (\S+) times (faster|slower) than node by node", out
    ).groups()
    measured = seconds("node by node") / seconds("compiled")
    assert (measured if word == "faster" else 1 / measured) == pytest.approx(float(ratio), rel=0.05)
    assert "PyTorch" in out


def test_bench_without_pytorch_says_so(capsys, monkeypatch):
    monkeypatch.setattr("nn.cli.bench._BLOCK", 0.0)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["bench", "--n", "16", "--layers", "2", "--rounds", "1"]) == 0
    assert "PyTorch: not installed" in capsys.readouterr().out


# --- demo ----------------------------------------------------------------------------------------


def test_the_demo_writes_the_pictures_that_it_names(tmp_path, capsys, monkeypatch):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    from nn import demo

    trained_with = []
    right = demo.train.run

    def quickly(options):
        trained_with.append(options.data)
        options.epochs = 1
        return right(options)

    monkeypatch.setattr(demo.train, "run", quickly)
    out = tmp_path / "with a space"
    assert main(["demo", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert trained_with == ["moons", "digits"]
    named = re.findall(r"^  (.*\.(?:png|svg))$", said, re.M)
    assert len(named) >= 8
    assert {str(path) for path in out.rglob("*") if path.suffix in (".png", ".svg")} == set(named)
    assert "$ python -m nn train --data digits" in said
