"""TensorBoard events: the values of metrics.jsonl again, for those who watch a run there."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from aecli.config.problems import UserError
from aecli.runs.files import cannot

SECONDS = 20.0  # after which what was written can be seen


class Events:
    """A writer of scalars into the folder `events` of a run.

    `resume_at` is the step from which a resumed run writes again: TensorBoard then hides what an earlier
    process wrote at that step and later. UserError where the disk refuses: tensorboardX's own writer would, in a thread
    of its own, die there unheard.
    """

    def __init__(self, folder: Path, resume_at: int | None = None):
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import SessionLog  # pyright: ignore[reportAttributeAccessIssue]

        self.folder = folder
        # A file is called by its second alone: with no suffix a quick resume would overwrite the one before.
        suffix = f".{secrets.token_hex(4)}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._writer: Any = EventsWriter(str(folder / "events"), suffix)
        except OSError as error:
            raise cannot("write", folder, error) from error
        self._flushed = time.monotonic()
        if resume_at is not None:
            self._event(resume_at, session_log=SessionLog(status=SessionLog.START))

    def __enter__(self) -> Events:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        """Closed; after an error, what fails then is no news."""
        try:
            self.close()
        except UserError:
            if error is None:
                raise

    def write(self, step: int, split: str, values: Mapping[str, Any]) -> None:
        """Each finite value as the scalar `split/name` at `step`; null and the others are left out."""
        from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

        told = {f"{split}/{name}": float(value) for name, value in values.items() if value is not None}
        found = [Summary.Value(tag=tag, simple_value=value) for tag, value in told.items() if math.isfinite(value)]
        if found:
            self._event(step, summary=Summary(value=found))
        if time.monotonic() - self._flushed > SECONDS:
            self.flush()

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._flushed = time.monotonic()
        try:
            self._writer.flush()
        except OSError as error:
            raise cannot("write", self.folder, error) from error

    def close(self) -> None:
        """Flush, and close the file."""
        try:
            self._writer.close()
        except OSError as error:
            raise cannot("write", self.folder, error) from error

    def _event(self, step: int, **what: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

        try:
            self._writer.write_event(Event(wall_time=time.time(), step=step, **what))
        except OSError as error:
            raise cannot("write", self.folder, error) from error
