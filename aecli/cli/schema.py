"""aecli schema."""

from __future__ import annotations

from json import dumps

from aecli.cli.common import JsonOption, print_json, say

NAME = "schema"


def command(json: JsonOption = False) -> None:
    """Print the JSON schema of a config, for editors: `aecli schema > aecli.schema.json`."""
    from aecli.config.schema import json_schema
    from aecli.experiment import Experiment

    found = json_schema(Experiment)
    if json:
        print_json(found)
    else:
        say(dumps(found, indent=2, ensure_ascii=False))
