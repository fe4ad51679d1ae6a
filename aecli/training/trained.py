"""A trained autoencoder: what a run's checkpoint, config and features make together."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.numbers import numbers_of, values_at_end
from aecli.config.problems import DamagedError, Place, Problem, UserError
from aecli.data.dataset import Dataset, Split, read_rows, row_blocks
from aecli.data.dataset import load as load_data
from aecli.data.features import Features
from aecli.data.store import Stored, Through
from aecli.data.supervision import with_classes
from aecli.experiment import Experiment
from aecli.model.forward import Weights
from aecli.runs.files import read_json
from aecli.runs.record import check_record
from aecli.runs.run import Run
from aecli.training import checkpoint
from aecli.training.batches import Looped
from aecli.training.choice import chosen
from aecli.training.misfits import misfits
from aecli.training.program import Program, program
from aecli.training.state import State

if TYPE_CHECKING:
    from aecli.layout import Layout
    from aecli.model.autoencoder import Autoencoder
    from aecli.model.spec import Model, Objective

BLOCK = 8192  # rows read at a time from what is streamed, at most,
BLOCK_VALUES = 2**23  # and numbers, but for a batch of rows
BATCH = 512  # rows at a time; always the same, so that a row's result does not depend on its neighbours


@dataclass
class Trained:
    """An autoencoder and its weights, to be applied to arrays in the model's space ([rows, *shape], float32)."""

    run: Run
    experiment: Experiment
    features: Features
    weights: Weights
    step: int
    program: Program
    _jitted: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def autoencoder(self) -> Autoencoder:
        """The pure functions."""
        return self.program.autoencoder

    @property
    def model(self) -> Model:
        """What the autoencoder is built from: its swept numbers are in `weights`, and NaN here."""
        return self.program.skeleton.model

    @property
    def objective(self) -> Objective:
        """What it was trained on, likewise."""
        return self.program.skeleton.objective

    @property
    def layout(self) -> Layout:
        """What a row is to it."""
        return self.program.layout

    @cached_property
    def dataset(self) -> Dataset:
        """The run's own data, read again from its source; UserError where its content has changed since."""
        found = load_data(self.experiment.data)
        if self.experiment.training.supervised:
            found = with_classes(found, None)
        if found.sha256 != self.run.data.get("sha256"):
            source = self.experiment.data.source
            hint = "its splits and scales would be others: bring the file back, or give rows with --data"
            raise UserError(Problem(f"{source} is not the data that {self.run.path} was trained on", hint=hint))
        if found.features.to_dict() != self.features.to_dict():
            place = Place(str(self.run.path / "features.json"))
            raise DamagedError(Problem("damaged: these are not the features of the run's own data", place))
        return found

    @cached_property
    def fingerprint(self) -> str:
        """A hash of parameters and objective: what is fitted to this autoencoder holds for no other."""
        digest = hashlib.sha256(self.experiment.model_dump_json(include={"model", "objective"}).encode())
        for name, array in sorted(checkpoint.flatten(self.weights._asdict()).items()):
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def split(self, name: str | None = None) -> tuple[str, Split]:
        """A split of the run's data by name, else test, else validation, else train."""
        splits = self.dataset.splits()
        for choice in (name,) if name else ("test", "validation", "train"):
            rows = splits.get(choice)
            if rows is not None:
                return choice, self._as_evaluated(choice, rows)
        raise UserError(Problem(f"this run has no {name} split", hint=f"it has: {', '.join(splits)}"))

    def _as_evaluated(self, name: str, rows: Split) -> Split:
        """The training rows that `binarize: dynamic` leaves grey, drawn once like the other splits'."""
        if name != "train" or self.experiment.data.binarize != "dynamic":
            return rows
        from aecli.data.binarize import Drawer, drawn

        if isinstance(rows.x, Stored):  # not drawn as a whole: each row by a function of itself
            return replace(rows, x=Through(rows.x, Drawer("rows")))  # pyright: ignore[reportArgumentType]
        return replace(rows, x=drawn(rows.x, "train"))

    def rows(self, data: str | Path | np.ndarray | None, split: str | None = None) -> tuple[str, Split]:
        """The rows of a file or an array, checked against the run's features; or a split of the run's own data."""
        if data is None:
            return self.split(split)
        if split:
            raise UserError(Problem("--data and --split exclude one another", hint="leave one of them out"))
        name = "data" if isinstance(data, np.ndarray) else str(data)
        return name, read_rows(data, self.features, self.experiment.data)

    def blocks(
        self, data: str | Path | np.ndarray | None, split: str | None = None, size: int | None = None
    ) -> tuple[str, Iterator[Split]]:
        """The rows of `rows`, `size` at a time: of a file, nothing else of it is ever in memory."""
        size = size or min(BLOCK, max(BATCH, BLOCK_VALUES // math.prod(self.features.shape)))
        if data is None or isinstance(data, np.ndarray) or split:
            name, rows = self.rows(data, split)
            return name, rows.blocks(size)
        return str(data), row_blocks(data, self.features, self.experiment.data, size)

    def mapped(self, name: str, function: Callable[..., Any], *arrays: np.ndarray, batch: int = BATCH) -> Any:
        """function(weights, *arrays) over batches of rows, compiled once under `name`; results as numpy arrays.

        The name must tell all that the function depends on besides `autoencoder` and its arguments: what is compiled
        is kept under it for later processes.
        """
        if name not in self._jitted:
            self._jitted[name] = Looped(function, batch, f"{name}\n{self.program.identity}")
        return self._jitted[name](self.weights, *arrays)

    def encode(self, x: np.ndarray) -> np.ndarray:
        """The mean codes [rows, size] of x."""
        return self.mapped("encode", lambda w, a: self.autoencoder.encode(w, a).mean, x)

    def logits(self, x: np.ndarray) -> np.ndarray:
        """W z + c [rows, classes] of x, where training had labels."""
        return self.mapped("logits", lambda w, a: self.autoencoder.logits(w, a)[0], x)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """The mean of p(x | z), [rows, *shape], in the model's space."""
        return self.mapped("decode", lambda w, a: self.autoencoder.decode(w, a).mean, np.asarray(z, np.float32))

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """x_hat in the model's space."""
        return self.mapped("reconstruct", self.autoencoder.reconstruct, x)


def open_trained(run: Run, which: str = "best", warn: Callable[[str], None] | None = None) -> Trained:
    """The autoencoder of a run: `which` is best (by validation loss, or error where labels
    come last; else the last), last, or a step.

    UserError where there is none yet; DamagedError where a file of it is not what was written.
    """
    check_record(run.record, run.record_path)
    experiment, document = run.config()
    if warn is not None:
        run.warn_of_changes(warn)
    features = read_features(run)
    if wrong := misfits(experiment, features.layout()):
        raise UserError(*(Problem(text, document.place(key), hint) for key, text, hint in wrong))
    step, arrays = chosen(run, which, warn)
    rows = _training_rows(run)
    made = program(experiment, features.layout(), rows)
    state = restore(made, experiment, arrays)
    numbers = values_at_end(numbers_of(experiment, experiment.training.epochs * made.steps_per_epoch))
    parameters = state.average or state.parameters
    return Trained(run, experiment, features, Weights(parameters, state.variables, numbers), step, made)


def restore(made: Program, experiment: Experiment, arrays: dict[str, np.ndarray]) -> State:
    """The training state that a checkpoint's arrays hold; UserError where the config does not fit them."""
    numbers = numbers_of(experiment, 1)
    like = made.init.shapes(np.uint32(0), numbers)
    return State(**checkpoint.unflatten(arrays, like._asdict()))


def write_features(run: Run, features: Features) -> None:
    """Keep with the run what its columns are and how they were scaled."""
    run.keep(run.path / "features.json", json.dumps(features.to_dict()) + "\n")


def read_features(run: Run) -> Features:
    """What `write_features` kept."""
    path = run.path / "features.json"
    if not os.path.lexists(path):
        if checkpoint.steps(run.checkpoints):  # it is written before the first of them
            raise DamagedError(Problem("damaged: this file is missing", Place(str(path))))
        raise UserError(Problem(f"{run.path} has not begun training", hint="continue it: aecli resume RUN"))
    try:
        found = Features.from_dict(read_json(path))
    except KeyError as error:
        raise DamagedError(Problem(f"damaged: {error} is missing", Place(str(path)))) from error
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        text = re.sub(r"^\S*__init__\(\) ", "", str(error))
        raise DamagedError(Problem(f"damaged: {text}", Place(str(path)))) from error
    if not run.is_as_kept(path):
        raise DamagedError(Problem("damaged: its SHA-256 is not the one in run.json", Place(str(path))))
    return found


def _training_rows(run: Run) -> int:
    """How many rows the run was trained on, by its record."""
    rows = run.data.get("train_rows")
    if not isinstance(rows, int) or isinstance(rows, bool) or not 1 <= rows < 2**31:
        raise DamagedError(Problem("damaged: data.train_rows is no number of rows", Place(str(run.record_path))))
    return rows
