"""The verdict on rows: scores, p-values and flags, beside what simple baselines say and what is known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.data.drift import Drift
from aecli.data.labels import among, class_names, labelled
from aecli.data.truth import ANOMALOUS, is_anomaly
from aecli.tasks.anomaly.calibration import Calibration, calibrate
from aecli.tasks.anomaly.scores import row_scores
from aecli.tasks.beside import beside
from aecli.tasks.output import check_output
from aecli.tasks.writers import open_writer

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64, Shaped

    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

SUFFIXES = (".csv", ".parquet")
TOLD = {"0", "1", "True", "False"}  # labels that tell anomalies from normal rows


@dataclass(frozen=True)
class Verdict:
    """One entry a row of `split` (its name, or a file's), in input order; `truth` where labels tell it.

    Where some rows have no label, `labelled` says which have one: the others count in no area, and are False in truth.
    `ids` and `labels` are empty where the rows went to a file.
    """

    split: str
    ids: Shaped[np.ndarray, " rows"]
    labels: Shaped[np.ndarray, " rows"] | None
    truth: Bool[np.ndarray, " rows"] | None
    labelled: Bool[np.ndarray, " rows"] | None
    scores: Float32[np.ndarray, " rows"]
    baselines: dict[str, Float32[np.ndarray, " rows"]]
    calibration: Calibration
    drift: list[dict[str, Any]]
    notes: tuple[str, ...] = ()

    @property
    def p_values(self) -> Float64[np.ndarray, " rows"]:
        """The conformal p-value of each score."""
        return self.calibration.p_values(self.scores)

    @property
    def flags(self) -> Bool[np.ndarray, " rows"]:
        """Which rows are flagged."""
        return self.calibration.flags(self.scores)

    def summary(self) -> dict[str, Any]:
        """Counts, threshold and areas, for the score and each baseline at the same false-positive rate."""
        rate = self.calibration.false_positive_rate
        return {
            "rows": len(self.scores),
            "score": self.calibration.kind,
            "threshold": self.calibration.threshold,
            "false_positive_rate": rate,
            "calibration_rows": len(self.calibration.scores),
            "flagged": int(self.flags.sum()),
            "expected_flags": rate * len(self.scores),
            **areas(self.truth, self.scores, self.labelled),
            "baselines": {
                name: {
                    **areas(self.truth, values, self.labelled),
                    "flagged": int(self.calibration.flags(values, name).sum()),
                }
                for name, values in self.baselines.items()
            },
            "drift": self.drift,
            "notes": [*self.calibration.notes, *self.notes],
        }


def judge(
    trained: Trained,
    data: str | Path | np.ndarray | None = None,
    split: str | None = None,
    score: str | None = None,
    false_positive_rate: float | None = None,
    warn: Callable[[str], None] | None = None,
    output: str | Path | None = None,
) -> Verdict:
    """Score rows and judge them by the run's calibration (`calibrate`: its errors are raised here too).

    Rows are taken in blocks. With `output` (.csv or .parquet) id, score, p_value, is_anomaly, label where known and
    the columns that are no features are written as they come, and of each row only its scores stay in memory.
    """
    source = trained.experiment.data.source
    path = check_output(output, SUFFIXES, data, source) if output is not None else None
    calibration = calibrate(trained, score, false_positive_rate, warn)
    name, blocks = trained.blocks(data, split)
    seen = _Seen(trained, calibration, keep=path is None)
    with open_writer(path, guard=True) if path is not None else nullcontext() as out:
        for block in blocks:
            scores = seen.add(block)
            if out is not None:
                out.append(_columns(calibration, block, scores))
    return seen.verdict(name)


@dataclass
class _Seen:
    """What is kept of the rows judged so far."""

    trained: Trained
    calibration: Calibration
    keep: bool
    parts: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.drift = Drift(self.trained.features)
        self.names: set[str] = set(self.calibration.class_names or ())
        self.unknown = 0

    def add(self, block: Split) -> Float32[np.ndarray, " rows"]:
        """The scores of the next rows."""
        calibration, trained = self.calibration, self.trained
        scores = row_scores(trained, calibration.kind, block.x, calibration.latent, calibration.usual)
        self.drift.add(block.x)
        self.unknown += sparse_rows(block.x)
        known = None if block.labels is None else labelled(np.asarray(block.labels))
        truth = {"truth": self._truth(block), "labelled": known}
        found = {"scores": scores, **truth, **calibration.baselines.scores(block.x)}
        if self.keep:
            found |= {"ids": block.ids, "labels": block.labels}
        for name, values in found.items():
            self.parts.setdefault(name, []).append(values)
        return scores

    def _truth(self, block: Split) -> Bool[np.ndarray, " rows"] | None:
        """What the labels say, should they turn out to tell anomalies apart: that is known after the last block."""
        spec, labels = self.trained.experiment.data, block.labels
        if labels is None or spec.classes is not None or labels.dtype.kind == "f":
            return is_anomaly(block, spec)
        if self.names <= TOLD:  # else the labels are of classes, however many these are
            self.names |= set(class_names(np.asarray(labels)))
        return among(np.asarray(labels), ANOMALOUS)

    def verdict(self, split: str) -> Verdict:
        """All of it."""
        names = tuple(self.calibration.baseline_scores)
        if self.trained.experiment.data.classes is None and not self.names <= TOLD:
            self.parts["truth"] = [None]
        truth, known = self._all("truth"), self._all("labelled")
        known = None if truth is None or known is None or known.all() else known
        notes = self.drift.notes()
        if known is not None:
            notes.append(f"{int((~known).sum()):,} unlabelled rows are left out of roc_auc and average_precision")
        if self.unknown:
            text = f"{self.unknown} rows are known in less than half of their columns: their scores say little"
            notes.append(text)
        return Verdict(
            split, self._all("ids", np.zeros(0)), self._all("labels"), truth, known,
            self._all("scores", np.zeros(0, np.float32)),
            {name: self._all(name, np.zeros(0, np.float32)) for name in names},
            self.calibration, self.drift.report(), tuple(notes),
        )  # fmt: skip

    def _all(self, name: str, none: Any = None) -> Any:
        """The parts together; None where a block had none of it."""
        parts = self.parts.pop(name, [None])
        return none if any(part is None for part in parts) else np.concatenate(parts)


def sparse_rows(x: Float32[np.ndarray, " rows *features"]) -> int:
    """How many rows are holes by more than half."""
    return int((np.isnan(x.reshape(len(x), -1)).mean(axis=1) > 0.5).sum()) if x.ndim == 2 else 0


def _columns(calibration: Calibration, block: Split, scores: Float32[np.ndarray, " rows"]) -> dict[str, Any]:
    own = {
        "score": scores, "p_value": calibration.p_values(scores).astype(np.float32),
        "is_anomaly": calibration.flags(scores),
    }  # fmt: skip
    others = beside(block, own)
    return {"id": others.pop("id"), **own, **others}


def score(
    trained: Trained,
    data: str | Path | np.ndarray | None = None,
    output: str | Path | None = None,
    split: str | None = None,
    kind: str | None = None,
    false_positive_rate: float | None = None,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Judge rows, write them to `output` (as `judge` does), and return the summary for JSON.

    roc_auc and average_precision are None where labels do not tell anomalies from normal rows.
    `expected_flags` is how many rows would be flagged were all of them normal.
    """
    verdict = judge(trained, data, split, kind, false_positive_rate, warn, output)
    return {"run": str(trained.run.path), "split": verdict.split, **verdict.summary()}


def areas(
    truth: Bool[np.ndarray, " rows"] | None,
    scores: Float[np.ndarray, " rows"],
    known: Bool[np.ndarray, " rows"] | None = None,
) -> dict[str, float | None]:
    """Area under the ROC curve, and average precision, of the `known` rows; None where not both kinds are among them.

    Only the order of scores counts, so they are replaced by their ranks: infinite ones are welcome.
    """
    if truth is not None and known is not None:
        truth, scores = truth[known], scores[known]
    if truth is None or truth.all() or not truth.any():
        return {"roc_auc": None, "average_precision": None}
    from sklearn.metrics import average_precision_score, roc_auc_score

    order = np.unique(scores, return_inverse=True)[1]
    return {
        "roc_auc": float(roc_auc_score(truth, order)),
        "average_precision": float(average_precision_score(truth, order)),
    }
