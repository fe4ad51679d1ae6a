"""What the template shows of each run's pictures: data URIs and their alternative texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aecli.report.html import pictures
from aecli.report.html.charts import BASELINES
from aecli.report.html.content import Anomalies, Examples, RunContent, Sheet
from aecli.report.html.numbers import digits
from aecli.report.style import BLUE


def examples(found: Examples) -> dict[str, Any]:
    """Columns of an original, what was seen of it, its reconstruction and the error, all on one scale of colours."""
    from bokeh.palettes import Magma256

    error = np.abs(np.asarray(found.original, np.float64) - found.reconstruction).mean(-1)
    top = float(np.max(error, where=np.isfinite(error), initial=0.0)) or 1.0
    tiles = []
    for i, row in enumerate(found.rows):
        mean = digits(float(error[i].mean()), 3)
        images = [("original", pictures.picture(found.original[i]), f"Original: {row.named}")]
        if found.corrupted is not None:
            images.append(("corrupted", pictures.picture(found.corrupted[i]), f"What the encoder saw of {row.named}"))
        images.append(("reconstruction", pictures.picture(found.reconstruction[i]), f"Reconstruction of {row.named}"))
        worst = digits(float(error[i].max()), 3)
        text = f"Absolute error of {row.named}: {mean} on average, at most {worst}"
        images.append(("error", pictures.error_picture(error[i], top), text))
        tiles.append({"row": row, "images": images, "error": mean})
    lines = ["original", *(["corrupted"] if found.corrupted is not None else []), "reconstruction", "|error|"]
    return {
        "title": found.title, "tiles": tiles, "top": digits(top, 3), "lines": lines,
        "gradient": pictures.gradient(list(Magma256)),
    }  # fmt: skip


def sheet(found: Sheet) -> dict[str, Any]:
    """One picture of many images."""
    uri, width, height = pictures.sheet(found.images, found.columns)
    rows = -(-len(found.images) // found.columns)
    alt = f"{len(found.images)} images in {rows} rows: {found.caption}"
    return {"uri": uri, "width": width, "height": height, "alt": alt, "caption": found.caption}


def walks(run: RunContent) -> list[dict[str, Any]]:
    """A strip of images, or the columns that move most, for each unit."""
    found = []
    for walk in run.walks:
        low, high = digits(walk.low, 3), digits(walk.high, 3)
        strip = None
        if walk.images is not None:
            uri, width, height = pictures.sheet(walk.images, len(walk.images))
            alt = f"Unit {walk.unit} of the code from {low} to {high} in {len(walk.images)} steps"
            strip = {"uri": uri, "width": width, "height": height, "alt": alt}
        found.append({"unit": walk.unit, "low": low, "high": high, "strip": strip, "cells": walk.cells})
    return found


def anomalies(found: Anomalies) -> dict[str, Any]:
    """The scores in numbers, and the rows that score highest."""
    summary = found.summary
    rows = [
        {
            "row": suspect.row, "score": digits(suspect.score), "p": digits(suspect.p_value, 3),
            "flagged": suspect.flagged, "truth": suspect.anomalous, "because": suspect.because,
            "pictures": _pair(suspect),
        }
        for suspect in found.suspects
    ]  # fmt: skip
    named: list[tuple[str, Mapping[str, Any], tuple[str, str]]] = [(found.name, summary, (BLUE, "solid"))]
    for i, (name, part) in enumerate(summary["baselines"].items()):
        named.append((name.replace("_", " "), part, BASELINES[i % len(BASELINES)]))
    table = [
        (name, part["flagged"], digits(part["roc_auc"]), digits(part["average_precision"]), *look)
        for name, part, look in named
    ]
    because = any(suspect.because for suspect in found.suspects)
    with_pictures = any(suspect.picture is not None for suspect in found.suspects)
    return {
        "split": found.split, "rows": rows, "table": table, "threshold": digits(summary["threshold"]),
        "rate": f"{summary['false_positive_rate']:g}", "calibration": summary["calibration_rows"],
        "flagged": summary["flagged"], "count": summary["rows"], "expected": digits(summary["expected_flags"], 3),
        "truth_known": found.truth is not None, "because": because, "pictures": with_pictures,
        "notes": summary["notes"],
    }  # fmt: skip


def _pair(suspect: Any) -> list[tuple[str, str]]:
    pairs = ((suspect.picture, "The"), (suspect.reconstruction, "Reconstruction of the"))
    return [(pictures.picture(p, 96), f"{text} {suspect.row.named}") for p, text in pairs if p is not None]
