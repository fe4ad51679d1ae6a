"""The report: one HTML file that needs nothing else. `render(runs)` makes it of plain arrays and text."""

from aecli.report.html.page import render

__all__ = ["render"]
