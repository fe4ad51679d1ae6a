"""What a run makes of rows: reconstructions, samples, traversals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.html.content import Columns, Examples, Sheet, Walk, WorstRows
from aecli.report.reconstructions import r_squared
from aecli.report.style import percent
from aecli.tasks.draws import draws
from aecli.tasks.report.rows import (
    cell_errors,
    columns,
    drawable,
    evenly,
    in_columns,
    in_display,
    named,
    values,
)

if TYPE_CHECKING:
    from jaxtyping import Float, Int, Shaped

    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

SHOWN, WORST, TABLE_ROWS, CELLS = 12, 12, 10, 5
LOOKED_AT = 5000  # rows among which the worst are sought
DRAWN, MANY = 64, 2000  # samples of images, and of tables
UNITS, STEPS, PLANE = 10, 11, 15  # of traversals, and of the map of a code of two units
MIDDLE = (0.01, 0.99)  # quantiles between which a unit goes


@dataclass(frozen=True)
class Sample:
    """Rows of a split in the model's space, evenly spaced over it, and their reconstructions."""

    index: Int[np.ndarray, " n"]
    x: Float[np.ndarray, " n *shape"]
    x_hat: Float[np.ndarray, " n *shape"]
    errors: Float[np.ndarray, " n"]

    def worst(self, count: int) -> Int[np.ndarray, " k"]:
        """The places in this sample of the rows with the largest errors, largest first."""
        return np.argsort(-self.errors, kind="stable")[:count]


def look(trained: Trained, rows: Split) -> Sample:
    """Up to 5,000 rows."""
    index = evenly(len(rows), LOOKED_AT)
    x = np.asarray(rows.x[index])
    x_hat = trained.reconstruct(x)
    return Sample(index, x, x_hat, cell_errors(trained, x, x_hat).sum(axis=1))


def examples(trained: Trained, rows: Split, seen: Sample) -> list[Examples]:
    """Rows evenly over the split, and those that came out worst; nothing where rows are no pictures."""
    if not drawable(trained):
        return []
    among = "" if len(seen.index) == len(rows) else f" of {len(seen.index):,} looked at"
    chosen = {"Evenly over the split": evenly(len(seen.index), SHOWN)}
    if len(seen.index) > SHOWN:
        chosen[f"The worst{among}"] = seen.worst(WORST)
    return [_examples(trained, rows, seen, title, at) for title, at in chosen.items()]


def _examples(trained: Trained, rows: Split, seen: Sample, title: str, at: np.ndarray) -> Examples:
    original = in_display(trained, seen.x[at])
    found = in_display(trained, seen.x_hat[at])
    return Examples(title, named(rows, seen.index[at]), original, found, _corrupted(trained, seen.x[at]))


def _corrupted(trained: Trained, x: np.ndarray) -> np.ndarray | None:
    """What the encoder was trained to undo, drawn once."""
    import jax

    autoencoder = trained.autoencoder
    if autoencoder.objective.corruption.kind == "none":
        return None
    numbers = trained.weights.numbers["objective"]["corruption"]
    drawn, _ = autoencoder.corrupt(jax.numpy.asarray(x), jax.random.key(0), numbers)
    return np.clip(np.asarray(drawn), 0, 1)


def worst_rows(trained: Trained, rows: Split, seen: Sample) -> WorstRows | None:
    """Of a table: ten rows, each with the five columns that it owes its error to."""
    if trained.features.kind != "table":
        return None
    at = seen.worst(TABLE_ROWS)
    errors = cell_errors(trained, seen.x[at], seen.x_hat[at])
    names, before, after = columns(trained), values(trained, seen.x[at]), values(trained, seen.x_hat[at])
    largest = [np.argsort(-row, kind="stable")[:CELLS] for row in errors]
    cells = [[(names[j], before[i][j], after[i][j]) for j in order if errors[i][j]] for i, order in enumerate(largest)]
    mixed = trained.layout.mixed
    unit = "squared error, sum over features, in the scale the model sees" + (", and 1 for a wrong category" * mixed)
    return WorstRows(unit, named(rows, seen.index[at]), [float(e) for e in seen.errors[at]], cells)


def samples(trained: Trained, seen: Sample) -> tuple[list[Sheet], Columns | None]:
    """New rows, drawn in every way there is: sheets of images, or a table's columns beside those of the data."""
    if drawable(trained):
        return [Sheet(np.clip(found.samples, 0, 1), 8, text) for found, text in draws(trained, DRAWN)], None
    if trained.features.kind != "table":
        return [], None
    (found, text), *others = draws(trained, MANY)
    before, after, drawn = (in_columns(trained, part) for part in (seen.x, seen.x_hat, found.x))
    quality = [_quality(x, x_hat) for x, x_hat in zip(before, after, strict=True)]
    beside = in_columns(trained, others[0][0].x) if others else None
    return [], Columns(columns(trained), before, drawn, quality, beside, [text, *(text for _, text in others)])


def _quality(x: Shaped[np.ndarray, " n"], x_hat: Shaped[np.ndarray, " n"]) -> str:
    """How well a column comes back: R^2 of numbers and dates, the share of categories that are right."""
    if x.dtype.kind not in "fM":
        known = x != ""
        return f"{percent(float((x == x_hat)[known].mean()))} right" if known.any() else "no known value"
    if x.dtype.kind == "M":
        x, x_hat = (np.where(np.isnat(v), np.nan, v.astype(np.float64)) for v in (x, x_hat))
    with np.errstate(over="ignore", invalid="ignore"):
        share = float(r_squared(np.asarray(x, np.float64)[:, None], np.asarray(x_hat, np.float64)[:, None])[0])
    return "constant" if np.isnan(share) else f"R² {share:.3f}"


def walks(trained: Trained, codes: Float[np.ndarray, " n size"]) -> tuple[list[Walk], str]:
    """Along one unit at a time, from its 1 % to its 99 % quantile over `codes`; the others stay at their means.

    The ten units of highest variance, and what is said of that.
    """
    size = codes.shape[1]
    if not (drawable(trained) or trained.features.kind == "table") or not np.isfinite(codes).all():
        return [], ""
    spread = codes.var(axis=0, dtype=np.float64)
    units = [int(u) for u in np.argsort(-spread, kind="stable")[:UNITS]]
    low, high = np.quantile(codes.astype(np.float64), MIDDLE, axis=0)
    centre = codes.mean(axis=0, dtype=np.float64)
    found = [_walk(trained, centre, unit, float(low[unit]), float(high[unit])) for unit in units]
    which = "Every unit" if size <= UNITS else f"The {UNITS} of {size} units of highest variance"
    how = "each moved from the 1 % to the 99 % quantile of its codes; the others stay at their means"
    return found, f"{which}, {how}."


def _walk(trained: Trained, centre: np.ndarray, unit: int, low: float, high: float) -> Walk:
    codes = np.tile(centre, (STEPS, 1))
    codes[:, unit] = np.linspace(low, high, STEPS)
    decoded = trained.decode(codes)
    if drawable(trained):
        return Walk(unit, low, high, in_display(trained, decoded))
    ends = values(trained, decoded[[0, -1]])
    moved = cell_errors(trained, decoded[:1], decoded[-1:])[0]
    names = columns(trained)
    order = np.argsort(-moved, kind="stable")[:CELLS]
    return Walk(unit, low, high, cells=[(names[j], ends[0][j], ends[1][j]) for j in order if moved[j]])


def plane(trained: Trained, codes: Float[np.ndarray, " n size"]) -> Sheet | None:
    """The decoder over a code of two units, at evenly spaced quantiles (Kingma & Welling 2014, fig. 4)."""
    if codes.shape[1] != 2 or not drawable(trained) or not np.isfinite(codes).all():
        return None
    right, up = np.quantile(codes.astype(np.float64), np.linspace(*MIDDLE, PLANE), axis=0).T
    grid = np.stack(np.meshgrid(right, up[::-1]), axis=-1).reshape(-1, 2)
    text = "The decoder over the plane of the code: unit 0 to the right, unit 1 upwards, at evenly spaced quantiles"
    return Sheet(in_display(trained, trained.decode(grid)), PLANE, text)
