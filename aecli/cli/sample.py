"""aecli sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aecli.cli.common import (
    OUTPUTS,
    CheckpointOption,
    JsonOption,
    Reporter,
    Root,
    RunArgument,
    SeedOption,
    open_trained,
    warned,
    written,
)

NAME = "sample"


def command(
    context: typer.Context,
    run: RunArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .npy, .npz, .csv or .parquet file, or a .png of images.")
    ],
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="How many to draw (64), or pairs to walk between (8).")
    ] = None,
    sampler: Annotated[
        str, typer.Option("--sampler", help="prior, mixture, flow, or auto: the prior where there is one.")
    ] = "auto",
    interpolate: Annotated[
        int | None,
        typer.Option(
            "--interpolate",
            min=2,
            metavar="STEPS",
            help="Walk between pairs of rows (pair, step, from_id, to_id).",
        ),
    ] = None,
    traverse: Annotated[
        int | None,
        typer.Option("--traverse", min=2, metavar="STEPS", help="Vary each unit of the code (unit, step, value)."),
    ] = None,
    manifold: Annotated[
        int | None,
        typer.Option("--manifold", min=2, metavar="STEPS", help="A grid over a code of size 2 (z0, z1)."),
    ] = None,
    seed: SeedOption = 0,
    runs: Root = OUTPUTS,
    checkpoint: CheckpointOption = "best",
    json: JsonOption = False,
) -> None:
    """Generate: draw codes and decode them, or walk through the space of codes."""
    from aecli.config.problems import Problem, UserError
    from aecli.tasks import sample

    asked = [
        name for name, steps in (("interpolate", interpolate), ("traverse", traverse), ("manifold", manifold)) if steps
    ]
    if len(asked) > 1:
        raise UserError(Problem(f"--{' and --'.join(asked)} exclude one another", hint="choose one"))
    trained = open_trained(run, runs, checkpoint)
    if interpolate:
        found = sample.interpolate(trained, pairs=count or 8, steps=interpolate, seed=seed, output=output)
    elif traverse:
        found = sample.traverse(trained, traverse, output)
    elif manifold:
        found = sample.manifold(trained, manifold, output)
    else:
        with Reporter(context.obj["quiet"]) as progress:
            found = sample.sample(trained, count or 64, sampler, seed, output, warn=warned, say=progress.say)
    written(trained, output, len(found.samples), json)
