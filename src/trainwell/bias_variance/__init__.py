"""Bias and variance: what a model gets wrong on average, and how much it depends on the data that it happened to see.

- ``decomposition``: bias squared, variance and noise, from models fitted to many training sets.
- ``least_squares``: the solution of least norm, and polynomials fitted by it, to ask which fit is best.
- ``random_features``: a linear model of any width over random features; its error over the width (double descent).
- ``random_labels``: labels drawn at random, which a network of enough capacity learns all the same.
- ``learning_curves``: scores over the size of the training set and over the epochs.

Several names take a ``fit``: a function of inputs and targets that returns a predictor, a function of inputs.
"""

from .decomposition import Decomposition, bootstrap, decompose, resample
from .learning_curves import EpochCurves, LearningCurve, learning_curve, moving_average
from .least_squares import fit_polynomial, least_squares, polynomial_features
from .random_features import RandomFeatures, WidthCurve, fit_random_features, width_curve
from .random_labels import randomize_labels

__all__ = [
    "Decomposition",
    "EpochCurves",
    "LearningCurve",
    "RandomFeatures",
    "WidthCurve",
    "bootstrap",
    "decompose",
    "fit_polynomial",
    "fit_random_features",
    "learning_curve",
    "least_squares",
    "moving_average",
    "polynomial_features",
    "randomize_labels",
    "resample",
    "width_curve",
]
