"""Every figure, for every kind of input: a picture, whole, equal bytes each time, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from aecli.config.problems import UserError
from aecli.report import figures

R = np.random.default_rng(0)
NAN = float("nan")


def records(epochs, terms, nulls=(), splits=("train", "validation")):
    return [
        {
            "step": 10 * epoch,
            "epoch": epoch,
            "split": split,
            "values": {t: None if epoch in nulls else 10.0**i / epoch**2 for i, t in enumerate(terms)},
        }
        for epoch in range(1, epochs + 1)
        for split in splits
    ]


def normals(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


def uniform(*shape):
    return np.random.default_rng(len(shape)).random(shape)


def curves(path, found, **kwargs):
    return figures.curves(found, path, **kwargs)


def reconstructions(path, x, **kwargs):
    return figures.reconstructions(x, x * 0.9, path, **kwargs)


def samples(path, x, **kwargs):
    return figures.samples([(x, "draws from the prior")], path, **kwargs)


def both_samples(path, x, **kwargs):
    return figures.samples([(x, "draws from the prior"), (x[::-1], "draws from the mixture, " * 5)], path, **kwargs)


def interpolations(path, x, **kwargs):
    return figures.interpolations(x, path, **kwargs)


def codes(path, x, labels=None, **kwargs):
    return figures.codes(x, path, labels=None if labels is None else np.array(labels, object), **kwargs)


def scores(path, x, **kwargs):
    return figures.score_histogram(np.asarray(x, float), path, **kwargs)


def roc(path, x, anomalous, **kwargs):
    return figures.roc(np.asarray(x, float), np.array(anomalous), path, **kwargs)


def maps(path, x, **kwargs):
    return figures.manifold([("the code", x), ("PCA", -x), ("t-SNE", x[::-1]), ("UMAP", x)], path, **kwargs)


def weights(path, x, count=2):
    return figures.weights({f"encoder.{i}": x for i in range(count)}, path, near=1e-3)


def denoising(path, x, levels=3):
    return figures.denoising(x, [(f"rate 0.{i}", 1 - x, x * 0.9) for i in range(levels)], path)


def field(path, x, **kwargs):
    return figures.field(x, x * 0.9, x, path, **kwargs)


def atlas(path, x, dead=0):
    usage = np.concatenate([np.linspace(0.01, 1, len(x)), np.zeros(dead)])
    return figures.atlas(x - 0.5, usage, np.stack([x[:3]] * 2), path)


def variants(path, x, spectra=False, **kwargs):
    """The numbers of three seeds by metric (a row of x each) and variant (a column)."""
    numbers = {f"metric_{i}": {f"variant {j}": x[i, j] for j in range(x.shape[1])} for i in range(len(x))}
    found = {f"variant {j}": np.logspace(0, -6, 30) for j in range(x.shape[1])} if spectra else None
    return figures.variants(numbers, path, spectra=found, **kwargs)


TEN = ["loss", "reconstruction", "rate", *(f"penalties.{i}.contractive" for i in range(7))]
CONSTANT = np.column_stack([np.full(20, 0.1), np.arange(20.0)])
HOLED = np.where(normals(30, 5) > 1, NAN, normals(30, 5))
SCORES = np.exp(normals(400))
CASES = {
    "variants": (variants, uniform(2, 3, 3), {"spectra": True, "title": "a claim"}),
    "variants, one number of one seed": (variants, uniform(1, 1, 1), {}),
    "variants, nine of eight metrics": (variants, np.exp(9 * normals(8, 9, 2)), {}),
    "variants, some not finite": (variants, np.where(normals(4, 3, 2) > 0, NAN, 1.0), {}),
    "curves": (curves, records(30, TEN[:3]), {"units": {"loss": "nats, mean over examples"}, "best": 7}),
    "curves, one epoch": (curves, records(1, ["loss"]), {}),
    "curves, ten terms": (curves, records(12, TEN), {}),
    "curves, nulls": (curves, records(9, ["loss", "rate"], nulls=(1, 3, 8)), {}),
    "curves, NaN and infinity": (
        curves,
        [{"step": i, "epoch": i, "split": "train", "values": {"loss": v}} for i, v in enumerate([1.0, NAN, np.inf])],
        {},
    ),
    "curves, nothing finite": (curves, records(2, ["loss"], nulls=(1, 2)), {}),
    "curves, no validation": (curves, records(4, ["loss"], splits=("train",)), {}),
    "reconstructions, grey": (reconstructions, uniform(14, 8, 8, 1), {"corrupted": uniform(14, 8, 8, 1)}),
    "reconstructions, colour": (reconstructions, uniform(3, 16, 12, 3), {}),
    "reconstructions, two channels": (reconstructions, uniform(1, 8, 8, 2), {}),
    "reconstructions, exact": (reconstructions, np.zeros((2, 8, 8, 1)), {}),
    "reconstructions, not finite": (reconstructions, np.full((2, 8, 8, 1), NAN), {}),
    "reconstructions, integers": (reconstructions, np.full((2, 8, 8, 3), 200, np.uint8), {}),
    "reconstructions, table": (reconstructions, normals(60, 12), {"columns": [f"c{i}" for i in range(12)]}),
    "reconstructions, one row": (reconstructions, normals(1, 2), {}),
    "reconstructions, many rows": (reconstructions, normals(6000, 2), {}),
    "reconstructions, constant column": (reconstructions, CONSTANT, {}),
    "reconstructions, holes": (reconstructions, HOLED, {}),
    "reconstructions, a column of holes": (reconstructions, np.full((3, 1), NAN), {}),
    "reconstructions, 30 columns": (reconstructions, np.hstack([normals(60, 28), CONSTANT[[0] * 60]]), {}),
    "reconstructions, 200 columns": (reconstructions, normals(60, 200), {}),
    "reconstructions, all constant": (reconstructions, np.ones((5, 50)), {}),
    "samples, grey": (samples, uniform(120, 8, 8, 1), {}),
    "samples, one": (samples, uniform(1, 8, 8, 3), {}),
    "samples, two of images": (both_samples, uniform(64, 8, 8, 1), {}),
    "samples, two of one image": (both_samples, uniform(1, 8, 8, 1), {}),
    "samples, two of tables": (both_samples, normals(60, 5), {"data": normals(90, 5)}),
    "samples, two of one column": (both_samples, np.full((60, 1), NAN), {"data": normals(90, 1)}),
    "samples, table": (samples, normals(60, 14), {"data": normals(90, 14), "columns": ["$x_1$"] * 14}),
    "samples, no data": (samples, np.round(3 * normals(60, 2)), {}),
    "samples, constant column": (samples, CONSTANT, {"data": CONSTANT}),
    "samples, nothing finite": (samples, np.full((3, 2), NAN), {"data": np.full((3, 2), np.inf)}),
    "interpolations, images": (interpolations, uniform(14, 7, 8, 8, 1), {}),
    "interpolations, one step": (interpolations, uniform(1, 1, 8, 8, 3), {}),
    "interpolations, table": (
        interpolations,
        normals(4, 7, 5),
        {"columns": ["a", "_b", "$c$", "d" * 90, "e\nf"]},
    ),
    "interpolations, wide": (interpolations, normals(8, 3, 60), {}),
    "interpolations, one value": (interpolations, np.ones((1, 1, 1)), {}),
    "atlas, grey": (atlas, uniform(120, 8, 8, 1), {"dead": 9}),
    "atlas, one unit in colour": (atlas, uniform(1, 8, 8, 3), {}),
    "atlas, a unit that writes nothing": (atlas, np.full((2, 8, 8, 1), 0.5), {"dead": 1}),
    "denoising, grey": (denoising, uniform(14, 8, 8, 1), {}),
    "denoising, one in colour": (denoising, uniform(1, 16, 12, 3), {"levels": 1}),
    "field": (field, normals(300, 2), {"manifold": normals(500, 2), "columns": ("$a$", "_b")}),
    "field, one point": (field, np.zeros((1, 2)), {}),
    "codes, native": (codes, normals(500, 2), {"labels": list(range(10)) * 50}),
    "codes, components": (codes, normals(300, 6), {"labels": ["a", "b", None] * 100}),
    "codes, 20 classes": (codes, normals(400, 2), {"labels": list(range(20)) * 20}),
    "codes, scale": (codes, normals(300, 3), {"labels": [*uniform(298), NAN, None]}),
    "codes, many names": (codes, normals(300, 2), {"labels": [f"class {i % 60}" for i in range(300)]}),
    "codes, density": (codes, normals(5000, 2), {}),
    "codes, unknown labels": (codes, normals(50, 2), {"labels": [None, NAN, "", None, NAN] * 10}),
    "codes, one class": (codes, normals(50, 2), {"labels": [3] * 50}),
    "codes, one row": (codes, normals(1, 2), {}),
    "codes, one row of many": (codes, normals(1, 40), {"labels": [1]}),
    "codes, collapsed": (codes, np.zeros((9, 4)), {"labels": [0, 1, 2] * 3}),
    "codes, one number": (codes, normals(200, 1), {"labels": [0, 1, None, 3] * 50}),
    "codes, one number, collapsed": (codes, np.zeros((9, 1)), {}),
    "codes, not finite": (codes, np.full((3, 2), NAN), {"labels": [0, 1, 2]}),
    "codes, partly finite": (
        codes,
        np.vstack([normals(20, 3), np.full((2, 3), np.inf)]),
        {"labels": [0, 1] * 11},
    ),
    "scores": (scores, SCORES, {"anomalous": SCORES > 3, "threshold": 2.5, "name": "squared error"}),
    "scores, unlabelled": (scores, SCORES, {}),
    "scores, decades": (scores, SCORES**5, {"threshold": 1.0}),
    "scores, one kind": (scores, SCORES, {"anomalous": np.full(400, False), "threshold": 1e3}),
    "scores, constant": (scores, [0.0] * 5, {"threshold": 0.0}),
    "scores, negative": (scores, -SCORES, {"threshold": -1.0}),
    "scores, one row, no threshold": (scores, [3.0], {"threshold": float("inf")}),
    "scores, holes": (scores, [1.0, NAN, np.inf, 2.0], {}),
    "roc": (
        roc,
        SCORES,
        {
            "anomalous": SCORES + uniform(400) > 3,
            "threshold": 2.0,
            "baselines": {"_z": -SCORES, "pca": uniform(400)},
        },
    ),
    "maps, classes": (maps, normals(300, 2), {"labels": np.arange(300) % 10}),
    "maps, scale": (maps, normals(300, 2), {"labels": np.array([*uniform(299), NAN]), "what": "t"}),
    "maps, no labels": (maps, normals(300, 2), {}),
    "maps, collapsed": (maps, np.zeros((9, 2)), {"labels": np.array(["a", "b", ""] * 3)}),
    "weights": (weights, normals(40, 30), {}),
    "weights, zero": (weights, np.zeros((3, 4)), {}),
    "weights, many layers": (weights, normals(4, 3), {"count": 15}),
    "roc, two rows": (roc, [1.0, 1.0], {"anomalous": [True, False]}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_figure_is_a_picture_of_ink_and_plausible_size(case, tmp_path):
    draw, first, rest = CASES[case]
    before = dict(matplotlib.rcParams)
    path = draw(tmp_path / "figure.png", first, **rest)
    assert path == tmp_path / "figure.png"
    assert [entry.name for entry in tmp_path.iterdir()] == ["figure.png"]
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert 200 <= picture.width <= 2200
        assert 200 <= picture.height <= 2600
        assert set(picture.info) <= {"dpi"}, "neither a date nor a version"
        assert picture.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        ink = np.asarray(picture.convert("L")) < 200
    assert 0.0005 < ink.mean() < 0.95
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("case", ["curves", "codes, native", "reconstructions, table", "scores", "roc"])
def test_equal_input_gives_equal_bytes_under_any_matplotlibrc(case, tmp_path):
    draw, first, rest = CASES[case]
    one = draw(tmp_path / "one.png", first, **rest).read_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "savefig.dpi": 10}):
        assert draw(tmp_path / "two.png", first, **rest).read_bytes() == one


def test_input_is_left_as_it_was(tmp_path):
    for draw, first, rest in (CASES[c] for c in ("codes, partly finite", "reconstructions, holes", "scores, decades")):
        known = first.copy()
        draw(tmp_path / "figure.png", first, **rest)
        np.testing.assert_array_equal(first, known)


def test_no_figure_needs_pyplot_and_importing_needs_no_matplotlib(tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path; from aecli.report import figures as f\n"
        "assert not {'matplotlib', 'jax', 'sklearn'} & set(sys.modules)\n"
        f"f.codes(np.eye(3), Path({str(tmp_path / 'c.png')!r}))\n"
        "assert not {'matplotlib.pyplot', 'jax', 'sklearn'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["変数", "$x$ and $", r"\frac{", "_hidden", "", "a\nb\tc\x00", "x" * 500, "%s {}"])
def test_any_name_can_be_drawn(name, tmp_path):
    figures.reconstructions(normals(9, 2), normals(9, 2), tmp_path / "t.png", columns=[name, "b"], title=name)
    figures.roc(
        np.arange(4.0),
        np.arange(4) > 1,
        tmp_path / "r.png",
        name=name,
        title=name,
        baselines={name: np.ones(4)},
    )
    figures.codes(normals(4, 2), tmp_path / "c.png", labels=np.array([name, "b", "b", name], object))
    figures.curves(records(3, [name]), tmp_path / "l.png", units={name: name})


def test_the_old_file_stays_where_a_figure_fails(tmp_path):
    path = scores(tmp_path / "figure.png", SCORES)
    old = path.read_bytes()
    with pytest.raises(ValueError, match="NaN"):
        roc(path, [1.0, NAN], [True, False])
    assert path.read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("draw", "match"),
    [
        (lambda p: curves(p, []), "no epoch was recorded"),
        (lambda p: roc(p, [1.0, 2.0], [True, True]), "all 2 labelled rows are anomalous"),
        (lambda p: roc(p, [1.0], [False]), "all 1 labelled rows are normal"),
        (lambda p: scores(p, [NAN, np.inf]), "none of 2 scores is finite"),
        (lambda p: scores(p / "absent" / "figure.png", [1.0]), "cannot write .*check that the folder exists"),
    ],
)
def test_a_users_mistake_is_a_user_error(draw, match, tmp_path):
    with pytest.raises(UserError, match=f"(?s){match}"):
        draw(tmp_path / "figure.png")


@pytest.mark.parametrize(
    "draw",
    [
        lambda p: figures.reconstructions(normals(3, 2), normals(2, 2), p),
        lambda p: figures.reconstructions(normals(0, 2), normals(0, 2), p),
        lambda p: figures.reconstructions(normals(3), normals(3), p),
        lambda p: figures.samples([(normals(3, 2), "a")], p, data=normals(3, 3)),
        lambda p: figures.samples([(normals(3, 2), "a"), (normals(3, 3), "b")], p),
        lambda p: figures.samples([(normals(3), "a")], p),
        lambda p: figures.interpolations(normals(3, 2), p),
        lambda p: figures.codes(normals(3), p),
        lambda p: figures.codes(normals(3, 2), p, labels=np.arange(2)),
        lambda p: figures.score_histogram(normals(3), p, anomalous=np.array([True])),
        lambda p: figures.roc(normals(3), np.array([True, False]), p),
    ],
)
def test_shapes_that_do_not_fit_are_refused(draw, tmp_path):
    with pytest.raises(ValueError, match=r"\["):
        draw(tmp_path / "figure.png")
    assert not list(tmp_path.iterdir())
