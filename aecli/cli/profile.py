"""A profile on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def shown(profile: dict[str, Any]) -> None:
    """Print where the time went, and how to look at the trace itself."""
    from rich.console import Console

    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(_parts(profile))
    for line in _lines(profile):
        console.print(line)


def _parts(profile: dict[str, Any]) -> Any:
    """A row for each part that took time: milliseconds of a step, share of training, share of the traced steps."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
    step = 1000 * profile["training_step_seconds"]
    table.add_column("where the time goes", "all")
    table.add_column("ms a step", f"{step:.3f}", justify="right")
    table.add_column("of training", "100.0 %", justify="right")
    table.add_column("of the traced steps", "100.0 %", justify="right")
    for part, share in profile["training"].items():
        inside = profile["window"].get(part)
        if share or inside:
            cells = f"{step * share:.3f}", _percent(share), "" if inside is None else _percent(inside)
            table.add_row(part, *cells)
    return table


def _lines(profile: dict[str, Any]) -> list[str]:
    slower = profile["traced_step_seconds"] / max(profile["untraced_step_seconds"], 1e-12)
    symbols = ", ".join(f"{name} {_percent(share)}" for name, share in profile["symbols"].items())
    folder = Path(profile["trace"]).parent
    return [
        f"steps traced: {profile['steps']}, chunks: {profile['chunks']}, on {profile['device'] or 'no known device'}, "
        f"{profile['busy']:.1f} threads or streams at work on average",
        f"operations by symbol: {symbols or 'none'}",
        f"a traced step took {1000 * profile['traced_step_seconds']:.3f} ms, {slower:.2f} times another"
        + ("; what many small operations cost is overstated" if slower > 1.25 else ""),
        f"look at it: {folder / 'perfetto_trace.json.gz'} at https://ui.perfetto.dev,",
        f"  or: pip install xprof && xprof --logdir={folder.parents[2]} --port=6006",
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
