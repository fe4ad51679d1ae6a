"""Where a training stopped being finite: the step, its rows, its terms; and what is done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aecli.config.problems import DivergedError, Problem
from aecli.training.memory import Memory
from aecli.training.state import State

STOP, SKIP, HALVE = "stop", "skip", "halve_learning_rate"
MOST_HALVINGS = 30  # a billionth of the learning rate: it is not to blame
_LISTED = 8
ADVICE = "lower training.optimizer.learning_rate, set training.optimizer.clip, look at these rows"


@dataclass(frozen=True)
class Divergence:
    """The first step after which something was not finite.

    `what` is "loss", or "gradient" where the loss still was finite and the update was not; `rows` the ids of its
    batch, `own` those whose own loss was not finite; `terms` the means over the batch, before the update, `before`
    those of the step before (None at an epoch's or a chunk's first).
    """

    step: int
    epoch: int
    what: str
    rows: list[Any]
    own: list[Any]
    terms: dict[str, float]
    before: dict[str, float] | None

    def record(self, action: str, factor: float) -> dict[str, Any]:
        """Its line in metrics.jsonl; `factor` is that of the learning rate from now on."""
        values = {**self.terms, "learning_rate_factor": factor}
        found = {"step": self.step, "epoch": self.epoch, "split": "divergence", "values": values}
        return {**found, "what": self.what, "action": action, "rows": self.rows}

    def to_dict(self) -> dict[str, Any]:
        """As run.json holds it."""
        found = {"step": self.step, "epoch": self.epoch, "what": self.what, "rows": self.rows}
        return {**found, "rows_not_finite": self.own, "terms": self.terms, "terms_before": self.before}

    def __str__(self) -> str:
        """All of it in a few lines."""
        update = "" if self.what == "loss" else ": the loss was, its update was not"
        lines = [f"the {self.what} was not finite at step {self.step} (epoch {self.epoch}){update}"]
        if self.own and len(self.own) < len(self.rows):
            lines.append(f"rows whose own loss was not finite: {listed(self.own)}")
        lines.append(f"rows of the batch: {listed(self.rows)}")
        lines.append(f"terms: {shown(self.terms)}")
        if self.before is not None:
            lines.append(f"a step before: {shown(self.before)}")
        return "\n  ".join(lines)


def listed(ids: Sequence[Any]) -> str:
    """Some of these, and how many more."""
    more = f" and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
    return ", ".join(map(str, ids[:_LISTED])) + more


def shown(terms: dict[str, float]) -> str:
    """`loss nan, rate 3.1`."""
    return ", ".join(f"{name} {value:.6g}" for name, value in terms.items())


def refusal(found: Divergence, kept: str, advice: str) -> DivergedError:
    """The error of a training that ends there; `kept` says what can be gone on with."""
    error = DivergedError(Problem(f"{found}\n  {kept}", hint=advice))
    error.divergence = found.to_dict()
    return error


def settled(found: Divergence, memory: Memory, action: str, steps_per_epoch: int, kept: str) -> Memory:
    """The memory of a training that goes on without this step; DivergedError where it does not."""
    if action == STOP:
        raise refusal(found, kept, f"{ADVICE}, or leave such updates out by training.on_divergence=skip")
    memory = replace(memory, skipped=(*memory.skipped, found.step), halvings=memory.halvings + (action == HALVE))
    if memory.halvings > MOST_HALVINGS:
        raise refusal(found, f"the learning rate was halved {MOST_HALVINGS} times before; {kept}", ADVICE)
    if action == SKIP and len(memory.skipped) == steps_per_epoch:
        raise refusal(found, f"no step of the epoch could be taken; {kept}", ADVICE)
    return memory


def first_bad(run: Callable[[int], State], count: int) -> tuple[State, int]:
    """The last good state and how many steps lead to it, of `count` steps that lead to a bad one.

    `run(n)` is the state after n steps from where they began; after a bad state all are bad.
    """
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if int(run(middle).bad) < 0 else (low, middle)
    return run(low), low


def halved(numbers: dict[str, Any], halvings: int) -> dict[str, Any]:
    """The swept numbers with the learning rate halved so often, whatever its schedule."""
    if not halvings:
        return numbers
    training = numbers["training"]
    factor = np.array([0.5**halvings, 0.5**halvings, 1, 1], np.float32)  # start, end, steps, cosine
    rate = np.asarray(training["optimizer"]["learning_rate"]) * factor
    return {**numbers, "training": {**training, "optimizer": {**training["optimizer"], "learning_rate": rate}}}
