from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from aecli.config.problems import UserError
from aecli.report.sheet import contact_sheet
from aecli.tasks import mixture as mixtures
from aecli.tasks.mixture import Mixture, fit, mixture_of
from aecli.tasks.sample import interpolate, manifold, sample, traverse
from tests.tasks.small import GAUSSIAN, pixels, table, trained

TWO = {"bottleneck": {"size": 2}}


def test_a_prior_is_drawn_from_where_there_is_one(tmp_path):
    model = trained(tmp_path, table(), model=GAUSSIAN)
    found = sample(model, 2000, seed=1)
    assert found.sampler == "prior"
    assert stats.kstest(found.codes.ravel(), "norm").pvalue > 1e-3
    decoded = np.asarray(model.autoencoder.decode(model.weights, found.codes).mean)
    np.testing.assert_allclose(found.samples, model.features.inverse(decoded), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found.samples, sample(model, 2000, seed=1).samples)
    assert (found.codes != sample(model, 2000, seed=2).codes).any()


def test_a_deterministic_code_is_drawn_from_a_mixture_of_its_training_codes(tmp_path):
    model = trained(tmp_path, table(2000))
    found, codes = sample(model, 20_000, seed=1), model.encode(model.dataset.train.x)
    assert found.sampler == "mixture"
    scale = codes.std(axis=0)
    np.testing.assert_allclose(found.codes.mean(axis=0), codes.mean(axis=0), atol=0.05 * scale.max())
    np.testing.assert_allclose(np.cov(found.codes.T), np.cov(codes.T), atol=0.05 * (scale**2).max())


def test_a_stochastic_code_may_be_drawn_from_the_mixture_too(tmp_path):
    model = trained(tmp_path, table(), model=GAUSSIAN)
    assert sample(model, 4, "mixture").sampler == "mixture"
    assert (model.run.path / "mixture.npz").exists()


def test_the_prior_of_a_deterministic_code_is_refused(tmp_path):
    model = trained(tmp_path, table(60))
    with pytest.raises(UserError, match="use --sampler mixture"):
        sample(model, 4, "prior")
    with pytest.raises(UserError, match="did you mean 'mixture'"):
        sample(model, 4, "mixtur")
    with pytest.raises(UserError, match="at least 1"):
        sample(model, 0)


def test_the_mixture_is_fitted_once_for_a_checkpoint(tmp_path, monkeypatch):
    model = trained(tmp_path, table())
    first = sample(model, 9, seed=3)
    with monkeypatch.context() as patched:
        patched.setattr(mixtures, "fit", lambda *args, **kwargs: pytest.fail("fitted again"))
        np.testing.assert_array_equal(sample(model, 9, seed=3).codes, first.codes)
    other = trained(tmp_path, table(), step=8, seed=0)
    other.weights = other.weights._replace(parameters={**other.weights.parameters})
    calls = []
    monkeypatch.setattr(mixtures, "fit", lambda *args, **kwargs: calls.append(1) or fit(*args, **kwargs))
    mixture_of(other)
    assert calls == [1]


def test_a_mixture_finds_two_clusters_of_any_scale():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 1000.0], [1e-3, -1000.0]])
    codes = centres[rng.integers(0, 2, 4000)] + rng.normal(size=(4000, 2)) * [1e-5, 10.0]
    found = fit(codes, components=2)
    order = np.argsort(found.means[:, 0])
    scale = np.abs(centres).max(axis=0)
    np.testing.assert_allclose(found.means[order] / scale, centres / scale, atol=0.01)
    np.testing.assert_allclose(found.weights, 0.5, atol=0.03)
    covariances = found.factors @ found.factors.transpose(0, 2, 1)
    np.testing.assert_allclose(covariances[:, 0, 0], 1e-10, rtol=0.1)
    np.testing.assert_allclose(covariances[:, 1, 1], 100, rtol=0.1)


def test_draws_of_a_mixture_have_its_moments():
    rng = np.random.default_rng(1)
    factors = np.tril(rng.normal(size=(3, 2, 2)))
    made = Mixture(np.array([0.2, 0.5, 0.3]), rng.normal(size=(3, 2)) * 3, factors)
    mean = made.weights @ made.means
    within = np.einsum("c,cij,ckj->ik", made.weights, factors, factors)
    between = np.einsum("c,ci,ck->ik", made.weights, made.means - mean, made.means - mean)
    z = made.sample(200_000, seed=0)
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(z.T), within + between, rtol=0.03, atol=0.05)


@pytest.mark.parametrize("codes", [np.zeros((2, 3)), np.ones((30, 2)), np.arange(10.0).reshape(5, 2)])
def test_few_or_equal_codes_still_make_a_mixture(codes):
    z = fit(codes).sample(50, seed=0)
    assert np.isfinite(z).all()
    assert np.abs(z - codes.mean(axis=0)).max() < 6 * max(codes.std(), 0.01)


def test_a_unit_that_does_not_vary_stays_what_it_is():
    codes = np.random.default_rng(0).normal(0, 1e-4, (300, 3))
    codes[:, 1] = 5e-5
    drawn = fit(codes).sample(500, seed=0)
    np.testing.assert_array_equal(drawn[:, 1], np.float32(5e-5))
    np.testing.assert_allclose(drawn[:, [0, 2]].std(axis=0), 1e-4, rtol=0.2)
    np.testing.assert_array_equal(fit(codes[:1]).sample(4, seed=0), np.repeat(codes[:1], 4, axis=0).astype(np.float32))


def test_wide_codes_get_as_many_components_as_the_work_allows(monkeypatch):
    codes = np.random.default_rng(0).normal(size=(400, 4))  # by rows 40 components
    assert len(fit(codes).weights) == 10
    monkeypatch.setattr(mixtures, "WORK", 3.5 * codes.size * 4)
    assert len(fit(codes).weights) == 3
    monkeypatch.setattr(mixtures, "WORK", 1.0)
    assert len(fit(codes).weights) == 1


def test_what_did_not_converge_is_said():
    rng = np.random.default_rng(0)
    said = []
    fit(np.repeat(rng.normal(size=(3, 1)), 40, axis=0), components=5, warn=said.append)
    assert said
    assert all("mixture" in text for text in said)


def test_an_interpolation_is_a_straight_line_between_two_rows(tmp_path):
    model = trained(tmp_path, table())
    found = interpolate(model, pairs=3, steps=5, seed=2)
    codes = found.codes.reshape(3, 5, -1)
    known = model.encode(model.dataset.test.x)
    for line in codes:
        for end in (line[0], line[-1]):
            assert (known == end).all(axis=1).any()
        np.testing.assert_allclose(np.diff(line, axis=0), np.broadcast_to((line[-1] - line[0]) / 4, (4, 3)), atol=1e-5)
    ends = codes[:, [0, -1]].reshape(-1, 3)
    assert len(np.unique(ends, axis=0)) == 6
    np.testing.assert_array_equal(found.samples, interpolate(model, pairs=3, steps=5, seed=2).samples)


def test_an_interpolation_of_more_rows_than_there_are_is_refused(tmp_path):
    with pytest.raises(UserError, match="100 pairs need 200 rows: the test split has 40"):
        interpolate(trained(tmp_path, table()), pairs=100)


def test_a_traversal_moves_one_unit_at_a_time_by_falling_variance(tmp_path):
    model = trained(tmp_path, table())
    found = traverse(model, steps=7)
    known = model.encode(model.dataset.train.x)
    codes = found.codes.reshape(3, 7, 3)
    for row, unit in enumerate(np.argsort(-known.var(axis=0))):
        still = [u for u in range(3) if u != unit]
        np.testing.assert_allclose(codes[row][:, still], np.tile(known.mean(axis=0)[still], (7, 1)), atol=1e-5)
        np.testing.assert_allclose(codes[row][[0, -1], unit], np.quantile(known[:, unit], [0.01, 0.99]), rtol=1e-5)


def test_a_traversal_shows_at_most_sixteen_units(tmp_path):
    model = trained(tmp_path, table(), model={"bottleneck": {"size": 20}})
    assert traverse(model, steps=3).codes.shape == (48, 20)


def test_a_map_goes_right_and_up(tmp_path):
    model = trained(tmp_path, table(), model=TWO)
    codes = manifold(model, steps=6).codes.reshape(6, 6, 2)
    assert (np.diff(codes[..., 0], axis=1) > 0).all()
    assert (np.diff(codes[..., 1], axis=0) < 0).all()
    assert (codes[:, :, 0] == codes[:1, :, 0]).all()
    known = model.encode(model.dataset.train.x)
    np.testing.assert_allclose(codes[-1, 0], np.quantile(known, 0.01, axis=0), rtol=1e-5)


def test_a_map_of_another_size_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"needs a code of two units: this one has 3\n.*bottleneck.size=2"):
        manifold(trained(tmp_path, table(60)))


def test_samples_of_images_are_written_as_a_sheet(tmp_path):
    model = trained(tmp_path, pixels(), objective={"reconstruction": "bernoulli"}, model=GAUSSIAN)
    found = sample(model, 10, output=tmp_path / "x.png")
    sheet = np.asarray(Image.open(tmp_path / "x.png"))
    k = -(-56 // min(found.samples.shape[1:3]))  # enlarged by a whole factor until a person can see something
    np.testing.assert_array_equal(sheet, contact_sheet(found.samples.repeat(k, 1).repeat(k, 2), columns=4))
    sample(model, 10, output=tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["samples"], found.samples)
        np.testing.assert_array_equal(file["codes"], found.codes)
    sample(model, 10, output=tmp_path / "x.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy", allow_pickle=False), found.samples)


@pytest.mark.parametrize("task", [lambda m, p: sample(m, 4, output=p), lambda m, p: traverse(m, output=p)])
def test_a_table_gets_no_sheet(task, tmp_path):
    with pytest.raises(UserError, match=r"use \.npy, \.npz, \.csv or \.parquet"):
        task(trained(tmp_path, table(60)), tmp_path / "x.png")


def test_samples_of_a_table_have_its_columns(tmp_path):
    model = trained(tmp_path, table(60), raw={"columns": tuple("abcde")})
    sample(model, 4, output=tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().startswith("a,b,c,d,e\n")


def test_no_column_of_samples_is_a_formula(tmp_path):
    model = trained(tmp_path, table(60), raw={"columns": ("=cmd()", "+b", "@c", "-1", "e")})
    sample(model, 4, output=tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().startswith("'=cmd(),'+b,'@c,-1,e\n")


def test_a_column_of_the_data_keeps_its_name_beside_those_of_a_walk(tmp_path):
    model = trained(tmp_path, table(60), raw={"columns": ("a", "step", "c", "d", "e")})
    traverse(model, steps=2, output=tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().startswith("unit,sample.step,value,a,step,c,d,e\n")
