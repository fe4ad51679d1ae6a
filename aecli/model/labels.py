"""The objective of supervised fine-tuning: cross-entropy of the classes given the codes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from aecli.model.autoencoder import Autoencoder
from aecli.model.forward import Weights

TERMS = ("loss", "error", "labelled")


def label_terms(
    autoencoder: Autoencoder,
    weights: Weights,
    x: Float[Array, " batch *features"],
    classes: Float[Array, " batch"],
    key: Key[Array, ""],
    *,
    train: bool,
    mask: Bool[Array, " batch"],
) -> tuple[dict[str, Float[Array, " batch"]], dict[str, Any]]:
    """Of each row `loss` -log softmax(W z + c)_y in nats, `error` 1 where another class has the largest logit.

    `labelled` is 1 where a row has a class, and the others are 0 where it has none: the mean over labelled rows is a
    ratio of means. Also the variables after the pass.
    """
    mode = autoencoder.training_mode(weights, key, mask) if train else None
    logits, variables = autoencoder.logits(weights, x, mode)
    known = classes >= 0
    y = jnp.maximum(classes, 0).astype(jnp.int32)
    entropy = -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)[:, 0]
    error = (jnp.argmax(logits, axis=1) != y).astype(logits.dtype)
    return {
        "loss": jnp.where(known, entropy, 0),
        "error": jnp.where(known, error, 0),
        "labelled": known.astype(logits.dtype),
    }, variables
