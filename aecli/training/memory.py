"""What training remembers between epochs besides arrays: the best so far, and the length of the log."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from aecli.experiment import Experiment, StopEarly


@dataclass(frozen=True)
class Memory:
    """`best`, `best_step` by validation loss; `lowest`, `waited` of early stopping; the bytes of metrics.jsonl."""

    best: float | None = None
    best_step: int | None = None
    lowest: float | None = None
    waited: int = 0
    metrics_bytes: int = 0
    objective: str = ""

    def under(self, experiment: Experiment) -> Memory:
        """This memory, its losses forgotten where they were measured under another objective than the experiment's."""
        now = hashlib.sha256(
            (experiment.objective.model_dump_json() + str(experiment.training.stop_early)).encode()
        ).hexdigest()
        kept = self if self.objective in ("", now) else Memory(metrics_bytes=self.metrics_bytes)
        return replace(kept, objective=now)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def observed(self, step: int, values: dict[str, float], stop_early: StopEarly | None) -> dict[str, Any]:
        """The fields that change when `values` ("split/term") were measured at `step`."""
        changed: dict[str, Any] = {}
        loss = values.get("validation/loss", math.nan)
        if math.isfinite(loss) and (self.best is None or loss < self.best):
            changed |= {"best": loss, "best_step": step}
        if stop_early and stop_early.metric in values:
            value = values[stop_early.metric]
            lower = self.lowest is None or value < self.lowest
            changed |= {"lowest": value if lower else self.lowest, "waited": 0 if lower else self.waited + 1}
        return changed

    def should_stop(self, stop_early: StopEarly | None) -> bool:
        """Whether patience is spent."""
        return stop_early is not None and self.waited >= stop_early.patience
