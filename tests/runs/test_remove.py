from __future__ import annotations

import os
import shutil
import time

import pytest

from aecli.config.problems import UserError
from aecli.runs import Run, list_runs
from aecli.runs.remove import named, removable, remove
from tests.runs.made import made

A, B = "a/b/20260101-120000-aa0001", "a/20260102-120000-bb0002"


def old(path):
    """As if it had been made a while ago."""
    os.utime(path, (time.time() - 3600,) * 2)


def gone(runs, root):
    remove(removable(runs, root), root)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_run_goes_whole_with_folders_that_are_empty_then(tmp_path):
    root = tmp_path / "outputs"
    first, second = made(root, A), made(root, B)
    (first.path / "checkpoints" / "3").mkdir(parents=True)
    (first.path / "checkpoints" / "3" / "state").write_bytes(b"12345")
    (doomed,) = removable([first, first], root)
    assert doomed.files == 3
    assert doomed.bytes == 5 + first.record_path.stat().st_size + first.config_path.stat().st_size
    gone([first], root)
    assert names(root) == ["a", B, f"{B}/config.yaml", f"{B}/run.json"]
    gone([second], root)
    assert names(tmp_path) == ["outputs"]


def test_what_a_link_leads_to_stays(tmp_path):
    root, outside = tmp_path / "outputs", tmp_path / "outside"
    run = made(root, A)
    outside.mkdir()
    (outside / "thesis").write_text("precious")
    (run.path / "link").symlink_to(outside)
    gone([run], root)
    assert (outside / "thesis").read_text() == "precious"
    assert names(root) == []


def test_a_link_to_a_run_is_refused(tmp_path):
    run = made(tmp_path / "elsewhere", A)
    link = tmp_path / "20260101-120000-aa0001"
    link.symlink_to(run.path)
    with pytest.raises(UserError, match="is a link") as caught:
        removable([Run(link)], tmp_path)
    assert str(run.path) in str(caught.value)


def test_only_run_directories_are_removed(tmp_path):
    root = tmp_path / "outputs"
    made(root, A)
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "run.json").write_text('{"scripts": {}}')  # somebody else's
    (tmp_path / "20260101-120000-aa0009").mkdir()  # a time stamp, but not below the folder of runs
    old(tmp_path / "20260101-120000-aa0009")
    before = names(tmp_path)
    for path in (documents, root, root / "a", tmp_path / "20260101-120000-aa0009", tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match="is not a run directory"):
            removable([Run(path)], root)
    assert names(tmp_path) == before


def test_a_folder_that_holds_other_runs_is_refused(tmp_path):
    outer = made(tmp_path, B)
    inner = made(outer.path, A)
    with pytest.raises(UserError, match="holds another run"):
        removable([outer], tmp_path)
    with pytest.raises(UserError, match="holds the folder of runs"):
        removable([outer], outer.path / "a")
    gone([inner], outer.path)
    gone([outer], tmp_path)
    assert names(tmp_path) == []


def test_a_renamed_run_and_one_elsewhere_are_runs(tmp_path):
    run = made(tmp_path / "elsewhere", A)
    best = tmp_path / "elsewhere" / "a" / "b" / "best"
    run.path.rename(best)
    gone([Run(best)], tmp_path / "outputs")
    assert names(tmp_path) == ["elsewhere", "elsewhere/a", "elsewhere/a/b"]  # only below the folder of runs


def test_a_run_in_use_is_refused_and_nothing_else_goes(tmp_path):
    first, second = made(tmp_path, A), made(tmp_path, B)
    with second.locked(), pytest.raises(UserError, match="in use"):
        removable([first, second], tmp_path)
    doomed = removable([first, second], tmp_path)
    with second.locked(), pytest.raises(UserError, match="in use"):
        remove(doomed[1:], tmp_path)
    assert [run.path for run in list_runs(tmp_path)] == [first.path, second.path]


def test_half_written_runs_can_be_removed_once_they_are_old(tmp_path):
    path = tmp_path / A
    path.mkdir(parents=True)
    (path / "config.yaml").write_text("seed: 0\n")
    run = named(A, tmp_path)
    assert named(str(path), tmp_path) == run
    with pytest.raises(UserError, match="was made just now"):
        removable([run], tmp_path)
    old(path)
    gone([run], tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_damaged_runs_can_be_removed(tmp_path, content):
    run = made(tmp_path, A)
    run.record_path.write_bytes(content)
    gone([named(A, tmp_path)], tmp_path)
    assert names(tmp_path) == []


def test_the_current_folder_is_a_run_too(tmp_path, monkeypatch):
    run = made(tmp_path / "outputs", A)
    monkeypatch.chdir(run.path)
    gone([named(".", tmp_path / "outputs")], tmp_path / "outputs")
    assert names(tmp_path / "outputs") == []


def test_an_interrupted_removal_leaves_no_run_and_the_next_clears_it(tmp_path, monkeypatch):
    first, second = made(tmp_path, A), made(tmp_path, A.replace("aa0001", "aa0002"))

    def interrupted(folder):
        (folder / "run.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            gone([first], tmp_path)
    assert [run.path for run in list_runs(tmp_path)] == [second.path]
    assert len(list((tmp_path / "a" / "b").iterdir())) == 2
    (tmp_path / "a" / "b" / ".removed-by-hand").mkdir()
    gone([second], tmp_path)
    assert names(tmp_path) == ["a", "a/b", "a/b/.removed-by-hand"]


def test_a_refusal_of_the_system_is_told(tmp_path, monkeypatch):
    run = made(tmp_path, A)

    def refuses(folder):
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(shutil, "rmtree", refuses)
    with pytest.raises(UserError, match=r"cannot remove .*Permission denied"):
        gone([run], tmp_path)
