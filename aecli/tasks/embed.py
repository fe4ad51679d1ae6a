"""Codes of rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.tasks.beside import beside
from aecli.tasks.output import check_output, columns_of
from aecli.tasks.writers import open_writer
from aecli.training.keys import EMBEDDING, stream_key

if TYPE_CHECKING:
    from jaxtyping import Float32, Shaped

    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

SUFFIXES = (".npy", ".npz", ".csv", ".parquet")


@dataclass(frozen=True)
class Embedding:
    """The codes of the rows of `split` (its name, or a file's), one a row in input order."""

    split: str
    codes: Float32[np.ndarray, " rows size"]
    ids: Shaped[np.ndarray, " rows"]
    labels: Shaped[np.ndarray, " rows"] | None


def embed(
    trained: Trained,
    data: str | Path | np.ndarray | None = None,
    stochastic: bool = False,
    seed: int = 0,
    split: str | None = None,
) -> Embedding:
    """The mean code of each row, or with `stochastic` a draw z ~ q(z|x).

    The noise of a draw is a function of (seed, row index) alone: batches do not change it. UserError for a
    draw from a deterministic bottleneck.
    """
    _check_draws(trained, stochastic)
    name, rows = trained.rows(data, split)
    return Embedding(name, _codes(trained, rows, 0, stochastic, seed), np.asarray(rows.ids), _array(rows.labels))


def write_embedding(
    trained: Trained,
    output: str | Path,
    data: str | Path | np.ndarray | None = None,
    stochastic: bool = False,
    seed: int = 0,
    split: str | None = None,
) -> int:
    """The codes of `embed` to a file, in blocks: in constant memory, and the same bytes for any block. How many rows.

    .npy: codes alone; .npz: codes, ids, labels; .csv and .parquet: id, label (where known), carried columns, z0, z1,
    ... UserError for an output that cannot be written, before anything is computed.
    """
    path = check_output(output, SUFFIXES, data, trained.experiment.data.source)
    _check_draws(trained, stochastic)
    count = 0
    with open_writer(path, guard=True) as out:
        for block in trained.blocks(data, split)[1]:
            codes = _codes(trained, block, count, stochastic, seed)
            out.append(_columns(path.suffix.lower(), block, codes))
            count += len(codes)
    return count


def _array(labels: Any) -> Any:
    return None if labels is None else np.asarray(labels)


def _columns(suffix: str, block: Split, codes: Float32[np.ndarray, " rows size"]) -> dict[str, Any]:
    if suffix == ".npy":
        return {"codes": codes}
    if suffix == ".npz":
        return {"codes": codes, "ids": block.ids, "labels": block.labels}
    own = columns_of("z", codes)
    return {**beside(block, own), **own}


def _check_draws(trained: Trained, stochastic: bool) -> None:
    bottleneck = trained.model.bottleneck
    if stochastic and not bottleneck.stochastic:
        text = f"the {bottleneck.kind} bottleneck is deterministic: it has nothing to draw"  # pyright: ignore
        raise UserError(Problem(text, hint="leave --stochastic out"))


def _codes(trained: Trained, rows: Split, first: int, stochastic: bool, seed: int) -> Float32[np.ndarray, " rows size"]:
    """The codes of a block whose first row is number `first` of those given."""
    return drawn_codes(trained, rows.x, seed, first) if stochastic else trained.encode(rows.x)


def drawn_codes(
    trained: Trained, x: Float32[np.ndarray, " rows *features"], seed: int, first: int = 0
) -> Float32[np.ndarray, " rows size"]:
    """One draw z ~ q(z|x) a row, its key folded from (seed, row index)."""

    def draw(weights: Any, x: Any, row: Any, seeds: Any) -> Any:
        keys = jax.vmap(lambda s, r: stream_key(s, EMBEDDING, r))(seeds, row)
        return jax.vmap(lambda q, key: q.sample(key))(trained.autoencoder.encode(weights, x).posterior, keys)

    index = np.arange(first, first + len(x), dtype=np.uint32)
    return trained.mapped("embed_drawn", draw, x, index, np.full(len(x), seed, np.uint32))
