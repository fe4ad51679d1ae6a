from __future__ import annotations

import pytest

from aecli.config.problems import DamagedError
from aecli.runs.compare import compare
from aecli.runs.details import details
from aecli.runs.listing import MISSING
from tests.runs.made import made, size

A, B, C = (f"a/20260101-12000{i}-aa000{i}" for i in range(3))


def sections(*runs):
    return {section.name: section for section in compare(runs)}


def rows(section):
    return {row.key: row.values for row in section.rows}


def test_only_what_differs_is_told_and_the_rest_counted(tmp_path):
    found = sections(made(tmp_path, A, size(2)), made(tmp_path, B, size(3)))
    assert list(found) == ["config", "data", "metrics", "timings", "environment"]
    assert rows(found["config"]) == {"model.bottleneck.size": (2, 3)}
    assert found["config"].equal > 30
    assert [found[name].rows for name in ("data", "timings", "environment")] == [(), (), ()]
    assert (found["data"].equal, found["timings"].equal) == (3, 2)


def test_measures_have_differences_to_the_first_run(tmp_path):
    first = {"mse": 4.0, "zero": 0.0, "same": 1, "only": 1.0, "elbo": -10.0}
    second = {"mse": 5.0, "zero": 1.0, "same": 1, "elbo": -8.0}
    metrics = [first, second, {"mse": 3.0, "zero": 0.0, "same": 1.0, "elbo": None}]
    found = sections(*(made(tmp_path, name, metrics=each) for name, each in zip((A, B, C), metrics, strict=True)))
    by_key = {row.key: row for row in found["metrics"].rows}
    assert list(by_key) == ["mse", "zero", "only", "elbo"]
    assert found["metrics"].equal == 1
    assert by_key["mse"].differences == (1.0, -1.0)
    assert by_key["mse"].percents == (25.0, -25.0)
    assert (by_key["zero"].differences, by_key["zero"].percents) == ((1.0, 0.0), (None, None))
    assert (by_key["only"].values, by_key["only"].differences) == ((1.0, MISSING, MISSING), (None, None))
    assert (by_key["elbo"].differences, by_key["elbo"].percents) == ((2.0, None), (20.0, None))
    assert by_key["only"].to_dict()["values"] == [1.0, None, None]


def test_environment_and_data_are_compared(tmp_path):
    one = made(tmp_path, A)
    two = made(
        tmp_path,
        B,
        device="cuda:0",
        packages={"jax": "0.11"},
        git={"commit": None, "dirty": False},
        data={"sha256": "11"},
    )
    found = sections(one, two)
    expected = {"device": ("cpu:0", "cuda:0"), "packages.jax": ("0.10.2", "0.11"), "git.commit": ("abc", None)}
    assert rows(found["environment"]) == expected
    assert rows(found["data"]) == {
        "source": ("digits", MISSING),
        "sha256": ("00ff", "11"),
        "shape": ([8, 8, 1], MISSING),
    }
    assert not found["environment"].rows[0].differences


def test_parts_of_other_kinds_and_lists_are_compared_by_key(tmp_path):
    one = made(tmp_path, A, {"objective": {"penalties": [{"kind": "code_l1", "weight": 0.5}]}})
    two = made(tmp_path, B, {"model": {"encoder": {"widths": [8, 4]}}})
    found = rows(sections(one, two)["config"])
    assert found["objective.penalties.0.kind"] == ("code_l1", MISSING)
    assert found["objective.penalties"] == (MISSING, [])
    assert found["model.encoder.widths"] == ([8], [8, 4])


def test_true_is_not_one(tmp_path):
    found = sections(made(tmp_path, A, metrics={"a": True}), made(tmp_path, B, metrics={"a": 1}))
    assert rows(found["metrics"]) == {"a": (True, 1)}


@pytest.mark.parametrize("read", [lambda run: compare([run, run]), details])
@pytest.mark.parametrize(("file", "text"), [("run.json", "{"), ("run.json", None), ("config.yaml", None)])
def test_a_damaged_run_is_told(tmp_path, read, file, text):
    run = made(tmp_path, A)
    (run.path / file).unlink() if text is None else (run.path / file).write_text(text)
    with pytest.raises(DamagedError, match=f"{file}"):
        read(run)


def test_metrics_of_another_type_are_a_damage(tmp_path):
    run = made(tmp_path, A, metrics=[1])
    with pytest.raises(DamagedError, match="its metrics are no mapping"):
        compare([run, run])


def test_details_count_checkpoints_and_files(tmp_path):
    run = made(tmp_path, A, size(2), metrics={"mse": 0.5}, units={"mse": "per feature"})
    for step, count in ((20, 3), (3, 5)):
        (run.checkpoints / str(step)).mkdir(parents=True)
        (run.checkpoints / str(step) / "state").write_bytes(b"x" * count)
    (run.checkpoints / ".tmp-1").mkdir()
    (run.checkpoints / ".tmp-1" / "state").write_bytes(b"x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "large").write_bytes(b"x" * 1000)
    (run.path / "link").symlink_to(outside)
    found = details(run)
    assert found["checkpoints"] == [{"step": 3, "bytes": 5}, {"step": 20, "bytes": 3}]
    assert [file["path"] for file in found["files"]] == [
        "checkpoints/.tmp-1/state", "checkpoints/20/state", "checkpoints/3/state", "config.yaml", "run.json",
    ]  # fmt: skip
    assert found["bytes"] == sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    assert found["config"]["model"]["bottleneck"]["size"] == 2
    assert (found["metrics"], found["units"]) == ({"mse": 0.5}, {"mse": "per feature"})
    assert found["provenance"]["argv"] == ["aecli", "train", "c.yaml"]
