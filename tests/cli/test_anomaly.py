"""`anomaly fit` and `anomaly score`."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.cli.command import done, refused, written
from tests.cli.conftest import ANOMALY, COLUMNS, people
from tests.cli.test_outputs import table

KEYS = {
    "run", "split", "rows", "score", "threshold", "false_positive_rate", "calibration_rows", "flagged",
    "expected_flags", "roc_auc", "average_precision", "baselines", "drift", "notes",
}  # fmt: skip


def bare(path: str = "bare.csv") -> Path:
    """The table with its columns of numbers alone."""
    lines = [",".join(line.split(",")[1:4]) for line in people()]
    return written("\n".join(lines) + "\n", path)


def test_score_writes_a_row_for_each_row_and_its_numbers_hold(runs):
    report = done("anomaly", "score", runs.anomaly, "--output", "scores.csv", "--json").json
    rows = table("scores.csv")
    assert set(report) == KEYS
    assert list(rows) == ["id", "score", "p_value", "is_anomaly", "label"]
    assert (report["split"], report["rows"]) == ("test", len(rows["id"]))
    score, p = np.array(rows["score"], float), np.array(rows["p_value"], float)
    flags = np.array([word == "true" for word in rows["is_anomaly"]])
    truth = np.array(rows["label"]) != "0"
    assert set(rows["is_anomaly"]) == {"true", "false"}
    assert report["flagged"] == flags.sum()
    assert np.array_equal(flags, score > np.float32(report["threshold"]))
    assert np.array_equal(flags, p <= report["false_positive_rate"])
    assert report["roc_auc"] == pytest.approx(roc_auc_score(truth, score), abs=1e-6)
    assert report["roc_auc"] > 0.8
    assert set(report["baselines"]) == {"z_norm", "pca_residual"}
    assert all(0.5 < b["roc_auc"] <= 1 for b in report["baselines"].values())


def test_score_prints_the_baselines_beside_it_and_draws(runs):
    found = done("anomaly", "score", runs.anomaly)
    assert found.out.startswith(f"{runs.anomaly}  test: ")
    assert [line.split()[0] for line in found.out.splitlines()[1:]] == [
        "score", "reconstruction", "z_norm", "pca_residual",
    ]  # fmt: skip
    figures = [runs.anomaly / "figures" / name for name in ("score_histogram.png", "roc.png")]
    assert found.err.splitlines() == [str(path) for path in figures]
    assert all(path.stat().st_size > 1000 for path in figures)
    assert done("--quiet", "anomaly", "score", runs.anomaly).err == ""


def test_score_of_a_file_keeps_order_and_ids(runs):
    found = done("anomaly", "score", runs.table, "--data", runs.csv, "--output", "scores.csv", "--json").json
    rows = table("scores.csv")
    assert rows["id"] == [f"p{i:03d}" for i in range(80)]
    assert found["split"] == str(runs.csv)
    assert found["roc_auc"] is None
    assert "16 held-out normal rows support a false-positive rate of 0.0588 or more, not 0.01" in found["notes"][0]


def test_warnings_are_said_even_to_the_quiet(runs):
    found = done("--quiet", "anomaly", "score", runs.table)
    assert "warning: 16 held-out normal rows support a false-positive rate of 0.0588 or more" in found.err
    assert "score_histogram.png" not in found.err
    tiny = ("training.epochs=1", "model.encoder.widths=[4]", "model.bottleneck.size=2")
    fitted = done("--quiet", "anomaly", "fit", bare(), *tiny)
    assert all(line.startswith("warning: ") for line in fitted.err.splitlines())
    assert "no label says which rows are normal" in fitted.err
    assert "warnings" in done("--help").out


def test_figures_of_other_rows_leave_those_of_the_test_split(runs):
    done("anomaly", "score", runs.anomaly)
    own = {path: path.read_bytes() for path in (runs.anomaly / "figures").glob("*.png")}
    assert {"score_histogram.png", "roc.png"} <= {path.name for path in own}
    from sklearn.datasets import load_digits

    digits = load_digits()
    np.savez("new.npz", x=digits.images[:50] / 16, y=(digits.target[:50] != 0).astype(np.int64))
    Path("there").mkdir()
    beside = done("anomaly", "score", runs.anomaly, "--data", "new.npz", "-o", "there/s.csv").err.splitlines()
    named = done("anomaly", "score", runs.anomaly, "--data", "new.npz").err.splitlines()
    other = done("anomaly", "score", runs.anomaly, "--split", "validation", "-o", "v.csv").err.splitlines()
    figures = runs.anomaly / "figures"
    assert beside[-2:] == ["there/s.png", "there/s_roc.png"]
    assert named[-2:] == [str(figures / "new.npz" / name) for name in ("score_histogram.png", "roc.png")]
    assert other[-1] == str(figures / "validation" / "score_histogram.png")
    assert sorted(p.name for p in Path("there").iterdir()) == ["s.csv", "s.png", "s_roc.png"]
    assert {path: path.read_bytes() for path in figures.glob("*.png")} == own


def test_fit_takes_a_bare_file_of_rows_and_overrides():
    found = done(
        "anomaly", "fit", bare(), "--json", "training.epochs=2", "model.encoder.widths=[8]", "model.bottleneck.size=2",
        "data.split.validation=0.3", "anomaly.false_positive_rate=0.1", "--output", "there",
    )  # fmt: skip
    assert set(found.json) == {"run", "status", "metrics"}
    assert all(math.isfinite(value) for value in found.json["metrics"].values())
    run = Path(found.json["run"])
    assert run.parent == Path("there/anomaly/bare")
    assert (run / "anomaly.npz").exists()
    assert "from 24 held-out rows" in found.err
    lines = [",".join(COLUMNS), "170,70,40", "400,-70,40"]
    written("\n".join(lines), "two.csv")
    done("anomaly", "score", run, "--data", "two.csv", "--output", "two_scores.csv")
    rows = table("two_scores.csv")
    assert list(rows) == ["id", "score", "p_value", "is_anomaly"]
    assert rows["is_anomaly"] == ["false", "true"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["c.yaml", "data.split.validation=0"], "override:1:23: a threshold needs held-out normal rows"),
        (["c.yaml", "anomaly.score=likelihood"], "override:1:15: a likelihood needs a stochastic bottleneck"),
        (["c.yaml", "anomaly.false_positive_rate=1"], "override:1:29: "),
        (["nothing.csv"], "no file 'nothing.csv'"),
        (["nothing.yaml"], "nothing.yaml: there is no such file"),
        (["c.yaml", "data.classes=[12]"], "override:1:14: data.classes: no row of digits has the label '12'"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_training(arguments, message):
    written(ANOMALY)
    assert message in refused("anomaly", "fit", *arguments)
    assert not Path("outputs").exists()


def test_a_run_that_held_nothing_out_cannot_score(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("validation: 0.1", "validation: 0.0"))
    assert "this run held no rows out" in refused("anomaly", "score", run)
    assert "'.npy' is no suffix" in refused("anomaly", "score", run, "--output", "x.npy")
