"""A command line that is a process of its own: from its first signal to its last word."""

from __future__ import annotations

import os
import signal
import sys

from aecli.training.stopping import SIGNALS, exit_code, guarded


def run_process() -> None:
    """Run the command line; the process ends here."""
    with guarded() as guard:
        from aecli.cli.app import answer

        code = answer(sys.argv[1:])
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if guard is not None and guard.unanswered is not None:
            code = exit_code(guard.unanswered)
        os._exit(_flushed(int(code)))


def _flushed(code: int) -> int:
    """The exit code, once all that was said is out; 2 where it could not be."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:  # the reader has gone, and needs no more
            continue
        except OSError as error:
            if not code:
                os.write(2, f"error: cannot write to {stream.name}: {error.strerror}\n".encode())
            code = code or 2
    return code
