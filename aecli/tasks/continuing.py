"""What a resumed run cannot change, and whether there is anything left to train."""

from __future__ import annotations

from functools import reduce

from aecli.config.document import blamed_on
from aecli.config.problems import Problem, UserError
from aecli.data.dataset import Dataset
from aecli.experiment import Loaded
from aecli.runs.run import Run

# What it is, and what an epoch is.
FIXED = (("data",), ("model",), ("seed",), ("name",), ("training", "batch_size"), ("training", "pretrain"))

SUPERVISED = (("training", "epochs"), ("training", "supervised"))  # of a training whose last stage has labels


def reloaded(run: Run, overrides: list[str]) -> Loaded:
    """The run's config with these overrides; UserError where they change what is fixed."""
    loaded, before = run.config(overrides), run.config().experiment
    labels = bool(before.training.supervised or loaded.experiment.training.supervised)
    for path in (*FIXED, *(SUPERVISED if labels else ())):
        if reduce(getattr, path, before) != reduce(getattr, path, loaded.experiment):
            why = "training with labels comes after training.epochs; " if path in SUPERVISED else ""
            hint = f"{why}train a new run; training.initialize_from=RUN starts it from this one's parameters"
            text = f"a resumed run cannot change `{'.'.join(path)}`"
            raise UserError(Problem(text, loaded.document.place(path), hint))
    return loaded


def check_continues(run: Run, loaded: Loaded, dataset: Dataset, overridden: bool) -> None:
    """UserError where the last checkpoint does not fit the config, or where overrides would train nothing.

    DamagedError where there is no whole one of those that were, or the log is not the one it was saved with.
    """
    from aecli.runs.metrics import Metrics
    from aecli.training import checkpoint
    from aecli.training.memory import Memory
    from aecli.training.program import program
    from aecli.training.stages import all_epochs
    from aecli.training.trained import restore

    saved = checkpoint.latest_good(run.checkpoints, lambda text: None)
    if saved is not None:
        memory = Memory.from_dict(saved[2], run.checkpoints, saved[0])
        Metrics(run.metrics).verify(memory.metrics_bytes, memory.metrics_sha256)
        made = program(loaded.experiment, dataset.features.layout(), len(dataset.train))
        with blamed_on(loaded.document, ("training",)):
            restore(made, loaded.experiment, saved[1])
        total = all_epochs(loaded.experiment) * made.steps_per_epoch
        if overridden and saved[0] >= total and memory.logged in (None, saved[0]):
            asked = loaded.experiment.training.epochs
            if loaded.experiment.training.supervised:
                hint = "a training with labels at its end is not gone on with; train a new run"
                raise UserError(Problem("nothing would be trained: the run is complete", None, hint))
            done = saved[0] // made.steps_per_epoch - (all_epochs(loaded.experiment) - asked)
            text = f"nothing would be trained: {done} epochs are done, and training.epochs is {asked}"
            hint = f"set training.epochs above {done}; what a finished run was trained with does not change"
            raise UserError(Problem(text, loaded.document.place(("training", "epochs")), hint))
