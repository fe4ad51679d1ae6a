"""AnnData's .h5ad: X (or a layer) dense or sparse, rows described by obs, columns by var.

Source of the layout: https://anndata.readthedocs.io/en/latest/fileformat-prose.html
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Place, Problem, UserError, did_you_mean
from aecli.data.labels import as_labels
from aecli.data.raw import Raw, Want, arranged
from aecli.data.sources.buffers import DAMAGED, SUSPECT_BYTES, SUSPECT_RATIO
from aecli.data.sources.hdf5 import as_text, values
from aecli.data.sources.limits import check_memory

if TYPE_CHECKING:
    import h5py
    from jaxtyping import Shaped

OLD = "write it anew: anndata.read_h5ad(OLD).write_h5ad(NEW)"
SPARSE = ("csr_matrix", "csc_matrix")


def read(file: h5py.File, source: str, want: Want) -> Raw:
    """The matrix `want.key` (X, else layers/NAME or obsm/NAME), its columns named by var, its rows by obs.

    obs[label] are the labels, obs[id] or the index of obs the ids; all other columns of obs are carried.
    """
    place = Place(source)
    key = (want.key or "X").strip("/")
    if key not in _matrices(file):
        if want.strict or want.key is None:
            hint = did_you_mean(key, _matrices(file))
            raise UserError(Problem(f"data.key: the file has no matrix '{key}'", place, hint, ("data", "key")))
        key = "X"
    x = matrix(_own(file, key, place), place)
    names = None if key.startswith("obsm/") else Frame(_own(file, "var", place), place).index
    if names is not None and len(names) != (x.shape[1] if x.ndim == 2 else -1):
        raise UserError(Problem(f"{len(names)} names in var for the columns of '{key}'", place, DAMAGED))
    x, columns = _ordered(x, names, want, place)
    obs = Frame(_own(file, "obs", place), place)
    label, ids = obs.asked("label", want.label, want.strict), obs.asked("id", want.id, want.strict)
    rest = {c: obs.column(c) for c in obs.columns if c not in (label, ids)}
    if odd := [c for c, found in rest.items() if len(found) != len(obs.index)]:
        raise UserError(Problem(f"the column '{odd[0]}' of obs is not as long as its index", place, DAMAGED))
    return Raw(
        arranged(x, f"'{key}'", place), None if label is None else as_labels(obs.column(label), label, place),
        (obs.column(ids) if ids else obs.index).astype(np.str_),
        columns=columns, file=source, files=(Path(source),), carried=rest,
    )  # fmt: skip


def matrix(node: Any, place: Place) -> Shaped[np.ndarray, " n d"]:
    """A dense data set, or a sparse group [n, d] made dense once its parts fit one another and memory."""
    import h5py
    from scipy import sparse

    if isinstance(node, h5py.Dataset):
        return values(node, place)
    kind, name = as_text(node.attrs.get("encoding-type")), f"'{node.name.strip('/')}'"
    if kind not in SPARSE:
        hint = OLD if "h5sparse_format" in node.attrs else "a dense, a csr or a csc matrix is read"
        raise UserError(Problem(f"{name} is no matrix that is read here ({kind})", place, hint))
    shape = tuple(int(n) for n in np.atleast_1d(node.attrs.get("shape", ())))
    data, indices, indptr = (values(_own(node, part, place), place) for part in ("data", "indices", "indptr"))
    major, minor = (shape if kind == "csr_matrix" else shape[::-1]) if len(shape) == 2 else (-1, -1)
    fits = (
        data.ndim == indices.ndim == indptr.ndim == 1 and len(data) == len(indices) and len(indptr) == major + 1
        and indices.dtype.kind in "iu" and indptr.dtype.kind in "iu"
        and indptr[0] == 0 and indptr[-1] == len(data) and bool((np.diff(indptr.astype(np.int64)) >= 0).all())
        and (not len(indices) or (indices.min() >= 0 and indices.max() < minor))
    )  # fmt: skip
    if not fits:
        raise UserError(Problem(f"the parts of {name} do not fit its shape {list(shape)}", place, DAMAGED))
    size, there = major * minor * data.dtype.itemsize, Path(place.file).stat().st_size
    if size > SUSPECT_BYTES and size > SUSPECT_RATIO * there:
        text = f"{name} announces {size:,} bytes in a file of {there:,}: refused as a decompression bomb"
        raise UserError(Problem(text, place, "leave out the columns that are zero everywhere"))
    check_memory(size, f"the values of {name}", place, "rows are kept dense: choose fewer columns")
    made = sparse.csr_array if kind == "csr_matrix" else sparse.csc_array
    return made((data, indices, indptr), shape=shape).toarray()


class Frame:
    """A table of obs or var: an index, and columns that are numbers, texts or categories."""

    def __init__(self, group: Any, place: Place):
        import h5py

        self.group, self.place, self.name = group, place, group.name.strip("/")
        self.key = as_text(group.attrs.get("_index")) if isinstance(group, h5py.Group) else None
        if self.key is None:
            raise UserError(Problem(f"'{self.name}' is no table of a present-day AnnData file", place, OLD))
        order = [as_text(name) for name in np.atleast_1d(group.attrs.get("column-order", ()))]
        self.columns = [name for name in order if name and name in group and self._readable(name)]

    @property
    def index(self) -> Shaped[np.ndarray, " n"]:
        """The names of the rows."""
        return self.column(self.key or "").astype(np.str_)

    def column(self, name: str) -> Shaped[np.ndarray, " n"]:
        """One column; categories as their texts or numbers, what is missing as '' or NaN."""
        import h5py

        node = _own(self.group, name, self.place)
        if isinstance(node, h5py.Dataset):
            found = values(node, self.place)
            old = f"__categories/{name}"  # as AnnData 0.7 has it: the data set itself holds codes
            if old not in self.group:
                return found
            return self._named(found, values(_own(self.group, old, self.place), self.place), name)
        if "codes" in node:
            codes, names = (values(_own(node, part, self.place), self.place) for part in ("codes", "categories"))
            return self._named(codes, names, name)
        found, mask = (values(_own(node, part, self.place), self.place) for part in ("values", "mask"))
        if mask.shape != found.shape or mask.dtype.kind != "b":
            raise UserError(Problem(f"the mask of '{self.name}/{name}' does not fit its values", self.place, DAMAGED))
        return _holed(found, mask) if mask.any() else found

    def asked(self, word: str, name: str | int | None, strict: bool) -> str | None:
        """A column that the config names; where it is not strict, None for one that is not there."""
        if name is None or (not strict and str(name) not in self.columns):
            return None
        if str(name) not in self.columns:
            hint = did_you_mean(str(name), self.columns)
            text = f"data.{word}: {self.name} has no column '{name}'"
            raise UserError(Problem(text, self.place, hint, ("data", word)))
        return str(name)

    def _readable(self, name: str) -> bool:
        node = _own(self.group, name, self.place)
        return hasattr(node, "dtype") or "codes" in node or ("values" in node and "mask" in node)

    def _named(self, codes: np.ndarray, names: np.ndarray, column: str) -> np.ndarray:
        """names[codes], -1 being missing."""
        low, high = (int(codes.min()), int(codes.max())) if codes.size else (0, -1)
        if codes.dtype.kind not in "iu" or codes.ndim != 1 or names.ndim != 1 or low < -1 or high >= len(names):
            text = f"the codes of '{self.name}/{column}' go from {low} to {high}, but there are {len(names)} categories"
            raise UserError(Problem(text, self.place, DAMAGED))
        if not len(names):
            return np.full(len(codes), "", np.str_)
        return _holed(names[codes], codes < 0) if low < 0 else names[codes]


def _holed(found: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Texts with '' and numbers, as float64, with NaN where there is a hole."""
    return np.where(holes, "", found) if found.dtype.kind == "U" else np.where(holes, np.nan, found.astype(np.float64))


def _ordered(
    x: np.ndarray, names: np.ndarray | None, want: Want, place: Place
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The columns by name: unique, and in the order of the run's where the rows are for one."""
    if names is None:
        return x, None
    columns = [str(name) for name in names]
    at = {name: i for i, name in enumerate(columns)}
    if len(at) < len(columns):
        twice = next(name for i, name in enumerate(columns) if at[name] != i)
        hint = "give each its own: adata.var_names_make_unique()"
        raise UserError(Problem(f"two columns have one name: '{twice}'", place, hint))
    if want.columns is None or want.columns == tuple(columns):
        return x, tuple(columns)
    missing, extra = [n for n in want.columns if n not in at], len(at.keys() - set(want.columns))
    if missing or extra:
        some = f", '{missing[0]}' for one" if missing else ""
        text = f"{len(missing)} of the run's columns are missing{some}, and {extra} are there that it does not know"
        raise UserError(Problem(text, place, "x must have the columns that the run was trained on, in any order"))
    return x[:, [at[name] for name in want.columns]], want.columns


def _matrices(file: h5py.File) -> list[str]:
    """The keys of what may be x. Links are not followed."""
    import h5py

    rooms = [(r, file[r]) for r in ("layers", "obsm") if isinstance(file.get(r, getlink=True), h5py.HardLink)]
    inside = [f"{name}/{key}" for name, room in rooms if isinstance(room, h5py.Group) for key in room]
    return [*(["X"] if file.get("X", getlink=True) is not None else []), *inside]


def _own(group: Any, name: str, place: Place) -> Any:
    """A part of a group that lies in the file itself. Raises UserError for links, and where there is none."""
    import h5py

    node: Any = group
    for step in name.split("/"):
        link = node.get(step, getlink=True) if isinstance(node, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            where = f"'{group.name.strip('/')}/{name}'".replace("'/", "'")
            what = "is a link, and links are not followed" if link is not None else "is not there"
            raise UserError(Problem(f"{where} {what}", place, DAMAGED if link is None else "copy it into this file"))
        node = node[step]
    return node
