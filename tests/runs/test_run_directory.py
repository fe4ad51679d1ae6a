from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aecli.config.problems import DamagedError, Exit, UserError
from aecli.experiment import load
from aecli.runs import Run, list_runs, open_run
from aecli.runs import run as run_module
from aecli.runs.find import TRAINED, UNFINISHED

STAMP = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")


def made(root: Path, *names: str, created: str = "") -> list[Run]:
    """Runs with the given `name/stamp`."""
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "run.json").write_text(json.dumps({"created": created}))
    return [Run(root / name) for name in names]


def test_a_new_run_holds_config_and_record(tmp_path):
    root = tmp_path / "outputs"
    run = Run.create(root, "digits/pca", "seed: 0\n", {"seed": 0, "status": "running"})
    assert run.path.parent == root / "digits" / "pca"
    assert STAMP.fullmatch(run.path.name)
    assert run.config_text == "seed: 0\n"
    record = run.record
    assert list(record) == ["name", "created", "seed", "status", "files"]
    assert record["files"] == {"config.yaml": [hashlib.sha256(b"seed: 0\n").hexdigest()]}
    assert record["name"] == "digits/pca"
    moment = datetime.fromisoformat(record["created"])
    assert moment.utcoffset() is not None
    assert f"{moment:%Y%m%d-%H%M%S}" == run.path.name[:15]
    assert sorted(path.name for path in run.path.iterdir()) == ["config.yaml", "run.json"]


def test_the_record_is_written_last(tmp_path, monkeypatch):
    written: list[str] = []
    real = run_module.write_whole
    monkeypatch.setattr(run_module, "write_whole", lambda path, text: (written.append(path.name), real(path, text)))
    Run.create(tmp_path, "a", "", {})
    assert written == ["config.yaml", "run.json"]


def test_a_clash_gets_another_folder(tmp_path, monkeypatch):
    class Frozen(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 1, 31, 9, 30, 0)

    words = iter(["aaaaaa", "aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr(run_module, "datetime", Frozen)
    monkeypatch.setattr(run_module.secrets, "token_hex", lambda n: next(words) if n == 3 else "0" * 2 * n)
    runs = [Run.create(tmp_path, "a", "", {"which": which}) for which in (1, 2)]
    assert [run.path.name for run in runs] == ["20260131-093000-aaaaaa", "20260131-093000-bbbbbb"]
    assert [run.record["which"] for run in runs] == [1, 2]


def test_many_runs_in_one_second_are_all_there(tmp_path):
    runs = [Run.create(tmp_path, "a", "", {}) for _ in range(20)]
    assert len({run.path for run in runs}) == 20
    assert {run.path for run in list_runs(tmp_path)} == {run.path for run in runs}


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x", "a\0b", ""])
def test_a_bad_name_makes_no_folder(tmp_path, name):
    with pytest.raises(UserError):
        Run.create(tmp_path / "outputs", name, "", {})
    assert not list(tmp_path.iterdir())


def test_a_name_that_leads_out_is_refused(tmp_path):
    root, outside = tmp_path / "outputs", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    with pytest.raises(UserError, match="leads out"):
        Run.create(root, "link", "", {})
    assert not list(outside.iterdir())


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "outputs").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        Run.create(tmp_path / "outputs", "a", "", {})


def test_update_replaces_keys(tmp_path):
    run = Run.create(tmp_path, "a", "", {"status": "running", "timings": {"compile_seconds": 1.0}})
    run.update(status="completed", timings={"train_seconds": float("inf")}, steps=3)
    assert {k: v for k, v in run.record.items() if k not in ("name", "created", "files")} == {
        "status": "completed", "timings": {"train_seconds": None}, "steps": 3,
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_record_is_named(tmp_path, content):
    run = Run.create(tmp_path, "a", "", {})
    run.record_path.write_bytes(content)
    for use in (lambda: run.record, lambda: run.update(status="completed")):
        with pytest.raises(DamagedError, match=r"run\.json: damaged") as caught:
            use()
        assert caught.value.exit_code == Exit.DAMAGED
    assert run.record_path.read_bytes() == content


@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_damaged_config_is_named(tmp_path, content):
    run = Run.create(tmp_path, "a", "", {})
    run.config_path.unlink()
    if content:
        run.config_path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"config\.yaml: damaged"):
        _ = run.config_text


HOLD = """
import sys
from pathlib import Path
from aecli.runs import Run
with Run(Path(sys.argv[1])).locked():
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["ends", "is killed"])
def test_a_lock_held_by_another_process_is_told_and_ends_with_it(tmp_path, end):
    run = Run.create(tmp_path, "a", "", {})
    command = [sys.executable, "-c", HOLD, str(run.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another process trains it") as caught, run.locked():
            pass
        assert str(run.path) in str(caught.value)
        other.kill() if end == "is killed" else other.stdin.close()
        other.wait(20)
    with run.locked():
        pass
    with run.locked():
        pass


def test_who_only_looks_whether_a_run_is_in_use_is_waited_for(tmp_path, monkeypatch):
    run = Run.create(tmp_path, "a", "", {})
    with run.locked():
        pass
    with (run.path / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with monkeypatch.context() as patch:
            patch.setattr(run_module, "_WAITS", ())
            with pytest.raises(UserError, match="in use"), run.locked():
                pass
        timer = threading.Timer(0.05, fcntl.flock, (file, fcntl.LOCK_UN))
        timer.start()
        with run.locked():
            pass
        timer.join()


A, B, C = (
    "digits/pca/20260131-093000-aa0001",
    "digits/vae/20260131-094500-bb0002",
    "other/20260201-000000-cc0003",
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("digits/pca", A), ("digits/pca/", A), ("digits/p", A), (A, A), ("digits/vae/2026", B), ("o", C),
        (C[:-1], C), ("20260131-0930", A), ("20260131-094500-bb0002", B), ("202602", C), ("latest", C),
    ],
)  # fmt: skip
def test_a_unique_prefix_is_enough(tmp_path, text, name):
    made(tmp_path, A, B, C)
    assert open_run(text, tmp_path).path == tmp_path / name


@pytest.mark.parametrize(
    ("text", "listed"), [("digits", [A, B]), ("20260131", [A, B]), ("2026", [A, B, C]), ("d", [A, B])]
)
def test_an_ambiguous_prefix_lists_the_candidates(tmp_path, text, listed):
    made(tmp_path, A, B, C)
    with pytest.raises(UserError, match=f"means {len(listed)} runs") as caught:
        open_run(text, tmp_path)
    assert [name in str(caught.value) for name in (A, B, C)] == [name in listed for name in (A, B, C)]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("digits/pcaa", A),
        ("digit/vae/20260131-094500-bb0002", B),
        ("vae", B),
        ("zzz", C),
        ("", A),
        ("/", A),
        ("aa0001", A),
    ],
)
def test_what_is_not_found_lists_the_nearest(tmp_path, monkeypatch, text, nearest):
    made(tmp_path / "outputs", A, B, C)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        open_run(text, Path("outputs"))
    assert nearest in str(caught.value) or "is not a run directory" in str(caught.value)


def test_many_candidates_are_counted(tmp_path):
    made(tmp_path, *(f"a/20260131-0930{second:02}-aa0000" for second in range(15)))
    with pytest.raises(UserError, match=r"093014-aa0000, .* and 5 more"):
        open_run("a", tmp_path)


@pytest.mark.parametrize("text", ["latest", "a", "digits/vae"])
@pytest.mark.parametrize("root", ["absent", "empty", "started", "file"])
def test_no_runs_yet_says_what_to_do(tmp_path, text, root):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "started" / A).mkdir(parents=True)  # a crash before run.json: there is no run yet
    with pytest.raises(UserError, match="no runs under") as caught:
        open_run(text, tmp_path / root)
    assert "aecli train" in str(caught.value)
    assert list_runs(tmp_path / root) == []


def test_a_path_is_a_run_wherever_it_is(tmp_path, monkeypatch):
    made(tmp_path / "elsewhere", A)
    (tmp_path / "elsewhere" / A).rename(tmp_path / "my-best")
    monkeypatch.chdir(tmp_path)
    for text in ("my-best", "./my-best/", str(tmp_path / "my-best")):
        assert open_run(text, tmp_path / "outputs").record == {"created": ""}
    monkeypatch.chdir(tmp_path / "my-best")
    assert open_run(".", Path("outputs")).record == {"created": ""}


def test_a_folder_that_is_no_run_is_told(tmp_path):
    made(tmp_path, A)
    with pytest.raises(UserError, match="not a run directory"):
        open_run(str(tmp_path), tmp_path)


def test_latest_is_the_newest_by_stamp_then_by_the_record(tmp_path):
    made(tmp_path, "z/20260131-093000-ff0000", created="2026-01-31T09:30:00.900000+01:00")
    made(tmp_path, "b/20260131-093001-ff0000", created="2026-01-31T09:30:01.100000+01:00")
    (first,) = made(tmp_path, "c/20260131-093001-000000", created="2026-01-31T09:30:01.200000+01:00")
    assert open_run("latest", tmp_path).path == first.path
    (damaged,) = made(tmp_path, "d/20260131-093001-ff0001")
    damaged.record_path.write_text("{")
    assert open_run("latest", tmp_path).path == first.path


def test_runs_are_listed_oldest_first_and_nothing_else(tmp_path):
    made(tmp_path, C, B, A, f"{A}/checkpoints/20270101-000000-aa0000", ".hidden/20260101-000000-aa0000")
    (tmp_path / "digits" / "loop").symlink_to(tmp_path / "digits")
    (tmp_path / "digits" / "self").symlink_to("self")
    assert [run.path.relative_to(tmp_path).as_posix() for run in list_runs(tmp_path)] == [A, B, C]


def test_a_link_out_of_the_root_is_refused(tmp_path):
    root = tmp_path / "outputs"
    (outside,) = made(tmp_path / "outside", A)
    (root / "digits").mkdir(parents=True)
    link = root / "digits" / outside.path.name
    link.symlink_to(outside.path)
    with pytest.raises(UserError, match="leads out"):
        open_run(str(link), root)
    with pytest.raises(UserError, match="no runs under"):
        open_run("digits", root)
    assert open_run(str(outside.path), root).path == outside.path


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=[]), max_size=30) | st.text("./a\0-2", max_size=600))
def test_no_text_does_worse_than_a_user_error(tmp_path_factory, text):
    root = tmp_path_factory.getbasetemp() / "any"
    if not root.exists():
        made(root, A, B)
    try:
        assert open_run(text, root).record_path.is_file()
    except UserError as error:
        str(error).encode()


def test_a_folder_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def refuses(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuses)
    with pytest.raises(UserError, match=r"cannot list .*Permission denied"):
        list_runs(tmp_path)


def test_latest_is_the_newest_run_that_can_do_what_is_wanted(tmp_path):
    old, middle, new = made(tmp_path, *(f"a/2026010{day}-000000-aaaaaa" for day in (1, 2, 3)))
    for run in (old, middle, new):
        run.update(status="completed")
    said: list[str] = []
    assert open_run("latest", tmp_path, TRAINED, said.append) == new  # none has a checkpoint
    assert open_run("latest", tmp_path, UNFINISHED, said.append) == new  # all are complete
    assert said == []
    (old.checkpoints / "7").mkdir(parents=True)
    (middle.checkpoints / ".tmp-7").mkdir(parents=True)
    assert open_run("latest", tmp_path, TRAINED, said.append) == old
    assert said.pop() == f"latest is {old.path} here: the newest run, {new.path}, has no checkpoint"
    middle.update(status="stopped")
    assert open_run("latest", tmp_path, UNFINISHED, said.append) == middle
    assert said.pop() == f"latest is {middle.path} here: the newest run, {new.path}, is complete"
    new.update(status="diverged")
    assert open_run("latest", tmp_path, UNFINISHED, said.append) == new
    assert open_run("latest", tmp_path) == new
    assert open_run(str(new.path), tmp_path, TRAINED, said.append) == new
    assert said == []


def test_a_run_of_before_stays_readable_though_its_config_has_a_key_without_effect(tmp_path):
    text = "data: {source: digits}\nobjective: {rate: {weight: 0.5}}\n"
    run = Run.create(tmp_path, "a", text, {})
    assert run.config().experiment.objective.rate.weight == 0.5
    with pytest.raises(UserError, match="has no rate"):
        load(run.config_path)


def test_a_file_that_is_kept_is_known_by_its_digest_whenever_a_kill_comes(tmp_path, monkeypatch):
    run = Run.create(tmp_path, "a", "seed: 0\n", {})
    path = run.path / "features.json"
    assert run.is_as_kept(path)  # nothing is known of it yet
    run.keep(path, "one")
    assert run.is_as_kept(path)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    import aecli.runs.run as module

    write, count = module.write_whole, 0
    for at in range(3):  # before each of the three writes of the second text
        run.keep(path, "one")

        def counted(*args: object, at: int = at) -> None:
            nonlocal count
            if count == at:
                killed()
            count += 1
            write(*args)

        count = 0
        monkeypatch.setattr(module, "write_whole", counted)
        with pytest.raises(KeyboardInterrupt):
            run.keep(path, "two")
        monkeypatch.setattr(module, "write_whole", write)
        assert run.is_as_kept(path), at
        run.keep(path, "two")
        assert path.read_text() == "two"
        assert run.is_as_kept(path)
    path.write_text("three")
    assert not run.is_as_kept(path)
