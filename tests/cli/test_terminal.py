"""Strings of strangers on the terminal: names, records and data that hold escapes and overrides of direction."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from aecli.cli.common import Reporter, note, table, warned
from tests.cli.command import aecli, done, refused
from tests.runs.made import made

A, B = "a/20260101-120000-aa0001", "a/20260102-120000-bb0002"
EVIL = "x\x1b]0;owned\x07\x9b31m\u202egnp\u2066\udcff"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture
def _runs():
    record = {
        "exit_reason": EVIL, "metrics": {EVIL: 1.0}, "units": {EVIL: EVIL}, "device": EVIL, "argv": [EVIL],
        "packages": {EVIL: EVIL}, "git": {"commit": EVIL}, "overrides": [EVIL], "status": f"failed{EVIL}",
        "data": {"source": EVIL, EVIL: EVIL},
    }  # fmt: skip
    run = made(Path("outputs"), A, **record)
    run.update(name=EVIL)
    made(Path("outputs"), B)


COMMANDS = [["ls"], ["ls", "--columns", "exit_reason,device"], ["ls", "--csv"], ["show", A], ["diff", A, B],
            ["diff", A, B, "--csv"], ["ls", "--where", f"{EVIL}=1"], ["show", EVIL], ["rm", EVIL]]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: ascii(command))
@pytest.mark.usefixtures("_runs")
def test_nothing_in_a_record_steers_the_terminal(command):
    found = aecli("runs", *command)
    assert found.out or found.err
    assert not STEERING.search(found.out + found.err)


@pytest.mark.parametrize("command", [["ls"], ["show", A], ["diff", A, B]], ids=str)
@pytest.mark.usefixtures("_runs")
def test_json_holds_the_same_strings_and_steers_nothing(command):
    found = done("runs", *command, "--json")
    assert not STEERING.search(found.out)
    assert EVIL in found.json.get("metrics", {EVIL: 0}) or EVIL in json.loads(found.out)["metrics"]["differ"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (f"{EVIL}.yaml", "data: {source: digits}\ntraining: {epochs: many}\n"),
        ("c.yaml", f"data: {{source: 'no\x9b{EVIL}'}}\n"),
        ("c.yaml", 'data: {source: "no\\e[31m\\u202e.csv"}\n'),
        ("c.yaml", 'data: {source: digits}\n"ep\\e[31mochs": 1\n'),
    ],
    ids=["its name", "raw", "escaped", "a key"],
)
def test_nothing_in_a_config_steers_the_terminal(file, text):
    Path(file).write_text(text, errors="surrogateescape")
    err = refused("check", file)
    assert not STEERING.search(err)


def test_nothing_in_a_data_file_steers_the_terminal():
    Path("x.csv").write_text("a,b\x1b[31m\u202e\n1,2\n3,inf\n5,6\n7,8\n", newline="")
    Path("c.yaml").write_text("data: {source: x.csv}\n")
    err = refused("check", "c.yaml")
    assert not STEERING.search(err)
    assert r"\x1b[31m\u202e" in err


def test_the_caret_stands_below_its_column_whatever_the_line_holds():
    Path("c.yaml").write_text("data: {source: digits}\nname: 'a\u202e\u2066b'\n# \u202e\nseed: many # \u202e\n")
    lines = refused("check", "c.yaml").splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith("seed"))
    assert lines[at + 1].index("^") == lines[at].index("many")


def test_notes_warnings_and_progress_steer_nothing(capsys):
    note(EVIL)
    warned(EVIL)
    with Reporter(quiet=False) as progress:
        progress.say(EVIL)
        progress.warn(EVIL)
        progress.last = -100.0
        progress.advance(1, 2, EVIL)
    err = capsys.readouterr().err
    assert err.count("owned") == 5
    assert not STEERING.search(err)


def test_a_cell_of_a_table_breaks_no_line():
    assert table([("a\nb", "\x1b[1m")], ("x", "y")).splitlines() == ["x     y", r"a\nb  \x1b[1m"]
