"""Which checkpoint of a run is meant, and what becomes of one that is damaged or gone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aecli.config.problems import DamagedError, Place, Problem, UserError
from aecli.runs.run import Run
from aecli.training import checkpoint
from aecli.training.memory import Memory


def check_left(run: Run, warn: Callable[[str], None]) -> None:
    """Name the checkpoints that the run ended with, by run.json, and that are there no more.

    DamagedError where it was completed, and none is left.
    """
    there, kept = checkpoint.steps(run.checkpoints), run.record.get("checkpoints")
    if run.record.get("status") == "completed" and not there:
        text = "damaged: the run was completed, and its checkpoints are gone"
        raise DamagedError(Problem(text, Place(str(run.checkpoints)), f"train again: aecli train {run.config_path}"))
    lost = [step for step in kept if isinstance(step, int) and step not in there] if isinstance(kept, list) else []
    if lost:
        steps = ", ".join(map(str, lost))
        warn(f"{run.checkpoints}: damaged: checkpoints that the run ended with are gone: of step {steps}")


def chosen(run: Run, which: str, warn: Callable[[str], None] | None) -> tuple[int, dict[str, np.ndarray]]:
    """The step and the arrays of the checkpoint that `which` (best, last, or a step) means.

    UserError where there is none of that name or none yet, DamagedError where none is left. What is damaged or gone
    is told to `warn`, and another used; without `warn` a best one that cannot be loaded is raised.
    """
    is_step = which.isascii() and which.isdecimal() and len(which) < 20
    if which not in ("best", "last") and not is_step:
        raise UserError(Problem(f"no checkpoint is called '{which}'", hint="best, last, or a step"))
    if is_step:
        if int(which) not in checkpoint.steps(run.checkpoints):
            has = ", ".join(map(str, checkpoint.steps(run.checkpoints))) or "none"
            raise UserError(Problem(f"there is no checkpoint of step {which}", hint=f"there are: {has}"))
        return int(which), checkpoint.load(run.checkpoints, int(which))[0]
    latest = checkpoint.latest_good(run.checkpoints, warn or (lambda text: None))
    if latest is None:
        record = run.record
        if record.get("status") == "diverged":
            text = f"{run.path} diverged before its first checkpoint: {record.get('exit_reason')}"
            raise UserError(Problem(text, hint="train again, with a lower learning rate or with clipping"))
        check_left(run, warn or (lambda text: None))
        raise UserError(Problem(f"{run.path} has no checkpoint yet", hint="continue it: aecli resume RUN"))
    if warn is not None:
        check_left(run, warn)
    step, arrays = latest[:2]
    memory = Memory.from_dict(latest[2], run.checkpoints, step)
    if which == "last" or memory.best_step in (None, step):
        return step, arrays
    try:
        return memory.best_step, checkpoint.load(run.checkpoints, memory.best_step)[0]
    except (DamagedError, UserError) as error:  # or removed since, where a later checkpoint was the best and is damaged
        if warn is None:
            raise
        warn(f"the best checkpoint cannot be loaded, and the last good one, of step {step}, is used: {error}")
        return step, arrays
