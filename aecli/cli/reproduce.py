"""aecli reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aecli.cli.common import OUTPUTS, JsonOption, Reporter, note, number, print_json, say, table

if TYPE_CHECKING:
    from aecli.tasks.reproduce import Claim, Reproduced

NAME = "reproduce"
UNMET = 1


def command(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CLAIM]... [KEY=VALUE]...", help="Names or numbers of claims, and overrides of each."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every claim.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Those of seconds, on data that are always there.")] = False,
    output: Annotated[Path, typer.Option("--output", help="The folder that holds the runs.")] = OUTPUTS,
    json: JsonOption = False,
) -> None:
    """List the claims of the recipes, or train some and compare what is expected with what is obtained.

    Exit code 1 where something expected does not hold. Data that are not there are given as data.source=PATH.
    """
    from aecli.config.problems import Problem, UserError

    names = [word for word in words or [] if "=" not in word]
    overrides = [word for word in words or [] if "=" in word]
    wanted = _wanted(names, all_, quick)
    if wanted is None:
        if overrides:
            raise UserError(Problem(f"{overrides[0]}: of which claim", None, "name one, or --all; alone it lists them"))
        _listed(json)
        return
    found, failed = [], []
    with Reporter(context.obj["quiet"]) as progress:
        for claim in wanted:
            outcome = _one(claim, overrides, output, progress, alone=len(wanted) == 1)
            (found if not isinstance(outcome, str) else failed).append(outcome)
            if not json and not isinstance(outcome, str):
                _shown(outcome)
    if json:
        holds = not failed and all(one.holds for one in found)
        print_json({"holds": holds, "claims": [one.to_dict() for one in found], "errors": failed})
    _ended(found, failed)


def _wanted(names: list[str], all_: bool, quick: bool) -> list[Claim] | None:
    """The claims to be run; None where they are to be listed."""
    from aecli.config.problems import Problem, UserError
    from aecli.tasks.reproduce import chosen, claims

    if names and (all_ or quick):
        raise UserError(Problem("names and --all or --quick exclude one another", None, "leave one of them out"))
    if names:
        return chosen(names)
    if all_ or quick:
        return [claim for claim in claims() if all_ or claim.quick]
    return None


def _listed(json: bool) -> None:
    from aecli.tasks.reproduce import claims

    there = claims()
    if json:
        print_json({"claims": [_entry(claim) for claim in there]})
        return
    rows = [
        (c.number or "-", c.recipe.name, c.source, "-" if c.seconds is None else f"{c.seconds:.0f}", _brief(c))
        for c in there
    ]
    say(table(rows, ("claim", "name", "data", "seconds", "statement")))


def _entry(claim: Claim) -> dict[str, Any]:
    return {
        "name": claim.recipe.name, "claim": claim.number, "statement": claim.recipe.purpose, "data": claim.source,
        "seconds": claim.seconds, "quick": claim.quick, "seeds": claim.seeds,
        "variants": [variant.name for variant in claim.variants if variant.name],
        "expectations": [one.text for one in claim.expectations],
    }  # fmt: skip


def _brief(claim: Claim, most: int = 90) -> str:
    text = claim.recipe.purpose
    return text if len(text) <= most else text[: most - 3].rsplit(" ", 1)[0] + " .."


def _one(claim: Claim, overrides: list[str], output: Path, progress: Reporter, *, alone: bool) -> Reproduced | str:
    """What came of it; of several, one that cannot be run is told and left out."""
    from aecli.config.problems import DivergedError, UserError
    from aecli.tasks.reproduce import reproduce

    try:
        return reproduce(claim, overrides, output=output, progress=progress)
    except (UserError, DivergedError) as error:
        if alone:
            raise
        text = f"{claim.recipe.name} cannot be reproduced: {error}"
        note(f"error: {text}")
        return text


def _shown(found: Reproduced) -> None:
    claim = found.claim
    say(f"{claim.recipe.name}" + (f", claim {claim.number}" if claim.number else "") + f": {claim.recipe.purpose}")
    if found.overrides:
        say(f"not the recipe as it is, but with {' '.join(found.overrides)}")
    rows = []
    for one in found.compared:
        against = f" against {number(one.against)}" if one.expected.right.name is not None else ""
        spread = "" if one.deviation is None else f" (sd {number(one.deviation)} of {claim.seeds})"
        rows.append(
            (one.expected.text, number(one.obtained) + spread + against, "holds" if one.holds else "DOES NOT HOLD")
        )
    say(table(rows, ("expected", "obtained", "")))
    for path in (*found.runs, *([found.figure] if found.figure else [])):
        say(f"  {path}")


def _ended(found: list[Reproduced], failed: list[str]) -> None:
    """Exit codes: 2 where one could not be run, 1 where one does not hold."""
    unmet = [f"{r.claim.recipe.name}: {one.expected.text}" for r in found for one in r.compared if not one.holds]
    for text in unmet:
        note(f"error: does not hold: {text}")
    if failed or unmet:
        raise typer.Exit(2 if failed else UNMET)
