"""Stopping on request: SIGINT and SIGTERM are noted, and acted on between compiled chunks."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aecli.config.problems import AecliError, Exit


class StoppedError(AecliError):
    """Training was stopped by a signal, after saving (exit 130 or 143)."""

    def __init__(self, number: int, *problems: Any, run: Path | None = None):
        super().__init__(*problems)
        self.run = run
        self.exit_code = Exit.TERMINATED if number == signal.SIGTERM else Exit.INTERRUPTED


class StopRequest:
    """Remembers the first signal that asked to stop."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """While active, the first SIGINT or SIGTERM is noted; a second stops at once. Outside the main thread: inert."""
    request = StopRequest()

    def note(number: int, frame: Any) -> None:
        if request.signal is not None:
            raise KeyboardInterrupt
        request.signal = number

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
