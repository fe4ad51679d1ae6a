"""What is wrong with rows that could be read: all of it, each with its place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aecli.config.problems import Place, Problem
from aecli.data.raw import Raw, Rows, cell

SHOWN = 5  # cells or rows named before "and so many more"
COUNTED = "rows are counted from 1, unnamed columns and pixels from 0"


def problems(raw: Raw, whole: bool = True) -> list[Problem]:
    """Every reason not to train on, or score, these rows. Empty where there is none.

    `whole`: they are all rows of their source; a block of them may well hold nothing but holes, or no row at all.
    """
    if not whole and not len(raw.x) and raw.first:
        return []
    found = list(_rows_problems(raw, raw, "x"))
    if whole:
        found += _empty_rows(raw, raw, "x")
    if raw.given_test is not None:
        found += _rows_problems(raw, raw.given_test, "x_test")
        if raw.given_test.x.shape[1:] != raw.x.shape[1:]:
            found.append(_unlike(raw, "shape", list(raw.x.shape[1:]), list(raw.given_test.x.shape[1:])))
        elif (raw.x.dtype == np.uint8) != (raw.given_test.x.dtype == np.uint8):
            # One would be divided by 255 and the other not.
            found.append(_unlike(raw, "type", raw.x.dtype, raw.given_test.x.dtype))
    return found


def nonfinite(x: np.ndarray, holes: bool = False) -> np.ndarray:
    """The indices [k, ndim] of every NaN and infinity of x, in row order; where `holes` are welcome, not of NaN."""
    if x.dtype.kind != "f" or np.isfinite(x).all():
        return np.empty((0, x.ndim), np.int64)
    return np.argwhere(np.isinf(x) if holes else ~np.isfinite(x))


def cells(x: np.ndarray, where: np.ndarray, columns: tuple[str, ...] | None, first: int = 0) -> str:
    """The first few elements of x at the indices `where` [k, ndim], in words, and how many more there are.

    `first` is the row number (from 0) of x[0].
    """
    named = [f"{cell((i[0] + first, *i[1:]), columns)} is {_word(x[tuple(i)].item())}" for i in where[:SHOWN]]
    return "; ".join(named) + (f"; and {len(where) - SHOWN} more" if len(where) > SHOWN else "")


def _word(value: float) -> str:
    return "empty or NaN" if np.isnan(value) else f"{value:g}"


def _unlike(raw: Raw, what: str, train: object, test: object) -> Problem:
    return Problem(f"the {what} of a row differs: {train} in x and {test} in x_test", raw.place, "save both alike")


def _rows_problems(raw: Raw, rows: Rows, name: str) -> Iterator[Problem]:
    n = len(rows.x)
    if n == 0:
        yield Problem(f"{name} has no rows: its shape is {list(rows.x.shape)}", raw.place, "at least one row is needed")
    elif 0 in rows.x.shape:
        yield Problem(f"{name} has no features: its shape is {list(rows.x.shape)}", raw.place, "a row needs values")
    where = nonfinite(rows.x, holes=raw.kind == "table")
    if len(where):
        values = "1 value is" if len(where) == 1 else f"{len(where)} values are"
        place = raw.line(int(where[0][0])) if rows is raw else raw.place
        hint = f"pixels have no holes: fill or drop them. ({COUNTED})"
        if raw.kind == "table":
            hint = f"fill or drop them; a hole is an empty cell or NaN. ({COUNTED})"
        yield Problem(f"{name}: {values} not finite: {cells(rows.x, where, raw.columns, raw.first)}", place, hint)
    for what, values in (("labels", rows.labels), ("ids", rows.ids)):
        if values is not None and len(values) != n:
            hint = "each row needs exactly one"
            yield Problem(f"{len(values)} {what} for the {n} rows of {name}", raw.place, hint)
    if rows.labels is not None and len(rows.labels) == n:
        yield from _infinite_labels(raw, rows, name)


def _empty_rows(raw: Raw, rows: Rows, name: str) -> Iterator[Problem]:
    """Where nothing is known of any row: a row of holes alone is scored, a file of them is a mistake."""
    if raw.kind == "table" and rows.x.dtype.kind == "f" and rows.x.size and np.isnan(rows.x).all():
        yield Problem(f"{name} holds nothing but holes", raw.place, "is it the right file, with the right separator?")


def _infinite_labels(raw: Raw, rows: Rows, name: str) -> Iterator[Problem]:
    assert rows.labels is not None
    wrong = np.flatnonzero(np.isinf(rows.labels) if rows.labels.dtype.kind == "f" else [])
    if len(wrong):
        named = ", ".join(str(i + 1) for i in wrong[:SHOWN]) + (", ..." if len(wrong) > SHOWN else "")
        place: Place = raw.line(int(wrong[0])) if rows is raw else raw.place
        hint = f"label or drop these rows; no label is an empty cell or NaN ({COUNTED})"
        yield Problem(f"{name}: {len(wrong)} labels are infinite: row {named}", place, hint)
