"""Images as one array to show: colours made displayable, and rows of images side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.axes import Axes

NOT_FINITE = (0.835, 0.369, 0.0)  # vermillion: a pixel that is no number must not look like a dark one


def displayable(images: np.ndarray) -> Float[np.ndarray, " *n h w 3"]:
    """Images [..., h, w, c] as RGB in [0, 1]: c = 3 as it is, else the first channel in grey.

    Integer pixels are divided by 255. Values outside [0, 1] are clipped, non-finite pixels are vermillion.
    ValueError where there is no channel axis.
    """
    if images.ndim < 3 or images.shape[-1] < 1:
        raise ValueError(f"images have the shape [..., height, width, channels], not {list(images.shape)}")
    scale = 255.0 if images.dtype.kind in "ui" else 1.0
    shown = np.asarray(images, dtype=np.float64) / scale
    shown = shown if shown.shape[-1] == 3 else np.repeat(shown[..., :1], 3, axis=-1)
    clipped = np.clip(np.where(np.isfinite(shown), shown, 0.0), 0.0, 1.0)
    return np.where(np.isfinite(shown).all(-1, keepdims=True), clipped, NOT_FINITE)


def tiled(images: np.ndarray, columns: int, pad: int, blank: float = 1.0) -> Float[np.ndarray, " height width *c"]:
    """Images [n, h, w, ...] row by row, `columns` in each, `pad` pixels of `blank` between them."""
    count, height, width, *channels = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + pad) - pad, columns * (width + pad) - pad, *channels), blank)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + pad), (i % columns) * (width + pad)
        sheet[top : top + height, left : left + width] = image
    return sheet


def strip(axes: Axes, name: str, sheet: np.ndarray, **style: Any) -> None:
    """A sheet of images as a row of a figure, its name before it."""
    axes.imshow(sheet, aspect="auto" if max(sheet.shape[:2]) > 60 * min(sheet.shape[:2]) else "equal", **style)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def padding(images: np.ndarray) -> int:
    """Pixels between images [n, h, w, ...]: a twelfth of their side, one at least."""
    return max(1, round(min(images.shape[1:3]) / 12))


def inches(images: np.ndarray, width: float) -> float:
    """The height of an image [..., h, w, c] that is `width` inches wide; very long ones are held to 1:5."""
    return width * float(np.clip(images.shape[-3] / images.shape[-2], 0.2, 5.0))
