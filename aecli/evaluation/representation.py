"""What the mean codes know of the labels: a linear probe, nearest neighbours, and clusters."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, Shaped

from aecli.data.labels import labelled, unlabelled
from aecli.evaluation.metric import Measured, Metric, share_metric

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

NEIGHBOURS = 10
ITERATIONS = 1000  # of the probe's solver, at most
STARTS = 10  # of k-means
MOST = 200_000  # rows that are looked at, of either split
PROBES = "linear_probe_accuracy and knn_accuracy"
SEED = 0  # not the run's: runs that differ in their seed are measured alike

Codes = Float[np.ndarray, "rows size"]
Labels = Shaped[np.ndarray, " rows"]


def representation(trained: Trained, split: Split) -> Measured:
    """linear_probe_accuracy, knn_accuracy (from training codes); kmeans_accuracy, kmeans_nmi (of these).

    Labels are compared by name; only labelled rows count. Of more than 200,000 rows as many are taken, evenly
    spaced. What cannot be measured is left out with a note.
    """
    train = trained.split("train")[1]
    itself = train is split
    split, aside = _known(split, "evaluated")
    if why := no_classes(split.labels):
        return Measured({}, [*aside, f"representation is left out: the evaluated rows {why}"])
    codes, labels = trained.encode(split.x), np.asarray(split.labels).astype(str)
    if not np.isfinite(codes).all():
        return Measured({}, [*aside, "representation is left out: some codes are not finite"])
    if itself:
        known, more = (codes, labels), [f"{PROBES} are of the rows they were fitted on"]
    else:
        known, more = _training_codes(trained, train)
    notes = [*aside, *more]
    metrics: dict[str, Metric] = {}
    if known is not None:
        metrics["linear_probe_accuracy"] = linear_probe(*known, codes, labels, notes)
        metrics["knn_accuracy"] = nearest_neighbours(*known, codes, labels)
    return Measured(metrics | clusters(codes, labels, notes), notes)


def _known(split: Split, which: str) -> tuple[Split, list[str]]:
    """Some of the rows that have a label, and a note of the others."""
    missing = unlabelled(split.labels)
    if not missing or split.labels is None:
        return _some(split), []
    index = np.flatnonzero(labelled(np.asarray(split.labels)))
    return split.take(index[spread(len(index))]), [f"representation leaves out {missing:,} unlabelled {which} rows"]


def _some(split: Split) -> Split:
    """At most MOST of the rows, evenly spaced: all codes of many rows would not be in memory."""
    return split if len(split) <= MOST else split.take(spread(len(split)))


def spread(count: int) -> Int[np.ndarray, " some"]:
    """At most MOST of so many indices, evenly spaced."""
    return np.arange(count) if count <= MOST else np.linspace(0, count - 1, MOST).astype(int)


def no_classes(labels: Labels | None) -> str | None:
    """Why these labels tell nothing apart, or None."""
    if labels is None or not len(labels):
        return "have no labels"
    if labels.dtype.kind == "f":
        return "are labelled with fractions, not with classes"
    if len(np.unique(labels)) < 2:
        return "are all of one class"
    return None


def linear_probe(known: Codes, classes: Labels, codes: Codes, labels: Labels, notes: list[str]) -> Metric:
    """Accuracy of a multinomial logistic regression (L2, C = 1); training codes of mean 0 and variance 1."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(known.astype(np.float64))
    probe = LogisticRegression(max_iter=ITERATIONS, random_state=SEED)
    with _warnings_as_notes("linear_probe_accuracy", notes):
        probe.fit(scaler.transform(known.astype(np.float64)), classes)
    predicted = probe.predict(scaler.transform(codes.astype(np.float64)))
    unit = "share of rows, logistic regression on standardised training codes"
    return share_metric(int(np.sum(predicted == labels)), len(labels), unit)


def nearest_neighbours(known: Codes, classes: Labels, codes: Codes, labels: Labels) -> Metric:
    """Accuracy of a vote among the nearest training codes (Euclidean, equal weights)."""
    from sklearn.neighbors import KNeighborsClassifier

    count = min(NEIGHBOURS, len(known))
    predicted = KNeighborsClassifier(count, algorithm="brute").fit(known, classes).predict(codes)
    unit = f"share of rows, {count} nearest training codes"
    return share_metric(int(np.sum(predicted == labels)), len(labels), unit)


def clusters(codes: Codes, labels: Labels, notes: list[str]) -> dict[str, Metric]:
    """k-means with as many clusters as classes: accuracy under the best matching, and NMI with the classes.

    The matching of clusters to classes is the assignment of greatest agreement (Kuhn 1955); NMI is mutual
    information over the arithmetic mean of the two entropies.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.cluster import KMeans
    from sklearn.metrics import normalized_mutual_info_score

    classes = np.unique(labels, return_inverse=True)[1]
    count = int(classes.max()) + 1
    means = KMeans(count, n_init=STARTS, random_state=SEED)  # pyright: ignore[reportArgumentType] (stub)
    with _warnings_as_notes("kmeans", notes):
        found = means.fit_predict(codes.astype(np.float64))
    table = contingency(found, classes, count)
    hits = int(table[linear_sum_assignment(table, maximize=True)].sum())
    unit = f"share of rows, {count} clusters matched to classes"
    nmi = float(normalized_mutual_info_score(classes, found))
    return {
        "kmeans_accuracy": share_metric(hits, len(labels), unit),
        "kmeans_nmi": Metric(nmi, f"normalised mutual information of {count} clusters and the classes"),
    }


def contingency(
    found: Int[np.ndarray, " rows"], classes: Int[np.ndarray, " rows"], count: int
) -> Int[np.ndarray, "count count"]:
    """How many rows are in cluster i and of class j."""
    return np.bincount(found * count + classes, minlength=count * count).reshape(count, count)


def _training_codes(trained: Trained, train: Split) -> tuple[tuple[Codes, Labels] | None, list[str]]:
    """The training rows' codes and labels, and notes; no codes where their labels tell nothing apart."""
    train, aside = _known(train, "training")
    if why := no_classes(train.labels):
        return None, [*aside, f"{PROBES} are left out: the training rows {why}"]
    labels = np.asarray(train.labels).astype(str)
    known = trained.encode(train.x)
    if not np.isfinite(known).all():
        return None, [*aside, f"{PROBES} are left out: a training code is not finite"]
    return (known, labels), aside


@contextmanager
def _warnings_as_notes(metric: str, notes: list[str]) -> Iterator[None]:
    """What scikit-learn warns of (a solver that did not converge) is told with the result."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    lines = (str(warning.message).splitlines()[0] for warning in caught)
    notes.extend(dict.fromkeys(f"{metric}: {line}" for line in lines))
