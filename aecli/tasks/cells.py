"""The cells of a CSV file: text for every kind of column, each cell a function of its own value alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Shaped

TIMES = ("D", "s", "ms", "us", "ns")  # the units of times that tables hold: days, or parts of a second
KINDS = "biufUM"  # of the columns that tables hold: booleans, numbers, text, times

_STRUCTURAL = r'[,"\r\n]'
# What a spreadsheet takes for the beginning of a formula, and what is a number in spite of its sign.
_FORMULA = "[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]"  # the last four: wide forms, which some programs take too
_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"


def table_fault(column: Shaped[np.ndarray, " rows"]) -> str | None:
    """Why no table can hold this column, or None where one can."""
    if column.dtype.kind not in KINDS:
        return f"is of type {column.dtype}, which no table holds"
    if column.dtype.kind == "M" and np.datetime_data(column.dtype) not in [(unit, 1) for unit in TIMES]:
        return f"is of type {column.dtype}: the times of a table count {', '.join(TIMES)}"
    return None


def to_arrow(column: Shaped[np.ndarray, " rows"]) -> Any:
    """The column as an Arrow array: text as strings, datetime64 as dates and timestamps, NaT as null."""
    import pyarrow as pa

    native = column.astype(column.dtype.newbyteorder("="), copy=False)
    return pa.array(native)


def cells(column: Shaped[np.ndarray, " rows"], *, guard: bool = False) -> Any:
    """Each value as the text of its cell, an Arrow array of large strings.

    A float is the shortest text that its own type reads back to the same value, NaN is `nan`; a time is ISO
    8601, NaT an empty cell; a boolean is `true` or `false`. Text is quoted where it must be (RFC 4180: a
    comma, a quote, a line break), whatever stands in other rows; `guard`: see `guarded`.
    """
    import pyarrow as pa

    if column.dtype.kind == "M":
        written = np.where(np.isnat(column), "", np.datetime_as_string(column))
        return pa.array(written, pa.large_string())
    found = to_arrow(column).cast(pa.large_string())
    if column.dtype.kind != "U":
        return found
    return quoted(guarded(found) if guard else found)


def quoted(texts: Any) -> Any:
    """Text with quotes around it where it holds a comma, a quote or a line break; quotes in it are doubled."""
    pc = _compute()
    must = pc.match_substring_regex(texts, _STRUCTURAL)
    if not pc.any(must).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(must, _chained(_text('"'), doubled, _text('"')), texts)


def guarded(texts: Any) -> Any:
    """Text that a spreadsheet would run as a formula, with an apostrophe before it, and all other as it is.

    A spreadsheet takes what begins with = + - @ or with a tab or line break for a formula. A number with
    its sign (-12.5, +3e4) is none, and stays.
    """
    pc = _compute()
    begins = pc.match_substring_regex(texts, rf"\A{_FORMULA}")
    runs = pc.and_not(begins, pc.match_substring_regex(texts, rf"\A{_NUMBER}\z"))
    return pc.if_else(runs, _chained(_text("'"), texts), texts) if pc.any(runs).as_py() else texts


def guarded_text(text: str) -> str:
    """One text as `guarded` writes it."""
    return f"'{text}" if re.match(_FORMULA, text) and not re.fullmatch(_NUMBER, text) else text


def joined(columns: list[Any]) -> memoryview:
    """The lines that rows of cells make, LF after each. In a file of one column an empty cell is `""`."""
    pc = _compute()
    if len(columns) == 1:  # an empty line would be no row at all
        columns = [pc.if_else(pc.equal(columns[0], _text("")), _text('""'), columns[0])]
    lines = _chained(pc.binary_join_element_wise(*columns, _text(",")), _text("\n"))
    # Arrow keeps the texts of an array one after another: they are the file's bytes as they stand.
    _, offsets, content = lines.buffers()
    ends = np.frombuffer(offsets, np.int64)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(content if content is not None else b"")[ends[0] : ends[-1]]


def _chained(*texts: Any) -> Any:
    return _compute().binary_join_element_wise(*texts, _text(""))


def _text(text: str) -> Any:
    import pyarrow as pa

    return pa.scalar(text, pa.large_string())


def _compute() -> Any:
    """pyarrow's functions: it makes them as it is imported, so that no type checker knows them."""
    import pyarrow.compute

    return pyarrow.compute
