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
    is the same. What fails in the thread is raised by the next call. `sync` comes before each commit;
    `copied` makes a state that nobody changes or gives away.
    """

    def __init__(
        self, folder: Path, spared: Callable[[int, Memory, list[int]], set[int]], sync: Callable[[], None],
        warn: Callable[[str], None], copied: Callable[[State], State] = lambda state: state,
    ):  # fmt: skip
        self.folder, self.spared, self.sync, self.warn, self.copied = folder, spared, sync, warn, copied
        self._queue: dict[int, _Waiting] = {}
        self._change = threading.Condition()
        self._busy = self._urgent = self._ended = self._pressed = False
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
            if self._thread is not None:
                self._thread.join()  # nobody may write once the run is let go of

    @property
    def pending(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._queue) or self._busy

    def save(self, state: State, memory: Memory) -> None:
        """Hand over a copy of the state, once there is room for it."""
        step, size = int(state.step), sum(leaf.nbytes for leaf in jax.tree.leaves(state))
        with self._change:
            self._drop(step, memory)
            self._pressed = not self._has_room(size)
            self._change.notify_all()
            self._change.wait_for(lambda: self._fault or self._has_room(size))
            self._pressed = False
            self._raise()
            if self._thread is None:
                thread = threading.Thread(target=self._write_all, name="checkpoints", daemon=True)
                thread.start()
                self._thread = thread
            self._queue[step] = _Waiting(self.copied(state), memory, size)
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

    def _has_room(self, size: int) -> bool:
        """Whether a copy of this size may wait; a larger one than ROOM only where no other is held."""
        waiting = sum(item.bytes for item in self._queue.values())
        return waiting + size <= ROOM or (not self._queue and not (self._busy and size > ROOM))

    def _drop(self, step: int, memory: Memory) -> None:
        """Leave out what `step` makes needless, but for the best of what is written before it."""
        stays = self.spared(step, memory, sorted({*checkpoint.steps(self.folder), *self._queue, step}))
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
                self._change.wait_for(lambda: self._urgent or self._ended or self._pressed, pause)
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
