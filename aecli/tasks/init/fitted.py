"""A recipe's keys of `data` made to fit other data: what names something there is looked for, or left out."""

from __future__ import annotations

from typing import Any

from aecli.config.document import Document
from aecli.config.problems import UserError
from aecli.tasks.init.choice import Choice, Choices
from aecli.tasks.init.look import Found, look
from aecli.tasks.init.text import comment, scalar

# Keys that name a part of the data, or say how a kind of source is read: true of the data that they were written for.
NAMING = ("header", "key", "label", "id", "columns", "image", "rows", "classes")
PICTURES = ("augment",)  # keys that only images have


def fitted(recipe: dict[str, Any], source: str) -> tuple[Choices, dict[str, Any]]:
    """For other data: keys of `data` to set, as `aecli init` finds them, and those of the recipe that do not fit.

    UserError for data that could not be trained on.
    """
    named = {key: recipe[key] for key in NAMING if key in recipe}
    given = {key: value for key, value in named.items() if _has(source, {key: value})}
    found, given = _looked(source, given)
    chosen = {key.removeprefix("data."): choice for key, choice in found.choices.items()}
    chosen = {key: choice for key, choice in chosen.items() if key in NAMING}
    lost = {key: value for key, value in named.items() if key not in given and key not in chosen}
    if not found.image:
        lost |= {key: recipe[key] for key in PICTURES if key in recipe}
    return chosen, lost


def put(text: str, document: Document, chosen: Choices, lost: dict[str, Any]) -> str:
    """The recipe's text with these keys of `data` after its source, and without those that are lost or set anew."""
    lines = text.splitlines(keepends=True)
    source = document.place(("data", "source"), key=True)
    assert source is not None
    assert source.line is not None
    lines[source.line - 1] += "".join(line for key, choice in chosen.items() for line in _written(key, choice))
    for key in (*lost, *chosen):
        if ("data", key) in document.spots:
            _cut(lines, document, key)
    return "".join(lines)


def _looked(source: str, given: dict[str, Any]) -> tuple[Found, dict[str, Any]]:
    """The data with what the recipe says of them; without it where it holds key by key, and not together."""
    try:
        return look(source, given), given
    except UserError:
        if not given:
            raise
    return look(source, {}), {}


def _has(source: str, given: dict[str, Any]) -> bool:
    """Whether the data can be read with this key of the recipe."""
    try:
        look(source, given)
    except UserError:
        return False
    return True


def _written(key: str, choice: Choice) -> list[str]:
    return [f"{line}\n" for line in (*comment(choice.why, "  "), f"  {key}: {scalar(choice.value)}")]


def _cut(lines: list[str], document: Document, key: str) -> None:
    """Empty the line of a key, and those below it that are indented further."""
    at = document.place(("data", key), key=True)
    assert at is not None
    assert at.line is not None
    assert at.column is not None
    deeper = " " * at.column
    lines[at.line - 1] = ""
    for i in range(at.line, len(lines)):
        if not lines[i].startswith(deeper):
            break
        lines[i] = ""
