from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from aecli.config.problems import UserError
from aecli.data.raw import Rows
from aecli.tasks.codes import training_codes, training_rows
from aecli.tasks.embed import embed, write_embedding
from aecli.tasks.reconstruct import reconstruct, write_reconstruction
from aecli.tasks.units import in_units
from tests.tasks.small import GAUSSIAN, pixels, table, trained

COLUMNS = ("a", "b", "c", "d", "e")
NAMED = {"id": "name", "label": "kind"}


def raw(n):
    return {"ids": np.array([f"r{i}" for i in range(n)]), "labels": np.arange(n) % 3, "columns": COLUMNS}


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_embed_writes_one_row_a_row_in_input_order_with_ids_and_labels(tmp_path):
    model = trained(tmp_path, table(1500), raw=raw(1500), data=NAMED)
    for suffix in ("npy", "npz", "csv"):
        write_embedding(model, tmp_path / f"codes.{suffix}", split="train")
    rows = model.dataset.train
    assert len(rows) > 2 * 512  # more than one batch, and a part of one
    weights = model.weights
    expected = np.asarray(model.autoencoder.encode(weights, rows.x).mean)
    codes = np.load(tmp_path / "codes.npy", allow_pickle=False)
    np.testing.assert_allclose(codes, expected, rtol=1e-5, atol=1e-6)
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["codes"], codes)
        assert file["ids"].tolist() == rows.ids.tolist()
        np.testing.assert_array_equal(file["labels"], rows.labels)
    lines = read(tmp_path / "codes.csv")
    assert lines[0] == ["id", "label", "z0", "z1", "z2"]
    assert [line[0] for line in lines[1:]] == rows.ids.tolist()
    np.testing.assert_array_equal(np.array([line[2:] for line in lines[1:]], float).astype(np.float32), codes)


def test_embed_without_labels_has_no_label_column(tmp_path):
    write_embedding(trained(tmp_path, table(50)), tmp_path / "codes.csv")
    assert read(tmp_path / "codes.csv")[0] == ["id", "z0", "z1", "z2"]


def test_drawn_codes_depend_on_seed_and_row_alone(tmp_path):
    x = table(1200)
    model = trained(tmp_path, x, model=GAUSSIAN)
    all_rows = embed(model, x, stochastic=True, seed=1).codes
    few = embed(model, x[:5], stochastic=True, seed=1).codes
    np.testing.assert_array_equal(all_rows[:5], few)
    assert (all_rows != embed(model, x, stochastic=True, seed=2).codes).all()
    same = np.repeat(x[:1], 4000, axis=0)
    posterior = model.autoencoder.encode(model.weights, model.rows(same)[1].x[:1]).posterior
    drawn = embed(model, same, stochastic=True, seed=5).codes
    sd = np.exp(0.5 * np.asarray(posterior.log_variance)[0])
    np.testing.assert_allclose(drawn.mean(axis=0), np.asarray(posterior.mean)[0], atol=4 * sd.max() / 4000**0.5)
    np.testing.assert_allclose(drawn.std(axis=0), sd, rtol=0.06)


def test_a_deterministic_code_has_nothing_to_draw(tmp_path):
    with pytest.raises(UserError, match="the dense bottleneck is deterministic"):
        embed(trained(tmp_path, table(50)), stochastic=True)


@pytest.mark.parametrize("task", [write_embedding, write_reconstruction])
def test_a_wrong_output_is_refused_before_anything_is_read(task, tmp_path):
    model = trained(tmp_path, table(50))
    with pytest.raises(UserError, match="no suffix"):
        task(model, tmp_path / "x.pdf", tmp_path / "not there.npy")


def test_a_table_comes_back_in_its_own_columns_and_units(tmp_path):
    x = table(60)
    model = trained(tmp_path, x, raw=raw(60), data=NAMED)
    for suffix in ("npy", "npz", "csv"):
        write_reconstruction(model, tmp_path / f"x.{suffix}")
    rows = model.dataset.test
    inside = np.asarray(model.autoencoder.reconstruct(model.weights, rows.x), np.float64)
    train = x[model.dataset.train.rows]
    expected = inside * train.std(axis=0) + train.mean(axis=0)
    found = np.load(tmp_path / "x.npy", allow_pickle=False)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["reconstructions"], found)
        assert file["ids"].tolist() == rows.ids.tolist()
    lines = read(tmp_path / "x.csv")
    assert lines[0] == ["name", "kind", *COLUMNS]
    np.testing.assert_array_equal(np.array([line[2:] for line in lines[1:]], float).astype(np.float32), found)


def test_a_column_that_float32_cannot_resolve_stays_float64(tmp_path):
    x = table(60)
    assert in_units(trained(tmp_path, x).features, np.zeros((1, 5))).dtype == np.float32
    far = x + 1e9
    units = in_units(trained(tmp_path, far).features, np.zeros((1, 5)))
    assert units.dtype == np.float64
    assert np.abs(units - far.mean(axis=0)).max() < 5


def test_images_come_back_as_a_folder_of_numbered_pngs(tmp_path):
    model = trained(tmp_path, pixels(), objective={"reconstruction": "bernoulli"})
    found = reconstruct(model, split="train").reconstructions
    assert write_reconstruction(model, tmp_path / "images", split="train") == len(found)
    assert sorted(p.name for p in (tmp_path / "images").iterdir())[:2] == ["00000.png", "00001.png"]
    for row in (0, len(found) - 1):
        image = np.asarray(Image.open(tmp_path / "images" / f"{row:05d}.png"))
        np.testing.assert_array_equal(image, np.rint(255 * found[row, ..., 0]))


def test_images_as_csv_are_flat_pixels(tmp_path):
    model = trained(tmp_path, pixels())
    found = reconstruct(model).reconstructions
    write_reconstruction(model, tmp_path / "x.csv")
    lines = read(tmp_path / "x.csv")
    assert lines[0] == [f"p{i}" for i in range(12)]
    np.testing.assert_array_equal(np.array(lines[1:], float).astype(np.float32), found.reshape(len(found), -1))


def test_a_table_gets_no_folder_of_images(tmp_path):
    with pytest.raises(UserError, match="cannot be drawn"):
        write_reconstruction(trained(tmp_path, table(50)), tmp_path / "images")


def test_rows_of_another_file_may_be_given_and_one_row_is_fine(tmp_path):
    x = table(60)
    model = trained(tmp_path, x, raw={"given_test": Rows(x[:7])})
    np.testing.assert_array_equal(reconstruct(model, x[:1]).reconstructions, reconstruct(model).reconstructions[:1])


def test_training_codes_are_those_of_the_pixels_the_model_saw(tmp_path):
    model = trained(tmp_path, pixels(), data={"binarize": "dynamic"}, objective={"reconstruction": "bernoulli"})
    grey, rows = model.dataset.train.x, training_rows(model)
    assert set(np.unique(rows)) == {0.0, 1.0}
    assert ((grey > 0) & (grey < 1)).any()
    np.testing.assert_array_equal(training_codes(model), model.encode(rows))


def test_a_column_that_was_never_known_stays_holes(tmp_path):
    x = table(60)
    x[:, 2] = np.nan
    features = trained(tmp_path, x).features
    z = np.zeros((3, 5))
    holes = np.isnan(in_units(features, z))
    assert holes.tolist() == [[False, False, True, False, False]] * 3
    assert not np.isnan(z).any()
