"""What a reader hands on: the rows as they are in the file, before anything is divided, scaled or refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.spec import Data, Image

Kind = Literal["image", "table"]
ColumnKind = Literal["numeric", "categorical", "boolean", "date"]
PLAIN_IMAGE = Image()
PIXEL_RANGE = 255.0  # what integer pixels are divided by, unless their source says otherwise


@dataclass(frozen=True)
class Want:
    """What to read beside x.

    `strict`: a label, id or key that is not there is an error (for training), else it is left out.
    `columns` and `width` are those of the run that the rows are for, where there is one.
    """

    label: str | int | None = None
    id: str | int | None = None
    key: str | None = None
    columns: tuple[str, ...] | None = None
    width: int | None = None
    strict: bool = True
    kinds: tuple[tuple[str, str], ...] = ()  # (column, kind) where the config, or the run, says it
    formats: tuple[tuple[str, str], ...] = ()  # (column, how its cells are written) of the run
    header: bool | None = None  # whether the first row is names; None: by its looks
    image: Image = PLAIN_IMAGE
    rows: int | None = None

    @classmethod
    def of(cls, spec: Data) -> Want:
        """What a config's `data` section asks for."""
        header = None if spec.header == "auto" else spec.header
        return cls(
            spec.label, spec.id, spec.key, kinds=tuple(spec.columns.items()), header=header, image=spec.image,
            rows=spec.rows,
        )  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A column of a table as its source has it.

    Its values in x are float64: a number; seconds since 1970 (date); the index of the text in `values`
    (categorical, boolean: false, true); NaN for a hole.
    """

    name: str
    kind: ColumnKind = "numeric"
    values: tuple[str, ...] = ()
    format: str = ""  # how its cells are written (`aecli.data.tables.styles`)


@dataclass(frozen=True)
class Rows:
    """Rows x [n, ...features], with their labels and ids [n] where the source has any."""

    x: np.ndarray
    labels: np.ndarray | None = None
    ids: np.ndarray | None = None


@dataclass(frozen=True)
class Raw(Rows):
    """All a source holds: images [n, height, width, channels] (NHWC), flat pixels or tables [n, d].

    `divisor` is what integer pixels are divided by (1 for tables); `assumed`: an array does not say it, so
    that rows for a run are divided by what its training rows were. `files` are the files read, for their hash.
    `first_line` is the line of the first row, in a text file with one line a row.
    """

    given_test: Rows | None = None
    kind: Kind = "table"
    columns: tuple[str, ...] | None = None
    divisor: float = 1.0
    file: str = "the array"
    files: tuple[Path, ...] = ()
    first_line: int | None = None
    fields: tuple[Field, ...] | None = None  # of a table with columns by name; None: all are numbers
    carried: dict[str, np.ndarray] = field(default_factory=dict)  # other columns [n], as text or numbers
    first: int = 0  # the number of the first row in the source, where this is a block of it
    notes: tuple[str, ...] = ()  # what a reader decided that its user should know
    assumed: bool = False

    @property
    def place(self) -> Place:
        """The file as a place to report problems at."""
        return Place(self.file)

    def line(self, row: int) -> Place:
        """Where row `row` (from 0) of x stands."""
        return Place(self.file, None if self.first_line is None else self.first_line + row)


def raw_array(
    x: np.ndarray,
    file: str = "the array",
    *,
    labels: np.ndarray | None = None,
    ids: np.ndarray | None = None,
    given_test: Rows | None = None,
    divisor: float | None = None,
    files: tuple[Path, ...] = (),
) -> Raw:
    """The array as rows: 3-D and 4-D arrays and all of uint8 are images, any other 2-D array is a table."""
    place = Place(file)
    x = arranged(x, "x", place)
    image = x.ndim > 2 or x.dtype == np.uint8
    if given_test:
        given_test = Rows(arranged(given_test.x, "x_test", place), given_test.labels, given_test.ids)
    scale = (divisor or PIXEL_RANGE) if image else 1.0
    kind: Kind = "image" if image else "table"
    return Raw(x, labels, ids, given_test, kind, None, scale, file, files, assumed=divisor is None)


def arranged(x: np.ndarray, name: str, place: Place) -> np.ndarray:
    """`x` in native byte order as [n, d] or [n, h, w, c] ([n, h, w] gets one channel), or a UserError."""
    if x.dtype.kind not in "biuf":
        raise UserError(
            Problem(
                f"{name} holds {type_name(x.dtype)}, not real numbers",
                place,
                "save it as numbers: x.astype('float32')",
            )
        )
    if x.ndim not in (2, 3, 4):
        hint = {1: "one row is x.reshape(1, -1), one column is x.reshape(-1, 1)"}.get(x.ndim, "reshape it first")
        raise UserError(
            Problem(
                f"{name} has shape {list(x.shape)} ({x.ndim}-D): rows are [n, features], "
                "[n, height, width] or [n, height, width, channels]", place, hint,
            )
        )  # fmt: skip
    x = x.astype(x.dtype.newbyteorder("="), copy=False)
    return x[..., None] if x.ndim == 3 else x


def type_name(dtype: np.dtype) -> str:
    """A dtype in words a person would use."""
    if dtype.names:
        return f"records ({', '.join(dtype.names)})"
    words = {
        "O": "Python objects",
        "c": "complex numbers",
        "U": "text",
        "S": "text",
        "M": "dates",
        "m": "durations",
    }
    return words.get(dtype.kind, str(dtype))


def cell(index: tuple[int, ...], columns: tuple[str, ...] | None) -> str:
    """Words for an element of x by its index from 0: rows are counted from 1, columns and pixels from 0."""
    row, *rest = (int(i) for i in index)
    if len(rest) == 3:
        return f"row {row + 1}, pixel ({rest[0]}, {rest[1]}), channel {rest[2]}"
    return f"row {row + 1}, column {repr(columns[rest[0]]) if columns else rest[0]}"
