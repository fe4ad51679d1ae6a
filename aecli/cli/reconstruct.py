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
    Root,
    RunArgument,
    SplitOption,
    open_trained,
    written,
)

NAME = "reconstruct"


def command(
    run: RunArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .npy, .npz, .csv or .parquet file, or a folder of PNGs.")
    ],
    data: DataOption = None,
    split: SplitOption = None,
    runs: Root = OUTPUTS,
    checkpoint: CheckpointOption = "best",
    json: JsonOption = False,
) -> None:
    """Write x-hat for each row: what the autoencoder makes of it (denoised, where the input is noisy)."""
    from aecli.tasks.reconstruct import write_reconstruction

    trained = open_trained(run, runs, checkpoint)
    written(trained, output, write_reconstruction(trained, output, data, split), json)
