"""aecli check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aecli.cli.common import Overrides

NAME = "check"


def command(
    config: Annotated[Path, typer.Argument(help="A YAML file.")],
    overrides: Overrides = None,
    only_config: Annotated[bool, typer.Option("--config-only", help="Stop after the config.")] = False,
) -> None:
    """Print the resolved config, then the data, then the model, without training."""
    from aecli.config.dump import to_yaml
    from aecli.experiment import load

    loaded = load(config, overrides)
    typer.echo(to_yaml(loaded.experiment).rstrip())
    if only_config:
        return
    from aecli.config.problems import UserError
    from aecli.tasks.check import check_data, check_model
    from aecli.tasks.train import load_dataset

    found, problems = check_data(loaded)
    typer.echo("\n# data")
    for line in found.lines:
        typer.echo(line)
    for text in found.warnings:
        typer.echo(f"warning: {text}")
    if problems:
        raise UserError(*problems)
    dataset = load_dataset(loaded)
    typer.echo("\n# model")
    for line in check_model(loaded, dataset.features.shape, len(dataset.train)):
        typer.echo(line)
