"""``python -m book.experiments.regularization [claim ...]`` measures all claims, or only those named."""

import sys
from pathlib import Path

from ..measure import Size, measure
from . import CLAIMS

measure(CLAIMS, Path(__file__).parents[1] / "regularization.json", Size(), sys.argv[1:])
