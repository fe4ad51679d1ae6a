"""Images as data URIs: single pictures, sheets, error maps, and one atlas of thumbnails."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.report.pictures import displayable, padding, tiled

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8

LARGEST = 160  # pixels of a picture's longer side; larger ones are made smaller
SHEET = 1120
THUMBNAILS = (64, 48, 32, 24, 16)  # sides to try, until the atlas is small enough
PNG_BYTES = 8_000  # what is larger becomes a WebP: only photographs are
ATLAS_BYTES = 700_000


@dataclass(frozen=True)
class Atlas:
    """Thumbnails of one size in one picture: number i stands at column i % columns, row i // columns."""

    uri: str
    columns: int
    width: int
    height: int
    rows: int


def picture(image: Float[np.ndarray, " h w c"], largest: int = LARGEST) -> str:
    """One image in [0, 1] as a data URI; vermillion where it is not finite."""
    return _uri(_pixels(displayable(image)), largest)


def error_picture(error: Float[np.ndarray, " h w"], top: float, largest: int = LARGEST) -> str:
    """Absolute errors from 0 to `top` as colours from black to pale yellow (magma)."""
    from bokeh.palettes import Magma256

    table = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in Magma256], np.uint8)
    share = np.clip(np.nan_to_num(error, nan=top, posinf=top) / (top or 1.0), 0, 1)
    return _uri(table[np.rint(255 * share).astype(np.int64)], largest)


def sheet(images: Float[np.ndarray, " n h w c"], columns: int) -> tuple[str, int, int]:
    """Images row by row with transparent gaps: the data URI, and its width and height in pixels."""
    pad = padding(images)
    shown = tiled(displayable(images), columns, pad)
    known = tiled(np.ones(images.shape[:3]), columns, pad, blank=0.0)
    full = np.concatenate([_pixels(shown), _pixels(known)[..., None]], axis=-1)
    return _uri(full, SHEET), full.shape[1], full.shape[0]


def atlas(images: Float[np.ndarray, " n h w c"]) -> Atlas:
    """All thumbnails in one picture of at most 700 kB: made smaller, and only then blurred, until they fit."""
    from PIL import Image

    height, width = images.shape[1:3]
    columns = int(np.ceil(np.sqrt(len(images))))
    content, size = b"", (width, height)
    for side in THUMBNAILS:
        factor = min(1.0, side / max(height, width))
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        small = [Image.fromarray(_pixels(displayable(image))).resize(size, Image.Resampling.BOX) for image in images]
        pixels = np.stack([np.asarray(thumbnail) for thumbnail in small])
        whole = tiled(pixels, columns, 0, blank=0).astype(np.uint8)
        for options in ({"lossless": True}, {"quality": 80}):
            content = _webp(whole, **options)
            if len(content) <= ATLAS_BYTES:
                return Atlas(_data("webp", content), columns, *size, -(-len(images) // columns))
    return Atlas(_data("webp", content), columns, *size, -(-len(images) // columns))


def gradient(colours: list[str], count: int = 9) -> str:
    """A CSS gradient from the first colour to the last."""
    picks = [colours[round(i * (len(colours) - 1) / (count - 1))] for i in range(count)]
    return f"linear-gradient(to right, {', '.join(picks)})"


def _pixels(values: Float[np.ndarray, " *shape"]) -> UInt8[np.ndarray, " *shape"]:
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def _uri(pixels: UInt8[np.ndarray, " h w c"], largest: int) -> str:
    """A PNG where that is small, else a WebP without visible loss."""
    from PIL import Image

    image = Image.fromarray(pixels)
    if max(image.size) > largest:
        factor = largest / max(image.size)
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    if pixels.shape[-1] == 3 and bool((pixels == pixels[..., :1]).all()):
        image = image.convert("L")
    content = BytesIO()
    image.save(content, "PNG", optimize=True)
    if content.tell() > PNG_BYTES:
        return _data("webp", _webp(np.asarray(image), quality=80))
    return _data("png", content.getvalue())


def _webp(pixels: UInt8[np.ndarray, " h w *c"], **options: Any) -> bytes:
    from PIL import Image

    content = BytesIO()
    Image.fromarray(pixels).save(content, "WEBP", method=4, **options)
    return content.getvalue()


def _data(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
