from __future__ import annotations

import json
import math
import os
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.config.problems import DamagedError, UserError
from aecli.runs.files import plain, read_json, to_json, write_whole, writing_whole


class Kill(BaseException):
    """What a kill is to a process: nothing catches it."""


@pytest.mark.parametrize(("content", "held"), [(b"\x00\xff", b"\x00\xff"), ("größe\n", "größe\n".encode()), ("", b"")])
@pytest.mark.parametrize("before", [None, b"old and longer than the new"])
def test_what_is_written_is_there_and_nothing_else(tmp_path, content, held, before):
    path = tmp_path / "f.txt"
    if before:
        path.write_bytes(before)
    write_whole(path, content)
    assert path.read_bytes() == held
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "whole"), [("replace", b"old"), ("fsync", b"old")])
@pytest.mark.parametrize("death", [Kill, OSError])
def test_a_crash_leaves_the_old_file(tmp_path, monkeypatch, name, whole, death):
    path = tmp_path / "f"
    path.write_bytes(whole)

    def dies(*_):
        raise death

    with monkeypatch.context() as patch:
        patch.setattr(os, name, dies)
        with pytest.raises(UserError if death is OSError else Kill):
            write_whole(path, b"new")
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_return(tmp_path, monkeypatch):
    done: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("replace"), replace(a, b)))
    write_whole(tmp_path / "f", "x")
    assert done == ["fsync", "replace", "fsync"]


def test_a_library_writes_aside(tmp_path):
    path = tmp_path / "codes.npy"
    with writing_whole(path) as aside:
        np.save(aside, np.arange(3))
        assert not path.exists()
    assert np.load(path).tolist() == [0, 1, 2]


def test_a_library_that_fails_leaves_the_old_file(tmp_path):
    def save_half(aside: Path) -> None:
        aside.write_bytes(b"half")
        raise ZeroDivisionError

    path = tmp_path / "codes.npy"
    np.save(path, np.arange(3))
    with pytest.raises(ZeroDivisionError), writing_whole(path) as aside:
        save_half(aside)
    assert np.load(path).tolist() == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", ["absent/f", "file/f", "folder", "n" * 300])
def test_the_disks_refusal_is_a_user_error(tmp_path, path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        write_whole(tmp_path / path, "x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None), (math.inf, None), (np.float32(-np.inf), None), (np.float64("nan"), None),
        (np.float32(0.1), 0.10000000149011612), (ml_dtypes.bfloat16(1.5), 1.5), (np.int64(3), 3),
        (np.bool_(True), True), (np.array(2.0), 2.0), (np.array([[1, 2]]), [[1, 2]]),
        (np.array([1.0, np.nan]), [1.0, None]), ((1, 2), [1, 2]), (Path("a/b"), "a/b"),
        ({"a": {"b": (np.nan,)}}, {"a": {"b": [None]}}), (True, True), (None, None),
    ],
)  # fmt: skip
def test_plain(value, expected):
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)


def test_plain_takes_jax_scalars():
    import jax.numpy as jnp

    assert plain({"a": jnp.float32(0.5), "b": jnp.array([jnp.nan, 1]), "c": jnp.bfloat16(2)}) == {
        "a": 0.5, "b": [None, 1.0], "c": 2.0,
    }  # fmt: skip


@pytest.mark.parametrize("value", [{0: 1}, {None: 1}, {1, 2}, 1j, object(), b"x", np.datetime64("2020-01-01")])
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises(TypeError):
        plain(value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values, st.sampled_from([None, 2]))
def test_json_is_json_for_every_reader(value, indent):
    text = to_json(value, indent)
    assert text.isascii()
    assert text.endswith("\n")
    assert indent or text.count("\n") == 1
    assert json.loads(text, parse_constant=pytest.fail) == plain(value)


def test_json_keeps_the_order_of_keys():
    assert to_json({"b": 1, "a": [1, 2]}, None) == '{"b":1,"a":[1,2]}\n'


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"\xff", b"null", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", None],
    ids=str,
)
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"run\.json: damaged"):
        read_json(path)
