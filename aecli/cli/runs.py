"""aecli runs ls, show, diff, rm."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aecli.cli.common import OUTPUTS, JsonOption, RunArgument, note, print_json, say

if TYPE_CHECKING:
    from aecli.runs.run import Run

app = typer.Typer(help="List, compare and remove runs.", no_args_is_help=True, rich_markup_mode=None)

Runs = Annotated[list[str], typer.Argument(metavar="RUN...", help="Run directories, or prefixes of their names.")]
RunsIfAny = Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Run directories, or prefixes.")]
Folder = Annotated[Path, typer.Option("--output", "--runs", help="The folder that holds the runs.")]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", help="A condition: status=completed, 'metrics.mse<0.02', name~vae; several must all hold."),
]
CsvOption = Annotated[bool, typer.Option("--csv", help="CSV on stdout, nothing else.")]


@app.command()
def ls(
    where: Where = None,
    sort: Annotated[str | None, typer.Option("--sort", help="A key; -KEY sorts from large to small.")] = None,
    columns: Annotated[str | None, typer.Option("--columns", help="Keys, comma-separated.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many runs.")] = None,
    output: Folder = OUTPUTS,
    json: JsonOption = False,
    csv: CsvOption = False,
) -> None:
    """List runs, newest first: any key of a config, metric or field of a record filters, sorts and shows."""
    from aecli.cli import run_tables
    from aecli.runs.choice import choose, ordered, resolve
    from aecli.runs.listing import entries

    _one_format(json, csv)
    found = entries(output)
    words = None if columns is None else [word.strip() for word in columns.split(",") if word.strip()]
    # Keys are those of all runs: one that only runs have which are left out is no mistake.
    shown = None if words is None else dict(zip(words, resolve(words, found, "--columns"), strict=True))
    chosen = choose(ordered(found, sort) if sort else found, where or [])[:limit]
    if json:
        print_json(run_tables.listed_json(chosen, shown))
    elif csv:
        say(run_tables.listed_csv(chosen, shown))
    elif chosen:
        say(run_tables.listed(chosen, shown))
    else:
        none = f"none of the {len(found)} runs under {output} meets the conditions"
        note(none if found else f"there are no runs under {output} yet")


@app.command()
def show(run: RunArgument, output: Folder = OUTPUTS, json: JsonOption = False) -> None:
    """Show a run: status, provenance, data, timings, metrics, checkpoints, files, and its resolved config."""
    from aecli.cli.run_tables import described
    from aecli.runs.details import details
    from aecli.runs.find import open_run

    found = open_run(run, output)
    if json:
        print_json(details(found))
    else:
        say(described(details(found)) + "\n\n" + found.config_text.rstrip())


@app.command()
def diff(runs: Runs, output: Folder = OUTPUTS, json: JsonOption = False, csv: CsvOption = False) -> None:
    """Show what differs between runs: config, data, metrics, timings, environment."""
    from aecli.cli import run_tables
    from aecli.config.problems import UserError
    from aecli.runs.compare import compare
    from aecli.runs.find import open_run

    _one_format(json, csv)
    if len(runs) < 2:
        raise UserError("name two runs or more to compare")
    found = [open_run(run, output) for run in runs]
    names, sections = [str(run.path) for run in found], compare(found)
    if json:
        print_json({"runs": names, **{section.name: section.to_dict() for section in sections}})
    elif csv:
        say(run_tables.differences_csv(sections, names))
    else:
        say(run_tables.differences(sections, names))


@app.command()
def rm(
    context: typer.Context,
    runs: RunsIfAny = None,
    where: Where = None,
    output: Folder = OUTPUTS,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: JsonOption = False,
) -> None:
    """Remove runs: those that are named, or all that meet --where; with both, those of the named that meet it."""
    from aecli.cli.run_tables import doomed, size
    from aecli.runs.remove import removable, remove

    found = removable(_meant(runs, where, output), output)
    total = size(sum(each.bytes for each in found))
    if found and not (yes and context.obj["quiet"]):
        note(doomed(found))
    if found and not yes and not _agreed(f"remove {len(found)} run{'s' * (len(found) != 1)}, {total}?"):
        note("nothing was removed")
        return
    remove(found, output)
    if json:
        print_json({"removed": [str(each.run.path) for each in found], "bytes": sum(each.bytes for each in found)})
    elif found:
        say("\n".join(f"removed {each.run.path}" for each in found))
    else:
        note("no run meets the conditions: nothing was removed")


def _meant(runs: list[str] | None, where: list[str] | None, output: Path) -> list[Run]:
    from aecli.config.problems import Problem, UserError
    from aecli.runs.choice import choose
    from aecli.runs.listing import Entry, entries
    from aecli.runs.remove import named

    if not runs and not where:
        raise UserError(Problem("no run is named", hint="name runs, or choose them: --where status=failed"))
    picked = [Entry.read(named(text, output), output) for text in runs] if runs else entries(output)
    return [entry.run for entry in choose(picked, where or [])]


def _agreed(question: str) -> bool:
    """The answer on a terminal; UserError where there is none to ask."""
    from aecli.config.problems import Problem, UserError

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError(Problem("nothing was removed: there is no terminal to ask on", hint="--yes removes at once"))
    # Not typer's own question, half of which goes to stdout.
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _one_format(json: bool, csv: bool) -> None:
    if json and csv:
        from aecli.config.problems import UserError

        raise UserError("--json and --csv exclude one another")
