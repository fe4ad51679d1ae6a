"""The objective's terms, as training and validation compute them, with every schedule at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from aecli.evaluation.metric import Measured
from aecli.evaluation.moments import Moments
from aecli.evaluation.noise import TERMS, key_of, numbered
from aecli.model.spec import penalty_names, units
from aecli.training.trained import BATCH

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

OWN = "loss of an example's own"  # without what is one number for all


class Terms:
    """Every term by its name, unweighted, and their weighted sum `loss`: codes drawn, input corrupted.

    A term that is one number for a batch or for the weights has no stderr, and adds nothing to the loss's.
    The name `rate` belongs to KL(q(z|x) || p(z)) of the clean input: here it is `rate_charged`, and only
    where free bits or a corruption make it another number.
    """

    def __init__(self, trained: Trained):
        self.trained = trained
        self.units = units(trained.model, trained.objective, mixed=trained.layout.mixed)
        self.shared = shared_terms(trained)
        self.moments = Moments(*self.units, OWN)

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        values = term_values(self.trained, block.x, first)
        own = values["loss"].astype(np.float64)
        for name, weight in self.shared.items():
            own = own - weight * values[name]
        self.moments.add({**values, OWN: own})

    def result(self) -> Measured:
        """The terms' means."""
        found = {name: self.moments.metric(name, unit) for name, unit in self.units.items()}
        for name in self.shared:
            found[name] = found[name]._replace(stderr=None)
        found["loss"] = found["loss"]._replace(stderr=self.moments.stderr(OWN))
        if not charged_apart(self.trained):
            found.pop("rate", None)
        elif "rate" in found:
            objective = self.trained.experiment.objective
            ways = [
                *(["of the corrupted input"] if objective.corruption.draws else []),
                *(["with free bits"] if objective.rate.free_bits else []),
            ]
            unit = f"{found['rate'].unit}, as the objective charges it: {', '.join(ways)}"
            found["rate"] = found["rate"]._replace(unit=unit)
        return Measured({"rate_charged" if name == "rate" else name: metric for name, metric in found.items()}, [])


def term_values(
    trained: Trained, x: Float[np.ndarray, " n *shape"], first: int = 0
) -> dict[str, Float[np.ndarray, " n"]]:
    """Each term's value for each of the rows from number `first` on, which begins a batch.

    The key is a function of the seed and the batch's number alone.
    """

    def batch(weights: Any, x: Any, seeds: Any, rows: Any, mask: Any) -> Any:
        from aecli.model.objective import terms as objective_terms  # flax: not needed where the program is kept

        key = key_of(seeds[0], TERMS, rows[0] // BATCH)
        return objective_terms(trained.autoencoder, weights, x, key, train=False, mask=mask)[0]

    rows = numbered(trained.experiment.seed, len(x), first)
    return trained.mapped("evaluation.terms", batch, x, *rows, np.ones(len(x), bool), batch=BATCH)


def charged_apart(trained: Trained) -> bool:
    """Whether the objective charges another rate than KL(q(z|x) || p(z)) of the clean input."""
    rate = trained.weights.numbers.get("objective", {}).get("rate", {})
    return "free_bits" in rate or trained.objective.corruption.draws


def shared_terms(trained: Trained) -> dict[str, float]:
    """The weights of those penalties that are one number for the batch or the parameters, by term."""
    if not trained.objective.penalties:
        return {}
    import jax
    import jax.numpy as jnp

    autoencoder, weights = trained.autoencoder, trained.weights
    numbers = weights.numbers.get("objective", {}).get("penalties", {})
    each = [numbers[str(i)] for i in range(len(autoencoder.omegas))]

    def values() -> list[Any]:
        x, mask = jnp.zeros((2, *autoencoder.shape), jnp.float32), jnp.ones(2, bool)
        passed, _ = autoencoder.forward(weights, x, jax.random.key(0), train=False, mask=mask)
        pairs = zip(autoencoder.omegas, each, strict=True)
        return [omega(passed, weights.parameters, own) for omega, own in pairs]

    found = zip(penalty_names(trained.objective), each, jax.eval_shape(values), strict=True)
    return {name: float(own["weight"]) for name, own, value in found if value.ndim == 0}
