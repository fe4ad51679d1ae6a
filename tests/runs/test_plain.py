"""A run directory holds files and folders alone: all else is refused by name, and nothing is followed or waited for."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from aecli.config.problems import DamagedError, UserError
from aecli.runs import open_run
from aecli.runs.listing import entries
from aecli.runs.metrics import Metrics
from aecli.runs.plain import check_plain, open_plain, read_plain
from aecli.runs.provenance import git_state
from aecli.runs.record import check_record
from aecli.runs.remove import named, removable, remove
from tests.runs.made import made
from tests.waiting import no_waiting

A = "a/20260101-120000-aa0001"


@pytest.fixture(autouse=True)
def _no_waiting():
    with no_waiting(20):
        yield


def link(path: Path) -> None:
    target = Path("target").resolve()
    if not target.exists():
        target.write_text("precious")
    path.symlink_to(target)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def folder_link(path: Path) -> None:
    Path("outside").mkdir(exist_ok=True)
    path.symlink_to(Path("outside").resolve())


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # the name of a socket is short
        server.bind(path.name)
        os.chdir(here)


STRAYS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link": (link, "a symbolic link"),
    "a link to nothing": (dangling, "a symbolic link"),
    "a link to a folder": (folder_link, "a symbolic link"),
    "a pipe": (os.mkfifo, "a pipe"),
    "a socket": (bound, "a socket"),
}


@pytest.mark.parametrize("stray", STRAYS)
@pytest.mark.parametrize("name", ["metrics.jsonl", ".lock", "checkpoints", "figures/x.png", "checkpoints/3/state", "z"])
def test_what_is_neither_a_file_nor_a_folder_is_refused_by_name(tmp_path, stray, name):
    make, said = STRAYS[stray]
    run = made(tmp_path, A)
    path = run.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    with pytest.raises(DamagedError) as caught:
        open_run(str(run.path), tmp_path)
    assert f"{path}: damaged: this is {said}" in str(caught.value)


@pytest.mark.parametrize("stray", STRAYS)
def test_no_file_is_opened_through_one(tmp_path, stray):
    make, said = STRAYS[stray]
    make(tmp_path / "x")
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_CREAT | os.O_APPEND):
        with pytest.raises(DamagedError, match=said):
            open_plain(tmp_path / "x", flags)
    with pytest.raises(DamagedError, match=said):
        read_plain(tmp_path / "x")
    assert not Path("nowhere").exists()


def test_all_of_them_are_named_at_once_but_for_the_last_of_many(tmp_path):
    for i in range(20):
        (tmp_path / f"{i:02d}").symlink_to("/")
    with pytest.raises(DamagedError) as caught:
        check_plain(tmp_path)
    assert [p.place.file[-2:] for p in caught.value.problems if p.place] == [f"{i:02d}" for i in range(8)]


def test_files_and_folders_are_let_through(tmp_path):
    run = made(tmp_path, A)
    (run.path / "figures").mkdir()
    (run.path / "figures" / "x.png").write_bytes(b"")
    assert open_run(A, tmp_path).path == run.path


def test_a_log_that_is_a_link_is_neither_read_nor_written(tmp_path):
    target = tmp_path / "bashrc"
    target.write_text("alias x=y\nno end of a line")
    (tmp_path / "metrics.jsonl").symlink_to(target)
    log = Metrics(tmp_path / "metrics.jsonl")
    for act in (lambda: log.append({"step": 1}), log.read, log.length, lambda: log.truncate(0)):
        with pytest.raises(DamagedError, match="a symbolic link"):
            act()
    assert target.read_text() == "alias x=y\nno end of a line"


def test_a_file_larger_than_any_is_not_read(tmp_path):
    path = tmp_path / "run.json"
    path.touch()
    os.truncate(path, 2**40)
    with pytest.raises(DamagedError, match="1,099,511,627,776 bytes long"):
        read_plain(path)


def test_a_listing_reads_through_no_link_and_waits_for_no_pipe(tmp_path):
    record, outside = made(tmp_path, A, status="running"), tmp_path / "record"
    record.record_path.rename(outside)
    record.record_path.symlink_to(outside)
    waits = made(tmp_path, "b/20260101-120000-bb0002", status="running")
    os.mkfifo(waits.path / ".lock")
    config = made(tmp_path, "c/20260101-120000-cc0003")
    config.config_path.unlink()
    os.mkfifo(config.config_path)
    found = {entry.name[0]: entry for entry in entries(tmp_path)}
    assert found["a"].fault == "run.json: this is a symbolic link, and nothing is read or written through it"
    assert found["b"].status == "killed"
    assert found["c"].config_keys == {}
    assert (found["c"].status, "a pipe" in (found["c"].fault or "")) == ("damaged", True)


def test_a_run_with_links_is_removed_and_what_they_lead_to_stays(tmp_path):
    run = made(tmp_path, A)
    link(run.path / "metrics.jsonl")
    folder_link(run.path / "checkpoints")
    Path("outside", "thesis").write_text("precious")
    remove(removable([named(A, tmp_path)], tmp_path), tmp_path)
    assert not run.path.exists()
    assert Path("target").read_text() == Path("outside", "thesis").read_text() == "precious"


@pytest.mark.parametrize(
    "record",
    [
        {"data": 3}, {"timings": []}, {"timings": {"train_seconds": "long"}}, {"metrics": 1.0}, {"units": {"mse": 3}},
        {"git": "abc"}, {"git": {"commit": 3}}, {"aecli": {"version": []}}, {"packages": ["jax"]},
        {"packages": {"jax": 3}}, {"argv": "aecli"}, {"overrides": 3}, {"exit_reason": []}, {"status": 3},
        {"created": 3}, {"device": {}},
    ],
    ids=str,
)  # fmt: skip
def test_a_record_of_other_forms_is_damaged(tmp_path, record):
    with pytest.raises(DamagedError, match=r"run\.json: damaged: \w+(\.\w+)? is no \w+"):
        check_record(record, tmp_path / "run.json")
    assert check_record(dict.fromkeys(record), tmp_path / "run.json") == dict.fromkeys(record)


@pytest.mark.parametrize(
    "line",
    ['{"a": 1}', '{"epoch": "1", "split": "train", "values": {}}', '{"epoch": 1, "split": 3, "values": {}}',
     '{"epoch": 1, "split": "train", "values": []}', '{"epoch": 1, "split": "train", "values": {"loss": "low"}}',
     '{"epoch": 1, "split": "train", "values": {"loss": true}}', '{"epoch": -1, "split": "train", "values": {}}',
     '{"epoch": 1, "split": "train", "values": {"loss": 1' + "0" * 400 + "}}"],
)  # fmt: skip
def test_a_log_of_other_records_is_damaged_and_names_the_line(tmp_path, line):
    good = '{"step": 1, "epoch": 1, "split": "train", "values": {"loss": 1.5, "odd": null}}\n'
    (tmp_path / "m").write_text(good + line + "\n")
    with pytest.raises(DamagedError, match=r"m:2: damaged: this is (no record|not JSON)"):
        Metrics(tmp_path / "m").measured()
    (tmp_path / "m").write_text(good * 2)
    assert len(Metrics(tmp_path / "m").measured()) == 2


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=folder, check=True)


def test_git_runs_no_filter_that_a_repository_names(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "f").write_text("1")
    git(tmp_path, "add", "f")
    git(tmp_path, "commit", "-q", "-m", "one")
    (tmp_path / ".git" / "info" / "attributes").write_text("f filter=evil\n")
    (tmp_path / "more").write_text(f'[filter "evil"]\n\tclean = touch {tmp_path}/ran; cat\n')
    git(tmp_path, "config", "include.path", str(tmp_path / "more"))
    (tmp_path / "f").write_text("2")
    found = git_state(tmp_path)
    assert not (tmp_path / "ran").exists()
    assert found["commit"]
    assert found["dirty"] is None


def test_git_looks_into_no_submodule(tmp_path):
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    for folder in (inner, outer):
        folder.mkdir()
        git(folder, "init", "-q")
        git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
    git(outer, "commit", "-q", "-m", "two")
    git(outer / "sub", "config", "core.fsmonitor", f"touch {tmp_path}/ran")
    assert git_state(outer)["dirty"] is False
    assert not (tmp_path / "ran").exists()


def test_a_missing_file_is_damaged_and_a_folder_that_cannot_be_listed_told(tmp_path):
    with pytest.raises(DamagedError, match="missing"):
        read_plain(tmp_path / "x")
    (tmp_path / "closed").mkdir(mode=0)
    if os.access(tmp_path / "closed", os.R_OK):
        pytest.skip("root may list every folder")
    with pytest.raises(UserError, match="cannot list"):
        check_plain(tmp_path)
