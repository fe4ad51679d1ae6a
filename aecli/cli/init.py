"""aecli init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aecli.cli.common import Overrides, note, say

NAME = "init"
LIST = "list"


def command(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="A file, a folder, or the name of a set: see `data.source`.")
    ] = None,
    overrides: Overrides = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new .yaml file; without it, the config is printed.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Copy this recipe, for DATA where given; `list` shows all.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a commented config that trains well on DATA, or a copy of a recipe."""
    from aecli.tasks.init import check_output, listed, recipes, save

    if recipe == LIST:
        say(listed(recipes()))
        return
    if output is not None:
        check_output(output, force=force)
    text = _text(data, overrides or [], output, recipe, quiet=context.obj["quiet"])
    if output is None:
        say(text, end="")
    else:
        save(output, text, force=force)
        say(str(output))


def _text(data: str | None, overrides: list[str], output: Path | None, recipe: str | None, *, quiet: bool) -> str:
    """The config; what was found in the data is told on stderr."""
    from aecli.config.problems import Problem, UserError
    from aecli.tasks.init import copied, draft

    if recipe is not None:
        if overrides:
            hint = f"give {' '.join(overrides)} to `aecli train`, or change the copy"
            raise UserError(Problem("a recipe is copied as it is, without KEY=VALUE", None, hint))
        return copied(recipe, data, (lambda text: None) if quiet else note)
    if data is None:
        hint = "aecli init data.csv -o c.yaml; aecli init --recipe list shows the recipes"
        raise UserError(Problem("nothing to write a config for: DATA or --recipe is missing", None, hint))
    found = draft(data, overrides, str(output or "config.yaml"))
    if not quiet:
        for line in found.lines:
            note(line)
        for text in found.warnings:
            note(f"warning: {text}")
    return found.text
