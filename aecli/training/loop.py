"""The loop of epochs: chunks of steps, validation, log, checkpoints; read it top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from aecli.config.numbers import numbers_of, values_at_end
from aecli.config.problems import DivergedError, Problem
from aecli.data.dataset import Dataset
from aecli.data.supervision import any_class, trained_rows
from aecli.experiment import Experiment
from aecli.model.forward import Weights
from aecli.runs.events import Events
from aecli.runs.metrics import Metrics
from aecli.runs.run import Run
from aecli.training import checkpoint
from aecli.training.clock import CHECKPOINT, EVALUATION, ROWS, STEPS, Clock
from aecli.training.courses import Course, Courses
from aecli.training.divergence import settled
from aecli.training.feed import WHERE, Feed, Resident, Streamed, Window, placed
from aecli.training.held import Held
from aecli.training.inquest import Inquest
from aecli.training.memory import Memory
from aecli.training.pace import Pace
from aecli.training.profile.tracer import Watch
from aecli.training.program import Program
from aecli.training.progress import Progress, line_of
from aecli.training.retention import Retention
from aecli.training.saver import Saver
from aecli.training.stages import Stage, all_epochs, unfinished
from aecli.training.state import State
from aecli.training.stopping import StoppedError, StopRequest
from aecli.training.trained import restore

TOLD = 3  # divergences of an epoch that are warned of; more are told where one asks for everything


class UnseenError(Exception):
    """Something diverged in a chunk whose start is gone: train again from the last checkpoint, and look."""


class Trainer:
    """Trains one run from its last checkpoint to the last epoch, an early stop, a signal, or divergence."""

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        run: Run,
        progress: Progress,
        device: Any,
        clock: Clock,
        watch: Watch | None = None,
        start: Callable[[State], State] = lambda state: state,
    ):
        self.experiment, self.dataset, self.run, self.progress = experiment, dataset, run, progress
        self.clock, self.start = clock, start
        put = partial(jax.device_put, device=device)
        self.courses = Courses(experiment, dataset, put, clock)
        self.program: Program = self.courses.made(None)
        self.total = self.courses.stages[-1].stop
        self.at_end = put(values_at_end(numbers_of(experiment, 1)))
        for text in unfinished(experiment, self.program.steps_per_epoch):
            progress.warn(text)
        self.seed = put(np.uint32(experiment.seed))
        place = placed(dataset, device)
        resident = place.place == "device"
        progress.say(f"rows: {WHERE[place.place]} ({place.why})")
        classes = dataset.features.classes
        rows, feed = trained_rows(dataset.train, classes), Resident if resident else Streamed
        self.feed: Feed = feed(self.courses.opening, rows, self.seed, put)
        validation = dataset.validation
        if classes and validation is not None and not any_class(validation, classes):
            progress.warn("no validation row has a class that training has: the last checkpoint is the best")
        self.held = None if validation is None else Held(self.program, trained_rows(validation, classes), put, resident)
        self.put, self.watch = put, watch or Watch()
        self.stop, self.pace = StopRequest(), Pace()
        saving = experiment.training.checkpoint
        due = saving.every * self.program.steps_per_epoch
        self.retention = Retention(run.checkpoints, due, saving.keep, self.total)
        # Chunks are looked at one by one where a divergence is not the end, or has been met.
        self.looking = experiment.training.on_divergence != "stop"
        self._padding = self.program.steps_per_epoch * self.program.batch - self.program.rows

    def initial(self) -> State:
        """The state before the first step."""
        return self.courses.initial(self.seed)

    def begin(self) -> tuple[State, Memory]:
        """The last good checkpoint, or else the start."""
        saved = checkpoint.latest_good(self.run.checkpoints, self.progress.warn)
        if saved is None:
            if Metrics(self.run.metrics).length():  # killed before the first was due, or someone removed them
                self.progress.warn("epochs are logged and no checkpoint is there: training begins at its first step")
            return self.start(self.initial()), Memory(logged=0)
        memory = Memory.from_dict(saved[2], self.run.checkpoints, saved[0])
        if memory.logged is None:  # by an older aecli, which saved at the end of an epoch once it was logged
            memory = replace(memory, logged=saved[0] - saved[0] % self.program.steps_per_epoch)
        return self.put(restore(self.program, self.experiment, saved[1])), memory

    def fit(self, state: State, memory: Memory, stop: StopRequest) -> tuple[State, Memory]:
        """Epoch after epoch; what is logged and saved is a pure function of config, data and seed."""
        self.stop = stop
        try:
            return self._fit(state, memory)
        except UnseenError as unseen:
            self.looking = True
            self.progress.say(f"{unseen}: training again from the last checkpoint to see where")
            return self._fit(*self.begin())

    def _fit(self, state: State, memory: Memory) -> tuple[State, Memory]:
        training, memory = self.experiment.training, memory.under(self.experiment)
        step = int(state.step)
        self.watch.begun(self._course(state).chunk, step)
        began = time.perf_counter()
        windows = self.feed.windows(step, self.total)
        if memory.should_stop(training.stop_early):
            self.progress.say("stopped early before: patience is spent (raise training.stop_early.patience to go on)")
        log = Metrics(self.run.metrics)
        with (
            closing(self.watch),
            log,
            Events(self.run.events, resume_at=step or None) as events,
            self._saver(log) as saver,
        ):
            # A resumed run forgets what came after its checkpoint.
            log.truncate(memory.metrics_bytes, memory.metrics_sha256)
            self.retention.tidy(step, memory)
            if memory.logged not in (None, step) and step % self.program.steps_per_epoch == 0:  # stopped in between
                memory = self._end_of_epoch(state, memory, log, events, saver)
            while (step := int(state.step)) < self.total and not memory.should_stop(training.stop_early):
                state, memory = self._epoch(state, memory, windows, log, saver)
                memory = self._end_of_epoch(state, memory, log, events, saver)
                self.clock.train_seconds = time.perf_counter() - began
            self._settle(state, memory, log, saver)
        return state, memory

    def _saver(self, log: Metrics) -> Saver:
        return Saver(self.run.checkpoints, self.retention.spared, log.sync, self.progress.warn, self.program.copied)

    def _course(self, state: State) -> Course:
        return self.courses.course(state, self.feed.first, self.seed)

    def _epoch(
        self, state: State, memory: Memory, windows: Iterator[Window], log: Metrics, saver: Saver
    ) -> tuple[State, Memory]:
        """The rest of an epoch, window by window, each in chunks as long as fit into CHUNK_SECONDS."""
        epoch, course = int(state.step) // self.program.steps_per_epoch, self._course(state)
        last, text = (epoch + 1) * self.program.steps_per_epoch, f"epoch {epoch + 1}/{all_epochs(self.experiment)}"
        while int(state.step) < last:
            with self.clock.phase(ROWS):
                window = next(windows)
            while (step := int(state.step)) < window.stop:
                if self.stop:
                    self._stop(state, memory, log, saver)
                self._checked(saver.check)
                self.watch.at(step)
                count = min(self.pace.length, window.stop - step, self.watch.room(step) or self.pace.length)
                if self.courses.begins(step):  # what is saved before a stage's first step is the end of the one before
                    state, memory = self.courses.entered(state), memory.anew()
                before = self.program.copied(state) if self.looking else None
                state = self._steps(course, state, window, count, memory.halvings)
                if int(state.bad) >= 0:
                    state, memory = self._diverged(course, before, int(state.bad), window, count, memory, log, saver)
                self.progress.advance(int(state.step), self.total, text)
        return state, memory

    def _steps(self, course: Course, state: State, window: Window, count: int, halvings: int) -> State:
        """The state after `count` steps."""
        began = time.perf_counter()
        with self.clock.phase(STEPS):
            first, steps = np.int32(window.start), np.int32(count)
            numbers = self.courses.numbers(course.stage, halvings)
            state = course.chunk(state, window.data, window.order, self.seed, numbers, first, steps)
            ended = int(state.step) % self.program.steps_per_epoch == 0  # waits for the chunk
        self.clock.chunks += 1
        self.clock.steps += count
        self.clock.examples += count * self.program.batch - (self._padding if ended else 0)
        self.pace.after(count, time.perf_counter() - began)
        return state

    def _diverged(
        self, course: Course, before: State | None, bad: int, window: Window, count: int, memory: Memory, log: Metrics,
        saver: Saver,
    ) -> tuple[State, Memory]:  # fmt: skip
        """The last good state with the bad step left out, if the config wants to go on so; DivergedError else."""
        if before is None:
            raise UnseenError(f"a loss, gradient or parameter was not finite at step {bad}, or just before")
        numbers = self.courses.numbers(course.stage, memory.halvings)
        inquest = Inquest(course.program, course.chunk, self.feed.order, self.seed, numbers)
        good, found = inquest.held(before, window, count, self.dataset.train.ids)
        action = self.experiment.training.on_divergence
        with self.stop.saving():
            saver.finish()  # what is kept can be told then
        memory = settled(found, memory, action, self.program.steps_per_epoch, self.retention.told())
        log.append(found.record(action, 0.5**memory.halvings))
        (self.progress.warn if len(memory.skipped) <= TOLD else self.progress.say)(f"{found}\n  left out ({action})")
        return self.put(good._replace(step=np.int32(found.step + 1))), memory

    def _stop(self, state: State, memory: Memory, log: Metrics, saver: Saver) -> None:
        with self.stop.saving():
            self._save(state, memory, log, saver)
            self._checked(saver.finish)
        text = f"stopped at step {int(state.step)} of {self.total}, saved in {self.run.path}"
        problem = Problem(text, hint=f"go on: aecli resume {self.run.path}")
        raise StoppedError(self.stop.signal or 0, problem, run=self.run.path)

    def _end_of_epoch(self, state: State, memory: Memory, log: Metrics, events: Events, saver: Saver) -> Memory:
        """Log the epoch, validate where it is due, save where it is due or the best so far."""
        training, step = self.experiment.training, int(state.step)
        epoch, last = step // self.program.steps_per_epoch, step >= self.total
        due = last or epoch % self.experiment.evaluation.every == 0
        stage = self.courses.stage(step - 1)
        records = [(stage.split, stage.told(self._trained_on(state, memory)))]
        if self.held is not None and due and not isinstance(stage.part, int):
            with self.clock.phase(EVALUATION):
                between = partial(self._stop, state, memory, log, saver)
                found = self.validate(state, lambda: between() if self.stop else None, stage)
                records.append(("validation", stage.told(found)))
        for split, values in records:
            log.append({"step": step, "epoch": epoch, "split": split, "values": values})
            events.write(step, split, values)
        measured = {f"{split}/{name}": value for split, values in records for name, value in values.items()}
        changed = memory.observed(step, measured, training.stop_early if due else None)
        memory = replace(memory, **changed, logged=step, skipped=())
        self.progress.say(line_of(epoch, all_epochs(self.experiment), measured))
        last = last or memory.should_stop(training.stop_early)
        if last or epoch % training.checkpoint.every == 0 or "best" in changed:
            self._save(state, memory, log, saver)
        return memory

    def _trained_on(self, state: State, memory: Memory) -> dict[str, float]:
        """Each term's mean over the rows of the epoch, but for those of steps that were left out."""
        each, rows = self.program.steps_per_epoch, self.program.rows
        lost = sum(self.program.batch - (self._padding if (step + 1) % each == 0 else 0) for step in memory.skipped)
        scale = 1.0 if not lost else rows / (rows - lost) if lost < rows else math.nan
        return {name: float(value) * scale for name, value in state.sums.items()}

    def validate(
        self, state: State, between: Callable[[], None] = lambda: None, stage: Stage | None = None
    ) -> dict[str, float]:
        """The terms (the autoencoder's, or those of a stage) on the validation rows.

        Parameters are averaged where averaging is on, schedules at their end.
        """
        parameters = state.average or state.parameters
        weights = Weights(parameters, state.variables, self.at_end)
        assert self.held is not None
        made = self.program if stage is None else self.courses.made(stage.part)
        found = self.held.validate(weights, self.seed, between, made)
        return {name: float(value) for name, value in found.items()}

    def _save(self, state: State, memory: Memory, log: Metrics, saver: Saver) -> None:
        with self.clock.phase(CHECKPOINT), self.stop.saving():
            self._checked(saver.check)
            saver.save(state, replace(memory, metrics_bytes=log.length(), metrics_sha256=log.digest()))

    def _checked(self, asked: Callable[[], None]) -> None:
        """Raise what the saver met: for a state that is not finite, which nobody looked at, UnseenError."""
        try:
            asked()
        except DivergedError as error:
            if self.looking:
                raise
            raise UnseenError(str(error)) from None

    def _settle(self, state: State, memory: Memory, log: Metrics, saver: Saver) -> None:
        """Leave what a training of one go leaves: no checkpoint missing, none too many."""
        with self.stop.saving():
            self._checked(saver.finish)
            if not checkpoint.steps(self.run.checkpoints):
                self._save(state, memory, log, saver)  # no epochs asked for: the initial parameters
                self._checked(saver.finish)
        self.retention.tidy(int(state.step), memory)
