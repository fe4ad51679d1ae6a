"""aecli schema."""

from __future__ import annotations

import json

import typer

NAME = "schema"


def command() -> None:
    """Print the JSON schema of a config, for editors: `aecli schema > aecli.schema.json`."""
    from aecli.config.schema import json_schema
    from aecli.experiment import Experiment

    typer.echo(json.dumps(json_schema(Experiment), indent=2, ensure_ascii=False))
