"""What a plain (unquoted) YAML scalar means here: YAML 1.2's numbers, one spelling of each word, no guess.

Whatever YAML 1.1 reads as something else than it looks (`on`, `12:30`, `010`, `2024-01-01`) is refused.
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "true": True, "false": False}
BOOLEAN_LIKE = re.compile(r"(?i)on|off|yes|no")
LARGEST = 2**63 - 1

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NONZERO = re.compile(r"[^eE]*[1-9]")
_QUOTE = "quote it to mean text"

_EXPONENT = r"(?:[eE][-+]?[0-9]+)?"

# The order matters: `0x10` and `0_1` also begin with a zero.
_REFUSED = tuple(
    (re.compile(pattern), message, f"{hint} or {_QUOTE}".removeprefix(" or "))
    for pattern, message, hint in (
        (BOOLEAN_LIKE.pattern, "is not read as true or false", "write true or false,"),
        (r"(?i)true|false|null", "is not in lower case", "write it in lower case,"),
        (r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", "would be a base-60 number", ""),
        (r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:.*)?", "would be a date", ""),
        (r"[-+]?0(?:[xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)", "is not decimal", "write it in decimal,"),
        (
            r"[-+]?[0-9]+_[0-9_]*(?:\.[0-9_]*)?" + _EXPONENT,
            "is a number with '_' in it",
            "leave the '_' out,",
        ),
        (r"[-+]?0[0-9]+(?:\.[0-9]*)?" + _EXPONENT, "begins with a zero", "leave the zero out,"),
        (r"(?i)[-+]?\.(?:inf|nan)", "is not a finite number", "write a number,"),
    )
)


class RefusedError(Exception):
    """A scalar that this reader does not accept: what it is, and what to write instead."""

    def __init__(self, message: str, hint: str):
        super().__init__(message)
        self.message, self.hint = message, hint


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar: null, true, false, a decimal number, or else the text itself.

    Raises:
        RefusedError: where YAML readers disagree about `text`, or where it is a number that does not fit.
    """
    if text in WORDS:
        return WORDS[text]
    for pattern, message, hint in _REFUSED:
        if pattern.fullmatch(text):
            raise RefusedError(message, hint)
    if _INT.fullmatch(text):
        return _whole(text)
    return _real(text) if _FLOAT.fullmatch(text) else text


def _whole(text: str) -> int:
    # The length comes first: int() of very long text is refused by Python itself.
    if len(text) > 20 or abs(int(text)) > LARGEST:
        raise RefusedError("is too large a whole number", f"the largest is {LARGEST}")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise RefusedError("is too large a number", "the largest is about 1.8e308")
    if value == 0 and _NONZERO.match(text):
        raise RefusedError("is too small a number: it would be read as 0", "write 0.0 to mean zero")
    return value


def means_itself(text: str) -> bool:
    """Whether `text`, unquoted, is read as that very text."""
    try:
        return plain(text) == text
    except RefusedError:
        return False
