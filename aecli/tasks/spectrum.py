"""The spectrum of the encoder's Jacobian over a split's rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.evaluation.jacobian import SMALL, rows_for, singular_values
from aecli.evaluation.sample import spread
from aecli.report import figures

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained


def draw(trained: Trained, rows: Split, folder: Path, title: str) -> Path | None:
    """jacobian.png, where the evaluation asks for `jacobian` and there is something to draw."""
    if "jacobian" not in trained.experiment.evaluation.metrics:
        return None
    values = singular_values(trained, np.asarray(rows.x[spread(len(rows), rows_for(trained))]))
    if not np.isfinite(values).all() or not values.max() > 0:
        return None
    return figures.jacobian(values, folder / "jacobian.png", small=SMALL, title=title)
