"""New rows in every way that a run can draw them, each with a caption: what figures and reports show of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.tasks.aggregate import aggregate_of
from aecli.tasks.sample import Samples, sample

if TYPE_CHECKING:
    from aecli.training.trained import Trained


def draws(trained: Trained, count: int) -> list[tuple[Samples, str]]:
    """`count` rows of each: from the prior, where there is one, and from the mixture fitted to the training codes.

    The first is what `aecli sample` draws. The mixture is left out where there is a prior and codes are not finite:
    then there is nothing to fit it to.
    """
    first = sample(trained, count)
    if first.sampler != "prior":
        return [(first, _of_mixture(count))]
    found = aggregate_of(trained)
    drawn = [(first, f"{count:,} draws from the prior; {found.said}")]
    if np.isfinite(found.misfit):
        drawn.append((sample(trained, count, "mixture"), _of_mixture(count)))
    return drawn


def _of_mixture(count: int) -> str:
    return f"{count:,} draws from the mixture of Gaussians fitted to the training codes"
