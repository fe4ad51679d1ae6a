"""HDF5 and AnnData files: what is read of sound ones, and what is refused."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from aecli.config.problems import UserError
from aecli.data.faults import problems
from aecli.data.raw import Want
from aecli.data.sources import read

calm = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
X = np.arange(12.0).reshape(4, 3)
TEXT = h5py.string_dtype()


def h5(name: str = "x.h5", **sets: Any) -> str:
    with h5py.File(name, "w") as file:
        for key, value in sets.items():
            file.create_dataset(key.replace("__", "/"), data=value)
    return name


numbers = hnp.integer_dtypes() | hnp.unsigned_integer_dtypes() | hnp.floating_dtypes(sizes=(16, 32, 64))


@calm
@given(
    x=numbers.flatmap(lambda t: hnp.arrays(t, hnp.array_shapes(min_dims=2, max_dims=4, max_side=5))),
    packed=st.booleans(),
)  # fmt: skip
def test_round_trip(x, packed, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("some/where", data=x, **({"compression": "gzip", "shuffle": True} if packed else {}))
    raw = read(str(tmp_path / "x.h5"))
    expected = x[..., None] if x.ndim == 3 else x
    assert raw.x.dtype == x.dtype.newbyteorder("=")
    assert np.array_equal(raw.x, expected, equal_nan=x.dtype.kind == "f")
    assert raw.kind == ("image" if x.ndim > 2 or x.dtype == np.uint8 else "table")


def test_x_labels_ids_and_given_test_by_their_names():
    names = np.array(["a", "b", "c", "d"], dtype=object)
    with h5py.File("x.hdf5", "w") as file:
        file["x_train"], file["x_test"] = X, X[:2] + 1
        file["y_train"], file["y_test"] = np.array([0, 1, 1, 0]), np.array([[1], [0]])
        file.create_dataset("ids_train", data=names, dtype=TEXT)
        file.create_dataset("ids_test", data=np.array([b"e", b"f"]))
    raw = read("x.hdf5", Want(id="ids_train"))
    assert raw.labels is not None
    assert raw.ids is not None
    assert raw.given_test is not None
    assert raw.given_test.labels is not None
    assert raw.given_test.ids is not None
    assert np.array_equal(raw.x, X)
    assert raw.labels.tolist() == [0, 1, 1, 0]
    assert raw.ids.tolist() == ["a", "b", "c", "d"]
    assert np.array_equal(raw.given_test.x, X[:2] + 1)
    assert raw.given_test.labels.tolist() == [1, 0]
    assert raw.given_test.ids.tolist() == ["e", "f"]


@pytest.mark.parametrize(("sets", "key"), [
    ({"X": X, "other": X + 1}, "X"), ({"x": X, "other": X + 1}, "x"),
    ({"group__deep": X, "y": [0, 1, 2, 3]}, "group/deep"),
    ({"a": [1.0, 2.0], "b": X, "labels": [0, 1, 2, 3]}, "b"),
])  # fmt: skip
def test_which_data_set_is_x(sets, key):
    raw = read(h5(**sets))
    assert np.array_equal(raw.x, X)
    if "labels" in sets or "y" in sets:
        assert raw.labels is not None
        assert raw.labels.tolist() == [0, 1, 2, 3]
    assert np.array_equal(read(h5(**sets), Want(key=key)).x, X)
    assert np.array_equal(read(h5(**sets), Want(key=f"/{key}")).x, X)


def test_text_labels():
    with h5py.File("x.h5", "w") as file:
        file["x"] = X
        file.create_dataset("kind", data=np.array(["ä", "b", "ä", ""], dtype=object), dtype=TEXT)
    raw = read("x.h5", Want(label="kind"))
    assert raw.labels is not None
    assert raw.labels.tolist() == ["ä", "b", "ä", ""]
    assert not problems(raw)


CHOICES: dict[str, tuple[dict[str, Any], Want, str]] = {
    "two": ({"a": X, "b": X}, Want(), r"which of the data sets 'a', 'b' is x\?"),
    "none wide": ({"a": [1.0]}, Want(), r"which of the data sets 'a' is x\?"),
    "nothing": ({}, Want(), "holds no data set"),
    "no key": ({"data": X}, Want(key="dat"), "data.key: the file has no array 'dat'\n  did you mean 'data'"),
    "no label": ({"x": X}, Want(label="y"), "data.label: the file has no array 'y'"),
    "text": ({"x": np.array([b"a"])}, Want(), r"x holds text, not real numbers|'x' is text"),
    "complex": ({"x": X + 1j}, Want(), "'x' holds complex numbers, not real numbers"),
    "records": ({"x": np.zeros(3, [("a", "f4")])}, Want(), r"'x' holds records \(a\)"),
    "scalar": ({"x": 3.0}, Want(), r"x has shape \[\] \(0-D\)"),
    "no shape": ({"x": h5py.Empty("f4")}, Want(), "'x' is empty: it has no shape"),
    "long text": ({"x": X, "y": ["a" * 5000, "b", "c", "d"]}, Want(), "'y' holds a text of 5,000 characters"),
}


@pytest.mark.parametrize("name", CHOICES)
def test_what_cannot_be_rows_is_refused(name):
    sets, want, said = CHOICES[name]
    with pytest.raises(UserError, match=said):
        read(h5(**sets), want)


def test_a_label_that_a_run_knows_may_be_missing():
    assert read(h5(x=X), Want(label="y", id="i", key="z", strict=False)).labels is None


def test_links_and_other_files_are_refused():
    h5("other.h5", x=X)
    X.tofile("raw.bin")
    with h5py.File("x.h5", "w") as file:
        file["own"] = X
        file["far"] = h5py.ExternalLink("other.h5", "/x")
        file["soft"] = h5py.SoftLink("/own")
    assert np.array_equal(read("x.h5").x, X)  # the links are none of its data sets
    for key, target in (("far", "/x"), ("soft", "/own")):
        with pytest.raises(UserError, match=rf"data\.key: '{key}' is a link, and links are not followed\n.*'{target}'"):
            read("x.h5", Want(key=key))
    with pytest.raises(UserError, match="has no array 'far/x'"):
        read("x.h5", Want(key="far/x"))
    with h5py.File("external.h5", "w") as file:
        file.create_dataset("x", (4, 3), "f8", external=[(str(Path("raw.bin").resolve()), 0, 96)])
    layout = h5py.VirtualLayout((4, 3), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4, 3))
    with h5py.File("virtual.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
    for name in ("external.h5", "virtual.h5"):
        with pytest.raises(UserError, match="'x' lies in other files, which are not read"):
            read(name)


def test_objects_are_refused():
    with h5py.File("x.h5", "w") as file:
        file.create_dataset("x", (4, 2), h5py.vlen_dtype(np.float64))
    with pytest.raises(UserError, match="'x' holds arrays of varying length, or references"):
        read("x.h5")
    with h5py.File("x.h5", "w") as file:
        file.create_dataset("x", (4, 2), h5py.ref_dtype)
    with pytest.raises(UserError, match="'x' holds arrays of varying length, or references"):
        read("x.h5")


def test_bombs_are_refused_before_anything_is_allocated():
    with h5py.File("x.h5", "w") as file:
        file.create_dataset("x", (10**9, 10**3), "f8", chunks=(10**3, 10**3), compression="gzip")
    with pytest.raises(UserError, match="refused as a decompression bomb"):
        read("x.h5")
    with h5py.File("x.h5", "w") as file:
        file.create_dataset("x", (10**9, 10**3), "f8")
    with pytest.raises(UserError, match="refused as a decompression bomb"):
        read("x.h5")


def test_damaged_files_are_refused():
    Path("text.h5").write_text("no HDF5 at all")
    with pytest.raises(UserError, match=r"text\.h5: cannot be read as HDF5: "):
        read("text.h5")
    h5("cut.h5", x=np.random.default_rng(0).random((100, 100)))
    Path("cut.h5").write_bytes(Path("cut.h5").read_bytes()[:-5000])
    with pytest.raises(UserError, match=r"cut\.h5: cannot be read as HDF5: "):
        read("cut.h5")
    with h5py.File("zip.h5", "w") as file:
        x = file.create_dataset(
            "x", data=np.random.default_rng(0).random((50, 50)), compression="gzip", chunks=(50, 50)
        )
        info = x.id.get_chunk_info(0)
    data = bytearray(Path("zip.h5").read_bytes())
    data[info.byte_offset : info.byte_offset + 30] = bytes(30)
    Path("zip.h5").write_bytes(data)
    with pytest.raises(UserError, match=r"zip\.h5: cannot be read as HDF5: "):
        read("zip.h5")


def test_without_h5py_there_is_a_hint(monkeypatch):
    h5(x=X)
    plain = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("h5py"):
            raise ImportError(name)
        return plain(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"HDF5 files need h5py, which is not installed\n  pip install 'aecli\[hdf5\]'"):
        read("x.h5")


GENES, CELLS = ["g1", "g2", "g3"], ["c1", "c2", "c3", "c4"]


def texts(group: h5py.Group, name: str, values: list[str]) -> None:
    data = group.create_dataset(name, data=np.array(values, dtype=object), dtype=TEXT)
    data.attrs["encoding-type"] = "string-array"


def frame(file: h5py.File, name: str, index: list[str], columns: list[str]) -> h5py.Group:
    group = file.create_group(name)
    group.attrs.update({"encoding-type": "dataframe", "_index": "_index"})
    group.attrs.create("column-order", np.array(columns, dtype=object), dtype=TEXT)
    texts(group, "_index", index)
    return group


def categories(group: h5py.Group, name: str, codes: list[int], values: list[str]) -> None:
    part = group.create_group(name)
    part.attrs["encoding-type"] = "categorical"
    part["codes"] = np.array(codes, np.int8)
    texts(part, "categories", values)


def sparse_group(file: h5py.File, name: str, x: sparse.csr_matrix | sparse.csc_matrix) -> h5py.Group:
    group = file.create_group(name)
    group.attrs.update({"encoding-type": f"{x.format}_matrix", "shape": x.shape})
    for part in ("data", "indices", "indptr"):
        group[part] = getattr(x, part)
    return group


def h5ad(
    x: np.ndarray | sparse.csr_matrix | sparse.csc_matrix = X, name: str = "x.h5ad", genes: list[str] = GENES
) -> str:
    """A file as AnnData 0.8 and later write it."""
    with h5py.File(name, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        if isinstance(x, np.ndarray):
            file["X"] = x
        else:
            sparse_group(file, "X", x)
        obs = frame(file, "obs", CELLS, ["kind", "depth", "note", "count", "odd"])
        categories(obs, "kind", [1, 0, 1, -1], ["B", "T"])
        obs["depth"] = np.array([1.5, 2.5, 3.5, 4.5])
        texts(obs, "note", ["p", "q", "r", "s"])
        nullable = obs.create_group("count")
        nullable.attrs["encoding-type"] = "nullable-integer"
        nullable["values"], nullable["mask"] = np.array([1, 2, 3, 4]), np.array([False, True, False, False])
        obs.create_group("odd").attrs["encoding-type"] = "something new"
        frame(file, "var", genes, [])
        file.create_group("layers")["counts"] = X.astype(np.int32)
        file.create_group("obsm")["X_pca"] = X[:, :2]
    return name


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_anndata_dense_and_sparse(make, dtype):
    raw = read(h5ad(make(X.astype(dtype))), Want(label="kind"))
    assert raw.x.dtype == dtype
    assert np.array_equal(raw.x, X)
    assert (raw.kind, raw.divisor) == ("table", 1)
    assert raw.columns == tuple(GENES)
    assert raw.ids is not None
    assert raw.labels is not None
    assert raw.ids.tolist() == CELLS
    assert raw.labels.tolist() == ["T", "B", "T", ""]
    assert list(raw.carried) == ["depth", "note", "count"]
    assert raw.carried["depth"].tolist() == [1.5, 2.5, 3.5, 4.5]
    assert raw.carried["note"].tolist() == ["p", "q", "r", "s"]
    assert np.array_equal(raw.carried["count"], [1, np.nan, 3, 4], equal_nan=True)


@calm
@given(
    x=hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.sampled_from([0, 0, 0, 1.5, -2])),
    columns=st.booleans(),
)  # fmt: skip
def test_sparse_round_trip(x, columns, tmp_path):
    path = tmp_path / "x.h5ad"
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        sparse_group(file, "X", sparse.csc_matrix(x) if columns else sparse.csr_matrix(x))
        frame(file, "obs", [str(i) for i in range(x.shape[0])], [])
        frame(file, "var", [f"g{i}" for i in range(x.shape[1])], [])
    assert np.array_equal(read(str(path)).x, x)


def test_anndata_of_any_ending_layers_and_embeddings():
    raw = read(h5ad(name="x.h5"), Want(key="layers/counts"))
    assert raw.x.dtype == np.int32
    assert raw.columns == tuple(GENES)
    raw = read("x.h5", Want(key="obsm/X_pca", id="note"))
    assert np.array_equal(raw.x, X[:, :2])
    assert raw.columns is None
    assert raw.ids is not None
    assert raw.ids.tolist() == ["p", "q", "r", "s"]
    with pytest.raises(UserError, match="the file has no matrix 'layers/count'\n  did you mean 'layers/counts'"):
        read("x.h5", Want(key="layers/count"))


def test_columns_are_matched_by_name_with_the_runs():
    raw = read(h5ad(), Want(columns=("g3", "g1", "g2"), strict=False))
    assert raw.columns == ("g3", "g1", "g2")
    assert np.array_equal(raw.x, X[:, [2, 0, 1]])
    said = "1 of the run's columns are missing, 'g9' for one, and 1 are there that it does not know"
    with pytest.raises(UserError, match=said):
        read("x.h5ad", Want(columns=("g9", "g1", "g2"), strict=False))


def test_categories_of_anndata_0_7():
    h5ad()
    with h5py.File("x.h5ad", "a") as file:
        obs = file["obs"]
        assert isinstance(obs, h5py.Group)
        del obs["kind"]
        obs["kind"] = np.array([0, 1, 0, 0], np.int8)
        texts(obs.create_group("__categories"), "kind", ["x", "y"])
    raw = read("x.h5ad", Want(label="kind"))
    assert raw.labels is not None
    assert raw.labels.tolist() == ["x", "y", "x", "x"]


GROUP = "a group"


def change(key: str, value: Any) -> None:
    with h5py.File("x.h5ad", "a") as file:
        del file[key]
        if value is GROUP:
            file.create_group(key)
        elif value is not None:
            file[key] = value


BAD: dict[str, tuple[str, Any, str]] = {
    "code too high": ("obs/kind/codes", np.array([0, 1, 2, 0], np.int8), "'obs/kind' go from 0 to 2, but there are 2"),
    "code too low": ("obs/kind/codes", np.array([0, 1, -2, 0], np.int8), "'obs/kind' go from -2 to 1"),
    "short column": ("obs/depth", np.zeros(3), "the column 'depth' of obs is not as long as its index"),
    "index beyond": ("X/indices", np.array([0, 9, 1, 2, 0, 1, 2, 0, 1, 2, 0], np.int32), "do not fit its shape"),
    "negative index": ("X/indices", np.array([0, -1, 1, 2, 0, 1, 2, 0, 1, 2, 0], np.int32), "do not fit its shape"),
    "falling": ("X/indptr", np.array([0, 8, 5, 8, 11], np.int32), r"parts of 'X' do not fit its shape \[4, 3\]"),
    "short": ("X/indptr", np.array([0, 2, 11], np.int32), "do not fit its shape"),
    "a group of codes": ("obs/kind/codes", GROUP, "'obs/kind/codes' is a group, not a data set"),
    "a group of numbers": ("X/data", GROUP, "'X/data' is a group, not a data set"),
    "a group of names": ("var/_index", GROUP, "'var/_index/values' is not there"),
    "no data": ("X/data", None, "'X/data' is not there"),
    "no obs": ("obs", None, "'obs' is not there"),
    "few genes": ("var/_index", np.array([b"a", b"b"]), "2 names in var for the columns of 'X'"),
    "two genes": (
        "var/_index",
        np.array([b"a", b"b", b"a"]),
        "two columns have one name: 'a'\n.*var_names_make_unique",
    ),
    "link": ("X/data", h5py.ExternalLink("other.h5", "/x"), "'X/data' is a link, and links are not followed"),
    "layers elsewhere": ("X", h5py.ExternalLink("other.h5", "/x"), "'X' is a link, and links are not followed"),
}


@pytest.mark.parametrize("name", BAD)
def test_broken_anndata_is_refused(name):
    h5("other.h5", x=X)
    h5ad(sparse.csr_matrix(X))
    key, value, said = BAD[name]
    change(key, value)
    with pytest.raises(UserError, match=said):
        read("x.h5ad", Want(label="kind"))


def test_sparse_bombs_are_refused():
    h5ad(sparse.csr_matrix(X))
    with h5py.File("x.h5ad", "a") as file:
        group = file["X"]
        assert isinstance(group, h5py.Group)
        group.attrs["shape"] = (4, 2**40)
    with pytest.raises(UserError, match=r"'X' announces .* refused as a decompression bomb"):
        read("x.h5ad")


def test_files_older_than_anndata_0_7_are_refused_with_a_way_out():
    with h5py.File("x.h5ad", "w") as file:
        group = sparse_group(file, "X", sparse.csr_matrix(X))
        del group.attrs["encoding-type"]
        group.attrs["h5sparse_format"] = "csr"
    with pytest.raises(UserError, match=r"'X' is no matrix that is read here.*\n  write it anew: anndata\.read_h5ad"):
        read("x.h5ad")


def test_a_missing_label_column_has_a_hint():
    with pytest.raises(UserError, match=r"data\.label: obs has no column 'kinds'\n  did you mean 'kind'"):
        read(h5ad(), Want(label="kinds"))
    assert read("x.h5ad", Want(label="kinds", strict=False)).labels is None
