"""What follows training: the metrics and the figures of a run."""

from __future__ import annotations

from typing import Any

from aecli.data.dataset import Dataset
from aecli.runs.run import Run
from aecli.training.progress import Progress


def finish(run: Run, dataset: Dataset, progress: Progress, *, figures: bool) -> dict[str, Any]:
    """Measure the best checkpoint on the test split (else validation, else train), and draw its figures."""
    from aecli.tasks.evaluate import evaluate
    from aecli.tasks.figures import draw_run
    from aecli.training.trained import open_trained

    trained = open_trained(run, warn=progress.warn)
    trained.dataset = dataset
    progress.say("measuring")
    report = evaluate(trained, say=progress.say)
    for text in report["notes"]:
        progress.say(f"note: {text}")
    run.update(metrics=report["metrics"], units=report["units"])
    if figures:
        progress.say("drawing")
        draw_run(trained)
    return report["metrics"]
