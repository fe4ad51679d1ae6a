"""What every anomaly score is printed beside: the norm of the standardised row, and the residual of PCA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from aecli.evaluation.principal import CHUNK, principal, residual
from aecli.layout import Layout
from aecli.tasks.blocks import in_blocks

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64

NAMES = ("z_norm", "pca_residual")


@dataclass(frozen=True)
class Baselines:
    """Fitted to training rows as the encoder sees them (`aecli.layout`), flattened. `components` are orthonormal rows.

    Holes are 0 with a flag, a category is one-hot.
    """

    mean: Float64[np.ndarray, " features"]
    deviation: Float64[np.ndarray, " features"]
    components: Float64[np.ndarray, " k features"]
    layout: Layout

    @classmethod
    def fit(cls, rows: Float32[np.ndarray, " rows *features"], size: int, layout: Layout | None = None) -> Baselines:
        """Mean, standard deviation (1 for a constant feature) and the first k principal components.

        k = `size`, but at most features - 1 and rows - 1: with all components nothing would be left over.
        """
        layout = layout or Layout(rows.shape[1:])
        most = min(size, prod(layout.input_shape) - 1)
        found = principal(rows, most, layout.inputs)
        return cls(found.mean, found.deviation, found.components, layout)

    def z_norm(self, rows: Float[np.ndarray, " rows *features"]) -> Float32[np.ndarray, " rows"]:
        """||(x - mean) / sd||: what published "PCA" detectors with all components amount to."""
        return self._each(lambda x: np.linalg.norm((x - self.mean) / self.deviation, axis=1), rows)

    def pca_residual(self, rows: Float[np.ndarray, " rows *features"]) -> Float32[np.ndarray, " rows"]:
        """The error of the best linear autoencoder (`residual`), V the first k components."""
        return self._each(lambda x: residual(x, self.mean, self.components), rows)

    def _each(
        self, function: Callable[[np.ndarray], np.ndarray], rows: Float[np.ndarray, " rows *features"]
    ) -> Float32[np.ndarray, " rows"]:
        """A function of rows as the encoder sees them, a few thousand at a time."""
        parts = (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
        found = [in_blocks(function, self.layout.inputs(part)) for part in parts]
        return np.concatenate(found) if found else np.zeros(0, np.float32)

    def scores(self, rows: Float[np.ndarray, " rows *features"]) -> dict[str, Float32[np.ndarray, " rows"]]:
        """Each baseline's score by name; higher is more anomalous."""
        return {"z_norm": self.z_norm(rows), "pca_residual": self.pca_residual(rows)}
