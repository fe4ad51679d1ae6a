"""Networks of images: sizes, norms, errors; every combination gives back the shape that it was given."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.config.problems import UserError
from aecli.experiment import load
from aecli.model.networks.geometry import forms, same
from aecli.tasks.train import load_dataset
from tests.helpers import built, experiment, images


def network(**encoder):
    return experiment(model={"encoder": {"kind": "conv", "channels": [3, 5], **encoder}})


@pytest.mark.parametrize("kind", ["conv", "resnet"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 7, 3), (5, 13, 2), (8, 8, 4), (1, 1, 1)])
@pytest.mark.parametrize("upsample", ["transposed", "resize"])
def test_any_size_and_number_of_channels_comes_back(kind, shape, upsample):
    autoencoder, weights = built(network(kind=kind, upsample=upsample), shape)
    x = images(3, shape)
    assert autoencoder.encode(weights, x).mean.shape == (3, 3)
    assert autoencoder.reconstruct(weights, x).shape == x.shape


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (4, 2), (5, 3), (2, 4)])
def test_same_padding_shrinks_by_the_stride_alone(kernel, stride):
    for size in range(1, 20):
        before, after = same(size, kernel, stride)
        assert 0 <= after - before <= 1
        assert (size + before + after - kernel) // stride + 1 == -(-size // stride)


def test_valid_padding_comes_back_too():
    autoencoder, weights = built(network(padding="valid", kernel=3), (12, 11, 1))
    assert autoencoder.reconstruct(weights, images(2, (12, 11, 1))).shape == (2, 12, 11, 1)


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_norm_of_each_channel_or_of_each_example(norm):
    """Before the activation, a batch's channels (or an example's values) have mean 0 and variance 1."""
    from aecli.model.networks.layers import Mode, norm_of

    h = 3 + 2 * jnp.asarray(np.random.default_rng(0).normal(size=(6, 4, 5, 2)), jnp.float32)
    made = norm_of(norm, 2, None)
    mask = jnp.arange(6) < 5
    out = np.asarray(made(h.at[5].set(jnp.nan) if norm == "batch" else h, Mode(train=True, mask=mask)))[:5]
    axes = (0, 1, 2) if norm == "batch" else (1, 2, 3)
    np.testing.assert_allclose(out.mean(axes), 0, atol=1e-5)
    np.testing.assert_allclose(out.var(axes), 1, rtol=1e-4)


def test_a_residual_block_starts_as_the_identity():
    autoencoder, weights = built(network(kind="resnet", blocks=2), (8, 8, 1))
    one, fewer = built(network(kind="resnet", blocks=1), (8, 8, 1))
    x = images(2, (8, 8, 1))
    assert jax.tree.structure(weights.parameters) != jax.tree.structure(fewer.parameters)
    kernels = weights.parameters["encoder"]["stages"][0]["blocks"][0]["layers"][1]["kernel"]
    assert not np.any(kernels)
    assert np.isfinite(autoencoder.reconstruct(weights, x)).all()
    assert np.isfinite(one.reconstruct(fewer, x)).all()


def test_variance_survives_transposed_layers():
    """He's variance: a place of a transposed layer's output sees one in stride^2 of the taps."""
    autoencoder, weights = built(network(channels=[64, 64, 64]), (64, 64, 1))
    z = jax.random.normal(jax.random.key(0), (64, 3))
    out = autoencoder.decode(weights, z).mean[:, 16:48, 16:48]
    assert 0.5 < float(jnp.mean(out**2)) < 4


def test_mirror_runs_the_sizes_back():
    config = network(channels=[3, 5, 7])
    assert config.model.decoding.channels == (7, 5, 3)
    made = forms(config.model.encoder, (28, 20, 1), (3, 5, 7), "float32")
    assert [form.output for form in made] == [(14, 10), (7, 5), (4, 3)]


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["data.source=swiss-roll", "model.encoder=conv"], r"conv needs images .* shape \[3\]: use mlp"),
        (["data.source=swiss-roll", "model.decoder=resnet"], r"resnet needs images"),
        (["model.encoder={kind: conv, padding: valid, kernel: 5}"], r"leave nothing of 8 x 8 pixels"),
    ],
)
def test_rows_that_are_no_images_are_refused_with_their_place(overrides, text):
    loaded = load({"data": {"source": "digits"}}, overrides)
    with pytest.raises(UserError, match=text):
        load_dataset(loaded)


def test_resize_undoes_same_padding_alone():
    with pytest.raises(UserError, match="padding: same alone"):
        load({"data": {"source": "digits"}}, ["model.encoder={kind: conv, padding: valid, upsample: resize}"])
