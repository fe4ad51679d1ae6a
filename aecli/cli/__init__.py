"""The commands: thin; each parses, calls the library, prints."""

from __future__ import annotations


def main() -> None:
    """Run the command line, and turn every expected failure into a message and an exit code."""
    from aecli.cli.app import run

    raise SystemExit(run())
