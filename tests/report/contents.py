"""Reports without runs: what a page shows, made of small arrays, and of names that want to be markup."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aecli.report.html.content import (
    Anomalies,
    CodeMap,
    Colouring,
    Columns,
    Examples,
    Row,
    RunContent,
    Sheet,
    Suspect,
    Walk,
    WorstRows,
)

EVIL = (
    "<script>window.hacked=1</script>",
    "</script><img src=x onerror=window.hacked=1>",
    "\"' onmouseover=window.hacked=1 x='",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.hacked=1//\x1b[31m",
    "\udcff bytes that are no UTF-8",
    "line\u2028separator, \u0000 & <!-- \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
)
METRICS = {
    "metrics": {"mse": 0.0123, "psnr": 19.1, "elbo": -101.5, "loss": 12.0, "odd": None},
    "units": {"mse": "squared error per feature", "psnr": "dB, peak 1", "elbo": "nats", "loss": "sum", "odd": "none"},
    "stderr": {"mse": 0.0004},
    "examples": 200,
    "notes": ["a note"],
}
RECORD = {
    "status": "completed", "exit_reason": None, "seed": 0, "python": "3.11", "platform": "Linux", "device": "cpu:0",
    "argv": ["/opt/bin/aecli", "train", "c.yaml", "data.classes=[0, 1]"], "packages": {"aecli": "0.1", "jax": "0.10"},
    "git": {"commit": "abc123", "dirty": True}, "started": "2026-01-01T00:00:00+00:00",
    "data": {"source": "digits", "sha256": "ab" * 32, "train_rows": 100, "validation_rows": 10, "test_rows": 200},
    "timings": {"compile_seconds": 0.5, "train_seconds": 75.0, "examples_per_second": 1234.5},
}  # fmt: skip
CONFIG = {
    "name": "t/one",
    "data": {"source": "digits", "scale": "none"},
    "objective": {"reconstruction": {"kind": "bernoulli"}, "penalties": [{"kind": "code_l1", "weight": 0.1}]},
    "model": {"bottleneck": {"kind": "dense", "size": 2}},
}


def uniform(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).random(shape)


def code_map(
    n: int = 300, *, labels: tuple[str, ...] = ("ankle boot", "bag", "coat"), pictures: bool = True
) -> CodeMap:
    rng = np.random.default_rng(n)
    kind = rng.integers(0, len(labels), n)
    points = rng.normal(size=(n, 2)) + 5 * np.stack([np.cos(2 * kind), np.sin(2 * kind)], axis=1)
    counts = np.bincount(kind, minlength=len(labels)).tolist()
    sample = np.unique(np.linspace(0, n - 1, min(n, 100)).astype(int))
    return CodeMap(
        points.astype(np.float32), ("unit 0", "unit 1"), "A map.", [f"row-{i}" for i in range(n)],
        [
            Colouring("label", "classes", kind.astype(np.uint8), labels, counts),
            Colouring("height", "scale", rng.integers(0, 256, n).astype(np.uint8), low=1.5, high=2.5),
        ],
        sample, uniform(len(sample), 6, 5, 1) if pictures else None,
        {} if pictures else {"weight": [f"{i}.5" for i in sample]},
    )  # fmt: skip


def anomalies(n: int = 200, *, truth: bool = True) -> Anomalies:
    scores = np.random.default_rng(1).gamma(2.0, size=n)
    areas = {"roc_auc": 0.75, "average_precision": 0.5}
    summary = {
        "rows": n, "score": "reconstruction", "threshold": 4.0, "false_positive_rate": 0.01, "calibration_rows": 50,
        "flagged": 7, "expected_flags": 2.0, **areas, "baselines": {"z_norm": {**areas, "flagged": 3}}, "notes": [],
    }  # fmt: skip
    suspects = [Suspect(Row(str(i), "4"), 9.0 - i, 0.02, True, truth, "", uniform(6, 5, 1)) for i in range(5)]
    known = scores > np.median(scores) if truth else None
    return Anomalies("reconstruction", "test", scores, known, {"z_norm": scores[::-1]}, summary, suspects)


def curves(epochs: int = 5) -> dict:
    number = np.arange(1, epochs + 1)
    lines = {"train": (number, 10.0 / number), "validation": (number, np.where(number == 2, np.nan, 12.0 / number))}
    return {"loss": lines, "penalties.0.code_l1": lines}


def images(**changes) -> RunContent:
    """A run on images with every section."""
    rows = [Row(str(i), "ankle boot") for i in range(4)]
    found = RunContent(
        name="t/one", stamp="20260101-000000-abcdef", summary=[("data", "digits"), ("code", "2 units")],
        record=RECORD, config=CONFIG, yaml="name: t/one\n", split="test", step=70, metrics=METRICS, curves=curves(),
        units={"loss": "weighted sum of the terms, mean over examples"}, best_epoch=5,
        examples=[Examples("Evenly", rows, uniform(4, 6, 5, 1), uniform(4, 6, 5, 1), uniform(4, 6, 5, 1))],
        samples=[Sheet(uniform(9, 6, 5, 3), 3, f"9 {name}") for name in ("draws", "others")],
        plane=Sheet(uniform(4, 6, 5, 1), 2, "The plane"),
        walks=[Walk(1, -1.5, 2.0, uniform(5, 6, 5, 1))], walk_note="Every unit.", code_map=code_map(),
        anomalies=anomalies(),
    )  # fmt: skip
    return replace(found, **changes)


def table(**changes) -> RunContent:
    """A run on a table, without labels that tell anomalies."""
    names = ["height", "weight", "constant"]
    data, drawn = uniform(50, 3) * [1, 1, 0], uniform(40, 3)
    found = images(
        examples=[], samples=[], plane=None, anomalies=anomalies(truth=False), code_map=code_map(pictures=False),
        worst=WorstRows("squared error", [Row("p1", "tall")], [1.25], [[("height", "1.8", "1.7")]]),
        columns=Columns(
            names, list(data.T), list(drawn.T), ["R² 0.900", "R² -0.100", "constant"], list(drawn.T[::-1]),
            ("draws", "others"),
        ),
        walks=[Walk(0, -1.0, 1.0, cells=[("height", "1.6", "1.9")])],
    )  # fmt: skip
    return replace(found, **changes)


def bare(**changes) -> RunContent:
    """A run of which nothing can be drawn."""
    found = images(
        curves={}, units={}, examples=[], samples=[], plane=None, walks=[], code_map=None, anomalies=None,
        record={"status": "stopped", "data": {}}, best_epoch=None,
    )  # fmt: skip
    return replace(found, **changes)


def evil(text: str) -> RunContent:
    """Every text that comes from a user is this one."""
    row = Row(text, text)
    record = {**RECORD, "argv": ["aecli", text], "device": text, "exit_reason": text, "status": text}
    record["data"] = {**RECORD["data"], "source": text, "sha256": text}
    measured = {**METRICS, "units": dict.fromkeys(METRICS["units"], text), "notes": [text]}
    suspects = [Suspect(row, 1.0, 0.1, True, True, text, uniform(6, 5, 1))]
    points = replace(
        code_map(labels=(text, "bag")), ids=[text] * 300, note=text, axes=(text, text), facts={text: [text] * 100}
    )
    return images(
        name=text, stamp=text, summary=[(text, text)], yaml=text, record=record, metrics=measured, walk_note=text,
        config={**CONFIG, text: text}, curves={text: curves()["loss"]}, units={text: text}, notes=[text],
        examples=[Examples(text, [row] * 4, uniform(4, 6, 5, 1), uniform(4, 6, 5, 1))], code_map=points,
        samples=[Sheet(uniform(2, 6, 5, 1), 2, text)], worst=WorstRows(text, [row], [1.0], [[(text, text, text)]]),
        columns=Columns([text, text], [uniform(9), np.array([text, "b"])], None, [text, text], None, [text]),
        anomalies=replace(anomalies(), name=text, split=text, suspects=suspects),
    )  # fmt: skip
