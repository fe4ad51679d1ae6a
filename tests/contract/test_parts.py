"""One contract for every part: shapes, gradients, determinism, jit, serialisation, independence, bad input."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from aecli.config.numbers import numbers_of
from aecli.experiment import ROOMS, Experiment
from aecli.model.bottlenecks import BOTTLENECKS
from aecli.model.corruptions import CORRUPTIONS
from aecli.model.estimators import ESTIMATORS
from aecli.model.networks import DECODERS, NETWORKS
from aecli.model.objective import mean_terms, terms
from aecli.model.penalties import PENALTIES
from aecli.model.priors import PRIORS
from aecli.model.reconstructions import RECONSTRUCTIONS
from aecli.optimizers import OPTIMIZERS
from aecli.training import checkpoint
from aecli.training.program import program
from tests.helpers import SHAPE, built, experiment, images

PARTS = [pytest.param(room, kind, id=f"{room.word}-{kind}") for room in ROOMS for kind in room]
# What a part needs of the rest of the model before it can be used: the part itself says so through `fits`.
JUMP = {
    "kind": "jump_relu",
    "size": 3,
    "threshold": 1e-6,
}  # a jump of next to nothing: finite differences know no other
NEEDS = {
    "code_kl": {"model": {"bottleneck": {"kind": "dense", "size": 3, "activation": "sigmoid"}}},
    "jump_relu": {"model": {"bottleneck": JUMP}},
    "revival": {"model": {"encoder": {"widths": []}, "bottleneck": {"kind": "top_k", "size": 9, "k": 1.0}}},
    "gate_l1": {"model": {"bottleneck": {"kind": "gated", "size": 3}}},
    "gate_reconstruction": {"model": {"bottleneck": {"kind": "gated", "size": 3}}},
    "code_l0": {"model": {"bottleneck": JUMP}},
}


def with_part(room, kind) -> Experiment:
    """A small experiment that uses this part, with its defaults."""
    sections = dict(NEEDS.get(kind, {}))
    if room in (NETWORKS, DECODERS):
        sections["model"] = {"encoder" if room is NETWORKS else "decoder": {"kind": kind}}
    elif room is BOTTLENECKS:
        sections.setdefault("model", {"bottleneck": {"kind": kind, "size": 3}})
    elif room is PRIORS:
        sections["model"] = {"bottleneck": {"kind": "gaussian", "size": 3, "prior": kind}}
    elif room is CORRUPTIONS:
        sections["objective"] = {"corruption": {"kind": kind}}
    elif room is RECONSTRUCTIONS:
        sections["objective"] = {"reconstruction": {"kind": kind}}
    elif room is ESTIMATORS:
        sections["model"] = {"bottleneck": {"kind": "gaussian", "size": 3}}
        sections["objective"] = {"estimator": kind, "samples": 3}
    elif room is PENALTIES:
        sections["objective"] = {"penalties": [{"kind": kind}]}
    elif room is OPTIMIZERS:
        sections["training"] = {"optimizer": {"kind": kind}}
    return experiment(**sections)


@cache
def compiled_terms(config):
    """(parameters, x, key, mask) -> each term's value per example, compiled once for a config."""
    autoencoder, weights = built(config)

    def found(parameters, x, key, mask):
        return terms(autoencoder, weights._replace(parameters=parameters), x, key, train=True, mask=mask)[0]

    return jax.jit(found), weights.parameters


@pytest.mark.parametrize(("room", "kind"), PARTS)
def test_says_what_it_is(room, kind):
    part = room[kind]
    assert part.formula, "a part states its formula"
    assert (part.__doc__ or "").strip()
    assert str(part.model_fields["kind"].default) == kind


@pytest.mark.parametrize(("room", "kind"), PARTS)
def test_specification_round_trips_and_is_frozen(room, kind):
    config = with_part(room, kind)
    again = Experiment.model_validate(config.model_dump(mode="json"))
    assert again == config
    assert hash(again) == hash(config)
    with pytest.raises(ValidationError):
        config.model.bottleneck.size = 5


@pytest.mark.parametrize(("room", "kind"), PARTS)
def test_unknown_parameter_is_refused(room, kind):
    with pytest.raises(ValidationError):
        room[kind].model_validate({"kind": kind, "no_such_parameter": 1})


@pytest.mark.parametrize(("room", "kind"), PARTS)
def test_bounds_of_numbers_are_kept(room, kind):
    """No swept number of any part takes a NaN, a bool, a text it does not know, or what float32 has not."""
    for name, field in room[kind].model_fields.items():
        if any(type(m).__name__ == "Swept" for m in field.metadata):
            for bad in (float("nan"), True, "much", 1e39, {"kind": "linear", "start": 0.0, "end": 1e39}):
                with pytest.raises(ValidationError):
                    room[kind].model_validate({"kind": kind, name: bad})


@pytest.mark.parametrize(("room", "kind"), PARTS)
def test_terms_have_a_value_per_example(room, kind):
    found, parameters = compiled_terms(with_part(room, kind))
    for name, values in found(parameters, images(6), jax.random.key(0), jnp.ones(6, bool)).items():
        assert values.shape == (6,), name
        assert values.dtype == jnp.float32, name
        assert bool(jnp.all(jnp.isfinite(values))), name


@pytest.mark.parametrize(("room", "kind"), PARTS)
def test_terms_are_deterministic_and_survive_jit(room, kind):
    config, x = with_part(room, kind), images(6)
    autoencoder, weights = built(config)
    found, parameters = compiled_terms(config)
    key, mask = jax.random.key(3), jnp.ones(6, bool)
    first, again = (found(parameters, x, key, mask)["loss"] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    plainly = terms(autoencoder, weights, x, key, train=True, mask=mask)[0]["loss"]  # step by step
    np.testing.assert_allclose(first, plainly, rtol=2e-5)


@pytest.mark.parametrize(("room", "kind"), PARTS)
def test_gradient_agrees_with_finite_differences(room, kind):
    """The directional derivative of the mean loss, against central differences in the same direction.

    The direction leaves out parameters whose gradient is by definition an estimate (`straight_through`), or passed over
    (`holds`): each such part has a test of its own, against its formula.
    """
    config = with_part(room, kind)
    if config.objective.estimator.estimated:
        pytest.skip("the gradient is an estimate, not the derivative of the loss: test_estimators.py has the formula")
    smooth = {"encoder": config.model.encoder.model_copy(update={"activation": "tanh"})}
    if config.model.decoder.kind != "mirror":
        smooth["decoder"] = config.model.decoder.model_copy(update={"activation": "tanh"})
    config = config.model_copy(update={"model": config.model.model_copy(update=smooth)})
    found, parameters = compiled_terms(config)
    x, mask = images(6), jnp.ones(6, bool)

    def loss(parameters):
        return mean_terms(found(parameters, x, jax.random.key(1), mask), mask)["loss"]

    leaves, tree = jax.tree.flatten(parameters)
    keys = jax.random.split(jax.random.key(5), len(leaves))
    ways = [jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    paths = [[str(getattr(k, "key", k)) for k in path] for path, _ in jax.tree_util.tree_leaves_with_path(parameters)]
    held = {name for penalty in config.objective.penalties for name in penalty.holds}
    estimated = config.model.bottleneck.straight_through
    left_out = [p[0] in held or (p[0] == "bottleneck" and p[1] in estimated) for p in paths]
    if all(left_out):
        pytest.skip("no parameter has the derivative of the loss for its gradient: its own test has the formula")
    ways = [0 * w if out else w for w, out in zip(ways, left_out, strict=True)]
    norm = jnp.sqrt(sum(jnp.sum(w**2) for w in ways))
    way = jax.tree.unflatten(tree, [w / norm for w in ways])
    slope = sum(
        jnp.vdot(g, w) for g, w in zip(*map(jax.tree.leaves, (jax.jit(jax.grad(loss))(parameters), way)), strict=True)
    )
    eps = 1e-2
    moved = [loss(jax.tree.map(lambda p, w, s=s: p + s * eps * w, parameters, way)) for s in (1, -1)]
    assert float(slope) == pytest.approx(float((moved[0] - moved[1]) / (2 * eps)), rel=2e-2, abs=2e-3)


@pytest.mark.parametrize(("room", "kind"), PARTS)
def test_padding_changes_no_mean(room, kind):
    """Rows under the mask count for nothing, whatever they hold, NaN included."""
    found, parameters = compiled_terms(with_part(room, kind))
    mask = jnp.arange(8) < 5

    def means(x):
        return mean_terms(found(parameters, x, jax.random.key(1), mask), mask)

    x = images(8)
    first, other = means(x), means(x.at[5:].set(jnp.nan))
    for name, value in first.items():
        np.testing.assert_array_equal(other[name], value, err_msg=name)


@pytest.mark.parametrize(("room", "kind"), PARTS)
def test_rows_do_not_depend_on_their_neighbours(room, kind):
    """In evaluation mode each row's code and reconstruction are its own."""
    autoencoder, weights = built(with_part(room, kind))
    x, reconstruct = images(6), jax.jit(autoencoder.reconstruct)
    whole = reconstruct(weights, x)
    turned = reconstruct(weights, x[::-1])[::-1]
    np.testing.assert_allclose(turned, whole, rtol=1e-6, atol=1e-6)
    assert whole.shape == (6, *SHAPE)
    assert jax.jit(lambda w, x: autoencoder.encode(w, x).mean)(weights, x).shape == (
        6,
        autoencoder.model.bottleneck.size,
    )


@pytest.mark.parametrize(("room", "kind"), PARTS)
def test_one_step_changes_the_parameters_and_the_state_round_trips(room, kind, tmp_path):
    config = with_part(room, kind)
    made = program(config, SHAPE, rows=10)
    numbers, seed = numbers_of(config, 10), jnp.uint32(0)
    state = made.init(seed, numbers)
    order = made.order(seed, jnp.int32(0))
    after = made.one_step(state, images(10), order[0], seed, numbers)
    assert int(after.step) == 1
    assert int(after.bad) == -1
    changed = [
        bool(jnp.any(a != b)) for a, b in zip(*map(jax.tree.leaves, (state.parameters, after.parameters)), strict=True)
    ]
    assert any(changed)
    arrays = checkpoint.flatten(after._asdict())
    checkpoint.save(tmp_path, 1, arrays, {})
    loaded, _ = checkpoint.load(tmp_path, 1)
    again = checkpoint.unflatten(loaded, after._asdict())
    jax.tree.map(np.testing.assert_array_equal, again, after._asdict())
