"""The products against XLA's own operations: every map, every derivative, over shapes, strides, paddings, dilations."""

from __future__ import annotations

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aecli.model.products.correlation import DIMENSIONS, Correlation
from aecli.model.products.matrix import Product
from aecli.model.products.offset import Offset
from aecli.model.products.trilinear import GIVEN, contract

BATCH = 5
TOLERANCE = {"rtol": 2e-4, "atol": 2e-4}


def arguments(form, batch=BATCH, seed=0):
    rng = np.random.default_rng(seed)
    return {slot: jnp.asarray(rng.normal(size=form.shape(slot, batch)), jnp.float32) for slot in GIVEN}


def convolved(form, x, w):
    """XLA's convolution in float32, whatever the platform."""
    return jax.lax.conv_general_dilated(
        x, w, form.stride, form.padding, rhs_dilation=form.dilation, dimension_numbers=DIMENSIONS
    )


@st.composite
def correlations(draw):
    pair = lambda low, high: (draw(st.integers(low, high)), draw(st.integers(low, high)))  # noqa: E731
    kernel, dilation, padding = pair(1, 4), pair(1, 3), (pair(0, 3), pair(0, 3))
    least = [max(1, d * (k - 1) + 1 - sum(p)) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    height, width = (draw(st.integers(n, n + 6)) for n in least)
    inputs, outputs = pair(1, 4)
    return Correlation((height, width), inputs, outputs, kernel, pair(1, 4), padding, dilation)


def every_way(form, given_):
    """{way: {slot: sum}}: by XLA and its gradients, and by the two forms."""
    y, pullback = jax.vjp(lambda x, w: convolved(form, x, w), given_["x"], given_["w"])
    x, w = pullback(given_["y"])
    ways = {"cpu": form.cpu, "plain": form.plain}
    return {"expected": {"y": y, "x": x, "w": w}} | {
        name: {wanted: way(wanted, *(given_[slot] for slot in GIVEN[wanted])) for wanted in GIVEN}
        for name, way in ways.items()
    }


@settings(max_examples=60, deadline=None)
@given(form=correlations())
def test_correlation_is_xlas_convolution_with_its_gradients(form):
    given_ = arguments(form)
    found = jax.jit(partial(every_way, form))(given_)  # compiled at once: one by one it takes three times as long
    assert found["expected"]["y"].shape == form.shape("y", BATCH)
    for wanted, expected in found.pop("expected").items():
        for way in found.values():
            np.testing.assert_allclose(way[wanted], expected, **TOLERANCE)


FORMS = [
    Product(7, 4),
    Product(3, 9),
    Product(5, 6, turned=True),
    Correlation((6, 5), 3, 4, (3, 2), (2, 1), ((1, 1), (0, 1))),
    Correlation((28, 28), 1, 8, (4, 4), (2, 2), ((1, 1), (1, 1))),
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_three_maps_share_one_form(form):
    """<B(x, w), y> = <x, B'(y, w)> = <w, B''(x, y)>."""
    given_ = arguments(form)
    values = [
        float(jnp.vdot(contract(form, wanted, *(given_[slot] for slot in GIVEN[wanted])), given_[wanted]))
        for wanted in GIVEN
    ]
    assert values == pytest.approx([values[0]] * 3, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_derivatives_of_higher_order(form):
    """Forward over reverse and reverse over forward, as a contractive penalty takes them."""
    given_ = arguments(form)
    own = lambda x, w: jnp.sum(jnp.sin(form(x, w)))  # noqa: E731
    if isinstance(form, Product):
        plain = lambda x, w: jnp.sum(jnp.sin(x @ w))  # noqa: E731
    else:
        plain = lambda x, w: jnp.sum(jnp.sin(convolved(form, x, w)))  # noqa: E731
    x, w = given_["x"], given_["w"]
    for f in (
        lambda h: jax.grad(h, (0, 1))(x, w),
        lambda h: jax.jvp(jax.grad(h, (0, 1)), (x, w), (w.sum() * x, w))[1],
        lambda h: jax.grad(lambda x, w: jax.jvp(h, (x, w), (x, w))[1], (0, 1))(x, w),
    ):
        for a, b in zip(f(own), f(plain), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * float(jnp.max(jnp.abs(b))))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_vmap_over_inputs_and_over_weights(form):
    given_ = arguments(form)
    x, w = jnp.stack([given_["x"], 2 * given_["x"]]), jnp.stack([given_["w"], 3 * given_["w"]])
    once = form(given_["x"], given_["w"])
    np.testing.assert_allclose(jax.vmap(form, (0, None))(x, given_["w"]), jnp.stack([once, 2 * once]), **TOLERANCE)
    np.testing.assert_allclose(jax.vmap(form, (None, 0))(given_["x"], w), jnp.stack([once, 3 * once]), **TOLERANCE)
    np.testing.assert_allclose(jax.vmap(form)(x, w), jnp.stack([once, 6 * once]), rtol=1e-3, atol=1e-3)
    slopes = jax.vmap(jax.grad(lambda w, x: jnp.sum(form(x, w) ** 2)), (None, 0))(given_["w"], x)
    np.testing.assert_allclose(slopes[1], 4 * slopes[0], rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    "form", [Product(64, 32, "bfloat16"), Correlation((8, 8), 16, 8, (3, 3), precision="bfloat16")], ids=str
)
def test_narrow_operands_are_rounded_and_sums_are_not(form):
    """Operands in bfloat16, sums in float32: equal to the wide product of rounded operands."""
    given_ = arguments(form)
    wide = type(form)(**{**form.__dict__, "precision": "float32"})
    for wanted, slots in GIVEN.items():
        rounded = [given_[slot].astype(jnp.bfloat16).astype(jnp.float32) for slot in slots]
        for way in ("cpu", "plain"):
            found = jax.jit(lambda a, b, way=way, wanted=wanted: getattr(form, way)(wanted, a, b))(
                *(given_[slot] for slot in slots)
            )
            assert found.dtype == jnp.float32
            expected = wide.plain(wanted, *rounded)
            if jax.default_backend() == "gpu" and isinstance(form, Correlation):
                expected = expected.astype(jnp.bfloat16)  # there XLA rounds a convolution's results as well
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_an_offset_is_a_bias_with_its_gradient():
    form = Offset((3, 4), 5)
    given_ = arguments(form)
    y, w = given_["y"], given_["w"]
    np.testing.assert_allclose(form.added(y, w), y + w, rtol=1e-6)
    own = jax.grad(lambda y, w: jnp.sum(jnp.sin(form.added(y, w))), (0, 1))(y, w)
    plain = jax.grad(lambda y, w: jnp.sum(jnp.sin(y + w)), (0, 1))(y, w)
    for a, b in zip(own, plain, strict=True):
        np.testing.assert_allclose(a, b, **TOLERANCE)
    for wanted, slots in GIVEN.items():
        first, second = (given_[slot] for slot in slots)
        np.testing.assert_allclose(form.cpu(wanted, first, second), form.plain(wanted, first, second), **TOLERANCE)


def test_a_wrong_shape_is_named():
    with pytest.raises(TypeError, match=r"w has the shape \(4, 7\), not \(7, 4\)"):
        Product(7, 4)(jnp.zeros((2, 7)), jnp.zeros((4, 7)))


def test_other_platforms_get_their_own_convolution():
    """What is lowered for a GPU or a TPU is a convolution; for a CPU products alone."""
    form = Correlation((8, 8), 3, 4, (3, 3))
    x, w = (jax.ShapeDtypeStruct(form.shape(slot, 2), jnp.float32) for slot in ("x", "w"))
    slope = jax.jit(jax.grad(lambda x, w: jnp.sum(form(x, w) ** 2), (0, 1)))
    for platform, convolutions in (("cpu", 0), ("cuda", 3), ("tpu", 3)):
        text = slope.trace(x, w).lower(lowering_platforms=(platform,)).as_text()
        assert text.count("stablehlo.convolution") == convolutions, platform


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize(
    ("precision", "said"), [("float32", "HIGHEST"), ("tensorfloat32", "HIGH"), ("bfloat16", "DEFAULT")]
)
def test_other_platforms_are_told_the_precision_of_products(precision, said, platform):
    """Left alone they would round float32 operands."""
    for form in (Product(8, 4, precision), Correlation((8, 8), 3, 4, (3, 3), precision=precision)):
        x, w = (jax.ShapeDtypeStruct(form.shape(slot, 2), jnp.float32) for slot in ("x", "w"))
        slope = jax.jit(jax.grad(lambda x, w, form=form: jnp.sum(form(x, w) ** 2), (0, 1)))
        text = slope.trace(x, w).lower(lowering_platforms=(platform,)).as_text()
        told = re.findall(r"precision[ \w]*= \[([^]]+)\]", text)
        assert len(told) == 3
        assert {word for words in told for word in re.findall("[A-Z]+", words)} == {said}
