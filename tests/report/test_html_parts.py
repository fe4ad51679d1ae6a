"""The parts of the page, by their numbers."""

from __future__ import annotations

import base64
import gzip
import json
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from aecli.report.anomalies import roc_points
from aecli.report.html import charts, codemap, compare, pictures
from aecli.report.html.content import Columns
from aecli.report.html.marginals import marginals
from aecli.report.html.numbers import digits, seconds, with_error
from aecli.report.html.provenance import command, provenance, recipe
from tests.report import contents


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (1, "1"), (16.0, "16"), (0.0123449, "0.01234"), (123456.7, "123,457"), (-247.456, "-247.5"),
        (1e-7, "1.000e-07"), (3e9, "3.000e+09"), (None, "-"), (float("nan"), "-"), (float("-inf"), "-∞"),
    ],
)  # fmt: skip
def test_digits(value, text):
    assert digits(value) == text


@given(st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-12))
def test_digits_keep_four_of_them(value):
    assert float(digits(value).replace(",", "")) == pytest.approx(value, rel=5e-4)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (12.4395, 0.0791, "12.440 ± 0.079"), (0.015867, 0.0001, "0.01587 ± 0.00010"), (5.0, None, "5"),
        (5.0, 0.0, "5"), (1234.5, 21.7, "1,234 ± 22"), (None, 1.0, "-"), (1e7, 2e5, "1.000e+07 ± 200,000"),
    ],
)  # fmt: skip
def test_an_error_says_how_many_digits_count(value, error, text):
    assert with_error(value, error) == text


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.5 s"), (75.2, "1 min 15 s"), (3723, "1 h 02 min"), (None, "-")])
def test_seconds(value, text):
    assert seconds(value) == text


def unpack(data: str) -> dict:
    return json.loads(gzip.decompress(base64.b64decode(data)))


@given(arrays(np.float32, st.tuples(st.integers(2, 50), st.just(2)), elements=st.floats(-1e6, 1e6, width=32)))
def test_points_come_back_to_a_65535th_of_their_range(points):
    whole, low, high = codemap.quantised(points)
    back = np.array(low) + (np.array(high) - low) * whole.T.astype(np.float64) / 65535
    assert (np.abs(back - points) <= (np.array(high) - low) / 65535 * 0.51 + 1e-9).all()


def test_data_of_a_map():
    found = contents.code_map(50)
    data = unpack(codemap.data_of(found)[0])
    whole = np.frombuffer(base64.b64decode(data["points"]), "<u2").reshape(2, 50)
    assert whole.min() == 0
    assert whole.max() == 65535
    label, height = data["colourings"]
    assert base64.b64decode(label["codes"]) == found.colourings[0].codes.tobytes()
    assert len(label["light"]) == len(label["dark"]) == len(label["names"]) == 3
    for i, middle in label["middles"].items():
        here = found.points[found.colourings[0].codes == int(i)]
        np.testing.assert_allclose(middle, np.median(here, axis=0), rtol=1e-6)
    assert (height["low"], height["high"]) == (1.5, 2.5)
    assert data["ids"]["texts"][7] == "row-7"


@pytest.mark.parametrize(
    ("ids", "packed"), [(["0", "12", "999999999"], True), (["007"], False), (["1", "x"], False), (["1e3"], False)]
)
def test_ids_are_packed_where_nothing_is_lost(ids, packed):
    found = codemap._ids(ids)
    assert ("numbers" in found) == packed
    if packed:
        assert np.frombuffer(base64.b64decode(found["numbers"]), "<i4").astype(str).tolist() == ids


def opened(uri: str) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(base64.b64decode(uri.split(",", 1)[1]))))


def test_atlas_holds_every_thumbnail():
    images = np.random.default_rng(0).integers(0, 256, (7, 6, 5, 3)) / 255
    found = pictures.atlas(images)
    whole = opened(found.uri)
    assert (found.columns, found.rows, found.width, found.height) == (3, 3, 5, 6)
    for i, image in enumerate(images):
        top, left = (i // 3) * 6, (i % 3) * 5
        np.testing.assert_array_equal(whole[top : top + 6, left : left + 5], np.rint(255 * image))


def test_atlas_of_2000_photographs_stays_small():
    rng = np.random.default_rng(0)
    found = pictures.atlas(rng.random((2000, 64, 64, 3)))
    assert len(found.uri) < 1_000_000
    assert opened(found.uri).shape == (found.rows * found.height, found.columns * found.width, 3)


def test_error_picture_goes_from_black_to_pale():
    whole = opened(pictures.error_picture(np.array([[0.0, 0.5], [1.0, np.nan]]), 1.0)).astype(int)
    assert whole[0, 0].sum() < 10
    assert whole[0, 0].sum() < whole[0, 1].sum() < whole[1, 0].sum()
    assert (whole[1, 1] == whole[1, 0]).all()  # what is no number counts as the largest error


def test_large_pictures_are_made_smaller():
    assert opened(pictures.picture(np.random.default_rng(0).random((400, 1000, 3)))).shape == (64, 160, 3)


def test_best_is_marked_only_where_it_means_something():
    one, two = contents.images(), contents.images(metrics={**contents.METRICS, "metrics": {"mse": 9.0, "loss": 1.0}})
    marks = {m.name: [c.best for c in m.cells] for m in compare.metrics([one, two])}
    assert marks["mse"] == [True, False]
    assert marks["loss"] == [False, False]  # another objective may have another loss
    assert marks["psnr"] == [False, False]  # one run alone has it
    other = contents.images(record={**contents.RECORD, "data": {"sha256": "other"}})
    assert not compare.comparable([one, other])
    assert not any(c.best for m in compare.metrics([one, other]) for c in m.cells)
    mass = contents.images(config={**contents.CONFIG, "objective": {"reconstruction": {"kind": "gaussian"}}})
    assert compare.comparable([one, mass])
    assert not compare.comparable([one, mass], "elbo")


def test_config_keys_that_differ():
    penalties = {"reconstruction": {"kind": "bernoulli"}, "penalties": []}
    other = contents.images(config={**contents.CONFIG, "name": "t/two", "objective": penalties})
    found = dict(compare.differences([contents.images(), other]))
    assert found == {
        "objective.penalties.0.kind": ("code_l1", "-"),
        "objective.penalties.0.weight": ("0.1", "-"),
        "objective.penalties": ("-", "[]"),
    }


def test_marginals_follow_the_histogram():
    found = marginals(contents.table().columns)
    heights = [80 - float(part.split("H")[0]) for part in found[0].data.split("V")[1:-1]]
    counts = np.histogram(contents.table().columns.data[0], np.linspace(*ends(0), 31))[0]
    assert np.argmax(heights) == np.argmax(counts)
    assert max(h for m in found for h in [80 - float(p.split("H")[0]) for p in m.data.split("V")[1:-1]]) <= 77.01


def test_marginals_of_categories_and_dates():
    days = np.array(["2026-01-01", "2026-01-11", "NaT"], "datetime64[s]")
    found = marginals(Columns(["kind", "day"], [np.array(["b", "a", "a", ""]), days], None, ["", ""]))
    assert found[0].data == "M0,80V3.0H66.7V41.5H133.3V41.5H200.0V80"
    assert (found[0].low, found[0].high, found[0].drawn) == ("a", "-", "")
    assert found[0].alt == "kind: a is 50 % of the rows"
    assert "2026-01-06" in found[1].alt  # the mean of the two known days


def ends(j: int) -> tuple[float, float]:
    low, high = np.quantile(contents.table().columns.data[j], [0.005, 0.995])
    return low - 0.02 * (high - low), high + 0.02 * (high - low)


@given(st.integers(0, 2**31), st.integers(3, 400))
def test_a_thinned_roc_has_the_area_of_the_whole(seed, n):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.4
    truth[:2] = True, False
    false, true = roc_points(np.round(rng.normal(size=n) + truth, 1), truth)
    x, y = charts.thinned(false, true)
    assert len(x) <= len(false)
    if len(x) < charts.POINTS:
        assert np.trapezoid(y, x) == pytest.approx(np.trapezoid(true, false), abs=1e-12)


def test_curves_are_told_in_words():
    text = charts.told("loss", "nats", [("one", contents.curves(), 5)])
    assert text == "loss in nats: train 10 to 2 (epoch 1 to 5); validation 12 to 2.400 (epoch 1 to 5)"


def test_provenance_names_no_folder_of_the_machine():
    assert command(contents.RECORD) == "aecli train c.yaml 'data.classes=[0, 1]'"
    facts = dict(provenance([contents.images()]))
    assert facts["rows"] == ("train 100, validation 10, test 200",)
    assert facts["training"] == ("1 min 15 s",)
    commands = [text for _, text in recipe(contents.images())]
    assert commands[0] == "git checkout abc123"
    assert commands[1] == "pip install aecli==0.1 jax==0.10"
    assert facts["aecli"] == ("0.1",)
    assert "aecli train config.yaml" in commands
    fitted = contents.images(record={**contents.RECORD, "argv": ["aecli", "anomaly", "fit", "c.yaml"]})
    assert "aecli anomaly fit config.yaml" in [text for _, text in recipe(fitted)]


def test_commands_to_paste_hold_no_command_of_a_record():
    evil = "x\nrm -rf ~\x1b[A; $(touch canary) `id`"
    record = {
        **contents.RECORD, "git": {"commit": evil}, "aecli": {"version": evil, "commit": evil}, "python": evil,
        "packages": {evil: "1.0", "--index-url=https://evil/": "1.0", "jax": evil, "numpy": "2.1", "aecli": "0.1"},
        "data": {"source": evil, "sha256": evil},
    }  # fmt: skip
    found = recipe(contents.images(record=record))
    assert [command for _, command in found] == [
        "pip install numpy==2.1 aecli==0.1", "aecli train config.yaml", "aecli report latest",
    ]  # fmt: skip
    assert all(comment.isprintable() for comment, _ in found)


def test_aecli_itself_is_pinned_by_its_commit_where_that_is_known():
    own = {"version": "0.1", "commit": "def456", "dirty": True}
    run = contents.images(record={**contents.RECORD, "aecli": own})
    assert dict(provenance([run]))["aecli"] == ("0.1, commit def456, with changes that are in no commit",)
    commands = [text for _, text in recipe(run)]
    assert commands[:3] == ["git checkout abc123", "git checkout def456 && pip install .", "pip install jax==0.10"]
    same = contents.images(record={**contents.RECORD, "aecli": {**own, "commit": "abc123"}})
    assert [text for _, text in recipe(same)][:2] == ["git checkout abc123 && pip install .", "pip install jax==0.10"]


def test_a_split_has_the_same_dash_in_a_report_of_one_run_and_of_several():
    named = [(name, contents.curves(), 5) for name in ("a", "b")]
    one = {item["name"]: item["dash"] for item in charts.legend(named[:1])}
    several = {item["name"]: item["dash"] for item in charts.legend(named)}
    assert {name: several[name] for name in ("train", "validation")} == {"train": "solid", "validation": "dashed"}
    assert all(one[name] == several[name] for name in ("train", "validation"))
