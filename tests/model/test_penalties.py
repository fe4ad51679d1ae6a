"""Each penalty against its formula in numpy, the contractive one against jax.jacfwd."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.config.numbers import numbers_of, values_at_end
from aecli.config.problems import UserError
from aecli.experiment import load
from aecli.layout import Layout
from aecli.model.autoencoder import Autoencoder
from aecli.model.forward import Weights
from aecli.model.objective import terms
from tests.helpers import SHAPE, built, experiment, images


def value_of(config, x, seed=1):
    autoencoder, weights = built(config)
    found, _ = terms(autoencoder, weights, x, jax.random.key(seed), train=True, mask=jnp.ones(len(x), bool))
    name = next(name for name in found if name.startswith("penalties."))
    return autoencoder, weights, np.asarray(found[name])


def leaves(parameters, ending):
    flat = jax.tree_util.tree_flatten_with_path(parameters)[0]
    return [np.asarray(leaf, np.float64) for path, leaf in flat if getattr(path[-1], "key", "") == ending]


@pytest.mark.parametrize("on", ["kernel", "bias", "both"])
@pytest.mark.parametrize(("kind", "f"), [("weight_l1", np.abs), ("weight_l2", np.square)])
def test_weights(kind, f, on):
    config = experiment(objective={"penalties": [{"kind": kind, "on": on, "weight": 1.0}]})
    autoencoder, weights = built(config)
    moved = jax.tree.map(lambda leaf: leaf + 0.1, weights.parameters)  # biases that are not zero
    found, _ = terms(
        autoencoder,
        weights._replace(parameters=moved),
        images(3),
        jax.random.key(0),
        train=True,
        mask=jnp.ones(3, bool),
    )
    names = ["kernel", "bias"] if on == "both" else [on]
    exact = sum(f(leaf).sum() for name in names for leaf in leaves(moved, name))
    np.testing.assert_allclose(found[f"penalties.0.{kind}"], exact, rtol=1e-5)


def test_weights_leave_norms_alone():
    plain = experiment(objective={"penalties": [{"kind": "weight_l2", "on": "both"}]})
    normed = experiment(
        model={"encoder": {"widths": [8], "norm": "layer"}},
        objective={"penalties": [{"kind": "weight_l2", "on": "both"}]},
    )
    _, weights, value = value_of(normed, images(2))
    scales = leaves(weights.parameters, "scale")
    assert scales, "the model has norms"
    kernels = sum(np.square(k).sum() for k in leaves(weights.parameters, "kernel"))
    np.testing.assert_allclose(value, kernels, rtol=1e-5)  # biases start at zero, scales at one
    assert value_of(plain, images(2))[2].shape == (2,)


@pytest.mark.parametrize(("kind", "f"), [("code_l1", np.abs), ("code_l2", np.square)])
def test_codes(kind, f):
    x = images(5)
    autoencoder, weights, value = value_of(experiment(objective={"penalties": [kind]}), x)
    code = np.asarray(autoencoder.encode(weights, x).mean, np.float64)
    np.testing.assert_allclose(value, f(code).sum(1), rtol=1e-5)


def test_code_kl():
    x = images(5)
    config = experiment(
        model={"bottleneck": {"kind": "dense", "size": 3, "activation": "sigmoid"}},
        objective={"penalties": [{"kind": "code_kl", "target": 0.2}]},
    )
    autoencoder, weights, value = value_of(config, x)
    mean = np.asarray(autoencoder.encode(weights, x).mean, np.float64).mean(0)
    exact = (0.2 * np.log(0.2 / mean) + 0.8 * np.log(0.8 / (1 - mean))).sum()
    np.testing.assert_allclose(value, exact, rtol=1e-4)


@pytest.mark.parametrize(("h", "slope"), [(-13.0, -0.05), (-20.0, -0.05), (-60.0, -0.05), (12.0, 0.95), (16.0, 0.95)])
def test_code_kl_moves_a_unit_that_is_dead_or_saturated(h, slope):
    """d Omega / dh = rho_hat - rho of rows that are alike, however near 0 or 1 their activation is."""
    config = experiment(
        model={"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": 1, "activation": "sigmoid"}},
        objective={"penalties": [{"kind": "code_kl", "target": 0.05}]},
    )
    autoencoder, weights = built(config)

    def charged(bias):
        head = {"kernel": jnp.zeros_like(weights.parameters["head"]["kernel"]), "bias": bias}
        held = weights._replace(parameters=weights.parameters | {"head": head})
        found = terms(autoencoder, held, images(3), jax.random.key(0), train=True, mask=jnp.ones(3, bool))[0]
        return found["penalties.0.code_kl"][0]

    assert float(jax.grad(charged)(jnp.full(1, h))[0]) == pytest.approx(slope, rel=0.06)


def test_weights_leave_a_classifier_alone():
    config = experiment(objective={"penalties": [{"kind": "weight_l2", "on": "both"}]})
    values = []
    for classes in (0, 5):
        autoencoder = Autoencoder(config.model, config.objective, Layout(SHAPE, classes=classes))
        parameters, variables = autoencoder.init(jax.random.key(0))
        weights = Weights(parameters, variables, values_at_end(numbers_of(config, 1)))
        assert ("classifier" in parameters) == bool(classes)
        found = terms(autoencoder, weights, images(2), jax.random.key(0), train=True, mask=jnp.ones(2, bool))[0]
        exact = sum(np.square(k).sum() for n in ("kernel", "bias") for k in leaves({**parameters, "classifier": {}}, n))
        values.append((float(found["penalties.0.weight_l2"][0]), exact))
    for value, exact in values:
        assert value == pytest.approx(exact, rel=1e-5)


CLOSED = [
    pytest.param({"widths": []}, {"kind": "dense", "size": 3, "activation": "sigmoid"}, id="classic"),
    pytest.param({"widths": []}, {"kind": "dense", "size": 3}, id="linear"),
    pytest.param({"widths": [8], "activation": "tanh"}, {"kind": "dense", "size": 3}, id="hidden-linear-code"),
    pytest.param(
        {"widths": [8], "activation": "gelu"}, {"kind": "dense", "size": 3, "activation": "tanh"}, id="hidden"
    ),
    pytest.param({"widths": [8], "activation": "sigmoid"}, {"kind": "gaussian", "size": 3}, id="gaussian-mean"),
    pytest.param({"widths": [9, 7], "activation": "tanh"}, {"kind": "dense", "size": 3}, id="deep-linear-code"),
    pytest.param(
        {"widths": [20, 9, 7], "activation": "silu"}, {"kind": "dense", "size": 3, "activation": "sigmoid"}, id="deep"
    ),
]


def exact_norms(autoencoder, weights, x):
    one = jax.jit(jax.jacfwd(lambda row: autoencoder.encode(weights, row[None]).mean[0]))
    return np.array([np.square(np.asarray(one(row), np.float64)).sum() for row in x])


@pytest.mark.parametrize(("encoder", "bottleneck"), CLOSED)
def test_contractive_closed_form(encoder, bottleneck):
    x = images(4)
    config = experiment(
        model={"encoder": encoder, "bottleneck": bottleneck},
        objective={"penalties": [{"kind": "contractive", "method": "exact"}]},
    )
    autoencoder, weights, value = value_of(config, x)
    np.testing.assert_allclose(value, exact_norms(autoencoder, weights, x), rtol=2e-4)


@pytest.mark.parametrize(
    "encoder",
    [
        {"widths": [8, 6], "activation": "tanh"},
        {"widths": [8], "norm": "layer"},
        {"kind": "conv", "channels": [4, 3], "activation": "tanh"},
    ],
)
def test_contractive_probes_are_unbiased(encoder):
    x = images(4)
    penalty = {"kind": "contractive", "probes": 1024, "method": "probes"}
    config = experiment(model={"encoder": encoder}, objective={"penalties": [penalty]})
    autoencoder, weights, value = value_of(config, x)
    np.testing.assert_allclose(value, exact_norms(autoencoder, weights, x), rtol=0.15)


def test_a_code_whose_units_depend_on_each_other_has_no_closed_form():
    x, bottleneck = images(4), {"kind": "top_k", "size": 6, "k": 2.0, "activation": "tanh"}
    penalty = {"kind": "contractive", "probes": 1024}
    model = {"encoder": {"widths": [8], "activation": "tanh"}, "bottleneck": bottleneck}
    autoencoder, weights, value = value_of(experiment(model=model, objective={"penalties": [penalty]}), x)
    np.testing.assert_allclose(value, exact_norms(autoencoder, weights, x), rtol=0.15)
    document = {
        "data": {"source": "digits"},
        "model": model,
        "objective": {"penalties": [{**penalty, "method": "exact"}]},
    }
    with pytest.raises(UserError, match="a bottleneck unit by unit"):
        load(document)


def test_what_does_not_fit_is_said_at_its_place():
    data = {"source": "digits"}
    penalties = [{"kind": "contractive", "method": "exact"}, {"kind": "code_kl"}]
    with pytest.raises(UserError) as caught:
        load(
            {
                "data": data,
                "model": {"encoder": {"widths": [8, 8], "norm": "batch"}},
                "objective": {"penalties": penalties},
            }
        )
    assert len(caught.value.problems) == 2
    assert "method: probes" in str(caught.value)
    assert "sigmoid" in str(caught.value)
