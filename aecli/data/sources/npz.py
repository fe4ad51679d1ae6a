"""NumPy's .npz: a zip of .npy arrays, of which one is x and others may be its labels, ids and test set."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from aecli.config.problems import Place, Problem, UserError, did_you_mean
from aecli.data.labels import as_labels
from aecli.data.raw import Raw, Rows, Want, raw_array
from aecli.data.sources.buffers import check_ratio, check_size, decoding
from aecli.data.sources.npy import body, header

TESTS = {"x_train": "x_test", "x": "x_test", "X": "x_test", "y_train": "y_test", "y": "y_test"}
OURS = {*TESTS, *TESTS.values()}


def read(source: str, want: Want) -> Raw:
    """x by `key`, else x_train, x or X, or the only array; labels by `label`, else y_train or y.

    x_test and y_test are the given test set. Raises UserError for anything damaged, and for keys that are
    not there.
    """
    place = Place(source)
    with decoding(place), zipfile.ZipFile(source) as archive:
        members = Members(archive, Path(source).stat().st_size, place)
        key = members.main(want)
        label = members.asked("label", want.label, want.strict) or members.first(_label_keys(key))
        ids = members.asked("id", want.id, want.strict)
        test = members.first([TESTS[key]]) if key in TESTS else None
        rows = members.rows(key, label, ids)
        given = members.rows(test, members.test(label), members.test(ids)) if test else None
    return raw_array(rows.x, source, labels=rows.labels, ids=rows.ids, given_test=given, files=(Path(source),))


def _label_keys(key: str) -> list[str]:
    return {"x_train": ["y_train", "y"], "x_test": ["y_test"]}.get(key, ["y", "y_train"])


class Members:
    """The arrays of an open .npz by key; `size` is the size of the whole file in bytes."""

    def __init__(self, archive: zipfile.ZipFile, size: int, place: Place):
        self.archive, self.size, self.place = archive, size, place
        infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        self.infos = {info.filename.removesuffix(".npy"): info for info in infos}
        if not infos:
            there = ", ".join(repr(n) for n in archive.namelist()[:5]) or "nothing"
            raise UserError(Problem(f"holds no array (.npy): {there}", place, "save it by numpy.savez"))
        if len(infos) > len(self.infos):
            raise UserError(Problem("holds two arrays of one name", place, "save it by numpy.savez"))

    def main(self, want: Want) -> str:
        """The key of x."""
        if want.key is not None and (want.strict or want.key in self.infos):
            return self._known("key", want.key)
        named = self.first(["x_train", "x", "X"])
        others = [k for k in self.infos if k not in OURS and k not in (want.label, want.id)]
        if named or len(others) == 1:
            return named or others[0]
        there = ", ".join(f"'{k}'" for k in self.infos)
        hint = "set data.key to the array that holds the rows"
        raise UserError(Problem(f"which of the arrays {there} is x? None is called x_train, x or X", self.place, hint))

    def first(self, keys: list[str]) -> str | None:
        """The first of `keys` that is there."""
        return next((k for k in keys if k in self.infos), None)

    def asked(self, word: str, key: str | int | None, strict: bool) -> str | None:
        """A key that the config names; where it is not strict, None for one that is not there."""
        if key is None or (not strict and str(key) not in self.infos):
            return None
        return self._known(word, str(key))

    def test(self, key: str | None) -> str | None:
        """The key that holds for x_test what `key` holds for x: y_test for y, ids_test for ids_train."""
        if key is None:
            return None
        return self.first([TESTS.get(key) or (key.removesuffix("_train") + "_test" if key.endswith("_train") else "")])

    def rows(self, key: str, label: str | None, ids: str | None) -> Rows:
        """An array with its labels and ids."""
        labels = None if label is None else as_labels(self.array(label), label, self.place)
        return Rows(self.array(key), labels, None if ids is None else self._ids(ids))

    def array(self, key: str) -> np.ndarray:
        """One array. Its header, the zip's and the file's size must agree before anything is allocated."""
        info, name = self.infos[key], f"'{key}'"
        check_ratio(info.file_size, min(info.compress_size, self.size), name, self.place)
        with self.archive.open(info) as stream:
            found = header(stream, name, self.place)
            check_size(found.bytes, info.file_size - stream.tell(), name, self.place)
            values = body(stream, found, name, self.place)
            stream.read(1)  # at the end the zip's checksum is compared
        return values

    def _ids(self, key: str) -> np.ndarray:
        values = self.array(key)
        if values.ndim != 1:
            raise UserError(Problem(f"the ids '{key}' have shape {list(values.shape)}, not [rows]", self.place))
        return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values.astype(str)

    def _known(self, word: str, key: str) -> str:
        if key not in self.infos:
            hint = did_you_mean(key, self.infos)
            raise UserError(Problem(f"data.{word}: the file has no array '{key}'", self.place, hint, ("data", word)))
        return key
