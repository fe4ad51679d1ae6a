"""The noise of the encoder's gradient, with the reparameterisation trick and without it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.noise import GRADIENTS, key_of
from aecli.evaluation.sample import Sample

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

ROWS = 128  # of the one batch whose gradient it is, at most
REPEATS = 200  # gradients, each with noise of its own
DRAWS = 8  # of the code, where a baseline needs others
# name -> estimator and draws of the code
WAYS = {
    "reparameterised": ("elbo", 1),
    "score_function": ("score_function", 1),
    "baseline": ("score_function", DRAWS),
}
MANY = 50  # draws of the importance-weighted bound
WEIGHTED = {"iwae": ("iwae", MANY), "dreg": ("dreg", MANY)}
SAID = {
    "reparameterised": "by z = mu + sigma eps, one draw",
    "score_function": "by the score function, one draw",
    "baseline": f"by the score function, the mean of {DRAWS} draws, each with the others' mean as baseline",
}


@dataclass(frozen=True)
class Noise:
    """Of every parameter of the encoder: the mean of its gradient over repeats, and their variance."""

    mean: Float[np.ndarray, " parameters"]
    variance: Float[np.ndarray, " parameters"]

    @property
    def snr(self) -> float:
        """|mean| / deviation, mean over the parameters that have a noise."""
        noisy = self.variance > 0
        return float(np.mean(np.abs(self.mean[noisy]) / np.sqrt(self.variance[noisy]))) if noisy.any() else math.nan


class Gradients:
    """gradient_variance_<way>: the variance of the encoder's gradient over draws of the code, mean over parameters.

    One batch of at most 128 of the rows, in evaluation mode, 200 gradients of the objective at weight 1 without free
    bits, corruption and penalties; and how many times the trick's variance the others have, whose mean is the same.
    gradient_snr_iwae and gradient_snr_dreg: of the bound of 50 importance-weighted draws, |mean| / deviation, mean over
    parameters, of at most 20 rows (Rainforth et al. 2018; Tucker et al. 2019). Source: Kingma & Welling 2014, sec. 2.2
    and 2.4; Mohamed et al. 2020.
    """

    def __init__(self, trained: Trained):
        self.trained, self.sample = trained, Sample(ROWS)

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        at = self.sample.candidates(first, len(block))
        if len(at):
            self.sample.add(first + at, x=np.asarray(block.x[at]))

    def result(self) -> Measured:
        """The variances, or why there are none."""
        if not self.trained.model.bottleneck.stochastic:
            kind = self.trained.model.bottleneck.kind  # pyright: ignore[reportAttributeAccessIssue]
            return Measured({}, [f"gradients are left out: a {kind} bottleneck draws nothing"])
        found = {way: noise.variance.mean() for way, noise in noises(self.trained, self.sample.taken()["x"]).items()}
        unit = f"of the encoder's gradient, mean over parameters, {REPEATS} repeats"
        metrics = {f"gradient_variance_{way}": Metric(float(v), f"{unit}, {SAID[way]}") for way, v in found.items()}
        trick = max(float(found["reparameterised"]), np.finfo(float).tiny)
        for way in ("score_function", "baseline"):
            text = "times the variance with reparameterised draws"
            metrics[f"gradient_variance_ratio_{way}"] = Metric(float(found[way]) / trick, text)
        few = self.sample.taken()["x"][: ROWS * DRAWS // MANY]
        for way, how in WEIGHTED.items():
            text = (
                f"|mean| / deviation of the encoder's gradient, mean over parameters, {MANY} draws, {REPEATS} repeats"
            )
            metrics[f"gradient_snr_{way}"] = Metric(_noise(self.trained, few, *how).snr, text)
        return Measured(metrics, [])


def noises(trained: Trained, x: Float[np.ndarray, " rows *shape"]) -> dict[str, Noise]:
    """Mean and variance of each way's gradient, of one batch."""
    return {way: _noise(trained, x, *how) for way, how in WAYS.items()}


def _noise(trained: Trained, x: Float[np.ndarray, " rows *shape"], estimator: str, draws: int) -> Noise:
    from aecli.training.executables import Executable

    gradient = Executable(
        "gradient", _gradient(trained, estimator, draws), f"{trained.program.identity}\n{estimator} {draws}"
    )
    slopes = (
        np.asarray(gradient(trained.weights, x, np.uint32(trained.experiment.seed), np.int32(repeat)), np.float64)
        for repeat in range(REPEATS)
    )
    first = next(slopes)
    total, squares = np.zeros_like(first), np.zeros_like(first)
    for slope in slopes:
        total, squares = total + (slope - first), squares + np.square(slope - first)  # shifted: no cancellation
    mean = total / REPEATS
    return Noise(first + mean, (squares - REPEATS * mean**2) / (REPEATS - 1))


def _gradient(trained: Trained, estimator: str, draws: int) -> Any:
    """The function (weights, x, seed, repeat) -> the gradient of the mean loss to encoder and head, flat."""
    import jax
    import jax.numpy as jnp

    from aecli.model.autoencoder import Autoencoder
    from aecli.model.objective import terms
    from aecli.model.spec import Objective

    own = trained.objective
    plain = Objective.model_validate({"reconstruction": own.reconstruction, "estimator": estimator, "samples": draws})
    autoencoder = Autoencoder(trained.model, plain, trained.layout, trained.autoencoder.precision)

    def gradient(weights: Any, x: Any, seed: Any, repeat: Any) -> Any:
        key, mask = key_of(seed, GRADIENTS, repeat), jnp.ones(len(x), bool)
        numbers = {**weights.numbers, "objective": {**weights.numbers["objective"], "rate": {"weight": jnp.float32(1)}}}
        numbers["objective"].pop("corruption", None)
        numbers["objective"].pop("penalties", None)
        parameters = weights.parameters

        def loss(encoder: Any, head: Any) -> Any:
            changed = weights._replace(parameters={**parameters, "encoder": encoder, "head": head}, numbers=numbers)
            return terms(autoencoder, changed, x, key, train=False, mask=mask)[0]["loss"].mean()

        slopes = jax.grad(loss, argnums=(0, 1))(parameters.get("encoder", {}), parameters["head"])
        return jnp.concatenate([leaf.reshape(-1) for leaf in jax.tree.leaves(slopes)])

    return gradient
