"""Scores: how good predictions are. Nothing here is differentiated.

- ``classification``: accuracy, and whether confidence can be believed.
- ``retrieval``: precision, recall, F1; average precision, which needs no threshold.
- ``regression``: mean squared error; ``segmentation``: mean intersection over union.

All take what was predicted first and the truth second.
"""

from .classification import accuracy, calibration_error
from .regression import mean_squared_error
from .retrieval import average_precision, f1, mean_average_precision, precision, recall
from .segmentation import mean_iou

__all__ = [
    "accuracy",
    "average_precision",
    "calibration_error",
    "f1",
    "mean_average_precision",
    "mean_iou",
    "mean_squared_error",
    "precision",
    "recall",
]
