"""Rows of tables with categories and holes: what the model sees, and what it is charged."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from aecli.config.numbers import numbers_of, values_at_end
from aecli.layout import HIDDEN, Layout
from aecli.model.autoencoder import Autoencoder
from aecli.model.forward import Weights
from aecli.model.objective import terms
from tests.helpers import experiment

NAN = np.nan
LAYOUT = Layout(
    (4,), True, (0, 3, 0, 2), (False, False, True, False), (0.0, np.log(50), 0.0, np.log(40)),
    (0.0, np.log(49 / 50), 0.0, np.log(39 / 40)),
)  # fmt: skip
X = np.array([[0.5, 2, -1, 1], [1.0, 0, NAN, 2], [-2.0, NAN, 0.25, NAN], [NAN, 3, NAN, 0]], np.float32)


def built(layout=LAYOUT, **sections):
    sections.setdefault(
        "model", {"encoder": {"kind": "mlp", "widths": [6]}, "bottleneck": {"kind": "dense", "size": 2}}
    )
    config = experiment(**sections)
    made = Autoencoder(config.model, config.objective, layout)
    parameters, variables = made.init(jax.random.key(0))
    return made, Weights(parameters, variables, values_at_end(numbers_of(config, 1)))


def test_the_encoder_sees_numbers_flags_and_one_hot_categories():
    expected = np.array([
        # a    b   hole of b | unknown, three categories | unknown, two categories
        [0.5, -1.0, 0, 0, 0, 1, 0, 0, 1, 0],
        [1.0, 0.0, 1, 1, 0, 0, 0, 0, 0, 1],
        [-2.0, 0.25, 0, 0, 0, 0, 0, 0, 0, 0],
        [0.0, 0.0, 1, 0, 0, 0, 1, 1, 0, 0],
    ])  # fmt: skip
    np.testing.assert_array_equal(LAYOUT.inputs(X), expected)
    np.testing.assert_array_equal(LAYOUT.inputs(jnp.asarray(X), jnp), expected)
    assert LAYOUT.input_shape == (10,)
    assert LAYOUT.output_shape == (2 + 3 + 2,)


def test_plain_rows_are_seen_as_they_are():
    images = np.ones((2, 3, 3, 1), np.float32)
    assert Layout((3, 3, 1)).inputs(images) is images
    table = Layout((2,), True)
    np.testing.assert_array_equal(table.inputs(np.array([[NAN, 1.0]])), [[0.0, 1.0]])
    assert (table.input_shape, table.output_shape) == ((2,), (2,))


@pytest.mark.parametrize("kind", ["squared_error", "gaussian"])
def test_log_density_is_that_of_scipy_column_by_column(kind):
    made, weights = built(objective={"reconstruction": kind})
    z = jax.random.normal(jax.random.key(1), (4, 2))
    output = made.decode(weights, z)
    found = np.asarray(output.log_prob(jnp.asarray(X)), np.float64)
    mean = np.asarray(output.numbers.mean, np.float64)
    sd = np.sqrt(0.5) if kind == "squared_error" else 1.0
    expected = np.zeros((4, 4))
    expected[:, [0, 2]] = stats.norm.logpdf(X[:, [0, 2]], mean, sd)
    for j, logits in zip((1, 3), output.logits, strict=True):
        p = np.asarray(jax.nn.softmax(logits, axis=-1), np.float64)
        unseen = np.exp(-LAYOUT.unseen[j])
        for i in range(4):
            if not np.isnan(X[i, j]):
                code = int(X[i, j])
                expected[i, j] = np.log(unseen) if code == 0 else np.log((1 - unseen) * p[i, code - 1])
    expected[np.isnan(X)] = 0
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_categories_and_the_unknown_one_are_a_distribution():
    made, weights = built()
    output = made.decode(weights, jax.random.normal(jax.random.key(1), (1, 2)))
    for j in (1, 3):
        rows = np.full((LAYOUT.categories[j] + 1, 4), NAN, np.float32)
        rows[:, j] = np.arange(len(rows))
        many = partial(jnp.repeat, repeats=len(rows), axis=0)
        repeated = jax.tree.map(lambda a, many=many: many(a) if a.ndim else a, output)
        assert float(jnp.exp(repeated.log_prob(jnp.asarray(rows)).sum(axis=1)).sum()) == pytest.approx(1, abs=1e-5)


def test_loss_counts_what_is_known_and_its_gradient_is_finite():
    made, weights = built()
    x, mask = jnp.asarray(X), jnp.ones(4, bool)

    def loss(parameters, x):
        found, _ = terms(made, weights._replace(parameters=parameters), x, jax.random.key(0), train=True, mask=mask)
        return found["loss"]

    slope = jax.grad(lambda p: loss(p, x).sum())(weights.parameters)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(slope))
    assert float(jnp.abs(slope["decoder"]["last"]["kernel"]).sum()) > 0
    nothing = jnp.full((4, 4), jnp.nan)
    np.testing.assert_array_equal(loss(weights.parameters, nothing), 0)
    output = made.decode(weights, made.encode(weights, x).mean)
    charged = np.asarray(made.loss(x, output))
    numeric = np.square(X[:, [0, 2]] - np.asarray(output.numbers.mean))
    np.testing.assert_allclose(charged[:, [0, 2]], np.nan_to_num(numeric), rtol=1e-5)
    assert charged[1, 1] == pytest.approx(np.log(50))


def test_training_hides_some_categories_and_nothing_else():
    made, weights = built()
    x = jnp.tile(jnp.asarray(X[:1]), (20_000, 1))
    keys = [jax.random.fold_in(jax.random.key(3), i) for i in range(6)]
    seen, _ = made._corrupted(weights, x, keys, train=True)
    share = np.asarray((seen[:, 1] == 0).mean())
    assert share == pytest.approx(HIDDEN, rel=0.2)
    np.testing.assert_array_equal(seen[:, [0, 2]], x[:, [0, 2]])
    emphatic, weights = built(objective={"corruption": {"kind": "masking", "rate": 0.0, "emphasis": 0.5}})
    hidden, touched = emphatic._corrupted(weights, x, keys, train=True)
    np.testing.assert_array_equal(touched, hidden != x)
    assert touched.any()
    still, _ = made._corrupted(weights, x, keys, train=False)
    np.testing.assert_array_equal(still, x)


@pytest.mark.parametrize(("kind", "replaces"), [("masking", True), ("salt_and_pepper", True), ("gaussian", False)])
def test_corruption_keeps_holes_and_makes_categories_unknown_or_leaves_them(kind, replaces):
    made, weights = built(objective={"corruption": {"kind": kind}})
    keys = [jax.random.fold_in(jax.random.key(1), i) for i in range(6)]
    x = jnp.tile(jnp.asarray(X), (500, 1))
    seen, touched = map(np.asarray, made._corrupted(weights, x, keys, train=False))
    np.testing.assert_array_equal(np.isnan(seen), np.isnan(x))
    category = seen[:, [1, 3]]
    changed = (category != np.asarray(x)[:, [1, 3]]) & ~np.isnan(category)
    assert changed.any() == replaces
    assert (category[changed] == 0).all()
    assert not (touched[:, [1, 3]].any() and not replaces)
    assert (seen[:, 0] != np.asarray(x)[:, 0]).any()


def test_samples_and_means_are_rows():
    made, weights = built(
        model={"encoder": {"kind": "mlp", "widths": [6]}, "bottleneck": {"kind": "gaussian", "size": 2}},
        objective={"reconstruction": {"kind": "gaussian", "variance": "learned_per_feature"}},
    )
    assert weights.parameters["reconstruction"]["log_variance"].shape == (2,)
    output = made.decode(weights, jnp.zeros((5000, 2)))
    drawn = np.asarray(output.sample(jax.random.key(0)))
    assert set(np.unique(drawn[:, 1])) <= {1, 2, 3}
    p = np.asarray(jax.nn.softmax(output.logits[0][0]))
    np.testing.assert_allclose([(drawn[:, 1] == k).mean() for k in (1, 2, 3)], p, atol=0.03)
    np.testing.assert_array_equal(np.asarray(output.mean)[:, 1], 1 + p.argmax())


def one_code(made, weights, inputs):
    return made.mean_code(weights, inputs[None])[0]


def test_a_contractive_penalty_differentiates_what_the_encoder_sees():
    for method in ("exact", "probes"):
        made, weights = built(objective={"penalties": [{"kind": "contractive", "method": method, "probes": 1024}]})
        x = jnp.asarray(X)
        passed, _ = made.forward(weights, x, jax.random.key(0), train=False, mask=jnp.ones(4, bool))
        jacobian = jax.vmap(jax.jacfwd(partial(one_code, made, weights)))(LAYOUT.inputs(x, jnp))
        expected = np.square(np.asarray(jacobian)).sum(axis=(1, 2))
        found = np.asarray(made.omegas[0](passed, weights.parameters, {"weight": 1.0}))
        np.testing.assert_allclose(found, expected, rtol=1e-4 if method == "exact" else 0.2)
