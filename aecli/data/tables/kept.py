"""Columns that are kept beside x, labels among them: one type for the whole file, whatever block they come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from pyarrow import types

from aecli.data.labels import is_whole, parsed
from aecli.data.tables import arrays
from aecli.data.tables.arrays import pc
from aecli.data.tables.cells import HOLES, SOFT_HOLES

if TYPE_CHECKING:
    from jaxtyping import Shaped

# With "?": labels of which some are missing, as text that is empty there.
Dtype = Literal["int64", "float64", "bool", "text", "int64?", "bool?", "text?"]
LONGEST = 1000  # characters of a cell: NumPy gives every row the room of the longest
EXACT = 2**53  # whole numbers up to this are exact as floats
WHOLE = r"^(0|-?[1-9]\d{0,17})$"
NUMBER = r"^-?(0|[1-9]\d{0,14})(\.\d{1,15})?([eE][+-]?\d{1,2})?$"  # no 007, nothing that a float would round away


@dataclass
class Kept:
    """The type of one column's values, as more of them are seen.

    Labels are integers or booleans where every one of them is (1.0 is 1, "true" is true); some may be missing.
    Another column of a text file stays text unless nothing is lost by reading numbers: 007 is text.
    """

    label: bool
    untyped: bool  # text may be of numbers: the file has no types
    seen: set[Dtype] = field(default_factory=set)
    holes: int = 0
    soft: bool = False  # there is a label that is a hole if the others are numbers
    longest: int = 0
    huge: bool = False

    def add(self, column: Any) -> None:
        """Take the next cells: text, or a column of Arrow's types."""
        own = arrays.native(column.type)
        if own == "text" or own == "date":
            cells = arrays.text(column)
            longest = pc.max(pc.utf8_length(cells)).as_py()
            self.longest = max(self.longest, longest or 0)
            self._texts(cells, own == "text" and (self.label or self.untyped))
            return
        self.holes += column.null_count
        if own == "boolean":
            self.seen |= {"bool"}
        elif types.is_integer(column.type) and column.type != pa.uint64():
            low, high = (pc.min_max(column)[word].as_py() for word in ("min", "max"))
            self.huge |= max(abs(low or 0), abs(high or 0)) >= EXACT
            self.seen |= {"int64"}
        elif own == "numeric" and not types.is_decimal(column.type) and column.type != pa.uint64():
            values = arrays.numbers(column).astype(np.float64)
            known = values[~np.isnan(values)]
            self.holes += len(values) - len(known) if self.label else 0
            if len(known) or not self.label:
                self.seen |= {"int64" if self.label and is_whole(known) else "float64"}
        else:
            self.seen |= {"text"}

    def _texts(self, cells: Any, numbers: bool) -> None:
        if self.label:
            self._labels(pc.unique(pc.fill_null(cells, "")).to_pylist(), numbers)
        elif "text" in self.seen or not numbers:
            self.seen |= {"text"}
        else:
            self.seen |= self._lossless(cells)

    def _labels(self, names: list[str], numbers: bool) -> None:
        """Take the next labels, each once."""
        kinds: dict[str, Dtype] = {"b": "bool", "i": "int64", "U": "text"}
        known = [name for name in names if name not in HOLES]
        hard = [name for name in known if name not in SOFT_HOLES]
        self.holes += len(names) - len(known)
        self.soft |= len(hard) < len(known)
        if hard:
            self.seen |= {kinds[parsed(np.array(hard, np.str_)).dtype.kind] if numbers else "text"}

    def _lossless(self, cells: Any) -> set[Dtype]:
        held = pc.drop_null(arrays.without_holes(cells))
        self.holes += len(cells) - len(held)
        if not len(held):
            return set()
        if pc.all(pc.is_in(pc.utf8_lower(held), value_set=pa.array(["true", "false"]))).as_py():
            return {"bool"}
        if pc.all(pc.match_substring_regex(held, WHOLE)).as_py():
            self.huge |= bool(pc.any(pc.greater(pc.utf8_length(held), 15)).as_py())
            return {"int64"}
        return {"float64"} if pc.all(pc.match_substring_regex(held, NUMBER)).as_py() else {"text"}

    def dtype(self) -> Dtype:
        """The type that holds every value that was seen."""
        return self._of_label() if self.label else self._of_values()

    def _of_label(self) -> Dtype:
        if self.seen == {"int64"}:
            return "int64?" if self.holes or self.soft else "int64"
        if self.seen == {"bool"} and not self.soft:
            return "bool?" if self.holes else "bool"
        if self.seen and self.seen <= {"int64", "float64"} and not self.huge:
            return "float64"
        return "text?" if self.holes else "text"

    def _of_values(self) -> Dtype:
        if self.seen == {"bool"}:
            return "text" if self.holes else "bool"
        if self.seen == {"int64"}:
            return "int64" if not self.holes else "text" if self.huge else "float64"
        if self.seen == {"int64", "float64"} and not self.huge:
            return "float64"
        return "float64" if self.seen == {"float64"} else "text"


def kept(column: Any, dtype: Dtype) -> Shaped[np.ndarray, " n"]:
    """A column as this type: holes are NaN among floats, and empty in text."""
    own = arrays.native(column.type)
    if dtype in ("int64?", "bool?", "text?"):
        return _partly(column, dtype)
    if dtype == "text":
        return np.array(pc.fill_null(arrays.text(column), "").to_pylist(), np.str_).reshape(-1)
    if own == "text":
        cells = arrays.text(column)
        if dtype == "bool":
            return pc.equal(pc.utf8_lower(cells), "true").to_numpy(zero_copy_only=False)
        if dtype == "float64":
            return np.asarray(arrays.floats(arrays.without_holes(cells)), np.float64)
        return _whole(cells)
    values = arrays.numbers(column)
    return values.astype({"bool": np.bool_, "int64": np.int64, "float64": np.float64}[dtype])


def _partly(column: Any, dtype: Dtype) -> np.ndarray:
    """Labels as text, "" where there is none."""
    cells = arrays.without_holes(arrays.text(column), soft=dtype == "int64?")
    if dtype == "text?":
        return kept(cells, "text")
    known = pc.is_valid(cells).to_numpy(zero_copy_only=False)
    values = kept(cells.drop_null(), "int64" if dtype == "int64?" else "bool").astype(np.str_)
    found = np.zeros(len(cells), values.dtype if len(values) else np.dtype("<U1"))
    found[known] = values
    return found


def _whole(cells: Any) -> np.ndarray:
    try:
        return cells.cast(pa.int64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # 1.0, or +1
        return np.asarray(arrays.looked_up(cells, float)).astype(np.int64)
