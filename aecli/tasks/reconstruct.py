"""x_hat of rows, in the data's own units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.sheet import check_drawable, to_pixels
from aecli.tasks.output import FOLDER, check_output, write_csv, write_images, write_npy, write_npz
from aecli.tasks.units import in_units, unit_columns

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

    from aecli.data.features import Features
    from aecli.data.spec import Data
    from aecli.training.trained import Trained

SUFFIXES = (".npy", ".npz", ".csv", FOLDER)


@dataclass(frozen=True)
class Reconstruction:
    """x_hat of the rows of `split` (its name, or a file's), in the data's own units and input order."""

    split: str
    reconstructions: Float[np.ndarray, " rows *shape"]
    ids: Shaped[np.ndarray, " rows"]
    labels: Shaped[np.ndarray, " rows"] | None

    def write(self, path: Path, features: Features, spec: Data) -> None:
        """.npy: x_hat; .npz: reconstructions, ids; .csv: a file like the data's; else a folder of PNGs."""
        if path.suffix.lower() == ".npy":
            write_npy(path, self.reconstructions)
        elif path.suffix.lower() == ".npz":
            write_npz(path, {"reconstructions": self.reconstructions, "ids": self.ids})
        elif path.suffix.lower() == ".csv":
            write_csv(path, {**self._named(spec), **unit_columns(features, self.reconstructions)})
        else:
            write_images(path, [p[..., 0] if p.shape[-1] == 1 else p for p in to_pixels(self.reconstructions)])

    def _named(self, spec: Data) -> dict[str, np.ndarray | None]:
        """The id and label columns that the data's own file has by name: the CSV can stand in for it."""
        pairs = ((spec.id, self.ids), (spec.label, self.labels))
        return {name: values for name, values in pairs if isinstance(name, str)}


def reconstruct(
    trained: Trained,
    data: str | Path | np.ndarray | None = None,
    output: str | Path | None = None,
    split: str | None = None,
) -> Reconstruction:
    """x_hat = g(mean code of x) for each row: denoised where the input is noisy. Written to `output` where
    given.

    UserError for an output that cannot be written, before anything is computed.
    """
    path = check_output(output, SUFFIXES) if output is not None else None
    if path is not None and not path.suffix:
        check_drawable(trained.features.shape)
    name, rows = trained.rows(data, split)
    x_hat = in_units(trained.features, trained.reconstruct(rows.x))
    found = Reconstruction(name, x_hat, rows.ids, rows.labels)
    if path is not None:
        found.write(path, trained.features, trained.experiment.data)
    return found
