"""Tables of every format: written and read again, in blocks of any size, with all the types that columns have."""

from __future__ import annotations

import csv
import datetime
import decimal
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather, ipc
from pyarrow import parquet as pq

from aecli.config.problems import UserError
from aecli.data.raw import Field, Raw, Want
from aecli.data.sources import read
from aecli.data.tables import columnar, text
from aecli.data.tables.scan import floats, scan

calm = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = ("t.csv", "t.tsv", "t.csv.gz", "t.tsv.gz")
COLUMNS = ("t.parquet", "t.arrow", "t.feather", "t.ipc")


def written(path: Path, names: list[str], rows: list[list[Any]]) -> Path:
    """A table of Python values (None is a hole) as the path's ending says."""
    if path.name.endswith(TEXTS):
        mark = "\t" if ".tsv" in path.name else ","
        with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=mark)
            writer.writerow(names)
            writer.writerows(
                [["" if c is None else repr(c) if isinstance(c, float) else c for c in row] for row in rows]
            )
        return path
    table = pa.table({name: [row[j] for row in rows] for j, name in enumerate(names)})
    stored(path, table)
    return path


def stored(path: Path, table: pa.Table, rows: int = 7) -> None:
    """A table in Parquet, an IPC file (.arrow), a compressed one (.feather) or an IPC stream (.ipc)."""
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=rows)
    elif path.suffix == ".feather":
        feather.write_feather(table, path, chunksize=rows)
    else:
        new = ipc.new_file if path.suffix == ".arrow" else ipc.new_stream
        with new(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=rows)


def same(a: Raw, b: Raw) -> None:
    """All that a Raw holds is equal, but for notes."""
    np.testing.assert_array_equal(a.x, b.x)
    assert (a.columns, a.fields, a.file, a.files, a.first) == (b.columns, b.fields, b.file, b.files, b.first)
    for one, other in [(a.labels, b.labels), (a.ids, b.ids), *((v, b.carried[k]) for k, v in a.carried.items())]:
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one, other)
            assert one.dtype.kind == other.dtype.kind
    assert list(a.carried) == list(b.carried)


def joined(blocks: list[Raw]) -> Raw:
    """Blocks as one."""
    first = blocks[0]

    def one(values: list[Any]) -> Any:
        return None if values[0] is None else np.concatenate(values)

    return Raw(
        one([b.x for b in blocks]), one([b.labels for b in blocks]), one([b.ids for b in blocks]),
        columns=first.columns, fields=first.fields, file=first.file, files=first.files, first_line=first.first_line,
        carried={name: one([b.carried[name] for b in blocks]) for name in first.carried},
    )  # fmt: skip


word = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=5)
plain = word.map(lambda w: "w" + w)  # no number, no hole, no date
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53).map(float)
whole_rows = st.lists(st.tuples(numbers, st.none() | plain, st.booleans(), plain, numbers), min_size=1, max_size=40)


@pytest.mark.parametrize("name", [*TEXTS, *COLUMNS])
@calm
@given(rows=whole_rows)
def test_what_is_written_is_read(name, rows, tmp_path):
    rows = [[a, b, c, d, float(i)] for i, (a, b, c, d, _) in enumerate(rows)]
    path = written(tmp_path / name, ["a", "b", "c", "d", "e"], rows)
    raw = read(str(path), Want(id="d", kinds=(("a", "numeric"), ("b", "categorical"))))
    values = tuple(sorted({row[1] for row in rows} - {None}))
    kinds = [Field("a"), Field("b", "categorical", values), Field("c", "boolean", ("false", "true")), Field("e")]
    assert raw.fields == tuple(kinds)
    expected = [[np.nan if a is None else a, np.nan if b is None else values.index(b), c, e] for a, b, c, _, e in rows]
    np.testing.assert_array_equal(raw.x, np.array(expected, np.float64))
    assert raw.ids is not None
    assert raw.ids.tolist() == [row[3] for row in rows]


def mixed(n: int = 2345) -> tuple[list[str], list[list[Any]]]:
    """A table with a column of every kind."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        day = (datetime.date(2000, 1, 1) + datetime.timedelta(days=i)).isoformat()
        hole = i % 11 == 3
        rows.append([
            float(rng.normal()), None if hole else i % 7, ["red", "blue", "green"][i % 3],
            None if hole else bool(i % 2), day, f"person {i}", i % 5, f"r{i}", i if i % 2 else None,
        ])  # fmt: skip
    return ["x", "n", "colour", "flag", "day", "name", "kind", "who", "extra"], rows


WANT = Want(label="kind", id="who", kinds=(("extra", "carry"), ("n", "numeric")))


@pytest.mark.parametrize("name", [*TEXTS, *COLUMNS])
@pytest.mark.parametrize("size", [1, 7, 1000, 2345, 10**6])
def test_blocks_of_any_size_are_the_same_rows(name, size, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 4096)
    monkeypatch.setattr(columnar, "MOST", 100)
    path = written(tmp_path / name, *mixed())
    found, whole = scan(str(path), WANT), read(str(path), WANT)
    blocks = list(found.blocks(size))
    assert [len(b.x) for b in blocks[:-1]] == [size] * (len(blocks) - 1)
    assert [b.first for b in blocks] == list(range(0, 2345, size))
    assert (found.rows, found.fields, found.columns, found.files) == (2345, whole.fields, whole.columns, (path,))
    assert found.notes == whole.notes
    same(joined(blocks), whole)
    assert whole.columns == ("x", "n", "colour", "flag", "day")


@pytest.mark.parametrize("name", [*TEXTS, *COLUMNS])
def test_every_kind_of_column_in_every_format(name, tmp_path):
    names, rows = mixed(500)
    raw = read(str(written(tmp_path / name, names, rows)), WANT)
    assert raw.fields is not None
    assert [f.kind for f in raw.fields] == ["numeric", "numeric", "categorical", "boolean", "date"]
    np.testing.assert_array_equal(raw.x[:, 0], [row[0] for row in rows])
    np.testing.assert_array_equal(raw.x[:, 1], [np.nan if row[1] is None else row[1] for row in rows])
    assert [raw.fields[2].values[int(v)] for v in raw.x[:, 2]] == [row[2] for row in rows]
    np.testing.assert_array_equal(raw.x[:, 3], [np.nan if row[3] is None else row[3] for row in rows])
    assert raw.x[:, 4].tolist() == [946684800.0 + 86400 * i for i in range(500)]
    assert raw.carried["name"].tolist() == [row[5] for row in rows]
    assert raw.labels is not None
    assert raw.labels.dtype == np.int64
    assert raw.labels.tolist() == [row[6] for row in rows]
    assert raw.ids is not None
    assert raw.ids.tolist() == [row[7] for row in rows]
    np.testing.assert_array_equal(raw.carried["extra"], [np.nan if row[8] is None else row[8] for row in rows])


awkward = st.sampled_from(
    ["1", " 2 ", "-0.5", "1e3", "+4", "inf", "-Inf", "nan", "NaN", "", "NA", "None", "-", "1_000", "0x1", "x", '"5"',
     "1.", ".5", "1e400", "TRUE", "١", "2020-01-02", "\u00a03", '"a ""b"""', '"one\ntwo"']
)  # fmt: skip


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(awkward, awkward), min_size=1, max_size=6), crlf=st.booleans(), last=st.booleans())
def test_every_way_of_reading_a_csv_gives_the_same(rows, crlf, last, tmp_path):
    """As numbers at once, as text, and row by row: the outcome is one, be it rows or the very same problems."""
    path, end = tmp_path / "x.csv", "\r\n" if crlf else "\n"
    path.write_bytes((end.join(["a,b", *(f"{a},{b}" for a, b in rows)]) + end * last).encode())
    outcomes = [outcome(path, way) for way in (0, 1, 2)]
    first, *others = outcomes
    for other in others:
        if isinstance(first, str) or isinstance(other, str):
            assert first == other
        else:
            same(first, other)


def outcome(path: Path, way: int) -> Raw | str:
    from aecli.data.tables import scan as module

    table = text.TextTable(path, Want(header=True))
    table.way = max(way, table.way)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_opened", lambda *_: table)
        try:
            return module.scan(str(path)).whole()
        except UserError as error:
            return str(error)


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("late", ["", "x", "7.5"])
def test_labels_have_one_type_in_every_block(hold, late, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "1,0\n2,1\n" * 50 + f"3,{late or 1}\n")
    kind = "U" if late else "i"
    want = Want(label="y")
    blocks = [read(str(path), want)] if hold else list(scan(str(path), want).blocks(10))
    assert {b.labels.dtype.kind for b in blocks if b.labels is not None} == {kind}
    assert str(np.concatenate([b.labels for b in blocks if b.labels is not None])[-1]) == (late or "1")


TYPES = {
    "int8": (pa.array([1, None, -3], pa.int8()), "numeric", [1, np.nan, -3]),
    "uint64": (pa.array([1, 2, 2**63], pa.uint64()), "numeric", [1, 2, 2.0**63]),
    "float16": (pa.array(np.array([0.5, 1, 2], np.float16)), "numeric", [0.5, 1, 2]),
    "float32": (pa.array([0.5, None, 2], pa.float32()), "numeric", [0.5, np.nan, 2]),
    "decimal": (pa.array([decimal.Decimal("1.25"), None, decimal.Decimal(2)]), "numeric", [1.25, np.nan, 2]),
    "null": (pa.nulls(3), "numeric", [np.nan] * 3),
    "bool": (pa.array([True, None, False]), "boolean", [1, np.nan, 0]),
    "date32": (pa.array([0, None, -1], pa.date32()), "date", [0, np.nan, -86400]),
    "date64": (pa.array([0, None, 86400000], pa.date64()), "date", [0, np.nan, 86400]),
    "timestamp": (pa.array([1500, None, -1], pa.timestamp("ms")), "date", [1.5, np.nan, -0.001]),
    "timestamp in a zone": (pa.array([10, None, 20], pa.timestamp("s", "Europe/Berlin")), "date", [10, np.nan, 20]),
    "string": (pa.array(["b", None, " a "]), "categorical", [1, np.nan, 0]),
    "large_string": (pa.array(["b", "", "a"], pa.large_string()), "categorical", [1, np.nan, 0]),
    "string_view": (pa.array(["b", None, "a"], pa.string_view()), "categorical", [1, np.nan, 0]),
    "dictionary": (pa.array(["b", None, "a"]).dictionary_encode(), "categorical", [1, np.nan, 0]),
    "dictionary of numbers": (pa.array([2.5, None, 1.0]).dictionary_encode(), "numeric", [2.5, np.nan, 1]),
    "text of numbers": (pa.array(["1", None, "2.5"]), "numeric", [1, np.nan, 2.5]),
    "text of dates": (pa.array(["1970-01-01", None, "1970-01-02"]), "date", [0, np.nan, 86400]),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("case", TYPES)
def test_the_types_of_columns(case, name, tmp_path):
    array, kind, expected = TYPES[case]
    stored(tmp_path / name, pa.table({"c": array, "n": [1, 2, 3]}))
    raw = read(str(tmp_path / name))
    assert raw.fields is not None
    assert (raw.fields[0].kind, raw.fields[0].name) == (kind, "c")
    np.testing.assert_array_equal(raw.x[:, 0], expected)


@pytest.mark.parametrize(
    ("array", "kind", "values", "expected"),
    [
        (pa.array([1, 10, None, 2]), "categorical", ("1", "10", "2"), [0, 1, np.nan, 2]),
        (pa.array([1.0, 0.5, None, 2]), "categorical", ("0.5", "1", "2"), [1, 0, np.nan, 2]),
        (pa.array([True, False, None, True]), "categorical", ("false", "true"), [1, 0, np.nan, 1]),
        (pa.array([True, False, None, True]), "numeric", (), [1, 0, np.nan, 1]),
        (pa.array([1, 0, None, 1]), "boolean", ("false", "true"), [1, 0, np.nan, 1]),
        (pa.array(["1", "0", None, "1"]), "numeric", (), [1, 0, np.nan, 1]),
        (pa.array([0, 1, None, 2], pa.date32()), "categorical", ("1970-01-01", "1970-01-02", "1970-01-03"),
         [0, 1, np.nan, 2]),
    ],
)  # fmt: skip
def test_a_kind_that_is_not_that_of_the_type(array, kind, values, expected, tmp_path):
    pq.write_table(pa.table({"c": array}), tmp_path / "t.parquet")
    raw = read(str(tmp_path / "t.parquet"), Want(kinds=(("c", kind),)))
    numbers = kind == "categorical" and array.type in (pa.int64(), pa.float64())
    assert raw.fields == (Field("c", kind, values, "number" if numbers else ""),)
    np.testing.assert_array_equal(raw.x[:, 0], expected)


@pytest.mark.parametrize(
    ("array", "kind", "message"),
    [
        (pa.array([1, 2]), "boolean", "row 2, column 'c': '2' is not true or false"),
        (pa.array([1, 2]), "date", "row 1, column 'c': '1' is not an ISO date"),
        (pa.array([0, 1], pa.date32()), "numeric", "row 1, column 'c': '1970-01-01' is not a number"),
    ],
)
def test_a_kind_that_the_cells_are_not_of(array, kind, message, tmp_path):
    pq.write_table(pa.table({"c": array}), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=rf"t\.parquet: {message}"):
        read(str(tmp_path / "t.parquet"), Want(kinds=(("c", kind),)))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([1.0, 2.0, 3.0]), "i"), (pa.array([1.0, 2.5, 3.0]), "f"), (pa.array([1, None, 3]), "U"),
        (pa.array([True, False, True]), "b"), (pa.array(["0", "1", "0"]), "i"), (pa.array(["a", "1", "0"]), "U"),
        (pa.array(["true", "False", "true"]), "b"), (pa.array([0, 1, 2], pa.date32()), "U"),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "U"),
    ],
)  # fmt: skip
def test_labels_of_typed_columns(array, expected, tmp_path):
    pq.write_table(pa.table({"c": [1, 2, 3], "y": array}), tmp_path / "t.parquet", row_group_size=1)
    want = Want(label="y")
    for raw in (read(str(tmp_path / "t.parquet"), want), *scan(str(tmp_path / "t.parquet"), want).blocks(1)):
        assert raw.labels is not None
        assert raw.labels.dtype.kind == expected


def test_what_is_carried_of_typed_columns_keeps_its_type(tmp_path):
    columns = {
        "a": pa.array([1, 2]), "b": pa.array([1, None]), "c": pa.array([True, False]), "d": pa.array(["1", "2"]),
        "e": pa.array([2**53 + 1, None]), "f": pa.array([0.5, None]), "g": pa.array([2**64 - 1, 0], pa.uint64()),
        "h": pa.array([0, None], pa.date32()),
    }  # fmt: skip
    pq.write_table(pa.table({"x": [1, 2], **columns}), tmp_path / "t.parquet")
    carried = read(str(tmp_path / "t.parquet"), Want(kinds=tuple((c, "carry") for c in columns))).carried
    assert "".join(v.dtype.kind for v in carried.values()) == "ifbUUfUU"
    assert carried["e"].tolist() == ["9007199254740993", ""]
    assert carried["g"].tolist() == ["18446744073709551615", "0"]
    assert carried["h"].tolist() == ["1970-01-01", ""]


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_columns_without_a_name_are_carried_by_their_index_however_many(ending, tmp_path):
    given = [pa.array([1.0, 2.0]), pa.array(["p", "q"]), pa.array([5, 6]), pa.array([3.0, 4.0])]
    path = tmp_path / f"rows.{ending}"
    (pq.write_table if ending == "parquet" else feather.write_feather)(pa.table(given, names=["b", "", "", "a"]), path)
    raw = read(str(path), Want(columns=("a", "b"), strict=False))
    np.testing.assert_array_equal(raw.x, [[3, 1], [4, 2]])
    assert {name: list(values) for name, values in raw.carried.items()} == {"1": ["p", "q"], "2": [5, 6]}


def test_an_index_of_pandas_is_carried(tmp_path):
    pq.write_table(pa.table({"a": [1, 2], "__index_level_0__": [5, 6]}), tmp_path / "t.parquet")
    raw = read(str(tmp_path / "t.parquet"))
    assert raw.columns == ("a",)
    assert raw.carried["__index_level_0__"].tolist() == [5, 6]
    assert "index of pandas" in raw.notes[0]


def test_of_a_parquet_only_text_is_read_at_first(tmp_path, monkeypatch):
    pq.write_table(pa.table({"a": [1.0, 2], "t": ["x", "y"], "b": [3, 4], "y": [0.0, 1.0]}), tmp_path / "t.parquet")
    asked: list[list[int]] = []
    batches = columnar.ParquetTable.batches
    monkeypatch.setattr(columnar.ParquetTable, "batches", lambda s, c: [asked.append(list(c)), batches(s, c)][1])
    found = scan(str(tmp_path / "t.parquet"), Want(label="y"))
    assert asked == [[1, 3]]
    assert next(found.blocks(5)).x.tolist() == [[1, 0, 3], [2, 1, 4]]


@pytest.mark.parametrize("name", [*TEXTS, *COLUMNS])
def test_the_size_is_guessed(name, tmp_path):
    names, rows = mixed(5000)
    path = written(tmp_path / name, names, rows)
    assert 0.8 * 7 * 5000 < floats(str(path), WANT) < 1.2 * 7 * 5000  # who, kind and extra are none


def test_a_scan_is_in_constant_memory(tmp_path, monkeypatch):
    """Blocks come as soon as they are full: the file is read no farther than that."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({f"c{j}": np.arange(10_000.0) for j in range(4)}), path, row_group_size=100)
    seen = []
    inner = columnar.ParquetTable._read
    monkeypatch.setattr(columnar.ParquetTable, "_read", lambda s, c: (seen.append(b) or b for b in inner(s, c)))
    blocks = scan(str(path)).blocks(50)
    next(blocks)
    assert len(seen) == 1
    next(blocks)
    next(blocks)
    assert len(seen) == 2


def test_a_file_that_changes_under_the_scan_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,x\n" * 50)
    for text_ in ("a,b\n" + "1,x\n" * 49, "a,b\n" + "1,x\n" * 51, "a,b\n" + "1,z\n" * 50, "a,b\n" + "q,x\n" * 50):
        path.write_text("a,b\n" + "1,x\n" * 50)
        found = scan(str(path))
        path.write_text(text_)
        with pytest.raises(UserError, match="its rows are others than a moment ago"):
            list(found.blocks(8))


def test_a_block_has_at_least_a_row(tmp_path):
    (tmp_path / "t.csv").write_text("1,2\n")
    with pytest.raises(ValueError, match="a block of 0 rows"):
        list(scan(str(tmp_path / "t.csv")).blocks(0))
    assert next(scan(str(tmp_path / "t.csv")).blocks(3)).columns is None


def test_the_lines_of_blocks_with_holes(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 9 + "1,\n")
    *_, last = scan(str(tmp_path / "t.csv")).blocks(4)
    assert last.first == 8
    assert last.line(1).line == 11


@pytest.mark.parametrize("mark", [",", ";"])
def test_a_mark_at_the_end_of_each_line_makes_no_column(mark, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(f"a{mark}b{mark}\r\n" + "".join(f"{i}{mark}{-i}{mark}\r\n" for i in range(20)))
    found = scan(str(path))
    assert found.columns == ("a", "b")
    assert any(note.startswith("column 2 (from 0) is left out") for note in found.notes)
    later = read(str(path), Want(columns=("b", "a"), strict=False))
    assert (later.columns, later.carried) == (("b", "a"), {})
    np.testing.assert_array_equal(later.x[:, 0], -np.arange(20.0))
    path.write_text(f"a{mark}b{mark}\n1{mark}2{mark}\n1{mark}2{mark}3\n")
    with pytest.raises(UserError, match=r"column 2 \(from 0\) has no name"):
        scan(str(path))


def test_a_missing_column_is_said_beside_those_that_are_there(tmp_path):
    (tmp_path / "t.csv").write_text("a,other\n1,2\n")
    with pytest.raises(
        UserError, match=r"run's column 'zone' is missing\n  beside the run's other columns the file has 'other'"
    ):
        scan(str(tmp_path / "t.csv"), Want(columns=("a", "zone"), strict=False))
