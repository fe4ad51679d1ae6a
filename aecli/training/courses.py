"""What takes the steps of each stage of a training: its program, compiled when the stage begins."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from aecli.data.dataset import Dataset
from aecli.experiment import Experiment
from aecli.training.clock import Clock
from aecli.training.divergence import halved
from aecli.training.feed import Window
from aecli.training.program import Program, program
from aecli.training.stages import Stage, numbers_in, stage_at, stages
from aecli.training.state import State


class Course(NamedTuple):
    """A stage, and its program and compiled chunk."""

    stage: Stage
    program: Program
    chunk: Any


class Courses:
    """The stages of one training. `numbers(stage, halvings)` are those that a stage's functions are given."""

    def __init__(self, experiment: Experiment, dataset: Dataset, put: Any, clock: Clock):
        layout, rows = dataset.features.layout(), len(dataset.train)
        self.made = lru_cache(lambda part: program(experiment, layout, rows, part))
        each = self.made(None).steps_per_epoch
        self.stages = stages(experiment, each)
        self.numbers = lru_cache(lambda stage, halvings: put(halved(numbers_in(stage, experiment, each), halvings)))
        self.clock, self.known = clock, dict[Stage, Course]()

    @property
    def opening(self) -> Program:
        """That of the first stage."""
        return self.made(self.stages[0].part)

    def initial(self, seed: Any) -> State:
        """The state before the first step."""
        return self.opening.init(seed, self.numbers(self.stages[0], 0))

    def stage(self, step: int) -> Stage:
        """The stage of the next step."""
        return stage_at(self.stages, step)

    def begins(self, step: int) -> bool:
        """Whether the next step is the first of a later stage."""
        stage = self.stage(step)
        return step == stage.first and stage != self.stages[0]

    def entered(self, state: State) -> State:
        """The state with an optimiser that begins, where its next step is the first of a later stage."""
        stage = self.stage(int(state.step))
        return self.made(None).entered(state, self.numbers(stage, 0)) if self.begins(int(state.step)) else state

    def course(self, state: State, window: Callable[[], Window], seed: Any) -> Course:
        """What takes the next step; a stage that begins here is compiled for windows like this one."""
        stage = self.stage(int(state.step))
        if stage not in self.known:
            began, made, like = time.perf_counter(), self.made(stage.part), window()
            args = (state, like.data, like.order, seed, self.numbers(stage, 0), np.int32(0), np.int32(0))
            self.known[stage] = Course(stage, made, made.chunk.compiled(*args))
            self.clock.compile_seconds += time.perf_counter() - began
        return self.known[stage]
