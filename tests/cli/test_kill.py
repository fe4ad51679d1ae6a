"""A sample of `tests.torture.kill`: trainings killed by SIGKILL and resumed end with the same bytes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.torture.kill import Workload, ended, killed_at_failpoint, killed_at_instants, spread


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Workload:
    return Workload.begun("mlp", tmp_path_factory.mktemp("kill") / "mlp")


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_instant_it_ends_with_the_same_bytes(work, seed):
    output = work.config.parent / f"instant-{seed}"
    instants = killed_at_instants(work, output, random.Random(seed))
    assert ended(work, output) == "equal", f"killed after {instants} s"


@pytest.mark.parametrize("part", range(4))
def test_killed_between_any_two_changes_of_the_disk_it_ends_with_the_same_bytes(work, part):
    point = spread(6, work.failpoints)[1 + part]
    output = work.config.parent / f"point-{part}"
    killed_at_failpoint(work, output, point)
    assert ended(work, output) == "equal", f"failpoint {point}"


def test_a_file_too_many_or_another_byte_is_seen(work):
    """What the comparison rests on."""
    output = work.config.parent / "seen"
    assert ended(work, output) == "equal"
    (run,) = [path.parent for path in Path(output).rglob("run.json")]
    (run / "left.json").write_text("")
    assert ended(work, output) == "different: left behind: left.json"
    (run / "left.json").unlink()
    (run / ".tmp-left").write_text("")  # which the end of a resume tidies away, as of a write that was killed
    assert ended(work, output) == "equal"
    log = (run / "metrics.jsonl").read_bytes()
    (run / "metrics.jsonl").write_bytes(log.replace(b"1", b"2", 1))
    assert ended(work, output) == "different: metrics.jsonl"
