"""The looks of a text table: what parts its cells, and whether its first row is names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from aecli.config.problems import Place, Problem, UserError
from aecli.data.raw import Want
from aecli.data.tables.cells import HOLES, SOFT_HOLES, number
from aecli.data.tables.styles import PLAIN, reader, styles, word

DELIMITERS = (",", ";", "\t", "|")
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MARKS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
LINES = 50  # looked at for the delimiter
ROWS = 1000  # that vote on the header
SEPARATOR = re.compile(r"sep=.", re.IGNORECASE)  # what spreadsheets are told of the file's cells


def delimiter_of(lines: Sequence[str]) -> str:
    """What parts the cells of these lines.

    The first of comma, semicolon, tab and bar that parts all lines into as many cells; else the first that so parts
    the first line and at least half of the others; else the comma. Where comma and another both do, the other one
    parts cells if every comma left in them is that of a number: 1,5;2,5 or 1,234,567;2.
    """
    shares = {d: _agreement(lines, d) for d in DELIMITERS}
    found = [d for least in (1.0, 0.5) for d in DELIMITERS if shares[d] >= least]
    others = [d for d in found if d != "," and shares[","] <= shares[d] and _all_decimal(lines, d)]
    return (others or found or [","])[0]


def _split(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return []


def _agreement(lines: Sequence[str], delimiter: str) -> float:
    """The share of lines with as many cells as the first, 0 where that has one."""
    found = _split(lines, delimiter)
    width = len(found[0]) if found else 0
    return sum(len(row) == width for row in found) / len(found) if width > 1 else 0.0


def _all_decimal(lines: Sequence[str], delimiter: str) -> bool:
    """Whether commas stand below the first line, and there in numbers alone."""
    found = _split(lines, delimiter)
    commas = [cell.strip() for row in found[1:] or found for cell in row if "," in cell]
    return bool(commas) and all(any(style.kind == "numeric" for style in styles(c, comma=True)) for c in commas)


def check_first(lines: Sequence[str], place: Place) -> None:
    """Raise UserError where the first line is a spreadsheet's "sep=;", which is neither names nor data."""
    first = lines[0].strip("\r\n").strip('"') if lines else ""
    if SEPARATOR.fullmatch(first):
        message = f"the first line, {first!r}, is for spreadsheets: it is neither names nor data"
        raise UserError(Problem(message, replace(place, line=1), "remove it: what parts the cells is found without it"))


def void_columns(sample: Sequence[Sequence[str]]) -> frozenset[int]:
    """The columns without a name or any cell, which a mark at the end of each line makes; `sample` has the header."""
    width = len(sample[0])
    blank = (i for i in range(width) if not any(row[i].strip() for row in sample if len(row) == width))
    return frozenset(blank)


def _decimal(cell: str) -> bool:
    """Whether it is a number, in whatever style, or a hole of one."""
    return word(cell.strip()) == "styled" or reader(PLAIN)(cell.strip()) is not None


def is_header(rows: Iterable[list[str]], want: Want) -> tuple[bool, str | None]:
    """Whether the first row is names, and a note where that is not plain to see.

    Each column votes. Yes: all below its first cell are numbers, dates or booleans, and that is none. No: it is
    one of the texts below it, or a date or boolean as they are. A number on top of numbers says nothing, nor does
    a column that label or id name by index. More noes than yeses make the first row data; if all of it are
    numbers it is data. Where a name that the config or the run gives stands in it, it is names.
    """
    first, *rest = ([cell.strip() for cell in row] for row in islice(rows, ROWS + 1))
    if want.header is not None:
        return want.header, None
    if _known(want) & set(first):
        return True, None
    aside = _by_index(want, len(first))
    columns = [i for i in range(len(first)) if i not in aside]
    below = [row for row in rest if len(row) == len(first)]
    votes = [_vote(first[i], {row[i] for row in below}) for i in columns]
    if all(_decimal(first[i]) for i in columns):
        return False, None
    score = sum(votes)
    if score < 0:
        return False, "the first row is data, not names (data.header: true if it is names): columns are 0, 1, ..."
    if score == 0 and rest:
        return True, "the first row is taken for the columns' names (data.header: false if it is not)"
    return True, None


def _known(want: Want) -> set[str]:
    """Names that only a header can hold."""
    names = {*(want.columns or ()), *(name for name, _ in want.kinds)}
    names |= {word for word in (want.label, want.id) if isinstance(word, str)}
    return {name for name in names if number(name) is None}


def _by_index(want: Want, width: int) -> set[int]:
    """The columns that label and id name by index: whatever they hold, they do not make a row a header."""
    expected = len(want.columns) if want.columns else want.width
    if not want.strict and width == expected:
        return set()
    return {i for i in (want.label, want.id) if isinstance(i, int)}


def _vote(first: str, below: set[str]) -> int:
    """1: `first` is a name of the cells below it. -1: it is one of them. 0: who knows."""
    if first in HOLES or first in SOFT_HOLES:
        return 0
    words = {word(cell) for cell in below if cell not in HOLES} - {"soft"}
    if not words:
        return 0
    top = word(first)
    if words <= {"numeric", "styled"}:
        return 0 if _decimal(first) else 1
    if words in ({"date"}, {"boolean"}):
        return -1 if {top} == words else 1
    return -1 if first in below else 0
