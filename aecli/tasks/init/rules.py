"""The rules: which model and which training suit so many rows of so many features, and why."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from aecli.data.describe import counts
from aecli.experiment import name_of
from aecli.tasks.init.choice import Choice, Choices
from aecli.tasks.init.look import Found, eigenvalues
from aecli.tasks.init.text import scalar


@dataclass(frozen=True)
class Size:
    """What suits `rows` training rows and more of them."""

    rows: int
    widths: tuple[int, int]
    batch: int
    steps: int


# Small layers for few rows, which wide ones would learn by heart; large batches where there are enough of them.
TABLES = (
    Size(0, (64, 32), 32, 4_000),
    Size(1_000, (128, 64), 64, 5_000),
    Size(5_000, (256, 128), 128, 6_000),
    Size(100_000, (256, 128), 512, 6_000),
)
IMAGES = (Size(0, (256, 128), 64, 6_000), Size(5_000, (512, 256), 128, 8_000), Size(200_000, (512, 256), 512, 8_000))
NARROW = Size(0, (128, 64), 64, 6_000)  # images of many numbers: a wide first layer would leave time for few steps
EPOCHS = (10, 400)  # at least and at most
FEWEST = (1_000_000, 3)  # so many rows need no more passes than this
LEAST = 32  # units of a first layer
PER_INPUT = 8  # units of the first layer for each input: more have nothing to tell apart
CODE = 16  # units of the code at most
WIDE = (64, 32)  # from so many features on, at most so many
LOOKS = 50  # how often a training is validated
PATIENCE = 10
GREY = 256  # pixels: on fewer ones a Bernoulli says so little that the code stays silent
LEAST_VARIANCE = 1e-4
HEAVY = 2_048  # numbers of an image, from which the layers are narrow
SHARE = 0.1  # of the last unit's eigenvalue: a variance that this unit is worth ten times over
FAST = 4e-3  # the learning rate in the beginning, with a norm
DEAR = 50.0  # the rate's weight in the beginning
WORK = 5e12  # multiplications and additions of a training: minutes on two processor cores
RATES = (0.01, 0.02, 0.05, 0.1, 0.2)  # of false positives
CLASSES = (2, 100)  # that codes are probed for
PROBED = 100_000  # rows at most


def choices(found: Found) -> Choices:
    """Every key of the config, in the order it is written."""
    name = Choice(run_name(found.spec.source))
    source = Choice(found.spec.source, "a relative path is taken from the folder that aecli is called in")
    made: Choices = {"name": name, "data.source": source, **found.choices}
    made |= _image_model(found) if found.image else _table_model(found)
    return made | _training(found, made) | _evaluation(found)


def run_name(source: str) -> str:
    """A run's name made of a source's: a file without its endings, a folder as it is."""
    packed = source.removesuffix(".gz").rstrip("/")
    return name_of(packed)[:80].strip("-.") or "run"


def size_of(found: Found) -> Size:
    """The row of the table of sizes that holds."""
    if found.image and found.inputs >= HEAVY:
        return NARROW
    sizes = IMAGES if found.image else TABLES
    return [size for size in sizes if found.training_rows >= size.rows][-1]


def epochs_of(found: Found) -> int:
    """Passes enough for the number of update steps that the table names, within what WORK allows."""
    size, rows = size_of(found), max(found.training_rows, 1)
    least = FEWEST[1] if rows >= FEWEST[0] else EPOCHS[0]
    return min(max(min(round(size.steps * size.batch / rows), affordable(found)), least), EPOCHS[1])


def affordable(found: Found) -> int:
    """Passes that cost WORK: 2 operations a weight, 3 times (forward, and back to inputs and weights), f and g."""
    return int(WORK / (12 * max(found.training_rows, 1) * found.inputs * size_of(found).widths[0]))


def code_size(found: Found) -> int:
    """Units of a table's code: PCA's components and one for each category column, fewer than there are columns."""
    most = WIDE[1] if found.inputs >= WIDE[0] else CODE
    return max(1, min(most, max(2, found.components + found.categories), found.columns - 1))


def widths_of(found: Found) -> tuple[int, int]:
    """Units of the two layers, no more than the inputs are worth."""
    first, second = size_of(found).widths
    worth = max(LEAST, 1 << (PER_INPUT * found.inputs - 1).bit_length())
    return (first, second) if first <= worth else (worth, worth // 2)


def _table_model(found: Found) -> Choices:
    widths, code = widths_of(found), code_size(found)
    rows = f"{found.training_rows:,} training rows, {found.inputs} inputs a row"
    explain = "principal component explains" if found.components == 1 else "principal components explain"
    parts = [f"{found.components} {explain} 95 % of the numeric columns"] if found.components else []
    hold = "column holds" if found.categories == 1 else "columns hold"
    parts += [f"{found.categories} {hold} categories"] if found.categories else []
    why = f"{', '.join(parts)}: {code} units; a smaller code finds more anomalies, a larger one keeps more"
    error = "of numbers, each column scaled alike; a category column adds the cross entropy of its categories"
    return {
        "model.encoder": Choice({"kind": "mlp", "widths": list(widths), "activation": "relu"}, rows),
        "model.bottleneck": Choice({"kind": "dense", "size": code}, why),
        "model.decoder": Choice("mirror"),
        "objective.reconstruction": Choice("squared_error", error),
    }


def _image_model(found: Found) -> Choices:
    rows = f"{found.training_rows:,} training images of {found.columns:,} numbers each"
    gaussian = "variational: images can be sampled, and codes between two images are images, too"
    error = _image_error(found)
    encoder = {"kind": "mlp", "widths": list(size_of(found).widths), "activation": "relu"}
    made: Choices = {
        "model.encoder": Choice(encoder, rows),
        "model.bottleneck": Choice({"kind": "gaussian", "size": CODE}, gaussian),
        "model.decoder": Choice("mirror"),
        "objective.reconstruction": error,
    }
    return made if error.value == "bernoulli" else made | _spread(found, encoder, rows)


def _spread(found: Found, encoder: dict[str, Any], rows: str) -> Choices:
    """What brings the codes to where the prior is, against a variance so small that the rate is hardly felt.

    Pixels are far from a mean of 0: without a norm the codes of all images begin close together, and the decoder learns
    to tell them apart there (simulated galaxies: variances of 0.01 instead of 1; draws from the prior were noise).
    """
    norm = "batch norm: dark or bright, the codes are as wide as the prior from the beginning"
    dear = (
        f"the rate begins {DEAR:g} times as dear, and half of the training brings it to 1: the codes settle where the "
        "prior is, so that draws from it are images, and units open one by one"
    )
    weight = {"kind": "cosine", "start": DEAR, "end": 1.0, "steps": max(1, _steps(found) // 2)}
    return {
        "model.encoder": Choice({**encoder, "norm": "batch"}, f"{rows}; {norm}"),
        "model.decoder": Choice({**encoder, "widths": encoder["widths"][::-1]}, "the mirror, without the norm"),
        "objective.rate": Choice({"weight": weight}, dear),
    }


def _image_error(found: Found) -> Choice:
    """Bernoulli for grey images; for small or coloured ones a Gaussian of a variance that the code is worth.

    In a linear VAE the units with an eigenvalue above sigma^2 are used, and no others (Lucas et al. 2019): sigma^2 is
    a tenth of the last unit's eigenvalue.
    """
    features = found.dataset.features
    grey = features.shape[-1] == 1 or len(features.shape) == 1
    if grey and features.low >= 0 and features.high <= 1 and found.columns >= GREY:
        return Choice(
            "bernoulli", "grey pixels from 0 to 1; {kind: gaussian, variance: 0.03} reconstructs more sharply"
        )
    last = eigenvalues(found.dataset, CODE)[-1:]
    variance = float(f"{max(float(last.sum()) * SHARE, LEAST_VARIANCE):.1g}")
    why = (
        f"a tenth of the variance of principal component {CODE} of the pixels, so that every unit is worth its price: "
        "a smaller one reconstructs more sharply, a larger one gives smoother samples"
    )
    return Choice({"kind": "gaussian", "variance": variance}, why)


def _steps(found: Found) -> int:
    return epochs_of(found) * -(-found.training_rows // size_of(found).batch)


def _training(found: Found, made: Choices) -> Choices:
    size, epochs = size_of(found), epochs_of(found)
    every = max(1, epochs // LOOKS)
    rate = "objective.rate" in made
    # While the rate is dear the codes may say nothing, and the loss stays where it is: that is no reason to stop.
    patience = max(PATIENCE, ceil(epochs / 2 / every)) if rate else PATIENCE
    stop = {"metric": "validation/loss", "patience": patience}
    dear = ", as many as there are while the rate is dear" if patience > PATIENCE else ""
    cheap = affordable(found) > epochs
    bound = "stop_early may end it sooner" if cheap else "more would help, where a GPU makes them cheap"
    again = f" of {every} epochs" if every > 1 else ""
    start = FAST if rate else 2e-3
    return {
        "training.epochs": Choice(epochs, f"about {_steps(found):,} update steps; {bound}"),
        "training.batch_size": Choice(size.batch),
        "training.optimizer": Choice(
            {"kind": "adam", "learning_rate": {"kind": "cosine", "start": start, "end": 1e-5}},
            "a fast start and a quiet end; where the loss jumps, halve `start`",
        ),
        "training.stop_early": Choice(stop, f"after {patience} validations{again} without a better one{dear}"),
        "training.checkpoint": Choice({"every": every, "keep": 2}),
    }


def _evaluation(found: Found) -> Choices:
    every = max(1, epochs_of(found) // LOOKS)
    made: Choices = {"evaluation.every": Choice(every)}
    labels = found.dataset.train.labels
    known = 0 if labels is None else len(counts(labels))
    if CLASSES[0] <= known <= CLASSES[1] and found.training_rows <= PROBED:
        why = "representation: how well the labels can be told from the codes"
        made["evaluation.metrics"] = Choice(["reconstruction", "representation"], why)
    held = found.dataset.validation
    rows = round(len(held) * found.rows / max(found.looked, 1)) if held is not None else 0
    made["anomaly"] = _rate(rows)
    return made


def _rate(rows: int) -> Choice:
    """The lowest rate that so many held-out rows can hold: of n, a p-value is 1 / (n + 1) at least."""
    rate = next((r for r in RATES if r * (rows + 1) >= 1), RATES[-1])
    why = f"`aecli anomaly fit` flags this share of normal rows; the {rows:,} held-out rows support it"
    if rate * (rows + 1) < 1:
        held = f"{rows} row is" if rows == 1 else f"{rows} rows are"
        why = f"`aecli anomaly fit` can flag nothing yet: {held} held out, and this rate needs {ceil(1 / rate) - 1}"
    return Choice({"score": "reconstruction", "false_positive_rate": rate}, why)


def usual(found: Found) -> str | None:
    """The most frequent label, as `data.classes` names it in YAML; None where there are no labels."""
    labels = found.dataset.train.labels
    if labels is None or not len(labels):
        return None
    number = counts(labels)
    label = max(number, key=lambda name: number[name])
    return scalar(label) if labels.dtype.kind == "U" else label.lower()
