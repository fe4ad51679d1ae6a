"""What a config asks of rows of a layout that such rows do not give, whatever they hold."""

from __future__ import annotations

from aecli.experiment import Experiment
from aecli.layout import Layout

Misfit = tuple[tuple[str, ...], str, str | None]  # place in the config, text, hint


def misfits(experiment: Experiment, layout: Layout) -> list[Misfit]:
    """A network that cannot take them, weights that cannot be tied, and changes of pictures that are none."""
    found: list[Misfit] = []
    model = experiment.model
    if model.tied and layout.unfolded:
        text = "tied weights need a decoder as wide as the encoder's input: categories and holes make them differ"
        found.append((("model", "encoder", "tied"), text, "set model.encoder.tied: false"))
    if experiment.data.augment and (layout.table or len(layout.shape) != 3):
        text = f"augment changes pictures, and these rows have the shape {list(layout.shape)}"
        found.append((("data", "augment"), text, "leave data.augment out"))
    for key, network, shape in (
        ("encoder", model.encoder, layout.input_shape),
        ("decoder", model.decoding, layout.output_shape),
    ):
        if (why := network.refuses(shape)) and (key == "encoder" or model.decoder.kind != "mirror"):
            found.append((("model", key), why, None))
    return found
