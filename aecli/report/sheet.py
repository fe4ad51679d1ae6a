"""A contact sheet: many small images as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8

PAPER = 255  # between the images, and where there are none


def contact_sheet(
    images: Float[np.ndarray, " count height width channels"], columns: int, pad: int = 2
) -> UInt8[np.ndarray, " rows columns *rgb"]:
    """The images row by row, `columns` in each, `pad` white pixels around every one: grey [h, w] or RGB [h,
    w, 3].

    Values are in [0, 1] (others are clipped). UserError for a number of channels other than 1 and 3.
    """
    pixels = to_pixels(images)
    count, height, width, channels = pixels.shape
    rows = -(-count // columns)
    cells = np.full((rows * columns, height + pad, width + pad, channels), PAPER, np.uint8)
    cells[:count, pad:, pad:] = pixels
    sheet = cells.reshape(rows, columns, height + pad, width + pad, channels).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(rows * (height + pad), columns * (width + pad), channels)
    sheet = np.pad(sheet, ((0, pad), (0, pad), (0, 0)), constant_values=PAPER)
    return sheet[..., 0] if channels == 1 else sheet


def to_pixels(
    images: Float[np.ndarray, " count height width channels"],
) -> UInt8[np.ndarray, " count height width channels"]:
    """round(255 x), x clipped to [0, 1]."""
    check_drawable(images.shape[1:])
    return np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)


def check_drawable(shape: tuple[int, ...]) -> None:
    """UserError where rows of this shape are no pictures: tables, flat pixels, channels that are not grey or
    RGB.
    """
    hint = "use .npy, .npz, .csv or .parquet"
    if len(shape) != 3:
        raise UserError(Problem(f"rows of shape {list(shape)} are no images: they cannot be drawn", hint=hint))
    if shape[2] not in (1, 3):
        raise UserError(Problem(f"images of {shape[2]} channels cannot be drawn: 1 is grey, 3 is RGB", hint=hint))
