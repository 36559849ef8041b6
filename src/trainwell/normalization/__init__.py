"""Normalization: inputs, activations and weights brought to one scale.

- ``inputs``, ``whitening``: what comes in.
- ``axes``: the one function, and over which axes layer, group and instance norm take it; ``layers``: as layers.
- ``batch``: statistics of a batch, and of all batches; ``synchronized``: of all processes.
- ``backward``: the gradient by hand.
- ``weights``: the weights instead of the activations.
- ``conditional``, ``spatial``: what the affine part can depend on.
- ``folding``: batch norm gone at test time.
"""

from .axes import group_norm, instance_norm, layer_norm, normalize
from .backward import normalize_backward, normalize_by_hand
from .batch import BatchNorm1d, BatchNorm2d, batch_norm
from .conditional import ConditionalBatchNorm2d, ConditionalInstanceNorm2d, adaptive_instance_norm
from .folding import fold_batch_norm
from .inputs import IMAGENET_MEAN, IMAGENET_STD, Normalize, condition_number, input_statistics
from .layers import GroupNorm, InstanceNorm1d, InstanceNorm2d, LayerNorm
from .spatial import SPADE, ContextEncoding
from .synchronized import SyncBatchNorm, sync_batch_norm
from .weights import StdConv2d, WeightNorm, standardize_weight, weight_norm
from .whitening import Whitening, pca_whitening, zca_whitening

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "SPADE",
    "BatchNorm1d",
    "BatchNorm2d",
    "ConditionalBatchNorm2d",
    "ConditionalInstanceNorm2d",
    "ContextEncoding",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "Normalize",
    "StdConv2d",
    "SyncBatchNorm",
    "WeightNorm",
    "Whitening",
    "adaptive_instance_norm",
    "batch_norm",
    "condition_number",
    "fold_batch_norm",
    "group_norm",
    "input_statistics",
    "instance_norm",
    "layer_norm",
    "normalize",
    "normalize_backward",
    "normalize_by_hand",
    "pca_whitening",
    "standardize_weight",
    "sync_batch_norm",
    "weight_norm",
    "zca_whitening",
]
