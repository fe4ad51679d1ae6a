"""Binarisation: each pixel drawn once from Bernoulli(x), the same draw in every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError

if TYPE_CHECKING:
    from jaxtyping import Float32

SEED = 777  # not the run's: runs that differ in their seed are compared on the same pixels
STREAMS = ("train", "validation", "test", "rows")


def check_grey(x: Float32[np.ndarray, " n *shape"]) -> None:
    """Raise UserError where a value is no probability."""
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 1:
        hint = "leave data.binarize out, or bring x into [0, 1]: scale: minmax, or none for pixels"
        raise UserError(
            Problem(f"data.binarize: values must lie in [0, 1], but go from {low:g} to {high:g}", None, hint)
        )


def drawn(x: Float32[np.ndarray, " n *shape"], stream: str) -> Float32[np.ndarray, " n *shape"]:
    """x_ij ~ Bernoulli(x_ij): 1 where u_ij < x_ij.

    u is uniform on [0, 1) from Philox(SEED, stream), so that 0 and 1 stay as they are.
    """
    check_grey(x)
    draw = np.random.Generator(np.random.Philox(key=np.array([SEED, STREAMS.index(stream)], np.uint64)))
    return (draw.random(x.shape, np.float32) < x).astype(np.float32)
