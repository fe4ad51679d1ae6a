"""A training that is looked at: `aecli train --profile`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aecli.config.problems import Problem, UserError
from aecli.data.dataset import Dataset
from aecli.experiment import Loaded
from aecli.runs.files import to_json, write_whole
from aecli.runs.run import Run
from aecli.training.progress import Progress

if TYPE_CHECKING:
    from aecli.training.clock import Clock
    from aecli.training.profile.tracer import Tracer

FOLDER = "profile"


def refuse_too_short(loaded: Loaded, dataset: Dataset) -> None:
    """UserError where training ends before the window of steps that a profile traces."""
    from aecli.training.profile.tracer import BEFORE, NEEDED, STEPS
    from aecli.training.program import program
    from aecli.training.stages import stages

    made = program(loaded.experiment, dataset.features.layout(), len(dataset.train))
    each, pretrain = made.steps_per_epoch, loaded.experiment.training.pretrain
    steps = stages(loaded.experiment, each)[0].stop
    if steps < NEEDED:
        key = "training.pretrain.epochs" if pretrain else "training.epochs"
        what = "the first layer's" if pretrain else "this training"
        text = f"a profile traces {STEPS} steps after the first {BEFORE}, and {what} has {steps}"
        hint = f"set {key}={-(-NEEDED // each)} or more, or a smaller training.batch_size"
        raise UserError(Problem(text, loaded.document.place(tuple(key.split("."))), hint))


def traced(run: Run, clock: Clock) -> Tracer:
    """What traces a training into its run."""
    from aecli.training.profile.tracer import Tracer

    return Tracer(run.path / FOLDER, clock)


@contextmanager
def names_kept(tracer: Tracer | None) -> Iterator[None]:
    """Where there is a tracer, take no program from the cache that an older source compiled under other names."""
    import jax

    name = "jax_compilation_cache_include_metadata_in_key"
    before = getattr(jax.config, name)
    jax.config.update(name, before or tracer is not None)
    try:
        yield
    finally:
        jax.config.update(name, before)


def written(tracer: Tracer, progress: Progress) -> dict[str, Any] | None:
    """The profile, kept in the run as profile/profile.json; None, and a warning, where no step was traced."""
    found = tracer.profile()
    if found is None:
        progress.warn("training ended before the steps that were to be traced: there is no profile")
        return None
    if found.device is None:
        progress.warn("the trace names no operation: what the device did is unattributed")
    profile = {"trace": str(tracer.file), **found.to_dict()}
    write_whole(tracer.folder / "profile.json", to_json(profile))
    return profile
