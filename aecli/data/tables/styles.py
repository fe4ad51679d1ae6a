"""How people write numbers and dates: each style by a short name, which is kept with the run, and its reader.

A number's style is "" for plain ones (1234.5, 1e3), else its decimal mark and its unit: "." is 1,234.5 and "," is
1.234,5; ".$" is $1,234.50, ",€" is 12,50 €, ".%" is 12.5%, read as 12.5. A date's is "" for ISO, else the order of its
parts: "d/m/y", "m/d/y", "d.m.y". A category's is "number" where 3 and 3.0 are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from aecli.data.raw import ColumnKind
from aecli.data.tables.cells import BOOLEANS, HOLES, NUMBER_STARTS, SOFT_HOLES, Word, boolean, number, seconds

GROUPS = {
    ".": r"(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d*)?|\.\d+",
    ",": r"(?:\d+|[1-9]\d{0,2}(?:\.\d{3})+)(?:,\d*)?|,\d+",
}
UNIT = r"[$€£¥₹%]|USD|EUR|GBP|JPY|CHF"
ORDERS = ("m/d/y", "d/m/y", "d.m.y")
_BODIES = {mark: re.compile(groups, re.ASCII) for mark, groups in GROUPS.items()}
_WRITTEN = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-]?)(?P<before>{UNIT})?[ \xa0]?(?P<inner>[+-]?)(?P<body>[\d.,]+)"
    rf"[ \xa0]?(?P<after>{UNIT})?(?P<close>\))?",
    re.ASCII,
)
_DATE = re.compile(r"(\d{1,2})([/.])(\d{1,2})\2(\d{4})(.*)", re.ASCII | re.DOTALL)
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0*", re.ASCII)
Read = Callable[[str], float | None]


class Style(NamedTuple):
    """A kind of column, and how its cells are written."""

    kind: ColumnKind
    format: str = ""


PLAIN, ISO, TRUTH = Style("numeric"), Style("date"), Style("boolean")


def reader(style: Style) -> Read:
    """What reads a cell of this style: its number, NaN for a hole, None for anything else."""
    if style == PLAIN:
        return number
    if style == ISO:
        return seconds
    if style.kind == "boolean":
        return boolean
    return partial(_money if style.kind == "numeric" else _day, style.format)


def _money(format_: str, text: str) -> float | None:
    """A number as a style has it; plain ones without a mark that would say something else are of every such style."""
    if text in HOLES or text in SOFT_HOLES:
        return number(text)
    found = _WRITTEN.fullmatch(text)
    mark, unit = format_[0], format_[1:]
    if found is None:
        plain = number(text)
        return plain if not unit and (mark == "." or "." not in text) else None
    if _unit(found) != unit or not _BODIES[mark].fullmatch(found["body"]):
        return None
    body = found["body"].replace("," if mark == "." else ".", "").replace(",", ".")
    return -float(body) if found["open"] or "-" in (found["sign"], found["inner"]) else float(body)


def _unit(found: re.Match[str]) -> str | None:
    """The unit of a written number, None where sign, unit or bracket stand there twice, or by half."""
    before, after = found["before"] or "", found["after"] or ""
    signs = found["sign"] + found["inner"] + (found["open"] or "")
    whole = (found["open"] is None) == (found["close"] is None)
    return before + after if whole and len(signs) < 2 and not (before and after) and before != "%" else None


def _day(format_: str, text: str) -> float | None:
    if text in HOLES or text in SOFT_HOLES:
        return seconds(text)
    found = _DATE.fullmatch(text)
    if found is None or found[2] != format_[1]:
        return None
    day, month = (found[3], found[1]) if format_ == "m/d/y" else (found[1], found[3])
    return seconds(f"{found[4]}-{month:0>2}-{day:0>2}{found[5]}")


def styles(text: str, comma: bool) -> tuple[Style, ...]:
    """Every style that a cell, which is no hole, can be read in; of decimal commas only where `comma` allows them."""
    if text.lower() in BOOLEANS:
        return (TRUTH,)
    written = _WRITTEN.fullmatch(text)
    unit = _unit(written) if written else None
    marks = (".", ",") if comma else (".",)
    likely = [Style("numeric", mark + (unit or "")) for mark in marks]
    if text[:1] in NUMBER_STARTS:
        likely = [PLAIN, ISO, *likely, *(Style("date", order) for order in ORDERS)]
    return tuple(style for style in likely if reader(style)(text) is not None)


def word(text: str) -> Word:
    """What a cell that is no hole looks like: "styled" is a number that is not a plain one."""
    if text in SOFT_HOLES:
        return "soft"
    kinds = [style.kind for style in styles(text, comma=True)]
    if kinds and kinds[0] == "numeric":
        return "numeric" if number(text) is not None else "styled"
    return kinds[0] if kinds and kinds[0] in ("date", "boolean") else "text"


def plain_category(text: str) -> str:
    """A number as a category: 3.0 is 3."""
    found = _WHOLE.fullmatch(text)
    return found[1] if found else text


def example(style: Style) -> str:
    """How the style writes, in words for a message."""
    if style.kind == "date":
        return style.format.replace("d", "dd").replace("m", "mm").replace("y", "yyyy") or "YYYY-MM-DD"
    mark, unit = style.format[:1], style.format[1:]
    digits = "1.234,5" if mark == "," else "1,234.5" if mark else "1234.5"
    if unit == "%":
        return f"{'12,5' if mark == ',' else '12.5'}%, which is {12.5:g}"
    return f"{digits} {unit}" if mark == "," and unit else f"{unit}{' ' if len(unit) > 1 else ''}{digits}"
