"""The pictures of a run: curves, reconstructions, samples, interpolations, codes; scores and ROC after scoring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.data.dataset import Split
from aecli.data.paths import path_of
from aecli.evaluation.principal import principal
from aecli.evaluation.sample import spread
from aecli.evaluation.weights import NEAR, by_layer
from aecli.report import figures
from aecli.report.sheet import check_drawable
from aecli.runs.files import cannot
from aecli.runs.metrics import Metrics
from aecli.tasks import atlas, gradients, noise, spectrum
from aecli.tasks.units import in_units

if TYPE_CHECKING:
    from jaxtyping import Float

    from aecli.tasks.anomaly.verdict import Verdict
    from aecli.training.trained import Trained

SHOWN = 5000  # rows that figures of tables and codes look at, evenly over the split
EMBEDDED = 1500  # rows that t-SNE is asked to draw: it takes seconds
MAPPED = 100_000  # rows whose codes are drawn
DRAWN = 64


def draw_run(trained: Trained) -> list[Path]:
    """Every figure that training leaves in `figures/`, from the test split (else validation, else train)."""
    from aecli.tasks.draws import draws
    from aecli.tasks.sample import interpolate

    folder, name = trained.run.figures, trained.experiment.name
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot("write", folder, error) from error
    split, rows = trained.split()
    shown = rows.x[np.linspace(0, len(rows.x) - 1, min(len(rows.x), SHOWN)).astype(int)]
    drawn = [
        _curves(trained, folder, name),
        _codes(trained, rows, folder, f"{name}: codes of the {split} split"),
        _weights(trained, folder, name),
        _maps(trained, rows, folder, f"{name}: maps of the {split} split"),
        spectrum.draw(trained, rows, folder, f"{name}: the encoder's Jacobian"),
        gradients.draw(trained, rows, folder, f"{name}: the noise of the encoder's gradient"),
        noise.field(trained, rows, folder, f"{name}: r(x) - x"),
    ]
    columns = _columns(trained)
    if not _drawable(trained):
        return [path for path in drawn if path]
    drawn.append(atlas.draw(trained, rows, folder, f"{name}: the units of the code"))
    drawn.append(noise.denoised(trained, shown, folder, f"{name}: the {split} split, noisy and denoised"))
    title = f"{name}: the {split} split and its reconstructions"
    drawn.append(
        figures.reconstructions(
            _display(trained, shown), _display(trained, trained.reconstruct(shown)), folder / "reconstructions.png",
            corrupted=_corrupted(trained, shown), columns=columns, title=title,
        )
    )  # fmt: skip
    many = DRAWN if trained.features.kind == "image" else SHOWN
    found = [(made.samples, text) for made, text in draws(trained, many)]
    data = None if trained.features.kind == "image" else _display(trained, shown)
    drawn.append(figures.samples(found, folder / "samples.png", data=data, columns=columns, title=f"{name}: samples"))
    if pairs := min(8, len(rows.x) // 2):
        walk = interpolate(trained, pairs=pairs)
        ways = walk.samples.reshape(pairs, walk.columns, *trained.features.shape)
        title = f"{name}: straight lines between codes of the {split} split"
        drawn.append(figures.interpolations(ways, folder / "interpolations.png", columns=columns, title=title))
    return [path for path in drawn if path]


def draw_verdict(
    trained: Trained, verdict: Verdict, data: str | Path | None = None, output: Path | None = None
) -> list[Path]:
    """The histogram of the scores, and the ROC curve where labels tell anomalies from normal rows.

    In `figures/` are those of the run's own default split, and of nothing else: those of `data` are beside `output`
    (scores.png, scores_roc.png of scores.csv), or without one in `figures/<name of the data>/`, and those of another
    split in `figures/<split>/`.
    """
    histogram, roc = _places(trained, verdict.split, data, output)
    name, about = trained.experiment.name, Path(verdict.split).name
    kind, threshold = verdict.calibration.kind, verdict.calibration.threshold
    drawn = [
        figures.score_histogram(
            verdict.scores, histogram, anomalous=verdict.truth, threshold=threshold,
            name=f"{kind.replace('_', ' ')} score", title=f"{name}: anomaly scores of {about}",
            labelled=verdict.labelled,
        )
    ]  # fmt: skip
    known = slice(None) if verdict.labelled is None else verdict.labelled
    truth = None if verdict.truth is None else verdict.truth[known]
    if truth is not None and 0 < truth.sum() < len(truth):
        baselines = {of: values[known] for of, values in verdict.baselines.items()}
        drawn.append(
            figures.roc(
                verdict.scores[known], truth, roc, name=kind.replace("_", " "),
                baselines=baselines, threshold=threshold, title=f"{name}: ROC of {about}",
            )
        )  # fmt: skip
    return drawn


def _places(trained: Trained, split: str, data: str | Path | None, output: Path | None) -> tuple[Path, Path]:
    """Where the histogram and the ROC curve go; their folder is made."""
    if data is not None and output is not None:
        return output.with_suffix(".png"), output.with_name(f"{output.stem}_roc.png")
    folder = trained.run.figures
    if data is not None:
        folder /= path_of(data).resolve().name or "data"
    elif split != trained.split()[0]:
        folder /= split
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot("write", folder, error) from error
    return folder / "score_histogram.png", folder / "roc.png"


def _curves(trained: Trained, folder: Path, name: str) -> Path | None:
    from aecli.model.spec import units
    from aecli.training.stages import stage_units

    records = Metrics(trained.run.metrics).measured()
    if not records:
        return None  # no epoch was asked for
    path = folder / "curves.png"
    told = units(trained.model, trained.objective, mixed=trained.layout.mixed) | stage_units(trained.experiment)
    return figures.curves(records, path, units=told, title=f"{name}: objective and its terms")


def _codes(trained: Trained, rows: Split, folder: Path, title: str) -> Path:
    shown = rows.take(spread(len(rows), MAPPED))
    return figures.codes(trained.encode(shown.x), folder / "codes.png", labels=shown.labels, title=title)


def _maps(trained: Trained, rows: Split, folder: Path, title: str) -> Path | None:
    """The code beside PCA and t-SNE of the same rows, where the evaluation asks for neighbourhoods and there are two
    units; coloured by the label, or else by the first of the factors that are known.
    """
    if "manifold" not in trained.experiment.evaluation.metrics or trained.model.bottleneck.size != 2:
        return None
    from sklearn.manifold import TSNE

    shown = rows.take(spread(len(rows), EMBEDDED))
    flat = shown.x.reshape(len(shown), -1).astype(np.float64)
    if np.isnan(flat).any() or len(flat) < 100 or flat.shape[1] < 2:
        return None
    fitted = principal(trained.split("train")[1].x, 2)
    maps = [
        ("the code", trained.encode(shown.x).astype(np.float64)),
        ("PCA", (flat - fitted.mean) @ fitted.components.T),
        ("t-SNE", TSNE(2, init="pca", random_state=0).fit_transform(flat).astype(np.float64)),
    ]
    factor = next(iter(shown.carried), None) if shown.labels is None else None
    labels = shown.labels if factor is None else np.asarray(shown.carried[factor])
    path = folder / "maps.png"
    return figures.manifold(maps, path, labels=labels, what=factor or "label", title=title)


def _weights(trained: Trained, folder: Path, name: str) -> Path | None:
    """Where the objective speaks of weights, or the evaluation does."""
    charged = any(penalty.kind.startswith("weight_") for penalty in trained.objective.penalties)
    if not charged and "weights" not in trained.experiment.evaluation.metrics:
        return None
    return figures.weights(by_layer(trained, "kernel"), folder / "weights.png", near=NEAR, title=f"{name}: kernels")


def _corrupted(trained: Trained, x: np.ndarray) -> np.ndarray | None:
    """What the encoder was trained to undo, drawn once for the figure; only images show it."""
    import jax

    autoencoder = trained.autoencoder
    if autoencoder.objective.corruption.kind == "none" or trained.features.kind != "image":
        return None
    numbers = trained.weights.numbers["objective"]["corruption"]
    drawn, _ = autoencoder.corrupt(jax.numpy.asarray(x), jax.random.key(0), numbers)
    return np.clip(np.asarray(drawn), 0, 1)


def _display(trained: Trained, x: np.ndarray) -> Float[np.ndarray, " rows *shape"]:
    shown = in_units(trained.features, x)
    return np.clip(shown, 0, 1) if trained.features.kind == "image" else shown


def _drawable(trained: Trained) -> bool:
    """Tables are; images are where they have a height, a width and 1 or 3 channels (a flat row of pixels has none)."""
    from aecli.config.problems import UserError

    if trained.features.kind == "table":
        return True
    try:
        check_drawable(trained.features.shape)
    except UserError:
        return False
    return True


def _columns(trained: Trained) -> Any:
    return trained.features.columns
