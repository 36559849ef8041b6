"""What the regularization chapter claims, measured."""

from . import averaging, labels, noise, weights

CLAIMS = [*weights.CLAIMS, *noise.CLAIMS, *labels.CLAIMS, *averaging.CLAIMS]
