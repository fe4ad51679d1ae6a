"""One run directory: `<root>/<name>/<YYYYmmdd-HHMMSS>-<hex>/`, created exclusively and never reused."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aecli.config.names import check_name
from aecli.config.problems import DamagedError, Place, Problem, UserError
from aecli.experiment import Loaded, load
from aecli.runs.files import cannot, read_json, sync_folder, to_json, write_whole
from aecli.runs.plain import open_plain, read_plain

_ATTEMPTS = 100
_WAITS = (0.01, 0.05, 0.2)  # seconds between tries for the lock
FILES = "files"  # {name: [SHA-256, ...]} in run.json


@dataclass(frozen=True)
class Run:
    """A run directory. Everything is read from the disk when asked for: another process may be writing it."""

    path: Path

    @classmethod
    def create(cls, root: Path, name: str, config_yaml: str, record: dict[str, Any]) -> Run:
        """A new run: its folder (stamped in local time), then config.yaml, then run.json, each whole.

        `created` and `name` lead the record. UserError for a bad name, or where the folder cannot be made.
        """
        check_name(name)
        created = datetime.now().astimezone()
        try:
            run = cls(_new_folder(root, name, created))
        except OSError as error:
            raise cannot("write", root / name, error) from error
        write_whole(run.config_path, config_yaml)
        known = {FILES: {run.config_path.name: [_digest(config_yaml.encode())]}}
        write_whole(run.record_path, to_json({"name": name, "created": created.isoformat(), **record, **known}))
        return run

    @property
    def config_path(self) -> Path:
        """The resolved config."""
        return self.path / "config.yaml"

    @property
    def record_path(self) -> Path:
        """run.json: where it is, there is a run."""
        return self.path / "run.json"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints, one folder a step."""
        return self.path / "checkpoints"

    @property
    def has_checkpoint(self) -> bool:
        """Whether a checkpoint was ever committed here; it may be damaged since."""
        return self.checkpoints.is_dir() and any(path.name.isdecimal() for path in self.checkpoints.iterdir())

    @property
    def figures(self) -> Path:
        """The folder of figures."""
        return self.path / "figures"

    @property
    def events(self) -> Path:
        """The folder of TensorBoard events."""
        return self.path / "events"

    @property
    def metrics(self) -> Path:
        """metrics.jsonl, one line a record."""
        return self.path / "metrics.jsonl"

    @property
    def record(self) -> dict[str, Any]:
        """What run.json holds; DamagedError where it does not hold it any more."""
        return read_json(self.record_path)

    @property
    def data(self) -> dict[str, Any]:
        """What the record says of the data the run was trained on; DamagedError where it says nothing."""
        found = self.record.get("data")
        if not isinstance(found, dict):
            raise DamagedError(Problem("damaged: it says nothing of the run's data", Place(str(self.record_path))))
        return found

    def update(self, **changes: Any) -> None:
        """Replace keys of run.json (a nested mapping as a whole, too) and write it whole."""
        write_whole(self.record_path, to_json({**self.record, **changes}))

    def keep(self, path: Path, text: str, **changes: Any) -> None:
        """Write a file that describes the run, whole, and its SHA-256 into run.json, `changes` there before it.

        After a kill either content will do.
        """
        known, digest = self._files(), _digest(text.encode())
        mine = known.get(path.name, [])
        if mine != [digest] or changes:
            self.update(**changes, **{FILES: {**known, path.name: [*mine, digest]}})
        write_whole(path, text)
        self.update(**{FILES: {**known, path.name: [digest]}})

    def is_as_kept(self, path: Path) -> bool:
        """Whether a file has the content that `keep` or `create` gave it; True where run.json says nothing of it."""
        known = self._files().get(path.name)
        return not known or _digest(read_plain(path)) in known

    def warn_of_changes(self, warn: Callable[[str], None]) -> None:
        """Say so where config.yaml is another one than was written: it is used as it stands."""
        if not self.is_as_kept(self.config_path):
            warn(f"{self.config_path} is not as it was written: edited, or damaged; it is used as it stands")

    def _files(self) -> dict[str, list[str]]:
        found = self.record.get(FILES)
        known = found if isinstance(found, dict) else {}
        return {name: digests for name, digests in known.items() if isinstance(digests, list)}

    @property
    def config_text(self) -> str:
        """The text of config.yaml; DamagedError where it is missing or not UTF-8."""
        place = Place(str(self.config_path))
        try:
            return read_plain(self.config_path).decode()
        except UnicodeDecodeError as error:
            raise DamagedError(Problem(f"damaged: this is not text ({error})", place)) from None

    def config(self, overrides: list[str] | None = None) -> Loaded:
        """The config with these overrides; DamagedError where it is missing or no text, UserError where it was
        edited into none.
        """
        _ = self.config_text  # raises where the file itself is damaged
        return load(self.config_path, overrides, strict=False)

    def tidy(self) -> None:
        """Remove files that a killed process was about to rename; only who holds the lock may."""
        for folder in (self.path, self.figures, self.path / "profile"):
            for left in folder.glob(".tmp-*"):
                try:
                    if not left.is_dir():
                        left.unlink(missing_ok=True)
                except OSError as error:
                    raise cannot("remove", left, error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold this run's lock, which ends with the process; UserError where another process holds it.

        The lock is the operating system's (flock): a kill leaves none behind.
        """
        try:
            lock = open_plain(self.path / ".lock", os.O_RDWR | os.O_CREAT, "rb+")
        except OSError as error:
            raise cannot("write", self.path / ".lock", error) from error
        with lock:
            _take(lock.fileno(), self.path)
            yield


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _new_folder(root: Path, name: str, created: datetime) -> Path:
    """Make `<root>/<name>/<stamp>` such that no other run has it, and put the new names on the disk."""
    parent = root / name
    parent.mkdir(parents=True, exist_ok=True)
    if not parent.resolve().is_relative_to(root.resolve()):
        raise UserError(Problem(f"{parent} is a link that leads out of {root}", hint="use another name"))
    for _ in range(_ATTEMPTS):
        folder = parent / f"{created:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        sync_folder(parent)
        return folder
    raise UserError(f"no free run directory could be made under {parent}")


def _take(descriptor: int, path: Path) -> None:
    """Lock an open file; who only looks whether it is locked holds it for an instant, which is waited for."""
    for wait in (*_WAITS, None):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if wait is None:
                hint = "wait until it has finished, or stop it first"
                raise UserError(Problem(f"the run {path} is in use: another process trains it", hint=hint)) from None
            time.sleep(wait)
        except OSError as error:
            raise cannot("lock", path, error) from error
        else:
            return
