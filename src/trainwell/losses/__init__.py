"""Losses: what training makes small.

- ``entropy``, for classification: cross-entropy of two or more classes, and of mixed labels.
- ``margins``, for classification: hinges of two or more classes.
- ``regression``: squared and absolute differences.
- ``similarity``, for retrieval: triplets and cosines.

All take torch's arguments in torch's order, and under autocast compute in float32 as torch's do.
"""

from .entropy import binary_cross_entropy_with_logits, cross_entropy, mixed_label_cross_entropy
from .margins import hinge_loss, multi_margin_loss
from .regression import l1_loss, mse_loss
from .similarity import cosine_embedding_loss, cosine_similarity, triplet_margin_loss

__all__ = [
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "hinge_loss",
    "l1_loss",
    "mixed_label_cross_entropy",
    "mse_loss",
    "multi_margin_loss",
    "triplet_margin_loss",
]
