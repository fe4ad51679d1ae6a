"""Results in blocks: the same bytes for any size of block, ids and other columns kept, unseen categories noticed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyarrow.csv import read_csv as csv_table

import aecli
from aecli.config.problems import UserError
from aecli.data import dataset as data
from aecli.evaluation import moments
from aecli.tasks.anomaly import judge
from aecli.tasks.embed import write_embedding
from aecli.tasks.reconstruct import write_reconstruction
from aecli.training import trained as module

N = 900
KINDS = np.array(["red", "green", "blue"])


def write(path: Path, n: int = N, seed: int = 0) -> Path:
    """A table in which the category decides the numbers; a hole here and there."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["key", "a", "b", "kind", "day", "ok", "note"])
        for i in range(n):
            k = rng.integers(3)
            a = "" if i % 11 == 0 else f"{10 * k + rng.normal():.4f}"
            note = "=1+1" if i == 3 else f"free, {i}"
            row = [f"r{i}", a, f"{k + 0.1 * rng.normal():.4f}", KINDS[k], f"2024-0{1 + k}-1{i % 9}"]
            out.writerow([*row, "yes" if k else "no", note])
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    config = {
        "name": "mixed",
        "data": {"source": str(write(folder / "train.csv")), "id": "key"},
        "model": {"encoder": {"kind": "mlp", "widths": [16]}, "bottleneck": {"kind": "dense", "size": 3}},
        "training": {"epochs": 60, "batch_size": 64, "optimizer": {"kind": "adam", "learning_rate": 0.01}},
    }
    write(folder / "new.csv", 700, seed=1)
    return aecli.train(config, output=folder / "runs", figures=False), folder


def sized(monkeypatch, size):
    """Blocks of this many rows."""
    own = module.Trained.blocks
    monkeypatch.setattr(module.Trained, "blocks", lambda self, data, split=None: own(self, data, split, size))


@pytest.mark.parametrize("data", ["new.csv", None])
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_files_are_the_same_bytes_for_any_block(run, tmp_path, monkeypatch, data, suffix):
    model, source = run[0].trained, data and str(run[1] / data)
    found = {}
    for size in (1 if data is None else 97, 512, 10**6):
        with monkeypatch.context() as patch:
            sized(patch, size)
            names = {"embed": write_embedding, "score": judge}
            if suffix != ".npz":  # an array holds no categories
                names["reconstruct"] = write_reconstruction
            else:
                names.pop("score")
            for name, task in names.items():
                path = tmp_path / f"{name}{size}{suffix}"
                if name == "score":
                    judge(model, source, output=path)
                else:
                    task(model, path, source)
                found.setdefault(name, set()).add(path.read_bytes())
    assert all(len(ways) == 1 for ways in found.values()), {name: len(ways) for name, ways in found.items()}


def test_ids_and_carried_columns_stand_beside_every_result(run, tmp_path):
    model, source = run[0].trained, str(run[1] / "new.csv")
    judge(model, source, output=tmp_path / "scores.csv")
    write_embedding(model, tmp_path / "codes.csv", source)
    write_reconstruction(model, tmp_path / "rows.csv", source)
    heads = {
        "scores.csv": ["id", "score", "p_value", "is_anomaly", "note"], "codes.csv": ["id", "note", "z0", "z1", "z2"],
        "rows.csv": ["key", "a", "b", "kind", "day", "ok", "note"],
    }  # fmt: skip
    for name, head in heads.items():
        with (tmp_path / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == head
        assert [row[head[0]] for row in rows] == [f"r{i}" for i in range(700)]
        assert rows[3]["note"] == "'=1+1"  # not a formula, when a spreadsheet opens it
        assert rows[4]["note"] == "free, 4"


def test_a_reconstruction_has_the_columns_and_kinds_of_its_data(run, tmp_path):
    model, source = run[0].trained, run[1] / "new.csv"
    write_reconstruction(model, tmp_path / "rows.csv", str(source))
    with (tmp_path / "rows.csv").open(newline="") as a, source.open(newline="") as b:
        made, given = list(csv.DictReader(a)), list(csv.DictReader(b))
    assert np.mean([m["kind"] == g["kind"] for m, g in zip(made, given, strict=True)]) > 0.98
    assert (
        np.mean([m["ok"] == {"yes": "true", "no": "false"}[g["ok"]] for m, g in zip(made, given, strict=True)]) > 0.98
    )
    months = [np.datetime64(m["day"]).astype("datetime64[M]") for m in made]
    assert np.mean([str(m) == g["day"][:7] for m, g in zip(months, given, strict=True)]) > 0.8
    a = np.array([[float(m["a"]), float(g["a"])] for m, g in zip(made, given, strict=True) if g["a"]])
    assert np.corrcoef(a.T)[0, 1] > 0.95


def test_unseen_categories_score_high_and_drift_is_told(run, tmp_path):
    model = run[0].trained
    lines = (run[1] / "new.csv").read_text().splitlines()
    head, rows = lines[0], [line.split(",", 5) for line in lines[1:]]
    for row in rows[:5]:
        row[3] = "ultraviolet"
    for row in rows:
        row[1] = "" if row[1] == "" else str(float(row[1]) + 100)
    (tmp_path / "odd.csv").write_text("\n".join([head, *map(",".join, rows)]) + "\n")
    verdict = judge(model, str(tmp_path / "odd.csv"))
    said = " ".join(verdict.notes)
    assert "categories that training did not know: kind (0.7% of its cells)" in said
    assert "another mean than in training: a (" in said
    by_column = {entry["column"]: entry for entry in verdict.drift}
    assert by_column["kind"]["unknown"] == pytest.approx(5 / 700)
    assert by_column["a"]["mean"] == pytest.approx(np.mean([float(r[1]) for r in rows if r[1]]), rel=1e-5)
    assert by_column["a"]["missing"] == pytest.approx(np.mean([not r[1] for r in rows]))

    plain = [line.split(",", 5) for line in lines[1:]]
    for row in plain[:5]:
        row[3] = "ultraviolet"
    (tmp_path / "unseen.csv").write_text("\n".join([head, *map(",".join, plain)]) + "\n")
    scores = judge(model, str(tmp_path / "unseen.csv")).scores
    assert (scores[:5] > np.quantile(scores, 0.97)).all()


def test_columns_in_another_order_are_the_same_rows(run, tmp_path):
    source = run[1] / "new.csv"
    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    order = ["ok", "b", "key", "day", "note", "a", "kind"]
    with (tmp_path / "shuffled.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, order)
        out.writeheader()
        out.writerows(rows)
    np.testing.assert_array_equal(run[0].embed(str(tmp_path / "shuffled.csv")), run[0].embed(str(source)))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_file_is_evaluated_block_by_block_to_the_same_bits(run, tmp_path, monkeypatch, ending):
    """Neither all of its rows are read at once, nor are they spooled; drift and notes are those of all rows."""
    table = csv_table(str(run[1] / "new.csv"))
    path = tmp_path / f"new{ending}"
    pq.write_table(table, path) if ending == ".parquet" else path.write_bytes((run[1] / "new.csv").read_bytes())
    monkeypatch.setattr(data, "read_rows", pytest.fail)
    monkeypatch.setattr(module, "read_rows", pytest.fail)
    found = []
    for batches in (1, 16):
        monkeypatch.setattr(moments, "BATCHES", batches)
        found.append(repr(run[0].evaluate(str(path), metrics=["reconstruction", "likelihood"])))
    assert found[0] == found[1]
    assert "'examples': 700" in found[0]


def test_a_streamed_split_is_evaluated_like_one_in_memory(run, tmp_path, monkeypatch):
    monkeypatch.setattr(moments, "BATCHES", 1)
    config = run[0].experiment.model_dump(mode="json")
    config["training"]["epochs"] = 1
    found = []
    for residency in ("host", "streamed"):
        config["data"]["residency"] = residency
        made = aecli.train(config, output=tmp_path / residency, figures=False)
        found.append({**made.evaluate(split="train"), "run": None})
    assert found[0]["examples"] > 512
    assert repr(found[0]) == repr(found[1])


def test_a_file_of_nothing_but_holes_is_not_evaluated(run, tmp_path):
    lines = (run[1] / "new.csv").read_text().splitlines()
    (tmp_path / "empty.csv").write_text("\n".join([lines[0], *["x,,,,,,"] * 5]) + "\n")
    with pytest.raises(UserError, match="nothing but holes"):
        run[0].evaluate(str(tmp_path / "empty.csv"))


def test_a_streamed_run_is_the_run_in_memory(run, tmp_path):
    """Training, checkpoint and metrics to the byte."""
    config = run[0].experiment.model_dump(mode="json")
    config["training"]["epochs"] = 3
    runs = []
    for residency in ("device", "host", "streamed"):
        config["data"]["residency"] = residency
        runs.append(aecli.train(config, output=tmp_path / residency, figures=False))
    first = runs[0]
    for other in runs[1:]:
        assert (other.path / "metrics.jsonl").read_bytes() == (first.path / "metrics.jsonl").read_bytes()
        assert (other.path / "features.json").read_bytes() == (first.path / "features.json").read_bytes()
        step = sorted((first.path / "checkpoints").iterdir())[-1].name
        for file in (first.path / "checkpoints" / step).glob("*.safetensors"):
            assert (other.path / "checkpoints" / step / file.name).read_bytes() == file.read_bytes()
        assert other.record["metrics"] == first.record["metrics"]


def test_a_row_of_holes_scores_as_usual(run, tmp_path):
    """What is not known is charged what is usual: else the emptiest rows were the most normal ones."""
    model = run[0].trained
    lines = (run[1] / "new.csv").read_text().splitlines()
    (tmp_path / "empty.csv").write_text("\n".join([*lines, "last,,,,,,"]) + "\n")
    verdict = judge(model, str(tmp_path / "empty.csv"))
    assert verdict.scores[-1] == pytest.approx(float(model_usual(verdict)), rel=1e-5)
    assert 0.2 < verdict.p_values[-1] < 0.9
    assert any("1 rows are known in less than half" in note for note in verdict.notes)


def model_usual(verdict):
    return verdict.calibration.usual.sum()


def test_the_truth_is_that_of_the_file_not_of_a_block(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    np.savez(tmp_path / "train.npz", X=x, y=np.zeros(300, int))
    config = {
        "name": "zeros", "data": {"source": str(tmp_path / "train.npz")},
        "model": {"encoder": {"kind": "mlp", "widths": [8]}, "bottleneck": {"kind": "dense", "size": 2}},
        "training": {"epochs": 1},
    }  # fmt: skip
    model = aecli.train(config, output=tmp_path / "runs", figures=False).trained
    odd = np.r_[x[:200], 5 * x[:100]]
    np.savez(tmp_path / "sorted.npz", X=odd, y=np.r_[np.zeros(200, int), np.ones(100, int)])
    expected = judge(model, str(tmp_path / "sorted.npz")).summary()["roc_auc"]
    assert expected > 0.8
    sized(monkeypatch, 64)
    assert judge(model, str(tmp_path / "sorted.npz")).summary()["roc_auc"] == expected
    np.savez(tmp_path / "three.npz", X=odd, y=np.arange(300) // 100)
    assert judge(model, str(tmp_path / "three.npz")).summary()["roc_auc"] is None
