"""RUN arguments that mean no run, runs that are damaged (exit 4), and rows that do not fit a run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.cli.command import done, refused, written
from tests.cli.conftest import COLUMNS, DENSE
from tests.data.files import npy_bytes

COMMANDS = {
    "eval": ["eval"],
    "embed": ["embed", "--output", "x.npy"],
    "reconstruct": ["reconstruct", "--output", "x.npy"],
    "sample": ["sample", "--output", "x.npy"],
    "score": ["anomaly", "score"],
    "resume": ["resume"],
}


def on(command: str, run: object, *more: object) -> list[object]:
    """The command's line, with RUN where it belongs."""
    words = COMMANDS[command]
    place = 2 if words[0] == "anomaly" else 1
    return [*words[:place], run, *words[place:], *more]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("latest", "there are no runs under outputs yet\n  train one"),
        ("t/dense", "there are no runs under outputs yet"),
        ("c.yaml", "'c.yaml' is a file, not a run directory"),
        ("folder", "'folder' is not a run directory\n  a run directory has a run.json"),
        ("", "there are no runs under outputs yet"),
        ("../../etc", "there are no runs under outputs yet"),
    ],
)
def test_where_there_are_no_runs(command, run, message):
    written(DENSE)
    Path("folder").mkdir()
    before = sorted(Path().rglob("*"))
    assert message in refused(*on(command, run))
    assert sorted(Path().rglob("*")) == before


def test_a_prefix_means_one_run_or_none(runs):
    root = ("--runs", runs.root)
    assert done("eval", f"t/dense/{runs.dense.name[:4]}", *root, "--json").json["run"] == str(runs.dense)
    assert done("eval", "latest", *root, "--json").json["run"] == str(runs.table)
    err = refused("eval", "t/", *root)
    assert "'t/' means 4 runs: t/" in err
    assert "add characters" in err
    err = refused("eval", "t/dens3", *root)
    assert f"no run under {runs.root} is called 't/dens3'\n  the nearest: t/dense/" in err


def test_a_run_that_has_not_been_trained_says_how_to_go_on(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    shutil.rmtree(run / "checkpoints")
    for command in ("eval", "embed", "score"):
        said = refused(*on(command, run), code=4)
        assert "run/checkpoints: damaged: the run was completed, and its checkpoints are gone" in said
    (run / "run.json").write_text((run / "run.json").read_text().replace('"completed"', '"stopped"'))
    for command in ("eval", "embed", "score"):
        assert "run has no checkpoint yet\n  continue it: aecli resume RUN" in refused(*on(command, run))
    (run / "features.json").unlink()
    assert "run has not begun training\n  continue it: aecli resume RUN" in refused("eval", run)
    done("resume", run)
    assert "warning" not in done("eval", run).err


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def missing(path: Path) -> None:
    path.unlink()


def no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


def holding(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text) and None


DAMAGES = {
    "state cut": ("checkpoints/*/state.safetensors", cut),
    "state flipped": ("checkpoints/*/state.safetensors", flipped),
    "state empty": ("checkpoints/*/state.safetensors", emptied),
    "state missing": ("checkpoints/*/state.safetensors", missing),
    "memory flipped": ("checkpoints/*/memory.json", flipped),
    "manifest cut": ("checkpoints/*/manifest.json", cut),
    "manifest of nothing": ("checkpoints/*/manifest.json", holding("{}")),
    "record cut": ("run.json", cut),
    "record empty": ("run.json", emptied),
    "record no text": ("run.json", no_text),
    "record a list": ("run.json", holding("[1]")),
    "record without data": ("run.json", holding('{"status": "completed"}')),
    "record of other types": ("run.json", holding('{"status": "completed", "data": 3}')),
    "record of other rows": ("run.json", holding('{"status": "completed", "data": {"train_rows": "many"}}')),
    "features cut": ("features.json", cut),
    "features no text": ("features.json", no_text),
    "features a list": ("features.json", holding("[]")),
    "features empty": ("features.json", holding("{}")),
    "config missing": ("config.yaml", missing),
}


@pytest.mark.parametrize("command", ["eval", "embed", "sample", "score"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_exit_4_and_names_the_file(runs, damage, command):
    pattern, spoil = DAMAGES[damage]
    run = Path(shutil.copytree(runs.dense, "run"))
    for path in run.glob(pattern):
        spoil(path)
    err = refused(*on(command, run), code=4)
    assert re.search(rf"error: run/{pattern.replace('*', '[0-9]+')}(:[0-9]+)?: damaged", err), err
    assert not Path("x.npy").exists()


@pytest.mark.parametrize(
    "damage", ["state flipped", "manifest of nothing", "record cut", "record of other types", "config missing"]
)
def test_resume_of_a_damaged_run_is_exit_4_and_changes_nothing(runs, damage):
    pattern, spoil = DAMAGES[damage]
    run = Path(shutil.copytree(runs.dense, "run"))
    for path in run.glob(pattern):
        spoil(path)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert "damaged" in refused("resume", run, "training.epochs=3", code=4)
    assert {path: path.read_bytes() for path in before} == before


def test_a_damaged_log_is_exit_4_with_its_line(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text("".join([lines[0], "{" + lines[1][1:-3] + "!!\n", *lines[2:]]))
    assert "error: run/metrics.jsonl:2: damaged" in refused("resume", run, "training.epochs=3", code=4)


def test_the_last_whole_checkpoint_stands_in_for_a_damaged_one_with_a_warning(runs):
    run = Path(shutil.copytree(runs.gaussian, "run"))
    first, last = sorted((run / "checkpoints").iterdir(), key=lambda path: int(path.name))
    flipped(last / "state.safetensors")
    found = done("eval", run, "--checkpoint", "last", "--split", "validation", "--json")
    assert f"warning: the checkpoint of step {last.name} is damaged and left out" in found.err
    older = done("eval", runs.gaussian, "--checkpoint", first.name, "--split", "validation", "--json")
    assert found.json["metrics"] == older.json["metrics"]
    assert "damaged" in refused("eval", run, "--checkpoint", last.name, code=4)


@pytest.mark.parametrize(("file", "command"), [("anomaly.npz", "score"), ("mixture.npz", "sample")])
def test_what_a_task_kept_and_was_damaged_is_exit_4_and_says_how_to_go_on(runs, file, command):
    run = Path(shutil.copytree(runs.dense, "run"))
    done(*on(command, run))
    flipped(run / file)
    assert f"error: run/{file}: damaged" in refused(*on(command, run), code=4)
    (run / file).unlink()
    done(*on(command, run))


def test_the_config_of_a_run_that_was_edited_into_nonsense(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("batch_size: 256", "batch_size: many"))
    assert re.search(r"error: run/config\.yaml:\d+:15: 'batch_size' must be a whole number", refused("eval", run))
    (run / "config.yaml").write_text(text.replace("widths: [8]", "widths: [9]"))
    assert "does not fit this checkpoint" in refused("eval", run)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_config_of_a_run_that_was_edited_into_another_kind_of_model(runs, command):
    run = Path(shutil.copytree(runs.table, "run"))
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["model"]["encoder"] = {"kind": "conv"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    err = refused(*on(command, run, *(["training.epochs=70"] if command == "resume" else [])))
    assert re.search(r"^error: run/config\.yaml:\d+:\d+: ", err, re.MULTILINE), err
    assert "conv" in err


def test_data_that_changed_since_training_is_refused(runs):
    run = Path(shutil.copytree(runs.table, "run"))
    shutil.copy(runs.csv, "people.csv")
    text = (run / "config.yaml").read_text().replace(str(runs.csv), "people.csv")
    (run / "config.yaml").write_text(text)
    done("eval", run)
    with Path("people.csv").open("a") as file:
        file.write("tall,180,80,40,p999\n")
    for command in ("eval", "embed", "score"):
        assert "people.csv is not the data" in refused(*on(command, run))
    assert "people.csv is not the data" in refused("resume", run, "training.epochs=70")
    Path("people.csv").unlink()
    for command in ("eval", "embed", "score"):
        assert "no file 'people.csv'" in refused(*on(command, run))
    done(*on("embed", run, "--data", runs.csv))


HEAD = ",".join(COLUMNS)
ROWS = {
    "other.csv": ("table", b"height,weight,size\n1,2,3\n", "other.csv: the run's column 'age' is missing"),
    "fewer.csv": ("table", b"height,weight\n1,2\n", "fewer.csv: the run's column 'age' is missing"),
    "narrow.csv": ("table", b"1,2\n3,4\n", "rows have shape 2, but the run was trained on 3"),
    "ragged.csv": ("table", f"{HEAD}\n1,2,3\n1,2\n".encode(), "ragged.csv:3: row 2 has 2 cells"),
    "word.csv": ("table", f"{HEAD}\n1,2,3\n1,tall,3\n".encode(), "word.csv:3: row 2, column 'weight'"),
    "header.csv": ("table", f"{HEAD}\n".encode(), "header.csv: x has no rows"),
    "empty.csv": ("table", b"", "empty.csv: the file is empty"),
    "wide.npy": ("table", npy_bytes(np.zeros((5, 4))), "rows have shape 4, but the run was trained on 3"),
    "none.npy": ("table", npy_bytes(np.zeros((0, 3))), "none.npy: x has no rows"),
    "no_images.npy": ("dense", npy_bytes(np.zeros((0, 8, 8), np.uint64)), "no_images.npy: x has no rows"),
    "images.npy": ("table", npy_bytes(np.zeros((5, 8, 8), np.uint8)), "rows have shape 8 x 8 x 1"),
    "large.npy": (
        "dense",
        npy_bytes(np.zeros((5, 9, 9))),
        "rows have shape 9 x 9 x 1, but the run was trained on 8 x 8 x 1",
    ),
    "flat.npy": ("dense", npy_bytes(np.zeros((5, 63))), "rows have shape 63, but the run was trained on 8 x 8 x 1"),
    "nan.npy": ("dense", npy_bytes(np.full((5, 64), np.nan)), "nan.npy: x: 320 values are not finite: row 1, pixel"),
    "pickle.npy": ("dense", npy_bytes(np.array([[None]])), "pickle.npy: the file holds Python objects"),
    "what.txt": ("dense", b"1,2\n", "'what.txt' ends like no file that is read here"),
}


@pytest.mark.parametrize("command", ["eval", "embed", "reconstruct", "score"])
@pytest.mark.parametrize("name", ROWS)
def test_rows_that_do_not_fit_a_run_are_refused(runs, name, command):
    run, content, message = ROWS[name]
    Path(name).write_bytes(content)
    err = refused(*on(command, getattr(runs, run), "--data", name))
    assert message in err, err
    assert not Path("x.npy").exists()


def test_a_record_of_strange_json_is_still_one_message(runs):
    run = Path(shutil.copytree(runs.dense, "run"))
    (run / "run.json").write_text(json.dumps({"a": 1}) * 2)
    assert refused("eval", run, code=4).count("error: ") == 1


def test_latest_passes_over_a_run_that_cannot_be_read_and_says_so(runs, tmp_path):
    root = tmp_path / "runs"
    good = root / "a" / "20200101-000000-aaaaaa"
    shutil.copytree(runs.dense, good)
    bad = root / "a" / "20200102-000000-bbbbbb"
    shutil.copytree(runs.dense, bad)
    shutil.rmtree(bad / "checkpoints")
    record = json.loads((bad / "run.json").read_text())
    (bad / "run.json").write_text(json.dumps({**record, "status": "diverged"}))
    said = f"latest is {good} here: the newest run, {bad}, has no checkpoint"
    for command in (["eval"], ["embed", "-o", "x.npy"]):
        found = done("--quiet", *command, "latest", "--runs", root, "--json")
        assert found.json["run"] == str(good)
        assert found.err == f"warning: {said}\n"
    assert str(bad) in done("runs", "show", "latest", "--output", root).out
    (bad / "run.json").write_text(json.dumps({**record, "status": "completed"}))
    stopped = json.loads((good / "run.json").read_text())
    (good / "run.json").write_text(json.dumps({**stopped, "status": "stopped"}))
    found = done("--quiet", "resume", "latest", "--runs", root)
    assert found.out == f"{good}\n"
    assert found.err == f"warning: latest is {good} here: the newest run, {bad}, is complete\n"
