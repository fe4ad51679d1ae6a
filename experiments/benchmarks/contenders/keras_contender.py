"""Keras 3 on JAX: `fit` with compiled steps."""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import ops


class Loss(keras.layers.Layer):
    """Bernoulli loss and KL added to the model; gives x back."""

    def __init__(self, code):
        super().__init__()
        self.code, self.seeds = code, keras.random.SeedGenerator(0)

    def call(self, h):
        mean, log_variance = h[:, : self.code], h[:, self.code :]
        kl = 0.5 * ops.sum(mean**2 + ops.exp(log_variance) - 1 - log_variance, axis=1)
        self.add_loss(ops.mean(kl))
        return mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.seeds)


def prepare(work, rows: np.ndarray, variant: str) -> Callable[[], float]:
    """A round: one `fit` over as many rows as `updates` batches hold."""
    if work.kind != "mlp" or not work.variational or work.narrow:
        raise SystemExit("keras runs the MLP VAE in float32 alone")
    keras.utils.set_random_seed(0)
    dense = lambda width: keras.layers.Dense(width, "relu", kernel_initializer="he_normal")  # noqa: E731
    x = h = keras.Input(work.shape)
    for width in work.layers:
        h = dense(width)(h)
    h = Loss(work.code)(keras.layers.Dense(2 * work.code)(h))
    for width in work.layers[::-1]:
        h = dense(width)(h)
    model = keras.Model(x, keras.layers.Dense(*work.shape)(h))

    def bernoulli(x, logits):
        return ops.sum(ops.maximum(logits, 0) - logits * x + ops.log1p(ops.exp(-ops.abs(logits))), axis=-1)

    model.compile(keras.optimizers.Adam(work.rate), loss=bernoulli, jit_compile=True, steps_per_execution=13)
    some = rows[: work.updates * work.batch]
    return lambda: model.fit(some, some, batch_size=work.batch, epochs=1, verbose=0).history["loss"][0]
