"""Measure a trained autoencoder on a split of its data, or on other rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Place, Problem, UserError

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.data.drift import Drift
    from aecli.training.trained import Trained

MOST_DRAWS = 1_000_000


def evaluate(
    trained: Trained,
    data: str | Path | np.ndarray | None = None,
    split: str | None = None,
    metrics: Sequence[str] | None = None,
    importance_samples: int | None = None,
    overrides: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """{"run", "split", "examples", "metrics", "units", "stderr", "notes"}; no stderr is named where none is.

    Rows are read once, block by block, and not kept: memory does not grow with their number, and no number depends
    on where they lie. Of rows that are not the run's own, `drift` compares a table's columns with the training rows.

    `metrics` names groups (the config's `evaluation.metrics` where None); the terms of the objective, and the bound of
    a stochastic bottleneck, always come. `overrides` are KEY=VALUE of the config's evaluation; `importance_samples` is
    short for its `likelihood.samples`. UserError for an unknown group, no rows, a count of draws out of range, or an
    override of anything else.
    """
    from aecli.data.drift import Drift
    from aecli.evaluation.groups import Asked, check_groups, measure
    from aecli.evaluation.moments import rows_of_block

    trained = _overridden(trained, overrides)
    groups = check_groups(trained.experiment.evaluation.metrics if metrics is None else metrics)
    if importance_samples is not None and not 1 <= importance_samples <= MOST_DRAWS:
        hint = f"give a number from 1 to {MOST_DRAWS}"
        raise UserError(Problem(f"{importance_samples} importance samples cannot be drawn", None, hint))
    name, blocks = trained.blocks(data, split, rows_of_block(math.prod(trained.layout.shape)))
    drift = Drift(trained.features) if data is not None else None
    asked = Asked(importance_samples, data is None and name == "train", say)
    rows, (found, notes) = measure(trained, _seen(name, blocks, drift), groups, asked, say)
    if drift is not None:
        _check_known(name, drift)
    return {
        "run": str(trained.run.path),
        "split": name,
        "examples": rows,
        "metrics": {key: metric.value for key, metric in found.items()},
        "units": {key: metric.unit for key, metric in found.items()},
        "stderr": {key: metric.stderr for key, metric in found.items() if metric.stderr is not None},
        **({"drift": drift.report()} if drift else {}),
        "notes": [*notes, *(drift.notes() if drift else [])],
    }


def _overridden(trained: Trained, overrides: Sequence[str]) -> Trained:
    """The same, to be evaluated otherwise."""
    strange = [word for word in overrides if not word.startswith(("evaluation.", "evaluation="))]
    if strange:
        hint = "only evaluation.KEY=VALUE, as evaluation.probe.C=0.1: a trained run stays as it was trained"
        raise UserError(*(Problem(f"{word} cannot be changed by evaluating", hint=hint) for word in strange))
    if not overrides:
        return trained
    changed = trained.run.config(list(overrides)).experiment.evaluation
    return replace(trained, experiment=trained.experiment.model_copy(update={"evaluation": changed}))


def _seen(name: str, blocks: Iterator[Split], drift: Drift | None) -> Iterator[Split]:
    """The blocks as they come, seen by the drift; UserError where there is no row."""
    from aecli.evaluation.moments import pieces

    rows = 0
    for block in blocks:
        rows += len(block)
        if drift is not None:
            for piece in pieces(block.x.reshape(len(block), -1)):
                drift.add(piece)
        if len(block):
            yield block
    if not rows:
        raise UserError(Problem(f"{name} has no rows to evaluate"))


def _check_known(name: str, drift: Drift) -> None:
    """UserError where nothing is known of any row."""
    if not np.any(drift.known):
        hint = "is it the right file, with the right separator?"
        raise UserError(Problem("x holds nothing but holes", Place(name), hint))
