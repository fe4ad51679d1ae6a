"""Greedy pretraining as stages of one training: what moves when, schedules, what is logged, resuming."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import aecli
from aecli.config.numbers import numbers_of
from aecli.config.problems import UserError
from aecli.experiment import load
from aecli.model.greedy import trains
from aecli.training import checkpoint
from aecli.training.courses import Courses
from aecli.training.program import program
from aecli.training.stages import Stage, all_epochs, numbers_in, stage_at, stages, unfinished
from aecli.training.stopping import StoppedError
from tests.cli.command import done
from tests.helpers import SHAPE, experiment, images

PRETRAIN = {"kind": "greedy", "epochs": 2, "corruption": {"kind": "masking", "rate": 0.1}}
TRAINING = {
    "epochs": 3, "batch_size": 64, "pretrain": PRETRAIN, "average": "ema",
    "optimizer": {"kind": "adamw", "weight_decay": 0.1, "learning_rate": {"kind": "cosine", "start": 3e-3, "end": 0.0}},
    "checkpoint": {"every": 1, "keep": 50},
}  # fmt: skip
MODEL = {"encoder": {"widths": [16, 8], "activation": "sigmoid"}, "bottleneck": {"size": 4}}


def test_each_layer_has_its_epochs_and_the_whole_comes_last():
    found = experiment(model=MODEL, training=TRAINING)
    assert all_epochs(found) == 9
    told = stages(found, 10)
    assert told == (Stage(0, 0, 20), Stage(1, 20, 40), Stage(2, 40, 60), Stage(None, 60, 90))
    assert [stage_at(told, step).part for step in (0, 19, 20, 59, 60, 89, 90)] == [0, 0, 1, 2, None, None, None]
    assert stages(experiment(), 10) == (Stage(None, 0, 200),)


def test_a_layer_goes_through_the_schedules_in_its_own_steps():
    from aecli.training.step import _values

    found = experiment(model=MODEL, training=TRAINING)
    told = stages(found, 10)
    whole = numbers_of(found, 30)

    def rate(stage, step):
        values = _values(numbers_in(stage, found, 10), jnp.int32(step))
        return float(values["training"]["optimizer"]["learning_rate"])

    for stage in told:
        for share in (0.0, 0.2, 0.5, 1.0):
            step = stage.first + share * (stage.stop - stage.first)
            wanted = 1.5e-3 * (1 + np.cos(np.pi * share))
            assert rate(stage, step) == pytest.approx(wanted, abs=1e-9)
    assert set(whole) == set(numbers_in(told[0], found, 10)) - {"stage"}
    assert "stage" not in numbers_in(stages(experiment(), 10)[0], experiment(), 10)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_steps_of_a_stage_move_its_layer_alone(layer):
    """Weight decay, averaging and Adam's memory of other layers included."""
    found = experiment(model=MODEL, training=TRAINING)
    made, rows = program(found, SHAPE, 128, layer), images(128)
    stage = stages(found, made.steps_per_epoch)[layer]
    numbers, seed = numbers_in(stage, found, made.steps_per_epoch), np.uint32(0)
    before = made.init(seed, numbers)
    order = np.stack([np.arange(64), np.arange(64, 128)]).astype(np.int32)
    start = made.copied(before._replace(step=np.int32(stage.first)))
    after = made.chunk(start, rows, order, seed, numbers, np.int32(stage.first), np.int32(2))
    assert int(after.optimizer["0"]["count"] if "0" in after.optimizer else 2) == 2
    for part in ("parameters", "optimizer"):
        old = jax.tree_util.tree_flatten_with_path(getattr(before, part))[0]
        for (path, leaf), new in zip(old, jax.tree.leaves(getattr(after, part)), strict=True):
            names = tuple(str(key.key) for key in path)
            root = next((i for i, name in enumerate(names) if name in ("encoder", "head", "decoder")), None)
            moves = root is None or trains(layer, 3, names[root:])
            assert bool(np.any(np.asarray(leaf) != np.asarray(new))) == moves, names


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stacked")
    config = {"data": {"source": "digits"}, "model": MODEL, "training": TRAINING, "name": "s"}
    return aecli.train(config, output=folder).path


def test_what_is_logged_says_which_layer(run):
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    told = [(r["epoch"], r["split"], sorted(r["values"])) for r in records]
    layers = [(2 * i + e, "pretrain", [f"layer_{i + 1}"]) for i in range(3) for e in (1, 2)]
    whole = [(e, split, ["loss", "reconstruction"]) for e in (7, 8, 9) for split in ("train", "validation")]
    assert told == layers + whole
    first, second = records[0]["values"]["layer_1"], records[1]["values"]["layer_1"]
    assert second < first


def test_the_lower_layers_stay_as_they_were_pretrained_and_the_optimiser_begins_anew(run):
    each = checkpoint.steps(run / "checkpoints")[0]
    states = {n: checkpoint.load(run / "checkpoints", n * each)[0] for n in range(1, 10)}
    kernel = {i: f"parameters.encoder.layers.{i}.linear.kernel" for i in (0, 1)}
    np.testing.assert_array_equal(states[2][kernel[0]], states[6][kernel[0]])
    assert not np.array_equal(states[6][kernel[0]], states[7][kernel[0]])
    np.testing.assert_array_equal(states[4][kernel[1]], states[6][kernel[1]])
    counts = [name for name in states[1] if name.startswith("optimizer") and name.endswith("count")]
    assert counts
    for name in counts:
        assert [int(states[n][name]) // each for n in range(1, 10)] == [1, 2, 1, 2, 1, 2, 1, 2, 3]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": {"encoder": {"kind": "conv", "channels": [4]}}}, "needs an mlp encoder and `decoder: mirror`"),
        ({"model": {"decoder": {"kind": "mlp", "widths": [8]}}}, "needs an mlp encoder and `decoder: mirror`"),
        ({"model": {"encoder": {"widths": [8], "norm": "batch"}}}, "goes without batch norm"),
        ({"model": {"bottleneck": {"kind": "gaussian", "size": 2}}}, "a code that is not drawn, and gaussian is"),
        (
            {"training": {"pretrain": {"corruption": {"kind": "masking", "emphasis": 0.5}}}},
            "weighs all of its inputs alike",
        ),
    ],
)
def test_what_cannot_be_stacked_is_refused(change, words):
    text = {"data": {"source": "digits"}, "training": {"pretrain": "greedy"}} | change
    if "training" not in change:
        text["training"] = {"pretrain": "greedy"}
    with pytest.raises(UserError, match=words):
        load(text)


@pytest.mark.parametrize("part", [1, None, "labels"])
def test_a_signal_at_the_beginning_of_a_stage_changes_nothing(tmp_path, monkeypatch, part):
    """While the next stage is compiled, say: what is saved then is the end of the stage before."""
    training = {
        **TRAINING, "epochs": 1, "supervised": {"epochs": 1}, "pretrain": {**PRETRAIN, "epochs": 1},
        "checkpoint": {"every": 1, "keep": 9},
    }  # fmt: skip
    config = {"data": {"source": "digits"}, "model": MODEL, "training": training, "name": "s"}
    whole = aecli.train(config, output=tmp_path / "whole", figures=False).path
    course, signalled = Courses.course, []

    def interrupted(self, state, *rest):
        if self.stage(int(state.step)).part == part and not signalled:
            signalled.append(int(state.step))
            os.kill(os.getpid(), signal.SIGTERM)
        return course(self, state, *rest)

    monkeypatch.setattr(Courses, "course", interrupted)
    with pytest.raises(StoppedError):
        aecli.train(config, output=tmp_path / "stopped", figures=False)
    (run,) = (tmp_path / "stopped" / "s").iterdir()
    assert signalled[0] in checkpoint.steps(run / "checkpoints")
    aecli.resume(str(run))
    for path in sorted((whole / "checkpoints").rglob("*")):
        if path.is_file():
            assert (run / path.relative_to(whole)).read_bytes() == path.read_bytes(), path
    assert (run / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()


LONG = {
    "model": {"bottleneck": {"kind": "top_k", "size": 4, "k": {"kind": "linear", "start": 4, "end": 2, "steps": 31}}},
    "objective": {"penalties": [{"kind": "code_l1", "weight": {"kind": "cosine", "start": 0.0, "end": 1.0}}]},
}


@pytest.mark.parametrize(
    ("training", "named"),
    [
        ({"epochs": 3}, True),
        ({"epochs": 4}, False),
        ({"epochs": 4, "supervised": {"epochs": 1}}, False),  # which goes through its schedules as much faster
        ({"epochs": 0, "supervised": {"epochs": 3}}, True),
        ({"epochs": 0}, False),
    ],
)
def test_a_schedule_that_training_ends_before_is_named(training, named):
    found = unfinished(experiment(training=training, **LONG), 10)
    assert len(found) == named
    assert all("model.bottleneck.k is to reach 2 after 31 steps, and training has 30" in text for text in found)


def test_what_training_alone_depends_on_or_nothing_is_not_named():
    ends = {"kind": "linear", "start": 0.5, "end": 0.1, "steps": 99}
    model = {
        "encoder": {"widths": [8], "dropout": ends},
        "bottleneck": {"kind": "jump_relu", "size": 4, "bandwidth": ends},
    }
    flat = {"penalties": [{"kind": "code_l0", "weight": {**ends, "end": 0.5}}]}
    assert not unfinished(experiment(model=model, objective=flat, training={"epochs": 3}), 10)
    moving = {"penalties": [{"kind": "code_l0", "weight": ends}]}
    assert len(unfinished(experiment(model=model, objective=moving, training={"epochs": 3}), 10)) == 1
    alone = {"epochs": 0, "supervised": {"epochs": 3}}
    assert not unfinished(experiment(model=model, objective=moving, training=alone), 10)


def test_check_and_train_warn_of_it():
    words = ["data.source=digits", "training.epochs=1", "model.bottleneck={kind: top_k, size: 4, k: {kind: linear, "
             "start: 4, end: 2, steps: 900}}"]  # fmt: skip
    Path("c.yaml").write_text("data: {source: digits}\n")
    assert "warning: model.bottleneck.k is to reach 2 after 900 steps" in done("check", "c.yaml", *words).out
    assert "warning: model.bottleneck.k is to reach 2 after 900 steps" in done("train", "c.yaml", *words).err
