"""A trained autoencoder without training: real data rooms, weights at random."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aecli.config.numbers import numbers_of, values_at_end
from aecli.data.dataset import assemble
from aecli.data.raw import Raw, raw_array
from aecli.model.forward import Weights
from aecli.runs.run import Run
from aecli.training.program import program
from aecli.training.trained import Trained
from tests.helpers import experiment


def table(n: int = 400, d: int = 5, seed: int = 0) -> np.ndarray:
    """Correlated normal rows, each column with its own mean and scale."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(d, d))
    return rng.normal(size=(n, d)) @ mixing * np.arange(1, d + 1) + 10 * np.arange(d)


def pixels(n: int = 40, shape: tuple[int, ...] = (4, 3, 1), seed: int = 0) -> np.ndarray:
    """Images of whole pixels."""
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def trained(
    folder: Path, x: np.ndarray, *, step: int = 7, data: Any = None, raw: Any = None, **sections: Any
) -> Trained:
    """Rows as a run's data, and a model of them; `raw` adds labels, ids, columns; `data` is the config's."""
    source: Raw = replace(raw_array(x), **(raw or {}))
    config = experiment(data={"source": "rows.npy", **(data or {})}, **sections)
    dataset = assemble(source, config.data)
    made = program(config, dataset.features.layout(), len(dataset.train))
    parameters, variables = made.autoencoder.init(jax.random.key(step - 4))
    weights = Weights(parameters, variables, values_at_end(numbers_of(config, 1)))
    run = Run(folder / "run")
    run.path.mkdir(exist_ok=True)
    found = Trained(run, config, dataset.features, weights, step, made)
    found.dataset = dataset
    return found


GAUSSIAN = {"bottleneck": {"kind": "gaussian", "size": 3}}
