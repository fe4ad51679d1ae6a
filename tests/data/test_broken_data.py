"""Every way a data file can be broken ends in one clear error with its place, never in a traceback."""

from __future__ import annotations

import gzip
import pickle
import re
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aecli.config.problems import UserError
from aecli.data.dataset import load
from aecli.data.raw import Want
from aecli.data.sources import read
from aecli.data.spec import Data
from tests.data.files import idx_bytes, npy_bytes, npy_header, zip_file

ROWS = np.arange(24.0).reshape(6, 4)


def holed(shape, *holes, value=np.nan):
    x = np.full(shape, 0.5)
    for hole in holes:
        x[hole] = value
    return x


def gz_idx(array, cut=0, shape=None):
    data = gzip.compress(idx_bytes(array, shape))
    return data[: len(data) - cut]


IMAGES = np.zeros((5, 4, 4), np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (50, 8, 8), dtype=np.uint8)

# file name -> content, and what the message must say (a pattern). Rows are counted from 1.
BYTES = {
    "ragged.csv": (b"a,b\n1,2\n3\n5,6\n", r"ragged\.csv:3: row 2 has 1 cells, the header 2"),
    "ragged_headless.csv": (b"1,2\n3,4\n5,6,7\n", r"csv:3: row 3 has 3 cells, the first row 2"),
    "text_cell.csv": (b"a,b\n1,2\n3,x y\n", r"csv:3: row 2, column 'b': 'x y' is not a number"),
    "text_headless.csv": (b"1,2\n3,oops\n", r"csv:2: row 2, column 1: 'oops' is not a number"),
    "inf_cell.csv": (b"a,b\n1,2\n-inf,4\n", r"csv:3: .*row 2, column 'a' is -inf"),
    "two_names.csv": (b"a,b,a\n1,2,3\n", r"csv:1: two columns have one name: 'a'"),
    "no_name.csv": (b",a\n0,1\n1,2\n", r"csv:1: column 0 \(from 0\) has no name"),
    "header_only.csv": (b"a,b\n", r"csv: x has no rows"),
    "empty.csv": (b"", r"csv: the file is empty"),
    "blank.csv": (b"\n\n", r"csv: the file holds no rows"),
    "mixed_marks.csv": (b"1,5;2\n3.5;4\n1,7;4\n", r"csv:2: row 2, column 0: '3.5' is not a number written 1.234,5"),
    "latin1.csv": ("a,ü\n1,2\n".encode("latin-1"), r"csv:1: is no table of comma-separated text: .*utf-8"),
    "binary.csv": (npy_bytes(ROWS), r"csv:\d+: is no table"),
    "quote.csv": (b'a,b\n1,"2\n3,4\n', r"csv:2: a quote is opened in this row, and never closed"),
    "one_row.csv": (b"a,b\n1,2\n", r"of 1 row, .* 0 would be left to train on"),
    "empty.npy": (b"", r"npy: the file is empty"),
    "garbage.npy": (b"not an array at all", r"npy: the file is no \.npy array: the magic string"),
    "pickle.npy": (pickle.dumps([1, 2, 3]), r"npy: the file is no \.npy array.*\n.*pickles are never read"),
    "objects.npy": (
        npy_bytes(np.array([[1], [None]], object)),
        r"npy: the file holds Python objects \(a pickle\)",
    ),
    "complex.npy": (npy_bytes(ROWS * 1j), r"npy: the file holds complex numbers"),
    "records.npy": (
        npy_bytes(np.zeros(3, [("a", "f4"), ("b", "i4")])),
        r"npy: the file holds records \(a, b\)",
    ),
    "dates.npy": (npy_bytes(np.zeros((3, 2), "M8[s]")), r"npy: the file holds dates"),
    "text.npy": (npy_bytes(np.array([["a", "b"]])), r"npy: x holds text"),
    "one_dim.npy": (npy_bytes(np.arange(5.0)), r"npy: x has shape \[5\] \(1-D\)"),
    "scalar.npy": (npy_bytes(np.float64(3)), r"npy: x has shape \[\] \(0-D\)"),
    "five_dim.npy": (npy_bytes(np.zeros((2,) * 5)), r"npy: x has shape \[2, 2, 2, 2, 2\] \(5-D\)"),
    "no_rows.npy": (npy_bytes(np.zeros((0, 4))), r"npy: x has no rows: its shape is \[0, 4\]"),
    "no_columns.npy": (npy_bytes(np.zeros((4, 0))), r"npy: x has no features"),
    "one_row.npy": (npy_bytes(ROWS[:1]), r"of 1 row, .* left to train on"),
    "two_rows.npy": (npy_bytes(ROWS[:2]), r"of 2 rows, with 1 to test on and 1 to validate on, 0 would be left"),
    "nan.npy": (
        npy_bytes(holed((6, 4, 4), (2, 1, 0))),
        r"npy: x: 1 value is not finite: row 3, pixel \(1, 0\), channel 0 is empty or NaN",
    ),
    "nothing.npy": (npy_bytes(np.full((6, 4), np.nan)), r"npy: x holds nothing but holes"),
    "pixels.npy": (npy_bytes(holed((6, 4, 4), (1, 2, 3))), r"row 2, pixel \(2, 3\), channel 0"),
    "many.npy": (npy_bytes(holed((6, 4), slice(2), value=np.inf)), r"x: 8 values .*; and 3 more"),
    "terabytes.npy": (
        npy_header((2**40, 2)),
        r"npy: the header announces 17,592,186,044,416 bytes .*but 0 are",
    ),
    "zero_lie.npy": (
        npy_header((0, 2**70)),
        r"npy: the file announces the shape \[0, 1180591620717411303424\]",
    ),
    "zero_lies.npy": (npy_header((0, 2**40, 2**40)), r"npy: the file announces the shape \[0, 1099511627776"),
    "zero_last.npy": (npy_header((2**40, 0)), r"npy: the file announces the shape \[1099511627776, 0\]"),
    "dimensions.npy": (npy_header((1,) * 100, data=bytes(8)), r"npy: the file announces 100 dimensions"),
    "truth.npy": (npy_header((True, 3), data=bytes(24)), r"npy: the file announces the shape \[True, 3\]"),
    "dimensions-idx1-ubyte": (
        bytes([0, 0, 8, 100]) + struct.pack(">100I", *[1] * 100) + b"x",
        r"ubyte: the header announces 100 dimensions",
    ),
    "zero_lies-idx3-ubyte": (
        bytes([0, 0, 8, 3]) + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1),
        r"ubyte: the header announces the shape \[0, 4294967295, 4294967295\]",
    ),
    "negative.npy": (npy_header((-1, 3)), r"npy: the file announces the shape \[-1, 3\]"),
    "truncated.npy": (npy_bytes(ROWS)[:-5], r"announces 192 bytes of data, but 187 are there"),
    "too_long.npy": (npy_bytes(ROWS) + b"more", r"announces 192 bytes of data, but 196 are there"),
    "header_cut.npy": (npy_bytes(ROWS)[:40], r"npy: the file is no \.npy array"),
    "header_code.npy": (npy_header((2, 2), "__import__"), r"npy: the file is no \.npy array"),
    "empty.npz": (b"", r"npz: the file is empty"),
    "garbage.npz": (b"PK\x03\x04 nothing", r"npz: cannot be unpacked"),
    "text.npz": (b"a,b\n1,2\n", r"npz: cannot be unpacked: File is not a zip file"),
    "empty-ubyte": (b"", r"ubyte: the file is empty"),
    "garbage-ubyte": (b"\x01\x02\x03\x04", r"ubyte: is no IDX file"),
    "short-idx3-ubyte": (b"\0\0\x08\x03\0\0", r"ubyte: ends within its header"),
    "lying-idx3-ubyte": (
        idx_bytes(IMAGES, (2**31, 28, 28)),
        r"announces 1,683,627,180,032 bytes of data, but 80 are",
    ),
    "long-idx3-ubyte": (idx_bytes(IMAGES) + b"x", r"announces 80 bytes of data, but 81 are there"),
    "lying-idx3-ubyte.gz": (gz_idx(IMAGES, shape=(2**31, 28, 28)), r"gz: the header announces .*can hold"),
    "short-idx3-ubyte.gz": (
        gz_idx(IMAGES, shape=(6, 4, 4)),
        r"gz: the header announces 96 bytes .*but 80 are",
    ),
    "long-idx3-ubyte.gz": (gz_idx(IMAGES, shape=(4, 4, 4)), r"gz: more than the 64 bytes"),
    "cut-idx3-ubyte.gz": (gz_idx(NOISE, 400), r"gz: cannot be unpacked: Compressed file ended"),
    "plain-idx3-ubyte.gz": (idx_bytes(IMAGES), r"gz'?: .*[Nn]ot a gzipped file"),
    "flat-idx1-ubyte": (idx_bytes(np.zeros(4, np.uint8)), r"ubyte: x has shape \[4\] \(1-D\)"),
}


@pytest.mark.parametrize("name", BYTES)
def test_a_broken_file_is_one_clear_error(name, tmp_path):
    content, pattern = BYTES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        load(Data(source=str(tmp_path / name)))
    assert re.search(pattern, str(error.value)), str(error.value)
    assert len(error.value.problems) == 1
    assert error.value.problems[0].hint or name.endswith((".gz", ".csv"))


def _bomb(path):
    """640 MiB of zeros claimed by a few kilobytes: more than deflate can hold."""
    zip_file(path, {"x.npy": npy_header((2**18, 5 * 2**9), "|u1", bytes(2**20))})
    data = bytearray(path.read_bytes())
    claimed = 128 + 2**18 * 5 * 2**9
    struct.pack_into("<I", data, 22, claimed)
    central = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, central + 24, claimed)
    path.write_bytes(data)


def _encrypted(path):
    zip_file(path, {"x.npy": npy_bytes(ROWS)})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)


def _flipped(path):
    """One bit of the data is not what was written: only the checksum knows."""
    zip_file(path, {"x.npy": npy_bytes(ROWS)}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") - 3] ^= 1
    path.write_bytes(data)


def _truncated(path):
    np.savez(path, x=ROWS)
    path.write_bytes(path.read_bytes()[:-60])


NPZ = {
    "truncated": (_truncated, r"npz: cannot be unpacked"),
    "a ratio bomb": (_bomb, r"npz: 'x' announces 671,088,768 bytes in .* refused as a decompression bomb"),
    "encrypted": (_encrypted, r"npz: cannot be unpacked: .*encrypted"),
    "a flipped bit": (_flipped, r"npz: cannot be unpacked: Bad CRC-32"),
    "wrong members": (lambda p: zip_file(p, {"a.txt": b"hello"}), r"npz: holds no array \(\.npy\): 'a\.txt'"),
    "a member that is no array": (lambda p: zip_file(p, {"x.npy": b"hello"}), r"npz: 'x' is no \.npy array"),
    "a member cut short": (
        lambda p: zip_file(p, {"x.npy": npy_bytes(ROWS)[:-9]}),
        r"'x' announces 192 .*but 183 are",
    ),
    "a lying member": (
        lambda p: zip_file(p, {"x.npy": npy_header((2**40,))}),
        r"'x' announces 8,796,093,022,208 bytes",
    ),
    "pickled objects": (
        lambda p: np.savez(p, x=np.array([[None]])),
        r"npz: 'x' holds Python objects \(a pickle\)",
    ),
    "pickled labels": (
        lambda p: np.savez(p, x=ROWS, y=np.array([None] * 6)),
        r"npz: 'y' holds Python objects",
    ),
    "no x": (lambda p: np.savez(p, a=ROWS, b=ROWS), r"npz: which of the arrays 'a', 'b' is x\?"),
    "only labels": (lambda p: np.savez(p, y=ROWS), r"npz: which of the arrays 'y' is x\?"),
    "too few labels": (lambda p: np.savez(p, x=ROWS, y=[1, 2]), r"npz: 2 labels for the 6 rows of x"),
    "one-hot labels": (lambda p: np.savez(p, x=ROWS, y=np.eye(6)), r"the labels 'y' have shape \[6, 6\]"),
    "an infinite label": (
        lambda p: np.savez(p, x=ROWS, y=[0, 1, np.inf, 0, 1, 0]),
        r"1 labels are infinite: row 3",
    ),
    "test rows unlike": (
        lambda p: np.savez(p, x_train=ROWS, x_test=ROWS[:, :2]),
        r"the shape of a row differs: \[4\] in x and \[2\] in x_test",
    ),
    "test type unlike": (
        lambda p: np.savez(p, x_train=ROWS.astype(np.uint8), x_test=ROWS),
        r"the type of a row differs: uint8 in x and float64 in x_test",
    ),
    "NaN in the test rows": (
        lambda p: np.savez(p, x_train=ROWS.reshape(-1, 2, 2), x_test=holed((3, 2, 2), (0, 1, 0))),
        r"x_test: 1 value is not finite: row 1, pixel \(1, 0\)",
    ),
}


@pytest.mark.parametrize("case", NPZ)
def test_a_broken_npz_is_one_clear_error(case, tmp_path):
    write, pattern = NPZ[case]
    write(tmp_path / "broken.npz")
    with pytest.raises(UserError) as error:
        load(Data(source=str(tmp_path / "broken.npz")))
    assert re.search(pattern, str(error.value)), str(error.value)
    assert len(error.value.problems) == 1


CONFIGS = {
    "a key that is not there": (
        {"key": "xtrain"},
        r"data\.key: the file has no array 'xtrain'\n.*did you mean 'x_train'",
    ),
    "a label that is not there": ({"label": "z"}, r"data\.label: the file has no array 'z'"),
    "an id that is not there": ({"id": "names"}, r"data\.id: the file has no array 'names'"),
    "an unknown class": (
        {"classes": [0, 7]},
        r"data\.classes: no row of .* has the label '7'\n.*known here: 0, 1",
    ),
    "no classes": ({"classes": []}, r"data\.classes is an empty list"),
    "nothing to train on": (
        {"split": {"validation": 0.5, "test": 0.5}},
        r"of 6 rows, with 3 .* and 3 .*0 would be left",
    ),
    "a class too small": ({"classes": ["5"], "label": "rare"}, r"data\.classes leaves [01] rows to train on"),
    "grey beyond 1": (
        {"binarize": "static", "scale": "none"},
        r"data\.binarize: values must lie in \[0, 1\], but go",
    ),
    "dynamic beyond 1": (
        {"binarize": "dynamic", "scale": "none"},
        r"data\.binarize: values must lie in \[0, 1\]",
    ),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_what_a_config_asks_of_a_sound_file(case, tmp_path):
    fields, pattern = CONFIGS[case]
    np.savez(tmp_path / "sound.npz", x_train=ROWS, y_train=[0, 1, 0, 1, 0, 1], rare=[5, 1, 1, 1, 1, 1])
    with pytest.raises(UserError, match=pattern):
        load(Data.model_validate({"source": str(tmp_path / "sound.npz"), **fields}))


def test_classes_without_labels():
    np.save("x.npy", ROWS)
    with pytest.raises(UserError, match=r"data\.classes is set, but x\.npy has no labels\n  set data\.label"):
        load(Data(source="x.npy", classes=(1,)))


@pytest.mark.parametrize("source", ["x.npy", "digits"])
@pytest.mark.parametrize("word", ["label", "id", "key"])
def test_a_choice_that_a_source_does_not_offer_is_refused(source, word):
    np.save("x.npy", ROWS)
    with pytest.raises(UserError, match=rf"data\.{word} cannot be read here"):
        load(Data.model_validate({"source": source, word: "y"}))


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("tabel.csv", "did you mean 'table.csv'"), ("digit", "did you mean 'digits'"),
        ("x.npx", "named sets are digits"),
        ("nowhere/x.npy", "no folder 'nowhere'"), ("fashion_mnist", "did you mean 'fashion-mnist'"),
    ],
)  # fmt: skip
def test_a_missing_source_has_a_hint_and_no_place(source, hint):
    Path("table.csv").write_text("1,2\n")
    with pytest.raises(UserError) as error:
        load(Data(source=source))
    (problem,) = error.value.problems
    assert problem.message == f"no file '{source}'"
    assert hint in (problem.hint or "")
    assert problem.place is None


def test_a_name_longer_than_any_file_has_is_refused():
    with pytest.raises(UserError, match=r"cannot read 'x+\.csv': File name too long"):
        load(Data(source="x" * 5000 + ".csv"))


@pytest.mark.parametrize("source", ["~nobody-is-called-so/x.csv", "a\0b.csv"])
def test_a_path_that_cannot_be_is_a_missing_file(source):
    with pytest.raises(UserError, match=r"no file '"):
        load(Data(source=source))


def test_other_files_and_folders_are_refused():
    Path("photo.jpg").write_bytes(b"\xff\xd8")
    Path("folder").mkdir()
    with pytest.raises(UserError, match=r"ends like no file that is read here\n  named sets are digits.*\.csv"):
        read("photo.jpg")
    with pytest.raises(UserError, match="the folder 'folder' holds no train-images-idx3-ubyte"):
        read("folder")
    with pytest.raises(UserError, match="neither a file nor a folder"):
        read("/dev/null")


def test_five_problems_of_a_table_are_named_and_the_rest_counted(tmp_path):
    rows = ["a,b"] + ["1"] * 41
    (tmp_path / "bad.csv").write_text("\n".join(rows))
    with pytest.raises(UserError) as error:
        read(str(tmp_path / "bad.csv"))
    messages = [str(p) for p in error.value.problems]
    assert len(messages) == 6
    assert messages[5].endswith("and 36 more")
    assert [p.place.line for p in error.value.problems[:5] if p.place] == [2, 3, 4, 5, 6]


def test_a_column_of_bad_cells_is_one_problem_with_its_count(tmp_path):
    cells = [f"x{i}" if i % 2 else f"{i}" for i in range(80)]
    (tmp_path / "bad.csv").write_text("a,state\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells)))
    with pytest.raises(UserError, match=r"bad\.csv:3: row 2, .*: 'x1' is not a number \(39 more in this col") as error:
        read(str(tmp_path / "bad.csv"))
    assert "data.columns: {state: categorical}" in str(error.value)
    assert len(error.value.problems) == 1


def test_a_row_is_found_behind_quoted_line_breaks_and_blank_lines(tmp_path):
    (tmp_path / "bad.csv").write_text('a,name\n1,"two\nlines"\n\n2,x\nbad,y\n')
    with pytest.raises(UserError, match=r"bad\.csv:6: row 3, column 'a': 'bad' is not a number"):
        read(str(tmp_path / "bad.csv"), Want(id="name"))


SEEDS = {
    ".npy": npy_bytes(ROWS), "-idx3-ubyte": idx_bytes(IMAGES), "-idx3-ubyte.gz": gz_idx(IMAGES),
    ".csv": b'a,b\n1,2\n3,"4"\n', ".npz": None,
}  # fmt: skip


@pytest.mark.parametrize("ending", SEEDS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
    cut=st.floats(0, 1) | st.just(1.0),
)
@example(flips=[], cut=0.0)
def test_random_damage_is_read_or_refused_but_never_breaks(ending, flips, cut, tmp_path):
    path = tmp_path / f"x{ending}"
    seed = SEEDS[ending]
    if seed is None:
        np.savez_compressed(path, x=ROWS, y=np.arange(6))
        seed = path.read_bytes()
    data = bytearray(seed)
    for where, value in flips:
        data[min(int(where * len(data)), len(data) - 1)] = value
    path.write_bytes(data[: int(cut * len(data))])
    with suppress(UserError):
        read(str(path))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.text(alphabet="{}()[]'\":, <>f8iOUdescrshapofnTulL0123456789-\n\\\0", max_size=200))
@example(header="(" * 9000)
@example(header="{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}")
def test_any_npy_header_is_read_or_refused(header, tmp_path):
    text = header.encode()
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
    with pytest.raises(UserError):
        read(str(tmp_path / "x.npy"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("a photo.JPG", ".*or of pictures: put this one into a folder"), ("sheet.xlsx", "save the sheet as .csv")],
)
def test_a_file_that_is_nearly_read_says_how(name, hint, tmp_path):
    (tmp_path / name).write_bytes(b"\x00")
    with pytest.raises(UserError, match=rf"ends like no file that is read here\n  {hint}"):
        read(str(tmp_path / name))
