"""Keras 3 on JAX: `fit` with compiled steps."""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from initial import kernels, order
from keras import ops

STEPS = 13  # in one call: 468 are 36 times as many


class Loss(keras.layers.Layer):
    """The KL added to the model's loss; gives the drawn code."""

    def __init__(self, code):
        super().__init__()
        self.code, self.seeds = code, keras.random.SeedGenerator(0)

    def call(self, h):
        mean, log_variance = h[:, : self.code], h[:, self.code :]
        kl = 0.5 * ops.sum(mean**2 + ops.exp(log_variance) - 1 - log_variance, axis=1)
        self.add_loss(ops.mean(kl))
        return mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.seeds)


def bernoulli(x, logits):
    return ops.sum(ops.maximum(logits, 0) - logits * x + ops.log1p(ops.exp(-ops.abs(logits))), axis=-1)


def prepare(work, rows: np.ndarray, variant: str, seed: int) -> Callable[[int], float]:
    """A round: one `fit` over as many rows as `updates` batches hold."""
    if work.kind != "mlp" or not work.variational or work.narrow:
        raise SystemExit("keras runs the MLP VAE in float32 alone")
    keras.utils.set_random_seed(seed)
    x = h = keras.Input(work.shape)
    for width in work.layers:
        h = keras.layers.Dense(width, "relu")(h)
    h = Loss(work.code)(keras.layers.Dense(work.outputs)(h))
    for width in work.layers[::-1]:
        h = keras.layers.Dense(width, "relu")(h)
    model = keras.Model(x, keras.layers.Dense(*work.shape)(h))
    drawn = kernels(work, seed)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for layer, kernel in zip(dense, (*drawn.encoder, drawn.head, *drawn.decoder), strict=True):
        layer.kernel.assign(kernel)
    adam = keras.optimizers.Adam(work.rate, epsilon=1e-8)
    model.compile(adam, loss=bernoulli, jit_compile=True, steps_per_execution=STEPS)

    rows = rows[order(len(rows), seed, 0)]

    def train(updates: int) -> float:
        some = rows[: updates * work.batch]
        return model.fit(some, some, batch_size=work.batch, epochs=1, verbose=0).history["loss"][0]

    return train
