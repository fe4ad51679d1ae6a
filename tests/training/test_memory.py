"""What training remembers: the same whether it was kept in memory or on disk."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.experiment import StopEarly, load
from aecli.runs.files import to_json
from aecli.training.memory import Memory

STOP = StopEarly(patience=3)
LOSSES = st.lists(st.one_of(st.floats(0, 9), st.sampled_from([math.inf, math.nan, -math.inf])), max_size=9)


def after(memory: Memory, losses: list[float], on_disk: bool, start: int = 0) -> Memory:
    """The memory after these validation losses, read from a checkpoint's bytes before each one if asked for."""
    from dataclasses import replace
    from pathlib import Path

    for step, loss in enumerate(losses, start):
        if on_disk:
            memory = Memory.from_dict(json.loads(to_json(memory.to_dict())), Path(), step)
        memory = replace(memory, **memory.observed(step, {"validation/loss": loss}, STOP))
    return memory


@given(LOSSES)
def test_early_stopping_is_the_same_after_any_resume(losses):
    kept, read = after(Memory(), losses, on_disk=False), after(Memory(), losses, on_disk=True)
    assert kept == read
    finite = [loss for loss in losses if math.isfinite(loss)]
    assert kept.lowest == kept.best == (min(finite) if finite else None)


def experiment(*overrides: str):
    return load({"data": {"source": "digits"}, "training": {"stop_early": {"patience": 3}}}, list(overrides)).experiment


@pytest.mark.parametrize(
    ("change", "forgotten"),
    [
        ("training.stop_early.patience=9", set()),
        ("training.stop_early.metric=train/loss", {"lowest", "waited"}),
        ("training.optimizer.learning_rate=0.1", {"halvings"}),
        ("objective.reconstruction=bernoulli", {"best", "best_step", "lowest", "waited"}),
        ("training.epochs=99", set()),
    ],
)
def test_what_a_changed_config_makes_worthless_is_forgotten_and_nothing_else(change, forgotten):
    """A larger patience, as is advised where it is spent, keeps the best checkpoint."""
    told = {"best": 2.0, "best_step": 5, "lowest": 2.0, "waited": 3, "halvings": 1}
    memory = Memory(**told).under(experiment())
    assert {name: getattr(memory, name) for name in told} == told
    later = memory.under(experiment(change))
    assert {name for name, value in told.items() if getattr(later, name) != value} == forgotten
