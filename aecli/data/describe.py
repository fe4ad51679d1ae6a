"""What the data are, in numbers, and everything that is wrong or odd about them: nothing is refused here."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.data.dataset import Dataset, assemble, load
from aecli.data.faults import nonfinite, problems
from aecli.data.labels import labelled, unlabelled
from aecli.data.raw import Field, Raw, Want
from aecli.data.residency import choose
from aecli.data.scan import size_of
from aecli.data.sources import read
from aecli.data.spec import Data
from aecli.data.tables.styles import Style, example

MANY = 40  # columns described one by one
LISTED = 10  # columns or labels in a line of text


@dataclass(frozen=True)
class Description:
    """A dataset at a glance: minimum and maximum of the finite raw values, rows by split and by label."""

    source: str
    rows: int
    shape: tuple[int, ...]
    dtype: str
    kind: str
    minimum: float | None
    maximum: float | None
    nonfinite: int
    missing: int
    constant: tuple[str, ...] = ()
    scale: str | None = None
    sha256: str | None = None
    splits: dict[str, int] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    unlabelled: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def lines(self) -> list[str]:
        """For a person: one fact a line; problems and warnings are not among them."""
        shape = " x ".join(map(str, self.shape))
        lines = [f"{self.source}: {self.rows} rows of {shape} ({self.kind}, {self.dtype})"]
        if self.minimum is not None:
            lines.append(
                f"values from {self.minimum:g} to {self.maximum:g}" + (f", scaled: {self.scale}" if self.scale else "")
            )
        if self.nonfinite:
            lines.append(f"{self.nonfinite} values are {'infinite' if self.kind == 'table' else 'NaN or infinite'}")
        if self.missing:
            lines.append(f"{self.missing} holes: they count nowhere in the loss")
        if self.columns:
            kinds = Counter(kind.split(",")[0] for kind in self.columns.values())
            lines.append("columns: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
            lines += [f"  {name}: {kind}" for name, kind in self.columns.items() if kind != "numeric"][:MANY]
        if self.constant:
            lines.append(f"constant in training: {_short(self.constant)}")
        if self.splits:
            lines.append(", ".join(f"{name} {count}" for name, count in self.splits.items()))
        return lines + [self._labels(name) for name in self.labels]

    def _labels(self, split: str) -> str:
        words = [f"{name}: {count}" for name, count in self.labels[split].items()]
        missing = self.unlabelled.get(split, 0)
        return f"{split} labels: {_short(words) or 'none'}" + (f" ({missing} unlabelled)" if missing else "")

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON; problems as text."""
        return {**asdict(self), "problems": [str(problem) for problem in self.problems]}


def describe(spec: Data) -> Description:
    """Read what `spec` names and describe it, up to the splits where nothing is wrong.

    Raises UserError only where it cannot be read at all.
    """
    want = Want.of(spec)
    if choose(spec.residency, size_of(spec.source, want)).place == "streamed":
        return _streamed(spec)
    raw = read(spec.source, want)
    found, dataset = problems(raw), None
    if not found:
        try:
            dataset = assemble(raw, spec)
        except UserError as error:
            found = list(error.problems)
    return described(raw, spec, dataset, found)


def _streamed(spec: Data) -> Description:
    """What is larger than memory, as training will see it: written to the cache once, and described from there."""
    dataset = load(spec)
    features, splits = dataset.features, dataset.splits()
    missing = round(sum(features.profile.missing) * features.profile.rows) if features.profile else 0
    return Description(
        source=spec.source, rows=sum(map(len, splits.values())), shape=features.shape, dtype="streamed",
        kind=features.kind, minimum=None, maximum=None, nonfinite=0, missing=missing,
        constant=tuple(features.name(i) for i in features.constant_columns), scale=features.scale,
        sha256=dataset.sha256, splits={name: len(split) for name, split in splits.items()},
        columns=_kinds(features.fields or (), tuple(dataset.train.carried)), notes=dataset.notes,
    )  # fmt: skip


def described(raw: Raw, spec: Data, dataset: Dataset | None, found: list[Problem] | None = None) -> Description:
    """The description of rows already read, and of the dataset made of them, if one could be."""
    low, high = _range(raw)
    splits = dataset.splits() if dataset else {}
    features = dataset.features if dataset else None
    return Description(
        source=spec.source, rows=len(raw.x), shape=raw.x.shape[1:], dtype=str(raw.x.dtype), kind=raw.kind,
        minimum=low, maximum=high, nonfinite=len(nonfinite(raw.x, holes=raw.kind == "table")),
        missing=int(np.isnan(raw.x).sum()) if raw.kind == "table" and raw.x.dtype.kind == "f" else 0,
        constant=tuple(features.name(i) for i in features.constant_columns) if features else (),
        scale=features.scale if features else None,
        sha256=dataset.sha256 if dataset else None,
        splits={name: len(split) for name, split in splits.items()},
        labels={name: counts(split.labels) for name, split in splits.items() if split.labels is not None},
        unlabelled={name: count for name, split in splits.items() if (count := unlabelled(split.labels))},
        columns=_columns(raw), notes=raw.notes, warnings=tuple(_warnings(raw, low, high)), problems=tuple(found or ()),
    )  # fmt: skip


def counts(labels: np.ndarray) -> dict[str, int]:
    """How many rows have each label, in the order of the labels."""
    values, number = np.unique(labels[labelled(labels)], return_counts=True)
    return {str(v): int(n) for v, n in zip(values, number, strict=True)}


def _columns(raw: Raw) -> dict[str, str]:
    """What each column of a table with names is, where not all are numbers."""
    return _kinds(raw.fields or (), tuple(raw.carried))


def _kinds(fields: tuple[Field, ...], carried: tuple[str, ...]) -> dict[str, str]:
    if all(f.kind == "numeric" and not f.format for f in fields) and not carried:
        return {}
    return {f.name: _kind(f) for f in fields} | dict.fromkeys(carried, "carried")


def _kind(field: Field) -> str:
    if field.kind == "categorical":
        return f"{field.kind}, {len(field.values)} categories"
    return f"{field.kind}, written {example(Style(field.kind, field.format))}" if field.format else field.kind


def _range(raw: Raw) -> tuple[float | None, float | None]:
    """Of the finite numbers."""
    category = np.array([bool(f.values) for f in raw.fields or ()], bool)
    x = raw.x[:, ~category] if category.any() else raw.x
    finite = x[np.isfinite(x)] if len(nonfinite(x)) else x
    return (float(finite.min()), float(finite.max())) if finite.size else (None, None)


def _warnings(raw: Raw, low: float | None, high: float | None) -> list[str]:
    found = []
    if low is None or high is None:
        return found
    whole = raw.x.dtype.kind in "iu"
    if raw.kind == "image" and raw.x.dtype.kind == "f" and (low < 0 or high > 1):
        found.append(f"float images are taken as they are, and these go from {low:g} to {high:g}, not from 0 to 1")
    if raw.kind == "image" and whole and (low < 0 or high > raw.divisor):
        found.append(f"integer pixels are divided by {raw.divisor:g}, but these go from {low:g} to {high:g}")
    if raw.kind == "image" and whole and high <= 1 < raw.divisor:
        found.append(f"integer pixels are divided by {raw.divisor:g}, but none exceeds 1: float and bool are not")
    if (
        raw.kind == "table"
        and raw.columns is None
        and raw.x.shape[1] > 1
        and (raw.x[0] == np.arange(raw.x.shape[1])).all()
    ):
        found.append("the first row reads 0, 1, 2, ...: if it is a header, give its columns names that are no numbers")
    return found


def _short(words: list[str] | tuple[str, ...]) -> str:
    return ", ".join(words[:LISTED]) + (f" and {len(words) - LISTED} more" if len(words) > LISTED else "")
