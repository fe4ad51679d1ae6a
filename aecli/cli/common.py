"""What commands share: their options, their output, their progress."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aecli.config.words import clean, harmless, harmless_json

if TYPE_CHECKING:
    from aecli.training.trained import Trained

Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="e.g. model.bottleneck.size=8")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run directory, a prefix of its name, or `latest`.")]
Root = Annotated[Path, typer.Option("--runs", help="The folder that holds the runs.")]
DataOption = Annotated[Path | None, typer.Option("--data", help="Rows to use instead of the run's own.")]
SplitOption = Annotated[str | None, typer.Option("--split", help="train, validation or test (the default).")]
CheckpointOption = Annotated[str, typer.Option("--checkpoint", help="best, last, or a step.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Of the draws.")]
OUTPUTS = Path("outputs")


def open_trained(run: str, root: Path, checkpoint: str = "best") -> Trained:
    """The trained autoencoder that RUN means."""
    from aecli.api import open_run

    return open_run(run, output=root, checkpoint=checkpoint, warn=warned).trained


def say(text: str, end: str = "\n") -> None:
    """A result for people on stdout; nothing in it steers a terminal."""
    typer.echo(harmless(text) + end, nl=False)


def print_json(value: Any) -> None:
    """One JSON object; what is not finite is null, and what would steer a terminal is an escape."""
    typer.echo(harmless_json(json.dumps(_finite(value), ensure_ascii=False)))


@contextmanager
def told_when_stopped(json: bool) -> Iterator[None]:
    """With `--json` a run that a signal stopped is told of on stdout too, for the script that waits for it."""
    try:
        yield
    except Exception as error:
        run = getattr(error, "run", None)
        if json and run is not None:
            print_json({"run": str(run), "status": "stopped", "metrics": {}})
        raise


def written(run: Trained, output: Path, rows: int, json: bool) -> None:
    """What a command that writes a file tells of it: its path, or as JSON {"run", "output", "rows"}."""
    if json:
        print_json({"run": str(run.run.path), "output": str(output), "rows": rows})
    else:
        say(str(output))


def note(text: str) -> None:
    """A line on stderr; nothing in it steers a terminal."""
    sys.stderr.write(harmless(text) + "\n")


def warned(text: str) -> None:
    """A warning on stderr, with --quiet too: it says how far a result can be trusted."""
    note(f"warning: {text}")


def table(rows: list[tuple[str, ...]], head: tuple[str, ...]) -> str:
    """Plain columns, as wide as they need to be; what would break a line is an escape."""
    cells = [tuple(map(clean, row)) for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Six digits, or a dash."""
    return "-" if value is None else f"{value:.6g}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Reporter:
    """Progress on stderr: a bar on a terminal, else one plain line every few seconds."""

    SECONDS = 5.0

    def __init__(self, quiet: bool):
        self.quiet = quiet
        self.last = time.monotonic()
        self.began, self.first, self.done = self.last, 0, -1
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Reporter:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task("compiling", total=None)
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar:
            self.bar.stop()

    def advance(self, done: int, total: int, text: str) -> None:
        """Called between chunks of steps: of one training after the other, of which each may be a resumed one."""
        now = time.monotonic()
        if self.done < 0 or done < self.done:
            self.began, self.first = now, done
            if self.bar:
                self.bar.reset(self.task)
        self.done = done
        if self.bar:
            self.bar.update(self.task, completed=done, total=total, description=harmless(text))
        elif not self.quiet and now - self.last >= self.SECONDS:
            self.last = now
            pace = f"  {(done - self.first) / (now - self.began):.0f} steps/s" if now > self.began else ""
            note(f"{text}  step {done}/{total}{pace}")

    def say(self, text: str) -> None:
        """An epoch's line, or a notice; on a plain log epochs come every few seconds at most."""
        now = time.monotonic()
        if self.quiet:
            return
        if self.bar:
            self._above(text)
        elif not text.startswith("epoch ") or now - self.last >= self.SECONDS:
            self.last = now
            note(text)

    def warn(self, text: str) -> None:
        """A warning, with --quiet too."""
        if self.bar:
            self._above(f"warning: {text}")
        else:
            warned(text)

    def _above(self, text: str) -> None:
        self.bar.console.print(harmless(text), markup=False, highlight=False)
