"""How large the weights are: what a penalty on them, or none, has left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aecli.evaluation.metric import Measured, Metric
from aecli.model.penalties.penalty import counted

if TYPE_CHECKING:
    from jaxtyping import Float32

    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

NEAR = 1e-3  # of zero, in a weight's own unit: a learning rate's step, or less


class Weights:
    """near_zero_weights, l1_weights and l2_weights, of kernels; near_zero_biases where there are biases.

    near_zero = (1/P) sum_w [|w| < 0.001]; l1 = (1/P) sum_w |w|; l2 = sqrt((1/P) sum_w w^2), each over the P weights of
    all kernels that the penalties on weights charge: not norms' scales and shifts, nor a classifier's. They are the
    model's, whatever rows are evaluated. A tied decoder has the encoder's kernels, which count once.
    """

    def __init__(self, trained: Trained):
        self.trained = trained

    def add(self, block: Split, first: int) -> None:
        """The rows say nothing of the weights."""

    def result(self) -> Measured:
        """Of kernels, and of biases."""
        kernels, biases = (flat(self.trained, name) for name in ("kernel", "bias"))
        if not len(kernels):
            return Measured({}, ["weights are left out: the model has no kernel"])
        metrics = {
            "near_zero_weights": Metric(_near(kernels), f"share of the kernels' weights within {NEAR:g} of zero"),
            "l1_weights": Metric(float(np.abs(kernels).mean()), "mean of |w| over the kernels' weights"),
            "l2_weights": Metric(math.sqrt(float(np.square(kernels).mean())), "root mean square of these weights"),
        }
        if len(biases):
            metrics["near_zero_biases"] = Metric(_near(biases), f"share of the biases within {NEAR:g} of zero")
        return Measured(metrics, [])


def by_layer(trained: Trained, name: str) -> dict[str, Float32[np.ndarray, " ..."]]:
    """The parameters called `kernel` or `bias`, by the layer that they are of, in the order that a row meets them."""
    import jax

    leaves = jax.tree_util.tree_flatten_with_path(trained.weights.parameters)[0]
    words = [([str(getattr(key, "key", key)) for key in path], leaf) for path, leaf in leaves]
    found = {".".join(path[:-1]): np.asarray(leaf) for path, leaf in words if counted(path) == name}
    return {layer: found[layer] for layer in sorted(found, key=_place)}


def _place(layer: str) -> list[tuple[int, int, str]]:
    """Encoder, head, decoder; in a network what is first, what is numbered, by number, and what comes after."""
    ranks = {"encoder": 0, "head": 1, "decoder": 2, "first": 0, "after": 2, "last": 3}
    return [(ranks.get(word, 1), int(word) if word.isdecimal() else 0, word) for word in layer.split(".")]


def flat(trained: Trained, name: str) -> np.ndarray:
    """All of them in float64, one after the other."""
    found = [leaf.astype(np.float64).ravel() for leaf in by_layer(trained, name).values()]
    return np.concatenate(found) if found else np.zeros(0)


def _near(values: np.ndarray) -> float:
    return float(np.mean(np.abs(values) < NEAR))
