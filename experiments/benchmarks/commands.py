"""Runs of `aecli train` as a shell starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# The MLP VAE of the first row on all of Fashion-MNIST's training rows: an epoch is some two seconds.
VAE: dict[str, Any] = {
    "name": "vae",
    "data": {"source": "fashion-mnist", "split": {"validation": 0.0}},
    "model": {"encoder": {"kind": "mlp", "widths": [512, 256]}, "bottleneck": {"kind": "gaussian", "size": 32}},
    "objective": {"reconstruction": "bernoulli", "rate": {"weight": 1.0}},
    "training": {"epochs": 1, "batch_size": 128, "optimizer": {"kind": "adam", "learning_rate": 1e-3}},
}


def start(folder: Path, *overrides: str, **options: Any) -> subprocess.Popen:
    """`aecli train vae.yaml OVERRIDES... --json` in this folder, with a cache of compiled programs of its own."""
    config = folder / "vae.yaml"
    config.write_text(json.dumps(VAE))
    command = [sys.executable, "-m", "aecli", "train", str(config), *overrides, "--output", str(folder), "--json"]
    usual = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # aecli is compiled once, as it is
    environment = {**usual, "AECLI_CACHE": str(folder / "cache"), "TERM": "xterm", "COLUMNS": "120"}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, **options)


def result(process: subprocess.Popen) -> dict[str, Any]:
    """What it printed, once it is done."""
    assert process.stdout is not None
    text = process.stdout.read()
    if process.wait():
        raise RuntimeError(f"{' '.join(process.args)} ended with {process.returncode}")
    return json.loads(text)
