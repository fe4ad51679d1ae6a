"""New rows: drawn, between two rows, along a unit of the code, over a map of the code."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, prod, sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError, did_you_mean
from aecli.report.sheet import check_drawable, contact_sheet
from aecli.tasks.aggregate import tell
from aecli.tasks.codes import training_codes
from aecli.tasks.flow import flow_of
from aecli.tasks.mixture import mixture_of
from aecli.tasks.output import check_output, columns_of, write_csv, write_npy, write_npz, write_parquet, write_png
from aecli.tasks.units import in_units, unit_columns
from aecli.tasks.writers import TABLES

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

    from aecli.data.features import Features
    from aecli.training.trained import Trained

SUFFIXES = (".npy", ".npz", ".csv", ".parquet", ".png")
SAMPLERS = ("auto", "prior", "mixture", "flow")
LEGIBLE = 56
MOST_UNITS = 16  # of a traversal
MIDDLE = (0.01, 0.99)  # quantiles of the training codes between which a unit or a map goes

Warn = Callable[[str], None]
Where = dict[str, np.ndarray]


@dataclass(frozen=True)
class Samples:
    """Decoded codes in the data's own units, on a grid `columns` wide; `sampler` says where the codes come
    from. `x` are the same in the model's space. `where` says of each row, by name, where on the grid it is.
    """

    samples: Float[np.ndarray, " count *shape"]
    x: Float[np.ndarray, " count *shape"]
    codes: Float32[np.ndarray, " count size"]
    columns: int
    sampler: str
    where: Where = field(default_factory=dict)

    def write(self, path: Path, features: Features) -> None:
        """.npy: samples alone; .npz: samples, codes and `where`; .csv and .parquet: a row each, `where` first; .png: a
        contact sheet.
        """
        suffix = path.suffix.lower()
        if features.layout().mixed and suffix not in TABLES:
            text = f"an array holds numbers, and some columns of this run are categories: {path.name}"
            raise UserError(Problem(text, hint="write a .csv or a .parquet"))
        if suffix == ".npy":
            write_npy(path, self.samples)
        elif suffix == ".npz":
            write_npz(path, {"samples": self.samples, "codes": self.codes, **self.where})
        elif suffix == ".png":
            write_png(path, contact_sheet(_enlarged(self.samples), self.columns))
        elif suffix == ".csv":
            write_csv(path, self._table(features), guard=True)
        else:
            write_parquet(path, self._table(features))

    def _table(self, features: Features) -> dict[str, np.ndarray]:
        """`where` and the rows; what is called like a column of the data is `sample.<name>` there."""
        own = unit_columns(features, self.x)
        return {(f"sample.{name}" if name in own else name): values for name, values in self.where.items()} | own


def sample(
    trained: Trained,
    count: int,
    sampler: str = "auto",
    seed: int = 0,
    output: str | Path | None = None,
    warn: Warn | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Samples:
    """`count` new rows: z from the prior, or from a mixture or a flow fitted to the training codes, then the decoder's
    mean.

    `auto` is the prior where the bottleneck has one, else the mixture; it warns where the codes are far from that
    prior. UserError for a prior that is not there.
    """
    path = _checked(trained, output)
    _at_least("--count", count, 1)
    _affordable(trained, count)
    asked, sampler = sampler, _sampler(trained, sampler)
    if warn and (asked, sampler) == ("auto", "prior"):
        tell(trained, warn)
    if sampler == "prior":
        codes = _prior_codes(trained, count, seed)
    else:
        codes = (flow_of(trained, say) if sampler == "flow" else mixture_of(trained, warn)).sample(count, seed)
    return _decoded(trained, codes, ceil(sqrt(count)), sampler, path)


def interpolate(
    trained: Trained,
    pairs: int = 8,
    steps: int = 9,
    seed: int = 0,
    split: str | None = None,
    output: str | Path | None = None,
) -> Samples:
    """On straight lines between the mean codes of pairs of rows, both ends included: a pair a row of the
    grid.

    z_t = (1 - t) z_a + t z_b, t = 0, 1/(steps - 1), ..., 1. Rows are chosen by `seed`, each at most once,
    from the split (else test, validation or train). Lines are straight for every bottleneck, stochastic ones
    included. In files `pair` and `step` count from 0, and `from_id` and `to_id` are the ids of the two rows.
    """
    path = _checked(trained, output)
    _at_least("pairs", pairs, 1)
    _at_least("steps", steps, 2)
    _affordable(trained, pairs * steps)
    name, rows = trained.split(split)
    if 2 * pairs > len(rows.x):
        text = f"{pairs} pairs need {2 * pairs} rows: the {name} split has {len(rows.x)}"
        raise UserError(Problem(text, hint="ask for fewer pairs, or choose another split"))
    chosen = np.random.default_rng(seed).choice(len(rows.x), 2 * pairs, replace=False)
    a, b = np.split(trained.encode(rows.x[chosen])[:, None], 2)
    t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    codes = ((1 - t) * a + t * b).reshape(pairs * steps, -1)
    begin, end = (np.repeat(ids, steps) for ids in np.split(np.asarray(rows.ids[chosen]), 2))
    where = {**_grid("pair", np.arange(pairs), steps), "from_id": begin, "to_id": end}
    return _decoded(trained, codes, steps, "interpolation", path, where)


def traverse(trained: Trained, steps: int = 9, output: str | Path | None = None) -> Samples:
    """Along one unit of the code at a time, from its 1 % to its 99 % quantile over the training rows: a unit
    a row.

    The other units stay at their means. At most 16 units, those of highest variance first. In files each row has
    its `unit`, `step` and the unit's `value`.
    """
    path = _checked(trained, output)
    _at_least("steps", steps, 2)
    _affordable(trained, steps * min(MOST_UNITS, trained.model.bottleneck.size))
    known = training_codes(trained)
    units = np.argsort(-known.var(axis=0, dtype=np.float64), kind="stable")[:MOST_UNITS]
    codes = np.tile(known.mean(axis=0, dtype=np.float64), (len(units), steps, 1))
    low, high = np.quantile(known, MIDDLE, axis=0)
    for row, unit in enumerate(units):
        codes[row, :, unit] = np.linspace(low[unit], high[unit], steps)
    values = codes[np.arange(len(units)), :, units].astype(np.float32).reshape(-1)
    where = {**_grid("unit", units, steps), "value": values}
    return _decoded(trained, codes.reshape(len(units) * steps, -1), steps, "traversal", path, where)


def manifold(trained: Trained, steps: int = 20, output: str | Path | None = None) -> Samples:
    """A map of a code of two units: steps x steps points at evenly spaced quantiles of the training codes.

    The first unit grows to the right, the second upwards (Kingma & Welling 2014, fig. 4). UserError for
    another size.
    """
    path = _checked(trained, output)
    _at_least("steps", steps, 2)
    size = trained.model.bottleneck.size
    if size != 2:
        text = f"a map needs a code of two units: this one has {size}"
        raise UserError(Problem(text, hint="train with model.bottleneck.size=2, or use --traverse"))
    _affordable(trained, steps**2)
    right, up = np.quantile(training_codes(trained), np.linspace(*MIDDLE, steps), axis=0).T
    codes = np.stack(np.meshgrid(right, up[::-1]), axis=-1).reshape(-1, 2)
    return _decoded(trained, codes, steps, "map", path, columns_of("z", codes.astype(np.float32)))


def _grid(name: str, lines: np.ndarray, steps: int) -> Where:
    """What each row of the grid is called, and the steps along it."""
    return {name: np.repeat(lines, steps), "step": np.tile(np.arange(steps), len(lines))}


def _enlarged(images: Float[np.ndarray, " count height width channels"]) -> Float[np.ndarray, " count h w channels"]:
    """Small images by a whole factor, so that their shorter side is at least LEGIBLE pixels on the sheet."""
    factor = max(1, ceil(LEGIBLE / min(images.shape[1:3])))
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def _checked(trained: Trained, output: str | Path | None) -> Path | None:
    path = check_output(output, SUFFIXES) if output is not None else None
    if path is not None and path.suffix.lower() == ".png":
        check_drawable(trained.features.shape)
    return path


def _affordable(trained: Trained, rows: int) -> None:
    """UserError where so many rows are more than the machine's memory holds: asked before the first is drawn."""
    size = prod(trained.features.shape) + trained.model.bottleneck.size
    needed, there = 8 * rows * size, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        text = f"{rows:,} rows need {needed / 2**30:,.0f} GiB of memory, and this machine has {there / 2**30:,.0f}"
        raise UserError(Problem(text, hint="ask for fewer"))


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(Problem(f"{name} is {value}", hint=f"it must be at least {least}"))


def _sampler(trained: Trained, name: str) -> str:
    bottleneck = trained.model.bottleneck
    has_prior = bottleneck.stochastic and hasattr(bottleneck, "prior")
    if name not in SAMPLERS:
        raise UserError(Problem(f"no sampler is called '{name}'", hint=did_you_mean(name, SAMPLERS)))
    if name == "prior" and not has_prior:
        text = "this bottleneck has no prior to draw from"
        raise UserError(Problem(text, hint="use --sampler mixture or flow, which are fitted to the training codes"))
    return ("prior" if has_prior else "mixture") if name == "auto" else name


def _prior_codes(trained: Trained, count: int, seed: int) -> Float32[np.ndarray, " count size"]:
    from aecli.training.keys import SAMPLING, stream_key

    return np.asarray(trained.autoencoder.prior(trained.weights).sample(stream_key(seed, SAMPLING), count))


def _decoded(
    trained: Trained, codes: Float[np.ndarray, " count size"], columns: int, sampler: str, path: Path | None,
    where: Where | None = None,
) -> Samples:  # fmt: skip
    codes = codes.astype(np.float32)
    x = trained.decode(codes)
    found = Samples(in_units(trained.features, x), x, codes, columns, sampler, where or {})
    if path is not None:
        found.write(path, trained.features)
    return found
