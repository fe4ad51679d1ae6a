"""How values are named in messages: shortened, and without control characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_LONGEST = 40
# What steers a terminal or turns the order of what is read there: C0 but tab and newline, DEL, C1, separators of
# lines, marks and overrides of direction; and halves of surrogate pairs, which no encoding has.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    """`text` as any output for people may hold it: what steers a terminal is written as escapes (`\\x1b`)."""
    return _STEERING.sub(lambda found: _escape(found[0]), text)


def harmless_json(text: str) -> str:
    """JSON likewise, each such character as JSON's own escape: it means the same to whoever reads it as JSON."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def clean(text: str) -> str:
    """`text` with what a terminal would not print as itself written as escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def quoted(value: Any) -> str:
    """`value` in single quotes, cut to 40 characters."""
    text = clean(str(value)[: _LONGEST + 1])
    return f"'{text}'" if len(text) <= _LONGEST else f"'{text[: _LONGEST - 1]}…'"


def described(value: Any) -> str:
    """What `value` is, in the words of a config: text '12', 1.5, true, null, a list, a mapping."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"text {quoted(value)}"
    if isinstance(value, int | float):
        return quoted(value)[1:-1]
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return "a mapping" if isinstance(value, dict) else f"a {type(value).__name__}"


def either(choices: Sequence[str]) -> str:
    """The choices as a sentence has them: a, b or c."""
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


def subject(loc: Sequence[str | int]) -> str:
    """The value at `loc` as messages call it: its key, and the indexes that follow the key."""
    start = max((i for i, key in enumerate(loc) if isinstance(key, str)), default=0)
    return quoted(".".join(map(str, loc[start:]))) if loc else "the config"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
