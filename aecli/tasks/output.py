"""Result files, each written whole or not at all: .npy, .npz, .csv, .parquet, .png; folders: see `folders`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.runs.files import writing_whole
from aecli.tasks.arrays import store
from aecli.tasks.blockwise import refuse_objects, writing
from aecli.tasks.folders import check_folder, png
from aecli.tasks.tables import CsvWriter, ParquetWriter

if TYPE_CHECKING:
    from jaxtyping import Shaped, UInt8

FOLDER = ""  # the "suffix" of a folder of images


def check_output(path: str | Path, suffixes: Sequence[str], *inputs: object) -> Path:
    """The path, if something can be written there: asked before anything is computed.

    `suffixes` are the known ones; `FOLDER` among them allows a path without one. UserError for another
    suffix, for a folder that does not exist, for a folder where a file is meant, for a folder of images that
    holds other things, and for one of `inputs`: the paths among them are read.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        known = ", ".join(s or "a folder (no suffix)" for s in suffixes)
        what = f"'{path.suffix}' is no suffix that can be written here" if path.suffix else "a suffix is missing"
        raise UserError(Problem(f"--output {path}: {what}", hint=f"known here: {known}"))
    _check_length(path)
    if not path.parent.is_dir():
        raise UserError(Problem(f"--output {path}: there is no folder {path.parent}", hint="make it first"))
    if path.suffix and path.is_dir():
        raise UserError(Problem(f"--output {path} is a folder", hint="name a file"))
    if not path.suffix and path.exists():
        check_folder(path)
    for given in inputs:
        _check_apart(path, given)
    return path


def _check_apart(path: Path, given: object) -> None:
    """Raise UserError where what would be written is what is read."""
    if not isinstance(given, str | Path):
        return
    try:
        same = path.samefile(given)
    except (OSError, ValueError):  # one of them is not there, or no path: who reads or writes it says so
        return
    if same:
        text = f"--output {path} is what the rows are read from"
        raise UserError(Problem(text, hint="name another file: nothing is written over its own source"))


def _check_length(path: Path) -> None:
    try:
        path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(Problem(f"--output {path}: {error.strerror or error}", hint="name another file")) from None


def write_npy(path: Path, array: Shaped[np.ndarray, " ..."]) -> None:
    """The array alone, without pickle, in C order."""
    refuse_objects({path.name: array})
    with writing_whole(path) as aside, aside.open("wb") as file:
        np.lib.format.write_array(file, np.asarray(array, order="C"), allow_pickle=False)


def write_npz(path: Path, arrays: Mapping[str, Shaped[np.ndarray, " ..."] | None]) -> None:
    """The arrays by name, without pickle; those that are None are left out. Equal arrays give equal bytes."""
    present = {name: np.asarray(array, order="C") for name, array in arrays.items() if array is not None}
    refuse_objects(present)
    write = partial(np.lib.format.write_array, allow_pickle=False)
    with writing_whole(path) as aside, aside.open("wb") as file:
        store(file, {name: partial(write, array=array) for name, array in present.items()})


def write_csv(path: Path, columns: Mapping[str, Shaped[np.ndarray, " rows"] | None], *, guard: bool = False) -> None:
    """A header, then a line a row: the columns as `CsvWriter` writes them. Columns that are None are left out."""
    with writing(path, lambda path, file: CsvWriter(path, file, guard=guard)) as writer:
        writer.append(columns)


def write_parquet(path: Path, columns: Mapping[str, Shaped[np.ndarray, " rows"] | None]) -> None:
    """The columns as `ParquetWriter` writes them. Columns that are None are left out."""
    with writing(path, ParquetWriter) as writer:
        writer.append(columns)


def write_png(path: Path, image: UInt8[np.ndarray, " height width *channels"]) -> None:
    """One picture: grey [h, w] or RGB [h, w, 3]."""
    with writing_whole(path) as aside:
        aside.write_bytes(png(image))


def columns_of(prefix: str, rows: Shaped[np.ndarray, " rows *dims"]) -> dict[str, np.ndarray]:
    """The flattened rows as columns `<prefix>0`, `<prefix>1`, ..."""
    width = math.prod(rows.shape[1:])
    return dict(zip(map(f"{prefix}{{}}".format, range(width)), rows.reshape(len(rows), width).T, strict=True))
