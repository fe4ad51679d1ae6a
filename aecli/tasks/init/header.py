"""The comments at the top of a recipe: `# word: text`, and lines of more blanks that go on with it."""

from __future__ import annotations

import re
from typing import NamedTuple

_ENTRY = re.compile(r"# ([a-z]+): (.*)")
_MORE = "#   "


class Entry(NamedTuple):
    """A word and what it says, on one line; `line` is where it begins, from 1."""

    word: str
    text: str
    line: int


def header(text: str) -> list[Entry]:
    """The entries before the first line that is no comment."""
    found: list[Entry] = []
    goes_on = False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("#"):
            break
        if match := _ENTRY.fullmatch(line):
            found.append(Entry(match[1], match[2].strip(), number))
            goes_on = True
        elif goes_on and line.startswith(_MORE):
            found[-1] = found[-1]._replace(text=f"{found[-1].text} {line.removeprefix('#').strip()}")
        else:
            goes_on = False
    return found


def said(text: str, word: str) -> str | None:
    """What the header says first under this word."""
    return next((entry.text for entry in header(text) if entry.word == word), None)
