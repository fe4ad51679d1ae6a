"""How the mean code moves with the row: the norm and the singular values of the encoder's Jacobian."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.sample import Sample

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

MOST = 500  # rows, at most
WORK = 2e11  # multiplications of all singular values together, about
VALUES = 2**24  # of the Jacobians that are in memory at one time
SMALL = 0.01  # of a row's largest singular value: what is below it is no direction


class Jacobian:
    """jacobian_norm, jacobian_largest and jacobian_directions, of J = d z / d x, z the mean code, in evaluation mode.

    Means over examples of ||J||_F, of J's largest singular value, and of the number of its singular values above 1 % of
    that: the directions in which the code moves at all (Rifai et al. 2011). x is what the encoder sees, in the model's
    space. Of more than 500 rows, and fewer where codes and rows are wide, a fixed random sample is looked at.
    """

    def __init__(self, trained: Trained):
        self.trained, self.most = trained, rows_for(trained)
        self.sample = Sample(self.most)

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        at = self.sample.candidates(first, len(block))
        if len(at):
            self.sample.add(first + at, x=np.asarray(block.x[at]))

    def result(self) -> Measured:
        """The three, or a note where a Jacobian is not finite."""
        values = singular_values(self.trained, self.sample.taken()["x"])
        if not np.isfinite(values).all():
            return Measured({}, ["jacobian is left out: of some rows it is not finite"])
        notes = [] if self.sample.rows <= self.most else [f"jacobian looks at {self.most} rows, drawn at random"]
        count, largest = len(values), values[:, 0]

        def metric(each: Float[np.ndarray, " rows"], unit: str) -> Metric:
            error = float(np.std(each, ddof=1) / math.sqrt(count)) if count > 1 else None
            return Metric(float(np.mean(each)), unit, error)

        directions = (values > SMALL * largest[:, None]).sum(axis=1).astype(np.float64)
        return Measured(
            {
                "jacobian_norm": metric(np.sqrt(np.square(values).sum(axis=1)), "||dz/dx||_F, mean over examples"),
                "jacobian_largest": metric(largest, "largest singular value of dz/dx, mean over examples"),
                "jacobian_directions": metric(
                    directions, f"singular values above {SMALL:.0%} of the largest, mean over examples"
                ),
            },
            notes,
        )


def rows_for(trained: Trained) -> int:
    """How many rows the time allows for."""
    size, width = trained.model.bottleneck.size, math.prod(trained.layout.input_shape)
    return int(max(10, min(MOST, WORK / (4.0 * min(size, width) ** 2 * max(size, width)))))


def singular_values(trained: Trained, x: Float[np.ndarray, " rows *shape"]) -> Float[np.ndarray, "rows values"]:
    """Those of each row's Jacobian, largest first; NaN where it is not finite."""
    width = math.prod(trained.layout.input_shape)
    each = max(1, min(len(x), VALUES // (width * trained.model.bottleneck.size)))
    found = []
    for first in range(0, len(x), each):
        jacobians = jacobian(trained, x[first : first + each], each)
        sound = np.isfinite(jacobians).all(axis=(1, 2))
        values = np.full((len(jacobians), min(jacobians.shape[1:])), np.nan)
        if sound.any():
            values[sound] = np.linalg.svd(jacobians[sound], compute_uv=False)
        found.append(values)
    return np.concatenate(found)


def jacobian(
    trained: Trained, x: Float[np.ndarray, " rows *shape"], batch: int | None = None
) -> Float[np.ndarray, "rows size inputs"]:
    """d z / d x of each row, by jax.jacrev or jacfwd, whichever passes fewer times."""
    import jax
    import jax.numpy as jnp

    model, layout = trained.autoencoder, trained.layout
    size, width = trained.model.bottleneck.size, math.prod(layout.input_shape)
    derived = jax.jacrev if size <= width else jax.jacfwd

    def of(weights: Any, rows: Any) -> Any:
        inputs = layout.inputs(rows, jnp)
        each = jax.vmap(derived(lambda one: model.mean_code(weights, one[None])[0]))(inputs)
        return each.reshape(len(rows), size, width)

    return trained.mapped(f"jacobian {batch}", of, x, batch=batch or len(x))
