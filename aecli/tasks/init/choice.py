"""A value for a key of the config, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ASKED = "as the command line says"


@dataclass(frozen=True)
class Choice:
    """What is written for a key; `why` is the comment above it, or nothing."""

    value: Any
    why: str = ""


# By the key's words with a dot between them: `name`, `data.label`, `training.epochs`.
Choices = dict[str, Choice]
