"""`embed`, `reconstruct` and `sample`: files of the right shape, order and content, the same each time."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.command import done, refused
from tests.cli.conftest import COLUMNS, people


def table(path: str) -> dict[str, list[str]]:
    """A CSV by columns."""
    with Path(path).open(newline="") as file:
        head, *rows = csv.reader(file)
    return dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def numbers(columns: dict[str, list[str]], *names: str) -> np.ndarray:
    return np.array([columns[name] for name in names], np.float32).T


def test_embed_writes_the_same_codes_in_every_format(runs):
    for ending in ("npy", "npz", "csv"):
        found = done("embed", runs.dense, "--output", f"codes.{ending}")
        assert found.out == f"codes.{ending}\n"
    codes, named, rows = np.load("codes.npy"), np.load("codes.npz"), table("codes.csv")
    assert codes.shape == (180, 2)
    assert codes.dtype == np.float32
    assert set(named.files) == {"codes", "ids", "labels"}
    assert list(rows) == ["id", "label", "z0", "z1"]
    assert np.array_equal(named["codes"], codes)
    assert np.array_equal(numbers(rows, "z0", "z1"), codes)
    assert rows["id"] == [str(i) for i in named["ids"]]
    assert rows["label"] == [str(i) for i in named["labels"]]
    from sklearn.datasets import load_digits

    assert np.array_equal(named["labels"], load_digits().target[named["ids"]])
    assert (np.diff(named["ids"]) > 0).all()


def test_embed_keeps_order_ids_and_labels_of_a_file(runs):
    head, *rows = people()
    order = np.random.default_rng(1).permutation(len(rows))
    Path("mixed.csv").write_text("\n".join([head, *(rows[i] for i in order)]))
    done("embed", runs.table, "--data", runs.csv, "--output", "a.csv")
    done("embed", runs.table, "--data", "mixed.csv", "--output", "b.csv")
    a, b = table("a.csv"), table("b.csv")
    assert a["id"] == [f"p{i:03d}" for i in range(80)]
    assert set(a["label"]) == {"tall", "short"}
    assert {name: [a[name][i] for i in order] for name in a} == b
    done("embed", runs.table, "--output", "test.csv")
    test = table("test.csv")
    where = [a["id"].index(i) for i in test["id"]]
    assert where == sorted(where)
    assert {name: [a[name][i] for i in where] for name in a} == test


def test_embed_matches_columns_by_name_and_needs_neither_id_nor_label(runs):
    with runs.csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [",".join(reversed(COLUMNS)), *(",".join(row[c] for c in reversed(COLUMNS)) for row in rows)]
    Path("bare.csv").write_text("\n".join(lines))
    done("embed", runs.table, "--data", "bare.csv", "--output", "bare_codes.csv")
    done("embed", runs.table, "--data", runs.csv, "--output", "codes.csv")
    bare, full = table("bare_codes.csv"), table("codes.csv")
    assert list(bare) == ["id", "z0", "z1"]
    assert bare["id"] == [str(i) for i in range(80)]
    assert (bare["z0"], bare["z1"]) == (full["z0"], full["z1"])


def test_embed_is_deterministic_and_stochastic_by_seed(runs):
    def codes(*arguments: object) -> np.ndarray:
        done("embed", runs.gaussian, "--output", "codes.npy", *arguments)
        return np.load("codes.npy")

    mean, drawn = codes(), codes("--stochastic", "--seed", 1)
    assert np.array_equal(mean, codes())
    assert np.array_equal(drawn, codes("--stochastic", "--seed", 1))
    assert not np.array_equal(drawn, codes("--stochastic", "--seed", 2))
    assert not np.array_equal(drawn, mean)
    assert drawn.shape == mean.shape == (180, 3)


@pytest.mark.parametrize("command", [["embed"], ["reconstruct"], ["sample", "--count", 180]])
def test_json_says_what_was_written(runs, command):
    report = done(command[0], runs.dense, "--output", "x.npy", "--json", *command[1:]).json
    assert report["run"] == str(runs.dense)
    assert report["output"] == "x.npy"
    assert report["rows"] == len(np.load("x.npy")) == 180


@pytest.mark.parametrize("name", ["codes.npy", "codes.npz", "codes.csv"])
def test_an_output_that_exists_is_replaced_whole_by_equal_bytes(runs, name):
    done("embed", runs.dense, "--output", name)
    before = Path(name).read_bytes()
    Path(name).write_bytes(before + b"x" * 100_000)
    done("embed", runs.dense, "--output", name)
    assert Path(name).read_bytes() == before
    assert [p.name for p in Path().iterdir()] == [name]


def test_reconstruct_in_every_format(runs):
    for name in ("x.npy", "x.npz", "x.csv", "x"):
        assert done("reconstruct", runs.dense, "--output", name).out == f"{name}\n"
    x, named, rows = np.load("x.npy"), np.load("x.npz"), table("x.csv")
    assert x.shape == (180, 8, 8, 1)
    assert np.isfinite(x).all()
    assert np.array_equal(named["reconstructions"], x)
    assert len(named["ids"]) == 180
    assert list(rows) == [f"p{i}" for i in range(64)]
    assert np.array_equal(numbers(rows, *rows), x.reshape(180, 64))
    pictures = sorted(Path("x").iterdir())
    assert [p.name for p in pictures] == [f"{i:05d}.png" for i in range(180)]
    shown = np.stack([picture(p) for p in pictures])
    assert np.array_equal(shown, np.rint(255 * np.clip(x[..., 0], 0, 1)).astype(np.uint8))
    Path("x/99999.png").write_bytes(b"of an older run")
    done("reconstruct", runs.dense, "--output", "x")
    assert len(list(Path("x").iterdir())) == 180


def test_reconstruct_of_a_folder_of_pictures_keeps_their_names(runs):
    from sklearn.datasets import load_digits

    x = np.uint8(load_digits().images[:4] * 15)
    for folder in ("in", "in/s"):
        Path(folder).mkdir()
    for name, pixels in zip(("in/cat.jpg", "in/cat.png", "in/s/dog.png", "in/10.webp"), x, strict=True):
        Image.fromarray(pixels).save(name)
    done("reconstruct", runs.dense, "--data", "in", "--output", "x.npz")
    for _ in range(2):
        assert done("reconstruct", runs.dense, "--data", "in", "--output", "out", "--json").json["rows"] == 4
    found = {p.relative_to("out").as_posix(): picture(p) for p in Path("out").rglob("*.png")}
    expected = {"cat.jpg": "cat.jpg.png", "cat.png": "cat.png", "s/dog.png": "s/dog.png", "10.webp": "10.png"}
    assert set(found) == set(expected.values())
    with np.load("x.npz") as named:
        for key, x_hat in zip(named["ids"], named["reconstructions"], strict=True):
            assert np.array_equal(found[expected[key]], np.rint(255 * np.clip(x_hat[..., 0], 0, 1)).astype(np.uint8))
    assert "--output in holds other things" in refused("reconstruct", runs.dense, "--data", "in", "--output", "in")


def test_reconstruct_of_a_table_comes_back_in_its_columns_and_units_and_can_be_read_again(runs):
    done("reconstruct", runs.table, "--data", runs.csv, "--output", "x_hat.csv")
    rows = table("x_hat.csv")
    assert list(rows) == ["who", "kind", *COLUMNS]
    assert rows["who"] == [f"p{i:03d}" for i in range(80)]
    assert abs(numbers(rows, "height").mean() - 170) < 5
    done("embed", runs.table, "--data", "x_hat.csv", "--output", "codes.npy")
    assert np.load("codes.npy").shape == (80, 2)


def test_white_is_white_in_pictures_for_a_run_of_digits(runs):
    """Digits are numbers up to 16, pictures up to 255; an array of whole numbers is taken as the training rows were."""
    from sklearn.datasets import load_digits

    x = load_digits().images[:5]
    np.save("x.npy", x.astype(np.uint8))
    Path("pictures").mkdir()
    for i, image in enumerate(x):
        Image.fromarray(np.rint(255 * image / 16).astype(np.uint8)).save(f"pictures/{i}.png")
    for source in ("x.npy", "pictures"):
        done("reconstruct", runs.dense, "--data", source, "--output", f"{source}_hat.npy")
    np.testing.assert_allclose(np.load("x.npy_hat.npy"), np.load("pictures_hat.npy"), atol=0.02)


def test_reconstruct_tiled_takes_pictures_of_any_size(runs):
    Path("pictures/deep").mkdir(parents=True)
    for name, (height, width) in {"large.png": (30, 21), "deep/small.jpg": (3, 5), "own.webp": (8, 8)}.items():
        Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(f"pictures/{name}")
    assert done("reconstruct", runs.dense, "--data", "pictures", "--tiled", "--output", "out").out == "out\n"
    done("reconstruct", runs.dense, "--data", "pictures", "--output", "fitted")
    found = {str(p.relative_to("out")): picture(p) for p in sorted(Path("out").rglob("*.png"))}
    assert {name: p.shape for name, p in found.items()} == {
        "deep/small.png": (3, 5), "large.png": (30, 21), "own.png": (8, 8),
    }  # fmt: skip
    assert np.array_equal(found["own.png"], picture(Path("fitted/own.png")))  # one tile
    Path("pictures/broken.png").write_bytes(b"no picture")
    said = refused("reconstruct", runs.dense, "--data", "pictures", "--tiled", "--output", "out")
    assert "broken.png (no PNG, JPEG or WebP)" in said
    assert len(list(Path("out").rglob("*.png"))) == 3


@pytest.mark.parametrize(
    ("run", "arguments", "message"),
    [
        ("dense", [], "--tiled needs --data with a folder of pictures"),
        ("dense", ["--data", "x.npy"], "--tiled needs --data with a folder of pictures"),
        ("dense", ["--split", "test"], "--tiled and --split exclude one another"),
        ("table", ["--data", "p"], "--tiled is for runs of pictures"),
    ],
)
def test_reconstruct_tiled_refuses_what_is_no_picture(runs, run, arguments, message):
    np.save("x.npy", np.zeros((3, 8, 8, 1)))
    assert message in refused("reconstruct", getattr(runs, run), "--tiled", "--output", "out", *arguments)


def test_reconstruct_takes_rows_given_flat(runs):
    from sklearn.datasets import load_digits

    x = load_digits().images[:7, ..., None] / 16
    np.save("image.npy", x)
    np.save("flat.npy", x.reshape(7, 64))
    done("reconstruct", runs.dense, "--data", "image.npy", "--output", "a.npy")
    done("reconstruct", runs.dense, "--data", "flat.npy", "--output", "b.npy")
    assert np.array_equal(np.load("a.npy"), np.load("b.npy"))


@pytest.mark.parametrize(
    ("run", "arguments", "shape"),
    [
        ("gaussian", ["--count", 5], (5, 8, 8, 1)),
        ("gaussian", ["--count", 5, "--sampler", "prior"], (5, 8, 8, 1)),
        ("gaussian", ["--count", 5, "--sampler", "mixture"], (5, 8, 8, 1)),
        ("dense", ["--count", 5], (5, 8, 8, 1)),
        ("dense", ["--interpolate", 4], (8 * 4, 8, 8, 1)),
        ("gaussian", ["--traverse", 5], (3 * 5, 8, 8, 1)),
        ("dense", ["--manifold", 6], (36, 8, 8, 1)),
        ("table", ["--count", 9], (9, 3)),
        ("table", ["--manifold", 3], (9, 3)),
    ],
)
def test_sample(runs, run, arguments, shape):
    path = getattr(runs, run)
    for name in ("a.npy", "b.npy"):
        assert done("sample", path, "--output", name, *arguments).out == f"{name}\n"
    done("sample", path, "--output", "c.npz", *arguments)
    a, c = np.load("a.npy"), np.load("c.npz")
    assert a.shape == shape
    assert np.isfinite(a).all()
    assert np.array_equal(a, np.load("b.npy"))
    assert np.array_equal(a, c["samples"])
    assert len(c["codes"]) == len(a)


def test_sample_by_seed(runs):
    for seed in (0, 1):
        done("sample", runs.gaussian, "-n", 4, "--seed", seed, "--output", f"{seed}.npy")
    assert not np.array_equal(np.load("0.npy"), np.load("1.npy"))


def test_sample_of_the_prior_is_not_that_of_the_mixture(runs):
    for name in ("prior", "mixture", "auto"):
        done("sample", runs.gaussian, "-n", 4, "--sampler", name, "--output", f"{name}.npy")
    assert np.array_equal(np.load("auto.npy"), np.load("prior.npy"))
    assert not np.array_equal(np.load("auto.npy"), np.load("mixture.npy"))


def test_sample_as_a_sheet_of_pictures_and_as_a_table(runs):
    done("sample", runs.gaussian, "-n", 6, "--output", "sheet.png")
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (3 * (7 * 8 + 2) + 2, 2 * (7 * 8 + 2) + 2)
    done("sample", runs.table, "-n", 6, "--output", "rows.csv")
    assert list(table("rows.csv")) == list(COLUMNS)


def test_rows_of_an_interpolation_say_where_they_are(runs):
    import pyarrow.parquet

    for name in ("x.csv", "x.npz", "x.parquet"):
        done("sample", runs.table, "--interpolate", 3, "-n", 2, "--output", name)
    done("embed", runs.table, "--output", "codes.csv")
    rows, codes, arrays = table("x.csv"), table("codes.csv"), np.load("x.npz")
    assert list(rows) == ["pair", "step", "from_id", "to_id", *COLUMNS]
    assert rows["pair"] == ["0"] * 3 + ["1"] * 3
    assert rows["step"] == ["0", "1", "2"] * 2
    known = dict(zip(codes["id"], numbers(codes, "z0", "z1"), strict=True))
    for i in range(6):
        t = np.float32(int(rows["step"][i]) / 2)
        line = (1 - t) * known[rows["from_id"][i]] + t * known[rows["to_id"][i]]
        np.testing.assert_allclose(arrays["codes"][i], line, atol=1e-6)
    assert set(arrays.files) == {"samples", "codes", "pair", "step", "from_id", "to_id"}
    found = pyarrow.parquet.read_table("x.parquet").to_pydict()
    assert {name: [str(v) for v in values] for name, values in found.items() if name not in COLUMNS} == {
        name: rows[name] for name in ("pair", "step", "from_id", "to_id")
    }


def test_rows_of_a_traversal_and_of_a_map_say_where_they_are(runs):
    for name in ("x.csv", "x.npz"):
        done("sample", runs.gaussian, "--traverse", 4, "--output", name)
        done("sample", runs.table, "--manifold", 3, "--output", f"map_{name}")
    rows, arrays = table("x.csv"), np.load("x.npz")
    assert list(rows)[:3] == ["unit", "step", "value"]
    assert sorted(rows["unit"]) == sorted("012" * 4)
    units = arrays["unit"]
    assert np.array_equal(numbers(rows, "value")[:, 0], arrays["codes"][np.arange(12), units])
    rows, arrays = table("map_x.csv"), np.load("map_x.npz")
    assert list(rows) == ["z0", "z1", *COLUMNS]
    assert np.array_equal(numbers(rows, "z0", "z1"), arrays["codes"])


@pytest.mark.parametrize(
    ("run", "command", "message"),
    [
        ("dense", ["embed", "--output", "x.pdf"], "--output x.pdf: '.pdf' is no suffix"),
        ("dense", ["embed", "--output", "x"], "--output x: a suffix is missing"),
        ("dense", ["embed", "--output", "nowhere/x.npy"], "there is no folder nowhere"),
        ("dense", ["embed", "--output", "x.npy", "--stochastic"], "the dense bottleneck is deterministic"),
        ("gaussian", ["embed", "--output", "x.npy", "--stochastic", "--seed", "-1"], "--seed"),
        ("dense", ["embed"], "Missing option '--output'"),
        ("dense", ["reconstruct", "--output", "x.jpg"], "'.jpg' is no suffix"),
        ("dense", ["reconstruct", "--output", "folder"], "--output folder holds other things (mine.txt)"),
        ("dense", ["reconstruct", "--output", "file"], "--output file is a file"),
        ("table", ["reconstruct", "--output", "x"], "rows of shape [3] are no images"),
        ("dense", ["reconstruct", "--output", "nowhere/x"], "there is no folder nowhere"),
        ("dense", ["sample", "--output", "x.jpg"], "'.jpg' is no suffix"),
        ("dense", ["sample", "--output", "folder.npy"], "--output folder.npy is a folder"),
        ("table", ["sample", "--output", "x.png"], "rows of shape [3] are no images"),
        ("dense", ["sample", "--output", "x.npy", "--sampler", "priro"], "did you mean 'prior'?"),
        ("dense", ["sample", "--output", "x.npy", "--sampler", "prior"], "this bottleneck has no prior"),
        ("dense", ["sample", "--output", "x.npy", "--count", "0"], "--count"),
        ("dense", ["sample", "--output", "x.npy", "--count", "100000000000"], "rows need"),
        ("dense", ["sample", "--output", "x.npy", "--interpolate", "1000000000"], "rows need"),
        ("dense", ["sample", "--output", "x.npy", "--manifold", "1000000"], "rows need"),
        ("dense", ["sample", "--output", "x.npy", "--traverse", "1000000000"], "rows need"),
        ("gaussian", ["sample", "--output", "x.npy", "--manifold", "4"], "a map needs a code of two units"),
        ("dense", ["sample", "--output", "x.npy", "--manifold", "4", "--traverse", "4"], "exclude one another"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_left(runs, run, command, message):
    Path("folder").mkdir()
    Path("folder.npy").mkdir()
    Path("folder/mine.txt").write_text("kept")
    Path("file").write_text("kept")
    before = sorted(Path().rglob("*"))
    assert message in refused(command[0], getattr(runs, run), *command[1:])
    assert sorted(Path().rglob("*")) == before
