"""Bins of confidence, the same for a score and for its picture."""

from __future__ import annotations

from torch import Tensor

from ._arguments import check_at_least
from ._shapes import Float, Int


def confidence_bins(confidence: Float[Tensor, " n"], bins: int) -> Int[Tensor, " n"]:
    """Which of ``bins`` equal intervals each confidence lies in: bin b holds (b / bins, (b + 1) / bins], bin 0 also 0.

    Raises:
        ValueError: If ``bins`` is less than 1.
    """
    check_at_least("bins", bins, 1)
    return (confidence.double() * bins).ceil().long().clamp(1, bins) - 1
