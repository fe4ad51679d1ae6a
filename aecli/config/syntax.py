"""What PyYAML's syntax errors mean, in plain words, at their place."""

from __future__ import annotations

import yaml

from aecli.config.document import Source
from aecli.config.problems import Problem

# The first that is found in the error's text.
_MEANINGS = (
    ("'\\t' that cannot start", "a tab stands where spaces should", "write spaces"),
    ("that cannot start any token", "a value cannot begin with this character", "quote the value"),
    ("mapping values are not allowed", "no ': ' is expected here", "quote a text that holds ': '"),
    ("could not find expected ':'", "a key without ': ' after it", "write `key: value`"),
    (
        "expected <block end>",
        "this does not line up with what is above",
        "check indentation, quotes and commas",
    ),
    ("unexpected end of stream", "a quote is not closed", "close it"),
    ("expected ',' or", "a ',' or a closing bracket is missing before this", None),
    ("unknown escape character", "an unknown escape in double quotes", "use single quotes, or double the \\"),
    ("undefined tag handle", "tags are not read here", "remove it; quote the value to mean text"),
)


def syntax_problem(error: yaml.MarkedYAMLError, source: Source) -> Problem:
    """The problem that PyYAML met, and where; what is unfamiliar keeps PyYAML's own words."""
    text = str(error.problem or error.context or "unknown").replace("\n", " ")
    message, hint = next(((m, h) for needle, m, h in _MEANINGS if needle in text), (text, None))
    mark = error.problem_mark or error.context_mark
    begun = error.context_mark
    if begun and mark and begun.line != mark.line:
        message += f" (in what begins on line {begun.line + 1})"
    return Problem(f"not valid YAML: {message}", source.place(mark.line, mark.column) if mark else None, hint)
