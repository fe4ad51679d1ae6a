"""Named sets: where copies are looked for, and what is fetched, from a server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import io
import socket
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from aecli.config.problems import UserError
from aecli.data.raw import Want
from aecli.data.sources import download, read
from aecli.data.sources.download import File, Published
from tests.data.files import mnist_folder

RECORD = 3073


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def served(tmp_path, monkeypatch) -> Iterator[Path]:
    """A folder that the mirror serves; fetched files go to ./kept."""
    root = tmp_path / "served"
    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AECLI_MIRROR", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("AECLI_DATA", "kept")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield root
    server.shutdown()
    thread.join()
    server.server_close()


def published(monkeypatch, name: str, folder: Path) -> None:
    """What lies in the folder becomes what is published; the order of the files stays."""
    there = {path.name: path.read_bytes() for path in folder.iterdir()}
    files = tuple(
        File(f.name, len(there[f.name]), hashlib.sha256(there[f.name]).hexdigest()) for f in download.SETS[name].files
    )
    monkeypatch.setitem(download.SETS, name, Published(("http://127.0.0.1:9/",), files))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_a_set_is_fetched_once_and_then_read_from_its_folder(name, served, monkeypatch):
    monkeypatch.setattr("aecli.data.sources.mnist.PACKAGED", {})
    arrays = mnist_folder(served / name)
    published(monkeypatch, name, served / name)
    raw = read(name)
    assert np.array_equal(raw.x[..., 0], arrays["train-images-idx3"])
    assert raw.labels is not None
    assert raw.given_test is not None
    assert raw.labels.tolist() == arrays["train-labels-idx1"].tolist()
    assert np.array_equal(raw.given_test.x[..., 0], arrays["t10k-images-idx3"])
    assert raw.notes == (f"{name} was fetched into 'kept/{name}'",)
    assert sorted(p.name for p in Path("kept", name).iterdir()) == sorted(f.name for f in download.SETS[name].files)
    for path in (served / name).iterdir():
        path.unlink()
    again = read(name)
    assert np.array_equal(again.x, raw.x)
    assert again.notes == ()


def test_what_was_published_is_what_is_fetched():
    """Sizes and sums of the real sets are whole: 64 hexadecimal digits each, all different."""
    files = [f for entry in download.SETS.values() for f in entry.files]
    assert len(files) == 13
    assert len({f.sha256 for f in files}) == 13
    assert all(len(f.sha256) == 64 and int(f.sha256, 16) and f.size > 4000 for f in files)
    assert all(base.startswith("http") and base.endswith("/") for e in download.SETS.values() for base in e.bases)
    for name in ("mnist", "fashion-mnist", "kmnist"):
        assert download.SETS[name].files[-1].name == "train-images-idx3-ubyte.gz"  # last: it tells a whole copy


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


FAULTS = {
    "wrong bytes": (damaged, r"train-labels-idx1-ubyte\.gz: its SHA-256 is not the published one"),
    "too many bytes": (
        lambda p: p.write_bytes(p.read_bytes() + b"x"),
        r"more than the [\d,]+ bytes that were published",
    ),
    "cut": (lambda p: p.write_bytes(p.read_bytes()[:9]), "its SHA-256 is not the published one"),
    "missing": (lambda p: p.unlink(), "404 File not found"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_is_not_as_published_is_not_kept(fault, served, monkeypatch):
    mnist_folder(served / "kmnist")
    published(monkeypatch, "kmnist", served / "kmnist")
    spoil, said = FAULTS[fault]
    spoil(served / "kmnist" / "train-labels-idx1-ubyte.gz")
    where = r"no copy of kmnist in '\.data/kmnist', 'kmnist', 'kept/kmnist'\n  put the four IDX files"
    with pytest.raises(UserError, match=rf"kmnist cannot be fetched \(http://127.*{said}\).* there is {where}"):
        read("kmnist")
    there = {p.name for p in Path("kept/kmnist").iterdir()}
    assert there == {"t10k-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz"}  # no train-images: no half copy is read


def test_a_broken_off_fetch_goes_on_where_it_was(served, monkeypatch):
    mnist_folder(served / "kmnist")
    published(monkeypatch, "kmnist", served / "kmnist")
    held = (served / "kmnist" / "train-images-idx3-ubyte.gz").rename(served / "held")
    with pytest.raises(UserError, match="404"):
        read("kmnist")
    held.rename(served / "kmnist" / "train-images-idx3-ubyte.gz")
    for stem in ("t10k-images-idx3", "t10k-labels-idx1", "train-labels-idx1"):
        (served / "kmnist" / f"{stem}-ubyte.gz").unlink()
    assert len(read("kmnist").x) == 20


def test_no_server_is_said_at_once(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AECLI_MIRROR", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(
        UserError, match=rf"127\.0\.0\.1:{port}/cifar10/cifar-10-binary\.tar\.gz: no connection\), and there"
    ):
        read("cifar10")


def test_a_server_that_falls_silent_is_left(monkeypatch):
    monkeypatch.setattr(download, "ANSWER", 0.2)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AECLI_MIRROR", f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(UserError, match="it fell silent"):
            read("kmnist")


def test_every_published_address_is_tried(served, monkeypatch):
    mnist_folder(served / "kmnist")
    published(monkeypatch, "kmnist", served / "kmnist")
    bases = ("http://127.0.0.1:9/", f"{download.os.environ['AECLI_MIRROR']}kmnist/")
    monkeypatch.setitem(download.SETS, "kmnist", Published(bases, download.SETS["kmnist"].files))
    monkeypatch.delenv("AECLI_MIRROR")
    assert len(read("kmnist").x) == 20


def test_a_mirror_that_is_off_or_no_address(monkeypatch):
    monkeypatch.setenv("AECLI_MIRROR", "off")
    with pytest.raises(
        UserError, match=r"nothing is fetched \(AECLI_MIRROR is off\), and there is no copy of mnist in"
    ):
        read("mnist")
    monkeypatch.setenv("AECLI_MIRROR", "file:///etc")
    with pytest.raises(
        UserError, match=r"AECLI_MIRROR is 'file:///etc'.*\n  it must be an address that starts with https"
    ):
        read("mnist")


def test_where_a_set_is_kept(monkeypatch):
    monkeypatch.delenv("AECLI_DATA", raising=False)
    monkeypatch.setenv("AECLI_CACHE", "cache")
    assert download.kept("mnist") == Path("cache/data/mnist")
    assert download.searched("mnist", (Path("packaged"),)) == [
        Path(".data/mnist"), Path("mnist"), Path("packaged"), Path("cache/data/mnist"),
    ]  # fmt: skip
    monkeypatch.delenv("AECLI_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert download.kept("mnist") == Path.home() / ".cache/aecli/data/mnist"
    monkeypatch.setenv("AECLI_DATA", "shared")
    assert download.searched("mnist", (Path("packaged"),))[2:] == [Path("shared/mnist"), Path("packaged")]


def records(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, bytes]:
    """n pictures [n, 32, 32, 3] with labels, and the bytes of the file that holds them, plane by plane."""
    rng = np.random.default_rng(seed)
    x, labels = rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, n)
    rows = [bytes([label]) + b"".join(x[i, :, :, c].tobytes() for c in range(3)) for i, label in enumerate(labels)]
    return x, labels, b"".join(rows)


NAMES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]


def cifar(members: dict[str, bytes], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


MADE = {name: records(3, i) for i, name in enumerate(NAMES)}
MEMBERS = {"readme.html": b"<html>", "batches.meta.txt": b"airplane\n", **{k: v[2] for k, v in reversed(MADE.items())}}


@pytest.mark.parametrize("packed", [True, False])
def test_cifar10_is_read_from_its_archive_or_folder(packed):
    folder = Path(".data/cifar10")
    if packed:
        cifar(MEMBERS, folder / "cifar-10-binary.tar.gz")
    else:
        (folder / "cifar-10-batches-bin").mkdir(parents=True)
        for name, data in MEMBERS.items():
            (folder / "cifar-10-batches-bin" / name).write_bytes(data)
    raw = read("cifar10")
    assert np.array_equal(raw.x, np.concatenate([MADE[n][0] for n in NAMES[:5]]))
    assert raw.labels is not None
    assert raw.given_test is not None
    assert raw.given_test.labels is not None
    assert raw.labels.tolist() == np.concatenate([MADE[n][1] for n in NAMES[:5]]).tolist()
    assert np.array_equal(raw.given_test.x, MADE["test_batch.bin"][0])
    assert raw.given_test.labels.tolist() == MADE["test_batch.bin"][1].tolist()
    assert (raw.kind, raw.divisor, len(raw.files)) == ("image", 255, 1 if packed else 6)


def test_cifar10_is_fetched(served, monkeypatch):
    cifar(MEMBERS, served / "cifar10" / "cifar-10-binary.tar.gz")
    published(monkeypatch, "cifar10", served / "cifar10")
    raw = read("cifar10")
    assert raw.x.shape == (15, 32, 32, 3)
    assert raw.notes == ("cifar10 was fetched into 'kept/cifar10'",)


def test_options_of_files_are_refused_before_anything_is_fetched():
    with pytest.raises(UserError, match=r"data\.label cannot be read here: the labels of CIFAR-10 come with it"):
        read("cifar10", Want(label="y"))


BROKEN = {
    "odd size": ({"data_batch_2.bin": bytes(RECORD + 1)}, "its 3,074 bytes are not 1 to 10,000 records of 3,073"),
    "empty": ({"data_batch_2.bin": b""}, "its 0 bytes are not"),
    "too long": ({"data_batch_2.bin": bytes(RECORD * 10_001)}, "its 30,733,073 bytes are not"),
    "wrong label": ({"data_batch_3.bin": b"\x0a" + bytes(RECORD - 1)}, "data_batch_3.bin: holds the label 10"),
    "link": ({"data_batch_1.bin": None}, "data_batch_1.bin is not there"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_cifar10_archives_are_refused(fault):
    changed, said = BROKEN[fault]
    members = {k: v for k, v in (MEMBERS | changed).items() if v is not None}
    cifar(members, Path("cifar10/cifar-10-binary.tar.gz"))
    with pytest.raises(UserError, match=said):
        read("cifar10")


def test_a_flipped_byte_in_a_cifar10_archive_is_noticed():
    path = cifar(MEMBERS, Path("cifar10/cifar-10-binary.tar.gz"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"cifar-10-binary\.tar\.gz: cannot be unpacked"):
        read("cifar10")


@pytest.mark.parametrize("cut", [5, 20, 200, 20_000])
def test_cut_or_foreign_cifar10_archives_are_refused(cut):
    path = cifar(MEMBERS, Path("cifar10/cifar-10-binary.tar.gz"))
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    with pytest.raises(UserError, match=r"cifar-10-binary\.tar\.gz: (cannot be unpacked|.* is not there)"):
        read("cifar10")
    path.write_bytes(gzip.compress(b"no tar at all" * 100))
    with pytest.raises(UserError, match=r"cifar-10-binary\.tar\.gz: cannot be unpacked"):
        read("cifar10")
    path.write_bytes(b"nothing" * cut)
    with pytest.raises(UserError, match=r"cifar-10-binary\.tar\.gz: cannot be unpacked"):
        read("cifar10")
