"""A folder of PNGs as a result: written whole or not at all, named by number or like the pictures they are made of."""

from __future__ import annotations

import os
import secrets
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.config.words import quoted
from aecli.runs.files import cannot, sync_folder, write_synced

if TYPE_CHECKING:
    from jaxtyping import UInt8

MAKER = "aecli"  # the PNG keyword Software of every picture of a folder written here: such folders may be replaced
_MARK = b"tEXtSoftware\0" + MAKER.encode()
_HEAD = 256  # bytes of a PNG within which the mark stands


def write_images(path: Path, images: Iterable[tuple[str, UInt8[np.ndarray, " height width *channels"]]]) -> None:
    """A folder of PNGs, each with its path in it.

    Written aside, then renamed. A folder that holds such PNGs alone is replaced; any other UserError.
    """
    aside = path.with_name(f".tmp-{secrets.token_hex(6)}")
    try:
        aside.mkdir()
        for name, image in images:
            _check_name(name)
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            write_synced(aside / name, png(image, MAKER))
        _replace_folder(aside, path)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot("write", path, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check_name(name: str) -> None:
    """UserError for a name that would lead out of the folder, or that a terminal would not show as it is."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or any(unicodedata.category(c) == "Cc" for c in name):
        raise UserError(Problem(f"{quoted(name)} is no name for a picture", hint="give the picture another name"))


def numbered(images: Iterable[np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """The pictures named by the row's number from 0 in input order (`00000.png`)."""
    return ((f"{row:05d}.png", image) for row, image in enumerate(images))


def png(image: UInt8[np.ndarray, " height width *channels"], software: str | None = None) -> bytes:
    """The picture as the bytes of a PNG file, which may name its software."""
    from io import BytesIO

    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    content, about = BytesIO(), PngInfo()
    if software is not None:
        about.add_text("Software", software)
    Image.fromarray(image).save(content, "PNG", pnginfo=about)
    return content.getvalue()


def png_names(files: Sequence[str]) -> dict[str, str]:
    """For each picture by its path in a folder, the path of its PNG: `a/b.jpg` is `a/b.png`, a .png keeps its name.

    Where that is another's too, the whole name stays: `b.jpg` and `b.webp` are `b.jpg.png` and `b.webp.png`. No two
    are alike, upper and lower case not told apart.
    """
    plain = {file: file if file.endswith(".png") else str(PurePosixPath(file).with_suffix(".png")) for file in files}
    often = Counter(name.casefold() for name in plain.values())
    own = [file for file in files if file.endswith(".png")]
    alone = [file for file in files if not file.endswith(".png") and often[plain[file].casefold()] == 1]
    taken = {str(parent).casefold() for file in files for parent in PurePosixPath(file).parents}
    found: dict[str, str] = {}
    kept = {*own, *alone}
    for file in dict.fromkeys([*own, *alone, *files]):  # a name goes to the one that has the best claim to it
        name = plain[file] if file in kept else f"{file}.png"
        while name.casefold() in taken:
            name = f"{name}.png"
        taken.add(name.casefold())
        found[file] = name
    return found


def check_folder(path: Path) -> None:
    """Refuse to replace what is not a folder of images that `write_images` could have written."""
    if not path.is_dir():
        raise UserError(Problem(f"--output {path} is a file", hint="name a folder, or a file with a suffix"))
    for other in _others(path):
        hint = "name a new folder: one is replaced only where aecli wrote it as a whole, and nothing else is in it"
        raise UserError(Problem(f"--output {path} holds other things ({other.relative_to(path)})", hint=hint))


def _others(folder: Path, top: bool = True) -> Iterator[Path]:
    """What is neither a numbered PNG of the folder itself, nor a PNG with the mark, nor a folder of such."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _others(path, top=False)
        elif not (path.suffix == ".png" and path.is_file() and ((top and path.stem.isdigit()) or _marked(path))):
            yield path


def _marked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _MARK in file.read(_HEAD)
    except OSError as error:
        raise cannot("read", path, error) from error


def _replace_folder(aside: Path, path: Path) -> None:
    """Put `aside` at `path`. A folder cannot be replaced in one move: the old one stands aside, and comes
    back.
    """
    if not path.exists():
        os.replace(aside, path)  # noqa: PTH105 (named like the other renames)
        return
    check_folder(path)
    old = path.with_name(f".tmp-{secrets.token_hex(6)}")
    path.rename(old)
    try:
        os.replace(aside, path)  # noqa: PTH105
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old)
