"""The objective's terms by hand, and that only the skeleton is compiled in."""

from __future__ import annotations

from itertools import combinations, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.config.numbers import numbers_of, skeleton_of, values_at
from aecli.model.objective import terms
from aecli.model.spec import units
from tests.helpers import SHAPE, built, experiment, images

MASK = jnp.ones(5, bool)


def everything():
    return experiment(
        model={"encoder": {"widths": [8], "dropout": 0.2}, "bottleneck": {"kind": "gaussian", "size": 3}},
        objective={
            "corruption": {"kind": "masking", "emphasis": 0.5},
            "reconstruction": {"kind": "gaussian", "variance": 0.3},
            "rate": {"weight": 0.7, "free_bits": 0.1},
            "penalties": [{"kind": "weight_l1", "weight": 0.01}, {"kind": "contractive", "weight": 0.2}],
        },
    )


def test_loss_is_the_weighted_sum():
    autoencoder, weights = built(everything())
    found, _ = terms(autoencoder, weights, images(5), jax.random.key(0), train=True, mask=MASK)
    total = (
        found["reconstruction"] + 0.7 * found["rate"]
        + 0.01 * found["penalties.0.weight_l1"] + 0.2 * found["penalties.1.contractive"]
    )  # fmt: skip
    np.testing.assert_allclose(found["loss"], total, rtol=1e-6)
    assert set(units(autoencoder.model, autoencoder.objective, mixed=autoencoder.layout.mixed)) == set(found)


def test_many_penalties_keep_their_order():
    """Eleven of them: the eleventh does not come second."""
    penalties = [{"kind": "code_l2", "weight": float(i)} for i in range(12)]
    autoencoder, weights = built(experiment(objective={"penalties": penalties}))
    found, _ = terms(autoencoder, weights, images(5), jax.random.key(0), train=True, mask=MASK)
    expected = found["reconstruction"] + sum(i * found[f"penalties.{i}.code_l2"] for i in range(12))
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-5)


def test_free_bits_by_hand():
    config = experiment(model={"bottleneck": {"kind": "gaussian", "size": 3}}, objective={"rate": {"free_bits": 0.4}})
    autoencoder, weights = built(config)
    x = images(5)
    found, _ = terms(autoencoder, weights, x, jax.random.key(0), train=True, mask=MASK)
    posterior = autoencoder.encode(weights, x).posterior
    mean, log_variance = (np.asarray(a, np.float64) for a in (posterior.mean, posterior.log_variance))
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
    np.testing.assert_allclose(found["rate"], np.maximum(kl, 0.4).sum(1), rtol=1e-5)


@pytest.mark.parametrize(("variance", "own"), [(0.3, None), ("learned", ()), ("learned_per_feature", (3, 4, 1))])
def test_gaussian_reconstruction(variance, own):
    config = experiment(objective={"reconstruction": {"kind": "gaussian", "variance": variance}})
    autoencoder, weights = built(config)
    if own is not None:
        log_variance = jnp.asarray(np.random.default_rng(0).normal(size=own), jnp.float32)
        weights.parameters["reconstruction"]["log_variance"] = log_variance
        variance = np.exp(np.asarray(log_variance, np.float64))
    x = images(5)
    found, _ = terms(autoencoder, weights, x, jax.random.key(0), train=True, mask=MASK)
    error = np.asarray(x - autoencoder.reconstruct(weights, x), np.float64)
    exact = 0.5 * (np.log(2 * np.pi * variance) + error**2 / variance)
    np.testing.assert_allclose(found["reconstruction"], np.broadcast_to(exact, x.shape).sum((1, 2, 3)), rtol=1e-4)


def test_bernoulli_reconstruction():
    autoencoder, weights = built(experiment(objective={"reconstruction": "bernoulli"}))
    x = images(5)
    found, _ = terms(autoencoder, weights, x, jax.random.key(0), train=True, mask=MASK)
    p = np.asarray(autoencoder.reconstruct(weights, x), np.float64)
    exact = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3))
    np.testing.assert_allclose(found["reconstruction"], exact, rtol=1e-4)


def test_tied_decoder_is_the_transpose():
    autoencoder, weights = built(experiment(model={"encoder": {"widths": [], "tied": True}}))
    x = images(5).reshape(5, -1)
    w = np.asarray(weights.parameters["head"]["kernel"], np.float64)
    assert "kernel" not in str(jax.tree_util.tree_structure(weights.parameters["decoder"]))
    np.testing.assert_allclose(
        autoencoder.reconstruct(weights, images(5)).reshape(5, -1), x @ w @ w.T, rtol=1e-4, atol=1e-5
    )


def test_gated_layer_by_hand():
    autoencoder, weights = built(experiment(model={"encoder": {"widths": [8], "gated": True, "activation": "tanh"}}))
    layer = jax.tree.map(lambda a: np.asarray(a, np.float64), weights.parameters["encoder"]["layers"][0])
    head = weights.parameters["head"]
    x = np.asarray(images(5).reshape(5, -1), np.float64)
    gate = 1 / (1 + np.exp(-(x @ layer["gate"]["kernel"] + layer["gate"]["bias"])))
    h = np.tanh(x @ layer["linear"]["kernel"] + layer["linear"]["bias"]) * gate
    np.testing.assert_allclose(
        autoencoder.encode(weights, images(5)).mean, h @ head["kernel"] + head["bias"], rtol=1e-4, atol=1e-5
    )


def test_dropout_drops_its_rate_and_keeps_the_mean():
    from aecli.model.networks.layers import _dropout

    h = np.asarray(_dropout(jnp.ones((400, 500)), jnp.float32(0.3), jax.random.key(0)))
    assert (h == 0).mean() == pytest.approx(0.3, abs=0.005)
    assert h.mean() == pytest.approx(1.0, abs=0.01)


def test_dropout_rests_in_evaluation():
    autoencoder, weights = built(everything())
    x = images(5)
    np.testing.assert_array_equal(autoencoder.reconstruct(weights, x), autoencoder.reconstruct(weights, x))


def test_batch_norm_uses_running_means_in_evaluation():
    autoencoder, weights = built(experiment(model={"encoder": {"widths": [8], "norm": "batch"}}))
    x = images(5)
    _, variables = autoencoder.forward(weights, x, jax.random.key(0), train=True, mask=MASK)
    assert any(
        bool(jnp.any(a != b)) for a, b in zip(*map(jax.tree.leaves, (variables, weights.variables)), strict=True)
    )
    _, same = autoencoder.forward(weights, x, jax.random.key(0), train=False, mask=MASK)
    jax.tree.map(np.testing.assert_array_equal, same, weights.variables)


def test_bfloat16_is_near_float32_and_keeps_float32_parameters():
    exact, weights = built(experiment())
    rough, same = built(experiment(training={"precision": "bfloat16"}))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(same.parameters))
    a, b = exact.reconstruct(weights, images(5)), rough.reconstruct(same, images(5))
    assert b.dtype == jnp.float32
    assert 0 < float(jnp.max(jnp.abs(a - b))) < 0.05


def test_the_skeleton_holds_no_swept_number():
    """Two configs that differ in numbers alone have one skeleton; an off number is another skeleton."""

    def skeleton(dropout, weight):
        return skeleton_of(experiment(
            model={"encoder": {"dropout": dropout}}, objective={"penalties": [{"kind": "code_l1", "weight": weight}]}
        )).model_dump_json()  # fmt: skip

    assert skeleton(0.1, 0.1) == skeleton(0.5, {"kind": "linear", "start": 0.0, "end": 1.0})
    assert skeleton(0.1, 0.1) != skeleton(0.0, 0.1)


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        (0.3, 7, 0.3),
        ({"kind": "constant", "start": 0.2}, 50, 0.2),
        ({"kind": "linear", "start": 0.0, "end": 1.0, "steps": 10}, 5, 0.5),
        ({"kind": "linear", "start": 0.0, "end": 1.0, "steps": 10}, 50, 1.0),
        ({"kind": "linear", "start": 1.0, "end": 0.0}, 25, 0.75),
        ({"kind": "cosine", "start": 1.0, "end": 0.0, "steps": 100}, 50, 0.5),
        ({"kind": "cosine", "start": 1.0, "end": 0.0, "steps": 100}, 25, 0.5 * (1 + np.cos(np.pi / 4))),
    ],
)
def test_schedules(schedule, step, expected):
    numbers = numbers_of(experiment(objective={"rate": {"weight": schedule}}), total_steps=100)
    value = values_at(numbers, jnp.int32(step))["objective"]["rate"]["weight"]
    assert float(value) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
@pytest.mark.parametrize(("start", "end"), [(1, 1e-8), (10, 1e-7), (1e-3, 1e-12), (1e-8, 1), (0.3, 0.7)])
def test_a_schedule_ends_where_it_says_and_stays_between(kind, start, end):
    schedule = {"kind": kind, "start": start, "end": end, "steps": 10}
    numbers = numbers_of(experiment(objective={"rate": {"weight": schedule}}), total_steps=100)
    found = [np.asarray(values_at(numbers, jnp.int32(step))["objective"]["rate"]["weight"]) for step in range(12)]
    assert (found[0], found[10], found[11]) == (np.float32(start), np.float32(end), np.float32(end))
    assert all(min(start, end) * (1 - 1e-6) <= value <= max(start, end) * (1 + 1e-6) for value in found)


def test_batch_norm_by_hand():
    """Masked rows count for nothing; running means move by a tenth times the share of real rows, variance unbiased."""
    from aecli.model.networks.layers import BatchNorm, Mode

    h = np.random.default_rng(0).normal(2.0, 3.0, (8, 3)).astype(np.float32)
    mask = np.arange(8) < 5
    norm = BatchNorm(3)
    out = norm(jnp.asarray(h), Mode(train=True, mask=jnp.asarray(mask)))
    real = h[:5].astype(np.float64)
    np.testing.assert_allclose(out[:5], (real - real.mean(0)) / np.sqrt(real.var(0) + 1e-5), rtol=1e-4, atol=1e-5)
    step = 0.1 * 5 / 8
    np.testing.assert_allclose(norm.mean[...], step * real.mean(0), rtol=1e-5)
    np.testing.assert_allclose(norm.variance[...], 1 - step + step * real.var(0, ddof=1), rtol=1e-5)
    same = norm(jnp.asarray(h[:1]), Mode(train=False))
    np.testing.assert_allclose(same, norm(jnp.asarray(h), Mode(train=False))[:1], rtol=1e-6)


@pytest.mark.parametrize(
    "schedule",
    [
        {"kind": "linear", "start": 0.5},
        {"kind": "cosine", "start": 0.5},
        {"kind": "constant", "start": 0.1, "end": 0.2},
    ],
)
def test_half_a_schedule_is_refused(schedule):
    from pydantic import ValidationError

    with pytest.raises(ValidationError):
        experiment(objective={"rate": {"weight": schedule}})


def test_gated_layers_can_be_tied_their_gates_stay_their_own():
    autoencoder, weights = built(experiment(model={"encoder": {"widths": [8, 6], "gated": True, "tied": True}}))
    decoder = weights.parameters["decoder"]
    for i, (inputs, width) in enumerate([(3, 6), (6, 8)]):
        assert "kernel" not in decoder["layers"][i]["linear"]
        assert decoder["layers"][i]["gate"]["kernel"].shape == (inputs, width)
    assert autoencoder.reconstruct(weights, images(5)).shape == (5, *SHAPE)


COMBINATIONS = [
    (corruption, ("dense", "gaussian")[(i + k) % 2], reconstruction, ("float32", "bfloat16")[(i // 2 + k) % 2])
    for i, corruption in enumerate(("none", "gaussian", "masking", "salt_and_pepper"))
    for k, reconstruction in enumerate(("squared_error", "bernoulli", "gaussian"))
]


@pytest.mark.parametrize(("a", "b"), list(combinations(range(4), 2)))
def test_every_two_choices_meet(a, b):
    met = {(each[a], each[b]) for each in COMBINATIONS}
    assert met == set(product({each[a] for each in COMBINATIONS}, {each[b] for each in COMBINATIONS}))


@pytest.mark.parametrize(("corruption", "bottleneck", "reconstruction", "precision"), COMBINATIONS)
def test_any_parts_combine(corruption, bottleneck, reconstruction, precision):
    """A step from any combination is finite, all penalties that fit included, networks normed, dropped, gated, tied."""
    from aecli.training.program import program

    norm = {"dense": "batch", "gaussian": "layer"}[bottleneck]
    network = {"widths": [8, 6], "norm": norm, "dropout": 0.1, "gated": True, "tied": True}
    kinds = ("weight_l1", "weight_l2", "code_l1", "code_l2", "contractive")
    config = experiment(
        model={"encoder": network, "bottleneck": {"kind": bottleneck, "size": 3}},
        objective={
            "corruption": corruption, "reconstruction": reconstruction,
            "rate": {"weight": {"kind": "linear", "start": 0.1, "end": 1.0}, "free_bits": 0.05},
            "penalties": [{"kind": kind, "weight": 1e-3} for kind in kinds],
        },
        training={"precision": precision, "average": {"kind": "ema"}, "batch_size": 8},
    )  # fmt: skip
    made, numbers, seed = program(config, SHAPE, 12), numbers_of(config, 4), jnp.uint32(0)
    state = made.init(seed, numbers)
    state = made.chunk(state, images(12), made.order(seed, jnp.int32(0)), seed, numbers, jnp.int32(0), jnp.int32(2))
    assert int(state.bad) == -1
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves((state.parameters, state.average)))
