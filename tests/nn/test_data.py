"""The data sets: their sizes, labels and seeds, and the message without scikit-learn."""

import sys

import numpy as np
import pytest

from nn.data import digits, moons

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
    message = r"scikit-learn: pip install 'scalar-autograd\[demo\]'"
    with pytest.raises(ImportError, match=message) as error:
        digits()
    assert isinstance(error.value.__cause__, ImportError)
    moons(10)  # needs nothing
