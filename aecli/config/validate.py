"""From a document to the grammar's model: every problem at once, in plain words, each at its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from aecli.config.document import Document, Loc, at
from aecli.config.fields import fields_of, model_at
from aecli.config.messages import Finding, explain
from aecli.config.problems import Place, Problem, UserError, did_you_mean
from aecli.config.words import quoted

T = TypeVar("T", bound=BaseModel)


def validate(document: Document, model: type[T]) -> T:
    """`document` as an instance of `model`.

    Raises:
        UserError: with every problem of the document, ordered by place: the file first, then the overrides.
    """
    problems = [*document.problems, *_cleared(document, model)]
    told = {(p.place.file, p.place.line, p.place.column) for p in document.problems if p.place}
    try:
        checked = model.model_validate(document.value)
    except ValidationError as error:
        found = _problems(error, document, model)  # what could not be read is not told twice
        problems += [p for p in found if not p.place or (p.place.file, p.place.line, p.place.column) not in told]
    else:
        if not problems:
            return checked
    raise UserError(*sorted(dict.fromkeys(problems), key=lambda p: _order(p.place, document.file)))


def _problems(error: ValidationError, document: Document, model: type[BaseModel]) -> Iterator[Problem]:
    groups: dict[Loc, list[Finding]] = defaultdict(list)
    for raw in error.errors(include_url=False):
        loc, is_choice = located(raw["loc"], document.value, missing=raw["type"] == "missing")
        if isinstance(raw["input"], dict) and loc and raw["type"] != "missing":
            # A tag that is spelt like a key of the mapping it tags: the mapping itself is what was wrong.
            holder = at(document.value, loc[:-1])
            loc, is_choice = (loc[:-1], True) if raw["input"] is holder else (loc, is_choice)
        groups[loc].append(Finding(loc, raw["type"], raw["msg"], raw["input"], raw.get("ctx", {}), is_choice))
    for loc, findings in groups.items():
        # In a union, the choice that was taken further down is the one that was meant.
        deeper = any(other[: len(loc)] == loc and len(other) > len(loc) for other in groups)
        meant = [f for f in findings if not (deeper and f.is_choice)]
        unknown = [f for f in meant if f.type == "extra_forbidden"]
        if unknown:
            yield _unknown(loc, document, model, document.place(loc, key=True))
        elif meant:
            yield from explain(meant, document)


def located(raw: tuple[str | int, ...], value: Any, *, missing: bool = False) -> tuple[Loc, bool]:
    """pydantic's `loc` without the tags of unions (what is no key there), and whether it ended in one."""
    loc: Loc = ()
    last = raw[-1:] if missing else ()
    tagged = False
    for key in raw[: len(raw) - len(last)]:
        here = at(value, loc)
        kind = isinstance(here, dict) and not tagged and key == here.get("kind")
        tagged = kind or not _has(here, key)
        if not tagged:
            loc = (*loc, key)
    return (*loc, *last), tagged and not last


def _has(value: Any, key: str | int) -> bool:
    if isinstance(value, dict):
        return key in value
    return isinstance(value, list) and isinstance(key, int) and key < len(value)


def _unknown(loc: Loc, document: Document, model: type[BaseModel], place: Place | None) -> Problem:
    holder = model_at(model, loc[:-1], document.value)
    hint = did_you_mean(str(loc[-1]), fields_of(holder)) if holder else None
    return Problem(f"unknown key {quoted(loc[-1])}", place, hint)


def _cleared(document: Document, model: type[BaseModel]) -> Iterator[Problem]:
    """Keys that an override clears leave no trace in the values: the misspelt ones are found here."""
    for loc, places in document.cleared.items():
        for depth, key in enumerate(loc):
            holder = model_at(model, loc[:depth], document.value)
            if holder and key not in fields_of(holder):
                yield _unknown(loc[: depth + 1], document, model, places[depth])
                break


def _order(place: Place | None, file: str) -> tuple[bool, int, int]:
    # The order of overrides is the order in which they were found: sorting is stable.
    if not place or place.file != file:
        return True, 0, 0
    return False, place.line or 0, place.column or 0
