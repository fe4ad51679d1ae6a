"""What a report gathers of a run: every kind of row, and models of every size."""

from __future__ import annotations

import numpy as np
import pytest

from aecli.config.dump import to_yaml
from aecli.config.problems import UserError
from aecli.report.html import render
from aecli.report.html.numbers import digits
from aecli.runs.files import to_json, write_whole
from aecli.tasks.aggregate import aggregate_of
from aecli.tasks.report import report
from aecli.tasks.report.rows import cell_errors, evenly, values
from aecli.tasks.report.write import content
from aecli.tasks.sample import sample
from tests.tasks.small import GAUSSIAN, pixels, table, trained

ONE_UNIT = {"bottleneck": {"size": 1}}
TWO_UNITS = {"bottleneck": {"size": 2}}
CASES = {
    "image": lambda f: trained(f, pixels(), raw={"labels": np.arange(40) % 3}),
    "colours": lambda f: trained(f, pixels(shape=(6, 5, 3)), model=GAUSSIAN, objective={"reconstruction": "bernoulli"}),
    "two channels": lambda f: trained(f, pixels(shape=(6, 5, 2))),
    "large image": lambda f: trained(f, pixels(30, (300, 200, 3)), model=TWO_UNITS),
    "a plane": lambda f: trained(f, pixels(), model=TWO_UNITS),
    "one unit": lambda f: trained(f, pixels(), model=ONE_UNIT),
    "corrupted": lambda f: trained(f, pixels(), objective={"corruption": {"kind": "masking", "rate": 0.3}}),
    "table": lambda f: trained(f, table(60)),
    "wide table": lambda f: trained(f, table(60, 40)),
    "few rows": lambda f: trained(f, table(5), data={"split": {"validation": 0.0, "test": 0.0}}),
    "text ids": lambda f: trained(f, table(60), raw={"ids": np.array([f"row {i}" for i in range(60)])}),
    "anomalies": lambda f: trained(
        f, table(60), raw={"labels": np.arange(60) % 2}, data={"classes": [0], "split": {"validation": 0.3}}
    ),
}


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    return request.param, written(CASES[request.param](tmp_path))


def written(found):
    """With the records that a real run has."""
    record = {"status": "completed", "data": {"sha256": found.dataset.sha256, "train_rows": len(found.dataset.train)}}
    write_whole(found.run.record_path, to_json(record))
    write_whole(found.run.config_path, to_yaml(found.experiment))
    return found


def test_every_kind_of_run_has_its_sections(case):
    name, run = case
    found = content(run)
    assert (found.code_map is None) == (name == "one unit") == (found.code_histogram is not None)
    image = run.features.kind == "image" and name != "two channels"
    assert bool(found.examples) == bool(found.samples) == image
    if image:
        assert len(found.samples) == (2 if run.autoencoder.model.bottleneck.stochastic else 1)
    assert (found.columns is not None) == (found.worst is not None) == (run.features.kind == "table")
    assert (found.plane is not None) == (name in ("a plane", "large image"))
    assert (found.anomalies is not None) == (name == "anomalies")
    assert bool(found.walks) == (name != "two channels")
    assert len(render([found], "a test")) < 5_000_000


def test_the_page_is_in_the_run(tmp_path):
    run = written(trained(tmp_path, table(60)))
    found = report([run])
    assert found.path == run.run.path / "report.html"
    assert found.size == found.path.stat().st_size
    assert found.to_dict()["runs"] == [str(run.run.path)]


def test_examples_are_rows_and_their_reconstructions(tmp_path):
    run = written(trained(tmp_path, pixels(), raw={"labels": np.arange(40) % 3}))
    rows = run.split()[1]
    first = content(run).examples[0]
    index = evenly(len(rows), 12)
    assert [row.id for row in first.rows] == [str(rows.ids[i]) for i in index]
    assert [row.label for row in first.rows] == [str(rows.labels[i]) for i in index]
    np.testing.assert_array_equal(first.original, rows.x[index])
    np.testing.assert_allclose(first.reconstruction, np.clip(run.reconstruct(rows.x)[index], 0, 1), atol=1e-6)


def test_the_worst_rows_are_the_worst(tmp_path):
    run = written(trained(tmp_path, table(400)))
    rows = run.split()[1]
    found = content(run).worst
    errors = np.square(rows.x - run.reconstruct(rows.x)).astype(np.float64).sum(axis=1)
    order = np.argsort(-errors)[:10]
    assert [row.id for row in found.rows] == [str(rows.ids[i]) for i in order]
    np.testing.assert_allclose(found.errors, errors[order], rtol=1e-5)


def test_zeros_of_a_standardised_column_are_printed_as_zeros(tmp_path):
    x = np.random.default_rng(0).integers(0, 4, (400, 3)) * [0.1, 1.0, 1e6] - [0.0, 1.0, 0.0]
    x[::2, 0] = 0
    run = written(trained(tmp_path, x))
    rows = run.split("train")[1]
    seen = values(run, rows.x)
    for row, number in zip(seen, rows.rows, strict=True):
        assert row == [digits(float(np.float32(v))) for v in x[number]]


def test_the_histogram_of_a_code_of_one_unit_is_on_the_page(tmp_path):
    run = written(trained(tmp_path, table(60), model=ONE_UNIT))
    page = render([content(run)], "a test")
    assert "A code of one unit lies on a line and has no map" in page
    assert "unit 0 of the code" in page


def test_a_walk_moves_one_unit_alone(tmp_path):
    run = written(trained(tmp_path, pixels(), model=TWO_UNITS))
    codes = run.encode(run.split()[1].x).astype(np.float64)
    walk = content(run).walks[0]
    assert walk.unit == codes.var(axis=0).argmax()
    ends = np.tile(codes.mean(axis=0), (2, 1))
    ends[:, walk.unit] = np.quantile(codes[:, walk.unit], [0.01, 0.99])
    np.testing.assert_allclose(walk.images[[0, -1]], np.clip(run.decode(ends), 0, 1), atol=1e-5)


def test_the_map_is_the_code(tmp_path):
    run = written(trained(tmp_path, pixels(), model=TWO_UNITS))
    rows = run.split("test")[1]
    np.testing.assert_allclose(content(run).code_map.points, run.encode(rows.x), atol=1e-6)


@pytest.mark.parametrize("make", [pixels, lambda: table(60)])
def test_draws_of_the_prior_stand_beside_those_of_the_mixture(make, tmp_path):
    run = written(trained(tmp_path, make(), model=GAUSSIAN))
    found = content(run)
    captions = found.columns.captions if found.columns else [sheet.caption for sheet in found.samples]
    assert "draws from the prior; by mean and variance the training codes are " in captions[0]
    assert captions[0].endswith("it does not fit them" if aggregate_of(run).far else ", near")
    assert "draws from the mixture of Gaussians fitted to the training codes" in captions[1]
    prior, mixture = (sample(run, 64, name) for name in ("prior", "mixture"))
    if found.columns:
        assert found.columns.beside is not None
    else:
        for sheet, drawn in zip(found.samples, (prior, mixture), strict=True):
            np.testing.assert_array_equal(sheet.images, np.clip(drawn.samples, 0, 1))


def test_a_deterministic_code_has_one_way_to_draw(tmp_path):
    found = content(written(trained(tmp_path, table(60))))
    assert found.columns.beside is None
    assert found.columns.captions == ["2,000 draws from the mixture of Gaussians fitted to the training codes"]


def test_cell_errors_by_hand(tmp_path):
    run = written(trained(tmp_path, table(60, 3)))
    x, x_hat = np.array([[1.0, np.nan, 2.0]]), np.array([[0.5, 7.0, np.nan]])
    assert cell_errors(run, x, x_hat).tolist() == [[0.25, 0.0, np.inf]]


def test_a_threshold_that_cannot_be_found_is_told(tmp_path):
    """A file of a calibration says that one was asked for; without held-out rows there is none."""
    run = written(trained(tmp_path, table(60), data={"split": {"validation": 0.0}}))
    np.savez(run.run.path / "anomaly.npz", meta=np.asarray('{"key": {}, "arrays": []}'))
    found = content(run)
    assert found.anomalies is None
    assert "held no rows out" in found.notes[0]


def test_no_run_is_refused():
    with pytest.raises(UserError, match="no run"):
        report([])
