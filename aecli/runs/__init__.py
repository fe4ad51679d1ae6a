"""The run directory: create it, find it, and keep its records."""

from aecli.runs.find import list_runs, open_run
from aecli.runs.run import Run

__all__ = ["Run", "list_runs", "open_run"]
