"""Anomaly detection: scores of rows, judged by the scores of normal rows that were held out of training."""

from aecli.tasks.anomaly.calibration import Calibration, calibrate
from aecli.tasks.anomaly.fit import fit
from aecli.tasks.anomaly.verdict import Verdict, judge, score

__all__ = ["Calibration", "Verdict", "calibrate", "fit", "judge", "score"]
