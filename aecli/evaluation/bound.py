"""The evidence lower bound of a stochastic bottleneck and its two sides: weight 1, no free bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from aecli.data.statistics import Statistics
from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.moments import Moments, pieces
from aecli.evaluation.noise import BOUND, numbered, row_keys
from aecli.model.sums import per_example

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

ACTIVE = 0.01  # the variance over examples above which a unit's mean is active (Burda et al. 2016, sec. 5.2)

COLLAPSED = (
    "the posterior has collapsed: no unit of the mean code varies with the row, so that a code tells nothing. "
    "Warm the rate up (objective.rate.weight={kind: linear, start: 0.0, end: 1.0, steps: 5000}), give it free bits "
    "(objective.rate.free_bits=0.1), or lower its weight"
)


class Bound:
    """elbo = -(distortion + rate), distortion = -E_q log p(x|z), rate = KL(q(z|x) || p(z)), and active_units.

    The expectation is one draw for each row, by a key of the row's number. active_units counts the units
    whose mean code varies: Var_x(mu_j(x)) > 0.01 over the evaluated rows (Burda et al. 2016).
    """

    def __init__(self, trained: Trained):
        self.trained = trained
        self.sides = Moments("elbo", "rate", "distortion")
        self.codes = Statistics((0,) * trained.model.bottleneck.size)

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        numbers = numbered(self.trained.experiment.seed, len(block.x), first)
        *sides, mean = self.trained.mapped("evaluation.bound", _sides(self.trained), block.x, *numbers)
        distortion, rate = (np.asarray(side, np.float64) for side in sides)
        self.sides.add({"elbo": -(distortion + rate), "rate": rate, "distortion": distortion})
        for piece in pieces(mean):
            self.codes.add(piece)

    def result(self) -> Measured:
        """The bound, nats."""
        unit = {
            "elbo": "nats, mean over examples, one draw each",
            "rate": "nats, sum over units, mean over examples",
            "distortion": "nats, sum over features, mean over examples, one draw each",
        }
        found = {name: self.sides.metric(name, text) for name, text in unit.items()}
        active = int(np.sum(self.codes.deviation**2 > ACTIVE))
        text = f"units of {len(self.codes.cards)} whose mean varies by more than {ACTIVE}"
        return Measured(found | {"active_units": Metric(active, text)}, [] if active else [COLLAPSED])


def _sides(trained: Trained) -> Any:
    """The function of a batch -> distortion [batch], rate [batch], mean code [batch, size]."""
    autoencoder = trained.autoencoder

    def sides(weights: Any, x: Any, seeds: Any, rows: Any) -> tuple[Any, Any, Any]:
        code = autoencoder.encode(weights, x)
        z = jax.vmap(lambda posterior, key: posterior.sample(key))(code.posterior, row_keys(seeds, BOUND, rows))
        distortion = -per_example(autoencoder.decode(weights, z).log_prob(x))
        rate = autoencoder.prior(weights).rate(code.posterior, z)
        return distortion, per_example(rate), code.mean

    return sides
