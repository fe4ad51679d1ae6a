"""aecli eval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aecli.cli.common import (
    OUTPUTS,
    CheckpointOption,
    DataOption,
    JsonOption,
    Reporter,
    RunArgument,
    SplitOption,
    note,
    number,
    open_trained,
    print_json,
    say,
    table,
)  # fmt: skip

NAME = "eval"


def command(
    context: typer.Context,
    run: RunArgument,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Of the evaluation: evaluation.probe.C=0.1")
    ] = None,
    data: DataOption = None,
    split: SplitOption = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            help="Groups, comma-separated: reconstruction, likelihood, representation, pca, sparsity, jacobian, "
            "weights, manifold, denoising, classification, projection, gradients.",
        ),
    ] = None,
    importance_samples: Annotated[
        int | None, typer.Option("--importance-samples", min=1, help="Draws per example for nll (500).")
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", help="Of the likelihood: importance, ais (annealed chains) or both.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "--runs", help="The folder that holds the runs.")] = OUTPUTS,
    checkpoint: CheckpointOption = "best",
    json: JsonOption = False,
) -> None:
    """Measure a run: reconstruction, every term of its objective, likelihood, representation, PCA beside it."""
    from aecli.tasks.evaluate import evaluate

    trained = open_trained(run, output, checkpoint)
    chosen = [*(overrides or []), *([f"evaluation.likelihood.method={method}"] if method else [])]
    groups = [name.strip() for name in metrics.split(",")] if metrics is not None else None
    with Reporter(context.obj["quiet"]) as progress:
        report = evaluate(
            trained, data, split, groups,
            importance_samples=importance_samples, overrides=chosen, say=progress.say,
        )  # fmt: skip
    if json:
        print_json(report)
        return
    rows = [
        (name, number(value), number(report["stderr"].get(name)), report["units"].get(name, ""))
        for name, value in report["metrics"].items()
    ]
    say(f"{report['run']}  {report['split']}: {report['examples']} examples")
    say(table(rows, ("metric", "value", "stderr", "unit")))
    for text in report.get("notes", []):
        note(f"note: {text}")
