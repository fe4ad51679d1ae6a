"""A training in a process of its own, to be killed: at an instant from outside, or by itself at its n-th failpoint.

    python -m tests.torture.child CONFIG OUTPUT [N]

Trains the config into OUTPUT, or resumes the run that is there. A failpoint lies before and after each call that
changes the disk: opening a file to write, mkdir, fsync, rename, truncate, remove. What was written before it is with
the operating system; the process ends by SIGKILL, as nothing else would end it. With N = 0 none is reached, and their
number is printed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aecli.training import saver

CALLS = ("fsync", "rename", "replace", "truncate", "unlink", "remove", "rmdir", "mkdir")
_lock = threading.Lock()
passed = 0


def reached(at: int) -> None:
    """One more failpoint."""
    global passed
    with _lock:
        passed += 1
        if passed == at:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(at: int, root: Path) -> None:
    """Put failpoints around what changes the disk, where the path (if the call has one) is below `root`.

    Every checkpoint is written then: none waits until a later one makes it needless.
    """
    saver.SHARE = 1e9

    def around(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            mine = isinstance(args[0], int) or str(args[0]).startswith(str(root))
            if mine:
                reached(at)
            found = call(*args, **kwargs)
            if mine:
                reached(at)
            return found

        return called

    for name in CALLS:
        setattr(os, name, around(getattr(os, name)))

    def opened(event: str, args: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
        if writes and str(args[0]).startswith(str(root)):
            reached(at)

    sys.addaudithook(opened)


def main(config: str, output: str, at: str | None = None) -> None:
    """Train, or go on."""
    from aecli.tasks.train import resume, train

    root = Path(output).resolve()
    if at is not None:
        arm(int(at), root)
    if any(root.rglob("run.json")):
        resume("latest", output=root, figures=False)
    else:
        train(config, output=root, figures=False)
    print(passed)


if __name__ == "__main__":
    main(*sys.argv[1:])
