"""`aecli report`: one self-contained HTML file of a run, or of several side by side."""

from aecli.tasks.report.write import Report, report

__all__ = ["Report", "report"]
