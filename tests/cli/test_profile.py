"""`train --profile`: the run it would have been, a trace, and shares that add up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import aecli, done, refused, written
from tests.cli.conftest import DENSE

LONG = DENSE.replace("epochs: 2", "epochs: 20")  # 120 steps


def run_of(*arguments: object) -> Path:
    return Path(done("--quiet", "train", *arguments).last)


def test_a_profiled_training_writes_the_bytes_of_any_other_and_a_trace():
    plain, found = run_of(written(LONG)), done("train", written(LONG), "--profile")
    run = Path(found.last)
    assert (run / "metrics.jsonl").read_bytes() == (plain / "metrics.jsonl").read_bytes()
    last = sorted(p.name for p in (plain / "checkpoints").iterdir())[-1]
    for path in (plain / "checkpoints" / last).iterdir():
        assert (run / "checkpoints" / last / path.name).read_bytes() == path.read_bytes()
    profile = json.loads((run / "profile/profile.json").read_text())
    assert profile["steps"] == 64
    assert profile["device"] == "/host:CPU"
    assert Path(profile["trace"]).is_relative_to(run / "profile")
    assert Path(profile["trace"]).stat().st_size > 0
    for shares in ("window", "symbols", "training"):
        assert sum(profile[shares].values()) == pytest.approx(1, abs=1e-3)
        assert min(profile[shares].values()) >= 0
    for part in ("matrix products", "optimizer update", "loss and elementwise", "batch gather", "Python and dispatch"):
        assert profile["window"][part] > 0, part
    assert profile["window"]["unattributed"] < 0.05
    assert profile["training"]["checkpoints"] > 0
    assert profile["training"]["evaluation"] > 0
    assert {"batch", "encoder", "decoder", "reconstruction", "optimizer"} <= set(profile["symbols"])
    assert "matrix products" in found.out
    assert "https://ui.perfetto.dev" in found.out
    assert not (plain / "profile").exists()


def test_with_json_the_profile_is_part_of_the_one_object():
    report = done("train", written(LONG), "data.residency=streamed", "--profile", "--json").json
    assert report["profile"] == json.loads((Path(report["run"]) / "profile/profile.json").read_text())
    assert report["profile"]["training"]["waiting for rows"] > 0


def test_a_training_too_short_is_refused_before_anything_is_made():
    err = refused("train", written(DENSE), "--profile")
    assert err.startswith(
        "error: c.yaml:5:20: a profile traces 64 steps after the first 21, and this training has 12\n"
    )
    assert "set training.epochs=15 or more" in err
    assert not Path("outputs").exists()


@pytest.mark.parametrize(("epochs", "steps"), [(2, None), (8, 27)])
def test_one_that_stops_early_has_a_profile_of_what_there_was(epochs, steps):
    """Patience is spent after `epochs`: nothing can get lower than at a learning rate of 0."""
    config = written(LONG)
    stop = f"training.stop_early={{metric: validation/loss, patience: {epochs - 1}}}"
    found = done("train", config, "training.optimizer.learning_rate=0.0", stop, "--profile")
    run = Path(found.last)
    if steps is None:
        assert "there is no profile" in found.err
        assert not (run / "profile/profile.json").exists()
    else:
        assert json.loads((run / "profile/profile.json").read_text())["steps"] == steps


def test_a_training_that_diverges_while_it_is_traced_can_be_followed_by_another():
    """The trace is closed; another can begin in this process."""
    rate = "training.optimizer={kind: sgd, learning_rate: {kind: linear, start: 0.0, end: 1e38, steps: 200}}"
    assert aecli("train", written(LONG), rate, "--profile").code == 3
    assert run_of(written(LONG), "--profile").exists()
