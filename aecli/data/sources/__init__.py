"""Where rows come from: a registry of readers, by the name of a set or the ending of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aecli.config.problems import Place, Problem, UserError, did_you_mean
from aecli.data.raw import Raw, Want
from aecli.data.sources import csv, digits, idx, mnist, npy, npz

Reader = Callable[[str, Want], Raw]

# A reader is a module here with `read(source, want) -> Raw`, and a line; its heavy imports are inside `read`.
NAMED: dict[str, Reader] = {"digits": digits.read, "mnist": mnist.read, "fashion-mnist": mnist.read}
ENDINGS: dict[str, Reader] = {
    ".npy": npy.read,
    ".npz": npz.read,
    ".csv": csv.read,
    "ubyte": idx.read,
    "ubyte.gz": idx.read,
    ".idx": idx.read,
    ".idx.gz": idx.read,
}
KNOWN = f"named sets are {', '.join(NAMED)}; files are .npy, .npz, .csv and IDX, or a folder of IDX files"


def read(source: str, want: Want | None = None) -> Raw:
    """All rows of a named set or a path as they are; `aecli.data.faults.problems` says what is wrong there.

    Raises UserError where nothing of that name is found or readable: without a place where the source
    itself is at fault, which is for the caller to place in the config.
    """
    want = want or Want()
    if source in NAMED:
        return NAMED[source](source, want)
    path = Path(source).expanduser()
    try:
        return _reader(path)(str(path), want)
    except OSError as error:
        raise UserError(Problem(f"cannot read '{path}': {error.strerror or error}", Place(str(path)))) from error


def _reader(path: Path) -> Reader:
    if not path.exists():
        raise UserError(_missing(path))
    if path.is_dir():
        return idx.read
    if not path.is_file():
        raise UserError(Problem(f"'{path}' is neither a file nor a folder", None, KNOWN))
    reader = next((r for ending, r in ENDINGS.items() if path.name.lower().endswith(ending)), None)
    if reader is None:
        raise UserError(Problem(f"'{path}' ends like no file that is read here", None, KNOWN))
    if path.stat().st_size == 0:
        raise UserError(Problem("the file is empty", Place(str(path)), "was it written to the end?"))
    return reader


def _missing(path: Path) -> Problem:
    folder = path.parent
    if not folder.is_dir():
        hint = f"there is no folder '{folder}' either: a relative path is taken from the current folder"
        return Problem(f"no file '{path}'", None, hint)
    near = did_you_mean(path.name, [p.name for p in folder.iterdir()])
    if not (near and near.startswith("did")) and len(path.parts) == 1:
        near = did_you_mean(path.name, NAMED)
    guess = f"{near} " if near and near.startswith("did") else ""
    return Problem(f"no file '{path}'", None, f"{guess}({KNOWN})")
