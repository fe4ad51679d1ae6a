"""Labels to colour by: classes with a legend, numbers on a scale, or none."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

CLASSES = 20  # as many as can be told apart in one picture
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Labels:
    """What is known of n rows: of `classes`, each row's class number; of a `scale`, its value (NaN: unknown).

    `names` and `counts` are the classes in their order and their rows; `other` is the class that gathers
    the rare ones, `unknown` that of rows without a label; None where there is none such.
    """

    kind: Literal["none", "classes", "scale"]
    number: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    value: np.ndarray = field(default_factory=lambda: np.empty(0))
    names: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    other: int | None = None
    unknown: int | None = None
    notes: tuple[str, ...] = ()


def read_labels(labels: np.ndarray | None, keep: np.ndarray) -> Labels:
    """Labels of the rows that `keep` [n] selects. None, NaN and "" are unknown.

    Up to 20 different ones are classes, more than that a scale where all are numbers, else the 19 most
    frequent and the others.
    """
    values = [] if labels is None else [None if _is_unknown(v) else v for v in np.asarray(labels)[keep].tolist()]
    known = Counter(value for value in values if value is not None)
    if not known:
        return Labels("none", notes=("no label is known: the colour is density",) if values else ())
    numeric = all(isinstance(value, int | float) for value in known)
    if len(known) > CLASSES and numeric:
        return _scale(values)
    return _classes(values, known, numeric)


def _is_unknown(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and not np.isfinite(value))


def _natural(value: Any) -> list[tuple[int, int, str]]:
    """The order of names in which `class 2` comes before `class 10`."""
    parts = re.split(r"([0-9]+)", str(value))
    return [(0, int(part), part) if i % 2 else (1, 0, part) for i, part in enumerate(parts)]


def _scale(values: list[Any]) -> Labels:
    value = np.array([np.nan if v is None else float(v) for v in values])
    missing = int(np.isnan(value).sum())
    return Labels("scale", value=value, notes=(f"{missing:,} without a label in grey",) if missing else ())


def _classes(values: list[Any], known: Counter[Any], numeric: bool) -> Labels:
    kept = [value for value, _ in known.most_common(CLASSES if len(known) <= CLASSES else CLASSES - 1)]
    kept = sorted(kept) if numeric else sorted(kept, key=_natural)
    names = [f"{value:g}" if isinstance(value, float) else str(value) for value in kept]
    place: dict[Any, int] = {value: i for i, value in enumerate(kept)}
    other = None
    if rest := len(known) - len(kept):
        other = len(names)
        place |= dict.fromkeys((value for value in known if value not in place), other)
        names.append(f"{rest:,} other labels")
    unknown = len(names) if None in values else None
    if unknown is not None:
        place[None] = unknown
        names.append(UNKNOWN)
    number = np.array([place[value] for value in values])
    counts = np.bincount(number, minlength=len(names)).tolist()
    return Labels("classes", number, names=tuple(names), counts=tuple(counts), other=other, unknown=unknown)
