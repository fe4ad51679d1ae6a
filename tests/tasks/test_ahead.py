"""What is made ready while rows are read: the very programs that the training asks for, or none of its business."""

from __future__ import annotations

import json

import numpy as np
import pytest

import aecli
from aecli.data.dataset import load as load_data
from aecli.experiment import load
from aecli.tasks.ahead import _path, _remembered, ahead, remember
from aecli.training.devices import compiled
from aecli.training.program import Program, program

CONFIG = {
    "data": {"source": "digits"},
    "model": {"encoder": {"widths": [7]}, "bottleneck": {"size": 3}},
    "training": {"epochs": 1},
}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AECLI_CACHE", str(tmp_path / "cache"))


def test_nothing_is_known_of_data_never_seen():
    assert _remembered(load(CONFIG).experiment) is None


def test_a_table_s_layout_is_remembered_as_it_is(tmp_path):
    rows = "\n".join(f"{i % 7},{'abc'[i % 3]},{'' if i == 5 else i}" for i in range(60))
    (tmp_path / "t.csv").write_text(f"a,b,c\n{rows}\n")
    experiment = load({**CONFIG, "data": {"source": str(tmp_path / "t.csv")}}).experiment
    dataset = load_data(experiment.data)
    remember(experiment, dataset)
    assert _remembered(experiment) == (dataset.features.layout(), len(dataset.train))
    assert dataset.features.layout().mixed
    other = load({**CONFIG, "data": {"source": "digits"}}).experiment
    assert _remembered(other) is None


def test_the_programs_are_there_when_the_rows_are(monkeypatch):
    loaded = load(CONFIG)
    dataset = load_data(loaded.experiment.data)
    remember(loaded.experiment, dataset)
    ahead(loaded).join()
    made: Program = program(loaded.experiment, dataset.features.layout(), len(dataset.train))
    for part in (made.init, made.bits, made.chunk):
        assert len(part._made) == 1
    before = compiled()
    monkeypatch.setattr(Program, "steps", property(lambda self: pytest.fail("traced")))
    made.order(np.uint32(0), np.int32(3))
    assert compiled().since(before).misses == 0


@pytest.mark.parametrize(
    "known", ["no JSON", "{}", '{"layout": {"shape": [64], "other": 1}, "rows": 3, "place": "device"}']
)
def test_a_memory_that_is_none_does_no_harm(known):
    experiment = load(CONFIG).experiment
    path = _path(experiment)
    path.parent.mkdir(parents=True)
    path.write_text(known)
    assert _remembered(experiment) is None


def test_another_number_of_rows_than_last_time_is_trained_all_the_same(tmp_path):
    expected = aecli.train(CONFIG, output=tmp_path / "a").evaluate()["metrics"]
    path = _path(load(CONFIG).experiment)
    known = json.loads(path.read_text())
    path.write_text(json.dumps(known | {"rows": known["rows"] - 100, "layout": known["layout"] | {"shape": [64, 1]}}))
    found = aecli.train(CONFIG, output=tmp_path / "b").evaluate()["metrics"]
    assert found == expected
    assert json.loads(path.read_text()) == known
