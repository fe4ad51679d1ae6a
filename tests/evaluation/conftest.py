"""Trained autoencoders made by hand: their weights are what a test says, nothing is fitted."""

from __future__ import annotations

import secrets
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from aecli.config.numbers import numbers_of, skeleton_of, values_at_end
from aecli.data.dataset import Split
from aecli.evaluation.groups import measured
from aecli.evaluation.metric import Group, Measured, Metric
from aecli.experiment import Experiment
from aecli.layout import Layout
from aecli.model.autoencoder import Autoencoder
from aecli.model.forward import Weights
from aecli.training.trained import Trained


def build(shape: tuple[int, ...] | Layout, model: dict[str, Any], objective: dict[str, Any], seed: int = 0) -> Trained:
    """A trained autoencoder with random weights, over rows of `shape`."""
    document = {"data": {"source": "digits"}, "model": model, "objective": objective, "seed": seed}
    experiment = Experiment.model_validate(document)
    skeleton = skeleton_of(experiment)
    autoencoder = Autoencoder(skeleton.model, skeleton.objective, shape)
    parameters, variables = autoencoder.init(jax.random.key(seed))
    weights = Weights(parameters, variables, values_at_end(numbers_of(experiment, 100)))
    run: Any = SimpleNamespace(path=Path("outputs/some/run"))
    own = {"identity": secrets.token_hex(), "layout": autoencoder.layout, "skeleton": skeleton}
    program: Any = SimpleNamespace(autoencoder=autoencoder, **own)
    features: Any = None
    return Trained(run, experiment, features, weights, 0, program)


def split_of(x: np.ndarray, labels: np.ndarray | None = None) -> Split:
    """Rows in the model's space."""
    return Split(np.asarray(x, np.float32), labels, np.arange(len(x)), np.arange(len(x)))


def with_rows(trained: Trained, x: np.ndarray) -> Trained:
    """The same, with these rows as those it was trained on."""
    train = split_of(x)
    dataset: Any = SimpleNamespace(train=train, validation=None, test=None, splits=lambda: {"train": train})
    trained.dataset = dataset
    return trained


def measured_of(group: Group, x: np.ndarray | Split, size: int = 1024) -> Measured:
    """What one group finds in these rows, `size` at a time."""
    rows = x if isinstance(x, Split) else split_of(x)
    return measured([group], rows.blocks(size))[1]


def metrics_of(group: Group, x: np.ndarray | Split, size: int = 1024) -> dict[str, Metric]:
    """Its metrics alone."""
    return measured_of(group, x, size).metrics


def linear_gaussian(x_size: int, z_size: int, variance: float, *, shift: float = 0.0, widen: float = 1.0):
    """A linear VAE x = W z + b + noise with its exact posterior, moved by `shift` sd and widened by `widen`.

    The columns of W are orthogonal, so that the exact posterior has a diagonal covariance: it is
    N(S W'(x - b) / variance, S), S = (I + W'W / variance)^-1.
    """
    trained = build(
        (x_size,),
        {"encoder": {"widths": []}, "bottleneck": {"kind": "gaussian", "size": z_size}},
        {"reconstruction": {"kind": "gaussian", "variance": variance}},
    )
    draw = np.random.default_rng(0)
    w = np.linalg.qr(draw.normal(size=(x_size, z_size)))[0] * np.linspace(0.5, 2.0, z_size)
    b = draw.normal(size=x_size)
    s = 1 / (1 + np.square(w).sum(axis=0) / variance)
    to_mean = w * s / variance
    head = {
        "kernel": np.concatenate([to_mean, np.zeros_like(w)], axis=1),
        "bias": np.concatenate([shift * np.sqrt(s) - b @ to_mean, np.log(s * widen**2)]),
    }
    set_weights(trained, head=head, decoder={"kernel": w.T, "bias": b})
    return trained, w, b


def set_weights(trained: Trained, head: dict[str, np.ndarray], decoder: dict[str, np.ndarray]) -> None:
    """Replace the head's and the decoder's last layer's parameters."""
    f32 = lambda leaves: {name: np.asarray(leaf, np.float32) for name, leaf in leaves.items()}  # noqa: E731
    parameters = {**trained.weights.parameters, "head": f32(head)}
    parameters["decoder"] = {**parameters["decoder"], "last": f32(decoder)}
    trained.weights = trained.weights._replace(parameters=parameters)


def identity(size: int) -> Trained:
    """The autoencoder whose code and whose reconstruction are x."""
    trained = build((size,), {"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": size}}, {})
    one = {"kernel": np.eye(size), "bias": np.zeros(size)}
    set_weights(trained, head=one, decoder=one)
    return trained


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The makers above."""
    return SimpleNamespace(
        build=build,
        split=split_of,
        with_rows=with_rows,
        measured=measured_of,
        metrics=metrics_of,
        linear=linear_gaussian,
        identity=identity,
        set_weights=set_weights,
    )
