"""Anomaly scores of a run that has a threshold, or whose labels tell anomalies apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import UserError
from aecli.report.html.content import Anomalies, Row, Suspect
from aecli.tasks.report.rows import cell_errors, columns, drawable, in_display

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.tasks.anomaly.verdict import Verdict
    from aecli.training.trained import Trained

SUSPECTS, BECAUSE = 20, 3


def anomalies(trained: Trained, rows: Split) -> tuple[Anomalies | None, str | None]:
    """The verdict on the report's split, or None, with the reason where one was asked for and cannot be given."""
    from aecli.tasks.anomaly import judge
    from aecli.tasks.anomaly.calibration import FILE

    # A label of 0 and 1 may mean anything: normal rows are known where the config names them, or somebody calibrated.
    calibrated = (trained.run.path / FILE).exists()
    if not calibrated and (trained.experiment.data.classes is None or trained.dataset.validation is None):
        return None, None
    try:
        verdict = judge(trained)
    except UserError as error:
        return None, f"No anomaly scores: {error}"
    if not np.isfinite(verdict.scores).any():
        return None, "No anomaly scores: none of them is finite."
    kind = verdict.calibration.kind.replace("_", " ")
    return Anomalies(
        kind, verdict.split, verdict.scores, verdict.truth, verdict.baselines, verdict.summary(),
        _suspects(trained, rows, verdict), verdict.labelled,
    ), None  # fmt: skip


def _truth(verdict: Verdict, row: int) -> bool | None:
    """Whether it is an anomaly, None where that is not known."""
    known = verdict.truth is not None and (verdict.labelled is None or bool(verdict.labelled[row]))
    return bool(verdict.truth[row]) if known and verdict.truth is not None else None


def _suspects(trained: Trained, rows: Split, verdict: Verdict) -> list[Suspect]:
    """The 20 rows that score highest."""
    order = np.argsort(-verdict.scores, kind="stable")[:SUSPECTS]
    x = np.asarray(rows.x[order])
    x_hat = trained.reconstruct(x)
    errors = cell_errors(trained, x, x_hat)
    draw, table, names = drawable(trained), trained.features.kind == "table", columns(trained)
    pictures = [in_display(trained, part) for part in (x, x_hat)] if draw else []
    found = []
    for k, i in enumerate(order.tolist()):
        label = None if verdict.labels is None else str(verdict.labels[i])
        largest = np.argsort(-errors[k], kind="stable")[:BECAUSE]
        found.append(
            Suspect(
                Row(str(verdict.ids[i]), label), float(verdict.scores[i]), float(verdict.p_values[i]),
                bool(verdict.flags[i]), _truth(verdict, i),
                ", ".join(names[j] for j in largest) if table else "",
                pictures[0][k] if draw else None, pictures[1][k] if draw else None,
            )
        )  # fmt: skip
    return found
