"""Result files, each written whole or not at all: .npy, .npz, .csv, .parquet, .png, and folders of images."""

from __future__ import annotations

import math
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.runs.files import cannot, sync_folder, write_synced, writing_whole
from aecli.tasks.arrays import store
from aecli.tasks.blockwise import refuse_objects, writing
from aecli.tasks.tables import CsvWriter, ParquetWriter

if TYPE_CHECKING:
    from jaxtyping import Shaped, UInt8

FOLDER = ""  # the "suffix" of a folder of images


def check_output(path: str | Path, suffixes: Sequence[str]) -> Path:
    """The path, if something can be written there: asked before anything is computed.

    `suffixes` are the known ones; `FOLDER` among them allows a path without one. UserError for another
    suffix, for a folder that does not exist, for a folder where a file is meant, and for a folder of images
    that holds other things.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        known = ", ".join(s or "a folder (no suffix)" for s in suffixes)
        what = f"'{path.suffix}' is no suffix that can be written here" if path.suffix else "a suffix is missing"
        raise UserError(Problem(f"--output {path}: {what}", hint=f"known here: {known}"))
    if not path.parent.is_dir():
        raise UserError(Problem(f"--output {path}: there is no folder {path.parent}", hint="make it first"))
    if path.suffix and path.is_dir():
        raise UserError(Problem(f"--output {path} is a folder", hint="name a file"))
    if not path.suffix and path.exists():
        _check_folder(path)
    return path


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


def write_images(path: Path, images: Iterable[UInt8[np.ndarray, " height width *channels"]]) -> None:
    """A folder of PNGs, one a row, named by the row's number from 0 in input order (`00000.png`).

    Written aside, then renamed. A folder of such PNGs that exists is replaced; any other UserError.
    """
    aside = path.with_name(f".tmp-{secrets.token_hex(6)}")
    try:
        aside.mkdir()
        for row, image in enumerate(images):
            write_synced(aside / f"{row:05d}.png", png(image))
        _replace_folder(aside, path)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot("write", path, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def png(image: UInt8[np.ndarray, " height width *channels"]) -> bytes:
    """The picture as the bytes of a PNG file."""
    from io import BytesIO

    from PIL import Image

    content = BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def columns_of(prefix: str, rows: Shaped[np.ndarray, " rows *dims"]) -> dict[str, np.ndarray]:
    """The flattened rows as columns `<prefix>0`, `<prefix>1`, ..."""
    width = math.prod(rows.shape[1:])
    return dict(zip(map(f"{prefix}{{}}".format, range(width)), rows.reshape(len(rows), width).T, strict=True))


def _replace_folder(aside: Path, path: Path) -> None:
    """Put `aside` at `path`. A folder cannot be replaced in one move: the old one stands aside, and comes
    back.
    """
    if not path.exists():
        os.replace(aside, path)  # noqa: PTH105 (named like the other renames)
        return
    _check_folder(path)
    old = path.with_name(f".tmp-{secrets.token_hex(6)}")
    path.rename(old)
    try:
        os.replace(aside, path)  # noqa: PTH105
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old)


def _check_folder(path: Path) -> None:
    """Refuse to replace what is not a folder of images that `write_images` could have written."""
    if not path.is_dir():
        raise UserError(Problem(f"--output {path} is a file", hint="name a folder, or a file with a suffix"))
    others = [p.name for p in path.iterdir() if not (p.suffix == ".png" and p.stem.isdigit() and p.is_file())]
    if others:
        hint = "name a new folder: what is in a folder is replaced only where all of it is numbered PNGs"
        raise UserError(Problem(f"--output {path} holds other things ({others[0]})", hint=hint))
