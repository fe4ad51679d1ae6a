from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta

import pytest

from aecli.config.problems import UserError
from aecli.runs.choice import choose, condition, ordered, resolve
from aecli.runs.listing import MISSING, entries, in_use, moment
from tests.runs.made import made, size
from tests.runs.test_run_directory import HOLD

A, B, C = "a/20260101-120000-aa0001", "b/vae/20260102-120000-bb0002", "a/20260103-120000-cc0003"


@pytest.fixture
def root(tmp_path):
    made(tmp_path, A, size(2), metrics={"mse": 0.5, "penalties.0.code_l1": 3.0, "psnr": None})
    gaussian = {"model": {"bottleneck": {"kind": "gaussian", "size": 8}}, "training": {"epochs": 7}}
    made(tmp_path, B, gaussian, metrics={"mse": 0.1, "elbo": -10.5}, git={"commit": "123456", "dirty": True})
    made(tmp_path, C, size(16), status="failed", exit_reason="x: y", timings={})
    return tmp_path


def named(found):
    return [entry.name for entry in found]


def test_runs_come_newest_first_with_what_is_known(root):
    found = entries(root)
    assert named(found) == [C, B, A]
    assert [entry.status for entry in found] == ["failed", "completed", "completed"]
    assert found[2].values["metrics.penalties.0.code_l1"] == 3.0
    assert found[2].config_keys["model.bottleneck.size"] == 2
    assert found[2].config_keys["model.encoder.widths.0"] == 8
    assert entries(root / "none") == []


def test_within_a_second_the_record_orders_runs(tmp_path):
    for stamp, part in (("ff0000", ".100000"), ("aa0000", ".900000")):
        made(tmp_path, f"a/20260101-120000-{stamp}", created=f"2026-01-01T12:00:00{part}+00:00")
    assert [name[-6:] for name in named(entries(tmp_path))] == ["aa0000", "ff0000"]


DAMAGES = {
    "no run.json": (lambda run: run.record_path.unlink(), "run.json: this file is missing"),
    "a cut run.json": (lambda run: run.record_path.write_text('{"a"'), "run.json: this is not JSON"),
    "a list": (lambda run: run.record_path.write_text("[]"), "run.json: this is not a JSON object"),
    "no text": (lambda run: run.record_path.write_bytes(b"\xff"), "run.json: this is not JSON"),
    "another record": (lambda run: run.record_path.write_text('{"status": 3}'), "run.json: it says no status"),
    "a folder": (
        lambda run: (run.record_path.unlink(), run.record_path.mkdir()),
        "run.json: this file is missing",
    ),
    "no config": (lambda run: run.config_path.unlink(), "config.yaml: this file is missing"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_listed_and_stops_nothing(root, damage):
    spoil, why = DAMAGES[damage]
    spoil(entries(root)[1].run)
    found = entries(root)
    assert named(found) == [C, B, A]
    assert [entry.status for entry in found] == ["failed", "damaged", "completed"]
    assert found[1].fault
    assert found[1].fault.startswith(why)
    assert named(choose(found, ["status=damaged"])) == [B]
    assert named(choose(found, ["problem~missing"])) == ([B] if "missing" in why else [])
    assert named(ordered(found, "metrics.mse"))[:1] == ([B] if damage == "no config" else [A])
    assert named(choose(found, ["model.bottleneck.size>1"])) == ([C, A] if damage == "no config" else [C, B, A])


def test_a_config_that_cannot_be_read_is_a_damage_seen_when_it_is_asked_for(root):
    entries(root)[0].run.config_path.write_text("a: [")
    found = entries(root)
    assert named(choose(found, ["model.bottleneck.size>1"])) == [B, A]
    assert (found[0].status, found[0].fault.startswith("config.yaml:1:")) == ("damaged", True)


def test_a_folder_that_cannot_be_listed_is_told(root, monkeypatch):
    real = os.scandir

    def refuses(path):
        if str(path).endswith("vae"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuses)
    found = entries(root)
    assert sorted(named(found)) == sorted([A, "b/vae", C])
    assert {entry.name: entry.fault for entry in found}["b/vae"] == "this folder cannot be listed: Permission denied"


def test_links_and_hidden_folders_are_no_runs(root):
    (root / "link").symlink_to(root / "a")
    (root / "a" / "20260109-120000-000000").symlink_to(root / A)
    (root / A).rename(root / "a" / f".removed-{A[2:]}-{'0' * 12}")
    assert named(entries(root)) == [C, B]


def test_a_run_that_nobody_trains_any_more_was_killed(tmp_path):
    run = made(tmp_path, A, status="running")
    assert entries(tmp_path)[0].status == "killed"
    assert sorted(path.name for path in run.path.iterdir()) == ["config.yaml", "run.json"]
    command = [sys.executable, "-c", HOLD, str(run.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        assert in_use(run)
        assert entries(tmp_path)[0].status == "running"
        other.stdin.close()
        other.wait(20)
    assert entries(tmp_path)[0].status == "killed"
    with run.locked():
        pass


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        (["status=completed"], [B, A]), (["status!=completed"], [C]), (["name~VAE"], [B]), (["run~cc0003"], [C]),
        (["model.bottleneck.size=8"], [B]), (["model.bottleneck.size!=8"], [C, A]),
        (["model.bottleneck.size>=8"], [C, B]),
        (["model.bottleneck.size<8"], [A]), (["model.bottleneck=gaussian"], [B]), (["model.bottleneck~GAUSS"], [B]),
        (["metrics.elbo>-240"], [B]), (["elbo > -1e1"], []), (["mse<=0.1"], [B]), (["metrics.mse!=0.1"], [A]),
        (["penalties.0.code_l1=3"], [A]), (["psnr=null"], [A]), (["psnr!=null"], []), (["psnr>0"], []),
        (["git.dirty=true"], [B]), (["git.commit=123456"], [B]), (["seed=0", "status=completed", "mse<1"], [B, A]),
        (["seed=false"], []), (["exit_reason=x: y"], [C]), (["exit_reason='x: y'"], [C]),
        (["model.encoder.widths=[8]"], [C, B, A]), (["model.encoder.widths.0>8"], []),
        (["data.shape=[8, 8, 1]"], [C, B, A]),
        (["created>2026-01-02"], [C, B]), (["created<2026-01-02T12:00:00+00:00"], [A]), (["created~2026-01-03"], [C]),
        (["training.epochs=7"], [B]), (["training.optimizer.learning_rate=0.001"], [C, B, A]),
        (["data.source=digits"], [C, B, A]),
        (["examples_per_second=1e3"], [B, A]), (["examples/s>999"], [B, A]), (["status<3"], []),
        (["age>1s"], [C, B, A]),
    ],
)  # fmt: skip
def test_conditions(root, conditions, names):
    assert named(choose(entries(root), conditions)) == names


def test_an_age_is_in_seconds_or_in_larger_units(tmp_path):
    for stamp, hours in (("aa0001", 1), ("aa0002", 30), ("aa0003", 24 * 20)):
        made(
            tmp_path,
            f"a/20260101-120000-{stamp}",
            created=(datetime.now().astimezone() - timedelta(hours=hours)).isoformat(),
        )
    for text, count in (("age<1800", 0), ("age<2h", 1), ("age>=1d", 2), ("age<2d", 2), ("age>2w", 1), ("age<0.5m", 0)):
        assert len(choose(entries(tmp_path), [text])) == count, text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("status", "this is no condition"), ("", "this is no condition"), ("=3", "this is no condition"),
        (" =3", "this is no condition"), ("status=", "its value is missing"), ("mse< ", "its value is missing"),
        ("status==completed", "'==' is no operator: write '='"), ("mse<=>3", "'<' compares|'<=' compares"),
        ("mse<small", "'<' compares numbers and times, and 'small' is neither"), ("mse>true", "is neither"),
        ("age>2y", "is neither"), ("mse>[1]", "is neither"),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text, message):
    with pytest.raises(UserError, match=message) as caught:
        condition(text)
    assert "KEY" in str(caught.value)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("statsu", "did you mean 'status'"),
        ("metrics.msee", "did you mean 'metrics.mse'"),
        ("model.bottlneck.size", "did you mean 'model.bottleneck.size'"),
        ("size", "'model.bottleneck.size'?"),
        ("learning_rat", "'training.optimizer.learning_rate'"),
        ("qqqqqqq", "the keys of a run: aecli runs show RUN --json"),
    ],
)
def test_a_key_that_no_run_has_is_told_with_the_nearest(root, word, hint):
    for use in (lambda f: choose(f, [f"{word}=1"]), lambda f: ordered(f, word), lambda f: resolve([word], f, "--x")):
        with pytest.raises(UserError, match=f"no run has the key '{word}'") as caught:
            use(entries(root))
        assert hint in str(caught.value)


def test_every_unknown_key_is_told_at_once_and_none_where_there_are_no_runs(root):
    with pytest.raises(UserError) as caught:
        choose(entries(root), ["statsu=1", "mse<1", "msee<1"])
    assert len(caught.value.problems) == 2
    assert choose([], ["statsu=1"]) == []
    assert ordered([], "statsu") == []


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("mse", [B, A, C]), ("-mse", [A, B, C]), ("metrics.elbo", [B, C, A]), ("-elbo", [B, C, A]),
        ("created", [A, B, C]),
        ("-created", [C, B, A]), ("age", [C, B, A]), ("model.bottleneck.size", [A, B, C]), ("status", [B, A, C]),
        ("-status", [C, B, A]), ("psnr", [C, B, A]), ("git.dirty", [C, A, B]), ("name", [C, A, B]),
        ("data.shape", [C, B, A]),
    ],
)  # fmt: skip
def test_runs_are_sorted_by_any_key_and_those_without_it_come_last(root, by, names):
    assert named(ordered(entries(root), by)) == names


def test_values_of_several_types_are_sorted_too(tmp_path):
    for i, value in enumerate([3, "b", None, 1.5, True, [1], "a", {}]):
        made(tmp_path, f"a/20260101-12000{i}-aa0000", odd=value)
    (key,) = resolve(["odd"], entries(tmp_path), "--sort")
    assert [key.of(e) for e in ordered(entries(tmp_path), "odd")] == [True, 1.5, 3, [1], "a", "b", {}, None]


@pytest.mark.parametrize("text", ["", "x", 3, None, "2026-13-01", "0001-01-01T00:00:00+23:59"])
def test_what_is_no_time_is_none(text):
    assert moment(text) is None


def test_strange_records_are_listed(tmp_path):
    for i, record in enumerate([{"metrics": [1]}, {"metrics": 3, "timings": None}, {"created": 5}, {"created": "x"}]):
        made(tmp_path, f"a/99999999-99999{i}-aa0000", **record)
    found = entries(tmp_path)
    assert [entry.status for entry in found] == ["completed"] * 4
    assert all(entry.created is None for entry in found)
    assert ordered(found, "status") == found
    (key,) = resolve(["metrics"], found, "--sort")
    assert [key.of(entry) for entry in found] == [MISSING, MISSING, 3, [1]]


def test_a_thousand_runs_are_listed_in_two_seconds(tmp_path):
    """With a condition on the config, so that both files of each run are read. (0.5 s on an idle machine.)"""
    first = made(tmp_path, A, size(2), metrics={"mse": 0.5})
    config, record = first.config_path.read_text(), json.loads(first.record_path.read_text())
    for i in range(999):
        path = tmp_path / f"n{i % 9}" / f"2026{i // 28 % 12 + 1:02d}{i % 28 + 1:02d}-1200{i % 60:02d}-{i:06x}"
        path.mkdir(parents=True)
        (path / "config.yaml").write_text(config.replace("size: 2\n", f"size: {i + 2}\n"))
        (path / "run.json").write_text(json.dumps(record))
    began = time.process_time()
    assert len(choose(ordered(entries(tmp_path), "-mse"), ["model.bottleneck.size<502"])) == 501
    assert time.process_time() - began < 2
