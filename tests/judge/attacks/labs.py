"""The two labs that are attacked, by name."""

from __future__ import annotations

from .lab import Lab
from .lab_sums import SUMS
from .lab_tensors import TENSORS

LABS: dict[str, Lab] = {lab.name: lab for lab in (SUMS, TENSORS)}
