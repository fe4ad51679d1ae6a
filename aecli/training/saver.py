"""Checkpoints written beside the training: it goes on while a thread packs, hashes, and waits for the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax

from aecli.config.problems import AecliError
from aecli.training import checkpoint
from aecli.training.memory import Memory
from aecli.training.state import State

SHARE = 0.02  # of a processor's time that goes into saving, at most, while training runs
ROOM = 2**26  # bytes that may wait for it


class _Waiting(NamedTuple):
    state: State
    memory: Memory
    bytes: int


class Saver:
    """Commits checkpoints in order, each whole, and removes those that are kept no longer.

    `spared(step, memory, there)` says which of the steps that are there stay, once `step` is committed. What waits
    and would not stay is never written: short epochs come faster than a disk takes them, and what is there in the end
    is the same. What fails in the thread is raised by the next call. `sync` comes before each commit.
    """

    def __init__(
        self, folder: Path, spared: Callable[[int, Memory, list[int]], set[int]], sync: Callable[[], None],
        warn: Callable[[str], None],
    ):  # fmt: skip
        self.folder, self.spared, self.sync, self.warn = folder, spared, sync, warn
        self._queue: dict[int, _Waiting] = {}
        self._change = threading.Condition()
        self._busy = self._urgent = self._ended = False
        self._fault: BaseException | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Saver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        """Everything handed over is on the disk afterwards; after an error what fails then is a warning."""
        try:
            self.finish()
        except AecliError as fault:
            if error is None:
                raise
            if fault is not error:
                self.warn(str(fault))
        finally:
            with self._change:
                self._ended = True
                self._change.notify_all()

    @property
    def pending(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._queue) or self._busy

    def save(self, state: State, memory: Memory) -> None:
        """Hand over a state, whose arrays nobody may change or give away from now on."""
        step, size = int(state.step), sum(leaf.nbytes for leaf in jax.tree.leaves(state))
        with self._change:
            self._change.wait_for(lambda: self._fault or not self._queue or self._waiting() + size <= ROOM)
            self._raise()
            self._queue[step] = _Waiting(state, memory, size)
            self._drop(step, memory)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="checkpoints", daemon=True)
                self._thread.start()
            self._change.notify_all()

    def check(self) -> None:
        """Raise what has failed in the thread."""
        if self._fault is not None:
            with self._change:
                self._raise()

    def finish(self) -> None:
        """Return once everything is on the disk."""
        with self._change:
            self._urgent = True
            self._change.notify_all()
            self._change.wait_for(lambda: self._fault or not self.pending)
            self._urgent = False
            self._raise()

    def _waiting(self) -> int:
        return sum(item.bytes for item in self._queue.values())

    def _drop(self, step: int, memory: Memory) -> None:
        """Leave out what would be removed again, but for the best of what is written before."""
        stays = self.spared(step, memory, sorted({*checkpoint.steps(self.folder), *self._queue}))
        stays |= {item.memory.best_step or 0 for known, item in self._queue.items() if known in stays}
        self._queue = {known: item for known, item in self._queue.items() if known in stays}

    def _raise(self) -> None:
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

    def _write_all(self) -> None:
        pause = 0.0
        while True:
            with self._change:
                self._change.wait_for(lambda: self._urgent or self._ended or self._waiting() > ROOM, pause)
                self._change.wait_for(lambda: self._queue or self._ended)
                if not self._queue:
                    return
                step = min(self._queue)
                item, self._busy = self._queue.pop(step), True
                self._change.notify_all()
            began = time.thread_time()
            try:
                self._write(step, item)
            except BaseException as error:  # raised where it can be dealt with
                with self._change:
                    self._fault = error
                    self._queue.clear()
            with self._change:
                self._busy = False
                self._change.notify_all()
            del item
            pause = (time.thread_time() - began) / SHARE

    def _write(self, step: int, item: _Waiting) -> None:
        self.sync()
        checkpoint.save(self.folder, step, checkpoint.flatten(item.state._asdict()), item.memory.to_dict())
        checkpoint.prune(self.folder, 0, self.spared(step, item.memory, checkpoint.steps(self.folder)))
