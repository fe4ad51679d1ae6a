"""The command line as a test calls it: in this process (fast), or as a process of its own (true)."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aecli.cli.app import run


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code, and all that it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object that is all of stdout; what JSON has not (NaN, Infinity) is refused."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out, parse_constant=lambda word: (_ for _ in ()).throw(ValueError(word)))

    @property
    def last(self) -> str:
        """The last line of stdout."""
        return self.out.splitlines()[-1]


def aecli(*arguments: object) -> Done:
    """One command in this process. A bug (exit 1) is raised as it is."""
    out, err, before = io.StringIO(), io.StringIO(), signal.getsignal(signal.SIGTERM)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = run([str(a) for a in arguments])
    finally:
        signal.signal(signal.SIGTERM, before)
    return Done(code, out.getvalue(), err.getvalue())


def done(*arguments: object) -> Done:
    """The same, for a command that must succeed."""
    found = aecli(*arguments)
    assert found.code == 0, found.err
    return found


def refused(*arguments: object, code: int = 2) -> str:
    """What a command that must fail says: on stderr alone, and without a traceback."""
    found = aecli(*arguments)
    assert found.code == code, (found.code, found.err)
    assert "Traceback" not in found.err
    assert "bug in aecli" not in found.err
    return found.err


def begun(*arguments: object) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "aecli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def process(*arguments: object) -> Done:
    """The command as a process of its own, to its end."""
    child = begun(*arguments)
    out, err = child.communicate(timeout=120)
    return Done(child.returncode, out, err)


def written(text: str, name: str = "c.yaml") -> Path:
    """A file in the current folder, which every test has to itself."""
    path = Path(name)
    path.write_text(text)
    return path
