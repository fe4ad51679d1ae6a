"""Writers of the files that the data tests read."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np

IDX_TYPES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """An IDX file; `shape` is what its header says, where that is a lie."""
    shape = array.shape if shape is None else shape
    head = struct.pack(f">BBBB{len(shape)}I", 0, 0, IDX_TYPES[array.dtype.str[1:]], len(shape), *shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def npy_bytes(array: np.ndarray) -> bytes:
    """A .npy file, pickled where the array holds objects."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=array.dtype.hasobject)
    return stream.getvalue()


def npy_header(shape: tuple[int, ...], descr: object = "<f8", data: bytes = b"") -> bytes:
    """A .npy whose header claims whatever is wanted."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def zip_file(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of these members."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def mnist_folder(folder: Path, n: int = 20, m: int = 6, packed: bool = True, size: int = 4) -> dict[str, np.ndarray]:
    """A tiny MNIST: n train and m test images of size x size, labels 0 to 2."""
    rng = np.random.default_rng(0)
    arrays = {
        "train-images-idx3": rng.integers(0, 256, (n, size, size), dtype=np.uint8),
        "train-labels-idx1": (np.arange(n) % 3).astype(np.uint8),
        "t10k-images-idx3": rng.integers(0, 256, (m, size, size), dtype=np.uint8),
        "t10k-labels-idx1": (np.arange(m) % 3).astype(np.uint8),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        data = idx_bytes(array)
        (folder / f"{name}-ubyte{'.gz' if packed else ''}").write_bytes(gzip.compress(data) if packed else data)
    return arrays
