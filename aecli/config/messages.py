"""What pydantic found, in the words of a config."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aecli.config.document import Document, Loc, at
from aecli.config.problems import Problem, did_you_mean
from aecli.config.scalars import RefusedError, plain
from aecli.config.words import clean, described, either, quoted, subject

# What a value should have been, by the type of pydantic's error.
_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "none_required": "null",
    "list_type": "a list",
    "tuple_type": "a list",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
}

# What is wrong with a value of the right type.
_WRONG: dict[str, Callable[[dict[str, Any], str], str]] = {
    "greater_than": lambda ctx, found: f"must be greater than {ctx['gt']:g}, not {found}",
    "greater_than_equal": lambda ctx, found: f"must be at least {ctx['ge']:g}, not {found}",
    "less_than": lambda ctx, found: f"must be less than {ctx['lt']:g}, not {found}",
    "less_than_equal": lambda ctx, found: f"must be at most {ctx['le']:g}, not {found}",
    "multiple_of": lambda ctx, found: f"must be a multiple of {ctx['multiple_of']}, not {found}",
    "finite_number": lambda ctx, found: f"must be finite, not {found}",
    "string_too_short": lambda ctx, found: _sized(ctx["min_length"], "at least", "character"),
    "string_too_long": lambda ctx, found: _sized(ctx["max_length"], "at most", "character"),
    "too_short": lambda ctx, found: _sized(ctx["min_length"], "at least", "item"),
    "too_long": lambda ctx, found: _sized(ctx["max_length"], "at most", "item"),
    "string_pattern_mismatch": lambda ctx, found: f"must match {ctx['pattern']}, not {found}",
    "union_tag_invalid": lambda ctx, found: f"has no kind {quoted(ctx['tag'])}: known are {ctx['expected_tags']}",
    "union_tag_not_found": lambda ctx, found: "needs a `kind`",
}

_PREDICATE = re.compile(r"(must|is|are|needs|has|cannot|should|may) ")


@dataclass(frozen=True)
class Finding:
    """One error of pydantic's, at a loc without tags; `is_choice` says that it is one choice of a union's."""

    loc: Loc
    type: str
    message: str
    input: Any
    context: dict[str, Any]
    is_choice: bool


def explain(findings: list[Finding], document: Document) -> Iterable[Problem]:
    """The problems that the findings at one loc amount to.

    A value of the right type for one choice of a union that is wrong there is judged by that choice alone.
    """
    mismatches = [f for f in findings if f.type in _EXPECTED or f.type == "literal_error"]
    others = [f for f in findings if f not in mismatches]
    if others:
        return [_specific(f, _words(mismatches), document) for f in others]
    return [_mismatch(mismatches, document)]


def _words(findings: list[Finding]) -> list[str]:
    """The words that the literals among the findings would have accepted."""
    text = [f.context["expected"] for f in findings if f.type == "literal_error"]
    return [word.strip("'") for t in text for word in re.split(", | or ", t)]


def _mismatch(findings: list[Finding], document: Document) -> Problem:
    loc, found = findings[0].loc, findings[0].input
    words = _words(findings)
    expected = list(dict.fromkeys([*words, *(_EXPECTED[f.type] for f in findings if f.type in _EXPECTED)]))
    hint = did_you_mean(found, words) if isinstance(found, str) and words else None
    if isinstance(found, str) and _is_number(found) and any("number" in e for e in expected):
        hint = "write it without quotes"
    # All the words are in the message already.
    hint = None if hint and hint.startswith("known here") else hint
    return Problem(f"{subject(loc)} must be {either(expected)}, not {described(found)}", document.place(loc), hint)


def _specific(finding: Finding, words: list[str], document: Document) -> Problem:
    loc, context = finding.loc, finding.context
    if finding.type == "missing":
        return _missing(loc, document)
    if finding.type == "part_kind":
        known = [*words, *context.get("known", ())]
        hint = did_you_mean(str(context.get("kind")), known) if known else context.get("hint")
        return Problem(clean(context["what"]), document.place((*loc, context["key"])), hint)
    if wrong := _WRONG.get(finding.type):
        text = wrong(context, described(finding.input))
    else:
        text = clean(finding.message.removeprefix("Value error, ").removeprefix("Assertion failed, "))
    whole = _PREDICATE.match(text) is None and finding.type not in _WRONG
    return Problem(text if whole else f"{subject(loc)} {text}", document.place(loc), context.get("hint"))


def _missing(loc: Loc, document: Document) -> Problem:
    word = at(document.value, loc[:-1])
    hint = f"write {{kind: {word}, {loc[-1]}: ...}}" if isinstance(word, str) else None
    return Problem(f"{quoted(loc[-1])} is required", document.place(loc[:-1], key=True), hint)


def _sized(count: int, bound: str, unit: str) -> str:
    if bound == "at least" and count == 1:
        return "must not be empty"
    return f"must have {bound} {count} {unit}{'s' * (count != 1)}"


def _is_number(text: str) -> bool:
    try:
        return isinstance(plain(text), int | float) and not isinstance(plain(text), bool)
    except RefusedError:
        return False
