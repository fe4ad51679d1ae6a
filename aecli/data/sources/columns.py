"""The columns of a table in a file: which are features, which the label and the id."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from aecli.config.problems import Place, Problem, UserError, did_you_mean
from aecli.data.raw import Want

HOLES = ("", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL")  # a cell of these has no value


@dataclass(frozen=True)
class Columns:
    """Indices from 0 into a row of `width` cells. `names` is the header, or None where there is none."""

    width: int
    names: tuple[str, ...] | None
    features: tuple[int, ...]
    label: int | None = None
    id: int | None = None

    @property
    def header(self) -> bool:
        """Whether the first row is a header."""
        return self.names is not None

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """The names of the features, where there are names."""
        return None if self.names is None else tuple(self.names[i] for i in self.features)

    def name(self, index: int) -> str:
        """A column as messages call it: its quoted name, or its index from 0."""
        return str(index) if self.names is None else repr(self.names[index])


def is_number(text: str) -> bool:
    """Whether a cell is a decimal number, or a hole."""
    text = text.strip()
    if text in HOLES:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text and text.isascii()


def columns_of(first: list[str], want: Want, place: Place) -> Columns:
    """What the columns are. The first row is a header unless every cell is a number (label and id aside).

    Raises UserError for names that occur twice or not at all, and for columns that are missing from, or
    foreign to, those of the run that the rows are for.
    """
    width = len(first)
    numbered = {i for i in (want.label, want.id) if isinstance(i, int)}
    if not want.strict and width == want.width:
        numbered = set()
    header = any(not is_number(c) for i, c in enumerate(first) if i not in numbered)
    names = tuple(c.strip() for c in first) if header else None
    if names:
        _check_unique(names, place)
    label, ids = (_index(word, getattr(want, word), names, width, want, place) for word in ("label", "id"))
    features = tuple(i for i in range(width) if i not in (label, ids))
    if not features:
        raise UserError(
            Problem("no column is left for x beside the label and the id", place, "see data.label and data.id")
        )
    found = Columns(width, names, features, label, ids)
    _check_named(found, place)
    return _matched(found, want, place) if want.columns and names else found


def _check_unique(names: tuple[str, ...], place: Place) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        named = ", ".join(repr(n) for n in twice)
        raise UserError(
            Problem(f"two columns have one name: {named}", Place(place.file, 1), "give each column its own")
        )


def _check_named(columns: Columns, place: Place) -> None:
    for i in columns.features:
        if columns.names and not columns.names[i]:
            hint = f"name it, or drop it; an index of pandas: to_csv(index=False), or data.id: {i}"
            raise UserError(Problem(f"column {i} (from 0) has no name", Place(place.file, 1), hint))


def _index(
    word: str, wanted: str | int | None, names: tuple[str, ...] | None, width: int, want: Want, place: Place
) -> int | None:
    """The index of the label or id column; where it is not strict, None for one that is not there."""
    if wanted is None:
        return None
    if names and str(wanted) in names:
        return names.index(str(wanted))
    if isinstance(wanted, int) and 0 <= wanted < width and (want.strict or _has_extra(width, want)):
        return wanted
    if not want.strict:
        return None
    if names is None:
        hint = f"name a column by its index from 0 to {width - 1}, or give the file a header"
        raise UserError(
            Problem(f"data.{word}: no column {wanted!r}, the file has no header", place, hint, ("data", word))
        )
    hint = did_you_mean(str(wanted), names)
    raise UserError(Problem(f"data.{word}: the file has no column {wanted!r}", place, hint, ("data", word)))


def _has_extra(width: int, want: Want) -> bool:
    """Whether the file has just the run's features and, by index, the label and id that the config names."""
    numbered = [i for i in (want.label, want.id) if isinstance(i, int)]
    return want.width is None or width == want.width + len(numbered)


def _matched(columns: Columns, want: Want, place: Place) -> Columns:
    """The features in the order of the run's columns."""
    assert columns.names is not None
    assert want.columns is not None
    names = columns.feature_names or ()
    missing = [n for n in want.columns if n not in names]
    extra = [n for n in names if n not in want.columns]
    problems = []
    if missing:
        hint = f"the file has {_listed(extra)}" if extra else "the run was trained with it"
        problems.append(Problem(f"the run's column {_listed(missing)} is missing", place, hint))
    if extra:
        problems.append(
            Problem(f"the run knows no column {_listed(extra)}", place, "drop it: x must be what was trained on")
        )
    if problems:
        raise UserError(*problems)
    order = tuple(columns.names.index(n) for n in want.columns)
    return Columns(columns.width, columns.names, order, columns.label, columns.id)


def _listed(names: list[str], shown: int = 10) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(repr(n) for n in names[:shown]) + more
