"""Commands as processes of their own: true exit codes, stdout apart from stderr, signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import begun, done, process, refused, written
from tests.cli.conftest import DENSE

LONG = DENSE.replace("epochs: 2", "epochs: 100000, checkpoint: {every: 100000}") + "evaluation: {every: 100000}\n"


@pytest.fixture(autouse=True)
def _heard():
    """SIGINT is ignored where these tests run in the background of a shell, and in what they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def when_training() -> Path:
    """The run that another process has begun, once it has trained an epoch."""
    for _ in range(600):
        if found := [path for path in Path("outputs").rglob("metrics.jsonl") if path.stat().st_size]:
            return found[0].parent
        time.sleep(0.1)
    raise AssertionError("nothing was trained within a minute")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_after_saving_and_resume_finishes(number, code):
    child = begun("train", written(LONG))
    run = when_training()
    if number == signal.SIGTERM:
        assert f"the run {run} is in use" in refused("resume", run)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (code, "")
    assert "stopped at step" in err
    assert "Traceback" not in err
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "stopped"
    (saved,) = (run / "checkpoints").iterdir()
    assert f"stopped at step {saved.name} of 600000" in record["exit_reason"]
    epochs = int(saved.name) // 6 + 2
    assert Path(done("resume", "latest", f"training.epochs={epochs}").last) == run
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "completed"
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    trained = [step for step in steps if step % 6 == 0]
    assert trained == steps
    assert sorted(set(steps)) == [6 * (i + 1) for i in range(epochs)]


def test_a_broken_config_is_exit_2_on_stderr_alone():
    found = process("train", written(DENSE + "sed: 1\n"))
    assert (found.code, found.out) == (2, "")
    assert found.err == "error: c.yaml:6:1: unknown key 'sed'\n    sed: 1\n    ^\n  did you mean 'seed'?\n"


def test_a_reader_that_goes_away_early_is_no_error():
    child = begun("schema")
    assert child.stdout
    assert child.stdout.read(1) == "{"
    child.stdout.close()
    assert child.stderr
    assert child.stderr.read() == ""
    child.stderr.close()
    assert child.wait(timeout=60) == 0


COMMANDS = (
    "list", "list --json", "schema", "info", "info --json", "--help", "--version", "train --help", "check c.yaml",
    "runs ls --runs none", "init --recipe list", "init c.csv",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_gone_before_the_first_word_is_no_error(command):
    written(DENSE)
    written("a,b\n" + "".join(f"{i},{i % 7}\n" for i in range(40)), "c.csv")
    reader, writer = os.pipe()
    os.close(reader)
    found = subprocess.run(
        [sys.executable, "-m", "aecli", *command.split()], check=False, stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert "Traceback" not in found.stderr
    assert "Exception" not in found.stderr
    assert found.returncode == 0


def test_help_comes_at_once():
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "aecli", "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.8  # 0.4 s on an idle machine; this one may be busy


@pytest.mark.parametrize("command", ["list", "info", "schema"])
def test_a_full_disk_behind_stdout_is_a_message(command):
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "aecli", command]
        found = subprocess.run(words, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert found.returncode == 2
    assert found.stderr == "error: cannot write to stdout or stderr: No space left on device\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_no_half_of_an_output(runs, number, code):
    np.save("rows.npy", np.zeros((400_000, 64), np.float32))
    Path("codes.csv").write_text("before\n")
    child = begun("embed", runs.dense, "--data", "rows.npy", "--output", "codes.csv")
    while not any(path.stat().st_size for path in Path().glob(".tmp-*")):
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
    child.send_signal(number)
    began = time.monotonic()
    out, err = child.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert (child.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert sorted(path.name for path in Path().iterdir()) == ["codes.csv", "rows.npy"]
    assert Path("codes.csv").read_text() == "before\n"
