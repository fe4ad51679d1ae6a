"""Named sets that are fetched where no copy is found: what is published, its SHA-256, and where copies lie.

The sums are those that TensorFlow Datasets publishes with the same files (url_checksums/*.txt).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from aecli.config.problems import Problem, UserError

if TYPE_CHECKING:
    from requests import Response

CONNECT, ANSWER = 10.0, 60.0  # seconds to wait for a connection, and for the next bytes
PIECE = 2**20
OFF = "off"


@dataclass(frozen=True)
class File:
    """A published file: its size in bytes is never exceeded, its SHA-256 must be right."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Published:
    """A named set: the addresses tried in turn, and its files; the one that tells a whole copy comes last."""

    bases: tuple[str, ...]
    files: tuple[File, ...]


def _mnist_like(bases: tuple[str, ...], sizes: tuple[int, ...], sums: tuple[str, ...]) -> Published:
    stems = ("t10k-labels-idx1", "t10k-images-idx3", "train-labels-idx1", "train-images-idx3")
    return Published(bases, tuple(File(f"{s}-ubyte.gz", n, h) for s, n, h in zip(stems, sizes, sums, strict=True)))


SETS = {
    "mnist": _mnist_like(
        ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
        (4542, 1648877, 28881, 9912422),
        (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
    ),
    "fashion-mnist": _mnist_like(
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        (5148, 4422102, 29515, 26421880),
        (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
    ),
    "kmnist": _mnist_like(
        ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
        (5120, 3041136, 29497, 18165135),
        (
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        ),
    ),
    "cifar10": Published(
        ("https://www.cs.toronto.edu/~kriz/",),
        (
            File(
                "cifar-10-binary.tar.gz",
                170052171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
    ),
}


def searched(name: str, packaged: tuple[Path, ...] = ()) -> list[Path]:
    """The folders searched for a named set, in order; the one that fetched files go to is among them."""
    places = [Path(".data", name), Path(name), kept(name), *packaged]
    return places if os.environ.get("AECLI_DATA") else [*places[:2], *packaged, kept(name)]


def kept(name: str) -> Path:
    """Where a fetched set is kept: $AECLI_DATA/NAME, else data/NAME in aecli's cache (~/.cache/aecli)."""
    if shared := os.environ.get("AECLI_DATA"):
        return Path(shared, name)
    cache = os.environ.get("AECLI_CACHE") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "aecli"
    return Path(cache, "data", name)


def fetched(name: str, places: list[Path], hint: str) -> tuple[Path, tuple[str, ...]]:
    """The folder with all files of a named set, fetched and checked by SHA-256, and a note on it.

    $AECLI_MIRROR is a base address to fetch from instead (NAME/FILE below it), or `off`: nothing is fetched.
    Raises UserError naming every address tried and every place searched.
    """
    folder, mirror = kept(name), os.environ.get("AECLI_MIRROR")
    nowhere = f"there is no copy of {name} in {', '.join(repr(str(p)) for p in places)}"
    if mirror == OFF:
        raise UserError(Problem(f"nothing is fetched (AECLI_MIRROR is off), and {nowhere}", None, hint))
    if mirror and urlsplit(mirror).scheme not in ("http", "https"):
        text = f"AECLI_MIRROR is '{mirror}', and {nowhere}"
        raise UserError(Problem(text, None, "it must be an address that starts with https:// or http://, or off"))
    bases = (f"{mirror.rstrip('/')}/{name}/",) if mirror else SETS[name].bases
    for file in SETS[name].files:
        if faults := _from_any(bases, file, folder):
            text = f"{name} cannot be fetched ({'; '.join(faults)}), and {nowhere}"
            raise UserError(Problem(text, None, hint))
    return folder, (f"{name} was fetched into '{folder}'",)


def _from_any(bases: tuple[str, ...], file: File, folder: Path) -> list[str]:
    """Why the file could be had from none of the addresses; nothing where it is there."""
    faults = []
    for base in bases:
        fault = _from(base + file.name, file, folder)
        if fault is None:
            return []
        faults.append(f"{base}{file.name}: {fault}")
    return faults


def _from(url: str, file: File, folder: Path) -> str | None:
    """Fetch one file, whole or not at all; why it could not be."""
    import pooch
    import requests

    def write(url: str, path: str, _: object) -> None:
        with requests.get(url, stream=True, timeout=(CONNECT, ANSWER)) as answer, Path(path).open("wb") as out:
            answer.raise_for_status()
            done = 0
            for piece in answer.iter_content(PIECE):
                done += len(piece)
                if done > file.size:
                    raise ValueError(f"more than the {file.size:,} bytes that were published")
                out.write(piece)

    try:
        pooch.retrieve(url, f"sha256:{file.sha256}", file.name, folder, downloader=cast("Any", write))
    except ValueError as error:
        if isinstance(error, requests.RequestException):
            return _words(error)
        return "its SHA-256 is not the published one" if "hash" in str(error) else str(error)
    except (requests.RequestException, OSError) as error:
        return _words(error)
    return None


def _words(error: OSError) -> str:
    """A failed request in a few words."""
    import requests

    answer: Response | None = getattr(error, "response", None)
    if answer is not None:
        return f"{answer.status_code} {answer.reason}"
    if isinstance(error, requests.Timeout):
        return (
            f"no answer within {CONNECT:g} seconds" if isinstance(error, requests.ConnectTimeout) else "it fell silent"
        )
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not valid"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return error.strerror or str(error).splitlines()[0] if str(error) else type(error).__name__
