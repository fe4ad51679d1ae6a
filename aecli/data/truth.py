"""What labels say of anomalies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.data import labels as names

if TYPE_CHECKING:
    from jaxtyping import Bool

    from aecli.data.dataset import Split
    from aecli.data.spec import Data

ANOMALOUS = ("1", "True")  # labels of anomalies where the others are 0 or false


def is_anomaly(split: Split, spec: Data, class_names: tuple[str, ...] | None = None) -> Bool[np.ndarray, " n"] | None:
    """Which rows are anomalies in truth, or None where the labels do not say.

    With `data.classes`: those with any other label. Else label 1 or true, where the labels are exactly 0
    and 1, or booleans (of this split and, as `class_names`, of the run). Of an unlabelled row nothing is known
    (`aecli.data.labels.labelled`): it is False here.
    """
    if split.labels is None:
        return None
    labels = np.asarray(split.labels)
    if spec.classes is not None:
        return ~names.among(labels, spec.classes) & names.labelled(labels)
    known = {*names.class_names(labels), *(class_names or ())}
    binary = labels.dtype.kind == "b" or known == {"0", "1"} or (bool(known) and known <= {"False", "True"})
    return names.among(labels, ANOMALOUS) if binary else None


def anomaly_label(spec: Data, known: tuple[str, ...]) -> str | None:
    """How the truth about anomalies is derived, in words; None where it is not known."""
    if spec.classes is not None:
        return f"a label other than {', '.join(str(c) for c in spec.classes)}" if known else None
    if known and (set(known) == {"0", "1"} or set(known) <= {"False", "True"}):
        return f"the label {'1' if '0' in known else 'true'}"
    return None
