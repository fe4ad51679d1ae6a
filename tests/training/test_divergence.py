"""A training that stops being finite: where, by which rows, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.config.problems import DivergedError
from aecli.experiment import load
from aecli.runs.metrics import Metrics
from aecli.runs.run import Run
from aecli.tasks.train import resume, train
from aecli.training.divergence import first_bad, halved
from tests.tasks.test_train import Stopping, files

ROWS, BATCH = 96, 16
CONFIG: dict[str, Any] = {
    "name": "d",
    "data": {"source": "x.npy", "scale": "none", "split": {"validation": 0.0, "test": 0.0}},
    "model": {"encoder": {"widths": [8]}, "bottleneck": {"size": 2}},
    "training": {"epochs": 3, "batch_size": BATCH},
}


def rows(**wild: float) -> np.ndarray:
    """Tame rows but for those named `r<number>`."""
    x = np.random.default_rng(0).normal(size=(ROWS, 6)).astype(np.float32)
    for name, value in wild.items():
        x[int(name[1:]), 2] = value
    np.save("x.npy", x)
    return x


def trained(*overrides: str, **options: Any) -> Run:
    return train(CONFIG, list(overrides), figures=False, **options).run


def steps_of(row: int, epochs: int = 3) -> list[int]:
    """The steps that see a row, by the order of each epoch."""
    from aecli.data.dataset import load as load_data
    from aecli.training.program import program

    experiment = load(CONFIG).experiment
    dataset = load_data(experiment.data)
    made = program(experiment, dataset.features.layout(), ROWS)
    where = np.flatnonzero(dataset.train.rows == row)[0]
    orders = [made.order(np.uint32(0), np.int32(epoch)) for epoch in range(epochs)]
    return [epoch * len(order) + int(np.argwhere(order == where)[0, 0]) for epoch, order in enumerate(orders)]


def divergences(run: Run) -> list[dict[str, Any]]:
    return [record for record in Metrics(run.metrics).read() if record["split"] == "divergence"]


def test_the_step_its_rows_and_its_terms_are_named():
    rows(r17=1e25)
    with pytest.raises(DivergedError) as caught:
        trained()
    (step, *_), text = steps_of(17), str(caught.value)
    assert f"the loss was not finite at step {step} (epoch 1)" in text
    assert "rows whose own loss was not finite: 17\n" in text
    assert "terms: loss inf, reconstruction inf" in text
    assert "no checkpoint had been written" in text
    record = json.loads(next(Path("outputs").rglob("run.json")).read_text())
    assert record["status"] == "diverged"
    found = record["divergence"]
    assert (found["step"], found["rows_not_finite"], found["what"]) == (step, [17], "loss")
    assert 17 in found["rows"]
    assert len(found["rows"]) == BATCH
    assert found["terms"]["loss"] is None
    assert step == 0 or found["terms_before"]["loss"] > 0


def test_an_update_that_is_not_finite_is_not_blamed_on_the_step_after():
    """The loss of some 1e35 is finite; the square of its gradient, which Adam keeps, is not."""
    rows(r40=3e17)
    with pytest.raises(DivergedError) as caught:
        trained()
    (step, *_) = steps_of(40)
    text = f"the gradient was not finite at step {step} (epoch 1): the loss was, its update was not"
    assert text in str(caught.value)
    assert caught.value.divergence
    assert 40 in caught.value.divergence["rows"]
    assert caught.value.divergence["rows_not_finite"] == []


@pytest.mark.parametrize("action", ["skip", "halve_learning_rate"])
def test_a_step_is_left_out_and_recorded(action):
    rows(r17=1e25)
    run = trained(f"training.on_divergence={action}")
    found = divergences(run)
    assert [record["step"] for record in found] == steps_of(17)
    assert all(record["action"] == action and 17 in record["rows"] for record in found)
    factors = [record["values"]["learning_rate_factor"] for record in found]
    assert factors == ([1, 1, 1] if action == "skip" else [0.5, 0.25, 0.125])
    assert run.record["status"] == "completed"


def test_an_epochs_mean_is_over_the_rows_that_were_trained_on():
    """With a learning rate of 0 each row's loss is known: that of the first parameters."""
    from aecli.training.trained import open_trained

    x = rows(r17=1e25)
    run = trained("training.on_divergence=skip", "training.optimizer.learning_rate=0.0")
    (skipped,) = steps_of(17, 1)
    order = {row: steps_of(row, 1)[0] for row in range(ROWS)}
    kept = [row for row in range(ROWS) if order[row] != skipped]
    errors = ((open_trained(run).reconstruct(x[kept]) - x[kept]) ** 2).sum(axis=1)
    first = next(record for record in Metrics(run.metrics).read() if record["split"] == "train")
    assert len(kept) == ROWS - BATCH
    assert first["values"]["loss"] == pytest.approx(errors.mean(), rel=1e-5)


@pytest.mark.parametrize("action", ["skip", "halve_learning_rate"])
def test_what_is_left_out_does_not_depend_on_chunks_or_stops(action, monkeypatch):
    rows(r17=1e25, r60=-1e30)
    whole = trained(f"training.on_divergence={action}")
    with monkeypatch.context() as patch:
        patch.setattr("aecli.training.pace.CHUNK_SECONDS", 0.0)  # chunks of one step
        assert files(trained(f"training.on_divergence={action}")) == files(whole)
    for at in (2, 6, 9):
        with monkeypatch.context() as patch:
            patch.setattr("aecli.training.pace.CHUNK_SECONDS", 0.0)
            with pytest.raises(Exception, match="stopped at step"):
                trained(f"training.on_divergence={action}", progress=Stopping(at), output=f"at{at}")
        assert files(resume("latest", output=f"at{at}", figures=False).run) == files(whole)


def test_a_halved_learning_rate_is_what_is_trained_with():
    """From the second epoch on as with half the rate: the first row of all diverges at step 0 alone."""
    rows()
    (first,) = [row for row in range(ROWS) if steps_of(row, 1) == [0]][:1]
    rows(**{f"r{first}": 1e25})
    halving, half = (
        trained("training.epochs=1", f"training.on_divergence={action}", f"training.optimizer.learning_rate={rate}")
        for action, rate in (("halve_learning_rate", 2e-3), ("skip", 1e-3))
    )
    one, other = files(halving), files(half)
    states = [name for name in one if name.endswith("state.safetensors")]
    assert states
    assert all(one[name] == other[name] for name in states)


def test_where_no_step_can_be_taken_it_ends():
    rows(**{f"r{i}": 1e25 for i in range(ROWS)})
    with pytest.raises(DivergedError, match="no step of the epoch could be taken"):
        trained("training.on_divergence=skip")


def test_a_resumed_run_goes_on_from_before():
    """The checkpoint of the last epoch is kept; with the row left out, training goes on from there."""
    rows()
    run = trained()
    before = files(run)
    with pytest.raises(DivergedError, match="the last checkpoint is that of step 18"):
        resume(str(run.path), ["training.epochs=6", "training.optimizer.learning_rate=1e30"], figures=False)
    assert {name: before[name] for name in before if "18" in name}.items() <= files(run).items()
    resume(str(run.path), ["training.optimizer.learning_rate=1e-3"], figures=False)
    assert run.record["status"] == "completed"


@given(st.integers(1, 200), st.data())
def test_the_first_bad_step_is_found(count, data):
    bad = data.draw(st.integers(1, count))
    asked: list[int] = []

    class State:
        def __init__(self, taken: int):
            self.taken, self.bad = taken, 0 if taken >= bad else -1

    def run(taken: int) -> Any:
        asked.append(taken)
        return State(taken)

    state, low = first_bad(run, count)
    assert (state.taken, low) == (bad - 1, bad - 1)
    assert len(asked) <= count.bit_length() + 1


def test_a_schedule_is_halved_as_a_whole():
    numbers = {"training": {"optimizer": {"learning_rate": np.array([4, 2, 10, 1], np.float32), "b1": 1}}, "o": 2}
    assert halved(numbers, 0) is numbers
    found = halved(numbers, 2)
    assert found["training"]["optimizer"]["learning_rate"].tolist() == [1, 0.5, 10, 1]
    assert (found["training"]["optimizer"]["b1"], found["o"]) == (1, 2)


def test_with_one_step_an_epoch_the_learning_rate_is_halved_until_a_step_can_be_taken():
    """Plain gradient descent from far away: at its first rates it diverges, at one it does not."""
    rows(r5=1e12)
    overrides = [
        f"training.batch_size={ROWS}",
        "training.optimizer={kind: sgd, learning_rate: 1e15}",
        "training.epochs=9",
    ]
    run = trained(*overrides, "training.on_divergence=halve_learning_rate")
    found = divergences(run)
    assert found
    assert [r["values"]["learning_rate_factor"] for r in found] == [0.5 ** (i + 1) for i in range(len(found))]
    train_records = [r for r in Metrics(run.metrics).read() if r["split"] == "train"]
    empty = [r["step"] for r in train_records if r["values"]["loss"] is None]
    assert empty == [r["step"] + 1 for r in found], "an epoch without a step has no mean"
