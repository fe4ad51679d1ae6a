"""Small runs, trained once a session through the commands themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import done

DENSE = """
name: t/dense
data: {source: digits, split: {validation: 0.1, test: 0.1}}
model: {encoder: {widths: [8]}, bottleneck: {kind: dense, size: 2}}
training: {epochs: 2, batch_size: 256}
"""
GAUSSIAN = """
name: t/gaussian
data: {source: digits, split: {validation: 0.1, test: 0.1}}
model: {encoder: {widths: [8]}, bottleneck: {kind: gaussian, size: 3}}
objective: {reconstruction: {kind: gaussian, variance: 0.1}}
training: {epochs: 2, batch_size: 256, checkpoint: {keep: 2}}
"""
ANOMALY = """
name: t/anomaly
data: {source: digits, classes: [0], split: {validation: 0.3, test: 0.3}}
model: {encoder: {widths: [16]}, bottleneck: {kind: dense, size: 4}}
training: {epochs: 30, batch_size: 32}
anomaly: {false_positive_rate: 0.1}
"""
TABLE = """
name: t/table
data: {{source: {path}, id: who, label: kind, split: {{validation: 0.2, test: 0.25}}}}
model: {{encoder: {{widths: [8]}}, bottleneck: {{size: 2}}}}
training: {{epochs: 60, batch_size: 32, optimizer: {{kind: adam, learning_rate: 1e-2}}}}
"""
COLUMNS = ("height", "weight", "age")


@dataclass(frozen=True)
class Runs:
    """The folder of the runs, and the directory of each."""

    root: Path
    dense: Path
    gaussian: Path
    anomaly: Path
    table: Path
    csv: Path


def people(n: int = 80) -> list[str]:
    """The lines of a table with an id and a label of text."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=n)
    numbers = np.stack([170 + 10 * size, 70 + 8 * size + rng.normal(size=n), rng.integers(20, 80, n)], axis=1)
    rows = [
        f"{'tall' if s > 0 else 'short'},{a:.2f},{b:.2f},{c:.0f},p{i:03d}"
        for i, (s, (a, b, c)) in enumerate(zip(size, numbers, strict=True))
    ]
    return [f"kind,{','.join(COLUMNS)},who", *rows]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Compiled programs are kept for this session, and nothing is written into anybody's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AECLI_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def runs(tmp_path_factory, _own_cache) -> Runs:
    return trained_runs(tmp_path_factory.mktemp("runs"))


def trained(folder: Path, text: str, *command: str) -> Path:
    """The run of a config, under `folder`/outputs."""
    config = folder / "c.yaml"
    config.write_text(text)
    return Path(done("--quiet", *command, config, "--output", folder / "outputs").last)


def trained_runs(folder: Path) -> Runs:
    """All of them, trained one after another."""
    root, table = folder / "outputs", folder / "people.csv"
    table.write_text("\n".join(people()) + "\n")
    return Runs(
        root,
        dense=trained(folder, DENSE, "train"),
        gaussian=trained(folder, GAUSSIAN, "train"),
        anomaly=trained(folder, ANOMALY, "anomaly", "fit"),
        table=trained(folder, TABLE.format(path=table), "train"),
        csv=table,
    )
