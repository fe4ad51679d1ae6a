"""Codes of rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.tasks.output import check_output, columns_of, write_csv, write_npy, write_npz
from aecli.training.keys import EMBEDDING, stream_key

if TYPE_CHECKING:
    from jaxtyping import Float32, Shaped

    from aecli.training.trained import Trained

SUFFIXES = (".npy", ".npz", ".csv")


@dataclass(frozen=True)
class Embedding:
    """The codes of the rows of `split` (its name, or a file's), one a row in input order."""

    split: str
    codes: Float32[np.ndarray, " rows size"]
    ids: Shaped[np.ndarray, " rows"]
    labels: Shaped[np.ndarray, " rows"] | None

    def write(self, path: Path) -> None:
        """.npy: codes alone; .npz: codes, ids, labels; .csv: id, label (where known), z0, z1, ..."""
        if path.suffix.lower() == ".npy":
            write_npy(path, self.codes)
        elif path.suffix.lower() == ".npz":
            write_npz(path, {"codes": self.codes, "ids": self.ids, "labels": self.labels})
        else:
            write_csv(path, {"id": self.ids, "label": self.labels, **columns_of("z", self.codes)})


def embed(
    trained: Trained,
    data: str | Path | np.ndarray | None = None,
    output: str | Path | None = None,
    stochastic: bool = False,
    seed: int = 0,
    split: str | None = None,
) -> Embedding:
    """The mean code of each row, or with `stochastic` a draw z ~ q(z|x); written to `output` where one is
    given.

    The noise of a draw is a function of (seed, row index) alone: batches do not change it. UserError for a
    draw from a deterministic bottleneck, and for an output that cannot be written, before anything is
    computed.
    """
    path = check_output(output, SUFFIXES) if output is not None else None
    bottleneck = trained.autoencoder.model.bottleneck
    if stochastic and not bottleneck.stochastic:
        text = f"the {bottleneck.kind} bottleneck is deterministic: it has nothing to draw"  # pyright: ignore
        raise UserError(Problem(text, hint="leave --stochastic out"))
    name, rows = trained.rows(data, split)
    codes = drawn_codes(trained, rows.x, seed) if stochastic else trained.encode(rows.x)
    found = Embedding(name, codes, rows.ids, rows.labels)
    if path is not None:
        found.write(path)
    return found


def drawn_codes(
    trained: Trained, x: Float32[np.ndarray, " rows *features"], seed: int
) -> Float32[np.ndarray, " rows size"]:
    """One draw z ~ q(z|x) a row, its key folded from (seed, row index)."""

    def draw(weights: Any, x: Any, row: Any, seeds: Any) -> Any:
        keys = jax.vmap(lambda s, r: stream_key(s, EMBEDDING, r))(seeds, row)
        return jax.vmap(lambda q, key: q.sample(key))(trained.autoencoder.encode(weights, x).posterior, keys)

    index = np.arange(len(x), dtype=np.uint32)
    return trained.mapped("embed_drawn", draw, x, index, np.full(len(x), seed, np.uint32))
