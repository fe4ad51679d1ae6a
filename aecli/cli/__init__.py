"""The commands: thin; each parses, calls the library, prints."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line, and turn every expected failure into a message and an exit code.

    Signals are heard from the first moment to the last. The process ends without Python's own ceremony: what is
    compiled may still run in threads after an interruption, and must not meet the end of what it works on.
    """
    from aecli.training.stopping import SIGNALS, guarded

    with guarded():
        from aecli.cli.app import answer

        code = answer(sys.argv[1:])
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        os._exit(_flushed(code))


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
