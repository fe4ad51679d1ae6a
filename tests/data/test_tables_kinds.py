"""What the columns of a table are taken for, and whether the first row is names."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from aecli.config.problems import UserError
from aecli.config.reader import read_text
from aecli.data.raw import Raw, Want
from aecli.data.sources import read
from aecli.data.tables.cells import boolean, number, seconds
from aecli.data.tables.header import delimiter_of
from aecli.data.tables.roles import as_key


def table(tmp_path: Path, text: str, name: str = "t.csv", **want) -> Raw:
    (tmp_path / name).write_text(text)
    return read(str(tmp_path / name), Want(**want))


def column(tmp_path: Path, cells: list[str], **want) -> Raw:
    """A table of a number and these cells, in a column called c."""
    return table(tmp_path, "n,c\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells)), **want)


def when(text: str) -> float:
    """An ISO date-time with its zone, in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


NAN = float("nan")
INFERRED = {
    "numbers": (["1", "2.5", " -3e2 ", "+4"], "numeric", (), [1, 2.5, -300, 4]),
    "numbers and holes": (["1", "", "NA", "?", "2"], "numeric", (), [1, NAN, NAN, NAN, 2]),
    "numbers and words for holes": (["1", "None", "none", "-", "2"], "numeric", (), [1, NAN, NAN, NAN, 2]),
    "padded holes": (["1", " NA ", "  ", "2"], "numeric", (), [1, NAN, NAN, 2]),
    "leading zeros": (["007", "012"], "numeric", (), [7, 12]),
    "zeros and ones": (["0", "1", "1"], "numeric", (), [0, 1, 1]),
    "only holes": (["", "NA", "?"], "numeric", (), [NAN, NAN, NAN]),
    "true and false": (["true", "FALSE", "True"], "boolean", ("false", "true"), [1, 0, 1]),
    "yes and no": (["yes", "", "No"], "boolean", ("false", "true"), [1, NAN, 0]),
    "dates": (["2020-01-02", "", "1969-12-31"], "date", (), [when("2020-01-02T00:00Z"), NAN, -86400]),
    "dates with a word for a hole": (["2020-01-02", "-"], "date", (), [when("2020-01-02T00:00Z"), NAN]),
    "times": (
        ["2020-01-02 03:04", "2020-01-02T03:04:05", "2020-01-02 03:04:05.25"], "date", (),
        [when("2020-01-02T03:04Z"), when("2020-01-02T03:04:05Z"), when("2020-01-02T03:04:05.25Z")],
    ),
    "zones": (
        ["2020-01-02T03:04Z", "2020-01-02T03:04+02:00", "2020-01-02T03:04-0130"], "date", (),
        [when("2020-01-02T03:04Z"), when("2020-01-02T01:04Z"), when("2020-01-02T04:34Z")],
    ),
    "categories": (["b", " a", "b"], "categorical", ("a", "b"), [1, 0, 1]),
    "categories and holes": (["b", "?", "NA", "a"], "categorical", ("a", "b"), [1, NAN, NAN, 0]),
    "words that would be holes of numbers": (["none", "some", "-"], "categorical", ("-", "none", "some"), [1, 2, 0]),
    "few numbers among words": (["1", "two", "three"], "categorical", ("1", "three", "two"), [0, 2, 1]),
    "booleans and more": (["yes", "no", "maybe"], "categorical", ("maybe", "no", "yes"), [2, 1, 0]),
    "no dates": (["2020-02-30", "2020-13-01"], "categorical", ("2020-02-30", "2020-13-01"), [0, 1]),
}  # fmt: skip


@pytest.mark.parametrize("case", INFERRED)
@pytest.mark.parametrize("many", [False, True], ids=["few rows", "many rows"])
def test_a_column_is_what_all_of_its_cells_are(case, many, tmp_path):
    cells, kind, values, expected = INFERRED[case]
    times = 700 if many else 1  # beyond the rows that are sampled
    raw = column(tmp_path, cells * times)
    assert raw.fields is not None
    assert (raw.fields[1].name, raw.fields[1].kind, raw.fields[1].values) == ("c", kind, values)
    np.testing.assert_array_equal(raw.x[:, 1], np.tile(expected, times))
    assert raw.columns == ("n", "c")
    assert not raw.carried


@pytest.mark.parametrize("late", ["x", "true", "2020-01-01"])
def test_a_cell_far_down_decides_with_the_others(late, tmp_path):
    """The first two thousand are numbers: the one that is not is a mistake, and named."""
    with pytest.raises(UserError, match=rf"t\.csv:2002: row 2001, column 'c': '{late}' is not a number") as error:
        column(tmp_path, ["1.5"] * 2000 + [late])
    assert "data.columns: {c: categorical}" in str(error.value)
    raw = column(tmp_path, ["1.5"] * 2000 + [late], kinds=(("c", "categorical"),))
    assert raw.fields is not None
    assert raw.fields[1].values == tuple(sorted(("1.5", late)))


@pytest.mark.parametrize(
    ("distinct", "rows", "kept"), [(50, 50, True), (51, 51, False), (51, 101, False), (51, 102, True), (60, 600, True)]
)
def test_text_of_many_values_is_carried_and_said_so(distinct, rows, kept, tmp_path):
    cells = [f"name {i % distinct}" for i in range(rows)]
    raw = column(tmp_path, cells)
    assert (raw.columns == ("n", "c")) == kept
    if not kept:
        assert raw.carried["c"].tolist() == cells
        (note,) = raw.notes
        assert "column 'c'" in note
        assert "data.columns: {c: categorical}" in note
        asked = column(tmp_path, cells, kinds=(("c", "categorical"),))
        assert asked.x[:, 1].tolist() == [sorted(set(cells)).index(cell) for cell in cells]


def test_text_of_too_many_values_is_carried_however_long_the_table(tmp_path):
    cells = [f"v{i % 50_001}" for i in range(110_000)]
    assert column(tmp_path, cells).columns == ("n",)
    with pytest.raises(UserError, match="more than 50,000 different values"):
        column(tmp_path, cells, kinds=(("c", "categorical"),))


ASKED = {
    "categorical": (["007", "7", "", "007"], ("007", "7"), [0, 1, NAN, 0]),
    "boolean": (["1", "0", "t", "N", "yes", ""], ("false", "true"), [1, 0, 1, 0, 1, NAN]),
    "numeric": (["1", "none", "2"], (), [1, NAN, 2]),
    "date": (["2020-01-01", "?", "1970-01-01"], (), [when("2020-01-01T00:00Z"), NAN, 0]),
}


@pytest.mark.parametrize("kind", ASKED)
def test_a_kind_that_is_asked_for_wins(kind, tmp_path):
    cells, values, expected = ASKED[kind]
    raw = column(tmp_path, cells, kinds=(("c", kind),))
    assert raw.fields is not None
    assert (raw.fields[1].kind, raw.fields[1].values) == (kind, values)
    np.testing.assert_array_equal(raw.x[:, 1], expected)


@pytest.mark.parametrize(
    ("kind", "cell", "message"),
    [
        ("numeric", "x", "is not a number"), ("boolean", "2", "is not true or false"),
        ("date", "3.4.20", "is not an ISO date"),
    ],
)  # fmt: skip
def test_a_cell_that_is_not_of_the_kind_asked_for_is_named(kind, cell, message, tmp_path):
    with pytest.raises(
        UserError, match=rf"t\.csv:3: row 2, column 'c': '{cell}' {message} \(1 more in this column"
    ) as e:
        column(tmp_path, ["", cell, "", cell], kinds=(("c", kind),))
    assert "row 4: " in str(e.value)


def test_columns_are_dropped_and_carried_on_demand(tmp_path):
    text = "a,b,c,d,e,f\n" + "".join(f"1,{i},0{i},{i}.5,{'true' if i else 'false'},x\n" for i in range(3))
    kinds = tuple({"a": "drop", "b": "carry", "c": "carry", "d": "carry", "e": "carry"}.items())
    raw = table(tmp_path, text, kinds=kinds)
    assert raw.columns == ("f",)
    assert {k: v.tolist() for k, v in raw.carried.items()} == {
        "b": [0, 1, 2], "c": ["00", "01", "02"], "d": [0.5, 1.5, 2.5], "e": [False, True, True],
    }  # fmt: skip
    assert [v.dtype.kind for v in raw.carried.values()] == ["i", "U", "f", "b"]


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "", "2"], "f", [1, NAN, 2]), (["true", ""], "U", ["true", ""]), (["1", "x"], "U", ["1", "x"]),
        (["1", "2.5"], "f", [1, 2.5]), (["NA", "b"], "U", ["NA", "b"]), (["1", "true"], "U", ["1", "true"]),
        (["12345678901234567", ""], "U", ["12345678901234567", ""]), (["12345678901234567"], "i", [12345678901234567]),
        (["1.234567890123456789"], "U", ["1.234567890123456789"]),
    ],
)  # fmt: skip
def test_what_is_carried_keeps_all_that_it_says(cells, kind, values, tmp_path):
    carried = column(tmp_path, cells, kinds=(("c", "carry"),)).carried["c"]
    assert carried.dtype.kind == kind
    np.testing.assert_array_equal(carried, values)


def test_long_text_is_not_carried_nor_a_label(tmp_path):
    cells = ["x" * 1001, "y"]
    raw = column(tmp_path, cells, kinds=(("c", "carry"),))
    assert not raw.carried
    assert "1,001 characters" in raw.notes[0]
    with pytest.raises(UserError, match="the label 'c' has a cell of 1,001 characters"):
        column(tmp_path, cells, label="c")


def test_a_kind_of_a_column_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no column 'colour'\n  did you mean 'color'") as error:
        table(tmp_path, "color,size\nred,1\nblue,2\n", kinds=(("colour", "categorical"),))
    assert error.value.problems[0].key == ("data", "columns", "colour")


def test_a_headless_table_of_text_is_named_by_its_places(tmp_path):
    text = "".join(f"{i}, {'ab'[i % 2]}, y{i % 3}\n" for i in range(40))
    raw = table(tmp_path, text, label=2, kinds=(("0", "categorical"),))
    assert raw.columns == ("0", "1")
    assert raw.fields is not None
    assert raw.fields[1].values == ("a", "b")
    assert raw.labels is not None
    assert raw.labels.tolist()[:3] == ["y0", "y1", "y2"]
    assert raw.first_line is None  # nothing is missing: nobody needs it


ADULT = "39, State-gov, 77516, Bachelors, <=50K\n50, Private, 83311, Bachelors, <=50K\n38, State-gov, 2, HS, >50K\n"
HEADERS = {
    "numbers below names": ("a,b\n1,2\n3,4\n", True, 0),
    "numbers alone": ("1,2\n3,4\n", False, 0),
    "a table of adults": (ADULT, False, 1),
    "the same with names": ("age,class,weight,degree,income\n" + ADULT, True, 0),
    "text below names": ("name,colour\nx,red\ny,red\nz,blue\n", True, 1),
    "text below itself": ("x,red\ny,red\nz,blue\n", False, 1),
    "dates below a date": ("2020-01-01,1\n2020-01-02,2\n", False, 1),
    "dates below a name": ("day,1\n2020-01-01,1\n2020-01-02,2\n", True, 0),
    "numbers below dates": ("who,2020-01-01,2020-01-02\na,1,2\nb,3,4\n", True, 0),
    "booleans below a boolean": ("true,1\nfalse,2\n", False, 1),
    "years above numbers, one name": ("who,2019,2020\na,1,2\nb,3,4\n", True, 1),
    "one name above a number": ("1,b\n2,3\n4,5\n", True, 0),
    "a hole above numbers": (",2\n1,3\n2,4\n", False, 0),
    "one yes and one no": ("a,red\n1,red\n2,blue\n", True, 1),
}


@pytest.mark.parametrize("case", HEADERS)
def test_the_columns_vote_on_the_header(case, tmp_path):
    text, header, notes = HEADERS[case]
    raw = table(tmp_path, text)
    assert len(raw.x) == len(text.splitlines()) - header
    assert len(raw.notes) == notes, raw.notes
    if notes:
        assert f"data.header: {str(not header).lower()}" in raw.notes[0]


@pytest.mark.parametrize("header", [True, False])
def test_the_config_decides_on_the_header(header, tmp_path):
    raw = table(tmp_path, "1,2\n3,4\n", header=header)
    assert raw.columns == (("1", "2") if header else None)
    assert (raw.fields is None) != header
    assert len(raw.x) == 2 - header


def test_names_that_are_known_make_a_header(tmp_path):
    text = "x,red\nx,red\ny,blue\n"
    assert table(tmp_path, text).columns == ("0", "1")
    assert table(tmp_path, text, label="red").columns == ("x",)
    assert table(tmp_path, text, columns=("red", "x"), strict=False).columns == ("red", "x")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", [True, False])
def test_the_mark_between_cells_is_found(mark, header, tmp_path):
    text = "\n".join(mark.join(row) for row in [["a", "b", "c"]] * header + [["1", "2.5", "-3"], ["4", "5", "6"]])
    raw = table(tmp_path, text)
    assert raw.x.tolist() == [[1, 2.5, -3], [4, 5, 6]]
    assert bool(raw.notes) == (mark != ",")


@pytest.mark.parametrize(
    ("lines", "mark"),
    [
        (["a,b", "1;2,3"], ","), (["one", "two"], ","), (["a;b", "1,5;2,5"], ";"), (["1,5;2,5", "2,5;3"], ";"),
        (["text", "hello; world"], ","), (['"a;b",c', '"1;2",3'], ","), (["a;b", "1;2", "3"], ";"), ([], ","),
        (["a,b", "1,2", "3", "4,5"], ","), (["a\tb", "1,2\t3"], "\t"),
        (["1,5;x", "2,5;y"], ";"), (["last, first;n", "1,5;2"], ";"), (["a\tb, c", "x\ty, z", "u\tv"], "\t"),
        (["a|b;c", "1|2;3"], ";"), (["a;b", "x, y;1", "z;2"], ";"), (["€ 1,5;€ 2,5", "€ 3;€ 2,5"], ";"),
        (['"a;b;c",d', '"1;2;3",4'], ","), (["a,b", "x;1,y;2"], ","), (["1,234,567;5", "2,345,678;6"], ";"),
        (["1,234,567.5\t5", "2,345,678.5\t6"], "\t"),
    ],
)  # fmt: skip
def test_which_mark_parts_these_lines(lines, mark):
    assert delimiter_of(lines) == mark


def test_decimal_commas_are_refused_with_a_hint_where_commas_part_cells(tmp_path):
    with pytest.raises(UserError, match=r"'1,5' is not a number.*\n  decimals are written with a point"):
        table(tmp_path, 'a,b\n"1,5",x\n"2,5",y\n')


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz", "t.csv.gz", "T.CSV"])
def test_endings_of_text_tables(name, tmp_path):
    mark = "\t" if "tsv" in name else ","
    data = f"a{mark}b;c\n1{mark}2\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    raw = read(str(tmp_path / name))
    assert raw.columns == ("a", "b;c")
    assert raw.x.tolist() == [[1, 2]]


RUN = {"columns": ("size", "colour"), "kinds": (("size", "numeric"), ("colour", "categorical")), "strict": False}


def test_rows_for_a_run_are_matched_by_name_and_others_carried(tmp_path):
    raw = table(tmp_path, "note,colour,size,n\nhello,red,1,4\nyou,pink,2,5\n", **RUN)
    assert raw.columns == ("size", "colour")
    assert raw.fields is not None
    assert raw.fields[1].values == ("pink", "red")
    assert raw.x.tolist() == [[1, 1], [2, 0]]
    assert {k: v.tolist() for k, v in raw.carried.items()} == {"note": ["hello", "you"], "n": [4, 5]}


def test_rows_for_a_run_that_lack_a_column(tmp_path):
    with pytest.raises(UserError, match="the run's column 'colour' is missing\n  did you mean 'color'"):
        table(tmp_path, "color,size\nred,1\n", **RUN)
    with pytest.raises(
        UserError,
        match=r"row 1, column 'size': 'big' is not a number.*\n  the run was trained on this column as numeric",
    ):
        table(tmp_path, "colour,size\nred,big\nred,big\n", **RUN)


def test_rows_for_a_run_without_names_are_matched_by_place(tmp_path):
    raw = table(tmp_path, "1,red\n2,pink\n3,red\n", **RUN)
    assert raw.columns == ("size", "colour")
    assert raw.x.tolist() == [[1, 1], [2, 0], [3, 1]]
    with pytest.raises(UserError, match="rows have shape 3, but the run was trained on 2"):
        table(tmp_path, "1,red,2\n2,pink,3\n3,red,4\n", **RUN)


def test_an_index_of_pandas_beside_what_a_run_knows(tmp_path):
    raw = table(tmp_path, ",colour,size\n0,red,1\n1,pink,2\n", **RUN)
    assert raw.x.tolist() == [[1, 1], [2, 0]]
    assert raw.carried["0"].tolist() == [0, 1]


def test_a_label_by_index_is_not_a_column_that_the_run_knows(tmp_path):
    raw = table(tmp_path, "a,b,y\n1,2,3\n", columns=("a", "b"), label=0, strict=False)
    assert raw.x.tolist() == [[1, 2]]
    assert raw.labels is None


@pytest.mark.parametrize(
    ("name", "key"), [("size", "size"), ("0", '"0"'), ("a b", '"a b"'), ("no", '"no"'), ('5"', '"5\\""')]
)
def test_hints_give_a_column_as_a_key_of_the_config(name, key):
    assert as_key(name) == key
    assert read_text(f"data: {{columns: {{{key}: drop}}}}", "c.yaml").value == {"data": {"columns": {name: "drop"}}}


@pytest.mark.parametrize("text", ["1_000", "0x1", "١", "x", "1,5", "--1", "1e", "e1"])
def test_what_no_number_is(text):
    assert number(text) is None


@pytest.mark.parametrize("text", ["2020-1-2", "2020-01-02T3:04", "0000-01-01", "20200102", "2020-01-02T25:00", "today"])
def test_what_no_date_is(text):
    assert seconds(text) is None


def test_what_no_boolean_is():
    assert boolean("2") is None
    assert boolean("truth") is None
