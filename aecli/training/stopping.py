"""Stopping on request: SIGINT and SIGTERM, while Python runs and while compiled code does.

A signal's handler runs in Python, between two compiled calls; a compiler may take a minute. So the signal also goes to
a thread, which ends the process where nobody else has in time. Nothing is lost: what is on the disk is whole, and a run
goes on from there. Signals belong to the process, and so does the one guard there may be.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from aecli.config.problems import AecliError, Exit

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 3.0  # seconds to end by oneself
SAVING = 60.0  # and where a large state is on its way to the disk
AGAIN = b"\0"  # no signal has this number
SHOW_CURSOR = "\x1b[?25h"


class StoppedError(AecliError):
    """Training was stopped by a signal, after saving (exit 130 or 143)."""

    def __init__(self, number: int, *problems: Any, run: Path | None = None):
        super().__init__(*problems)
        self.run = run
        self.exit_code = exit_code(number)


def exit_code(number: int) -> Exit:
    """What a process that this signal stopped exits with."""
    return Exit.TERMINATED if number == signal.SIGTERM else Exit.INTERRUPTED


class StopRequest:
    """Remembers the first signal that asked to stop."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.is_saving = False

    def __bool__(self) -> bool:
        return self.signal is not None

    @contextmanager
    def saving(self) -> Iterator[None]:
        """While what was trained goes to the disk, which may take its time."""
        before, self.is_saving = self.is_saving, True
        try:
            yield
        finally:
            self.is_saving = before


class Guard:
    """What is done about a signal: noted where somebody asks for that, else an exception; and a thread that sees to it.

    `last_words` are called by the thread before it ends the process.
    """

    def __init__(self) -> None:
        self.noting: StopRequest | None = None
        self.last_words: Callable[[int], None] | None = None
        self._ear, self._mouth = os.pipe()
        os.set_blocking(self._mouth, False)
        self._number, self._echoes = int(signal.SIGTERM), 0
        self.unanswered: int | None = None  # a signal that nothing was done about yet: it came within an import
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)

    def handle(self, number: int, frame: Any) -> None:
        """In Python's main thread."""
        if self.noting is not None and self.noting.signal is None:
            self.noting.signal = number
        elif _imports(frame):
            self.unanswered = number
            os.write(self._mouth, AGAIN)  # a library that is begun by half would crash: once more when it is whole
        elif number == signal.SIGTERM:
            raise SystemExit(int(Exit.TERMINATED))
        else:
            raise KeyboardInterrupt

    def begin(self) -> None:
        """Be told of signals from now on."""
        self._before = signal.set_wakeup_fd(self._mouth, warn_on_full_buffer=False), sys.unraisablehook
        sys.unraisablehook = self._swallowed
        self._thread.start()

    def end(self) -> None:
        """Hear of no more."""
        descriptor, sys.unraisablehook = self._before
        signal.set_wakeup_fd(descriptor)
        os.close(self._mouth)
        self._thread.join()
        os.close(self._ear)

    def _swallowed(self, raised: Any) -> None:
        """Raise again what a finaliser or a callback of the collector was interrupted with: nobody else would hear."""
        if not issubclass(raised.exc_type, KeyboardInterrupt | SystemExit):
            self._before[1](raised)
            return
        os.write(self._mouth, AGAIN)  # by the thread: here it would be swallowed again

    def _listen(self) -> None:
        number = self._heard(None)
        if number is None:
            return
        again = self._heard(GRACE)
        if again == 0 and self.noting is not None and self.noting.is_saving:
            sys.stderr.write("saving: a second signal stops at once\n")
            again = self._heard(SAVING)
        if again is not None:
            self._end(number, "" if again else ", while compiled code ran")

    def _heard(self, seconds: float | None) -> int | None:
        """The next signal that asks to stop; 0 where none came in time, None once this process is done."""
        until = None if seconds is None else time.monotonic() + seconds
        while select.select([self._ear], [], [], None if until is None else max(until - time.monotonic(), 0))[0]:
            content = os.read(self._ear, 1)
            if not content:
                return None
            if content == AGAIN:
                time.sleep(0.05)  # until the main thread has left where exceptions are lost
                self._echoes += 1
                os.kill(os.getpid(), self._number)
            elif content[0] in SIGNALS and self._echoes:
                self._echoes -= 1
            elif content[0] in SIGNALS:
                self._number = content[0]
                return content[0]
        return 0

    def _end(self, number: int, when: str) -> None:
        """End the process: whoever should have did not."""
        name, cursor = signal.Signals(number).name, SHOW_CURSOR if sys.stderr.isatty() else ""
        with suppress(Exception):  # nothing that fails here may keep the process alive
            if self.last_words is not None:
                self.last_words(number)
            os.write(2, f"{cursor}error: stopped by {name}{when}\n".encode())
        os._exit(exit_code(number))


_guards: list[Guard] = []


@contextmanager
def guarded() -> Iterator[Guard | None]:
    """A process that signals stop: exit 130 or 143 within seconds, at once on a second one.

    Inert outside the main thread. A SIGINT that the process was started to ignore stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield None
        return
    guard = Guard()
    guard.begin()  # first: what hears a signal is whole when the first one is answered
    with _handled(guard.handle):
        _guards.append(guard)
        try:
            yield guard
        finally:
            _guards.remove(guard)
            guard.end()


def _imports(frame: FrameType | None) -> bool:
    """Whether an import is under way."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextmanager
def last_words(words: Callable[[int], None]) -> Iterator[None]:
    """`words(signal)` is called where a guarded process has to be ended by its guard within the block."""
    guard = _guards[-1] if _guards and threading.current_thread() is threading.main_thread() else None
    if guard is None:
        yield
        return
    before, guard.last_words = guard.last_words, words
    try:
        yield
    finally:
        guard.last_words = before


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """While active, the first SIGINT or SIGTERM is noted; a second stops at once. Outside the main thread: inert."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
    elif _guards:
        guard = _guards[-1]
        before, guard.noting = guard.noting, request
        try:
            yield request
        finally:
            guard.noting = before
    else:  # a library within somebody's program, which is not ended from outside
        with _handled(partial(_note, request)):
            yield request


def _note(request: StopRequest, number: int, frame: Any) -> None:
    if request.signal is not None:
        raise KeyboardInterrupt
    request.signal = number


@contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """While active, `handler` is told of the signals, but for those that the process was started to ignore."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in heard:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in heard.items():
            signal.signal(number, old)
