"""The training itself, and how it ended: whatever happens, run.json says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, Any

from aecli.config.document import blamed_on
from aecli.config.problems import AecliError, DivergedError, Problem
from aecli.data.dataset import Dataset
from aecli.experiment import Loaded
from aecli.runs.run import Run
from aecli.tasks.profile import names_kept
from aecli.tasks.start import initialized
from aecli.training.progress import Progress

if TYPE_CHECKING:
    from aecli.training.clock import Clock
    from aecli.training.profile.tracer import Tracer


@contextmanager
def status_kept(run: Run) -> Iterator[None]:
    """However the block ends, run.json says how."""
    from aecli.training.checkpoint import steps
    from aecli.training.stopping import last_words

    def told(number: int) -> None:
        kept = "the last checkpoint is kept" if steps(run.checkpoints) else "no checkpoint had been written"
        run.update(status="stopped", exit_reason=f"stopped by {Signals(number).name}: {kept}")

    try:
        with last_words(told):
            yield
    except AecliError as error:
        status = {3: "diverged", 130: "stopped", 143: "stopped"}.get(int(error.exit_code), "failed")
        found = {"divergence": error.divergence} if isinstance(error, DivergedError) else {}
        _end(run, error, status, error.problems[0].message if error.problems else None, **found)
        raise
    except (KeyboardInterrupt, SystemExit) as error:  # a signal, while nothing had to be saved
        _end(run, error, "stopped", "interrupted")
        raise
    except BaseException as error:
        _end(run, error, "failed", f"{type(error).__name__}: {error}")
        raise


def _end(run: Run, error: BaseException, status: str, reason: str | None, **found: Any) -> None:
    """How it ended, in run.json; where not even that can be written, `error` says so too."""
    try:
        run.update(status=status, exit_reason=reason, **found)
    except AecliError as also:
        if isinstance(error, AecliError):
            error.problems += also.problems


def fitted(
    run: Run, loaded: Loaded, dataset: Dataset, device: Any, progress: Progress, root: Path, clock: Clock,
    tracer: Tracer | None,
) -> None:  # fmt: skip
    """From the last good checkpoint, or else the start, to the end."""
    from aecli.training.loop import Trainer
    from aecli.training.stopping import StoppedError, stop_requests

    source = loaded.experiment.training.initialize_from

    def start(state: Any) -> Any:
        if not source:
            return state
        with blamed_on(loaded.document, ("training", "initialize_from")):
            return initialized(state, source, root, progress.warn, dataset.features.classes)

    with stop_requests() as stop, names_kept(tracer):
        trainer = Trainer(loaded.experiment, dataset, run, progress, device, clock, tracer, start)
        state, memory = trainer.begin()
        if tracer is not None and trainer.held is not None:
            trainer.validate(state)  # compiled before the clock that a profile goes by
        trainer.fit(state, memory, stop)
        if stop:  # too late for the last step
            text, hint = f"{run.path} is trained, and not measured yet", f"go on: aecli resume {run.path}"
            raise StoppedError(stop.signal or 0, Problem(text, hint=hint), run=run.path)
