"""Checkpoints of strangers: manifests that agree with their files, and files that no training wrote."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from aecli.config.problems import DamagedError
from aecli.training import checkpoint
from aecli.training.memory import Memory

KERNEL = np.arange(6, dtype=np.float32)


def forged(folder: Path, state: bytes, memory: bytes = b"{}\n", step: int = 3) -> Path:
    """A checkpoint of these bytes, with the manifest that belongs to them."""
    path = folder / str(step)
    path.mkdir(parents=True)
    files = {checkpoint.STATE: state, checkpoint.MEMORY: memory}
    for name, content in {**files, checkpoint.MANIFEST: checkpoint._manifest(step, files)}.items():
        (path / name).write_bytes(content)
    return path


def tensors(header: dict[str, Any], data: bytes = KERNEL.tobytes()) -> bytes:
    """A safetensors file of any header."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str = "F32", shape: Any = (6,), offsets: Any = (0, 24)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


STATES = {
    "no safetensors": b"hello",
    "nothing": b"",
    "a header of 2^60 bytes": struct.pack("<Q", 2**60) + b"{}",
    "a pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "a type that is not written": tensors({"x": entry("F8_E5M2", (24,))}),
    "a type that is none": tensors({"x": entry("OBJECT")}),
    "a shape of more than its bytes": tensors({"x": entry(shape=(600_000_000_000,))}),
    "a shape that overflows": tensors({"x": entry(shape=(2**62, 2**62))}),
    "a shape below zero": tensors({"x": entry(shape=(-6,))}),
    "a shape of text": tensors({"x": entry(shape="6")}),
    "offsets beyond the end": tensors({"x": entry(shape=(12,), offsets=(0, 48))}),
    "offsets that overlap": tensors({"x": entry(), "y": entry(shape=(5,), offsets=(4, 24))}),
    "offsets from behind": tensors({"x": entry(offsets=(24, 0))}),
    "a hole": tensors({"x": entry(shape=(2,), offsets=(0, 8)), "y": entry(shape=(2,), offsets=(16, 24))}),
    "not a number": save({"x": np.array([1, np.nan], np.float32)}),
    "infinity": save({"x": np.array([[np.inf]], np.float16)}),
}


@pytest.mark.parametrize("state", STATES)
def test_a_state_that_no_training_wrote_is_damaged_whatever_its_manifest_says(tmp_path, state):
    path = forged(tmp_path, STATES[state])
    with pytest.raises(DamagedError) as caught:
        checkpoint.load(tmp_path, 3)
    assert str(caught.value).startswith(f"{path / 'state.safetensors'}: damaged: ")


def test_the_sound_one_is_read(tmp_path):
    forged(tmp_path, tensors({"x": entry()}))
    assert np.array_equal(checkpoint.load(tmp_path, 3)[0]["x"], KERNEL)


@pytest.mark.parametrize("file", checkpoint._longest())
def test_a_file_larger_than_this_machine_can_hold_is_not_read(tmp_path, file):
    path = forged(tmp_path, tensors({"x": entry()}))
    os.truncate(path / file, 2**43)
    with pytest.raises(DamagedError, match=f"{file}: damaged: this file is 8,796,093,022,208 bytes long"):
        checkpoint.load(tmp_path, 3)


MEMORIES: list[dict[str, Any]] = [
    {"best": "low"}, {"best": True}, {"best": 10**30}, {"best_step": 1.5}, {"best_step": -1}, {"best_step": 10**400},
    {"best_step": "../.."}, {"waited": None}, {"waited": []}, {"metrics_bytes": -1}, {"metrics_bytes": {}},
    {"best_step": 10}, {"logged": 10}, {"objective": 3}, {"self": 1}, {"unknown": 1}, {"__class__": "os.system"},
]  # fmt: skip


@pytest.mark.parametrize("memory", MEMORIES, ids=lambda memory: str(memory)[:40])
def test_a_memory_of_other_forms_is_damaged(tmp_path, memory):
    with pytest.raises(DamagedError, match=r"damaged: .* is nothing that training remembers"):
        Memory.from_dict(memory, tmp_path, 9)


def test_a_memory_comes_back_as_it_was(tmp_path):
    for memory in (Memory(), Memory(-1.5, 3, 0.25, 2, 10**12, "ab")):
        assert Memory.from_dict(json.loads(json.dumps(memory.to_dict())), tmp_path, 9) == memory
