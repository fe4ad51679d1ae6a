"""Measure a trained autoencoder on a split of its data, or on other rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Problem, UserError

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.data.drift import Drift
    from aecli.training.trained import Trained

BLOCK = 8192  # rows looked at at one time
MOST_DRAWS = 1_000_000


def evaluate(
    trained: Trained,
    data: str | Path | np.ndarray | None = None,
    split: str | None = None,
    metrics: Sequence[str] | None = None,
    importance_samples: int = 500,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """{"run", "split", "examples", "metrics", "units", "stderr", "notes"}; no stderr is named where none is.

    Of rows that are not the run's own, `drift` compares a table's columns with the training rows.

    `metrics` names groups (the config's `evaluation.metrics` where None); the terms of the objective, and the
    bound of a stochastic bottleneck, always come. UserError for an unknown group, no rows, or a count of
    draws out of range.
    """
    from aecli.evaluation.groups import check_groups, measure

    groups = check_groups(trained.experiment.evaluation.metrics if metrics is None else metrics)
    if not 1 <= importance_samples <= MOST_DRAWS:
        hint = f"give a number from 1 to {MOST_DRAWS}"
        raise UserError(Problem(f"{importance_samples} importance samples cannot be drawn", None, hint))
    name, rows = trained.rows(data, split)
    if not len(rows.x):
        raise UserError(Problem(f"{name} has no rows to evaluate"))
    found, notes = measure(trained, rows, groups, importance_samples, say)
    drift = _drift(trained, rows) if data is not None else None
    return {
        "run": str(trained.run.path),
        "split": name,
        "examples": len(rows.x),
        "metrics": {key: metric.value for key, metric in found.items()},
        "units": {key: metric.unit for key, metric in found.items()},
        "stderr": {key: metric.stderr for key, metric in found.items() if metric.stderr is not None},
        **({"drift": drift.report()} if drift else {}),
        "notes": [*notes, *(drift.notes() if drift else [])],
    }


def _drift(trained: Trained, rows: Split) -> Drift:
    """How these rows differ from the training rows."""
    from aecli.data.drift import Drift

    found = Drift(trained.features)
    for block in rows.blocks(BLOCK):
        found.add(block.x)
    return found
