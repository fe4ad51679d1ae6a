"""Programs that are kept: a later process takes them as they are, and only where they are what it would compile."""

from __future__ import annotations

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.training import devices, executables
from aecli.training.devices import compiled, use_cache
from aecli.training.executables import Executable, exact


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of this test's own, in a process that may have used another."""
    before = jax.config.values["jax_compilation_cache_dir"]
    monkeypatch.setenv("AECLI_CACHE", str(tmp_path))
    use_cache()
    yield tmp_path / "programs"
    jax.config.update("jax_compilation_cache_dir", before)


def halved(x):
    return {"half": x / 2, "sum": x.sum()}


def counted(function, *args):
    before = compiled()
    found = function(*args)
    return found, compiled().since(before)


X = np.arange(6, dtype=np.float32)


def test_what_one_has_compiled_the_next_takes_from_disk(cache):
    first, made = counted(Executable("halved", halved, "one"), X)
    assert (made.hits, made.misses) == (0, 1)
    second, taken = counted(Executable("halved", lambda x: pytest.fail("traced"), "one"), X)
    assert (taken.hits, taken.misses) == (1, 0)
    assert len(list(cache.iterdir())) == 1
    for name in ("half", "sum"):
        np.testing.assert_array_equal(first[name], second[name])
        np.testing.assert_array_equal(first[name], halved(X)[name])


@pytest.mark.parametrize(
    ("name", "identity", "x"),
    [
        ("other", "one", X),
        ("halved", "two", X),
        ("halved", "one", X[:3]),
        ("halved", "one", X.astype(np.int32)),
        ("halved", "one", X.reshape(2, 3)),
    ],
)
def test_another_program_is_compiled_anew(name, identity, x):
    Executable("halved", halved, "one")(X)
    _, made = counted(Executable(name, halved, identity), x)
    assert (made.hits, made.misses) == (0, 1)


def test_other_settings_and_other_code_are_other_programs(monkeypatch):
    Executable("halved", halved, "one")(X)
    _, same = counted(Executable("halved", halved, "one"), X)
    monkeypatch.setattr(executables, "_code", lambda: "another version")
    _, code = counted(Executable("halved", halved, "one"), X)
    monkeypatch.setenv("XLA_FLAGS", os_flags := "--xla_cpu_enable_fast_math=false")
    assert os_flags in executables._settings()
    _, flags = counted(Executable("halved", halved, "one"), X)
    assert [c.misses for c in (same, code, flags)] == [0, 1, 1]


def test_another_processor_s_programs_are_not_taken(monkeypatch):
    Executable("halved", halved, "one")(X)
    monkeypatch.setattr(devices, "_processor", lambda: "avx9")
    _, made = counted(Executable("halved", halved, "one"), X)
    assert (made.hits, made.misses) == (0, 1)


def test_the_code_s_hash_is_that_of_every_file_of_the_package(monkeypatch, tmp_path):
    def of(text):
        (tmp_path / "aecli" / "training").mkdir(parents=True, exist_ok=True)
        (tmp_path / "aecli" / "a.py").write_text(text)
        monkeypatch.setattr(executables, "__file__", str(tmp_path / "aecli" / "training" / "executables.py"))
        executables._code.cache_clear()
        return executables._code()

    try:
        assert of("x = 1") != of("x = 2")
    finally:
        executables._code.cache_clear()


@pytest.mark.parametrize("damage", [lambda raw: raw[:100], lambda raw: b"", lambda raw: raw[:-9] + b"damage!!!"])
def test_what_is_damaged_is_compiled_anew_and_counted(cache, damage):
    expected = Executable("halved", halved, "one")(X)
    (file,) = cache.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    found, made = counted(Executable("halved", halved, "one"), X)
    np.testing.assert_array_equal(found["half"], expected["half"])
    assert (made.hits, made.misses, made.damaged) == (0, 1, 1)
    assert "1 of them as what was kept was damaged" in str(made)
    _, again = counted(Executable("halved", halved, "one"), X)
    assert (again.hits, again.damaged) == (1, 0)


def test_what_xla_does_not_take_is_compiled_anew(monkeypatch):
    Executable("halved", halved, "one")(X)

    def refused(*args, **options):
        raise RuntimeError("another machine's")

    monkeypatch.setattr(executables, "deserialize_and_load", refused)
    found, made = counted(Executable("halved", halved, "one"), X)
    np.testing.assert_array_equal(found["half"], X / 2)
    assert (made.hits, made.misses, made.damaged) == (0, 1, 1)


def test_what_cannot_be_kept_is_said(cache):
    cache.write_text("a file where the folder should be")
    found, made = counted(Executable("halved", halved, "one"), X)
    np.testing.assert_array_equal(found["half"], X / 2)
    assert (made.misses, made.unkept) == (1, 1)
    assert "1 could not be kept in " in str(made)


def test_the_longest_unused_go_first(cache, monkeypatch):
    Executable("halved", halved, "one")(X)
    (size,) = [file.stat().st_size for file in cache.iterdir()]
    monkeypatch.setattr(executables, "ROOM", int(2.5 * size))
    Executable("halved", halved, "two")(X)
    for file in cache.iterdir():
        executables.os.utime(file, (1, 1))
    Executable("halved", halved, "one")(X)  # used last
    Executable("halved", halved, "three")(X)
    found = [counted(Executable("halved", halved, i), X)[1].hits for i in ("one", "three", "two")]
    assert found == [1, 1, 0]


def test_shapes_are_known_without_the_program(monkeypatch):
    expected = jax.eval_shape(halved, X)
    assert Executable("halved", halved, "one").shapes(X) == expected
    Executable("halved", halved, "one")(X)
    monkeypatch.setattr(executables, "deserialize_and_load", lambda *a, **b: pytest.fail("loaded"))
    assert Executable("halved", lambda x: pytest.fail("traced"), "one").shapes(X) == expected


def test_a_donated_argument_is_given_up_by_what_was_kept_too():
    for _ in range(2):
        x = jnp.asarray(X)
        Executable("double", lambda x: 2 * x, "one", donate=(0,))(x)
        assert x.is_deleted()


def test_what_runs_once_gives_the_same_bits():
    def drawn(seed):
        return {n: jax.random.normal(jax.random.fold_in(jax.random.key(seed), n), (n, 7)) for n in (3, 30)}

    seed = np.uint32(4)
    much, little = (Executable("drawn", drawn, "one", once=once)(seed) for once in (False, True))
    for n in (3, 30):
        np.testing.assert_array_equal(much[n], little[n])


def test_within_a_trace_it_is_the_function(cache):
    made = Executable("halved", halved, "one")
    slope = jax.jit(jax.grad(lambda x: made(x)["half"].sum()))(X)
    np.testing.assert_array_equal(slope, np.full(6, 0.5))
    assert not cache.exists()


def test_without_a_cache_nothing_is_kept(cache):
    jax.config.update("jax_compilation_cache_dir", None)
    np.testing.assert_array_equal(Executable("halved", halved, "one")(X)["half"], X / 2)
    assert not cache.exists()


def test_what_jax_had_in_its_own_cache_is_kept_whole():
    # XLA's CPU backend writes a program that it has from JAX's cache without its functions: read again, it fails.
    script = """
import sys, numpy as np, jax
from aecli.training.devices import compiled, use_cache
from aecli.training.executables import Executable
use_cache()
x = np.arange(6, dtype=np.float32)
def halved(x): return jax.random.normal(jax.random.key(0), (6,)) * x / 2
if sys.argv[1] == "jax":
    jax.jit(halved)(x).block_until_ready()
else:
    print(Executable("halved", halved, "one")(x).tolist(), compiled().hits)
"""

    def run(what):
        done = subprocess.run([sys.executable, "-c", script, what], capture_output=True, text=True, check=True)
        return done.stdout

    run("jax")
    first, second = run("kept"), run("kept")
    assert first.split("]")[0] == second.split("]")[0]
    assert second.endswith("] 1\n")


def test_what_names_no_precision_is_computed_in_float32_wherever_it_runs():
    program = Executable("product", lambda a: a @ a.T, "test")
    like = jax.ShapeDtypeStruct((3, 2), jnp.float32)
    with exact():
        there = program.jitted.trace(like).lower(lowering_platforms=("tpu",)).as_text()
    for text in (there, program.lower(like).as_text()):
        assert "HIGHEST" in text
        assert "DEFAULT" not in text


def test_what_calls_lapack_is_not_kept(cache):
    """Its addresses are set when such a call is lowered, which a process that takes a kept program never does."""
    found, made = counted(Executable("cholesky", jnp.linalg.cholesky, "one"), 4 * np.eye(3, dtype=np.float32))
    np.testing.assert_array_equal(found, 2 * np.eye(3))
    assert (made.misses, made.unkept) == (1, 1)
    assert not cache.exists() or not list(cache.iterdir())
