"""One contender of the table row in a process of its own: prints seconds and quality as JSON.

python table_worker.py ROLE FOLDER: write makes the files there; aecli, aecli-alone, pyod, pyod-standardised run.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

TRAINED, HELD, SCORED, COLUMNS, FACTORS = 100_000, 10_000, 1_000_000, 30, 8
EPOCHS, BATCH, RATE = 10, 256, 1e-3
SPLIT = {"validation": HELD / (TRAINED + HELD), "test": 0.0}
MODEL = {"encoder": {"kind": "mlp", "widths": [64]}, "bottleneck": {"size": 32, "activation": "relu"}}
Measured = tuple[float, float, np.ndarray]  # seconds to fit, seconds to score, squared error of each row


def made(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlated columns, x = tanh(z W) + noise; one row in a hundred is noise alone. Rows, and which are odd."""
    mixing = np.random.default_rng(0).normal(size=(FACTORS, COLUMNS))
    rng = np.random.default_rng(seed)
    x = np.tanh(rng.normal(size=(count, FACTORS)) @ mixing) + 0.1 * rng.normal(size=(count, COLUMNS))
    odd = rng.random(count) < 0.01
    x[odd] = rng.normal(size=(odd.sum(), COLUMNS))
    return x.astype(np.float32), odd


def config(folder: Path) -> dict:
    return {
        "name": "table",
        "data": {"source": str(folder / "fit.npy"), "scale": "standard", "split": SPLIT},
        "model": MODEL,
        "training": {"epochs": EPOCHS, "batch_size": BATCH, "optimizer": {"kind": "adam", "learning_rate": RATE}},
    }


def write(folder: Path) -> None:
    """fit.npy for aecli, which holds some rows out for its threshold; train.npy, what is left; aecli's start."""
    import jax

    from aecli.config.numbers import numbers_of
    from aecli.data.splits import divide
    from aecli.experiment import load
    from aecli.training.program import program

    rows, _ = made(TRAINED + HELD, 1)
    new, odd = made(SCORED, 2)
    experiment = load(config(folder)).experiment
    train = rows[divide(len(rows), experiment.data.split).train]
    for name, array in {"fit": rows, "train": train, "new": new, "odd": odd}.items():
        np.save(folder / f"{name}.npy", array)
    start = program(experiment, (COLUMNS,), TRAINED).init(np.uint32(experiment.seed), numbers_of(experiment, 1))
    kernels = jax.tree.map(np.asarray, start.parameters)
    first, last = (kernels[side]["layers"][0]["linear"]["kernel"] for side in ("encoder", "decoder"))
    np.savez(folder / "start.npz", first, kernels["head"]["kernel"], last, kernels["decoder"]["last"]["kernel"])


def with_aecli(folder: Path, *, whole: bool) -> Measured:
    """All that `aecli anomaly fit` and `anomaly score` do; or what PyOD does too: training, scores, a threshold."""
    import flax.nnx  # noqa: F401 (PyOD's own imports are not timed either)
    import optax  # noqa: F401

    import aecli.training.loop  # noqa: F401
    from aecli.tasks.anomaly import calibrate, judge
    from aecli.tasks.anomaly.fit import fit
    from aecli.tasks.anomaly.scores import row_scores
    from aecli.training.trained import open_trained

    new = np.load(folder / "new.npy")
    began = time.perf_counter()
    run = fit(config(folder), output=folder / "runs", figures=whole)[0].run
    fitted = time.perf_counter()
    trained = open_trained(run)
    if whole:
        scores = judge(trained, new).scores
    else:
        scores = row_scores(trained, "reconstruction", trained.rows(new)[1].x, usual=calibrate(trained).usual)
    return fitted - began, time.perf_counter() - fitted, scores


def with_pyod(folder: Path, *, preprocessing: bool) -> Measured:
    """Fit and score arrays that are in memory, from aecli's start; batch norm, dropout and weight decay off."""
    import torch
    from pyod.models.auto_encoder import AutoEncoder

    class Started(AutoEncoder):
        def build_model(self) -> None:
            super().build_model()
            layers = [layer for layer in self.model.modules() if isinstance(layer, torch.nn.Linear)]
            with np.load(folder / "start.npz") as start, torch.no_grad():
                for layer, kernel in zip(layers, start.values(), strict=True):
                    layer.weight.copy_(torch.from_numpy(kernel).T)
                    layer.bias.zero_()

    x, new = np.load(folder / "train.npy"), np.load(folder / "new.npy")
    model = Started(
        hidden_neuron_list=[64, 32], epoch_num=EPOCHS, batch_size=BATCH, lr=RATE, preprocessing=preprocessing,
        batch_norm=False, dropout_rate=0.0, optimizer_params={}, verbose=0,
    )  # fmt: skip
    began = time.perf_counter()
    mean, deviation = (0.0, 1.0) if preprocessing else (x.mean(axis=0), x.std(axis=0))
    model.fit((x - mean) / deviation)
    fitted = time.perf_counter()
    distances = model.decision_function((new - mean) / deviation)
    return fitted - began, time.perf_counter() - fitted, np.square(distances)


def main() -> None:
    from sklearn.metrics import roc_auc_score

    role, folder = sys.argv[1], Path(sys.argv[2])
    if role == "write":
        write(folder)
        return
    if role.startswith("aecli"):
        fitted, scored, errors = with_aecli(folder, whole=role == "aecli")
    else:
        fitted, scored, errors = with_pyod(folder, preprocessing=role == "pyod")
    odd = np.load(folder / "odd.npy")
    loss, area = float(errors[~odd].mean(dtype=np.float64)), float(roc_auc_score(odd, errors))
    print(json.dumps({"fit": fitted, "score": scored, "loss": loss, "roc_auc": area}))


if __name__ == "__main__":
    main()
