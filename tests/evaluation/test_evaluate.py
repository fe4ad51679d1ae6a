from __future__ import annotations

from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

from aecli.config.problems import UserError
from aecli.evaluation.groups import GROUPS, Asked, measure
from aecli.experiment import MetricGroup
from aecli.runs.files import to_json
from aecli.tasks.evaluate import evaluate

RECONSTRUCTION = ["squared_error", "mse", "psnr", "explained_variance"]
TERMS = ["loss", "reconstruction", "penalties.0.weight_l1"]
BOUND = ["elbo", "rate", "distortion", "active_units"]
NLL = ["nll", "nll_at_1", "posterior_gap", "nll_effective_samples", "nll_effective_samples_low"]
REPRESENTATION = ["linear_probe_accuracy", "knn_accuracy", "kmeans_accuracy", "kmeans_nmi"]
DRAW = np.random.default_rng(7)


@pytest.fixture(scope="module", params=["dense", "gaussian"])
def trained(request, make):
    model = {"encoder": {"widths": [5]}, "bottleneck": {"kind": request.param, "size": 3}}
    trained = make.build((6,), model, {"penalties": ["weight_l1"]})
    splits = {n: make.split(DRAW.random((60, 6)), DRAW.integers(0, 3, 60)) for n in ("train", "test")}
    trained.dataset = SimpleNamespace(validation=None, **splits)
    named = ("train", "validation", "test")
    trained.dataset.splits = lambda d=trained.dataset: {n: s for n in named if (s := getattr(d, n)) is not None}
    return trained


def test_the_grammar_names_exactly_the_groups_that_there_are():
    assert set(get_args(MetricGroup)) == set(GROUPS)


@pytest.mark.parametrize(
    ("groups", "before", "after"),
    [
        (None, RECONSTRUCTION, []),
        ([], [], []),
        (["likelihood"], [], NLL),
        (["representation", "likelihood", "reconstruction"], RECONSTRUCTION, NLL + REPRESENTATION),
    ],
)
def test_terms_and_bound_come_always_and_groups_when_named(trained, groups, before, after):
    report = evaluate(trained, metrics=groups, importance_samples=5)
    stochastic = trained.autoencoder.model.bottleneck.stochastic
    if not stochastic:
        assert len(report["notes"]) == (after[: len(NLL)] == NLL)
        after = [name for name in after if name not in NLL]
    assert list(report["metrics"]) == before + TERMS + (BOUND if stochastic else []) + after


def test_the_report_keeps_its_contract(trained):
    said: list[str] = []
    report = evaluate(trained, say=said.append)
    assert list(report) == ["run", "split", "examples", "metrics", "units", "stderr", "notes"]
    assert (report["run"], report["split"], report["examples"]) == ("outputs/some/run", "test", 60)
    assert list(report["units"]) == list(report["metrics"])
    assert all(report["units"].values())
    assert set(report["stderr"]) < set(report["metrics"])
    assert "penalties.0.weight_l1" not in report["stderr"]
    assert all(isinstance(value, float | int) for value in report["metrics"].values())
    assert to_json(report) == to_json(evaluate(trained))
    assert said == ["measuring reconstruction, objective"]


def test_a_split_by_name(trained):
    report = evaluate(trained, split="train")
    assert report["split"] == "train"
    assert report["metrics"]["loss"] != evaluate(trained)["metrics"]["loss"]
    with pytest.raises(UserError, match="no validation split"):
        evaluate(trained, split="validation")


def test_an_unknown_group_is_refused_before_anything_is_measured(trained):
    with pytest.raises(UserError, match="did you mean 'likelihood'"):
        evaluate(trained, metrics=["reconstruction", "liklihood"], say=pytest.fail)
    with pytest.raises(UserError, match="'terms'"):
        measure(trained, trained.dataset.test.blocks(512), ["terms"], Asked(5), pytest.fail)


@pytest.mark.parametrize("draws", [0, -3, 10**9])
def test_a_count_of_draws_out_of_range(trained, draws):
    with pytest.raises(UserError, match="importance samples"):
        evaluate(trained, importance_samples=draws, say=pytest.fail)


def test_no_rows(trained, make, monkeypatch):
    monkeypatch.setattr(trained.dataset, "test", make.split(np.zeros((0, 6))))
    with pytest.raises(UserError, match="no rows"):
        evaluate(trained)


def test_one_row(trained, make, monkeypatch):
    monkeypatch.setattr(trained.dataset, "test", make.split(DRAW.random((1, 6))))
    report = evaluate(trained, metrics=["reconstruction", "likelihood"], importance_samples=2)
    assert report["examples"] == 1
    assert report["stderr"] == {}
