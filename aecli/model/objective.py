"""The objective: E[L(x, g(b(f(x~))))] + weight * rate + sum_i lambda_i Omega_i, every term by name."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from aecli.model.autoencoder import Autoencoder, repeated
from aecli.model.estimators.estimator import Draws, averaged
from aecli.model.forward import Pass, Weights
from aecli.model.spec import penalty_names
from aecli.model.sums import per_example

Terms = dict[str, Float[Array, " batch"]]


def terms(
    autoencoder: Autoencoder,
    weights: Weights,
    x: Float[Array, " batch *features"],
    key: Key[Array, ""],
    *,
    train: bool,
    mask: Bool[Array, " batch"],
) -> tuple[Terms, dict[str, Any]]:
    """Each term's value per example, unweighted, and their weighted sum `loss`; and the variables after the pass.

    A term that is one number for the batch or the weights is repeated for each example, so that a mean over examples
    gives it back.
    """
    passed, variables = autoencoder.forward(weights, x, key, train=train, mask=mask)
    numbers = weights.numbers.get("objective", {})
    with jax.named_scope("reconstruction"):
        losses = _losses(autoencoder, passed, numbers)
        found: Terms = {"reconstruction": averaged(losses)}
    loss = found["reconstruction"]
    if autoencoder.model.bottleneck.stochastic:
        with jax.named_scope("rate"):
            found["rate"] = _rate(passed, len(losses), numbers["rate"])
            loss = _estimated(autoencoder, passed, losses, found["rate"], numbers["rate"])
    names = penalty_names(autoencoder.objective)
    for name, omega, own in zip(names, autoencoder.omegas, _penalties(numbers), strict=True):
        with jax.named_scope(name):
            value = omega(passed, weights.parameters, own)
        found[name] = jnp.broadcast_to(value, loss.shape)
        loss = loss + own["weight"] * found[name]
    return {"loss": loss, **found}, variables


def masked_mean(values: Float[Array, " batch"], mask: Bool[Array, " batch"]) -> Float[Array, ""]:
    """The mean over real rows; a row that pads the batch counts for nothing, whatever it holds."""
    return jnp.sum(jnp.where(mask, values, 0)) / jnp.maximum(jnp.sum(mask), 1)


def _losses(autoencoder: Autoencoder, passed: Pass, numbers: dict[str, Any]) -> Float[Array, "draws batch"]:
    """L of each draw of each example, summed over features."""
    draws = autoencoder.objective.samples
    loss = autoencoder.loss(repeated(passed.x, draws), passed.drawn.outputs)
    if "emphasis" in numbers.get("corruption", {}):
        loss = loss * jnp.where(repeated(passed.touched, draws), 1.0, 1.0 - numbers["corruption"]["emphasis"])
    return per_example(loss).reshape(draws, -1)


def _rate(passed: Pass, draws: int, numbers: dict[str, Any]) -> Float[Array, " batch"]:
    """Sum over units of max(rate_j, free bits), example by example (after Kingma et al. 2016).

    A rate that does not fall apart into units has the free bits of all of them; one that is estimated is the draws'
    mean.
    """
    code, prior = passed.drawn.code, passed.drawn.prior
    rate = prior.rate(code.posterior, code.value)
    rate = averaged(rate.reshape(draws, -1, rate.shape[-1]))
    if "free_bits" in numbers:
        rate = jnp.maximum(rate, numbers["free_bits"] * (code.value.shape[-1] / rate.shape[-1]))
    return per_example(rate)


def _estimated(
    autoencoder: Autoencoder,
    passed: Pass,
    losses: Float[Array, "draws batch"],
    rate: Float[Array, " batch"],
    numbers: dict[str, Any],
) -> Float[Array, " batch"]:
    """Reconstruction and charged rate, as the estimator puts them together."""
    charged = jnp.abs(rate - numbers["capacity"]) if "capacity" in numbers else rate
    code, _, prior, apart = passed.drawn
    draws = Draws(losses, code, prior, numbers["weight"], numbers["weight"] * charged, apart)
    return autoencoder.objective.estimator.loss(draws)


def _penalties(numbers: dict[str, Any]) -> list[dict[str, Any]]:
    found = numbers.get("penalties", {})
    return [found[name] for name in sorted(found, key=int)]


def mean_terms(found: Terms, mask: Bool[Array, " batch"]) -> dict[str, Float[Array, ""]]:
    """Each term's mean over the real rows of a batch."""
    return jax.tree.map(lambda values: masked_mean(values, mask), found)
