"""What every command must keep to, whatever it is given: an exit code that says something, a place, time, memory.

Time is what this process computes, so that a busy machine is no fault; many times as much may be spent waiting. Memory
is the growth of the process's peak (ru_maxrss) over one command: a limit of the address space would not do, since XLA
and its threads reserve far more than they use. `mutate` bounds its processes' data besides (RLIMIT_DATA), so that a
runaway allocation cannot take the machine with it.
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cli.command import Done, aecli

CODES = (0, 2, 3, 4)
SECONDS = 10.0
WAITING = 12
GROWTH = 512 * 2**20


class HangError(BaseException):
    """A command took too long. No error of aecli's: nothing there may catch it."""


def peak() -> int:
    """The most bytes that this process ever had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """HangError where the block computes for so long, or waits for 12 times as long."""

    def ring(number: int, frame: Any) -> None:
        raise HangError(f"not done within {seconds:g} s")

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, seconds), signal.SIGALRM: (signal.ITIMER_REAL, WAITING * seconds)}
    before = {number: signal.signal(number, ring) for number in timers}
    for timer, most in timers.values():
        signal.setitimer(timer, most)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def kept(*arguments: object, places: tuple[str, ...], seconds: float = SECONDS, growth: int = GROWTH) -> Done:
    """A command that keeps to all of it; where it fails, its message names one of `places`."""
    before = peak()
    with alarm(seconds):
        found = aecli(*arguments)
    shown = f"aecli {' '.join(map(str, arguments))}: exit {found.code}\n{found.err[-2000:]}"
    assert found.code in CODES, shown
    assert "Traceback" not in found.out + found.err, shown
    assert "bug in aecli" not in found.err, shown
    (found.out + found.err).encode()  # a terminal could show it
    if found.code:
        assert "error: " in found.err, shown
        assert any(place in found.err for place in places), f"no place is named: {shown}"
    assert peak() - before < growth, f"{(peak() - before) >> 20} MiB more memory: {shown}"
    return found
