"""A config as YAML with a comment above every choice."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from typing import Any

from aecli.config.scalars import means_itself
from aecli.config.words import clean
from aecli.tasks.init.choice import ASKED, Choices

WIDTH = 118
PLAIN = re.compile(r"[A-Za-z_./~][A-Za-z0-9_./~+-]*(?: [A-Za-z0-9_./~+-]+)*")


def render(config: dict[str, Any], choices: Choices, head: Sequence[str]) -> str:
    """`head` as a comment, then the config: sections as blocks, what is in them on a line each."""
    lines = [*(line for text in head for line in comment(text)), ""]
    for section, value in config.items():
        lines += _entry(section, value, choices, "", section)
    return "\n".join(lines) + "\n"


def comment(text: str, indent: str = "") -> list[str]:
    """Lines that begin with `#`; blanks at the beginning of `text` stay, and the lines after the first are indented."""
    text = clean(text)
    blanks = text[: len(text) - len(text.lstrip(" "))]
    first, rest = f"{indent}# {blanks}", f"{indent}# {blanks}  "
    body = text.strip()
    found = textwrap.wrap(
        body, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return found or [f"{indent}#"]


def scalar(value: Any) -> str:
    """A value on one line, as the config's reader reads it back."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {scalar(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(scalar, value)) + "]"
    if isinstance(value, str):
        return value if PLAIN.fullmatch(value) and means_itself(value) else _quoted(value)
    if isinstance(value, float):
        return _real(value)
    return json.dumps(value)


def _entry(key: str, value: Any, choices: Choices, indent: str, path: str) -> list[str]:
    section = isinstance(value, dict) and bool(value) and any(known.startswith(f"{path}.") for known in choices)
    lines = [] if section or len(indent) > 2 else _why(path, value, choices, indent)
    inline = f"{indent}{scalar(key)}: {scalar(value)}"
    if not section and (len(inline) <= WIDTH or not isinstance(value, dict)):
        return [*lines, inline]
    lines.append(f"{indent}{scalar(key)}:")
    for word, item in value.items():
        lines += _entry(word, item, choices, indent + "  ", f"{path}.{word}")
    return lines


def _why(path: str, value: Any, choices: Choices, indent: str) -> list[str]:
    """The reason as a comment; what is not as it was chosen comes from the command line."""
    choice = choices.get(path)
    why = choice.why if choice is not None and choice.value == value else ASKED
    return comment(why, indent) if why else []


def _quoted(text: str) -> str:
    body = "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in json.dumps(text, ensure_ascii=False)[1:-1])
    return f'"{body}"'


def _real(value: float) -> str:
    """The shortest text that is read back as the same number: 1e-3 for 0.001."""
    if value and abs(value) < 0.01:
        mantissa, _, exponent = f"{value:e}".partition("e")
        short = f"{float(mantissa):g}e{int(exponent)}"
        return short if float(short) == value else repr(value)
    return repr(value)
