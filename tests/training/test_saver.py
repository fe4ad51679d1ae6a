"""Checkpoints written beside the training: in order, never one too few, and no failure unheard."""

from __future__ import annotations

import threading

import jax.numpy as jnp
import pytest

from aecli.config.problems import DivergedError, UserError
from aecli.training import checkpoint, saver
from aecli.training.memory import Memory
from aecli.training.saver import Saver
from aecli.training.state import State

KEEP = 2


def state(step: int, value: float = 0.0, size: int = 3) -> State:
    return State({"w": jnp.full(size, value)}, {}, {}, {}, jnp.int32(step), {}, jnp.int32(-1))


def spared(step: int, memory: Memory, there: list[int]) -> set[int]:
    """As the loop says it: itself, the latest two, the best."""
    best = [] if memory.best_step is None else [memory.best_step]
    return {step, *[s for s in there if s][-KEEP:], *best}


def made(tmp_path, sync=lambda: None, warned=None) -> Saver:
    return Saver(tmp_path, spared, sync, (lambda text: None) if warned is None else warned.append)


@pytest.mark.parametrize("best", [None, 1, 4, 9, 10])
def test_what_is_left_is_what_writing_at_once_leaves(tmp_path, best):
    """Ten epochs come while the first is written: the latest two and the best are there in the end."""
    gate, begun = threading.Event(), threading.Event()

    def sync() -> None:
        begun.set()
        gate.wait(20)

    with made(tmp_path, sync) as saving:
        for step in range(1, 11):
            saving.save(state(step), Memory(best_step=best if best and best <= step else None))
            begun.wait(20)
        assert len(saving._queue) <= KEEP + 1, "what would be removed again does not wait"
        gate.set()
    assert checkpoint.steps(tmp_path) == sorted({9, 10, *([best] if best else [])})
    assert checkpoint.load(tmp_path, 10)[1]["best_step"] == best


def test_a_checkpoint_never_names_a_best_that_is_not_there(tmp_path, monkeypatch):
    real, seen = checkpoint.save, []

    def save(folder, step, arrays, memory):
        real(folder, step, arrays, memory)
        seen.append(memory["best_step"] in checkpoint.steps(folder))

    monkeypatch.setattr(checkpoint, "save", save)
    gate = threading.Event()
    with made(tmp_path, lambda: gate.wait(20) and None) as saving:
        for step in range(1, 9):
            saving.save(state(step), Memory(best_step=step - step % 3 or 1))
        gate.set()
    assert seen
    assert all(seen)


def test_a_failure_is_raised_by_the_next_call(tmp_path):
    (tmp_path / "checkpoints").write_text("a file")
    saving = Saver(tmp_path / "checkpoints", spared, lambda: None, lambda text: None)
    saving.save(state(1), Memory())
    with pytest.raises(UserError, match="cannot write"):
        saving.finish()
    saving.check()  # it is raised once


def test_what_is_not_finite_is_heard_of(tmp_path):
    with pytest.raises(DivergedError, match=r"parameters\.w"), made(tmp_path) as saving:
        saving.save(state(1, float("nan")), Memory())
    assert checkpoint.steps(tmp_path) == []


def test_after_an_error_a_failure_is_a_warning(tmp_path):
    warned: list[str] = []
    saving = made(tmp_path, warned=warned)
    saving.save(state(1, float("inf")), Memory())
    saving.__exit__(KeyError, KeyError(), None)
    assert "parameters.w" in warned[0]


def test_of_large_states_one_copy_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(saver, "ROOM", 10)
    gate, told = threading.Event(), []
    with made(tmp_path, lambda: gate.wait(20) and None) as saving:
        saving.save(state(1), Memory())
        threading.Timer(0.2, lambda: (told.append(len(saving._queue)), gate.set())).start()
        for step in (2, 3, 4):
            saving.save(state(step), Memory())
        assert told == [0], "the one that is being written, and no other"
    assert checkpoint.steps(tmp_path) == [3, 4]


def test_who_waits_for_room_wakes_the_thread(tmp_path, monkeypatch):
    """Two states have room; the thread would rest for a thousand seconds after each."""
    monkeypatch.setattr(saver, "ROOM", 50)
    monkeypatch.setattr(saver.time, "thread_time", iter(range(0, 10**6, 20)).__next__)
    with made(tmp_path) as saving:
        for step in range(1, 9):
            saving.save(state(step), Memory(best_step=step))
    assert checkpoint.steps(tmp_path) == [7, 8]


def test_a_thread_that_cannot_begin_is_an_error_and_no_wait(tmp_path, monkeypatch):
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    saving = made(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="new thread"):
            saving.save(state(1), Memory())
    saving.finish()


def test_saving_takes_a_small_share_of_a_processor(tmp_path, monkeypatch):
    """After a second's work the thread rests for fifty, whatever the clock: only `finish` wakes it."""
    monkeypatch.setattr(saver.time, "thread_time", iter(range(1000)).__next__)
    written: list[int] = []
    real = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda *args: (written.append(args[1]), real(*args)))
    with made(tmp_path) as saving:
        saving.save(state(1), Memory())
        with saving._change:
            assert saving._change.wait_for(lambda: not saving.pending, 20)
        for step in (2, 3, 4, 5):
            saving.save(state(step), Memory())
        assert saving.pending
        assert written == [1]
    assert written == [1, 4, 5]
