"""HDF5 (.h5, .hdf5): one data set of the file is x, others may be its labels, ids and test set.

Only what lies in the file itself is read: links to other files, virtual and external data sets are refused. An
AnnData file (.h5ad, or any other ending) is handed to `anndata`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.raw import Raw, Want, raw_array, type_name
from aecli.data.sources.buffers import DAMAGED, check_ratio
from aecli.data.sources.limits import check_memory
from aecli.data.sources.npz import OURS, TESTS, Members
from aecli.data.sources.probe import WALKER

if TYPE_CHECKING:
    import h5py
    from jaxtyping import Shaped

BROKEN = (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError)
TEXTS, LONGEST = 256, 4096  # texts read at a time, and the characters of one that may be a label or a name


def read(source: str, want: Want) -> Raw:
    """x by `key`, else x_train, x or X, or the only data set of two or more dimensions.

    Labels by `label`, else y_train, y or labels; x_test and y_test are the given test set. Raises UserError for
    anything damaged, for links out of the file, and for keys that are not there.
    """
    place = Place(source)
    with opened(Path(source), place) as file:
        if as_text(file.attrs.get("encoding-type")) == "anndata" or source.lower().endswith(".h5ad"):
            from aecli.data.sources import anndata

            return anndata.read(file, source, want)
        return _sets(file, source, want, place)


def _sets(file: h5py.File, source: str, want: Want, place: Place) -> Raw:
    members = Sets(file, place)
    key = members.main(want)
    label = members.asked("label", want.label, want.strict) or members.beside(key)
    ids = members.asked("id", want.id, want.strict)
    test = members.first([TESTS[key]]) if key in TESTS else None
    rows = members.rows(key, label, ids)
    given = members.rows(test, members.test(label), members.test(ids)) if test else None
    return raw_array(rows.x, source, labels=rows.labels, ids=rows.ids, given_test=given, files=(Path(source),))


@contextmanager
def opened(path: Path, place: Place) -> Iterator[h5py.File]:
    """The file, open for reading; what HDF5 raises on damaged ones becomes a UserError."""
    try:
        import h5py
    except ImportError as error:
        hint = "pip install 'aecli[hdf5]'"
        raise UserError(Problem("HDF5 files need h5py, which is not installed", place, hint)) from error
    if (why := WALKER.why_not(path)) is not None:
        raise UserError(Problem(f"cannot be read as HDF5: {why}", place, DAMAGED))
    try:
        with h5py.File(path, "r") as file:
            yield file
    except PermissionError:
        raise
    except BROKEN as error:
        text = str(error.args[-1] if error.args else type(error).__name__).splitlines()[0]
        raise UserError(Problem(f"cannot be read as HDF5: {text}", place, DAMAGED)) from error


class Sets(Members):
    """The data sets of an open file by their paths; what a link points at is none of them."""

    def __init__(self, file: h5py.File, place: Place):
        self.file, self.place, self.infos = file, place, found(file)
        if not self.infos:
            raise UserError(Problem("holds no data set", place, "rows are a data set of two or more dimensions"))

    def main(self, want: Want) -> str:
        """The key of x."""
        if want.key is not None and (want.strict or want.key in self.infos):
            return self._known("key", want.key.strip("/"))
        named = self.first(["x_train", "x", "X"])
        wide = [k for k, n in self.infos.items() if n.ndim > 1 and k not in OURS and k not in (want.label, want.id)]
        if named or len(wide) == 1:
            return named or wide[0]
        there = ", ".join(f"'{k}'" for k in self.infos)
        text = f"which of the data sets {there} is x? None is called x_train, x or X"
        raise UserError(Problem(text, self.place, "set data.key to the one that holds the rows"))

    def beside(self, key: str) -> str | None:
        """The labels that belong to x, where the config names none."""
        if key == "x_test":
            return self.first(["y_test"])
        return self.first(["y_train", "y", "labels"] if key == "x_train" else ["y", "y_train", "labels"])

    def array(self, key: str) -> np.ndarray:
        """One data set, once what it announces is credible."""
        return values(self.infos[key], self.place)

    def _known(self, word: str, key: str) -> str:
        import h5py

        link = None if key in self.infos else self.file.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
            text = f"data.{word}: '{key}' is a link, and links are not followed"
            raise UserError(Problem(text, self.place, f"it points at '{link.path}'", ("data", word)))
        return super()._known(word, key)


def found(group: h5py.Group) -> dict[str, Any]:
    """The data sets below a group by their paths. Soft and external links are not followed."""
    import h5py

    sets: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            sets[name] = node

    group.visititems(visit)
    return sets


def values(data: Any, place: Place) -> Shaped[np.ndarray, " *shape"]:
    """A data set of numbers or texts as an array (texts as str).

    Raises UserError for one that lies in other files, for objects, and where the announced size is not credible.
    """
    import h5py

    name = f"'{data.name.strip('/')}'"
    if not isinstance(data, h5py.Dataset):
        raise UserError(Problem(f"{name} is a {type(data).__name__.lower()}, not a data set", place, DAMAGED))
    if data.is_virtual or data.external:
        text = f"{name} lies in other files, which are not read"
        raise UserError(Problem(text, place, "copy it into this file"))
    if data.shape is None:
        raise UserError(Problem(f"{name} is empty: it has no shape", place, "at least one row is needed"))
    if h5py.check_string_dtype(data.dtype) is not None:
        return _texts(data, name, place)
    if data.dtype.hasobject or data.dtype.kind not in "biuf":
        what = "arrays of varying length, or references" if data.dtype.hasobject else type_name(data.dtype)
        raise UserError(Problem(f"{name} holds {what}, not real numbers", place, "save it as an array of numbers"))
    _check(data, data.dtype.itemsize, name, place)
    return np.asarray(data[...])


def _check(data: Any, item: int, name: str, place: Place) -> None:
    """Raise UserError where a data set announces more than its bytes in the file can hold."""
    size, there = item * prod(data.shape), Path(place.file).stat().st_size
    start = data.id.get_offset() if data.chunks is None else None
    if start is not None and start + size > there:
        text = f"{name} announces {size:,} bytes at {start:,}, but the file has {there:,}"
        raise UserError(Problem(text, place, DAMAGED))
    check_ratio(size, min(data.id.get_storage_size(), there), name, place)
    check_memory(size, f"the values of {name}", place, "a .npy of the same rows can be read piece by piece")


def _texts(data: Any, name: str, place: Place) -> np.ndarray:
    """Texts [n] as str: read by pieces, as many elements may share one long text."""
    if data.ndim != 1:
        raise UserError(Problem(f"{name} is text of shape {list(data.shape)}, not [rows]", place, "see data.key"))
    _check(data, data.dtype.itemsize, name, place)
    text = data.asstr("utf-8", "replace")
    pieces = [np.empty(0, np.str_)]
    for start in range(0, len(data), TEXTS):
        piece = np.asarray(text[start : start + TEXTS], dtype=object)
        long = max(map(len, piece))
        if long > LONGEST:
            message = f"{name} holds a text of {long:,} characters, more than the {LONGEST:,} of a name or a label"
            raise UserError(Problem(message, place, "it is no column of labels or ids"))
        pieces.append(piece.astype(np.str_))
    return np.concatenate(pieces)


def as_text(value: Any) -> str | None:
    """An attribute that is text; None for any other."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else None
