"""Rows without a label among labelled ones: in arrays, in tables, in memory and streamed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from aecli.config.problems import Place
from aecli.data.dataset import load
from aecli.data.describe import describe
from aecli.data.labels import as_labels, class_names, labelled, unlabelled
from aecli.data.raw import Want
from aecli.data.spec import Data
from aecli.data.tables.scan import read, scan
from aecli.data.truth import is_anomaly

NAN = float("nan")
CELLS = {
    "numbers": (["1", "", "0", "NA", "1.0"], ["1", "", "0", "", "1"]),
    "numbers and a dash": (["1", "-", "None", "2"], ["1", "", "", "2"]),
    "words": (["a", "?", "none", "nan"], ["a", "", "none", ""]),
    "truth": (["true", "null", "FALSE"], ["True", "", "False"]),
    "nothing": (["", "NA", ""], ["", "", ""]),
    "no hole": (["3", "3.0", "4"], [3, 3, 4]),
    "a dash among words": (["a", "-"], ["a", "-"]),
}


@pytest.mark.parametrize("case", CELLS)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_label_may_be_missing_in_a_table(case, size, tmp_path):
    cells, expected = CELLS[case]
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i}.5,{cell}\n" for i, cell in enumerate(cells)))
    found = scan(str(tmp_path / "t.csv"), Want(label="y"))
    labels = [raw.labels for raw in found.blocks(size)]
    assert np.concatenate(labels).tolist() == expected  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert {part.dtype.kind for part in labels if part is not None} == {"i" if expected == [3, 3, 4] else "U"}
    assert unlabelled(read(str(tmp_path / "t.csv"), Want(label="y")).labels) == expected.count("")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1, None, 0]), ["1", "", "0"]), (pa.array([1.0, NAN, None]), ["1", "", ""]),
        (pa.array([True, None]), ["True", ""]), (pa.array(["a", None, "NA"]), ["a", "", ""]),
        (pa.array([2**60, None]), [str(2**60), ""]), (pa.array([0.5, None]), [0.5, NAN]),
        (pa.array([1.0, 2.0]), [1, 2]),
        (pa.array([None, None], pa.int64()), ["", ""]),
    ],
)  # fmt: skip
def test_a_label_may_be_missing_in_a_typed_table(column, expected, tmp_path):
    pq.write_table(pa.table({"x": np.arange(len(column)) * 1.0, "y": column}), tmp_path / "t.parquet")
    labels = read(str(tmp_path / "t.parquet"), Want(label="y")).labels
    assert labels is not None
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1.0, NAN, 3.0]), ["1", "", "3"]), (np.array([0.5, NAN]), [0.5, NAN]),
        (np.array(["a", "NA", ""]), ["a", "", ""]), (np.array([b"1", b"?"]), ["1", ""]), (np.array([NAN]), [""]),
    ],
)  # fmt: skip
def test_a_label_may_be_missing_in_an_array(values, expected):
    found = as_labels(values, "y", Place("a.npz"))
    np.testing.assert_array_equal(found, expected)
    assert labelled(found).tolist() == [str(v) not in ("", "nan") for v in expected]


def test_classes_are_those_of_labelled_rows():
    assert class_names(np.array(["b", "", "a"]), np.array([NAN, 1.5])) == ("1.5", "a", "b")
    assert class_names(np.array(["", ""])) == ()


def written(tmp_path, n=300):
    """A third normal, a third odd, the rest unlabelled."""
    x = np.random.default_rng(0).normal(size=(n, 2))
    cells = [("normal", "odd", "")[i % 3] for i in range(n)]
    path = tmp_path / "t.csv"
    path.write_text("a,b,y\n" + "".join(f"{a},{b},{cell}\n" for (a, b), cell in zip(x, cells, strict=True)))
    return str(path), np.array(cells)


@pytest.mark.parametrize("residency", ["host", "streamed"])
@pytest.mark.parametrize("classes", [None, ["normal"]])
def test_training_leaves_unlabelled_rows_out_only_where_classes_are_named(residency, classes, tmp_path, monkeypatch):
    monkeypatch.setenv("AECLI_CACHE", str(tmp_path / "cache"))
    path, cells = written(tmp_path)
    dataset = load(
        Data(source=path, label="y", classes=classes, residency=residency, split={"validation": 0.3, "test": 0.2})
    )  # pyright: ignore[reportArgumentType]
    assert dataset.class_names == ("normal", "odd")
    assert dataset.test is not None
    assert dataset.validation is not None
    parts = {name: set(np.asarray(split.labels).tolist()) for name, split in dataset.splits().items()}
    everything = {"normal", "odd", ""}
    assert parts["train"] == parts["validation"] == (everything if classes is None else {"normal"})
    assert parts["test"] == everything
    (note,) = [text for text in dataset.notes if "unlabelled" in text]
    aside = int((cells == "").sum()) - unlabelled(np.asarray(dataset.test.labels))
    left_out = "" if classes is None else f"; data.classes leaves {aside} of them out of train and validation"
    assert note == f"100 of 300 rows are unlabelled{left_out}"


def test_an_unlabelled_row_is_no_known_anomaly(tmp_path):
    path, _ = written(tmp_path)
    spec = Data(source=path, label="y", classes=["normal"])
    test = load(spec).test
    assert test is not None
    truth = is_anomaly(test, spec)
    assert truth is not None
    assert truth.tolist() == [label == "odd" for label in np.asarray(test.labels)]
    binary = Data(source=path, label="y")
    known = is_anomaly(test.take(slice(0, 3)), binary, ("0", "1"))
    assert known is None


def test_the_description_counts_unlabelled_rows(tmp_path):
    path, cells = written(tmp_path)
    found = describe(Data(source=path, label="y"))
    assert sum(found.unlabelled.values()) == (cells == "").sum()
    assert not any("" in counted for counted in found.labels.values())
    assert any("unlabelled)" in line for line in found.lines)
