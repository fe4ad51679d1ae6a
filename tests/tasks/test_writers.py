from __future__ import annotations

import csv
import io
import itertools
import os
import tempfile
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pyarrow import parquet

from aecli.config.problems import UserError
from aecli.tasks import tables
from aecli.tasks.cells import guarded_text
from aecli.tasks.output import write_csv, write_npy, write_npz, write_parquet
from aecli.tasks.writers import ARRAYS, TABLES, open_writer

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
NUMBERS = [np.bool_, np.int8, np.int64, np.uint64, np.float32, np.float64]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@st.composite
def columns(draw, rows=None):
    """A few columns of every type that tables hold."""
    rows = draw(st.integers(0, 12)) if rows is None else rows
    found = {"id": np.array(draw(st.lists(TEXT, min_size=rows, max_size=rows)), np.str_)}
    for i, dtype in enumerate(draw(st.lists(st.sampled_from(NUMBERS), max_size=3))):
        found[f"x{i}"] = draw(hnp.arrays(dtype, rows))
    moments = draw(st.lists(st.integers(-(2**33), 2**33), min_size=rows, max_size=rows))
    return {**found, "when": np.array(moments, "datetime64[s]")}


def divided(draw, rows):
    """Where the rows are cut into blocks, empty ones among them."""
    return [0, *sorted(draw(st.lists(st.integers(0, rows), max_size=5))), rows]


def written(path, found, cuts, **options):
    with open_writer(path, **options) as writer:
        for start, stop in itertools.pairwise(cuts):
            writer.append({name: column[start:stop] for name, column in found.items()})
    return path.read_bytes()


@pytest.mark.parametrize("suffix", TABLES + ARRAYS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_bytes_are_those_of_one_block_for_any_division(suffix, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("w")
    found = data.draw(columns())
    rows = len(found["id"])
    if suffix == ".npy":
        found = {"codes": data.draw(hnp.arrays(np.float32, (rows, 2, 3)))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ROW_GROUP", 5)
        patch.setattr(tables, "_CELLS", 7)
        cut = written(folder / f"a{suffix}", found, divided(data.draw, rows), rows=rows)
        assert cut == written(folder / f"b{suffix}", found, [0, rows])
        whole = {".csv": write_csv, ".parquet": write_parquet, ".npz": write_npz}.get(suffix)
        if whole:
            whole(folder / f"c{suffix}", found)
        else:
            write_npy(folder / "c.npy", found["codes"])
    assert cut == (folder / f"c{suffix}").read_bytes()
    assert names(folder) == [f"{name}{suffix}" for name in "abc"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64, np.bool_, ">f4", "<U5"])
@pytest.mark.parametrize("shape", [(0,), (7,), (7, 3), (7, 2, 2)])
def test_arrays_are_numpys_own_bytes(dtype, shape, tmp_path):
    array = np.random.default_rng(0).integers(0, 9, shape).astype(dtype)
    np.save(tmp_path / "np.npy", array)
    assert (
        written(tmp_path / "a.npy", {"a": array}, [0, len(array) // 2, len(array)])
        == (tmp_path / "np.npy").read_bytes()
    )
    np.savez(tmp_path / "np.npz", a=array, b=array)
    assert (
        written(tmp_path / "a.npz", {"a": array, "b": array}, [0, len(array) // 2, len(array)])
        == (tmp_path / "np.npz").read_bytes()
    )


def test_the_order_of_an_array_in_memory_does_not_show(tmp_path):
    array = np.arange(6.0).reshape(2, 3)
    for write in (write_npy, lambda path, a: write_npz(path, {"a": a})):
        write(tmp_path / "c", array)
        write(tmp_path / "f", np.asfortranarray(array))
        assert (tmp_path / "c").read_bytes() == (tmp_path / "f").read_bytes()


def test_npz_still_takes_arrays_of_any_shape(tmp_path):
    write_npz(tmp_path / "a.npz", {"meta": np.asarray("text"), "x": np.arange(3), "y": np.zeros((2, 2))})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert (str(file["meta"]), file["x"].shape, file["y"].shape) == ("text", (3,), (2, 2))
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_npz_text_is_as_wide_as_its_widest_block(tmp_path):
    texts = ["a", "bcd", "", "ef"]
    whole = written(tmp_path / "a.npz", {"id": np.array(texts)}, [0, 4])
    with open_writer(tmp_path / "b.npz") as writer:
        for text in texts:
            writer.append({"id": np.array([text])})
    assert (tmp_path / "b.npz").read_bytes() == whole


@pytest.mark.parametrize("dtype", NUMBERS)
def test_csv_numbers_are_written_as_pyarrow_writes_them(dtype, tmp_path):
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        values = np.concatenate([np.arange(9), 10.0 ** rng.uniform(0, 18, 200)]).astype(dtype)
    if np.dtype(dtype).kind == "f":
        values = np.concatenate([values, -values, 1 / values[1:], np.array([np.nan, np.inf, -np.inf], dtype)])
    expected = io.BytesIO()
    style = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    pyarrow.csv.write_csv(pa.table({"a": values, "b": values}), expected, style)
    write_csv(tmp_path / "x.csv", {"a": values, "b": values})
    assert (tmp_path / "x.csv").read_bytes() == b"a,b\n" + expected.getvalue()


@given(rows=st.lists(st.tuples(TEXT, TEXT), max_size=6), alone=st.booleans())
def test_csv_text_is_quoted_where_it_must_be_and_nowhere_else(rows, alone, tmp_path_factory):
    """The standard library's minimal quoting; it decides each cell by itself, too."""
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    texts = np.array(rows, np.str_).reshape(-1, 2)[:, : 1 if alone else 2]
    write_csv(path, {f"t{i}": column for i, column in enumerate(texts.T)})
    expected = ""
    for row in [[f"t{i}" for i in range(texts.shape[1])], *texts.tolist()]:
        line = io.StringIO(newline="")
        csv.writer(line).writerow(row)  # its line end is CRLF: with LF alone it would leave a lone CR unquoted
        expected += line.getvalue().removesuffix("\r\n") + "\n"
    assert path.read_bytes().decode() == expected


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), ("+cmd", "'+cmd"), ("-cmd", "'-cmd"), ("@sum(a)", "'@sum(a)"), ("\tx", "'\tx"),
        ("\rx", "\"'\rx\""), ("\n=x", "\"'\n=x\""), ("=a,b", "\"'=a,b\""), ("-", "'-"), ("-1e", "'-1e"),
        ("--1", "'--1"),
        ("+1-1", "'+1-1"), ("-1\n", "\"'-1\n\""), ("-inf", "'-inf"), ("=1", "'=1"),
        ("-1", "-1"), ("+1.5", "+1.5"), ("-.5e-3", "-.5e-3"), ("-1.", "-1."), ("a=b", "a=b"), ("1-2", "1-2"), ("", ""),
        ("'=1", "'=1"), ("2024-01-01", "2024-01-01"),
    ],
)  # fmt: skip
def test_the_guard_stops_formulas_and_spares_numbers(text, cell, tmp_path):
    found = {text: np.array([text, "plain"]), "n": np.array([-1.5, 2.0])}
    write_csv(tmp_path / "x.csv", found, guard=True)
    with (tmp_path / "x.csv").open(newline="") as file:
        assert file.read() == f"{cell},n\n{cell},-1.5\nplain,2\n"
    with (tmp_path / "x.csv").open(newline="") as file:
        assert [row[0] for row in csv.reader(file)] == [guarded_text(text), guarded_text(text), "plain"]
    assert written(tmp_path / "y.csv", found, [0, 1, 2], guard=True) == (tmp_path / "x.csv").read_bytes()
    write_csv(tmp_path / "z.csv", found)
    with (tmp_path / "z.csv").open(newline="") as file:
        assert [row[0] for row in csv.reader(file)] == [text, text, "plain"]


@pytest.mark.parametrize(
    ("unit", "written_as", "arrow"),
    [
        ("s", "2024-02-29T12:30:05", pa.timestamp("ms")),
        ("ms", "2024-02-29T12:30:05.000", pa.timestamp("ms")),
        ("D", "2024-02-29", pa.date32()),
    ],
)
def test_times_are_iso_text_or_timestamps_and_absent_ones_are_empty(unit, written_as, arrow, tmp_path):
    times = np.array(["2024-02-29T12:30:05", "NaT"], "datetime64[s]").astype(f"datetime64[{unit}]")
    write_csv(tmp_path / "x.csv", {"id": np.array(["a", "b"]), "when": times})
    assert (tmp_path / "x.csv").read_text() == f"id,when\na,{written_as}\nb,\n"
    write_parquet(tmp_path / "x.parquet", {"when": times})
    found = parquet.read_table(tmp_path / "x.parquet")["when"]
    assert found.type == arrow
    assert found.null_count == 1
    np.testing.assert_array_equal(found.to_numpy().astype(times.dtype), times)


@settings(max_examples=30, deadline=None)
@given(found=columns())
def test_parquet_holds_the_columns_with_their_types(found, tmp_path_factory):
    path = tmp_path_factory.mktemp("p") / "x.parquet"
    write_parquet(path, {**found, "absent": None})
    table = parquet.read_table(path)
    assert table.column_names == list(found)
    for name, column in found.items():
        assert table.num_rows == len(column)
        if column.dtype.kind == "U":
            assert table[name].to_pylist() == column.tolist()
        elif column.dtype.kind != "M":
            np.testing.assert_array_equal(table[name].to_numpy(), column)
            assert table[name].to_numpy().dtype == column.dtype


def test_parquet_row_groups_have_65536_rows_whatever_the_blocks(tmp_path):
    values = np.arange(150_000)
    written(tmp_path / "x.parquet", {"a": values}, [0, 10, 70_000, 70_001, 150_000])
    meta = parquet.ParquetFile(tmp_path / "x.parquet").metadata
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [65_536, 65_536, 18_928]
    np.testing.assert_array_equal(parquet.read_table(tmp_path / "x.parquet")["a"].to_numpy(), values)


@pytest.mark.parametrize("suffix", TABLES + ARRAYS)
def test_the_caller_may_use_its_arrays_again(suffix, tmp_path):
    block = np.zeros(3)
    with open_writer(tmp_path / f"x{suffix}") as writer:
        for i in range(3):
            block[:] = i
            writer.append({"a": block})
    whole = tmp_path / f"y{suffix}"
    written(whole, {"a": np.repeat([0.0, 1.0, 2.0], 3)}, [0, 9])
    assert (tmp_path / f"x{suffix}").read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("suffix", TABLES + ARRAYS)
@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "no such file", "rows.csv"), KeyboardInterrupt(), UserError("x")]
)
def test_an_error_in_between_comes_out_as_it_is_and_leaves_what_was_there(suffix, error, tmp_path):
    path = tmp_path / f"x{suffix}"
    path.write_text("old")

    def half():
        with open_writer(path) as writer:
            writer.append({"a": np.arange(100_000)})
            raise error

    with pytest.raises(type(error)) as caught:
        half()
    assert caught.value is error
    assert path.read_text() == "old"
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", TABLES + ARRAYS)
def test_a_full_disk_is_told(suffix, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    path = tmp_path / f"x{suffix}"
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot write .*No space left"):
        written(path, {"a": np.arange(10)}, [0, 10])
    assert names(tmp_path) == []


def test_a_disk_that_fills_up_while_rows_come_is_told(tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(UserError, match=r"cannot write .*x\.npz.*No space left"):
        written(tmp_path / "x.npz", {"a": np.arange(10)}, [0, 10])
    assert names(tmp_path) == []


@pytest.mark.parametrize("suffix", ARRAYS)
def test_memory_does_not_grow_with_the_rows(suffix, tmp_path):
    block = np.zeros((1000, 100), np.float32)
    tracemalloc.start()
    try:
        with open_writer(tmp_path / f"x{suffix}") as writer:
            for _ in range(400):  # 160 MB
                writer.append({"a": block})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


A = np.arange(3.0)


@pytest.mark.parametrize(
    ("suffix", "blocks", "error", "message"),
    [
        (".csv", [], ValueError, "no block was written"),
        (".csv", [{}], ValueError, "the columns of a block are"),
        (".csv", [{"a": None}], ValueError, "the columns of a block are"),
        (".csv", [{"a": A}, {"b": A}], ValueError, r"are \['b'\], those of the first \['a'\]"),
        (".csv", [{"a": A, "b": A}, {"b": A, "a": A}], ValueError, "the columns of a block are"),
        (".csv", [{"a": A, "b": A[:2]}], ValueError, "different numbers of rows"),
        (".npz", [{"a": A}, {"a": A.astype(np.float32)}], ValueError, "is float32"),
        (".npz", [{"a": A}, {"a": A[:, None]}], ValueError, "a block of a is"),
        (".npz", [{"a": np.asarray(1.0)}], ValueError, "a block of a is"),
        (".npz", [{"a": np.array([{}], object)}], TypeError, "Python objects"),
        (".npy", [{"a": A, "b": A}], ValueError, "one array, not 2"),
        (".npy", [{"a": np.array(["a"])}, {"a": np.array(["ab"])}], ValueError, "wider than in the first block"),
        (".csv", [{"a": A[:, None]}], ValueError, "one dimension"),
        (".parquet", [{"a": A[:, None]}], ValueError, "one dimension"),
        (".csv", [{"a": A.astype(np.complex64)}], TypeError, "complex64, which no table holds"),
        (".parquet", [{"a": np.array(["2024"], "datetime64[Y]")}], TypeError, "the times of a table count"),
    ],
)
def test_a_mistake_of_the_caller_is_an_error_and_no_file(suffix, blocks, error, message, tmp_path):
    def wrong():
        with open_writer(tmp_path / f"x{suffix}") as writer:
            for block in blocks:
                writer.append(block)

    with pytest.raises(error, match=message):
        wrong()
    assert names(tmp_path) == []


@pytest.mark.parametrize("announced", [2, 4])
@pytest.mark.parametrize("suffix", TABLES + ARRAYS)
def test_rows_that_were_announced_must_come(suffix, announced, tmp_path):
    with pytest.raises(ValueError, match=f"{announced} rows of .* were announced, 3 came"):
        written(tmp_path / f"x{suffix}", {"a": A}, [0, 1, 3], rows=announced)
    assert names(tmp_path) == []


@pytest.mark.parametrize("suffix", TABLES)
@pytest.mark.parametrize("point", [0xD800, 0xDFFF, 0x110000])
def test_text_that_is_no_unicode_is_the_users_and_has_its_row(suffix, point, tmp_path):
    wrong = np.array([ord("b"), point], np.uint32).view("<U2")
    with open_writer(tmp_path / f"x{suffix}") as writer:
        writer.append({"id": np.array(["a", "b"])})
        with pytest.raises(UserError, match="row 4, column 'id' is no Unicode"):
            writer.append({"id": np.concatenate([np.array(["c"]), wrong])})
        writer.append({"id": np.array(["é", "\U0001f600"])})


@pytest.mark.parametrize("name", ["x.txt", "x", "x.csv.gz"])
def test_another_suffix_is_refused(name, tmp_path):
    with pytest.raises(UserError, match=r"is no suffix .*\n.*known here: \.csv, \.parquet, \.npy, \.npz"):
        open_writer(tmp_path / name).__enter__()
