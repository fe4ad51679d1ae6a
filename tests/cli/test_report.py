"""aecli report: the page of a run, of several, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.command import aecli, done, refused

LIMIT = 5_000_000


@pytest.mark.parametrize(
    ("name", "there", "absent"),
    [
        ("dense", ["reconstructions", "samples", "traversals", "map", "curves"], []),
        ("gaussian", ["reconstructions", "samples", "traversals", "map"], ["anomalies"]),
        ("anomaly", ["reconstructions", "map", "anomalies"], []),
        ("table", ["reconstructions", "samples", "traversals", "map"], []),
    ],
)
def test_report_of_a_run(runs, name, there, absent):
    run = getattr(runs, name)
    found = done("report", run)
    path = Path(found.last)
    assert path == run / "report.html"
    text = path.read_text()
    assert path.stat().st_size < LIMIT
    for section in [*there, "metrics", "provenance", "config", "reproduce"]:
        assert f'<section id="{section}"' in text, section
    for section in absent:
        assert f'<section id="{section}"' not in text, section
    assert (run / "config.yaml").read_text().splitlines()[0] in text
    assert not list(run.glob(".tmp-*"))


def test_a_table_is_shown_in_its_own_columns(runs):
    text = Path(done("report", runs.table, "--output", "t.html").last).read_text()
    assert "p0" in text  # ids
    for column in ("height", "weight", "age"):
        assert column in text
    assert "R²" in text


def test_categories_dates_holes_and_columns_that_are_carried(tmp_path):
    lines = ["city,height,joined,team"]
    lines += [
        f"{('Oslo', 'Rome')[i % 2]},{'' if i % 7 == 0 else 150 + i},2024-0{1 + i % 9}-05,t{i % 3}" for i in range(60)
    ]
    (tmp_path / "people.csv").write_text("\n".join(lines) + "\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        f"name: t/mixed\ndata: {{source: {tmp_path / 'people.csv'}, columns: {{team: carry}}}}\n"
        "model: {encoder: {widths: [4]}, bottleneck: {size: 2}}\ntraining: {epochs: 1}\n"
    )
    run = done("--quiet", "train", config, "--output", tmp_path / "out").last
    text = Path(done("--quiet", "report", run).last).read_text()
    for option in ("team", "city", "height", "joined (year)"):
        assert f">{option}</option>" in text
    assert "% right" in text
    assert "2024-0" in text


def test_several_runs_and_json(runs):
    found = done("--quiet", "report", runs.dense, runs.gaussian, "--json")
    assert found.err == ""
    assert found.json["report"] == "report.html"
    assert found.json["runs"] == [str(runs.dense), str(runs.gaussian)]
    assert found.json["bytes"] == Path("report.html").stat().st_size
    text = Path("report.html").read_text()
    assert "2 runs compared" in text
    assert "objective.reconstruction.kind" in text


def test_a_run_may_be_named_in_short(runs):
    assert Path(done("report", "latest", "--runs", runs.root, "-o", "latest.html").last).exists()
    short = str(runs.dense.relative_to(runs.root))[:-3]
    assert Path(done("report", short, "--runs", runs.root, "-o", "short.html").last).exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "x.pdf"], "an .html file"),
        (["-o", "nowhere/x.html"], "there is no folder"),
        (["-o", "folder.html"], "is a folder"),
        (["--checkpoint", "99999"], "no checkpoint of step"),
    ],
)
def test_what_is_refused(runs, arguments, text):
    Path("folder.html").mkdir()
    assert text in refused("report", runs.dense, *arguments)


def test_usage(runs):
    assert aecli("report").code == 2
    assert "nothing" not in refused("report", "no-such-run", "--runs", runs.root)


def test_a_report_that_exists_is_replaced_whole(runs):
    Path("r.html").write_text("old")
    done("report", runs.dense, "-o", "r.html")
    assert Path("r.html").read_text().startswith("<!doctype html>")


def test_labels_of_the_data_are_text(runs, tmp_path):
    """A class called like markup, in a source whose content is the run's own."""
    lines = runs.csv.read_text().replace("tall", "</script><b>tall</b>")
    data = tmp_path / "people.csv"
    data.write_text(lines)
    config = tmp_path / "c.yaml"
    config.write_text(
        f"name: t/evil\ndata: {{source: {data}, id: who, label: kind}}\n"
        "model: {encoder: {widths: [4]}, bottleneck: {size: 2}}\ntraining: {epochs: 1}\n"
    )
    run = done("--quiet", "train", config, "--output", tmp_path / "out").last
    text = Path(done("--quiet", "report", run).last).read_text()
    assert "<b>tall" not in text
    assert "&lt;b&gt;tall" in text
    shutil.rmtree(tmp_path / "out")
