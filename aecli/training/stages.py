"""The stages of a training: greedy pretraining layer by layer, the whole autoencoder, fine-tuning with labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aecli.config.numbers import numbers_of, schedules_of
from aecli.experiment import Experiment

Part = int | Literal["labels"] | None  # a layer, counted from 0 at the rows; encoder and classifier; the autoencoder
STAGE = "stage"  # of the numbers: where the stage begins, and how fast it goes through its schedules


@dataclass(frozen=True)
class Stage:
    """The steps from `first` up to (not with) `stop`, and what they train."""

    part: Part
    first: int
    stop: int

    @property
    def split(self) -> str:
        """What its records of training rows in metrics.jsonl are called."""
        return "pretrain" if isinstance(self.part, int) else "train"

    def told(self, sums: dict[str, float]) -> dict[str, float]:
        """Means over rows by the names of the record: of a layer its loss alone."""
        if isinstance(self.part, int):
            return {f"layer_{self.part + 1}": sums["loss"]}
        if self.part is None:
            return {name: value for name, value in sums.items() if name not in BESIDES}
        share = sums["labelled"]
        return {told: sums[name] / share if share else math.nan for told, name in _LABELS.items()}


BESIDES = ("error", "labelled")  # summed where training has labels, and of no other stage
_LABELS = {"cross_entropy": "loss", "error": "error"}


def stage_units(experiment: Experiment) -> dict[str, str]:
    """The unit of what `told` names in other stages than the autoencoder's."""
    model, at = experiment.model, "sum over inputs, mean over examples"
    above = "nats" if getattr(model.encoder, "activation", "") == "sigmoid" else "squared error"
    first = "squared error" if experiment.objective.reconstruction.kind == "squared_error" else "nats"
    found = {f"layer_{i + 1}": f"{above if i else first}, {at}" for i in range(layers(experiment))}
    labels = {"cross_entropy": "nats, mean over examples", "error": "share of rows"}
    return found | (labels if experiment.training.supervised else {})


def layers(experiment: Experiment) -> int:
    """How many layers are pretrained, each for the epochs that the config says: the encoder's and the code's."""
    return len(experiment.model.encoder.widths) + 1 if experiment.training.pretrain else 0  # pyright: ignore


def all_epochs(experiment: Experiment) -> int:
    """Passes over the training rows in all stages."""
    pretrain, supervised = experiment.training.pretrain, experiment.training.supervised
    before = layers(experiment) * pretrain.epochs if pretrain else 0
    return before + experiment.training.epochs + (supervised.epochs if supervised else 0)


def stages(experiment: Experiment, steps_per_epoch: int) -> tuple[Stage, ...]:
    """All of them, in order; one of no steps is there, too."""
    pretrain, supervised = experiment.training.pretrain, experiment.training.supervised
    each = pretrain.epochs * steps_per_epoch if pretrain else 0
    found = [Stage(layer, layer * each, (layer + 1) * each) for layer in range(layers(experiment))]
    first = len(found) * each
    stop = first + experiment.training.epochs * steps_per_epoch
    found.append(Stage(None, first, stop))
    if supervised:
        found.append(Stage("labels", stop, stop + supervised.epochs * steps_per_epoch))
    return tuple(found)


def stage_at(found: tuple[Stage, ...], step: int) -> Stage:
    """The stage of the step that comes after `step` steps; the last one where none comes."""
    return next((stage for stage in found if step < stage.stop), found[-1])


def numbers_in(stage: Stage, experiment: Experiment, steps_per_epoch: int) -> dict[str, Any]:
    """The swept numbers of a stage: schedules begin with it.

    Every stage goes through them as the autoencoder's own does, in the steps that it has: what takes a tenth of that
    one takes a tenth of a layer's.
    """
    length = experiment.training.epochs * steps_per_epoch
    if not experiment.training.pretrain and not experiment.training.supervised:
        return numbers_of(experiment, length)
    mine = stage.stop - stage.first
    length = length or mine
    speed = length / mine if mine else 1.0
    return numbers_of(experiment, length) | {STAGE: {"first": np.int32(stage.first), "speed": np.float32(speed)}}


def unfinished(experiment: Experiment, steps_per_epoch: int) -> list[str]:
    """Of each schedule of the model or the objective that a stage ends before: what follows from it.

    Without an epoch of the autoencoder itself nothing is trained on the objective, and its schedules do not count.
    """
    lengths = [stage.stop - stage.first for stage in stages(experiment, steps_per_epoch) if stage.stop > stage.first]
    whole = experiment.training.epochs * steps_per_epoch
    length = whole or min(lengths, default=0)
    found = {
        f"{part}.{name}": value
        for part in (("model", "objective") if whole else ("model",))
        for name, value in schedules_of(getattr(experiment, part)).items()
    }
    return [
        f"{name} is to reach {value.last:g} after {value.steps:,} steps, and training has {length:,}: "
        f"where the run is validated and applied it is {value.last:g} all the same"
        for name, value in found.items()
        if value.steps is not None and value.steps > length > 0 and value.last != value.start
    ]
