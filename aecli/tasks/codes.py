"""The training rows as the model saw them, and their codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32

    from aecli.training.trained import Trained


def training_rows(trained: Trained) -> Float32[np.ndarray, " rows *features"]:
    """The training rows in the model's space (with `binarize: dynamic` one fixed draw of them)."""
    return trained.split("train")[1].x


def training_codes(trained: Trained) -> Float32[np.ndarray, " rows size"]:
    """The mean codes of the training rows."""
    return trained.encode(training_rows(trained))
