"""The Python API: the functions behind the commands, on runs and arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.experiment import Experiment
from aecli.tasks.train import Result
from aecli.tasks.train import train as _train
from aecli.training.progress import Silent
from aecli.training.trained import Trained
from aecli.training.trained import open_trained as _open_trained

if TYPE_CHECKING:
    from aecli.tasks.anomaly.verdict import Verdict

Rows = str | Path | np.ndarray | list | None


class _Warning(Silent):
    """Python's own warnings are told what a command line would warn of."""

    def warn(self, text: str) -> None:
        warnings.warn(text, stacklevel=2)


class OpenRun:
    """A finished (or stopped) run, ready to be applied. Arrays and files are in the data's own units."""

    def __init__(self, trained: Trained):
        self.trained = trained

    def __repr__(self) -> str:
        return f"OpenRun({str(self.path)!r}, step={self.trained.step})"

    @property
    def path(self) -> Path:
        """The run directory."""
        return self.trained.run.path

    @property
    def experiment(self) -> Experiment:
        """Its config."""
        return self.trained.experiment

    @property
    def record(self) -> dict[str, Any]:
        """run.json."""
        return self.trained.run.record

    def embed(self, data: Rows = None, *, split: str | None = None) -> np.ndarray:
        """The mean code of each row, [rows, size]."""
        return self.trained.encode(self.trained.rows(_rows(data), split)[1].x)

    def reconstruct(self, data: Rows = None, *, split: str | None = None) -> np.ndarray:
        """x-hat of each row, in the data's units."""
        x = self.trained.rows(_rows(data), split)[1].x
        return self.trained.features.inverse(self.trained.reconstruct(x))

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """What codes [rows, size] stand for, in the data's units."""
        return self.trained.features.inverse(self.trained.decode(codes))

    def evaluate(
        self,
        data: Rows = None,
        *,
        split: str | None = None,
        metrics: list[str] | None = None,
        importance_samples: int | None = None,
        overrides: list[str] | None = None,
    ) -> dict[str, Any]:
        """What `aecli eval --json` prints."""
        from aecli.tasks.evaluate import evaluate

        return evaluate(
            self.trained, _rows(data), split, metrics,
            importance_samples=importance_samples, overrides=overrides or [],
        )  # fmt: skip

    def sample(self, count: int, *, sampler: str = "auto", seed: int = 0) -> np.ndarray:
        """Draws from the prior or the fitted mixture, in the data's units."""
        from aecli.tasks.sample import sample

        return sample(self.trained, count, sampler, seed).samples

    def anomalies(self, data: Rows = None, *, split: str | None = None) -> Verdict:
        """`scores`, `p_values` and `flags` of each row; the threshold comes from held-out normal rows."""
        from aecli.tasks.anomaly import judge

        return judge(self.trained, _rows(data), split)


def train(
    config: str | Path | dict[str, Any] | Experiment, overrides: list[str] | None = None, *,
    output: str | Path = "outputs", **options: Any,
) -> OpenRun:  # fmt: skip
    """Train a config (file, mapping or Experiment) and open the run. Errors as of `aecli train`."""
    return _opened(_train(config, overrides, output=output, **{"progress": _Warning(), **options}))


def resume(run: str | Path, overrides: list[str] | None = None, *, output: str | Path = "outputs") -> OpenRun:
    """Go on with a stopped run, and open it."""
    from aecli.tasks.train import resume as _resume

    return _opened(_resume(str(run), overrides, output=output, progress=_Warning()))


def open_run(
    run: str | Path,
    *,
    output: str | Path = "outputs",
    checkpoint: str = "best",
    warn: Callable[[str], None] | None = None,
) -> OpenRun:
    """Open a run: its directory, a unique prefix of its name under `output`, or `latest`: the newest that has a
    checkpoint. `warn` is told what is not as it might be expected, a damaged checkpoint among it; without it, Python's
    own warnings are.
    """
    from aecli.runs.find import TRAINED
    from aecli.runs.find import open_run as find
    from aecli.training.devices import use_cache

    use_cache()
    warn = warn or partial(warnings.warn, stacklevel=2)
    found = find(str(run), Path(output), TRAINED, warn)
    return OpenRun(_open_trained(found, checkpoint, warn))


def _opened(result: Result) -> OpenRun:
    return OpenRun(_open_trained(result.run))


def _rows(data: Rows) -> str | Path | np.ndarray | None:
    return np.asarray(data) if isinstance(data, list) else data
