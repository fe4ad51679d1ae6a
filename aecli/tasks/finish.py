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
    if figures:
        progress.say("drawing")
        draw_run(trained)
    run.update(units=report["units"])
    return report["metrics"]
