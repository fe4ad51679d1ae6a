"""aecli report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aecli.cli.common import OUTPUTS, CheckpointOption, JsonOption, Reporter, Root, open_trained, print_json, say

NAME = "report"


def command(
    context: typer.Context,
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Run directories, prefixes of their names, or `latest`.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="An .html file; RUN/report.html, or ./report.html for several runs."),
    ] = None,
    folder: Root = OUTPUTS,
    checkpoint: CheckpointOption = "best",
    json: JsonOption = False,
) -> None:
    """Write one self-contained HTML page of a run, or of several side by side; prints its path."""
    from aecli.tasks.report import report

    trained = [open_trained(run, folder, checkpoint) for run in runs]
    with Reporter(context.obj["quiet"]) as progress:
        found = report(trained, output, say=progress.say)
    if json:
        print_json(found.to_dict())
    else:
        say(str(found.path))
