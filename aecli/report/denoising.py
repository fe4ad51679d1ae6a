"""Noise put right: the same images at several strengths, what the encoder saw and what came out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.pictures import displayable, inches, padding, strip, tiled
from aecli.report.style import canvas

if TYPE_CHECKING:
    from jaxtyping import Float

    Images = Float[np.ndarray, " n height width channels"]

IMAGES = 10  # in one figure, at most


def denoising(
    original: Images, levels: Sequence[tuple[str, Images, Images]], path: Path, *, title: str = "Denoising"
) -> Path:
    """Images in [0, 1]: the first 10, and for each level (its name, noisy, denoised) two rows.

    ValueError where shapes differ, or there is no image.
    """
    for _, *both in levels:
        if any(images.shape != original.shape for images in both) or not len(original):
            raise ValueError("one image or more of one shape")
    count, pad = min(IMAGES, len(original)), padding(original)
    rows = [("original", original)]
    for name, noisy, denoised in levels:
        rows += [(name, noisy), ("denoised", denoised)]
    cell = 0.85 if count > 3 else 1.5
    height = len(rows) * (inches(original, cell) + 0.06) + 0.6
    with canvas(path, 2.2 + cell * count, height, title) as figure:
        grid = figure.add_gridspec(len(rows), 1, hspace=0.0)
        for i, (name, images) in enumerate(rows):
            strip(figure.add_subplot(grid[i]), name, tiled(displayable(images[:count]), count, pad))
    return path
