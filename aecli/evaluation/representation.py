"""What the mean codes know of the labels: a linear probe, nearest neighbours, and clusters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from aecli.data.labels import labelled
from aecli.data.supervision import class_numbers
from aecli.evaluation import sample as sampling
from aecli.evaluation.metric import Measured, Metric, share_metric
from aecli.evaluation.moments import rows_of_block
from aecli.evaluation.probe import SEED, Codes, Labels, linear_probe, warnings_as_notes
from aecli.evaluation.sample import Sample

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

NEIGHBOURS = 10
STARTS = 10  # of k-means
OF_TRAINING = "linear_probe_accuracy and knn_accuracy"
FITTED = f"{OF_TRAINING} are of the rows they were fitted on"


class Representation:
    """linear_probe_accuracy, knn_accuracy (from training codes); kmeans_accuracy, kmeans_nmi (of these).

    Labels are compared by name; only labelled rows count, and for the first two those of a class of training. Of more
    than 200,000 rows, evaluated or of training, a fixed random sample of as many is looked at, with a note. What
    cannot be measured is left out with a note. `training`: the evaluated rows are the training rows.
    """

    def __init__(self, trained: Trained, training: bool):
        self.trained, self.training = trained, training
        self.sample = Sample()
        self.why: str | None = None
        self.rows = self.labelled = 0

    def add(self, block: Split, first: int) -> None:
        """The next rows: only those that may be in the sample are encoded."""
        self.why = self.why or no_names(block.labels)
        if self.why or block.labels is None:
            return
        known = labelled(np.asarray(block.labels))
        self.rows, self.labelled = self.rows + len(known), self.labelled + int(known.sum())
        at = self.sample.candidates(first, len(known))
        at = at[known[at]]
        if len(at):
            self.sample.add(first + at, codes=self.trained.encode(block.x[at]), labels=block.labels[at])

    def result(self) -> Measured:
        """The accuracies, and notes."""
        notes = _notes("evaluated", self.rows, self.labelled)
        taken = self.sample.taken() if self.labelled and not self.why else {}
        if why := self.why or no_classes(taken.get("labels")):
            return Measured({}, [*notes, f"representation is left out: the evaluated rows {why}"])
        codes, labels = taken["codes"], taken["labels"].astype(str)
        if not np.isfinite(codes).all():
            return Measured({}, [*notes, "representation is left out: some codes are not finite"])
        known, remarks = ((codes, labels), [FITTED]) if self.training else _training_codes(self.trained)
        notes += remarks
        metrics: dict[str, Metric] = {}
        if known is not None:
            metrics = self._from_training(*known, codes, taken["labels"], notes)
        return Measured(metrics | clusters(codes, labels, notes), notes)

    def _from_training(
        self, known: Codes, classes: Labels, codes: Codes, labels: Labels, notes: list[str]
    ) -> dict[str, Metric]:
        """What training codes say of these rows' labels: of those alone that training rows have."""
        names = tuple(map(str, np.unique(classes)))
        numbers = class_numbers(labels, names).astype(int)
        told = numbers >= 0
        if not told.all():
            notes.append(f"{OF_TRAINING} leave out {np.sum(~told):,} rows of classes that no training row has")
        if not told.any():
            return {}
        seen, truth = codes[told], np.array(names)[numbers[told]]
        probe = self.trained.experiment.evaluation.probe
        return {
            "linear_probe_accuracy": linear_probe(probe, known, classes, seen, truth, notes),
            "knn_accuracy": nearest_neighbours(known, classes, seen, truth),
        }


def _notes(which: str, rows: int, known: int) -> list[str]:
    """How many of the rows have no label, and whether a sample of the others is looked at."""
    most, found = sampling.MOST, []
    if known < rows:
        found.append(f"representation leaves out {rows - known:,} unlabelled {which} rows")
    if known > most:
        found.append(f"representation looks at {most} of the {known} {which} rows, drawn at random")
    return found


def no_names(labels: Labels | None) -> str | None:
    """Why these labels name no classes, or None."""
    if labels is None:
        return "have no labels"
    return "are labelled with fractions, not with classes" if labels.dtype.kind == "f" else None


def no_classes(labels: Labels | None) -> str | None:
    """Why these labels tell nothing apart, or None."""
    if labels is None or not len(labels):
        return "have no labels"
    if why := no_names(labels):
        return why
    return "are all of one class" if len(np.unique(np.asarray(labels))) < 2 else None


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
    with warnings_as_notes("kmeans", notes):
        found = means.fit_predict(codes.astype(np.float64))
    table = contingency(found, classes, count)
    hits = int(table[linear_sum_assignment(table, maximize=True)].sum())
    unit = f"share of rows, {count} clusters matched to classes"
    nmi = float(normalized_mutual_info_score(classes, found))
    return {
        "kmeans_accuracy": Metric(hits / len(labels), unit),  # matched by these rows: no error of independent ones
        "kmeans_nmi": Metric(nmi, f"normalised mutual information of {count} clusters and the classes"),
    }


def contingency(
    found: Int[np.ndarray, " rows"], classes: Int[np.ndarray, " rows"], count: int
) -> Int[np.ndarray, "count count"]:
    """How many rows are in cluster i and of class j."""
    return np.bincount(found * count + classes, minlength=count * count).reshape(count, count)


def _training_codes(trained: Trained) -> tuple[tuple[Codes, Labels] | None, list[str]]:
    """The training rows' codes and labels, and notes; no codes where their labels tell nothing apart."""
    train = trained.split("train")[1]
    known = np.zeros(0, int) if train.labels is None else np.flatnonzero(labelled(np.asarray(train.labels)))
    notes = _notes("training", len(train), len(known)) if train.labels is not None else []
    chosen = known[sampling.sampled(len(known))] if len(known) else known
    labels = None if train.labels is None else np.asarray(train.labels)[chosen]
    if why := no_classes(labels):
        return None, [*notes, f"{OF_TRAINING} are left out: the training rows {why}"]
    step = rows_of_block(math.prod(train.x.shape[1:]))
    codes = np.concatenate([trained.encode(train.x[chosen[i : i + step]]) for i in range(0, len(chosen), step)])
    if not np.isfinite(codes).all():
        return None, [*notes, f"{OF_TRAINING} are left out: a training code is not finite"]
    return (codes, np.asarray(labels).astype(str)), notes
