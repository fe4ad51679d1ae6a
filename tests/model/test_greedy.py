"""What greedy pretraining minimises, against numpy in float64, and which parameters it moves."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.model.corruptions.masking import Masking
from aecli.model.corruptions.none import NoCorruption
from aecli.model.greedy import layer_loss, trains
from tests.helpers import SHAPE, built, experiment, images

KEY = jax.random.key(3)


def all_of(x):
    return jnp.ones(len(x), bool)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def config(activation="sigmoid", tied=False, code="linear", reconstruction="squared_error", widths=(8, 5)):
    encoder = {"widths": list(widths), "activation": activation, "tied": tied}
    model = {"encoder": encoder, "bottleneck": {"kind": "dense", "size": 3, "activation": code}}
    return experiment(model=model, objective={"reconstruction": reconstruction})


def double(tree):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def expected(p, x, layer, act, tied, code=lambda a: a):
    """The layer's loss by the formulas alone; widths 8, 5 and a code of 3."""
    kernels = [p["encoder"]["layers"][i]["linear"] for i in (0, 1)] + [p["head"]]
    up = [p["decoder"]["last"], p["decoder"]["layers"][1]["linear"], p["decoder"]["layers"][0]["linear"]]
    h = x.reshape(len(x), -1).astype(np.float64)
    for below in kernels[:layer]:
        h = act(h @ below["kernel"] + below["bias"])
    z = (code if layer == 2 else act)(h @ kernels[layer]["kernel"] + kernels[layer]["bias"])
    back = kernels[layer]["kernel"].T if tied else up[layer]["kernel"]
    raw = z @ back + up[layer]["bias"]
    if layer == 0:
        return np.square(raw - h).sum(1)
    mean = act(raw)
    return (-h * np.log(mean) - (1 - h) * np.log(1 - mean)).sum(1) if act is sigmoid else np.square(mean - h).sum(1)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("name", "act"), [("sigmoid", sigmoid), ("tanh", np.tanh)])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_loss_of_a_layer_is_the_formulas(layer, name, act, tied):
    autoencoder, weights = built(config(name, tied))
    x = images()
    found = layer_loss(autoencoder, weights, x, KEY, layer, NoCorruption(), {}, all_of(x))
    wanted = expected(_by_index(double(weights.parameters)), np.asarray(x), layer, act, tied)
    np.testing.assert_allclose(found, wanted, rtol=2e-5)


@pytest.mark.parametrize("bias", [-15.0, -17.0, -40.0, 15.0])
def test_a_saturated_unit_has_its_gradient(bias):
    """Of the cross-entropy by a unit's bias it is sum of (h^ - h) over rows."""
    autoencoder, weights = built(config())
    x, p = images(), _by_index(double(weights.parameters))
    below = p["encoder"]["layers"][0]["linear"]
    h = sigmoid(np.asarray(x, np.float64).reshape(len(x), -1) @ below["kernel"] + below["bias"])
    unit = weights.parameters["decoder"]["layers"]
    key = next(key for key in unit if str(key) == "1")

    def loss(value):
        linear = unit[key]["linear"]
        kernel, biases = linear["kernel"].at[:, 0].set(0), linear["bias"].at[0].set(value)
        layers = unit | {key: unit[key] | {"linear": linear | {"kernel": kernel, "bias": biases}}}
        decoder = weights.parameters["decoder"] | {"layers": layers}
        held = weights._replace(parameters=weights.parameters | {"decoder": decoder})
        return layer_loss(autoencoder, held, x, KEY, 1, NoCorruption(), {}, all_of(x)).sum()

    exact = (sigmoid(bias) - h[:, 0]).sum()
    assert float(jax.grad(loss)(jnp.float32(bias))) == pytest.approx(exact, rel=0.05)


def _by_index(parameters):
    """Layers by number, whatever kind of keys they have."""
    for net in ("encoder", "decoder"):
        layers = parameters[net]["layers"]
        parameters[net]["layers"] = {int(i): layers[i] for i in layers}
    return parameters


def test_the_first_layer_is_reconstructed_in_the_objectives_terms_and_the_last_is_the_code():
    autoencoder, weights = built(config(code="sigmoid", reconstruction="bernoulli"))
    x, p = images(), _by_index(double(weights.parameters))
    flat = np.asarray(x, np.float64).reshape(len(x), -1)
    first, last = p["encoder"]["layers"][0]["linear"], p["decoder"]["last"]
    mean = sigmoid(sigmoid(flat @ first["kernel"] + first["bias"]) @ last["kernel"] + last["bias"])
    wanted = -(flat * np.log(mean) + (1 - flat) * np.log(1 - mean)).sum(1)
    np.testing.assert_allclose(
        layer_loss(autoencoder, weights, x, KEY, 0, NoCorruption(), {}, all_of(x)), wanted, rtol=2e-5
    )
    code = expected(p, np.asarray(x), 2, sigmoid, False, sigmoid)
    np.testing.assert_allclose(
        layer_loss(autoencoder, weights, x, KEY, 2, NoCorruption(), {}, all_of(x)), code, rtol=2e-5
    )


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("widths", [(), (8,), (8, 5)])
def test_the_gradient_reaches_the_layer_and_its_mirror_image_alone(widths, tied):
    autoencoder, weights = built(config(tied=tied, widths=widths, reconstruction={"kind": "gaussian"}))
    layers, x = len(widths) + 1, images()
    for layer in range(layers):

        def loss(parameters, layer=layer):
            numbers = {"rate": jnp.float32(0.3)}
            replaced = weights._replace(parameters=parameters)
            return layer_loss(autoencoder, replaced, x, KEY, layer, Masking(rate=0.3), numbers, all_of(x)).sum()

        slopes = jax.tree_util.tree_flatten_with_path(jax.grad(loss)(weights.parameters))[0]
        for path, slope in slopes:
            names = tuple(str(key.key) for key in path)
            assert bool(jnp.any(slope != 0)) == trains(layer, layers, names), names


def test_a_layer_sees_its_own_input_corrupted_and_what_it_reconstructs_is_clean():
    autoencoder, weights = built(config())
    x, p = images(200), _by_index(double(weights.parameters))
    whole = layer_loss(autoencoder, weights, x, KEY, 1, Masking(rate=1.0), {"rate": jnp.float32(1)}, all_of(x))
    flat = np.asarray(x, np.float64).reshape(len(x), -1)
    below, layer = (p["encoder"]["layers"][i]["linear"] for i in (0, 1))
    up = p["decoder"]["layers"][1]["linear"]
    h = sigmoid(flat @ below["kernel"] + below["bias"])
    mean = sigmoid(sigmoid(0 * h @ layer["kernel"] + layer["bias"]) @ up["kernel"] + up["bias"])
    np.testing.assert_allclose(whole, (-h * np.log(mean) - (1 - h) * np.log(1 - mean)).sum(1), rtol=2e-5)
    assert x.shape[1:] == SHAPE
