"""Train a config into a run directory, and go on with a run that was stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from aecli.config.document import blame
from aecli.config.dump import to_yaml
from aecli.config.problems import AecliError, Problem, UserError
from aecli.data.dataset import Dataset
from aecli.data.dataset import load as load_data
from aecli.experiment import Experiment, Loaded, load
from aecli.runs.files import write_whole
from aecli.runs.find import TRAINED, UNFINISHED, open_run
from aecli.runs.provenance import provenance
from aecli.runs.run import Run
from aecli.tasks.start import initialized
from aecli.training.progress import Progress, Silent

# What a resumed run cannot change: what it is, and what an epoch is.
FIXED = (("data",), ("model",), ("seed",), ("name",), ("training", "batch_size"))


@dataclass(frozen=True)
class Result:
    """A finished training."""

    run: Run
    status: str
    metrics: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """As `train --json` prints it."""
        return {"run": str(self.run.path), "status": self.status, "metrics": self.metrics}


def train(
    config: str | Path | dict[str, Any] | Experiment,
    overrides: list[str] | None = None,
    *,
    output: str | Path = "outputs",
    progress: Progress | None = None,
    argv: list[str] | None = None,
    figures: bool = True,
) -> Result:
    """Train a config (a YAML file, a mapping, an Experiment) into a new run under `output`.

    UserError for a config or data at fault, DivergedError at a non-finite loss, StoppedError on a signal.
    """
    from aecli.training.devices import use_cache

    progress = progress or Silent()
    loaded = load(config, overrides)
    dataset = load_dataset(loaded)
    for text in dataset.notes:
        progress.say(text)
    use_cache()
    loaded = _with_start(loaded, Path(output), progress)
    device = _device(loaded)
    refuse_too_large(loaded, dataset, device)
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
        return _trained(run, loaded, dataset, device, progress, figures, Path(output))


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
    from aecli.training.devices import use_cache

    progress = progress or Silent()
    run = open_run(text, Path(output), None if overrides else UNFINISHED, progress.warn)
    with run.locked():
        record = run.record
        if record.get("status") == "completed" and not overrides:
            progress.say(f"{run.path} is complete: nothing to do")
            return Result(run, "completed", record.get("metrics", {}))
        loaded = _reloaded(run, overrides or [])
        dataset = load_dataset(loaded)
        if run.data.get("sha256") != dataset.sha256:
            text = f"{loaded.experiment.data.source} is not the data this run was trained on"
            raise UserError(Problem(text, loaded.document.place(("data", "source")), "its content has changed"))
        use_cache()
        device = _device(loaded)
        _check_continues(run, loaded, dataset, bool(overrides))  # before anything in the run changes
        write_whole(run.config_path, to_yaml(loaded.experiment))
        run.update(status="running", exit_reason=None, overrides=[*record.get("overrides", []), *(overrides or [])])
        return _trained(run, loaded, dataset, device, progress, figures, Path(output))


def load_dataset(loaded: Loaded) -> Dataset:
    """The config's data, its problems placed at the config's `data.source` where they have no place of their own."""
    with blamed_on(loaded.document, ("data", "source")):
        dataset = load_data(loaded.experiment.data)
    problems = [
        Problem(text, loaded.document.place(at), hint) for at, text, hint in data_conflicts(loaded.experiment, dataset)
    ]
    if problems:
        raise UserError(*problems)
    return dataset


@contextmanager
def blamed_on(document: Any, location: tuple[str | int, ...]) -> Iterator[None]:
    """Problems without a place are reported at the key they name, or at this place of the config."""
    try:
        yield
    except AecliError as error:
        raise error.at(blame(document, location)) from None


def data_conflicts(experiment: Experiment, dataset: Dataset) -> list[tuple[tuple[str, ...], str, str | None]]:
    """What the objective or the training asks of the data and the data do not give: place, text, hint."""
    found: list[tuple[tuple[str, ...], str, str | None]] = []
    layout = dataset.features.layout()
    if experiment.model.tied and layout.unfolded:
        text = "tied weights need a decoder as wide as the encoder's input: categories and holes make them differ"
        found.append((("model", "encoder", "tied"), text, "set model.encoder.tied: false"))
    if experiment.data.augment and (layout.table or len(layout.shape) != 3):
        text = f"augment changes pictures, and these rows have the shape {list(layout.shape)}"
        found.append((("data", "augment"), text, "leave data.augment out"))
    model = experiment.model
    for key, network, shape in (
        ("encoder", model.encoder, layout.input_shape),
        ("decoder", model.decoding, layout.output_shape),
    ):
        if (why := network.refuses(shape)) and (key == "encoder" or model.decoder.kind != "mirror"):
            found.append((("model", key), why, None))
    low, high = dataset.features.low, dataset.features.high
    if experiment.objective.reconstruction.binary and (low < 0 or high > 1):
        text = f"bernoulli needs features between 0 and 1; after scaling these lie between {low:.6g} and {high:.6g}"
        found.append((("objective", "reconstruction"), text, "use `data.scale: minmax`, or another reconstruction"))
    stop = experiment.training.stop_early
    if stop and stop.metric.startswith("validation/") and dataset.validation is None:
        text = f"there is no validation split to measure {stop.metric} on"
        found.append((("training", "stop_early"), text, "set data.split.validation, or stop on train/loss"))
    return found


def refuse_too_large(loaded: Loaded, dataset: Dataset, device: Any) -> None:
    """UserError where parameters and optimiser alone exceed the memory there is: no allocator would say it so well."""
    import jax
    import jax.numpy as jnp

    from aecli.config.numbers import numbers_of
    from aecli.training.devices import memory_of
    from aecli.training.step import program

    made = program(loaded.experiment, dataset.features.layout(), len(dataset.train))
    state = jax.eval_shape(made.init, jnp.uint32(0), numbers_of(loaded.experiment, 1))
    needed, there = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)), memory_of(device)
    if there is not None and needed > there:
        text = f"parameters and optimiser need {needed / 2**30:,.0f} GiB, and {device} has {there / 2**30:,.0f}"
        hint = "make layers narrower: `aecli check` shows the size of each"
        raise UserError(Problem(text, loaded.document.place(("model",)), hint))


def describe_data(experiment: Experiment, dataset: Dataset) -> dict[str, Any]:
    """What run.json says of the data."""
    rows = {f"{name}_rows": 0 if s is None else len(s.x) for name, s in dataset.splits().items()}
    shape = list(dataset.features.shape)
    return {"source": experiment.data.source, "sha256": dataset.sha256, "shape": shape, **rows}


def _device(loaded: Loaded) -> Any:
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


def _check_continues(run: Run, loaded: Loaded, dataset: Dataset, overridden: bool) -> None:
    """UserError where the last checkpoint does not fit the config, or where overrides would train nothing."""
    from aecli.training import checkpoint
    from aecli.training.step import program
    from aecli.training.trained import restore

    saved = checkpoint.latest_good(run.checkpoints, lambda text: None)
    if saved is not None:
        made = program(loaded.experiment, dataset.features.layout(), len(dataset.train))
        with blamed_on(loaded.document, ("training",)):
            restore(made, loaded.experiment, saved[1])
        total = loaded.experiment.training.epochs * made.steps_per_epoch
        if overridden and saved[0] >= total:
            done = saved[0] // made.steps_per_epoch
            asked = loaded.experiment.training.epochs
            text = f"nothing would be trained: {done} epochs are done, and training.epochs is {asked}"
            hint = f"set training.epochs above {done}; what a finished run was trained with does not change"
            raise UserError(Problem(text, loaded.document.place(("training", "epochs")), hint))


def _reloaded(run: Run, overrides: list[str]) -> Loaded:
    loaded, before = run.config(overrides), run.config().experiment
    for path in FIXED:
        if reduce(getattr, path, before) != reduce(getattr, path, loaded.experiment):
            hint = "train a new run; training.initialize_from=RUN starts it from this one's parameters"
            text = f"a resumed run cannot change `{'.'.join(path)}`"
            raise UserError(Problem(text, loaded.document.place(path), hint))
    return loaded


def _trained(
    run: Run, loaded: Loaded, dataset: Dataset, device: Any, progress: Progress, figures: bool, root: Path
) -> Result:
    """Fit, then measure and draw; run.json always ends with a status and a reason."""
    from aecli.tasks.finish import finish
    from aecli.training.devices import compiled
    from aecli.training.trained import write_features

    write_features(run, dataset.features)
    before = compiled()
    with _status_kept(run):
        timings = _fitted(run, loaded, dataset, device, progress, root)
        previous = run.record.get("timings") or {}
        run.update(timings=timings if timings["examples_per_second"] else {**timings, **previous})
        metrics = finish(run, dataset, progress, figures=figures)
        counted = compiled().since(before)
        progress.say(str(counted))
        run.update(status="completed", exit_reason=None, metrics=metrics, compiled=asdict(counted))
    return Result(run, "completed", metrics)


@contextmanager
def _status_kept(run: Run) -> Iterator[None]:
    try:
        yield
    except AecliError as error:
        status = {3: "diverged", 130: "stopped", 143: "stopped"}.get(int(error.exit_code), "failed")
        run.update(status=status, exit_reason=error.problems[0].message if error.problems else None)
        raise
    except (KeyboardInterrupt, SystemExit):  # a signal, while nothing had to be saved
        run.update(status="stopped", exit_reason="interrupted")
        raise
    except BaseException as error:
        run.update(status="failed", exit_reason=f"{type(error).__name__}: {error}")
        raise


def _fitted(
    run: Run, loaded: Loaded, dataset: Dataset, device: Any, progress: Progress, root: Path
) -> dict[str, float | None]:
    """From the last good checkpoint, or else the start, to the end."""
    from aecli.training import checkpoint
    from aecli.training.loop import Clock, Trainer
    from aecli.training.memory import Memory
    from aecli.training.stopping import stop_requests
    from aecli.training.trained import restore

    experiment, clock = loaded.experiment, Clock()
    with stop_requests() as stop:
        trainer = Trainer(experiment, dataset, run, progress, device, clock)
        saved = checkpoint.latest_good(run.checkpoints, progress.warn)
        if saved is None:
            state, memory = trainer.initial(), Memory()
            if experiment.training.initialize_from:
                with blamed_on(loaded.document, ("training", "initialize_from")):
                    state = initialized(state, experiment.training.initialize_from, root)
        else:
            state, memory = trainer.put(restore(trainer.program, experiment, saved[1])), Memory(**saved[2])
        trainer.fit(state, memory, stop)
    return clock.timings()
