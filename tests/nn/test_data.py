"""The data sets, drawn and bundled; how they are split and scaled."""

import sys

import numpy as np
import pytest

from nn.data import (
    Scaler,
    blobs,
    circles,
    digits,
    iris,
    linear,
    moons,
    sine,
    spiral,
    standardise,
    train_test_split,
    xor,
)

# --- moons -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 10, 101])
def test_moons_are_n_points_half_on_each_moon(n):
    X, y = moons(n, rng=0)
    assert X.shape == (n, 2)
    assert X.dtype == np.float64
    assert y.shape == (n,)
    assert set(y.tolist()) == {-1, 1}
    assert abs(int(y.sum())) == n % 2


def test_there_are_100_moons_points_by_default():
    X, y = moons(rng=0)
    assert len(X) == len(y) == 100


def test_without_noise_the_points_lie_on_two_half_circles():
    X, y = moons(40, noise=0.0, rng=0)
    upper, lower = X[y == -1], X[y == 1]
    np.testing.assert_allclose(np.hypot(upper[:, 0], upper[:, 1]), 1.0, rtol=1e-12)
    assert np.all(upper[:, 1] >= 0.0)
    np.testing.assert_allclose(np.hypot(lower[:, 0] - 1.0, lower[:, 1] - 0.5), 1.0, rtol=1e-12)
    assert np.all(lower[:, 1] <= 0.5 + 1e-12)


def test_without_noise_they_are_the_points_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = moons(50, noise=0.0)
    theirs, labels = datasets.make_moons(50, shuffle=False, noise=None)
    np.testing.assert_allclose(X, theirs, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(y, 2 * labels - 1)


def test_the_noise_has_its_standard_deviation():
    X, _ = moons(10_000, noise=0.3, rng=0)
    clean, _ = moons(10_000, noise=0.0)
    assert (X - clean).std() == pytest.approx(0.3, rel=0.02)
    assert (X - clean).mean() == pytest.approx(0.0, abs=0.01)


def test_moons_are_the_same_for_the_same_seed_only():
    for rng in (5, np.random.default_rng(5)):
        np.testing.assert_array_equal(moons(20, rng=rng)[0], moons(20, rng=5)[0])
    assert not np.array_equal(moons(20, rng=5)[0], moons(20, rng=6)[0])
    assert not np.array_equal(moons(20)[0], moons(20)[0])


def test_a_shared_generator_gives_other_moons_the_second_time():
    rng = np.random.default_rng(5)
    assert not np.array_equal(moons(20, rng=rng)[0], moons(20, rng=rng)[0])


def test_moons_take_scikit_learns_names_and_a_number_for_each_moon():
    X, y = moons(n_samples=(3, 5), noise=None, shuffle=True, rng=0)
    assert len(X) == 8
    assert np.bincount(y > 0).tolist() == [3, 5]
    assert y.tolist() != sorted(y.tolist())
    np.testing.assert_allclose(np.hypot(*X[y == -1].T), 1.0)


# --- the other sets ----------------------------------------------------------------------------

DRAWN = {
    "moons": (moons, {-1, 1}),
    "circles": (circles, {-1, 1}),
    "spiral": (spiral, {0, 1, 2}),
    "xor": (xor, {-1, 1}),
    "blobs": (blobs, {0, 1, 2}),
}
every_set = pytest.mark.parametrize("name", [*DRAWN, "sine", "linear"])
FUNCTIONS = {**{name: each for name, (each, _) in DRAWN.items()}, "sine": sine, "linear": linear}


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("n", [12, 50, 101])
def test_classes_have_their_labels_and_almost_equal_numbers_of_points(name, n):
    draw, labels = DRAWN[name]
    X, y = draw(n, rng=0)
    assert X.shape == (n, 2)
    assert y.shape == (n,)
    found, counts = np.unique(y, return_counts=True)
    assert set(found.tolist()) == labels
    assert np.ptp(counts) <= (2 if name == "xor" else 1)


@every_set
def test_every_set_is_the_same_for_the_same_seed_only(name):
    draw = FUNCTIONS[name]
    one, again, other = draw(20, rng=5), draw(20, rng=np.random.default_rng(5)), draw(20, rng=6)
    for part, twin in zip(one, again, strict=True):
        np.testing.assert_array_equal(part, twin)
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize("name", ["moons", "circles", "spiral", "xor", "sine", "linear"])
def test_noise_has_its_standard_deviation_and_none_is_0(name):
    draw = FUNCTIONS[name]
    options = {} if name in ("sine", "linear") else {"shuffle": False}
    clean, still = draw(8000, noise=None, rng=1, **options), draw(8000, noise=0.0, rng=1, **options)
    noisy = draw(8000, noise=0.2, rng=1, **options)
    part = 1 if name in ("sine", "linear") else 0
    np.testing.assert_array_equal(clean[part], still[part])
    assert (noisy[part] - clean[part]).std() == pytest.approx(0.2, rel=0.03)


@every_set
@pytest.mark.parametrize("n", [0, -1, 2.5, "3", True])
def test_a_number_of_points_that_is_none_is_refused(name, n):
    with pytest.raises((ValueError, TypeError)):
        FUNCTIONS[name](n)


@pytest.mark.parametrize("name", ["moons", "circles", "spiral", "xor", "sine", "linear"])
@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf"), "much"])
def test_noise_that_is_none_is_refused(name, noise):
    with pytest.raises(ValueError, match=f"{name}: noise must be a number"):
        FUNCTIONS[name](10, noise=noise)


def test_circles_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = circles(51, factor=0.3, shuffle=False)
    theirs, labels = datasets.make_circles(51, factor=0.3, shuffle=False)
    np.testing.assert_allclose(X, theirs, atol=1e-12)
    np.testing.assert_array_equal(y, 2 * labels - 1)


def test_the_inner_circle_is_smaller():
    with pytest.raises(ValueError, match="factor must be"):
        circles(factor=1.0)


def test_arms_of_a_spiral_are_one_curve_turned():
    X, y = spiral(90, noise=0.0, classes=3, turns=0.5)
    angle = 2.0 * np.pi / 3.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(X[y == 0] @ turn.T, X[y == 1], atol=1e-12)
    np.testing.assert_allclose(X[y == 1] @ turn.T, X[y == 2], atol=1e-12)
    np.testing.assert_allclose(X[y == 0][-1], [-1.0, 0.0], atol=1e-12)  # half a turn, radius 1


def test_four_clean_points_of_xor_are_its_table():
    X, y = xor(4, noise=0.0)
    assert [(*map(int, x), int(label)) for x, label in zip(X, y, strict=True)] == [
        (-1, -1, -1), (-1, 1, 1), (1, -1, 1), (1, 1, -1),
    ]  # fmt: skip


def test_blobs_have_the_centers_and_spreads_given():
    centers = [[0.0, 0.0, 5.0], [3.0, -3.0, 0.0]]
    X, y, places = blobs(
        [4000, 2000], centers=centers, cluster_std=[0.5, 2.0], rng=0, return_centers=True
    )
    np.testing.assert_array_equal(places, centers)
    for k, (size, spread) in enumerate([(4000, 0.5), (2000, 2.0)]):
        mine = X[y == k]
        assert len(mine) == size
        np.testing.assert_allclose(mine.mean(axis=0), centers[k], atol=0.15)
        np.testing.assert_allclose(mine.std(axis=0), spread, rtol=0.05)


def test_blobs_are_3_in_the_plane_by_default_and_as_many_as_sizes():
    assert set(blobs(rng=0)[1].tolist()) == {0, 1, 2}
    assert np.bincount(blobs([1, 2, 3, 4], rng=0)[1]).tolist() == [1, 2, 3, 4]
    X, _, places = blobs(10, 5, rng=0, centers=4, return_centers=True)
    assert X.shape == (10, 5)
    assert places.shape == (4, 5)
    assert np.abs(places).max() <= 10.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"centers": 0}, "centers must be a positive integer"),
        ({"centers": [1.0, 2.0]}, r"centers must be \(k, n_features\)"),
        ({"cluster_std": -1.0}, "cluster_std must be"),
        ({"cluster_std": [1.0, 2.0]}, "3 of them"),
        ({"center_box": (1.0, -1.0)}, "center_box must be"),
        ({"n": [1, 2], "centers": 3}, "n must be a number or 3"),
    ],
)
def test_blobs_refuse(options, message):
    with pytest.raises(ValueError, match=message):
        blobs(**options)


def test_sine_is_sampled_between_low_and_high():
    X, y = sine(500, noise=0.0, rng=0, low=1.0, high=2.0)
    assert X.shape == (500, 1)
    assert X.min() >= 1.0
    assert X.max() <= 2.0
    np.testing.assert_array_equal(y, np.sin(X[:, 0]))
    with pytest.raises(ValueError, match="low must be below high"):
        sine(low=1.0, high=1.0)


def test_linear_targets_are_those_of_its_coefficients():
    X, y, w = linear(30, noise=0.0, rng=0, n_features=4, bias=2.0, coef=True)
    np.testing.assert_allclose(X @ w + 2.0, y, rtol=1e-12)
    assert len(linear(n_samples=7, rng=0)[0]) == 7


# --- digits ----------------------------------------------------------------------------------


def test_the_digits_are_split_into_1198_and_599():
    pytest.importorskip("sklearn")
    X, y, X_test, y_test = digits()
    assert X.shape == (1198, 64)
    assert y.shape == (1198,)
    assert X_test.shape == (599, 64)
    assert y_test.shape == (599,)


def test_the_parts_have_names():
    pytest.importorskip("sklearn")
    split = digits()
    assert [len(part) for part in (split.X, split.y, split.X_test, split.y_test)] == [
        1198,
        1198,
        599,
        599,
    ]


def test_the_pixels_lie_between_0_and_1_and_the_classes_are_0_to_9():
    pytest.importorskip("sklearn")
    split = digits()
    for X, y in ((split.X, split.y), (split.X_test, split.y_test)):
        assert (X.min(), X.max()) == (0.0, 1.0)
        assert np.issubdtype(y.dtype, np.integer)
        assert sorted(set(y.tolist())) == list(range(10))


def test_every_class_keeps_its_share():
    pytest.importorskip("sklearn")
    split = digits()
    train, test = np.bincount(split.y), np.bincount(split.y_test)
    np.testing.assert_allclose(test, (train + test) / 3, atol=1.0)


def test_both_parts_together_are_all_the_digits_each_once():
    load = pytest.importorskip("sklearn.datasets").load_digits
    split = digits()
    X, y = load(return_X_y=True)
    everything = np.column_stack([X / 16.0, y])
    parts = np.vstack(
        [np.column_stack([split.X, split.y]), np.column_stack([split.X_test, split.y_test])]
    )

    def in_order(rows):
        return rows[np.lexsort(rows.T)]

    np.testing.assert_array_equal(in_order(parts), in_order(everything))


def test_no_test_image_is_among_the_training_images():
    pytest.importorskip("sklearn")
    split = digits()
    training = {row.tobytes() for row in split.X}
    assert not any(row.tobytes() in training for row in split.X_test)


def test_the_split_is_the_same_for_the_same_seed_only():
    pytest.importorskip("sklearn")
    for one, other in (
        (digits(), digits()),
        (digits(), digits(rng=0)),
        (digits(rng=3), digits(rng=np.random.default_rng(3))),
    ):
        for part, its_twin in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, its_twin)
    assert not np.array_equal(digits(rng=0).y_test, digits(rng=1).y_test)


def test_the_share_held_out_can_be_chosen():
    pytest.importorskip("sklearn")
    split = digits(test_size=0.1)
    assert (len(split.X), len(split.X_test)) == (1617, 180)


def test_without_scikit_learn_the_error_says_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    message = r"scikit-learn: pip install 'scalar-autograd\[data\]'"
    with pytest.raises(ImportError, match=message) as error:
        digits()
    assert isinstance(error.value.__cause__, ImportError)
    moons(10)  # needs nothing


# --- iris --------------------------------------------------------------------------------------


def test_irises_are_50_of_each_species():
    pytest.importorskip("sklearn")
    split = iris()
    assert split.X.shape == (100, 4)
    assert split.X_test.shape == (50, 4)
    both = np.bincount(split.y) + np.bincount(split.y_test)
    assert both.tolist() == [50, 50, 50]
    assert np.ptp(np.bincount(split.y_test)) <= 1
    assert split.X.max() > 7.0  # centimetres, as measured


# --- splitting ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "options", "sizes"),
    [
        (10, {}, (7, 3)),
        (10, {"test_size": 0.25}, (7, 3)),
        (10, {"test_size": 4}, (6, 4)),
        (10, {"train_size": 0.55}, (5, 5)),
        (10, {"train_size": 2, "test_size": 3}, (2, 3)),
        (1797, {"test_size": 1 / 3}, (1198, 599)),
    ],
)
def test_parts_have_the_sizes_of_scikit_learn(n, options, sizes):
    theirs = pytest.importorskip("sklearn.model_selection").train_test_split
    train, test = train_test_split(np.arange(n), rng=0, **options)
    assert (len(train), len(test)) == sizes
    assert tuple(map(len, theirs(np.arange(n), **options))) == sizes
    assert not set(train.tolist()) & set(test.tolist())


def test_all_arrays_are_cut_alike_train_before_test():
    X = np.arange(20).reshape(10, 2)
    parts = train_test_split(X, list("abcdefghij"), X[:, 0], rng=3)
    for rows, letters, first in (parts[0::2], parts[1::2]):
        np.testing.assert_array_equal(rows[:, 0], first)
        assert ["abcdefghij"[i // 2] for i in first] == letters.tolist()
    assert len(parts[0]) == 7


def test_a_split_is_the_same_for_the_same_seed_only():
    one, same, other = (train_test_split(np.arange(50), rng=seed)[1].tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_without_shuffle_the_test_part_is_the_end():
    train, test = train_test_split(np.arange(6), test_size=2, shuffle=False)
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 3], [4, 5])


@pytest.mark.parametrize("counts", [(50, 30, 20), (97, 3), (2, 2, 2), (5, 5, 5, 86)])
def test_strata_keep_their_shares(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    train, test = train_test_split(y, test_size=0.5, rng=0, stratify=y)
    exact = np.array(counts) / 2
    for part in (train, test):
        found = np.bincount(part, minlength=len(counts))
        assert found.min() >= 1
        np.testing.assert_allclose(found, exact, atol=1.0)
    assert sorted([*train, *test]) == y.tolist()
    assert train.tolist() != sorted(train.tolist())


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ((), {}, "at least one array"),
        (([1, 2], [1]), {}, "one length"),
        (([1],), {}, "cannot cut 1 samples"),
        (([1, 2, 3],), {"test_size": 3}, "cannot cut 3 samples into 0"),
        (([1, 2, 3],), {"test_size": 1.5}, "test_size must be"),
        (([1, 2, 3],), {"test_size": 0}, "test_size must be"),
        (([1, 2, 3],), {"train_size": True}, "train_size must be"),
        (([1, 2, 3],), {"stratify": [0, 0, 1]}, r"the rarest \(1\) with 1 of 3"),
        (([1, 2, 3],), {"stratify": [0, 1]}, "must be 3 labels"),
        (([1, 2, 3, 4],), {"stratify": [0, 0, 1, 1], "shuffle": False}, "needs shuffle"),
    ],
)
def test_splits_that_cannot_be_are_refused(arrays, options, message):
    with pytest.raises(ValueError, match=message):
        train_test_split(*arrays, **options)


# --- scaling -----------------------------------------------------------------------------------


def test_columns_are_scaled_by_the_first_array_alone():
    random = np.random.default_rng(0)
    X, other = random.normal(5.0, 3.0, (40, 3)), random.normal(-1.0, 1.0, (7, 3))
    scaled, scaled_other, scaler = standardise(X, other)
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, rtol=1e-12)
    np.testing.assert_allclose(scaled_other, (other - X.mean(axis=0)) / X.std(axis=0))
    np.testing.assert_allclose(scaler.inverse_transform(scaled_other), other, rtol=1e-12)
    np.testing.assert_array_equal(scaler.transform(X), scaled)


def test_scaling_is_that_of_scikit_learn():
    theirs = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    X = np.random.default_rng(1).normal(size=(30, 4)) * [1.0, 1e6, 1e-6, 0.0] + [0.0, 1.0, 0.0, 0.1]
    scaled, scaler = standardise(X)
    np.testing.assert_allclose(scaled, theirs.fit_transform(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scaler.scale, theirs.scale_, rtol=1e-12)


def test_a_constant_column_becomes_0_and_comes_back():
    scaled, scaler = standardise([[0.1, 1.0]] * 7 + [[0.1, 2.0]])
    assert scaled[:, 0].tolist() == [0.0] * 8
    assert scaler.scale[0] == 1.0
    np.testing.assert_allclose(scaler.inverse_transform(scaled)[:, 0], 0.1)


def test_a_list_of_numbers_is_scaled_too():
    scaled, scaler = standardise([1.0, 3.0])
    assert scaled.tolist() == [-1.0, 1.0]
    assert isinstance(scaler, Scaler)
    assert scaler.inverse_transform([0.5]).tolist() == [2.5]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "takes"),
        ([[[1.0]]], r"takes \(samples, columns\)"),
        ([[1.0, np.nan]], r"X\[0, 1\] is not"),
    ],
)
def test_what_cannot_be_scaled_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        standardise(X)


def test_other_columns_are_refused():
    _, scaler = standardise([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match="2 columns"):
        scaler.transform([[1.0], [2.0]])
