"""The objective's terms, as training and validation compute them, with every schedule at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from aecli.evaluation.metric import Metric, mean_metric
from aecli.evaluation.noise import TERMS, key_of, numbered
from aecli.model.objective import penalty_names, units
from aecli.model.objective import terms as objective_terms

if TYPE_CHECKING:
    from aecli.training.trained import Trained


def terms(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> dict[str, Metric]:
    """Every term by its name, unweighted, and their weighted sum `loss`: codes drawn, input corrupted.

    A term that is one number for a batch or for the weights has no stderr, and adds nothing to the loss's.
    The name `rate` belongs to KL(q(z|x) || p(z)) of the clean input: here it is `rate_charged`, and only
    where free bits or a corruption make it another number.
    """
    values = term_values(trained, x)
    found = {name: mean_metric(values[name], unit) for name, unit in units(trained.autoencoder).items()}
    own = values["loss"].astype(np.float64)
    for name, weight in shared_terms(trained).items():
        found[name] = found[name]._replace(stderr=None)
        own = own - weight * values[name]
    found["loss"] = found["loss"]._replace(stderr=mean_metric(own, found["loss"].unit).stderr)
    if not charged_apart(trained):
        found.pop("rate", None)
    elif "rate" in found:
        unit = found["rate"].unit + ", as the objective charges it: of the corrupted input, with free bits"
        found["rate"] = found["rate"]._replace(unit=unit)
    return {"rate_charged" if name == "rate" else name: metric for name, metric in found.items()}


def term_values(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> dict[str, Float[np.ndarray, " n"]]:
    """Each term's value for each example; the key is a function of the seed and the batch's number alone."""
    from aecli.training.trained import BATCH

    def batch(weights: Any, x: Any, seeds: Any, rows: Any, mask: Any) -> Any:
        key = key_of(seeds[0], TERMS, rows[0] // BATCH)
        return objective_terms(trained.autoencoder, weights, x, key, train=False, mask=mask)[0]

    rows = numbered(trained.experiment.seed, len(x))
    return trained.mapped("evaluation.terms", batch, x, *rows, np.ones(len(x), bool), batch=BATCH)


def charged_apart(trained: Trained) -> bool:
    """Whether the objective charges another rate than KL(q(z|x) || p(z)) of the clean input."""
    rate = trained.weights.numbers.get("objective", {}).get("rate", {})
    return "free_bits" in rate or trained.autoencoder.objective.corruption.draws


def shared_terms(trained: Trained) -> dict[str, float]:
    """The weights of those penalties that are one number for the batch or the parameters, by term."""
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

    found = zip(penalty_names(autoencoder), each, jax.eval_shape(values), strict=True)
    return {name: float(own["weight"]) for name, own, value in found if value.ndim == 0}
