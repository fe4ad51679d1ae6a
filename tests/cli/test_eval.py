"""`eval`: keys, finite numbers with their units, splits, groups, checkpoints."""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from aecli.experiment import MetricGroup
from tests.cli.command import aecli, done, refused


@pytest.mark.parametrize("run", ["dense", "gaussian", "table", "anomaly"])
def test_json_has_the_contract_s_keys_and_every_metric_a_finite_value_and_a_unit(runs, run):
    report = done("eval", getattr(runs, run), "--json").json
    assert set(report) == {"run", "split", "examples", "metrics", "units", "stderr", "notes"}
    assert report["run"] == str(getattr(runs, run))
    assert report["split"] == "test"
    assert set(report["metrics"]) == set(report["units"])
    assert set(report["stderr"]) <= set(report["metrics"])
    assert all(math.isfinite(v) for v in [*report["metrics"].values(), *report["stderr"].values()])
    assert all(report["units"].values())
    always = {"squared_error", "mse", "psnr", "explained_variance", "loss", "reconstruction"}
    bound = {"elbo", "rate", "distortion", "active_units"}
    assert always <= set(report["metrics"])
    assert bool(bound & set(report["metrics"])) == (run == "gaussian")


def test_the_table_shows_the_numbers_of_the_json(runs):
    found, report = done("eval", runs.dense), done("eval", runs.dense, "--json").json
    head, titles, *rows = found.out.splitlines()
    assert head == f"{runs.dense}  test: 180 examples"
    assert titles.split() == ["metric", "value", "stderr", "unit"]
    assert {row.split()[0]: row.split()[1] for row in rows} == {k: f"{v:.6g}" for k, v in report["metrics"].items()}
    assert "measuring" in found.err
    assert done("--quiet", "eval", runs.dense).err == ""


def test_the_mse_is_that_of_what_reconstruct_writes(runs):
    done("embed", runs.dense, "--output", "codes.npz")
    done("reconstruct", runs.dense, "--output", "x_hat.npy")
    from sklearn.datasets import load_digits

    x = load_digits().images[np.load("codes.npz")["ids"]][..., None] / 16
    expected = np.mean((np.load("x_hat.npy") - x) ** 2)
    report = done("eval", runs.dense, "--json").json
    assert report["metrics"]["mse"] == pytest.approx(expected, rel=1e-5)
    assert report["metrics"]["squared_error"] == pytest.approx(64 * expected, rel=1e-5)


@pytest.mark.parametrize(("split", "rows"), [("train", 1437), ("validation", 180), ("test", 180)])
def test_split(runs, split, rows):
    report = done("eval", runs.dense, "--split", split, "--json").json
    assert (report["split"], report["examples"]) == (split, rows)


def test_data_from_a_file_or_a_named_set(runs):
    report = done("eval", runs.table, "--data", runs.csv, "--json").json
    assert (report["split"], report["examples"]) == (str(runs.csv), 80)
    assert done("eval", runs.dense, "--data", "digits", "--json").json["examples"] == 1797


def test_groups_and_the_number_of_importance_samples(runs):
    ask = ("eval", runs.gaussian, "--metrics", "likelihood,representation", "--json", "--importance-samples")
    few, many = (done(*ask, n).json for n in (1, 64))
    probes = {"linear_probe_accuracy", "knn_accuracy", "kmeans_accuracy", "kmeans_nmi"}
    assert probes | {"nll", "elbo"} <= set(few["metrics"])
    assert not {"psnr", "mse"} & set(few["metrics"])
    assert all(0 <= few["metrics"][name] <= 1 for name in probes)
    assert many["metrics"]["nll"] < few["metrics"]["nll"]
    assert "64" in many["units"]["nll"]
    assert few["notes"] == []


def test_the_evaluation_s_own_keys_may_be_given_anew(runs):
    ask = ("eval", runs.gaussian, "--metrics", "representation", "--json")
    plain, other = (done(*ask, *words).json for words in ((), ("evaluation.probe={scale: code, C: 1e-6}",)))
    assert "standardised" in plain["units"]["linear_probe_accuracy"]
    assert "C = 1e-06" in other["units"]["linear_probe_accuracy"]
    assert other["metrics"]["linear_probe_accuracy"] < plain["metrics"]["linear_probe_accuracy"]
    assert "psnr" in done("eval", runs.gaussian, "evaluation.metrics=[reconstruction]", "--json").json["metrics"]
    assert "C: 1.0" in (Path(runs.gaussian) / "config.yaml").read_text()


def test_a_group_that_does_not_apply_is_left_out_with_a_note(runs):
    report = done("eval", runs.dense, "--metrics", "likelihood", "--json").json
    assert "nll" not in report["metrics"]
    assert "nll is left out" in report["notes"][0]
    assert "note: nll is left out" in aecli("eval", runs.dense, "--metrics", "likelihood").err


def test_checkpoints_by_name_and_step(runs):
    steps = sorted(int(p.name) for p in (runs.gaussian / "checkpoints").iterdir())
    loss = {
        which: done("eval", runs.gaussian, "--checkpoint", which, "--split", "validation", "--json").json["metrics"][
            "loss"
        ]
        for which in ("best", "last", *map(str, steps))
    }
    assert loss["last"] == loss[str(steps[-1])] != loss[str(steps[0])]
    assert loss["best"] == min(loss.values())
    err = refused("eval", runs.gaussian, "--checkpoint", steps[-1] + 1)
    assert f"there are: {', '.join(map(str, steps))}" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "tset"], "this run has no tset split\n  it has: train, validation, test"),
        (["--split", "features"], "this run has no features split"),
        (["--split", "test", "--data", "digits"], "--data and --split exclude one another"),
        (["--metrics", "likelyhood"], "no group of metrics is called 'likelyhood'\n  did you mean 'likelihood'?"),
        (["--metrics", ""], "no group of metrics is called ''\n  known here: classification, denoising"),
        (["training.epochs=3"], "training.epochs=3 cannot be changed by evaluating\n  only evaluation.KEY=VALUE"),
        (["evaluation.probe.c=2"], "unknown key 'c'"),
        (["--checkpoint", "first"], "no checkpoint is called 'first'"),
        (["--checkpoint", "²"], "no checkpoint is called '²'"),
        (["--checkpoint", "-1"], "no checkpoint is called '-1'"),
        (["--importance-samples", "0"], "--importance-samples"),
        (["--importance-samples", "10000000"], "10000000 importance samples cannot be drawn"),
        (["--data", "nowhere.csv"], "no file 'nowhere.csv'"),
        (["--what"], "No such option: --what"),
    ],
)
def test_what_cannot_be_measured_is_refused(runs, arguments, message):
    assert message in refused("eval", runs.dense, *arguments)


def test_help_names_every_group_of_metrics():
    text = " ".join(aecli("eval", "--help").out.split())
    for name in get_args(MetricGroup):
        assert name in text
