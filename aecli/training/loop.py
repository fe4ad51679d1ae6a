"""The loop of epochs: chunks of steps, validation, log, checkpoints; read it top to bottom."""

from __future__ import annotations

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
from aecli.experiment import Experiment
from aecli.model.forward import Weights
from aecli.runs.events import Events
from aecli.runs.metrics import Metrics
from aecli.runs.run import Run
from aecli.training import checkpoint
from aecli.training.clock import CHECKPOINT, EVALUATION, ROWS, STEPS, Clock
from aecli.training.feed import WHERE, Feed, Resident, Streamed, Window, placed
from aecli.training.held import Held
from aecli.training.memory import Memory
from aecli.training.profile.tracer import Watch
from aecli.training.program import Program, program
from aecli.training.progress import Progress
from aecli.training.state import State
from aecli.training.stopping import StoppedError, StopRequest

CHUNK_SECONDS = 0.5  # a signal is noticed between chunks


class Pace:
    """How many steps a chunk may have such that it fits into CHUNK_SECONDS, from one chunk to the next."""

    def __init__(self):
        self.length = 1

    def after(self, count: int, seconds: float) -> None:
        """Learn from a chunk of `count` steps."""
        self.length = max(1, min(4 * self.length, int(CHUNK_SECONDS * count / max(seconds, 1e-9))))


class Trainer:
    """Trains one run from a state and a memory to the last epoch, an early stop, a signal, or divergence."""

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        run: Run,
        progress: Progress,
        device: Any,
        clock: Clock,
        watch: Watch | None = None,
    ):
        self.experiment, self.dataset, self.run, self.progress, self.clock = (
            experiment,
            dataset,
            run,
            progress,
            clock,
        )
        self.program: Program = program(experiment, dataset.features.layout(), len(dataset.train))
        self.total = experiment.training.epochs * self.program.steps_per_epoch
        put = partial(jax.device_put, device=device)
        numbers = numbers_of(experiment, self.total)
        self.numbers, self.at_end = put((numbers, values_at_end(numbers)))
        self.seed = put(np.uint32(experiment.seed))
        place = placed(dataset, device)
        resident = place.place == "device"
        progress.say(f"rows: {WHERE[place.place]} ({place.why})")
        self.feed: Feed = (Resident if resident else Streamed)(self.program, dataset.train.x, self.seed, put)
        self.held = None if dataset.validation is None else Held(self.program, dataset.validation.x, put, resident)
        self.put, self.watch = put, watch or Watch()
        self._padding = self.program.steps_per_epoch * self.program.batch - self.program.rows

    def initial(self) -> State:
        """The state before the first step."""
        return self.program.init(self.seed, self.numbers)

    def fit(self, state: State, memory: Memory, stop: StopRequest) -> tuple[State, Memory]:
        """Epoch after epoch; what is logged and saved is a pure function of config, data and seed."""
        training, memory = self.experiment.training, memory.under(self.experiment)
        chunk, began, pace = self._compiled(state), time.perf_counter(), Pace()
        self.watch.begun(chunk, int(state.step))
        windows = self.feed.windows(int(state.step), self.total)
        if memory.should_stop(training.stop_early):
            self.progress.say("stopped early before: patience is spent (raise training.stop_early.patience to go on)")
        with (
            closing(self.watch),
            Metrics(self.run.metrics) as log,
            Events(self.run.events, resume_at=int(state.step) or None) as events,
        ):
            log.truncate(memory.metrics_bytes)  # a resumed run forgets what came after its checkpoint
            while (step := int(state.step)) < self.total and not memory.should_stop(training.stop_early):
                epoch = step // self.program.steps_per_epoch
                state = self._epoch(
                    chunk, state, windows, epoch, pace, stop, lambda now, known=memory: self._save(now, known, log)
                )
                memory = self._end_of_epoch(state, memory, epoch + 1, log, events)
                self.clock.train_seconds = time.perf_counter() - began
            if not checkpoint.steps(self.run.checkpoints):
                self._save(state, memory, log)  # no epochs asked for: the initial parameters
        return state, memory

    def _compiled(self, state: State) -> Any:
        began = time.perf_counter()
        window = self.feed.first()
        args = (state, window.data, window.order, self.seed, self.numbers, np.int32(0), np.int32(0))
        compiled = self.program.chunk.compiled(*args)
        self.clock.compile_seconds = time.perf_counter() - began
        return compiled

    def _epoch(
        self, chunk: Any, state: State, windows: Iterator[Window], epoch: int, pace: Pace, stop: StopRequest,
        save: Callable[[State], Any],
    ) -> State:  # fmt: skip
        """The rest of an epoch, window by window, each in chunks as long as fit into CHUNK_SECONDS."""
        last = (epoch + 1) * self.program.steps_per_epoch
        while int(state.step) < last:
            with self.clock.phase(ROWS):
                window = next(windows)
            while (step := int(state.step)) < window.stop:
                if stop:
                    self._stop(state, stop, save)
                self.watch.at(step)
                count = min(pace.length, window.stop - step, self.watch.room(step) or pace.length)
                began = time.perf_counter()
                state = self._steps(chunk, state, window, count)
                pace.after(count, time.perf_counter() - began)
                text = f"epoch {epoch + 1}/{self.experiment.training.epochs}"
                self.progress.advance(step + count, self.total, text)
        return state

    def _steps(self, chunk: Any, state: State, window: Window, count: int) -> State:
        """The state after `count` steps; DivergedError at a non-finite loss."""
        with self.clock.phase(STEPS):
            first, steps = np.int32(window.start), np.int32(count)
            state = chunk(state, window.data, window.order, self.seed, self.numbers, first, steps)
            bad = int(state.bad)  # waits for the chunk
        self.clock.chunks += 1
        self.clock.steps += count
        ended = int(state.step) % self.program.steps_per_epoch == 0
        self.clock.examples += count * self.program.batch - (self._padding if ended else 0)
        if bad >= 0:
            raise DivergedError(diverged(bad, self.run))
        return state

    def _stop(self, state: State, stop: StopRequest, save: Callable[[State], Any]) -> None:
        save(state)
        text = f"stopped at step {int(state.step)} of {self.total}, saved in {self.run.path}"
        problem = Problem(text, hint=f"go on: aecli resume {self.run.path}")
        raise StoppedError(stop.signal or 0, problem, run=self.run.path)

    def _end_of_epoch(self, state: State, memory: Memory, epoch: int, log: Metrics, events: Events) -> Memory:
        """Log the epoch, validate where it is due, save where it is due or the best so far."""
        training, step = self.experiment.training, int(state.step)
        records = [("train", {name: float(value) for name, value in state.sums.items()})]
        last = step >= self.total
        if self.held is not None and (last or epoch % self.experiment.evaluation.every == 0):
            with self.clock.phase(EVALUATION):
                records.append(("validation", self.validate(state)))
        for split, values in records:
            log.append({"step": step, "epoch": epoch, "split": split, "values": values})
            events.write(step, split, values)
        measured = {f"{split}/{name}": value for split, values in records for name, value in values.items()}
        due = last or epoch % self.experiment.evaluation.every == 0
        changed = memory.observed(step, measured, training.stop_early if due else None)
        memory = replace(memory, **changed)
        self.progress.say(line_of(epoch, training.epochs, measured))
        last = last or memory.should_stop(training.stop_early)
        if last or epoch % training.checkpoint.every == 0 or "best" in changed:
            memory = self._save(state, memory, log)
        return memory

    def validate(self, state: State) -> dict[str, float]:
        """The terms on the validation rows: parameters averaged where averaging is on, schedules at their end."""
        parameters = state.average or state.parameters
        weights = Weights(parameters, state.variables, self.at_end)
        assert self.held is not None
        found = self.held.validate(weights, self.seed)
        return {name: float(value) for name, value in found.items()}

    def _save(self, state: State, memory: Memory, log: Metrics) -> Memory:
        with self.clock.phase(CHECKPOINT):
            return self._saved(state, memory, log)

    def _saved(self, state: State, memory: Memory, log: Metrics) -> Memory:
        log.sync()
        memory = replace(memory, metrics_bytes=log.length())
        arrays = checkpoint.flatten(state._asdict())
        step = int(state.step)
        checkpoint.save(self.run.checkpoints, step, arrays, memory.to_dict())
        checkpoint.prune(self.run.checkpoints, 0, self._spared(step, memory))
        return memory

    def _spared(self, step: int, memory: Memory) -> set[int]:
        """The checkpoints kept once `step` is saved: itself, the latest that were due, the best.

        One that a signal asked for goes with the next, so that a stopped run ends with the files of one that was not.
        """
        saving = self.experiment.training.checkpoint
        due = self.program.steps_per_epoch * saving.every
        regular = [s for s in checkpoint.steps(self.run.checkpoints) if s and (s % due == 0 or s == self.total)]
        return {step, *regular[-saving.keep :], *([memory.best_step] if memory.best_step is not None else [])}


def diverged(step: int, run: Run) -> str:
    """What is said of a non-finite loss."""
    saved = checkpoint.steps(run.checkpoints)
    kept = f"the last good checkpoint is that of step {saved[-1]}" if saved else "no checkpoint had been written"
    return (
        f"the loss was not finite at step {step}; {kept}. Lower the learning rate, clip gradients, or look at the data"
    )


def line_of(epoch: int, epochs: int, measured: dict[str, float]) -> str:
    """One line on an epoch."""
    shown = [f"{name} {value:.6g}" for name, value in measured.items() if name.endswith("/loss")]
    return f"epoch {epoch}/{epochs}  " + "  ".join(shown)
