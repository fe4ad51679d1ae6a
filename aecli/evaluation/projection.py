"""Whether a denoising autoencoder's steps lead to the manifold: its field r(x) - x against the true projection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from aecli.data.synthetic import CURVES
from aecli.evaluation.corrupted import corrupted, refusal
from aecli.evaluation.metric import Measured
from aecli.evaluation.moments import Moments

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

POINTS = 50_000  # of the curve: they are nearer to each other than any noise


class Projection:
    """projection_angle, distance_before and distance_after, of rows corrupted as in training.

    The angle between the step r(x~) - x~ and the true one p(x~) - x~, p(x~) the manifold's point nearest to x~; the
    distances of x~ and of r(x~) to the manifold. All in the model's space, over all evaluated rows. The field r(x) - x
    of an optimal denoiser of small Gaussian noise is its variance times the gradient of the rows' log-density (Alain &
    Bengio 2014), which points to where they lie. Left out with a note for rows whose manifold is not known.
    """

    def __init__(self, trained: Trained):
        self.trained, self.why = trained, refusal(trained)
        self.source = str(trained.experiment.data.source)
        if self.source not in CURVES:
            self.why = f"the manifold is known of {', '.join(CURVES)} alone"
        self.moments = Moments("angle", "before", "after")

    @cached_property
    def manifold(self) -> Manifold:
        """Where rows without noise lie, in the model's space."""
        return Manifold(self.trained.features.transform(CURVES[self.source](POINTS)))

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        if self.why is not None:
            return
        noisy, denoised = (x.astype(np.float64) for x in corrupted(self.trained, block.x, first, 1.0))
        near, before = self.manifold.nearest(noisy)
        after = self.manifold.nearest(denoised)[1]
        self.moments.add({"angle": angle(denoised - noisy, near - noisy), "before": before, "after": after})

    def result(self) -> Measured:
        """The three."""
        if self.why is not None:
            return Measured({}, [f"projection is left out: {self.why}"])
        unit = "from the manifold, in the model's units, mean over examples"
        return Measured(
            {
                "projection_angle": self.moments.metric(
                    "angle", "degrees between r(x~) - x~ and the way to the manifold, mean over examples"
                ),
                "distance_before": self.moments.metric("before", unit),
                "distance_after": self.moments.metric("after", unit),
            },
            [],
        )


class Manifold:
    """Points so dense that the nearest of them is the projection."""

    def __init__(self, points: Float[np.ndarray, " points d"]):
        from scipy.spatial import KDTree

        self.points = points.astype(np.float64)
        self.tree = KDTree(self.points)

    def nearest(self, x: Float[np.ndarray, " n d"]) -> tuple[Float64[np.ndarray, " n d"], Float64[np.ndarray, " n"]]:
        """Of each x the nearest point, and its distance; NaN where x is not finite."""
        known = np.asarray(np.isfinite(x).all(axis=1))
        distance, at = self.tree.query(np.where(known[:, None], x, 0.0))
        return np.where(known[:, None], self.points[at], np.nan), np.where(known, distance, np.nan)


def angle(a: Float64[np.ndarray, " n d"], b: Float64[np.ndarray, " n d"]) -> Float64[np.ndarray, " n"]:
    """Degrees between the vectors, 0 to 180; 90 where one has no direction, NaN where one is not finite."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = np.divide((a * b).sum(axis=1), lengths, out=np.zeros(len(a)), where=lengths > 0)
    known = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
    return np.where(known, np.degrees(np.arccos(np.clip(cosine, -1, 1))), np.nan)
