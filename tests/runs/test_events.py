from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from aecli.runs.events import Events


def scalars(folder: Path) -> list[tuple[int, str, float]]:
    """Step, tag and value of every scalar, read record by record: length, checksum, event, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
            content = content[16 + length :]
    return found


def test_scalars_are_those_of_the_log(tmp_path):
    with Events(tmp_path / "events") as events:
        events.write(470, "train", {"loss": np.float32(0.1), "rate": 2})
        events.write(470, "validation", {"loss": 0.5})
    assert scalars(tmp_path / "events") == [
        (470, "train/loss", pytest.approx(0.1)), (470, "train/rate", 2.0), (470, "validation/loss", 0.5),
    ]  # fmt: skip


def test_what_is_null_in_the_log_is_left_out(tmp_path):
    with Events(tmp_path) as events:
        events.write(1, "train", {"loss": float("nan"), "rate": None, "elbo": -float("inf"), "nll": 1.0})
    assert scalars(tmp_path) == [(1, "train/nll", 1.0)]


def test_a_resumed_run_adds_to_the_folder(tmp_path):
    for start in (0, 5):
        with Events(tmp_path, resume_at=start or None) as events:
            events.write(start, "train", {"loss": 1.0})
            events.flush()
    assert sorted(step for step, *_ in scalars(tmp_path)) == [0, 5]
