"""aecli info."""

from __future__ import annotations

from aecli.cli.common import JsonOption, print_json, say

NAME = "info"


def command(json: JsonOption = False) -> None:
    """Show versions, devices and caches."""
    from aecli.tasks.info import info

    found = info()
    if json:
        print_json(found)
        return
    for title, entries in found.items():
        say(title)
        for name, value in entries.items():
            say(f"  {name:<16}{value}")
