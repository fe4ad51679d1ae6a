"""Binarisation: each pixel drawn once from Bernoulli(x), the same draw in every run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError

if TYPE_CHECKING:
    from jaxtyping import Float32

BINARIZE = ("data", "binarize")
SEED = 777  # not the run's: runs that differ in their seed are compared on the same pixels
STREAMS = ("train", "validation", "test", "rows")


def check_grey(x: Float32[np.ndarray, " n *shape"]) -> None:
    """Raise UserError where a value is no probability."""
    if not x.size or np.isnan(x).all():
        return
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    if low < 0 or high > 1:
        hint = "leave data.binarize out, or bring x into [0, 1]: scale: minmax, or none for pixels"
        text = f"data.binarize: values must lie in [0, 1], but go from {low:g} to {high:g}"
        raise UserError(Problem(text, None, hint, ("data", "binarize")))


class Drawer:
    """x_ij ~ Bernoulli(x_ij): 1 where u_ij < x_ij, of rows in blocks of any size.

    u is uniform on [0, 1) from Philox(SEED, stream), so that 0 and 1 stay as they are, and what a scale fitted on
    training rows puts outside [0, 1] becomes the nearer of them. In the stream `rows` (a file given later) u is a
    function of the row itself: it does not depend on the rows beside it.
    """

    def __init__(self, stream: str):
        self.own = stream == "rows"
        self.draw = np.random.Generator(np.random.Philox(key=np.array([SEED, STREAMS.index(stream)], np.uint64)))

    def __call__(self, x: Float32[np.ndarray, " n *shape"]) -> Float32[np.ndarray, " n *shape"]:
        """The next rows, drawn."""
        if self.own:
            return np.stack([_row(row) for row in x]) if len(x) else x
        return _holed((self.draw.random(x.shape, np.float32) < x).astype(np.float32), x)


def drawn(x: Float32[np.ndarray, " n *shape"], stream: str) -> Float32[np.ndarray, " n *shape"]:
    """All rows of a stream at once."""
    return Drawer(stream)(x)


def _row(x: Float32[np.ndarray, " *shape"]) -> Float32[np.ndarray, " *shape"]:
    key = np.frombuffer(hashlib.blake2b(np.ascontiguousarray(x).tobytes(), digest_size=16).digest(), np.uint64)
    u = np.random.Generator(np.random.Philox(key=key ^ np.uint64(SEED))).random(x.shape, np.float32)
    return _holed((u < x).astype(np.float32), x)


def _holed(drawn: Float32[np.ndarray, "..."], x: Float32[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """A hole stays one."""
    return np.where(np.isnan(x), np.float32(np.nan), drawn)


def check_numbers(categories: bool) -> None:
    """Raise UserError where there are columns that no Bernoulli draws."""
    if categories:
        hint = "leave data.binarize out, or drop those columns: data.columns: {NAME: drop}"
        raise UserError(Problem("data.binarize draws numbers, and some columns are categories", None, hint, BINARIZE))
