"""Tables that are damaged, or that claim more than they hold: one clear error, in little memory."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather
from pyarrow import parquet as pq

from aecli.config.problems import UserError
from aecli.data.raw import Want
from aecli.data.sources import buffers, read
from aecli.data.tables import lines, scan, text
from tests.data.test_tables_scan import COLUMNS, stored

SOUND = pa.table({"a": [1.0, None, 3.0] * 9, "b": ["x", "y", None] * 9, "c": [True, False, True] * 9})
NOISE = "\n".join(f"{v:.17f},{v:.3f}" for v in np.random.default_rng(0).normal(size=2000)).encode()


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def nothing_but_rows() -> pa.Table:
    return pa.table({"a": [1, 2]}).select([])


NESTED = pa.table({"a": [1, 2], "b": [[1.0], [2.0, 3.0]]})
FILES = {
    "unclosed.csv": (b'a,b\n1,2\n3,"4\n5,6\n', r"csv:3: a quote is opened in this row, and never closed"),
    "unclosed_middle.csv": (b'a,b\n1,2\n"3,4\n5,6\n', r"csv:3: a quote is opened in this row, and never closed"),
    "ragged_late.csv": (b"a,b\n" + b"1,2\n" * 3000 + b"1\n", r"csv:3002: row 3001 has 1 cells, the header 2"),
    "ragged.tsv": (b"a\tb\n1\t2\n3\n", r"tsv:3: row 2 has 1 cells, the header 2"),
    "ragged.csv.gz": (gzip.compress(b"a,b\n1,2\n3\n"), r"gz:3: row 2 has 1 cells, the header 2"),
    "latin_late.csv": (b"a,b\n" + b"1,x\n" * 9000 + b"1,\xe9\n", r"csv:9002: is no table .*: .*utf-8"),
    "utf16.csv": ("a,b\n1,2\n".encode("utf-16"), r"csv:1: is no table of comma-separated text"),
    "two_names.tsv": (b"a\ta\n1\t2\n", r"tsv:1: two columns have one name: 'a'"),
    "no_name.csv": (b"a,,c\n1,2,3\n", r"csv:1: column 1 \(from 0\) has no name"),
    "only_text.csv": (
        b"a,b\n" + b"".join(b"x%d,y%d\n" % (i, i) for i in range(60)), r"no column is left for x: all others are text",
    ),
    "only_label.csv": (b"y\n1\n2\n", r"no column is left for x"),
    "cut.csv.gz": (gzip.compress(NOISE)[:-4000], r"gz: cannot be unpacked: Compressed file ended"),
    "flipped.csv.gz": (gzip.compress(NOISE)[:-8] + bytes(8), r"gz: cannot be unpacked: CRC check failed"),
    "plain.csv.gz": (b"a,b\n1,2\n", r"gz: cannot be unpacked: Not a gzipped file"),
    "garbage.parquet": (b"PAR1 this is not one, is it? PAR1", r"parquet: cannot be read as Parquet"),
    "text.parquet": (b"a,b\n1,2\n", r"parquet: cannot be read as Parquet: .*magic bytes"),
    "cut.parquet": (parquet(SOUND)[:-30], r"parquet: cannot be read as Parquet"),
    "nested.parquet": (
        parquet(NESTED), r"parquet: column 'b' holds list<element: double>, not one .*\n.*data\.columns: \{b: drop\}",
    ),
    "bytes.arrow": (arrow(pa.table({"b": [b"1"]})), r"arrow: column 'b' holds binary"),
    "time.arrow": (arrow(pa.table({"b": pa.array([1], pa.time32("s"))})), r"arrow: column 'b' holds time32\[s\]"),
    "none.parquet": (parquet(nothing_but_rows()), r"parquet: the table has no columns"),
    "none.arrow": (arrow(nothing_but_rows()), r"arrow: the table has no columns"),
    "two_names.arrow": (
        arrow(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])),
        r"two columns have one name: 'a'",
    ),
    "blank.arrow": (arrow(pa.table({"": [1], "a": [2]})), r"arrow: column 0 \(from 0\) has no name"),
    "mixed.parquet": (
        parquet(pa.table({"a": ["1", "2", "x"]})), r"parquet: row 3, column 'a': 'x' is not a number\n.*categorical",
    ),
    "text.arrow": (b"a,b\n1,2\n", r"arrow: cannot be read as Arrow"),
    "cut.arrow": (arrow(SOUND)[:300], r"arrow: cannot be read as Arrow"),
    "old.feather": (b"FEA1" + bytes(100), r"feather: is a Feather file of version 1"),
    "empty.parquet": (b"", r"parquet: the file is empty"),
    "empty.tsv": (b"", r"tsv: the file is empty"),
    "commas.csv": (b"a;b\n1;2\n3\n", r"csv:3: row 2 .*\n  .*quote cells that contain a semicolon"),
    "spreadsheet.csv": (b"\xef\xbb\xbfsep=;\r\na;b\r\n1;2\r\n", r"csv:1: the first line, 'sep=;', .*\n  remove it"),
    "windows.csv": ("a,b\n1,Süd\n".encode("cp1252"), r"csv:2: .*\n  save it as UTF-8 text: it may be Windows-1252"),
    "wide.csv": ("a,b\n1,2\n".encode("utf-16"), r"csv:1: .*\n  save it as UTF-8 text: it is UTF-16 \(iconv -f UTF-16"),
    "blank.tsv": (b"\n\n", r"tsv: the file holds no rows: only blank lines"),
    "nothing.csv.gz": (gzip.compress(b""), r"gz: the file holds no rows"),
}  # fmt: skip


@pytest.mark.parametrize("how", ["read", "scan"])
@pytest.mark.parametrize("name", FILES)
def test_a_broken_table_is_one_clear_error(name, how, tmp_path):
    content, pattern = FILES[name]
    (tmp_path / name).write_bytes(content)
    label = "y" if name == "only_label.csv" else None
    with pytest.raises(UserError, match=pattern) as error:
        (read if how == "read" else scan.scan)(str(tmp_path / name), Want(label=label))
    assert len(error.value.problems) == 1
    assert "\n" not in error.value.problems[0].message


def test_every_problem_of_a_table_is_found_in_one_pass(tmp_path):
    rows = ["1,2,2020-01-01,x"] * 40
    rows[3], rows[8], rows[5], rows[20] = "1,2", "q,2,2020-01-01,x", "1,2,never,x", "1,z,2020-01-01,x,y"
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,d", *rows]))
    with pytest.raises(UserError) as error:
        read(str(tmp_path / "t.csv"))
    found = [(p.place.line, p.message.split(":")[0]) for p in error.value.problems if p.place]
    assert found == [
        (5, "row 4 has 2 cells, the header 4"), (7, "row 6, column 'c'"), (10, "row 9, column 'a'"),
        (22, "row 21 has 5 cells, the header 4"),
    ]  # fmt: skip


def test_the_line_of_a_cell_behind_blank_lines_and_line_breaks(tmp_path):
    (tmp_path / "t.csv").write_text('a,name\n1,"two\nlines"\n\n2,x\nbad,y\n3,z\n')
    with pytest.raises(UserError, match=r"t\.csv:6: row 3, column 'a': 'bad' is not a number"):
        read(str(tmp_path / "t.csv"), Want(id="name"))


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv"])
def test_a_line_without_end_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", 10_000)
    monkeypatch.setattr(text, "BLOCK", 4096)
    data = b"1\n" * 2000 + b"1" * 12_000
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with pytest.raises(UserError, match=r":2001: a line of more than 10,000 characters"):
        read(str(tmp_path / name))


def test_a_row_of_too_many_cells_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MOST_COLUMNS", 100)
    (tmp_path / "t.csv").write_text(",".join(["1"] * 101) + "\n")
    with pytest.raises(UserError, match=r"t\.csv:1: a row of 101 cells: at most 100 columns"):
        read(str(tmp_path / "t.csv"))


@pytest.mark.parametrize("how", ["read", "scan"])
def test_a_gzip_bomb_is_refused_before_it_is_read(how, tmp_path, monkeypatch):
    """A thousandfold, and (here) more than four megabytes: no table compresses like that."""
    monkeypatch.setattr(buffers, "SUSPECT_BYTES", 2**22)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"0,0\n" * 2**22, 9))
    passed = []
    count = lines.Tally.add
    monkeypatch.setattr(lines.Tally, "add", lambda tally, piece: (passed.append(len(piece)), count(tally, piece)))
    with pytest.raises(UserError, match="refused as a decompression bomb"):
        (read if how == "read" else scan.scan)(str(tmp_path / "t.csv.gz"))
    assert sum(passed) < 2**24


def test_a_parquet_bomb_is_refused_before_room_is_made_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "SUSPECT_BYTES", 2**20)
    monkeypatch.setattr(buffers, "SUSPECT_BYTES", 2**20)
    pq.write_table(pa.table({"a": np.zeros(2**20)}), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"the table announces 8,388,608 bytes .*bomb"):
        read(str(tmp_path / "t.parquet"))
    assert sum(len(b.x) for b in scan.scan(str(tmp_path / "t.parquet")).blocks(2**18)) == 2**20


def test_nested_columns_may_be_dropped_and_beside_a_run_do_not_matter(tmp_path):
    pq.write_table(NESTED, tmp_path / "t.parquet")
    assert read(str(tmp_path / "t.parquet"), Want(kinds=(("b", "drop"),))).columns == ("a",)
    raw = read(str(tmp_path / "t.parquet"), Want(columns=("a",), strict=False))
    assert (raw.columns, raw.carried) == (("a",), {})
    assert "'b' is not carried: it holds list" in raw.notes[0]
    for want in (Want(kinds=(("b", "carry"),)), Want(label="b"), Want(id="b"), Want(kinds=(("b", "numeric"),))):
        with pytest.raises(UserError, match="'b' holds list"):
            read(str(tmp_path / "t.parquet"), want)


def test_a_key_is_no_choice_that_a_table_offers(tmp_path):
    pq.write_table(SOUND, tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"data\.key cannot be read here: a \.parquet holds one table"):
        read(str(tmp_path / "t.parquet"), Want(key="x"))
    assert len(read(str(tmp_path / "t.parquet"), Want(key="x", strict=False)).x) == 27


def test_what_is_no_table_is_not_scanned(tmp_path):
    (tmp_path / "t.txt").write_text("1,2\n")
    with pytest.raises(UserError, match=r"is no table that is read in blocks\n  these are: \.csv"):
        scan.scan(str(tmp_path / "t.txt"))
    with pytest.raises(UserError, match=r"cannot read .*No such file"):
        scan.scan(str(tmp_path / "gone.csv"))


def damaged(path: Path, seed: bytes, flips: list[tuple[float, int]], cut: float) -> None:
    data = bytearray(seed)
    for where, value in flips:
        data[min(int(where * len(data)), len(data) - 1)] = value
    path.write_bytes(data[: int(cut * len(data))])


@pytest.mark.parametrize("name", [*COLUMNS, "t.csv.gz", "t.tsv"])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
    cut=st.just(1.0) | st.floats(0, 1),
)
def test_random_damage_is_read_or_refused_but_never_breaks(name, flips, cut, tmp_path):
    path = tmp_path / name
    if name in COLUMNS:
        stored(path, SOUND)
        seed = path.read_bytes()
    else:
        rows = b'a\tb\tc\n1\tx\t2020-01-01\n2\t"y z"\t\n'
        seed = rows if name == "t.tsv" else gzip.compress(rows.replace(b"\t", b","))
    damaged(path, seed, flips, cut)
    with suppress(UserError):
        read(str(path))


def test_a_feather_file_may_be_compressed(tmp_path):
    for how in ("zstd", "lz4", "uncompressed"):
        feather.write_feather(SOUND, tmp_path / "t.feather", compression=how)
        assert np.isnan(read(str(tmp_path / "t.feather")).x).sum() == 18
