"""The data of a run: rows in model space, divided, with their labels, ids and the way back to their units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data import labels as names
from aecli.data.binarize import check_grey, check_numbers, drawn
from aecli.data.faults import problems
from aecli.data.features import Features
from aecli.data.hashing import content_hash
from aecli.data.raw import Raw, Want, raw_array
from aecli.data.residency import SMALL, Choice, choose
from aecli.data.scan import blocks_of, scan, size_of, streams
from aecli.data.sources import read
from aecli.data.spec import Data
from aecli.data.splits import divide
from aecli.data.truth import anomaly_label

if TYPE_CHECKING:
    from jaxtyping import Float32, Int, Shaped


@dataclass(frozen=True)
class Split:
    """Rows in file order: x in model space, `rows` their numbers from 0 in the source (or in its test set).

    `ids` are the source's own as text, else `rows`; `carried` are columns that are no features. Rows that are
    streamed are on disk (`aecli.data.store`): they are sliced like arrays, and `x[...]` reads them.
    """

    x: Float32[np.ndarray, " n *shape"]
    labels: Shaped[np.ndarray, " n"] | None
    ids: Shaped[np.ndarray, " n"]
    rows: Int[np.ndarray, " n"]
    carried: dict[str, Shaped[np.ndarray, " n"]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: slice | np.ndarray) -> Split:
        """These rows of it, in memory."""
        labels = None if self.labels is None else self.labels[rows]
        carried = {name: values[rows] for name, values in self.carried.items()}
        return Split(self.x[rows], labels, self.ids[rows], self.rows[rows], carried)

    def blocks(self, size: int) -> Iterator[Split]:
        """All rows, `size` at a time; the last block may be shorter."""
        return (self.take(slice(start, start + size)) for start in range(0, len(self), size))


@dataclass(frozen=True)
class Dataset:
    """Everything a run trains and evaluates on. `sha256` is that of the source's content."""

    train: Split
    validation: Split | None
    test: Split | None
    features: Features
    class_names: tuple[str, ...]
    anomaly_label: str | None
    sha256: str
    source: str
    spec: Data
    residency: Choice = SMALL
    notes: tuple[str, ...] = ()

    def splits(self) -> dict[str, Split]:
        """The splits that there are, by name."""
        three = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in three.items() if split is not None}


def load(spec: Data) -> Dataset:
    """Read, check, divide, scale and binarise what `spec` names.

    Rows with too little memory to hold them are streamed: written once, in model space, to a file in the cache.
    Raises UserError for all that is wrong with the data, with its place where it has one.
    """
    from aecli.data.spool import spooled

    want = Want.of(spec)
    choice = choose(spec.residency, size_of(spec.source, want))
    if choice.place == "streamed" and not streams(spec.source):
        choice = Choice("host", "this source is read whole: it cannot be streamed")
    if choice.place == "streamed":
        return replace(spooled(scan(spec.source, want), spec), residency=choice)
    return replace(assemble(read(spec.source, want), spec), residency=choice)


def assemble(raw: Raw, spec: Data) -> Dataset:
    """The dataset of rows already read."""
    if found := problems(raw):
        raise UserError(*found)
    train, validation, test = _divided(raw, spec)
    features = Features.fit(raw, train, spec.scale)
    if spec.binarize != "none":
        check_numbers(features.layout().mixed)
    given = raw.given_test if test is None and spec.split.test == "given" else None
    tested = as_split(raw, features, spec, test, "test") if test is not None else None
    if given:
        tested = as_split(replace(raw, x=given.x, labels=given.labels, ids=given.ids), features, spec, None, "test")
    known = names.class_names(raw.labels, given.labels if given else None)
    return Dataset(
        train=as_split(raw, features, spec, train, "train"),
        validation=None if validation is None else as_split(raw, features, spec, validation, "validation"),
        test=tested, features=features, class_names=known, anomaly_label=anomaly_label(spec, known),
        sha256=content_hash(raw), source=spec.source, spec=spec, notes=(*raw.notes, *_unlabelled(raw, spec, test)),
    )  # fmt: skip


def _unlabelled(raw: Raw, spec: Data, test: np.ndarray | None) -> tuple[str, ...]:
    """How many rows have no label, and how many of these `data.classes` leaves out."""
    if raw.labels is None:
        return ()
    missing = names.unlabelled(raw.labels)
    tested = 0 if test is None else names.unlabelled(raw.labels[test])
    return names.unlabelled_note(missing, len(raw.labels), None if spec.classes is None else missing - tested)


def read_rows(source: str | Path | np.ndarray, features: Features, spec: Data) -> Split:
    """All rows x of a file, named set or array, in file order, for a run with these features.

    Columns are matched by name in any order, a row given flat is reshaped, labels are taken if they are
    there. What is larger than memory is spooled to the cache. Raises UserError where rows do not fit.
    """
    from aecli.data.spool import spooled_rows

    want = wanted(features, spec)
    if isinstance(source, np.ndarray):
        return _rows_of(raw_array(np.asarray(source)), features, spec)
    streamed = choose(spec.residency, size_of(str(source), want)).place == "streamed"
    if streamed and streams(str(source)):
        return spooled_rows(scan(str(source), want), features, spec)
    return _rows_of(read(str(source), want), features, spec)


def row_blocks(source: str | Path, features: Features, spec: Data, size: int) -> Iterator[Split]:
    """The rows of `read_rows`, `size` at a time: nothing else of the source is ever in memory."""
    empty = True
    for raw in blocks_of(str(source), wanted(features, spec), size):
        yield _rows_of(raw, features, spec, whole=False)
        empty = False
    if empty:
        raise UserError(Problem("x has no rows", Place(str(source)), "at least one row is needed"))


def wanted(features: Features, spec: Data) -> Want:
    """What to read for a run with these features: its columns and their kinds; labels and ids only if there."""
    own = tuple((f.name, f.kind) for f in features.fields or ())
    aside = tuple(pair for pair in spec.columns.items() if pair[1] in ("carry", "drop"))
    formats = tuple((f.name, f.format) for f in features.fields or ())
    want = replace(Want.of(spec), columns=features.columns, width=prod(features.shape), strict=False)
    want = replace(want, kinds=own + aside, formats=formats)
    if features.columns and all(name.isdecimal() for name in features.columns):
        want = replace(want, header=False)  # numbered, not named: no row of a few can be told from names
    if features.kind == "image" and len(features.shape) == 3:
        height, width, channels = features.shape
        image = want.image.model_copy(update={"size": (height, width), "channels": channels})
        return replace(want, image=image)
    return want


def _rows_of(raw: Raw, features: Features, spec: Data, whole: bool = True) -> Split:
    raw = fitting(replace(raw, given_test=None), features)
    if found := problems(raw, whole):
        raise UserError(*found)
    return as_split(raw, features, spec, None, "rows")


def fitting(raw: Raw, features: Features) -> Raw:
    """`raw` with rows of the run's shape, or a UserError that says what was expected."""
    shape, expected = raw.x.shape[1:], features.shape
    if shape != expected and (prod(shape) != prod(expected) or 1 not in (len(shape), len(expected))):
        message = f"rows have shape {_by(shape)}, but the run was trained on {_by(expected)}"
        raise UserError(Problem(message, raw.place, _shape_hint(expected)))
    if features.kind == "table" and raw.kind == "image" and raw.x.dtype == np.uint8:
        hint = "save the numbers the run was trained on: x.astype('float32'), or x / 255 if those were pixels"
        raise UserError(Problem("uint8 values are pixels, but the run was trained on a table", raw.place, hint))
    if features.kind == "table":
        _check_kinds(raw, features)
    x = raw.x.reshape(len(raw.x), *expected)
    if features.kind == "image" and x.dtype.kind in "iu" and not raw.assumed and raw.divisor != features.divisor:
        x = (x / raw.divisor).astype(np.float32)  # white is white, whatever number it has there
    return replace(raw, x=x, columns=features.columns, kind=features.kind)


def _check_kinds(raw: Raw, features: Features) -> None:
    """UserError for a column that is of another kind than the run's."""
    count = prod(features.shape)
    kinds = [[f.kind for f in fields] if fields else ["numeric"] * count for fields in (raw.fields, features.fields)]
    for j, (there, expected) in enumerate(zip(*kinds, strict=True)):
        if there != expected:
            text = f"column {features.name(j)!r} is {there} here, but the run was trained on it as {expected}"
            raise UserError(Problem(text, raw.place, "bring it into the form it had in training"))


def _divided(raw: Raw, spec: Data) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Row numbers of train, validation and test; `data.classes` narrows the first two."""
    cut = divide(len(raw.x), spec.split, raw.given_test is not None)
    if spec.classes is None:
        return cut.train, cut.validation, cut.test
    names.check_classes(raw.labels, spec.classes, spec.source)
    assert raw.labels is not None
    kept = names.among(raw.labels, spec.classes)
    train, validation = cut.train[kept[cut.train]], cut.validation
    if validation is not None:
        validation = validation[kept[validation]]
    empty = (
        "validate on (set data.split.validation: 0 for none)"
        if validation is not None and not len(validation)
        else None
    )
    if empty or len(train) < 2:
        rows = f"{len(train)} rows to train on (2 are needed)" if len(train) < 2 else f"no row to {empty}"
        hint = "name more classes, or use more rows"
        raise UserError(Problem(f"data.classes leaves {rows}", None, hint, ("data", "classes")))
    return train, validation, cut.test


def as_split(source: Raw, features: Features, spec: Data, rows: np.ndarray | None, name: str) -> Split:
    """These rows of a source (all, where None) in model space."""
    index = np.arange(len(source.x)) if rows is None else rows
    x, labels, ids = source.x, source.labels, source.ids
    carried = source.carried if len(source.x) == len(index) else {}
    if rows is not None:
        x, labels, ids = x[rows], _at(labels, rows), _at(ids, rows)
        carried = {key: values[rows] for key, values in source.carried.items()}
    z = features.transform(x, source.place, source.fields, source.first)
    if spec.binarize != "none" and name == "train":
        check_grey(z)
    if spec.binarize == "static" or (spec.binarize == "dynamic" and name != "train"):
        z = drawn(z, name)  # else the training step draws anew each time
    index = index + source.first
    return Split(z, labels, index if ids is None else ids.astype(str), index, carried)


def _at(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[rows]


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _shape_hint(expected: tuple[int, ...]) -> str:
    if len(expected) == 1:
        return f"{expected[0]} features a row are needed"
    return f"[n, {', '.join(map(str, expected))}], or [n, {prod(expected)}] flat (images are NHWC)"
