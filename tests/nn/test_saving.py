"""Models in files: they come back as they were, and what is no such file does no harm."""

import copy
import json
import math
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nn
from autograd import Value
from nn import archive, saving

ROOT = Path(nn.__file__).parents[1]


def numbers(nodes):
    return [node.data for node in np.ravel(nodes)]


def same(one, other):
    """Whether two models are alike in all that a file keeps."""
    assert repr(one) == repr(other)
    ours, theirs = list(one.named_modules()), list(other.named_modules())
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    for (_, a), (_, b) in zip(ours, theirs, strict=True):
        assert type(a) is type(b)
        assert (a.training, a._name) == (b.training, b._name)
    state, loaded = one.state_dict(), other.state_dict()
    assert list(state) == list(loaded)
    for name, array in state.items():
        np.testing.assert_array_equal(array, loaded[name])
    flags = [[p.requires_grad for p in model.parameters()] for model in (one, other)]
    assert flags[0] == flags[1]
    assert [p.label for p in one.parameters()] == [p.label for p in other.parameters()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def round_trip(model, path):
    nn.save(model, path)
    return nn.load(path)


LAYERS = [
    nn.Neuron(3, "tanh", rng=0),
    nn.Neuron(1, bias=False, rng=0),
    nn.Linear(3, 2, rng=0),
    nn.Linear(1, 1, bias=False, rng=0),
    nn.MLP(3, [4, 2], "tanh", "sigmoid", rng=0),
    nn.MLP(3, [2], bias=False, rng=0),
    nn.Sequential(),
    nn.Sequential(nn.Linear(3, 3, rng=0), nn.Residual(nn.Sequential(nn.Tanh()))),
    nn.Residual(nn.Tanh()),
    nn.Conv2d(2, 3, (1, 2), 2, (0, 1), rng=0),
    nn.Conv2d(1, 1, 1, bias=False, rng=0),
    nn.RNNCell(2, 3, rng=0),
    nn.RNNCell(2, 1, False, "relu", rng=0),
    nn.LayerNorm(3, 1e-3),
    nn.LayerNorm((2, 3), bias=False),
    nn.LayerNorm(2, elementwise_affine=False),
    nn.Dropout(0.25, rng=0),
    nn.Flatten(),
    nn.Unflatten(1, (1, 2, 3)),
    nn.Activation("sin"),
    nn.Activation("linear"),
    nn.Identity(),
    nn.ReLU(),
    nn.LeakyReLU(0.2),
    nn.ELU(0.5),
    nn.GELU(),
    nn.SiLU(),
    nn.Sigmoid(),
    nn.Softplus(),
    nn.Tanh(),
    nn.Softmax(1),
    nn.LogSoftmax(),
]


@pytest.mark.parametrize("model", LAYERS, ids=repr)
def test_every_kind_of_layer_comes_back_as_it_was(model, path):
    same(model, round_trip(model, path))


def test_every_module_of_nn_is_tried_above():
    tried = {type(model) for model in LAYERS}
    exported = {getattr(nn, name) for name in nn.__all__}
    modules = {each for each in exported if isinstance(each, type) and issubclass(each, nn.Module)}
    assert modules - {nn.Module} == tried


def test_a_model_out_of_a_file_gives_the_same_outputs_and_gradients(path):
    model = nn.MLP(2, [3, 1], "tanh", rng=0)
    loaded = round_trip(model, path)
    for each in (model, loaded):
        each([1.0, 2.0])[0].backward()
    assert numbers(loaded([1.0, 2.0])) == numbers(model([1.0, 2.0]))
    assert [p.grad for p in loaded.parameters()] == [p.grad for p in model.parameters()]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(width=64), min_size=9, max_size=9),
    st.lists(st.booleans(), min_size=9, max_size=9),
)
def test_every_double_and_every_frozen_parameter_comes_back(tmp_path_factory, data, frozen):
    path = tmp_path_factory.mktemp("doubles") / "model.npz"
    model = nn.Linear(2, 3)
    for parameter, number, constant in zip(model.parameters(), data, frozen, strict=True):
        parameter.data, parameter.requires_grad = number, not constant
    loaded = round_trip(model, path)
    assert np.array(numbers(loaded.parameters())).tobytes() == np.array(data).tobytes()
    assert [not p.requires_grad for p in loaded.parameters()] == frozen


def modules(depth, rng, pool):
    """A random model: layers, containers of them, and now and then one that was there before."""
    kind = rng.integers(0, 9 if depth else 6)
    if pool and kind == 0:
        return pool[rng.integers(len(pool))]
    if kind >= 6:
        below = [modules(depth - 1, rng, pool) for _ in range(rng.integers(0, 4))]
        made = nn.Residual(below[0]) if len(below) == 1 else nn.Sequential(*below)
    else:
        made = [
            lambda: nn.Linear(*rng.integers(1, 4, 2), bool(rng.integers(2)), rng),
            lambda: nn.Conv2d(*rng.integers(1, 3, 2), tuple(rng.integers(1, 3, 2)), rng=rng),
            lambda: nn.LayerNorm(int(rng.integers(1, 4)), rng.uniform(0.0, 1.0)),
            lambda: nn.Dropout(rng.uniform(), rng if rng.integers(2) else int(rng.integers(9))),
            lambda: nn.MLP(2, rng.integers(1, 4, 2).tolist(), "tanh", "sin", rng),
            lambda: nn.RNNCell(*rng.integers(1, 4, 2), nonlinearity="relu", rng=rng),
        ][kind]()
    made.training = bool(rng.integers(2))
    for parameter in made.parameters():
        parameter.requires_grad = bool(rng.integers(3))
    pool.append(made)
    return made


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_models_come_back_as_they_were(tmp_path_factory, seed):
    path = tmp_path_factory.mktemp("random") / "model.npz"
    model = modules(3, np.random.default_rng(seed), [])
    loaded = round_trip(model, path)
    same(model, loaded)
    nn.save(loaded, path.with_name("again.npz"))
    assert path.with_name("again.npz").read_bytes() == path.read_bytes()


def test_training_comes_back_module_by_module(path):
    model = nn.Sequential(nn.Dropout(0.5, rng=0), nn.Sequential(nn.Dropout(0.5, rng=1)))
    model[1].eval()
    loaded = round_trip(model, path)
    assert [m.training for m in loaded.modules()] == [True, True, False, False]


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_dropout_goes_on_with_the_masks_that_would_have_come_next(bits, path):
    model = nn.Dropout(0.5, rng=np.random.Generator(getattr(np.random, bits)(0)))
    model.rng.integers(0, 10, dtype=np.int32)  # leaves half a word behind in some
    model([1.0] * 7)
    loaded = round_trip(model, path)
    assert numbers(loaded([1.0] * 50)) == numbers(model([1.0] * 50))


def test_a_generator_that_modules_share_stays_shared(path):
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dropout(0.5, rng), nn.Dropout(0.5, rng), nn.Dropout(0.5, 0))
    loaded = round_trip(model, path)
    assert loaded[0].rng is loaded[1].rng
    assert loaded[0].rng is not loaded[2].rng


def test_a_shared_module_stays_shared(path):
    layer = nn.Linear(2, 2, rng=0)
    model = nn.Sequential(layer, nn.Tanh(), nn.Residual(layer), layer)
    loaded = round_trip(model, path)
    assert loaded[0] is loaded[3] is loaded[2].module
    same(model, loaded)


def tied_lists():
    model = nn.Sequential(nn.Neuron(2, rng=0), nn.Neuron(2, rng=1))
    model[1].weight = model[0].weight
    model[1].bias = model[0].bias
    return model


def tied_numbers():
    model = nn.MLP(2, [2, 2], rng=0)
    first, second = model.layers
    second.neurons[1].weight[0] = first.neurons[0].weight[1]
    second.neurons[0].bias = first.neurons[0].weight[0]
    return model


def tied_arrays():
    cell, other = nn.RNNCell(2, 2, rng=0), nn.RNNCell(2, 2, rng=1)
    other.weight_hh = cell.weight_hh
    other.bias_ih[1] = cell.weight_ih[1, 0]
    return nn.Sequential(cell, other)


@pytest.mark.parametrize("make", [tied_lists, tied_numbers, tied_arrays])
def test_shared_parameters_stay_shared(make, path):
    model = make()
    loaded = round_trip(model, path)
    same(model, loaded)

    def pattern(of):
        values = [value for slot in saving._slots(of) for value in slot.values]
        first = {}
        return [first.setdefault(id(value), i) for i, value in enumerate(values)]

    assert pattern(model) == pattern(loaded)
    assert len(model.parameters()) == len(loaded.parameters()) < len(pattern(model))


def test_an_mlp_whose_activations_were_replaced_comes_back(path):
    model = nn.MLP(2, [3, 1], rng=0)
    model.activations = [nn.LeakyReLU(0.2), model.activations[1]]
    assert repr(model) == "MLP(2 → 3 → 1, LeakyReLU(negative_slope=0.2), linear)"
    loaded = round_trip(model, path)
    same(model, loaded)
    assert numbers(loaded([1.0, -2.0])) == numbers(model([1.0, -2.0]))


def test_hooks_gradients_and_labels_of_ones_own_are_not_kept(path):
    model = nn.Linear(1, 1, rng=0)
    model([1.0])[0].backward()
    model.register_forward_hook(lambda *args: 1 / 0)
    loaded = round_trip(model, path)
    assert [p.grad for p in loaded.parameters()] == [0.0, 0.0]
    loaded([1.0])


def test_metadata_comes_back(path):
    notes = {"epoch": 3, "loss": 0.25, "names": ["a", "é"], "deep": {"x": None, "y": True}}
    nn.save(nn.Tanh(), path, metadata=notes)
    assert saving.metadata(path) == notes
    assert repr(nn.load(path)) == "Tanh()"
    nn.save(nn.Tanh(), path)
    assert saving.metadata(path) is None


def cyclic():
    notes = {}
    notes["self"] = notes
    return notes


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({"loss": math.nan}, r"header\['metadata'\]\['loss'\] is nan"),
        ({"x": [1.0, -math.inf]}, r"\['x'\]\[1\] is -inf"),
        ({1: "one"}, "has the key 1, which is not a str"),
        ({"x": np.ones(2)}, "is ndarray"),
        ({"x": Value(1.0)}, "is Value"),
        ({"x": {2}}, "is set"),
        (cyclic(), "holds itself"),
    ],
    ids=["nan", "inf", "key", "array", "Value", "set", "cycle"],
)
def test_metadata_that_json_cannot_hold_is_refused_and_the_former_file_stays(notes, message, path):
    nn.save(nn.Tanh(), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        nn.save(nn.ReLU(), path, metadata=notes)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.npz"]


# --- models of one's own ---------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self, rng=None):
        self.scale = Value(2.0, label="scale")
        self.body = nn.MLP(2, [3], rng=rng)
        self.heads = {"a/../b": nn.Linear(3, 1, rng=rng), "..": Value(1.0)}

    def forward(self, inputs):
        return [self.scale * z for z in self.heads["a/../b"](self.body(inputs))]


def test_a_model_of_ones_own_is_loaded_into_another_of_its_kind(path):
    model = Net(rng=0).eval()
    model.scale.requires_grad = False
    nn.save(model, path)
    other = Net(rng=1)
    assert nn.load(path, into=other) is other
    same(model, other)
    assert numbers(other([1.0, 2.0])) == numbers(model([1.0, 2.0]))


def test_without_such_a_model_the_error_says_what_to_do(path):
    for model in (Net(), nn.Sequential(nn.Linear(2, 2), Net())):
        nn.save(model, path)
        name = type(model).__name__
        with pytest.raises(nn.LoadError, match=rf"numbers of '{name}'.*nn\.load\(path, into=model"):
            nn.load(path)


class Quiet(nn.Linear):
    pass


def extended():
    model = nn.MLP(2, [1])
    model.extra = Value(1.0)
    return model


def longer():
    model = nn.MLP(2, [2])
    model.layers.append(nn.Linear(2, 1))
    return model


def swapped():
    model = nn.LayerNorm(2)
    model.weight = model.weight[:1]
    return model


def odd_neuron():
    neuron = nn.Neuron(2)
    neuron.activation = nn.Softmax()
    return neuron


def looped():
    model = nn.Sequential(nn.Tanh())
    model.layers.append(model)
    return model


@pytest.mark.parametrize(
    "make", [lambda: Quiet(2, 1), extended, longer, swapped, odd_neuron, looped, nn.Module]
)
def test_a_model_that_nn_would_not_build_just_so_is_kept_by_its_numbers_only(make, path):
    nn.save(make(), path)
    with pytest.raises(nn.LoadError, match="into=model"):
        nn.load(path)
    nn.load(path, into=make())


def test_a_model_of_nn_may_be_loaded_into_one_that_has_the_same_names(path):
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh())
    nn.save(model, path)
    other = nn.Sequential(nn.Linear(2, 3, rng=1), nn.ReLU())
    nn.load(path, into=other)
    assert numbers(other.parameters()) == numbers(model.parameters())


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (nn.Sequential(nn.Linear(2, 3)), "its modules are called '', '0', '1'"),
        (nn.Sequential(nn.Linear(2, 4), nn.Tanh()), r"0\.weight has the shape \(4, 2\)"),
        (nn.Sequential(nn.Linear(2, 3, bias=False), nn.Tanh()), r"unknown \['0\.bias'\]"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), r"missing \['1\.bias', '1\.weight'\]"),
    ],
    ids=["modules", "shape", "unknown", "missing"],
)
def test_a_model_that_does_not_fit_is_left_as_it_was(other, message, path):
    nn.save(nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh()).eval().requires_grad_(False), path)
    other = copy.deepcopy(other)
    before = numbers(other.parameters())
    with pytest.raises(nn.LoadError, match=message):
        nn.load(path, into=other)
    assert numbers(other.parameters()) == before
    assert other.training
    assert all(p.requires_grad for p in other.parameters())


def test_two_numbers_for_one_shared_parameter_are_refused(path):
    nn.save(nn.Sequential(nn.Linear(1, 1, rng=0), nn.Linear(1, 1, rng=1)), path)
    tied = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    tied[1].neurons[0].weight[0] = tied[0].neurons[0].weight[0]
    with pytest.raises(nn.LoadError, match="two numbers for one parameter"):
        nn.load(path, into=tied)


@pytest.mark.parametrize("thing", [None, "model", {"weight": 1.0}])
def test_only_modules_are_saved_and_filled(thing, path):
    with pytest.raises(TypeError, match="takes a module"):
        nn.save(thing, path)
    nn.save(nn.Tanh(), path)
    if thing is not None:
        with pytest.raises(TypeError, match="into a module"):
            nn.load(path, into=thing)


# --- the file --------------------------------------------------------------------------------


def test_numpy_opens_the_file_and_finds_the_state(path):
    model = nn.MLP(2, [3, 1], rng=0)
    nn.save(model, path)
    with np.load(path, allow_pickle=False) as file:
        state = {name.removeprefix("state."): file[name] for name in file if name != "header"}
        header = json.loads(file["header"].tobytes())
    model.load_state_dict(state)
    assert header["format"] == "scalar-autograd model"
    assert header["version"] == 1
    assert header["modules"][0] == {
        "class": "Linear", "n_in": 2, "n_out": 3, "bias": True,
        "parameters": {"weight": "layers.0.weight", "bias": "layers.0.bias"},
    }  # fmt: skip


def test_equal_models_make_equal_files(path, tmp_path):
    nn.save(nn.MLP(2, [3, 1], rng=0), path)
    nn.save(nn.MLP(2, [3, 1], rng=0), tmp_path / "other")
    assert path.read_bytes() == (tmp_path / "other").read_bytes()


def test_no_member_has_a_name_that_could_be_a_path(path):
    nn.save(Net(), path)
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            assert not set(name) & set("/\\:")
            assert ".." not in name


def test_the_name_is_taken_as_it_is_and_paths_of_all_kinds_will_do(tmp_path):
    for path in (str(tmp_path / "a"), tmp_path / "b.pt", os.fspath(tmp_path / "c.npz")):
        nn.save(nn.Tanh(), path)
        assert repr(nn.load(path)) == "Tanh()"
    assert sorted(os.listdir(tmp_path)) == ["a", "b.pt", "c.npz"]


def test_a_link_stays_a_link_and_the_rights_of_a_file_stay(tmp_path):
    target, link = tmp_path / "target.npz", tmp_path / "link.npz"
    nn.save(nn.Tanh(), target)
    target.chmod(0o640)
    link.symlink_to(target)
    nn.save(nn.ReLU(), link)
    assert link.is_symlink()
    assert repr(nn.load(target)) == "ReLU()"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_folder_that_is_not_there_and_a_file_that_is_not_there_are_plain_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        nn.save(nn.Tanh(), tmp_path / "no" / "model.npz")
    with pytest.raises(FileNotFoundError):
        nn.load(tmp_path / "model.npz")
    with pytest.raises(IsADirectoryError):
        nn.load(tmp_path)


# --- crashes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace", "write"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_an_error_on_the_way_leaves_the_former_file_and_nothing_else(
    step, error, path, monkeypatch
):
    nn.save(nn.Tanh(), path)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise error

    if step == "write":
        real = open

        class Full:
            def __init__(self, file):
                self.file = file

            def __enter__(self):
                return self

            def __exit__(self, *exception):
                self.file.close()

            def write(self, content):
                self.file.write(content[:10])
                fail()

        monkeypatch.setattr(archive, "open", lambda *args: Full(real(*args)), raising=False)
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        nn.save(nn.ReLU(), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["model.npz"]


def test_the_bytes_reach_the_disk_before_the_name_changes(path, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda *args: (order.append("replace"), replace(*args))[1])
    nn.save(nn.Tanh(), path)
    assert order[:2] == ["fsync", "replace"]


def test_unfinished_files_are_recognised_and_others_are_not(path):
    nn.save(nn.Tanh(), path)
    (path.parent / ".model.npz.0123abcd.saving").write_bytes(b"PK")
    for name in (".model.npz.saving", ".other.npz.0123abcd.saving", "model.npz.0123abcd.saving"):
        (path.parent / name).write_bytes(b"")
    assert [each.name for each in archive.leftovers(path)] == [".model.npz.0123abcd.saving"]
    nn.save(nn.ReLU(), path)
    assert repr(nn.load(path)) == "ReLU()"


def killed(*options):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.kill_saving", *options],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_a_process_killed_while_it_saves_never_loses_the_former_file():
    done = killed("--kills", "20", "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 kills" in done.stdout
    assert " 0 checkpoints lost" in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_the_test_by_killing_finds_out_one_who_writes_in_place():
    done = killed("--kills", "8", "--careless")
    assert done.returncode == 1, done.stdout + done.stderr
    assert " 0 checkpoints lost" not in done.stdout


# --- files that are damaged ------------------------------------------------------------------


def saved(model, path):
    nn.save(model, path)
    return path.read_bytes()


def test_a_file_cut_off_anywhere_is_an_error(path):
    content = saved(nn.MLP(2, [2], rng=0), path)
    for end in [*range(0, len(content), 37), len(content) - 1]:
        path.write_bytes(content[:end])
        with pytest.raises(nn.LoadError, match=r"model\.npz"):
            nn.load(path)


def test_a_flipped_bit_is_an_error_or_changes_nothing(path):
    model = nn.MLP(2, [2], rng=0)
    content = saved(model, path)
    random = np.random.default_rng(0)
    refused = 0
    for place in random.integers(0, len(content), 300).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        try:
            same(model, nn.load(path))
        except nn.LoadError:
            refused += 1
    assert refused > 200


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_other_bytes_are_an_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "model.npz"
    path.write_bytes(content)
    with pytest.raises(nn.LoadError):
        nn.load(path)


class Boom:
    def __reduce__(self):
        return os._exit, (66,)


def test_a_pickle_is_an_error_and_is_not_run(path):
    path.write_bytes(pickle.dumps(Boom()))
    with pytest.raises(nn.LoadError):
        nn.load(path)


def test_files_of_numpy_are_foreign(path):
    np.savez(path, weight=np.ones(2))
    with pytest.raises(nn.LoadError, match="no header"):
        nn.load(path)
    np.save(path.with_suffix(".npy"), np.ones(2))
    with pytest.raises(nn.LoadError):
        nn.load(path.with_suffix(".npy"))
    np.savez(path, header=np.array([Boom()], dtype=object), weight=np.ones(2))
    with pytest.raises(nn.LoadError, match="header is an array of object"):
        nn.load(path)


def test_a_checkpoint_of_torch_is_foreign(path):
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(nn.LoadError, match="as we never write it"):
        nn.load(path)


# --- files that are malicious ----------------------------------------------------------------


def rewritten(path, header=None, arrays=None, change=None):
    """Write the file anew with other entries in the header, or other arrays; ... drops one."""
    old, numbers = archive.read(path)
    old = {**old, **(header or {})}
    numbers = {k: v for k, v in {**numbers, **(arrays or {})}.items() if v is not ...}
    if change is not None:
        change(old)
    archive.write(path, {k: v for k, v in old.items() if v is not ...}, numbers)


def entry(position, **changes):
    def change(header):
        module = header["modules"][position]
        module.update(changes)
        for key in [key for key, each in module.items() if each is ...]:
            del module[key]

    return change


MODEL = [nn.Linear(2, 3, rng=0), nn.LeakyReLU(), nn.LayerNorm(3), nn.Dropout(0.5, rng=0)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (entry(0, **{"class": "os.system"}), r"module 0 has class = 'os\.system'"),
        (entry(0, **{"class": "Module"}), "class = 'Module'"),
        (entry(0, **{"class": "Net"}), "class = 'Net'"),
        (entry(0, **{"class": ["Linear"]}), "class = "),
        (entry(0, **{"class": ...}), "lacks 'class'"),
        (entry(0, n_in=3), r"0\.weight has the shape \(3, 2\), but Linear wants \(3, 3\)"),
        (entry(0, n_in=10**9, n_out=10**9), "but Linear wants"),
        (entry(0, n_in=10**30), "n_in = 1000"),
        (entry(0, n_in=-2), "n_in = -2"),
        (entry(0, n_in=2.0), r"n_in = 2\.0"),
        (entry(0, n_in=True), "n_in = True"),
        (entry(0, n_in="2"), "n_in = '2'"),
        (entry(0, n_in=...), "lacks 'n_in'"),
        (entry(0, bias=1), "bias = 1"),
        (entry(0, rng=0), r"unknown entries \['rng'\]"),
        (entry(0, init="zeros"), "unknown entries"),
        (entry(0, parameters={"weight": "0.weight"}), "parameters = "),
        (entry(0, parameters={"weight": "0.weight", "bias": "0.weight"}), r"bias = '0\.weight'"),
        (entry(0, parameters={"weight": "0.weight", "bias": "2.bias"}), "parameters|bias"),
        (entry(0, parameters={"weight": "0.weight", "bias": 3}), "bias = 3"),
        (entry(0, parameters=...), "parameters = {}"),
        (entry(1, negative_slope="0.1"), "negative_slope = '0.1'"),
        (entry(1, negative_slope=None), "negative_slope = None"),
        (entry(2, eps=-1.0), "module 2: LayerNorm: eps must be"),
        (entry(2, normalized_shape=[]), "normalized_shape"),
        (entry(2, normalized_shape=3), "normalized_shape = 3"),
        (entry(3, p=1.5), "module 3: Dropout: p must be"),
        (entry(3, generator={"same": 0}), "same = 0"),
        (entry(3, generator={"state": {"bit_generator": "os"}}), "'os', which is not known"),
        (entry(3, generator={"state": {"bit_generator": "PCG64"}}), "other entries"),
        (entry(3, generator=7), "generator is not described"),
        (entry(4, children=[0, 1, 2, 4]), "children = "),
        (entry(4, children=[0, 1, 2, -1]), "children = "),
        (entry(4, children=[0, 1, 2]), "not part of the model"),
        (entry(4, children="0123"), "children = "),
        (entry(4, **{"class": "Residual"}), "a Residual has 4 parts"),
        (entry(4, **{"class": "MLP"}), "parts of an MLP"),
        (lambda header: header["modules"].append(header["modules"][1]), "not part of the model"),
        (lambda header: header.update(modules=[]), "list of modules is empty"),
        (lambda header: header.update(modules={}), "list of modules is empty"),
        (lambda header: header["modules"].insert(0, 5), "module 0 is not described"),
        (lambda header: header.update(format="zip"), "not written by nn.save"),
        (lambda header: header.update(version=2), "by a newer version of this project; 1 can"),
        (lambda header: header.update(version="1"), "it is of format '1'; 1 can be read"),
        (lambda header: header.update(version=True), "it is of format True"),
        (lambda header: header.pop("metadata"), "lacks 'metadata'"),
        (lambda header: header.update(exec="1"), r"unknown entries \['exec'\]"),
        (lambda header: header["parameters"].pop(), "unknown arrays"),
        (lambda header: header["parameters"].append("x"), "no array of numbers for 'x'"),
        (lambda header: header["parameters"].append(header["parameters"][0]), "names one twice"),
        (lambda header: header.update(parameters=3), "no list of names"),
        (lambda header: header.update(training=[]), "modules in training"),
        (lambda header: header["training"].update({"0": 1}), "modules in training"),
        (lambda header: header["training"].update({"7": True}), "its modules are called"),
    ],
)  # fmt: skip
def test_a_header_that_was_tampered_with_is_an_error(change, message, path):
    nn.save(nn.Sequential(*copy.deepcopy(MODEL)), path)
    rewritten(path, change=change)
    with pytest.raises(nn.LoadError, match=message):
        nn.load(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"state.weight": ...}, "no array of numbers for 'weight'"),
        ({"state.weight": np.ones((3, 2))}, r"weight has the shape \(3, 2\)"),
        ({"state.weight": np.ones((2, 2), np.int64)}, "no array of numbers"),
        ({"state.other": np.ones(1)}, r"unknown arrays \['state\.other'\]"),
        ({"frozen": np.zeros(5, np.uint8)}, "list of frozen"),
        ({"frozen": np.full(6, 2, np.uint8)}, "list of frozen"),
        ({"frozen": np.zeros(6)}, "list of frozen"),
        ({"ties": np.zeros(2, np.int64)}, "list of shared"),
        ({"ties": np.array([[1, 1]])}, "list of shared"),
        ({"ties": np.array([[6, 0]])}, "list of shared"),
        ({"ties": np.array([[1, -1]])}, "list of shared"),
        ({"ties": np.array([[3, 0]])}, "two numbers for one parameter"),
    ],
)
def test_arrays_that_were_tampered_with_are_an_error(arrays, message, path):
    nn.save(nn.Linear(2, 2, rng=0), path)
    rewritten(path, arrays=arrays)
    with pytest.raises(nn.LoadError, match=message):
        nn.load(path)


def raw(path, header=b"{}", members=(), compression=zipfile.ZIP_STORED):
    """A zip of that header, and of members as they are."""
    with zipfile.ZipFile(path, "w", compression) as file:
        if header is not None:
            file.writestr("header.npy", npy(np.frombuffer(header, np.uint8)))
        for name, content in members:
            file.writestr(name, content)


def npy(array, **changes):
    """The bytes of a .npy file, with other entries in its header."""
    entries = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape, **changes}
    text = repr(entries).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + array.tobytes()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{", "no JSON"),
        (b'{"a": NaN}', "holds NaN"),
        (b'{"a": -Infinity}', "holds -Infinity"),
        (b'{"a": 1e999}', "holds 1e999"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "no JSON"),
        (b"{}", "not written by nn.save"),
    ],
    ids=repr,
)
def test_a_header_that_is_no_json_is_an_error(header, message, path):
    raw(path, header)
    with pytest.raises(nn.LoadError, match=message):
        nn.load(path)


def test_a_header_of_many_bytes_is_an_error(path, monkeypatch):
    monkeypatch.setattr(archive, "LONGEST_HEADER", 1000)
    raw(path, b'{"a": "' + b"x" * 1000 + b'"}')
    with pytest.raises(nn.LoadError, match="not bytes"):
        nn.load(path)
    with pytest.raises(ValueError, match="at most 1,000 are kept"):
        nn.save(nn.Tanh(), path, metadata={"x": "x" * 1000})


@pytest.mark.parametrize(
    "name",
    ["../evil.npy", "/etc/passwd.npy", "a\\b.npy", "..npy.npy", "evil.py", "a b.npy", "C:.npy"],
)
def test_a_member_with_the_name_of_a_path_is_an_error(name, path):
    raw(path, members=[(name, npy(np.ones(1)))])
    with pytest.raises(nn.LoadError, match="as we never write it"):
        nn.load(path)
    assert os.listdir(path.parent) == ["model.npz"]


def test_a_bomb_is_refused_before_it_is_unpacked(path):
    raw(path, members=[("x.npy", bytes(10**7))], compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 20_000
    with pytest.raises(nn.LoadError, match="compressed or encrypted"):
        nn.load(path)


def test_members_that_overlap_are_refused(path):
    """Many entries for the same bytes: each is no larger than the file, together they are."""
    raw(path, members=[("a.npy", npy(np.ones(1000)))])
    content = path.read_bytes()
    start = content.index(b"PK\x01\x02")
    entries, end = content[start : content.index(b"PK\x05\x06")], content.index(b"PK\x05\x06")
    second = entries[entries.index(b"PK\x01\x02", 4) :]
    more = b"".join(second.replace(b"a.npy", bytes([98 + i]) + b".npy") for i in range(20))
    tail = bytearray(content[end:])
    tail[8:10] = tail[10:12] = (22).to_bytes(2, "little")
    tail[12:16] = (len(entries) + len(more)).to_bytes(4, "little")
    path.write_bytes(content[:end] + more + tail)
    with zipfile.ZipFile(path) as file:
        assert len(file.namelist()) == 22
    with pytest.raises(nn.LoadError, match="larger than the file itself"):
        nn.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy(np.ones(2), shape=(10**12,)), "but holds 16 bytes"),
        (npy(np.ones(2), shape=(-2,)), "x has the shape"),
        (npy(np.ones(2), shape=(1,)), "but holds 16 bytes"),
        (npy(np.ones(2), descr="|O"), "array of object"),
        (npy(np.ones(2), descr="<c16"), "array of complex128"),
        (npy(np.ones(2), descr=">f8"), "array of >f8"),
        (npy(np.ones(2), descr=[("a", "<f8")]), "not of plain numbers"),
        (npy(np.ones(2), descr="<U4"), "not of plain numbers"),
        (npy(np.ones(2), fortran_order=True), "not of plain numbers"),
        (npy(np.ones(2), shape="(2,)"), "x is no array"),
        (npy(np.ones(2))[:40], "x is no array"),
        (b"", "x is no array"),
        (b"\x93NUMPY\x03\x00" + npy(np.ones(2))[8:], "another version"),
        (b"\x93NUMPY\x01\x00\x08\x00__import", "x is no array"),
    ],
    ids=range(14),
)
def test_an_array_that_is_not_what_it_says_is_an_error(content, message, path):
    raw(path, members=[("x.npy", content)])
    with pytest.raises(nn.LoadError, match=message):
        nn.load(path)


def test_two_members_of_one_name_are_an_error(path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        raw(path, members=[("x.npy", npy(np.ones(1)))] * 2)
    with pytest.raises(nn.LoadError, match="same name"):
        nn.load(path)


def test_modules_nested_without_end_are_refused_at_once(path):
    nn.save(nn.Sequential(), path)
    chain = [{"class": "Sequential", "children": []}]
    chain += [{"class": "Sequential", "children": [i]} for i in range(20_000)]
    rewritten(path, header={"modules": chain})
    with pytest.raises(nn.LoadError, match="nested more than 200 deep"):
        nn.load(path)


def test_modules_nested_as_deep_as_can_be_called_come_back(path):
    model = nn.Linear(1, 1, rng=0)
    for _ in range(100):
        model = nn.Sequential(model)
    loaded = round_trip(model, path)
    assert numbers(loaded([2.0])) == numbers(model([2.0]))


def test_sizes_without_parameters_take_no_memory(path):
    nn.save(nn.Sequential(nn.LayerNorm(2, elementwise_affine=False), nn.Unflatten(1, (2,))), path)
    vast = [1 << 39, 1 << 39]

    def change(header):
        header["modules"][0]["normalized_shape"] = vast
        header["modules"][1]["unflattened_size"] = vast

    rewritten(path, change=change)
    with pytest.raises(ValueError, match="takes 549755813888 × 549755813888 inputs, but got 1"):
        nn.load(path)([1.0])


def test_loading_runs_none_of_the_initial_draws(path, monkeypatch):
    nn.save(
        nn.Sequential(nn.Linear(2, 2, rng=0), nn.Conv2d(1, 1, 2, rng=0), nn.RNNCell(1, 1)), path
    )
    for name in nn.init.INITS:
        if name != "zeros":
            monkeypatch.setitem(nn.init.INITS, name, lambda *args: 1 / 0)
    nn.load(path)


@pytest.mark.parametrize("array", [np.ones(2, np.float32), np.array(["a"]), np.array([None])])
def test_an_archive_keeps_arrays_of_three_kinds_only(array, path):
    with pytest.raises(ValueError, match="which is not kept"):
        archive.write(path, {}, {"x": array})
    assert os.listdir(path.parent) == []


def test_an_archive_gives_back_what_it_was_given(path):
    arrays = {
        "a": np.arange(6.0).reshape(2, 3), "b/..": np.array(3), "é": np.zeros((0, 2), np.uint8),
        "transposed": np.arange(6.0).reshape(2, 3).T, "big": np.array([1.0], ">f8"),
    }  # fmt: skip
    archive.write(path, {"x": [1, 2.5, None]}, arrays)
    header, found = archive.read(path)
    assert header == {"x": [1, 2.5, None]}
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        found[name][...] = 0  # their own
