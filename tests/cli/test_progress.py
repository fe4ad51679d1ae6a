"""The lines of a plain log while a training is going on."""

from __future__ import annotations

import re
from types import SimpleNamespace

from aecli.cli import common


def told(monkeypatch, capsys, calls: list[tuple[float, int]]) -> list[str]:
    """What the log says of calls (second, step) of one reporter."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(common, "time", SimpleNamespace(monotonic=lambda: clock.now))
    with common.Reporter(quiet=False) as progress:
        for second, done in calls:
            clock.now = 1000.0 + second
            progress.advance(done, 9000, "epoch 1/9")
    return [re.sub(r"^epoch 1/9  ", "", line) for line in capsys.readouterr().err.splitlines()]


def test_the_pace_is_that_of_this_training_since_its_first_chunk(monkeypatch, capsys):
    first, second = [(1, 10), (7, 610)], [(31, 20), (37, 320)]
    assert told(monkeypatch, capsys, first + second) == [
        "step 610/9000  100 steps/s", "step 20/9000", "step 320/9000  50 steps/s",
    ]  # fmt: skip


def test_the_pace_of_a_resumed_training_counts_no_step_of_before(monkeypatch, capsys):
    assert told(monkeypatch, capsys, [(6, 5000), (12, 5060)]) == ["step 5000/9000", "step 5060/9000  10 steps/s"]
