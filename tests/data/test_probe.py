"""The process that meets HDF5 files first: it serves for many, and what ends it is a refusal of the file alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest

from aecli.config.problems import UserError
from aecli.data.sources import hdf5, read
from aecli.data.sources.probe import WALKER, Walker

LOOP = "import signal, sys\nsys.stdin.readline()\nsignal.setitimer(signal.ITIMER_PROF, 0.1)\nwhile True: pass\n"
CRASH = "import os, sys\nsys.stdin.readline()\nos.kill(os.getpid(), 11)\n"
GREEDY = "import sys\nsys.stdin.readline()\nsys.exit(4)\n"
GONE = "import sys\nsys.stdin.readline()\nsys.exit(3)\n"


def sound(name: str = "x.h5") -> Path:
    with h5py.File(name, "w") as file:
        file["x"] = np.arange(12.0).reshape(4, 3)
        file["x"].attrs["unit"] = "m"
    return Path(name)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (LOOP, "came to no end of it within 5 s"),
        (CRASH, "crashed on it .Segmentation fault"),
        (GONE, "crashed on it .3"),
        (GREEDY, "takes more than 512 MiB of memory"),
    ],
)
def test_a_file_that_ends_the_process_is_refused_and_the_next_one_is_met_by_another(script, why, monkeypatch):
    Path("walk.py").write_text(script)
    walker = Walker("walk.py")
    monkeypatch.setattr(hdf5, "WALKER", walker)
    for _ in range(2):
        with pytest.raises(UserError, match=rf"x\.h5: cannot be read as HDF5: HDF5's library {why}"):
            read(str(sound()))
    walker.close()


def test_one_process_serves_for_all_files_and_is_replaced_where_it_was_ended():
    path = sound("two\nlines.h5")
    assert WALKER.why_not(path) is None
    first = WALKER._child
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\xff" * 500)
    assert WALKER.why_not(path) is None  # broken, which its reader will tell
    assert WALKER._child is first
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert WALKER.why_not(sound()) is None
    assert WALKER._child is not first
