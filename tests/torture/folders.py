"""Mutated run directories: files that are cut, emptied, gone, flipped, another's, or hold other values."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.torture.configs import PARTS, WORDS, Lines, dumped, lines
from tests.torture.mutations import SHARES, Edit, Graft, edits, grafts, pick

RUNS = ("dense", "gaussian", "anomaly", "table", "mixed")
EXTRA = (
    "checkpoints/9999999/state.safetensors", "checkpoints/x/state.safetensors", "checkpoints/0", ".lock", "x.bin",
    "checkpoints/.tmp-3/x", "checkpoints/.old-3/manifest.json", "checkpoints/00", "figures/x/y.png", "anomaly.npz",
    "mixture.npz", "report.html/x", "events/\x1b[31m", "checkpoints/" + "9" * 15 + "/manifest.json", "metrics.jsonl/x",
)  # fmt: skip
UNREAD = (".png", ".html")  # nothing reads them again
TEXTS = (
    b"", b"null", b"[]", b"{}", b"3", b'"x"', b"[" * 3000,
    b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"a":' * 3000, b"\xff\xfe", b"{}\n" * 3, b"nan",
    b'{"status": "completed"}', b'{"x": 1e400}', b'{"x": NaN}', b'{"x": ' + b"9" * 5000 + b"}",
    b'{"status": "\\ud800"}',
)  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """One change of a folder: which file (by its share among all of that kind), and what becomes of it."""

    action: str
    where: float
    other: float
    value: Any

    def applied(self, run: Path) -> None:
        """Change the folder."""
        files = sorted(path for path in run.rglob(self._among()) if path.is_file() and path.suffix not in UNREAD)
        if not files:
            return
        path = files[min(int(self.where * len(files)), len(files) - 1)]
        getattr(self, f"_{self.action}")(path, files, run)

    def _among(self) -> str:
        return {"json": "*.json*", "yaml": "config.yaml"}.get(self.action, "*")

    def _bytes(self, path: Path, files: list[Path], run: Path) -> None:
        path.write_bytes(self.value.applied(path.read_bytes()))

    def _text(self, path: Path, files: list[Path], run: Path) -> None:
        path.write_bytes(self.value)

    def _gone(self, path: Path, files: list[Path], run: Path) -> None:
        path.unlink()

    def _another(self, path: Path, files: list[Path], run: Path) -> None:
        path.write_bytes(files[min(int(self.other * len(files)), len(files) - 1)].read_bytes())

    def _folder(self, path: Path, files: list[Path], run: Path) -> None:
        path.unlink()
        path.mkdir()

    def _file(self, path: Path, files: list[Path], run: Path) -> None:
        """A file where its folder was, but for the run's own."""
        if path.parent != run:
            shutil.rmtree(path.parent)
            path.parent.write_bytes(b"x")

    def _extra(self, path: Path, files: list[Path], run: Path) -> None:
        new = run / EXTRA[int(self.other * (len(EXTRA) - 1))]
        if all(parent.is_dir() or not parent.exists() for parent in new.parents) and not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(b"x")

    def _renamed(self, path: Path, files: list[Path], run: Path) -> None:
        """The folder of a checkpoint under another step, or a file under another name."""
        new = path.parent.with_name(str(int(self.other * 300))) if path.parent != run else path.with_name("renamed")
        if not new.exists():
            (path.parent if path.parent != run else path).rename(new)

    def _json(self, path: Path, files: list[Path], run: Path) -> None:
        """Other values in a file of JSON, or in one line of it."""
        found = path.read_bytes().splitlines() if path.suffix == ".jsonl" else [path.read_bytes()]
        at = min(int(self.other * len(found)), len(found) - 1)
        try:
            tree = json.loads(found[at])
        except (ValueError, IndexError):
            return
        found[at] = json.dumps(self.value.applied(tree)).encode()
        path.write_bytes(b"\n".join(found) + b"\n")

    def _yaml(self, path: Path, files: list[Path], run: Path) -> None:
        """Other values in the config."""
        if isinstance(self.value, Lines):
            path.write_bytes(self.value.applied(path.read_bytes()))
            return
        try:
            tree = yaml.safe_load(path.read_bytes())
        except (yaml.YAMLError, UnicodeDecodeError):
            return
        path.write_bytes(dumped(self.value.applied(tree)))


def damages() -> st.SearchStrategy[Damage]:
    """A change of a run directory."""

    def of(action: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Damage]:
        return st.builds(Damage, st.just(action), SHARES, SHARES, values)

    none = st.none()
    trees: st.SearchStrategy[Graft] = grafts(pick([*WORDS, *PARTS]))
    changes: st.SearchStrategy[Edit] = edits()
    kinds = (
        of("json", trees), of("json", trees), of("json", trees), of("yaml", trees), of("yaml", lines()),
        of("bytes", changes), of("bytes", changes), of("text", pick(TEXTS)), of("gone", none),
        of("another", none), of("folder", none), of("file", none), of("extra", none), of("renamed", none),
    )  # fmt: skip
    return pick(kinds).flatmap(lambda chosen: chosen)


@dataclass(frozen=True)
class Case:
    """A run, what is changed in its folder, and the command that meets it."""

    run: str
    damages: tuple[Damage, ...]
    command: str


COMMANDS = (
    "eval", "embed", "reconstruct", "sample", "score", "ls", "show", "diff", "report", "resume", "resume on", "latest",
)  # fmt: skip


def cases() -> st.SearchStrategy[Case]:
    """A run directory that is a little wrong."""
    changes = st.lists(damages(), min_size=1, max_size=2).map(tuple)
    return st.builds(Case, pick(RUNS), changes, pick(COMMANDS))
