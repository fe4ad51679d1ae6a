"""How every figure looks: colours, type, notes, and a canvas that is written whole."""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from aecli.runs.files import writing_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito (2008), "Color Universal Design": told apart with every common form of colour blindness.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, YELLOW, BLACK = "#56B4E9", "#CC79A7", "#F0E442", "#000000"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK, YELLOW)  # yellow is the faintest on white
GREY, PALE, INK = "#767676", "#D9D9D9", "#222222"
# Perceptually uniform, and monotone in lightness, so that they survive a grey print.
SEQUENTIAL, ERROR = "viridis", "magma"

DPI = 150
LOG_SPAN = 100.0  # two decades: from here on a linear axis hides the small values

RC: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.prop_cycle": f"cycler('color', {list(PALETTE)})",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.titlesize": 12,
    "font.family": "DejaVu Sans",  # comes with matplotlib: equal figures on every machine
    "font.size": 9,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "savefig.dpi": DPI,
    "text.color": INK,
    "text.parse_math": False,  # a column may be called "$x_1$"
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8,
}


@contextmanager
def canvas(path: Path, width: float, height: float, title: str, *, beside: bool = False) -> Iterator[Figure]:
    """An empty figure of `width` x `height` inches, written to `path` as a PNG when the block ends well.

    `beside` keeps half of the title's line free for a legend. No pyplot, hence no global figures; the
    machine's own matplotlibrc is set aside. The PNG names neither a date nor a version. UserError where the
    operating system refuses to write.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(["default", RC]), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes: no reason to trouble the terminal.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        room = int(width * (4.5 if beside else 8.5))  # characters in a line
        figure.suptitle(wrapped(name_of(title, 120), room), x=0.01, ha="left", fontweight="bold")
        yield figure
        with writing_whole(path) as aside:
            figure.savefig(aside, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})


def panels(figure: Figure, count: int, columns: int) -> list[Axes]:
    """`count` axes in rows of at most `columns`, left to right; no empty one is left over."""
    width = min(columns, count)
    grid = figure.add_gridspec(math.ceil(count / width), width)
    return [figure.add_subplot(grid[i // width, i % width]) for i in range(count)]


def colours(count: int) -> list[str]:
    """`count` colours: the palette, then the palette darker, then lighter."""
    from matplotlib.colors import to_hex, to_rgb

    found = []
    for i in range(count):
        use, base = (i // len(PALETTE)) % 3, np.array(to_rgb(PALETTE[i % len(PALETTE)]))
        dark = base * 0.55 if base.any() else np.full(3, 0.35)  # black has no darker shade
        red, green, blue = (base, dark, 1 - (1 - base) * 0.45)[use].tolist()
        found.append(to_hex((red, green, blue)))
    return found


def name_of(value: object, width: int = 24) -> str:
    """A user's name as a label: one line, at most `width` characters; a leading underscore would hide it."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    text = text if len(text) <= width else text[: width - 1] + "…"
    return f" {text}" if text.startswith("_") else text


def wrapped(text: str, width: int = 34) -> str:
    """Text for an axis label, on as many lines as it needs."""
    return "\n".join(textwrap.wrap(text, width)) if text else ""


def note(figure: Figure, parts: Sequence[str]) -> None:
    """What was left out or clipped, in small type under the figure; nothing where `parts` is empty."""
    if parts:
        text = wrapped("; ".join(parts), max(40, int(figure.get_figwidth() * 15)))
        figure.supxlabel(text, x=0.01, ha="left", fontsize=7.5, color=GREY)


def counted(count: int, noun: str) -> str:
    """`1 row`, `12,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def power_of_ten(value: float, _position: int | None = None) -> str:
    """A tick of a logarithmic axis, without mathtext: 0.01, 1, 1000, 10⁵; 2 and 5 times those too."""
    if not value > 0:
        return ""
    exponent = math.floor(math.log10(value) + 1e-9)
    if -3 <= exponent <= 3:
        return f"{value:.6g}"
    lead = round(value / 10.0**exponent)
    return (
        ("" if lead == 1 else f"{lead}·") + "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    )


def percent(share: float) -> str:
    """A share to three digits: `0.28 %`, `65.3 %`."""
    return f"{100 * share:.3g} %"


def ticks(axis: Axis, *, whole: bool = False) -> None:
    """About four labels at round numbers, or at whole ones, on a linear axis."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], integer=whole))


def log_ticks(axis: Axis, *, few: bool) -> None:
    """Labels at decades of a logarithmic axis; where few decades are seen, at 2 and 5 times those too."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=8))
    axis.set_major_formatter(FuncFormatter(power_of_ten))
    axis.set_minor_formatter(NullFormatter())


def log_axis(axes: Axes, which: Literal["x", "y"]) -> None:
    """Make the `x` or `y` axis, whose limits are positive, logarithmic."""
    axes.set(**{f"{which}scale": "log"})
    axis, (low, high) = (axes.xaxis, axes.get_xlim()) if which == "x" else (axes.yaxis, axes.get_ylim())
    log_ticks(axis, few=math.log10(high / low) < 3)


def spans_decades(values: np.ndarray, span: float = LOG_SPAN) -> bool:
    """Whether finite `values` are all positive and their largest is at least `span` times the smallest."""
    values = values[np.isfinite(values)]
    return bool(len(values)) and bool(values.min() > 0) and bool(values.max() >= span * values.min())


def limits(low: float, high: float, margin: float = 0.05) -> tuple[float, float]:
    """The ends of an axis that shows low to high, with a margin; a single value gets room on both sides."""
    room = (high - low) * margin
    if room <= max(1e-200, max(abs(low), abs(high)) * 1e-9):
        room = abs(low) * 0.1 if abs(low) > 1e-200 else 0.5
    return low - room, high + room
