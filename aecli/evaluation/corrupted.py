"""Rows as the objective's corruption leaves them, at its own strength and at others, and what is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from aecli.evaluation.noise import CORRUPTED, numbered, row_keys

if TYPE_CHECKING:
    from jaxtyping import Float

    from aecli.training.trained import Trained

LEVELS = {"half": 0.5, "": 1.0, "double": 2.0}  # of the corruption that was trained with


def refusal(trained: Trained) -> str | None:
    """Why rows cannot be corrupted and compared, or None."""
    if not trained.objective.corruption.draws:
        return "the run was trained without objective.corruption"
    return "the rows have holes or categories" if trained.layout.unfolded else None


def strength(trained: Trained, times: float) -> float:
    """The corruption's number at so many times its own; a probability is 1 at most."""
    name = trained.objective.corruption.level
    found = times * float(trained.weights.numbers["objective"]["corruption"][name])
    return min(1.0, found) if name == "rate" else found


def corrupted(
    trained: Trained, x: Float[np.ndarray, " n *shape"], first: int, times: float
) -> tuple[Float[np.ndarray, " n *shape"], Float[np.ndarray, " n *shape"]]:
    """x~ of the rows from number `first` on, and their reconstructions r(x~); drawn by a key of the row's number."""
    autoencoder, name = trained.autoencoder, trained.objective.corruption.level

    def batch(weights: Any, x: Any, seeds: Any, rows: Any, level: Any) -> Any:
        own = weights.numbers["objective"]["corruption"]

        def drawn(row: Any, key: Any, level: Any) -> Any:
            return autoencoder.corrupt(row[None], key, {**own, name: level})[0][0]

        noisy = jax.vmap(drawn)(x, row_keys(seeds, CORRUPTED, rows), level)
        return noisy, autoencoder.reconstruct(weights, noisy)

    levels = np.full(len(x), strength(trained, times), np.float32)
    return trained.mapped("evaluation.corrupted", batch, x, *numbered(trained.experiment.seed, len(x), first), levels)
