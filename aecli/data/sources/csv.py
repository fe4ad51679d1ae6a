"""Comma-separated numbers: parsed by pyarrow, and read row by row only to say what is wrong and where."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.faults import SHOWN, nonfinite
from aecli.data.labels import parsed
from aecli.data.raw import Raw, Want
from aecli.data.sources.columns import HOLES, Columns, columns_of, is_number

csv.field_size_limit(2**24)


def read(source: str, want: Want) -> Raw:
    """Columns of numbers as Float64[n, " d"], label and id columns apart; empty cells as NaN.

    Raises UserError for ragged rows and for text in a column of numbers, with row, column and line of each.
    """
    path = Path(source)
    if want.strict and want.key is not None:
        text = "data.key cannot be read here: a .csv holds one table"
        raise UserError(Problem(text, Place(source), "leave data.key out", ("data", "key")))
    columns = columns_of(_first_row(path), want, Place(source))
    found = _quick(path, columns) or _slow(path, columns)
    x, labels, ids = found
    labels = None if labels is None else parsed(np.char.strip(labels))
    first = _first_line(path, columns, len(x)) if len(nonfinite(x)) or _holes(labels) else None
    return Raw(x, labels, ids, columns=columns.feature_names, file=source, files=(path,), first_line=first)


Found = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]


def _holes(labels: np.ndarray | None) -> bool:
    return labels is not None and labels.dtype.kind == "U" and bool((labels == "").any())


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line each row starts at, and its cells; blank lines are no rows."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines)
        line = 1
        try:
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1
        except (UnicodeDecodeError, csv.Error) as error:
            message = f"is no table of comma-separated text: {error}"
            raise UserError(Problem(message, Place(str(path), line), "save it as UTF-8 text")) from error


def _first_row(path: Path) -> list[str]:
    for _, row in _rows(path):
        return row
    raise UserError(Problem("the file holds no rows: only blank lines", Place(str(path))))


def _first_line(path: Path, columns: Columns, n: int) -> int | None:
    """The line of the first row of data, where every row has one line."""
    lines = path.read_bytes()
    count = lines.count(b"\n") + (not lines.endswith(b"\n"))
    return 1 + columns.header if count == n + columns.header else None


def _quick(path: Path, columns: Columns) -> Found | None:
    """The whole file by pyarrow, or None where it finds anything wrong."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    kinds = {f"f{i}": pa.float64() for i in columns.features}
    texts = {f"f{i}": pa.string() for i in (columns.label, columns.id) if i is not None}
    try:
        table = arrow.read_csv(
            path,
            read_options=arrow.ReadOptions(autogenerate_column_names=True, skip_rows_after_names=int(columns.header)),
            parse_options=arrow.ParseOptions(newlines_in_values=True),
            convert_options=arrow.ConvertOptions(
                column_types={**kinds, **texts}, null_values=list(HOLES), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    x = np.empty((table.num_rows, len(kinds)))
    for j, name in enumerate(kinds):
        x[:, j] = table[name].to_numpy()

    def text(i: int | None) -> np.ndarray | None:
        return None if i is None else np.array(table[f"f{i}"].to_pylist(), np.str_).reshape(-1)

    return x, text(columns.label), text(columns.id)


def _slow(path: Path, columns: Columns) -> Found:
    """The same row by row: every problem is found, the first few are named."""
    problems: list[Problem] = []
    values: list[list[float]] = []
    texts: list[list[str]] = []
    beside = [i for i in (columns.label, columns.id) if i is not None]
    count = 0
    rows = _rows(path)
    if columns.header:
        next(rows)
    told: dict[str, int] = {}  # how many cells of a column are no number: the first is shown
    for number, (line, row) in enumerate(rows, start=1):
        found = list(_row_problems(number, row, columns, Place(str(path), line), told))
        count += len(found)
        problems += found[: SHOWN - len(problems)]
        if not count:
            values.append([float(c) if (c := row[i].strip()) not in HOLES else np.nan for i in columns.features])
            texts.append([row[i] for i in beside])
    problems = [_with_count(problem, told) for problem in problems]
    if count > len(problems):
        problems.append(Problem(f"and {count - len(problems)} more", Place(str(path))))
    if problems:
        raise UserError(*problems)
    text = list(np.array(texts, np.str_).reshape(len(values), len(beside)).T)
    ids = None if columns.id is None else text.pop()
    labels = None if columns.label is None else text.pop()
    return np.array(values, np.float64).reshape(-1, len(columns.features)), labels, ids


def _with_count(problem: Problem, told: dict[str, int]) -> Problem:
    """The problem of a column's first bad cell, with how many more there are."""
    more = next((n - 1 for name, n in told.items() if f"column {name}: " in problem.message and n > 1), 0)
    return replace(problem, message=f"{problem.message} ({more} more in this column)") if more else problem


def _row_problems(
    number: int, row: list[str], columns: Columns, place: Place, told: dict[str, int]
) -> Iterator[Problem]:
    if len(row) != columns.width:
        kind = "header" if columns.header else "first row"
        hint = "every row needs one cell a column: quote cells that contain a comma"
        yield Problem(f"row {number} has {len(row)} cells, the {kind} {columns.width}", place, hint)
        return
    for i in columns.features:
        if not is_number(row[i]):
            column = columns.name(i)
            told[column] = told.get(column, 0) + 1
            if told[column] > 1:
                continue
            name = columns.names[i] if columns.names else i
            hint = f"columns are numbers, but for data.label={name} or data.id={name}: else drop or encode it"
            where = f"row {number}, column {columns.name(i)}"
            yield Problem(f"{where}: {row[i]!r} is not a number", place, hint)
