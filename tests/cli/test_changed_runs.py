"""Runs whose files are whole, and others than were written: each change is said, or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.command import done, refused


def test_a_checkpoint_that_is_gone_as_a_whole_is_named(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    kept = json.loads((run / "run.json").read_text())["checkpoints"]
    assert kept == sorted(int(path.name) for path in (run / "checkpoints").iterdir())
    assert "warning" not in done("eval", run).err
    shutil.rmtree(run / "checkpoints" / str(kept[-1]))
    text = f"warning: run/checkpoints: damaged: checkpoints that the run ended with are gone: of step {kept[-1]}"
    assert text in done("eval", run).err


def test_a_resume_names_checkpoints_that_are_gone_and_does_not_begin_anew_where_none_is_left(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    kept = json.loads((run / "run.json").read_text())["checkpoints"]
    shutil.rmtree(run / "checkpoints" / str(kept[-1]))
    said = done("resume", shutil.copytree(run, "some"), "training.epochs=4").err
    assert (
        f"warning: some/checkpoints: damaged: checkpoints that the run ended with are gone: of step {kept[-1]}" in said
    )
    shutil.rmtree(run / "checkpoints")
    before = (run / "metrics.jsonl").read_bytes()
    for overrides in ([], ["training.epochs=4"]):
        said = refused("resume", run, *overrides, code=4)
        assert "run/checkpoints: damaged: the run was completed, and its checkpoints are gone" in said
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_resume_says_that_it_begins_at_the_first_step_and_refuses_a_log_that_is_not_the_checkpoints(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    log = (run / "metrics.jsonl").read_bytes()
    digit = next(at for at in range(len(log) // 2, len(log)) if log[at : at + 1].isdigit())
    other = b"1" if log[digit : digit + 1] == b"2" else b"2"
    (run / "metrics.jsonl").write_bytes(log[:digit] + other + log[digit + 1 :])
    said = refused("resume", run, "training.epochs=4", code=4)
    assert f"run/metrics.jsonl: damaged: its first {len(log)} bytes are not those" in said
    (run / "metrics.jsonl").write_bytes(log)
    shutil.rmtree(run / "checkpoints")
    record = (run / "run.json").read_text()
    (run / "run.json").write_text(record.replace('"completed"', '"stopped"'))
    (run / "checkpoints").write_text("")
    assert "run/checkpoints: damaged: the folder of checkpoints is no folder" in refused("resume", run, code=4)
    assert (run / "metrics.jsonl").read_bytes() == log
    (run / "checkpoints").unlink()
    assert "warning: epochs are logged and no checkpoint is there" in done("resume", run).err
    assert (run / "metrics.jsonl").read_bytes() == log


def test_what_a_training_starts_from_is_said_to_be_damaged(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    last = max((run / "checkpoints").iterdir(), key=lambda path: int(path.name))
    (last / "state.safetensors").write_bytes((last / "state.safetensors").read_bytes()[:-1] + b"x")
    config = run / "config.yaml"
    said = done("train", config, "training.initialize_from=run", "training.epochs=0", "name=t/second").err
    assert f"warning: the checkpoint of step {last.name} is damaged" in said


def test_features_that_are_gone_or_of_other_data_are_damage(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    features, record = run / "features.json", json.loads((run / "run.json").read_text())
    text = features.read_text()
    features.unlink()
    assert "run/features.json: damaged: this file is missing" in refused("eval", run, code=4)
    (run / "run.json").write_text(json.dumps({**record, "files": None}))
    features.write_text(json.dumps({**json.loads(text), "shape": [64]}))
    assert "features.json: damaged" in refused("eval", run, code=4)


def test_what_describes_a_run_is_known_by_its_digest(runs):
    """One digit changed: the config is used as it stands, and said to be another; features are damaged."""
    run = Path(shutil.copytree(runs.dense, "run"))
    config = (run / "config.yaml").read_text()
    assert "\nseed: 0" in config
    (run / "config.yaml").write_text(config.replace("\nseed: 0", "\nseed: 7"))
    for command in (["eval", run], ["resume", run, "training.epochs=3"]):
        assert "warning: run/config.yaml is not as it was written" in done(*command).err
    assert "warning" not in done("eval", run).err  # a resume writes what it goes on with
    features = (run / "features.json").read_text()
    assert ": 16.0" in features
    (run / "features.json").write_text(features.replace(": 16.0", ": 15.0"))
    assert "run/features.json: damaged: its SHA-256 is not the one in run.json" in refused("eval", run, code=4)


def test_a_run_of_an_older_aecli_has_no_digests(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    record = json.loads((run / "run.json").read_text())
    del record["files"], record["checkpoints"]
    (run / "run.json").write_text(json.dumps(record))
    (run / "config.yaml").write_text((run / "config.yaml").read_text() + "# a remark\n")
    assert "warning" not in done("eval", run).err


def test_nothing_is_written_over_what_is_read(runs):
    rows = Path(shutil.copy(runs.csv, "rows.csv"))
    before = rows.read_bytes()
    for command in ("embed", "reconstruct"):
        assert "is what the rows are read from" in refused(command, runs.table, "--data", rows, "--output", "rows.csv")
    assert "is what the rows" in refused("anomaly", "score", runs.table, "--data", rows, "--output", "./rows.csv")
    assert "is what the rows" in refused("embed", runs.table, "--output", runs.csv)  # the run's own source
    assert rows.read_bytes() == before == runs.csv.read_bytes()
    done("embed", runs.table, "--data", rows, "--output", "codes.csv")
    assert "File name too long" in refused("embed", runs.table, "--output", "a" * 300 + ".csv")
    refused("embed", runs.table, "--data", "a" * 5000, "--output", "codes.csv")  # no traceback


@pytest.mark.parametrize(
    ("key", "value"),
    [("metrics", {"mse": 10**400}), ("timings", {"train_seconds": 10**400}), ("data", 900), ("metrics", 60)],
    ids=["metric", "timing", "deep data", "deep metrics"],
)
def test_a_record_of_monstrous_numbers_and_nesting_is_damaged(runs, key, value):
    run = Path(shutil.copytree(runs.dense, "outputs/t/dense/20260101-000000-abcdef"))
    record = json.loads((run / "run.json").read_text())
    text = json.dumps(value) if isinstance(value, dict) else '{"a":' * value + "1" + "}" * value
    record.pop(key)
    (run / "run.json").write_text(f'{{"{key}": {text}, {json.dumps(record)[1:]}')
    for command in (["eval", run], ["runs", "show", run], ["report", run], ["resume", run, "training.epochs=3"]):
        assert "run.json: damaged: this is" in refused(*command, code=4)
    assert "damaged" in done("runs", "ls").out
    assert done("runs", "ls", "--json").json


def test_a_step_of_thousands_of_digits_is_no_step(runs):
    assert "no checkpoint is called" in refused("eval", runs.dense, "--checkpoint", "9" * 5000)
