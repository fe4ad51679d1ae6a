"""The map of the code: where rows lie, what they are coloured by, and which of them can be looked at."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.codes import principal
from aecli.report.html.content import CodeMap, Colouring, Columns
from aecli.report.labels import read_labels
from aecli.report.style import percent
from aecli.tasks.report.rows import columns, drawable, evenly, in_columns, in_display, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float, Int, Shaped, UInt8

    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

POINTS, LOOKS, FACTS = 100_000, 2000, 6
COLUMNS, CODES = 12, 700_000  # colourings at most, and colours of points in all of them
ID_CHARACTERS = 1_500_000  # of all ids together: a file of ids alone would pass the size of a report
UNKNOWN, TOP = 255, 254
YEAR = 365.2425 * 86_400  # seconds
TILE = 64  # pixels of a thumbnail's longer side: more are not kept


def code_map(trained: Trained, rows: Split, points: int = POINTS) -> tuple[CodeMap | None, np.ndarray]:
    """The map, and the codes [n, size] in it: those of at most `points` rows, evenly over the split.

    None where the code has one unit, or fewer than two codes are finite.
    """
    index = evenly(len(rows), _affordable(rows, points))
    codes = trained.encode(np.asarray(rows.x[index]))
    finite = np.isfinite(codes).all(axis=1)
    index, kept = index[finite], codes[finite]
    if kept.shape[1] < 2 or len(kept) < 2:
        return None, kept
    flat, axes, how = _plane(kept)
    sample = evenly(len(index), LOOKS)
    looked = np.asarray(rows.x[index[sample]])
    drawn = f"{len(index):,} of {len(rows):,} rows" if len(index) < len(rows) else f"{len(rows):,} rows"
    seen = "each" if len(sample) == len(index) else f"{len(sample):,} of them, evenly chosen,"
    what = "a picture" if drawable(trained) else "its values"
    most = max(1, min(COLUMNS, CODES // len(index)))
    found = CodeMap(
        points=flat.astype(np.float32), axes=axes, ids=[str(value) for value in rows.ids[index].tolist()],
        note=f"{how} {drawn}; {seen} can be pointed at for {what}.",
        colourings=list(islice(_colourings(trained, rows, index, kept), most)), sample=sample,
        thumbnails=_thumbnails(trained, looked), facts=_facts(trained, looked),
    )  # fmt: skip
    return found, kept


def code_histogram(rows: Split, codes: Float[np.ndarray, " n size"]) -> Columns | None:
    """What is shown of a code of one unit: how often its values occur. `codes` are those of `code_map`."""
    if codes.shape[1] != 1 or not len(codes):
        return None
    shown = f"{len(codes):,} of {len(rows):,} rows" if len(codes) < len(rows) else f"{len(rows):,} rows"
    return Columns(["unit 0 of the code"], [codes[:, 0].astype(np.float64)], None, [shown])


def no_map(codes: Float[np.ndarray, " n size"]) -> str | None:
    """Why there is nothing to show of the codes, where there is not."""
    few = len(codes) < (1 if codes.shape[1] == 1 else 2)
    return f"No code map: of {len(codes)} rows the code is finite, and more are needed." if few else None


def _affordable(rows: Split, points: int) -> int:
    """Fewer points where ids are long."""
    width = max(len(str(value)) for value in rows.ids[evenly(len(rows), 100)]) + 3
    return max(2, min(points, ID_CHARACTERS // width)) if rows.ids.dtype.kind not in "iu" else points


def _plane(codes: Float[np.ndarray, " n size"]) -> tuple[np.ndarray, tuple[str, str], str]:
    if codes.shape[1] == 2:
        return codes, ("unit 0 of the code", "unit 1 of the code"), "The code itself, which has two units."
    flat, shares = principal(codes.astype(np.float64))
    first, second = (f"principal component {i + 1} ({percent(float(share))})" for i, share in enumerate(shares))
    share = percent(float(shares.sum()))
    how = f"The first two principal components of {codes.shape[1]} units, {share} of their variance."
    return flat, (first, second), how


def _colourings(trained: Trained, rows: Split, index: np.ndarray, codes: np.ndarray) -> Iterator[Colouring]:
    """By label, by other columns of the source, by columns of x (of a table), and by the error of reconstruction."""
    label = None if rows.labels is None else rows.labels[index]
    known = {"label": label} | {str(name): column[index] for name, column in rows.carried.items()}
    if trained.features.kind == "table":
        known |= dict(zip(columns(trained)[:COLUMNS], in_columns(trained, rows.x[index]), strict=False))
    for name, column in known.items():
        found = None if column is None else _colouring(name, column)
        if found is not None:
            yield found
    for unit in range(min(codes.shape[1], 4)):
        yield _scale(f"code unit {unit}", codes[:, unit])


def _colouring(name: str, column: Shaped[np.ndarray, " n"]) -> Colouring | None:
    """Classes, or a scale; of dates the year, with its fraction. None where no value is known."""
    if column.dtype.kind == "M":
        seconds = np.where(np.isnat(column), np.nan, column.astype("datetime64[s]").astype(np.float64))
        return _scale(f"{name} (year)", 1970 + seconds / YEAR)
    found = read_labels(column, np.ones(len(column), bool))
    if found.kind == "classes":
        greys = tuple(i for i in (found.other, found.unknown) if i is not None)
        return Colouring(name, "classes", found.number.astype(np.uint8), found.names, found.counts, greys)
    return _scale(name, found.value) if found.kind == "scale" else None


def _scale(name: str, column: np.ndarray) -> Colouring:
    """0 to 254 between the 1 % and the 99 % quantile; 255 where a value is not finite."""
    column = np.asarray(column, np.float64)
    known = np.isfinite(column)
    low, high = np.quantile(column[known], [0.01, 0.99]).tolist() if known.any() else (0.0, 0.0)
    share = (np.where(known, column, low) - low) / ((high - low) or 1.0)
    codes: UInt8[np.ndarray, " n"] = np.rint(TOP * np.clip(share, 0, 1)).astype(np.uint8)
    return Colouring(name, "scale", np.where(known, codes, np.uint8(UNKNOWN)), low=low, high=high)


def _thumbnails(trained: Trained, x: np.ndarray) -> np.ndarray | None:
    """Pictures of rows, large ones with every k-th pixel alone: the atlas makes them smaller still."""
    if not drawable(trained):
        return None
    every = max(1, max(x.shape[1:3]) // TILE)
    return in_display(trained, x)[:, ::every, ::every]


def _facts(trained: Trained, x: Int[np.ndarray, " n *shape"]) -> dict[str, list[str]]:
    """The first columns of a table's rows."""
    if trained.features.kind != "table":
        return {}
    read = values(trained, x)
    return {name: [row[j] for row in read] for j, name in enumerate(columns(trained)[:FACTS])}
