"""aecli anomaly fit, aecli anomaly score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aecli.cli.common import (
    OUTPUTS,
    CheckpointOption,
    DataOption,
    JsonOption,
    Overrides,
    Reporter,
    Root,
    RunArgument,
    SplitOption,
    note,
    number,
    open_trained,
    print_json,
    say,
    table,
    warned,
)  # fmt: skip

app = typer.Typer(help="Find what does not belong.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def fit(
    context: typer.Context,
    config_or_data: Annotated[str, typer.Argument(help="A YAML file, or data to use with the default config.")],
    overrides: Overrides = None,
    output: Annotated[Path, typer.Option("--output", help="The folder that holds the runs.")] = OUTPUTS,
    json: JsonOption = False,
) -> None:
    """Train, and find the threshold on held-out normal rows; prints the run directory."""
    from aecli.tasks.anomaly import fit as fit_run

    with Reporter(context.obj["quiet"]) as progress:
        result, calibration = fit_run(config_or_data, overrides, output=output, progress=progress)
    if not context.obj["quiet"]:
        rate, rows = calibration.false_positive_rate, len(calibration.scores)
        note(f"threshold {calibration.threshold:.6g}: false positive rate {rate:g}, from {rows} held-out rows")
    if json:
        print_json(result.to_dict())
    else:
        say(str(result.run.path))


@app.command()
def score(
    context: typer.Context,
    run: RunArgument,
    data: DataOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A .csv or .parquet file.")] = None,
    split: SplitOption = None,
    runs: Root = OUTPUTS,
    checkpoint: CheckpointOption = "best",
    json: JsonOption = False,
) -> None:
    """Score rows: id, score, p_value, is_anomaly. Draws a histogram and, where labels tell, ROC curves.

    The pictures of --data lie beside --output (scores.png, scores_roc.png), or in RUN/figures/<its name>/.
    """
    from aecli.tasks.anomaly import judge
    from aecli.tasks.figures import draw_verdict

    trained = open_trained(run, runs, checkpoint)
    verdict = judge(trained, data, split, output=output)
    report = {"run": str(trained.run.path), "split": verdict.split, **verdict.summary()}
    if json:
        print_json(report)
    else:
        say(_shown(report))
    for text in report["notes"]:
        warned(text)
    for figure in draw_verdict(trained, verdict, data, output):
        if not context.obj["quiet"]:
            note(str(figure))


def _shown(report: dict[str, Any]) -> str:
    head = (
        f"{report['run']}  {report['split']}: {report['rows']} rows, {report['flagged']} flagged "
        f"at a false positive rate of {report['false_positive_rate']:g} (score > {report['threshold']:.6g})"
    )
    named = {report["score"]: report, **report["baselines"]}
    rows = [
        (name, str(r["flagged"]), number(r["roc_auc"]), number(r["average_precision"])) for name, r in named.items()
    ]
    return head + "\n" + table(rows, ("score", "flagged", "roc_auc", "average_precision"))
