"""Which rows a report looks at, and how their values read: pictures for images, text in a table's own units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.report.html.content import Row
from aecli.report.html.numbers import digits
from aecli.report.sheet import check_drawable
from aecli.tasks.units import in_units, unit_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int, Shaped

    from aecli.data.dataset import Split
    from aecli.data.features import Features
    from aecli.training.trained import Trained


def evenly(count: int, most: int) -> Int[np.ndarray, " n"]:
    """At most `most` row numbers, evenly spaced over `count` rows: rows in file order may be sorted."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def drawable(trained: Trained) -> bool:
    """Whether rows are pictures: images with a height, a width, and 1 or 3 channels."""
    from aecli.config.problems import UserError

    if trained.features.kind != "image":
        return False
    try:
        check_drawable(trained.features.shape)
    except UserError:
        return False
    return True


def in_display(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> Float[np.ndarray, " n *shape"]:
    """Rows of the model's space in the data's own units; images within [0, 1]."""
    shown = in_units(trained.features, np.asarray(x))
    return np.clip(shown, 0, 1) if trained.features.kind == "image" else shown


def columns(trained: Trained) -> list[str]:
    """The names of a row's values, flattened."""
    features = trained.features
    if features.columns:
        return [str(name) for name in features.columns]
    prefix = "p" if features.kind == "image" else "x"
    return [f"{prefix}{i}" for i in range(int(np.prod(features.shape)))]


def in_columns(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> list[Shaped[np.ndarray, " n"]]:
    """Rows of the model's space, column by column as in `columns`, each as what it is: numbers, text, dates."""
    found = [
        _rounded(trained.features, j, v) for j, v in enumerate(unit_columns(trained.features, np.asarray(x)).values())
    ]
    # Truth values as text, as they are where a column has holes.
    return [np.where(column, "true", "false") if column.dtype.kind == "b" else column for column in found]


def _rounded(features: Features, column: int, u: Shaped[np.ndarray, " n"]) -> Shaped[np.ndarray, " n"]:
    """Numbers to the digits that the model's float32 keeps of them: a 0 of the source is 0 again, not 1.9e-09.

    u = z * spread + shift knows u to 2^-24 of z * spread, which is much where u is small and the shift is not.
    """
    if u.dtype.kind != "f" or features.shift is None:
        return u
    wide = u.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = 10.0 ** np.ceil(np.log10(np.abs(wide - features.shift[column]) * 2.0**-23))
        rounded = np.rint(wide / step) * step
    return np.where(np.isfinite(rounded), rounded, wide).astype(u.dtype)


def values(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> list[list[str]]:
    """Rows of the model's space as text, in the data's own units."""
    return [list(row) for row in zip(*map(text, in_columns(trained, x)), strict=True)]


def text(column: Shaped[np.ndarray, " n"]) -> list[str]:
    """One text a row: numbers in few digits, dates to the minute, a hole as a dash."""
    if column.dtype.kind == "f":
        return [digits(float(value)) for value in column]
    if column.dtype.kind == "M":
        minutes = (column + np.timedelta64(30, "s")).astype("datetime64[m]")  # float32 holds no seconds of years
        return ["-" if np.isnat(value) else str(value).replace("T", " ") for value in minutes]
    return [str(value) or "-" for value in column.tolist()]


def cell_errors(
    trained: Trained, x: Float[np.ndarray, " n *shape"], x_hat: Float[np.ndarray, " n *shape"]
) -> Float[np.ndarray, " n d"]:
    """Flattened: (x - x_hat)^2 of a number, 0 or 1 of a category that is right or wrong, 0 of a hole."""
    x, x_hat = (np.asarray(part, np.float64).reshape(len(part), -1) for part in (x, x_hat))
    found = np.square(x - x_hat)
    category = trained.layout.categorical
    found[:, category] = x[:, category] != x_hat[:, category]
    found[np.isnan(x)] = 0.0
    return np.nan_to_num(found, nan=np.inf, posinf=np.inf)


def named(split: Split, index: Sequence[int] | Int[np.ndarray, " n"]) -> list[Row]:
    """The ids and labels of rows of a split."""
    labels = split.labels
    return [Row(str(split.ids[i]), None if labels is None else str(labels[i])) for i in index]
