"""Columns of Arrow as arrays of NumPy: without Python objects wherever the cells allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from pyarrow import compute, types

from aecli.data.tables.cells import DATE, FIRST_DATE, HOLES, SOFT_HOLES
from aecli.data.tables.styles import Style, plain_category, reader

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Shaped

    from aecli.data.raw import Field

pc: Any = compute  # its functions are made when it is imported: a type checker knows none
Native = Literal["numeric", "boolean", "date", "text"]
SECONDS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
TILE = 512  # rows gathered from all columns at a time: they stay in the cache


def native(type_: Any) -> Native | None:
    """What a column of an Arrow type is by itself; None for lists, records, bytes and times, which x cannot hold."""
    if types.is_dictionary(type_):
        return native(type_.value_type)
    if types.is_boolean(type_):
        return "boolean"
    if types.is_integer(type_) or types.is_floating(type_) or types.is_decimal(type_) or types.is_null(type_):
        return "numeric"
    if types.is_date(type_) or types.is_timestamp(type_):
        return "date"
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return "text"
    return None


def text(array: Any) -> Any:
    """A column as text [n], stripped; null stays null. Whole floats are written as integers: 3.0 is "3"."""
    if types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if types.is_floating(array.type):
        values, index = encoded(array)
        words = pa.array([_shortest(v) for v in values], pa.string())
        return words.take(pa.array(index, mask=index < 0))
    if not types.is_string(array.type):
        array = array.cast(pa.string())
    return pc.utf8_trim_whitespace(array)


def _shortest(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) and value == np.rint(value) and abs(value) < 1e15 else repr(value)


def without_holes(array: Any, soft: bool = False) -> Any:
    """Text with null for every hole; `soft` ones too."""
    holes = pc.is_in(array, value_set=pa.array(HOLES + SOFT_HOLES if soft else HOLES, pa.string()))
    return pc.if_else(holes, pa.scalar(None, pa.string()), array) if pc.any(holes).as_py() else array


def encoded(array: Any) -> tuple[list[Any], Int[np.ndarray, " n"]]:
    """The distinct values of a column, and the index of each cell among them; -1 for null."""
    found = array.dictionary_encode()
    return found.dictionary.to_pylist(), pc.fill_null(found.indices, -1).to_numpy(zero_copy_only=False)


def looked_up(array: Any, value: Callable[[str], float | None]) -> Float[np.ndarray, " n"] | None:
    """`value` of every cell, NaN for null; computed once for each distinct text. None where it is None for any."""
    words, index = encoded(array)
    values = [value(word) for word in words]
    if None in values:
        return None
    return np.array([*values, np.nan], np.float64)[index]  # -1, a null, is the last


def floats(array: Any) -> Float[np.ndarray, " n"] | None:
    """Text without holes as numbers, all at once; None where any is none."""
    try:
        return pc.cast(array, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None


def without_point(array: Any) -> Bool[np.ndarray, " n"]:
    """Which plain numbers are numbers where a comma is decimal, too: a point may only part their thousands."""
    plain = pc.invert(pc.match_substring(array, "."))
    groups = pc.match_substring_regex(array, r"^[+-]?[1-9]\d{0,2}(\.\d{3})+$")
    return pc.fill_null(pc.or_(plain, groups), False).to_numpy(zero_copy_only=False)


def instants(array: Any) -> Float[np.ndarray, " n"] | None:
    """Text without holes as seconds since 1970, all at once; None where any is no ISO date, or zones are mixed."""
    if not pc.all(pc.match_substring_regex(array, DATE)).as_py():
        return None
    for type_ in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            found = dates(pc.cast(array, type_))
        except pa.ArrowInvalid:
            continue
        return None if (found < FIRST_DATE).any() else found
    return None


def numbers(array: Any) -> Shaped[np.ndarray, " n"]:
    """A column of numbers or booleans in its own type where that is NumPy's; NaN for null."""
    if types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if types.is_null(array.type):
        return np.full(len(array), np.nan)
    if types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    elif types.is_decimal(array.type) or types.is_float16(array.type):
        array = array.cast(pa.float64())
    return array.to_numpy(zero_copy_only=False)


def dates(array: Any) -> Float[np.ndarray, " n"]:
    """A column of dates or timestamps in seconds since 1970-01-01 (UTC where there is no zone); NaN for null."""
    if types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if types.is_date32(array.type):
        return array.cast(pa.int32()).to_numpy(zero_copy_only=False) * 86400.0
    unit = "ms" if types.is_date64(array.type) else array.type.unit
    return array.cast(pa.int64()).to_numpy(zero_copy_only=False) / SECONDS[unit]


def values(array: Any, field: Field, index: dict[str, float] | None = None) -> Shaped[np.ndarray, " n"] | None:
    """A column as the numbers of `field`, NaN for a hole; None where a cell does not fit it.

    `index` is that of each of a categorical field's texts.
    """
    own = native(array.type)
    if (own, field.kind) in (("numeric", "numeric"), ("boolean", "boolean"), ("boolean", "numeric")):
        return numbers(array)
    if own == field.kind == "date":
        return dates(array)
    cells = without_holes(text(array), soft=field.kind in ("numeric", "date"))
    if field.kind == "categorical":
        place = (index or {}).get
        return looked_up(cells, (lambda text: place(plain_category(text))) if field.format else place)
    quick = {"numeric": floats, "date": instants}.get(field.kind) if not field.format else None
    found = quick(cells) if quick else None
    return looked_up(cells, reader(Style(field.kind, field.format))) if found is None else found


def gathered(columns: list[np.ndarray], out: Float[np.ndarray, "n c"], start: int = 0) -> None:
    """Write rows start to start + n of every column into `out`, a few rows of all columns at a time."""
    for a in range(0, len(out), TILE):
        tile = out[a : a + TILE]
        for j, column in enumerate(columns):
            tile[:, j] = column[start + a : start + a + len(tile)]
