"""The auxiliary loss of dead units, and what its gradient reaches, against numpy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.config.numbers import numbers_of, values_at_end
from aecli.layout import Layout
from aecli.model.autoencoder import Autoencoder
from aecli.model.forward import Weights
from aecli.model.objective import mean_terms, terms
from aecli.model.spec import conflicts
from tests.helpers import built, experiment, images

TOP = {"kind": "top_k", "size": 30, "k": 2.0}
MASK = np.arange(7) < 6


def config(*, tied=False, units=4, **objective):
    """A k-sparse autoencoder of one layer each way."""
    model = {"encoder": {"widths": [], "tied": tied}, "bottleneck": TOP}
    return experiment(model=model, objective={"penalties": [{"kind": "revival", "units": units}], **objective})


def charge(autoencoder, weights, parameters, x):
    """The penalty's mean over the real rows."""
    held, mask = weights._replace(parameters=parameters), jnp.asarray(MASK)
    found = terms(autoencoder, held, x, jax.random.key(0), train=True, mask=mask)[0]
    return mean_terms(found, mask)["penalties.0.revival"]


def plainly(weights, x, tied, units=4):
    """Value, gradients of the head's and the decoder's kernel, and dead units, in float64."""
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), weights.parameters)
    flat = np.asarray(x, np.float64).reshape(len(x), -1)[MASK]
    h = flat @ p["head"]["kernel"] + p["head"]["bias"]
    kernel = p["head"]["kernel"].T if tied else p["decoder"]["last"]["kernel"]
    z = np.where(h >= np.sort(h, axis=1)[:, [-2]], h, 0)
    error = flat - (z @ kernel + p["decoder"]["last"]["bias"])
    dead = ~(z != 0).any(axis=0)
    own = np.maximum(np.where(dead, h, 0), 0)
    tried = np.where(own >= np.sort(own, axis=1)[:, [-units]], own, 0)
    left = error - tried @ kernel
    rows = -2 * tried.T @ left / len(flat)
    columns = flat.T @ (-2 * (left @ kernel.T) * (tried > 0)) / len(flat)
    return np.square(left).sum(1).mean(), columns, rows, dead


@pytest.mark.parametrize("tied", [False, True])
def test_value_and_gradient(tied):
    autoencoder, weights = built(config(tied=tied))
    x = images(7)
    value, columns, rows, dead = plainly(weights, x, tied)
    assert 5 < dead.sum() < 29
    assert float(charge(autoencoder, weights, weights.parameters, x)) == pytest.approx(value, rel=1e-5)
    slopes = jax.grad(lambda p: charge(autoencoder, weights, p, x))(weights.parameters)
    head = slopes["head"]["kernel"]
    np.testing.assert_allclose(head, columns + rows.T if tied else columns, rtol=1e-4, atol=1e-5)
    assert not np.any(np.asarray(head)[:, ~dead])
    assert not np.any(np.asarray(slopes["head"]["bias"])[~dead])
    assert not np.any(slopes["decoder"]["last"]["bias"])
    if not tied:
        found = np.asarray(slopes["decoder"]["last"]["kernel"])
        np.testing.assert_allclose(found, rows, rtol=1e-4, atol=1e-5)
        assert not np.any(found[~dead])


def test_a_unit_that_speaks_of_a_padded_row_alone_is_dead():
    autoencoder, weights = built(config())
    x = images(7)
    first = charge(autoencoder, weights, weights.parameters, x)
    other = charge(autoencoder, weights, weights.parameters, x.at[6].set(1 - x[6]))
    assert float(first) == float(other)


def test_without_dead_units_nothing_is_charged():
    model = {"encoder": {"widths": []}, "bottleneck": {"kind": "top_k", "size": 2, "k": 2}}
    autoencoder, weights = built(experiment(model=model, objective={"penalties": ["revival"]}))
    assert float(charge(autoencoder, weights, weights.parameters, images(7))) == 0
    slopes = jax.grad(lambda p: charge(autoencoder, weights, p, images(7)))(weights.parameters)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(slopes))


def test_holes_and_categories_have_no_error():
    """Of a mixed row the numbers that are known; what a hole would have been changes nothing."""
    nan = np.nan
    layout = Layout((4,), True, (0, 3, 0, 0), (False, False, True, False), (0.0, 4.0, 0.0, 0.0), (0.0,) * 4)
    x = jnp.array([[0.5, 2, -1, 0.3], [1.0, 0, nan, 2], [-2.0, nan, 0.25, 1], [nan, 3, nan, 0]], jnp.float32)
    made = config()
    autoencoder = Autoencoder(made.model, made.objective, layout)
    parameters, variables = autoencoder.init(jax.random.key(0))
    weights = Weights(parameters, variables, values_at_end(numbers_of(made, 1)))
    mask = jnp.ones(4, bool)
    found = terms(autoencoder, weights, x, jax.random.key(0), train=False, mask=mask)[0]["penalties.0.revival"]
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), parameters)
    h = np.asarray(layout.inputs(np.asarray(x)), np.float64) @ p["head"]["kernel"] + p["head"]["bias"]
    z = np.where(h >= np.sort(h, axis=1)[:, [-2]], h, 0)
    kernel, bias = p["decoder"]["last"]["kernel"][:, :3], p["decoder"]["last"]["bias"][:3]
    numbers = np.asarray(x, np.float64)[:, [0, 2, 3]]
    error = numbers - (z @ kernel + bias)
    own = np.where((z != 0).any(axis=0), 0, np.maximum(h, 0))
    tried = np.where(own >= np.sort(own, axis=1)[:, [-4]], own, 0)
    np.testing.assert_allclose(found, np.nansum(np.square(error - tried @ kernel), axis=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ({"encoder": {"widths": [8]}, "bottleneck": TOP}, "one linear layer each"),
        ({"encoder": {"widths": []}, "bottleneck": TOP, "decoder": {"kind": "mlp", "widths": [8]}}, "one linear layer"),
        ({"encoder": {"widths": []}, "bottleneck": {"kind": "gaussian", "size": 4}}, "has no dead units"),
    ],
)
def test_other_models_are_refused(model, why):
    made = experiment(model=model, objective={"penalties": [{"kind": "revival"}]})
    ((where, text),) = conflicts(made.model, made.objective)
    assert where == ("objective", "penalties", 0)
    assert why in text
