"""aecli resume."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aecli.cli.common import (
    OUTPUTS,
    JsonOption,
    Overrides,
    Reporter,
    RunArgument,
    print_json,
    say,
    told_when_stopped,
)

NAME = "resume"


def command(
    context: typer.Context,
    run: RunArgument,
    overrides: Overrides = None,
    output: Annotated[Path, typer.Option("--output", "--runs", help="The folder that holds the runs.")] = OUTPUTS,
    json: JsonOption = False,
) -> None:
    """Go on with a run that was stopped; with training.epochs=N, train on.

    Without overrides `latest` is the newest run that is not complete.
    """
    from aecli.tasks.train import resume

    with told_when_stopped(json), Reporter(context.obj["quiet"]) as progress:
        result = resume(run, overrides, output=output, progress=progress)
    if json:
        print_json(result.to_dict())
    else:
        say(str(result.run.path))
