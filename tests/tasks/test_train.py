"""Training a run: deterministic in its seed, resumed to the same bytes, honest about how it ended."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aecli.config.problems import DivergedError, UserError
from aecli.runs.metrics import Metrics
from aecli.tasks.train import resume, train
from aecli.training import checkpoint
from aecli.training.stopping import StoppedError

CONFIG = {
    "name": "t",
    "data": {"source": "digits"},
    "model": {
        "encoder": {"widths": [16], "norm": "batch", "dropout": 0.1}, "bottleneck": {"kind": "gaussian", "size": 4},
    },
    "objective": {
        "corruption": {"kind": "masking", "rate": 0.1}, "reconstruction": "bernoulli",
        "rate": {"weight": {"kind": "linear", "start": 0.0, "end": 1.0, "steps": 100}},
    },
    "training": {"epochs": 4, "batch_size": 64, "average": {"kind": "ema", "decay": 0.9}},
}  # fmt: skip


class Stopping:
    """Raises the stop flag, as a signal would, once a step is reached."""

    def __init__(self, step):
        self.step = step

    def advance(self, done, total, text):
        import os
        import signal

        if self.step is not None and done >= self.step:
            self.step = None
            os.kill(os.getpid(), signal.SIGTERM)

    def warn(self, text):
        self.say(text)

    def say(self, text):
        pass


def quick(config=CONFIG, overrides=(), **options):
    return train(config, list(overrides), figures=False, **options).run


def files(run) -> dict[str, bytes]:
    """What must be equal between equal runs: the log and every file of every checkpoint."""
    kept = [run.metrics, *sorted(run.checkpoints.rglob("*"))]
    return {str(p.relative_to(run.path)): p.read_bytes() for p in kept if p.is_file()}


def test_equal_seeds_write_equal_bytes():
    one, two, other = quick(), quick(), quick(overrides=["seed=1"])
    assert files(one) == files(two)
    assert files(one) != files(other)


@pytest.mark.parametrize("step", [1, 23, 40, 70])
def test_a_stopped_run_ends_with_the_same_bytes(step, monkeypatch):
    """Stopped by SIGTERM inside an epoch and at its end, resumed: as if it had never stopped."""
    whole = quick()
    with monkeypatch.context() as patch:
        patch.setattr("aecli.training.pace.CHUNK_SECONDS", 0.0)  # chunks of one step: none goes beyond the stop
        with pytest.raises(StoppedError) as caught:
            quick(progress=Stopping(step), output="stopped")
    assert caught.value.exit_code == 143
    path = next(Path("stopped").rglob("run.json")).parent
    assert json.loads((path / "run.json").read_text())["status"] == "stopped"
    assert checkpoint.steps(path / "checkpoints"), "it saved before it stopped"
    done = resume("latest", output="stopped", figures=False)
    assert done.status == "completed"
    assert files(done.run) == files(whole)


def test_a_run_killed_before_its_first_checkpoint_starts_again():
    whole, run = quick(), quick()
    import shutil

    shutil.rmtree(run.checkpoints)
    run.update(status="running")
    with run.metrics.open("ab") as torn:
        torn.write(b'{"step": 99')
    assert files(resume(str(run.path), figures=False).run) == files(whole)


def test_a_completed_run_is_left_alone():
    run = quick()
    before = files(run)
    assert resume(str(run.path)).status == "completed"
    assert files(run) == before


def test_more_epochs_are_as_if_asked_for_at_once():
    short, long = quick(overrides=["training.epochs=2"]), quick()
    resume(str(short.path), ["training.epochs=4"], figures=False)
    assert files(short) == files(long)


@pytest.mark.parametrize(
    "override", ["data.split.seed=1", "model.bottleneck.size=5", "seed=3", "name=other", "training.batch_size=32"]
)
def test_a_resumed_run_cannot_change_what_it_is(override):
    run = quick(overrides=["training.epochs=1"])
    with pytest.raises(UserError, match="cannot change"):
        resume(str(run.path), [override])


def test_changed_data_are_noticed():
    x = np.random.default_rng(0).normal(size=(80, 5))
    np.save("x.npy", x)
    run = quick(
        {
            "data": {"source": "x.npy"},
            "training": {"epochs": 1},
            "evaluation": {"metrics": ["reconstruction"]},
        }
    )
    np.save("x.npy", x + 1)
    with pytest.raises(UserError, match="not the data"):
        resume(str(run.path), ["training.epochs=2"])


def test_a_loss_that_is_not_finite_stops_the_run():
    with pytest.raises(DivergedError, match=r"not finite at step \d+"):
        quick({**CONFIG, "training": {"epochs": 3, "optimizer": {"kind": "sgd", "learning_rate": 1e12}}})
    record = json.loads(next(Path("outputs").rglob("run.json")).read_text())
    assert record["status"] == "diverged"
    assert "not finite" in record["exit_reason"]


def test_the_best_checkpoint_is_kept_and_early_stopping_stops():
    training = {"epochs": 60, "batch_size": 64, "stop_early": {"metric": "validation/loss", "patience": 3},
                "optimizer": {"kind": "adam", "learning_rate": 0.05}}  # fmt: skip
    run = quick({"data": {"source": "digits"}, "training": training})
    records = Metrics(run.metrics).read()
    losses = {r["step"]: r["values"]["loss"] for r in records if r["split"] == "validation"}
    best = min(losses, key=lambda step: losses[step])
    assert len(losses) < 60
    assert sum(step > best for step in losses) == 3
    assert best in checkpoint.steps(run.checkpoints)
    assert len(checkpoint.steps(run.checkpoints)) <= 3


def test_a_run_can_start_from_another():
    first = quick()
    second = quick(overrides=[f"training.initialize_from={first.path}", "training.epochs=0", "seed=5"])
    _, arrays, _ = checkpoint.latest_good(second.checkpoints, lambda text: None)
    _, theirs, _ = checkpoint.latest_good(first.checkpoints, lambda text: None)
    for name, value in arrays.items():
        if name.startswith("variables."):
            np.testing.assert_array_equal(value, theirs[name])
    with pytest.raises(UserError, match="another architecture"):
        quick(overrides=[f"training.initialize_from={first.path}", "model.bottleneck.size=3"])


def test_run_json_tells_where_the_run_came_from():
    record = quick(overrides=["training.epochs=1"]).record
    assert record["status"] == "completed"
    assert record["overrides"] == ["training.epochs=1"]
    assert record["data"]["sha256"]
    assert record["timings"]["examples_per_second"] > 0
    assert record["packages"]["jax"]
    assert record["metrics"]["elbo"] < 0


def test_validation_logs_the_same_objective_as_training():
    names = [set(r["values"]) for r in Metrics(quick().metrics).read()]
    assert all(n == {"loss", "reconstruction", "rate"} for n in names)


def test_figures_are_made():
    run = train(CONFIG, ["training.epochs=1"]).run
    made = {path.name for path in run.figures.iterdir()}
    assert made == {"curves.png", "codes.png", "reconstructions.png", "samples.png", "interpolations.png"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": {"reconstruction": "bernoulli"}, "data": {"source": "x.npy"}}, "between 0 and 1"),
        (
            {
                "training": {"stop_early": {"patience": 2}},
                "data": {"source": "x.npy", "split": {"validation": 0.0}},
            },
            "no validation",
        ),
        ({"training": {"initialize_from": "nowhere"}, "data": {"source": "x.npy"}}, "no runs under"),
        (
            {"training": {"stop_early": {"metric": "validation/los"}}, "data": {"source": "x.npy"}},
            "did you mean 'loss'",
        ),
        ({"training": {"device": "tpu"}, "data": {"source": "x.npy"}}, "no tpu device"),
    ],
)
def test_what_cannot_go_together_is_said(changes, message):
    np.save("x.npy", np.random.default_rng(0).normal(size=(80, 5)))
    with pytest.raises(UserError, match=message):
        quick(changes)


def test_an_objective_changed_on_resume_forgets_the_best_of_the_old_one():
    run = quick(overrides=["training.epochs=3", "objective.rate.weight=0.0"])
    resume(str(run.path), ["training.epochs=6", "objective.rate.weight=4.0"], figures=False)
    records = [r for r in Metrics(run.metrics).read() if r["split"] == "validation"]
    later = {r["step"]: r["values"]["loss"] for r in records[3:]}
    _, _, memory = checkpoint.latest_good(run.checkpoints, lambda text: None)
    assert memory["best_step"] == min(later, key=lambda step: later[step])


def test_a_stop_before_the_first_step_leaves_no_trace():
    whole = quick(overrides=["training.checkpoint.keep=3"])
    import signal
    from contextlib import contextmanager

    from aecli.training import stopping

    @contextmanager
    def already(last_words=None):
        request = stopping.StopRequest()
        request.signal = signal.SIGINT
        yield request

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stopping, "stop_requests", already)
        with pytest.raises(StoppedError) as caught:
            quick(overrides=["training.checkpoint.keep=3"], output="stopped")
    assert caught.value.exit_code == 130
    assert files(resume("latest", output="stopped", figures=False).run) == files(whole)


@pytest.mark.parametrize("every", [2, 3])
def test_rare_checkpoints_resume_to_the_same_bytes(every):
    overrides = [f"training.checkpoint.every={every}", "evaluation.every=3", "training.epochs=5"]
    whole = quick(overrides=overrides)
    with pytest.raises(StoppedError):
        quick(overrides=overrides, progress=Stopping(30), output="stopped")
    with pytest.raises(StoppedError):
        resume("latest", output="stopped", progress=Stopping(40), figures=False)
    assert files(resume("latest", output="stopped", figures=False).run) == files(whole)


def test_a_changed_source_is_not_evaluated_as_if_it_were_the_same():
    from aecli.api import open_run

    np.save("x.npy", np.random.default_rng(0).normal(size=(80, 5)))
    run = quick({"data": {"source": "x.npy"}, "training": {"epochs": 1}})
    np.save("x.npy", np.random.default_rng(1).normal(size=(120, 5)))
    with pytest.raises(UserError, match="not the data"):
        open_run(run.path).evaluate()


def test_speed_counts_real_rows():
    """1437 rows in batches of 1000: two steps an epoch, not 2000 rows."""
    from aecli.data.dataset import load as load_data
    from aecli.experiment import load
    from aecli.runs.run import Run
    from aecli.training.loop import Clock, Trainer
    from aecli.training.memory import Memory
    from aecli.training.progress import Silent
    from aecli.training.stopping import StopRequest

    experiment = load(CONFIG, ["training.batch_size=1000", "training.epochs=3"]).experiment
    clock = Clock()
    run = Run.create(Path("o"), "t", "", {})
    trainer = Trainer(experiment, load_data(experiment.data), run, Silent(), None, clock)
    trainer.fit(trainer.initial(), Memory(), StopRequest())
    assert clock.examples == 3 * 1437


@pytest.mark.parametrize("override", ["training.epochs=2", "objective.rate.weight=2.0"])
def test_a_finished_run_is_not_rewritten_where_nothing_would_be_trained(override):
    run = quick()
    before = run.config_text
    with pytest.raises(UserError, match="nothing would be trained"):
        resume(str(run.path), [override])
    assert run.config_text == before
    assert run.record["status"] == "completed"


def test_a_larger_patience_goes_on_and_keeps_the_best():
    training = {"epochs": 60, "batch_size": 64, "stop_early": {"metric": "validation/loss", "patience": 3},
                "optimizer": {"kind": "adam", "learning_rate": 0.05}}  # fmt: skip
    config = {"data": {"source": "digits"}, "training": training}
    run, longer = quick(config), quick(config, ["training.stop_early.patience=5"])
    resume(str(run.path), ["training.stop_early.patience=5"], figures=False)
    assert run.metrics.read_bytes() == longer.metrics.read_bytes()
    assert checkpoint.steps(run.checkpoints) == checkpoint.steps(longer.checkpoints)


@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_a_signal_within_validation_loses_nothing(epoch, monkeypatch):
    """The state is saved before the epoch is logged; a resumed run validates and logs it first."""
    from aecli.training.held import Held

    whole, seen, real = quick(), [], Held.validate

    def validate(self, weights, seed, between=lambda: None, made=None):
        seen.append(seed)
        if len(seen) == epoch:
            Stopping(0).advance(0, 0, "")
        return real(self, weights, seed, between, made)

    with monkeypatch.context() as patch:
        patch.setattr(Held, "validate", validate)
        with pytest.raises(StoppedError):
            quick(output="stopped")
    assert files(resume("latest", output="stopped", figures=False).run) == files(whole)


def test_what_a_killed_process_left_goes_with_the_next():
    run = quick(overrides=["training.epochs=2"])
    for name in (".tmp-0a.json", "figures/.tmp-0b.png"):
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).write_text("half")
    resume(str(run.path), ["training.epochs=3"], figures=False)
    assert not list(run.path.rglob(".tmp-*"))


def test_a_best_checkpoint_that_cannot_be_loaded_is_told_and_the_last_used():
    from aecli.training.trained import open_trained

    run = quick()
    step, arrays, memory = checkpoint.latest_good(run.checkpoints, lambda text: None) or (0, {}, {})
    checkpoint.save(run.checkpoints, step, arrays, {**memory, "best_step": 1})
    told: list[str] = []
    assert open_trained(run, warn=told.append).step == step
    assert "the best checkpoint cannot be loaded" in told[0]
