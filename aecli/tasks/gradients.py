"""The noise of the encoder's gradient over a split's rows, drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.evaluation.gradients import DRAWS, ROWS, noises
from aecli.evaluation.sample import sampled
from aecli.report import figures

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

NAMES = {
    "reparameterised": "reparameterised, 1 draw",
    "score_function": "score function, 1 draw",
    "baseline": f"score function, {DRAWS} draws, baseline",
}


def draw(trained: Trained, rows: Split, folder: Path, title: str) -> Path | None:
    """gradients.png, where the evaluation asks for it and there is something to draw."""
    if "gradients" not in trained.experiment.evaluation.metrics or not trained.model.bottleneck.stochastic:
        return None
    found = noises(trained, np.asarray(rows.x[sampled(len(rows), ROWS)]))
    deviations = {NAMES[way]: np.sqrt(noise.variance) for way, noise in found.items()}
    if not all(np.isfinite(d).all() and d.max() > 0 for d in deviations.values()):
        return None
    path = folder / "gradients.png"
    return figures.gradients(deviations, path, signal=found["reparameterised"].mean, title=title)
