"""What a config asks of data that these data do not give."""

from __future__ import annotations

from aecli.data.dataset import Dataset
from aecli.experiment import Experiment
from aecli.training.misfits import Misfit, misfits


def data_conflicts(experiment: Experiment, dataset: Dataset) -> list[Misfit]:
    """What the objective or the training asks of the data and the data do not give: place, text, hint."""
    found = misfits(experiment, dataset.features.layout())
    low, high = dataset.features.low, dataset.features.high
    if experiment.objective.reconstruction.binary and (low < 0 or high > 1):
        text = f"bernoulli needs features between 0 and 1; after scaling these lie between {low:.6g} and {high:.6g}"
        found.append((("objective", "reconstruction"), text, "use `data.scale: minmax`, or another reconstruction"))
    stop = experiment.training.stop_early
    if stop and stop.metric.startswith("validation/") and dataset.validation is None:
        text = f"there is no validation split to measure {stop.metric} on"
        found.append((("training", "stop_early"), text, "set data.split.validation, or stop on train/loss"))
    return found
