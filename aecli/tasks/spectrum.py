"""The spectrum of the encoder's Jacobian over a split's rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.evaluation.jacobian import SMALL, rows_for, singular_values
from aecli.evaluation.sample import sampled
from aecli.report import figures

if TYPE_CHECKING:
    from jaxtyping import Float

    from aecli.data.dataset import Split
    from aecli.training.trained import Trained


def values(trained: Trained, rows: Split) -> Float[np.ndarray, "rows values"] | None:
    """Those of the rows that the metrics of `jacobian` are of, where the evaluation asks for it.

    None, too, where they are not finite or all zero.
    """
    if "jacobian" not in trained.experiment.evaluation.metrics:
        return None
    found = singular_values(trained, np.asarray(rows.x[sampled(len(rows), rows_for(trained))]))
    return found if np.isfinite(found).all() and found.max() > 0 else None


def draw(trained: Trained, rows: Split, folder: Path, title: str) -> Path | None:
    """jacobian.png, where there is something to draw."""
    found = values(trained, rows)
    return None if found is None else figures.jacobian(found, folder / "jacobian.png", small=SMALL, title=title)
