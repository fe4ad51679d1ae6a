"""How far the codes of the training rows are from the prior that new ones are drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import UserError
from aecli.report.html.numbers import digits
from aecli.tasks.codes import training_rows
from aecli.tasks.kept import keep, kept

if TYPE_CHECKING:
    from jaxtyping import Float

    from aecli.training.trained import Trained

FAR = 0.1  # nats per unit: a variance of 0.49 or 1.77, or a mean of 0.45, in every unit
FILE = "aggregate.npz"


@dataclass(frozen=True)
class Aggregate:
    """The moments of the aggregate posterior q(z) = E_x q(z|x) over the training rows, and what the prior makes of it.

    `misfit` is KL(N(mean_j, variance_j) || N(m_j, v_j)) in nats, mean over the units j, m and v the prior's own: of
    mean and variance alone, so that it is a lower sign of what does not fit: it sees neither shapes nor correlations.
    """

    mean: Float[np.ndarray, " size"]
    variance: Float[np.ndarray, " size"]
    misfit: float

    @property
    def far(self) -> bool:
        """Whether draws from the prior are codes that the decoder was not trained on; also where nobody can say."""
        return not self.misfit <= FAR

    @property
    def said(self) -> str:
        """For a caption."""
        verdict = "far: it does not fit them" if self.far else "near"
        return f"by mean and variance the training codes are {digits(self.misfit, 2)} nats per unit from it, {verdict}"


def aggregate_of(trained: Trained) -> Aggregate:
    """Of a run with a prior: kept in its directory, measured again for another checkpoint."""
    path, key = trained.run.path / FILE, {"version": 1, "model": trained.fingerprint}
    size = trained.model.bottleneck.size
    forms = {"mean": (size,), "variance": (size,), "misfit": ()}
    if found := kept(path, key, lambda arrays: {name: a.shape for name, a in arrays.items()} == forms):
        return Aggregate(found["mean"], found["variance"], float(found["misfit"]))
    mean, variance = _moments(trained)
    made = Aggregate(mean, variance, _misfit(trained, mean, variance))
    keep(path, key, {"mean": mean, "variance": variance, "misfit": np.asarray(made.misfit)})
    return made


def tell(trained: Trained, warn: Callable[[str], None]) -> None:
    """Warn where the prior does not fit the codes, and where their data are not there to ask."""
    try:
        found = aggregate_of(trained)
    except UserError as error:
        warn(f"whether the prior fits the codes is not known: {error.problems[0].message}")
        return
    if found.far:
        warn(
            "the prior does not fit the codes: by mean and variance, those of the training rows are "
            f"{digits(found.misfit, 2)} nats per unit from it (far is above {FAR:g}): try --sampler mixture"
        )


def _moments(trained: Trained) -> tuple[Float[np.ndarray, " size"], Float[np.ndarray, " size"]]:
    """E mu(x), and Var mu(x) + E sigma^2(x)."""

    def posterior(weights: Any, x: Any) -> Any:
        found = trained.autoencoder.encode(weights, x).posterior
        return found.mean, found.variance

    means, variances = (a.astype(np.float64) for a in trained.mapped("posterior", posterior, training_rows(trained)))
    return means.mean(axis=0), means.var(axis=0) + variances.mean(axis=0)


def _misfit(trained: Trained, mean: np.ndarray, variance: np.ndarray) -> float:
    own_mean, own_variance = (np.asarray(a, np.float64) for a in trained.autoencoder.prior(trained.weights).moments())
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = variance / own_variance
        return float(np.mean(0.5 * (ratio - 1 - np.log(ratio) + np.square(mean - own_mean) / own_variance)))
