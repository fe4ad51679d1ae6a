"""aecli info."""

from __future__ import annotations

import typer

from aecli.cli.common import JsonOption, print_json

NAME = "info"


def command(json: JsonOption = False) -> None:
    """Show versions, devices and caches."""
    from aecli.tasks.info import info

    found = info()
    if json:
        print_json(found)
        return
    for title, entries in found.items():
        typer.echo(title)
        for name, value in entries.items():
            typer.echo(f"  {name:<16}{value}")
