"""Labels: read from any column or array, matched with the config's classes. A row may have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Place, Problem, UserError, did_you_mean
from aecli.data.raw import type_name
from aecli.data.tables.cells import HOLES, SOFT_HOLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Shaped

MANY = 20  # names listed in a message
CLASSES = ("data", "classes")


def as_labels(values: np.ndarray, name: str, place: Place) -> Shaped[np.ndarray, " n"]:
    """One label a row as bool, int64 or text; whole floats become integers, [n, 1] becomes [n].

    A row without a label (NaN, or a word for a hole) has "" among classes, and NaN among fractions. Raises
    UserError for more than one value a row, and for objects.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        hint = "one label a row is needed: one-hot labels are y.argmax(axis=1)"
        raise UserError(Problem(f"the labels '{name}' have shape {list(values.shape)}, not [rows]", place, hint))
    if values.dtype.kind in "SU":
        return partly(np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values)
    if values.dtype.kind not in "biuf":
        raise UserError(Problem(f"the labels '{name}' are {type_name(values.dtype)}", place, "use numbers or text"))
    if values.dtype.kind == "f":
        known = ~np.isnan(values)
        if not is_whole(values[known]):
            return values.astype(np.float64)
        return values.astype(np.int64) if known.all() else _filled(values[known].astype(np.int64), known)
    return values if values.dtype.kind == "b" else values.astype(np.int64)


def is_whole(values: np.ndarray) -> bool:
    """Whether all of these floats are integers that a float holds exactly."""
    finite = bool(np.isfinite(values).all())
    return finite and bool((values == np.rint(values)).all()) and bool((np.abs(values) < 2**53).all())


def labelled(labels: Shaped[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which rows have a label."""
    if labels.dtype.kind == "U":
        return labels != ""
    return ~np.isnan(labels) if labels.dtype.kind == "f" else np.ones(len(labels), bool)


def unlabelled(labels: np.ndarray | None) -> int:
    """How many rows have no label, where others may have one."""
    return 0 if labels is None else int((~labelled(np.asarray(labels))).sum())


def unlabelled_note(missing: int, rows: int, left_out: int | None) -> tuple[str, ...]:
    """What to say of rows without a label; `left_out` of them are not trained on, where `data.classes` is set."""
    if not missing:
        return ()
    aside = "" if left_out is None else f"; data.classes leaves {left_out:,} of them out of train and validation"
    return (f"{missing:,} of {rows:,} rows are unlabelled{aside}",)


def partly(text: Shaped[np.ndarray, " n"]) -> Shaped[np.ndarray, " n"]:
    """Text labels as `parsed` has them; a word for a hole is "", and then all labels are text."""
    bare = np.char.strip(text)
    known = ~np.isin(bare, HOLES)
    soft = known & np.isin(bare, SOFT_HOLES)
    if soft.any() and parsed(text[known & ~soft]).dtype.kind == "i":
        known &= ~soft
    return parsed(text) if known.all() else _filled(parsed(text[known]), known)


def _filled(values: np.ndarray, known: Bool[np.ndarray, " n"]) -> Shaped[np.ndarray, " n"]:
    """The values of the known rows as text, "" for the others."""
    text = values.astype(np.str_)
    found = np.zeros(len(known), text.dtype if len(text) else np.dtype("<U1"))
    found[known] = text
    return found


def parsed(text: Shaped[np.ndarray, " n"]) -> Shaped[np.ndarray, " n"]:
    """Text labels as int64 or bool where every one of them is such, else the text as it is."""
    names = np.unique(text)
    if len(names) and {str(n).strip().lower() for n in names} <= {"true", "false"}:
        return np.char.lower(np.char.strip(text)) == "true"
    try:
        numbers = np.array([float(n) for n in names if "_" not in n])
    except ValueError:
        return text
    if not len(names) or len(numbers) < len(names) or not (np.isfinite(numbers) & (np.abs(numbers) < 2**53)).all():
        return text
    whole = (numbers == np.rint(numbers)).all()
    return text.astype(np.float64).astype(np.int64) if whole else text


def class_names(*labels: np.ndarray | None) -> tuple[str, ...]:
    """The names of all classes among these labels, in the order of the labels themselves."""
    known = [values[labelled(values)] for values in labels if values is not None and len(values)]
    known = [values for values in known if len(values)]
    return tuple(str(v) for v in np.unique(np.concatenate(known))) if known else ()


def among(labels: Shaped[np.ndarray, " n"], classes: Sequence[int | str | bool]) -> Bool[np.ndarray, " n"]:
    """Which labels are one of `classes`: compared by name, so that 3 and '3' are one class."""
    values, index = np.unique(labels, return_inverse=True)
    wanted = {str(c) for c in classes}
    return np.array([str(v) in wanted for v in values], bool)[index] if len(values) else np.zeros(0, bool)


def check_classes(labels: np.ndarray | None, classes: Sequence[int | str | bool], name: str) -> None:
    """Raise UserError where `data.classes` names what no row has, or where there are no labels at all."""
    if labels is None:
        hint = "set data.label to the column (or the key of the .npz) that holds them, or leave data.classes out"
        raise UserError(Problem(f"data.classes is set, but {name} has no labels", None, hint, CLASSES))
    if not classes:
        raise UserError(
            Problem("data.classes is an empty list", None, "name at least one label, or leave it out", CLASSES)
        )
    known = class_names(labels)
    hints = [(c, did_you_mean(str(c), known[:MANY]) or "") for c in classes if str(c) not in known]
    if hints:
        text = f"data.classes: no row of {name} has the label"
        raise UserError(*(Problem(f"{text} '{c}'", None, hint, CLASSES) for c, hint in hints))
