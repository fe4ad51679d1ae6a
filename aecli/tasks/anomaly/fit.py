"""Train for anomaly detection, and calibrate at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aecli.config.problems import Problem, UserError
from aecli.experiment import load, name_of
from aecli.tasks.anomaly.calibration import HOLD_OUT, Calibration, calibrate
from aecli.tasks.train import Result, train
from aecli.training.progress import Progress
from aecli.training.trained import open_trained

CONFIGS = (".yaml", ".yml")


def fit(
    config_or_data: str | Path | dict[str, Any],
    overrides: list[str] | None = None,
    *,
    output: str | Path = "outputs",
    progress: Progress | None = None,
    figures: bool = True,
) -> tuple[Result, Calibration]:
    """Train a config, or the default config on a data file or named set, then find the threshold.

    Everything that a threshold needs is asked for before training. UserError where it is not there.
    """
    config = as_config(config_or_data)
    check_ready(config, overrides)
    result = train(config, overrides, output=output, progress=progress, figures=figures)
    trained = open_trained(result.run)
    if result.dataset is not None:
        trained.dataset = result.dataset  # not read again
    return result, calibrate(trained, warn=progress.warn if progress else None)


def as_config(config_or_data: str | Path | dict[str, Any]) -> str | Path | dict[str, Any]:
    """A config as it is; data with the default config, named after it."""
    if isinstance(config_or_data, dict) or Path(config_or_data).suffix.lower() in CONFIGS:
        return config_or_data
    return {"name": f"anomaly/{name_of(config_or_data)}", "data": {"source": str(config_or_data)}}


def check_ready(config: str | Path | dict[str, Any], overrides: list[str] | None) -> None:
    """The config must hold rows out: UserError at its place where it does not."""
    loaded = load(config, overrides)
    if loaded.experiment.data.split.validation == 0:
        text = "a threshold needs held-out normal rows, and data.split.validation is 0"
        raise UserError(Problem(text, loaded.document.place(("data", "split", "validation")), HOLD_OUT))
