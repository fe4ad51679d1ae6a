"""`train`, `resume` and `check`: what they print, where, and what they leave."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.cli.command import aecli, done, refused, written
from tests.cli.conftest import DENSE


def copied(run: Path) -> Path:
    """A run that a test may change."""
    return Path(shutil.copytree(run, Path("runs") / run.parent.name / run.name))


def test_train_prints_the_run_directory_as_the_last_line_and_nothing_else_on_stdout():
    found = done("train", written(DENSE), "--output", "there")
    run = Path(found.out.strip())
    assert found.out == f"{run}\n"
    assert run.parent == Path("there/t/dense")
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "completed"
    assert record["data"]["sha256"]
    assert {p.name for p in (run / "figures").iterdir()} >= {"curves.png", "reconstructions.png", "codes.png"}
    assert "drawing" in found.err


def test_train_in_json_is_one_object_and_overrides_reach_the_run():
    report = done("train", written(DENSE), "training.epochs=1", "seed=7", "--json").json
    assert set(report) == {"run", "status", "metrics"}
    assert report["status"] == "completed"
    assert all(math.isfinite(value) for value in report["metrics"].values())
    assert "psnr" in report["metrics"]
    config = (Path(report["run"]) / "config.yaml").read_text()
    assert "epochs: 1\n" in config
    assert "seed: 7\n" in config
    record = json.loads((Path(report["run"]) / "run.json").read_text())
    assert record["overrides"] == ["training.epochs=1", "seed=7"]
    assert record["metrics"] == report["metrics"]


def test_the_file_stem_is_the_name_of_a_run_without_one_and_quiet_leaves_stderr_empty():
    found = done("--quiet", "train", written(DENSE.replace("name: t/dense\n", ""), "my_first.yaml"))
    assert Path(found.last).parent == Path("outputs/my_first")
    assert found.err == ""


def test_divergence_is_exit_3_and_the_record_says_so():
    err = refused("train", written(DENSE), "training.optimizer={kind: sgd, learning_rate: 1e30}", code=3)
    assert "the loss was not finite at step" in err
    (record,) = Path("outputs").rglob("run.json")
    assert json.loads(record.read_text())["status"] == "diverged"


def test_a_device_that_is_not_there_is_reported_where_it_is_asked_for():
    err = refused("train", written(DENSE), "training.device=tpu")
    assert err.startswith("error: override:1:17: there is no tpu device\n    training.device=tpu\n")
    assert not Path("outputs").exists()


def test_a_model_larger_than_memory_is_refused_before_anything_is_made():
    err = refused("train", written(DENSE), "model.encoder.widths=[1000000000, 1000000]")
    assert "c.yaml:4:8: parameters and optimiser need" in err
    assert not Path("outputs").exists()


def test_initialize_from_latest_is_the_latest_before_this_run(runs):
    root = copied(runs.dense).parents[1]
    run = Path(done("train", written(DENSE), "training.initialize_from=latest", "--output", root).last)
    assert f"initialize_from: {root / 'dense' / runs.dense.name}\n" in (run / "config.yaml").read_text()
    err = refused("train", written(DENSE), "training.initialize_from=nothing", "--output", root)
    assert err.startswith(f"error: override:1:26: no run under {root} is called 'nothing'")


@pytest.mark.parametrize("word", ["completed", "json", "latest", "prefix"])
def test_resume_of_a_completed_run_changes_nothing_and_exits_0(runs, word):
    run = copied(runs.dense)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    name = {"latest": "latest", "prefix": f"dense/{run.name[:17]}"}.get(word, run)
    found = done("resume", name, "--output", "runs", *(["--json"] if word == "json" else []))
    if word == "json":
        assert found.json["status"] == "completed"
        assert found.json["metrics"]["mse"] > 0
    else:
        assert Path(found.last) == run
    assert {path: path.read_bytes() for path in before} == before


def test_resume_with_more_epochs_trains_on(runs):
    run = copied(runs.dense)
    lines = (run / "metrics.jsonl").read_text().count("\n")
    done("resume", run, "training.epochs=4", "--output", "runs")
    assert "epochs: 4\n" in (run / "config.yaml").read_text()
    assert (run / "metrics.jsonl").read_text().count("\n") == 2 * lines
    assert (run / "metrics.jsonl").read_text().startswith((runs.dense / "metrics.jsonl").read_text())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.bottleneck.size=3", "a resumed run cannot change `model`"),
        ("seed=1", "override:1:6: a resumed run cannot change `seed`"),
        ("data.source=mnist", "a resumed run cannot change `data`"),
        ("training.optimizer.kind=sgd", "does not fit this checkpoint"),
        ("training.average={kind: ema}", "does not fit this checkpoint"),
        ("training.epoch=9", "override:1:10: unknown key 'epoch'"),
    ],
)
def test_a_resume_that_cannot_be_leaves_the_run_as_it_was(runs, override, message):
    run = copied(runs.dense)
    before = {name: (run / name).read_bytes() for name in ("config.yaml", "run.json", "metrics.jsonl")}
    assert message in refused("resume", run, override, "training.epochs=4")
    assert {name: (run / name).read_bytes() for name in before} == before
    done("eval", run)


def test_check_prints_config_then_data_then_model():
    out = done("check", written(DENSE)).out
    config, rest = out.split("\n# data\n")
    data, model = rest.split("\n# model\n")
    assert done("check", written(config, "resolved.yaml"), "--config-only").out == config
    assert "digits: 1797 rows of 8 x 8 x 1 (image, uint8)" in data
    assert "train 1437, validation 180, test 180" in data
    assert "test labels: 0: " in data
    assert "input [8, 8, 1] -> code [2] -> output [8, 8, 1]" in model
    parameters = 64 * 8 + 8 + 8 * 2 + 2 + 2 * 8 + 8 + 8 * 64 + 64
    assert f"parameters       {parameters:,}\n" in model
    assert "6 an epoch of 1437 rows in batches of 256, 12 in all" in model
    assert not Path("outputs").exists()


def test_check_names_every_problem_of_config_and_overrides_at_once():
    found = aecli("check", written(DENSE + "trainning: {}\n"), "seed=x", "model.bottleneck.siez=2")
    assert found.code == 2
    assert found.out == ""
    assert [line.split(": ")[1] for line in found.err.splitlines() if line.startswith("error")] == [
        "c.yaml:6:1",
        "override:1:6",
        "override:1:18",
    ]
    assert "did you mean 'training'?" in found.err
    assert "did you mean 'size'?" in found.err


def test_a_signal_while_the_run_is_measured_stops_it_and_resume_finishes(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("aecli.tasks.finish.finish", lambda *a, **k: os.kill(os.getpid(), signal.SIGTERM))
        assert aecli("train", written(DENSE)).code == 143
    (record,) = Path("outputs").rglob("run.json")
    assert json.loads(record.read_text())["status"] == "stopped"
    done("resume", record.parent)
    assert json.loads(record.read_text())["status"] == "completed"
