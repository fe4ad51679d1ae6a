from __future__ import annotations

import csv
import json

import jax
import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf
from sklearn.metrics import average_precision_score, roc_auc_score

from aecli.config.problems import UserError
from aecli.tasks.anomaly import calibrate, calibration, judge, score
from aecli.tasks.anomaly.scores import Latent, row_scores
from aecli.tasks.anomaly.verdict import areas
from aecli.tasks.baselines import Baselines
from tests.tasks.small import GAUSSIAN, pixels, table, trained

KINDS = ("reconstruction", "likelihood", "latent_distance")


def mixed(n=600, anomalies=60, seed=0):
    """Rows with anomalies scattered among them, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(n, np.int64)
    labels[rng.choice(n, anomalies, replace=False)] = 1
    x = table(n, seed=seed)
    x[labels == 1] += rng.normal(size=(anomalies, 5)) * 60
    return x, labels


def labelled(folder, **sections):
    x, labels = mixed()
    return trained(folder, x, raw={"labels": labels}, data={"split": {"validation": 0.3, "test": 0.3}}, **sections)


def latent_of(model):
    return Latent.fit(model.encode(model.dataset.train.x))


def test_the_reconstruction_score_is_the_loss_at_the_mean_code(tmp_path):
    model = labelled(tmp_path, model=GAUSSIAN, objective={"reconstruction": {"kind": "gaussian", "variance": 0.25}})
    x = model.dataset.test.x
    x_hat = np.asarray(model.autoencoder.reconstruct(model.weights, x), float)
    expected = (0.5 * (np.log(2 * np.pi * 0.25) + (x - x_hat) ** 2 / 0.25)).sum(axis=1)
    np.testing.assert_allclose(row_scores(model, "reconstruction", x), expected, rtol=1e-4)


def test_the_likelihood_score_is_a_bound_with_sixteen_shared_draws(tmp_path):
    model = labelled(tmp_path, model=GAUSSIAN)
    x = model.dataset.test.x
    found = row_scores(model, "likelihood", x)
    posterior = model.autoencoder.encode(model.weights, x).posterior
    mean, sd = np.asarray(posterior.mean, float), np.exp(0.5 * np.asarray(posterior.log_variance, float))
    from aecli.training.keys import EVALUATION, stream_key

    eps = np.asarray(jax.random.normal(stream_key(0, EVALUATION), (16, 1, 3)), float)
    z = mean + sd * eps
    x_hat = np.stack([model.decode(draw) for draw in z]).astype(float)
    log_x = -((x - x_hat) ** 2).sum(axis=-1) - 2.5 * np.log(np.pi)  # N(x_hat, 1/2)
    log_prior = -0.5 * (z**2 + np.log(2 * np.pi)).sum(axis=-1)
    log_q = -0.5 * (eps**2 + np.log(2 * np.pi) + 2 * np.log(sd)).sum(axis=-1)
    expected = np.log(16) - np.logaddexp.reduce(log_x + log_prior - log_q, axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_latent_distance_is_mahalanobis(tmp_path):
    rng = np.random.default_rng(0)
    codes, new = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4)), rng.normal(size=(700, 4)) * 3
    reference = LedoitWolf().fit(codes)
    expected = [mahalanobis(z, reference.location_, np.linalg.inv(reference.covariance_)) for z in new]
    np.testing.assert_allclose(Latent.fit(codes).distance(new), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_scores_the_same_in_any_company(kind, tmp_path):
    model = trained(tmp_path, table(1500), model=GAUSSIAN)
    x, latent = model.dataset.train.x, latent_of(model)
    whole = row_scores(model, kind, x, latent)
    for rows in (slice(0, 1), slice(3, 700), slice(900, 901)):
        np.testing.assert_array_equal(row_scores(model, kind, x[rows], latent), whole[rows])


def test_what_overflows_is_the_most_anomalous(tmp_path):
    model = trained(tmp_path, table(60), model={"encoder": {"widths": []}})
    x = np.full((2, 5), 1e38, np.float32)
    x[1] = 0
    with np.errstate(all="ignore"):
        scores = row_scores(model, "reconstruction", x)
    assert scores[0] == np.inf
    assert np.isfinite(scores[1])


def test_a_likelihood_needs_a_stochastic_code(tmp_path):
    with pytest.raises(UserError, match="needs a stochastic bottleneck"):
        calibrate(labelled(tmp_path), "likelihood")
    with pytest.raises(UserError, match="did you mean 'reconstruction'"):
        calibrate(labelled(tmp_path), "reconstrution")


def test_rows_must_have_been_held_out(tmp_path):
    model = trained(tmp_path, table(60), data={"split": {"validation": 0.0}})
    with pytest.raises(UserError, match=r"hold rows out: data\.split\.validation"):
        calibrate(model)
    assert not (model.run.path / "anomaly.npz").exists()


def test_known_anomalies_and_training_rows_are_not_calibrated_on(tmp_path):
    model = labelled(tmp_path)
    found = calibrate(model, false_positive_rate=0.05)
    held = model.dataset.validation
    normal = held.x[held.labels == 0]
    assert 0 < len(normal) < len(held)
    np.testing.assert_array_equal(found.scores, np.sort(row_scores(model, "reconstruction", normal)))
    expected = Baselines.fit(model.dataset.train.x, 3).scores(normal)
    for name, values in expected.items():
        np.testing.assert_allclose(found.baseline_scores[name], np.sort(values), rtol=1e-6)


def test_all_held_out_rows_are_normal_where_nothing_is_known(tmp_path):
    model = trained(tmp_path, table(200))
    assert len(calibrate(model, warn=lambda text: None).scores) == len(model.dataset.validation)


def test_held_out_rows_that_are_all_anomalies_are_refused(tmp_path):
    x, labels = mixed()
    model = trained(tmp_path, x, raw={"labels": labels})
    rows = model.dataset.validation.take(np.flatnonzero(model.dataset.validation.labels == 1))
    model.dataset = type(model.dataset)(**{**vars(model.dataset), "validation": rows})
    with pytest.raises(UserError, match="all held-out rows are anomalies"):
        calibrate(model)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_lies_between_zero_and_one(rate, tmp_path):
    with pytest.raises(UserError, match="between 0 and 1"):
        calibrate(labelled(tmp_path), false_positive_rate=rate)


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibration_is_kept_for_its_score_and_checkpoint(kind, tmp_path, monkeypatch):
    model = labelled(tmp_path, model=GAUSSIAN)
    first = judge(model, score=kind)
    with monkeypatch.context() as patched:
        patched.setattr(calibration, "_fitted", lambda *args: pytest.fail("fitted again"))
        again = judge(model, score=kind, false_positive_rate=0.2)
    np.testing.assert_array_equal(first.scores, again.scores)
    np.testing.assert_array_equal(first.p_values, again.p_values)
    for name, values in first.baselines.items():
        np.testing.assert_array_equal(values, again.baselines[name])
    assert again.flags.sum() >= first.flags.sum()
    calls = []
    fitted = calibration._fitted
    monkeypatch.setattr(calibration, "_fitted", lambda *args: calls.append(args[1]) or fitted(*args))
    calibrate(labelled(tmp_path, model=GAUSSIAN, step=8), kind)
    other = next(k for k in KINDS if k != kind)
    calibrate(labelled(tmp_path, model=GAUSSIAN, step=8), other)
    assert calls == [kind, other]


def test_the_summary_is_that_of_scikit_learn_and_the_file_holds_the_verdict(tmp_path):
    model = labelled(tmp_path)
    found = score(model, output=tmp_path / "scores.csv", false_positive_rate=0.05)
    rows, verdict = model.dataset.test, judge(model, false_positive_rate=0.05)
    truth = rows.labels == 1
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, verdict.scores))
    assert found["average_precision"] == pytest.approx(average_precision_score(truth, verdict.scores))
    assert (found["split"], found["rows"], found["score"]) == ("test", len(rows), "reconstruction")
    assert found["expected_flags"] == pytest.approx(0.05 * len(rows))
    assert found["flagged"] == int((verdict.scores > found["threshold"]).sum()) > 0
    for name, values in verdict.baselines.items():
        assert found["baselines"][name]["roc_auc"] == pytest.approx(roc_auc_score(truth, values))
        assert found["baselines"][name]["flagged"] == int(verdict.calibration.flags(values, name).sum()) > 0
    json.dumps(found, allow_nan=False)
    with (tmp_path / "scores.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["id", "score", "p_value", "is_anomaly", "label"]
    assert [int(line["id"]) for line in lines] == rows.ids.tolist()
    assert [line["is_anomaly"] == "true" for line in lines] == verdict.flags.tolist()
    assert [float(line["score"]) > found["threshold"] for line in lines] == verdict.flags.tolist()
    assert [float(line["p_value"]) <= 0.05 for line in lines] == verdict.flags.tolist()


def test_without_labels_there_are_no_areas_but_counts(tmp_path):
    model = trained(tmp_path, table(400))
    found = score(model, table(50, seed=4), output=tmp_path / "scores.csv", false_positive_rate=0.1)
    assert found["rows"] == 50
    assert found["roc_auc"] is found["average_precision"] is found["baselines"]["z_norm"]["roc_auc"] is None
    assert found["baselines"]["pca_residual"]["flagged"] >= 0
    assert (tmp_path / "scores.csv").read_text().startswith("id,score,p_value,is_anomaly\n0,")


def test_the_classes_trained_on_are_the_normal_ones(tmp_path):
    labels = np.arange(400) % 4
    data = {"classes": [0, 1], "split": {"validation": 0.3}}
    model = trained(tmp_path, table(400), raw={"labels": labels}, data=data)
    verdict = judge(model, warn=lambda text: None)
    np.testing.assert_array_equal(verdict.truth, model.dataset.test.labels >= 2)
    assert len(verdict.calibration.scores) == len(model.dataset.validation)


def test_a_file_of_normal_rows_alone_is_known_to_be_normal(tmp_path):
    """Its labels are only 0; the run's data say that 1 is the anomaly, also when read again."""
    model = labelled(tmp_path)
    np.savez(tmp_path / "new.npz", x=table(30), y=np.zeros(30, np.int64))
    for _ in range(2):
        verdict = judge(model, tmp_path / "new.npz", false_positive_rate=0.1)
        assert verdict.truth is not None
        assert not verdict.truth.any()
        assert verdict.summary()["roc_auc"] is None


def test_too_few_rows_are_warned_of_and_noted(tmp_path):
    said = []
    model = trained(tmp_path, table(100))
    found = score(model, false_positive_rate=0.01, warn=said.append)
    assert found["notes"] == said
    assert "10 held-out normal rows support a false-positive rate of 0.0909 or more, not 0.01" in said[0]
    assert found["threshold"] == calibrate(model).scores.max()


def test_infinite_scores_have_an_area():
    truth, scores = np.array([False, True, False, True]), np.array([1, np.inf, 2, 1.5])
    expected = roc_auc_score(truth, [1, 9, 2, 1.5])
    assert areas(truth, scores)["roc_auc"] == pytest.approx(expected)


def test_held_out_normals_are_flagged_at_the_nominal_rate(tmp_path):
    model = trained(tmp_path, table(4000), data={"split": {"validation": 0.4, "test": 0.4}})
    verdict = judge(model, false_positive_rate=0.05)
    assert abs(verdict.flags.mean() - 0.05) < 0.025


def test_images_are_scored_too(tmp_path):
    model = trained(tmp_path, pixels(200), objective={"reconstruction": "bernoulli"}, model=GAUSSIAN)
    for kind in KINDS:
        assert np.isfinite(judge(model, score=kind, warn=lambda text: None).scores).all()
