"""Values and gradients of the estimators against their formulas, and against one another in the mean."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from aecli.experiment import Experiment
from aecli.model.autoencoder import BOTTLENECK
from aecli.model.objective import mean_terms, terms
from tests.helpers import built, experiment, images

ROWS, DRAWS, SIZE, VARIANCE, BETA = 5, 4, 3, 0.3, 0.7
MASK = jnp.ones(ROWS, bool)
PRIORS = ("standard", {"kind": "mixture", "components": 2})


def config(estimator, draws=DRAWS, prior: object = "standard", weight=BETA) -> Experiment:
    return experiment(
        model={"encoder": {"widths": []}, "bottleneck": {"kind": "gaussian", "size": SIZE, "prior": prior}},
        objective={
            "estimator": estimator,
            "samples": draws,
            "reconstruction": {"kind": "gaussian", "variance": VARIANCE},
            "rate": {"weight": weight},
        },
    )


def parts(estimator, key, parameters=None, draws=DRAWS, prior: object = "standard"):
    """z [draws, rows, size], log p(x|z), log q(z|x), log p(z) [draws, rows], by the autoencoder's own functions."""
    autoencoder, weights = built(config(estimator, draws, prior))
    weights = weights._replace(parameters=weights.parameters if parameters is None else parameters)
    x = images(ROWS)
    q = autoencoder.encode(weights, x).posterior
    eps = jax.random.normal(jax.random.fold_in(key, BOTTLENECK), (draws * ROWS, SIZE)).reshape(draws, ROWS, SIZE)
    return autoencoder, weights, x, q, q.at(eps)


def densities(autoencoder, weights, x, q, z):
    """log p(x|z), log q(z|x), log p(z) of draws [draws, rows, size]."""
    output = autoencoder.decode(weights, z.reshape(-1, SIZE))
    log_x = output.log_prob(jnp.tile(x, (len(z), 1, 1, 1))).reshape(*z.shape[:2], -1).sum(-1)
    return log_x, q.log_prob(z).sum(-1), autoencoder.prior(weights).log_prob(z).sum(-1)


def found(estimator, key, parameters=None, draws=DRAWS, prior: object = "standard"):
    """The terms as the objective has them."""
    autoencoder, weights = built(config(estimator, draws, prior))
    weights = weights._replace(parameters=weights.parameters if parameters is None else parameters)
    return terms(autoencoder, weights, images(ROWS), key, train=True, mask=MASK)[0]


def slope(estimator, key, draws=DRAWS, prior: object = "standard"):
    """The gradient of the mean loss."""
    _, weights = built(config(estimator, draws, prior))
    return jax.grad(lambda p: found(estimator, key, p, draws, prior)["loss"].mean())(weights.parameters)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("estimator", ["iwae", "dreg"])
def test_the_importance_weighted_bound_in_float64(estimator, prior):
    key = jax.random.key(3)
    made = parts(estimator, key, prior=prior)
    log_x, log_q, log_p = (np.asarray(a, np.float64) for a in densities(*made))
    expected = -logsumexp(log_x + BETA * (log_p - log_q), axis=0) + np.log(DRAWS)
    values = found(estimator, key, prior=prior)
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(values["reconstruction"], -log_x.mean(0), rtol=1e-5)


def test_densities_are_those_of_scipy():
    autoencoder, weights, x, q, z = parts("iwae", jax.random.key(0))
    log_x, log_q, log_p = densities(autoencoder, weights, x, q, z)
    np.testing.assert_allclose(log_p, stats.norm.logpdf(z).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(log_q, stats.norm.logpdf(z, q.mean, np.sqrt(q.variance)).sum(-1), rtol=1e-5, atol=1e-5)
    mean = autoencoder.decode(weights, z[0]).mean
    expected = stats.norm.logpdf(x, mean, np.sqrt(VARIANCE)).reshape(ROWS, -1).sum(-1)
    np.testing.assert_allclose(log_x[0], expected, rtol=1e-5)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("estimator", ["elbo", "score_function"])
def test_the_elbo_of_several_draws_is_their_mean(estimator, prior):
    key = jax.random.key(4)
    made = parts(estimator, key, prior=prior)
    log_x, log_q, log_p = (np.asarray(a, np.float64) for a in densities(*made))
    _, _, _, q, _ = made
    rate = q.kl_to_standard().sum(-1) if prior == "standard" else (log_q - log_p).mean(0)
    values = found(estimator, key, prior=prior)
    np.testing.assert_allclose(values["rate"], rate, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(values["loss"], -log_x.mean(0) + BETA * np.asarray(rate), rtol=1e-5)


def test_one_draw_of_iwae_is_the_elbo_with_its_rate_at_the_draw():
    """Against a mixture of one: its rate is estimated at the draw, too."""
    key, prior = jax.random.key(5), {"kind": "mixture", "components": 1}
    one, other = (found(kind, key, draws=1, prior=prior) for kind in ("elbo", "iwae"))
    np.testing.assert_allclose(other["loss"], one["loss"], rtol=1e-5)


def test_more_draws_tighten_the_bound():
    keys = jax.random.split(jax.random.key(6), 400)
    means = []
    for draws in (1, 5, 50):
        losses = jax.jit(jax.vmap(lambda key, k=draws: found("iwae", key, draws=k)["loss"].mean()))(keys)
        means.append(float(losses.mean()))
    assert means[0] > means[1] > means[2]


def surrogate_dreg(parameters, key, prior):
    """Two: of the encoder, with v_k (1 - beta + beta v_k) and the posterior held; of all else, v_k and held draws."""
    autoencoder, weights, x, q, z = parts("dreg", key, parameters, prior=prior)
    stop, rest = jax.lax.stop_gradient, weights._replace(parameters=jax.lax.stop_gradient(weights.parameters))
    log_x, log_q, log_p = densities(autoencoder, rest, x, stop(q), z)
    of_encoder = log_x + BETA * (log_p - log_q)
    v = stop(jax.nn.softmax(of_encoder, axis=0))
    log_x, log_q, log_p = densities(autoencoder, weights, x, stop(q), stop(z))
    return -(v * (1 - BETA + BETA * v) * of_encoder + v * (log_x + BETA * (log_p - log_q))).sum(0).mean()


def surrogate_score(parameters, key, prior):
    """(f_k - b_k) dlog q, the decoder's and the rate's own gradients beside it."""
    autoencoder, weights, x, q, z = parts("score_function", key, parameters, prior=prior)
    stop = jax.lax.stop_gradient
    log_x, log_q, log_p = densities(autoencoder, weights, x, q, stop(z))
    closed = prior == "standard"
    rate = q.kl_to_standard().sum(-1) if closed else log_q - log_p
    worth = stop(-log_x if closed else -log_x + BETA * rate)
    others = jnp.stack([(worth.sum(0) - worth[k]) / (DRAWS - 1) for k in range(DRAWS)])
    return ((worth - others) * log_q - log_x + BETA * rate).mean(0).mean()


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(("estimator", "surrogate"), [("dreg", surrogate_dreg), ("score_function", surrogate_score)])
def test_the_gradient_is_that_of_the_formula(estimator, surrogate, prior):
    key = jax.random.key(7)
    _, weights = built(config(estimator, prior=prior))
    expected = jax.grad(surrogate)(weights.parameters, key, prior)
    given = slope(estimator, key, prior=prior)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5), given, expected)


@pytest.mark.parametrize(("estimator", "reference"), [("dreg", "iwae"), ("score_function", "elbo")])
def test_the_gradient_is_unbiased(estimator, reference):
    """Means over many keys agree, within their errors, for every parameter."""
    keys = jax.random.split(jax.random.key(8), 20_000)

    def many(kind):
        built(config(kind))  # not within what is traced
        leaves = jax.tree.leaves(jax.jit(jax.vmap(lambda key: slope(kind, key)))(keys))
        return np.concatenate([np.asarray(leaf, np.float64).reshape(len(keys), -1) for leaf in leaves], axis=1)

    one, other = many(estimator), many(reference)
    error = np.sqrt((one.var(0) + other.var(0)) / len(keys))
    z = (one.mean(0) - other.mean(0)) / np.where(error == 0, 1, error)
    assert np.abs(z).max() < 5
    assert np.sqrt(np.mean(z**2)) < 1.4


def exact_posterior():
    """A linear-Gaussian model whose encoder is the posterior: parameters for `config`."""
    _, weights = built(config("dreg", weight=1.0))
    draw = np.random.default_rng(0)
    w, b = draw.normal(size=(12, SIZE)) * 0.5, draw.normal(size=12)
    precision = np.eye(SIZE) + w.T @ w / VARIANCE
    turned, scales, _ = np.linalg.svd(w, full_matrices=False)  # columns orthogonal: the posterior is diagonal
    w = turned * scales
    precision = 1 + scales**2 / VARIANCE
    head = w / VARIANCE / precision
    kernel = np.concatenate([head, np.zeros_like(head)], axis=1)
    bias = np.concatenate([-b @ head, -np.log(precision)])
    parameters = dict(weights.parameters)
    parameters["head"] = {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}
    last = {"kernel": jnp.asarray(w.T, jnp.float32), "bias": jnp.asarray(b, jnp.float32)}
    parameters["decoder"] = parameters["decoder"] | {"last": last}
    return parameters


def test_at_the_exact_posterior_dreg_has_no_noise_and_iwae_has():
    """There every weight is p(x): nothing is to be learned, and dreg's gradient to the encoder is zero at once."""
    parameters = exact_posterior()

    def of_head(kind):
        autoencoder, weights = built(config(kind, weight=1.0))

        def loss(head):
            changed = weights._replace(parameters=parameters | {"head": head})
            return terms(autoencoder, changed, images(ROWS), jax.random.key(1), train=True, mask=MASK)[0]["loss"].mean()

        return np.abs(np.asarray(jax.grad(loss)(parameters["head"])["bias"])).max()

    assert of_head("dreg") < 1e-4
    assert of_head("iwae") > 1e-2


@pytest.mark.parametrize("estimator", ["elbo", "iwae", "dreg", "score_function"])
def test_rows_that_fill_the_batch_move_no_gradient(estimator):
    autoencoder, weights = built(config(estimator))
    x, mask = images(8), jnp.arange(8) < ROWS

    def gradient(x):
        def loss(parameters):
            changed = weights._replace(parameters=parameters)
            return mean_terms(terms(autoencoder, changed, x, jax.random.key(1), train=True, mask=mask)[0], mask)["loss"]

        return jax.grad(loss)(weights.parameters)

    jax.tree.map(np.testing.assert_array_equal, gradient(x), gradient(x.at[ROWS:].set(7.0)))


@pytest.mark.parametrize("estimator", ["iwae", "dreg"])
@pytest.mark.parametrize("key", ["free_bits", "capacity"])
def test_what_an_importance_weighted_bound_has_no_place_for_is_refused(estimator, key):
    from aecli.config.problems import UserError
    from aecli.experiment import load

    wrong = {
        "data": {"source": "digits"},
        "model": {"bottleneck": "gaussian"},
        "objective": {"estimator": estimator, "rate": {key: 1.0}},
    }
    with pytest.raises(UserError, match="needs `estimator: elbo`"):
        load(wrong)


@pytest.mark.parametrize("objective", [{"samples": 3}, {"estimator": "iwae"}])
def test_draws_of_a_code_that_is_not_drawn_are_refused(objective):
    from aecli.config.problems import UserError
    from aecli.experiment import load

    with pytest.raises(UserError, match="draws nothing"):
        load({"data": {"source": "digits"}, "objective": objective})
