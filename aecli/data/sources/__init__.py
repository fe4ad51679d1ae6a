"""Where rows come from: a registry of readers, by the name of a set or the ending of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aecli.config.problems import Place, Problem, UserError, did_you_mean
from aecli.data import synthetic
from aecli.data.paths import path_of, read_errors
from aecli.data.raw import Raw, Want
from aecli.data.sources import cifar10, digits, hdf5, idx, images, mnist, npy, npz, tables
from aecli.data.sources.folders import ENDINGS as PICTURES
from aecli.data.sources.limits import check_options

Reader = Callable[[str, Want], Raw]

# A reader is a module here with `read(source, want) -> Raw`, and a line; its heavy imports are inside `read`.
NAMED: dict[str, Reader] = {
    "digits": digits.read,
    "mnist": mnist.read,
    "fashion-mnist": mnist.read,
    "kmnist": mnist.read,
    "cifar10": cifar10.read,
    **dict.fromkeys(synthetic.SETS, synthetic.read),
}
ENDINGS: dict[str, Reader] = {
    ".npy": npy.read,
    ".npz": npz.read,
    **dict.fromkeys(tables.ENDINGS, tables.read),
    ".h5": hdf5.read,
    ".hdf5": hdf5.read,
    ".h5ad": hdf5.read,
    "ubyte": idx.read,
    "ubyte.gz": idx.read,
    ".idx": idx.read,
    ".idx.gz": idx.read,
}
SHEETS = (".xlsx", ".xls", ".ods")
KNOWN = (
    f"named sets are {', '.join(NAMED)}; files are .npy, .npz, .csv, .tsv, .parquet, .arrow, .h5, .h5ad and IDX, "
    "or a folder of IDX files or of pictures"
)


def read(source: str, want: Want | None = None) -> Raw:
    """All rows of a named set or a path as they are; `aecli.data.faults.problems` says what is wrong there.

    Raises UserError where nothing of that name is found or readable: without a place where the source
    itself is at fault, which is for the caller to place in the config.
    """
    want = want or Want()
    made, path = source in synthetic.SETS, path_of(source)
    check_options(source, want, synthetic=made, pictures=source not in NAMED and path.is_dir())
    with read_errors(path):
        return NAMED[source](source, want) if source in NAMED else _reader(path)(str(path), want)


def _instead(path: Path) -> str:
    """What to do about a file that is not read."""
    ending = path.suffix.lower()
    if ending in PICTURES:
        return f"{KNOWN}: put this one into a folder of its own, or name '{path.parent}'"
    return "save the sheet as .csv" if ending in SHEETS else KNOWN


def _reader(path: Path) -> Reader:
    if not path.exists():
        raise UserError(_missing(path))
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise UserError(Problem(f"'{path}' is neither a file nor a folder", None, KNOWN))
    reader = next((r for ending, r in ENDINGS.items() if path.name.lower().endswith(ending)), None)
    if reader is None:
        raise UserError(Problem(f"'{path}' ends like no file that is read here", None, _instead(path)))
    if path.stat().st_size == 0:
        raise UserError(Problem("the file is empty", Place(str(path)), "was it written to the end?"))
    return reader


def is_picture_folder(source: str) -> bool:
    """Whether a source is a folder that is read as pictures: its rows' ids are then their paths in it."""
    path = path_of(source)
    return source not in NAMED and path.is_dir() and images.is_pictures(path)


def _folder(path: Path) -> Reader:
    """How a folder is read: as IDX files where there are train-images, else as pictures."""
    if idx.find(path, "train-images", 3):
        return idx.read
    if not images.is_pictures(path):
        text = f"the folder '{path}' holds no train-images-idx3-ubyte (or .gz), and no picture ({', '.join(PICTURES)})"
        hint = "a folder is read where it holds IDX files of these names, or pictures, in sub-folders too"
        raise UserError(Problem(text, None, hint))
    return images.read


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
