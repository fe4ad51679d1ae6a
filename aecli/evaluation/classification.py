"""How often the classifier of a supervised training is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.data.supervision import class_numbers
from aecli.evaluation.metric import Measured, Metric, share_metric

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

NO_CLASSIFIER = "classification is left out: this run has no classifier (training.supervised)"
NO_LABELS = "classification is left out: none of these rows has a label of a class that training had"


class Classification:
    """error, and cross_entropy = -log softmax(W z + c)_y in nats, means over rows with a class that training had.

    Where logits are not finite no class is the right one.
    """

    def __init__(self, trained: Trained):
        self.trained = trained
        self.classes = trained.features.classes if trained.layout.classes else ()
        self.wrong = self.strange = 0
        self.nats = []

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        if not self.classes or block.labels is None:
            return
        y = class_numbers(np.asarray(block.labels), self.classes).astype(np.int64)
        known = y >= 0
        self.strange += int((~known).sum())
        if not known.any():
            return
        logits = self.trained.logits(block.x)[known].astype(np.float64)
        y = y[known]
        shifted = logits - logits.max(axis=1, keepdims=True)
        self.nats.append(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y])
        self.wrong += int(((logits.argmax(axis=1) != y) | ~np.isfinite(logits).all(axis=1)).sum())

    def result(self) -> Measured:
        """The two, or why there are none."""
        if not self.nats:
            return Measured({}, [NO_LABELS if self.classes else NO_CLASSIFIER])
        notes = [f"classification leaves out {self.strange:,} rows without a known label"] if self.strange else []
        unit = f"share of rows, the classifier of {len(self.classes)} classes"
        nats = np.concatenate(self.nats)
        stderr = float(nats.std(ddof=1) / np.sqrt(len(nats))) if len(nats) > 1 else None
        entropy = Metric(float(nats.mean()), "nats, mean over examples", stderr)
        return Measured({"error": share_metric(self.wrong, len(nats), unit), "cross_entropy": entropy}, notes)
