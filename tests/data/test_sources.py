"""What the readers make of sound files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aecli.config.problems import Place, UserError
from aecli.data.raw import Raw, Want
from aecli.data.sources import read
from aecli.data.sources.buffers import check_ratio
from tests.data.files import IDX_TYPES, idx_bytes, mnist_folder, npy_bytes, zip_file

calm = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
numbers = (
    hnp.integer_dtypes()
    | hnp.unsigned_integer_dtypes()
    | hnp.floating_dtypes(sizes=(16, 32, 64))
    | hnp.boolean_dtypes()
)
arrays = numbers.flatmap(lambda t: hnp.arrays(t, hnp.array_shapes(min_dims=2, max_dims=4, max_side=5)))


def same(raw: Raw, x: np.ndarray):
    x = x[..., None] if x.ndim == 3 else x
    assert raw.x.dtype == x.dtype.newbyteorder("=")
    assert np.array_equal(raw.x, x, equal_nan=x.dtype.kind == "f")


@calm
@given(x=arrays, fortran=st.booleans())
def test_npy_round_trip(x, fortran, tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(x) if fortran else x)
    same(read(str(tmp_path / "x.npy")), x)


@calm
@given(x=arrays, packed=st.booleans())
def test_npz_round_trip(x, packed, tmp_path):
    (np.savez_compressed if packed else np.savez)(tmp_path / "x.npz", whatever=x)
    same(read(str(tmp_path / "x.npz")), x)


@pytest.mark.parametrize("kind", IDX_TYPES)
def test_idx_round_trip(kind, tmp_path):
    x = np.arange(60).reshape(3, 4, 5).astype(kind)
    (tmp_path / "some-idx3-ubyte").write_bytes(idx_bytes(x))
    same(read(str(tmp_path / "some-idx3-ubyte")), x)


cells = st.floats(allow_nan=False, width=64) | st.integers(-(10**12), 10**12).map(float)


@calm
@given(
    x=hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=cells),
    header=st.booleans(), bom=st.booleans(), crlf=st.booleans(), quoted=st.booleans(), last=st.booleans(),
)  # fmt: skip
def test_csv_round_trip(x, header, bom, crlf, quoted, last, tmp_path):
    names = tuple(f"column {j}" for j in range(x.shape[1]))
    rows = ([names] if header else []) + [[repr(float(v)) for v in row] for row in x]
    end = "\r\n" if crlf else "\n"
    text = end.join(",".join(f'"{c}"' if quoted else c for c in row) for row in rows) + end * last
    (tmp_path / "x.csv").write_bytes(text.encode("utf-8-sig" if bom else "utf-8"))
    raw = read(str(tmp_path / "x.csv"))
    assert np.array_equal(raw.x, x)
    assert raw.columns == (names if header else None)


def csv(tmp_path: Path, text: str, **want) -> Raw:
    (tmp_path / "t.csv").write_text(text)
    return read(str(tmp_path / "t.csv"), Want(**want))


def test_labels_and_ids_of_a_csv_by_name(tmp_path):
    raw = csv(tmp_path, 'a,kind,b,who\n1,"x, y",2,007\n3,z,4,NA\n', label="kind", id="who")
    assert raw.x.tolist() == [[1, 2], [3, 4]]
    assert raw.columns == ("a", "b")
    assert raw.labels is not None
    assert raw.ids is not None
    assert raw.labels.tolist() == ["x, y", "z"]
    assert raw.ids.tolist() == ["007", "NA"]


def test_labels_of_a_headless_csv_by_index_may_be_text(tmp_path):
    raw = csv(tmp_path, "5.1,3.5,setosa\n4.9,3.0,virginica\n", label=2)
    assert raw.x.shape == (2, 2)
    assert raw.columns is None
    assert raw.labels is not None
    assert raw.labels.tolist() == ["setosa", "virginica"]


@pytest.mark.parametrize(
    ("text", "values", "kind"),
    [
        (["0", "1", "2"], [0, 1, 2], "i"), (["1.0", "2.0", "2.0"], [1, 2, 2], "i"),
        (["true", "False", "TRUE"], [True, False, True], "b"), (["0.5", "1", "2"], ["0.5", "1", "2"], "U"),
        (["a", "1", " b"], ["a", "1", "b"], "U"), (["1_0", "2", "3"], ["1_0", "2", "3"], "U"),
        (["inf", "2", "3"], ["inf", "2", "3"], "U"),
    ],
)  # fmt: skip
def test_labels_are_integers_booleans_or_text(text, values, kind, tmp_path):
    labels = csv(tmp_path, "a,y\n" + "".join(f"1,{t}\n" for t in text), label="y").labels
    assert labels is not None
    assert labels.tolist() == values
    assert labels.dtype.kind == kind


@pytest.mark.parametrize(
    ("keys", "want", "x", "y", "test"),
    [
        (["x_train", "y_train", "x_test", "y_test"], {}, "x_train", "y_train", ("x_test", "y_test")),
        (["x_test", "x_train"], {}, "x_train", None, ("x_test", None)),
        (["x_train", "y"], {}, "x_train", "y", None),
        (["X", "y"], {}, "X", "y", None),
        (["x", "X"], {}, "x", None, None),
        (["data", "y"], {}, "data", "y", None),
        (["data", "kind"], {"label": "kind"}, "data", "kind", None),
        (["a", "b", "y"], {"key": "b"}, "b", "y", None),
        (["x_train", "k_train", "x_test", "k_test"], {"label": "k_train"}, "x_train", "k_train",
         ("x_test", "k_test")),
        (["x", "y"], {"key": "gone", "label": "gone", "strict": False}, "x", "y", None),
    ],
)  # fmt: skip
def test_which_array_of_an_npz_is_which(keys, want, x, y, test, tmp_path):
    """Every array has its own number; rows are 2-D unless the key is that of labels."""
    values = {key: np.full((4, 2) if key[0] in "xXdab" else 4, i) for i, key in enumerate(keys)}
    np.savez(tmp_path / "t.npz", **values)
    raw = read(str(tmp_path / "t.npz"), Want(**want))
    assert raw.x[0, 0] == keys.index(x)
    assert (None if raw.labels is None else keys[raw.labels[0]]) == y
    given_test = raw.given_test
    assert (given_test is None) == (test is None)
    if given_test is not None and test is not None:
        assert keys[int(given_test.x[0, 0])] == test[0]
        assert (None if given_test.labels is None else keys[given_test.labels[0]]) == test[1]


def test_ids_and_text_labels_of_an_npz(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.eye(2), who=np.array([7, 8]), y=np.array([b"a", b"b"]))
    raw = read(str(tmp_path / "t.npz"), Want(id="who"))
    assert raw.ids is not None
    assert raw.labels is not None
    assert (raw.ids.tolist(), raw.labels.tolist()) == (["7", "8"], ["a", "b"])


def test_two_members_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("x.npy", npy_bytes(np.eye(2)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.npy", npy_bytes(np.eye(2)))
    with pytest.raises(UserError, match="two arrays of one name"):
        read(str(tmp_path / "t.npz"))


def test_a_large_member_with_a_suspicious_ratio_is_refused():
    check_ratio(2**30, 2**21, "'x'", Place("x.npz"))
    check_ratio(2**20 * 1001, 2**20, "'x'", Place("x.npz"))
    with pytest.raises(UserError, match="decompression bomb"):
        check_ratio(2**21 * 1001, 2**21, "'x'", Place("x.npz"))


def test_other_members_of_an_npz_are_left_alone(tmp_path):
    zip_file(tmp_path / "t.npz", {"readme.txt": b"hello", "x.npy": npy_bytes(np.eye(3)), "extra.npy": b"broken"})
    assert read(str(tmp_path / "t.npz")).x.shape == (3, 3)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_named_sets_are_found_in_each_place(name, packed, tmp_path, monkeypatch):
    arrays = mnist_folder(tmp_path / name, packed=packed)
    monkeypatch.setenv("AECLI_DATA", str(tmp_path))
    raw = read(name)
    assert (raw.file, len(raw.files)) == (str(tmp_path / name), 4)
    assert (raw.kind, raw.divisor) == ("image", 255)
    assert np.array_equal(raw.x[..., 0], arrays["train-images-idx3"])
    assert raw.given_test is not None
    assert raw.given_test.labels is not None
    assert raw.given_test.labels.tolist() == arrays["t10k-labels-idx1"].tolist()
    for folder in (Path(name), Path(".data", name)):  # each comes before the last
        mnist_folder(folder)
        assert Path(read(name).file) == folder


def test_mnist_as_an_npz():
    Path("mnist").mkdir()
    np.savez("mnist/mnist.npz", x_train=np.zeros((5, 3, 3), np.uint8), y_train=np.arange(5))
    assert read("mnist").x.shape == (5, 3, 3, 1)


def test_a_named_set_that_is_nowhere_names_every_place(monkeypatch):
    monkeypatch.setenv("AECLI_DATA", "shared")
    with pytest.raises(UserError, match=r"no copy of mnist in '\.data/mnist', 'mnist', 'shared/mnist'\n  put the four"):
        read("mnist")
    monkeypatch.setattr("aecli.data.sources.mnist.PACKAGED", {"fashion-mnist": (Path("packaged"),)})
    with pytest.raises(UserError, match=r"'shared/fashion-mnist', 'packaged'\n.*Debian package dataset-fashion-mnist"):
        read("fashion-mnist")


def test_one_idx_file_takes_the_labels_beside_it(tmp_path):
    mnist_folder(tmp_path)
    raw = read(str(tmp_path / "t10k-images-idx3-ubyte.gz"))
    assert raw.labels is not None
    assert raw.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_links_of_a_folder_of_idx_files_lead_nowhere_else(tmp_path):
    mnist_folder(tmp_path / "secret")
    folder = tmp_path / "given"
    folder.mkdir()
    for path in (tmp_path / "secret").iterdir():
        (folder / path.name).symlink_to(path)
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz is a link that leads out of the folder"):
        read(str(folder))
    mnist_folder(folder / "own")
    (folder / "own" / "t10k-labels-idx1-ubyte.gz").unlink()
    (folder / "own" / "t10k-labels-idx1-ubyte.gz").symlink_to(tmp_path / "secret" / "t10k-labels-idx1-ubyte.gz")
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte\.gz is a link that leads out"):
        read(str(folder / "own"))
    assert read(str(folder / "own" / "t10k-images-idx3-ubyte.gz")).labels is None
    assert read(str(folder / "t10k-images-idx3-ubyte.gz")).labels is not None  # links that were named, to one folder
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    assert len(read(str(tmp_path / "link")).x) == 20


def test_digits_are_the_bundled_ones():
    from sklearn.datasets import load_digits

    raw = read("digits")
    assert np.array_equal(raw.x[..., 0] / raw.divisor, load_digits().images / 16)
    assert raw.x.shape == (1797, 8, 8, 1)
