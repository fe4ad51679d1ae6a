"""Charts that answer to the pointer, as Bokeh's JSON: loss curves, score histogram, ROC.

Colours follow the page: models tagged `ink` or `faint` are recoloured by the page's script when its scheme changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.report.anomalies import roc_points, score_bins
from aecli.report.html.content import Anomalies, Lines
from aecli.report.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, spans_decades

if TYPE_CHECKING:
    from bokeh.plotting import figure as Figure  # noqa: N812

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
RUNS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION)  # a colour for each run side by side; the letters tell them too
SPLITS = {"train": (BLUE, "solid"), "validation": (VERMILLION, "dashed"), "test": (GREEN, "dotted")}
OTHER = (PURPLE, "dashdot")
BASELINES = ((ORANGE, "dashed"), (GREEN, "dashdot"), (PURPLE, "dotted"))
POINTS = 400  # of a ROC curve: more cannot be seen


def canvas(**options: Any) -> Figure:
    """An empty chart as wide as its place, without a toolbar or a logo; the page's own colours show through."""
    from bokeh.models import Axis, Grid
    from bokeh.plotting import figure

    options = {"height": 250, "toolbar_location": None, "tools": ""} | options
    plot = figure(sizing_mode="stretch_width", min_border_right=12, **options)
    plot.toolbar.logo = None  # pyright: ignore[reportAttributeAccessIssue]
    plot.outline_line_color = plot.background_fill_color = plot.border_fill_color = None  # pyright: ignore
    for axis in plot.select(Axis):
        axis.update(
            axis_label_text_font=FONT, major_label_text_font=FONT, axis_label_text_font_style="normal",
            axis_label_text_font_size="12px", major_label_text_font_size="11px", axis_line_color=GREY,
            minor_tick_line_color=None, major_tick_line_color=GREY,
        )  # fmt: skip
    for grid in plot.select(Grid):
        grid.update(grid_line_color=GREY, grid_line_alpha=0.25)
    return plot


def as_json(plot: Figure) -> dict[str, Any]:
    """What `Bokeh.embed.embed_item` takes."""
    from bokeh.embed import json_item

    return dict(json_item(plot))


def curves(term: str, unit: str, runs: Sequence[tuple[str, Lines, int | None]]) -> dict[str, Any]:
    """One term against the epoch: a line a split and run, `runs` being (name, curves, best epoch)."""
    from bokeh.models import BasicTicker, HoverTool, Span

    lines = [(r, split, *runs[r][1][term][split]) for r in range(len(runs)) for split in runs[r][1].get(term, {})]
    every = np.concatenate([values for *_, values in lines])
    logarithmic = spans_decades(every)
    plot = canvas(y_axis_type="log" if logarithmic else "linear", x_axis_label="epoch", y_axis_label=short(unit))
    drawn = []
    for r, split, epochs, values in lines:
        colour, dash = _look(split, r, len(runs))
        named = {"run": [runs[r][0]] * len(epochs), "split": [split] * len(epochs)}
        source = {"epoch": epochs, "value": np.asarray(values, np.float64), **named}
        plot.line("epoch", "value", source=source, color=colour, line_dash=dash, line_width=2)
        drawn.append(plot.scatter("epoch", "value", source=source, size=4, color=colour, line_color=None))
    if len(runs) == 1 and runs[0][2] is not None:
        plot.add_layout(Span(location=runs[0][2], dimension="height", line_color=GREY, line_dash="dotted"))
    run = [("run", "@run")] if len(runs) > 1 else []
    tips = [*run, ("split", "@split"), ("epoch", "@epoch"), ("value", "@value{0.[00000]}")]
    plot.add_tools(HoverTool(renderers=drawn, tooltips=tips, mode="mouse"))
    whole = BasicTicker(min_interval=1, desired_num_ticks=6, num_minor_ticks=0)
    for axis in plot.xaxis:
        axis.ticker = whole
    if logarithmic:
        decades(plot)
    return as_json(plot)


def histogram(found: Anomalies) -> dict[str, Any]:
    """Rows per score on a logarithmic axis, normal and anomalous apart where that is known, and the threshold."""
    from bokeh.models import HoverTool, Span

    scores, threshold = np.asarray(found.scores, np.float64), float(found.summary["threshold"])
    edges, logarithmic = score_bins(scores, threshold)
    kinds = "log" if logarithmic else "linear"
    plot = canvas(y_axis_type="log", x_axis_type=kinds, x_axis_label=f"{found.name} score", y_axis_label="rows")
    bars = []
    for name, (here, colour) in groups(found).items():
        counts = np.histogram(np.clip(scores[here & np.isfinite(scores)], edges[0], edges[-1]), edges)[0]
        source = {"left": edges[:-1], "right": edges[1:], "rows": counts, "kind": [name] * len(counts)}
        source["top"], source["bottom"] = np.where(counts > 0, counts, 0.5), np.full(len(counts), 0.5)
        look: dict[str, Any] = {"fill_color": colour, "fill_alpha": 0.55, "line_color": colour}
        bars.append(plot.quad("left", "right", "top", "bottom", source=source, **look))
    if np.isfinite(threshold):
        plot.add_layout(Span(location=threshold, dimension="height", line_dash="dashed", line_width=2, tags=["ink"]))
    plot.y_range.update(start=0.5)
    tips = [("kind", "@kind"), ("score", "@left{0.[000]} to @right{0.[000]}"), ("rows", "@rows")]
    plot.add_tools(HoverTool(renderers=bars, tooltips=tips))
    decades(plot)
    return as_json(plot)


def groups(found: Anomalies) -> dict[str, tuple[np.ndarray, str]]:
    """Which rows are of which kind, and the colour of it."""
    if found.truth is None:
        return {"rows": (np.ones(len(found.scores), bool), BLUE)}
    if found.labelled is None:
        return {"normal": (~found.truth, BLUE), "anomalous": (found.truth, VERMILLION)}
    normal = ~found.truth & found.labelled
    return {"normal": (normal, BLUE), "anomalous": (found.truth, VERMILLION), "unlabelled": (~found.labelled, GREY)}


def roc(found: Anomalies) -> dict[str, Any] | None:
    """Found anomalies against false alarms over all thresholds; None where not both kinds of rows are known."""
    from bokeh.models import HoverTool

    truth, threshold = found.truth, found.summary["threshold"]
    known = slice(None) if found.labelled is None else found.labelled
    if truth is None or truth[known].all() or not truth.any():
        return None
    truth = truth[known]
    plot = canvas(
        x_axis_label="false positive rate", y_axis_label="true positive rate", height=300,
        x_range=(-0.02, 1.02), y_range=(-0.02, 1.02),
    )  # fmt: skip
    plot.line([0, 1], [0, 1], color=GREY, line_dash="dotted")
    drawn = []
    looks = [(found.name, found.scores[known], BLUE, "solid", 3)]
    for i, (name, scores) in enumerate(found.baselines.items()):
        looks.append((name.replace("_", " "), scores[known], *BASELINES[i % len(BASELINES)], 2))
    for name, scores, colour, dash, width in looks:
        false, true = thinned(*roc_points(np.asarray(scores, np.float64), truth))
        source = {"false": false, "true": true, "score": [name] * len(false)}
        drawn.append(plot.line("false", "true", source=source, color=colour, line_dash=dash, line_width=width))
    at = [[float((found.scores[known][kind] > threshold).mean())] for kind in (~truth, truth)]
    plot.scatter(*at, size=11, color=BLUE, line_color="white", line_width=2)
    tips = [("score", "@score"), ("false positives", "@false{0.0%}"), ("found", "@true{0.0%}")]
    plot.add_tools(HoverTool(renderers=drawn, tooltips=tips, line_policy="nearest"))
    return as_json(plot)


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A staircase without the points that lie on a line between their neighbours; at most POINTS of them."""
    corner = np.concatenate([[True], (np.diff(x, 2) != 0) | (np.diff(y, 2) != 0), [True]])
    kept = np.flatnonzero(corner)
    kept = kept[np.unique(np.linspace(0, len(kept) - 1, min(len(kept), POINTS)).astype(int))]
    return x[kept], y[kept]


def decades(plot: Figure) -> None:
    """Plain numbers on logarithmic axes: Bokeh's own are powers of ten that need a font for mathematics."""
    from bokeh.models import BasicTickFormatter, LogAxis, LogTicker

    for axis in plot.select(LogAxis):
        ticker = LogTicker(mantissas=[1, 2, 5], num_minor_ticks=0, desired_num_ticks=5)
        axis.update(formatter=BasicTickFormatter(power_limit_high=6, power_limit_low=-4), ticker=ticker)


def short(unit: str) -> str:
    """What fits beside an axis: the unit itself; how it is summed stands in the caption."""
    return unit.split(",")[0]


def told(term: str, unit: str, runs: Sequence[tuple[str, Lines, int | None]]) -> str:
    """The curve in words: where each line begins and ends."""
    from aecli.report.html.numbers import digits

    parts = []
    for name, lines, _ in runs:
        for split, (epochs, values) in lines.get(term, {}).items():
            who = f"{name} {split}" if len(runs) > 1 else split
            span = f"{digits(values[0])} to {digits(values[-1])}" if len(values) > 1 else digits(values[0])
            parts.append(f"{who} {span}" + (f" (epoch {epochs[0]} to {epochs[-1]})" if len(epochs) > 1 else ""))
    return f"{term} in {unit or 'its own unit'}: " + "; ".join(parts)


def legend(runs: Sequence[tuple[str, Lines, int | None]]) -> list[dict[str, str]]:
    """What colours and dashes mean, for all curves at once."""
    splits = list(dict.fromkeys(split for _, lines, _ in runs for term in lines.values() for split in term))
    if len(runs) == 1:
        looks = [(split, *_look(split, 0, 1)) for split in splits]
        looks += [(f"best epoch ({runs[0][2]})", GREY, "dotted")] if runs[0][2] is not None else []
    else:
        looks = [(name, RUNS[r % len(RUNS)], "solid") for r, (name, *_) in enumerate(runs)]
        looks += [(split, GREY, _look(split, 0, 2)[1]) for split in splits]
    return [{"name": name, "colour": colour, "dash": dash} for name, colour, dash in looks]


def _look(split: str, run: int, runs: int) -> tuple[str, str]:
    """Colour and dash of a line: a dash for each split; a colour for each split of one run, or for each of several."""
    colour, dash = SPLITS.get(split, OTHER)
    return (colour if runs == 1 else RUNS[run % len(RUNS)]), dash


__all__ = ["curves", "histogram", "legend", "roc", "told"]
