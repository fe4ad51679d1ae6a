from __future__ import annotations

import csv
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from aecli.config.problems import DamagedError, UserError
from aecli.report.sheet import contact_sheet
from aecli.tasks.folders import numbered, png_names, write_images
from aecli.tasks.kept import keep, kept
from aecli.tasks.output import FOLDER, check_output, write_csv, write_npy, write_npz, write_png
from tests.data.files import npy_bytes, npy_header, zip_file


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.parquet", "'.parquet' is no suffix"),
        ("x", "a suffix is missing"),
        ("nowhere/x.npy", "there is no folder nowhere"),
        ("folder.npy", "is a folder"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(UserError, match=message):
        check_output(name, (".npy", ".csv"))


def test_the_known_suffixes_are_named_and_their_case_does_not_count(tmp_path):
    with pytest.raises(UserError, match=r"known here: \.npy, a folder"):
        check_output(tmp_path / "x.txt", (".npy", FOLDER))
    assert check_output(tmp_path / "X.NPY", (".npy",)) == tmp_path / "X.NPY"


@pytest.mark.parametrize("name", ["x.npy", "X.NPY"])
def test_npy_holds_the_array_alone_and_replaces_what_was_there(name, tmp_path):
    (tmp_path / name).write_text("old")
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_npy(tmp_path / name, array)
    np.testing.assert_array_equal(np.load(tmp_path / name, allow_pickle=False), array)
    assert names(tmp_path) == [name]


def test_npz_keeps_text_without_pickle_and_equal_arrays_give_equal_bytes(tmp_path):
    arrays = {"codes": np.eye(2), "ids": np.array(["a", "b"]), "labels": None}
    write_npz(tmp_path / "a.npz", arrays)
    write_npz(tmp_path / "b.npz", arrays)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert sorted(file.files) == ["codes", "ids"]
        assert file["ids"].tolist() == ["a", "b"]
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("write", [write_npy, lambda p, a: write_npz(p, {"a": a}), lambda p, a: write_csv(p, {"a": a})])
def test_objects_are_never_written_and_the_old_file_stays(write, tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(TypeError, match="Python objects"):
        write(path, np.array([{}], object))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize(
    "write",
    [
        lambda p: write_npy(p, np.zeros(3)),
        lambda p: write_npz(p, {"a": np.zeros(3)}),
        lambda p: write_csv(p, {"a": np.zeros(3)}),
        lambda p: write_png(p, np.zeros((2, 2), np.uint8)),
        lambda p: write_images(p, numbered([np.zeros((2, 2), np.uint8)])),
    ],
    ids=["npy", "npz", "csv", "png", "folder"],
)
def test_a_write_that_fails_leaves_what_was_there(write, tmp_path, monkeypatch):
    path = tmp_path / "x"
    if write.__code__.co_names[0] == "write_images":
        path.mkdir()
        (path / "00000.png").write_text("old")
    else:
        path.write_text("old")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match="No space left"):
        write(path)
    assert (path / "00000.png" if path.is_dir() else path).read_text() == "old"
    assert names(tmp_path) == ["x"]


@given(hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(width=32, allow_nan=False)))
def test_csv_floats_read_back_to_the_same_float32(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    write_csv(path, {"a": values})
    found = np.array([row[0] for row in read(path)[1:]], np.float64).astype(np.float32)
    np.testing.assert_array_equal(found, values)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=8))
def test_csv_text_reads_back_whatever_it_holds(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    ids = np.array([t.rstrip("\0") for t in texts])
    write_csv(path, {"id": ids, 'a "name", quoted': np.arange(len(ids))})
    rows = read(path)
    assert rows[0] == ["id", 'a "name", quoted']
    assert [row[0] for row in rows[1:]] == ids.tolist()


def test_csv_is_short_and_leaves_absent_columns_out(tmp_path):
    columns = {"id": np.array(["a", "b"]), "label": None, "z0": np.array([0.1, 2], np.float32)}
    write_csv(tmp_path / "x.csv", {**columns, "is_anomaly": np.array([True, False])})
    assert (tmp_path / "x.csv").read_text() == "id,z0,is_anomaly\na,0.1,true\nb,2,false\n"


def test_a_folder_of_images_is_replaced_but_no_other_folder(tmp_path):
    folder = tmp_path / "images"
    write_images(folder, numbered(np.full((2, 2), i, np.uint8) for i in range(3)))
    write_images(folder, numbered([np.full((2, 2, 3), 9, np.uint8)]))
    assert names(folder) == ["00000.png"]
    assert np.asarray(Image.open(folder / "00000.png")).tolist() == np.full((2, 2, 3), 9).tolist()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="holds other things"):
        check_output(folder, (FOLDER,))
    with pytest.raises(UserError, match="holds other things"):
        write_images(folder, numbered([np.zeros((2, 2), np.uint8)]))
    assert (folder / "thesis.txt").read_text() == "precious"
    assert names(tmp_path) == ["images"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a.jpg", "s/b.webp", "s/c.png"], ["a.png", "s/b.png", "s/c.png"]),
        (["a.jpg", "a.png"], ["a.jpg.png", "a.png"]),
        (["a.jpg", "a.webp"], ["a.jpg.png", "a.webp.png"]),
        (["A.jpg", "a.JPG", "b/a.jpg"], ["A.jpg.png", "a.JPG.png.png", "b/a.png"]),
        (["a.jpg", "a.jpg.png", "a.png"], ["a.jpg.png.png", "a.jpg.png", "a.png"]),
        (["a.jpg", "a.png/x.jpg"], ["a.png.png", "a.png/x.png"]),
        (["x.y.jpeg", "1.PNG"], ["x.y.png", "1.png"]),
    ],
)
def test_pictures_keep_their_names_and_none_is_written_over_another(files, expected):
    assert png_names(files) == dict(zip(files, expected, strict=True))
    assert png_names(files[::-1]).keys() == set(files)
    assert len({name.casefold() for name in png_names(files).values()}) == len(files)


def test_a_folder_of_single_pictures_is_not_replaced(tmp_path):
    (tmp_path / "pictures").mkdir()
    write_png(tmp_path / "pictures" / "sheet.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(UserError, match=r"holds other things \(sheet.png\)"):
        write_images(tmp_path / "pictures", numbered([np.zeros((2, 2), np.uint8)]))
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["sheet.png"]


def test_a_folder_of_named_images_is_replaced_unless_a_picture_in_it_is_somebody_elses(tmp_path):
    folder = tmp_path / "images"
    write_images(folder, [("a/b.png", np.zeros((2, 2), np.uint8)), ("c.png", np.zeros((2, 2), np.uint8))])
    write_images(folder, [("a/d.png", np.ones((2, 2), np.uint8))])
    assert [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*.png"))] == ["a/d.png"]
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(folder / "a" / "7.png")
    with pytest.raises(UserError, match=r"holds other things \(a/7.png\)"):
        write_images(folder, [("a/d.png", np.ones((2, 2), np.uint8))])
    assert (folder / "a" / "7.png").exists()
    assert names(tmp_path) == ["images"]


def test_a_contact_sheet_places_every_image():
    images = np.stack([np.full((2, 3, 1), i / 255) for i in range(5)])
    sheet = contact_sheet(images, columns=2, pad=1)
    assert sheet.shape == (3 * 3 + 1, 2 * 4 + 1)
    for i in range(5):
        top, left = 1 + 3 * (i // 2), 1 + 4 * (i % 2)
        assert (sheet[top : top + 2, left : left + 3] == i).all()
        sheet[top : top + 2, left : left + 3] = 255
    assert (sheet == 255).all()  # paper everywhere else, and in the sixth place


def test_a_contact_sheet_keeps_colours_and_clips():
    images = np.array([-1.0, 0.5, 2.0]) * np.ones((1, 2, 2, 3))
    assert contact_sheet(images, columns=1, pad=0)[0, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("shape", [(2, 7), (2, 3, 3, 2), (2, 3, 3, 4)])
def test_what_is_no_image_gets_no_sheet(shape):
    with pytest.raises(UserError, match="cannot be drawn"):
        contact_sheet(np.zeros(shape), columns=1)


def test_what_is_kept_belongs_to_its_key(tmp_path):
    path = tmp_path / "kept.npz"
    assert kept(path, {"step": 1}) is None
    keep(path, {"step": 1, "kind": "a"}, {"x": np.arange(3)})
    found = kept(path, {"kind": "a", "step": 1})
    assert found is not None
    assert list(found) == ["x"]
    assert kept(path, {"step": 2, "kind": "a"}) is None


@pytest.mark.parametrize("damage", ["truncated", "flipped", "text", "pickle"])
def test_a_damaged_kept_file_is_said_to_be_damaged(damage, tmp_path):
    path = tmp_path / "kept.npz"
    keep(path, {"step": 1}, {"x": np.arange(300)})
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    elif damage == "text":
        content = bytearray(b"hello")
    path.write_bytes(content)
    if damage == "pickle":
        np.savez(path, meta=np.array([{}], object))
    with pytest.raises(DamagedError, match="remove it"):
        kept(path, {"step": 1})


def test_a_kept_array_that_announces_more_than_is_there_is_not_made_room_for(tmp_path):
    """Its header claims 14.6 TiB: the size of the member says how much there is."""
    path = tmp_path / "kept.npz"
    meta = npy_bytes(np.asarray('{"key": {}, "arrays": ["x"]}'))
    for shape in ((2_000_000_000_000,), (10**9, 10**9, 10**9), (-5,)):
        zip_file(path, {"meta.npy": meta, "x.npy": npy_header(shape, data=bytes(8))})
        with pytest.raises(DamagedError, match="announces"):
            kept(path, {})


def test_kept_arrays_that_do_not_fit_are_damaged(tmp_path):
    path = tmp_path / "kept.npz"
    keep(path, {"a": 1}, {"x": np.zeros(3)})
    assert kept(path, {"a": 1}, lambda arrays: arrays["x"].shape == (3,)) is not None
    assert kept(path, {"a": 2}, lambda arrays: False) is None
    with pytest.raises(DamagedError, match="do not fit one another"):
        kept(path, {"a": 1}, lambda arrays: arrays["x"].shape == (4,))


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/tmp/x.png", "a\0.png", "a\n.png", "a\x1b[1m.png", ""])
def test_no_picture_is_written_out_of_its_folder_or_under_a_name_that_hides_things(tmp_path, name):
    with pytest.raises(UserError, match="is no name for a picture"):
        write_images(tmp_path / "out", [(name, np.zeros((2, 2), np.uint8))])
    assert list(tmp_path.iterdir()) == []
