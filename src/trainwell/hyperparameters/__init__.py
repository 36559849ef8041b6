"""Hyperparameters: what training does not learn, and how to choose it.

- ``sanity``: is anything wrong before we start; ``range_test``: which learning rates work at all.
- ``spaces``: what there is to search; ``searches``: on a grid, at random, from coarse to fine.
- ``halving``: many short runs, a few long ones; ``studies``: searches that survive their process.
- ``explosions``: when to give a run up; ``curves``: what to do after it.
- ``steps``: all of it in seven steps.
"""

from .curves import Diagnosis, diagnose, diagnose_learning_rate
from .explosions import StopAtExplosion
from .halving import halving_schedule, successive_halving
from .range_test import RangeTest, range_test
from .sanity import Check, SanityReport, sanity_report
from .searches import Trial, best, coarse_to_fine, grid_search, narrow, random_search
from .spaces import Choice, LogUniform, Uniform, grid, log_uniform, sample
from .steps import SevenSteps, Step
from .studies import open_study, stored

__all__ = [
    "Check",
    "Choice",
    "Diagnosis",
    "LogUniform",
    "RangeTest",
    "SanityReport",
    "SevenSteps",
    "Step",
    "StopAtExplosion",
    "Trial",
    "Uniform",
    "best",
    "coarse_to_fine",
    "diagnose",
    "diagnose_learning_rate",
    "grid",
    "grid_search",
    "halving_schedule",
    "log_uniform",
    "narrow",
    "open_study",
    "random_search",
    "range_test",
    "sample",
    "sanity_report",
    "stored",
    "successive_halving",
]
