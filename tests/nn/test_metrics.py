"""Metrics against scikit-learn, closed forms, and the accuracy of a model."""

import math

import numpy as np
import pytest

import nn
from nn import metrics


def labelled(seed, n=60, k=4):
    random = np.random.default_rng(seed)
    true = random.integers(k, size=n)
    wrong = random.random(size=n) < 0.4
    return true, np.where(wrong, random.integers(k, size=n), true), random.uniform(0, 3, size=n)


# --- accuracy --------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("names", [False, True])
def test_accuracy_score_is_that_of_scikit_learn(normalize, weighted, names):
    sklearn = pytest.importorskip("sklearn.metrics")
    true, predicted, weight = labelled(0)
    if names:
        true, predicted = np.array(list("abcd"))[true], np.array(list("abcd"))[predicted]
    more = {"normalize": normalize, "sample_weight": weight if weighted else None}
    ours = nn.accuracy_score(true, predicted, **more)
    assert type(ours) is float
    assert ours == pytest.approx(sklearn.accuracy_score(true, predicted, **more), rel=1e-14)


@pytest.mark.parametrize(("n_out", "one_hot"), [(1, False), (3, False), (3, True)])
def test_hits_are_those_that_the_accuracy_of_a_model_counts(n_out, one_hot):
    model = nn.MLP(2, [4, n_out], "tanh", rng=0)
    random = np.random.default_rng(1)
    X = random.normal(size=(30, 2))
    y = random.integers(max(n_out, 2), size=30)
    outputs = nn.predict(model, X)
    right = metrics.hits(outputs, np.eye(n_out)[y] if one_hot else y)
    assert right.dtype == bool
    assert right.mean() == pytest.approx(nn.accuracy(model, X, y), rel=1e-15)
    assert 0 < right.sum() < 30
    assert nn.accuracy_score(y, nn.predicted_classes(outputs)) == pytest.approx(right.mean())


def test_the_sign_of_a_single_output_is_held_against_labels_of_both_kinds():
    outputs = [[0.5], [-0.5], [0.0], [2.0]]
    assert metrics.hits(outputs, [1, -1, 1, -1]).tolist() == [True, True, False, False]
    assert metrics.hits(outputs, [[1], [0], [0], [0]]).tolist() == [True, True, True, False]


def test_predicted_classes_are_those_of_the_largest_output_or_the_sign():
    assert nn.predicted_classes([[0.1, 0.7, 0.2], [3.0, 3.0, 1.0]]).tolist() == [1, 0]
    assert nn.predicted_classes([[0.5], [-0.5], [0.0]]).tolist() == [1, 0, 0]
    assert nn.predicted_classes([0.5, -0.5], labels=(-1, 1)).tolist() == [1, -1]
    assert nn.predicted_classes([0.5, -0.5], labels=("no", "yes")).tolist() == ["yes", "no"]


@pytest.mark.parametrize("shape", [(), (2, 0), (2, 2, 2)])
def test_predicted_classes_refuse_outputs_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"outputs of shape .samples, outputs., not"):
        nn.predicted_classes(np.zeros(shape))


def test_hits_refuse_targets_of_another_shape():
    with pytest.raises(ValueError, match="a class or one-hot row per sample"):
        metrics.hits(np.zeros((2, 3)), np.zeros((2, 2)))


# --- the confusion matrix --------------------------------------------------------------------


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
@pytest.mark.parametrize("weight", [None, "integers", "floats"])
@pytest.mark.parametrize("labels", [None, [2, 0, 1, 3], [3, 1], [0, 1, 2, 3, 7]])
def test_confusion_matrix_is_that_of_scikit_learn(normalize, weight, labels):
    sklearn = pytest.importorskip("sklearn.metrics")
    true, predicted, weights = labelled(1)
    predicted[predicted == 2] = 0  # an empty column
    each = {None: None, "integers": (weights * 2).astype(int), "floats": weights}[weight]
    more = {"labels": labels, "normalize": normalize, "sample_weight": each}
    ours = nn.confusion_matrix(true, predicted, **more)
    theirs = sklearn.confusion_matrix(true, predicted, **more)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)


def test_rows_of_the_confusion_matrix_are_the_truth_and_columns_the_predictions():
    matrix = nn.confusion_matrix(["cat", "cat", "dog"], ["dog", "cat", "dog"])
    assert matrix.tolist() == [[1, 1], [0, 1]]
    assert nn.confusion_matrix([0, 0, 0, 1], [1, 1, 0, 1]).tolist() == [[1, 2], [0, 1]]


def test_labels_may_be_lists_columns_booleans_and_floats():
    expected = nn.confusion_matrix([0, 1, 1], [0, 1, 0]).tolist()
    assert nn.confusion_matrix(np.array([[0], [1], [1]]), [0.0, 1.0, 0.0]).tolist() == expected
    assert nn.confusion_matrix([False, True, True], np.array([0, 1, 0])).tolist() == expected


@pytest.mark.parametrize(
    ("args", "more", "message"),
    [
        (([0, 1], [0]), {}, "y_true has 2 labels, but y_pred 1"),
        (([], []), {}, "y_true is empty"),
        (([0, 1], [0.5, 0.5, 0.5]), {}, "y_true has 2 labels, but y_pred 3"),
        (([0, 1], [[0.1, 0.9], [0.2, 0.8]]), {}, r"y_pred must be a list.*predicted_classes\(\)"),
        (([0, 1], ["0", "1"]), {}, "numbers and names are never equal"),
        (([0, 1], [0, 1]), {"labels": [5, 6]}, "none of the labels"),
        (([0, 1], [0, 1]), {"labels": []}, "none of the labels"),
        (([0, 1], [0, 1]), {"labels": [0, 0]}, "a label stands twice"),
        (([0, 1], [0, 1]), {"normalize": "rows"}, "normalize must be 'true', 'pred', 'all'"),
        (([0, 1], [0, 1]), {"sample_weight": [1.0]}, "sample_weight must be 2 numbers"),
    ],
)
def test_what_is_no_pair_of_labellings_is_refused(args, more, message):
    with pytest.raises(ValueError, match=message):
        nn.confusion_matrix(*args, **more)


# --- R² --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(30,), (30, 1), (30, 3)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "multioutput", ["raw_values", "uniform_average", "variance_weighted", None, "weights"]
)
def test_r2_is_that_of_scikit_learn(shape, weighted, multioutput):
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(2)
    y = random.normal(size=shape) * 3.0 + 1.0
    predicted = y + random.normal(size=shape)
    if multioutput == "weights":
        if shape != (30, 3):
            pytest.skip("scikit-learn takes weights of several outputs only")
        multioutput = [0.2, 0.5, 1.1]
    more = {"sample_weight": random.uniform(size=30) if weighted else None}
    more |= {"multioutput": multioutput}
    ours, theirs = nn.r2_score(y, predicted, **more), sklearn.r2_score(y, predicted, **more)
    assert np.shape(ours) == np.shape(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # scikit-learn's
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("multioutput", ["raw_values", "uniform_average", "variance_weighted"])
@pytest.mark.parametrize("force_finite", [True, False])
@pytest.mark.parametrize("constant", ["one", "all"])
def test_r2_of_constant_targets_is_that_of_scikit_learn(multioutput, force_finite, constant):
    sklearn = pytest.importorskip("sklearn.metrics")
    y = np.array([[1.0, 2.0, 5.0], [1.0, 2.0, 7.0], [1.0, 2.0, 4.0]])
    if constant == "all":
        y[:, 2] = 5.0
    predicted = np.array([[1.0, 2.0, 5.5], [1.0, 2.0, 6.5], [1.0, 3.0, 4.0]])
    if multioutput == "variance_weighted" and not force_finite:
        predicted[:, 1] = 2.0  # else inf times 0, on which the two need not agree
        y[:, :2] = np.array([[3.0], [1.0], [2.0]])
    more = {"multioutput": multioutput, "force_finite": force_finite}
    np.testing.assert_allclose(
        nn.r2_score(y, predicted, **more), sklearn.r2_score(y, predicted, **more)
    )


def test_r2_takes_the_weight_of_a_single_output_too():
    assert nn.r2_score([1.0, 2.0], [1.0, 1.5], multioutput=[2.0]) == 0.5


def test_r2_is_1_for_a_perfect_fit_0_for_the_mean_and_negative_for_worse():
    y = [1.0, 2.0, 3.0, 6.0]
    assert nn.r2_score(y, y) == 1.0
    assert nn.r2_score(y, [3.0] * 4) == 0.0
    assert nn.r2_score(y, [6.0, 3.0, 2.0, 1.0]) == pytest.approx(1.0 - 52.0 / 14.0)
    assert nn.r2_score([1.0, 1.0], [1.0, 2.0], force_finite=False) == -math.inf


@pytest.mark.parametrize(
    ("args", "more", "message"),
    [
        (([1.0, 2.0], [1.0]), {}, r"same shape.*got \(2,\) and \(1,\)"),
        (([1.0, 2.0], [[1.0, 2.0]]), {}, "same shape"),
        (([1.0], [1.0]), {}, "needs two samples or more, but got 1"),
        (([1.0, 2.0], [1.0, 2.0]), {"multioutput": "mean"}, "multioutput must be"),
        (([1.0, 2.0], [1.0, 2.0]), {"multioutput": [1.0, 2.0]}, "has 1 outputs, but got weights"),
        (([1.0, 2.0], [1.0, 2.0]), {"sample_weight": 1.0}, "sample_weight must be 2 numbers"),
    ],
)
def test_what_has_no_r2_is_refused(args, more, message):
    with pytest.raises(ValueError, match=message):
        nn.r2_score(*args, **more)
