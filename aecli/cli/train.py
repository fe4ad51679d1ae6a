"""aecli train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aecli.cli.common import OUTPUTS, JsonOption, Overrides, Reporter, print_json, say, told_when_stopped

NAME = "train"


def command(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="A YAML file.")],
    overrides: Overrides = None,
    output: Annotated[Path, typer.Option("--output", help="The folder that holds the runs.")] = OUTPUTS,
    profile: Annotated[bool, typer.Option("--profile", help="Trace some steps, and say where the time goes.")] = False,
    json: JsonOption = False,
) -> None:
    """Train a config into a new run directory, and print where it is."""
    from aecli.tasks.train import train

    with told_when_stopped(json), Reporter(context.obj["quiet"]) as progress:
        result = train(config, overrides, output=output, progress=progress, profile=profile)
    if json:
        print_json(result.to_dict())
    else:
        if result.profile is not None:
            from aecli.cli.profile import shown

            shown(result.profile)
        say(str(result.run.path))
