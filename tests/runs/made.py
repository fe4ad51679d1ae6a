"""Run directories as training leaves them, made at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aecli.config.dump import to_yaml
from aecli.runs.run import Run
from tests.helpers import experiment

STATUS = {"status": "completed", "exit_reason": None}


def made(root: Path, name: str, config: dict[str, Any] | None = None, **record: Any) -> Run:
    """A run at `root/name`, whose last word is its stamp; `config` as sections, `record` over a usual one."""
    path = root / name
    path.mkdir(parents=True)
    stamp = path.name
    created = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}+00:00"
    usual = {
        "name": str(Path(name).parent),
        "created": created,
        "argv": ["aecli", "train", "c.yaml"],
        "python": "3.11.7",
        "packages": {"jax": "0.10.2"},
        "device": "cpu:0",
        "git": {"commit": "abc", "dirty": False},
        "overrides": [],
        "seed": 0,
        "data": {"source": "digits", "sha256": "00ff", "shape": [8, 8, 1]},
        **STATUS,
        "timings": {"compile_seconds": 1.0, "examples_per_second": 1000.0},
    }
    (path / "config.yaml").write_text(to_yaml(experiment(**(config or {}))))
    (path / "run.json").write_text(json.dumps({**usual, **record}))
    return Run(path)


def size(n: int) -> dict[str, Any]:
    """A config whose bottleneck has n units."""
    return {"model": {"bottleneck": {"size": n}}}
