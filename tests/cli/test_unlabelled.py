"""A partly labelled table through every command that reads labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.cli.command import done, written
from tests.cli.test_outputs import table

CONFIG = """
name: t/partly
data: {{source: {path}, label: state, split: {{validation: 0.3, test: 0.3}}{classes}}}
model: {{encoder: {{widths: [8]}}, bottleneck: {{size: 1}}}}
training: {{epochs: 20, batch_size: 32}}
anomaly: {{false_positive_rate: 0.1}}
"""


def rows(words: tuple[str, str, str], n: int = 300) -> str:
    """Of each three rows one is normal, one is far away, and one, of either, has no label."""
    rng = np.random.default_rng(0)
    odd = np.array([(i // 3) % 2 if i % 3 == 2 else i % 3 for i in range(n)])
    first = rng.normal(size=n)
    x = np.stack([first, first + rng.normal(size=n) / 9 + 6 * odd, -first], axis=1)
    lines = [",".join([*map(str, row), words[i % 3]]) for i, row in enumerate(x)]
    return "\n".join(["a,b,c,state", *lines]) + "\n"


@pytest.mark.parametrize(
    ("words", "classes"), [(("normal", "odd", ""), ", classes: [normal]"), (("0", "1", "NA"), "")], ids=["named", "0/1"]
)
@pytest.mark.parametrize("residency", ["host", "streamed"])
def test_a_partly_labelled_table(words, classes, residency):
    data = written(rows(words), "t.csv")
    config = written(CONFIG.format(path=data, classes=f"{classes}, residency: {residency}"), "c.yaml")
    fit = done("anomaly", "fit", config)
    assert "rows are unlabelled" in fit.err
    assert ("unlabelled held-out rows are left out" in fit.err) == (not classes)
    run = fit.last
    report = done("anomaly", "score", run, "--data", data, "--output", "s.csv", "--json").json
    found = table("s.csv")
    label, score = np.array(found["label"]), np.array(found["score"], float)
    assert label.tolist() == [("" if i % 3 == 2 else words[i % 3]) for i in range(300)]
    known = label != ""
    assert report["roc_auc"] == pytest.approx(roc_auc_score(label[known] == words[1], score[known]), abs=1e-6)
    assert report["rows"] == 300
    assert any("100 unlabelled rows are left out of roc_auc" in note for note in report["notes"])
    told = done("eval", run, "--data", data, "--metrics", "representation", "--json").json
    assert any("leaves out 100 unlabelled evaluated rows" in note for note in told["notes"])
    assert 0 <= told["metrics"]["kmeans_accuracy"] <= 1
    assert ("knn_accuracy" in told["metrics"]) == (not classes)
    done("embed", run, "--data", data, "--output", "z.csv")
    assert table("z.csv")["label"] == label.tolist()
    done("report", run)


def test_rows_without_any_label_are_scored():
    config = written(CONFIG.format(path=written(rows(("0", "1", "0")), "t.csv"), classes=""), "c.yaml")
    run = done("anomaly", "fit", config).last
    report = done("anomaly", "score", run, "--data", written(rows(("", "NA", "?")), "u.csv"), "--json").json
    assert report["roc_auc"] is None
    assert report["rows"] == 300
