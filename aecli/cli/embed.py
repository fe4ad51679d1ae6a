"""aecli embed."""

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
    SeedOption,
    SplitOption,
    open_trained,
    written,
)

NAME = "embed"


def command(
    run: RunArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .npy, .npz, .csv or .parquet file.")],
    data: DataOption = None,
    split: SplitOption = None,
    stochastic: Annotated[bool, typer.Option("--stochastic", help="Draw the code instead of taking its mean.")] = False,
    seed: SeedOption = 0,
    runs: Root = OUTPUTS,
    checkpoint: CheckpointOption = "best",
    json: JsonOption = False,
) -> None:
    """Write the code of each row, in input order."""
    from aecli.tasks.embed import write_embedding

    trained = open_trained(run, runs, checkpoint)
    rows = write_embedding(trained, output, data, stochastic=stochastic, seed=seed, split=split)
    written(trained, output, rows, json)
