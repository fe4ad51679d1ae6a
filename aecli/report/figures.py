"""Every figure, by name: `from aecli.report import figures; figures.curves(records, path)`.

Each takes plain numpy arrays, writes one PNG whole or not at all into a folder that exists, and returns its
path. Equal input gives equal bytes on one machine. Importing this costs no matplotlib: the first figure does.
"""

from __future__ import annotations

from aecli.report.anomalies import roc, score_histogram
from aecli.report.atlas import atlas
from aecli.report.codes import codes
from aecli.report.curves import curves
from aecli.report.denoising import denoising
from aecli.report.field import field
from aecli.report.gradients import gradients
from aecli.report.interpolations import interpolations
from aecli.report.jacobian import jacobian
from aecli.report.manifold import manifold
from aecli.report.reconstructions import reconstructions
from aecli.report.samples import samples
from aecli.report.variants import variants
from aecli.report.weights import weights

__all__ = [
    "atlas",
    "codes",
    "curves",
    "denoising",
    "field",
    "gradients",
    "interpolations",
    "jacobian",
    "manifold",
    "reconstructions",
    "roc",
    "samples",
    "score_histogram",
    "variants",
    "weights",
]
