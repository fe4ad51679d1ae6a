"""Calibration: where the threshold lies, from held-out normal rows alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.data.labels import labelled, unlabelled
from aecli.data.truth import is_anomaly
from aecli.evaluation.sample import spread
from aecli.layout import Layout
from aecli.tasks.anomaly.conformal import p_values, threshold, too_few
from aecli.tasks.anomaly.foreign import fits
from aecli.tasks.anomaly.scores import Latent, check_kind, row_scores, usual_losses
from aecli.tasks.baselines import NAMES, Baselines
from aecli.tasks.codes import VALUES, training_rows
from aecli.tasks.kept import keep, kept

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64

    from aecli.training.trained import Trained

FILE = "anomaly.npz"
MOST = 1_000_000  # held-out rows that are scored
HOLD_OUT = "hold rows out: data.split.validation"


@dataclass(frozen=True)
class Calibration:
    """Scores of held-out normal rows, ascending, for the run's score and for each baseline, and what was
    fitted.
    """

    kind: str
    false_positive_rate: float
    scores: Float32[np.ndarray, " n"]
    baselines: Baselines
    baseline_scores: dict[str, Float32[np.ndarray, " n"]]
    latent: Latent | None = None
    class_names: tuple[str, ...] | None = None
    truth_known: bool = False
    usual: Float32[np.ndarray, " columns"] | None = None
    unlabelled: int = 0  # held-out rows that may be anomalies or not

    @property
    def threshold(self) -> float:
        """A row is flagged where its score is above this."""
        return threshold(self.scores, self.false_positive_rate)

    @property
    def notes(self) -> list[str]:
        """What to say where rows are too few for the rate, or where no label says which of them are normal."""
        few = too_few(len(self.scores), self.false_positive_rate)
        aside = f"{self.unlabelled:,} unlabelled held-out rows are left out: they are not known to be normal"
        parts = (
            [few] if few else [],
            [] if self.truth_known else [self._assumed()],
            [aside] if self.unlabelled else [],
        )
        return [text for part in parts for text in part]

    def _assumed(self) -> str:
        what = f"no label says which rows are normal: all {len(self.scores)} held-out rows were taken for normal"
        names = list(self.class_names or ())
        if not names:
            return what
        known = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        return f"{what}. If some of the labels ({known}) are, name them: data.classes=[{names[0]}]"

    def p_values(self, scores: Float[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
        """The conformal p-value of each score."""
        return p_values(scores, self.scores)

    def flags(self, scores: Float[np.ndarray, " rows"], baseline: str | None = None) -> Bool[np.ndarray, " rows"]:
        """Which rows are flagged at the false-positive rate, by the run's score or by a baseline's."""
        own = self.baseline_scores[baseline] if baseline else self.scores
        return scores > threshold(own, self.false_positive_rate)


def calibrate(
    trained: Trained,
    score: str | None = None,
    false_positive_rate: float | None = None,
    warn: Callable[[str], None] | None = None,
) -> Calibration:
    """Kept in the run directory, and computed where another score or checkpoint, or none, was kept there.

    The calibration rows are the validation rows that are not known anomalies: never training rows, whose
    scores are too small. `score` and the rate are the config's where None. UserError where no such row was
    held out, or for a rate that is not between 0 and 1.
    """
    spec = trained.experiment.anomaly
    kind = score or spec.score
    rate = spec.false_positive_rate if false_positive_rate is None else false_positive_rate
    check_kind(trained, kind)
    if not 0 < rate < 1:
        raise UserError(
            Problem(f"a false-positive rate of {rate:g}", hint="it lies between 0 and 1: 0.01 is one in 100")
        )
    path, key = trained.run.path / FILE, {"version": 6, "model": trained.fingerprint, "score": kind}
    size = trained.model.bottleneck.size
    arrays = kept(path, key, lambda found: fits(found, kind, size, trained.layout))
    if arrays is None:
        arrays = _fitted(trained, kind)
        keep(path, key, arrays)
    found = _restored(kind, rate, arrays, trained.layout)
    if warn:
        for text in found.notes:
            warn(text)
    return found


def held_out_normals(trained: Trained) -> Float32[np.ndarray, " n *features"]:
    """The validation rows that are not known anomalies, or a UserError that says how to hold some out.

    Where labels tell anomalies apart, an unlabelled row is not among them: it might be one.
    """
    held = trained.dataset.validation
    if held is None or not len(held):
        raise UserError(Problem("this run held no rows out: a threshold cannot be calibrated", hint=HOLD_OUT))
    most = max(1, min(MOST, VALUES // int(np.prod(held.x.shape[1:]))))
    rows = held.take(spread(len(held), most))
    truth = is_anomaly(rows, trained.experiment.data, trained.dataset.class_names or None)
    x = rows.x if truth is None or rows.labels is None else rows.x[~truth & labelled(np.asarray(rows.labels))]
    if not len(x):
        text = "all held-out rows are anomalies, or unlabelled: a threshold cannot be calibrated"
        raise UserError(Problem(text, hint=f"{HOLD_OUT}, with normal rows among them"))
    return x


def _fitted(trained: Trained, kind: str) -> dict[str, Any]:
    """Everything that needs the training or the calibration rows, by the names it is kept under."""
    normal, rows = held_out_normals(trained), training_rows(trained)
    latent = Latent.fit(trained.encode(rows)) if kind == "latent_distance" else None
    baselines = Baselines.fit(rows, trained.model.bottleneck.size, trained.layout)
    usual = usual_losses(trained, normal) if kind == "reconstruction" else None
    arrays: dict[str, Any] = {"scores": np.sort(row_scores(trained, kind, normal, latent, usual))}
    arrays |= {} if usual is None else {"usual": usual}
    arrays["class_names"] = np.array(trained.dataset.class_names, np.str_)
    told, held = trained.dataset.anomaly_label is not None, trained.dataset.validation
    arrays["truth_known"] = np.array(told)
    arrays["unlabelled"] = np.array(unlabelled(held.labels) if told and held is not None else 0)
    arrays |= {f"{name}_scores": np.sort(values) for name, values in baselines.scores(normal).items()}
    arrays |= {f"baselines_{name}": value for name, value in vars(baselines).items() if name != "layout"}
    return arrays | {f"latent_{name}": value for name, value in (vars(latent) if latent else {}).items()}


def _restored(kind: str, rate: float, arrays: dict[str, np.ndarray], layout: Layout) -> Calibration:
    def part(prefix: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}

    latent = part("latent_")
    scores = {name: arrays[f"{name}_scores"] for name in NAMES}
    return Calibration(
        kind, rate, arrays["scores"], Baselines(**part("baselines_"), layout=layout), scores,
        Latent(**latent) if latent else None, tuple(arrays["class_names"].tolist()) or None,
        bool(arrays["truth_known"]), arrays.get("usual"), int(arrays["unlabelled"]),
    )  # fmt: skip
