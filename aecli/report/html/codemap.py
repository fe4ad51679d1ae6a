"""The interactive map of the code: Bokeh's JSON for the points, and what the page's script knows of them.

Drawn on a canvas, not with WebGL: Bokeh's WebGL writes JavaScript from text while it runs, which would need
'unsafe-eval' in the page's security policy. While a map of more than 5,000 points is dragged some 2,000 of them
are drawn; 100,000 points stay smooth so.
"""

from __future__ import annotations

import base64
import gzip
from typing import Any

import numpy as np

from aecli.report.html.charts import as_json, canvas
from aecli.report.html.content import CodeMap, Colouring
from aecli.report.html.pictures import atlas
from aecli.report.style import BLACK, BLUE, GREY, PALE, PALETTE, colours, limits
from aecli.runs.files import to_json

MANY = 20_000  # points from which on they are small squares, the cheapest mark there is
MOVING = 2_000  # points that are drawn while the map is dragged
DARK = {BLUE: "#3D9BE0", BLACK: "#EDEDED"}  # what is too dark on a dark page


def plot_of(found: CodeMap) -> dict[str, Any]:
    """The points, coloured by column `c`; invisible larger marks of the sample, for the pointer to find.

    The page's script fills them in: the points are in the data of the map, in a sixth of the room JSON would take.
    """
    from bokeh.models import ColumnDataSource, HoverTool, LassoSelectTool, LinearColorMapper

    count = len(found.points)
    (left, low), (right, high) = found.points.min(0).tolist(), found.points.max(0).tolist()
    plot = canvas(
        height=560, name="map", tools="pan,box_zoom,wheel_zoom,reset", toolbar_location="above", active_drag=None,
        x_axis_label=found.axes[0], y_axis_label=found.axes[1],
        x_range=limits(left, right, 0.04), y_range=limits(low, high, 0.04),
        lod_factor=max(1, count // MOVING), lod_threshold=5000, lod_interval=1500,
    )  # fmt: skip
    tint = LinearColorMapper(palette=[GREY], low=-0.5, high=0.5, name="tint")
    source = ColumnDataSource({"x": [], "y": [], "c": []}, name="points")
    marker, size = ("square", 3) if count > MANY else ("circle", float(np.clip(300 / np.sqrt(count), 4, 9)))
    alpha = float(np.clip(1_500 / count, 0.35, 0.85))
    drawn = plot.scatter(
        "x", "y", source=source, marker=marker, size=size, line_color=None, name="dots",
        fill_color={"field": "c", "transform": tint}, fill_alpha=alpha, nonselection_fill_alpha=0.06,
    )  # fmt: skip
    sample = ColumnDataSource({"x": [], "y": []}, name="sample")
    ghosts = plot.scatter("x", "y", source=sample, size=14, fill_alpha=0, line_alpha=0)
    names = ColumnDataSource({"x": [], "y": [], "text": []}, name="names")
    words = plot.text(
        "x", "y", "text", source=names, text_align="center", text_baseline="middle",
        text_font_size="13px", text_font_style="bold",
    )  # fmt: skip
    words.glyph.update(text_font={"value": "sans-serif"}, background_fill_alpha=0.75, padding=3, border_radius=4)
    words.tags = ["ink"]
    plot.add_tools(HoverTool(renderers=[ghosts], tooltips=None), LassoSelectTool(renderers=[drawn], continuous=False))
    plot.toolbar.active_drag = plot.tools[-1]  # pyright: ignore[reportAttributeAccessIssue]
    return as_json(plot)


def data_of(found: CodeMap) -> tuple[str, str | None]:
    """Points, colours by column, ids, and what is shown of the sample: JSON in gzip in base64; and the atlas' URI."""
    sheet = None if found.thumbnails is None else atlas(found.thumbnails)
    pictures = None
    if sheet is not None:
        pictures = {"columns": sheet.columns, "width": sheet.width, "height": sheet.height, "rows": sheet.rows}
    points, low, high = quantised(found.points)
    value = {
        "points": _base64(points), "low": low, "high": high,
        "ids": _ids(found.ids),
        "colourings": [_colouring(c, found.points) for c in found.colourings],
        "sample": _base64(np.asarray(found.sample, np.int32)),
        "facts": {name: list(values) for name, values in found.facts.items()},
        "pictures": pictures,
    }  # fmt: skip
    packed = gzip.compress(to_json(value, indent=None).encode(), mtime=0)
    return base64.b64encode(packed).decode(), None if sheet is None else sheet.uri


def quantised(points: np.ndarray) -> tuple[np.ndarray, list[float], list[float]]:
    """Points [n, 2] as uint16 [2, n] between the ends of each axis: x = low + (high - low) q / 65535."""
    points = np.asarray(points, np.float64)
    low, high = points.min(0), points.max(0)
    share = (points - low) / np.where(high > low, high - low, 1.0)
    return np.rint(65535 * share).astype("<u2").T, low.tolist(), high.tolist()


def _ids(ids: Any) -> dict[str, Any]:
    """Whole numbers as int32, which is a quarter of their text; else the text."""
    texts = [str(value) for value in ids]
    if all(t.isascii() and t.isdigit() and len(t) <= 9 and (t == "0" or t[0] != "0") for t in texts):
        return {"numbers": _base64(np.array(texts, np.int64).astype(np.int32))}
    return {"texts": texts}


def _colouring(found: Colouring, points: np.ndarray) -> dict[str, Any]:
    """Palettes for a light and a dark page, and the names of classes with their median points."""
    from bokeh.palettes import Viridis256

    plain = {"name": found.name, "kind": found.kind, "codes": _base64(found.codes)}
    if found.kind == "scale":
        return {**plain, "light": list(Viridis256), "dark": list(Viridis256), "low": found.low, "high": found.high}
    light, dark = colours(len(found.names)), on_dark(len(found.names))
    for grey, colour in zip(found.greys, (GREY, PALE), strict=False):
        light[grey] = dark[grey] = colour
    here = [np.asarray(points)[found.codes == i] for i in range(len(found.names))]
    named = [i for i, rows in enumerate(here) if len(rows) and i not in found.greys and len(found.names) > 1]
    middles = {str(i): [float(v) for v in np.median(here[i], axis=0)] for i in named}
    return {
        **plain, "light": light, "dark": dark, "names": list(found.names),
        "counts": [int(n) for n in found.counts], "middles": middles,
    }  # fmt: skip


def on_dark(count: int) -> list[str]:
    """`count` colours for a dark page: the palette without its dark ones, then paler, then dimmer."""
    found = []
    for i in range(count):
        use, colour = (i // len(PALETTE)) % 3, PALETTE[i % len(PALETTE)]
        base = np.array([int(DARK.get(colour, colour)[k : k + 2], 16) for k in (1, 3, 5)])
        shade = (base, 255 - (255 - base) * 0.5, base * 0.65)[use]
        found.append("#" + "".join(f"{round(float(channel)):02x}" for channel in shade))
    return found


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
