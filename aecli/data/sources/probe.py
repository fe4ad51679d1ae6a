"""HDF5's library never comes back from some damaged files and crashes on others: another process meets them first.

What it walks through is what a reader would: every object, its attributes, the index of its chunks, and values where
they are few. What it raises is no matter, as the reader raises it again; only where it does not come to its end is the
file refused. One process serves for all files, until one of them ends it. Run as a script, this file is that process.
"""

from __future__ import annotations

import atexit
import json
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

SECONDS = 5.0  # of computing, for a file; waiting for a disk is not counted
BYTES = 2**33  # of its memory, so that what takes more than MOST is seen to, and the machine is not taken with it
MOST = 2**29  # bytes more that it may have needed for one file
GREEDY = 4  # how it ends where a file took more
FEW = 2**20  # bytes of values that are read
BROKEN = (OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError)


class Walker:
    """The process, started when it is first needed."""

    def __init__(self, script: str = __file__) -> None:
        self._script = script
        self._child: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def why_not(self, path: Path) -> str | None:
        """Why a file is not to be opened, in words; None where its walk came to an end, whatever was met on it."""
        with self._lock:
            child = self._running()
            try:
                if self._walked(child, path):
                    return None
            except BaseException:  # Ctrl-C, say: what it would still answer is of no use to the next file
                child.kill()
                self._ended(child)
                raise
            code = self._ended(child)
        if code == -signal.SIGPROF:
            return f"HDF5's library came to no end of it within {SECONDS:g} s"
        if code == GREEDY:
            return f"HDF5's library takes more than {MOST >> 20:,} MiB of memory for a few values of it"
        return f"HDF5's library crashed on it ({signal.strsignal(-code) if code < 0 else code})"

    def _walked(self, child: subprocess.Popen[str], path: Path) -> bool:
        """Whether the process came to the end of a file."""
        assert child.stdin
        assert child.stdout
        child.stdin.write(json.dumps(str(path.absolute())) + "\n")
        child.stdin.flush()
        return bool(child.stdout.readline())

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._child:
                self._ended(self._child)

    def _running(self) -> subprocess.Popen[str]:
        if self._child is not None and self._child.poll() is not None:  # somebody ended it between two files
            self._ended(self._child)
        if self._child is None:
            command = [sys.executable, "-P", self._script]
            pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
            self._child = subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=nowhere)
            atexit.register(self.close)
        return self._child

    def _ended(self, child: subprocess.Popen[str]) -> int:
        self._child = None
        atexit.unregister(self.close)
        with child:  # closes the pipes, at which it ends, and waits for it
            pass
        return child.returncode


WALKER = Walker()


def main() -> None:
    """The process: a path in, a line out."""
    resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with its parent's pipe
    for line in sys.stdin:
        before = _peak()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # SIGPROF ends it, even where Python is not asked
        with suppress(*BROKEN):
            _walk(json.loads(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        if _peak() - before > MOST:
            sys.exit(GREEDY)
        sys.stdout.write("done\n")
        sys.stdout.flush()


def _peak() -> int:
    """The most bytes that this process ever had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _walk(path: str) -> None:
    import h5py

    with h5py.File(path, "r") as file:
        _visit("/", file)
        file.visititems(_visit)


def _visit(name: str, node: Any) -> None:
    """An object's attributes and, where it has some, its values."""
    for read in (_attributes, _values):
        with suppress(*BROKEN):
            read(node)


def _attributes(node: Any) -> None:
    for key in node.attrs:
        node.attrs.get(key)


def _values(node: Any) -> None:
    if not hasattr(node, "chunks") or node.is_virtual or node.external:
        return
    if node.chunks is not None:
        node.id.get_num_chunks()
    if node.size * node.dtype.itemsize <= FEW:
        node[...]


if __name__ == "__main__":
    main()
