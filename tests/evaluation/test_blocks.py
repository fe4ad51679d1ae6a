"""Rows come block by block: blocks change no bit, no array outlives its block, and the numbers are numpy's."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from aecli.data.dataset import Split
from aecli.evaluation import manifold, moments, sample
from aecli.evaluation.bound import Bound
from aecli.evaluation.groups import STEPS, Asked, measured
from aecli.evaluation.importance import weighed
from aecli.evaluation.likelihood import Likelihood
from aecli.evaluation.moments import Moments, pieces, rows_of_block
from aecli.evaluation.reconstruction import Reconstruction, errors
from aecli.evaluation.representation import Representation
from aecli.evaluation.sample import Sample, sampled
from aecli.evaluation.terms import Terms, term_values
from aecli.layout import Layout
from aecli.training.trained import BATCH
from tests.helpers import bitwise

N = 2600  # five batches and a part of one
VAE = {"encoder": {"widths": [5]}, "bottleneck": {"kind": "gaussian", "size": 3}}
OBJECTIVE = {"corruption": "masking", "rate": {"free_bits": 0.1}, "penalties": ["weight_l2"]}
KL = {"penalties": [{"kind": "code_kl", "weight": 2.0, "target": 0.1}]}
SIGMOID = {"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": 3, "activation": "sigmoid"}}
MIXED = Layout((4,), True, (0, 3, 0, 2), (False, False, True, False), (0.0, 3.9, 0.0, 3.7), (0.0, -0.02, 0.0, -0.03))


def table(n: int = N) -> np.ndarray:
    """Rows of MIXED, with holes."""
    draw = np.random.default_rng(0)
    x = np.stack([draw.normal(size=n), draw.integers(0, 4, n), draw.normal(size=n), draw.integers(0, 3, n)], axis=1)
    return np.where(draw.random(x.shape) < 0.1, np.nan, x).astype(np.float32)


def labelled(make, x: np.ndarray) -> Split:
    return make.split(x, np.random.default_rng(1).integers(0, 3, len(x)))


def every_group(trained, asked: Asked):
    return [group for name in STEPS for group in STEPS[name](trained, asked)]


@bitwise
@pytest.mark.parametrize(
    ("most", "shape", "model", "objective"),
    [
        (sample.MOST, (4,), VAE, OBJECTIVE),
        (300, (4,), VAE, OBJECTIVE),
        (300, MIXED, VAE, {}),
        (300, (2, 2, 1), SIGMOID, KL),
    ],
)
def test_the_size_of_blocks_changes_no_bit(make, monkeypatch, most, shape, model, objective):
    monkeypatch.setattr(sample, "MOST", most)
    monkeypatch.setattr(manifold, "MOST", 200)
    trained = make.build(shape, model, objective)
    x = table() if shape is MIXED else np.random.default_rng(2).random((N, *shape)).astype(np.float32)
    rows = labelled(make, x)
    make.with_rows(trained, x[:700])
    found = [
        measured(every_group(trained, Asked(3, training=True)), rows.blocks(size))
        for size in (BATCH, 3 * BATCH, 16 * BATCH)
    ]
    assert found[0][0] == N
    assert {"loss", "squared_error", "knn_accuracy"} <= set(found[0][1].metrics)
    assert repr(found[0]) == repr(found[1]) == repr(found[2])  # the repr of a float is exact


def test_a_block_that_ends_within_a_batch_is_refused(make):
    rows = make.split(np.zeros((1200, 4)))
    with pytest.raises(ValueError, match="row 500, which ends no batch"):
        measured([Reconstruction(make.identity(4))], rows.blocks(500))
    with pytest.raises(ValueError, match="no row"):
        measured([Reconstruction(make.identity(4))], [])


@pytest.mark.parametrize("features", [1, 20, 784, 10**5, 10**8])
def test_blocks_are_whole_batches_and_batches_whole_pieces(features):
    assert rows_of_block(features) % BATCH == 0
    assert rows_of_block(features) * features <= max(moments.VALUES, BATCH * features)
    if features <= 10**5:
        lengths = [len(piece) for piece in pieces(np.zeros((BATCH, features), np.uint8))]
        assert sum(lengths) == BATCH
        assert len(set(lengths)) == 1
        assert lengths[0] * features <= moments.VALUES


class Unending:
    """A split whose rows are made as they are read; none is kept."""

    def __init__(self, rows: int, width: int):
        self.rows, self.width = rows, width

    def blocks(self, size: int) -> Iterator[Split]:
        for first in range(0, self.rows, size):
            n = min(size, self.rows - first)
            draw = np.random.default_rng(first)
            x, number = draw.random((n, self.width), np.float32), np.arange(first, first + n)
            yield Split(x, draw.integers(0, 2, n), number, number)


def test_memory_does_not_grow_with_the_rows(make, monkeypatch):
    """Four times the rows: not one more number is kept (an array of a float a row would be 370 kB)."""
    monkeypatch.setattr(sample, "MOST", 500)
    monkeypatch.setattr(manifold, "MOST", 200)
    trained = make.with_rows(make.build((4,), VAE, {}), np.random.default_rng(3).random((300, 4), np.float32))
    peaks = []
    for rows in (8 * BATCH, 60 * BATCH, 240 * BATCH):  # the first compiles
        groups = every_group(trained, Asked(1, training=True))
        tracemalloc.start()
        for first, block in enumerate(Unending(rows, 4).blocks(2 * BATCH)):
            for group in groups:
                group.add(block, 2 * BATCH * first)
            if first % 8 == 0:
                gc.collect()  # JAX lets go of what calls were given when garbage is collected, not before
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 100_000


def close(metric, values: np.ndarray) -> None:
    values = values.astype(np.float64)
    assert metric.value == pytest.approx(values.mean(), rel=1e-12)
    assert metric.stderr == pytest.approx(values.std(ddof=1) / np.sqrt(len(values)), rel=1e-10)


def test_means_and_errors_are_numpys_in_float64(make):
    trained = make.build((4,), VAE, OBJECTIVE)
    x = np.random.default_rng(3).normal(3, 1, (N, 4)).astype(np.float32)
    close(make.metrics(Reconstruction(trained), x)["squared_error"], errors(trained, x).squared)
    found, values = make.metrics(Terms(trained), x), term_values(trained, x)
    close(found["reconstruction"], values["reconstruction"])
    close(found["rate_charged"], values["rate"])
    nll, effective = (weighing := weighed(trained, x, 4)).nll, weighing.effective
    found = make.metrics(Likelihood(trained, 4), x)
    close(found["nll"], nll)
    close(found["nll_effective_samples"], effective)
    assert found["nll_effective_samples_low"].value == np.quantile(effective, 0.05)


def test_what_is_defined_over_all_rows_is_numpys(make):
    trained, x = make.build((4,), VAE, {}), np.random.default_rng(4).normal(5, 3, (N, 4)).astype(np.float32)
    found, squared = make.metrics(Reconstruction(trained), x), errors(trained, x).squared
    wide = x.astype(np.float64)
    explained = 1 - squared.sum() / np.square(wide - wide.mean(axis=0)).sum()
    assert found["explained_variance"].value == pytest.approx(explained, rel=1e-11)
    psnr = 10 * np.log10((wide.max() - wide.min()) ** 2 / (squared.mean() / 4))
    assert found["psnr"].value == pytest.approx(psnr, rel=1e-12)
    active = (trained.encode(x).astype(np.float64).var(axis=0) > 0.01).sum()
    assert make.metrics(Bound(trained), x)["active_units"].value == active


def test_holes_and_categories_are_counted_as_numpy_counts(make):
    trained, x = make.build(MIXED, VAE, {}), table()
    found, each, known = make.metrics(Reconstruction(trained), x), errors(trained, x), ~np.isnan(x)
    assert found["mse"].value == pytest.approx(each.squared.sum() / known[:, [0, 2]].sum(), rel=1e-12)
    assert found["mse"].stderr is None
    assert found["category_accuracy"].value == each.right.sum() / known[:, [1, 3]].sum()
    numbers = x[:, [0, 2]].astype(np.float64)
    deviation = np.nansum(np.square(numbers - np.nanmean(numbers, axis=0)))
    assert found["explained_variance"].value == pytest.approx(1 - each.squared.sum() / deviation, rel=1e-11)


def test_moments_are_numpys_far_from_zero():
    values = np.random.default_rng(5).normal(1e6, 1e-2, 5000)
    found = Moments("a", "b")
    found.add({"a": values, "b": -values})
    close(found.metric("a", ""), values)
    assert found.mean("b") == -found.mean("a")


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_a_sample_is_a_function_of_the_number_of_rows(size):
    expected = sampled(1000, 64)
    kept = Sample(64)
    for first in range(0, 1000, size):
        at = kept.candidates(first, min(size, 1000 - first))
        kept.add(first + at, square=(first + at) ** 2)
    taken = kept.taken()
    np.testing.assert_array_equal(taken["numbers"], expected)
    np.testing.assert_array_equal(taken["square"], expected**2)
    assert len(expected) == 64
    assert (np.diff(expected) > 0).all()
    np.testing.assert_array_equal(sampled(64, 64), np.arange(64))


def test_a_sample_is_drawn_evenly():
    numbers = sampled(100_000, 10_000)
    assert numbers.mean() == pytest.approx(50_000, abs=5 * 100_000 / np.sqrt(12 * 10_000))
    for period in (2, 7, 64):
        counts = np.bincount(numbers % period, minlength=period)
        assert np.abs(counts - 10_000 / period).max() < 5 * np.sqrt(10_000 / period)


def test_a_sample_is_said_to_be_one(make, monkeypatch):
    monkeypatch.setattr(sample, "MOST", 900)
    trained, rows = make.identity(2), labelled(make, np.random.default_rng(6).random((N, 2)))
    found = make.measured(Representation(trained, True), rows)
    assert "representation looks at 900 of the 2600 evaluated rows, drawn at random" in found.notes
    assert found.metrics["knn_accuracy"].stderr == pytest.approx(
        np.sqrt(found.metrics["knn_accuracy"].value * (1 - found.metrics["knn_accuracy"].value) / 900)
    )
    unit = make.metrics(Likelihood(make.build((2,), VAE, {}), 2), rows)["nll_effective_samples_low"].unit
    assert "over 900 of the examples" in unit
