"""Train a config into a run directory, and go on with a run that was stopped."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aecli.config.document import blamed_on
from aecli.config.dump import to_yaml
from aecli.config.problems import Problem, UserError
from aecli.data.dataset import Dataset
from aecli.data.dataset import load as load_data
from aecli.data.supervision import with_classes
from aecli.experiment import Experiment, Loaded, load
from aecli.runs.find import TRAINED, UNFINISHED, open_run
from aecli.runs.provenance import provenance
from aecli.runs.record import check_record
from aecli.runs.run import Run
from aecli.tasks.ahead import ahead, remember
from aecli.tasks.conflicts import data_conflicts
from aecli.tasks.continuing import check_continues, reloaded
from aecli.tasks.fitted import fitted, status_kept
from aecli.tasks.large import refuse_too_large
from aecli.tasks.profile import refuse_too_short, traced, written
from aecli.training.progress import Progress, Silent


@dataclass(frozen=True)
class Result:
    """A finished training."""

    run: Run
    status: str
    metrics: dict[str, float | None]
    profile: dict[str, Any] | None = None  # where one was asked for
    dataset: Dataset | None = field(default=None, repr=False, compare=False)  # that it was trained on, if read

    def to_dict(self) -> dict[str, Any]:
        """As `train --json` prints it."""
        found = {"run": str(self.run.path), "status": self.status, "metrics": self.metrics}
        return found if self.profile is None else {**found, "profile": self.profile}


def train(
    config: str | Path | dict[str, Any] | Experiment,
    overrides: list[str] | None = None,
    *,
    output: str | Path = "outputs",
    progress: Progress | None = None,
    argv: list[str] | None = None,
    figures: bool = True,
    profile: bool = False,
) -> Result:
    """Train a config (a YAML file, a mapping, an Experiment) into a new run under `output`.

    With `profile`, some steps are traced into its folder `profile`. UserError for a config or data at fault,
    DivergedError at a non-finite loss, StoppedError on a signal.
    """
    from aecli.training.devices import use_cache

    progress = progress or Silent()
    loaded = load(config, overrides)
    dataset = _read_ahead(loaded)
    for text in dataset.notes:
        progress.say(text)
    use_cache()
    loaded = _with_start(loaded, Path(output), progress)
    device = device_of(loaded)
    refuse_too_large(loaded, dataset.features.layout(), len(dataset.train), device)
    if profile:
        refuse_too_short(loaded, dataset)
    run = Run.create(Path(output), loaded.experiment.name, to_yaml(loaded.experiment), {
        **provenance(device=str(device)),
        "argv": argv if argv is not None else sys.argv,
        "overrides": list(overrides or []),
        "seed": loaded.experiment.seed,
        "data": describe_data(loaded.experiment, dataset),
        "status": "running",
        "exit_reason": None,
    })  # fmt: skip
    with run.locked():
        return _trained(run, loaded, dataset, device, progress, figures, Path(output), profile=profile)


def resume(
    text: str,
    overrides: list[str] | None = None,
    *,
    output: str | Path = "outputs",
    progress: Progress | None = None,
    figures: bool = True,
) -> Result:
    """Go on with a run as if it had never stopped; `overrides` may ask for more epochs, other weights or rates.

    `latest` is the newest run that is not complete, if there is one; with overrides, which may go on with a complete
    one too, the newest.
    """
    from aecli.training.choice import check_left, chosen
    from aecli.training.devices import use_cache

    progress = progress or Silent()
    run = open_run(text, Path(output), None if overrides else UNFINISHED, progress.warn)
    with run.locked():
        run.tidy()
        record = check_record(run.record, run.record_path)
        if record.get("status") == "completed" and not overrides:
            chosen(run, "last", progress.warn)  # it must be there
            progress.say(f"{run.path} is complete: nothing to do")
            return Result(run, "completed", record.get("metrics") or {})
        check_left(run, progress.warn)
        run.warn_of_changes(progress.warn)
        loaded = reloaded(run, overrides or [])
        dataset = _read_ahead(loaded)
        if run.data.get("sha256") != dataset.sha256:
            text = f"{loaded.experiment.data.source} is not the data this run was trained on"
            raise UserError(Problem(text, loaded.document.place(("data", "source")), "its content has changed"))
        use_cache()
        device = device_of(loaded)
        refuse_too_large(loaded, dataset.features.layout(), len(dataset.train), device)
        check_continues(run, loaded, dataset, bool(overrides))  # before anything in the run changes
        fresh = {"divergence": None} if "divergence" in record else {}
        run.keep(
            run.config_path,
            to_yaml(loaded.experiment),
            status="running",
            exit_reason=None,
            checkpoints=None,
            **fresh,
            overrides=[*(record.get("overrides") or []), *(overrides or [])],
        )
        return _trained(run, loaded, dataset, device, progress, figures, Path(output))


def _read_ahead(loaded: Loaded) -> Dataset:
    """The config's data, read while the programs that it will need are made ready."""
    meanwhile = ahead(loaded)
    dataset = load_dataset(loaded)
    meanwhile.join()
    remember(loaded.experiment, dataset)
    return dataset


def load_dataset(loaded: Loaded) -> Dataset:
    """The config's data, its problems placed at the config's `data.source` where they have no place of their own."""
    with blamed_on(loaded.document, ("data", "source")):
        dataset = load_data(loaded.experiment.data)
    problems = [
        Problem(text, loaded.document.place(at), hint) for at, text, hint in data_conflicts(loaded.experiment, dataset)
    ]
    if problems:
        raise UserError(*problems)
    if loaded.experiment.training.supervised:
        return with_classes(dataset, loaded.document.place(("training", "supervised")))
    return dataset


def describe_data(experiment: Experiment, dataset: Dataset) -> dict[str, Any]:
    """What run.json says of the data."""
    rows = {f"{name}_rows": 0 if s is None else len(s.x) for name, s in dataset.splits().items()}
    shape = list(dataset.features.shape)
    return {"source": experiment.data.source, "sha256": dataset.sha256, "shape": shape, **rows}


def device_of(loaded: Loaded) -> Any:
    """The device that the config asks for; UserError at `training.device` where there is none."""
    from aecli.training.devices import choose

    with blamed_on(loaded.document, ("training", "device")):
        return choose(loaded.experiment.training.device)


def _with_start(loaded: Loaded, root: Path, progress: Progress) -> Loaded:
    """`training.initialize_from` as the path of its run: `latest` means the latest trained before this one is made."""
    experiment = loaded.experiment
    if experiment.training.initialize_from is None:
        return loaded
    with blamed_on(loaded.document, ("training", "initialize_from")):
        path = str(open_run(experiment.training.initialize_from, root, TRAINED, progress.warn).path)
    training = experiment.training.model_copy(update={"initialize_from": path})
    return loaded._replace(experiment=experiment.model_copy(update={"training": training}))


def _trained(
    run: Run, loaded: Loaded, dataset: Dataset, device: Any, progress: Progress, figures: bool, root: Path,
    profile: bool = False,
) -> Result:  # fmt: skip
    """Fit, then measure and draw; run.json always ends with a status and a reason."""
    from aecli.tasks.finish import finish
    from aecli.training import checkpoint
    from aecli.training.clock import Clock
    from aecli.training.devices import compiled
    from aecli.training.trained import write_features

    before, clock = compiled(), Clock()
    with status_kept(run):
        write_features(run, dataset.features)
        tracer = traced(run, clock) if profile else None
        fitted(run, loaded, dataset, device, progress, root, clock, tracer)
        timings = clock.timings()
        previous = run.record.get("timings") or {}
        run.update(timings=timings if timings["examples_per_second"] else {**timings, **previous})
        metrics = finish(run, dataset, progress, figures=figures)
        counted = compiled().since(before)
        progress.say(str(counted))
        kept = checkpoint.steps(run.checkpoints)
        run.update(status="completed", exit_reason=None, metrics=metrics, compiled=asdict(counted), checkpoints=kept)
    return Result(run, "completed", metrics, None if tracer is None else written(tracer, progress), dataset)
