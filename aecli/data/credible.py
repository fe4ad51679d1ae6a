"""Whether kept features are ones that fitting could have made: a run may come from anybody."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from aecli.data.raw import ColumnKind, Field, Kind
from aecli.data.spec import Scale

if TYPE_CHECKING:
    from aecli.data.features import Features

LARGEST = 2**31  # numbers of a row


def check_credible(features: Features) -> None:
    """ValueError where features hold another type than is meant, or parts of them do not fit one another.

    A table's parts have an item for each number of a row: no shape can be larger than the file that told of it.
    """
    _need(features.kind in get_args(Kind), "kind")
    width = _width(features.shape, (1,) if features.kind == "table" else (1, 3))
    _need(features.scale in get_args(Scale), "scale")
    _need(all(_is_number(v) for v in (features.divisor, features.low, features.high)), "divisor, low and high")
    _need(features.divisor > 0, "divisor")
    for name, array in (("shift", features.shift), ("spread", features.spread)):
        _need(array is None or (array.shape == (width,) and bool(np.isfinite(array).all())), name)
    _need((features.shift is None) == (features.spread is None), "shift and spread")
    _need(features.spread is None or bool((features.spread > 0).all()), "spread")
    _need(all(_is_count(j) and j < width for j in features.constant_columns), "constant_columns")
    columns = features.columns
    _need(columns is None or (len(columns) == width and all(isinstance(c, str) for c in columns)), "columns")
    fields = features.fields
    _need(fields is None or (len(fields) == width and all(map(_is_field, fields))), "fields")
    _check_profile(features, width)
    _need(features.kind != "table" or features.profile is not None, "profile")


def _check_profile(features: Features, width: int) -> None:
    profile = features.profile
    if profile is None:
        return
    _need(_is_count(profile.rows), "profile.rows")
    for name in ("missing", "mean", "deviation"):
        _need(_all(getattr(profile, name), width, _is_number), f"profile.{name}")
    _need(all(0 <= share <= 1 for share in profile.missing), "profile.missing")
    for name in ("rare", "dropped"):
        _need(_all(getattr(profile, name), width, _is_count), f"profile.{name}")


def _width(shape: Sequence[Any], ranks: tuple[int, ...]) -> int:
    """The numbers of a row."""
    _need(len(shape) in ranks and all(_is_count(n) and n > 0 for n in shape), "shape")
    _need(prod(shape) <= LARGEST, f"shape {list(shape)}: a row of more than {LARGEST:,} numbers")
    return prod(shape)


def _is_field(field: Field) -> bool:
    texts = (field.name, field.format, *field.values)
    return field.kind in get_args(ColumnKind) and all(isinstance(text, str) for text in texts)


def _all(values: Sequence[Any], width: int, test: Any) -> bool:
    return len(values) == width and all(map(test, values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"no features have this {what}")
