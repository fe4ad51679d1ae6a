from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aecli.config.problems import DamagedError, UserError
from aecli.runs.metrics import Metrics

RECORD = {"step": 470, "epoch": 1, "split": "validation", "values": {"loss": 12.3}}


def test_the_line_is_the_documented_one(tmp_path):
    with Metrics(tmp_path / "metrics.jsonl") as log:
        log.append(RECORD)
    assert log.path.read_text() == '{"step":470,"epoch":1,"split":"validation","values":{"loss":12.3}}\n'


def test_an_append_is_there_at_once(tmp_path):
    log = Metrics(tmp_path / "metrics.jsonl")
    for count in (1, 2):
        log.append(RECORD)
        assert Metrics(log.path).read() == [RECORD] * count
    log.sync()
    log.close()


@given(st.floats(width=32))
def test_equal_numbers_of_any_kind_give_equal_bytes(tmp_path_factory, number):
    path = tmp_path_factory.mktemp("log") / "metrics.jsonl"
    with Metrics(path) as log:
        for value in (number, np.float32(number), np.array(number, np.float32)):
            log.append({"loss": value})
    lines = path.read_bytes().splitlines()
    assert len(set(lines)) == 1
    (found,) = json.loads(lines[0], parse_constant=pytest.fail).values()
    assert found == number if np.isfinite(number) else found is None


@settings(max_examples=50, deadline=None)
@given(
    losses=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=6),
    kept=st.integers(0, 6),
    torn=st.binary(max_size=9),
)
def test_a_resumed_run_writes_the_bytes_of_an_uninterrupted_one(tmp_path_factory, losses, kept, torn):
    """Cut at a checkpoint, then a crash that tore the last line; then the same records again."""
    folder, kept = tmp_path_factory.mktemp("log"), min(kept, len(losses))
    whole, resumed = Metrics(folder / "a"), Metrics(folder / "b")
    with whole, resumed:
        for loss in losses:
            whole.append({"loss": loss})
        lengths = [0]
        for loss in losses:
            resumed.append({"loss": loss})
            lengths.append(resumed.length())
    with resumed.path.open("ab") as file:
        file.write(torn.replace(b"\n", b""))
    assert [record["loss"] for record in resumed.read()] == losses
    with Metrics(resumed.path) as again:
        again.truncate(lengths[kept])
        for loss in losses[kept:]:
            again.append({"loss": loss})
    assert resumed.path.read_bytes() == whole.path.read_bytes() if losses else not whole.path.exists()


def test_truncate_between_appends(tmp_path):
    with Metrics(tmp_path / "m") as log:
        log.append({"a": 1})
        length = log.length()
        log.append({"a": 2})
        log.truncate(length)
        log.append({"a": 3})
        assert log.read() == [{"a": 1}, {"a": 3}]
        log.truncate(0)
        assert log.read() == []


def test_a_torn_line_goes_with_the_next_append(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(b'{"a":1}\n{"a"')
    with Metrics(path) as log:
        assert log.length() == 8
        log.append({"a": 2})
    assert path.read_bytes() == b'{"a":1}\n{"a":2}\n'


def test_an_absent_file_holds_nothing(tmp_path):
    log = Metrics(tmp_path / "m")
    log.truncate(0)
    assert (log.read(), log.length(), log.path.exists()) == ([], 0, False)


@pytest.mark.parametrize("line", [b"{", b"", b"[1]", b"\xff", b"NaN"])
def test_a_damaged_line_is_named_with_its_number(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"a":1}\n' + line + b'\n{"a":2}\n')
    with pytest.raises(DamagedError, match=r"metrics\.jsonl:2: damaged"):
        Metrics(path).read()


@pytest.mark.parametrize("length", [3, 9, 100])
def test_a_file_that_does_not_fit_its_checkpoint_is_damaged(tmp_path, length):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":2}\n')
    with pytest.raises(DamagedError, match=f"no record ends at byte {length}"):
        Metrics(path).truncate(length)
    assert path.stat().st_size == 16


def test_a_byte_that_flipped_before_a_checkpoint_is_damage(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with Metrics(path) as log:
        log.append({"loss": 1.5})
        length, digest = log.length(), log.digest()
        log.append({"loss": 2.5})
        assert log.digest() != digest
    assert Metrics(path).digest() == hashlib.sha256(path.read_bytes()).hexdigest()
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"1.5", b"1.4"))
    with pytest.raises(DamagedError, match=f"its first {length} bytes are not those"):
        Metrics(path).truncate(length, digest)
    assert path.stat().st_size == len(whole)
    path.write_bytes(whole.replace(b"2.5", b"2.4"))
    with Metrics(path) as log:
        log.truncate(length, digest)
        assert (log.length(), log.digest()) == (length, digest)
        log.append({"loss": 2.5})
    assert path.read_bytes() == whole


@pytest.mark.parametrize("replaced", [False, True])
def test_a_log_that_is_removed_while_it_is_written_is_told(tmp_path, replaced):
    path = tmp_path / "metrics.jsonl"
    with Metrics(path) as log:
        log.append(RECORD)
        log.sync()
        path.unlink()
        if replaced:
            path.write_text("")
        with pytest.raises(UserError, match="was removed or replaced while it was written"):
            log.sync()


def test_sync_reaches_the_disk(tmp_path, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with Metrics(tmp_path / "m") as log:
        log.append(RECORD)
        assert not synced
        log.sync()
        assert len(synced) == 1


def test_the_disks_refusal_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="cannot write"):
        Metrics(tmp_path / "absent" / "m").append(RECORD)
