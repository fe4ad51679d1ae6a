"""Gather what a report shows of each run, and write it whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aecli.config.problems import Problem, UserError
from aecli.report.curves import best_epoch, terms_of
from aecli.report.html.content import RunContent
from aecli.report.html.numbers import digits, seconds
from aecli.runs.files import cannot, write_whole
from aecli.runs.metrics import Metrics

if TYPE_CHECKING:
    from aecli.training.trained import Trained

FILE = "report.html"
POINTS = 100_000  # of all code maps of a page together
HEADLINE = ("psnr", "explained_variance", "elbo", "mse")


@dataclass(frozen=True)
class Report:
    """A report that was written."""

    path: Path
    runs: tuple[Path, ...]
    size: int

    def to_dict(self) -> dict[str, Any]:
        """As `report --json` prints it."""
        return {"report": str(self.path), "runs": [str(run) for run in self.runs], "bytes": self.size}


def check_path(output: str | Path | None, runs: Sequence[Path]) -> Path:
    """Where the report goes, asked before anything is computed: report.html in the run, or here for several.

    UserError for no run, for a suffix other than .html, and for a folder that is none.
    """
    if not runs:
        raise UserError(Problem("no run is named", hint="aecli report RUN, or aecli report RUN RUN"))
    path = Path(output) if output is not None else (runs[0] / FILE if len(runs) == 1 else Path(FILE))
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(Problem(f"--output {path}: a report is an .html file", hint=f"e.g. --output {path.stem}.html"))
    if not path.parent.is_dir():
        raise UserError(Problem(f"--output {path}: there is no folder {path.parent}", hint="make it first"))
    if path.is_dir():
        raise UserError(Problem(f"--output {path} is a folder", hint="name a file"))
    return path


def report(
    runs: Sequence[Trained], output: str | Path | None = None, say: Callable[[str], None] = lambda text: None
) -> Report:
    """Measure, draw and write: one self-contained page, runs side by side. Errors as of `check_path` and `evaluate`."""
    from aecli.report.html import render

    path = check_path(output, [trained.run.path for trained in runs])
    found = [content(trained, POINTS // len(runs), say) for trained in runs]
    say("writing")
    text = render(found, _made())
    write_whole(path, text)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise cannot("read", path, error) from error
    return Report(path, tuple(trained.run.path for trained in runs), size)


def content(trained: Trained, points: int = POINTS, say: Callable[[str], None] = lambda text: None) -> RunContent:
    """Everything a report shows of a run: on its test split, else validation, else train."""
    from aecli.model.spec import units
    from aecli.tasks.evaluate import evaluate
    from aecli.tasks.report import pictures
    from aecli.tasks.report.anomalies import anomalies
    from aecli.tasks.report.codes import code_histogram, code_map, no_map

    run = trained.run
    name, rows = trained.split()
    measured = evaluate(trained, split=name, say=say)
    say(f"drawing {run.path}")
    seen = pictures.look(trained, rows)
    found, codes = code_map(trained, rows, points)
    sheet, table = pictures.samples(trained, seen)
    walks, note = pictures.walks(trained, codes)
    verdict, reason = anomalies(trained, rows)
    terms = terms_of(Metrics(run.metrics).measured())
    told = units(trained.model, trained.objective, mixed=trained.layout.mixed)
    return RunContent(
        name=trained.experiment.name, stamp=run.path.name, summary=_summary(trained, measured), record=run.record,
        config=trained.experiment.model_dump(mode="json"), yaml=run.config_text, split=name, step=trained.step,
        metrics=measured, curves=terms, units=told, best_epoch=best_epoch(terms),
        examples=pictures.examples(trained, rows, seen), worst=pictures.worst_rows(trained, rows, seen),
        columns=table, samples=sheet, plane=pictures.plane(trained, codes), walks=walks, walk_note=note,
        code_map=found, code_histogram=code_histogram(rows, codes), anomalies=verdict,
        notes=[text for text in (reason, no_map(codes)) if text],
    )  # fmt: skip


def _summary(trained: Trained, measured: dict[str, Any]) -> list[tuple[str, str]]:
    """The head of the page: data, model, training, and the metrics that say most."""
    import jax

    from aecli.training.stages import all_epochs

    experiment, shape = trained.experiment, trained.features.shape
    record = trained.run.record
    size = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(trained.weights.parameters))
    training = (record.get("timings") or {}).get("train_seconds")
    found = [
        ("data", Path(experiment.data.source).name),
        ("input", " × ".join(map(str, shape))),
        ("code", f"{experiment.model.bottleneck.size} units, {experiment.model.bottleneck.kind}"),  # pyright: ignore
        ("parameters", f"{size:,}"),
        ("trained for", f"{all_epochs(experiment)} epochs" + (f", {seconds(training)}" if training else "")),
    ]
    headline = [name for name in HEADLINE if name in measured["metrics"]][:2]
    return found + [(name.replace("_", " "), _metric(name, measured)) for name in headline]


def _metric(name: str, measured: dict[str, Any]) -> str:
    unit = measured["units"].get(name, "").split(",")[0]
    return digits(measured["metrics"][name]) + (f" {unit}" if unit in ("dB", "nats") else "")


def _made() -> str:
    from importlib.metadata import version

    return f"Made by aecli {version('aecli')}, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
