from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file

from aecli.config.problems import DamagedError, DivergedError, Exit, UserError
from aecli.runs.plain import read_plain
from aecli.training import checkpoint

FILES = ["state.safetensors", "memory.json", "manifest.json"]
ARRAYS = {
    "parameters.encoder.layers.0.kernel": np.arange(12, dtype=np.float32).reshape(3, 4) / 7,
    "optimizer.0.count": np.array(3, np.int32),
    "seed": np.array(2**32 - 1, np.uint32),
    "parameters.half": np.arange(5).astype(ml_dtypes.bfloat16),
}
MEMORY = {"best": 12.5, "best_step": 4, "waited": 0, "metrics_bytes": 210, "note": None}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    """Equal names, types, shapes and bits."""
    return set(one) == set(other) and all(
        one[k].dtype == other[k].dtype and one[k].shape == other[k].shape and one[k].tobytes() == other[k].tobytes()
        for k in one
    )


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fails(text: str) -> None:
    raise AssertionError(text)


numbers = st.sampled_from(
    ["?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", ">f4", "<c8"]
)
finite = numbers.flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        elements={"allow_nan": False, "allow_infinity": False} if np.dtype(dtype).kind in "fc" else None,
    )
)
names = st.one_of(st.text(max_size=12), st.sampled_from(["__metadata__", "___metadata__", "a.b", "a/b", "\0", ""]))


@settings(max_examples=60, deadline=None)
@given(arrays=st.dictionaries(names, finite, max_size=5))
def test_arrays_of_any_name_type_and_shape_come_back(tmp_path_factory, arrays):
    folder = tmp_path_factory.mktemp("run")
    checkpoint.save(folder, 0, arrays, {})
    found, _ = checkpoint.load(folder, 0)
    native = {name: array.astype(array.dtype.newbyteorder("=")) for name, array in arrays.items()}
    assert same(found, native)


@settings(max_examples=40, deadline=None)
@given(
    memory=st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
    )
)
def test_memory_comes_back(tmp_path_factory, memory):
    folder = tmp_path_factory.mktemp("run")
    checkpoint.save(folder, 3, {}, memory)
    assert checkpoint.load(folder, 3)[1] == memory


@pytest.mark.parametrize(
    "array",
    [
        np.array(1.5, ml_dtypes.bfloat16), np.zeros((0, 3), ml_dtypes.bfloat16), np.array(-0.0, np.float32),
        np.arange(6.0).reshape(2, 3).T, np.arange(10)[::3], np.array(True), np.array(7, ">i4"),
    ],
    ids=["bfloat16 scalar", "bfloat16 zero", "minus zero", "turned", "strided", "bool scalar", "swapped"],
)  # fmt: skip
def test_awkward_arrays_come_back_and_may_be_written_to(tmp_path, array):
    checkpoint.save(tmp_path, 1, {"x": array}, {})
    found = checkpoint.load(tmp_path, 1)[0]["x"]
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.shape == array.shape
    assert found.astype(np.float64).tolist() == array.astype(np.float64).tolist()
    found[...] = 0


def test_other_programs_can_read_the_state(tmp_path):
    path = checkpoint.save(tmp_path, 1, {k: v for k, v in ARRAYS.items() if k != "parameters.half"}, {})
    found = load_file(path / "state.safetensors")
    assert same(found, {k: v for k, v in ARRAYS.items() if k != "parameters.half"})


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16, np.complex64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_by_name(tmp_path, dtype, bad):
    with pytest.raises(DivergedError, match=r"encoder\.bias.*not finite") as caught:
        checkpoint.save(tmp_path, 1, {"encoder.bias": np.array([0, bad]).astype(dtype)}, {})
    assert caught.value.exit_code == Exit.DIVERGED
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([{}], object), np.zeros(2, np.complex128)])
def test_what_has_no_form_is_refused(tmp_path, array):
    with pytest.raises(TypeError, match="'x'"):
        checkpoint.save(tmp_path, 1, {"x": array}, {})


def test_equal_states_give_equal_bytes_in_any_order(tmp_path):
    checkpoint.save(tmp_path / "a", 5, ARRAYS, MEMORY)
    checkpoint.save(tmp_path / "b", 5, dict(reversed(ARRAYS.items())), MEMORY)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert sorted(content(tmp_path / "a")) == sorted(f"5/{name}" for name in FILES)


def test_a_checkpoint_is_replaced_by_a_later_one_of_its_step(tmp_path):
    checkpoint.save(tmp_path, 5, ARRAYS, MEMORY)
    checkpoint.save(tmp_path, 5, {"x": np.ones(2)}, {"new": True})
    found, memory = checkpoint.load(tmp_path, 5)
    assert same(found, {"x": np.ones(2)})
    assert memory == {"new": True}
    assert [path.name for path in tmp_path.iterdir()] == ["5"]


def emptied(path: Path, _: random.Random) -> None:
    path.write_bytes(b"")


def truncated(path: Path, source: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: source.randrange(path.stat().st_size)])


def lengthened(path: Path, _: random.Random) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def deleted(path: Path, _: random.Random) -> None:
    path.unlink()


def folder_instead(path: Path, _: random.Random) -> None:
    path.unlink()
    path.mkdir()


def flipped(path: Path, source: random.Random) -> None:
    """One bit at a random place."""
    whole = bytearray(path.read_bytes())
    whole[source.randrange(len(whole))] ^= 1 << source.randrange(8)
    path.write_bytes(bytes(whole))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", [emptied, truncated, lengthened, deleted, folder_instead, flipped])
def test_damage_is_never_silent(tmp_path, name, harm):
    source = random.Random(f"{name} {harm.__name__}")
    for _ in range(25 if harm in (flipped, truncated) else 1):
        harm(checkpoint.save(tmp_path, 7, ARRAYS, MEMORY) / name, source)
        with pytest.raises(DamagedError, match="damaged") as caught:
            checkpoint.load(tmp_path, 7)
        assert caught.value.exit_code == Exit.DAMAGED
        assert any(known in str(caught.value) for known in FILES)
        if name != "manifest.json":  # a false entry of the manifest may show as the fault of the file it is about
            assert name in str(caught.value)


def test_a_whole_checkpoint_under_another_step_is_damage(tmp_path):
    checkpoint.save(tmp_path, 7, ARRAYS, MEMORY).rename(tmp_path / "8")
    with pytest.raises(DamagedError, match=r"manifest\.json"):
        checkpoint.load(tmp_path, 8)


@pytest.mark.parametrize(
    "manifest", [b"[]", b"{}", b'{"step":7,"files":[]}', b'{"step":7,"files":{}}', b"\xff", b"[" * 9999]
)
def test_a_false_manifest_is_damage(tmp_path, manifest):
    (checkpoint.save(tmp_path, 7, ARRAYS, MEMORY) / "manifest.json").write_bytes(manifest)
    with pytest.raises(DamagedError, match="damaged"):
        checkpoint.load(tmp_path, 7)


def test_the_newest_whole_one_is_found_and_each_damaged_one_told(tmp_path):
    for step in (10, 9, 100):
        checkpoint.save(tmp_path, step, {"x": np.array(step)}, {})
    (tmp_path / "100" / "memory.json").write_text("{}")
    (tmp_path / "10" / "manifest.json").unlink()
    told: list[str] = []
    found = checkpoint.latest_good(tmp_path, told.append)
    assert found is not None
    assert (found[0], found[1]["x"]) == (9, 9)
    assert ["step 100" in told[0], "memory.json" in told[0], "step 10 " in told[1]] == [True] * 3


def test_what_a_training_removes_while_it_is_read_is_no_damage(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 1, ARRAYS, MEMORY)

    def read(path: Path, most: int) -> bytes:
        if path.parent.name == "1":
            checkpoint.save(tmp_path, 2, ARRAYS, MEMORY)
            checkpoint.prune(tmp_path, 1)
        return read_plain(path, most)

    monkeypatch.setattr(checkpoint, "read_plain", read)
    found = checkpoint.latest_good(tmp_path, fails)
    assert found is not None
    assert found[0] == 2


def test_a_file_in_place_of_the_folder_is_damage(tmp_path):
    (tmp_path / "checkpoints").write_text("")
    with pytest.raises(DamagedError, match="the folder of checkpoints is no folder"):
        checkpoint.latest_good(tmp_path / "checkpoints", fails)


def test_none_ever_written_is_not_none_left(tmp_path):
    assert checkpoint.latest_good(tmp_path / "absent", fails) is None
    assert checkpoint.latest_good(tmp_path, fails) is None
    checkpoint.save(tmp_path, 1, ARRAYS, MEMORY)
    (tmp_path / "1" / "state.safetensors").unlink()
    told: list[str] = []
    with pytest.raises(DamagedError, match="no whole checkpoint is left"):
        checkpoint.latest_good(tmp_path, told.append)
    assert len(told) == 1


def test_a_step_that_is_not_there_is_the_users_mistake(tmp_path):
    checkpoint.save(tmp_path, 4, ARRAYS, MEMORY)
    with pytest.raises(UserError, match="step 5") as caught:
        checkpoint.load(tmp_path, 5)
    assert "steps there: 4" in str(caught.value)


def test_what_is_no_step_is_no_checkpoint(tmp_path):
    checkpoint.save(tmp_path, 4, ARRAYS, MEMORY)
    for name in ("04", "-1", "4.5", "x", ".tmp-6", "9" * 200):
        (tmp_path / name).mkdir()
    (tmp_path / "5").write_text("a file")
    assert checkpoint.steps(tmp_path) == [4]


@pytest.mark.parametrize(
    ("keep", "protect", "left"),
    [
        (2, set(), [9, 10]),
        (2, {1}, [1, 9, 10]),
        (1, {10, 77}, [10]),
        (0, {9}, [9]),
        (9, set(), [1, 2, 9, 10]),
    ],
)
def test_prune_keeps_the_latest_and_the_protected(tmp_path, keep, protect, left):
    for step in (1, 2, 9, 10):
        checkpoint.save(tmp_path, step, ARRAYS, MEMORY)
    checkpoint.prune(tmp_path, keep, protect)
    assert checkpoint.steps(tmp_path) == left
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(map(str, left))


def test_pruning_spares_the_whole_ones_after_a_fall_back(tmp_path):
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step * 100, ARRAYS, MEMORY)
    for step in (2, 3):
        (tmp_path / f"{step}00" / "memory.json").write_text("{}")
    checkpoint.save(tmp_path, 150, ARRAYS, MEMORY)
    checkpoint.prune(tmp_path, 2)
    found = checkpoint.latest_good(tmp_path, fails)
    assert found is not None
    assert checkpoint.steps(tmp_path) == [100, 150]


class Kill(BaseException):
    """What a kill is to a process: nothing catches it."""


@pytest.mark.parametrize("step", [2, 1], ids=["a new step", "the same step"])
@pytest.mark.parametrize("call", range(6))
@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "rename"), (shutil, "rmtree")])
def test_a_kill_at_any_call_leaves_a_whole_checkpoint(tmp_path, monkeypatch, owner, name, call, step):
    old, new = {"x": np.zeros(3)}, {"x": np.ones(3)}
    checkpoint.save(tmp_path, 1, old, {})
    real, calls = getattr(owner, name), []

    def dies(*args, **kwargs):
        calls.append(args)
        if len(calls) > call:
            raise Kill
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, dies)
        try:
            checkpoint.save(tmp_path, step, new, {})
            killed = False
        except Kill:
            killed = True
    found = checkpoint.latest_good(tmp_path, fails)
    assert found is not None
    assert same(found[1], old) or same(found[1], new)
    assert killed or same(found[1], new)

    checkpoint.save(tmp_path, 3, new, {})
    assert all(path.name.isdigit() for path in tmp_path.iterdir()), "what the crash left is removed by the next save"
    again = checkpoint.load(tmp_path, found[0])
    assert same(again[0], found[1])


def test_the_manifest_is_the_last_file_written(tmp_path, monkeypatch):
    written: list[str] = []
    real = checkpoint.write_synced
    monkeypatch.setattr(checkpoint, "write_synced", lambda path, data: (written.append(path.name), real(path, data)))
    checkpoint.save(tmp_path, 1, ARRAYS, MEMORY)
    assert sorted(written) == sorted(FILES)
    assert written[-1] == "manifest.json"


def test_the_disks_refusal_is_a_user_error(tmp_path):
    (tmp_path / "checkpoints").write_text("a file")
    with pytest.raises(UserError, match="cannot write"):
        checkpoint.save(tmp_path / "checkpoints", 1, ARRAYS, MEMORY)


def test_numbers_of_memory_that_are_not_finite_are_null(tmp_path):
    path = checkpoint.save(tmp_path, 1, {}, {"best": np.float32("inf")})
    assert json.loads((path / "memory.json").read_text()) == {"best": None}


class Moments(NamedTuple):
    mu: object
    nu: object


def tree() -> dict[str, object]:
    import jax.numpy as jnp

    layers = [{"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(3)}, {"kernel": jnp.ones((3, 1), jnp.bfloat16)}]
    return {
        "parameters": {"encoder": {"layers": layers}},
        "optimizer": (Moments({"a": jnp.zeros(2)}, None), jnp.int32(5)),
        "scale": 2.0,
    }


def test_leaves_are_named_by_their_path():
    assert sorted(checkpoint.flatten(tree())) == [
        "optimizer.0.mu.a", "optimizer.1", "parameters.encoder.layers.0.bias",
        "parameters.encoder.layers.0.kernel", "parameters.encoder.layers.1.kernel", "scale",
    ]  # fmt: skip


def test_a_tree_comes_back_through_the_disk(tmp_path):
    import jax

    checkpoint.save(tmp_path, 1, checkpoint.flatten(tree()), {})
    back = checkpoint.unflatten(checkpoint.load(tmp_path, 1)[0], jax.eval_shape(tree))
    assert jax.tree.structure(back) == jax.tree.structure(tree())
    for one, other in zip(jax.tree.leaves(back), jax.tree.leaves(tree()), strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert isinstance(back["optimizer"][0], Moments)


def test_dataclass_nodes_and_single_leaves():
    import dataclasses

    import jax
    import jax.numpy as jnp

    @jax.tree_util.register_dataclass
    @dataclasses.dataclass
    class State:
        step: object
        weights: object

    arrays = checkpoint.flatten(State(jnp.int32(1), {"w": jnp.ones(2)}))
    assert sorted(arrays) == ["step", "weights.w"]
    assert isinstance(checkpoint.unflatten(arrays, State(jnp.int32(0), {"w": jnp.zeros(2)})), State)
    assert checkpoint.unflatten(checkpoint.flatten(jnp.float32(2)), jnp.float32(0)) == 2


def test_two_leaves_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"a\.b"):
        checkpoint.flatten({"a.b": np.zeros(1), "a": {"b": np.zeros(1)}})


def test_flattening_copies():
    array = np.zeros(2, np.float32)
    flat = checkpoint.flatten({"x": array})
    array[0] = 1
    assert flat["x"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"w": np.zeros((784, 512), np.float32)}, ["w", "float32[784, 512]", "float32[784, 256]"]),
        ({"w": np.zeros((784, 256), np.float64)}, ["w", "float64[784, 256]", "float32[784, 256]"]),
        ({"w": None}, ["w is absent in the checkpoint", "float32[784, 256]"]),
        ({"extra": np.zeros(3, np.int32)}, ["extra is int32[3] in the checkpoint", "absent"]),
    ],
    ids=["shape", "type", "missing", "extra"],
)
def test_a_config_that_does_not_fit_is_told_by_array(change, words):
    like = {"w": np.zeros((784, 256), np.float32), "b": np.zeros(256, np.float32)}
    arrays = {k: v for k, v in ({**like, **change}).items() if v is not None}
    with pytest.raises(UserError, match="the config does not fit this checkpoint") as caught:
        checkpoint.unflatten(arrays, like)
    assert all(word in str(caught.value) for word in words)
    assert "b is" not in str(caught.value)


def test_many_misfits_are_counted():
    with pytest.raises(UserError, match="and 12 more"):
        checkpoint.unflatten({}, {f"a{i}": np.zeros(1) for i in range(20)})
