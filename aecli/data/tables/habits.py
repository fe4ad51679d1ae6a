"""What all columns of a file have in common: one decimal mark, and one order of day and month.

1.234 is 1234 beside a column of 1,5, and 01/02/2020 is in February beside one of 13/02/2020.
"""

from __future__ import annotations

from collections.abc import Iterable

from aecli.data.tables.styles import Style

MARKS = frozenset((".", ","))
DAYS = frozenset(("d/m/y", "m/d/y"))


def shown(fitting: Iterable[Style], marked: bool) -> set[str]:
    """The one mark, or the one order, of the styles that all cells of a column are of; empty where there are more.

    `marked`: whether a point or comma stands in any cell.
    """
    known = list(fitting)
    marks = {mark_of(style) for style in known if style.kind == "numeric" and marked}
    days = {style.format for style in known if style.format in DAYS}
    return {word for words in (marks, days) if len(words) == 1 for word in words}


def settled(columns: Iterable[set[str]]) -> frozenset[str]:
    """What columns show, and no other column contradicts."""
    found = {word for words in columns for word in words}
    return frozenset(found - {word for rivals in (MARKS, DAYS) if rivals <= found for word in rivals})


def mark_of(style: Style) -> str:
    """The decimal mark of a style of numbers."""
    return style.format[:1] or "."


def unlike(style: Style, other: Style) -> bool:
    """Whether two styles of one kind read a cell that is of both as two things."""
    return style.kind != "numeric" or mark_of(style) != mark_of(other)
