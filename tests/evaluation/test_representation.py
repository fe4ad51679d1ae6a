from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.cluster import contingency_matrix

from aecli.evaluation import probe as module
from aecli.evaluation.representation import Representation, clusters, contingency

NAMES = ["linear_probe_accuracy", "knn_accuracy", "kmeans_accuracy", "kmeans_nmi"]


def blobs(rows: int, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Clouds of sd 0.1 around the corners of a simplex, and which cloud each row is of."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(rows) % classes)
    return (np.eye(classes)[labels] + 0.1 * draw.normal(size=(rows, classes))).astype(np.float32), labels


def run_on(make, train, test):
    """The autoencoder whose code is x, with these splits; and what it scores on the test rows."""
    trained = make.identity(test[0].shape[1])
    splits = {"train": make.split(*train), "test": make.split(*test)}
    trained.dataset = SimpleNamespace(splits=lambda: splits, **splits)
    return make.measured(Representation(trained, False), trained.dataset.test)


def test_separate_blobs_are_told_apart(make):
    found = run_on(make, blobs(200), blobs(120, seed=1))
    assert list(found.metrics) == NAMES
    assert [metric.value for metric in found.metrics.values()] == pytest.approx([1.0] * 4)
    assert found.notes == []


def test_shuffled_labels_are_chance(make):
    draw = np.random.default_rng(2)
    (known, classes), (x, labels) = blobs(2000), blobs(1000, seed=1)
    found = run_on(make, (known, draw.permutation(classes)), (x, draw.permutation(labels))).metrics
    for name in ("linear_probe_accuracy", "knn_accuracy"):
        assert found[name].value == pytest.approx(0.25, abs=5 * found[name].stderr)
        assert found[name].stderr == pytest.approx(np.sqrt(0.25 * 0.75 / 1000), rel=0.1)
    assert found["kmeans_accuracy"].value < 0.35
    assert found["kmeans_nmi"].value < 0.02


@pytest.mark.parametrize("as_text", ["train", "test"])
def test_labels_are_compared_by_name(make, as_text):
    sets = {"train": blobs(200), "test": blobs(120, seed=1)}
    sets[as_text] = (sets[as_text][0], sets[as_text][1].astype(str))
    assert run_on(make, sets["train"], sets["test"]).metrics["knn_accuracy"].value == 1.0


def test_numbers_that_came_as_text_are_the_same_classes_and_new_ones_are_left_out(make):
    train, (x, labels) = blobs(200), blobs(120, seed=1)
    as_text = np.array([f"{label}.0" for label in labels])
    as_text[:7] = "odd"
    found = run_on(make, train, (x, as_text))
    assert found.metrics["knn_accuracy"].value == found.metrics["linear_probe_accuracy"].value == 1.0
    assert found.notes == [
        "linear_probe_accuracy and knn_accuracy leave out 7 rows of classes that no training row has"
    ]
    strange = run_on(make, train, (x, np.where(labels > 1, "odd", "even")))
    assert "knn_accuracy" not in strange.metrics
    assert "leave out 120 rows" in strange.notes[0]


def test_equal_calls_give_equal_numbers(make):
    draw = np.random.default_rng(3)
    sets = [(draw.normal(size=(300, 3)), draw.integers(0, 3, 300)) for _ in range(2)]
    assert run_on(make, *sets) == run_on(make, *sets)


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        (None, "no labels"),
        (np.linspace(0, 1, 120), "fractions"),
        (np.zeros(120, int), "one class"),
    ],
)
def test_labels_that_tell_nothing_leave_a_note(make, labels, note):
    (x, classes), train = blobs(120, seed=1), blobs(200)
    untold = run_on(make, train, (x, labels))
    assert untold.metrics == {}
    assert note in untold.notes[0]
    known = None if labels is None else np.resize(labels, 200)
    half = run_on(make, (train[0], known), (x, classes))
    assert list(half.metrics) == ["kmeans_accuracy", "kmeans_nmi"]
    assert "linear_probe_accuracy and knn_accuracy are left out" in half.notes[0]
    assert note in half.notes[0]


def test_measuring_the_training_rows_is_said(make):
    trained = make.identity(4)
    only = {"train": make.split(*blobs(80))}
    trained.dataset = SimpleNamespace(splits=lambda: only, **only)
    found = make.measured(Representation(trained, True), trained.dataset.train)
    assert list(found.metrics) == NAMES
    assert "the rows they were fitted on" in found.notes[0]


def test_what_scikit_learn_warns_of_becomes_a_note(make, monkeypatch):
    monkeypatch.setattr(module, "ITERATIONS", 1)
    found = run_on(make, blobs(200), blobs(120, seed=1))
    assert found.notes[0].startswith("linear_probe_accuracy: lbfgs failed to converge")
    notes: list[str] = []
    clusters(np.zeros((6, 2), np.float32), np.array(list("aabbcc")), notes)
    assert notes[0].startswith("kmeans: Number of distinct clusters (1) found smaller")


def test_fewer_training_rows_than_neighbours(make):
    found = run_on(make, blobs(8), blobs(40, seed=1)).metrics["knn_accuracy"]
    assert "8 nearest training codes" in found.unit


def test_codes_that_are_not_finite_leave_a_note(make):
    x, labels = blobs(40)
    broken = x.copy()
    broken[3, 1] = np.nan
    assert "not finite" in run_on(make, (x, labels), (broken, labels)).notes[0]
    half = run_on(make, (broken, labels), (x, labels))
    assert list(half.metrics) == NAMES[2:]
    assert "not finite" in half.notes[0]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_contingency_is_scikit_learns(pairs):
    found, classes = np.array(pairs).T
    full = np.concatenate([np.arange(4), found]), np.concatenate([np.arange(4), classes])
    expected = contingency_matrix(*full) - np.eye(4, dtype=int)  # so that no row or column is missing
    assert np.array_equal(contingency(found, classes, 4), expected)


def test_the_matching_of_clusters_does_not_know_their_names():
    x, labels = blobs(100)
    for names in ("abcd", "dbac"):
        found = clusters(x, np.array(list(names))[labels], [])
        assert found["kmeans_accuracy"].value == 1.0
