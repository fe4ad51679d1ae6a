"""aecli reconstruct."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aecli.cli.common import (
    OUTPUTS,
    CheckpointOption,
    DataOption,
    Root,
    RunArgument,
    SplitOption,
    open_trained,
)

NAME = "reconstruct"


def command(
    run: RunArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .npy, .npz or .csv file, or a folder of images.")],
    data: DataOption = None,
    split: SplitOption = None,
    runs: Root = OUTPUTS,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Write x-hat for each row: what the autoencoder makes of it (denoised, where the input is noisy)."""
    from aecli.tasks.reconstruct import reconstruct

    trained = open_trained(run, runs, checkpoint)
    reconstruct(trained, data, output, split=split)
    typer.echo(str(output))
