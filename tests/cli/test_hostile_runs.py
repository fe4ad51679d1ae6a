"""Trained runs as a stranger might send them, opened by the commands: refused at once, and nothing is touched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from aecli.cli import app
from aecli.training import checkpoint
from tests.cli.command import aecli, done, refused, written
from tests.cli.conftest import DENSE
from tests.cli.test_broken_runs import on
from tests.data.files import npy_bytes, npy_header, zip_file
from tests.waiting import no_waiting

NAMES = [
    "run.json", "config.yaml", "features.json", "metrics.jsonl", ".lock", "checkpoints", "checkpoints/*",
    "checkpoints/*/state.safetensors", "checkpoints/*/manifest.json", "figures", "events", "mixture.npz", "more/own",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_waiting():
    with no_waiting(120):
        yield


def state_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def copied(run: Path) -> Path:
    """A copy that was stopped, so that `resume` has something to do."""
    path = Path(shutil.copytree(run, "run"))
    record = path / "run.json"
    record.write_text(record.read_text().replace('"completed"', '"stopped"'))
    return path


def moved_aside(run: Path, name: str) -> Path:
    """What is called so is elsewhere now (a file, where there was none): its old path."""
    path = next(iter(run.glob(name)), run / name)
    Path("elsewhere").mkdir()
    if path.exists():
        path.rename(Path("elsewhere") / path.name)
    else:
        path.parent.mkdir(exist_ok=True)
        (Path("elsewhere") / path.name).write_text("precious\n")
    return path


@pytest.mark.parametrize("command", ["eval", "sample", "score", "resume"])
@pytest.mark.parametrize("name", NAMES)
def test_a_link_in_a_run_is_refused_by_name_and_nothing_is_touched(runs, name, command):
    run = copied(runs.dense)
    path = moved_aside(run, name)
    path.symlink_to((Path("elsewhere") / path.name).resolve())
    before = state_of(Path())
    err = refused(*on(command, run), code=4)
    assert f"error: {path}: damaged: this is a symbolic link, and nothing is read or written through it" in err
    assert state_of(Path()) == before


@pytest.mark.parametrize("name", [name for name in NAMES if name != "run.json"])
def test_a_pipe_in_a_run_is_refused_by_name(runs, name):
    run = copied(runs.dense)
    path = moved_aside(run, name)
    os.mkfifo(path)
    for command in ("eval", "resume"):
        assert f"error: {path}: damaged: this is a pipe" in refused(*on(command, run), code=4)


def test_report_show_and_diff_open_no_run_with_a_link(runs):
    run = copied(runs.dense)
    path = moved_aside(run, "metrics.jsonl")
    path.symlink_to((Path("elsewhere") / path.name).resolve())
    for command in (["report", run], ["runs", "show", run], ["runs", "diff", runs.dense, run]):
        assert f"{path}: damaged: this is a symbolic link" in refused(*command, code=4)


def test_no_parameters_are_taken_from_a_run_with_a_link(runs):
    run = copied(runs.dense)
    path = moved_aside(run, "checkpoints")
    path.symlink_to((Path("elsewhere") / path.name).resolve())
    config = written(DENSE.replace("epochs: 2", f"epochs: 1, initialize_from: {run}"))
    assert f"{path}: damaged: this is a symbolic link" in refused("train", config, code=4)
    assert not Path("outputs").exists()


def forged(run: Path, change: Callable[[dict[str, np.ndarray], dict[str, Any]], None]) -> None:
    """Change arrays or memory of each checkpoint, and write the manifest that belongs to them."""
    for path in (run / "checkpoints").iterdir():
        arrays, memory = checkpoint.load(run / "checkpoints", int(path.name))
        change(arrays, memory)
        files = {checkpoint.STATE: save(arrays), checkpoint.MEMORY: json.dumps(memory).encode()}
        files[checkpoint.MANIFEST] = checkpoint._manifest(int(path.name), files)
        for name, content in files.items():
            (path / name).write_bytes(content)


def not_finite(arrays: dict[str, np.ndarray], memory: dict[str, Any]) -> None:
    name = next(name for name in arrays if name.startswith("parameters."))
    arrays[name] = np.full_like(arrays[name], np.nan)


def other_shapes(arrays: dict[str, np.ndarray], memory: dict[str, Any]) -> None:
    arrays |= {name: np.zeros((3, 3), np.float32) for name in arrays if name.startswith("parameters.")}


FORGERIES: dict[str, tuple[Callable[..., None], int, str]] = {
    "parameters that are no numbers": (not_finite, 4, "holds a value that is not finite"),
    "parameters of other shapes": (other_shapes, 2, "the config does not fit this checkpoint"),
    "a memory of text": (lambda arrays, memory: memory.update(best="low"), 4, "'best' is nothing that training"),
    "another memory": (lambda arrays, memory: memory.update(best_step=10**30), 4, "'best_step' is nothing that"),
    "a best step of the future": (lambda arrays, memory: memory.update(best_step=77), 4, "'best_step' is nothing that"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_checkpoint_is_refused_though_its_manifest_is_true(runs, forgery):
    change, code, said = FORGERIES[forgery]
    run = copied(runs.dense)
    forged(run, change)
    assert said in refused("eval", run, code=code)
    before = state_of(run)
    assert said in refused("resume", run, "training.epochs=3", code=code)
    assert state_of(run) == before | {str(run / ".lock"): b""}


def test_a_best_checkpoint_that_is_gone_is_named_and_the_last_one_used(runs):
    """As after a later best one, whose checkpoint is damaged, had it removed."""
    run = copied(runs.dense)
    forged(run, lambda arrays, memory: memory.update(best_step=5))
    said = done("eval", run).err
    assert "warning: the best checkpoint cannot be loaded, and the last good one, of step 12, is used" in said
    assert "there is no checkpoint of step 5" in said


@pytest.mark.parametrize("name", ["run.json", "features.json", "metrics.jsonl", "checkpoints/*/state.safetensors"])
def test_a_file_that_claims_terabytes_is_not_read(runs, name):
    run = copied(runs.dense)
    for path in run.glob(name):
        os.truncate(path, 2**42)
    command = "resume" if name == "metrics.jsonl" else "eval"
    assert f"{path}: damaged: this file is 4,398,046,511,104 bytes long" in refused(*on(command, run), code=4)


@pytest.mark.parametrize("widths", ["[2000000000]", "[2000000000, 2000000000]", "[1000000000000]"])
def test_a_config_that_asks_for_terabytes_is_refused_before_anything_is_made(runs, widths):
    run = copied(runs.dense)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("widths: [8]", f"widths: {widths}"))
    assert "does not fit this checkpoint" in refused("eval", run)
    shutil.rmtree(run / "checkpoints")
    assert "parameters and optimiser need" in refused("resume", run)


FEATURES: list[dict[str, Any]] = [
    {"shape": [10**6, 10**6, 1]}, {"shape": [8, 8, -1]}, {"shape": "8x8"}, {"shift": [0.0] * 64}, {"kind": "object"},
    {"divisor": "16"}, {"columns": ["a"]}, {"__class__": "os.system"},
]  # fmt: skip


@pytest.mark.parametrize("change", FEATURES, ids=str)
def test_features_of_no_fitting_are_damaged(runs, change):
    run = copied(runs.dense)
    path = run / "features.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert f"error: {path}: damaged: " in refused("eval", run, code=4)


def test_a_shape_of_other_rows_does_not_fit(runs):
    run = copied(runs.dense)
    path = run / "features.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "shape": [30_000, 30_000, 1]}))
    assert "features.json: damaged: its SHA-256 is not the one in run.json" in refused("eval", run, code=4)
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "files": None}))  # as a stranger would
    assert "does not fit this checkpoint" in refused("eval", run)


@pytest.mark.parametrize(
    "record", [{"train_rows": 10**30}, {"train_rows": 2**40}, {"train_rows": -1}, {"train_rows": 1.5}], ids=str
)
def test_a_record_of_impossible_rows_is_damaged(runs, record):
    run = copied(runs.dense)
    path = run / "run.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "data": {**found["data"], **record}}))
    assert "data.train_rows is no number of rows" in refused("eval", run, code=4)


@pytest.mark.parametrize(
    "record", [{"git": "abc"}, {"argv": 3}, {"overrides": 3}, {"timings": {"train_seconds": ""}}], ids=str
)
def test_a_record_of_other_forms_is_damaged_and_listed_all_the_same(runs, record):
    run = copied(runs.dense)
    path = run / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **record}))
    for command in (["runs", "show", run], ["eval", run], ["resume", run]):
        assert f"error: {path}: damaged: {next(iter(record))}" in refused(*command, code=4)
    assert aecli("runs", "ls", "--runs", ".").code == 0


def test_a_log_of_other_records_is_damaged(runs):
    run = copied(runs.dense)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": "many", "split": "train", "values": 3}\n')
    assert "no record of an epoch" in refused("report", run, "-o", "x.html", code=4)
    assert not Path("x.html").exists()


def test_kept_arrays_that_claim_terabytes_or_hold_pickles_are_damaged(runs):
    run = copied(runs.dense)
    done("sample", run, "-n", 2, "-o", "x.npy")
    with np.load(run / "mixture.npz", allow_pickle=False) as file:
        arrays = dict(file)
    whole = {f"{name}.npy": npy_bytes(array) for name, array in arrays.items()}
    for content in (
        npy_header((10**12,), data=bytes(8)), npy_bytes(np.array([{}], object)), npy_bytes(np.zeros((3, 2))),
        npy_bytes(np.full_like(arrays["means"], np.nan)),
    ):  # fmt: skip
        zip_file(run / "mixture.npz", {**whole, "means.npy": content})
        err = refused("sample", run, "-o", "y.npy", code=4)
        assert f"error: {run}/mixture.npz: damaged" in err
        assert not Path("y.npy").exists()


@pytest.mark.parametrize("name", ["scores", "baselines_mean", "baselines_components", "truth_known", "class_names"])
def test_a_calibration_of_other_forms_is_damaged(runs, name):
    run = copied(runs.anomaly)
    with np.load(run / "anomaly.npz", allow_pickle=False) as file:
        whole = {f"{key}.npy": npy_bytes(array) for key, array in file.items()}
    for array in (np.zeros((2, 3)), np.array(["x"] * 3), np.full(64, np.nan), np.zeros(0)):
        if name == "class_names" and array.dtype.kind == "U":
            continue
        zip_file(run / "anomaly.npz", {**whole, f"{name}.npy": npy_bytes(array)})
        err = refused("anomaly", "score", run, code=4)
        assert f"error: {run}/anomaly.npz: damaged: its arrays do not fit one another" in err


def test_memory_that_runs_out_on_a_device_is_said_as_on_the_host(monkeypatch):
    class JaxRuntimeError(RuntimeError):
        pass

    def full(*args: object, **options: object) -> None:
        raise JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4 bytes")

    monkeypatch.setattr(app, "app", full)
    assert (
        refused("eval", "run")
        == "error: out of memory: use fewer rows, a smaller model or a smaller training.batch_size\n"
    )
