"""aecli list."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import typer

from aecli.cli.common import JsonOption, print_json, say

NAME = "list"


def command(
    room: Annotated[str | None, typer.Argument(help="Only this room, e.g. penalty.")] = None,
    json: JsonOption = False,
) -> None:
    """List every part of the formula: its one-line formula, its parameters, its source."""
    from aecli.config.problems import Problem, UserError, did_you_mean
    from aecli.experiment import ROOMS

    rooms = [r for r in ROOMS if room in (None, r.word, f"{r.word}s", r.word.replace("y", "ies"))]
    if not rooms:
        hint = did_you_mean(str(room), [r.word for r in ROOMS])
        raise UserError(Problem(f"no part of the formula is called '{room}'", hint=hint))
    found = {r.word: [_described(kind, part) for kind, part in r.items()] for r in rooms}
    if json:
        print_json(found)
        return
    for word, parts in found.items():
        say(f"\n{word}")
        for part in parts:
            say(f"  {part['kind']:<16}{part['formula']}")
            for name, about in part["parameters"].items():
                text = f"{name}: {_yaml(about['default'])}"
                choices = f" ({' | '.join(about['choices'])})" if about["choices"] else ""
                say(f"      {text:<28}{about['description']}{choices}".rstrip())
            if part["source"]:
                say(f"      ({part['source']})")


def _described(kind: str, part: Any) -> dict[str, Any]:
    parameters = {}
    for name, field in part.model_fields.items():
        if name != "kind":
            choices = [str(c) for c in get_args(field.annotation) if isinstance(c, str)]
            about = {"default": _plain(field.default), "description": field.description or "", "choices": choices}
            parameters[name] = about
    return {"kind": kind, "formula": part.formula, "source": part.source, "parameters": parameters}


def _yaml(value: Any) -> str:
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return getattr(value, "kind", value)
