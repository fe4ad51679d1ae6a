"""Numbers and dates as people write them, in files, in blocks of any size, and for a run."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from aecli.config.problems import UserError
from aecli.data.dataset import load, read_rows, row_blocks
from aecli.data.describe import describe
from aecli.data.features import Features
from aecli.data.raw import Want
from aecli.data.spec import Data
from aecli.data.tables.scan import read, scan
from aecli.data.tables.styles import Style, reader, styles

UNITS = ("", "$", "€", "EUR", "%")
DECIMALS = st.decimals(min_value=-(10**11), max_value=10**11, allow_nan=False, places=3)


def written(value, mark: str, unit: str, before: bool, brackets: bool) -> str:
    """A number as a person may write it."""
    text = f"{abs(value):,}"
    text = text.translate(str.maketrans(",.", ".,")) if mark == "," else text
    before = before and unit != "%"
    text = f"{unit}{text}" if before else f"{text} {unit}" if unit else text
    negative = math.copysign(1, float(value)) < 0
    return (f"({text})" if brackets else f"-{text}") if negative else text


@settings(max_examples=300)
@given(DECIMALS, st.sampled_from(".,"), st.sampled_from(UNITS), st.booleans(), st.booleans())
def test_a_number_in_any_style_is_read_back_exactly(value, mark, unit, before, brackets):
    text = written(value, mark, unit, before, brackets)
    assert reader(Style("numeric", mark + unit))(text) == float(value)
    assert Style("numeric", mark + unit) in styles(text, comma=True)


@settings(max_examples=200)
@given(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 1, 1)), st.sampled_from(["d/m/y", "m/d/y", "d.m.y"]), st.booleans()
)
def test_a_date_in_any_style_is_read_back_exactly(when, order, short):
    when = when.replace(second=0, microsecond=0)
    parts = {letter: f"{number:{'' if short else '02'}}" for letter, number in (("d", when.day), ("m", when.month))}
    text = "".join(parts.get(c, f"{when.year:04}" if c == "y" else c) for c in order) + f" {when:%H:%M}"
    expected = (when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    assert reader(Style("date", order))(text) == expected


@pytest.mark.parametrize(
    "text",
    ["1,23", "1,2345", ",123", "0,123", "1,234,56", "--1,234", "$-$5", "$5€", "(5", "5)", "(-5)", "%5", "5%%",
     "1.234.567", "1,234.5.6", "$", "()", "1,234x", "12/13/20", "a"],
)  # fmt: skip
def test_what_is_no_number_with_points_for_decimals(text):
    assert not [style for style in styles(text, comma=False) if style.kind == "numeric"]


def day(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


COMMA, SEMI = ",", ";"
NAN = float("nan")
FILES = {
    "thousands": (COMMA, ['"1,234,567"', "89", '"-1,000.5"', ""], Style("numeric", "."), [1234567, 89, -1000.5, NAN]),
    "dollars": (COMMA, ['"$1,234.50"', "$5", '"($1,200)"', "-"], Style("numeric", ".$"), [1234.5, 5, -1200, NAN]),
    "euros": (COMMA, ["€ 12", "12 €", "€0.5", "NA"], Style("numeric", ".€"), [12, 12, 0.5, NAN]),
    "brackets": (COMMA, ['"(1,200)"', "7", "(3)", "8"], Style("numeric", "."), [-1200, 7, -3, 8]),
    "percent": (COMMA, ["12%", "-0.5 %", "100%", "?"], Style("numeric", ".%"), [12, -0.5, 100, NAN]),
    "decimal commas": (SEMI, ["1,5", "1.234,5", "7", ""], Style("numeric", ","), [1.5, 1234.5, 7, NAN]),
    "decimal commas in tabs": ("\t", ["1,5", "2", "1e3", "-2,5"], Style("numeric", ","), [1.5, 2, 1000, -2.5]),
    "euros and commas": ("|", ["12,50 €", "€ 1.000", "-3 €", "4 €"], Style("numeric", ",€"), [12.5, 1000, -3, 4]),
    "points after all": (SEMI, ["1.234", "2.5", "1", "2"], Style("numeric"), [1.234, 2.5, 1, 2]),
    "percent in semicolons": (SEMI, ["1%", "20%", "3%", ""], Style("numeric", ",%"), [1, 20, 3, NAN]),
    "decimals or thousands": (SEMI, ["1,234", "2", "3", "1"], Style("numeric", ","), [1.234, 2, 3, 1]),
    "thousands in semicolons": (SEMI, ["1,234.5", "2", "3", "1"], Style("numeric", "."), [1234.5, 2, 3, 1]),
    "day first": (COMMA, ["01/02/2020", "13/02/2020", "", "1/1/2021"], Style("date", "d/m/y"),
                  [day("2020-02-01"), day("2020-02-13"), NAN, day("2021-01-01")]),
    "month first": (COMMA, ["01/02/2020", "02/13/2020", "1/1/2021 10:30", "-"], Style("date", "m/d/y"),
                    [day("2020-01-02"), day("2020-02-13"), day("2021-01-01T10:30"), NAN]),
    "points between": (COMMA, ["01.02.2020", "3.4.2020", "", ""], Style("date", "d.m.y"),
                       [day("2020-02-01"), day("2020-04-03"), NAN, NAN]),
    "ambiguous dates": (COMMA, ["01/02/2020", "3/4/2020", "", ""], Style("date", "m/d/y"),
                        [day("2020-01-02"), day("2020-03-04"), NAN, NAN]),
    "zones": (COMMA, ["2020-01-02T03:04Z", "2020-01-02T03:04+02:00", "", ""], Style("date"),
              [day("2020-01-02T03:04"), day("2020-01-02T01:04"), NAN, NAN]),
}  # fmt: skip
NOTED = {
    "decimals or thousands": "is read as 1.234,5; its cells could be 1,234.5, too",
    "ambiguous dates": "is read as mm/dd/yyyy; its cells could be dd/mm/yyyy, too",
}


@pytest.mark.parametrize("many", [1, 700], ids=["few rows", "many rows"])
@pytest.mark.parametrize("case", FILES)
def test_each_style_as_a_file(case, many, tmp_path):
    mark, cells, style, expected = FILES[case]
    path = tmp_path / "t.csv"
    path.write_text(f"n{mark}c\n" + "".join(f"{i}{mark}{cell}\n" for i, cell in enumerate(cells * many)))
    raw = read(str(path), Want())
    assert raw.fields is not None
    assert (raw.fields[1].kind, raw.fields[1].format) == style
    np.testing.assert_array_equal(raw.x[:, 1], np.tile(expected, many))
    said = [note for note in raw.notes if "could be" in note]
    assert said == ([f"column 'c' {NOTED[case]}"] if case in NOTED else [])
    assert any("parted by" in note for note in raw.notes) == (mark != COMMA)
    blocks = np.concatenate([block.x for block in scan(str(path)).blocks(3)])
    np.testing.assert_array_equal(blocks, raw.x)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(cells=["1", "2", "1,5"], step=1)
@example(cells=["1.234", "2", "1,5", "x", "x", "x", "x"], step=1)
@given(
    cells=st.lists(
        st.sampled_from(
            ["1", "2.5", "1.234", "1,5", "1.234,5", "$5", "5 €", "7%", "01/02/2020", "13/02/2020", "x", "", "-"]
        ),
        min_size=1, max_size=12,
    ),
    step=st.integers(1, 5),
)  # fmt: skip
@pytest.mark.parametrize("comma", [False, True])
def test_what_a_column_is_does_not_depend_on_the_batches(comma, cells, step):
    from aecli.data.tables.evidence import Evidence

    found = []
    for size in (step, len(cells)):
        evidence = Evidence(comma=comma)
        for start in range(0, len(cells), size):
            evidence.add(pa.array(cells[start : start + size], pa.string()), start)
        found.append(evidence.finding("c", len(cells)))
    assert found[0] == found[1]


MIXED = {
    "currencies": ("n,c\n1,$5\n2,$6\n3,€7\n", r"csv:4: row 3, column 'c': '€7' is not a number written \$1,234\.5\n"),
    "marks": ("n;c\n1;1,5\n2;2,5\n3;1.5\n", r"csv:4: row 3, column 'c': '1\.5' is not a number written 1\.234,5\n"),
    "no percent": ("n,c\n1,5%\n2,6%\n3,7\n", r"csv:4: row 3, column 'c': '7' is not a number written 12\.5%.*\n"),
    "days": ("n,c\n1,13/02/2020\n2,14/02/2020\n3,02/15/2020\n", r"'02/15/2020' is not a date written dd/mm/yyyy\n"),
    "a word": ('n,c\n1,"1,000"\n2,"2,000"\n3,many\n', r"'many' is not a number written 1,234\.5\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", MIXED)
def test_mixed_styles_are_refused_where_they_stand(case, tmp_path):
    text, pattern = MIXED[case]
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=pattern) as error:
        read(str(tmp_path / "t.csv"), Want())
    assert ("write all cells of the column alike" in str(error.value)) == (case != "a word")
    kinds = (("c", "categorical"),)
    assert read(str(tmp_path / "t.csv"), Want(kinds=kinds)).x.shape == (3, 2)


def fitted(tmp_path, cells: list[str]) -> tuple[Features, Data]:
    path = tmp_path / "train.csv"
    path.write_text("n;c;k\n" + "".join(f"{i};{cells[i % len(cells)]};{i % 3}\n" for i in range(60)))
    spec = Data(source=str(path), columns={"k": "categorical"})
    features = load(spec).features
    return Features.from_dict(features.to_dict()), spec


def test_a_run_reads_later_rows_in_the_style_of_its_training(tmp_path, monkeypatch):
    monkeypatch.setenv("AECLI_CACHE", str(tmp_path / "cache"))
    features, spec = fitted(tmp_path, ["1,5", "1.234,5", "7"])
    new = tmp_path / "new.csv"
    new.write_text("n;c;k\n1;1.234;2.0\n2;5;1.0\n")
    whole = read_rows(str(new), features, spec)
    np.testing.assert_allclose(features.inverse(whole.x)[:, 1], [1234, 5], rtol=1e-5)
    assert whole.x[:, 2].tolist() == [3, 2]
    parts = [part.x for part in row_blocks(str(new), features, spec, 1)]
    np.testing.assert_array_equal(np.concatenate(parts), whole.x)
    streamed = read_rows(str(new), features, spec.model_copy(update={"residency": "streamed"}))
    np.testing.assert_array_equal(np.asarray(streamed.x[:]), whole.x)
    new.write_text("n;c;k\n1;1.5;0\n")
    with pytest.raises(UserError, match=r"new\.csv:2: row 1, column 'c': '1\.5' is not .*\n.*written 1\.234,5"):
        read_rows(str(new), features, spec)


def test_a_run_of_plain_numbers_takes_no_other_style(tmp_path):
    features, spec = fitted(tmp_path, ["1.5", "2"])
    (tmp_path / "new.csv").write_text('n,c,k\n1,"1,234",0\n')
    with pytest.raises(UserError, match=r"'1,234' is not a number\n  the run was trained on this column as numeric"):
        read_rows(str(tmp_path / "new.csv"), features, spec)


def test_numbers_that_are_categories_are_one_however_written(tmp_path):
    (tmp_path / "t.csv").write_text("n,c\n1,3\n2,3.0\n3,4.5\n4,-1.00\n5,\n")
    raw = read(str(tmp_path / "t.csv"), Want(kinds=(("c", "categorical"),)))
    assert raw.fields is not None
    assert raw.fields[1].values == ("-1", "3", "4.5")
    np.testing.assert_array_equal(raw.x[:, 1], [1, 1, 2, 0, NAN])
    (tmp_path / "t.csv").write_text("n,c\n1,3\n2,3.0\n3,x\n")
    raw = read(str(tmp_path / "t.csv"), Want(kinds=(("c", "categorical"),)))
    assert raw.fields is not None
    assert raw.fields[1].values == ("3", "3.0", "x")


def test_styled_numbers_without_a_header_keep_their_style(tmp_path):
    (tmp_path / "t.csv").write_text("1,5;2\n2,5;3\n")
    raw = read(str(tmp_path / "t.csv"), Want())
    assert raw.x.tolist() == [[1.5, 2], [2.5, 3]]
    assert raw.fields is not None
    assert [f.format for f in raw.fields] == [",", ","]


HABITS = {  # a file, how its first column is read, and whether another reading is named
    "thousands beside decimal commas": ("c;d\n1.234;1,5\n7.500;2\n", ",", [1234, 7500], True),
    "whole numbers beside decimal commas": ("c;d\n1;1,5\n7;2\n", ",", [1, 7], False),
    "thousands beside decimal points": ("c;d\n1,234;1.5\n7,500;2\n", ".", [1234, 7500], True),
    "three decimals beside decimal points": ("c;d\n1.234;1.5\n7.500;2\n", "", [1.234, 7.5], False),
    "nothing beside": ("c;d\n1.234;1\n7.500;2\n", "", [1.234, 7.5], True),
    "both beside": ("c;d;e\n1.234;1,5;1.5\n7.500;2;2\n", "", [1.234, 7.5], True),
    "a point after many rows": ("c;d\n" + "5;6\n" * 1200 + "1.234;6\n", "", [5] * 1200 + [1.234], True),
    "commas after many rows": ("c;d\n" + "5;6\n" * 1200 + "1.234;6,5\n", ",", [5] * 1200 + [1234], True),
    "days beside": ("c;d\n01/02/2020;13/02/2020\n", "d/m/y", [day("2020-02-01")], True),
    "both orders beside": ("c;d;e\n01/02/2020;13/02/2020;02/13/2020\n", "m/d/y", [day("2020-01-02")], True),
}


@pytest.mark.parametrize("case", HABITS)
def test_a_file_has_one_decimal_mark_and_one_order_of_days(case, tmp_path):
    text, style, expected, told = HABITS[case]
    (tmp_path / "t.csv").write_text(text)
    raw = read(str(tmp_path / "t.csv"), Want())
    assert raw.x[:, 0].tolist() == expected
    assert (raw.fields[0].format if raw.fields else "") == style
    assert any("column 'c' is read as" in note for note in raw.notes) == told
    blocks = [block.x for block in scan(str(tmp_path / "t.csv")).blocks(100)]
    np.testing.assert_array_equal(np.concatenate(blocks), raw.x)


def test_whole_numbers_of_training_are_thousands_later(tmp_path):
    features, spec = fitted(tmp_path, ["1,5", "2"])
    (tmp_path / "new.csv").write_text("n;c;k\n1.234;1,5;0\n")
    rows = read_rows(str(tmp_path / "new.csv"), features, spec)
    np.testing.assert_allclose(features.inverse(rows.x)[:, 0], [1234], rtol=1e-6)


def test_text_of_a_typed_table_may_have_thousands(tmp_path):
    pq.write_table(pa.table({"c": ["1,234", "5", None]}), tmp_path / "t.parquet")
    np.testing.assert_array_equal(read(str(tmp_path / "t.parquet"), Want()).x[:, 0], [1234, 5, NAN])


def test_the_description_says_how_columns_are_written(tmp_path):
    (tmp_path / "t.csv").write_text("n,c\n" + "".join(f"{i},{i}%\n" for i in range(30)))
    lines = describe(Data(source=str(tmp_path / "t.csv"))).lines
    assert "  c: numeric, written 12.5%, which is 12.5" in lines
