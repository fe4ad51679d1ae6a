"""A mixture of Gaussians fitted to the codes of the training rows: a sampler for any autoencoder."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from aecli.tasks.codes import training_codes
from aecli.tasks.kept import keep, kept

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

    from aecli.training.trained import Trained

COMPONENTS = 10  # Ghosh et al. 2020, sec. 4
MOST_ROWS = 10_000  # that it is fitted to
WORK = 1e10  # multiplications of one iteration, about: a second
FILE = "mixture.npz"


@dataclass(frozen=True)
class Mixture:
    """q(z) = sum_c weights_c N(z; means_c, F_c F_c'), F the lower Cholesky factors of the covariances."""

    weights: Float[np.ndarray, " components"]
    means: Float[np.ndarray, " components size"]
    factors: Float[np.ndarray, " components size size"]

    def sample(self, count: int, seed: int) -> Float32[np.ndarray, " count size"]:
        """Independent draws: a component, then a point of it."""
        rng = np.random.default_rng(seed)
        which = rng.choice(len(self.weights), count, p=self.weights)
        eps = rng.standard_normal((count, self.means.shape[1]))
        z = np.empty_like(eps)
        for c in np.unique(which):
            z[which == c] = self.means[c] + eps[which == c] @ self.factors[c].T
        return z.astype(np.float32)


def fit(
    codes: Float[np.ndarray, " rows size"],
    components: int = COMPONENTS,
    warn: Callable[[str], None] | None = None,
) -> Mixture:
    """Maximum likelihood by expectation-maximisation, full covariances; deterministic.

    Fitted in units of each code's standard deviation, so that its regularisation (1e-6) means the same for every
    scale (what does not vary stays as it is), and to at most 10,000 rows. Few rows get fewer components: each has two
    rows a unit of the code at least; and so do wide codes, of 1000 units one: an iteration costs rows x components x
    units^2. Source: the ex-post density estimation of Ghosh et al. 2020.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    codes = rng.permutation(codes, axis=0)[:MOST_ROWS].astype(np.float64)
    mean, spread = codes.mean(axis=0), codes.std(axis=0)
    constant = codes.max(axis=0) == codes.min(axis=0)
    if len(codes) < 2:
        return Mixture(np.ones(1), mean[None], np.zeros((1, len(mean), len(mean))))
    rows, size = codes.shape
    count = max(1, min(components, rows // (2 * (size + 1)), int(WORK / (rows * size**2))))
    mixture = GaussianMixture(count, random_state=0)
    # One thread: the products are small, and threads that wait for one another cost up to 20 times the work.
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1, "blas"):
        warnings.simplefilter("always", ConvergenceWarning)
        mixture.fit((codes - mean) / np.where(constant, 1, spread))
    for warning in caught:
        if warn:
            warn(f"the mixture of the codes: {warning.message}")
    spread = np.where(constant, 0, spread)
    factors, weights = np.linalg.cholesky(np.asarray(mixture.covariances_)), np.asarray(mixture.weights_)
    return Mixture(weights / weights.sum(), mean + spread * mixture.means_, spread[:, None] * factors)


def mixture_of(trained: Trained, warn: Callable[[str], None] | None = None) -> Mixture:
    """The mixture of a run's training codes: kept in its directory, fitted again for another checkpoint."""
    path, key = trained.run.path / FILE, {"version": 3, "model": trained.fingerprint}
    if found := kept(path, key, partial(_fits, size=trained.model.bottleneck.size)):
        return Mixture(**found)
    mixture = fit(training_codes(trained), warn=warn)
    keep(path, key, {"weights": mixture.weights, "means": mixture.means, "factors": mixture.factors})
    return mixture


def _fits(found: Mapping[str, np.ndarray], size: int) -> bool:
    """Whether kept arrays are a mixture of codes of this size."""
    if found.keys() != {"weights", "means", "factors"} or any(array.dtype != np.float64 for array in found.values()):
        return False
    weights, n = found["weights"], found["weights"].size
    shapes = [array.shape for array in (weights, found["means"], found["factors"])]
    finite = all(bool(np.isfinite(array).all()) for array in found.values())
    sums = n > 0 and finite and bool((weights >= 0).all()) and abs(weights.sum() - 1) < 1e-6
    return sums and shapes == [(n,), (n, size), (n, size, size)]
