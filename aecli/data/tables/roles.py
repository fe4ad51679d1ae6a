"""The columns of a table by what they are for: features, label, id, carried along, or left out."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from aecli.config.problems import Place, Problem, UserError, did_you_mean
from aecli.data.raw import Want

NO_TEXT = ("true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf")  # of YAML, or nearly
PANDAS_INDEX = "__index_level_"


@dataclass(frozen=True)
class Roles:
    """Indices from 0 of a table's columns. `features` are in the order of x; `kinds` are those asked for.

    `names` are the header's, or "0", "1", ... where there is none, or the run's that the features stand for.
    `plain`: a table without names of which every column but label and id is a feature.
    """

    names: tuple[str, ...]
    plain: bool
    features: tuple[int, ...]
    label: int | None
    id: int | None
    carried: tuple[int, ...]
    kinds: dict[int, str]
    of_run: bool = False  # the kinds are those of a run that the rows are for
    formats: dict[int, str] = field(default_factory=dict)  # how the run's columns are written

    @property
    def needed(self) -> tuple[int, ...]:
        """All columns that are read."""
        beside = [i for i in (self.label, self.id) if i is not None]
        return tuple(dict.fromkeys([*self.features, *beside, *self.carried]))

    def called(self, index: int) -> str:
        """A column as messages call it: its quoted name, or its index."""
        name = self.names[index]
        return name if self.plain or name == str(index) else repr(name)


def roles_of(
    header: Sequence[str] | None,
    width: int,
    want: Want,
    place: Place,
    line: int | None = None,
    void: frozenset[int] = frozenset(),
) -> Roles:
    """What the columns are for; `line` is that of the header, `void` are columns that are left out.

    Raises UserError for names that occur twice, are blank or not there, and for columns of the run that the
    rows are for which are missing. Columns that such a run does not know are carried.
    """
    at = Place(place.file, line)
    if header is not None:
        _check_unique(header, at)
    label, ids = (_index(word, getattr(want, word), header, width, want, place) for word in ("label", "id"))
    names = tuple(header) if header is not None else tuple(map(str, range(width)))
    rest = [i for i in range(width) if i not in (label, ids) and i not in void]
    if want.columns and not want.strict:
        return _matched(names, header is not None, rest, label, ids, want, place)
    _check_named(names, rest, at)
    kinds = _kinds(names, want, place)
    index = [i for i in rest if names[i].startswith(PANDAS_INDEX) and i not in kinds]
    kinds = {**kinds, **dict.fromkeys(index, "carry")}
    features = tuple(i for i in rest if kinds.get(i) not in ("carry", "drop"))
    if not features:
        hint = "see data.label, data.id and data.columns"
        raise UserError(Problem("no column is left for x", place, hint))
    carried = tuple(i for i in rest if kinds.get(i) == "carry")
    plain = header is None and len(features) == len(rest)
    return Roles(names, plain, features, label, ids, carried, kinds)


def _check_unique(names: Sequence[str], place: Place) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        message = f"two columns have one name: {listed(twice)}"
        raise UserError(Problem(message, place, "give each column its own"))


def _check_named(names: Sequence[str], indices: Sequence[int], place: Place) -> None:
    for i in indices:
        if not names[i]:
            hint = f"name it, or drop it; an index of pandas: to_csv(index=False), or data.id: {i}"
            raise UserError(Problem(f"column {i} (from 0) has no name", place, hint))


def _kinds(names: Sequence[str], want: Want, place: Place) -> dict[int, str]:
    """The kinds asked for, by index; a name that is not there is an error where the config is that of a training."""
    found, problems = {}, []
    for name, kind in want.kinds:
        if name in names:
            found[names.index(name)] = kind
        elif want.strict:
            message = f"data.columns: the file has no column '{name}'"
            problems.append(Problem(message, place, did_you_mean(name, names), ("data", "columns", name)))
    if problems:
        raise UserError(*problems)
    return found


def _index(
    word: str, wanted: str | int | None, names: Sequence[str] | None, width: int, want: Want, place: Place
) -> int | None:
    """The index of the label or id column; where it is not strict, None for one that is not there."""
    if wanted is None:
        return None
    if names and str(wanted) in names:
        return names.index(str(wanted))
    if isinstance(wanted, int) and 0 <= wanted < width and (want.strict or _is_extra(wanted, names, width, want)):
        return wanted
    if not want.strict:
        return None
    if names is None:
        message = f"data.{word}: no column {wanted!r}, the file has no header"
        hint = f"name a column by its index from 0 to {width - 1}, or give the file a header"
        raise UserError(Problem(message, place, hint, ("data", word)))
    hint = did_you_mean(str(wanted), names)
    raise UserError(Problem(f"data.{word}: the file has no column {wanted!r}", place, hint, ("data", word)))


def _is_extra(index: int, names: Sequence[str] | None, width: int, want: Want) -> bool:
    """Whether the file has just the run's features and, by index, the label and id that the config names."""
    if names and want.columns and names[index] in want.columns:
        return False
    expected = len(want.columns) if want.columns else want.width
    numbered = [i for i in (want.label, want.id) if isinstance(i, int)]
    return expected is None or width == expected + len(numbered)


def _matched(
    names: tuple[str, ...], named: bool, rest: list[int], label: int | None, ids: int | None, want: Want, place: Place
) -> Roles:
    """The features in the order of the run's columns: by name, or by place in a file without names."""
    assert want.columns is not None
    there = {names[i]: i for i in rest}
    missing = [n for n in want.columns if n not in there]
    if missing and not named and len(rest) == len(want.columns):
        given = dict(zip(rest, want.columns, strict=True))
        names = tuple(given.get(i, name) for i, name in enumerate(names))
        there, missing = {name: i for i, name in given.items()}, []
    if missing:
        raise UserError(_missing(missing, [n for n in there if n not in want.columns], named, len(rest), want, place))
    kinds = _kinds(names, want, place)
    features = tuple(there[n] for n in want.columns)
    extra = tuple(i for i in rest if i not in features and kinds.get(i) != "drop")
    names = tuple(name or str(i) for i, name in enumerate(names))  # an unnamed column is carried by its index
    formats = {there[name]: format_ for name, format_ in want.formats if name in there}
    return Roles(names, False, features, label, ids, extra, kinds, True, formats)


def _missing(missing: list[str], extra: list[str], named: bool, width: int, want: Want, place: Place) -> Problem:
    if not named:
        count = len(want.columns or ())
        hint = f"its columns are {listed(want.columns or ())}: give the file a header, or just these"
        return Problem(f"rows have shape {width}, but the run was trained on {count}", place, hint)
    near = did_you_mean(missing[0], extra) if extra else None
    unknown = f"beside the run's other columns the file has {listed(extra)}" if extra else None
    hint = near if near and near.startswith("did") else unknown
    return Problem(f"the run's column {listed(missing)} is missing", place, hint or "the run was trained with it")


def as_key(name: str) -> str:
    """A column's name as a key in YAML: quoted unless it is a plain word."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in NO_TEXT
    return name if plain else json.dumps(name, ensure_ascii=False)


def listed(names: Sequence[str], shown: int = 10) -> str:
    """Quoted names with commas, the first few of many."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(repr(n) for n in names[:shown]) + more
