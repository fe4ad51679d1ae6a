"""What a config asks of data that these data do not give."""

from __future__ import annotations

from aecli.data.dataset import Dataset
from aecli.experiment import Experiment


def data_conflicts(experiment: Experiment, dataset: Dataset) -> list[tuple[tuple[str, ...], str, str | None]]:
    """What the objective or the training asks of the data and the data do not give: place, text, hint."""
    found: list[tuple[tuple[str, ...], str, str | None]] = []
    layout = dataset.features.layout()
    if experiment.model.tied and layout.unfolded:
        text = "tied weights need a decoder as wide as the encoder's input: categories and holes make them differ"
        found.append((("model", "encoder", "tied"), text, "set model.encoder.tied: false"))
    if experiment.data.augment and (layout.table or len(layout.shape) != 3):
        text = f"augment changes pictures, and these rows have the shape {list(layout.shape)}"
        found.append((("data", "augment"), text, "leave data.augment out"))
    model = experiment.model
    for key, network, shape in (
        ("encoder", model.encoder, layout.input_shape),
        ("decoder", model.decoding, layout.output_shape),
    ):
        if (why := network.refuses(shape)) and (key == "encoder" or model.decoder.kind != "mirror"):
            found.append((("model", key), why, None))
    low, high = dataset.features.low, dataset.features.high
    if experiment.objective.reconstruction.binary and (low < 0 or high > 1):
        text = f"bernoulli needs features between 0 and 1; after scaling these lie between {low:.6g} and {high:.6g}"
        found.append((("objective", "reconstruction"), text, "use `data.scale: minmax`, or another reconstruction"))
    stop = experiment.training.stop_early
    if stop and stop.metric.startswith("validation/") and dataset.validation is None:
        text = f"there is no validation split to measure {stop.metric} on"
        found.append((("training", "stop_early"), text, "set data.split.validation, or stop on train/loss"))
    return found
