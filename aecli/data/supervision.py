"""Rows with their labels, where training uses them: each row flat, the number of its class after it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.data.features import MANY
from aecli.data.labels import labelled

if TYPE_CHECKING:
    from jaxtyping import Float32, Shaped

    from aecli.config.problems import Place
    from aecli.data.dataset import Dataset, Split

FEW = 20  # classes: as many may be of a row each
NONE = -1  # the number of a row without a label, or of one that training did not have


def with_classes(dataset: Dataset, place: Place | None) -> Dataset:
    """The dataset, its features knowing the classes of its training rows; UserError where these do not have two."""
    labels, hint = dataset.train.labels, "set data.label to the column of classes, or remove training.supervised"
    if labels is None:
        raise UserError(Problem("supervised training needs labels, and these rows have none", place, hint))
    if labels.dtype.kind == "f":
        raise UserError(Problem("supervised training needs classes, and these labels are fractions", place, hint))
    there = labels[labelled(labels)]
    found = np.unique(there)
    if not 2 <= len(found) <= MANY:
        text = f"supervised training needs 2 to {MANY:,} classes, and the training rows have {len(found):,}"
        raise UserError(Problem(text, place, hint))
    if len(found) > FEW and 2 * len(found) > len(there):
        text = (
            f"supervised training needs classes, and {len(there):,} labelled rows have {len(found):,} different labels"
        )
        raise UserError(Problem(text, place, hint))
    return replace(dataset, features=replace(dataset.features, classes=tuple(map(str, found))))


def class_numbers(labels: Shaped[np.ndarray, " n"], classes: tuple[str, ...]) -> Float32[np.ndarray, " n"]:
    """The number of each label's class by name, NONE where there is none."""
    out = np.full(len(labels), NONE, np.float32)
    names = _named(np.asarray(labels), classes)
    order = np.argsort(classes)
    ordered = np.array(classes)[order]
    at = np.minimum(np.searchsorted(ordered, names), len(classes) - 1)
    known = (ordered[at] == names) & labelled(np.asarray(labels))
    out[known] = order[at[known]]
    return out


def _named(labels: Shaped[np.ndarray, " n"], classes: tuple[str, ...]) -> Shaped[np.ndarray, " n"]:
    """Labels by name. Numbers and truth values that came as text, for another cell of theirs is a word, are such."""
    names = labels.astype(str)
    if labels.dtype.kind != "U":
        return names
    if set(classes) <= {"True", "False"}:
        return np.char.capitalize(names)
    if all(re.fullmatch(r"-?\d+", name) for name in classes):
        whole = {name: re.sub(r"\.0*$", "", name) for name in np.unique(names)}
        return np.array([whole[name] for name in names])
    return names


@dataclass(frozen=True)
class Labelled:
    """The rows of a split [n, d + 1], joined with their classes where they are read."""

    x: Any
    classes: Float32[np.ndarray, " n"]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, features and one more."""
        return len(self.x), prod(self.x.shape[1:]) + 1

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> Float32[np.ndarray, "rows features"]:
        x = np.asarray(self.x[rows], np.float32)
        return np.concatenate([x.reshape(len(x), -1), self.classes[rows, None]], axis=1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[slice(None)]


def any_class(split: Split, classes: tuple[str, ...]) -> bool:
    """Whether any row has one of the classes."""
    return split.labels is not None and bool((class_numbers(np.asarray(split.labels), classes) >= 0).any())


def trained_rows(split: Split, classes: tuple[str, ...]) -> Any:
    """The rows that training is fed: with their classes, where there are any."""
    if not classes:
        return split.x
    labels = np.full(len(split), "") if split.labels is None else np.asarray(split.labels)
    return Labelled(split.x, class_numbers(labels, classes))
