"""The stages of a training: with greedy pretraining one a layer, lowest first, then the whole autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aecli.config.numbers import numbers_of
from aecli.experiment import Experiment

STAGE = "stage"  # of the numbers: where the stage begins, and how fast it goes through its schedules


@dataclass(frozen=True)
class Stage:
    """The steps from `first` up to (not with) `stop`; `layer` counts from 0 at the rows, None is the whole."""

    layer: int | None
    first: int
    stop: int

    @property
    def split(self) -> str:
        """What its records in metrics.jsonl are of."""
        return "train" if self.layer is None else "pretrain"

    def told(self, sums: dict[str, Any]) -> dict[str, Any]:
        """An epoch's means by the names of the record: of a layer its loss alone."""
        return sums if self.layer is None else {f"layer_{self.layer + 1}": sums["loss"]}


def layers(experiment: Experiment) -> int:
    """How many layers are pretrained, each for the epochs that the config says: the encoder's and the code's."""
    return len(experiment.model.encoder.widths) + 1 if experiment.training.pretrain else 0  # pyright: ignore


def all_epochs(experiment: Experiment) -> int:
    """Passes over the training rows, pretraining included."""
    pretrain = experiment.training.pretrain
    return experiment.training.epochs + (layers(experiment) * pretrain.epochs if pretrain else 0)


def stages(experiment: Experiment, steps_per_epoch: int) -> tuple[Stage, ...]:
    """All of them, in order; one of no steps is there, too."""
    pretrain, total = experiment.training.pretrain, all_epochs(experiment) * steps_per_epoch
    each = pretrain.epochs * steps_per_epoch if pretrain else 0
    below = [Stage(layer, layer * each, (layer + 1) * each) for layer in range(layers(experiment))]
    return (*below, Stage(None, len(below) * each, total))


def stage_at(found: tuple[Stage, ...], step: int) -> Stage:
    """The stage of the step that comes after `step` steps; the last one where none comes."""
    return next((stage for stage in found if step < stage.stop), found[-1])


def numbers_in(stage: Stage, experiment: Experiment, steps_per_epoch: int) -> dict[str, Any]:
    """The swept numbers of a stage: schedules begin with it.

    A layer goes through them as the whole autoencoder does, in the steps that it has: what takes a tenth of the
    training there takes a tenth of the layer's here.
    """
    length = experiment.training.epochs * steps_per_epoch
    found = numbers_of(experiment, length)
    if not experiment.training.pretrain:
        return found
    speed = 1.0 if stage.layer is None else length / (stage.stop - stage.first)
    return found | {STAGE: {"first": np.int32(stage.first), "speed": np.float32(speed)}}
