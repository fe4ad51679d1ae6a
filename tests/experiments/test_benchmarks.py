"""The benchmarks' arithmetic: what makes a row void, ratios, variations, the products of a step, the shared start."""

from __future__ import annotations

import math
import os
import re
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "experiments" / "benchmarks"
MODULES = {path.stem for folder in (FOLDER, FOLDER / "contenders") for path in folder.glob("*.py")}


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """They are scripts beside one another, and found as such for the time of a test alone."""
    monkeypatch.syspath_prepend(FOLDER / "contenders")
    monkeypatch.syspath_prepend(FOLDER)
    yield
    for name in MODULES & set(sys.modules):
        del sys.modules[name]


def series(contender, workload="w", speeds=(100.0, 200.0), loss=10.0):
    from results import Series

    return Series(contender, workload, list(speeds), 20.0, loss, 1.0)


@pytest.mark.parametrize(
    ("loss", "void"),
    [(10.0, False), (10.19, False), (9.81, False), (10.21, True), (9.79, True), (math.inf, True), (math.nan, True)],
)
def test_a_row_is_void_where_losses_differ_by_more_than_two_percent(loss, void):
    from results import verdict

    assert bool(verdict(series("aecli"), series("peer", loss=loss))) == void


def test_a_loss_below_zero_is_compared_by_its_size():
    from results import differs

    assert not differs(-10.1, -10.0)
    assert differs(-10.3, -10.0)
    assert differs(10.0, -10.0)


def test_no_loss_is_another_loss_but_bare_products_have_none_to_compare():
    from results import differs, verdict

    assert differs(math.nan, 10.0)
    assert verdict(series("aecli"), series("products", loss=math.nan)) == ""


def test_ratios_are_taken_round_by_round():
    from results import ratios, spread

    found = ratios([300, 100, 100], [100, 50, 200])
    assert found == [3, 2, 0.5]
    assert spread(found) == "2.00 (0.50 to 3.00)"


def test_a_line_is_compared_with_ours_on_the_same_workload():
    from results import cells

    found = [series("aecli", "a"), series("aecli", "b", (20, 20), 5.0), series("peer", "b", (10, 5), 5.0)]
    name, speed, ratio, _, loss, _, void = cells(found, found[2])
    assert (name, speed, ratio, loss, void) == ("peer [b]", "8 (5 to 10)", "3.00 (2.00 to 4.00)", "5.000", "")
    assert cells(found, found[1])[2] == ""


def test_a_share_of_the_peak_is_of_the_faster_library_in_each_round():
    from results import share_of_peak

    bare = [series("products", speeds=(100, 300)), series("torch_products", speeds=(200, 100))]
    assert share_of_peak(bare, series("aecli", speeds=(50, 150))) == [0.25, 0.5]


def test_growth_is_a_power():
    from results import exponent

    assert exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert exponent([10, 20, 40], [7, 7, 7]) == pytest.approx(0)


def test_a_table_is_markdown_with_aligned_columns():
    from results import table

    assert table([("aa", "1"), ("b", "22")], ("x", "n")).splitlines() == [
        "| x  | n  |",
        "|----|----|",
        "| aa | 1  |",
        "| b  | 22 |",
    ]


def test_variations_of_a_workload():
    from workloads import WORKLOADS, named

    base = WORKLOADS["mlp_vae"]
    assert named("mlp_vae") == base
    wide = named("mlp_vae,width=2,rows=500")
    assert (wide.layers, wide.rows, wide.batch) == ((1024, 512), 500, base.batch)
    large = named("mlp_vae,batch=512")
    assert large.batch * large.updates == base.batch * base.updates
    with pytest.raises(ValueError, match="depth"):
        named("mlp_vae,depth=2")


def test_the_rows_of_a_variation_are_the_first_ones():
    from workloads import named, rows

    few, more = rows(named("conv_ae,rows=20")), rows(named("conv_ae,rows=30"))
    assert few.shape == (20, 28, 28, 1)
    assert few.min() >= 0
    assert few.max() <= 1
    np.testing.assert_array_equal(few, more[:20])


@pytest.mark.parametrize("name", ["mlp_vae", "plain"])
def test_the_products_are_those_of_the_program(name):
    """All dots of the lowered step, by their operands' sizes: [m, k] times [k, n] has k^2 = |a| |b| / |c|."""
    import jax.numpy as jnp
    from aecli_contender import experiment
    from shapes import products
    from workloads import named

    from aecli.config.numbers import numbers_of
    from aecli.training.program import program

    work = named(f"{name},batch=16")
    made = program(experiment(work), work.shape, 64)
    numbers, zero = numbers_of(experiment(work), 1), jnp.int32(0)
    state = made.init(jnp.uint32(0), numbers)
    data, order = jnp.zeros((64, *work.shape)), jnp.zeros((4, 16), jnp.int32)
    text = made.chunk.lower(state, data, order, jnp.uint32(0), numbers, zero, zero).as_text()
    found = []
    for types in re.findall(r"stablehlo\.dot_general .* : (.*)", text):
        a, b, c = (math.prod(map(int, size.split("x")[:-1])) for size in re.findall(r"tensor<([^>]*)>", types))
        k = math.isqrt(a * b // c)
        if 1 not in (k, a // k, b // k):  # sums and outer products, of biases and of the loss
            found.append((k, *sorted((a // k, b // k))))
    assert sorted(found) == sorted((k, *sorted((m, n))) for m, k, n in products(work))


def test_the_products_of_convolutions():
    """Of 28x28: 196 places of 16 taps to 32 channels and back; at the image there is no gradient of the input."""
    from shapes import products
    from workloads import named

    found = products(named("conv_ae,batch=2"))
    assert found[:2] == [(392, 16, 32), (16, 392, 32)]
    assert found[2:5] == [(98, 512, 64), (512, 98, 64), (98, 64, 512)]
    assert found[-3:] == [(392, 32, 16), (32, 392, 16), (392, 16, 32)]


@pytest.mark.parametrize("name", ["mlp_vae", "conv_ae", "conv_vae", "plain"])
def test_the_shared_start_is_drawn_as_aecli_draws_its_own(name):
    import jax
    import jax.numpy as jnp
    from aecli_contender import experiment, started
    from initial import kernels
    from workloads import WORKLOADS

    from aecli.model.autoencoder import Autoencoder

    work = WORKLOADS[name]
    config = experiment(work)
    autoencoder = Autoencoder(config.model, config.objective, work.shape)
    own = jax.jit(autoencoder.init)(jax.random.key(0))[0]
    shared = started(jax.tree.map(jnp.copy, own), kernels(work, 0))
    compared = 0
    for ours, theirs in zip(jax.tree.leaves(own), jax.tree.leaves(shared), strict=True):
        assert ours.shape == theirs.shape
        if ours.ndim > 1:  # deviations of n draws are known to 1 / sqrt(2 n) each
            assert float(theirs.std()) == pytest.approx(float(ours.std()), rel=5 / math.sqrt(ours.size))
            compared += 1
    assert compared == 2 * len(work.layers) + 2


def test_the_order_of_an_epoch_is_a_permutation_of_its_own():
    from initial import order

    first, second = order(100, 0, 0), order(100, 0, 1)
    assert sorted(first) == list(range(100))
    assert (first != second).any()
    np.testing.assert_array_equal(first, order(100, 0, 0))


@pytest.mark.parametrize(("shown", "seen"), [([b"compiling", b"epo", b"ch 1/1"], True), ([b"compiling"], False)])
def test_a_step_is_seen_on_the_terminal_when_it_is_done(shown, seen):
    from shell import watched

    terminal, inside = os.openpty()
    began = time.perf_counter()

    def write():
        for part in shown:
            os.write(inside, part)
        os.close(inside)

    writer = threading.Thread(target=write)
    writer.start()
    first = watched(terminal, began)
    writer.join()
    assert math.isnan(first) != seen
