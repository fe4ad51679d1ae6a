"""What training remembers between epochs besides arrays: the best so far, what diverged, and the length of the log."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any

from aecli.config.problems import DamagedError, Place, Problem
from aecli.config.words import quoted
from aecli.experiment import Experiment, StopEarly

_KINDS: dict[str, tuple[type, ...]] = {
    "best": (float, NoneType), "best_step": (int, NoneType), "lowest": (float, NoneType), "waited": (int,),
    "metrics_bytes": (int,), "objective": (str,), "logged": (int, NoneType), "halvings": (int,), "optimizer": (str,),
    "metric": (str,), "metrics_sha256": (str,),
}  # fmt: skip


@dataclass(frozen=True)
class Memory:
    """`best`, `best_step` by validation loss or, with labels, error; `lowest`, `waited` of early stopping.

    `metrics_bytes` and `metrics_sha256` are of metrics.jsonl.
    `logged` is the step of the last epoch in the log (None: unknown, as of a run that an older aecli wrote);
    `skipped` are the steps of the current epoch whose update was left out, `halvings` how often the learning rate
    was halved.
    """

    best: float | None = None
    best_step: int | None = None
    lowest: float | None = None
    waited: int = 0
    metrics_bytes: int = 0
    objective: str = ""
    logged: int | None = None
    skipped: tuple[int, ...] = ()
    halvings: int = 0
    optimizer: str = ""
    metric: str = ""
    metrics_sha256: str = ""

    def under(self, experiment: Experiment) -> Memory:
        """This memory without what belongs to another config: losses to its objective, halvings to its optimiser."""
        kept = self
        objective = _digest(experiment.objective.model_dump_json())
        optimizer = _digest(experiment.training.optimizer.model_dump_json())
        stop_early = experiment.training.stop_early
        metric = stop_early.metric if stop_early else ""
        other = self.objective not in ("", objective)
        if other:
            kept = replace(kept, best=None, best_step=None)
        if other or self.metric not in ("", metric):
            kept = replace(kept, lowest=None, waited=0)
        if self.optimizer not in ("", optimizer):
            kept = replace(kept, halvings=0)
        return replace(kept, objective=objective, optimizer=optimizer, metric=metric)

    def anew(self) -> Memory:
        """This memory at the beginning of a stage: what was the best of another is not of this."""
        return replace(self, best=None, best_step=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: dict[str, Any], folder: Path, step: int) -> Memory:
        """The inverse of `to_dict`; DamagedError where the checkpoint of `step` in `folder` remembers anything else."""
        wrong = next((name for name, value in kept.items() if not _fits(name, value, step)), None)
        if wrong is not None:
            text = f"damaged: {quoted(wrong)} is nothing that training remembers, or not in its form"
            raise DamagedError(Problem(text, Place(str(folder))))
        return cls(**{**kept, "skipped": tuple(kept.get("skipped", ()))})

    def observed(self, step: int, values: dict[str, float], stop_early: StopEarly | None) -> dict[str, Any]:
        """The fields that change when `values` ("split/term") were measured at `step`."""
        changed: dict[str, Any] = {}
        loss = values.get("validation/error", values.get("validation/loss", math.nan))
        if math.isfinite(loss) and (self.best is None or loss < self.best):
            changed |= {"best": loss, "best_step": step}
        if stop_early and stop_early.metric in values:
            value = values[stop_early.metric]
            lower = math.isfinite(value) and (self.lowest is None or value < self.lowest)
            changed |= {"lowest": value if lower else self.lowest, "waited": 0 if lower else self.waited + 1}
        return changed

    def should_stop(self, stop_early: StopEarly | None) -> bool:
        """Whether patience is spent."""
        return stop_early is not None and self.waited >= stop_early.patience


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _fits(name: str, value: Any, step: int) -> bool:
    """Whether a value of JSON can be this field's, in a checkpoint of `step`."""
    if name == "skipped":
        return isinstance(value, list) and all(_fits("waited", one, step) for one in value)
    most = step if name in ("best_step", "logged") else 2**63 - 1
    if isinstance(value, bool) or (isinstance(value, int) and not 0 <= value <= most):
        return False
    return isinstance(value, _KINDS.get(name, ()))
