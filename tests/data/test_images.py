"""Folders of pictures: what is read of sound ones, and what is said of broken ones."""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aecli.config.problems import UserError
from aecli.data.raw import Want
from aecli.data.sources import images, read
from aecli.data.sources.folders import listing
from aecli.data.sources.images import scan, survey
from aecli.data.spec import Image as Options

RNG = np.random.default_rng(0)
calm = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def put(path: str | Path, x: np.ndarray, **options) -> np.ndarray:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(x[..., 0] if x.shape[2:] == (1,) else x).save(path, **options)
    return x


def options(**kept) -> Want:
    if isinstance(kept.get("size"), list):
        kept["size"] = tuple(kept["size"])
    return Want(image=Options(**kept))


def folder(n: int = 7, size: int = 4, channels: int = 3) -> np.ndarray:
    """n pictures in two sub-folders; the rows that must come of them."""
    shape = (n, size, size, channels) if channels > 1 else (n, size, size)
    x = pixels(*shape)
    for i in range(n):
        put(f"p/{'ab'[i >= n // 2]}/{i}.png", x[i])
    return x


def test_sub_folders_are_labels_and_paths_are_ids():
    x = folder()
    raw = read("p")
    assert raw.kind == "image"
    assert raw.divisor == 255
    assert raw.x.dtype == np.uint8
    assert np.array_equal(raw.x, x)
    assert raw.labels is not None
    assert raw.ids is not None
    assert raw.labels.tolist() == ["a"] * 3 + ["b"] * 4
    assert raw.ids.tolist() == [f"{'ab'[i >= 3]}/{i}.png" for i in range(7)]
    assert [p.name for p in raw.files] == [f"{i}.png" for i in range(7)]
    assert raw.notes == ()


def test_numbered_sub_folders_are_numbers_and_deep_ones_keep_the_first_name():
    for name in ("p/0/x/1.png", "p/10/1.png", "p/2/y/z/1.png"):
        put(name, pixels(3, 3))
    raw = read("p")
    assert raw.labels is not None
    assert raw.labels.tolist() == [0, 2, 10]
    assert raw.labels.dtype.kind == "i"


def test_order_is_natural():
    names = ["2.png", "10.png", "1.png", "a10.png", "a9.png", "B1.png", "01.png"]
    for i, name in enumerate(names):
        put(f"p/{name}", np.full((2, 2), i, np.uint8))
    assert [p.name for p in listing(Path("p")).files] == [
        "01.png", "1.png", "2.png", "10.png", "a9.png", "a10.png", "B1.png",
    ]  # fmt: skip


def test_no_labels_without_sub_folders_and_a_note_where_some_have_them():
    put("p/1.png", pixels(2, 2))
    assert read("p").labels is None
    put("p/a/2.png", pixels(2, 2))
    raw = read("p")
    assert raw.labels is None
    assert "some in its sub-folders" in raw.notes[0]


def test_folders_called_train_and_test_get_a_note():
    for name in ("train", "test"):
        put(f"p/{name}/1.png", pixels(2, 2))
    assert "for the training part use p/train" in read("p").notes[0]


def test_hidden_files_are_passed_over_and_others_counted():
    put("p/1.png", pixels(2, 2))
    put("p/.2.png", pixels(2, 2))
    put("p/.thumbs/3.png", pixels(2, 2))
    Path("p/notes.TXT").write_text("x")
    Path("p/README").write_text("x")
    put("p/4.gif", pixels(2, 2))
    raw = read("p")
    assert len(raw.x) == 1
    assert raw.notes == ("3 files of 'p' are no pictures read here (no ending, .gif, .txt)",)


def test_links_within_the_folder_are_read_and_those_out_of_it_refused():
    put("p/1.png", pixels(2, 2))
    Path("p/2.png").symlink_to("1.png")
    assert len(read("p").x) == 2
    put("secret/s.png", pixels(2, 2))
    Path("p/3.png").symlink_to(Path("secret/s.png").resolve())
    Path("p/more").symlink_to(Path("secret").resolve())
    with pytest.raises(UserError, match=r"p: 2 links lead out of the folder: 3\.png; more"):
        read("p")


def test_a_link_to_a_folder_within_is_no_endless_loop():
    put("p/a/1.png", pixels(2, 2))
    Path("p/a/up").symlink_to(Path("p").resolve())
    assert len(read("p").x) == 1


@pytest.mark.parametrize("kind", ["png", "webp"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_lossless_kinds_keep_every_pixel(kind, channels):
    x = pixels(5, 7, channels)
    x[..., 3:] = np.maximum(x[..., 3:], 1)  # WebP may drop colours of what is wholly transparent
    put(f"p/1.{kind}", x, **({"lossless": True, "exact": True} if kind == "webp" else {}))
    raw = read("p", options(channels=channels))
    assert raw.x.shape == (1, 5, 7, channels)
    assert np.array_equal(raw.x[0], x)


def test_jpeg_is_what_pillow_decodes():
    put("p/1.JPG", pixels(9, 8, 3))
    with Image.open("p/1.JPG") as image:
        assert np.array_equal(read("p").x[0], np.asarray(image))


ALL = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
OWN = {"1": 1, "L": 1, "LA": 2, "P": 3, "RGB": 3, "RGBA": 4, "I;16": 1}


def colourful(mode: str) -> Image.Image:
    base = Image.fromarray(pixels(6, 6, 4))
    if mode == "I;16":
        return Image.fromarray(np.arange(36, dtype=np.uint16).reshape(6, 6) * 1820)
    return base.convert("RGB").convert(mode) if mode == "P" else base.convert(mode)


@pytest.mark.parametrize("mode", ALL)
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_every_kind_has_every_number_of_channels(mode, channels):
    Path("p").mkdir()
    image = colourful(mode)
    image.save("p/1.png")
    raw = read("p", options(channels=channels))
    count = channels or OWN[mode]
    assert raw.x.shape == (1, 6, 6, count)
    alpha = np.asarray(image.convert("RGBA"))[..., 3] if mode in ("LA", "RGBA") else np.full((6, 6), 255)
    if count in (2, 4):
        assert np.array_equal(raw.x[0, ..., -1], alpha)
    if mode in ("1", "L", "I;16"):
        grey = np.asarray(image).astype(np.float64) * {"1": 255, "L": 1, "I;16": 255 / 65535}[mode]
        assert np.array_equal(raw.x[0, ..., 0], np.rint(grey))


def test_grey_is_luma():
    x = put("p/1.png", pixels(6, 6, 3))
    luma = x @ np.array([0.299, 0.587, 0.114])
    assert np.abs(read("p", options(channels=1)).x[0, ..., 0] - luma).max() <= 0.51


def test_transparent_pixels_lie_on_white_where_no_alpha_is_wanted():
    x = put("p/1.png", pixels(6, 6, 4)).astype(np.float64)
    share = x[..., 3:] / 255
    assert np.abs(read("p", options(channels=3)).x[0] - (share * x[..., :3] + (1 - share) * 255)).max() <= 1.01


def test_a_palette_with_a_transparent_colour_has_four_channels():
    Path("p").mkdir()
    image = Image.fromarray(pixels(4, 4) % 3).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save("p/1.png", transparency=1)
    raw = read("p")
    assert raw.x.shape[-1] == 4
    assert np.array_equal(raw.x[0, ..., 3] == 0, np.asarray(image) == 1)


def test_cmyk_becomes_rgb():
    Path("p").mkdir()
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save("p/1.jpg")
    raw = read("p")
    assert raw.x.shape == (1, 4, 4, 3)
    assert (raw.x[0, 0, 0] // 200).tolist() == [1, 0, 0]


TURNED = {
    1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud, 5: lambda x: np.swapaxes(x, 0, 1),
    6: lambda x: np.rot90(x, -1), 7: lambda x: np.swapaxes(np.rot90(x, 2), 0, 1), 8: lambda x: np.rot90(x, 1),
}  # fmt: skip


@pytest.mark.parametrize("turn", TURNED)
@pytest.mark.parametrize("kind", ["png", "webp", "jpg"])
def test_exif_turns_the_picture(turn, kind):
    exif = Image.Exif()
    exif[0x0112] = turn
    put(f"p/1.{kind}", pixels(3, 5, 3), exif=exif, **({"lossless": True} if kind == "webp" else {}))
    with Image.open(f"p/1.{kind}") as image:
        stored = np.asarray(image.convert("RGB"))
    expected = TURNED[turn](stored)
    assert np.array_equal(read("p").x[0], expected)
    assert survey("p").sizes == {expected.shape[:2]: 1}


def test_damaged_exif_leaves_the_pixels_as_stored():
    x = pixels(3, 5, 3)
    put("p/1.png", x, exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12")
    assert np.array_equal(read("p").x[0], x)


def test_several_sizes_are_refused_with_two_of_them():
    put("p/1.png", pixels(4, 4))
    put("p/2.png", pixels(4, 4))
    put("p/3.png", pixels(5, 6))
    with pytest.raises(
        UserError, match=r"1\.png is 4 x 4 \(height x width\), 3\.png 5 x 6\n.*data\.image\.size"
    ) as caught:
        read("p")
    assert caught.value.problems[0].key == ("data", "image", "size")


@pytest.mark.parametrize("size", [10**6])
def test_impossible_sizes_are_refused(size):
    put("p/1.png", pixels(4, 4))
    with pytest.raises(UserError, match=r"data\.image\.size: no picture is"):
        read("p", options(size=size))


def test_more_pixels_than_memory_are_refused():
    for i in range(3):
        put(f"p/{i}.png", pixels(4, 4))
    want = options(size=[9000, 9000], channels=4)
    pictures = scan("p", want)
    many = images.Pictures(listing(Path("p")), (2**20, 2**20, 4), "resize", ())
    assert pictures.shape == (9000, 9000, 4)
    with pytest.raises(UserError, match=r"the pixels of 3 pictures take 12,288\.0 GiB"):
        many.whole()


def test_shrinking_averages_and_enlarging_interpolates():
    board = np.indices((64, 64)).sum(0) % 2 * 255
    put("p/1.png", board.astype(np.uint8))
    assert np.abs(read("p", options(size=8)).x.astype(int) - 127.5).max() <= 2  # no aliasing
    put("q/1.png", np.array([[0, 200]], np.uint8))
    assert read("q", options(size=[1, 4])).x.ravel().tolist() == [0, 50, 150, 200]


@pytest.mark.parametrize(("size", "rows", "columns"), [([4, 4], slice(0, 4), slice(3, 7)), ([2, 2], None, None)])
def test_crop_takes_the_centre_and_stretches_nothing(size, rows, columns):
    x = np.repeat(np.arange(10, dtype=np.uint8)[None] * 20, 4, 0)
    put("p/1.png", x)
    cropped = read("p", options(size=size, fit="crop")).x[0, ..., 0]
    if rows is not None:
        assert np.array_equal(cropped, x[rows, columns])
    else:  # the middle 4 x 4 at half the size: column means of (3, 4) and (5, 6), nearly
        assert np.abs(cropped.astype(float) - [[70, 110]] * 2).max() <= 6
    stretched = read("p", options(size=[4, 4])).x[0, ..., 0]
    assert stretched[0, 0] < 40 < 150 < stretched[0, -1]  # the whole breadth is in it


def test_a_large_jpeg_shrinks_to_what_it_shows():
    x = np.zeros((512, 512), np.uint8)
    x[:, 256:] = 240
    put("p/1.jpg", x, quality=95)
    small = read("p", options(size=8)).x[0, ..., 0]
    assert small[:, :3].max() <= 12
    assert small[:, 5:].min() >= 228


def test_the_first_picture_says_the_channels_and_a_note_counts_the_wider():
    put("p/1.png", pixels(4, 4))
    put("p/2.png", pixels(4, 4, 3))
    raw = read("p")
    assert raw.x.shape == (2, 4, 4, 1)
    assert "1 of 2 pictures have more channels than the first one's 1" in raw.notes[0]
    assert read("p", options(channels=3)).notes == ()


def test_blocks_are_the_whole_in_order():
    folder(7)
    pictures = scan("p", Want())
    assert (pictures.rows, pictures.fields, pictures.columns, len(pictures.files)) == (7, None, None, 7)
    whole = read("p")
    for size in (1, 3, 7, 100):
        parts = list(pictures.blocks(size))
        assert [len(b.x) for b in parts[:-1]] == [size] * (len(parts) - 1)
        assert [b.first for b in parts] == list(range(0, 7, size))
        for name in ("x", "labels", "ids"):
            assert np.array_equal(np.concatenate([getattr(b, name) for b in parts]), getattr(whole, name))
    assert images.floats("p", Want()) == whole.x.size


def test_a_left_scan_leaves_no_threads():
    folder(4)
    blocks = scan("p", Want()).blocks(1)
    next(blocks)
    blocks.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("pictures")]


def png(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9500, 14_000, 2**31 - 1])
@pytest.mark.parametrize("kept", [{}, {"size": 4, "channels": 1}])
def test_decompression_bombs_are_refused(side, kept):
    put("p/1.png", pixels(4, 4))
    Path("p/2.png").write_bytes(png(side, side))
    with pytest.raises(UserError, match=r"p: 1 of 2 pictures cannot be read: 2\.png \(more than 89,478,485 pixels"):
        read("p", options(**kept))


def test_all_broken_pictures_are_counted_in_one_error():
    folder(4)
    good = io.BytesIO()
    Image.fromarray(pixels(4, 4, 3)).save(good, "PNG")
    for i in range(6):
        Path(f"p/a/cut{i}.png").write_bytes(good.getvalue()[:-30])
    Path("p/a/text.png").write_text("no picture")
    Path("p/a/empty.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"2 of 12 pictures cannot be read: a/empty\.jpg \(no PNG") as caught:
        read("p")
    assert len(caught.value.problems) == 1
    Path("p/a/text.png").unlink()
    Path("p/a/empty.jpg").unlink()
    with pytest.raises(UserError, match=r"6 of 10 pictures cannot be read: a/cut0\.png \(.*; and 1 more\n  mend them"):
        read("p")
    blocks = scan("p", Want()).blocks(2)
    assert len(next(blocks).x) == 2
    with pytest.raises(UserError, match="2 of 2 pictures"):
        list(blocks)


def test_a_gif_in_disguise_is_not_opened():
    put("p/1.png", pixels(4, 4))
    Image.fromarray(pixels(4, 4)).save("p/2.png", "GIF")
    with pytest.raises(UserError, match=r"2\.png \(no PNG, JPEG or WebP\)"):
        read("p")


@calm
@given(kind=st.sampled_from(["PNG", "JPEG", "WEBP"]), data=st.data())
def test_damage_ends_in_a_user_error_or_in_pixels(kind, data, tmp_path):
    stream = io.BytesIO()
    Image.fromarray(pixels(12, 12, 3)).save(stream, kind)
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    (tmp_path / f"x.{kind.lower()}").write_bytes(content[: end or None])
    said = ""
    try:
        assert read(str(tmp_path), options(size=6, channels=3)).x.shape == (1, 6, 6, 3)
    except UserError as error:
        said = str(error)
    assert not said or "1 of 1 pictures cannot be read" in said
    (tmp_path / f"x.{kind.lower()}").unlink()


def test_survey_counts_by_the_headers():
    put("p/a/1.png", pixels(4, 6))
    put("p/a/2.png", pixels(4, 6, 3))
    put("p/b/3.png", pixels(10, 8, 3))
    Path("p/b/4.png").write_bytes(b"no")
    Path("p/b/x.txt").write_text("x")
    found = survey("p")
    assert found.count == 4
    assert found.sizes == {(4, 6): 2, (10, 8): 1}
    assert found.modes == {"L": 1, "RGB": 2}
    assert found.channels == {1: 1, 3: 2}
    assert found.labels == {"a": 2, "b": 2}
    assert found.broken == ("b/4.png (no PNG, JPEG or WebP)",)
    assert found.size == (4, 6)
    assert "1 files of 'p'" in found.notes[0]


def test_options_that_have_no_use_are_refused():
    folder()
    with pytest.raises(UserError, match=r"data\.label cannot be read here: pictures are labelled by their sub-folders"):
        read("p", Want(label="kind"))
    with pytest.raises(UserError, match=r"data\.rows says how many rows a synthetic set has, but 'p' has its own"):
        read("p", Want(rows=3))
    np.save("x.npy", np.zeros((3, 2)))
    with pytest.raises(UserError, match=r"data\.image says how a folder of pictures is read, but 'x\.npy' is none"):
        read("x.npy", options(size=4))
    assert len(read("x.npy", Want(rows=3, image=Options(size=4), strict=False)).x) == 3


def test_a_folder_of_neither_kind_is_refused_with_what_is_read():
    Path("p/sub").mkdir(parents=True)
    Path("p/sub/x.txt").write_text("x")
    with pytest.raises(
        UserError, match=r"'p' holds no train-images-idx3-ubyte \(or \.gz\), and no picture \(\.png, \.jpg"
    ):
        read("p")


@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 3), (5, 4, 3, 2)])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "u1", ">i2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_npy_on_disk_is_the_array_in_blocks(shape, dtype, order):
    from aecli.data.sources import npy

    np.save("x.npy", RNG.integers(0, 100, shape).astype(dtype).copy(order=order))
    whole, stored = read("x.npy"), npy.scan("x.npy", Want())
    assert (stored.rows, stored.files, npy.floats("x.npy", Want())) == (5, whole.files, whole.x.size)
    assert bool(stored.notes) == (order == "F")
    parts = list(stored.blocks(2))
    for size in (1, 3, 5, 9):
        assert np.array_equal(np.concatenate([b.x for b in stored.blocks(size)]), whole.x)
    assert [(b.first, len(b.x), b.kind, b.divisor) for b in parts] == [
        (i, n, whole.kind, whole.divisor) for i, n in ((0, 2), (2, 2), (4, 1))
    ]
    joined = np.concatenate([b.x for b in parts])
    assert joined.dtype == whole.x.dtype
    assert np.array_equal(joined, whole.x)


@pytest.mark.parametrize(
    ("x", "said"),
    [(np.zeros(3), "1-D"), (np.array([["a"]]), "holds text"), (np.zeros((0, 3)), None)],
)
def test_a_npy_on_disk_refuses_what_is_no_rows(x, said):
    from aecli.data.sources import npy

    np.save("x.npy", x)
    if said is None:
        assert list(npy.scan("x.npy", Want()).blocks(2)) == []
    else:
        with pytest.raises(UserError, match=said):
            npy.scan("x.npy", Want())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("left", [0, 200, 40_000])
def test_a_npy_that_becomes_shorter_while_it_is_read_is_an_error_that_names_it(order, left):
    """A mapped file would end the process by SIGBUS here."""
    from aecli.data.sources import npy

    np.save("x.npy", np.asarray(RNG.normal(size=(1000, 64)), order=order))
    blocks = npy.scan("x.npy", Want()).blocks(10)
    assert np.array_equal(next(blocks).x, np.load("x.npy")[:10])
    assert "x.npy" not in Path("/proc/self/maps").read_text()
    os.truncate("x.npy", left)
    with pytest.raises(UserError, match=r"x\.npy: the file became shorter while it was read"):
        list(blocks)


def test_a_cut_npy_is_refused_before_it_is_read():
    from aecli.data.sources import npy

    np.save("x.npy", np.zeros((30, 3)))
    Path("x.npy").write_bytes(Path("x.npy").read_bytes()[:-8])
    with pytest.raises(UserError, match="announces 720 bytes of data, but 712 are there"):
        npy.scan("x.npy", Want())
