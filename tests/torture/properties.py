"""The three properties: whatever is done to a config, a data file or a run directory, a command keeps its word."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aecli.experiment import Experiment, load
from tests.cli.conftest import Runs, people
from tests.torture import files, folders, seeds
from tests.torture.watch import GROWTH, SECONDS, kept

MIXED = """
name: t/mixed
data: {{source: {path}, id: who, split: {{validation: 0.2, test: 0.25}}}}
model: {{encoder: {{widths: [8]}}, bottleneck: {{size: 2}}}}
training: {{epochs: 2, batch_size: 32, checkpoint: {{keep: 2}}}}
"""
PLAIN = "data: {source: x}\nmodel: {encoder: {widths: [4]}, bottleneck: {size: 2}}\n"
SECTIONS = ("data", "model", "objective", "training", "evaluation", "anomaly", "run")
COMPILING = 6  # times as long, and as much memory, as others may what compiles and draws take
TRAINED = 10  # of so many small configs that are sound, one is trained


@dataclass
class Torture:
    """The runs that are misused, the time that a command has, and a tally of what the commands said."""

    runs: Runs
    mixed: Path
    seconds: float = SECONDS
    trained: int = TRAINED
    tally: Counter[int] = field(default_factory=Counter)

    def _kept(self, *arguments: object, places: tuple[str, ...]) -> int:
        times = COMPILING if arguments[0] in ("train", "resume", "report") else 1
        names, seconds, growth = (*places, *SECTIONS), times * self.seconds, times * GROWTH
        code = kept("--quiet", *arguments, places=names, seconds=seconds, growth=growth).code
        self.tally[code] += 1
        return code

    def config(self, data: bytes) -> None:
        """`check` takes it or says what is wrong with it; a small one that it takes is trained, or diverges."""
        with _folder():
            Path("people.csv").write_text("\n".join(people()) + "\n")
            Path("config.yaml").write_bytes(data)
            places = ("config.yaml", "people.csv", "cannot read '")
            sound = self._kept("check", "config.yaml", "--config-only", places=places) == 0
            found = self._kept("check", "config.yaml", places=places)
            assert sound or found != 0
            if found == 0 and self._chosen(data):
                self._kept("train", "config.yaml", places=places)

    def _chosen(self, data: bytes) -> bool:
        return hashlib.sha256(data).digest()[0] % self.trained == 0 and small(load("config.yaml").experiment)

    def data(self, case: files.Case, command: str) -> None:
        """A file is read or refused, whoever reads it."""
        with _folder() as folder:
            path = case.written(folder)
            images = case.ending in (*seeds.OF_IMAGES, "/")
            run = (
                self.runs.anomaly if images else self.mixed if case.ending[:4] in (".csv", ".tsv") else self.runs.table
            )
            Path("config.yaml").write_text(PLAIN)
            line = {
                "check": ["check", "config.yaml", f"data.source={path.name}"],
                "label": ["check", "config.yaml", f"data={{source: {path.name}, label: {'y' if images else 'kind'}}}"],
                "init": ["init", path.name],
                "eval": ["eval", run, "--data", path.name],
                "embed": ["embed", run, "--data", path.name, "--output", "z.csv"],
                "reconstruct": ["reconstruct", run, "--data", path.name, "--output", "r.csv"],
                "score": ["anomaly", "score", run, "--data", path.name, "--output", "s.csv"],
            }[command]
            self._kept(*line, places=(path.name,))

    def run(self, case: folders.Case) -> None:
        """A run directory serves, or its damage is named."""
        source = self.mixed if case.run == "mixed" else getattr(self.runs, case.run)
        with _folder() as folder:
            run = folder / "runs" / "t" / source.name
            shutil.copytree(source, run)
            for damage in case.damages:
                damage.applied(run)
            line = {
                "eval": ["eval", run],
                "embed": ["embed", run, "--output", "z.npz"],
                "reconstruct": ["reconstruct", run, "--output", "r.csv"],
                "sample": ["sample", run, "--output", "x.npy"],
                "score": ["anomaly", "score", run],
                "ls": ["runs", "ls", "--output", "runs", "--columns", "name,status,training.epochs,created"],
                "show": ["runs", "show", run],
                "diff": ["runs", "diff", run, self.runs.dense],
                "report": ["report", run],
                "resume": ["resume", run],
                "resume on": ["resume", run, "training.epochs=61"],
                "latest": ["eval", "latest", "--runs", "runs"],
            }[case.command]
            self._kept(*line, places=(str(run), run.name, "runs"))


COMMANDS = ("check", "label", "init", "eval", "embed", "reconstruct", "score")


def small(experiment: Experiment) -> bool:
    """Whether training takes a moment: few epochs of few rows, in layers that are narrow."""
    training, network = experiment.training, experiment.model.encoder
    widths = [*getattr(network, "widths", ()), *getattr(network, "channels", ()), experiment.model.bottleneck.size]
    quick = training.epochs <= 2 and training.batch_size >= 16 and "likelihood" not in experiment.evaluation.metrics
    known = experiment.data.source in ("digits", "swiss-roll", "people.csv") and (experiment.data.rows or 0) <= 2000
    return quick and known and len(widths) < 6 and max(widths) <= 64


@contextmanager
def _folder() -> Iterator[Path]:
    """An empty folder as the current one, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        yield Path()
