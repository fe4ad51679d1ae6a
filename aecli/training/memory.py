"""What training remembers between epochs besides arrays: the best so far, what diverged, and the length of the log."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aecli.config.problems import DamagedError, Place, Problem
from aecli.experiment import Experiment, StopEarly


@dataclass(frozen=True)
class Memory:
    """`best`, `best_step` by validation loss; `lowest`, `waited` of early stopping; the bytes of metrics.jsonl.

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

    @classmethod
    def of(cls, found: dict[str, Any], place: Place) -> Memory:
        """What a checkpoint holds of it; DamagedError at `place` where that is something else."""
        try:
            return TypeAdapter(cls).validate_python({**found, "skipped": tuple(found.get("skipped", ()))})
        except (ValidationError, TypeError) as error:
            text = f"damaged: this is not what training remembers ({str(error).splitlines()[0]})"
            raise DamagedError(Problem(text, place)) from None

    def under(self, experiment: Experiment) -> Memory:
        """This memory without what belongs to another config: losses to its objective, halvings to its optimiser."""
        kept = self
        objective = _digest(experiment.objective.model_dump_json() + str(experiment.training.stop_early))
        optimizer = _digest(experiment.training.optimizer.model_dump_json())
        if self.objective not in ("", objective):
            kept = replace(kept, best=None, best_step=None, lowest=None, waited=0)
        if self.optimizer not in ("", optimizer):
            kept = replace(kept, halvings=0)
        return replace(kept, objective=objective, optimizer=optimizer)

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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
