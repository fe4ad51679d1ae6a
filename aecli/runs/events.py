"""TensorBoard events: the values of metrics.jsonl again, for those who watch a run there."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any


class Events:
    """A writer of scalars into the folder `events` of a run.

    `resume_at` is the step from which a resumed run writes again: TensorBoard then hides what an earlier
    process wrote at that step and later.
    """

    def __init__(self, folder: Path, resume_at: int | None = None):
        from tensorboardX import SummaryWriter

        # A file is called by its second alone: with no suffix a quick resume would overwrite the one before.
        suffix = f".{secrets.token_hex(4)}"
        self._writer: Any = SummaryWriter(logdir=str(folder), purge_step=resume_at, filename_suffix=suffix)

    def __enter__(self) -> Events:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.close()

    def write(self, step: int, split: str, values: Mapping[str, Any]) -> None:
        """Each finite value as the scalar `split/name` at `step`; null and the others are left out."""
        for name, value in values.items():
            if value is not None and math.isfinite(float(value)):
                self._writer.add_scalar(f"{split}/{name}", float(value), step)

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._writer.flush()

    def close(self) -> None:
        """Flush, and end the writer's thread."""
        self._writer.close()
