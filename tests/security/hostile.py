"""What a stranger may send, made so that it shows if any of it is run: the file `canary` would be there."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from aecli.data.features import Features
from aecli.data.raw import raw_array
from aecli.runs.run import Run
from aecli.training import checkpoint
from aecli.training.trained import write_features
from tests.runs.made import made

CANARY = Path("canary")
STAMP = "t/20260101-120000-aa0001"
# On the path of imports: to import it, or to call what it holds, is to be caught.
MODULE = "import pathlib\npathlib.Path('canary').touch()\n\n\ndef boom(*args, **options):\n    return 'boom'\n"


class Boom:
    """Unpickled, it makes the canary."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch canary",)


def pickled() -> bytes:
    """A pickle that runs a command."""
    return pickle.dumps(Boom())


@contextmanager
def unharmed() -> Iterator[None]:
    """Nothing within runs a stranger's code, writes beside the working folder, or takes more than a moment."""
    above = sorted(Path("..").iterdir())
    yield
    assert not CANARY.exists()
    assert sorted(Path("..").iterdir()) == above


def tar(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    """An archive of any names, and of links."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


def received(state: bytes | None = None, memory: bytes = b"{}\n") -> Run:
    """A run directory of a stranger in the folder `outputs`, its manifest true to its checkpoint."""
    run = made(Path("outputs"), STAMP, status="stopped")
    write_features(run, Features.fit(raw_array(np.zeros((3, 8, 8), np.uint8)), scale="none"))
    path = run.checkpoints / "3"
    path.mkdir(parents=True)
    files = {checkpoint.STATE: state or checkpoint._packed({"x": np.zeros(3)}), checkpoint.MEMORY: memory}
    for name, content in {**files, checkpoint.MANIFEST: checkpoint._manifest(3, files)}.items():
        (path / name).write_bytes(content)
    return run
