"""A linear probe: how well the labels can be read from the codes by a logistic regression."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Shaped

from aecli.evaluation.metric import Metric, share_metric

if TYPE_CHECKING:
    from aecli.experiment import Probe

ITERATIONS = 1000  # of the solver, at most
FEW = 0.3  # of all values: where fewer are not zero, the zeros are not computed with
SEED = 0  # not the run's: runs that differ in their seed are measured alike

Codes = Float[np.ndarray, "rows size"]
Labels = Shaped[np.ndarray, " rows"]


def linear_probe(probe: Probe, known: Codes, classes: Labels, codes: Codes, labels: Labels, notes: list[str]) -> Metric:
    """Accuracy on `codes` of a multinomial logistic regression fitted to the `known` codes.

    It minimises sum_i -log softmax(W z_i + c)_{y_i} + ||W||^2 / (2 C); of two classes the first one's row of W is
    held at 0, as in scikit-learn. z is the code with each unit of mean 0 and
    variance 1 over the known ones (`scale: unit`), or divided by the root of their mean square over rows and units
    (`scale: code`): a zero stays a zero, and a unit that is seldom used is not made as loud as one that often is.
    """
    from sklearn.linear_model import LogisticRegression

    fitted, seen = _scaled(probe.scale, known.astype(np.float64), codes.astype(np.float64))
    regression = LogisticRegression(C=probe.C, max_iter=ITERATIONS, random_state=SEED)
    with warnings_as_notes("linear_probe_accuracy", notes):
        regression.fit(fitted, classes)
    predicted = regression.predict(seen)
    how = "standardised training codes" if probe.scale == "unit" else "training codes of mean square 1"
    strength = "" if probe.C == 1.0 else f", C = {probe.C:g}"
    unit = f"share of rows, logistic regression on {how}{strength}"
    return share_metric(int(np.sum(predicted == labels)), len(labels), unit)


def _scaled(scale: str, known: Codes, codes: Codes) -> tuple[Any, Any]:
    """Both as the regression sees them; sparse matrices where most is zero."""
    if scale == "unit":
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(known)
        return scaler.transform(known), scaler.transform(codes)
    size = math.sqrt(float(np.mean(np.square(known)))) or 1.0
    known, codes = known / size, codes / size
    if np.count_nonzero(known) >= FEW * known.size:
        return known, codes
    from scipy.sparse import csr_matrix

    return csr_matrix(known), csr_matrix(codes)


@contextmanager
def warnings_as_notes(metric: str, notes: list[str]) -> Iterator[None]:
    """What scikit-learn warns of (a solver that did not converge) is told with the result."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    lines = (str(warning.message).splitlines()[0] for warning in caught)
    notes.extend(dict.fromkeys(f"{metric}: {line}" for line in lines))
