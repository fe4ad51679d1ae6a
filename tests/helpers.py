"""Small experiments for tests."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.config.numbers import numbers_of, skeleton_of, values_at_end
from aecli.experiment import Experiment
from aecli.model.autoencoder import Autoencoder
from aecli.model.forward import Weights

SHAPE = (3, 4, 1)
bitwise = pytest.mark.skipif(
    jax.default_backend() != "cpu",
    reason="equal bits for blocks of any size are a CPU's: a GPU's library takes another product for another program",
)


def experiment(**sections: Any) -> Experiment:
    """A small experiment; sections as in YAML."""
    model = {"encoder": {"widths": [8]}, "bottleneck": {"size": 3}} | sections.pop("model", {})
    return Experiment.model_validate({"data": {"source": "digits"}, "model": model, **sections})


@lru_cache(maxsize=64)
def built(config: Experiment, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> tuple[Autoencoder, Weights]:
    """Its autoencoder, compiled from the skeleton, and weights at random; made once for a config."""
    skeleton = skeleton_of(config)
    autoencoder = Autoencoder(skeleton.model, skeleton.objective, shape, skeleton.training.precision)
    parameters, variables = jax.jit(autoencoder.init)(jax.random.key(seed))
    return autoencoder, Weights(parameters, variables, values_at_end(numbers_of(config, 1)))


def images(count: int = 6, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> jnp.ndarray:
    """Pixels in (0, 1)."""
    return jnp.asarray(np.random.default_rng(seed).uniform(0.05, 0.95, (count, *shape)), jnp.float32)
