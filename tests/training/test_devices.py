"""The cache of compiled programs: what it spares is counted, and said."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from aecli.training.devices import Compiled


def test_a_second_command_compiles_nothing_anew(tmp_path):
    """Another weight, another rate, another seed: every program comes from the cache (in processes of their own)."""
    config = {"data": {"source": "digits"}, "model": {"encoder": {"widths": [8]}, "bottleneck": {"kind": "gaussian"}}}
    (tmp_path / "c.yaml").write_text(json.dumps(config))

    def counted(*overrides):
        command = [sys.executable, "-m", "aecli", "train", "c.yaml", "training.epochs=1", *overrides]
        env = os.environ | {"AECLI_CACHE": str(tmp_path / "cache")}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
        record = json.loads((tmp_path / done.stdout.strip() / "run.json").read_text())
        assert f"programs: {record['compiled']['hits']} from the cache, " in done.stderr
        return Compiled(**record["compiled"])

    first, second = counted(), counted("objective.rate.weight=0.5", "training.optimizer.learning_rate=2e-3", "seed=1")
    assert first.misses > 5
    assert second.misses == 0
    assert second.hits > 5  # fewer: nothing is traced, hence nothing needed by tracing
