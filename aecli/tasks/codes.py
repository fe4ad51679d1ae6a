"""The training rows as the model saw them, and their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.data.binarize import drawn
from aecli.evaluation.sample import spread

if TYPE_CHECKING:
    from jaxtyping import Float32

    from aecli.training.trained import Trained

MOST = 200_000  # training rows that something is fitted to: of more, as many, evenly spaced
VALUES = 2**26  # and so many numbers


def training_rows(trained: Trained) -> Float32[np.ndarray, " rows *features"]:
    """The training rows in the model's space (with `binarize: dynamic` one fixed draw of them)."""
    rows = trained.dataset.train.x
    if isinstance(rows, np.ndarray):
        return trained.split("train")[1].x  # in memory already
    most = min(MOST, max(1, VALUES // int(np.prod(rows.shape[1:]))))
    found = rows[spread(len(rows), most)]
    return drawn(found, "train") if trained.experiment.data.binarize == "dynamic" else found


def training_codes(trained: Trained) -> Float32[np.ndarray, " rows size"]:
    """The mean codes of the training rows."""
    return trained.encode(training_rows(trained))
