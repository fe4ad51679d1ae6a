"""The verdict on rows: scores, p-values and flags, beside what simple baselines say and what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.data.dataset import is_anomaly
from aecli.tasks.anomaly.calibration import Calibration, calibrate
from aecli.tasks.anomaly.scores import row_scores
from aecli.tasks.output import check_output, write_csv

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64, Shaped

    from aecli.data.features import Features
    from aecli.training.trained import Trained

SUFFIXES = (".csv",)


@dataclass(frozen=True)
class Verdict:
    """One entry a row of `split` (its name, or a file's), in input order; `truth` where labels tell it."""

    split: str
    ids: Shaped[np.ndarray, " rows"]
    labels: Shaped[np.ndarray, " rows"] | None
    truth: Bool[np.ndarray, " rows"] | None
    scores: Float32[np.ndarray, " rows"]
    p_values: Float64[np.ndarray, " rows"]
    flags: Bool[np.ndarray, " rows"]
    baselines: dict[str, Float32[np.ndarray, " rows"]]
    calibration: Calibration
    notes: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """.csv: id, score, p_value, is_anomaly, and label where known."""
        columns = {"id": self.ids, "score": self.scores, "p_value": self.p_values.astype(np.float32)}
        write_csv(path, {**columns, "is_anomaly": self.flags, "label": self.labels})

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
            **areas(self.truth, self.scores),
            "baselines": {
                name: {
                    **areas(self.truth, values),
                    "flagged": int(self.calibration.flags(values, name).sum()),
                }
                for name, values in self.baselines.items()
            },
            "notes": [*self.calibration.notes, *self.notes],
        }


def judge(
    trained: Trained,
    data: str | Path | np.ndarray | None = None,
    split: str | None = None,
    score: str | None = None,
    false_positive_rate: float | None = None,
    warn: Callable[[str], None] | None = None,
) -> Verdict:
    """Score rows and judge them by the run's calibration (`calibrate`: its errors are raised here too)."""
    calibration = calibrate(trained, score, false_positive_rate, warn)
    name, rows = trained.rows(data, split)
    scores = row_scores(trained, calibration.kind, rows.x, calibration.latent)
    truth = is_anomaly(rows, trained.experiment.data, calibration.class_names)
    return Verdict(
        name, rows.ids, rows.labels, truth, scores, calibration.p_values(scores), calibration.flags(scores),
        calibration.baselines.scores(rows.x), calibration, tuple(_drift(trained.features, rows.x)),
    )  # fmt: skip


def _drift(features: Features, x: Float32[np.ndarray, " rows *features"]) -> Iterator[str]:
    """Columns that never changed in training and do now: every row that differs there scores high by it alone."""
    if features.shift is None:
        return  # a constant is known where it was subtracted
    flat = x.reshape(len(x), -1)
    moved = [i for i in features.constant_columns if (np.abs(flat[:, i]) > 1e-6).any()]
    if moved:
        named = ", ".join(map(features.name, moved[:5])) + (", ..." if len(moved) > 5 else "")
        yield f"constant in training, but not in these rows: {named}; their scores are high for that alone"


def score(
    trained: Trained,
    data: str | Path | np.ndarray | None = None,
    output: str | Path | None = None,
    split: str | None = None,
    kind: str | None = None,
    false_positive_rate: float | None = None,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Judge rows, write id, score, p_value and is_anomaly to `output` (.csv), and return the summary for
    JSON.

    roc_auc and average_precision are None where labels do not tell anomalies from normal rows.
    `expected_flags` is how many rows would be flagged were all of them normal.
    """
    path = check_output(output, SUFFIXES) if output is not None else None
    verdict = judge(trained, data, split, kind, false_positive_rate, warn)
    if path is not None:
        verdict.write(path)
    return {"run": str(trained.run.path), "split": verdict.split, **verdict.summary()}


def areas(truth: Bool[np.ndarray, " rows"] | None, scores: Float[np.ndarray, " rows"]) -> dict[str, float | None]:
    """Area under the ROC curve, and average precision; None where not both kinds of rows are known.

    Only the order of scores counts, so they are replaced by their ranks: infinite ones are welcome.
    """
    if truth is None or truth.all() or not truth.any():
        return {"roc_auc": None, "average_precision": None}
    from sklearn.metrics import average_precision_score, roc_auc_score

    order = np.unique(scores, return_inverse=True)[1]
    return {
        "roc_auc": float(roc_auc_score(truth, order)),
        "average_precision": float(average_precision_score(truth, order)),
    }
