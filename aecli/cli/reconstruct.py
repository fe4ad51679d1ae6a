"""aecli reconstruct."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aecli.cli.common import (
    OUTPUTS,
    CheckpointOption,
    DataOption,
    JsonOption,
    Reporter,
    Root,
    RunArgument,
    SplitOption,
    open_trained,
    written,
)
from aecli.config.problems import Problem, UserError

NAME = "reconstruct"


def command(
    context: typer.Context,
    run: RunArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .npy, .npz, .csv or .parquet file, or a folder of PNGs.")
    ],
    data: DataOption = None,
    split: SplitOption = None,
    tiled: Annotated[
        bool,
        typer.Option("--tiled", help="Pictures of any size in the folder --data: in overlapping pieces, put together."),
    ] = False,
    runs: Root = OUTPUTS,
    checkpoint: CheckpointOption = "best",
    json: JsonOption = False,
) -> None:
    """Write x-hat for each row: what the autoencoder makes of it (denoised, where the input is noisy)."""
    trained = open_trained(run, runs, checkpoint)
    if tiled:
        from aecli.tasks.tiled import write_tiled

        if split is not None:
            raise UserError(Problem("--tiled and --split exclude one another", hint="leave one out"))
        with Reporter(context.obj["quiet"]) as progress:
            count = write_tiled(trained, output, data, progress.say)
        written(trained, output, count, json)
        return
    from aecli.tasks.reconstruct import write_reconstruction

    written(trained, output, write_reconstruction(trained, output, data, split), json)
