"""Sound data files of every kind that is read, as bytes: rows of a table, and images of 8 x 8 pixels."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import ipc
from pyarrow import parquet as pq

from tests.cli.conftest import people
from tests.data.files import idx_bytes, npy_bytes

IMAGES = np.random.default_rng(0).integers(0, 17, (40, 8, 8), dtype=np.uint8)
LABELS = np.arange(40) % 3


def cells() -> list[list[str]]:
    """The table's rows, its names first."""
    return [line.split(",") for line in people()]


def text(mark: str) -> bytes:
    """The table as text."""
    return "\n".join(mark.join(row) for row in cells()).encode() + b"\n"


def table() -> pa.Table:
    """The table by types."""
    names, *rows = cells()
    columns = list(zip(*rows, strict=True))
    numbers = {name: pa.array([float(v) for v in columns[i]]) for i, name in enumerate(names) if 0 < i < 4}
    texts = {"kind": pa.array(columns[0]).dictionary_encode(), "who": pa.array(columns[4])}
    return pa.table({"kind": texts["kind"], **numbers, "who": texts["who"]})


def parquet(found: pa.Table) -> bytes:
    """A .parquet of two row groups."""
    sink = io.BytesIO()
    pq.write_table(found, sink, row_group_size=50)
    return sink.getvalue()


def arrow(found: pa.Table) -> bytes:
    """An .arrow file."""
    sink = io.BytesIO()
    with ipc.new_file(sink, found.schema) as writer:
        writer.write_table(found)
    return sink.getvalue()


def npz() -> dict[str, np.ndarray]:
    """The arrays of an .npz or an .h5."""
    return {"x": IMAGES, "y": LABELS, "ids": np.array([f"p{i}" for i in range(40)])}


def npz_bytes(arrays: dict[str, np.ndarray], packed: bool = True) -> bytes:
    """An .npz, deflated or not."""
    sink = io.BytesIO()
    if packed:
        np.savez_compressed(sink, allow_pickle=True, **arrays)
    else:
        np.savez(sink, allow_pickle=True, **arrays)
    return sink.getvalue()


def h5_bytes(sets: dict[str, object]) -> bytes:
    """An .h5; an array of 40 or more rows is packed."""
    sink = io.BytesIO()
    with h5py.File(sink, "w") as file:
        for name, values in sets.items():
            if isinstance(values, np.ndarray) and values.dtype.kind == "U":
                values = values.astype(object)
            packed = isinstance(values, np.ndarray) and values.ndim > 1 and values.size > 64
            file.create_dataset(name, data=values, **({"compression": "gzip"} if packed else {}))
    return sink.getvalue()


def h5ad_bytes(sparse: bool) -> bytes:
    """An AnnData file of the table's numbers, dense or sparse, with a category in obs."""
    names, *rows = cells()
    x = np.array([[float(v) for v in row[1:4]] for row in rows])
    sink = io.BytesIO()
    with h5py.File(sink, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        if sparse:
            group = file.create_group("X")
            group.attrs["encoding-type"], group.attrs["shape"] = "csr_matrix", x.shape
            group["data"], group["indices"] = x.ravel(), np.tile(np.arange(3), len(x))
            group["indptr"] = np.arange(len(x) + 1) * 3
        else:
            file["X"] = x
        for name, index in (("obs", [row[4] for row in rows]), ("var", names[1:4])):
            frame = file.create_group(name)
            frame.attrs["_index"] = "_index"
            frame.attrs["column-order"] = np.array(["kind"] if name == "obs" else [], object).astype("S")
            frame["_index"] = np.array(index, object)
        kind = file.create_group("obs/kind")
        kind["codes"] = np.array([row[0] == "tall" for row in rows]).astype(np.int8)
        kind["categories"] = np.array(["short", "tall"], object)
    return sink.getvalue()


def picture(i: int) -> bytes:
    """A picture: every third a PNG, a JPEG or a WebP."""
    sink = io.BytesIO()
    Image.fromarray(IMAGES[i] * np.uint8(15)).convert("L").save(sink, ("PNG", "JPEG", "WEBP")[i % 3])
    return sink.getvalue()


def write_pictures(folder: Path, count: int = 9) -> None:
    """A folder of pictures in sub-folders of two labels."""
    for i in range(count):
        path = folder / "ab"[i % 2] / f"{i}.{('png', 'jpg', 'webp')[i % 3]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(i))


# The ending of a file -> its bytes.
SEEDS: dict[str, Callable[[], bytes]] = {
    ".npy": lambda: npy_bytes(IMAGES),
    ".npz": lambda: npz_bytes(npz()),
    ".stored.npz": lambda: npz_bytes(npz(), packed=False),
    ".csv": lambda: text(","),
    ".csv.gz": lambda: gzip.compress(text(","), mtime=0),
    ".tsv": lambda: text("\t"),
    ".parquet": lambda: parquet(table()),
    ".arrow": lambda: arrow(table()),
    ".h5": lambda: h5_bytes(dict(npz())),
    ".h5ad": lambda: h5ad_bytes(sparse=False),
    ".sparse.h5ad": lambda: h5ad_bytes(sparse=True),
    "-idx3-ubyte": lambda: idx_bytes(IMAGES),
    "-idx3-ubyte.gz": lambda: gzip.compress(idx_bytes(IMAGES), mtime=0),
}
OF_IMAGES = (".npy", ".npz", ".stored.npz", ".h5", "-idx3-ubyte", "-idx3-ubyte.gz")
