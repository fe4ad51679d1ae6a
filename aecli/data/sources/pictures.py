"""One picture file as an array: PNG, JPEG or WebP, of any size and kind, to uint8 [height, width, channels]."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError, WebPImagePlugin

if TYPE_CHECKING:
    from jaxtyping import UInt8

PLUGINS = (PngImagePlugin.PngImageFile, JpegImagePlugin.JpegImageFile, WebPImagePlugin.WebPImageFile)
FORMATS = tuple(str(plugin.format) for plugin in PLUGINS)
LIMIT = 2**30 // 4 // 3  # pixels: Pillow's own limit, which is an error here and not a warning
BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError, OverflowError, RuntimeError,
    MemoryError, struct.error, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
DRAFT = 2  # a JPEG is decoded at no less than so many times the size wanted


@dataclass(frozen=True)
class Head:
    """What a picture's header says: its size as it is to be seen (EXIF orientation applied), and its kind."""

    height: int
    width: int
    channels: int
    mode: str


def head(path: Path) -> Head:
    """The header alone. Raises one of BROKEN where it is damaged, or announces too many pixels."""
    with _opened(path) as image:
        width, height = image.size
        if _orientation(image) in (5, 6, 7, 8):
            width, height = height, width
        return Head(height, width, _channels(image), image.mode)


def decoded(path: Path, shape: tuple[int, int, int], fit: Literal["resize", "crop"]) -> UInt8[np.ndarray, " h w c"]:
    """The picture, turned as EXIF says, as `shape` (height, width, channels). Raises one of BROKEN.

    Grey is ITU-R 601 luma; 16-bit grey v becomes round(v / 257); transparent pixels are laid on white where no
    alpha is wanted. `crop` scales the shorter side and takes the centre. Shrinking is Lanczos with antialiasing,
    enlarging bilinear; a picture of the right size keeps its bytes.
    """
    height, width, channels = shape
    with _opened(path) as image:
        turn = _orientation(image)
        stored = (height, width) if turn in (5, 6, 7, 8) else (width, height)
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            image.draft(image.mode, (DRAFT * stored[0], DRAFT * stored[1]))
        image.load()
        picture = _fitted(_toned(image, channels), stored, fit)
    if turn in TURNS:
        picture = picture.transpose(TURNS[turn])
    return np.asarray(picture).reshape(shape)


def reason(error: BaseException) -> str:
    """Why a picture cannot be read, in a few words."""
    if isinstance(error, UnidentifiedImageError):
        return "no PNG, JPEG or WebP"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than {LIMIT:,} pixels: refused as a decompression bomb"
    text = getattr(error, "strerror", None) or str(error.args[0] if error.args else "") or type(error).__name__
    return text.splitlines()[0].split(" (")[0] if text else type(error).__name__


@contextmanager
def strict() -> Iterator[None]:
    """Pillow's warning of a decompression bomb as an error, its others (on odd metadata) silent.

    Entered by the thread that waits for the decoders: the filters are the process's.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with Image.open(path, formats=FORMATS) as image:
        if image.width * image.height > LIMIT:
            raise Image.DecompressionBombError
        yield image


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8, where it stands before the pixels; 1 where nothing readable is said."""
    said = image.info.get("exif")
    if not said:
        return 1
    exif = Image.Exif()
    try:
        exif.load(said)
        turn = exif.get(ExifTags.Base.Orientation, 1)
    except BROKEN:  # damaged metadata of sound pixels: they are taken as stored
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _transparent(image: Image.Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info


def _channels(image: Image.Image) -> int:
    grey = image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")
    return (1 if grey else 3) + _transparent(image)


def _toned(image: Image.Image, channels: int) -> Image.Image:
    """The picture with so many 8-bit channels."""
    if image.mode.startswith("I"):
        deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        image = Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    if image.mode == MODES[channels] and "transparency" not in image.info:
        return image
    if channels in (2, 4):
        full = image.convert("RGBA")
    elif _transparent(image):
        full = image.convert("RGBA")
        full = Image.alpha_composite(Image.new("RGBA", full.size, "white"), full).convert("RGB")
    else:
        full = image.convert("RGB")
    return full if full.mode == MODES[channels] else full.convert(MODES[channels])


def _fitted(image: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    """The picture as `size` = (width, height)."""
    if image.size == size:
        return image
    box = (0.0, 0.0, float(image.width), float(image.height))
    if fit == "crop":
        scale = max(size[0] / image.width, size[1] / image.height)
        across, down = min(size[0] / scale, image.width), min(size[1] / scale, image.height)
        left, top = (image.width - across) / 2, (image.height - down) / 2
        box = (left, top, min(left + across, image.width), min(top + down, image.height))
    shrinks = box[2] - box[0] > size[0] or box[3] - box[1] > size[1]
    how = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BILINEAR
    return image.resize(size, how, box=box)
