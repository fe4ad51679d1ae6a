"""aecli check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aecli.cli.common import JsonOption, Overrides, print_json, say

if TYPE_CHECKING:
    from aecli.experiment import Loaded

NAME = "check"


def command(
    config: Annotated[Path, typer.Argument(help="A YAML file.")],
    overrides: Overrides = None,
    only_config: Annotated[bool, typer.Option("--config-only", help="Stop after the config.")] = False,
    json: JsonOption = False,
) -> None:
    """Print the resolved config, then the data, then the model, without training."""
    from aecli.config.dump import to_yaml
    from aecli.experiment import load

    loaded = load(config, overrides)
    found = {"config": loaded.experiment.model_dump(mode="json")}
    if not json:
        say(to_yaml(loaded.experiment).rstrip())
    if not only_config:
        found |= _examined(loaded, quiet=json)
    if json:
        print_json(found)


def _examined(loaded: Loaded, *, quiet: bool) -> dict[str, Any]:
    """The data and the model, said as they become known: the data come first, whatever is wrong with them."""
    from aecli.config.problems import UserError
    from aecli.tasks.check import check_data, check_model
    from aecli.tasks.large import refuse_too_large
    from aecli.tasks.train import load_dataset

    tell = (lambda text: None) if quiet else say
    data, problems = check_data(loaded)
    for line in ("\n# data", *data.lines, *data.notes, *(f"warning: {text}" for text in data.warnings)):
        tell(line)
    if problems:
        raise UserError(*problems)
    dataset = load_dataset(loaded)
    model = check_model(loaded, dataset.features.layout(), len(dataset.train))
    for line in ("\n# model", *model.lines):
        tell(line)
    if (device := _device(loaded)) is not None:
        refuse_too_large(loaded, dataset.features.layout(), len(dataset.train), device)
    return {"data": data.to_dict(), "model": asdict(model)}


def _device(loaded: Loaded) -> Any:
    """The device that training would take; None where it is another machine's: what it holds is not known here."""
    from aecli.config.problems import UserError
    from aecli.tasks.train import device_of

    try:
        return device_of(loaded)
    except UserError:
        return None
