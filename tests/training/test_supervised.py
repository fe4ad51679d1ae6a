"""Fine-tuning with labels: the terms against numpy in float64, what moves, what is kept, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import aecli
from aecli.config.numbers import skeleton_of
from aecli.config.problems import UserError
from aecli.data.supervision import Labelled, class_numbers
from aecli.experiment import load
from aecli.layout import Layout
from aecli.model.autoencoder import Autoencoder
from aecli.model.forward import Weights
from aecli.model.labels import label_terms
from aecli.tasks.train import load_dataset
from aecli.training import checkpoint
from aecli.training.program import program
from aecli.training.stages import numbers_in, stages
from tests.cli.command import done, refused
from tests.helpers import SHAPE, experiment, images

MODEL = {"encoder": {"widths": [32], "activation": "tanh"}, "bottleneck": {"size": 8}}
TRAINING = {
    "epochs": 2, "batch_size": 64, "supervised": {"epochs": 6}, "checkpoint": {"every": 1, "keep": 50},
    "optimizer": {"kind": "adamw", "weight_decay": 0.1, "learning_rate": 5e-3},
}  # fmt: skip
CONFIG = {"data": {"source": "digits"}, "model": MODEL, "training": TRAINING, "name": "s"}


def test_the_terms_are_the_formulas():
    config = skeleton_of(experiment(model=MODEL))
    autoencoder = Autoencoder(config.model, config.objective, Layout(SHAPE, classes=4))
    parameters, variables = autoencoder.init(jax.random.key(1))
    x, y = images(7), np.array([0, 1, 2, 3, -1, 3, 1])
    weights = Weights(parameters, variables, {})
    found, _ = label_terms(
        autoencoder, weights, x, jnp.asarray(y, jnp.float32), jax.random.key(0), train=False, mask=jnp.ones(7, bool)
    )
    z = np.asarray(autoencoder.encode(weights, x).mean, np.float64)
    own = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), parameters["classifier"])
    logits = z @ own["kernel"] + own["bias"]
    entropy = np.log(np.exp(logits).sum(1)) - logits[np.arange(7), np.maximum(y, 0)]
    np.testing.assert_allclose(found["loss"], np.where(y >= 0, entropy, 0), rtol=1e-5)
    np.testing.assert_array_equal(found["error"], np.where(y >= 0, logits.argmax(1) != y, 0))
    np.testing.assert_array_equal(found["labelled"], y >= 0)


@pytest.mark.parametrize("labels", [np.array(["b", "", "a", "new"]), np.array([10, 9, 2, 7])])
def test_classes_are_matched_by_name(labels):
    classes = ("a", "b") if labels.dtype.kind == "U" else ("2", "10", "9")
    assert class_numbers(labels, classes).tolist() == ([1, -1, 0, -1] if labels.dtype.kind == "U" else [1, 2, 0, -1])


def test_a_row_carries_its_class_and_comes_apart_again():
    x = np.random.default_rng(0).normal(size=(5, 3, 4, 1)).astype(np.float32)
    joined = Labelled(x, np.array([0, 1, -1, 2, 0], np.float32))
    assert (joined.shape, len(joined), np.ascontiguousarray(joined).shape) == ((5, 13), 5, (5, 13))
    rows, classes = Layout((3, 4, 1), classes=3).parted(jnp.asarray(joined[1:4]))
    np.testing.assert_array_equal(rows, x[1:4])
    np.testing.assert_array_equal(classes, [1, -1, 2])
    assert Layout((3, 4, 1)).parted(x)[1] is None


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return aecli.train(CONFIG, output=tmp_path_factory.mktemp("supervised")).path


def states(run):
    return [checkpoint.load(run / "checkpoints", step)[0] for step in checkpoint.steps(run / "checkpoints")]


def test_first_the_autoencoder_then_encoder_and_classifier(run):
    found = states(run)
    assert len(found) == 8
    kernel, back = "parameters.encoder.layers.0.linear.kernel", "parameters.decoder.last.kernel"
    classifier = "parameters.classifier.kernel"
    np.testing.assert_array_equal(found[0][classifier], found[1][classifier])
    np.testing.assert_array_equal(found[1][back], found[7][back])
    assert not np.array_equal(found[0][back], found[1][back])
    assert not np.array_equal(found[1][classifier], found[2][classifier])
    assert not np.array_equal(found[1][kernel], found[2][kernel])


def test_the_log_has_the_error_and_the_best_checkpoint_is_of_the_least(run):
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    told = [(r["epoch"], r["split"], sorted(r["values"])) for r in records]
    both = ("train", "validation")
    whole = [(e, split, ["loss", "reconstruction"]) for e in (1, 2) for split in both]
    assert told == whole + [(e, split, ["cross_entropy", "error"]) for e in range(3, 9) for split in both]
    errors = {r["step"]: r["values"]["error"] for r in records if r["split"] == "validation" and r["epoch"] > 2}
    memory = checkpoint.load(run / "checkpoints", max(errors))[1]
    assert memory["best"] == min(errors.values())
    assert errors[memory["best_step"]] == memory["best"]
    assert memory["best"] < 0.15


def test_eval_measures_the_classifier_as_scikit_learn_does(run):
    from sklearn.metrics import log_loss

    found = aecli.open_run(run)
    split = found.trained.dataset.test
    assert split is not None
    logits = found.trained.logits(split.x).astype(np.float64)
    measured = found.evaluate(metrics=["classification"], split="test")["metrics"]
    assert measured["error"] == pytest.approx(np.mean(logits.argmax(1) != split.labels))
    p = np.exp(logits - logits.max(1, keepdims=True))
    assert measured["cross_entropy"] == pytest.approx(log_loss(split.labels, p / p.sum(1, keepdims=True)), rel=1e-6)


def test_streamed_rows_and_a_stop_between_give_the_same_run(tmp_path, run, monkeypatch):
    from aecli.training import loop

    x = np.stack([*aecli.open_run(run).trained.dataset.train.x.reshape(-1, 64)])
    y = np.asarray(aecli.open_run(run).trained.dataset.train.labels)
    np.savez(tmp_path / "rows.npz", x=x, y=y)
    base = {**CONFIG, "data": {"source": str(tmp_path / "rows.npz"), "scale": "none"}}
    whole = aecli.train(base, output=tmp_path / "a").path
    monkeypatch.setattr(loop, "Resident", loop.Streamed)
    other = aecli.train(base, output=tmp_path / "b").path
    assert (whole / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 2))
    names = np.where(rows.sum(1) > 0, "up", "down")
    names[rng.random(300) < 0.3] = ""
    lines = [f"{a:.4f},{b:.4f},{name}" for (a, b), name in zip(rows, names, strict=True)]
    Path("t.csv").write_text("\n".join(["a,b,kind", *lines, ""]))
    text = "data: {source: t.csv, label: kind}\nmodel: {encoder: {widths: [8]}, bottleneck: {size: 2}}\n"
    text += "training: {epochs: 1, batch_size: 32, supervised: {epochs: 20}, optimizer: {learning_rate: 1e-2}}\n"
    Path("c.yaml").write_text(text + "evaluation: {metrics: [classification]}\n")


@pytest.mark.usefixtures("table")
def test_rows_without_a_label_do_not_count():
    said = done("train", "c.yaml", "evaluation.metrics=[classification, reconstruction, sparsity]")
    assert said.err.count("note: training with labels came last") == 1
    run = Path(said.out.strip())
    record = json.loads((run / "run.json").read_text())
    assert record["metrics"]["error"] < 0.15
    last = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()][-2]
    assert last["values"]["error"] < 0.15
    assert json.loads((run / "features.json").read_text())["classes"] == ["down", "up"]
    assert "classification leaves out" in str(done("eval", run, "--split", "train", "--json").json["notes"])


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data.label=null", "data.columns={kind: drop}"], "needs labels, and these rows have none"),
        (["data.classes=[up]"], "needs 2 to 10,000 classes, and the training rows have 1"),
        (["training.stop_early={patience: 2}"], "would end before its labels' turn"),
    ],
)
def test_what_has_no_classes_is_refused(overrides, words):
    assert words in refused("train", "c.yaml", *overrides)
    assert not Path("outputs").exists()


@pytest.mark.usefixtures("table")
def test_a_resume_trains_on_with_labels_alone_and_changes_no_other_stage():
    run = done("train", "c.yaml").out.strip()
    said = refused("resume", run, "training.epochs=2")
    assert "a resumed run cannot change `training.epochs`" in said
    assert "training with labels comes after training.epochs" in said
    assert "cannot change `training.supervised`" in refused("resume", run, "training.supervised=none")


def test_a_trained_autoencoder_gets_a_classifier_and_one_with_a_classifier_starts_another_without(tmp_path, run):
    plain = {**CONFIG, "training": {name: value for name, value in TRAINING.items() if name != "supervised"}}
    first = aecli.train(plain, output=tmp_path / "a").path
    later = {**TRAINING, "epochs": 0, "supervised": {"epochs": 1}, "initialize_from": str(first)}
    fine = aecli.train({**CONFIG, "training": later}, output=tmp_path / "b")
    kernel = "parameters.decoder.last.kernel"
    last = checkpoint.load(first / "checkpoints", max(checkpoint.steps(first / "checkpoints")))[0]
    np.testing.assert_array_equal(states(fine.path)[-1][kernel], last[kernel])
    back = {**plain["training"], "epochs": 0, "initialize_from": str(run)}
    assert (
        "parameters.classifier.kernel" not in states(aecli.train({**plain, "training": back}, output=tmp_path).path)[0]
    )
    same = {**TRAINING, "epochs": 0, "supervised": {"epochs": 1}, "initialize_from": str(run)}
    assert (
        aecli.train({**CONFIG, "training": same}, output=tmp_path / "c").evaluate(metrics=["classification"])[
            "metrics"
        ]["error"]
        < 0.15
    )  # the other's classifier


def test_a_batch_counts_its_labelled_rows_alone():
    """The gradient of a batch of which half is unlabelled is that of the other half."""
    config = experiment(
        model=MODEL, training={"supervised": {"epochs": 1}, "optimizer": {"kind": "sgd"}, "batch_size": 8}
    )
    made = program(config, Layout(SHAPE, classes=3), 8, "labels")
    numbers = numbers_in(stages(config, 1)[-1], config, 1)
    x = images(8).reshape(8, -1)
    y = np.array([0, 1, 2, 0, 1, 2, 0, 1], np.float32)
    state = made.init(np.uint32(0), numbers)

    def moved(classes, rows):
        data = np.concatenate([x, classes[:, None]], axis=1).astype(np.float32)
        after = made.one_step(state, data, np.array(rows, np.int32), np.uint32(0), numbers)
        return after.parameters["classifier"]["kernel"] - state.parameters["classifier"]["kernel"]

    half = np.where(np.arange(8) < 4, y, -1)
    np.testing.assert_allclose(moved(half, range(8)), moved(y, [0, 1, 2, 3, -1, -1, -1, -1]), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("classes", ["abc", [1, 2], ["a", None], [{}], ["a", "a"], {"a": 1}, None, ["a"] * 20_000])
def test_classes_of_a_run_from_a_stranger_are_names_or_damage(tmp_path, run, classes):
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**record, "files": None}))
    features = json.loads((copy / "features.json").read_text())
    (copy / "features.json").write_text(json.dumps({**features, "classes": classes}))
    assert "features.json: damaged" in refused("eval", copy, "--metrics", "classification", code=4)


def test_labels_that_came_as_text_are_matched():
    assert class_numbers(np.array(["true", "False", "maybe"]), ("False", "True")).tolist() == [1, 0, -1]
    assert class_numbers(np.array(["1.0", "2", "x", "01"]), ("1", "2")).tolist() == [0, 1, -1, -1]


def test_fractions_are_no_classes(tmp_path):
    np.savez(tmp_path / "r.npz", x=np.random.default_rng(0).normal(size=(40, 3)), y=np.linspace(0, 0.9, 40))
    with pytest.raises(UserError, match="needs classes, and these labels are fractions"):
        aecli.train({**CONFIG, "data": {"source": str(tmp_path / "r.npz")}}, output=tmp_path / "o")


def test_a_column_that_differs_in_nearly_every_row_is_no_classes(tmp_path):
    rows = np.random.default_rng(0).normal(size=(120, 3))
    path = tmp_path / "t.csv"
    config = {"data": {"source": str(path), "label": "y"}, "training": {"supervised": {"epochs": 1}}}
    path.write_text("\n".join(["a,b,y", *(f"{a:.3f},{b:.3f},{y:.4f}" for a, b, y in rows)]))
    with pytest.raises(UserError, match=r"needs classes, and \d+ labelled rows have \d+ different labels"):
        load_dataset(load(config))
    path.write_text("\n".join(["a,b,y", *(f"{a:.3f},{b:.3f},{min(abs(y), 2):.0f}" for a, b, y in rows)]))
    assert load_dataset(load(config)).features.classes == ("0", "1", "2")


def test_where_logits_are_not_finite_no_class_is_right(run, monkeypatch):
    from aecli.evaluation.classification import Classification

    trained = aecli.open_run(run).trained
    rows = trained.split()[1]
    measured = Classification(trained)
    monkeypatch.setattr(type(trained), "logits", lambda self, x: np.full((len(x), 10), np.nan, np.float32))
    measured.add(rows, 0)
    assert measured.result().metrics["error"].value == 1
    monkeypatch.undo()
    again = Classification(trained)
    again.add(rows, 0)
    entropy = again.result().metrics["cross_entropy"]
    assert 0 < entropy.stderr < entropy.value


def test_a_run_without_a_classifier_says_so(tmp_path):
    plain = {name: value for name, value in TRAINING.items() if name != "supervised"}
    found = aecli.train({**CONFIG, "training": plain}, output=tmp_path).evaluate(metrics=["classification"])
    assert "this run has no classifier (training.supervised)" in str(found["notes"])
