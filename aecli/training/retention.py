"""Which checkpoints a run keeps: what a stopped and resumed training leaves is what one in one go leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aecli.training import checkpoint
from aecli.training.memory import Memory


@dataclass(frozen=True)
class Retention:
    """The latest `keep` of the checkpoints that were due each `due` steps and at the end (`total`), and the best."""

    folder: Path
    due: int
    keep: int
    total: int

    def spared(self, step: int, memory: Memory, there: list[int]) -> set[int]:
        """Those kept of the checkpoints there, once `step` is saved: itself, the latest that were due, the best.

        One that a signal asked for goes with the next, so that a stopped run ends with the files of one that was not.
        """
        regular = [s for s in there if s and (s % self.due == 0 or s == self.total)]
        return {step, *regular[-self.keep :], *([memory.best_step] if memory.best_step is not None else [])}

    def tidy(self, step: int, memory: Memory) -> None:
        """Remove what a killed process left: what was half done, and checkpoints that `step` has made needless."""
        checkpoint.tidy(self.folder)
        there = checkpoint.steps(self.folder)
        kept = self.spared(step, memory, [s for s in there if s <= step])
        checkpoint.prune(self.folder, 0, {*kept, *(s for s in there if s > step)})

    def told(self) -> str:
        """What is kept, and how to go on from it, for a message on a training that diverged."""
        saved = checkpoint.steps(self.folder)
        if not saved:
            return "no checkpoint had been written"
        go_on = f"go on from it with other numbers: aecli resume {self.folder.parent} KEY=VALUE"
        return f"the last checkpoint is that of step {saved[-1]}; {go_on}"
