"""The page: one file, which asks nothing of any server.

Its content security policy forbids everything that is not named here:
  default-src 'none'            no request of any kind, no frame, no font, no worker
  img-src data:                 the pictures, which the file itself holds (and the icons of Bokeh's toolbar)
  style-src 'unsafe-inline'     the page's own style sheet, and those that Bokeh makes for its charts
  script-src 'sha256-...'       exactly the scripts written here, by their hashes: text from a config, a label or an
                                id cannot become one, and nothing turns text into code ('unsafe-eval' is not allowed)
  base-uri, form-action 'none'  links and forms lead nowhere else
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from aecli.config.words import harmless
from aecli.report.html import charts, codemap, compare, views
from aecli.report.html.content import RunContent
from aecli.report.html.marginals import marginals
from aecli.report.html.provenance import provenance, recipe

MOST_TERMS = 64  # that are drawn: an objective has a dozen
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def render(runs: Sequence[RunContent], made: str) -> str:
    """The HTML of one run, or of several side by side; `made` says with what and when. ValueError for none."""
    if not runs:
        raise ValueError("a report is of one run or more")
    charts_json: dict[str, Any] = {}
    maps: list[dict[str, Any]] = []
    shown = [_run(i, run, len(runs), charts_json, maps) for i, run in enumerate(runs)]
    labels = [run["label"] for run in shown]
    named = [(label, run.curves, run.best_epoch) for label, run in zip(labels, runs, strict=True)]
    terms = list(dict.fromkeys(term for run in runs for term in run.curves))
    panels = []
    for i, term in enumerate(terms[:MOST_TERMS]):
        unit = next(run.units[term] for run in runs if term in run.units) if _has_unit(term, runs) else ""
        charts_json[f"curve-{i}"] = charts.curves(term, unit, named)
        panels.append({"id": f"curve-{i}", "term": term, "unit": unit, "told": charts.told(term, unit, named)})
    scripts = [_bokeh(), _asset("report.js")]
    text = _environment().get_template("page.html").render(
        title=runs[0].name if len(runs) == 1 else f"{len(runs)} runs compared", runs=shown, one=len(runs) == 1,
        metrics=compare.metrics(runs), comparable=compare.comparable(runs), panels=panels,
        more_terms=len(terms[MOST_TERMS:]), legend=charts.legend(named) if panels else [],
        differences=compare.differences(runs),
        provenance=provenance(runs), charts=safe_json(charts_json), maps=safe_json(maps), css=_asset("style.css"),
        scripts=scripts, policy=policy(scripts), made=made, sections=_sections(shown, bool(panels)),
    )  # fmt: skip
    return text.encode(errors="replace").decode()  # an argument of a command line may hold bytes that are no UTF-8


def safe_json(value: Any) -> str:
    """JSON for a `<script type="application/json">`: nothing in it can end the element or begin another.

    Every "<", ">" and "&" is written as an escape, and so is all that is not ASCII (U+2028 among it). What would steer
    a terminal or turn the order of what is read is shown as an escape (`\\u202e`). Arrays that
    Bokeh left as numbers become lists; what is not finite becomes null.
    """
    from aecli.runs.files import to_json

    text = to_json(_shown(value), indent=None).strip()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _shown(value: Any) -> Any:
    """The value with its texts as they may be shown (`harmless`)."""
    if isinstance(value, dict):
        return {_shown(key): _shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    return harmless(value) if isinstance(value, str) else value


def policy(scripts: Sequence[str]) -> str:
    """The content security policy that allows these scripts alone."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def _run(i: int, run: RunContent, count: int, drawn: dict[str, Any], maps: list[dict[str, Any]]) -> dict[str, Any]:
    """One run as the template shows it; its charts and its map are added to those of the page."""
    letter = LETTERS[i % len(LETTERS)] + (str(i // len(LETTERS)) if i >= len(LETTERS) else "")
    shown: dict[str, Any] = {
        "content": run, "id": f"run-{i}", "letter": letter, "colour": charts.RUNS[i % len(charts.RUNS)],
        "label": run.name if count == 1 else f"{letter} {run.name}", "recipe": recipe(run),
        "status": str(run.record.get("status")), "examples": [views.examples(e) for e in run.examples],
        "samples": [views.sheet(found) for found in run.samples], "plane": run.plane and views.sheet(run.plane),
        "walks": views.walks(run), "marginals": marginals(run.columns) if run.columns else [],
        "histogram": marginals(run.code_histogram) if run.code_histogram else [],
        "map": None, "anomalies": None, "charts": {},
    }  # fmt: skip
    if run.code_map is not None:
        drawn[f"map-{i}"] = codemap.plot_of(run.code_map)
        packed, atlas = codemap.data_of(run.code_map)
        shown["map"] = {"id": f"map-{i}", "atlas": atlas, "colourings": run.code_map.colourings}
        maps.append({"id": f"map-{i}", "file": f"{run.name.replace('/', '-')}-selected.csv", "packed": packed})
    if run.anomalies is not None:
        shown["anomalies"] = views.anomalies(run.anomalies)
        shown["charts"]["scores"] = f"scores-{i}"
        drawn[f"scores-{i}"] = charts.histogram(run.anomalies)
        curve = charts.roc(run.anomalies)
        if curve is not None:
            shown["charts"]["roc"] = f"roc-{i}"
            drawn[f"roc-{i}"] = curve
    return shown


def _sections(runs: Sequence[dict[str, Any]], curves: bool) -> list[tuple[str, str]]:
    """(id, title) of the sections that there is something to show in, in their order."""
    here = {
        "metrics": ("Metrics", True),
        "curves": ("Training", curves),
        "reconstructions": ("Reconstructions", any(r["examples"] or r["content"].worst for r in runs)),
        "samples": ("Samples", any(r["samples"] or r["marginals"] for r in runs)),
        "traversals": ("Traversals", any(r["walks"] or r["plane"] for r in runs)),
        "map": ("Code map", any(r["map"] or r["histogram"] for r in runs)),
        "anomalies": ("Anomalies", any(r["anomalies"] for r in runs)),
        "provenance": ("Provenance", True),
        "config": ("Config", True),
        "reproduce": ("Reproduce", True),
    }
    return [(name, title) for name, (title, there) in here.items() if there]


def _has_unit(term: str, runs: Sequence[RunContent]) -> bool:
    return any(term in run.units for run in runs)


@cache
def _environment() -> Any:
    """Templates of this package; everything that is put into one is escaped, and a name that is missing is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("aecli.report.html"), autoescape=True, undefined=StrictUndefined,
        finalize=lambda value: harmless(value) if type(value) is str else value,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


@cache
def _asset(name: str) -> str:
    return (files("aecli.report.html") / "templates" / name).read_text(encoding="utf-8")


@cache
def _bokeh() -> str:
    """BokehJS without its widgets, tables, WebGL and mathematics; naming its source map would be a request."""
    text = (files("bokeh") / "server" / "static" / "js" / "bokeh.min.js").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("//# sourceMappingURL="))


__all__ = ["policy", "render", "safe_json"]
