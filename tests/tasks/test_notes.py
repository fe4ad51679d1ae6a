"""What anomaly detection says unasked: labels that say nothing, columns that begin to move."""

from __future__ import annotations

import numpy as np
import pytest

from aecli.tasks.anomaly import fit, judge
from aecli.training.trained import open_trained

QUICK = ["training.epochs=2", "model.encoder.widths=[8]", "model.bottleneck.size=2"]


def table(path, labels=(), constant=7.0, rows=200, seed=0):
    rng = np.random.default_rng(seed)
    lines = ["a,b,c,still" + (",state" if len(labels) else "")]
    for i in range(rows):
        cells = [*map(repr, rng.normal(size=3).tolist()), repr(constant)]
        lines.append(",".join([*cells, *([labels[i % len(labels)]] if len(labels) else [])]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(name="fitted")
def _fitted(tmp_path):
    def make(*overrides, labels=()):
        result, calibration = fit(table(tmp_path / "x.csv", labels), [*QUICK, *overrides], output=tmp_path)
        return open_trained(result.run), calibration

    return make


def test_text_labels_that_name_no_class_are_pointed_out(fitted):
    _, calibration = fitted("data.label=state", labels=("fine", "broken"))
    assert any("data.classes=" in text and "broken" in text for text in calibration.notes)
    _, calibration = fitted("data.label=state", "data.classes=[fine]", labels=("fine", "broken"))
    assert not any("data.classes=" in text for text in calibration.notes)


def test_without_labels_it_is_said_that_all_were_taken_for_normal(fitted):
    _, calibration = fitted()
    assert any("taken for normal" in text for text in calibration.notes)


def test_a_constant_column_that_moves_is_named(fitted, tmp_path):
    trained, _ = fitted()
    assert judge(trained, table(tmp_path / "same.csv", seed=1)).notes == ()
    moved = judge(trained, table(tmp_path / "moved.csv", constant=8.0, seed=1))
    assert any("still" in text for text in moved.notes)
