"""The exact likelihood of a linear-Gaussian model, which no estimate need be trusted for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from aecli.evaluation.metric import Measured
from aecli.evaluation.moments import Moments

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

MOST = 10**8  # multiplications for the covariance, at most, of features x units^2


class Exact:
    """nll_exact = -log N(x; b, W W' + diag v), where x = W z + b + noise of variance v and p(z) = N(0, I).

    In float64, by the inverse of a matrix of the code's size (Woodbury). Nothing where the model is another, or where
    rows have holes.
    """

    def __init__(self, trained: Trained):
        self.model = linear_gaussian(trained)
        self.moments = Moments("nll")

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        if np.isnan(block.x).any():
            self.model = None  # a hole that no training row had
        if self.model is not None:
            self.moments.add({"nll": -self.model.log_prob(block.x.reshape(len(block), -1))})

    def result(self) -> Measured:
        """The likelihood, where there is one."""
        if self.model is None:
            return Measured({}, [])
        unit = "nats, sum over features, mean over examples, in closed form"
        return Measured({"nll_exact": self.moments.metric("nll", unit)}, [])


class LinearGaussian:
    """N(b, W W' + diag v)."""

    def __init__(self, w: Float[np.ndarray, "d size"], b: Float[np.ndarray, " d"], variance: Float[np.ndarray, " d"]):
        self.b, self.whitened, self.deviation = b, w / np.sqrt(variance)[:, None], np.sqrt(variance)
        self.inner = np.eye(w.shape[1]) + self.whitened.T @ self.whitened
        logs = np.linalg.slogdet(self.inner)[1] + 2 * np.log(self.deviation).sum()
        self.constant = 0.5 * (len(b) * math.log(2 * math.pi) + logs)

    def log_prob(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """Of each row, nats: |r|^2 - r' W (I + W'W)^-1 W' r with r and W in units of the noise."""
        r = (x - self.b) / self.deviation
        seen = r @ self.whitened
        explained = np.sum(seen * np.linalg.solve(self.inner, seen.T).T, axis=1)
        return -0.5 * (np.square(r).sum(axis=1) - explained) - self.constant


def linear_gaussian(trained: Trained) -> LinearGaussian | None:
    """The model where it is one: a linear decoder, Gaussian features, the standard prior, no categories or holes."""
    model, likelihood = trained.model, trained.objective.reconstruction
    size, layout = model.bottleneck.size, trained.layout
    linear = model.decoding.kind == "mlp" and not model.decoding.widths  # pyright: ignore[reportAttributeAccessIssue]
    gaussian = likelihood.kind in ("gaussian", "squared_error")  # pyright: ignore[reportAttributeAccessIssue]
    bottleneck = model.bottleneck
    if not (bottleneck.stochastic and linear and gaussian) or layout.unfolded or bottleneck.prior.kind != "standard":  # pyright: ignore
        return None
    if size**2 * math.prod(layout.shape) > MOST:
        return None
    import jax.numpy as jnp

    z = np.concatenate([np.zeros((1, size)), np.eye(size)]).astype(np.float32)
    output = trained.autoencoder.decode(trained.weights, jnp.asarray(z))
    output = getattr(output, "numbers", output)
    mean = np.asarray(output.mean, np.float64).reshape(size + 1, -1)
    variance = np.exp(np.asarray(output.log_variance, np.float64))
    variance = np.broadcast_to(variance, layout.numbers_shape).reshape(-1)
    return LinearGaussian((mean[1:] - mean[0]).T, mean[0], variance)
