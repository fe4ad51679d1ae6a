"""Pictures of any size, reconstructed piece by piece by an autoencoder of small ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.data.paths import path_of
from aecli.data.raw import PIXEL_RANGE
from aecli.data.sources import is_picture_folder
from aecli.data.sources.folders import listing
from aecli.data.sources.images import whole_picture
from aecli.data.sources.pictures import LIMIT
from aecli.report.sheet import check_drawable, to_pixels
from aecli.tasks.folders import png_names, write_images
from aecli.tasks.output import FOLDER, check_output
from aecli.tasks.units import in_units

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8

    from aecli.training.trained import Trained

TILES = 512  # reconstructed at a time
EDGE = 0.01  # a tile's weight at its border, where it is 1 in the middle


def write_tiled(
    trained: Trained, output: str | Path, data: str | Path | None, say: Callable[[str], None] = lambda text: None
) -> int:
    """Each picture of the folder `data`, of whatever size, reconstructed as `tiled` has it, under its own name as a PNG
    in the folder `output`; how many. `say` is told how far it is.

    UserError where the run is not of pictures, `data` is no folder of them, or one cannot be read.
    """
    if trained.features.kind != "image" or len(trained.features.shape) != 3:
        text = f"--tiled is for runs of pictures, and this one's rows have the shape {list(trained.features.shape)}"
        raise UserError(Problem(text, hint="leave it out"))
    check_drawable(trained.features.shape)
    if trained.experiment.data.binarize != "none":
        raise UserError(Problem("--tiled is for grey levels, and this run was trained on binarised pictures"))
    if data is None or not is_picture_folder(str(data)):
        raise UserError(Problem("--tiled needs --data with a folder of pictures", hint="--data FOLDER"))
    path = check_output(output, (FOLDER,), data, trained.experiment.data.source)
    found = listing(path_of(data))
    names = png_names(found.ids.tolist())

    def pictures() -> Iterator[tuple[str, np.ndarray]]:
        for number, (file, key) in enumerate(zip(found.files, found.ids.tolist(), strict=True), start=1):
            picture = whole_picture(found, file, trained.features.shape[2])
            whole = tiled(trained, picture)
            yield names[key], whole[..., 0] if whole.shape[-1] == 1 else whole
            say(f"picture {number} of {len(found.files)}: {picture.shape[0]} x {picture.shape[1]} pixels")

    write_images(path, pictures())
    return len(found.files)


def tiled(trained: Trained, picture: UInt8[np.ndarray, " height width channels"]) -> UInt8[np.ndarray, " h w c"]:
    """x_hat of a picture of any size: a mean of tiles that overlap by half, each weighed down towards its border.

    A tile has the size of the run's rows; w(i, j) = h(i) h(j), h(i) = EDGE + (1 - EDGE) sin^2(pi (i + 1/2) / size). A
    picture smaller than a tile is mirrored around its edges. In memory are the picture, the result, the sums of
    a row of tiles, and some tiles. UserError for one that no memory is meant to hold.
    """
    height, width, channels = trained.features.shape
    rows, columns = max(picture.shape[0], height), max(picture.shape[1], width)
    edges = [(0, rows - picture.shape[0]), (0, columns - picture.shape[1]), (0, 0)]
    if rows * columns > LIMIT:
        text = f"a picture of {picture.shape[0]} x {picture.shape[1]} pixels takes tiles of more than {LIMIT:,} pixels"
        raise UserError(Problem(text, hint="cut it into parts, or take it out of the folder"))
    whole = np.pad(picture, edges, mode="symmetric")
    weight = (_hill(height)[:, None] * _hill(width))[..., None].astype(np.float32)
    out = np.empty(whole.shape, np.uint8)
    sums, weights = np.zeros((height, columns, channels), np.float32), np.zeros((height, columns, 1), np.float32)
    starts, across = places(rows, height), places(columns, width)
    for top, following in zip(starts, [*starts[1:], rows], strict=True):
        band = whole[top : top + height]
        for first in range(0, len(across), TILES):
            some = across[first : first + TILES]
            tiles = np.stack([band[:, left : left + width] for left in some]) / PIXEL_RANGE
            made = in_units(trained.features, trained.reconstruct(trained.features.transform(tiles)))
            for left, tile in zip(some, made, strict=True):
                sums[:, left : left + width] += weight * tile
                weights[:, left : left + width] += weight
        done = following - top  # no later tile reaches these lines
        out[top:following] = to_pixels((sums[:done] / weights[:done])[None])[0]
        for kept in (sums, weights):
            kept[: height - done] = kept[done:].copy()
            kept[height - done :] = 0
    return out[: picture.shape[0], : picture.shape[1]]


def places(size: int, tile: int) -> list[int]:
    """Where tiles begin: every half of one, the last at the end."""
    step = max(1, tile // 2)
    return [*range(0, size - tile, step), size - tile]


def _hill(size: int) -> Float[np.ndarray, " size"]:
    return EDGE + (1 - EDGE) * np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
