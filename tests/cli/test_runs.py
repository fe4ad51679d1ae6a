"""`runs ls`, `show`, `diff` and `rm`."""

from __future__ import annotations

import csv
import io
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aecli.runs import list_runs
from tests.cli.command import aecli, done, process, refused
from tests.runs.made import made, size

A, B, C = "a/20260101-120000-aa0001", "b/vae/20260102-120000-bb0002", "a/20260103-120000-cc0003"


@pytest.fixture(autouse=True)
def _runs():
    root = Path("outputs")
    made(root, A, size(2), metrics={"mse": 0.5, "psnr": None}, exit_reason="=cmd()")
    made(root, B, size(8), metrics={"mse": 0.25, "elbo": -10.5}, device="cuda:0")
    made(root, C, size(16), status="failed", exit_reason="a, \x1b[31mb", timings={})


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_ls_lists_newest_first():
    lines = [re.split(r" {2,}", line) for line in done("runs", "ls").out.splitlines()]
    assert lines[0] == ["run", "status", "age", "examples/s", "mse", "elbo"]
    assert [[row[0], row[1], *row[3:]] for row in lines[1:]] == [
        [C, "failed", "-", "-", "-"],
        [B, "completed", "1000", "0.25", "-10.5"],
        [A, "completed", "1000", "0.5", "-"],
    ]


def test_ls_filters_sorts_and_limits_by_any_key():
    options = ["--where", "model.bottleneck.size<16", "--where", "status=completed", "--sort", "-mse", "--limit", 1]
    found = done("runs", "ls", *options, "--columns", "run, model.bottleneck, training.epochs,mse")
    assert [line.split() for line in found.out.splitlines()] == [
        ["run", "model.bottleneck", "training.epochs", "mse"], [A, "dense", "20", "0.5"],
    ]  # fmt: skip


def test_ls_json_and_csv_hold_the_same():
    found = done("runs", "ls", "--json").json["runs"]
    assert [run["run"] for run in found] == [f"outputs/{name}" for name in (C, B, A)]
    assert found[1]["metrics"] == {"mse": 0.25, "elbo": -10.5}
    assert found[2]["metrics"] == {"mse": 0.5, "psnr": None}
    assert found[0]["problem"] is None
    rows = cells(done("runs", "ls", "--csv").out)
    head = ["run", "status", "created", "examples/s", "metrics.mse", "metrics.elbo", "metrics.psnr"]
    assert rows == [
        head,
        [C, "failed", "2026-01-03T12:00:00+00:00", "", "", "", ""],
        [B, "completed", "2026-01-02T12:00:00+00:00", "1000.0", "0.25", "-10.5", ""],
        [A, "completed", "2026-01-01T12:00:00+00:00", "1000.0", "0.5", "", ""],
    ]


def test_ls_columns_in_json_and_csv():
    options = ("--columns", "run,exit_reason,data.shape,psnr", "--sort", "created")
    found = done("runs", "ls", *options, "--json").json["runs"]
    assert found[0] == {"run": A, "exit_reason": "=cmd()", "data.shape": [8, 8, 1], "psnr": None}
    assert cells(done("runs", "ls", *options, "--csv").out)[1:] == [
        [A, "'=cmd()", "[8, 8, 1]", ""], [B, "", "[8, 8, 1]", ""], [C, r"a, \x1b[31mb", "[8, 8, 1]", ""],
    ]  # fmt: skip


def test_no_control_character_reaches_the_terminal():
    for command in (["ls", "--columns", "exit_reason"], ["ls", "--csv"], ["show", C], ["diff", A, C]):
        assert "\x1b" not in done("runs", *command).out
    assert r"\x1b[31mb" in done("runs", "ls", "--columns", "exit_reason").out


def test_ls_of_no_runs_is_empty_and_says_so():
    found = done("runs", "ls", "--runs", "elsewhere")
    assert (found.out, found.err) == ("", "there are no runs under elsewhere yet\n")
    assert done("runs", "ls", "--runs", "elsewhere", "--where", "what=3", "--json").json == {"runs": []}
    found = done("runs", "ls", "--where", "mse<0")
    assert (found.out, found.err) == ("", "none of the 3 runs under outputs meets the conditions\n")
    assert done("runs", "ls", "--where", "mse<0", "--csv").out.startswith("run,status,created")


def test_ls_shows_damaged_runs_with_the_reason():
    (Path("outputs") / B / "run.json").write_text("{")
    (Path("outputs") / C / "run.json").unlink()
    found = done("runs", "ls").out
    assert re.search(rf"{B} +damaged +\d", found)
    assert f"\n{B}: run.json: this is not JSON" in found
    assert f"\n{C}: run.json: this file is missing" in found
    runs = done("runs", "ls", "--where", "status=damaged", "--json").json["runs"]
    assert [run["problem"][:8] for run in runs] == ["run.json"] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ls", "--where", "statsu=3"], "--where: no run has the key 'statsu'\n  did you mean 'status'?"),
        (["ls", "--sort", "-mses"], "--sort: no run has the key 'mses'\n  did you mean"),
        (["ls", "--columns", "run,mses"], "--columns: no run has the key 'mses'"),
        (["ls", "--where", "status"], "--where 'status': this is no condition"),
        (["ls", "--json", "--csv"], "--json and --csv exclude one another"),
        (["ls", "--limit", "0"], "--limit"),
        (["diff", "a/20260101"], "name two runs or more"),
        (["diff", "a/20260101", "nothing"], "no run under outputs is called 'nothing'"),
        (["show", "nothing"], "no run under outputs is called 'nothing'"),
        (["rm"], "no run is named\n  name runs, or choose them"),
        (["rm", "nothing", "--yes"], "no run under outputs is called 'nothing'"),
        (["rm", "--where", "nothing=3", "--yes"], "no run has the key 'nothing'"),
        (["rm", "outputs", "--yes"], "'outputs' is not a run directory"),
    ],
)
def test_what_is_wrong_is_told(arguments, message):
    before = sorted(Path().rglob("*"))
    assert message in refused("runs", *arguments)
    assert sorted(Path().rglob("*")) == before


def test_show_tells_all():
    found = done("runs", "show", "b/vae").out
    for text in (r"status +completed", r"device +cuda:0", r"command +aecli train c.yaml", r"elbo +-10.5", r"git +abc\n",
                 r"examples_per_second +1000", r"config.yaml +1\.\d kB", r"\n    size: 8\n",
                 r"data.sha256 +00ff"):  # fmt: skip
        assert re.search(text, found), text
    report = done("runs", "show", "latest", "--json").json
    assert set(report) == {
        "run", "name", "status", "exit_reason", "created", "provenance", "data", "timings", "metrics", "units",
        "config", "checkpoints", "files", "bytes",
    }  # fmt: skip
    assert (report["run"], report["status"]) == (f"outputs/{C}", "failed")
    assert report["config"]["model"]["bottleneck"]["size"] == 16


def test_show_and_diff_of_a_damaged_run_are_exit_4():
    (Path("outputs") / B / "run.json").write_text("{")
    assert f"outputs/{B}/run.json: damaged" in refused("runs", "show", "b/vae", code=4)
    assert f"outputs/{B}/run.json: damaged" in refused("runs", "diff", A, "b/vae", code=4)


def test_diff_tells_what_differs():
    found = done("runs", "diff", A, "b/vae").out
    assert found.startswith(f"1  outputs/{A}\n2  outputs/{B}\n")
    for text in (r"\nmodel.bottleneck.size +2 +8\n", r"\nmse +0\.5 +0\.25 +-0\.25 +-50\.00\n",
                 r"\ndevice +cpu:0 +cuda:0\n", r"\nelbo +- +-10\.5 +- +-\n", r"config: 1 differ, \d\d equal",
                 r"environment: 1 differ, 4 equal"):  # fmt: skip
        assert re.search(text, found), text
    report = done("runs", "diff", A, "b/vae", "a/20260103", "--json").json
    assert set(report) == {"runs", "config", "data", "metrics", "timings", "environment"}
    assert report["config"]["differ"] == {"model.bottleneck.size": {"values": [2, 8, 16]}}
    assert report["metrics"]["differ"]["mse"] == {
        "values": [0.5, 0.25, None], "differences": [-0.25, None], "percents": [-50.0, None],
    }  # fmt: skip
    rows = cells(done("runs", "diff", A, "b/vae", "--csv").out)
    assert rows[0] == [
        "section",
        "key",
        f"outputs/{A}",
        f"outputs/{B}",
        f"difference outputs/{B}",
        f"percent outputs/{B}",
    ]
    assert ["metrics", "mse", "0.5", "0.25", "-0.25", "-50.0"] in rows
    assert ["environment", "device", "cpu:0", "cuda:0", "", ""] in rows
    assert len({len(row) for row in rows}) == 1


def test_rm_needs_yes_where_there_is_no_terminal():
    found = aecli("runs", "rm", A)
    assert (found.code, found.out) == (2, "")
    assert "nothing was removed: there is no terminal to ask on\n  --yes removes at once" in found.err
    assert f"outputs/{A}  2      " in found.err
    assert len(list_runs(Path("outputs"))) == 3


def test_rm_removes_what_is_named_and_meets_the_conditions():
    found = done("runs", "rm", A, C, "--where", "status=failed", "--yes")
    assert found.out == f"removed outputs/{C}\n"
    found = done("runs", "rm", "--where", "model.bottleneck.size>100", "--yes")
    assert (found.out, found.err) == ("", "no run meets the conditions: nothing was removed\n")
    found = done("--quiet", "runs", "rm", "--where", "mse<=0.5", "-y", "--json")
    assert found.json["removed"] == [f"outputs/{B}", f"outputs/{A}"]
    assert found.json["bytes"] > 1000
    assert found.err == ""
    assert list(Path("outputs").iterdir()) == []


def test_rm_of_a_run_in_use_is_refused():
    (first, *_) = list_runs(Path("outputs"))
    with first.locked():
        assert "is in use: another process trains it" in refused("runs", "rm", A, C, "--yes")
    assert len(list_runs(Path("outputs"))) == 3


@pytest.mark.parametrize(
    ("answer", "code", "left"), [(b"y\n", 0, 2), (b"n\n", 0, 3), (b"\n", 0, 3), (b"\x03", 130, 3), (b"\x04", 0, 3)]
)
def test_rm_asks_on_a_terminal(answer, code, left):
    master, terminal = pty.openpty()
    program = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # even where ignored
    program += "runpy.run_module('aecli', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", program, "runs", "rm", A]
    with subprocess.Popen(
        command, stdin=terminal, stderr=terminal, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        os.close(terminal)
        asked = b""
        while b"[y/N]" not in asked:
            asked += os.read(master, 1000)
        if answer == b"\x03":
            child.send_signal(signal.SIGINT)
        else:
            os.write(master, answer)
        assert child.stdout
        out = child.stdout.read()
    os.close(master)
    assert child.returncode == code
    assert A.encode() in asked
    assert b"remove 1 run, " in asked
    assert out == (f"removed outputs/{A}\n".encode() if left == 2 else b"")
    assert len(list_runs(Path("outputs"))) == left


def test_the_commands_import_nothing_heavy():
    code = (
        "import sys; from aecli.cli.app import run; run(sys.argv[1:]); heavy = "
        "('jax', 'flax', 'optax', 'pyarrow', 'sklearn', 'scipy', 'matplotlib', 'tensorboardX'); "
        "sys.stderr.write(str([m for m in heavy if m in sys.modules]))"
    )
    for arguments in (
        ["ls", "--where", "model.bottleneck.size>1", "--csv"],
        ["show", A],
        ["diff", A, C],
        ["rm", A, "-y"],
    ):
        command = [sys.executable, "-c", code, "-q", "runs", *arguments]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        assert found.stderr == "[]"


def test_a_runs_command_as_a_process():
    found = process("runs", "ls", "--where", "what=3")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("error: --where: no run has the key 'what'")
