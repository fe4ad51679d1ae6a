"""What the text of one cell may be: a hole, a number, a yes or no, a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import nan
from typing import Literal

# A cell of these has no value, in any column; "?" is how the UCI repository writes it.
HOLES = ("", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "?")
# These are words of their own in a column of text, and holes in one of numbers or dates.
SOFT_HOLES = ("None", "none", "-")

BOOLEANS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
ASKED_BOOLEANS = {**BOOLEANS, "1": 1.0, "0": 0.0, "t": 1.0, "f": 0.0, "y": 1.0, "n": 0.0}
FALSE_TRUE = ("false", "true")

DATE = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DATE = -62135596800.0  # 0001-01-01, in seconds since 1970: there is no year 0
NUMBER_STARTS = frozenset("0123456789+-.iInN")  # "inf" and "nan" are numbers, too
_DATE = re.compile(DATE, re.ASCII)

Word = Literal["numeric", "boolean", "date", "soft", "styled", "text"]


def number(text: str) -> float | None:
    """A decimal number, NaN for a hole, None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return nan if text in HOLES or text in SOFT_HOLES else None
    return value if text.isascii() and "_" not in text else None


def seconds(text: str) -> float | None:
    """An ISO date or date-time in seconds since 1970-01-01 UTC (without a zone it is UTC), NaN for a hole.

    None for anything else.
    """
    if text in HOLES or text in SOFT_HOLES:
        return nan
    if not _DATE.match(text):
        return None
    try:
        found = datetime.fromisoformat(text)
        return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - EPOCH).total_seconds()
    except (ValueError, OverflowError):
        return None


def boolean(text: str) -> float | None:
    """1 or 0 for true, yes, false, no (in any case), their first letters and the digits; NaN for a hole, else None."""
    return nan if text in HOLES else ASKED_BOOLEANS.get(text.lower())
