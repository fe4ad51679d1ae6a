"""Results as CSV hold no formula that a spreadsheet would run, whatever stood in the data, their header or a config."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import done, written

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|nan")
CONFIG = """
name: t/formulas
data:
  source: x.csv
  id: "=who"
  label: "@kind"
  columns: {"-note": carry, "+kept": carry}
  split: {validation: 0.2, test: 0.2}
model: {encoder: {widths: [4]}, bottleneck: {size: 2}}
training: {epochs: 1, batch_size: 32}
"""
COMMANDS = {
    "embed": ["embed"],
    "reconstruct": ["reconstruct"],
    "score": ["anomaly", "score"],
    "sample": ["sample", "-n", 5],
    "interpolate": ["sample", "--interpolate", 3, "-n", 2],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formulas")
    rng = np.random.default_rng(0)
    lines = ["=who,@kind,=1+2,+sum,plain,-note,+kept"]
    for i in range(80):
        a, b, c = rng.normal(size=3)
        word, note = ("=cmd()", "@x", "+y", "plain")[i % 4], ("-n", "=SUM(A1)", "a=b", "-1.5")[i % 4]
        lines.append(f"=id{i},{'@' * (i % 2)}k,{a:.3f},{b:.3f},{word},{note},{'+' * (i % 3)}{c:.2f}z")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("x.csv").write_text("\n".join(lines) + "\n")
        return folder, Path(done("--quiet", "train", written(CONFIG), "--output", "o").last)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_cell_of_a_result_is_a_formula(trained, command, monkeypatch):
    folder, run = trained
    monkeypatch.chdir(folder)
    words = COMMANDS[command]
    place = 2 if words[0] == "anomaly" else 1
    done(*words[:place], run, *words[place:], "--output", "out.csv")
    with Path("out.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    cells = [cell for row in rows for cell in row]
    assert len(rows) > 4
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r") and cell and not NUMBER.fullmatch(cell)] == []
    assert any(cell.startswith(("'=", "'@", "'+")) for cell in cells)


def test_no_cell_of_a_list_of_runs_is_a_formula(trained, monkeypatch):
    folder, _ = trained
    monkeypatch.chdir(folder)
    out = done("runs", "ls", "--runs", "o", "--csv", "--columns", "data.id,data.label,data.columns.-note,status").out
    assert [row[:2] for row in csv.reader(out.splitlines())][1] == ["'=who", "'@kind"]
