"""Anomaly scores: how normal and anomalous rows differ, and what a threshold makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    canvas,
    counted,
    limits,
    log_axis,
    name_of,
    note,
    percent,
    spans_decades,
)

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from matplotlib.axes import Axes

BINS, CLIP = 60, 0.999
WIDE = 1_000.0  # scores over three decades or more are drawn on a logarithmic axis
BASELINES = (
    (ORANGE, "--"),
    (GREEN, "-."),
    (PURPLE, ":"),
    (SKY, "--"),
    (BLACK, ":"),
    (GREY, "-."),
    (VERMILLION, ":"),
)


def score_histogram(
    scores: Float[np.ndarray, " n"],
    path: Path,
    *,
    anomalous: Bool[np.ndarray, " n"] | None = None,
    threshold: float | None = None,
    name: str = "anomaly score",
    title: str = "Anomaly scores",
    labelled: Bool[np.ndarray, " n"] | None = None,
) -> Path:
    """Rows per score, on a logarithmic count axis, normal and anomalous apart where that is known.

    `labelled`: which rows have a label, where some have none. A row is an alert where score > threshold. The axis
    ends at the 99.9 % quantile (or the threshold, where that is higher): rows beyond stand in the last bin, and the
    figure says how many. UserError where no score is finite, ValueError where shapes differ.
    """
    if scores.ndim != 1 or not len(scores) or (anomalous is not None and anomalous.shape != scores.shape):
        raise ValueError(f"one score or more, and as many labels or none, not {list(scores.shape)}")
    scores = np.asarray(scores, np.float64)
    finite = np.isfinite(scores)
    if not finite.any():
        hint = "look at the data, and at the loss curves: something in training was not finite"
        raise UserError(Problem(f"no histogram: none of {counted(len(scores), 'score')} is finite", hint=hint))
    groups = {"rows": finite}
    if anomalous is not None:
        groups = {"normal": finite & ~anomalous, "anomalous": finite & anomalous}
    if anomalous is not None and labelled is not None:
        groups["normal"], groups["unlabelled"] = groups["normal"] & labelled, finite & ~labelled
    edges, logarithmic = score_bins(scores, threshold)
    with canvas(path, 6.8, 3.9, title, beside=True) as figure:
        axes = figure.add_subplot()
        for (group, here), colour in zip(groups.items(), (BLUE, VERMILLION, GREY), strict=False):
            _group(axes, scores[here], edges, group, colour, threshold)
        if logarithmic:
            log_axis(axes, "x")
        if threshold is not None and np.isfinite(threshold):
            axes.axvline(threshold, color=BLACK, linewidth=1.2, linestyle="--", label=f"threshold {threshold:.4g}")
        axes.set(xlim=(edges[0], edges[-1]), xlabel=name_of(name, 80), ylabel="rows")
        axes.set_ylim(bottom=0.7)
        log_axis(axes, "y")
        figure.legend(loc="outside upper right", ncols=1)
        note(figure, _left_out(scores, edges[-1]))
    return path


def score_bins(scores: np.ndarray, threshold: float | None) -> tuple[Float[np.ndarray, " bins"], bool]:
    """60 bins, from the least score to the 99.9 % quantile or the threshold; whether they are geometric."""
    finite = scores[np.isfinite(scores)]
    low, high = float(finite.min()), float(np.quantile(finite, CLIP))
    if threshold is not None and np.isfinite(threshold):
        low, high = min(low, threshold), max(high, threshold)
    if low > 0 and spans_decades(np.array([np.quantile(finite, 0.01), high]), WIDE):
        return np.geomspace(low, high * 1.1, BINS + 1), True
    bottom, top = limits(low, high, 0.03)
    return np.linspace(0.0 if low >= 0 > bottom else bottom, top, BINS + 1), False


def _group(axes: Axes, scores: np.ndarray, edges: np.ndarray, group: str, colour: str, threshold: float | None) -> None:
    counts = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)[0]
    text = counted(len(scores), "row") if group == "rows" else f"{group}: {counted(len(scores), 'row')}"
    if threshold is not None and len(scores):
        text += f", {percent((scores > threshold).mean())} above"
    # Bars stand on 0.5, not 0, which a logarithmic axis has not; a bin with no row has no bar.
    axes.stairs(
        np.where(counts > 0, counts, 0.5),
        edges,
        baseline=0.5,
        fill=True,
        color=colour,
        alpha=0.45,
        label=text,
    )
    axes.stairs(np.where(counts > 0, counts, 0.5), edges, baseline=None, color=colour, linewidth=1.2)


def _left_out(scores: np.ndarray, high: float) -> list[str]:
    finite = np.isfinite(scores)
    beyond, unknown = int((scores[finite] > high).sum()), int((~finite).sum())
    notes = [f"{counted(beyond, 'row')} above {high:.4g} in the last bin, where the axis ends"] if beyond else []
    return notes + ([f"{counted(unknown, 'score')} not finite, left out"] if unknown else [])


def roc(
    scores: Float[np.ndarray, " n"],
    anomalous: Bool[np.ndarray, " n"],
    path: Path,
    *,
    name: str = "model",
    baselines: Mapping[str, Float[np.ndarray, " n"]] | None = None,
    threshold: float | None = None,
    title: str = "Receiver operating characteristic",
) -> Path:
    """Found anomalies against false alarms over all thresholds: the model, and `baselines` on the same rows.

    The dot is the model at `threshold` (an alert: score > threshold). UserError where all rows are of one
    class, ValueError where shapes differ or a score is NaN.
    """
    scores, anomalous = np.asarray(scores, np.float64), np.asarray(anomalous, bool)
    if anomalous.all() or not anomalous.any():
        only = "anomalous" if anomalous.any() else "normal"
        raise UserError(
            Problem(
                f"no ROC curve: all {len(anomalous):,} labelled rows are {only}",
                hint="it takes rows of both kinds",
            )
        )
    with canvas(path, 5.4, 5.2, title) as figure:
        axes = figure.add_subplot()
        _curve(axes, scores, anomalous, name, color=BLUE, linewidth=2.2, zorder=4)
        for i, (label, other) in enumerate((baselines or {}).items()):
            colour, dash = BASELINES[i % len(BASELINES)]
            _curve(axes, other, anomalous, label, color=colour, linestyle=dash, linewidth=1.4)
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (1, 2)), label="chance (AUC 0.500)")
        if threshold is not None:
            false, true = (
                float((scores[~anomalous] > threshold).mean()),
                float((scores[anomalous] > threshold).mean()),
            )
            text = f"threshold {threshold:.4g}: {percent(true)} found, {percent(false)} false alarms"
            axes.plot(false, true, "o", color=BLUE, markeredgecolor="white", markersize=9, label=text, zorder=5)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), box_aspect=1)
        axes.set(
            xlabel="false positive rate (share of normal rows)",
            ylabel="true positive rate (share of anomalies)",
        )
        axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none").set_zorder(6)
        kinds = int(anomalous.sum()), int((~anomalous).sum())
        note(figure, [f"{counted(kinds[0], 'anomalous row')}, {kinds[1]:,} normal"])
    return path


def roc_points(
    scores: Float[np.ndarray, " n"], anomalous: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """False and true positive rates from (0, 0) to (1, 1), one point per distinct score; ties move together.

    ValueError where shapes differ or a score is NaN.
    """
    scores = np.asarray(scores, np.float64)
    if scores.shape != anomalous.shape or np.isnan(scores).any():
        raise ValueError(f"a score, not NaN, per label: {list(scores.shape)} for {list(anomalous.shape)}")
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(scores[order][1:] != scores[order][:-1]), len(scores) - 1)
    true = np.concatenate([[0], np.cumsum(anomalous[order])[last]])
    false = np.concatenate([[0], np.cumsum(~anomalous[order])[last]])
    return false / false[-1], true / true[-1]


def _curve(axes: Axes, scores: np.ndarray, anomalous: np.ndarray, label: str, **style: Any) -> None:
    false, true = roc_points(scores, anomalous)
    area = float(np.trapezoid(true, false))
    corner = np.concatenate([[True], (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0), [True]])  # not mid-line
    axes.plot(false[corner], true[corner], label=f"{name_of(label, 26)} (AUC {area:.3f})", **style)
