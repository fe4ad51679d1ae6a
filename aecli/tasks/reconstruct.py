"""x_hat of rows, in the data's own units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.data.paths import path_of
from aecli.data.sources import is_picture_folder
from aecli.data.sources.folders import listing
from aecli.report.sheet import check_drawable, to_pixels
from aecli.tasks.beside import beside
from aecli.tasks.folders import png_names, write_images
from aecli.tasks.output import FOLDER, check_output
from aecli.tasks.units import in_units, unit_columns
from aecli.tasks.writers import open_writer

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

SUFFIXES = (".npy", ".npz", ".csv", ".parquet", FOLDER)


@dataclass(frozen=True)
class Reconstruction:
    """x_hat of the rows of `split` (its name, or a file's), in the data's own units and input order."""

    split: str
    reconstructions: Float[np.ndarray, " rows *shape"]
    ids: Shaped[np.ndarray, " rows"]
    labels: Shaped[np.ndarray, " rows"] | None


def reconstruct(
    trained: Trained, data: str | Path | np.ndarray | None = None, split: str | None = None
) -> Reconstruction:
    """x_hat = g(mean code of x) for each row: denoised where the input is noisy."""
    name, rows = trained.rows(data, split)
    x_hat = in_units(trained.features, trained.reconstruct(rows.x))
    return Reconstruction(name, x_hat, np.asarray(rows.ids), None if rows.labels is None else np.asarray(rows.labels))


def write_reconstruction(
    trained: Trained, output: str | Path, data: str | Path | np.ndarray | None = None, split: str | None = None
) -> int:
    """The reconstructions to a file, in blocks, in constant memory; how many rows.

    .npy: x_hat; .npz: reconstructions, ids; .csv and .parquet: a table like the data's; else a folder of PNGs,
    called as the pictures are where the rows are a folder of pictures.
    UserError for an output that cannot be written, before anything is computed.
    """
    path = check_output(output, SUFFIXES, data, trained.experiment.data.source)
    if not path.suffix:
        return _write_folder(trained, path, data, split)
    if trained.features.layout().mixed and path.suffix.lower() in (".npy", ".npz"):
        text = f"an array holds numbers, and some columns of this run are categories: {path.name}"
        raise UserError(Problem(text, hint="write a .csv or a .parquet"))
    count = 0
    with open_writer(path, guard=True) as out:
        for block in trained.blocks(data, split)[1]:
            out.append(_columns(trained, path.suffix.lower(), block, trained.reconstruct(block.x)))
            count += len(block)
    return count


def _columns(
    trained: Trained, suffix: str, block: Split, x_hat: Float[np.ndarray, " rows *shape"]
) -> dict[str, np.ndarray | None]:
    features, spec = trained.features, trained.experiment.data
    if suffix == ".npy":
        return {"reconstructions": in_units(features, x_hat)}
    if suffix == ".npz":
        return {"reconstructions": in_units(features, x_hat), "ids": block.ids}
    # The id and label columns that the data's own file has by name: the table can stand in for it.
    own = unit_columns(features, x_hat)
    named: dict[str, Any] = beside(block, own, "\0id", "\0label")
    pairs = ((spec.id, named.pop("\0id")), (spec.label, named.pop("\0label")))
    return {**{name: values for name, values in pairs if isinstance(name, str)}, **own, **named}


def _write_folder(trained: Trained, path: Path, data: Any, split: str | None) -> int:
    """The rows of a folder of pictures under the pictures' names, all others by their numbers."""
    check_drawable(trained.features.shape)
    names = _picture_names(trained.experiment.data.source if data is None else data)
    written = 0

    def images() -> Iterator[tuple[str, np.ndarray]]:
        nonlocal written
        for block in trained.blocks(data, split)[1]:
            x_hat = in_units(trained.features, trained.reconstruct(block.x))
            for key, picture in zip(block.ids.tolist(), to_pixels(x_hat), strict=True):
                yield names(key, written), picture[..., 0] if picture.shape[-1] == 1 else picture
                written += 1

    write_images(path, images())
    return written


def _picture_names(source: Any) -> Callable[[Any, int], str]:
    """The name of a PNG by the row's id and number; asked before any picture is read, since names may collide."""
    if isinstance(source, np.ndarray) or not is_picture_folder(str(source)):
        return lambda key, number: f"{number:05d}.png"
    names = png_names(listing(path_of(source)).ids.tolist())

    def named(key: str, number: int) -> str:
        if key not in names:
            raise UserError(Problem(f"{source} changed while it was read: {key} is new", hint="run this again"))
        return names[key]

    return named
