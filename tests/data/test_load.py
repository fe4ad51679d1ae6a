"""From a source to splits in model space, and rows for a run that is already there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from aecli.config.problems import UserError
from aecli.data.dataset import load, read_rows
from aecli.data.describe import describe
from aecli.data.faults import problems
from aecli.data.raw import Raw, Rows
from aecli.data.sources import read
from aecli.data.spec import Data
from aecli.data.truth import is_anomaly
from tests.data.files import mnist_folder

RNG = np.random.default_rng(0)
TABLE = RNG.normal(5, 3, (50, 3))


def spec(source: str, **fields) -> Data:
    return Data.model_validate({"source": source, **fields})


def table(path: str, x=TABLE, columns=("a", "b", "c"), **beside) -> str:
    names = [*columns, *beside]
    rows = [[*map(repr, map(float, row)), *(str(v[i]) for v in beside.values())] for i, row in enumerate(x)]
    Path(path).write_text("\n".join(",".join(row) for row in [names, *rows]) + "\n")
    return path


def test_digits_by_default():
    data = load(spec("digits"))
    assert {name: len(split) for name, split in data.splits().items()} == {
        "train": 1437,
        "validation": 180,
        "test": 180,
    }
    assert data.train.x.dtype == np.float32
    assert data.features.shape == (8, 8, 1)
    assert (data.train.x.min(), data.train.x.max()) == (0, 1)
    assert data.class_names == tuple("0123456789")
    assert data.anomaly_label is None
    assert data.sha256 == load(spec("digits", split={"seed": 1})).sha256
    rows = np.concatenate([split.rows for split in data.splits().values()])
    assert sorted(rows) == list(range(1797))
    raw = read("digits")
    for split in data.splits().values():
        assert split.labels is not None
        assert raw.labels is not None
        assert np.array_equal(split.x, (raw.x[split.rows] / 16).astype(np.float32))
        assert np.array_equal(split.labels, raw.labels[split.rows])
        assert np.array_equal(split.ids, split.rows)


def test_a_given_test_set_is_the_test_split_unless_a_fraction_is_asked_for():
    arrays = mnist_folder(Path("m"))
    given, cut, none = (load(spec("m", split={"test": t})) for t in ("given", 0.25, 0.0))
    assert given.test is not None
    assert cut.test is not None
    assert np.allclose(given.test.x[..., 0], arrays["t10k-images-idx3"] / 255)
    assert given.test.rows.tolist() == list(range(6))
    assert (len(given.train), len(cut.train), len(cut.test)) == (18, 13, 5)
    assert none.test is None
    assert (load(spec("m", split={"validation": 0.0}))).validation is None


def test_the_hash_is_of_the_content():
    np.save("x.npy", TABLE)
    assert load(spec("x.npy")).sha256 == hashlib.sha256(Path("x.npy").read_bytes()).hexdigest()
    mnist_folder(Path("m"))
    before = load(spec("m")).sha256
    (Path("m") / "t10k-labels-idx1-ubyte.gz").unlink()
    assert load(spec("m")).sha256 != before


def test_classes_narrow_training_and_validation_alone():
    data = load(spec("digits", classes=[0, "3"]))
    assert data.validation is not None
    assert data.test is not None
    for split in (data.train, data.validation):
        assert set(np.unique(split.labels)) == {0, 3}
    assert data.test.labels is not None
    assert set(np.unique(data.test.labels)) == set(range(10))
    truth = is_anomaly(data.test, data.spec)
    assert np.array_equal(truth, ~np.isin(data.test.labels, [0, 3]))
    assert data.anomaly_label == "a label other than 0, 3"


def test_features_are_fitted_on_the_training_rows_of_these_classes():
    x = np.r_[np.zeros((30, 2)) + RNG.normal(size=(30, 2)), np.full((30, 2), 100.0)]
    np.savez("x.npz", x=x, y=np.repeat([0, 1], 30))
    data = load(spec("x.npz", classes=[0]))
    assert np.allclose(data.train.x.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(data.train.x.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "truth"),
    [
        ([0, 1, 1], [False, True, True]), ([False, True, False], [False, True, False]), ([0, 1, 2], None),
        (["0", "1", ""], [False, True, False]), ([1, 2, 1], None), ([True, True, True], [True] * 3),
    ],
)  # fmt: skip
def test_the_truth_about_anomalies(labels, truth):
    from aecli.data.dataset import Split

    split = Split(np.zeros((3, 1), np.float32), np.array(labels), np.arange(3), np.arange(3))
    found = is_anomaly(split, spec("x.npz"))
    assert (None if found is None else found.tolist()) == truth


def test_normals_alone_are_known_to_be_normal_where_the_dataset_is_binary():
    from aecli.data.dataset import Split

    split = Split(np.zeros((2, 1), np.float32), np.array([0, 0]), np.arange(2), np.arange(2))
    assert is_anomaly(split, spec("x.npz")) is None
    found = is_anomaly(split, spec("x.npz"), ("0", "1"))
    assert found is not None
    assert not found.any()


@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_binarisation(how):
    grey, data, again = (
        load(spec("digits")),
        load(spec("digits", binarize=how)),
        load(spec("digits", binarize=how)),
    )
    for name, split in data.splits().items():
        if how == "dynamic" and name == "train":
            assert np.array_equal(split.x, grey.train.x)
            continue
        assert set(np.unique(split.x)) == {0, 1}
        x = grey.splits()[name].x
        assert np.array_equal(split.x[(x == 0) | (x == 1)], x[(x == 0) | (x == 1)])
        spread = np.sqrt((x * (1 - x)).sum())
        assert abs(split.x.sum() - x.sum()) < 4 * spread
        assert np.array_equal(split.x, again.splits()[name].x)


def test_rows_for_a_run_by_name_in_any_order():
    data = load(spec(table("train.csv", y=[0, 1] * 25, who=[f"r{i}" for i in range(50)]), label="y", id="who"))
    assert data.features.columns == ("a", "b", "c")
    assert data.train.ids.tolist() == [f"r{i}" for i in data.train.rows]
    new = TABLE[:4]
    plain = read_rows(table("new.csv", new), data.features, data.spec)
    moved = read_rows(table("moved.csv", new[:, [2, 0, 1]], ("c", "a", "b"), y=[1, 0, 1, 0]), data.features, data.spec)
    assert np.array_equal(plain.x, moved.x)
    assert np.array_equal(plain.x, read_rows(new, data.features, data.spec).x)
    np.testing.assert_allclose(data.features.inverse(plain.x), new, rtol=1e-6, atol=1e-5)
    assert plain.labels is None
    assert plain.ids.tolist() == [0, 1, 2, 3]
    assert moved.labels is not None
    assert moved.labels.tolist() == [1, 0, 1, 0]
    assert len(read_rows(table("one.csv", new[:1]), data.features, data.spec)) == 1


def test_columns_that_are_missing_or_foreign_are_named():
    data = load(spec(table("train.csv")))
    with pytest.raises(UserError) as error:
        read_rows(table("new.csv", TABLE, ("a", "B", "c")), data.features, data.spec)
    text = str(error.value)
    assert "the run's column 'b' is missing" in text
    rows = read_rows(table("text.csv", TABLE, note=["hi"] * 50), data.features, data.spec)
    assert rows.x.shape == (50, 3)
    assert rows.carried["note"].tolist() == ["hi"] * 50


def test_a_headless_table_with_and_without_its_label_column():
    np.savetxt("train.csv", np.c_[np.arange(50) % 2, TABLE], delimiter=",")
    np.savetxt("plain.csv", TABLE, delimiter=",")
    data = load(spec("train.csv", label=0))
    labelled, plain = (read_rows(name, data.features, data.spec) for name in ("train.csv", "plain.csv"))
    assert np.array_equal(labelled.x, plain.x)
    assert plain.labels is None
    assert labelled.labels is not None
    assert labelled.labels.tolist() == [0, 1] * 25


def test_flat_rows_are_reshaped_and_others_refused():
    data = load(spec("digits"))
    images = read("digits").x[:5]
    rows = read_rows(images, data.features, data.spec)
    flat = read_rows(images.reshape(5, 64) / 16.0, data.features, data.spec)
    assert rows.x.shape == (5, 8, 8, 1)
    assert np.array_equal(rows.x, flat.x)
    for wrong in (np.zeros((5, 63)), np.zeros((5, 4, 16)), np.zeros((5, 1, 8, 8))):
        with pytest.raises(
            UserError, match=r"but the run was trained on 8 x 8 x 1\n  \[n, 8, 8, 1\], or \[n, 64\] flat"
        ):
            read_rows(wrong, data.features, data.spec)
    with pytest.raises(UserError, match="x has no rows"):
        read_rows(np.zeros((0, 64)), data.features, data.spec)
    with pytest.raises(UserError, match="row 2, pixel"):
        read_rows(np.where(np.arange(5)[:, None] == 1, np.nan, np.zeros((5, 64))), data.features, data.spec)


def test_integer_pixels_for_a_run_of_float_images_and_for_a_table():
    x = RNG.integers(0, 256, (20, 3, 3), dtype=np.uint8)
    np.save("images.npy", (x / 255).astype(np.float32))
    images = load(spec("images.npy"))
    np.testing.assert_allclose(read_rows(x, images.features, images.spec).x[..., 0], x / 255, rtol=1e-6)
    np.save("flat.npy", x.reshape(20, 9) / 255)
    flat = load(spec("flat.npy"))
    with pytest.raises(UserError, match="uint8 values are pixels, but the run was trained on a table"):
        read_rows(x.reshape(20, 9), flat.features, flat.spec)


def test_describe_reports_all_and_refuses_nothing():
    x = TABLE.copy()
    x[3, 1], x[7, 2] = np.nan, np.inf
    found = describe(spec(table("bad.csv", x)))
    assert (found.rows, found.shape, found.nonfinite, found.splits) == (50, (3,), 1, {})
    assert found.missing == 1
    assert np.isclose(found.maximum or 0, x[np.isfinite(x)].max())
    (problem,) = found.problems
    assert problem.place is not None
    assert problem.place.line == 9
    assert "row 8, column 'c' is inf" in problem.message
    assert "1 values are infinite" in "\n".join(found.lines)
    assert "1 holes" in "\n".join(found.lines)


def test_describe_of_sound_data():
    found = describe(spec("digits"))
    assert found.splits == {"train": 1437, "validation": 180, "test": 180}
    assert sum(found.labels["train"].values()) == 1437
    assert not found.problems
    assert not found.warnings
    assert {"0", "32", "39"} <= set(found.constant)  # corners that no digit reaches
    assert found.lines[0] == "digits: 1797 rows of 8 x 8 x 1 (image, uint8)"
    assert found.to_dict()["minimum"] == 0


@pytest.mark.parametrize(
    ("x", "warning"),
    [
        (RNG.normal(size=(20, 4, 4)), "float images are taken as they are"),
        (RNG.integers(0, 2, (20, 4, 4), np.uint8), "but none exceeds 1"),
        (RNG.integers(0, 4000, (20, 4, 4)), "integer pixels are divided by 255, but these go from"),
        (np.arange(60).reshape(20, 3), "the first row reads 0, 1, 2"),
    ],
)
def test_describe_warns_of_what_is_odd(x, warning):
    np.save("x.npy", x)
    (found,) = describe(spec("x.npy")).warnings
    assert warning in found


def test_describe_reports_a_split_that_cannot_be_made():
    np.save("x.npy", TABLE[:2])
    (problem,) = describe(spec("x.npy")).problems
    assert "left to train on" in problem.message


def test_every_problem_is_found_at_once():
    x = np.array([[np.inf, 1.0]])
    raw = Raw(x, labels=np.array([1, 2]), given_test=Rows(np.zeros((0, 3))))
    assert len(problems(raw)) == 4
